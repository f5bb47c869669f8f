"""Texts of SBML level 3, put together of their parts, and of MathML."""

from __future__ import annotations

import symdyn as sd
from symdyn.io.sbml import read_sbml

MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'
TIME = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">t</csymbol>'
RATE = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/rateOf">rateOf</csymbol>'


def math(content: str) -> str:
    return f"<math {MATH}>{content}</math>"


def apply(operator: str, *parts: str) -> str:
    return f"<apply><{operator}/>{''.join(parts)}</apply>"


def ci(name: str) -> str:
    return f"<ci>{name}</ci>"


def cn(value: float) -> str:
    return f"<cn>{value}</cn>"


def parameter(name: str, value: float | None = None, *, constant: str = "false") -> str:
    return f'<parameter id="{name}" constant="{constant}"' + ("/>" if value is None else f' value="{value}"/>')


def species(name: str, start: str, *, amount: str = "false", home: str = "C", more: str = "") -> str:
    rest = f'hasOnlySubstanceUnits="{amount}" boundaryCondition="false" constant="false" {more}'
    return f'<species id="{name}" compartment="{home}" {start} {rest}/>'


def reaction(name: str, used: dict[str, float], made: dict[str, float], law: str, more: str = "") -> str:
    sides = ""
    for tag, side in (("Reactants", used), ("Products", made)):
        inside = "".join(f'<speciesReference species="{s}" stoichiometry="{k}" constant="true"/>' for s, k in side.items())
        sides += f"<listOf{tag}>{inside}</listOf{tag}>" if side else ""
    return (
        f'<reaction id="{name}" reversible="false" fast="false">{more or sides}<kineticLaw>{math(law)}</kineticLaw></reaction>'
    )


def event(
    condition: str, assigned: dict[str, str], *, delay: str = "", from_trigger: str = "true", initial: str = "true"
) -> str:
    late = f"<delay>{math(delay)}</delay>" if delay else ""
    new = "".join(f'<eventAssignment variable="{s}">{math(v)}</eventAssignment>' for s, v in assigned.items())
    trigger = f'<trigger initialValue="{initial}" persistent="true">{math(condition)}</trigger>'
    inside = f"{trigger}{late}<listOfEventAssignments>{new}</listOfEventAssignments>"
    return f'<event useValuesFromTriggerTime="{from_trigger}">{inside}</event>'


def document(*, size: float = 1.0, constant: str = "true", version: int = 1, attributes: str = "", **lists: str) -> str:
    order = ("Compartments", "Species", "Parameters", "InitialAssignments", "Rules", "Reactions", "Events")
    given = {"Compartments": f'<compartment id="C" spatialDimensions="3" size="{size}" constant="{constant}"/>', **lists}
    inside = "".join(f"<listOf{name}>{given[name]}</listOf{name}>" for name in order if name in given)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level3/version{version}/core" level="3" '
        f'version="{version}"><model id="m" {attributes}>{inside}</model></sbml>'
    )


def run(text: str, times: list[float]):
    return sd.simulate(read_sbml(text, as_="ode"), times, rtol=1e-10, atol=1e-12, progress=False)


def assign(name: str, formula: str) -> str:
    return f'<assignmentRule variable="{name}">{math(formula)}</assignmentRule>'


def rate(name: str, formula: str) -> str:
    return f'<rateRule variable="{name}">{math(formula)}</rateRule>'
