r"""All right-hand sides from trajectories: few terms of a library, chosen by fits of simulations.

In windows with initial values of their own the sum of squares is a quadratic form in *all* coefficients of the library
(`_matching`), so that one linearisation predicts the effect of every addition, removal and exchange of terms
(`subsets`).  Terms are paid for by the criterion (`_criterion`) with all candidate coefficients as its library.  Windows grow
as long as the fit does not spoil.

References
----------
Bock (1983) (multiple shooting).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.discover.regressors._criterion import criterion
from symdyn.discover.regressors._matching import Library, QuadraticLoss, TermMatching, stretches
from symdyn.discover.regressors.subsets import null_space, solve_on, stepwise

__all__ = ["WholeFit", "whole_fit"]

#: Points of the windows, one stage after another.
LENGTHS = (12, 25, 50, 100)
#: Smallest noise believed, relative to the root mean square of a state: the integration is good to that.
FLOOR = 1e-6
#: Factor by which longer windows may fit worse.
SPOILED = 1.5
ROUNDS, ITERATIONS = 6, 15
#: Parts of a step that are tried.
SHARES = (1.0, 1 / 3, 1 / 9, 1 / 27)
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
    library: Library, runs: Runs, first: np.ndarray, noise: np.ndarray, equations: np.ndarray | None = None
) -> WholeFit:
    """Refine first coefficients, and the choice of terms.

    Parameters
    ----------
    library : Library
    runs : sequence of (times, data, smoothed data)
        Shapes (T,), (T, n) and (T, n).
    first : (n, p) float64
    noise : (n,) float64
        Standard deviation of the measurement error.
    equations : (r, n p) float64, optional
        ``A`` of the linear equations ``A c = b`` that `first` satisfies; terms are then not selected.
    """
    data = np.concatenate([values for _, values, _ in runs])
    noise = np.maximum(noise, FLOOR * np.sqrt(np.mean(data**2, axis=0)))
    best = WholeFit(first, np.zeros_like(first), np.inf, 0)
    longest = max(len(times) for times, _, _ in runs)
    for length in sorted({min(points, longest) for points in LENGTHS}):
        cut = stretches(runs, length)
        matching = TermMatching(library, cut, noise)
        left = cut.values.size - cut.rough.size
        now = _converged(matching, _point(matching, best.coefficients, cut.rough), equations)
        if not np.isfinite(now.total):
            break
        if equations is None and first.size <= MOST:
            now = _searched(matching, now, left)
        if best.points and now.total / left > SPOILED * best.chi2 + 0.5:
            break
        best = WholeFit(now.coefficients, _errors(matching, now, left, equations), now.total / left, length)
        runs = _followed(runs, matching, now, length)
    return best


def _basis(columns: np.ndarray, equations: np.ndarray | None) -> np.ndarray:
    """Directions in which the coefficients on a support may move, (k, r)."""
    return np.eye(len(columns)) if equations is None else null_space(equations[:, columns])


def _stepped(
    matching: TermMatching, now: _Point, local: QuadraticLoss, wanted: np.ndarray, columns: np.ndarray, bound: float
) -> tuple[_Point, float] | None:
    """The longest step towards coefficients wanted on some columns, zero on the others, with a sum of squares within bounds."""
    flat = now.coefficients.ravel()[columns]
    for share in SHARES:
        trial = np.zeros(now.coefficients.size)
        trial[columns] = wanted if share == 1.0 else flat + share * (wanted - flat)
        moved = (trial - now.coefficients.ravel())[local.columns]
        starts = now.starts + share * local.back[..., -1] - local.back[..., :-1] @ moved
        there = _point(matching, trial.reshape(now.coefficients.shape), starts)
        if there.total <= bound:
            return there, share
    return None


def _converged(matching: TermMatching, now: _Point, equations: np.ndarray | None = None) -> _Point:
    """Gauss-Newton on the support, with steps that shrink until they help."""
    columns = np.flatnonzero(now.coefficients)
    basis = _basis(columns, equations)
    for _ in range(ITERATIONS):
        local = matching.expand(now.coefficients, now.starts, columns)
        if local is None:
            break
        step = basis @ solve_on(basis.T @ local.gram @ basis, basis.T @ local.right, np.arange(basis.shape[1]))
        wanted = now.coefficients.ravel()[columns] + step
        after = _stepped(matching, now, local, wanted, columns, now.total * (1 + 1e-9))
        if after is None:
            break
        gain, (now, share) = now.total - after[0].total, after
        if share == 1.0 and gain < 1e-4 * now.total:
            break
    return now


def _searched(matching: TermMatching, now: _Point, left: int) -> _Point:
    """Change the support by what one linearisation predicts, and fit again, until nothing changes."""
    data, library = matching.cut.values.size, now.coefficients.size
    for _ in range(ROUNDS):
        local = matching.expand(now.coefficients, now.starts)
        if local is None:
            return now
        flat = now.coefficients.ravel()
        support, right = np.flatnonzero(flat), local.right + local.gram @ flat
        spread = max(1.0, now.total / left)

        def price(lost: Any, count: Any, spread: float = spread) -> Any:
            return criterion(lost / spread, data, count, library)

        chosen = stepwise(local.gram, right, support, lambda gain, count: price(-gain, count))
        if np.array_equal(chosen, support):
            return now
        wanted = solve_on(local.gram, right, chosen)[chosen]
        reached = _stepped(matching, now, local, wanted, chosen, np.finfo(float).max)
        if reached is None:
            return now
        after = _converged(matching, reached[0])
        if not price(after.total, np.count_nonzero(after.coefficients)) < price(now.total, len(support)):
            return now
        now = after
    return now


def _point(matching: TermMatching, coefficients: np.ndarray, starts: np.ndarray) -> _Point:
    residual = matching.residuals(matching.states(coefficients, starts))
    return _Point(coefficients, starts, float((residual**2).sum()) if np.isfinite(residual).all() else np.inf)


def _errors(matching: TermMatching, now: _Point, left: int, equations: np.ndarray | None) -> np.ndarray:
    """Standard errors of the coefficients on the support."""
    columns = np.flatnonzero(now.coefficients)
    basis = _basis(columns, equations)
    local = matching.expand(now.coefficients, now.starts, columns)
    errors = np.zeros(now.coefficients.shape)
    if local is not None:
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
