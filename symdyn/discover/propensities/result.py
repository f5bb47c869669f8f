"""The result of a recovery of propensities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.attached import PropensityRecoveryVerbs
from symdyn.discover.options import RecoverOptions
from symdyn.discover.propensities.counts import Counts
from symdyn.discover.propensities.search import PropensityModel, PropensitySearch, vague
from symdyn.discover.ranked import RankedModel, ranked_fields, squeezed
from symdyn.discover.recovery import Recovery
from symdyn.discover.scoring import sandwich
from symdyn.models.reactions import ReactionNetwork

__all__ = ["PropensityRecovery", "result"]

#: Probability that may leave the box of states.
LEAK = 1e-4


@dataclass(frozen=True, kw_only=True)
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

    counts: Counts
    declared: ReactionNetwork
    distributions: tuple[tuple[float, np.ndarray], ...]

    def __repr__(self) -> str:
        best, data = self.table.iloc[0], self.counts
        if data.kind == "snapshots":
            told = f"{data.size} cells at {len(data.snapshots)} times"
        else:
            told = f"{data.size} {'jumps' if data.kind == 'complete' else 'steps'} of {len(data.trajectories)} paths"
        lines = [f"PropensityRecovery: {len(self.systems)} systems from {told}"]
        lines += [f"    {u} = {squeezed(e)}" for u, e in self.terms.items()]
        lines.append(f"  weight {best['weight']:.2g}, log-likelihood {best['log_likelihood']:.6g}")
        return "\n".join([*lines, *self._remarks()])

    def sample(self, count: int, *, seed: int = 0) -> dict[str, dict[str, xr.DataArray]]:
        """Draw constants of the first system, log-normal, as `simulate` takes them; `initial` is empty."""
        values = self.intervals["value"].to_numpy()
        spread, vectors = np.linalg.eigh(self.covariance.to_numpy() / np.outer(values, values))
        normal = np.random.default_rng(seed).normal(size=(count, len(values)))
        draws = values * np.exp((normal * np.sqrt(np.maximum(spread, 0.0))) @ vectors.T)
        names = self.intervals["constant"]
        return {
            "parameters": {n: xr.DataArray(d, dims="trajectory") for n, d in zip(names, draws.T, strict=True)},
            "initial": {},
        }


def result(
    search: PropensitySearch, seen: Counts, options: RecoverOptions, notes: Sequence[str], *, complete: bool
) -> PropensityRecovery:
    """The result of a search that has ended."""
    visited = search.ranked()
    ranked = [_named(search, m) for m in visited]
    library = [(str(t.unknown), str(_shown(search, k))) for k, t in enumerate(search.terms)]
    kinds = {"complete": "jumps", "sampled": "steps of paths", "snapshots": "cells"}
    fields = ranked_fields(
        search.network, ranked[: options.keep], ranked, level=options.level, library=library, evaluations=search.evaluations,
        line=f"recovered from {seen.size} {kinds[seen.kind]}",
    )  # fmt: skip
    told, distributions = list(notes), []
    if hasattr(visited[0].likelihood, "distributions"):
        likelihood = visited[0].likelihood
        found = likelihood.distributions(visited[0].fit.theta)
        leak = 1 - min(p.sum() for _, p in found)
        if leak > LEAK:
            told.append(
                f"the probability {leak:.1g} leaves the box of numbers up to "
                f"{', '.join(str(n - 1) for n in likelihood.box.shape)}; widen it with bounds of the species"
            )
        width = likelihood.box.shape[search.network.names.index(seen.species[0])]
        distributions = [(t, p.reshape(width, -1).sum(axis=1)) for t, p in found]
    return PropensityRecovery(
        **fields, warnings=tuple(told), complete=complete, counts=seen, declared=search.network,
        distributions=tuple(distributions),
    )  # fmt: skip


def _shown(search: PropensitySearch, k: int) -> sp.Expr:
    """A term with the names of its own constants shortened, as if it were alone."""
    term = search.terms[k]
    return term.shape.xreplace(_short(search, [k]))


def _short(search: PropensitySearch, chosen: Sequence[int]) -> dict[sp.Symbol, sp.Symbol]:
    """Names ``f_1, f_2, ...`` of coefficients, and ``f_K`` of thresholds of the library of the package."""
    network = search.network
    taken = {s.name for s in (*network.states, *network.parameters, *network.observables, network.time)}
    names: dict[sp.Symbol, sp.Symbol] = {}

    def fresh(stem: str, first: bool) -> sp.Symbol:
        k = 1
        name = stem if first else f"{stem}{k}"
        while name in taken:
            k += 1
            name = f"{stem}{k}"
        taken.add(name)
        return sp.Symbol(name)

    for k in chosen:
        term, label = search.terms[k], search.terms[k].unknown.func.__name__
        names[search.coefficients[k]] = fresh(f"{label}_", False)
        for c in term.constants:
            names[c] = fresh(f"{label}_K", True) if c.name.startswith(f"{label}_K") else c
    return names


def _named(search: PropensitySearch, model: PropensityModel) -> RankedModel:
    own = list(map(int, np.flatnonzero(model.chosen)))
    names = {c: c for c in model.columns} | _short(search, own)
    formulas = {
        u: sp.Add(
            *(
                names[search.coefficients[k]] * search.terms[k].shape.xreplace(names)
                for k in own
                if search.terms[k].unknown == u
            )
        )
        for u in search.unknowns
    }
    score, values = model.fit.score, model.values
    covariance, _, condition, undetermined = sandwich(score)
    rank, unsure = vague(score.information)
    return RankedModel(
        formulas=formulas,
        symbols=tuple(names[c] for c in model.columns),
        values=values,
        covariance=covariance * np.outer(values, values),
        logarithmic=np.ones(len(values), dtype=bool),
        undetermined=undetermined | unsure,
        rank=rank,
        condition=condition,
        log_likelihood=score.value,
        criterion=model.criterion,
        terms=tuple((str(search.terms[k].unknown), str(_shown(search, k))) for k in own),
        rms=np.nan,
        heldout=np.nan,
    )
