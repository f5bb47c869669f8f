"""Where conditions of events turn true in the interpolant of a step of the lanes of an adaptive driver.

A condition is a margin, a number that is 0 or above where it is true.  It is evaluated at the `PARTS` of every step, and at
those of intervals of a step that are divided as long as these do not show how the margin changes, as where a condition depends
on time faster than the solution does.  Where the largest of three margins lies between the others, their peak is looked for, so
that a condition which is true for a moment within a step is found too.  A crossing is located to rounding, and the step of the
lane ends at the last number before it: a state is not beyond the condition at which it changes.

Where events look up states of the past, `lagged` are the `DelayTables` and the `Past`; otherwise it is None.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.events import KNOWN
from symdyn_kernels.constants.events import DEEPEST, PARTS, ROUNDED, SHORTEST
from symdyn_kernels.crossing import interpolate
from symdyn_kernels.delays import evaluate, foreseen
from symdyn_kernels.event_memory import beyond, cross, release, settle, stride_of
from symdyn_kernels.fused import vfma
from symdyn_kernels.lanes import ACCEPT, TB, TNEW, H, T, put
from symdyn_kernels.options import INNER
from symdyn_kernels.shared.roots import MOST_GUESSES, next_guess, soon
from symdyn_kernels.simd import ld, splat, st, vld, vst
from symdyn_kernels.status import NEGATIVE_DELAY, NOT_FINITE, SUCCESS

__all__ = ["crossed"]

#: The gap of times that have come together, relative to them.
TOGETHER = 1e-6
#: Evaluations in search of a peak.
MOST_CLIMBS = 6
#: Errors of the polynomial through margins, relative to the least and to the largest of them, from which on an interval is
#: divided, and how many intervals are looked at in a step.
UNCERTAIN, COARSE, MOST_PIECES = 0.25, 1e-3, 400
#: Weights of the values at 0, 1/4, 1/2, 3/4 and 1 in that at 1/100 of the polynomial through them.
EDGE = (
    0.96 * 1.96 * 2.96 * 3.96 / 24, 0.04 * 1.96 * 2.96 * 3.96 / 6, -0.04 * 0.96 * 2.96 * 3.96 / 4,
    0.04 * 0.96 * 1.96 * 3.96 / 6, -0.04 * 0.96 * 1.96 * 2.96 / 24,
)  # fmt: skip


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
    failed, stride = 0.0, stride_of(events, W)
    for j in range(len(PARTS)):
        target = memory.samples + 8 * j * stride
        _margins_of_all(events, memory, polynomial, PARTS[j], m, W, WL, pb, lanes, target, lagged)
    for l in range(W):
        if who[l] < 0 or ld(lanes[ACCEPT], l) < 0.5 or memory.happens[l] != 0 or status[who[l]] != SUCCESS:
            continue
        begin, end = _jump(events, memory, polynomial, l, n, W, pb, lanes, lagged)
        if end > 0.0:
            memory.happens[l], sound = 1, True
            _locate(events, memory, polynomial, begin, end, l, n, W, pb, lanes, lagged)
        elif _resolved(events, memory, l, W):
            sound, _, _ = _scan(events, memory, polynomial, 0.0, 1.0, 0.0, 0.0, l, n, W, pb, lanes, lagged)
        else:
            sound = _search(events, memory, polynomial, l, n, W, pb, lanes, lagged)
        if not sound:
            status[who[l]] = NEGATIVE_DELAY if foreseen(l, lagged) else NOT_FINITE
            failed += 1.0
    return failed


@njit(**INNER)
def _jump(events, memory, polynomial, l, n, W, pb, lanes, lagged):
    """Parts of the step, up to the first of `PARTS`, between which what has just turned turns true; 0 and 0 if nothing does.

    So it is of a ball that hardly jumps, in a step that is much longer: it has just turned true, is false at the first of these
    parts and is released; or it has just turned false, and is true at the second.
    """
    found, left = 0.0, False
    for e in range(events.flags.size):
        left |= memory.unsure[l, e] != 0 and ld(memory.samples, e * W + l) >= 0.0
        left |= memory.held[l, e] == 0 and memory.level[l, e] > 0.0
    for j in range(SHORTEST, 0, -1):
        if not left or found > 0.0:
            break
        left, part = False, 0.5**j * PARTS[0]
        _margins_at(events, memory, polynomial, part, l, n, W, pb, lanes, lagged)
        for e in range(events.flags.size):
            v, near, first = ld(memory.margins, e * W + l), memory.near[l, e], ld(memory.samples, e * W + l)
            apart = memory.unsure[l, e] != 0 and first >= 0.0
            fallen = memory.held[l, e] == 0 and memory.level[l, e] > 0.0
            if not (apart or fallen):
                continue
            # a change by less than what rounding of time does to the margin counts only where times have come together
            slope = abs(first - near) / (PARTS[0] * (ld(lanes[TNEW], l) - ld(lanes[T], l)))
            close = memory.gap[l, e] < TOGETHER * abs(ld(lanes[T], l))
            moved = close or abs(v - near) > ROUNDED * abs(ld(lanes[T], l)) * slope
            if fallen and moved and v >= memory.level[l, e]:
                return 0.0, part
            if apart and moved and settle(events, memory, l, e, v):
                found = part
            left |= memory.unsure[l, e] != 0 if apart else not moved
    return found, PARTS[0] if found > 0.0 else 0.0


@njit(**INNER)
def _resolved(events, memory, l, W):
    """Whether a polynomial through every second margin of an interval tells the others well enough to rely on their signs."""
    stride = stride_of(events, W)
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
    stride, earlier, before, made = stride_of(events, W), 0.0, 0.0, 0
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
    stride = stride_of(events, W)
    for j in range(len(PARTS)):
        at, part = memory.samples + 8 * j * stride, begin + PARTS[j] * length
        turned, undefined, peaked = False, False, -1
        for e in range(events.flags.size):
            if events.flags[e] & KNOWN:
                continue
            v, a, b = ld(at, e * W + l), memory.far[l, e], memory.near[l, e]
            undefined |= v != v
            turned |= v >= memory.level[l, e] and memory.held[l, e] == 0
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
            if memory.unsure[l, e]:  # not before it is known that nothing happens earlier in the interval
                settle(events, memory, l, e, v)
            memory.far[l, e], memory.near[l, e] = memory.near[l, e], v
            if v < 0.0 and memory.held[l, e] == 0:
                memory.level[l, e] = 0.0
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
    """Evaluate the margins of lane `l` at a part of its step, or just beyond; the states there are then in the trial memory."""
    t, length = ld(lanes[T], l), ld(lanes[TNEW], l) - ld(lanes[T], l)
    if part != 1.0:
        interpolate(polynomial, part * length / ld(lanes[H], l), l, n, W, memory.trial)
        put(lanes[TB], l, t + part * length, W)
    else:
        for i in range(n):
            st(memory.trial, i * W + l, ld(polynomial.after, i * W + l))
        put(lanes[TB], l, t + length, W)
    evaluate(events.triggers, lanes[TB], memory.trial, pb, memory.margins, l, l + 1, W, lagged)


@njit(**INNER)
def _highest(events, memory, l, W):
    """The largest margin, above its level, of the conditions that do not count as true and may change within a step."""
    most = -np.inf
    for e in range(events.flags.size):
        if memory.held[l, e] == 0 and not events.flags[e] & KNOWN:
            most = max(most, ld(memory.margins, e * W + l) - memory.level[l, e])
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
    length = ld(lanes[TNEW], l) - ld(lanes[T], l)
    _margins_at(events, memory, polynomial, b, l, n, W, pb, lanes, lagged)
    for e in range(events.flags.size):
        memory.far[l, e] = ld(memory.margins, e * W + l)
    _margins_at(events, memory, polynomial, soon(b, ld(lanes[T], l), length), l, n, W, pb, lanes, lagged)
    for e in range(events.flags.size):
        memory.far[l, e] = beyond(memory, l, e, memory.far[l, e], ld(memory.margins, e * W + l))
    _margins_at(events, memory, polynomial, a if b < 1.0 else b, l, n, W, pb, lanes, lagged)
    for e in range(events.flags.size):
        cross(events, memory, l, e, ld(memory.margins, e * W + l), memory.far[l, e])
    if b < 1.0:
        end = ld(lanes[TB], l)
        for i in range(n):
            st(polynomial.after, i * W + l, ld(memory.trial, i * W + l))
        put(lanes[TNEW], l, end, W)
