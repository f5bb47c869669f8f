r"""What evolves in time: rates, and a linear part that is treated implicitly or exactly.

A problem knows nothing of methods, steps and times; `symdyn.integration.integrate` knows nothing of grids and cells.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from symdyn.integration.arrays import Arrays

__all__ = ["DiagonalProblem", "Lift", "Problem", "Rates", "SplitProblem"]

#: From a state (size,), the time and an array to be filled to the rates (size,).
Rates = Callable[[np.ndarray, float, np.ndarray], np.ndarray]


class Problem(ABC):
    r"""Rates of one state, :math:`\dot y = f(y, t)`.

    Attributes
    ----------
    size : int
        Numbers in a state.
    blocks : sequence of slice
        Parts of a state whose errors are measured one by one: the fields and the scalars.
    arrays : Arrays
        Where states and rates are.

    Examples
    --------
    >>> class Decay(Problem):
    ...     size, blocks = 1, [slice(0, 1)]
    ...     def rates(self, y, t, out):
    ...         return np.negative(y, out=out)
    >>> Decay().rates(np.ones(1), 0.0, np.empty(1)).tolist()
    [-1.0]
    """

    size: int
    blocks: Sequence[slice]
    arrays: Arrays = Arrays()

    @abstractmethod
    def rates(self, y: np.ndarray, t: float, out: np.ndarray) -> np.ndarray:
        """Fill `out` (size,) with the rates of the state y (size,) at time t, and return it."""

    def compiled(self, scheme: Any) -> Any:
        """A compiled loop for a method, a `symdyn.integration.loop.Compiled`, or None where there is none.

        Parameters
        ----------
        scheme : object
            An entry of ``symdyn.METHODS``.
        """
        return None


class SplitProblem(Problem):
    r"""Rates with a linear part, :math:`\dot z = L z + N(z, t)`, in variables z of their own or those of the state.

    Attributes
    ----------
    modes : int
        Numbers in z.
    dtype : dtype
        Of z.
    corrected : bool
        Whether :math:`N` breaks the conditions that L has at walls.  There stages of order 1 or 2 make errors that L magnifies;
        steppers then add the derivatives of N in time to them.
    factorised : bool
        Whether `solve` needs factors for each length of step, so that few lengths are better.
    eigenvalues : (modes,) array or None
        Of L where it is diagonal in z; exponential methods need them.
    """

    modes: int
    dtype: Any = np.dtype(float)
    corrected: bool = False
    factorised: bool = False
    eigenvalues: np.ndarray | None = None

    def forward(self, y: np.ndarray, t: float, out: np.ndarray) -> np.ndarray:
        """The variables z (modes,) of a state (size,) at time t: the state itself, unless a problem says otherwise."""
        out[...] = y
        return out

    def back(self, z: np.ndarray, t: float, out: np.ndarray) -> np.ndarray:
        """The state (size,) of z (modes,) at time t."""
        out[...] = z
        return out

    def difference(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        """The difference (size,) of two states whose z differ by z, at one time."""
        out[...] = z
        return out

    @abstractmethod
    def nonlinear(self, z: np.ndarray, t: float, out: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """Fill `out` (modes,) with N; the state y of z, where it is known, saves a transform."""

    @abstractmethod
    def linear(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Fill `out` (modes,) with L z."""

    @abstractmethod
    def solve(self, c: float, r: np.ndarray, out: np.ndarray, product: np.ndarray | None) -> None:
        r"""Fill `out` with the z of :math:`(1 - c L) z = r`, and `product`, if it is given, with L z; `out` may be r."""


class Lift(Protocol):
    r"""A function w of time and of scalars in the state that meets the conditions at the walls: L acts on y - w.

    The rates of y - w, which meets conditions without value, are those of y less :math:`\dot w`.
    """

    def add(self, y: np.ndarray, t: float) -> None:
        """Add w to y (size,)."""

    def remove(self, y: np.ndarray, t: float) -> None:
        """Subtract w from y (size,)."""

    def remove_rate(self, rates: np.ndarray, y: np.ndarray, t: float) -> None:
        r"""Subtract :math:`\dot w` from the rates (size,) of y (size,)."""


class DiagonalProblem(SplitProblem):
    r"""Rates with a linear part that is diagonal in modes, such as diffusion in Fourier or cosine modes.

    Parameters
    ----------
    linear : object
        With ``size``, ``blocks``, ``eigenvalues``, ``dtype``, ``forward(y, out)`` and ``back(z, out)``, as
        `symdyn.grids.linear_part.LinearPart`.
    rates : callable
        All of f(y, t), what is linear included; see `Rates`.
    lift : Lift, optional
        Where conditions at walls change in time.
    corrected : bool
        As of `SplitProblem`.
    arrays : Arrays, optional
        Where states are: those that `linear`, `rates` and `lift` work on.
    """

    def __init__(
        self, linear: Any, rates: Rates, *, lift: Lift | None = None, corrected: bool = False, arrays: Arrays | None = None
    ) -> None:
        self.linear_part, self._rates, self.lift, self.corrected = linear, rates, lift, corrected
        self.arrays = arrays or self.arrays
        self.size, self.blocks = linear.size, linear.blocks
        self.eigenvalues: np.ndarray = linear.eigenvalues
        self.dtype, self.modes = linear.dtype, linear.eigenvalues.size
        self._state, self._rate = (self.arrays.zeros(self.size) for _ in range(2))
        self._factors, self._negative = self.arrays.kept(self.eigenvalues), self.arrays.kept(-self.eigenvalues)
        self._divisor: tuple[float, Any] = 0.0, None

    def rates(self, y: np.ndarray, t: float, out: np.ndarray) -> np.ndarray:
        return self._rates(y, t, out)

    def forward(self, y: np.ndarray, t: float, out: np.ndarray) -> np.ndarray:
        if self.lift is not None:
            y = self.arrays.copy(y, self.arrays.zeros(self.size))
            self.lift.remove(y, t)
        return self.linear_part.forward(y, out)

    def back(self, z: np.ndarray, t: float, out: np.ndarray) -> np.ndarray:
        self.linear_part.back(z, out)
        if self.lift is not None:
            self.lift.add(out, t)
        return out

    def difference(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        return self.linear_part.back(z, out)

    def nonlinear(self, z: np.ndarray, t: float, out: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        if y is None:
            y = self.back(z, t, self._state)
        rate = self._rates(y, t, self._rate)
        if self.lift is not None:
            self.lift.remove_rate(rate, y, t)
        self.linear_part.forward(rate, out)
        return self.arrays.combine(out, [z], [self._negative], out)

    def linear(self, z: np.ndarray, out: np.ndarray) -> np.ndarray:
        return self.arrays.combine(None, [z], [self._factors], out)

    def solve(self, c: float, r: np.ndarray, out: np.ndarray, product: np.ndarray | None) -> None:
        if self._divisor[0] != c or self._divisor[1] is None:
            self._divisor = c, self.arrays.kept(1 / (1 - c * self.eigenvalues))
        self.arrays.combine(None, [r], [self._divisor[1]], out)
        if product is not None:
            self.linear(out, product)
