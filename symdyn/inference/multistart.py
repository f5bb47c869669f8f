"""The best of climbs from many starts, within a budget of time, with a record on disk from which they go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, qmc

from symdyn.errors import RecoveryError
from symdyn.inference.budget import SEARCHING, LateError
from symdyn.inference.fit_problem import GAIN, POOLED, FitProblem
from symdyn.inference.fit_request import Proposal
from symdyn.inference.fit_symbols import FitRequest
from symdyn.inference.information import arrow, inverse
from symdyn.inference.journal import Journal
from symdyn.inference.levenberg import LevenbergMarquardt, Recorded
from symdyn.inference.long_run import LongRun

__all__ = ["ClimbEnds", "MultiStart"]

#: Iterations of the best in the end, and the gain of twice the log-likelihood that still counts there.
POLISH, LAST_GAIN = 200, 1e-10
#: Standard deviations of the logarithms of starts about a guess, and without one.
NEAR_GUESS, FAR = 0.5, 3.0
#: Optima of an approximation from which a simulated likelihood is climbed.
ROUGH = 2
#: Times that starts are drawn again at which no simulation follows the data.
REDRAWN = 3
#: Share of a prior that starts leave out at either end.
TAIL = 0.02
#: Gain of twice the log-likelihood of another maximum; and most values from whose bounds one is looked for.
APART, MOST_LOST = 0.2, 4
#: Arrays that are kept of climbs that have ended.
ENDED = 3


@dataclass
class ClimbEnds:
    """Where climbs have ended.

    Attributes
    ----------
    theta : (S, P) float64
        Coordinates.
    starts : (S, V, n) float64
        Scaled initial values.
    total : (S,) float64
        Minus twice the logarithm of the posterior.
    """

    theta: np.ndarray
    starts: np.ndarray
    total: np.ndarray

    def best(self, count: int | None = None) -> ClimbEnds:
        """Those that could be simulated, the best first."""
        order = np.argsort(self.total, kind="stable")
        return self.take(order[np.isfinite(self.total[order])][:count])

    @classmethod
    def joined(cls, parts: Sequence[ClimbEnds]) -> ClimbEnds:
        """Those of several, one after another."""
        return cls(*(np.concatenate([getattr(e, name) for e in parts]) for name in ("theta", "starts", "total")))

    def take(self, which: np.ndarray) -> ClimbEnds:
        """Some of them."""
        return ClimbEnds(self.theta[which], self.starts[which], self.total[which])

    def put(self, which: np.ndarray, other: ClimbEnds) -> None:
        """Overwrite some of them."""
        self.theta[which], self.starts[which], self.total[which] = other.theta, other.starts, other.total


class MultiStart:
    """Climbs from many starts, of which the best goes on to the end.

    Parameters
    ----------
    proposal : Proposal
    count : int
        Starts.
    wanted : FitRequest
        With seed, budget, journal and report.

    Attributes
    ----------
    complete : bool
        False if the budget or an interrupt ended the climbs.
    notes : tuple of str
        Which of them did, for the user.
    """

    def __init__(self, proposal: Proposal, count: int, wanted: FitRequest) -> None:
        self.proposal, self.problem, self.count, self.seed = proposal, proposal.problem, count, wanted.seed
        self.run = LongRun(self.problem.facts, wanted.budget, wanted.journal, wanted.report)
        self.budget, self.report = wanted.budget, wanted.report
        self.first = max(len(proposal.first), 1)  # starts that are as they were proposed
        self.complete, self.notes = proposal.complete, tuple[str, ...]()
        self._chosen: tuple[np.ndarray, np.ndarray] | None = None
        self._ended: list[ClimbEnds] = []
        self._pooling = False  # whether points of a pool have been moved, so that starts are known to be worth something

    def ends(self) -> ClimbEnds:
        """Where they have ended, the best first.

        Raises
        ------
        RecoveryError
            If no simulation follows the data.
        KeyboardInterrupt
            If there is nothing yet to keep at an interrupt.
        """
        preparing = self.budget.share(SEARCHING)
        prepared = self.problem.prepare(preparing, self.run.kept("prepared"))
        self.run.time, complete = self.budget.share(SEARCHING), False
        with self.budget.keeping(lambda: self._so_far(interrupted=True)):
            try:
                self._search()
                complete = True
            except LateError:
                self._so_far()
        found = ClimbEnds.joined(self._ended).best()
        if not len(found.total):
            late = not complete and self.budget.limited
            raise RecoveryError(
                f"no simulation of the system follows the data{f' within {self.budget.seconds:g} s' if late else ''}; give "
                f"guesses or bounds of its parameters{', or more time' if late else ''}"
            )
        self.run.time, self.run.going_on = self.budget, None
        best = found.take(np.arange(1))
        gain = LAST_GAIN if self.problem.gain == GAIN else self.problem.gain
        with self.budget.keeping(lambda: True):
            try:
                best = self._climb("polish", self.problem, best.theta, best.starts, POLISH, gain=gain, record=complete)
                best = self._beyond(best, gain, record=complete)
            except LateError:
                best, complete = ClimbEnds.joined([best, *filter(None, [self._standing])]).best(1), False
            found.put(np.arange(1), best)
        if prepared is not None:
            self.complete, self.notes = False, tuple(preparing.notes(prepared, late=True))
        elif self.budget.interrupted or not (complete and self.complete):
            self.complete, self.notes = False, tuple(self.budget.notes(f"{self.run.iterations} iterations", late=True))
        return found

    # ---- climbs --------------------------------------------------------------------------------------------

    def _beyond(self, best: ClimbEnds, gain: float, *, record: bool) -> ClimbEnds:
        """The best, or a better one to which values lead that the data do not tell there, from their bounds.

        Where the expected information is singular no step moves along what it lacks, though another maximum may be there: as
        where stages of a chain have equal rates, so that to first order only the sum of their times counts.
        """
        problem = self.problem
        if self.count == 1 or problem.gain != GAIN:  # from one start there is no other maximum; simulations have errors
            return best
        self.run.go_on()
        local = problem.expand(np.zeros(1, dtype=int), best.theta, best.starts, fisher=True)
        matrix = arrow(local.information[0], local.mixed[0], local.start_information[0])
        moved = np.concatenate([np.ones(len(problem.columns), dtype=bool), problem.open_starts.ravel()])
        lost = np.flatnonzero(inverse(matrix[np.ix_(moved, moved)]).undetermined[: len(problem.columns)])
        rows = [(k, bound) for k in lost for bound in (problem.low[k], problem.high[k])]
        rows = [(k, bound) for k, bound in rows if np.isfinite(bound) and bound != best.theta[0, k]]
        if not rows or len(lost) > MOST_LOST:
            return best
        theta, starts = (np.repeat(a, len(rows), axis=0) for a in (best.theta, best.starts))
        theta[np.arange(len(rows)), [k for k, _ in rows]] = [bound for _, bound in rows]
        found = self._climb("polish", problem, theta, starts, problem.iterations, record=record, part=(1.0, 1.0)).best(1)
        if not len(found.total) or found.total[0] > best.total[0] - APART:
            return best
        return self._climb("polish", problem, found.theta, found.starts, POLISH, gain=gain, record=record, part=(1.0, 1.0))

    def _search(self) -> None:
        """Climb from all starts."""
        problem, rough = self.problem, self.proposal.rough
        self.report("beginning", 1.0)
        theta, begun = design = self._softly()
        self._chosen = design
        if rough is not None:
            near = self._climb("softened", rough, theta, begun, rough.iterations)
            order = np.argsort(near.total, kind="stable")[:ROUGH]
            theta, begun = near.theta[order], near.starts[order]
        fits = self._climb("starts", problem, theta, begun, problem.iterations)
        self._ended = [fits]
        for again in range(1, REDRAWN + 1 if rough is None else 0):
            lost = np.flatnonzero(~np.isfinite(fits.total))
            lost = lost[lost >= self.first]
            if not lost.size:
                break
            drawn, fresh = self._pool(self.count, (self.seed, again))
            anew = self._climb("starts", problem, drawn[lost], fresh[lost], problem.iterations, part=(1.0, 1.0))
            fits.put(lost, anew)
        if rough is not None and not np.isfinite(fits.total).any():
            self._ended = [self._climb("starts", problem, *design, problem.iterations)]

    def _softly(self) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates and initial values from which to climb: where softened likelihoods lead, after what was proposed."""
        self.run.go_on()
        problem, stages = self.problem, self.problem.softened
        if not stages or self.count <= self.first:
            return self._pool(self.count, self.seed)
        left, before = self.count - self.first, problem
        theta, begun = self._pool(self.first + stages[0].crowd * left, self.seed, stages[0])
        first, theta, begun = (theta[: self.first], begun[: self.first]), theta[self.first :], begun[self.first :]
        self._chosen = first
        for k, (stage, crowd) in enumerate(zip(stages, [*(s.crowd for s in stages[1:]), 1], strict=True)):
            part = (k / len(stages), (k + 1) / len(stages))
            near = self._climb("softened", stage, stage.taken(theta, before), begun, stage.iterations, part=part)
            best = np.argsort(near.total, kind="stable")[: crowd * left]
            theta, begun, before = near.theta[best], near.starts[best], stage
        theta = problem.taken(theta, before)
        return np.concatenate([first[0], theta]), np.concatenate([first[1], begun])

    def _climb(
        self, name: str, problem: FitProblem, theta: np.ndarray, starts: np.ndarray, iterations: int, *,
        gain: float | None = None, record: bool = True, part: tuple[float, float] = (0.0, 1.0),
    ) -> ClimbEnds:  # fmt: skip
        """Where climbs from coordinates and initial values end.

        Raises
        ------
        LateError
            If the time is over.
        """
        kept = self.run.kept(name, *part, theta, starts, iterations, gain) if record else Journal().kept(())
        if kept.known is not None and len(kept.known) == ENDED:
            return self._read(kept.known, theta, starts)

        def tell(share: float) -> None:
            self.report(name, part[0] + (part[1] - part[0]) * share)

        fits = self.run.climb(kept, problem, theta, starts, iterations=iterations, gain=gain, tell=tell)
        found = ClimbEnds(fits.theta, fits.starts, fits.total)
        kept.keep(lambda: (found.theta.copy(), found.starts.copy(), found.total.copy()))
        return found

    @property
    def _standing(self) -> ClimbEnds | None:
        """Where the climbs are that go on."""
        if self.run.going_on is None:
            return None
        fits = self.run.going_on[1].found
        return ClimbEnds(fits.theta, fits.starts, fits.total)

    def _read(self, known: Sequence[np.ndarray], theta: np.ndarray, starts: np.ndarray) -> ClimbEnds:
        """Climbs that have ended before."""
        found = ClimbEnds(*(a.copy() for a in known))
        if (found.theta.shape, found.starts.shape, found.total.shape) != (theta.shape, starts.shape, theta.shape[:1]):
            raise self.run.journal.refused("climbs from other starts")
        return found

    # ---- what there is at the end of the time ------------------------------------------------------------

    def _so_far(self, *, interrupted: bool = False) -> bool:
        """Add to the climbs that have ended those that were going on, or else starts; whether there is anything."""
        going_on, standing = self.run.going_on, self._standing
        if going_on is not None and standing is not None:
            problem, near = going_on[0], standing.best(self.count)
            if problem is not self.problem or interrupted:  # which may have come before sums were taken over
                near = self._valued(self.problem.taken(near.theta, problem), near.starts)
            self._ended.append(near)
        if (self._pooling or not interrupted) and not self._anything():
            theta, begun = self._chosen or self._design(self.count, self.seed)
            for rows in (slice(0, self.first), slice(self.first, None)):
                if len(theta[rows]) and not self._anything():
                    self._ended.append(self._valued(theta[rows], begun[rows]))
        return self._anything()

    def _anything(self) -> bool:
        return any(np.isfinite(e.total).any() for e in self._ended)

    def _valued(self, theta: np.ndarray, starts: np.ndarray) -> ClimbEnds:
        return ClimbEnds(theta, starts, self.problem.totals(theta, starts) if len(theta) else np.zeros(0))

    # ---- starts -----------------------------------------------------------------------------------------

    def _pool(self, count: int, seed: int | tuple[int, int], judge: FitProblem | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates and initial values from which to climb: the best of a pool, after what was proposed or guessed."""
        kept, problem = self.first, judge or self.problem
        points = max(count, problem.pool * min(count, POOLED)) if count > 1 else 1
        theta, begun = self._design(points, seed)
        if points == count:
            return theta, begun
        self.run.go_on()
        key = ("pool", count, seed, judge is None)

        def check(fits: LevenbergMarquardt) -> None:
            self._pooling = True
            self.run.go_on()

        def compute() -> tuple[np.ndarray, ...]:
            every = np.zeros(points, dtype=int), theta, begun, np.ones(theta.shape, dtype=bool)
            moved, total = problem.settled(*every, lambda piece: Recorded(self.run.kept(*key, piece), check))
            if (unknown := np.flatnonzero(np.isnan(total))).size:
                total[unknown] = problem.totals(moved[unknown], begun[unknown])
            order = np.argsort(total[kept:], kind="stable")
            rows = np.concatenate([np.arange(kept), kept + order])[:count]
            return moved[rows], begun[rows]

        found = self.run.computed(key, compute)
        return found[0], found[1]

    def _design(self, count: int, seed: int | tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates (S, P) and initial values (S, V, n) from which to climb: what was proposed first."""
        problem, proposal = self.problem, self.proposal
        P, low, high = len(problem.columns), problem.low, problem.high
        # `seed` and not `rng`, which SciPy 1.12 does not know
        share = qmc.LatinHypercube(P, seed=np.random.default_rng(seed)).random(count) if P else np.zeros((count, 0))
        theta = np.empty((count, P))
        for k, c in enumerate(problem.columns):
            theta[:, k] = _spread(problem, k, share[:, k])
            if c.guesses:
                theta[0, k] = c.coordinate(c.guesses[0])
            elif count == 1:
                theta[0, k] = _spread(problem, k, np.array([0.5]))[0]
        theta = np.clip(theta, low, high)
        begun = problem.rough_starts(count)
        for j, (values, scaled) in enumerate(proposal.first[:count]):
            theta[j], begun[j] = np.clip(values, low, high), scaled
        return theta, np.clip(begun, *problem.start_bounds) if begun.size else begun


def _spread(problem: FitProblem, k: int, share: np.ndarray) -> np.ndarray:
    """Coordinates of a column at shares (S,) of its range."""
    c = problem.columns[k]
    if c.guesses and not (np.isfinite(c.low) and np.isfinite(c.high)):
        middle = c.guesses[0]
        return np.asarray(c.coordinate((middle or c.size) * np.exp(NEAR_GUESS * norm.ppf(share))))
    if hasattr(c.prior, "ppf"):
        return np.asarray(c.coordinate(c.prior.ppf(TAIL + (1 - 2 * TAIL) * share)))
    low, high = problem.low[k], problem.high[k]
    if np.isfinite(low) and np.isfinite(high):
        return np.asarray(low + (high - low) * share)
    value = c.size * np.exp(FAR * norm.ppf(share))
    return np.asarray(c.coordinate(value))
