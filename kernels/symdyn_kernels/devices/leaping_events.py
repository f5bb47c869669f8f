"""Tau-leaping on a card, for networks with events or inputs.

A thread leaps from each known time to the next, and to where the condition is 0.75, as `symdyn_kernels.drivers.leaping` does:
the condition of an event is no longer as it is noted to be in the parameters that follow those of the model.  Leaps after that
draw from another stream.
"""

from __future__ import annotations

from symdyn_kernels.constants.events import MOST_STILL, STILL
from symdyn_kernels.constants.leaping import MOST_STOPS
from symdyn_kernels.devices._eventful import INITIAL, KEPT, WAITING
from symdyn_kernels.devices._eventful_step import EVENTS, LOOKED, ROOM, triggers
from symdyn_kernels.devices._leap import PARAMETERS, model, start
from symdyn_kernels.devices._prelude import cuda, i64, math, real, real64, u64
from symdyn_kernels.devices.acting import happen, turned
from symdyn_kernels.devices.happenings import begin_count, next_moment, order_word, release
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.reactions import DeviceNetwork
from symdyn_kernels.devices.rows import DETAILS, EVALUATIONS, REJECTED, STATUS, STEPS
from symdyn_kernels.shared.leaping import Space, leap_through
from symdyn_kernels.shared.molecules import judged
from symdyn_kernels.shared.streams import mix, open_stream
from symdyn_kernels.status import ENDLESS_EVENTS, SUCCESS


def ends(t, x, p):
    """Whether the condition that ends the trajectory holds, and not only one of an event has changed."""
    return start((t,), x, p)[0] > 0.9


def note_held(held, p):
    """Note in the parameters which conditions count as true."""
    for e in range(EVENTS):
        p[PARAMETERS + e] = real(held[e])


def impossible(x, code):
    """The status of a trajectory whose numbers of molecules events have set."""
    if code == SUCCESS:
        for k in range(model.species):
            code = judged(x[k], code)
    return code


def turn(t, count, x, p, held, queue, acts, kept):
    """Note which conditions have turned true or false; returns how many events wait."""
    now = triggers((t,), x, p)
    for e in range(EVENTS):
        if LOOKED[e]:
            if now[e] >= 0.0 and held[e] == 0:
                count = turned(e, t, count, x, p, held, queue, acts, kept)
            elif not now[e] >= 0.0 and held[e] != 0:
                count = release(e, count, held, queue, acts, kept)
    return count


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, epsilon, max_steps, seed, detect, fine, values,
    counts, passage, aside,
):  # fmt: skip
    """One trajectory, in one thread."""
    x = tuple(initial[k, i] for k in range(model.species))
    p = cuda.local.array(PARAMETERS + ROOM, real)
    for k in range(PARAMETERS):
        p[k] = parameters[k, i]
    held, queue, level = cuda.local.array(ROOM, i64), cuda.local.array(WAITING, i64), cuda.local.array(ROOM, real)
    acts, kept = cuda.local.array(WAITING, real64), cuda.local.array(KEPT, real)
    means, moments = tuple(0.0 for b in range(model.bursts)), tuple(0.0 for e in range(model.entries))
    numbers, rates = tuple(0.0 for k in range(model.species)), tuple(0.0 for j in range(model.reactions))
    marks = tuple(0 for j in range(model.reactions))
    space = Space(numbers, numbers, numbers, rates, rates, marks, marks, marks, (numbers, numbers, numbers, numbers))
    network, s = DeviceNetwork(p, means, moments, moments), open_stream(seed, streams[i])
    one = i if stops.shape[2] > 1 else 0
    t, q, part, at_once, latest, still = times[0], 1, 0, 0, -math.inf, 0
    passed, count, acted, code = 0, 0, 0, SUCCESS
    leaps, single, rejected, implicit, calls = 0, 0, 0, 0, 0
    for k in range(model.species):
        values[0, k, i] = x[k]
    begin_count(i, aside)
    word = order_word(seed, streams[i])
    for e in range(EVENTS):
        held[e], level[e], p[PARAMETERS + e] = 1 if INITIAL[e] and LOOKED[e] else 0, 0.0, 0.0
    over = ends(t, x, p)
    if not over:
        count = turn(t, count, x, p, held, queue, acts, kept)
        x, passed, count, acted, code = happen(
            t, i, one, passed, count, 1, x, p, times, stops, values, held, level, queue, acts, kept, aside, word
        )
        code = impossible(x, code)
        q = q if code == SUCCESS else 0
        note_held(held, p)
        over = code == SUCCESS and ends(t, x, p)
    while code == SUCCESS and q < times.size and not over:
        moment, inner, last = next_moment(passed, one, count, stops, acts), 0, t
        while q + inner < times.size and times[q + inner] <= moment:
            last = times[q + inner]
            inner += 1
        more = q + inner < times.size and last < moment
        last = moment if more else last
        found = leap_through(
            network, s, x, x, rates, rates + means, marks, space, (t, q, inner, last, inner + (2 if more else 1), times),
            epsilon, max_steps - leaps - single - rejected, i, (values, q, inner),
        )  # fmt: skip
        leaps += found.leaps
        single += found.events
        rejected += found.rejected
        implicit += found.implicit
        calls += found.calls
        code, end, written = found.code, min(found.passage, last), 1
        while written <= inner and times[q] <= end and (code == SUCCESS or written < found.q):
            q += 1
            written += 1
        if code == SUCCESS:
            at_once = at_once + 1 if end == t else 0
            part, t, x = part + 1, end, found.x
            s = open_stream(i64(mix(u64(seed) ^ mix(u64(part)))), streams[i])
            over = found.passage < math.inf and ends(t, x, p)
            if not over and (found.passage < math.inf or moment <= t):
                count = turn(t, count, x, p, held, queue, acts, kept)
                x, passed, count, acted, code = happen(
                    t, i, one, passed, count, q, x, p, times, stops, values, held, level, queue, acts, kept, aside, word
                )
                code = impossible(x, code)
                note_held(held, p)
                if acted > 0:
                    still = still + 1 if t - latest <= STILL * abs(t) else 0
                    latest = t
                if code == SUCCESS and (at_once > MOST_STOPS or still > MOST_STILL):
                    code = ENDLESS_EVENTS
                while code != SUCCESS and q > 0 and times[q - 1] >= t:
                    q -= 1
                over = code == SUCCESS and ends(t, x, p)
    passage[i] = t if over else math.inf
    for j in range(q, times.size):
        for k in range(model.species):
            values[j, k, i] = x[k]
    if code != SUCCESS:
        void(i, q, model.species, values)
    counts[STATUS, i] = code
    counts[STEPS, i] = leaps + single
    counts[REJECTED, i] = rejected
    counts[EVALUATIONS, i] = calls
    counts[DETAILS, i] = leaps
    counts[DETAILS + 1, i] = single
    if model.implicit:
        counts[DETAILS + 2, i] = implicit
