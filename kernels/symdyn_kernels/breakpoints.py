"""Breakpoints of delays that depend on states or time: steps end where a value is looked up at a jump of a derivative.

Where a derivative of a state jumps, at the first time or an event, the same happens again in a higher derivative when a delayed
time comes by.  For constant delays that is known in advance; here it is found step by step.  A step in which a delayed time
passes a known breakpoint is made again up to there, and the next one begins just after it, so that each looks up one side
alone.  A breakpoint that was reached is a known one of the next level, until the jump is smoother than the method's order
(Neves & Feldstein, J. Math. Anal. Appl. 55 (1976) 689-701).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.arguments.parts import IntegerRows, Integers, Numbers, Rows
from symdyn_kernels.constants.breakpoints import CLEAR, MOST_PARTS, MOST_POINTS, MOST_TRIES, NEARBY, ROUNDED
from symdyn_kernels.fused import fma
from symdyn_kernels.lanes import ACCEPT, ERR, HNEXT, TB, TNEW, TNEXT, H, T, put
from symdyn_kernels.options import HELPER, INNER
from symdyn_kernels.shared.illinois import next_part, within
from symdyn_kernels.simd import call, ld, st

__all__ = ["Breakpoints", "aim", "approach", "breakpoints", "forget_breakpoints", "note_breakpoint", "pass_breakpoints"]


class Breakpoints(NamedTuple):
    """The breakpoints of W lanes, and where their delayed times are.

    Attributes
    ----------
    times, levels : (W, MOST_POINTS) float64, int64
        Where a derivative jumps, and how many delays after the first jump that is; in a ring.
    known : (W,) int64
        How many there were.
    first, last : (W, L) float64
        The delayed times at both ends of the present step.
    aims, slacks, shifts : (W,) float64
        The length of the step that is to end at a breakpoint, or 0, and how far from it it may end; by how much later the next
        step begins there.
    tries, reached : (W,) int64
        How often the step was made again; the level of the breakpoint at its end, or 0.
    """

    times: Rows
    levels: IntegerRows
    known: Integers
    first: Rows
    last: Rows
    aims: Numbers
    slacks: Numbers
    shifts: Numbers
    tries: Integers
    reached: Integers


@njit(**HELPER)
def breakpoints(delays, W):
    """Those of W lanes: none."""
    size, room = (W, delays.begins.size - 1), MOST_POINTS if delays.varying else 1
    return Breakpoints(
        np.zeros((W, room)), np.zeros((W, room), np.int64), np.zeros(W, np.int64), np.zeros(size), np.zeros(size),
        np.zeros(W), np.zeros(W), np.zeros(W), np.zeros(W, np.int64), np.zeros(W, np.int64),
    )  # fmt: skip


@njit(**INNER)
def forget_breakpoints(points, l):
    """A lane begins with another trajectory."""
    points.known[l] = points.tries[l] = points.reached[l] = 0
    points.aims[l] = points.slacks[l] = 0.0


@njit(**INNER)
def note_breakpoint(points, l, t, level):
    """A derivative jumps in a lane."""
    q = points.known[l] % points.times.shape[1]
    points.times[l, q], points.levels[l, q] = t, level
    points.known[l] += 1


@njit(**HELPER)
def approach(delays, past, polynomial, n, W, y, yt, pb, lanes, who, rtol):
    """Look for breakpoints in the steps that are to be accepted; `y` and `yt` are addresses of the states at their ends.

    A step that passes one is rejected, for a shorter one that ends there.
    """
    points = past.points
    call(delays.times, lanes[T], y, pb, past.at)
    for l in range(W):
        for j in range(delays.rated):
            points.first[l, j] = ld(past.at, j * W + l)
        put(lanes[TB], l, ld(lanes[T], l) + ld(lanes[H], l), W)
    call(delays.times, lanes[TB], yt, pb, past.at)
    for l in range(W):
        for j in range(delays.rated):
            points.last[l, j] = ld(past.at, j * W + l)
    for l in range(W):
        points.aims[l], points.reached[l] = 0.0, 0
        if who[l] < 0 or not ld(lanes[ERR], l) <= 1.0:
            continue
        part, within, t = 2.0, 0.0, ld(lanes[T], l)
        for j in range(delays.rated):
            begin, end = points.first[l, j], points.last[l, j]
            width = abs(end - begin)
            for q in range(min(points.known[l], points.times.shape[1])):
                at, level = points.times[l, q], points.levels[l, q] + 1
                sign = 1.0 if end > begin else -1.0
                doubt = ROUNDED * max(abs(at), abs(t))
                slack = max(points.slacks[l], NEARBY * rtol * width + doubt)
                left = sign * (at - end)
                if level > delays.order or not (sign * (at - begin) > doubt and left <= slack):
                    continue
                if left >= CLEAR * slack:
                    if part > 1.0 or (part == 1.0 and level < points.reached[l]):
                        part, points.reached[l] = 1.0, level
                        start = (left + slack) * ld(lanes[H], l) / width
                        points.shifts[l] = _beyond(delays, past, polynomial, n, W, l, j, at, sign, start, pb, lanes)
                    continue
                found = _part(delays, past, polynomial, n, W, l, j, at - 0.5 * sign * slack, 0.25 * slack, sign, pb, lanes)
                if found < part:
                    part, within = found, slack
        if part < 1.0:
            length = part * ld(lanes[H], l)
            points.reached[l] = 0
            if points.tries[l] < MOST_TRIES and length > 8.0 * ROUNDED * abs(t):
                points.tries[l] += 1
                points.aims[l], points.slacks[l] = length, within
                put(lanes[ERR], l, np.inf, W)


@njit(**HELPER)
def _part(delays, past, polynomial, n, W, l, j, goal, near, sign, pb, lanes):
    """The part of a step of a lane after which a delayed time is `near` to the goal, by the Illinois method."""
    a, b, side, x = 0.0, 1.0, 0, 1.0
    fa, fb = sign * (goal - past.points.first[l, j]), sign * (goal - past.points.last[l, j])
    for _ in range(MOST_PARTS):
        x = next_part(a, b, fa, fb)
        f = sign * (goal - _delayed(delays, past, polynomial, n, W, l, j, x, pb, lanes))
        if abs(f) <= near or not a < x < b:
            break
        a, b, fa, fb, side = within(a, b, fa, fb, side, x, f)
    return x


@njit(**HELPER)
def _beyond(delays, past, polynomial, n, W, l, j, at, sign, shift, pb, lanes):
    """How much later than the end of the step a delayed time is beyond a breakpoint; about `shift`."""
    for _ in range(MOST_PARTS):
        found = _delayed(delays, past, polynomial, n, W, l, j, 1.0 + shift / ld(lanes[H], l), pb, lanes)
        if sign * (found - at) > ROUNDED * abs(at):
            break
        shift *= 2.0
    return shift


@njit(**INNER)
def _delayed(delays, past, polynomial, n, W, l, j, x, pb, lanes):
    """A delayed time at a part of a step of a lane."""
    _states(polynomial, n, W, l, x, past.trial)
    put(lanes[TB], l, ld(lanes[T], l) + x * ld(lanes[H], l), W)
    call(delays.times, lanes[TB], past.trial, pb, past.at)
    return ld(past.at, j * W + l)


@njit(**INNER)
def _states(polynomial, n, W, l, x, target):
    """The states of a lane at a part of its step, or beyond it, by the operations of `symdyn_kernels.output`."""
    for i in range(n):
        e = i * W + l
        v = ld(polynomial.coefficients, (polynomial.degree - 1) * polynomial.stride + e)
        for k in range(polynomial.degree - 2, -1, -1):
            v = fma(v, 1.0 - x if k % 2 == 0 else x, ld(polynomial.coefficients, k * polynomial.stride + e))
        st(target, e, fma(v, x, ld(polynomial.before, e)))


@njit(**INNER)
def aim(points, W, lanes):
    """Let the next steps of lanes that passed a breakpoint end there."""
    for l in range(W):
        if points.aims[l] > 0.0:
            put(lanes[HNEXT], l, points.aims[l], W)


@njit(**HELPER)
def pass_breakpoints(points, polynomial, n, W, yt, ended, who, fresh, counts, lanes):
    """Move lanes past the breakpoints at which their steps ended; returns how many, and how many have outputs there.

    Where a lane begins anew for another reason there is a breakpoint of the first level, too.
    """
    moved, due = 0.0, 0.0
    for l in range(W):
        if who[l] < 0 or ended[l] != 0 or ld(lanes[ACCEPT], l) < 0.5:
            continue
        points.tries[l], points.slacks[l] = 0, 0.0
        end, whole = ld(lanes[TNEW], l), ld(lanes[T], l) + ld(lanes[H], l)
        if points.reached[l] > 0 and end >= whole - ROUNDED * abs(whole):
            _states(polynomial, n, W, l, 1.0 + points.shifts[l] / ld(lanes[H], l), yt)
            put(lanes[TNEW], l, end + points.shifts[l], W)
            note_breakpoint(points, l, end + 0.5 * points.shifts[l], points.reached[l])
            counts[who[l], 3] += fresh[l] == 0
            fresh[l] = 1
            moved += 1.0
            if ld(lanes[TNEXT], l) <= ld(lanes[TNEW], l):
                due += 1.0
        elif fresh[l] != 0:
            note_breakpoint(points, l, end, 1)
    return moved, due
