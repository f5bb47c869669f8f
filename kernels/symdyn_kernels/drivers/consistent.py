"""Consistent values of states that algebraic equations determine: initial ones, and those at output times.

The trajectories are independent of each other, so results are the same for any number of lanes and chunks.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.constraints import ConsistentArguments
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.constraints import constraint_memory, constraint_size, make_consistent, refine, solve_together
from symdyn_kernels.options import HELPER
from symdyn_kernels.simd import ld, st
from symdyn_kernels.status import SUCCESS


@njit(error_model="numpy")
def load(k, l, W, parameters, moments, values, y, pb, now):
    """Put trajectory `k` into lane `l`."""
    st(now, l, moments[k])
    for i in range(values.shape[1]):
        st(y, i * W + l, values[k, i])
    for i in range(parameters.shape[1]):
        st(pb, i * W + l, parameters[k, i])


@njit(signature(ConsistentArguments), **HELPER)
def chunk(arguments):
    """Make `values` consistent; returns the number of trajectories."""
    tables, W, parameters, moments, tolerances, values, status, begins = arguments
    count, n = values.shape
    npar = parameters.shape[1]
    buffer = np.zeros((n + npar + 1) * W + constraint_size(tables, W) + 64)
    y = (buffer.ctypes.data + 63) // 64 * 64
    pb, now = y + 8 * n * W, y + 8 * (n + npar) * W
    memory = constraint_memory(tables, (now + 8 * max(W, 8) + 63) // 64 * 64)
    done = np.zeros(W, np.int64)
    for first in range(0, count, W):
        for l in range(W):  # lanes that are not needed are copies of the last
            load(min(first + l, count - 1), l, W, parameters, moments, values, y, pb, now)
        if begins:
            done[:] = 0
            solve_together(tables, memory, now, y, W, pb, tolerances, done)
            for l in range(W):
                k = first + l
                if k < count and not done[l]:  # once more, with care
                    load(k, l, W, parameters, moments, values, y, pb, now)
                    status[k] = make_consistent(tables, memory, l, now, y, W, pb, tolerances, True)
        else:
            refine(tables, memory, now, y, W, pb, tolerances)
        for l in range(min(W, count - first)):
            good = not begins or status[first + l] == SUCCESS
            for i in range(n):
                values[first + l, i] = ld(y, i * W + l) if good else np.nan
    return count + 0 * buffer.size
