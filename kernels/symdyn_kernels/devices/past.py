"""The past of a trajectory on a card: the interpolants of its last steps, in which delayed states are looked up.

Formulas and order of operations are those of `symdyn_kernels.delays`.  With delays the parameters `p` are a tuple: an array of
the parameters and, after these, of the delayed values; the records of the last steps, in a ring; whole numbers, times and
delays; and scratch memory.  Step r, counted from the first, has the record ``r % STEPS_KEPT``; the last is open and stands for
the step to come.  Jumps propagate to the times in `echoes`: one delay after each the next derivative jumps, until that is
smoother than the method's order.  Where delays depend on states or time these times are found in `devices.breaks`.
"""

from __future__ import annotations

from symdyn_kernels.devices._delayed import (
    BEGINS,
    BOUNDING,
    CONSTANT_DELAYS,
    DEGREE,
    FIRST_VALUE,
    OBSERVABLES,
    OBSERVED,
    ORDER,
    PLACES,
    RATED,
    SLOPES,
    STATES,
    STEPS_KEPT,
    VARYING,
    coefficient,
    delays,
    history,
    times,
)
from symdyn_kernels.devices._model import ROWS, K, N, Y, interpolant
from symdyn_kernels.devices._prelude import math

#: Numbers of a record before its coefficients, and all of them.
BEGIN, END, FROM, LENGTH, HEAD = 0, 1, 2, 3, 4
WIDE = HEAD + len(STATES) * (DEGREE + 1)
#: The row of the memory with the initial values, after that of states within a step.
FIRST_STATE = ROWS + 1
#: Whole numbers: how many steps there were; whether the present one looks up itself, whether it is settled; whether a delay was
#: negative, or a step is no longer known; how many echoes there are.  Of each delayed time the step found last follows.
#: Before it, of breakpoints: how many there were, how often the step was made again, the level of that at its end, or 0.
COUNT, INSIDE, SETTLED, AHEAD, LOST, ECHOES, KNOWN, TRIES, REACHED, NEAR_STEP = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
MARKS = NEAR_STEP + len(BEGINS)
#: Times: the first one, the shortest delay that bounds steps, by how much a delay may be negative; then the constant delays.
#: Before these, of breakpoints: the length of the step up to one, how far from it that may end, how much later the next begins.
START, SHORTEST, RELATIVE, ABSOLUTE, AIM, BOUND, SHIFT, FIRST_DELAY = 0, 1, 2, 3, 4, 5, 6, 7
MOMENTS = FIRST_DELAY + CONSTANT_DELAYS
#: Scratch memory for delayed times, and for states of the history with their slopes or for the constant delays.
TIMES, EARLY = len(BEGINS), max(1, CONSTANT_DELAYS, 2 * len(STATES))
#: Echoes that are remembered: of more of them steps do not end at those that come last.
MOST_ECHOES, ROUNDINGS = 256, 8.0
MOST_REPEATS, SETTLES, SLACK = 12, 1e-3, 10.0


def begin_past(t, rtol, atol, p, memory):
    """A trajectory begins at `t`, with the states in row `FIRST_STATE`."""
    marks, moments, early = p[2], p[3], p[6]
    for j in range(MARKS):
        marks[j] = 0
    moments[START], moments[SHORTEST], moments[BOUND] = t, math.inf, 0.0
    moments[RELATIVE], moments[ABSOLUTE] = SLACK * rtol, SLACK * atol
    if CONSTANT_DELAYS > 0:
        delays((t,), Y, p, memory, early)
        for j in range(CONSTANT_DELAYS):
            moments[FIRST_DELAY + j] = early[j]
            if j < BOUNDING:
                moments[SHORTEST] = min(moments[SHORTEST], early[j])


def reopen(t, row, p, memory):
    """Let the open record be constant: the states in a row."""
    records, marks = p[1], p[2]
    r = marks[COUNT] % STEPS_KEPT
    for j in range(WIDE):
        records[r, j] = 0.0
    records[r, BEGIN], records[r, FROM], records[r, LENGTH] = t, t, 1.0
    for c in range(len(STATES)):
        records[r, HEAD + c * (DEGREE + 1)] = memory[row, STATES[c]]


def slope_ahead(p, memory):
    """Let the open record go on with the slopes in row `K`, if steps may look up their own solution."""
    if VARYING:
        records, marks = p[1], p[2]
        for c in range(len(STATES)):
            records[marks[COUNT] % STEPS_KEPT, HEAD + c * (DEGREE + 1) + 1] = memory[K, STATES[c]]
    p[2][INSIDE] = 0


def step_at(j, s, p):
    """The step in which time `j` to be looked up lies, from the one that was found last; the open one is the last."""
    records, marks = p[1], p[2]
    last = marks[COUNT]
    low = max(0, last - STEPS_KEPT + 1)
    r = min(max(marks[NEAR_STEP + j], low), last)
    while r > low and s < 0.5 * (records[(r - 1) % STEPS_KEPT, END] + records[r % STEPS_KEPT, BEGIN]):
        r -= 1
    while r < last and s >= 0.5 * (records[r % STEPS_KEPT, END] + records[(r + 1) % STEPS_KEPT, BEGIN]):
        r += 1
    if low > 0 and r == low and s < records[r % STEPS_KEPT, BEGIN]:
        marks[LOST] = 1
    marks[NEAR_STEP + j] = r
    return r


def value_at(r, c, theta, records):
    """State `c` of a record at a part of its length."""
    base = HEAD + c * (DEGREE + 1)
    v = records[r, base + DEGREE]
    for j in range(DEGREE - 2, -1, -1):
        v = v * (1.0 - theta if j % 2 == 0 else theta) + records[r, base + 1 + j]
    return v * theta + records[r, base]


def slope_at(r, c, theta, records):
    """Its derivative by the part."""
    base = HEAD + c * (DEGREE + 1)
    v, d = records[r, base + DEGREE], 0.0
    for j in range(DEGREE - 2, -1, -1):
        x, sign = 1.0 - theta, -1.0
        if j % 2 != 0:
            x, sign = theta, 1.0
        d = d * x + sign * v
        v = v * x + records[r, base + 1 + j]
    return d * theta + v


def look_up(now, y, p, memory, count, noting):
    """Put the values of the first `count` delayed times among the parameters; `noting` whether the step looks up itself."""
    own, records, marks, moments, at, early = p[0], p[1], p[2], p[3], p[5], p[6]
    times((now,), y, p, memory, at)
    for j in range(count):
        s = at[j]
        if s < moments[START]:
            history((s,), FIRST_STATE, p, memory, early)
            for k in range(BEGINS[j], BEGINS[j + 1]):
                own[FIRST_VALUE + k] = early[PLACES[k] + SLOPES[k] * len(STATES)]
        else:
            if s > now:
                if s > now + moments[RELATIVE] * abs(now) + moments[ABSOLUTE]:
                    marks[AHEAD], s = 1, math.nan
                else:
                    s = now
            found = step_at(j, s, p)
            r = found % STEPS_KEPT
            if noting and VARYING and found == marks[COUNT] and s > records[r, BEGIN]:
                marks[INSIDE] = 1
            theta = (s - records[r, FROM]) / records[r, LENGTH]
            for k in range(BEGINS[j], BEGINS[j + 1]):
                if SLOPES[k] != 0:
                    own[FIRST_VALUE + k] = slope_at(r, PLACES[k], theta, records) / records[r, LENGTH]
                elif s == now and not noting:  # of a delay that vanishes, after what happens at this time
                    own[FIRST_VALUE + k] = memory[y, STATES[PLACES[k]]]
                else:
                    own[FIRST_VALUE + k] = value_at(r, PLACES[k], theta, records)


def recall(now, y, p, memory):
    """Look up what rates of change take from the past, at a time and the state in row `y`."""
    look_up(now, y, p, memory, RATED, True)


def revisit(now, y, p, memory):
    """Look up all values at a time and a state of accepted steps."""
    look_up(now, y, p, memory, len(BEGINS) - 1, False)


def write_record(t, h, t_next, p, memory):
    """Let the open record be the polynomial of the step that was made."""
    records, marks = p[1], p[2]
    r = marks[COUNT] % STEPS_KEPT
    records[r, BEGIN], records[r, END], records[r, FROM], records[r, LENGTH] = t, t_next, t, h
    for c in range(len(STATES)):
        records[r, HEAD + c * (DEGREE + 1)] = memory[Y, STATES[c]]
        for j in range(DEGREE):
            records[r, HEAD + c * (DEGREE + 1) + 1 + j] = coefficient(c, j, memory)


def settled(t, h, p, memory):
    """Whether the step, if it looks up itself, has found the solution that it looked up; else that is renewed."""
    records, marks = p[1], p[2]
    if marks[INSIDE] == 0:
        return True
    r, change = marks[COUNT] % STEPS_KEPT, 0.0
    for c in range(len(STATES)):
        scale = (p[3][ABSOLUTE] + p[3][RELATIVE] * abs(memory[Y, STATES[c]])) / SLACK
        for q in range(1, 5):
            theta = (t + 0.25 * q * h - records[r, FROM]) / records[r, LENGTH]
            new = interpolant(STATES[c], 0.25 * q, memory)
            change = max(change, abs(new - value_at(r, c, theta, records)) / scale)
    if change <= SETTLES:
        marks[SETTLED] = 1
        return True
    write_record(t, h, t + h, p, memory)
    return False


def refuse_unsettled(t, x, p, memory):
    """The error of a step, infinite if it looks up itself and did not settle; the next is shorter."""
    marks = p[2]
    if marks[INSIDE] != 0 and marks[SETTLED] == 0:
        reopen(t, Y, p, memory)
        x = math.inf
    marks[INSIDE], marks[SETTLED] = 0, 0
    return x


def keep(t_next, p):
    """Add the step that was made, up to a time, to the past."""
    records, marks = p[1], p[2]
    r = marks[COUNT] % STEPS_KEPT
    following = (r + 1) % STEPS_KEPT
    records[r, END] = t_next
    for j in range(WIDE):
        records[following, j] = records[r, j]
    records[following, BEGIN] = t_next
    marks[COUNT] += 1
    marks[AHEAD] = 0


def doubt(t):
    """By how much a step ends before an echo, and the next begins after it."""
    return ROUNDINGS * 2.2e-16 * abs(t)


def note_echoes(t, level, p):
    """A derivative jumps at a time, so many delays after the first jump."""
    marks, moments, echoes = p[2], p[3], p[4]
    if level >= ORDER:
        return
    for j in range(CONSTANT_DELAYS):
        at, known = t + moments[FIRST_DELAY + j], False
        for q in range(marks[ECHOES]):
            if abs(echoes[q, 0] - at) <= doubt(at):
                known, echoes[q, 1] = True, min(echoes[q, 1], level + 1.0)
        if not known and marks[ECHOES] < MOST_ECHOES:
            echoes[marks[ECHOES], 0], echoes[marks[ECHOES], 1] = at, level + 1.0
            marks[ECHOES] += 1


def next_echo(p):
    """Where a step ends before the next echo."""
    found, marks, echoes = math.inf, p[2], p[4]
    for q in range(marks[ECHOES]):
        found = min(found, echoes[q, 0] - doubt(echoes[q, 0]))
    return found


def pass_echoes(t, p):
    """The time from which to go on after the echoes at `t`, which have echoes of their own."""
    marks, echoes, begin, q = p[2], p[4], t, 0
    while q < marks[ECHOES]:
        at, level = echoes[q, 0], echoes[q, 1]
        if at - doubt(at) <= t:
            begin = max(begin, at + doubt(at))
            marks[ECHOES] -= 1
            echoes[q, 0], echoes[q, 1] = echoes[marks[ECHOES], 0], echoes[marks[ECHOES], 1]
            note_echoes(at, level, p)
        else:
            q += 1
    return begin


def observe(first, due, i, t_next, p, times_out, values, memory):
    """Record delayed values in observables at the outputs from `first` to `due`."""
    for q in range(first, due):
        for e in range(N):
            memory[ROWS, e] = values[q, e, i]
        revisit(min(times_out[q], t_next), ROWS, p, memory)
        for j in range(OBSERVABLES):
            values[q, N + j, i] = p[0][FIRST_VALUE + OBSERVED[j]]
