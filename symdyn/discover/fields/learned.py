"""Samples of unknown terms from a surrogate of fields, and formulas that a regressor finds for them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.fields.candidates import FieldCandidates
from symdyn.discover.fields.simulated import Beginning
from symdyn.discover.learned import formula_terms, formulas_of
from symdyn.discover.options import Request
from symdyn.discover.surrogates.registry import SurrogateFit
from symdyn.inference.parameters import LibraryTerm
from symdyn.models.operators import Operator
from symdyn.models.pde import PDESystem

__all__ = ["LearnedFormulas", "learned_formulas"]

#: Formulas of each unknown term from whose combinations the search begins, and most combinations.
BEGINNINGS, MOST = 2, 16


@dataclass(frozen=True)
class LearnedFormulas:
    """Formulas of learned terms.

    Attributes
    ----------
    shapes : mapping
        Candidate terms by unknown function: those of the library, then further ones of the formulas.
    guesses : mapping of str to float
        Values of the constants inside further terms.
    formulas : tuple of lists
        For each unknown function formulas, best first, each a list of (term, coefficient).
    """

    shapes: dict[AppliedUndef, tuple[sp.Expr, ...]]
    guesses: dict[str, float]
    formulas: tuple[list[list[tuple[sp.Expr, float]]], ...]

    def beginnings(self, candidates: FieldCandidates, values: Mapping[sp.Symbol, float]) -> list[Beginning]:
        """Models to begin with, in the columns of `candidates`; `values` are those of parameters that were learned."""
        place = {(t.unknown, t.shape): k for k, t in enumerate(candidates.terms)}
        start = candidates.guesses[0].copy()
        for p, v in values.items():
            if p in candidates.columns:
                start[candidates.columns.index(p)] = v
        found: list[Beginning] = []
        choices = [f[:BEGINNINGS] for f in self.formulas]
        for combined in itertools.islice(itertools.product(*choices), MOST):
            parts = [(u, *part) for u, formula in zip(self.shapes, combined, strict=True) for part in formula]
            if not all((u, shape) in place for u, shape, _ in parts):
                continue
            chosen, theta = np.zeros(len(candidates.terms), dtype=bool), np.zeros(len(candidates.columns))
            for u, shape, coefficient in parts:
                chosen[place[u, shape]] = True
                theta[place[u, shape]] += coefficient
            inside = candidates.active(chosen[None])[0] & (np.arange(len(theta)) >= len(chosen))
            found.append((chosen, np.where(inside, start, theta), None))
        return found


def learned_formulas(
    system: PDESystem, fit: SurrogateFit, shapes: Mapping[AppliedUndef, Sequence[sp.Expr]], request: Request
) -> LearnedFormulas | None:
    """What the regressor makes of the samples of every unknown function; None without one.

    The sparse regressor chooses among the terms of the library that are made of the arguments.
    """
    name = "sparse" if request.regressor == "auto" else request.regressor
    if name is None or not shapes:
        return None
    taken = {s.name for s in (*system.states, *system.space, *system.parameters, *system.observables, system.time)}
    taken |= {s.name for terms in shapes.values() for e in terms for s in e.free_symbols}
    wider: dict[AppliedUndef, tuple[sp.Expr, ...]] = {}
    guesses: dict[str, float] = {}
    formulas = []
    for unknown, library in shapes.items():
        arguments, terms = set(unknown.args), [LibraryTerm(unknown, shape) for shape in library]
        plain = [e for e in library if e.free_symbols <= arguments and not e.has(Operator)] if name == "sparse" else []
        formulas_in = formulas_of(name, unknown, fit, request, plain)
        found = formula_terms(unknown, formulas_in, terms, taken, fit.terms[unknown].arguments)
        wider[unknown] = tuple(t.shape for t in terms)
        guesses |= {c.name: values[0] for t in terms for c, values in t.constants.items()}
        formulas.append([[(terms[k].shape, coefficient) for k, coefficient in formula] for formula in found])
    return LearnedFormulas(wider, guesses, tuple(formulas))
