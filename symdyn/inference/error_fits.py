"""Fits of a system under laws of error, and what they foretell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import sympy as sp

from symdyn.inference.criterion import price
from symdyn.inference.data import Observations
from symdyn.inference.filtering import ErrorLaw, FilterLikelihood
from symdyn.inference.information import Information, inverse
from symdyn.inference.scoring import ScoredFit, maximise
from symdyn.system import System

__all__ = ["LOST", "ErrorFit", "Forecast", "fit_errors", "laws"]

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

    def criterion(self, prior: float) -> float:
        """The Bayesian criterion, corrected for few data, with the price of the terms: small is good.

        Parameters
        ----------
        prior : float
            Minus twice the logarithm of the prior of the terms.
        """
        n = self.likelihood.data.size
        return -2 * self.found.score.value + price([(self.likelihood.size, n)], terms=0, library=1, data=n) + prior

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
        """What the data tell of the parameters and initial values."""
        like, theta, kept = self.likelihood, self.found.theta, self.determined
        told, count = inverse(self.found.score.information[np.ix_(kept, kept)]), len(like.names)
        _, starts, _, _ = like.parts(theta[None])
        begun = like.outward(starts[0]).ravel()[like.loose]
        usual = begun if like.law.logarithmic else np.tile(like.data.scale, like.runs)[like.loose]
        scales = np.concatenate([like.sizes, usual])
        values = np.concatenate([theta[: len(like.free)] * like.sizes, begun])
        low, high = (b[:count].copy() for b in like.bounds)
        low[: len(like.free)] *= like.sizes
        high[: len(like.free)] *= like.sizes
        return Information(
            tuple(like.names), values, told.covariance[:count, :count] * np.outer(scales, scales), told.undetermined[:count],
            told.rank - (len(kept) - count), told.condition, max(like.data.size - len(kept), 1), low, high,
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
        rows, _, measurement, process = like.parts(theta)
        run, found = like.filtered(theta), []
        for k, own in enumerate(times):
            before, each = like.data.trajectories[k].times[-1], []
            state = run.means[k] + _correlated(run.covariances[k], rng)
            for t in own:
                half = np.sqrt(0.5 * (t - before) * process)
                state = like.moved(state + half * rng.standard_normal(state.shape), rows, np.array([before, t]))
                state, before = state + half * rng.standard_normal(state.shape), t
                each.append(like.outward(state + np.sqrt(measurement) * rng.standard_normal(state.shape)))
            found.append(np.stack(each, axis=1))
        return found

    def ended(self) -> list[np.ndarray]:
        """States (n,) at the last time of each trajectory, given all of its data."""
        return [self.likelihood.outward(mean[0]) for mean in self.likelihood.filtered(self.found.theta[None]).means]

    def foretold(self, times: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Runs (T, n) that begin where the filter ends, at times after the data of each trajectory; NaN where one is lost."""
        like = self.likelihood
        run, rows = like.filtered(self.found.theta[None]), like.parts(self.found.theta[None])[0]
        found = []
        for trajectory, mean, own in zip(like.data.trajectories, run.means, times, strict=True):
            state, before, rows_of = mean, trajectory.times[-1], []
            for t in own:
                state, before = like.moved(state, rows, np.array([before, t])), t
                rows_of.append(state[0])
            found.append(like.outward(np.array(rows_of).reshape(-1, like.n)))
        return found

    def forecasts(self) -> list[Forecast]:
        """Forecasts from several origins within the data, each after a fit to the data before it; none where those are few."""
        like, found = self.likelihood, []
        for share in ORIGINS:
            kept = [max(round(share * len(t.times)), 2) for t in like.data.trajectories]
            early = replace(like.data, trajectories=tuple(
                replace(t, times=t.times[:k], values=t.values[:k]) for t, k in zip(like.data.trajectories, kept, strict=True)
            ))  # fmt: skip
            later = [(t.times[k:], t.values[k:]) for t, k in zip(like.data.trajectories, kept, strict=True)]
            if early.size <= like.size + 1 or not any(np.isfinite(values).any() for _, values in later):
                continue
            own = FilterLikelihood(
                like.system, early, like.law, like.free, starts=like.outward(like.initial), held=like.held, bounds=like.limits
            )
            low, high = own.bounds
            fit = ErrorFit(own, maximise(own, self.found.theta, low=low, high=high, iterations=ITERATIONS, tolerance=GAIN))
            found.append(Forecast(share, fit, [t for t, _ in later], [v for _, v in later]))
        return found


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
        each = [_squares(like.inward(run), like.inward(v)) for run, v in zip(runs, self.values, strict=True)]
        return float(np.mean(each)) + FORETOLD**2

    def unchanged(self, like: FilterLikelihood) -> float:
        """The same if nothing changed after the last complete data before the origin."""
        each = []
        for t, values in zip(self.fit.likelihood.data.trajectories, self.values, strict=True):
            whole = np.flatnonzero(np.isfinite(t.values).all(axis=1))
            last = t.values[whole[-1]] if whole.size else np.full(like.n, np.nan)
            each.append(_squares(like.inward(last), like.inward(values)))
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
    likelihood = FilterLikelihood(system, data, law, free, starts=starts, held=held, bounds=bounds)
    low, high = likelihood.bounds
    begin = likelihood.values(BEGIN, BEGIN)
    if before is not None:
        kept, first = len(likelihood.names), len(likelihood.names) + len(likelihood.measured)
        begin[:kept] = before.found.theta[:kept]
        measured, process = np.split(before.found.theta[kept:], [first - kept])
        begin[kept:first] = measured if process.size or not law.process else measured + np.log(LESS)
        begin[first:] = (process if process.size else measured).mean()
    found = maximise(likelihood, np.clip(begin, low, high), low=low, high=high, iterations=ITERATIONS, tolerance=GAIN)
    return ErrorFit(likelihood, found) if np.isfinite(found.score.value) else None
