r"""Conditions along a trajectory that jumps: their values after a jump, and the times at which time alone changes them.

A comparison in which time occurs, :math:`\alpha t + \beta > 0` where both are constant between jumps and knots of inputs,
changes at :math:`t^* = -\beta/\alpha`: :math:`t \ge t^*` and :math:`t < t^*` at :math:`t^*` itself, :math:`t > t^*` and
:math:`t \le t^*` at the next number after it, so that their value at :math:`t^*` is the one before.
The programs of jump processes stop at these moments, so that they are met exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import count
from typing import NamedTuple

import sympy as sp

from symdyn.codegen.lower import Lowering
from symdyn.errors import CompileError
from symdyn.models.events import Event
from symdyn.models.schedules import Schedule

__all__ = ["Crossing", "Triggers", "crossings"]


#: To the next number after t: t + |t| GAP + LEAST, which is 1 or 2 units in the last place.
GAP, LEAST = 2.0**-52, 1e-300


class Crossing(NamedTuple):
    """When a comparison with time changes: at a time, or just after it.

    Where the factor of time is no number, `slope` is that factor, and `after` what is so where it is positive.
    """

    time: sp.Expr
    after: bool
    slope: sp.Expr | None = None


def _crossing(relation: sp.Basic, time: sp.Symbol) -> tuple[Crossing, bool]:
    """When a comparison changes, and whether it is true from there on (if the slope is positive, where that is no number)."""
    difference = sp.expand(relation.args[0] - relation.args[1])
    slope = difference.coeff(time, 1)
    rest = sp.expand(difference - slope * time)
    if not isinstance(relation, (sp.Lt, sp.Le, sp.Gt, sp.Ge)) or slope.is_zero or slope.has(time) or rest.has(time):
        inputs = sorted({s.name.split("'")[0] for s in relation.free_symbols if "'" in s.name})
        where = f"the condition on {' and '.join(inputs)}" if inputs else str(relation)
        hint = ", or take the kind 'linear' or 'hold' of the input, or method='tau'" if inputs else ""
        raise CompileError(
            f"the time at which {where} changes cannot be found; write conditions on time as {time} >= ... or "
            f"{time} < ...{hint}"
        )
    greater, strict = isinstance(relation, (sp.Gt, sp.Ge)), isinstance(relation, (sp.Gt, sp.Lt))
    if not slope.is_number:
        return Crossing(-rest / slope, strict == greater, slope), greater
    rising = greater == bool(slope.is_positive)
    return Crossing(sp.expand(-rest / slope), strict == rising), rising


def crossings(conditions: Iterable[sp.Basic], time: sp.Symbol) -> list[Crossing]:
    """When comparisons with time change, each once.

    >>> t, X = sp.symbols("t X")
    >>> [(c.time, c.after) for c in crossings([sp.And(t >= 25, X > 3), 2 * t < X, t > 5], t)]
    [(25, False), (X/2, False), (5, True)]

    Raises
    ------
    CompileError
        If a comparison is not linear in time.
    """
    relations = [r for c in conditions for r in sorted(c.atoms(sp.Rel), key=str) if r.has(time)]
    return list(dict.fromkeys(_crossing(r, time)[0] for r in relations))


class Triggers:
    """Values of conditions in a lowering, and the states after events.

    Parameters
    ----------
    build : Lowering
    states : sequence of Symbol
    time : Symbol
    """

    def __init__(self, build: Lowering, states: Sequence[sp.Symbol], time: sp.Symbol) -> None:
        self.build, self.states, self.time = build, tuple(states), time
        self._fresh = count()

    def _moment(self, crossing: Crossing, meaning: Mapping[sp.Symbol, sp.Symbol]) -> int:
        """The first number at which a comparison has changed."""
        build, at = self.build, self.build.value(crossing.time.xreplace(meaning))
        if not crossing.after and crossing.slope is None:
            return at
        gap = build.op("add", build.op("mul", build.op("fabs", at), build.constant(GAP)), build.constant(LEAST))
        beyond = build.op("add", at, gap)
        if crossing.slope is None:
            return beyond
        grows = build.op("gt", build.value(crossing.slope.xreplace(meaning)), build.constant(0))
        return build.op("select", grows, beyond, at) if crossing.after else build.op("select", grows, at, beyond)

    def next_crossing(self, found: Sequence[Crossing]) -> int:
        """The first of these moments that is after the present time, or infinity."""
        build, now, never = self.build, self.build.value(self.time), self.build.constant(math.inf)
        first = never
        for crossing in found:
            at = self._moment(crossing, {})
            first = build.op("fmin", first, build.op("select", build.op("gt", at, now), at, never))
        return first

    def meaning(self, values: Sequence[int], time: int) -> dict[sp.Symbol, sp.Symbol]:
        """Symbols that stand for other values of the states and the time."""
        found = {}
        for symbol, value in zip((*self.states, self.time), (*values, time), strict=True):
            found[symbol] = sp.Symbol(f"value{next(self._fresh)}'")
            self.build.bind(found[symbol], value)
        return found

    def truth(self, condition: sp.Basic, meaning: Mapping[sp.Symbol, sp.Symbol] | None = None) -> int:
        """The number of the truth of a condition, of the present values or of others."""
        build, meaning = self.build, meaning or {}
        if isinstance(condition, (sp.And, sp.Or)):
            first, *rest = (self.truth(a, meaning) for a in sorted(condition.args, key=str))
            for other in rest:
                first = build.op("and" if isinstance(condition, sp.And) else "or", first, other)
            return first
        if isinstance(condition, sp.Not):
            return build.op("not", self.truth(condition.args[0], meaning))
        if condition.has(self.time):
            crossing, rising = _crossing(condition, self.time)
            now, moment = build.value(meaning.get(self.time, self.time)), self._moment(crossing, meaning)
            if crossing.slope is None:
                return build.op("ge" if rising else "lt", now, moment)
            slope, zero = build.value(crossing.slope.xreplace(meaning)), build.constant(0)
            from_then, until_then = build.op("ge", now, moment), build.op("lt", now, moment)
            up, down = (from_then, until_then) if rising else (until_then, from_then)
            grows = build.op("and", build.op("gt", slope, zero), up)
            falls = build.op("and", build.op("lt", slope, zero), down)
            still = build.op("and", build.op("eq", slope, zero), build.condition(condition.xreplace(meaning)))
            return build.op("or", build.op("or", grows, falls), still)
        return build.condition(condition.xreplace(meaning))

    def after(self, events: Sequence[Event], states: Sequence[int], time: int) -> tuple[list[int], list[int]]:
        """The states after the events whose triggers changed from false to true, and how often each acted.

        Events act in their order; an event whose trigger becomes true by another event acts too, in as many passes as
        there are events; where one would act after these, values that events assign are not numbers.
        """
        build, current = self.build, list(states)
        before = [self._changed(e, {}, build.value(self.time)) for e in events]
        if len(events) > 1:  # what the jump has made false counts so before any of them acts
            jumped = self.meaning(current, time)
            before = [build.op("and", b, self._changed(e, jumped, time)) for e, b in zip(events, before, strict=True)]
        acted = [build.constant(0)] * len(events)
        for _ in events:
            for k, event in enumerate(events):
                meaning = self.meaning(current, time)
                now = self._changed(event, meaning, time)
                turned = build.op("and", now, build.op("not", before[k]))
                before[k] = now
                acted[k] = build.op("select", turned, build.op("add", acted[k], build.constant(1)), acted[k])
                for species, value in event.assignments.items():
                    i = self.states.index(species)
                    current[i] = build.op("select", turned, build.value(value.xreplace(meaning)), current[i])
                if len(events) > 1:  # its own values may end the condition, which another event then turns again
                    before[k] = self._changed(event, self.meaning(current, time), time)
        if len(events) > 1:  # one alone cannot trigger itself
            meaning = self.meaning(current, time)
            due = [
                build.op("and", self._changed(e, meaning, time), build.op("not", b))
                for e, b in zip(events, before, strict=True)
            ]
            endless, nan = reduce(lambda a, b: build.op("or", a, b), due), build.constant(math.nan)
            for i in {self.states.index(s): None for e in events for s in e.assignments}:
                current[i] = build.op("select", endless, nan, current[i])
        return current, acted

    def _changed(self, event: Event, meaning: Mapping[sp.Symbol, sp.Symbol], time: int) -> int:
        """The number of whether an event's condition holds, or a time of its schedule has come since the present time."""
        if not isinstance(event.trigger, Schedule):
            return self.truth(event.trigger, meaning)
        return self.build.op("ge", time, self.build.value(event.trigger.after(self.time)))

    def integers(self, events: Sequence[Event], states: Sequence[int]) -> int:
        """Whether the values that events assign are numbers of molecules: integer, finite and not negative."""
        build = self.build
        fine = []
        for species in dict.fromkeys(s for e in events for s in e.assignments):
            x = states[self.states.index(species)]
            in_range = build.op("and", build.op("ge", x, build.constant(0)), build.op("lt", x, build.constant(math.inf)))
            fine += [in_range, build.op("eq", x, build.op("floor", x))]
        return reduce(lambda a, b: build.op("and", a, b), fine)
