"""Green's functions of a rectangle: images for short times, modes for long times."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import exp1

from symdyn.cells.greens._base import Greens

if TYPE_CHECKING:
    from symdyn.models.boxes import Rectangle

__all__ = ["RectangleGreens"]

#: Exponent of negligible terms: exp(-38) is 3e-17.
EXPONENT = 38.0
#: Largest |phi^2 T| of the power series of the early part.
REACH = 2.0
#: Modes times points that are handled at a time.
CHUNK = 4_000_000


class RectangleGreens(Greens):
    r"""Green's functions of a rectangle, to rounding, at any complex :math:`\varphi^2`.

    The signal of a source is the time integral of :math:`e^{-\varphi^2t}` times the heat kernel.  Up to a time T the kernel
    is that of the plane summed over images, beyond T it is a sum over the cosines of the rectangle with wave numbers
    :math:`\kappa`, as in Ewald's method:

    .. math::
        G = \frac1{4\pi}\sum_{\rm images}\sum_n \frac{(-\varphi^2T)^n}{n!} E_{n+1}\Bigl(\frac{r^2}{4T}\Bigr)
            + \sum_\kappa \psi_\kappa(x)\psi_\kappa(\xi) \frac{e^{-(\varphi^2 + \kappa^2)T}}{\varphi^2 + \kappa^2}

    Both converge like Gaussians, also at small :math:`\mathrm{Re}\,\varphi`.

    Examples
    --------
    >>> from symdyn.models.boxes import Rectangle
    >>> RectangleGreens(Rectangle(2, 1)).matrix([[0.5, 0.5], [1.5, 0.5]], [1.0])[0].real.round(6)
    array([[0.436767, 0.350862],
           [0.350862, 0.436767]])
    """

    domain: Rectangle

    def matrix(self, points: np.ndarray, phi2: np.ndarray) -> np.ndarray:
        x, phi2 = self._local(points), np.asarray(phi2, complex)
        out = self._sum(x, x, phi2)
        return (out + out.swapaxes(1, 2)) / 2

    def field_inside(self, at: np.ndarray, sources: np.ndarray, phi2: complex) -> np.ndarray:
        return self._sum(self._local(at), self._local(sources), np.array([phi2], complex))[0]

    def neumann(self, points: np.ndarray) -> np.ndarray:
        x = self._local(points)
        out = self._sum(x, x, None)[0].real
        return (out + out.T) / 2

    def neumann_field_inside(self, at: np.ndarray, sources: np.ndarray) -> np.ndarray:
        return self._sum(self._local(at), self._local(sources), None)[0].real

    def _local(self, points: np.ndarray) -> np.ndarray:
        """Coordinates from the lower left corner."""
        return np.asarray(points, float).reshape(-1, 2) - self.domain.corner

    def _sum(self, x: np.ndarray, y: np.ndarray, phi2: np.ndarray | None) -> np.ndarray:
        """G (k, p, m), without `phi2` the Neumann function; regular parts on the diagonal where x is y."""
        largest = 0.0 if phi2 is None else np.abs(phi2).max(initial=0)
        time = min(self.domain.measure / 10, REACH / max(largest, 1e-300))
        powers = np.ones((1, 1), complex) if phi2 is None else _powers(-phi2 * time)
        early = self._early(x, y, time, powers.shape[1])
        out = (powers @ early.reshape(len(early), -1)).reshape(-1, len(x), len(y))
        self._add_late(out, x, y, time, phi2)
        return out

    def _early(self, x: np.ndarray, y: np.ndarray, time: float, count: int) -> np.ndarray:
        """Sums over images of E_{n+1}(r^2/4T)/4 pi, (count, p, m)."""
        out = np.zeros((count, len(x), len(y)))
        offsets = [
            [x[:, None, i] - sign * y[None, :, i] + 2 * n * side for sign in (1, -1) for n in _shifts(side, time, sign)]
            for i, side in enumerate((self.domain.width, self.domain.height))
        ]
        own = len(_shifts(self.domain.width, time, 1)) // 2, len(_shifts(self.domain.height, time, 1)) // 2
        for i, dx in enumerate(offsets[0]):
            for j, dy in enumerate(offsets[1]):
                z = (dx * dx + dy * dy) / (4 * time)
                if z.min(initial=math.inf) > EXPONENT:
                    continue
                diagonal = x is y and (i, j) == own
                if diagonal:
                    np.fill_diagonal(z, 1.0)
                integrals = _exponential_integrals(z, count)
                if diagonal:
                    for n, term in enumerate(integrals):
                        np.fill_diagonal(term, 1 / n if n else math.log(4 * time) - np.euler_gamma)
                out += integrals
        return out / (4 * np.pi)

    def _add_late(self, out: np.ndarray, x: np.ndarray, y: np.ndarray, time: float, phi2: np.ndarray | None) -> None:
        """Add the sum over the modes; of the Neumann function the constant one leaves -T/|Omega|."""
        largest = math.sqrt(EXPONENT / time)
        a, b = self.domain.width, self.domain.height
        n, k = (g.ravel() for g in np.mgrid[: int(largest * a / np.pi) + 1, : int(largest * b / np.pi) + 1])
        kappa2 = (np.pi * n / a) ** 2 + (np.pi * k / b) ** 2
        kept = np.flatnonzero(kappa2 <= largest**2)
        if phi2 is None:
            kept = kept[kappa2[kept] > 0]
            out -= time / self.domain.measure
        step = max(1, CHUNK // max(1, len(x) + len(y)))
        for low in range(0, len(kept), step):
            part = kept[low : low + step]
            size = np.where(n[part] > 0, 2, 1) * np.where(k[part] > 0, 2, 1) / self.domain.measure
            waves = [
                np.cos(np.pi * n[part] / a * z[:, :1]) * np.cos(np.pi * k[part] / b * z[:, 1:])
                for z in ((x,) if x is y else (x, y))
            ]
            for i, value in enumerate([0.0] if phi2 is None else phi2):
                with np.errstate(divide="ignore", invalid="ignore"):
                    factor = size * np.exp(-(value + kappa2[part]) * time) / (value + kappa2[part])
                left = waves[0] * factor
                out[i] += left.real @ waves[-1].T + (1j * (left.imag @ waves[-1].T) if np.iscomplexobj(left) else 0)


def _shifts(side: float, time: float, sign: int) -> range:
    """Periods 2 side n over which an image may be near enough; those of equal sign are symmetric about none."""
    reach = math.ceil((math.sqrt(4 * EXPONENT * time) + side * (1 if sign > 0 else 2)) / (2 * side))
    return range(-reach, reach + 1)


def _powers(z: np.ndarray) -> np.ndarray:
    """z^n/n! for all n that count, (k, count)."""
    count, size, term = 1, np.abs(z).max(initial=0), 1.0
    while term > 1e-18 and count < 60:
        term *= size / count
        count += 1
    n = np.arange(1, count)
    return np.cumprod(np.concatenate([np.ones((len(z), 1)), z[:, None] / n], axis=1), axis=1)


def _exponential_integrals(z: np.ndarray, count: int) -> np.ndarray:
    """E_1..E_count at z, by the upward recurrence: it may lose relative digits, though no absolute ones."""
    out = np.zeros((count, *z.shape))
    near = z < EXPONENT
    small = z[near]
    decay, value = np.exp(-small), exp1(small)
    for n in range(count):
        out[n, near] = value
        with np.errstate(invalid="ignore"):
            value = (decay - np.where(np.isinf(value), 0.0, small * value)) / (n + 1)
    return out
