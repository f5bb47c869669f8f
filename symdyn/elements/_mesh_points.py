"""Triangles between given boundaries: an advancing front of points, Delaunay's triangulation, and smoothing.

References
----------
Rebay, J. Comput. Phys. 106 (1993) 125: points placed by an advancing front, joined by Delaunay's triangulation.
Chen & Xu, J. Comput. Math. 22 (2004) 299: moving points to where Delaunay's triangulation interpolates best.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from symdyn.elements._mesh_sizes import MeshSizes, Outline

__all__ = ["circumcenters", "smallest_angles", "triangulate"]

LARGE = 0.75
"""Circumradius, relative to the wanted edge, above which a triangle is too large (equilateral: 0.577)."""

APART = 0.7
"""Least distance between points, relative to the wanted edge."""

Distance = Callable[[np.ndarray], np.ndarray]


def triangulate(outline: Outline, nodes: np.ndarray, sizes: MeshSizes, distance: Distance, ghosts: np.ndarray, rounds: int):
    """Points (N, 2), the outline first, then the `nodes`, and triangles (T, 3) counterclockwise; None if an edge is missing.

    Parameters
    ----------
    distance : callable
        Distance (N,) to the nearest boundary, positive in the bulk.
    ghosts : (g, 2) array
        Points outside the bulk (around the domain, in the cells) that keep flat triangles away from the boundary.
    rounds : int
        How often the points are smoothed.
    """
    fixed = np.concatenate([outline.points, nodes])
    cell = np.concatenate([_cell_of(outline), np.full(len(nodes), -1)])
    points = fixed

    def triangles(points: np.ndarray) -> np.ndarray:
        return _bulk(points, ghosts, cell, distance)

    for _ in range(400):
        new = _front(points, triangles(points), sizes, distance)
        if not len(new):
            break
        points = np.concatenate([points, new])
    free = slice(len(fixed), None)
    for _ in range(rounds):
        t = triangles(points)
        moved = _smooth(points, t, sizes)[free]
        inside = distance(moved) > 0.35 * sizes(moved)
        points = points.copy()
        points[free][inside] = moved[inside]
    t = triangles(points)
    return (points, t) if _conforms(t, outline.segments) else None


def circumcenters(points: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centers (T, 2) and radii (T,) of the circles through the corners."""
    a, b, c = points[t[:, 0]], points[t[:, 1]], points[t[:, 2]]
    p, q = b - a, c - a
    cross = 2 * (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0])
    pp, qq = (p**2).sum(1), (q**2).sum(1)
    shift = np.stack([q[:, 1] * pp - p[:, 1] * qq, p[:, 0] * qq - q[:, 0] * pp], axis=1) / cross[:, None]
    return a + shift, np.hypot(*shift.T)


def smallest_angles(points: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The smallest angle of each triangle in degrees, (T,)."""
    found = []
    for k in range(3):
        p, q = points[t[:, k - 2]] - points[t[:, k]], points[t[:, k - 1]] - points[t[:, k]]
        found.append(np.arctan2(np.abs(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]), (p * q).sum(1)))
    return np.degrees(np.min(found, axis=0))


def _cell_of(outline: Outline) -> np.ndarray:
    cell = np.full(len(outline.points), -1)
    cell[outline.segments[:, 0]] = outline.owners
    return cell


def _bulk(points: np.ndarray, ghosts: np.ndarray, cell: np.ndarray, distance: Distance) -> np.ndarray:
    """The triangles of the bulk, (T, 3): none with a ghost, none in a cell, none outside."""
    t = Delaunay(np.concatenate([points, ghosts])).simplices
    t = t[(t < len(points)).all(axis=1)]
    owner = np.where(t < len(cell), cell[np.minimum(t, len(cell) - 1)], -1)
    t = t[~((owner[:, 0] >= 0) & (owner[:, 0] == owner[:, 1]) & (owner[:, 0] == owner[:, 2]))]
    # a triangle with all corners on the outer boundary may lie outside, between the sides of a reentrant corner
    outer = np.flatnonzero((t < len(cell)).all(axis=1))
    keep = np.ones(len(t), bool)
    keep[outer] = distance(points[t[outer]].mean(axis=1)) > 0
    t = t[keep]
    p, q = points[t[:, 1]] - points[t[:, 0]], points[t[:, 2]] - points[t[:, 0]]
    turned = p[:, 0] * q[:, 1] < p[:, 1] * q[:, 0]
    t[turned] = t[turned][:, ::-1]
    return t


def _front(points: np.ndarray, t: np.ndarray, sizes: MeshSizes, distance: Distance) -> np.ndarray:
    """New points (k, 2): one on the shortest edge of each triangle that is too large, as far apart as wanted."""
    center, radius = circumcenters(points, t)
    large = radius > LARGE * sizes(points[t].mean(axis=1))
    t, center = t[large], center[large]
    if not len(t):
        return np.empty((0, 2))
    edges = np.stack([points[t[:, k - 1]] - points[t[:, k - 2]] for k in range(3)])
    lengths = np.hypot(*np.moveaxis(edges, -1, 0))
    k = lengths.argmin(axis=0)
    rows = np.arange(len(t))
    shortest = lengths[k, rows]
    middle = (points[t[rows, k - 1]] + points[t[rows, k - 2]]) / 2
    apex = points[t[rows, k]] - middle
    edge = edges[k, rows] / shortest[:, None]
    normal = np.stack([-edge[:, 1], edge[:, 0]], axis=1)
    normal *= np.sign((normal * apex).sum(1))[:, None]
    h = sizes(middle + 0.8 * shortest[:, None] * normal)
    leg = np.maximum(h, 0.75 * shortest)
    height = np.sqrt(leg**2 - shortest**2 / 4)
    reach = ((center - middle) * normal).sum(1)
    near = middle + np.where(reach > 0, np.minimum(height, reach), height)[:, None] * normal
    # edges that are much too long start no front; when no front is left their circumcenters fill the remaining area
    for candidates in (near[shortest < 1.5 * h], center):
        chosen = _spaced(candidates, points, sizes, distance)
        if len(chosen):
            return chosen
    return np.empty((0, 2))


def _spaced(candidates: np.ndarray, points: np.ndarray, sizes: MeshSizes, distance: Distance) -> np.ndarray:
    """Those candidates that keep their distance from the boundary, the points and the candidates chosen before them."""
    h = sizes(candidates)
    keep = distance(candidates) > 0.5 * h
    candidates, h = candidates[keep], h[keep]
    if not len(candidates):
        return candidates
    keep = cKDTree(points).query(candidates)[0] > APART * h
    candidates, h = candidates[keep], h[keep]
    if not len(candidates):
        return candidates
    order = np.lexsort((candidates[:, 1], candidates[:, 0], h))
    candidates, h = candidates[order], h[order]
    neighbours = cKDTree(candidates).query_ball_point(candidates, APART * h, return_sorted=True)
    chosen = np.zeros(len(candidates), bool)
    blocked = np.zeros(len(candidates), bool)
    for i, near in enumerate(neighbours):
        if not blocked[i]:
            chosen[i] = True
            blocked[near] = True
    return candidates[chosen]


def _smooth(points: np.ndarray, t: np.ndarray, sizes: MeshSizes) -> np.ndarray:
    """Each point at the weighted mean of the circumcenters around it, (N, 2)."""
    center, _ = circumcenters(points, t)
    middle = points[t].mean(axis=1)
    p, q = points[t[:, 1]] - points[t[:, 0]], points[t[:, 2]] - points[t[:, 0]]
    weight = (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]) / sizes(middle) ** 3
    total = np.bincount(t.ravel(), np.repeat(weight, 3), len(points))
    target = np.stack([np.bincount(t.ravel(), np.repeat(weight * center[:, i], 3), len(points)) for i in range(2)], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = target / total[:, None]
    return np.where(np.isfinite(moved), moved, points)


def _conforms(t: np.ndarray, segments: np.ndarray) -> bool:
    """Whether the boundary of the triangles is the outline, each edge of it once."""
    edges = np.sort(np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]), axis=1)
    found, count = np.unique(edges, axis=0, return_counts=True)
    wanted = np.unique(np.sort(segments, axis=1), axis=0)
    return bool(count.max(initial=0) <= 2) and np.array_equal(found[count == 1], wanted)
