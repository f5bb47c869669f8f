"""Samples of unknown terms from a surrogate of fields, and formulas that a regressor finds for them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.fields.candidates import FieldCandidates
from symdyn.discover.fields.data import FieldData
from symdyn.discover.fields.simulated import Beginning
from symdyn.discover.formulas import formula_terms
from symdyn.discover.learned import remembered
from symdyn.discover.regressors.registry import REGRESSORS
from symdyn.discover.request import Request
from symdyn.discover.surrogates.registry import FIELD_SURROGATES, SurrogateFit
from symdyn.errors import RecoveryError
from symdyn.inference.budget import LateError
from symdyn.inference.parameters import LibraryTerm
from symdyn.models.operators import Operator
from symdyn.models.pde import PDESystem

__all__ = ["Learned", "learn_fields", "learned_formulas"]

#: Formulas of each unknown term from whose combinations the search begins, and most combinations.
BEGINNINGS, MOST = 2, 16
#: Share of a budget of time that a surrogate may take.
SHARE = 0.5


@dataclass(frozen=True)
class Learned:
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


def learn_fields(system: PDESystem, seen: FieldData, request: Request, notes: list[str]) -> SurrogateFit | None:
    """The fit of the surrogate that was asked for, None without one or if it takes too long.

    Raises
    ------
    RecoveryError
        If there is no surrogate of fields with that name, or it cannot learn this system.
    """
    if request.surrogate in (None, "auto") or not system.unknowns:
        return None
    options = dict(request.options.surrogate)
    if request.signs:
        options.setdefault("signs", {getattr(k, "__name__", str(k)): v for k, v in request.signs.items()})
    surrogate = FIELD_SURROGATES[request.surrogate](**options)
    reason = surrogate.applies(system, seen)
    if reason is not None:
        raise RecoveryError(reason)
    progress = request.budget.share(SHARE).stopping(lambda fraction: request.report("surrogate", fraction))
    data = (a for r in seen.trajectories for a in (r.times, r.values))
    key = (
        request.surrogate, sorted(options.items(), key=str), system.digest, request.seed, seen.scale, seen.noise,
        *seen.positions, *data,
    )  # fmt: skip
    try:
        return remembered(
            request.journal, key, system.unknowns, system.parameters,
            lambda: surrogate.fit(system, seen, seed=request.seed, progress=progress),
        )  # fmt: skip
    except LateError:
        notes.append(
            f"went without the surrogate {request.surrogate!r}: it did not end within {SHARE:.0%} of the budget of time"
        )
    return None


def learned_formulas(
    system: PDESystem, fit: SurrogateFit, shapes: Mapping[AppliedUndef, Sequence[sp.Expr]], request: Request
) -> Learned | None:
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
        samples = fit.terms[unknown]
        names = [sp.Dummy(f"x{k}") for k in range(len(unknown.args))]
        options = dict(request.options.regressor)
        if name == "sparse":
            swap = dict(zip(unknown.args, names, strict=True))
            plain = [e.xreplace(swap) for e in library]
            made = [e for e in plain if not e.has(Operator) and e.free_symbols <= set(names)]
            if made:
                options.setdefault("library", made)
        engine = REGRESSORS[name](names=names, random_state=request.seed, **options)
        engine.fit(samples.arguments, samples.values, sample_weight=samples.weights)
        back = dict(zip(names, unknown.args, strict=True))
        terms = [LibraryTerm(unknown, shape) for shape in library]
        formulas_of = [c.expression.xreplace(back) for c in engine.expressions_]
        found = formula_terms(unknown, formulas_of, terms, taken, samples.arguments)
        wider[unknown] = tuple(t.shape for t in terms)
        guesses |= {c.name: values[0] for t in terms for c, values in t.constants.items()}
        formulas.append([[(terms[k].shape, coefficient) for k, coefficient in formula] for formula in found])
    return Learned(wider, guesses, tuple(formulas))
