"""Levenberg-Marquardt for a batch of shooting problems that differ in which parameters are free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symdyn.inference.shooting import Quadratic, Shooting, ShootingWindows

__all__ = ["Fits", "levenberg_marquardt"]

FIRST_DAMPING, MOST_DAMPING = 1e-2, 1e8


@dataclass(frozen=True)
class Fits:
    """M fitted candidates, in scaled units.

    Attributes
    ----------
    theta : (M, P) float64
    starts : (M, V, n) float64
        Initial values of the windows.
    local : Quadratic
        Sums of squares and expansions there.
    """

    theta: np.ndarray
    starts: np.ndarray
    local: Quadratic

    @property
    def total(self) -> np.ndarray:
        """Sum of squares over all states, (M,)."""
        return self.local.rss.sum(axis=1)


def levenberg_marquardt(
    shooting: Shooting,
    cut: ShootingWindows,
    theta: np.ndarray,
    starts: np.ndarray,
    active: np.ndarray,
    *,
    bounds: tuple[np.ndarray, np.ndarray] | None = None,
    start_bounds: tuple[np.ndarray, np.ndarray] | None = None,
    iterations: int = 30,
    tolerance: float = 1e-4,
    floor: float = 0.0,
    going: Callable[[], bool] | None = None,
) -> Fits:
    """Fit M candidates at once: every iteration is one kernel call for those that still move.

    Parameters
    ----------
    shooting, cut :
        The problem and its windows.
    theta, starts : (M, P), (M, V, n) float64
        Where to begin, scaled.
    active : (M, P) bool
        Parameters that may move.
    bounds, start_bounds : pairs of (P,) and (V, n) float64, optional
        Smallest and largest values, scaled; steps are projected.  Initial values whose bounds are equal are held.
    iterations : int
    tolerance : float
        A candidate is done when a step lowers its sum of squares by less than this fraction.
    floor : float
        Sums of squares below this are as good as zero.
    going : callable, optional
        Called before each iteration; False ends the fits where they are.

    References
    ----------
    Nielsen, Damping parameter in Marquardt's method, IMM-REP-1999-05 (choice of the damping).
    """
    low, high = bounds or (-np.inf, np.inf)
    start_low, start_high = start_bounds or (np.float64(-np.inf), np.float64(np.inf))
    theta, starts = np.clip(theta, low, high), np.clip(starts, start_low, start_high)
    local = shooting.expand(cut, theta, starts)
    damping, growth = np.full(len(theta), FIRST_DAMPING), np.full(len(theta), 2.0)
    open_ = np.isfinite(local.rss).all(axis=1)
    for _ in range(iterations):
        now = np.flatnonzero(open_)
        if not now.size or (going is not None and not going()):
            break
        here = local.take(now)
        outward = ((theta[now] <= low) & (here.gradient < 0)) | ((theta[now] >= high) & (here.gradient > 0))
        blocked = (starts[now] <= start_low) & (here.start_gradient < 0)
        blocked |= (starts[now] >= start_high) & (here.start_gradient > 0)
        here = here.hold(blocked | (start_low == start_high))
        move, start_move = _step(here, active[now] & ~outward, damping[now])
        trial = np.clip(theta[now] + move, low, high)
        start_trial = np.clip(starts[now] + start_move, start_low, start_high)
        there = shooting.expand(cut.take(now), trial, start_trial)
        before, after = here.rss.sum(axis=1), there.rss.sum(axis=1)
        expected = _expected(here, trial - theta[now], start_trial - starts[now])
        good = np.isfinite(after) & (expected > 1e-12 * before)
        gain = np.where(good, (before - np.where(good, after, before)) / np.where(good, expected, 1.0), -1.0)
        better = after < before
        taken = now[better]
        theta[taken], starts[taken] = trial[better], start_trial[better]
        local.put(taken, there.take(np.flatnonzero(better)))
        shrink = np.maximum(1 / 9, 1 - (2 * np.clip(gain, 0, 1) - 1) ** 3)
        damping[now] = np.where(better, np.maximum(damping[now] * shrink, 1e-12), damping[now] * growth[now])
        growth[now] = np.where(better, 2.0, 2 * growth[now])
        small = better & (before - after <= tolerance * before)
        still = (expected <= 1e-2 * tolerance * before) | (np.where(better, after, before) <= floor)
        open_[now] = ~(small | still | (damping[now] > MOST_DAMPING))
    return Fits(theta, starts, local)


def _step(local: Quadratic, active: np.ndarray, damping: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Damped Gauss-Newton steps of parameters (M, P) and initial values (M, V, n)."""
    information, gradient, back = local.profiled(damping)
    diagonal = np.einsum("mii->mi", local.information)
    both = active[:, :, None] & active[:, None, :]
    eye = np.eye(active.shape[1])
    floor = 1e-14 * diagonal.max(axis=1, keepdims=True, initial=0.0) + 1e-300
    matrix = np.where(both, information, 0.0) + eye * np.where(active, damping[:, None] * diagonal + floor, 1.0)[:, :, None]
    unit = 1 / np.sqrt(np.maximum(np.einsum("mii->mi", matrix), 1e-300))
    matrix = matrix * unit[:, :, None] * unit[:, None, :] + 1e-13 * eye
    move = unit * np.linalg.solve(matrix, (unit * np.where(active, gradient, 0.0))[..., None])[..., 0]
    start_move = back[..., -1] - np.einsum("mvip,mp->mvi", back[..., :-1], move)
    return move, start_move


def _expected(local: Quadratic, move: np.ndarray, start_move: np.ndarray) -> np.ndarray:
    """Fall of the sum of squares that the expansion promises for a step, (M,)."""
    linear = np.einsum("mp,mp->m", local.gradient, move) + np.einsum("mvi,mvi->m", local.start_gradient, start_move)
    square = np.einsum("mp,mpq,mq->m", move, local.information, move, optimize=True)
    square += 2 * np.einsum("mp,mvpi,mvi->m", move, local.mixed, start_move, optimize=True)
    square += np.einsum("mvi,mvij,mvj->m", start_move, local.start_information, start_move, optimize=True)
    return 2 * linear - square
