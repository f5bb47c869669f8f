"""Domains of fields: what they are, discs, polygons, and the plane; `symdyn.models.boxes` has those of boxes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from symdyn.errors import DeclarationError

__all__ = ["Disk", "Domain", "Plane", "Polygon"]


class Domain(ABC):
    """An open set in space.

    Attributes
    ----------
    dimension : int
    measure : float
        Length, area or volume, in the units of length of the domain; infinite for the plane.

    Examples
    --------
    >>> import symdyn as sd
    >>> disk = sd.Disk(2)
    >>> isinstance(disk, Domain), disk.dimension, round(disk.measure, 6)  # 4 pi
    (True, 2, 12.566371)
    """

    dimension: ClassVar[int] = 2
    #: Whether grids of cells fill it: its sides are parallel to the axes.
    boxed: ClassVar[bool] = False

    @property
    @abstractmethod
    def measure(self) -> float:
        """Length, area or volume."""

    @property
    @abstractmethod
    def box(self) -> np.ndarray:
        """Lower and upper corner, (2, dimension)."""

    @property
    def still(self) -> Domain:
        """The domain of what is at rest: itself, but for waves over a lattice."""
        return self

    @property
    def periods(self) -> np.ndarray:
        """Vectors along which everything repeats, as rows, (k, 2)."""
        return np.empty((0, 2))

    @abstractmethod
    def distance(self, points: np.ndarray) -> np.ndarray:
        """Signed distance of points to the boundary, negative inside.

        Parameters
        ----------
        points : (..., dimension) array
            Positions, in the units of length of the domain.

        Returns
        -------
        (...,) float array

        Raises
        ------
        DeclarationError
            If the positions are not numbers of the shape (..., dimension).

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.Disk(1).distance([[0, 0], [3, 4]]).tolist()
        [-1.0, 4.0]
        """

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether points lie inside the domain; its boundary does not belong to it.

        Parameters
        ----------
        points : (..., dimension) array
            Positions, in the units of length of the domain.

        Returns
        -------
        (...,) bool array

        Raises
        ------
        DeclarationError
            If the positions are not numbers of the shape (..., dimension).

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.Disk(1).contains([[0, 0], [1, 0], [2, 0]])
        array([ True, False, False])
        """
        return self.distance(self._positions(points)) < 0

    def _positions(self, points: Any) -> np.ndarray:
        """Points as an array whose last axis is that of the coordinates."""
        try:
            found = np.asarray(points, float)
        except (TypeError, ValueError):
            raise DeclarationError(f"the positions are {points!r}; expected numbers (..., {self.dimension})") from None
        if found.shape[-1:] != (self.dimension,):
            raise DeclarationError(
                f"the positions have the shape {found.shape}; a {type(self).__name__} takes (..., {self.dimension})"
            )
        return found


@dataclass(frozen=True)
class Disk(Domain):
    """The disc of a radius around a center.

    Parameters
    ----------
    radius : float
        Positive, in one unit of length.
    center : (x, y)
        In the same unit.

    Raises
    ------
    DeclarationError
        For a radius that is not positive, and numbers that are not finite.

    Examples
    --------
    >>> round(Disk(1).measure, 6)  # pi
    3.141593
    """

    radius: float
    center: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        (radius,) = _positive(self, radius=self.radius)
        self.__dict__.update(radius=radius, center=_point(self, self.center, "center"))

    @property
    def measure(self) -> float:
        return math.pi * self.radius**2

    @property
    def box(self) -> np.ndarray:
        center = np.array(self.center)
        return np.stack([center - self.radius, center + self.radius])

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Signed distance of points to the circle, negative inside.

        Parameters
        ----------
        points : (..., 2) array
            Positions, in the units of length of the domain.

        Returns
        -------
        (...,) float array

        Raises
        ------
        DeclarationError
            If the positions are not numbers of the shape (..., dimension).

        Examples
        --------
        >>> Disk(1).distance([[0, 0], [3, 4]])
        array([-1.,  4.])
        """
        return np.hypot(*np.moveaxis(self._positions(points) - self.center, -1, 0)) - self.radius


@dataclass(frozen=True, eq=False)
class Polygon(Domain):
    """The interior of a simple polygon, without holes.

    Parameters
    ----------
    points : (n, 2) array
        The corners in order along the boundary, in either sense of rotation, in one unit of length.

    Raises
    ------
    DeclarationError
        For fewer than three corners, numbers that are not finite, and sides that cross or touch.

    Examples
    --------
    >>> Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]).measure
    3.0
    """

    points: Any

    def __post_init__(self) -> None:
        try:
            points = np.array([[float(c) for c in p] for p in self.points])
        except (TypeError, ValueError):
            raise DeclarationError(f"the corners of a Polygon are {self.points!r}; expected pairs of numbers") from None
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
            raise DeclarationError("a Polygon needs at least three corners (x, y) of finite numbers")
        if _crossing(points):
            raise DeclarationError(
                "the sides of the Polygon cross or touch each other; list its corners in order along the boundary"
            )
        if _area(points) < 0:
            points = points[::-1].copy()
        points.flags.writeable = False
        self.__dict__["points"] = points

    def __repr__(self) -> str:
        return f"Polygon({[tuple(p) for p in self.points.tolist()]})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polygon) and np.array_equal(self.points, other.points)

    def __hash__(self) -> int:
        return hash(self.points.tobytes())

    @property
    def measure(self) -> float:
        return float(_area(self.points))

    @property
    def box(self) -> np.ndarray:
        return np.stack([self.points.min(axis=0), self.points.max(axis=0)])

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Signed distance of points to the boundary, negative inside.

        Parameters
        ----------
        points : (..., 2) array
            Positions, in the units of length of the domain.

        Returns
        -------
        (...,) float array

        Raises
        ------
        DeclarationError
            If the positions are not numbers of the shape (..., dimension).

        Examples
        --------
        >>> Polygon([(0, 0), (2, 0), (0, 2)]).distance([[0.5, 0.5], [3, 0]])
        array([-0.5,  1. ])
        """
        p = self._positions(points)[..., None, :]
        a, b = self.points, np.roll(self.points, -1, axis=0)
        along = np.clip(((p - a) * (b - a)).sum(-1) / ((b - a) ** 2).sum(-1), 0, 1)
        far = np.hypot(*np.moveaxis(p - a - along[..., None] * (b - a), -1, 0)).min(axis=-1)
        above = p[..., 1] < np.stack([a[:, 1], b[:, 1]])[:, *[None] * (p.ndim - 2), :]
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = a[:, 0] + (p[..., 1] - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
        inside = ((above[0] != above[1]) & (p[..., 0] < crossing)).sum(axis=-1) % 2 == 1
        return np.where(inside, -far, far)


@dataclass(frozen=True)
class Plane(Domain):
    """The plane, unbounded.

    Examples
    --------
    >>> Plane().measure
    inf
    """

    @property
    def measure(self) -> float:
        return math.inf

    @property
    def box(self) -> np.ndarray:
        return np.array([[-math.inf, -math.inf], [math.inf, math.inf]])

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Signed distance to the boundary: minus infinity, since the plane has none.

        Parameters
        ----------
        points : (..., 2) array
            Positions, in the units of length of the domain.

        Returns
        -------
        (...,) float array

        Raises
        ------
        DeclarationError
            If the positions are not numbers of the shape (..., dimension).

        Examples
        --------
        >>> Plane().distance([[0, 0], [3, 4]])
        array([-inf, -inf])
        """
        return np.full(self._positions(points).shape[:-1], -math.inf)


def _area(points: np.ndarray) -> float:
    x, y = points.T
    return 0.5 * float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def _crossing(points: np.ndarray) -> bool:
    """Whether two sides of a closed polygon that are not adjacent intersect."""
    n = len(points)

    def turn(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    def between(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> bool:
        return bool((np.minimum(p, q) <= r).all() and (r <= np.maximum(p, q)).all())

    for i in range(n):
        a, b = points[i], points[(i + 1) % n]
        if (a == b).all():
            return True
        for j in range(i + 2, n - (i == 0)):
            c, d = points[j], points[(j + 1) % n]
            t = turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b)
            if t[0] * t[1] < 0 and t[2] * t[3] < 0:
                return True
            touching = ((t[0], a, b, c), (t[1], a, b, d), (t[2], c, d, a), (t[3], c, d, b))
            if any(value == 0 and between(p, q, r) for value, p, q, r in touching):
                return True
    return False


def _numbers(domain: Domain, **values: Any) -> list[float]:
    """Finite floats, or an error that names the one that is not."""
    found = []
    for name, value in values.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise DeclarationError(f"the {name} of the {type(domain).__name__} is {value!r}; expected a finite number")
        found.append(number)
    return found


def _positive(domain: Domain, **values: Any) -> list[float]:
    found = _numbers(domain, **values)
    for name, value in zip(values, found, strict=True):
        if value <= 0:
            raise DeclarationError(f"the {name} of the {type(domain).__name__} is {value:g}; expected a positive number")
    return found


def _point(domain: Domain, value: Sequence[float], name: str) -> tuple[float, ...]:
    count = domain.dimension
    try:
        found = tuple(value)
    except TypeError:
        found = ()
    if len(found) != count:
        raise DeclarationError(
            f"the {name} of the {type(domain).__name__} is {value!r}; expected {('two', 'three')[count - 2]} numbers"
        )
    return tuple(_numbers(domain, **{f"{name}'s {axis}": x for axis, x in zip("xyz", found, strict=False)}))
