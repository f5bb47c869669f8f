"""Attractors of a map against a parameter: points, periods, Lyapunov exponents, and what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.lyapunov import sweep_dataset
from symdyn.analysis.tangents import follow, growth, tangent_map
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.methods.options import check_whole
from symdyn.simulation.dataset import STATUS_CODES
from symdyn.simulation.sweeps import make_design
from symdyn.system import System

__all__ = ["OUTCOMES", "bifurcation_diagram"]

#: What an attractor may be.
OUTCOMES = ("fixed point", "cycle", "quasi-periodic", "chaos", "unbounded")
#: Equal parts of the steps, for the standard error of the exponent.
BATCHES = 20


def bifurcation_diagram(
    system: System,
    parameter: Any,
    values: Sequence[float] | np.ndarray | xr.DataArray,
    *,
    parameters: Mapping[Any, Any] | None = None,
    initial: Mapping[Any, Any] | None = None,
    samples: int = 256,
    steps: int = 20_000,
    burn_in: int = 20_000,
    max_period: int = 64,
    tolerance: float = 1e-6,
    neutral: float = 1e-3,
    seed: int = 0,
    target: str = "cpu",
) -> xr.Dataset:
    """The attractors of a map for many values of a parameter, all in one simulation.

    Parameters
    ----------
    system : DiscreteSystem
    parameter : Symbol or str
    values : sequence of float or DataArray
        Of that parameter; a sequence becomes the dim named after it.
    parameters, initial : mapping, optional
        As in `symdyn.simulate`; arrays make further dims.  Several initial values show attractors that exist side by side;
        a DataArray of one dim, such as ``start``, in each state makes pairs instead of an outer product.
    samples : int
        Points of each attractor that are kept: the last ones.
    steps, burn_in : int
        Steps over which the exponent is taken, and those before.
    max_period : int
        Longest period to be detected; below `samples`.
    tolerance : float
        Largest distance of a return, relative to the size of each state, that makes a period.
    neutral : float
        Absolute value of an exponent up to which it is taken for zero.
    seed : int
        Of random maps, which have no periods.
    target : {'cpu', 'cuda'}

    Returns
    -------
    xarray.Dataset
        With the dims of the sweep: each state with the further dim ``sample``; ``period``, the smallest after which all states
        are where they were throughout the samples, 0 if there is none up to `max_period`; ``lyapunov``, the largest exponent
        per step, and its ``standard_error``; ``status``; ``outcome``:

        'unbounded'
            a state became infinite;
        'fixed point', 'cycle'
            there is a period, of 1 or more; a cycle also where there is none but the exponent is below ``-neutral``: its period
            is longer than `max_period`, or not yet settled;
        'quasi-periodic'
            there is no period and the exponent is zero to within `neutral`;
        'chaos'
            there is no period and the exponent is above `neutral`.

        ``attrs["parameter"]`` is the name of the parameter.

    Raises
    ------
    DeclarationError
        If `system` is no map, the parameter unknown or given twice, or numbers out of range.

    Examples
    --------
    >>> from symdyn.models import zoo
    >>> found = bifurcation_diagram(zoo.logistic_map(), "r", [2.8, 3.2, 3.5, 3.83, 3.9, 4.1])
    >>> found.period.values.tolist(), found.outcome.values.tolist()
    ([1, 2, 4, 3, 0, 0], ['fixed point', 'cycle', 'cycle', 'cycle', 'chaos', 'unbounded'])
    """
    extended = tangent_map(system, 1, keep=True)
    symbol = lookup(parameter, system.parameters, "parameter")
    others = {lookup(k, system.parameters, "parameter"): v for k, v in (parameters or {}).items()}
    if symbol in others:
        raise DeclarationError(f"the parameter {symbol} is among parameters too; give its values once")
    check_whole(steps=steps, max_period=max_period)
    check_whole(0, burn_in=burn_in)
    length = -(-steps // BATCHES)
    if not max_period < samples <= BATCHES * length:
        raise DeclarationError(f"samples is {samples}; expected more than max_period={max_period}, and at most steps={steps}")
    for name, bound in (("tolerance", tolerance), ("neutral", neutral)):
        if not bound > 0:
            raise DeclarationError(f"{name} is {bound!r}; expected a positive number")
    design = make_design(system, initial, {symbol: values, **others}, None)
    ends = burn_in + length * np.arange(BATCHES + 1.0)
    last = ends[-1] - np.arange(samples - 1.0, -1, -1)
    times = np.union1d(ends, last)
    found, status = follow(extended, design, times, seed=seed, target=target)
    exponent, error = growth(extended, found[:, np.searchsorted(times, ends)], length)
    points = found[:, np.searchsorted(times, last), : len(system.states)]
    first, _ = design.rows(0, design.size)
    period = np.where(status == 0, _periods(points, first, max_period, tolerance), 0)
    outcome = np.select(
        [status != 0, period == 1, (period > 1) | (exponent[:, 0] < -neutral), exponent[:, 0] <= neutral],
        ["unbounded", "fixed point", "cycle", "quasi-periodic"],
        "chaos",
    )
    columns = {
        **{name: (("sample",), points[..., i], "on the attractor") for i, name in enumerate(system.names)},
        "period": ((), period, "steps after which all states are where they were; 0: none found"),
        "lyapunov": ((), exponent[:, 0], "largest Lyapunov exponent per step"),
        "standard_error": ((), error[:, 0], "standard error of lyapunov, from the means of batches"),
        "outcome": ((), outcome, f"one of {', '.join(OUTCOMES)}"),
        "status": ((), status, STATUS_CODES),
    }
    facts = dict(
        parameter=symbol.name,
        steps=length * BATCHES,
        burn_in=burn_in,
        max_period=max_period,
        tolerance=tolerance,
        neutral=neutral,
        seed=seed if system.noise else None,
        target=target,
    )
    return sweep_dataset(system, design, columns, {"sample": np.arange(samples)}, facts)


def _periods(points: np.ndarray, start: np.ndarray, longest: int, tolerance: float) -> np.ndarray:
    """The smallest period (N,) of points (N, S, n), 0 where there is none."""
    size = np.abs(points).max(axis=1)
    # a state that has decayed to 0 is compared with the other states and with its initial value
    size = np.maximum(size, np.maximum(1e-3 * size.max(axis=1, keepdims=True), 1e-4 * np.abs(start)))
    near = tolerance * np.where(size > 0, size, 1.0)[:, None]
    found = np.zeros(len(points), dtype=np.int64)
    for k in range(1, longest + 1):
        open_ = np.flatnonzero(found == 0)
        returned = (np.abs(points[open_, k:] - points[open_, :-k]) <= near[open_]).all(axis=(1, 2))
        found[open_[returned]] = k
    return found
