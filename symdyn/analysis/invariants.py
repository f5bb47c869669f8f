r"""Functions of the unknowns that outputs determine, and scalings of the unknowns that no output shows.

At a point the derivatives of outputs have the null space N.  A function c is constant along it if :math:`N^\top \nabla c = 0`.
For monomials :math:`\prod_j \theta_j^{b_j}` that is :math:`\sum_j b_j N_j / \theta_j = 0`, and for sums
:math:`\sum_m c_m \theta^m` of monomials it is linear in the coefficients c: both are solved over many random points, modulo a
prime, and the solutions are rational numbers.  A scaling :math:`\theta_j \to \lambda^{a_j} \theta_j` changes no output if
:math:`J\,\mathrm{diag}(\theta)\,a = 0` at all points, with the derivatives J.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations_with_replacement
from math import gcd, lcm

import numpy as np
import sympy as sp
from sympy.polys.domains import ZZ
from sympy.polys.matrices import DomainMatrix

from symdyn.analysis.residue_series import SeriesPoints
from symdyn.analysis.residues import inverse, null_space, power, rank, rational, reduced
from symdyn.errors import DeclarationError

__all__ = ["Invariants", "NullSpaces"]

Exponents = tuple[int, ...]
#: Most monomials of one search.
LARGEST = 260
#: Points beyond those that the unknown coefficients need.
FURTHER = 4


class NullSpaces:
    """Points with the null spaces of the derivatives there, as many as are asked for.

    Parameters
    ----------
    points : callable
        From a number of points to `SeriesPoints`, always of one prime.
    dimension : int
        Of the null space in general position; other points are left out.
    """

    def __init__(self, points: Callable[[int], SeriesPoints | None], dimension: int) -> None:
        self._points, self.dimension = points, dimension
        self.prime = 0
        self.values: list[np.ndarray] = []
        self.spaces: list[np.ndarray] = []
        self.rows: list[np.ndarray] = []

    def __call__(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Values (B, L) and null spaces (B, L, d).

        Raises
        ------
        DeclarationError
            If so many points are not found.
        """
        for _ in range(20):
            missing = count - len(self.values)
            if missing <= 0:
                break
            found = self._points(missing)
            if found is None:
                continue
            self.prime = found.prime
            for values, jacobian in zip(found.values, found.jacobians, strict=True):
                rows, _ = reduced(jacobian.reshape(-1, jacobian.shape[-1]), found.prime)
                space = null_space(rows, found.prime)
                if space.shape[1] == self.dimension:
                    self.values.append(values)
                    self.spaces.append(space)
                    self.rows.append(rows)
        if len(self.values) < count:
            raise DeclarationError("the observables are defined at too few of the random points; try another seed")
        return np.array(self.values[:count]), np.array(self.spaces[:count])


class Invariants:
    """The search for invariants of some null spaces, and for scalings.

    Parameters
    ----------
    symbols : sequence of Symbol
        The unknowns.
    spaces, fresh : NullSpaces
        Points of one prime, and those of another with which results are checked.
    """

    def __init__(self, symbols: Sequence[sp.Symbol], spaces: NullSpaces, fresh: NullSpaces) -> None:
        self.symbols, self.spaces, self.fresh = tuple(symbols), spaces, fresh

    def scalings(self) -> list[dict[sp.Symbol, int]]:
        """Independent scalings that change no output: exponents of the unknowns that they change."""
        values, _ = self.spaces(3)
        p = self.spaces.prime
        rows = np.concatenate([r * v % p for r, v in zip(self.spaces.rows, values, strict=False)])
        found = _whole(null_space(rows, p), p)
        return [{s: a for s, a in zip(self.symbols, vector, strict=True) if a} for vector in found]

    def of(self, places: Sequence[int], further: Sequence[int], known: Sequence[sp.Expr] = ()) -> tuple[list[sp.Expr], int]:
        """Independent invariants of the unknowns at `places`, simple ones first, and how many more there are.

        Parameters
        ----------
        places : sequence of int
            None of which is determined by itself.
        further : sequence of int
            Unknowns that are determined, which invariants may contain beside.
        known : sequence of Expr
            Invariants that are known already.
        """
        _, spaces = self.spaces(1)
        wanted = len(places) - rank(spaces[0][list(places)], self.spaces.prime)
        found = list(known)
        for candidate in self._candidates(places, further, len(known), wanted):
            if len(found) == wanted:
                break
            if self._holds(candidate, places) and self._independent([*found, candidate], places):
                found.append(candidate)
        return found[len(known) :], wanted - len(found)

    def _candidates(self, places: Sequence[int], further: Sequence[int], known: int, wanted: int) -> Iterator[sp.Expr]:
        if known < wanted:
            yield from self._monomials(places)
        for exponents in self._families(places, further):
            if exponents:
                yield from self._sums(exponents, places)

    def _monomials(self, places: Sequence[int]) -> list[sp.Expr]:
        values, spaces = self.spaces(3)
        p = self.spaces.prime
        at = list(places)
        rows = np.swapaxes(spaces[:, at] * inverse(values[:, at], p)[..., None] % p, 1, 2).reshape(-1, len(at))
        vectors = _whole(null_space(rows, p), p)
        found = [sp.Mul(*(self.symbols[k] ** b for k, b in zip(at, vector, strict=True))) for vector in vectors]
        return sorted(found, key=lambda e: (sp.count_ops(e), str(e)))

    # ---- sums of monomials -------------------------------------------------------------------------------------

    def _families(self, places: Sequence[int], further: Sequence[int]) -> Iterator[list[dict[int, int]]]:
        """Sets of monomials, larger and larger: exponents by place."""
        own, both = list(places), [*places, *further]

        def upto(chosen: Sequence[int], degree: int) -> list[dict[int, int]]:
            found = [{k: m.count(k) for k in m} for d in range(1, degree + 1) for m in combinations_with_replacement(chosen, d)]
            return [m for m in found if any(k in own for k in m)]

        def quotients(chosen: Sequence[int]) -> list[dict[int, int]]:
            pairs = [(a, b) for a in chosen for b in chosen if a != b]
            found = [*upto(chosen, 2), *({a: 1, b: -1} for a, b in pairs), *({a: -1} for a in chosen)]
            return [m for m in found if any(k in own for k in m)]

        for family in (upto(own, 1), upto(own, 2), upto(both, 2), quotients(own), upto(own, 3), quotients(both), upto(both, 3)):
            yield family if len(family) <= LARGEST else []

    def _sums(self, family: list[dict[int, int]], places: Sequence[int]) -> Iterator[sp.Expr]:
        d = self.spaces.dimension
        values, spaces = self.spaces(-(-len(family) // d) + FURTHER)
        p = self.spaces.prime
        slopes = _slopes(family, values, places, p)  # (B, S, M)
        rows = np.concatenate([_times(space[list(places)].T, slope, p) for space, slope in zip(spaces, slopes, strict=True)])
        found = null_space(rows, p)
        for column in found.T:
            whole = _numbers(column, p)
            if whole is None:
                continue
            monomials = [sp.Mul(*(self.symbols[k] ** b for k, b in m.items())) for m in family]
            sign = -1 if sum(c < 0 for c in whole) > sum(c > 0 for c in whole) else 1
            yield sp.Add(*(sign * c * m for c, m in zip(whole, monomials, strict=True)))

    # ---- checks ------------------------------------------------------------------------------------------------

    def _gradient(self, e: sp.Expr, places: Sequence[int], values: np.ndarray, prime: int) -> np.ndarray:
        """Derivatives (S,) of an invariant at one point."""
        total = np.zeros(len(places), dtype=np.int64)
        at = {s: k for k, s in enumerate(self.symbols)}
        for term in sp.Add.make_args(e):
            c, monomial = term.as_coeff_Mul()
            exponents = {at[s]: int(b) for s, b in monomial.as_powers_dict().items()}
            [slopes] = _slopes([exponents], values[None], places, prime)
            total += slopes[:, 0] * (int(c.p) * pow(int(c.q), -1, prime) % prime) % prime
        return total % prime

    def _holds(self, e: sp.Expr, places: Sequence[int]) -> bool:
        values, spaces = self.fresh(1)
        p = self.fresh.prime
        slope = self._gradient(e, places, values[0], p)
        return not (_times(slope[None], spaces[0][list(places)], p)).any()

    def _independent(self, found: Sequence[sp.Expr], places: Sequence[int]) -> bool:
        values, _ = self.fresh(1)
        rows = np.array([self._gradient(e, places, values[0], self.fresh.prime) for e in found])
        return rank(rows, self.fresh.prime) == len(found)


def _times(a: np.ndarray, b: np.ndarray, prime: int) -> np.ndarray:
    """A product of matrices of residues."""
    return (a[:, :, None] * b[None] % prime).sum(1) % prime


def _slopes(family: Sequence[dict[int, int]], values: np.ndarray, places: Sequence[int], prime: int) -> np.ndarray:
    """Derivatives (B, S, M) of monomials by the unknowns at `places`."""
    over = inverse(values, prime)
    found = np.zeros((len(values), len(places), len(family)), dtype=np.int64)
    row = {k: i for i, k in enumerate(places)}
    for m, exponents in enumerate(family):
        value = np.ones(len(values), dtype=np.int64)
        for k, b in exponents.items():
            value = value * power(values[:, k] if b > 0 else over[:, k], abs(b), prime) % prime
        for k, b in exponents.items():
            if k in row:
                found[:, row[k], m] = value * over[:, k] % prime * (b % prime) % prime
    return found


def _numbers(column: np.ndarray, prime: int) -> list[int] | None:
    """Whole numbers without a common divisor in proportion to residues, if these stand for fractions."""
    fractions = [rational(int(c), prime) for c in column]
    known = [f for f in fractions if f is not None]
    if len(known) < len(fractions):
        return None
    common = lcm(*(f.denominator for f in known))
    whole = [int(f * common) for f in known]
    divisor = gcd(*whole)
    return [c // divisor for c in whole]


def _whole(space: np.ndarray, prime: int) -> list[list[int]]:
    """A short basis of the whole vectors in a null space, each of a positive sum, or with a positive first number."""
    vectors = [v for v in (_numbers(column, prime) for column in space.T) if v is not None]
    if not vectors:
        return []
    if len(vectors) > 1:
        short = DomainMatrix(vectors, (len(vectors), len(vectors[0])), ZZ).lll().to_list()
        vectors = [[int(c) for c in row] for row in short]
    found = []
    for vector in vectors:
        divisor = gcd(*vector)
        sign = -1 if (sum(vector), next(c for c in vector if c)) < (0, 0) else 1
        found.append([sign * c // divisor for c in vector])
    return found
