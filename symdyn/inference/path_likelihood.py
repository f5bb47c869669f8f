"""The quasi-likelihood of a path: each step normal, with the moments of the diffusion."""

from __future__ import annotations

import numpy as np

from symdyn.inference.data import Observations
from symdyn.inference.gaussian import gaussian_score, gaussian_value
from symdyn.inference.increments import Increments, increments, residual_notes
from symdyn.inference.local_moments import LocalMoments, diffusion_moments
from symdyn.inference.scoring import Score
from symdyn.models.sde import SDESystem

__all__ = ["PathLikelihood", "fastest_rate", "step_errors", "step_notes", "steps_for"]

#: Largest product of the rate of a process and a step of the integration of its moments, and most steps.
STIFFNESS, MOST_STEPS = 0.15, 32
#: Places at which the rate of a process is looked at.
FEW = 200


class PathLikelihood:
    """Of the parameters of `moments`, from steps of paths; see `symdyn.inference.scoring.Likelihood`.

    Parameters
    ----------
    moments : LocalMoments
    data : Increments
    steps : int
        In which the moments cross a gap.
    """

    def __init__(self, moments: LocalMoments, data: Increments, steps: int = 1) -> None:
        self.moments, self.data, self.steps = moments, data, steps

    def residuals(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals (N, n) and covariances (N, n, n)."""
        found, _ = self._after(theta, slopes=False)
        return self._split(found)

    def possible(self, theta: np.ndarray) -> bool:
        """Whether no state has a negative squared diffusion where a step begins.

        The covariance at the end of a step may be positive even then, for the drift spreads too.
        """
        _, noise = self.moments.local(theta, self.data.begin, self.data.times)
        own = [k for k, (i, j) in enumerate(self.moments.pairs) if i == j]
        return bool(noise[own].min() >= 0)

    def value(self, theta: np.ndarray) -> float:
        return gaussian_value(*self.residuals(theta)) if self.possible(theta) else -np.inf

    def score(self, theta: np.ndarray) -> Score:
        if not self.possible(theta):
            return Score.none(len(theta), -np.inf)
        found, slopes = self._after(theta, slopes=True)
        n = len(self.data.begin)
        residual, covariance = self._split(found)
        return gaussian_score(
            residual, covariance, slopes[:, :n].swapaxes(1, 2), self.moments.matrix(slopes[:, n:].swapaxes(0, 1))
        )

    def _split(self, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = len(self.data.begin)
        return (self.data.end - found[:n]).T, self.moments.matrix(found[n:])

    def _after(self, theta: np.ndarray, *, slopes: bool) -> tuple[np.ndarray, np.ndarray]:
        data = self.data
        return self.moments.after(theta, data.begin, data.times, data.gaps, steps=self.steps, slopes=slopes)

    def steps_for(self, theta: np.ndarray) -> int:
        """Steps that the fastest rate of the process asks for."""
        few = np.linspace(0, self.data.count - 1, min(self.data.count, FEW)).astype(int)
        return steps_for(fastest_rate(self.moments, theta, self.data.begin[:, few], self.data.times[few]), self.data)


def steps_for(rate: float, data: Increments) -> int:
    """Steps between two observations that so fast a rate asks for."""
    return int(np.clip(np.ceil(rate * data.gaps.max() / STIFFNESS), 1, MOST_STEPS))


def fastest_rate(moments: LocalMoments, theta: np.ndarray, begin: np.ndarray, times: np.ndarray) -> float:
    """How fast the mean forgets where it was, the largest rate over places (n, N)."""
    shift = 1e-4 * np.maximum(np.abs(begin).mean(axis=1), 1e-6)
    short = np.full(len(times), 1e-6 * max(float(np.abs(times).max()), 1e-3))
    base, fastest = moments.after(theta, begin, times, short, steps=1)[0], 0.0
    for i in range(len(begin)):
        moved = begin.copy()
        moved[i] += shift[i]
        new = moments.after(theta, moved, times, short, steps=1)[0]
        for j in range(len(begin)):
            slope = np.abs((new - base)[j] / shift[i] - float(i == j)) / short * shift[i] / shift[j]
            fastest = max(fastest, float(np.nanmax(slope)))
    return fastest


NONE = np.zeros(0)


def _residuals(system: SDESystem, data: Increments) -> tuple[np.ndarray, np.ndarray]:
    """Residuals (N, n) and covariances (N, n, n) of the steps."""
    likelihood = PathLikelihood(diffusion_moments(system, (), dict(system.defaults)), data)
    likelihood.steps = likelihood.steps_for(NONE)
    return likelihood.residuals(NONE)


def step_errors(system: SDESystem, observed: Observations) -> dict[str, float]:
    """Root mean squares of residuals of steps by state, in standard deviations that the system predicts: 1 of a right one."""
    residual, covariance = _residuals(system, increments(observed))
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    found = np.sqrt(np.mean(residual**2 / variance, axis=0))
    return dict(zip(system.names, map(float, found), strict=True))


def step_notes(system: SDESystem, observed: Observations) -> list[str]:
    """What the residuals say of measurement noise, memory and jumps."""
    data = increments(observed)
    return residual_notes(system.names, data.runs, *_residuals(system, data))
