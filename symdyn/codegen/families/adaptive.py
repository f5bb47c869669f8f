"""Adaptive one-step methods for ordinary differential equations: Runge-Kutta and Rosenbrock."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import sympy as sp

from symdyn.codegen.drivers import adaptive_driver
from symdyn.codegen.elimination import elimination_programs
from symdyn.codegen.families._base import Batch, Family, Launch, Run
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Made
from symdyn.methods._runge_kutta import ExplicitRungeKutta, Rosenbrock
from symdyn.system import System

__all__ = ["ADAPTIVE"]

_NO_STEP = "step belongs to methods of fixed step; an adaptive one is steered by rtol and atol"


class Adaptive(Family):
    """Right-hand side and, for Rosenbrock methods, elimination and solution; the tableau is in the driver."""

    schemes = (ExplicitRungeKutta, Rosenbrock)
    refused: ClassVar[Mapping[str, str]] = {"step": _NO_STEP, "brownian_step": _NO_STEP}
    noted = ("rtol", "atol")
    adaptive = True
    remedies = ("looser tolerances", "another method")
    counted: ClassVar[Mapping[str, str]] = {
        **Family.counted,
        "rejected": "steps whose error was too large",
    }

    def key(self, scheme: Any) -> str:
        return type(scheme).__name__

    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        blocks = [("lane", (system.time,)), ("y", system.states), ("p", system.parameters)]
        drift = system.drift  # type: ignore[attr-defined]
        rhs = lower("rhs", blocks, drift, [f"d{s}/d{system.time}" for s in system.names])
        if not scheme.implicit:
            return Made((rhs,), {"factors": 0, "rates": 0})
        factor, solve, factors = elimination_programs(system, drift)
        return Made((rhs, factor, solve), {"factors": factors, "rates": len(factor.outputs) - factors})

    def rows(self, system: System, scheme: Any) -> int:
        return (4 + len(scheme.dense)) * len(system.states)

    def driver(self, method: str) -> ModuleType:
        return adaptive_driver(method)

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        (count, n), options, scheme = batch.initial.shape, task.options, task.scheme
        f, factor, solve = (*task.addresses, 0, 0)[:3]
        if batch.times.size == 1:
            run.values[:, 0] = batch.initial
            task.signals.done[0] += count
            return
        counts = np.zeros((count, 3), np.int64)
        self.driver(task.method).integrate(
            f, factor, solve, n, batch.parameters.shape[1], task.facts["factors"], task.facts["rates"], task.lanes, 0, count,
            batch.initial, batch.parameters, batch.times, options.rtol, options.atol, self.limit(options),
            int(options.detect_stiffness), run.values, run.status, counts, task.signals.stop, task.signals.done,
        )  # fmt: skip
        run.steps[:], run.rejected[:] = counts[:, 0], counts[:, 1]
        extra = len(getattr(scheme, "extra", ()))
        run.evaluations[:] = 1 + scheme.stages * (counts[:, 0] + counts[:, 1]) + extra * counts[:, 2]


ADAPTIVE = Adaptive()
