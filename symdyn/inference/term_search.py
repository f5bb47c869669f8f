"""The search for the terms of a likelihood with scores: each model is fitted once, and the best exchange terms.

Both searches with likelihoods use it, that of diffusions and that of networks.  What differs is how a model is fitted, which
models the climb begins with, and what is a defect.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np

from symdyn.errors import RecoveryError
from symdyn.inference.budget import Budget
from symdyn.inference.criterion import order
from symdyn.inference.journal import Journal
from symdyn.inference.parameters import LibraryTerm
from symdyn.inference.scoring import Score, ScoredFit, maximise, sandwich

__all__ = ["FittedTerms", "TermSearch", "Trial", "doubts", "searched"]

#: Models with a defect that a note names.
NAMED = 3


Model = TypeVar("Model", bound="FittedTerms")


@dataclass(frozen=True)
class Trial:
    """A model that is to be fitted: a `symdyn.inference.scoring.Likelihood`, the names of its P parameters, and where to begin.

    `limits` go from a start (P,) to the smallest and largest parameters.  Starts that differ in none of the parameters `inner`,
    those inside terms, lead to the same optimum.  The `price` is added to minus twice the log-likelihood.
    """

    likelihood: Any
    names: Sequence[str]
    starts: Sequence[np.ndarray]
    limits: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    inner: Sequence[int]
    price: float


@dataclass(frozen=True)
class FittedTerms:
    """A choice of terms (K,), fitted; `defects` say why it is no answer: it is ranked after all models without one."""

    chosen: np.ndarray
    fit: ScoredFit
    criterion: float
    defects: tuple[str, ...]


class TermSearch(ABC, Generic[Model]):
    """Models of terms by an information criterion.

    Parameters
    ----------
    terms : sequence of LibraryTerm
    context : str
        Stands for everything that the fits depend on: data, library, bounds.
    largest : int
        Most terms of a model.
    necessary : sequence of AppliedUndef
        Unknown functions that have a term in every model.
    budget, journal : Budget, Journal
        While a limit leaves time the search goes on with more starts and more neighbours.

    Attributes
    ----------
    visited : dict of bytes to Model or None
        Fitted models by their terms; None if they make the data impossible.
    level : int
        How far the search went on, see `symdyn.inference.budget`.
    complete : bool
        Whether the first level ended.

    Raises
    ------
    RecoveryError
        If `largest` leaves no term for one of the functions that need one.
    """

    #: A model is fitted to the end if its criterion is within this of the best, at the first level.
    WINDOW = 12.0
    #: Starts from which a model is fitted; models whose neighbours are fitted, and the most of those; rounds of a level.
    RUNS, BEAM, MOST_FITS, ROUNDS = 2, 1, 12, 20

    def __init__(
        self, terms: Sequence[LibraryTerm], context: str, *, largest: int, necessary: Sequence[Any],
        budget: Budget, journal: Journal | None = None,
    ) -> None:  # fmt: skip
        if largest < len(necessary):
            needy = ", ".join(map(str, necessary))
            raise RecoveryError(f"largest is {largest}, but {needy} need a term each; expected {len(necessary)} or more")
        self.terms, self.context = tuple(terms), context
        self.orders = np.array([order(t.shape, t.unknown.free_symbols) for t in terms], dtype=int)
        self.largest, self.necessary, self.budget = largest, tuple(necessary), budget
        self.journal = Journal() if journal is None else journal
        self.visited: dict[bytes, Model | None] = {}
        self.evaluations, self.level, self.complete = 0, 0, False

    def best(self) -> list[Model]:
        """Models by criterion, those with a defect last."""
        return sorted((m for m in self.visited.values() if m is not None), key=lambda m: (bool(m.defects), m.criterion))

    def ranked(self) -> list[Model]:
        """The same for a result: where there is a model without a defect, those with one have no weight."""
        models = self.best()
        if not models or models[0].defects:
            return models
        return [replace(m, criterion=np.inf) if m.defects else m for m in models]

    def allowed(self, chosen: np.ndarray) -> bool:
        """Whether a model may have the terms `chosen`."""
        return chosen.sum() <= self.largest and self.has_necessary(chosen)

    def has_necessary(self, chosen: np.ndarray) -> bool:
        """Whether every function that needs a term has one."""
        return {self.terms[k].unknown for k in np.flatnonzero(chosen)}.issuperset(self.necessary)

    # ---- one model ---------------------------------------------------------------------------------

    @abstractmethod
    def trial(self, chosen: np.ndarray, near: Model | None) -> Trial:
        """How the model with the terms `chosen` is fitted, beginning at one that is `near`."""

    @abstractmethod
    def model(self, chosen: np.ndarray, trial: Trial, fit: ScoredFit) -> Model:
        """A fit as a model: its criterion, and its defects beside those of `doubts`."""

    @abstractmethod
    def written(self, model: Model) -> str:
        """The formulas of a model, for a note."""

    def fit(self, chosen: np.ndarray, near: Model | None = None, *, thorough: bool = False) -> Model | None:
        """The model with the terms `chosen`, fitted once; None if it makes the data impossible.

        One that cannot come near the best is not fitted to the end, unless the fit is `thorough`.  One with terms that are not
        allowed is fitted for comparison alone, and not ranked.
        """
        key = chosen.tobytes()
        if key in self.visited:
            return self.visited[key]
        trial = self.trial(chosen, near)
        leading = min((m.criterion for m in self.visited.values() if m is not None and not m.defects), default=np.inf)
        found = self._fitted(trial, -np.inf if thorough else 0.5 * (trial.price - leading - self.reach))
        if found is not None and not found.converged and not self.budget.going() and any(self.visited.values()):
            return None  # cut short, while there are better ones
        model = None if found is None else self.model(chosen, trial, found)
        if self.allowed(chosen):
            self.visited[key] = model
        return model

    def _fitted(self, trial: Trial, needed: float) -> ScoredFit | None:
        """The best of the fits from the best starts, of which the journal may know."""

        def compute() -> tuple[np.ndarray, ...]:
            tried = [(trial.likelihood.value(u), k, u) for k, u in enumerate(trial.starts)]
            self.evaluations += len(tried)
            best: ScoredFit | None = None
            for u in self._apart(sorted(tried, key=lambda r: (-r[0], r[1])), trial.inner):
                low, high = trial.limits(u)
                found = maximise(trial.likelihood, u, low=low, high=high, needed=needed, going=self.budget.going)
                self.evaluations += found.evaluations
                if np.isfinite(found.score.value) and (best is None or found.score.value > best.score.value + 1e-6):
                    best = found
            if best is None:
                return (np.zeros(0),)
            score, flags = best.score, np.array([best.converged, best.abandoned])
            return best.theta, np.array(score.value), score.gradient, score.information, score.outer, flags

        key = (self.context, *trial.names, *trial.starts, needed, self.runs)
        found = self.journal(key, compute, keep=self.budget.going)
        if len(found) == 1:
            return None
        theta, value, gradient, information, outer, flags = found
        return ScoredFit(theta, Score(float(value), gradient, information, outer), bool(flags[0]), bool(flags[1]))

    @property
    def reach(self) -> float:
        """Distance in the criterion from the best, up to which models are fitted to the end."""
        return self.WINDOW * 2**self.level

    @property
    def beam(self) -> int:
        """Models whose neighbours are fitted."""
        return self.BEAM * 2**self.level

    @property
    def runs(self) -> int:
        """Starts from which a model is fitted."""
        return self.RUNS * 2**self.level

    def _apart(self, tried: Sequence[tuple[float, int, np.ndarray]], inner: Sequence[int]) -> list[np.ndarray]:
        """The best starts, no two with the same constants inside terms if there are any."""
        found: list[np.ndarray] = []
        for value, _, u in tried:
            if np.isfinite(value) and len(found) < self.runs and not any(inner and (u[inner] == v[inner]).all() for v in found):
                found.append(u)
        return found

    # ---- many --------------------------------------------------------------------------------------

    def forecast(self, chosen: np.ndarray) -> float:
        """The criterion that a model is expected to have; models far above the best are not fitted."""
        return -np.inf

    def accurate(self) -> bool:
        """Whether the likelihood is accurate enough for the search to go on with it, while time is left."""
        return True

    @abstractmethod
    def begin(self, report: Callable[[float], None]) -> None:
        """Fit the models from which the climb begins."""

    def run(self, report: Callable[[float], None]) -> None:
        """Begin, climb, and climb on with more models at a time while a limit leaves time for it."""
        self.begin(report)
        report(0.6)
        self._climb(report)
        self.complete = self.budget.going()
        for level in self.budget.levels() if self.best() and self.accurate() else ():
            self.level = level
            self._climb(report)

    def _climb(self, report: Callable[[float], None]) -> None:
        """Fit neighbours of the best models until those stay the best."""
        for model in self.best()[: self.beam] if self.level else ():
            self._improve(model)
        for k in range(self.ROUNDS):
            beam = self.best()[: self.beam]
            for model in beam:
                for chosen in self._promising(model):
                    if not self.budget.going():
                        return
                    self.fit(chosen, self.nearest(chosen))
            report(min(0.95, 0.6 + 0.1 * k))
            if [id(m) for m in beam] == [id(m) for m in self.best()[: len(beam)]]:
                return

    def _improve(self, model: Model) -> None:
        """Fit a model with constants inside its terms from more starts."""
        trial = self.trial(model.chosen, None)
        found = self._fitted(trial, model.fit.score.value) if trial.inner and self.budget.going() else None
        if found is not None and found.score.value > model.fit.score.value + 1e-6:
            self.visited[model.chosen.tobytes()] = self.model(model.chosen, trial, found)

    def _promising(self, model: Model) -> list[np.ndarray]:
        """Neighbours that have not been fitted, by forecast."""
        fresh = [c for c in self.neighbours(model.chosen) if c.tobytes() not in self.visited]
        forecasts = np.array([self.forecast(c) for c in fresh])
        base = self.forecast(model.chosen) + self.reach
        order = [i for i in np.argsort(forecasts, kind="stable") if forecasts[i] <= base]
        return [fresh[i] for i in order[: self.MOST_FITS * 2**self.level]]

    def neighbours(self, chosen: np.ndarray) -> Iterator[np.ndarray]:
        """Models with a term more, one less, or one of a function exchanged for another."""
        for k in range(len(chosen)):
            new = chosen.copy()
            new[k] = ~new[k]
            if self.allowed(new):
                yield new
        for i, m in itertools.product(map(int, np.flatnonzero(chosen)), map(int, np.flatnonzero(~chosen))):
            if self.terms[i].unknown == self.terms[m].unknown:
                new = chosen.copy()
                new[i], new[m] = False, True
                yield new

    def nearest(self, chosen: np.ndarray) -> Model | None:
        """The fitted model that differs least from `chosen`; of several the best."""
        return min(self.best(), key=lambda m: int((m.chosen != chosen).sum()), default=None)

    # ---- what is to be said ------------------------------------------------------------------------

    def notes(self) -> list[str]:
        """What defects decided."""
        models = self.best()
        if not models:
            return []
        if models[0].defects:
            return [f"every model that was fitted has a defect; of the first, {'; '.join(models[0].defects)}"]
        ahead = [m for m in models if m.defects and m.criterion < models[0].criterion]
        listed = "; ".join(f"{self.written(m)} ({m.defects[0]})" for m in ahead[:NAMED])
        more = f"; and {len(ahead) - NAMED} more" if len(ahead) > NAMED else ""
        return [f"ranked last in spite of a better criterion, for a defect: {listed}{more}"] if ahead else []


def searched(search: TermSearch[Any], report: Callable[[str, float], None]) -> list[str]:
    """Run a search to its end, to the end of its budget or to an interrupt; notes about it."""
    with search.budget.keeping(search.best):
        search.run(lambda fraction: report("selection", fraction))
    search.complete &= not search.budget.interrupted
    report("selection", 1.0)
    return [*search.budget.notes(f"{len(search.visited)} models", search.level), *search.notes()]


def doubts(fit: ScoredFit, names: Sequence[str], undetermined: np.ndarray | None = None) -> list[str]:
    """Defects of a fit as such: no optimum, values that are not finite, parameters that the data do not determine.

    `undetermined` (P,) are known to be so beside those of the information.
    """
    found = []
    if not fit.converged:
        found.append("its fit did not converge" if not fit.abandoned else "its fit was given up, far from the best")
    covariance, unknown, *_ = sandwich(fit.score)
    if not (np.isfinite(fit.theta).all() and np.isfinite(covariance).all()):
        found.append("its constants or their errors are not finite")
    unknown = unknown if undetermined is None else unknown | undetermined
    if unknown.any():
        listed = ", ".join(n for n, out in zip(names, unknown, strict=True) if out)
        found.append(f"the data do not determine its constants {listed}")
    return found
