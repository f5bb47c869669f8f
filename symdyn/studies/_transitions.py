"""Where, between two volumes, the number or the nature of the steady states of a closure changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from symdyn.studies._cell import Question, branches_of, closed_system, first_two_moments, is_physical

__all__ = ["BranchTransitions", "Gap", "Portrait", "portrait", "transitions"]

#: Relative accuracy of the volume of a transition.
ACCURACY = 1e-6


class Portrait(NamedTuple):
    """Numbers of steady states: all, linearly stable, and stable with means and variances that may be."""

    branches: int
    stable: int
    usable: int


@dataclass(frozen=True)
class BranchTransitions:
    """Volumes at which the number of usable states changes, and how.

    Two states appear or vanish ('fold'), a state loses its stability to an oscillation ('hopf'), or a mean or variance
    changes sign ('sign').
    """

    volume: np.ndarray
    kind: np.ndarray
    before: np.ndarray
    after: np.ndarray


def portrait(question: Question) -> Portrait:
    """The portrait of a closure at one volume."""
    closed = closed_system(question.network, question.closure, question.order, question.taylor_order)
    known = {p.name for p in closed.parameters}
    values = {k: v for k, v in question.parameters.items() if k in known}
    start = dict(zip((s.name for s in closed.species), question.starts[0], strict=True))
    states, stable, _ = branches_of(closed, values, start)
    physical = is_physical(*first_two_moments(closed, states, values))
    return Portrait(len(states), int(stable.sum()), int((physical & stable).sum()))


@dataclass(frozen=True)
class Gap:
    """Two neighbouring volumes between which the portrait of a closure may change."""

    question: Question
    parameter: str
    low: float
    high: float

    @property
    def key(self) -> str:
        """Identifying text, from which the name in the store follows."""
        return repr((self.question.key, self.parameter, self.low, self.high))


def transitions(gap: Gap) -> BranchTransitions:
    """All transitions in a gap whose ends have different numbers of usable states, by bisection in the logarithm.

    Two transitions of opposite effect within one gap cancel and are not detected: give a finer grid of volumes.
    """

    def at(volume: float) -> Portrait:
        here = {**gap.question.parameters, gap.parameter: volume}
        return portrait(replace(gap.question, parameters=here))

    def between(low: float, high: float, first: Portrait, last: Portrait) -> list[tuple]:
        if first.usable == last.usable:
            return []
        middle = float(f"{np.sqrt(low * high):.8g}")  # steady states are found by exact arithmetic: few digits are fast
        if high - low <= ACCURACY * high:
            kind = "fold" if first.branches != last.branches else "hopf" if first.stable != last.stable else "sign"
            return [(middle, kind, first.usable, last.usable)]
        here = at(middle)
        return [*between(low, middle, first, here), *between(middle, high, here, last)]

    found = between(gap.low, gap.high, at(gap.low), at(gap.high))
    volume, kind, before, after = zip(*found, strict=True) if found else ((),) * 4
    return BranchTransitions(np.array(volume, float), np.array(kind, "U8"), np.array(before, int), np.array(after, int))
