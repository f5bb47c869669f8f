"""Explicit Runge-Kutta methods for rates that are computed by numpy, as spectral ones are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from symdyn.grids.explicit import EXPLICIT, ExplicitMethod
from symdyn.grids.imex_common import March, Rates, combine
from symdyn.grids.imex_control import Stepper, march_adaptive, march_equal
from symdyn.grids.imex_methods import watching
from symdyn.grids.spectral import SpectralModel

__all__ = ["march_spectral"]


class _Explicit(Stepper):
    """The tableau's rows; the weights of the solution are a row of their own where the last stage is not at the new point."""

    def __init__(self, rates: Rates, method: ExplicitMethod, y: np.ndarray, blocks: Sequence[slice], t: float) -> None:
        super().__init__(y, blocks, method.order + 1 if method.adaptive else method.order)
        self.rates, self._count, s = rates, 0, method.stages
        ends = np.cumsum([0, *range(1, s)])
        self.a = [method.numbers[i:j] for i, j in pairwise(ends)]
        self.weights, self.nodes = method.numbers[ends[-1] :][:s], method.numbers[ends[-1] + s :][:s]
        self.first_is_last = method.adaptive
        self.rows, self.stage = [np.empty(y.size) for _ in range(s)], np.empty(y.size)
        self._rate(self.y, t, 0)

    def _rate(self, y: np.ndarray, t: float, row: int) -> None:
        self._count += 1
        self.rates(y, t, self.rows[row])

    @property
    def evaluations(self) -> int:
        return self._count

    def slope(self) -> np.ndarray:
        return self.rows[0]

    def attempt(self, t: float, h: float, *, estimate: bool = True) -> None:
        for i, (row, node) in enumerate(zip(self.a, self.nodes[1:], strict=True)):
            target = self.after if self.first_is_last else self.stage
            self._rate(combine(self.y, self.rows[: i + 1], h * row, target), t + h * node, i + 1)
        if not self.first_is_last:
            combine(self.y, self.rows, h * self.weights, self.after)
        elif estimate:
            self.error[...] = 0
            combine(self.error, self.rows, h * self.weights, self.error)

    def accept(self, t: float) -> None:
        self.y, self.after = self.after, self.y
        if self.first_is_last:
            self.rows[0], self.rows[-1] = self.rows[-1], self.rows[0]
        else:
            self._rate(self.y, t, 0)


def march_spectral(
    method: str,
    model: SpectralModel,
    y: np.ndarray,
    times: np.ndarray,
    p: np.ndarray,
    *,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    step: float | None = None,
    max_step: float | None = None,
    max_steps: int | None = None,
    stop: np.ndarray | None = None,
    done: np.ndarray | None = None,
) -> March:
    """Go through time by a method of `EXPLICIT`, as `march_explicit` does on cells; times are met exactly.

    Parameters
    ----------
    method : str
    model : SpectralModel
    y : (size,) array
        The state at ``times[0]``.
    times : (T,) array
    p : (k,) array
    rtol, atol : float
    step : float, optional
        Of methods that take steps of one length.
    max_step : float, optional
    max_steps : int, optional
    stop, done : (1,) arrays, optional
        `stop`, if set from elsewhere, interrupts, and `done` tells the time reached.
    """
    scheme, bound, watch = EXPLICIT[method], model.bound(p), watching(stop, done)
    state = _Explicit(bound.rates, scheme, np.asarray(y, float), bound.own.blocks, float(times[0]))
    if not scheme.adaptive:
        return march_equal(state, times, step, method, max_steps or 100_000_000, watch)
    return march_adaptive(state, times, rtol, atol, max_steps or 1_000_000, watch, max_step)
