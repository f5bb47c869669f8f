"""The one loop through time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from symdyn_kernels.arguments.parts import Signals
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, STEP_TOO_SMALL, STIFF, SUCCESS, TOO_MANY_STEPS

from symdyn.integration.controllers import Adaptive, Controller, Dyadic, equal_steps, first_step
from symdyn.integration.crossing import Trend, crossing, interval_of_change
from symdyn.integration.options import Result, StepOptions
from symdyn.integration.problem import Problem
from symdyn.integration.steppers import Stepper, make_stepper

__all__ = ["Compiled", "Margin", "Record", "integrate"]

#: Called at each output time with its number and a view of the state (size,), which is valid during the call.
Record = Callable[[int, np.ndarray], None]
#: From a time and a state (size,) to a number that is not negative where a condition is true.
Margin = Callable[[float, np.ndarray], float]
#: Of steps of one length every so many are estimated.
ESTIMATED = 32
#: Steps near the limit of stability after which, and steps to come for which, an explicit method is called stiff.
LIMITED, TO_COME, NEAR = 40, 4000, 0.7


class Compiled(Protocol):
    """A compiled loop of a problem for a method, with the arguments of `integrate`."""

    def __call__(
        self, y: np.ndarray, times: np.ndarray, options: StepOptions, record: Record, signals: Signals,
        until: Margin | None, stops: np.ndarray,
    ) -> Result: ...  # fmt: skip


def integrate(
    problem: Problem,
    scheme: Any,
    y: np.ndarray,
    times: np.ndarray,
    *,
    options: StepOptions | None = None,
    record: Record,
    signals: Signals | None = None,
    until: Margin | None = None,
    stops: np.ndarray | None = None,
) -> Result:
    """Integrate one state in time.

    Parameters
    ----------
    problem : Problem
    scheme : object
        An entry of ``symdyn.METHODS`` that is explicit, or implicit, exponential or multistep for a `SplitProblem`.
    y : (size,) array
        The state at ``times[0]``.
    times : (T,) float64
        Output times, increasing.  Implicit and exponential methods meet them exactly, adaptive explicit ones interpolate.
    options : StepOptions, optional
    record : callable
        See `Record`; called with 0 for ``times[0]``.  Output times after a failure are not recorded.
    signals : Signals, optional
        Polled before each step.
    until : callable, optional
        See `Margin`.  Where it changes from negative to 0 or more in a step, also for a moment within it, the crossing is
        located on the dense output; the integration ends there, and its state is recorded for all later output times.
    stops : (s, 2) float64, optional
        Times at which the rates jump, as of `symdyn.codegen.stops`: a step ends at the first number of a pair, and the next one
        begins at the second, with fresh slopes.

    Returns
    -------
    Result

    Raises
    ------
    CompileError, DeclarationError
        For a scheme that does not apply to the problem.

    Examples
    --------
    >>> import symdyn as sd
    >>> class Decay(Problem):
    ...     size, blocks = 1, [slice(0, 1)]
    ...     def rates(self, y, t, out):
    ...         return np.negative(y, out=out)
    >>> found = {}
    >>> result = integrate(Decay(), sd.METHODS["tsit5"], np.ones(1), np.array([0.0, 1.0]), options=StepOptions(rtol=1e-9),
    ...     record=lambda k, y: found.update({k: float(y[0])}), until=lambda t, y: 0.5 - y[0])
    >>> result.status, round(result.passage, 6), round(found[1], 6)   # log(2), and the state there
    (0, 0.693147, 0.5)
    """
    options, times = options or StepOptions(), np.ascontiguousarray(times, float)
    signals = Signals.new() if signals is None else signals
    stops = np.empty((0, 2)) if stops is None else stops
    y = np.ascontiguousarray(y, float)
    compiled = problem.compiled(scheme)
    # what becomes infinite is found where states are looked at
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if compiled is not None:
            return compiled(y, times, options, record, signals, until, stops)
        return _Run(problem, scheme, y, times, options, record, signals, until, stops).run()


def targets(times: np.ndarray, stops: np.ndarray, outputs: bool) -> Iterator[tuple[float, float]]:
    """Times that steps meet, in order, each with the time at which they go on.

    Parameters
    ----------
    times : (T,) array
    stops : (s, 2) array
    outputs : bool
        Whether steps meet all output times, or the last one alone.

    Yields
    ------
    end, resume : float

    Examples
    --------
    >>> list(targets(np.array([0.0, 1.0, 2.0]), np.array([[0.5, 0.6], [2.5, 2.6]]), outputs=False))
    [(0.5, 0.6), (2.0, 2.0)]
    """
    met = [(float(t), float(t)) for t in (times[1:] if outputs else times[-1:] if times.size > 1 else ())]
    jumps = [(float(a), float(b)) for a, b in stops if times[0] <= a < times[-1]]
    yield from sorted(met + jumps)


class _Run:
    """One integration."""

    def __init__(
        self, problem: Problem, scheme: Any, y: np.ndarray, times: np.ndarray, options: StepOptions, record: Record,
        signals: Signals, until: Margin | None, stops: np.ndarray,
    ) -> None:  # fmt: skip
        self.problem, self.scheme, self.times, self.options, self.record = problem, scheme, times, options, record
        self.signals, self.until, self.stops = signals, until, stops
        self.begin = y
        self.stepper: Stepper = make_stepper(problem, scheme, estimates=options.step is None)
        self.control = self._controller()
        self.steps = self.rejected = self.limited = self.attempts = 0
        self.next, self.error, self.passage = 1, math.nan, math.nan
        self.margin, self.trend = -math.inf, Trend()

    def _controller(self) -> Controller:
        options, stepper = self.options, self.stepper
        if options.step is not None or not stepper.error_order:
            return equal_steps(options.step, self.scheme.name)
        kind = Dyadic if stepper.few_lengths else Adaptive
        return kind(options.controller or self.scheme.controller, stepper.error_order, options.max_step)

    def _norm(self, error: np.ndarray) -> float:
        o = self.options
        return self.problem.arrays.scaled_error(error, self.stepper.y, self.stepper.after, self.problem.blocks, o.rtol, o.atol)

    def run(self) -> Result:
        """From the first time to the last."""
        stepper, control, t = self.stepper, self.control, float(self.times[0])
        self.record(0, self.begin)
        if self.until is not None:
            self.margin = self.until(t, self.begin)
            if not self.margin < 0:
                return self._passed(t, self.begin) if self.margin >= 0 else self._ended(NOT_FINITE)
        if self.times.size == 1:
            return self._ended(SUCCESS)
        interpolating = stepper.interpolates and control.estimates
        stepper.start(self.begin, t)
        if control.estimates:
            self.problem.arrays.copy(stepper.y, stepper.after)
            slope, size = self._norm(stepper.slope()), self._norm(stepper.y)
            if not math.isfinite(slope):
                return self._ended(NOT_FINITE)
            # lengths that cost much are not tried from small ones on
            length = (10 if stepper.few_lengths else 1) * first_step(size, slope) if slope > 0 else math.inf
            control.first(max(length, 8 * math.ulp(t)))  # of a shorter one the time takes no notice
        for end, resume in targets(self.times, self.stops, not interpolating):
            if t < end:
                control.aim(t, end)
            while t < end:
                status, t = self._step(t)
                if status is not None:
                    return self._ended(status)
                if self.passage == self.passage:
                    return self._ended(SUCCESS)
            if not control.estimates and not self.problem.arrays.finite(stepper.y):
                return self._ended(NOT_FINITE)
            while self.next < self.times.size and (self.times[self.next] <= end or self.times[self.next] < resume):
                self.record(self.next, self.problem.arrays.host(stepper.y))
                self.next += 1
            if resume > end:
                t = resume
                if t < self.times[-1]:
                    stepper.start(stepper.y, t)
        return self._ended(SUCCESS)

    def _step(self, t: float) -> tuple[int | None, float]:
        """Attempt a step from t; returns a status if the integration ends, and the time that is reached."""
        stepper, control, options = self.stepper, self.control, self.options
        if self.steps + self.rejected >= options.limit:
            return TOO_MANY_STEPS, t
        if self.signals.stop[0]:
            return INTERRUPTED, t
        h, new = control.following(t)
        sampled = not control.estimates and stepper.error_order > 0 and self.attempts % ESTIMATED == 0
        stepper.attempt(t, h, estimate=control.estimates or sampled)
        self.attempts += 1
        if control.estimates:
            error = stepper.measure(self._norm)
            if not error <= 1:
                self.rejected += stepper.substeps
                if not control.rejected(error):
                    return (STEP_TOO_SMALL if math.isfinite(error) else NOT_FINITE), t
                return None, t
            control.accepted(error)
        elif sampled:
            size = self.problem.arrays.scaled_error(stepper.error, stepper.y, stepper.after, self.problem.blocks, 0.0, 1.0)
            self.error = float(np.fmax(self.error, size))
        self.steps += stepper.substeps
        stepper.settle()
        if self.until is not None:
            margin = float(self.until(new, self.problem.arrays.host(stepper.after)))
            if self._crossed(t, new, margin):
                return None, new
            if margin != margin:
                return NOT_FINITE, new
            self.margin = margin
        if stepper.interpolates and control.estimates:
            self._outputs(t, new)
        stepper.advance()
        self.signals.reached[0] = new
        if options.decay and hasattr(self.scheme, "stiffness_limit"):
            self.limited += 1 if h * options.decay > NEAR * self.scheme.stiffness_limit else -min(1, self.limited)
            to_come = (self.times[-1] - new) * options.decay / self.scheme.stiffness_limit
            if self.limited >= LIMITED and to_come > TO_COME:
                return STIFF, new
        return None, new

    def _outputs(self, t: float, new: float) -> None:
        """Record the output times in a step that was settled."""
        while self.next < self.times.size and self.times[self.next] < new:
            theta = (float(self.times[self.next]) - t) / (new - t)
            self.record(self.next, self.problem.arrays.host(self.stepper.dense(theta, self.stepper.error)))
            self.next += 1

    def _crossed(self, t: float, new: float, margin: float) -> bool:
        """Whether the condition became true in a step that was settled; then the crossing is located and recorded."""
        stepper, until = self.stepper, self.until
        assert until is not None
        if self.trend.goes_on(new - t, self.margin, margin):
            return False
        arrays = self.problem.arrays
        state, host = arrays.zeros(self.problem.size), arrays.host
        found = interval_of_change(
            lambda x: float(until(t + x * (new - t), host(stepper.dense(x, state)))), self.margin, margin
        )
        if found is None:
            return False
        a, b, low, high = found
        inside = stepper.interpolates and self.control.estimates

        def within(theta: float) -> np.ndarray:
            """The state in the step: a shorter step where there is no interpolant as accurate as the steps."""
            if inside:
                return host(stepper.dense(theta, state))
            stepper.attempt(t, theta * (new - t), estimate=False)
            return host(stepper.after)

        def value(x: float) -> float:
            return float(until(t + x * (new - t), within(x)))

        if not inside:
            low, high = (value(a) if a > 0 else low), (value(b) if b < 1 else high)
            if not low < 0 <= high:  # by the interpolant alone
                if low >= 0:
                    a, b, low, high = 0.0, a, self.margin, low
                elif margin >= 0:
                    a, b, low, high = b, 1.0, high, margin
                else:
                    stepper.attempt(t, new - t, estimate=False)
                    stepper.settle()
                    return False
        theta = crossing(value, low, high, a, b)
        passage = float(t + theta * (new - t))
        if inside:
            self._outputs(t, passage)
        self._passed(passage, within(theta))
        return True

    def _passed(self, t: float, y: np.ndarray) -> Result:
        """The condition is true from t on, where the state is y."""
        self.passage = t
        for k in range(self.next, self.times.size):
            self.record(k, y)
        self.signals.reached[0] = self.times[-1]
        return self._ended(SUCCESS)

    def _ended(self, status: int) -> Result:
        return Result(status, self.steps, self.rejected, self.stepper.evaluations, self.passage, self.error)
