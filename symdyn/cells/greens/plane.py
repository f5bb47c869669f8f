"""Green's function of the plane."""

from __future__ import annotations

import numpy as np

from symdyn.cells.greens._base import Greens, away, distances, free, free_regular

__all__ = ["PlaneGreens"]


class PlaneGreens(Greens):
    r""":math:`G = K_0(\varphi|x - \xi|)/2\pi`; there is no Neumann function.

    References
    ----------
    Iyaniwura, Gou & Ward, Journal of Engineering Mathematics 127 (2021) 18.

    Examples
    --------
    >>> from symdyn.models.domains import Plane
    >>> PlaneGreens(Plane()).matrix([[0, 0], [1, 0]], [1.0])[0].real.round(6)
    array([[0.018451, 0.067008],
           [0.067008, 0.018451]])
    """

    def matrix(self, points: np.ndarray, phi2: np.ndarray) -> np.ndarray:
        points, phi = np.asarray(points, float), np.sqrt(np.asarray(phi2, complex))
        m = len(points)
        upper = np.triu_indices(m, 1)
        out = np.empty((len(phi), m, m), complex)
        out[:, *upper] = free(away(points)[upper], phi[:, None])
        out[:, upper[1], upper[0]] = out[:, *upper]
        out[:, range(m), range(m)] = free_regular(phi)[:, None]
        return out

    def neumann(self, points: np.ndarray) -> np.ndarray:
        raise self._no_neumann()

    def field_inside(self, at: np.ndarray, sources: np.ndarray, phi2: complex) -> np.ndarray:
        return free(distances(at, sources), np.sqrt(phi2))

    def neumann_field(self, at: np.ndarray, sources: np.ndarray) -> np.ndarray:
        raise self._no_neumann()

    neumann_field_inside = neumann_field
