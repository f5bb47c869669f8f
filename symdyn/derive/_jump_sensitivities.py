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
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import NamedTuple

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.dag import nodes
from symdyn.declaration import derivative
from symdyn.derive.jump_times import CORNERS, JumpTimes, times_of
from symdyn.errors import DeclarationError
from symdyn.models.events import Event
from symdyn.models.schedules import RateSteps, Schedule
from symdyn.system import System

__all__ = ["jump_events", "settled"]

#: How far from a step rates are evaluated: as a part of the times of which it consists, and at least.
BESIDE, LEAST = sp.Float(2.0**-42), sp.Float(2.0**-500)
#: A time that does not come, and the priority of these events: those of the system find rates as they are after the step.
NEVER = FIRST = sp.Float(1e300)
#: How far from zero of a margin rates are compared that are not a number there.
ASIDE = sp.Float(1e-12)
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
    known: dict[sp.Basic, list[JumpTimes]] = {}
    for corner in nodes(drift.values()):
        if not isinstance(corner, CORNERS) or isinstance(corner, BENDS) or not corner.free_symbols & (moving | states):
            continue
        times = times_of(corner, time, states) if time in corner.free_symbols else None
        if times is None and (corner.free_symbols & states or corner.has(AppliedUndef)):
            continue
        if times is None or any(family.spacing != sp.oo for family in times):
            names_of = ", ".join(sorted(s.name for s in corner.free_symbols & moving))
            raise DeclarationError(
                f"sensitivities do not follow the jumps of {corner}, whose times are not known; leave {names_of} out, or write "
                "events at these times"
            )
        known[corner] = times
    _check_history(system, moving)
    switches: list[Event] = []
    for sides in _switched(system):
        if sides.margin is not None and _continuous(sides, sides.margin, states):
            continue
        if sides.margin is None or not _followed(sides, system):
            warnings.warn(
                f"rates of change jump where {sides.corner} changes, and sensitivities leave out that this moves; write it as "
                "an event that switches a state without rate of change, which they follow",
                stacklevel=5,
            )
        else:
            switches += _switches(sides, sides.margin, time, columns, names)
    # a corner jumps at times of its own, and at those of what is inside of it
    inside = {c: list(dict.fromkeys(f for part in nodes([c]) for f in known.get(part, ()))) for c in known}
    found = dict.fromkeys(f for times in known.values() for f in times if _ends(f) & moving)
    inside = {c: times for c, times in inside.items() if not found.keys().isdisjoint(times)}
    stepping = {c: _stepping(c, time, states) for c in inside}
    # large sums are searched only for what is there
    parts = {s: sp.Add.make_args(f) for s, f in drift.items()} if inside else {}
    terms = {s: [(g, [c for c in nodes([g]) if c in inside]) for g in summands] for s, summands in parts.items()}
    steps = (_event(family, inside, stepping, terms, time, columns, names) for family in found)
    events = [*switches, *(event for event in steps if event is not None)]
    return [replace(event, priority=FIRST) for event in events] if system.events else events


def _check_history(system: System, moving: Set[sp.Symbol]) -> None:
    """Refuse histories whose jumps are looked up at a time that moves."""
    looked_up = {s for call in system.delays for s in call.free_symbols} & (moving | {*system.states})
    for sides in _grouped((c for c in _corners(system.history) if system.time in c.free_symbols), system.history):
        moved = sorted(str(s) for s in (sides.corner.free_symbols & moving) | looked_up)
        if moved and (sides.margin is None or not _continuous(sides, sides.margin, {system.time})):
            raise DeclarationError(
                f"sensitivities do not follow the jumps of the history {sides.corner}, which are looked up at times that "
                f"depend on {', '.join(moved)}; begin at a later time, or leave these out"
            )


def settled(system: System, event: Event) -> dict[sp.Basic, sp.Basic]:
    """Comparisons in rates of change that change where an event is triggered, with what they are from then on."""
    if isinstance(event.trigger, Schedule) or event.delay != 0:
        return {}
    true = event.trigger.args if isinstance(event.trigger, sp.And) else (event.trigger,)
    margins = [_margin(c) for c in true if isinstance(c, (sp.Gt, sp.Ge, sp.Lt, sp.Le))]
    found: dict[sp.Basic, sp.Basic] = {}
    for sides in _switched(system) if margins else ():
        for margin, sign in margins:
            if margin == sides.margin and _followed(sides, system):
                found |= sides.high if sign > 0 else sides.low
    return found


def _followed(sides: _Switch, system: System) -> bool:
    """Whether where a margin is zero is an event of its own, at which neither states jump nor delays look back."""
    touched = {*system.history, *(s for event in system.events for s in event.assignments)}
    return not system.delays and not sides.corner.free_symbols & touched


def _ends(family: JumpTimes) -> set[sp.Basic]:
    """On what times depend."""
    return sp.Add(family.start, family.level, *([] if family.span == sp.oo else [family.span])).free_symbols


def _event(
    family: JumpTimes, corners: Mapping[sp.Basic, Sequence[JumpTimes]], stepping: Mapping[sp.Basic, Sequence[JumpTimes]],
    drift: Mapping[sp.Symbol, Sequence[tuple[sp.Expr, Sequence[sp.Basic]]]], time: sp.Symbol,
    columns: Sequence[sp.Symbol], names: Mapping[tuple[sp.Symbol, sp.Symbol], sp.Symbol],
) -> Event | None:  # fmt: skip
    """The jumps of sensitivities at one kind of times; None if rates do not jump there.

    Rates are given as terms, with the corners in each; `stepping` are all times at which one steps.  Corners jump one after the
    other, in an order that is the same for all kinds of times: where some of these meet, the jumps add up to that from before
    all of them to after all of them.
    """
    start, span = family.start + family.level, sp.Abs(family.span)
    endless = family.span != sp.oo

    def beside(corner: sp.Basic, sign: int) -> sp.Basic:
        sizes = [sp.Abs(time), *([span] if endless else []), *(f.size for f in corners[corner])]
        return corner.xreplace({time: time + sign * (BESIDE * sp.Add(*sizes) + LEAST)})

    falls = dict.fromkeys(drift, sp.S.Zero)
    for state, terms in drift.items():
        for term, own in terms:
            places = [k for k, c in enumerate(own) if family in corners[c]]
            for k in places:
                sides = {c: beside(c, 1 if j < k else -1) for j, c in enumerate(own)}
                falls[state] += term.xreplace(sides) - term.xreplace({**sides, own[k]: beside(own[k], 1)})
    assigned: dict[sp.Symbol, sp.Expr] = {}
    for column in columns:
        slope = derivative(start, column) if column not in drift else sp.S.Zero
        if endless and column not in drift:
            slope += (time - start) / family.span * derivative(family.span, column)
        if slope != 0:
            assigned |= {names[s, column]: names[s, column] + fall * slope for s, fall in falls.items() if fall != 0}
    if not assigned:
        return None
    first = sp.Mod(start, span) if endless else start
    apart = dict.fromkeys(_apart(family, f) for c, own in corners.items() if family in own for f in stepping[c] if f != family)
    there = _finite([start, family.span])
    if there is not sp.true:
        first, span = (sp.Piecewise((e, there), (other, True)) for e, other in ((first, NEVER / 2), (span, NEVER)))
    told = tuple(e for e in apart if e is not None)
    steps = RateSteps(first, span, None, told) if endless else RateSteps(first, apart=told)
    return Event(steps, assigned, record=0)


def _stepping(corner: sp.Basic, time: sp.Symbol, states: Set[sp.Symbol]) -> list[JumpTimes]:
    """When a corner steps, for a reason of its own or inside of it."""
    parts = (c for c in nodes([corner]) if isinstance(c, CORNERS) and not isinstance(c, BENDS) and time in c.free_symbols)
    return [family for part in parts for family in times_of(part, time, states) or ()]


def _apart(one: JumpTimes, other: JumpTimes) -> sp.Expr | None:
    """How far from times the nearest of others are; None where that changes from one to the next."""
    distance = one.start + one.level - other.start - other.level
    if one.span != sp.oo and other.span != sp.oo and one.span != other.span:
        return None
    span = sp.Abs(one.span if one.span != sp.oo else other.span)
    if span == sp.oo:
        return sp.Abs(distance)
    after = sp.Mod(distance, span)
    return sp.Min(after, span - after)


def _finite(expressions: Sequence[sp.Expr]) -> sp.Basic:
    """When expressions are finite real numbers, as far as divisions, powers and inverse functions tell."""
    found: list[sp.Basic] = []
    for e in nodes(expressions):
        if isinstance(e, sp.asin):
            found.append(sp.Abs(e.args[0]) <= 1)
        elif isinstance(e, sp.log):
            found.append(e.args[0] > 0)
        elif isinstance(e, sp.Pow) and e.free_symbols:
            found += [] if e.exp.is_integer else [e.base >= 0]
            found += [] if e.exp.is_nonnegative else [sp.Ne(e.base, 0)]
    return sp.And(*found)


class _Switch(NamedTuple):
    """Comparisons below and above zero of a margin, the first of them, and rates of change on either side.

    The margin is None for other functions, as remainders.
    """

    corner: sp.Basic
    margin: sp.Expr | None
    low: dict[sp.Basic, sp.Basic]
    high: dict[sp.Basic, sp.Basic]
    whole: Mapping[sp.Symbol, sp.Expr]

    def rates(self, high: bool) -> dict[sp.Symbol, sp.Expr]:
        """Rates of change on one side."""
        return {s: f.xreplace(self.high if high else self.low) for s, f in self.whole.items()}


def _margin(corner: sp.Basic) -> tuple[sp.Expr, int]:
    """What is compared with 0, the same for all ways to write it, and the sign of it where a comparison is true."""
    margin = sp.expand(corner.lhs - corner.rhs if isinstance(corner, sp.Rel) else corner.args[0]).primitive()[1]
    sign = -1 if isinstance(corner, (sp.Lt, sp.Le)) else 1
    return (-margin, -sign) if margin.could_extract_minus_sign() else (margin, sign)


def _switched(system: System) -> list[_Switch]:
    """What changes in rates of change where states decide."""
    time, states, drift = system.time, {*system.states}, dict(zip(system.states, system.part("drift"), strict=True))
    decided = [c for c in _corners(drift) if c.free_symbols & states or c.has(AppliedUndef)]
    return _grouped([c for c in decided if time not in c.free_symbols or times_of(c, time, states) is None], drift)


def _corners(rates: Mapping[sp.Symbol, sp.Expr]) -> Iterator[sp.Basic]:
    """What jumps for longer than a moment."""
    return (c for c in nodes(rates.values()) if isinstance(c, CORNERS) and not isinstance(c, (*BENDS, sp.Eq, sp.Ne)))


def _grouped(corners: Iterable[sp.Basic], rates: Mapping[sp.Symbol, sp.Expr]) -> list[_Switch]:
    """Corners that change at zeros of the same margin, together."""
    found: dict[sp.Basic, _Switch] = {}
    for corner in corners:
        if not isinstance(corner, (sp.sign, sp.Heaviside, sp.Gt, sp.Ge, sp.Lt, sp.Le)):
            found[corner] = _Switch(corner, None, {}, {}, rates)
            continue
        margin, sign = _margin(corner)
        least = -sp.S.One if isinstance(corner, sp.sign) else sp.S.Zero
        values = (sp.false, sp.true) if isinstance(corner, sp.Rel) else (least, sp.S.One)
        sides = found.setdefault(margin, _Switch(corner, margin, {}, {}, rates))
        sides.low[corner], sides.high[corner] = values[::sign]
    return list(found.values())


def _switches(
    sides: _Switch, m: sp.Expr, time: sp.Symbol, columns: Sequence[sp.Symbol],
    names: Mapping[tuple[sp.Symbol, sp.Symbol], sp.Symbol],
) -> Iterator[Event]:  # fmt: skip
    """The jumps of sensitivities where a margin changes its sign, upwards and downwards."""
    low, high = sides.rates(False), sides.rates(True)
    slopes = {s: derivative(m, s) for s in low if m.has(s)}
    for before, after, condition in ((low, high, m > 0), (high, low, m < 0)):
        rate = sp.Add(derivative(m, time), *(slope * before[s] for s, slope in slopes.items()))
        assigned = {}
        for column in columns:
            own = sp.S.Zero if column in low else derivative(m, column)
            shift = -sp.Add(own, *(slope * names[s, column] for s, slope in slopes.items())) / rate
            for state in low:
                if before[state] != after[state]:
                    assigned[names[state, column]] = names[state, column] + (before[state] - after[state]) * shift
        if assigned:
            yield Event(condition, assigned, record=0)


def _continuous(sides: _Switch, margin: sp.Expr, states: Set[sp.Symbol]) -> bool:
    """Whether rates are the same on both sides where the margin is zero, as numbers at random tell."""
    past = {call: sp.Dummy(str(call)) for call in margin.atoms(AppliedUndef)}
    margin, states = margin.xreplace(past), {*states, *past.values()}
    solved = next((s for s in sorted(margin.free_symbols & states, key=str) if not sp.diff(margin, s).has(s)), None)
    if solved is None:
        return False
    slope, low, high = sp.diff(margin, solved), sides.rates(False), sides.rates(True)
    for state in sides.whole:
        change = (high[state] - low[state]).xreplace(past)
        for seed in (0, 1):
            draws = random.Random(seed)
            values = {s: sp.Float(draws.uniform(0.5, 1.5)) for s in sorted(change.free_symbols | margin.free_symbols, key=str)}
            place = (solved - margin / slope).xreplace(values)
            number = change.xreplace({**values, solved: place})
            if number.is_number and not number.is_finite:  # as of x*log(x) at 0
                number = change.xreplace({**values, solved: place + ASIDE * sp.sign(slope.xreplace(values))})
            if not number.is_number or not abs(number) <= 1e-9:
                return False
    return True
