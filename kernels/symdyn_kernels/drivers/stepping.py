"""The driver of fixed-step methods: schemes for stochastic differential equations, and maps.

A step of a model is one lane function ``f(lane, y, p, out)``: `y` holds the states, `p` the parameters, `out` gets
the new states, and the rows of `lane` are

    t, h, sqrt(h), dW_1 .. dW_m                 and, where the scheme needs them,  dZ_1 .. dZ_m

at the start of the step: ``dW = W(t+h) - W(t)`` and ``dZ = int_t^(t+h) (W(s) - W(t)) ds`` of each of the m noises.
Trajectories go through in groups of as many as there are lanes, all on one time grid; each draws its increments from
its own stream in the order of time and noises, so neither grouping nor threads change a bit.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.arguments.stepping import SteppingArguments
from symdyn_kernels.constants.stepping import SLACK
from symdyn_kernels.increments import FIXED_ROWS, draw, increment
from symdyn_kernels.options import HELPER
from symdyn_kernels.rng import start_stream
from symdyn_kernels.simd import WIDTH, call, ld, splat, st, vld, vst
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, SUCCESS

__all__ = ["chunk"]


@njit(error_model="numpy")
def _fill(rows, row, stride, value):
    for lane in range(0, stride, WIDTH):
        vst(rows, row * stride + lane, splat(value))


@njit(error_model="numpy")
def _load(block, lanes, values, first, count):
    """Rows of a matrix into lanes; lanes to spare repeat the last row."""
    for lane in range(lanes):
        k = first + min(lane, count - 1)
        for i in range(values.shape[1]):
            st(block, i * lanes + lane, values[k, i])


@njit(error_model="numpy")
def _watch(y, lanes, n, marks):
    """Add what is 0 for finite states to the mark of each lane, so that passing through infinity between outputs shows."""
    if lanes == 1:
        mark = ld(marks, 0)
        for i in range(n):
            x = ld(y, i)
            mark += x - x
        st(marks, 0, mark)
    else:
        for lane in range(0, lanes, WIDTH):
            mark = vld(marks, lane)
            for i in range(n):
                x = vld(y, i * lanes + lane)
                mark = mark + (x - x)
            vst(marks, lane, mark)


@njit(error_model="numpy")
def _record(y, lanes, first, count, g, out, status, steps, taken, marks):
    """Write the states of a group at an output time; return how many trajectories have been finite in all steps."""
    alive = 0
    for lane in range(count):
        k = first + lane
        if status[k] == SUCCESS:
            if ld(marks, lane) != 0.0:
                status[k] = NOT_FINITE
            for i in range(out.shape[2]):
                x = ld(y, i * lanes + lane)
                out[k, g, i] = x
                if not math.isfinite(x):
                    status[k] = NOT_FINITE
            steps[k] = taken
        if status[k] == SUCCESS:
            alive += 1
        else:
            out[k, g:] = np.nan
    return alive


@njit(error_model="numpy")
def _interrupt(first, last, g, out, status, steps, taken):
    """Mark the trajectories that are still under way, from an output time on."""
    for k in range(first, last):
        if status[k] == SUCCESS:
            status[k], steps[k] = INTERRUPTED, taken
            out[k, g:] = np.nan


@njit(signature(SteppingArguments), **HELPER)
def chunk(arguments):
    """Run all trajectories of `arguments`, a `Stepping`; returns how many reached the last time."""
    f, sizes, batch, seed, longest, fine, run, signals = arguments
    n, npar, m, integrals, lanes = sizes
    initial, parameters, times, streams, _ = batch
    out, status, steps, stop, done = run.values, run.status, run.steps, signals.stop, signals.done
    last = initial.shape[0]
    stride = max(lanes, WIDTH)  # a single lane draws for eight and uses the first: same bits
    draws = m * (1 + integrals)
    pieces = 4 if draws < 4 else 2  # drawn at once: an even number of normals, so that pairs are never split
    row_count = FIXED_ROWS + draws
    state_size = n * lanes + WIDTH  # a lane function of one lane stores eight at a time
    buffer = np.zeros((row_count + pieces * draws + 7) * stride + row_count + 2 * state_size + npar * lanes + 2 * WIDTH)
    rows = (buffer.ctypes.data + 63) // 64 * 64
    normals = rows + 8 * row_count * stride
    state = normals + 8 * pieces * draws * stride
    marks = state + 8 * 4 * stride
    lengths = marks + 8 * stride
    roots = lengths + 8 * stride
    y = roots + 8 * stride
    new = y + 8 * state_size
    p = new + 8 * state_size
    lane_rows = rows if lanes == stride else p + 8 * npar * lanes

    finished = 0
    status[:] = SUCCESS
    steps[:] = 0
    for k0 in range(0, last, lanes):
        if stop[0] != 0:
            _interrupt(k0, last, 0, out, status, steps, 0)
            break
        count = min(lanes, last - k0)
        _load(y, lanes, initial, k0, count)
        _load(p, lanes, parameters, k0, count)
        for lane in range(stride):
            start_stream(state, lane, stride, seed, streams[k0 + min(lane, count - 1)])
        piece, taken = pieces, 0
        _fill(marks, 0, stride, 0.0)
        alive = _record(y, lanes, k0, count, 0, out, status, steps, taken, marks)
        for g in range(1, times.size):
            gap = times[g] - times[g - 1]
            n_steps = 0 if gap <= 0.0 else max(1, math.ceil(gap / longest - SLACK))
            h = gap / max(1, n_steps)
            _fill(rows, 1, stride, h)
            _fill(rows, 2, stride, math.sqrt(h))
            _fill(lengths, 0, stride, h / fine)
            _fill(roots, 0, stride, math.sqrt(h / fine))
            for j in range(n_steps):
                if alive == 0 or stop[0] != 0:
                    break
                _fill(rows, 0, stride, times[g - 1] + j * h)
                for i in range(fine if m > 0 else 0):
                    if piece == pieces:
                        draw(state, normals, stride, pieces * draws)
                        piece = 0
                    increment(normals + 8 * piece * draws * stride, rows, stride, m, integrals, lengths, roots, i == 0)
                    piece += 1
                if lanes != stride:
                    for row in range(row_count):
                        st(lane_rows, row, ld(rows, row * stride))
                call(f, lane_rows, y, p, new)
                y, new = new, y
                _watch(y, lanes, out.shape[2], marks)
                taken += 1
            if alive == 0:
                break
            if stop[0] != 0:
                _interrupt(k0, k0 + count, g, out, status, steps, taken)
                break
            alive = _record(y, lanes, k0, count, g, out, status, steps, taken, marks)
        ended = 0
        for k in range(k0, k0 + count):
            ended += status[k] != INTERRUPTED
        finished += ended
        done[0] += ended
    return finished + 0 * buffer.size  # the buffer is used through its address alone: keep it alive until here
