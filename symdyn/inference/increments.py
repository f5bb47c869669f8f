"""Steps of observed paths, and estimates of measurement noise from their residuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations

__all__ = ["Increments", "increments", "lagged", "residual_notes"]

#: Independent states that a path holds at least.
FEWEST = 10
#: Standard errors of the correlation of successive residuals that are not chance.
CORRELATED = 4.0
#: A standardised residual that no normal step has, whatever the length of the path.
LEAP = 9.0


@dataclass(frozen=True)
class Increments:
    """Pairs of states that follow each other.

    Attributes
    ----------
    begin, end : (n, N) float64
    times, gaps : (N,) float64
        When a step begins, and how long it is.
    runs : (N,) int64
        Steps of the same number are of the same trajectory.
    """

    begin: np.ndarray
    end: np.ndarray
    times: np.ndarray
    gaps: np.ndarray
    runs: np.ndarray

    @property
    def count(self) -> int:
        """Number of steps."""
        return len(self.gaps)

    @property
    def independent(self) -> float:
        r"""How many independent states hold as much about the drift: :math:`N(1-\rho)/(1+\rho)`, at least ten (or N).

        The autocorrelation rho of a step is that of the mean over states.  For an Ornstein-Uhlenbeck process of the rate k this
        is kT/2 in a time T much longer than the steps: what the path tells of its drift grows with the time, and not with
        the number of steps, as what it tells of the noise does (Eguchi, Masuda, Bernoulli 24, 2278 (2018)).
        """
        middle = self.begin.mean(axis=1, keepdims=True)
        before, after = self.begin - middle, self.end - middle
        spread = np.sqrt((before**2).mean(axis=1) * (after**2).mean(axis=1))
        again = float(np.clip((before * after).mean(axis=1) / np.maximum(spread, 1e-300), 0.0, 1.0).mean())
        return max(self.count * (1 - again) / (1 + again), float(min(self.count, FEWEST)))


def increments(data: Observations, stride: int = 1) -> Increments:
    """Steps between complete observations; with a stride of k those between every k-th, from each of the k first.

    Raises
    ------
    RecoveryError
        If a state is never observed, or there are fewer than ten steps.
    """
    parts, run = [], 0
    for trajectory in data.trajectories:
        complete = np.isfinite(trajectory.values).all(axis=1)
        times, values = trajectory.times[complete], trajectory.values[complete]
        for first in range(stride):
            t, v = times[first::stride], values[first::stride]
            if len(t) > 1:
                parts.append((v[:-1].T, v[1:].T, t[:-1], np.diff(t), np.full(len(t) - 1, run)))
                run += 1
    for i, state in enumerate(data.states):
        if not any(np.isfinite(t.values[:, i]).any() for t in data.trajectories):
            raise RecoveryError(
                f"the state {state} is not in the data; drift and diffusion are recovered from paths of all states: "
                "measure it, or leave it out of the system"
            )
    if sum(len(p[3]) for p in parts) < 10:
        raise RecoveryError("the data hold fewer than ten steps between complete observations; give a longer path")
    begin, end, times, gaps, runs = (np.concatenate(p, axis=-1) for p in zip(*parts, strict=True))
    return Increments(begin, end, times, gaps, runs)


def lagged(white: np.ndarray, residual: np.ndarray, runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of successive residuals in units of its standard error, and their covariance, for each state (n,).

    Parameters
    ----------
    white, residual : (N, n) float64
        Standardised and plain residuals.
    runs : (N,) int64
    """
    same = runs[1:] == runs[:-1]
    pairs = white[1:][same] * white[:-1][same]
    if len(pairs) < 3:
        return np.zeros(white.shape[1]), np.zeros(white.shape[1])
    spread = np.sqrt((pairs**2).mean(axis=0) / len(pairs))
    return pairs.mean(axis=0) / np.maximum(spread, 1e-300), (residual[1:][same] * residual[:-1][same]).mean(axis=0)


def residual_notes(names: Sequence[str], runs: np.ndarray, residual: np.ndarray, covariance: np.ndarray) -> list[str]:
    """What successive residuals say of measurement noise and memory, and large ones of jumps.

    Parameters
    ----------
    names : sequence of str
        Of the n states.
    runs : (N,) int64
    residual : (N, n) float64
    covariance : (N, n, n) float64
    """
    white = np.linalg.solve(np.linalg.cholesky(covariance), residual[..., None])[..., 0]
    strength, product = lagged(white, residual, runs)
    notes = []
    for s, z, c, w in zip(names, strength, product, white.T, strict=True):
        if z < -CORRELATED:
            notes.append(
                f"successive increments of {s} are negatively correlated ({z:.1f} standard errors), as measurement noise on "
                f"top of the path makes them, of standard deviation about {np.sqrt(max(-c, 0.0)):.2g}: the noise found is too "
                "large and the drift wrong; use every k-th point, so that the path moves further than that between them"
            )
        elif z > CORRELATED:
            notes.append(
                f"successive increments of {s} are positively correlated ({z:.1f} standard errors): the path is smoother than "
                "a diffusion, or the drift has other variables; use points further apart, or add states"
            )
        if np.abs(w).max() > LEAP:
            notes.append(
                f"an increment of {s} is {np.abs(w).max():.0f} standard deviations off, which no diffusion makes: "
                "are there jumps?"
            )
    return notes
