"""A diffusion with a coefficient before every candidate term of its unknown drifts and noises."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.derive.sensitivities import fresh_symbol
from symdyn.discover.constants import constant_guesses
from symdyn.discover.request import Request
from symdyn.discover.terms import allowed_terms, function_name, one_of_each
from symdyn.errors import RecoveryError
from symdyn.inference.candidates import LibraryTerm, constant_symbols
from symdyn.inference.guesses import free_parameters, read_bounds, start_values
from symdyn.inference.local_moments import LocalMoments
from symdyn.models.sde import SDESystem

__all__ = ["Declared", "declared", "with_unknown_drifts"]

#: Degree of the monomials of the square of an unknown noise, where no library is given.
SQUARE_DEGREE = 2


@dataclass(frozen=True)
class Declared:
    """Candidate terms of the unknown functions, and the columns that are fitted.

    Attributes
    ----------
    system : SDESystem
        As it was declared, with unknown functions.
    terms : tuple of LibraryTerm
    columns : tuple of Symbol
        A coefficient for each term, then constants inside them, then parameters that are fitted jointly.
    squares : frozenset of AppliedUndef
        Noises of which only the square is identifiable: the terms are those of the square.
    guesses : tuple of (P,) float64
        From which constants and parameters are fitted; coefficients are zero.
    low, high : (P,) float64
    moments : LocalMoments
        Of all terms jointly.
    noise : Matrix
        Product of the diffusion matrix with its transpose, with all terms.
    """

    system: SDESystem
    terms: tuple[LibraryTerm, ...]
    columns: tuple[sp.Symbol, ...]
    squares: frozenset[AppliedUndef]
    guesses: tuple[np.ndarray, ...]
    low: np.ndarray
    high: np.ndarray
    moments: LocalMoments
    noise: sp.ImmutableDenseMatrix

    def active(self, chosen: np.ndarray) -> np.ndarray:
        """Columns (P,) that a model with the terms `chosen` (K,) has."""
        count = len(self.terms)
        inner = {c for k in np.flatnonzero(chosen) for c in self.terms[k].constants}
        every = {c for t in self.terms for c in t.constants}
        rest = [c in inner or c not in every for c in self.columns[count:]]
        return np.concatenate([chosen, np.array(rest, dtype=bool)])

    def formulas(self, chosen: np.ndarray, names: Mapping[sp.Symbol, sp.Expr]) -> dict[AppliedUndef, sp.Expr]:
        """Each unknown function with the terms `chosen`; `names` replace coefficients, that of a single square its root."""
        found: dict[AppliedUndef, sp.Expr] = {}
        for unknown in dict.fromkeys(t.unknown for t in self.terms):
            own = [k for k in np.flatnonzero(chosen) if self.terms[k].unknown == unknown]
            parts = [names.get(self.columns[k], self.columns[k]) * self.terms[k].shape for k in own]
            if unknown not in self.squares:
                found[unknown] = sp.Add(*parts)
            elif len(own) == 1:
                found[unknown] = names.get(self.columns[own[0]], self.columns[own[0]]) * _root(self.terms[own[0]].shape)
            else:
                found[unknown] = sp.sqrt(sp.Add(*parts))
        return found


def with_unknown_drifts(system: SDESystem, unknown: Sequence[Any] | None) -> SDESystem:
    """The system with an unknown function of all states added to the drift of each state in `unknown`.

    Raises
    ------
    RecoveryError
        If a name is neither a state nor an unknown function, nothing is unknown, or an unknown function is an argument of
        another.
    """
    names = {u.func.__name__ for u in system.unknowns}
    for u in system.unknowns:
        inner = [v for a in u.args for v in a.atoms(AppliedUndef)]
        if inner:
            raise RecoveryError(f"the unknown term {inner[0]} is an argument of another, {u}; write one of them as a formula")
    drift = list(system.drift)
    for name in dict.fromkeys(map(function_name, unknown or ())):
        if name in names:
            continue
        if name not in system.names:
            known = ", ".join((*sorted(names), *system.names))
            raise RecoveryError(f"{name!r} is neither an unknown function nor a state; known: {known}")
        drift[system.names.index(name)] += sp.Function(f"f_{name}")(*system.states)
    changed = system.replace(drift=tuple(drift))
    if not changed.unknowns:
        raise RecoveryError(
            "the system has no unknown term; write one as an undefined function, f = sympy.Function('f'), in its drift or "
            "diffusion, or name states in unknown=[...]"
        )
    return changed


def declared(system: SDESystem, request: Request, typical: Mapping[sp.Symbol, float]) -> Declared:
    """The candidate terms of a request.

    Parameters
    ----------
    system : SDESystem
        With unknown functions.
    request : Request
    typical : mapping of Symbol to float
        Sizes of states, time and parameters along the data.

    Raises
    ------
    RecoveryError
        If a library has no term for a function, or a function that stands in a square is unknown in the drift too.
    """
    unknowns = one_of_each(system.unknowns)
    squares = frozenset(u for u in unknowns if _only_squared(system, u))
    terms: list[LibraryTerm] = []
    taken = {s.name for s in (*system.states, *system.parameters, system.time)}
    usual = float(np.median([typical[s] for s in system.states]))
    for unknown in unknowns:
        shapes = allowed_terms(
            system, unknown, _choice(request.library, unknown, squares, unknowns),
            degree=min(SQUARE_DEGREE, request.options.degree) if unknown in squares else request.options.degree,
            functions=() if unknown in squares else request.options.functions,
        )  # fmt: skip
        for shape in shapes:
            inside = constant_symbols(shape, system)
            values = {c: constant_guesses(shape, c, typical, usual) for c in inside}
            terms.append(LibraryTerm(unknown, shape, values))
            taken |= {c.name for c in inside}
    coefficients = [fresh_symbol(f"{t.unknown.func.__name__}_{k}", taken) for k, t in enumerate(terms)]
    constants = tuple(dict.fromkeys(c for t in terms for c in t.constants))
    free = free_parameters(system, request.options.fit)
    columns = (*coefficients, *constants, *free)
    limits = read_bounds(request.bounds, dict.fromkeys((*system.parameters, *constants)))
    for t in terms:  # a constant keeps its sign unless bounds say otherwise
        for c, v in t.constants.items():
            limits.setdefault(c, (0.0, np.inf) if v[0] > 0 else (-np.inf, 0.0))
    values = {c: v for t in terms for c, v in t.constants.items()}
    guessed = {k: v for k, v in request.options.guesses.items() if getattr(k, "name", k) in {p.name for p in system.parameters}}
    values |= start_values(system, free, guessed, limits)
    for key, value in request.options.guesses.items():
        values |= {c: (float(value),) for c in constants if c.name == getattr(key, "name", key)}
    rows = _guesses(columns, values)
    filled = _filled(system, terms, coefficients, squares)
    known = {p: sp.Float(system.defaults[p]) for p in system.parameters if p not in free}
    drift = tuple(e.xreplace(known) for e in filled.drift)
    root = filled.diffusion.applyfunc(lambda e: e.xreplace(known))
    noise = sp.ImmutableDenseMatrix((root * root.T).applyfunc(_plain))
    low = np.array([limits.get(c, (-np.inf, np.inf))[0] for c in columns])
    high = np.array([limits.get(c, (-np.inf, np.inf))[1] for c in columns])
    moments = LocalMoments(system.states, columns, system.time, drift, noise)
    return Declared(
        system, tuple(terms), columns, squares, rows, low, high, moments, noise,
    )  # fmt: skip


def _choice(library: Any, unknown: AppliedUndef, squares: frozenset[AppliedUndef], unknowns: Sequence[AppliedUndef]) -> Any:
    """The part of the library for a function; one that is not a mapping is of the drifts, unless only noises are unknown."""
    if isinstance(library, Mapping):
        names = {function_name(k) for k in library}
        return library if unknown.func.__name__ in names else None
    return library if unknown not in squares or len(squares) == len(unknowns) else None


def _filled(
    system: SDESystem, terms: Sequence[LibraryTerm], coefficients: Sequence[sp.Symbol], squares: frozenset[AppliedUndef]
) -> SDESystem:
    """The Ito system with all terms in place."""
    sums = {t.unknown: sp.S.Zero for t in terms}
    for c, term in zip(coefficients, terms, strict=True):
        sums[term.unknown] += c * term.shape
    return system.with_terms({u: sp.sqrt(e) if u in squares else e for u, e in sums.items()}).ito()


def _only_squared(system: SDESystem, unknown: AppliedUndef) -> bool:
    """Whether a function stands in the noise alone, and its sign does not matter to the law of the process."""
    name = unknown.func.__name__
    own = [u for u in system.unknowns if u.func.__name__ == name]
    if any(e.has(*own) for e in system.drift) or len(own) > 1:
        return False
    stand_in = sp.Dummy()
    root = system.diffusion.xreplace({own[0]: stand_in})
    product = (root * root.T).applyfunc(sp.expand)
    return product == product.xreplace({stand_in: -stand_in}).applyfunc(sp.expand)


def _root(shape: sp.Expr) -> sp.Expr:
    """A square root; of an even power the plain base, whose sign does not matter."""
    if isinstance(shape, sp.Pow) and shape.exp.is_Integer and shape.exp % 2 == 0:
        return shape.base ** (shape.exp / 2)
    return sp.sqrt(shape)


def _plain(e: sp.Expr) -> sp.Expr:
    """Products of square roots of the same sum are that sum."""
    return sp.expand(e, deep=False)


def _guesses(
    columns: Sequence[sp.Symbol], values: Mapping[sp.Symbol, Sequence[float]], most: int = 8
) -> tuple[np.ndarray, ...]:
    """Rows of first values: all combinations of the middle and outer ones, a few of them."""
    listed = [values.get(c, (0.0,)) for c in columns]
    ordered = [sorted(v, key=lambda x, v=v: abs(list(v).index(x) - len(v) // 2)) for v in listed]  # type: ignore[misc]
    combined = itertools.islice(itertools.product(*ordered), 64)
    rows = [np.array(row, dtype=float) for row in combined]
    return tuple(rows[:: max(1, len(rows) // most)][:most])
