"""Smooth curves through the data, which the integrals of terms are taken along."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.interpolate import CubicSpline, make_interp_spline
from scipy.optimize import minimize_scalar

from symdyn.discover.whole.kernel import driver

__all__ = ["interpolated", "smoothed"]

#: Mean squared residual, in units of the noise, above which a curve is too smooth, and the one it is then given.
TOO_SMOOTH, AIM = 1.15, 0.9
#: Bisections of the logarithm of the penalty; its grid, in units of the cube of the mean interval.
BISECTIONS, GRID = 14, np.linspace(-9.0, 9.0, 19)
#: Degree of curves through data without noise.
DEGREE = 7

Curve = Callable[[np.ndarray], np.ndarray]


def interpolated(t: np.ndarray, x: np.ndarray) -> Curve:
    """A spline of high degree through all points."""
    degree = min(DEGREE, len(t) - 1)
    return make_interp_spline(t, x, k=degree - 1 + degree % 2)


def smoothed(t: np.ndarray, x: np.ndarray, noise: Callable[[np.ndarray], np.ndarray], least: float) -> Curve:
    """A cubic smoothing spline, of the logarithm where a state is positive and that is expected to be nearer the truth.

    Parameters
    ----------
    noise : callable
        Standard deviation of the noise at values of the state.
    least : float
        The smallest.
    """
    level, found = noise(x), []
    for curved in (False, True) if x.min() > 0 else (False,):
        seen = level
        for _ in range(2):
            # weights that differ too much make a curve that is stiff in places
            spread = seen / x if curved else np.maximum(seen, 0.15 * np.sqrt(np.mean(seen**2)))
            curve, freedom = _spline(t, np.log(x) if curved else x, spread)
            curve = _exponential(curve) if curved else curve
            seen = np.maximum(noise(curve(t)), least)
        # twice the negative logarithm of the likelihood, with Akaike's price
        loss = float(np.sum(((x - curve(t)) / seen) ** 2 + 2 * np.log(seen)))
        found.append((loss + 2 * freedom, curve))
    return min(found, key=lambda pair: pair[0])[1]


def _exponential(curve: Curve) -> Curve:
    return lambda t: np.exp(curve(t))


def _spline(t: np.ndarray, x: np.ndarray, deviation: np.ndarray) -> tuple[Curve, float]:
    """A spline by generalised cross-validation, less smooth where that contradicts the noise, and its degrees of freedom.

    Cross-validation smooths spiky curves too much, and those of which some points weigh far more than others.
    """
    weights = 1 / deviation**2
    weights = weights / weights.mean()
    t, x, values = np.ascontiguousarray(t), np.ascontiguousarray(x), np.empty_like(x)
    unit = 3 * np.log10((t[-1] - t[0]) / (len(t) - 1))

    def crossed(logarithm: float) -> float:
        return float(driver().spline(t, x, weights, 10 ** (unit + logarithm), values))

    def misfit(logarithm: float) -> float:
        crossed(logarithm)
        return float(np.mean(((x - values) / deviation) ** 2))

    near = float(GRID[int(np.argmin([crossed(v) for v in GRID]))])
    best = float(minimize_scalar(crossed, bounds=(near - 1, near + 1), method="bounded", options={"xatol": 0.05}).x)
    if misfit(best) >= TOO_SMOOTH:
        low, high = float(GRID[0]), best
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if misfit(middle) > AIM else (middle, high)
        best = low
    score = crossed(best)
    left = np.sqrt(len(t) * float(np.sum(weights * (x - values) ** 2)) / max(score, 1e-300))
    return CubicSpline(t, values, bc_type="natural"), len(t) - left
