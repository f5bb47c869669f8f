"""All roots of one polynomial with rational coefficients, to as many digits as are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath
from sympy.polys.densetools import dup_clear_denoms, dup_diff, dup_eval
from sympy.polys.domains import QQ, ZZ
from sympy.polys.rootisolation import dup_isolate_real_roots_sqf
from sympy.polys.sqfreetools import dup_sqf_part

__all__ = ["DIGITS", "horner", "number", "real_roots", "roots"]

#: Decimal digits to which roots are computed: what is substituted into other equations loses some of them.
DIGITS = 60


def number(value: Any, context: Any) -> Any:
    """A rational number in multiple precision."""
    return context.mpf(int(value.numerator)) / int(value.denominator)


def horner(coefficients: Sequence[Any], x: Any, context: Any) -> Any:
    total = context.mpf(0)
    for c in coefficients:
        total = total * x + c
    return total


def _squarefree(coefficients: Sequence[Any]) -> list[Any]:
    """Integer coefficients, highest first, of the squarefree part."""
    _, whole = dup_clear_denoms([QQ(c) for c in coefficients], QQ, ZZ, convert=True)
    return dup_sqf_part(whole, ZZ)


def real_roots(coefficients: Sequence[Any], digits: int = DIGITS) -> list[Any]:
    """Every real root once, in increasing order.

    Parameters
    ----------
    coefficients : sequence of rational numbers
        Highest power first; the first is not zero.
    digits : int
        Correct decimal digits.

    Returns
    -------
    list of mpf

    Notes
    -----
    Roots are isolated exactly (continued fractions; Akritas and Strzebonski, Nonlinear Analysis: Modelling and Control
    10 (2005) 297), so none is missed, and refined by Newton's method kept inside the isolating interval.

    Examples
    --------
    >>> [round(float(r), 12) for r in real_roots([1, 0, -2])]
    [-1.414213562373, 1.414213562373]
    """
    if len(coefficients) < 2:
        return []
    whole = _squarefree(coefficients)
    if len(whole) < 2:
        return []
    found = []
    for low, high in dup_isolate_real_roots_sqf(whole, ZZ, blackbox=False):
        found.append(_refine(whole, low, high, digits))
    return found


def _refine(whole: list[Any], low: Any, high: Any, digits: int) -> Any:
    """The root between `low` and `high`."""
    context = mpmath.MPContext()
    if low == high:
        context.dps = digits + 10
        return number(QQ(low), context)
    rational = [QQ(c) for c in whole]
    low, high = QQ(low), QQ(high)
    # an end of the open interval may be another root: the sign next to it is that of the derivative
    left = dup_eval(rational, low, QQ) or dup_eval(dup_diff(rational, 1, QQ), low, QQ)
    dps = digits + 20
    while True:
        context.dps = dps
        root, lost = _newton(whole, number(low, context), number(high, context), left > 0, context)
        if dps - lost >= digits:
            return root
        dps = int(digits + lost + 20)


def _newton(whole: list[Any], a: Any, b: Any, falling: bool, context: Any) -> tuple[Any, float]:
    """A bracketed root and the digits that cancellation costs it."""
    slope = [c * (len(whole) - 1 - k) for k, c in enumerate(whole[:-1])]
    x = (a + b) / 2
    small = context.mpf(10) ** (5 - context.dps)
    for _ in range(20 * context.dps):
        f = horner(whole, x, context)
        if f == 0:
            break
        if (f > 0) == falling:
            a = x
        else:
            b = x
        d = horner(slope, x, context)
        new = x - f / d if d != 0 else a
        if not a < new < b:
            new = (a + b) / 2
        if abs(new - x) <= small * abs(x) or b - a <= small * abs(x):
            x = new
            break
        x = new
    size = horner([abs(c) for c in whole], abs(x), context)
    d = abs(horner(slope, x, context)) * abs(x)
    lost = float(context.log10(size / d)) if d > 0 and size > 0 else 0.0
    return x, max(lost, 0.0) + 5


def roots(coefficients: Sequence[Any], context: Any) -> list[Any]:
    """All complex roots of a polynomial with multiple-precision or rational coefficients, each as often as it counts."""
    first = next((k for k, c in enumerate(coefficients) if c != 0), len(coefficients))
    kept = list(coefficients[first:])
    zeros = 0
    while kept and kept[-1] == 0:
        kept.pop()
        zeros += 1
    found = [context.mpc(0)] * zeros
    if len(kept) > 1:
        found += context.polyroots(kept, maxsteps=500, extraprec=20 * len(kept) + 100, error=False)
    return found
