"""The search over structures: from candidates of integral matching to models fitted by simulation."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import sympy as sp

from symdyn.discover.regressors.sparse import SparseRegression
from symdyn.discover.whole.continuity import Pieces, cut_up, polished
from symdyn.discover.whole.evidence import information
from symdyn.discover.whole.fits import MARGIN, EquationFit, Fitter
from symdyn.discover.whole.library import LIBRARIES, library, monomials
from symdyn.discover.whole.matching import MatchedSupport, WeakMatching, elbow
from symdyn.discover.whole.moves import Move, Screen
from symdyn.discover.whole.problem import EquationProblem
from symdyn.discover.whole.reduction import reduced
from symdyn.discover.whole.terms import EquationModel, Part
from symdyn.inference.budget import SEARCHING, Budget
from symdyn.inference.journal import Journal

__all__ = ["EquationSearch"]

#: Windows of integral matching, and of fits, with and without noise.
MATCHING, CLEAN_MATCHING = (2, 6, 25), (1, 5)
LONG, SHORT = (12, 4, 1), (48, 16, 6, 2, 1)
#: Windows that a search tries to get along with.
FEWER = (16, 6, 4, 2, 1)
#: Rounds of a search and fits in each, and the fall of the score that counts.
ROUNDS, TRIALS, LESS = 15, 8, 0.5
#: A round ends after so many fits at the first that was forecast to fall, and fell, by more than this.
ENOUGH, STEEP = 4, 30.0
#: Right-hand sides that are put in place of that of each state, and of each of two states that are combined.
ALTERNATIVES, TOGETHER = 7, 3
#: A fit that falls slowly is given up above so many times the sum of squares of the present one.
HOPELESS = 3.0
#: Mean squares below which a model explains data without noise and with it, and above which it does not fit.
EXPLAINED, CLEAN_EXPLAINED, UNFIT = 1.25, 0.05, 2.0
#: Steps of simulations that a search may attempt, by the number of states.
WORK = {1: 400_000, 2: 600_000}
MOST_WORK = 800_000
#: Models that are fitted again once the noise is known better, and the further work that is allowed then.
AGAIN, MORE = 20, 0.5
#: How often, from how many of them the search goes on, and the mean change of the logarithm of the noise that is none.
PASSES, CLIMBS, SAME = 3, 3, 0.02
#: Beginnings that a search goes on from with each library.
BEGINNINGS, CLEAN_BEGINNINGS = 4, 2
#: Models over pieces of runs that are looked at over the runs.
NEAR = 4
#: Score above the best within which one of these is opened, to look at its neighbours.
OPEN = 12.0
#: Factors of the sum of squares by which a run has gone astray, and over which another descent is better.
ASTRAY, BETTER = 1.5, 1.4
#: Seconds for each point that must be left for a beginning in weak form.
WEAKLY = 0.01
#: Share of the time that is left at the beginning, after which the fits to the end stop.
FINISHING = 0.95

#: Right-hand sides of each state.
Sides = Sequence[Sequence[MatchedSupport]]


class EquationSearch:
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
        self.problem, self.report = problem, report
        searching, self.finishing = ((budget or Budget()).share(part) for part in (SEARCHING, FINISHING))
        self.fitter = Fitter(problem, journal, searching)
        self.descents = (LONG, SHORT) if windows is None else (_descent(windows),)
        self.work = WORK.get(problem.d, MOST_WORK)
        self.late = self.complete = False
        self.level, self.trials = 0, TRIALS
        self.screen: Screen | None = None
        self.finals: list[EquationFit] = []
        #: Models along whose runs right-hand sides were matched.
        self.matched: set[tuple] = set()

    def spent(self, share: float = 1.0) -> bool:
        """Whether this share of the work is done, or time is up."""
        self.late = self.late or self.fitter.late()
        self.report(min(self.fitter.steps / self.work, 1.0))
        return self.late or self.fitter.steps > share * self.work

    def allow(self, work: float) -> None:
        """Allow this much work from now on."""
        self.work = self.fitter.steps + int(work)

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
            self.finals = self._renewed(self.finals)
            starts = [(fit, sides) for f, sides in starts for fit in self._renewed([f])] or starts
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
            fit = self._climbed(self._exchanged(fit, sides), screen)
            for _ in range(3):
                if fit.windows == 1 or self.spent():
                    break
                longer = self._promoted(fit)
                if longer is fit:
                    break
                fit = self._climbed(longer, screen)
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
            fit = self._descended(model)
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

    def _descended(self, model: EquationModel) -> EquationFit | None:
        """A model fitted over ever fewer windows."""
        best: EquationFit | None = None
        for counts in self.descents:
            fit = self.fitter.chain(model, counts, 8)
            if best is None or (fit is not None and (fit.windows < best.windows or fit.total * BETTER < best.total)):
                best = fit
            if best is not None and best.windows == 1:
                break
        return best

    # ---- changes -------------------------------------------------------------------------------

    def _exchanged(self, fit: EquationFit, sides: Sides, share: float = 0.5) -> EquationFit:
        """Right-hand sides of single states exchanged for others of integral matching."""
        for j, other in ((j, other) for j, others in enumerate(sides) for other in others[:ALTERNATIVES]):
            if self.spent(share):
                break
            model = EquationModel(self.problem.d, [*(p for p in fit.model.parts if p[0] != j), *other.parts])
            fit = self._better(fit, model, 6)
        return fit

    def _better(self, fit: EquationFit, model: EquationModel, iterations: int) -> EquationFit:
        """The better of a fit and of another model over the same windows."""
        if (model.key, fit.windows) in self.fitter.visited:
            return min(fit, self.fitter.visited[model.key, fit.windows], key=lambda f: f.score)
        new = self.fitter.fit(model, fit.starts, fit.windows, iterations, above=HOPELESS * fit.total)
        return new if new is not None and new.score < fit.score else fit

    def _climbed(self, fit: EquationFit, screen: Screen) -> EquationFit:
        """Steepest descent of the score over structures."""
        tried: set[tuple] = set()
        for _ in range(ROUNDS):
            best = fit
            for count, (move, new) in enumerate(self._neighbours(fit, screen, tried), 1):
                if new is not None and new.score < min(fit.score - LESS, best.score):
                    best = new
                    if count >= ENOUGH and move.change < -STEEP:
                        break
            if best is fit or self.spent():
                return best
            fit = best
        return fit

    def _neighbours(self, fit: EquationFit, screen: Screen, tried: set[tuple]) -> Iterator[tuple[Move, EquationFit | None]]:
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

    def _surroundings(self, fit: EquationFit, screen: Screen) -> None:
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
                self._descended(model)

    def _combined(self, best: EquationFit) -> None:
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

    def _promoted(self, fit: EquationFit) -> EquationFit:
        """The same model over fewer windows, as few as it bears."""
        for windows in (w for w in FEWER if w < fit.windows):
            new = self.fitter.fit(fit.model, self.fitter.joined(fit, windows), windows, 12)
            if new is None or not self.fitter.promoted(fit, new):
                break
            fit = new
        return fit

    def _onward(self, fits: Sequence[EquationFit], screen: Screen) -> None:
        """Search on from several models."""
        for fit in fits:
            if not self.spent():
                self._promoted(self._climbed(fit, screen))

    # ---- further passes ------------------------------------------------------------------------

    def _widened(self, screen: Screen) -> None:
        """Further levels, with more neighbours of more models, as far as a limit leaves time."""
        for level in self.fitter.budget.levels():
            before = len(self.fitter.visited)
            self.level, self.trials = level, TRIALS << level
            self.allow(MOST_WORK << level)
            self._onward(self.fitter.ranked(self.fitter.chosen().windows)[: CLIMBS << level], screen)
            if len(self.fitter.visited) == before:
                break
        self.late, self.trials = False, TRIALS

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
                    new = self._better(new, _assembled(choice), 6)
                new = self._exchanged(new, sides, 0.95)
            if new is best:
                return
            self._climbed(new, self.screen)

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
            self._onward(found[:CLIMBS], self.screen)
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
            if not self._renewed([best, *again]):
                fitter.visited = earlier
            best = self.best() or best
        for _ in range(PASSES):
            best = reduced(fitter, fitter.fit(best.model, best.starts, best.windows, 25, fall=1e-6) or best)
            if not self.sound(best):
                best = reduced(fitter, best, near=np.inf)
            if self.screen is not None:
                self.allow(MORE * self.work)
                self._surroundings(best, self.screen)
                self._combined(best)
            if not self.problem.clean:
                self._matched_again()
            before, best = best, fitter.chosen(self.sound)
            if best.model.key == before.model.key or self.late:
                break
        return self._stretched(best)

    def _stretched(self, best: EquationFit) -> EquationFit:
        """The optimum of a run along which errors grow, and of models that are chosen over pieces of it, whichever is best.

        From there the search goes on among the neighbours of the best models, each fitted over pieces and then joined: long
        runs tell apart what pieces do not, and a fit of a long run itself ends short of its optimum.
        """
        pieces = cut_up(self.fitter, best)
        if not len(pieces.joined) or self.late:
            return best
        start = self._in_pieces(best, best.model, pieces)
        if start is None:
            return best
        if self.screen is None or self.problem.clean:
            return min([best, *self._polished(best, [start], pieces)], key=lambda f: f.score)
        self.allow(MOST_WORK)
        least = self._climbed(start, self.screen).score
        # pieces tell less than long runs: what is nearly as good over them is polished, too
        near = [f for f in self.fitter.ranked(pieces.windows)[:NEAR] if f.score < least + MARGIN and f is not start]
        known = _least([best, *self._polished(best, [start, *near], pieces)])
        opened: set[tuple] = set()
        for _ in range(ROUNDS):
            order = sorted(known.values(), key=lambda f: f.score)
            fit = next((f for f in order[:NEAR] if f.model.key not in opened and f.score < order[0].score + OPEN), None)
            if fit is None or self.spent():
                break
            opened.add(fit.model.key)
            models = (fit.model.changed(move.drop, move.add) for move in self.screen.moves(fit))
            new = {m.key: m for m in models if m.K and m.key not in known}
            fits = [self._in_pieces(fit, m, pieces) for m in itertools.islice(new.values(), self.trials) if not self.spent()]
            known = _least([*known.values(), *self._polished(fit, [f for f in fits if f is not None], pieces)])
        return min(known.values(), key=lambda f: f.score)

    def _in_pieces(self, fit: EquationFit, model: EquationModel, pieces: Pieces) -> EquationFit | None:
        """A model over the pieces of the run of a fit."""
        return self.fitter.fit(model, self.fitter.joined(fit, pieces.windows), pieces.windows, 25)

    def _polished(self, fit: EquationFit, fits: Sequence[EquationFit], pieces: Pieces) -> Iterator[EquationFit]:
        """Fits over pieces, each joined to one run over a trajectory, and to as many as another fit has."""
        for part, windows in itertools.product(fits, sorted({1, fit.windows})):
            joined = np.flatnonzero(~np.isin(pieces.cut[:, 0], self.problem.cut(windows)[:, 0]))
            new = polished(self.fitter, part.model, windows, replace(pieces, joined=joined), part.starts)
            if new is not None:
                yield new

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

    def _renewed(self, fits: Sequence[EquationFit]) -> list[EquationFit]:
        """Models fitted again with other errors of steps, from short windows where their runs have gone astray."""
        found: list[EquationFit] = []
        for fit in fits:
            if self.fitter.late():
                break
            new = self.fitter.fit(fit.model, fit.starts, fit.windows, 8)
            if new is None or new.total > ASTRAY * fit.total:
                new = self._descended(fit.model)
            found += [new] if new is not None else []
        return found


def _descent(windows: int) -> tuple[int, ...]:
    """Ever fewer windows, down to one."""
    return (windows, *_descent(windows // 3)) if windows > 1 else (1,)


def _least(fits: Iterable[EquationFit]) -> dict[tuple, EquationFit]:
    """The best fit of each structure, by its key."""
    return {f.model.key: f for f in sorted(fits, key=lambda f: -f.score)}


def _by_equation(model: EquationModel) -> dict[int, list[Part]]:
    """The terms of each equation, with the values of their constants."""
    return {e: [part for part in model.parts if part[0] == e] for e in range(model.d)}


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
