"""The curve of a profile: twice the fall of the log-likelihood over fixed values, and where it crosses a threshold."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from symdyn.inference.fit_problem import FitProblem
from symdyn.inference.held import Climbing, climb, fitted_again, joined
from symdyn.inference.levenberg import Fits

__all__ = ["FittedCurve"]

#: How often the ends of the interval are looked at more closely.
REFINEMENTS = 12
#: Values that are taken between two neighbours, and the outer of them once more.
BETWEEN = 6
#: An end is well told once the root of the ratio rises by less than this share of the threshold's between its neighbours,
#: or they are as close as this share of the value: the curve may jump.
STEEP, CLOSE = 0.25, 1e-6
#: On a side without an end values go on, each so many times as far from the optimum, up to so many times the parameter's size.
FURTHER, FARTHEST = 3.0, 1e6
#: That of parameters whose coordinates are logarithms.
FARTHEST_LOG = 14.0


@dataclass(frozen=True)
class FittedCurve:
    """Fits with one coordinate fixed at increasing values.

    Attributes
    ----------
    problem : FitProblem
    column : int
        The place of the coordinate.
    middle : float
        Its value at the optimum.
    fits : Fits
    excess : float
        The ratio that ends the interval.
    climb : callable
        How further values are fitted.
    """

    problem: FitProblem
    column: int
    middle: float
    fits: Fits
    excess: float
    climb: Climbing = climb

    @property
    def held(self) -> np.ndarray:
        """The coordinates at which the parameter is held, (M,)."""
        return self.fits.theta[:, self.column]

    @property
    def least(self) -> int:
        """Where the posterior is greatest."""
        return int(np.nanargmin(self.fits.total))

    @property
    def ratio(self) -> np.ndarray:
        """Twice the fall of the logarithm of the posterior, (M,)."""
        total = self.fits.total
        return np.asarray(total - total[self.least])

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest coordinate."""
        return float(self.problem.low[self.column]), float(self.problem.high[self.column])

    @property
    def crossings(self) -> Mapping[int, tuple[int, int]]:
        """Neighbours below and above the threshold, on the lower (-1) and the upper side (1)."""
        ratio, least, found = self.ratio, self.least, {}
        for side in (-1, 1):
            k = least
            while 0 <= k + side < len(ratio) and ratio[k + side] <= self.excess:
                k += side
            if 0 <= k + side < len(ratio):
                found[side] = (k, k + side)
        return found

    def followed(self) -> Iterator[FittedCurve]:
        """The curve with ever more values, in the end as many as it takes to tell the ends of the interval."""
        curve = self
        for refinement in range(REFINEMENTS + 1):
            while (steps := curve._further()) is not None:
                curve = curve._with(*steps)
                yield curve
            wide = curve._wide()
            if not wide or refinement == REFINEMENTS:
                return
            curve = curve._between(wide)
            yield curve

    def _further(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Values farther away on sides without an end or bound, and of which fits they begin; None if there are none."""
        held, crossings, middle = self.held, self.crossings, self.middle
        logarithmic = self.problem.columns[self.column].logarithmic
        limit = FARTHEST_LOG if logarithmic else FARTHEST * max(abs(middle), 1.0)
        reached = {side: held[k] - middle for side, k in ((-1, 0), (1, len(held) - 1)) if side not in crossings}
        bounds = dict(zip((-1, 1), self.bounds, strict=True))
        steps = {side: d for side, d in reached.items() if np.isinf(bounds[side]) and abs(d) < 0.999 * limit}
        if not steps:
            return None
        reach = FURTHER * np.array(list(steps.values()))
        values = middle + (np.clip(reach, -limit, limit) if logarithmic else reach)
        return values, np.array([0 if side < 0 else len(held) - 1 for side in steps])

    def interval(self, missing: np.ndarray | None = None) -> tuple[float, float]:
        """Where the curve crosses the threshold on either side of its least value; a bound, or infinity, where it does not.

        Of a curve that was cut short, without the values `missing`, an end is NaN where one of them lies between its
        neighbours, or where it was not come to.  The root of the ratio is interpolated: near the optimum it is a straight line.
        """
        held, root, level, ends = self.held, np.sqrt(np.maximum(self.ratio, 0.0)), np.sqrt(self.excess), []
        for side, bound in zip((-1, 1), self.bounds, strict=True):
            inside, outside = self.crossings.get(side, (-1, -1))
            if inside < 0:
                ends.append(bound if missing is None or held[0 if side < 0 else -1] == bound else np.nan)
            elif missing is not None and ((missing - held[inside]) * (missing - held[outside]) < 0).any():
                ends.append(np.nan)
            elif np.isfinite(root[outside]):
                share = (level - root[inside]) / (root[outside] - root[inside])
                ends.append(float(held[inside] + share * (held[outside] - held[inside])))
            else:
                ends.append(float(held[inside]))
        return ends[0], ends[1]

    def _wide(self) -> dict[int, tuple[int, int]]:
        """Crossings whose neighbours are still far apart."""
        held, root = self.held, np.sqrt(np.maximum(self.ratio, 0.0))
        return {
            side: (a, b)
            for side, (a, b) in self.crossings.items()
            if root[b] - root[a] > STEEP * np.sqrt(self.excess) and abs(held[b] - held[a]) > CLOSE * abs(held[b])
        }

    def _between(self, crossings: Mapping[int, tuple[int, int]]) -> FittedCurve:
        """The curve with further values in some crossings; the outer neighbour is fitted once more, from the inner one."""
        held = self.held
        values = np.concatenate([np.linspace(held[a], held[b], BETWEEN + 1)[1:] for a, b in crossings.values()])
        nearest = np.repeat([inside for inside, _ in crossings.values()], BETWEEN)
        order = np.argsort(values)
        return self._with(values[order], nearest[order])

    def _with(self, values: np.ndarray, nearest: np.ndarray) -> FittedCurve:
        """The curve with further values, each fitted from one of its own."""
        (extra,) = deque(fitted_again(self.problem, self.column, values, self.fits, nearest, self.climb), maxlen=1)
        return replace(self, fits=joined(self.fits, extra, self.column))
