"""The functions a model text may call: how each is built in sympy and what it is of constants."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import sympy as sp

from symdyn.text.mixtures import log_sum_exp, logsumexp, nonlinear, share, softmax
from symdyn.text.rate_laws import RATE_LAWS

__all__ = ["ELSEWHERE", "FUNCTIONS", "SOFT", "Function"]


#: Arguments of a function of any number of them.
MOST = 4096


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


def _log(x: sp.Expr, base: sp.Expr | None = None, evaluate: bool = True) -> sp.Expr:
    return sp.log(x, evaluate=evaluate) if base is None else sp.log(x, evaluate=evaluate) / sp.log(base, evaluate=evaluate)


def _modulo(x: float, y: float) -> float:
    return x - y * math.floor(x / y)


def _factorial(x: sp.Expr, evaluate: bool = True) -> sp.Expr:
    return sp.gamma(x + 1, evaluate=evaluate)


def _log_gamma(x: float) -> float:
    if x <= 0:
        raise ValueError("it is complex, or infinite")
    return math.lgamma(x)


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
    "log": Function(_log, math.log, 1, 2),
    "ln": Function(sp.log, math.log),
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

#: Functions whose names may also be declared, because modellers use them: a rate gamma, a time sec.
_SOFT_ENTRIES: dict[str, Function] = {
    "sec": Function(sp.sec, lambda x: 1 / math.cos(x)),
    "csc": Function(sp.csc, lambda x: 1 / math.sin(x)),
    "cot": Function(sp.cot, lambda x: 1 / math.tan(x)),
    "sech": Function(sp.sech, lambda x: 1 / math.cosh(x)),
    "csch": Function(sp.csch, lambda x: 1 / math.sinh(x)),
    "coth": Function(sp.coth, lambda x: 1 / math.tanh(x)),
    "erfc": Function(sp.erfc, math.erfc),
    "gamma": Function(sp.gamma, math.gamma),
    "lgamma loggamma gammaln": Function(sp.loggamma, _log_gamma),
    "factorial": Function(_factorial, lambda x: math.gamma(x + 1)),
    "logsumexp": Function(logsumexp, log_sum_exp, 1, MOST),
    "softmax": Function(softmax, share, 2, MOST),
    "nonlinear": Function(nonlinear, float),
    "mod Mod": Function(sp.Mod, _modulo, 2, 2, lambda e, v: e[0] - e[1] * sp.Integer(math.floor(v[0] / v[1]))),
}


def _named(entries: dict[str, Function]) -> dict[str, Function]:
    return {name: entry for names, entry in entries.items() for name in names.split()}


SOFT = frozenset(_named(_SOFT_ENTRIES)) | RATE_LAWS.keys()
#: Every accepted name, aliases included.
FUNCTIONS: dict[str, Function] = _named(_ENTRIES | _SOFT_ENTRIES)

#: Functions of other languages that are no unknown terms here, and what to write.
ELSEWHERE: dict[str, str] = {
    "asec": "acos(1/x)", "acsc": "asin(1/x)", "acot": "atan(1/x)", "arcsec": "acos(1/x)", "arccsc": "asin(1/x)",
    "arccot": "atan(1/x)", "asech": "acosh(1/x)", "acsch": "asinh(1/x)", "acoth": "atanh(1/x)", "arcsech": "acosh(1/x)",
    "arccsch": "asinh(1/x)", "arccoth": "atanh(1/x)", "hypot": "sqrt(x^2 + y^2)", "expm1": "exp(x) - 1",
    "log1p": "log(1 + x)", "exp2": "2^x", "exp10": "10^x", "square": "x^2", "fmod": "mod(x, y)", "rem": "mod(x, y)",
    "remainder": "mod(x, y)", "trunc": "sign(x)*floor(abs(x))", "cosec": "csc(x)", "fabs": "abs(x)", "tgamma": "gamma(x)",
    "fmin": "min(x, y)", "fmax": "max(x, y)", "ifelse": "piecewise(value, condition, otherwise)",
    "where": "piecewise(value, condition, otherwise)", "binomial": "factorial(n)/(factorial(k)*factorial(n - k))",
    "michaelis_menten": "mm(X, v, K)", "monod": "mm(X, v, K)", "hill_activation": "hill(X, v, K, n)",
    "hill_repression": "hillr(X, v, K, n)", "step": "heaviside(t - a)", "unitstep": "heaviside(t - a)",
    "pulse": "piecewise(1, t >= a and t < b, 0)", "clip": "max(a, min(x, b))", "logistic": "1/(1 + exp(-x))",
    "sigmoid": "1/(1 + exp(-x))", "sinc": "sin(x)/x",
}  # fmt: skip
