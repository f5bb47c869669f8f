"""Lyapunov exponents of maps and flows."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.flow_exponents import default_interval, flow_growth
from symdyn.analysis.tangents import follow, growth, tangent_map
from symdyn.bar import bar
from symdyn.errors import DeclarationError
from symdyn.methods.options import check_whole
from symdyn.simulation.dataset import STATUS_CODES, attributes
from symdyn.simulation.sweeps import Design, make_design
from symdyn.system import System

__all__ = ["lyapunov_exponents", "sweep_dataset"]

#: What a bar shows.
FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}"


def lyapunov_exponents(
    system: System,
    parameters: Mapping[Any, Any] | None = None,
    *,
    initial: Mapping[Any, Any] | None = None,
    count: int | None = None,
    steps: int = 20_000,
    burn_in: int = 2_000,
    batches: int = 20,
    interval: float | None = None,
    seed: int = 0,
    target: str = "cpu",
    budget: float | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    r"""The Lyapunov spectrum of a map or a flow: mean logarithmic rates at which tangent vectors grow, the largest first.

    A map is extended by the vectors, `tangent_map`, and compiled as one; all points of a sweep run in its lanes.  Of
    random maps, and of products of random matrices, the first exponent is the stochastic growth rate.  The vectors of a flow
    are integrated with it and made orthonormal after each `interval`.

    Parameters
    ----------
    system : DiscreteSystem or ODESystem
    parameters, initial : mapping, optional
        As in `symdyn.simulate`; arrays make a sweep.  States on which the Jacobian does not depend need no initial value.
    count : int, optional
        Number of exponents, from the largest on; by default all.
    steps : int
        Over which the mean is taken, rounded up to a multiple of `batches`.
    burn_in : int
        Preceding steps, in which the state converges to its attractor and the vectors to their directions.
    batches : int
        Equal parts of the steps, from whose means the standard error is estimated.
    interval : float, optional
        Of a flow, the time of a step; by default 10 divided by the norm of the Jacobian at the initial values.
    seed : int
        Of random maps.
    target : {'cpu', 'cuda'}
    budget : float, optional
        Of a flow, seconds after which it ends, once the step of `interval` is made, as it does at Ctrl-C.  The exponents are
        then those of the steps that were made, as the attribute ``steps`` and a warning say, and standard errors those of whole
        batches, NaN without two of them.
    progress : bool, optional
        Of a flow, whether to show a bar, as it is by default in terminals and notebooks.

    Returns
    -------
    xarray.Dataset
        With the dims of the sweep: ``lyapunov`` (..., ``exponent``) per step or unit of time, ``standard_error`` likewise,
        ``kaplan_yorke`` and ``status`` (0 is success; where the state becomes infinite the others are NaN).  The Kaplan-Yorke
        dimension :math:`k + \sum_{i \le k} \lambda_i / |\lambda_{k+1}|`, with the largest k whose sum is not negative, is NaN
        where it depends on exponents that `count` leaves out.  The attribute ``complete`` is 0 where it was cut short, else 1.

    Raises
    ------
    DeclarationError
        If `system` is neither map nor flow, numbers are out of range, vectors shrink too fast for the interval, or the budget
        is over before there are exponents.

    Notes
    -----
    An exponent is -inf where a vector is mapped to exactly zero.  Where the Jacobian is singular but for rounding, the last
    exponent is that of the rounding, about -36 below the largest.  The standard error does not include transients longer than
    `burn_in`, and overestimates the variation of means of periodic orbits.

    References
    ----------
    Benettin, Galgani, Giorgilli & Strelcyn, Meccanica 15 (1980) 9-20 and 21-30; Kaplan & Yorke, Lecture Notes in Mathematics
    730 (1979) 204-227.

    Examples
    --------
    >>> from symdyn.models import zoo
    >>> found = lyapunov_exponents(zoo.logistic_map(), {"r": 4}, initial={"x": 0.3}, steps=100_000)
    >>> abs(found.lyapunov.item() - 0.693147) < 1e-3, found.kaplan_yorke.item()
    (True, 1.0)

    Of Lorenz's equations the sum of the exponents is the divergence, :math:`-(\sigma + 1 + \beta)`:

    >>> import symdyn as sd
    >>> lorenz = sd.ODESystem.from_text("x' = s*(y - x); y' = x*(r - z) - y; z' = x*y - b*z; s = 10; r = 28; b = 8/3")
    >>> found = lyapunov_exponents(lorenz, initial={"x": 1, "y": 1, "z": 20}, steps=2000, burn_in=100)
    >>> round(found.lyapunov.sum().item(), 6), abs(found.lyapunov[0].item() - 0.9056) < 0.05
    (-13.666667, True)
    """
    if system.drift is not None:
        system.deterministic("a Lyapunov spectrum")
        return _of_flow(system, parameters, initial, count, steps, burn_in, batches, interval, seed, target, budget, progress)
    if interval is not None:
        raise DeclarationError("interval= belongs to flows; the steps of a map are its own")
    for name, value in (("budget", budget), ("progress", progress)):
        if value is not None:
            raise DeclarationError(f"{name}= belongs to flows; the steps of a map are made at once, and fewer take less time")
    extended = tangent_map(system, count)
    _check_counts(steps, batches, burn_in)
    idle = {s: 0.0 for i, s in enumerate(system.states) if i not in extended.kept and s not in system.initial}
    design = make_design(system, {**idle, **(initial or {})} if idle else initial, parameters, None)
    length = -(-steps // batches)
    times = burn_in + length * np.arange(batches + 1.0)
    values, status = follow(extended, design, times, seed=seed, target=target)
    mean, error = growth(extended, values, length)
    order = np.argsort(-mean, axis=1, kind="stable")
    mean, error = np.take_along_axis(mean, order, 1), np.take_along_axis(error, order, 1)
    complete = extended.count == len(system.states)
    columns = {
        "lyapunov": (("exponent",), mean, "mean logarithmic growth of a tangent vector per step"),
        "standard_error": (("exponent",), error, "standard error of lyapunov, from the means of batches"),
        "kaplan_yorke": ((), _kaplan_yorke(mean, complete), "Kaplan-Yorke dimension"),
        "status": ((), status, STATUS_CODES),
    }
    coords = {"exponent": np.arange(1, extended.count + 1)}
    facts = dict(steps=length * batches, burn_in=burn_in, batches=batches, seed=seed if system.noise else None, target=target)
    facts["complete"] = 1
    return sweep_dataset(system, design, columns, coords, facts)


def _of_flow(
    system: System, parameters: Mapping[Any, Any] | None, initial: Mapping[Any, Any] | None, count: int | None, steps: int,
    burn_in: int, batches: int, interval: float | None, seed: int, target: str,
    budget: float | None, progress: bool | None,
) -> xr.Dataset:  # fmt: skip
    """The spectrum of a flow."""
    if seed or target != "cpu":
        raise DeclarationError(
            "seed= and target= belong to maps; the exponents of a flow are computed here and without random numbers"
        )
    n = len(system.states)
    _check_counts(steps, batches, burn_in)
    check_whole(count=count or n)
    kept = n if count is None else count
    if kept > n:
        raise DeclarationError(f"count is {kept}; the system has {n} states")
    design = make_design(system, initial, parameters, None)
    length = default_interval(system, design) if interval is None else float(interval)
    if not length > 0 or not np.isfinite(length):
        raise DeclarationError(f"interval is {interval!r}; expected a positive number")
    if budget is not None and not (isinstance(budget, Real) and budget > 0):
        raise DeclarationError(f"budget is {budget!r}; expected a positive number of seconds, or None")
    late, every = time.monotonic() + (np.inf if budget is None else budget), -(-steps // batches) * batches
    with bar(progress is not False, total=100, desc="exponents", delay=0.5, bar_format=FORMAT) as shown:

        def going(share: float) -> bool:
            shown.update(100 * share - shown.n)
            return time.monotonic() < late

        mean, error, status, done = flow_growth(
            system, design, steps=steps, burn_in=burn_in, batches=batches, interval=length, going=going
        )
    if done < every:
        over = f"the budget of {budget:g} s was over" if time.monotonic() >= late else "it was interrupted"
        if not done:
            raise DeclarationError(f"{over} within the {burn_in} steps of burn_in; give more time, or a smaller burn_in")
        warnings.warn(f"{over} after {done} of {every} steps, whose exponents these are", stacklevel=3)
    order = np.argsort(-mean, axis=1, kind="stable")
    mean, error = np.take_along_axis(mean, order, 1), np.take_along_axis(error, order, 1)
    columns = {
        "lyapunov": (("exponent",), mean[:, :kept], "mean logarithmic growth of a tangent vector per unit of time"),
        "standard_error": (("exponent",), error[:, :kept], "standard error of lyapunov, from the means of batches"),
        "kaplan_yorke": ((), _kaplan_yorke(mean, complete=True), "Kaplan-Yorke dimension"),
        "status": ((), status, STATUS_CODES),
    }
    facts = dict(steps=done, burn_in=burn_in, batches=batches, interval=length, complete=int(done == every))
    return sweep_dataset(system, design, columns, {"exponent": np.arange(1, kept + 1)}, facts)


def _check_counts(steps: int, batches: int, burn_in: int) -> None:
    check_whole(steps=steps)
    check_whole(2, batches=batches)
    check_whole(0, burn_in=burn_in)


def _kaplan_yorke(exponents: np.ndarray, complete: bool) -> np.ndarray:
    """The dimension (N,) from exponents (N, m) in falling order."""
    found = np.full(len(exponents), np.nan)
    for row, values in enumerate(exponents):
        if np.isnan(values).any():
            continue
        sums = np.cumsum(values)
        k = int((sums >= 0).sum())  # sums of falling numbers rise, then fall: those not negative come first
        if k < len(values):
            found[row] = k + (sums[k - 1] / -values[k] if k else 0.0)
        elif complete:
            found[row] = k
    return found


def sweep_dataset(
    system: System,
    design: Design,
    columns: Mapping[str, tuple[tuple[str, ...], np.ndarray, str]],
    coords: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> xr.Dataset:
    """Columns (N, ...), each with its further dims and what it is, as variables with the dims of the sweep before them.

    Raises
    ------
    DeclarationError
        If a dim of the sweep has the name of one of them.
    """
    dims, shape = design.dims, design.shape
    clash = sorted(set(dims) & {*columns, *coords})
    if clash:
        raise DeclarationError(f"the sweep dimension {clash[0]!r} has the name of a variable of the result; rename it")
    variables = {
        name: ((*dims, *further), values.reshape((*shape, *values.shape[1:])), {"long_name": meaning})
        for name, (further, values, meaning) in columns.items()
    }
    labels = {**{d: (d, c) for d, c in design.coords.items() if d in dims}, **coords}
    return xr.Dataset(variables, labels, attributes(system, **facts))
