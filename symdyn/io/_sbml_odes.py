"""ODE systems to models of libsbml: every state is a parameter with a rate rule, or has an algebraic rule."""

from __future__ import annotations

from typing import Any

import libsbml as sbml

from symdyn.errors import DeclarationError
from symdyn.io._mathml import to_node
from symdyn.io._sbml_writer import fresh, write_event, write_initial
from symdyn.models.ode import ODESystem

__all__ = ["write_rates"]


def write_rates(system: ODESystem) -> str:
    """The SBML text of an ODE system; see `to_sbml`."""
    if system.delays:
        raise DeclarationError(f"the system has delays ({system.delays[0]}), which are not written to SBML")
    if system.inputs:
        raise DeclarationError(f"the system has the input {system.inputs[0]}, a function of time that SBML has not")
    if system.unknowns:
        raise DeclarationError(f"the system has unknown terms ({', '.join(map(str, system.unknowns))}); fill them in first")
    names = [s.name for s in (*system.states, *system.parameters, *system.observables)]
    for name in names:
        if not (name.isascii() and name.isidentifier()):
            raise DeclarationError(f"{name!r} is no identifier of SBML (ASCII letters, digits, _); rename it")
    document = sbml.SBMLDocument(3, 1)
    model = document.createModel()
    label = "system"
    while label in names:
        label += "_"
    model.setId(label)
    for s in system.states:
        start = system.initial.get(s)
        _parameter(model, s.name, constant=False, value=start if isinstance(start, float) else None)
        write_initial(model, s, system)
    for p in system.parameters:
        _parameter(model, p.name, constant=True, value=system.defaults.get(p))
    if system.constraints:
        raise DeclarationError("a system that was reduced to index 1 has constraints, which SBML has not; write the one before")
    for s, rate in zip(system.states, system.drift, strict=True):
        rule = model.createAlgebraicRule() if s in system.algebraic else model.createRateRule()
        if s not in system.algebraic:
            rule.setVariable(s.name)
        rule.setMath(to_node(rate, system.time))
    for name, value in system.observables.items():
        _parameter(model, name.name, constant=False, value=None)
        assignment = model.createAssignmentRule()
        assignment.setVariable(name.name)
        assignment.setMath(to_node(value, system.time))
    taken = {*names, label}
    for i, event in enumerate(system.events, start=1):
        write_event(model, event, fresh(f"E{i}", taken), system.time)
    return sbml.writeSBMLToString(document)


def _parameter(model: Any, name: str, *, constant: bool, value: float | None) -> None:
    parameter = model.createParameter()
    parameter.setId(name)
    parameter.setConstant(constant)
    if value is not None:
        parameter.setValue(float(value))
