"""The result of a search for terms of ODEs and maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from symdyn.codegen.kernel import compile
from symdyn.discover.evidence import free_and_ahead
from symdyn.discover.model_error import recovery_with_errors
from symdyn.discover.options import RecoverOptions
from symdyn.discover.ranked import RankedSystem, TermModels
from symdyn.discover.recovery import Recovery
from symdyn.discover.rivals import Offer
from symdyn.inference.criterion import ORDER, order, price
from symdyn.inference.misfit import Misfit, misfit
from symdyn.inference.problem import SelectionProblem
from symdyn.inference.selection import SelectedModel, Selection

__all__ = ["assembled", "first_values", "missed"]

#: Models of textbooks that are compared with process noise allowed for.
USUAL = 3


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
    kernel, line = compile(candidates.system), f"recovered from {seen.size} data with the simulation in the loop"
    written = TermModels(pipeline.system, candidates, line)
    labels, orders = written.labels(), np.array([order(t.shape, pipeline.system.states) for t in candidates.terms], dtype=int)
    offers = [
        Offer(t.unknown, t.shape, price((), terms=1, library=len(labels), orders=int(o)))
        for t, o in zip(candidates.terms, orders, strict=True)
        if pipeline.request.selection and not t.constants and not t.shares
    ]

    def ranked(model: SelectedModel) -> RankedSystem:
        theta, start = model.theta * candidates.sizes, first_values(selection, model)
        # constants of terms that are not in the model stay out: their working names may be those of others
        off = np.concatenate([~model.chosen, np.zeros(len(theta) - len(model.chosen), dtype=bool)])
        known = {**pipeline.system.defaults, **dict(zip(candidates.columns, np.where(off, 0.0, theta), strict=True))}
        row = np.array([known[p] for p in candidates.system.parameters])
        shown = written.shown(model, theta, free_and_ahead(kernel, row, start, seen, later), start=start)
        textbook = selection.among(model.chosen, model.theta) > 0
        prior = selection.prior(model.chosen, model.theta) + (0.0 if textbook else ORDER * int(orders[model.chosen].sum()))
        own = tuple(labels[k] for k in np.flatnonzero(model.chosen))
        return replace(shown, prior=prior, labels=own, textbook=textbook)

    # a model that was known before the data, and that the criterion prefers, has not spent its terms on errors of the model
    books = problem.textbook is not None and len(problem.textbook) > 0
    unsure = books and not selection.among(models[0].chosen, models[0].theta)
    options = replace(pipeline.options, process=None) if pipeline.options.process == "auto" and unsure else pipeline.options
    usual = [ranked(m) for m in selection.ranked() if selection.among(m.chosen, m.theta)][:USUAL]
    compare = partial(
        recovery_with_errors, declared=pipeline.system, offers=offers, usual=usual, data=seen, later=later,
        options=options,
        held=selection.held[_first_windows(selection)], signed=bool(pipeline.signs), going=selection.going or (lambda: True),
    )  # fmt: skip
    return written.recovery(
        Recovery, map(ranked, models), selection.ranked(), selection.information(models[0]), notes=notes, make=compare,
        misfit=missed(selection, models[0], pipeline.options), evaluations=selection.shooting.simulations, surrogate=learned,
        complete=pipeline.complete,
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
