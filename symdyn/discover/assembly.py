"""The result of a search for terms of ODEs and maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdyn.codegen.kernel import compile
from symdyn.discover.evidence import free_and_ahead
from symdyn.discover.model_error import recovery_with_errors
from symdyn.discover.options import RecoverOptions
from symdyn.discover.ranked import RankedSystem, filled
from symdyn.discover.recovery import Recovery
from symdyn.discover.rivals import Offer
from symdyn.inference.criterion import ORDER, order, price
from symdyn.inference.misfit import Misfit, misfit
from symdyn.inference.naming import named_constants
from symdyn.inference.problem import SelectionProblem
from symdyn.inference.selection import SelectedModel, Selection

__all__ = ["assembled", "first_values", "missed"]


def assembled(pipeline: Any, problem: SelectionProblem, selection: Selection, learned: Any, notes: Sequence[str]) -> Recovery:
    """The result of a pipeline whose search has ended.

    Parameters
    ----------
    pipeline : Pipeline
    problem : SelectionProblem
    selection : Selection
        The last stage of the search.
    learned : SurrogateFit or None
    notes : sequence of str
        Notes for the user.
    """
    seen, later, candidates = pipeline.seen, pipeline.later, problem.candidates
    models = problem.polish(selection, pipeline.options.keep)
    visited, system, columns = selection.ranked(), pipeline.system, candidates.columns
    kernel = compile(candidates.system)

    def names(model: SelectedModel) -> dict[sp.Symbol, sp.Symbol]:
        terms = ((k, candidates.terms[k]) for k in np.flatnonzero(model.chosen))
        return named_constants(system, [(t.unknown, columns[k], tuple(t.constants)) for k, t in terms])

    def formulas(model: SelectedModel) -> dict[Any, sp.Expr]:
        return candidates.expressions(model.chosen, dict(zip(columns, columns, strict=True)) | names(model))

    def ranked(model: SelectedModel) -> RankedSystem:
        values = dict(zip(columns, map(float, model.theta * candidates.sizes), strict=True))
        known, start = {**system.defaults, **values}, first_values(selection, model)
        off = {columns[k] for k in np.flatnonzero(~model.chosen)}
        row = np.array([0.0 if p in off else known[p] for p in candidates.system.parameters])
        # constants of terms that are not in the model stay out: their working names may be those of others
        own = {n: values[c] for c, n in names(model).items()} | {p: values[p] for p in system.parameters if p in values}
        line = f"recovered from {seen.size} data with the simulation in the loop"
        return RankedSystem(
            filled(system, formulas(model), own, line, start[0]),
            candidates.expressions(model.chosen, {c: sp.Float(v) for c, v in values.items()}),
            int(candidates.active(model.chosen[None]).sum()), model.criterion,
            free_and_ahead(kernel, row, start, seen, later), start=start, formulas=formulas(model),
            free=frozenset(own), labels=held_terms(model),
            prior=selection.prior(model.chosen) + ORDER * sum(orders[model.chosen]),
        )  # fmt: skip

    labels = [(str(t.unknown), str(t.shape)) for t in candidates.terms]
    orders = np.array([order(t.shape, system.states) for t in candidates.terms])
    offers = [
        Offer(t.unknown, t.shape, price((), terms=1, library=len(labels), orders=int(o)))
        for t, o in zip(candidates.terms, orders, strict=True)
        if pipeline.searched and not t.constants
    ]

    def held_terms(model: SelectedModel) -> tuple[tuple[str, str], ...]:
        return tuple(labels[k] for k in np.flatnonzero(model.chosen))

    facts = selection.information(models[0])
    return recovery_with_errors(
        [ranked(m) for m in models], facts.renamed({c.name: n.name for c, n in names(models[0]).items()}),
        declared=system, offers=offers, data=seen, later=later, options=pipeline.options,
        compared=[(m.criterion, held_terms(m)) for m in visited], misfit=missed(selection, models[0], pipeline.options),
        bounds={p.name: b for p, b in candidates.given.items()}, held=selection.held[_first_windows(selection)],
        free=not pipeline.signs, going=selection.going or (lambda: True), notes=notes, library=labels,
        evaluations=selection.shooting.simulations, surrogate=learned, complete=pipeline.complete,
    )  # fmt: skip


def first_values(selection: Selection, model: SelectedModel) -> np.ndarray:
    """Initial values of every trajectory, (trajectories, n)."""
    return np.asarray(model.starts[_first_windows(selection)] * selection.shooting.observations.scale)


def _first_windows(selection: Selection) -> list[int]:
    """The window in which each trajectory begins."""
    count = len(selection.shooting.observations.trajectories)
    return [int(np.flatnonzero(selection.cut.origins[:, 0] == k)[0]) for k in range(count)]


def missed(selection: Selection, model: SelectedModel, options: RecoverOptions) -> Misfit:
    """How far a model is from the data."""
    given = {getattr(key, "name", key) for key in options.noise or ()}
    return misfit(selection.residuals(model, given), selection.information(model).rank)
