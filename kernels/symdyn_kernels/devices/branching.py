"""Branching processes on a card: a thread runs the loop of `symdyn_kernels.shared.branching` for one trajectory.

The transitions and births are among the constants for which loops are unrolled.  Functions of the same names in
`symdyn_kernels.lifecycles` do the same for the processor, which tabulates distributions.
"""

from __future__ import annotations

from symdyn_kernels.devices._branching import FROM_TABLE, PARAMETERS, STOPS, cycle, rates, start
from symdyn_kernels.devices._prelude import math, vector
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.rows import EVALUATIONS, STATUS, STEPS
from symdyn_kernels.shared.binomials import binomial, chance, probable, rest
from symdyn_kernels.shared.branching import judged, live_through
from symdyn_kernels.shared.streams import open_stream
from symdyn_kernels.status import SUCCESS


def record(cycle, x, i, q, values):
    """Write the numbers of individuals at an output time."""
    for k in range(cycle.species):
        values[q, k, i] = x[k]


def holds(p, t, x):
    """Whether the condition that ends a trajectory holds."""
    return STOPS and start((t,), x, p)[0] > 0.5


def rates_at(p, t, z, x, r):
    """Rates of a step that begins at t, with random numbers z."""
    now = (t,)
    return rates(now + z, x, p)


def drawn(s, n, p, left, fixed):
    """How many of n have an outcome of probability p; `left` is the probability of all outcomes drawn subsequently."""
    if not n > 0.0:
        return 0.0, s
    h, other = chance(p, left)
    k = 0.0
    if h > 0.0:
        k, s = binomial(s, n, h, h / (1.0 - h), math.log1p(-h), fixed)
    return (n - k if other else k), s


def outcomes(cycle, s, x, y, r, chances):
    """The numbers y of individuals after outcomes at the rates r; a status, they, and the stream."""
    vector(y, cycle.species)
    after = [0.0] * cycle.entries
    code = SUCCESS
    for k in range(cycle.species):
        y[k] = 0.0
    for g in range(cycle.groups):
        left, total, good = x[cycle.source[g]], 0.0, True
        for e in range(cycle.ptr[g], cycle.ptr[g + 1]):
            good = good and r[e] >= 0.0
            total = total + r[e]
        code = judged(code, left > 0.0 and not probable(good, total))
        none = rest(total, 1.0 * (cycle.ptr[g + 1] - cycle.ptr[g]))
        for e in range(cycle.ptr[g + 1] - 1, cycle.ptr[g] - 1, -1):
            after[e] = none
            none = none + r[e]
        left = left if code == SUCCESS else 0.0
        for e in range(cycle.ptr[g], cycle.ptr[g + 1]):
            k, s = drawn(s, left, r[e], after[e], cycle.fixed[g] != 0)
            y[cycle.target[e]] = y[cycle.target[e]] + k
            left = left - k
    return code, y, s


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, epsilon, max_steps, seed, detect, fine, values,
    counts, passage,
):  # fmt: skip
    """One trajectory, in one thread."""
    x = tuple(initial[k, i] for k in range(cycle.species))
    p = (parameters, i) if FROM_TABLE else tuple(parameters[k, i] for k in range(PARAMETERS))
    z = tuple(0.0 for k in range(cycle.noises))
    r = rates_at(p, times[0], z, x, x)
    found = live_through(p, open_stream(seed, streams[i]), x, x, z, r, x, times, i, values)
    if found.code != SUCCESS:
        void(i, found.q, cycle.species, values)
    counts[STATUS, i] = found.code
    counts[STEPS, i] = found.steps
    counts[EVALUATIONS, i] = found.steps
    passage[i] = found.passage
