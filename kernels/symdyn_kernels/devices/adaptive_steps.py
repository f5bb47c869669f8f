"""Beginning and output of adaptive steps on a card; rows of `memory` are those of `symdyn_kernels.devices.adaptive`."""

from __future__ import annotations

from symdyn_kernels.devices._model import K, N, W, Y, interpolant
from symdyn_kernels.devices._prelude import real
from symdyn_kernels.shared.control import first_length


def first_step(memory, rtol, atol):
    """The first step size."""
    size, speed = 0.0, 0.0
    for e in range(N):
        scale = atol + rtol * abs(memory[Y, e])
        size += (memory[Y, e] / scale) ** 2
        speed += (memory[K, e] / scale) ** 2
    return first_length(size, speed)


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
