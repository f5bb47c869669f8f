"""Consistent values at the first time, for the trajectories of a batch: those from which an adaptive driver starts.

The trajectories are independent of each other, so results are the same for any number of lanes and chunks.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.constraints import ConsistentArguments
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.constraints import constraint_memory, constraint_size, make_consistent
from symdyn_kernels.simd import ld, st
from symdyn_kernels.status import SUCCESS


@njit(signature(ConsistentArguments), error_model="numpy", nogil=True, cache=True)
def chunk(arguments):
    """Fill `values` and `status`; returns the number of trajectories."""
    tables, W, batch, tolerances, values, status = arguments
    initial, parameters, times, _, _ = batch
    count, n = initial.shape
    npar = parameters.shape[1]
    buffer = np.zeros((n + npar + 1) * W + constraint_size(tables, W) + 64)
    y = (buffer.ctypes.data + 63) // 64 * 64
    pb, now = y + 8 * n * W, y + 8 * (n + npar) * W
    memory = constraint_memory(tables, (now + 8 * max(W, 8) + 63) // 64 * 64)
    for l in range(W):
        st(now, l, times[0])
    for k in range(count):
        for l in range(W):  # the lanes beside the first are copies, as a lane function computes all
            for i in range(n):
                st(y, i * W + l, initial[k, i])
            for i in range(npar):
                st(pb, i * W + l, parameters[k, i])
        status[k] = make_consistent(tables, memory, 0, now, y, W, pb, tolerances, True)
        for i in range(n):
            values[k, i] = ld(y, i * W) if status[k] == SUCCESS else np.nan
    return count + 0 * buffer.size
