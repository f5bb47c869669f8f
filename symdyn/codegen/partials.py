"""Partial derivatives of single operations of a program, as further operations: rules of forward and reverse sweeps."""

from __future__ import annotations

import math
from collections.abc import Callable

from symdyn.codegen.lower import Lowering
from symdyn.codegen.program import COMPARISONS
from symdyn.errors import CompileError

__all__ = ["STEPS", "Partials"]

#: Values that do not change where they are differentiable.
STEPS = (*COMPARISONS, "const", "floor", "ceil")


class Partials:
    """Derivatives of operations by their operands, as values of the same program.

    Parameters
    ----------
    lowering : Lowering
    """

    def __init__(self, lowering: Lowering) -> None:
        self.lowering, self.one = lowering, lowering.constant(1)

    def _op(self, op: str, *args: int) -> int:
        return self.lowering.op(op, *args)

    def part(self, k: int, varies: Callable[[int], bool]) -> list[tuple[int, int]]:
        """Arguments of dense layers that vary, each with the derivative of an output by it: a row of the Jacobian."""
        _, (source,), place = self.lowering.operations[k]
        op, args, number = self.lowering.operations[source]
        if op != "dense":
            raise CompileError(
                "second derivatives of dense layers have no code; use a method without a Jacobian, such as 'dop853'"
            )
        layers, first = self.lowering.tables[int(number)], int(place) * len(args)
        return [(a, self.lowering.dense("slopes", layers, args, first + j)) for j, a in enumerate(args) if varies(a)]

    def power(self, k: int, a: int, b: int, *, exponent: bool) -> tuple[int, int]:
        """b a^b / a and, if the `exponent` varies, a^b log(a); what is not needed is not kept by the program.

        The power is there already, and another one, a^(b-1), would take longer than all else; at 0 it is 0, 1 or infinite.
        """
        constant, zero = self.lowering.constant, self.lowering.constant(0)
        below = self._op("select", self._op("lt", b, self.one), constant(math.inf), self.one)
        at_zero = self._op("select", self._op("gt", b, self.one), zero, below)
        less = self._op("select", self._op("eq", a, zero), at_zero, self._op("div", k, a))
        by_exponent = self._op("mul", k, self._op("log", a)) if exponent else k
        return self._op("mul", b, less), by_exponent

    def angle(self, y: int, x: int) -> tuple[int, int]:
        """x / (x^2 + y^2) and -y / (x^2 + y^2)."""
        square = self._op("add", self._op("mul", x, x), self._op("mul", y, y))
        return self._op("div", x, square), self._op("neg", self._op("div", y, square))

    def outer(self, op: str, value: int, x: int) -> int:
        """The derivative of a function of one argument; `value` is that of the function itself."""
        f, one = self._op, self.one
        square = f("mul", x, x) if op not in ("tan", "tanh") else f("mul", value, value)
        if op in ("sqrt", "log"):
            return f("div", self.lowering.constant(0.5), value) if op == "sqrt" else f("div", one, x)
        if op == "exp":
            return value
        if op == "fabs":
            return self.lowering.sign(x)
        if op in ("sin", "sinh", "cosh"):
            return f({"sin": "cos", "sinh": "cosh", "cosh": "sinh"}[op], x)
        if op == "cos":
            return f("neg", f("sin", x))
        if op in ("tan", "tanh"):
            return f("add" if op == "tan" else "sub", one, square)
        if op in ("atan", "atanh"):
            return f("div", one, f("add" if op == "atan" else "sub", one, square))
        if op in ("asin", "acos", "asinh", "acosh"):
            under = f("sub", square, one) if op == "acosh" else f("add" if op == "asinh" else "sub", one, square)
            slope = f("div", one, f("sqrt", under))
            return f("neg", slope) if op == "acos" else slope
        if op in ("erf", "erfc"):
            size = 2 / math.sqrt(math.pi)
            bell = f("exp", f("neg", square))
            return f("mul", self.lowering.constant(size if op == "erf" else -size), bell)
        raise CompileError(
            f"the Jacobian needs the derivative of {op}, for which there is no code; use a method without one, such as 'dop853'"
        )
