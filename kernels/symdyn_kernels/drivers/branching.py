"""The driver of branching processes: numbers of individuals by stage, whose outcomes and offspring are drawn at each step.

It calls lane functions ``f(lane, y, p, out)`` with lane 0 of W lanes; `lane` holds the time and then the random numbers of the
environment, `y` numbers of individuals:

    rates       probabilities of all outcomes, mean numbers of offspring, mean numbers of immigrants
    condition   1.0 where the trajectory ends

The structure is data (`symdyn_kernels.arguments.branching`).

Each trajectory draws from its own stream: at each step normal numbers of the environment, then outcomes group by group, then
births.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.branching import BranchingArguments
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.binomials import conditional, empty_tables, tabulated, untabulated
from symdyn_kernels.networks import holds, record
from symdyn_kernels.options import INLINE
from symdyn_kernels.rng import next_normal_pair
from symdyn_kernels.simd import call
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, PROBABILITY, SUCCESS
from symdyn_kernels.variates import open_stream, poisson

__all__ = ["chunk"]


@njit(**INLINE)
def _environment(s, m, W, lane):
    """Normal numbers of a step; of an odd number of them the last one drawn is left."""
    for k in range(0, m, 2):
        u, v = next_normal_pair(s)
        lane[(1 + k) * W] = u
        if k + 1 < m:
            lane[(2 + k) * W] = v


@njit(**INLINE)
def _live(s, W, structure, x, new, rates, sound, chances, tables):
    """Outcomes of all individuals; returns a status."""
    source, ptr, target, fixed, _, _, _ = structure
    half, other, ratio, log_other = chances
    for g in range(source.size):
        left = x[source[g] * W]
        if left > 0.0:
            if not sound[g]:
                return PROBABILITY
            for e in range(ptr[g], ptr[g + 1]):
                k = 0.0
                if half[e] > 0.0:
                    if fixed[g]:
                        k = tabulated(s, left, half[e], ratio[e], log_other[e], tables[0], tables[1], tables[2], e)
                    else:
                        k = untabulated(s, left, half[e], ratio[e], log_other[e])
                if other[e]:
                    k = left - k
                new[target[e] * W] += k
                left -= k
                if left <= 0.0:
                    break
    return SUCCESS


@njit(**INLINE)
def _breed(s, W, structure, x, new, rates):
    """Poisson numbers of offspring and immigrants; returns a status."""
    born, bptr, parent = structure.born, structure.bptr, structure.parent
    first = structure.target.size
    for b in range(born.size):
        mean = rates[(first + parent.size + b) * W]
        if mean < 0.0:
            return PROBABILITY
        for q in range(bptr[b], bptr[b + 1]):
            if x[parent[q] * W] > 0.0:
                f = rates[(first + q) * W]
                if f < 0.0:
                    return PROBABILITY
                mean += f * x[parent[q] * W]
        if not mean < np.inf:
            return NOT_FINITE
        new[born[b] * W] += poisson(s, mean)
    return SUCCESS


@njit(signature(BranchingArguments), nogil=True, error_model="numpy", cache=True)
def chunk(arguments):
    """Simulate all trajectories of `arguments`, a `Branching`; returns how many reached the last time."""
    functions, sizes, structure, seed, batch, run, signals = arguments
    initial, parameters, times, streams = batch
    out, status, steps, passage = run.values, run.status, run.steps, run.passage
    W, n, m, varying, absorbing = sizes
    rate, condition = functions
    source, ptr, target, fixed, _, _, _ = structure
    entries = target.size
    x, new, found = np.zeros(n * W + 8), np.zeros(n * W + 8), np.zeros(W + 8)
    rates = np.zeros((entries + structure.parent.size + structure.born.size + 1) * W + 8)
    p, lane = np.full(parameters.shape[1] * W + 8, np.nan), np.zeros((1 + m) * W + 8)
    chances = np.zeros(entries), np.zeros(entries, np.uint8), np.zeros(entries), np.zeros(entries)
    half, other, ratio, log_other = chances
    tables, sound, s = empty_tables(entries), np.zeros(source.size, np.uint8), np.zeros(4, np.uint64)

    finished = 0
    for row in range(streams.size):
        open_stream(s, seed, streams[row])
        for i in range(n):
            x[i * W] = initial[row, i]
            out[row, 0, i] = initial[row, i]
        fresh = row == 0
        for i in range(parameters.shape[1]):
            fresh |= p[i * W] != parameters[row, i]
            p[i * W] = parameters[row, i]
        lane[:] = 0.0
        lane[:W] = times[0]
        if fresh:
            call(rate, lane.ctypes.data, x.ctypes.data, p.ctypes.data, rates.ctypes.data)
            tables[2][:] = 0
            for g in range(source.size):
                if fixed[g]:
                    sound[g] = conditional(W, ptr[g], ptr[g + 1], rates, half, other, ratio, log_other)
        code, taken, q, ended = SUCCESS, 0, 1, False
        if holds(condition, W, times[0], lane, x, p, found):
            passage[row], ended = times[0], True
        while q < times.size and code == SUCCESS and not ended:
            gap = round(times[q] - times[q - 1])
            for j in range(gap):
                if signals.stop[0] != 0:
                    code = INTERRUPTED
                    break
                _environment(s, m, W, lane)
                lane[:W] = times[q - 1] + j
                if varying:
                    call(rate, lane.ctypes.data, x.ctypes.data, p.ctypes.data, rates.ctypes.data)
                    for g in range(source.size):
                        if not fixed[g] and x[source[g] * W] > 0.0:
                            sound[g] = conditional(W, ptr[g], ptr[g + 1], rates, half, other, ratio, log_other)
                for i in range(n):
                    new[i * W] = 0.0
                code = _live(s, W, structure, x, new, rates, sound, chances, tables)
                if code == SUCCESS:
                    code = _breed(s, W, structure, x, new, rates)
                if code != SUCCESS:
                    break
                x, new = new, x
                taken += 1
                total = 0.0
                for i in range(n):
                    total += x[i * W]
                if not total < np.inf:
                    code = NOT_FINITE
                    break
                if holds(condition, W, times[q - 1] + (j + 1), lane, x, p, found):
                    passage[row], ended = times[q - 1] + (j + 1), True
                    break
                if total == 0.0 and absorbing and condition == 0:
                    ended = True
                    break
            if code == SUCCESS:
                code = record(out, row, q, W, n, x)
                q += code == SUCCESS
        if code == SUCCESS:
            for g in range(q, times.size):
                for i in range(n):
                    out[row, g, i] = x[i * W]
        else:
            out[row, q:] = np.nan
        status[row], steps[row] = code, taken
        if code != INTERRUPTED:
            finished += 1
            signals.done[0] += 1
    # used through their addresses alone: keep them alive until here
    return finished + 0 * (p.size + lane.size + rates.size + found.size)
