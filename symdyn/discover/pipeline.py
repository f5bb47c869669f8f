"""The stages of a recovery, each replaceable by name: surrogate, regressor, selection."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.discover.assembly import assembled
from symdyn.discover.descent import NothingFollowsError, descend
from symdyn.discover.evidence import hold_out
from symdyn.discover.integral_matching import matched_values
from symdyn.discover.learned import formula_terms, formulas_of, start_theta, surrogate_fit
from symdyn.discover.named_libraries import POSITIVE, fits_library, library_names, positive_starts
from symdyn.discover.options import Request
from symdyn.discover.priors import absent_states, read_conserved, read_graph, read_signs, shared_terms, sign_price
from symdyn.discover.reads import TERMS, Reads
from symdyn.discover.recovery import Recovery
from symdyn.discover.surrogates.registry import SURROGATES, NothingLearnedError
from symdyn.discover.terms import allowed_terms, one_of_each, own_library, with_unknown_terms
from symdyn.discover.textbooks import textbook_models
from symdyn.discover.units import SystemUnits, consistent_terms
from symdyn.errors import RecoveryError
from symdyn.given_values import name_of
from symdyn.inference.candidates import Candidates, candidate_system
from symdyn.inference.constants import constant_guesses
from symdyn.inference.data import Observations, observations
from symdyn.inference.kinds import kind_of
from symdyn.inference.naming import written
from symdyn.inference.optimum import read_noise
from symdyn.inference.parameters import LibraryTerm, constant_symbols
from symdyn.inference.problem import make_problem, rough_states
from symdyn.inference.selection import SelectedModel
from symdyn.inference.starts import with_declared_starts
from symdyn.system import System

__all__ = ["Pipeline", "recovered"]

#: Formulas of each unknown term from whose combinations the selection begins.
BEGINNINGS = 2
#: Coefficients, in units of the typical size of a term, with which a term begins alone.
FIRST_SIZES = (1.0, 0.1, -0.1, -1.0)

Formulas = list[list[list[tuple[int, float]]]]


class Pipeline:
    """One recovery under way.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
        With unknown terms.
    seen, later : Observations
        The data to use, and the validation data (or None).
    request : Request
        What was asked for.
    """

    def __init__(self, system: System, seen: Observations, later: Observations | None, request: Request) -> None:
        self.system, self.seen, self.later, self.request, self.options = system, seen, later, request, request.options
        self.unknowns = one_of_each(system.unknowns)
        self.signs = read_signs(self.unknowns, request.signs)
        self.conserved = read_conserved(system, request.conserved)
        linked = read_graph(system, request.graph)
        self.absent = {u: absent_states(system, u, linked) for u in self.unknowns}
        self.positive, self.complete = False, True
        self.notes: list[str] = []
        self.renamed: dict[str, str] = {}

    # ---- stage 1: learn states and terms -------------------------------------------------------

    def learn(self) -> Any:
        """The fit of a surrogate, or None; 'auto' is the first of those of the kind of system that can learn this one.

        It is left out if it takes longer than its share of the budget: without one there still is a search.
        """
        name, noise = self.request.surrogate, self._noise()
        if name == "auto":
            usual = kind_of(self.system).surrogates
            name = next((s for s in usual if SURROGATES[s].applies(self.system, self.seen) is None), None)
        if name is None:
            return None
        seen = self.seen if noise is None else replace(self.seen, noise=noise)
        try:
            found = surrogate_fit(name, SURROGATES, self.system, seen, self.request, self.notes)
        except NothingLearnedError as error:
            if self.request.surrogate != "auto":
                raise
            self.notes.append(f"went without the surrogate {name!r}: {str(error).partition('; ')[0]}")
            return None
        self.complete = found is not None
        return found

    # ---- stage 2: propose terms ----------------------------------------------------------------

    def propose(self, learned: Any) -> tuple[list[LibraryTerm], Formulas]:
        """Candidate terms of every unknown function, and the regressor's formulas made of them, as far as units allow them."""
        choice, regressor = self.request.library, self.request.regressor
        units = None if self.options.units is None else SystemUnits(self.system, self.options.units)
        self.positive = not POSITIVE.isdisjoint(library_names(choice))
        allowed, inner = {}, set()
        for unknown in self.unknowns:
            shapes = allowed_terms(self.system, unknown, choice, degree=self.options.degree, functions=self.options.functions)
            shapes = tuple(shape for shape in shapes if not shape.free_symbols & self.absent[unknown])
            if not shapes:
                raise RecoveryError(f"graph leaves no term of the library to {unknown}; name more states, or give other terms")
            inner |= {c for shape in shapes for c in constant_symbols(shape, self.system)}
            allowed[unknown] = shapes if units is None else consistent_terms(shapes, units.units)
        if units is not None:
            units.check_names(sorted(inner, key=str))
        terms: list[LibraryTerm] = []
        taken = {s.name for s in (*self.system.states, *self.system.parameters, self.system.time)}
        swaps: dict[AppliedUndef, dict[sp.Symbol, sp.Symbol]] = {}
        for shares, shape in self._placed(allowed):
            unknown = next(iter(shares))
            swap = swaps.setdefault(unknown, {})
            for c in constant_symbols(shape, self.system):
                if c not in swap:
                    swap[c] = c if c.name not in taken else sp.Symbol(f"{unknown.func.__name__}_{c.name}")
                    taken.add(swap[c].name)
                    if swap[c] != c:
                        self.renamed[swap[c].name] = c.name
            inside = {new: self._constant_guesses(shape, c) for c, new in swap.items() if shape.has(c)}
            terms.append(LibraryTerm(unknown, shape.xreplace(swap), inside, shares if self.conserved else {}))
        formulas: Formulas = [[] for _ in self.unknowns]
        regressor = "operon" if regressor == "auto" else regressor
        if learned is not None and regressor is not None and not self.conserved:
            for i, unknown in enumerate(self.unknowns):
                self.request.report("regressor", i / len(self.unknowns))
                found = formulas_of(regressor, unknown, learned, self.request, without=self.absent[unknown])
                tests = [fits_library(self.system, unknown, own_library(unknown, choice))]
                tests += [] if units is None else [units.allows]
                formulas[i] = formula_terms(
                    unknown, found, terms, taken, learned.terms[unknown].arguments, partial(_passes, tests)
                )
        return terms, formulas

    def _placed(
        self, allowed: Mapping[AppliedUndef, Sequence[sp.Expr]]
    ) -> Iterator[tuple[Mapping[AppliedUndef, sp.Expr], sp.Expr]]:
        """Unknown functions and the factors with which they hold each term, and its shape."""
        if self.conserved:
            yield from shared_terms(self.system, self.conserved, allowed)
            return
        for unknown, shapes in allowed.items():
            for shape in shapes:
                yield {unknown: sp.S.One}, shape

    def _constant_guesses(self, shape: sp.Expr, constant: sp.Symbol) -> tuple[float, ...]:
        """Values from which a constant inside a library term is fitted."""
        latest = max(abs(t.times).max() for t in self.seen.trajectories)
        sizes = {**dict.fromkeys(self.system.parameters, 1.0), **self.system.defaults, self.system.time: max(latest, 1.0)}
        sizes |= dict(zip(self.system.states, map(float, self.seen.scale), strict=True))
        usual = float(np.median(self.seen.scale))
        return constant_guesses(shape, constant, sizes, usual, natural=kind_of(self.system).natural)

    # ---- stage 3: select with the simulation in the loop ----------------------------------------

    def select(self, terms: list[LibraryTerm], formulas: Formulas, learned: Any) -> Recovery:
        """Fit, add, drop and exchange terms; return the ranked systems.

        Raises
        ------
        RecoveryError
            If nothing can be simulated along the data, or there is nothing to fit without a search.
        """
        search = self.request.selection
        if not search and not any(formulas):
            raise RecoveryError(
                "selection=False leaves only formulas of a regressor, and there are none; name a surrogate and a regressor"
            )
        guesses = self._of_each(self.options.guesses) | ({} if learned is None else dict(learned.parameters))
        candidates = candidate_system(
            self.system, terms, self.seen, fit=self.options.fit, guesses=guesses,
            bounds=self._of_each(self.request.bounds or {}),
        )  # fmt: skip
        limits = dict(with_declared_starts(self.system, self.seen, self.options.fit, candidates.given))
        if self.positive:
            limits |= positive_starts(self.system, self.seen, limits)
        fitted = list(zip(learned.times, learned.states, strict=True)) if learned is not None else None
        times, states = [t.times for t in self.seen.trajectories], rough_states(self.system, self.seen)[0]
        penalty = sign_price(self.system, candidates, self.signs, np.concatenate(times), np.concatenate(states))
        books = textbook_models(self.system, terms) if "populations" in library_names(self.request.library) else {}
        textbook = np.array([row for each in books.values() for row in each], dtype=np.int64).reshape(-1, len(terms))
        textbook = textbook[(textbook != 0).sum(axis=1) <= self.options.largest]
        problem = make_problem(
            self.system, candidates, self.seen, limits, rough=rough_states(self.system, self.seen, fitted),
            noise=self._noise(), penalty=penalty, largest=self.options.largest, journal=self.request.journal,
            repeats=self.options.repeats, textbook=textbook,
        )  # fmt: skip
        chosen, theta = self._beginnings(candidates, formulas, search)
        if search and len(textbook):
            usual = np.unique(textbook != 0, axis=0)
            values = matched_values(problem, problem.stages(wanted=self.options.windows)[0], usual)
            chosen, theta = np.concatenate([chosen, usual]), np.concatenate([theta, values])
        found = descend(problem, chosen, theta, self.request, partial(_written, candidates))
        self.complete &= found.complete
        return assembled(self, problem, found.selection, learned, (*self.notes, *found.notes))

    def _of_each(self, given: Mapping[Any, Any]) -> dict[Any, Any]:
        """What is given of a constant, also of those that had its name in terms of other functions."""
        named = {name_of(k): v for k, v in given.items()}
        return {new: named[name] for new, name in self.renamed.items() if name in named} | named

    def _beginnings(self, candidates: Candidates, formulas: Formulas, search: bool) -> tuple[np.ndarray, np.ndarray]:
        """Models to begin with: none of the terms, each term alone with either sign, and combinations of formulas."""
        count, columns = len(candidates.terms), len(candidates.columns)
        rows = []
        if search:
            rows += [(np.zeros(count, dtype=bool), guess) for guess in candidates.guesses]
            if len(self.unknowns) == 1:  # without its only term a system may follow the data nowhere
                for k, size in itertools.product(range(count), FIRST_SIZES):
                    alone = np.arange(count) == k
                    rows += [(alone, np.where(np.arange(columns) == k, size, guess)) for guess in candidates.guesses]
        for parts in itertools.islice(itertools.product(*(f[:BEGINNINGS] for f in formulas)), 16 if all(formulas) else 0):
            chosen, theta = start_theta(parts, columns, count, candidates.sizes)
            rows.append((chosen, np.where(np.arange(columns) < count, theta, candidates.guesses[0])))
        rows = [r for r in rows if r[0].sum() <= self.options.largest or not search]
        return np.stack([r[0] for r in rows]), np.stack([r[1] for r in rows])

    def _noise(self) -> np.ndarray | None:
        if self.options.noise is None:
            return None
        return read_noise(self.system.states, self.seen.noise, self.options.noise)


def _passes(tests: Sequence[Callable[[sp.Expr], bool]], term: sp.Expr) -> bool:
    return all(test(term) for test in tests)


def _written(candidates: Candidates, model: SelectedModel) -> str:
    """The terms of a model."""
    values = dict(zip(candidates.columns, map(sp.Float, model.theta * candidates.sizes), strict=True))
    return written(candidates.expressions(model.chosen, values))


#: What is read here of what `recover` is given.
READS = Reads(
    "an ODESystem or DiscreteSystem with unknown terms",
    TERMS | {
        "surrogate", "regressor", "selection", "signs", "conserved", "graph", "options.noise", "options.windows",
        "options.beam", "options.rounds", "options.process", "options.repeats", "options.units", "options.surrogate",
        "options.regressor",
    },
    learning=frozenset({"regressor", "options.surrogate", "options.regressor"}),
    named=True,
)  # fmt: skip


def recovered(system: System, data: Any, request: Request) -> Recovery:
    """The stages of a recovery one after another; see `symdyn.discover.recover`."""
    kind_of(system, "recover")
    if request.options.process not in ("auto", False) and request.signs:
        raise RecoveryError("options.process has no effect beside signs; leave one of them out")
    whole = with_unknown_terms(system, request.unknown)
    seen, later = hold_out(whole, observations(whole, data), request.heldout)
    pipeline = Pipeline(whole, seen, later, request)
    learned = pipeline.learn()
    terms, formulas = pipeline.propose(learned)
    try:
        return pipeline.select(terms, formulas, learned)
    except NothingFollowsError:
        if not any(formulas) or not request.selection:
            raise
    # sensitivities to terms that are not in use may end a run, too
    pipeline.notes.append("went without the formulas of the regressor: their terms cannot be simulated along the data")
    terms, formulas = pipeline.propose(None)
    return pipeline.select(terms, formulas, learned)
