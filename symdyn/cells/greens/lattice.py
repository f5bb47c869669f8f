r"""Bloch Green's functions of a lattice, by Ewald's sums.

With :math:`\frac{1}{2\pi}K_0(\varphi r) = \frac{1}{4\pi}\int_0^\infty e^{-\varphi^2 s - r^2/4s}\,\mathrm ds/s`, split at s =
:math:`s_0`, the sum over copies is

.. math::
    \sum_l e^{ik\cdot l} \frac{1}{4\pi}\sum_n \frac{(-\varphi^2 s_0)^n}{n!} E_{n+1}\Bigl(\frac{|x - l|^2}{4 s_0}\Bigr)
    + \frac{1}{|\Omega|}\sum_g \frac{e^{i(k+g)\cdot x - (|k+g|^2 + \varphi^2) s_0}}{|k+g|^2 + \varphi^2}.
"""

from __future__ import annotations

import numpy as np
from scipy.special import exp1, expn

from symdyn.cells.greens._base import Greens
from symdyn.errors import DeclarationError
from symdyn.models.lattices import Lattice

__all__ = ["LatticeGreens"]

#: Exponent beyond which terms of the sums are below rounding, and the most of :math:`|\varphi^2| s_0`.
BELOW, MOST = 38.0, 3.0
#: Terms of the series in :math:`\varphi^2 s_0`, of which the last is 3^40/40! = 1e-29.
TERMS = 40


class LatticeGreens(Greens):
    r"""Green's functions of sources that repeat over a lattice with the phases :math:`e^{ik\cdot l}`.

    The field of a source has no symmetry in its arguments unless k = 0: :math:`G(x; \xi)` is the complex conjugate of
    :math:`G(\xi; x)` for real :math:`\varphi`.

    Parameters
    ----------
    domain : Lattice

    References
    ----------
    Iyaniwura, Gou & Ward, Journal of Engineering Mathematics 127 (2021) 18, equation (4.7); Linton, SIAM Review 52 (2010) 630.

    Examples
    --------
    The regular part of the periodic Neumann function of hexagonal cells of area 1:

    >>> round(float(LatticeGreens(Lattice.hexagonal()).neumann([[0, 0]])[0, 0]), 5)
    -0.21026
    """

    domain: Lattice

    def __init__(self, domain: Lattice) -> None:
        super().__init__(domain)
        self.wave = np.array(domain.wave)
        self.area = domain.measure

    def matrix(self, points: np.ndarray, phi2: np.ndarray) -> np.ndarray:
        points, m = np.asarray(points, float), len(points)
        between = (points[:, None] - points[None]).reshape(-1, 2)
        return self._sum(between, np.asarray(phi2, complex), regular=True).reshape(-1, m, m)

    def field_inside(self, at: np.ndarray, sources: np.ndarray, phi2: complex) -> np.ndarray:
        at, sources = np.asarray(at, float), np.asarray(sources, float)
        between = at[:, None] - sources[None]
        return self._sum(between.reshape(-1, 2), np.array([complex(phi2)]))[0].reshape(len(at), len(sources))

    def neumann(self, points: np.ndarray) -> np.ndarray:
        points = np.asarray(points, float)
        between = points[:, None] - points[None]
        return self._mean_free(between.reshape(-1, 2), regular=True).reshape(len(points), len(points))

    def neumann_field_inside(self, at: np.ndarray, sources: np.ndarray) -> np.ndarray:
        at, sources = np.asarray(at, float), np.asarray(sources, float)
        return self._mean_free((at[:, None] - sources[None]).reshape(-1, 2)).reshape(len(at), len(sources))

    def _mean_free(self, x: np.ndarray, *, regular: bool = False) -> np.ndarray:
        if self.wave.any():
            raise DeclarationError("the Neumann function of a Lattice belongs to the wave (0, 0); take the domain's `still`")
        return self._sum(x, np.zeros(1), regular=regular)[0].real

    def _sum(self, x: np.ndarray, phi2: np.ndarray, *, regular: bool = False) -> np.ndarray:
        r"""The function (k, p) at points relative to a source (p, 2); at the source its regular part, or infinity.

        At :math:`\varphi = 0` and k = 0 that with the mean zero.
        """
        largest = float(np.abs(phi2).max(initial=0))
        split = min(self.area / (4 * np.pi), MOST / largest) if largest else self.area / (4 * np.pi)
        sizes = phi2 * split
        weights = np.ones((len(sizes), TERMS), complex)
        for n in range(1, TERMS):
            weights[:, n] = weights[:, n - 1] * -sizes / n
        reach = 2 * np.sqrt(BELOW * split) + float(np.hypot(*x.T).max(initial=0))
        shifts = _points(self.domain.vectors, reach)
        phases = np.exp(1j * shifts @ self.wave) / (4 * np.pi)
        away = ((x[None] - shifts[:, None]) ** 2).sum(axis=-1) / (4 * split)
        copy, point = np.nonzero((away < BELOW) & (away > 0))
        table = np.zeros((TERMS, len(x)), complex)
        for n in range(TERMS):
            np.add.at(table[n], point, phases[copy] * expn(n + 1, away[copy, point]))
        total = weights @ table
        own = phases @ (away == 0)
        on = own != 0
        if on.any() and regular:
            total[:, on] += np.outer(np.log(4 * split) - np.euler_gamma - np.array([_entire(z) for z in sizes]), own[on])
        elif on.any():
            total[:, on] = np.inf
        k = self.wave + _points(self.domain.reciprocal, np.sqrt(BELOW / split) + float(np.hypot(*self.wave)))
        lengths = (k**2).sum(axis=1)
        squares = lengths + phi2[:, None]
        none = squares == 0
        total[none.any(axis=1)] -= split / self.area  # the mean of the sum over copies
        terms = np.exp(-lengths * split) / np.where(none, np.inf, squares)
        total += np.exp(-sizes)[:, None] * (terms @ np.exp(1j * (k @ x.T))) / self.area
        return total


def _points(vectors: np.ndarray, radius: float) -> np.ndarray:
    """All points of a lattice within a distance of zero."""
    heights = abs(np.linalg.det(vectors)) / np.linalg.norm(vectors[::-1], axis=1)
    ends = [int(np.ceil(radius / h)) + 1 for h in heights]
    i, j = np.meshgrid(*(np.arange(-n, n + 1) for n in ends), indexing="ij")
    found = np.stack([i.ravel(), j.ravel()], axis=1) @ vectors
    return found[np.hypot(*found.T) <= radius + np.linalg.norm(vectors, axis=1).max()]


def _entire(z: complex) -> complex:
    r"""Ein(z) :math:`= \int_0^z (1 - e^{-t})/t\,\mathrm dt`, for moderate z."""
    if abs(z) > 2 and np.real(z) > 0:
        return complex(exp1(z) + np.log(z) + np.euler_gamma)
    total, term = 0j, -1.0 + 0j
    for k in range(1, 60):
        term *= -z / k
        total += term / k
    return total
