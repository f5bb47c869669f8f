"""Exchange models as SBML level 3 version 1; numbers have as many digits as it takes to read them exactly."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import sympy as sp

from symdyn.io._formulas import as_xml, digits, node_of
from symdyn.io.exchange.model import ExchangeModel, ExchangeReaction, Trigger

__all__ = ["write"]

CORE = "http://www.sbml.org/sbml/level3/version1/core"


def write(model: ExchangeModel) -> str:
    """The SBML text of a model.

    Raises
    ------
    DeclarationError
        For functions that SBML does not have.
    """
    return _Writer(model).text()


def _said(value: bool) -> str:
    return str(value).lower()


class _Writer:
    """One document."""

    def __init__(self, model: ExchangeModel) -> None:
        self.model = model
        self.document = Element("sbml", {"xmlns": CORE, "level": "3", "version": "1"})
        counted = {"substanceUnits": "item", "extentUnits": "item"} if model.changes else {}
        self.top = SubElement(self.document, "model", {"id": model.name, **counted})

    def text(self) -> str:
        model, quantities = self.model, self.model.quantities
        for kind, build in (("compartment", self.compartment), ("species", self.species), ("parameter", self.parameter)):
            found = [s for s, q in quantities.items() if q.kind == kind]
            self.listed("Species" if kind == "species" else f"{kind.capitalize()}s", found, build)
        started = [s for s, q in quantities.items() if q.value is not None and not q.value.is_number]
        self.listed("InitialAssignments", started, self.start)
        rules = [("algebraicRule", None, e) for e in model.algebraic]
        rules += [("rateRule", s, e) for s, e in model.rates.items()]
        rules += [("assignmentRule", s, e) for s, e in model.assigned.items()]
        self.listed("Rules", rules, self.rule)
        self.listed("Reactions", model.changes, self.reaction)
        self.listed("Events", model.triggers, self.event)
        indent(self.document)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(self.document, encoding="unicode")}\n'

    def listed(self, name: str, items: Any, build: Any) -> None:
        """A list, unless it is empty."""
        if items:
            home = SubElement(self.top, f"listOf{name}")
            for item in items:
                build(home, item)

    def formula(self, home: Element, e: Any, where: str) -> None:
        home.append(as_xml(node_of(e, self.model.time, where)))

    def number(self, s: sp.Symbol, attribute: str) -> dict[str, str]:
        """The attribute of a value that is a number."""
        value = self.model.quantities[s].value
        return (
            {attribute: digits(float(value)).replace("inf", "INF").replace("nan", "NaN")}
            if value is not None and value.is_number
            else {}
        )

    # ---- what the lists contain --------------------------------------------------------------------------

    def compartment(self, home: Element, s: sp.Symbol) -> None:
        size = self.number(s, "size")
        constant = _said(self.model.quantities[s].constant)
        SubElement(home, "compartment", {"id": s.name, "spatialDimensions": "3", **size, "constant": constant})

    def species(self, home: Element, s: sp.Symbol) -> None:
        q = self.model.quantities[s]
        start = self.number(s, "initialAmount" if q.amount else "initialConcentration")
        flags = {"hasOnlySubstanceUnits": q.amount, "boundaryCondition": q.boundary, "constant": q.constant}
        attributes = {"id": s.name, "compartment": str(q.home), **start, **{k: _said(v) for k, v in flags.items()}}
        SubElement(home, "species", attributes)

    def parameter(self, home: Element, s: sp.Symbol) -> None:
        value = self.number(s, "value")
        SubElement(home, "parameter", {"id": s.name, **value, "constant": _said(self.model.quantities[s].constant)})

    def start(self, home: Element, s: sp.Symbol) -> None:
        assignment = SubElement(home, "initialAssignment", {"symbol": s.name})
        self.formula(assignment, self.model.quantities[s].value, f"the initial value of {s}")

    def rule(self, home: Element, item: tuple[str, sp.Symbol | None, sp.Expr]) -> None:
        kind, s, e = item
        rule = SubElement(home, kind, {} if s is None else {"variable": s.name})
        self.formula(rule, e, "an algebraic equation" if s is None else f"the rule of {s}")

    def reaction(self, home: Element, c: ExchangeReaction) -> None:
        flags = {"reversible": _said(c.reversible), "fast": _said(c.fast)}
        reaction = SubElement(home, "reaction", {"id": c.symbol.name, **flags})
        for name, side in (("Reactants", c.reactants), ("Products", c.products)):
            references = SubElement(reaction, f"listOf{name}") if side else None
            for s, count in side:
                assert references is not None
                number = {"stoichiometry": digits(float(count)), "constant": "true"}
                SubElement(references, "speciesReference", {"species": s.name, **number})
        law = c.law
        if law is None:
            return
        reacting = {s for s, _ in (*c.reactants, *c.products)}
        quantities = self.model.quantities
        further = [s for s in quantities if s in law.free_symbols and s not in reacting and quantities[s].kind == "species"]
        if further:
            modifiers = SubElement(reaction, "listOfModifiers")
            for s in further:
                SubElement(modifiers, "modifierSpeciesReference", {"species": s.name})
        self.formula(SubElement(reaction, "kineticLaw"), law, f"the rate of {c.symbol}")

    def event(self, home: Element, e: Trigger) -> None:
        what = f"the event {e.name}"
        event = SubElement(home, "event", {"id": e.name, "useValuesFromTriggerTime": _said(e.from_trigger)})
        flags = {"initialValue": _said(e.initial), "persistent": _said(e.persistent)}
        self.formula(SubElement(event, "trigger", flags), e.condition, what)
        if e.priority is not None:
            self.formula(SubElement(event, "priority"), e.priority, what)
        if e.delay != 0:
            self.formula(SubElement(event, "delay"), e.delay, what)
        assignments = SubElement(event, "listOfEventAssignments")
        for s, value in e.assignments.items():
            self.formula(SubElement(assignments, "eventAssignment", {"variable": s.name}), value, what)
