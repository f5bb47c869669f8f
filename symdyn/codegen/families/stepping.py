"""Methods of fixed step: schemes for stochastic differential equations, and maps."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

import sympy as sp
from symdyn_kernels.arguments.stepping import SteppingArguments as Arguments
from symdyn_kernels.arguments.stepping import SteppingSizes

from symdyn.codegen.cuda.join import Device
from symdyn.codegen.cuda.stepping import stepping_device
from symdyn.codegen.drivers import plain_driver, plain_text
from symdyn.codegen.families.base import Batch, Family, Launch, Run
from symdyn.codegen.inlining import Inlining
from symdyn.codegen.program import Made
from symdyn.codegen.stepping_program import step_program
from symdyn.methods.stochastic import FixedStepScheme, MapScheme
from symdyn.system import System

__all__ = ["STEPPING"]


class SteppingFamily(Family):
    """A step of the model is one function."""

    schemes = (FixedStepScheme,)
    options = ("step", "brownian_step", "inline")
    remedies = ("a shorter step", "another method")
    counted: ClassVar[Mapping[str, str]] = {**Family.counted, "rejected": "none", "evaluations": "steps of the scheme"}

    def reads(self, scheme: Any) -> frozenset[str]:
        found = super().reads(scheme)
        return found - {"step", "brownian_step"} if isinstance(scheme, MapScheme) else found  # a map has no steps but its own

    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        return Made((step_program(system, scheme),))

    def rows(self, system: System, scheme: Any) -> int:
        return 6 * len(system.states)

    def driver(self, method: str) -> ModuleType:
        return plain_driver("stepping")

    def inlining(self, system: System, scheme: Any, made: Made, lanes: int) -> Inlining | None:
        constants = {"n": len(system.states), "npar": len(system.parameters), "m": system.noises}
        constants |= {"with_dz": int(scheme.needs_dz), "lanes": lanes}
        return Inlining(plain_text("stepping"), "chunk", constants, {"f": "step"})

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        options, scheme = task.options, task.scheme
        step = 1.0 if isinstance(scheme, MapScheme) else options.step  # a map has no steps but its own
        n, k = batch.initial.shape[1], batch.parameters.shape[1]
        sizes = SteppingSizes(n, k, task.system.noises, int(scheme.needs_dz), task.lanes)
        arguments = Arguments(task.addresses[0], sizes, batch, options.seed, step, options.fine, run, task.signals)
        (task.driver or self.driver(task.method)).chunk(arguments)
        run.evaluations[:] = run.steps

    def on_device(self, scheme: Any) -> bool:
        return True

    def device(self, system: System, scheme: Any, made: Made) -> Device:
        return stepping_device(system, made.programs[0], noises=system.noises, with_dz=scheme.needs_dz)


STEPPING = SteppingFamily()
