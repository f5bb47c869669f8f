"""The functions a model text may call: how each is built in sympy and what it is of constants."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import sympy as sp

__all__ = ["FUNCTIONS", "Function"]


class Function(NamedTuple):
    """One function of the whitelist.

    `build` makes the sympy node, `value` is the double of constants; `choose`, for functions that jump, makes the exact
    result from constants and their doubles, because sympy may search for digits for a long time near a jump.
    """

    build: Callable[..., sp.Expr]
    value: Callable[..., float]
    fewest: int = 1
    most: int = 1
    choose: Callable[[list[Any], list[float]], sp.Expr] | None = None


def _sign(x: float) -> float:
    return float((x > 0) - (x < 0))


def _step(x: float) -> float:
    return (1 + _sign(x)) / 2


def _logarithm(base: int) -> Callable[..., sp.Expr]:
    def build(x: sp.Expr, evaluate: bool = True) -> sp.Expr:
        return sp.log(x, base) if evaluate else sp.log(x, evaluate=False) / sp.log(base)

    return build


def _absolute(x: sp.Expr, evaluate: bool = True) -> sp.Expr:
    """Abs without sympy's evaluation, which takes symbols for complex numbers: Abs(exp(x)) would become exp(re(x))."""
    if x.is_Number:
        return abs(x)
    coefficient, rest = x.as_coeff_Mul()
    return abs(coefficient) * (rest if isinstance(rest, sp.Abs) else sp.Abs(rest, evaluate=False))


def _jump(rounded: Callable[[float], float]) -> Callable[[list[Any], list[float]], sp.Expr]:
    """The integer that `rounded` makes of the value of one argument."""
    return lambda exact, values: sp.Integer(int(rounded(values[0])))


def _keep(choice: Callable[..., float]) -> Callable[[list[Any], list[float]], sp.Expr]:
    """The argument, exact, that `choice` (`max` or `min`) picks by value."""
    return lambda exact, values: exact[values.index(choice(values))]


_ENTRIES: dict[str, Function] = {
    "exp": Function(sp.exp, math.exp),
    "log ln": Function(sp.log, math.log),
    "log10": Function(_logarithm(10), math.log10),
    "log2": Function(_logarithm(2), math.log2),
    "sqrt": Function(lambda x, evaluate=True: sp.sqrt(x), math.sqrt),
    "cbrt": Function(lambda x, evaluate=True: sp.cbrt(x), lambda x: math.cbrt(math.sqrt(x) ** 2)),
    "sin": Function(sp.sin, math.sin),
    "cos": Function(sp.cos, math.cos),
    "tan": Function(sp.tan, math.tan),
    "asin arcsin": Function(sp.asin, math.asin),
    "acos arccos": Function(sp.acos, math.acos),
    "atan arctan": Function(sp.atan, math.atan),
    "atan2 arctan2": Function(sp.atan2, math.atan2, 2, 2),
    "sinh": Function(sp.sinh, math.sinh),
    "cosh": Function(sp.cosh, math.cosh),
    "tanh": Function(sp.tanh, math.tanh),
    "asinh arcsinh arsinh": Function(sp.asinh, math.asinh),
    "acosh arccosh arcosh": Function(sp.acosh, math.acosh),
    "atanh arctanh artanh": Function(sp.atanh, math.atanh),
    "erf": Function(sp.erf, math.erf),
    "abs Abs": Function(_absolute, abs, choose=lambda e, v: e[0] if v[0] >= 0 else -e[0]),
    "sign sgn": Function(sp.sign, _sign, choose=_jump(_sign)),
    "floor": Function(sp.floor, lambda x: float(math.floor(x)), choose=_jump(math.floor)),
    "ceil ceiling": Function(sp.ceiling, lambda x: float(math.ceil(x)), choose=_jump(math.ceil)),
    "heaviside Heaviside": Function(sp.Heaviside, _step, choose=lambda e, v: sp.Rational(_step(v[0]))),
    "max Max": Function(sp.Max, max, 2, 8, _keep(max)),
    "min Min": Function(sp.Min, min, 2, 8, _keep(min)),
}

#: Every accepted name, aliases included.
FUNCTIONS: dict[str, Function] = {name: entry for names, entry in _ENTRIES.items() for name in names.split()}
