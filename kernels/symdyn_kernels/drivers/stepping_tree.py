"""The driver of fixed-step schemes along the tree of a Brownian path: every step is a cell of the tree.

A step of a model is the lane function of ``drivers/stepping.py``.  Cells have lengths that are powers of 2 and begin at
multiples of them, since the first time.  With steps of one length all of them have the depth of the longest; else the length
follows from the state at the beginning of the step alone: a second lane function gives squares of errors, and the step is the
longest cell that begins there with errors below the tolerance.  Nothing is rejected, so no step depends on what follows it.

An output time within a cell is reached by a step of its own from the beginning of the cell, with the increment of the path up
to there; the solution goes on from the beginning of the cell.  So output times change neither the steps nor their bits.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.arguments.tree import TreeArguments
from symdyn_kernels.brownian import Cells, begin, descend, partial, whole
from symdyn_kernels.constants.brownian import DEPTHS
from symdyn_kernels.increments import FIXED_ROWS
from symdyn_kernels.options import HELPER, INLINE
from symdyn_kernels.shared.cells import RUNNING, cell_after, cell_length, depth_below
from symdyn_kernels.simd import WIDTH, call, ld, sel, st, vld, vst
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, STEP_TOO_SMALL, SUCCESS, TOO_MANY_STEPS

__all__ = ["chunk"]


@njit(**INLINE)
def _end(k, g, code, run, status):
    """End a trajectory before its last time."""
    status[k] = code
    run.values[k, g:] = np.nan


@njit(**INLINE)
def _record(y, lanes, lane, k, g, run, status):
    """Write the states of a lane at an output time; whether they are finite."""
    for i in range(run.values.shape[2]):
        x = ld(y, i * lanes + lane)
        run.values[k, g, i] = x
        if not math.isfinite(x):
            status[k] = NOT_FINITE
    if status[k] == NOT_FINITE:
        run.values[k, g:] = np.nan
    return status[k] == SUCCESS


@njit(**INLINE)
def _choose_alike(cells, lanes, steps, next_of, on, k0, output, run, status):
    """In steps of one length all lanes have the same cell, those too whose trajectories have ended."""
    lead = -1
    for lane in range(lanes):
        if on[lane] == 1 and next_of[lane] == 1:
            lead = lane
    if lead < 0:
        return
    depth, index, fits = cell_after(cells.depth[lead], cells.number[lead], steps.coarsest)
    enough = run.steps[k0 + lead] < steps.max_steps
    if not (fits and enough):
        for lane in range(lanes):
            if on[lane] == 1:
                _end(k0 + lane, output[lane], TOO_MANY_STEPS if fits else STEP_TOO_SMALL, run, status)
        depth, index, on[:] = 0, 0, 0
    cells.depth[:], cells.number[:], cells.length[:] = depth, index, cell_length(depth)
    cells.start[:] = cells.start[lead]
    next_of[:] = 0


@njit(**INLINE)
def _choose(cells, lanes, steps, powers, bounds, next_of, on, k0, output, run, status):
    """Give each lane that has made its step the next cell."""
    if steps.adaptive == 0:
        _choose_alike(cells, lanes, steps, next_of, on, k0, output, run, status)
        return
    for lane in range(lanes):
        if on[lane] == 1 and next_of[lane] == 1:
            wanted, code = steps.coarsest, RUNNING
            for q in range(powers.size):
                needed = depth_below(ld(bounds, q * lanes + lane), powers[q])
                if needed < 0:
                    code = NOT_FINITE
                wanted = max(wanted, needed)
            depth, index, fits = cell_after(cells.depth[lane], cells.number[lane], wanted)
            if code == RUNNING and not fits:
                code = STEP_TOO_SMALL
            if code == RUNNING and run.steps[k0 + lane] >= steps.max_steps:
                code = TOO_MANY_STEPS
            if code == RUNNING:
                cells.depth[lane], cells.number[lane], next_of[lane] = depth, index, 0
                cells.length[lane] = cell_length(depth)
            else:
                on[lane] = 0
                _end(k0 + lane, output[lane], code, run, status)
                if cells.number[lane] < 0:  # it has had no cell
                    cells.depth[lane], cells.number[lane] = 0, 0


@njit(**INLINE)
def _stopped(signals):
    """Whether the run is to be interrupted."""
    return signals.stop[0] != 0


@njit(**INLINE)
def _take(y, new, moved, lanes, n):
    """New states where lanes have moved."""
    if lanes == 1:
        if ld(moved, 0) == 1.0:
            for i in range(n):
                st(y, i, ld(new, i))
    else:
        for lane in range(0, lanes, WIDTH):
            mask = vld(moved, lane)
            for i in range(n):
                vst(y, i * lanes + lane, sel(mask, vld(new, i * lanes + lane), vld(y, i * lanes + lane)))


@njit(signature(TreeArguments), **HELPER)
def chunk(arguments):
    """Run all trajectories of `arguments`; returns how many reached the last time or failed."""
    f, bound, sizes, batch, powers, seed, steps, run, signals = arguments
    n, npar, m, _, lanes = sizes
    integrals = steps.integrals
    times, status = batch.times, run.status
    last, first = batch.initial.shape[0], batch.times[0]
    stride = max(lanes, WIDTH)  # a single lane makes eight and uses the first: same bits
    row_count = FIXED_ROWS + (1 + integrals) * m
    state_size = n * lanes + WIDTH  # a lane function of one lane stores eight at a time
    stack_size = (1 + integrals) * m * DEPTHS * stride
    total = (row_count + 14) * stride + row_count + 2 * state_size + npar * lanes + powers.size * lanes + 4 * WIDTH
    buffer = np.zeros(total + stack_size)
    rows = (buffer.ctypes.data + 63) // 64 * 64
    stack = rows + 8 * row_count * stride
    triple = stack + 8 * stack_size
    work = triple + 24 * stride
    moved = work + 72 * stride
    y = moved + 8 * stride
    new = y + 8 * state_size
    bounds = new + 8 * state_size
    p = bounds + 8 * (powers.size * lanes + WIDTH)
    lane_rows = rows if lanes == stride else p + 8 * (npar * lanes + WIDTH)
    words, numbers = np.zeros((7, stride), np.int64), np.zeros((4, stride))
    keys = np.zeros((2 * m, stride), np.int64)
    cells = Cells(
        keys, words[0], words[1], words[2], words[3], numbers[0], numbers[1], words[4], words[5], words[6], numbers[2],
        numbers[3], triple, stack, integrals,
    )  # fmt: skip
    ends = np.zeros(stride)
    on, next_of, goes, output = (np.zeros(stride, np.int64), np.zeros(stride, np.int64), np.zeros(stride, np.int64),
                                 np.zeros(stride, np.int64))  # fmt: skip
    w_row, part = rows + 8 * FIXED_ROWS * stride, 8 * m * stride  # from increments to integrals

    finished = 0
    status[:] = SUCCESS
    run.steps[:] = 0
    run.evaluations[:] = 0
    for k0 in range(0, last, lanes):
        count = min(lanes, last - k0)
        on[:] = 0
        goes[:] = 0
        for lane in range(stride):
            k = k0 + min(lane, count - 1)
            begin(cells, lane, seed, batch.streams[k], m)
            cells.number[lane], cells.depth[lane], next_of[lane] = -1, DEPTHS, 1  # before the first cell
            cells.start[lane], cells.length[lane] = 0.0, 1.0
            if lane < lanes:
                for i in range(n):
                    st(y, i * lanes + lane, batch.initial[k, i])
                for i in range(npar):
                    st(p, i * lanes + lane, batch.parameters[k, i])
            if lane < count:
                on[lane], output[lane] = int(_record(y, lanes, lane, k, 0, run, status)), 1
            if lane >= count or on[lane] == 0:
                cells.number[lane], cells.depth[lane] = 0, 0
        while True:
            alive = 0
            for lane in range(count):
                if output[lane] == times.size:
                    on[lane] = 0
                alive += on[lane]
            if alive == 0 or _stopped(signals):
                break
            for lane in range(stride):
                st(rows, lane, first + cells.start[lane])
            if steps.adaptive:
                for lane in range(stride):
                    st(rows, stride + lane, steps.rtol)
                    st(rows, 2 * stride + lane, steps.atol)
                if lanes != stride:
                    for row in range(FIXED_ROWS):
                        st(lane_rows, row, ld(rows, row * stride))
                call(bound, lane_rows, y, p, bounds)
            _choose(cells, lanes, steps, powers, bounds, next_of, on, k0, output, run, status)
            descend(cells, m, steps.adaptive == 0)
            side = False
            for lane in range(lanes):
                goes[lane] = 0
                if on[lane] == 1:
                    ends[lane] = times[output[lane]] - first
                    if ends[lane] < cells.start[lane] + cells.length[lane]:
                        goes[lane] = 1
                        side = True
            for j in range(m):
                to = w_row + 8 * j * stride
                whole(cells, j, m, (to, to + part, to + 2 * part))
                if side:
                    partial(cells, j, m, work, ends, goes, (to, to + part, to + 2 * part))
            for lane in range(stride):
                h = ends[lane] - cells.start[lane] if goes[lane] == 1 else cells.length[lane]
                st(rows, stride + lane, h)
                st(rows, 2 * stride + lane, math.sqrt(h))
                st(moved, lane, 1.0 if on[lane] == 1 and goes[lane] == 0 else 0.0)
            if lanes != stride:
                for row in range(row_count):
                    st(lane_rows, row, ld(rows, row * stride))
            call(f, lane_rows, y, p, new)
            for lane in range(count):
                if on[lane] == 1:
                    k = k0 + lane
                    run.evaluations[k] += 1
                    if goes[lane] == 1:
                        on[lane] = int(_record(new, lanes, lane, k, output[lane], run, status))
                        output[lane] += 1
            _take(y, new, moved, lanes, n)
            for lane in range(count):
                if on[lane] == 1 and goes[lane] == 0:
                    k, bad = k0 + lane, 0.0
                    for i in range(run.values.shape[2]):
                        x = ld(y, i * lanes + lane)
                        bad += x - x
                    run.steps[k] += 1
                    next_of[lane] = 1
                    cells.start[lane] += cells.length[lane]
                    if bad != 0.0:
                        on[lane] = 0
                        _end(k, output[lane], NOT_FINITE, run, status)
                    elif times[output[lane]] - first == cells.start[lane]:
                        on[lane] = int(_record(y, lanes, lane, k, output[lane], run, status))
                        output[lane] += 1
        ended = 0
        for lane in range(count):
            if on[lane] == 1:
                _end(k0 + lane, output[lane], INTERRUPTED, run, status)
            else:
                ended += 1
        finished += ended
        signals.done[0] += ended
        if _stopped(signals):
            for k in range(k0 + count, last):
                _end(k, 0, INTERRUPTED, run, status)
            break
    return finished + 0 * buffer.size  # the buffer is used through its address alone: keep it alive until here
