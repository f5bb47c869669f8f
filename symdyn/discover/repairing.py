"""Repair: a complete system that is partly wrong, and which of its terms and constants the data want changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from symdyn.codegen.kernel import compile
from symdyn.discover.assembly import first_values, missed
from symdyn.discover.changes import Changes, possible_changes
from symdyn.discover.descent import Descent, descend
from symdyn.discover.evidence import free_and_ahead, hold_out
from symdyn.discover.options import RecoverOptions, Request
from symdyn.discover.ranked import RankedSystem, filled, ranked_recovery
from symdyn.discover.reads import TERMS, Reads
from symdyn.discover.recovery import Recovery
from symdyn.discover.terms import allowed_terms, function_name
from symdyn.errors import RecoveryError
from symdyn.given_values import lookup
from symdyn.inference.data import Observations, observations
from symdyn.inference.information import Information
from symdyn.inference.kinds import kind_of, right_sides
from symdyn.inference.optimum import read_noise
from symdyn.inference.parameters import constant_symbols
from symdyn.inference.problem import SelectionProblem, make_problem
from symdyn.inference.selection import SelectedModel, Selection
from symdyn.inference.starts import with_declared_starts
from symdyn.system import System

__all__ = ["Repair", "repaired"]

#: What is read here of what `recover` is given.
READS = Reads(
    "a repair of an ODESystem or DiscreteSystem",
    TERMS | {
        "selection", "options.noise", "options.windows", "options.beam", "options.rounds", "options.repair", "options.repeats",
    },
)  # fmt: skip
#: Standard errors within which a coefficient is tried as zero.
NEAR = 4.0


@dataclass(frozen=True, kw_only=True, repr=False)
class Repair(Recovery):
    """A complete system with what had to be changed.

    Attributes
    ----------
    changes : tuple of str
        Changes of the first system: terms that were dropped or added, numbers before and after; none if the declared
        system is the best.
    all_changes : tuple of tuple of str
        The same for every system, in the order of `table`.

    Notes
    -----
    `terms` holds the first system less the declared one, by equation.  `inclusion` is the evidence for each
    change, whatever else is changed.
    """

    changes: tuple[str, ...] = ()
    all_changes: tuple[tuple[str, ...], ...] = ()

    def _found(self) -> list[str]:
        return list(self.changes) or ["nothing changed"]


@dataclass(frozen=True)
class _Repaired:
    """A model with the selection in which it was fitted, where the terms that it drops are fixed at zero."""

    model: SelectedModel
    selection: Selection
    dropped: np.ndarray


def repaired(system: System, data: Any, request: Request) -> Repair:
    """Change a complete system where the data want it; see `symdyn.discover.recover` with the option ``repair``.

    Every additive term of the declared equations may get another coefficient or be dropped, every parameter another value,
    and every library term may be added.  Each change costs what a term costs in `symdyn.inference.selection.criterion`, so
    one that the data do not pay for is not made.

    Raises
    ------
    RecoveryError
        If the system has unknown terms, a state is not one of its own, or a library term holds a constant to be fitted.
    """
    kind_of(system, "a repair")
    if system.unknowns:
        names = ", ".join(map(str, system.unknowns))
        raise RecoveryError(f"a repair needs a complete system, this one has the unknown terms {names}; go without repair=True")
    seen, later = hold_out(system, observations(system, data), request.heldout)
    options = request.options
    library = _library(system, request)
    changes = possible_changes(system, library, seen, fit=options.fit, guesses=options.guesses, bounds=request.bounds)
    limits = with_declared_starts(system, seen, options.fit, changes.candidates.given)
    noise = None if options.noise is None else read_noise(system.states, seen.noise, options.noise)
    problem = make_problem(
        system, changes.candidates, seen, limits, noise=noise, largest=options.largest, journal=request.journal,
        repeats=options.repeats,
    )  # fmt: skip
    theta = changes.candidates.guesses
    found = descend(problem, np.zeros((len(theta), len(changes.all)), dtype=bool), theta, request, changes.written)
    return _assembled(system, changes, _ranked(problem, changes, found, options.keep), found, seen, later, options)


def _library(system: System, request: Request) -> dict[sp.Symbol, Sequence[sp.Expr]]:
    """Terms that may be added, by the state whose equation may be changed."""
    named = [lookup(function_name(n), system.states, "state") for n in request.unknown or system.states]
    choice, found = request.library, {}
    for state in dict.fromkeys(named):
        whole = sp.Function(state.name)(*system.states)
        keys = {function_name(k) for k in choice} if isinstance(choice, Mapping) else {state.name}
        shapes: Sequence[sp.Expr] = ()
        if state.name in keys:
            shapes = allowed_terms(system, whole, choice, degree=request.options.degree, functions=request.options.functions)
        for shape in shapes:
            inside = constant_symbols(shape, system)
            if inside:
                raise RecoveryError(
                    f"the library term {shape} of a repair holds the constant {inside[0]}; give it a number, or write an "
                    "unknown function into the equation and recover that"
                )
        found[state] = shapes
    return found


def _ranked(problem: SelectionProblem, changes: Changes, found: Descent, keep: int) -> list[tuple[float, _Repaired]]:
    """The best models, each also with the terms gone whose coefficients may be zero; criteria and models, best first."""
    selection = found.selection
    problem = replace(problem, shooting=selection.shooting)
    models = problem.polish(selection, keep)
    none = np.zeros(len(changes.all), dtype=bool)
    ranked = [(m.criterion, _Repaired(m, selection, none)) for m in models]
    for model in models:
        for dropped in _droppable(selection, changes, model):
            held = np.append(dropped, np.zeros(len(model.theta) - len(dropped), dtype=bool))
            candidates = changes.candidates
            low, high = (np.where(held, -1.0, b) for b in (candidates.low, candidates.high))
            other = replace(problem, candidates=replace(candidates, low=low, high=high)).selection(selection.pieces)
            for fitted in other.fit(model.chosen[None], model.theta[None], model.starts[None], iterations=60, tolerance=1e-9):
                if fitted is not None:
                    ranked.append((fitted.criterion, _Repaired(fitted, other, dropped)))
    return sorted(ranked, key=lambda pair: pair[0])


def _droppable(selection: Selection, changes: Changes, model: SelectedModel) -> Iterator[np.ndarray]:
    """Sets of declared terms (K,) whose coefficients may be zero: each alone, and all of them."""
    facts = selection.information(model)
    place = {name: i for i, name in enumerate(facts.names)}
    near = np.zeros(len(changes.all), dtype=bool)
    for k in np.flatnonzero(model.chosen):
        change, i = changes.all[k], place[changes.all[k].column.name]
        near[k] = not change.new and change.state is not None and abs(facts.values[i] + 1) < NEAR * facts.deviations[i] + 1e-6
    for k in np.flatnonzero(near):
        yield np.arange(len(near)) == k
    if near.sum() > 1:
        yield near


def _assembled(
    system: System,
    changes: Changes,
    ranked: Sequence[tuple[float, _Repaired]],
    found: Descent,
    seen: Observations,
    later: Observations | None,
    options: RecoverOptions,
) -> Repair:
    """The result, best first."""
    sizes, count = changes.candidates.sizes, len(changes.all)
    models, texts = [], []
    for criterion, one in ranked[: options.keep]:
        theta, start = one.model.theta * sizes, first_values(one.selection, one.model)
        made = changes.applied(one.model.chosen, theta, one.dropped)
        texts.append(
            tuple(changes.all[k].text(float(theta[k]), bool(one.dropped[k])) for k in np.flatnonzero(one.model.chosen))
        )
        row, terms = np.array([made.defaults[p] for p in made.parameters]), _differences(system, made)
        line = f"repaired with {seen.size} data and the simulation in the loop: {'; '.join(texts[-1]) or 'nothing changed'}"
        models.append(
            RankedSystem(
                filled(made, {}, {}, line, start[0]), terms, terms,
                int((one.model.chosen & ~one.dropped).sum()) + len(theta) - count, criterion,
                free_and_ahead(compile(made), row, start, seen, later), start=start, text="; ".join(texts[-1]),
                complexity=sum(1 for e in right_sides(made) for _ in sp.preorder_traversal(e)),
            )
        )  # fmt: skip
    best = ranked[0][1]
    labels = [(str(c.state if c.state is not None else c.parameter), str(c.term)) for c in changes.all]
    return ranked_recovery(
        Repair, models, _in_numbers(changes, best.selection.information(best.model)),
        level=options.level,
        compared=[(c, [labels[k] for k in np.flatnonzero(m.model.chosen)]) for c, m in ranked], library=labels,
        notes=found.notes, misfit=missed(best.selection, best.model, options),
        evaluations=found.selection.shooting.simulations,
        observations=seen, heldout=later, complete=found.complete, changes=texts[0], all_changes=tuple(texts),
    )  # fmt: skip


def _differences(system: System, made: System) -> dict[Any, sp.Expr]:
    """A repaired system less the declared one, by equation."""
    before, after = (right_sides(s.with_terms({})) if s.unknowns else right_sides(s) for s in (system, made))
    numbers = [{p: sp.Float(v) for p, v in s.defaults.items()} for s in (system, made)]
    return {
        sp.Function(f"change_of_{s}")(*system.states): sp.expand(b.xreplace(numbers[1]) - a.xreplace(numbers[0]))
        for s, a, b in zip(system.states, before, after, strict=True)
    }


def _in_numbers(changes: Changes, facts: Information) -> Information:
    """Information about numbers in the equations instead of about their relative changes."""
    by_name = {c.column.name: c for c in changes.all}
    own = [by_name.get(name) for name in facts.names]
    slopes = np.array([1.0 if c is None else c.slope(v) for c, v in zip(own, facts.values, strict=True)])
    values = np.array([v if c is None else c.value(v) for c, v in zip(own, facts.values, strict=True)])
    bounds = [
        [v if c is None else c.value(v) if np.isfinite(v) else np.sign(s) * v for c, v, s in zip(own, b, slopes, strict=True)]
        for b in np.broadcast_arrays(facts.low, facts.high, facts.values)[:2]
    ]
    return replace(
        facts, names=tuple(n if c is None else c.name for c, n in zip(own, facts.names, strict=True)), values=values,
        covariance=facts.covariance * slopes[:, None] * slopes, low=np.min(bounds, axis=0), high=np.max(bounds, axis=0),
    )  # fmt: skip
