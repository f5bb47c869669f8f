"""Reaction networks to models of libsbml."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import libsbml as sbml
import sympy as sp

from symdyn.derive.jumps import refuse_delays
from symdyn.errors import DeclarationError
from symdyn.io._mathml import to_node
from symdyn.models.events import Event, Schedule
from symdyn.models.reactions import ReactionNetwork
from symdyn.system import System

__all__ = ["write", "write_initial"]


def write(network: ReactionNetwork) -> str:
    """The SBML text of a network; see `to_sbml`."""
    bursty = next((r for r in network.reactions if r.bursts), None)
    if bursty is not None:
        raise DeclarationError(f"the reaction {bursty} has a burst, which SBML cannot hold")
    refuse_delays(network, "SBML")
    if network.inputs:
        raise DeclarationError(f"the network has the input {network.inputs[0]}, a function of time that SBML has not")
    if network.unknowns:
        raise DeclarationError(f"the network has unknown terms ({', '.join(map(str, network.unknowns))}); fill them in first")
    names = {s.name for s in (*network.states, *network.parameters, *network.observables)}
    for name in names:
        if not (name.isascii() and name.isidentifier()):
            raise DeclarationError(f"{name!r} is no identifier of SBML (ASCII letters, digits, _); use renamed(...)")
    document = sbml.SBMLDocument(3, 1)
    model = document.createModel()
    model.setId(fresh("network", names))
    for what in (model.setSubstanceUnits, model.setExtentUnits):
        what("item")
    home = _compartment(model, network, names)
    for s in network.states:
        _species(model, s, home, network.initial.get(s))
        write_initial(model, s, network)
    for p in network.parameters:
        if p != network.volume:
            parameter = model.createParameter()
            parameter.setId(p.name)
            parameter.setConstant(True)
            if p in network.defaults:
                parameter.setValue(network.defaults[p])
    for name, value in network.observables.items():
        parameter = model.createParameter()
        parameter.setId(name.name)
        parameter.setConstant(False)
        rule = model.createAssignmentRule()
        rule.setVariable(name.name)
        rule.setMath(to_node(value, network.time))
    for i in range(1, len(network.reactions) + 1):
        _reaction(model, network, i, names)
    for i, event in enumerate(network.events, start=1):
        write_event(model, event, fresh(f"E{i}", names), network.time)
    return sbml.writeSBMLToString(document)


def fresh(name: str, taken: Iterable[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _compartment(model: Any, network: ReactionNetwork, names: set[str]) -> str:
    volume = network.volume
    compartment = model.createCompartment()
    compartment.setId(volume.name if volume.is_Symbol else fresh("compartment", names))
    compartment.setConstant(True)
    compartment.setSpatialDimensions(3)
    size = network.defaults.get(volume) if volume.is_Symbol else float(volume)
    if size is not None:
        compartment.setSize(size)
    return compartment.getId()


def _species(model: Any, symbol: sp.Symbol, home: str, amount: Any) -> None:
    species = model.createSpecies()
    species.setId(symbol.name)
    species.setCompartment(home)
    species.setHasOnlySubstanceUnits(True)
    species.setBoundaryCondition(False)
    species.setConstant(False)
    if isinstance(amount, float):
        species.setInitialAmount(amount)


def write_initial(model: Any, state: sp.Symbol, system: System) -> None:
    """An initial assignment, where the initial value of a state is an expression."""
    value = system.initial.get(state)
    if isinstance(value, sp.Expr):
        assignment = model.createInitialAssignment()
        assignment.setSymbol(state.name)
        assignment.setMath(to_node(value, system.time))


def _reaction(model: Any, network: ReactionNetwork, number: int, names: set[str]) -> None:
    given, law = network.reactions[number - 1], network.propensities[number - 1]
    reaction = model.createReaction()
    reaction.setId(fresh(f"R{number}", names))
    reaction.setReversible(False)
    reaction.setFast(False)
    for side, create in ((given.reactants, reaction.createReactant), (given.products, reaction.createProduct)):
        for s, count in side.items():
            reference = create()
            reference.setSpecies(s.name)
            reference.setStoichiometry(count)
            reference.setConstant(True)
    for s in network.states:
        if s in law.free_symbols and s not in given.reactants and s not in given.products:
            reaction.createModifier().setSpecies(s.name)
    reaction.createKineticLaw().setMath(to_node(law, network.time))


def write_event(model: Any, event: Event, name: str, time: sp.Symbol) -> None:
    """Add an event to a model of libsbml.

    Raises
    ------
    DeclarationError
        For schedules.
    """
    written = model.createEvent()
    written.setId(name)
    if isinstance(event.trigger, Schedule):
        raise DeclarationError(f"SBML has no schedules such as '{event.heading}'; write conditions, when {time} >= ...")
    written.setUseValuesFromTriggerTime(event.from_trigger)
    trigger = written.createTrigger()
    trigger.setInitialValue(event.initial)
    trigger.setPersistent(event.persistent)
    if event.delay != 0:
        written.createDelay().setMath(to_node(event.delay, time))
    if event.priority is not None:
        written.createPriority().setMath(to_node(event.priority, time))
    trigger.setMath(to_node(event.trigger, time))
    for s, value in event.assignments.items():
        assignment = written.createEventAssignment()
        assignment.setVariable(s.name)
        assignment.setMath(to_node(value, time))
