"""Maximum likelihood by Fisher scoring, and the covariance of what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from symdyn.inference.information import Inverse, inverse

__all__ = ["Likelihood", "Score", "ScoredFit", "maximise", "sandwich"]

#: Gain of the log-likelihood below which a step is the last, and how often a step is shortened.
SMALL_GAIN, SHORTENED = 1e-8, 12
#: Gain that a step which is not shortened may still promise at an optimum.
FLAT = 1e-4
#: How many times the gain that the next step promises all further steps are taken to gain at most.
OPTIMISM = 20.0
#: Share of the scaled information that is added to its diagonal, so that a step exists.
SINGULAR = 1e-10


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


class Likelihood(Protocol):
    """What is maximised; `value` alone is cheaper."""

    def value(self, theta: np.ndarray) -> float: ...

    def score(self, theta: np.ndarray) -> Score: ...


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
    """Climb from `start` by scoring, damped as in Levenberg's method where a step would lead downhill.

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
        Gain of the log-likelihood below which a step is the last.

    Returns
    -------
    ScoredFit
        With the value minus infinity if the data are impossible at `start`.
    """
    low = np.full(start.shape, -np.inf) if low is None else low
    high = np.full(start.shape, np.inf) if high is None else high
    theta = np.clip(start, low, high)
    score, damping, evaluations = likelihood.score(theta), 0.0, 1
    for _ in range(iterations):
        if not np.isfinite(score.value) or (going is not None and not going()):
            break
        held = ((theta <= low) & (score.gradient < 0)) | ((theta >= high) & (score.gradient > 0))
        move = _steps(score, ~held)
        flat = 0.5 * float(score.gradient @ (np.clip(theta + move(0.0), low, high) - theta)) < FLAT
        for _ in range(SHORTENED):
            new = np.clip(theta + move(damping), low, high)
            gain = 0.5 * float(score.gradient @ (new - theta))
            if gain < tolerance:
                return ScoredFit(theta, score, flat or tolerance > FLAT, False, evaluations)
            if score.value + OPTIMISM * gain < needed:
                return ScoredFit(theta, score, False, True, evaluations)
            trial = likelihood.score(new)
            evaluations += 1
            if trial.value > score.value:
                break
            damping = max(4 * damping, 0.05)
        else:
            return ScoredFit(theta, score, flat, False, evaluations)
        theta, score, damping = new, trial, damping / 8 if damping > 0.01 else 0.0
    return ScoredFit(theta, score, False, False, evaluations)


def _steps(score: Score, free: np.ndarray) -> Callable[[float], np.ndarray]:
    """Steps (P,) of the free parameters by a damping, which is relative to the information about each."""
    own = np.flatnonzero(free)
    size = np.sqrt(np.maximum(np.diag(score.information)[own], 1e-300))
    scaled, slope = score.information[np.ix_(own, own)] / np.outer(size, size), score.gradient[own] / size

    def step(damping: float) -> np.ndarray:
        found = np.zeros(len(free))
        found[own] = np.linalg.solve(scaled + max(damping, SINGULAR) * np.eye(len(own)), slope) / size
        return found

    return step


def sandwich(score: Score) -> Inverse:
    r"""Covariance of the estimates, :math:`I^{-1} J I^{-1}` with information I and outer products J of the scores.

    It holds where the law of the data has the right mean and variance but another shape (White, Econometrica 50, 1 (1982)).
    """
    found = inverse(score.information)
    return found._replace(covariance=found.covariance @ score.outer @ found.covariance)
