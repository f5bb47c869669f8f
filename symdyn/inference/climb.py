"""The search for terms that every kind of data shares: neighbours of the best models, by the forecast of a quadratic model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

import numpy as np

from symdyn.inference.budget import Budget
from symdyn.inference.candidates import Candidates

__all__ = ["Climb", "Fitted", "Neighbour", "Profiled", "score_tests"]

#: What is added to the diagonal of the scaled information, so that a step exists.
RIDGE = 1e-11


class Fitted(Protocol):
    """A choice of terms (K,), fitted: values (P,) of the columns, and the criterion."""

    @property
    def chosen(self) -> np.ndarray: ...

    @property
    def theta(self) -> np.ndarray: ...

    @property
    def criterion(self) -> float: ...


M = TypeVar("M", bound=Fitted)


@dataclass(frozen=True)
class Profiled:
    """Gauss-Newton expansion of a sum of squares at columns `theta` (P,), with everything else that is fitted eliminated.

    `information` (P, P) and `gradient` (P,) are ``J'J`` and ``J'r`` of residuals ``r`` (data less simulation) and derivatives
    ``J`` of the simulation; coefficients of terms that the model lacks are zero.  The eliminated values move by the last column
    of `back` (..., P + 1) less the product of the others with a step of the columns.
    """

    theta: np.ndarray
    rss: float
    information: np.ndarray
    gradient: np.ndarray
    back: np.ndarray | None = None


@dataclass(frozen=True)
class Neighbour:
    """A neighbour of a model, with a term more (`kind` 1), a term less (-1) or one exchanged (0), and its forecast criterion.

    `step` (P,) is the linear forecast of the step of the columns; for a term more, of its coefficient alone.
    """

    forecast: float
    chosen: np.ndarray
    kind: int
    step: np.ndarray
    origin: Profiled


class Climb(ABC, Generic[M]):
    """A search for at most `largest` terms that adds, drops and exchanges terms while a criterion falls.

    Attributes
    ----------
    visited : dict
        Models by the bytes of their choice of terms.
    going : callable or None
        Asked before each iteration of a fit and each round; False ends them where they are.
    level : int
        How far the search went on, see `widen`.
    """

    #: Neighbours of a model that are fitted, by kind.
    LIMITS: ClassVar[dict[int, int]] = {1: 8, -1: 3, 0: 6}
    #: Share of a term's squared sensitivity that must be its own for it to be added.
    NOVELTY: ClassVar[float] = 1e-7

    def __init__(self, candidates: Candidates, largest: int) -> None:
        self.candidates, self.largest, self.level = candidates, largest, 0
        self.visited: dict[bytes, M] = {}
        self.going: Callable[[], bool] | None = None

    @abstractmethod
    def value(self, rss: float, chosen: np.ndarray) -> float:
        """The criterion of a choice of terms with this sum of squares."""

    @abstractmethod
    def expansions(self, model: M) -> list[Profiled]:
        """Expansions about a model, one for each guess of the constants inside terms that it lacks."""

    @abstractmethod
    def fit_neighbours(self, moves: Iterator[tuple[M, Neighbour]]) -> None:
        """Fit neighbours of models, and remember them."""

    def remember(self, model: M) -> M:
        """Keep a model unless a better one of the same terms is known, and return the better one."""
        key = model.chosen.tobytes()
        if key not in self.visited or model.criterion < self.visited[key].criterion:
            self.visited[key] = model
        return self.visited[key]

    def ranked(self) -> list[M]:
        """Every model that could be fitted, best first."""
        return sorted((m for m in self.visited.values() if np.isfinite(m.criterion)), key=lambda m: m.criterion)

    def climb(
        self, *, beam: int = 3, rounds: int = 12, width: int = 1, report: Callable[[float], None] = lambda fraction: None
    ) -> None:  # fmt: skip
        """Fit neighbours of the best `beam` models until all of those have been looked at, or `going` ends.

        `width` times as many of each kind are fitted as usual; `report` is called with the completed fraction.
        """
        looked: set[bytes] = set()
        for k in range(rounds):
            fresh = [m for m in self.ranked()[:beam] if m.chosen.tobytes() not in looked]
            if not fresh or (self.going is not None and not self.going()):
                break
            looked |= {m.chosen.tobytes() for m in fresh}
            self.fit_neighbours(self._promising(fresh, width))
            report((k + 1) / rounds)

    def widen(self, budget: Budget, *, beam: int, rounds: int) -> None:
        """Climb on at further levels, each with more neighbours of more models, as far as a limit leaves time."""
        for self.level in budget.levels():
            before = len(self.visited)
            self.climb(beam=beam << self.level, rounds=rounds, width=1 << self.level)
            if len(self.visited) == before:
                break

    def _promising(self, models: Sequence[M], width: int) -> Iterator[tuple[M, Neighbour]]:
        """The most promising neighbours of each model that were not fitted, best first."""
        new: set[bytes] = set()
        for model in models:
            found = [move for expansion in self.expansions(model) for move in self.neighbours(model.chosen, expansion, width)]
            left = {kind: width * count for kind, count in self.LIMITS.items()}
            for move in sorted(found, key=lambda move: move.forecast):
                key = move.chosen.tobytes()
                if key not in self.visited and key not in new and left[move.kind] > 0:
                    left[move.kind] -= 1
                    new.add(key)
                    yield model, move

    def neighbours(self, model: np.ndarray, origin: Profiled, width: int = 1) -> Iterator[Neighbour]:
        """All additions and drops, and the most promising exchanges, of terms of the model (K,), with their forecasts."""
        a, g, total, theta = origin.information, origin.gradient, origin.rss, origin.theta
        unit = 1 / np.sqrt(np.maximum(np.diag(a), 1e-300))
        a, g = a * unit[:, None] * unit, g * unit

        def move(forecast: float, kind: int, new: np.ndarray, step: np.ndarray) -> Neighbour:
            return Neighbour(self.value(max(forecast, 1e-9 * total), new), new, kind, step, origin)

        # the fit may be unfinished: what the base itself can gain counts for every addition
        gains, values, own = self._additions(a, g, self._columns(model))
        for k in map(int, np.flatnonzero(~model)):
            if model.sum() < self.largest and gains[k] > 0:
                step = np.zeros_like(theta)
                step[k] = values[k] * unit[k]
                yield move(total - own - gains[k], 1, _with(model, k, True), step)
        for k in map(int, np.flatnonzero(model)):
            dropped = _with(model, k, False)
            rest = self._columns(dropped)
            shift = theta[k] / unit[k]
            after = g + a[:, k] * shift  # gradient once the coefficient is zero
            without = total + 2 * shift * g[k] + shift**2 * a[k, k]

            def step_of(columns: np.ndarray, k: int = k, after: np.ndarray = after) -> np.ndarray:
                step = np.zeros_like(theta)
                step[columns] = _solve(a, after, columns) * unit[columns]
                step[k] = -theta[k]
                return step

            gains, _, fallen = self._additions(a, after, rest)
            without -= fallen
            yield move(without, -1, dropped, step_of(rest))
            for j in map(int, np.argsort(-gains[: len(model)])[: width * self.LIMITS[0]]):
                if not model[j] and gains[j] > 0:
                    yield move(without - gains[j], 0, _with(dropped, j, True), step_of(np.append(rest, j)))

    def _columns(self, chosen: np.ndarray) -> np.ndarray:
        return np.flatnonzero(self.candidates.active(chosen[None])[0])

    def _additions(self, a: np.ndarray, g: np.ndarray, base: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        return score_tests(a[np.ix_(base, base)], a[base], np.diag(a), g[base], g, self.NOVELTY)


def score_tests(
    inside: np.ndarray, cross: np.ndarray, own: np.ndarray, gradient: np.ndarray, gradients: np.ndarray, novelty: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Score tests of Q columns beside k in use, in normal equations with a unit diagonal.

    Parameters
    ----------
    inside, cross : (k, k), (k, Q) float64
        Products of the columns in use with each other and with all.
    own, gradients : (Q,) float64
        Squares of all columns, and their products with the residuals; `gradient` (k,) those of the columns in use.
    novelty : float
        Share of its square that a column must have of its own.

    Returns
    -------
    gains, values : (Q,) float64
        How much the sum of squares falls when a single column joins, and its coefficient; zero unless it is new.
    fall : float
        How much it falls without any.
    """
    solved = np.linalg.solve(inside + RIDGE * np.eye(len(inside)), np.c_[cross, gradient])
    score = gradients - cross.T @ solved[:, -1]
    rest = own - np.einsum("ij,ij->j", cross, solved[:, :-1])
    new = rest > novelty
    rest = np.where(new, rest, 1.0)
    return np.where(new, score**2 / rest, 0.0), np.where(new, score / rest, 0.0), float(gradient @ solved[:, -1])


def _solve(a: np.ndarray, g: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.linalg.solve(a[np.ix_(columns, columns)] + RIDGE * np.eye(len(columns)), g[columns])


def _with(chosen: np.ndarray, k: int, value: bool) -> np.ndarray:
    """The choice with one entry set."""
    return np.where(np.arange(len(chosen)) == k, value, chosen)
