r"""How sensitivities jump at events.

An event acts at the time :math:`\tau(p)` at which its margin m is zero, and takes x to g(x, p, t).  With the rates f before and
:math:`f^+ = f(g)` after it,

.. math:: S^+ = g_x\,(S + f\,\tau_p) + g_t\,\tau_p + g_p - f^+ \tau_p,
          \qquad \tau_p = -\frac{m_x S + m_p}{m_x f + m_t}

The k-th time of a schedule has :math:`\tau_p = \partial_p t_0 + k\,\partial_p \Delta`.  The time of an event with a delay d
moves in addition by the total derivative of d at the trigger, which a further state keeps until it acts.  Every condition is
taken to cross zero along the flow: one that another event makes true at the same moment has no such slope.

References
----------
Rozenvasser, Automation and Remote Control 28 (1967) 1450; Hiskens & Pai, IEEE Trans. Circuits and Systems I 47 (2000) 204.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy as sp

from symdyn.declaration import derivative
from symdyn.errors import DeclarationError
from symdyn.models.events import Event, Schedule, margin
from symdyn.system import System

__all__ = ["extended_events"]


def extended_events(
    system: System, columns: Sequence[sp.Symbol], names: Mapping[tuple[sp.Symbol, sp.Symbol], sp.Symbol],
    fresh: Callable[[str], sp.Symbol],
) -> tuple[list[Event], list[sp.Symbol]]:  # fmt: skip
    """The events of a system extended by its sensitivities, and further states that these need, which do not change in between.

    Parameters
    ----------
    system : ODESystem
    columns : sequence of Symbol
        Parameters and initial values by which states are differentiated.
    names : mapping of (state, column) to Symbol
        The sensitivities.
    fresh : callable, str -> Symbol
        A symbol that nothing else has.
    """
    jumps = _Jumps(system, columns, names)
    events: list[Event] = []
    further: list[sp.Symbol] = []
    for number, event in enumerate(system.events):
        moved = [jumps.moved(event, column) for column in columns]
        if event.delay != 0:
            if event.from_trigger:
                raise DeclarationError(f"sensitivities do not follow '{event}', whose values are those of before its delay")
            late = [jumps.delayed(event.delay, column, shift) for column, shift in zip(columns, moved, strict=True)]
            kept = [fresh(f"d{system.time}{number}_d{column}") for column in columns]
            events.append(Event(event.trigger, dict(zip(kept, late, strict=True)), initial=event.initial, record=0))
            further += kept
            moved = list(kept)
        assigned = dict(event.assignments)
        for column, shift in zip(columns, moved, strict=True):
            assigned |= jumps.after(event, column, shift)
        events.append(replace(event, assignments=assigned))
    return events, further


class _Jumps:
    """Derivatives of a system along its trajectories."""

    def __init__(self, system: System, columns: Sequence[sp.Symbol], names: Mapping[Any, sp.Symbol]) -> None:
        self.states, self.time, self.names = system.states, system.time, names
        self.rates = dict(zip(system.states, system.drift or (), strict=False))

    def _partial(self, e: sp.Expr, column: sp.Symbol) -> sp.Expr:
        """The derivative by a parameter; none by an initial value, which no expression contains."""
        return sp.S.Zero if column in self.states else derivative(e, column)

    def _along(self, e: sp.Expr, column: sp.Symbol, shift: sp.Expr) -> sp.Expr:
        """How the value of an expression moves at a time that moves by `shift`."""
        terms = [self._partial(e, column), derivative(e, self.time) * shift]
        terms += [derivative(e, s) * (self.names[s, column] + self.rates[s] * shift) for s in self.states if e.has(s)]
        return sp.Add(*terms)

    def moved(self, event: Event, column: sp.Symbol) -> sp.Expr:
        """How the time of a trigger moves."""
        trigger = event.trigger
        if isinstance(trigger, Schedule):
            start = self._partial(trigger.start, column)
            if trigger.every is None:
                return start
            return start + (self.time - trigger.start) / trigger.every * self._partial(trigger.every, column)
        m = margin(trigger)
        slope = sp.Add(derivative(m, self.time), *(derivative(m, s) * self.rates[s] for s in self.states if m.has(s)))
        fixed = self._along(m, column, sp.S.Zero)
        return sp.S.Zero if fixed == 0 else -fixed / slope

    def delayed(self, delay: sp.Expr, column: sp.Symbol, shift: sp.Expr) -> sp.Expr:
        """How the time moves at which an event with a delay acts."""
        return shift + self._along(delay, column, shift)

    def after(self, event: Event, column: sp.Symbol, shift: sp.Expr) -> dict[sp.Symbol, sp.Expr]:
        """The sensitivities after an event whose time moves by `shift`."""
        found = {}
        for s in self.states:
            new = event.assignments.get(s, s)
            if shift == 0 and s not in event.assignments:
                continue
            rate = self.rates[s].xreplace(dict(event.assignments)) * shift if shift != 0 else sp.S.Zero
            found[self.names[s, column]] = self._along(new, column, shift) - rate
        return found
