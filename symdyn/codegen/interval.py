r"""Bounds of values while some of their inputs run over intervals, as further operations of the same program.

ValueRange arithmetic: for every value that depends on a ranging input, a lower and an upper bound are built from those of
its operands; the bounds hold for every point of the intervals, up to rounding.  Sums, products and quotients are rounded as
the value itself is, so that its integer parts and comparisons fall on the same side.  A quotient whose divisor may vanish
has the bounds -oo and oo; of bounds that are not numbers, a comparison may hold and may not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from symdyn.codegen.lower import Lowering
from symdyn.codegen.program import CALLS, COMPARISONS
from symdyn.errors import CompileError

__all__ = ["IntervalBounds", "ValueRange"]

INCREASING = ("sqrt", "floor", "ceil", "exp", "log", "asin", "atan", "sinh", "tanh", "asinh", "acosh", "atanh", "erf")
DECREASING = ("acos", "erfc")
OPPOSITE = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt"}


class ValueRange(NamedTuple):
    """Numbers of the values that bound a value; of a comparison: whether it must hold, and whether it may."""

    low: int
    high: int


class IntervalBounds:
    """Builds bounds of the values of a lowering.

    Parameters
    ----------
    lowering : Lowering
    ranges : mapping of int to ValueRange
        For values (inputs, say) their bounds.
    """

    def __init__(self, lowering: Lowering, ranges: Mapping[int, ValueRange]) -> None:
        self.lowering = lowering
        self._known = dict(ranges)

    def of(self, k: int) -> ValueRange:
        """Bounds of value `k`.

        Raises
        ------
        CompileError
            Naming the function for which there is no rule.
        """
        if k not in self._known:
            operation = self.lowering.operations[k]
            parts = () if operation.op == "input" else operation.args
            bounds = [self.of(a) for a in parts]
            if all(b == ValueRange(a, a) for a, b in zip(parts, bounds, strict=True)):
                self._known[k] = ValueRange(k, k)
            else:
                self._known[k] = self._rule(operation.op, parts, bounds)
        return self._known[k]

    # ---- shorthands ----------------------------------------------------------------------------

    def _op(self, op: str, *args: int) -> int:
        return self.lowering.op(op, *args)

    def _number(self, value: float) -> int:
        return self.lowering.constant(value)

    def _hull(self, *values: int) -> ValueRange:
        low = high = values[0]
        for v in values[1:]:
            low, high = self._op("fmin", low, v), self._op("fmax", high, v)
        return ValueRange(low, high)

    def _choose(self, condition: int, yes: ValueRange, no: ValueRange) -> ValueRange:
        return ValueRange(*(self._op("select", condition, a, b) for a, b in zip(yes, no, strict=True)))

    # ---- rules ---------------------------------------------------------------------------------

    def _rule(self, op: str, args: tuple[int, ...], x: list[ValueRange]) -> ValueRange:
        if op == "ne" and args[0] == args[1]:  # whether it is not a number
            return ValueRange(*(self._op("ne", end, end) for end in x[0]))
        if op in COMPARISONS:
            return self._truth(op, x)
        if op in ("add", "fmin", "fmax"):
            return ValueRange(self._op(op, x[0].low, x[1].low), self._op(op, x[0].high, x[1].high))
        if op == "sub":
            return ValueRange(self._op("sub", x[0].low, x[1].high), self._op("sub", x[0].high, x[1].low))
        if op == "neg":
            return ValueRange(self._op("neg", x[0].high), self._op("neg", x[0].low))
        if op == "mul":
            return self._square(x[0]) if args[0] == args[1] else self._product(*x)
        if op == "div":
            return self._quotient(*x)
        if op in INCREASING:
            return ValueRange(self._op(op, x[0].low), self._op(op, x[0].high))
        if op in DECREASING:
            return ValueRange(self._op(op, x[0].high), self._op(op, x[0].low))
        if op == "fabs":
            return self._even("fabs", x[0])
        if op == "cosh":
            return self._even("cosh", x[0])
        if op in ("sin", "cos"):
            return self._wave(op, x[0])
        if op == "tan":
            return self._tangent(x[0])
        if op == "pow":
            corners = [self._op("pow", a, b) for a in x[0] for b in x[1]]
            return self._choose(self._op("ge", x[0].low, self._number(0)), self._hull(*corners), self._anything())
        if op == "select":
            return self._selected(*x)
        unknown = sorted(set(CALLS) - {*INCREASING, *DECREASING, "fabs", "cosh", "sin", "cos", "tan", "pow", "fmin", "fmax"})
        raise CompileError(
            f"a rate has {op} of something that varies in time, of which no bound is known (nor of {', '.join(unknown)}); "
            "write it by other functions, or as a piecewise constant"
        )

    def _anything(self) -> ValueRange:
        return ValueRange(self._number(-math.inf), self._number(math.inf))

    def _product(self, a: ValueRange, b: ValueRange) -> ValueRange:
        if a.low == a.high:  # one factor is a point: two products
            return self._hull(self._op("mul", a.low, b.low), self._op("mul", a.low, b.high))
        if b.low == b.high:
            return self._hull(self._op("mul", a.low, b.low), self._op("mul", a.high, b.low))
        return self._hull(*(self._op("mul", p, q) for p in a for q in b))

    def _square(self, a: ValueRange) -> ValueRange:
        return self._even_of(a, self._op("mul", a.low, a.low), self._op("mul", a.high, a.high), 0.0)

    def _even(self, op: str, a: ValueRange) -> ValueRange:
        return self._even_of(a, self._op(op, a.low), self._op(op, a.high), 1.0 if op == "cosh" else 0.0)

    def _even_of(self, a: ValueRange, at_low: int, at_high: int, least: float) -> ValueRange:
        zero = self._number(0)
        around = self._op("and", self._op("le", a.low, zero), self._op("ge", a.high, zero))
        ends = self._hull(at_low, at_high)
        return ValueRange(self._op("select", around, self._number(least), ends.low), ends.high)

    def _quotient(self, a: ValueRange, b: ValueRange) -> ValueRange:
        zero = self._number(0)
        ends = self._hull(*(self._op("div", p, q) for p in dict.fromkeys(a) for q in dict.fromkeys(b)))
        apart = self._op("or", self._op("gt", b.low, zero), self._op("lt", b.high, zero))
        return ends if b.low == b.high else self._choose(apart, ends, self._anything())

    def _turns(self, a: ValueRange, offset: float, period: float) -> int:
        """Whether ``offset + k period`` lies inside the interval for some integer k; its ends are not considered."""
        places = [self._op("floor", self._op("div", self._op("sub", v, self._number(offset)), self._number(period))) for v in a]
        return self._op("gt", places[1], places[0])

    def _wave(self, op: str, a: ValueRange) -> ValueRange:
        top = math.pi / 2 if op == "sin" else 0.0
        ends = self._hull(self._op(op, a.low), self._op(op, a.high))
        low = self._op("select", self._turns(a, top + math.pi, 2 * math.pi), self._number(-1), ends.low)
        return ValueRange(low, self._op("select", self._turns(a, top, 2 * math.pi), self._number(1), ends.high))

    def _tangent(self, a: ValueRange) -> ValueRange:
        ends = ValueRange(self._op("tan", a.low), self._op("tan", a.high))
        return self._choose(self._turns(a, math.pi / 2, math.pi), self._anything(), ends)

    def _truth(self, op: str, x: list[ValueRange]) -> ValueRange:
        if op == "not":
            return ValueRange(self._op("not", x[0].high), self._op("not", x[0].low))
        if op in ("and", "or"):
            return ValueRange(self._op(op, x[0].low, x[1].low), self._op(op, x[0].high, x[1].high))
        a, b = x
        if op in ("lt", "le"):
            return ValueRange(self._op(op, a.high, b.low), self._unless(op, a.low, b.high))
        if op in ("gt", "ge"):
            return ValueRange(self._op(op, a.low, b.high), self._unless(op, a.high, b.low))
        meet = self._op("and", self._unless("le", a.low, b.high), self._unless("ge", a.high, b.low))
        points = [self._op("eq", a.low, a.high), self._op("eq", b.low, b.high), self._op("eq", a.low, b.low)]
        equal = self._op("and", self._op("and", points[0], points[1]), points[2])
        return ValueRange(equal, meet) if op == "eq" else ValueRange(self._op("not", meet), self._op("not", equal))

    def _unless(self, op: str, a: int, b: int) -> int:
        """Whether a comparison holds, or one of the two is not a number."""
        return self._op("not", self._op(OPPOSITE[op], a, b))

    def _selected(self, condition: ValueRange, yes: ValueRange, no: ValueRange) -> ValueRange:
        both = ValueRange(self._op("fmin", yes.low, no.low), self._op("fmax", yes.high, no.high))
        return self._choose(condition.low, yes, self._choose(condition.high, both, no))
