r"""Common zeros of polynomials in two unknowns, through an exact resultant.

The resultant :math:`R(y)` vanishes wherever :math:`p(\cdot, y)` and :math:`q(\cdot, y)` have a common zero.  It is the
determinant of the hybrid matrix of Bezout and Sylvester, as large as the higher of the two degrees in :math:`x` (Diaz-Toca &
Gonzalez-Vega, Journal of Symbolic Computation 38 (2004) 1157).  It is computed modulo primes, at enough integers
:math:`y` to interpolate it, and combined by the Chinese remainder theorem; Hadamard's bound for Sylvester's matrix says
how many primes are needed, and the largest and least sums of degrees over permutations which powers of :math:`y` occur, so the
result is exact.  Von zur Gathen & Gerhard, Modern Computer Algebra, 3rd ed. (2013), section 6.8.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sympy import prevprime
from sympy.polys.domains import QQ, ZZ

from symdyn.analysis.effort import Effort
from symdyn.analysis.univariate import count_real_roots

__all__ = ["real_count", "resultant", "whole_coefficients", "work"]

#: Differences of two products of residues, each up to twice as large as the prime, are exact in double precision.
BOUND = 2**24
#: Numbers in memory at once.
BLOCK = 4_000_000
#: Stands for the degree of zero.
NONE = 10**7


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
    ``x**2 + y**2 - 5`` and ``x*y - 2`` intersect where ``y**4 - 5*y**2 + 4`` vanishes.

    >>> resultant([[-5, 0, 1], [], [1]], [[-2], [0, 1]], 4)
    [1, 0, -5, 0, 4]
    """
    least, most = _powers(p, q)
    most = min(most, degree)
    if most < least:
        return []
    needed = _bits(p, q)
    primes: list[int] = []
    last, bits = BOUND, 0.0
    while bits <= needed:
        last = prevprime(last)
        primes.append(last)
        bits += math.log2(last)
    size = max(len(p), len(q)) - 1
    step = max(1, BLOCK // ((most - least + 1) * size * size))
    parts = [_modular(p, q, (least, most), np.array(part)) for part in _parts(primes, step)]
    coefficients = [0] * least + _lift(np.concatenate(parts), primes)
    while coefficients and coefficients[-1] == 0:
        coefficients.pop()
    return coefficients[::-1]


def real_count(p: Any, q: Any, i: int, j: int, effort: Effort) -> int:
    """How many common real zeros two polynomials in the generators `i` and `j` without common factor have.

    In coordinates ``x_j + c x_i`` no zeros are one above the other or at infinity, so that they are as many as the resultant
    has real roots, unless `c` is one of at most `N**2` numbers for `N` zeros.  It is drawn from about :math:`2^{30}`.

    Raises
    ------
    OverflowError
        If that takes too long.

    Examples
    --------
    >>> from sympy.polys.rings import PolyRing
    >>> x, y = PolyRing("x,y", QQ).gens
    >>> real_count(x**2 + y**2 - 1, (x**2 - y**2) * y, 0, 1, Effort(1.0))
    6
    """
    ring = p.ring
    numbers = random.Random(len(p) + 1000 * len(q))
    sheared: list[list[list[int]]] = []
    slope = QQ(numbers.randint(1, 2**16), numbers.randint(1, 2**16))
    for f in (p, q):
        degree = max(map(sum, f.itermonoms()))
        effort.spend("elimination", sum(m[j] + 1 for m in f.itermonoms()) * degree / 10, "counting zeros")
        sheared.append(whole_coefficients(f.compose(ring.gens[j], ring.gens[j] - slope * ring.gens[i]), i, j))
    first, second = sheared
    effort.spend("resultant", work(first, second), "counting zeros")
    bound = math.prod(max(map(sum, f.itermonoms())) for f in (p, q))
    eliminated = resultant(first, second, bound)
    bits = max((abs(c).bit_length() for c in eliminated), default=0)
    effort.spend("isolation", len(eliminated) ** 2 * bits, "counting zeros")
    return count_real_roots(eliminated)


def work(p: Sequence[Sequence[Any]], q: Sequence[Sequence[Any]]) -> float:
    """About how many multiplications `resultant` takes; some hundred millions are one second."""
    least, most = _powers(p, q)
    high, low = max(len(p), len(q)) - 1, min(len(p), len(q)) - 1
    return _bits(p, q) / 24 * max(1, most - least + 1) * high * high * (high / 3 + low)


def _parts(items: list[int], step: int) -> Iterator[list[int]]:
    for k in range(0, len(items), step):
        yield items[k : k + step]


def _powers(p: Sequence[Sequence[Any]], q: Sequence[Sequence[Any]]) -> tuple[int, int]:
    """Bounds of the powers of y in the resultant: least and largest sums over permutations of Sylvester's matrix."""
    size = len(p) + len(q) - 2
    low, high = np.full((size, size), NONE), np.full((size, size), -NONE)
    row = 0
    for a, shifts in ((p, len(q) - 1), (q, len(p) - 1)):
        ends = [[j for j, c in enumerate(line) if c] for line in reversed(a)]
        for k in range(shifts):
            for i, present in enumerate(ends):
                if present:
                    low[row, k + i], high[row, k + i] = present[0], present[-1]
            row += 1
    most = int(high[linear_sum_assignment(high, maximize=True)].sum())
    return int(low[linear_sum_assignment(low)].sum()), most


def _bits(p: Sequence[Sequence[Any]], q: Sequence[Sequence[Any]]) -> float:
    """Bits of twice the largest coefficient: Hadamard's bound over the rows, where all |y| = 1."""
    total = 2.0
    for a, times in ((p, len(q) - 1), (q, len(p) - 1)):
        square = sum(sum(abs(int(c)) for c in row) ** 2 for row in a)
        total += times * square.bit_length() / 2
    return total


def _modular(p: Sequence[Sequence[Any]], q: Sequence[Sequence[Any]], powers: tuple[int, int], primes: np.ndarray) -> np.ndarray:
    """Coefficients of the powers of y between bounds, lowest first, modulo each prime; (primes, powers) int64."""
    least, most = powers
    points = np.arange(1, most - least + 2, dtype=np.int64)
    m = primes.astype(np.int64)[:, None]
    real = m.astype(float)
    first, second = (np.stack([_evaluate(row, points, primes) for row in a]) for a in (p, q))
    swapped = len(first) < len(second)
    values = _determinant(_hybrid(second, first, real) if swapped else _hybrid(first, second, real), real)
    if swapped and (len(first) - 1) * (len(second) - 1) % 2:
        values = (m - values) % m
    if least:
        values = values * _power(np.broadcast_to(points, values.shape), (m - 1 - least) % (m - 1), m) % m
    return _interpolate(values, primes)


def _hybrid(p: np.ndarray, q: np.ndarray, m: np.ndarray) -> np.ndarray:
    r"""The matrix whose determinant is the resultant of `p` and `q`, whose degree is not higher; (n, n, primes, points).

    Rows are :math:`(p_n x^{i-1} + ... + p_{n-i+1}) x^{n-m} q - (q_m x^{i-1} + ... + q_{m-i+1}) p` for i = m, ..., 1 and
    :math:`x^k q` for k = n - m - 1, ..., 0, all of degree n - 1 or less; columns fall with the power of x.
    """
    n, lower = len(p) - 1, len(q) - 1
    p, q = p.astype(float), q.astype(float)
    raised = np.concatenate([np.zeros((n - lower, *q.shape[1:])), q])
    matrix = np.zeros((n, n, *q.shape[1:]))
    row = np.zeros_like(p)  # by increasing powers of x
    for i in range(lower):
        new = p[n - i] * raised - q[lower - i] * p
        new[1:] += row[:-1]
        row = _reduced(new, m)
        matrix[lower - 1 - i] = row[n - 1 :: -1] if n else row[:0]
    for k in range(n - lower):
        matrix[n - 1 - k, n - 1 - k - lower : n - k] = q[::-1]
    return matrix


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


def _reduced(x: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Residues of integers in double precision, between -m and 2 m."""
    whole = x * (1 / m)
    np.floor(whole, out=whole)
    whole *= m
    return np.subtract(x, whole, out=whole)


def _determinant(matrix: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Determinants of ``matrix[:, :, prime, point]`` modulo the primes, int64; the matrix is overwritten."""
    size = len(matrix)
    moduli = m.astype(np.int64)
    total = np.ones(np.broadcast_shapes(matrix.shape[2:], m.shape), np.int64)
    scale = np.ones_like(total)  # rows are multiplied rather than divided: there is one inverse at the end
    for k in range(size):
        matrix[k:, k] %= m  # zeros must be distinguished from multiples of the prime
        pivot = np.argmax(matrix[k:, k] != 0, axis=0) + k  # a row with a nonzero entry, for each prime and point
        if (pivot != k).any():
            row = np.take_along_axis(matrix, pivot[None, None], axis=0)[0]
            swapped = np.broadcast_to(pivot != k, row.shape)
            old = matrix[k].copy()
            np.put_along_axis(matrix, pivot[None, None], np.where(swapped, old, row)[None], axis=0)
            matrix[k] = row
            total = np.where(pivot != k, moduli - total, total)
        head = matrix[k, k]
        total = total * head.astype(np.int64) % moduli
        for i in range(k + 1, size):
            if matrix[i, k].any():
                lines = head * matrix[i, k + 1 :]
                lines -= matrix[i, k] * matrix[k, k + 1 :]
                matrix[i, k + 1 :] = _reduced(lines, m)
                scale = scale * head.astype(np.int64) % moduli
    return total * _power(scale, moduli - 2, moduli) % moduli


def _interpolate(values: np.ndarray, primes: np.ndarray) -> np.ndarray:
    """Coefficients, lowest first, of the polynomials with these values at 1, 2, 3, ..."""
    moduli = primes.astype(np.int64)[:, None]
    m = moduli.astype(float)
    count = values.shape[1]
    steps = np.broadcast_to(np.arange(count), values.shape)
    inverse = _power(steps, moduli - 2, moduli).astype(float)
    newton = values.astype(float)
    for k in range(1, count):  # divided differences: the points k apart differ by k
        newton[:, k:] = _reduced((newton[:, k:] - newton[:, k - 1 : -1]) * inverse[:, k : k + 1], m)
    result = np.zeros_like(newton)
    for k in range(count, 0, -1):  # Horner's rule in (y - k)
        shifted = np.zeros_like(result)
        shifted[:, 1:] = result[:, :-1]
        shifted[:, 0] = newton[:, k - 1]
        result = _reduced(shifted - k * result, m)
    return result.astype(np.int64) % moduli


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
