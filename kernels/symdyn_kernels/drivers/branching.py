"""The driver of branching processes (`symdyn_kernels.shared.branching`) on the processor.

It calls lane functions ``f(lane, y, p, out)`` of one lane; `lane` contains the time and then the random numbers of the
environment, `y` numbers of individuals:

    rates       probabilities of all outcomes, mean numbers of offspring, mean numbers of immigrants
    condition   1.0 where the trajectory ends

The structure is data (`symdyn_kernels.arguments.branching`).  Each trajectory draws from its own stream.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.branching import BranchingArguments
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.lifecycles import SPARE, Cycle, fixed_chances, rates_at
from symdyn_kernels.options import HELPER, INLINE
from symdyn_kernels.shared.branching import live_through
from symdyn_kernels.shared.streams import open_stream
from symdyn_kernels.simd import ld, st
from symdyn_kernels.status import INTERRUPTED, SUCCESS
from symdyn_kernels.tabulated import empty_chances

__all__ = ["chunk"]


@njit(**INLINE)
def _begin(cycle, row, batch, x, z, r, chances):
    """Load a trajectory; where its parameters are not those of the previous one, compute what depends on them alone."""
    for i in range(cycle.species):
        x[i] = batch.initial[row, i]
    fresh = row == 0
    for i in range(batch.parameters.shape[1]):
        fresh |= ld(cycle.p, i) != batch.parameters[row, i]
        st(cycle.p, i, batch.parameters[row, i])
    if fresh:
        for k in range(cycle.noises):
            z[k] = 0.0
        fixed_chances(cycle, rates_at(cycle, batch.times[0], z, x, r), chances)


@njit(signature(BranchingArguments), **HELPER)
def chunk(arguments):
    """Simulate all trajectories of `arguments`, a `Branching`; returns how many reached the last time."""
    functions, sizes, structure, seed, batch, run, signals = arguments
    n, m, varying, absorbing = sizes
    source, ptr, target, fixed, born, bptr, parent = structure
    numbers, memory = np.zeros((2, n + SPARE)), np.zeros(2 + m + batch.parameters.shape[1] + 2 * SPARE)
    r, z = np.zeros(target.size + parent.size + born.size + SPARE), memory[2 + SPARE : 2 + SPARE + m]
    found = memory.ctypes.data
    lane, p = found + 8 * (1 + SPARE), found + 8 * (2 + SPARE + m)
    cycle = Cycle(
        functions.rates, functions.condition, lane, p, found, n, m, target.size, born.size, parent.size, varying,
        int(absorbing != 0 and functions.condition == 0), source, ptr, target, fixed, born, bptr, parent,
        np.zeros(source.size, np.uint8), signals.stop,
    )  # fmt: skip
    x, y, chances = numbers[0], numbers[1], empty_chances(target.size)
    finished = 0
    for row in range(run.status.size):
        _begin(cycle, row, batch, x, z, r, chances)
        s = open_stream(seed, batch.streams[row])
        ended = live_through(cycle, s, x, y, z, r, chances, batch.times, row, run.values)
        if ended.code != SUCCESS:
            run.values[row, ended.q :] = np.nan
        run.status[row], run.steps[row], run.passage[row] = ended.code, ended.steps, ended.passage
        if ended.code != INTERRUPTED:
            finished += 1
            signals.done[0] += 1
    return finished + 0 * memory.size  # used through its addresses alone: keep it alive until here
