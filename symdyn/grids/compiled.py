"""Explicit steps on a grid of cells by the compiled driver."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from symdyn_kernels.arguments.fields import GridTables, StencilSteps, Steps, Tableau
from symdyn_kernels.arguments.parts import Control, Signals, Tolerances
from symdyn_kernels.status import NOT_FINITE, STEPPED, SUCCESS

from symdyn.grids.model import GridModel
from symdyn.grids.workspace import Workspace
from symdyn.integration.controllers import Equal, equal_steps
from symdyn.integration.crossing import Trend, crossing, interval_of_change
from symdyn.integration.loop import LIMITED, TO_COME, Margin, Record, targets
from symdyn.integration.options import Result, StepOptions
from symdyn.integration.steppers.explicit import interpolates
from symdyn.methods.runge_kutta import ExplicitRungeKutta

__all__ = ["StencilLoop"]


@lru_cache
def tableau_of(scheme: ExplicitRungeKutta) -> Tableau:
    """A method as the driver takes it."""
    stages, degree = len(scheme.a) + 1, max(map(len, scheme.dense))
    nodes = np.array([*scheme.nodes, *(math.fsum(row) for row in scheme.extra)])
    a = _padded((*scheme.a, *scheme.extra), range(1, stages + len(scheme.extra)))
    errors, dense = _padded(scheme.error, [stages] * 2), _padded(scheme.dense, [degree] * len(scheme.dense))
    return Tableau(stages, len(scheme.extra), scheme.error_order + 1.0, a, nodes, errors, dense, scheme.stiffness_limit)


def _padded(rows: Sequence[Sequence[float]], lengths: Iterable[int]) -> np.ndarray:
    """The rows one after the other, each with zeros up to its length."""
    return np.array([x for row, n in zip(rows, lengths, strict=False) for x in (*row, *[0.0] * (n - len(row)))])


class StencilLoop:
    """The driver for one method and one set of parameters; see `symdyn.integration.loop.Compiled`.

    Parameters
    ----------
    model : GridModel
    scheme : ExplicitRungeKutta
    p : (k,) array
        Values of the parameters.
    lend : callable
        From a number of padded states to a context manager of memory: a `Workspace`, or that of a card.
    driver : module
        The functions of `symdyn_kernels.drivers.stencil_steps`.
    """

    def __init__(
        self, model: GridModel, scheme: ExplicitRungeKutta, p: np.ndarray, lend: Callable[[int], Any], driver: Any
    ) -> None:
        self.model, self.scheme, self.p = model, scheme, np.ascontiguousarray(p, float)
        self.lend, self.driver = lend, driver

    def __call__(
        self, y: np.ndarray, times: np.ndarray, options: StepOptions, record: Record, signals: Signals,
        until: Margin | None, stops: np.ndarray,
    ) -> Result:  # fmt: skip
        tableau = tableau_of(self.scheme)
        with self.lend(4 + tableau.stages + tableau.extra) as space:
            return _Loop(self, y, times, options, record, signals, until, space).run(stops)


class _Loop:
    """One integration."""

    def __init__(
        self, made: StencilLoop, y: np.ndarray, times: np.ndarray, options: StepOptions, record: Record, signals: Signals,
        until: Margin | None, space: Workspace,
    ) -> None:  # fmt: skip
        model, scheme = made.model, made.scheme
        self.times, self.options, self.record, self.until = times, options, record, until
        self.driver = made.driver
        self.start, self.out, self.reached = y, np.empty(model.size), signals.reached
        tableau = tableau_of(scheme)
        self.space = space
        control = Control(*(options.controller or scheme.controller).numbers(tableau.order))
        decay = float(options.decay) if options.step is None else 0.0
        begin, end = float(times[0]), float(times[-1])
        steps = Steps(begin, end, begin, 0.0, 0, int(until is not None), decay, LIMITED, TO_COME)
        tolerances = Tolerances(float(options.rtol), float(options.atol), float(options.max_step), options.limit)
        self.arguments = []
        for work in self.space.works:
            grid = GridTables(model.table, model.numbers(made.p), made.p, self.space.target(y), self.space.states, work)
            clock, marks = np.zeros(7), np.zeros(8, np.int64)
            clock[0] = begin
            own = signals.stop, signals.reached, clock, marks
            self.arguments.append(StencilSteps(grid, tableau, control, tolerances, steps, self.space.target(self.out), *own))
        #: Those of the first thread, which all others have too.
        self.clock, self.marks = self.arguments[0].clock, self.arguments[0].marks
        self.trend = Trend()
        self.next, self.passage, self.name, self.errors = 1, math.nan, scheme.name, bool(scheme.error)
        self.interpolates = interpolates(scheme)

    def run(self, stops: np.ndarray) -> Result:
        """From the first time to the last."""
        times, self.margin = self.times, -math.inf
        self.record(0, self.start)
        if self.until is not None:
            self.margin = self.until(float(times[0]), self.start)
            if not self.margin < 0:
                self.out[...] = self.start
                return self._passed(float(times[0])) if self.margin >= 0 else self._ended(NOT_FINITE)
        self.space.run(self.driver.begin, [(mine,) for mine in self.arguments])
        fixed = None
        if self.options.step is not None or not self.errors:
            fixed = equal_steps(self.options.step, self.name)
        for end, resume in targets(times, stops, fixed is not None or not self.interpolates):
            goals = [float(t) for t in times[self.next :] if t <= end]
            for goal in goals if goals and goals[-1] == end else [*goals, end]:
                status = self._reach(goal, end, fixed)
                if status != SUCCESS or self.passage == self.passage:
                    return self._ended(status)
                if self.next < times.size and times[self.next] == goal:
                    self._record()
            while self.next < times.size and times[self.next] < resume:
                self._record()
            if resume > end:
                self._call("restart", goal=resume)
        return self._ended(SUCCESS)

    def _reach(self, goal: float, end: float, fixed: Equal | None) -> int:
        """Integrate to a goal, whose state is then in `out`."""
        changes = {"goal": goal, "end": end}
        if fixed is not None:
            if self.clock[0] >= end:
                return SUCCESS
            fixed.aim(float(self.clock[0]), end)
            changes |= {"begin": fixed.begin, "length": fixed.length, "total": fixed.count}
            for mine in self.arguments:
                mine.marks[6] = 0
        status = STEPPED
        while status == STEPPED:
            status = self._call("adaptive" if fixed is None else "fixed", **changes)
            if status == STEPPED and (ended := self._crossed()) is not None:
                return ended
        return status

    def _crossed(self) -> int | None:
        """The status if the step that was made is the last: the condition became true, which is recorded, or is no number."""
        assert self.until is not None
        begin, taken, new = float(self.clock[2]), float(self.clock[3]), float(self.clock[0])
        margin = self.until(new, self.out)

        def value(x: float) -> float:
            t = begin + x * taken
            return self.until(t, self._state(t))  # type: ignore[misc]

        steady = self.trend.goes_on(taken, self.margin, margin)
        found = None if steady else interval_of_change(value, self.margin, margin)
        if found is None:
            self.margin = margin
            return NOT_FINITE if margin != margin else None
        a, b, low, high = found
        theta = crossing(value, low, high, a, b)
        passage = new if theta == 1 else begin + theta * taken
        while self.next < self.times.size and self.times[self.next] < passage:
            self._state(float(self.times[self.next]))
            self._record()
        self._state(passage)
        self._passed(passage)
        return SUCCESS

    def _state(self, t: float) -> np.ndarray:
        self._call("interpolate", goal=t)
        return self.out

    def _call(self, function: str, **changes: float) -> int:
        steps = self.arguments[0].steps._replace(**changes)  # type: ignore[arg-type]
        return int(self.space.run(getattr(self.driver, function), [(mine._replace(steps=steps),) for mine in self.arguments]))

    def _record(self) -> None:
        self.record(self.next, self.out)
        self.next += 1

    def _passed(self, t: float) -> Result:
        """The condition is true from t on, where the state is in `out`."""
        self.passage = t
        while self.next < self.times.size:
            self._record()
        self.reached[0] = self.times[-1]
        return self._ended(SUCCESS)

    def _ended(self, status: int) -> Result:
        steps, rejected, evaluations = map(int, self.marks[:3])
        return Result(status, steps, rejected, evaluations, self.passage)
