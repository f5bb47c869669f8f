"""What every Green's function of a domain offers, and the singular part that all of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from scipy.special import kv, kve

from symdyn.errors import DeclarationError
from symdyn.models.domains import Domain

__all__ = ["Greens", "away", "distances", "free", "free_regular"]


class Greens(ABC):
    r"""Green's functions of one domain under no-flux conditions.

    The reduced-wave function with :math:`\varphi^2 = (1 + \tau\lambda)/D` and the Neumann function satisfy

    .. math::
        \Delta G - \varphi^2 G &= -\delta(x - \xi), \qquad \partial_n G = 0 \\
        \Delta G_0 &= 1/|\Omega| - \delta(x - \xi), \qquad \partial_n G_0 = 0, \qquad \textstyle\int_\Omega G_0\,\mathrm dx = 0

    and behave as :math:`-\frac1{2\pi}\log|x - \xi| + R(\xi)` near the source.  Both are symmetric, and G is an analytic
    function of :math:`\varphi^2` with poles at minus the Neumann eigenvalues (in the plane: a cut along the negative axis).

    Parameters
    ----------
    domain : Domain
        Points given to the methods are expected inside of it and, for the matrices, different from one another.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.cells.greens import greens_function
    >>> found = greens_function(sd.Disk(1)).neumann(np.array([[0.0, 0.0], [0.5, 0.0]]))
    >>> bool(np.allclose(found, found.T))  # G_0 is symmetric
    True
    """

    def __init__(self, domain: Domain) -> None:
        self.domain = domain

    @abstractmethod
    def matrix(self, points: np.ndarray, phi2: np.ndarray) -> np.ndarray:
        r""":math:`G(x_i; x_j)` off and the regular part :math:`R(x_j)` on the diagonal.

        Parameters
        ----------
        points : (m, 2) array
            Positions inside the domain, in its units of length, different from one another.
        phi2 : (k,) array
            :math:`\varphi^2`, complex, in inverse squares of length; its root is the principal one.

        Returns
        -------
        (k, m, m) complex array
            Dimensionless.

        Examples
        --------
        In the plane :math:`G = K_0(\varphi r) / 2\pi`, so :math:`R = (\log 2 - \gamma)/2\pi` for :math:`\varphi = 1`:

        >>> import math
        >>> import symdyn as sd
        >>> from symdyn.cells.greens import greens_function
        >>> [[[regular]]] = greens_function(sd.Plane()).matrix(np.array([[0.0, 0.0]]), np.array([1.0]))
        >>> bool(abs(regular - (math.log(2) - 0.5772156649015329) / (2 * math.pi)) < 1e-12)
        True
        """

    @abstractmethod
    def neumann(self, points: np.ndarray) -> np.ndarray:
        r""":math:`G_0(x_i; x_j)` off and its regular part :math:`R_0(x_j)` on the diagonal.

        Parameters
        ----------
        points : (m, 2) array
            Positions inside the domain, in its units of length, different from one another.

        Returns
        -------
        (m, m) float array
            Dimensionless.

        Raises
        ------
        DeclarationError
            In the plane, which has no Neumann function.

        Examples
        --------
        The regular part at the centre of the unit disk is :math:`-3/(8\pi)`:

        >>> import symdyn as sd
        >>> from symdyn.cells.greens import greens_function
        >>> greens_function(sd.Disk(1)).neumann(np.array([[0.0, 0.0]])).round(6).tolist()
        [[-0.119366]]
        """

    def field(self, at: np.ndarray, sources: np.ndarray, phi2: complex) -> np.ndarray:
        r"""G at given points, of given sources.

        Parameters
        ----------
        at : (p, 2) array
            Positions, in the units of length of the domain.
        sources : (m, 2) array
            Positions inside the domain.
        phi2 : complex
            :math:`\varphi^2`, in inverse squares of length.

        Returns
        -------
        (p, m) complex array
            Dimensionless; infinite on a source, NaN outside the domain.

        Examples
        --------
        In the plane :math:`G = K_0(\varphi r) / 2\pi`, and :math:`K_0(1) = 0.421024`:

        >>> import symdyn as sd
        >>> from symdyn.cells.greens import greens_function
        >>> [[value]] = greens_function(sd.Plane()).field([[1.0, 0.0]], [[0.0, 0.0]], 1.0)
        >>> round(float(value.real * 2 * np.pi), 6)
        0.421024
        """
        return self._inside(at, sources, lambda x, y: self.field_inside(x, y, complex(phi2)), complex)

    def neumann_field(self, at: np.ndarray, sources: np.ndarray) -> np.ndarray:
        r"""The Neumann function at given points, of given sources.

        Parameters
        ----------
        at : (p, 2) array
            Positions, in the units of length of the domain.
        sources : (m, 2) array
            Positions inside the domain.

        Returns
        -------
        (p, m) float array
            Dimensionless; infinite on a source, NaN outside the domain.

        Raises
        ------
        DeclarationError
            In the plane, which has no Neumann function.

        Examples
        --------
        Of a source at the centre of the unit disk it is
        :math:`-\frac1{2\pi} \log r + \frac{r^2}{4\pi} - \frac{3}{8\pi}`, which is :math:`-1/(8\pi)` at the boundary:

        >>> import symdyn as sd
        >>> from symdyn.cells.greens import greens_function
        >>> [[value]] = greens_function(sd.Disk(1)).neumann_field([[1.0, 0.0]], [[0.0, 0.0]])
        >>> round(float(value) * 8 * np.pi, 6)
        -1.0
        """
        return self._inside(at, sources, self.neumann_field_inside, float)

    @abstractmethod
    def field_inside(self, at: np.ndarray, sources: np.ndarray, phi2: complex) -> np.ndarray:
        r"""The function of `field` at points that all lie in the domain or on its boundary; what a subclass computes.

        Parameters
        ----------
        at : (p, 2) array
            Positions, in the units of length of the domain.
        sources : (m, 2) array
            Positions inside the domain.
        phi2 : complex
            :math:`\varphi^2`, in units of an inverse area.

        Returns
        -------
        (p, m) complex array

        Examples
        --------
        In the plane :math:`G = K_0(\varphi r) / 2\pi`, and :math:`K_0(1) = 0.421024`:

        >>> import symdyn as sd
        >>> from symdyn.cells.greens import greens_function
        >>> [[value]] = greens_function(sd.Plane()).field_inside(np.array([[1.0, 0]]), np.array([[0.0, 0]]), 1.0)
        >>> round(float(value.real * 2 * np.pi), 6)
        0.421024
        """

    @abstractmethod
    def neumann_field_inside(self, at: np.ndarray, sources: np.ndarray) -> np.ndarray:
        r"""The function of `neumann_field` at such points.

        Parameters
        ----------
        at : (p, 2) array
            Positions, in the units of length of the domain.
        sources : (m, 2) array
            Positions inside the domain.

        Returns
        -------
        (p, m) float array

        Examples
        --------
        Of a source at the centre of the unit disk it is :math:`-1/(8\pi)` at the boundary:

        >>> import symdyn as sd
        >>> from symdyn.cells.greens import greens_function
        >>> [[value]] = greens_function(sd.Disk(1)).neumann_field_inside(np.array([[1.0, 0]]), np.array([[0.0, 0]]))
        >>> round(float(value) * 8 * np.pi, 6)
        -1.0
        """

    def _inside(self, at: np.ndarray, sources: np.ndarray, make: Callable, dtype: type) -> np.ndarray:
        at, sources = np.asarray(at, float).reshape(-1, 2), np.asarray(sources, float).reshape(-1, 2)
        low, high = self.domain.box
        tolerance = 1e-9 * float((high - low).max())
        inside = self.domain.distance(at) <= (tolerance if np.isfinite(tolerance) else 0.0)
        out: np.ndarray = np.full((len(at), len(sources)), np.nan, dtype)
        if inside.any():
            out[inside] = make(at[inside], sources)
        return out

    def _no_neumann(self) -> DeclarationError:
        return DeclarationError(
            f"the {type(self.domain).__name__} has no Neumann function, since nothing holds the signal back; "
            "limits of fast diffusion need a bounded domain: a Disk, a Rectangle or a Polygon"
        )


def distances(at: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Between points (p, 2) and (m, 2), (p, m)."""
    return np.hypot(at[:, None, 0] - sources[None, :, 0], at[:, None, 1] - sources[None, :, 1])


def away(points: np.ndarray) -> np.ndarray:
    """Distances between points, (m, m), with ones on the diagonal, the places of the regular part."""
    found = distances(points, points)
    np.fill_diagonal(found, 1.0)
    return found


def free(r: np.ndarray, phi: np.ndarray) -> np.ndarray:
    r"""Green's function of the plane, :math:`K_0(\varphi r)/2\pi`.

    The scaled function is right where the other overflows; for real arguments both are faster than for complex ones.
    """
    z = np.multiply(phi, r)
    if not np.iscomplexobj(z) or not z.imag.any():
        with np.errstate(invalid="ignore"):  # infinite at the source
            return kv(0, z.real).astype(complex) / (2 * np.pi)
    return kve(0, z) * np.exp(-z) / (2 * np.pi)


def free_regular(phi: np.ndarray) -> np.ndarray:
    r"""Its regular part, :math:`(\log 2 - \gamma - \log\varphi)/2\pi`."""
    return (np.log(2) - np.euler_gamma - np.log(phi)) / (2 * np.pi)
