"""Fixed-step methods on a card, for models with events or inputs.

The loop of `symdyn_kernels.drivers.stepping_events` for one trajectory: the same steps with the same increments.  The rows that
follow the new states are margins of the conditions of events at the end of the step.
"""

from __future__ import annotations

from symdyn_kernels.constants.events import MOST_AT_ONCE, MOST_STILL, STILL
from symdyn_kernels.constants.stepping import SLACK
from symdyn_kernels.devices._eventful import WAITING
from symdyn_kernels.devices._eventful_step import (
    CHANGING,
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
from symdyn_kernels.devices._prelude import cuda, i64, math, real
from symdyn_kernels.devices._step import NOISES, SPECIES, STATES, STOPS, step
from symdyn_kernels.devices.happenings import KNOT, enqueue, line_up
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.rows import EVALUATIONS, STATUS, STEPS
from symdyn_kernels.devices.stepping_draws import increments, record, watched
from symdyn_kernels.shared.streams import open_stream
from symdyn_kernels.status import ENDLESS_EVENTS, NOT_FINITE, SUCCESS, TOO_MANY_EVENTS


def settle(t, y, p, held, level):
    """What counts as true by a moved boundary counts so while events act, unless these make its own margin fall."""
    found = triggers((real(t),), y, p)
    for e in range(EVENTS):
        level[e] = min(found[e], real(0)) if held[e] != 0 else real(0)


def happen(t, i, k, passed, count, due, y, p, times, stops, values, held, level, queue):
    """Let everything happen that is due at `t`.

    Returns the states, how many stops are passed, how many events acted, and a status.
    """
    was, broken = triggers((real(t),), y, p), False
    while passed < stops.shape[0] and stops[passed, 0, k] <= t:
        what = i64(stops[passed, 2, k])
        if what >= 0:
            count = enqueue(what, count, queue)
        if what <= KNOT:
            broken = broken or not smooth(KNOT - what)
            change_input(KNOT - what, passed, k, stops, p)
        passed += 1
    if broken:
        now = triggers((real(t),), y, p)
        for e in range(EVENTS):
            if LOOKED[e]:
                if now[e] != was[e] and now[e] >= 0.0 and held[e] == 0:
                    count = line_up(e, count, queue, held)
                elif now[e] != was[e] and not now[e] >= 0.0:
                    held[e] = 0
    acted, status = 0, SUCCESS
    while count > 0 and status == SUCCESS:
        if count > WAITING:
            status = TOO_MANY_EVENTS
        else:
            first = queue[0]
            count, acted = count - 1, acted + 1
            for j in range(count):
                queue[j] = queue[j + 1]
            y = assign(first, y, effects((real(t),), y, p))
            found = triggers((real(t),), y, p)
            for e in range(EVENTS):
                if LOOKED[e]:
                    if found[e] >= level[e] and held[e] == 0:
                        count = line_up(e, count, queue, held)
                    elif not found[e] >= level[e]:
                        held[e] = 0
            if acted > MOST_AT_ONCE:
                status = ENDLESS_EVENTS
    if acted > 0:
        for q in range(due - 1, -1, -1):
            if times[q] < t:
                break
            record(y, i, q, values)
    for e in range(EVENTS):
        level[e] = real(0)
    return y, passed, acted, status


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, epsilon, max_steps, seed, detect, fine, values,
    counts, passage,
):  # fmt: skip
    """One trajectory, in one thread."""
    y = tuple(initial[k, i] for k in range(SPECIES)) + tuple(real(0) for k in range(STATES - SPECIES))
    p = load_all(parameters, i, cuda.local.array(CHANGING, real))
    held, queue, level = cuda.local.array(ROOM, i64), cuda.local.array(WAITING, i64), cuda.local.array(ROOM, real)
    s, spare, stored = open_stream(seed, streams[i]), real(0), False
    one = i if stops.shape[2] > 1 else 0
    t, due, passed, count, taken, acted, still, latest = times[0], 1, 0, 0, 0, 0, 0, -math.inf
    status, ended = SUCCESS if record(y, i, 0, values) else NOT_FINITE, STOPS and begin[i] < 0
    over = ended
    if STOPS and over:
        y = tuple(y[k] if k < SPECIES else real(1) if k == SPECIES else real(t) for k in range(STATES))
    due = due if status == SUCCESS else 0
    if not over and status == SUCCESS:
        found = triggers((real(t),), y, p)
        for e in range(EVENTS):
            held[e], level[e] = 1 if LOOKED[e] and found[e] >= 0.0 else 0, real(0)
        y, passed, acted, status = happen(t, i, one, passed, count, due, y, p, times, stops, values, held, level, queue)
    while status == SUCCESS and due < times.size:
        moment = stops[passed, 0, one] if passed < stops.shape[0] and not over else math.inf
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
                            count, happens = line_up(e, count, queue, held), True
                        elif not new[STATES + e] >= 0.0:
                            held[e] = 0
            if happens:
                settle(t, y, p, held, level)
                y, passed, acted, status = happen(t, i, one, passed, count, due, y, p, times, stops, values, held, level, queue)
                count, made = 0, wanted
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
