"""Fits of candidates to snapshots: simulated fields, and their sensitivities by further runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.discover.fields.candidates import FieldCandidates, linear_columns
from symdyn.discover.fields.data import FieldData
from symdyn.discover.fields.lanes import Lanes
from symdyn.discover.fields.starts import FieldStarts
from symdyn.inference.levenberg import LevenbergMarquardt
from symdyn.inference.quadratic import Quadratic

__all__ = ["FieldFit", "FieldFits", "dissipative_signs"]

#: Steps of differences, in units of the size of a value.
NUDGE = 1e-3
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
        self.units = np.abs(starts.first) + 0.1 * (np.sqrt(np.mean(starts.first**2)) if starts.first.any() else 1.0)

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

    def rows(self, until: int | None) -> Any:
        """The residuals up to an output."""
        return slice(None) if until is None else self.output <= until

    def moved(
        self, theta: np.ndarray, starts: np.ndarray, columns: Sequence[int] | np.ndarray = (), until: int | None = None, *,
        begin: bool = True,
    ) -> tuple[FieldFit, np.ndarray]:  # fmt: skip
        """The fit at these values, and sensitivities of its residuals up to an output.

        Parameters
        ----------
        theta, starts
            The values.
        columns : (k,) int
        until : int, optional
            The last output.
        begin : bool
            Whether to move the coefficients of the initial fields too.

        Returns
        -------
        fit : FieldFit
        slopes : (D, k + M) or (D, k) float64
            By the columns, then by the coefficients.  They are 0 where they could not be computed: where a nudge makes the
            run fail, the other way may not.
        """
        rows, at = self.rows(until), np.concatenate([theta, starts])
        step = NUDGE * np.concatenate([self.signs * np.maximum(self.sizes, np.abs(theta)), self.units])
        moved = [*columns, *range(len(theta), len(at) if begin else len(theta))]
        nudges = np.concatenate([np.zeros((1, len(at))), np.diag(step)[moved]])

        def run(which: np.ndarray | slice) -> np.ndarray:
            values = at + nudges[which]
            return self.residuals(values[:, : len(theta)], values[:, len(theta) :], until)

        runs = run(slice(None))
        slopes = runs[1:, rows] - runs[0, rows]
        failed = np.flatnonzero(~np.isfinite(slopes).all(axis=1))
        if failed.size and np.isfinite(runs[0, rows]).all():
            nudges[1 + failed] *= -1
            slopes[failed] = run(1 + failed)[:, rows] - runs[0, rows]
        slopes /= nudges[1:].sum(axis=1)[:, None]
        return FieldFit(theta, starts, runs[0]), np.where(np.isfinite(slopes).all(axis=1)[:, None], slopes, 0.0).T

    def fit(
        self, theta: np.ndarray, starts: np.ndarray, active: np.ndarray, *, start_slopes: np.ndarray | None = None,
        iterations: int = 12, tolerance: float = 1e-4, until: int | None = None,
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
        columns, rows, candidates = np.flatnonzero(active), self.rows(until), self.lanes.candidates
        others = None if start_slopes is None else start_slopes[rows] * self.units
        best, least, failed = None, np.inf, False

        def expand(which: np.ndarray, theta: np.ndarray, starts: np.ndarray) -> Quadratic:
            nonlocal best, least, others, failed
            at = theta[0] * self.sizes, starts[0, 0] * self.units
            # after a step that failed the next may fail too: it goes without sensitivities
            fit, slopes = self.moved(*at, () if failed else columns, until, begin=others is None)
            if others is None:
                others = slopes[:, len(columns) :] * self.units
            residual = fit.residual[rows]
            fine = np.isfinite(residual).all()
            with np.errstate(over="ignore"):  # of a run that grows without bounds
                rss = float(residual @ residual) if fine else np.inf
            design = np.zeros((1, 1, residual.size, self.sizes.size + self.units.size))
            if rss < least:
                slopes = self.moved(*at, columns, until, begin=False)[1] if failed else slopes[:, : len(columns)]
                design[..., columns] = slopes * self.sizes[columns]
                design[..., self.sizes.size :] = others
            if rss < least or best is None:
                best = fit
            failed, least = rss >= least, min(rss, least)
            return Quadratic.of(np.array([[rss]]), np.where(fine, -residual, 0.0)[None, None], design, self.sizes.size)

        where = np.where(active, [candidates.low, candidates.high], [[-np.inf], [np.inf]]) / self.sizes
        LevenbergMarquardt(
            expand, np.where(active, theta, 0.0)[None] / self.sizes, (starts / self.units)[None, None], active[None],
            bounds=(where[0], where[1]), tolerance=tolerance,
        ).run(iterations, going=lambda: not self.stop())  # fmt: skip
        assert best is not None
        return best

    def grown(self, theta: np.ndarray, starts: np.ndarray, active: np.ndarray) -> FieldFit:
        """A fit that begins with the first snapshots and takes in the later ones by and by."""
        last = int(self.output.max(initial=0))
        best = FieldFit(theta, starts, np.full(self.size, np.nan))
        for until in np.unique(np.linspace(1, last, HORIZONS + 1).round().astype(int))[:-1]:
            best = self.fit(best.theta, best.starts, active, iterations=6, tolerance=1e-2, until=int(until))
        return best


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
