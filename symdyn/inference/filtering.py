r"""Error of the model beside error of measurement: the likelihood of data of an ODE system or a map with process noise.

Between two times the states follow the system and are moved at random besides; what is measured has an error of its own,

.. math:: z_{k+1} = \phi(z_k) + w_k, \quad w_k \sim N(0, Q \Delta_k), \qquad y_k = z_k + e_k, \quad e_k \sim N(0, R),

with diagonal :math:`Q` and :math:`R`.  `z` is a state, or the logarithm of one, whose errors are then shares of the values.
The law of each datum given those before it is that of a Gaussian filter by cubature (Arasaratnam, Haykin, IEEE Trans. Autom.
Control 54, 1254 (2009)).  Without process noise it is the likelihood of a run from initial values, which are fitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdyn.codegen.kernel import compile
from symdyn.inference.data import Observations
from symdyn.inference.scoring import Score
from symdyn.system import System

__all__ = ["ErrorLaw", "FilterLikelihood", "Filtered"]

RTOL, ATOL, MAX_STEPS = 1e-8, 1e-10, 4000
#: Step of the derivatives, in units of each value.
STEP = 1e-3
#: Variance, in units of the scale, that a state has at least: without any there are no points about a mean.
TINY = 1e-14
#: Size of a state, in units of its scale or in its logarithm, at which a run is lost.
LOST = 50.0
#: Least and largest standard deviation of the errors, in units of the scale.
LEAST, MOST = 1e-4, 3.0


@dataclass(frozen=True)
class Filtered:
    """Where a filter has got to, of L choices of values.

    Attributes
    ----------
    values : (L,) float64
        Log-likelihoods; minus infinity where a run is lost.
    gaps, spreads : sequence of (L, n) and (L, n, n) float64
        Of each datum: its distance from the prediction, and the covariance of that; of what is missing 0 and 1.
    means, covariances : sequence of (L, n) and (L, n, n) float64
        Of the state at the last time of each trajectory, given all of its data.
    """

    values: np.ndarray
    gaps: list[np.ndarray]
    spreads: list[np.ndarray]
    means: list[np.ndarray]
    covariances: list[np.ndarray]


@dataclass(frozen=True)
class ErrorLaw:
    """How errors are distributed.

    Attributes
    ----------
    process : str or None
        Standard deviations of the error of the model: ``"common"``, the same share of the scale of every state, ``"each"``, one
        for each state, or None without any.
    logarithmic : bool
        Whether the errors are those of logarithms, and so shares of the values.
    """

    process: str | None = None
    logarithmic: bool = False

    def count(self, states: int) -> int:
        """How many deviations of the error of the model are fitted."""
        return {None: 0, "common": 1, "each": states}[self.process]


class FilterLikelihood:
    """The likelihood of values of a system, for `symdyn.inference.scoring.maximise`.

    The values are the free parameters over their sizes, initial values of every trajectory that are not held, and logarithms of
    the standard deviations of the errors of measurement, then, with process noise, of those of the model in a unit of time;
    states are in units of their scale.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
        With values for all its parameters.
    data : Observations
    law : ErrorLaw
        Where it is logarithmic all data have to be positive.
    free : sequence of Symbol
        Parameters that are fitted.
    starts : (trajectories, n) float64
        Initial values, from which a fit begins.
    held : (trajectories, n) bool, optional
        Those that are not fitted.
    bounds : mapping of Symbol to (float, float), optional
        Of parameters.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.inference.data import observations
    >>> x, a = sp.symbols("x a")
    >>> walk = sd.DiscreteSystem({x: a * x}, {a: 1})
    >>> data = observations(walk, {"t": [0, 1], "x": [1.0, 3.0]})
    >>> random = FilterLikelihood(walk, data, ErrorLaw("common"), (), starts=np.array([[1.0]]), held=np.array([[True]]))
    >>> value = random.value(np.log([2.0, 1.0]) - np.log(data.scale))  # deviations of measurement and model, 2 and 1
    >>> bool(np.isclose(value, -np.log(2 * np.pi) - 0.5 * np.log(4 * 5) - 0.5 * 2**2 / 5))
    True
    """

    def __init__(
        self, system: System, data: Observations, law: ErrorLaw, free: Sequence[sp.Symbol], *, starts: np.ndarray,
        held: np.ndarray | None = None, bounds: Mapping[sp.Symbol, tuple[float, float]] | None = None,
    ) -> None:  # fmt: skip
        self.system, self.data, self.free, self.law = system, data, tuple(free), law
        self.kernel = compile(system)
        self._row = np.array([system.defaults[p] for p in system.parameters], dtype=float)
        self._place = [system.parameters.index(p) for p in self.free]
        self.sizes = np.where(self._row[self._place] != 0, np.abs(self._row[self._place]), 1.0)
        self.n, self.runs = len(data.states), len(data.trajectories)
        known = [np.isfinite(t.values) for t in data.trajectories]
        self.measured = np.flatnonzero(np.concatenate(known).any(axis=0))
        self._y, self.initial = [self.inward(t.values) for t in data.trajectories], self.inward(starts)
        for start, y in zip(self.initial, self._y, strict=True):  # a logarithm of what is not positive: begin from the data
            for i in np.flatnonzero(~np.isfinite(start)):
                start[i] = next(iter(y[np.isfinite(y[:, i]), i]), 0.0)
        self.held = np.zeros(self.initial.shape, dtype=bool) if held is None else held
        self.loose = np.flatnonzero(~self.held)
        self._cuts = np.cumsum([len(self.free), len(self.loose), len(self.measured), law.count(self.n)])
        self.limits = dict(bounds or {})
        # densities of the data in their own units
        raw = np.concatenate([t.values for t in data.trajectories])
        sizes = raw if law.logarithmic else np.broadcast_to(data.scale, raw.shape)
        self._volume = float(np.log(sizes[np.isfinite(raw)]).sum())

    @property
    def size(self) -> int:
        """How many values are fitted."""
        return int(self._cuts[-1])

    @property
    def names(self) -> list[str]:
        """Names of the parameters and initial values among them."""
        several = self.runs > 1
        found = [p.name for p in self.free]
        for i in self.loose:
            k, j = divmod(int(i), self.n)
            which = f" of trajectory {k}" if several else ""
            found.append(f"{self.data.states[j]}({self.data.trajectories[k].times[0]:g}){which}")
        return found

    def inward(self, states: np.ndarray) -> np.ndarray:
        """States as the filter has them."""
        with np.errstate(invalid="ignore", divide="ignore"):
            scaled = states / self.data.scale
            return np.where(scaled > 0, np.log(np.where(scaled > 0, scaled, 1.0)), np.nan) if self.law.logarithmic else scaled

    def outward(self, states: np.ndarray) -> np.ndarray:
        """States in their units."""
        with np.errstate(over="ignore"):
            return np.asarray((np.exp(states) if self.law.logarithmic else states) * self.data.scale)

    def values(self, noise: float, process: float) -> np.ndarray:
        """Values to begin from: those of the system and the initial ones, and deviations of both errors."""
        count = self.law.count(self.n)
        errors = np.log(np.repeat([noise, process], [len(self.measured), count]))
        return np.concatenate([self._row[self._place] / self.sizes, self.initial.ravel()[self.loose], errors])

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest values."""
        low, high = np.full(self.size, -np.inf), np.full(self.size, np.inf)
        for i, p in enumerate(self.free):
            low[i], high[i] = np.array(self.limits.get(p, (-np.inf, np.inf))) / self.sizes[i]
        low[self._cuts[1] :], high[self._cuts[1] :] = np.log(LEAST), np.log(MOST)
        return low, high

    def parts(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Rows of all parameters, initial values (L, trajectories, n) as the filter has them, and variances (L, n) of errors.

        Of L choices of values (L, P); the errors are those of measurement and of the model.
        """
        own, loose, measured, process = np.split(theta, self._cuts[:3], axis=1)
        rows = np.repeat(self._row[None], len(theta), axis=0)
        rows[:, self._place] = own * self.sizes
        starts = np.repeat(self.initial.reshape(1, -1), len(theta), axis=0)
        starts[:, self.loose] = loose
        variances = np.ones((len(theta), self.n))
        variances[:, self.measured] = np.exp(2 * measured)
        drawn = np.exp(2 * process) if process.shape[1] else np.zeros((len(theta), 1))
        return rows, starts.reshape(-1, self.runs, self.n), variances, np.broadcast_to(drawn, (len(theta), self.n))

    # ---- the filter ----------------------------------------------------------------------------

    def filtered(self, theta: np.ndarray) -> Filtered:
        """Run the filter for L choices of values (L, P)."""
        rows, starts, measurement, process = self.parts(theta)
        count, n = len(theta), self.n
        total, gaps, spreads, means, covariances = np.full(count, -self._volume), [], [], [], []
        for k, trajectory in enumerate(self.data.trajectories):
            mean, cov = starts[:, k], np.broadcast_to(TINY * np.eye(n), (count, n, n))
            for i, y in enumerate(self._y[k]):
                if i:
                    mean, cov = self.ahead(mean, cov, rows, process, trajectory.times[i - 1 : i + 1])
                have = np.isfinite(y)
                both = have[:, None] & have
                gap = np.where(have, y - mean, 0.0)
                spread = np.where(both, cov + measurement[:, :, None] * np.eye(n), np.eye(n))
                with np.errstate(invalid="ignore", over="ignore"):
                    gain = np.swapaxes(_solved(spread, np.where(have[:, None], cov, 0.0)), 1, 2)
                    logs = np.linalg.slogdet(spread)[1]
                    left = np.einsum("li,li->l", gap, _solved(spread, gap[..., None])[..., 0])
                    total = total - 0.5 * (left + logs + have.sum() * np.log(2 * np.pi))
                    mean = mean + np.einsum("lij,lj->li", gain, gap)
                    cov = cov - gain @ spread @ np.swapaxes(gain, 1, 2)
                gaps.append(gap)
                spreads.append(spread)
            means.append(mean)
            covariances.append(cov)
        return Filtered(np.where(np.isfinite(total), total, -np.inf), gaps, spreads, means, covariances)

    def ahead(
        self, mean: np.ndarray, cov: np.ndarray, rows: np.ndarray, process: np.ndarray, times: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance at the second of two times from those at the first; half of the noise comes before the run."""
        count, n = mean.shape
        half = 0.5 * (times[1] - times[0]) * process[:, :, None] * np.eye(n)
        root = _root(cov + half) * np.sqrt(n)
        points = mean[:, None] + np.concatenate([np.swapaxes(root, 1, 2), -np.swapaxes(root, 1, 2)], axis=1)
        moved = self.moved(points.reshape(-1, n), np.repeat(rows, 2 * n, axis=0), times).reshape(count, 2 * n, n)
        mean = moved.mean(axis=1)
        left = moved - mean[:, None]
        return mean, np.einsum("lsi,lsj->lij", left, left) / (2 * n) + half

    def moved(self, states: np.ndarray, rows: np.ndarray, times: np.ndarray) -> np.ndarray:
        """States at the second of two times from those at the first; NaN where a run is lost."""
        found = np.full_like(states, np.nan)
        good = (np.abs(states) < LOST).all(axis=1) & np.isfinite(rows).all(axis=1)
        if good.any():
            atol = ATOL * float(self.data.scale.min())
            run = self.kernel(self.outward(states[good]), rows[good], times, rtol=RTOL, atol=atol, max_steps=MAX_STEPS)
            found[good] = self.inward(run.values[:, -1])
        return found

    # ---- what is maximised ---------------------------------------------------------------------

    def value(self, theta: np.ndarray) -> float:
        """The log-likelihood."""
        return float(self.filtered(theta[None]).values[0])

    def score(self, theta: np.ndarray) -> Score:
        r"""Value, gradient and expected information by central differences of the predictions and their covariances.

        .. math:: I_{ab} = \sum_k \partial_a m_k' S_k^{-1} \partial_b m_k
                  + \tfrac12 \operatorname{tr}(S_k^{-1} \partial_a S_k S_k^{-1} \partial_b S_k)
        """
        count = len(theta)
        moves = STEP * np.eye(count)
        run = self.filtered(np.concatenate([theta[None], theta + moves, theta - moves]))
        found = Score.none(count, float(run.values[0]))
        if not np.isfinite(run.values).all():
            return Score.none(count, -np.inf)
        for gap, spread in zip(run.gaps, run.spreads, strict=True):
            slope = -(gap[1 : count + 1] - gap[count + 1 :]) / (2 * STEP)  # of the prediction
            bend = (spread[1 : count + 1] - spread[count + 1 :]) / (2 * STEP)
            inverse = np.linalg.pinv(spread[0], hermitian=True)
            left = inverse @ gap[0]
            shape = inverse @ bend
            own = slope @ left + 0.5 * np.einsum("i,aij,j->a", left, bend, left) - 0.5 * np.einsum("aii->a", shape)
            information = slope @ inverse @ slope.T + 0.5 * np.einsum("aij,bji->ab", shape, shape)
            found += Score(0.0, own, information, np.outer(own, own))
        return found


def _root(cov: np.ndarray) -> np.ndarray:
    """Square roots (L, n, n) of covariances, by columns; NaN where one is no covariance."""
    sound = np.isfinite(cov).all(axis=(1, 2))
    values, vectors = np.linalg.eigh(np.where(sound[:, None, None], cov, np.eye(cov.shape[-1])))
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    return np.asarray(np.where(sound[:, None, None], root, np.nan))


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solutions of linear equations; NaN where a matrix holds no number or is singular."""
    with np.errstate(invalid="ignore", over="ignore"):
        sound = np.isfinite(matrix).all(axis=(1, 2)) & (np.abs(np.linalg.det(matrix)) > 0)
    found = np.linalg.solve(np.where(sound[:, None, None], matrix, np.eye(matrix.shape[-1])), right)
    return np.asarray(np.where(sound[:, None, None], found, np.nan))
