"""Kernels of systems whose single state is large: one trajectory after another, by the loop of this package."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from symdyn_kernels.arguments.parts import Batch, Run, Signals
from symdyn_kernels.status import INTERRUPTED

from symdyn.codegen.families.arrays import ARRAYS
from symdyn.codegen.families.task import Options
from symdyn.codegen.input_paths import coefficient_rows, segment_places, segments, written_out
from symdyn.codegen.kernel_base import Kernel, options_read
from symdyn.codegen.stops import stop_program
from symdyn.integration.events import Begun, Course, Happenings, integrate_events
from symdyn.integration.loop import Margin, integrate
from symdyn.integration.options import StepOptions
from symdyn.integration.problem import Problem

__all__ = ["ArrayKernel"]


class ArrayKernel(Kernel):
    """The kernel of a system whose state is an array.

    Examples
    --------
    >>> import symdyn as sd
    >>> grid = sd.PDESystem.from_text("u' = -u; u(0) = 1", domain=(0, 1)).discretize(4)
    >>> kernel = sd.compile(grid, method="tsit5")
    >>> kernel(np.ones((1, 4)), np.empty((1, 0)), [0.0, 1.0], rtol=1e-9).values[0, 1].round(6).tolist()
    [0.367879, 0.367879, 0.367879, 0.367879]
    """

    target, parallel, large = "cpu", True, True
    #: Threads that each launch may use.
    threads = 1
    #: The events and inputs of the system, or None.
    happenings: Happenings | None = None

    @property
    def reads(self) -> frozenset[str]:
        return options_read(self.method, "arrays")

    @property
    def title(self) -> str:
        return f"{self.method!r} of fields"

    @property
    def stopping(self) -> str:
        return ARRAYS.stops

    @property
    def stiff_method(self) -> str:
        return "imex"

    @cached_property
    def jumps(self) -> Sequence[Any] | None:  # type: ignore[override]
        program = stop_program(written_out(self.system)[0])
        return None if program is None else program.as_json()

    @property
    def path(self) -> str:
        """Nothing: what is generated is compiled in milliseconds, and not kept."""
        return "in memory"

    @property
    def cached(self) -> bool:
        return False

    def lanes(self, trajectories: int) -> int:
        return 1

    def prepare(self, lanes: int, threads: int = 1) -> None:
        self.threads = threads

    def check_values(self, parameters: np.ndarray, times: np.ndarray, options: Options) -> None:
        """Refuse values to which the method does not apply, and warn of runs that will take very long or go wrong.

        Parameters
        ----------
        parameters : (N, k) float64
            Of all trajectories.
        times : (T,) float64
        options : Options
        """

    @abstractmethod
    def problem(self, p: np.ndarray) -> Problem:
        """What evolves, for one trajectory.

        Parameters
        ----------
        p : (k,) float64
            Parameters, those of the segments of inputs included.

        Returns
        -------
        Problem
        """

    def held(self) -> Sequence[int]:
        """Places of the states that only events change, whose values follow the parameters of `problem`.

        Returns
        -------
        sequence of int
        """
        return ()

    def rows(self, batch: Batch) -> np.ndarray:
        """Parameters of `problem` at the first time, those of the segments of inputs and held states included.

        Parameters
        ----------
        batch : Batch

        Returns
        -------
        (N, k) float64
        """
        known, held = coefficient_rows(self.system, batch.parameters, batch.times), list(self.held())
        return np.concatenate([known, batch.initial[:, held]], axis=1) if held else known

    def margin(self, p: np.ndarray) -> Margin | None:
        """The margin of the condition that ends a trajectory, of its time and state.

        Parameters
        ----------
        p : (k,) float64
            Parameters.

        Returns
        -------
        callable or None
        """
        return None

    def schedule(self, parameters: np.ndarray, times: np.ndarray) -> np.ndarray:
        """The known times of events, as of `symdyn_kernels.arguments.events.EventTables`.

        Parameters
        ----------
        parameters : (N, k) float64
        times : (T,) float64

        Returns
        -------
        (N or 1, S, 3) float64
        """
        return np.empty((1, 0, 3))

    def decay(self, y: np.ndarray, p: np.ndarray, problem: Problem) -> float:
        """Rate of the fastest waves, by which stiffness is found out; 0 where it is not looked for.

        Parameters
        ----------
        y : (size,) float64
            The initial state.
        p : (k,) float64
            Parameters.
        problem : Problem

        Returns
        -------
        float
        """
        return 0.0

    def record(self, values: np.ndarray, aside: np.ndarray, times: np.ndarray, k: int, y: np.ndarray) -> None:
        """Record the state at an output time.

        Parameters
        ----------
        values : (T, m) float64
            Of the trajectory; row k is filled.
        aside : (q,) float64
        times : (T,) float64
        k : int
            Number of the output time.
        y : (size,) float64
            The state.
        """
        values[k] = y

    def steps(self, options: Options, decay: float = 0.0) -> StepOptions:
        """How steps are chosen.

        Parameters
        ----------
        options : Options
            Of the kernel.
        decay : float
            As of `StepOptions`.

        Returns
        -------
        StepOptions
        """
        step = options.step if math.isfinite(options.step) else None
        return StepOptions(
            rtol=options.rtol, atol=options.atol, step=step, max_step=options.max_step, max_steps=options.max_steps,
            controller=options.controller, decay=decay,
        )  # fmt: skip

    def finish(self, found: Any, aside: np.ndarray) -> None:
        """Record what is known when a trajectory has ended.

        Parameters
        ----------
        found : symdyn.integration.loop.Result
        aside : (q,) float64
        """

    def launch(self, run: Run, batch: Batch, options: Options, *, signals: Signals, lanes: int | None = None) -> Run:
        times, rows, happenings = batch.times, self.rows(batch), self.happenings
        run.values[:], run.status[:] = np.nan, INTERRUPTED
        courses = segments(self.system), list(zip(*segment_places(self.system), strict=True)), self.held()
        if happenings is not None:
            schedule = self.schedule(batch.parameters, times)
            run.aside[:, : happenings.flags.size] = 0

        def begin(y: np.ndarray, p: np.ndarray) -> Begun:
            problem = self.problem(p)
            chosen = self.steps(options, self.decay(y, p, problem) if options.detect_stiffness else 0.0)
            return partial(integrate, problem, self._scheme, signals=signals), chosen, self.margin(p)

        for i, (y, p) in enumerate(zip(batch.initial, rows, strict=True)):
            if signals.stop[0]:
                break
            signals.reached[0] = times[0]
            record = partial(self.record, run.values[i], run.aside[i], times)
            stops = batch.stops[i] if batch.stops.shape[1] else None
            if happenings is None:
                solve, chosen, until = begin(y, p)
                found = solve(y, times, options=chosen, record=record, until=until, stops=stops)
            else:
                course = Course(happenings, schedule[min(i, len(schedule) - 1)], p, run.aside[i], *courses)
                found, reached = integrate_events(begin, course, y, times, record=record, stops=stops)
                run.values[i, reached:] = np.nan
            signals.reached[0] = np.nan
            run.status[i], run.steps[i], run.rejected[i], run.evaluations[i] = found[:4]
            run.passage[i] = found.passage if found.passage == found.passage else np.inf
            self.finish(found, run.aside[i])
            signals.done[0] += found.status != INTERRUPTED
        return run
