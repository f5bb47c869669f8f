"""Green's functions of a disc: Bessel series whose slow part is summed in closed form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from symdyn.cells.greens._base import Greens, away, distances, free, free_regular
from symdyn.cells.greens._bessel import inner, orders, reflected

if TYPE_CHECKING:
    from symdyn.models.domains import Disk

__all__ = ["DiskGreens"]

#: Largest number of terms, reached by pairs of points within 1/1000 of the radius from the wall: beyond, what is left out
#: is of the order of |phi/TERMS|^2.
TERMS = 20_000
#: Decay, in lengths of the signal along the way by the wall, after which nothing is left of it in double precision.
FADED = 745
#: Largest size of the table of Bessel functions, in numbers (complex: 64 MB).
CHUNK = 4_000_000


class DiskGreens(Greens):
    r"""Green's functions of a disc of any radius and center.

    In polar coordinates scaled by the radius, with :math:`\beta_0 = 1, \beta_n = 2`,

    .. math::
        2\pi G = K_0(\varphi|x - \xi|)
            - \sum_n \beta_n \cos n(\psi - \psi_0) \frac{K_n'(\varphi)}{I_n'(\varphi)} I_n(\varphi r) I_n(\varphi\rho)

    whose terms approach :math:`\cos n(\psi - \psi_0) (r\rho)^n/n`: the sum of the latter is
    :math:`-\frac12\log(1 - 2r\rho\cos(\psi - \psi_0) + r^2\rho^2)`, and only the differences are added up.  Bessel functions
    enter by ratios of neighbouring orders, which is accurate for fast and slow diffusion, and the sums over the orders are
    matrix products.

    References
    ----------
    Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438, equations (3.21) and (A.1).

    Examples
    --------
    >>> from symdyn.models.domains import Disk
    >>> DiskGreens(Disk(1)).matrix([[0.5, 0], [0, 0]], [1.0])[0].real.round(6)
    array([[0.246222, 0.32739 ],
           [0.32739 , 0.187955]])
    """

    domain: Disk

    def matrix(self, points: np.ndarray, phi2: np.ndarray) -> np.ndarray:
        x, phi = self._scaled(points), self._roots(phi2)
        out = np.empty((len(phi), len(x), len(x)), complex)
        upper = np.triu_indices(len(x), 1)
        apart = free(away(x)[upper], phi[:, None])
        out[:, *upper] = apart
        out[:, upper[1], upper[0]] = apart
        out[:, range(len(x)), range(len(x))] = free_regular(phi)[:, None] + math.log(self.domain.radius) / (2 * np.pi)
        self._add_reflections(out, x, x, phi)
        return (out + out.swapaxes(1, 2)) / 2

    def field_inside(self, at: np.ndarray, sources: np.ndarray, phi2: complex) -> np.ndarray:
        x, y, phi = self._scaled(at), self._scaled(sources), self._roots([phi2])
        out = free(distances(x, y), phi[0])[None]
        # rows of `at` in turn, as its table is the large one
        step = max(50, CHUNK // (2 * _orders(x, y, phi)))
        for low in range(0, len(x), step):
            self._add_reflections(out[:, low : low + step], x[low : low + step], y, phi)
        return out[0]

    def neumann(self, points: np.ndarray) -> np.ndarray:
        x = self._scaled(points)
        out = self._neumann(x, x, away(x))
        out[range(len(x)), range(len(x))] += math.log(self.domain.radius) / (2 * np.pi)
        return (out + out.T) / 2

    def neumann_field_inside(self, at: np.ndarray, sources: np.ndarray) -> np.ndarray:
        x, y = self._scaled(at), self._scaled(sources)
        return self._neumann(x, y, distances(x, y))

    def _scaled(self, points: np.ndarray) -> np.ndarray:
        return (np.asarray(points, float).reshape(-1, 2) - self.domain.center) / self.domain.radius

    def _roots(self, phi2: np.ndarray | list[complex]) -> np.ndarray:
        return np.sqrt(np.asarray(phi2, complex)) * self.domain.radius

    @staticmethod
    def _neumann(x: np.ndarray, y: np.ndarray, apart: np.ndarray) -> np.ndarray:
        a, b = (x**2).sum(axis=1)[:, None], (y**2).sum(axis=1)
        with np.errstate(divide="ignore"):
            return (-np.log(apart) - np.log(a * b + 1 - 2 * x @ y.T) / 2 + (a + b) / 2 - 0.75) / (2 * np.pi)

    @staticmethod
    def _add_reflections(out: np.ndarray, x: np.ndarray, y: np.ndarray, phi: np.ndarray) -> None:
        """Add the contribution of the wall, for phi (k,), points x (p, 2) and y (m, 2) in the unit disc, to `out` (k, p, m)."""
        if not phi.size or not len(x) or not len(y):
            return
        same = x is y
        (r, s), (rho, sigma) = ((np.hypot(*z.T), np.arctan2(z[:, 1], z[:, 0])) for z in (x, y))
        reaching = np.flatnonzero(phi.real * (2 - r.max() - rho.max()) < FADED)
        if reaching.size < phi.size:
            part = out[reaching]
            if reaching.size:
                DiskGreens._add_reflections(part, x, y, phi[reaching])
            out[reaching] = part
            return
        count = _orders(x, y, phi)
        n = np.arange(count + 1)[:, None]
        # remainder of the truncated series, from its closed form: the same for all phi
        angle, q = s[:, None] - sigma, r[:, None] * rho
        tail = -np.log((1 - q) ** 2 + 4 * q * np.sin(angle / 2) ** 2) / 2
        left, right = _harmonics(r, s, n), _harmonics(rho, sigma, n)
        weight = np.repeat(1 / np.maximum(n[1:, 0], 1), 2)
        tail -= np.einsum("ni,n->in", left[1:].reshape(-1, len(x)), weight) @ right[1:].reshape(-1, len(y))
        beta = np.where(n == 0, 1.0, 2.0)
        step = max(1, CHUNK // ((count + 1) * 2 * (len(x) + len(y))))
        for low in range(0, len(phi), step):
            z = phi[low : low + step]
            b = _waves(inner(z, rho, count), sigma, n)
            a = b if same else _waves(inner(z, r, count), s, n)
            c = np.repeat((beta * reflected(z, count)).T, 2, axis=1)
            out[low : low + step] += (np.swapaxes(a * c[:, :, None], 1, 2) @ b + tail) / (2 * np.pi)


def _orders(x: np.ndarray, y: np.ndarray, phi: np.ndarray) -> int:
    """The highest order required by points x and y in the unit disc."""
    return orders(phi, _terms(np.hypot(*x.T).max() * np.hypot(*y.T).max(), np.abs(phi).max()))


def _terms(q: float, size: float) -> int:
    """After how many terms those left out, of the order of q^n (size/n)^2, no longer count."""
    if q <= 0:
        return 1
    needed = 36.0
    if size < 1 and q < 1:
        needed += 2 * math.log(max(size, 1e-8))
    return min(TERMS, int(needed / -math.log(q)) + 1) if q < 1 else TERMS


def _harmonics(r: np.ndarray, angle: np.ndarray, n: np.ndarray) -> np.ndarray:
    """r^n cos(n angle) and r^n sin(n angle), (count, 2, m)."""
    return np.stack([r**n * np.cos(n * angle), r**n * np.sin(n * angle)], axis=1)


def _waves(table: np.ndarray, angle: np.ndarray, n: np.ndarray) -> np.ndarray:
    """A table (count, k, m) times cosine and sine, (k, 2 count, m)."""
    count, k, m = table.shape
    out = np.empty((k, count, 2, m), complex)
    turned = np.moveaxis(table, 1, 0)
    np.multiply(turned, np.cos(n * angle), out=out[:, :, 0])
    np.multiply(turned, np.sin(n * angle), out=out[:, :, 1])
    return out.reshape(k, 2 * count, m)
