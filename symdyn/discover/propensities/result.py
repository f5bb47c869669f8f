"""The result of a recovery of propensities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from symdyn.attached import PropensityRecoveryVerbs
from symdyn.discover.options import RecoverOptions
from symdyn.discover.propensities.search import PropensityModel, PropensitySearch, vague
from symdyn.discover.ranked import RankedSystem, TermModels, possible
from symdyn.discover.recovery import Recovery
from symdyn.errors import RecoveryError
from symdyn.inference.counts import Counts, observed
from symdyn.inference.data import Observations
from symdyn.inference.information import Information
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
    written = _Written(search.network, search.fitted, f"recovered from {seen.size} {KINDS[seen.kind]}")
    if hasattr(best.likelihood, "distributions"):
        likelihood = best.likelihood
        carried = likelihood.distributions(best.fit.theta)
        leak = 1 - min(p.sum() for _, p in carried)
        if leak > LEAK:
            told.append(
                f"the probability {leak:.1g} leaves the box of numbers up to "
                f"{', '.join(str(n - 1) for n in likelihood.box.shape)}; widen it with bounds of the species"
            )
        width = likelihood.box.shape[search.network.names.index(seen.species[0])]
        distributions = [(t, p.reshape(width, -1).sum(axis=1)) for t, p in carried]
    score, columns = best.fit.score, search.fitted
    found, (rank, unsure) = sandwich(score), vague(score.information)
    low, high = np.array([columns.given.get(c, (-np.inf, np.inf)) for c in best.columns]).T
    facts = Information(
        tuple(c.name for c in best.columns), best.values, found.covariance * np.outer(best.values, best.values),
        found.undetermined | unsure, rank, found.condition, low=low, high=high, logarithmic=True,
    )  # fmt: skip

    def ranked(model: PropensityModel) -> RankedSystem:
        theta = np.zeros(len(columns.columns))
        theta[columns.active(model.chosen)] = model.values
        return written.shown(model, theta, log_likelihood=model.fit.score.value)

    return written.recovery(
        PropensityRecovery, map(ranked, visited[: options.keep]), visited, facts, level=options.level, notes=told,
        evaluations=search.evaluations, complete=complete, counts=seen, declared=search.network,
        distributions=tuple(distributions),
    )  # fmt: skip


class _Written(TermModels):
    """Of the library every term has its name as if it were alone."""

    def labels(self) -> list[tuple[str, str]]:
        alone = np.eye(len(self.columns.terms), dtype=bool)
        return [(str(t.unknown), str(t.shape.xreplace(self.names(k)))) for t, k in zip(self.columns.terms, alone, strict=True)]
