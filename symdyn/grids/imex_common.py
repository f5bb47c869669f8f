"""What implicit-explicit and exponential methods share: rates in modes, errors, and what a march through time returns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.grids.linear_part import LinearPart

__all__ = ["March", "Rates", "Split", "Watch", "combine", "equal_steps", "quietly", "scaled_error", "unwatched"]

#: From y (size,), t and an array to be filled to the rates (size,).
Rates = Callable[[np.ndarray, float, np.ndarray], np.ndarray]
#: Told of the time that was reached, it says whether to stop there.
Watch = Callable[[float], bool]
#: Numbers that are worked on together, so that they stay in the cache.
CHUNK = 1 << 14


def quietly(function: Callable[..., March]) -> Callable[..., March]:
    """The function without warnings of what becomes infinite, which is found where states are looked at."""

    @wraps(function)
    def quiet(*args: Any, **options: Any) -> March:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return function(*args, **options)

    return quiet


class March(NamedTuple):
    """A way through time.

    Attributes
    ----------
    frames : (T, size) array
        States at the times, NaN after a failure.
    status : int
        A code of `symdyn_kernels.status`.
    steps, rejected, evaluations : int
    """

    frames: np.ndarray
    status: int
    steps: int
    rejected: int
    evaluations: int


class Split:
    """Rates as a diagonal part and the rest, in modes.

    Parameters
    ----------
    linear : LinearPart
    rates : callable
        All of f(y, t), what is linear included.
    """

    def __init__(self, linear: LinearPart, rates: Rates) -> None:
        self.linear, self.rates, self.evaluations = linear, rates, 0
        self._state, self._rate = np.empty(linear.size), np.empty(linear.size)
        self._product = np.empty(linear.eigenvalues.size, linear.dtype)

    def nonlinear(self, z: np.ndarray, t: float, out: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        r"""Modes of :math:`f(y, t) - L y` from those of y; y itself, if it is known, saves a transform."""
        self.evaluations += 1
        if y is None:
            y = self.linear.back(z, self._state)
        self.linear.forward(self.rates(y, t, self._rate), out)
        np.multiply(z, self.linear.eigenvalues, out=self._product)
        out -= self._product
        return out


def unwatched(t: float) -> bool:
    """Nobody wants it to stop."""
    return False


def combine(
    start: np.ndarray, rows: Sequence[np.ndarray], weights: Sequence[float] | np.ndarray, out: np.ndarray
) -> np.ndarray:
    """`start` plus the weighted rows."""
    pairs = [(r, w) for r, w in zip(rows, weights, strict=True) if w]
    part = np.empty(min(CHUNK, start.size), start.dtype)
    for first in range(0, start.size, CHUNK):
        s = slice(first, first + CHUNK)
        total, product = out[s], part[: min(CHUNK, start.size - first)]
        total[...] = start[s]
        for row, weight in pairs:
            np.multiply(row[s], weight, out=product)
            total += product
    return out


def scaled_error(
    error: np.ndarray, before: np.ndarray, after: np.ndarray, blocks: Sequence[slice], rtol: float, atol: float
) -> float:
    r"""The greatest over fields and scalars of :math:`\sqrt{\langle (e / (a + r \max(|y|, |y'|)))^2 \rangle}`."""
    scale = np.maximum(np.abs(before), np.abs(after))
    scale *= rtol
    scale += atol
    np.divide(error, scale, out=scale)
    # a product of linear algebra would add up in an order that depends on its threads
    return max(math.sqrt(float(np.einsum("i,i->", scale[b], scale[b])) / scale[b].size) for b in blocks)


def equal_steps(times: np.ndarray, step: float | None, method: str) -> list[int]:
    """How many steps, none longer than `step`, lead from each time to the next.

    Raises
    ------
    DeclarationError
        For a step that is no positive number.
    """
    if step is None or isinstance(step, bool) or not (isinstance(step, (int, float, np.number)) and 0 < step < math.inf):
        raise DeclarationError(f"{method} takes steps of one length: step is {step!r}; expected a positive number, step=0.01")
    return [max(1, math.ceil(float(d) / float(step) * (1 - 1e-12))) for d in np.diff(times)]
