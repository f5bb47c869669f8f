"""Upper bounds of propensities over a window of time, cheap to compute anew when numbers of molecules change.

The parts of propensities that depend on time and parameters alone are bounded once a window; what is left to do after
every event is arithmetic with these bounds and the states.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import sympy as sp

from symdyn.codegen.interval import IntervalBounds, ValueRange
from symdyn.codegen.jump_parts import MARGIN, guarded
from symdyn.codegen.lower import Lowering
from symdyn.codegen.propensities import LoweredPropensity

__all__ = ["TimeBounds"]


class TimeBounds:
    """Parts of propensities that depend on time but not on states, and bounds with their help.

    Parameters
    ----------
    reactions : iterable of LoweredPropensity
        Those that depend on time.
    states : sequence of Symbol
    time, border : Symbol
        The window is from the one to the other.

    Attributes
    ----------
    parts : list of Expr
        Functions of time and parameters.
    lows, highs : list of Symbol
        What stands for the bounds of each.
    """

    def __init__(
        self, reactions: Iterable[LoweredPropensity], states: Sequence[sp.Symbol], time: sp.Symbol, border: sp.Symbol
    ) -> None:
        self.states, self.time, self.border = frozenset(states), time, border
        self._slots: dict[sp.Expr, sp.Symbol] = {}
        self._values = {r.value: self._split(r.value) for r in reactions}
        self.parts = list(self._slots)
        self.lows = list(self._slots.values())
        self.highs = [sp.Symbol(f"high{k}'") for k in range(len(self.parts))]
        self._highs = dict(zip(self.lows, self.highs, strict=True))

    def _split(self, e: sp.Basic) -> sp.Basic:
        """`e` with symbols for its largest parts that depend on time and not on states, without constant factors."""
        if not e.has(self.time):
            return e
        alone = not e.free_symbols & self.states
        if alone and isinstance(e, sp.Expr):
            factor, part = e.as_independent(self.time, as_Add=False)
            return factor * self._slots.setdefault(part, sp.Symbol(f"low{len(self._slots)}'"))
        if (e.is_Mul or e.is_Add) and not alone:
            timed = [a for a in e.args if not a.free_symbols & self.states]
            rest = [self._split(a) for a in e.args if a.free_symbols & self.states]
            return e.func(*rest, self._split(e.func(*timed))) if timed else e.func(*rest)
        return e.func(*map(self._split, e.args))

    def window(self, build: Lowering, part: int) -> tuple[int, int]:
        """The lower and the upper bound of a part, from the time to the end of the window."""
        return IntervalBounds(build, self._now(build)).of(build.value(self.parts[part]))

    def _now(self, build: Lowering) -> dict[int, ValueRange]:
        return {build.value(self.time): ValueRange(build.value(self.time), build.value(self.border))}

    def upper(self, build: Lowering, reaction: LoweredPropensity) -> int:
        """An upper bound of a propensity from now to the end of the window, a little above what rounding may do to it."""
        split, ranges = self._values[reaction.value], self._now(build)
        for low in split.free_symbols & self._highs.keys():
            ranges[build.value(low)] = ValueRange(build.value(low), build.value(self._highs[low]))
        value = guarded(build, replace(reaction, value=split))
        return build.op("mul", IntervalBounds(build, ranges).of(value).high, build.constant(1 + MARGIN))
