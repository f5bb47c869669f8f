"""A rule-based model, and the exchange model of the network that its rules generate."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

import sympy as sp

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.io.exchange.model import ExchangeModel, ExchangeReaction, Quantity
from symdyn.io.rules.expansion import Generated, Rule, complex_of, count, generated
from symdyn.io.rules.patterns import Complex, Pattern, named

__all__ = ["Initial", "Observed", "RuleModel", "expanded"]


@dataclass(frozen=True)
class Initial:
    """How much there is of a complex at the start, and whether reactions leave it unchanged."""

    pattern: Pattern
    value: sp.Expr
    fixed: bool = False


@dataclass(frozen=True)
class Observed:
    """Patterns that are counted: in each complex each as often as it fits, or, of `complexes`, once."""

    patterns: tuple[Pattern, ...]
    complexes: bool = False


@dataclass
class RuleModel:
    """What a rule-based model says.

    Attributes
    ----------
    name : str
    monomers : dict of str to dict of str to tuple of str
        Sites, and the states of each.
    compartments : dict of str to Symbol or None
        The parameter that is the size of each; None is 1.
    surfaces : set of str
        The compartments of two dimensions.
    touching : list of set of str
        Surfaces with the volumes inside and around them.
    parameters : dict of Symbol to float
    formulas : dict of Symbol to Expr
        Of parameters, observables and each other.
    rules : list of Rule
    initials : list of Initial
    observables : dict of Symbol to Observed
    """

    name: str = ""
    monomers: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    compartments: dict[str, sp.Symbol | None] = field(default_factory=dict)
    surfaces: set[str] = field(default_factory=set)
    touching: list[set[str]] = field(default_factory=list)
    parameters: dict[sp.Symbol, float] = field(default_factory=dict)
    formulas: dict[sp.Symbol, sp.Expr] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    initials: list[Initial] = field(default_factory=list)
    observables: dict[sp.Symbol, Observed] = field(default_factory=dict)


def expanded(model: RuleModel, *, most_species: int, most_reactions: int) -> tuple[ExchangeModel, dict[Complex, sp.Symbol]]:
    """The network of a model, in which species are amounts, and the symbol of each complex.

    Raises
    ------
    DeclarationError
        If a rule or a start says too little, or the network is larger than allowed.
    """
    start: dict[Complex, Initial] = {}
    for initial in model.initials:
        form = complex_of(initial.pattern, model.monomers, f"the initial value {initial.value}")
        if form in start:
            raise DeclarationError(f"the complex {named(form)} has two initial values, {start[form].value} and {initial.value}")
        start[form] = initial
    complexes, reactions = generated(
        list(start), model.rules, model.monomers, most_species=most_species, most_reactions=most_reactions
    )
    for form in complexes:
        _located(form, model)
    symbols = _symbols(complexes, model)
    quantities = {s: Quantity(s, "parameter", value=sp.Float(v), constant=True) for s, v in model.parameters.items()}
    for form, s in zip(complexes, symbols, strict=True):
        own = start.get(form, Initial((), sp.S.Zero))
        value = dag.put_in(own.value, dag.written_out(model.formulas, "expression"), f"the initial value of {s}")
        quantities[s] = Quantity(
            s, "species", value=value, amount=True, boundary=own.fixed, constant=own.fixed, assigned=not value.is_number
        )
    assigned: dict[sp.Symbol, sp.Expr] = {}
    for name, observed in model.observables.items():
        most = 1 if observed.complexes else math.inf
        counts = [sum(min(count(p, form), most) for p in observed.patterns) for form in complexes]
        assigned[name] = sp.Add(*(n * s for n, s in zip(counts, symbols, strict=True) if n))
    assigned |= model.formulas
    for name in assigned:
        quantities[name] = Quantity(name, "parameter")
    changes = tuple(_reaction(g, k, complexes, symbols, model, quantities) for k, g in enumerate(reactions))
    found = ExchangeModel(
        model.name, sp.Symbol("time"), quantities, assigned=assigned, changes=changes, origin="PySB"
    )  # fmt: skip
    return found, dict(zip(complexes, symbols, strict=True))


def _located(form: Complex, model: RuleModel) -> None:
    """Refuse a complex that is nowhere where there are compartments, or whose bonds reach between those that do not touch."""
    for m in form:
        if model.compartments and not m.home:
            raise DeclarationError(f"{m.monomer} of the complex {named(form)} has no compartment; write {m.monomer}(...) ** c")
        for _, _, end in m.sites:
            if end and form[end[0]].home != m.home and {m.home, form[end[0]].home} not in model.touching:
                raise DeclarationError(
                    f"the complex {named(form)} has a bond from {m.home} to {form[end[0]].home}, which are no surface and its "
                    "volume"
                )


def _symbols(complexes: list[Complex], model: RuleModel) -> list[sp.Symbol]:
    """A symbol for each complex, with a number where names of several would be the same."""
    names = [named(form) for form in complexes]
    often = Counter(names)
    taken = {s.name for s in (*model.parameters, *model.formulas, *model.observables)} | {n for n, k in often.items() if k > 1}
    found, numbers = [], Counter[str]()
    for name in names:
        while name in taken:
            base = name if name in often else name.rpartition("_")[0]
            numbers[base] += 1
            name = f"{base}_{numbers[base]}"
        taken.add(name)
        found.append(sp.Symbol(name))
    return found


def _reaction(
    g: Generated, k: int, complexes: list[Complex], symbols: list[sp.Symbol], model: RuleModel, taken: Collection[sp.Symbol]
) -> ExchangeReaction:
    law = g.ways * g.rule.rate * sp.Mul(*(symbols[i] for i in g.reactants)) * _size(g, complexes, model)
    before, after = (
        tuple((symbols[i], sp.Integer(n)) for i, n in sorted(Counter(side).items())) for side in (g.reactants, g.products)
    )
    name = sp.Symbol(f"{g.rule.name}_{k + 1}")
    while name in taken:
        name = sp.Symbol(f"{name}_")
    return ExchangeReaction(name, law, before, after)


def _size(g: Generated, complexes: list[Complex], model: RuleModel) -> sp.Expr:
    """The size of the compartment to the power of one less the number of reactants: rates are those of concentrations."""
    if len(g.reactants) == 1:
        return sp.S.One
    homes = {m.home for i in g.reactants or g.products for m in complexes[i] if m.home}
    sizes = [size for home in homes if (size := model.compartments[home]) is not None]
    if sizes and len(homes) > 1:
        raise DeclarationError(
            f"the rule {g.rule.name} is of molecules in several compartments, {' and '.join(sorted(homes))}, which have sizes; "
            "reactions within one compartment are read, and compartments without sizes"
        )
    each = [{m.home for m in complexes[i]} for i in g.reactants]
    places = set().union(*(own & model.surfaces or own for own in each))  # a complex at a surface is there as a whole
    if len(places) > 1 and places not in model.touching:
        raise DeclarationError(
            f"the rule {g.rule.name} is of molecules in {' and '.join(sorted(places))}, which are no surface and its volume"
        )
    return sizes[0] ** (1 - len(g.reactants)) if sizes else sp.S.One
