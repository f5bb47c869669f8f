"""Methods for one large state, which `symdyn.integration` executes as array operations: they compile no function of a model."""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

import sympy as sp

from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.families.base import Batch, Family, Launch, Run
from symdyn.codegen.program import Made
from symdyn.errors import CompileError
from symdyn.methods.additive import AdditiveRungeKutta
from symdyn.methods.exponential import ExponentialRungeKutta
from symdyn.methods.multistep import ImexMultistep
from symdyn.system import System

__all__ = ["ARRAYS"]


class ArrayFamily(Family):
    """Additive and exponential Runge-Kutta and multistep methods for fields."""

    schemes = (AdditiveRungeKutta, ExponentialRungeKutta, ImexMultistep)
    options = ("rtol", "atol", "step", "max_step", "max_steps", "controller")
    adaptive = True
    stops = "at the ends of steps; the time is located within the step"
    remedies: ClassVar[tuple[str, ...]] = ("another grid or smaller tolerances", "another method")

    def reads(self, scheme: Any) -> frozenset[str]:
        found = super().reads(scheme)
        return found - {"rtol", "atol", "max_step", "controller"} if isinstance(scheme, ImexMultistep) else found

    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        raise self._refusal(scheme)

    def rows(self, system: System, scheme: Any) -> int:
        raise self._refusal(scheme)

    def driver(self, method: str) -> ModuleType:
        return plain_driver("stencil")

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        raise self._refusal(task.scheme)

    def _refusal(self, scheme: Any) -> CompileError:
        return CompileError(f"{scheme.name} integrates fields, of which symdyn.integration makes no functions of a model")


ARRAYS = ArrayFamily()
