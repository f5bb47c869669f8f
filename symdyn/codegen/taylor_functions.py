r"""Recurrences of the coefficients of functions (Griewank & Walther, Evaluating Derivatives, 2nd ed. 2008, table 13.2).

With ``u'_k = k u_k`` and ``[u, v]`` the sum that `symdyn.codegen.taylor_expansion` defines:

    s = sqrt(u)     s_k = (u_k - [s, s]) / (2 s_0)
    s = u^a         s'_k = (a (u'_k s_0 + [u', s]) - [s', u]) / u_0
    s' = g u'       s'_k = u'_k g_0 + [u', g]            exp, sin, cos, sinh, cosh, tan, tanh, erf: g is one of them or a square
    s' = u' / v     s'_k = (u'_k - [s', v]) / v_0        log, atan, asin, acos, asinh, acosh, atanh, atan2
"""

from __future__ import annotations

import math
from collections.abc import Callable

from symdyn.codegen.taylor_expansion import CONSTANT, GENERAL, Expansion, SeriesValue
from symdyn.errors import CompileError

__all__ = ["RULES", "call"]


def call(e: Expansion, name: str, *args: SeriesValue) -> SeriesValue:
    """A function of the math library.

    Raises
    ------
    CompileError
        If it has no recurrence and its arguments are not constant.
    """
    zero = e.zeroth.op(name, *(a.zero for a in args))
    if all(a.degree == CONSTANT for a in args):
        return SeriesValue(CONSTANT, zero)
    if name not in RULES:
        raise CompileError(f"the Taylor series of {name} has no recurrence that is known here; use 'dop853'")
    return RULES[name](e, SeriesValue(GENERAL, zero), *args)


def _exp(e: Expansion, made: SeriesValue, u: SeriesValue) -> SeriesValue:
    return e.integral(made, u, made)


def _log(e: Expansion, made: SeriesValue, u: SeriesValue) -> SeriesValue:
    return e.quotient(made, u, u)


def _sqrt(e: Expansion, made: SeriesValue, u: SeriesValue) -> SeriesValue:
    inverse = e.at_zero(e.zeroth.op("div", e.zeroth.constant(0.5), made.zero))
    return e.fill(made, e.higher.op("mul", e.higher.op("sub", u.coefficient, e.inner(made, made)), inverse))


def _pow(e: Expansion, made: SeriesValue, u: SeriesValue, v: SeriesValue) -> SeriesValue:
    if v.degree != CONSTANT:  # u^v = exp(v log u)
        return e.integral(made, e.multiply(v, call(e, "log", u)), made)
    slope = SeriesValue(GENERAL, e.zeroth.constant(0))
    gain = e.higher.op("mul", e.at_zero(v.zero), e.full(e.derivative(u), made))
    e.fill(slope, e.higher.op("mul", e.higher.op("sub", gain, e.inner(slope, u)), e.inverse(u)))
    return e.fill(made, e.over_order(slope.coefficient))


def _pair(name: str, other: str, signs: tuple[int, int]) -> Callable:
    """Two functions, each the derivative of the other but for a sign: those of `name` and `other`."""

    def rule(e: Expansion, made: SeriesValue, u: SeriesValue) -> SeriesValue:
        one, two = e.twin(name, u), e.twin(other, u)
        if one.coefficient < 0:
            e.integral(one, u, two, signs[0])
            e.integral(two, u, one, signs[1])
        return one

    return rule


def _squared(sign: int) -> Callable:
    """tan and tanh: ``s' = (1 + s^2) u'`` and ``s' = (1 - s^2) u'``."""

    def rule(e: Expansion, made: SeriesValue, u: SeriesValue) -> SeriesValue:
        square = SeriesValue(GENERAL, e.zeroth.op("mul", made.zero, made.zero))
        part = e.over_order(e.full(e.derivative(u), square))
        e.fill(made, e.higher.op("add" if sign > 0 else "sub", u.coefficient, part))
        e.fill(square, e.multiply(made, made).coefficient)
        return made

    return rule


def _inverse_of(denominator: Callable[[Expansion, SeriesValue], SeriesValue], sign: int = 1) -> Callable:
    def rule(e: Expansion, made: SeriesValue, u: SeriesValue) -> SeriesValue:
        return e.quotient(made, u, denominator(e, u), sign)

    return rule


def _one_plus(e: Expansion, u: SeriesValue) -> SeriesValue:
    return e.add("add", e.multiply(u, u), e.literal(1))


def _one_minus(e: Expansion, u: SeriesValue) -> SeriesValue:
    return e.multiply(e.add("sub", e.literal(1), u), e.add("add", e.literal(1), u))


def _root(inside: Callable[[Expansion, SeriesValue], SeriesValue]) -> Callable[[Expansion, SeriesValue], SeriesValue]:
    return lambda e, u: call(e, "sqrt", inside(e, u))


def _less_one(e: Expansion, u: SeriesValue) -> SeriesValue:
    return e.multiply(e.add("sub", u, e.literal(1)), e.add("add", u, e.literal(1)))


def _error_function(sign: int) -> Callable:
    def rule(e: Expansion, made: SeriesValue, u: SeriesValue) -> SeriesValue:
        bell = call(e, "exp", e.negative(e.multiply(u, u)))
        number = e.higher.op("mul", e.full(e.derivative(u), bell), e.higher.constant(sign * 2 / math.sqrt(math.pi)))
        return e.fill(made, e.over_order(number))

    return rule


def _atan2(e: Expansion, made: SeriesValue, y: SeriesValue, x: SeriesValue) -> SeriesValue:
    size = e.add("add", e.multiply(x, x), e.multiply(y, y))
    slope = SeriesValue(GENERAL, e.zeroth.constant(0))
    number = e.higher.op("neg", e.inner(slope, size))
    if y.degree != CONSTANT:
        number = e.higher.op("add", number, e.full(e.derivative(y), x))
    if x.degree != CONSTANT:
        number = e.higher.op("sub", number, e.full(e.derivative(x), y))
    e.fill(slope, e.higher.op("mul", number, e.inverse(size)))
    return e.fill(made, e.over_order(slope.coefficient))


RULES: dict[str, Callable] = {
    "exp": _exp, "log": _log, "sqrt": _sqrt, "pow": _pow,
    "sin": _pair("sin", "cos", (1, -1)), "cos": _pair("cos", "sin", (-1, 1)),
    "sinh": _pair("sinh", "cosh", (1, 1)), "cosh": _pair("cosh", "sinh", (1, 1)),
    "tan": _squared(1), "tanh": _squared(-1),
    "atan": _inverse_of(_one_plus), "atanh": _inverse_of(_one_minus),
    "asin": _inverse_of(_root(_one_minus)), "acos": _inverse_of(_root(_one_minus), -1),
    "asinh": _inverse_of(_root(_one_plus)), "acosh": _inverse_of(_root(_less_one)),
    "erf": _error_function(1), "erfc": _error_function(-1), "atan2": _atan2,
}  # fmt: skip
