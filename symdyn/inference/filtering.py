r"""Error of the model beside error of measurement: the likelihood of data of an ODE system or a map with process noise.

Between two times the states follow the system and are moved at random besides; what is measured has an error of its own,

.. math:: z_{k+1} = \phi(z_k) + w_k, \quad w_k \sim N(0, Q \Delta_k), \qquad y_k = z_k + e_k, \quad e_k \sim N(0, R),

with diagonal :math:`Q` and :math:`R`.  `z` is a state, or the logarithm of one, whose errors are then shares of the values.
About an initial value that is fitted, or is the first datum, the first state is distributed as
`symdyn.inference.beginnings` says.  The law of each datum given those before it is that of a Gaussian filter by cubature
(Arasaratnam, Haykin, IEEE Trans. Autom. Control 54, 1254 (2009)).  Without process noise it is the likelihood of a run from
initial values, which are fitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy as sp

from symdyn.codegen.kernel import Kernel, compile
from symdyn.inference.beginnings import first_spread
from symdyn.inference.data import Observations
from symdyn.inference.filter_runs import Filtered, Side, filtered, inward, outward, runs
from symdyn.inference.scoring import Score
from symdyn.system import System

__all__ = ["ErrorLaw", "FilterLikelihood", "Within", "scores"]

#: Step of the derivatives, in units of each value; at most a share of an initial value, as what begins near zero may not be
#: followed from the other side, but not less than that rounding counts.
STEP, SHARE, SHORTEST = 1e-3, 0.1, 1e-5
#: Least and largest standard deviation of the errors, in units of the scale.
LEAST, MOST = 1e-4, 3.0


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


@dataclass(frozen=True)
class Within:
    """A larger system of which several are parts, so that one kernel is for all: that with other parameters held at 0.

    Attributes
    ----------
    kernel : Kernel
        Of the larger system, which has values for all its parameters.
    places : mapping of Symbol to Symbol
        Its parameters by those of the part that have other names.
    """

    kernel: Kernel
    places: Mapping[sp.Symbol, sp.Symbol]


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
    within : Within, optional
        What is run in place of the system.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.inference.data import observations
    >>> x, a = sp.symbols("x a")
    >>> walk = sd.DiscreteSystem({x: a * x}, {a: 1})
    >>> data = observations(walk, {"t": [0, 1], "x": [2.0, 3.0]})
    >>> random = FilterLikelihood(walk, data, ErrorLaw("common"), (), starts=np.array([[1.0]]), held=np.array([[True]]))
    >>> value = random.value(np.log([2.0, 1.0]) - np.log(data.scale))  # deviations of measurement and model, 2 and 1
    >>> bool(np.isclose(value, -np.log(2 * np.pi) - 0.5 * np.log(4 * 5) - 0.5 * (1 / 4 + 2**2 / 5)))
    True
    """

    def __init__(
        self, system: System, data: Observations, law: ErrorLaw, free: Sequence[sp.Symbol], *, starts: np.ndarray,
        held: np.ndarray | None = None, bounds: Mapping[sp.Symbol, tuple[float, float]] | None = None,
        within: Within | None = None,
    ) -> None:  # fmt: skip
        self.system, self.data, self.free, self.law, self.within = system, data, tuple(free), law, within
        self._row = np.array([system.defaults[p] for p in system.parameters], dtype=float)
        self._place = [system.parameters.index(p) for p in self.free]
        self.sizes = np.where(self._row[self._place] != 0, np.abs(self._row[self._place]), 1.0)
        self.n, self.trajectories = len(data.states), len(data.trajectories)
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

    def on(self, data: Observations) -> FilterLikelihood:
        """That of other data of the same trajectories."""
        return FilterLikelihood(
            self.system, data, self.law, self.free, starts=self.outward(self.initial), held=self.held, bounds=self.limits,
            within=self.within,
        )  # fmt: skip

    @property
    def size(self) -> int:
        """How many values are fitted."""
        return int(self._cuts[-1])

    @property
    def names(self) -> list[str]:
        """Names of the parameters and initial values among them."""
        several = self.trajectories > 1
        found = [p.name for p in self.free]
        for i in self.loose:
            k, j = divmod(int(i), self.n)
            which = f" of trajectory {k}" if several else ""
            found.append(f"{self.data.states[j]}({self.data.trajectories[k].times[0]:g}){which}")
        return found

    def inward(self, states: np.ndarray) -> np.ndarray:
        """States as the filter has them."""
        return inward(states, self.data.scale, logarithmic=self.law.logarithmic)

    def outward(self, states: np.ndarray) -> np.ndarray:
        """States in their units."""
        return outward(states, self.data.scale, logarithmic=self.law.logarithmic)

    @cached_property
    def kernel(self) -> Kernel:
        """What runs."""
        return compile(self.system) if self.within is None else self.within.kernel

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
        return rows, starts.reshape(-1, self.trajectories, self.n), variances, np.broadcast_to(drawn, (len(theta), self.n))

    # ---- the filter ----------------------------------------------------------------------------

    def side(self, theta: np.ndarray) -> Side:
        """L choices of values (L, P), to be run."""
        rows, starts, measurement, process = self.parts(theta)
        times = [t.times for t in self.data.trajectories]
        first = np.array([y[0] for y in self._y])
        loose = ~self.held | np.isclose(first, self.initial, 1e-12, 0.0)
        paths = zip(loose, self.data.trajectories, strict=True)
        begun = np.stack([first_spread(process, own, path) for own, path in paths], axis=1)
        return Side(
            self.kernel, self._placed(rows), starts, measurement, process, begun, times, self._y, self.data.scale,
            self.law.logarithmic, -self._volume,
        )  # fmt: skip

    def filtered(self, theta: np.ndarray) -> Filtered:
        """Run the filter for L choices of values (L, P)."""
        return filtered([self.side(theta)])[0]

    def runs(self, states: np.ndarray, theta: np.ndarray, times: np.ndarray) -> np.ndarray:
        """States (L, T, n) at times from those (L, n) at the first, without errors; NaN where a run is lost."""
        return runs(self.side(theta), states, times)

    def ahead(self, theta: np.ndarray, k: int, times: np.ndarray) -> np.ndarray:
        """States (L, T, n) without errors at times after the initial values of trajectory k; NaN where a run is lost."""
        _, starts, _, _ = self.parts(theta)
        begin = self.data.trajectories[k].times[0]
        return self.runs(starts[:, k], theta, np.append(begin, times))[:, 1:]

    def _placed(self, rows: np.ndarray) -> np.ndarray:
        """Parameters as the kernel has them."""
        if self.within is None:
            return rows
        larger = self.within.kernel.system
        found = np.repeat([[float(larger.defaults[p]) for p in larger.parameters]], len(rows), axis=0)
        at = [larger.parameters.index(self.within.places.get(p, p)) for p in self.system.parameters]
        found[:, at] = rows
        return found

    # ---- what is maximised ---------------------------------------------------------------------

    def steps(self, theta: np.ndarray) -> np.ndarray:
        """Steps (P,) of the derivatives at values (P,)."""
        found = np.full(self.size, STEP)
        if not self.law.logarithmic:
            own = slice(self._cuts[0], self._cuts[1])
            found[own] = np.where(theta[own] == 0, STEP, np.clip(SHARE * np.abs(theta[own]), SHORTEST, STEP))
        return found

    def value(self, theta: np.ndarray) -> float:
        """The log-likelihood."""
        return float(self.filtered(theta[None]).values[0])

    def score(self, theta: np.ndarray) -> Score:
        """Value, gradient and expected information, see `scores`."""
        return scores([self], [theta])[0]


def scores(likelihoods: Sequence[FilterLikelihood], thetas: Sequence[np.ndarray]) -> list[Score]:
    r"""Value, gradient and expected information by central differences of the predictions and their covariances.

    .. math:: I_{ab} = \sum_k \partial_a m_k' S_k^{-1} \partial_b m_k
              + \tfrac12 \operatorname{tr}(S_k^{-1} \partial_a S_k S_k^{-1} \partial_b S_k)

    Parameters
    ----------
    likelihoods : sequence of FilterLikelihood
        Of the same data, or beginnings of these.
    thetas : sequence of (P,) float64
        Values of each.
    """
    steps = [f.steps(theta) for f, theta in zip(likelihoods, thetas, strict=True)]
    lanes = [
        np.concatenate([theta[None], theta + np.diag(s), theta - np.diag(s)]) for theta, s in zip(thetas, steps, strict=True)
    ]
    runs = filtered([f.side(own) for f, own in zip(likelihoods, lanes, strict=True)])
    return [_score(run, 2 * s[:, None, None]) for run, s in zip(runs, steps, strict=True)]


def _score(run: Filtered, width: np.ndarray) -> Score:
    """From runs at values and beside them, so far apart (P, 1, 1)."""
    count = len(run.values) // 2
    if not np.isfinite(run.values).all():
        return Score.none(count, -np.inf)
    slope = (run.gaps[count + 1 :] - run.gaps[1 : count + 1]) / width  # of the prediction
    bend = (run.spreads[1 : count + 1] - run.spreads[count + 1 :]) / width[..., None]
    inverse = np.linalg.pinv(run.spreads[0], hermitian=True)
    left = (inverse @ run.gaps[0][..., None])[..., 0]
    shape, mirrored = inverse @ bend, np.swapaxes(inverse @ bend, -1, -2)
    each = np.einsum("adi,di->da", slope, left) + 0.5 * np.einsum("di,adij,dj->da", left, bend, left, optimize=True)
    each -= 0.5 * np.einsum("adii->da", shape)
    scaled = (inverse @ slope[..., None])[..., 0].reshape(count, -1)
    information = scaled @ slope.reshape(count, -1).T + 0.5 * shape.reshape(count, -1) @ mirrored.reshape(count, -1).T
    return Score(float(run.values[0]), each.sum(axis=0), information, each.T @ each)
