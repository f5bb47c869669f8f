"""Branching processes on a card: the loop of `symdyn_kernels.drivers.branching` for one trajectory, with the same numbers.

The transitions and births are among the constants for which the loops are unrolled.
"""

from __future__ import annotations

from symdyn_kernels.devices._branching import (
    ABSORBING,
    BIRTHS,
    BORN,
    BPTR,
    ENTRIES,
    FIXED,
    FROM_TABLE,
    GROUPS,
    NOISES,
    PARAMETERS,
    PARENT,
    PARENTS,
    PTR,
    SOURCE,
    SPECIES,
    STOPS,
    TARGET,
    VARYING,
    rates,
    start,
)
from symdyn_kernels.devices._prelude import math
from symdyn_kernels.devices.binomials import binomial
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.rows import EVALUATIONS, STATUS, STEPS
from symdyn_kernels.devices.streams import next_normals, open_stream
from symdyn_kernels.devices.variates import poisson
from symdyn_kernels.status import NOT_FINITE, PROBABILITY, SUCCESS


def record(x, i, q, values):
    """Write the numbers of individuals at an output time."""
    for k in range(SPECIES):
        values[q, k, i] = x[k]


def environment(s, t):
    """The time, and normal numbers of a step."""
    z = [0.0] * NOISES
    for k in range((NOISES + 1) // 2):
        u, v, s = next_normals(s)
        z[2 * k] = u
        if 2 * k + 1 < NOISES:
            z[2 * k + 1] = v
    now = (t,)
    return now + tuple(z[k] for k in range(NOISES)), s


def drawn(s, n, p, rest_after, fixed):
    """How many of n have an outcome of probability p; `rest_after` is the probability of all outcomes drawn subsequently."""
    if not n > 0.0:
        return 0.0, s
    both = p + rest_after
    other = p > 0.5 * both
    h = 0.0 if both == 0.0 else (rest_after if other else p) / both
    k = 0.0
    if h > 0.0:
        k, s = binomial(s, n, h, fixed)
    return (n - k if other else k), s


def dead(total, count):
    """The probability of none of the outcomes; rounding must not end an individual."""
    left = 1.0 - total
    return 0.0 if left < 1e-15 * count else left


def born(s, mean, code):
    """A Poisson number, and a status."""
    if code == SUCCESS and not mean < math.inf:
        code = NOT_FINITE
    if code != SUCCESS:
        return 0.0, code, s
    k, s = poisson(s, mean)
    return k, code, s


def judged(code, wrong):
    """The first status that is not success."""
    return PROBABILITY if code == SUCCESS and wrong else code


def following(s, x, r):
    """Numbers of individuals after a step, and a status."""
    y = [0.0] * SPECIES
    rest_after = [0.0] * ENTRIES
    code = SUCCESS
    for g in range(GROUPS):
        left, total, good = x[SOURCE[g]], 0.0, True
        for e in range(PTR[g], PTR[g + 1]):
            good = good and r[e] >= 0.0
            total = total + r[e]
        code = judged(code, left > 0.0 and not (good and total <= 1.0 + 1e-12))
        rest = dead(total, 1.0 * (PTR[g + 1] - PTR[g]))
        for e in range(PTR[g + 1] - 1, PTR[g] - 1, -1):
            rest_after[e] = rest
            rest = rest + r[e]
        left = left if code == SUCCESS else 0.0
        for e in range(PTR[g], PTR[g + 1]):
            k, s = drawn(s, left, r[e], rest_after[e], FIXED[g])
            y[TARGET[e]] = y[TARGET[e]] + k
            left = left - k
    for b in range(BIRTHS):
        mean = r[ENTRIES + PARENTS + b]
        code = judged(code, mean < 0.0)
        for q in range(BPTR[b], BPTR[b + 1]):
            present = x[PARENT[q]] > 0.0
            code = judged(code, present and r[ENTRIES + q] < 0.0)
            mean = mean + (r[ENTRIES + q] * x[PARENT[q]] if present else 0.0)
        k, code, s = born(s, mean, code)
        y[BORN[b]] = y[BORN[b]] + k
    return tuple(y[k] for k in range(SPECIES)), code, s


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, epsilon, max_steps, seed, detect, fine, values,
    counts, passage,
):  # fmt: skip
    """One trajectory, in one thread."""
    x = tuple(initial[k, i] for k in range(SPECIES))
    p = (parameters, i) if FROM_TABLE else tuple(parameters[k, i] for k in range(PARAMETERS))
    s = open_stream(seed, streams[i])
    now = (times[0],)
    r = rates(now + tuple(0.0 for k in range(NOISES)), x, p)
    code, taken, q, ended = SUCCESS, 0, 1, False
    record(x, i, 0, values)
    if STOPS and start(now, x, p)[0] > 0.5:
        passage[i] = times[0]
        ended = True
    while q < times.size and code == SUCCESS and not ended:
        gap, j = int(times[q] - times[q - 1] + 0.5), 0
        while j < gap and code == SUCCESS and not ended:
            lane, s = environment(s, times[q - 1] + j)
            if VARYING:
                r = rates(lane, x, p)
            y, code, s = following(s, x, r)
            j += 1
            if code == SUCCESS:
                x = y
                taken += 1
                total = sum(x[k] for k in range(SPECIES))
                if not total < math.inf:
                    code = NOT_FINITE
                elif STOPS and start((times[q - 1] + j,), x, p)[0] > 0.5:
                    passage[i] = times[q - 1] + j
                    ended = True
                elif ABSORBING and not STOPS and total == 0.0:
                    ended = True
        if code == SUCCESS:
            record(x, i, q, values)
            q += 1
    if code != SUCCESS:
        void(i, q, SPECIES, values)
    while code == SUCCESS and q < times.size:
        record(x, i, q, values)
        q += 1
    counts[STATUS, i] = code
    counts[STEPS, i] = taken
    counts[EVALUATIONS, i] = taken
