"""Adaptive steps on a card: their beginning, one of them, failures, and output.

Formulas, order of operations and status codes are those of `symdyn_kernels.drivers.adaptive`; rows of `memory` are those of
`symdyn_kernels.devices.adaptive`.
"""

from __future__ import annotations

from symdyn_kernels.constants.adaptive import PERIOD, WINDOW_END, WINDOW_START
from symdyn_kernels.devices._model import STIFFNESS, K, N, W, Y, error, interpolant, step, stiffness
from symdyn_kernels.devices._prelude import math, real, real64
from symdyn_kernels.shared.control import after_acceptance, after_rejection, first_length
from symdyn_kernels.status import NOT_FINITE, STEP_TOO_SMALL, SUCCESS, TOO_MANY_STEPS


def first_step(memory, rtol, atol):
    """The first step size."""
    size, speed = 0.0, 0.0
    for e in range(N):
        scale = atol + rtol * abs(memory[Y, e])
        size += (memory[Y, e] / scale) ** 2
        speed += (memory[K, e] / scale) ** 2
    return first_length(size, speed)


def attempt(t, until, longest, following, before, earlier, growth, controller, rtol, atol, p, memory, factors):
    """Try a step that ends at `until` at the latest.

    Returns its length, whether it ends there, its error relative to the tolerance, and the length of the next step.
    """
    wanted = following if following < longest else longest
    final = not (wanted < until - t)
    h = real(until - t) if final else wanted
    step(t, h, p, memory, factors)
    x = error(h, memory, rtol, atol)
    factor = controller.shrink  # an error that is no number shrinks the step too
    if x < math.inf:
        factor = after_acceptance(x, before, earlier, controller, growth)
        if (controller.before != 0.0 or controller.earlier != 0.0) and x > 1.0:
            factor = after_rejection(x, controller)
    length = h * factor
    if x <= 1.0 and factor >= 1.0:  # a stop that cut this step short says nothing of the next
        length = max(length, following)
    return h, final, x, length


def rejection(t, following, x, attempts, max_steps):
    """The status of a trajectory whose step was rejected."""
    if not (abs(t) * real64(4e-16) + real64(1e-200) <= following):
        return STEP_TOO_SMALL if x == x else NOT_FINITE
    return TOO_MANY_STEPS if attempts >= max_steps else SUCCESS


def stiff_steps(steps, hits, memory):
    """How many steps of the present window were limited by stability."""
    phase = steps % PERIOD
    if STIFFNESS > 0.0 and phase >= WINDOW_START and phase <= WINDOW_END:
        hits = 0 if phase == WINDOW_START else hits
        hits += 1 if stiffness(memory) > STIFFNESS else 0
    return hits


def write_step(t, h, t_next, due, i, times, values, memory):
    """Write the outputs that are due in the step from `t` to `t_next`; returns the next output."""
    scale = 1.0 / h
    while due < times.size and times[due] <= t_next:
        theta = real((times[due] - t) * scale)
        for e in range(N):
            values[due, e, i] = memory[W, e] if times[due] == t_next else interpolant(e, theta, memory)
        due += 1
    return due


def hold(due, i, row, values, memory):
    """Write row `row` of the memory at all outputs from `due` on; returns that after the last."""
    for j in range(due, values.shape[0]):
        for e in range(N):
            values[j, e, i] = memory[row, e]
    return values.shape[0]
