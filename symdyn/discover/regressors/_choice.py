"""Which terms explain values: subsets of every size by search or by thresholds, ranked by an information criterion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.discover.regressors._criterion import criterion, effective_size
from symdyn.discover.regressors.subsets import Reduced, Shrinking, eliminated, searched, stepwise, thresholded
from symdyn.errors import RecoveryError

__all__ = ["METHODS", "Choice", "chosen", "chosen_under"]

#: How subsets of terms are proposed.
METHODS = ("subsets", "stlsq")


@dataclass(frozen=True)
class Choice:
    """Coefficients (q,) of one subset of the terms, and its residual sum of squares."""

    coefficients: np.ndarray
    loss: float


def chosen(
    design: np.ndarray, target: np.ndarray, *, method: str, threshold: float, exact: int, most: int,
    near: np.ndarray | None = None,
) -> list[Choice]:  # fmt: skip
    """Choices for an unconstrained term, best first.

    Parameters
    ----------
    design, target : (m, q), (m,) float64
    method : {'subsets', 'stlsq'}
        The best subset of every size, or sequential thresholding at a series of thresholds.
    threshold : float
        Contribution, relative to the target, below which a column is not looked for.
    exact : int
        Sizes up to this are searched exhaustively.
    most : int
        How many choices are kept.
    near : (m,) int64, optional
        Nearest samples, see `symdyn.discover.regressors._criterion.effective_size`.
    """
    small = Reduced.of(design, target)
    power = small.power or 1.0
    losses = thresholded(small, threshold) if method == "stlsq" else searched(small, threshold, exact)

    def fitted(subset: tuple[int, ...]) -> Choice:
        found = np.zeros(design.shape[1])
        found[small.place[list(subset)]], loss = small.fit(subset)
        return Choice(found, loss)

    size = effective_size(target - design @ fitted(min(losses, key=lambda s: losses[s])).coefficients, near)

    def price(loss: Any, count: Any) -> Any:
        return criterion(loss / power, size, count, threshold)

    if method == "subsets":
        best = min(losses, key=lambda s: price(losses[s], len(s)))
        gram, right = small.design.T @ small.design, small.target @ small.design
        support = stepwise(gram, right, np.array(best, dtype=int), lambda gain, count: price(power - gain, count))
        better = tuple(int(i) for i in support)
        if better not in losses:
            losses[better] = fitted(better).loss
    return [fitted(s) for s in sorted(losses, key=lambda s: price(losses[s], len(s)))[:most]]


def chosen_under(
    gram: np.ndarray, right: np.ndarray, power: float, equations: tuple[np.ndarray, np.ndarray], *,
    threshold: float, most: int, size: Callable[[np.ndarray], float],
) -> list[Choice]:  # fmt: skip
    """Choices for coefficients under linear equations ``A c = b``, best first; all numbers of terms by elimination.

    Parameters
    ----------
    gram, right : (q, q), (q,) float64
    power : float
        Sum of squares of the target.
    equations : pair of (r, q) and (r,) float64
    threshold : float
    most : int
        How many choices are kept.
    size : callable
        How many independent samples the residuals of coefficients are worth.
    """
    length = np.sqrt(np.maximum(np.diag(gram), 0.0))
    place = np.flatnonzero(length > 1e-12 * length.max(initial=0.0))
    unit = 1 / length[place]
    g, r = gram[np.ix_(place, place)] * unit[:, None] * unit, right[place] * unit
    a, b = equations[0][:, place] * unit, equations[1]

    def fitted(columns: np.ndarray) -> Choice:
        found = np.zeros(len(right))
        fit = Shrinking.under(g[np.ix_(columns, columns)], r[columns], a[:, columns], b)
        c = np.zeros(len(columns)) if fit is None else fit.coefficients
        found[place[columns]] = c * unit[columns]
        return Choice(found, max(power - float(2 * r[columns] @ c - c @ g[np.ix_(columns, columns)] @ c), 0.0))

    left = Shrinking.under(g, r, a, b)
    if left is None:
        raise RecoveryError("the constraints need terms that are zero on all samples; give samples where they differ")
    full = fitted(np.arange(len(place)))
    path = eliminated(left)
    worth = size(full.coefficients)
    costs = [criterion((full.loss + lost) / power if power else 0.0, worth, free, threshold) for _, lost, free in path]
    return [fitted(path[k][0]) for k in np.argsort(costs, kind="stable")[:most]]
