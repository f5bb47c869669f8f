"""The result of a search for terms of ODEs and maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdyn.codegen.kernel import compile
from symdyn.discover.evidence import free_and_ahead
from symdyn.discover.options import RecoverOptions
from symdyn.discover.ranked import RankedSystem, TermModels
from symdyn.discover.recovery import Recovery
from symdyn.inference.misfit import Misfit, misfit
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
    kernel, line = compile(candidates.system), f"recovered from {seen.size} data with the simulation in the loop"
    written = TermModels(pipeline.system, candidates, line)

    def ranked(model: SelectedModel) -> RankedSystem:
        theta, start = model.theta * candidates.sizes, first_values(selection, model)
        # constants of terms that are not in the model stay out: their working names may be those of others
        off = np.concatenate([~model.chosen, np.zeros(len(theta) - len(model.chosen), dtype=bool)])
        known = {**pipeline.system.defaults, **dict(zip(candidates.columns, np.where(off, 0.0, theta), strict=True))}
        row = np.array([known[p] for p in candidates.system.parameters])
        return written.shown(model, theta, free_and_ahead(kernel, row, start, seen, later), start=start)

    return written.recovery(
        Recovery, map(ranked, models), selection.ranked(), selection.information(models[0]), level=pipeline.options.level,
        notes=notes, misfit=missed(selection, models[0], pipeline.options), evaluations=selection.shooting.simulations,
        surrogate=learned, observations=seen, heldout=later, complete=pipeline.complete,
    )  # fmt: skip


def first_values(selection: Selection, model: SelectedModel) -> np.ndarray:
    """Initial values of every trajectory, (trajectories, n)."""
    data, origins = selection.shooting.observations, selection.cut.origins
    first = [int(np.flatnonzero(origins[:, 0] == k)[0]) for k in range(len(data.trajectories))]
    return np.asarray(model.starts[first] * data.scale)


def missed(selection: Selection, model: SelectedModel, options: RecoverOptions) -> Misfit:
    """How far a model is from the data."""
    given = {getattr(key, "name", key) for key in options.noise or ()}
    return misfit(selection.residuals(model, given), selection.information(model).rank)
