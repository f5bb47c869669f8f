"""ExchangeModel models as reaction networks: jump processes of whole numbers of molecules."""

from __future__ import annotations

import math
import warnings
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.given_values import value_of
from symdyn.io._rate_laws import mass_action, negative_without, one_power, split_reversible
from symdyn.io.exchange.equalities import at_moments
from symdyn.io.exchange.model import Delayed, ExchangeModel, ExchangeReaction, Quantity, RateOf, Trigger
from symdyn.models.events import Event
from symdyn.models.reaction import Reaction
from symdyn.models.reactions import ReactionNetwork
from symdyn.reaction_text import MAX_COEFFICIENT

__all__ = ["LAWS", "to_network"]

LAWS = ("propensities", "rate equations")
OTHERWISE = "read it as_='ode' (command line: --kind ode)"


def to_network(model: ExchangeModel, laws: str) -> ReactionNetwork:
    """The network of a model; `laws` as for `symdyn.read_sbml`.

    Raises
    ------
    DeclarationError
        For what a network cannot represent.
    """
    return _Lowering(model, laws).network()


class _Lowering:
    """One model, from quantities to reactions."""

    def __init__(self, model: ExchangeModel, laws: str) -> None:
        self.model, self.laws = model, laws
        self.quantities = model.quantities
        self.refuse()
        self.states = [s for s, q in self.quantities.items() if self.moving(q)]
        self.states += [s for e in model.triggers for s in e.assignments if s not in self.states]
        self.known = set(self.states)
        # of species that are concentrations in formulas, symbols stand for amounts in the network
        plain = model.plain_sizes()
        self.standing = model.standing(self.quantities.keys() - self.known - model.assigned.keys())
        rules = {**model.assigned, **plain, **self.standing}
        for s, q in self.quantities.items():
            if s not in rules and self.home(q) not in (sp.S.One, *plain):
                rules[s] = sp.Symbol(f"{s.name}/amount") / q.home  # no identifier: it becomes the symbol again
        back = {sp.Symbol(f"{s.name}/amount"): s for s in self.quantities}
        self.swap = {s: e.xreplace(back) for s, e in dag.written_out(rules, "rule of").items()}
        self.values: dict[sp.Symbol, float | None] = {}
        self.opened: list[sp.Symbol] = []
        self.fix()

    def refuse(self) -> None:
        """Raise an error for features that a network cannot represent."""
        m = self.model
        if m.rates or m.algebraic:
            what = f"the rate rule of {next(iter(m.rates))}" if m.rates else "an algebraic rule"
            raise DeclarationError(f"the model has {what}; a reaction network changes by reactions alone; {OTHERWISE}")
        if m.moles:
            warnings.warn("amounts in mole are read as numbers of molecules", UserWarning, stacklevel=6)
        for s, q in self.quantities.items():
            if q.factor is not None:
                raise DeclarationError(
                    f"the species {s} has a conversion factor; convert to one unit of amount, or {OTHERWISE}"
                )
        for e in m.sides():
            if e.has(Delayed, RateOf):
                raise DeclarationError(f"a formula has {'a delay' if e.has(Delayed) else 'a rate of change'}; {OTHERWISE}")
        for t in m.triggers:
            for s in t.assignments:
                if self.quantities[s].kind != "species":
                    raise DeclarationError(
                        f"the event {t.name} changes {s}; events of networks change species alone: {OTHERWISE}"
                    )

    def fix(self) -> None:
        """Put numbers in the place of what decides stoichiometries, which are fixed: nothing else may follow other values."""
        counts = [e for c in self.model.changes for _, e in (*c.reactants, *c.products) if not e.is_number]
        for s in sorted(dag.free_symbols([self.put(e, "a stoichiometry") for e in counts]) - self.known, key=str):
            if s in self.quantities and (number := self.value(s)) is not None and math.isfinite(number):
                fixed = {s: sp.Integer(int(number)) if number.is_integer() else sp.Float(number)}
                self.swap = {**fixed, **{x: e.xreplace(fixed) for x, e in self.swap.items()}}

    def moving(self, q: Quantity) -> bool:
        return q.kind == "species" and not (q.constant or q.boundary or q.symbol in self.model.assigned)

    def put(self, e: Any, what: str) -> Any:
        """An expression in amounts and parameters."""
        return dag.put_in(e, self.swap, what)

    # ---- values at the start -------------------------------------------------------------------------

    def value(self, s: sp.Symbol) -> float | None:
        """Initial amount of a species, value of a parameter or compartment."""
        if s in self.values:
            return self.values[s]
        if s in self.opened:
            raise DeclarationError(f"the initial assignments go round in a circle: {' -> '.join(map(str, [*self.opened, s]))}")
        q = self.quantities.get(s)
        if q is None:
            return self.model.local.get(s)
        home, found = self.home(q), None
        self.opened.append(s)
        if q.value is not None and q.value.is_Number and home.is_Symbol and home not in self.model.assigned:
            size = self.value(home)
            found = self.number(q.value * home, s) if size is None else float(q.value) * size
        elif q.value is not None:
            found = self.number(q.value if home is sp.S.One else q.value * home, s)
        self.opened.pop()
        self.values[s] = found
        return found

    def home(self, q: Quantity) -> sp.Expr:
        """What the value of a species is multiplied by to be its amount."""
        return sp.S.One if q.kind != "species" or q.amount or q.home is None else q.home

    def number(self, e: sp.Expr, s: sp.Symbol) -> float:
        """The value of an expression at the start."""
        if e.is_Number:
            return float(e)
        e = self.put(e, f"the initial value of {s}").xreplace({self.model.time: sp.S.Zero})
        known: dict[sp.Symbol, float] = {}
        for name in sorted(e.free_symbols, key=str):
            found = self.value(name)
            if found is None:
                raise DeclarationError(f"the initial value of {s} needs that of {name}, which has none")
            known[name] = found
        return value_of(e, known)

    def start(self, s: sp.Symbol) -> float | sp.Expr | None:
        """The initial amount of a species: a formula of the file follows the parameters that it contains."""
        q, number = self.quantities[s], self.value(s)
        if q.value is None or number is None or (q.value.is_number and self.home(q) not in self.standing):
            return number
        e = self.put(q.value * self.home(q), f"the initial value of {s}").xreplace({self.model.time: sp.S.Zero})
        return number if e.is_number else e

    # ---- the network -------------------------------------------------------------------------------

    def network(self) -> ReactionNetwork:
        events = [self.event(e) for e in self.model.triggers]
        laws = [self.law(c) for c in self.model.changes]
        compartments = {s for s, q in self.quantities.items() if q.kind == "compartment"}
        sizes = compartments & dag.free_symbols(laws)
        volume = sizes.pop() if len(sizes) == 1 else sp.S.One
        found = list(zip(self.model.changes, laws, strict=True))
        reactions = [x for c, law in found for x in self.reactions(c, law, volume)]
        if not all(r.mass_action or one_power(r.rate, self.known, volume) for r in reactions):
            volume = sp.S.One  # of a volume, equations of large numbers would keep the leading power alone
            reactions = [x for c, law in found for x in self.reactions(c, law, volume)]
        ruled = {**self.model.assigned, **self.standing}
        observables = {s: self.put(s * self.home(self.quantities[s]), f"the rule of {s}") for s in ruled}
        initial = {s: v for s in self.states if (v := self.start(s)) is not None}
        starts = [e for e in initial.values() if isinstance(e, sp.Expr)]
        sides = [*(r.rate for r in reactions), *(x for e in events for x in e.sides), *observables.values(), *starts]
        used = dag.free_symbols([volume, *sides])
        for s, q in self.quantities.items():  # what stays, and occurs nowhere else
            idle = q.kind != "compartment" and s not in self.known and s not in used | observables.keys()
            if idle and (amount := self.value(s)) is not None and math.isfinite(amount):
                observables[s] = sp.Integer(int(amount)) if amount.is_integer() else sp.Float(amount)
        declared = [s for s in (*self.quantities, *self.model.local) if s in used and s not in self.known]
        return ReactionNetwork(
            reactions,
            {s: v for s in declared if (v := self.value(s)) is not None},
            volume=volume,
            initial=initial,
            species=self.states,
            observables=observables,
            events=events,
            time=self.model.time,
            provenance=self.model.provenance,
        )

    def law(self, c: ExchangeReaction) -> sp.Expr:
        if c.law is None:
            raise DeclarationError(f"the reaction {c.symbol} has no kinetic law")
        return self.put(c.law, f"the kinetic law of {c.symbol}")

    def reactions(self, c: ExchangeReaction, law: sp.Expr, volume: sp.Expr) -> list[Reaction]:
        """The one or two reactions of a reaction of the model."""
        if c.fast:
            raise DeclarationError(f"the reaction {c.symbol} is fast, in equilibrium at all times; {OTHERWISE}")
        sides = [self.side(s, c) for s in (c.reactants, c.products)]
        both = c.reversible or negative_without(law, sides[0]) is not None  # whatever the file says, it goes backwards
        parts = split_reversible(law, *sides, name=c.symbol.name) if both else [law]
        found = []
        for part, (start, end) in zip(parts, (sides, sides[::-1]), strict=False):
            rate = mass_action(part, start, volume, self.known, powers=self.laws == "rate equations")
            found.append(Reaction(start, end, part if rate is None else rate, rate is not None))
        return found

    def side(self, pairs: tuple[tuple[sp.Symbol, sp.Expr], ...], c: ExchangeReaction) -> dict[sp.Symbol, int]:
        """Molecule numbers of the species that the reaction changes."""
        counts: dict[sp.Symbol, int] = {}
        for species, e in pairs:
            for s in e.free_symbols & {*self.quantities, self.model.time}:
                q = self.quantities.get(s)  # none of time
                if q is None or (not q.constant and (s in self.model.assigned or q.kind != "stoichiometry")):
                    raise DeclarationError(f"the stoichiometry {e} of {species} in the reaction {c.symbol} varies; {OTHERWISE}")
            count = self.number(e, species)
            if not 0 <= count <= MAX_COEFFICIENT or count != int(count):
                expected = f"a whole number up to {MAX_COEFFICIENT}"
                raise DeclarationError(
                    f"the reaction {c.symbol} has the stoichiometry {count} of {species}; expected {expected}"
                )
            if species in self.known and count and not self.quantities[species].boundary:
                counts[species] = counts.get(species, 0) + int(count)
        return counts

    def event(self, t: Trigger) -> Event:
        what = f"the event {t.name}"
        condition = at_moments(self.put(t.condition, f"the trigger of {what}"), self.model.time)
        if condition in (sp.true, sp.false):
            raise DeclarationError(f"the trigger of {what} is {condition}; expected a comparison that can change")
        values = {s: self.put(e * self.home(self.quantities[s]), what) for s, e in t.assignments.items()}
        changing = {s for other in self.model.triggers if other is not t for s in other.assignments}  # while it waits its turn
        return Event(
            condition,
            values,
            delay=self.put(t.delay, f"the delay of {what}"),
            priority=None if t.priority is None else self.put(t.priority, f"the priority of {what}"),
            persistent=t.persistent,
            initial=t.initial,
            from_trigger=t.from_trigger and (t.delay != 0 or not changing.isdisjoint(dag.free_symbols(values.values()))),
            shuffled=self.model.shuffled(t),
        )
