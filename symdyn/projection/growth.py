"""Sets of states that grow along the jumps of a process, within bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from symdyn.projection.bounds import Bounds
from symdyn.projection.states import Listing
from symdyn.projection.transitions import StateJump, Tail, Transitions

__all__ = ["COMMON", "followed", "length", "reachable", "usual"]

#: Probability of a size of a burst, relative to the likeliest one, above which a set grows by such bursts.
COMMON = 0.3


def length(tail: Tail) -> int:
    """How many sizes of a burst a set follows when it grows."""
    return max(1, math.ceil(math.log(COMMON) / math.log(tail.ratio)))


def neighbours(
    frontier: np.ndarray, transitions: Transitions, jumps: Sequence[StateJump], bounds: Bounds, *, far: bool, time: float
) -> np.ndarray:
    """States that one jump reaches from the states `frontier`, within bounds; some may be listed twice.

    Of jumps of geometric size those of all sizes if `far`, otherwise those of common sizes.
    """
    listed = Listing(frontier, np.zeros(frontier.shape[1], dtype=np.int64))
    rates = transitions.propensities(listed, time)
    found = [frontier[:0]]
    for jump in jumps:
        possible = np.zeros(len(frontier), dtype=bool)
        for r, _ in jump.parts:
            possible |= rates[r] > 0.0
        new = listed.states[possible] + np.array(jump.change)
        new = new[bounds.inside(new)]
        if jump.tail is not None and len(new):
            axis = jump.tail.axis
            new = _lines(new, axis, int(bounds.upper[axis] - new[:, axis].min()) if far else length(jump.tail), bounds)
        found.append(new)
    return np.concatenate(found)


def _lines(states: np.ndarray, axis: int, longest: int, bounds: Bounds) -> np.ndarray:
    """`states` and those up to some number of molecules of one species more, within bounds."""
    step, covered = np.zeros(states.shape[1], dtype=np.int64), 0
    while covered < longest:
        step[axis] = min(covered + 1, longest - covered)
        more = states + step
        both = np.concatenate([states, more[bounds.inside(more)]])
        states = Listing.unique(both, np.zeros_like(step)).states
        covered += int(step[axis])
    return states


def reachable(
    seed: np.ndarray,
    known: Listing,
    transitions: Transitions,
    jumps: Sequence[StateJump],
    bounds: Bounds,
    *,
    layers: int | None = None,
    time: float = 0.0,
) -> Listing:
    """`known` and all states that at most `layers` jumps reach from `seed`; any number unless given."""
    frontier, count = seed, 0
    while len(frontier) and (layers is None or count < layers):
        new = neighbours(frontier, transitions, jumps, bounds, far=layers is None, time=time)
        if not len(new):
            break
        fresh = Listing.unique(new, np.zeros(new.shape[1], dtype=np.int64)).states
        frontier = fresh[known.locate(fresh) < 0]
        if len(frontier):
            known = Listing(np.concatenate([known.states, frontier]), known.span)
            bounds.check(known.size, transitions.network.names, known.states)
        count += 1
    return known


def usual(jumps: Sequence[StateJump], changes: np.ndarray) -> list[StateJump]:
    """Jumps without long bursts, by which a set grows: a set that followed every burst to its tail would be far too large.

    `changes`, shape (species, reactions), are those without bursts.
    """
    likeliest: dict[int, float] = {}  # of the sizes of bursts that are not empty, however rare
    for jump in jumps:
        for r, w in jump.parts:
            if jump.change != tuple(changes[:, r]):
                likeliest[r] = max(w, likeliest.get(r, 0.0))
    common = [j.change for j in jumps if j.tail is not None or any(w > COMMON * likeliest.get(r, 0.0) for r, w in j.parts)]
    longest = np.abs(common).max(axis=0)
    return [j for j in jumps if j.tail is not None or (np.abs(j.change) <= longest).all()]


def followed(jumps: Sequence[StateJump], reactions: int) -> np.ndarray:
    """The part of the events of each reaction that are some of these jumps."""
    part = np.zeros(reactions)
    for jump in jumps:
        for r, w in jump.parts:
            part[r] += w if jump.tail is None else w / (1 - jump.tail.ratio)
    return part
