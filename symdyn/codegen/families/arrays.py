"""Methods without a form for lanes: of large states, in the array loops of `symdyn.integration`, and of distributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

import sympy as sp
from symdyn_kernels.arguments.parts import Batch, Run

from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.families.base import Family
from symdyn.codegen.families.task import Launch
from symdyn.codegen.machine_code import Driver
from symdyn.codegen.program import Made
from symdyn.errors import CompileError
from symdyn.methods.additive import AdditiveRungeKutta
from symdyn.methods.chain import LatticeScheme
from symdyn.methods.exponential import ExponentialRungeKutta
from symdyn.methods.multistep import ImexMultistep
from symdyn.methods.propagation import GeneratorExponential
from symdyn.system import System

__all__ = ["ARRAYS", "DISTRIBUTIONS", "LATTICES", "MULTISTEP"]


class ArrayFamily(Family):
    """Methods that treat a linear part implicitly or exactly."""

    schemes: ClassVar[tuple[type, ...]] = (AdditiveRungeKutta, ExponentialRungeKutta)
    adaptive: ClassVar[bool] = True
    options: ClassVar[tuple[str, ...]] = ("rtol", "atol", "max_step", "max_steps", "controller", "step")
    stops = "in the beginning and within every step, and located"
    remedies: ClassVar[tuple[str, ...]] = ("looser tolerances or a shorter step", "another method")
    counted: ClassVar[Mapping[str, str]] = {**Family.counted, "rejected": "steps whose error was too large"}

    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        return _refuse(scheme.name)

    def rows(self, system: System, scheme: Any) -> int:
        return 0

    def driver(self, method: str) -> Driver:
        return plain_driver("stencil")  # which evaluates the rates

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        _refuse(task.method)


class MultistepFamily(ArrayFamily):
    """Those of them that take steps of one length."""

    schemes = (ImexMultistep,)
    adaptive = False
    options = ("max_steps", "step")
    remedies = ("a shorter step", "another method")


class DistributionsFamily(ArrayFamily):
    """Methods of master equations, which `symdyn.projection` runs."""

    schemes = (GeneratorExponential,)
    adaptive = False
    options = ()
    stops = ""


class LatticesFamily(ArrayFamily):
    """Methods of automata, which `symdyn.automata` runs."""

    schemes = (LatticeScheme,)
    adaptive = False
    options = ()
    stops = ""
    always_random = True
    remedies = ()
    counted: ClassVar[Mapping[str, str]] = {
        "steps": "steps, in each of which all cells change",
        "rejected": "none",
        "evaluations": "steps",
    }

    def driver(self, method: str) -> Driver:
        return plain_driver("automaton")


def _refuse(method: str) -> NoReturn:
    raise CompileError(f"the method {method!r} has no form for lanes")


ARRAYS, MULTISTEP, DISTRIBUTIONS = ArrayFamily(), MultistepFamily(), DistributionsFamily()
LATTICES = LatticesFamily()
