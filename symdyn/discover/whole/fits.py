"""Models fitted to the data by simulation, over windows that grow until one covers a trajectory, and the choice among them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from symdyn_kernels.arguments.candidates import ArrowEquations, FitArguments, Integration, Points, SensitivitySums, Table

from symdyn.discover.whole.kernel import driver
from symdyn.discover.whole.problem import EquationProblem
from symdyn.discover.whole.terms import COT, INV, EquationModel, packed
from symdyn.discover.whole.ties import Tie
from symdyn.inference.budget import Budget
from symdyn.inference.journal import Journal, digest_of

__all__ = ["EXPANSION", "MARGIN", "STRETCHED", "EquationFit", "Fitter"]

#: Fall of the sum of squares, and relative to it, below both of which a fit ends.
FALL, RELATIVE_FALL = 1e-3, 1e-4
#: Growth of mean squares, and what is added to it, with which fewer windows are still as good.
GROWTH, ADDED = 1.15, 0.1
CLEAN_GROWTH, CLEAN_ADDED, CLEAN_SHARE = 50.0, 0.5, 0.01
#: Duration of evidence for a model, in that of a fit.
EVIDENCE = 3.0
#: Growth of errors of initial values in a window beyond which fits end short of the optimum.
STRETCHED = 30.0
#: Settings of the compiled fit with which it does not move, and with which it sweeps a library instead.
EXPANSION, SWEEP = (0.0, 0.0, 0.0, np.inf), (-1.0, 0.0, 0.0, 0.0)
#: Gain in the logarithm of the mean square of each state for which more windows are preferred, and the mean square of the
#: fewest windows that must be exceeded for that.
GAIN, UNEXPLAINED = 0.7, 1.6
#: Difference of scores within which models are nearly as good, that within which one whose constants the data determine goes
#: before one where they do not, and the most models that are looked at.
MARGIN, TELLING, LOOKED = 6.0, 30.0, 20
#: Standard deviations of the noise within which a start may have been.
NOISE = 2.0


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
    ties : tuple of Tie
        Constants that are equal by the form of the law.
    """

    model: EquationModel
    starts: np.ndarray
    rss: np.ndarray
    windows: int
    score: float
    ties: tuple[Tie, ...] = ()

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
    longest : float
        Seconds that a fit has taken at most.
    """

    def __init__(self, problem: EquationProblem, journal: Journal | None = None, budget: Budget | None = None) -> None:
        self.problem, self.budget = problem, Budget() if budget is None else budget
        self.journal = Journal() if journal is None else journal
        self.visited: dict[tuple, EquationFit] = {}
        self.runs = self.steps = 0
        self.longest = 0.0
        self.none = packed([], problem.d)
        self.data = digest_of(problem.t, problem.x, problem.first)

    def late(self) -> bool:
        """Whether time is up, but for that which evidence for a model takes."""
        return self.budget.left() < EVIDENCE * self.longest

    # ---- one model -----------------------------------------------------------------------------

    def call(
        self, model: EquationModel, starts: np.ndarray, windows: int, settings: Sequence[float] = EXPANSION
    ) -> FitArguments:
        """The arguments of the compiled fit, filled by it."""
        return self.over(model, self.problem.cut(windows), starts, settings=settings)

    def over(
        self, model: EquationModel, cut: np.ndarray, starts: np.ndarray, *, settings: Sequence[float] = EXPANSION,
        integration: Integration | None = None, points: Points | None = None, library: Table | None = None,
    ) -> FitArguments:  # fmt: skip
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
        """Levenberg-Marquardt from the values of a model; None if it cannot be simulated, or has a pole among the data.

        `above` is a sum of squares above which a fit that falls slowly is given up.
        """
        problem, settings = self.problem, (iterations, fall, RELATIVE_FALL, above)
        before = self.runs, self.steps

        def compute() -> tuple[np.ndarray]:
            begun = time.monotonic()
            made = self.call(model.with_theta(model.theta), starts, windows, settings)
            self.longest = max(self.longest, time.monotonic() - begun)
            return (np.concatenate([made.theta, made.starts.ravel(), made.rss, made.info.astype(float)]),)

        key: tuple[Any, ...] = (
            self.data, problem.w, problem.integration.atol, *problem.integration[3:], *model.table, model.equations,
            model.places, model.theta, np.asarray(starts), windows, *settings,
        )  # fmt: skip
        (made,) = self.journal(key, compute)
        p, d = len(model.theta), problem.d
        theta, rss, info = made[:p], made[-4 - d : -4], made[-4:].astype(int)
        self.runs, self.steps = before[0] + int(info[2]), before[1] + int(info[3])
        moved = model.with_theta(theta)
        if not info[0] or not np.isfinite(rss).all() or self.pole(moved):
            return None
        score = problem.score(rss, moved.K + moved.Q, moved.cost, len(starts))
        found = EquationFit(moved, made[p : -4 - d].reshape(-1, d), rss, windows, score)
        place = moved.key, windows
        if place not in self.visited or found.score < self.visited[place].score:
            self.visited[place] = found
        return found

    def pole(self, model: EquationModel) -> bool:
        """Whether a reciprocal or a cotangent of a model has a pole between values of a trajectory."""
        table, x = model.table, self.problem.smooth
        for k, a in np.argwhere((table.functions == INV) | (table.functions == COT)):
            z = table.offsets[k, a] + x ** table.powers[k, a] @ table.weights[k, a]
            parts = np.floor(z / np.pi) if table.functions[k, a] == COT else z > 0
            if ((parts[1:] != parts[:-1]) & (self.problem.begins[1:] == 0)).any():
                return True
        return False

    def run(self, fit: EquationFit) -> np.ndarray | None:
        """The states of a fitted model at the times of the data."""
        made = self.call(fit.model, fit.starts, fit.windows)
        return made.run if made.info[0] else None

    def simulated(
        self, model: EquationModel, times: np.ndarray, cut: np.ndarray, starts: np.ndarray, **how: Any
    ) -> FitArguments:
        """A run over windows of any times."""
        none = np.zeros((len(times), self.problem.d))
        return self.over(model, cut, starts, points=Points(np.ascontiguousarray(times), none, none), **how)

    def nodes(self, fit: EquationFit) -> np.ndarray | None:
        """The run of a fit over whole trajectories at the nodes of the problem, (n, m, d); None if it fails."""
        problem = self.problem
        count = problem.nodes.shape[1]
        t = np.concatenate([problem.at, problem.t[:, None]], axis=1)
        made = self.simulated(fit.model, t.ravel(), problem.cut(1) * (count + 1), fit.starts)
        run = made.run.reshape(problem.n, count + 1, problem.d)[:, :-1]
        return np.ascontiguousarray(run) if made.info[0] else None

    def screen(self, fit: EquationFit, library: Table) -> FitArguments | None:
        """Normal equations of a fit and of each library term in each equation, see `symdyn_kernels.candidates.sweeping`.

        They are the sums of the arguments; None if a run failed.
        """
        made = self.over(fit.model, self.problem.cut(fit.windows), fit.starts, settings=SWEEP, library=library)
        self.runs += 1
        return made if made.info[0] else None

    # ---- windows -------------------------------------------------------------------------------

    def joined(self, fit: EquationFit, windows: int) -> np.ndarray:
        """Initial values for another number of windows."""
        run = self.run(fit)
        return (self.problem.smooth if run is None else run)[self.problem.cut(windows)[:, 0]]

    def chain(
        self, model: EquationModel, windows: Sequence[int], iterations: int,
        improved: Callable[[EquationFit], EquationFit] = lambda fit: fit, found: EquationFit | None = None,
    ) -> EquationFit | None:  # fmt: skip
        """Fit over ever fewer windows, as long as the fit does not collapse, and improve each fit before the next.

        It begins from smooth curves through the data, or goes on from a fit that was `found` before.
        """
        for count in windows:
            starts = self.problem.smooth[self.problem.cut(count)[:, 0]] if found is None else self.joined(found, count)
            new = self.fit(found.model if found else model, starts, count, iterations)
            if new is None or (found is not None and not self.promoted(found, new)):
                break
            found = improved(new)
        return found

    def growth(self, model: EquationModel, cut: np.ndarray, starts: np.ndarray) -> float:
        """Growth of errors of initial values, root mean square over a window in units of the spreads, the largest."""
        problem = self.problem
        even = problem.points._replace(weights=np.tile(1 / problem.spread, (problem.n, 1)))
        made = self.over(model, cut, starts, points=even)
        # the sum over a window of squared sensitivities
        square = np.einsum("vjj,j->v", made.arrow.starts, problem.spread**2)
        found = np.sqrt(square / (problem.d * (cut[:, 1] - cut[:, 0]))).max()
        return float(found) if made.info[0] else np.inf

    def stretched(self, fit: EquationFit) -> bool:
        """Whether errors of initial values grow so far in the windows of a fit that its optimum is hard to reach."""
        return self.growth(fit.model, self.problem.cut(fit.windows), fit.starts) > STRETCHED

    def promoted(self, old: EquationFit, new: EquationFit) -> bool:
        """Whether a fit over fewer windows is still as good, by the criterion where errors grow far in these."""
        problem = self.problem
        if new.score > old.score and self.stretched(new):
            return False
        if not problem.clean:
            return bool(np.all(new.rss < GROWTH * old.rss + ADDED * problem.seen))
        share = CLEAN_SHARE * ((problem.spread * problem.w) ** 2).sum(axis=0)
        return bool(np.all(new.rss < np.maximum(CLEAN_GROWTH * old.rss + CLEAN_ADDED * problem.seen, share)))

    # ---- the choice ----------------------------------------------------------------------------

    def ranked(self, windows: int) -> list[EquationFit]:
        """Models over so many windows, the best first."""
        return sorted((f for (_, count), f in self.visited.items() if count == windows), key=lambda f: f.score)

    def chosen(self, sound: Callable[[EquationFit], bool] = lambda fit: True) -> EquationFit:
        """The best model over the windows that the data ask for: few, unless many explain far more or errors grow far.

        Of models that are nearly as good with noise, those whose runs explode from a start within the noise are passed over;
        so are models that are not `sound`.
        """
        problem = self.problem
        best = {windows: self.ranked(windows)[0] for windows in sorted({count for _, count in self.visited})}
        left = {w: float(np.log(problem.mean_squares(f.rss) + problem.floor).sum()) for w, f in best.items()}
        few = min(best)
        for windows, fit in best.items():
            unexplained = np.max(problem.mean_squares(best[few].rss)) > UNEXPLAINED
            far = left[windows] < left[few] - GAIN * problem.d
            if fit.score < best[few].score and ((unexplained and far) or self.stretched(best[few])):
                few = windows
        order = self.ranked(few)[:LOOKED]
        if not problem.clean and len(order) > 1 and order[1].score < order[0].score + MARGIN:
            near = [f for f in order if f.score < order[0].score + MARGIN]
            order = [*sorted(near, key=lambda f: f.score + MARGIN * self.lost(f)), *order[len(near) :]]
        return next((f for f in order if f.score < order[0].score + TELLING and sound(f)), order[0])

    def lost(self, fit: EquationFit) -> float:
        """Share of the states whose start, within the noise of its first measurement, may lose the run."""
        problem, lost = self.problem, 0
        weights = problem.w[problem.cut(fit.windows)[:, 0]]
        reach = np.divide(NOISE, weights, out=np.zeros_like(weights), where=weights > 0)
        for j in range(problem.d):
            for sign in (-1.0, 1.0):
                moved = fit.starts.copy()
                moved[:, j] += sign * reach[:, j]
                if not self.call(fit.model, moved, fit.windows).info[0]:
                    lost += 1
                    break
        return lost / problem.d
