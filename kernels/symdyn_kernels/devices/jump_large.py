"""The direct method for large networks on a card: mass action as data, and a sum tree in the memory of the thread.

The loop of `symdyn_kernels.drivers.jump_large` for one trajectory, with the same random numbers.  The array `memory` contains
numbers of molecules, `tree` the sums (`symdyn_kernels.shared.sums`), in which the propensity of reaction j is node LEAVES + j.
"""

from __future__ import annotations

from symdyn_kernels.devices._network import (
    CHANGE_STARTS,
    CHANGED,
    CHANGES,
    COEFFICIENTS,
    DEPENDENT_STARTS,
    DEPENDENTS,
    LEAVES,
    LESS,
    NODES,
    NUMBERS,
    REACTANT_STARTS,
    REACTANTS,
    REACTIONS,
    SCHEDULED,
    SPECIES,
    STOPS,
    TABLE,
    assign,
    effects,
    start,
)
from symdyn_kernels.devices._prelude import cuda, i64, math, real64
from symdyn_kernels.devices.holding import hold
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.rows import EVALUATIONS, STATUS, STEPS
from symdyn_kernels.shared.molecules import judged
from symdyn_kernels.shared.streams import next_exponential, next_uniform, open_stream
from symdyn_kernels.shared.sums import find
from symdyn_kernels.status import NOT_FINITE, SUCCESS, TOO_MANY_STEPS


def entry(k):
    """An entry of the tables: the one place that reads them, as numba gives every place a copy."""
    return i64(TABLE[k])


def number(k):
    """A coefficient that is a number."""
    return NUMBERS[k]


def propensity(j, memory, parameters, i):
    """The propensity of a reaction: molecules of the reactants, each one less than before, times the coefficient."""
    product = 1.0
    for e in range(entry(REACTANT_STARTS + j), entry(REACTANT_STARTS + j + 1)):
        product = product * (memory[entry(REACTANTS + e)] - real64(entry(LESS + e)))
    row = entry(COEFFICIENTS + j)
    return product * (parameters[row, i] if row >= 0 else number(-1 - row))


def build(memory, tree, parameters, i):
    """All propensities and sums."""
    for j in range(REACTIONS):
        tree[LEAVES + j] = propensity(j, memory, parameters, i)
    for k in range(LEAVES - 1, 0, -1):
        tree[k] = tree[2 * k] + tree[2 * k + 1]


def mend(begin, end, memory, tree, parameters, i):
    """The propensities of some reactions, which increase in number, then level by level the sums above them, each once."""
    for q in range(begin, end):
        j = entry(DEPENDENTS + q)
        tree[LEAVES + j] = propensity(j, memory, parameters, i)
    level = 1
    while (LEAVES >> level) > 0:
        last = 0
        for q in range(begin, end):
            node = (LEAVES + entry(DEPENDENTS + q)) >> level
            if node != last:
                tree[node] = tree[2 * node] + tree[2 * node + 1]
                last = node
        level = level + 1


def dosed(t, passed, k, stops, memory, tree, parameters, i):
    """Let the events act that are due until `t`; returns how many are passed, and a status."""
    code = SUCCESS
    while passed < stops.shape[0] and stops[passed, 0, k] <= t:
        assign(i64(stops[passed, 2, k]), effects((t,), memory, (parameters, i)), memory)
        passed += 1
    for e in range(SPECIES):
        code = judged(memory[e], code)
    build(memory, tree, parameters, i)
    return passed, code


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, epsilon, max_steps, seed, detect, fine, values,
    counts, passage,
):  # fmt: skip
    """One trajectory, in one thread."""
    memory, tree = cuda.local.array(SPECIES, real64), cuda.local.array(NODES, real64)
    for k in range(NODES):
        tree[k] = 0.0
    for k in range(SPECIES):
        memory[k] = initial[k, i]
    s = open_stream(seed, streams[i])
    code, q, t, events, passed, column = SUCCESS, 0, times[0], 0, 0, i if stops.shape[2] > 1 else 0
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
        build(memory, tree, parameters, i)
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
                passed, code = dosed(t, passed, column, stops, memory, tree, parameters, i)
                if STOPS and code == SUCCESS and start((t,), memory, (parameters, i))[0] > 0.5:
                    passage[i] = t
                    q = hold(memory, i, q, math.inf, times, values)
        elif t > times[q]:
            q = hold(memory, i, q, t, times, values)
        if code == SUCCESS and q < times.size and not due:
            if events >= max_steps:
                code = TOO_MANY_STEPS
            else:
                j, _ = find(u * total, tree, LEAVES)
                for e in range(entry(CHANGE_STARTS + j), entry(CHANGE_STARTS + j + 1)):
                    k = entry(CHANGED + e)
                    memory[k] = memory[k] + real64(entry(CHANGES + e))
                mend(entry(DEPENDENT_STARTS + j), entry(DEPENDENT_STARTS + j + 1), memory, tree, parameters, i)
                events += 1
                if STOPS and start((t,), memory, (parameters, i))[0] > 0.5:
                    passage[i] = t
                    q = hold(memory, i, q, math.inf, times, values)
    if code != SUCCESS:
        void(i, q, SPECIES, values)
    counts[STATUS, i] = code
    counts[STEPS, i] = events
    counts[EVALUATIONS, i] = events
