"""What every fit maximises: a log-likelihood with priors over coordinates that are logarithms where values are positive."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from symdyn.inference.budget import Budget
from symdyn.inference.journal import KeptState
from symdyn.inference.levenberg import Expand, Recorded
from symdyn.inference.quadratic import Quadratic

__all__ = ["GAIN", "MOST_NUMBERS", "POOLED", "FitProblem", "FittedColumn", "expanded_in_parts"]

#: Gain of twice the log-likelihood that counts.
GAIN = 1e-6
#: Starts for which points are drawn.
POOLED = 20
#: Step of the difference quotients of priors over the distance of their quartiles, and at most over that from an end.
PRIOR_STEP, NEAR_END = 1e-3, 1e-2
#: Distance from an end of the support, over the value, within which rounding alone is left.
AT_END = 1e-8
#: Numbers that are held at a time: candidates beyond are expanded one part after another.
MOST_NUMBERS = 2e7


@dataclass(frozen=True)
class FittedColumn:
    """A value that is fitted.

    Attributes
    ----------
    name : str
    low, high : float
        Bounds.
    logarithmic : bool
        Whether its coordinate is its logarithm, else itself over `size`.
    size : float
    guesses : tuple of float
        Values from which to begin; none if a start may be anywhere.
    prior : frozen distribution of `scipy.stats`, optional
        Of the value itself; in place of it what has a ``logpdf``, and maybe ``slopes(value, fisher=)``, its first and second
        derivatives.
    """

    name: str
    low: float = -np.inf
    high: float = np.inf
    logarithmic: bool = False
    size: float = 1.0
    guesses: tuple[float, ...] = ()
    prior: Any = None

    def value(self, coordinate: Any) -> Any:
        """The value at a coordinate."""
        with np.errstate(over="ignore"):
            return np.exp(coordinate) if self.logarithmic else coordinate * self.size

    def coordinate(self, value: Any) -> Any:
        """The coordinate of a value."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(value) if self.logarithmic else value / self.size

    def slope(self, value: Any) -> Any:
        """How the value moves with its coordinate."""
        return value if self.logarithmic else self.size + 0 * value

    def log_density(self, value: Any) -> np.ndarray:
        """Logarithm of the prior density; far from all of it minus infinity."""
        with np.errstate(over="ignore", divide="ignore"):
            return np.asarray(self.prior.logpdf(value))

    @cached_property
    def _prior_reach(self) -> tuple[float, float, float]:
        """Distance of the quartiles of the prior along the coordinate, 0 if it has none, and the ends of its support."""
        if not hasattr(self.prior, "ppf"):
            return 0.0, -np.inf, np.inf
        low, first, third, high = map(float, self.coordinate(self.prior.ppf(np.array([0.0, 0.25, 0.75, 1.0]))))
        width = third - first
        return width if 0 < width < np.inf else 0.0, -np.inf if np.isnan(low) else low, np.inf if np.isnan(high) else high

    def _prior_step(self, coordinate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steps of difference quotients of the prior, and where there are any: not at an end of the support.

        They are parts of what the prior extends over, larger where this is small beside the value, so that rounding does not
        count, and smaller near an end, where densities such as :math:`x^a` change over the distance from there.
        """
        width, low, high = self._prior_reach
        size = np.maximum(np.abs(coordinate), 1.0 if self.logarithmic else 0.0)
        if width:
            step = np.maximum(PRIOR_STEP * width, np.cbrt(np.finfo(float).eps * size * width**2))
        else:
            step = 0.1 * PRIOR_STEP * np.maximum(size, 1.0)
        apart = np.minimum(coordinate - low, high - coordinate)
        return np.minimum(step, NEAR_END * apart), apart > AT_END * size

    def prior_terms(self, coordinate: np.ndarray, *, fisher: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Logarithm of the prior density of the value, with its slope and curvature along the coordinate.

        Of priors with ``slopes`` by these, else by difference quotients.
        """
        if hasattr(self.prior, "slopes"):
            value = self.value(coordinate)
            first, second = self.prior.slopes(value, fisher=fisher)
            speed, bend = self.slope(value), value if self.logarithmic else 0.0
            with np.errstate(all="ignore"):
                exact = first * speed, second * speed**2 + first * bend
            slope, curvature = (np.where(np.isfinite(x), x, 0.0) for x in exact)
            return self.log_density(value), slope, curvature
        step, open_ = self._prior_step(coordinate)
        at, below, above, less, more = (self.log_density(self.value(coordinate + s * step)) for s in (0, -1, 1, -2, 2))
        inside = open_ & np.isfinite(below) & np.isfinite(above)
        with np.errstate(invalid="ignore", divide="ignore"):
            far = np.where(np.isfinite(less) & np.isfinite(more), 2 * (above - below) - (more - less), 0.0)
            slope, curvature = ((above - below) + far / 6) / (2 * step), (above - 2 * at + below) / step**2
        return at, np.where(inside, slope, 0.0), np.where(inside, curvature, 0.0)


class FitProblem(ABC):
    """A likelihood of P columns and of initial values (V, n) of windows, over coordinates.

    Attributes
    ----------
    columns : tuple of FittedColumn
    start_bounds : pair of (V, n) float64
        Of scaled initial values; equal ones are not fitted.
    start_scale : (n,) float64
    size : int
        How many values were measured.
    concentrated : int
        Scales of the noise that are estimated with every evaluation.
    corrected : bool
        Whether quantiles are those of Student and Fisher: all noise is normal with scales that are estimated.
    gain : float
        Of twice the log-likelihood that counts.
    pool : int
        Points that are drawn for each start, of which those of the greatest likelihood are climbed; more than `POOLED` starts
        share the points of so many.
    iterations : int
        Of every start.
    crowd : int
        Of a softened likelihood: how many times as many starts are climbed as are asked for.
    reach : float
        How far coordinates move in a damped step, see `symdyn.inference.levenberg.LevenbergMarquardt`.
    """

    columns: tuple[FittedColumn, ...]
    start_bounds: tuple[np.ndarray, np.ndarray]
    start_scale: np.ndarray
    size: int
    concentrated: int = 0
    corrected: bool = False
    gain: float = GAIN
    pool: int = 1
    iterations: int = 80
    crowd: int = 1
    reach: float = np.inf

    @abstractmethod
    def expand_data(self, which: np.ndarray, theta: np.ndarray, starts: np.ndarray, *, fisher: bool = False) -> Quadratic:
        """Minus twice the log-likelihood of candidates, with its expansion; see `symdyn.inference.levenberg.Expand`."""

    @property
    def facts(self) -> Any:
        """Everything that the likelihood depends on, for `symdyn.inference.facts.facts_of`."""
        return self.columns

    def prepare(self, budget: Budget, kept: KeptState) -> str | None:
        """Compute what takes long and every value needs; by default nothing does.

        Returns what was done, in words, if the budget or an interrupt ended it before its end.
        """
        return None

    @property
    def softened(self) -> tuple[FitProblem, ...]:
        """Likelihoods with fewer maxima that starts climb first, one after another; by default none.

        Where deviations are known and differ, few measurements rule the likelihood, and most climbs end where these are met and
        the others are not.  With noise that is large and alike all count alike.  Where data oscillate, most climbs end at a
        steady state amid them.  Trajectories that may jump at cuts follow the data all the time, and say how parameters must
        move for that; with ever smaller and fewer jumps they become simulations.
        """
        return ()

    def taken(self, theta: np.ndarray, before: FitProblem) -> np.ndarray:
        """Coordinates (M, P) of this likelihood from those of the one that was climbed before, by default the same."""
        return theta

    @property
    def low(self) -> np.ndarray:
        """Smallest coordinates, (P,)."""
        return np.array([c.coordinate(c.low) if not c.logarithmic or c.low > 0 else -np.inf for c in self.columns], dtype=float)

    @property
    def high(self) -> np.ndarray:
        """Largest coordinates, (P,)."""
        return np.array([c.coordinate(c.high) for c in self.columns], dtype=float)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(c.name for c in self.columns)

    @property
    def open_starts(self) -> np.ndarray:
        """Initial values that are fitted, (V, n) bool."""
        return np.asarray(self.start_bounds[0] < self.start_bounds[1])

    @property
    def count(self) -> int:
        """How many values are fitted, scales of the noise not counted that are estimated along."""
        return len(self.columns) + int(self.open_starts.sum())

    @property
    def freedom(self) -> int:
        """Data less fitted values, at least 1."""
        return max(self.size - self.count, 1)

    @property
    def start_names(self) -> list[str]:
        """Names of the initial values that are fitted."""
        return []

    def error(self, theta: np.ndarray) -> float:
        """Standard error of the log-likelihood at coordinates (P,), where simulations estimate it."""
        return 0.0

    def remarks(self, theta: np.ndarray) -> tuple[str, ...]:
        """Notes on the fitted coordinates (P,)."""
        return ()

    def rough_starts(self, count: int) -> np.ndarray:
        """Scaled initial values (S, V, n) from which to begin."""
        return np.zeros((count, *self.start_bounds[0].shape[:1], len(self.start_scale)))

    def values(self, theta: np.ndarray) -> np.ndarray:
        """Values (..., P) of coordinates."""
        return np.stack([c.value(theta[..., k]) for k, c in enumerate(self.columns)], axis=-1) if self.columns else theta

    def coordinates(self, values: Sequence[float]) -> np.ndarray:
        """Coordinates (P,) of values."""
        return np.array([c.coordinate(v) for c, v in zip(self.columns, values, strict=True)], dtype=float)

    def log_prior(self, theta: np.ndarray) -> np.ndarray:
        """Logarithms of prior densities (M,) at coordinates (M, P)."""
        found = np.zeros(len(theta))
        for k, c in enumerate(self.columns):
            if c.prior is not None:
                found = found + c.log_density(c.value(theta[:, k]))
        return found

    def settled(
        self, which: np.ndarray, theta: np.ndarray, starts: np.ndarray, active: np.ndarray,
        recorded: Callable[[int], Recorded] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Coordinates (m, P) with those at their best that simulations do not depend on, and `totals` (m,) there, or NaN.

        By default they stay.  See `symdyn.inference.levenberg.Settle`; `recorded` has what the pieces of long work leave
        behind, by their numbers.
        """
        return theta, np.full(len(theta), np.nan)

    def totals(self, theta: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Minus twice the logarithms of likelihood and prior alone, (M,); infinite where a simulation fails."""
        return self.expand(np.arange(len(theta)), theta, starts).rss.sum(axis=1)

    def expand(self, which: np.ndarray, theta: np.ndarray, starts: np.ndarray, *, fisher: bool = False) -> Quadratic:
        """Minus twice the logarithms of likelihood and prior, with their expansion."""
        local = self.expand_data(which, theta, starts, fisher=fisher)
        for k, c in enumerate(self.columns):
            if c.prior is None:
                continue
            value, slope, curvature = c.prior_terms(theta[:, k], fisher=fisher)
            local.rss[:, 0] = np.where(np.isfinite(value), local.rss[:, 0] - 2 * np.nan_to_num(value, neginf=0.0), np.inf)
            local.gradient[:, k] += slope
            local.information[:, k, k] += np.maximum(-curvature, 0.0)
        return local


def expanded_in_parts(
    expand: Expand, which: np.ndarray, theta: np.ndarray, starts: np.ndarray, each: int
) -> Quadratic:  # fmt: skip
    """The expansions of candidates, of which one needs `each` numbers, so many at a time as memory takes."""
    most = max(int(MOST_NUMBERS / each), 1)
    parts = [slice(a, a + most) for a in range(0, max(len(theta), 1), most)]
    return Quadratic.joined([expand(which[p], theta[p], starts[p]) for p in parts])
