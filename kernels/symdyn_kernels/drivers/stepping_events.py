"""The driver of fixed-step methods for models with events, inputs or delays: every lane has its own time and step.

A step of a model is the lane function of `symdyn_kernels.drivers.stepping`; the rows that follow the new states are the
margins of the conditions of events at the end of the step, with noise for a boundary that is moved by the mean overshoot.
Steps end at the output times, at the times that are known of events and inputs, and where a delayed event acts; what lies
between two of these is divided into the fewest equal steps that are not longer than is allowed.  Without noise a step in which
a condition turns true is made anew with lengths between zero and its own, until it ends at the last number before the change:
so the event is located with the order of the method.  With `DELAYS` a step takes states of the past from the steps before,
which are straight lines there, at the times that belong to its beginning and to its end.  A trajectory draws from its own
stream in the order of its steps, so neither grouping nor threads change a bit.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.arguments.events import KNOWN
from symdyn_kernels.arguments.parts import Tolerances, signature
from symdyn_kernels.arguments.stepping import SteppingEventArguments
from symdyn_kernels.constants.events import OPPOSITE, ROUNDED, SHORTEST
from symdyn_kernels.constants.stepping import SLACK
from symdyn_kernels.delays import begin_past, keep, past_memory, past_size, recall, record_past, reopen
from symdyn_kernels.event_memory import beyond, cross, event_memory, output_size, release, settle
from symdyn_kernels.events import arrivals, begin_events, happen, next_moment
from symdyn_kernels.increments import FIXED_ROWS, draw, increment
from symdyn_kernels.lanes import ACCEPT, ROWS, TB, TEND, TNEW, H, Output, T, abandon, arrays, put, void
from symdyn_kernels.options import HELPER, INNER
from symdyn_kernels.output import Polynomial, padded
from symdyn_kernels.rng import start_stream
from symdyn_kernels.shared.roots import MOST_GUESSES, level_after, next_guess, soon
from symdyn_kernels.simd import WIDTH, call, ld, st, vld, vst
from symdyn_kernels.status import NOT_FINITE, SUCCESS

__all__ = ["chunk"]

#: Whether states of the past are looked up.
DELAYS = False


@njit(**HELPER)
def _turned(events, memory, n, W, new, active, located):
    """Note which conditions are found to have turned true or false at the end of a step; returns whether one turned true.

    Where changes are located a condition that has just turned true may still be false by rounding.
    """
    some = False
    for e in range(events.flags.size):
        if events.flags[e] & KNOWN:
            continue
        for l in range(W):
            if active[l] == 0:
                continue
            v = ld(new, (n + e) * W + l)
            if v >= memory.level[l, e] and memory.held[l, e] == 0:
                memory.chosen[l, e], memory.happens[l] = 1, 1
                some = True
            elif v < 0.0 and memory.held[l, e] == 0 and memory.chosen[l, e] == 0:
                memory.level[l, e] = 0.0
            elif not v >= 0.0 and memory.held[l, e] != 0:
                if located and memory.unsure[l, e]:
                    settle(events, memory, l, e, v)
                else:
                    release(events, memory, l, e)
    return some


@njit(**INNER)
def _highest(events, memory, l, n, W, states):
    """The largest margin after a step, above its level, of a condition that does not count as true."""
    most = -math.inf
    for e in range(events.flags.size):
        if memory.held[l, e] == 0 and not events.flags[e] & KNOWN:
            most = max(most, ld(states, (n + e) * W + l) - memory.level[l, e])
    return most


@njit(**HELPER)
def _settle_unsure(f, events, memory, n, W, lane_rows, before, after, trial, p, candidate, length, a, b, high):
    """Release conditions that have just turned true, and are true at the end of a step, if they are false in between.

    The part of the step at which they are seen to be false is left in `a`; one at which another is seen to have turned true
    before, as one that has just turned false, in `b`, with the largest margin there in `high`.
    """
    pending, left = np.zeros(W, np.int64), False
    for l in range(W):
        for e in range(events.flags.size):
            apart = memory.unsure[l, e] != 0 and ld(after, (n + e) * W + l) >= 0.0
            fallen = memory.held[l, e] == 0 and memory.level[l, e] > 0.0
            if candidate[l] and (apart or fallen):
                pending[l], left = 1, True
    for j in range(SHORTEST, 0, -1):
        if not left:
            break
        left = False
        for l in range(W):
            if pending[l]:
                st(lane_rows, W + l, 0.5**j * length[l])
        call(f, lane_rows, before, p, trial)
        for l in range(W):
            if pending[l]:
                pending[l], value = 0, _highest(events, memory, l, n, W, trial)
                st(lane_rows, W + l, length[l])
                for e in range(events.flags.size):
                    v, near = ld(trial, (n + e) * W + l), memory.near[l, e]
                    rounded = ROUNDED * abs(ld(lane_rows, l)) / length[l] * abs(ld(after, (n + e) * W + l) - near)
                    if memory.held[l, e] == 0 and memory.level[l, e] > 0.0 and abs(v - near) <= rounded:
                        pending[l], value = 1, value if v < memory.level[l, e] else -1.0  # it has not moved yet
                if value >= 0.0:
                    pending[l], b[l], high[l] = 0, 0.5**j, value
                    continue
                for e in range(events.flags.size):
                    if memory.unsure[l, e] and settle(events, memory, l, e, ld(trial, (n + e) * W + l)):
                        a[l] = 0.5**j
                    pending[l] |= memory.unsure[l, e]
                left |= pending[l] != 0


@njit(**HELPER)
def _locate(f, events, memory, n, W, lane_rows, before, after, trial, p, candidate, length, part):
    """Shorten the step of each candidate in which a condition turned true to the last part before; note which ones turn.

    The states before and after the step are at the addresses `before` and `after`; those after the shortened steps take the
    place of the latter, and `part` becomes the part of the step that they are.
    """
    a, b, low, high, some = np.zeros(W), np.ones(W), np.zeros(W), np.zeros(W), False
    _settle_unsure(f, events, memory, n, W, lane_rows, before, after, trial, p, candidate, length, a, b, high)
    for l in range(W):
        part[l] = 1.0
        if candidate[l]:
            if b[l] == 1.0:
                high[l] = _highest(events, memory, l, n, W, after)
            candidate[l] = high[l] >= 0.0
            some |= candidate[l] != 0
    if not some:
        return
    guess, reach = a.copy(), b - a
    for k in range(MOST_GUESSES + 2):  # the beginning, guesses, and the end of those that are found
        for l in range(W):
            if candidate[l]:
                st(lane_rows, W + l, guess[l] * length[l])
        call(f, lane_rows, before, p, trial)
        going = False
        for l in range(W):
            if not candidate[l]:
                continue
            value = _highest(events, memory, l, n, W, trial)
            if k == 0:
                low[l] = value
                if value >= 0.0:  # it became true where the right-hand side jumped
                    b[l] = a[l]
            elif a[l] < guess[l] < b[l]:
                if value >= 0.0:
                    b[l], high[l] = guess[l], value
                else:
                    a[l], low[l] = guess[l], value
                reach[l] *= 0.5
            x = next_guess(a[l], b[l], low[l], high[l], reach[l])
            x = x if a[l] < x < b[l] else 0.5 * (a[l] + b[l])
            guess[l] = x if a[l] < x < b[l] else b[l]
            going |= a[l] < guess[l] < b[l]
        if not going:
            break
    for turn in range(3):  # at the crossing, soon after it, and before
        for l in range(W):
            if candidate[l]:
                last = a[l] if b[l] < 1.0 else 1.0
                at = b[l] if turn == 0 else soon(b[l], ld(lane_rows, l), length[l]) if turn == 1 else last
                st(lane_rows, W + l, at * length[l])
        call(f, lane_rows, before, p, trial)
        for l in range(W):
            if candidate[l]:
                for e in range(events.flags.size):
                    v = ld(trial, (n + e) * W + l)
                    if turn == 2:
                        cross(events, memory, l, e, v, memory.far[l, e])
                    else:
                        memory.far[l, e] = beyond(memory, l, e, memory.far[l, e], v) if turn == 1 else v
                if turn == 2:
                    for i in range(n + events.flags.size):
                        st(after, i * W + l, ld(trial, i * W + l))
                    part[l] = a[l] if b[l] < 1.0 else 1.0
    for l in range(W):
        if candidate[l]:
            st(lane_rows, W + l, length[l])


@njit(**HELPER)
def _settle_levels(events, memory, n, W, new, p, lanes, moved):
    """What counts as true by a moved boundary counts so while events act, unless these make its own margin fall.

    Where a condition turns true by a `moved` boundary its opposite turns false.
    """
    call(events.triggers, lanes[TNEW], new, p, memory.margins)
    for l in range(W):
        if memory.happens[l] != 0:
            for e in range(events.flags.size):
                v = ld(memory.margins, e * W + l)
                fallen = memory.held[l, e] == 0 and memory.level[l, e] > 0.0
                if moved and memory.held[l, e] != 0 and _opposed(events, memory, l, e, n, W, new):
                    release(events, memory, l, e)
                    fallen = True
                true = memory.held[l, e] != 0 or memory.chosen[l, e] != 0
                memory.level[l, e] = min(v, 0.0) if true else level_after(v) if fallen else 0.0


@njit(**INNER)
def _opposed(events, memory, l, e, n, W, new):
    """Whether the opposite of a condition has just turned true: its margin is as far below 0, measured by the overshoot."""
    v = ld(memory.margins, e * W + l)
    overshoot = ld(new, (n + e) * W + l) - v
    for other in range(events.flags.size):
        if memory.chosen[l, other] != 0:
            below = ld(memory.margins, other * W + l)
            far = v * (ld(new, (n + other) * W + l) - below)
            if abs(far + below * overshoot) < OPPOSITE * abs(far):
                return True
    return False


@njit(**HELPER)
def _hold_again(events, memory, l):
    """What has turned false by a moved boundary, and is true, counts as true where nothing has changed it."""
    for e in range(events.flags.size):
        if memory.level[l, e] > 0.0:
            memory.held[l, e], memory.level[l, e] = 1, 0.0


@njit(**HELPER)
def _record(k, l, q, n, W, y, output, status):
    """Write the states of a lane at output `q`."""
    for i in range(n):
        x = ld(y, i * W + l)
        output.values[k, q, i] = x
        if not math.isfinite(x):
            status[k] = NOT_FINITE


@njit(**INNER)
def _look_up(delays, past, W, y, p, lanes, lane_rows, length):
    """Look up the K values that belong to the beginning of a step, which become the last parameters, and to its end."""
    for l in range(W):
        reopen(delays, past, l, W, y, lanes)  # events may have changed the states
    recall(delays, past, lane_rows, y, W, p)
    for r in range(delays.first, delays.first + delays.kept.size):
        for l in range(W):
            st(p, (r + delays.kept.size) * W + l, ld(p, r * W + l))
    for l in range(W):
        put(lanes[TB], l, ld(lanes[T], l) + length[l], W)
    recall(delays, past, lanes[TB], y, W, p)


@njit(**HELPER)
def _remember(delays, past, n, W, before, after, change, lanes, who, over, flag, status):
    """Keep the steps as straight lines; returns the past, and how many lanes have too many steps within their delays.

    Of trajectories that have ended nothing more is kept.
    """
    for l in range(W):
        gap = ld(lanes[TNEW], l) - ld(lanes[T], l)
        put(lanes[H], l, gap if gap > 0.0 else 1.0, W)
        ended = over[l] != 0 and ld(after, (flag + 1) * W + l) < ld(lanes[T], l) + 0.5 * gap
        put(lanes[ACCEPT], l, 0.0 if ended else 1.0, W)
        for i in range(n):
            st(change, i * W + l, ld(after, i * W + l) - ld(before, i * W + l))
    return keep(delays, past, Polynomial(before, after, change, 0, 1, 0), W, lanes, who, status)


@njit(**HELPER)
def _record_late(delays, past, n, W, y, p, lanes, over, flag, output, status):
    """Record what observables take from the past, of trajectories that have ended as it was then."""
    for l in range(W):
        put(lanes[H], l, ld(lanes[TNEW], l), W)
        if over[l]:
            put(lanes[TNEW], l, ld(y, (flag + 1) * W + l), W)
    record_past(delays, past, n, W, p, lanes, output, status, None)
    for l in range(W):
        put(lanes[TNEW], l, ld(lanes[H], l), W)


@njit(signature(SteppingEventArguments), **HELPER)
def chunk(arguments):
    """Run all trajectories of `arguments`, a `SteppingEventArguments`; returns how many reached the last time."""
    common, events, unit, flag, delays = arguments
    f, sizes, batch, seed, longest, fine, run, signals = common
    n, npar, m, integrals, W = sizes
    initial, parameters, times, streams, _ = batch
    status, steps, stop = run.status, run.steps, signals.stop
    last, E = initial.shape[0], events.flags.size
    stride = max(W, WIDTH)  # a single lane draws for eight and uses the first: same bits
    draws = m * (1 + integrals)
    pieces = 4 if draws < 4 else 2  # drawn at once: an even number of normals, so that pairs are never split
    row_count = FIXED_ROWS + draws
    state_size = (n + E) * W + WIDTH  # a lane function of one lane stores eight at a time
    size = (2 * row_count + pieces * draws + 6 + ROWS) * stride + 3 * state_size + npar * W + output_size(events, W) + 4 * WIDTH
    if DELAYS:
        size += past_size(delays, n, W) + state_size
    buffer = np.zeros(size)
    rows = (buffer.ctypes.data + 63) // 64 * 64
    normals = rows + 8 * row_count * stride
    state = normals + 8 * pieces * draws * stride
    lengths = state + 8 * 4 * stride
    roots = lengths + 8 * stride
    lanes = arrays(roots + 8 * stride, stride)
    y = roots + 8 * (1 + ROWS) * stride
    new = y + 8 * state_size
    trial = new + 8 * state_size
    p = trial + 8 * state_size
    single = p + 8 * npar * W  # rows of one lane
    lane_rows = rows if stride == W else single
    memory = event_memory(events, W, (single + 8 * row_count * stride + 63) // 64 * 64, 0)
    if DELAYS:
        change = buffer.ctypes.data + 8 * (buffer.size - state_size)
        past = past_memory(delays, 1, n, W, Tolerances(0.0, 0.0, np.inf, 0), change - 8 * past_size(delays, n, W))
        lagged = delays, past
    else:
        lagged = None
    who, due, over = np.full(W, -1, np.int64), np.ones(W, np.int64), np.zeros(W, np.int64)
    begin, length, target, moment = np.zeros(W), np.zeros(W), np.zeros(W), np.zeros(W)
    made, wanted, active = np.zeros(W, np.int64), np.zeros(W, np.int64), np.zeros(W, np.int64)
    part, locates = np.ones(W), events.sampled and m == 0 and not unit
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
            if DELAYS:
                begin_past(delays, past, l, k, n, W, y, lanes)
        for l in range(stride):
            start_stream(state, l, stride, seed, streams[waiting + min(l, live - 1)])
        for l in range(live):
            _record(who[l], l, 0, n, W, y, output, status)
            if status[who[l]] != SUCCESS:
                due[l] = 0
            elif over[l] == 0:
                begin_events(events, memory, l, W, y, p, lanes, lagged)
                status[who[l]] = happen(events, memory, l, who[l], y, n, W, p, lanes, output, run.aside, lagged)
                moment[l] = next_moment(events, memory, l, who[l])
        if DELAYS and delays.observed.size > 0:
            record_past(delays, past, n, W, p, lanes, output, status, None)
        waiting += live
        fresh = True
        while True:
            for l in range(W if fresh else 0):
                k = who[l]
                if k >= 0 and (due[l] >= times.size or status[k] != SUCCESS):
                    void(k, due[l], run.values.shape[2], run.values)
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
                increment(normals + 8 * piece * draws * stride, rows, stride, m, integrals, lengths, roots, i == 0)
                piece += 1
            if stride != W:
                for row in range(row_count):
                    st(lane_rows, row, ld(rows, row * stride))
            if DELAYS:
                _look_up(delays, past, W, y, p, lanes, lane_rows, length)
            call(f, lane_rows, y, p, new)
            y, new = new, y
            if locates:
                for l in range(W):
                    active[l] = who[l] >= 0 and over[l] == 0
                _locate(f, events, memory, n, W, lane_rows, new, y, trial, p, active, length, part)
            some, fresh = False, False
            for l in range(W):
                k = who[l]
                active[l] = 0
                if k < 0:
                    continue
                made[l] += 1
                steps[k] += 1
                t = target[l] if made[l] == wanted[l] else begin[l] + made[l] * length[l]
                if part[l] < 1.0:
                    t = ld(lanes[T], l) + part[l] * length[l]
                put(lanes[TNEW], l, t, W)
                over[l] = flag >= 0 and ld(y, flag * W + l) > 0.0
                for i in range(n):
                    if not math.isfinite(ld(y, i * W + l)):
                        status[k] = NOT_FINITE
                if status[k] == SUCCESS and t >= times[due[l]]:
                    _record(k, l, due[l], n, W, y, output, status)
                    due[l] += 1
                active[l] = over[l] == 0 and status[k] == SUCCESS
                if active[l] and (moment[l] <= t or part[l] < 1.0):
                    memory.happens[l] = 1
                    some = True
                fresh |= made[l] == wanted[l] or status[k] != SUCCESS
                if part[l] < 1.0:  # its steps to come are of another length
                    made[l], fresh = wanted[l], True
            if DELAYS:
                past, crowded = _remember(delays, past, n, W, new, y, change, lanes, who, over, flag, status)
                lagged = delays, past
                fresh |= crowded > 0.0
            if events.sampled:
                some |= _turned(events, memory, n, W, y, active, locates)
            if some:
                fresh = True
                if events.triggers != 0:
                    _settle_levels(events, memory, n, W, y, p, lanes, m > 0)
                for l in range(W):
                    put(lanes[ACCEPT], l, float(memory.happens[l]), W)
                arrivals(events, memory, W, y, p, lanes, who, times[-1], lagged)
                for l in range(W):
                    k = who[l]
                    if k >= 0 and memory.happens[l] != 0 and status[k] == SUCCESS:
                        status[k] = happen(events, memory, l, k, y, n, W, p, lanes, output, run.aside, lagged)
                        if m > 0:
                            _hold_again(events, memory, l)
                        made[l], moment[l] = wanted[l], next_moment(events, memory, l, k)
            if DELAYS and delays.observed.size > 0:
                _record_late(delays, past, n, W, y, p, lanes, over, flag, output, status)
            for l in range(0, stride, WIDTH):
                vst(lanes[T], l, vld(lanes[TNEW], l))
    if stop[0] != 0:
        abandon(output, waiting, status)
    return finished + 0 * buffer.size  # the buffer is used through its address alone: keep it alive until here
