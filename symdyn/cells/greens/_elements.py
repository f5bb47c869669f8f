"""Finite elements for the smooth part of Green's functions: graded meshes, matrices, traces, and values at points."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from matplotlib.tri import Triangulation
from scipy.sparse.linalg import splu
from skfem import Basis, BilinearForm, ElementTriP2, LinearForm, MeshTri1
from skfem.helpers import dot, grad

from symdyn.cells._factors import Factors, elimination_order
from symdyn.elements.meshing import curve, mesh_domain
from symdyn.models.domains import Disk, Domain

__all__ = ["Elements", "graded"]

#: Longest edge in units of the distance from the images of sources behind the wall, over `size` relative to the domain.
GRADE = 1.5
#: Edges at a reentrant corner lengthen by this part of the distance from it, from `TIP` times the longest on.
CORNER, TIP = 0.35, 1e-5
#: Longest edge at the wall in units of the decay length 1/|phi|, and how fast edges may grow behind it.
DECAY, GROWTH = 0.7, 0.4
#: Quadrature points of each boundary edge: the data there are smooth, though not polynomial.
GAUSS = 8
#: Right-hand sides that are solved at once, few enough for the processor's cache.
TOGETHER = 8
#: Rounds of refinement at most.
ROUNDS = 60


def graded(domain: Domain, points: np.ndarray, size: float, decay: float) -> MeshTri1:
    """A mesh with edges of about `size`, shorter where the wall is close to a point and at reentrant corners.

    At the wall they also resolve signals that fall like exp(-decay distance).
    """
    mesh = mesh_domain(domain, size=size)
    base = MeshTri1(mesh.p[:, : mesh.nvertices].copy(), mesh.t)
    near = -domain.distance(points)
    grade = min(GRADE * size / np.sqrt(domain.measure / np.pi), 0.4)
    corners = _reentrant(domain)
    for _ in range(ROUNDS):
        middle = base.p[:, base.t].mean(axis=1).T
        wall = np.maximum(-domain.distance(middle), 0)
        wanted = np.minimum(size, DECAY / max(decay, 1e-300) + GROWTH * wall)
        for x, d in zip(points, near, strict=True):
            wanted = np.minimum(wanted, grade * np.maximum(np.hypot(*(middle - x).T), d + wall))
        for corner in corners:
            wanted = np.minimum(wanted, np.maximum(CORNER * np.hypot(*(middle - corner).T), TIP * size))
        ends = base.p[:, base.t]
        length = np.hypot(*(ends - np.roll(ends, 1, axis=1))).max(axis=0)
        coarse = np.flatnonzero(length > 1.4 * wanted)
        if not coarse.size:
            break
        base = base.refined(coarse)
        if isinstance(domain, Disk):
            base = _on_circle(base, domain)
    return curve(base.p.T, base.t.T, domain, np.empty((0, 2)), 0.0) if isinstance(domain, Disk) else base


def _on_circle(mesh: MeshTri1, domain: Disk) -> MeshTri1:
    places = mesh.p.copy()
    nodes = mesh.boundary_nodes()
    out = places[:, nodes] - np.array(domain.center)[:, None]
    places[:, nodes] = np.array(domain.center)[:, None] + domain.radius * out / np.hypot(*out)
    return MeshTri1(places, mesh.t)


def _reentrant(domain: Domain) -> np.ndarray:
    """Corners whose angle inside is above pi, (c, 2)."""
    corners = getattr(domain, "points", None)
    if corners is None:
        return np.empty((0, 2))
    before, after = corners - np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0) - corners
    turn = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    return corners[turn < -1e-9 * np.hypot(*before.T) * np.hypot(*after.T)]


class Elements:
    """Quadratic elements on one mesh.

    Attributes
    ----------
    stiffness, mass : (N, N) sparse
    at, normals : (q, 2) arrays
        Quadrature points of the boundary, and the normals there that point outwards.
    weights : (q,) array
    trace : (q, N) sparse
        From unknowns to values at these points.
    """

    def __init__(self, mesh: MeshTri1) -> None:
        self.mesh = mesh
        self.basis = Basis(mesh, ElementTriP2(), intorder=5)
        self.stiffness = BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(self.basis).tocsc()
        self.mass = BilinearForm(lambda u, v, w: u * v).assemble(self.basis).tocsc()
        self.mean = LinearForm(lambda v, w: 1.0 * v).assemble(self.basis)
        self._walls()

    def _walls(self) -> None:
        """Gauss points along each boundary edge, a parabola through its ends and its middle."""
        edges = self.mesh.boundary_facets()
        ends = self.mesh.facets[:, edges]
        a, b = self.mesh.p[:, ends[0]], self.mesh.p[:, ends[1]]
        curved = self.mesh.doflocs.shape[1] > self.mesh.nvertices
        middle = self.mesh.doflocs[:, self.mesh.nvertices + edges] if curved else (a + b) / 2
        nodes, weights = np.polynomial.legendre.leggauss(GAUSS)
        s = (nodes + 1) / 2
        shape = np.stack([(1 - s) * (1 - 2 * s), s * (2 * s - 1), 4 * s * (1 - s)])  # of a, b and the middle
        slope = np.stack([4 * s - 3, 4 * s - 1, 4 - 8 * s])
        three = np.stack([a, b, middle])
        place, along = (np.einsum("kde,kq->deq", three, f) for f in (shape, slope))
        length = np.hypot(*along)
        normal = np.stack([along[1], -along[0]]) / length
        inside = self.mesh.p[:, self.mesh.t[:, self.mesh.f2t[0, edges]]].mean(axis=1)
        normal *= np.sign((normal * (place - inside[:, :, None])).sum(axis=0))
        self.at, self.normals = place.reshape(2, -1).T, normal.reshape(2, -1).T
        self.weights = (length * weights / 2).ravel()
        unknowns = np.stack([*self.basis.nodal_dofs[0, ends], self.basis.facet_dofs[0, edges]], axis=1)  # (e, 3)
        rows = np.repeat(np.arange(self.weights.size), 3)
        columns = np.repeat(unknowns[:, None], GAUSS, axis=1).ravel()
        self.trace = sp.csr_matrix((np.tile(shape.T.ravel(), len(edges)), (rows, columns)), (self.weights.size, self.mean.size))

    @cached_property
    def _ordered(self) -> tuple[np.ndarray, sp.csc_matrix, sp.csc_matrix]:
        """An order of the unknowns that keeps factors sparse, and the matrices in it."""
        order = elimination_order(self.stiffness + self.mass)
        return order, self.stiffness[order][:, order].tocsc(), self.mass[order][:, order].tocsc()

    def solve(self, phi2: complex, right: np.ndarray) -> np.ndarray:
        r"""Solutions (N, m) of :math:`(K + \varphi^2M)h = b`, for b (N, m)."""
        order, stiffness, mass = self._ordered
        factors = Factors(stiffness + complex(phi2) * mass, ordered=True)
        out = np.empty(right.shape, complex)
        for low in range(0, right.shape[1], TOGETHER):
            part = slice(low, low + TOGETHER)
            out[order, part] = factors.solve(right[order, part])
        return out

    def solve_neumann(self, right: np.ndarray) -> np.ndarray:
        """Solutions of K h = b with zero mean, for b (N, m) that sum to zero."""
        column = sp.csc_matrix(self.mean[:, None])
        bordered = sp.bmat([[self.stiffness, column], [column.T, None]]).tocsc()
        return splu(bordered).solve(np.vstack([right, np.zeros((1, right.shape[1]))]))[:-1]

    @cached_property
    def _finder(self):
        corners = self.mesh.p[:, : self.mesh.nvertices]
        return Triangulation(corners[0], corners[1], self.mesh.t.T).get_trifinder()

    def values(self, at: np.ndarray, unknowns: np.ndarray) -> np.ndarray:
        """Values at points (p, 2) of functions with unknowns (N, m), (p, m)."""
        out = np.empty((len(at), unknowns.shape[1]), unknowns.dtype)
        for part in _parts(len(at)):
            triangle, local = self._locate(at[part])
            shape = np.stack(_shapes(*local), axis=1)
            places = unknowns[self.basis.element_dofs[:, triangle]]  # (6, p, m)
            out[part] = np.einsum("pi,ipm->pm", shape, places)
        return out

    def _locate(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Triangles (p,) and coordinates in them (2, p) of points; those beside the mesh belong to the nearest triangle."""
        triangle = np.asarray(self._finder(*at.T))
        lost = np.flatnonzero(triangle < 0)
        if lost.size:
            middle = self.mesh.p[:, self.mesh.t].mean(axis=1).T
            edge = np.unique(self.mesh.f2t[0, self.mesh.boundary_facets()])
            away = np.hypot(*(at[lost, None] - middle[edge]).transpose(2, 0, 1))
            triangle[lost] = edge[away.argmin(axis=1)]
        nodes = self.mesh.doflocs[:, self.mesh.dofs.element_dofs[:, triangle]]  # (2, 6, p) corners, then middles 01, 12, 02
        if nodes.shape[1] == 3:
            nodes = np.concatenate([nodes, (nodes + np.roll(nodes, -1, axis=1)) / 2], axis=1)
        local = np.full((2, len(at)), 1 / 3)
        for _ in range(5):
            place = (nodes * np.stack(_shapes(*local))).sum(axis=1)
            slope = [(nodes * np.stack(s)).sum(axis=1) for s in _slopes(*local)]
            (a, c), (b, d) = slope
            e, f = at.T - place
            local = local + np.stack([d * e - b * f, a * f - c * e]) / (a * d - b * c)
        return triangle, local


def _parts(count: int) -> Iterator[slice]:
    for low in range(0, count, 5000):
        yield slice(low, low + 5000)


def _shapes(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Quadratic functions of the corners, then of the middles of edges 01, 12, 02."""
    z = 1 - x - y
    return [z * (2 * z - 1), x * (2 * x - 1), y * (2 * y - 1), 4 * x * z, 4 * x * y, 4 * y * z]


def _slopes(x: np.ndarray, y: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    z = 1 - x - y
    zero = np.zeros_like(x)
    return (
        [1 - 4 * z, 4 * x - 1, zero, 4 * (z - x), 4 * y, -4 * y],
        [1 - 4 * z, zero, 4 * y - 1, -4 * x, 4 * x, 4 * (z - y)],
    )
