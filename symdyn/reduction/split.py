r"""Right-hand sides by degree and by parameter: what a reduction projects exactly, and what it interpolates.

.. math:: N(u, p, t) = \sum_q \theta_q(p, t) \Big(F_q(u) + \sum_k C_{q,k}\, g_k(u, p, t)\Big)

with polynomials F of low degree and further functions g, the *atoms*.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import sympy as sp

__all__ = ["Part", "Sample", "Split"]


class Part(NamedTuple):
    """A polynomial part: its factor, its degree, and its values (n, k) at states (n, k)."""

    factor: sp.Expr
    degree: int
    at: Callable[[np.ndarray], np.ndarray]


class Sample(NamedTuple):
    """Some atoms as expressions of symbols, each a linear function of the state.

    Attributes
    ----------
    atoms : tuple of Expr
        Of `symbols`, parameters and time.
    symbols : tuple of Symbol
    of : callable, (n, k) -> (len(symbols), k)
        The values of the symbols at states.
    offset : (len(symbols),) float64
        What `of` adds to a linear function: their values at the state 0.
    """

    atoms: tuple[sp.Expr, ...]
    symbols: tuple[sp.Symbol, ...]
    of: Callable[[np.ndarray], np.ndarray]


class Split(ABC):
    """A right-hand side for states of n numbers.

    Attributes
    ----------
    size : int
        n.
    parts : tuple of Part
    count : int
        Number of atoms.
    factors : tuple of Expr
        Of the atoms.
    """

    size: int
    parts: tuple[Part, ...]
    count: int
    factors: tuple[sp.Expr, ...]

    @abstractmethod
    def values(self, states: np.ndarray, times: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Values (count, k) of all atoms at states (n, k), times (k,) and parameters (P, k)."""

    @abstractmethod
    def carried(self, factor: sp.Expr, columns: np.ndarray) -> np.ndarray:
        """The right-hand sides (n, m) that belong to values (count, m) of atoms."""

    @abstractmethod
    def sample(self, chosen: Sequence[int]) -> Sample:
        """Some atoms as expressions."""
