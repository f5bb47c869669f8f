"""Profile likelihood: the misfit as a function of one fixed parameter, with all others fitted again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import f as fisher
from scipy.stats import t as student

from symdyn.declaration import lookup
from symdyn.errors import RecoveryError
from symdyn.inference.curve import FittedCurve
from symdyn.inference.data import Observations, observations
from symdyn.inference.held import fitted_again
from symdyn.inference.information import check_level
from symdyn.inference.levenberg import Fits
from symdyn.inference.optimum import Optimum, find_optimum
from symdyn.system import System

__all__ = ["profile"]

#: Half the width of the first grid, in half widths of the interval of Student's t.
REACH = 20.0
#: Fewest values of a grid: a curve needs an end on either side of its middle.
FEWEST = 3


def profile(
    system: System,
    data: Any,
    parameter: Any,
    *,
    values: Sequence[float] | None = None,
    points: int = 41,
    level: float = 0.9,
    fit: Iterable[Any] = (),
    guesses: Mapping[Any, float] | None = None,
    bounds: Mapping[Any, tuple[Any, Any]] | None = None,
    noise: Mapping[Any, float] | None = None,
    windows: int | None = None,
    seed: int = 0,
) -> xr.Dataset:
    r"""Profile likelihood of one fitted parameter, and the interval that it gives.

    With `S` the weighted sum of squares of `N` data, least of all :math:`\hat S` with `k` fitted values, the interval is

    .. math:: \left\{ p :\; \min_q S(p, q) \le \hat S \left(1 + \frac{F_{1,\,N-k}(\text{level})}{N-k}\right) \right\}

    by the quantile of Fisher's F, for noise of unknown variance.  It is exact for linear problems, does not change with the
    form in which a parameter is written, and stays open where no value is bad enough: then the data do not determine it.
    All held values are fitted at once, as lanes of one kernel; further ones then narrow down the ends of the interval.  On a
    side without an end they go on, each thrice as far away and fitted from the one before, to a million times the size of
    the parameter or its bound; only then the interval is said to be open.

    Parameters
    ----------
    system, data, fit, guesses, bounds, noise, windows, seed :
        As for `symdyn.discover.fitting.fit_parameters`.
    parameter : Symbol or str
        One that is fitted.
    values : sequence of float, optional
        Values within the bounds at which it is held beside the optimum, and no others; else `points` values about it,
        closest there, and those that the ends of the interval need.
    points : int
        Values about the optimum to begin with, 3 or more.
    level : float
        Of the interval.

    Returns
    -------
    Dataset
        Over ``value``: ``sum_of_squares``, ``ratio`` (F statistic), and ``refitted`` (value, constant).  Scalars
        ``estimate``, ``lower``, ``upper`` (infinite where no held value lies beyond the threshold; a bound of the parameter
        where the interval gets that far) and ``threshold`` of the sum of squares.

    Raises
    ------
    RecoveryError
        If the parameter is not fitted, a value is not finite or out of bounds, there are fewer than 3 points, or as for
        `fit_parameters`.

    References
    ----------
    Bates, Watts, Nonlinear Regression Analysis (1988), sec. 6.1; Raue et al., Bioinformatics 25, 1923 (2009).

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, a = sp.symbols("x a")
    >>> data = {"t": range(6), "x": [1.0, 0.52, 0.24, 0.13, 0.06, 0.03]}
    >>> found = profile(sd.DiscreteSystem({x: a * x}), data, a)
    >>> found.lower.round(2).item(), found.upper.round(2).item()
    (0.49, 0.52)
    """
    check_level(level)
    if not isinstance(points, Integral) or points < FEWEST:
        raise RecoveryError(f"points is {points!r}; expected a whole number, {FEWEST} or more")
    seen = data if isinstance(data, Observations) else observations(system, data)
    best = find_optimum(
        system, seen, fit=fit, guesses=guesses, bounds=bounds, noise=noise, windows=windows, seed=seed
    )  # fmt: skip
    symbol = lookup(parameter, system.parameters, "parameter")
    if symbol not in best.free:
        fitted = ", ".join(map(str, best.free)) or "none"
        raise RecoveryError(f"the parameter {symbol} is not fitted; fitted are {fitted}; name it in fit=[...]")
    column = best.free.index(symbol)
    grid = _grid(best, column, points, level) if values is None else _given(best, column, values)
    grid = np.union1d(grid, best.value(column))
    start = np.zeros(len(grid), dtype=int)
    fits = fitted_again(best, column, grid, Fits(best.model.theta[None], best.model.starts[None], best.expansion), start)
    curve = FittedCurve(best, column, fits, float(fisher.ppf(level, 1, best.freedom)))
    if values is None:
        curve = curve.settled()
    held, total, least = curve.held, curve.fits.total, curve.least
    lower, upper = curve.interval()
    return xr.Dataset(
        {
            "sum_of_squares": ("value", total),
            "ratio": ("value", curve.ratio),
            "refitted": (("value", "constant"), curve.fits.theta * best.problem.candidates.sizes),
            "estimate": held[least],
            "lower": lower,
            "upper": upper,
            "threshold": total[least] + curve.excess * curve.variance,
        },
        coords={"value": held, "constant": [p.name for p in best.free]},
        attrs={"parameter": symbol.name, "level": level, "freedom": best.freedom},
    )


def _given(best: Optimum, column: int, values: Sequence[float]) -> np.ndarray:
    """The values that a user wants, checked."""
    given, (low, high) = np.unique(np.asarray(values, dtype=float)), best.bounds(column)
    if not given.size or not np.isfinite(given).all():
        raise RecoveryError(f"the values of {best.free[column]} are {values!r}; expected one or more finite numbers")
    inside = np.clip(given, low, high)
    wrong = given[~np.isclose(given, inside, rtol=1e-9, atol=0)]
    if wrong.size:
        raise RecoveryError(
            f"the value {wrong[0]:g} of {best.free[column]} is outside its bounds, {low:g} and {high:g}; "
            "hold it between them, or give other bounds"
        )
    return inside


def _grid(best: Optimum, column: int, points: int, level: float) -> np.ndarray:
    """Values about the optimum, spaced as the hyperbolic sine: close by first, far away in the end."""
    estimate = best.value(column)
    deviation = best.selection.information(best.model).deviations[column]
    if not np.isfinite(deviation):
        deviation = max(abs(estimate), best.size(column))
    half = student.ppf(0.5 + level / 2, best.freedom) * max(deviation, 1e-9 * best.size(column))
    steps = np.sinh(np.linspace(-1, 1, points) * np.arcsinh(REACH))
    low, high = best.bounds(column)
    inside = estimate + half * steps
    ends = [e for e in (low, high) if np.isfinite(e)]
    return np.unique(np.concatenate([inside[(inside >= low) & (inside <= high)], ends]))
