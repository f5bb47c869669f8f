"""Intervals that contain the exact value of an expression, and what rounding in double precision may make of it.

Endpoints have 50 digits.  After every operation the interval grows by `SLACK` of its largest number, and sums by that of
their operands, so that it also contains what other orders of the same operations give: sympy has its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath

__all__ = ["ONE", "TWO", "Interval", "Tree", "Unclear", "enclosed"]

#: An expression: ``("x",)``, ``("number", p/q)``, or a name and its operands.
Tree = tuple[Any, ...]
Interval = tuple[Any, Any]

#: Relative error of an operation: some units in the last place for its own, and for sympy's rearrangement.
SLACK = 40 * 2.0**-53
#: Of the gamma function of the C library and its kin, beside the effect of an error of the argument.
SPECIAL = 1e-13


class Unclear(Exception):
    """The value is no real number of ordinary size, or rounding decides on which side of a jump it is."""


def enclosed(tree: Tree, x: float, y: float) -> Interval:
    """An interval that contains the value at a point, however it is rounded.

    Raises
    ------
    Unclear
    """
    kind, *parts = tree
    if kind in ("x", "y"):
        value = mpmath.mpf(x if kind == "x" else y)
        return value, value
    if kind == "number":
        value = mpmath.mpf(parts[0].numerator) / parts[0].denominator
        return (value, value) if parts[0].denominator in (1, 2, 4, 8) else _grown((value, value))
    if kind == "piecewise":
        value, relation, left, right, otherwise = parts
        (a, b), (c, d) = enclosed(left, x, y), enclosed(right, x, y)
        if not (b < c or a > d):
            raise Unclear
        found = enclosed(value, x, y), enclosed(otherwise, x, y)
        return found[0] if (b < c) == (relation == "<") else found[1]
    if kind == "^":
        return _grown(_power(enclosed(parts[0], x, y), parts[1]))
    inner = [enclosed(part, x, y) for part in parts]
    if kind in ("+", "-"):
        (a, b), (c, d) = inner
        return _grown((a + c, b + d) if kind == "+" else (a - d, b - c), max(map(abs, (a, b))) + max(map(abs, (c, d))))
    try:
        found = {**ONE, **TWO, "*": _product, "/": _quotient}[kind](*inner)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise Unclear from None
    special = kind in ("gamma", "lgamma", "factorial", "erfc")
    return _grown(found, slack=SPECIAL * (1 + max(map(abs, inner[0]))) if special else SLACK)


def _grown(ends: Interval, scale: Any = 0, slack: float = SLACK) -> Interval:
    low, high = ends
    size = max(abs(low), abs(high))
    if isinstance(low, mpmath.mpc) or isinstance(high, mpmath.mpc) or not mpmath.isfinite(size) or size > 1e100:
        raise Unclear
    if 0 < size < 1e-100:
        raise Unclear
    error = max(size, scale) * slack
    return low - error, high + error


# ---- arithmetic ----------------------------------------------------------------------------------


def _product(p: Interval, q: Interval) -> Interval:
    ends = [a * b for a in p for b in q]
    return min(ends), max(ends)


def _inverse(p: Interval) -> Interval:
    if p[0] <= 0 <= p[1]:
        raise Unclear
    return 1 / p[1], 1 / p[0]


def _quotient(p: Interval, q: Interval) -> Interval:
    return _product(p, _inverse(q))


def _power(p: Interval, n: int) -> Interval:
    if n < 0:
        return _power(_inverse(p), -n)
    ends = p[0] ** n, p[1] ** n
    if n % 2 == 0 and p[0] <= 0 <= p[1]:
        return mpmath.mpf(0), max(ends)
    return min(ends), max(ends)


# ---- functions of one argument -------------------------------------------------------------------


def _monotone(f: Callable[[Any], Any], low: float = -mpmath.inf, high: float = mpmath.inf) -> Callable[[Interval], Interval]:
    """Of a function that is monotone between `low` and `high`, which are not included, and not defined elsewhere."""

    def of(p: Interval) -> Interval:
        if not (low < p[0] and p[1] < high):
            raise Unclear
        ends = f(p[0]), f(p[1])
        return min(ends), max(ends)

    return of


def _stepped(f: Callable[[Any], Any]) -> Callable[[Interval], Interval]:
    """Of a function that is constant between jumps."""

    def of(p: Interval) -> Interval:
        a, b = mpmath.mpf(f(p[0])), mpmath.mpf(f(p[1]))
        if a != b:
            raise Unclear
        return a, b

    return of


def _sine(f: Callable[[Any], Any]) -> Callable[[Interval], Interval]:
    """Of a function whose derivative is between -1 and 1."""

    def of(p: Interval) -> Interval:
        middle, half = f((p[0] + p[1]) / 2), (p[1] - p[0]) / 2
        return max(middle - half, mpmath.mpf(-1)), min(middle + half, mpmath.mpf(1))

    return of


def _between_poles(f: Callable[[Any], Any], shift: float) -> Callable[[Interval], Interval]:
    """Of a function that is monotone between poles at multiples of pi, shifted by a part of pi."""

    def of(p: Interval) -> Interval:
        if mpmath.floor(p[0] / mpmath.pi + shift) != mpmath.floor(p[1] / mpmath.pi + shift):
            raise Unclear
        return _monotone(f)(p)

    return of


def _even(f: Callable[[Any], Any]) -> Callable[[Interval], Interval]:
    """Of an even function that increases with the magnitude of its argument."""

    def of(p: Interval) -> Interval:
        ends = f(p[0]), f(p[1])
        return (f(mpmath.mpf(0)) if p[0] <= 0 <= p[1] else min(ends)), max(ends)

    return of


def _gamma(p: Interval) -> Interval:
    """From the right of its minimum, by its recurrence."""
    if p[1] > 60 or p[0] < -20 or (p[0] <= 0 and mpmath.ceil(p[0]) <= mpmath.floor(p[1])):
        raise Unclear
    divisor = (mpmath.mpf(1), mpmath.mpf(1))
    while p[0] < 2:
        divisor, p = _product(divisor, p), (p[0] + 1, p[1] + 1)
    return _quotient((mpmath.gamma(p[0]), mpmath.gamma(p[1])), divisor)


def _log_gamma(p: Interval) -> Interval:
    if p[0] <= 0 or p[1] > 1e6 or p[0] < 3:  # it is near 0 between 1 and 2
        raise Unclear
    return _monotone(mpmath.loggamma)(p)


def _cosecant(p: Interval) -> Interval:
    return _inverse(ONE["sin"](p))


ONE: dict[str, Callable[[Interval], Interval]] = {
    "sin": _sine(mpmath.sin), "cos": _sine(mpmath.cos), "tan": _between_poles(mpmath.tan, 0.5),
    "cot": _between_poles(mpmath.cot, 0), "sec": lambda p: _inverse(ONE["cos"](p)), "csc": _cosecant,
    "exp": _monotone(mpmath.exp, high=230), "log": _monotone(mpmath.log, low=0), "ln": _monotone(mpmath.log, low=0),
    "log10": _monotone(mpmath.log10, low=0), "log2": _monotone(lambda a: mpmath.log(a, 2), low=0),
    "sqrt": _monotone(mpmath.sqrt, low=0), "cbrt": _monotone(mpmath.cbrt, low=0), "abs": _even(abs),
    "sinh": _monotone(mpmath.sinh, -230, 230), "cosh": _even(mpmath.cosh), "tanh": _monotone(mpmath.tanh),
    "sech": lambda p: _inverse(ONE["cosh"](p)), "csch": lambda p: _inverse(ONE["sinh"](p)),
    "coth": lambda p: _inverse(ONE["tanh"](p)), "asin": _monotone(mpmath.asin, -1, 1), "acos": _monotone(mpmath.acos, -1, 1),
    "atan": _monotone(mpmath.atan), "asinh": _monotone(mpmath.asinh), "acosh": _monotone(mpmath.acosh, low=1),
    "atanh": _monotone(mpmath.atanh, -1, 1), "erf": _monotone(mpmath.erf), "erfc": _monotone(mpmath.erfc, high=15),
    "floor": _stepped(mpmath.floor), "ceil": _stepped(mpmath.ceil), "sign": _stepped(mpmath.sign),
    "heaviside": _stepped(lambda a: (1 + mpmath.sign(a)) / 2), "gamma": _gamma, "lgamma": _log_gamma,
    "factorial": lambda p: _gamma((p[0] + 1, p[1] + 1)),
}  # fmt: skip


# ---- functions of two arguments ------------------------------------------------------------------


def _modulo(p: Interval, q: Interval) -> Interval:
    ratio = _grown(_quotient(p, q))
    n = mpmath.floor(ratio[0])
    if n != mpmath.floor(ratio[1]):
        raise Unclear
    low, high = sorted((n * q[0], n * q[1]))
    return _grown((p[0] - high, p[1] - low), max(map(abs, (*p, low, high))))


def _angle(p: Interval, q: Interval) -> Interval:
    """``atan2(p, q)``: over a convex set that does not meet the cut, at its corners."""
    if q[0] <= 0 and p[0] <= 0 <= p[1]:
        raise Unclear
    ends = [mpmath.atan2(a, b) for a in p for b in q]
    return min(ends), max(ends)


def _raised(p: Interval, q: Interval) -> Interval:
    """A power with any exponent."""
    if p[0] <= 0:
        raise Unclear
    exponent = _grown(_product(_grown(_monotone(mpmath.log, low=0)(p)), q))
    return _monotone(mpmath.exp, -230, 230)(exponent)


TWO: dict[str, Callable[[Interval, Interval], Interval]] = {
    "min": lambda p, q: (min(p[0], q[0]), min(p[1], q[1])), "max": lambda p, q: (max(p[0], q[0]), max(p[1], q[1])),
    "mod": _modulo, "atan2": _angle, "pow": _raised,
}  # fmt: skip
