r"""How many zeros a polynomial system has, counted without finding any: the dimension of its quotient algebra.

An ideal :math:`I` with finitely many zeros has :math:`\dim \mathbb{C}[x] / I` of them, each as often as it counts.
Multiples of the equations of degree :math:`d` or less, and of every combination of them whose degree falls, are brought to
echelon form; the monomials that lead no row are :math:`B_d`.  Once these have degrees below :math:`d` they span the
quotient, so :math:`|B_d|` bounds the number of zeros from above; from degrees below :math:`d - 1` on the bound is attained
(Mourrain, AAECC-13 (1999) 430; Lazard, EUROCAL '83, 146).  As many different zeros are therefore all zeros.

The elimination is done modulo a random prime of 31 bits.  It differs from that in rational numbers only if the prime divides
one of the pivots, which are quotients of minors.  A prime of this size divides a number at random once in :math:`10^9` times:
among a hundred pivots that is a probability of about :math:`10^{-7}`, and never more than :math:`10^{-9}` times the bits of all
minors, as each has one such divisor for thirty bits among :math:`5 \cdot 10^7` primes.  A wrong claim would need just
as many zeros to be missed in addition.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sympy import prevprime
from sympy.polys.domains import QQ
from sympy.polys.rings import PolyRing

from symdyn.analysis.effort import Effort

__all__ = ["local_multiplicity", "quotient_bounds", "saturated"]

#: Primes below this have products of residues that fit 64 bits.
BOUND = 2**31
#: Columns of the echelon form above which nothing is counted.
WIDEST = 2_000
#: Degrees beyond Macaulay's bound at which zeros are taken for infinitely many.
BEYOND = 3
#: Multiplicity above which a zero is taken for one that is not isolated.
THICKEST = 40
#: Columns of the echelon form above which no multiplicity is computed.
NARROW = 300


def quotient_bounds(equations: Sequence[Any], unknowns: Sequence[int], effort: Effort, seed: int = 0) -> Iterator[int]:
    """Upper bounds of the number of zeros in the generators `unknowns`, with multiplicities; the last is that number.

    Nothing is yielded where there are infinitely many, or where counting them takes too long.

    Examples
    --------
    Two circles meet in two points, though Bezout's number is four.

    >>> x, y = PolyRing("x,y", QQ).gens
    >>> list(quotient_bounds([x**2 + y**2 - 1, (x - 1) ** 2 + y**2 - 1], [0, 1], Effort(1.0)))[-1]
    2
    """
    rows, prime = _residues(equations, unknowns, seed)
    if any(len(row) == 1 and not any(next(iter(row))) for row in rows):
        yield 0
        return
    degrees = sorted(max(map(sum, row)) for row in rows)
    echelon = _Echelon(len(unknowns), prime, effort)
    highest = sum(d - 1 for d in degrees[-len(unknowns) :]) + 1 + BEYOND
    try:
        for d in range(degrees[0], highest + 1):
            echelon.raise_to(d)
            echelon.close([row for row in rows if max(map(sum, row)) == d])
            if d < degrees[-1]:
                continue
            top = echelon.top()
            if top < d:
                yield len(echelon.monomials) - len(echelon.rows)
            if top < d - 1:
                return
    except OverflowError:
        return


def saturated(equations: Sequence[Any], unknowns: Sequence[int], nonzero: Sequence[Any]) -> tuple[list[Any], list[int]]:
    r"""The equations with a further unknown, :math:`t \prod_k q_k = 1`: their zeros are those where no :math:`q_k` vanishes."""
    ring = equations[0].ring
    wider = PolyRing([*map(str, ring.symbols), "t_"], QQ, ring.order)

    def lifted(p: Any) -> Any:
        return wider.from_dict({(*m, 0): c for m, c in p.iterterms()})

    product = wider.gens[-1]
    for q in nonzero:
        product = product * lifted(q)
    return [*map(lifted, equations), product - 1], [*unknowns, ring.ngens]


def local_multiplicity(equations: Sequence[Any], unknowns: Sequence[int], point: Sequence[Any], effort: Effort) -> int | None:
    r"""How often a rational zero counts: the dimension of :math:`\mathbb{Q}[x]_a / I` (Macaulay's dual space), or None.

    The multiples of the equations, moved to the origin, are truncated at a degree that rises until the dimension does not.

    Examples
    --------
    >>> x, y = PolyRing("x,y", QQ).gens
    >>> local_multiplicity([x**2 - y, y**2], [0, 1], [QQ(0), QQ(0)], Effort(1.0))
    4
    """
    ring = equations[0].ring
    moved = list(equations)
    for i, a in zip(unknowns, point, strict=True):
        moved = [p.compose(ring.gens[i], ring.gens[i] + a) for p in moved] if a else moved
    rows, prime = _residues(moved, unknowns, 1)
    before = 0
    try:
        for order in range(1, THICKEST + 1):
            if math.comb(len(unknowns) + order - 1, order - 1) > NARROW:
                return None
            echelon = _Echelon(len(unknowns), prime, effort)
            echelon.raise_to(order - 1)
            echelon.truncated(rows)
            found = len(echelon.monomials) - len(echelon.rows)
            if found == before:
                return found
            if found > THICKEST:
                return None
            before = found
    except OverflowError:
        return None
    return None


def _residues(equations: Sequence[Any], unknowns: Sequence[int], seed: int) -> tuple[list[dict], int]:
    """Coefficients modulo a random prime that divides no denominator and no coefficient."""
    rng = np.random.default_rng(seed)
    while True:
        prime = int(prevprime(int(rng.integers(BOUND // 2, BOUND))))
        coefficients = [c for p in equations for c in p.itercoeffs()]
        if all(int(c.numerator) % prime and int(c.denominator) % prime for c in coefficients):
            break
    rows = []
    for p in equations:
        rows.append(
            {
                tuple(m[i] for i in unknowns): int(c.numerator) * pow(int(c.denominator), -1, prime) % prime
                for m, c in p.iterterms()
            }
        )
    return rows, prime


class _Echelon:
    """A space of polynomials of bounded degree modulo a prime, one row for each leading monomial."""

    def __init__(self, n: int, prime: int, effort: Effort) -> None:
        self.n, self.prime, self.effort = n, prime, effort
        self.degree = -1
        self.monomials: list[tuple[int, ...]] = []  # by increasing degree: columns are appended
        self.index: dict[tuple[int, ...], int] = {}
        self.raised = np.empty((n, 0), int)  # columns of the monomials of lower degree times each unknown
        self.rows: dict[int, np.ndarray] = {}
        self.waiting: list[int] = []  # leading columns of rows that are to be multiplied once the degree allows

    def raise_to(self, degree: int) -> None:
        """Admit monomials up to this degree."""
        if math.comb(self.n + degree, degree) > WIDEST:
            raise OverflowError("counting zeros takes too long")
        for d in range(self.degree + 1, degree + 1):
            for m in sorted(_monomials(self.n, d), key=lambda m: tuple(-e for e in reversed(m))):
                self.index[m] = len(self.monomials)
                self.monomials.append(m)
        self.degree = degree
        width = len(self.monomials)
        lower = [m for m in self.monomials if sum(m) < degree]
        self.raised = np.array([[self.index[(*m[:k], m[k] + 1, *m[k + 1 :])] for m in lower] for k in range(self.n)])
        self.rows = {c: np.concatenate([row, np.zeros(width - row.size, np.int64)]) for c, row in self.rows.items()}

    def top(self) -> int:
        """The highest degree of a monomial that leads no row."""
        return max((sum(m) for c, m in enumerate(self.monomials) if c not in self.rows), default=-1)

    def close(self, new: Sequence[dict]) -> None:
        """Add polynomials, and all multiples of what there is within the degree."""
        block = np.zeros((len(new), len(self.monomials)), np.int64)
        for k, row in enumerate(new):
            for m, c in row.items():
                block[k, self.index[m]] = c
        self._reduce(block)
        while True:
            ready = [c for c in self.waiting if sum(self.monomials[c]) < self.degree]
            if not ready:
                return
            self.waiting = [c for c in self.waiting if sum(self.monomials[c]) >= self.degree]
            self._reduce(np.concatenate([self._multiples(c) for c in ready]))

    def truncated(self, rows: Sequence[dict]) -> None:
        """Add all multiples of polynomials without what exceeds the degree."""
        block = []
        for row in rows:
            for m in self.monomials:
                line = np.zeros(len(self.monomials), np.int64)
                for k, c in row.items():
                    column = self.index.get(tuple(a + b for a, b in zip(k, m, strict=True)))
                    if column is not None:
                        line[column] = c
                if line.any():
                    block.append(line)
        if block:
            self._reduce(np.array(block))

    def _multiples(self, column: int) -> np.ndarray:
        """A row times each unknown."""
        row = self.rows[column]
        present = np.flatnonzero(row)
        found = np.zeros((self.n, row.size), np.int64)
        for k in range(self.n):
            found[k, self.raised[k, present]] = row[present]
        return found

    def _reduce(self, block: np.ndarray) -> None:
        """Bring further rows and those that are to one echelon form."""
        p = self.prime
        for c in range(block.shape[1] - 1, -1, -1):
            some = np.flatnonzero(block[:, c])
            if not some.size:
                continue
            if c not in self.rows:
                lead = block[some[0]]
                self.rows[c] = lead * pow(int(lead[c]), -1, p) % p
                self.waiting.append(c)
                block[some[0]] = 0
                some = some[1:]
            self.effort.spend("counting", some.size * (c + 1), "counting zeros")
            row = self.rows[c][: c + 1]
            block[some, : c + 1] = (block[some, : c + 1] + (p - block[some, c])[:, None] * row) % p


def _monomials(n: int, degree: int) -> Iterator[tuple[int, ...]]:
    """Exponents of all monomials of a degree."""
    for bars in itertools.combinations(range(degree + n - 1), n - 1):
        ends = (-1, *bars, degree + n - 1)
        yield tuple(b - a - 1 for a, b in itertools.pairwise(ends))
