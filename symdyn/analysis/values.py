"""Values of polynomials with rational coefficients in multiple precision, and what they are taken for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath

from symdyn.analysis.effort import Effort
from symdyn.analysis.univariate import DIGITS, number

__all__ = [
    "Digits",
    "Doubt",
    "NoPivot",
    "degree_in",
    "distinct_numbers",
    "in_one",
    "negligible",
    "occurring",
    "selected",
    "total_degree",
    "value_and_size",
    "vanishes",
]

#: What mpmath raises for singular matrices: the second where a whole column is zero.
NoPivot = (ZeroDivisionError, TypeError)


class Doubt(ArithmeticError):
    """Whether a number is zero, or how many zeros there are, cannot be decided with so many digits."""


class Digits(mpmath.MPContext):
    """Multiple precision that knows what it takes for zero.

    Parameters
    ----------
    digits : int
        Decimal digits.  Numbers below 1e-20 of what they are made of are zero; with more digits than usual, below a fifth of
        these, as those of a root of multiplicity five are correct to so many.
    strict : bool
        Raise `Doubt` for numbers that are neither zero nor clearly not.
    effort : Effort, optional
        What is left for computing roots.
    """

    def __init__(self, digits: int = DIGITS, *, strict: bool = False, effort: Effort | None = None) -> None:
        super().__init__()
        self.dps, self.effort = digits, effort
        more = digits > DIGITS
        self.nothing = self.mpf(10) ** -(digits // 5 if more else digits // 3)
        self.something = self.mpf(10) ** -(digits // 12) if strict else self.nothing


def negligible(value: Any, size: Any, context: Digits) -> bool:
    """Whether a number is zero, up to rounding, against the size of what it is made of.

    Raises
    ------
    Doubt
        If more digits are needed to say that.
    """
    value = abs(value)
    if value <= context.nothing * size:
        return True
    if value < context.something * size:
        raise Doubt("whether some numbers are zero needs more digits")
    return False


def occurring(equations: Sequence[Any]) -> list[int]:
    """Generators that occur."""
    return sorted({i for p in equations for m in p.itermonoms() for i, n in enumerate(m) if n})


def degree_in(p: Any, i: int) -> int:
    """Degree of a polynomial in generator `i`."""
    return max(m[i] for m in p.itermonoms())


def total_degree(p: Any) -> int:
    """Total degree of a polynomial."""
    return max(map(sum, p.itermonoms()))


def in_one(p: Any, i: int, point: dict[int, Any], context: Digits) -> list[Any]:
    """Coefficients of the powers of generator `i`, highest first, with numbers for the others; zero where they cancel."""
    sums: dict[int, list[Any]] = {}
    for m, c in p.iterterms():
        term = number(c, context)
        for k, n in enumerate(m):
            if n and k != i:
                term *= point[k] ** n
        pair = sums.setdefault(m[i], [context.mpf(0), context.mpf(0)])
        pair[0] += term
        pair[1] += abs(term)
    top = max(sums)
    values = [sums.get(n, [context.mpf(0), context.mpf(1)]) for n in range(top, -1, -1)]
    return [context.mpf(0) if negligible(v, size, context) else v for v, size in values]


def selected(values: list[Any], context: Digits, real: bool) -> list[Any]:
    """All values, or the real parts of those that are real up to rounding."""
    if not real:
        return values
    return [context.re(x) for x in values if negligible(context.im(x), abs(x), context)]


def value_and_size(p: Any, point: dict[int, Any], context: Digits) -> tuple[Any, Any]:
    """A polynomial's value and the sum of the sizes of its terms."""
    total, size = context.mpf(0), context.mpf(0)
    for m, c in p.iterterms():
        term = number(c, context)
        for k, n in enumerate(m):
            if n:
                term *= point[k] ** n
        total += term
        size += abs(term)
    return total, size


def vanishes(p: Any, point: dict[int, Any], context: Digits) -> bool:
    """Whether a polynomial is zero at a point, up to rounding."""
    value, size = value_and_size(p, point, context)
    return negligible(value, size, context)


def distinct_numbers(values: list[Any], context: Digits) -> list[Any]:
    """Without repetitions: multiple roots agree to part of their digits only."""
    kept: list[Any] = []
    for x in values:
        if not any(negligible(x - y, abs(x) + abs(y), context) for y in kept):
            kept.append(x)
    return kept
