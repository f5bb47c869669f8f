"""Hybrid simulation of reaction networks: flow and jumps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.networks import HybridArguments as Arguments
from symdyn_kernels.arguments.networks import HybridFunctions, HybridSizes
from symdyn_kernels.arguments.parts import Tolerances

from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.families.base import Batch, Family, Launch, Made, Options, Run
from symdyn.codegen.jump_parts import start_program
from symdyn.codegen.leap_program import orders_program, propensity_program, stoichiometry_arrays, stoichiometry_facts
from symdyn.codegen.machine_code import Driver
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
        timed = system.time_dependent or (until is not None and until.has(system.time))
        facts = {"structure": stoichiometry_facts(system), "timed": int(timed)}
        condition = () if until is None else (start_program(system, until),)
        return Made((propensity_program(system), orders_program(system), *condition), facts)

    def rows(self, system: System, scheme: Any) -> int:
        return 1

    def driver(self, method: str) -> Driver:
        return plain_driver("hybrid")

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        (count, n), options = batch.initial.shape, task.options
        structure = stoichiometry_arrays(task.facts["structure"])
        reactions, bursts = structure.ptr.size - 1, structure.kind.size
        counts = np.zeros((count, 5), np.int64)
        run.passage[:] = np.inf
        arguments = Arguments(
            HybridFunctions(*(*task.addresses, 0)[:3]),
            HybridSizes(n, reactions, bursts, task.facts["timed"]),
            structure,
            Tolerances(options.rtol, options.atol, np.inf, self.limit(options)),
            epsilon=options.epsilon,
            seed=options.seed,
            batch=batch,
            run=run,
            counts=counts,
            signals=task.signals,
        )
        self.driver(task.method).chunk(arguments)
        steps, jumps, rejected, switches, evaluations = counts.T
        run.steps[:], run.rejected[:], run.evaluations[:] = steps + jumps, rejected, evaluations
        run.details[:] = np.stack([jumps, switches], axis=1)


HYBRID = HybridFamily()
