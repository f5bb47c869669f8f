"""Second-order triangles whose edges follow the arcs of cells and disc, with named boundaries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.models.domains import Disk, Domain

__all__ = ["curve", "distortion", "name_boundaries", "refine"]


def curve(points: np.ndarray, t: np.ndarray, domain: Domain, centers: np.ndarray, radius: float) -> Any:
    """A `skfem.MeshTri2` of the triangles t (T, 3): boundaries named 'cell0', 'cell1' ... and 'outer', arcs followed."""
    from skfem import MeshTri1, MeshTri2

    used, t = np.unique(t, return_inverse=True)
    straight = MeshTri1(points[used].T.copy(), t.reshape(-1, 3).T.copy())
    mesh = name_boundaries(MeshTri2.from_mesh(straight), domain, centers, radius)
    places = mesh.doflocs.copy()
    vertices = mesh.nvertices
    arcs = [(f"cell{j}", center, radius) for j, center in enumerate(centers)]
    if isinstance(domain, Disk):
        arcs.append(("outer", np.asarray(domain.center), domain.radius))
    for name, center, r in arcs:
        # the nodes of a mesh of second order: first the vertices, then one for each edge
        nodes = np.concatenate([np.unique(mesh.facets[:, mesh.boundaries[name]]), vertices + mesh.boundaries[name]])
        away = places[:, nodes] - center[:, None]
        places[:, nodes] = center[:, None] + r * away / np.hypot(*away)
    return replace(mesh, doflocs=places)


def name_boundaries(mesh: Any, domain: Domain, centers: np.ndarray, radius: float) -> Any:
    """The mesh with its boundary edges named after the cells whose walls they are, 'cell0' ..., and 'outer'.

    Raises
    ------
    DeclarationError
        If a cell has no edges, or an edge lies on no wall.
    """
    edges = mesh.boundary_facets()
    ends = mesh.p[:, mesh.facets[:, edges]]
    length = np.hypot(*(ends[:, 0] - ends[:, 1]))
    owner = np.full(len(edges), -1)
    for j, center in enumerate(centers):
        off = np.abs(np.hypot(*(ends - center[:, None, None])) - radius).max(axis=0)
        owner[off < 1e-3 * radius] = j
    rest = owner < 0
    off = np.abs(domain.distance(np.moveaxis(ends[:, :, rest], 0, -1))).max(axis=0)
    if (off > 0.02 * length[rest]).any():
        x, y = ends[:, :, rest].mean(axis=1)[:, off.argmax()]
        raise DeclarationError(
            f"the mesh has a boundary near ({x:g}, {y:g}) that is neither the wall of a cell of radius {radius:g} nor the "
            f"boundary of {domain!r}; give a mesh of this domain with these cells cut out"
        )
    names = {f"cell{j}": edges[owner == j] for j in range(len(centers))} | {"outer": edges[rest]}
    for name, found in names.items():
        if not len(found):
            what = (
                "the outer boundary"
                if name == "outer"
                else f"cell {int(name[4:]) + 1} at {tuple(map(float, centers[int(name[4:])]))}"
            )
            raise DeclarationError(f"the mesh has no boundary at {what}; give a mesh of {domain!r} with the cells cut out")
    return replace(mesh, _boundaries=names)


def refine(mesh: Any) -> tuple[np.ndarray, np.ndarray]:
    """Points and triangles after each triangle was cut into four at the middles of its edges, which lie on the arcs."""
    ab, bc, ac = mesh.nvertices + mesh.t2f
    a, b, c = mesh.t
    four = [(a, ab, ac), (ab, b, bc), (ac, bc, c), (ab, bc, ac)]
    return mesh.doflocs.T, np.concatenate([np.stack(f, axis=1) for f in four])


def distortion(mesh: Any) -> float:
    """The least ratio of the Jacobian of a curved triangle to that of the straight one: positive if none folds over."""
    place = mesh.doflocs[:, mesh.dofs.element_dofs]  # (2, 6, T): corners, then the middles of edges 01, 12, 02
    c0, c1, c2, m01, m12, m02 = np.moveaxis(place, 1, 0)
    straight = _cross(c1 - c0, c2 - c0)
    worst = np.inf
    for x, y in [(0, 0), (1, 0), (0, 1), (0.5, 0), (0.5, 0.5), (0, 0.5), (1 / 3, 1 / 3)]:
        z = 1 - x - y
        dx = (1 - 4 * z) * c0 + (4 * x - 1) * c1 + 4 * (z - x) * m01 + 4 * y * m12 - 4 * y * m02
        dy = (1 - 4 * z) * c0 + (4 * y - 1) * c2 - 4 * x * m01 + 4 * x * m12 + 4 * (z - y) * m02
        worst = min(worst, float((_cross(dx, dy) / straight).min()))
    return worst


def _cross(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return p[0] * q[1] - p[1] * q[0]
