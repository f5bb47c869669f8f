"""Hybrid simulation of reaction networks: flow and jumps."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import sympy as sp

from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.families._base import Batch, Family, Launch, Made, Run
from symdyn.codegen.leap_program import orders_program, propensity_program, stoichiometry_arrays, stoichiometry_facts
from symdyn.methods._leaping import HybridScheme
from symdyn.models.reactions import ReactionNetwork
from symdyn.system import System

__all__ = ["HYBRID"]

_NO_STEP = "step has no meaning in hybrid simulation, whose flow is steered by rtol and atol"


class Hybrid(Family):
    """Propensities are a function; stoichiometry is data, and the driver decides what flows and what jumps."""

    schemes = (HybridScheme,)
    refused: ClassVar[Mapping[str, str]] = {"step": _NO_STEP, "brownian_step": _NO_STEP}
    noted = ("epsilon", "rtol", "atol")
    max_steps = 1_000_000_000
    random_kinds = ("jump",)

    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        assert isinstance(system, ReactionNetwork)
        facts = {"structure": stoichiometry_facts(system), "timed": int(system.time_dependent)}
        return Made((propensity_program(system), orders_program(system)), facts)

    def rows(self, system: System, scheme: Any) -> int:
        return 1

    def lanes(self, system: System, scheme: Any, trajectories: int) -> int:
        return 1  # each trajectory has steps of its own

    def driver(self, method: str) -> ModuleType:
        return plain_driver("hybrid")

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        (count, n), options = batch.initial.shape, task.options
        structure = stoichiometry_arrays(task.facts["structure"])
        reactions, bursts = structure[0].size - 1, structure[-1].size
        counts = np.zeros((count, 5), np.int64)
        self.driver(task.method).chunk(
            task.addresses, (task.lanes, n, reactions, bursts, task.facts["timed"]), structure, options.seed, batch.streams,
            batch.initial, batch.parameters, batch.times, (options.rtol, options.atol, options.epsilon),
            self.limit(options), run.values, run.status, counts, task.signals.stop, task.signals.done,
        )  # fmt: skip
        steps, events, rejected, _, evaluations = counts.T
        run.steps[:], run.rejected[:], run.evaluations[:] = steps + events, rejected, evaluations


HYBRID = Hybrid()
