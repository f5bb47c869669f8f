"""Methods of fixed step: schemes for differential equations with and without noise, and maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.events import EventTables
from symdyn_kernels.arguments.parts import Batch, Run
from symdyn_kernels.arguments.stepping import SteppingArguments as Arguments
from symdyn_kernels.arguments.stepping import SteppingEventArguments, SteppingSizes

from symdyn.codegen.cuda.happenings import card_stops
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.cuda.stepping import eventful_stepping_device, stepping_device
from symdyn.codegen.drivers import plain_driver, plain_text
from symdyn.codegen.event_program import event_facts, event_programs, event_tables, sampled_conditions
from symdyn.codegen.families._start import end_at_last, holds_at_start, start_fact
from symdyn.codegen.families.base import Family
from symdyn.codegen.families.task import Launch
from symdyn.codegen.inlining import Inlining
from symdyn.codegen.input_paths import coefficient_rows, written_out
from symdyn.codegen.machine_code import Driver
from symdyn.codegen.program import Made, Program
from symdyn.codegen.stepping_program import step_program
from symdyn.errors import CompileError
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta
from symdyn.methods.stochastic import FixedStepScheme, MapScheme, StochasticScheme
from symdyn.system import System

__all__ = ["MAPS", "STEPPING", "SteppingFamily"]


class SteppingFamily(Family):
    """A step of the model is one function.

    A condition that ends trajectories is part of the step: two more states record whether it was true, and when.
    """

    schemes: ClassVar[tuple[type, ...]] = (FixedStepScheme, ExplicitRungeKutta)
    options: ClassVar[tuple[str, ...]] = ("step", "brownian_step", "brownian", "inline")
    stops = (
        "in the beginning and at the end of every step: without noise the crossing is located within it, with noise the "
        "boundary is moved by 0.5826 sqrt(step) of the noise across it, which makes its mean exact to the order of the step; "
        "crossings back and forth within steps are missed"
    )
    remedies: ClassVar[tuple[str, ...]] = ("a shorter step", "another method")
    counted: ClassVar[Mapping[str, str]] = {
        "steps": "steps, those after the condition of until included",
        "rejected": "none",
        "evaluations": "steps of the scheme",
    }

    def runs(self, scheme: Any) -> bool:
        return not (isinstance(scheme, ExplicitRungeKutta) and scheme.adaptive)

    def reads(self, scheme: Any) -> frozenset[str]:
        found = super().reads(scheme)
        if isinstance(scheme, ExplicitRungeKutta):
            return found - {"brownian_step", "brownian"}
        return found if isinstance(scheme, StochasticScheme) else found - {"brownian"}

    def lacks(self, scheme: Any) -> str:
        return " without brownian='tree'" if isinstance(scheme, StochasticScheme) else ""

    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        eventful = bool(system.events or system.inputs)
        system, conditions = written_out(system, *(() if until is None else (until,)))
        until = conditions[0] if conditions else None
        facts = {"noises": system.noises, "with_dz": int(scheme.needs_dz), **start_fact(system, until)}
        facts["events"] = event_facts(system) if eventful else None
        step = step_program(system, scheme, until, sampled_conditions(system))
        return Made((step, *(event_programs(system) if system.events else ())), facts)

    def rows(self, system: System, scheme: Any) -> int:
        return 6 * len(system.states)

    def driver(self, method: str) -> Driver:
        return plain_driver("stepping")

    def variants(self, method: str) -> Mapping[str, Sequence[partial[Any]]]:
        found = {"events": [partial(plain_driver, "stepping_events")]}
        if isinstance(METHODS[method], StochasticScheme):
            found["tree"] = [partial(plain_driver, "stepping_tree"), partial(plain_driver, "brownian")]
        return found

    def inlining(self, system: System, scheme: Any, made: Made, lanes: int) -> Inlining | None:
        if system.events or system.inputs:
            raise CompileError("inline=True is for models without events and inputs; leave it out")
        constants = {"n": len(made.programs[0].outputs), "npar": len(system.parameters), "m": made.facts["noises"]}
        constants |= {"with_dz": made.facts["with_dz"], "lanes": lanes}
        return Inlining(plain_text("stepping"), "chunk", constants, {"f": "step"})

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        (count, n), options, stops = batch.initial.shape, task.options, task.facts["start"] is not None
        tables, given = self._tables(run, batch, task), batch
        if tables is not None:
            batch = batch._replace(parameters=coefficient_rows(task.system, batch.parameters, batch.times))
        ended = np.zeros((count, 2))
        if stops and tables is not None:  # doses at the first time would change what has ended there
            ended[holds_at_start(batch, task.facts)] = 1.0, batch.times[0]
        wider, filled = self._widened(run, batch, ended) if stops else (batch, run)
        sizes = SteppingSizes(
            wider.initial.shape[1], batch.parameters.shape[1], task.facts["noises"], task.facts["with_dz"], task.lanes
        )
        arguments = Arguments(task.addresses[0], sizes, wider, options.seed, options.step, options.fine, filled, task.signals)
        if tables is None:
            (task.driver or self.driver(task.method)).chunk(arguments)
        else:
            flag = n if stops else -1
            plain_driver("stepping_events").chunk(SteppingEventArguments(arguments, tables, int(task.system.whole_steps), flag))
        run.evaluations[:] = run.steps
        if stops:
            self._narrowed(run, filled, batch, task)
            end_at_last(run, given, task)

    def _widened(self, run: Run, batch: Batch, ended: np.ndarray) -> tuple[Batch, Run]:
        """A batch and a run with the two states that record whether a condition was true, and when."""
        values = np.empty((*run.values.shape[:2], run.values.shape[2] + 2))
        return batch._replace(initial=np.concatenate([batch.initial, ended], axis=1)), run._replace(values=values)

    def _narrowed(self, run: Run, filled: Run, batch: Batch, task: Launch) -> None:
        """The states without these two, and the times of passage."""
        n = run.values.shape[2]
        run.values[:] = filled.values[:, :, :n]
        ended, moment = filled.values[:, -1, n:].T
        run.passage[:] = np.where(ended == 1.0, moment, np.inf)
        run.passage[holds_at_start(batch, task.facts)] = batch.times[0]

    def _tables(self, run: Run, batch: Batch, task: Launch) -> EventTables | None:
        """The events and inputs of a batch, or None where there are none."""
        facts = task.facts.get("events")
        if facts is None:
            return None
        addresses = task.addresses[1:] if task.system.events else (0, 0)
        order = task.options.seed, batch.streams
        tables = event_tables(task.system, facts, addresses, batch.parameters, batch.times, lanes=task.lanes, order=order)
        run.aside[:, : tables.flags.size] = 0
        return tables

    def on_device(self, scheme: Any) -> bool:
        return True

    def device(self, system: System, scheme: Any, made: Made) -> Device:
        sizes = {"noises": made.facts["noises"], "with_dz": made.facts["with_dz"]}
        if not (system.events or system.inputs):
            return stepping_device(system, made.programs[0], **sizes)
        if not (made.facts["noises"] or system.whole_steps) and any(
            c is not None for c in sampled_conditions(written_out(system)[0])
        ):
            raise CompileError(
                f"target='cuda' locates no conditions of events in steps of one length, as of {scheme.name!r}; take an "
                "adaptive method such as 'tsit5', or target='cpu'"
            )
        written, start = written_out(system)[0], made.facts["start"]
        programs = (*made.programs, *(() if start is None else (Program.from_json(start),)))
        return eventful_stepping_device(
            written, programs, unit=system.whole_steps, counts=system.propensities is not None, **sizes
        )

    def device_stops(self, system: System, batch: Batch, facts: Mapping[str, Any]) -> np.ndarray:
        return batch.stops if facts.get("events") is None else card_stops(system, facts["events"], batch)

    def device_batch(self, system: System, batch: Batch, facts: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        batch = batch._replace(parameters=coefficient_rows(system, batch.parameters, batch.times))
        return batch.parameters, -holds_at_start(batch, facts).astype(np.int64)


class MapFamily(SteppingFamily):
    """Maps, which have no steps but their own, of length 1."""

    schemes = (MapScheme,)
    options = ("inline",)
    stops = "in the beginning and after every iteration"

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        super().launch(run, batch, replace(task, options=replace(task.options, step=1.0)))


STEPPING, MAPS = SteppingFamily(), MapFamily()
