"""Reaction networks as diffusion processes, in fixed steps: the chemical Langevin equation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.stepping import SteppingArguments, SteppingSizes

from symdyn.codegen.cuda.join import Device
from symdyn.codegen.cuda.stepping import stepping_device
from symdyn.codegen.drivers import plain_driver
from symdyn.codegen.families._start import holds_at_start
from symdyn.codegen.families.base import Batch, Family, Launch, Made, Options, Run
from symdyn.codegen.jump_parts import start_program
from symdyn.codegen.lower import Lowering
from symdyn.methods.leaping import DiffusionScheme
from symdyn.methods.stochastic import StepSymbols
from symdyn.system import System

__all__ = ["DIFFUSION"]


class DiffusionFamily(Family):
    """A step of the model is one function, as for stochastic differential equations; it ends at 0 or above.

    A condition that ends trajectories is part of the step: two more states record whether it was true, and when.
    """

    schemes = (DiffusionScheme,)
    options = ("step", "brownian_step")
    stops = "in the beginning and after every step: first_passage is late, as crossings back and forth within steps are missed"
    start = "nonnegative"
    always_random = True
    remedies = ("a shorter step", "another method")
    counted: ClassVar[Mapping[str, str]] = {
        "steps": "steps, those after the condition of until included",
        "rejected": "none",
        "evaluations": "steps of the scheme",
    }

    def facts(self, scheme: Any, options: Options) -> Mapping[str, Any]:
        return {
            "accuracy": "diffusion approximation, for large numbers of molecules; weak order 1 in step",
            "order": 1,
            "positivity": "negative propensities count as 0, and numbers that a step makes negative are set to 0",
        }

    def programs(self, system: Any, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        count = scheme.noises(system)
        symbols = StepSymbols.fresh(system, count, False)
        ended, moment = sp.Symbol("ended'"), sp.Symbol("moment'")
        lane = (system.time, symbols.h, symbols.sqrt_h, *symbols.dW)
        states = system.states if until is None else (*system.states, ended, moment)
        blocks: list[tuple[str, tuple[sp.Symbol, ...]]] = [("lane", lane), ("y", states), ("p", system.parameters)]
        build = Lowering(blocks)
        zero, values = build.constant(0), [build.value(e) for e in scheme.step(system, symbols)]
        # unlike a maximum, the choice keeps what is not a number, so that a blow-up shows
        new = [build.op("select", build.op("lt", v, zero), zero, v) for v in values]
        labels = [f"next {s}" for s in system.names]
        if until is not None:
            new += self._stop(build, system, until, (ended, moment, symbols.h), new)
            labels += ["whether it ended", "when"]
        start = None if until is None else start_program(system, until).as_json()
        return Made((build.program("step", new, labels),), {"noises": count, "start": start})

    @staticmethod
    def _stop(
        build: Lowering, system: System, until: sp.Basic, symbols: Sequence[sp.Symbol], new: list[int]
    ) -> tuple[int, int]:
        """Whether and when a trajectory ended; freezes `new` where it had ended before the step, or does so at its start."""
        ended, moment, h = symbols
        one = build.constant(1)
        before = build.op("or", build.op("gt", build.value(ended), build.constant(0)), build.condition(until))
        for i, s in enumerate(system.states):
            new[i] = build.op("select", before, build.value(s), new[i])
        after = {s: sp.Symbol(f"next {s}'") for s in system.states}
        for symbol, value in zip(after.values(), new, strict=True):
            build.bind(symbol, value)
        after_step = {**after, system.time: system.time + h}
        holds = build.op("or", before, build.condition(until.xreplace(after_step)))
        first = build.op("select", build.condition(until), build.value(system.time), build.value(system.time + h))
        when = build.op("select", build.op("gt", build.value(ended), build.constant(0)), build.value(moment), first)
        return build.op("select", holds, one, build.constant(0)), when

    def rows(self, system: System, scheme: Any) -> int:
        return 6 * len(system.states)

    def driver(self, method: str) -> ModuleType:
        return plain_driver("stepping")

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        (count, n), options, stops = batch.initial.shape, task.options, task.facts["start"] is not None
        wider, filled = batch, run
        if stops:
            wider = batch._replace(initial=np.concatenate([batch.initial, np.zeros((count, 2))], axis=1))
            filled = run._replace(values=np.empty((*run.values.shape[:2], n + 2)))
        sizes = SteppingSizes(wider.initial.shape[1], batch.parameters.shape[1], task.facts["noises"], 0, task.lanes)
        arguments = SteppingArguments(
            task.addresses[0], sizes, wider, options.seed, options.step, options.fine, filled, task.signals
        )
        self.driver(task.method).chunk(arguments)
        run.evaluations[:] = run.steps
        if stops:
            run.values[:] = filled.values[:, :, :n]
            ended, moment = filled.values[:, -1, n:].T
            run.passage[:] = np.where(ended == 1.0, moment, np.inf)
            run.passage[holds_at_start(batch, task.facts)] = batch.times[0]

    def on_device(self, scheme: Any) -> bool:
        return True

    def device(self, system: System, scheme: Any, made: Made) -> Device:
        return stepping_device(system, made.programs[0], noises=made.facts["noises"], with_dz=False)

    def device_batch(self, batch: Batch, facts: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        return batch.parameters, -holds_at_start(batch, facts).astype(np.int64)


DIFFUSION = DiffusionFamily()
