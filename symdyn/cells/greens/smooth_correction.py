"""Green's functions of any bounded domain: the singular part in closed form, the smooth rest by finite elements."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import kve

from symdyn.cells.greens._base import Greens, away, distances, free, free_regular
from symdyn.errors import DeclarationError
from symdyn.models.domains import Domain, Plane

if TYPE_CHECKING:
    from symdyn.cells.greens._elements import Elements

__all__ = ["SmoothCorrection"]

#: Number of cached meshes, one for each set of points and range of phi.
KEPT = 4


class SmoothCorrection(Greens):
    r"""Green's functions of a bounded domain, :math:`G = F + H` with :math:`F = K_0(\varphi|x - \xi|)/2\pi`.

    The rest is smooth, :math:`\Delta H - \varphi^2H = 0` with :math:`\partial_nH = -\partial_nF` on the boundary, and by
    Green's identities its values at the sources are

    .. math:: H(\xi_i; \xi_j) = -\oint F_i \partial_nF_j\,\mathrm dl + a(H_i, H_j), \qquad
              a(u, v) = \int_\Omega \nabla u\cdot\nabla v + \varphi^2 u v

    so that only boundary data and the energy enter: quadratic elements of size h give G to :math:`O(h^4)`, symmetric.
    The Neumann function is found likewise with :math:`F = -\frac1{2\pi}\log r + r^2/4|\Omega|`.  Each :math:`\varphi^2`
    costs one sparse factorisation, whose ordering is found once.  The mesh is graded at reentrant corners, where H is rough.

    Parameters
    ----------
    domain : Disk, Rectangle or Polygon
    size : float, optional
        Longest edge; 0.1 times the radius of a disc of the same area if not given.  Half of it takes about four times as long
        and is about 16 times as accurate.  Edges are shorter where points come close to the boundary.

    Raises
    ------
    DeclarationError
        For unbounded domains, for sizes that are not positive, and where scikit-fem is not installed.

    Examples
    --------
    >>> from symdyn.models.boxes import Rectangle
    >>> SmoothCorrection(Rectangle(2, 1), size=0.2).neumann([[0.5, 0.5], [1.5, 0.5]]).round(4)
    array([[-0.0005, -0.208 ],
           [-0.208 , -0.0005]])
    """

    def __init__(self, domain: Domain, size: float | None = None) -> None:
        super().__init__(domain)
        if isinstance(domain, Plane) or domain.dimension != 2:
            raise DeclarationError(f"finite elements do not fill {domain!r}; take a Disk, a Rectangle or a Polygon")
        extent = math.sqrt(domain.measure / math.pi)
        if size is not None and not (isinstance(size, (int, float)) and 0 < size < math.inf):
            raise DeclarationError(
                f"the size of the elements is {size!r}; expected a positive number, such as {0.1 * extent:.2g}"
            )
        self.size = min(0.1 * extent if size is None else float(size), extent)
        self._meshes: dict[tuple[bytes, int], Elements] = {}

    def matrix(self, points: np.ndarray, phi2: np.ndarray) -> np.ndarray:
        points, phi2 = np.asarray(points, float).reshape(-1, 2), np.asarray(phi2, complex)
        diagonal = range(len(points))
        out = np.empty((len(phi2), len(points), len(points)), complex)
        for k, value in enumerate(phi2):
            phi = np.sqrt(value)
            elements = self._elements(points, abs(phi))
            direct, normal = self._traces(elements, points, phi)
            right = -(elements.trace.T @ normal)
            out[k] = right.T @ elements.solve(value, right) - direct.T @ normal
            singular = free(away(points), phi)
            singular[diagonal, diagonal] = free_regular(phi)
            out[k] += singular
        return (out + out.swapaxes(1, 2)) / 2

    def field_inside(self, at: np.ndarray, sources: np.ndarray, phi2: complex) -> np.ndarray:
        phi = np.sqrt(phi2)
        elements = self._elements(sources, abs(phi))
        _, normal = self._traces(elements, sources, phi)
        smooth = elements.solve(phi2, -(elements.trace.T @ normal))
        return free(distances(at, sources), phi) + elements.values(at, smooth)

    def neumann(self, points: np.ndarray) -> np.ndarray:
        points = np.asarray(points, float).reshape(-1, 2)
        elements = self._elements(points, 0.0)
        direct, normal = self._neumann_traces(elements, points)
        right = -(elements.trace.T @ normal)
        out = right.T @ elements.solve_neumann(right) - direct.T @ normal - self._mean(elements, points)
        r = away(points)
        singular = -np.log(r) / (2 * np.pi) + r**2 / (4 * self.domain.measure)
        np.fill_diagonal(singular, 0.0)
        out += singular
        return (out + out.T) / 2

    def neumann_field_inside(self, at: np.ndarray, sources: np.ndarray) -> np.ndarray:
        elements = self._elements(sources, 0.0)
        _, normal = self._neumann_traces(elements, sources)
        smooth = elements.solve_neumann(-(elements.trace.T @ normal))
        r = distances(at, sources)
        with np.errstate(divide="ignore"):
            singular = -np.log(r) / (2 * np.pi) + r**2 / (4 * self.domain.measure)
        return singular + elements.values(at, smooth) - self._mean(elements, sources)

    def error(self, points: np.ndarray, phi2: complex) -> float:
        """Estimate of the largest error of `matrix`: the difference from a mesh of half the size."""
        finer = SmoothCorrection(self.domain, self.size / 2)
        return float(np.abs(self.matrix(points, np.array([phi2])) - finer.matrix(points, np.array([phi2]))).max())

    def _elements(self, points: np.ndarray, phi: float) -> Elements:
        """Those that suit the points, and phi to within a factor of two."""
        level = math.ceil(math.log2(max(phi * self.size, 0.5)))
        key = points.tobytes(), level
        if key not in self._meshes:
            module = _loaded()
            while len(self._meshes) >= KEPT:
                self._meshes.pop(next(iter(self._meshes)))
            mesh = module.graded(self.domain, points, self.size, 2.0**level / self.size)
            self._meshes[key] = module.Elements(mesh)
        return self._meshes[key]

    @staticmethod
    def _traces(elements: Elements, points: np.ndarray, phi: complex) -> tuple[np.ndarray, np.ndarray]:
        """F at the quadrature points of the boundary, and its normal derivative times their weights, (q, m)."""
        r, cosine = _towards(elements, points)
        z = phi * r
        decay = np.exp(-z) / (2 * np.pi)
        return kve(0, z) * decay, -phi * kve(1, z) * decay * cosine * elements.weights[:, None]

    def _neumann_traces(self, elements: Elements, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r, cosine = _towards(elements, points)
        area = self.domain.measure
        value = -np.log(r) / (2 * np.pi) + r**2 / (4 * area)
        return value, (r / (2 * area) - 1 / (2 * np.pi * r)) * cosine * elements.weights[:, None]

    def _mean(self, elements: Elements, points: np.ndarray) -> np.ndarray:
        """Averages over the domain of F of the Neumann function, (m,), since F is the Laplacian of a known function."""
        r, cosine = _towards(elements, points)
        area = self.domain.measure
        slope = -(2 * r * np.log(r) - r) / (8 * np.pi) + r**3 / (16 * area)
        return elements.weights @ (slope * cosine) / area


def _towards(elements: Elements, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances (q, m) of boundary points from sources, and cosines of their angles to the normal."""
    r = distances(elements.at, points)
    along = (elements.at * elements.normals).sum(axis=1)[:, None] - elements.normals @ points.T
    return r, along / r


def _loaded() -> Any:
    """The part that needs scikit-fem, imported when it is used."""
    try:
        import skfem  # noqa: F401
    except ImportError:
        raise DeclarationError("finite elements need the package scikit-fem; install it with: pip install scikit-fem") from None
    from symdyn.cells.greens import _elements

    return _elements
