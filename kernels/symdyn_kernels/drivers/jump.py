"""The driver of the direct method: trajectories of a jump process, event by event.

An event of a model is one lane function ``f(lane, y, p, out)`` (`symdyn.codegen.jump_program` writes it).  The rows are

    lane   e (standard exponential), u (uniform), bursts .., and with thinning the end of time
    y      the states, the time, and with thinning the window
    out    the rows of y after the event, then what `watch`, `low`, `fired` and `acted` point to

The values at an output time are those after the last event before it or at it.  The row `watch` is the time after the
event, or infinite where an event of the network acted or the trajectory stops there: at its condition, or because the states
are no numbers of molecules.
A lane whose trajectory has ended takes the next one.  Each trajectory draws e, u and the bursts of every event
from its own stream, so neither lanes nor chunks change a bit; a single lane draws for eight events at once, with the same
instructions.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.jump import EventArguments, JumpArguments
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.draws import DRAWS, draw_eight, draw_lanes
from symdyn_kernels.masks import ALL, below
from symdyn_kernels.molecules import impossible
from symdyn_kernels.options import HELPER
from symdyn_kernels.rng import start_stream
from symdyn_kernels.shared.streams import open_stream
from symdyn_kernels.simd import WIDTH, call, ld, st, vld, vst
from symdyn_kernels.status import INTERRUPTED, NEGATIVE, NOT_FINITE, SUCCESS, TOO_MANY_STEPS

__all__ = ["chunk"]

#: Numbers before the records of a run: its limit and how many events it may have.
HEADER = 2


@njit(error_model="numpy")
def _load(k, l, W, batch, y, p, window, out):
    """Put trajectory `k` into lane `l` of the rows y and p, and its first output."""
    Y0, P, times, _, _ = batch
    n = Y0.shape[1]
    for i in range(n):
        st(y, i * W + l, Y0[k, i])
        out[k, 0, i] = Y0[k, i]
    st(y, n * W + l, times[0])
    if window:
        st(y, (n + 1) * W + l, times[-1] - times[0])
    for i in range(P.shape[1]):
        st(p, i * W + l, P[k, i])


@njit(error_model="numpy")
def _hold(k, j, last, y, l, W, n, times, out):
    """Write the states of a lane at the outputs from `j` on that are before the time `last`; returns the next output."""
    while j < times.size and times[j] < last:
        for i in range(n):
            out[k, j, i] = ld(y, i * W + l)
        j += 1
    return j


@njit(error_model="numpy")
def _count(k, l, t, event, new, aside):
    """Count the events of the network that acted at time `t`."""
    W, number, recorded = event.lanes, event.events, event.recorded
    for e in range(number):
        for _ in range(np.int64(ld(new, (event.acted + 1 + e) * W + l))):
            before = np.int64(aside[k, e])
            aside[k, e] = before + 1.0
            if before < recorded:
                aside[k, number + e * recorded + before] = t


@njit(error_model="numpy")
def _look(k, j, l, event, times, y, new, run):
    """Treat a lane that passed an output time, stopped or failed; returns its next output, beyond all if it ended.

    The second result is whether the event just made counts, the third the output from which on nothing was written.
    """
    W, n, watch, low = event.lanes, run.values.shape[2], event.watch, event.low
    out, status = run.values, run.status
    t = ld(new, n * W + l)
    if t != t:
        status[k] = NEGATIVE if low >= 0 and ld(new, low * W + l) < 0.0 else NOT_FINITE
        return times.size, 0, j
    j = _hold(k, j, t, y, l, W, n, times, out)
    if watch != n and t <= times[-1] and ld(new, watch * W + l) == np.inf:
        if event.acted >= 0:
            _count(k, l, t, event, new, run.aside)
            if ld(new, event.acted * W + l) < 0.5:
                return j, 0, j
        status[k] = impossible(l, W, n, new)
        if status[k] != SUCCESS:
            return times.size, 1, j
        run.passage[k] = t
        _hold(k, j, np.inf, new, l, W, n, times, out)
        return times.size, 1, times.size
    return j, 0, j


@njit(error_model="numpy")
def _void(k, j, out):
    """NaN for trajectory `k` from output `j` on."""
    out[k, j:] = np.nan


@njit(error_model="numpy")
def _single(f, run_function, event, arguments, y, new, p, records, size, work):
    """One trajectory after another."""
    bursts, seed, max_steps = arguments.bursts, arguments.seed, arguments.max_steps
    batch, run, signals = arguments.batch, arguments.run, arguments.signals
    thinning, watch, fired = event.thinning, event.watch, event.fired
    times, streams, stop = batch.times, batch.streams, signals.stop
    out, status, steps, rejected = run.values, run.status, run.steps, run.rejected
    ended = 0
    for k in range(status.size):
        if stop[0] != 0:
            status[k] = INTERRUPTED
            _void(k, 0, out)
            continue
        s = open_stream(seed, streams[k])
        _load(k, 0, 1, batch, y, p, thinning, out)
        j, place, tries, events, count, written = 1, WIDTH, 0, 0, 0, 0
        due = times[1]
        while j < times.size:
            if place == WIDTH:
                if stop[0] != 0:
                    status[k], written = INTERRUPTED, j
                    events = events if fired >= 0 else tries
                    rejected[k] = tries - events
                    break
                s = draw_eight(s, records, size, work, p, bursts)
                place = 0
            record = records + 8 * size * place
            if run_function != 0:  # the two numbers before a record are those of an event that is over
                st(record, -HEADER, due)
                st(record, 1 - HEADER, float(min(WIDTH - place, max_steps - tries)))
                call(run_function, record - 8 * HEADER, y, p, new)
                made = int(ld(record, -HEADER))
            else:
                call(f, record, y, p, new)
                made = 1
            place += made
            tries += made
            if fired >= 0:
                count = int(ld(new, fired) > 0.5)
                events += count
            if not ld(new, watch) <= due:
                j, counts, written = _look(k, j, 0, event, times, y, new, run)
                if j >= times.size:
                    # the event beyond the last time does not count
                    if fired >= 0:
                        events -= count * (1 - counts)
                        rejected[k] = tries - events - (1 - counts) * count
                    else:
                        events = tries - 1 + counts
                    break
                due = times[j]
            if tries >= max_steps:
                status[k], written = TOO_MANY_STEPS, j
                events = events if fired >= 0 else tries
                rejected[k] = tries - events
                break
            y, new = new, y
        steps[k] = events
        if status[k] != SUCCESS:
            _void(k, written, out)
        if status[k] != INTERRUPTED:
            ended += 1
            signals.done[0] += 1
    return ended


@njit(error_model="numpy")
def _lanes(f, event, arguments, y, new, p, rows, state, due, total):
    """W trajectories at a time."""
    bursts, seed, max_steps = arguments.bursts, arguments.seed, arguments.max_steps
    batch, run, signals = arguments.batch, arguments.run, arguments.signals
    thinning, watch, fired, W = event.thinning, event.watch, event.fired, event.lanes
    times, streams, stop = batch.times, batch.streams, signals.stop
    out, status, steps, rejected = run.values, run.status, run.steps, run.rejected
    last = status.size
    who, output, born = np.full(W, -1, np.int64), np.ones(W, np.int64), np.zeros(W, np.int64)
    waiting, live, made, ended = 0, 0, 0, 0
    for l in range(W):
        k = min(waiting, last - 1)
        _load(k, l, W, batch, y, p, thinning, out)
        start_stream(state, l, W, seed, streams[k])
        st(due, l, np.inf)
        st(total, l, 0.0)
        if waiting < last:
            who[l], waiting, live = k, waiting + 1, live + 1
            st(due, l, times[1])
    deadline = max_steps
    while live > 0 and stop[0] == 0:
        made += 1
        draw_lanes(state, rows, p, bursts, W)
        call(f, rows, y, p, new)
        if fired >= 0:
            for l in range(0, W, WIDTH):
                vst(total, l, vld(total, l) + vld(new, fired * W + l))
        late = made >= deadline
        calm = ALL  # in most iterations no lane needs attention: one branch for all lanes
        for base in range(0, W, WIDTH):
            calm &= below(vld(new, watch * W + base), vld(due, base))
        if calm == ALL and not late:
            y, new = new, y
            continue
        for base in range(0, W, WIDTH):
            before_due = below(vld(new, watch * W + base), vld(due, base))
            if before_due == ALL and not late:
                continue
            for l in range(base, base + WIDTH):
                k = who[l]
                if k < 0:
                    continue
                counts, written = 0, 0
                if not (before_due >> (l - base)) & 1:
                    output[l], counts, written = _look(k, output[l], l, event, times, y, new, run)
                    if output[l] < times.size:
                        st(due, l, times[output[l]])
                tries = made - born[l]
                events = int(ld(total, l)) if fired >= 0 else tries
                if output[l] >= times.size:
                    # the event beyond the last time does not count
                    if fired >= 0:
                        count = int(ld(new, fired * W + l) > 0.5)
                        events -= count * (1 - counts)
                        rejected[k] = tries - events - (1 - counts) * count
                    else:
                        events = tries - 1 + counts
                elif tries >= max_steps:
                    status[k], written, output[l] = TOO_MANY_STEPS, output[l], times.size
                    rejected[k] = tries - events
                else:
                    continue
                steps[k] = events
                if status[k] != SUCCESS:
                    _void(k, written, out)
                ended += 1
                signals.done[0] += 1
                k = min(waiting, last - 1)
                who[l], output[l], born[l] = -1, 1, made
                if waiting < last:
                    who[l], waiting = k, waiting + 1
                    start_stream(state, l, W, seed, streams[k])
                    _load(k, l, W, batch, new, p, thinning, out)
                    st(due, l, times[1])
                else:
                    live -= 1
                    _rest(l, W, batch, new, thinning)
                    st(due, l, np.inf)
                st(total, l, 0.0)
        if late:
            oldest = made
            for l in range(W):
                if who[l] >= 0:
                    oldest = min(oldest, born[l])
            deadline = oldest + max_steps
        y, new = new, y
    for l in range(W):  # interrupted
        k = who[l]
        if k >= 0:
            tries = made - born[l]
            steps[k] = int(ld(total, l)) if fired >= 0 else tries
            rejected[k] = tries - steps[k]
            status[k] = INTERRUPTED
            _void(k, output[l], out)
    for k in range(waiting, last):
        status[k] = INTERRUPTED
        _void(k, 0, out)
    return ended


@njit(error_model="numpy")
def _rest(l, W, batch, y, window):
    """Leave a lane idle in a state at which the model has been evaluated without failure."""
    Y0, times = batch.initial, batch.times
    n = Y0.shape[1]
    for i in range(n):
        st(y, i * W + l, Y0[0, i])
    st(y, n * W + l, times[0])
    if window:
        st(y, (n + 1) * W + l, times[-1] - times[0])


@njit(signature(JumpArguments), **HELPER)
def chunk(arguments):
    """Run all trajectories of `arguments`, a `Jump`; returns how many reached the last time."""
    f, run_function = arguments.event_function, arguments.run_function
    thinning, results, watch, low, fired, acted, events, recorded, W = arguments.event
    event = EventArguments(
        thinning, results, watch, low, fired, acted, events, recorded, W
    )  # of these names, which are constants where a model is inlined
    bursts, times, width = arguments.bursts, arguments.batch.times, arguments.batch.parameters.shape[1]
    stride = max(W, WIDTH)
    inputs = DRAWS + bursts.size + thinning
    buffer = np.zeros((2 * results + width + 6) * W + inputs * stride + (5 + bursts.size) * stride + 2 * stride + 9 * WIDTH)
    y = (buffer.ctypes.data + 63) // 64 * 64
    new = y + 8 * results * W
    p = new + 8 * results * W
    rows = p + 8 * (width * W + WIDTH)
    state = rows + 8 * inputs * stride
    work = state + 8 * 4 * stride
    due = work + 8 * (1 + bursts.size) * stride
    total = due + 8 * stride
    if thinning:  # a little beyond the last time, so that the time passes it
        end = times[-1] + 1e-6 * (times[-1] - times[0])
        for i in range(stride):
            st(rows, (inputs - 1) * W + i if W > 1 else i * inputs + inputs - 1, end)
    if W == 1:
        ended = _single(f, run_function, event, arguments, y, new, p, rows, inputs, work)
    else:
        ended = _lanes(f, event, arguments, y, new, p, rows, state, due, total)
    return ended + 0 * buffer.size  # the buffer is used through its address alone: keep it alive until here
