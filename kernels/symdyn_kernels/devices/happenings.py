"""What happens at known times on a card, events that wait, and how often they have happened.

What is known is in `stops`, for each trajectory or once for all: a time, the time after it, what happens, and the parameters of
an input from there on.  What happens is an event, ``EVENTS + event`` where its condition turns false, `JUMP` where the
right-hand side jumps, or ``KNOT - input``.  Conditions on time alone are looked at before: here they are events at known times.
Events that wait are those of `queue` and act at the times in `acts`; those that take the values of the moment of their trigger
have these in `kept`.
"""

from __future__ import annotations

from symdyn_kernels.devices._eventful import (
    DELAYS,
    EVENTS,
    FIRST,
    FROM_TRIGGER,
    KEPT,
    LOOSE,
    PRIORITIES,
    PRIORITIZED,
    SHUFFLED,
    SHUFFLES,
    SIZES,
    WAITING,
)
from symdyn_kernels.devices._prelude import i64, math, u64
from symdyn_kernels.shared.streams import mix, stream_word
from symdyn_kernels.status import MOST_WAITING

#: Added to the number of events that wait when a delay is no number, or negative.
BAD = 1 << 20


def wait(e, at, count, new, queue, acts, kept):
    """Let an event wait until `at`; returns how many do, more than there is room for if there is none."""
    if count < WAITING:
        queue[count], acts[count] = e, at
        if FROM_TRIGGER[e]:
            for r in range(SIZES[e]):
                kept[count, r] = new[FIRST[e] + r]
    return count + 1


def trigger(e, t, count, new, held, queue, acts, kept):
    """The condition of an event turned true, at values `new`; returns how many events wait."""
    held[e] = 1
    delay = 0.0
    if DELAYS[e] >= 0:
        delay = new[DELAYS[e]]
        if not delay >= 0.0:
            return count + BAD
    return wait(e, t + delay, count, new, queue, acts, kept)


def drop(q, count, queue, acts, kept):
    """Let the event at place `q` wait no longer; returns how many still do."""
    for j in range(q, min(count, WAITING) - 1):
        queue[j], acts[j] = queue[j + 1], acts[j + 1]
        if KEPT[0] > 1:
            for r in range(kept.shape[1]):
                kept[j, r] = kept[j + 1, r]
    return count - 1


def dropped(e, count, queue, acts, kept):
    """Let an event wait no longer, wherever it does; returns how many still do."""
    q = 0
    while q < min(count, WAITING):
        if queue[q] == e:
            count = drop(q, count, queue, acts, kept)
        else:
            q += 1
    return count


def release(e, count, held, queue, acts, kept):
    """A condition is no longer true; what it triggered and does not persist is dropped."""
    held[e] = 0
    return dropped(e, count, queue, acts, kept) if LOOSE[e] else count


def order_word(seed, stream):
    """The word from which the random order of the events of a trajectory follows."""
    return stream_word(seed, stream, 4) if SHUFFLES else u64(0)


def taken(acted, q, alike, word):
    """Whether the last of `alike` equal events, at place `q`, acts before the others, after so many that have acted."""
    draw = u64(u64(acted * MOST_WAITING + q) * u64(0x9E3779B97F4A7C15))
    return mix(u64(word + draw)) % u64(alike) == u64(0)


def next_in_line(t, count, new, queue, acts, i, aside, word):
    """The place of the event that acts next at `t`, -1, or -2 if a priority, one of `new`, is not a number."""
    best, most, ready, alike, acted = -1, -math.inf, 0, 1, 0
    if SHUFFLES:
        for e in range(EVENTS):
            acted += i64(aside[e, i])
    for q in range(count):
        if acts[q] <= t:
            ready += 1
    for q in range(count):
        if acts[q] <= t:
            priority = -math.inf
            if PRIORITIZED:
                row = PRIORITIES[queue[q]]
                if ready > 1 and row >= 0:
                    priority = new[row]
                    if priority != priority:
                        return -2
            if best < 0 or priority > most:
                best, most, alike = q, priority, 1
            elif SHUFFLES and priority == most and SHUFFLED[queue[q]] and SHUFFLED[queue[best]]:
                alike += 1
                if taken(acted, q, alike, word):
                    best = q
    return best


def next_moment(passed, k, count, stops, acts):
    """When something is next known to happen."""
    at = stops[passed, 0, k] if passed < stops.shape[0] else math.inf
    for q in range(min(count, WAITING)):
        at = min(at, acts[q])
    return at


def begin_count(i, aside):
    """No event has happened in trajectory `i`."""
    for row in range(aside.shape[0]):
        aside[row, i] = 0.0 if row < EVENTS else math.nan


def note(e, t, i, aside):
    """An event of trajectory `i` acts at `t`: how often each did is followed by the first times of each."""
    fired, recorded = i64(aside[e, i]), (aside.shape[0] - EVENTS) // max(1, EVENTS)
    aside[e, i] = fired + 1
    if fired < recorded:
        aside[EVENTS + e * recorded + fired, i] = t
