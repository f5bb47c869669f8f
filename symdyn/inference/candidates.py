"""One system that holds every candidate term: which of them are on is data, so nothing is compiled per candidate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.declaration import derivative, name_of
from symdyn.derive.sensitivities import fresh_symbol
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.inference.kinds import kind_of, plain, right_sides
from symdyn.system import System

__all__ = ["Candidates", "LibraryTerm", "candidate_system", "constant_symbols", "open_constants"]

#: What no number stands for.
ENDLESS = (sp.zoo, sp.nan, sp.oo, sp.S.NegativeInfinity)


@dataclass(frozen=True)
class LibraryTerm:
    """A candidate term of one unknown function.

    Attributes
    ----------
    unknown : AppliedUndef
        The function it may be part of.
    shape : Expr
        The term without its coefficient, in the arguments of `unknown` and `constants`.
    constants : mapping of Symbol to tuple of float
        Constants inside the term, with values from which to fit them.
    """

    unknown: AppliedUndef
    shape: sp.Expr
    constants: Mapping[sp.Symbol, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidates:
    """A system with a coefficient before every candidate term.

    The columns are the free parameters: coefficients in the order of `terms`, constants inside terms, then parameters
    of the declared system that are fitted jointly.

    Attributes
    ----------
    system : ODESystem or DiscreteSystem
    terms : tuple of LibraryTerm
    columns : tuple of Symbol
    sizes : (P,) float64
        Typical sizes of them.
    inner : (K, P) bool
        The columns of each term: its coefficient and constants.
    always : (P,) bool
        The columns that every candidate has.
    guesses : (G, P) float64
        Values, scaled by `sizes`, from which constants and parameters are fitted.
    low, high : (P,) float64
        Bounds, scaled.
    """

    system: System
    terms: tuple[LibraryTerm, ...]
    columns: tuple[sp.Symbol, ...]
    sizes: np.ndarray
    inner: np.ndarray
    always: np.ndarray
    guesses: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def movable(self) -> np.ndarray:
        """Columns (P,) that are not held by equal bounds."""
        return np.asarray(self.low < self.high)

    def active(self, chosen: np.ndarray) -> np.ndarray:
        """Free columns (M, P) of candidates with the terms `chosen` (M, K)."""
        return (chosen @ self.inner) | self.always

    def expressions(self, chosen: np.ndarray, values: Mapping[sp.Symbol, Any]) -> dict[AppliedUndef, sp.Expr]:
        """Each unknown function with the terms `chosen` (K,), coefficients and constants replaced by `values`."""
        found: dict[AppliedUndef, list[sp.Expr]] = {term.unknown: [] for term in self.terms}
        for k in np.flatnonzero(chosen):
            term = self.terms[k]
            shape = term.shape.xreplace({c: values[c] for c in term.constants})
            found[term.unknown].append(values[self.columns[k]] * shape)
        return {unknown: sp.Add(*parts) for unknown, parts in found.items()}


def candidate_system(
    system: System,
    terms: Sequence[LibraryTerm],
    observations: Observations,
    *,
    free: Iterable[sp.Symbol],
    guesses: Mapping[sp.Symbol, Sequence[float]],
    bounds: Mapping[sp.Symbol, tuple[float, float]],
) -> Candidates:
    """Put a coefficient times every term in place of the unknown functions.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
    terms : sequence of LibraryTerm
    observations : Observations
        They tell the typical size of each term.
    free : iterable of Symbol
        Parameters of `system` that are fitted along.
    guesses : mapping
        Values from which to fit them.
    bounds : mapping
        Smallest and largest values of parameters and constants.

    Raises
    ------
    RecoveryError
        If a parameter to be fitted does not enter the equations, or a term is not finite anywhere on the data.
    """
    free = tuple(free)
    taken = {s.name for s in (*system.states, *system.parameters, system.time)}
    coefficients = tuple(fresh_symbol(f"{term.unknown.func.__name__}_{k}", taken) for k, term in enumerate(terms))
    filled = {term.unknown: sp.S.Zero for term in terms}
    for c, term in zip(coefficients, terms, strict=True):
        filled[term.unknown] += c * term.shape
    bare = plain(system)
    whole = bare.with_terms(filled) if terms else bare
    entering = set().union(*(e.free_symbols for e in right_sides(whole)))
    idle = [p for p in free if p not in entering]
    if idle:
        raise RecoveryError(
            f"the parameter {idle[0]} does not enter the equations of the states, so their data cannot tell it; give it a value"
        )
    constants = tuple(dict.fromkeys(c for term in terms for c in term.constants))
    columns = (*coefficients, *constants, *free)
    inner = np.zeros((len(terms), len(columns)), dtype=bool)
    for k, term in enumerate(terms):
        inner[k, k] = True
        for c in term.constants:
            inner[k, columns.index(c)] = True
    always = np.array([c in free for c in columns], dtype=bool)
    starts: dict[sp.Symbol, tuple[float, ...]] = {}
    for term in terms:  # a constant that terms share begins where any of them would have it
        for c, values in term.constants.items():
            starts[c] = tuple(dict.fromkeys((*starts.get(c, ()), *values)))
    starts |= {p: tuple(guesses[p]) for p in free}
    typical = [max(abs(float(np.median(starts[c]))), 1e-12) for c in (*constants, *free)]
    sizes = np.concatenate([_coefficient_sizes(system, terms, observations, starts), typical])
    rounds = max((len(v) for v in starts.values()), default=1)
    rows = np.zeros((rounds, len(columns)))
    for g in range(rounds):
        for i, c in enumerate(columns):
            if c in starts:
                rows[g, i] = starts[c][(g + len(starts[c]) // 2) % len(starts[c])] / sizes[i]
    low = np.array([bounds.get(c, (-np.inf, np.inf))[0] for c in columns]) / sizes
    high = np.array([bounds.get(c, (-np.inf, np.inf))[1] for c in columns]) / sizes
    return Candidates(whole, tuple(terms), columns, sizes, inner, always, rows, low, high)


def open_constants(expression: sp.Expr, prefix: str, taken: set[str]) -> tuple[sp.Expr, dict[sp.Symbol, tuple[float, ...]]]:
    """Replace the decimal numbers inside a term by constants to be fitted, which start at those numbers."""
    swap: dict[sp.Expr, sp.Symbol] = {}
    for number in sorted(expression.atoms(sp.Float), key=float):
        swap[number] = fresh_symbol(f"{prefix}_c{len(swap)}", taken)
    return expression.xreplace(swap), {symbol: (float(number),) for number, symbol in swap.items()}


def _coefficient_sizes(
    system: System, terms: Sequence[LibraryTerm], observations: Observations, starts: Mapping[sp.Symbol, Sequence[float]]
) -> np.ndarray:
    """Coefficients with which each term changes a state by its own scale within the time of the data, of a map in a step.

    Raises
    ------
    RecoveryError
        If a term is not finite anywhere on the data.
    """
    span = 1.0 if kind_of(system).stepwise else max(t.times[-1] - t.times[0] for t in observations.trajectories)
    values = np.concatenate([t.values for t in observations.trajectories])
    times = np.concatenate([t.times for t in observations.trajectories])
    missing = np.isnan(values)
    values = np.where(missing, observations.scale, values)
    typical = {c: float(np.median(v)) for c, v in starts.items()}
    known = {**dict.fromkeys(system.parameters, 1.0), **system.defaults, **typical}
    names = tuple(known)
    blocks = [("t", (system.time,)), ("y", system.states), ("p", names)]
    effects = _effects(system, terms)
    expressions = [t.shape for t in terms] + [e for found in effects.values() for e in found]
    program = lower("terms", blocks, expressions, [""] * len(expressions))
    results = evaluate(program, [times], list(values.T), [np.asarray(known[p]) for p in names])
    columns, rest = results[: len(terms)], iter(results[len(terms) :])
    factors = {name: [np.abs(next(rest)) for _ in found] for name, found in effects.items()}
    rate = float(np.median(observations.scale)) / span
    sizes = np.empty(len(terms))
    for k, column in enumerate(columns):
        factor = np.max([np.broadcast_to(f, times.shape) for f in factors[terms[k].unknown.func.__name__]], axis=0)
        factor = np.where(np.isfinite(factor) & (factor > 0), factor, 1.0)
        column = np.broadcast_to(column, times.shape) * factor
        finite = column[np.isfinite(column)]
        if not finite.size:
            raise RecoveryError(
                f"the library term {terms[k].shape} of {terms[k].unknown} is not finite on the data; leave it out"
            )
        sizes[k] = rate / max(float(np.sqrt(np.mean(finite**2))), 1e-12)
    return sizes


def _effects(system: System, terms: Sequence[LibraryTerm]) -> dict[str, list[sp.Expr]]:
    """How the right-hand sides move with each unknown function, by its name: 1 where it stands alone, A in ``A*f(L)``."""
    stand_in = {u: sp.Dummy() for u in system.unknowns}
    zero = dict.fromkeys(stand_in.values(), sp.S.Zero)
    sides = [e.xreplace(stand_in) for e in right_sides(system)]
    found: dict[str, list[sp.Expr]] = {term.unknown.func.__name__: [sp.S.Zero] for term in terms}
    for u, symbol in stand_in.items():
        slopes = [derivative(e, symbol).xreplace(zero) for e in sides if e.has(symbol)]
        # 1/f and log(f) have no slope where f is 0
        found.get(u.func.__name__, []).extend(e for e in slopes if not e.has(*ENDLESS))
    return found


def constant_symbols(shape: sp.Expr, system: System) -> list[sp.Symbol]:
    """Symbols of a library term that the system does not know: constants to be fitted.

    Raises
    ------
    RecoveryError
        If one of them is named like a random number of a map.
    """
    known = {name_of(s) for s in (*system.states, *system.parameters, system.time)}
    found = sorted((s for s in shape.free_symbols if s.name not in known), key=lambda s: s.name)
    drawn = [s for s in found if system.drawn(s)]
    if drawn:
        raise RecoveryError(
            f"the constant {drawn[0]} of the library term {shape} is named like a random number of a map; rename it"
        )
    return found
