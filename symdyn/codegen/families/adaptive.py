"""Adaptive one-step methods for ordinary differential equations: Runge-Kutta and Rosenbrock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache, partial
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.adaptive import AdaptiveArguments as Arguments
from symdyn_kernels.arguments.adaptive import AdaptiveFunctions, AdaptiveSizes, CommonArguments, MethodFunctions
from symdyn_kernels.arguments.constraints import ConstraintTables
from symdyn_kernels.arguments.delays import DelayTables
from symdyn_kernels.arguments.events import EventTables
from symdyn_kernels.arguments.parts import Batch, Control, Run, Tolerances

from symdyn.codegen.constraint_program import consistent, constraint_program, constraint_tables, refine
from symdyn.codegen.cuda.adaptive import adaptive_device
from symdyn.codegen.cuda.happenings import card_stops
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.delay_program import delay_tables, looked_up
from symdyn.codegen.drivers import adaptive_driver, common_driver, driver_text, method_functions, plain_driver
from symdyn.codegen.elimination import eliminated, lowering
from symdyn.codegen.event_program import event_facts, event_programs, event_tables
from symdyn.codegen.families._start import holds_at_start, integrate_rest, start_fact
from symdyn.codegen.families.base import Family
from symdyn.codegen.families.task import Launch, Options
from symdyn.codegen.hoist import hoisting, with_constants
from symdyn.codegen.inlining import Inlining
from symdyn.codegen.input_paths import coefficient_rows, written_out
from symdyn.codegen.machine_code import Driver
from symdyn.codegen.program import Made, Operation, Program
from symdyn.codegen.stopping import margin_program
from symdyn.codegen.stops import stop_program
from symdyn.errors import CompileError
from symdyn.methods.controllers import PID
from symdyn.methods.runge_kutta import ExplicitRungeKutta, Rosenbrock
from symdyn.system import System

__all__ = ["ADAPTIVE", "AdaptiveFamily"]


#: The programs that steps call.
CALLED = ("rhs", "factor", "matrix")
NO_EVENTS, NO_DELAYS, NO_CONSTRAINTS = EventTables.none(), DelayTables.none(), ConstraintTables.none()


class AdaptiveFamily(Family):
    """Right-hand side and, for Rosenbrock methods, elimination and solution; the tableau is in the driver."""

    schemes = (ExplicitRungeKutta, Rosenbrock)
    options = ("rtol", "atol", "max_step", "max_steps", "controller", "inline")
    adaptive = True
    stops: ClassVar[str] = (
        "in the beginning and at the end of every step, in which first_passage is then located to rounding; crossings back and "
        "forth within a step are missed"
    )
    remedies = ("looser tolerances", "another method")
    counted: ClassVar[Mapping[str, str]] = {
        **Family.counted,
        "rejected": "steps whose error was too large",
    }

    def runs(self, scheme: Any) -> bool:
        return scheme.implicit or scheme.adaptive

    def key(self, scheme: Any) -> str:
        return type(scheme).__name__

    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        return hoisting(self._programs(system, scheme, until), CALLED, len(system.parameters))

    def device_programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made | None:
        return self._programs(system, scheme, until, steady=())

    def _programs(
        self, system: System, scheme: Any, until: sp.Basic | None, steady: Sequence[sp.Symbol] | None = None
    ) -> Made:  # fmt: skip
        """The programs that compute everything at every stage; products are grouped by what is `steady`."""
        steady = system.parameters if steady is None else steady
        eventful = bool(system.events or system.inputs)
        system, conditions = written_out(system, *(() if until is None else (until,)))
        until = conditions[0] if conditions else None
        lagged = looked_up(system, slopes=scheme.implicit, until=until) if system.delays else None
        declared = system
        if lagged is not None:
            system, until = lagged.system, lagged.until
        begun = until if lagged is None or until is None else until.xreplace(lagged.early())
        build = lowering(system, steady)
        drift = [build.value(e) for e in system.part("drift")]
        rhs = build.program("rhs", drift, [f"d{s}/d{system.time}" for s in system.names])
        rhs = replace(rhs, blocks=(("lane", (system.time.name,)), *rhs.blocks[1:]))  # it has no shift
        timed = Operation("input", (0, 0)) in rhs.operations
        stops = stop_program(system) if timed or lagged is not None else None
        found = {"jumps": None if stops is None else stops.as_json(), **start_fact(declared, begun)}
        found["events"] = event_facts(system, () if lagged is None else lagged.symbols) if eventful else None
        found["delays"] = None if lagged is None else lagged.facts(scheme.order)
        found["start_alone"] = begun != until  # a condition on the past is known for the first time
        ends: tuple[Program, ...] = () if until is None else (margin_program(system, until),)
        ends += event_programs(system) if system.events else ()
        if system.algebraic:
            last, found["constraints"] = constraint_program(system)
            ends += (last,)
            if lagged is not None:
                begins, found["begun"] = constraint_program(lagged.begun(declared.parameters), "begun")
                ends += (begins,)
        ends += () if lagged is None else lagged.programs()
        if not scheme.implicit:
            return Made((rhs, *ends), {"factors": 0, "rates": 0, **found})
        made = eliminated(system, build, drift, () if lagged is None else lagged.values)
        return replace(made, programs=(rhs, *made.programs, *ends), facts={**made.facts, **found})

    def rows(self, system: System, scheme: Any) -> int:
        return (4 + len(scheme.dense)) * len(system.states)

    def driver(self, method: str) -> Driver:
        return adaptive_driver(method)

    def variants(self, method: str) -> Mapping[str, Sequence[partial[Any]]]:
        def compiled(events: bool, algebraic: bool, delays: bool) -> list[partial[Any]]:
            steps = partial(method_functions, method, algebraic=algebraic, delays=delays)
            return [partial(common_driver, events=events, algebraic=algebraic, delays=delays), steps]

        return {
            "events": compiled(True, False, False),
            "algebraic": [p for e in (False, True) for p in compiled(e, True, False)] + [partial(plain_driver, "consistent")],
            "delays": [p for a in (False, True) for e in (False, True) for p in compiled(e, a, True)],
        }

    def inlining(self, system: System, scheme: Any, made: Made, lanes: int) -> Inlining | None:
        if system.parts & {"algebraic", "events", "inputs", "delays"}:
            raise CompileError("inline=True is for models without events, inputs, delays and algebraic equations; leave it out")
        sizes = {"n": len(system.states), "npar": len(system.parameters), "nlu": made.facts["factors"]}
        sizes["npar"] += made.facts["constants"]
        constants = {**sizes, "nft": made.facts["rates"], "W": lanes}
        functions = {"f": "rhs", **({"factor": "factor", "solve": "solve"} if scheme.implicit else {})}
        return Inlining(driver_text(scheme), "chunk", constants, functions)

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        if not task.system.algebraic:
            integrate_rest(run, batch, task, self._integrate)
            return
        batch = consistent(run, batch, task, self._tolerances(task.options))
        integrate_rest(run, batch, task, self._integrate)
        if task.facts["delays"] is None:  # else it is done while the past is known
            refine(run, batch, task, self._tolerances(task.options))

    def _tolerances(self, options: Options) -> Tolerances:
        return Tolerances(options.rtol, options.atol, options.max_step, self.limit(options))

    def _integrate(self, run: Run, batch: Batch, task: Launch) -> None:
        (count, n), options, scheme = batch.initial.shape, task.options, task.scheme
        counts = np.zeros((count, 4), np.int64)
        own, events, delays, constraints = task.addresses, NO_EVENTS, NO_DELAYS, NO_CONSTRAINTS
        own, past = (own, (0, 0)) if task.facts["delays"] is None else (own[:-2], own[-2:])
        if task.system.algebraic:
            own, last = (own[:-1], own[-1]) if task.facts["delays"] is None else (own[:-2], own[-2])
            constraints = constraint_tables(task.system, task.facts["constraints"], last)
        if task.facts["events"] is not None:
            own, found = (own[:-2], own[-2:]) if task.system.events else (own, (0, 0))
            events = event_tables(
                task.system, task.facts["events"], found, batch.parameters, batch.times, lanes=task.lanes,
                order=(options.seed, batch.streams),
            )  # fmt: skip
            run.aside[:, : events.flags.size] = 0
            batch = batch._replace(parameters=coefficient_rows(task.system, batch.parameters, batch.times))
        if task.facts["delays"] is not None:
            jumps = task.facts["events"] is not None
            span = float(batch.times[-1] - batch.times[0])
            delays = delay_tables(task.facts["delays"], past, batch.parameters, jumps=jumps, span=span)
            values = np.zeros((count, delays.kept.size))
            batch = batch._replace(parameters=np.concatenate([batch.parameters, values], axis=1))
        if task.constants:
            batch = batch._replace(
                parameters=with_constants(batch.parameters, task.constants, task.facts["constants"], task.lanes)
            )
        own, margin = (own, 0) if task.facts["start"] is None else (own[:-1], own[-1])
        rhs, factor, solve = (*own, 0, 0)[:3]
        functions = AdaptiveFunctions(rhs, factor, solve, margin)
        further: tuple[Any, ...] = (
            AdaptiveSizes(n, batch.parameters.shape[1], task.facts["factors"], task.facts["rates"], task.lanes), batch,
            self._tolerances(options), self.control(scheme, options), int(options.detect_stiffness), run, counts, task.signals,
            events, constraints, delays,
        )  # fmt: skip
        algebraic = bool(task.system.algebraic)
        if events is not NO_EVENTS or algebraic or delays is not NO_DELAYS:
            parts = {"algebraic": algebraic, "delays": delays is not NO_DELAYS}
            method: tuple[Any, ...] = method_functions(task.method, **parts)
            own_driver = common_driver(events=events is not NO_EVENTS, **parts)
            own_driver.chunk(CommonArguments(MethodFunctions(*functions, *method), *further))
        else:
            (task.driver or adaptive_driver(task.method)).chunk(Arguments(functions, *further))
        run.steps[:], run.rejected[:] = counts[:, 0], counts[:, 1]
        counts.dot(_evaluations(scheme.stages, len(getattr(scheme, "extra", ()))), out=run.evaluations)
        run.evaluations[:] += 1  # the derivative at the first time

    def control(self, scheme: Any, options: Options) -> Control:
        return _control(options.controller or scheme.controller, scheme.error_order + 1)

    def on_device(self, scheme: Any) -> bool:
        return isinstance(scheme, (ExplicitRungeKutta, Rosenbrock))

    def device(self, system: System, scheme: Any, made: Made) -> Device:
        written = written_out(system)[0]
        return adaptive_device(written, scheme, made, looked_up(written, slopes=scheme.implicit) if system.delays else None)

    def device_batch(self, system: System, batch: Batch, facts: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        batch = batch._replace(parameters=coefficient_rows(system, batch.parameters, batch.times))
        return batch.parameters, -holds_at_start(batch, facts).astype(np.int64)

    def device_stops(self, system: System, batch: Batch, facts: Mapping[str, Any]) -> np.ndarray:
        if facts.get("events") is None and facts.get("delays") is None and not system.algebraic:
            return batch.stops
        return card_stops(system, facts["events"], batch)


@cache
def _evaluations(stages: int, extra: int) -> np.ndarray:
    """Evaluations that an accepted step takes, a rejected one, output within a step, and a stop."""
    return np.array((stages, stages, extra, 1))


@lru_cache(maxsize=32)
def _control(controller: PID, order: float) -> Control:
    return Control(*controller.numbers(order, squared=True))


ADAPTIVE = AdaptiveFamily()
