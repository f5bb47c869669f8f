"""Which terms the drift and the noise have: subsets by a quadratic model of the likelihood, then by the likelihood itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.discover.diffusions.declared import Declared
from symdyn.discover.diffusions.defects import noise_defects
from symdyn.inference.budget import Budget
from symdyn.inference.criterion import price
from symdyn.inference.increments import Increments
from symdyn.inference.journal import Journal, digest_of
from symdyn.inference.path_likelihood import PathLikelihood
from symdyn.inference.scoring import SINGULAR, ScoredFit
from symdyn.inference.term_search import FittedTerms, TermSearch, Trial, doubts

__all__ = ["DiffusionModel", "DiffusionSearch"]

#: Subsets of the terms of one function that are all looked at, up to so many terms, and those kept.
EXACT, KEPT = 12, 3


@dataclass(frozen=True)
class DiffusionModel(FittedTerms):
    """A fitted diffusion; `theta` (P,) holds all columns, zeros where they take no part, `active` (P,) which do."""

    active: np.ndarray
    theta: np.ndarray


class DiffusionSearch(TermSearch[DiffusionModel]):
    """The search for the terms of drift and noise.

    Parameters
    ----------
    declared : Declared
    data : Increments
    largest : int
        Most terms in a model.
    broken : callable
        What is added to the criterion for chosen terms and columns that break a sign.
    budget : Budget
    journal : Journal, optional
        Stores fits, so that an interrupted search can be resumed.
    """

    RUNS = 8

    def __init__(
        self, declared: Declared, data: Increments, *, largest: int, broken: Callable[[np.ndarray, np.ndarray], float],
        budget: Budget, journal: Journal | None = None,
    ) -> None:  # fmt: skip
        facts = (declared.moments.rates, declared.low, declared.high, data.begin, data.end, data.times, data.gaps)
        context = digest_of("diffusion", *facts)
        necessary = sorted(declared.squares, key=str)
        super().__init__(declared.terms, context, largest=largest, necessary=necessary, budget=budget, journal=journal)
        self.declared, self.data, self.broken, self.steps = declared, data, broken, 1
        n = len(declared.system.states)
        blocks = [("t", (declared.system.time,)), ("y", declared.system.states), ("p", declared.columns)]
        self._variances = lower("noise", blocks, [declared.noise[i, i] for i in range(n)], [""] * n)
        self._square = np.array([t.unknown in declared.squares for t in declared.terms], dtype=bool)
        self._noisy = np.array([declared.noise.has(c) for c in declared.columns], dtype=bool)
        self._about: DiffusionModel | None = None

    # ---- one model ---------------------------------------------------------------------------------

    def likelihood(self, active: np.ndarray, data: Increments | None = None) -> PathLikelihood:
        """That of the active columns, in their order."""
        declared = self.declared
        moments = declared.moments.without([c for c, on in zip(declared.columns, active, strict=True) if not on])
        return PathLikelihood(moments, data or self.data, self.steps)

    def trial(self, chosen: np.ndarray, near: DiffusionModel | None) -> Trial:
        """The likelihood of the model, and starts from which it is fitted."""
        declared, count = self.declared, len(self.terms)
        active = declared.active(chosen)
        starts = [start[active] for start in self._starts(chosen, active, None if near is None else near.theta)]
        low, high = declared.low[active], declared.high[active]
        names = [str(c) for c, on in zip(declared.columns, active, strict=True) if on]
        inner = [k for k, c in enumerate(np.flatnonzero(active)) if c >= count]
        return Trial(self.likelihood(active), names, starts, lambda u: (low, high), inner, self.price(chosen))

    def price(self, chosen: np.ndarray) -> float:
        """What the terms and columns of a model cost."""
        active = self.declared.active(chosen)
        noisy = int((active & self._noisy).sum())
        groups = [(noisy, self.data.count), (int(active.sum()) - noisy, self.data.independent)]
        orders = int(self.orders[chosen].sum())
        return price(groups, terms=int(chosen.sum()), library=len(chosen), data=self.data.count, orders=orders)

    def model(self, chosen: np.ndarray, trial: Trial, fit: ScoredFit) -> DiffusionModel:
        """The fit with its criterion and its defects."""
        active = self.declared.active(chosen)
        theta = np.zeros(len(active))
        theta[active] = fit.theta
        defects = [] if fit.abandoned else noise_defects(trial.likelihood, fit.theta)
        own = {*self.declared.columns[: len(chosen)], *(c for t in self.terms for c in t.constants)}
        gone = [str(c) for c, on, v in zip(self.declared.columns, active, theta, strict=True) if on and v == 0 and c in own]
        defects += [f"a constant of its terms vanishes: {', '.join(gone)}"] if gone else []
        defects += doubts(fit, trial.names)
        criterion = -2 * fit.score.value + trial.price + self.broken(chosen, theta)
        return DiffusionModel(chosen, fit, criterion, tuple(defects), active, theta)

    def written(self, model: DiffusionModel) -> str:
        """The formulas of a model with four digits."""
        declared = self.declared
        values = declared.rooted(model.chosen, model.theta)
        at = {c: sp.Float(v, 4) for c, v in zip(declared.columns, values, strict=True)}
        return ", ".join(f"{u} = {e.xreplace(at)}" for u, e in declared.formulas(model.chosen, at).items())

    def _starts(self, chosen: np.ndarray, active: np.ndarray, near: np.ndarray | None) -> Iterator[np.ndarray]:
        """Values to begin with: those of a model near by, and the noise by non-negative regression of squares."""
        count = len(chosen)
        inner = np.flatnonzero(active[count:])
        guesses = self.declared.guesses if inner.size else self.declared.guesses[:1]
        if near is not None:
            new = near.copy()
            fresh = active & (near == 0)
            fresh[:count] = False
            new[fresh] = self.declared.guesses[0][fresh]
            yield self._with_noise(chosen, new, keep=bool((near[:count] != 0)[chosen & self._square].all()))
            if not inner.size or not fresh.any():
                return
        for guess in guesses:
            yield self._with_noise(chosen, guess.copy(), keep=False)

    def _with_noise(self, chosen: np.ndarray, theta: np.ndarray, *, keep: bool) -> np.ndarray:
        """Columns in which the terms of the noise explain equal shares of the squares of the increments, unless it is kept.

        Terms that are negative somewhere explain nothing, if there are others.
        """
        count = len(chosen)
        theta[:count] = np.where(chosen, theta[:count], 0.0)
        own = np.flatnonzero(chosen & self._noisy[:count])
        if keep or not own.size:
            return theta
        theta[own] = 0.0
        base, square = self._diagonal(theta), self._square[own]
        rows = np.array([self._diagonal(np.where(np.arange(len(theta)) == k, 1.0, theta)) - base for k in own])
        squares = ((self.data.end - self.data.begin) ** 2 / self.data.gaps).mean(axis=1, keepdims=True)
        squares = np.maximum(squares, 1e-12 * squares.max() or 1.0)  # of each state, as states differ in size
        rows = np.nan_to_num((rows / squares).reshape(len(own), -1), posinf=0.0, neginf=0.0)
        signs = np.where((rows >= 0).all(axis=1), 1.0, np.where((rows <= 0).all(axis=1), -1.0, 0.0))
        weights = np.abs(signs) if signs.any() else np.ones(len(own))
        sizes = np.sqrt(np.mean(rows**2, axis=1))
        share = weights / weights.sum() / np.where(sizes > 0, sizes, 1.0)
        theta[own] = np.where(square, np.where(signs == 0, 1.0, signs) * share, np.sqrt(share))
        return theta

    def _diagonal(self, theta: np.ndarray) -> np.ndarray:
        found = evaluate(self._variances, [self.data.times], list(self.data.begin), list(theta))
        return np.stack([np.broadcast_to(v, self.data.times.shape) for v in found])

    # ---- many --------------------------------------------------------------------------------------

    def begin(self, report: Callable[[float], None]) -> None:
        """Fit the plainest model, everything at once, and the best subsets."""
        alone = self._alone()
        plain = next((c for c in (a & self._square for a in alone) if self.fit(c) is not None), None)
        reference = self._reference(alone)
        report(0.3)
        if plain is not None:
            self.fit(plain)
        if reference is None:
            return
        self._own(reference)
        for chosen in self._beginnings(reference):
            if self.budget.going():
                self.fit(chosen, self.nearest(chosen))

    def _alone(self) -> list[np.ndarray]:
        """All terms of the drift with one term of each noise, those that explain the data best first."""
        groups = [np.flatnonzero([t.unknown == u for t in self.terms]) for u in self.necessary]
        tried = []
        for alone in itertools.islice(itertools.product(*groups), 64):
            chosen = ~self._square
            chosen[list(alone)] = True
            active = self.declared.active(chosen)
            start = next(self._starts(chosen, active, None))[active]
            tried.append((self.likelihood(active).value(start), chosen))
        return [chosen for _, chosen in sorted(tried, key=lambda pair: -pair[0])]

    def _reference(self, alone: list[np.ndarray]) -> DiffusionModel | None:
        """The model with all terms; where the noise cannot have them all at once, with one term of each noise."""
        every = np.ones(len(self.terms), dtype=bool)
        found = next((m for m in (self.fit(chosen) for chosen in alone if self.budget.going()) if m is not None), None)
        if found is None:
            return self.fit(every, thorough=True) if self.budget.going() else None
        steps = self.likelihood(found.active).steps_for(found.theta[found.active])
        if steps > self.steps and self.budget.going():
            self.steps, self.visited, self.context = steps, {}, digest_of(self.context, steps)
            found = self.fit(found.chosen, found, thorough=True) or found
        full = self.fit(every, thorough=True) if self.necessary else found
        return full if full is not None and full.fit.converged else found

    def forecast(self, chosen: np.ndarray) -> float:
        """The criterion that the quadratic model promises; a term that it does not have gains nothing."""
        about, price = self._about, self.price(chosen)
        if about is None:
            return price
        out = np.flatnonzero(about.chosen & ~chosen)
        loss = 0.0
        if out.size:
            theta = about.theta[out]
            loss = float(theta @ np.linalg.lstsq(self._spread[np.ix_(out, out)], theta, rcond=None)[0])
        return -2 * about.fit.score.value + loss + price

    def _own(self, reference: DiffusionModel) -> None:
        """Keep the quadratic model of the likelihood about a fit with many terms."""
        score = reference.fit.score
        size = np.sqrt(np.maximum(np.diag(score.information), 1e-300))
        scaled = score.information / np.outer(size, size) + SINGULAR * np.eye(len(size))
        inner = np.linalg.inv(scaled) / np.outer(size, size)
        self._spread = np.zeros((len(reference.active), len(reference.active)))
        self._spread[np.ix_(reference.active, reference.active)] = inner
        self._about = reference

    def _beginnings(self, reference: DiffusionModel) -> list[np.ndarray]:
        """The best subsets of the terms of each function, by the quadratic model, put together."""
        about, best = reference.chosen, []
        for u in dict.fromkeys(t.unknown for t in self.terms):
            own = np.flatnonzero(np.array([t.unknown == u for t in self.terms]) & about)
            rows = []
            for subset in self._subsets(own, about, nonempty=u in self.necessary):
                chosen = about.copy()
                chosen[own] = False
                chosen[subset] = True
                rows.append((self.forecast(chosen), subset))
            best.append([s for _, s in sorted(rows, key=lambda r: r[0])[:KEPT]])
        found = []
        for place in [None, *((i, j) for i, b in enumerate(best) for j in range(1, len(b)))]:
            chosen = np.zeros(len(self.terms), dtype=bool)
            for i, b in enumerate(best):
                chosen[b[place[1] if place is not None and place[0] == i else 0]] = True
            found.append(self._within(chosen))
        for k, term in enumerate(self.terms):  # what constants inside a term do, no quadratic model tells
            if term.constants:
                alone = found[0].copy()
                alone[[t.unknown == term.unknown for t in self.terms]] = False
                alone[k] = True
                found.append(self._within(alone))
        return found

    def _within(self, chosen: np.ndarray) -> np.ndarray:
        """A choice without the terms that are missed least, until it is allowed."""
        while chosen.sum() > self.largest:
            fewer = [chosen & (np.arange(len(chosen)) != k) for k in np.flatnonzero(chosen)]
            chosen = min(filter(self.has_necessary, fewer), key=self.forecast)
        return chosen

    def _subsets(self, own: np.ndarray, about: np.ndarray, *, nonempty: bool) -> Iterator[np.ndarray]:
        """Subsets of the terms of a function: all, or those left by dropping the least one after another."""
        if len(own) <= EXACT:
            for k in range(int(nonempty), len(own) + 1):
                yield from (np.array(s, dtype=int) for s in itertools.combinations(own, k))
            return
        left = list(own)
        while len(left) > int(nonempty):
            yield np.array(left)
            prices = []
            for k in left:
                chosen = about.copy()
                chosen[own] = False
                chosen[[i for i in left if i != k]] = True
                prices.append(self.forecast(chosen))
            left.pop(int(np.argmin(prices)))
        yield np.array(left, dtype=int)
