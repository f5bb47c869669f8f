r"""Likelihoods of molecule numbers, as functions of the logarithms of constants.

A path of which every jump is known has :math:`\log L = \sum_j \log a_{r_j}(n_j) - \int \sum_r a_r(n)\,\mathrm{d}t`.  A path
at some times, and cells that are not followed, have transition and state probabilities of the master equation on a box.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import numpy as np
import sympy as sp

from symdyn.derive.langevin import langevin
from symdyn.inference.counts import DIGITS, Counts
from symdyn.inference.gaussian import gaussian_score
from symdyn.inference.increments import Increments
from symdyn.inference.local_moments import LocalMoments, diffusion_moments
from symdyn.inference.path_likelihood import PathLikelihood, fastest_rate
from symdyn.inference.scoring import Score, Scored
from symdyn.projection.parametric import Rates, StateGrid
from symdyn.projection.rational import carried

__all__ = ["CompletePath", "NormalPath", "NormalSnapshots", "SampledPath", "Snapshots", "network_moments"]

#: Probabilities below which the rational approximation of the exponential has no digits left.
FLOOR = 1e-10


class CompletePath(Scored):
    """Paths of which every jump is known."""

    pieces = 1

    def __init__(self, rates: Rates, data: Counts) -> None:
        self.rates = rates
        states = np.concatenate([t.values[:-1] for t in data.trajectories]).astype(np.int64)
        steps = np.concatenate([np.diff(t.values, axis=0) for t in data.trajectories]).astype(np.int64)
        waits = np.concatenate([np.diff(t.times) for t in data.trajectories])
        self.states, which = np.unique(states, axis=0, return_inverse=True)
        self.sojourn = np.bincount(which.ravel(), weights=waits, minlength=len(self.states))
        changes = rates.network.changes.T
        kinds = np.unique(changes[changes.any(axis=1)], axis=0)
        self.groups = [np.flatnonzero((changes == k).all(axis=1)) for k in kinds]
        self.jumps = [
            np.bincount(which.ravel()[(steps == k).all(axis=1)], minlength=len(self.states)).astype(float) for k in kinds
        ]

    def _score(self, u: np.ndarray, *, slopes: bool) -> Score:
        found = self.rates.at(np.exp(u), self.states, slopes=slopes)
        if found is None:
            return Score.none(len(u), -np.inf)
        rates, bent = found
        value, gradient = 0.0, np.zeros(len(bent))
        information, outer = np.zeros((len(bent),) * 2), np.zeros((len(bent),) * 2)
        for group, jumps in zip(self.groups, self.jumps, strict=True):
            flow, slope = rates[group].sum(axis=0), bent[:, group].sum(axis=1)
            if (flow[jumps > 0] <= 0).any():
                return Score.none(len(u), -np.inf)
            safe = np.maximum(flow, 1e-300)
            value += float(jumps @ np.log(safe)) - float(self.sojourn @ flow)
            relative = np.where(flow > 0, slope / safe, 0.0)
            gradient += relative @ jumps - slope @ self.sojourn
            information += (slope * self.sojourn) @ relative.T
            outer += (relative * jumps) @ relative.T
        return Score(value, gradient, information, outer)


class _OnGrid(Scored):
    """What likelihoods by the master equation share."""

    def __init__(self, rates: Rates, box: StateGrid, pieces: int) -> None:
        self.rates, self.box, self.pieces = rates, box, pieces

    def _score(self, u: np.ndarray, *, slopes: bool) -> Score:
        found = self.rates.at(np.exp(u), self.box.states, slopes=slopes)
        if found is None:
            return Score.none(len(u), -np.inf)
        data = self.box.generators.data(found[0])
        moving = np.array([self.box.generators.data(b) for b in found[1]]).reshape(-1, len(data))

        def carry(y: np.ndarray, dy: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
            return carried(self.box.generators, data, moving, y, dy, time, self.pieces)

        return self._collect(carry, len(moving))

    @abstractmethod
    def _collect(self, carry: Callable[..., tuple[np.ndarray, np.ndarray]], count: int) -> Score:
        """The score of all data, carried through time by `carry`, with `count` slopes."""


def _outcomes(p: np.ndarray, dp: np.ndarray, counts: np.ndarray, total: np.ndarray) -> Score:
    """Of outcomes of probabilities p (m,), seen `counts` times in `total` trials."""
    seen = counts > 0
    value = float(counts[seen] @ np.log(np.maximum(p[seen], 1e-300))) if (p[seen] > 0).all() else -np.inf
    relative = np.where(p > FLOOR, dp / np.maximum(p, FLOOR), 0.0)
    return Score(value, relative @ counts, (dp * total) @ relative.T, (relative * counts) @ relative.T)


class Snapshots(_OnGrid):
    """Cells that are not followed, from a distribution at a time.

    Parameters
    ----------
    rates : Rates
    box : StateGrid
    data : Counts
    first : (float, (n,) float64)
        When and how the cells were distributed at first.
    """

    def __init__(self, rates: Rates, box: StateGrid, data: Counts, first: tuple[float, np.ndarray], pieces: int = 1) -> None:
        super().__init__(rates, box, pieces)
        self.begin, self.start = first
        axes = [rates.network.names.index(s) for s in data.species]
        sizes = tuple(box.shape[i] for i in axes)
        self.group = np.ravel_multi_index(tuple(box.states[:, i] for i in axes), sizes)
        self.outcomes = int(np.prod(sizes))
        self.seen = [
            (t, np.bincount(np.ravel_multi_index(tuple(v.T), sizes), minlength=self.outcomes).astype(float))
            for t, v in data.snapshots
            if t > self.begin
        ]

    def distributions(self, u: np.ndarray) -> list[tuple[float, np.ndarray]]:
        """Time and probabilities of the observed numbers at each snapshot."""
        found: list[tuple[float, np.ndarray]] = []
        self._kept: list[tuple[float, np.ndarray]] | None = found
        self.value(u)
        self._kept = None
        return found

    _kept: list[tuple[float, np.ndarray]] | None = None

    def _collect(self, carry: Callable[..., tuple[np.ndarray, np.ndarray]], count: int) -> Score:
        y, dy = self.start[:, None], np.zeros((count, len(self.start), 1))
        time = self.begin
        score = Score.none(count)
        for when, counts in self.seen:
            y, dy = carry(y, dy, round(when - time, DIGITS))
            time = when
            p = np.bincount(self.group, weights=y[:, 0], minlength=self.outcomes)
            dp = np.array([np.bincount(self.group, weights=d[:, 0], minlength=self.outcomes) for d in dy])
            if self._kept is not None:
                self._kept.append((when, p))
            score += _outcomes(p, dp.reshape(count, self.outcomes), counts, counts.sum())
        return score


class SampledPath(_OnGrid):
    """Paths of which the numbers at some times are known."""

    def __init__(self, rates: Rates, box: StateGrid, data: Counts, pieces: int = 1) -> None:
        super().__init__(rates, box, pieces)
        rows: list[np.ndarray] = []
        for t in data.trajectories:
            places = box.places(t.values.astype(np.int64))
            gaps = np.round(np.diff(t.times), DIGITS)
            rows.append(np.stack([gaps, places[:-1], places[1:]], axis=1))
        triples, counts = np.unique(np.concatenate(rows), axis=0, return_counts=True)
        self.seen = []
        for gap in np.unique(triples[:, 0]):
            own = triples[:, 0] == gap
            begins, column = np.unique(triples[own, 1].astype(int), return_inverse=True)
            table = np.zeros((len(box.states), len(begins)))
            table[triples[own, 2].astype(int), column] = counts[own]
            self.seen.append((float(gap), begins, table))

    @staticmethod
    def work(box_size: int, data: Counts) -> int:
        """Numbers that a transition matrix holds."""
        begins = len(np.unique(np.concatenate([t.values for t in data.trajectories]), axis=0))
        gaps = np.unique(np.round(np.concatenate([np.diff(t.times) for t in data.trajectories]), DIGITS))
        return box_size * begins * len(gaps)

    def _collect(self, carry: Callable[..., tuple[np.ndarray, np.ndarray]], count: int) -> Score:
        score = Score.none(count)
        n = len(self.box.states)
        for gap, begins, table in self.seen:
            y = np.zeros((n, len(begins)))
            y[begins, np.arange(len(begins))] = 1.0
            p, dp = carry(y, np.zeros((count, *y.shape)), gap)
            total = np.broadcast_to(table.sum(axis=0), table.shape).ravel()
            score += _outcomes(p.ravel(), dp.reshape(count, table.size), table.ravel(), total)
        return score


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
