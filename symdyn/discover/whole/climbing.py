"""Steps of a search over structures: models fitted over ever fewer windows, changed term by term, and combined."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from symdyn.discover.whole.fits import MARGIN, EquationFit, Fitter
from symdyn.discover.whole.matching import MatchedSupport
from symdyn.discover.whole.moves import Move, Screen
from symdyn.discover.whole.terms import EquationModel, Part

__all__ = ["LONG", "ROUNDS", "SHORT", "TRIALS", "Climber", "Sides"]

#: Windows of fits, of a long and of a short first one.
LONG, SHORT = (12, 4, 1), (48, 16, 6, 2, 1)
#: Windows that a search tries to get along with.
FEWER = (16, 6, 4, 2, 1)
#: Rounds of a search and fits in each, and the fall of the score that counts.
ROUNDS, TRIALS, LESS = 15, 8, 0.5
#: A round ends after so many fits at the first that was forecast to fall, and fell, by more than this.
ENOUGH, STEEP = 4, 30.0
#: Right-hand sides that are put in place of that of each state.
ALTERNATIVES = 7
#: A fit that falls slowly is given up above so many times the sum of squares of the present one.
HOPELESS = 3.0
#: Factors of the sum of squares by which a run has gone astray, and over which another descent is better.
ASTRAY, BETTER = 1.5, 1.4

#: Right-hand sides of each state.
Sides = Sequence[Sequence[MatchedSupport]]


class Climber:
    """What a search does with single models, within the work that it is allowed.

    Parameters
    ----------
    fitter : Fitter
    work : float
        Steps of simulations that may be attempted.
    report : callable
        Called with the completed fraction of the search.
    windows : int, optional
        Into which a trajectory is cut at first; several numbers are tried unless given.

    Attributes
    ----------
    late : bool
        Whether time is up.
    trials : int
        Neighbours of a model that are fitted.
    """

    def __init__(self, fitter: Fitter, work: float, report: Callable[[float], None], windows: int | None) -> None:
        self.fitter, self.problem, self.work, self.report = fitter, fitter.problem, work, report
        self.descents = (LONG, SHORT) if windows is None else (_descent(windows),)
        self.late, self.trials = False, TRIALS

    def spent(self, share: float = 1.0) -> bool:
        """Whether this share of the work is done, or time is up."""
        self.late = self.late or self.fitter.late()
        self.report(min(self.fitter.steps / self.work, 1.0))
        return self.late or self.fitter.steps > share * self.work

    def allow(self, work: float) -> None:
        """Allow this much work from now on."""
        self.work = self.fitter.steps + int(work)

    def descended(self, model: EquationModel) -> EquationFit | None:
        """A model fitted over ever fewer windows."""
        best: EquationFit | None = None
        for counts in self.descents:
            fit = self.fitter.chain(model, counts, 8)
            if best is None or (fit is not None and (fit.windows < best.windows or fit.total * BETTER < best.total)):
                best = fit
            if best is not None and best.windows == 1:
                break
        return best

    def exchanged(self, fit: EquationFit, sides: Sides, share: float = 0.5) -> EquationFit:
        """Right-hand sides of single states exchanged for others of integral matching."""
        for j, other in ((j, other) for j, others in enumerate(sides) for other in others[:ALTERNATIVES]):
            if self.spent(share):
                break
            model = EquationModel(self.problem.d, [*(p for p in fit.model.parts if p[0] != j), *other.parts])
            fit = self.better(fit, model, 6)
        return fit

    def better(self, fit: EquationFit, model: EquationModel, iterations: int) -> EquationFit:
        """The better of a fit and of another model over the same windows."""
        if (model.key, fit.windows) in self.fitter.visited:
            return min(fit, self.fitter.visited[model.key, fit.windows], key=lambda f: f.score)
        new = self.fitter.fit(model, fit.starts, fit.windows, iterations, above=HOPELESS * fit.total)
        return new if new is not None and new.score < fit.score else fit

    def climbed(self, fit: EquationFit, screen: Screen) -> EquationFit:
        """Steepest descent of the score over structures."""
        tried: set[tuple] = set()
        for _ in range(ROUNDS):
            best = fit
            for count, (move, new) in enumerate(self.neighbours(fit, screen, tried), 1):
                if new is not None and new.score < min(fit.score - LESS, best.score):
                    best = new
                    if count >= ENOUGH and move.change < -STEEP:
                        break
            if best is fit or self.spent():
                return best
            fit = best
        return fit

    def neighbours(self, fit: EquationFit, screen: Screen, tried: set[tuple]) -> Iterator[tuple[Move, EquationFit | None]]:
        """The most promising changes of a model, among so many, that were not tried before, fitted."""
        count = 0
        for move in screen.moves(fit):
            if count == self.trials or self.spent():
                return
            model = fit.model.changed(move.drop, move.add)
            if model.K and model.key not in tried:
                tried.add(model.key)
                count += 1
                yield move, self.fitter.fit(model, fit.starts, fit.windows, 8, above=HOPELESS * fit.total)

    def surroundings(self, fit: EquationFit, screen: Screen) -> None:
        """The most promising changes of a model, fitted if they were not, and from short windows if they fall short of that."""
        visited = self.fitter.visited
        for move in screen.moves(fit)[: self.trials]:
            model = fit.model.changed(move.drop, move.add)
            if not model.K or self.spent():
                continue
            place, forecast = (model.key, fit.windows), fit.score + move.change
            if place not in visited:
                self.fitter.fit(model, fit.starts, fit.windows, 8, above=HOPELESS * fit.total)
            if forecast < fit.score + MARGIN and (place not in visited or visited[place].score > forecast + MARGIN):
                self.descended(model)

    def combined(self, best: EquationFit) -> None:
        """Models with two equations of rivals that each differ in one: what is as good in each is as good in both."""
        own, d = _by_equation(best.model), self.problem.d
        others: list[list[tuple[float, list[Part]]]] = [[] for _ in range(d)]
        for fit in itertools.takewhile(lambda f: f.score < best.score + MARGIN, self.fitter.ranked(best.windows)):
            parts = _by_equation(fit.model)
            changed = [e for e in range(d) if {t.key for _, t, *_ in parts[e]} != {t.key for _, t, *_ in own[e]}]
            if len(changed) == 1:
                others[changed[0]].append((fit.score - best.score, parts[changed[0]]))
        found: list[tuple[float, EquationModel]] = []
        for i, j in itertools.combinations(range(d), 2):
            for (more, first), (further, second) in itertools.product(others[i], others[j]):
                sides = {**own, i: first, j: second}
                found.append((more + further, EquationModel(d, [part for e in range(d) for part in sides[e]])))
        found.sort(key=lambda pair: pair[0])
        new = [m for change, m in found if change < MARGIN and (m.key, best.windows) not in self.fitter.visited]
        for model in new[: self.trials]:
            if self.spent():
                break
            self.fitter.fit(model, best.starts, best.windows, 8, above=HOPELESS * best.total)

    def promoted(self, fit: EquationFit) -> EquationFit:
        """The same model over fewer windows, as few as it bears."""
        return self.fitter.chain(fit.model, [w for w in FEWER if w < fit.windows], 12, found=fit) or fit

    def onward(self, fits: Sequence[EquationFit], screen: Screen) -> None:
        """Search on from several models."""
        for fit in fits:
            if not self.spent():
                self.promoted(self.climbed(fit, screen))

    def sharpen(self, fit: EquationFit) -> bool:
        """Allow smaller errors of steps until runs have converged relative to the noise; whether that changed anything."""
        problem, fitter, first = self.problem, self.fitter, self.problem.integration
        coarse = fitter.run(fit)
        for _ in range(3):
            before = problem.integration
            problem.integration = before.scaled(0.03)
            fine = fitter.run(fit)
            if coarse is None or fine is None or np.max(np.abs(coarse - fine) * problem.w) < 0.1:
                problem.integration = before
                break
            coarse = fine
        return problem.integration is not first

    def renewed(self, fits: Sequence[EquationFit]) -> list[EquationFit]:
        """Models fitted again with other errors of steps, from short windows where their runs have gone astray."""
        found: list[EquationFit] = []
        for fit in fits:
            if self.fitter.late():
                break
            new = self.fitter.fit(fit.model, fit.starts, fit.windows, 8)
            if new is None or new.total > ASTRAY * fit.total:
                new = self.descended(fit.model)
            found += [new] if new is not None else []
        return found


def _descent(windows: int) -> tuple[int, ...]:
    """Ever fewer windows, down to one."""
    return (windows, *_descent(windows // 3)) if windows > 1 else (1,)


def _by_equation(model: EquationModel) -> dict[int, list[Part]]:
    """The terms of each equation, with the values of their constants."""
    return {e: [part for part in model.parts if part[0] == e] for e in range(model.d)}
