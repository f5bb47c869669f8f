"""The result of a recovery of propensities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.attached import PropensityRecoveryVerbs
from symdyn.discover.options import RecoverOptions
from symdyn.discover.propensities.counts import Counts, observed
from symdyn.discover.propensities.search import PropensityModel, PropensitySearch, vague
from symdyn.discover.ranked import RankedSystem, filled, possible, ranked_recovery
from symdyn.discover.recovery import Recovery
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations
from symdyn.inference.information import Information
from symdyn.inference.naming import named_constants
from symdyn.inference.scoring import sandwich
from symdyn.models.ode import ODESystem
from symdyn.models.reactions import ReactionNetwork

__all__ = ["PropensityRecovery", "result"]

#: Probability that may leave the box of states.
LEAK = 1e-4
#: What the data consist of.
KINDS = {"complete": "jumps", "sampled": "steps of paths", "snapshots": "cells"}


@dataclass(frozen=True, kw_only=True, repr=False)
class PropensityRecovery(PropensityRecoveryVerbs, Recovery):
    """Propensities of a reaction network.

    Attributes
    ----------
    counts : Counts
        The molecule numbers, and of which kind they are.
    declared : ReactionNetwork
        The network with its unknown functions.
    distributions : tuple of (float, (n,) float64)
        Of snapshots: the time, and the distribution of the first observed species according to the first system.
    """

    logarithmic: ClassVar[bool] = True

    system: ReactionNetwork
    counts: Counts
    declared: ReactionNetwork
    distributions: tuple[tuple[float, np.ndarray], ...]

    def _data(self) -> str:
        if self.counts.kind == "snapshots":
            return f"{self.counts.size} cells at {len(self.counts.snapshots)} times"
        steps = "jumps" if self.counts.kind == "complete" else "steps"
        return f"{self.counts.size} {steps} of {len(self.counts.trajectories)} paths"

    def _beginnings(self) -> list[tuple[float, dict[str, Any]]]:
        names, start = self.system.names, self.system.initial
        if self.counts.trajectories:
            return [(float(t.times[0]), dict(zip(names, t.values[0], strict=True))) for t in self.counts.trajectories]
        complete = all(s in start for s in self.system.states)
        return [(min(self.counts.snapshots[0][0], 0.0), {s.name: v for s, v in start.items()})] if complete else []

    def _measured(self, data: Any) -> Observations:
        counts = self.counts if data is None else observed(self.system, data)
        if not counts.trajectories:
            raise RecoveryError("a score compares paths, these data are snapshots of cells; see plot() for their distributions")
        scale = np.sqrt(np.mean(counts.rows.astype(float) ** 2, axis=0))
        return Observations(
            counts.trajectories, tuple(self.system.names), np.where(scale > 0, scale, 1.0), np.zeros(len(scale))
        )

    def _mean_system(self) -> ODESystem:
        return self.system.rate_equations()


def result(
    search: PropensitySearch, seen: Counts, options: RecoverOptions, notes: Sequence[str], *, complete: bool
) -> PropensityRecovery:
    """The result of a search that has ended.

    Raises
    ------
    RecoveryError
        If there is no model.
    """
    visited = possible(search.ranked())
    best, told, distributions = visited[0], list(notes), []
    # of the library every term as if it were alone
    labels = [(str(t.unknown), str(t.shape.xreplace(_names(search, [k])))) for k, t in enumerate(search.terms)]
    line = f"recovered from {seen.size} {KINDS[seen.kind]}"
    if hasattr(best.likelihood, "distributions"):
        likelihood = best.likelihood
        found = likelihood.distributions(best.fit.theta)
        leak = 1 - min(p.sum() for _, p in found)
        if leak > LEAK:
            told.append(
                f"the probability {leak:.1g} leaves the box of numbers up to "
                f"{', '.join(str(n - 1) for n in likelihood.box.shape)}; widen it with bounds of the species"
            )
        width = likelihood.box.shape[search.network.names.index(seen.species[0])]
        distributions = [(t, p.reshape(width, -1).sum(axis=1)) for t, p in found]
    return ranked_recovery(
        PropensityRecovery, [_ranked(search, m, line) for m in visited[: options.keep]], _facts(search, best),
        level=options.level, compared=[(m.criterion, [labels[k] for k in np.flatnonzero(m.chosen)]) for m in visited],
        library=labels, formulas=_formulas(search, best), notes=told, evaluations=search.evaluations, complete=complete,
        counts=seen, declared=search.network, distributions=tuple(distributions),
    )  # fmt: skip


def _names(search: PropensitySearch, chosen: Sequence[int]) -> dict[sp.Symbol, sp.Symbol]:
    """Names of the constants of some terms."""
    terms = [(k, search.terms[k]) for k in chosen]
    return named_constants(search.network, [(t.unknown, search.fitted.columns[k], tuple(t.constants)) for k, t in terms])


def _symbols(search: PropensitySearch, model: PropensityModel) -> list[sp.Symbol]:
    """Names of what was fitted."""
    names = _names(search, np.flatnonzero(model.chosen).tolist())
    return [names.get(c, c) for c in model.columns]


def _formulas(search: PropensitySearch, model: PropensityModel) -> dict[AppliedUndef, sp.Expr]:
    """Each unknown function in named constants."""
    return search.fitted.expressions(model.chosen, _names(search, np.flatnonzero(model.chosen).tolist()))


def _facts(search: PropensitySearch, model: PropensityModel) -> Information:
    """Information about the constants, positive and fitted in their logarithms."""
    score, values = model.fit.score, model.values
    found, (rank, unsure) = sandwich(score), vague(score.information)
    low, high = np.array([search.fitted.given.get(c, (-np.inf, np.inf)) for c in model.columns]).T
    return Information(
        tuple(s.name for s in _symbols(search, model)), values, found.covariance * np.outer(values, values),
        found.undetermined | unsure, rank, found.condition, low=low, high=high, logarithmic=True,
    )  # fmt: skip


def _ranked(search: PropensitySearch, model: PropensityModel, line: str) -> RankedSystem:
    values = dict(zip(_symbols(search, model), map(float, model.values), strict=True))
    formulas, known = _formulas(search, model), {s: sp.Float(v) for s, v in values.items()}
    return RankedSystem(
        filled(search.network, formulas, values, line), {u: e.xreplace(known) for u, e in formulas.items()},
        len(values), model.criterion, log_likelihood=model.fit.score.value,
    )  # fmt: skip
