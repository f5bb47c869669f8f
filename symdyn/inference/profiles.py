"""Profile likelihood: the posterior as a function of one fixed parameter, with all others fitted again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import t as student

from symdyn.errors import RecoveryError
from symdyn.given_values import name_of
from symdyn.inference.curve import FARTHEST_LOG, FittedCurve
from symdyn.inference.fit_problem import FitProblem
from symdyn.inference.fits import Fit, threshold
from symdyn.inference.held import ROUNDS, fitted_again, joined
from symdyn.inference.information import check_level
from symdyn.inference.levenberg import Fits
from symdyn.inference.long_run import LongRun, check_running, long_run

__all__ = ["profile"]

#: Half the width of the first grid, in half widths of the interval of Laplace's approximation.
REACH = 20.0
#: That of parameters whose coordinates are logarithms, at most, and of those that the data do not tell.
MOST_LOG = 5.0
#: Fewest values of a grid: a curve needs an end on either side of its middle.
FEWEST = 3
#: Stages, and where each begins and ends on a bar.
STAGES = {"values": (0.0, 0.7), "ends": (0.7, 1.0)}
#: By how much of what is left the second stage is nearer to its end after each batch.
NEARER = 0.2


def profile(
    fit: Fit, parameter: Any, *, values: Sequence[float] | None = None, points: int = 41, level: float | None = None,
    budget: float | None = None, checkpoint: str | Path | None = None,
    progress: bool | Callable[[str, float], None] | None = None,
) -> xr.Dataset:  # fmt: skip
    r"""Profile likelihood of one fitted parameter, and the interval that it gives.

    With L the logarithm of likelihood and priors, :math:`\hat L` its greatest value, the interval is

    .. math:: \left\{ p :\; 2 \hat L - 2 \max_q L(p, q) \le \Delta \right\}

    with the quantile :math:`\Delta = \chi^2_1(\text{level})`; where all noise is normal (or log-normal, or Laplace's) of scales
    that are estimated along, :math:`\Delta = N \log(1 + F_{1,\,N-k}(\text{level})/(N-k))` by the quantile of Fisher's F for N
    data and k fitted values, which is exact for linear problems.  The interval does not change with the form in which a
    parameter is written, and stays open where no value is bad enough: then the data do not determine it.  All held values are
    fitted at once, as lanes; further ones then narrow down the ends of the interval.  On a side without an end they go on, each
    thrice as far away and fitted from the one before, to a million times the size of the parameter or its bound; only then the
    interval is said to be open.

    Parameters
    ----------
    fit : Fit
    parameter : Symbol or str
        One that is fitted; no initial value of a state.
    values : sequence of float, optional
        Values within the bounds at which it is held beside the optimum, and no others; else `points` values about it,
        closest there, and those that the ends of the interval need.
    points : int
        Values about the optimum to begin with, 3 or more.
    level : float, optional
        Of the interval; that of the fit unless given.
    budget : float, optional
        Seconds after which the profile ends with the values it has come to, as it does at an interrupt (Ctrl-C).
    checkpoint : str or Path, optional
        File from which the same call goes on after that, with the bits of one that was not cut short; see `symdyn.fit`.
    progress : bool or callable, optional
        A bar, or ``progress(stage, fraction)`` with the stages ``"values"`` and ``"ends"``.

    Returns
    -------
    Dataset
        Over ``value``: ``log_posterior``, ``ratio`` (twice its fall), and ``refitted`` (value, constant).  Scalars:
        ``estimate``, ``lower``, ``upper`` (infinite where no held value lies beyond the threshold; a bound of the parameter
        where the interval gets that far), ``threshold`` of the ratio, and ``complete``.  Where that is False the time was over:
        values that were not reached are NaN, and so is an end of the interval that was not, or has one of them beside it.

    Warns
    -----
    UserWarning
        If the time was over, or the fit itself was cut short.

    Raises
    ------
    RecoveryError
        If the parameter is not fitted, a value is not finite or out of bounds, or there are fewer than 3 points; for a
        checkpoint as `symdyn.fit`.

    References
    ----------
    Bates, Watts, Nonlinear Regression Analysis (1988), sec. 6.1; Raue et al., Bioinformatics 25, 1923 (2009).

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, a = sp.symbols("x a")
    >>> data = {"t": range(6), "x": [1.0, 0.52, 0.24, 0.13, 0.06, 0.03]}
    >>> found = sd.fit(sd.DiscreteSystem({x: a * x}), data).profile(a)
    >>> found.lower.round(2).item(), found.upper.round(2).item()
    (0.49, 0.52)
    """
    level = fit.level if level is None else level
    check_level(level)
    check_running(budget, checkpoint, progress)
    if not isinstance(points, Integral) or points < FEWEST:
        raise RecoveryError(f"points is {points!r}; expected a whole number, {FEWEST} or more")
    problem, name = fit.problem, name_of(parameter)
    if name not in problem.names:
        fitted = ", ".join(problem.names) or "none"
        raise RecoveryError(f"the parameter {name} is not fitted; fitted are {fitted}; name it in parameters=[...]")
    k = problem.names.index(name)
    column, middle = problem.columns[k], float(fit.theta[k])
    given = None if values is None else _given(fit, k, values)
    facts = (name, points if given is None else given, level)
    with long_run(fit, "profile", STAGES, facts, budget=budget, checkpoint=checkpoint, progress=progress) as run:
        grid = np.union1d(_grid(fit, k, points, level) if given is None else given, middle)
        curve = _followed(run, fit, k, grid, threshold(fit, level), further=given is None)
        held, total, theta, open_ = curve.held, curve.fits.total, curve.fits.theta, None
        if not run.complete:
            open_ = np.setdiff1d(grid, held)
            run.note(f"the profile of {name}", f"{len(held)} values; {len(open_)} of {len(grid)} first ones were not reached")
            held, total = np.append(held, open_), np.append(total, np.full(len(open_), np.nan))
            order = np.argsort(held)
            theta = np.concatenate([theta, np.full((len(open_), theta.shape[1]), np.nan)])[order]
            held, total = held[order], total[order]
    lower, upper = (float(np.clip(column.value(v), column.low, column.high)) for v in curve.interval(open_))
    return xr.Dataset(
        {
            "log_posterior": ("value", -0.5 * total),
            "ratio": ("value", total - np.nanmin(total)),
            "refitted": (("value", "constant"), problem.values(theta)),
            "estimate": float(column.value(curve.held[curve.least])),
            "lower": lower,
            "upper": upper,
            "threshold": curve.excess,
            "complete": run.complete,
        },
        coords={"value": column.value(held), "constant": list(problem.names)},
        attrs={"parameter": name, "level": level},
    )


def _followed(run: LongRun, fit: Fit, k: int, grid: np.ndarray, excess: float, *, further: bool) -> FittedCurve:
    """The curve over a grid of coordinates, and over what the ends of the interval need, as far as the time goes."""
    problem, middle = fit.problem, float(fit.theta[k])
    here = problem.expand(np.zeros(1, dtype=int), fit.theta[None], fit.scaled_starts[None])
    first = Fits(fit.theta[None], fit.scaled_starts[None], here)
    batches, stage = 0, "values"

    def climb(problem: FitProblem, theta: np.ndarray, starts: np.ndarray, active: np.ndarray) -> Fits:
        nonlocal batches
        batches += 1
        ends = [1 - (1 - NEARER) ** j if stage == "ends" else j / (1 + 2 * ROUNDS) for j in (batches - 1, batches)]
        return run.fitted(stage, problem, theta, starts, active, part=(ends[0], ends[1]))

    curve = None
    with run.ending(lambda: True):
        for fits in fitted_again(problem, k, grid, first, np.zeros(len(grid), dtype=int), climb):
            curve = FittedCurve(problem, k, middle, fits, excess, climb)
        run.report(stage, 1.0)
        batches, stage = 0, "ends"
        for further_curve in curve.followed() if curve is not None and further else ():
            curve = further_curve
        run.report(stage, 1.0)
    if curve is None:
        curve = FittedCurve(problem, k, middle, first if run.settled is None else joined(first, run.settled[0], k), excess)
    return curve


def _given(fit: Fit, k: int, values: Sequence[float]) -> np.ndarray:
    """Coordinates of the values that a user wants, checked."""
    column = fit.problem.columns[k]
    try:
        given = np.unique(np.asarray(values, dtype=float))
    except (TypeError, ValueError):
        given = np.zeros(0)
    if not given.size or not np.isfinite(given).all():
        raise RecoveryError(f"the values of {column.name} are {values!r}; expected one or more finite numbers")
    inside = np.clip(given, column.low, column.high)
    wrong = given[~np.isclose(given, inside, rtol=1e-9, atol=0)]
    if wrong.size or (column.logarithmic and given[0] <= 0):
        raise RecoveryError(
            f"the value {(wrong if wrong.size else given)[0]:g} of {column.name} is outside its bounds, {column.low:g} and "
            f"{column.high:g}; hold it between them, or give other bounds"
        )
    return np.asarray(column.coordinate(inside))


def _grid(fit: Fit, k: int, points: int, level: float) -> np.ndarray:
    """Coordinates about the optimum, spaced as the hyperbolic sine: close by first, far away in the end."""
    column, middle, facts = fit.problem.columns[k], float(fit.theta[k]), fit.information
    deviation = float(facts.deviations[k])
    if not np.isfinite(deviation):
        deviation = 1.0 if column.logarithmic else max(abs(middle), 1.0)
    half = student.ppf(0.5 + level / 2, max(facts.freedom, 1)) * max(deviation, 1e-9)
    reach = min(REACH, max(MOST_LOG / half, 3.0)) if column.logarithmic else REACH
    steps = np.sinh(np.linspace(-1, 1, points) * np.arcsinh(reach))
    low, high = fit.problem.low[k], fit.problem.high[k]
    inside = middle + half * steps
    if column.logarithmic:
        inside = inside[np.abs(inside - middle) <= FARTHEST_LOG]
    ends = [e for e in (low, high) if np.isfinite(e)]
    return np.unique(np.concatenate([inside[(inside >= low) & (inside <= high)], ends]))
