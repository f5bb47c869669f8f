"""Choosing columns of linear equations with noise of unit variance: all small subsets, ranked by the criterion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from symdyn.discover.regressors.subsets import leading, least_squares
from symdyn.inference.criterion import criterion

__all__ = ["LinearChoice", "choose"]

#: Subsets of one size that are all tried; of larger sizes those that hold the best of the size before.
EXACT = 60_000
#: Subsets of every size that are kept.
KEPT = 12


@dataclass(frozen=True)
class LinearChoice:
    """A subset of the terms with its values.

    Attributes
    ----------
    chosen : (K,) bool
    theta : (P,) float64
    rss, criterion : float
    """

    chosen: np.ndarray
    theta: np.ndarray
    rss: float
    criterion: float


def choose(
    design: np.ndarray, target: np.ndarray, terms: np.ndarray, always: np.ndarray, *, largest: int, floor: float,
    stop: Callable[[], bool] = lambda: False,
) -> list[LinearChoice]:  # fmt: skip
    """The best subsets of terms of each size, those with the least criterion first.

    Parameters
    ----------
    design : (Q, P) float64
    target : (Q,) float64
    terms : (K,) int
        Columns of the design that may be left out.
    always : (A,) int
        Columns that are in every subset.
    largest : int
        Most terms.
    floor : float
        Mean square that counts as zero, relative to that of the target.
    stop : callable
        Whether to end with the best so far.
    """
    rows = len(target)
    q = np.linalg.qr(design[:, always])[0] if len(always) else np.zeros((rows, 0))
    left, free = target - q @ (q.T @ target), design[:, terms] - q @ (q.T @ design[:, terms])
    size = np.linalg.norm(free, axis=0)
    usable = np.flatnonzero(size > 1e-10 * np.linalg.norm(design[:, terms], axis=0))
    scaled = free[:, usable] / size[usable]
    gram, right = scaled.T @ scaled, scaled.T @ left
    small = floor * float(target @ target) / rows
    found: list[tuple[int, ...]] = [()]
    before: list[tuple[int, ...]] = [()]
    for k in range(1, min(largest, len(usable), max(rows - len(always) - 3, 0)) + 1):
        if stop():
            break
        if comb(len(usable), k) <= EXACT:
            subsets = np.array(list(combinations(range(len(usable)), k)))
        else:
            grown = {tuple(sorted((*s, j))) for s in before for j in range(len(usable)) if j not in s}
            subsets = np.array(sorted(grown))
        before = [s for s, _ in leading(gram, right, subsets, KEPT)]
        found += before
    choices = []
    for subset in found:
        chosen = np.zeros(len(terms), dtype=bool)
        chosen[usable[list(subset)]] = True
        columns = np.concatenate([always, terms[chosen]]).astype(int)
        theta = np.zeros(design.shape[1])
        theta[columns], rss = least_squares(design[:, columns], target)
        value = criterion(rss, rows, 0, len(columns), terms=len(subset), library=len(terms), floor=small)
        choices.append(LinearChoice(chosen, theta, rss, value))
    return sorted(choices, key=lambda c: c.criterion)
