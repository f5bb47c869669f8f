r"""Conditions that end trajectories: their margin, and their part in a step of fixed length.

The margin of a condition is a number that is not negative where the condition is true, up to equality: that of
:math:`a > b` is :math:`a - b`, that of a conjunction the least and that of a disjunction the greatest of the margins of its
parts.

References
----------
Gobet & Menozzi, Stochastic Processes and their Applications 120 (2010) 130-162: the shift of the boundary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import sympy as sp

from symdyn.codegen.lower import Lowering
from symdyn.codegen.program import Program
from symdyn.declaration import derivative
from symdyn.methods.stochastic import StepSymbols
from symdyn.models.events import margin
from symdyn.system import System

__all__ = ["ENDED", "margin_program", "margins_after", "stopped"]

#: States that are added to those of a system: whether a trajectory has ended, and when.
ENDED = (sp.Symbol("ended'"), sp.Symbol("moment'"))
#: -zeta(1/2) / sqrt(2 pi): how far a random walk with normal steps of unit variance passes a distant boundary in the mean.
OVERSHOOT = 0.5825971579390106
#: Guesses of the part of a step at which a margin crosses zero, each about as many times nearer as the step is shorter.
GUESSES = 5


def margin_program(system: System, until: sp.Basic) -> Program:
    """The margin as a function of time, states and parameters.

    Examples
    --------
    >>> import symdyn as sd
    >>> x = sp.Symbol("x")
    >>> program = margin_program(sd.ODESystem({x: -x}), (x < 3) | (x > 5))
    >>> [o.op for o in program.operations]
    ['const', 'input', 'sub', 'const', 'sub', 'fmax']
    """
    build = Lowering([("lane", (system.time,)), ("y", system.states), ("p", system.parameters)])
    return build.program("margin", [build.value(margin(until))], ["margin"])


def stopped(
    build: Lowering,
    system: System,
    until: sp.Basic,
    symbols: StepSymbols,
    new: Sequence[int],
    *,
    where: str,
    between: Callable[[int], list[int]] | None = None,
) -> list[int]:
    """The states at the end of a step, whether a trajectory has ended, and when.

    Parameters
    ----------
    build : Lowering
        Its states are those of the system and `ENDED`.
    system : System
    until : Boolean
    symbols : StepSymbols
    new : sequence of int
        The states at the end of the step of a trajectory that goes on.
    where : {'end', 'within', 'diffusion'}
        Where a step ends a trajectory: at its end, if the condition is true there; within it, where the margin is zero; at its
        end, if the condition is true of a boundary moved towards the trajectory by the mean overshoot of its random steps, so
        that the mean time of passage is right to the order of the step.
    between : callable, optional
        From the number of a part of the step to those of the states there, to which 'within' looks; by default the margin and
        the states change linearly.
    """
    ended, moment = map(build.value, ENDED)
    zero, h = build.constant(0), build.value(symbols.h)
    over, now = build.op("gt", ended, zero), build.condition(until)
    before = build.op("or", over, now)
    after = {s: sp.Symbol(f"next {s}'") for s in system.states}
    for symbol, value in zip(after.values(), new, strict=True):
        build.bind(symbol, value)
    later = {**after, system.time: system.time + symbols.h}
    then = until.xreplace(later)
    states, length = list(new), h
    if where == "end":
        holds = build.condition(then)
    elif where == "diffusion":
        holds = build.op("ge", build.value(margin(then, _moved(system, symbols, after, later))), zero)
    else:
        low, high = build.value(margin(until)), build.value(margin(then))
        holds = build.op("ge", high, zero)
        part = _crossing(build, system, until, symbols, low, high, between)
        part = build.op("select", build.op("lt", low, zero), part, zero)
        length = build.op("select", holds, build.op("mul", part, h), h)
        if between is None:
            starts = [build.value(s) for s in system.states]
            there = [build.op("add", y, build.op("mul", part, build.op("sub", z, y))) for y, z in zip(starts, new, strict=True)]
        else:
            there = between(part)
        states = [build.op("select", holds, y, z) for y, z in zip(there, new, strict=True)]
    undefined = build.undefined([then], new)
    if undefined is not None:
        states = [build.op("select", undefined, build.constant(math.nan), value) for value in states]
    states = [build.op("select", before, build.value(s), value) for s, value in zip(system.states, states, strict=True)]
    time = build.value(system.time)
    first = build.op("select", now, time, build.op("add", time, length))
    flag = build.op("select", build.op("or", before, holds), build.constant(1), zero)
    return [*states, flag, build.op("select", over, moment, first)]


def _moved(
    system: System, symbols: StepSymbols, after: Mapping[sp.Symbol, sp.Symbol], later: Mapping[sp.Symbol, sp.Expr]
) -> Callable[[sp.Expr], sp.Expr]:
    """What adds to a margin after a step the mean overshoot of its random steps."""

    def moved(e: sp.Expr) -> sp.Expr:
        slope = sp.Matrix([[derivative(e, symbol) for symbol in after.values()]])
        noise = slope * sp.Matrix(system.part("diffusion")).xreplace(later)
        return e + OVERSHOOT * symbols.sqrt_h * sp.sqrt(sp.Add(*(g**2 for g in noise)))

    return moved


def margins_after(
    build: Lowering, system: System, conditions: Sequence[sp.Basic | None], symbols: StepSymbols, new: Sequence[int],
    *, strict: Callable[[sp.Expr], sp.Expr],
) -> list[int]:  # fmt: skip
    """The margins of conditions at the end of a step; -1 for None.

    Parameters
    ----------
    build : Lowering
    system : System
    conditions : sequence of Boolean or None
    symbols : StepSymbols
    new : sequence of int
        The states there.
    strict : callable
        As of `margin`.  With Wiener noise the boundary is moved as in `stopped`, and equality is of no account.
    """
    after = {s: sp.Symbol(f"{s}' after the step") for s in system.states}
    for symbol, value in zip(after.values(), new, strict=True):
        build.bind(symbol, value)
    later = {**after, system.time: system.time + symbols.h}
    sides = {"bound": _moved(system, symbols, after, later)} if system.diffusion is not None else {"strict": strict}
    return [build.constant(-1) if c is None else build.value(margin(c.xreplace(later), **sides)) for c in conditions]


def _crossing(
    build: Lowering, system: System, until: sp.Basic, symbols: StepSymbols, low: int, high: int,
    between: Callable[[int], list[int]] | None,
) -> int:  # fmt: skip
    """The part of a step at which the margin is zero, which is `low` at its beginning and `high` at its end.

    By the Illinois form of regula falsi (Dowell & Jarratt, BIT 11 (1971) 168-174): the end that stays twice counts half.
    """

    def guess(a: int, b: int, low: int, high: int) -> int:
        share = build.op("div", low, build.op("sub", low, high))
        return build.op("add", a, build.op("mul", share, build.op("sub", b, a)))

    a, b, half = build.constant(0), build.constant(1), build.constant(0.5)
    up = None
    for k in range(GUESSES if between is not None else 0):
        x = guess(a, b, low, high)
        at = {s: sp.Symbol(f"{s}' of guess {k + 1}") for s in (*system.states, system.time)}
        assert between is not None
        for symbol, value in zip(at.values(), between(x), strict=False):
            build.bind(symbol, value)
        build.bind(at[system.time], build.op("add", build.value(system.time), build.op("mul", x, build.value(symbols.h))))
        value = build.value(margin(until).xreplace(at))
        before, up = up, build.op("ge", value, build.constant(0))
        lighter, heavier = build.op("mul", half, low), build.op("mul", half, high)
        if before is not None:
            low = build.op("select", before, lighter, low)
            high = build.op("select", before, high, heavier)
        a, b = build.op("select", up, a, x), build.op("select", up, x, b)
        low, high = build.op("select", up, low, value), build.op("select", up, value, high)
    return guess(a, b, low, high)
