"""Which terms the drift and the noise have: subsets by a quadratic model of the likelihood, then by the likelihood itself."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.discover.diffusions.declared import Declared
from symdyn.discover.diffusions.increments import Increments
from symdyn.discover.diffusions.likelihood import PathLikelihood
from symdyn.discover.scoring import SINGULAR, Score, ScoredFit, maximise

__all__ = ["DiffusionModel", "DiffusionSearch"]

#: Subsets of the terms of one function that are all looked at, up to so many terms; those kept; fits in a round; rounds.
EXACT, KEPT, MOST_FITS, ROUNDS = 12, 3, 12, 20
#: A model is fitted, and that to the end, if its criterion is predicted to be within this of the best.
WINDOW = 12.0


@dataclass(frozen=True)
class DiffusionModel:
    """Chosen terms (K,), fitted; `theta` (P,) holds all columns, zeros where they take no part."""

    chosen: np.ndarray
    active: np.ndarray
    theta: np.ndarray
    fit: ScoredFit
    criterion: float


class DiffusionSearch:
    """The search for terms.

    Parameters
    ----------
    declared : Declared
    data : Increments
    largest : int
        Most terms in a model.
    broken : callable
        What is added to the criterion for chosen terms and columns that break a sign.
    deadline : float or None
        Of `time.monotonic`.
    """

    def __init__(
        self, declared: Declared, data: Increments, *, largest: int, broken: Callable[[np.ndarray, np.ndarray], float],
        deadline: float | None,
    ) -> None:  # fmt: skip
        self.declared, self.data, self.largest, self.broken, self.deadline = declared, data, largest, broken, deadline
        self.visited: dict[bytes, DiffusionModel | None] = {}
        self.steps = 1
        self.evaluations = 0
        n = len(declared.system.states)
        blocks = [("t", (declared.system.time,)), ("y", declared.system.states), ("p", declared.columns)]
        self._variances = lower("noise", blocks, [declared.noise[i, i] for i in range(n)], [""] * n)
        self._square = np.array([t.unknown in declared.squares for t in declared.terms], dtype=bool)
        self._noisy = np.array([declared.noise.has(c) for c in declared.columns[: len(declared.terms)]], dtype=bool)

    @property
    def spent(self) -> bool:
        """Whether the time is over."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def ranked(self) -> list[DiffusionModel]:
        """Models by criterion, the best first."""
        return sorted((m for m in self.visited.values() if m is not None), key=lambda m: m.criterion)

    # ---- one model ---------------------------------------------------------------------------------

    def likelihood(self, active: np.ndarray, data: Increments | None = None) -> PathLikelihood:
        """That of the active columns, in their order."""
        declared = self.declared
        moments = declared.moments.without([c for c, on in zip(declared.columns, active, strict=True) if not on])
        return PathLikelihood(moments, data or self.data, self.steps)

    def fit(self, chosen: np.ndarray, near: np.ndarray | None = None, *, whole: bool = False) -> DiffusionModel | None:
        """The model with the terms `chosen`, fitted once; None if it makes the data impossible.

        One that cannot come near the best is not fitted to the end, unless it is the `whole` to compare with.
        """
        key = chosen.tobytes()
        if key in self.visited:
            return self.visited[key]
        declared = self.declared
        active = declared.active(chosen)
        likelihood, best = self.likelihood(active), None
        leader = min((m.criterion for m in self.visited.values() if m is not None), default=np.inf)
        worth = 0.5 * (self._price(chosen, active) - leader - WINDOW) if not whole else -np.inf
        for start in self._starts(chosen, active, near):
            low, high = declared.low[active], declared.high[active]
            found = maximise(likelihood, start[active], low=low, high=high, worth=worth)
            if np.isfinite(found.score.value) and (best is None or found.score.value > best.score.value + 1e-6):
                best = found
        self.evaluations += likelihood.evaluations
        model = None
        if best is not None:
            theta = np.zeros(len(declared.columns))
            theta[active] = best.theta
            model = DiffusionModel(chosen, active, theta, best, self._criterion(chosen, active, theta, best.score))
        self.visited[key] = model
        return model

    def _criterion(self, chosen: np.ndarray, active: np.ndarray, theta: np.ndarray, score: Score) -> float:
        return -2 * score.value + self._price(chosen, active) + self.broken(chosen, theta)

    def _price(self, chosen: np.ndarray, active: np.ndarray) -> float:
        r"""What the terms cost: :math:`k \log N + 2 q \log Q`, as in `symdyn.discover.selection.criterion`."""
        return float(active.sum() * np.log(self.data.count) + 2 * chosen.sum() * np.log(max(len(chosen), 1)))

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
        """Coefficients of the noise such that it explains the squares of the increments."""
        count = len(chosen)
        theta[:count] = np.where(chosen, theta[:count], 0.0)
        own = np.flatnonzero(chosen & self._noisy)
        if keep or not own.size:
            return theta
        data = self.data
        squares = (data.end - data.begin) ** 2 / data.gaps
        theta[own] = 0.0
        base = self._diagonal(theta)
        weight = 1 / np.maximum(squares.mean(axis=1, keepdims=True), 1e-300)
        design = []
        for k in own:
            theta[k] = 1.0
            design.append(((self._diagonal(theta) - base) * weight).ravel())
            theta[k] = 0.0
        usable = [np.isfinite(d).all() and np.abs(d).max() > 0 for d in design]
        if not all(usable):
            theta[own] = np.sqrt(1 / weight.mean())
            return theta
        sizes = np.array([np.sqrt((d**2).mean()) for d in design])
        target = ((squares - base) * weight).ravel()
        found = nnls(np.stack(design, axis=1) / sizes, target)[0] / sizes
        theta[own] = np.where(self._square[own], found, np.sqrt(found))
        return theta

    def _diagonal(self, theta: np.ndarray) -> np.ndarray:
        found = evaluate(self._variances, [self.data.times], list(self.data.begin), list(theta))
        return np.stack([np.broadcast_to(v, self.data.times.shape) for v in found])

    # ---- many --------------------------------------------------------------------------------------

    def run(self, report: Callable[[float], None]) -> None:
        """Fit everything at once, then the best subsets, then what differs from the best by a term."""
        reference = self._reference()
        if reference is None:
            return
        report(0.3)
        self._own(reference)
        for chosen in self._beginnings():
            if not self.spent:
                self.fit(chosen, self._near(chosen))
        report(0.6)
        for k in range(ROUNDS):
            best = self.ranked()[0]
            fresh = [c for c in self._neighbours(best.chosen) if c.tobytes() not in self.visited]
            predicted = np.array([self._predicted(c) for c in fresh])
            base = self._predicted(best.chosen)
            order = [i for i in np.argsort(predicted, kind="stable") if predicted[i] < base + WINDOW][:MOST_FITS]
            for i in order:
                if self.spent:
                    return
                self.fit(fresh[i], self._near(fresh[i]))
            report(min(0.95, 0.6 + 0.1 * k))
            if self.ranked()[0] is best:
                return

    def _reference(self) -> DiffusionModel | None:
        """The model with all terms; where the noise cannot have them all at once, with one term of each noise."""
        declared, count = self.declared, len(self.declared.terms)
        every = np.ones(count, dtype=bool)
        first = every & ~self._square
        groups = [np.flatnonzero([t.unknown == u for t in declared.terms]) for u in sorted(declared.squares, key=str)]
        tried = []
        for alone in itertools.islice(itertools.product(*groups), 64):
            chosen = first.copy()
            chosen[list(alone)] = True
            active = declared.active(chosen)
            start = next(self._starts(chosen, active, None))[active]
            tried.append((self.likelihood(active).value(start), chosen))
        found = None
        for _, chosen in sorted(tried, key=lambda pair: -pair[0]):
            found = self.fit(chosen)
            if found is not None:
                break
        if found is None:
            return self.fit(every, whole=True)
        steps = self.likelihood(found.active).steps_for(found.theta[found.active])
        if steps > self.steps:
            self.steps, self.visited = steps, {}
            found = self.fit(found.chosen, found.theta, whole=True)
        whole = self.fit(every, whole=True) if groups else found
        return whole if whole is not None and whole.fit.converged else found

    def _own(self, reference: DiffusionModel) -> None:
        """Keep the quadratic model of the likelihood about a fit with many terms."""
        score = reference.fit.score
        size = np.sqrt(np.maximum(np.diag(score.information), 1e-300))
        scaled = score.information / np.outer(size, size) + SINGULAR * np.eye(len(size))
        inner = np.linalg.inv(scaled) / np.outer(size, size)
        self._spread = np.zeros((len(reference.active), len(reference.active)))
        self._spread[np.ix_(reference.active, reference.active)] = inner
        self._about = reference

    def _predicted(self, chosen: np.ndarray) -> float:
        """The criterion that the quadratic model promises; a term that it does not have gains nothing."""
        about = self._about
        out = np.flatnonzero(about.chosen & ~chosen)
        loss = 0.0
        if out.size:
            theta = about.theta[out]
            loss = float(theta @ np.linalg.lstsq(self._spread[np.ix_(out, out)], theta, rcond=None)[0])
        return -2 * about.fit.score.value + loss + self._price(chosen, self.declared.active(chosen))

    def _near(self, chosen: np.ndarray) -> np.ndarray:
        """Columns of the fitted model that differs least from `chosen`; of several the best."""
        close = min(self.ranked(), key=lambda m: (int((m.chosen != chosen).sum()), m.criterion))
        return close.theta

    def _beginnings(self) -> list[np.ndarray]:
        """The best subsets of the terms of each function, by the quadratic model, put together."""
        declared = self.declared
        unknowns = list(dict.fromkeys(t.unknown for t in declared.terms))
        about, best = self._about.chosen, []
        for u in unknowns:
            own = np.flatnonzero(np.array([t.unknown == u for t in declared.terms]) & about)
            rows = []
            for subset in self._subsets(own, nonempty=u in declared.squares):
                chosen = about.copy()
                chosen[own] = False
                chosen[subset] = True
                rows.append((self._predicted(chosen), subset))
            best.append([s for _, s in sorted(rows, key=lambda r: r[0])[:KEPT]])
        found = []
        for place in [None, *((i, j) for i, b in enumerate(best) for j in range(1, len(b)))]:
            chosen = np.zeros(len(declared.terms), dtype=bool)
            for i, b in enumerate(best):
                chosen[b[place[1] if place is not None and place[0] == i else 0]] = True
            if chosen.sum() <= self.largest:
                found.append(chosen)
        for k, term in enumerate(declared.terms):  # what constants inside a term do, no quadratic model tells
            if term.constants:
                alone = found[0].copy() if found else about.copy()
                alone[[t.unknown == term.unknown for t in declared.terms]] = False
                alone[k] = True
                found.append(alone)
        return found or [about]

    def _subsets(self, own: np.ndarray, *, nonempty: bool) -> Iterator[np.ndarray]:
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
                chosen = self._about.chosen.copy()
                chosen[own] = False
                chosen[[i for i in left if i != k]] = True
                prices.append(self._predicted(chosen))
            left.pop(int(np.argmin(prices)))
        yield np.array(left, dtype=int)

    def _neighbours(self, chosen: np.ndarray) -> Iterator[np.ndarray]:
        """Models with a term more, one less, or one of a function exchanged for another."""
        terms = self.declared.terms
        for k in range(len(chosen)):
            new = chosen.copy()
            new[k] = ~new[k]
            yield new
        for i, m in itertools.product(map(int, np.flatnonzero(chosen)), map(int, np.flatnonzero(~chosen))):
            if terms[i].unknown == terms[m].unknown:
                new = chosen.copy()
                new[i], new[m] = False, True
                yield new
