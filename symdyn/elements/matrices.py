"""Quadratic elements on curved triangles: constant matrices of a mesh without cells."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from symdyn.elements.meshing import read_mesh
from symdyn.errors import DeclarationError
from symdyn.models.domains import Domain

__all__ = ["ElementMatrices", "straight_triangles"]


class ElementMatrices:
    r"""Matrices of quadratic elements on a mesh of a domain.

    Parameters
    ----------
    domain : Disk or Polygon
    mesh : optional
        As for `PDESystem.mesh`.

    Attributes
    ----------
    mass, stiffness : (N, N) sparse
        :math:`\int \phi_k \phi_l` and :math:`\int \nabla\phi_k \cdot \nabla\phi_l`.
    along : list of (N, N) sparse
        :math:`\int \phi_k\, \partial_i \phi_l` for each axis.
    wall : (N, N) sparse
        :math:`\oint \phi_k \phi_l`.
    points : (N, 2) array
        Where the unknowns lie, the values of the field there.
    outer : (n,) int array
        Unknowns on the boundary.

    Examples
    --------
    >>> import symdyn as sd
    >>> matrices = ElementMatrices(sd.Disk(1), 0.3)
    >>> round(float(matrices.mass.sum()), 3), round(float(matrices.wall.sum()), 3)  # pi and 2 pi
    (3.142, 6.283)
    """

    def __init__(self, domain: Domain, mesh: Any = None) -> None:
        self.domain = domain
        self.mesh = read_mesh(domain, np.empty((0, 2)), 0.0, mesh)
        import skfem as fem  # only here: it takes 0.2 s

        element = fem.ElementTriP2()
        basis = fem.Basis(self.mesh, element, intorder=6)
        edge = fem.FacetBasis(self.mesh, element, intorder=8)

        def product(u: Any, v: Any, w: Any) -> Any:
            return u * v

        def gradients(u: Any, v: Any, w: Any) -> Any:
            return u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1]

        def derivative(axis: int) -> Any:
            return lambda u, v, w: u.grad[axis] * v

        self.mass = fem.BilinearForm(product).assemble(basis).tocsr()
        self.stiffness = fem.BilinearForm(gradients).assemble(basis).tocsr()
        self.along = [fem.BilinearForm(derivative(axis)).assemble(basis).tocsr() for axis in range(2)]
        self.wall = fem.BilinearForm(product).assemble(edge).tocsr()
        self.points = basis.doflocs.T
        self.outer = np.sort(basis.get_dofs().all())
        self._dofs = basis.element_dofs

    @property
    def size(self) -> int:
        """Unknowns of each field, N."""
        return len(self.points)

    @cached_property
    def weights(self) -> np.ndarray:
        """Weights (N,) of the integral over the domain."""
        return np.asarray(self.mass.sum(axis=0)).ravel()

    def weights_at(self, point: tuple[float, float]) -> np.ndarray:
        """Weights (N,) of the values of the unknowns in the value of a field at a point.

        Parameters
        ----------
        point : (float, float)

        Returns
        -------
        (N,) float64

        Raises
        ------
        DeclarationError
            For a point outside of the mesh.

        Examples
        --------
        >>> import symdyn as sd
        >>> matrices = ElementMatrices(sd.Disk(1), 0.3)
        >>> x, y = matrices.points.T
        >>> round(float(matrices.weights_at((0.3, 0.2)) @ (x**2 + y)), 9)  # exact for quadratic fields
        0.29
        """
        import skfem as fem

        try:
            found = fem.Basis(self.mesh, fem.ElementTriP2()).probes(np.array(point)[:, None])
        except ValueError:
            raise DeclarationError(f"the point {point} lies outside of the {type(self.domain).__name__}") from None
        return np.asarray(found.toarray()).ravel()

    @cached_property
    def triangles(self) -> np.ndarray:
        """Straight triangles between all unknowns, (4T, 3), counterclockwise: to draw fields."""
        return straight_triangles(self.points, self._dofs)


def straight_triangles(points: np.ndarray, dofs: np.ndarray) -> np.ndarray:
    """Four straight triangles for each quadratic element, (4T, 3), counterclockwise.

    Parameters
    ----------
    points : (N, 2) array
    dofs : (6, T) int array
        Corners and middles of the edges 01, 12 and 02 of each element.

    Returns
    -------
    (4T, 3) int array

    Examples
    --------
    >>> points = np.array([[0, 0], [1, 0], [0, 1], [0.5, 0], [0.5, 0.5], [0, 0.5]])
    >>> straight_triangles(points, np.arange(6)[:, None]).tolist()
    [[0, 3, 5], [3, 1, 4], [5, 4, 2], [3, 4, 5]]
    """
    a, b, c, ab, bc, ac = dofs
    x, y = points.T
    turned = (x[b] - x[a]) * (y[c] - y[a]) < (x[c] - x[a]) * (y[b] - y[a])  # scikit-fem sorts corners by their numbers
    b, c = np.where(turned, c, b), np.where(turned, b, c)
    ab, ac = np.where(turned, ac, ab), np.where(turned, ab, ac)
    return np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ac), (ab, b, bc), (ac, bc, c), (ab, bc, ac))])
