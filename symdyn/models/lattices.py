"""Lattices: the plane as copies of one cell of a lattice, and waves over it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.models.domains import Domain

__all__ = ["Lattice"]


@dataclass(frozen=True)
class Lattice(Domain):
    r"""The plane, in which everything repeats along two vectors; perturbations as Bloch waves.

    What is at rest has the periods of the lattice.  Perturbations are multiplied by :math:`e^{i k \cdot l}` from one copy to
    that which lies l away, with the wave vector k; with k = 0 all copies are in phase.

    Parameters
    ----------
    first, second : (x, y)
        The periods :math:`l_1, l_2`, in one unit of length.
    wave : (x, y)
        The wave vector k, in radians per unit of length.

    Raises
    ------
    DeclarationError
        For vectors that are parallel, and numbers that are not finite.

    References
    ----------
    Iyaniwura, Gou & Ward, Journal of Engineering Mathematics 127 (2021) 18, section 4, on Bloch Green's functions.

    Examples
    --------
    >>> honeycomb = Lattice.hexagonal()
    >>> round(honeycomb.measure, 12), sorted(honeycomb.special)
    (1.0, ['Gamma', 'K', 'M'])
    """

    first: tuple[float, float]
    second: tuple[float, float]
    wave: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        for name in ("first", "second", "wave"):
            try:
                x, y = (float(c) for c in getattr(self, name))
            except (TypeError, ValueError):
                raise DeclarationError(f"{name} of the Lattice is {getattr(self, name)!r}; expected two numbers") from None
            if not (math.isfinite(x) and math.isfinite(y)):
                raise DeclarationError(f"{name} of the Lattice is {getattr(self, name)!r}; expected two finite numbers")
            object.__setattr__(self, name, (x, y))
        size = math.hypot(*self.first) * math.hypot(*self.second)
        if not self.measure > 1e-6 * size:
            raise DeclarationError(f"the periods {self.first} and {self.second} of the Lattice are parallel or vanish")

    @classmethod
    def hexagonal(cls, area: float = 1.0) -> Self:
        """Equal periods at an angle of 60 degrees.

        Parameters
        ----------
        area : float
            Of a cell of the lattice, in the square of the unit of length.

        Returns
        -------
        Lattice

        Raises
        ------
        DeclarationError
            If the area is not a positive number.

        Examples
        --------
        >>> round(Lattice.hexagonal(2).measure, 12)
        2.0
        """
        side = math.sqrt(_area(area) * 2 / math.sqrt(3))
        return cls((side, 0.0), (side / 2, side * math.sqrt(3) / 2))

    @classmethod
    def square(cls, area: float = 1.0) -> Self:
        """Equal periods at a right angle.

        Parameters
        ----------
        area : float
            Of a cell of the lattice, in the square of the unit of length.

        Returns
        -------
        Lattice

        Raises
        ------
        DeclarationError
            If the area is not a positive number.

        Examples
        --------
        >>> Lattice.square(4).first
        (2.0, 0.0)
        """
        side = math.sqrt(_area(area))
        return cls((side, 0.0), (0.0, side))

    @property
    def vectors(self) -> np.ndarray:
        """The shortest periods that make the same lattice, as rows, (2, 2)."""
        a, b = np.array(self.first), np.array(self.second)
        while True:  # Lagrange and Gauss
            if a @ a > b @ b:
                a, b = b, a
            turns = round(float(a @ b / (a @ a)))
            if turns == 0:
                return np.array([a, b if a @ b >= 0 else -b])
            b = b - turns * a

    @property
    def reciprocal(self) -> np.ndarray:
        r"""Vectors :math:`g_j` with :math:`g_j \cdot l_i = 2\pi\delta_{ij}`, as rows, (2, 2)."""
        return 2 * np.pi * np.linalg.inv(self.vectors).T

    @property
    def special(self) -> Mapping[str, tuple[float, float]]:
        """Wave vectors of high symmetry by name: Gamma, of hexagonal lattices K and M, of square ones X and M, else edges."""
        (a, b), (g, h) = self.vectors, self.reciprocal
        found = {"Gamma": np.zeros(2)}
        even = abs(a @ a - b @ b) < 1e-9 * (a @ a)
        if even and abs(2 * (a @ b) - a @ a) < 1e-9 * (a @ a):
            found |= {"K": (2 * g + h) / 3, "M": g / 2}
        elif even and abs(a @ b) < 1e-9 * (a @ a):
            found |= {"X": g / 2, "M": (g + h) / 2}
        else:
            found |= {"edge 1": g / 2, "edge 2": h / 2, "corner": (g + h) / 2}
        return {name: (float(k[0]), float(k[1])) for name, k in found.items()}

    def at(self, wave: str | Sequence[float]) -> Lattice:
        """The same lattice with another wave vector.

        Parameters
        ----------
        wave : (x, y) or str
            In radians per unit of length, or a name in `special`.

        Returns
        -------
        Lattice

        Raises
        ------
        DeclarationError
            For unknown names, and anything but two numbers.

        Examples
        --------
        >>> [round(k, 6) for k in Lattice.square().at("X").wave]
        [3.141593, 0.0]
        """
        if isinstance(wave, str):
            if wave not in self.special:
                raise DeclarationError(f"the wave {wave!r} is no special one of this lattice; it has {', '.join(self.special)}")
            wave = self.special[wave]
        return replace(self, wave=wave)  # type: ignore[arg-type]

    @property
    def still(self) -> Lattice:
        """The lattice with all copies in phase."""
        return self if self.wave == (0.0, 0.0) else replace(self, wave=(0.0, 0.0))

    @property
    def periods(self) -> np.ndarray:
        return self.vectors

    @property
    def measure(self) -> float:
        (a, b), (c, d) = self.first, self.second
        return abs(a * d - b * c)

    @property
    def box(self) -> np.ndarray:
        return np.array([[-math.inf, -math.inf], [math.inf, math.inf]])

    def distance(self, points: np.ndarray) -> np.ndarray:
        """Signed distance to the boundary: minus infinity, since there is none.

        Parameters
        ----------
        points : (..., 2) array
            Positions, in the units of length of the lattice.

        Returns
        -------
        (...,) float array

        Raises
        ------
        DeclarationError
            If the positions are not numbers of the shape (..., dimension).

        Examples
        --------
        >>> Lattice.square().distance([[0, 0], [3, 4]])
        array([-inf, -inf])
        """
        return np.full(self._positions(points).shape[:-1], -math.inf)


def _area(area: float) -> float:
    if isinstance(area, bool) or not isinstance(area, (int, float)) or not (math.isfinite(area) and area > 0):
        raise DeclarationError(f"the area of a cell of the Lattice is {area!r}; expected a positive number")
    return float(area)
