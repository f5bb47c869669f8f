"""Which shape the unknown propensities have: one term each first, then further ones."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdyn.derive.sensitivities import fresh_symbol
from symdyn.discover.candidates import LibraryTerm
from symdyn.discover.propensities.rates import Rates
from symdyn.discover.scoring import ScoredFit, maximise
from symdyn.models.reactions import ReactionNetwork

__all__ = ["PropensityModel", "PropensitySearch"]

#: Overall rates, in units of the typical numbers over the time of the data, with which the first model is tried.
FIRST_RATES = (0.1, 1.0, 10.0, 100.0)
#: Starts from which a model is fitted, of those tried; models whose neighbours are looked at; rounds.
RUNS, BEAM, ROUNDS = 2, 2, 4
#: A model whose criterion stays further from the best than this is not fitted to the end.
WINDOW = 10.0
#: Bounds of the logarithms of constants about where they begin.
REACH = 14.0


@dataclass(frozen=True)
class PropensityModel:
    """Chosen terms (K,), the constants `columns` (P,) and their logarithms in `fit`."""

    chosen: np.ndarray
    columns: tuple[sp.Symbol, ...]
    rates: Rates
    likelihood: Any
    fit: ScoredFit
    criterion: float

    @property
    def values(self) -> np.ndarray:
        """The constants."""
        return np.exp(self.fit.theta)


class PropensitySearch:
    """The search for terms.

    Parameters
    ----------
    network : ReactionNetwork
        With unknown functions.
    terms : sequence of LibraryTerm
    likelihood : callable
        From the rates of a model to its likelihood.
    free : mapping of Symbol to tuple of float
        Parameters of the network that are fitted jointly, with initial guesses.
    size : int
        How many independent data there are.
    scale : float
        A typical propensity: numbers over the time of the data.
    typical : (1, species) float64
    bounds : mapping of Symbol to pair
    largest : int
        Most terms of a model.
    deadline : float or None
    """

    def __init__(
        self, network: ReactionNetwork, terms: Sequence[LibraryTerm], likelihood: Callable[[Rates], Any], *,
        free: Mapping[sp.Symbol, Sequence[float]], size: int, scale: float, typical: np.ndarray,
        bounds: Mapping[sp.Symbol, tuple[float, float]], largest: int, deadline: float | None,
    ) -> None:  # fmt: skip
        self.network, self.terms, self.likelihood, self.free = network, tuple(terms), likelihood, dict(free)
        self.size, self.scale, self.typical, self.bounds = size, scale, typical, bounds
        self.largest, self.deadline = largest, deadline
        taken = {s.name for s in (*network.states, *network.parameters, network.time)}
        taken |= {c.name for t in terms for c in t.constants}
        self.coefficients = tuple(fresh_symbol(f"{t.unknown.func.__name__}_{k}", taken) for k, t in enumerate(terms))
        self.unknowns = tuple(dict.fromkeys(t.unknown for t in terms))
        self.visited: dict[bytes, PropensityModel | None] = {}
        self.evaluations = 0
        self._levels: dict[Any, float] = dict.fromkeys(self.unknowns, scale)

    @property
    def spent(self) -> bool:
        """Whether the time is over."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def ranked(self) -> list[PropensityModel]:
        """Models by criterion, the best first."""
        return sorted((m for m in self.visited.values() if m is not None), key=lambda m: m.criterion)

    # ---- one model ---------------------------------------------------------------------------------

    def filled(self, chosen: np.ndarray) -> tuple[ReactionNetwork, tuple[sp.Symbol, ...]]:
        """The network with the terms `chosen`, and the constants that are fitted."""
        own = np.flatnonzero(chosen)
        formulas = {
            u: sp.Add(*(self.coefficients[k] * self.terms[k].shape for k in own if self.terms[k].unknown == u))
            for u in self.unknowns
        }
        inside = dict.fromkeys(c for k in own for c in self.terms[k].constants)
        return self.network.with_terms(formulas), (*(self.coefficients[k] for k in own), *inside, *self.free)

    def fit(self, chosen: np.ndarray, near: PropensityModel | None) -> PropensityModel | None:
        """The model with the terms `chosen`, fitted once; None if it makes the data impossible."""
        key = chosen.tobytes()
        if key in self.visited:
            return self.visited[key]
        network, columns = self.filled(chosen)
        rates = Rates(network, columns)
        likelihood = self.likelihood(rates)
        tried = sorted(
            ((likelihood.value(u), k, u) for k, u in enumerate(self._starts(chosen, columns, near))),
            key=lambda r: (-r[0], r[1]),
        )
        self.evaluations += len(tried)
        price = len(columns) * np.log(self.size) + 2 * chosen.sum() * np.log(max(len(chosen), 1))
        leader = min((m.criterion for m in self.visited.values() if m is not None), default=np.inf)
        best = None
        for u in self._apart(tried, [columns.index(c) for c in columns if any(c in t.constants for t in self.terms)]):
            low, high = self._limits(columns, u)
            found = maximise(likelihood, np.clip(u, low, high), low=low, high=high, worth=0.5 * (price - leader - WINDOW))
            if best is None or found.score.value > best.score.value + 1e-6:
                best = found
        model = None
        if best is not None:
            model = PropensityModel(chosen, columns, rates, likelihood, best, float(-2 * best.score.value + price))
        self.visited[key] = model
        return model

    @staticmethod
    def _apart(tried: Sequence[tuple[float, int, np.ndarray]], inner: Sequence[int]) -> list[np.ndarray]:
        """The best starts, no two with the same constants inside terms if there are any."""
        found: list[np.ndarray] = []
        for value, _, u in tried:
            if np.isfinite(value) and len(found) < RUNS and not any(inner and (u[inner] == v[inner]).all() for v in found):
                found.append(u)
        return found

    def _limits(self, columns: Sequence[sp.Symbol], u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(divide="ignore"):
            pairs = np.log([np.maximum(self.bounds.get(c, (0.0, np.inf)), 0.0) for c in columns])
        return np.maximum(pairs[:, 0], u - REACH), np.minimum(pairs[:, 1], u + REACH)

    def _starts(self, chosen: np.ndarray, columns: Sequence[sp.Symbol], near: PropensityModel | None) -> Iterator[np.ndarray]:
        """Logarithms to begin with: every unknown function at the level of the model `near`, shared by its terms."""
        known = dict(zip(near.columns, near.values, strict=True)) if near is not None else {}
        levels = self._levels if near is None else self._means(near)
        own = list(map(int, np.flatnonzero(chosen)))
        inside = list(dict.fromkeys(c for k in own for c in self.terms[k].constants))
        listed = [self._values(c, known) for c in inside]
        free = [(known[p],) if p in known else tuple(v) for p, v in self.free.items()]
        factors = FIRST_RATES if near is None else (1.0,)
        shared = {u: sum(self.terms[k].unknown == u for k in own) for u in self.unknowns}
        for factor, *values in itertools.product(factors, *listed, *free):
            at = dict(zip((*inside, *self.free), values, strict=True))
            start = dict(at)
            for k in own:
                unknown = self.terms[k].unknown
                shape = max(self._shape(k, at), 1e-12)
                start[self.coefficients[k]] = factor * levels[unknown] / shape / shared[unknown]
            yield np.log([max(float(start[c]), 1e-300) for c in columns])

    def _values(self, constant: sp.Symbol, known: Mapping[sp.Symbol, float]) -> tuple[float, ...]:
        first = next(t.constants[constant] for t in self.terms if constant in t.constants)
        return (known[constant],) if constant in known else tuple(first)

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
            levels[self.terms[k].unknown] += at[self.coefficients[k]] * self._shape(k, at)
        return {u: max(v, 1e-3 * self.scale) for u, v in levels.items()}

    # ---- many --------------------------------------------------------------------------------------

    def run(self, report: Callable[[float], None]) -> None:
        """Exchange the single terms, function after function, then add, drop and exchange about the best."""
        owners = [np.flatnonzero([t.unknown == u for t in self.terms]) for u in self.unknowns]
        first = np.zeros(len(self.terms), dtype=bool)
        for own in owners:
            first[own[0]] = True
        best = self.fit(first, None)
        for k in () if best is not None else range(1, max(map(len, owners))):
            other = np.zeros(len(self.terms), dtype=bool)
            other[[own[min(k, len(own) - 1)] for own in owners]] = True
            best = best or self.fit(other, None)
        if best is None:
            return
        for _ in range(1 + (len(owners) > 1)):
            for own in owners:
                for k in map(int, own):
                    if self.spent:
                        return
                    chosen = self.ranked()[0].chosen.copy()
                    chosen[own] = False
                    chosen[k] = True
                    self.fit(chosen, best)
                report(0.4)
        for _ in range(ROUNDS):
            before = self.ranked()[0]
            for model in self.ranked()[:BEAM]:
                for chosen in self._neighbours(model.chosen):
                    if self.spent:
                        return
                    self.fit(chosen, model)
            report(0.8)
            if self.ranked()[0] is before:
                return

    def _neighbours(self, chosen: np.ndarray) -> Iterator[np.ndarray]:
        """One term more, or one less where its function keeps another."""
        for k in range(len(chosen)):
            new = chosen.copy()
            new[k] = ~new[k]
            kept = {self.terms[i].unknown for i in np.flatnonzero(new)}
            if len(kept) == len(self.unknowns) and new.sum() <= self.largest:
                yield new
