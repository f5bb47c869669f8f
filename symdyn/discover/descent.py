"""The search from many windows to one, and the weights of the residuals, estimated from its fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symdyn.discover.integral_matching import matched_models
from symdyn.discover.options import Request
from symdyn.errors import RecoveryError
from symdyn.inference.budget import SEARCHING
from symdyn.inference.data import Observations
from symdyn.inference.problem import REWEIGHINGS, SelectionProblem
from symdyn.inference.selection import SelectedModel, Selection
from symdyn.inference.starts import contradictions

__all__ = ["Descent", "NothingFollowsError", "descend"]

#: Share of the variance of the data beyond which runs over a whole trajectory do not follow them.
LOST = 0.5
#: Models that each length of windows gives without a simulation, for a search to begin from.
MATCHED = 3


class NothingFollowsError(RecoveryError):
    """No model can be simulated along the data."""


@dataclass(frozen=True)
class Descent:
    """Where a search has ended.

    Attributes
    ----------
    selection : Selection
        The last stage, with every model that it fitted.
    notes : tuple of str
        Notes for the user.
    complete : bool
        False if a budget of time or an interrupt ended the search.
    """

    selection: Selection
    notes: tuple[str, ...]
    complete: bool


def descend(
    problem: SelectionProblem,
    chosen: np.ndarray,
    theta: np.ndarray,
    request: Request,
    written: Callable[[SelectedModel], str],
) -> Descent:
    """Search at every number of windows, from many to one, then with the noise that the residuals show.

    Where none of the models to begin with can be simulated along the data, the search begins from those that
    `symdyn.discover.integral_matching.matched_models` finds without a simulation, in still shorter windows.

    Parameters
    ----------
    problem : SelectionProblem
    chosen, theta : (M, K) bool, (M, P) float64
        Models to begin with, and their scaled parameters.
    request : Request
        Without `selection` no neighbours of the best models are looked at, and those to begin with are only fitted.  At the end
        of its budget the best so far is the result; time that a limit leaves goes to wider neighbourhoods.
    written : callable
        A model in words, for notes.

    Raises
    ------
    NothingFollowsError
        If no model can be simulated along the data.
    """
    options, search, budget = request.options, request.selection, request.budget
    stages, notes = problem.stages(wanted=options.windows), []
    searching = budget.share(SEARCHING)
    first, data, joined, complete = problem, problem.shooting.observations, False, False

    def climb(selection: Selection, k: int) -> None:
        if search and searching.going():
            selection.climb(beam=options.beam, rounds=options.rounds)
        request.report("selection", (k + 1) / (len(stages) + 1))

    def stage(problem: SelectionProblem, pieces: int) -> Selection:
        selection = problem.selection(pieces)
        selection.going = searching.going
        return selection

    selection = stage(problem, stages[0])
    with budget.keeping(lambda: selection.visited):
        problem.begin(selection, chosen, theta)
        climb(selection, 0)
        if search and not selection.visited:
            matched = [m for pieces in stages for m in matched_models(problem, pieces)[:MATCHED]]
            stages = problem.stages(points=1, wanted=options.windows)
            selection = stage(problem, stages[0])
            if matched:
                problem.begin(selection, np.stack([m.chosen for m in matched]), np.stack([m.theta for m in matched]))
            climb(selection, 0)
        if not selection.visited:
            raise NothingFollowsError(
                "no candidate could be simulated along the data; check the units, give guesses or bounds of the parameters, or "
                "values of unobserved states"
            )
        for k, pieces in enumerate(stages[1:]):
            if searching.over():
                break
            following = stage(problem, pieces)
            problem.join(selection, following)
            if not following.visited or _lost(following, data) or problem.spoiled(selection, following):
                notes.append(
                    f"no run over {len(data.trajectories)} whole trajectories follows the data; "
                    f"fitted in {selection.cut.count} windows"
                )
                joined = True
                break
            selection = following
            climb(selection, k + 1)
        if search and searching.going():
            problem.renew(selection)
        for _ in range(REWEIGHINGS if options.noise is None else 0):
            again = None if searching.over() else problem.reweighed(selection, selection.ranked())
            if again is None:
                break
            following = stage(again, selection.pieces)
            again.join(selection, following)
            climb(following, len(stages))
            if not following.visited:
                break
            problem, selection = again, following
        complete = searching.going()
        if search:
            selection.widen(searching, beam=options.beam, rounds=options.rounds)
    if selection.pieces > 1 and not joined:
        notes.append(f"fitted in {selection.cut.count} windows, for there was no time to join them")
    level = selection.level if complete else 0
    notes += budget.notes(f"{first.shooting.simulations} simulations", level, late=searching.over())
    complete = complete and not budget.interrupted
    selection.going = budget.going
    request.report("selection", 1.0)
    notes += [*contradictions(first, selection, first.candidates.given), *selection.effect_of_prior(written)]
    return Descent(selection, tuple(notes), complete)


def _lost(selection: Selection, data: Observations) -> bool:
    """Whether the best model explains less than half of the variance."""
    values = np.concatenate([t.values for t in data.trajectories]) / selection.shooting.noise
    seen = np.isfinite(values)
    mean = np.where(seen, values, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    spread = np.where(seen, values - mean, 0.0) ** 2
    return float(selection.ranked()[0].rss.sum()) > LOST * float(spread.sum())
