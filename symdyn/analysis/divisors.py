"""What two polynomials have in common where all generators but one are known numbers."""

from __future__ import annotations

from typing import Any

from symdyn.analysis.univariate import roots
from symdyn.analysis.values import Digits, degree_in, distinct_numbers, in_one, selected, vanishes

__all__ = ["checked_roots", "roots_over", "shared_divisor"]


def shared_divisor(p: Any, q: Any, i: int, level: dict[int, Any], context: Digits) -> list[Any]:
    """Coefficients of the common divisor of two polynomials in generator `i`, the other generator being known.

    Multiple roots are made single ones; an empty list if both polynomials vanish.
    """
    found = _euclid(in_one(p, i, level, context), in_one(q, i, level, context), context)
    if len(found) > 2:
        slope = [c * (len(found) - 1 - k) for k, c in enumerate(found[:-1])]
        twice = _euclid(found, slope, context)
        if len(twice) > 1:
            found = _divided(found, twice)[0][: len(found) - len(twice) + 1]
    return found


def _euclid(a: list[Any], b: list[Any], context: Digits) -> list[Any]:
    """The greatest common divisor; what falls to half the digits in one division is taken for zero."""
    tiny = context.mpf(10) ** (-context.dps // 2)
    b, a = sorted((_trimmed(a), _trimmed(b)), key=len)
    while b:
        ratios, sizes = _divided(a, b)
        count = len(a) - len(b) + 1
        pairs = zip(ratios[count:], sizes[count:], strict=True)
        rest = _trimmed([c if abs(c) > tiny * s else context.mpf(0) for c, s in pairs])
        largest = max((abs(c) for c in rest), default=1)
        a, b = b, [c / largest for c in rest]
    return a


def _divided(a: list[Any], b: list[Any]) -> tuple[list[Any], list[Any]]:
    """Quotient, then remainder, and the sums of the sizes of their terms."""
    rest, sizes = list(a), [abs(c) for c in a]
    for k in range(len(a) - len(b) + 1):
        rest[k] /= b[0]
        for j, c in enumerate(b[1:], 1):
            term = rest[k] * c
            rest[k + j] -= term
            sizes[k + j] += abs(term)
    return rest, sizes


def _trimmed(coefficients: list[Any]) -> list[Any]:
    """Without leading zeros."""
    first = next((k for k, c in enumerate(coefficients) if c != 0), len(coefficients))
    return coefficients[first:]


def checked_roots(shared: list[Any], p: Any, q: Any, i: int, level: dict[int, Any], context: Digits) -> list[Any] | None:
    """Roots of the common divisor; None if one of its roots is none of the polynomials."""
    values = roots([context.convert(c) for c in shared], context)
    if not all(vanishes(f, {**level, i: x}, context) for x in values for f in (p, q)):
        return None
    return distinct_numbers(values, context)


def roots_over(p: Any, q: Any, i: int, level: dict[int, Any], context: Digits, real: bool) -> list[Any]:
    """Values of generator `i` at which both vanish, the other generator being known."""
    first, second = (p, q) if degree_in(p, i) <= degree_in(q, i) else (q, p)
    for f, g in ((first, second), (second, first)):
        coefficients = in_one(f, i, level, context)
        if any(c != 0 for c in coefficients):
            values = distinct_numbers(selected(roots(coefficients, context), context, real), context)
            return [x for x in values if vanishes(g, {**level, i: x}, context)]
    return []
