"""Linear algebra modulo a prime below 2**31, on arrays of int64; products of two residues are exact."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from sympy import prevprime

__all__ = ["inverse", "null_space", "power", "primes", "rank", "rational", "reduced"]


def primes(count: int) -> list[int]:
    """The largest primes below 2**31 that are 3 modulo 4, in which half of the numbers have a square root that is a power.

    >>> primes(2)
    [2147483647, 2147483587]
    """
    found: list[int] = []
    last = 2**31
    while len(found) < count:
        last = int(prevprime(last))
        if last % 4 == 3:
            found.append(last)
    return found


def power(a: np.ndarray, exponent: int, prime: int) -> np.ndarray:
    """Powers of residues by repeated squares; `exponent` is at least 0.

    >>> power(np.array([2, 3]), 10, 1009).tolist()
    [15, 527]
    """
    result, square = np.ones_like(a), a % prime
    while exponent:
        if exponent & 1:
            result = result * square % prime
        square = square * square % prime
        exponent >>= 1
    return result


def inverse(a: np.ndarray, prime: int) -> np.ndarray:
    """Reciprocals of residues, by Fermat's theorem; 0 of 0."""
    return power(a, prime - 2, prime)


def reduced(matrix: np.ndarray, prime: int) -> tuple[np.ndarray, list[int]]:
    """The rows of the reduced echelon form that are not zero, and the columns of their pivots.

    >>> rows, pivots = reduced(np.array([[2, 4, 0], [1, 2, 3]]), 7)
    >>> rows.tolist(), pivots
    ([[1, 2, 0], [0, 0, 1]], [0, 2])
    """
    rows = np.array(matrix, dtype=np.int64) % prime
    pivots: list[int] = []
    for column in range(rows.shape[1]):
        done = len(pivots)
        if done == len(rows):
            break
        below = np.flatnonzero(rows[done:, column])
        if not below.size:
            continue
        first = done + int(below[0])
        if first != done:
            rows[[done, first]] = rows[[first, done]]
        rows[done] = rows[done] * pow(int(rows[done, column]), -1, prime) % prime
        others = np.flatnonzero(rows[:, column])
        others = others[others != done]
        rows[others] = (rows[others] - rows[others, column][:, None] * rows[done] % prime) % prime
        pivots.append(column)
    return rows[: len(pivots)], pivots


def rank(matrix: np.ndarray, prime: int) -> int:
    """The rank of a matrix.

    >>> rank(np.array([[1, 2], [2, 4]]), 1009)
    1
    """
    return len(reduced(matrix, prime)[1])


def null_space(matrix: np.ndarray, prime: int) -> np.ndarray:
    """Columns (C, d) that `matrix` (R, C) maps to zero: each one a later column of `matrix` by earlier ones.

    >>> null_space(np.array([[1, 1, 0], [0, 0, 1]]), 7).tolist()
    [[6], [1], [0]]
    """
    rows, pivots = reduced(matrix, prime)
    free = [c for c in range(matrix.shape[1]) if c not in set(pivots)]
    found = np.zeros((matrix.shape[1], len(free)), dtype=np.int64)
    for k, c in enumerate(free):
        found[c, k] = 1
        found[pivots, k] = -rows[:, c] % prime
    return found


def rational(residue: int, prime: int) -> Fraction | None:
    """The fraction of numerator and denominator below the root of half the prime, if there is one.

    References
    ----------
    Wang, Proc. SYMSAC 1981, 212-217.

    Examples
    --------
    >>> rational(3 * pow(7, -1, 2**31 - 1), 2**31 - 1)
    Fraction(3, 7)
    """
    bound = math.isqrt(prime // 2)
    (r0, t0), (r1, t1) = (prime, 0), (int(residue) % prime, 1)
    while r1 > bound:
        quotient = r0 // r1
        (r0, t0), (r1, t1) = (r1, t1), (r0 - quotient * r1, t0 - quotient * t1)
    if t1 == 0 or abs(t1) > bound or math.gcd(r1, t1) != 1:
        return None
    return Fraction(r1, t1)
