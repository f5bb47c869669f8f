"""Models of libsbml to reaction networks."""

from __future__ import annotations

import warnings
from typing import Any

import libsbml as sbml
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.io._mathml import MAX_DEPTH, Formula
from symdyn.io._rate_laws import mass_action, split_reversible
from symdyn.io._xml import bounded
from symdyn.models.events import Event
from symdyn.models.reaction import Reaction
from symdyn.models.reactions import ReactionNetwork
from symdyn.reaction_text import MAX_COEFFICIENT

__all__ = ["LAWS", "read"]

LAWS = ("propensities", "rate equations")


def read(text: str, laws: str) -> ReactionNetwork:
    """The network of an SBML text; `laws` as for `read_sbml`."""
    bounded(text)
    document = sbml.readSBMLFromString(text)
    for i in range(document.getNumErrors()):
        error = document.getError(i)
        if error.getSeverity() >= sbml.LIBSBML_SEV_ERROR:
            raise DeclarationError(f"line {error.getLine()}: {' '.join(error.getMessage().split())[:300]}")
    model = document.getModel()
    if model is None:
        raise DeclarationError("the text holds no model")
    if document.getLevel() < 2:
        raise DeclarationError("the model is of SBML level 1; convert it to level 2 or 3")
    # packages belong to level 3; libsbml lists some for level 2 too
    plugins = range(document.getNumPlugins() if document.getLevel() > 2 else 0)
    packages = [document.getPlugin(i).getPackageName() for i in plugins]
    needed = [name for name in packages if document.getPackageRequired(name)]
    if needed or document.getNumUnknownPackages():
        raise DeclarationError(f"the model needs packages of SBML that are not read: {', '.join(needed) or 'unknown ones'}")
    return _Reader(model, laws).network()


def _items(collection: Any) -> list[Any]:
    return [collection.get(i) for i in range(collection.size())]


class _Reader:
    """One model, from declarations to reactions."""

    def __init__(self, model: Any, laws: str) -> None:
        self.model = model
        self.laws = laws
        self.compartments = {c.getId(): c for c in _items(model.getListOfCompartments())}
        self.species = {s.getId(): s for s in _items(model.getListOfSpecies())}
        self.quantities = {p.getId(): p for p in _items(model.getListOfParameters())}
        ids = {*self.compartments, *self.species, *self.quantities}
        self.time = sp.Symbol(next(name for name in ("t", "time", "model_time") if name not in ids))
        functions = {}
        for f in _items(model.getListOfFunctionDefinitions()):
            functions[f.getId()] = ([f.getArgument(i).getName() for i in range(f.getNumArguments())], f.getBody())
        self.formula = Formula(functions, self.time)
        self.refuse()
        self.rules = {r.getVariable(): r.getMath() for r in _items(model.getListOfRules())}
        self.starts = {a.getSymbol(): a.getMath() for a in _items(model.getListOfInitialAssignments())}
        self.mentioned = self.mentions()
        # the amount of a species, the size of a compartment, the value of a parameter; and its symbol in formulas
        self.amounts: dict[str, sp.Expr] = {}
        self.names: dict[str, sp.Expr] = {}
        self.opened: list[str] = []
        self.values: dict[str, float | None] = {}
        self.local: dict[str, float] = {}
        for name in ids:
            self.resolve(name)

    def refuse(self) -> None:
        """Raise an error for features that a network cannot represent."""
        for r in _items(self.model.getListOfRules()):
            if not r.isAssignment():
                what = f"the rate rule of {r.getVariable()}" if r.isRate() else "an algebraic rule"
                raise DeclarationError(f"the model has {what}; a reaction network changes by reactions alone")
        for s in self.species.values():
            if s.isSetConversionFactor() or self.model.isSetConversionFactor():
                raise DeclarationError(f"the species {s.getId()} has a conversion factor; convert to one unit of amount")
        units = {s.getSubstanceUnits() for s in self.species.values()} | {self.model.getSubstanceUnits()}
        if "mole" in units:
            warnings.warn("amounts in mole are read as numbers of molecules", UserWarning, stacklevel=2)

    def mentions(self) -> set[str]:
        """Every name that occurs in a formula."""
        found: set[str] = set()
        formulas = [*self.rules.values(), *self.starts.values()]
        for r in _items(self.model.getListOfReactions()):
            formulas.append(r.getKineticLaw().getMath() if r.isSetKineticLaw() else None)
        for e in _items(self.model.getListOfEvents()):
            formulas += [e.getTrigger().getMath(), *(a.getMath() for a in _items(e.getListOfEventAssignments()))]
        for f in formulas:
            found |= set() if f is None else _names(f)
        return found

    # ---- meaning of names ----------------------------------------------------------------------

    def resolve(self, name: str) -> sp.Expr:
        """The expression for `name` in formulas, by its assignment rule if it has one."""
        if name in self.names:
            return self.names[name]
        if name in self.opened:
            raise DeclarationError(f"the assignment rules go round in a circle: {' -> '.join([*self.opened, name])}")
        if len(self.opened) > MAX_DEPTH:
            raise DeclarationError(f"more than {MAX_DEPTH} assignment rules are built on each other, the last that of {name}")
        self.opened.append(name)
        symbol: sp.Expr = sp.Symbol(name)
        if name in self.species:
            size = self.size_for(name)
            if name in self.rules:
                self.names[name] = self.read(self.rules[name], f"the rule of {name}")
                self.amounts[name] = self.names[name] * size
            else:
                self.names[name], self.amounts[name] = symbol / size, symbol
        else:
            if name in self.rules:
                symbol = self.read(self.rules[name], f"the rule of {name}")
            elif name in self.compartments and name not in self.mentioned and self.compartments[name].getSize() == 1:
                # a size of 1 that occurs in no formula is dropped from the rates
                symbol = sp.S.One if name not in self.starts else symbol
            self.names[name] = self.amounts[name] = symbol
        self.opened.pop()
        return self.names[name]

    def size_for(self, name: str) -> sp.Expr:
        """The divisor of the amount of a species in formulas."""
        s = self.species[name]
        home = self.compartments.get(s.getCompartment())
        if home is None:
            raise DeclarationError(f"the species {name} lies in no compartment that the model declares")
        if s.getHasOnlySubstanceUnits() or home.getSpatialDimensionsAsDouble() == 0:
            return sp.S.One
        return self.resolve(home.getId())

    def read(self, node: Any, where: str, local: dict[str, sp.Expr] | None = None) -> sp.Expr:
        """A formula; rules that it leans on are read on the way."""
        for name in _names(node) & ({*self.compartments, *self.species, *self.quantities} - set(local or ())):
            self.resolve(name)
        return self.formula.read(node, {**self.names, **(local or {})}, where)

    # ---- initial values ----------------------------------------------------------------------------

    def value(self, name: str) -> float | None:
        """Initial amount of a species, initial value of a parameter or compartment."""
        if name in self.values:
            return self.values[name]
        if name in self.opened:
            raise DeclarationError(f"the initial assignments go round in a circle: {' -> '.join([*self.opened, name])}")
        self.opened.append(name)
        item = self.species.get(name) or self.compartments.get(name) or self.quantities[name]
        found: float | None = None
        if name in self.starts:
            found = self.number(self.read(self.starts[name], f"the initial assignment of {name}"), name)
            if name in self.species:
                found *= self.number(self.size_for(name), name)
        elif name in self.species:
            if item.isSetInitialAmount():
                found = item.getInitialAmount()
            elif item.isSetInitialConcentration():
                found = item.getInitialConcentration() * self.number(self.home_size(name), name)
        elif name in self.compartments:
            found = item.getSize() if item.isSetSize() else None
        else:
            found = item.getValue() if item.isSetValue() else None
        self.opened.pop()
        self.values[name] = found
        return found

    def home_size(self, name: str) -> sp.Expr:
        return self.resolve(self.species[name].getCompartment())

    def number(self, e: sp.Expr, name: str) -> float:
        """The value of an expression at the start."""
        swap: dict[sp.Basic, Any] = {self.time: sp.S.Zero}
        for s in sorted(e.free_symbols - {self.time}, key=str):
            known = self.value(s.name)
            if known is None:
                raise DeclarationError(f"the initial value of {name} needs that of {s}, which has none")
            swap[s] = sp.Float(known)
        return float(e.xreplace(swap))

    def holds(self, condition: Any) -> Any:
        """The condition at the start, as far as values are known."""
        known = {s: v for s in condition.free_symbols - {self.time} if (v := self.value(s.name)) is not None}
        return condition.subs({self.time: 0, **known})

    # ---- the network -------------------------------------------------------------------------------

    def network(self) -> ReactionNetwork:
        states = [n for n, s in self.species.items() if not (s.getConstant() or s.getBoundaryCondition() or n in self.rules)]
        events = [self.event(e) for e in _items(self.model.getListOfEvents())]
        states += [s.name for e in events for s in e.assignments if s.name not in states]
        laws = [self.law(r) for r in _items(self.model.getListOfReactions())]
        sizes = {sp.Symbol(n) for n in self.compartments} & set().union(*(law.free_symbols for law in laws))
        volume = sizes.pop() if len(sizes) == 1 else sp.S.One
        listed = zip(_items(self.model.getListOfReactions()), laws, strict=True)
        reactions = [x for r, law in listed for x in self.reactions(r, law, set(states), volume)]
        observables = {n: self.amounts[n] for n in self.rules}
        used = volume.free_symbols.union(
            *(r.rate.free_symbols for r in reactions),
            *(v.free_symbols for e in events for v in (e.trigger, *e.assignments.values())),
            *(e.free_symbols for e in observables.values()),
        )
        declared = {*self.compartments, *self.species, *self.quantities} - set(states)
        given = {s.name: v for s in used if s.name in declared and (v := self.value(s.name)) is not None}
        return ReactionNetwork(
            reactions,
            {**given, **self.local},
            volume=volume,
            initial={n: v for n in states if (v := self.value(n)) is not None},
            species=states,
            observables=observables,
            events=events,
            time=self.time,
            provenance=(f"read from SBML{f', model {self.model.getId()}' if self.model.getId() else ''}",),
        )

    def law(self, reaction: Any) -> sp.Expr:
        """The kinetic law in amounts; local parameters get names of their own where theirs are taken."""
        name = reaction.getId()
        if not reaction.isSetKineticLaw() or not reaction.getKineticLaw().isSetMath():
            raise DeclarationError(f"the reaction {name} has no kinetic law")
        if reaction.isSetFast() and reaction.getFast():
            raise DeclarationError(f"the reaction {name} is fast, in equilibrium at all times; that is not read")
        law = reaction.getKineticLaw()
        inside = {}
        for p in [*_items(law.getListOfParameters()), *_items(law.getListOfLocalParameters())]:
            inside[p.getId()] = p
        local = {}
        for key, p in inside.items():
            taken = key in {*self.compartments, *self.species, *self.quantities, *self.local, str(self.time)}
            symbol = sp.Symbol(f"{name}_{key}" if taken else key)
            local[key] = symbol
            if p.isSetValue():
                self.local[symbol.name] = p.getValue()
        return self.read(law.getMath(), f"the kinetic law of {name}", local)

    def reactions(self, reaction: Any, law: sp.Expr, states: set[str], volume: sp.Expr) -> list[Reaction]:
        """The one or two reactions of an SBML reaction."""
        name = reaction.getId()
        sides = [self.side(s, name, states) for s in (reaction.getListOfReactants(), reaction.getListOfProducts())]
        parts = [law]
        if reaction.getReversible():
            parts = split_reversible(law, *sides, name=name)
        found = []
        for part, (start, end) in zip(parts, (sides, sides[::-1]), strict=False):
            rate = mass_action(part, start, volume, {sp.Symbol(n) for n in states}, powers=self.laws == "rate equations")
            found.append(Reaction(start, end, part if rate is None else rate, rate is not None))
        return found

    def side(self, references: Any, name: str, states: set[str]) -> dict[sp.Symbol, int]:
        """Molecule numbers of the species that the reaction changes."""
        counts: dict[sp.Symbol, int] = {}
        for r in _items(references):
            if r.isSetStoichiometryMath():
                count = self.number(self.read(r.getStoichiometryMath().getMath(), f"a stoichiometry of {name}"), name)
            elif r.getId() and (r.getId() in self.rules or r.getId() in self.starts):
                raise DeclarationError(f"the reaction {name} has the computed stoichiometry {r.getId()}; write a whole number")
            else:
                count = r.getStoichiometry()
            known = r.getSpecies()
            if known not in self.species:
                raise DeclarationError(f"the reaction {name} has the species {known!r}, which the model does not declare")
            if not 0 <= count <= MAX_COEFFICIENT or count != int(count):
                expected = f"a whole number up to {MAX_COEFFICIENT}"
                raise DeclarationError(f"the reaction {name} has the stoichiometry {count} of {known}; expected {expected}")
            if known in states and count and not self.species[known].getBoundaryCondition():
                symbol = sp.Symbol(known)
                counts[symbol] = counts.get(symbol, 0) + int(count)
        return counts

    def event(self, event: Any) -> Event:
        """An event."""
        name = event.getId() or event.getName() or "without a name"
        trigger = self.formula.condition(event.getTrigger().getMath(), self.names, f"the trigger of the event {name}")
        options: dict[str, Any] = {}
        if event.isSetDelay():
            options["delay"] = self.read(event.getDelay().getMath(), f"the delay of the event {name}")
            options["from_trigger"] = bool(event.getUseValuesFromTriggerTime())
        if event.isSetPriority():
            options["priority"] = self.read(event.getPriority().getMath(), f"the priority of the event {name}")
        if self.model.getLevel() > 2:
            options["persistent"] = bool(event.getTrigger().getPersistent())
            options["initial"] = bool(event.getTrigger().getInitialValue()) or self.holds(trigger) is sp.false
        assigned = {}
        for a in _items(event.getListOfEventAssignments()):
            target = a.getVariable()
            if target not in self.species or self.species[target].getConstant() or target in self.rules:
                raise DeclarationError(f"the event {name} changes {target}; events change species alone")
            value = self.read(a.getMath(), f"the event {name}") * self.size_for(target)
            assigned[sp.Symbol(target)] = value
        return Event(trigger, assigned, **options)


def _names(node: Any) -> set[str]:
    """Identifiers in a formula."""
    found, waiting = set(), [node]
    while waiting:
        n = waiting.pop()
        if n.getType() == sbml.AST_NAME:
            found.add(n.getName())
        waiting += [n.getChild(i) for i in range(n.getNumChildren())]
    return found
