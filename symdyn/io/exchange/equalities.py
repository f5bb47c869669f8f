"""Triggers of events that compare what varies smoothly with ``==``: they hold for a moment, where a difference passes 0."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.io.exchange.model import Trigger
from symdyn.models.events import Event

__all__ = ["Equalities", "already_there", "at_moments", "first"]


def first(k: int) -> sp.Float:
    """The priority of the k-th event that a lowering adds: before those of the file, which the others wait for.

    >>> first(0) > first(1) > 1e307
    True
    """
    return sp.Float(1e308 * (1 - k / 4096))


def at_moments(condition: Any, time: sp.Symbol, firm: Callable[[sp.Expr], bool] = lambda e: True) -> Any:
    """A condition in which the time equals something that passes `firm` as two inequalities, which hold at that very number.

    >>> t, p, x = sp.symbols("t p x")
    >>> at_moments(sp.Eq(2 * t, 10) & (x > 3), t, lambda e: e.is_number)
    (t >= 5) & (t <= 5) & (x > 3)
    >>> at_moments(sp.Eq(t, x), t, lambda e: e.is_number)
    Eq(t, x)
    """

    def both(e: Any) -> Any:
        difference = sp.expand(e.args[0] - e.args[1])
        slope = difference.coeff(time, 1)
        if slope == 0 or not slope.is_number:
            return e
        at = sp.expand(-(difference - slope * time) / slope)
        return e if at.has(time) or not firm(at) else sp.And(time >= at, time <= at)

    return condition.xreplace({e: both(e) for e in condition.atoms(sp.Eq) if e.has(time)})


def already_there(
    triggers: Sequence[Trigger], put: Callable[[sp.Expr], sp.Expr], changed: Callable[[Mapping[Any, Any]], Iterable[sp.Symbol]]
) -> list[set[sp.Symbol]]:
    """Of each event what its trigger ``x == a`` says is there already, of what it assigns, ``x = a``.

    Unless it waits, or another event changes x, which might be at the same moment, or a, if its value is not that of the
    trigger: `put` writes out what they follow from by rules and sizes, and `changed` says what assignments change.

    >>> x, y = sp.symbols("x y")
    >>> event = Trigger("E", sp.Eq(x, y), {x: y}, from_trigger=False)
    >>> already_there([event], lambda e: e, dict.keys)
    [{x}]
    >>> already_there([event, Trigger("F", x > 5, {sp.Symbol("z"): y})], lambda e: e.subs(y, sp.Symbol("z")), dict.keys)
    [set(), set()]
    """
    said: list[set[sp.Symbol]] = []
    for t in triggers:
        same = {e.args for e in sp.And.make_args(t.condition) if isinstance(e, sp.Eq)} if t.delay == 0 else set()
        said.append({s for a, b in same for s, value in ((a, b), (b, a)) if t.assignments.get(s) == value})
    while True:
        real = [{s: v for s, v in t.assignments.items() if s not in own} for t, own in zip(triggers, said, strict=True)]
        rest = []
        for k, (t, own) in enumerate(zip(triggers, said, strict=True)):
            others = {s for new in (*real[:k], *real[k + 1 :]) for s in changed(new)}
            read = {s: [s] if t.from_trigger else [s, t.assignments[s]] for s in own}
            inside = {s: dag.free_symbols([*sides, *map(put, sides)]) for s, sides in read.items()}
            rest.append({s for s in own if others.isdisjoint(inside[s])})
        if rest == said:
            return said
        said = rest


class Equalities:
    r"""The differences f of equalities :math:`f = 0`, and for each a state s that says on which side of 0 f was.

    ``f == 0`` is the condition :math:`s f \le 0`: it turns true where f comes to 0 from the side s, in the course of the
    equations.  An event turns s around there, before all others.  Where events may change f, which may pass 0 in a jump, they
    note that they did, and an event takes s from the new value of f, before anything else happens; where f is 0 by a jump, s is
    the side to which it goes on.

    Parameters
    ----------
    fresh : callable, str -> Symbol
        A symbol that the model does not have.
    slope : callable, Expr -> Expr
        The rate of change of an expression.
    added : callable, () -> Float
        The priority of an event that is added.
    """

    def __init__(
        self, fresh: Callable[[str], sp.Symbol], slope: Callable[[sp.Expr], sp.Expr], added: Callable[[], sp.Float]
    ) -> None:
        self.fresh, self.slope, self.added = fresh, slope, added
        self.found: dict[sp.Expr, sp.Symbol] = {}  # of each difference its state

    def condition(self, difference: sp.Expr) -> sp.Basic:
        """What holds where a difference has come to 0."""
        if difference not in self.found:
            self.found[difference] = self.fresh("side")
        return self.found[difference] * difference <= 0

    def side(self, difference: sp.Expr) -> sp.Expr:
        """The value of its state, from the values of all others."""
        on = sp.Piecewise((1, self.slope(difference) >= 0), (-1, True))
        return sp.Piecewise((1, difference > 0), (-1, difference < 0), (on, True))

    def watched(self, events: Sequence[Event]) -> tuple[list[Event], dict[sp.Symbol, sp.Expr]]:
        """The events with those that keep the states up to date, and the states' values at the start."""
        events, starts = list(events), {}
        for f, s in self.found.items():
            starts[s] = self.side(f)
            here, turned = s * f <= 0, {s: -s}
            inside = dag.free_symbols([f])
            changing = [bool(inside & e.assignments.keys()) for e in events]
            if any(changing):
                starts[jumped := self.fresh(f"{s}_jumped")] = sp.S.Zero
                still, noted = {here: sp.And(here, jumped < sp.S.Half)}, {jumped: sp.S.One}
                events = [
                    replace(e, trigger=e.trigger.xreplace(still), assignments={**e.assignments, **(noted if c else {})})
                    for e, c in zip(events, changing, strict=True)
                ]
                here = still[here]
                after = {s: self.side(f), jumped: sp.S.Zero}
                events.append(Event(jumped > sp.S.Half, after, priority=self.added()))
            events.append(Event(here, turned, priority=self.added(), persistent=False))
        return events, starts
