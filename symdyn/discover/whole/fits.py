"""Models fitted to the data by simulation, over windows that grow until one covers a trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symdyn.discover.whole.kernel import driver
from symdyn.discover.whole.problem import EquationProblem
from symdyn.discover.whole.terms import EquationModel, packed

__all__ = ["EquationFit", "Fitter"]

#: Fall of the sum of squares, and relative to it, below both of which a fit ends.
FALL, RELATIVE_FALL = 1e-3, 1e-4
#: Growth of mean squares, and what is added to it, with which fewer windows are still as good.
GROWTH, ADDED = 1.15, 0.1
CLEAN_GROWTH, CLEAN_ADDED, CLEAN_SHARE = 50.0, 0.5, 0.01
#: Settings of the compiled fit with which it does not move.
EXPANSION = (0.0, 0.0, 0.0, np.inf)


@dataclass(frozen=True)
class EquationFit:
    """A fitted model.

    Attributes
    ----------
    model : EquationModel
    starts : (windows, d) float64
        Initial values.
    rss : (d,) float64
        Weighted sums of squares.
    windows : int
        In each trajectory.
    score : float
    """

    model: EquationModel
    starts: np.ndarray
    rss: np.ndarray
    windows: int
    score: float

    @property
    def total(self) -> float:
        return float(self.rss.sum())


class Fitter:
    """Fits models, records the best fit of each structure, and counts simulations.

    Attributes
    ----------
    visited : dict
        The best fit by key of the model and windows.
    runs, steps : int
        Simulations, and steps that they attempted.
    """

    def __init__(self, problem: EquationProblem) -> None:
        self.problem = problem
        self.visited: dict[tuple, EquationFit] = {}
        self.runs = self.steps = 0
        self.none = packed([], problem.d)
        self._empty = np.zeros((0, 0)), np.zeros(0), np.zeros(0)

    def _data(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.problem.t, self.problem.x, self.problem.w

    def call(self, model: EquationModel, starts: np.ndarray, windows: int, settings: Sequence[float]):
        """One call of the compiled fit: starts, sums of squares, normal equations, the run, and whether it succeeded."""
        return self.over(model, self.problem.cut(windows), starts, self.problem.limits, settings=settings)

    def over(self, model: EquationModel, cut: np.ndarray, starts: np.ndarray, limits: np.ndarray, data: tuple | None = None,
             settings: Sequence[float] = EXPANSION):  # fmt: skip
        """The same over any windows, of other data if they are given; by default without a fit."""
        data = data or self._data()
        p, d, count = len(model.theta), self.problem.d, len(cut)
        arrow = np.zeros((p, p)), np.zeros(p), np.zeros((count, p, d)), np.zeros((count, d, d)), np.zeros((count, d))
        rss, info, run = np.zeros(d), np.zeros(4, np.int64), np.full(data[1].shape, np.inf)
        starts = np.array(starts)
        driver().fit(
            data, cut, starts, limits, model.data, model.theta, self.none, np.array(settings, dtype=float), arrow, rss, info,
            run, *self._empty,
        )  # fmt: skip
        self.runs += int(info[2])
        self.steps += int(info[3])
        return starts, rss, arrow, run, bool(info[0])

    def fit(self, model: EquationModel, starts: np.ndarray, windows: int, iterations: int = 10, *, fall: float = FALL,
            above: float = np.inf) -> EquationFit | None:  # fmt: skip
        """Levenberg-Marquardt from the values of a model; None if it cannot be simulated.

        `above` is a sum of squares above which a fit that falls slowly is given up.
        """
        moved = model.with_theta(model.theta)
        starts, rss, _, _, ok = self.call(moved, starts, windows, (iterations, fall, RELATIVE_FALL, above))
        if not ok or not np.isfinite(rss).all():
            return None
        score = self.problem.score(rss, moved.K + moved.Q, moved.cost, len(starts))
        found = EquationFit(moved, starts, rss, windows, score)
        key = moved.key, windows
        known = self.visited.get(key)
        if known is None or found.score < known.score:
            self.visited[key] = found
        return found

    def run(self, fit: EquationFit) -> np.ndarray | None:
        """The states of a fitted model at the times of the data."""
        _, _, _, run, ok = self.call(fit.model, fit.starts, fit.windows, (0, 0, 0, np.inf))
        return run if ok else None

    def nodes(self, fit: EquationFit) -> np.ndarray | None:
        """The run of a fit over whole trajectories at the nodes of the problem, (n, m, d); None if it fails."""
        problem = self.problem
        count = problem.nodes.shape[1]
        share = 0.5 * (1 - np.polynomial.legendre.leggauss(count)[0])
        gaps = np.where(problem.begins > 0, 0.0, np.diff(problem.t, prepend=problem.t[0]))
        t = np.concatenate([problem.t[:, None] - gaps[:, None] * share, problem.t[:, None]], axis=1)
        none = np.zeros((t.size, problem.d))
        cut = problem.cut(1) * (count + 1)
        _, _, _, run, ok = self.over(fit.model, cut, fit.starts, problem.limits, (np.ascontiguousarray(t.ravel()), none, none))
        return np.ascontiguousarray(run.reshape(problem.n, count + 1, problem.d)[:, :-1]) if ok else None

    def joined(self, fit: EquationFit, windows: int) -> np.ndarray:
        """Initial values for another number of windows."""
        first = self.problem.cut(windows)[:, 0]
        run = self.run(fit)
        return (self.problem.smooth if run is None else run)[first]

    def chain(self, model: EquationModel, windows: Sequence[int], iterations: int) -> EquationFit | None:
        """Fit over ever fewer windows, as long as the fit does not collapse."""
        found: EquationFit | None = None
        for count in windows:
            starts = self.problem.smooth[self.problem.cut(count)[:, 0]] if found is None else self.joined(found, count)
            new = self.fit(found.model if found else model, starts, count, iterations)
            if new is None or (found is not None and not self.promoted(found, new)):
                break
            found = new
        return found

    def promoted(self, old: EquationFit, new: EquationFit) -> bool:
        """Whether a fit over fewer windows is still as good."""
        problem = self.problem
        if not problem.clean:
            return bool(np.all(new.rss < GROWTH * old.rss + ADDED * problem.seen))
        share = CLEAN_SHARE * ((problem.spread * problem.w) ** 2).sum(axis=0)
        return bool(np.all(new.rss < np.maximum(CLEAN_GROWTH * old.rss + CLEAN_ADDED * problem.seen, share)))

    def screen(self, fit: EquationFit, library: tuple, terms: int):
        """Normal equations of a fit and of each library term in each equation; see `symdyn_kernels.candidates.sweeping`."""
        problem, p, d = self.problem, len(fit.model.theta), self.problem.d
        P = p + terms * d
        cut = problem.cut(fit.windows)
        A, g, diagonal, rss, info = np.zeros((p, P)), np.zeros(P), np.zeros(P), np.zeros(d), np.zeros(4, np.int64)
        arrow = np.zeros((0, 0)), np.zeros(0), np.zeros((0, 0, 0)), np.zeros((0, 0, 0)), np.zeros((0, 0))
        driver().fit(
            self._data(), cut, np.array(fit.starts), problem.limits, fit.model.data, fit.model.theta, library,
            np.array([-1.0, 0.0, 0.0, 0.0]), arrow, rss, info, np.empty((problem.n, d)), A, g, diagonal,
        )  # fmt: skip
        self.runs += 1
        return (A, g, diagonal, rss) if info[0] else None
