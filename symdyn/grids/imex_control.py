"""One-step methods on their way: steps of one length, and steps chosen by an embedded error."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, STEP_TOO_SMALL, SUCCESS, TOO_MANY_STEPS

from symdyn.grids.imex_common import March, Watch, equal_steps, quietly, scaled_error

__all__ = ["Stepper", "march_adaptive", "march_equal"]


class Stepper(ABC):
    """A state and the room for a step.

    Attributes
    ----------
    y, after, error : (size,) arrays
        The state, that after the step that was tried last, and the estimate of its error.
    blocks : sequence of slice
        Fields and scalars in the state.
    order : int
        The embedded error behaves like ``h**order``.
    """

    def __init__(self, y: np.ndarray, blocks: Sequence[slice], order: int) -> None:
        self.y, self.after, self.error = y.astype(float), np.empty(y.size), np.empty(y.size)
        self.blocks, self.order = blocks, order

    @property
    @abstractmethod
    def evaluations(self) -> int:
        """Of the rates, so far."""

    @abstractmethod
    def slope(self) -> np.ndarray:
        """The rates at the state."""

    @abstractmethod
    def attempt(self, t: float, h: float, *, estimate: bool = True) -> None:
        """Compute `after`, and `error` if it is asked for, a step of length h ahead."""

    @abstractmethod
    def accept(self, t: float) -> None:
        """Go on from the new state, at time t."""


@quietly
def march_equal(state: Stepper, times: np.ndarray, step: float | None, name: str, max_steps: int, watch: Watch) -> March:
    """Steps of one length, or the next smaller one that meets the times."""
    times = np.asarray(times, float)
    frames = np.full((times.size, state.y.size), np.nan)
    frames[0] = state.y
    steps = 0
    for k, count in enumerate(equal_steps(times, step, name)):
        h = (times[k + 1] - times[k]) / count
        for i in range(count):
            if steps >= max_steps:
                return March(frames, TOO_MANY_STEPS, steps, 0, state.evaluations)
            if watch(float(times[k] + i * h)):
                return March(frames, INTERRUPTED, steps, 0, state.evaluations)
            state.attempt(float(times[k] + i * h), float(h), estimate=False)
            state.accept(float(times[k] + (i + 1) * h))
            steps += 1
        if not np.isfinite(state.y).all():
            return March(frames, NOT_FINITE, steps, 0, state.evaluations)
        frames[k + 1] = state.y
    return March(frames, SUCCESS, steps, 0, state.evaluations)


@quietly
def march_adaptive(
    state: Stepper, times: np.ndarray, rtol: float, atol: float, max_steps: int, watch: Watch, max_step: float | None = None
) -> March:
    """Steps by a proportional and integral control of the embedded error; times are met exactly.

    Reference: Gustafsson, Lundh & Soederlind, BIT 28 (1988) 270-287.
    """
    times = np.asarray(times, float)
    frames = np.full((times.size, state.y.size), np.nan)
    frames[0] = state.y
    t, steps, rejected, power, before = float(times[0]), 0, 0, 1 / state.order, 1.0

    def norm(e: np.ndarray) -> float:
        return scaled_error(e, state.y, state.after, state.blocks, rtol, atol)

    def ended(status: int) -> March:
        return March(frames, status, steps, rejected, state.evaluations)

    state.after[...] = state.y
    slope = norm(state.slope())
    if not math.isfinite(slope):
        return ended(NOT_FINITE)
    h = min(float(np.ptp(times)), 0.01 * max(norm(state.y), 1e-5) / slope if slope > 0 else math.inf)
    for k in range(1, times.size):
        end = float(times[k])
        while t < end:
            left, h = end - t, min(h, max_step or math.inf)
            ending = h >= 0.999 * left
            taken = left if ending else h if h < left / 2 else left / 2
            if steps + rejected >= max_steps:
                return ended(TOO_MANY_STEPS)
            if watch(t):
                return ended(INTERRUPTED)
            state.attempt(t, taken)
            error = norm(state.error)
            if not error <= 1:
                rejected += 1
                h = taken * (max(0.2, 0.9 * error**-power) if math.isfinite(error) else 0.2)
                if h <= 4 * np.spacing(max(abs(t), abs(end))):
                    return ended(STEP_TOO_SMALL if math.isfinite(error) else NOT_FINITE)
                continue
            error = max(error, 1e-6)
            longer = taken * min(5.0, max(0.2, 0.9 * error ** (-0.7 * power) * before ** (0.4 * power)))
            h = max(h, longer) if taken < 0.9 * h else longer  # a step that was cut short says little
            before, t, steps = error, end if ending else t + taken, steps + 1
            state.accept(t)
        frames[k] = state.y
    return ended(SUCCESS)
