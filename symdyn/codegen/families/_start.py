"""The condition that ends trajectories, in the beginning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.parts import Batch, Run
from symdyn_kernels.status import SUCCESS

from symdyn.codegen.delay_program import early_values
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.families.task import Launch
from symdyn.codegen.input_paths import coefficient_rows
from symdyn.codegen.jump_parts import start_program
from symdyn.codegen.program import Program
from symdyn.system import System

__all__ = ["end_at_last", "holds_at_start", "integrate_rest", "start_fact"]

#: Of one output time: how far, in units of the time, what happens then is followed.
SHORT = 1e-12


def start_fact(system: System, until: sp.Basic | None) -> dict[str, Any]:
    """``{"start": program}``, the condition as a function of the initial values as JSON, or None where there is none."""
    return {"start": None if until is None else start_program(system, until).as_json()}


def holds_at_start(batch: Batch, facts: Mapping[str, Any]) -> np.ndarray:
    """Where the condition holds for the initial values, (N,) bool; ``facts["start"]`` is its program as JSON, or None."""
    if facts.get("start") is None:
        return np.zeros(len(batch.initial), bool)
    program = Program.from_json(facts["start"])
    (found,) = evaluate(program, [batch.times[0]], list(batch.initial.T), list(batch.parameters.T))
    return np.broadcast_to(np.asarray(found) > 0.5, len(batch.initial))


def end_at_last(run: Run, batch: Batch, task: Launch) -> None:
    """Let trajectories end at the last time where an event, or an input that is held, makes the condition true then.

    No further step would find that.
    """
    jumps = task.system.events or any(path.degree == 0 for path in task.system.inputs)
    if task.facts.get("start") is None or task.facts.get("start_alone") or not jumps or batch.times.size == 1:
        return
    last = batch.times[-1:]
    rows = coefficient_rows(task.system, batch.parameters, last)
    found = holds_at_start(batch._replace(initial=run.values[:, -1], times=last, parameters=rows), task.facts)
    run.passage[found & (run.status == SUCCESS) & np.isinf(run.passage)] = last


def integrate_rest(run: Run, batch: Batch, task: Launch, integrate: Callable[[Run, Batch, Launch], None]) -> None:
    """Integrate the trajectories that have a way to go; the others stay at their initial values.

    These are all where there is one output time and no event, those for which the condition that ends trajectories is true at
    first, and those that have failed already.
    """
    if batch.times.size == 1 and task.system.events:
        first = float(batch.times[0])
        longer = batch._replace(times=np.array([first, first + SHORT * max(1.0, abs(first))]))
        wider = run._replace(values=np.empty((len(run.values), 2, run.values.shape[2])))
        integrate_rest(wider, longer, task, integrate)
        run.values[:] = wider.values[:, :1]
        run.passage[run.passage > first] = np.inf
        return
    if task.facts.get("start") is None and batch.times.size > 1 and not (task.system.inputs or np.count_nonzero(run.status)):
        integrate(run, batch, task)
        return
    given = batch._replace(parameters=coefficient_rows(task.system, batch.parameters, batch.times))
    ended = holds_at_start(given, task.facts) & (run.status == SUCCESS)
    over = ended | (batch.times.size == 1) | (run.status != SUCCESS)
    run.passage[ended] = batch.times[0]
    if not over.any():
        integrate(run, batch, task)
        end_at_last(run, batch, task)
        return
    begin = batch.initial if task.facts.get("delays") is None else early_values(
        task.facts["delays"], batch.times[0], batch.initial, given.parameters
    )  # fmt: skip
    run.values[over] = begin[over, None]
    task.signals.done[0] += int(over.sum())
    if not over.all():
        rest = run.part(~over)
        integrate(rest, batch.part(~over), task)
        end_at_last(rest, batch.part(~over), task)
        for mine, new in zip(run, rest, strict=True):
            mine[~over] = new
