"""Systems as exchange models."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sympy as sp

from symdyn.declaration import expression
from symdyn.derive.jumps import refuse_delays
from symdyn.errors import DeclarationError
from symdyn.given_values import value_of
from symdyn.io.exchange.model import Delayed, ExchangeModel, ExchangeReaction, Quantity, Trigger, may_tie
from symdyn.models.events import Event
from symdyn.models.ode import ODESystem
from symdyn.models.reactions import ReactionNetwork
from symdyn.models.schedules import Schedule
from symdyn.system import System
from symdyn.text.terms import ENDLESS

__all__ = ["raised"]

#: Most times of a schedule that are written as an event each.
MAX_TIMES = 1000


def raised(system: System) -> ExchangeModel:
    """The exchange model of a network or an ODE system: amounts in one compartment, or parameters with rates of change.

    Raises
    ------
    DeclarationError
        For what exchange models do not have.
    """
    if not isinstance(system, (ReactionNetwork, ODESystem)):
        raise DeclarationError(f"{type(system).__name__} has no form in SBML and Antimony; reaction networks and ODEs have")
    if system.inputs:
        raise DeclarationError(f"the system has the input {system.inputs[0]}, a function of time that SBML has not")
    if system.unknowns:
        raise DeclarationError(f"the system has unknown terms ({', '.join(map(str, system.unknowns))}); fill them in first")
    names = {s.name for s in (*system.states, *system.parameters, *system.observables)}
    for name in sorted(names):
        if not (name.isascii() and name.isidentifier()):
            raise DeclarationError(f"{name!r} is no identifier of SBML (ASCII letters, digits, _); rename it")
    network = isinstance(system, ReactionNetwork)
    quantities = _amounts(system, names) if isinstance(system, ReactionNetwork) else _states(system)
    parameters = {p: Quantity(p, "parameter", _given(system.defaults.get(p)), True) for p in system.parameters}
    endless = {s: e for s, e in system.observables.items() if e in ENDLESS.values()}
    observables = {s: Quantity(s, "parameter", endless.get(s), s in endless) for s in system.observables}
    _refuse_order(system.events)
    triggers = tuple(_triggers(system.events, names, system.time))
    label = _fresh("network" if network else "system", names)
    common: dict[str, Any] = {
        "name": label,
        "time": system.time,
        "quantities": {**parameters, **quantities, **observables},
        "assigned": {s: e for s, e in system.observables.items() if s not in endless},
        "triggers": triggers,
    }
    if isinstance(system, ReactionNetwork):
        return ExchangeModel(**common, changes=tuple(_reactions(system, names)))
    rates = {s: e for s, e in zip(system.states, system.drift, strict=True) if s not in system.algebraic}
    zero = tuple(e for s, e in zip(system.states, system.drift, strict=True) if s in system.algebraic)
    return ExchangeModel(**common, rates=rates, algebraic=zero).mapped(lambda e: _past(e, system))


def _fresh(name: str, taken: set[str]) -> str:
    """A name that is not taken, and now is."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _given(value: Any) -> sp.Expr | None:
    """A value at the start: a number, an expression, or none."""
    value = sp.Float(float(value)) if not (value is None or isinstance(value, sp.Expr)) else value
    if value is not None and value.is_number and 0 < abs(float(value)) < sys.float_info.min:
        raise DeclarationError(
            f"the system has the value {float(value)!r}, which is too small for readers of SBML; round it to 0"
        )
    return value


# ---- networks ----------------------------------------------------------------------------------------


def _amounts(network: ReactionNetwork, names: set[str]) -> dict[sp.Symbol, Quantity]:
    """The compartment, and the species in it."""
    bursty = next((r for r in network.reactions if r.bursts), None)
    if bursty is not None:
        raise DeclarationError(f"the reaction {bursty} has a burst, which SBML cannot hold")
    refuse_delays(network, "SBML")
    volume = network.volume
    home = volume if volume.is_Symbol else sp.Symbol(_fresh("vessel", names))
    size = network.defaults.get(volume) if volume.is_Symbol else value_of(volume, {})
    species = {
        s: Quantity(s, "species", _given(network.initial.get(s)), home=home, amount=True) for s in network.states
    }  # fmt: skip
    return {home: Quantity(home, "compartment", _given(size), True), **species}


def _reactions(network: ReactionNetwork, names: set[str]) -> Iterator[ExchangeReaction]:
    for i, (r, law) in enumerate(zip(network.reactions, network.propensities, strict=True), start=1):
        used, made = (tuple((s, sp.Integer(k)) for s, k in side.items()) for side in (r.reactants, r.products))
        yield ExchangeReaction(sp.Symbol(_fresh(f"R{i}", names)), law, used, made)


# ---- equations -----------------------------------------------------------------------------------------


def _states(system: ODESystem) -> dict[sp.Symbol, Quantity]:
    if system.constraints:
        raise DeclarationError("a system that was reduced to index 1 has constraints, which SBML has not; write the one before")
    if system.slopes:
        raise DeclarationError(f"the system contains {system.slopes[0]}, an earlier rate of change, which SBML has not")
    for s, e in system.history.items():
        if e != system.initial.get(s) or not e.is_number:
            raise DeclarationError(
                f"{s} has the history {e}; in SBML a state has its initial value before the start: leave the history out"
            )
    return {s: Quantity(s, "parameter", _given(system.initial.get(s))) for s in system.states}


def _past(e: Any, system: ODESystem) -> Any:
    """An expression with `Delayed` for states at other times."""
    names = {s.name: s for s in system.states}
    return e.xreplace({d: Delayed(names[d.func.__name__], sp.expand(system.time - d.args[0])) for d in system.delays})


# ---- events --------------------------------------------------------------------------------------------


def _refuse_order(events: Sequence[Event]) -> None:
    """Refuse priorities that mean something else in SBML, where equal ones are random and absent ones arbitrary."""
    for i, event in enumerate(events):
        if event.shuffled and event.priority is None:
            raise DeclarationError(f"'{event}' is shuffled, which SBML has for equal priorities alone; give it a priority")
        other = next((e for e in events[:i] if may_tie(event.priority, e.priority)), None)
        if other is not None and not (event.shuffled and other.shuffled):
            raise DeclarationError(
                f"'{other}' and '{event}' may have the same priority, which means a random order in SBML; give them "
                "different priorities, or make both shuffled"
            )


def _triggers(events: Iterable[Event], names: set[str], time: sp.Symbol) -> Iterator[Trigger]:
    """Events; schedules as one event for each time."""
    for i, event in enumerate(events, start=1):
        when = event.trigger
        if not isinstance(when, Schedule):
            flags = {"persistent": event.persistent, "initial": event.initial, "from_trigger": event.from_trigger}
            yield Trigger(
                _fresh(f"E{i}", names), when, dict(event.assignments), event.delay, event.priority, **flags
            )  # fmt: skip
            continue
        if when.times is None or not when.times.is_number or when.times > MAX_TIMES:
            raise DeclarationError(
                f"'{event.heading}' is written as one event for each time, and has not a number of up to {MAX_TIMES}"
            )
        for k in range(int(when.times)):
            at = when.start if when.every is None else when.start + k * when.every
            at = expression(at)
            reached, starts = time >= at, at == 0 or not at.is_number  # at the start of time it acts, too
            yield Trigger(
                _fresh(f"E{i}" if k == 0 else f"E{i}_{k}", names), reached if at.is_number else reached & (at >= 0),
                dict(event.assignments), priority=event.priority, initial=not starts, from_trigger=False,
            )  # fmt: skip
