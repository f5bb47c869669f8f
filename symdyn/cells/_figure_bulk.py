"""Where figures of the bulk are evaluated: sample points, triangles between nodes, pixels."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sps
from matplotlib.patches import Circle
from matplotlib.tri import Triangulation
from scipy.spatial import cKDTree

from symdyn.cells import _figure_parts as parts
from symdyn.errors import DeclarationError

__all__ = ["bulk_triangles", "node_values", "pixels", "sample_points"]

PIXELS = 240
"""Of the image of the bulk along its longer side."""


def sample_points(colony: Any, n: int) -> np.ndarray:
    """A grid, rings around the cells and points on the boundary, (p, 2): contours end where the bulk does."""
    low, high = parts.shown_box(colony)
    step = float((high - low).max()) / n
    axes = [np.linspace(low[k], high[k], max(2, int(np.ceil((high[k] - low[k]) / step)) + 1)) for k in (0, 1)]
    found = [np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)]
    turn = np.exp(2j * np.pi * np.arange(48) / 48)
    circle = np.stack([turn.real, turn.imag], axis=1)
    radii = colony.radius * 1.25 ** np.arange(12)
    found += [c + r * circle for c in colony.centers for r in radii[radii < colony.radius + 6 * step]]
    boundary = parts.outline(colony)
    if boundary is not None:
        path = boundary.get_path().transformed(boundary.get_patch_transform())
        corners = path.to_polygons(closed_only=True)[0] if not isinstance(boundary, Circle) else None
        if corners is None:
            around = np.exp(2j * np.pi * np.arange(4 * n) / (4 * n))
            corners = np.asarray(boundary.center) + boundary.radius * np.stack([around.real, around.imag], axis=1)
        else:
            corners = np.concatenate([np.linspace(a, b, max(2, int(np.hypot(*(b - a)) / step)), endpoint=False)
                                      for a, b in pairwise(corners)])  # fmt: skip
        found.append(corners)
    points = np.concatenate(found)
    near = np.full(len(points), np.inf)
    for c in colony.centers:
        np.minimum(near, np.hypot(*(points - c).T), out=near)
    return points[(near >= colony.radius * (1 - 1e-9)) & (colony.domain.distance(points) <= 1e-9)]


def node_values(colony: Any, field: Any, mesh: Any = None, triangles: Any = None) -> tuple[np.ndarray, Any]:
    """Values at nodes with their triangles."""
    values = np.asarray(field, float)
    if values.ndim != 1:
        raise DeclarationError(
            f"the field has the shape {values.shape}; expected one number for each node, at one time of one run"
        )
    mesh = getattr(mesh, "elements", mesh)
    places: list[tuple[Any, Any]] = []
    if mesh is None:
        coords = getattr(field, "coords", {})
        names = next((n for n in (("node_x", "node_y"), ("x", "y")) if all(k in coords for k in n)), None)
        if names is None:
            raise DeclarationError("a field of plain numbers needs the mesh whose nodes they belong to; pass mesh=...")
        places = [(np.stack([coords[k].values for k in names], axis=1), triangles)]
    elif hasattr(mesh, "triangles"):
        places = [(mesh.points, mesh.triangles)]
    else:
        places = [(mesh.p.T[: len(np.unique(mesh.t))], mesh.t.T[:, :3]), (mesh.doflocs.T, None)]
    for points, corners in places:
        if len(points) == len(values):
            return values, bulk_triangles(colony, points, corners)
    raise DeclarationError(f"the field has {len(values)} values, the mesh {' or '.join(str(len(p)) for p, _ in places)} nodes")


def bulk_triangles(colony: Any, points: np.ndarray, triangles: np.ndarray | None = None) -> Triangulation:
    """Triangles between points of the bulk: those given, or all that lie neither in a cell nor outside the domain."""
    x, y = np.asarray(points, float).T
    if triangles is not None:
        return Triangulation(x, y, np.asarray(triangles))
    found = Triangulation(x, y)
    corners = np.stack([x[found.triangles], y[found.triangles]], axis=-1)
    middle = corners.mean(axis=1)
    near = np.full(len(middle), np.inf)
    for center in colony.centers:
        np.minimum(near, np.hypot(*(middle - center).T), out=near)
    sides = corners - np.roll(corners, 1, axis=1)
    area = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    flat = area < 1e-6 * (sides**2).sum(axis=(1, 2))
    found.set_mask((near < colony.radius) | (colony.domain.distance(middle) > 0) | flat)
    return found


def pixels(grid: Any, low: np.ndarray, high: np.ndarray) -> tuple[sps.csr_matrix, tuple[int, int]]:
    """Values at the nodes to values of pixels, linear on the triangles; those outside take the nearest node's."""
    size = np.maximum(2, np.round(PIXELS * (high - low) / (high - low).max())).astype(int)
    x, y = (low[k] + (np.arange(size[k]) + 0.5) * (high[k] - low[k]) / size[k] for k in (0, 1))
    x, y = (a.ravel() for a in np.meshgrid(x, y))
    found = grid.get_trifinder()(x, y)
    inside, outside = np.flatnonzero(found >= 0), np.flatnonzero(found < 0)
    corners = grid.triangles[found[inside]]
    p = np.stack([grid.x, grid.y], axis=1)
    a, b, c = (p[corners[:, k]] for k in range(3))
    q = np.stack([x, y], axis=1)[inside]

    def area(u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        return (v[:, 0] - u[:, 0]) * (w[:, 1] - u[:, 1]) - (v[:, 1] - u[:, 1]) * (w[:, 0] - u[:, 0])

    parts_of = np.stack([area(q, b, c), area(a, q, c), area(a, b, q)], axis=1) / area(a, b, c)[:, None]
    nearest = cKDTree(p).query(np.stack([x, y], axis=1)[outside])[1]
    data = np.concatenate([parts_of.ravel(), np.ones(outside.size)])
    rows = np.concatenate([np.repeat(inside, 3), outside])
    columns = np.concatenate([corners.ravel(), nearest])
    return sps.csr_matrix((data, (rows, columns)), shape=(x.size, p.shape[0])), (int(size[1]), int(size[0]))
