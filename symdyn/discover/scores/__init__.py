"""Unknown scores of diffusions that were reversed in time, from samples of the data where they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.discover.reads import Reads
from symdyn.discover.request import Request
from symdyn.discover.scores.declared import ReversedProcess
from symdyn.discover.surrogates.registry import SCORE_SURROGATES
from symdyn.errors import RecoveryError
from symdyn.inference.points import read_points
from symdyn.models.sde import SDESystem

__all__ = ["READS", "LearnedScore", "recovered"]

#: What is read here of what `recover` is given.
READS = Reads(
    "a score from samples", frozenset({"surrogate", "options.surrogate"}), frozenset({"options.surrogate"}), usual=False,
    surrogates=SCORE_SURROGATES,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, repr=False)
class LearnedScore:
    r"""A score that a network learned, and the system with it.

    It takes the place of a density: ``process.probability_flow(found)`` is the flow from noise to data, on which all samplers
    know the prediction of noise and the signal-to-noise ratio; ``.with_log_density()`` of that gives likelihoods.

    Attributes
    ----------
    system : SDESystem
        The reversed process with the network in the place of its unknown terms; weights are data of the generated code.
    score, noise : dict of Symbol to Expr
        :math:`\nabla \log p_t` by state, and :math:`-\sigma\, \nabla \log p_t`, in the time of the process that was reversed.
    alpha, sigma : Expr
        Of that process.
    sigmas : tuple of Expr
        The same by state.
    network : DenseLayers
    losses : dict of str to array
        ``train``, and ``heldout`` on a tenth of the samples, by part of the training: mean squared errors of what the network
        predicts, in units in which a network that predicts nothing has about 1.
    seconds : float
        Of the training, of all threads.
    horizon : float or Expr
        Where the samples are in the time of `system`.
    warnings : tuple of str
    """

    system: SDESystem
    score: dict[sp.Symbol, sp.Expr]
    noise: dict[sp.Symbol, sp.Expr]
    alpha: sp.Expr
    sigma: sp.Expr
    sigmas: tuple[sp.Expr, ...]
    network: Any
    losses: dict[str, np.ndarray]
    seconds: float
    horizon: Any
    warnings: tuple[str, ...] = ()
    observations: None = None
    complete: bool = True

    def __repr__(self) -> str:
        last = self.losses["heldout"][-1]
        return (
            f"LearnedScore({', '.join(map(str, self.score))}; {self.network.size} weights, held-out loss {last:.4g}, "
            f"{self.seconds:.3g} s of CPU)"
        )


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
    maker = SCORE_SURROGATES[str(request.surrogate)](**request.options.surrogate)
    fit = maker.fit(
        points, seed=request.seed, going=request.budget.going, report=lambda part: request.report("surrogate", part)
    )
    score, noise = fit.expressions(process)
    notes = () if request.budget.going() else ("training ended at its budget of time",)
    terms = process.terms(score)
    return LearnedScore(
        system=system.with_terms(terms), score=score, noise=noise, alpha=process.alpha, sigma=process.sigma,
        sigmas=(process.sigma,) * len(process.states), network=fit.layers, losses=fit.losses, seconds=fit.seconds,
        horizon=process.horizon, warnings=notes,
    )  # fmt: skip
