"""Profile likelihood: how well the data are followed with one parameter held, all others fitted again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import f as fisher
from scipy.stats import t as student

from symdyn.declaration import lookup
from symdyn.discover.data import Observations, observations
from symdyn.discover.evidence import information
from symdyn.discover.held import fitted_again, refined
from symdyn.discover.levenberg import Fits
from symdyn.discover.optimum import Optimum, find_optimum
from symdyn.errors import RecoveryError
from symdyn.system import System

__all__ = ["profile"]

#: Half the width of the first grid, in half widths of the interval of Student's t.
REACH = 20.0
#: How often the ends of the interval are looked at more closely.
REFINEMENTS = 2


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
    All held values are fitted at once, as lanes of one kernel; further ones then narrow down the ends of the interval.

    Parameters
    ----------
    system, data, fit, guesses, bounds, noise, windows, seed :
        As for `symdyn.discover.fitting.fit_parameters`.
    parameter : Symbol or str
        One that is fitted.
    values : sequence of float, optional
        Values at which it is held beside the optimum; else `points` values about it, closest there.
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
        If the parameter is not fitted, or as for `fit_parameters`.

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
    if not 0 < level < 1:
        raise RecoveryError(f"the level of the interval is {level!r}; expected a number between 0 and 1, such as 0.9")
    seen = data if isinstance(data, Observations) else observations(system, data)
    best = find_optimum(
        system, seen, fit=fit, guesses=guesses, bounds=bounds, noise=noise, windows=windows, seed=seed
    )  # fmt: skip
    symbol = lookup(parameter, system.parameters, "parameter")
    if symbol not in best.free:
        fitted = ", ".join(map(str, best.free)) or "none"
        raise RecoveryError(f"the parameter {symbol} is not fitted; fitted are {fitted}; name it in fit=[...]")
    column = best.free.index(symbol)
    grid = _grid(best, column, points, level) if values is None else np.unique(np.asarray(values, dtype=float))
    grid, excess = np.union1d(grid, best.model.theta[column] * _size(best, column)), fisher.ppf(level, 1, best.freedom)
    start = np.zeros(len(grid), dtype=int)
    fits = fitted_again(best, column, grid, Fits(best.model.theta[None], best.model.starts[None], best.expansion), start)
    for refinement in range(REFINEMENTS + 1):
        held, total = fits.theta[:, column] * _size(best, column), fits.total
        least = int(np.nanargmin(total))
        variance = total[least] / best.freedom + best.selection.floor
        ratio = (total - total[least]) / variance
        crossings = _crossings(ratio, excess, least)
        if refinement < REFINEMENTS and (values is None and crossings):
            fits = refined(best, column, fits, crossings)
    lower, upper = _interval(held, ratio, excess, crossings, _bounds(best, column))
    return xr.Dataset(
        {
            "sum_of_squares": ("value", total),
            "ratio": ("value", ratio),
            "refitted": (("value", "constant"), fits.theta * best.problem.candidates.sizes),
            "estimate": held[least],
            "lower": lower,
            "upper": upper,
            "threshold": total[least] + excess * variance,
        },
        coords={"value": held, "constant": [p.name for p in best.free]},
        attrs={"parameter": symbol.name, "level": level, "freedom": best.freedom},
    )


def _size(best: Optimum, column: int) -> float:
    return float(best.problem.candidates.sizes[column])


def _bounds(best: Optimum, column: int) -> tuple[float, float]:
    candidates = best.problem.candidates
    return float(candidates.low[column]) * _size(best, column), float(candidates.high[column]) * _size(best, column)


def _grid(best: Optimum, column: int, points: int, level: float) -> np.ndarray:
    """Values about the optimum, spaced as the hyperbolic sine: close by first, far away in the end."""
    estimate = float(best.model.theta[column]) * _size(best, column)
    deviation = information(best.problem.shooting, best.selection, best.model).deviations[column]
    if not np.isfinite(deviation):
        deviation = max(abs(estimate), _size(best, column))
    half = student.ppf(0.5 + level / 2, best.freedom) * max(deviation, 1e-9 * _size(best, column))
    steps = np.sinh(np.linspace(-1, 1, points) * np.arcsinh(REACH))
    low, high = _bounds(best, column)
    inside = estimate + half * steps
    ends = [e for e in (low, high) if np.isfinite(e)]
    return np.unique(np.concatenate([inside[(inside >= low) & (inside <= high)], ends]))


def _crossings(ratio: np.ndarray, threshold: float, least: int) -> dict[int, tuple[int, int]]:
    """Neighbouring values, the first below the threshold and the second above, on the lower (-1) and the upper side (1)."""
    found = {}
    for side in (-1, 1):
        k = least
        while 0 <= k + side < len(ratio) and ratio[k + side] <= threshold:
            k += side
        if 0 <= k + side < len(ratio):
            found[side] = (k, k + side)
    return found


def _interval(
    held: np.ndarray, ratio: np.ndarray, threshold: float, crossings: Mapping[int, tuple[int, int]], bounds: tuple[float, float]
) -> tuple[float, float]:
    """Where the profile crosses the threshold on either side of the least value; a bound, or infinity, where it does not.

    The root of the ratio is interpolated: near the optimum it is a straight line.
    """
    root, level, ends = np.sqrt(np.maximum(ratio, 0.0)), np.sqrt(threshold), []
    for side, bound in zip((-1, 1), bounds, strict=True):
        inside, outside = crossings.get(side, (-1, -1))
        if inside < 0:
            ends.append(bound)
        elif np.isfinite(root[outside]):
            share = (level - root[inside]) / (root[outside] - root[inside])
            ends.append(float(held[inside] + share * (held[outside] - held[inside])))
        else:
            ends.append(float(held[inside]))
    return ends[0], ends[1]
