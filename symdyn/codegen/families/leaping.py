"""Tau-leaping of reaction networks."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import sympy as sp

from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.elimination import elimination_programs
from symdyn.codegen.families._base import Batch, Family, Launch, Made, Run
from symdyn.codegen.leap_program import orders_program, propensity_program, stoichiometry_arrays, stoichiometry_facts
from symdyn.codegen.program import Program
from symdyn.methods._leaping import LeapScheme
from symdyn.models.reactions import ReactionNetwork
from symdyn.system import System

__all__ = ["LEAPING"]

_NO_STEP = "step has no meaning in tau-leaping, which chooses its leaps; epsilon is the accuracy that steers it"


class Leaping(Family):
    """Propensities and their orders are functions, and for implicit leaps elimination and solution; stoichiometry is data."""

    schemes = (LeapScheme,)
    refused: ClassVar[Mapping[str, str]] = {"step": _NO_STEP, "brownian_step": _NO_STEP}
    noted = ("epsilon",)
    max_steps = 1_000_000_000
    random_kinds = ("jump",)

    def key(self, scheme: Any) -> str:
        return f"leaping implicit={scheme.implicit}"

    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        assert isinstance(system, ReactionNetwork)
        facts: dict[str, Any] = {"structure": stoichiometry_facts(system), "timed": int(system.time_dependent), "factors": 0}
        made: tuple[Program, ...] = (propensity_program(system), orders_program(system))
        if scheme.implicit:
            drift = list(system.stoichiometry * sp.Matrix(system.propensities))
            factor, solve, facts["factors"] = elimination_programs(system, drift)
            made = (*made, factor, solve)
        return Made(made, facts)

    def rows(self, system: System, scheme: Any) -> int:
        return 1

    def lanes(self, system: System, scheme: Any, trajectories: int) -> int:
        return 1  # each trajectory leaps by its own lengths

    def driver(self, method: str) -> ModuleType:
        return plain_driver("leaping")

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        count, n = batch.initial.shape
        structure = stoichiometry_arrays(task.facts["structure"])
        reactions, bursts = structure[0].size - 1, structure[-1].size
        counts = np.zeros((count, 5), np.int64)
        self.driver(task.method).chunk(
            (*task.addresses, 0, 0)[:4], (task.lanes, n, reactions, bursts, task.facts["factors"], task.facts["timed"]),
            structure, task.options.seed, batch.streams, batch.initial, batch.parameters, batch.times,
            task.options.epsilon, self.limit(task.options), run.values, run.status, counts,
            task.signals.stop, task.signals.done,
        )  # fmt: skip
        leaps, events, rejected, _, evaluations = counts.T
        run.steps[:], run.rejected[:], run.evaluations[:] = leaps + events, rejected, evaluations


LEAPING = Leaping()
