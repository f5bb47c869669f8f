"""The parameter along a curve, scaled so that it is of order one."""

from __future__ import annotations

import numpy as np

__all__ = ["ScaledParameter"]


class ScaledParameter:
    r"""A curve whose parameter p is measured by :math:`q = p / \ell`, or by :math:`q = \ln p`."""

    p: np.ndarray
    index: int
    log: bool
    length: float

    def q(self, value: float) -> float:
        return float(np.log(value)) if self.log else value / self.length

    def value(self, q: float) -> float:
        return float(np.exp(q)) if self.log else q * self.length

    def row(self, q: float) -> np.ndarray:
        """All parameters at this point of the curve."""
        p = self.p.copy()
        p[self.index] = self.value(q)
        return p
