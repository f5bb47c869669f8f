"""Reaction networks as diffusion processes, in fixed steps: the chemical Langevin equation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
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
        count = scheme.noises(system)
        symbols = StepSymbols.fresh(system, count, False)
        lane = (system.time, symbols.h, symbols.sqrt_h, *symbols.dW)
        states = system.states if until is None else (*system.states, *ENDED)
        blocks: list[tuple[str, tuple[sp.Symbol, ...]]] = [("lane", lane), ("y", states), ("p", system.parameters)]
        build = Lowering(blocks)
        new = _limited(build, system.states, scheme.extents(system, symbols))
        labels = [f"next {s}" for s in system.names]
        if until is not None:
            new = stopped(build, system, until, symbols, new, where="end")
            labels += ["whether it ended", "when"]
        return Made((build.program("step", new, labels),), {"noises": count, "with_dz": 0, **start_fact(system, until)})


def _limited(
    build: Lowering, states: Sequence[sp.Symbol], extents: Sequence[tuple[Mapping[sp.Symbol, sp.Expr], sp.Expr]]
) -> list[int]:
    """The states after the extents, each multiplied by the least share of what it takes that is there.

    Choices, not minima: they keep what is not a number, so that a blow-up shows.
    """
    zero, one = build.constant(0), build.constant(1)
    sizes = [build.value(extent) for _, extent in extents]
    own: dict[sp.Symbol, list[tuple[int, int]]] = {s: [] for s in states}
    for k, (change, _) in enumerate(extents):
        for s, d in change.items():
            if d != 0:
                own[s].append((k, sizes[k] if d == 1 else build.op("mul", build.value(d), sizes[k])))
    least = [one] * len(extents)
    for s, parts in own.items():
        n = build.value(s)
        losing = [(k, build.op("lt", part, zero), part) for k, part in parts]
        if not losing:
            continue
        taken = reduce(
            lambda a, b: build.op("sub", a, b), [build.op("select", is_loss, part, zero) for _, is_loss, part in losing], zero
        )
        share = build.op("select", build.op("gt", taken, n), build.op("div", n, taken), one)
        for k, is_loss, _ in losing:
            less = build.op("and", is_loss, build.op("lt", share, least[k]))
            least[k] = build.op("select", less, share, least[k])
    new = []
    for s, parts in own.items():
        value = reduce(
            lambda a, b: build.op("add", a, b), [build.op("mul", part, least[k]) for k, part in parts], build.value(s)
        )
        new.append(build.op("select", build.op("lt", value, zero), zero, value))  # a rounding below 0
    return new


DIFFUSION = DiffusionFamily()
