"""The model of a problem: an ODE system in which everything that a table changes is a parameter or a state, and its values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.declaration import RESERVED_NAMES, expression
from symdyn.errors import DeclarationError
from symdyn.io.exchange.model import ExchangeModel, Quantity
from symdyn.io.exchange.odes import to_odes
from symdyn.io.petab.tangents import Tangent, TangentFormulas, Values
from symdyn.models.ode import ODESystem

__all__ = ["PetabModel"]


class PetabModel:
    """A model in which targets of conditions and estimated parameters have values of their own in each trajectory.

    Parameters
    ----------
    model : ExchangeModel
    targets : iterable of str
        Identifiers that conditions change.
    estimated : iterable of str
        Identifiers of the table of parameters.
    aliases : mapping of str to str
        Names for identifiers of the model.
    once : bool
        Whether initial assignments are evaluated before conditions change anything, as in version 2.

    Attributes
    ----------
    system : ODESystem
    names : dict of str to Symbol
        What identifiers in formulas stand for.
    free : dict of Symbol to Expr or None
        Parameters with values of their own, and these in the model.
    """

    def __init__(
        self, model: ExchangeModel, targets: Iterable[str], estimated: Iterable[str], aliases: Mapping[str, str], *, once: bool
    ) -> None:
        self.quantities = model.quantities
        self.names = _names(model, aliases)
        self.free: dict[sp.Symbol, sp.Expr | None] = {}
        states = _states(model)
        for name in (*targets, *estimated):
            s = self.names.get(name)
            if s in model.assigned or (s is not None and s not in model.quantities and s not in model.local):
                raise DeclarationError(f"{name} is changed by a table, but a rule of the model determines it")
            if s is not None and s not in states:
                self.free[s] = model.quantities[s].value if s in model.quantities else _number(model.local[s])
        for name in estimated:
            if self.names.get(name) in states:
                raise DeclarationError(f"the parameter {name} is a state of the model; give its initial value in a condition")
        self._free_dependents(model, states, set(self.free) if once else set())
        free = {s: replace(q, value=None, assigned=False) if s in self.free else q for s, q in model.quantities.items()}
        local = {s: None if s in self.free else v for s, v in model.local.items()}
        self.system: ODESystem = to_odes(replace(model, quantities=free, local=local))
        self.core: ODESystem = self.system.replace(observables={})
        self.amounts = {s: a for s in model.quantities if (a := _amount(s, model.quantities)) in self.system.states}
        self._varying = frozenset((*self.amounts, *self.system.states))
        self.clocks = [s for s in self.system.states if s not in model.quantities and s not in self.amounts.values()]
        self.rules = {s: e for s, e in self.system.observables.items() if s not in self.free}
        self._formulas: dict[tuple[sp.Basic, ...], TangentFormulas] = {}
        self._starts: dict[frozenset[sp.Symbol], tuple[list[sp.Symbol], TangentFormulas]] = {}

    def _free_dependents(self, model: ExchangeModel, states: set[sp.Symbol], causes: set[sp.Symbol]) -> None:
        """Constants whose initial assignments depend on what conditions change keep their values of the start."""
        grown = True
        while grown:
            grown = False
            for s, q in model.quantities.items():
                if s in self.free or s in states or s in model.assigned or q.value is None or q.value.is_number:
                    continue
                if q.value.free_symbols & causes:
                    self.free[s], grown = q.value, True
                    causes.add(s)

    def is_state(self, s: sp.Symbol) -> bool:
        """Whether a quantity varies in time."""
        return s in self._varying

    def defaults(self) -> dict[sp.Symbol, float]:
        """Values of parameters that no table changes."""
        return {p: float(v) for p, v in self.system.defaults.items() if p not in self.free}

    # ---- values ---------------------------------------------------------------------------------------

    def written(self, e: sp.Expr, where: str) -> sp.Expr:
        """A formula of states, parameters and time."""
        found: sp.Expr = dag.put_in(e, self.rules, where)
        return found

    def value(self, e: sp.Basic, values: Mapping[sp.Symbol, Tangent], where: str) -> Tangent:
        """A formula of states and parameters at their values."""
        return self.several((e,), values, where)[0]

    def several(self, formulas: tuple[sp.Basic, ...], values: Mapping[sp.Symbol, Tangent], where: str) -> list[Tangent]:
        """The same of several at once."""
        if formulas not in self._formulas:
            self._formulas[formulas] = TangentFormulas([_numeric(self.written(e, where)) for e in formulas])
        found = self._formulas[formulas]
        if missing := [s for s in found.inputs if s not in values]:
            raise DeclarationError(f"{where} depends on {missing[0]}, which has no value")
        return found(values)

    def begin(self, values: Values, time: float, count: int, overridden: Mapping[sp.Symbol, Tangent]) -> None:
        """Add initial values of the states, and the parameters of the model that have none.

        `overridden` are values of species and other states that take the place of those of the model.
        """
        key = frozenset(overridden)
        if key not in self._starts or set(self._starts[key][0]) & values.keys():
            self._starts[key] = self._start(values, overridden)
        outputs, formulas = self._starts[key]
        known = {**values, **overridden, self.system.time: Tangent(np.full(count, time))}
        if missing := [s for s in formulas.inputs if s not in known]:
            raise DeclarationError(f"the model gives no value of {missing[0]}, nor does a table")
        values.update({s: f.spread((count,)) for s, f in zip(outputs, formulas(known), strict=True)})

    def _start(self, values: Values, overridden: Mapping[sp.Symbol, Tangent]) -> tuple[list[sp.Symbol], TangentFormulas]:
        rules: dict[sp.Symbol, sp.Expr] = dict(self.rules)
        rules |= {s: e for s, e in self.free.items() if e is not None and s not in values}
        starts: dict[sp.Symbol, sp.Expr] = dict.fromkeys((*self.system.algebraic, *self.system.free), sp.S.Zero)
        starts |= {s: expression(v) for s, v in self.system.initial.items()}
        for s in overridden:
            rules.pop(s, None)
            if s in self.amounts:
                starts[self.amounts[s]] = s * self.home(s)
            else:
                starts[s] = s
        outputs = [s for s in (*self.system.states, *self.free) if s not in values]
        if missing := [s for s in self.system.states if s not in starts]:
            raise DeclarationError(f"the model gives no initial value of {missing[0]}, nor does a table")
        rules |= {s: e for s, e in starts.items() if e != s}
        wanted = {s: rules[s] for s in _needed(rules, outputs)}
        written = dag.written_out(wanted, "initial value of")
        outputs = [s for s in outputs if s in written or s in overridden]
        return outputs, TangentFormulas([_numeric(written.get(s, s)) for s in outputs])

    def home(self, species: sp.Symbol) -> sp.Symbol:
        """The compartment of a species."""
        home = self.quantities[species].home
        assert home is not None
        return home

    def assign(self, values: Values, changes: Mapping[sp.Symbol, Tangent], *, rescale: bool) -> None:
        """Give quantities new values, all at once.

        Amounts are kept where the size of a compartment changes: concentrations are those over the new size, with `rescale`
        those that are given, too, which are of the size before.
        """
        sizes = {
            s: values[s] for s in changes if s in self.quantities and self.quantities[s].kind == "compartment" and s in values
        }
        new: dict[sp.Symbol, Tangent] = {}
        for s, v in changes.items():
            if s in self.amounts:
                new[self.amounts[s]] = v * self.value(self.home(s), values, f"the size of {self.home(s)}")
            else:
                new[s] = v
        for c, before in sizes.items():
            for s, q in self.quantities.items():
                if _concentration(q, c) and s in self.system.states and (rescale or s not in changes):
                    new[s] = new.get(s, values[s]) * before / changes[c]
        values.update(new)

    def triggers(self, values: Mapping[sp.Symbol, Tangent], count: int) -> np.ndarray:
        """Whether the condition of each event holds, (B, events) bool."""
        plain = {s: Tangent(v.value) for s, v in values.items()}
        found = [self.value(sp.Piecewise((1, e.trigger), (0, True)), plain, "a trigger").value for e in self.core.events]
        return np.stack([np.broadcast_to(f, (count,)) > 0.5 for f in found], axis=1)

    def armed(self, flags: tuple[bool, ...]) -> ODESystem:
        """The equations with events whose conditions held before the first time, or did not."""
        events = tuple(replace(e, initial=flag) for e, flag in zip(self.core.events, flags, strict=True))
        return self.core.replace(events=events)


def _numeric(e: sp.Basic) -> Any:
    return sp.Piecewise((1, e), (0, True)) if e in (sp.true, sp.false) or e.is_Relational else e


def _number(value: float | None) -> sp.Expr | None:
    return None if value is None or math.isnan(value) else sp.Float(value)


def _names(model: ExchangeModel, aliases: Mapping[str, str]) -> dict[str, sp.Symbol]:
    symbols = [*model.local, *(c.symbol for c in model.changes if c.law is not None), *model.quantities]
    names = {s.name: s for s in symbols}
    names |= {name: names[f"{name}_"] for name in RESERVED_NAMES if name not in names and f"{name}_" in names}
    names["time"] = model.time
    for alias, name in aliases.items():
        if name not in names:
            raise DeclarationError(f"the mapping of {alias} names {name!r}, which the model does not have by that name")
        names[alias] = names[name]
    return names


def _states(model: ExchangeModel) -> set[sp.Symbol]:
    """Quantities that rates, reactions, events or algebraic rules change."""
    events = {s for e in model.triggers for s in e.assignments}
    reacting = {s for c in model.changes for s, _ in (*c.reactants, *c.products)}
    varying = events | model.rates.keys() | model.assigned.keys()
    found = events | model.rates.keys()
    for s, q in model.quantities.items():
        if q.kind == "species" and not q.boundary and not q.constant and s in reacting:
            found.add(s)
        if q.kind == "species" and not q.amount and q.home in varying and s not in model.assigned:
            found.add(s)
        if not q.constant and any(s in e.free_symbols for e in model.algebraic):
            found.add(s)
    return found


def _amount(s: sp.Symbol, quantities: Mapping[sp.Symbol, Quantity]) -> sp.Symbol:
    """The symbol that the amount of a species has as a state."""
    name = f"{s.name}_amount"
    while sp.Symbol(name) in quantities:
        name += "_"
    return sp.Symbol(name)


def _concentration(q: Quantity, compartment: sp.Symbol) -> bool:
    return q.kind == "species" and not q.amount and q.home == compartment


def _needed(rules: Mapping[sp.Symbol, sp.Expr], roots: Iterable[sp.Symbol]) -> list[sp.Symbol]:
    """The symbols with rules that roots are built on, with themselves."""
    found: dict[sp.Symbol, None] = {}
    waiting = [s for s in roots if s in rules]
    while waiting:
        s = waiting.pop()
        if s not in found:
            found[s] = None
            waiting += [x for x in dag.free_symbols([rules[s]]) if x in rules]
    return list(found)
