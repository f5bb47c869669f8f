"""Rectangles of the complex plane: reading, splitting, boundaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError

__all__ = ["CUTS", "SearchRectangle", "read_region"]

#: Where a rectangle may be cut: off the middle, as roots like to lie on symmetric lines.
CUTS = (0.4873, 0.5619, 0.4231, 0.5303)


@dataclass(frozen=True)
class SearchRectangle:
    """The rectangle between two corners of the complex plane."""

    low: complex
    high: complex

    @property
    def width(self) -> float:
        return self.high.real - self.low.real

    @property
    def height(self) -> float:
        return self.high.imag - self.low.imag

    @property
    def center(self) -> complex:
        return (self.low + self.high) / 2

    @property
    def symmetric(self) -> bool:
        """Whether the lower half mirrors the upper one."""
        return abs(self.low.imag + self.high.imag) <= 1e-12 * self.height

    @property
    def corners(self) -> np.ndarray:
        """Counterclockwise from the lower left, (4,)."""
        a, b = self.low, self.high
        return np.array([a, complex(b.real, a.imag), b, complex(a.real, b.imag)])

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Whether points (k,) lie inside, the lower and left sides included, (k,) bool."""
        across = (self.low.real <= points.real) & (points.real < self.high.real)
        return across & (self.low.imag <= points.imag) & (points.imag < self.high.imag)

    def halves(self, share: float) -> tuple[SearchRectangle, SearchRectangle]:
        """Two parts, cut across the longer side at this share of it."""
        a, b = self.low, self.high
        if self.width >= self.height:
            x = a.real + share * self.width
            return SearchRectangle(a, complex(x, b.imag)), SearchRectangle(complex(x, a.imag), b)
        y = a.imag + share * self.height
        return SearchRectangle(a, complex(b.real, y)), SearchRectangle(complex(a.real, y), b)

    def __str__(self) -> str:
        return f"the region from {self.low:.6g} to {self.high:.6g}"


def read_region(region: Any) -> SearchRectangle:
    """A region given as two complex corners, as ((re, re), (im, im)), or as (re, re, im, im).

    Raises
    ------
    DeclarationError
        If it is none of these, or empty.
    """
    if isinstance(region, SearchRectangle):
        return region
    try:
        numbers = np.asarray(region, complex)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape == (2,):
        low, high = numbers
    elif numbers.shape in ((2, 2), (4,)) and not numbers.imag.any():
        a, b, c, d = numbers.real.ravel()
        low, high = complex(a, c), complex(b, d)
    else:
        raise DeclarationError(
            f"the region is {region!r}; expected two complex corners (lower left, upper right), ((re, re), (im, im)), "
            "or (re, re, im, im)"
        )
    found = SearchRectangle(complex(low), complex(high))
    if not (np.isfinite(numbers).all() and found.width > 0 and found.height > 0):
        raise DeclarationError(f"{found} is empty or infinite; its second corner lies above and right of the first")
    return found
