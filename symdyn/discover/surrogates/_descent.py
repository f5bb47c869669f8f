r"""Levenberg-Marquardt for many weights: in residual space where there are fewer residuals than weights.

With the Jacobian `J`, residuals `r`, weights `w` about their prior means, prior precisions plus damping `A` and
:math:`g = J^\top r + P w` the step is

.. math:: d = -A^{-1} \bigl(g - J^\top (I + J A^{-1} J^\top)^{-1} J A^{-1} g\bigr).

Weights of one trajectory touch its own residuals alone: their part of :math:`J A^{-1} J^\top` is block diagonal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, block_diag, cho_factor, cho_solve

__all__ = ["Blocks", "Descended", "descend"]

LEAST, MOST = 1e-8, 1e12


class Blocks(NamedTuple):
    """A Jacobian by trajectory: weights that belong to one, (K, R, P), and shared weights, (K, R, Q)."""

    own: Any
    common: Any


class Descended(NamedTuple):
    """Weights and cost at the end, and the costs and misfits of held-out data at every accepted step."""

    weights: np.ndarray
    cost: float
    history: dict[str, np.ndarray]


def descend(
    residuals: Callable[[Any, Any], Any],
    jacobian: Callable[[Any, Any], Any],
    first: np.ndarray,
    precision: np.ndarray,
    data: Any = None,
    *,
    trials: int,
    judge: Callable[[np.ndarray], float] | None = None,
    margin: float = 1.0,
    patience: int = 25,
    tolerance: float = 1e-5,
    tell: Callable[[int], bool | None] | None = None,
) -> Descended:
    """Minimise ``|r(w)|^2 + precision . w^2``.

    Parameters
    ----------
    residuals, jacobian : callable
        Of the weights (q,) and `data`: residuals of any shape, and `Blocks` or a matrix.  Weights of trajectories come first.
    first, precision : (q,) float64
    trials : int
        Most steps that are tried.
    judge : callable, optional
        Misfit of held-out data; the last weights are returned that it likes within a factor `margin` of the best, and
        `patience` trials without a better value end the training.
    tolerance : float
        Relative decrease over ten accepted steps below which it is over.
    tell : callable, optional
        Called with the number of trials; if it returns False, that was the last.
    """
    w, damping, rise, stopped = np.array(first, dtype=float), -1.0, 2.0, False
    r, cost = _valued(residuals, w, precision, data)
    j, best, liked, since, accepted = Blocks(None, None), w, np.inf, 0, True
    costs: list[float] = []
    values: list[float] = []
    for done in range(trials + 1):
        if done:
            after = w + _step(j, r, w, precision, damping)
            there, value = _valued(residuals, after, precision, data)
            accepted = bool(np.isfinite(value) and value < cost)
            if accepted:
                w, r, cost = after, there, value
            else:
                damping, rise = damping * rise, 2 * rise
            if damping > MOST:
                break
            stopped = tell is not None and tell(done) is False
        since += 1
        if accepted:
            costs.append(cost)
            values.append(judge(w) if judge is not None else np.nan)
            best = w if values[-1] <= margin * liked else best
            if values[-1] < liked:
                liked, since = values[-1], 0
            if not np.isfinite(cost) or (len(costs) > 10 and costs[-11] - cost < tolerance * cost):
                break
            j = _blocks(jacobian(w, data))
            size = sum(float(np.sum(part**2)) for part in j) / r.size
            damping, rise = 1e-2 * size if damping < 0 else max(damping / 3, LEAST), 2.0
        if stopped or (judge is not None and since >= max(patience, 1)):
            break
    return Descended(best if judge is not None else w, cost, {"train": np.array(costs), "validation": np.array(values)})


def _valued(residuals: Callable[[Any, Any], Any], w: np.ndarray, precision: np.ndarray, data: Any) -> tuple[np.ndarray, float]:
    r = np.asarray(residuals(w, data)).ravel()
    with np.errstate(over="ignore", invalid="ignore"):
        return r, float(r @ r + precision @ w**2)


def _blocks(jacobian: Any) -> Blocks:
    if isinstance(jacobian, Blocks):
        return Blocks(*(np.asarray(part) for part in jacobian))
    return Blocks(np.zeros((1, len(jacobian), 0)), np.asarray(jacobian)[None])


def _step(j: Blocks, r: np.ndarray, w: np.ndarray, precision: np.ndarray, damping: float) -> np.ndarray:
    (count, rows, size), total = j.own.shape, j.own.shape[0] * j.own.shape[2]
    common, a = j.common.reshape(count * rows, j.common.shape[2]), precision + damping

    def back(v: np.ndarray) -> np.ndarray:
        """Of residuals to weights."""
        return np.concatenate([np.einsum("krp,kr->kp", j.own, v.reshape(count, rows)).ravel(), common.T @ v])

    def forth(v: np.ndarray) -> np.ndarray:
        """Of weights to residuals."""
        return np.einsum("krp,kp->kr", j.own, v[:total].reshape(count, size)).ravel() + common @ v[total:]

    g = back(r) + precision * w
    try:
        if len(r) > len(w):  # the same step, from the smaller of both systems
            normal, turned = np.diag(a), j.own.transpose(0, 2, 1)
            cross = (turned @ j.common).reshape(total, common.shape[1])
            normal[:total, :total] += block_diag(*(turned @ j.own)) if size else 0.0
            normal[:total, total:] += cross
            normal[total:, :total] += cross.T
            normal[total:, total:] += common.T @ common
            return -cho_solve(cho_factor(normal), g)
        gram = np.eye(len(r)) + (common / a[total:]) @ common.T
        if size:
            gram += block_diag(*((j.own / a[:total].reshape(count, 1, size)) @ j.own.transpose(0, 2, 1)))
        factor = cho_factor(gram)
    except (LinAlgError, ValueError):
        return np.zeros_like(w)
    return -(g - back(cho_solve(factor, forth(g / a)))) / a
