"""Ties: constants of a model that are equal in size to others, or to a simple number."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

__all__ = ["Tie", "Ties", "conditions"]

#: Rows (k, p) and values (k,) of equations that p constants fulfil.
Ties = tuple[np.ndarray, np.ndarray]


class Tie(NamedTuple):
    """Constant `which` is `factor` times the constant `other`, or that number if there is no other."""

    which: int
    factor: Fraction
    other: int | None = None

    def row(self, count: int) -> np.ndarray:
        """What is zero, or the number, in a tie: a combination of so many constants."""
        row = np.zeros(count)
        row[self.which] = 1.0
        if self.other is not None:
            row[self.other] = -float(self.factor)
        return row

    @property
    def value(self) -> float:
        return float(self.factor) if self.other is None else 0.0

    def share(self, count: int) -> float:
        """Its prior among the ties of one of so many constants."""
        alike = (
            1 / max(count - 1, 1) if self.other is not None else 1 / (abs(self.factor.numerator) * self.factor.denominator**2)
        )
        return 0.5 * alike


def conditions(ties: Sequence[Tie], count: int) -> Ties | None:
    """What ties of so many constants ask for; None if there are none."""
    return (np.stack([t.row(count) for t in ties]), np.array([t.value for t in ties])) if ties else None
