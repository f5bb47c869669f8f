"""Which terms explain values: subsets of every size by search or by thresholds, ranked by an information criterion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symdyn.discover.regressors._constrained import backward
from symdyn.discover.regressors._formula import criterion, effective_size
from symdyn.discover.regressors._stepwise import stepwise
from symdyn.discover.regressors.subsets import best_subsets, least_squares, thresholded

__all__ = ["METHODS", "Choice", "Selector", "chosen", "chosen_under", "inclusion"]

#: How subsets of terms are proposed.
METHODS = ("subsets", "stlsq")


#: From row numbers and column numbers to coefficients, one for each of these columns.
Selector = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Choice:
    """Coefficients (q,) of one subset of the terms, and its residual sum of squares."""

    coefficients: np.ndarray
    loss: float


def chosen(
    design: np.ndarray,
    target: np.ndarray,
    *,
    method: str,
    threshold: float,
    exact: int,
    near: np.ndarray | None = None,
) -> list[Choice]:
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
    near : (m,) int64, optional
        Nearest samples, see `symdyn.discover.regressors._formula.effective_size`.
    """
    if method == "stlsq":
        subsets = thresholded(design, target, threshold)
    else:
        subsets = best_subsets(design, target, threshold=threshold, exact=exact)
    fits = {s: Choice(*_on(design, target, s)) for s in subsets}
    power = float(target @ target) or 1.0

    def order(known: dict[tuple[int, ...], Choice]) -> tuple[list[tuple[int, ...]], float]:
        best = min(known.values(), key=lambda c: c.loss)
        size = effective_size(target - design @ best.coefficients, near)
        ranking = sorted(known, key=lambda s: criterion(known[s].loss / power, size, len(s), floor=threshold))
        return ranking, size

    ranking, size = order(fits)
    if method == "subsets":
        better = _exchanged(design, target, ranking[0], size, threshold)
        if better not in fits:
            fits[better] = Choice(*_on(design, target, better))
            ranking, _ = order(fits)
    return [fits[s] for s in ranking]


def _on(design: np.ndarray, target: np.ndarray, subset: tuple[int, ...]) -> tuple[np.ndarray, float]:
    whole = np.zeros(design.shape[1])
    whole[list(subset)], loss = least_squares(design[:, list(subset)], target)
    return whole, loss


def _exchanged(design: np.ndarray, target: np.ndarray, subset: tuple[int, ...], size: float, floor: float) -> tuple[int, ...]:
    """The subset after additions, removals and exchanges that lower the criterion."""
    length = np.linalg.norm(design, axis=0)
    length = np.where(length > 0, length, 1.0)
    q, r = np.linalg.qr(design / length)
    power = float(target @ target) or 1.0

    def cost(gain: np.ndarray, count: np.ndarray) -> np.ndarray:
        few = 2 * count * (count + 1) / np.maximum(size - count - 1, 1.0)
        left = np.maximum(1 - gain / power, 0.0) + floor**2 + 1e-300
        return size * np.log(left) + count * np.log(max(size, 2.0)) + few

    usable = np.linalg.norm(design, axis=0) > 1e-12 * length.max(initial=0.0)
    found = stepwise(r.T @ r, r.T @ (q.T @ target), np.array(subset, dtype=int), cost, allowed=usable)
    return tuple(int(i) for i in found)


def chosen_under(
    gram: np.ndarray, right: np.ndarray, power: float, equations: tuple[np.ndarray, np.ndarray], *,
    threshold: float, size: Callable[[np.ndarray], float],
) -> list[Choice]:  # fmt: skip
    """Choices for coefficients under linear equations ``A c = b``, best first; every numbers of terms by backward elimination.

    Parameters
    ----------
    gram, right : (q, q), (q,) float64
    power : float
        Sum of squares of the target.
    equations : pair of (r, q) and (r,) float64
    threshold : float
    size : callable
        How many independent samples the residuals of coefficients are worth.
    """
    path = backward(gram, right, *equations)
    losses = [max(power - s.gain, 0.0) for s in path]
    worth = size(path[int(np.argmin(losses))].coefficients)
    costs = [
        criterion(loss / power if power else 0.0, worth, s.free, floor=threshold) for s, loss in zip(path, losses, strict=True)
    ]
    order = np.argsort(costs, kind="stable")
    return [Choice(path[k].coefficients, losses[k]) for k in order]


def inclusion(
    count: int, rows: int, columns: int, left_out: float, rng: np.random.RandomState,
    select: Selector,
) -> np.ndarray:  # fmt: skip
    """How often each column is chosen, among the samples in which it took part.

    Parameters
    ----------
    count : int
        Samples.
    rows, columns : int
        Of the design.
    left_out : float
        Share of the columns that each sample goes without.
    rng : RandomState
    select : callable
        From row numbers (drawn with replacement) and column numbers to coefficients, one for each of these columns.
    """
    taken, seen = np.zeros(columns), np.zeros(columns)
    kept = max(1, columns - int(left_out * columns))
    for _ in range(count):
        drawn = np.sort(rng.randint(rows, size=rows))
        part = np.sort(rng.permutation(columns)[:kept]) if kept < columns else np.arange(columns)
        taken[part] += select(drawn, part) != 0
        seen[part] += 1
    return taken / np.maximum(seen, 1)
