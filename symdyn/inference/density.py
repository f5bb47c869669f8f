"""The posterior density of a fit over its coordinates."""

from __future__ import annotations

import numpy as np

from symdyn.inference.fit_problem import FitProblem
from symdyn.inference.observed_problem import ObservedProblem
from symdyn.inference.plain_likelihood import without_derivatives

__all__ = ["PosteriorDensity"]


class PosteriorDensity:
    """The logarithm of the posterior density over coordinates, for many points at once.

    Coordinates are those of the parameters of a fit, then those of its open initial values.  Where a parameter has a prior its
    density is that of the value, so that the slope of the value belongs to it; others, and initial values, are flat over their
    coordinate within bounds.

    Parameters
    ----------
    problem : FitProblem
    starts : (V, n) float64
        Scaled initial values; those that are not fitted are kept.
    """

    def __init__(self, problem: FitProblem, starts: np.ndarray) -> None:
        self.problem = without_derivatives(problem) if isinstance(problem, ObservedProblem) else problem
        self.starts, self.open = starts, problem.open_starts
        lower, upper = problem.start_bounds
        self.low = np.concatenate([problem.low, lower[self.open]])
        self.high = np.concatenate([problem.high, upper[self.open]])

    def split(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates (M, P) of parameters, and scaled initial values (M, V, n)."""
        P = len(self.problem.columns)
        starts = np.repeat(self.starts[None], len(points), axis=0)
        starts[:, self.open] = points[:, P:]
        return points[:, :P], starts

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Log densities (M,) at points (M, D), but for a constant; minus infinity out of bounds and where simulations fail."""
        found = np.full(len(points), -np.inf)
        inside = np.flatnonzero(((points >= self.low) & (points <= self.high)).all(axis=1))
        if not inside.size:
            return found
        theta, starts = self.split(points[inside])
        with np.errstate(all="ignore"):
            total = -0.5 * self.problem.totals(theta, starts)
        for k, c in enumerate(self.problem.columns):
            if c.prior is not None:
                total = total + np.log(np.abs(c.slope(c.value(theta[:, k]))))
        found[inside] = np.where(np.isfinite(total), total, -np.inf)
        return found
