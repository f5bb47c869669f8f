"""The search over structures: from candidates of integral matching to models fitted by simulation."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from symdyn.discover.whole.choice import MARGIN, chosen, ranked
from symdyn.discover.whole.continuity import Pieces, cut_up, polished
from symdyn.discover.whole.evidence import information
from symdyn.discover.whole.fits import EquationFit, Fitter
from symdyn.discover.whole.library import library
from symdyn.discover.whole.matching import MatchedSupport, WeakMatching
from symdyn.discover.whole.moves import Move, Screen
from symdyn.discover.whole.problem import EquationProblem
from symdyn.discover.whole.reduction import reduced
from symdyn.discover.whole.terms import EquationModel
from symdyn.discover.whole.weak import weak_support
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
#: Right-hand sides that are put in place of that of each state.
ALTERNATIVES = 7
#: Right-hand sides of each of two states that are combined.
TOGETHER = 3
#: A fit that falls slowly is given up above so many times the sum of squares of the present one.
HOPELESS = 3.0
#: Mean squares below which a model explains data without noise and with it.
EXPLAINED, CLEAN_EXPLAINED = 1.25, 0.05
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
#: Factor of the sum of squares by which a run has gone astray.
ASTRAY = 1.5
#: Seconds for each point that must be left for a beginning in weak form.
WEAKLY = 0.01
#: Share of the time that is left at the beginning, after which the fits to the end stop.
FINISHING = 0.95


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

    def spent(self, share: float = 1.0) -> bool:
        """Whether this share of the work is done, or time is up."""
        self.late = self.late or self.fitter.late()
        self.report(min(self.fitter.steps / self.work, 1.0))
        return self.late or self.fitter.steps > share * self.work

    def run(self) -> EquationFit | None:
        """The best model; None if none can be simulated."""
        for functions in (False, True):
            if functions and self._explained():
                break
            self._level(functions)
            if self.late:
                break
        if not self.problem.clean and not self.late and self.fitter.visited:
            self._matched_again()
            self._reweighed()
        self.complete = not self.late
        if self.complete and self.screen is not None and self.fitter.visited:
            self._widened(self.screen)
        return self.finish()

    def _widened(self, screen: Screen) -> None:
        """Further levels, with more neighbours of more models, as far as a limit leaves time."""
        for level in self.fitter.budget.levels():
            before, best = len(self.fitter.visited), chosen(self.fitter)
            self.level, self.trials = level, TRIALS << level
            self.work = self.fitter.steps + (MOST_WORK << level)
            for fit in ranked(self.fitter, best.windows)[: CLIMBS << level]:
                if not self.spent():
                    self._promoted(self._climbed(fit, screen))
            if len(self.fitter.visited) == before:
                break
        self.late, self.trials = False, TRIALS

    def _matched_again(self) -> None:
        """Whole right-hand sides exchanged for those that match along the best run, which is nearer the truth than splines."""
        self.work = max(self.work, self.fitter.steps + int(MORE * self.work))
        for _ in range(PASSES):
            best = chosen(self.fitter)
            nodes = self.fitter.nodes(best) if best.windows == 1 else None
            if nodes is None or self.screen is None or self.spent(0.95):
                return
            candidates = WeakMatching(self.problem, self.screen.terms, nodes).candidates(MATCHING[0], elbow=False)
            new = best
            for choice in itertools.product(*(c[:TOGETHER] for c in candidates)) if self.problem.d == 2 else ():
                if self.spent(0.95):
                    break
                fit = self.fitter.fit(_assembled(choice), new.starts, 1, 6, above=HOPELESS * new.total)
                new = fit if fit is not None and fit.score < new.score else new
            new = self._exchanged(new, candidates, 0.95)
            if new is best:
                return
            self._climbed(new, self.screen)

    def _reweighed(self) -> None:
        """Search on from the best models with the noise that they leave, until that stays as it is."""
        self.work = self.fitter.steps + int(MORE * self.work)
        for _ in range(PASSES):
            best = chosen(self.fitter)
            again = ranked(self.fitter, best.windows)[:AGAIN]
            run, before = self.fitter.run(best), self.problem.w
            if run is None or self.screen is None:
                return
            integration, earlier = self.problem.integration, self.fitter.visited
            found: list[EquationFit] = []
            try:
                self.problem.reweighed(run)
                self.fitter.visited = {}
                fits = [self.fitter.fit(f.model, f.starts, f.windows, 8) for f in again if not self.fitter.late()]
                found = sorted((f for f in fits if f is not None), key=lambda f: f.score)
            finally:
                if not found:
                    self.problem.w, self.problem.integration, self.fitter.visited = before, integration, earlier
            if not found:
                return
            for fit in found[:CLIMBS]:
                if not self.spent():
                    self._promoted(self._climbed(fit, self.screen))
            known = before > 0
            if np.abs(np.log(self.problem.w[known] / before[known])).mean() < SAME:
                return

    def best(self) -> EquationFit | None:
        """The choice among the models visited so far; None if there are none."""
        return chosen(self.fitter) if self.fitter.visited else None

    def finish(self) -> EquationFit | None:
        """That choice, fitted to the end, in its simplest form, and compared with its neighbours."""
        best = self.best()
        self.fitter.budget = self.finishing
        if best is None or self.late:
            return best
        again = ranked(self.fitter, best.windows)[:AGAIN]
        if self.sharpen(best):
            earlier, self.fitter.visited = self.fitter.visited, {}
            if not self._renewed([best, *again]):
                self.fitter.visited = earlier
            best = self.best() or best
        for _ in range(PASSES):
            best = reduced(self.fitter, self.fitter.fit(best.model, best.starts, best.windows, 25, fall=1e-6) or best)
            if not self.sound(best):
                best = reduced(self.fitter, best, near=np.inf)
            if self.screen is not None:
                self.work = self.fitter.steps + int(MORE * self.work)
                known = {key for key, windows in self.fitter.visited if windows == best.windows}
                for _ in self._neighbours(best, self.screen, known, TRIALS):
                    pass
            before, best = best, chosen(self.fitter, self.sound)
            if best.model.key == before.model.key or self.late:
                break
        return self._stretched(best)

    def sound(self, fit: EquationFit) -> bool:
        """Whether the data determine all constants of a model."""
        names = [""] * len(fit.model.theta)
        facts = information(self.fitter, fit, names, [""] * self.problem.d)
        return bool(np.isfinite(facts.deviations[: len(names)]).all())

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
        self.work = self.fitter.steps + MOST_WORK
        least = self._climbed(start, self.screen).score
        # pieces tell less than long runs: what is nearly as good over them is polished, too
        near = [f for f in ranked(self.fitter, pieces.windows)[:NEAR] if f.score < least + MARGIN and f is not start]
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

    # ---- one library ---------------------------------------------------------------------------

    def _explained(self) -> bool:
        """Whether a model of monomials leaves nothing to explain."""
        if not self.finals:
            return False
        best = min(self.finals, key=lambda f: f.score)
        squares = self.problem.mean_squares(best.rss)
        if self.problem.clean:
            return self._perfect(best)
        return self.problem.d >= 3 and best.windows == 1 and bool(np.all(squares < EXPLAINED))

    def _perfect(self, fit: EquationFit) -> bool:
        few = 3 if self.problem.d == 1 else 4
        return bool(np.all(self.problem.mean_squares(fit.rss) < CLEAN_EXPLAINED)) and int(fit.model.counts().max()) <= few

    def _level(self, functions: bool) -> None:
        problem = self.problem
        terms = library(problem.smooth, functions=functions)
        matching = WeakMatching(problem, terms)
        starts = self._starts(matching, functions)
        if not starts:
            return

        def order(start: tuple[EquationFit, list[list[MatchedSupport]]]):
            return not self._fits(start[0]), start[0].windows, start[0].score

        starts.sort(key=order)
        if self.sharpen(starts[0][0]):
            self.fitter.visited = {}
            self.finals = self._renewed(self.finals)
            starts = [(fit, candidates) for f, candidates in starts for fit in self._renewed([f])] or starts
            starts.sort(key=order)
        if functions and self.finals:
            before = min(self.finals, key=lambda f: (f.windows, f.score))
            starts.insert(1, (before, starts[0][1]))
        screen = self.screen = Screen(self.fitter, terms)
        for fit, candidates in starts[: CLEAN_BEGINNINGS if problem.clean else BEGINNINGS]:
            if self.spent(0.8) and self.finals:
                break
            fit = self.fitter.fit(fit.model, fit.starts, fit.windows, 10) or fit
            if problem.clean and self._perfect(fit):
                self.finals.append(fit)
                break
            fit = self._exchanged(fit, candidates)
            fit = self._climbed(fit, screen)
            for _ in range(3):
                if fit.windows == 1 or self.spent():
                    break
                longer = self._promoted(fit)
                if longer is fit:
                    break
                fit = self._climbed(longer, screen)
            self.finals.append(fit)

    def _fits(self, fit: EquationFit) -> bool:
        return self.problem.clean or bool(np.max(self.problem.mean_squares(fit.rss)) < 2.0)

    def _starts(self, matching: WeakMatching, functions: bool) -> list[tuple[EquationFit, list[list[MatchedSupport]]]]:
        """Models put together from the best right-hand sides of each state, fitted."""
        found: list[tuple[EquationFit, list[list[MatchedSupport]]]] = []
        seen: set[tuple] = set()
        for model, candidates in self._proposed(matching, functions):
            if model.key in seen or (found and self.spent(0.6)):
                continue
            seen.add(model.key)
            fit = self._descended(model)
            if fit is not None:
                found.append((fit, candidates))
        return found

    def _proposed(self, matching: WeakMatching, functions: bool) -> Iterator[tuple[EquationModel, list[list[MatchedSupport]]]]:
        """Models by integral matching and in weak form, with the right-hand sides that matching found for each state."""
        problem, candidates = self.problem, []
        for windows in CLEAN_MATCHING if problem.clean else MATCHING:
            candidates = matching.candidates(windows, elbow=problem.clean)
            if not all(candidates):
                continue
            yield _assembled([c[0] for c in candidates]), candidates
            if not problem.clean:
                yield _assembled([_elbow(c, problem.seen[j]) for j, c in enumerate(candidates)]), candidates
        # three states or more may be chaotic
        if (
            problem.d >= 3
            and not (problem.clean or functions or self.spent(0.6))
            and self.fitter.budget.left() > WEAKLY * problem.n
        ):
            weak = weak_support(problem)
            if weak is not None and all(candidates):
                yield weak, candidates

    def _descended(self, model: EquationModel) -> EquationFit | None:
        """A model fitted over ever fewer windows."""
        best: EquationFit | None = None
        for counts in self.descents:
            fit = self.fitter.chain(model, counts, 8)
            if best is None or (fit is not None and (fit.windows < best.windows or fit.total * 1.4 < best.total)):
                best = fit
            if best is not None and best.windows == 1:
                break
        return best

    # ---- changes -------------------------------------------------------------------------------

    def _exchanged(self, fit: EquationFit, candidates: Sequence[Sequence[MatchedSupport]], share: float = 0.5) -> EquationFit:
        """Whole right-hand sides exchanged for others of integral matching."""
        for j, others in enumerate(candidates):
            for other in others[:ALTERNATIVES]:
                if self.spent(share):
                    return fit
                model = _replaced(fit.model, j, other)
                new = self.fitter.fit(model, fit.starts, fit.windows, 6, above=HOPELESS * fit.total)
                if new is not None and new.score < fit.score:
                    fit = new
        return fit

    def _climbed(self, fit: EquationFit, screen: Screen) -> EquationFit:
        """Steepest descent of the score over structures."""
        tried: set[tuple] = set()
        for _ in range(ROUNDS):
            best = None
            for count, (move, new) in enumerate(self._neighbours(fit, screen, tried), 1):
                if new is not None and new.score < fit.score - LESS and (best is None or new.score < best.score):
                    best = new
                    if count >= 4 and move.change < -30:
                        break
            if best is None or self.spent():
                return best or fit
            fit = best
        return fit

    def _neighbours(
        self, fit: EquationFit, screen: Screen, tried: set[tuple], looked: int | None = None
    ) -> Iterator[tuple[Move, EquationFit | None]]:
        """The most promising changes of a model, among so many, that were not tried before, fitted."""
        count = 0
        for move in screen.moves(fit)[:looked]:
            if count == self.trials or self.spent():
                return
            model = fit.model.changed(move.drop, move.add)
            if not model.K or model.key in tried:
                continue
            tried.add(model.key)
            count += 1
            yield move, self.fitter.fit(model, fit.starts, fit.windows, 8, above=HOPELESS * fit.total)

    def _promoted(self, fit: EquationFit) -> EquationFit:
        """The same model over fewer windows, as few as it bears."""
        for windows in (w for w in FEWER if w < fit.windows):
            new = self.fitter.fit(fit.model, self.fitter.joined(fit, windows), windows, 12)
            if new is None or not self.fitter.promoted(fit, new):
                break
            fit = new
        return fit

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
        found = []
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


def _elbow(candidates: Sequence[MatchedSupport], seen: float) -> MatchedSupport:
    least = min(c.rss for c in candidates)
    return min((c for c in candidates if c.rss < 1.8 * max(least, 0.7 * seen)), key=lambda c: (c.constants, c.score))


def _assembled(sides: Sequence[MatchedSupport]) -> EquationModel:
    terms = [(j, t) for j, side in enumerate(sides) for t in side.terms]
    coefficients = [c for side in sides for c in side.coefficients]
    return EquationModel(len(sides), terms, coefficients, [v for side in sides for v in side.inner])


def _replaced(model: EquationModel, j: int, side: MatchedSupport) -> EquationModel:
    kept = [k for k in range(model.K) if model.equations[k] != j]
    inner = model.inner
    terms = [model.terms[k] for k in kept] + [(j, t) for t in side.terms]
    coefficients = [float(model.theta[k]) for k in kept] + list(side.coefficients)
    return EquationModel(model.d, terms, coefficients, [inner[k] for k in kept] + list(side.inner))
