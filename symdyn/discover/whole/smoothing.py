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


def smoothed(t: np.ndarray, x: np.ndarray, deviation: np.ndarray) -> Curve:
    """A cubic smoothing spline by generalised cross-validation, less smooth where that contradicts the noise.

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
        misfit(low)
    return CubicSpline(t, values, bc_type="natural")
