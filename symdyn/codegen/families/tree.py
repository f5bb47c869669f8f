"""Schemes for stochastic equations along the tree of a Brownian path."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.parts import Batch, Run
from symdyn_kernels.arguments.stepping import SteppingSizes
from symdyn_kernels.arguments.tree import TreeArguments, TreeSteps
from symdyn_kernels.constants.brownian import DEPTHS, ROOT

from symdyn.codegen.cuda.join import Device
from symdyn.codegen.cuda.stepping import tree_device
from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.families._start import end_at_last
from symdyn.codegen.families.stepping import SteppingFamily
from symdyn.codegen.families.task import Launch, Options
from symdyn.codegen.inlining import Inlining
from symdyn.codegen.machine_code import Driver
from symdyn.codegen.program import Made
from symdyn.codegen.stopping import ENDED
from symdyn.codegen.tree_program import bound_program
from symdyn.errors import CompileError, DeclarationError
from symdyn.methods.tree_schemes import TreeScheme
from symdyn.system import System

__all__ = ["TREES"]

#: Parts of a run that a step takes at most where tolerances decide, unless the longest step is given.
PARTS = 16


class TreeFamily(SteppingFamily):
    """Every step is a cell of the tree; with tolerances the state at its beginning says which."""

    schemes: ClassVar[tuple[type, ...]] = (TreeScheme,)
    options: ClassVar[tuple[str, ...]] = ("step", "rtol", "atol", "brownian", "max_step", "max_steps", "integrals")
    remedies = ("a shorter step", "smaller tolerances", "greater tolerances", "another method")
    counted: ClassVar[Mapping[str, str]] = {
        "steps": "steps, those after the condition of until included",
        "rejected": "none",
        "evaluations": "steps of the scheme, with those to output times within steps",
    }

    def runs(self, scheme: Any) -> bool:
        return True

    def reads(self, scheme: Any) -> frozenset[str]:
        return frozenset({*self.options, "until"})

    def key(self, scheme: Any) -> str:
        return f"{scheme.name} along a tree"

    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        made = super().programs(system, scheme.base, until=until)
        states = (*system.states, *(() if until is None else ENDED))
        bound, powers, reason = bound_program(system, states, scheme.base.strong_order)
        return Made((*made.programs, bound), {**made.facts, "powers": powers, "no steps from the state": reason})

    def rows(self, system: System, scheme: Any) -> int:
        return 6 * len(system.states) + 2 * DEPTHS * system.noises // 2

    def driver(self, method: str) -> Driver:
        return plain_driver("stepping_tree")

    def variants(self, method: str) -> Mapping[str, Sequence[partial[Any]]]:
        return {}

    def inlining(self, system: System, scheme: Any, made: Made, lanes: int) -> Inlining | None:
        return None

    def facts(self, scheme: Any, options: Options) -> Mapping[str, Any]:
        if math.isfinite(options.step):
            return {}
        return {"steps": "from the state at their beginning, by the leading error of one step"}

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        wider, filled = batch, run
        stops = task.facts["start"] is not None
        if stops:
            wider, filled = self._widened(run, batch, np.zeros((len(batch.initial), 2)))
        sizes = SteppingSizes(
            wider.initial.shape[1], batch.parameters.shape[1], task.facts["noises"], task.facts["integrals"], task.lanes
        )
        steps = tree_steps(batch.times, task.facts, task.options, self.limit(task.options))
        powers = np.array(task.facts["powers"], np.int64)
        step, bound = task.addresses[:2]
        arguments = TreeArguments(step, bound, sizes, wider, powers, task.options.seed, steps, filled, task.signals)
        self.driver(task.method).chunk(arguments)
        if stops:
            self._narrowed(run, filled, batch, task)
            end_at_last(run, batch, task)

    def device(self, system: System, scheme: Any, made: Made) -> Device:
        sizes = {"noises": made.facts["noises"], "integrals": made.facts["integrals"]}
        return tree_device(system, made.programs[:2], made.facts["powers"], **sizes)

    def device_table(self, scheme: Any, batch: Batch, facts: Mapping[str, Any], options: Options) -> np.ndarray:
        steps = tree_steps(batch.times, facts, options, self.limit(options))
        return np.array([[[float(steps.coarsest)], [float(steps.adaptive)], [float(steps.integrals)]]])


def tree_steps(times: np.ndarray, facts: Mapping[str, Any], options: Options, limit: int) -> TreeSteps:
    """Lengths of the steps of a run as depths of the tree.

    Raises
    ------
    CompileError
        If tolerances are to decide and the leading error of a step could not be derived.
    DeclarationError
        For steps shorter than the shortest cells.
    """
    adaptive = not math.isfinite(options.step)
    if adaptive and facts["no steps from the state"]:
        raise CompileError(f"rtol, atol: {facts['no steps from the state']}")
    span = float(times[-1] - times[0])
    longest = options.step if not adaptive else options.max_step if math.isfinite(options.max_step) else span / PARTS
    longest = longest if longest > 0 else 1.0  # one output time: there are no steps
    depth = max(0, math.ceil(ROOT - math.log2(longest) - 1e-9))
    if depth >= DEPTHS:
        raise DeclarationError(
            f"a step of {longest:g} is shorter than the shortest cell of a tree, 2^{ROOT - DEPTHS + 1}; choose another unit of "
            "time"
        )
    served = max(1, facts["integrals"], options.integrals)
    return TreeSteps(depth, int(adaptive), options.rtol, options.atol, limit, served)


TREES = TreeFamily()
