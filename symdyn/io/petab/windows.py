"""Trajectories cut into windows: experiments of their own, with initial values that are estimated, and jumps between them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import sympy as sp

from symdyn.io.petab.contents import Experiment, Period
from symdyn.io.petab.courses import Courses
from symdyn.io.petab.lanes import Accuracy
from symdyn.io.petab.simulated import NOWHERE, SimulatedProblem
from symdyn.io.petab.tangents import ChosenValues, Tangent

__all__ = ["LEAST", "MOST", "Windows", "alternations", "oscillates"]

#: Share of the deviation of a series about its mean by which values must pass it to be on the other side.
BAND = 0.5
#: Of series that oscillate: least passes from well above the mean to well below or back, times of measurement, and these
#: for each pass.
PASSES, TIMES, TIMES_EACH = 4, 32, 8
#: Least and largest values after cuts.
LEAST, MOST = 1e-9, 1e9


def alternations(values: np.ndarray) -> int:
    """How often a series (N,) passes from well above its mean to well below, or back.

    Examples
    --------
    >>> import numpy as np
    >>> alternations(np.sin(np.linspace(0, 6 * np.pi, 60))), alternations(np.linspace(0, 1, 60))
    (5, 1)
    """
    apart = values - values.mean()
    side = np.sign(apart)[np.abs(apart) > BAND * apart.std()]
    return int((side[1:] != side[:-1]).sum())


def oscillates(rows: pd.DataFrame) -> bool:
    """Whether any series goes up and down for long."""
    for _, series in rows.sort_values("time", kind="stable").groupby(["condition", "observable"]):
        passes, times = alternations(series["measured"].to_numpy(float)), series["time"].nunique()
        if passes >= PASSES and times >= max(TIMES, TIMES_EACH * passes):
            return True
    return False


class Windows:
    r"""A problem in which trajectories are cut every few times of measurement.

    After each cut states :math:`x_i` begin at values :math:`s_i` of their own; the jumps :math:`\log x_i(t^-) - \log s_i` are
    measurements of 0, with one noise, that follow those of the problem.  States are positive.

    Parameters
    ----------
    whole : SimulatedProblem
    each : int
        Times of measurement in a window.
    jump : float
        Standard deviation of jumps.

    Attributes
    ----------
    cuts : tuple of (str, float)
        Experiments and times.
    starts : dict of str to Symbol
        Initial values after cuts: one cut after another, the states of each.
    """

    #: What enters observables and noise alone is fitted with everything else.
    observing: tuple[str, ...] = ()

    def __init__(self, whole: SimulatedProblem, each: int, jump: float) -> None:
        self.whole, self.jump = whole, jump
        self.states = whole._model.core.states
        m = whole._statements.measurements
        changes: dict[tuple[str, int], Mapping[sp.Symbol, sp.Expr | None]] = {}
        self._parts: list[tuple[Experiment, np.ndarray, np.ndarray]] = []
        self.cuts: tuple[tuple[str, float], ...] = ()
        self.starts: dict[str, sp.Symbol] = {}
        for name, experiment in whole._statements.experiments.items():
            rows = np.flatnonzero(m.experiments == name)
            times = np.unique(m.times[rows])
            begin = np.append(experiment.periods[0].start, times[:-1][each::each] if len(experiment.periods) == 1 else [])
            for v, (a, z) in enumerate(zip(begin, np.append(begin[1:], np.inf), strict=True)):
                own = dict(whole._courses.changes[name, 0])
                inside = rows[(m.times[rows] >= a) & ((m.times[rows] < z) | (z == np.inf))]
                if v:
                    fresh = {s: sp.Symbol(f"{s.name} of {name} at {a:.17g}") for s in self.states}
                    own = {s: e for s, e in own.items() if not whole._model.is_state(s)} | fresh
                    self.starts |= {s.name: s for s in fresh.values()}
                at = m.times[inside]
                if z < np.inf:
                    # the end is a row of its own
                    inside, at = np.append(inside, -1 - len(self.cuts)), np.append(at, z)
                    self.cuts = (*self.cuts, (name, float(z)))
                part = Experiment(f"{name}, {v}", experiment.periods if len(begin) == 1 else (Period(float(a)),))
                for k in range(1, len(part.periods)):
                    changes[part.name, k] = whole._courses.changes[name, k]
                changes[part.name, 0] = own
                self._parts.append((part, inside, at))
        self._courses = Courses(whole._model, changes, whole._courses.version)

    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Measurements with jumps behind them, logarithms of slopes of scales, and laws; see `SimulatedProblem.rows`."""
        zeros = np.zeros(len(self.starts))
        measured, slope, laplace = self.whole.rows()
        return np.append(measured, zeros), np.append(slope, zeros), np.append(laplace, zeros > 0)

    def row_table(self) -> pd.DataFrame:
        """Of the measurements without jumps."""
        return self.whole.row_table()

    def begun(self, points: Mapping[str, np.ndarray], how: Accuracy) -> np.ndarray:
        """States (B, W n) of trajectories that are not cut, where the cuts are; NaN from a failure on."""
        parts = []
        for name, experiment in self.whole._statements.experiments.items():
            here = [k for k, (own, _) in enumerate(self.cuts) if own == name]
            if here:
                parts.append((experiment, np.array(here), np.array([self.cuts[k][1] for k in here])))
        known, count, _ = self.whole._points(points)
        defaults = {s: Tangent(np.full(count, v)) for s, v in self.whole._model.defaults().items()}
        found = np.full((count, len(self.cuts), len(self.states)), np.nan)
        given = self.whole._tangents(known, {})
        for rows, table in self.whole._courses.run(parts, {**defaults, **given}, count, how):
            found[:, rows] = np.stack([table[s].value for s in self.states], axis=-1)
        return found.reshape(count, -1)

    def expected(
        self, points: Mapping[str, np.ndarray], how: Accuracy, along: Mapping[str, np.ndarray] = NOWHERE
    ) -> tuple[np.ndarray, np.ndarray]:
        """Simulations with jumps behind them, and their noise; see `SimulatedProblem.expected`."""
        known, count, _ = self.whole._points({n: v for n, v in points.items() if n not in self.starts})
        given = {s: Tangent(np.full(count, v)) for s, v in self.whole._model.defaults().items()}
        given |= self.whole._tangents(known, along)
        order, names = {n: k for k, n in enumerate(along)}, list(self.starts.values())
        for n, s in self.starts.items():
            given[s] = Tangent(points[n], {order[n]: along[n]} if n in along else {})
        inner, jumps = [], np.zeros((1 + len(along), count, len(self.starts)))
        for rows, table in self._courses.run(self._parts, given, count, how):
            if (measured := np.flatnonzero(rows >= 0)).size:
                inner.append((rows[measured], ChosenValues(table, measured, axis=1)))
            if rows[-1] < 0:
                ends = ChosenValues(table, np.array([-1]), axis=1)
                for j, s in enumerate(self.states, start=(-1 - rows[-1]) * len(self.states)):
                    _put_jump(jumps[..., j], ends[s].mapped(np.ravel), given[names[j]])
        simulation, sigma = self.whole._seen(inner, count, len(along))
        self.whole._put_on_scales(simulation)
        noise = np.zeros_like(jumps)
        noise[0] = self.jump
        return np.concatenate([simulation, jumps], axis=-1), np.concatenate([sigma, noise], axis=-1)


def _put_jump(layers: np.ndarray, end: Tangent, start: Tangent) -> None:
    """Logarithm (B,) of the ratio of two values, with its derivatives, (1 + K, B)."""
    with np.errstate(all="ignore"):
        layers[0] = np.log(end.value / start.value)
        for sign, part in ((1, end), (-1, start)):
            for k, v in part.slopes.items():
                layers[1 + k] += sign * v / part.value
