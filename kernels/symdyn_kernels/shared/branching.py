"""Branching processes, one trajectory: the outcomes and the offspring of all individuals are drawn at each step.

Each step draws normal numbers of the environment, then outcomes group by group, then births.  `symdyn_kernels.lifecycles`
says what a `cycle` is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from symdyn_kernels.shared._cycle import holds, outcomes, rates_at, record
from symdyn_kernels.shared._scalars import i64, math, shared, shared_inline, vector
from symdyn_kernels.shared.streams import next_normals
from symdyn_kernels.shared.variates import poisson
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, PROBABILITY, SUCCESS

__all__ = ["Lived", "judged", "live_through"]


class Lived(NamedTuple):
    """What became of a trajectory.

    Attributes
    ----------
    code, q : int
        A status, and the output from which on none was written if it failed.
    steps : int
    passage : float
        The time at which the condition was found true, or infinity.
    """

    code: Any
    q: Any
    steps: Any
    passage: Any


@shared
def judged(code, wrong):
    """The first status that is not success."""
    return PROBABILITY if code == SUCCESS and wrong else code


@shared_inline
def environment(cycle, s, z):
    """Normal numbers of a step, in z; of an odd number of them the last one drawn is left."""
    vector(z, cycle.noises)
    for k in range((cycle.noises + 1) // 2):
        z[2 * k], spare, s = next_normals(s)
        if 2 * k + 1 < cycle.noises:
            z[2 * k + 1] = spare
    return z, s


@shared
def young(code, s, mean):
    """A Poisson number, unless there was a failure; a status, the number and the stream."""
    if code == SUCCESS and not mean < math.inf:
        code = NOT_FINITE
    if code != SUCCESS:
        return code, 0.0, s
    k, s = poisson(s, mean)
    return code, k, s


@shared_inline
def births(cycle, code, s, x, y, r):
    """Add Poisson numbers of offspring and immigrants to y; a status, y and the stream."""
    vector(y, cycle.species)
    for b in range(cycle.births):
        mean = r[cycle.entries + cycle.parents + b]
        code = judged(code, mean < 0.0)
        for q in range(cycle.bptr[b], cycle.bptr[b + 1]):
            present = x[cycle.parent[q]] > 0.0
            code = judged(code, present and r[cycle.entries + q] < 0.0)
            mean = mean + (r[cycle.entries + q] * x[cycle.parent[q]] if present else 0.0)
        code, k, s = young(code, s, mean)
        y[cycle.born[b]] = y[cycle.born[b]] + k
    return code, y, s


@shared_inline
def live_through(cycle, s, x, y, z, r, chances, times, i, values):
    """Simulate trajectory `i` from x at the rates r of its first step, and write its outputs; y and z are scratch memory."""
    code, taken, q, ended, passage = SUCCESS, 0, i64(0), False, math.inf
    record(cycle, x, i, q, values)
    q = q + 1
    if holds(cycle, times[0], x):
        passage, ended = times[0], True
    while q < times.size and code == SUCCESS and not ended:
        begin, gap, j = times[q - 1], i64(times[q] - times[q - 1] + 0.5), 0
        while j < gap and code == SUCCESS and not ended:
            z, s = environment(cycle, s, z)
            if cycle.varying != 0:
                r = rates_at(cycle, begin + j, z, x, r)
            code, y, s = outcomes(cycle, s, x, y, r, chances)
            code, y, s = births(cycle, code, s, x, y, r)
            j = j + 1
            if cycle.stop[0] != 0:
                code = INTERRUPTED
            if code == SUCCESS:
                x, y = y, x
                taken = taken + 1
                total = 0.0
                for k in range(cycle.species):
                    total = total + x[k]
                if not total < math.inf:
                    code = NOT_FINITE
                elif holds(cycle, begin + j, x):
                    passage, ended = begin + j, True
                elif cycle.absorbing != 0 and total == 0.0:
                    ended = True
        if code == SUCCESS:
            record(cycle, x, i, q, values)
            q = q + 1
    while code == SUCCESS and q < times.size:
        record(cycle, x, i, q, values)
        q = q + 1
    return Lived(code, q, taken, passage)
