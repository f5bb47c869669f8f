"""Domains whose sides are parallel to the axes: intervals, rectangles and boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.models.domains import Domain, _numbers, _point, _positive

__all__ = ["Box", "BoxedDomain", "Interval", "Rectangle"]


class BoxedDomain(Domain):
    """A domain whose sides are parallel to the axes, which grids of cells fill.

    Examples
    --------
    >>> import symdyn as sd
    >>> [isinstance(d, BoxedDomain) for d in (sd.Interval(0, 1), sd.Box(1, 2, 3), sd.Disk(1))]
    [True, True, False]
    """

    boxed: ClassVar[bool] = True

    @property
    def measure(self) -> float:
        low, high = self.box
        return float(np.prod(high - low))

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
        >>> Interval(0, 2).distance([[0.5], [3.0]])
        array([-0.5,  1. ])
        >>> Rectangle(2, 1).distance([[1, 0.5], [5, 5]])  # the second is (3, 4) from a corner
        array([-0.5,  5. ])
        """
        low, high = self.box
        q = np.abs(self._positions(points) - (low + high) / 2) - (high - low) / 2
        return np.linalg.norm(np.maximum(q, 0), axis=-1) + np.minimum(q.max(axis=-1), 0)


@dataclass(frozen=True)
class Interval(BoxedDomain):
    """The interval from `start` to `end`.

    Parameters
    ----------
    start, end : float
        In one unit of length, that of the spatial variable.

    Raises
    ------
    DeclarationError
        If the end does not lie after the start, or one of them is not finite.

    Examples
    --------
    >>> Interval(0, 2).measure
    2.0
    """

    start: float
    end: float
    dimension: ClassVar[int] = 1

    def __post_init__(self) -> None:
        start, end = _numbers(self, start=self.start, end=self.end)
        if start >= end:
            raise DeclarationError(f"the interval ends at {end:g}, not after its start {start:g}")
        self.__dict__.update(start=start, end=end)

    @property
    def box(self) -> np.ndarray:
        return np.array([[self.start], [self.end]])


@dataclass(frozen=True)
class Rectangle(BoxedDomain):
    """The rectangle of sides `width` and `height` whose lower left corner is `corner`.

    Parameters
    ----------
    width, height : float
        Positive, in one unit of length.
    corner : (x, y)
        In the same unit.

    Raises
    ------
    DeclarationError
        For sides that are not positive, and numbers that are not finite.

    Examples
    --------
    >>> Rectangle(2, 1).measure
    2.0
    """

    width: float
    height: float
    corner: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        width, height = _positive(self, width=self.width, height=self.height)
        self.__dict__.update(width=width, height=height, corner=_point(self, self.corner, "corner"))

    @property
    def box(self) -> np.ndarray:
        low = np.array(self.corner)
        return np.stack([low, low + np.array([self.width, self.height])])

    @property
    def points(self) -> np.ndarray:
        """The corners, (4, 2), counterclockwise."""
        (a, b), (c, d) = self.box
        return np.array([[a, b], [c, b], [c, d], [a, d]])


@dataclass(frozen=True)
class Box(BoxedDomain):
    """The box of sides `width`, `height` and `depth` along x, y and z, whose corner of least coordinates is `corner`.

    Parameters
    ----------
    width, height, depth : float
        Positive, in one unit of length.
    corner : (x, y, z)
        In the same unit.

    Raises
    ------
    DeclarationError
        For sides that are not positive, and numbers that are not finite.

    Examples
    --------
    >>> Box(2, 1, 3).measure
    6.0
    >>> Box(2, 1, 3).distance([[1, 0.5, 0.25], [4, 3, -1]])  # the second is (2, 2, 1) from a corner
    array([-0.25,  3.  ])
    """

    width: float
    height: float
    depth: float
    corner: tuple[float, float, float] = (0.0, 0.0, 0.0)
    dimension: ClassVar[int] = 3

    def __post_init__(self) -> None:
        width, height, depth = _positive(self, width=self.width, height=self.height, depth=self.depth)
        self.__dict__.update(width=width, height=height, depth=depth, corner=_point(self, self.corner, "corner"))

    @property
    def box(self) -> np.ndarray:
        low = np.array(self.corner)
        return np.stack([low, low + np.array([self.width, self.height, self.depth])])
