"""Memory for the events of the lanes of a driver: which conditions count as true, what waits, and what happened when."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.arguments.events import KNOWN, PERSISTENT
from symdyn_kernels.constants.events import DEEPEST, PARTS
from symdyn_kernels.options import HELPER, INNER
from symdyn_kernels.shared.roots import level_after
from symdyn_kernels.status import MOST_WAITING

__all__ = ["EventMemory", "beyond", "cross", "drop", "event_memory", "output_size", "release", "settle", "stride_of"]


class EventMemory(NamedTuple):
    """The events of W lanes.

    Attributes
    ----------
    margins, samples, values, trial : int
        Addresses of the margins, of those at all parts of a step, of what events assign, and of scratch memory for the states
        of all lanes.
    held : (W, E) int64
        Whether a condition counts as true.
    chosen : (W, E) int64
        Whether it has just turned true.
    level : (W, E) float64
        The margin from which on it counts as true: just below 0 while events act for those that have just turned true, and
        above 0 for those that have just turned false, as long as the margin has not passed 0.
    near, far : (W, E) float64
        The margins at the last part that was evaluated, at first the beginning of the step, and at that before it.
    unsure : (W, E) int64
        Whether a condition counts as true that has just turned true, or is still false by rounding: so near to its change it
        may be false for a moment that is much shorter than a step, as of a ball that hardly jumps.
    smooth : (W,) int64
        What has just happened: ``SMOOTH``, ``BENT`` or 0, as `symdyn_kernels.constants.events` says.
    happens : (W,) int64
        Whether something happens at the end of the present step.
    waiting : (W,) int64
        Number of events that wait, in the order of their triggers.
    due : (W, q) float64
    which : (W, q) int64
        When each acts, and which it is.
    kept : (W, q, a) float64
        Its values from the moment of the trigger.
    upcoming : (W,) int64
        The next entry of the schedule.
    latest, gap : (W, E) float64
        When each event acted last, and how long after the time before.
    still : (W,) int64
        How many moments have followed one another within rounding with events that had just acted.
    shrinking : (W, E) int64
        How often each event has acted after ever shorter times.
    begins : (s,) float64
    depths : (s,) int64
        Scratch memory: intervals of a step that are still to be looked at.
    """

    margins: int
    samples: int
    values: int
    trial: int
    held: np.ndarray
    chosen: np.ndarray
    level: np.ndarray
    near: np.ndarray
    far: np.ndarray
    unsure: np.ndarray
    smooth: np.ndarray
    happens: np.ndarray
    waiting: np.ndarray
    due: np.ndarray
    which: np.ndarray
    kept: np.ndarray
    upcoming: np.ndarray
    latest: np.ndarray
    gap: np.ndarray
    still: np.ndarray
    shrinking: np.ndarray
    begins: np.ndarray
    depths: np.ndarray


@njit(**INNER)
def stride_of(events, W):
    """Doubles from the margins at a part of a step to those at the next."""
    return (events.flags.size * W + 15) // 8 * 8


@njit(**INNER)
def output_size(events, W):
    """Doubles that both lane functions write, with room for a whole vector each, and for all parts of a step."""
    rows = events.targets.size
    for e in range(events.flags.size):
        rows = max(rows, events.delays[e] + 1, events.priorities[e] + 1)
    return (events.flags.size + rows) * W + 48 + len(PARTS) * stride_of(events, W)


@njit(**HELPER)
def event_memory(events, W, address, trial):
    """Memory for the events of W lanes; `output_size` doubles begin at `address`, the states of all lanes at `trial`."""
    count, longest = events.flags.size, 1
    for e in range(count):
        longest = max(longest, events.first[e + 1] - events.first[e])
    samples = (address + 8 * (count * W + 8) + 63) // 64 * 64
    values = samples + 8 * len(PARTS) * stride_of(events, W)
    return EventMemory(
        address, samples, values, trial,
        np.zeros((W, count), np.int64), np.zeros((W, count), np.int64), np.zeros((W, count)), np.zeros((W, count)),
        np.zeros((W, count)), np.zeros((W, count), np.int64), np.zeros(W, np.int64), np.zeros(W, np.int64),
        np.zeros(W, np.int64), np.zeros((W, MOST_WAITING)), np.zeros((W, MOST_WAITING), np.int64),
        np.zeros((W, MOST_WAITING, longest)), np.zeros(W, np.int64), np.zeros((W, count)), np.zeros((W, count)),
        np.zeros(W, np.int64), np.zeros((W, count), np.int64), np.zeros(3 * DEEPEST + 4), np.zeros(3 * DEEPEST + 4, np.int64),
    )  # fmt: skip


@njit(**INNER)
def release(events, memory, l, e):
    """A condition is no longer true; what it triggered and does not persist is dropped."""
    memory.held[l, e] = 0
    if events.flags[e] & PERSISTENT:
        return
    q = 0
    while q < memory.waiting[l]:
        if memory.which[l, q] == e:
            drop(memory, l, q)
        else:
            q += 1


@njit(**INNER)
def settle(events, memory, l, e, v):
    """Whether a condition that was unsure turns out to be false, because its margin has fallen to `v`; it is then released.

    If the margin has grown the condition is true, as after an event that leaves the flow on the true side.
    """
    near = memory.near[l, e]
    if v < min(near, 0.0):
        memory.unsure[l, e], memory.level[l, e] = 0, 0.0
        release(events, memory, l, e)
        return True
    if v > near:
        memory.unsure[l, e], memory.level[l, e] = 0, 0.0
    return False


@njit(**INNER)
def beyond(memory, l, e, first, second):
    """Of margins at two moments just after a crossing that at which the condition is not as it counts before."""
    return max(first, second) if memory.held[l, e] == 0 else min(first, second)


@njit(**INNER)
def cross(events, memory, l, e, before, after):
    """Note whether a condition is true just after a crossing of any, where its margin is `after`.

    So events of one moment see each other's conditions, and opposite ones turn together, though states are those just before
    the crossing, with the margin `before`; by its level it counts as what it is after.
    """
    level = memory.level[l, e]
    memory.chosen[l, e], memory.level[l, e] = 0, 0.0
    if events.flags[e] & KNOWN:
        return
    if memory.held[l, e] != 0 and memory.unsure[l, e] != 0 and after >= memory.near[l, e]:
        memory.level[l, e] = min(before, 0.0)
        return
    if memory.held[l, e] != 0 and (before < 0.0 or after < 0.0):
        release(events, memory, l, e)
        level = 0.0 if after >= 0.0 else level_after(before)
    if memory.held[l, e] == 0:
        memory.chosen[l, e] = after >= level
        memory.level[l, e] = min(before, 0.0) if memory.chosen[l, e] else level_after(before) if level > 0.0 else 0.0


@njit(**INNER)
def drop(memory, l, q):
    """Let the event at place `q` wait no longer."""
    memory.waiting[l] -= 1
    for r in range(q, memory.waiting[l]):
        memory.due[l, r] = memory.due[l, r + 1]
        memory.which[l, r] = memory.which[l, r + 1]
        for c in range(memory.kept.shape[2]):
            memory.kept[l, r, c] = memory.kept[l, r + 1, c]
