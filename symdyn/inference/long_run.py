"""What every verb that fits for long has: an end in time, a record on disk from which it goes on, and a report."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symdyn.errors import RecoveryError
from symdyn.inference.allowed_values import RUNNING, check_value
from symdyn.inference.budget import Budget, LateError
from symdyn.inference.facts import facts_of
from symdyn.inference.fit_problem import FitProblem
from symdyn.inference.held import climb
from symdyn.inference.journal import Journal, KeptState, digest_of
from symdyn.inference.levenberg import Fits, LevenbergMarquardt, Recorded
from symdyn.inference.report import Report
from symdyn.version import __version__

if TYPE_CHECKING:
    from symdyn.inference.fits import Fit

__all__ = ["LongRun", "check_running", "long_run"]


def _nothing(share: float) -> None:
    """No report."""


class LongRun:
    """Pieces of work that end in time, are kept, and go on later with the same bits.

    Parameters
    ----------
    facts : object
        Everything that the pieces depend on beside the keys of their own, for `facts_of`.
    budget : Budget
    journal : Journal
    report : Report

    Attributes
    ----------
    time : Budget
        The share in which pieces have to end; the whole unless it is set.
    complete : bool
        Whether nothing ended the pieces early.
    iterations : int
        Of all climbs so far.
    took : float
        Seconds of the last piece.
    going_on : pair of FitProblem and LevenbergMarquardt, or None
        The climb that goes on, or that was cut short.
    """

    def __init__(self, facts: Any, budget: Budget, journal: Journal, report: Report) -> None:
        self.budget, self.journal, self.report, self.time = budget, journal, report, budget
        self.complete, self.iterations = True, 0
        self.going_on: tuple[FitProblem, LevenbergMarquardt] | None = None
        self._began, self.took = 0.0, 0.0
        self._question = "" if journal.path is None else digest_of(__version__, *facts_of(facts))

    def kept(self, *key: Any) -> KeptState:
        """What is kept of a piece."""
        return self.journal.kept(key, question=self._question)

    def computed(self, key: tuple[Any, ...], compute: Callable[[], tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
        """The arrays of a piece, computed unless they are kept."""
        return self.journal(key, compute, question=self._question)

    def go_on(self, after: float = 0.0) -> None:
        """Raise a `LateError` where a piece as long as the last, and so many seconds `after` all pieces, would end too late."""
        if self.budget.over() or not self.time.room(self.took + after):
            raise LateError

    def began(self) -> None:
        """A piece begins, whose time `ended` takes."""
        self._began = time.monotonic()

    def ended(self) -> None:
        """Take the seconds of the piece that began last."""
        self.took = time.monotonic() - self._began

    def climb(
        self, kept: KeptState, problem: FitProblem, theta: np.ndarray, starts: np.ndarray, active: np.ndarray | None = None, *,
        iterations: int = 60, gain: float | None = None, tell: Callable[[float], None] = _nothing,
    ) -> Fits:  # fmt: skip
        """As `symdyn.inference.held.climb`, an iteration after another.

        Raises
        ------
        LateError
            If the time is over; `going_on` has then what there is.
        """
        self.go_on()
        self.began()

        def check(fits: LevenbergMarquardt) -> None:
            self.going_on = problem, fits
            self.ended()
            tell(fits.done / iterations)
            self.go_on()
            self.began()
            self.iterations += 1

        found = climb(problem, theta, starts, active, iterations=iterations, gain=gain, recorded=Recorded(kept, check))
        self.going_on = None
        tell(1.0)
        return found

    def fitted(
        self, stage: str, problem: FitProblem, theta: np.ndarray, starts: np.ndarray, active: np.ndarray | None = None, *,
        iterations: int = 60, gain: float | None = None, part: tuple[float, float] = (0.0, 1.0), key: tuple[Any, ...] = (),
    ) -> Fits:  # fmt: skip
        """The same, kept by what it depends on and a key, and reported as a part of a stage."""
        kept = self.kept(stage, *key, theta, starts, "all" if active is None else active, iterations, gain)

        def tell(share: float) -> None:
            self.report(stage, part[0] + (part[1] - part[0]) * share)

        return self.climb(kept, problem, theta, starts, active, iterations=iterations, gain=gain, tell=tell)

    @property
    def settled(self) -> tuple[Fits, np.ndarray] | None:
        """Of a climb that was cut short, the candidates that had come to rest: fits, and their places (m,)."""
        if self.going_on is None:
            return None
        fits, at = self.going_on[1].found, np.flatnonzero(self.going_on[1].settled)
        return Fits(fits.theta[at], fits.starts[at], fits.local.take(at)), at

    @contextmanager
    def ending(self, anything: Callable[[], object]) -> Iterator[None]:
        """End the block when the time is over, and at an interrupt if there is anything to keep."""
        with self.budget.keeping(anything):
            try:
                yield
            except LateError:
                self.complete = False
        self.complete &= not self.budget.interrupted

    def note(self, what: str, done: str) -> None:
        """Say in a warning that a verb ended early after what was done; nothing where it did not.

        Parameters
        ----------
        what : str
            The verb: ``"the bootstrap"``.
        done : str
            ``"64 of 200 repeats"``.
        """
        if self.complete:
            return
        how = "was interrupted" if self.budget.interrupted else f"ended at its budget of {self.budget.seconds:g} s"
        path = self.journal.path
        further = "with a checkpoint it would go on" if path is None else f"the same call goes on from {path}"
        warnings.warn(f"{what} {how}, after {done}; {further}", stacklevel=3)

    def nothing(self, what: str, missing: str) -> RecoveryError:
        """What is raised where the time was over before there was anything."""
        return RecoveryError(f"{what} ended at its budget of {self.budget.seconds:g} s {missing}; give it more time")


def check_running(budget: Any, checkpoint: Any, progress: Any) -> None:
    """Refuse wrong values of the arguments that every search has.

    Raises
    ------
    RecoveryError
        Naming the argument.

    Examples
    --------
    >>> check_running(60, None, True)
    >>> check_running("10m", None, True)
    Traceback (most recent call last):
    ...
    symdyn.errors.RecoveryError: budget is '10m'; expected a positive number of seconds, or None
    """
    for name, value in (("budget", budget), ("checkpoint", checkpoint), ("progress", progress)):
        check_value(name, value, RUNNING[name])


@contextmanager
def long_run(
    fit: Fit, verb: str, stages: Mapping[str, tuple[float, float]], facts: Any, *, budget: float | None,
    checkpoint: str | Path | None, progress: bool | Callable[[str, float], None] | None, began: float | None = None,
) -> Iterator[LongRun]:  # fmt: skip
    """The run of a verb of a fit; its record is written in the end, and removed when it is complete.

    Parameters
    ----------
    fit : Fit
        A warning says so if it was cut short itself.
    verb : str
        By its name: ``"profile"``.
    stages : mapping of str to (float, float)
        See `Report`.
    facts : object
        The options of the verb.
    budget, checkpoint, progress : optional
        As for `symdyn.fit`, checked before.
    began : float, optional
        Of `time.monotonic`, when the budget began; now unless given.
    """
    if not fit.complete:
        warnings.warn(
            f"the fit was cut short, and {verb} begins where it stood; fit with more time first, or from its checkpoint",
            stacklevel=4,
        )
    limit = Budget(budget, began=began)
    with Journal(checkpoint) as journal, Report(progress, verb, stages) as report:
        known = (verb, fit.problem.facts, fit.theta, fit.scaled_starts, facts)
        run = LongRun(known if journal.path is not None else None, limit, journal, report)
        yield run
        if run.complete:
            journal.remove()
