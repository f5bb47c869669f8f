"""Hybrid simulation of reaction networks: flow and jumps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.events import EventTables
from symdyn_kernels.arguments.networks import HybridArguments as Arguments
from symdyn_kernels.arguments.networks import HybridFunctions, HybridSizes
from symdyn_kernels.arguments.parts import Batch, Run, Tolerances

from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.event_program import event_facts, event_programs, event_tables, sampled_conditions
from symdyn.codegen.families.base import Family
from symdyn.codegen.families.task import Launch, Options
from symdyn.codegen.input_paths import coefficient_rows, written_out
from symdyn.codegen.jump_parts import start_program
from symdyn.codegen.leap_program import (
    condition_program,
    orders_program,
    propensity_program,
    stoichiometry_arrays,
    stoichiometry_facts,
)
from symdyn.codegen.machine_code import Driver
from symdyn.codegen.program import Made
from symdyn.methods.leaping import HybridScheme
from symdyn.system import System

__all__ = ["HYBRID"]


class HybridFamily(Family):
    """Propensities are a function; stoichiometry is data, and the driver decides what flows and what jumps."""

    schemes = (HybridScheme,)
    options = ("epsilon", "rtol", "atol", "max_steps")
    max_steps = 1_000_000_000
    stops = "in the beginning, after every jump, and after steps of the flow, within which first_passage is found then"
    start = "whole"
    always_random = True
    alone = True  # each trajectory has steps of its own
    remedies = ("looser tolerances", "another method")
    counted: ClassVar[Mapping[str, str]] = {
        "steps": "steps of the flow, and jumps",
        "rejected": "steps of the flow whose error was too large",
        "evaluations": "evaluations of all propensities",
    }

    def details(self, scheme: Any) -> Mapping[str, str]:
        return {"jumps": "events of reactions that jump", "switches": "times that a reaction began to flow or to jump"}

    def facts(self, scheme: Any, options: Options) -> Mapping[str, Any]:
        return {
            "accuracy": "the noise of flowing reactions is neglected, and their species take real values",
            "threshold": options.epsilon**-2,
            "threshold_meaning": "expected firings, and molecules of a species changed one by one, from which reactions flow",
        }

    def programs(self, system: Any, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        eventful = bool(system.events or system.inputs)
        system, found = written_out(system, *(() if until is None else (until,)))
        until = found[0] if found else None
        sampled = [(k, e) for k, e in enumerate(sampled_conditions(system)) if e is not None]
        timed = system.time_dependent or any(e.has(system.time) for e in (*found, *(e for _, e in sampled)))
        facts = {"structure": stoichiometry_facts(system), "timed": int(timed), "events": None}
        made = (propensity_program(system), orders_program(system))
        if not eventful:
            return Made((*made, *(() if until is None else (start_program(system, until),))), facts)
        further = event_programs(system) if system.events else ()
        facts["events"] = event_facts(system)
        return Made((*made, condition_program(system, until, sampled), *further), facts)

    def rows(self, system: System, scheme: Any) -> int:
        return 1

    def driver(self, method: str) -> Driver:
        return plain_driver("hybrid")

    def variants(self, method: str) -> Mapping[str, Sequence[partial[Any]]]:
        return {"events": [partial(plain_driver, "hybrid", "EVENTS")]}

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        (count, n), options = batch.initial.shape, task.options
        structure = stoichiometry_arrays(task.facts["structure"])
        reactions, bursts = structure.ptr.size - 1, structure.kind.size
        counts = np.zeros((count, 5), np.int64)
        run.passage[:] = np.inf
        own, events, flags = task.addresses, EventTables.none(), list[str]()
        if task.facts["events"] is not None:
            own, addresses = (own[:-2], own[-2:]) if task.system.events else (own, (0, 0))
            order = options.seed, batch.streams
            events = event_tables(task.system, task.facts["events"], addresses, batch.parameters, batch.times, order=order)
            run.aside[:, : events.flags.size], flags = 0, ["EVENTS"]
            batch = batch._replace(parameters=coefficient_rows(task.system, batch.parameters, batch.times))
        arguments = Arguments(
            HybridFunctions(*(*own, 0)[:3]),
            HybridSizes(n, reactions, bursts, task.facts["timed"]),
            structure,
            Tolerances(options.rtol, options.atol, np.inf, self.limit(options)),
            epsilon=options.epsilon,
            seed=options.seed,
            batch=batch,
            run=run,
            counts=counts,
            signals=task.signals,
            events=events,
        )
        plain_driver("hybrid", *flags).chunk(arguments)
        steps, jumps, rejected, switches, evaluations = counts.T
        run.steps[:], run.rejected[:], run.evaluations[:] = steps + jumps, rejected, evaluations
        run.details[:] = np.stack([jumps, switches], axis=1)


HYBRID = HybridFamily()
