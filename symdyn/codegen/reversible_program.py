"""One step of a reversible method as a straight-line program, laid out for `symdyn_kernels.drivers.stepping`."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdyn.codegen.lower import Lowering
from symdyn.codegen.program import Program
from symdyn.codegen.stopping import ENDED, stopped
from symdyn.errors import CompileError
from symdyn.methods.reversible import ReversibleMethod
from symdyn.methods.stochastic import StepSymbols
from symdyn.system import System

__all__ = ["doubled", "reversible_program"]


def doubled(system: System) -> System:
    """The system with the second solution as further states, of the same rates.

    >>> import symdyn as sd
    >>> print(doubled(sd.ODESystem.from_text("x' = -x")))
    x' = -x
    _x' = -_x
    """
    twins = {s: sp.Dummy(s.name) for s in system.states}
    rows = [*system.part("drift"), *(f.xreplace(twins) for f in system.part("drift"))]
    return system.replace(states=(*system.states, *twins.values()), drift=tuple(rows), initial={})


def reversible_program(system: System, twice: System, method: ReversibleMethod, until: sp.Basic | None = None) -> Program:
    """The program ``step`` from lane rows, both solutions and parameters to the new ones.

    Raises
    ------
    CompileError
        If the method does not apply to the system.
    """
    if reason := method.applies(system):
        raise CompileError(f"the method {method.name!r} cannot be used here: {reason}")
    symbols = StepSymbols.fresh(twice, 0, 0)
    n, h, time = len(system.states), symbols.h, system.time
    states = twice.states if until is None else (*twice.states, *ENDED)
    build = Lowering([("lane", (time, h, symbols.sqrt_h)), ("y", states), ("p", system.parameters)])
    y, z = ([build.value(s) for s in part] for part in (twice.states[:n], twice.states[n:]))
    length, now = build.value(h), build.value(time)
    after = build.op("add", now, length)

    def slopes(at: Sequence[int], when: int, name: str) -> list[int]:
        stage = {s: sp.Dummy(f"{s} {name}") for s in (*system.states, time)}
        for symbol, value in zip(stage.values(), (*at, when), strict=True):
            build.bind(symbol, value)
        return [build.value(f.xreplace(stage)) for f in system.part("drift")]

    def increment(x: Sequence[int], begin: int, step: int, name: str) -> list[int]:
        k = [slopes(x, begin, f"{name}1")]
        for j, row in enumerate(method.a, start=2):
            moved = []
            for i in range(n):
                total = None
                for c, slope in zip(row, k, strict=False):
                    if c != 0:
                        part = build.op("mul", slope[i], build.constant(c))
                        total = part if total is None else build.op("add", total, part)
                moved.append(build.op("mul", step, build.constant(0) if total is None else total))
            if j > len(method.a):
                return moved
            node = build.op("add", begin, build.op("mul", step, build.constant(sum(row))))
            k.append(slopes([build.op("add", a, b) for a, b in zip(x, moved, strict=True)], node, f"{name}{j}"))
        raise AssertionError("the last row is the solution")

    if not method.a:
        here = slopes(z, now, "first")
        two = [build.op("mul", build.constant(2), a) for a in y]
        other = [
            build.op("add", build.op("sub", a, b), build.op("mul", length, f)) for a, b, f in zip(two, z, here, strict=True)
        ]
        there = slopes(other, after, "second")
        half = build.op("mul", build.constant(0.5), length)
        mine = [
            build.op("add", a, build.op("mul", half, build.op("add", f, g))) for a, f, g in zip(y, here, there, strict=True)
        ]
    else:
        ahead = increment(z, now, length, "ahead")
        mine = []
        for a, b, d in zip(y, z, ahead, strict=True):
            kept = build.op("mul", build.constant(method.coupling), a)
            drawn = build.op("mul", build.constant(1 - method.coupling), b)
            mine.append(build.op("add", build.op("add", kept, drawn), d))
        back = increment(mine, after, build.op("neg", length), "back")
        other = [build.op("sub", b, d) for b, d in zip(z, back, strict=True)]
    new = [*mine, *other]
    labels = [f"next {s}" for s in twice.names]
    if until is not None:
        first, last = slopes(y, now, "begin"), slopes(mine, after, "end")

        def between(theta: int) -> list[int]:
            """The cubic through values and slopes at both ends; the other solution is as far from it as at the end."""
            weights = [_polynomial(build, c, theta) for c in ((1, 0, -3, 2), (0, 1, -2, 1), (0, 0, 3, -2), (0, 0, -1, 1))]
            found = []
            for columns in zip(y, first, mine, last, strict=True):
                total = build.constant(0)
                for k, (weight, value) in enumerate(zip(weights, columns, strict=True)):
                    part = build.op("mul", weight, build.op("mul", length, value) if k % 2 else value)
                    total = build.op("add", total, part)
                found.append(total)
            apart = [build.op("sub", b, a) for a, b in zip(mine, other, strict=True)]
            return [*found, *(build.op("add", a, d) for a, d in zip(found, apart, strict=True))]

        new = stopped(build, twice, until, symbols, new, where="within", between=between)
        labels += ["whether it ended", "when"]
    return build.program("step", new, labels)


def _polynomial(build: Lowering, coefficients: Sequence[float], theta: int) -> int:
    """The value of c0 + c1 theta + c2 theta^2 + ..."""
    total = build.constant(0)
    for c in reversed(coefficients):
        total = build.op("add", build.constant(c), build.op("mul", theta, total))
    return total
