"""Reversible methods: steps of one length of two solutions, of which the first one is reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.parts import Batch, Run
from symdyn_kernels.status import PARTED, SUCCESS

from symdyn.codegen.families._start import start_fact
from symdyn.codegen.families.stepping import SteppingFamily
from symdyn.codegen.families.task import Launch
from symdyn.codegen.program import Made
from symdyn.codegen.reversible_program import doubled, reversible_program
from symdyn.methods.registry import METHODS
from symdyn.methods.reversible import ReversibleMethod
from symdyn.system import System

__all__ = ["REVERSIBLE"]


class ReversibleFamily(SteppingFamily):
    """Trajectories whose two solutions have parted fail from there on."""

    schemes: ClassVar[tuple[type, ...]] = (ReversibleMethod,)
    options: ClassVar[tuple[str, ...]] = ("step",)
    remedies = ("a shorter step", "a method that is not reversible")

    def runs(self, scheme: Any) -> bool:
        return True

    def programs(self, system: System, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        step = reversible_program(system, doubled(system), scheme, until)
        return Made((step,), {"noises": 0, "integrals": 0, "events": None, **start_fact(system, until)})

    def rows(self, system: System, scheme: Any) -> int:
        return 12 * len(system.states)

    def variants(self, method: str) -> Mapping[str, Sequence[partial[Any]]]:
        return {}

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        n = batch.initial.shape[1]
        both = run._replace(values=np.empty((*run.values.shape[:2], 2 * n)))
        super().launch(both, batch._replace(initial=np.tile(batch.initial, 2)), task)
        values, twins = both.values[..., :n], both.values[..., n:]
        run.values[:] = values
        with np.errstate(invalid="ignore"):
            size = np.maximum.accumulate(np.abs(values).max(axis=2), axis=1)
            parted = np.abs(values - twins).max(axis=2) > METHODS[task.method].apart * size
        for k in np.flatnonzero(parted.any(axis=1)):
            if run.status[k] == SUCCESS:
                run.status[k], run.passage[k] = PARTED, np.inf
                run.values[k, int(np.argmax(parted[k])) :] = np.nan

    def on_device(self, scheme: Any) -> bool:
        return False


REVERSIBLE = ReversibleFamily()
