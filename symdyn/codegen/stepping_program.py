"""One step of a fixed-step scheme as a straight-line program, laid out for `symdyn_kernels.drivers.stepping`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import sympy as sp

from symdyn.codegen.delay_program import Lagged
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

#: What of a sum of parameters counts as zero, relative to its terms.
ROUNDING = 1e-14


def step_program(
    system: System,
    scheme: FixedStepScheme | ExplicitRungeKutta,
    until: sp.Basic | None = None,
    conditions: Sequence[sp.Basic | None] = (),
    lagged: Lagged | None = None,
) -> Program:
    """The program ``step`` from lane rows, states and parameters to the new states.

    The rows are t, h, sqrt(h), dW of each noise and, only if the scheme needs them, dZ and dY of each.  With a condition that
    ends trajectories two more states record whether it was true, and when.  After the states come the margins of the conditions
    of events at the end of the step, or -1 for those that change at known times alone, which are None.

    What is looked up in the past follows the parameters: its values at the end of the step, then those at its beginning.

    Raises
    ------
    CompileError
        If the scheme does not apply to the system, with the reason; if the system has unknown terms.
    """
    reason = scheme.applies(system)
    if reason is not None:
        raise CompileError(f"the method {scheme.name!r} cannot be used here: {reason}")
    symbols = StepSymbols.fresh(system, system.noises, scheme.integrals)
    lane = (system.time, symbols.h, symbols.sqrt_h, *symbols.dW, *symbols.dZ, *symbols.dY)
    states = system.states if until is None else (*system.states, *ENDED)
    begun = () if lagged is None else tuple(sp.Symbol(f"{s} at first") for s in lagged.symbols)
    ended = () if lagged is None else lagged.symbols
    build = Lowering([("lane", lane), ("y", states), ("p", (*system.parameters, *ended, *begun))])
    if lagged is not None:
        for v, state, first in zip(lagged.values, lagged.states, begun, strict=True):
            past = sp.Function(state.name)
            build.bind(past(v.time), build.value(first))
            build.bind(past(v.time.xreplace({system.time: system.time + symbols.h})), build.value(v.value))
    between = None
    if isinstance(scheme, ExplicitRungeKutta):
        new, between = _stages(build, system, scheme, symbols)
    else:
        new = [build.value(e) for e in scheme.step(system, symbols)]
    crossed = _crossed(build, system, symbols, new) if isinstance(scheme, StochasticScheme) else None
    labels = [f"next {s}" for s in system.names]
    if until is not None:
        where = "end" if isinstance(scheme, MapScheme) else "diffusion" if system.noises else "within"
        new = stopped(build, system, until, symbols, new, where=where, between=between)
        labels += ["whether it ended", "when"]
    if conditions:
        new = [*new, *margins_after(build, system, conditions, symbols, new[: len(system.states)], strict=strictly)]
        labels += [f"margin of event {k}" for k in range(len(conditions))]
    if crossed is not None:
        first = len(system.states) + (0 if until is None else len(ENDED))
        met = [] if until is None else [build.op("gt", new[len(system.states)], build.constant(0))]
        met += [_begins(build, c, margin) for c, margin in zip(conditions, new[first:], strict=True) if c is not None]
        for condition in met:
            crossed = build.op("and", crossed, build.op("not", condition))
        new = [build.op("select", crossed, build.constant(math.nan), new[0]), *new[1:]]
    return build.program("step", new, labels)


def _crossed(build: Lowering, system: System, symbols: StepSymbols, new: Sequence[int]) -> int | None:
    """Whether a step crosses a pole of the rates, which no path does; None without poles.

    A condition that ends the trajectory or changes it and is met in the same step takes precedence: the pole lies beyond it.
    """
    found = poles(system)
    if not found:
        return None
    after = {s: sp.Symbol(f"{s}' beyond the pole") for s in system.states}
    for symbol, value in zip(after.values(), new, strict=True):
        build.bind(symbol, value)
    later, zero, crossed = {**after, system.time: system.time + symbols.h}, build.constant(0), None
    for pole, strengths in found.items():
        here, there = build.value(pole), build.value(pole.xreplace(later))
        sides = [build.op("and", build.op(op, here, zero), build.op(op, there, zero)) for op in ("gt", "lt")]
        across = build.op("not", build.op("or", *sides))
        if not any(s.is_number for s in strengths):  # parameters may take it away, up to rounding
            size = sp.Add(*(sp.Abs(part) for s in strengths for part in sp.Add.make_args(s)))
            total = sp.Add(*(sp.Abs(s) for s in strengths))
            across = build.op("and", across, build.op("gt", build.value(total), build.value(ROUNDING * size)))
        crossed = across if crossed is None else build.op("or", crossed, across)
    return crossed


def _begins(build: Lowering, condition: sp.Basic, margin: int) -> int:
    """Whether a condition is met in a step, at whose end it has a margin."""
    return build.op("and", build.op("ge", margin, build.constant(0)), build.op("not", build.condition(condition)))


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
