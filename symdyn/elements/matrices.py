"""Quadratic elements on curved triangles: constant matrices of a mesh without cells."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from symdyn.elements.meshing import read_mesh
from symdyn.errors import DeclarationError
from symdyn.models.domains import Domain

__all__ = ["ElementMatrices", "quadratic_shapes", "straight_triangles"]

#: Steps of Newton's method to a point in curved triangles, and how far it may be missed or lie outside, of mesh and triangle.
NEWTON, INSIDE = 12, 1e-9
#: The same between the edges of the mesh and the curve of the domain.
BEYOND = 0.05


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
            For a point outside of the domain or, by more than a twentieth of a triangle, of the mesh.

        Examples
        --------
        >>> import symdyn as sd
        >>> matrices = ElementMatrices(sd.Disk(1), 0.3)
        >>> x, y = matrices.points.T
        >>> round(float(matrices.weights_at((0.3, 0.2)) @ (x**2 + y)), 9)  # exact for quadratic fields
        0.29
        """
        corners = self.points[self._dofs]  # (6, T, 2): the unknowns are the nodes of the curved triangles
        local = np.full((2, corners.shape[1]), 1 / 3)
        with np.errstate(all="ignore"):  # of triangles far away Newton's method may find nothing
            for _ in range(NEWTON):
                values, slopes = quadratic_shapes(local)
                left = np.einsum("it,itk->kt", values, corners) - np.array(point)[:, None]
                (a, b), (c, d) = np.einsum("ijt,itk->kjt", slopes, corners)
                local = local - np.stack([d * left[0] - b * left[1], a * left[1] - c * left[0]]) / (a * d - b * c)
            shares = np.stack([1 - local[0] - local[1], *local])
            extent = float(np.ptp(self.points, axis=0).max())
            inside = np.where((np.abs(left) < INSIDE * extent).all(axis=0), shares.min(axis=0), -np.inf)
        best = int(np.argmax(np.nan_to_num(inside, nan=-np.inf)))
        covered = self.domain.distance(np.array([point]))[0] < INSIDE * extent
        if not inside[best] > -(BEYOND if covered else INSIDE):
            raise DeclarationError(f"the point {point} lies outside of the {type(self.domain).__name__}, or of its mesh")
        found = np.zeros(self.size)
        found[self._dofs[:, best]] = quadratic_shapes(local[:, best : best + 1])[0][:, 0]
        return found

    @cached_property
    def triangles(self) -> np.ndarray:
        """Straight triangles between all unknowns, (4T, 3), counterclockwise: to draw fields."""
        return straight_triangles(self.points, self._dofs)


def quadratic_shapes(local: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shape functions (6, T) of quadratic triangles at local coordinates (2, T), and their derivatives (6, 2, T).

    Parameters
    ----------
    local : (2, T) array
        Zero at the first corner, one at the second and third.

    Returns
    -------
    (6, T) array, (6, 2, T) array
        Of the corners and of the middles of the edges 01, 12 and 02.

    Examples
    --------
    >>> values, slopes = quadratic_shapes(np.array([[0.5], [0.0]]))
    >>> (values[:, 0] + 0.0).tolist(), slopes.sum(axis=0).ravel().tolist()
    ([0.0, 0.0, 0.0, 1.0, 0.0, 0.0], [0.0, 0.0])
    """
    x, y = local
    z = 1 - x - y
    zero = 0 * x
    values = [z * (2 * z - 1), x * (2 * x - 1), y * (2 * y - 1), 4 * z * x, 4 * x * y, 4 * z * y]
    along_x = [1 - 4 * z, 4 * x - 1, zero, 4 * (z - x), 4 * y, -4 * y]
    along_y = [1 - 4 * z, zero, 4 * y - 1, -4 * x, 4 * x, 4 * (z - y)]
    return np.array(values), np.stack([along_x, along_y], axis=1)


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
