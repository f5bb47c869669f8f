"""The past of the lanes of an adaptive driver: the interpolants of accepted steps, in which delayed states are looked up.

For each lane there is a table of records, in the order of time: where a step begins and ends, the time and the length that its
polynomial is relative to, and for each state that is kept the value at the beginning and the coefficients.  The last record is
open: it stands for the step to come.  A step that looks up its own solution, as it may where delays depend on states or time,
is repeated with its polynomial in the open record until that changes no more.  Between the end of a step and the beginning of
the next lies what may jump: times nearer to the former are looked up before the jump, the others after it.  Events and
observables look up accepted steps, also the present one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.arguments.parts import Frames, IntegerRows, Integers, Numbers, Rows
from symdyn_kernels.breakpoints import Breakpoints, breakpoints, forget_breakpoints, note_breakpoint
from symdyn_kernels.constraints import make_consistent
from symdyn_kernels.fused import fma
from symdyn_kernels.lanes import ACCEPT, ERR, TB, TNEW, H, T, put
from symdyn_kernels.options import HELPER, INNER
from symdyn_kernels.simd import call, ld, st
from symdyn_kernels.status import MOST_KEPT, NEGATIVE_DELAY, SUCCESS, TOO_MANY_KEPT

__all__ = [
    "MOST_REPEATS", "Past", "begin_past", "evaluate", "foreseen", "keep", "next_jump", "note_jump", "past_memory", "past_size",
    "propose", "recall", "record_again", "record_past", "refuse_unsettled", "reopen", "revisit", "shorten", "slope_ahead",
    "unsettled",
]  # fmt: skip

#: Numbers of a record before its coefficients.
BEGIN, END, FROM, LENGTH, HEAD = 0, 1, 2, 3, 4
#: Records of a lane in the beginning.
FEW = 64
#: Times that a step is made at most until its solution is the one that it looks up.
MOST_REPEATS = 12
#: Jumps at events that a lane remembers, of which others follow after delays, and by how many roundings steps avoid these.  Of
#: more of them within the delays steps do not end at what follows from the first.
MOST_JUMPS, ROUNDINGS = 1024, 8.0
#: Change of the looked-up solution, relative to the tolerance, below which it is settled.
SETTLED = 1e-3
#: Tolerances by which a delay may be negative: errors of a state on which it depends.
SLACK = 10.0


class Past(NamedTuple):
    """The past of W lanes.

    Attributes
    ----------
    at, early, initial, trial : int
        Addresses of the times that are looked up, of the results of the history, of the initial values of all lanes, and of
        scratch memory for their states.
    rows : (W, q, r) float64
        The records.
    stored : (W,) int64
        How many there are, without the open one.
    near : (W, L) int64
        The record in which each time was found last.
    begin, shortest, longest : (W,) float64
        The first time, and the constant delays of the trajectory.
    inside, settled, ahead : (W,) int64
        Whether the present step looks up its own solution; whether this one no longer changes; whether a delay was negative.
    slack : (2,) float64
        By how much a delay may be negative, relative to the time and absolutely.
    jumps : (W, MOST_JUMPS) float64
    jumped : (W,) int64
        The last times at which events made states jump, in a ring, and how many there were.
    written : (W,) int64
        The output from which on values of the past are still to be recorded.
    points : Breakpoints
        Where derivatives jump, for delays that depend on states or time.
    """

    at: int
    early: int
    initial: int
    trial: int
    rows: Frames
    stored: Integers
    near: IntegerRows
    begin: Numbers
    shortest: Numbers
    longest: Numbers
    inside: Integers
    settled: Integers
    ahead: Integers
    slack: Numbers
    jumps: Rows
    jumped: Integers
    written: Integers
    points: Breakpoints


@njit(**INNER)
def past_size(delays, n, W):
    """Doubles of memory that `past_memory` needs."""
    return (delays.begins.size + 2 * delays.states.size + 2 * n) * W + 72


@njit(**HELPER)
def past_memory(delays, degree, n, W, tolerances, address):
    """An empty past of W lanes of n states, whose interpolants have the degree; `past_size` doubles begin at `address`."""
    at = (address + 63) // 64 * 64
    early = at + 8 * (delays.begins.size * W + 8)
    initial = early + 8 * (2 * delays.states.size * W + 16)
    trial = initial + 8 * (n * W + 8)
    rows = np.zeros((W, FEW, HEAD + delays.states.size * (degree + 1)))
    slack = np.zeros(2)
    slack[0], slack[1] = SLACK * tolerances.rtol, SLACK * tolerances.atol
    return Past(
        at, early, initial, trial, rows, np.zeros(W, np.int64), np.zeros((W, delays.begins.size), np.int64), np.zeros(W),
        np.zeros(W), np.zeros(W), np.zeros(W, np.int64), np.zeros(W, np.int64), np.zeros(W, np.int64), slack,
        np.full((W, MOST_JUMPS), -np.inf), np.zeros(W, np.int64), np.zeros(W, np.int64), breakpoints(delays, W),
    )  # fmt: skip


@njit(**INNER)
def begin_past(delays, past, l, k, n, W, y, lanes):
    """Trajectory `k` begins in lane `l`, with the states at address `y`."""
    past.stored[l], past.ahead[l], past.near[l], past.jumped[l] = 0, 0, 0, 0
    past.written[l] = 0
    past.begin[l], past.shortest[l], past.longest[l] = ld(lanes[T], l), delays.shortest[k], delays.longest[k]
    forget_breakpoints(past.points, l)
    note_breakpoint(past.points, l, past.begin[l], 0)
    for i in range(n):
        st(past.initial, i * W + l, ld(y, i * W + l))
    reopen(delays, past, l, W, y, lanes)


@njit(**INNER)
def reopen(delays, past, l, W, y, lanes):
    """Let the open record of a lane be constant: the states at address `y`."""
    row = past.rows[l, past.stored[l]]
    row[:] = 0.0
    row[BEGIN] = row[FROM] = ld(lanes[T], l)
    row[LENGTH] = 1.0
    width = (row.size - HEAD) // max(1, delays.states.size)
    for c in range(delays.states.size):
        row[HEAD + c * width] = ld(y, delays.states[c] * W + l)


@njit(**INNER)
def slope_ahead(delays, past, l, W, k):
    """Let the open record of a lane go on with the slopes at address `k`, if steps may look up their own solution."""
    if delays.varying:
        row = past.rows[l, past.stored[l]]
        width = (row.size - HEAD) // max(1, delays.states.size)
        for c in range(delays.states.size):
            row[HEAD + c * width + 1] = ld(k, delays.states[c] * W + l)


@njit(**INNER)
def shorten(past, W, lanes):
    """Clip the next steps to the shortest constant delays, so that these end before the steps."""
    for l in range(W):
        put(lanes[H], l, min(ld(lanes[H], l), past.shortest[l]), W)


@njit(**INNER)
def note_jump(past, l, t):
    """States of a lane jump at a time."""
    past.jumps[l, past.jumped[l] % MOST_JUMPS] = t
    past.jumped[l] += 1
    note_breakpoint(past.points, l, t, 0)


@njit(**INNER)
def next_jump(delays, past, l, k, t):
    """The first time after `t` at which a derivative jumps, delayed after a jump of trajectory `k` in lane `l`.

    And by how much a step ends before it, and the next begins after it.
    """
    found = np.inf
    for j in range(past.jumped[l] - 1, max(past.jumped[l] - MOST_JUMPS, 0) - 1, -1):
        follows = False
        for q in range(delays.sums.shape[1]):
            at = past.jumps[l, j % MOST_JUMPS] + delays.sums[k, q]
            if at - _doubt(at) > t:
                found, follows = min(found, at), True
                break
        if not follows:  # nor after earlier ones
            break
    return found, _doubt(found)


@njit(**INNER)
def _doubt(t):
    return ROUNDINGS * 2.2e-16 * abs(t)


@njit(**INNER)
def _place(past, l, j, s):
    """The record of a lane in which a time lies, from the one that was found last; the open one is the last."""
    rows, last = past.rows, past.stored[l]
    r = min(past.near[l, j], last)
    while r > 0 and s < 0.5 * (rows[l, r - 1, END] + rows[l, r, BEGIN]):
        r -= 1
    while r < last and s >= 0.5 * (rows[l, r, END] + rows[l, r + 1, BEGIN]):
        r += 1
    past.near[l, j] = r
    return r


@njit(**INNER)
def _value(row, c, width, theta):
    """State `c` of a record at a part of its length, by the operations of `symdyn_kernels.output`."""
    base = HEAD + c * width
    v = row[base + width - 1]
    for j in range(width - 3, -1, -1):
        v = fma(v, 1.0 - theta if j % 2 == 0 else theta, row[base + 1 + j])
    return fma(v, theta, row[base])


@njit(**INNER)
def _slope(row, c, width, theta):
    """Its derivative by the part."""
    base = HEAD + c * width
    v, d = row[base + width - 1], 0.0
    for j in range(width - 3, -1, -1):
        x, sign = (1.0 - theta, -1.0) if j % 2 == 0 else (theta, 1.0)
        d = d * x + sign * v
        v = fma(v, x, row[base + 1 + j])
    return d * theta + v


@njit(**INNER)
def recall(delays, past, t, y, W, pb):
    """Look up what rates of change take from the past, at the times and states at addresses `t` and `y`."""
    call(delays.times, t, y, pb, past.at)
    _look_up(delays, past, t, y, np.int64(0), W, W, pb, delays.rated, True)


@njit(**INNER)
def revisit(delays, past, t, y, low, high, W, pb):
    """Look up all values, in the lanes from `low` to `high`, at times and states of accepted steps, which are not repeated."""
    call(delays.times, t, y, pb, past.at)
    _look_up(delays, past, t, y, low, high, W, pb, delays.begins.size - 1, False)


@njit(**INNER)
def _look_up(delays, past, t, y, low, high, W, pb, count, noting):
    """Look up the values of the first `count` times; `noting` lanes that look up their own step."""
    width = (past.rows.shape[2] - HEAD) // max(1, delays.states.size)
    for j in range(count):
        at, early = past.at + 8 * j * W, False
        for l in range(low, high):
            early |= ld(at, l) < past.begin[l]
        if early:
            call(delays.history, at, past.initial, pb, past.early)
        for l in range(low, high):
            s, now = ld(at, l), ld(t, l)
            if s < past.begin[l]:
                for k in range(delays.begins[j], delays.begins[j + 1]):
                    place = delays.kept[k] + delays.slopes[k] * delays.states.size
                    st(pb, (delays.first + k) * W + l, ld(past.early, place * W + l))
                continue
            if s > now:
                if s > now + past.slack[0] * abs(now) + past.slack[1]:
                    past.ahead[l], s = 1, np.nan
                else:
                    s = now
            r = _place(past, l, j, s)
            row = past.rows[l, r]
            if noting and delays.varying and r == past.stored[l] and s > row[BEGIN]:
                past.inside[l] = 1
            theta = (s - row[FROM]) / row[LENGTH]
            for k in range(delays.begins[j], delays.begins[j + 1]):
                if delays.slopes[k]:
                    found = _slope(row, delays.kept[k], width, theta) / row[LENGTH]
                elif s == now and not noting:  # of a delay that vanishes, after what happens at this time
                    found = ld(y, delays.states[delays.kept[k]] * W + l)
                else:
                    found = _value(row, delays.kept[k], width, theta)
                st(pb, (delays.first + k) * W + l, found)


@njit(**INNER)
def foreseen(l, lagged):
    """Whether a lane looked into the future."""
    if lagged is not None:
        return lagged[1].ahead[l] != 0
    return False


@njit(**INNER)
def evaluate(function, t, y, pb, target, low, high, W, lagged):
    """Evaluate a lane function with what it takes from the past in the lanes from `low` to `high`.

    `lagged` are the `DelayTables` and the `Past`, or None where nothing is taken from it.
    """
    if lagged is not None:
        delays, past = lagged
        revisit(delays, past, t, y, low, high, W, pb)
    call(function, t, y, pb, target)


@njit(**INNER)
def propose(delays, past, polynomial, W, lanes, who):
    """Let the open records of accepted steps be their polynomials, in which what happens within them is looked up."""
    for l in range(W):
        if who[l] >= 0 and ld(lanes[ACCEPT], l) > 0.5:
            _write(delays, past.rows[l, past.stored[l]], polynomial, l, W, lanes)


@njit(**INNER)
def _moment(past, l, t, lanes):
    """The time for which values are recorded as those of the output time `t`.

    It may have ended before.  Between the end of a step and the beginning of the next it is the latter, after a jump.
    """
    if past.stored[l] > 0 and t > past.rows[l, past.stored[l] - 1, END]:
        return ld(lanes[TNEW], l)
    return min(t, ld(lanes[TNEW], l))


@njit(**HELPER)
def record_past(delays, past, n, W, pb, lanes, output, status, solved):
    """Record what observables take from the past at the outputs since the last ones.

    `solved` are algebraic equations with their memory and tolerances, or None; their unknowns are recorded, too.
    """
    for l in range(W):
        k = output.who[l]
        if k < 0 or status[k] != SUCCESS:
            continue
        before, past.ahead[l] = past.ahead[l], 0
        for q in range(past.written[l], min(output.due[l], output.values.shape[1])):
            for i in range(n):
                st(past.trial, i * W + l, output.values[k, q, i])
            at = output.times[q] if q == 0 else _moment(past, l, output.times[q], lanes)
            put(lanes[TB], l, at, W)
            revisit(delays, past, lanes[TB], past.trial, l, l + 1, W, pb)
            if solved is not None:
                constraints, solving, tolerances = solved
                code = make_consistent(constraints, solving, l, lanes[TB], past.trial, W, pb, tolerances, False)
                for i in constraints.unknowns:
                    output.values[k, q, i] = ld(past.trial, i * W + l) if code == SUCCESS else np.nan
                if code != SUCCESS:
                    status[k] = code
                    break
            for j in range(delays.observed.size):
                output.values[k, q, n + j] = ld(pb, (delays.first + delays.observed[j]) * W + l)
        if past.ahead[l]:
            status[k] = NEGATIVE_DELAY
        past.ahead[l] = before
        past.written[l] = output.due[l]


@njit(**INNER)
def record_again(past, l, output):
    """Let outputs between the end of the last step and the beginning of the next be recorded anew."""
    last = past.rows[l, past.stored[l] - 1, END] if past.stored[l] > 0 else np.inf
    while past.written[l] > 0 and output.times[past.written[l] - 1] > last:
        past.written[l] -= 1


@njit(**INNER)
def _write(delays, row, polynomial, l, W, lanes):
    """The polynomial of the present step of a lane as a record."""
    row[BEGIN], row[END] = ld(lanes[T], l), ld(lanes[TNEW], l)
    row[FROM], row[LENGTH] = ld(lanes[T], l), ld(lanes[H], l)
    width = polynomial.degree + 1
    for c in range(delays.states.size):
        e = delays.states[c] * W + l
        row[HEAD + c * width] = ld(polynomial.before, e)
        for j in range(polynomial.degree):
            row[HEAD + c * width + 1 + j] = ld(polynomial.coefficients, j * polynomial.stride + e)


@njit(**HELPER)
def unsettled(delays, past, polynomial, W, lanes, who, tolerances):
    """Put the solutions of steps that look up themselves into the open records; returns how many are still to be repeated.

    A lane that is settled looks up the same again, whatever the others do.
    """
    left, width = 0, polynomial.degree + 1
    if not delays.varying:
        return left
    new = np.empty(past.rows.shape[2])
    for l in range(W):
        if who[l] < 0 or past.inside[l] == 0 or past.settled[l] != 0:
            continue
        row = past.rows[l, past.stored[l]]
        _write(delays, new, polynomial, l, W, lanes)
        change = 0.0
        for c in range(delays.states.size):
            scale = tolerances.atol + tolerances.rtol * abs(new[HEAD + c * width])
            for q in range(1, 5):
                at = new[BEGIN] + 0.25 * q * new[LENGTH]
                before = _value(row, c, width, (at - row[FROM]) / row[LENGTH])
                change = max(change, abs(_value(new, c, width, 0.25 * q) - before) / scale)
        if change <= SETTLED:
            past.settled[l] = 1
        else:
            for k in range(FROM, row.size):
                row[k] = new[k]
            left += 1
    return left


@njit(**INNER)
def refuse_unsettled(delays, past, W, y, lanes, who):
    """Reject the steps that do not settle, or whose delays were negative; the next is shorter."""
    for l in range(W):
        if who[l] >= 0 and past.inside[l] != 0 and past.settled[l] == 0:
            put(lanes[ERR], l, np.inf, W)
            reopen(delays, past, l, W, y, lanes)
        past.inside[l] = past.settled[l] = 0


@njit(**HELPER)
def keep(delays, past, polynomial, W, lanes, who, status):
    """Add the accepted steps to the past; returns the past, and how many lanes have too many steps within their delays."""
    rows, failed, room = past.rows, 0.0, past.rows.shape[1]
    for l in range(W):
        if who[l] < 0 or ld(lanes[ACCEPT], l) < 0.5:
            continue
        if past.stored[l] + 2 > room:
            needed = ld(lanes[T], l) - past.longest[l] * (1.0 + 1e-12)
            m = 0
            while m < past.stored[l] and rows[l, m, END] < needed:
                m += 1
            for r in range(past.stored[l] - m + 1):
                rows[l, r] = rows[l, r + m]
            past.stored[l] -= m
            for j in range(past.near.shape[1]):
                past.near[l, j] = max(0, past.near[l, j] - m)
            if 2 * past.stored[l] > room:
                if room >= 2 * MOST_KEPT:
                    status[who[l]] = TOO_MANY_KEPT
                    failed += 1.0
                    past.stored[l] = 0
                    continue
                wider = np.empty((W, 2 * room, rows.shape[2]))
                wider[:, :room] = rows
                rows, room = wider, 2 * room
        r = past.stored[l]
        _write(delays, rows[l, r], polynomial, l, W, lanes)
        rows[l, r + 1] = rows[l, r]
        rows[l, r + 1, BEGIN] = ld(lanes[TNEW], l)
        past.stored[l] = r + 1
        past.ahead[l] = 0
    return Past(
        past.at, past.early, past.initial, past.trial, rows, past.stored, past.near, past.begin, past.shortest, past.longest,
        past.inside, past.settled, past.ahead, past.slack, past.jumps, past.jumped, past.written,
        past.points,
    ), failed  # fmt: skip
