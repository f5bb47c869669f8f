r"""Folds and Hopf points as zeros of polynomial test functions: all of them, on isolas too, without following a branch.

With :math:`J` the Jacobian, steady states coalesce where :math:`F(x, p) = 0` and :math:`\det J(x, p) = 0`; a pair of
eigenvalues is imaginary only where :math:`F = 0` and the Hurwitz determinant :math:`\Delta_{n-1}` of the characteristic
polynomial of `J` vanishes (Orlando's formula: it is the product of all sums of two eigenvalues).  Both are systems of as
many polynomials as there are states and the parameter; their real zeros are the candidates.  A candidate is a fold if the
parameter has an extremum along the curve, a Hopf point if two eigenvalues are imaginary, not opposite real ones, and their
real part changes sign.

References
----------
Guckenheimer, Myers & Sturmfels, SIAM Journal on Numerical Analysis 34 (1997) 1; Kuznetsov, Elements of Applied Bifurcation
Theory, 3rd ed. (2004), sections 3.3, 3.5 and 10.2; Gantmacher, The Theory of Matrices II (1959), chapter XV.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sympy.polys.domains import ZZ

from symdyn.analysis.conservation import exact_integrals
from symdyn.analysis.effort import Effort
from symdyn.analysis.field import Field
from symdyn.analysis.polynomials import PolynomialSystem, exact, polynomial_system
from symdyn.analysis.univariate import DIGITS, roots
from symdyn.analysis.values import Digits, NoPivot, value_and_size
from symdyn.analysis.zeros import all_zeros

__all__ = ["CriticalSystem", "CriticalZero"]

#: Seconds of a typical core for the test function, and for the zeros.
LIMIT, ZEROS = 1.0, 2.0
#: Least singular value, against the largest, below which the curve of steady states is not regular, and is not known to be.
SINGULAR, SUSPECT = 1e-13, 1e-8
#: Relative size of what is zero in multiple precision, and of what is not known to differ from zero.
ZERO, NEAR = 1e-15, 1e-8
#: Relative difference of the parameter beside a point that is not told from rounding.
LEVEL = 1e-50
#: How far along the curve its sides are looked at, relative.
BESIDE = 1e-9


@dataclass(frozen=True)
class CriticalZero:
    """A special point: the states, the value of the parameter and the frequency of a Hopf point."""

    x: np.ndarray
    value: float
    frequency: float = float("nan")


class CriticalSystem:
    """Polynomials in the states and one parameter, which is the last generator.

    Parameters
    ----------
    field : Field
    symbol : Symbol
        The parameter that varies.
    row : (k,) float64
        Values of all parameters.
    start : (n,) float64 or None
        A point of which conserved quantities have the values.

    Raises
    ------
    NotAlgebraic
        If a right-hand side is not a rational function of the states and the parameter.
    """

    def __init__(self, field: Field, symbol: Any, row: np.ndarray, start: np.ndarray | None) -> None:
        self.field, self.n = field, len(field.states)
        values = {s: v for s, v in zip(field.system.parameters, row, strict=True) if s != symbol}
        self.system: PolynomialSystem = polynomial_system(field.expressions, (*field.states, symbol), values)
        self.ring = self.system.ring
        self.integrals = exact_integrals(self.system)
        self.equations = list(self.system.numerators)
        self.start = start
        if start is not None:
            for w in self.integrals:
                pivot = next(k for k, c in enumerate(w) if c)
                total = sum((c * exact(v) for c, v in zip(w, start, strict=True)), self.ring.domain.zero)
                self.equations[pivot] = sum(c * g for c, g in zip(w, self.ring.gens, strict=False)) - total
        self.effort = Effort(LIMIT)
        self.context = Digits()
        self.notes: list[str] = []
        self.complete = True

    def folds(self, span: tuple[float, float]) -> list[CriticalZero]:
        """All folds within the span, by increasing value of the parameter."""
        slopes = [[p.diff(g) for g in self.ring.gens[:-1]] for p in self.equations]
        return [CriticalZero(*_floats(z)) for z in self._zeros(self._determinant(slopes), span) if self._turns(z)]

    def hopf_points(self, span: tuple[float, float]) -> list[CriticalZero]:
        """All Hopf points within the span, by increasing value of the parameter."""
        size = self.n - len(self.integrals)
        if size < 2:
            return []
        c = self._characteristic
        hurwitz = [
            [c[2 * j - i + 1] if 0 <= 2 * j - i + 1 <= size else c[0].ring.zero for j in range(size - 1)]
            for i in range(size - 1)
        ]
        found = []
        for z in self._zeros(self._determinant(hurwitz).set_ring(self.ring), span):
            for frequency in self._crossing(z):
                found.append(CriticalZero(*_floats(z), frequency))
        return found

    def _zeros(self, test: Any, span: tuple[float, float]) -> list[list[Any]]:
        """Steady states within the span where a test function vanishes."""
        if not test:
            self.complete = False
            self.notes.append("the test function vanishes everywhere")
            return []
        found = all_zeros([*self.equations, test], self.system.denominators, limit=ZEROS)
        self.complete &= found.complete
        self.notes += [*found.notes, *([found.unfinished] if found.unfinished else [])]
        low, high = (self.context.mpf(v) for v in span)
        return sorted((z for z in found.points if low <= z[-1] <= high), key=lambda z: z[-1])

    def _determinant(self, rows: list[list[Any]]) -> Any:
        """By minors of the first rows, each once."""
        ring = rows[0][0].ring
        minors = {0: ring.one}
        for row in rows:
            following: dict[int, Any] = {}
            for taken, minor in minors.items():
                for j, entry in enumerate(row):
                    if entry and not taken >> j & 1:
                        self.effort.spend("expansion", len(entry) * len(minor), "the test function")
                        term = entry * minor
                        sign = (taken >> j).bit_count() % 2
                        key = taken | 1 << j
                        following[key] = following.get(key, ring.zero) + (-term if sign else term)
            minors = {k: p for k, p in following.items() if p}
        return minors.get((1 << len(rows)) - 1, ring.zero)

    @cached_property
    def _scaled_jacobian(self) -> tuple[list[list[Any]], Any]:
        """The Jacobian times a common denominator of the right-hand sides, and that; where these vanish.

        The coefficients are whole numbers: products of fractions would be reduced term by term.
        """
        common: dict[Any, int] = {}
        for powers in self.system.powers:
            for factor, k in powers.items():
                common[factor] = max(common.get(factor, 0), k)
        rows = []
        for p, powers in zip(self.system.numerators, self.system.powers, strict=True):
            rest = self.ring.one
            for factor, k in common.items():
                rest = self._product(rest, factor ** (k - powers.get(factor, 0)))
            rows.append([self._product(p.diff(g), rest) for g in self.ring.gens[:-1]])
        product = self.ring.one
        for factor, k in common.items():
            product = self._product(product, factor**k)
        scale = math.lcm(*(int(c.denominator) for row in (*rows, [product]) for p in row for c in p.itercoeffs()))
        whole = self.ring.clone(domain=ZZ)
        return [[p.mul_ground(scale).set_ring(whole) for p in row] for row in rows], product.mul_ground(scale).set_ring(whole)

    @cached_property
    def _characteristic(self) -> list[Any]:
        r"""Coefficients of :math:`\lambda^n + c_1 \lambda^{n-1} + ...` of the scaled Jacobian (Faddeev, Leverrier)."""
        rows, common = self._scaled_jacobian
        n, size, ring = self.n, self.n - len(self.integrals), common.ring
        found = [ring.one]
        power = [[ring.one if i == j else ring.zero for j in range(n)] for i in range(n)]
        for k in range(1, size + 1):
            columns = list(zip(*power, strict=True))
            product = [
                [
                    sum((self._product(p, q) for p, q in zip(row, column, strict=True) if p and q), ring.zero)
                    for column in columns
                ]
                for row in rows
            ]
            trace = sum((product[i][i] for i in range(n)), ring.zero)
            found.append((-trace).quo_ground(k))  # k divides every trace of whole numbers
            power = [[product[i][j] + (found[-1] if i == j else 0) for j in range(n)] for i in range(n)]
        return found

    def _product(self, p: Any, q: Any) -> Any:
        self.effort.spend("expansion", len(p) * len(q), "the test function")
        return p * q

    def _value(self, p: Any, z: Sequence[Any]) -> tuple[Any, Any]:
        return value_and_size(p, dict(enumerate(z)), self.context)

    @cached_property
    def _slopes(self) -> list[list[Any]]:
        return [[p.diff(g) for g in self.ring.gens] for p in self.equations]

    def _newton(self, z: list[Any], row: list[Any]) -> list[Any] | None:
        """The point of the curve close to `z` in the hyperplane through it with this normal."""
        x = list(z)
        size = max(map(abs, z)) + 1
        for _ in range(12):
            values = [self._value(p, x)[0] for p in self.equations]
            values.append(sum(r * (a - b) for r, a, b in zip(row, x, z, strict=True)))
            matrix = [[self._value(p, x)[0] for p in line] for line in self._slopes]
            try:
                delta = self.context.lu_solve(self.context.matrix([*matrix, row]), self.context.matrix(values))
            except NoPivot:
                return None
            x = [a - d for a, d in zip(x, delta, strict=True)]
            if max(map(abs, delta)) <= size * self.context.mpf(10) ** (15 - DIGITS):
                return x
        return None

    def _tangent(self, z: list[Any]) -> np.ndarray | None:
        """The direction of the curve (n + 1,), in units of the coordinates' sizes; None where it is not regular."""
        sizes = self._sizes(z)
        rows = []
        for line in self._slopes:
            pairs = [self._value(p, z) for p in line]
            values = [v * s for (v, _), s in zip(pairs, sizes, strict=True)]
            largest = max((size * s for (_, size), s in zip(pairs, sizes, strict=True)), default=0)
            rows.append([float(v / largest) if largest else 0.0 for v in values])
        _, singular, directions = np.linalg.svd(np.array(rows))
        if singular[-1] <= SINGULAR * singular[0]:
            return None
        if singular[-1] <= SUSPECT * singular[0]:
            self._undecided("whether branches cross", z)
        return directions[-1]

    def _undecided(self, what: str, z: list[Any]) -> None:
        self.complete = False
        self.notes.append(f"{what} at {float(z[-1]):g} could not be decided")

    def _sizes(self, z: list[Any]) -> list[Any]:
        return [abs(v) or self.context.mpf(1) for v in z]

    def _beside(self, z: list[Any], direction: np.ndarray, along: list[Any]) -> list[list[Any]] | None:
        """Points of the curve on both sides of `z`; `along` is the normal of the planes that they are in."""
        sizes = self._sizes(z)
        found = []
        for sign in (-1, 1):
            near = [v + sign * BESIDE * s * float(d) for v, s, d in zip(z, sizes, direction, strict=True)]
            found.append(self._newton(near, along))
        return None if None in found else found  # type: ignore[return-value]

    def _turns(self, z: list[Any]) -> bool:
        """Whether the parameter has an extremum along the curve."""
        direction = self._tangent(z)
        if direction is None:  # branches cross
            return False
        along = [self.context.mpf(float(d)) / s for d, s in zip(direction, self._sizes(z), strict=True)]
        sides = self._beside(z, direction, along)
        steps = [side[-1] - z[-1] for side in sides or ()]
        if not steps or min(map(abs, steps)) <= LEVEL * self._sizes(z)[-1]:
            self._undecided("whether there is a fold", z)
            return False
        return bool(steps[0] * steps[1] > 0)

    def _eigenvalues(self, z: list[Any]) -> list[Any]:
        under = self._value(self._scaled_jacobian[1], z)[0]
        coefficients = [self._value(c, z)[0] / under**k for k, c in enumerate(self._characteristic)]
        return roots(coefficients, self.context)

    def _crossing(self, z: list[Any]) -> list[float]:
        """Frequencies of the pairs of eigenvalues that cross the imaginary axis here."""
        values = self._eigenvalues(z)
        largest = max(map(abs, values))
        near = [v for v in values if self.context.im(v) > ZERO**0.5 * largest and abs(self.context.re(v)) <= NEAR * abs(v)]
        pairs = [v for v in near if abs(self.context.re(v)) <= ZERO * abs(v)]
        if len(pairs) < len(near):
            self._undecided("whether a pair is imaginary", z)
        if not pairs:
            return []
        direction = self._tangent(z)
        sides = None
        if direction is not None and abs(direction[-1]) > SINGULAR:
            normal = [self.context.mpf(0)] * self.n + [self.context.mpf(1)]
            sides = self._beside(z, direction, normal)
        if sides is None:
            self._undecided("whether a pair crosses the axis where another eigenvalue vanishes", z)
            return [float(self.context.im(v)) for v in pairs]
        found = []
        for v in pairs:
            signs = [self.context.re(min(self._eigenvalues(side), key=lambda u, v=v: abs(u - v))) for side in sides]  # type: ignore[misc]
            if signs[0] * signs[1] < 0:
                found.append(float(self.context.im(v)))
        return found


def _floats(z: Sequence[Any]) -> tuple[np.ndarray, float]:
    return np.array([float(v) for v in z[:-1]]), float(z[-1])
