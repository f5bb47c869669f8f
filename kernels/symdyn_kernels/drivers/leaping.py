"""The driver of tau-leaping (`symdyn_kernels.shared.leaping`) on the processor.

It calls lane functions ``f(lane, y, p, out)`` of one lane, with the time first in `lane` and numbers of molecules in `y`:

    propensities    a_1 .. a_R
    orders          for each reaction the sum over species of |x da/dx| / a; then the means of the bursts
    factor, solve   of ``shift - d(S a)/dx``, for implicit leaps
    condition       1.0 where the trajectory ends

and reads the stoichiometry as data.  Each trajectory draws from its own stream, so its numbers depend on nothing but its
seed, its stream and its input.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.networks import LeapingArguments
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.networks import SPARE, Network, NetworkModel
from symdyn_kernels.shared.leaping import Space, leap_through
from symdyn_kernels.shared.streams import open_stream
from symdyn_kernels.simd import st
from symdyn_kernels.status import INTERRUPTED, SUCCESS

__all__ = ["chunk"]


@njit(signature(LeapingArguments), nogil=True, error_model="numpy", cache=True)
def chunk(arguments):
    """Simulate all trajectories of `arguments`, a `Leaping`; returns how many reached the last time."""
    functions, sizes, structure, watched, seed, epsilon, max_steps, batch, run, counts, signals = arguments
    initial, parameters, times, streams, _ = batch
    n, R, nb, nfactors, timed = sizes
    memory = np.zeros(3 + nfactors + n + parameters.shape[1] + 3 * SPARE)
    lane, p = memory.ctypes.data, memory.ctypes.data + 8 * (3 + SPARE)
    factors, implicit = p + 8 * (parameters.shape[1] + SPARE), int(functions.factor != 0)
    model = NetworkModel(functions, lane, p, lane + 16, factors, n, R, nb, timed, implicit)
    ptr, changed, fixed, burst, dptr, dspecies, pair, kind = structure
    moments = np.zeros(nb), np.zeros(fixed.size), np.zeros(fixed.size)
    network = Network(
        model, ptr, changed, fixed, burst, dptr, dspecies, pair, kind, watched, moments[0], moments[1], moments[2], signals.stop
    )
    marks = np.zeros((4, R), np.int64)
    numbers, rates = np.zeros((9, n + SPARE)), np.zeros((3, R + SPARE))
    work = numbers[5], numbers[6], numbers[7], numbers[8]
    space = Space(numbers[2], numbers[3], numbers[4], rates[1], rates[2], marks[1], marks[2], marks[3], work)
    x, orders = numbers[0], np.zeros(R + nb + SPARE)
    finished = 0
    for row in range(run.status.size):
        for i in range(n):
            x[i] = initial[row, i]
        for i in range(parameters.shape[1]):
            st(p, i, parameters[row, i])
        s = open_stream(seed, streams[row])
        ended = leap_through(
            network, s, x, numbers[1], rates[0], orders, marks[0], space, times, epsilon, max_steps, row, run.values
        )
        if ended.code != SUCCESS:
            run.values[row, ended.q :] = np.nan
        run.status[row], run.passage[row] = ended.code, ended.passage
        counts[row, 0], counts[row, 1], counts[row, 2] = ended.leaps, ended.events, ended.rejected
        counts[row, 3], counts[row, 4] = ended.implicit, ended.calls
        if ended.code != INTERRUPTED:
            finished += 1
            signals.done[0] += 1
    return finished + 0 * memory.size  # used through its addresses alone: keep it alive until here
