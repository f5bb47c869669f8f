"""Branching processes of several types, in discrete time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.branching import BranchingArguments as Arguments
from symdyn_kernels.arguments.branching import BranchingFunctions, BranchingSizes
from symdyn_kernels.arguments.parts import Batch, Run

from symdyn.codegen.branching_program import rates_program, structure_arrays, structure_facts
from symdyn.codegen.cuda.branching import branching_device
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.families.base import Family
from symdyn.codegen.families.task import Launch, Options
from symdyn.codegen.jump_parts import start_program
from symdyn.codegen.machine_code import Driver
from symdyn.codegen.program import Made
from symdyn.methods.chain import ChainScheme
from symdyn.system import System

__all__ = ["BRANCHING"]


class BranchingFamily(Family):
    """Vital rates are one function, transitions and births are data."""

    schemes = (ChainScheme,)
    stops = "in the beginning and after every step"
    integer = True
    start = "whole"
    always_random = True
    alone = True  # numbers are drawn one after the other
    remedies: ClassVar[tuple[str, ...]] = ()
    counted: ClassVar[Mapping[str, str]] = {
        "steps": "steps, until the population is extinct or the condition of until holds",
        "rejected": "none",
        "evaluations": "steps",
    }

    def facts(self, scheme: Any, options: Options) -> Mapping[str, Any]:
        return {"accuracy": "exact"}

    def programs(self, system: Any, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        ends = () if until is None else (start_program(system, until),)
        return Made((rates_program(system), *ends), structure_facts(system))

    def rows(self, system: System, scheme: Any) -> int:
        return 1

    def driver(self, method: str) -> Driver:
        return plain_driver("branching")

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        facts = task.facts
        sizes = BranchingSizes(batch.initial.shape[1], facts["noises"], facts["varying"], facts["absorbing"])
        functions, structure = BranchingFunctions(*(*task.addresses, 0)[:2]), structure_arrays(facts["structure"])
        run.passage[:] = np.inf
        arguments = Arguments(functions, sizes, structure, task.options.seed, batch, run, task.signals)
        self.driver(task.method).chunk(arguments)
        run.evaluations[:] = run.steps

    def on_device(self, scheme: Any) -> bool:
        return True

    def device(self, system: System, scheme: Any, made: Made) -> Device:
        return branching_device(system, made)


BRANCHING = BranchingFamily()
