"""One step of a fixed-step scheme as a straight-line program, laid out for `symdyn_kernels.drivers.stepping`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from symdyn.codegen.event_program import strictly
from symdyn.codegen.lower import Lowering
from symdyn.codegen.program import Program
from symdyn.codegen.stopping import ENDED, margins_after, stopped
from symdyn.derive.poles import poles
from symdyn.errors import CompileError
from symdyn.methods.runge_kutta import ExplicitRungeKutta
from symdyn.methods.stochastic import FixedStepScheme, MapScheme, StepSymbols, StochasticScheme
from symdyn.system import System

__all__ = ["step_program"]


def step_program(
    system: System,
    scheme: FixedStepScheme | ExplicitRungeKutta,
    until: sp.Basic | None = None,
    conditions: Sequence[sp.Basic | None] = (),
) -> Program:
    """The program ``step`` from lane rows, states and parameters to the new states.

    The rows are t, h, sqrt(h), dW of each noise and, only if the scheme needs them, dZ of each.  With a condition that ends
    trajectories two more states record whether it was true, and when.  After the states come the margins of the conditions of
    events at the end of the step, or -1 for those that change at known times alone, which are None.

    Raises
    ------
    CompileError
        If the scheme does not apply to the system, with the reason; if the system has unknown terms.
    """
    reason = scheme.applies(system)
    if reason is not None:
        raise CompileError(f"the method {scheme.name!r} cannot be used here: {reason}")
    symbols = StepSymbols.fresh(system, system.noises, scheme.needs_dz)
    lane = (system.time, symbols.h, symbols.sqrt_h, *symbols.dW, *symbols.dZ)
    states = system.states if until is None else (*system.states, *ENDED)
    build = Lowering([("lane", lane), ("y", states), ("p", system.parameters)])
    between = None
    if isinstance(scheme, ExplicitRungeKutta):
        new, between = _stages(build, system, scheme, symbols)
    else:
        steps = scheme.step(system, symbols)
        new = [build.value(e) for e in (_guarded(system, steps) if isinstance(scheme, StochasticScheme) else steps)]
    labels = [f"next {s}" for s in system.names]
    if until is not None:
        where = "end" if isinstance(scheme, MapScheme) else "diffusion" if system.noises else "within"
        new = stopped(build, system, until, symbols, new, where=where, between=between)
        labels += ["whether it ended", "when"]
    if conditions:
        new = [*new, *margins_after(build, system, conditions, symbols, new[: len(system.states)], strict=strictly)]
        labels += [f"margin of event {k}" for k in range(len(conditions))]
    return build.program("step", new, labels)


def _guarded(system: System, steps: Sequence[sp.Expr]) -> tuple[sp.Expr, ...]:
    """New states of a step; not a number where it crosses a pole of the rates, which no path does."""
    after = dict(zip(system.states, steps, strict=True))
    first, *others = steps
    for pole in poles(system):
        first = sp.Piecewise((first, pole * pole.xreplace(after) > 0), (sp.nan, True))
    return first, *others


def _stages(
    build: Lowering, system: System, method: ExplicitRungeKutta, symbols: StepSymbols
) -> tuple[list[int], Callable[[int], list[int]]]:
    """The new states of a step of a tableau, and those at a part of it."""
    drift, h, time = system.part("drift"), build.value(symbols.h), build.value(system.time)
    slopes = [[build.value(f) for f in drift]]
    for j, row in enumerate(method.a, start=1):
        there = []
        for i, s in enumerate(system.states):
            total = None
            for c, k in zip(row, slopes, strict=False):
                if c != 0:
                    term = k[i] if c == 1 else build.op("mul", k[i], build.constant(c))
                    total = term if total is None else build.op("add", total, term)
            there.append(build.op("add", build.value(s), build.op("mul", h, total or build.constant(0))))
        stage = {s: sp.Symbol(f"{s}' of stage {j + 1}") for s in (*system.states, system.time)}
        for symbol, value in zip(stage.values(), there, strict=False):
            build.bind(symbol, value)
        build.bind(stage[system.time], build.op("add", time, build.op("mul", h, build.constant(method.nodes[j]))))
        slopes.append([])
        if j < method.stages:
            slopes[j] = [build.value(f.xreplace(stage)) for f in drift]

    def between(theta: int) -> list[int]:
        if not slopes[-1]:  # only the interpolant needs that at the end
            slopes[-1] = [build.value(f.xreplace(stage)) for f in drift]
        factors = [build.op("mul", h, _polynomial(build, row, theta)) for row in method.dense]
        found = []
        for i, s in enumerate(system.states):
            total = build.value(s)
            for factor, k in zip(factors, slopes, strict=True):
                total = build.op("add", total, build.op("mul", factor, k[i]))
            found.append(total)
        return found

    return there, between


def _polynomial(build: Lowering, coefficients: Sequence[float], theta: int) -> int:
    """The value of c1 theta + c2 theta^2 + ..."""
    total = build.constant(0)
    for c in reversed(coefficients):
        total = build.op("mul", theta, build.op("add", build.constant(c), total))
    return total
