"""Unknown scores of diffusions that were reversed in time, from samples of the data where they end."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn.discover.options import Request
from symdyn.discover.reads import Reads
from symdyn.discover.scores.declared import ReversedProcess
from symdyn.discover.scores.learned_score import LearnedScore
from symdyn.discover.surrogates.registry import SCORE_SURROGATES
from symdyn.errors import RecoveryError
from symdyn.inference.points import read_points
from symdyn.models.sde import SDESystem

__all__ = ["READS", "LearnedScore", "recovered"]

#: Spread of a state, relative to that of all, below which training has hardly any noise levels.
NARROW = 0.02
#: What is read here of what `recover` is given.
READS = Reads(
    "a score from samples", frozenset({"surrogate", "options.surrogate"}), frozenset({"options.surrogate"}), usual=False,
    surrogates=SCORE_SURROGATES,
)  # fmt: skip


def recovered(system: SDESystem, data: Any, request: Request) -> LearnedScore:
    """The score of a reversed process from samples of its data.

    Parameters
    ----------
    system : SDESystem
        What `reverse_time` makes of a linear diffusion with unknown functions, of all states and time, for a score: one of
        each state.
    data : array (n, d), or mapping, Dataset or DataFrame with a column for each state
        Samples of the data.
    request : Request

    Raises
    ------
    RecoveryError
        For systems that are no such reversal.
    """
    process = ReversedProcess(system)
    points = read_points(data, process.states, "data")
    if len(points) < 100:
        raise RecoveryError(f"there are {len(points)} samples; expected 100 or more to learn a density from")
    spreads = points.std(axis=0)
    if not spreads.max() > 1e-12 * np.abs(points).max():
        raise RecoveryError("the samples are all the same; a density has no score there")
    narrow = [x for x, s in zip(process.states, spreads, strict=True) if s < NARROW * np.sqrt(np.mean(spreads**2))]
    maker = SCORE_SURROGATES[str(request.surrogate)](**request.options.surrogate)
    fit = maker.fit(
        points, seed=request.seed, going=request.budget.going, report=lambda part: request.report("surrogate", part)
    )
    notes: tuple[str, ...] = () if len(fit.losses["train"]) == fit.parts else ("training ended at its budget of time",)
    if narrow:
        notes += (
            f"{', '.join(map(str, narrow))} spread less than {NARROW:g} of all states together, below the noise levels of the "
            "training: the score of such narrow states is not learned; give states in units in which they spread alike",
        )
    return LearnedScore.of(system, fit, notes)
