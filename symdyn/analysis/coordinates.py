r"""Changes of coordinates that make rational systems smaller, each undone by one assignment.

A denominator :math:`a x_i + b`, with a number `a` and `b` free of :math:`x_i`, becomes an unknown itself
(`Shift`: central moments turn to raw ones).  Where :math:`x_i \ne 0`, :math:`x_j = x_j' x_i^n` (`Twist`) may lower degrees
much: products of powers, such as those of log-normal closures, have their natural unknowns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Shift", "Twist", "best_twist", "find_shift", "twisted"]

#: Largest exponent of a twist.
LARGEST = 3
#: Total number of terms of all equations above which a shift is not made.
LONGEST = 20_000


class Shift(NamedTuple):
    """The old ``x_i`` is ``(x_i - b) / a``."""

    i: int
    a: Any
    b: Any


class Twist(NamedTuple):
    """The old ``x_j`` is ``x_j * x_i**n``."""

    j: int
    i: int
    n: int


def find_shift(nonzero: Sequence[Any], equations: Sequence[Any]) -> Shift | None:
    """A shift that makes one of the polynomials that must not vanish a generator, and the equations not too long."""
    taken = {k for p in nonzero if len(p) == 1 for m in p.itermonoms() for k, n in enumerate(m) if n}
    for p in sorted(nonzero, key=len):
        if len(p) == 1:
            continue
        degrees = [max(column) for column in zip(*p.itermonoms(), strict=True)]
        for i, d in enumerate(degrees):
            terms = [m for m in p.itermonoms() if m[i]]
            if d == 1 and i not in taken and len(terms) == 1 and sum(terms[0]) == 1:
                a = p.coeff(p.ring.gens[i])
                shift = Shift(i, a, p - a * p.ring.gens[i])
                if _expanded((*nonzero, *equations), i, len(shift.b) + 1) <= LONGEST:
                    return shift
    return None


def _expanded(polynomials: Sequence[Any], i: int, terms: int) -> int:
    """Terms that appear when a sum of so many is put in for generator `i`."""
    return sum(math.comb(m[i] + terms - 1, m[i]) for p in polynomials for m in p.itermonoms())


def shifted(p: Any, shift: Shift) -> Any:
    """`p` in the new unknown."""
    new = (p.ring.gens[shift.i] - shift.b).mul_ground(1 / shift.a)
    return p.compose(p.ring.gens[shift.i], new)


def _twisted_exponents(monomials: Sequence[tuple[int, ...]], twist: Twist, removable: Sequence[int]) -> list[tuple[int, ...]]:
    """Exponents after a twist, without the common powers of unknowns that cannot vanish."""
    new = [(*m[: twist.i], m[twist.i] + twist.n * m[twist.j], *m[twist.i + 1 :]) for m in monomials]
    lowest = [min(column) for column in zip(*new, strict=True)]
    cut = [low if k in removable or k == twist.i else 0 for k, low in enumerate(lowest)]
    return [tuple(e - c for e, c in zip(m, cut, strict=True)) for m in new]


def best_twist(equations: Sequence[Any], nonzero: Sequence[Any], unknowns: Sequence[int]) -> Twist | None:
    """The twist that lowers the product of the degrees most."""
    removable = [k for p in nonzero if len(p) == 1 for m in p.itermonoms() for k, n in enumerate(m) if n]
    columns = [list(p.itermonoms()) for p in equations]
    best, least = None, _cost(columns) - 1e-9
    for i in dict.fromkeys(removable):
        for j in unknowns:
            if i == j or i not in unknowns:
                continue
            for n in range(-LARGEST, LARGEST + 1):
                twist = Twist(j, i, n)
                cost = _cost([_twisted_exponents(c, twist, removable) for c in columns]) if n else math.inf
                if cost < least:
                    best, least = twist, cost
    return best


def _cost(columns: Sequence[Sequence[tuple[int, ...]]]) -> float:
    return sum(math.log(max(1, max(map(sum, c)))) for c in columns)


def twisted(p: Any, twist: Twist, nonzero: Sequence[Any]) -> Any:
    """`p` in the new unknown, divided by powers of unknowns that cannot vanish."""
    removable = [k for q in nonzero if len(q) == 1 for m in q.itermonoms() for k, n in enumerate(m) if n]
    monomials = list(p.itermonoms())
    new = _twisted_exponents(monomials, twist, removable)
    return p.ring.from_dict({m: p[old] for m, old in zip(new, monomials, strict=True)})
