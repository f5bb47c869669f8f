"""The leading error of one step against the tolerance, for `symdyn_kernels.drivers.stepping_tree`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import sympy as sp

from symdyn.codegen.lower import Lowering
from symdyn.codegen.program import Program
from symdyn.derive.leading_error import local_error
from symdyn.errors import DeclarationError
from symdyn.system import System

__all__ = ["bound_program"]


def bound_program(system: System, states: Sequence[sp.Symbol], strong_order: float) -> tuple[Program, list[int], str]:
    """The program ``bound``, twice the powers of its results, and why there are none, if the error could not be derived.

    From the rows t, rtol, atol and the states it gives for each power of the step the mean over the states of the squares of
    the leading error over ``(atol + rtol |x|)^2``; `states` may be more than the system has.
    """
    taken = {s.name for s in (*states, *system.parameters, system.time)}
    relative, absolute = (sp.Symbol(name + "_" * (name in taken)) for name in ("rtol", "atol"))
    build = Lowering([("lane", (system.time, relative, absolute)), ("y", tuple(states)), ("p", system.parameters)])
    reason = ""
    try:
        errors = local_error(system, strong_order)
    except DeclarationError as refused:
        errors, reason = (), str(refused)
    outputs, powers = [], []
    allowed = []
    for x in system.states:
        size = build.op("fabs", build.value(x))
        one = build.op("add", build.value(absolute), build.op("mul", build.value(relative), size))
        allowed.append(build.op("mul", one, one))
    for error in errors:
        parts = [build.op("div", build.value(e), a) for e, a in zip(error.squares, allowed, strict=True) if e != 0]
        total = reduce(lambda a, b: build.op("add", a, b), parts)
        outputs.append(build.op("mul", build.constant(1 / len(system.states)), total))
        powers.append(int(2 * error.power))
    if not outputs:
        outputs, powers = [build.constant(0)], [2]
    return build.program("bound", outputs, [f"squares of errors of order {q}/2" for q in powers]), powers, reason
