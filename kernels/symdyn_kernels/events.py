"""Events of the lanes of an adaptive driver: where conditions turn true in the interpolant of a step, and what follows.

A condition is a margin, a number that is 0 or above where it is true.  It is evaluated at the `PARTS` of every step, and at
those of intervals of a step that are divided as long as these do not show how the margin changes, as where a condition depends
on time faster than the solution does.  Where the largest of three margins lies between the others, their peak is looked for, so
that a condition which is true for a moment within a step is found too.  A crossing is located to rounding, and the step of the
lane ends at the last number before it: a state is never beyond the condition at which it changes.  Times at which an event acts
that come together, as those of a ball that comes to rest, end in a status.

Where events look up states of the past, `lagged` are the `DelayTables` and the `Past`; otherwise it is None.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.arguments.events import FROM_TRIGGER, INITIAL, KNOWN, PERSISTENT, SHUFFLED
from symdyn_kernels.constants.events import MOST_AT_ONCE, MOST_SHRINKING, MOST_STILL, PARTS, SHRINKING, STILL
from symdyn_kernels.crossing import interpolate
from symdyn_kernels.delays import evaluate, foreseen
from symdyn_kernels.fused import vfma
from symdyn_kernels.lanes import ACCEPT, TB, TEND, TNEW, H, T, put
from symdyn_kernels.options import HELPER, INNER
from symdyn_kernels.shared.roots import MOST_GUESSES, next_guess
from symdyn_kernels.shared.streams import mix, stream_word
from symdyn_kernels.simd import ld, splat, st, vld, vst
from symdyn_kernels.status import (
    BAD_DELAY,
    ENDLESS_EVENTS,
    MOST_WAITING,
    NEGATIVE_DELAY,
    NOT_FINITE,
    SUCCESS,
    TOO_MANY_EVENTS,
)

__all__ = [
    "EventMemory",
    "arrivals",
    "begin_events",
    "crossed",
    "event_memory",
    "forget_events",
    "happen",
    "next_moment",
    "output_size",
    "release",
]

#: Evaluations in search of a peak.
MOST_CLIMBS = 6
#: Errors of the polynomial through margins, relative to the least and to the largest of them, from which on an interval is
#: divided; how often, by four each time, and how many intervals are looked at in a step.
UNCERTAIN, COARSE, DEEPEST, MOST_PIECES = 0.25, 1e-3, 6, 400
#: Weights of the values at 0, 1/4, 1/2, 3/4 and 1 in that at 1/100 of the polynomial through them.
EDGE = (
    0.96 * 1.96 * 2.96 * 3.96 / 24, 0.04 * 1.96 * 2.96 * 3.96 / 6, -0.04 * 0.96 * 2.96 * 3.96 / 4,
    0.04 * 0.96 * 1.96 * 3.96 / 6, -0.04 * 0.96 * 1.96 * 2.96 / 24,
)  # fmt: skip


class EventMemory(NamedTuple):
    """The events of W lanes.

    Attributes
    ----------
    margins, samples, values, trial : int
        Addresses of the margins, of those at all parts of a step, of what events assign, and of scratch memory for the states
        of all lanes.
    held : (W, E) int64
        Whether a condition counts as true.
    chosen : (W, E) int64
        Whether it has just turned true.
    level : (W, E) float64
        The margin from which on it counts as true while events act: just below 0 for those that have just turned true.
    near, far : (W, E) float64
        The margins at the last part that was evaluated, at first the beginning of the step, and at that before it.
    unsure : (W, E) int64
        Whether a condition that has just turned true is still false by rounding: it counts as true unless it then falls.
    smooth : (W,) int64
        Whether rates of change are continuous in what has just happened.
    happens : (W,) int64
        Whether something happens at the end of the present step.
    waiting : (W,) int64
        Number of events that wait, in the order of their triggers.
    due : (W, q) float64
    which : (W, q) int64
        When each acts, and which it is.
    kept : (W, q, a) float64
        Its values from the moment of the trigger.
    upcoming : (W,) int64
        The next entry of the schedule.
    latest, gap : (W, E) float64
        When each event acted last, and how long after the time before.
    still : (W,) int64
        How many moments have followed one another within rounding with events that had just acted.
    shrinking : (W, E) int64
        How often each event has acted after ever shorter times.
    begins : (s,) float64
    depths : (s,) int64
        Scratch memory: intervals of a step that are still to be looked at.
    """

    margins: int
    samples: int
    values: int
    trial: int
    held: np.ndarray
    chosen: np.ndarray
    level: np.ndarray
    near: np.ndarray
    far: np.ndarray
    unsure: np.ndarray
    smooth: np.ndarray
    happens: np.ndarray
    waiting: np.ndarray
    due: np.ndarray
    which: np.ndarray
    kept: np.ndarray
    upcoming: np.ndarray
    latest: np.ndarray
    gap: np.ndarray
    still: np.ndarray
    shrinking: np.ndarray
    begins: np.ndarray
    depths: np.ndarray


@njit(**INNER)
def _stride(events, W):
    """Doubles from the margins at a part of a step to those at the next."""
    return (events.flags.size * W + 15) // 8 * 8


@njit(**INNER)
def output_size(events, W):
    """Doubles that both lane functions write, with room for a whole vector each, and for all parts of a step."""
    rows = events.targets.size
    for e in range(events.flags.size):
        rows = max(rows, events.delays[e] + 1, events.priorities[e] + 1)
    return (events.flags.size + rows) * W + 48 + len(PARTS) * _stride(events, W)


@njit(**HELPER)
def event_memory(events, W, address, trial):
    """Memory for the events of W lanes; `output_size` doubles begin at `address`, the states of all lanes at `trial`."""
    count, longest = events.flags.size, 1
    for e in range(count):
        longest = max(longest, events.first[e + 1] - events.first[e])
    samples = (address + 8 * (count * W + 8) + 63) // 64 * 64
    values = samples + 8 * len(PARTS) * _stride(events, W)
    return EventMemory(
        address, samples, values, trial,
        np.zeros((W, count), np.int64), np.zeros((W, count), np.int64), np.zeros((W, count)), np.zeros((W, count)),
        np.zeros((W, count)), np.zeros((W, count), np.int64), np.zeros(W, np.int64), np.zeros(W, np.int64),
        np.zeros(W, np.int64), np.zeros((W, MOST_WAITING)), np.zeros((W, MOST_WAITING), np.int64),
        np.zeros((W, MOST_WAITING, longest)), np.zeros(W, np.int64), np.zeros((W, count)), np.zeros((W, count)),
        np.zeros(W, np.int64), np.zeros((W, count), np.int64), np.zeros(3 * DEEPEST + 4), np.zeros(3 * DEEPEST + 4, np.int64),
    )  # fmt: skip


@njit(**INNER)
def release(events, memory, l, e):
    """A condition is no longer true; what it triggered and does not persist is dropped."""
    memory.held[l, e] = 0
    if events.flags[e] & PERSISTENT:
        return
    q = 0
    while q < memory.waiting[l]:
        if memory.which[l, q] == e:
            _drop(memory, l, q)
        else:
            q += 1


@njit(**INNER)
def _drop(memory, l, q):
    memory.waiting[l] -= 1
    for r in range(q, memory.waiting[l]):
        memory.due[l, r] = memory.due[l, r + 1]
        memory.which[l, r] = memory.which[l, r + 1]
        for c in range(memory.kept.shape[2]):
            memory.kept[l, r, c] = memory.kept[l, r + 1, c]


@njit(**INNER)
def _rerecord(l, q, lagged):
    """Note that what output `q` takes from the past is to be recorded anew."""
    if lagged is not None:
        lagged[1].written[l] = min(lagged[1].written[l], q)


@njit(**INNER)
def _sample(polynomial, theta, m, WL, lanes, target):
    """The states of all lanes at a part `theta` of their steps."""
    before, _, coefficients, stride, degree, nested = polynomial
    x = splat(theta)
    other = splat(1.0 - theta)
    for e in range(0, m, 8):
        if not nested:  # a step is a part of the length to which the polynomial belongs
            l = e & (WL - 1)
            x = (vld(lanes[TNEW], l) - vld(lanes[T], l)) / vld(lanes[H], l) * theta
            other = x
        v = vld(coefficients, (degree - 1) * stride + e)
        for j in range(degree - 2, -1, -1):
            v = vfma(v, other if j % 2 == 0 else x, vld(coefficients, j * stride + e))
        vst(target, e, vfma(v, x, vld(before, e)))


@njit(**INNER)
def _margins_of_all(events, memory, polynomial, part, m, W, WL, pb, lanes, target, lagged):
    """Evaluate the margins of all lanes at a part of their steps."""
    if part < 1.0:
        _sample(polynomial, part, m, WL, lanes, memory.trial)
        for l in range(0, WL, 8):
            t = vld(lanes[T], l)
            vst(lanes[TB], l, t + (vld(lanes[TNEW], l) - t) * part)
        evaluate(events.triggers, lanes[TB], memory.trial, pb, target, np.int64(0), W, W, lagged)
    else:
        evaluate(events.triggers, lanes[TNEW], polynomial.after, pb, target, np.int64(0), W, W, lagged)


@njit(**INNER)
def crossed(events, memory, polynomial, n, W, WL, m, pb, lanes, who, status, lagged=None):
    """End the step of each lane in which a condition turns true where it does so; returns how many fail.

    A lane fails where a margin is not a number.
    """
    failed, stride = 0.0, _stride(events, W)
    for j in range(len(PARTS)):
        target = memory.samples + 8 * j * stride
        _margins_of_all(events, memory, polynomial, PARTS[j], m, W, WL, pb, lanes, target, lagged)
    for l in range(W):
        if who[l] < 0 or ld(lanes[ACCEPT], l) < 0.5 or memory.happens[l] != 0 or status[who[l]] != SUCCESS:
            continue
        if _resolved(events, memory, l, W):
            sound, _, _ = _scan(events, memory, polynomial, 0.0, 1.0, 0.0, 0.0, l, n, W, pb, lanes, lagged)
        else:
            sound = _search(events, memory, polynomial, l, n, W, pb, lanes, lagged)
        if not sound:
            status[who[l]] = NEGATIVE_DELAY if foreseen(l, lagged) else NOT_FINITE
            failed += 1.0
    return failed


@njit(**INNER)
def _resolved(events, memory, l, W):
    """Whether a polynomial through every second margin of an interval tells the others well enough to rely on their signs."""
    stride = _stride(events, W)
    for e in range(events.flags.size):
        if events.flags[e] & KNOWN:
            continue
        at = memory.samples + 8 * (e * W + l)
        a, b, c, d, f = (
            memory.near[l, e], ld(at, 2 * stride), ld(at, 4 * stride), ld(at, 6 * stride), ld(at, 9 * stride)
        )  # fmt: skip
        p, q, r, s = ld(at, stride), ld(at, 3 * stride), ld(at, 5 * stride), ld(at, 7 * stride)
        # parts near the ends, too: at equal distances what is periodic may look constant
        u, v = ld(at, 0), ld(at, 8 * stride)
        wrong = max(
            abs(p - (35.0 * a + 140.0 * b - 70.0 * c + 28.0 * d - 5.0 * f) / 128.0),
            abs(q - (-5.0 * a + 60.0 * b + 90.0 * c - 20.0 * d + 3.0 * f) / 128.0),
            abs(r - (3.0 * a - 20.0 * b + 90.0 * c + 60.0 * d - 5.0 * f) / 128.0),
            abs(s - (-5.0 * a + 28.0 * b - 70.0 * c + 140.0 * d + 35.0 * f) / 128.0),
            abs(u - (EDGE[0] * a + EDGE[1] * b + EDGE[2] * c + EDGE[3] * d + EDGE[4] * f)),
            abs(v - (EDGE[4] * a + EDGE[3] * b + EDGE[2] * c + EDGE[1] * d + EDGE[0] * f)),
        )
        least = min(abs(a), abs(b), abs(c), abs(d), abs(f), abs(p), abs(q), abs(r), abs(s))
        most = max(abs(a), abs(b), abs(c), abs(d), abs(f), abs(p), abs(q), abs(r), abs(s))
        if wrong > UNCERTAIN * least and wrong > COARSE * most:
            return False
    return True


@njit(**INNER)
def _search(events, memory, polynomial, l, n, W, pb, lanes, lagged):
    """Go through a step in parts that are divided as long as they are not resolved; returns whether margins are numbers."""
    stride, earlier, before, made = _stride(events, W), 0.0, 0.0, 0
    begins, depths, left, sound = memory.begins, memory.depths, 1, True
    begins[0], depths[0] = 0.0, 0
    while left > 0 and sound and memory.happens[l] == 0:
        left -= 1
        begin, depth = begins[left], depths[left]
        length = 0.25**depth
        if depth > 0:
            for j in range(len(PARTS)):
                _margins_at(events, memory, polynomial, begin + PARTS[j] * length, l, n, W, pb, lanes, lagged)
                for e in range(events.flags.size):
                    st(memory.samples + 8 * j * stride, e * W + l, ld(memory.margins, e * W + l))
        made += 1
        if depth < DEEPEST and made < MOST_PIECES and not _resolved(events, memory, l, W):
            for k in range(3, -1, -1):
                begins[left], depths[left] = begin + 0.25 * k * length, depth + 1
                left += 1
        else:
            sound, earlier, before = _scan(
                events, memory, polynomial, begin, length, earlier, before, l, n, W, pb, lanes, lagged
            )
    return sound


@njit(**INNER)
def _scan(events, memory, polynomial, begin, length, earlier, before, l, n, W, pb, lanes, lagged):
    """Look at the margins of an interval of a step one after the other, and end the step where a condition turns true.

    Returns whether all of them are numbers, and the last two parts of the step that were looked at.
    """
    stride = _stride(events, W)
    for j in range(len(PARTS)):
        at, part = memory.samples + 8 * j * stride, begin + PARTS[j] * length
        turned, undefined, peaked = False, False, -1
        for e in range(events.flags.size):
            if events.flags[e] & KNOWN:
                continue
            v, a, b = ld(at, e * W + l), memory.far[l, e], memory.near[l, e]
            if memory.unsure[l, e] and v != b:
                memory.unsure[l, e] = 0
                if v < b:
                    release(events, memory, l, e)
            undefined |= v != v
            turned |= v >= 0.0 and memory.held[l, e] == 0
            up = memory.held[l, e] == 0
            if before > 0.0 and (a < b > v and b < 0.0 if up else a > b < v and b >= 0.0):
                peaked = e
        if undefined:
            return False, earlier, before
        if peaked >= 0:
            found = _peak(
                events, memory, polynomial, np.int64(peaked), ld(at, peaked * W + l), earlier, before, part, l, n, W, pb, lanes,
                lagged,
            )  # fmt: skip
            if found >= 0.0:
                memory.happens[l] = 1
                if memory.held[l, peaked] == 0:
                    _locate(events, memory, polynomial, earlier, found, l, n, W, pb, lanes, lagged)
                else:
                    release(events, memory, l, peaked)
                    _locate(events, memory, polynomial, found, part, l, n, W, pb, lanes, lagged)
        if turned and memory.happens[l] == 0:
            memory.happens[l] = 1
            _locate(events, memory, polynomial, before, part, l, n, W, pb, lanes, lagged)
        if memory.happens[l] != 0:
            break
        for e in range(events.flags.size):
            v = ld(at, e * W + l)
            memory.far[l, e], memory.near[l, e] = memory.near[l, e], v
            if v < 0.0 and memory.held[l, e] != 0 and not (memory.unsure[l, e] or events.flags[e] & KNOWN):
                release(events, memory, l, e)
        earlier, before = before, part
    return True, earlier, before


@njit(**INNER)
def _peak(events, memory, polynomial, e, last, a, b, c, l, n, W, pb, lanes, lagged):
    """A part of the step between `a` and `c`, with the margin `last`, at which the condition of an event changes, else -1.

    By successive parabolic interpolation of the margins at `a`, `b` and `c`, of which that at `b` is nearest to a change; it
    ends where the parabola has its peak far from one.
    """
    sign = 1.0 if memory.held[l, e] == 0 else -1.0
    low, top, high = sign * memory.far[l, e], sign * memory.near[l, e], sign * last
    for _ in range(MOST_CLIMBS):
        left, right = (top - low) / (b - a), (high - top) / (c - b)
        bend = (right - left) / (c - a)
        if not bend < 0.0:
            break
        x = 0.5 * (a + b) - 0.5 * left / bend
        peak = top + (x - b) * (left + bend * (x - a))
        if not a < x < c or abs(x - b) <= 1e-4 * (c - a) or peak + 3.0 * (peak - top) < 0.0:
            break
        _margins_at(events, memory, polynomial, x, l, n, W, pb, lanes, lagged)
        margin = ld(memory.margins, e * W + l)
        v = sign * margin
        if margin >= 0.0 if sign > 0.0 else margin < 0.0:
            return x
        if v >= top:
            if x > b:
                a, low = b, top
            else:
                c, high = b, top
            b, top = x, v
        elif x > b:
            c, high = x, v
        else:
            a, low = x, v
    return -1.0


@njit(**INNER)
def _margins_at(events, memory, polynomial, part, l, n, W, pb, lanes, lagged):
    """Evaluate the margins of lane `l` at a part of its step, whose states are then in the trial memory."""
    t, length = ld(lanes[T], l), ld(lanes[TNEW], l) - ld(lanes[T], l)
    if part < 1.0:
        interpolate(polynomial, part * length / ld(lanes[H], l), l, n, W, memory.trial)
        put(lanes[TB], l, t + part * length, W)
    else:
        for i in range(n):
            st(memory.trial, i * W + l, ld(polynomial.after, i * W + l))
        put(lanes[TB], l, t + length, W)
    evaluate(events.triggers, lanes[TB], memory.trial, pb, memory.margins, l, l + 1, W, lagged)


@njit(**INNER)
def _highest(events, memory, l, W):
    """The largest margin of the conditions that do not count as true and may change within a step."""
    most = -np.inf
    for e in range(events.flags.size):
        if memory.held[l, e] == 0 and not events.flags[e] & KNOWN:
            most = max(most, ld(memory.margins, e * W + l))
    return most


@njit(**INNER)
def _locate(events, memory, polynomial, a, b, l, n, W, pb, lanes, lagged):
    """Note which conditions turn true first between two parts of a step, and end the step just before."""
    _margins_at(events, memory, polynomial, b, l, n, W, pb, lanes, lagged)
    high = _highest(events, memory, l, W)
    _margins_at(events, memory, polynomial, a, l, n, W, pb, lanes, lagged)
    low = _highest(events, memory, l, W)
    reach = b - a
    if low >= 0.0:  # it became true where the right-hand side jumped
        b = a
    else:
        for _ in range(MOST_GUESSES):
            guess = next_guess(a, b, low, high, reach)
            if not a < guess < b:
                guess = 0.5 * (a + b)
                if not a < guess < b:
                    break
            _margins_at(events, memory, polynomial, guess, l, n, W, pb, lanes, lagged)
            value = _highest(events, memory, l, W)
            if value >= 0.0:
                b, high = guess, value
            else:
                a, low = guess, value
            reach *= 0.5
    _margins_at(events, memory, polynomial, b, l, n, W, pb, lanes, lagged)
    for e in range(events.flags.size):
        own = memory.held[l, e] == 0 and not events.flags[e] & KNOWN
        memory.chosen[l, e] = own and ld(memory.margins, e * W + l) >= 0.0
    if b < 1.0:
        _margins_at(events, memory, polynomial, a, l, n, W, pb, lanes, lagged)
    for e in range(events.flags.size):
        v = ld(memory.margins, e * W + l)
        memory.level[l, e] = min(v, 0.0) if memory.chosen[l, e] else 0.0
        if v < 0.0 and memory.held[l, e] != 0 and not events.flags[e] & KNOWN:
            release(events, memory, l, e)
    if b < 1.0:
        end = ld(lanes[TB], l)
        for i in range(n):
            st(polynomial.after, i * W + l, ld(memory.trial, i * W + l))
        put(lanes[TNEW], l, end, W)


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
    memory.held[l, e] = 1
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


@njit(**INNER)
def change_segment(events, memory, l, i, row, W, pb):
    """Input `i` has come to a knot."""
    for r in range(events.sizes[i]):
        st(pb, (events.places[i] + r) * W + l, events.segments[row, r])
    if not events.smooth[i]:
        memory.smooth[l] = 0


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
        if v >= 0.0 and memory.held[l, e] == 0:
            code = max(code, _trigger(events, memory, l, e, t, y, W, pb, lanes, lagged))
        elif not v >= 0.0 and memory.held[l, e] != 0:
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
    memory.smooth[l], still = 1, False
    for e in range(events.flags.size):
        if memory.chosen[l, e]:
            memory.chosen[l, e], memory.smooth[l] = 0, 0
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
        _drop(memory, l, q)
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
            true = ld(memory.margins, other * W + l) >= memory.level[l, other]
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
        memory.unsure[l, e] = v < 0.0 and memory.held[l, e] != 0 and not events.flags[e] & KNOWN
        memory.level[l, e] = 0.0
    return NEGATIVE_DELAY if code == SUCCESS and foreseen(l, lagged) else code
