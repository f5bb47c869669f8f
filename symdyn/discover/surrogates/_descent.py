r"""Levenberg-Marquardt for many weights: in residual space where there are fewer residuals than weights.

With the Jacobian `J`, residuals `r`, weights `w` about their prior means, prior precisions plus damping `A` and
:math:`g = J^\top r + P w` the step is

.. math:: d = -A^{-1} \bigl(g - J^\top (I + J A^{-1} J^\top)^{-1} J A^{-1} g\bigr).

Weights of one trajectory touch its own residuals alone: their part of :math:`J A^{-1} J^\top` is block diagonal.

Where no data are held out, the prior precision :math:`\alpha_c` of each class c of weights may be that of the greatest
evidence, :math:`\alpha_c = \gamma_c / |w_c|^2` with the number
:math:`\gamma_c = \sum_{i \in c} 1 - \alpha_c (H^{-1})_{ii}` of weights that the data determine, :math:`H = J^\top J + P`
(MacKay, Neural Comput. 4 (1992) 415 and 448; within Levenberg and Marquardt's method: Foresee & Hagan, ICNN (1997) 1930).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, block_diag, cho_factor, cho_solve

__all__ = ["Blocks", "Descended", "descend"]

LEAST, MOST = 1e-8, 1e12
#: Classes of weights of one precision whose matrices are kept by themselves.
FEW = 4
#: Prior precisions that the evidence may choose.
LOOSEST, TIGHTEST = 1e-6, 1e6


class Blocks(NamedTuple):
    """A Jacobian by trajectory: weights that belong to one, (K, R, P), and shared weights, (K, R, Q)."""

    own: Any
    common: Any


class Descended(NamedTuple):
    """Weights, cost and prior precisions at the end; costs and misfits of held-out data at every accepted step."""

    weights: np.ndarray
    cost: float
    history: dict[str, np.ndarray]
    precision: np.ndarray


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
    classes: np.ndarray | None = None,
    redrawn: Callable[[], Any] | None = None,
    tell: Callable[[int], bool | None] | None = None,
) -> Descended:
    r"""Minimise ``|r(w)|^2 + precision . w^2``.

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
        Relative change over ten accepted steps below which it is over.
    classes : (q,) int64, optional
        Classes of weights whose precision the evidence chooses at every accepted step, or -1.  The costs of the history are
        then those of the evidence, with :math:`\log\det(I + J P^{-1} J^\top)`.
    redrawn : callable, optional
        Called after every accepted step; it gives the data of the next ones, of which a part is drawn at random.
    tell : callable, optional
        Called with the number of trials; if it returns False, that was the last.
    """
    w, damping, rise, stopped = np.array(first, dtype=float), -1.0, 2.0, False
    r, cost = _valued(residuals, w, precision, data)
    best, liked, since, accepted = w, np.inf, 0, True
    linear: _Linear | None = None
    costs: list[float] = []
    values: list[float] = []
    breadth = 0.0
    for done in range(trials + 1):
        if linear is not None:
            after = w + linear.step(damping)
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
            if classes is not None:
                j = _blocks(jacobian(w, data))
                precision, breadth = _evident(j, w, precision, classes)
                cost = float(r @ r + precision @ w**2)
            costs.append(cost + breadth)
            values.append(judge(w) if judge is not None else np.nan)
            best = w if values[-1] <= margin * liked else best
            if values[-1] < liked:
                liked, since = values[-1], 0
            if not np.isfinite(cost) or (len(costs) > 10 and abs(costs[-11] - costs[-1]) <= tolerance * cost):
                break
            if redrawn is not None and costs[1:]:
                data = redrawn()
                r, cost = _valued(residuals, w, precision, data)
            if classes is None:
                j = _blocks(jacobian(w, data))
            size = sum(float(np.sum(part**2)) for part in j) / r.size
            damping, rise = 1e-2 * size if damping < 0 else max(damping / 3, LEAST), 2.0
            linear = _Linear(j, r, w, precision)
        if stopped or (judge is not None and since >= max(patience, 1)):
            break
    history = {"train": np.array(costs), "validation": np.array(values)}
    return Descended(best if judge is not None else w, cost, history, precision)


def _valued(residuals: Callable[[Any, Any], Any], w: np.ndarray, precision: np.ndarray, data: Any) -> tuple[np.ndarray, float]:
    r = np.asarray(residuals(w, data)).ravel()
    with np.errstate(over="ignore", invalid="ignore"):
        return r, float(r @ r + precision @ w**2)


def _blocks(jacobian: Any) -> Blocks:
    if isinstance(jacobian, Blocks):
        return Blocks(*(np.asarray(part) for part in jacobian))
    return Blocks(np.zeros((1, len(jacobian), 0)), np.asarray(jacobian)[None])


def _evident(j: Blocks, w: np.ndarray, precision: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, float]:
    """Precisions of the next step towards the greatest evidence, and the logarithm of the determinant of ``I + J P^-1 J'``."""
    (count, rows, size), total = j.own.shape, j.own.shape[0] * j.own.shape[2]
    whole = np.zeros((count * rows, len(w)))
    for k, own in enumerate(j.own):
        whole[k * rows : (k + 1) * rows, k * size : (k + 1) * size] = own
    whole[:, total:] = j.common.reshape(count * rows, -1)
    scaled = whole / np.sqrt(precision)
    if not np.isfinite(scaled).all():
        return precision, 0.0
    try:
        if len(whole) > len(w):
            factor = cho_factor(np.eye(len(w)) + scaled.T @ scaled)
            told = 1 - np.diagonal(cho_solve(factor, np.eye(len(w))))
        else:
            factor = cho_factor(np.eye(len(whole)) + scaled @ scaled.T)
            told = np.sum(scaled * cho_solve(factor, scaled), axis=0)
    except (LinAlgError, ValueError):  # slopes so large that the 1 is lost
        return precision, 0.0
    found = precision.copy()
    for c in range(classes.max() + 1):
        own = classes == c
        if (length := float(np.sum(w[own] ** 2))) > 0:
            found[own] = np.clip(told[own].sum() / length, LOOSEST, TIGHTEST)
    return found, 2 * float(np.sum(np.log(np.diagonal(factor[0]))))


class _Linear:
    """Residuals that change linearly from those at some weights: steps of any damping, which share their matrices."""

    def __init__(self, j: Blocks, r: np.ndarray, w: np.ndarray, precision: np.ndarray) -> None:
        (count, rows, size), self._r, self._precision = j.own.shape, r, precision
        self._own, self._shape, self._total = j.own, (count, rows, size), count * size
        self._common = j.common.reshape(count * rows, j.common.shape[2])
        self._slope = self._back(r) + precision * w

    def _back(self, v: np.ndarray) -> np.ndarray:
        """Of residuals to weights."""
        count, rows, _ = self._shape
        return np.concatenate([np.einsum("krp,kr->kp", self._own, v.reshape(count, rows)).ravel(), self._common.T @ v])

    def _forth(self, v: np.ndarray) -> np.ndarray:
        """Of weights to residuals."""
        own = np.einsum("krp,kp->kr", self._own, v[: self._total].reshape(self._shape[0], self._shape[2]))
        return own.ravel() + self._common @ v[self._total :]

    @cached_property
    def _normal(self) -> np.ndarray:
        """J'J, by blocks."""
        total, common, turned = self._total, self._common, self._own.transpose(0, 2, 1)
        cross = (turned @ common.reshape(*self._shape[:2], -1)).reshape(total, common.shape[1])
        own = block_diag(*(turned @ self._own)) if total else np.zeros((0, 0))
        return np.block([[own, cross], [cross.T, common.T @ common]])

    @cached_property
    def _grams(self) -> list[tuple[float, np.ndarray]]:
        """Of the shared weights of each precision, if there are few of these."""
        shared = self._precision[self._total :]
        values = np.unique(shared)
        parts = ((p, self._common[:, shared == p]) for p in values[: FEW if len(values) <= FEW else 0])
        return [(float(p), part @ part.T) for p, part in parts]

    def step(self, damping: float) -> np.ndarray:
        a, g, r = self._precision + damping, self._slope, self._r
        (count, _, size), total = self._shape, self._total
        try:
            if len(r) > len(a):  # the same step, from the smaller of both systems
                return -cho_solve(cho_factor(self._normal + np.diag(a)), g)
            if self._grams:
                gram = np.sum([part / (p + damping) for p, part in self._grams], axis=0)
            else:
                scaled = self._common / np.sqrt(a[total:])
                gram = scaled @ scaled.T
            gram[np.diag_indices(len(r))] += 1.0
            if size:
                gram += block_diag(*((self._own / a[:total].reshape(count, 1, size)) @ self._own.transpose(0, 2, 1)))
            factor = cho_factor(gram)
        except (LinAlgError, ValueError):
            return np.zeros_like(a)
        return -(g - self._back(cho_solve(factor, self._forth(g / a)))) / a
