"""Likelihoods where numbers are too large for the master equation: means and covariances of the Langevin equation."""

from __future__ import annotations

import numpy as np
import sympy as sp

from symdyn.derive.langevin import langevin
from symdyn.discover.diffusions.increments import Increments
from symdyn.discover.diffusions.likelihood import PathLikelihood, fastest_rate
from symdyn.discover.propensities.counts import Counts
from symdyn.inference.gaussian import gaussian_score
from symdyn.inference.local_moments import LocalMoments, diffusion_moments
from symdyn.inference.scoring import Score, Scored
from symdyn.projection.parametric import Rates

__all__ = ["NormalPath", "NormalSnapshots", "network_moments"]

#: Steps in which moments are followed from one snapshot to the next, at the least, and per unit of the fastest rate.
FEWEST, FINENESS, MOST = 8, 4.0, 4000


def network_moments(rates: Rates) -> LocalMoments:
    r"""Moments of a network whose covariance starts anywhere, by :math:`S a` and :math:`S\,\mathrm{diag}(a)\,S^T`."""
    network = rates.network
    known = {p: sp.Float(v) for p, v in network.defaults.items() if p not in rates.columns}
    return diffusion_moments(langevin(network), rates.columns, known)


class NormalPath:
    """Paths at some times, each step normal."""

    pieces = 1

    def __init__(self, rates: Rates, data: Counts) -> None:
        self.rates = rates
        parts = [(t.values[:-1].T, t.values[1:].T, t.times[:-1], np.diff(t.times)) for t in data.trajectories]
        begin, end, times, gaps = (np.concatenate(p, axis=-1) for p in zip(*parts, strict=True))
        self._inner = PathLikelihood(network_moments(rates), Increments(begin, end, times, gaps, times * 0))
        self._chosen = False

    def value(self, u: np.ndarray) -> float:
        return self._ready(u).value(np.exp(u))

    def score(self, u: np.ndarray) -> Score:
        theta = np.exp(u)
        found = self._ready(u).score(theta)
        bend = np.outer(theta, theta)
        return Score(found.value, theta * found.gradient, bend * found.information, bend * found.outer)

    def _ready(self, u: np.ndarray) -> PathLikelihood:
        if not self._chosen:
            self._inner.steps = 2 * self._inner.steps_for(np.exp(u))
            self._chosen = True
        return self._inner


class NormalSnapshots(Scored):
    """Cells that are not followed, their numbers normal."""

    pieces = 1

    def __init__(self, rates: Rates, data: Counts, first: tuple[float, np.ndarray, np.ndarray]) -> None:
        self.rates = rates
        self._moments = network_moments(rates)
        self._begin, self._mean, self._spread = first
        self._axes = [rates.network.names.index(s) for s in data.species]
        self._seen = [(t, v.astype(float)) for t, v in data.snapshots if t > self._begin]

    def _score(self, u: np.ndarray, *, slopes: bool) -> Score:
        theta = np.exp(u)
        n, count = len(self._mean), len(theta) * slopes
        y = np.concatenate([self._mean, self._spread])[:, None]
        dy, time, whole = np.zeros((len(y), count, 1)), self._begin, self._moments.matrix
        total = Score.none(count)
        for when, values in self._seen:
            gap, start = np.array([when - time]), np.array([time])
            rate = fastest_rate(self._moments, theta, y[:n], start)
            steps = int(np.clip(np.ceil(FINENESS * gap[0] * rate), FEWEST, MOST)) if np.isfinite(rate) else FEWEST
            y, bent = self._moments.onward(theta, y, dy, start, gap, steps=steps)
            dy, time = bent.swapaxes(0, 1), when
            residual = values - y[:n, 0][self._axes]
            wide = (count, len(values))
            spread = whole(y[n:])[0][np.ix_(self._axes, self._axes)]
            scaled = theta[:count, None]
            slope = bent[:, :n, 0][:, self._axes] * scaled
            turned = whole(bent[:, n:, 0].T)[:, self._axes][:, :, self._axes] * scaled[..., None]
            total += gaussian_score(
                residual, np.broadcast_to(spread, (len(values), *spread.shape)),
                np.broadcast_to(slope[:, None], (*wide, slope.shape[1])),
                np.broadcast_to(turned[:, None], (*wide, *spread.shape)),
            )  # fmt: skip
        return total
