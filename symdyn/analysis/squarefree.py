r"""The squarefree part of a polynomial with long integer coefficients, through its greatest common divisor with its derivative.

The divisor is computed modulo primes, combined by the Chinese remainder theorem and rational reconstruction, and accepted
only if it divides both exactly.  Von zur Gathen & Gerhard, Modern Computer Algebra, 3rd ed. (2013), sections 5.10 and 6.7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from sympy import prevprime

__all__ = ["squarefree_part"]

#: Residues below this have products that fit 64 bits.
BOUND = 2**31


def squarefree_part(coefficients: Sequence[int]) -> list[int]:
    """A polynomial with the same roots, each once; coefficients without a common divisor, highest first.

    Examples
    --------
    ``(x - 1)**3 * x**2 * (2*x + 3)`` has the roots of ``x*(x - 1)*(2*x + 3)``.

    >>> squarefree_part([2, -3, -3, 7, -3, 0, 0])
    [2, 1, -3, 0]
    """
    f = _primitive(coefficients)
    zero = f[-1] == 0
    while f[-1] == 0:
        f.pop()
    if len(f) > 2:
        slope = _primitive([c * (len(f) - 1 - k) for k, c in enumerate(f[:-1])])
        f = _quotient(f, _divisor(f, slope)) or f
    return [*f, 0] if zero else f


def _primitive(coefficients: Sequence[int]) -> list[int]:
    common = math.gcd(*coefficients)
    return [c // common for c in coefficients]


def _quotient(f: Sequence[int], g: Sequence[int]) -> list[int] | None:
    """``f / g``, or None where a remainder or a fraction is left."""
    rest, found = list(f), []
    for k in range(len(f) - len(g) + 1):
        ratio, odd = divmod(rest[k], g[0])
        if odd:
            return None
        found.append(ratio)
        if ratio:
            for j, c in enumerate(g):
                rest[k + j] -= ratio * c
    return None if any(rest[len(f) - len(g) + 1 :]) else found


def _divisor(f: list[int], g: list[int]) -> list[int]:
    """The greatest common divisor, primitive."""
    prime, product, known, goal = BOUND, 1, [0] * len(g), 2
    used = 0
    while True:
        prime = prevprime(prime)
        if f[0] % prime == 0 or g[0] % prime == 0:
            continue
        residues = _modular(f, g, prime)
        if len(residues) == 1:
            return [1]
        if len(residues) > len(known):
            continue  # an unlucky prime: the true degree is not higher than any of these
        if len(residues) < len(known):
            product, known, used, goal = 1, [0] * len(residues), 0, 2
        inverse = pow(product % prime, -1, prime)
        known = [a + product * ((r - a) * inverse % prime) for a, r in zip(known, residues, strict=True)]
        product *= prime
        used += 1
        if used == goal:  # trials at numbers of primes in geometric progression cost no more than the last one
            goal = used + max(1, used // 2)
            candidate = _reconstructed(known, product)
            if candidate is not None and _quotient(f, candidate) and _quotient(g, candidate):
                return candidate


def _modular(f: list[int], g: list[int], prime: int) -> list[int]:
    """The monic greatest common divisor modulo a prime."""
    a, b = (np.array([c % prime for c in side], np.int64) for side in (f, g))
    while b.size:
        b = b * pow(int(b[0]), -1, prime) % prime
        a = a.copy()
        for k in range(a.size - b.size + 1):
            if a[k]:
                a[k : k + b.size] = (a[k : k + b.size] + (prime - a[k]) * b) % prime
        rest = a[max(0, a.size - b.size + 1) :]
        nonzero = np.flatnonzero(rest)
        a, b = b, rest[nonzero[0] :] if nonzero.size else rest[:0]
    return [int(c) for c in a]


def _reconstructed(residues: Sequence[int], product: int) -> list[int] | None:
    """Integers in the ratios that rational numbers with small numerators and denominators have which leave these residues."""
    bound = math.isqrt(product // 2)
    common = 1
    found: list[int] = []
    for residue in residues:
        a, b, s, t = product, residue * common % product, 0, 1
        while b > bound:
            q = a // b
            a, b, s, t = b, a - q * b, t, s - q * t
        if abs(t) > bound or t == 0:
            return None
        if t < 0:
            b, t = -b, -t
        found = [n * t for n in found]
        found.append(b)
        common *= t
    return _primitive(found)
