"""Maximum likelihood by Fisher scoring, and the covariance of what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from symdyn.discover.information import Inverse, inverse

__all__ = ["Likelihood", "Score", "ScoredFit", "maximise", "sandwich"]

#: Gain of the log-likelihood below which a step is the last, and how often a step is shortened.
SMALL_GAIN, SHORTENED = 1e-8, 12
#: How many times the gain that a step promises a climb may still gain.
HOPE = 20.0
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
    """

    theta: np.ndarray
    score: Score
    converged: bool


def maximise(
    likelihood: Likelihood,
    start: np.ndarray,
    *,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
    iterations: int = 40,
    worth: float = -np.inf,
) -> ScoredFit:
    """Climb from `start` by scoring, damped as in Levenberg's method where a step would lead downhill.

    Parameters
    ----------
    likelihood : Likelihood
    start, low, high : (P,) float64
        A parameter at a bound that the gradient points beyond stays there.
    iterations : int
    worth : float
        Value of interest: where no hope is left to reach it, the rest of the climb is spared.

    Returns
    -------
    ScoredFit
        With the value minus infinity if the data are impossible at `start`.
    """
    low = np.full(start.shape, -np.inf) if low is None else low
    high = np.full(start.shape, np.inf) if high is None else high
    theta = np.clip(start, low, high)
    score, damping = likelihood.score(theta), 0.0
    for _ in range(iterations):
        if not np.isfinite(score.value):
            return ScoredFit(theta, score, False)
        held = ((theta <= low) & (score.gradient < 0)) | ((theta >= high) & (score.gradient > 0))
        free = np.flatnonzero(~held)
        size = np.sqrt(np.maximum(np.diag(score.information)[free], 1e-300))
        scaled = score.information[np.ix_(free, free)] / np.outer(size, size)
        for _ in range(SHORTENED):
            step = np.zeros_like(theta)
            if free.size:
                regular = scaled + max(damping, SINGULAR) * np.eye(free.size)
                step[free] = np.linalg.solve(regular, score.gradient[free] / size) / size
            new = np.clip(theta + step, low, high)
            gain = 0.5 * float(score.gradient @ (new - theta))
            if gain < SMALL_GAIN:
                return ScoredFit(theta, score, True)
            if score.value + HOPE * gain < worth:
                return ScoredFit(theta, score, False)
            trial = likelihood.score(new)
            if trial.value > score.value:
                break
            damping = max(4 * damping, 0.05)
        else:
            return ScoredFit(theta, score, gain < 1e3 * SMALL_GAIN)
        theta, score, damping = new, trial, damping / 8 if damping > 0.01 else 0.0
    return ScoredFit(theta, score, False)


def sandwich(score: Score) -> Inverse:
    r"""Covariance of the estimates, :math:`I^{-1} J I^{-1}` with information I and outer products J of the scores.

    It holds where the law of the data has the right mean and variance but another shape (White, Econometrica 50, 1 (1982)).
    """
    found = inverse(score.information)
    return found._replace(covariance=found.covariance @ score.outer @ found.covariance)
