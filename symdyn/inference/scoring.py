"""Maximum likelihood by Fisher scoring, and the covariance of what it finds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from symdyn.inference.information import Inverse, inverse
from symdyn.inference.levenberg import LevenbergMarquardt, outward
from symdyn.inference.quadratic import Quadratic

__all__ = ["Likelihood", "Score", "Scored", "ScoredFit", "maximise", "maximise_together", "sandwich"]

#: Gain of the log-likelihood below which a step is not taken.
SMALL_GAIN = 1e-8
#: Gain that a step which is not damped may still promise at an optimum.
FLAT = 1e-4
#: Share of the scaled information that is added to its diagonal, so that a step exists; after a step that failed at least.
SINGULAR, DAMPED = 1e-10, 0.05


@dataclass(frozen=True)
class Score:
    """A log-likelihood of independent, or martingale, contributions at one choice of P parameters.

    Attributes
    ----------
    value : float
        The log-likelihood; minus infinity where the data are impossible.
    gradient : (P,) float64
    information : (P, P) float64
        Expected information.
    outer : (P, P) float64
        Sum over the data of the outer products of their scores.
    """

    value: float
    gradient: np.ndarray
    information: np.ndarray
    outer: np.ndarray

    @classmethod
    def none(cls, count: int, value: float = 0.0) -> Score:
        """Of no data; of data that cannot be, if the value is minus infinity."""
        return cls(value, np.zeros(count), np.zeros((count, count)), np.zeros((count, count)))

    def __add__(self, other: Score) -> Score:
        """Of both data."""
        return Score(
            self.value + other.value, self.gradient + other.gradient, self.information + other.information,
            self.outer + other.outer,
        )  # fmt: skip


class Likelihood(Protocol):
    """What is maximised; `value` alone is cheaper."""

    def value(self, theta: np.ndarray) -> float: ...

    def score(self, theta: np.ndarray) -> Score: ...


class Scored(ABC):
    """A likelihood whose value and score are computed alike."""

    def value(self, theta: np.ndarray) -> float:
        """The log-likelihood."""
        return self._score(theta, slopes=False).value

    def score(self, theta: np.ndarray) -> Score:
        """The same with its score and information."""
        return self._score(theta, slopes=True)

    @abstractmethod
    def _score(self, theta: np.ndarray, *, slopes: bool) -> Score:
        """The score, of no parameters without slopes."""


@dataclass(frozen=True)
class ScoredFit:
    """Where the search for a maximum ended.

    Attributes
    ----------
    theta : (P,) float64
    score : Score
    converged : bool
    abandoned : bool
        Whether it was given up because the value that was needed is out of reach.
    evaluations : int
        Of the likelihood.
    """

    theta: np.ndarray
    score: Score
    converged: bool
    abandoned: bool = False
    evaluations: int = 0


def maximise(
    likelihood: Likelihood,
    start: np.ndarray,
    *,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
    iterations: int = 100,
    needed: float = -np.inf,
    going: Callable[[], bool] | None = None,
    tolerance: float = SMALL_GAIN,
) -> ScoredFit:
    """Climb from `start` by scoring: minus twice the log-likelihood is minimised with the information as that of residuals.

    Parameters
    ----------
    likelihood : Likelihood
    start, low, high : (P,) float64
        A parameter at a bound that the gradient points beyond stays there.
    iterations : int
    needed : float
        The climb is given up where this value is out of reach.
    going : callable, optional
        Asked before each step; the climb ends where it is when this returns False.
    tolerance : float
        Gain of the log-likelihood below which a step is not taken.

    Returns
    -------
    ScoredFit
        With the value minus infinity if the data are impossible at `start`.
    """
    low = np.full(start.shape, -np.inf) if low is None else low
    high = np.full(start.shape, np.inf) if high is None else high
    return maximise_together(
        lambda which, thetas: [likelihood.score(theta) for theta in thetas], [start], [(low, high)], iterations=iterations,
        needed=[needed], going=going, tolerance=tolerance,
    )[0]  # fmt: skip


def maximise_together(
    score: Callable[[np.ndarray, list[np.ndarray]], list[Score]], starts: Sequence[np.ndarray],
    bounds: Sequence[tuple[np.ndarray, np.ndarray]], *, iterations: int = 100, needed: Sequence[float] | None = None,
    going: Callable[[], bool] | None = None, tolerance: float = SMALL_GAIN,
) -> list[ScoredFit]:  # fmt: skip
    """The same for M likelihoods at once, whose scores are asked for together.

    Parameters
    ----------
    score : callable
        From places (m,) among the likelihoods, and values (P,) for each, to scores.
    starts, bounds, needed : sequence of (P,) float64, pairs of these, and float
        Of each likelihood.
    iterations, going, tolerance :
        As of `maximise`.
    """
    count, sizes = len(starts), np.array([len(s) for s in starts])
    active = np.arange(sizes.max(initial=0)) < sizes[:, None]
    theta, low, high = np.zeros(active.shape), np.full(active.shape, -np.inf), np.full(active.shape, np.inf)
    for table, own in ((theta, starts), (low, [b for b, _ in bounds]), (high, [b for _, b in bounds])):
        table[active] = np.concatenate(own)
    best: dict[int, Score] = {}
    asked = np.zeros(count, dtype=int)

    def expand(which: np.ndarray, theta: np.ndarray, starts: np.ndarray) -> Quadratic:
        found = score(which, [row[: sizes[i]] for i, row in zip(which, theta, strict=True)])
        information, gradient = np.zeros((len(which), *active.shape[1:] * 2)), np.zeros((len(which), active.shape[1]))
        for i, own, square, slope in zip(which, found, information, gradient, strict=True):
            square[: sizes[i], : sizes[i]], slope[: sizes[i]] = own.information, own.gradient
            best[i] = max(best.get(i, own), own, key=lambda s: s.value)
        asked[which] += 1
        values = np.array([[-2 * own.value] for own in found])
        none = np.zeros((len(which), 0, active.shape[1], 0)), np.zeros((len(which), 0, 0, 0)), np.zeros((len(which), 0, 0))
        return Quadratic(values, information, gradient, *none)

    fits = LevenbergMarquardt(
        expand, theta, np.zeros((count, 0, 0)), active, bounds=(low, high), tolerance=0.0, floor=-np.inf, small=2 * tolerance,
        apart=True, needed=np.inf if needed is None else -2 * np.array(needed), damping=(SINGULAR, DAMPED),
    ).run(iterations, going=going)  # fmt: skip
    return [
        _ended(
            fits.theta[i, : sizes[i]], best[i], *bounds[i], tolerance, lost=bool(fits.abandoned[i]), evaluations=int(asked[i])
        )
        for i in range(count)
    ]


def _ended(
    theta: np.ndarray, score: Score, low: np.ndarray, high: np.ndarray, tolerance: float, *, lost: bool, evaluations: int
) -> ScoredFit:  # fmt: skip
    """Where a climb has ended, and whether that is an optimum: a step without damping promises nothing."""
    free = np.flatnonzero(~outward(theta, score.gradient, low, high))
    size = np.sqrt(np.maximum(np.diag(score.information)[free], 1e-300))
    scaled = score.information[np.ix_(free, free)] / np.outer(size, size) + SINGULAR * np.eye(len(free))
    further = theta.copy()
    further[free] += np.linalg.solve(scaled, score.gradient[free] / size) / size
    flat = 0.5 * float(score.gradient @ (np.clip(further, low, high) - theta)) < max(FLAT, tolerance)
    return ScoredFit(theta, score, np.isfinite(score.value) and flat and not lost, lost, evaluations)


def sandwich(score: Score) -> Inverse:
    r"""Covariance of the estimates, :math:`I^{-1} J I^{-1}` with information I and outer products J of the scores.

    It holds where the law of the data has the right mean and variance but another shape (White, Econometrica 50, 1 (1982)).
    """
    found = inverse(score.information)
    return found._replace(covariance=found.covariance @ score.outer @ found.covariance)
