"""One system of fields with a coefficient before every candidate term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.declaration import lookup, name_of
from symdyn.derive.sensitivities import fresh_symbol
from symdyn.discover.constants import constant_guesses
from symdyn.discover.fields.data import FieldData
from symdyn.errors import RecoveryError
from symdyn.inference.candidates import Candidates, LibraryTerm
from symdyn.inference.guesses import between, free_parameters, read_bounds
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
    taken = {s.name for s in (*system.states, *system.space, *system.parameters, *system.observables, system.time)}
    terms, coefficients = [], []
    sizes = {**dict.fromkeys(system.parameters, 1.0), **system.defaults, system.time: max(data.span, 1.0)}
    sizes |= dict(zip(system.fields, map(float, data.scale), strict=True))
    sizes |= {s: float(np.abs(p).max()) for s, p in zip(system.space, data.positions, strict=True)}
    given = {name_of(k): float(v) for k, v in (guesses or {}).items()}
    limited = {name_of(k): v for k, v in (bounds or {}).items()}
    for unknown, candidates in shapes.items():
        for shape in candidates:
            inside: dict[sp.Symbol, tuple[float, ...]] = {}
            known = {s.name for s in sizes} | {s.name for s in system.scalars}
            for c in sorted((s for s in shape.free_symbols if s.name not in known), key=lambda s: s.name):
                if c.name in given:
                    inside[c] = (given[c.name],)
                else:
                    inside[c] = between(limited.get(c.name)) or constant_guesses(
                        shape, c, sizes, float(np.median(data.scale)), natural=True
                    )
            taken |= {c.name for c in inside}
            terms.append(LibraryTerm(unknown, shape, inside))
    coefficients = [fresh_symbol(f"c{k}", taken) for k in range(len(terms))]
    filled = {u: sp.Add(*(c * t.shape for c, t in zip(coefficients, terms, strict=True) if t.unknown == u)) for u in shapes}
    free = free_parameters(system, fit)
    used = {s for e in (*system.rates, *system.initial.values()) for s in e.free_symbols} | {
        s for row in system.conditions.values() for pair in row if pair != "periodic" for c in pair
        for e in (*c.coefficients, c.value) for s in e.free_symbols
    }  # fmt: skip
    idle = [p for p in free if p not in used]
    if idle:
        raise RecoveryError(f"the parameter {idle[0]} is to be fitted but does not enter the equations; give it a value")
    constants = tuple(dict.fromkeys(c for t in terms for c in t.constants))
    columns = (*coefficients, *constants, *free)
    start = {c: sorted(t.constants[c])[len(t.constants[c]) // 2] for t in reversed(terms) for c in t.constants}
    start |= {p: given.get(p.name, system.defaults.get(p, (between(limited.get(p.name)) or (1.0,))[0])) for p in free}
    full = system.with_terms(filled, {c: start.get(c, 0.0) for c in columns}) if filled else system
    full = full.with_parameters({c: start.get(c, 0.0) for c in columns if c in full.parameters})
    inner = np.zeros((len(terms), len(columns)), dtype=bool)
    for k, term in enumerate(terms):
        inner[k, k] = True
        for c in term.constants:
            inner[k, columns.index(c)] = True
    always = np.array([c in free for c in columns], dtype=bool)
    limits = read_bounds({lookup(k, columns, "parameter or constant"): v for k, v in (bounds or {}).items()}, columns)
    for term in terms:
        for c, values in term.constants.items():  # a constant keeps its sign unless bounds say otherwise
            limits.setdefault(c, (0.0, np.inf) if values[0] > 0 else (-np.inf, 0.0))
    low, high = (np.array([limits.get(c, (-np.inf, np.inf))[k] for c in columns]) for k in range(2))
    row = np.array([start.get(c, 0.0) for c in columns])
    return FieldCandidates(full, tuple(terms), columns, np.ones(len(columns)), inner, always, row[None], low, high)


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
