"""Smooth fields from noisy snapshots: few waves on periodic axes and between walls without flux, splines between others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy.interpolate import BSpline

from symdyn.inference.criterion import criterion
from symdyn.models.pde import PDESystem

__all__ = ["Smooth", "along", "axis_basis", "between_points", "smooth_fields"]

#: Of the splines, so that four derivatives are continuous.
DEGREE = 5
#: Most functions along an axis.
MOST = 129
#: Mean square, relative to that of the data, below which a misfit counts as none.
EXACT = 1e-12


@dataclass(frozen=True)
class Smooth:
    """Functions along each axis of which fields are made.

    Attributes
    ----------
    counts : tuple of int
        Functions along each axis.
    coefficients : (frames, *counts) float64
    """

    system: PDESystem
    counts: tuple[int, ...]
    coefficients: np.ndarray

    def __call__(self, points: Sequence[np.ndarray], orders: Sequence[int] | None = None) -> np.ndarray:
        """Values (frames, *shape) of a derivative at the points of a grid."""
        each = zip(points, self.counts, orders or [0] * len(points), strict=True)
        return along((axis_basis(self.system, axis, *one) for axis, one in enumerate(each)), self.coefficients, 1)


def axis_basis(system: PDESystem, axis: int, points: np.ndarray, count: int, order: int = 0) -> np.ndarray:
    """Basis functions of an axis, or a derivative of them, at points: (points, count).

    Examples
    --------
    >>> from symdyn.models.boundary import Dirichlet
    >>> system = PDESystem.from_text("u' = u", domain=(0, 1), boundary={"left": Dirichlet(1)})
    >>> bool(np.allclose(axis_basis(system, 0, np.linspace(0, 1, 5), 8).sum(axis=1), 1))
    True
    """
    low, high = (float(e[axis]) for e in system.domain.box)
    if axis in system.periodic:
        angle = 2 * np.pi / (high - low)
        waves: np.ndarray = np.arange(1, count // 2 + 1)
        phase = np.outer(np.asarray(points) - low, angle * waves) + order * np.pi / 2
        size = (angle * waves) ** order
        first = np.full((len(points), 1), 1.0 if order == 0 else 0.0)
        return np.concatenate([first, np.cos(phase) * size, np.sin(phase) * size], axis=1)
    if _mirrors(system, axis):
        waves = np.pi / (high - low) * np.arange(count)
        return np.cos(np.outer(np.asarray(points) - low, waves) + order * np.pi / 2) * waves**order
    inside = np.linspace(low, high, count - DEGREE + 1)
    knots = np.concatenate([np.full(DEGREE, low), inside, np.full(DEGREE, high)])
    spline = BSpline(knots, np.eye(count), DEGREE)
    return (spline.derivative(order) if order else spline)(np.clip(points, low, high))


def smooth_fields(system: PDESystem, positions: Sequence[np.ndarray], frames: np.ndarray, noise: float) -> Smooth:
    r"""Smooth fields near noisy frames.

    The number of functions is that with the least information criterion, or the first with which the misfit is the noise.

    Parameters
    ----------
    system : PDESystem
        Its domain, and which axes are periodic.
    positions : sequence of (n,) arrays
    frames : (frames, *shape) float64
        NaN where nothing was measured.
    noise : float
        Standard deviation.
    """
    seen = np.isfinite(frames)
    best: tuple[float, Smooth] | None = None
    for counts in _counts(system, frames.shape[1:]):
        bases = [axis_basis(system, a, p, c) for a, (p, c) in enumerate(zip(positions, counts, strict=True))]
        found = _fitted(bases, frames, seen)
        fit = along(bases, found, 1)
        n, k = int(seen.sum()), found.size
        rss = float(np.square(np.where(seen, fit - frames, 0.0)).sum())
        floor = EXACT * float(np.square(np.where(seen, frames, 0.0)).mean()) + 1e-300
        value = criterion(rss, n, 0, k, terms=0, library=1, floor=floor)
        if best is None or value < best[0]:
            best = value, Smooth(system, counts, found)
        if rss <= max(n - k, 1) * noise**2:
            break
    assert best is not None
    return best[1]


def _counts(system: PDESystem, shape: Sequence[int]) -> list[tuple[int, ...]]:
    """Numbers of functions along the axes, more and more."""
    found = []
    for step in range(40):
        row = []
        for axis, n in enumerate(shape):
            waves, odd = axis in system.periodic or _mirrors(system, axis), axis in system.periodic
            wanted = round(3 * 1.18**step) if waves else round(6 * 1.15**step)
            limit = min(MOST, n - (1 - n % 2))
            row.append(max(min(wanted + (odd and 1 - wanted % 2), limit), 1 if waves else DEGREE + 1))
        found.append(tuple(row))
    return list(dict.fromkeys(found))


def _mirrors(system: PDESystem, axis: int) -> bool:
    """Whether nothing flows through either end of an axis, for any field: then fields are even about both."""
    rows = [system.conditions[f][axis] for f in system.fields]
    return all(pair != "periodic" and all(c.reflecting for c in pair) for pair in rows)


def _fitted(bases: Sequence[np.ndarray], frames: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Coefficients (frames, *counts) of least squares."""
    if seen.all():
        return along((np.linalg.pinv(b, rcond=1e-10) for b in bases), frames, 1)
    whole = reduce(np.kron, bases)
    rows = [np.linalg.lstsq(whole[s.ravel()], f.ravel()[s.ravel()], rcond=1e-10)[0] for f, s in zip(frames, seen, strict=True)]
    return np.array(rows).reshape(len(frames), *(b.shape[1] for b in bases))


def between_points(system: PDESystem, axis: int, centers: np.ndarray, points: np.ndarray) -> np.ndarray | None:
    """Cubic interpolation from the cells of an axis to points, (points, cells); None where these are the same."""
    n, h = len(centers), centers[1] - centers[0] if len(centers) > 1 else 1.0
    if len(points) == n and np.allclose(points, centers, rtol=0, atol=1e-9 * h * n):
        return None
    matrix = np.zeros((len(points), n))
    for row, p in enumerate(points):
        place = (p - centers[0]) / h
        first = int(np.floor(place)) - 1
        if axis not in system.periodic:
            first = min(max(first, 0), n - 4)
        nodes = np.arange(first, first + 4)
        for i in range(4):
            others = np.delete(nodes, i)
            matrix[row, nodes[i] % n] += np.prod((place - others) / (nodes[i] - others))
    return matrix


def along(matrices: Iterable[np.ndarray | None], array: np.ndarray, first: int = 0) -> np.ndarray:
    """An array with a matrix applied along each of its axes from the first on; None leaves one as it is."""
    for axis, matrix in enumerate(matrices, first):
        if matrix is not None:
            array = np.moveaxis(np.tensordot(matrix, array, axes=(1, axis)), 0, axis)
    return array
