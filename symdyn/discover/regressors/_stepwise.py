r"""Best subsets of a quadratic form by adding, dropping and exchanging one column at a time.

The sum of squares of a linear (or linearised) model with coefficients :math:`c` is
:math:`K - 2 b^\top c + c^\top G c`; with the support `S` its minimum is :math:`K - b_S^\top G_{SS}^{-1} b_S`.  One sweep
of `G` on `S` yields what every addition, removal and exchange changes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["solve_on", "stepwise", "worth"]

#: Share of a column's length that must stand out of the others for it to be added.
INDEPENDENT = 1e-10


def solve_on(gram: np.ndarray, right: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Coefficients (q,) that minimise the quadratic form on the support, zero elsewhere."""
    found = np.zeros(len(right))
    if len(support):
        part = gram[np.ix_(support, support)]
        unit = 1 / np.sqrt(np.maximum(np.diag(part), 1e-300))
        scaled = part * unit[:, None] * unit
        found[support] = unit * np.linalg.lstsq(scaled, unit * right[support], rcond=1e-14)[0]
    return found


def worth(gram: np.ndarray, right: np.ndarray, support: np.ndarray) -> float:
    """By how much the columns of the support lower the sum of squares."""
    return float(right @ solve_on(gram, right, support))


def stepwise(
    gram: np.ndarray,
    right: np.ndarray,
    support: np.ndarray,
    cost: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    allowed: np.ndarray | None = None,
    moves: int = 200,
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
    allowed : (q,) bool, optional
        Columns that may be added.
    moves : int
        Most moves.

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
    if allowed is not None:
        free &= allowed
    inside = np.zeros(len(b), dtype=bool)
    inside[support] = True
    for _ in range(moves):
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
