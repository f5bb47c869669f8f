"""Events of networks between leaps and steps of the flow: trajectories run alone, with numbers of molecules in an array.

The condition that ends a trajectory is 0.75 where that of an event is no longer as it is noted in the parameters that follow
those of the model.
"""

from __future__ import annotations

from numba import njit

from symdyn_kernels.constants.leaping import MOST_STOPS
from symdyn_kernels.event_memory import release
from symdyn_kernels.events import happen
from symdyn_kernels.lanes import TNEW, put
from symdyn_kernels.networks import holds
from symdyn_kernels.options import INLINE, INNER
from symdyn_kernels.shared.molecules import judged
from symdyn_kernels.shared.variates import round_randomly
from symdyn_kernels.simd import call, ld, st
from symdyn_kernels.status import NEGATIVE, NOT_FINITE, SUCCESS

__all__ = ["MOST_STOPS", "ends", "note_held", "rebase", "turn", "whole_again"]

#: Rounding errors of a change, relative to the numbers.
ROUNDING = 1e-14


@njit(**INNER)
def ends(model, t, x):
    """Whether the condition that ends the trajectory holds, and not only one of an event has changed."""
    return holds(model, t, x) and ld(model.found, 0) > 0.9


@njit(**INNER)
def note_held(memory, p, events, known):
    """Note in the parameters which conditions count as true."""
    for e in range(events.flags.size):
        st(p, known + e, float(memory.held[0, e]))


@njit(**INNER)
def turn(events, memory, row, t, x, n, p, lanes, output, aside):
    """Let happen what is due at a time and what follows from conditions that have changed; returns a status."""
    y = x.ctypes.data
    put(lanes[TNEW], 0, t, 1)
    if events.triggers != 0:
        call(events.triggers, lanes[TNEW], y, p, memory.margins)
    for e in range(events.flags.size):
        true, before = ld(memory.margins, e) >= 0.0, memory.held[0, e] != 0
        memory.chosen[0, e] = true and not before
        if before and not true:
            release(events, memory, 0, e)
    return happen(events, memory, 0, row, y, n, 1, p, lanes, output, aside)


@njit(**INLINE)
def _flows(network, flows, i):
    """Whether a flowing reaction changes a species."""
    for j in range(network.model.reactions):
        if flows[j]:
            for e in range(network.ptr[j], network.ptr[j + 1]):
                if network.changed[e] == i:
                    return True
    return False


@njit(**INLINE)
def rebase(network, flows, before, x, base, loose):
    """Put numbers that events have changed into the base; returns a status.

    Of species that flow they may be any numbers that are not negative; where the base is then no integer, `loose` says so.
    """
    code = SUCCESS
    for i in range(network.model.species):
        if x[i] == before[i]:
            continue
        if _flows(network, flows, i):
            if x[i] < 0.0:
                return NEGATIVE
            if not abs(x[i]) < float("inf"):
                return NOT_FINITE
            new = base[i] + (x[i] - before[i])
            near = float(round(new))
            loose[i] = abs(new - near) > ROUNDING * (abs(x[i]) + abs(before[i]) + abs(base[i]))
            base[i] = new if loose[i] else near
        else:
            code = judged(x[i], code)
            base[i] = x[i]
    return code


@njit(**INLINE)
def whole_again(s, network, flows, x, base, loose):
    """Round what no longer flows to molecules, up or down at random with the right mean; returns the stream."""
    for i in range(network.model.species):
        if loose[i] and not _flows(network, flows, i):
            base[i], s = round_randomly(s, max(0.0, x[i]))
            loose[i] = 0
    return s
