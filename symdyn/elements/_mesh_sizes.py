"""How long the edges of a mesh are at each place, and where the nodes of the boundary lie."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.models.boxes import Rectangle
from symdyn.models.domains import Disk, Domain, Polygon

__all__ = ["MeshSizes", "Outline", "make_outline", "make_sizes"]

GROWTH = 0.3
"""Increase of the edge length per unit of distance from the resolved feature."""

CLOSEST = 0.02
"""Gap, in radii, below which two cells count as touching."""

REENTRANT = 0.1
"""Edge at a reentrant corner, relative to those far away: the signal's gradient is singular there."""


@dataclass(frozen=True)
class MeshSizes:
    r"""The wanted length of an edge, :math:`h(x) = \min(h_{far}, \min_k [h_k + g (|x - x_k| - r_k)^+])`.

    Attributes
    ----------
    far : float
    places : (k, 2) array
    radii, lengths : (k,) arrays
    """

    far: float
    places: np.ndarray
    radii: np.ndarray
    lengths: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """h (N,) at points (N, 2)."""
        out = np.full(len(points), self.far)
        for start in range(0, len(self.places), 64):  # in parts: many cells times many points is a large array
            part = slice(start, start + 64)
            away = np.hypot(*(points[:, None] - self.places[part]).transpose(2, 0, 1)) - self.radii[part]
            np.minimum(out, (self.lengths[part] + GROWTH * np.maximum(away, 0)).min(axis=1), out=out)
        return out


@dataclass(frozen=True)
class Outline:
    """The nodes of all boundaries, and the segments between them.

    Attributes
    ----------
    points : (b, 2) array
    segments : (b, 2) int array
    owners : (b,) int array
        The cell of each segment, -1 for the outer boundary.
    """

    points: np.ndarray
    segments: np.ndarray
    owners: np.ndarray = field(repr=False)


def make_sizes(domain: Domain, centers: np.ndarray, radius: float, nodes: np.ndarray, size: float, wall: int) -> MeshSizes:
    """The sizes that resolve the cells, the gaps between them, the corners and the wanted nodes.

    Raises
    ------
    DeclarationError
        For cells and nodes that touch each other or the outer boundary, or lie outside.
    """
    places, radii, lengths = [], [], []
    gaps = _gaps(domain, centers, radius)
    places += list(centers)
    radii += [radius] * len(centers)
    lengths += list(np.minimum(np.minimum(2 * np.pi * radius / wall, 0.8 * gaps), size))
    room = _room(domain, centers, radius, nodes)
    places += list(nodes)
    radii += [0.0] * len(nodes)
    lengths += list(np.minimum(size, 0.8 * room))
    if isinstance(domain, (Rectangle, Polygon)):
        found, length = _narrow(domain.points, size)
        places += list(found)
        radii += [0.0] * len(found)
        lengths += list(length)
    where, reach, edge = np.array(places).reshape(-1, 2), np.array(radii), np.array(lengths)
    for j, center in enumerate(
        centers
    ):  # the edges around a cell are all as short as the shortest that is asked for at its wall
        edge[j] = min(edge[j], (edge + GROWTH * np.maximum(np.hypot(*(where - center).T) - reach - radius, 0)).min())
    return MeshSizes(size, where, reach, edge)


def make_outline(domain: Domain, centers: np.ndarray, radius: float, sizes: MeshSizes, wall: int) -> Outline:
    """Nodes along the outer boundary, as dense as `sizes` requires, and equidistant around each cell, `wall` or more."""
    loops = [(_around(domain, sizes), -1)]
    for j, center in enumerate(centers):
        count = max(wall, int(np.ceil(2 * np.pi * radius / sizes.lengths[j] - 1e-9)))
        angle = 2 * np.pi * np.arange(count) / count
        loops.append((center + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1), j))
    points, segments, owners, start = [], [], [], 0
    for loop, owner in loops:
        here = start + np.arange(len(loop))
        points.append(loop)
        segments.append(np.stack([here, np.roll(here, -1)], axis=1))
        owners.append(np.full(len(loop), owner))
        start += len(loop)
    return Outline(np.concatenate(points), np.concatenate(segments), np.concatenate(owners))


def _gaps(domain: Domain, centers: np.ndarray, radius: float) -> np.ndarray:
    """Distance of each cell to the nearest cell or boundary, (m,)."""
    if not len(centers):
        return np.empty(0)
    outside = -domain.distance(centers) - radius
    for j in np.flatnonzero(outside < CLOSEST * radius):
        x, y = centers[j]
        raise DeclarationError(
            f"cell {j + 1} at ({x:g}, {y:g}) with the radius {radius:g} touches or crosses the boundary of {domain!r}; "
            f"move it inwards or make it smaller"
        )
    away = np.hypot(*(centers[:, None] - centers).transpose(2, 0, 1)) - 2 * radius
    np.fill_diagonal(away, np.inf)
    for i, j in np.argwhere(away < CLOSEST * radius)[:1]:
        raise DeclarationError(
            f"cells {i + 1} and {j + 1} at {tuple(map(float, centers[i]))} and {tuple(map(float, centers[j]))} touch or "
            f"overlap: their centers are {away[i, j] + 2 * radius:g} apart, the radius is {radius:g}; move them apart"
        )
    return np.minimum(outside, away.min(axis=1))


def _room(domain: Domain, centers: np.ndarray, radius: float, nodes: np.ndarray) -> np.ndarray:
    """Distance of each desired node to the nearest cell or boundary, (k,)."""
    if not len(nodes):
        return np.empty(0)
    least = 1e-6 * np.sqrt(domain.measure)
    room = -domain.distance(nodes)
    for p in nodes[room < least][:1]:
        raise DeclarationError(f"the node ({p[0]:g}, {p[1]:g}) does not lie inside {domain!r}; nodes must be interior points")
    if len(centers):
        away = np.hypot(*(nodes[:, None] - centers).transpose(2, 0, 1)) - radius
        for i, j in np.argwhere(away < least)[:1]:
            raise DeclarationError(
                f"the node ({nodes[i, 0]:g}, {nodes[i, 1]:g}) lies in cell {j + 1}; nodes must lie in the bulk"
            )
        room = np.minimum(room, away.min(axis=1))
    if len(nodes) > 1:
        away = np.hypot(*(nodes[:, None] - nodes).transpose(2, 0, 1))
        np.fill_diagonal(away, np.inf)
        for i, j in np.argwhere(away < least)[:1]:
            raise DeclarationError(
                f"the nodes {i + 1} and {j + 1} are the same point ({nodes[i, 0]:g}, {nodes[i, 1]:g}); give it once"
            )
        room = np.minimum(room, away.min(axis=1))
    return room


def _narrow(corners: np.ndarray, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Where a polygon requires shorter edges: near short sides, narrow passages and reentrant corners."""
    n = len(corners)
    ends = np.roll(corners, -1, axis=0)
    along = ends - corners
    length = np.hypot(*along.T)
    places, lengths = [], []
    for i in range(n):
        before = along[i - 1]
        turn = before[0] * along[i][1] - before[1] * along[i][0]
        wanted = min(size, length[i] / 2, length[i - 1] / 2)
        if turn < -1e-9 * length[i] * length[i - 1]:
            wanted = min(wanted, REENTRANT * size)
        places.append(corners[i])
        lengths.append(wanted)
        samples = corners[i] + np.linspace(0, 1, 41)[:, None] * along[i]
        others = [k for k in range(n) if k not in ((i - 1) % n, i, (i + 1) % n)]
        if others:
            near = np.min([_to_side(samples, corners[k], ends[k]) for k in others], axis=0)
            tight = np.flatnonzero(near < 1.25 * size)
            places += list(samples[tight])
            lengths += list(0.8 * near[tight])
    return np.array(places), np.array(lengths)


def _to_side(points: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    t = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    return np.hypot(*(points - a - t[:, None] * (b - a)).T)


def _around(domain: Domain, sizes: MeshSizes) -> np.ndarray:
    """Nodes of the outer boundary, counterclockwise, (b, 2)."""
    if isinstance(domain, Disk):
        angle = (
            2
            * np.pi
            * _spread(
                lambda s: domain.center + domain.radius * np.stack([np.cos(2 * np.pi * s), np.sin(2 * np.pi * s)], axis=1),
                2 * np.pi * domain.radius,
                sizes,
                least=16,
            )
        )
        return np.asarray(domain.center) + domain.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert isinstance(domain, (Rectangle, Polygon))
    sides = []
    for a, b in zip(domain.points, np.roll(domain.points, -1, axis=0), strict=True):
        s = _spread(lambda s, a=a, b=b: a + s[:, None] * (b - a), float(np.hypot(*(b - a))), sizes, least=1)
        sides.append(a + s[:, None] * (b - a))
    return np.concatenate(sides)


def _spread(curve, length: float, sizes: MeshSizes, least: int) -> np.ndarray:
    """Parameters in [0, 1), from 0 on, that cut a curve into pieces as long as `sizes` wants."""
    s = np.linspace(0, 1, 4001)
    density = length / sizes(curve(s))
    total = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(s))])
    count = max(least, int(np.ceil(total[-1] - 1e-9)))
    return np.interp(total[-1] * np.arange(count) / count, total, s)
