"""The loop of every adaptive one-step method: W trajectories at a time, each with its own time and step size.

A lane whose trajectory is finished takes the next one.  Where a right-hand side may jump in time a trajectory stops: its step
ends just before, and the next one begins just after with a newly evaluated derivative.  Lanes are independent, so results are
bitwise the same for any number of lanes, threads and chunks.  The methods differ in `step`, `error`, `stiffness` and `dense`;
loading a driver replaces the import of `_steps` by the text of the method.  There `EVENTS` says whether states change at
events, `DELAYS` whether states of the past are looked up, and `ALGEBRAIC` whether algebraic equations determine some
states: the drivers of models without them do not know them.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.arguments.adaptive import AdaptiveArguments, AdaptiveSizes
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.breakpoints import aim, approach, pass_breakpoints
from symdyn_kernels.constants.adaptive import HITS, PERIOD, WINDOW_END, WINDOW_START
from symdyn_kernels.constants.events import BENT, LEAST_STEP, SMOOTH
from symdyn_kernels.constraints import constraint_memory, constraint_size, make_consistent, meet_constraints, record
from symdyn_kernels.crossing import Ends, crossings, end, hold
from symdyn_kernels.delays import (
    MOST_REPEATS,
    begin_past,
    keep,
    next_jump,
    note_jump,
    past_memory,
    past_size,
    propose,
    recall,
    record_again,
    record_past,
    refuse_unsettled,
    reopen,
    revisit,
    shorten,
    slope_ahead,
    unsettled,
)
from symdyn_kernels.drivers._steps import (
    ALGEBRAIC,
    DEGREE,
    DELAYS,
    EVENTS,
    FIRST,
    LAST,
    SLOTS,
    STIFFNESS,
    dense,
    error,
    step,
    stiffness,
)
from symdyn_kernels.event_memory import event_memory, output_size
from symdyn_kernels.event_search import crossed
from symdyn_kernels.events import arrivals, begin_events, happen, next_moment, pass_knots
from symdyn_kernels.lanes import (
    ACCEPT,
    ACTIVE,
    BEFORE,
    BENT_LANE,
    EARLIER,
    ERR,
    GROWTH,
    HNEXT,
    REJECTED,
    ROWS,
    STEPS,
    TEND,
    TNEW,
    TNEXT,
    H,
    LaneMemory,
    LanePlaces,
    Output,
    T,
    abandon,
    arrays,
    load,
    park,
    put,
    start,
    void,
)
from symdyn_kernels.options import HELPER
from symdyn_kernels.output import Polynomial, emit, padded, work_size
from symdyn_kernels.shared.control import after_acceptance, after_rejection
from symdyn_kernels.simd import hsum, ld, le, sel, splat, st, vabs, vfloor, vld, vmax, vmin, vst
from symdyn_kernels.status import NEGATIVE_DELAY, NOT_FINITE, STEP_TOO_SMALL, STIFF, SUCCESS, TOO_MANY_STEPS

#: Of a lane that begins anew: after an event, and with another trajectory.
AFTER_EVENT, NEW = 2, 3
#: Of a lane that goes on with its step size at a knot of an input.
KNOT = 4


@njit(**HELPER)
def control(lanes, WL, controller, max_steps, look, halts):
    """Accept or reject, and choose the next step, for all lanes.

    Returns whether outputs are due, whether there are alarms, how many lanes are to be tested for stiffness (if `look` is set),
    and how many have reached the end of their intervals (if `halts` is set).
    """
    due, alarm, looking, arrived = 0.0, 0.0, 0.0, 0.0
    one, zero = splat(1.0), splat(0.0)
    remembers = controller.before != 0.0 or controller.earlier != 0.0
    for l in range(0, WL, 8):
        t, h, end, x, on = (
            vld(lanes[T], l),
            vld(lanes[H], l),
            vld(lanes[TEND], l),
            vld(lanes[ERR], l),
            vld(lanes[ACTIVE], l),
        )
        good = le(x, one)
        growth = vld(lanes[GROWTH], l)
        if not remembers:
            factor = after_acceptance(x, one, one, controller, growth)
        else:
            before, earlier = vld(lanes[BEFORE], l), vld(lanes[EARLIER], l)
            factor = sel(good, after_acceptance(x, before, earlier, controller, growth), after_rejection(x, controller))
            vst(lanes[EARLIER], l, sel(good, before, earlier))
            vst(lanes[BEFORE], l, sel(good, x, before))
        factor = sel(le(x, x), factor, splat(controller.shrink))  # an error that is not a number shrinks the step too
        following = h * factor
        # a stop that cut this step short says nothing of the next one
        following = vmax(following, sel(le(one, factor) * good, vld(lanes[HNEXT], l), zero))
        new = sel(good, sel(le(end - t, h), end, t + h), t)
        vst(lanes[ACCEPT], l, good)
        vst(lanes[TNEW], l, new)
        vst(lanes[HNEXT], l, following)
        vst(lanes[GROWTH], l, sel(good, splat(controller.grow), one))  # no growth right after a rejection
        steps = vld(lanes[STEPS], l) + good * on
        rejected = vld(lanes[REJECTED], l) + (one - good) * on
        vst(lanes[STEPS], l, steps)
        vst(lanes[REJECTED], l, rejected)
        due += hsum(le(vld(lanes[TNEXT], l), new))
        stuck = sel(good, zero, one - le(vabs(t) * 4e-16 + 1e-200, following))
        alarm += hsum((stuck + le(splat(max_steps), steps + rejected)) * on)
        if look:
            phase = steps - vfloor(steps * (1.0 / PERIOD)) * float(PERIOD)
            looking += hsum(le(splat(float(WINDOW_START)), phase) * le(phase, splat(float(WINDOW_END))) * on)
        if halts:
            arrived += hsum(le(end, new) * on)
    return due, alarm, looking, arrived


@njit(**HELPER)
def limit(lanes, WL, longest):
    """Clip the next step of every lane to the end of its interval and to the longest that is allowed."""
    for l in range(0, WL, 8):
        vst(lanes[H], l, vmin(vmin(vld(lanes[HNEXT], l), splat(longest)), vld(lanes[TEND], l) - vld(lanes[T], l)))


@njit(**HELPER)
def arrive(W, stops, passed, ended, who, fresh, counts, lanes):
    """Move lanes that reached a stop, and did not end, past it, with the outputs due there; returns how many have outputs."""
    due = 0.0
    for l in range(W):
        k = who[l]
        if k >= 0 and ended[l] == 0 and passed[l] < stops.shape[1] and ld(lanes[TNEW], l) == stops[k, passed[l], 0]:
            put(lanes[TNEW], l, stops[k, passed[l], 1], W)
            fresh[l] = 1
            counts[k, 3] += 1
            if ld(lanes[TNEXT], l) <= ld(lanes[TNEW], l):
                due += 1.0
    return due


@njit(**HELPER)
def enter(l, k, W, stops, passed, lanes):
    """The interval of lane `l`: from its time, or past the stops at it, to the next stop or the end."""
    t, count = ld(lanes[T], l), stops.shape[1]
    while passed[l] < count and stops[k, passed[l], 0] <= t:
        t = max(t, stops[k, passed[l], 1])
        passed[l] += 1
    put(lanes[T], l, t, W)
    if passed[l] < count:
        put(lanes[TEND], l, min(stops[k, passed[l], 0], ld(lanes[TEND], l)), W)


@njit(**HELPER)
def reopened(delays, past, begun, fresh, W, y, pb, lanes):
    """Note the lanes that begin anew, and look up what their first derivatives take from the past."""
    for l in range(W):
        begun[l] = fresh[l] != 0
        if begun[l]:
            reopen(delays, past, l, W, y, lanes)
    recall(delays, past, lanes[T], y, W, pb)


@njit(**HELPER)
def proposed(delays, past, begun, W, k, lanes):
    """What the next steps take for the solution within themselves: in lanes that begin, with the slopes at address `k`."""
    for l in range(W):
        if begun[l]:
            begun[l] = past.inside[l] = 0
            slope_ahead(delays, past, l, W, k)
    shorten(past, W, lanes)


@njit(**HELPER)
def pass_jumps(delays, past, W, ended, who, fresh, counts, lanes):
    """Move lanes past the delayed jumps at which their steps ended; returns how many have outputs."""
    due = 0.0
    for l in range(W):
        k = who[l]
        if k >= 0 and ended[l] == 0 and ld(lanes[ACCEPT], l) > 0.5:
            at, doubt = next_jump(delays, past, l, k, ld(lanes[T], l))
            if at - doubt <= ld(lanes[TNEW], l):
                put(lanes[TNEW], l, max(ld(lanes[TNEW], l), at + doubt), W)
                counts[k, 3] += fresh[l] == 0
                fresh[l] = 1
                if ld(lanes[TNEXT], l) <= ld(lanes[TNEW], l):
                    due += 1.0
    return due


@njit(**HELPER)
def resume(constraints, solving, l, y, n, W, pb, lanes, tolerances, output, lagged):
    """Make the states of a lane at address `y` consistent at its time, also in the outputs there; returns a status."""
    if lagged is not None:
        delays, past = lagged
        revisit(delays, past, lanes[T], y, l, l + 1, W, pb)
    code = make_consistent(constraints, solving, l, lanes[T], y, W, pb, tolerances, False)
    record(output, code, ld(lanes[T], l), l, y, n, W)
    return code


@njit(signature(AdaptiveArguments), **HELPER)
def chunk(arguments):
    """Integrate all trajectories of `arguments`, an `Adaptive`; returns the iterations of the loop."""
    functions, model, batch, tolerances, controller, detect, run, counts, signals, events, constraints, delays = arguments
    n, npar, nlu, nft, W = model
    sizes = AdaptiveSizes(n, npar, nlu, nft, W)  # of these names, which are constants where a model is inlined
    f, margin, times, status = functions.rhs, functions.margin, batch.times, run.status
    longest, max_steps = tolerances.longest, tolerances.max_steps
    last = batch.initial.shape[0]
    WL = max(W, 8)
    m = (n * W + 7) // 8 * 8
    ms = m + 8 - m % 16  # an odd number of cache lines apart, so that slots do not share cache sets
    buffer = np.zeros(
        (4 + SLOTS + DEGREE) * ms
        + ROWS * WL
        + (npar + nlu + nft) * W
        + work_size(n)
        + 80
        + (output_size(events, W) + ms if EVENTS else 0)
        + (constraint_size(constraints, W) + 16 if ALGEBRAIC else 0)
        + (past_size(delays, n, W) if DELAYS else 0)
    )
    fb = (buffer.ctypes.data + 63) // 64 * 64
    a = fb + 8 * (4 + SLOTS + DEGREE) * ms
    lanes = arrays(a, WL)
    pb = a + 8 * ROWS * WL
    lu = pb + 8 * npar * W
    spare = (lu + 8 * (nlu + nft) * W + 127) // 64 * 64
    ks, work = 4 * ms, 2 * ms
    memory = LaneMemory(WL, WL - 1, m, ms, fb, ks, work, lanes, pb, lu)
    yb, yt, k0, kl = 0, ms, ks + FIRST * ms, ks + LAST * ms

    who, due, hits = np.full(W, -1, np.int64), np.ones(W, np.int64), np.zeros(W, np.int64)
    fresh, passed = np.zeros(W, np.int64), np.zeros(W, np.int64)
    output = Output(padded(times), run.values, counts, due, who)
    ended = np.zeros(W, np.int64)
    ends = Ends(margin, pb, fb + 8 * work, ended, run.passage)
    stops = batch.stops
    halts = stops.shape[1] > 0 or (EVENTS and DELAYS)
    resumed = np.zeros(W, np.bool_)
    shaped = EVENTS and (events.sampled != 0 or margin != 0)  # each step is looked at within, and not where outputs are alone
    if EVENTS:
        trial = (spare + 8 * work_size(n) + 127) // 64 * 64
        happening = event_memory(events, W, trial + 8 * ms, trial)
    if ALGEBRAIC:
        free = spare + 8 * work_size(n) + 64
        if EVENTS:
            free = trial + 8 * (ms + output_size(events, W))
        solving = constraint_memory(constraints, (free + 63) // 64 * 64)
        mass = ks + (SLOTS - 1) * ms
        for e in range(m):
            st(fb, mass + e, 1.0)
        for i in constraints.unknowns:
            for l in range(W):
                st(fb, mass + i * W + l, 0.0)
    if DELAYS:
        begun, crowded = np.zeros(W, np.int64), 0.0
        past = past_memory(delays, DEGREE, n, W, tolerances, buffer.ctypes.data + 8 * (buffer.size - past_size(delays, n, W)))
        lagged = delays, past
        solved = (constraints, solving, tolerances) if ALGEBRAIC else None
        recorded = ALGEBRAIC or delays.observed.size > 0
    else:
        lagged = None
    waiting, live, iterations, wrong = min(W, last), min(W, last), 0, 0
    for l in range(W - 1, -1, -1):  # idle lanes first: they write initial values of the last trajectory, also as output
        load(min(l, last - 1), l, W, batch, output, fb + 8 * yb, pb, lanes)
        if l < last:
            if DELAYS:
                begin_past(delays, past, l, l, n, W, fb + 8 * yb, lanes)
            if EVENTS:
                begin_events(events, happening, l, W, fb + 8 * yb, pb, lanes, lagged)
                status[l] = happen(events, happening, l, l, fb + 8 * yb, n, W, pb, lanes, output, run.aside, lagged)
                if ALGEBRAIC and events.flags.size > 0 and status[l] == SUCCESS:
                    here = fb + 8 * yb
                    status[l] = resume(constraints, solving, l, here, n, W, pb, lanes, tolerances, output, lagged)
                wrong += status[l] != SUCCESS
            enter(l, l, W, stops, passed, lanes)
            if EVENTS:
                put(lanes[TEND], l, min(ld(lanes[TEND], l), next_moment(events, happening, l, l)), W)
            fresh[l] = 1
        else:
            park(l, lanes, who, W)
    if DELAYS:
        reopened(delays, past, begun, fresh, W, fb + 8 * yb, pb, lanes)
        if recorded:
            record_past(delays, past, n, W, pb, lanes, output, status, solved)
    start(f, n, W, tolerances, controller.grow, fb + 8 * yb, pb, fb + 8 * k0, fb + 8 * work, lanes, fresh)
    limit(lanes, WL, longest)
    if DELAYS:
        proposed(delays, past, begun, W, fb + 8 * k0, lanes)

    while live > 0 and signals.stop[0] == 0:
        iterations += 1
        places = LanePlaces(yb, yt, k0, kl)
        inner = fb + 8 * (ks + SLOTS * ms)
        polynomial = Polynomial(fb + 8 * yb, fb + 8 * yt, inner, ms, DEGREE, 1)
        if DELAYS:
            for _ in range(MOST_REPEATS):
                step(functions, sizes, memory, places, tolerances, delays, past)
                error(functions, sizes, memory, places, tolerances, delays, past)
                dense(functions, sizes, memory, places, tolerances, delays, past)
                if unsettled(delays, past, polynomial, W, lanes, who, tolerances) == 0:
                    break
            refuse_unsettled(delays, past, W, fb + 8 * yb, lanes, who)
            if delays.varying:
                approach(delays, past, polynomial, n, W, fb + 8 * yb, fb + 8 * yt, pb, lanes, who, tolerances.rtol)
        else:
            step(functions, sizes, memory, places, tolerances)
            error(functions, sizes, memory, places, tolerances)
        outputs, alarm, looking, arrived = control(lanes, WL, controller, float(max_steps), detect, halts)
        if DELAYS and delays.varying:
            aim(past.points, W, lanes)
        if ALGEBRAIC and constraints.constraints > 0:
            meet_constraints(constraints, solving, fb + 8 * yt, W, pb, lanes, who, tolerances)
        happened = 0.0
        if DELAYS and (EVENTS or margin != 0):
            propose(delays, past, polynomial, W, lanes, who)
        if EVENTS:
            if DELAYS:
                if looking > 0.0:
                    stiffness(functions, sizes, memory, places, tolerances, delays, past)
            else:
                if looking > 0.0:
                    stiffness(functions, sizes, memory, places, tolerances)
                if shaped:
                    dense(functions, sizes, memory, places, tolerances)
            if events.sampled:
                alarm += crossed(events, happening, polynomial, n, W, WL, m, pb, lanes, who, status, lagged)
            happened = arrivals(events, happening, W, fb + 8 * yt, pb, lanes, who, times[-1], lagged)
        passed_by, undefined = 0.0, 0.0
        if margin != 0:
            passed_by, undefined = crossings(ends, fb + 8 * yt, W, WL, lanes, who, status, lagged)
        alarm += undefined
        outputs += passed_by
        if EVENTS or ALGEBRAIC:
            alarm, wrong = alarm + wrong, 0
        if DELAYS:
            past, crowded = keep(delays, past, polynomial, W, lanes, who, status)
            alarm, lagged = alarm + crowded, (delays, past)
        if arrived > 0.0:
            outputs += arrive(W, stops, passed, ended, who, fresh, counts, lanes)
            if EVENTS and DELAYS:
                outputs += pass_jumps(delays, past, W, ended, who, fresh, counts, lanes)
            if EVENTS:  # also those at times that were passed now
                happened = arrivals(events, happening, W, fb + 8 * yt, pb, lanes, who, times[-1], lagged)
        if DELAYS and delays.varying:
            moved, passed_by_delays = pass_breakpoints(
                past.points, polynomial, n, W, fb + 8 * yt, ended, who, fresh, counts, lanes
            )
            arrived, outputs = arrived + moved, outputs + passed_by_delays
        if alarm > 0.0:
            for l in range(W):
                if who[l] >= 0 and ended[l] == 0 and ld(lanes[ACTIVE], l) > 0.5:
                    x, h, t = ld(lanes[ERR], l), ld(lanes[HNEXT], l), ld(lanes[T], l)
                    code = SUCCESS
                    if ld(lanes[ACCEPT], l) < 0.5 and not (h > abs(t) * 4e-16 + 1e-200):
                        code = STEP_TOO_SMALL if x == x else NOT_FINITE
                        if DELAYS and past.ahead[l]:
                            code = NEGATIVE_DELAY
                    elif ld(lanes[STEPS], l) + ld(lanes[REJECTED], l) >= max_steps and ld(lanes[TNEW], l) < times[-1]:
                        code = TOO_MANY_STEPS
                    if code != SUCCESS:
                        status[who[l]] = code
        if looking > 0.0:
            if not EVENTS:
                if DELAYS:
                    stiffness(functions, sizes, memory, places, tolerances, delays, past)
                else:
                    stiffness(functions, sizes, memory, places, tolerances)
            for l in range(W):
                steps = ld(lanes[STEPS], l)
                phase = steps - PERIOD * math.floor(steps / PERIOD)
                if who[l] >= 0 and ended[l] == 0 and WINDOW_START <= phase <= WINDOW_END and ld(lanes[ACCEPT], l) > 0.5:
                    if phase == WINDOW_START:
                        hits[l] = 0
                    if ld(lanes[ERR], l) > STIFFNESS:
                        hits[l] += 1
                    if hits[l] >= HITS:
                        status[who[l]] = STIFF
                        alarm = 1.0
        if outputs > 0.0:
            if not DELAYS and not shaped:
                dense(functions, sizes, memory, places, tolerances)
            if passed_by > 0.0:
                end(ends, polynomial, n, W, lanes, who, lagged)
            emit(polynomial, n, W, output, lanes, spare)
            if passed_by > 0.0:
                hold(ended, fb + 8 * yt, n, W, output)
            if DELAYS and recorded:  # before inputs change
                record_past(delays, past, n, W, pb, lanes, output, status, solved)
        if EVENTS and happened > 0.0:
            for l in range(W):
                k = who[l]
                if k >= 0 and happening.happens[l] != 0:
                    if status[k] == SUCCESS and not run.passage[k] <= ld(lanes[TNEW], l):
                        if not DELAYS and events.flags.size == 0:
                            pass_knots(events, happening, l, k, ld(lanes[TNEW], l), W, pb)
                        else:
                            here = fb + 8 * yt
                            status[k] = happen(events, happening, l, k, here, n, W, pb, lanes, output, run.aside, lagged)
                        if happening.smooth[l] != SMOOTH:
                            counts[k, 3] += fresh[l] == 0
                            fresh[l] = BENT_LANE if happening.smooth[l] == BENT and fresh[l] == 0 else AFTER_EVENT
                            if DELAYS:
                                note_jump(past, l, ld(lanes[TNEW], l))
                                record_again(past, l, output)
                        elif fresh[l] == 0:  # it is at no stop
                            fresh[l] = KNOT
                    happening.happens[l] = 0
                    alarm += 1.0
        if EVENTS and DELAYS and recorded and happened > 0.0:
            record_past(delays, past, n, W, pb, lanes, output, status, solved)
        # rejected lanes keep their state: it is copied to the new buffers, which are then the current ones
        for l in range(W):
            if ld(lanes[ACCEPT], l) < 0.5:
                for i in range(n):
                    st(fb, yt + i * W + l, ld(fb, yb + i * W + l))
                    if LAST >= 0:
                        st(fb, kl + i * W + l, ld(fb, k0 + i * W + l))
        yb, yt = yt, yb
        if LAST >= 0:
            k0, kl = kl, k0
        for l in range(0, WL, 8):
            vst(lanes[T], l, vld(lanes[TNEW], l))
        loaded = False
        if outputs > 0.0 or alarm > 0.0:
            for l in range(W):
                k = who[l]
                if k >= 0 and (due[l] >= times.size or status[k] != SUCCESS):
                    if ALGEBRAIC and fresh[l] != 0 and status[k] == SUCCESS:  # the last output is that of a jump
                        here = fb + 8 * yb
                        status[k] = resume(constraints, solving, l, here, n, W, pb, lanes, tolerances, output, lagged)
                    counts[k, 0] = np.int64(ld(lanes[STEPS], l))
                    counts[k, 1] = np.int64(ld(lanes[REJECTED], l))
                    void(k, due[l], run.values.shape[2], run.values)
                    signals.done[0] += 1
                    hits[l], passed[l] = 0, 0
                    if waiting < last:
                        load(waiting, l, W, batch, output, fb + 8 * yb, pb, lanes)
                        waiting, fresh[l], loaded = waiting + 1, NEW, True
                    else:
                        live -= 1
                        park(l, lanes, who, W)
                        fresh[l] = 0
        if loaded or arrived > 0.0 or happened > 0.0:
            for l in range(W):
                if fresh[l]:
                    put(lanes[TEND], l, times[-1], W)
                    if DELAYS and fresh[l] == NEW:
                        begin_past(delays, past, l, who[l], n, W, fb + 8 * yb, lanes)
                    if EVENTS and fresh[l] == NEW:
                        begin_events(events, happening, l, W, fb + 8 * yb, pb, lanes, lagged)
                        status[who[l]] = happen(
                            events, happening, l, who[l], fb + 8 * yb, n, W, pb, lanes, output, run.aside, lagged
                        )
                        wrong += status[who[l]] != SUCCESS
                    if ALGEBRAIC and (fresh[l] != NEW or events.flags.size > 0) and status[who[l]] == SUCCESS:
                        here = fb + 8 * yb
                        code = resume(constraints, solving, l, here, n, W, pb, lanes, tolerances, output, lagged)
                        status[who[l]] = code
                        wrong += code != SUCCESS
                    enter(l, who[l], W, stops, passed, lanes)
                    if EVENTS:
                        put(lanes[TEND], l, min(ld(lanes[TEND], l), next_moment(events, happening, l, who[l])), W)
                        if DELAYS:
                            at, doubt = next_jump(delays, past, l, who[l], ld(lanes[T], l))
                            put(lanes[TEND], l, min(ld(lanes[TEND], l), at - doubt), W)
            if EVENTS:
                for l in range(W):
                    resumed[l] = fresh[l] == AFTER_EVENT or fresh[l] == BENT_LANE
                    if fresh[l] == KNOT:
                        fresh[l] = 0
            if DELAYS:
                reopened(delays, past, begun, fresh, W, fb + 8 * yb, pb, lanes)
                if recorded and loaded:
                    record_past(delays, past, n, W, pb, lanes, output, status, solved)
            start(f, n, W, tolerances, controller.grow, fb + 8 * yb, pb, fb + 8 * k0, fb + 8 * work, lanes, fresh)
            if EVENTS:
                for l in range(W):
                    if resumed[l]:
                        put(lanes[HNEXT], l, max(ld(lanes[HNEXT], l), LEAST_STEP * abs(ld(lanes[T], l))), W)
        limit(lanes, WL, longest)
        if DELAYS:
            proposed(delays, past, begun, W, fb + 8 * k0, lanes)

    abandon(output, waiting, status)
    return iterations + 0 * buffer.size
