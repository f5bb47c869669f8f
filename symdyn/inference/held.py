"""Fits with one parameter fixed at many values, as lanes of one kernel."""

from __future__ import annotations

import numpy as np

from symdyn.inference.levenberg import Fits, levenberg_marquardt
from symdyn.inference.optimum import Optimum
from symdyn.inference.quadratic import Quadratic

__all__ = ["fitted_again", "joined"]

#: Rounds in which every held value is fitted again from what its neighbours found.
ROUNDS = 3


def fitted_again(best: Optimum, column: int, grid: np.ndarray, near: Fits, nearest: np.ndarray) -> Fits:
    """Fit everything else at every value of one parameter: a batch of lanes, each from a fit nearby, then from neighbours.

    Parameters
    ----------
    best : Optimum
    column : int
        The parameter, by its place in ``best.free``.
    grid : (M,) float64
        Increasing values at which it is held.
    near : Fits
        Fits from which to begin.
    nearest : (M,) int
        Which of them for each value.
    """
    count, problem, selection = len(grid), best.problem, best.selection
    along = problem.shooting.along(selection.cut)
    theta, starts = near.theta[nearest].copy(), near.starts[nearest].copy()
    theta[:, column] = grid / problem.candidates.sizes[column]
    active = np.arange(theta.shape[1])[None] != np.full((count, 1), column)

    def refit(theta: np.ndarray, starts: np.ndarray) -> Fits:
        return levenberg_marquardt(
            along, theta, starts, active, bounds=(problem.candidates.low, problem.candidates.high),
            start_bounds=selection.start_bounds, iterations=60, tolerance=1e-8,
        )  # fmt: skip

    fits = refit(theta, starts)
    for _ in range(ROUNDS):
        before = fits.total.copy()
        for shift in (1, -1):
            neighbours = np.clip(np.arange(count) - shift, 0, count - 1)
            moved = fits.theta[neighbours].copy()
            moved[:, column] = theta[:, column]
            other = refit(moved, fits.starts[neighbours].copy())
            better = np.flatnonzero(other.total < fits.total)
            fits.theta[better], fits.starts[better] = other.theta[better], other.starts[better]
            fits.local.put(better, other.local.take(better))
        finite = np.isfinite(before)
        if np.all(fits.total[finite] >= (1 - 1e-6) * before[finite]) and np.isfinite(fits.total).sum() == finite.sum():
            break
    return fits


def joined(fits: Fits, extra: Fits, column: int) -> Fits:
    """Both, by increasing values of one parameter; of the same value twice the better fit."""
    theta, starts = (np.concatenate([getattr(f, name) for f in (fits, extra)]) for name in ("theta", "starts"))
    local = Quadratic(
        *(np.concatenate([getattr(f.local, name) for f in (fits, extra)]) for name in Quadratic.__dataclass_fields__)
    )  # fmt: skip
    order = np.lexsort((local.rss.sum(axis=1), theta[:, column]))
    _, first = np.unique(theta[order, column], return_index=True)
    kept = order[first]
    return Fits(theta[kept], starts[kept], local.take(kept))
