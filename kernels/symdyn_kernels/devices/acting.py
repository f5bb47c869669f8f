"""Events that act between steps or leaps on a card, where states are a tuple."""

from __future__ import annotations

from symdyn_kernels.constants.events import MOST_AT_ONCE
from symdyn_kernels.devices._eventful import PRIORITIZED, WAITING
from symdyn_kernels.devices._eventful_step import (
    COUNTS,
    EVENTS,
    LOOKED,
    assign,
    change_input,
    effects,
    smooth,
    triggers,
)
from symdyn_kernels.devices._prelude import i64, real
from symdyn_kernels.devices._step import SPECIES
from symdyn_kernels.devices.happenings import BAD, drop, dropped, next_in_line, note, release, trigger
from symdyn_kernels.devices.knots import KNOT
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.recording import write_states
from symdyn_kernels.status import BAD_DELAY, ENDLESS_EVENTS, NEGATIVE, NOT_FINITE, SUCCESS, TOO_MANY_EVENTS


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
                        if found[e] < 0.0:
                            level[e] = min(level[e], real(0))
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
            write_states(y, i, q, values)
            if COUNTS and status == NEGATIVE:
                void(i, q, SPECIES, values)
    for e in range(EVENTS):
        if level[e] > 0.0:  # false by a moved boundary, and nothing has changed it
            held[e] = 1
        level[e] = real(0)
    return y, passed, count, acted, status
