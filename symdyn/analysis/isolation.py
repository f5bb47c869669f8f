r"""Intervals with one real root each, of polynomials whose roots differ by many orders of magnitude.

By Descartes' rule a squarefree polynomial has no root between `l` and `u` if the coefficients of
:math:`(1 + x)^n f((l + u x) / (1 + x))` have one sign, and exactly one if they change sign once; otherwise the interval is
divided (Collins & Akritas, SYMSAC '76, 272).  Intervals are divided at powers of two as long as their ends are not within a
factor of two, so that the number of divisions grows with the logarithm of the ratio of the roots' exponents.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from sympy.polys.domains import QQ

__all__ = ["isolated"]


def isolated(f: Sequence[int]) -> list[tuple[Any, Any]]:
    """Open intervals with rational ends around the real roots, or twice the root itself, in increasing order.

    Parameters
    ----------
    f : sequence of int
        Coefficients of a squarefree polynomial, highest first.

    Examples
    --------
    ``x (x - 1) (2**40 x + 1)``:

    >>> intervals = isolated([2**40, 1 - 2**40, -1, 0])
    >>> [a <= root <= b for (a, b), root in zip(intervals, [-QQ(1, 2**40), 0, 1], strict=True)]
    [True, True, True]
    """
    coefficients = [int(c) for c in f]
    zero = [(QQ(0), QQ(0))] if coefficients[-1] == 0 else []
    while coefficients[-1] == 0:
        coefficients.pop()
    n = len(coefficients) - 1
    turned = [-c if (n - k) % 2 else c for k, c in enumerate(coefficients)]
    return [*((-b, -a) for a, b in reversed(_positive(turned))), *zero, *_positive(coefficients)]


def _positive(f: list[int]) -> list[tuple[Any, Any]]:
    """The same for positive roots alone."""
    if len(f) < 2 or not _changes(f):
        return []
    found = []
    todo = [(-_exponent(f[::-1]), _exponent(f))]
    while todo:  # between powers of two
        a, b = todo.pop()
        if b - a == 1:
            found += _between(f, a)
            continue
        changes = _changes(_transformed(f, a, b))
        if changes > 1:
            middle = (a + b) // 2
            if not _scaled_sum(f, middle):
                found.append((_power(middle), _power(middle)))
            todo += [(a, middle), (middle, b)]
        elif changes == 1:
            found.append((_power(a), _power(b)))
    return sorted(found)


def _between(f: list[int], a: int) -> list[tuple[Any, Any]]:
    """Intervals within ``2**a`` and ``2**(a + 1)``, by halves."""
    scaled = _shifted(_scaled(f, a))  # the interval becomes that from 0 to 1
    found = []
    todo = [(scaled, 0, 0)]  # of f((place + x) / 2**depth)
    while todo:
        g, place, depth = todo.pop()
        changes = _changes(_shifted(g[::-1]))
        if not changes:
            continue
        low = _power(a) * (1 + QQ(place, 1 << depth))
        if changes == 1:
            found.append((low, low + _power(a - depth)))
            continue
        left = [c << k for k, c in enumerate(g)]  # 2**n g(x/2)
        right = _shifted(left)
        if right[-1] == 0:
            half = low + _power(a - depth - 1)
            found.append((half, half))
        todo += [(left, 2 * place, depth + 1), (right, 2 * place + 1, depth + 1)]
    return found


def _exponent(f: Sequence[int]) -> int:
    """A power of two above all positive roots (Fujiwara)."""
    first = f[0].bit_length() - 1
    return 1 + max(-((first - c.bit_length()) // k) for k, c in enumerate(f) if k and c)


def _scaled(f: Sequence[int], a: int) -> list[int]:
    """``f(2**a x)``, up to a power of two."""
    n = len(f) - 1
    return [c << a * (n - k) for k, c in enumerate(f)] if a >= 0 else [c << -a * k for k, c in enumerate(f)]


def _scaled_sum(f: Sequence[int], a: int) -> int:
    """``f(2**a)``, up to a power of two."""
    return sum(_scaled(f, a))


def _shifted(f: Sequence[int]) -> list[int]:
    """``f(x + 1)``."""
    g = list(f)
    for k in range(len(g) - 1, 0, -1):
        for j in range(1, k + 1):
            g[j] += g[j - 1]
    return g


def _transformed(f: Sequence[int], a: int, b: int) -> list[int]:
    """``(1 + x)**n f((2**a + 2**b x) / (1 + x))`` up to a power of two."""
    # in units of 2**a, moved by one: roots from 1 to 2**(b - a) become those from 0 to 2**(b - a) - 1
    moved = _shifted(_scaled(f, a))
    width = (1 << b - a) - 1
    n = len(f) - 1
    power, stretched = 1, [0] * (n + 1)
    for k in range(n, -1, -1):
        stretched[k] = moved[k] * power
        power *= width
    return _shifted(stretched[::-1])


def _changes(f: Sequence[int]) -> int:
    """Changes of sign, zeros apart."""
    signs = [c > 0 for c in f if c]
    return sum(s != t for s, t in itertools.pairwise(signs))


def _power(a: int) -> Any:
    return QQ(1 << a, 1) if a >= 0 else QQ(1, 1 << -a)
