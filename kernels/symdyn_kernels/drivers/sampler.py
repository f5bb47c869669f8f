"""The driver of samplers: a table of rows, each a linear combination of earlier states and evaluations.

The nonlinear part of a model is one lane function ``f(lane, y, p, out)``: `y` holds the states, `p` the parameters, `out` gets
N, and the rows of `lane` are time and what depends on time alone, which come with the table.  Trajectories go through the table
in groups of as many as there are lanes; a single lane is combined in vectors too, so that the bits are the same.  Where
`initial` holds two states of each trajectory, they are the first two rows.  Rows may add noise from streams.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.arguments.sampler import SamplerArguments
from symdyn_kernels.fused import vfma
from symdyn_kernels.options import HELPER
from symdyn_kernels.rng import normal_pair, start_stream
from symdyn_kernels.simd import WIDTH, call, ld, splat, st, vld, vst
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, SUCCESS

__all__ = ["chunk"]


@njit(error_model="numpy")
def _load(rows, r, initial, memory, size, stride, n, first, count):
    """The state of row `r`, one of the first, which is given; lanes beyond the last trajectory repeat it."""
    target = memory + 8 * size * rows.state[r]
    for lane in range(stride):
        k = first + min(lane, count - 1)
        for i in range(n):
            st(target, i * stride + lane, initial[k, r * n + i])


@njit(error_model="numpy")
def _combine(rows, r, memory, size, stride, n):
    """The state of row `r`."""
    target = memory + 8 * size * rows.state[r]
    for i in range(n):
        g = rows.group[i]
        for lane in range(0, stride, WIDTH):
            total = splat(rows.shift[r, g])
            for k in range(rows.begin[r], rows.begin[r + 1]):
                total = vfma(splat(rows.coefficient[k, g]), vld(memory + 8 * size * rows.source[k], i * stride + lane), total)
            vst(target, i * stride + lane, total)


@njit(error_model="numpy")
def _scatter(rows, r, memory, size, stride, n, state):
    """Add noise to the state of row `r`."""
    target = memory + 8 * size * rows.state[r]
    for i in range(0, n, 2):
        for lane in range(0, stride, WIDTH):
            a, b = normal_pair(state, lane, stride)
            place = i * stride + lane
            vst(target, place, vfma(splat(rows.spread[r, rows.group[i]]), a, vld(target, place)))
            if i + 1 < n:
                vst(target, place + stride, vfma(splat(rows.spread[r, rows.group[i + 1]]), b, vld(target, place + stride)))


@njit(error_model="numpy")
def _evaluate(f, rows, r, memory, size, stride, lanes, n, work, p):
    """N at row `r`; a single lane is copied to where the function expects it, and back."""
    y, out = memory + 8 * size * rows.state[r], memory + 8 * size * rows.value[r]
    for h in range(rows.timed.shape[1]):
        if lanes == 1:
            st(work, h, rows.timed[r, h])
        else:
            for lane in range(0, lanes, WIDTH):
                vst(work, h * lanes + lane, splat(rows.timed[r, h]))
    if lanes > 1:
        call(f, work, y, p, out)
        return
    begin = work + 8 * rows.timed.shape[1]
    end = begin + 8 * n
    for i in range(n):
        st(begin, i, ld(y, i * stride))
    call(f, work, begin, p, end)
    for i in range(n):
        st(out, i * stride, ld(end, i))


@njit(error_model="numpy")
def _record(y, stride, first, count, g, out, status):
    """Write the states of a group at an output time."""
    for lane in range(count):
        k = first + lane
        if status[k] == SUCCESS:
            for i in range(out.shape[2]):
                x = ld(y, i * stride + lane)
                out[k, g, i] = x
                if not math.isfinite(x):
                    status[k] = NOT_FINITE
        if status[k] != SUCCESS:
            out[k, g:] = np.nan


@njit(signature(SamplerArguments), **HELPER)
def chunk(arguments):
    """Run all trajectories of `arguments`, a `SamplerArguments`; returns how many reached the last time."""
    f, seed, sizes, rows, batch, run, signals = arguments
    n, npar, slots, lanes = sizes
    initial, parameters, out, status = batch.initial, batch.parameters, run.values, run.status
    last, starts = initial.shape[0], initial.shape[1] // n
    stride = max(lanes, WIDTH)
    size = n * stride
    timed = rows.timed.shape[1]
    buffer = np.zeros(slots * size + (timed + npar) * lanes + 2 * (n + WIDTH) + 3 * WIDTH + 4 * stride)
    memory = (buffer.ctypes.data + 63) // 64 * 64
    p = memory + 8 * slots * size
    work = p + 8 * npar * lanes
    streams = work + 8 * (timed * lanes + 2 * (n + WIDTH))
    noisy = np.any(rows.spread[:, 0] != 0.0)
    finished = 0
    status[:] = SUCCESS
    for k0 in range(0, last, lanes):
        count = min(lanes, last - k0)
        if signals.stop[0] != 0:
            status[k0:] = INTERRUPTED
            out[k0:] = np.nan
            break
        for lane in range(lanes):
            k = k0 + min(lane, count - 1)
            for i in range(npar):
                st(p, i * lanes + lane, parameters[k, i])
        for lane in range(stride if noisy else 0):
            start_stream(streams, lane, stride, seed, batch.streams[k0 + min(lane, count - 1)])
        evaluations = 0
        for r in range(rows.state.size):
            if r < starts:
                _load(rows, r, initial, memory, size, stride, n, k0, count)
            else:
                _combine(rows, r, memory, size, stride, n)
            if rows.spread[r, 0] != 0.0:
                _scatter(rows, r, memory, size, stride, n, streams)
            if rows.output[r] >= 0:
                _record(memory + 8 * size * rows.state[r], stride, k0, count, rows.output[r], out, status)
            if rows.value[r] >= 0:
                _evaluate(f, rows, r, memory, size, stride, lanes, n, work, p)
                evaluations += 1
        run.steps[k0 : k0 + count] = rows.state.size - 1
        run.evaluations[k0 : k0 + count] = evaluations
        finished += count
        signals.done[0] += count
    return finished + 0 * buffer.size  # the buffer is used through its address alone: keep it alive until here
