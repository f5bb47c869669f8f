"""Fast reactions: they are in equilibrium at all times, and what they conserve changes by the others."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.given_values import value_of
from symdyn.io.exchange.model import Delayed, ExchangeModel, ExchangeReaction, Quantity, Trigger

__all__ = ["without_fast"]

#: How long, in units of time, fast reactions are followed from the values of the file to their equilibrium.
LONG = 1e8


def without_fast(model: ExchangeModel) -> ExchangeModel:
    r"""A model whose fast reactions are algebraic rules, for ordinary differential equations.

    With the matrix N of the amounts that fast reactions of rates v add, in the rows of the species that they change, the totals
    :math:`T = L a` of amounts a with :math:`L N = 0` change by the other reactions alone; they become states.  Of the species,
    as many as N has rank are determined by :math:`v = 0`, the others by the totals.  The equilibrium at the start is the one to
    which the fast reactions lead from the values of the file.

    Raises
    ------
    DeclarationError
        If there is none that is isolated, or stoichiometries and compartments of fast reactions vary with time.

    Notes
    -----
    Where events change a factor of a rate, and may switch the reaction off and on, the extents :math:`\xi` of fast reactions
    are unknown in place of species, :math:`a = b + N \xi`: the states b change by the other reactions, and where the factor
    is 0 the extent stays as it is.
    """
    fast = [c for c in model.changes if c.fast]
    if not fast:
        return model
    found = _Equilibrium(model, fast)
    return _Switched(model, fast).model() if any(found.switches) else found.model()


class _Equilibrium:
    """One model."""

    def __init__(self, model: ExchangeModel, fast: list[ExchangeReaction]) -> None:
        self.given, self.fast = model, fast
        self.rules = dag.written_out(model.assigned, "rule of")
        species = dict.fromkeys(s for c in fast for s, _ in (*c.reactants, *c.products))
        self.given = model = self.with_values_before(species.keys())
        self.rules = dag.written_out(model.assigned, "rule of")
        self.laws = [dag.put_in(c.law or sp.S.Zero, self.rules, "a rate") for c in fast]
        inside = dag.free_symbols(self.laws)
        self.species = sorted((s for s in species if self.moves(s)), key=lambda s: s not in inside)  # these are determined
        if not self.species:
            raise DeclarationError(f"the fast reaction {fast[0].symbol} changes nothing")
        self.matrix = sp.Matrix([[self.added(s, c) for c in fast] for s in self.species])
        for s in {*self.matrix.free_symbols, *(q.home for s in self.species if (q := model.quantities[s]).home is not None)}:
            if s in model.rates or s in model.assigned or s == model.time or self.is_ticking_size(s):
                raise DeclarationError(f"{s}, of the fast reaction {fast[0].symbol}, varies; that is not read")
        ticking = {x for e in model.triggers for x in e.assignments} - species.keys()
        factors = [sp.factor_terms(e).as_independent(*(e.free_symbols - ticking), as_Add=False)[0] for e in self.laws]
        #: of each fast reaction the factor of its rate that events change, or None
        self.switches = [f if f.free_symbols else None for f in factors]
        left = self.matrix.T.nullspace()
        self.totals = {sp.Symbol(self.fresh(f"{fast[0].symbol}_total{i}")): row.T for i, row in enumerate(left, start=1)}

    def with_values_before(self, species: Set[sp.Symbol]) -> ExchangeModel:
        """The model with what species were before the start: their values in the file, which are no equilibrium."""
        model, found = self.given, {}
        laws = {d for c in self.fast if c.law is not None for d in dag.put_in(c.law, self.rules, "a rate").atoms(Delayed)}
        for late in {d for e in model.sides() for d in e.atoms(Delayed)}:
            e, tau = dag.put_in(late.args[0], self.rules, "a delay"), late.args[1]
            if not (delayed := dag.free_symbols([e]) & species):
                continue
            values = {s: model.quantities[s].value for s in delayed}
            firm = {s for s, q in model.quantities.items() if q.constant}
            if e.has(Delayed) or late in laws or not all(v is not None and v.free_symbols <= firm for v in values.values()):
                name = min(delayed, key=str)
                raise DeclarationError(
                    f"{name} takes part in a fast reaction and is delayed in its rate, more than once or without a value "
                    "at the start; that is not read"
                )
            before = Delayed(e.xreplace(values), tau)
            found[late] = sp.Piecewise((before, model.time - tau < 0), (Delayed(e, tau), True))
        return model.mapped(lambda e: e.xreplace(found)) if found else model

    def moves(self, s: sp.Symbol) -> bool:
        q = self.given.quantities[s]
        return not (q.boundary or q.constant or s in self.given.assigned or s in self.given.rates)

    def is_ticking_size(self, s: sp.Symbol) -> bool:
        sizes = self.given.quantities[s].kind == "compartment" if s in self.given.quantities else False
        return sizes and any(s in e.assignments for e in self.given.triggers)

    def fresh(self, name: str) -> str:
        while sp.Symbol(name) in self.given.quantities:
            name += "_"
        return name

    def added(self, s: sp.Symbol, c: ExchangeReaction) -> sp.Expr:
        """The amount of a species for each extent of a reaction."""
        sides = ((1, c.products), (-1, c.reactants))
        count = sp.Add(*(sign * n for sign, side in sides for name, n in side if name == s))
        factor = self.given.quantities[s].factor
        return expression(dag.put_in(count if factor is None else factor * count, self.rules, "a stoichiometry"))

    def total(self, row: Any, values: dict[sp.Symbol, sp.Expr]) -> sp.Expr:
        """What a total is of given values of the species, in the meaning of their symbols."""
        sizes = {s: self.given.size(s) for s in self.species}
        return sp.Add(*(n * sizes[s] * values.get(s, s) for n, s in zip(row, self.species, strict=True)))

    def model(self) -> ExchangeModel:
        given, quantities = self.given, dict(self.given.quantities)
        others, pivots = self.expressed()
        starts = {s: q.value for s, q in quantities.items() if q.value is not None}
        rates = dict(given.rates)
        for name, row in self.totals.items():
            known = all(s in starts for n, s in zip(row, self.species, strict=True) if n != 0)
            quantities[name] = Quantity(name, "parameter", self.total(row, starts) if known else None)
            slow = [(c, self.changed(row, c)) for c in given.changes if not c.fast and c.law is not None]
            rates[name] = sp.Add(*(n * c.law for c, n in slow if n != 0))
        reached = self.reached(pivots)
        for s in self.species:
            value = reached.get(s, quantities[s].value) if s in pivots else None
            quantities[s] = replace(quantities[s], boundary=True, value=value)
        return replace(
            given,
            quantities=quantities,
            assigned={**given.assigned, **others},
            rates=rates,
            algebraic=(*given.algebraic, *(sp.S.Zero if c.law is None else c.law for c in self.fast)),
            changes=tuple(replace(c, reactants=(), products=(), fast=False) if c.fast else c for c in given.changes),
            triggers=tuple(replace(e, assignments=self.after(e.assignments)) for e in given.triggers),
        )

    def changed(self, row: Any, c: ExchangeReaction) -> sp.Expr:
        return sp.Add(*(n * self.added(s, c) for n, s in zip(row, self.species, strict=True)))

    def expressed(self) -> tuple[dict[sp.Symbol, sp.Expr], list[sp.Symbol]]:
        """Species by totals and the species that the equilibrium determines, and the latter."""
        if len(self.fast) + len(self.totals) != len(self.species):
            raise DeclarationError(
                f"the fast reaction {self.fast[-1].symbol} does the same as other fast reactions; leave it out"
            )
        equations = [self.total(row, {}) - name for name, row in self.totals.items()]
        _, independent = self.matrix.T.rref()
        pivots = [self.species[i] for i in independent]
        rest = [s for s in self.species if s not in pivots]
        solution = sp.solve(equations, rest, dict=True) if rest else [{}]
        return {s: solution[0][s] for s in rest}, pivots

    def after(self, assignments: dict[sp.Symbol, sp.Expr]) -> dict[sp.Symbol, sp.Expr]:
        """What an event assigns, with totals in the place of the species."""
        kept = {s: e for s, e in assignments.items() if s not in self.species}
        for name, row in self.totals.items():
            factors = set(row.free_symbols) & assignments.keys()
            if factors or any(s in assignments and n != 0 for n, s in zip(row, self.species, strict=True)):
                new = row.xreplace({s: assignments[s] for s in factors})
                kept[name] = self.total(new, dict(assignments))
        return kept

    # ---- the equilibrium at the start -------------------------------------------------------------------

    def reached(self, pivots: list[sp.Symbol]) -> dict[sp.Symbol, sp.Expr]:
        """Species after the fast reactions went on for long; nothing where a value is not known."""
        if (found := self.followed()) is None:
            return {}
        return {s: sp.Float(x) for s, x in zip(self.species, found[1], strict=True) if s in pivots}

    def followed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Species at the start, and after the fast reactions that are not switched off, and extents; None without a value."""
        from scipy.integrate import solve_ivp

        laws = self.laws
        known: dict[sp.Symbol, float] = {self.given.time: 0.0}
        try:
            for s in {*dag.free_symbols([*laws, *self.matrix]), *self.species, *map(self.given.size, self.species)}:
                if isinstance(s, sp.Symbol):
                    known[s] = self.value(s, ())
        except DeclarationError:  # a value that is given later
            return None
        on = [j for j, f in enumerate(self.switches) if f is None or value_of(f, known) != 0]
        laws = [laws[j] for j in on]
        sizes = np.array([value_of(self.given.size(s), known) for s in self.species])
        matrix = np.array([[value_of(n, known) for n in self.matrix.row(i)] for i in range(self.matrix.rows)])
        start, extents = np.array([known[s] for s in self.species]), np.zeros(len(self.laws))
        if not laws:
            return start, start, extents
        matrix = matrix[:, on]

        def rates(values: np.ndarray) -> np.ndarray:
            now = {**known, **dict(zip(self.species, values, strict=True))}
            return np.array([value_of(e, now) for e in laws])

        run = solve_ivp(lambda _, x: matrix @ rates(x) / sizes, (0, LONG), start, method="BDF", rtol=1e-9, atol=1e-12)
        end = run.y[:, -1]
        slopes = [[sp.diff(e, s) for s in self.species] for e in laws]
        now = {**known, **dict(zip(self.species, end, strict=True))}
        numbers = np.array([[value_of(e, now) for e in row] for row in slopes])
        if (
            not run.success
            or not np.isfinite(end).all()
            or np.linalg.matrix_rank(numbers @ (matrix / sizes[:, None])) < len(laws)
        ):
            names = ", ".join(str(c.symbol) for c in self.fast)
            raise DeclarationError(f"the fast reactions {names} lead to no isolated equilibrium from the values at the start")
        extents[on] = np.linalg.lstsq(matrix, (end - start) * sizes, rcond=None)[0]
        return start, end, extents

    def value(self, s: sp.Symbol, opened: tuple[sp.Symbol, ...]) -> float:
        """A number at the start, in the meaning of the symbol."""
        if s == self.given.time:
            return 0.0
        q = self.given.quantities.get(s)
        e = self.rules.get(s) if s in self.rules else (self.given.local.get(s) if q is None else q.value)
        if e is None or s in opened:
            raise DeclarationError(f"{s} has no value")
        e = dag.put_in(expression(e), self.rules, "a value")
        return value_of(e, {name: self.value(name, (*opened, s)) for name in e.free_symbols})


class _Switched(_Equilibrium):
    """A model in which events switch fast reactions off and on."""

    def model(self) -> ExchangeModel:
        given, quantities = self.given, dict(self.given.quantities)
        starts = {s: q.value for s, q in quantities.items() if q.value is not None}
        names = [c.symbol.name for c in self.fast]
        extents, held = ([sp.Symbol(self.fresh(f"{name}_{what}")) for name in names] for what in ("extent", "extent_held"))
        bases = {s: sp.Symbol(self.fresh(f"{s}_base")) for s in self.species}
        moved = dict(zip(self.species, self.matrix * sp.Matrix(extents), strict=True))
        found = self.followed()
        if found is None:
            raise DeclarationError(
                f"a value that the fast reaction {names[0]}, which an event changes, depends on is not given"
            )
        for x, kept, value in zip(extents, held, found[2], strict=True):
            quantities[x], quantities[kept] = (Quantity(s, "parameter", sp.Float(value)) for s in (x, kept))
        rates, assigned = dict(given.rates), dict(given.assigned)
        slow = [c for c in given.changes if not c.fast and c.law is not None]
        for s, base in bases.items():
            size = given.size(s)
            quantities[base] = Quantity(base, "parameter", size * starts[s])
            quantities[s] = replace(quantities[s], boundary=True, value=None)
            rates[base] = sp.Add(*(self.added(s, c) * c.law for c in slow))
            assigned[s] = (base + moved[s]) / size
        laws = [c.law or sp.S.Zero for c in self.fast]
        switched = [
            e if f is None else sp.Piecewise((x - kept, sp.Eq(f, 0)), (e, True))
            for e, f, x, kept in zip(laws, self.switches, extents, held, strict=True)
        ]

        def after(e: Trigger) -> Trigger:
            new = {s: value for s, value in e.assignments.items() if s not in bases}
            turned = [j for j, f in enumerate(self.switches) if f is not None and f.free_symbols & e.assignments.keys()]
            if (turned or len(new) < len(e.assignments)) and e.delay != 0 and e.from_trigger:
                raise DeclarationError(
                    f"the event {e.name} changes the fast reaction {names[0]} by values from before its delay; that is not read"
                )
            new |= {held[j]: extents[j] for j in turned}
            new |= {bases[s]: given.size(s) * e.assignments[s] - moved[s] for s in bases if s in e.assignments}
            return replace(e, assignments=new)

        return replace(
            given,
            quantities=quantities,
            assigned=assigned,
            rates=rates,
            algebraic=(*given.algebraic, *switched),
            changes=tuple(replace(c, reactants=(), products=(), fast=False) if c.fast else c for c in given.changes),
            triggers=tuple(map(after, given.triggers)),
        )
