"""The search over structures: from candidates of integral matching to models fitted by simulation."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import sympy as sp

from symdyn.discover.regressors.sparse import SparseRegression
from symdyn.discover.whole.climbing import TRIALS, Climber, Sides
from symdyn.discover.whole.evidence import information
from symdyn.discover.whole.fits import EquationFit, Fitter
from symdyn.discover.whole.library import LIBRARIES, library, monomials
from symdyn.discover.whole.long_runs import stretched
from symdyn.discover.whole.matching import MatchedSupport, WeakMatching, elbow
from symdyn.discover.whole.moves import Screen
from symdyn.discover.whole.problem import EquationProblem
from symdyn.discover.whole.reduction import reduced
from symdyn.discover.whole.terms import EquationModel
from symdyn.inference.budget import SEARCHING, Budget
from symdyn.inference.journal import Journal

__all__ = ["EquationSearch"]

#: Windows of integral matching, with and without noise.
MATCHING, CLEAN_MATCHING = (2, 6, 25), (1, 5)
#: Right-hand sides of each of two states that are combined.
TOGETHER = 3
#: Mean squares below which a model explains data without noise and with it, and above which it does not fit.
EXPLAINED, CLEAN_EXPLAINED, UNFIT = 1.25, 0.05, 2.0
#: Steps of simulations that a search may attempt, by the number of states.
WORK = {1: 400_000, 2: 600_000}
MOST_WORK = 800_000
#: Models that are fitted again once the noise is known better, and the further work that is allowed then.
AGAIN, MORE = 20, 0.5
#: How often, from how many of them the search goes on, and the mean change of the logarithm of the noise that is none.
PASSES, CLIMBS, SAME = 3, 3, 0.02
#: Numbers of states for which the general equations of populations are visited.
POPULATIONS = (2, 3)
#: Beginnings that a search goes on from with each library.
BEGINNINGS, CLEAN_BEGINNINGS = 4, 2
#: Seconds for each point that must be left for a beginning in weak form.
WEAKLY = 0.01
#: Share of the time that is left at the beginning, after which the fits to the end stop.
FINISHING = 0.95


class EquationSearch(Climber):
    """One search.

    Parameters
    ----------
    problem : EquationProblem
    budget : Budget, optional
        Time that a limit leaves goes to wider neighbourhoods of more models.
    report : callable, optional
        Called with the completed fraction of the search.
    journal : Journal, optional
        Keeps every fit.
    windows : int, optional
        Into which a trajectory is cut at first; several numbers are tried unless given.
    """

    def __init__(
        self, problem: EquationProblem, budget: Budget | None = None, report: Callable[[float], None] = lambda part: None,
        journal: Journal | None = None, windows: int | None = None,
    ) -> None:  # fmt: skip
        searching, self.finishing = ((budget or Budget()).share(part) for part in (SEARCHING, FINISHING))
        super().__init__(Fitter(problem, journal, searching), WORK.get(problem.d, MOST_WORK), report, windows)
        self.complete, self.level = False, 0
        self.screen: Screen | None = None
        self.finals: list[EquationFit] = []
        #: Models along whose runs right-hand sides were matched.
        self.matched: set[tuple] = set()

    def run(self) -> EquationFit | None:
        """The best model; None if none can be simulated."""
        for number in LIBRARIES:
            if self.late or (number and self._explained(number)):
                break
            self._search(number)
        else:
            if self.problem.clean:
                self._usual()
        if not self.problem.clean and not self.late and self.fitter.visited:
            self._populations()
            self._matched_again()
            self._reweighed()
        self.complete = not self.late
        if self.complete and self.screen is not None and self.fitter.visited:
            self._widened(self.screen)
        return self.finish()

    def best(self) -> EquationFit | None:
        """The choice among the models visited so far; None if there are none."""
        return self.fitter.chosen() if self.fitter.visited else None

    def sound(self, fit: EquationFit) -> bool:
        """Whether the data determine all constants of a model."""
        names = [""] * len(fit.model.theta)
        facts = information(self.fitter, fit, names, [""] * self.problem.d)
        return bool(np.isfinite(facts.deviations[: len(names)]).all())

    # ---- one library ---------------------------------------------------------------------------

    def _search(self, number: int) -> None:
        """Climb from the best beginnings with one library."""
        problem = self.problem
        terms = library(problem.smooth, number)
        starts = self._starts(WeakMatching(problem, terms), number)
        if not starts:
            return

        def order(start: tuple[EquationFit, Sides]):
            fit = start[0]
            unfit = not problem.clean and np.max(problem.mean_squares(fit.rss)) >= UNFIT
            return unfit, fit.windows, fit.score

        starts.sort(key=order)
        if self.sharpen(starts[0][0]):
            self.fitter.visited = {}
            self.finals = self.renewed(self.finals)
            starts = [(fit, sides) for f, sides in starts for fit in self.renewed([f])] or starts
            starts.sort(key=order)
        if number and self.finals:
            before = min(self.finals, key=lambda f: (f.windows, f.score))
            starts.insert(1, (before, starts[0][1]))
        screen = self.screen = Screen(self.fitter, terms)
        for fit, sides in starts[: CLEAN_BEGINNINGS if problem.clean else BEGINNINGS]:
            if self.spent(0.8) and self.finals:
                break
            fit = self.fitter.fit(fit.model, fit.starts, fit.windows, 10) or fit
            if problem.clean and self._perfect(fit):
                self.finals.append(fit)
                break
            fit = self.climbed(self.exchanged(fit, sides), screen)
            for _ in range(3):
                if fit.windows == 1 or self.spent():
                    break
                longer = self.promoted(fit)
                if longer is fit:
                    break
                fit = self.climbed(longer, screen)
            self.finals.append(fit)

    def _explained(self, number: int) -> bool:
        """Whether models of the libraries before this one leave nothing to explain."""
        if not self.finals:
            return False
        best = min(self.finals, key=lambda f: f.score)
        if self.problem.clean:
            return self._perfect(best)
        return (self.problem.d >= 3 or number > 1) and best.windows == 1 and self._close(best)

    def _perfect(self, fit: EquationFit) -> bool:
        return self._close(fit) and int(fit.model.counts().max()) <= (3 if self.problem.d == 1 else 4)

    def _close(self, fit: EquationFit) -> bool:
        return bool(np.all(self.problem.mean_squares(fit.rss) < (CLEAN_EXPLAINED if self.problem.clean else EXPLAINED)))

    def _usual(self) -> None:
        """Forget models with rarer terms if these do not end a misfit."""
        if any(map(self._close, self.finals)):
            return
        terms = library(self.problem.smooth, LIBRARIES[-2])
        keys = {t.key for t in terms}
        left = {place: f for place, f in self.fitter.visited.items() if keys.issuperset(t.key for _, t in f.model.terms)}
        if left:
            self.fitter.visited, self.screen = left, Screen(self.fitter, terms)

    def _starts(self, matching: WeakMatching, number: int) -> list[tuple[EquationFit, Sides]]:
        """Models put together from the best right-hand sides of each state, fitted."""
        found: list[tuple[EquationFit, Sides]] = []
        seen: set[tuple] = set()
        for model, sides in self._proposed(matching, number):
            if model.key in seen or (found and self.spent(0.6)):
                continue
            seen.add(model.key)
            fit = self.descended(model)
            found += [(fit, sides)] if fit is not None else []
        return found

    def _proposed(self, matching: WeakMatching, number: int) -> Iterator[tuple[EquationModel, Sides]]:
        """Models by integral matching and in weak form, with the right-hand sides that matching found for each state."""
        problem, sides = self.problem, []
        for windows in CLEAN_MATCHING if problem.clean else MATCHING:
            sides = matching.candidates(windows)
            if not all(sides):
                continue
            yield _assembled([s[0] for s in sides]), sides
            if not problem.clean:
                yield _assembled([elbow(s, problem, j) for j, s in enumerate(sides)]), sides
        # three states or more may be chaotic
        if problem.d < 3 or problem.clean or number or self.spent(0.6) or not all(sides):
            return
        weak = _weak_support(problem) if self.fitter.budget.left() > WEAKLY * problem.n else None
        if weak is not None:
            yield weak, sides

    # ---- further passes ------------------------------------------------------------------------

    def _widened(self, screen: Screen) -> None:
        """Further levels, with more neighbours of more models, as far as a limit leaves time."""
        for level in self.fitter.budget.levels():
            before = len(self.fitter.visited)
            self.level, self.trials = level, TRIALS << level
            self.allow(MOST_WORK << level)
            self.onward(self.fitter.ranked(self.fitter.chosen().windows)[: CLIMBS << level], screen)
            if len(self.fitter.visited) == before:
                break
        self.late, self.trials = False, TRIALS

    def _populations(self) -> None:
        """Visit the general Lotka-Volterra equations where no state is negative: none of their terms may stand out alone."""
        problem = self.problem
        if problem.d in POPULATIONS and problem.x.min() >= 0:
            own = [[t for t in monomials(problem.d) if t.exponents[j] and sum(t.exponents) <= 2] for j in range(problem.d)]
            sides = [WeakMatching(problem, terms).whole(j, MATCHING[0]) for j, terms in enumerate(own)]
            self.descended(_assembled(sides))

    def _matched_again(self) -> None:
        """Right-hand sides exchanged for those that match along the best run, which is nearer the truth than splines."""
        self.work = max(self.work, self.fitter.steps + int(MORE * self.work))
        for _ in range(PASSES):
            best = new = self.fitter.chosen()
            nodes = self.fitter.nodes(best) if best.windows == 1 and best.model.key not in self.matched else None
            if nodes is None or self.screen is None or self.spent(0.95):
                return
            self.matched.add(best.model.key)
            # among few terms a sum of three stands out that is one of many in a large library
            few = monomials(self.problem.d)
            for terms, windows in (*((few, w) for w in MATCHING), (self.screen.terms, MATCHING[0])):
                sides = WeakMatching(self.problem, terms, nodes).candidates(windows)
                for choice in itertools.product(*(s[:TOGETHER] for s in sides)) if self.problem.d == 2 else ():
                    if self.spent(0.95):
                        break
                    new = self.better(new, _assembled(choice), 6)
                new = self.exchanged(new, sides, 0.95)
            if new is best:
                return
            self.climbed(new, self.screen)

    def _reweighed(self) -> None:
        """Search on from the best models with the noise that they leave, until that stays as it is."""
        problem, fitter = self.problem, self.fitter
        self.allow(MORE * self.work)
        for _ in range(PASSES):
            best = fitter.chosen()
            again, run = fitter.ranked(best.windows)[:AGAIN], fitter.run(best)
            if run is None or self.screen is None:
                return
            before = problem.w, problem.integration, fitter.visited
            found: list[EquationFit] = []
            try:
                problem.reweighed(run)
                fitter.visited = {}
                fits = [fitter.fit(f.model, f.starts, f.windows, 8) for f in again if not fitter.late()]
                found = sorted((f for f in fits if f is not None), key=lambda f: f.score)
            finally:
                if not found:
                    problem.w, problem.integration, fitter.visited = before
            if not found:
                return
            self.onward(found[:CLIMBS], self.screen)
            known = before[0] > 0
            if np.abs(np.log(problem.w[known] / before[0][known])).mean() < SAME:
                return

    # ---- the end -------------------------------------------------------------------------------

    def finish(self) -> EquationFit | None:
        """The choice, fitted to the end, in its simplest form, and compared with its neighbours."""
        best, fitter = self.best(), self.fitter
        fitter.budget = self.finishing
        if best is None or self.late:
            return best
        again = fitter.ranked(best.windows)[:AGAIN]
        if self.sharpen(best):
            earlier, fitter.visited = fitter.visited, {}
            if not self.renewed([best, *again]):
                fitter.visited = earlier
            best = self.best() or best
        for _ in range(PASSES):
            best = reduced(fitter, fitter.fit(best.model, best.starts, best.windows, 25, fall=1e-6) or best)
            if not self.sound(best):
                best = reduced(fitter, best, near=np.inf)
            if self.screen is not None:
                self.allow(MORE * self.work)
                self.surroundings(best, self.screen)
                self.combined(best)
            if not self.problem.clean:
                self._matched_again()
            before, best = best, fitter.chosen(self.sound)
            if best.model.key == before.model.key or self.late:
                break
        return stretched(self, best, self.screen, MOST_WORK)


def _assembled(sides: Sequence[MatchedSupport]) -> EquationModel:
    return EquationModel(len(sides), [part for side in sides for part in side.parts])


def _weak_support(problem: EquationProblem) -> EquationModel | None:
    """Monomials and coefficients by `symdyn.SparseRegression`, in weak form, which needs no run that follows noisy data.

    None if an equation gets no term.
    """
    states = sp.symbols(f"x:{problem.d}")
    terms = {term.expression(states, []): term for term in monomials(problem.d)}
    pieces = [slice(a, b) for a, b in itertools.pairwise(problem.first)]
    regression = SparseRegression(list(terms), names=states)
    regression.fit([problem.x[p] for p in pieces], t=[problem.t[p] for p in pieces])
    if not np.any(regression.coef_, axis=1).all():
        return None
    used = np.argwhere(regression.coef_)
    return EquationModel(
        problem.d, [(int(j), terms[regression.terms_[k]], float(regression.coef_[j, k]), []) for j, k in used]
    )  # fmt: skip
