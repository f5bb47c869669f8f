"""Models fitted to the data by simulation, over windows that grow until one covers a trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from symdyn_kernels.arguments.candidates import ArrowEquations, FitArguments, Integration, Points, SensitivitySums, Table

from symdyn.discover.whole.kernel import driver
from symdyn.discover.whole.problem import EquationProblem
from symdyn.discover.whole.terms import EquationModel, packed

__all__ = ["EXPANSION", "EquationFit", "Fitter"]

#: Fall of the sum of squares, and relative to it, below both of which a fit ends.
FALL, RELATIVE_FALL = 1e-3, 1e-4
#: Growth of mean squares, and what is added to it, with which fewer windows are still as good.
GROWTH, ADDED = 1.15, 0.1
CLEAN_GROWTH, CLEAN_ADDED, CLEAN_SHARE = 50.0, 0.5, 0.01
#: Settings of the compiled fit with which it does not move.
EXPANSION = (0.0, 0.0, 0.0, np.inf)
#: Those with which it sweeps a library instead.
SWEEP = (-1.0, 0.0, 0.0, 0.0)


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

    def call(self, model: EquationModel, starts: np.ndarray, windows: int, settings: Sequence[float]) -> FitArguments:
        """The arguments of the compiled fit, filled by it."""
        return self.over(model, self.problem.cut(windows), starts, settings=settings)

    def over(
        self,
        model: EquationModel,
        cut: np.ndarray,
        starts: np.ndarray,
        *,
        settings: Sequence[float] = EXPANSION,
        integration: Integration | None = None,
        points: Points | None = None,
        library: Table | None = None,
    ) -> FitArguments:
        """The same over any windows, integrated otherwise or of other data where they are given; by default without a fit."""
        p, d, points = len(model.theta), self.problem.d, points or self.problem.points
        terms = 0 if library is None else len(library.exponents)
        made = FitArguments(
            points, integration or self.problem.integration, model.data, library or self.none, cut, model.theta,
            np.array(starts, dtype=float, order="C"), np.array(settings, dtype=float), ArrowEquations.empty(p, d, len(cut)),
            SensitivitySums.empty(p, p + terms * d), np.zeros(d), np.full(points.values.shape, np.inf), np.zeros(4, np.int64),
        )  # fmt: skip
        driver().fit(made)
        self.runs += int(made.info[2])
        self.steps += int(made.info[3])
        return made

    def fit(self, model: EquationModel, starts: np.ndarray, windows: int, iterations: int = 10, *, fall: float = FALL,
            above: float = np.inf) -> EquationFit | None:  # fmt: skip
        """Levenberg-Marquardt from the values of a model; None if it cannot be simulated.

        `above` is a sum of squares above which a fit that falls slowly is given up.
        """
        moved = model.with_theta(model.theta)
        made = self.call(moved, starts, windows, (iterations, fall, RELATIVE_FALL, above))
        if not made.info[0] or not np.isfinite(made.rss).all():
            return None
        score = self.problem.score(made.rss, moved.K + moved.Q, moved.cost, len(starts))
        found = EquationFit(moved, made.starts, made.rss, windows, score)
        key = moved.key, windows
        known = self.visited.get(key)
        if known is None or found.score < known.score:
            self.visited[key] = found
        return found

    def run(self, fit: EquationFit) -> np.ndarray | None:
        """The states of a fitted model at the times of the data."""
        made = self.call(fit.model, fit.starts, fit.windows, EXPANSION)
        return made.run if made.info[0] else None

    def nodes(self, fit: EquationFit) -> np.ndarray | None:
        """The run of a fit over whole trajectories at the nodes of the problem, (n, m, d); None if it fails."""
        problem = self.problem
        count = problem.nodes.shape[1]
        share = 0.5 * (1 - np.polynomial.legendre.leggauss(count)[0])
        gaps = np.where(problem.begins > 0, 0.0, np.diff(problem.t, prepend=problem.t[0]))
        t = np.concatenate([problem.t[:, None] - gaps[:, None] * share, problem.t[:, None]], axis=1)
        none = np.zeros((t.size, problem.d))
        points = Points(np.ascontiguousarray(t.ravel()), none, none)
        cut = problem.cut(1) * (count + 1)
        made = self.over(fit.model, cut, fit.starts, points=points)
        run = made.run.reshape(problem.n, count + 1, problem.d)[:, :-1]
        return np.ascontiguousarray(run) if made.info[0] else None

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

    def screen(self, fit: EquationFit, library: Table) -> FitArguments | None:
        """Normal equations of a fit and of each library term in each equation, see `symdyn_kernels.candidates.sweeping`.

        They are the sums of the arguments; None if a run failed.
        """
        made = self.over(fit.model, self.problem.cut(fit.windows), fit.starts, settings=SWEEP, library=library)
        self.runs += 1
        return made if made.info[0] else None
