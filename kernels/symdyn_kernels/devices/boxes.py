"""The rejection method on a card: boxes of species, bounds of propensities over them, and their tree of sums.

The formulas of `symdyn_kernels.rejection`.  All bounds are computed at once, by one function without branches, where the
processor has a function for each species; those that are taken over are the same.  In the tuple `m` are ``lane``, ``y`` and the
parameters, the bounds, the tree, whether boxes are one number, and room for what functions compute.
"""

from __future__ import annotations

from symdyn_kernels.constants.windows import SHORTEST_WINDOW
from symdyn_kernels.devices._prelude import i64, math
from symdyn_kernels.devices._queued import (
    BOXES,
    CHANGE_STARTS,
    CHANGED,
    ENDS,
    FIXED,
    LEAVES,
    REACTIONS,
    READER_STARTS,
    READERS,
    SPECIES,
    TABLE,
    bounds,
    rates,
    settle,
    window,
)
from symdyn_kernels.shared.sums import above, half_width, judge
from symdyn_kernels.status import ABOVE_BOUND, NOT_FINITE, SUCCESS


def entry(k):
    """An entry of the tables: the one place that reads them, as numba gives every place a copy."""
    return i64(TABLE[k])


def enclose(s, m):
    """Put a box around the number of a species; it is without end where no propensity reads the species."""
    y = m[1]
    width = half_width(y[s]) if m[5][s] == 0 else 0.0
    if entry(READER_STARTS + s) == entry(READER_STARTS + s + 1):
        width = math.inf
    y[BOXES + s] = y[s] - width
    y[BOXES + SPECIES + 1 + s] = y[s] + width


def outside(s, y):
    """Whether a species has left its box."""
    return (y[s] < y[BOXES + s]) | (y[s] > y[BOXES + SPECIES + 1 + s])


def put_bounds(row, m):
    """Put new bounds of what reads a species, or depends on time, into the tree; returns a status."""
    bounds(m[0], m[1], m[2], m[3])
    code = SUCCESS
    for q in range(entry(READER_STARTS + row), entry(READER_STARTS + row + 1)):
        j = entry(READERS + q)
        code = max(code, judge(m[3][j]))
        m[4][LEAVES + j] = m[3][j]
    return code


def add_up(tree):
    """All sums."""
    for k in range(LEAVES - 1, 0, -1):
        tree[k] = tree[2 * k] + tree[2 * k + 1]


def build(m):
    """All bounds and sums; returns a status."""
    bounds(m[0], m[1], m[2], m[3])
    code = SUCCESS
    for j in range(REACTIONS):
        code = max(code, judge(m[3][j]))
        m[4][LEAVES + j] = m[3][j]
    add_up(m[4])
    return max(code, judge(m[4][1]))


def rebound(s, m):
    """A new box of a species and the bounds of what reads it; returns a status."""
    enclose(s, m)
    code = put_bounds(s, m)
    if code != SUCCESS and m[5][s] == 0:
        m[5][s] = 1
        enclose(s, m)
        code = put_bounds(s, m)
    return code


def rebound_all(m):
    """Each box as wide as bounds that are not wrong allow; returns the status of all bounds."""
    for s in range(SPECIES):
        m[5][s] = 1
        enclose(s, m)
    build(m)
    for s in range(SPECIES):
        m[5][s] = entry(FIXED + s)
        rebound(s, m)
    return build(m)


def begin_boxes(m):
    """Boxes and everything that the model computes, at states that anything may have changed; returns a status."""
    for s in range(SPECIES):
        enclose(s, m)
    window(m[0], m[1], m[2], m[1])
    settle(m[0], m[1], m[2], m[1])
    code = build(m)
    return code if code == SUCCESS else rebound_all(m)


def follow(row, m):
    """New bounds after a reaction or completion has moved species out of their boxes; returns a status."""
    code = SUCCESS
    for q in range(entry(CHANGE_STARTS + row), entry(CHANGE_STARTS + row + 1)):
        s = entry(CHANGED + q)
        if outside(s, m[1]):
            code = max(code, rebound(s, m))
    add_up(m[4])
    return max(code if code == SUCCESS else rebound_all(m), judge(m[4][1]))


def renew(t, length, m):
    """Bounds over a window that begins now; returns its length, which is less where they were infinite, and a status."""
    going, code = True, SUCCESS
    while going:
        m[1][ENDS] = t + length
        window(m[0], m[1], m[2], m[1])
        code = put_bounds(SPECIES, m)
        add_up(m[4])
        code = max(code, judge(m[4][1]))
        going = code == NOT_FINITE and length > SHORTEST_WINDOW * max(abs(t), 1.0)
        if going:
            length *= 0.125
    return length, code


def bounded(m):
    """Whether all propensities are below their bounds at the present states, as a status."""
    code = SUCCESS
    rates(m[0], m[1], m[2], m[6])
    for j in range(REACTIONS):
        code = ABOVE_BOUND if above(m[6][j], m[4][LEAVES + j]) else code
    return code
