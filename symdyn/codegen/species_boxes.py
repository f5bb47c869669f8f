"""Upper bounds of propensities over a box: each number of molecules between a least and a greatest one.

As long as no number leaves its box, no bound changes with an event, and few events move one out: with half a width of about
the root of the number, of the size of its own fluctuation.  Propensities of mass action increase with every number, so that
their bound is their value at the greatest ones; those of other propensities follow from interval arithmetic.  V. H. Thanh,
C. Priami & R. Zunino, Journal of Chemical Physics 141 (2014) 134116.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce

import sympy as sp

from symdyn.codegen.interval import IntervalBounds, ValueRange
from symdyn.codegen.jump_parts import MARGIN, guarded
from symdyn.codegen.lower import Lowering
from symdyn.codegen.propensities import LoweredPropensity
from symdyn.errors import CompileError

__all__ = ["SpeciesBoxes"]


class SpeciesBoxes:
    """The boxes of the species of a network.

    Parameters
    ----------
    reactions : iterable of LoweredPropensity
    states : sequence of Symbol
    time : Symbol

    Attributes
    ----------
    lows, highs : list of Symbol
        What stands for the ends of each box.
    exact : set of Symbol
        Species of which a box has to be one number: those that occur in propensities that depend on time, which are bounded
        over a window instead, or that cannot be bounded.
    """

    def __init__(self, reactions: Iterable[LoweredPropensity], states: Sequence[sp.Symbol], time: sp.Symbol) -> None:
        self.states = tuple(states)
        self.lows = [sp.Symbol(f"least{k}'") for k in range(len(self.states))]
        self.highs = [sp.Symbol(f"most{k}'") for k in range(len(self.states))]
        self._ends = {s: (low, high) for s, low, high in zip(self.states, self.lows, self.highs, strict=True)}
        self._top = dict(zip(self.states, self.highs, strict=True))
        self.exact = {s for r in reactions if r.value.has(time) for s in self._read(r)}

    def _read(self, reaction: LoweredPropensity) -> set[sp.Symbol]:
        return {*reaction.value.free_symbols, *reaction.needs} & set(self._ends)

    def upper(self, build: Lowering, reaction: LoweredPropensity) -> int:
        """An upper bound of a propensity, a little above what rounding may do to it.

        It is infinite where the propensity may be negative in a box, and the propensity itself where all boxes are numbers.
        Where no bound is known, its species become `exact` and the result is its value.
        """
        if reaction.rate is not None:
            needs = {self._top[s]: k for s, k in reaction.needs.items()}
            return guarded(build, replace(reaction, value=reaction.value.xreplace(self._top), needs=needs))
        value, read = guarded(build, reaction), self._read(reaction)
        if not read:
            return value
        ends = {build.value(s): ValueRange(*map(build.value, self._ends[s])) for s in self.states if s in read}
        try:
            low, high = IntervalBounds(build, ends).of(value)
        except CompileError:
            self.exact |= read
            return value
        points = reduce(lambda a, b: build.op("and", a, b), (build.op("eq", *end) for end in ends.values()))
        bound = build.op("select", build.op("ge", low, build.constant(0)), high, build.constant(math.inf))
        return build.op("mul", build.op("select", points, value, bound), build.constant(1 + MARGIN))

    def outside(self, build: Lowering, species: sp.Symbol, number: int) -> int:
        """Whether a number lies outside the box of a species."""
        low, high = (build.value(end) for end in self._ends[species])
        return build.op("or", build.op("lt", number, low), build.op("gt", number, high))
