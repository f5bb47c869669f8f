"""Reaction networks as diffusion processes, in fixed steps: the chemical Langevin equation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from symdyn.codegen.families._start import start_fact
from symdyn.codegen.families.base import Made, Options
from symdyn.codegen.families.stepping import SteppingFamily
from symdyn.codegen.lower import Lowering
from symdyn.codegen.stopping import ENDED, stopped
from symdyn.methods.leaping import DiffusionScheme
from symdyn.methods.stochastic import StepSymbols

__all__ = ["DIFFUSION"]


class DiffusionFamily(SteppingFamily):
    """A step of the model is one function, as for stochastic differential equations; it ends at 0 or above."""

    schemes = (DiffusionScheme,)
    options = ("step", "brownian_step")
    stops = "in the beginning and after every step: first_passage is late, as crossings back and forth within steps are missed"
    start = "nonnegative"
    always_random = True

    def facts(self, scheme: Any, options: Options) -> Mapping[str, Any]:
        return {
            "accuracy": "diffusion approximation, for large numbers of molecules; weak order 1 in step",
            "order": 1,
            "positivity": "negative propensities count as 0, and numbers that a step makes negative are set to 0",
        }

    def programs(self, system: Any, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        count = scheme.noises(system)
        symbols = StepSymbols.fresh(system, count, False)
        lane = (system.time, symbols.h, symbols.sqrt_h, *symbols.dW)
        states = system.states if until is None else (*system.states, *ENDED)
        blocks: list[tuple[str, tuple[sp.Symbol, ...]]] = [("lane", lane), ("y", states), ("p", system.parameters)]
        build = Lowering(blocks)
        zero, values = build.constant(0), [build.value(e) for e in scheme.step(system, symbols)]
        # unlike a maximum, the choice keeps what is not a number, so that a blow-up shows
        new = [build.op("select", build.op("lt", v, zero), zero, v) for v in values]
        labels = [f"next {s}" for s in system.names]
        if until is not None:
            new = stopped(build, system, until, symbols, new, where="end")
            labels += ["whether it ended", "when"]
        return Made((build.program("step", new, labels),), {"noises": count, "with_dz": 0, **start_fact(system, until)})


DIFFUSION = DiffusionFamily()
