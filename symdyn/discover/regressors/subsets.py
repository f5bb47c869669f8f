r"""Which few columns explain a target: all small subsets, thresholds, elimination, and single moves.

The sum of squares of a linear (or linearised) model with coefficients :math:`c` is
:math:`K - 2 b^\top c + c^\top G c`; with the support `S` its minimum is :math:`K - b_S^\top G_{SS}^{-1} b_S`.  Supports that
shrink keep a root of their covariance, :math:`W W^\top = G_{SS}^{-1}`: without column `i` the sum of squares is greater by
:math:`c_i^2 / |w_i|^2`, and the other rows of `W` are what is orthogonal to :math:`w_i`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from scipy.linalg import null_space

__all__ = [
    "Reduced", "Shrinking", "eliminated", "leading", "least_squares", "searched", "stepwise", "thresholded",
]  # fmt: skip

EXACT = 20_000  # subsets of one size that are tried exhaustively
BATCH = 4096
STEP = 1.5  # between thresholds
MOVES = 200  # that a search makes at most
#: Share of a column's squared length that must stand out of the others for it to be added.
INDEPENDENT = 1e-10
#: Singular values, relative to the largest, below which a direction of the coefficients is not determined.
FLAT = 1e-10
#: Variance of a coefficient, relative to the greatest, below which it is no more than rounding: equations fix it.
FIXED = 1e-24
#: What counts as zero in equations between coefficients.
SMALL = 1e-10


def least_squares(design: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients, with columns scaled to unit length first, and the residual sum of squares."""
    size = np.linalg.norm(design, axis=0)
    size = np.where(size > 0, size, 1.0)
    coefficients = np.linalg.lstsq(design / size, target, rcond=None)[0] / size
    residual = target - design @ coefficients
    return coefficients, float(residual @ residual)


def leading(gram: np.ndarray, right: np.ndarray, subsets: np.ndarray, count: int) -> list[tuple[tuple[int, ...], float]]:
    """The subsets (s, k) of columns of unit length that lower the sum of squares most, `count` of them, and by how much.

    >>> [(s, round(gain, 9)) for s, gain in leading(np.eye(2), np.array([1.0, 3.0]), np.array([[0], [1]]), 2)]
    [((1,), 9.0), ((0,), 1.0)]
    """
    gains = np.empty(len(subsets))
    for start in range(0, len(subsets), BATCH):
        s = subsets[start : start + BATCH]
        systems = gram[s[:, :, None], s[:, None, :]] + 1e-13 * np.eye(s.shape[1])
        gains[start : start + BATCH] = np.einsum("sk,sk->s", right[s], np.linalg.solve(systems, right[s][..., None])[..., 0])
    order = np.argsort(-gains, kind="stable")[:count]
    return [(tuple(int(j) for j in subsets[i]), float(gains[i])) for i in order]


@dataclass
class Shrinking:
    """Coefficients on a support from which columns go one by one.

    Parameters
    ----------
    coefficients : (k,) float64
    root : (k, r) float64
        `W`; a row of zeros belongs to a coefficient that cannot move.
    columns : (k,) int64
        Which they are.
    lost : float
        Sum of squares, or by how much it has become greater.

    Examples
    --------
    >>> two = Shrinking(np.array([1.0, 2.0]), np.array([[1.0, 0.0], [-1.0, 1.0]]), np.arange(2))  # of correlated columns
    >>> two.drop(0)
    >>> two.columns.tolist(), two.coefficients.tolist(), two.lost
    ([1], [3.0], 1.0)
    """

    coefficients: np.ndarray
    root: np.ndarray
    columns: np.ndarray
    lost: float = 0.0

    @classmethod
    def of(cls, design: np.ndarray, target: np.ndarray) -> Shrinking:
        """Least squares; of more columns than rows on those that explain most, one after another."""
        rows, count = design.shape
        which = np.arange(count) if count <= rows else np.sort(_forward(design, target))
        u, s, v = np.linalg.svd(design[:, which], full_matrices=False)
        floor = max(FLAT * s.max(initial=0.0), 1e-300)
        c = v.T @ np.where(s > floor, (u.T @ target) / np.maximum(s, floor), 0.0)
        return cls(c, v.T / np.maximum(s, floor), which, float(np.square(target - design[:, which] @ c).sum()))

    @classmethod
    def under(cls, gram: np.ndarray, right: np.ndarray, a: np.ndarray, b: np.ndarray) -> Shrinking | None:
        r"""The minimum of a quadratic form under ``A c = b``; None if the equations cannot hold.

        :math:`c = c_0 + N z` with the columns of `N` spanning the null space of `A` leaves `z` free.
        """
        held = np.any(a != 0, axis=1)
        if np.any(np.abs(b[~held]) > SMALL):
            return None
        particular = np.linalg.lstsq(a[held], b[held], rcond=None)[0] if held.any() else np.zeros(len(right))
        if held.any() and np.abs(a[held] @ particular - b[held]).max() > 1e-8 * max(1.0, np.abs(b).max()):
            return None
        basis = null_space(a[held], rcond=SMALL) if held.any() else np.eye(len(right))
        values, vectors = np.linalg.eigh(basis.T @ gram @ basis)
        floor = 1e-14 * max(values.max(initial=0.0), 1e-300)
        along = basis @ vectors
        c = along @ (np.where(values > floor, 1.0, 0.0) / np.maximum(values, floor) * (along.T @ (right - gram @ particular)))
        return cls(particular + c, along / np.sqrt(np.maximum(values, floor)), np.arange(len(c)))

    def costs(self) -> np.ndarray:
        """What dropping each column adds to the sum of squares; infinite for a coefficient that cannot move, unless it is 0."""
        spread = np.einsum("kr,kr->k", self.root, self.root)
        fixed = spread <= FIXED * max(spread.max(initial=0.0), 1e-300)
        zero = np.abs(self.coefficients) <= 1e-9 * np.abs(self.coefficients).max(initial=1e-300)
        return np.where(fixed, np.where(zero, 0.0, np.inf), self.coefficients**2 / np.where(fixed, 1.0, spread))

    def drop(self, k: int) -> None:
        """Leave out the k-th of the columns left: a reflection turns its row of the root into one coordinate, which goes."""
        w, c = self.root[k], self.coefficients[k]
        length, keep = np.linalg.norm(w), np.arange(len(self.columns)) != k
        moves = length**2 > FIXED * np.square(self.root).max(initial=0.0)
        self.columns, self.coefficients, self.root = self.columns[keep], self.coefficients[keep], self.root[keep]
        if moves:
            mirror = w / length
            self.coefficients = self.coefficients - self.root @ mirror * (c / length)
            self.lost += float(c / length) ** 2
            pivot = int(np.argmax(np.abs(mirror)))
            other = np.arange(len(w)) != pivot
            mirror[pivot] += np.copysign(1.0, mirror[pivot])
            # times I - 2 m m' / m'm with m'm = 2 |m_pivot|
            self.root = self.root[:, other] - np.outer(self.root @ mirror / abs(mirror[pivot]), mirror[other])

    def clear(self, least: float) -> bool:
        """Drop all coefficients below `least`, unless all are; whether any was."""
        small = np.flatnonzero(np.abs(self.coefficients) < least)
        if not 0 < len(small) < len(self.columns):
            return False
        for k in small[::-1]:
            self.drop(int(k))
        return True


def eliminated(left: Shrinking, least: float = 0.0) -> list[tuple[np.ndarray, float, int]]:
    """Smaller and smaller supports: those below `least` and those that cost nothing go at once, then the one missed least.

    Returns
    -------
    list of (columns, loss, numbers that are fitted)
    """
    found = []
    while True:
        if left.clear(least):
            continue
        costs = left.costs()
        gone = np.flatnonzero(costs == 0)
        if not len(gone):
            found.append((left.columns, left.lost, left.root.shape[1]))
            if not np.isfinite(costs.min(initial=np.inf)):
                return found
            gone = np.array([np.argmin(costs)])
        for k in gone[::-1]:
            left.drop(int(k))


@dataclass(frozen=True)
class Reduced:
    """Least squares with fewer rows: the columns that are searched, at unit length, and the part of the target in their span.

    Attributes
    ----------
    design, target : (r, q), (r,) float64
    rest : float
        Sum of squares that no column explains.
    place, size : (q,)
        Where the columns stand among all, and their lengths.
    """

    design: np.ndarray
    target: np.ndarray
    rest: float
    place: np.ndarray
    size: np.ndarray

    @classmethod
    def of(cls, design: np.ndarray, target: np.ndarray) -> Reduced:
        """Without columns of zeros."""
        size = np.linalg.norm(design, axis=0)
        place = np.flatnonzero(size > 1e-12 * max(size.max(initial=0.0), 1e-300))
        scaled, rest = design[:, place] / size[place], 0.0
        if len(scaled) > scaled.shape[1]:
            q, scaled = np.linalg.qr(scaled)
            along = q.T @ target
            rest, target = float(np.square(target - q @ along).sum()), along
        return cls(scaled, target, rest, place, size[place])

    @property
    def power(self) -> float:
        """The sum of squares without any column."""
        return float(self.target @ self.target) + self.rest

    def shrinking(self) -> Shrinking:
        """A fit on all columns, or on as many as there are rows."""
        left = Shrinking.of(self.design, self.target)
        left.lost += self.rest
        return left

    def fit(self, subset: tuple[int, ...]) -> tuple[np.ndarray, float]:
        """Coefficients of the columns at `place` numbers `subset`, in their own units, and the sum of squares."""
        chosen = list(subset)
        coefficients, loss = least_squares(self.design[:, chosen], self.target)
        return coefficients / self.size[chosen], loss + self.rest


def _forward(design: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Columns (unit length) one after another, each the one that explains most of what is left: a pivoted Cholesky factor."""
    own, right, power = np.ones(design.shape[1]), target @ design, float(target @ target)
    factor, chosen = np.empty((0, len(own))), np.zeros(0, dtype=int)
    while len(chosen) < len(target):
        gain = np.where(own > INDEPENDENT, right**2 / np.maximum(own, INDEPENDENT), -1.0)
        j = int(np.argmax(gain))
        if gain[j] <= 1e-28 * power:
            break
        row = (design[:, j] @ design - factor[:, j] @ factor) / np.sqrt(own[j])
        right = right - row * (right[j] / np.sqrt(own[j]))
        own = own - row**2
        own[j] = 0.0
        factor, chosen = np.vstack([factor, row]), np.append(chosen, j)
    return chosen


def searched(small: Reduced, threshold: float, exact: int) -> dict[tuple[int, ...], float]:
    """The subset of every size, smallest first, with its sum of squares.

    Parameters
    ----------
    small : Reduced
    threshold : float
        A column whose contribution is below this fraction of the target goes first.
    exact : int
        Sizes up to this are searched exhaustively as long as there are not too many subsets.
    """
    found: dict[int, tuple[tuple[int, ...], float]] = {0: ((), small.power)}
    for columns, lost, _ in eliminated(small.shrinking(), threshold * np.sqrt(small.power)):
        found[len(columns)] = tuple(int(i) for i in columns), lost
    gram, right, count = small.design.T @ small.design, small.target @ small.design, len(small.place)
    for k in range(1, min(exact, count) + 1):
        if comb(count, k) <= EXACT:
            ((best, gain),) = leading(gram, right, np.array(list(combinations(range(count), k))), 1)
            found[k] = best, max(small.power - gain, 0.0)
    return dict(found[k] for k in sorted(found))


def thresholded(small: Reduced, threshold: float) -> dict[tuple[int, ...], float]:
    """Subsets left by sequentially thresholded least squares, at `threshold` and at greater ones until nothing is left.

    A column goes when its contribution (norm of coefficient times column) is below the threshold times the norm of the
    target; the rest is fitted again, until all are above.

    References
    ----------
    Brunton, Proctor, Kutz, PNAS 113, 3932 (2016).
    """
    left, root = small.shrinking(), np.sqrt(small.power)
    found: dict[tuple[int, ...], float] = {}
    while True:
        while left.clear(threshold * root):
            pass
        if not np.any(np.abs(left.coefficients) >= threshold * root):
            return found | {(): small.power}
        found[tuple(int(i) for i in left.columns)] = left.lost
        threshold = max(threshold, 1e-6) * STEP


def stepwise(
    gram: np.ndarray,
    right: np.ndarray,
    support: np.ndarray,
    cost: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """The support after single moves, each the one that lowers the cost most, until none does.

    Parameters
    ----------
    gram, right : (q, q), (q,) float64
        `G` and `b`.
    support : (k,) int64
        Where to begin.
    cost : callable
        From how much the sum of squares is lowered, an array, and the number of columns, an array, to what is minimised.

    Returns
    -------
    (k,) int64, sorted

    Examples
    --------
    >>> design = np.array([[1.0, 0, 1], [0, 1, 1], [0, 0, 0.1], [1, 1, 0]])
    >>> target = design[:, 0] - 2 * design[:, 1]
    >>> cost = lambda gain, count: (target @ target - gain) + 0.1 * count
    >>> stepwise(design.T @ design, design.T @ target, np.array([2]), cost).tolist()
    [0, 1]
    """
    unit = 1 / np.sqrt(np.maximum(np.diag(gram), 1e-300))
    g, b = gram * unit[:, None] * unit, right * unit
    free = np.diag(gram) > 0
    inside = np.zeros(len(b), dtype=bool)
    inside[support] = True
    for _ in range(MOVES):
        own, rest = np.flatnonzero(inside), np.flatnonzero(~inside & free)
        inverse = np.linalg.pinv(g[np.ix_(own, own)], rcond=1e-14, hermitian=True)
        cross = inverse @ g[np.ix_(own, rest)]
        c = inverse @ b[own]
        left = 1.0 - np.einsum("ij,ij->j", g[np.ix_(own, rest)], cross)
        pull = b[rest] - c @ g[np.ix_(own, rest)]
        apart = left > INDEPENDENT
        add = np.where(apart, pull**2 / np.where(apart, left, 1.0), -np.inf)
        spread = np.maximum(np.diag(inverse), 1e-300)
        drop = c**2 / spread
        # add j, then drop i: the coefficient and variance of i once j is in
        moved = c[:, None] - cross * np.where(apart, pull / np.where(apart, left, 1.0), 0.0)
        wider = spread[:, None] + cross**2 / np.where(apart, left, np.inf)
        swap = np.where(apart, add - moved**2 / wider, -np.inf)
        now, k = float(c @ b[own]), len(own)
        gains = np.concatenate([now + add, now - drop, (now + swap).ravel()])
        counts = np.concatenate([np.full(len(rest), k + 1), np.full(k, k - 1), np.full(swap.size, k)])
        costs = cost(np.append(gains, now), np.append(counts, k))
        best = int(np.argmin(costs[:-1])) if len(gains) else -1
        if best < 0 or not costs[best] < costs[-1] - 1e-9 * abs(costs[-1]):
            break
        if best < len(rest):
            inside[rest[best]] = True
        elif best < len(rest) + k:
            inside[own[best - len(rest)]] = False
        else:
            i, j = divmod(best - len(rest) - k, len(rest))
            inside[own[i]], inside[rest[j]] = False, True
    return np.flatnonzero(inside)
