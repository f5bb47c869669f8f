"""Reaction networks as diffusion processes, in fixed steps: the chemical Langevin equation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.parts import Batch, Run
from symdyn_kernels.status import NEGATIVE

from symdyn.codegen.event_program import event_facts, event_programs, sampled_conditions, strictly
from symdyn.codegen.families._start import start_fact
from symdyn.codegen.families.stepping import SteppingFamily
from symdyn.codegen.families.task import Launch, Options
from symdyn.codegen.input_paths import written_out
from symdyn.codegen.lower import Lowering
from symdyn.codegen.program import Made
from symdyn.codegen.stopping import ENDED, margins_after, stopped
from symdyn.methods.leaping import DiffusionScheme
from symdyn.methods.stochastic import StepSymbols

__all__ = ["DIFFUSION"]


class DiffusionFamily(SteppingFamily):
    """A step of the model is one function, as for stochastic differential equations; extents are limited to what there is."""

    schemes = (DiffusionScheme,)
    options = ("step", "brownian_step")
    stops = "in the beginning and after every step: first_passage is late, as crossings back and forth within steps are missed"
    start = "nonnegative"
    always_random = True

    def facts(self, scheme: Any, options: Options) -> Mapping[str, Any]:
        return {
            "accuracy": "diffusion approximation, for large numbers of molecules; weak order 1 in step",
            "order": 1,
            "positivity": "negative propensities count as 0, and extents that would take more than there is are limited",
        }

    def programs(self, system: Any, scheme: Any, *, until: sp.Basic | None = None) -> Made:
        eventful = bool(system.events or system.inputs)
        system, found = written_out(system, *(() if until is None else (until,)))
        until = found[0] if found else None
        count = scheme.noises(system)
        symbols = StepSymbols.fresh(system, count, 0)
        lane = (system.time, symbols.h, symbols.sqrt_h, *symbols.dW)
        states = system.states if until is None else (*system.states, *ENDED)
        blocks: list[tuple[str, tuple[sp.Symbol, ...]]] = [("lane", lane), ("y", states), ("p", system.parameters)]
        build = Lowering(blocks)
        new = _limited(build, system.states, scheme.extents(system, symbols))
        labels = [f"next {s}" for s in system.names]
        if until is not None:
            new = stopped(build, system, until, symbols, new, where="end")
            labels += ["whether it ended", "when"]
        facts = {"noises": count, "integrals": 0, **start_fact(system, until)}
        if not eventful:
            return Made((build.program("step", new, labels),), facts)
        conditions, n = sampled_conditions(system), len(system.states)
        new = [*_undefined_below_zero(build, system.states, new[:n]), *new[n:]]  # where an event left it
        new = [*new, *margins_after(build, system, conditions, symbols, new[:n], strict=strictly)]
        step = build.program("step", new, [*labels, *(f"margin of event {k}" for k in range(len(conditions)))])
        programs = (step, *(event_programs(system) if system.events else ()))
        return Made(programs, {**facts, "events": event_facts(system)})

    def launch(self, run: Run, batch: Batch, task: Launch) -> None:
        super().launch(run, batch, task)
        if task.system.events:
            for row in np.flatnonzero((run.values < 0).any(axis=(1, 2))):
                first = int((run.values[row] < 0).any(axis=1).argmax())
                run.values[row, first:], run.status[row] = np.nan, NEGATIVE


def _undefined_below_zero(build: Lowering, states: Sequence[sp.Symbol], new: Sequence[int]) -> list[int]:
    """The states after a step, not a number where one was negative before."""
    zero, nothing = build.constant(0), build.constant(math.nan)
    wrong = reduce(lambda a, b: build.op("or", a, b), [build.op("lt", build.value(s), zero) for s in states])
    return [build.op("select", wrong, nothing, value) for value in new]


def _limited(
    build: Lowering, states: Sequence[sp.Symbol], extents: Sequence[tuple[Mapping[sp.Symbol, sp.Expr], sp.Expr]]
) -> list[int]:
    """The states after the extents, each divided by the greatest excess of what is taken over what is there.

    Choices, not maxima: they keep what is not a number, so that a blow-up shows.
    """
    zero, one = build.constant(0), build.constant(1)
    sizes = [build.value(extent) for _, extent in extents]

    def part(d: sp.Expr, size: int) -> int:
        return size if d == 1 else build.op("neg", size) if d == -1 else build.op("mul", build.value(d), size)

    own = {s: [(k, change[s]) for k, (change, _) in enumerate(extents) if change.get(s, 0) != 0] for s in states}
    excess = [one] * len(extents)
    for s, parts in own.items():
        n, taken, losing = build.value(s), zero, []
        for k, d in parts:
            loss = part(d, sizes[k])
            losing.append((k, build.op("lt", loss, zero)))
            taken = build.op("sub", taken, build.op("select", losing[-1][1], loss, zero))
        over = build.op("select", build.op("gt", taken, n), build.op("div", taken, n), one)
        for k, is_loss in losing:
            excess[k] = build.op("select", build.op("and", is_loss, build.op("gt", over, excess[k])), over, excess[k])
    limited = [size if over == one else build.op("div", size, over) for size, over in zip(sizes, excess, strict=True)]
    new = []
    for s, parts in own.items():
        value = reduce(lambda a, b: build.op("add", a, b), [part(d, limited[k]) for k, d in parts], build.value(s))
        new.append(build.op("select", build.op("lt", value, zero), zero, value))  # a rounding below 0
    return new


DIFFUSION = DiffusionFamily()
