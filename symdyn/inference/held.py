"""Fits with one parameter fixed at many values, as lanes of one kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from symdyn.inference.fit_problem import GAIN, FitProblem
from symdyn.inference.levenberg import Fits, LevenbergMarquardt, Recorded
from symdyn.inference.quadratic import Quadratic

__all__ = ["ROUNDS", "Climbing", "climb", "fitted_again", "joined"]

#: Rounds in which every held value is fitted again from what its neighbours found.
ROUNDS = 3


class Climbing(Protocol):
    """Fits of a likelihood from coordinates (M, P) and initial values (M, V, n), of which `active` (M, P) ones move."""

    def __call__(self, problem: FitProblem, theta: np.ndarray, starts: np.ndarray, active: np.ndarray) -> Fits: ...


def climb(
    problem: FitProblem, theta: np.ndarray, starts: np.ndarray, active: np.ndarray | None = None, *, iterations: int = 60,
    gain: float | None = None, recorded: Recorded | None = None,
) -> Fits:  # fmt: skip
    """Fits from many coordinates (M, P) and initial values (M, V, n), until a step promises less than `gain`."""
    moving = np.ones(theta.shape, dtype=bool) if active is None else np.broadcast_to(active, theta.shape)
    return LevenbergMarquardt(
        problem.expand, theta, starts, moving, bounds=(problem.low, problem.high), start_bounds=problem.start_bounds,
        tolerance=0.0, floor=-np.inf, small=problem.gain if gain is None else gain, reach=problem.reach, settle=problem.settled,
    ).run(iterations, recorded=recorded)  # fmt: skip


def fitted_again(
    problem: FitProblem, column: int, grid: np.ndarray, near: Fits, nearest: np.ndarray, climb: Climbing = climb
) -> Iterator[Fits]:  # fmt: skip
    """Fit everything else at every value of one coordinate: a batch of lanes, each from a fit nearby, then from neighbours.

    What was found so far is yielded after every batch, the last is the result.

    Parameters
    ----------
    problem : FitProblem
    column : int
        The coordinate, by its place.
    grid : (M,) float64
        Increasing coordinates at which it is held.
    near : Fits
        Fits from which to begin.
    nearest : (M,) int
        Which of them for each value.
    climb : callable
        How to fit.
    """
    count = len(grid)
    theta, starts = near.theta[nearest].copy(), near.starts[nearest].copy()
    theta[:, column] = grid
    active = np.arange(theta.shape[1])[None] != np.full((count, 1), column)
    fits = climb(problem, theta, starts, active)
    yield fits
    for _ in range(ROUNDS):
        before = fits.total.copy()
        for shift in (1, -1):
            neighbours = np.clip(np.arange(count) - shift, 0, count - 1)
            moved = fits.theta[neighbours].copy()
            moved[:, column] = theta[:, column]
            other = climb(problem, moved, fits.starts[neighbours].copy(), active)
            better = np.flatnonzero(other.total < fits.total)
            fits.theta[better], fits.starts[better] = other.theta[better], other.starts[better]
            fits.local.put(better, other.local.take(better))
            yield fits
        finite = np.isfinite(before)
        if np.all(fits.total[finite] >= before[finite] - 2 * GAIN) and np.isfinite(fits.total).sum() == finite.sum():
            break


def joined(fits: Fits, extra: Fits, column: int) -> Fits:
    """Both, by increasing values of one parameter; of the same value twice the better fit."""
    theta, starts = (np.concatenate([getattr(f, name) for f in (fits, extra)]) for name in ("theta", "starts"))
    local = Quadratic.joined([fits.local, extra.local])
    order = np.lexsort((local.rss.sum(axis=1), theta[:, column]))
    _, first = np.unique(theta[order, column], return_index=True)
    kept = order[first]
    return Fits(theta[kept], starts[kept], local.take(kept))
