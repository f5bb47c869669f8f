"""The exchange model: what SBML and the formats in its terms say about a system, as expressions of its identifiers."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from symdyn import dag

__all__ = ["Delayed", "ExchangeModel", "ExchangeReaction", "Quantity", "RateOf", "Trigger", "may_tie"]


class Delayed(sp.Function):
    """``Delayed(e, tau)``: the value of an expression a time tau ago."""

    nargs = 2

    @classmethod
    def eval(cls, e: sp.Expr, tau: sp.Expr) -> sp.Expr | None:
        return e if tau == 0 else None


class RateOf(sp.Function):
    """``RateOf(x)``: the rate of change of a quantity."""

    nargs = 1


@dataclass(frozen=True)
class Quantity:
    """A compartment, species, parameter or stoichiometry.

    Attributes
    ----------
    symbol : Symbol
        It stands for the size of a compartment, the value of a parameter, and the concentration of a species, or its amount if
        `amount` is set.
    kind : {'compartment', 'species', 'parameter', 'stoichiometry'}
    value : Expr or None
        At the start, in the meaning of the symbol; an expression of other symbols and of time, or None where there is none.
    constant : bool
        Whether nothing changes it.
    home : Symbol or None
        The compartment of a species.
    amount : bool
        Whether the symbol of a species stands for its amount.
    boundary : bool
        Whether reactions leave a species unchanged.
    factor : Symbol or None
        What converts the extent of reactions into the amount of a species.
    assigned : bool
        Whether the value at the start is a formula of the file.
    """

    symbol: sp.Symbol
    kind: str
    value: sp.Expr | None = None
    constant: bool = False
    home: sp.Symbol | None = None
    amount: bool = False
    boundary: bool = False
    factor: sp.Symbol | None = None
    assigned: bool = False


@dataclass(frozen=True)
class ExchangeReaction:
    """A reaction: its rate in extent per time (None if the file has none), and stoichiometries in the order of the file."""

    symbol: sp.Symbol
    law: sp.Expr | None
    reactants: tuple[tuple[sp.Symbol, sp.Expr], ...]
    products: tuple[tuple[sp.Symbol, sp.Expr], ...]
    reversible: bool = False
    fast: bool = False


@dataclass(frozen=True)
class Trigger:
    """An event: when it happens, and what it assigns; see `symdyn.Event`."""

    name: str
    condition: Any
    assignments: dict[sp.Symbol, sp.Expr]
    delay: sp.Expr = sp.S.Zero
    priority: sp.Expr | None = None
    persistent: bool = True
    initial: bool = True
    from_trigger: bool = True


@dataclass(frozen=True)
class ExchangeModel:
    """A model.

    Attributes
    ----------
    name : str
    time : Symbol
    quantities : dict of Symbol to Quantity
        In the order of the file.
    assigned, rates : dict of Symbol to Expr
        Values at all times, and rates of change, in the meaning of the symbol.
    algebraic : tuple of Expr
        Zero at all times.
    changes : tuple of ExchangeReaction
    triggers : tuple of Trigger
    local : dict of Symbol to float or None
        Parameters of single reactions, under names of their own.
    moles : bool
        Whether amounts are in mole.
    origin : str
        The format, for the provenance.
    """

    name: str
    time: sp.Symbol
    quantities: dict[sp.Symbol, Quantity]
    assigned: dict[sp.Symbol, sp.Expr] = field(default_factory=dict)
    rates: dict[sp.Symbol, sp.Expr] = field(default_factory=dict)
    algebraic: tuple[sp.Expr, ...] = ()
    changes: tuple[ExchangeReaction, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    local: dict[sp.Symbol, float | None] = field(default_factory=dict)
    moles: bool = False
    origin: str = "SBML"

    @property
    def provenance(self) -> tuple[str, ...]:
        """Where it comes from, for a system."""
        return (f"read from {self.origin}{f', model {self.name}' if self.name else ''}",)

    def sides(self) -> list[sp.Basic]:
        """Every expression except values at the start."""
        found: list[sp.Basic] = [*self.assigned.values(), *self.rates.values(), *self.algebraic]
        for c in self.changes:
            found += [*(() if c.law is None else (c.law,)), *(n for _, n in (*c.reactants, *c.products))]
        for e in self.triggers:
            found += [e.condition, e.delay, *(() if e.priority is None else (e.priority,)), *e.assignments.values()]
        return found

    def shuffled(self, event: Trigger) -> bool:
        """Whether an event acts in random order among others: those whose priority may be the same, as SBML has it."""
        return any(e is not event and may_tie(event.priority, e.priority) for e in self.triggers)

    def size(self, species: sp.Symbol) -> sp.Expr:
        """What the amount of a species is divided by, in the meaning of its symbol."""
        q = self.quantities[species]
        return sp.S.One if q.amount or q.home is None else q.home

    def standing(self, firm: Set[sp.Symbol]) -> dict[sp.Symbol, sp.Expr]:
        """Of quantities that nothing changes, the values at the start that are formulas of such alone, and stay."""
        found = {s: q.value for s in firm if (q := self.quantities[s]).value is not None and not q.value.is_number}
        known = firm | set(self.local)
        while loose := {s for s, e in found.items() if not dag.free_symbols([e]) <= known}:
            found = {s: e for s, e in found.items() if s not in loose}
            known -= loose
        return {s: found[s] for s in self.quantities if s in found}

    def plain_sizes(self) -> dict[sp.Symbol, sp.Expr]:
        """The number 1 for compartments of that size that no formula contains: rates need not be divided by it."""
        used = dag.free_symbols([*self.sides(), *(q.value for q in self.quantities.values() if q.assigned)])
        used |= {*self.assigned, *self.rates, *(s for e in self.triggers for s in e.assignments)}
        return {s: sp.S.One for s, q in self.quantities.items() if q.kind == "compartment" and q.value == 1 and s not in used}

    def mapped(self, function: Callable[[Any], Any]) -> ExchangeModel:
        """The model with a function applied to every expression, values at the start included."""

        def pairs(side: tuple[tuple[sp.Symbol, sp.Expr], ...]) -> tuple[tuple[sp.Symbol, sp.Expr], ...]:
            return tuple((s, function(n)) for s, n in side)

        return replace(
            self,
            quantities={
                s: replace(q, value=None if q.value is None else function(q.value)) for s, q in self.quantities.items()
            },
            assigned={s: function(e) for s, e in self.assigned.items()},
            rates={s: function(e) for s, e in self.rates.items()},
            algebraic=tuple(map(function, self.algebraic)),
            changes=tuple(
                replace(
                    c,
                    law=None if c.law is None else function(c.law),
                    reactants=pairs(c.reactants),
                    products=pairs(c.products),
                )
                for c in self.changes
            ),
            triggers=tuple(
                replace(
                    e,
                    condition=function(e.condition),
                    assignments={s: function(v) for s, v in e.assignments.items()},
                    delay=function(e.delay),
                    priority=None if e.priority is None else function(e.priority),
                )
                for e in self.triggers
            ),
        )

    def renamed(self, swap: dict[sp.Symbol, sp.Symbol]) -> ExchangeModel:
        """The model with other names of quantities."""

        def name(s: Any) -> Any:
            return swap.get(s, s)

        new = self.mapped(lambda e: e.xreplace(swap))
        return replace(
            new,
            quantities={
                name(s): replace(q, symbol=name(s), home=name(q.home), factor=name(q.factor)) for s, q in new.quantities.items()
            },
            assigned={name(s): e for s, e in new.assigned.items()},
            rates={name(s): e for s, e in new.rates.items()},
            changes=tuple(
                replace(
                    c,
                    reactants=tuple((name(s), n) for s, n in c.reactants),
                    products=tuple((name(s), n) for s, n in c.products),
                )
                for c in new.changes
            ),
            triggers=tuple(replace(e, assignments={name(s): v for s, v in e.assignments.items()}) for e in new.triggers),
        )


def may_tie(a: sp.Expr | None, b: sp.Expr | None) -> bool:
    """Whether two priorities may be the same number.

    >>> may_tie(sp.Integer(1), sp.Symbol("k")), may_tie(sp.Integer(1), sp.Integer(2)), may_tie(None, None)
    (True, False, False)
    """
    return a is not None and b is not None and not ((a - b).is_number and a != b)
