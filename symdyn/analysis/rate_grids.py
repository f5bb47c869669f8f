"""The rates of a planar flow on a grid: nullclines, where both change sign, and the direction of the flow."""

from __future__ import annotations

import numpy as np

from symdyn.analysis.field import Field

__all__ = ["RateGrid"]

#: Points along each side at which the rates are sampled, and how far beyond the region, relative to it.
GRID, BEYOND = 241, 0.02
#: Share of the median speed below which curves slow down.
SLOWEST = 1e-3


class RateGrid:
    """Rates on a grid that reaches a little beyond a region.

    Parameters
    ----------
    rates : Field
        Of two states.
    p : (k,) float64
        Parameters.
    box : (2, 2) float64
        The range of each state.
    points : int
        Along each side.
    """

    def __init__(self, rates: Field, p: np.ndarray, box: np.ndarray, points: int = GRID) -> None:
        self.rates, self.p, self.box, self.points = rates, p, box, points
        self.size = box[:, 1] - box[:, 0]
        wide = box + BEYOND * self.size[:, None] * np.array([-1.0, 1.03])  # so that no line of the grid is a round number
        self.axes = [np.linspace(a, b, points) for a, b in wide]
        x, y = np.meshgrid(*self.axes)
        self.values = self.at(np.stack([x, y], axis=-1))
        norms = np.linalg.norm(self.values / self.size, axis=-1)
        moving = norms[np.isfinite(norms) & (norms > 0)]
        self.speed = SLOWEST * float(np.median(moving)) if moving.size else 1.0

    def at(self, points: np.ndarray) -> np.ndarray:
        """Rates (..., 2) at points (..., 2)."""
        with np.errstate(all="ignore"):
            return self.rates(points, np.broadcast_to(self.p, (*points.shape[:-1], self.p.size)))

    def nullcline(self, i: int) -> list[np.ndarray]:
        """Curves on which one rate is zero."""
        import contourpy

        values = np.ma.masked_invalid(self.values[..., i])
        found = []
        for line in contourpy.contour_generator(x=self.axes[0], y=self.axes[1], z=values).lines(0.0):
            points, good = self._settled(np.asarray(line), i)
            good &= ((points >= self.box[:, 0] - 1e-9 * self.size) & (points <= self.box[:, 1] + 1e-9 * self.size)).all(axis=1)
            pieces = np.split(np.arange(len(points)), np.flatnonzero(np.diff(good)) + 1)
            found += [points[piece] for piece in pieces if good[piece[0]] and len(piece) > 1]
        return found

    def _settled(self, points: np.ndarray, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Points moved onto the zeros of a rate, across them, and which of them arrived: at poles none does."""
        start, cell = points, self.size / (self.points - 1)
        for _ in range(6):
            value = self.at(points)[:, i]
            slope = self.rates.jacobian(points, np.broadcast_to(self.p, (len(points), self.p.size)))[:, i] * self.size
            with np.errstate(all="ignore"):
                moved = value[:, None] * slope / (slope**2).sum(axis=1, keepdims=True)
            moved = np.where(np.isfinite(moved), moved, 0.0)
            points = points - moved * self.size
        good = (np.abs(points - start) <= 2 * cell).all(axis=1) & (np.abs(moved) <= 1e-6).all(axis=1)
        return points, good

    def crossings(self) -> np.ndarray:
        """Centres (k, 2) of the cells in which both rates have both signs: where steady states may be."""
        n = self.points
        both = np.ones((n - 1, n - 1), bool)
        for i in range(2):
            corners = np.stack([self.values[a : n - 1 + a, b : n - 1 + b, i] for a in (0, 1) for b in (0, 1)])
            with np.errstate(invalid="ignore"):
                both &= (corners.min(axis=0) <= 0) & (corners.max(axis=0) >= 0)
        row, column = np.nonzero(both)
        middles = [(a[1:] + a[:-1]) / 2 for a in self.axes]
        return np.stack([middles[0][column], middles[1][row]], axis=1)

    def arrows(self) -> dict[str, np.ndarray]:
        """Directions of the flow on a coarse grid."""
        x, y = np.meshgrid(*(np.linspace(a, b, 22)[1:-1] for a, b in self.box))
        points = np.stack([x.ravel(), y.ravel()], axis=1)
        v = self.at(points) / self.size
        size = np.linalg.norm(v, axis=1, keepdims=True)
        good = np.isfinite(size[:, 0]) & (size[:, 0] > 0)
        return {"points": points[good], "directions": v[good] / size[good]}
