"""A diffusion with a coefficient before every candidate term of its unknown drifts and noises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.options import Request
from symdyn.discover.terms import allowed_terms, one_of_each, own_library
from symdyn.inference.constants import constant_guesses
from symdyn.inference.local_moments import LocalMoments
from symdyn.inference.parameters import FreeColumns, LibraryTerm, constant_symbols, free_columns
from symdyn.models.sde import SDESystem

__all__ = ["Declared", "declared", "only_squared"]

#: Degree of the monomials of the square of an unknown noise, where no library is given.
SQUARE_DEGREE = 2


@dataclass(frozen=True)
class Declared(FreeColumns):
    """Candidate terms of the unknown functions, and the columns that are fitted; see `FreeColumns`.

    Attributes
    ----------
    system : SDESystem
        As it was declared, with unknown functions.
    squares : frozenset of AppliedUndef
        Noises of which only the square is identifiable: the terms are those of the square.
    moments : LocalMoments
        Of all terms jointly.
    noise : Matrix
        Product of the diffusion matrix with its transpose, with all terms.
    """

    system: SDESystem
    squares: frozenset[AppliedUndef]
    moments: LocalMoments
    noise: sp.ImmutableDenseMatrix

    def formulas(self, chosen: np.ndarray, names: Mapping[sp.Symbol, sp.Expr]) -> dict[AppliedUndef, sp.Expr]:
        """Each unknown function with the terms `chosen`; `names` replace coefficients, that of a single square its root."""
        found, lone = dict[AppliedUndef, sp.Expr](), self.lone(chosen)
        for unknown in dict.fromkeys(t.unknown for t in self.terms):
            own = [k for k in np.flatnonzero(chosen) if self.terms[k].unknown == unknown]
            shapes = [_root(self.terms[k].shape) if lone[k] else self.terms[k].shape for k in own]
            total = sp.Add(*(names.get(self.columns[k], self.columns[k]) * e for k, e in zip(own, shapes, strict=True)))
            found[unknown] = sp.sqrt(total) if unknown in self.squares and not lone[own].any() else total
        return found

    def lone(self, chosen: np.ndarray) -> np.ndarray:
        """Columns (P,) that are shown by their roots: coefficients of single squares."""
        found = np.zeros(len(self.columns), dtype=bool)
        owners = [self.terms[k].unknown for k in np.flatnonzero(chosen)]
        found[np.flatnonzero(chosen)] = [u in self.squares and owners.count(u) == 1 for u in owners]
        return found

    def rooted(self, chosen: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """Columns (P,), or bounds of them, with the roots of the lone ones; none of those is negative."""
        return np.where(self.lone(chosen), np.sqrt(np.maximum(theta, 0.0)), theta)


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
    squares = frozenset(u for u in unknowns if only_squared(system, u))
    terms: list[LibraryTerm] = []
    usual = float(np.median([typical[s] for s in system.states]))
    for unknown in unknowns:
        shapes = allowed_terms(
            system, unknown, _choice(request.library, unknown, squares, unknowns),
            degree=min(SQUARE_DEGREE, request.options.degree) if unknown in squares else request.options.degree,
            functions=() if unknown in squares else request.options.functions,
        )  # fmt: skip
        for shape in shapes:
            values = {c: constant_guesses(shape, c, typical, usual) for c in constant_symbols(shape, system)}
            terms.append(LibraryTerm(unknown, shape, values))
    columns = free_columns(system, terms, fit=request.options.fit, guesses=request.options.guesses, bounds=request.bounds)
    functions = {u: sp.sqrt(e) if u in squares else e for u, e in columns.expressions().items()}
    filled = system.with_terms(functions).ito()
    columns.check_entering((*filled.drift, *filled.diffusion))
    known = {p: sp.Float(system.defaults[p]) for p in system.parameters if p not in columns.free}
    drift = tuple(e.xreplace(known) for e in filled.drift)
    root = filled.diffusion.applyfunc(lambda e: e.xreplace(known))
    noise = sp.ImmutableDenseMatrix((root * root.T).applyfunc(_plain))
    moments = LocalMoments(system.states, columns.columns, system.time, drift, noise)
    return Declared(system=system, squares=squares, moments=moments, noise=noise, **vars(columns))


def _choice(library: Any, unknown: AppliedUndef, squares: frozenset[AppliedUndef], unknowns: Sequence[AppliedUndef]) -> Any:
    """The part of the library for a function; one that is not a mapping is of the drifts, unless only noises are unknown."""
    if isinstance(library, Mapping):
        return own_library(unknown, library, needed=False)
    return library if unknown not in squares or len(squares) == len(unknowns) else None


def only_squared(system: SDESystem, unknown: AppliedUndef) -> bool:
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
