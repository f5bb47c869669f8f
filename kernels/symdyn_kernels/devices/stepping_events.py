"""Fixed-step methods on a card, for models with events or inputs.

The loop of `symdyn_kernels.drivers.stepping_events` for one trajectory: the same steps with the same increments.  The rows that
follow the new states are margins of the conditions of events at the end of the step.
"""

from __future__ import annotations

from symdyn_kernels.constants.events import MOST_AT_ONCE, MOST_STILL, STILL
from symdyn_kernels.constants.stepping import SLACK
from symdyn_kernels.devices._eventful import INITIAL, KEPT, PRIORITIZED, WAITING
from symdyn_kernels.devices._eventful_step import (
    CHANGING,
    COUNTS,
    EVENTS,
    LOOKED,
    ROOM,
    SAMPLES,
    UNIT,
    assign,
    change_input,
    effects,
    load_all,
    smooth,
    start,
    triggers,
)
from symdyn_kernels.devices._prelude import cuda, i64, math, real, real64
from symdyn_kernels.devices._step import NOISES, SPECIES, STATES, STOPS, step
from symdyn_kernels.devices.happenings import (
    BAD,
    begin_count,
    drop,
    dropped,
    next_in_line,
    next_moment,
    note,
    order_word,
    release,
    trigger,
)
from symdyn_kernels.devices.knots import KNOT
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.rows import EVALUATIONS, STATUS, STEPS
from symdyn_kernels.devices.stepping_draws import increments, record, watched
from symdyn_kernels.shared.streams import open_stream
from symdyn_kernels.status import BAD_DELAY, ENDLESS_EVENTS, NEGATIVE, NOT_FINITE, SUCCESS, TOO_MANY_EVENTS


def settle(t, y, p, held, level):
    """What counts as true by a moved boundary counts so while events act, unless these make its own margin fall."""
    found = triggers((real(t),), y, p)
    for e in range(EVENTS):
        level[e] = min(found[e], real(0)) if held[e] != 0 else real(0)


def turned(e, t, count, y, p, held, queue, acts, kept):
    """The condition of an event turned true; returns how many events wait."""
    return trigger(e, t, count, effects((real(t),), y, p), held, queue, acts, kept)


def happen(t, i, k, passed, count, due, y, p, times, stops, values, held, level, queue, acts, kept, aside, word):
    """Let everything happen that is due at `t`.

    Returns the states, how many stops are passed and events wait, how many acted, and a status.
    """
    was, broken = triggers((real(t),), y, p), False
    while passed < stops.shape[0] and stops[passed, 0, k] <= t:
        what = i64(stops[passed, 2, k])
        if what >= EVENTS:
            count = dropped(what - EVENTS, count, queue, acts, kept)
        elif what >= 0:
            count = turned(what, t, count, y, p, held, queue, acts, kept)
        if what <= KNOT:
            broken = broken or not smooth(KNOT - what)
            change_input(KNOT - what, passed, k, stops, p)
        passed += 1
    if broken:
        now = triggers((real(t),), y, p)
        for e in range(EVENTS):
            if LOOKED[e]:
                if now[e] != was[e] and now[e] >= 0.0 and held[e] == 0:
                    count = turned(e, t, count, y, p, held, queue, acts, kept)
                elif now[e] != was[e] and not now[e] >= 0.0 and held[e] != 0:
                    count = release(e, count, held, queue, acts, kept)
    acted, status, ready = 0, SUCCESS, True
    while count > 0 and ready and status == SUCCESS:
        if count > WAITING:
            status = BAD_DELAY if count >= BAD else TOO_MANY_EVENTS
        else:
            new = effects((real(t),), y, p) if PRIORITIZED else (real(0),)
            q = next_in_line(t, count, new, queue, acts, i, aside, word)
            if q < 0:
                ready, status = False, NOT_FINITE if q == -2 else SUCCESS
            else:
                first, acted = queue[q], acted + 1
                y = assign(first, q, y, effects((real(t),), y, p), kept)
                count = drop(q, count, queue, acts, kept)
                note(first, t, i, aside)
                found = triggers((real(t),), y, p)
                for e in range(EVENTS):
                    if LOOKED[e]:
                        if found[e] >= level[e] and held[e] == 0:
                            count = turned(e, t, count, y, p, held, queue, acts, kept)
                        elif not found[e] >= level[e] and held[e] != 0:
                            count = release(e, count, held, queue, acts, kept)
                if acted > MOST_AT_ONCE:
                    status = ENDLESS_EVENTS
    if acted > 0:
        if COUNTS:
            for k in range(SPECIES):
                status = NEGATIVE if status == SUCCESS and y[k] < 0.0 else status
        for q in range(due - 1, -1, -1):
            if times[q] < t:
                break
            record(y, i, q, values)
            if COUNTS and status == NEGATIVE:
                void(i, q, SPECIES, values)
    for e in range(EVENTS):
        level[e] = real(0)
    return y, passed, count, acted, status


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, epsilon, max_steps, seed, detect, fine, values,
    counts, passage, aside,
):  # fmt: skip
    """One trajectory, in one thread."""
    y = tuple(initial[k, i] for k in range(SPECIES)) + tuple(real(0) for k in range(STATES - SPECIES))
    p = load_all(parameters, i, cuda.local.array(CHANGING, real))
    held, queue, level = cuda.local.array(ROOM, i64), cuda.local.array(WAITING, i64), cuda.local.array(ROOM, real)
    acts, kept = cuda.local.array(WAITING, real64), cuda.local.array(KEPT, real)
    s, spare, stored = open_stream(seed, streams[i]), real(0), False
    one = i if stops.shape[2] > 1 else 0
    t, due, passed, count, taken, acted, still, latest = times[0], 1, 0, 0, 0, 0, 0, -math.inf
    status, ended = SUCCESS if record(y, i, 0, values) else NOT_FINITE, STOPS and begin[i] < 0
    over = ended
    if STOPS and over:
        y = tuple(y[k] if k < SPECIES else real(1) if k == SPECIES else real(t) for k in range(STATES))
    due = due if status == SUCCESS else 0
    begin_count(i, aside)
    word = order_word(seed, streams[i])
    if not over and status == SUCCESS:
        found = triggers((real(t),), y, p)
        for e in range(EVENTS):
            held[e], level[e] = 1 if LOOKED[e] and found[e] >= 0.0 else 0, real(0)
        for e in range(EVENTS):
            if held[e] != 0 and not INITIAL[e]:
                count = turned(e, t, count, y, p, held, queue, acts, kept)
        y, passed, count, acted, status = happen(
            t, i, one, passed, count, due, y, p, times, stops, values, held, level, queue, acts, kept, aside, word
        )
    while status == SUCCESS and due < times.size:
        moment = next_moment(passed, one, count, stops, acts) if not over else math.inf
        first, target, made = t, min(times[due], moment), 0
        gap = target - first
        wanted = max(1, int(math.ceil((gap if UNIT else gap / step_size) - SLACK)))
        length = 1.0 if UNIT else gap / wanted
        target = first + wanted if UNIT else target
        h, root = real(length), real(math.sqrt(length))
        while made < wanted and status == SUCCESS:
            lane = (real(t), h, root)
            if NOISES > 0:
                dw, spare, stored, s = increments(s, spare, stored, h, fine)
                lane = lane + dw
            new = step(lane, y, p)
            y = tuple(new[k] for k in range(STATES))
            made, taken = made + 1, taken + 1
            t = target if made == wanted else first + made * length
            over = STOPS and y[SPECIES] > 0.0
            if watched(y, real(0)) != 0.0:
                status = NOT_FINITE
            elif t >= times[due]:
                record(y, i, due, values)
                due += 1
            happens = False
            if not over and status == SUCCESS:
                happens = moment <= t
                for e in range(EVENTS):
                    if SAMPLES[e]:
                        if new[STATES + e] >= 0.0 and held[e] == 0:
                            count, happens = turned(e, t, count, y, p, held, queue, acts, kept), True
                        elif not new[STATES + e] >= 0.0 and held[e] != 0:
                            count = release(e, count, held, queue, acts, kept)
            if happens:
                settle(t, y, p, held, level)
                y, passed, count, acted, status = happen(
                    t, i, one, passed, count, due, y, p, times, stops, values, held, level, queue, acts, kept, aside, word
                )
                made = wanted
                if acted > 0:
                    still = still + 1 if t - latest <= STILL * abs(t) else 0
                    latest = t
                    status = ENDLESS_EVENTS if still > MOST_STILL else status
    if status != SUCCESS:
        void(i, due, SPECIES, values)
    counts[STATUS, i] = status
    counts[STEPS, i] = taken
    counts[EVALUATIONS, i] = taken
    if ended:
        passage[i] = times[0]
    elif STOPS and status == SUCCESS:
        if y[SPECIES] == 1.0:
            passage[i] = y[SPECIES + 1]
        elif EVENTS > 0 and start((real(t),), y, p)[0] > 0.5:
            passage[i] = t
