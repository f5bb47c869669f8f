r"""Periodic functions as piecewise polynomials, and their orthogonal collocation.

A function of period 1 is a polynomial of degree m on each of N intervals, continuous where they meet.  It is represented by its
values at m + 1 equidistant points of each interval, the last of which is the first of the next; conditions are posed at the m
Gauss points.

References
----------
de Boor & Swartz, SIAM J. Numer. Anal. 10 (1973) 582; Ascher, Mattheij & Russell, Numerical Solution of Boundary Value Problems
(1995), chapters 5 and 9; Doedel, Keller & Kernevez, Int. J. Bifurcation Chaos 1 (1991) 745.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["DEGREE", "GAUSS", "SLOPE", "VALUE", "WEIGHT", "Mesh"]

#: Of the polynomials; the error at the ends of intervals is of twice this order.
DEGREE = 4
#: Share of the intervals' density that is spread evenly, so that none becomes too long.
EVEN = 0.2

_nodes = np.linspace(0, 1, DEGREE + 1)
_points, _weights = np.polynomial.legendre.leggauss(DEGREE)
#: Gauss points in [0, 1] with their weights.
GAUSS, WEIGHT = (_points + 1) / 2, _weights / 2


def lagrange(at: np.ndarray) -> np.ndarray:
    """Values (..., m + 1) at points (...) of [0, 1] of the polynomials that are 1 at one node and 0 at the others."""
    factors = (at[..., None, None] - _nodes) / (_nodes[:, None] - _nodes + np.eye(DEGREE + 1))
    return np.where(np.eye(DEGREE + 1, dtype=bool), 1.0, factors).prod(axis=-1)


_inverse = np.linalg.inv(np.vander(_nodes, increasing=True))
#: Values (m, m + 1) and derivatives (m, m + 1) at the Gauss points of the same polynomials.
VALUE = lagrange(GAUSS)
SLOPE = (np.arange(1, DEGREE + 1) * np.vander(GAUSS, DEGREE, increasing=True)) @ _inverse[1:]
#: Their derivatives of order m, which are constant.
TOP = math.factorial(DEGREE) * _inverse[-1]
#: Of the error of interpolation between the nodes, times the step to the power m + 1 and the derivative of this order.
CONSTANT = float(np.abs(np.prod(np.linspace(0, 1, 201)[:, None] - _nodes, axis=1)).max()) / math.factorial(DEGREE + 1)


class Mesh:
    """Intervals of the unit of time.

    Parameters
    ----------
    ends : (N + 1,) float64
        From 0 to 1.
    kept : (b,) float64
        Times in [0, 1) at which intervals end on this mesh and on those that are adapted to functions.
    """

    def __init__(self, ends: np.ndarray, kept: np.ndarray | None = None) -> None:
        self.kept = np.empty(0) if kept is None else kept
        inside = self.kept[self.kept > 0]
        if inside.size:  # each takes the place of the nearest end
            near = {int(np.abs(ends[1:-1] - k).argmin()) for k in inside}
            ends = np.unique(np.concatenate([ends[[0, -1]], np.delete(ends[1:-1], [*near]), inside]))
        self.ends, self.widths = ends, np.diff(ends)
        self.count = len(self.widths)
        #: Times (N, m + 1) of the values that represent a function.
        self.times = ends[:-1, None] + self.widths[:, None] * _nodes
        #: Weights (N, m) of the Gauss points.
        self.weights = self.widths[:, None] * WEIGHT

    def sample(self, u: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Values (T, n) at times in [0, 1] of a function with the values u (N, m + 1, n)."""
        k = np.clip(np.searchsorted(self.ends, times, side="right") - 1, 0, self.count - 1)
        return np.einsum("tj,tjk->tk", lagrange((times - self.ends[k]) / self.widths[k]), u[k])

    def moved(self, u: np.ndarray, other: Mesh) -> np.ndarray:
        """The function with the values u (N, m + 1, n) on another mesh."""
        found = self.sample(u, other.times.ravel()).reshape(other.count, DEGREE + 1, -1)
        return closed(found)

    def roughness(self, u: np.ndarray) -> np.ndarray:
        """Derivatives (N,) of order m + 1, the largest of all components of u (N, m + 1, n)."""
        top = np.einsum("j,njk->nk", TOP, u) / self.widths[:, None] ** DEGREE
        middles = (self.widths + np.roll(self.widths, -1)) / 2
        jumps = np.abs(np.roll(top, -1, axis=0) - top).max(axis=1) / middles
        return (jumps + np.roll(jumps, 1)) / 2

    def error(self, u: np.ndarray) -> float:
        """Estimate of the largest error between the nodes."""
        return float((CONSTANT * self.roughness(u) * self.widths ** (DEGREE + 1)).max())

    def adapted(self, u: np.ndarray, count: int) -> Mesh:
        """A mesh of `count` intervals on which the error is the same in all."""
        density = self.roughness(u) ** (1 / (DEGREE + 1))
        density = np.maximum(density, EVEN * (density @ self.widths))
        total = np.concatenate([[0.0], np.cumsum(density * self.widths)])
        if not total[-1] > 0:
            return Mesh(np.linspace(0, 1, count + 1), self.kept)
        ends = np.interp(np.linspace(0, total[-1], count + 1), total, self.ends)
        ends[0], ends[-1] = 0.0, 1.0
        return Mesh(ends, self.kept)


def closed(u: np.ndarray) -> np.ndarray:
    """Values (N, m + 1, n) of which the last of each interval are the first of the next."""
    u[:, -1] = np.roll(u[:, 0], -1, axis=0)
    return u
