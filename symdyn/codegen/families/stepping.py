"""Methods of fixed step: schemes for differential equations with and without noise, and maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.delays import DelayTables
from symdyn_kernels.arguments.events import EventTables
from symdyn_kernels.arguments.parts import Batch, Run
from symdyn_kernels.arguments.stepping import SteppingArguments as Arguments
from symdyn_kernels.arguments.stepping import SteppingEventArguments, SteppingSizes

from symdyn.codegen.cuda.happenings import card_stops
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.cuda.stepping import eventful_stepping_device, stepping_device
from symdyn.codegen.delay_program import Lagged, delay_tables, looked_up
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
from symdyn.errors import CompileError, DeclarationError
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta
from symdyn.methods.stochastic import FixedStepScheme, MapScheme, StochasticScheme
from symdyn.system import System

__all__ = ["MAPS", "STEPPING", "SteppingFamily"]

NO_DELAYS = DelayTables.none()
#: A delay that is shorter than a step by no more than this part of it, as rounding makes it, is as long as the step.
ROUNDING = 1e-9


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
        lagged = _looked_up(system, until) if system.delays else None
        begun = until if lagged is None or lagged.until is None else lagged.until.xreplace(lagged.early())
        facts = {"noises": system.noises, "integrals": scheme.integrals, **start_fact(system, begun)}
        facts["start_alone"] = begun != until  # a condition on the past is known for the first time
        acting, past = (system, ()) if lagged is None else (lagged.system, lagged.symbols)
        facts["events"] = event_facts(acting, past) if eventful else None
        facts["delays"] = None if lagged is None else lagged.facts(1)
        sampled = zip(sampled_conditions(acting, past), system.events, strict=True)
        step = step_program(system, scheme, until, [None if c is None else e.trigger for c, e in sampled], lagged)
        further = event_programs(acting) if system.events else ()
        return Made((step, *further, *(() if lagged is None else lagged.programs())), facts)

    def rows(self, system: System, scheme: Any) -> int:
        return 6 * len(system.states)

    def driver(self, method: str) -> Driver:
        return plain_driver("stepping")

    def variants(self, method: str) -> Mapping[str, Sequence[partial[Any]]]:
        found = {"events": [partial(plain_driver, "stepping_events")]}
        if isinstance(METHODS[method], StochasticScheme):
            found["delays"] = [partial(plain_driver, "stepping_events", "DELAYS")]
            found["tree"] = [partial(plain_driver, "stepping_tree"), partial(plain_driver, "brownian")]
        return found

    def inlining(self, system: System, scheme: Any, made: Made, lanes: int) -> Inlining | None:
        if system.events or system.inputs or system.delays:
            raise CompileError("inline=True is for models without events, inputs and delays; leave it out")
        constants = {"n": len(made.programs[0].outputs), "npar": len(system.parameters), "m": made.facts["noises"]}
        constants |= {"integrals": made.facts["integrals"], "lanes": lanes}
        return Inlining(plain_text("stepping"), "chunk", constants, {"f": "step"})

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        (count, n), options, stops = batch.initial.shape, task.options, task.facts["start"] is not None
        tables, given = self._tables(run, batch, task), batch
        if tables is not None:
            batch = batch._replace(parameters=coefficient_rows(task.system, batch.parameters, batch.times))
        delays = NO_DELAYS
        if task.facts.get("delays") is not None:
            delays = self._delays(batch, task)
            values = np.zeros((count, 2 * delays.kept.size))
            batch = batch._replace(parameters=np.concatenate([batch.parameters, values], axis=1))
        ended = np.zeros((count, 2))
        if stops and tables is not None:  # doses at the first time would change what has ended there
            ended[holds_at_start(batch, task.facts)] = 1.0, batch.times[0]
        wider, filled = self._widened(run, batch, ended) if stops else (batch, run)
        sizes = SteppingSizes(
            wider.initial.shape[1], batch.parameters.shape[1], task.facts["noises"], task.facts["integrals"], task.lanes
        )
        arguments = Arguments(task.addresses[0], sizes, wider, options.seed, options.step, options.fine, filled, task.signals)
        if tables is None:
            (task.driver or self.driver(task.method)).chunk(arguments)
        else:
            flag = n if stops else -1
            driver = plain_driver("stepping_events", *(("DELAYS",) if delays.kept.size else ()))
            driver.chunk(SteppingEventArguments(arguments, tables, int(task.system.whole_steps), flag, delays))
        run.evaluations[:] = run.steps
        if stops:
            self._narrowed(run, filled, batch, task)
            end_at_last(run, given, task)

    def _widened(self, run: Run, batch: Batch, ended: np.ndarray) -> tuple[Batch, Run]:
        """A batch and a run with the two states that record whether a condition was true, and when."""
        values = np.empty((*run.values.shape[:2], run.values.shape[2] + 2))
        return batch._replace(initial=np.concatenate([batch.initial, ended], axis=1)), run._replace(values=values)

    def _narrowed(self, run: Run, filled: Run, batch: Batch, task: Launch) -> None:
        """The states without these two, what is recorded of the past, and the times of passage."""
        n = batch.initial.shape[1]
        run.values[:, :, :n], run.values[:, :, n:] = filled.values[:, :, :n], filled.values[:, :, n + 2 :]
        ended, moment = filled.values[:, -1, n : n + 2].T
        run.passage[:] = np.where(ended == 1.0, moment, np.inf)
        run.passage[holds_at_start(batch, task.facts)] = batch.times[0]

    def _tables(self, run: Run, batch: Batch, task: Launch) -> EventTables | None:
        """The events and inputs of a batch, or None where there are neither these nor delays."""
        facts = task.facts.get("events")
        if facts is None:
            return None if task.facts.get("delays") is None else EventTables.none()
        addresses = task.addresses[1:3] if task.system.events else (0, 0)
        order = task.options.seed, batch.streams
        tables = event_tables(task.system, facts, addresses, batch.parameters, batch.times, lanes=task.lanes, order=order)
        run.aside[:, : tables.flags.size] = 0
        return tables

    def _delays(self, batch: Batch, task: Launch) -> DelayTables:
        """The delays of a batch, none of which is shorter than a step."""
        found = delay_tables(task.facts["delays"], task.addresses[-2:], batch.parameters, jumps=False, span=0.0)
        if (shortest := found.shortest.min(initial=np.inf)) < (1 - ROUNDING) * task.options.step:
            raise DeclarationError(
                f"the step {task.options.step:g} is longer than the delay {shortest:g}, whose values would lie within it; "
                f"take step={shortest:g} or a part of it"
            )
        return found

    def on_device(self, scheme: Any) -> bool:
        return True

    def device(self, system: System, scheme: Any, made: Made) -> Device:
        if system.delays:
            raise CompileError(
                f"target='cuda' has no delays with {scheme.name!r}; take target='cpu', or an adaptive method for equations "
                "without noise"
            )
        sizes = {"noises": made.facts["noises"], "integrals": made.facts["integrals"]}
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


def _looked_up(system: System, until: sp.Basic | None) -> Lagged:
    """What a system with noise takes from the past; all of it, also for observables, is at least a step ago."""
    found = looked_up(system, slopes=False, until=until)
    return replace(found, rated=len(found.times))


class MapFamily(SteppingFamily):
    """Maps, which have no steps but their own, of length 1."""

    schemes = (MapScheme,)
    options = ("inline",)
    stops = "in the beginning and after every iteration"

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        super().launch(run, batch, replace(task, options=replace(task.options, step=1.0)))


STEPPING, MAPS = SteppingFamily(), MapFamily()
