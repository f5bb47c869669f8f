r"""How sensitivities jump at events.

An event acts at the time :math:`\tau(p)` at which its margin m is zero, and takes x to g(x, p, t).  With the rates f before and
:math:`f^+ = f(g)` after it,

.. math:: S^+ = g_x\,(S + f\,\tau_p) + g_t\,\tau_p + g_p - f^+ \tau_p,
          \qquad \tau_p = -\frac{m_x S + m_p}{m_x f + m_t}

The k-th time of a schedule has :math:`\tau_p = \partial_p t_0 + k\,\partial_p \Delta`.  The time of an event with a delay d
moves in addition by the total derivative of d at the trigger, which a further state keeps until it acts.  A condition that
another event makes true, because it assigns what is compared, does not cross zero along the flow: its event moves with the
other, whose time and :math:`\tau_p` further states keep.  One that is true at the first time, of an event that then acts
(``initial=False``), acts at a time that does not move; a further state says that this time is over.

Where rates look up a state at a constant delay :math:`\sigma`, its jump from :math:`x^-` to :math:`x^+` makes them jump at
:math:`\tau + \sigma`, and sensitivities by :math:`(f(x^-) - f(x^+))(\tau_p + \sigma_p)`: by a further event, until which both
values wait.

References
----------
Rozenvasser, Automation and Remote Control 28 (1967) 1450; Hiskens & Pai, IEEE Trans. Circuits and Systems I 47 (2000) 204.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.declaration import derivative
from symdyn.derive._delay_sensitivities import DelayedStates
from symdyn.derive._jump_sensitivities import settled
from symdyn.errors import DeclarationError
from symdyn.models.events import Event, margin
from symdyn.models.schedules import Schedule
from symdyn.system import System, delays_in

__all__ = ["extended_events"]

#: What is kept for the time 0, as 0 says that an event has not acted: no time of a trajectory.
ZERO = sp.Float(1e-30)


def extended_events(
    system: System, columns: Sequence[sp.Symbol], names: Mapping[tuple[sp.Symbol, sp.Symbol], sp.Symbol], past: DelayedStates,
    fresh: Callable[[str], sp.Symbol],
) -> tuple[list[Event], list[sp.Symbol]]:  # fmt: skip
    """The events of a system extended by its sensitivities, and further states that these need, which do not change in between.

    Further states are 0 at first.

    Parameters
    ----------
    system : ODESystem
    columns : sequence of Symbol
        Parameters and initial values by which states are differentiated.
    names : mapping of (state, column) to Symbol
        The sensitivities.
    past : DelayedStates
    fresh : callable, str -> Symbol
        A symbol that nothing else has.

    Raises
    ------
    DeclarationError
        For events whose jumps are followed by others that are not known.
    """
    if system.shuffled:
        raise DeclarationError(f"sensitivities do not follow '{system.shuffled[0]}', which acts in random order")
    events: list[Event] = []
    made = {number: _Made(number, columns, fresh) for number, event in enumerate(system.events) if _makers(system, event)}
    further = [s for one in made.values() for s in (one.at, *one.shifts)]
    first = None if all(event.initial for event in system.events) else fresh("begun")
    for number, event in enumerate(system.events):
        jumps = _Jumps(system, columns, names, past, settled(system, event))
        moved = [jumps.moved(event, column) for column in columns]
        if first is not None and not event.initial:
            moved = [shift if shift == 0 else sp.Piecewise((0, first < sp.S.Half), (shift, True)) for shift in moved]
        if number in made:
            moved = made[number].moved(system.time, moved)
        later, waiting, values = _delayed_jumps(jumps, event, dict(zip(columns, moved, strict=True)), fresh)
        further += waiting
        if event.delay != 0:
            if event.from_trigger:
                raise DeclarationError(f"sensitivities do not follow '{event}', whose values are those of before its delay")
            late = [jumps.delayed(event.delay, column, shift) for column, shift in zip(columns, moved, strict=True)]
            kept = [fresh(f"d{system.time}{number}_d{column}") for column in columns]
            events.append(Event(event.trigger, dict(zip(kept, late, strict=True)), initial=event.initial, record=0))
            further += kept
            moved = list(kept)
        assigned = {**event.assignments, **values}
        for other, one in made.items():
            if number in _makers(system, system.events[other]):
                assigned |= {one.at: _moment(system.time), **dict(zip(one.shifts, moved, strict=True))}
        for column, shift in zip(columns, moved, strict=True):
            assigned |= jumps.after(event, column, shift)
        events += [replace(event, assignments=assigned), *later]
    if first is not None:  # the last of those of the first time, as events without a priority act after those with one
        events.append(Event(first < sp.S.Half, {first: sp.S.One}, initial=False, record=0))
        further.append(first)
    return events, further


def _makers(system: System, event: Event) -> list[int]:
    """Which events assign what the condition of another compares, and so may make it true at the moment when they act."""
    if isinstance(event.trigger, Schedule):
        return []
    compared = event.trigger.free_symbols
    return [
        k for k, other in enumerate(system.events)
        if other is not event and any(s in compared and new != s for s, new in other.assignments.items())
    ]  # fmt: skip


class _Made:
    """When an event has last acted that may make the condition of another true, and how that time moves by each column."""

    def __init__(self, number: int, columns: Sequence[sp.Symbol], fresh: Callable[[str], sp.Symbol]) -> None:
        self.at = fresh(f"made{number}")
        self.shifts = [fresh(f"dmade{number}_d{column}") for column in columns]

    def moved(self, time: sp.Symbol, own: Sequence[sp.Expr]) -> list[sp.Expr]:
        """How the time of the trigger moves, by each column; along the flow this is `own`."""
        now = sp.Eq(_moment(time), self.at)
        return [sp.Piecewise((shift, now), (e, True)) for shift, e in zip(self.shifts, own, strict=True)]


def _moment(time: sp.Symbol) -> sp.Expr:
    """A time as it is kept."""
    return sp.Piecewise((ZERO, sp.Eq(time, 0)), (time, True))


def _delayed_jumps(
    jumps: _Jumps, event: Event, moved: Mapping[sp.Symbol, sp.Expr], fresh: Callable[[str], sp.Symbol]
) -> tuple[list[Event], list[sp.Symbol], dict[sp.Symbol, sp.Expr]]:
    """Events by which sensitivities jump once more, states that these need, and what the event itself assigns to them."""
    found: list[Event] = []
    states: list[sp.Symbol] = []
    own: dict[sp.Symbol, sp.Expr] = {}
    jumping = {s.name: s for s, new in event.assignments.items() if new != s}
    calls = delays_in(jumps.drift.values(), jumping)
    for lag in dict.fromkeys(sp.expand(jumps.time - call.args[0]) for call in calls):
        if lag.free_symbols & {jumps.time, *jumps.states}:
            raise DeclarationError(
                f"sensitivities do not follow '{event}', as rates of change look up what it assigns at the varying delay {lag}"
            )
        totals = {c: shift.xreplace({jumps.time: jumps.time - lag}) + jumps.partial(lag, c) for c, shift in moved.items()}
        if isinstance(event.trigger, Schedule) and not any(t != 0 for t in totals.values()):
            continue
        if all(moved[c] == 0 and jumps.partial(lag, c) == 0 for c in moved):
            continue
        if event.delay != 0:
            raise DeclarationError(
                f"sensitivities do not follow '{event}', as rates of change look up what it assigns after a delay"
            )
        there = {call: jumping[call.func.__name__] for call in calls if sp.expand(jumps.time - call.args[0]) == lag}
        old, new = ({s: fresh(f"{s}_{side}") for s in there.values()} for side in ("before", "after"))
        states += [*old.values(), *new.values()]
        values = {**{old[s]: s for s in old}, **{new[s]: event.assignments[s] for s in new}}
        if isinstance(event.trigger, Schedule):
            own |= values
            every = event.trigger.every
            at = jumps.time - lag + (lag if every is None else sp.Min(lag, every)) / 2  # between this time and the next
            kept = {k: sp.Function(k.name)(at) for k in values}
            assigned = jumps.leap(there, old, new, totals, kept)
            trigger = replace(event.trigger, start=event.trigger.start + lag)
            found.append(Event(trigger, assigned, record=0))
            continue
        shifts = {c: fresh(f"d{jumps.time}_d{c}") for c in moved}
        states += shifts.values()
        values |= {shifts[c]: moved[c] for c in moved}
        assigned = jumps.leap(there, old, new, {c: shifts[c] + jumps.partial(lag, c) for c in moved}, {})
        found += [
            Event(event.trigger, values, delay=lag, initial=event.initial, from_trigger=True, record=0),
            Event(event.trigger, assigned, delay=lag, initial=event.initial, record=0),
        ]
    return found, states, own


class _Jumps:
    """Derivatives of a system along its trajectories."""

    def __init__(
        self, system: System, columns: Sequence[sp.Symbol], names: Mapping[Any, sp.Symbol], past: DelayedStates,
        after: Mapping[sp.Basic, sp.Basic],
    ) -> None:  # fmt: skip
        self.states, self.time, self.names, self.past = system.states, system.time, names, past
        self.drift = {s: f.xreplace(after) for s, f in zip(system.states, system.drift or (), strict=False)}
        self.rates = {s: f.xreplace(past.values) for s, f in self.drift.items()}
        self.jumping = {s.name for event in system.events for s, new in event.assignments.items() if new != s}

    def partial(self, e: sp.Expr, column: sp.Symbol) -> sp.Expr:
        """The derivative by a parameter; none by an initial value, which no expression contains."""
        return sp.S.Zero if column in self.states else derivative(e, column)

    def _rate(self, e: sp.Expr) -> sp.Expr:
        """How fast the value of an expression changes along a trajectory."""
        terms = [derivative(e, self.time), *(derivative(e, s) * self.rates[s] for s in self.states if e.has(s))]
        for call, value in self.past.values.items():
            if e.has(value):
                terms.append(derivative(e, value) * self.past.rate(call) * self._rate(call.args[0]))
        return sp.Add(*terms)

    def _along(self, e: sp.Expr, column: sp.Symbol, shift: sp.Expr) -> sp.Expr:
        """How the value of an expression moves at a time that moves by `shift`."""
        terms = [self.partial(e, column), *(derivative(e, s) * self.names[s, column] for s in self.states if e.has(s))]
        terms += [derivative(e, v) * self.past.slope(call, column) for call, v in self.past.values.items() if e.has(v)]
        return sp.Add(*terms, sp.S.Zero if shift == 0 else self._rate(e) * shift)

    def _read(self, e: sp.Expr) -> sp.Expr:
        """An expression with symbols for what it takes from the past."""
        return e.xreplace(self.past.values)

    def moved(self, event: Event, column: sp.Symbol) -> sp.Expr:
        """How the time of a trigger moves."""
        trigger = event.trigger
        if isinstance(trigger, Schedule):
            start = self.partial(trigger.start, column)
            if trigger.every is None:
                return start
            return start + (self.time - trigger.start) / trigger.every * self.partial(trigger.every, column)
        if jumping := delays_in([trigger], self.jumping):
            raise DeclarationError(
                f"sensitivities do not follow '{event}', whose condition may jump, as events change {jumping[0].func.__name__}"
            )
        m = self._read(margin(trigger))
        fixed, rate = self._along(m, column, sp.S.Zero), self._rate(m)
        return sp.S.Zero if fixed == 0 or rate == 0 else self.past.written(-fixed / rate)  # if 0 it turns true by jumps alone

    def delayed(self, delay: sp.Expr, column: sp.Symbol, shift: sp.Expr) -> sp.Expr:
        """How the time moves at which an event with a delay acts."""
        return shift + self.past.written(self._along(self._read(delay), column, shift))

    def after(self, event: Event, column: sp.Symbol, shift: sp.Expr) -> dict[sp.Symbol, sp.Expr]:
        """The sensitivities after an event whose time moves by `shift`."""
        found = {}
        for s in self.states:
            new = event.assignments.get(s, s)
            if shift == 0 and s not in event.assignments:
                continue
            rate = self.drift[s].xreplace(dict(event.assignments)) * shift if shift != 0 else sp.S.Zero
            found[self.names[s, column]] = self.past.written(self._along(self._read(new), column, shift)) - rate
        return found

    def leap(
        self, there: Mapping[AppliedUndef, sp.Symbol], old: Mapping[sp.Symbol, sp.Symbol], new: Mapping[sp.Symbol, sp.Symbol],
        totals: Mapping[sp.Symbol, sp.Expr], kept: Mapping[sp.Basic, sp.Basic],
    ) -> dict[sp.Symbol, sp.Expr]:  # fmt: skip
        """The sensitivities after a jump of delayed states at a time that moves by `totals`, of each column."""
        found: dict[sp.Symbol, sp.Expr] = {}
        for s, f in self.drift.items():
            before, after = (f.xreplace({call: side[state] for call, state in there.items()}) for side in (old, new))
            if before != after:
                drop = (before - after).xreplace(dict(kept))
                found |= {self.names[s, c]: self.names[s, c] + drop * total for c, total in totals.items() if total != 0}
        return found
