r"""Levenberg-Marquardt for any vector of residuals: in residual space where there are fewer residuals than weights.

With the Jacobian `J`, residuals `r`, weights `w` about their prior means, prior precisions plus damping `A` and
:math:`g = J^\top r + P w` the step is

.. math:: d = -A^{-1} \bigl(g - J^\top (I + J A^{-1} J^\top)^{-1} J A^{-1} g\bigr).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

__all__ = ["descend"]

LEAST, MOST = 1e-8, 1e12


def descend(
    residuals: Callable[[Any], Any],
    jacobian: Callable[[Any], Any],
    first: np.ndarray,
    precision: np.ndarray,
    *,
    trials: int,
    judge: Callable[[np.ndarray], float] | None = None,
    patience: int = 25,
    tolerance: float = 1e-5,
    tell: Callable[[int], None] | None = None,
) -> tuple[np.ndarray, float, list[float]]:
    """Minimise ``|r(w)|^2 + precision . (w - first_prior)^2`` with prior mean zero.

    Parameters
    ----------
    residuals, jacobian : callable
        Of the weights (q,): (m,) and (m, q).
    first, precision : (q,) float64
    trials : int
        Most steps that are tried.
    judge : callable, optional
        Misfit of held-out data; the weights that it likes best are returned, and `patience` trials without a better value
        end the training.
    tolerance : float
        Relative decrease over ten accepted steps below which it is over.
    tell : callable, optional
        Called with the number of trials.

    Returns
    -------
    weights : (q,) float64
    cost : float
    history : list of float
        Costs.
    """
    w = np.array(first, dtype=float)
    r = np.asarray(residuals(w))
    cost = _cost(r, w, precision)
    best, liked, since = w, (judge(w) if judge is not None else np.inf), 0
    history, damping, growth = [cost], -1.0, 2.0
    if not np.isfinite(cost):
        return w, cost, history
    j: np.ndarray | None = None
    for trial in range(trials):
        if j is None:
            j = np.asarray(jacobian(w))
            if damping < 0:
                damping = 1e-2 * float(np.mean(np.sum(j**2, axis=1)))
        step = _step(j, r, w, precision, damping)
        after = w + step
        there = np.asarray(residuals(after))
        value = _cost(there, after, precision)
        if np.isfinite(value) and value < cost:
            w, r, cost, j = after, there, value, None
            damping, growth = max(damping / 3, LEAST), 2.0
            history.append(cost)
            if judge is not None:
                now = judge(w)
                if now < liked:
                    best, liked, since = w, now, 0
            if len(history) > 10 and history[-11] - cost < tolerance * cost:
                break
        else:
            damping, growth = damping * growth, growth * 2
            if damping > MOST:
                break
        since += 1
        if tell is not None:
            tell(trial + 1)
        if judge is not None and since > patience:
            break
    return (best if judge is not None else w), cost, history


def _cost(r: np.ndarray, w: np.ndarray, precision: np.ndarray) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float(r @ r + precision @ w**2)


def _step(j: np.ndarray, r: np.ndarray, w: np.ndarray, precision: np.ndarray, damping: float) -> np.ndarray:
    inverse = 1 / (precision + damping)
    g = j.T @ r + precision * w
    scaled = j * inverse
    try:
        if len(r) > len(w):  # the same step, from the smaller of both systems
            return -cho_solve(cho_factor(j.T @ j + np.diag(precision + damping)), g)
        factor = cho_factor(np.eye(len(r)) + scaled @ j.T)
    except (LinAlgError, ValueError):
        return np.zeros_like(w)
    return -inverse * (g - j.T @ cho_solve(factor, scaled @ g))
