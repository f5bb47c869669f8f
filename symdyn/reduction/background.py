r"""What runs tell of a state before it is measured: normal distributions of its coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symdyn.reduction.basis import Basis
from symdyn.reduction.layout import RunStates

__all__ = ["Background", "backgrounds", "most_probable"]

#: Runs from which a covariance is taken: one may be left out.
FEWEST = 3
#: Moments of the runs that are looked at.
MOMENTS = 100
#: Shares of the covariance of all snapshots in that of a moment.
SHARES = np.logspace(-4, 0, 17)


@dataclass(frozen=True)
class Background:
    r"""A normal distribution of coordinates, :math:`z = m + F w` with independent standard normal :math:`w`.

    Attributes
    ----------
    mean : (r,) float64
        m.
    factor : (r, r) float64
        F; the covariance is :math:`F F^\top`.
    weight : float
        Logarithm of its probability before anything is measured.
    time : float or None
        The moment of the runs that it describes; None of all of them.
    """

    mean: np.ndarray
    factor: np.ndarray
    weight: float
    time: float | None = None

    def coordinates(self, w: np.ndarray) -> np.ndarray:
        """The coordinates (..., r) of standardised ones."""
        return self.mean + w @ self.factor.T

    def __str__(self) -> str:
        return "all states of the runs" if self.time is None else f"the states of the runs at {self.time:.4g}"


def backgrounds(basis: Basis, runs: Sequence[RunStates]) -> list[Background]:
    r"""The distribution of all snapshots, and those of moments at which there are three runs or more.

    The first has the covariance of the snapshots about the center, which is diagonal, and probability 1/2.  That of a moment
    has the mean of the runs and :math:`(1 - \alpha) S + \alpha \Lambda`: their covariance, widened for the error of the mean,
    shrunk towards that of all snapshots.  Runs seldom fill all directions; :math:`\alpha` is what predicts each run best from
    the others, by the mean logarithm of their density.
    """
    found: list[tuple[np.ndarray, np.ndarray, float]] = []
    spread = basis.spread
    grouped: dict[bytes, list[RunStates]] = {}
    for read in runs:
        grouped.setdefault(read.times.tobytes(), []).append(read)
    for reads in grouped.values():
        z = np.concatenate([basis.project(r.values) for r in reads]) / spread
        if len(z) >= FEWEST:
            for k in np.unique(np.linspace(0, z.shape[1] - 1, MOMENTS).round().astype(int)):
                mean, factor = _shrunk(z[:, k])
                found.append((spread * mean, spread[:, None] * factor, float(reads[0].times[k])))
    half = math.log(0.5) if found else 0.0
    whole = Background(np.zeros(basis.size), np.diag(spread), half)
    return [whole, *(Background(m, f, half - math.log(len(found)), t) for m, f, t in found)]


def _shrunk(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and factor of the covariance of scaled coordinates (L, r), shrunk towards the identity."""
    densities = np.zeros(len(SHARES))
    for k in range(len(z)):
        mean, values, vectors = _moments(np.delete(z, k, axis=0))
        values = (1 - SHARES[:, None]) * values + SHARES[:, None]
        densities -= (((z[k] - mean) @ vectors) ** 2 / values + np.log(values)).sum(axis=1)
    share = SHARES[densities.argmax()]
    mean, values, vectors = _moments(z)
    return mean, vectors * np.sqrt((1 - share) * values + share)


def _moments(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of points (L, r), and the spectrum of the covariance of a further one about it."""
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(z, rowvar=False)) * (1 + 1 / len(z)))
    return z.mean(axis=0), np.maximum(values, 0.0), vectors


def most_probable(
    candidates: Sequence[Background], values: np.ndarray, covariance: np.ndarray
) -> tuple[Background, np.ndarray]:
    r"""The background that measurements make the most probable, and the standardised coordinates that they give with it.

    Parameters
    ----------
    candidates : sequence of Background
    values, covariance : (r,) and (r, r) float64
        Standardised coordinates of the first candidate with their covariance, from the measurements and that candidate: the
        likelihood is taken for normal, with the information :math:`C^{-1} - 1`.

    Returns
    -------
    background : Background
    values : (r,) float64
    """
    first = candidates[0]
    precision = np.linalg.inv(covariance)
    spectrum, vectors = np.linalg.eigh(precision - np.eye(len(values)))
    information = (vectors * np.maximum(spectrum, 0.0)) @ vectors.T
    slope = precision @ values
    best: tuple[float, Background, np.ndarray] | None = None
    for one in candidates:
        mean = np.linalg.solve(first.factor, one.mean - first.mean)
        factor = np.linalg.solve(first.factor, one.factor)
        matrix = np.eye(len(values)) + factor.T @ information @ factor
        pull = factor.T @ (slope - information @ mean)
        at = np.linalg.solve(matrix, pull)
        evidence = one.weight + slope @ mean - 0.5 * mean @ information @ mean + 0.5 * pull @ at
        evidence -= 0.5 * np.linalg.slogdet(matrix)[1]
        if best is None or evidence > best[0]:
            best = float(evidence), one, at
    assert best is not None
    return best[1], best[2]
