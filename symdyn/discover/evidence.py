"""Errors of the predictions of a model, one step ahead and running free, and data that are held out for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from symdyn.codegen.kernel import Kernel, compile
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations, observations
from symdyn.inference.kinds import kind_of
from symdyn.system import System

__all__ = ["errors", "free_and_ahead", "hold_out", "known_mean", "prediction_errors", "relative_errors", "with_past"]

MAX_STEPS = 100_000
#: From a start and times to states, and from times and data to states one step ahead of the data.
Run = Callable[[np.ndarray, np.ndarray], np.ndarray]
Ahead = Callable[[np.ndarray, np.ndarray], np.ndarray]


def errors(system: System, data: Any, *, heldout: float | Observations = 0.0, starts: np.ndarray | None = None) -> pd.DataFrame:
    """Errors of a system with values for all its parameters: one step ahead from the data, and running free.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
    data : Observations or anything that `symdyn.inference.data.observations` reads
        All of the data, or those before the held-out ones.
    heldout : float or Observations
        The last fraction of the time points, or the data that follow; reported apart.
    starts : (trajectories, n) float64, optional
        Where free runs begin; the system's initial values unless given.

    Returns
    -------
    DataFrame
        Columns part ('train', 'heldout'), kind ('one-step', 'free-run'), relative, points, then each state: root mean
        square errors; relative ones are divided by the scale of each state first.  Infinite if a simulation failed.

    Raises
    ------
    RecoveryError
        If the system is neither an ODE system nor a map without random numbers, or a parameter or, for free runs, an
        initial value is missing.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> N = sp.Symbol("N")
    >>> doubling = sd.DiscreteSystem({N: 2 * N}, initial={N: 1})
    >>> table = sd.discover.errors(doubling, {"t": [0, 1, 2, 3], "N": [1, 2, 4, 9]})  # the model ends at 8
    >>> table[["kind", "N"]].round(6).to_numpy().tolist()  # sqrt(1/3) and sqrt(1/4)
    [['one-step', 0.57735], ['free-run', 0.5]]
    """
    kind_of(system, "errors")
    seen = data if isinstance(data, Observations) else observations(system, data)
    later: Observations | None = None
    if isinstance(heldout, Observations):
        later = heldout
    elif heldout:
        seen, later = hold_out(system, seen, heldout)
    missing = [str(p) for p in system.parameters if p not in system.defaults]
    if missing:
        raise RecoveryError(f"no value of the parameter {', '.join(missing)}; set it with with_parameters, or fit it")
    if starts is None:
        known = system.initial_numbers()
        absent = [str(s) for s in system.states if s not in known]
        if absent:
            raise RecoveryError(f"no initial value of {', '.join(absent)}; set it with with_initial, or give starts")
        starts = np.tile([known[s] for s in system.states], (len(seen.trajectories), 1))
    kernel = compile(system)
    row = np.array([system.defaults[p] for p in system.parameters])
    return prediction_errors(kernel, row, np.asarray(starts, dtype=float), seen, later)


def hold_out(system: System, data: Observations, fraction: float) -> tuple[Observations, Observations | None]:
    """The data without the last `fraction` of the times, scale and noise estimated from them alone, and the rest, if any."""
    if not fraction:
        return data, None
    early, late = data.split(fraction)
    tables = [{system.time.name: t.times, **dict(zip(data.states, t.values.T, strict=True))} for t in early.trajectories]
    return replace(observations(system, tables), notes=data.notes), late


def _compared(
    run: Run, ahead: Ahead, starts: np.ndarray, seen: Observations, later: Observations | None, system: System | None = None
) -> dict[tuple[str, str], np.ndarray]:
    """Simulated less measured (N, n) by part of the data and kind of prediction; the data tell the past of a map."""
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for k, trajectory in enumerate(seen.trajectories):
        times, values, early = trajectory.times, trajectory.values, len(trajectory.times)
        if later is not None:
            times = np.concatenate([times, later.trajectories[k].times])
            values = np.concatenate([values, later.trajectories[k].values])
        begin = values if system is None else with_past(system, times, values)
        complete = np.isfinite(begin).all(axis=1)
        if system is not None and "delays" in system.parts:  # single steps from the data lack the past
            complete[:] = False
        known = np.concatenate([[False], complete[:-1]])[:, None] & np.isfinite(values)
        step = _differences(ahead(times, begin), values, known)
        free = _differences(run(starts[k], times), values, np.isfinite(values))
        for part, stretch in (("train", slice(0, early)), ("heldout", slice(early, None)))[: 1 if later is None else 2]:
            found.setdefault((part, "one-step"), []).append(step[stretch])
            found.setdefault((part, "free-run"), []).append(free[stretch])
    return {key: np.concatenate(each) for key, each in found.items()}


def known_mean(values: np.ndarray, power: int = 1, axis: int | None = 0) -> np.ndarray:
    """Mean of a power of all values but NaN along an axis, or of all; NaN if there is none.

    >>> known_mean(np.array([[1.0, np.nan], [3.0, np.nan]]), 2).tolist()
    [5.0, nan]
    """
    counted = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.asarray((np.where(counted, values, 0.0) ** power).sum(axis=axis) / counted.sum(axis=axis))


def prediction_errors(
    kernel: Kernel, row: np.ndarray, starts: np.ndarray, seen: Observations, later: Observations | None
) -> pd.DataFrame:
    """The table of `errors` for parameters `row` of a compiled system."""
    rows = []
    for (part, kind), left in _compared(*_predictions(kernel, row), starts, seen, later, kernel.system).items():
        relative, points = float(np.sqrt(known_mean(left / seen.scale, 2, None))), int((~np.isnan(left)).sum())
        row_of = {"part": part, "kind": kind, "relative": relative, "points": points}
        rows.append(row_of | dict(zip(seen.states, np.sqrt(known_mean(left, 2)), strict=True)))
    return pd.DataFrame(rows)


def relative_errors(
    run: Run, ahead: Ahead, starts: np.ndarray, seen: Observations, later: Observations | None, system: System | None = None
) -> dict[str, float]:
    """Relative errors of runs and of single steps, as the table of a recovery names them.

    Parameters
    ----------
    run, ahead : callable
        From a start and times (T,) to states (T, n); and from times and data to states simulated from the data before.
    system : System, optional
        Whose past the data tell.
    """
    compared = _compared(run, ahead, starts, seen, later, system)
    found = {key: float(np.sqrt(known_mean(left / seen.scale, 2, None))) for key, left in compared.items()}
    names = {"rms": ("train", "free-run"), "one_step": ("train", "one-step")}
    names |= {"heldout_one_step": ("heldout", "one-step"), "heldout_free_run": ("heldout", "free-run")}
    return {name: found.get(key, np.nan) for name, key in names.items()}


def free_and_ahead(
    kernel: Kernel, row: np.ndarray, starts: np.ndarray, seen: Observations, later: Observations | None
) -> dict[str, float]:
    """The same of a compiled system."""
    return relative_errors(*_predictions(kernel, row), starts, seen, later, kernel.system)


def with_past(system: System, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Data (T, n) with the states of the past of a map, which are the data of a step before, where they were not measured.

    >>> import symdyn as sd
    >>> henon = sd.DiscreteSystem.from_text("x[t+1] = 1 - 1.4*x**2 + 0.3*x[t-1]")
    >>> with_past(henon, np.array([0, 1, 3]), np.array([[5, np.nan], [6, np.nan], [7, np.nan]]))[:, 1]
    array([nan,  5., nan])
    """
    if system.map is None or not system.helpers:
        return values
    values, place = values.copy(), {s: i for i, s in enumerate(system.states)}
    after = np.flatnonzero(np.round(np.diff(times), 12) == 1) + 1
    for i in (place[s] for s in system.helpers):
        rows = after[np.isnan(values[after, i])]
        values[rows, i] = values[rows - 1, place[system.map[i]]]
    return values


def _predictions(kernel: Kernel, row: np.ndarray) -> tuple[Run, Ahead]:
    """Runs and single steps of a compiled system."""

    def run(start: np.ndarray, times: np.ndarray) -> np.ndarray:
        return np.asarray(kernel(start[None], row[None], times, max_steps=MAX_STEPS).values[0])

    return run, lambda times, values: _one_step(kernel, row, times, values)


def _differences(run: np.ndarray, values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Simulated less measured; infinite after a failure, NaN where nothing is compared."""
    return np.where(counted, np.where(np.isfinite(run), run - values, np.inf), np.nan)


def _one_step(kernel: Kernel, row: np.ndarray, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """States at each time after the first, simulated from the data one time earlier; NaN where those are incomplete."""
    ahead = np.full_like(values, np.nan)
    system = kernel.system
    known = np.flatnonzero(np.isfinite(values[:-1]).all(axis=1) & ("delays" not in system.parts))
    timeless = not any(e.has(system.time) for e in system.expressions)
    gaps = np.round(np.diff(times)[known], 12)
    for gap in np.unique(gaps) if timeless else ():
        which = known[gaps == gap]
        run = kernel(values[which], np.repeat(row[None], len(which), axis=0), [0.0, gap], max_steps=MAX_STEPS)
        ahead[which + 1] = run.values[:, 1]
    for k in () if timeless else known:
        ahead[k + 1] = kernel(values[k][None], row[None], times[k : k + 2], max_steps=MAX_STEPS).values[0, 1]
    return ahead
