"""Which shape the unknown propensities have: one term each first, then further ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.inference.budget import Budget
from symdyn.inference.counts import Counts
from symdyn.inference.criterion import price
from symdyn.inference.journal import Journal, digest_of
from symdyn.inference.parameters import FreeColumns
from symdyn.inference.scoring import ScoredFit
from symdyn.inference.term_search import FittedTerms, TermSearch, Trial, doubts
from symdyn.models.reactions import ReactionNetwork
from symdyn.projection.parametric import Rates

__all__ = ["PropensityModel", "PropensitySearch", "vague"]

#: Overall rates, in units of the typical numbers over the time of the data, with which the first model is tried.
FIRST_RATES = (0.1, 1.0, 10.0, 100.0)
#: Bounds of the logarithms of constants about where they begin.
REACH = 14.0
#: Information about a direction of logarithms below which it counts as undetermined: an error of a factor of twenty.
TOLD = 0.1
#: Error of the log-likelihood for which times are cut into more pieces.
INEXACT = 0.01
#: Part of a direction that a constant has to be, to be undetermined with it.
PART = 0.1


@dataclass(frozen=True)
class PropensityModel(FittedTerms):
    """Fitted propensities: the constants `columns` (P,), of which `fit` has the logarithms."""

    columns: tuple[sp.Symbol, ...]
    rates: Rates
    likelihood: Any

    @property
    def values(self) -> np.ndarray:
        """The constants."""
        return np.exp(self.fit.theta)


def vague(information: np.ndarray) -> tuple[int, np.ndarray]:
    """Directions that information about logarithms (P, P) determines, and the constants (P,) that take part in another."""
    told, vectors = np.linalg.eigh(information)
    return int((told >= TOLD).sum()), (np.abs(vectors[:, told < TOLD]) > PART).any(axis=1)


class PropensitySearch(TermSearch[PropensityModel]):
    """The search for the terms of propensities.

    Parameters
    ----------
    network : ReactionNetwork
        With unknown functions.
    fitted : FreeColumns
        Of all terms; parameters of the network may be fitted jointly.
    likelihood : callable
        From the rates of a model, and pieces into which times are cut, to its likelihood.
    data : Counts
    pieces : int
    scale : float
        A typical propensity: numbers over the time of the data.
    typical : (1, species) float64
    largest : int
        Most terms of a model.
    budget : Budget
    journal : Journal, optional
        Stores fits, so that an interrupted search can be resumed.
    """

    WINDOW = 10.0
    BEAM, MOST_FITS, ROUNDS = 2, 40, 4

    def __init__(
        self, network: ReactionNetwork, fitted: FreeColumns, likelihood: Callable[[Rates, int], Any], *, data: Counts,
        pieces: int, scale: float, typical: np.ndarray, largest: int, budget: Budget, journal: Journal | None = None,
    ) -> None:  # fmt: skip
        known: tuple[Mapping[Any, Any], ...] = (network.defaults, network.initial, fitted.given)
        facts = (
            network.reactions, [(t.unknown, t.shape) for t in fitted.terms], data.kind, data.species, pieces,
            *(sorted(d.items(), key=str) for d in known),
        )  # fmt: skip
        arrays = itertools.chain.from_iterable([(t.times, t.values) for t in data.trajectories] or data.snapshots)
        context = digest_of("propensities", *facts, *arrays)
        self.unknowns = tuple(dict.fromkeys(t.unknown for t in fitted.terms))
        super().__init__(fitted.terms, context, largest=largest, necessary=self.unknowns, budget=budget, journal=journal)
        self.network, self.fitted, self.likelihood, self.pieces = network, fitted, likelihood, pieces
        self.size, self.scale, self.typical = data.size, scale, typical
        self._levels: dict[Any, float] = dict.fromkeys(self.unknowns, scale)

    # ---- one model ---------------------------------------------------------------------------------

    def filled(self, chosen: np.ndarray) -> tuple[ReactionNetwork, tuple[sp.Symbol, ...]]:
        """The network with the terms `chosen`, and the constants that are fitted."""
        columns = (self.fitted.columns[k] for k in np.flatnonzero(self.fitted.active(chosen)))
        return self.network.with_terms(self.fitted.expressions(chosen)), tuple(columns)

    def trial(self, chosen: np.ndarray, near: PropensityModel | None) -> Trial:
        """The likelihood of the model, and starts from which it is fitted."""
        network, columns = self.filled(chosen)
        inner = [columns.index(c) for c in columns if any(c in t.constants for t in self.terms)]
        starts = [np.clip(u, *self._limits(columns, u)) for u in self._starts(chosen, columns, near)]
        count, orders = int(chosen.sum()), int(self.orders[chosen].sum())
        cost = price([(len(columns), self.size)], terms=count, library=len(chosen), orders=orders)
        likelihood = self.likelihood(Rates(network, columns), self.pieces)
        return Trial(likelihood, [str(c) for c in columns], starts, lambda u: self._limits(columns, u), inner, cost)

    def model(self, chosen: np.ndarray, trial: Trial, fit: ScoredFit) -> PropensityModel:
        """The fit with its criterion and its defects."""
        rates = trial.likelihood.rates
        defects = doubts(fit, trial.names, vague(fit.score.information)[1])
        criterion = -2 * fit.score.value + trial.price
        return PropensityModel(chosen, fit, criterion, tuple(defects), rates.columns, rates, trial.likelihood)

    def written(self, model: PropensityModel) -> str:
        """The formulas of a model with four digits."""
        at = {c: sp.Float(v, 4) for c, v in zip(model.columns, model.values, strict=True)}
        return ", ".join(f"{u} = {e}" for u, e in self.fitted.expressions(model.chosen, at).items())

    def _limits(self, columns: Sequence[sp.Symbol], u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(divide="ignore"):
            pairs = np.log([np.maximum(self.fitted.given.get(c, (0.0, np.inf)), 0.0) for c in columns])
        return np.maximum(pairs[:, 0], u - REACH), np.minimum(pairs[:, 1], u + REACH)

    def _starts(self, chosen: np.ndarray, columns: Sequence[sp.Symbol], near: PropensityModel | None) -> Iterator[np.ndarray]:
        """Logarithms to begin with: every unknown function at the level of the model `near`, shared by its terms."""
        known = dict(zip(near.columns, near.values, strict=True)) if near is not None else {}
        levels = self._levels if near is None else self._means(near)
        own = list(map(int, np.flatnonzero(chosen)))
        inner = [c for c in columns if c in self.fitted.starts]
        listed = [(known[c],) if c in known else self.fitted.starts[c] for c in inner]
        factors = FIRST_RATES if near is None else (1.0,)
        shared = {u: sum(self.terms[k].unknown == u for k in own) for u in self.unknowns}
        for factor, *values in itertools.product(factors, *listed):
            at = dict(zip(inner, values, strict=True))
            start = dict(at)
            for k in own:
                unknown = self.terms[k].unknown
                shape = max(self._shape(k, at), 1e-12)
                start[self.fitted.columns[k]] = factor * levels[unknown] / shape / shared[unknown]
            yield np.log([max(float(start[c]), 1e-300) for c in columns])

    def _shape(self, k: int, at: Mapping[sp.Symbol, float]) -> float:
        """A term without coefficient at the typical numbers."""
        place = dict(zip(self.network.states, self.typical, strict=True))
        known = {**self.network.defaults, **at, **place}
        return float(sp.N(self.terms[k].shape.xreplace({s: sp.Float(v) for s, v in known.items()})))

    def _means(self, model: PropensityModel) -> dict[Any, float]:
        """Values of the unknown functions of a model at the typical numbers."""
        at = dict(zip(model.columns, model.values, strict=True))
        levels = dict.fromkeys(self.unknowns, 0.0)
        for k in map(int, np.flatnonzero(model.chosen)):
            levels[self.terms[k].unknown] += at[self.fitted.columns[k]] * self._shape(k, at)
        return {u: max(v, 1e-3 * self.scale) for u, v in levels.items()}

    # ---- many --------------------------------------------------------------------------------------

    def accurate(self) -> bool:
        """Whether the likelihood of the best model stays the same where times are cut into more pieces."""
        best = self.best()[0]
        if best.likelihood.pieces != self.pieces:  # times are not cut
            return True
        finer = self.likelihood(best.rates, 2 * self.pieces).value(best.fit.theta)
        return abs(finer - best.fit.score.value) < INEXACT

    def begin(self, report: Callable[[float], None]) -> None:
        """Exchange the single terms, function after function."""
        owners = [np.flatnonzero([t.unknown == u for t in self.terms]) for u in self.unknowns]
        first = None
        for k in range(max(map(len, owners))):
            chosen = np.zeros(len(self.terms), dtype=bool)
            chosen[[own[min(k, len(own) - 1)] for own in owners]] = True
            first = self.fit(chosen)
            if first is not None:
                break
        if first is None:
            return
        for _ in range(1 + (len(owners) > 1)):
            for own in owners:
                for k in map(int, own):
                    if not self.budget.going():
                        return
                    chosen = self.best()[0].chosen.copy()
                    chosen[own] = False
                    chosen[k] = True
                    self.fit(chosen, first)
                report(0.4)
