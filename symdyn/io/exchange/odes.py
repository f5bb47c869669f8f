"""ExchangeModel models as ordinary differential equations, exactly."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import replace
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.given_values import value_of
from symdyn.io.exchange.equalities import Equalities, already_there, at_moments, first
from symdyn.io.exchange.equilibria import without_fast
from symdyn.io.exchange.model import Delayed, ExchangeModel, Quantity, RateOf, Trigger
from symdyn.models.events import Event
from symdyn.models.ode import ODESystem
from symdyn.pairing import matched
from symdyn.system import delays_in

__all__ = ["to_odes"]

#: What may jump without an event.
JUMPING = (sp.Piecewise, sp.floor, sp.ceiling, sp.sign, sp.Heaviside, AppliedUndef)
#: A time before every simulation.
LONG_AGO = sp.Float(1e300)


def to_odes(model: ExchangeModel) -> ODESystem:
    r"""The equations of a model.

    Every symbol keeps its meaning: a species is a concentration, or an amount where the model says so.  With the extents
    :math:`v_j` of the reactions, stoichiometries :math:`\nu_{ij}` and conversion factors :math:`c_i`, amounts change by
    :math:`c_i \sum_j \nu_{ij} v_j`, and concentrations by that over the size V of the compartment.  Where the size changes, the
    amount is the state, ``<species>_amount``, and the concentration an observable.
    """
    return _Lowering(model).system()


def _in_steps(e: Any, smooth: Collection[sp.Symbol]) -> bool:
    """Whether an expression changes by jumps alone, though some symbols in it change smoothly."""
    if not e.has(*smooth) or isinstance(e, (sp.floor, sp.ceiling, sp.sign)):
        return True
    if isinstance(e, sp.Piecewise):
        return all(_in_steps(value, smooth) for value, _ in e.args)
    return bool(e.args) and not isinstance(e, AppliedUndef) and all(_in_steps(part, smooth) for part in e.args)


class _Lowering:
    """One model, from quantities to equations."""

    def __init__(self, model: ExchangeModel) -> None:
        self.model = model = without_fast(model)
        self.quantities = model.quantities
        self.extents: dict[sp.Symbol, list[sp.Expr]] = {}  # of each species, the extents that reactions add to it
        for c in model.changes:
            for sign, side in ((1, c.products), (-1, c.reactants)):
                for species, count in side:
                    law = sp.S.Zero if c.law is None else c.law
                    self.extents.setdefault(species, []).append(law if sign * count == 1 else sign * count * law)
        self.unknown: dict[sp.Symbol, sp.Expr] = {}  # what algebraic rules determine, if not in closed form
        self.model = model = self.solved()
        self.ticking = {s for e in model.triggers for s in e.assignments}  # changed by events
        self.swap: dict[sp.Symbol, sp.Expr] = dag.written_out(self.definitions(), "rule of")
        self.drift: dict[sp.Symbol, sp.Expr] = {}
        self.starts: dict[sp.Symbol, sp.Expr | None] = {}
        self.helpers: list[sp.Symbol] = []
        self.equations()
        self.number = 0  # of events that are added
        self.equalities = Equalities(self.fresh, lambda e: self.without_rates(self.along(e, self.drift)), self.added)

    # ---- algebraic rules -------------------------------------------------------------------------------

    def solved(self) -> ExchangeModel:
        """The model with the algebraic rules that are linear in what they determine as assignments of it."""
        model = self.model
        assigned = dict(model.assigned)
        for s, e in self.determined().items():
            slope = sp.diff(e, s)
            if slope.is_number and slope != 0 and not e.has(Delayed, RateOf):
                given = {**assigned, s: sp.expand(s - e / slope)}
                try:
                    dag.in_order(given, "rule of")
                except DeclarationError:  # several that determine each other
                    self.unknown[s] = e
                else:
                    assigned = given
            else:
                self.unknown[s] = e
        return replace(model, assigned=assigned, algebraic=())

    def determined(self) -> dict[sp.Symbol, sp.Expr]:
        """For each algebraic rule one quantity that nothing else determines."""
        model = self.model
        free = [
            s
            for s, q in self.quantities.items()
            if not q.constant and s not in model.assigned and s not in model.rates
            and not (q.kind == "species" and not q.boundary and s in self.extents)
        ]  # fmt: skip
        free.sort(key=lambda s: any(s in e.assignments for e in model.triggers))  # what events set is determined last
        pairs, rivals = matched([[s for s in free if s in e.free_symbols] for e in model.algebraic])
        if rivals:
            rule = model.algebraic[rivals[0]]
            raise DeclarationError(f"the algebraic rule 0 = {rule} determines nothing: rules or reactions change all in it")
        return {s: model.algebraic[k] for k, s in pairs.items()}

    # ---- what symbols stand for ------------------------------------------------------------------------

    def varying(self, s: sp.Symbol) -> bool:
        """Whether a rule or an event changes a quantity."""
        return s in self.model.rates or s in self.model.assigned or s in self.ticking or s in self.unknown

    def by_amount(self, q: Quantity) -> bool:
        """Whether the amount of a species is the state in place of its concentration."""
        if q.kind != "species" or q.amount or q.home is None or not self.varying(q.home):
            return False
        return not any(q.symbol in rules for rules in (self.model.assigned, self.model.rates, self.unknown))

    def moving(self, q: Quantity) -> bool:
        """Whether a quantity is a state."""
        s = q.symbol
        if s in self.model.assigned:
            return False
        if s in self.model.rates or s in self.ticking or s in self.unknown or self.by_amount(q):
            return True
        return q.kind == "species" and not q.boundary and not q.constant and s in self.extents

    def amount(self, q: Quantity) -> sp.Symbol:
        """The symbol of an amount."""
        return self.named(f"{q.symbol.name}_amount", self.quantities)

    def fresh(self, name: str) -> sp.Symbol:
        """A symbol that neither the model nor the system has, and now is the system's."""
        taken = {*self.quantities, *self.model.local, *self.drift, *(c.symbol for c in self.model.changes), self.model.time}
        self.drift[found := self.named(name, taken)] = sp.S.Zero
        self.helpers.append(found)
        return found

    @staticmethod
    def named(name: str, taken: Collection[sp.Symbol]) -> sp.Symbol:
        """A symbol of that name, with underscores where it is taken."""
        while sp.Symbol(name) in taken:
            name += "_"
        return sp.Symbol(name)

    def definitions(self) -> dict[sp.Symbol, sp.Expr]:
        """Symbols that stand for expressions of others, at all times."""
        found = dict(self.model.assigned)
        for s, q in self.quantities.items():
            if self.by_amount(q):
                found[s] = self.amount(q) / q.home
        still = self.model.standing({s for s, q in self.quantities.items() if s not in found and not self.moving(q)})
        plain = {s: e for s, e in self.model.plain_sizes().items() if s not in self.unknown}
        return {**found, **still, **plain}

    def put(self, e: Any, what: str = "a formula") -> Any:
        """An expression in states and parameters, with the rates of change and delays in it."""
        return self.resolved(dag.put_in(e, self.swap, what))

    def resolved(self, e: Any) -> Any:
        """An expression without rates of change, and with states at other times where it has delays."""
        while late := e.atoms(Delayed):
            inner = {d for d in late if not d.args[0].has(Delayed) and not d.args[1].has(Delayed)}
            e = e.xreplace({d: self.earlier(*d.args) for d in inner})
        return self.without_rates(e)

    def without_rates(self, e: Any) -> Any:
        """An expression with what rates of change are in it."""
        most = 2 * len(self.drift) + len(self.unknown) + 1  # a rate is built on each of the others at most, in a formula
        for _ in range(most):
            if not (rates := e.atoms(RateOf)):
                return e
            e = e.xreplace({r: self.rate_of(r.args[0]) for r in rates})
            dag.refuse_growth(dag.size(e), "a formula with rates of change")
        if rates := e.atoms(RateOf):
            raise DeclarationError(f"the rate of change of {min(map(str, (r.args[0] for r in rates)))} is defined by itself")
        return e

    def earlier(self, e: sp.Expr, tau: sp.Expr) -> sp.Expr:
        """An expression a time tau ago; rates of change were 0 before the first time."""
        t = self.model.time
        if rates := e.atoms(RateOf):
            still, moving = e.xreplace(dict.fromkeys(rates, sp.S.Zero)), self.without_rates(e)
            return sp.Piecewise((self.earlier(still, tau), t - tau < 0), (self.earlier(moving, tau), True))
        calls = {c: c.func(c.args[0].xreplace({t: t - tau})) for c in e.atoms(AppliedUndef)}
        return e.xreplace({**calls, t: t - tau, **{s: sp.Function(s.name)(t - tau) for s in (*self.drift, *self.unknown)}})

    # ---- equations ----------------------------------------------------------------------------------------

    def equations(self) -> None:
        """Rates of change and values at the start of all states."""
        for s, q in self.quantities.items():
            state = self.amount(q) if self.by_amount(q) else s
            lasting = q.value is not None and not q.value.is_number and s not in self.swap
            if (not self.moving(q) and not lasting) or s in self.unknown:
                continue
            if s in self.model.rates:
                self.drift[state] = self.model.rates[s]
            elif q.kind == "species" and not q.boundary and not q.constant:
                total = self.production(q)
                self.drift[state] = (
                    total if state is not s else sp.Add(*(t / self.model.size(s) for t in sp.Add.make_args(total)))
                )
            else:
                self.drift[state] = sp.S.Zero
            self.starts[state] = q.value if state is s or q.value is None else q.value * q.home
        self.starts |= {s: self.quantities[s].value for s in self.unknown}
        if not self.drift:  # values are constant, or functions of time alone
            self.drift[clock := self.named("elapsed", self.quantities)] = sp.S.One
            self.starts[clock] = sp.S.Zero
        self.drift = {s: dag.put_in(e, self.swap, f"the rate of {s}") for s, e in self.drift.items()}
        self.drift = {s: self.resolved(e) for s, e in self.drift.items()}

    def production(self, q: Quantity) -> sp.Expr:
        """The change of an amount by reactions."""
        total = sp.Add(*self.extents.get(q.symbol, ()))
        return total if q.factor is None else q.factor * total

    def rate_of(self, s: Any) -> sp.Expr:
        """The rate of change of a quantity, in its own meaning."""
        if s in self.drift:
            return self.drift[s]
        if s in self.unknown:
            return self.implied(s)
        if not isinstance(s, sp.Symbol):  # of what stands for an expression
            return self.along(s, {*self.drift, *self.unknown})
        return sp.S.Zero

    def along(self, e: sp.Expr, moving: Collection[sp.Symbol]) -> sp.Expr:
        """The rate of change of an expression, of that of what moves in it."""
        t, past = self.model.time, {c: sp.Dummy() for c in sorted(e.atoms(AppliedUndef), key=str)}
        e = e.xreplace(past)
        found = [sp.diff(e, x) * RateOf(x) for x in sorted(e.free_symbols & set(moving), key=str)]
        for call, x in past.items():
            tau = t - call.args[0]
            if not sp.expand(tau).free_symbols.isdisjoint({t, *self.drift, *self.unknown}):
                raise DeclarationError(f"a formula has the rate of change of {call}, whose delay changes; that is not read")
            found.append(sp.diff(e, x) * self.earlier(RateOf(sp.Symbol(call.func.__name__)), tau))
        return sp.Add(sp.diff(e, t), *found).xreplace({x: call for call, x in past.items()})

    def implied(self, s: sp.Symbol) -> sp.Expr:
        """The rate of change of what an algebraic rule determines: rules g = 0 of z have z' = -(dg/dz)^-1 (g_t + g_x x')."""
        rules = {x: self.put(e, f"the algebraic rule of {x}") for x, e in self.unknown.items()}
        block, new = [s], {s}
        while new := {x for z in new for x in rules[z].free_symbols & rules.keys()} - set(block):
            block += sorted(new, key=str)
        slopes = [[sp.diff(rules[z], x) for x in block] for z in block]
        rest = [-self.along(rules[z], self.drift) for z in block]
        terms = dag.size(sp.Tuple(*rest, *(e for row in slopes for e in row)))
        dag.refuse_growth(terms * 4 ** len(block), f"the rate of change of {s}")
        replaced = [[e, *row[1:]] for e, row in zip(rest, slopes, strict=True)]  # Cramer's rule, whose pivots are never 0
        above, below = (sp.Matrix(rows).det(method="berkowitz") for rows in (replaced, slopes))
        return above / below

    # ---- the system ------------------------------------------------------------------------------------------

    def system(self) -> ODESystem:
        there = already_there(triggers := self.model.triggers, self.put, lambda new: {*new, *self.assigned(new)})
        events, watched = self.equalities.watched([e for k, t in enumerate(triggers) for e in self.events(t, there[k])])
        self.starts |= watched
        observables = {s: self.put(e) for s, e in self.swap.items()}
        observables |= {c.symbol: self.put(c.law) for c in self.model.changes if c.law is not None}
        history = self.histories()
        initial = {s: self.at_start(e, s, history) for s, e in self.starts.items() if e is not None}
        algebraic = {s: self.put(e, f"the algebraic rule of {s}") for s, e in self.unknown.items()}
        starts = [e for e in initial.values() if isinstance(e, sp.Expr)]
        inside = dag.free_symbols([*self.drift.values(), *algebraic.values(), *observables.values(), *starts])
        inside |= dag.free_symbols([side for e in events for side in (*e.sides, *e.assignments.values())])
        declared = {s: q.value for s, q in self.quantities.items() if s not in self.starts and s not in self.swap}
        given = {s: v for s, v in (*declared.items(), *self.model.local.items()) if s in inside and v is not None}
        idle = {s: sp.Float(float(v)) for s, v in declared.items() if s not in inside and v is not None}
        sides = [*self.drift.values(), *observables.values(), *(side for e in events for side in e.sides)]
        late = {call.func.__name__ for call in delays_in(sides, {s.name for s in history})}
        return ODESystem(
            self.drift,
            {s: float(v) for s, v in given.items()},
            algebraic=algebraic,
            initial=initial,
            observables={**observables, **idle},
            events=events,
            history={s: e for s, e in history.items() if s.name in late},
            time=self.model.time,
            provenance=self.model.provenance,
        ).replace(helpers=tuple(self.helpers))

    def histories(self) -> dict[sp.Symbol, sp.Expr]:
        """The states whose initial assignments depend on time, which are their values before the first time too."""
        starts = {s: self.put(e, f"the initial value of {s}") for s, e in self.starts.items() if e is not None}
        if not any(e.has(self.model.time) and not e.has(AppliedUndef) for e in starts.values()):
            return {}
        written = dag.written_out(starts, "initial value of")
        return {s: e for s, e in written.items() if e.has(self.model.time) and not e.has(AppliedUndef)}

    def at_start(self, e: sp.Expr, s: sp.Symbol, history: Mapping[sp.Symbol, sp.Expr]) -> Any:
        """A value at the start, of parameters and of the initial values of states."""
        if e.is_Float or e.is_Integer:
            return float(e)
        what = f"the initial value of {s}"
        found = self.put(e, what)
        named = {state.name: state for state in (*self.drift, *self.unknown)}
        past = {call: named[call.func.__name__] for call in delays_in([found], named)}
        t = self.model.time
        past = {call: history.get(state, state).xreplace({t: call.args[0]}) for call, state in past.items()}
        found = dag.put_in(found.xreplace(past), {t: sp.S.Zero}, what)
        if not found.is_number:
            return found
        if math.isnan(number := value_of(found, {})):
            raise DeclarationError(f"{what} is {found}, which is no finite real number")
        return number

    def located(self, condition: Any, name: str) -> Any:
        """A condition of inequalities: equations of what changes by events alone as two of them."""

        def inequalities(e: Any, alone: bool) -> Any:
            if isinstance(e, sp.ITE):
                c, a, b = (inequalities(part, False) for part in e.args)
                return sp.Or(sp.And(c, a), sp.And(sp.Not(c), b))
            if isinstance(e, (sp.And, sp.Or, sp.Not)):
                return e.func(*(inequalities(part, alone and isinstance(e, sp.And)) for part in e.args))
            if not isinstance(e, (sp.Eq, sp.Ne)):
                return e
            a, b = e.args
            moving = self.unknown.keys() & e.free_symbols
            changing = {s for s in e.free_symbols if s == self.model.time or self.drift.get(s, 0) != 0} | moving
            smooth = sorted(changing, key=str)
            if smooth and not all(_in_steps(side, smooth) for side in e.args):
                if alone and isinstance(e, sp.Eq) and not moving and not e.has(*JUMPING):
                    return self.equalities.condition(a - b)
                raise DeclarationError(
                    f"the trigger of the event {name} contains {e}, where {smooth[0]} varies: whether they are ever equal is a "
                    "matter of rounding; use <= or >="
                )
            return sp.And(a <= b, a >= b) if isinstance(e, sp.Eq) else sp.Or(a < b, a > b)

        def firm(e: sp.Expr) -> bool:
            return bool(e.is_number or (e.is_Symbol and e not in self.drift and e not in self.unknown))

        return inequalities(at_moments(condition, self.model.time, firm), True)

    def events(self, t: Trigger, there: Set[sp.Symbol]) -> Iterator[Event]:
        """What an event is: none where it never happens or does nothing, two where the second sets what the first has noted."""
        if not (effects := {s: value for s, value in t.assignments.items() if s not in there}):
            return
        condition = self.located(self.put(t.condition, f"the trigger of the event {t.name}"), t.name)
        if condition == sp.false or (condition == sp.true and t.initial):
            return
        if condition == sp.true:
            condition = self.model.time > -LONG_AGO  # true from the start
        if not (assigned := self.assigned(effects)):
            return
        values = {s: self.put(e, f"the event {t.name}") for s, e in assigned.items()}
        others = self.ticking if len(self.model.triggers) > 1 else set()  # what may change while it waits for its turn
        others = {x for s in others for x in (s, self.amount(self.quantities[s]))}
        late = t.from_trigger and (t.delay != 0 or not others.isdisjoint(dag.free_symbols(values.values())))
        if late and any(self.sized(t, s, others) for s in t.assignments):  # by sizes of the moment at which it acts
            label = re.sub(r"\W+", "_", t.name, flags=re.ASCII)
            noted = {s: self.fresh(f"{s}_by_{label}") for s in t.assignments}
            due = self.fresh(f"due_{label}")
            self.starts |= dict.fromkeys((due, *noted.values()), sp.S.Zero)
            acts = {s: self.put(e, f"the event {t.name}") for s, e in self.assigned(noted).items()}
            yield Event(due > sp.S.Half, {**acts, due: sp.S.Zero}, priority=self.added())
            values = {x: self.put(t.assignments[s], f"the event {t.name}") for s, x in noted.items()} | {due: sp.S.One}
        yield Event(
            condition,
            values,
            delay=self.put(t.delay),
            priority=None if t.priority is None else self.put(t.priority),
            persistent=t.persistent,
            initial=t.initial,
            from_trigger=late,  # otherwise the values are the same
            shuffled=self.model.shuffled(t),
        )

    def added(self) -> sp.Float:
        """The priority of one more event."""
        self.number += 1
        return first(self.number)

    def assigned(self, new: Mapping[sp.Symbol, sp.Expr]) -> dict[sp.Symbol, sp.Expr]:
        """What an event assigns to states, of new values of quantities."""
        found: dict[sp.Symbol, sp.Expr] = {}
        for s, value in new.items():  # a concentration sets the amount, by the size before the event
            q = self.quantities[s]
            found.update({self.amount(q): value * q.home} if self.by_amount(q) else {s: value})
        for s, q in self.quantities.items():  # the size of the compartment changes the concentration, not the amount
            if q.home in new and s in self.model.rates and not q.amount:
                found[s] = new.get(s, s) * q.home / new[q.home]
        return found

    def sized(self, t: Trigger, s: sp.Symbol, others: Set[sp.Symbol]) -> bool:
        """Whether what an event assigns to a quantity becomes the value of a state by a size that may change until it acts."""
        q = self.quantities[s]
        ruled = any(x.home == s and x.symbol in self.model.rates and not x.amount for x in self.quantities.values())
        homes = {s} if ruled else set()
        homes |= {q.home} if self.by_amount(q) and q.home is not None else set()
        return any(t.delay != 0 or not others.isdisjoint(dag.free_symbols([self.put(home)])) for home in homes)
