"""Right-hand sides as exact polynomials: rational functions with their denominators cleared and remembered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.polys.domains import QQ
from sympy.polys.orderings import grevlex
from sympy.polys.rings import PolyRing

from symdyn.analysis.effort import Effort

__all__ = ["NotAlgebraic", "PolynomialSystem", "exact", "polynomial_system"]

#: Largest power that is expanded.
LARGEST_POWER = 64
#: Seconds of a typical core for expanding right-hand sides.
LIMIT = 3.0


class NotAlgebraic(Exception):
    """A right-hand side is not a rational function of the states."""


@dataclass(frozen=True)
class PolynomialSystem:
    r"""Equations :math:`N_i(x) = 0` with :math:`f_i = N_i / D_i`, where no :math:`D_i` may vanish.

    Attributes
    ----------
    ring : PolyRing
        Over the rational numbers, one generator a state.
    numerators : list of polynomial
    denominators : list of polynomial
        Irreducible or not, without repetition: the factors that were multiplied out.
    powers : list of mapping
        For each equation, the factors of its :math:`D_i` and their exponents.
    """

    ring: PolyRing
    numerators: list[Any]
    denominators: list[Any]
    powers: list[dict[Any, int]]

    def value(self, row: int, point: Sequence[int]) -> Any:
        """The right-hand side `row` at whole numbers, a rational number; None where it has a pole."""
        under = QQ(1)
        for factor, n in self.powers[row].items():
            under *= _value(factor, point) ** n
        return _value(self.numerators[row], point) / under if under else None


def _value(p: Any, point: Sequence[int]) -> Any:
    """A polynomial at whole numbers, in whole numbers over the common denominator of the coefficients."""
    common = math.lcm(*(int(c.denominator) for c in p.itercoeffs()))
    total = 0
    for monomial, c in p.iterterms():
        term = int(c.numerator) * (common // int(c.denominator))
        for x, n in zip(point, monomial, strict=True):
            if n:
                term *= x**n
        total += term
    return QQ(total, common)


def exact(value: float | sp.Expr) -> Any:
    """The rational number that the shortest decimal form of a float writes: 0.1 is 1/10."""
    if isinstance(value, sp.Rational):
        return QQ(value.p, value.q)
    if isinstance(value, sp.Integer):
        return QQ(int(value))
    number = sp.Rational(repr(float(value)))
    return QQ(number.p, number.q)


class _Fraction:
    """A numerator over a product of powers of polynomials; the work of multiplying them out is limited."""

    def __init__(self, over: Any, under: dict[Any, int], effort: Effort) -> None:
        self.over, self.under, self.effort = over, under, effort

    def __add__(self, other: _Fraction) -> _Fraction:
        if self.under == other.under:
            return _Fraction(self.over + other.over, self.under, self.effort)
        common = dict(self.under)
        for k, n in other.under.items():
            common[k] = max(common.get(k, 0), n)
        parts = []
        for side in (self, other):
            over = side.over
            for k, n in common.items():
                missing = n - side.under.get(k, 0)
                if missing:
                    over = self._product(over, self._power(k, missing))
            parts.append(over)
        return _Fraction(parts[0] + parts[1], common, self.effort)

    def __mul__(self, other: _Fraction) -> _Fraction:
        under = dict(self.under)
        for k, n in other.under.items():
            under[k] = under.get(k, 0) + n
        return _Fraction(self._product(self.over, other.over), under, self.effort)

    def _product(self, p: Any, q: Any) -> Any:
        self.effort.spend("expansion", len(p) * len(q), "expanding the right-hand sides")
        return p * q

    def _power(self, p: Any, n: int) -> Any:
        self.effort.spend("expansion", len(p) * math.comb(len(p) + n - 1, n) if p else 1, "expanding the right-hand sides")
        return p**n

    def power(self, n: int) -> _Fraction:
        if n >= 0:
            return _Fraction(self._power(self.over, n), {k: m * n for k, m in self.under.items()}, self.effort)
        if not self.over:
            raise NotAlgebraic("a division by zero")
        over = self.over.ring.one
        for k, m in self.under.items():
            over = self._product(over, self._power(k, -n * m))
        under: dict[Any, int] = {}
        rest = self.over
        monomial = _content(rest)
        if any(monomial):
            rest = rest.quo(rest.ring.term_new(monomial, QQ(1)))
            for g, m in zip(rest.ring.gens, monomial, strict=True):
                if m:
                    under[g] = -n * m
        if rest.is_ground:
            return _Fraction(over.mul_ground(1 / rest.coeff(1) ** (-n)), under, self.effort)
        leading = rest.LC
        under[rest.monic()] = -n
        return _Fraction(over.mul_ground(1 / leading ** (-n)), under, self.effort)


def _content(p: Any) -> tuple[int, ...]:
    """Exponents of the largest monomial that divides `p`."""
    return tuple(map(min, zip(*p.itermonoms(), strict=True))) if p else (0,) * p.ring.ngens


def polynomial_system(
    expressions: Sequence[sp.Expr], states: Sequence[sp.Symbol], values: Mapping[sp.Symbol, float]
) -> PolynomialSystem:
    """Numerators and denominators of `expressions` in `states`, with numbers for all other symbols.

    Raises
    ------
    NotAlgebraic
        If an expression is no rational function of the states.
    OverflowError
        If they are too large to be multiplied out.
    """
    effort = Effort(LIMIT)
    ring = PolyRing([f"x{k}" for k in range(len(states))], QQ, grevlex)
    known = {s: _Fraction(g, {}, effort) for s, g in zip(states, ring.gens, strict=True)}
    known |= {s: _Fraction(ring(exact(v)), {}, effort) for s, v in values.items()}
    memory: dict[sp.Basic, _Fraction] = dict(known)  # type: ignore[arg-type]

    def read(e: sp.Basic) -> _Fraction:
        if e not in memory:
            memory[e] = convert(e)
        return memory[e]

    def convert(e: sp.Basic) -> _Fraction:
        if isinstance(e, (sp.Rational, sp.Float)):
            return _Fraction(ring(exact(e)), {}, effort)
        if e.is_Add:
            first, *rest = map(read, e.args)
            for other in rest:
                first = first + other
            return first
        if e.is_Mul:
            first, *rest = map(read, e.args)
            for other in rest:
                first = first * other
            return first
        if e.is_Pow and e.exp.is_number and float(e.exp).is_integer() and abs(int(e.exp)) <= LARGEST_POWER:  # type: ignore[attr-defined]
            return read(e.base).power(int(e.exp))  # type: ignore[attr-defined]
        if e.is_Pow and not e.free_symbols & set(states):  # type: ignore[attr-defined]
            return _number(e)
        if not e.free_symbols & set(states):
            return _number(e)
        raise NotAlgebraic(f"{e} is not a rational function of the states")

    def _number(e: sp.Basic) -> _Fraction:
        number = sp.N(e.subs(values))
        if not number.is_real:
            raise NotAlgebraic(f"{e} has no real value here")
        return _Fraction(ring(exact(float(number))), {}, effort)

    found = [read(e) for e in expressions]
    denominators = sorted({k for f in found for k in f.under}, key=str)
    return PolynomialSystem(ring, [f.over for f in found], denominators, [f.under for f in found])
