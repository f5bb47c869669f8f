"""Events of the lanes of a driver: what waits for its time, and what follows where conditions have turned true.

A condition is a margin, a number that is 0 or above where it is true; `symdyn_kernels.event_search` finds where it turns.  An
event acts when its condition turns from false to true; one that is still true after the event has acted triggers nothing until
it has been false.  Times at which an event acts that come together, as those of a ball that comes to rest, end in a status.

Where events look up states of the past, `lagged` are the `DelayTables` and the `Past`; otherwise it is None.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.events import FROM_TRIGGER, INITIAL, KNOWN, SHUFFLED
from symdyn_kernels.constants.events import BENT, MOST_AT_ONCE, MOST_SHRINKING, MOST_STILL, SHRINKING, SMOOTH, STILL
from symdyn_kernels.delays import evaluate, foreseen
from symdyn_kernels.event_memory import drop, release
from symdyn_kernels.lanes import ACCEPT, TB, TEND, TNEW, T, put
from symdyn_kernels.options import HELPER, INLINE, INNER
from symdyn_kernels.shared.roots import level_after
from symdyn_kernels.shared.streams import mix, stream_word
from symdyn_kernels.simd import ld, st
from symdyn_kernels.status import (
    BAD_DELAY,
    ENDLESS_EVENTS,
    MOST_WAITING,
    NEGATIVE_DELAY,
    NOT_FINITE,
    SUCCESS,
    TOO_MANY_EVENTS,
)

__all__ = ["arrivals", "begin_events", "forget_events", "happen", "next_moment", "pass_knots"]


@njit(**INNER)
def _rerecord(l, q, lagged):
    """Note that what output `q` takes from the past is to be recorded anew."""
    if lagged is not None:
        lagged[1].written[l] = min(lagged[1].written[l], q)


@njit(**INNER)
def next_moment(events, memory, l, k):
    """When something is next known to happen to trajectory `k` in lane `l`."""
    at = np.inf
    if memory.upcoming[l] < events.schedule.shape[1]:
        at = events.schedule[min(k, events.schedule.shape[0] - 1), memory.upcoming[l], 0]
    for q in range(memory.waiting[l]):
        at = min(at, memory.due[l, q])
    return at


@njit(**INNER)
def arrivals(events, memory, W, y, pb, lanes, who, last, lagged=None):
    """Note the lanes that have come to such a moment; returns how many lanes something happens to."""
    found, evaluated = 0.0, False
    for l in range(W):
        if who[l] < 0 or ld(lanes[ACCEPT], l) < 0.5:
            continue
        new = ld(lanes[TNEW], l)
        if next_moment(events, memory, l, who[l]) <= new or ld(lanes[TEND], l) <= new < last:
            memory.happens[l] = 1
            if not evaluated and events.triggers != 0:
                evaluate(events.triggers, lanes[TNEW], y, pb, memory.margins, np.int64(0), W, W, lagged)
                evaluated = True
            _choose(events, memory, l, W, np.int64(KNOWN))
        found += memory.happens[l]
    return found


@njit(**INNER)
def _choose(events, memory, l, W, kind):
    """Note which conditions, of events with the flag `kind` unless that is 0, have turned true or false."""
    for e in range(events.flags.size):
        if kind and not events.flags[e] & kind:
            continue
        v = ld(memory.margins, e * W + l)
        memory.chosen[l, e] = memory.held[l, e] == 0 and v >= 0.0
        if not v >= 0.0 and memory.held[l, e] != 0:
            release(events, memory, l, e)


@njit(**INNER)
def forget_events(memory, l):
    """Nothing has happened yet in lane `l`."""
    for e in range(memory.latest.shape[1]):
        memory.latest[l, e], memory.gap[l, e], memory.shrinking[l, e] = -np.inf, np.inf, 0
    memory.waiting[l], memory.upcoming[l], memory.still[l] = 0, 0, 0


@njit(**INNER)
def begin_events(events, memory, l, W, y, pb, lanes, lagged=None):
    """Before the first step of a trajectory: what is true or due at the first time."""
    for e in range(events.flags.size):
        memory.held[l, e] = (events.flags[e] & INITIAL) != 0
        memory.level[l, e] = 0.0
    forget_events(memory, l)
    memory.happens[l] = 1
    put(lanes[TNEW], l, ld(lanes[T], l), W)
    if events.triggers != 0:
        evaluate(events.triggers, lanes[TNEW], y, pb, memory.margins, l, l + 1, W, lagged)
    _choose(events, memory, l, W, np.int64(0))


@njit(**INNER)
def _push(memory, l, at, e):
    """Let an event wait; returns whether there is room."""
    q = memory.waiting[l]
    if q == MOST_WAITING:
        return False
    memory.due[l, q], memory.which[l, q] = at, e
    memory.waiting[l] = q + 1
    return True


@njit(**INNER)
def _trigger(events, memory, l, e, t, y, W, pb, lanes, lagged):
    """A condition turned true: its event waits for its delay; returns a status."""
    memory.held[l, e] = memory.unsure[l, e] = 1
    delay = 0.0
    if events.delays[e] >= 0 or events.flags[e] & FROM_TRIGGER:
        evaluate(events.effects, lanes[TB], y, pb, memory.values, l, l + 1, W, lagged)
        if events.delays[e] >= 0:
            delay = ld(memory.values, events.delays[e] * W + l)
            if not delay >= 0.0:
                return BAD_DELAY
    if not _push(memory, l, t + delay, e):
        return TOO_MANY_EVENTS
    if events.flags[e] & FROM_TRIGGER:
        for r in range(events.first[e], events.first[e + 1]):
            memory.kept[l, memory.waiting[l] - 1, r - events.first[e]] = ld(memory.values, r * W + l)
    return SUCCESS


@njit(**HELPER)
def _taken(events, aside, k, q, alike):
    """Whether the last of `alike` equal events, at place `q`, acts before the others: with the probability ``1 / alike``.

    The random word belongs to the seed, the trajectory, how many events have acted in it and the place.
    """
    acted = 0.0
    for e in range(events.flags.size):
        acted += aside[k, e]
    draw = np.uint64(np.int64(acted) * MOST_WAITING + q)
    word = mix(stream_word(events.seed, events.streams[k], 4) + draw * np.uint64(0x9E3779B97F4A7C15))
    return word % np.uint64(alike) == np.uint64(0)


@njit(**INNER)
def _next_in_line(events, memory, l, k, t, y, W, pb, lanes, aside, lagged):
    """The waiting event of trajectory `k` that acts next at time `t`, -1, or -2 if a priority is not a number."""
    best, most, count, alike = -1, -np.inf, 0, 1
    for q in range(memory.waiting[l]):
        if memory.due[l, q] <= t:
            count += 1
    evaluated = False
    for q in range(memory.waiting[l]):
        if memory.due[l, q] <= t:
            row, priority = events.priorities[memory.which[l, q]], -np.inf
            if count > 1 and row >= 0:
                if not evaluated:
                    evaluate(events.effects, lanes[TB], y, pb, memory.values, l, l + 1, W, lagged)
                    evaluated = True
                priority = ld(memory.values, row * W + l)
                if priority != priority:
                    return -2
            if best < 0 or priority > most:
                best, most, alike = q, priority, 1
            elif priority == most and events.flags[memory.which[l, q]] & events.flags[memory.which[l, best]] & SHUFFLED:
                alike += 1
                if _taken(events, aside, k, q, alike):
                    best = q
    return best


@njit(**INLINE)
def change_segment(events, memory, l, i, row, W, pb):
    """Input `i` has come to a knot."""
    for r in range(events.sizes[i]):
        st(pb, (events.places[i] + r) * W + l, events.segments[row, r])
    if not events.smooth[i] and memory.smooth[l] != 0:
        memory.smooth[l] = BENT


@njit(**INLINE)
def pass_knots(events, memory, l, k, t, W, pb):
    """All that `happen` does where there are inputs and no events: to hand it its arguments takes as long as a step."""
    memory.happens[l], memory.smooth[l] = 0, SMOOTH
    row, q = min(k, events.schedule.shape[0] - 1), memory.upcoming[l]
    while q < events.schedule.shape[1] and events.schedule[row, q, 0] <= t:
        i, segment = -2 - np.int64(events.schedule[row, q, 1]), np.int64(events.schedule[row, q, 2])
        change_segment(events, memory, l, i, segment, W, pb)
        q += 1
    memory.upcoming[l] = q


@njit(**INNER)
def _turned_by_inputs(events, memory, l, t, jumped, y, W, pb, lanes, lagged):
    """Conditions have turned true or false at knots, at which margins were those in `far`; returns a status.

    Only jumps of inputs turn conditions that are sampled: between others these are crossed within steps, and a knot would
    turn them by rounding.
    """
    evaluate(events.triggers, lanes[TB], y, pb, memory.margins, l, l + 1, W, lagged)
    code = SUCCESS
    for e in range(events.flags.size):
        v = ld(memory.margins, e * W + l)
        if v == memory.far[l, e] or not (jumped or events.flags[e] & KNOWN):
            continue
        true = v >= memory.level[l, e]
        if true and memory.held[l, e] == 0:
            code = max(code, _trigger(events, memory, l, e, t, y, W, pb, lanes, lagged))
        elif not true and memory.held[l, e] != 0:
            release(events, memory, l, e)
    return code


@njit(**INNER)
def _note_time(memory, l, e, t):
    """An event acts at t; returns whether it had acted within rounding before, and whether its times come together."""
    gap, near = t - memory.latest[l, e], STILL * abs(t)
    if gap > 0.0:
        memory.shrinking[l, e] = memory.shrinking[l, e] + 1 if gap <= SHRINKING * memory.gap[l, e] else 0
        memory.gap[l, e], memory.latest[l, e] = gap, t
    return 0.0 < gap <= near, 0.0 < gap <= near and memory.shrinking[l, e] >= MOST_SHRINKING


@njit(**INNER)
def happen(events, memory, l, k, y, n, W, pb, lanes, output, aside, lagged=None):
    """Let everything happen that is due to lane `l` at the end of its step, at address `y`; returns a status.

    Output times from there on, at which the values before it were written, get those after it.
    """
    t = ld(lanes[TNEW], l)
    at = t
    memory.happens[l] = 0
    put(lanes[TB], l, t, W)
    code, acted, row = SUCCESS, 0, min(k, events.schedule.shape[0] - 1)
    memory.smooth[l], still = SMOOTH, False
    for e in range(events.flags.size):
        memory.unsure[l, e] = 0
        if memory.chosen[l, e]:
            memory.chosen[l, e], memory.smooth[l] = 0, 0
            still |= t == memory.latest[l, e]  # it was false for less than numbers tell
            code = max(code, _trigger(events, memory, l, e, t, y, W, pb, lanes, lagged))
    turned, jumped = False, False
    while memory.upcoming[l] < events.schedule.shape[1] and events.schedule[row, memory.upcoming[l], 0] <= t:
        at = min(at, events.schedule[row, memory.upcoming[l], 0])
        due = np.int64(events.schedule[row, memory.upcoming[l], 1])
        if due <= -2:
            if events.triggers != 0 and not turned:
                evaluate(events.triggers, lanes[TB], y, pb, memory.margins, l, l + 1, W, lagged)
                for e in range(events.flags.size):
                    memory.far[l, e] = ld(memory.margins, e * W + l)
                turned = True
            jumped |= not events.smooth[-2 - due]
            change_segment(events, memory, l, -2 - due, np.int64(events.schedule[row, memory.upcoming[l], 2]), W, pb)
        memory.upcoming[l] += 1
        if due >= 0 and not _push(memory, l, at, due):
            code = TOO_MANY_EVENTS
    if turned:
        code = max(code, _turned_by_inputs(events, memory, l, t, jumped, y, W, pb, lanes, lagged))
    while code == SUCCESS:
        q = _next_in_line(events, memory, l, k, t, y, W, pb, lanes, aside, lagged)
        if q < 0:
            code = NOT_FINITE if q == -2 else code
            break
        acted += 1
        if acted > MOST_AT_ONCE:
            code = ENDLESS_EVENTS
        e = memory.which[l, q]
        if not events.flags[e] & FROM_TRIGGER:
            evaluate(events.effects, lanes[TB], y, pb, memory.values, l, l + 1, W, lagged)
        for r in range(events.first[e], events.first[e + 1]):
            taken = memory.kept[l, q, r - events.first[e]] if events.flags[e] & FROM_TRIGGER else ld(memory.values, r * W + l)
            st(y, events.targets[r] * W + l, taken)
        drop(memory, l, q)
        again, endless = _note_time(memory, l, e, t)
        still |= again
        if endless:
            code = ENDLESS_EVENTS
        fired = np.int64(aside[k, e])
        aside[k, e] = fired + 1.0
        if fired < events.recorded:
            aside[k, events.flags.size + e * events.recorded + fired] = t
        evaluate(events.triggers, lanes[TB], y, pb, memory.margins, l, l + 1, W, lagged)
        for other in range(events.flags.size):
            v = ld(memory.margins, other * W + l)
            true = v >= memory.level[l, other]
            if v < 0.0:  # it need not grow to be true again
                memory.level[l, other] = min(memory.level[l, other], 0.0)
            if true and memory.held[l, other] == 0:
                code = max(code, _trigger(events, memory, l, other, t, y, W, pb, lanes, lagged))
            elif not true and memory.held[l, other] != 0:
                release(events, memory, l, other)
    if acted:
        memory.smooth[l] = 0
        memory.still[l] = memory.still[l] + 1 if still else 0
        if memory.still[l] > MOST_STILL:
            code = ENDLESS_EVENTS
        q = output.due[l] - 1
        while q >= 0 and output.times[q] >= at:
            for i in range(n):
                output.values[k, q, i] = ld(y, i * W + l)
            _rerecord(l, q, lagged)
            q -= 1
    if events.triggers != 0:
        evaluate(events.triggers, lanes[TB], y, pb, memory.margins, l, l + 1, W, lagged)
    for e in range(events.flags.size):
        v = ld(memory.margins, e * W + l)
        memory.near[l, e] = v
        doubted = memory.held[l, e] != 0 and not events.flags[e] & KNOWN
        memory.unsure[l, e] = doubted and (v < 0.0 or memory.unsure[l, e] != 0)
        fallen = memory.held[l, e] == 0 and memory.level[l, e] > 0.0
        memory.level[l, e] = min(v, 0.0) if memory.unsure[l, e] else level_after(v) if fallen else 0.0
    return NEGATIVE_DELAY if code == SUCCESS and foreseen(l, lagged) else code
