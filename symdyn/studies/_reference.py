"""The exact stationary means and covariances with their own error: by projection where it fits, by simulation elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.errors import SymdynError
from symdyn.models.reactions import ReactionNetwork
from symdyn.projection import covariance as covariance_of
from symdyn.projection import mean as mean_of
from symdyn.simulation.run import simulate
from symdyn.simulation.settings import Layout

__all__ = ["Inquiry", "Reference", "exact"]

#: States of the master equation up to which its stationary distribution is solved for.
MAX_STATES = 60_000
#: Events that a simulation may take, and the trajectories among which they are shared.
EVENTS, TRAJECTORIES = 1e9, 256
#: Fraction of the time that is left out while the ensemble settles, and output times after it.
SETTLING, SAMPLES = 0.4, 41


@dataclass(frozen=True)
class Reference:
    """Means (s,) and covariances (s, s) with standard errors (simulation) or bounds of the truncation (projection)."""

    mean: np.ndarray
    covariance: np.ndarray
    mean_error: np.ndarray
    covariance_error: np.ndarray
    source: str

    @classmethod
    def unknown(cls, count: int, source: str) -> Reference:
        """No moments of so many species."""
        mean, covariance = np.full(count, np.nan), np.full((count, count), np.nan)
        return cls(mean, covariance, mean, covariance, source)


@dataclass(frozen=True)
class Inquiry:
    """What is asked of the master equation: everything a worker needs.

    Attributes
    ----------
    start : (s,) float64
        Molecule numbers from which a simulation begins, and which choose the class of a reducible chain.
    guess : (s,) float64
        Means of the rate equations, from which the size of the state space is guessed.
    t_end : float
        Length of a simulation.
    method : {'auto', 'projection', 'simulation', 'none'}
    """

    network: ReactionNetwork
    parameters: Mapping[str, float]
    start: np.ndarray
    guess: np.ndarray
    t_end: float
    method: str
    seed: int

    @property
    def key(self) -> str:
        """Identifying text, from which the name in the store follows."""
        values = sorted(self.parameters.items())
        return repr((self.network.digest, values, self.start.tolist(), self.guess.tolist(), self.t_end, self.method, self.seed))


def exact(q: Inquiry) -> Reference:
    """Stationary moments."""
    if q.method == "none":
        return Reference.unknown(len(q.network.states), "none")
    if q.method == "projection" or (q.method == "auto" and _size(q.network, q.guess) <= MAX_STATES):
        try:
            return _projected(q.network, q.parameters, q.start)
        except SymdynError:
            if q.method == "projection":
                raise
    return _simulated(q.network, q.parameters, q.start, q.t_end, q.seed)


def _size(network: ReactionNetwork, guess: np.ndarray) -> float:
    """States within many standard deviations of a broad distribution about the guess; binary species count two."""
    widths = [2.0 if s in network.binary else 20.0 + 4.0 * n for s, n in zip(network.states, guess, strict=True)]
    return 0.0 if len(widths) == 1 else float(np.prod(widths))


def _projected(network: ReactionNetwork, parameters: Mapping[str, float], start: np.ndarray) -> Reference:
    initial = dict(zip(network.names, np.rint(start), strict=True))
    p = network.master_equation().stationary(parameters, initial=initial)
    mean = np.array([float(mean_of(p, s)) for s in network.names])
    spread = np.array([[float(covariance_of(p, a, b)) for b in network.names] for a in network.names])
    edge = float(p.attrs["edge_mass"])
    top = np.array([float(p[s].max()) for s in network.names])
    return Reference(mean, spread, edge * top, edge * np.outer(top, top), "projection")


def _simulated(
    network: ReactionNetwork, parameters: Mapping[str, float], start: np.ndarray, t_end: float, seed: int
) -> Reference:
    """Time averages of independent trajectories: their scatter gives the standard errors for any correlation in time."""
    initial = dict(zip(network.names, np.rint(start), strict=True))
    options: dict[str, Any] = dict(initial=initial, parameters=parameters, layout=Layout(threads=1), progress=False)
    pilot = simulate(network, [0.0, t_end / 20], trajectories=16, seed=seed, **options)
    events = max(float(pilot["steps"].mean()) * 20, 1.0)
    count = int(np.clip(EVENTS / events, 32, TRAJECTORIES))
    length = t_end * min(1.0, EVENTS / (events * count))
    times = np.concatenate([[0.0], np.linspace(SETTLING * length, length, SAMPLES)])
    runs = simulate(network, times, trajectories=count, seed=seed + 1, **options)
    n = np.stack([runs[s].values[:, 1:] for s in network.names], axis=-1)  # (trajectory, time, species)
    mean = n.mean(axis=(0, 1))
    own = n.mean(axis=1)
    products = np.einsum("kti,ktj->kij", n - mean, n - mean) / n.shape[1]
    root = np.sqrt(count)
    return Reference(
        mean, products.mean(axis=0), own.std(axis=0, ddof=1) / root, products.std(axis=0, ddof=1) / root, "simulation"
    )
