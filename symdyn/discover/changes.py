"""Possible corrections of a declared system: coefficients of its terms, its parameters, and terms that it lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from symdyn.derive.sensitivities import fresh_symbol
from symdyn.inference.candidates import Candidates, candidate_system
from symdyn.inference.data import Observations
from symdyn.inference.guesses import free_parameters
from symdyn.inference.kinds import plain, right_sides
from symdyn.inference.parameters import LibraryTerm
from symdyn.inference.selection import SelectedModel
from symdyn.system import System

__all__ = ["Change", "Changes", "additive_terms", "possible_changes"]

#: Decimals of numbers in texts.
DIGITS = 4


@dataclass(frozen=True)
class Change:
    """One thing that may be changed.

    Attributes
    ----------
    column : Symbol
        By how much: relative to what was declared, or the coefficient of a new term.
    state : Symbol or None
        The equation; None for a parameter that enters in several places.
    term : Expr
        The term as it was declared, a new one without its coefficient, or the parameter that enters in several places.
    declared : float
        The number before the term, or the value of the parameter; 0 for a new term.
    parameter : Symbol or None
        The parameter that the change moves, where it does not change the form of the system.
    power : int
        Of the parameter in the term: 1, or -1 where it stands below the line.
    """

    column: sp.Symbol
    state: sp.Symbol | None
    term: sp.Expr
    declared: float
    parameter: sp.Symbol | None = None
    power: int = 1

    @property
    def new(self) -> bool:
        """Whether a term is added."""
        return self.declared == 0

    @property
    def shape(self) -> sp.Expr:
        """The term without its number or parameter."""
        return self.term / self.parameter**self.power if self.parameter is not None else self.term.as_coeff_Mul()[1]

    @property
    def name(self) -> str:
        """What changes, in words."""
        if self.parameter is not None and (self.state is None or self.power < 0):
            return str(self.parameter)
        text = f"coefficient of {self.shape} in the equation of {self.state}"
        return f"{text}, {self.parameter}," if self.parameter is not None else text

    def value(self, amount: float) -> float:
        """The number after the change."""
        return amount if self.new else self.declared * (1 + amount) ** self.power

    def slope(self, amount: float) -> float:
        """How that number moves with the change."""
        return 1.0 if self.new else self.declared * self.power * (1 + amount) ** (self.power - 1)

    def text(self, amount: float, dropped: bool) -> str:
        """The change in words."""
        if self.new:
            return f"added {sp.Float(amount, DIGITS) * self.shape} to the equation of {self.state}"
        if dropped:
            return f"dropped {self.term} from the equation of {self.state}"
        return f"{self.name} {self.declared:.{DIGITS}g} → {self.value(amount):.{DIGITS}g}"


@dataclass(frozen=True)
class Changes:
    """A declared system with everything that may be changed.

    Attributes
    ----------
    system : System
        As it was declared.
    all : tuple of Change
        In the order of ``candidates.terms``.
    candidates : Candidates
        A system in which every change has a coefficient; with none of them it is the declared one.
    """

    system: System
    all: tuple[Change, ...]
    candidates: Candidates

    def written(self, model: SelectedModel) -> str:
        """The changes of a model in words."""
        theta = model.theta * self.candidates.sizes
        texts = [self.all[k].text(float(theta[k]), False) for k in np.flatnonzero(model.chosen)]
        return "; ".join(texts) or "nothing changed"

    def applied(self, chosen: np.ndarray, theta: np.ndarray, dropped: np.ndarray) -> System:
        """The system after the changes `chosen` (K,) by `theta` (P,), unscaled; of them, the terms `dropped` (K,) go."""
        before = right_sides(self.system)
        sides = dict(zip(self.system.states, before, strict=True))
        values = dict(zip(self.candidates.columns[len(self.all) :], map(float, theta[len(self.all) :]), strict=True))
        for k in np.flatnonzero(chosen):
            change, amount = self.all[k], float(theta[k])
            if change.parameter is not None and not dropped[k]:
                values[change.parameter] = change.value(amount)
            elif change.state is not None:
                kept = [t for t in additive_terms(sides[change.state]) if change.new or t != change.term]
                after = sp.S.Zero if dropped[k] else sp.Float(change.value(amount)) * change.shape
                sides[change.state] = sp.Add(*kept, after)
        same = all(a == b for a, b in zip(sides.values(), before, strict=True))
        changed = self.system if same else plain(self.system, sides.values())
        return changed.with_parameters({p: v for p, v in values.items() if p in changed.parameters})


def possible_changes(
    system: System,
    library: Mapping[sp.Symbol, Sequence[sp.Expr]],
    data: Observations,
    *,
    fit: Sequence[Any],
    guesses: Mapping[Any, float],
    bounds: Mapping[Any, tuple[Any, Any]] | None,
) -> Changes:
    """Every change of the equations of some states, with the system that holds them all.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
        Without unknown terms.
    library : mapping of Symbol to sequence of Expr
        Terms that may be added, by the state whose equation may be changed.
    data : Observations
    fit : sequence
        Parameters with values that are fitted whatever else is changed, and states.
    guesses, bounds : mapping
        As `candidate_system` takes them.

    Raises
    ------
    RecoveryError
        If a term is not finite on the data.

    Notes
    -----
    A parameter that stands alone before one term is changed with it.  One that enters elsewhere too, or not as a factor, is a
    change of its own.
    """
    free = free_parameters(system, fit, system.states)
    sides = dict(zip(system.states, right_sides(system), strict=True))
    terms = {s: additive_terms(side) for s, side in sides.items()}
    taken = {s.name for s in (*system.states, *system.parameters, system.time)}
    places = {p: [(s, t) for s, parts in terms.items() for t in parts if t.has(p)] for p in system.parameters}
    valued = [p for p, v in system.defaults.items() if p not in free and v != 0 and p in places]
    # parameters that are a factor of one term, above or below the line, and enter nowhere else
    powers = {p: _power(at[0][1], p) for p, at in places.items() if len(at) == 1}
    factors = [p for p, power in powers.items() if power]
    found: list[Change] = []

    def add(state: sp.Symbol | None, term: sp.Expr, declared: float, parameter: sp.Symbol | None = None) -> None:
        column, power = fresh_symbol(f"change_{len(found)}", taken), 1
        if state is not None and parameter is not None:
            power = powers[parameter]
        found.append(Change(column, state, term, declared, parameter, power))

    for state, additions in library.items():
        for term in terms[state]:
            own = [p for p in factors if places[p][0] == (state, term)]
            if term == 0 or any(p in free for p in own):
                continue  # its coefficient is fitted anyway
            named = next((p for p in own if p in valued), None)
            add(state, term, float(system.defaults[named] if named is not None else term.as_coeff_Mul()[0]), named)
        for shape in additions:
            if not any(_proportional(shape, term, system) for term in terms[state]):
                add(state, shape, 0.0)
    for p in valued:
        if p not in factors and places[p] and all(s in library for s, _ in places[p]):
            add(None, p, float(system.defaults[p]), p)
    return Changes(system, tuple(found), _candidates(system, found, data, fit, guesses, bounds))


def _power(term: sp.Expr, parameter: sp.Symbol) -> int:
    """1 or -1 for a term that is proportional to a parameter or to its inverse, else 0."""
    powers = dict(factor.as_base_exp() for factor in sp.Mul.make_args(term) if factor.as_base_exp()[0] == parameter)
    power = powers.get(parameter, 0)
    return int(power) if power in (1, -1) and not (term / parameter**power).has(parameter) else 0


def _proportional(shape: sp.Expr, term: sp.Expr, system: System) -> bool:
    """Whether two terms differ by a factor that is the same everywhere."""
    return term != 0 and not sp.cancel(shape / term).free_symbols & {*system.states, system.time}


def _candidates(
    system: System,
    changes: Sequence[Change],
    data: Observations,
    fit: Sequence[Any],
    guesses: Mapping[Any, float],
    bounds: Mapping[Any, tuple[Any, Any]] | None,
) -> Candidates:
    """The declared system plus every change times a coefficient."""
    names = {s.name for s in (*system.states, *system.parameters)}
    holders = {s: sp.Function(fresh_symbol(f"change_of_{s}", names).name)(*system.states) for s in system.states}
    # the change of a parameter that enters in several places is no term: its symbol stands in for one
    terms = [LibraryTerm(holders[c.state if c.state is not None else system.states[0]], c.term) for c in changes]
    open_ = plain(system, [side + holders[s] for s, side in zip(system.states, right_sides(system), strict=True)])
    made = candidate_system(open_, terms, data, fit=fit, guesses=guesses, bounds=bounds)
    moved = {c.parameter: c.parameter * (1 + c.column) for c in changes if c.state is None}
    sides = [side.xreplace(moved) for side in right_sides(system)]
    for change in changes:
        if change.state is not None:
            sides[system.states.index(change.state)] += change.column * change.term.xreplace(moved)
    relative = np.array([not c.new for c in changes] + [False] * len(made.free), dtype=bool)
    return replace(
        made, system=plain(system, sides), columns=(*(c.column for c in changes), *made.free),
        sizes=np.where(relative, 1.0, made.sizes),
    )  # fmt: skip


def additive_terms(side: sp.Expr) -> tuple[sp.Expr, ...]:
    """The summands of a right-hand side, products multiplied out.

    >>> x, r = sp.symbols("x r")
    >>> additive_terms(r * x * (1 - x))
    (r*x, -r*x**2)
    """
    products = (sp.expand_mul(term, deep=False) for term in sp.Add.make_args(side))
    return tuple(sp.Add.make_args(sp.Add(*products)))
