"""Places for the nodes of a drawing: connected nodes close, all others as far apart as the graph is wide."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

__all__ = ["place"]

_SWEEPS = 200
_GAP = 0.9


def place(size: int, edges: Sequence[tuple[int, int]]) -> np.ndarray:
    r"""Coordinates (size, 2) of the nodes of a graph, edges about 1 long; deterministic.

    Within each connected component the stress :math:`\sum_{i<j} (|x_i - x_j| - d_{ij})^2 / d_{ij}^2` of the graph
    distances d is made small by majorisation; components are packed into rows.

    References
    ----------
    Gansner, Koren, North, Graph drawing by stress majorization, Lect. Notes Comput. Sci. 3383, 239 (2005).
    """
    distances = _distances(size, edges)
    places = np.zeros((size, 2))
    left = set(range(size))
    parts = []
    while left:
        members = np.flatnonzero(np.isfinite(distances[min(left)]))
        left -= set(members.tolist())
        inner = _component(distances[np.ix_(members, members)])
        parts.append((members, inner - inner.min(axis=0)))
    parts.sort(key=lambda part: -len(part[0]))
    total = sum(np.prod(np.ptp(inner, axis=0) + _GAP) for _, inner in parts)
    width = max(1.5 * np.sqrt(total), max(np.ptp(inner[:, 0]) for _, inner in parts))
    x = y = row = 0.0
    for members, inner in parts:
        wide, high = np.ptp(inner, axis=0) + _GAP
        if x > 0 and x + wide > width + _GAP:
            x, y, row = 0.0, y - row, 0.0
        places[members] = inner + np.array([x, y - (high - _GAP)])
        x, row = x + wide, max(row, high)
    return places


def _distances(size: int, edges: Sequence[tuple[int, int]]) -> np.ndarray:
    """Numbers of edges between nodes, infinite where no way leads."""
    neighbours: list[set[int]] = [set() for _ in range(size)]
    for i, j in edges:
        neighbours[i].add(j)
        neighbours[j].add(i)
    found = np.full((size, size), np.inf)
    for root in range(size):
        found[root, root] = 0
        waiting = deque([root])
        while waiting:
            node = waiting.popleft()
            for n in sorted(neighbours[node]):
                if np.isinf(found[root, n]):
                    found[root, n] = found[root, node] + 1
                    waiting.append(n)
    return found


def _component(d: np.ndarray) -> np.ndarray:
    """Stress majorisation from the first two classical coordinates; the longer side lies flat."""
    n = len(d)
    if n == 1:
        return np.zeros((1, 2))
    x = _classical(d)
    with np.errstate(divide="ignore"):
        weights = np.where(d > 0, d**-2.0, 0.0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    inverse = np.linalg.pinv(laplacian)
    for _ in range(_SWEEPS):
        apart = np.linalg.norm(x[:, None] - x[None], axis=-1)
        ratio = np.where(apart > 1e-9, weights * d / np.maximum(apart, 1e-9), 0.0)
        x = inverse @ (np.diag(ratio.sum(axis=1)) - ratio) @ x
    x = x - x.mean(axis=0)
    _, axes = np.linalg.eigh(x.T @ x)
    turned = x @ axes[:, ::-1]
    # eigenvectors have no sign of their own: the first node comes first
    return turned * np.where(turned[0] > 0, -1, 1) * (1, -1)


def _classical(d: np.ndarray) -> np.ndarray:
    """Classical scaling, with a little of a circle so that nodes of equal distances do not coincide."""
    n = len(d)
    centre = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-0.5 * centre @ d**2 @ centre)
    x = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 0)) if n > 2 else np.array([[0.0, 0.0], [1.0, 0.0]])
    angle = 2 * np.pi * np.arange(n) / n
    return x + 0.05 * np.column_stack([np.cos(angle), np.sin(angle)])
