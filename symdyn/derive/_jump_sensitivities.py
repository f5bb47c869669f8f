r"""How sensitivities jump where rates of change jump at a time that depends on a parameter.

At the time :math:`\tau(p)` of a step of the rates from :math:`f^-` to :math:`f^+`,

.. math:: S^+ = S + (f^- - f^+)\,\tau_p .

The times are those of `symdyn.derive.jump_times`: of the form :math:`\tau = s + j P`, so that :math:`\tau_p = s_p + j P_p`.
The rates on either side are those with the comparison, or the function, in which the step is, at times before and after it.
Where states decide, the step is where the margin m of the comparison is zero, and

.. math:: \tau_p = -\frac{m_x S + m_p}{m_x f^- + m_t},

unless rates are continuous there.  Where events assign such states, or delays are looked up, a warning names the comparison.

References
----------
Rozenvasser, Automation and Remote Control 28 (1967) 1450.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

import sympy as sp

from symdyn.dag import nodes
from symdyn.declaration import derivative
from symdyn.derive.jump_times import CORNERS, JumpTimes, times_of
from symdyn.errors import DeclarationError
from symdyn.models.events import Event, Schedule
from symdyn.system import System

__all__ = ["jump_events"]

#: How far from a step rates are evaluated: as a part of the time and of the span between steps, and at least.
BESIDE, LEAST = sp.Float(2.0**-32), sp.Float(2.0**-40)
#: Spans before time 0 from which on steps that recur are counted.
EARLIER = 2**16
#: What bends only.
BENDS = (sp.Abs, sp.Max, sp.Min)


def jump_events(
    system: System, columns: Sequence[sp.Symbol], names: Mapping[tuple[sp.Symbol, sp.Symbol], sp.Symbol]
) -> list[Event]:  # fmt: skip
    """Events at which sensitivities jump because rates of change do.

    Parameters
    ----------
    system : ODESystem
    columns : sequence of Symbol
        Parameters and initial values by which states are differentiated.
    names : mapping of (state, column) to Symbol
        The sensitivities.

    Raises
    ------
    DeclarationError
        Where the times of a step depend on a parameter and are not known.
    """
    time, states, moving = system.time, {*system.states}, {*columns} - {*system.states}
    drift = dict(zip(system.states, system.part("drift"), strict=True))
    found: dict[JumpTimes, list[sp.Basic]] = {}
    switches: list[Event] = []
    for corner in nodes(drift.values()):
        if not isinstance(corner, CORNERS) or isinstance(corner, BENDS) or not corner.free_symbols & (moving | states):
            continue
        times = times_of(corner, time, states) if time in corner.free_symbols else None
        if times is None and corner.free_symbols & states:
            sides = _switched(corner, drift)
            if sides is not None and _continuous(sides, states):
                continue
            touched = {*system.history, *(s for event in system.events for s in event.assignments)}
            if sides is None or system.delays or corner.free_symbols & touched:
                warnings.warn(
                    f"rates of change jump where {corner} changes, and sensitivities leave out that this moves; write it as an "
                    "event that switches a state without rate of change, which they follow",
                    stacklevel=4,
                )
            else:
                switches += _switches(sides, time, columns, names)
            continue
        if times is None or any(family.spacing != sp.oo for family in times):
            names_of = ", ".join(sorted(s.name for s in corner.free_symbols & moving))
            raise DeclarationError(
                f"sensitivities do not follow the jumps of {corner}, whose times are not known; leave {names_of} out, or write "
                "events at these times"
            )
        for family in times:
            if sp.Add(family.start, family.level, *([] if family.span == sp.oo else [family.span])).free_symbols & moving:
                found.setdefault(family, []).append(corner)
    events = (_event(family, corners, drift, time, columns, names) for family, corners in found.items())
    return [*switches, *(event for event in events if event is not None)]


def _event(
    family: JumpTimes, corners: Sequence[sp.Basic], drift: Mapping[sp.Symbol, sp.Expr], time: sp.Symbol,
    columns: Sequence[sp.Symbol], names: Mapping[tuple[sp.Symbol, sp.Symbol], sp.Symbol],
) -> Event | None:  # fmt: skip
    """The jumps of sensitivities at one kind of times; None if rates do not jump there."""
    start, span = family.start + family.level, sp.Abs(family.span)
    endless = family.span != sp.oo
    near = BESIDE * (sp.Abs(time) + (span if endless else 0)) + LEAST
    sides = [{c: c.xreplace({time: at}) for c in corners} for at in (time - near, time + near)]
    assigned = {}
    for column in columns:
        slope = derivative(start, column) if column not in drift else sp.S.Zero
        if endless and column not in drift:
            slope += (time - start) / family.span * derivative(family.span, column)
        if slope == 0:
            continue
        for state, f in drift.items():
            before, after = (f.xreplace(side) for side in sides)
            if before != after:
                assigned[names[state, column]] = names[state, column] + (before - after) * slope
    if not assigned:
        return None
    schedule = Schedule(sp.Mod(start, span) - EARLIER * span, span, None) if endless else Schedule(start)
    return Event(schedule, assigned, record=0)


class _Switch(NamedTuple):
    """Rates of change below and above zero of a margin."""

    margin: sp.Expr
    low: Mapping[sp.Symbol, sp.Expr]
    high: Mapping[sp.Symbol, sp.Expr]


def _switched(corner: sp.Basic, drift: Mapping[sp.Symbol, sp.Expr]) -> _Switch | None:
    """What changes where a comparison does; None for other functions, as remainders."""
    if isinstance(corner, (sp.sign, sp.Heaviside)):
        margin, values = corner.args[0], (-sp.S.One if isinstance(corner, sp.sign) else sp.S.Zero, sp.S.One)
    elif isinstance(corner, (sp.Gt, sp.Ge)):
        margin, values = corner.lhs - corner.rhs, (sp.false, sp.true)
    elif isinstance(corner, (sp.Lt, sp.Le)):
        margin, values = corner.lhs - corner.rhs, (sp.true, sp.false)
    else:
        return None
    low, high = ({s: f.xreplace({corner: value}) for s, f in drift.items()} for value in values)
    return _Switch(margin, low, high)


def _switches(
    sides: _Switch, time: sp.Symbol, columns: Sequence[sp.Symbol], names: Mapping[tuple[sp.Symbol, sp.Symbol], sp.Symbol]
) -> Iterator[Event]:  # fmt: skip
    """The jumps of sensitivities where a margin changes its sign, upwards and downwards."""
    m = sides.margin
    slopes = {s: derivative(m, s) for s in sides.low if m.has(s)}
    for before, after, condition in ((sides.low, sides.high, m > 0), (sides.high, sides.low, m < 0)):
        rate = sp.Add(derivative(m, time), *(slope * before[s] for s, slope in slopes.items()))
        assigned = {}
        for column in columns:
            own = sp.S.Zero if column in sides.low else derivative(m, column)
            shift = -sp.Add(own, *(slope * names[s, column] for s, slope in slopes.items())) / rate
            for state in sides.low:
                if before[state] != after[state]:
                    assigned[names[state, column]] = names[state, column] + (before[state] - after[state]) * shift
        if assigned:
            yield Event(condition, assigned, record=0)


def _continuous(sides: _Switch, states: Set[sp.Symbol]) -> bool:
    """Whether rates are the same on both sides where the margin is zero, as numbers at random tell."""
    margin = sides.margin
    solved = next((s for s in sorted(margin.free_symbols & states, key=str) if not sp.diff(margin, s).has(s)), None)
    if solved is None:
        return False
    place = solved - margin / sp.diff(margin, solved)
    for state in sides.low:
        change = sides.high[state] - sides.low[state]
        for seed in (0, 1):
            draws = random.Random(seed)
            values = {s: sp.Float(draws.uniform(0.5, 1.5)) for s in sorted(change.free_symbols | margin.free_symbols, key=str)}
            values[solved] = place.xreplace(values)
            number = change.xreplace(values)
            if not number.is_number or abs(number) > 1e-9:
                return False
    return True
