r"""All right-hand sides from trajectories: few terms of a library, chosen by fits of simulations.

In windows with initial values of their own the sum of squares is a quadratic form in *all* coefficients of the library
(`_matching`), so that one linearisation predicts the effect of every addition, removal and exchange of terms
(`_stepwise`).  Terms are paid for by the extended Bayesian criterion

.. math:: \chi^2 + k\,(\log N + 2 \log q)

with `q` candidate coefficients and `N` data.  Windows grow as long as the fit does not spoil.

References
----------
Chen, Chen, Biometrika 95, 759 (2008) (criterion); Bock (1983) (multiple shooting).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from symdyn.discover.regressors._constrained import null_space
from symdyn.discover.regressors._matching import Library, TermMatching, stretches
from symdyn.discover.regressors._stepwise import solve_on, stepwise

__all__ = ["WholeFit", "whole_fit"]

#: Points of the windows, one stage after another.
LENGTHS = (12, 25, 50, 100)
#: Smallest noise believed, relative to the root mean square of a state: the integration is good to that.
FLOOR = 1e-6
#: Factor by which longer windows may fit worse.
SPOILED = 1.5
ROUNDS, ITERATIONS = 6, 15
#: Coefficients of the whole library beyond which terms are not selected here: the quadratic form is dense.
MOST = 2000

Runs = Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class WholeFit:
    """A right-hand side fitted to trajectories.

    Attributes
    ----------
    coefficients, errors : (n, p) float64
        With their standard errors; both zero outside the support.
    chi2 : float
        Sum of squares over its degrees of freedom, 1 where the noise was right.
    points : int
        Of each window at the last stage; 0 if no window could be followed.
    """

    coefficients: np.ndarray
    errors: np.ndarray
    chi2: float
    points: int


@dataclass(frozen=True)
class _Point:
    coefficients: np.ndarray
    starts: np.ndarray
    total: float


def whole_fit(
    library: Library, runs: Runs, first: np.ndarray, noise: np.ndarray, *, allowed: np.ndarray | None = None,
    equations: np.ndarray | None = None, lengths: Sequence[int] = LENGTHS, select: bool = True,
) -> WholeFit:  # fmt: skip
    """Refine first coefficients, and the choice of terms.

    Parameters
    ----------
    library : Library
    runs : sequence of (times, data, smoothed data)
        Shapes (T,), (T, n) and (T, n).
    first : (n, p) float64
    noise : (n,) float64
        Standard deviation of the measurement error.
    allowed : (n, p) bool, optional
        Terms that may enter each equation.
    equations : (r, n p) float64, optional
        ``A`` of the linear equations ``A c = b`` that `first` satisfies; terms are then not selected.
    lengths : sequence of int
        Points of the windows.
    select : bool
        Whether terms are added, dropped and exchanged.
    """
    data = np.concatenate([values for _, values, _ in runs])
    noise = np.maximum(noise, FLOOR * np.sqrt(np.mean(data**2, axis=0)))
    penalty = np.log(data.size) + 2 * np.log(first.size)
    best = WholeFit(first, np.zeros_like(first), np.inf, 0)
    free = None if allowed is None else allowed.ravel()
    longest = max(len(times) for times, _, _ in runs)
    for length in sorted({min(points, longest) for points in lengths}):
        cut = stretches(runs, length)
        matching = TermMatching(library, cut, noise, substeps=1)
        left = cut.values.size - cut.rough.size
        now = _converged(matching, best.coefficients, cut.rough, equations)
        if not np.isfinite(now.total):
            break
        if select and equations is None and first.size <= MOST:
            now = _searched(matching, now, penalty, left, free)
        if best.points and now.total / left > SPOILED * best.chi2 + 0.5:
            break
        best = WholeFit(now.coefficients, _errors(matching, now, left, equations), now.total / left, length)
        runs = _followed(runs, matching, now, length)
    return best


def _basis(columns: np.ndarray, equations: np.ndarray | None) -> np.ndarray:
    """Directions in which the coefficients on a support may move, (k, r)."""
    return np.eye(len(columns)) if equations is None else null_space(equations[:, columns])


def _converged(
    matching: TermMatching, coefficients: np.ndarray, starts: np.ndarray, equations: np.ndarray | None = None
) -> _Point:
    """Gauss-Newton on the support, with steps that shrink until they help."""
    columns = np.flatnonzero(coefficients)
    basis = _basis(columns, equations)
    now = _Point(coefficients, starts, _total(matching, coefficients, starts))
    for _ in range(ITERATIONS):
        local = matching.expand(now.coefficients, now.starts, columns)
        if not np.isfinite(local.rss).all():
            return now
        step = basis @ solve_on(basis.T @ local.gram @ basis, basis.T @ local.right, np.arange(basis.shape[1]))
        share = 1.0
        while share > 0.02:
            trial = now.coefficients.copy()
            trial.ravel()[columns] += share * step
            start = now.starts + share * (local.back[..., -1] - local.back[..., :-1] @ step)
            total = _total(matching, trial, start)
            if total <= now.total * (1 + 1e-9):
                break
            share /= 3
        else:
            return now
        gain = now.total - total
        now = _Point(trial, start, total)
        if share == 1.0 and gain < 1e-4 * total:
            break
    return now


def _searched(matching: TermMatching, now: _Point, penalty: float, left: int, free: np.ndarray | None) -> _Point:
    """Change the support by what one linearisation tells, and fit again, until nothing changes."""
    for _ in range(ROUNDS):
        local = matching.expand(now.coefficients, now.starts)
        if not np.isfinite(local.rss).all():
            return now
        flat = now.coefficients.ravel()
        support, right = np.flatnonzero(flat), local.right + local.gram @ flat
        spread = max(1.0, now.total / left)
        chosen = stepwise(local.gram, right, support, partial(_priced, penalty * spread), allowed=free)
        if np.array_equal(chosen, support):
            return now
        after = None
        wanted = solve_on(local.gram, right, chosen)
        for share in (1.0, 0.3, 0.1):
            trial = wanted if share == 1.0 else flat + share * (wanted - flat)
            start = now.starts + share * local.back[..., -1] - local.back[..., :-1] @ (trial - flat)
            if np.isfinite(_total(matching, trial.reshape(now.coefficients.shape), start)):
                after = _converged(matching, trial.reshape(now.coefficients.shape), start)
                break
        if after is None:
            return now
        change = (after.total - now.total) / spread + penalty * (np.count_nonzero(after.coefficients) - len(support))
        if not change < 0:
            return now
        now = after
    return now


def _priced(price: float, gain: np.ndarray, count: np.ndarray) -> np.ndarray:
    return price * count - gain


def _total(matching: TermMatching, coefficients: np.ndarray, starts: np.ndarray) -> float:
    residual = matching.residuals(matching.states(coefficients, starts))
    return float((residual**2).sum()) if np.isfinite(residual).all() else np.inf


def _errors(matching: TermMatching, now: _Point, left: int, equations: np.ndarray | None) -> np.ndarray:
    """Standard errors of the coefficients on the support."""
    columns = np.flatnonzero(now.coefficients)
    basis = _basis(columns, equations)
    local = matching.expand(now.coefficients, now.starts, columns)
    errors = np.zeros(now.coefficients.shape)
    if np.isfinite(local.rss).all():
        unit = 1 / np.sqrt(np.maximum(np.diag(local.gram), 1e-300))
        moved = basis / unit[:, None]
        inverse = np.linalg.pinv(moved.T @ (local.gram * unit[:, None] * unit) @ moved, rcond=1e-14, hermitian=True)
        variance = np.einsum("ik,kl,il->i", basis, inverse, basis)
        errors.ravel()[columns] = np.sqrt(np.maximum(variance, 0.0) * now.total / max(left, 1))
    return errors


def _followed(runs: Runs, matching: TermMatching, now: _Point, length: int) -> Runs:
    """The runs with fitted states in place of smoothed ones, where windows lay."""
    path = matching.states(now.coefficients, now.starts)[:, ::2]
    after, v = [], 0
    for times, data, smooth in runs:
        smooth = smooth.copy()
        for a in range(0, len(times) - length + 1, length):
            smooth[a : a + length] = path[v]
            v += 1
        after.append((times, data, smooth))
    return after
