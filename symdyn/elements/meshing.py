"""Meshes of a domain without its cells: triangles of second order, finer at the cells, with named boundaries."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from symdyn.elements import _mesh_curved, _mesh_gmsh
from symdyn.elements._mesh_curved import curve
from symdyn.elements._mesh_points import smallest_angles, triangulate
from symdyn.elements._mesh_sizes import make_outline, make_sizes
from symdyn.errors import DeclarationError
from symdyn.models.boxes import Rectangle
from symdyn.models.domains import Disk, Domain, Polygon

if TYPE_CHECKING:
    from skfem import MeshTri2

__all__ = ["curve", "mesh_domain", "read_mesh"]

BASE_WALL = 12
BASE_SIZE = 0.2
"""Edges around a cell and edge far away of level 0, the latter relative to the radius of a disc of the same area."""

SHARPEST = 20.0
FLATTEST = 0.3
"""Smallest angle in degrees, and least Jacobian of a curved triangle relative to the straight one, that need no other try."""


def mesh_domain(
    domain: Domain,
    *,
    centers: Any = None,
    radius: float | None = None,
    nodes: Any = None,
    size: float | None = None,
    wall: int = 20,
    level: int | None = None,
    mesher: str = "symdyn",
) -> MeshTri2:
    r"""Triangles that fill a domain without its cells, graded from the cells' walls outwards.

    The edges grow from :math:`2\pi r / n` at a cell of radius r with n = `wall` edges (shorter in narrow gaps) to `size` far
    away. The nodes in the middle of the edges lie on the arcs of cells and disc, so areas and perimeters are exact to
    :math:`O(h^4)`. The boundaries of the mesh are named 'cell0', 'cell1', ... and 'outer'. The same input gives the same mesh.

    Parameters
    ----------
    domain : Disk, Rectangle or Polygon
    centers : (m, 2) array-like, optional
        Cells, which are cut out.
    radius : float
        Of the cells; needed if there are any.
    nodes : (k, 2) array-like, optional
        Points that become vertices.
    size : float
        Longest edge; 0.1 times the radius of a disc of the same area if not given.
    wall : int
        Edges around each cell, at least 8.
    level : int
        Instead of `size` and `wall`: how often a coarse mesh (12 edges around each cell) is refined into four.
    mesher : str
        'symdyn', or 'gmsh' (needs the package gmsh).

    Returns
    -------
    skfem.MeshTri2

    Raises
    ------
    DeclarationError
        For cells that touch each other or the boundary, nodes outside the bulk, and sizes that make no sense.

    References
    ----------
    Rebay, J. Comput. Phys. 106 (1993) 125; Chen & Xu, J. Comput. Math. 22 (2004) 299.

    Examples
    --------
    >>> mesh = mesh_domain(Disk(1), centers=[(0, 0)], radius=0.1, level=0)
    >>> sorted(mesh.boundaries)
    ['cell0', 'outer']
    """
    _skfem()
    if not isinstance(domain, (Disk, Rectangle, Polygon)):
        raise DeclarationError(f"no mesh of {domain!r}; expected a Disk, a Rectangle or a Polygon")
    cells = _pairs(centers, "centers")
    extra = _pairs(nodes, "nodes")
    if len(cells) and radius is None:
        raise DeclarationError("the cells need a radius; pass radius=...")
    r = 0.0 if not len(cells) else _positive(radius, "radius")
    extent = float(np.sqrt(domain.measure / np.pi))
    times = 0
    if level is not None:
        if size is not None:
            raise DeclarationError("pass either level or size to a mesh, not both")
        if isinstance(level, bool) or not isinstance(level, (int, np.integer)) or not 0 <= level <= 8:
            raise DeclarationError(f"the level of the mesh is {level!r}; expected a whole number from 0 to 8")
        size, wall, times = BASE_SIZE * extent, BASE_WALL, int(level)
    far = BASE_SIZE / 2 * extent if size is None else _positive(size, "size")
    if isinstance(wall, bool) or not isinstance(wall, (int, np.integer)) or wall < 8:
        raise DeclarationError(f"the mesh has {wall!r} edges around each cell (wall); expected a whole number, 8 or more")
    if far > extent:
        raise DeclarationError(f"the size {far:g} of the mesh is larger than {domain!r} allows; expected {extent:g} or less")
    count = domain.measure / far**2
    if count > 2e6:
        raise DeclarationError(f"edges of length {far:g} would need some {2 * count:.0e} triangles; pass a larger size")
    if mesher not in ("symdyn", "gmsh"):
        raise DeclarationError(f"the mesher is {mesher!r}; expected 'symdyn' or 'gmsh'")
    make = _triangles if mesher == "symdyn" else _mesh_gmsh.triangles
    best, quality = None, 0.0
    for attempt in range(5):  # other points if a boundary is missing, triangles are too sharp or fold over
        found = make(domain, cells, r, extra, far * 0.85**attempt, int(wall * 1.2**attempt))
        if found is None:
            continue
        points, corners = found
        mesh = _mesh_curved.curve(points, corners, domain, cells, r)
        good = min(float(smallest_angles(points, corners).min()) / SHARPEST, _mesh_curved.distortion(mesh) / FLATTEST)
        if good > quality:
            best, quality = mesh, good
        if quality >= 1:
            break
    if best is None:
        raise DeclarationError(
            f"found no triangles that keep the boundaries of {domain!r} and its cells; pass a smaller size or a larger wall"
        )
    for _ in range(times):
        best = _mesh_curved.curve(*_mesh_curved.refine(best), domain, cells, r)
    return best


def _triangles(domain: Domain, centers: np.ndarray, radius: float, nodes: np.ndarray, size: float, wall: int):
    """Points and triangles, None if they miss a boundary."""
    low, high = domain.box
    frame = 2 * np.pi * np.arange(12) / 12
    around = (low + high) / 2 + 3 * (high - low).max() * np.stack([np.cos(frame), np.sin(frame)], axis=1)

    def distance(points: np.ndarray) -> np.ndarray:
        away = -domain.distance(points)
        for start in range(0, len(centers), 64):
            part = centers[start : start + 64]
            np.minimum(away, np.hypot(*(points[:, None] - part).transpose(2, 0, 1)).min(axis=1) - radius, out=away)
        return away

    sizes = make_sizes(domain, centers, radius, nodes, size, wall)
    outline = make_outline(domain, centers, radius, sizes, wall)
    return triangulate(outline, nodes, sizes, distance, np.concatenate([centers, around]), rounds=6)


def _skfem() -> Any:
    """scikit-fem, imported when it is used."""
    try:
        import skfem
    except ImportError:
        raise DeclarationError("meshes need the package scikit-fem; install it with: pip install scikit-fem") from None
    return skfem


def _pairs(values: Any, what: str) -> np.ndarray:
    if values is None:
        return np.empty((0, 2))
    try:
        pairs = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise DeclarationError(f"the {what} of the mesh are {values!r}; expected pairs of numbers") from None
    if pairs.size == 0:
        return np.empty((0, 2))
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.isfinite(pairs).all():
        raise DeclarationError(f"the {what} of the mesh have the shape {pairs.shape}; expected (k, 2) finite numbers")
    return pairs


def _positive(value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not (np.isfinite(number) and number > 0):
        raise DeclarationError(f"the {what} of the mesh is {value!r}; expected a positive number")
    return number


def read_mesh(domain: Domain, centers: np.ndarray, radius: float, mesh: Any) -> MeshTri2:
    """A mesh from the argument of a user: None, a level, a size, 'gmsh', options of `mesh_domain`, or a mesh of scikit-fem.

    Raises
    ------
    DeclarationError
        For anything else, and for a mesh that does not fit the domain and its cells.
    """
    options: dict[str, Any] = {}
    if isinstance(mesh, bool):
        raise DeclarationError(_MESH.format(mesh))
    if isinstance(mesh, (int, np.integer)):
        options = {"level": int(mesh)}
    elif isinstance(mesh, (float, np.floating)):
        options = {"size": float(mesh)}
    elif isinstance(mesh, str):
        options = {"mesher": mesh}
    elif isinstance(mesh, Mapping):
        known = set(inspect.signature(mesh_domain).parameters) - {"domain", "centers", "radius"}
        wrong = sorted(map(str, mesh.keys() - known))
        if wrong:
            raise DeclarationError(f"{wrong[0]!r} is no option of a mesh; expected {', '.join(sorted(known))}")
        options = dict(mesh)
    elif mesh is not None:
        return _ready(domain, centers, radius, mesh)
    return mesh_domain(domain, centers=centers, radius=radius, **options)


_MESH = (
    "the mesh is {!r}; expected a level (int), a size (float), 'gmsh', a mapping of options of mesh_domain, or a mesh of "
    "triangles of scikit-fem (MeshTri or MeshTri2)"
)


def _ready(domain: Domain, centers: np.ndarray, radius: float, mesh: Any) -> MeshTri2:
    fem = _skfem()
    if isinstance(mesh, fem.MeshTri2):
        return _mesh_curved.name_boundaries(mesh, domain, centers, radius)
    if isinstance(mesh, fem.MeshTri1):
        return _mesh_curved.curve(mesh.p.T, mesh.t.T, domain, centers, radius)
    raise DeclarationError(_MESH.format(mesh))
