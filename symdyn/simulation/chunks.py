"""The work of one chunk of trajectories: integrate, pass stiff ones on, observe, reduce."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from symdyn_kernels.status import INTERRUPTED, STIFF, SUCCESS, TOO_MANY_MOLECULES

from symdyn.codegen.kernel import Run
from symdyn.codegen.passing_on import passed_on
from symdyn.simulation.card import sum_on_card
from symdyn.simulation.ensemble import launch_parallel
from symdyn.simulation.plan import Plan
from symdyn.simulation.reduce import Statistics, blocks
from symdyn.simulation.verdict import Outcome

__all__ = ["Chunk", "compute"]


@dataclass(frozen=True)
class Chunk:
    """Results of some trajectories.

    Attributes
    ----------
    run : Run
        Its values are those of states and observables (N, T, c); of no trajectory where they are reduced.
    statistics : mapping
        For each point of the sweep that was touched what was gathered, as `Statistics.arrays` gives it.
    outcome : Outcome
    stopped : bool
        Whether there was an interrupt, perhaps when all trajectories were complete.
    """

    run: Run
    statistics: dict[int, dict[str, np.ndarray]]
    outcome: Outcome
    stopped: bool

    @property
    def complete(self) -> bool:
        """Whether nothing was interrupted."""
        return self.outcome.interrupted == 0


def compute(plan: Plan, start: int, stop: int, *, threads: int, report: Callable[[float], Any] = lambda done: None) -> Chunk:
    """Compute the trajectories `start` to `stop`; ``report(n)`` is called when n of them are done."""
    batch = plan.batch(start, stop)
    if plan.summed_on_card:
        return Chunk(*sum_on_card(plan, batch, start, report=report))
    run = plan.kernel.empty(stop - start, plan.times.size)
    complete = launch_parallel(plan.kernel, run, batch, plan.options, threads=threads, report=report)

    def again(stiff: np.ndarray) -> Run:
        nonlocal complete
        found = plan.successor.empty(stiff.size, plan.times.size)
        found.values[:] = np.nan
        options = replace(plan.options, detect_stiffness=False)
        complete = launch_parallel(plan.successor, found, batch.part(stiff), options, threads=threads, report=lambda done: None)
        return found

    if not complete:  # interrupted before the turn of stiff ones came
        run.status[run.status == STIFF] = INTERRUPTED
    run, stiff = passed_on(run, again)
    if plan.kernel.until is not None:
        run.passage[:] = np.where(np.isfinite(run.passage), plan.frame.labels(run.passage + plan.origin), run.passage)
    _check_countable(run, plan.kernel.family.largest)
    outcome = Outcome.of(run, plan.frame.labels(plan.times), start, passed_on=plan.passed_on(stiff.size))
    observed = plan.frame.observed(run.values, batch.parameters, plan.times)
    if plan.reductions is None:
        run = run if observed is run.values else run._replace(values=observed)
        return Chunk(run, {}, outcome, not complete)
    kept = run._replace(values=observed[:0], aside=run.aside[:0])
    fired = np.where(run.status[:, None] == SUCCESS, run.aside[:, : plan.frame.events], np.nan)
    return Chunk(kept, _reduce(plan, start, observed, fired), outcome, not complete)


def _check_countable(run: Run, largest: float) -> None:
    """Trajectories with more molecules than their method can count fail at the first such output."""
    for row in np.flatnonzero((run.values > largest).any(axis=(1, 2))) if largest < np.inf else ():
        first = int((run.values[row] > largest).any(axis=1).argmax())
        run.values[row, first:], run.status[row] = np.nan, TOO_MANY_MOLECULES


def _reduce(plan: Plan, start: int, observed: np.ndarray, fired: np.ndarray) -> dict[int, dict[str, np.ndarray]]:
    found: dict[int, Statistics] = {}
    for point, begin, end in blocks(start, start + len(observed), plan.design.trajectories):
        if point not in found:
            found[point] = plan.statistics()
        rows = slice(begin - start, end - start)
        found[point].add(observed[rows], fired[rows])
    return {point: statistics.arrays() for point, statistics in found.items()}
