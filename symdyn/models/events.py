"""Events: instantaneous changes of states when a condition turns true, or at given times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.logic.boolalg import Boolean, BooleanAtom

from symdyn import dag
from symdyn.declaration import as_symbol, expression
from symdyn.errors import CompileError, DeclarationError
from symdyn.given_values import lookup
from symdyn.models.schedules import Schedule
from symdyn.text.events import FLAGS, EventText

__all__ = [
    "Event",
    "called",
    "condition_text",
    "declared_events",
    "dose",
    "event_of",
    "listed_events",
    "margin",
    "with_events_of",
]

#: Firings whose times are reported, of each event in each trajectory, unless the event says otherwise.
RECORDED = 100


@dataclass(frozen=True)
class Event:
    r"""States take new values at the moment when a condition turns from false to true.

    Where a condition changes, all of that moment are what they are just after it, before any event acts: as x comes to 1,
    ``x >= 1`` is true and ``x < 1`` is false, so that an event that sets x to 0 triggers those of ``x < 1``.  With Wiener noise
    this is so of opposite conditions.
    A condition that is still true after the event has acted triggers nothing until it has been false: an event that takes all
    speed of a ball at the floor, ``when x <= 0, y = 0``, does not hold it there, and it falls on.  The times at which a ball
    jumps ever less come together, which ends in a status, as long as numbers show that it jumps.

    Parameters
    ----------
    trigger : Boolean or Schedule
        A comparison of states, parameters and time, or several joined by and, or, not; or the times themselves, which
        `dose` writes down.
    assignments : mapping
        From states to new values.
    delay : Expr or number, optional
        Time from the trigger to the assignments, evaluated at the trigger.
    priority : Expr or number, optional
        Among events that act at the same time the one with the largest priority acts first, then those without a priority;
        equals act in the order in which they were triggered, and those triggered together in the order of the declaration,
        unless they are shuffled.
    persistent : bool, optional
        Whether it acts after its delay, and after others of the same time, even if the condition is false again by then.
    initial : bool, optional
        Whether the condition counts as true before the first time, so that one that is true at the first time triggers nothing.
    from_trigger : bool, optional
        Whether new values are those of the moment of the trigger; else those of the moment at which the event acts.
    shuffled : bool, optional
        Whether it acts in a random order among other shuffled events of the same time and priority: each order is as likely
        as any other, and depends on the seed of a simulation and on the trajectory alone.
    record : int, optional
        Firings of each trajectory, from the first on, whose times a simulation of rates of change reports.

    Raises
    ------
    DeclarationError
        For a trigger that is no comparison, and without assignments.

    Examples
    --------
    >>> X, t = sp.symbols("X t")
    >>> print(Event(t >= 25, {X: 50}))
    when t >= 25, X = 50
    >>> print(Event(X > 50, {X: 0}, delay=2, persistent=False))
    when X > 50 delay 2 persistent false, X = 0
    """

    trigger: Any
    assignments: Mapping[sp.Symbol, sp.Expr]
    delay: sp.Expr = sp.S.Zero
    priority: sp.Expr | None = None
    persistent: bool = True
    initial: bool = True
    from_trigger: bool = False
    shuffled: bool = False
    record: int = RECORDED

    def __post_init__(self) -> None:
        trigger = self.trigger
        if isinstance(trigger, Schedule):
            if expression(self.delay) != 0:
                raise DeclarationError(f"an event {trigger} has the delay {self.delay}; let it start later instead")
            idle = next((name for name in FLAGS if getattr(self, name) != type(self).__dataclass_fields__[name].default), None)
            if idle is not None:
                raise DeclarationError(f"an event {trigger} has no condition, on which {idle} has an effect; leave it out")
        elif not isinstance(trigger, Boolean) or isinstance(trigger, (BooleanAtom, sp.Symbol)):
            raise DeclarationError(f"an event has the trigger {trigger!r}; expected a comparison, such as X > 50")
        if not isinstance(self.assignments, Mapping) or not self.assignments:
            raise DeclarationError(f"an event assigns {self.assignments!r}; expected a mapping from states to values, {{X: 0}}")
        for name in FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise DeclarationError(f"{name} of an event is {getattr(self, name)!r}; expected True or False")
        if isinstance(self.record, bool) or not isinstance(self.record, int) or self.record < 0:
            raise DeclarationError(f"record of an event is {self.record!r}; expected a whole number, 0 or more")
        given = {as_symbol(k, "a state"): expression(v) for k, v in self.assignments.items()}
        object.__setattr__(self, "assignments", given)
        object.__setattr__(self, "delay", expression(self.delay))
        object.__setattr__(self, "priority", None if self.priority is None else expression(self.priority))

    @property
    def plain(self) -> bool:
        """Whether it is a condition or a schedule with assignments alone, without delay, priority and what else may be said."""
        when = str(self.trigger) if isinstance(self.trigger, Schedule) else f"when {condition_text(self.trigger)}"
        return self.heading == when

    @property
    def sides(self) -> tuple[sp.Basic, ...]:
        """Its expressions and conditions."""
        when = self.trigger.sides if isinstance(self.trigger, Schedule) else (*self.trigger.atoms(sp.Rel), self.trigger)
        return (*when, self.delay, *(() if self.priority is None else (self.priority,)), *self.assignments.values())

    def mapped(self, function: Callable[[Any], Any]) -> Event:
        """The event with a function applied to its expressions and conditions.

        Parameters
        ----------
        function : callable, Basic -> Basic

        Returns
        -------
        Event

        Examples
        --------
        >>> X, Y, k = sp.symbols("X Y k")
        >>> print(Event(X > k, {X: k / 2}).mapped(lambda e: e.xreplace({k: sp.Integer(4)})))
        when X > 4, X = 2
        """
        trigger = self.trigger.mapped(function) if isinstance(self.trigger, Schedule) else function(self.trigger)
        priority = None if self.priority is None else function(self.priority)
        assignments = {k: function(v) for k, v in self.assignments.items()}
        return replace(self, trigger=trigger, assignments=assignments, delay=function(self.delay), priority=priority)

    def renamed(self, swap: Mapping[sp.Symbol, sp.Symbol]) -> Event:
        """The event with other symbols, also for the states that it assigns.

        Parameters
        ----------
        swap : mapping of Symbol to Symbol

        Returns
        -------
        Event

        Examples
        --------
        >>> X, Y = sp.symbols("X Y")
        >>> print(Event(X > 1, {X: X / 2}).renamed({X: Y}))
        when Y > 1, Y = Y/2
        """
        new = self.mapped(lambda side: side.xreplace(swap))
        return replace(new, assignments={swap.get(k, k): v for k, v in new.assignments.items()})

    def scaled(self, factor: sp.Expr) -> Event:
        """The event with new values that are multiplied by a factor.

        Parameters
        ----------
        factor : Expr

        Returns
        -------
        Event

        Examples
        --------
        >>> X, V = sp.symbols("X V")
        >>> print(Event(X > 1, {X: X + 3}).scaled(1 / V))
        when X > 1, X = X/V + 3/V
        """
        return replace(self, assignments={k: sp.expand_mul(v * factor) for k, v in self.assignments.items()})

    @property
    def fingerprint(self) -> str:
        """What decides its meaning, exactly."""
        flags = [self.persistent, self.initial, self.from_trigger, *([True] if self.shuffled else [])]
        return f"{self.heading} {list(map(str, self.assignments))} {flags} {dag.fingerprint(self.sides)}"

    @property
    def heading(self) -> str:
        """When it happens, as text."""
        words = str(self.trigger) if isinstance(self.trigger, Schedule) else f"when {condition_text(self.trigger)}"
        words += f" delay {dag.written_exactly(self.delay)}" if self.delay != 0 else ""
        words += "" if self.priority is None else f" priority {dag.written_exactly(self.priority)}"
        fields = type(self).__dataclass_fields__
        changed = (name for name in FLAGS if getattr(self, name) != fields[name].default)
        return words + "".join(f" {name} {str(getattr(self, name)).lower()}" for name in changed)

    def __str__(self) -> str:
        return ", ".join([self.heading, *(f"{k} = {dag.written_exactly(v)}" for k, v in self.assignments.items())])

    def __hash__(self) -> int:
        return hash(str(self))


def dose(state: Any, amount: Any, *, every: Any = None, times: Any = None, start: Any = 0) -> Event:
    r"""A dose, or repeated doses: the amount is added to a state at :math:`t_0 + k\,\Delta`, :math:`k = 0, \dots, N - 1`.

    Parameters
    ----------
    state : Symbol or str
    amount : Expr or number
        In the unit of the state; it may depend on parameters, states and time.
    every : Expr or number, optional
        The time :math:`\Delta` from one dose to the next.
    times : Expr or number, optional
        Their number N; with `every` they go on to the last output time unless it is given, else there is one.
    start : Expr or number, optional
        The time :math:`t_0` of the first.

    Returns
    -------
    Event
        Doses before the first output time are left out, one at it is given.

    Raises
    ------
    DeclarationError
        For several doses without the time between them.

    Examples
    --------
    Of a drug that is eliminated at the rate k, the amount after many doses is :math:`D e^{-k\Delta} / (1 - e^{-k\Delta})`
    before each:

    >>> import symdyn as sd
    >>> A, k = sp.symbols("A k")
    >>> model = sd.ODESystem({A: -k * A}, {k: 0.1}, initial={A: 0}, events=sd.dose(A, 100, every=12, times=20))
    >>> float(sd.simulate(model, [0, 239.999999], rtol=1e-9, progress=False).A[-1].round(3))
    43.101
    """
    target = as_symbol(state, "a state")
    return Event(_schedule(start, every, times), {target: target + expression(amount)})


def _schedule(start: Any, every: Any, times: Any) -> Schedule:
    """One time, or with `every` and no number of them times without end."""
    return Schedule(start, every, 1 if every is None and times is None else times)


def event_of(read: EventText) -> Event:
    """The event of a text."""
    options = dict(read.options)
    assignments = {sp.Symbol(k): v for k, v in read.assignments.items()}
    if not read.timed:
        return Event(read.trigger, assignments, **options)  # type: ignore[arg-type]
    return Event(_schedule(read.trigger, options.get("every"), options.get("times")), assignments)


def with_events_of(texts: Iterable[EventText], options: Mapping[str, Any]) -> list[Event]:
    """The events of a text, followed by those of the option ``events``."""
    return [*map(event_of, texts), *listed_events(options.get("events", ()))]


def listed_events(events: Any) -> tuple[Event, ...]:
    """One event or several, as a tuple.

    Raises
    ------
    DeclarationError
        For anything else.
    """
    listed = (events,) if isinstance(events, (Event, str)) or not isinstance(events, Iterable) else tuple(events)
    for e in listed:
        if not isinstance(e, Event):
            raise DeclarationError(f"an event is {e!r}; expected Event(X > 50, {{X: 0}}), or dose(X, 100)")
    return listed


def observed_events(
    events: Any, observables: Mapping[sp.Symbol, sp.Expr], swap: Mapping[sp.Basic, sp.Symbol]
) -> tuple[Event, ...]:
    """Events, one or several, with ``x(t)`` and observables written out.

    Raises
    ------
    DeclarationError
        For anything else.
    """
    assigned = dag.written_out(dict(observables), "observable")

    def read(side: sp.Basic) -> Any:
        return dag.put_in(side.xreplace(swap), assigned, f"{side} of an event")

    return tuple(e.mapped(read) for e in listed_events(events))


def called(equations: Iterable[Any], states: Sequence[sp.Symbol]) -> dict[sp.Basic, sp.Symbol]:
    """From the states that were given as ``x(t)`` to their symbols."""
    return {key: state for key, state in zip(equations, states, strict=True) if isinstance(key, AppliedUndef)}


def declared_events(
    events: Any, swap: Mapping[sp.Basic, sp.Symbol], states: Sequence[sp.Symbol], observables: Mapping[sp.Symbol, sp.Expr]
) -> tuple[tuple[Event, ...], list[Any]]:
    """The events of a system that is being declared, one or several, and their expressions and conditions.

    Parameters
    ----------
    events : Event or iterable of Event
    swap : mapping
        From ``x(t)`` to the symbols of states.
    states : sequence of Symbol
    observables : mapping of Symbol to Expr

    Raises
    ------
    DeclarationError
        For anything else, and assignments to what is no state.
    """
    found = observed_events(events, observables, swap)
    for event in found:
        for state in event.assignments:
            lookup(state, states, "state")
    return found, [side for event in found for side in event.sides]


def margin(
    condition: sp.Basic,
    bound: Callable[[sp.Expr], sp.Expr] = lambda e: e,
    strict: Callable[[sp.Expr], sp.Expr] = lambda e: e,
) -> sp.Expr:
    """The margin of a condition; `bound` changes that of each comparison, and `strict` that of those by < and >.

    Raises
    ------
    CompileError
        For equalities, which a state that changes continuously meets at no time that a step sees.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> margin((x < 2) & ~(y < x))
    Min(2 - x, -x + y)
    """
    condition = sp.to_nnf(condition, simplify=False)
    if isinstance(condition, (sp.And, sp.Or)):
        parts = [margin(a, bound, strict) for a in sorted(condition.args, key=str)]
        return sp.Min(*parts) if isinstance(condition, sp.And) else sp.Max(*parts)
    if isinstance(condition, (sp.Gt, sp.Ge, sp.Lt, sp.Le)):
        found = bound(condition.gts - condition.lts)
        return strict(found) if isinstance(condition, (sp.Gt, sp.Lt)) else found
    equal = isinstance(condition, (sp.Eq, sp.Ne))
    hint = "; for x == 1 write x >= 1 where x comes from below, x <= 1 where from above" if equal else ""
    raise CompileError(
        f"the condition {condition} cannot be located; expected comparisons by <, <=, > or >=, joined by &, | and ~{hint}"
    )


def condition_text(e: sp.Basic) -> str:
    """A condition as the grammar reads it."""
    e = dag.written_exactly(e)
    for kind, word in ((sp.And, " and "), (sp.Or, " or ")):
        if isinstance(e, kind):
            return word.join(f"({condition_text(a)})" for a in sorted(e.args, key=str))
    if isinstance(e, sp.Not):
        return f"not ({condition_text(e.args[0])})"
    return f"{e.args[0]} {e.rel_op} {e.args[1]}"  # type: ignore[attr-defined]
