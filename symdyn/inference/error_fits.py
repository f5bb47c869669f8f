"""Fits of a system under laws of error, and what they foretell."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import sympy as sp

from symdyn.inference.criterion import price
from symdyn.inference.data import Observations
from symdyn.inference.filtering import ErrorLaw, FilterLikelihood, scores
from symdyn.inference.information import Information, inverse
from symdyn.inference.scoring import ScoredFit, maximise_together
from symdyn.system import System

__all__ = ["LOST", "ErrorFit", "Forecast", "fit_errors", "fit_together", "forecasts", "laws"]

#: Deviation of both errors, in units of the scale, from which a fit begins.
BEGIN = 0.1
#: Steps of a fit, and the gain of a step that ends it.
ITERATIONS, GAIN = 60, 2e-3
#: Shares of the data that are used before each forecast.
ORIGINS = (6 / 12, 7 / 12, 8 / 12, 9 / 12, 10 / 12, 11 / 12)
#: Relative error of a forecast, in units of the spread of the data, that counts as none, and the largest that is counted.
FORETOLD, LOST = 1e-3, 3.0
#: Information about the logarithm of a deviation below which an error is absent, and draws for each that is kept.
ABSENT, MORE = 0.1, 4
#: Share of an error of measurement with which a fit begins that has process noise besides.
LESS = 0.5


@dataclass(frozen=True)
class ErrorFit:
    """A system fitted under a law of error.

    Attributes
    ----------
    likelihood : FilterLikelihood
    found : ScoredFit
    """

    likelihood: FilterLikelihood
    found: ScoredFit

    @property
    def law(self) -> ErrorLaw:
        """How errors are distributed."""
        return self.likelihood.law

    @property
    def runs(self) -> int:
        """Simulations that it took: one and two for each of its values at every point that was asked for."""
        return self.found.evaluations * (1 + 2 * self.likelihood.size)

    def criterion(self, prior: float) -> float:
        """The Bayesian criterion, corrected for few data, with the price of the terms: small is good.

        Parameters
        ----------
        prior : float
            Minus twice the logarithm of the prior of the terms.
        """
        return -2 * self.found.score.value + _price(self.likelihood) + prior

    def values(self) -> tuple[dict[sp.Symbol, float], np.ndarray]:
        """Fitted parameters, and initial values (trajectories, n)."""
        rows, starts, _, _ = self.likelihood.parts(self.found.theta[None])
        names = self.likelihood.system.parameters
        return dict(zip(names, map(float, rows[0]), strict=True)), self.likelihood.outward(starts[0])

    def errors(self) -> pd.DataFrame:
        """Standard deviations of both errors by state: of a measurement, and of the model in a unit of time."""
        like = self.likelihood
        _, _, measurement, process = like.parts(self.found.theta[None])
        unit = 1.0 if like.law.logarithmic else like.data.scale
        measured = np.where(np.isin(np.arange(like.n), like.measured), np.sqrt(measurement[0]) * unit, np.nan)
        columns = {"measurement": measured, "model": np.sqrt(process[0]) * unit}
        return pd.DataFrame(columns, index=pd.Index(like.data.states, name="state"))

    @property
    def determined(self) -> np.ndarray:
        """Positions of the values that are not deviations of errors which are as good as absent."""
        own = np.diag(self.found.score.information)
        return np.flatnonzero((np.arange(len(own)) < len(self.likelihood.names)) | (own > ABSENT))

    def information(self) -> Information:
        """What the data tell of the parameters and initial values.

        As of linear models: variances of errors, which are estimated with them, have fewer degrees of freedom than data.
        """
        like, theta, kept = self.likelihood, self.found.theta, self.determined
        told, count = inverse(self.found.score.information[np.ix_(kept, kept)]), len(like.names)
        size, freedom = like.data.size, max(like.data.size - count, 1)
        _, starts, _, _ = like.parts(theta[None])
        begun = like.outward(starts[0]).ravel()[like.loose]
        usual = begun if like.law.logarithmic else np.tile(like.data.scale, like.trajectories)[like.loose]
        scales = np.concatenate([like.sizes, usual])
        values = np.concatenate([theta[: len(like.free)] * like.sizes, begun])
        low, high = (b[:count].copy() for b in like.bounds)
        low[: len(like.free)] *= like.sizes
        high[: len(like.free)] *= like.sizes
        return Information(
            tuple(like.names), values, told.covariance[:count, :count] * np.outer(scales, scales) * size / freedom,
            told.undetermined[:count], told.rank - (len(kept) - count), told.condition, freedom, low, high,
        )  # fmt: skip

    def drawn(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw all values from their posterior under flat priors, (count, P).

        Draws of a law of Student about the estimate are resampled by their likelihoods, the largest weights truncated
        (Ionides, J. Comput. Graph. Stat. 17, 295 (2008)).
        """
        like, theta, kept = self.likelihood, self.found.theta, self.determined
        covariance = inverse(self.found.score.information[np.ix_(kept, kept)]).covariance
        values, vectors = np.linalg.eigh(covariance)
        freedom = max(like.data.size - len(kept), 3)
        u = rng.standard_normal((MORE * count, len(kept))) / np.sqrt(rng.chisquare(freedom, (MORE * count, 1)) / freedom)
        draws = np.repeat(theta[None], MORE * count, axis=0)
        draws[:, kept] += u @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
        draws = np.clip(draws, *like.bounds)
        logs = like.filtered(draws).values + 0.5 * (freedom + len(kept)) * np.log1p((u**2).sum(axis=1) / freedom)
        weights = np.exp(logs - logs.max()) if np.isfinite(logs).any() else np.ones(len(logs))
        weights = np.minimum(weights, weights.mean() * np.sqrt(len(weights)))
        return draws[rng.choice(len(draws), count, p=weights / weights.sum())]

    def paths(self, times: Sequence[np.ndarray], count: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Data to come, (count, T, n) for each trajectory, at times after those of the data.

        With uncertain values and states, and both errors; NaN where a run is lost.
        """
        like = self.likelihood
        theta = self.drawn(count, rng)
        _, _, measurement, process = like.parts(theta)
        run, found = like.filtered(theta), []
        for k, own in enumerate(times):
            if not like.law.process:
                ahead = like.ahead(theta, k, own)
                error = np.sqrt(measurement)[:, None] * rng.standard_normal(ahead.shape)
                found.append(like.outward(ahead + error))
                continue
            before, each = like.data.trajectories[k].times[-1], []
            state = run.means[k] + _correlated(run.covariances[k], rng)
            for t in own:
                half = np.sqrt(0.5 * (t - before) * process)
                state = like.runs(state + half * rng.standard_normal(state.shape), theta, np.array([before, t]))[:, -1]
                state, before = state + half * rng.standard_normal(state.shape), t
                each.append(like.outward(state + np.sqrt(measurement) * rng.standard_normal(state.shape)))
            found.append(np.stack(each, axis=1))
        return found

    def ended(self) -> list[np.ndarray]:
        """States (n,) at the last time of each trajectory, given all of its data."""
        return [self.likelihood.outward(mean[0]) for mean in self.likelihood.filtered(self.found.theta[None]).means]

    def foretold(self, times: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Runs (T, n) that begin where the filter ends, at times after the data of each trajectory; NaN where one is lost.

        Without process noise those from the initial values, which a past that is known precedes.
        """
        like, theta, found = self.likelihood, self.found.theta[None], []
        if not like.law.process:
            return [like.outward(like.ahead(theta, k, own)[0]) for k, own in enumerate(times)]
        for trajectory, mean, own in zip(like.data.trajectories, like.filtered(theta).means, times, strict=True):
            found.append(like.outward(like.runs(mean, theta, np.append(trajectory.times[-1], own))[0, 1:]))
        return found

    def forecasts(self) -> list[Forecast]:
        """Forecasts from several origins within the data, each after a fit to the data before it; none where those are few."""
        return forecasts([self])[0]


@dataclass(frozen=True)
class Forecast:
    """Data after an origin, and the fit to those before it.

    Attributes
    ----------
    origin : float
        Share of the data that comes before.
    fit : ErrorFit
    times : list of (T,) float64
        Of what comes after, of each trajectory.
    values : list of (T, n) float64
    """

    origin: float
    fit: ErrorFit
    times: list[np.ndarray]
    values: list[np.ndarray]

    def error(self, like: FilterLikelihood) -> float:
        """Mean squared error, as a likelihood has states: of logarithms, or in units of the scale of each; bounded."""
        runs = self.fit.foretold(self.times)
        each = [_squares(like.inward(run), like.inward(v))[like.measured] for run, v in zip(runs, self.values, strict=True)]
        return float(np.mean(each)) + FORETOLD**2

    def unchanged(self, like: FilterLikelihood) -> float:
        """The same if nothing changed after the last complete data before the origin."""
        each = []
        for t, values in zip(self.fit.likelihood.data.trajectories, self.values, strict=True):
            whole = np.flatnonzero(np.isfinite(t.values[:, like.measured]).all(axis=1))
            last = t.values[whole[-1]] if whole.size else np.full(like.n, np.nan)
            each.append(_squares(like.inward(last), like.inward(values))[like.measured])
        return float(np.mean(each)) + FORETOLD**2


def _correlated(covariances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Normal draws (L, n), one for each covariance."""
    values, vectors = np.linalg.eigh(covariances)
    return np.einsum("lij,lj->li", vectors * np.sqrt(np.maximum(values, 0.0))[:, None], rng.standard_normal(values.shape))


def _squares(run: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean squared differences from the data, by state; bounded, also where a run is lost."""
    known = np.isfinite(values)
    gap = np.broadcast_to(run, values.shape) - np.where(known, values, 0.0)
    gap = np.where(np.isfinite(gap), np.minimum(np.abs(gap), LOST), LOST)
    return np.asarray(np.where(known, gap**2, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def laws(data: Observations) -> list[ErrorLaw]:
    """The laws without process noise that data allow: logarithms only where all states are measured and positive."""
    values = np.concatenate([t.values for t in data.trajectories])
    known = np.isfinite(values)
    positive = bool((values[known] > 0).all() and known.any(axis=0).all())
    return [ErrorLaw(None, logarithmic) for logarithmic in ((False, True) if positive else (False,))]


def forecasts(fits: Sequence[ErrorFit]) -> list[list[Forecast]]:
    """Forecasts of several fits to the same data, as `ErrorFit.forecasts` has them."""
    found: list[list[Forecast]] = [[] for _ in fits]
    parts: list[tuple[int, Forecast]] = []
    for (i, fit), share in itertools.product(enumerate(fits), ORIGINS):
        like, whole = fit.likelihood, fit.likelihood.data.trajectories
        cuts = [max(round(share * len(t.times)), 2) for t in whole]
        kept = tuple(replace(t, times=t.times[:k], values=t.values[:k]) for t, k in zip(whole, cuts, strict=True))
        early, later = replace(like.data, trajectories=kept), [t.values[k:] for t, k in zip(whole, cuts, strict=True)]
        if early.size > like.size + 1 and any(np.isfinite(values).any() for values in later):
            times = [t.times[k:] for t, k in zip(whole, cuts, strict=True)]
            parts.append((i, Forecast(share, replace(fit, likelihood=like.on(early)), times, later)))
    ends = _climbed([f.fit.likelihood for _, f in parts], [f.fit.found.theta for _, f in parts])
    for (i, forecast), end in zip(parts, ends, strict=True):
        found[i].append(replace(forecast, fit=replace(forecast.fit, found=end)))
    return found


def _price(like: FilterLikelihood) -> float:
    """What the fitted values cost."""
    n = like.data.size
    return price([(like.size, n)], terms=0, library=1, data=n)


def fit_errors(
    system: System, data: Observations, law: ErrorLaw, free: Sequence[sp.Symbol], *, starts: np.ndarray,
    held: np.ndarray | None = None, bounds: Mapping[sp.Symbol, tuple[float, float]] | None = None,
    before: ErrorFit | None = None,
) -> ErrorFit | None:  # fmt: skip
    """The best fit under a law; None where the data are impossible.

    Parameters
    ----------
    system, data, law, free, starts, held, bounds :
        As of `FilterLikelihood`.
    before : ErrorFit, optional
        A fit of the same system under another law, from whose values this one begins.
    """
    return fit_together([FilterLikelihood(system, data, law, free, starts=starts, held=held, bounds=bounds)], [before])[0]


def fit_together(
    likelihoods: Sequence[FilterLikelihood], before: Sequence[ErrorFit | None], *, going: Callable[[], bool] | None = None,
    priors: Sequence[float] | None = None, worst: float = np.inf,
) -> list[ErrorFit | None]:  # fmt: skip
    """The best fits of several systems to the same data, as `fit_errors`.

    Parameters
    ----------
    likelihoods : sequence of FilterLikelihood
    before : sequence of ErrorFit or None
        Of each, a fit of the same system under another law.
    going : callable, optional
        Whether there is time left.  Without any at the beginning nothing is computed, and all are None.
    priors : sequence of float, optional
        Of their terms, as of `ErrorFit.criterion`.
    worst : float
        Fits whose criterion does not come near this are given up, and None.
    """
    if going is not None and not going():
        return [None] * len(likelihoods)
    prior = np.zeros(len(likelihoods)) if priors is None else np.asarray(priors)
    needed = [0.5 * (_price(like) + p - worst) for like, p in zip(likelihoods, prior, strict=True)]
    begins = [_begun(like, fit) for like, fit in zip(likelihoods, before, strict=True)]
    ends = _climbed(likelihoods, begins, going=going, needed=needed)
    return [
        ErrorFit(like, end) if np.isfinite(end.score.value) and not end.abandoned else None
        for like, end in zip(likelihoods, ends, strict=True)
    ]


def _begun(like: FilterLikelihood, before: ErrorFit | None) -> np.ndarray:
    """Values from which a fit begins."""
    begin = like.values(BEGIN, BEGIN)
    if before is not None:
        kept, first = len(like.names), len(like.names) + len(like.measured)
        begin[:kept] = before.found.theta[:kept]
        measured, process = np.split(before.found.theta[kept:], [first - kept])
        begin[kept:first] = measured if process.size or not like.law.process else measured + np.log(LESS)
        begin[first:] = (process if process.size else measured).mean()
    return begin


def _climbed(
    likelihoods: Sequence[FilterLikelihood], begins: Sequence[np.ndarray], *, going: Callable[[], bool] | None = None,
    needed: Sequence[float] | None = None,
) -> list[ScoredFit]:  # fmt: skip
    """Optima from these values."""
    if not likelihoods:
        return []
    return maximise_together(
        lambda which, thetas: scores([likelihoods[i] for i in which], thetas), begins, [like.bounds for like in likelihoods],
        iterations=ITERATIONS, tolerance=GAIN, going=going, needed=needed,
    )  # fmt: skip
