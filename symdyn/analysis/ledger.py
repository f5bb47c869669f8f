"""Zeros of a polynomial system that have been proven, entered one by one, against how many there are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from sympy.polys.domains import QQ

from symdyn.analysis.certificates import Polynomials, proven, proven_precisely
from symdyn.analysis.counting import local_multiplicity, quotient_bounds, saturated
from symdyn.analysis.effort import Effort
from symdyn.analysis.univariate import number
from symdyn.analysis.values import Digits, NoPivot, value_and_size, vanishes

__all__ = ["Ledger"]

#: Seconds of a typical core for counting the zeros of a system, and again without those where a denominator vanishes.
LIMIT = 4.0
#: Terms of a product of denominators above which their zeros are not excluded from the count.
LONGEST = 500
#: Share of the largest coordinate below which the homogenising one is taken for zero where no zero is proven.
INFINITE = 1e-6
#: Relative distance within which end points that are not proven are taken for the same singular zero.
CLOSE = 1e-3
#: End points close to one another that are refined before the others are left.
TRIES = 4
#: Newton's steps, most of which halve the error where two zeros are close.
STEPS = 40
#: Largest denominator of the coordinates of a singular zero that is recognised.
DENOMINATOR = 1000
#: Relative size of what may not vanish below which an end point that is not proven is not looked at.
EXCLUDED = 1e-6
#: Share of the largest coordinate to which the digits of smaller ones relate.
TINY = 1e-30


class Ledger:
    """Different zeros in terms of scaled unknowns, :math:`x_i = 2^{s_i} z_i`.

    Parameters
    ----------
    scaled : Polynomials
        The square system in the scaled unknowns.
    square, equations : sequences of polynomial
        Random combinations, as many as unknowns, of the equations that are to hold.
    unknowns : sequence of int
    nonzero : sequence of polynomial
        Zeros where one of these vanishes count only if these, too, are finitely many.
    scale : (n,) int
    effort : Effort
        What is left of it limits that of the counting.
    """

    def __init__(
        self,
        scaled: Polynomials,
        square: Sequence[Any],
        equations: Sequence[Any],
        unknowns: Sequence[int],
        nonzero: Sequence[Any],
        scale: np.ndarray,
        effort: Effort,
    ) -> None:
        self.scaled, self.square, self.equations = scaled, list(square), list(equations)
        self.unknowns, self.nonzero, self.scale = list(unknowns), list(nonzero), scale
        self.context = Digits()
        self.slopes = [[p.diff(p.ring.gens[i]) for i in unknowns] for p in square]
        n = len(self.unknowns)
        self.centres, self.radii, self.real = np.empty((0, n), complex), np.empty((0, n)), np.empty(0, bool)
        self.precise: dict[int, list[Any]] = {}
        self.singular: list[tuple[list[Any], int]] = []  # rational zeros and how often they count
        self.doubtful: list[np.ndarray] = []
        self.bounds: list[tuple[int | None, Iterator[int], bool]] = []
        self.effort = Effort(min(LIMIT, effort.left))
        self.counting = Effort(self.effort.left)
        self.limit = self.effort.left
        over = not len(equations) > len(square)
        bezout = math.prod(max(map(sum, p.itermonoms())) for p in square)
        self.bounds.append((bezout if over else None, quotient_bounds(self.equations, self.unknowns, self.effort), False))
        if self.nonzero and math.prod(map(len, self.nonzero)) <= LONGEST:
            self.bounds.append((None, quotient_bounds(*saturated(equations, unknowns, nonzero), self.counting), True))

    def enter(self, ends: np.ndarray) -> None:
        """Add the zeros that some of these points (paths, n + 1), homogeneous and scaled, are close to."""
        with np.errstate(all="ignore"):
            ends = ends / np.abs(ends).max(axis=1, keepdims=True)
            given = ends[:, 1:] / ends[:, :1]
        good = np.isfinite(given).all(axis=1)
        ends, given = ends[good], given[good]
        x, rho, ok = proven(self.scaled, given)
        again, wide, real = proven(self.scaled, x.real.astype(complex))
        real &= ok & (np.abs(x - again) <= rho + wide).all(axis=1)
        apart = (np.abs(x.imag) > rho).any(axis=1)
        for k in np.flatnonzero(ok & real):
            self._add(again[k].real.astype(complex), wide[k], True)
        for k in np.flatnonzero(ok & ~real & apart):
            self._add(x[k], rho[k], False)
            self._add(x[k].conj(), rho[k], False)
        rest = ~(ok & (real | apart)) & (np.abs(ends[:, 0]) > INFINITE)
        self.doubtful = []
        size = np.maximum(np.abs(given).max(axis=1, keepdims=True), 1e-300)
        likely = np.argsort((rho / size).max(axis=1))  # the least singular first
        for point in given[likely[rest[likely]]]:
            if sum(_near(point, other) for other in self.doubtful) < TRIES and not self._doubted(point):
                self.doubtful.append(point)

    def _add(self, x: np.ndarray, rho: np.ndarray, real: bool, precise: list[Any] | None = None) -> None:
        """One zero more, unless it is there already or solves combinations of the equations only."""
        if len(self.centres) and not (np.abs(self.centres - x) > self.radii + rho).any(axis=1).all():
            return
        if precise is None and (real or len(self.equations) > len(self.square)):
            precise = self._polished([self._unscaled(v, s) for v, s in zip(x, self.scale, strict=True)], real)
            if precise is None or any(abs(v) > 2 * r for v, r in zip(self._scaled(precise) - x, rho, strict=True)):
                return
        if len(self.equations) > len(self.square) and not self._fits(precise):
            return
        if precise is not None:
            self.precise[len(self.centres)] = precise
        self.centres = np.vstack([self.centres, x])
        self.radii = np.vstack([self.radii, rho])
        self.real = np.append(self.real, real)

    def _doubted(self, point: np.ndarray) -> bool:
        """Whether an end point that double precision does not decide is a zero, or need not be one."""
        if any(_near(point, self._scaled([number(v, self.context) for v in other])) for other, _ in self.singular):
            return True
        start = [self._unscaled(v, s) for v, s in zip(point, self.scale, strict=True)]
        at = dict(zip(self.unknowns, start, strict=True))
        if any(abs(value) <= EXCLUDED * size for value, size in (value_and_size(q, at, self.context) for q in self.nonzero)):
            return True
        try:
            self.effort.spend("polishing", sum(map(len, self.square)) * len(start), "refining zeros")
        except OverflowError:
            return False
        for real in (True, False):
            x = self._polished([self.context.re(v) for v in start] if real else start, real)
            rho = x and proven_precisely(self.square, self.slopes, self.unknowns, x, self.context)
            if not x or not rho:
                continue
            if real or any(abs(self.context.im(v)) > r for v, r in zip(x, rho, strict=True)):
                scaled = self._scaled(x)
                radius = self._scaled(rho).real + 4 * np.finfo(float).eps * np.abs(scaled)
                self._add(scaled, radius, real, x)
                if not real:
                    self._add(scaled.conj(), radius, False, [self.context.conj(v) for v in x])
                return True
        return self._rational(start)

    def _rational(self, start: list[Any]) -> bool:
        """Whether a zero with small rational coordinates is here; it is entered with its multiplicity."""
        size = max((abs(v) for v in start), default=0)
        found = []
        for v in start:
            if abs(v) <= CLOSE * size or size < CLOSE:
                found.append(QQ(0))
            elif not np.isfinite(float(self.context.re(v))):
                return False
            else:
                near = Fraction(float(self.context.re(v))).limit_denominator(DENOMINATOR)
                found.append(QQ(near.numerator, near.denominator))
        for point in (found, [QQ(0)] * len(found)):
            if any(point == other for other, _ in self.singular):
                return True
            ring = self.equations[0].ring
            values = [(ring.gens[i], v) for i, v in zip(self.unknowns, point, strict=True)]
            if any(p.evaluate(values) for p in self.equations):
                continue
            if any(not q.evaluate(values) for q in self.nonzero):
                return True
            times = local_multiplicity(self.equations, self.unknowns, point, self.effort)
            if times is not None and times > 1:
                self.singular.append((list(point), times))
                return True
        return False

    def _unscaled(self, v: complex, s: int) -> Any:
        return self.context.mpc(v) * self.context.mpf(2) ** int(s)

    def _scaled(self, x: Sequence[Any]) -> np.ndarray:
        return np.array([complex(v * self.context.mpf(2) ** -int(s)) for v, s in zip(x, self.scale, strict=True)])

    def _fits(self, point: list[Any] | None) -> bool:
        assert point is not None
        at = dict(zip(self.unknowns, point, strict=True))
        return all(vanishes(p, at, self.context) for p in self.equations)

    def _polished(self, start: list[Any], real: bool) -> list[Any] | None:
        if real:
            start = [self.context.re(v) for v in start]
        return _polish(self.square, self.slopes, self.unknowns, start, self.context)

    def found(self, away: bool = False) -> int:
        """How many zeros, with their multiplicities; those `away` from where something vanishes that may not."""
        if not away:
            return len(self.centres) + sum(times for _, times in self.singular)
        count = sum(self._away(self._point(k)) for k in range(len(self.centres)))
        singular = [([number(v, self.context) for v in point], times) for point, times in self.singular]
        return count + sum(times for point, times in singular if self._away(point))

    def _away(self, point: list[Any] | None) -> bool:
        if point is None:
            return False
        at = dict(zip(self.unknowns, point, strict=True))
        return not any(vanishes(q, at, self.context) for q in self.nonzero)

    def _point(self, k: int) -> list[Any] | None:
        if k not in self.precise:
            start = [self._unscaled(v, s) for v, s in zip(self.centres[k], self.scale, strict=True)]
            point = self._polished(start, bool(self.real[k]))
            if point is None:
                return None
            self.precise[k] = point
        return self.precise[k]

    def complete(self) -> bool:
        """Whether what was found is as much as there is."""
        for k, (bound, more, away) in enumerate(self.bounds):
            found = self.found(away)
            while bound is None or bound > found:
                following = next(more, None)
                if following is None:
                    break
                bound = following
            self.bounds[k] = (bound, more, away)
            if bound == found:
                return True
        return False

    def more_to_find(self) -> bool:
        """Whether zeros are known to be missing."""
        return any(bound is not None and bound > self.found(away) for bound, _, away in self.bounds)

    @property
    def spent(self) -> float:
        """Seconds of a typical core for counting and refining."""
        return 2 * self.limit - self.effort.left - self.counting.left if math.isfinite(self.limit) else 0.0

    def why(self) -> str:
        """What is wanting."""
        doubt = f"; {len(self.doubtful)} paths end at singular points, which are left out" if self.doubtful else ""
        for bound, _, away in reversed(self.bounds):
            if bound is not None:
                where = " where no denominator vanishes" if away else ""
                return f"homotopy continuation found {self.found(away)} of at most {bound} zeros{where}{doubt}"
        return f"the number of zeros, of which homotopy continuation found {self.found()}, could not be counted{doubt}"

    def points(self, real: bool) -> list[list[Any]]:
        """All zeros that were found, or the real ones alone, in multiple precision."""
        kept = [self._point(k) for k in range(len(self.centres)) if self.real[k] or not real]
        singular = [[number(v, self.context) for v in point] for point, _ in self.singular]
        return [point for point in kept if point is not None] + singular


def _near(x: np.ndarray, y: np.ndarray) -> bool:
    return bool((np.abs(x - y) <= CLOSE * max(np.abs(x).max(), np.abs(y).max(), 1e-9)).all())


def _polish(square: list[Any], slopes: list[list[Any]], unknowns: Sequence[int], start: list[Any], context: Any) -> list | None:
    """Newton's method in multiple precision; None where it does not converge to a near point, or too slowly."""
    x = context.matrix(start)
    n = len(start)
    size = max(abs(v) for v in start)
    for k in range(STEPS):
        at = dict(zip(unknowns, x, strict=True))
        values = context.matrix([value_and_size(p, at, context)[0] for p in square])
        jacobian = context.matrix(n, n)
        for a in range(n):
            for b in range(n):
                jacobian[a, b] = value_and_size(slopes[a][b], at, context)[0]
        try:
            delta = context.lu_solve(jacobian, values)
        except NoPivot:
            return None
        x = x - delta
        moved = max(abs(v) for v in delta)
        if k == 0 and moved > 1e-3 * size:
            return None
        if all(abs(d) <= context.mpf(10) ** (10 - context.dps) * (abs(v) + TINY * size) for d, v in zip(delta, x, strict=True)):
            return list(x)
    return None
