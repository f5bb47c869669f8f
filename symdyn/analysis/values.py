"""Values of polynomials with rational coefficients in multiple precision, and what they are taken for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdyn.analysis.univariate import number

__all__ = ["degree_in", "distinct_numbers", "in_one", "occurring", "selected", "total_degree", "value_and_size", "vanishes"]

#: Relative size of a polynomial's value, against the sum of its terms' sizes, below which it is taken for zero.
ZERO = 1e-20
#: Relative size of an imaginary part below which it is taken for zero.
REAL = 1e-20


def occurring(equations: Sequence[Any]) -> list[int]:
    """Generators that occur."""
    return sorted({i for p in equations for m in p.itermonoms() for i, n in enumerate(m) if n})


def degree_in(p: Any, i: int) -> int:
    """Degree of a polynomial in generator `i`."""
    return max(m[i] for m in p.itermonoms())


def total_degree(p: Any) -> int:
    """Total degree of a polynomial."""
    return max(map(sum, p.itermonoms()))


def in_one(p: Any, i: int, point: dict[int, Any], context: Any) -> list[Any]:
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
    return [v if abs(v) > ZERO * size else context.mpf(0) for v, size in values]


def selected(values: list[Any], context: Any, real: bool) -> list[Any]:
    """All values, or the real parts of those that are real up to rounding."""
    if not real:
        return values
    return [context.re(x) for x in values if abs(context.im(x)) <= REAL * max(abs(x), context.mpf(10) ** -30)]


def value_and_size(p: Any, point: dict[int, Any], context: Any) -> tuple[Any, Any]:
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


def vanishes(p: Any, point: dict[int, Any], context: Any) -> bool:
    """Whether a polynomial is zero at a point, up to rounding."""
    value, size = value_and_size(p, point, context)
    return abs(value) <= ZERO * size


def distinct_numbers(values: list[Any], context: Any) -> list[Any]:
    """Without repetitions: multiple roots agree to part of their digits only."""
    kept: list[Any] = []
    for x in values:
        if all(abs(x - y) > ZERO * (abs(x) + abs(y)) for y in kept):
            kept.append(x)
    return kept
