"""Events of large states: the loop through time from one moment at which something happens to the next.

Each part is an integration of its own, which ends at the next known time, or where a condition changes: there it is located as
`until` is, for which it is the margin.  Conditions that turn false are located too, so that they can turn true again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from symdyn_kernels.arguments.events import FROM_TRIGGER, INITIAL, KNOWN, PERSISTENT
from symdyn_kernels.constants.events import MOST_AT_ONCE, MOST_SHRINKING, MOST_STILL, SHRINKING, STILL
from symdyn_kernels.status import (
    BAD_DELAY,
    ENDLESS_EVENTS,
    MOST_WAITING,
    NOT_FINITE,
    SUCCESS,
    TOO_MANY_EVENTS,
    TOO_MANY_STEPS,
)

from symdyn.integration.loop import Margin, Record
from symdyn.integration.options import Result, StepOptions

__all__ = ["Course", "Happenings", "integrate_events"]

#: In schedules the knot of the first input; of others it is less.
KNOT = -2
#: The margin of a condition that is to turn false, where it is 0 and still true.
JUST_TRUE = -1e-300


#: What integrates: `symdyn.integration.integrate` of a problem, a scheme and signals as a function of a state, times and what
#: follows, with options and the margin of the condition that ends trajectories.
Begun = tuple[Callable[..., Result], StepOptions, Margin | None]


class Happenings(Protocol):
    """The events of a system as functions of time, a state (size,) and parameters (k,).

    Attributes
    ----------
    flags : (E,) int64
        As of `symdyn_kernels.arguments.events.EventTables`.
    scheduled : (E,) bool
        Of which events there is a schedule in place of a condition.
    recorded : int
        For how many firings of each event the times are recorded.
    """

    flags: np.ndarray
    scheduled: np.ndarray
    recorded: int

    def margins(self, t: float, y: np.ndarray, p: np.ndarray, *, known: bool) -> np.ndarray:
        """The margins (E,) of conditions, 0 or above where they are true; of those that change at known times if `known`."""

    def delay(self, event: int, t: float, y: np.ndarray, p: np.ndarray) -> float:
        """Time from the trigger to the assignments."""

    def priority(self, event: int, t: float, y: np.ndarray, p: np.ndarray) -> float:
        """Minus infinity where there is none."""

    def values(self, event: int, t: float, y: np.ndarray, p: np.ndarray) -> list[np.ndarray]:
        """What the event assigns, in the order of its assignments."""

    def assign(self, event: int, values: Sequence[np.ndarray], y: np.ndarray) -> None:
        """Change the state in place."""


@dataclass
class Course:
    """The events of one trajectory.

    Attributes
    ----------
    happenings : Happenings
    schedule : (S, 3) float64
        As a row of `EventTables.schedule`.
    parameters : (k,) float64
    aside : (E * (1 + recorded),) float64
        How often each event has happened, and when.
    segments : (C, d) float64
        As of `EventTables`, what the parameters of an input become at its knots.
    places : sequence of (int, int)
        Where the parameters of each input begin, and how many there are.
    held : sequence of int
        Places of states that events alone change, whose values are the last parameters.
    """

    happenings: Happenings
    schedule: np.ndarray
    parameters: np.ndarray
    aside: np.ndarray
    segments: np.ndarray
    places: Sequence[tuple[int, int]]
    held: Sequence[int]

    def follow(self, y: np.ndarray) -> bool:
        """Take the held states from y (size,); returns whether one has changed."""
        if not self.held or (y[list(self.held)] == self.parameters[-len(self.held) :]).all():
            return False
        self.parameters = np.concatenate([self.parameters[: -len(self.held)], y[list(self.held)]])
        return True

    def change(self, k: int, row: int) -> None:
        """Input k has come to a knot, from which the segment of a row is its course."""
        begin, size = self.places[k]
        self.parameters = self.parameters.copy()
        self.parameters[begin : begin + size] = self.segments[row, :size]


@dataclass
class _Waiting:
    """An event whose condition turned true."""

    due: float
    event: int
    values: Sequence[np.ndarray] | None


def integrate_events(
    begin: Callable[[np.ndarray, np.ndarray], Begun], course: Course, y: np.ndarray, times: np.ndarray, *, record: Record,
    stops: np.ndarray | None,
) -> tuple[Result, int]:  # fmt: skip
    """Integrate one state in time, through its events and the knots of its inputs.

    Parameters
    ----------
    begin : callable
        From a state and parameters to what integrates from there on.
    course : Course
    y : (size,) array
    times : (T,) float64
    record, stops
        As for `symdyn.integration.integrate`; output times of an event are recorded after it.

    Returns
    -------
    Result
    int
        Output times that were reached; what is recorded for later ones is to be dropped.
    """
    return _Run(begin, course, y, times, record, stops).run()


class _Run:
    """One trajectory."""

    def __init__(
        self, begin: Callable[[np.ndarray, np.ndarray], Begun], course: Course, y: np.ndarray, times: np.ndarray,
        record: Record, stops: np.ndarray | None,
    ) -> None:  # fmt: skip
        self.begin, self.course, self.happenings = begin, course, course.happenings
        self.y, self.times, self.record = y.copy(), times, record
        self._begin()
        self.stops = np.empty((0, 2)) if stops is None else stops
        flags = self.happenings.flags
        self.held, self.known = (flags & INITIAL) != 0, (flags & KNOWN) != 0
        self.sampled = not self.known.all()
        self.waiting: list[_Waiting] = []
        self.t, self.upcoming, self.still, self.next = float(times[0]), 0, 0, 0
        self.acted = [(-math.inf, math.inf, 0)] * flags.size  # when, how long after the time before, how often ever sooner
        self.found = Result(SUCCESS, 0, 0, 0)

    def _begin(self) -> None:
        """Take the parameters as they are now."""
        known = self.course.parameters
        self.p = known[: known.size - len(self.course.held)]  # events have states in their own places
        self.integrate, self.options, self.until = self.begin(self.y, known)

    def run(self) -> tuple[Result, int]:
        """From the first time to the last."""
        status = self._happen()
        while status == SUCCESS:
            if self.until is not None and self.until(self.t, self.y) >= 0:
                return self._passed()
            while self.next < self.times.size and self.times[self.next] <= self.t:
                self._record()
            if self.next == self.times.size:
                break
            status = self._advance()
            if status == SUCCESS and not (self.until is not None and self.until(self.t, self.y) >= 0):
                status = self._happen()
        return self.found._replace(status=status), self.next

    def _record(self) -> None:
        self.record(self.next, self.y)
        self.next += 1

    def _passed(self) -> tuple[Result, int]:
        """The condition that ends trajectories is true from here on."""
        while self.next < self.times.size:
            self._record()
        return self.found._replace(passage=self.t), self.next

    # ---- between events ------------------------------------------------------------------------

    def _advance(self) -> int:
        """Integrate to the next moment at which something happens; returns a status."""
        end = float(min([self.times[-1], *self.course.schedule[self.upcoming : self.upcoming + 1, 0],
                         *(w.due for w in self.waiting)]))  # fmt: skip
        begin, reached = self.t, end
        for before, after in self.stops:  # rates jump in the beginning or at the end
            begin = float(after) if before <= begin < after else begin
            reached = float(before) if before < reached <= after else reached
        while self.next < self.times.size and self.times[self.next] <= begin:
            self._record()
        if not begin < reached:
            self.t = end
            return SUCCESS
        left = self.options.limit - self.found.steps - self.found.rejected
        if left <= 0:
            return TOO_MANY_STEPS
        inner = [float(t) for t in self.times[self.next :] if t < reached]
        first, total, last = self.next, len(inner) + 1, self.y

        def recorded(k: int, y: np.ndarray) -> None:
            nonlocal last
            if k == total:
                last = y.copy()
            elif k > 0:
                self.record(first + k - 1, y)
                self.next = first + k

        result = self.integrate(
            self.y, np.array([begin, *inner, reached]), options=replace(self.options, max_steps=left), record=recorded,
            until=self._margin if self.sampled or self.until is not None else None, stops=self.stops,
        )  # fmt: skip
        steps, rejected, evaluations = (a + b for a, b in zip(self.found[1:4], result[1:4], strict=True))
        worst = float(np.fmax(self.found.error, result.error))
        self.found = Result(result.status, steps, rejected, evaluations, error=worst)
        if result.status != SUCCESS:
            return result.status
        self.y = last
        self.t = end if math.isnan(result.passage) else result.passage
        self.next = first + sum(t < self.t for t in inner)  # later ones are recorded anew
        return NOT_FINITE if result.passage == result.passage and math.isnan(self._most(self.t, last)) else SUCCESS

    def _margin(self, t: float, y: np.ndarray) -> float:
        """0 or above where a condition is not as it is noted, that which ends trajectories is true, or one is no number."""
        most = self._most(t, y)
        return 0.0 if most != most else most

    def _most(self, t: float, y: np.ndarray) -> float:
        """The largest of these margins."""
        most = -math.inf if self.until is None else self.until(t, y)
        if self.sampled:
            own = self.happenings.margins(t, y, self.p, known=False)
            changed = np.where(self.held, np.where(own == 0, JUST_TRUE, -own), own)[~self.known]
            most = float(np.maximum(most, changed.max()))
        return most

    # ---- at a moment ---------------------------------------------------------------------------

    def _happen(self) -> int:
        """Let everything happen that is due; returns a status."""
        code, schedule, knots = self._turn(), self.course.schedule, False
        while self.upcoming < len(schedule) and schedule[self.upcoming, 0] <= self.t:
            event, row = int(schedule[self.upcoming, 1]), int(schedule[self.upcoming, 2])
            self.upcoming += 1
            if event >= 0 and code == SUCCESS:
                code = self._wait(_Waiting(self.t, event, None))
            elif event <= KNOT:
                self.course.change(KNOT - event, row)
                knots = True
        if knots:
            self._begin()
            code = max(code, self._turn())
        acted, still = 0, any(self.acted[w.event][0] == self.t >= w.due for w in self.waiting)
        while code == SUCCESS and (due := [w for w in self.waiting if w.due <= self.t]):
            acted += 1
            if acted > MOST_AT_ONCE:
                return ENDLESS_EVENTS
            first = self._first(due)
            if first is None:
                return NOT_FINITE
            again, endless = self._act(first)
            still |= again
            code = ENDLESS_EVENTS if endless else self._turn()
        if acted:
            if self.course.follow(self.y):
                self._begin()
            self.still = self.still + 1 if still else 0
            if self.still > MOST_STILL:
                code = ENDLESS_EVENTS
        return code

    def _turn(self) -> int:
        """Note which conditions have turned true or false; returns a status."""
        margins, code = self.happenings.margins(self.t, self.y, self.p, known=True), SUCCESS
        if np.isnan(margins).any():
            return NOT_FINITE
        for event in np.flatnonzero(~self.happenings.scheduled):
            true = bool(margins[event] >= 0)
            if true and not self.held[event]:
                code = max(code, self._trigger(int(event)))
            elif not true and self.held[event] and not self.happenings.flags[event] & PERSISTENT:
                self.waiting = [w for w in self.waiting if w.event != event]
            self.held[event] = true
        return code

    def _trigger(self, event: int) -> int:
        """A condition turned true: its event waits for its delay."""
        here = event, self.t, self.y, self.p
        delay = self.happenings.delay(*here)
        if not delay >= 0:
            return BAD_DELAY
        early = self.happenings.flags[event] & FROM_TRIGGER
        return self._wait(_Waiting(self.t + delay, event, self.happenings.values(*here) if early else None))

    def _wait(self, what: _Waiting) -> int:
        if len(self.waiting) == MOST_WAITING:
            return TOO_MANY_EVENTS
        self.waiting.append(what)
        return SUCCESS

    def _first(self, due: Sequence[_Waiting]) -> _Waiting | None:
        """That which acts first: of the largest priority, and of equals the first that was triggered; None for no numbers."""
        if len(due) == 1:
            return due[0]
        priorities = [self.happenings.priority(w.event, self.t, self.y, self.p) for w in due]
        return None if any(map(math.isnan, priorities)) else due[int(np.argmax(priorities))]

    def _act(self, what: _Waiting) -> tuple[bool, bool]:
        """Assign; returns whether the event had acted within rounding before, and whether its times come together."""
        self.waiting = [w for w in self.waiting if w is not what]
        event, aside, each = what.event, self.course.aside, self.happenings.recorded
        values = self.happenings.values(event, self.t, self.y, self.p) if what.values is None else what.values
        self.happenings.assign(event, values, self.y)
        fired = int(aside[event])
        aside[event] = fired + 1
        if fired < each:
            aside[self.happenings.flags.size + event * each + fired] = self.t
        latest, before, shrinking = self.acted[event]
        gap, near = self.t - latest, STILL * abs(self.t)
        if gap > 0:
            shrinking = shrinking + 1 if gap <= SHRINKING * before else 0
            self.acted[event] = self.t, gap, shrinking
        return 0 < gap <= near, 0 < gap <= near and shrinking >= MOST_SHRINKING
