"""Reaction networks as diffusion processes, in fixed steps: the chemical Langevin equation."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import sympy as sp

from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.families._base import Batch, Family, Launch, Made, Run
from symdyn.codegen.lower import Lowering
from symdyn.methods._leaping import DiffusionScheme
from symdyn.methods._stochastic import StepSymbols
from symdyn.models.reactions import ReactionNetwork
from symdyn.system import System

__all__ = ["DIFFUSION"]


class Diffusion(Family):
    """The whole step of the model is one function, as for stochastic differential equations; it ends at 0 or above."""

    schemes = (DiffusionScheme,)
    noted = ("step",)
    random_kinds = ("jump",)

    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        assert isinstance(system, ReactionNetwork)
        count = scheme.noises(system)
        symbols = StepSymbols.fresh(system, count, False)
        lane = (system.time, symbols.h, symbols.sqrt_h, *symbols.dW)
        blocks: list[tuple[str, tuple[sp.Symbol, ...]]] = [("lane", lane), ("y", system.states), ("p", system.parameters)]
        build = Lowering(blocks)
        zero, values = build.constant(0), [build.value(e) for e in scheme.step(system, symbols)]
        # unlike a maximum, the choice keeps what is not a number, so that a blow-up shows
        cut = [build.op("select", build.op("lt", v, zero), zero, v) for v in values]
        return Made((build.program("step", cut, [f"next {s}" for s in system.names]),), {"noises": count})

    def rows(self, system: System, scheme: Any) -> int:
        return 6 * len(system.states)

    def driver(self, method: str) -> ModuleType:
        return plain_driver("stepping")

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        (count, n), options = batch.initial.shape, task.options
        self.driver(task.method).chunk(
            task.addresses[0], n, batch.parameters.shape[1], task.facts["noises"], 0, task.lanes, options.seed,
            batch.streams, 0, count, batch.initial, batch.parameters, batch.times, options.step, options.fine, run.values,
            run.status, run.steps, task.signals.stop, task.signals.done,
        )  # fmt: skip
        run.evaluations[:] = run.steps


DIFFUSION = Diffusion()
