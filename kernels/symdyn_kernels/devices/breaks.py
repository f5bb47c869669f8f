"""Breakpoints of delays that depend on states or time, on a card: steps end where a jump of a derivative is looked up.

Formulas and order of operations are those of `symdyn_kernels.breakpoints`; of the tuple `p` (`symdyn_kernels.devices.past`) the
last two entries are the breakpoints, a time and how many delays after the first jump it is, in a ring, and the delayed times at
both ends of the step.
"""

from __future__ import annotations

from symdyn_kernels.constants.breakpoints import CLEAR, MOST_PARTS, MOST_POINTS, MOST_TRIES, NEARBY, ROUNDED
from symdyn_kernels.devices._delayed import ORDER, RATED, times
from symdyn_kernels.devices._model import ROWS, N, W, Y, interpolant
from symdyn_kernels.devices._prelude import i64
from symdyn_kernels.devices.past import AIM, BOUND, KNOWN, REACHED, SHIFT, TRIES
from symdyn_kernels.shared.illinois import next_part, within


def note_point(t, level, p):
    """A derivative jumps."""
    q = p[2][KNOWN] % MOST_POINTS
    p[7][q, 0], p[7][q, 1] = t, level
    p[2][KNOWN] += 1


def delayed_at(x, j, t, h, p, memory):
    """Delayed time `j` at a part of the step, or beyond it."""
    for e in range(N):
        memory[ROWS, e] = interpolant(e, x, memory)
    times((t + x * h,), ROWS, p, memory, p[5])
    return p[5][j]


def part_to(goal, near, sign, j, t, h, p, memory):
    """The part of the step after which a delayed time is `near` to the goal, by the Illinois method."""
    a, b, side, x = 0.0, 1.0, 0, 1.0
    fa, fb = sign * (goal - p[8][0, j]), sign * (goal - p[8][1, j])
    for _ in range(MOST_PARTS):
        x = next_part(a, b, fa, fb)
        f = sign * (goal - delayed_at(x, j, t, h, p, memory))
        if abs(f) <= near or not (a < x and x < b):
            break
        a, b, fa, fb, side = within(a, b, fa, fb, side, x, f)
    return x


def beyond(at, sign, shift, j, t, h, p, memory):
    """How much later than the end of the step a delayed time is beyond a breakpoint; about `shift`."""
    for _ in range(MOST_PARTS):
        if sign * (delayed_at(1.0 + shift / h, j, t, h, p, memory) - at) > ROUNDED * abs(at):
            break
        shift *= 2.0
    return shift


def approach(t, h, rtol, p, memory):
    """The length of the step up to a breakpoint that it passes, or 0 where it passes none and is to be accepted."""
    marks, moments, points, ends = p[2], p[3], p[7], p[8]
    times((t,), Y, p, memory, p[5])
    for j in range(RATED):
        ends[0, j] = p[5][j]
    times((t + h,), W, p, memory, p[5])
    for j in range(RATED):
        ends[1, j] = p[5][j]
    part, within = 2.0, 0.0
    marks[REACHED] = 0
    for j in range(RATED):
        width, sign = abs(ends[1, j] - ends[0, j]), 1.0 if ends[1, j] > ends[0, j] else -1.0
        for q in range(min(marks[KNOWN], MOST_POINTS)):
            at, level = points[q, 0], i64(points[q, 1]) + 1
            near = ROUNDED * max(abs(at), abs(t))
            slack = max(moments[BOUND], NEARBY * rtol * width + near)
            left = sign * (at - ends[1, j])
            if level <= ORDER and sign * (at - ends[0, j]) > near and left <= slack:
                if left >= CLEAR * slack:
                    if part > 1.0 or (part == 1.0 and level < marks[REACHED]):
                        part, marks[REACHED] = 1.0, level
                        moments[SHIFT] = beyond(at, sign, (left + slack) * h / width, j, t, h, p, memory)
                else:
                    found = part_to(at - 0.5 * sign * slack, 0.25 * slack, sign, j, t, h, p, memory)
                    if found < part:
                        part, within = found, slack
    if part < 1.0:
        marks[REACHED] = 0
        if marks[TRIES] < MOST_TRIES and part * h > 8.0 * ROUNDED * abs(t):
            marks[TRIES] += 1
            moments[AIM], moments[BOUND] = part * h, within
            return part * h
    return 0.0


def pass_point(t, h, t_next, p, memory):
    """By how much later the next step begins, if this one ended at a breakpoint; the states there are left in row `W`."""
    marks, moments = p[2], p[3]
    reached, whole = marks[REACHED], t + h
    marks[TRIES], marks[REACHED], moments[BOUND] = 0, 0, 0.0
    if reached == 0 or t_next < whole - ROUNDED * abs(whole):
        return 0.0
    for e in range(N):
        memory[ROWS, e] = interpolant(e, 1.0 + moments[SHIFT] / h, memory)
    for e in range(N):
        memory[W, e] = memory[ROWS, e]
    note_point(t_next + 0.5 * moments[SHIFT], reached, p)
    return moments[SHIFT]
