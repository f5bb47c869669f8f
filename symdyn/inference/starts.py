"""Declared initial values: which of them are held, and whether the data contradict them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from symdyn.given_values import lookup
from symdyn.inference.data import Observations
from symdyn.inference.guesses import Bounds
from symdyn.inference.problem import NOISE_FLOOR, SelectionProblem, data_counts
from symdyn.inference.selection import Selection
from symdyn.system import System

__all__ = ["contradictions", "with_declared_starts"]

#: Standard errors between a declared initial value and the fitted one beyond which the data contradict it.
APART = 4.0


def with_declared_starts(system: System, data: Observations, fit: Iterable[Any], limits: Bounds) -> Bounds:
    """Bounds with the declared initial values held by equal ones, except those named in `fit` or given bounds.

    A declared value is that at the first time of the data, as in `symdyn.simulate`.  Of several trajectories only that of a
    state without data is held, for what was measured may begin anywhere in each of them.
    """
    named = {lookup(key, (*system.parameters, *system.states), "parameter or state") for key in fit}
    seen = dict(zip(system.states, data_counts(data) > 0, strict=True))
    known = [s for s in system.initial if s not in named and not (seen[s] and len(data.trajectories) > 1)]
    return {s: (float(system.initial[s]), float(system.initial[s])) for s in known} | dict(limits)


def contradictions(problem: SelectionProblem, selection: Selection, given: Bounds) -> tuple[str, ...]:
    """Notes on initial values that are held although the best model, fitted with them open, puts them elsewhere.

    Parameters
    ----------
    problem : SelectionProblem
    selection : Selection
        The last stage of a search.
    given : mapping
        Bounds that the user gave: what those hold is known otherwise.
    """
    states = problem.candidates.system.states
    low, high = problem.bounds
    known = (low == high) & np.array([s not in given for s in states])
    if not known.any() or not selection.visited:
        return ()
    opened = replace(
        problem, shooting=selection.shooting, bounds=(np.where(known, -np.inf, low), np.where(known, np.inf, high))
    ).selection(selection.pieces)  # fmt: skip
    opened.going = selection.going
    best = selection.ranked()[0]
    opened.fit(best.chosen[None], best.theta[None], best.starts[None], iterations=60, tolerance=1e-9)
    if not opened.visited:
        return ()
    facts = opened.information(opened.ranked()[0])
    starts, deviations = np.full((2, *opened.held.shape), np.nan)
    starts[~opened.held], deviations[~opened.held] = facts.values[-opened.nuisance :], facts.deviations[-opened.nuisance :]
    first = np.flatnonzero(opened.cut.origins[:, 1] == 0)
    least, notes = NOISE_FLOOR * problem.shooting.scale, []
    for v, i in itertools.product(first, np.flatnonzero(known)):
        if abs(starts[v, i] - low[i]) > max(APART * deviations[v, i], least[i]):
            which = f" of trajectory {opened.cut.origins[v, 0]}" if len(first) > 1 else ""
            notes.append(
                f"the declared initial value {states[i]} = {low[i]:.4g} is held, but the data{which} want "
                f"{starts[v, i]:.4g} ± {deviations[v, i]:.2g}; name {states[i]} among what is fitted"
            )
    return tuple(notes)
