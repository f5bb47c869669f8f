"""The rejection method for large networks on a card: mass action as data, and a sum tree in the memory of the thread.

The loop of `symdyn_kernels.drivers.jump_large` for one trajectory, with the same random numbers.  The array `memory` contains
numbers of molecules, then the least numbers of the boxes, then the greatest; `tree` contains the sums of bounds
(`symdyn_kernels.shared.sums`), in which that of the propensity of reaction j, which is in no group, is node LEAVES + j, and
that of group g node LEAVES + UNITS + g; `inner` contains those of groups.
"""

from __future__ import annotations

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
from symdyn_kernels.devices._network import (
    CHANGE_STARTS,
    CHANGED,
    CHANGES,
    COEFFICIENTS,
    DEPENDENT_STARTS,
    DEPENDENTS,
    LEAVES,
    LESS,
    MOLECULES,
    NODES,
    NUMBERS,
    REACTANT_STARTS,
    REACTANTS,
    SCHEDULED,
    SPECIES,
    STOPS,
    assign,
    effects,
    start,
)
from symdyn_kernels.devices._prelude import cuda, i64, math, real64
from symdyn_kernels.devices.groups import chosen_in, entry, leaf_of
from symdyn_kernels.devices.holding import hold
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.rows import EVALUATIONS, REJECTED, STATUS, STEPS
from symdyn_kernels.shared.molecules import judged
from symdyn_kernels.shared.streams import next_exponential, next_uniform, open_stream
from symdyn_kernels.shared.sums import above, climb, descend, half_width, put_leaf, shared_bound
from symdyn_kernels.status import ABOVE_BOUND, NOT_FINITE, SUCCESS, TOO_MANY_STEPS


def number(k):
    """A coefficient that is a number."""
    return NUMBERS[k]


def propensity(j, known, base, memory, parameters, i):
    """The propensity of a reaction: molecules of the reactants, each one less than before, times the coefficient.

    Numbers of molecules are those from `base` on: 0 for the present ones, 2 SPECIES for the bound.  That of a hub comes first:
    for its group the first `known` ones are left out.
    """
    product = 1.0
    for e in range(entry(REACTANT_STARTS + j) + known, entry(REACTANT_STARTS + j + 1)):
        product = product * (memory[base + entry(REACTANTS + e)] - real64(entry(LESS + e)))
    row = entry(COEFFICIENTS + j)
    return product * (parameters[row, i] if row >= 0 else number(-1 - row))


def enclose(k, memory):
    """Put a box around the number of a species."""
    width = half_width(memory[k])
    memory[SPECIES + k] = memory[k] - width
    memory[2 * SPECIES + k] = memory[k] + width


def scale_of(g, memory):
    """The greatest number in the box of the hub of a group."""
    return memory[2 * SPECIES + entry(HUBS + g)]


def build(memory, tree, inner, parameters, i):
    """All boxes, bounds and sums."""
    for k in range(SPECIES):
        enclose(k, memory)
    for j in range(UNITS):
        tree[LEAVES + j] = propensity(j, 0, 2 * SPECIES, memory, parameters, i)
    if GROUPED:
        for g in range(GROUPS):
            for j in range(entry(FIRSTS + g), entry(FIRSTS + g + 1)):
                inner[leaf_of(j, g)] = propensity(j, 1, 2 * SPECIES, memory, parameters, i)
        for k in range(INNER // 2 - 1, 0, -1):
            inner[k] = inner[2 * k] + inner[2 * k + 1]
        for g in range(GROUPS):
            tree[LEAVES + UNITS + g] = shared_bound(scale_of(g, memory), inner[entry(ROOTS + g)])
    for k in range(LEAVES - 1, 0, -1):
        tree[k] = tree[2 * k] + tree[2 * k + 1]


def rebound(k, memory, tree, inner, parameters, i):
    """A new box of a species, the bounds of what reads it, and the sums above those that have changed."""
    last = 0
    enclose(k, memory)
    for q in range(entry(DEPENDENT_STARTS + k), entry(DEPENDENT_STARTS + k + 1)):
        j = entry(DEPENDENTS + q)
        last = put_leaf(propensity(j, 0, 2 * SPECIES, memory, parameters, i), LEAVES + j, last, tree)
    if GROUPED:
        for run in range(entry(RUN_STARTS + k), entry(RUN_STARTS + k + 1)):
            g, below = entry(TOUCHED + run), 0
            for q in range(entry(MEMBER_STARTS + run), entry(MEMBER_STARTS + run + 1)):
                j = entry(MEMBERS + q)
                below = put_leaf(propensity(j, 1, 2 * SPECIES, memory, parameters, i), leaf_of(j, g), below, inner)
            if below > 0:
                climb(below, entry(BEYOND + g), inner)
            last = put_leaf(shared_bound(scale_of(g, memory), inner[entry(ROOTS + g)]), LEAVES + UNITS + g, last, tree)
    if last > 0:
        climb(last, 0, tree)


def react(j, memory, tree, inner, parameters, i):
    """Change the numbers of molecules by a reaction, and the boxes of those that have left theirs."""
    for e in range(entry(CHANGE_STARTS + j), entry(CHANGE_STARTS + j + 1)):
        k = entry(CHANGED + e)
        memory[k] = memory[k] + real64(entry(CHANGES + e))
    for e in range(entry(CHANGE_STARTS + j), entry(CHANGE_STARTS + j + 1)):
        k = entry(CHANGED + e)
        if (memory[k] < memory[SPECIES + k]) | (memory[k] > memory[2 * SPECIES + k]):
            rebound(k, memory, tree, inner, parameters, i)


def dosed(t, passed, k, stops, memory, tree, inner, parameters, i):
    """Let the events act that are due until `t`; returns how many are passed, and a status."""
    code = SUCCESS
    while passed < stops.shape[0] and stops[passed, 0, k] <= t:
        assign(i64(stops[passed, 2, k]), effects((t,), memory, (parameters, i)), memory)
        passed += 1
    for e in range(SPECIES):
        code = judged(memory[e], code)
    build(memory, tree, inner, parameters, i)
    return passed, code


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, epsilon, max_steps, seed, detect, fine, values,
    counts, passage,
):  # fmt: skip
    """One trajectory, in one thread."""
    memory, tree = cuda.local.array(MOLECULES, real64), cuda.local.array(NODES, real64)
    inner = cuda.local.array(INNER, real64)
    for k in range(NODES):
        tree[k] = 0.0
    for k in range(INNER):
        inner[k] = 0.0
    for k in range(SPECIES):
        memory[k] = initial[k, i]
    s = open_stream(seed, streams[i])
    code, q, t, events, tries, passed, column = SUCCESS, 0, times[0], 0, 0, 0, i if stops.shape[2] > 1 else 0
    if SCHEDULED:  # the initial values are those after what happens at the first time
        while passed < stops.shape[0] and stops[passed, 0, column] <= t:
            passed += 1
    if begin[i] > 0:
        code = begin[i]
    elif begin[i] < 0:
        passage[i] = t
        q = hold(memory, i, q, math.inf, times, values)
    else:
        for k in range(SPECIES):
            values[0, k, i] = memory[k]
        q = 1
        build(memory, tree, inner, parameters, i)
    while code == SUCCESS and q < times.size:
        total = tree[1]
        wait, s = next_exponential(s)
        u, s = next_uniform(s)
        t = t + wait / abs(total)  # 0 may be -0.0
        due = SCHEDULED and passed < stops.shape[0] and not t < stops[passed, 0, column]
        if not total < math.inf:
            code = NOT_FINITE
        elif due:
            t = stops[passed, 0, column]
            q = hold(memory, i, q, t, times, values)
            if q < times.size:
                tries += 1
                passed, code = dosed(t, passed, column, stops, memory, tree, inner, parameters, i)
                if STOPS and code == SUCCESS and start((t,), memory, (parameters, i))[0] > 0.5:
                    passage[i] = t
                    q = hold(memory, i, q, math.inf, times, values)
        elif t > times[q]:
            q = hold(memory, i, q, t, times, values)
        if code == SUCCESS and q < times.size and not due:
            if tries >= max_steps:
                code = TOO_MANY_STEPS
            else:
                tries += 1
                node, rest = 1, u * total
                while node < LEAVES:
                    node, rest = descend(node, rest, tree)
                j = min(node - LEAVES, UNITS + GROUPS - 1)
                bound = tree[LEAVES + j]
                if GROUPED and j >= UNITS:
                    j, rest, bound = chosen_in(j - UNITS, scale_of(j - UNITS, memory), rest, inner)
                value = propensity(j, 0, 0, memory, parameters, i)
                if rest < value and above(value, bound):
                    code = ABOVE_BOUND
                elif rest < value:
                    react(j, memory, tree, inner, parameters, i)
                    events += 1
                    if STOPS and start((t,), memory, (parameters, i))[0] > 0.5:
                        passage[i] = t
                        q = hold(memory, i, q, math.inf, times, values)
    if code != SUCCESS:
        void(i, q, SPECIES, values)
    counts[STATUS, i] = code
    counts[STEPS, i] = events
    counts[REJECTED, i] = tries - events
    counts[EVALUATIONS, i] = tries
