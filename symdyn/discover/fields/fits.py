"""Fits of candidates to snapshots: simulated fields, their sensitivities by further runs, and Levenberg-Marquardt steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.discover.fields.candidates import FieldCandidates, linear_columns
from symdyn.discover.fields.data import FieldData
from symdyn.discover.fields.lanes import Lanes
from symdyn.discover.fields.starts import FieldStarts

__all__ = ["FieldFit", "FieldFits", "dissipative_signs"]

#: Steps of differences, in units of the size of a value.
NUDGE = 1e-3
#: First damping, and the factors that are tried at once in every iteration.
DAMPING, FACTORS = 1e-2, (0.1, 1.0, 30.0)
#: Damping with which a fit gives up.
STUCK = 1e8
#: Lengths of time to which a fit grows.
HORIZONS = 4


@dataclass(frozen=True)
class FieldFit:
    """Values at which a sum of squares was minimised.

    Attributes
    ----------
    theta : (P,) float64
        Columns, 0 where they take no part.
    starts : (M,) float64
        Coefficients of initial fields.
    residual : (D,) float64
        Simulated less measured, in standard deviations of the noise; not finite after a failure.
    """

    theta: np.ndarray
    starts: np.ndarray
    residual: np.ndarray

    @property
    def rss(self) -> float:
        """The sum of squares, infinite after a failure."""
        return float(self.residual @ self.residual) if np.isfinite(self.residual).all() else np.inf


class FieldFits:
    """Residuals and fits of the candidates of `lanes`.

    Parameters
    ----------
    lanes : Lanes
    starts : FieldStarts
    sizes : (P,) float64
        Typical sizes of the columns.
    signs : (P,) float64
        Directions in which a coefficient may be nudged without waves that grow.
    stop : callable
        Whether to end.
    """

    def __init__(
        self, lanes: Lanes, starts: FieldStarts, sizes: np.ndarray, signs: np.ndarray, stop: Callable[[], bool]
    ) -> None:
        self.lanes, self.starts, self.sizes, self.signs, self.stop = lanes, starts, sizes, signs, stop
        data: FieldData = lanes.data
        self._noise = data.noise.reshape(1, -1, *[1] * len(data.positions))
        runs = list(zip(starts.times, data.trajectories, starts.used, strict=True))
        self._index = [np.searchsorted(t, r.times[u]) for t, r, u in runs]
        self._seen = [np.isfinite(r.values[u]) for _, r, u in runs]
        self._values = [(r.values[u] / self._noise)[s] for (_, r, u), s in zip(runs, self._seen, strict=True)]
        # which output of its run each datum belongs to
        self.output = np.concatenate(
            [
                np.broadcast_to(i.reshape(-1, *[1] * (s.ndim - 1)), s.shape)[s]
                for i, s in zip(self._index, self._seen, strict=True)
            ]
        )
        self.size = sum(v.size for v in self._values)
        self.units = np.abs(starts.first) + 0.1 * (np.sqrt(np.mean(starts.first**2)) if starts.first.size else 0.0)

    @property
    def facts(self) -> tuple[object, ...]:
        """What residuals depend on beside columns and initial fields."""
        lanes, starts = self.lanes, self.starts
        fixed = [v for run in starts.fixed for v in run.values()]
        return lanes.grid.digest, sorted((str(k), v) for k, v in lanes.system.defaults.items()), *fixed, *self._values, \
            *starts.times, *lanes.data.positions, self.sizes  # fmt: skip

    def residuals(self, theta: np.ndarray, starts: np.ndarray, until: int | None = None) -> np.ndarray:
        """Residuals (lanes, D) for columns (lanes, P) and coefficients of initial fields (lanes, M).

        They are NaN after a failure, and after the output `until` of every run, where runs then end.
        """
        parts = []
        for r, times in enumerate(self.starts.times):
            short = times if until is None else times[: until + 1]
            found = self.lanes.run(theta, self.starts.fields(r, starts), short)
            late = np.full((len(theta), len(times) - len(short), *found.shape[2:]), np.nan)
            found = np.concatenate([found, late], axis=1)[:, self._index[r]] / self._noise
            parts.append(found[:, self._seen[r]] - self._values[r])
        return np.concatenate(parts, axis=1)

    def at(self, theta: np.ndarray, starts: np.ndarray, until: int | None = None) -> FieldFit:
        """The fit at these values, nothing moved."""
        return FieldFit(theta, starts, self.residuals(theta[None], starts[None], until)[0])

    def rows(self, until: int | None) -> Any:
        """The residuals up to an output."""
        return slice(None) if until is None else self.output <= until

    def slopes(self, fit: FieldFit, columns: np.ndarray, until: int | None = None) -> np.ndarray:
        """Sensitivities (D, k) of the residuals up to an output to columns; 0 where they could not be computed."""
        rows = self.rows(until)
        residual = fit.residual[rows]
        step = NUDGE * np.maximum(self.sizes, np.abs(fit.theta))
        found = np.zeros((residual.size, len(columns)))
        # where a nudge makes the run fail the other way may not
        for sign in (self.signs, -self.signs):
            todo = np.array([k for k, c in enumerate(columns) if not found[:, k].any()], dtype=int)
            if not todo.size:
                break
            theta = np.repeat(fit.theta[None], len(todo), axis=0)
            nudged = columns[todo]
            theta[np.arange(len(todo)), nudged] += sign[nudged] * step[nudged]
            runs = self.residuals(theta, np.repeat(fit.starts[None], len(todo), axis=0), until)[:, rows]
            slope = (runs - residual) / (sign[nudged] * step[nudged])[:, None]
            fine = np.isfinite(slope).all(axis=1)
            found[:, todo[fine]] = slope[fine].T
        return found

    def start_slopes(self, fit: FieldFit, until: int | None = None) -> np.ndarray:
        """Sensitivities (D, M) to the coefficients of the initial fields."""
        rows = self.rows(until)
        count, residual = fit.starts.size, fit.residual[rows]
        if not count:
            return np.zeros((residual.size, 0))
        step = NUDGE * self.units
        starts = fit.starts + np.diag(step)
        runs = self.residuals(np.repeat(fit.theta[None], count, axis=0), starts, until)[:, rows]
        slope = (runs - residual) / step[:, None]
        return np.where(np.isfinite(slope).all(axis=1)[:, None], slope, 0.0).T

    def fit(
        self, theta: np.ndarray, starts: np.ndarray, active: np.ndarray, *, start_slopes: np.ndarray | None = None,
        iterations: int = 8, tolerance: float = 1e-4, until: int | None = None,
    ) -> FieldFit:  # fmt: skip
        """Minimise the sum of squares over the active columns and the initial fields.

        Parameters
        ----------
        theta, starts
            Where to begin.
        active : (P,) bool
        start_slopes : (D, M) float64, optional
            Sensitivities to the initial fields, computed once unless given: they change little from step to step.
        iterations : int
        tolerance : float
            Relative fall of the sum of squares that counts as none.
        until : int, optional
            The last output that counts.
        """
        columns = np.flatnonzero(active)
        low, high = self.lanes.candidates.low[columns], self.lanes.candidates.high[columns]
        rows = self.rows(until)
        best = self.at(np.where(active, theta, 0.0), starts, until)
        damping, least = DAMPING, _squares(best.residual[None, rows])[0]
        if not np.isfinite(least):
            return best
        others = self.start_slopes(best, until) if start_slopes is None else start_slopes[rows]
        for _ in range(iterations):
            if self.stop() or not (columns.size or starts.size):
                break
            jacobian = np.concatenate([self.slopes(best, columns, until), others], axis=1)
            size = np.linalg.norm(jacobian, axis=0)
            size = np.where(size > 0, size, 1.0)
            scaled = jacobian / size
            a, g = scaled.T @ scaled, scaled.T @ best.residual[rows]
            before, improved = least, False
            while damping < STUCK and not improved and not self.stop():
                thetas, begins = [], []
                for factor in FACTORS:
                    move = -np.linalg.solve(a + (damping * factor + 1e-12) * np.eye(len(g)), g) / size
                    moved = best.theta.copy()
                    moved[columns] = np.clip(best.theta[columns] + move[: columns.size], low, high)
                    thetas.append(moved)
                    begins.append(best.starts + move[columns.size :])
                tried = self.residuals(np.array(thetas), np.array(begins), until)
                sums = _squares(tried[:, rows])
                k = int(np.argmin(sums))
                improved = bool(sums[k] < least)
                if improved:
                    best, damping, least = (
                        FieldFit(thetas[k], begins[k], tried[k]),
                        max(damping * FACTORS[k] * 0.3, 1e-9),
                        sums[k],
                    )
                else:
                    damping *= 1e3
            if not improved or before - least < tolerance * before:
                break
        return best

    def grown(self, theta: np.ndarray, starts: np.ndarray, active: np.ndarray) -> FieldFit:
        """A fit that begins with the first snapshots and takes in the later ones by and by."""
        last = int(self.output.max(initial=0))
        best = FieldFit(theta, starts, np.full(self.size, np.nan))
        for until in np.unique(np.linspace(1, last, HORIZONS + 1).round().astype(int))[:-1]:
            best = self.fit(best.theta, best.starts, active, iterations=5, tolerance=1e-2, until=int(until))
        return best


def _squares(residuals: np.ndarray) -> np.ndarray:
    """Sums of squares of rows, infinite where they are not finite."""
    fine = np.isfinite(residuals).all(axis=1)
    return np.where(fine, np.square(np.where(fine[:, None], residuals, 0.0)).sum(axis=1), np.inf)


def dissipative_signs(candidates: FieldCandidates) -> np.ndarray:
    """Signs of coefficients with which the highest even derivatives damp short waves; 1 for all others."""
    signs, split = np.ones(len(candidates.columns)), linear_columns(candidates)
    for rate in () if split is None else split[0]:
        for k, parts in enumerate(rate):
            even = [(sum(t.orders), t.factor) for t in parts if sum(t.orders) and sum(t.orders) % 2 == 0]
            if even:
                order, factor = max(even, key=lambda e: e[0])
                signs[k] = np.sign(factor) * (1 if order % 4 == 2 else -1)
    return signs
