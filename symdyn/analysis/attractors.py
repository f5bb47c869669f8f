"""Long-term behaviour of solutions: rest, oscillation, blow-up, or undecided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.conservation import sampled_integrals, tangent_space
from symdyn.analysis.ensembles import labelled, plain, read_rows, run_rows
from symdyn.analysis.existence import blow_up
from symdyn.analysis.field import Field
from symdyn.analysis.search import newton
from symdyn.simulation.dataset import attributes
from symdyn.system import System

__all__ = ["late_time"]

#: Outputs in the window that is judged.
SAMPLES = 4001
#: Returns to a section that an oscillation must show.
RETURNS = 5
#: Relative distance from a stable steady state below which halving it once more counts as arriving.
NEAR = 0.05
#: Most returns in one period.
MULTIPLE = 8


@dataclass
class Verdict:
    """What one row does; amplitudes and levels of the states."""

    outcome: str
    level: np.ndarray
    amplitude: np.ndarray
    period: float = float("nan")
    drift: float = float("nan")
    end: float = float("nan")


def late_time(
    system: System,
    initial: Mapping[Any, Any] | None = None,
    parameters: Mapping[Any, Any] | None = None,
    *,
    t_end: float,
    tolerance: float = 1e-3,
    rtol: float = 1e-8,
) -> xr.Dataset:
    """Classify what solutions do at late times, from the second half of the time up to `t_end`.

    Parameters
    ----------
    system : ODESystem
        Autonomous.
    initial, parameters : mapping, optional
        As in `symdyn.simulate`; arrays make a sweep, whose rows run in parallel.
    t_end : float
        How long to look.
    tolerance : float
        Largest relative distance from a stable steady state that counts as having arrived, and largest relative change of an
        oscillation's amplitude over the window that counts as sustained.
    rtol : float
        Relative tolerance of the integration.

    Returns
    -------
    xarray.Dataset
        With the dims of the sweep, ``outcome``:

        'steady'
            a stable steady state is reached to within `tolerance`, or within 5 % of it and twice as near in the second half
            of the window as in the first;
        'oscillation'
            the states return to where they were, with an amplitude that changes by less than `tolerance`;
        'blow-up', 'singular'
            as in `blow_up`, at the time ``end``;
        'transient'
            none of these can be said by `t_end`: a slow decay of an oscillation, growth, chaos, or too short a time.

        ``period``; for each state its mean in the last period (the steady value) under its name and half its range in the
        window as ``<state>_amplitude``; ``drift``, the relative change of the amplitude over the window.

    Raises
    ------
    DeclarationError
        If the system is no autonomous system of ODEs, or values are missing.

    Examples
    --------
    >>> from symdyn.models import zoo
    >>> found = late_time(zoo.van_der_pol(), parameters={"mu": 1}, t_end=200)
    >>> found.outcome.item(), round(found.period.item(), 4)
    ('oscillation', 6.6633)
    """
    design, y, p = read_rows(system, initial, parameters)
    system = plain(system)
    rest = Field(system)
    times = np.concatenate([[0.0], np.linspace(t_end / 2, t_end, SAMPLES)])
    values, status = run_rows(system, times, y, p, rtol=rtol)
    verdicts: list[Verdict] = []
    failed = np.flatnonzero((status != 0) | ~np.isfinite(values).all(axis=(1, 2)))
    lost = _failures(system, y[failed], p[failed], t_end) if failed.size else []
    ended = dict(zip(failed.tolist(), lost, strict=True))
    nothing = np.full(len(system.states), np.nan)
    for k in range(len(y)):
        if k in ended:
            outcome, end = ended[k]
            verdicts.append(Verdict(outcome, nothing, nothing, end=end))
        else:
            verdicts.append(_judge(rest, times[1:], values[k, 1:], p[k], tolerance, np.abs(y[k])))
    columns: dict[str, np.ndarray] = {"outcome": np.array([v.outcome for v in verdicts])}
    for i, name in enumerate(system.names):
        columns[name] = np.array([v.level[i] for v in verdicts])
        columns[f"{name}_amplitude"] = np.array([v.amplitude[i] for v in verdicts])
    columns |= {n: np.array([getattr(v, n) for v in verdicts]) for n in ("period", "drift", "end")}
    return labelled(design, columns, attributes(system, t_end=t_end, tolerance=tolerance, rtol=rtol))


def _failures(system: System, y: np.ndarray, p: np.ndarray, t_end: float) -> list[tuple[str, float]]:
    """Outcome and time of rows whose integration failed."""
    rows = {s.name: xr.DataArray(y[:, i], dims="row") for i, s in enumerate(system.states)}
    values = {s.name: xr.DataArray(p[:, i], dims="row") for i, s in enumerate(system.parameters)}
    found = blow_up(system, rows, values, t_end=t_end)
    kinds = found.outcome.values.ravel()
    return [
        (k if k in ("blow-up", "singular") else "transient", float(t))
        for k, t in zip(kinds, found.end.values.ravel(), strict=True)
    ]


def _judge(rest: Field, times: np.ndarray, path: np.ndarray, p: np.ndarray, tolerance: float, start: np.ndarray) -> Verdict:
    """Look for a steady state first, then for returns."""
    amplitude = np.ptp(path, axis=0) / 2
    size = np.maximum(np.abs(path).max(axis=0), 1e-3 * np.abs(path).max())
    size = np.maximum(size, 1e-4 * start)  # what has decayed to nothing is measured by what it was
    size = np.where(size > 0, size, 1.0)
    steady = _steady(rest, path, p, size, tolerance)
    if steady is not None:
        return Verdict("steady", steady, amplitude)
    return _returns(times, path, amplitude, size, tolerance)


def _steady(rest: Field, path: np.ndarray, p: np.ndarray, size: np.ndarray, tolerance: float) -> np.ndarray | None:
    """The stable steady state at which the path has arrived, or to which it clearly draws near."""
    integrals = sampled_integrals(rest, p)
    extra = (integrals, integrals @ path[-1]) if len(integrals) else None
    with np.errstate(all="ignore"):
        found = newton(rest, path[-1], p, extra)
    if found is None or not rest.stable(rest.eigenvalues(found, p, tangent_space(integrals))):
        return None
    distance = (np.abs(path - found) / size).max(axis=1)
    early, late = distance[: len(path) // 2].max(), distance[len(path) // 2 :].max()
    arrived = late <= tolerance and (late <= early or late <= 1e-2 * tolerance)
    return found if arrived or (late <= NEAR and late <= early / 2) else None


def _returns(times: np.ndarray, path: np.ndarray, amplitude: np.ndarray, size: np.ndarray, tolerance: float) -> Verdict:
    """Whether the path returns, through upward crossings of the middle of the most variable state."""
    middle = (path.max(axis=0) + path.min(axis=0)) / 2
    transient = Verdict("transient", path[-1], amplitude)
    i = int(np.argmax(amplitude / size))
    if amplitude[i] <= 1e-6 * size[i]:
        return transient
    level = path[:, i] - middle[i]
    up = np.flatnonzero((level[:-1] < 0) & (level[1:] >= 0))
    if len(up) < RETURNS:
        return transient
    share = level[up] / (level[up] - level[up + 1])
    moments = times[up] + share * (times[up + 1] - times[up])
    points = path[up] + share[:, None] * (path[up + 1] - path[up])
    ranges = np.where(amplitude > 0, amplitude, 1.0)
    for multiple in range(1, min(MULTIPLE, (len(up) - 1) // 2) + 1):
        apart = (np.abs(points[multiple:] - points[:-multiple]) / ranges).max(axis=1)
        periods = moments[multiple:] - moments[:-multiple]
        if apart.max() < 0.05 and np.ptp(periods) < 0.05 * periods.mean():
            break
    else:
        return transient
    cycles = [path[a : b + 1] for a, b in zip(up[:-multiple:multiple], up[multiple::multiple], strict=False)]
    heights = np.array([_height(c[:, i]) for c in cycles])
    slope = np.polyfit(np.arange(len(heights)), np.log(heights), 1)[0] if len(heights) > 1 else np.inf
    drift = float(slope * (len(heights) - 1))
    mean = cycles[-1][:-1].mean(axis=0)
    outcome = "oscillation" if abs(drift) <= tolerance else "transient"
    return Verdict(outcome, mean, amplitude, period=float(periods.mean()), drift=drift)


def _height(cycle: np.ndarray) -> float:
    """Peak to peak, between samples by parabolas."""
    ends = []
    for sign in (1, -1):
        k = int(np.clip(np.argmax(sign * cycle), 1, len(cycle) - 2))
        a, b, c = cycle[k - 1 : k + 2]
        bend = a - 2 * b + c
        ends.append(b - (c - a) ** 2 / (8 * bend) if bend else b)
    return float(max(ends[0] - ends[1], 1e-300))
