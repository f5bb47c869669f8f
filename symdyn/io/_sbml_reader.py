"""Models of libsbml to exchange models."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import sympy as sp

from symdyn.dag import free_symbols, put_in, written_out
from symdyn.declaration import RESERVED_NAMES
from symdyn.errors import DeclarationError
from symdyn.io._documents import prepared
from symdyn.io._mathml import Formula, endless, real
from symdyn.io._reading import Limits, read_apart
from symdyn.io._xml import bounded
from symdyn.io.exchange.model import ExchangeModel, ExchangeReaction, Quantity, Trigger

__all__ = ["read"]


def read(
    text: str,
    path: Path | None = None,
    *,
    limits: Limits | None = None,
    exact: Mapping[str, float] | None = None,
    words: Collection[str] = (),
) -> ExchangeModel:
    """The exchange model of an SBML text, which lies at a path.

    Parameters
    ----------
    text : str
    path : Path, optional
    limits : Limits, optional
    exact : mapping of str to float, optional
        From numbers of 15 digits, as libsbml writes them, to those that they stand for.
    words : collection of str, optional
        Names that identifiers of another format cannot be: a quantity that is called by one, as its identifier is but for
        underscores at its end, gets it.

    Raises
    ------
    DeclarationError
        If it cannot be read.
    """
    limits = limits or Limits()
    limits.fit(text)
    bounded(text)
    read_apart(text, "SBML", limits, path)
    return _Reader(prepared(text, path).getModel(), len(text), exact or {}, words).exchange()


def _items(collection: Any) -> list[Any]:
    return [collection.get(i) for i in range(collection.size())]


class _Reader:
    """One model."""

    def __init__(self, model: Any, characters: int, exact: Mapping[str, float], words: Collection[str]) -> None:
        self.model = model
        self.exact = exact
        self.level = model.getLevel()
        self.species = {s.getId(): s for s in _items(model.getListOfSpecies())}
        self.compartments = {c.getId(): c for c in _items(model.getListOfCompartments())}
        self.parameters = {p.getId(): p for p in _items(model.getListOfParameters())}
        self.listed = _items(model.getListOfReactions())
        self.references = {
            r.getId(): r
            for x in self.listed
            for r in (*_items(x.getListOfReactants()), *_items(x.getListOfProducts()))
            if r.getId()
        }
        ids = {*self.compartments, *self.species, *self.parameters, *self.references}
        reactions = {r.getId() for r in self.listed}
        self.time = sp.Symbol(next(name for name in ("t", "time", "model_time") if name not in ids | reactions))
        self.names: dict[str, sp.Expr] = {}
        called = {k: x.getName() for found in (self.species, self.compartments, self.parameters) for k, x in found.items()}
        called = {k: name for k, name in called.items() if name in words and name not in ids and k.rstrip("_") == name}
        for name in (*sorted(ids), *sorted(reactions - ids)):
            new = called.get(name, name)
            while new in RESERVED_NAMES or (new != name and new in ids | reactions):
                new += "_"
            self.names[name] = sp.Symbol(new)
        functions = {}
        for f in _items(model.getListOfFunctionDefinitions()):
            functions[f.getId()] = ([f.getArgument(i).getName() for i in range(f.getNumArguments())], f.getBody())
        self.formula = Formula(functions, self.time, characters, exact)
        self.local: dict[sp.Symbol, float | None] = {}

    def exchange(self) -> ExchangeModel:
        """All of it."""
        starts = {}
        ends: dict[str, float] = {}  # parameters that are set to INF or NaN
        for a in _items(self.model.getListOfInitialAssignments()):
            if a.isSetMath() and not self.ends(a.getSymbol(), a.getMath(), ends):
                what = f"the initial assignment of {a.getSymbol()}"
                starts[self.symbol(a.getSymbol(), what)] = self.read(a.getMath(), what)
        quantities = {}
        for build, found in (
            (self.compartment, self.compartments),
            (self.one_species, self.species),
            (self.parameter, self.parameters),
            (self.reference, self.references),
        ):
            for item in found.values():
                q = build(item)
                quantities[q.symbol] = replace(q, value=starts[q.symbol], assigned=True) if q.symbol in starts else q
        assigned: dict[sp.Symbol, sp.Expr] = {}
        rates: dict[sp.Symbol, sp.Expr] = {}
        algebraic: list[sp.Expr] = []
        for r in _items(self.model.getListOfRules()):
            if not r.isSetMath() or (r.isAssignment() and self.ends(r.getVariable(), r.getMath(), ends)):
                continue
            if r.isAlgebraic():
                algebraic.append(self.read(r.getMath(), "an algebraic rule"))
            else:
                where = assigned if r.isAssignment() else rates
                where[self.symbol(r.getVariable(), "a rule")] = self.read(r.getMath(), f"the rule of {r.getVariable()}")
        model = ExchangeModel(
            name=self.model.getId(),
            time=self.time,
            quantities=quantities,
            assigned=assigned,
            rates=rates,
            algebraic=tuple(algebraic),
            changes=tuple(self.change(r) for r in self.listed),
            triggers=tuple(t for e in _items(self.model.getListOfEvents()) if (t := self.trigger(e)) is not None),
            local=self.local,
            moles="mole" in {s.getSubstanceUnits() for s in self.species.values()} | {self.model.getSubstanceUnits()},
        )
        self._refuse_contradictions(model)
        return self._with_rates_of_reactions(self._with_endless(model, starts, ends))

    def ends(self, name: str, formula: Any, ends: dict[str, float]) -> bool:
        """Whether a formula sets a parameter to INF or NaN, which is noted."""
        number = endless(formula) if name in self.parameters else None
        if number is not None:
            ends[name] = number
        return number is not None

    def _with_endless(
        self, model: ExchangeModel, starts: Mapping[sp.Symbol, sp.Expr], ends: Mapping[str, float]
    ) -> ExchangeModel:
        """The model with parameters that are INF or NaN at all times, where nothing uses them; used ones are refused."""
        found = {}
        used = free_symbols([*model.sides(), *(q.value for q in model.quantities.values() if q.value is not None)])
        changed = {*model.rates, *(s for t in model.triggers for s in t.assignments)}
        for name, p in self.parameters.items():
            number, s = ends.get(name, p.getValue() if p.isSetValue() else 0.0), self.names[name]
            if math.isfinite(number) or s in model.assigned or (s in starts and name not in ends):
                continue
            if s in used | changed and (name in ends or math.isinf(number)):
                real(number, name, self.exact)
            elif s not in used | changed:
                found[s] = replace(model.quantities[s], value=sp.Float(number))
        return replace(model, quantities={**model.quantities, **found}) if found else model

    def _refuse_contradictions(self, model: ExchangeModel) -> None:
        """Refuse identifiers that are declared twice, and quantities that are changed twice or although they are constant."""
        lists = (
            self.model.getListOfCompartments(), self.model.getListOfSpecies(), self.model.getListOfParameters(), self.listed,
            *(side for r in self.listed for side in (r.getListOfReactants(), r.getListOfProducts())),
        )  # fmt: skip
        if twice := _repeated(x.getId() for found in lists for x in found if x.getId()):
            raise DeclarationError(f"{twice} is declared twice; identifiers are unique")
        ruled = [r.getVariable() for r in self.model.getListOfRules() if not r.isAlgebraic()]
        if twice := _repeated(ruled):
            raise DeclarationError(f"{twice} has two rules; expected one at most")
        for event in self.model.getListOfEvents():
            if twice := _repeated(a.getVariable() for a in event.getListOfEventAssignments()):
                raise DeclarationError(f"an event assigns {twice} twice; expected one value")
        for s, dissolved in model.quantities.items():
            home = None if dissolved.home is None or dissolved.amount else model.quantities.get(dissolved.home)
            if home is not None and home.value == 0 and home.symbol not in model.assigned:
                raise DeclarationError(f"the compartment {home.symbol} has the size 0, by which the amount of {s} is divided")
        reacting = {s for c in model.changes for s, _ in (*c.reactants, *c.products)}
        ticking = {s: f"the event {t.name}" for t in model.triggers for s in t.assignments}
        for s, what in (ticking | dict.fromkeys((*model.assigned, *model.rates), "a rule")).items():
            q = model.quantities.get(s)
            if q is None or q.constant:
                raise DeclarationError(f"{what} changes {s}, which is {'constant' if q else 'the rate of a reaction'}")
            if what == "a rule" and s in reacting and not q.boundary:
                raise DeclarationError(f'a rule and reactions change {s}; expected boundaryCondition="true"')
            if s in ticking and s in model.assigned:
                raise DeclarationError(f"{ticking[s]} changes {s}, which an assignment rule determines")

    def _with_rates_of_reactions(self, model: ExchangeModel) -> ExchangeModel:
        """The identifier of a reaction stands for its rate."""
        laws = {c.symbol: c.law for c in model.changes if c.law is not None}
        starts = [q.value for q in model.quantities.values() if q.value is not None]
        if not free_symbols([*model.sides(), *starts]) & laws.keys():
            return model
        laws = written_out(laws, "rate of the reaction")
        return model.mapped(lambda e: put_in(e, laws, "a formula with rates of reactions"))

    def read(self, node: Any, where: str, local: dict[str, sp.Expr] | None = None) -> sp.Expr:
        """A formula."""
        return self.formula.read(node, {**self.names, **local} if local else self.names, where)

    def symbol(self, name: str, where: str) -> Any:
        """What an identifier became."""
        if name not in self.names:
            raise DeclarationError(f"{where} changes or uses {name!r}, which the model does not declare")
        return self.names[name]

    # ---- quantities --------------------------------------------------------------------------------

    def compartment(self, c: Any) -> Quantity:
        # a compartment without dimensions has no size
        size = c.getSize() if c.isSetSize() else (1.0 if self.level < 3 and c.getSpatialDimensions() else math.nan)
        return Quantity(self.names[c.getId()], "compartment", self.value(size, c.getId()), c.getConstant())

    def one_species(self, s: Any) -> Quantity:
        home = self.compartments.get(s.getCompartment())
        if home is None:
            raise DeclarationError(f"the species {s.getId()} lies in no compartment that the model declares")
        amount = s.getHasOnlySubstanceUnits() or home.getSpatialDimensionsAsDouble() == 0
        size = self.names[home.getId()]
        value: sp.Expr | None = None
        if s.isSetInitialAmount():
            value = self.value(s.getInitialAmount(), s.getId())
            value = value if value is None or amount else value / size
        elif s.isSetInitialConcentration():
            value = self.value(s.getInitialConcentration(), s.getId())
            value = value if value is None or not amount else value * size
        factor = s.getConversionFactor() or self.model.getConversionFactor()
        return Quantity(
            self.names[s.getId()],
            "species",
            value,
            s.getConstant(),
            home=size,
            amount=amount,
            boundary=s.getBoundaryCondition(),
            factor=self.symbol(factor, f"the species {s.getId()}") if factor else None,
        )

    def value(self, number: float, where: str) -> sp.Expr | None:
        """A number of the file; None for one that is not set."""
        return None if math.isnan(number) else real(number, where, self.exact)

    def parameter(self, p: Any) -> Quantity:
        number = p.getValue() if p.isSetValue() else math.nan  # an infinite one is looked at when all is read
        value = None if math.isinf(number) else self.value(number, p.getId())
        return Quantity(self.names[p.getId()], "parameter", value, p.getConstant())

    def reference(self, r: Any) -> Quantity:
        known = self.level < 3 or r.isSetStoichiometry()
        constant = r.getConstant() if self.level > 2 else True
        return Quantity(
            self.names[r.getId()], "stoichiometry", self.value(r.getStoichiometry(), r.getId()) if known else None, constant
        )

    # ---- reactions and events ------------------------------------------------------------------------

    def change(self, reaction: Any) -> ExchangeReaction:
        name = reaction.getId()
        law = None
        if reaction.isSetKineticLaw() and reaction.getKineticLaw().isSetMath():
            law = self.law(reaction)
        sides = [self.side(s, name) for s in (reaction.getListOfReactants(), reaction.getListOfProducts())]
        fast = bool(reaction.isSetFast() and reaction.getFast())
        return ExchangeReaction(self.names[name], law, sides[0], sides[1], reaction.getReversible(), fast)

    def law(self, reaction: Any) -> sp.Expr:
        """The kinetic law; local parameters get names of their own where theirs are taken."""
        name, law = reaction.getId(), reaction.getKineticLaw()
        inside = {p.getId(): p for p in (*_items(law.getListOfParameters()), *_items(law.getListOfLocalParameters()))}
        local: dict[str, sp.Expr] = {}
        for key, p in inside.items():
            symbol = sp.Symbol(key)
            while symbol.name in self.names or symbol in self.local or symbol == self.time:
                symbol = sp.Symbol(f"{name}_{symbol.name}")
            local[key] = symbol
            self.local[symbol] = p.getValue() if p.isSetValue() else None
        return self.read(law.getMath(), f"the kinetic law of {name}", local)

    def side(self, references: Any, name: str) -> tuple[tuple[sp.Symbol, sp.Expr], ...]:
        found = []
        for r in _items(references):
            if r.getSpecies() not in self.species:
                raise DeclarationError(
                    f"the reaction {name} has the species {r.getSpecies()!r}, which the model does not declare"
                )
            if r.isSetStoichiometryMath():
                count = self.read(r.getStoichiometryMath().getMath(), f"a stoichiometry of {name}")
            elif r.getId():
                count = self.names[r.getId()]
            else:
                value = self.value(r.getStoichiometry(), f"a stoichiometry of {name}")
                if value is None:
                    raise DeclarationError(f"the reaction {name} has no stoichiometry of {r.getSpecies()}")
                count = value
            found.append((self.names[r.getSpecies()], count))
        return tuple(found)

    def trigger(self, event: Any) -> Trigger | None:
        """An event, or None where it never happens or does nothing."""
        name = event.getId() or event.getName() or "without a name"
        if not event.isSetTrigger() or not event.getTrigger().isSetMath():
            return None
        what = f"the event {name}"
        condition = self.formula.condition(event.getTrigger().getMath(), self.names, f"the trigger of {what}")
        assignments = {
            self.symbol(a.getVariable(), what): self.read(a.getMath(), what)
            for a in _items(event.getListOfEventAssignments())
            if a.isSetMath()
        }
        late = event.isSetDelay() and event.getDelay().isSetMath()
        ranked = event.isSetPriority() and event.getPriority().isSetMath()
        trigger = event.getTrigger()
        return Trigger(
            name,
            condition,
            assignments,
            delay=self.read(event.getDelay().getMath(), f"the delay of {what}") if late else sp.S.Zero,
            priority=self.read(event.getPriority().getMath(), f"the priority of {what}") if ranked else None,
            persistent=trigger.getPersistent() if self.level > 2 else True,
            initial=trigger.getInitialValue() if self.level > 2 else True,
            from_trigger=event.getUseValuesFromTriggerTime(),
        )


def _repeated(names: Iterable[str]) -> str | None:
    """The first name that occurs a second time."""
    return next((name for name, count in Counter(names).items() if count > 1), None)
