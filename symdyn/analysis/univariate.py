"""All roots of one polynomial with rational coefficients, to as many digits as are asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import mpmath
from sympy.polys.densearith import dup_quo
from sympy.polys.densetools import dup_clear_denoms, dup_primitive
from sympy.polys.domains import QQ, ZZ

from symdyn.analysis.isolation import isolated
from symdyn.analysis.squarefree import squarefree_part

__all__ = ["DIGITS", "count_real_roots", "number", "real_roots", "roots", "with_multiplicities"]

#: Decimal digits to which roots are computed: what is substituted into other equations loses some of them.
DIGITS = 60
#: Steps that the iteration for all roots at once takes, typically.
STEPS = 40
#: Most decades between the largest and the least root that further digits make up for.
SPREAD = 2000


def number(value: Any, context: Any) -> Any:
    """A rational number in multiple precision."""
    return context.mpf(int(value.numerator)) / int(value.denominator)


def _squarefree(coefficients: Sequence[Any]) -> list[Any]:
    """Integer coefficients, highest first, of the squarefree part."""
    _, polynomial = dup_clear_denoms([QQ(c) for c in coefficients], QQ, ZZ, convert=True)
    return [ZZ(c) for c in squarefree_part([int(c) for c in polynomial])]


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
    Roots are isolated exactly, by Descartes' rule, so none is missed, and refined by Newton's method in fixed point, kept
    inside the isolating interval, until the signs at both ends of a small enough interval differ by more than rounding.

    Examples
    --------
    >>> [round(float(r), 12) for r in real_roots([1, 0, -2])]
    [-1.414213562373, 1.414213562373]
    """
    if len(coefficients) < 2:
        return []
    polynomial = _squarefree(coefficients)
    if len(polynomial) < 2:
        return []
    found = []
    for low, high in isolated(polynomial):
        found.append(_refine(polynomial, low, high, digits))
    return found


def count_real_roots(coefficients: Sequence[int]) -> int:
    """How many different real roots there are.

    Examples
    --------
    >>> count_real_roots([1, -2, 0, 2, -1])  # (x - 1)**3 (x + 1)
    2
    """
    polynomial = _squarefree(coefficients) if len(coefficients) > 1 else []
    return len(isolated(polynomial)) if len(polynomial) > 1 else 0


def with_multiplicities(coefficients: Sequence[int], digits: int = DIGITS) -> list[tuple[Any, int]]:
    """Every real root once, in increasing order, and its multiplicity.

    Examples
    --------
    >>> [(float(x), times) for x, times in with_multiplicities([1, -2, 0, 2, -1])]
    [(-1.0, 1), (1.0, 3)]
    """
    found = real_roots(coefficients, digits)
    times = [0] * len(found)
    rest = [ZZ(int(c)) for c in coefficients]
    while len(rest) > 1:
        part = _squarefree(rest)
        if all(times):  # those of multiplicity k + 1 are among those of multiplicity k
            for x in real_roots(part, digits):
                times[min(range(len(found)), key=lambda k, x=x: abs(found[k] - x))] += 1  # type: ignore[misc]
        else:
            times = [1] * len(found)
        if len(part) == len(rest):
            break
        _, primitive = dup_primitive(rest, ZZ)
        rest = dup_quo(primitive, part, ZZ)
    return list(zip(found, times, strict=True))


@lru_cache
def _context(digits: int) -> Any:
    """Multiple precision of so many digits, which is not to be changed: making one takes longer than refining a root."""
    context = mpmath.MPContext()
    context.dps = digits
    return context


def _refine(polynomial: list[Any], low: Any, high: Any, digits: int) -> Any:
    """The root between `low` and `high`, which have the same sign."""
    context = _context(digits + 10)
    low, high = QQ(low), QQ(high)
    if low == high:
        return number(low, context)
    if high <= 0:
        turned = [-c if (len(polynomial) - 1 - k) % 2 else c for k, c in enumerate(polynomial)]
        return -_refine(turned, -high, -low, digits)
    f = [int(c) for c in polynomial]
    # an end of the open interval may be another root: the sign next to it is that of the derivative
    slope = [c * (len(f) - 1 - k) for k, c in enumerate(f[:-1])]
    left = _sign(f, int(low.numerator), int(low.denominator)) or _sign(slope, int(low.numerator), int(low.denominator))
    if left < 0:
        f = [-c for c in f]
    low, high, scale = _octave(f, low, high)
    bits = int(digits * math.log2(10)) + 3
    width = bits + 64
    while True:
        root = _fixed(f, low, high, scale, bits, width)
        if root is not None:
            return context.ldexp(context.mpf(root), scale - width)
        width *= 2


def _sign(f: Sequence[int], a: int, b: int) -> int:
    """The sign of a polynomial at ``a / b`` with `b` positive."""
    total, power = 0, 1
    for c in f:
        total = total * a + c * power
        power *= b
    return (total > 0) - (total < 0)


def _octave(f: Sequence[int], low: Any, high: Any) -> tuple[Any, Any, int]:
    """The bracket narrowed to a factor of two, and the power of two above it; `f` is positive at the lower end."""
    top = math.ceil(math.log2(int(high.numerator)) - math.log2(int(high.denominator))) + 1

    def above(n: int) -> bool:
        x = _power_of_two(n)
        return x >= high or (x > low and _sign(f, *_ratio(n)) <= 0)

    step, bottom = 1, top - 1
    while above(bottom):
        top, bottom, step = bottom, bottom - step, 2 * step
    while top - bottom > 1:
        middle = (top + bottom) // 2
        if above(middle):
            top = middle
        else:
            bottom = middle
    return max(low, _power_of_two(bottom)), min(high, _power_of_two(top)), top


def _power_of_two(n: int) -> Any:
    return QQ(*_ratio(n))


def _ratio(n: int) -> tuple[int, int]:
    return (1 << n, 1) if n >= 0 else (1, 1 << -n)


def _fixed(f: Sequence[int], low: Any, high: Any, scale: int, bits: int, width: int) -> int | None:
    """The root over ``2**scale`` in fixed point to so many `bits`; None if `width` binary places are too few."""
    n = len(f) - 1
    powers = [scale * (n - k) for k in range(n + 1)]
    shift = max(c.bit_length() + e for c, e in zip(f, powers, strict=True) if c) - width
    c = [v << (e - shift) if e >= shift else v >> (shift - e) for v, e in zip(f, powers, strict=True)]
    noise = 2 * (n + 1)

    def value(x: int) -> int:
        total = 0
        for v in c:
            total = (total * x >> width) + v
        return total

    unit = QQ(2) ** (width - scale) if width >= scale else QQ(1, 2 ** (scale - width))
    a, b = int(low * unit), -int(-high * unit)
    x = (a + b) // 2
    before = 2 * (b - a)
    for _ in range(8 * width):
        total = slope = 0
        for v in c[:-1]:
            total = (total * x >> width) + v
            slope = (slope * x >> width) + total
        total = (total * x >> width) + c[-1]
        if abs(total) <= noise:
            break
        if total > 0:
            a = x
        else:
            b = x
        new = x - (total << width) // slope if slope else a
        if not a < new < b or 2 * abs(new - x) > before:  # Newton's steps shall fall by half at least
            new = (a + b) // 2
        before = abs(new - x)
        if before <= 1:
            x = new
            break
        x = new
    reach = 1 << (width - bits - 1)
    return x if value(x - reach) > noise and value(x + reach) < -noise else None


def roots(coefficients: Sequence[Any], context: Any) -> list[Any]:
    """All complex roots of a polynomial with multiple-precision or rational coefficients, each as often as it counts.

    Raises
    ------
    OverflowError
        If the iteration does not converge, as for roots of high multiplicity, or the effort of the context does not suffice.
    """
    first = next((k for k, c in enumerate(coefficients) if c != 0), len(coefficients))
    kept = list(coefficients[first:])
    zeros = 0
    while kept and kept[-1] == 0:
        kept.pop()
        zeros += 1
    found = [context.mpc(0)] * zeros
    n = len(kept) - 1
    if n > 0:
        # roots of very different sizes: all relative to the largest, with as many further digits as the least is smaller
        largest, least = _size(kept, context), 1 / _size(kept[::-1], context)
        power = 2 ** context.mpf(math.ceil(context.log(largest, 2)))
        more = max(0, math.ceil(context.log(largest / least, 10)))
        effort = getattr(context, "effort", None)
        if effort is not None:
            digits = context.dps + min(more, SPREAD) + 6 * n
            effort.spend("roots", n * n * STEPS * (1 + (digits / 200) ** 1.5), "finding the roots of a polynomial")
        with context.workdps(context.dps + min(more, SPREAD)):
            scaled = [context.convert(c) / power**k for k, c in enumerate(kept)]
            try:
                relative = context.polyroots(scaled, maxsteps=500, extraprec=20 * len(kept) + 100, error=False)
            except context.NoConvergence:
                raise OverflowError("multiple roots take too long") from None
            relative = [x * power for x in relative]
        found += [+x for x in relative]
    return found


def _size(coefficients: Sequence[Any], context: Any) -> Any:
    """A bound of the sizes of all roots (Fujiwara): at most 2 n times the largest of them."""
    first = abs(coefficients[0])
    return 2 * max((abs(c) / first) ** (context.mpf(1) / k) for k, c in enumerate(coefficients) if k and c != 0)
