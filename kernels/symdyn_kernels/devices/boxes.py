"""The rejection method on a card: boxes of species, bounds of propensities over them, and their tree of sums.

The formulas of `symdyn_kernels.rejection`.  All bounds are computed at once, by one function without branches, where the
processor has a function for each species; those that are taken over are the same.  In the tuple `m` are ``lane``, ``y`` and the
parameters, the bounds, the tree, whether boxes are one number, room for what functions compute, and the sums of groups, whose
bounds are without their hubs.
"""

from __future__ import annotations

from symdyn_kernels.constants.windows import SHORTEST_WINDOW
from symdyn_kernels.devices._groups import (
    BEYOND,
    FIRSTS,
    GROUPED,
    GROUPS,
    HUBS,
    INNER,
    MEMBER_STARTS,
    MEMBERS,
    ROOTS,
    RUN_STARTS,
    TOUCHED,
    UNITS,
)
from symdyn_kernels.devices._prelude import math
from symdyn_kernels.devices._queued import (
    BOXES,
    CHANGE_STARTS,
    CHANGED,
    ENDS,
    FIXED,
    LEAVES,
    READER_STARTS,
    READERS,
    SPECIES,
    bounds,
    rates,
    settle,
    window,
)
from symdyn_kernels.devices.groups import entry, leaf_of
from symdyn_kernels.shared.sums import above, climb, half_width, judge, judge_part, put_leaf, shared_bound
from symdyn_kernels.status import ABOVE_BOUND, NOT_FINITE, SUCCESS


def enclose(s, m):
    """Put a box around the number of a species; it is without end where no propensity reads the species."""
    y = m[1]
    width = half_width(y[s]) if m[5][s] == 0 else 0.0
    read = entry(READER_STARTS + s) < entry(READER_STARTS + s + 1)
    if GROUPED:
        read = read or entry(RUN_STARTS + s) < entry(RUN_STARTS + s + 1)
    if not read:
        width = math.inf
    y[BOXES + s] = y[s] - width
    y[BOXES + SPECIES + 1 + s] = y[s] + width


def outside(s, y):
    """Whether a species has left its box."""
    return (y[s] < y[BOXES + s]) | (y[s] > y[BOXES + SPECIES + 1 + s])


def bound_of(g, m):
    """The bound of all propensities of a group."""
    return shared_bound(m[1][BOXES + SPECIES + 1 + entry(HUBS + g)], m[7][entry(ROOTS + g)])


def put_bounds(row, m):
    """Put new bounds of what reads a species, or depends on time, into the tree; returns a status."""
    bounds(m[0], m[1], m[2], m[3])
    code, last, tree, inner = SUCCESS, 0, m[4], m[7]
    for q in range(entry(READER_STARTS + row), entry(READER_STARTS + row + 1)):
        j = entry(READERS + q)
        code = max(code, judge(m[3][j]))
        last = put_leaf(m[3][j], LEAVES + j, last, tree)
    if GROUPED:
        for run in range(entry(RUN_STARTS + row), entry(RUN_STARTS + row + 1)):
            g, below = entry(TOUCHED + run), 0
            for q in range(entry(MEMBER_STARTS + run), entry(MEMBER_STARTS + run + 1)):
                j = entry(MEMBERS + q)
                code = max(code, judge_part(m[3][j]))
                below = put_leaf(m[3][j], leaf_of(j, g), below, inner)
            if below > 0:
                climb(below, entry(BEYOND + g), inner)
            x = bound_of(g, m)
            code = max(code, judge(x))
            last = put_leaf(x, LEAVES + UNITS + g, last, tree)
    if last > 0:
        climb(last, 0, tree)
    return code


def build(m):
    """All bounds and sums; returns a status."""
    bounds(m[0], m[1], m[2], m[3])
    code, tree, inner = SUCCESS, m[4], m[7]
    for j in range(UNITS):
        code = max(code, judge(m[3][j]))
        tree[LEAVES + j] = m[3][j]
    if GROUPED:
        for g in range(GROUPS):
            for j in range(entry(FIRSTS + g), entry(FIRSTS + g + 1)):
                code = max(code, judge_part(m[3][j]))
                inner[leaf_of(j, g)] = m[3][j]
        for k in range(INNER // 2 - 1, 0, -1):
            inner[k] = inner[2 * k] + inner[2 * k + 1]
        for g in range(GROUPS):
            x = bound_of(g, m)
            code = max(code, judge(x))
            tree[LEAVES + UNITS + g] = x
    for k in range(LEAVES - 1, 0, -1):
        tree[k] = tree[2 * k] + tree[2 * k + 1]
    return max(code, judge(tree[1]))


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
    return max(code if code == SUCCESS else rebound_all(m), judge(m[4][1]))


def renew(t, length, m):
    """Bounds over a window that begins now; returns its length, which is less where they were infinite, and a status."""
    going, code = True, SUCCESS
    while going:
        m[1][ENDS] = t + length
        window(m[0], m[1], m[2], m[1])
        code = max(put_bounds(SPECIES, m), judge(m[4][1]))
        going = code == NOT_FINITE and length > SHORTEST_WINDOW * max(abs(t), 1.0)
        if going:
            length *= 0.125
    return length, code


def bounded(m):
    """Whether all propensities are below their bounds at the present states, as a status."""
    code = SUCCESS
    rates(m[0], m[1], m[2], m[6])
    for j in range(UNITS):
        code = ABOVE_BOUND if above(m[6][j], m[4][LEAVES + j]) else code
    return code
