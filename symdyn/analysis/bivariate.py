r"""Common zeros of polynomials in two unknowns, through an exact resultant.

The resultant :math:`R(y) = \det S(p, q; y)` of Sylvester's matrix vanishes wherever :math:`p(\cdot, y)` and
:math:`q(\cdot, y)` have a common zero.  It is computed modulo primes, at enough integers :math:`y` to interpolate it, and
put together by the Chinese remainder theorem; Hadamard's bound says how many primes are needed, so the result is exact.
Von zur Gathen & Gerhard, Modern Computer Algebra, 3rd ed. (2013), section 6.8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sympy import prevprime
from sympy.polys.domains import QQ, ZZ

__all__ = ["resultant", "whole_coefficients", "work"]

#: Residues below this have products that fit 64 bits.
BOUND = 2**31
#: Numbers that are held at once.
BLOCK = 4_000_000


def resultant(p: Sequence[Sequence[Any]], q: Sequence[Sequence[Any]], degree: int) -> list[int]:
    """Coefficients of the resultant, highest first; an empty list if it vanishes.

    Parameters
    ----------
    p, q : sequences of sequences of int
        ``p[i][j]`` is the coefficient of ``x**i * y**j``; `x` is eliminated.
    degree : int
        An upper bound of the degree of the resultant.

    Examples
    --------
    ``x**2 + y**2 - 5`` and ``x*y - 2`` meet where ``y**4 - 5*y**2 + 4`` vanishes.

    >>> resultant([[-5, 0, 1], [], [1]], [[-2], [0, 1]], 4)
    [1, 0, -5, 0, 4]
    """
    needed = _bits(p, q, degree)
    primes: list[int] = []
    last, bits = BOUND, 0.0
    while bits <= needed:
        last = prevprime(last)
        primes.append(last)
        bits += math.log2(last)
    size = len(p) + len(q) - 2
    step = max(1, BLOCK // ((degree + 1) * size * size))
    residues = np.concatenate([_modular(p, q, degree, np.array(part)) for part in _parts(primes, step)])
    coefficients = _lift(residues, primes)
    while coefficients and coefficients[-1] == 0:
        coefficients.pop()
    return coefficients[::-1]


def work(p: Sequence[Sequence[Any]], q: Sequence[Sequence[Any]], degree: int) -> float:
    """About how many multiplications `resultant` takes; half a billion are one second."""
    return _bits(p, q, degree) / 31 * (degree + 1) * (len(p) + len(q) - 2) ** 3


def _parts(items: list[int], step: int) -> Iterator[list[int]]:
    for k in range(0, len(items), step):
        yield items[k : k + step]


def _bits(p: Sequence[Sequence[Any]], q: Sequence[Sequence[Any]], degree: int) -> float:
    """Bits of twice the largest coefficient: Hadamard's bound over the rows, where all |y| = 1."""
    total = 2.0
    for a, times in ((p, len(q) - 1), (q, len(p) - 1)):
        square = sum(sum(abs(int(c)) for c in row) ** 2 for row in a)
        total += times * square.bit_length() / 2
    return total


def _modular(p: Sequence[Sequence[Any]], q: Sequence[Sequence[Any]], degree: int, primes: np.ndarray) -> np.ndarray:
    """Coefficients of the resultant, lowest first, modulo each prime; (primes, degree + 1) int64."""
    points = np.arange(degree + 1, dtype=np.int64)
    m = primes.astype(np.int64)[:, None]
    values = [np.stack([_evaluate(row, points, primes) for row in a]) for a in (p, q)]
    size = len(p) + len(q) - 2
    row = 0
    matrix = np.zeros((size, size, len(primes), degree + 1), np.int64)
    for a, shift in ((values[0], len(q) - 1), (values[1], len(p) - 1)):
        for k in range(shift):
            for i in range(len(a)):
                matrix[row, k + i] = a[len(a) - 1 - i]
            row += 1
    return _interpolate(_determinant(matrix, m), primes)


def _evaluate(row: Sequence[Any], points: np.ndarray, primes: np.ndarray) -> np.ndarray:
    """A polynomial at the points, modulo each prime."""
    m = primes.astype(np.int64)[:, None]
    total = np.zeros((len(primes), points.size), np.int64)
    for c in reversed(row):
        residue = np.array([int(c) % int(prime) for prime in primes], np.int64)[:, None]
        total = (total * points + residue) % m
    return total


def _power(base: np.ndarray, exponent: np.ndarray, m: np.ndarray) -> np.ndarray:
    """``base**exponent`` modulo `m`."""
    result = np.ones(np.broadcast_shapes(base.shape, m.shape), np.int64)
    while exponent.any():
        result = np.where(exponent & 1, result * base % m, result)
        base = base * base % m
        exponent = exponent >> 1
    return result


def _determinant(matrix: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Determinants of ``matrix[:, :, prime, point]`` modulo the primes."""
    size = len(matrix)
    total = np.ones(np.broadcast_shapes(matrix.shape[2:], m.shape), np.int64)
    for k in range(size):
        pivot = np.argmax(matrix[k:, k] != 0, axis=0) + k  # a row with a nonzero entry, for each prime and point
        if (pivot != k).any():
            row = np.take_along_axis(matrix, pivot[None, None], axis=0)[0]
            swapped = np.broadcast_to(pivot != k, row.shape)
            old = matrix[k].copy()
            np.put_along_axis(matrix, pivot[None, None], np.where(swapped, old, row)[None], axis=0)
            matrix[k] = row
            total = np.where(pivot != k, m - total, total)
        head = matrix[k, k]
        total = total * head % m
        inverse = _power(head, m - 2, m)
        for i in range(k + 1, size):
            if matrix[i, k].any():
                ratio = matrix[i, k] * inverse % m
                matrix[i, k:] = (matrix[i, k:] + (m - ratio) * matrix[k, k:]) % m
    return total


def _interpolate(values: np.ndarray, primes: np.ndarray) -> np.ndarray:
    """Coefficients, lowest first, of the polynomials with these values at 0, 1, 2, ..."""
    m = primes.astype(np.int64)[:, None]
    count = values.shape[1]
    newton = values.copy()
    for k in range(1, count):  # divided differences: the points k apart differ by k
        inverse = _power(np.full((len(primes), 1), k, np.int64), m - 2, m)
        newton[:, k:] = (newton[:, k:] - newton[:, k - 1 : -1]) % m * inverse % m
    result = np.zeros_like(values)
    for k in range(count - 1, -1, -1):  # Horner's rule in (y - k)
        shifted = np.zeros_like(result)
        shifted[:, 1:] = result[:, :-1]
        result = (shifted + (m - k % m) * result) % m
        result[:, 0] = (result[:, 0] + newton[:, k]) % m[:, 0]
    return result


def _lift(residues: np.ndarray, primes: list[int]) -> list[int]:
    """Integers of least absolute value with these residues."""
    product = math.prod(primes)
    weights = []
    for prime in primes:
        rest = product // prime
        weights.append(rest * pow(rest % prime, -1, prime))
    found = []
    for column in residues.T.tolist():
        value = sum(r * w for r, w in zip(column, weights, strict=True) if r) % product
        found.append(value - product if 2 * value > product else value)
    return found


def whole_coefficients(p: Any, i: int, j: int) -> list[list[int]]:
    """Integer coefficients ``[power of i][power of j]`` of a polynomial in these two generators, denominators cleared."""
    common = QQ(1)
    for c in p.itercoeffs():
        common = common * c.denominator / math.gcd(int(common), int(c.denominator))
    rows: list[list[int]] = [[] for _ in range(max(m[i] for m in p.itermonoms()) + 1)]
    for m, c in p.iterterms():
        row = rows[m[i]]
        row.extend([0] * (m[j] + 1 - len(row)))
        row[m[j]] = int(ZZ.convert(c * common))
    content = math.gcd(*(c for row in rows for c in row))
    return [[c // content for c in row] for row in rows]
