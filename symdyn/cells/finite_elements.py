"""The bulk by finite elements: matrices of diffusion, decay and exchange through the walls of cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sps

from symdyn.cells.values import CellValues
from symdyn.elements.matrices import straight_triangles
from symdyn.elements.meshing import mesh_domain, read_mesh
from symdyn.errors import DeclarationError
from symdyn.models.domains import Domain

__all__ = ["BulkMatrices", "FiniteElements", "mesh_domain"]


@dataclass(frozen=True)
class BulkMatrices:
    r"""One species in the bulk, its m cells, and their exchange.

    .. math::
        \tau M \dot U &= -A U + B s \\
        \dot s_j &= F_j + (C U)_j - \ell_j s_j

    where s (m,) are the secreted states.  A and M are symmetric and positive definite, and
    :math:`\tau\, 1^T B = \ell`, :math:`\tau C 1 = 1^T (A - M)`: the flux out of the cells enters the bulk, and conversely.

    Attributes
    ----------
    A, M : (N, N) sparse
        :math:`A = D K + M + \epsilon^{-1} \sum_j d_{1j} M_j`.
    B : (N, m) sparse
        :math:`B_j = \epsilon^{-1} d_{2j} b_j`.
    C : (m, N) sparse
        :math:`C_j = (\epsilon\tau)^{-1} d_{1j} b_j^T`.
    loss : (m,) array
        :math:`\ell_j = (\epsilon\tau)^{-1} d_{2j} L_j`.
    tau : float
    """

    A: sps.csc_matrix
    M: sps.csc_matrix
    B: sps.csc_matrix
    C: sps.csr_matrix
    loss: np.ndarray
    tau: float


class FiniteElements:
    r"""Quadratic elements on curved triangles, assembled once; parameters enter by sums of constant matrices.

    Parameters
    ----------
    domain : Disk, Rectangle or Polygon
    centers : (m, 2) array
    radius : float
        :math:`\epsilon`.
    mesh : optional
        None, a level (int: how often a coarse mesh is refined), a size (float: longest edge), 'gmsh', a mapping of options of
        `symdyn.elements.meshing.mesh_domain`, or a triangular mesh of scikit-fem of the domain with the cells cut out.

    Attributes
    ----------
    mesh : skfem.MeshTri2
    stiffness, mass : (N, N) sparse
        :math:`K = \int \nabla\phi_k \cdot \nabla\phi_l` and :math:`M = \int \phi_k \phi_l`.
    walls : list of (N, N) sparse
        :math:`M_j = \oint_j \phi_k \phi_l` of each cell.
    loads : (N, m) sparse
        :math:`b_j = \oint_j \phi_k`.
    perimeters : (m,) array
        :math:`L_j = \sum_k b_{jk}`, which the balance of each cell uses so that it is exact.

    Raises
    ------
    DeclarationError
        If there can be no such mesh, and for a mesh that does not fit the domain and the cells.
    """

    def __init__(self, domain: Domain, centers: np.ndarray, radius: float, mesh: Any = None) -> None:
        self.domain, self.centers, self.radius = domain, np.asarray(centers, float), float(radius)
        self.mesh = read_mesh(domain, self.centers, self.radius, mesh)
        import skfem as fem  # only here: it takes 0.2 s

        element = fem.ElementTriP2()
        # isoparametric: integrands are rational, and order 6 leaves an error far below that of the elements
        self.basis = fem.Basis(self.mesh, element, intorder=6)

        def gradients(u: Any, v: Any, w: Any) -> Any:
            return u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1]

        def product(u: Any, v: Any, w: Any) -> Any:
            return u * v

        self.stiffness = fem.BilinearForm(gradients).assemble(self.basis).tocsc()
        self.mass = fem.BilinearForm(product).assemble(self.basis).tocsc()
        self.walls, columns = [], []
        for j in range(len(self.centers)):
            facets = fem.FacetBasis(self.mesh, element, facets=self.mesh.boundaries[f"cell{j}"], intorder=8)
            self.walls.append(fem.BilinearForm(product).assemble(facets).tocsc())
            columns.append(sps.csc_matrix(fem.LinearForm(lambda v, w: v).assemble(facets)[:, None]))
        self.loads = sps.hstack(columns, format="csc") if columns else sps.csc_matrix((self.size, 0))
        self.perimeters = np.asarray(self.loads.sum(axis=0)).ravel()

    @property
    def size(self) -> int:
        """Unknowns of each species, N."""
        return self.basis.N

    @property
    def points(self) -> np.ndarray:
        """Where the unknowns lie, (N, 2); they are values of the concentration."""
        return self.basis.doflocs.T

    @cached_property
    def integral(self) -> np.ndarray:
        """Weights (N,) of the integral over the bulk."""
        return np.asarray(self.mass.sum(axis=0)).ravel()

    @property
    def area(self) -> float:
        """Of the bulk."""
        return float(self.integral.sum())

    @cached_property
    def triangles(self) -> np.ndarray:
        """Straight triangles between all unknowns, four for each element, (4T, 3), counterclockwise: to draw fields."""
        return straight_triangles(self.points, self.basis.element_dofs)

    def matrices(self, values: CellValues) -> list[BulkMatrices]:
        """Each species with numbers in place of the parameters.

        Raises
        ------
        DeclarationError
            If the values are of other cells.
        """
        if values.cells != len(self.centers):
            raise DeclarationError(f"the values are of {values.cells} cells, the mesh has {len(self.centers)}")
        found = []
        for s in range(values.species):
            d1, d2, tau = values.influx[s] / self.radius, values.efflux[s] / self.radius, float(values.delay[s])
            A = values.diffusion[s] * self.stiffness + self.mass + self._wall_sum(d1)
            B = (self.loads @ sps.diags(d2)).tocsc()
            C = (self.loads @ sps.diags(d1 / tau)).T.tocsr()
            found.append(BulkMatrices(A.tocsc(), self.mass, B, C, d2 * self.perimeters / tau, tau))
        return found

    def _wall_sum(self, weights: np.ndarray) -> sps.csc_matrix:
        data, rows, columns, cell = self._stacked
        return sps.csc_matrix((data * weights[cell], (rows, columns)), shape=self.mass.shape)

    @cached_property
    def _stacked(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        parts = [w.tocoo() for w in self.walls]
        if not parts:
            return np.empty(0), np.empty(0, int), np.empty(0, int), np.empty(0, int)
        data, rows, columns = (np.concatenate([getattr(p, k) for p in parts]) for k in ("data", "row", "col"))
        return data, rows, columns, np.repeat(np.arange(len(parts)), [p.nnz for p in parts])
