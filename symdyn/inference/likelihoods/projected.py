"""Finite state projection: the likelihood of a network itself, of paths and of cells that are not followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.errors import SymdynError
from symdyn.inference.likelihoods._projection_filter import ProjectedEvaluator
from symdyn.inference.likelihoods.registry import LIKELIHOODS, Evaluator, FitLikelihood, eventful
from symdyn.inference.stochastic_setup import StochasticSetup
from symdyn.methods.options import check_whole
from symdyn.projection.bounds import read_bounds
from symdyn.projection.parametric import grid, roomy

__all__ = ["ProjectionLikelihood"]


@dataclass(frozen=True, kw_only=True)
class ProjectionLikelihood(FitLikelihood):
    r"""The likelihood of the master equation on a box of states.

    A path has :math:`\log L = \sum_k \log \sum_n g(y_k | n)\, p_k(n)` with the probabilities :math:`p_k` of the numbers n given
    all earlier measurements, and the law g of what is measured: a filter over hidden states, in which each step is the
    exponential of the generator.  Cells that are not followed have :math:`\log \sum_n g(y | n)\, p_t(n)` each.  What leaves the
    box is missing, so that values are lower bounds.

    Parameters
    ----------
    upper : mapping from species to int, optional
        Largest numbers; by default those that were measured and six of their square roots more.
    largest : int
        States of the box at most.

    Examples
    --------
    Death alone leaves binomial numbers.

    >>> import numpy as np, symdyn as sd
    >>> from scipy import stats
    >>> net = sd.ReactionNetwork.from_text("X -> 0, g", initial={"X": 20})
    >>> fit = sd.fit(net, {"t": [0.0, 1.0, 2.0], "X": [20, 13, 9]}, likelihood="projection", starts=2)
    >>> stay = np.exp(-fit.parameters["g"])
    >>> exact = stats.binom.logpmf(13, 20, stay) + stats.binom.logpmf(9, 13, stay)
    >>> bool(np.isclose(fit.log_likelihood, exact, rtol=1e-9)), bool(np.isclose(stay, 22 / 33))
    (True, True)
    """

    name: ClassVar[str] = "projection"
    definition: ClassVar[str] = "the master equation on a box of states"
    reference: ClassVar[str] = (
        "Munsky, Khammash, J. Chem. Phys. 124, 044104 (2006); Fox, Munsky, PLoS Comput. Biol. 15, e1006365 (2019)"
    )
    exact: ClassVar[bool] = True
    certain: ClassVar[bool] = True
    upper: Mapping[Any, int] = field(default_factory=dict)
    largest: int = 20_000

    def __post_init__(self) -> None:
        check_whole(1, largest=self.largest)

    def unmet(self, setup: StochasticSetup) -> str | None:
        system = setup.system
        if system.propensities is None:
            return "takes reaction networks alone"
        if reason := eventful(system):
            return reason
        if system.time in dag.free_symbols(system.propensities):
            return "takes rates that do not depend on time"
        if reason := setup.fraction():
            return reason
        bursts = [b for r in system.reactions for b in (r.bursts or {}).values()]
        if any(b.mean.free_symbols & set(setup.symbols) for b in bursts):
            return "takes no means of bursts that are fitted"
        try:
            upper = self.corner(setup)
        except SymdynError as error:
            return str(error)
        missing = [s.name for s in system.states if s not in upper]
        if missing:
            return f"needs to know how large {missing[0]} may become, as it is not measured; say upper={{'{missing[0]}': 100}}"
        direct = {o.expression for o in setup.observed if o.law.exact and not setup.snapshots}
        if free := [s.name for s, e in setup.initial.items() if e.free_symbols and s not in direct]:
            return f"takes no initial numbers that are fitted, such as that of {free[0]}; give it, or take 'lna' or 'moments'"
        for k, spec in enumerate(setup.observed):
            seen = max(float(np.nanmax(t.values[:, k], initial=0.0)) for t in setup.data.trajectories)
            if spec.law.exact and spec.expression in upper and seen > upper[spec.expression]:
                return f"has a box of up to {upper[spec.expression]} of {spec.name}, and the data hold {seen:g}; raise upper"
        size = float(np.prod([n + 1.0 for n in upper.values()]))
        if size > self.largest:
            return f"needs {size:.3g} states, more than largest={self.largest}"
        return None

    def corner(self, setup: StochasticSetup) -> dict[sp.Symbol, int]:
        """Largest numbers of the species that are known."""
        states = setup.system.states
        found = {s: n for s, n in read_bounds(setup.system, self.upper or None, "upper").items() if n is not None}
        direct = {o.expression: k for k, o in enumerate(setup.observed)}
        for s in states:
            if s in found:
                continue
            if s in setup.system.binary:
                found[s] = 1
            elif s in direct:
                seen = np.concatenate([t.values[:, direct[s]] for t in setup.data.trajectories])
                start = setup.initial.get(s, sp.S.Zero)
                found[s] = roomy(max(float(np.nanmax(seen)), float(start) if start.is_number else 0.0, 0.0))
        return {s: found[s] for s in states if s in found}

    def evaluator(self, setup: StochasticSetup) -> Evaluator:
        return ProjectedEvaluator(setup, grid(setup.system.with_parameters(setup.known), self.corner(setup)))


LIKELIHOODS.register("projection", ProjectionLikelihood)
