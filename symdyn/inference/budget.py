"""The time of a search, and its two early ends: a deadline, and an interrupt that keeps what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["LEVELS", "SEARCHING", "Budget", "LateError"]

#: Levels of a search beside the first, each about twice as wide as the one before, for which a budget may leave time.
LEVELS = 4
#: Share of the time that is left for a search, after which it ends, so that its best models can be fitted to the end.
SEARCHING = 0.85
#: Share of a budget by which a piece of work that cannot be divided may end late.
LATE = 0.1


class LateError(Exception):
    """A stage has taken longer than its share of the budget."""


class Budget:
    """Seconds for a search, from which shares are given to its stages.

    Parameters
    ----------
    seconds : float, optional
        From `began` on; no limit unless given.
    began : float, optional
        Of `time.monotonic`; now unless given.

    Attributes
    ----------
    seconds, deadline : float
        How many, and the end by `time.monotonic`; infinite without a limit.
    interrupted : bool
        Whether an interrupt ended a search within the budget.

    Examples
    --------
    >>> Budget().over(), Budget(0.0).over(), Budget(60.0).share(0.5).left() < 30
    (False, True, True)
    """

    def __init__(self, seconds: float | None = None, *, began: float | None = None) -> None:
        self._began = time.monotonic() if began is None else began
        self.seconds = float("inf") if seconds is None else float(seconds)  # of numpy's short floats the clock would be one
        self.deadline = self._began + self.seconds
        self.interrupted = False

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return self.deadline < float("inf")

    def left(self) -> float:
        """Seconds to the deadline."""
        return self.deadline - time.monotonic()

    def over(self) -> bool:
        """Whether the time is over, or the search was interrupted."""
        return self.interrupted or self.left() <= 0

    def going(self) -> bool:
        """Whether a search may go on."""
        return not self.over()

    def room(self, seconds: float) -> bool:
        """Whether work that takes so long may begin: it ends a tenth of the budget late at most.

        >>> Budget(60.0).room(65.0), Budget(60.0).room(70.0), Budget(0.0).room(0.0), Budget().room(1e9)
        (True, False, False, True)
        """
        return self.going() and seconds <= self.left() + LATE * self.seconds

    @property
    def end(self) -> str:
        """What ended it, in words: ``"there was no time"``."""
        return "the search was interrupted" if self.interrupted else "there was no time"

    def share(self, part: float) -> Budget:
        """A budget of the first part of the seconds that are left."""
        return Budget(part * self.left() if self.limited else None)

    def stopping(self, report: Callable[[float], None]) -> Callable[[int, int], None]:
        """A callback ``(done, every)`` that reports the fraction and ends a stage that is late by a `LateError`."""

        def progress(done: int, every: int) -> None:
            report(done / max(every, 1))
            if done < every and self.over():
                raise LateError

        return progress

    @contextmanager
    def keeping(self, anything: Callable[[], object]) -> Iterator[None]:
        """End the block at an interrupt, if there is anything to keep: ``with budget.keeping(lambda: search.visited): ...``.

        Raises
        ------
        KeyboardInterrupt
            If there is nothing.

        Examples
        --------
        >>> budget = Budget()
        >>> with budget.keeping(lambda: ["a model"]):
        ...     raise KeyboardInterrupt
        >>> budget.over(), budget.notes("3 models")
        (True, ['the search was interrupted after 3 models; this is the best so far'])
        """
        try:
            yield
        except KeyboardInterrupt:
            if not anything():
                raise
            self.interrupted = True

    def levels(self) -> Iterator[int]:
        """Numbers 1, 2, ... of further levels of a search that has ended, as long as a limit leaves time for them."""
        for level in range(1, LEVELS + 1):
            if not self.limited or self.over():
                return
            yield level

    def notes(self, done: str, level: int = 0, *, late: bool = False) -> list[str]:
        """A note for the user if the search ended early, after what was done, such as ``"21 models"``.

        It did so if the time is over, or if it was `late` for the time that must be left for what follows it.
        """
        if self.interrupted:
            return [f"the search was interrupted after {done}; this is the best so far"]
        how = f"the search went on to level {level} of {LEVELS} and" if level else "the search"
        return [f"{how} ended at its budget of time, after {done}"] if late or self.over() else []
