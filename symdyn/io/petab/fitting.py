"""Fits of PEtab problems: their likelihood, with forward sensitivities of all experiments in lanes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Protocol, cast

import numpy as np
import pandas as pd

from symdyn.errors import RecoveryError
from symdyn.given_values import name_of
from symdyn.inference.fit_problem import MOST_NUMBERS, FitProblem, FittedColumn, expanded_in_parts
from symdyn.inference.fit_request import Proposal
from symdyn.inference.fit_symbols import FitRequest
from symdyn.inference.held import climb
from symdyn.inference.levenberg import Recorded
from symdyn.inference.noise_laws import LAWS
from symdyn.inference.other_folds import RowsProblem
from symdyn.inference.quadratic import Quadratic
from symdyn.io.petab.columns import fitted_column
from symdyn.io.petab.contents import PetabParameter
from symdyn.io.petab.lanes import Accuracy
from symdyn.io.petab.windows import LEAST, MOST, Windows, oscillates

__all__ = ["PetabFitProblem", "PetabLikelihood", "petab_proposal"]

#: Tolerances of simulations unless others are given.
RTOL, ATOL = 1e-8, 1e-12
#: Attempted steps allowed to a trajectory of a period; one that needs more is running away.
MAX_STEPS = 20_000
#: Points that are drawn for each start at least and at most, and how many values and derivatives all these have.
FEWEST_POINTS, MOST_POINTS, POINTS = 10, 200, 1e5
#: Steps of scales, offsets and deviations along trajectories that stay, and the gain of twice the log-likelihood that counts.
SETTLING, SETTLED = 30, 1e-3
#: Where known deviations over the spreads of their observables differ by more than this factor: shares of the spreads that are
#: added to them one after another, iterations with each, and how many times as many starts are climbed.
UNEQUAL = 2.0
SOFTENED = ((1.0, 30, 3), (0.5, 30, 2), (0.3, 40, 1), (0.2, 100, 1), (0.1, 150, 1), (0.05, 100, 1), (0.02, 100, 1))
#: Tolerance of simulations over the share, and the gain of twice the log-likelihood that counts meanwhile.
SOFT_RTOL, SOFT_GAIN = 1e-5, 1e-2
#: Stages of what oscillates: times of measurement in a window over the fewest, standard deviation of jumps, iterations, share
#: of the spreads of observables that is added to the noise, and how many times as many starts are climbed.
WINDOWS = (
    (1, 1.0, 15, 0.3, 15), (1, 0.5, 15, 0.3, 8), (1, 0.25, 20, 0.3, 4), (1, 0.12, 20, 0.2, 2), (1, 0.06, 40, 0.1, 1),
    (1, 0.03, 60, 0.0, 1), (1, 0.01, 60, 0.0, 1), (2, 0.03, 80, 0.0, 1), (2, 0.01, 80, 0.0, 1), (4, 0.03, 80, 0.0, 1),
    (4, 0.01, 80, 0.0, 1), (8, 0.03, 80, 0.0, 1), (8, 0.01, 80, 0.0, 1), (8, 0.003, 80, 0.0, 1),
)  # fmt: skip
#: Times of measurement in the shortest windows, initial values of windows at most, and the tolerance of their simulations.
SHORTEST, MOST_STARTS, WINDOW_RTOL = 8, 300, 1e-5
#: Arguments of `fit` that a problem answers itself.
OWN = ("parameters", "priors", "observables", "noise", "conditions", "initial", "limits", "scales", "windows")


class PetabLikelihood(Protocol):
    """What a problem tells of itself."""

    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Measurements (N,) on the scales of their noise, logarithms of slopes of these, and whether noise is Laplace's."""

    def row_table(self) -> pd.DataFrame:
        """Columns condition, time, observable and measured of the measurements, these on the scales of their noise."""

    def texts(self, parameters: Mapping[str, float] | None = None) -> dict[str, str]:
        """The files of the problem by name."""

    def expected(
        self, points: dict[str, np.ndarray], how: Accuracy, along: Mapping[str, np.ndarray] = ...
    ) -> tuple[np.ndarray, np.ndarray]:
        """Simulations on those scales and noise, (1 + K, B, N): values, then derivatives by K parameters of those speeds."""

    @property
    def observing(self) -> tuple[str, ...]:
        """Estimated parameters that enter observables and noise alone."""

    def windowed(self, each: int, jump: float) -> Windows | None:
        """The same in windows of so many times of measurement, None where there is one window only."""

    def expected_along(
        self, points: dict[str, np.ndarray], how: Accuracy
    ) -> Callable[[np.ndarray, Mapping[str, np.ndarray], Mapping[str, np.ndarray]], tuple[np.ndarray, np.ndarray]]:
        """The same at other values of these, along trajectories that stay."""


class PetabFitProblem(RowsProblem):
    """The likelihood of a PEtab problem, in natural logarithms of parameters on logarithmic scales.

    Parameters
    ----------
    likelihood : PetabLikelihood
    estimated : list of PetabParameter
    guesses : mapping of str to float
    how : Accuracy
    """

    iterations, reach = 200, 4.0

    def __init__(
        self, likelihood: PetabLikelihood, estimated: list[PetabParameter], guesses: dict[str, float], how: Accuracy
    ) -> None:
        self.likelihood, self.how = likelihood, how
        self.columns = tuple(fitted_column(p, guesses) for p in estimated)
        self.start_bounds, self.start_scale = (np.zeros((0, 0)), np.zeros((0, 0))), np.zeros(0)
        self.measured, self.slope, self.laplace = likelihood.rows()
        self.size = len(self.measured)
        self.kept: np.ndarray | None = None
        self.added: np.ndarray | None = None
        each = self.size * (1 + len(likelihood.observing))
        self.pool = int(np.clip(POINTS / each, FEWEST_POINTS, MOST_POINTS))

    @property
    def facts(self) -> Any:
        return self.likelihood.texts(), self.columns, self.how

    def row_table(self) -> pd.DataFrame:
        return self.likelihood.row_table()

    def with_rows(self, kept: np.ndarray) -> PetabFitProblem:
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__, kept=kept)
        new.__dict__.pop("softened", None)  # of all rows
        return new

    def taken(self, theta: np.ndarray, before: FitProblem) -> np.ndarray:
        return theta[:, : len(self.columns)]

    @cached_property
    def softened(self) -> tuple[FitProblem, ...]:
        return self._in_windows() or self._with_noise()

    def _in_windows(self) -> tuple[FitProblem, ...]:
        """Likelihoods of trajectories that may jump at cuts, where data oscillate."""
        table = self.row_table()
        if self.kept is not None or not np.isfinite(table["time"]).all() or not oscillates(table):
            return ()
        found: list[FitProblem] = []
        for times, jump, iterations, share, crowd in WINDOWS:
            cut = self.likelihood.windowed(times * SHORTEST, jump)
            # logarithms are of what is positive
            if cut is None or len(cut.starts) > MOST_STARTS or (cut.begun(self._amid, self.how) <= 0).any():
                break
            found.append(_WindowedFit(self, cut, share * self._spread, iterations, crowd))
        return tuple(found)

    @property
    def _amid(self) -> dict[str, np.ndarray]:
        """A point (1,) inside the bounds."""
        at = self.values(np.clip(0.5 * (np.maximum(self.low, -1.0) + np.minimum(self.high, 1.0)), self.low, self.high)[None])
        return dict(zip(self.names, at.T, strict=True))

    @property
    def _spread(self) -> np.ndarray:
        """Standard deviations of all that is measured of the observable of each row."""
        rows = pd.Series(self.measured).groupby(self.row_table()["observable"].to_numpy())
        return np.asarray(rows.transform("std", ddof=0))

    def _with_noise(self) -> tuple[FitProblem, ...]:
        """The same with shares of the spreads of observables added to deviations that depend on nothing, where these differ."""
        ones = {name: np.ones(1) for name in self.names}
        _, sigma = self.likelihood.expected(self._amid, self.how, ones)
        spread = self._spread
        known = (sigma[0, 0] > 0) & (sigma[1:, 0] == 0).all(axis=0) & (spread > 0)
        relative = sigma[0, 0, known] / spread[known]
        if not known.any() or relative.max() <= UNEQUAL * relative.min():
            return ()
        found: list[FitProblem] = []
        for share, iterations, crowd in SOFTENED:
            rtol = max(self.how.rtol, SOFT_RTOL * share)
            how = replace(self.how, rtol=rtol, atol=self.how.atol * rtol / self.how.rtol)
            soft = object.__new__(type(self))
            added = np.where(known, share * spread, 0.0)
            soft.__dict__.update(self.__dict__, added=added, how=how, iterations=iterations, crowd=crowd, gain=SOFT_GAIN)
            found.append(soft)
        return tuple(found)

    def _widened(self, mean: np.ndarray, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Simulations and noise with what is added, where the noise depends on nothing."""
        if self.added is None:
            return mean, sigma
        wide = np.where(self.added > 0, np.hypot(sigma[:1], self.added), sigma[:1])
        # where the noise seemed to depend on nothing, pieces of its formula elsewhere may
        rates = np.where(self.added > 0, sigma[:1] / np.where(self.added > 0, wide, 1.0), 1.0)
        return mean, np.concatenate([wide, rates * sigma[1:]])

    def row_densities(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        names = dict(zip(self.names, self.values(theta).T, strict=True))
        (mean,), (sigma,) = self._widened(*self.likelihood.expected(names, self.how))
        value = np.zeros(mean.shape)
        with np.errstate(all="ignore"):
            sigma = np.where(sigma > 0, sigma, np.nan)
            for name, rows in (("normal", ~self.laplace), ("laplace", self.laplace)):
                if rows.any():
                    law = LAWS[name].score(self.measured[rows], mean[:, rows], (sigma[:, rows],), fisher=False)
                    value[:, rows] = law.value
        return mean, value - self.slope

    def settled(
        self, which: np.ndarray, theta: np.ndarray, starts: np.ndarray, active: np.ndarray,
        recorded: Callable[[int], Recorded] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        moved = [k for k, name in enumerate(self.names) if name in self.likelihood.observing]
        if not active[:, moved].any():
            return super().settled(which, theta, starts, active, recorded)
        found, total = theta.copy(), np.empty(len(theta))
        most = max(int(MOST_NUMBERS / (self.size * 4 * (1 + len(moved)))), 1)
        for part in (slice(a, a + most) for a in range(0, len(theta), most)):
            inner = _ObservationFit(self, moved, which[part], theta[part])
            own, may = theta[part][:, moved], active[part][:, moved]
            left = None if recorded is None else recorded(part.start)
            fits = climb(inner, own, starts[part], may, iterations=SETTLING, gain=SETTLED, recorded=left)
            found[part, moved] = fits.theta
            with np.errstate(invalid="ignore"):
                total[part] = fits.total - 2 * (self.log_prior(found[part]) - inner.log_prior(fits.theta))
        return found, total

    @cached_property
    def noise_rows(self) -> dict[str, np.ndarray]:
        """Rows whose noise a column multiplies that enters nothing else and has a flat prior or none, by its name."""
        flat = [c for c in self.columns if c.prior is None or c.prior.flat]
        own = [c for c in flat if c.name in self.likelihood.observing and c.low >= 0]
        at = 0.5 * (np.maximum(self.low, -1.0) + np.minimum(self.high, 1.0))
        places = np.clip(at + np.array([[0.0], [0.3]]), self.low, self.high)
        points = dict(zip(self.names, self.values(places).T, strict=True))
        if not own:
            return {}
        mean, sigma = self.likelihood.expected(points, self.how, {c.name: points[c.name] for c in own})
        with np.errstate(all="ignore"):
            alone = np.isclose(sigma[1:], sigma[0], rtol=1e-12, atol=0).all(axis=1) & (mean[1:] == 0).all(axis=1)
        elsewhere = (sigma[1:] != 0).any(axis=1) | ~(mean[1:] == 0).all(axis=1)
        found = {c.name: np.flatnonzero(alone[k]) for k, c in enumerate(own) if (alone[k] == elsewhere[k]).all()}
        return {name: rows for name, rows in found.items() if len(set(self.laplace[rows])) == 1}

    def _expected(
        self, which: np.ndarray, points: dict[str, np.ndarray], speeds: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        return self._widened(*self.likelihood.expected(points, self.how, speeds))

    def totals(self, theta: np.ndarray, starts: np.ndarray) -> np.ndarray:
        _, density = self.row_densities(theta)
        total = -2 * (density.sum(axis=1) + self.log_prior(theta))
        return np.where(np.isnan(total), np.inf, total)

    def expand_data(self, which: np.ndarray, theta: np.ndarray, starts: np.ndarray, *, fisher: bool = False) -> Quadratic:
        each = self.size * 4 * (1 + len(self.columns))
        return expanded_in_parts(partial(self._expanded, fisher=fisher), which, theta, starts, each)

    def _expanded(self, which: np.ndarray, theta: np.ndarray, starts: np.ndarray, *, fisher: bool) -> Quadratic:
        count, P = theta.shape
        plain = self.values(theta)
        speeds = {c.name: np.asarray(c.slope(plain[:, k])) for k, c in enumerate(self.columns)}
        found = self._expected(which, dict(zip(self.names, plain.T, strict=True)), speeds)
        (mean, sigma), designs = (f[0] for f in found), [np.moveaxis(f[1:], 0, -1) for f in found]
        value, design = np.zeros(mean.shape), np.stack(designs, axis=-2)
        scores, curvature = np.zeros((*mean.shape, 2)), np.zeros((*mean.shape, 2, 2))
        with np.errstate(all="ignore"):
            sigma = np.where(sigma > 0, sigma, np.nan)
            for name, rows in (("normal", ~self.laplace), ("laplace", self.laplace)):
                if rows.any():
                    law = LAWS[name].score(self.measured[rows], mean[:, rows], (sigma[:, rows],), fisher=fisher)
                    value[:, rows] = law.value - self.slope[rows]
                    scores[:, rows] = np.moveaxis(law.scores, 0, -1)
                    curvature[:, rows] = np.moveaxis(law.information, (0, 1), (-2, -1))
            if self.kept is not None:
                kept = self.kept[which]
                value, scores = np.where(kept, value, 0.0), np.where(kept[..., None], scores, 0.0)
                curvature = np.where(kept[..., None, None], curvature, 0.0)
                design = np.where(kept[..., None, None], design, 0.0)
            gradient = np.einsum("mna,mnap->mp", scores, design)
            information = np.einsum("mnap,mnab,mnbq->mpq", design, curvature, design, optimize=True)
        total = value.sum(axis=1)
        failed = ~(np.isfinite(total) & np.isfinite(gradient).all(axis=1) & np.isfinite(information).all(axis=(1, 2)))
        gradient[failed], information[failed] = 0.0, 0.0
        none = np.zeros((count, 0, P, 0)), np.zeros((count, 0, 0, 0)), np.zeros((count, 0, 0))
        return Quadratic(np.where(failed, np.inf, -2 * total)[:, None], information, gradient, *none)


class _ObservationFit(PetabFitProblem):
    """The likelihood over the columns that enter observables and noise alone, along the trajectories of candidates."""

    def __init__(self, whole: PetabFitProblem, moved: list[int], which: np.ndarray, theta: np.ndarray) -> None:
        noise_rows = whole.noise_rows
        self.__dict__.update(whole.__dict__)
        self.columns = tuple(whole.columns[k] for k in moved)
        self.own = [(k, noise_rows[c.name]) for k, c in enumerate(self.columns) if c.name in noise_rows]
        self.kept = None if whole.kept is None else whole.kept[which]
        self.along = whole.likelihood.expected_along(dict(zip(whole.names, whole.values(theta).T, strict=True)), whole.how)

    def settled(
        self, which: np.ndarray, theta: np.ndarray, starts: np.ndarray, active: np.ndarray,
        recorded: Callable[[int], Recorded] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        found, unknown = theta.copy(), np.full(len(theta), np.nan)
        if not self.own:
            return found, unknown
        (mean,), (sigma,) = self.along(which, dict(zip(self.names, self.values(theta).T, strict=True)), {})
        with np.errstate(all="ignore"):
            z = np.abs(self.measured - mean) / sigma
            if self.kept is not None:
                z = np.where(self.kept[which], z, np.nan)
            # what multiplies the noise has its best value in closed form, however far that is
            size = np.where(self.laplace, z, z**2)
            for k, rows in self.own:
                mean_size = np.nansum(size[:, rows], axis=1) / np.isfinite(size[:, rows]).sum(axis=1)
                c, power = self.columns[k], 1 if self.laplace[rows[0]] else 2
                value = c.value(theta[:, k])
                best = c.coordinate(value * mean_size ** (1 / power))
                sound = active[:, k] & np.isfinite(best) & (mean_size > 0)
                found[sound, k] = np.clip(best[sound], self.low[k], self.high[k])
                # the next may multiply the same noise
                size[:, rows] *= ((value / c.value(found[:, k])) ** power)[:, None]
        return found, unknown

    def _expected(
        self, which: np.ndarray, points: dict[str, np.ndarray], speeds: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        return self._widened(*self.along(which, points, speeds))


class _WindowedFit(PetabFitProblem):
    """The likelihood of trajectories in windows, over the columns of the whole and the logarithms of initial values."""

    def __init__(self, whole: PetabFitProblem, cut: Windows, added: np.ndarray, iterations: int, crowd: int) -> None:
        # what windows lack is never asked for
        super().__init__(cast(PetabLikelihood, cut), [], {}, replace(whole.how, rtol=max(whole.how.rtol, WINDOW_RTOL)))
        self.cut, self.whole, self.crowd, self.pool, self.iterations, self.gain = cut, whole, crowd, 1, iterations, SOFT_GAIN
        self.columns = (*whole.columns, *(FittedColumn(name, LEAST, MOST, logarithmic=True) for name in cut.starts))
        self.added = np.append(added, np.zeros(len(cut.starts)))

    def taken(self, theta: np.ndarray, before: FitProblem) -> np.ndarray:
        plain = theta[:, : len(self.whole.columns)]
        if set(before.names) >= set(self.names):
            places = [before.names.index(name) for name in self.names]
            return theta[:, places]
        begun = self.cut.begun(dict(zip(self.whole.names, self.whole.values(plain).T, strict=True)), self.how)
        # a failed simulation may do better in windows
        return np.concatenate([plain, np.log(np.clip(np.nan_to_num(begun, nan=1.0), LEAST, MOST))], axis=1)

    def settled(
        self, which: np.ndarray, theta: np.ndarray, starts: np.ndarray, active: np.ndarray,
        recorded: Callable[[int], Recorded] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        return FitProblem.settled(self, which, theta, starts, active, recorded)


def petab_proposal(
    likelihood: PetabLikelihood, estimated: list[PetabParameter], fitted: Any, wanted: FitRequest, data: Any
) -> Proposal:
    """What `symdyn.fit` climbs.

    Raises
    ------
    RecoveryError
        For arguments that the problem answers itself, and guesses of what is not estimated.
    """
    given = [name for name in OWN if getattr(wanted, name) not in (None, {})]
    if data is not None or given:
        raise RecoveryError(
            f"{given[0] if given else 'data'} has no effect on a PEtab problem, which has its own; leave it out"
        )
    guesses = {name_of(k): float(v) for k, v in wanted.guesses.items()}
    if wrong := [k for k in guesses if k not in {p.name for p in estimated}]:
        raise RecoveryError(f"guesses names {wrong[0]}, which is not estimated; leave it out")
    a = wanted.accuracy
    how = Accuracy(a["method"], a["rtol"] or RTOL, ATOL if a["atol"] is None else a["atol"], MAX_STEPS)
    problem = PetabFitProblem(likelihood, estimated, guesses, how)
    return Proposal(problem, (), lambda theta, starts: fitted(dict(zip(problem.names, problem.values(theta), strict=True))))
