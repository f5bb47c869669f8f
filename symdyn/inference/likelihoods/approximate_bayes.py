"""Approximate Bayesian computation by sequential Monte Carlo, for whatever can be simulated."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.stats import multivariate_normal

from symdyn.errors import RecoveryError
from symdyn.inference.budget import Budget, LateError
from symdyn.inference.journal import Journal, KeptState
from symdyn.inference.likelihoods.registry import LIKELIHOODS, Evaluator, FitLikelihood, LikelihoodTerms
from symdyn.inference.simulated_data import SimulatedData
from symdyn.inference.stochastic_setup import StochasticSetup
from symdyn.methods.options import check_whole

__all__ = ["ApproximateBayes", "Summaries"]

#: From times (T,) and measurements of paths (paths, T, n), or of cells of each time (T lists of (cells, n)), to numbers.
Summaries = Callable[[np.ndarray, list[np.ndarray]], np.ndarray]
#: Levels of the quantiles of cells.
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
#: Share of a population that the next distance keeps, and the least share of proposals that must be accepted.
KEPT, LEAST = 0.5, 0.03


@dataclass(frozen=True, kw_only=True)
class ApproximateBayes(FitLikelihood):
    r"""Posterior of the parameters given that summaries of simulated data lie near those of the data.

    A population is drawn from the priors, or evenly between bounds; again and again it is weighted, moved by normal steps, and
    simulated, and those within a shrinking distance remain.  A linear regression on the summaries corrects the last one.  The
    fit is the normal law with its mean and covariance in the coordinates, so that profiles are those of that law.

    Parameters
    ----------
    population : int
    simulations : int
        Of data, at most.
    summaries : callable, optional
        ``summaries(times, values)`` of a list of paths ``(T, n)``, or of the cells ``(cells, n)`` of every time; by default of
        every column mean, logarithm of the standard deviation, correlation of neighbours, and size of steps of paths, and
        quantiles of cells.  Distances are Euclidean, in units of the spread under the priors.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"g": 1}, initial={"X": 0})
    >>> cells = {"t": np.full(100, 3.0), "X": np.random.RandomState(0).poisson(8 * (1 - np.exp(-3)), 100)}
    >>> abc = sd.LIKELIHOODS["abc"](population=100, simulations=800)
    >>> fit = sd.fit(net, cells, likelihood=abc, parameters={"k": (1, 50)})
    >>> bool(abs(fit.parameters["k"] - 8) < 2)
    True
    """

    name: ClassVar[str] = "abc"
    definition: ClassVar[str] = "approximate Bayesian computation by sequential Monte Carlo with summaries of the data"
    reference: ClassVar[str] = (
        "Toni et al., J. R. Soc. Interface 6, 187 (2009); Beaumont, Zhang, Balding, Genetics 162, 2025 (2002)"
    )
    population: int = 200
    simulations: int = 8000
    summaries: Summaries | None = None

    def __post_init__(self) -> None:
        check_whole(10, population=self.population)
        check_whole(20, simulations=self.simulations)
        if self.simulations < 2 * self.population:
            raise RecoveryError(
                f"simulations is {self.simulations}, but a population of {self.population} begins with {2 * self.population}; "
                "give more simulations, or a smaller population"
            )
        if self.summaries is not None and not callable(self.summaries):
            raise RecoveryError(f"summaries is {self.summaries!r}; expected a function of times and values")

    def unmet(self, setup: StochasticSetup) -> str | None:
        if self.summaries is not None and not setup.snapshots and len(list(setup.groups())) > 1:
            return "gives summaries one row of times, and the paths were measured at different ones; leave summaries out"
        for c in setup.columns:
            if c.prior is None and not (np.isfinite(c.low) and np.isfinite(c.high)):
                return f"draws from priors; give one of {c.name}, or two finite bounds"
        return None

    def evaluator(self, setup: StochasticSetup) -> Evaluator:
        return PosteriorSample(setup, self)


class Population(NamedTuple):
    """Coordinates (N, P), weights (N,), scaled summaries (N, S) and distances (N,), after so many simulations."""

    coordinates: np.ndarray
    weights: np.ndarray
    summaries: np.ndarray
    distances: np.ndarray
    used: int


class PosteriorSample(Evaluator):
    """A population, and the normal law of its coordinates less the priors."""

    def __init__(self, setup: StochasticSetup, options: ApproximateBayes) -> None:
        self.setup, self.options = setup, options
        self.simulated = SimulatedData(setup, setup.seed)
        self.rng = self.simulated.rng
        self.used = 0
        self._population: Population | None = None

    @property
    def notes(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the population is."""
        return (
            "the intervals are those of the normal law with mean and covariance of the population",
            "log-likelihood and AIC are of that law and compare no models",
        )

    def expand(self, values: np.ndarray) -> LikelihoodTerms:
        mean, precision = self.law
        columns = self.setup.columns
        u = np.stack([c.coordinate(values[:, k]) for k, c in enumerate(columns)], axis=-1)
        gap = mean - u
        value = -0.5 * np.einsum("mp,pq,mq->m", gap, precision, gap)
        gradient, information = gap @ precision, np.broadcast_to(precision, (len(u), *precision.shape)).copy()
        for k, c in enumerate(columns):
            if c.prior is not None:  # which every problem adds
                at, slope, curvature = c.prior_terms(u[:, k])
                value, gradient[:, k] = value - np.nan_to_num(at, neginf=0.0), gradient[:, k] - slope
                information[:, k, k] -= np.maximum(-curvature, 0.0)
        scale = np.stack([c.slope(values[:, k]) for k, c in enumerate(columns)], axis=-1)
        return LikelihoodTerms(value, gradient / scale, information / scale[:, :, None] / scale[:, None, :])

    # ---- the population ------------------------------------------------------------------------------------

    @cached_property
    def law(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean (P,) and precision (P, P) of the coordinates."""
        if self._population is None:
            self.prepare(Budget(), Journal().kept(()))
        assert self._population is not None
        u, weights, summaries, distances, _ = self._population
        kernel = weights * np.maximum(1 - (distances / max(distances.max(), 1e-300)) ** 2, 1e-3)
        gap = summaries - self.target
        design = np.concatenate([np.ones((len(u), 1)), gap], axis=1) * np.sqrt(kernel)[:, None]
        ridge = 1e-6 * np.trace(design.T @ design) / design.shape[1] * np.eye(design.shape[1])
        slope = np.linalg.solve(design.T @ design + ridge, design.T @ (u * np.sqrt(kernel)[:, None]))[1:]
        moved = u - gap @ slope
        share = kernel / kernel.sum()
        mean = share @ moved
        spread = np.einsum("m,mp,mq->pq", share, moved - mean, moved - mean) / max(1 - float(share @ share), 0.1)
        return mean, np.linalg.inv(spread + 1e-12 * np.eye(len(mean)))

    def prepare(self, budget: Budget, kept: KeptState) -> tuple[str, FitLikelihood] | None:
        ended, late = self._restored(kept), False
        with budget.keeping(lambda: self._population is not None):
            if self._population is None:
                self._population = self._first()
                kept.keep(self._state)
            while not ended and not late:
                try:
                    found = self._next(self._population, budget)
                except LateError:
                    late = True
                else:
                    ended, self._population = found is None, found or self._population
                    kept.keep(self._state if found is not None else partial(self._state, ended=True))
        assert self._population is not None
        if ended:
            return None
        used = self._population.used
        return f"{used} simulations", replace(self.options, simulations=used)  # which leads to this population again

    def _state(self, *, ended: bool = False) -> tuple[np.ndarray, ...]:
        """What further populations depend on."""
        assert self._population is not None
        random = np.array(json.dumps(self.rng.bit_generator.state))
        return *map(np.array, self._population), self.unit, self.target, random, np.array(ended)

    def _restored(self, kept: KeptState) -> bool:
        """Go on from a state that is known; whether it is the last."""
        if kept.known is None:
            return False
        try:
            *population, self.unit, self.target, random, ended = kept.known
            u, w, s, d, used = population
            size = len(self.unit)
            shapes = [a.shape for a in (u, w, s, d, self.target)]
            if shapes != [(len(w), len(self.setup.columns)), (len(w),), (len(w), size), (len(w),), (size,)]:
                raise ValueError("another population")
            self.rng.bit_generator.state = json.loads(str(random))
        except (ValueError, TypeError, KeyError) as error:
            raise kept.journal.refused(error) from None
        self._population = Population(u, w, s, d, int(used))
        self.used = self._population.used
        return bool(ended)

    def _first(self) -> Population:
        """The population that is drawn from the priors, or evenly."""
        N = self.options.population
        u = self._drawn(2 * N)
        raw = self._simulated(u)
        sound = np.isfinite(raw).all(axis=1)
        if sound.sum() < N // 4:
            raise RecoveryError("most simulations with parameters from the priors fail; give narrower priors or bounds")
        u, raw = u[sound], raw[sound]
        spread = np.median(np.abs(raw - np.median(raw, axis=0)), axis=0) * 1.4826
        self.unit = np.where(spread > 0, spread, np.maximum(raw.std(axis=0), 1e-12))
        times, values = self._measured()
        self.target = self._summary(times, values) / self.unit
        s = raw / self.unit
        d = np.sqrt(((s - self.target) ** 2).sum(axis=1))
        kept = np.argsort(d, kind="stable")[:N]
        return Population(u[kept], np.full(len(kept), 1.0 / len(kept)), s[kept], d[kept], self.used)

    def _next(self, population: Population, budget: Budget) -> Population | None:
        """One at a smaller distance; None where there is none within the simulations that are allowed.

        Raises
        ------
        LateError
            If the budget leaves no time for the simulations.
        """
        if self.used >= self.options.simulations:
            return None
        N, (u, w, s, d, _), spent = self.options.population, population, 0.0
        limit = float(np.quantile(d, KEPT))
        spread = 2 * np.cov(u.T, aweights=w).reshape(u.shape[1], -1) + 1e-12 * np.eye(u.shape[1])
        got_u, got_s, got_d, tried, accepted = [u[:0]], [s[:0]], [d[:0]], 0, 0
        while accepted < N and LEAST * tried < N and self.used < self.options.simulations:
            if not budget.room(spent):
                raise LateError
            began = time.monotonic()
            at = self.rng.choice(len(u), N, p=w / w.sum())
            new = u[at] + self.rng.multivariate_normal(np.zeros(u.shape[1]), spread, N)
            new = new[np.isfinite(self._log_prior(new))]
            if not len(new):
                tried += N
                continue
            found = self._simulated(new) / self.unit
            away = np.sqrt(((found - self.target) ** 2).sum(axis=1))
            good = away <= limit
            tried, accepted = tried + N, accepted + int(good.sum())
            for own, part in zip((got_u, got_s, got_d), (new, found, away), strict=True):
                own.append(part[good])
            spent = time.monotonic() - began
        if accepted < N or accepted < LEAST * tried:
            return None
        new, s, d = (np.concatenate(part)[:N] for part in (got_u, got_s, got_d))
        kernel = np.stack([multivariate_normal.pdf(new - c, cov=spread).reshape(-1) for c in u], axis=1)
        weights = np.exp(self._log_prior(new)) / np.maximum(kernel @ w, 1e-300)
        return Population(new, weights / weights.sum(), s, d, self.used)

    def _drawn(self, count: int) -> np.ndarray:
        """Coordinates (count, P) from priors, or even between bounds."""
        found = np.empty((count, len(self.setup.columns)))
        for k, c in enumerate(self.setup.columns):
            share = self.rng.random(count)
            if c.prior is not None:
                found[:, k] = c.coordinate(np.clip(c.prior.ppf(share), c.low, c.high))
            else:
                low, high = c.coordinate(c.low), c.coordinate(c.high)
                found[:, k] = low + (high - low) * share
        return found

    def _log_prior(self, u: np.ndarray) -> np.ndarray:
        """Logarithms of densities (M,) of coordinates (M, P)."""
        total = np.zeros(len(u))
        for k, c in enumerate(self.setup.columns):
            value = c.value(u[:, k])
            total += np.where((value >= c.low) & (value <= c.high), 0.0, -np.inf)
            if c.prior is not None:
                total += c.log_density(value) + (u[:, k] if c.logarithmic else 0.0)
        return total

    # ---- simulated data ------------------------------------------------------------------------------------

    def _measured(self) -> tuple[np.ndarray, list[np.ndarray]]:
        data = self.setup.data.trajectories
        if self.setup.snapshots:
            return np.array([t.times[0] for t in data]), [t.values for t in data]
        return data[0].times, [t.values for t in data]

    def _simulated(self, u: np.ndarray) -> np.ndarray:
        """Summaries (M, S) of data simulated at coordinates (M, P)."""
        self.used += len(u)
        setup = self.setup
        values = np.stack([c.value(u[:, k]) for k, c in enumerate(setup.columns)], axis=-1)
        times, _ = self._measured()
        return np.stack([self._summary(times, data) for data in self.simulated.like(values)])

    def _summary(self, times: np.ndarray, values: list[np.ndarray]) -> np.ndarray:
        if self.options.summaries is not None:
            found = np.asarray(self.options.summaries(times, values), dtype=float).ravel()
            if not found.size:
                raise RecoveryError("summaries returned no number; expected one or more")
            return found
        with np.errstate(all="ignore"):
            return _of_cells(values) if self.setup.snapshots else _of_paths(values)


def _of_cells(values: list[np.ndarray]) -> np.ndarray:
    """Quantiles, means and correlations of the cells of every time."""
    parts = []
    for rows in values:
        parts += [np.nanquantile(rows, LEVELS, axis=0).ravel(), np.nanmean(rows, axis=0)]
        if rows.shape[1] > 1:
            middle = np.nan_to_num(rows - np.nanmean(rows, axis=0))
            spread = np.maximum(middle.std(axis=0), 1e-12)
            parts.append(((middle.T @ middle) / len(rows) / np.outer(spread, spread))[np.triu_indices(rows.shape[1], 1)])
    return np.concatenate(parts)


def _of_paths(values: list[np.ndarray]) -> np.ndarray:
    """Of every column early and late mean, logarithm of the deviation, correlation of neighbours, and size of steps."""
    rows = []
    for y in values:
        fourth = max(len(y) // 4, 1)
        middle = y - np.nanmean(y, axis=0)
        spread = np.nanvar(y, axis=0)
        rows.append(
            [
                np.nanmean(y, axis=0), np.nanmean(y[:fourth], axis=0), np.log(np.sqrt(spread) + 1e-6),
                np.nanmean(middle[1:] * middle[:-1], axis=0) / np.maximum(spread, 1e-12),
                np.log(np.sqrt(np.nanmean(np.diff(y, axis=0) ** 2, axis=0)) + 1e-6),
            ]
        )  # fmt: skip
    return np.nanmean(np.array(rows), axis=0).ravel()


LIKELIHOODS.register("abc", ApproximateBayes)
