r"""Series in time of the values of a right-hand side, built as operations of two straight-line programs.

With time scaled by h, every value is a series ``u = u_0 + u_1 theta + ...`` whose coefficient of order k follows from lower
ones.  One program computes those of order 0, and one, in which k is an input, those of any higher order.  Products need

.. math:: [u, v] = \sum_{j=1}^{k-1} u_j v_{k-j},

which takes coefficients below k alone: these sums are inputs too, and loops make all of them first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symdyn.codegen.lower import Lowering

__all__ = ["CONSTANT", "GENERAL", "LANE", "LINEAR", "PARAMETER", "STATE", "Expansion", "SeriesValue"]

#: The blocks of a right-hand side.
LANE, STATE, PARAMETER = range(3)
#: Degrees of values in time; constant and linear ones need no sums.
CONSTANT, LINEAR, GENERAL = range(3)


@dataclass(eq=False)
class SeriesValue:
    """A value of the right-hand side as a series.

    Attributes
    ----------
    degree : int
        Constant, linear in time, or general.
    zero : int
        The number of its coefficient of order 0, in the program of that order.
    coefficient : int
        The number of its coefficient of order k, in the program of higher orders; -1 for constants.
    slope : int
        Of linear values, the number of the coefficient of order 1 in the program of order 0.
    base, factors :
        Another value that this one is, but for a constant term and these factors (numbers in the program of order 0;
        ``-1`` changes the sign): sums are made of that one.
    """

    degree: int
    zero: int
    coefficient: int = -1
    slope: int = -1
    base: SeriesValue | None = None
    factors: tuple[int, ...] = ()


class Expansion:
    """Builds the two programs from values; methods that make a value return it, others return a number in `higher`.

    Attributes
    ----------
    zeroth, higher : Lowering
        The programs of order 0 and of higher orders.
    states : list of SeriesValue
    rows : dict
        The values whose coefficients of all orders are kept, and the row of each.
    pairs : dict
        The pairs of rows whose sums are inputs, and the place of each.
    """

    def __init__(self, states: int) -> None:
        self.zeroth, self.higher = Lowering([]), Lowering([])
        self.rows: dict[SeriesValue, int] = {}
        self.states = [self._state(i) for i in range(states)]
        self.pairs: dict[tuple[int, int], int] = {}
        self._derivatives: dict[SeriesValue, SeriesValue] = {}
        self._twins: dict[tuple[str, SeriesValue], SeriesValue] = {}

    def _state(self, i: int) -> SeriesValue:
        value = SeriesValue(GENERAL, self.zeroth.op("input", STATE, i), self.input("now", i))
        self.rows[value] = i
        return value

    # ---- values in the two programs --------------------------------------------------------------

    def input(self, kind: str, which: Any = 0) -> int:
        """An input of the program of higher orders, by what it is; its place is found in the end."""
        return self.higher.op("input", kind, which)  # type: ignore[arg-type]

    def at_zero(self, number: int) -> int:
        """A value of order 0 in the program of higher orders."""
        operation = self.zeroth.operations[number]
        return self.higher.constant(operation.value) if operation.op == "const" else self.input("zero", number)

    def _row(self, value: SeriesValue) -> int:
        """The row in which the coefficients of a value are kept."""
        return self.rows.setdefault(value, len(self.rows))

    def _before(self, value: SeriesValue) -> int:
        """The coefficient of order k - 1."""
        return self.input("before", self._row(value))

    def literal(self, number: float) -> SeriesValue:
        """A number."""
        return SeriesValue(CONSTANT, self.zeroth.constant(number))

    def fill(self, value: SeriesValue, coefficient: int) -> SeriesValue:
        """Give a value, which its own coefficient may refer to, that coefficient."""
        value.coefficient = coefficient
        return value

    def over_order(self, number: int) -> int:
        """A number divided by k."""
        return self.higher.op("mul", number, self.input("1/k"))

    def inverse(self, value: SeriesValue) -> int:
        """One over the value of order 0, for higher orders."""
        return self.at_zero(self.zeroth.op("div", self.zeroth.constant(1), value.zero))

    # ---- sums ------------------------------------------------------------------------------------

    def inner(self, u: SeriesValue, v: SeriesValue) -> int:
        """``sum_{j=1}^{k-1} u_j v_{k-j}``; where v is linear in time, u has no coefficient of order 0."""
        if v.degree == LINEAR:
            return self.higher.op("mul", self.at_zero(v.slope), self._before(u))
        a, b = u.base or u, v.base or v
        pair = sorted((self._row(a), self._row(b)))
        number = self.input("sum", self.pairs.setdefault((pair[0], pair[1]), len(self.pairs)))
        for factor in (*u.factors, *v.factors):
            number = self.higher.op("neg", number) if factor < 0 else self.higher.op("mul", number, self.at_zero(factor))
        return number

    def full(self, u: SeriesValue, v: SeriesValue) -> int:
        """``sum_{j=1}^{k} u_j v_{k-j}``."""
        end = self.higher.op("mul", u.coefficient, self.at_zero(v.zero))
        if v.degree == CONSTANT:
            return end
        if u.degree == LINEAR:
            return self.higher.op("mul", self.at_zero(u.slope), self._before(v))
        return self.higher.op("add", self.inner(u, v), end)

    def derivative(self, u: SeriesValue) -> SeriesValue:
        """The series of ``k u_k``; that of a linear value is itself without the constant term."""
        if u not in self._derivatives:
            zero = self.zeroth.constant(0)
            if u.degree == LINEAR:
                made = SeriesValue(LINEAR, zero, u.coefficient, u.slope)
            else:
                made = SeriesValue(GENERAL, zero, self.higher.op("mul", u.coefficient, self.input("k")))
                if u.base is not None:
                    made.base, made.factors = self.derivative(u.base), u.factors
            self._derivatives[u] = made
        return self._derivatives[u]

    # ---- arithmetic ------------------------------------------------------------------------------

    def add(self, op: str, u: SeriesValue, v: SeriesValue) -> SeriesValue:
        """Sum or difference."""
        made = SeriesValue(max(u.degree, v.degree), self.zeroth.op(op, u.zero, v.zero))
        if made.degree == CONSTANT:
            return made
        if v.degree == CONSTANT:
            made.coefficient, made.slope = u.coefficient, u.slope
            made.base, made.factors = u.base or u, u.factors
        elif u.degree == CONSTANT:
            negated = self.negative(v) if op == "sub" else v
            made.coefficient, made.slope = negated.coefficient, negated.slope
            made.base, made.factors = negated.base or negated, negated.factors
        else:
            made.coefficient = self.higher.op(op, u.coefficient, v.coefficient)
            if made.degree == LINEAR:
                made.slope = self.zeroth.op(op, u.slope, v.slope)
        return made

    def negative(self, u: SeriesValue) -> SeriesValue:
        """The value with the other sign."""
        made = SeriesValue(u.degree, self.zeroth.op("neg", u.zero))
        if u.degree != CONSTANT:
            made.coefficient, made.base, made.factors = self.higher.op("neg", u.coefficient), u.base or u, (*u.factors, -1)
        if u.degree == LINEAR:
            made.slope = self.zeroth.op("neg", u.slope)
        return made

    def _scaled(self, u: SeriesValue, zero: int, factor: int) -> SeriesValue:
        """The product with a constant, given as a number in the program of order 0."""
        made = SeriesValue(u.degree, zero, self.higher.op("mul", u.coefficient, self.at_zero(factor)))
        made.base, made.factors = u.base or u, (*u.factors, factor)
        if u.degree == LINEAR:
            made.slope = self.zeroth.op("mul", u.slope, factor)
        return made

    def multiply(self, u: SeriesValue, v: SeriesValue) -> SeriesValue:
        """``w_k = u_0 v_k + u_k v_0 + [u, v]``."""
        zero = self.zeroth.op("mul", u.zero, v.zero)
        if u.degree == CONSTANT or v.degree == CONSTANT:
            u, v = (v, u) if u.degree == CONSTANT else (u, v)
            return SeriesValue(CONSTANT, zero) if u.degree == CONSTANT else self._scaled(u, zero, v.zero)
        u, v = (v, u) if v.degree == LINEAR else (u, v)
        end = self.higher.op("mul", self.at_zero(u.zero), v.coefficient)
        return SeriesValue(GENERAL, zero, self.higher.op("add", self.full(u, v), end))

    def divide(self, u: SeriesValue, v: SeriesValue) -> SeriesValue:
        """``q_k = (u_k - v_k q_0 - [v, q]) / v_0``."""
        zero = self.zeroth.op("div", u.zero, v.zero)
        if v.degree == CONSTANT:
            inverse = self.zeroth.op("div", self.zeroth.constant(1), v.zero)
            return SeriesValue(CONSTANT, zero) if u.degree == CONSTANT else self._scaled(u, zero, inverse)
        made = SeriesValue(GENERAL, zero)
        rest = self.full(v, made)
        rest = self.higher.op("neg", rest) if u.degree == CONSTANT else self.higher.op("sub", u.coefficient, rest)
        return self.fill(made, self.higher.op("mul", rest, self.inverse(v)))

    # ---- functions -------------------------------------------------------------------------------

    def twin(self, name: str, u: SeriesValue) -> SeriesValue:
        """A function whose recurrence needs another's coefficients and the other way round: made once for both."""
        return self._twins.setdefault((name, u), SeriesValue(GENERAL, self.zeroth.op(name, u.zero)))

    def integral(self, made: SeriesValue, u: SeriesValue, g: SeriesValue, sign: int = 1) -> SeriesValue:
        """``s' = g u'``, or minus that."""
        number = self.over_order(self.full(self.derivative(u), g))
        return self.fill(made, number if sign > 0 else self.higher.op("neg", number))

    def quotient(self, made: SeriesValue, u: SeriesValue, v: SeriesValue, sign: int = 1) -> SeriesValue:
        """``s' = u'/v``, or minus that."""
        slope = SeriesValue(GENERAL, self.zeroth.constant(0))
        number = self.higher.op("sub", self.derivative(u).coefficient, self.inner(slope, v))
        self.fill(slope, self.higher.op("mul", number, self.inverse(v)))
        number = self.over_order(slope.coefficient)
        return self.fill(made, number if sign > 0 else self.higher.op("neg", number))
