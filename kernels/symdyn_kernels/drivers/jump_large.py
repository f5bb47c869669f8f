"""The driver of the direct method for large networks: a sum tree finds the reaction, and only what changed is computed.

A model is one function ``fire(lane, y, p, a)`` (`symdyn.codegen.fire` writes it): ``lane`` holds the number of a reaction
and the random numbers of its bursts; the function changes the states y and those propensities in ``a`` that depend on
them; a negative number computes all of them.  The propensities are the leaves of a binary tree of sums.  A sum is always
the sum of its two children, so that nothing drifts, and a reaction is found and sums are mended in O(log R).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.draws import DRAWS, draw_eight
from symdyn_kernels.rng import stream_word
from symdyn_kernels.simd import WIDTH, call, ld, st
from symdyn_kernels.status import INTERRUPTED, NEGATIVE, NOT_FINITE, SUCCESS, TOO_MANY_STEPS

__all__ = ["chunk"]

SIGNATURE = (
    "int64(int64, int64[::1], int64[::1], int64[::1], int64, int64, int64, int64[::1], int64, int64, float64[:, ::1],"
    " float64[:, ::1], float64[::1], int64, float64[:, :, ::1], int64[::1], int64[::1], float64[::1], int64[::1], int64[::1])"
)


@njit(error_model="numpy")
def _build(a, R, tree, leaves):
    """All sums; returns a status."""
    code = SUCCESS
    for k in range(R):
        x = ld(a, k)
        if not 0.0 <= x < np.inf:
            code = NEGATIVE if x < 0.0 else NOT_FINITE
        tree[leaves + k] = x
    for i in range(leaves - 1, 0, -1):
        tree[i] = tree[2 * i] + tree[2 * i + 1]
    return code


@njit(error_model="numpy")
def _mend(a, begin, end, dependents, tree, leaves, nodes):
    """The leaves of the dependents, then level by level the sums above them, each once; returns a status."""
    code, count, last = SUCCESS, 0, -1
    for q in range(begin, end):
        k = dependents[q]
        x = ld(a, k)
        if not 0.0 <= x < np.inf:
            code = NEGATIVE if x < 0.0 else NOT_FINITE
        tree[leaves + k] = x
        parent = (leaves + k) >> 1
        if parent != last:
            nodes[count] = last = parent
            count += 1
    level = leaves >> 1
    while level > 0:
        above, last = 0, -1
        for q in range(count):
            i = nodes[q]
            tree[i] = tree[2 * i] + tree[2 * i + 1]
            if i >> 1 != last:
                nodes[above] = last = i >> 1
                above += 1
        count, level = above, level >> 1
    return code


@njit(error_model="numpy")
def _find(r, tree, leaves):
    """The leaf in which the cumulative sum passes r; never one whose propensity is zero."""
    i = 1
    while i < leaves:
        left = tree[2 * i]
        right = (r >= left) & (tree[2 * i + 1] > 0.0)
        r -= left if right else 0.0
        i = 2 * i + right
    return i - leaves


@njit(error_model="numpy")
def _hold(k, j, last, y, n, times, out):
    """Write the states at the outputs from `j` on that are before the time `last`; returns the next output."""
    while j < times.size and times[j] < last:
        for i in range(n):
            out[k, j, i] = ld(y, i)
        j += 1
    return j


@njit(SIGNATURE, nogil=True, error_model="numpy", cache=True)
def chunk(
    fire, bursts, starts, dependents, condition, seed, R, streams, first, last, Y0, P, times, max_steps, out, status, steps,
    passage, stop, done,
):  # fmt: skip
    """Trajectories `first` to `last` - 1 of a run.

    Parameters
    ----------
    fire : int
        Address of the model's function.
    bursts : (b,) int64
        For each random number of bursts: -1 for a standard exponential, else the row of p with the mean of a Poisson number.
    starts, dependents : (R + 1,) and (m,) int64
        The propensities that reaction r changes are ``dependents[starts[r]:starts[r + 1]]``, increasing.
    condition : int
        Whether fire writes to ``a[R]`` 1.0 where the trajectory stops.
    seed, R : int
    streams, first, last, Y0, P, times, max_steps, out, status, steps, passage, stop, done :
        As in `symdyn_kernels.drivers.jump`.

    Returns
    -------
    int
        Number of trajectories that came to their end.
    """
    n, npar, size = Y0.shape[1], P.shape[1], DRAWS + bursts.size
    leaves = 2
    while leaves < R:
        leaves *= 2
    tree = np.zeros(2 * leaves)
    most = 1
    for r in range(R):
        most = max(most, starts[r + 1] - starts[r])
    nodes, s = np.empty(most, np.int64), np.empty(4, np.uint64)
    buffer = np.zeros(n + npar + R + 1 + size * WIDTH + (1 + bursts.size) * WIDTH + size + 8)
    y = (buffer.ctypes.data + 63) // 64 * 64
    p = y + 8 * n
    a = p + 8 * npar
    records = a + 8 * (R + 1)
    work = records + 8 * size * WIDTH
    lane = work + 8 * (1 + bursts.size) * WIDTH
    ended = 0
    for k in range(first, last):
        if stop[0] != 0:
            status[k] = INTERRUPTED
            out[k, :] = np.nan
            continue
        for i in range(4):
            s[i] = stream_word(seed, streams[k], i)
        for i in range(n):
            st(y, i, Y0[k, i])
            out[k, 0, i] = Y0[k, i]
        for i in range(npar):
            st(p, i, P[k, i])
        st(lane, 0, -1.0)
        call(fire, lane, y, p, a)
        code = _build(a, R, tree, leaves)
        j, t, events, place = 1, times[0], 0, WIDTH
        while code == SUCCESS and j < times.size:
            if place == WIDTH:
                if stop[0] != 0:
                    code = INTERRUPTED
                    break
                draw_eight(s, records, size, work, p, bursts)
                place = 0
            record = place * size
            place += 1
            total = tree[1]
            t += ld(records, record) / total
            if t > times[j]:
                j = _hold(k, j, t, y, n, times, out)
                if j == times.size:
                    break
            if events >= max_steps:
                code = TOO_MANY_STEPS
                break
            reaction = _find(ld(records, record + 1) * total, tree, leaves)
            st(lane, 0, float(reaction))
            for b in range(bursts.size):
                st(lane, 1 + b, ld(records, record + DRAWS + b))
            call(fire, lane, y, p, a)
            events += 1
            code = _mend(a, starts[reaction], starts[reaction + 1], dependents, tree, leaves, nodes)
            if condition and code == SUCCESS and ld(a, R) > 0.5:
                passage[k] = t
                j = _hold(k, j, np.inf, y, n, times, out)
        steps[k], status[k] = events, code
        if code != SUCCESS:
            out[k, j:] = np.nan
        if code != INTERRUPTED:
            ended += 1
            done[0] += 1
    return ended + 0 * buffer.size  # the buffer is used through its address alone: keep it alive until here
