"""One system of fields with a coefficient before every candidate term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.discover.fields.data import FieldData
from symdyn.given_values import name_of
from symdyn.inference.candidates import Candidates
from symdyn.inference.constants import constant_guesses
from symdyn.inference.parameters import LibraryTerm, constant_symbols, free_columns
from symdyn.models.operators import components, linear_form
from symdyn.models.pde import PDESystem

__all__ = ["FieldCandidates", "LinearTerm", "field_candidates", "linear_columns"]


@dataclass(frozen=True)
class FieldCandidates(Candidates):
    """A system of fields with a coefficient before every candidate term; see `Candidates`, of which all sizes are 1 here."""

    system: PDESystem


@dataclass(frozen=True)
class LinearTerm:
    r"""A part :math:`c\, \partial^m w` of a rate.

    Attributes
    ----------
    inner : Expr
        w, of fields, positions, time, and perhaps derivatives.
    orders : tuple of int
        m along each axis.
    factor : float
    """

    inner: sp.Expr
    orders: tuple[int, ...]
    factor: float


def field_candidates(
    system: PDESystem,
    shapes: Mapping[Any, Sequence[sp.Expr]],
    data: FieldData,
    *,
    fit: Sequence[Any] = (),
    guesses: Mapping[Any, float] | None = None,
    bounds: Mapping[Any, tuple[Any, Any]] | None = None,
) -> FieldCandidates:
    """A system in which each unknown function is the sum of its candidate terms with coefficients, all of them fitted.

    Parameters
    ----------
    system : PDESystem
    shapes : mapping
        Candidate terms by unknown function.
    data : FieldData
    fit : sequence
        Parameters that are fitted although they have values.
    guesses, bounds : mapping, optional
        Of parameters and of constants inside terms.

    Raises
    ------
    RecoveryError
        For bounds that are none, and parameters to be fitted that do not enter the equations.
    """
    sizes = {**dict.fromkeys(system.parameters, 1.0), **system.defaults, system.time: max(data.span, 1.0)}
    sizes |= dict(zip(system.fields, map(float, data.scale), strict=True))
    sizes |= {s: float(np.abs(p).max()) for s, p in zip(system.space, data.positions, strict=True)}
    usual = float(np.median(data.scale))
    terms = [
        LibraryTerm(u, e, {c: constant_guesses(e, c, sizes, usual) for c in constant_symbols(e, system)})
        for u, candidates in shapes.items() for e in candidates
    ]  # fmt: skip
    # terms that no grid can hold are left out, and their constants with them
    known = {s.name for s in (*system.parameters, *(c for term in terms for c in term.constants))}
    guesses = {k: v for k, v in (guesses or {}).items() if name_of(k) in known}
    bounds = {k: v for k, v in (bounds or {}).items() if name_of(k) in known}
    columns = free_columns(system, terms, fit=fit, guesses=guesses, bounds=bounds)
    start = dict(zip(columns.columns, map(float, columns.guesses[0]), strict=True))
    full = system.with_terms(columns.expressions(), start) if terms else system
    full = full.with_parameters({c: start[c] for c in columns.columns if c in full.parameters})
    columns.check_entering((*full.rates, *full.initial.values(), *_conditions(full)))
    return FieldCandidates(system=full, **vars(columns))


def _conditions(system: PDESystem) -> list[sp.Expr]:
    """Everything that conditions at walls are made of."""
    pairs = [pair for row in system.conditions.values() for pair in row if pair != "periodic"]
    return [e for pair in pairs for c in pair for e in (*c.coefficients, c.value)]


def linear_columns(
    candidates: FieldCandidates,
) -> tuple[list[list[list[LinearTerm]]], list[list[LinearTerm]]] | None:
    """Rates of fields as sums over columns of terms, and what no column is in; None where they are not linear in the columns.

    Returns
    -------
    columns : list over fields of lists over columns of lists of LinearTerm
    known : list over fields of lists of LinearTerm
    """
    system = candidates.system
    values = {p: sp.Float(v) for p, v in system.defaults.items() if p not in candidates.columns}
    free, symbols = set(candidates.columns), candidates.columns
    zero = dict.fromkeys(symbols, sp.S.Zero)
    found: list[list[list[LinearTerm]]] = []
    known: list[list[LinearTerm]] = []
    for rate in system.rates[: len(system.fields)]:
        plain = sp.expand(components(rate, system.dimension).xreplace(values))
        parts: list[list[LinearTerm]] = [[] for _ in symbols]
        rest: list[LinearTerm] = []
        for (w, m), c in linear_form(plain, system.fields, system.space, system.dimension).items():
            if w.free_symbols & free:
                return None
            slopes = [(k, sp.diff(c, s)) for k, s in enumerate(symbols) if c.has(s)]
            if any(not slope.is_number for _, slope in slopes):
                return None
            constant = c.xreplace(zero)
            if not constant.is_number:  # a function of time or of a scalar
                w, constant = w * constant, sp.S.One
            if constant != 0:
                rest.append(LinearTerm(w, m, float(constant)))
            for k, slope in slopes:
                parts[k].append(LinearTerm(w, m, float(slope)))
        found.append(parts)
        known.append(rest)
    return found, known
