"""Random numbers of events: for each a standard exponential, a uniform, and what its bursts need.

Every trajectory draws them from its own stream in this order.  Logarithms are those of eight lanes in either layout, so
one trajectory alone has the same bits as in an ensemble.
"""

from __future__ import annotations

from numba import njit

from symdyn_kernels.rng import next_bits, next_two_bits, uniform
from symdyn_kernels.shared.formulas import inverse_poisson
from symdyn_kernels.shared.streams import next_uniform
from symdyn_kernels.simd import WIDTH, ld, splat, st, vld, vlog, vst

#: Numbers of an event before those of its bursts: e and u.
DRAWS = 2


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
    """Random numbers of the next eight events of one stream, a record of `size` numbers for each; returns the stream."""
    for i in range(WIDTH):
        u, s = next_uniform(s)
        st(work, i, u)
        u, s = next_uniform(s)
        st(records, i * size + 1, u)
        for k in range(bursts.size):
            u, s = next_uniform(s)
            st(work, (1 + k) * WIDTH + i, u)
    for k in range(1 + bursts.size):
        if k == 0 or bursts[k - 1] < 0:
            vst(work, k * WIDTH, splat(0.0) - vlog(vld(work, k * WIDTH)))
        for i in range(WIDTH):
            x = ld(work, k * WIDTH + i)
            if k > 0 and bursts[k - 1] >= 0:
                x = inverse_poisson(x, ld(p, bursts[k - 1]))
            st(records, i * size + (0 if k == 0 else DRAWS + k - 1), x)
    return s
