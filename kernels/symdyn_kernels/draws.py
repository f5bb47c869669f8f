"""Random numbers of events: for each a standard exponential, a uniform, and what its bursts need.

Every trajectory draws them from its own stream in this order.  Logarithms are those of eight lanes in either layout, so
one trajectory alone has the same bits as in an ensemble.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.devices.formulas import inverse_poisson as by_inversion
from symdyn_kernels.rng import next_bits, next_two_bits, uniform
from symdyn_kernels.simd import WIDTH, ld, splat, st, vld, vlog, vst

#: Numbers of an event before those of its bursts: e and u.
DRAWS = 2

_S12, _S17, _S19, _S23, _S41, _S45 = (np.uint64(k) for k in (12, 17, 19, 23, 41, 45))


inverse_poisson = njit(error_model="numpy")(by_inversion)


@njit(error_model="numpy")
def _next(s0, s1, s2, s3):
    """The next uniform number and the state after it, of `symdyn_kernels.rng.next_uniform`: a state in registers is faster."""
    total = s0 + s3
    word = ((total << _S23) | (total >> _S41)) + s0
    shifted = s1 << _S17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << _S45) | (s3 >> _S19)
    return (np.float64(np.int64(word >> _S12)) + 0.5) * 2.0**-52, s0, s1, s2, s3


@njit(error_model="numpy")
def draw_lanes(state, rows, p, bursts, W):
    """Random numbers of one event for all lanes."""
    for l in range(0, W, WIDTH):
        first, second = next_two_bits(state, l, W)
        vst(rows, l, splat(0.0) - vlog(uniform(first)))
        vst(rows, W + l, uniform(second))
    for k in range(bursts.size):
        row = (DRAWS + k) * W
        for l in range(0, W, WIDTH):
            u = uniform(next_bits(state, l, W))
            vst(rows, row + l, u if bursts[k] >= 0 else splat(0.0) - vlog(u))
        if bursts[k] >= 0:
            for l in range(W):
                st(rows, row + l, inverse_poisson(ld(rows, row + l), ld(p, bursts[k] * W + l)))


@njit(error_model="numpy")
def draw_eight(s, records, size, work, p, bursts):
    """Random numbers of the next eight events of one stream, a record of `size` numbers for each."""
    s0, s1, s2, s3 = s[0], s[1], s[2], s[3]
    for i in range(WIDTH):
        u, s0, s1, s2, s3 = _next(s0, s1, s2, s3)
        st(work, i, u)
        u, s0, s1, s2, s3 = _next(s0, s1, s2, s3)
        st(records, i * size + 1, u)
        for k in range(bursts.size):
            u, s0, s1, s2, s3 = _next(s0, s1, s2, s3)
            st(work, (1 + k) * WIDTH + i, u)
    s[0], s[1], s[2], s[3] = s0, s1, s2, s3
    for k in range(1 + bursts.size):
        if k == 0 or bursts[k - 1] < 0:
            vst(work, k * WIDTH, splat(0.0) - vlog(vld(work, k * WIDTH)))
        for i in range(WIDTH):
            x = ld(work, k * WIDTH + i)
            if k > 0 and bursts[k - 1] >= 0:
                x = inverse_poisson(x, ld(p, bursts[k - 1]))
            st(records, i * size + (0 if k == 0 else DRAWS + k - 1), x)
