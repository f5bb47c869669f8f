"""The data of a recovery with their noise, smooth curves, windows and what simulations are allowed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from symdyn_kernels.arguments.candidates import Integration, Points

from symdyn.discover.whole.kernel import integration
from symdyn.discover.whole.smoothing import interpolated, smoothed
from symdyn.errors import RecoveryError
from symdyn.inference.criterion import price
from symdyn.inference.data import Observations
from symdyn.inference.noise import GrowingNoise, likeliest, local_noise
from symdyn.inference.phase_flow import flow_contradiction

__all__ = ["EquationProblem", "contradicted", "prepared"]

#: Noise, relative to the spread of a state, below which data count as free of it; what they are then taken to have, for
#: there are always errors of the interpolation; and the least noise of the others.
CLEAN, CLEAN_NOISE, LEAST_NOISE = 2e-3, 5e-6, 2e-5
#: Noise, relative to the spread, of states with too few values to tell.
UNKNOWN = 0.02
#: Mean squared residual that counts as none, with and without noise.
FLOOR, CLEAN_FLOOR = 1e-3, 0.02
#: Fewest values of each state.
FEWEST = 8
#: Gauss nodes between two points, with and without noise.
NODES, CLEAN_NODES = 3, 4
#: Errors of a step relative to the noise, and to the state.
STEP_NOISE, STEP_STATE = 2e-3, 1e-8
#: Size of a state, in units of the largest that was measured, at which a run is lost; and steps that it may attempt.
LOST, STEPS = 50.0, 4000
#: Fewest points of a window.
SHORTEST = 4


@dataclass
class EquationProblem:
    """All trajectories behind each other.

    Attributes
    ----------
    t, x, w : (n,), (n, d), (n, d) float64
        Times, values, and one over the standard deviation of the noise; 0 where nothing was measured.
    smooth : (n, d) float64
        The smooth curves at those times.
    first : (r + 1,) int64
        Where each trajectory begins, and n.
    nodes, at, quadrature : (n, m, d), (n, m), (n, m) float64
        The curves at nodes in the interval before each point, their times and the weights there; 0 before the first of a
        trajectory.
    begins : (n,) uint8
        1 at the first point of each trajectory.
    seen, spread : (d,) float64
        How many values of each state there are, and their standard deviation.
    clean : bool
        Whether the data are free of noise.
    floor : float
        Mean squared residual that counts as none.
    given : (d,) bool
        States whose noise is known.
    integration : Integration
        How candidates are integrated.
    """

    t: np.ndarray
    x: np.ndarray
    w: np.ndarray
    smooth: np.ndarray
    first: np.ndarray
    nodes: np.ndarray
    at: np.ndarray
    quadrature: np.ndarray
    begins: np.ndarray
    seen: np.ndarray
    spread: np.ndarray
    clean: bool
    floor: float
    given: np.ndarray
    integration: Integration
    _cuts: dict[int, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        return len(self.t)

    @property
    def d(self) -> int:
        return self.x.shape[1]

    @property
    def points(self) -> Points:
        """What compiled functions read of the data."""
        return Points(self.t, self.x, self.w)

    def cut(self, windows: int) -> np.ndarray:
        """First points of the windows and the points after their last, (windows, 2), so many in each trajectory."""
        if windows not in self._cuts:
            edges = [
                np.linspace(a, b, max(1, min(windows, (b - a) // SHORTEST)) + 1).astype(np.int64)
                for a, b in itertools.pairwise(self.first)
            ]
            self._cuts[windows] = np.concatenate([np.stack([e[:-1], e[1:]], axis=1) for e in edges])
        return self._cuts[windows]

    def mean_squares(self, rss: np.ndarray) -> np.ndarray:
        """Mean squared residuals of each state."""
        return rss / self.seen

    def score(self, rss: np.ndarray, constants: int, cost: float, starts: int) -> float:
        r"""Information criterion of a fit over so many windows: small is good.

        .. math:: \sum_j n_j \log(R_j/n_j + \epsilon) + \text{price}

        with the price of `symdyn.inference.criterion`, in which the costs of terms are orders.  Initial values count, but for
        those of the trajectories, which all models have.
        """
        fit = float(np.sum(self.seen * np.log(self.mean_squares(rss) + self.floor)))
        every = len(self.first) - 1
        counted, size = constants + (starts - every) * self.d, int(self.seen.sum()) - every * self.d
        return fit + price([(counted, float(self.seen.mean()))], terms=0, library=1, data=size, orders=cost)

    def deviations(self, points: np.ndarray) -> np.ndarray:
        """Standard deviations (m, d) of the noise at points; the median of a state where nothing was measured."""
        usual = np.array([np.median(w[w > 0]) for w in self.w.T])
        return 1 / np.where(self.w[points] > 0, self.w[points], usual)

    def reweighed(self, run: np.ndarray) -> None:
        """Take the noise from what a run (n, d) leaves."""
        deviation = self.deviations(np.arange(self.n))
        for j in np.flatnonzero(~self.given):
            known = self.w[:, j] > 0
            noise = likeliest((self.x - run)[known, j], run[known, j])[1]
            deviation[:, j] = np.maximum(noise.deviation(run[:, j]), LEAST_NOISE * self.spread[j])
        self.w = np.where(self.w > 0, 1 / deviation, 0.0)
        allowed = np.minimum(self.integration.atol, _step_errors(deviation))
        self.integration = self.integration._replace(atol=allowed)


def _step_errors(deviation: np.ndarray) -> np.ndarray:
    """Errors of a step that are allowed, where states are measured well."""
    return STEP_NOISE * np.quantile(deviation, 0.2, axis=0)


def prepared(seen: Observations, given: Mapping[int, float] | None = None, *, method: str = "tsit5") -> EquationProblem:
    """Estimate the noise, smooth, and put the trajectories behind each other.

    Parameters
    ----------
    seen : Observations
    given : mapping, optional
        Standard deviations of the noise of states, by position, that are not to be estimated.
    method : str
        By which candidates are integrated, see `symdyn.discover.whole.kernel.integration`.

    Raises
    ------
    RecoveryError
        If a state has too few values, or does not change.
    """
    t = np.concatenate([k.times for k in seen.trajectories])
    raw = np.concatenate([k.values for k in seen.trajectories])
    first = np.concatenate([[0], np.cumsum([len(k.times) for k in seen.trajectories])]).astype(np.int64)
    known, given = np.isfinite(raw), given or {}
    pieces = [slice(a, b) for a, b in itertools.pairwise(first)]
    n, d = raw.shape
    spread, noises = np.empty(d), []
    for j, name in enumerate(seen.states):
        fewest = min(int(known[p, j].sum()) for p in pieces)
        if fewest < FEWEST:
            raise RecoveryError(
                f"a trajectory has {fewest} values of {name}; equations of which nothing is known need {FEWEST} or more "
                "of every state in each: leave short trajectories out, or give the known part of the equations"
            )
        spread[j] = raw[known[:, j], j].std()
        if not spread[j] > 1e-12 * np.abs(raw[known[:, j], j]).max():
            raise RecoveryError(f"{name} is constant in the data, which tell nothing of its equation; leave the column out")
        series = [(t[p][known[p, j]], raw[p, j][known[p, j]]) for p in pieces]
        stated = GrowingNoise(given.get(j, UNKNOWN * spread[j]) ** 2, np.inf, 1.0)
        noises.append(stated if j in given else local_noise(series) or stated)
    clean = not given and all(np.sqrt(noise.level) < CLEAN * s for noise, s in zip(noises, spread, strict=True))
    where, part = np.polynomial.legendre.leggauss(CLEAN_NODES if clean else NODES)
    gaps = np.diff(t, prepend=t[0])
    gaps[first[:-1]] = 0.0
    at = t[:, None] - gaps[:, None] * 0.5 * (1 - where)
    smooth, nodes, deviation = np.empty((n, d)), np.empty((n, len(where), d)), np.empty((n, d))
    for j, noise in enumerate(noises):
        for p in pieces:
            tj, xj = t[p][known[p, j]], raw[p, j][known[p, j]]
            curve = interpolated(tj, xj) if clean else smoothed(tj, xj, noise.deviation, LEAST_NOISE * spread[j])
            smooth[p, j], nodes[p, :, j] = curve(t[p]), curve(at[p])
        if not clean and (low := raw[known[:, j], j].min()) >= 0:
            # curves overshoot where counts begin small, and no equation of a population starts below zero
            for values in (smooth[:, j], nodes[..., j]):
                values[values < 0] = low
        least = np.maximum(noise.deviation(smooth[:, j]), LEAST_NOISE * spread[j])
        deviation[:, j] = CLEAN_NOISE * spread[j] if clean else least
    x = np.where(known, raw, smooth)
    begins = np.zeros(n, np.uint8)
    begins[first[:-1]] = 1
    steps = integration(method, _step_errors(deviation), rtol=STEP_STATE, largest=LOST * float(np.abs(x).max()), attempts=STEPS)
    return EquationProblem(
        t=t, x=np.ascontiguousarray(x), w=np.where(known, 1 / deviation, 0.0), smooth=smooth, first=first, nodes=nodes, at=at,
        quadrature=np.ascontiguousarray(0.5 * gaps[:, None] * part), begins=begins, seen=known.sum(axis=0).astype(float),
        spread=spread, clean=clean, floor=CLEAN_FLOOR if clean else FLOOR,
        given=np.isin(np.arange(d), list(given)), integration=steps,
    )  # fmt: skip


def contradicted(problem: EquationProblem, seen: Observations) -> tuple[str, ...]:
    """A note where the smooth curves contradict an autonomous system of as many states as there are columns."""
    times, curves = [], []
    for a, b in itertools.pairwise(problem.first):
        dense = np.concatenate([problem.nodes[a:b], problem.smooth[a:b, None]], axis=1)
        curves.append(dense.reshape(-1, problem.d)[dense.shape[1] - 1 :])  # no nodes before the first point
        times.append(np.repeat(problem.t[a:b], dense.shape[1])[dense.shape[1] - 1 :])
    noise = np.median(problem.deviations(np.arange(problem.n)), axis=0)
    found = flow_contradiction(seen.states, times, curves, noise)
    return () if found is None else (found,)
