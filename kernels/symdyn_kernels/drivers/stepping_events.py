"""The driver of fixed-step methods for models with events or inputs: every lane has its own time and step.

A step of a model is the lane function of `symdyn_kernels.drivers.stepping`; the rows that follow the new states are the
margins of the conditions of events at the end of the step, with noise for a boundary that is moved by the mean overshoot.
Steps end at the output times, at the times that are known of events and inputs, and where a delayed event acts; what lies
between two of these is divided into the fewest equal steps that are not longer than is allowed.  A trajectory draws from its
own stream in the order of its steps, so neither grouping nor threads change a bit.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.arguments.events import KNOWN
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.arguments.stepping import SteppingEventArguments
from symdyn_kernels.constants.stepping import SLACK
from symdyn_kernels.events import arrivals, begin_events, event_memory, happen, next_moment, output_size, release
from symdyn_kernels.increments import FIXED_ROWS, draw, increment
from symdyn_kernels.lanes import ACCEPT, ROWS, TEND, TNEW, Output, T, abandon, arrays, put, void
from symdyn_kernels.options import HELPER
from symdyn_kernels.output import padded
from symdyn_kernels.rng import start_stream
from symdyn_kernels.simd import WIDTH, call, ld, st, vld, vst
from symdyn_kernels.status import NOT_FINITE, SUCCESS

__all__ = ["chunk"]


@njit(error_model="numpy")
def _turned(events, memory, n, W, new, active):
    """Note which conditions are found to have turned true or false at the end of a step; returns whether one turned true."""
    some = False
    for e in range(events.flags.size):
        if events.flags[e] & KNOWN:
            continue
        for l in range(W):
            if active[l] == 0:
                continue
            v = ld(new, (n + e) * W + l)
            if v >= 0.0 and memory.held[l, e] == 0:
                memory.chosen[l, e], memory.happens[l] = 1, 1
                some = True
            elif not v >= 0.0 and memory.held[l, e] != 0:
                release(events, memory, l, e)
    return some


@njit(error_model="numpy")
def _settle_levels(events, memory, W, new, p, lanes):
    """What counts as true by a moved boundary counts so while events act, unless these make its own margin fall."""
    call(events.triggers, lanes[TNEW], new, p, memory.margins)
    for l in range(W):
        if memory.happens[l] != 0:
            for e in range(events.flags.size):
                true = memory.held[l, e] != 0 or memory.chosen[l, e] != 0
                memory.level[l, e] = min(ld(memory.margins, e * W + l), 0.0) if true else 0.0


@njit(error_model="numpy")
def _record(k, l, q, n, W, y, output, status):
    """Write the states of a lane at output `q`."""
    for i in range(n):
        x = ld(y, i * W + l)
        output.values[k, q, i] = x
        if not math.isfinite(x):
            status[k] = NOT_FINITE


@njit(signature(SteppingEventArguments), **HELPER)
def chunk(arguments):
    """Run all trajectories of `arguments`, a `SteppingEventArguments`; returns how many reached the last time."""
    common, events, unit, flag = arguments
    f, sizes, batch, seed, longest, fine, run, signals = common
    n, npar, m, with_dz, W = sizes
    initial, parameters, times, streams, _ = batch
    status, steps, stop = run.status, run.steps, signals.stop
    last, E = initial.shape[0], events.flags.size
    stride = max(W, WIDTH)  # a single lane draws for eight and uses the first: same bits
    draws = m * (1 + with_dz)
    pieces = 4 if draws < 4 else 2  # drawn at once: an even number of normals, so that pairs are never split
    row_count = FIXED_ROWS + draws
    state_size = (n + E) * W + WIDTH  # a lane function of one lane stores eight at a time
    size = (2 * row_count + pieces * draws + 6 + ROWS) * stride + 2 * state_size + npar * W + output_size(events, W) + 4 * WIDTH
    buffer = np.zeros(size)
    rows = (buffer.ctypes.data + 63) // 64 * 64
    normals = rows + 8 * row_count * stride
    state = normals + 8 * pieces * draws * stride
    lengths = state + 8 * 4 * stride
    roots = lengths + 8 * stride
    lanes = arrays(roots + 8 * stride, stride)
    y = roots + 8 * (1 + ROWS) * stride
    new = y + 8 * state_size
    p = new + 8 * state_size
    single = p + 8 * npar * W  # rows of one lane
    lane_rows = rows if stride == W else single
    memory = event_memory(events, W, (single + 8 * row_count * stride + 63) // 64 * 64, 0)
    who, due, over = np.full(W, -1, np.int64), np.ones(W, np.int64), np.zeros(W, np.int64)
    begin, length, target, moment = np.zeros(W), np.zeros(W), np.zeros(W), np.zeros(W)
    made, wanted, active = np.zeros(W, np.int64), np.zeros(W, np.int64), np.zeros(W, np.int64)
    output = Output(padded(times), run.values, np.zeros((1, 1), np.int64), due, who)
    status[:] = SUCCESS
    steps[:] = 0
    finished, waiting = 0, 0
    while waiting < last and stop[0] == 0:
        live, piece = min(W, last - waiting), pieces
        for l in range(W):
            k = waiting + min(l, live - 1)
            for i in range(n):
                st(y, i * W + l, initial[k, i])
            for i in range(npar):
                st(p, i * W + l, parameters[k, i])
            put(lanes[T], l, times[0], W)
            put(lanes[TEND], l, np.inf, W)
            put(lanes[ACCEPT], l, 1.0, W)
            who[l], due[l], made[l], wanted[l] = k if l < live else -1, 1, 0, 0
            active[l], moment[l], memory.happens[l] = 0, np.inf, 0
            over[l] = flag >= 0 and initial[k, flag] > 0.0
        for l in range(stride):
            start_stream(state, l, stride, seed, streams[waiting + min(l, live - 1)])
        for l in range(live):
            _record(who[l], l, 0, n, W, y, output, status)
            if status[who[l]] != SUCCESS:
                due[l] = 0
            elif over[l] == 0:
                begin_events(events, memory, l, W, y, p, lanes)
                status[who[l]] = happen(events, memory, l, who[l], y, n, W, p, lanes, output, run.aside)
                moment[l] = next_moment(events, memory, l, who[l])
        waiting += live
        fresh = True
        while True:
            for l in range(W if fresh else 0):
                k = who[l]
                if k >= 0 and (due[l] >= times.size or status[k] != SUCCESS):
                    void(k, due[l], n, run.values)
                    who[l] = -1
                    live -= 1
                    finished += 1
                    signals.done[0] += 1
                elif k >= 0 and made[l] == wanted[l]:  # it goes on to the next time that is known
                    begin[l] = ld(lanes[T], l)
                    target[l] = times[due[l]] if over[l] else min(times[due[l]], moment[l])
                    gap = target[l] - begin[l]
                    made[l], wanted[l] = 0, max(1, math.ceil((gap if unit else gap / longest) - SLACK))
                    h = 1.0 if unit else gap / wanted[l]
                    length[l] = h
                    target[l] = begin[l] + wanted[l] if unit else target[l]
                    put(rows + 8 * stride, l, h, W)
                    put(rows + 16 * stride, l, math.sqrt(h), W)
                    put(lengths, l, h / fine, W)
                    put(roots, l, math.sqrt(h / fine), W)
            if live == 0 or stop[0] != 0:
                break
            for l in range(0, stride, WIDTH):
                vst(rows, l, vld(lanes[T], l))
            for i in range(fine if m > 0 else 0):
                if piece == pieces:
                    draw(state, normals, stride, pieces * draws)
                    piece = 0
                increment(normals + 8 * piece * draws * stride, rows, stride, m, with_dz, lengths, roots, i == 0)
                piece += 1
            if stride != W:
                for row in range(row_count):
                    st(lane_rows, row, ld(rows, row * stride))
            call(f, lane_rows, y, p, new)
            y, new = new, y
            some, fresh = False, False
            for l in range(W):
                k = who[l]
                active[l] = 0
                if k < 0:
                    continue
                made[l] += 1
                steps[k] += 1
                t = target[l] if made[l] == wanted[l] else begin[l] + made[l] * length[l]
                put(lanes[TNEW], l, t, W)
                over[l] = flag >= 0 and ld(y, flag * W + l) > 0.0
                for i in range(n):
                    if not math.isfinite(ld(y, i * W + l)):
                        status[k] = NOT_FINITE
                if status[k] == SUCCESS and t >= times[due[l]]:
                    _record(k, l, due[l], n, W, y, output, status)
                    due[l] += 1
                active[l] = over[l] == 0 and status[k] == SUCCESS
                if active[l] and moment[l] <= t:
                    memory.happens[l] = 1
                    some = True
                fresh |= made[l] == wanted[l] or status[k] != SUCCESS
            if events.sampled:
                some |= _turned(events, memory, n, W, y, active)
            if some:
                fresh = True
                if events.triggers != 0:
                    _settle_levels(events, memory, W, y, p, lanes)
                for l in range(W):
                    put(lanes[ACCEPT], l, float(memory.happens[l]), W)
                arrivals(events, memory, W, y, p, lanes, who, times[-1])
                for l in range(W):
                    k = who[l]
                    if k >= 0 and memory.happens[l] != 0:
                        status[k] = happen(events, memory, l, k, y, n, W, p, lanes, output, run.aside)
                        made[l], moment[l] = wanted[l], next_moment(events, memory, l, k)
            for l in range(0, stride, WIDTH):
                vst(lanes[T], l, vld(lanes[TNEW], l))
    if stop[0] != 0:
        abandon(output, waiting, status)
    return finished + 0 * buffer.size  # the buffer is used through its address alone: keep it alive until here
