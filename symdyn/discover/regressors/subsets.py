"""Which few columns explain the data: exact search of all small subsets, elimination for larger ones, and thresholds."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np

__all__ = ["best_subsets", "least_squares", "thresholded"]

EXACT = 20_000  # subsets of one size that are tried exhaustively
BATCH = 4096
STEP = 1.5  # between thresholds


def least_squares(design: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients, with columns scaled to unit length first, and the residual sum of squares."""
    size = np.linalg.norm(design, axis=0)
    size = np.where(size > 0, size, 1.0)
    coefficients = np.linalg.lstsq(design / size, target, rcond=None)[0] / size
    residual = target - design @ coefficients
    return coefficients, float(residual @ residual)


def best_subsets(design: np.ndarray, target: np.ndarray, *, threshold: float, exact: int) -> list[tuple[int, ...]]:
    """One subset of columns for every size, smallest first.

    Parameters
    ----------
    design : (m, p) float64
    target : (m,) float64
    threshold : float
        A column whose contribution is below this fraction of the target goes first.
    exact : int
        Sizes up to this are searched exhaustively as long as there are not too many subsets.
    """
    size = np.linalg.norm(design, axis=0)
    usable = np.flatnonzero(size > 1e-12 * max(size.max(initial=0.0), 1e-300))
    scaled = design[:, usable] / size[usable]
    found: dict[int, tuple[int, ...]] = {0: ()}
    for subset in _eliminated(scaled, target, threshold):
        found[len(subset)] = subset
    for k in range(1, min(exact, len(usable)) + 1):
        if comb(len(usable), k) <= EXACT:
            found[k] = _exhaustive(scaled, target, k)
    return [tuple(int(usable[i]) for i in sorted(found[k])) for k in sorted(found)]


def thresholded(design: np.ndarray, target: np.ndarray, threshold: float) -> list[tuple[int, ...]]:
    """Subsets left by sequentially thresholded least squares, at `threshold` and at greater ones until nothing is left.

    A column goes when its contribution (norm of coefficient times column) is below the threshold times the norm of the
    target; the rest is fitted again, until all are above.

    References
    ----------
    Brunton, Proctor, Kutz, PNAS 113, 3932 (2016).
    """
    size = np.linalg.norm(design, axis=0)
    usable = np.flatnonzero(size > 1e-12 * max(size.max(initial=0.0), 1e-300))
    scaled, least = design[:, usable] / size[usable], np.linalg.norm(target)
    subsets: dict[tuple[int, ...], None] = {}
    active = np.arange(len(usable))
    while True:
        while active.size:
            coefficients = np.linalg.lstsq(scaled[:, active], target, rcond=None)[0]
            big = np.abs(coefficients) >= threshold * least
            if big.all():
                break
            active = active[big]
        subsets[tuple(int(usable[i]) for i in active)] = None
        if not active.size:
            return list(subsets)
        threshold = max(threshold, 1e-6) * STEP


def _eliminated(scaled: np.ndarray, target: np.ndarray, threshold: float) -> list[tuple[int, ...]]:
    """Sequential thresholding, then the column least missed goes, one after another."""
    active = np.arange(scaled.shape[1])
    least = threshold * np.linalg.norm(target)
    subsets: list[tuple[int, ...]] = []
    while active.size:
        part = scaled[:, active]
        coefficients = np.linalg.lstsq(part, target, rcond=None)[0]
        small = np.abs(coefficients) < least
        if small.any() and not small.all():
            active = active[~small]
            continue
        subsets.append(tuple(int(i) for i in active))
        # what dropping each column costs: c^2 / [(A^T A)^-1]
        spread = np.diag(np.linalg.pinv(part.T @ part, hermitian=True))
        active = np.delete(active, int(np.argmin(coefficients**2 / np.maximum(spread, 1e-300))))
    return subsets


def _exhaustive(scaled: np.ndarray, target: np.ndarray, k: int) -> tuple[int, ...]:
    """The subset of `k` columns with the least residual, by batched normal equations."""
    gram, right = scaled.T @ scaled, scaled.T @ target
    best, chosen = -np.inf, tuple(range(k))
    subsets = np.array(list(combinations(range(scaled.shape[1]), k)))
    for start in range(0, len(subsets), BATCH):
        s = subsets[start : start + BATCH]
        systems = gram[s[:, :, None], s[:, None, :]] + 1e-13 * np.eye(k)
        b = right[s]
        explained = np.einsum("bk,bk->b", b, np.linalg.solve(systems, b[..., None])[..., 0])
        i = int(np.argmax(explained))
        if explained[i] > best:
            best, chosen = float(explained[i]), tuple(int(v) for v in s[i])
    return chosen
