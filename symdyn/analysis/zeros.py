"""All zeros of a polynomial system: elimination, then one and two unknowns exactly, more by homotopy continuation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
from sympy.polys.domains import QQ

from symdyn.analysis.bivariate import real_count, resultant, whole_coefficients, work
from symdyn.analysis.coordinates import Shift
from symdyn.analysis.divisors import checked_roots, roots_over, shared_divisor
from symdyn.analysis.effort import Effort
from symdyn.analysis.elimination import Leaf, Solved, eliminate
from symdyn.analysis.homotopy import HomotopyResult, isolated_zeros, trackable
from symdyn.analysis.univariate import DIGITS, number, real_roots, roots, with_multiplicities
from symdyn.analysis.values import (
    Digits,
    Doubt,
    degree_in,
    distinct_numbers,
    in_one,
    negligible,
    occurring,
    selected,
    total_degree,
    value_and_size,
    vanishes,
)

__all__ = ["Zeros", "all_zeros"]

#: Seconds of a typical core after which exact computations are given up.
LIMIT = 10.0
#: The same where some zeros will not be found anyway.
BRIEF = 2.0
#: The same for counting common zeros of two polynomials.
SECOND = 3.0
#: Digits of the computation, in turn until what is found is as much as there is.
PRECISIONS = (DIGITS, 4 * DIGITS, 16 * DIGITS)
#: Digits that a step of Euclid's algorithm may lose, on average.
LOST = 10
FAMILIES = "some zeros are not isolated: they form curves or surfaces, which are left out"
UNCOUNTED = "the zeros of two polynomials, some multiple or at infinity, could not be counted"


@dataclass
class Zeros:
    """Zeros found, each a list with one multiple-precision number a generator, and how; what was `unfinished`, if anything."""

    points: list[list[Any]] = field(default_factory=list)
    complete: bool = True
    methods: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unfinished: str = ""
    nested: bool = False
    resultants: dict[tuple[Any, Any, int], list[int]] = field(default_factory=dict)
    tracked: dict[tuple[Any, ...], HomotopyResult] = field(default_factory=dict)
    effort: Effort = field(default_factory=lambda: Effort(LIMIT))

    def note(self, text: str, *, complete: bool = False) -> None:
        self.complete &= complete
        if text not in self.notes:
            self.notes.append(text)

    def used(self, method: str) -> None:
        if method not in self.methods:
            self.methods.append(method)


def all_zeros(equations: Sequence[Any], nonzero: Sequence[Any], *, real: bool = True, limit: float | None = None) -> Zeros:
    """All isolated zeros of `equations` where none of `nonzero` vanishes.

    Parameters
    ----------
    equations, nonzero : sequences of polynomial
        Over the rational numbers, in one ring.
    real : bool
        Real zeros alone.
    limit : float, optional
        Seconds of a typical core after which exact computations are given up; ten by default.

    Raises
    ------
    OverflowError
        If elimination would take too long.  Subsequent parts that take too long are left out, and named by `unfinished`.
    """
    found = Zeros(effort=Effort(LIMIT if limit is None else limit))
    equations = [p for p in equations if p]
    if not equations:
        found.note("every point is a zero")
        return found
    leaves = sorted(eliminate(equations, nonzero, found.effort), key=_difficulty)
    if any(map(_hopeless, leaves)):
        found.effort.left = min(found.effort.left, BRIEF)
    for leaf in leaves:
        try:
            _solve_precisely(leaf, found, real)
        except OverflowError as reason:
            found.complete, found.unfinished = False, str(reason)
    if not found.complete:
        _all_at_once(equations, nonzero, found, real)
    found.points = _distinct(found.points)
    return found


def _all_at_once(equations: Sequence[Any], nonzero: Sequence[Any], found: Zeros, real: bool) -> None:
    """Follow the paths to the zeros of the equations as they are given, where elimination left some in doubt."""
    present = occurring(equations)
    degrees = sorted(map(total_degree, equations))[: len(present)]
    if len(present) < equations[0].ring.ngens or len(equations) < len(present) or not trackable(degrees):
        return
    try:
        result = isolated_zeros(equations, present, Effort(BRIEF), nonzero=nonzero, real=real)
    except OverflowError:
        return
    if result.complete:
        context = Digits()
        kept = [x for x in result.points if not any(vanishes(q, dict(enumerate(x)), context) for q in nonzero)]
        found.points, found.complete, found.unfinished, found.notes = kept, True, "", []
        found.used("homotopy continuation")


def _solve_precisely(leaf: Leaf, found: Zeros, real: bool) -> None:
    """Solve with more and more digits."""
    before = list(found.points), found.complete, list(found.notes)
    for digits in PRECISIONS:
        try:
            _solve_leaf(leaf, found, Digits(digits, strict=True, effort=found.effort), real)
            return
        except Doubt as reason:
            doubt = str(reason)
            found.points, found.complete, found.notes = list(before[0]), before[1], list(before[2])
    _solve_leaf(leaf, found, Digits(PRECISIONS[1], effort=found.effort), real)
    found.note(doubt)


def _difficulty(leaf: Leaf) -> tuple[int, int]:
    """Number of unknowns and of terms: what is simple is solved first, as what is not may take too long."""
    return len(occurring(leaf.equations)), sum(map(len, leaf.equations))


def _hopeless(leaf: Leaf) -> bool:
    """Whether only homotopy continuation could solve this, and the degrees are too high for it."""
    present = occurring(leaf.equations)
    if len(present) < 3 or len(leaf.equations) < len(present) or any(len(occurring([p])) < 3 for p in leaf.equations):
        return False
    return not trackable(sorted(map(total_degree, leaf.equations))[: len(present)])


def _solve_leaf(leaf: Leaf, found: Zeros, context: Digits, real: bool) -> None:
    partial = _solve(list(leaf.equations), leaf.nonzero, found, context, real)
    free = set(leaf.unknowns) - set(occurring(leaf.equations))
    if not leaf.equations:
        found.used("elimination")
    for point in partial:
        if free:
            found.note(FAMILIES)
            continue
        if any(vanishes(p, point, context) for p in leaf.nonzero):
            continue
        for step in reversed(leaf.solved):
            if isinstance(step, Solved):
                point[step.i] = -value_and_size(step.b, point, context)[0] / value_and_size(step.a, point, context)[0]
            elif isinstance(step, Shift):
                point[step.i] = (point[step.i] - value_and_size(step.b, point, context)[0]) / number(step.a, context)
            else:
                point[step.j] = point[step.j] * point[step.i] ** step.n
        found.points.append([point[i] for i in range(len(point))])


def _solve(equations: list[Any], nonzero: Sequence[Any], found: Zeros, context: Digits, real: bool) -> list[dict[int, Any]]:
    """Common zeros, each a mapping from generators that occur to numbers."""
    if not equations:
        return [{}]
    groups = {id(p): occurring([p]) for p in equations}
    for i in occurring(equations):
        alone = [p for p in equations if groups[id(p)] == [i]]
        if alone:
            found.used("exact roots of one polynomial")
            first = [{i: x} for x in _common_roots(alone, i, context, real)]
            return _extend(first, [p for p in equations if groups[id(p)] != [i]], context, real, found)
    pairs: dict[tuple[int, ...], list[Any]] = {}
    for p in equations:
        if len(groups[id(p)]) == 2:
            pairs.setdefault(tuple(groups[id(p)]), []).append(p)
    for (i, j), members in pairs.items():
        if len(members) >= 2:
            found.used("exact resultant of two polynomials")
            first = _pair(members, i, j, found, context, real)
            return _extend(first, [p for p in equations if groups[id(p)] != [i, j]], context, real, found)
    present = occurring(equations)
    if len(equations) < len(present):
        found.note(FAMILIES)
        return []
    within = [q for q in nonzero if set(occurring([q])) <= set(present)]
    return _tracked(equations, present, within, found, context, real)


def _extend(
    points: list[dict[int, Any]], equations: list[Any], context: Digits, real: bool, found: Zeros
) -> list[dict[int, Any]]:
    """Complete partial zeros by equations with one further unknown at a time; drop those that fit none."""
    done = []
    todo = list(points)
    while todo:
        point = todo.pop()
        rest = [p for p in equations if not _known(p, point)]
        if not all(vanishes(p, point, context) for p in equations if _known(p, point)):
            continue
        if not rest:
            done.append(point)
            continue
        fits = None
        for p in rest:
            left = [i for i in occurring([p]) if i not in point]
            if len(left) == 1:
                coefficients = in_one(p, left[0], point, context)
                if any(c != 0 for c in coefficients):
                    fits = (left[0], roots(coefficients, context))
                    break
        if fits is None:
            todo += _substituted(rest, point, context, real, found)
            continue
        i, values = fits
        for x in selected(values, context, real):
            todo.append({**point, i: x})
    return done


def _substituted(rest: list[Any], point: dict, context: Digits, real: bool, found: Zeros) -> list[dict[int, Any]]:
    """Zeros after substitution of the known numbers, as rational numbers of full precision."""
    ring = rest[0].ring
    if not all(abs(context.im(x)) == 0 for x in point.values()):
        found.note("complex zeros of nested systems are left out")
        return []
    equations = [q for q in (ring.from_dict(_partial(p, point, context)) for p in rest) if q]
    if not equations:
        found.note(FAMILIES)
        return []
    before, found.nested = found.nested, True
    try:
        return [{**point, **more} for more in _solve(equations, (), found, context, real)]
    finally:
        found.nested = before


def _partial(p: Any, point: dict[int, Any], context: Digits) -> dict[tuple[int, ...], Any]:
    """Coefficients that remain after the substitution of real numbers; zero where they cancel."""
    sums: dict[tuple[int, ...], list[Any]] = {}
    for m, c in p.iterterms():
        term = number(c, context)
        for i, x in point.items():
            term *= context.re(x) ** m[i]
        pair = sums.setdefault(tuple(0 if i in point else e for i, e in enumerate(m)), [context.mpf(0), context.mpf(0)])
        pair[0] += term
        pair[1] += abs(term)
    return {m: _rational(v) for m, (v, size) in sums.items() if not negligible(v, size, context)}


def _rational(x: Any) -> Any:
    sign, mantissa, exponent, _ = x._mpf_
    value = QQ(int(mantissa)) * (QQ(2) ** exponent if exponent >= 0 else QQ(1, 2**-exponent))
    return -value if sign else value


def _known(p: Any, point: dict[int, Any]) -> bool:
    return all(i in point for i in occurring([p]))


def _common_roots(polynomials: list[Any], i: int, context: Digits, real: bool) -> list[Any]:
    """Roots that all of several polynomials in one generator share."""
    common = reduce(lambda a, b: a.gcd(b), polynomials)
    if common.is_ground:
        return []
    coefficients = [common.ring.domain.zero] * (max(m[i] for m in common.itermonoms()) + 1)
    for m, c in common.iterterms():
        coefficients[len(coefficients) - 1 - m[i]] = c
    if real:
        return [context.convert(x) for x in real_roots(coefficients, context.dps)]
    part = common.sqf_part()
    values = [part.coeff(part.ring.gens[i] ** n) if n else part.coeff(1) for n in range(degree_in(part, i), -1, -1)]
    return roots([number(c, context) for c in values], context)


def _pair(
    members: list[Any], i: int, j: int, found: Zeros, context: Digits, real: bool, always: bool = False
) -> list[dict[int, Any]]:
    """Common zeros of polynomials in the generators `i` and `j`; `always` look for a common factor first."""
    members = sorted(members, key=total_degree)
    p, q = members[:2]
    common = p.gcd(q) if always or total_degree(p) * total_degree(q) <= 36 else p.ring.one
    if not common.is_ground:
        p, q = p.quo(common), q.quo(common)
        if any(f.rem([common]) for f in members[2:]):
            found.note("zeros of a common factor of two of several polynomials are left out")
        else:
            found.note(FAMILIES)
        if p.is_ground or q.is_ground:
            return []
    if degree_in(p, i) + degree_in(q, i) > degree_in(p, j) + degree_in(q, j):
        i, j = j, i
    if not degree_in(p, i) or not degree_in(q, i):
        alone = p if not degree_in(p, i) else q
        return [
            {j: y, i: x} for y in _common_roots([alone], j, context, real) for x in roots_over(p, q, i, {j: y}, context, real)
        ]
    bound = min(degree_in(p, i) * degree_in(q, j) + degree_in(q, i) * degree_in(p, j), total_degree(p) * total_degree(q))
    left, right = whole_coefficients(p, i, j), whole_coefficients(q, i, j)
    if (p, q, i) not in found.resultants:
        found.effort.spend("resultant", work(left, right), "the resultant of two polynomials")
        found.resultants[p, q, i] = resultant(left, right, bound)
    eliminated = found.resultants[p, q, i]
    if not eliminated:
        return [] if always else _pair(members, i, j, found, context, real, always=True)
    if real and not found.nested:
        bits = max(abs(c).bit_length() for c in eliminated)
        found.effort.spend("isolation", len(eliminated) ** 2 * bits, "finding the roots of a resultant")
        points = _over_levels(p, q, i, j, eliminated, found, context)
    else:  # approximate coefficients split multiple roots, which takes exact isolation very long
        every = roots([context.mpf(c) for c in eliminated], context)
        points, certain = [], True
        for y in distinct_numbers(selected(every, context, real), context):
            values = roots_over(p, q, i, {j: y}, context, False)
            times = sum(negligible(y - v, abs(y) + abs(v), context) for v in every)
            certain &= len(values) == times and not (found.nested and times > 1)
            points += [{j: y, i: x} for x in selected(values, context, real)]
        if not certain:
            found.note(UNCOUNTED)
    return [point for point in points if all(vanishes(f, point, context) for f in members[2:])]


def _over_levels(p: Any, q: Any, i: int, j: int, eliminated: list[int], found: Zeros, context: Digits) -> list[dict[int, Any]]:
    """Real common zeros over the real roots of the resultant, and whether these are all.

    Over a root of multiplicity `m` there are at most `m` zeros, real or not.  Where fewer are found, because they are
    multiple or at infinity, all real zeros are counted in other coordinates.
    """
    fine = Digits(context.dps, strict=False)  # more digits, as Euclid's algorithm loses some with each step
    fine.dps = context.dps + LOST * max(degree_in(p, i), degree_in(q, i))
    points: list[dict[int, Any]] = []
    certain = True
    for y, times in with_multiplicities(eliminated, fine.dps):
        level = {j: context.convert(y)}
        shared = shared_divisor(p, q, i, {j: fine.convert(y)}, fine)
        values = checked_roots(shared, p, q, i, level, context) if len(shared) > 1 else None
        if values is None:
            values = roots_over(p, q, i, level, context, False)
        certain &= len(values) == times
        points += [{**level, i: x} for x in selected(values, context, True)]
    if not certain:
        try:
            count = real_count(p, q, i, j, Effort(SECOND))
        except OverflowError:
            count = None
        if count is None:
            found.note(UNCOUNTED)
        elif count != len(points) and context.something > context.nothing:
            raise Doubt(f"{len(points)} of {count} real zeros of two polynomials were found")
    return points


def _tracked(
    equations: list[Any], unknowns: list[int], nonzero: Sequence[Any], found: Zeros, context: Digits, real: bool
) -> list[dict[int, Any]]:
    """Common zeros by homotopy continuation."""
    found.used("homotopy continuation")
    key = tuple(equations)
    if key not in found.tracked:
        found.tracked[key] = isolated_zeros(equations, unknowns, found.effort, nonzero=nonzero, real=real)
    result = found.tracked[key]
    for note in result.notes:
        found.note(note)
    if found.nested:  # rounded coefficients may split what is multiple
        found.note("the zeros of equations in which others are substituted could not be counted")
    return [{i: context.convert(x) for i, x in zip(unknowns, point, strict=True)} for point in result.points]


def _distinct(points: list[list[Any]]) -> list[list[Any]]:
    """Without repetitions, in increasing order of the coordinates."""
    ordered = sorted(points, key=lambda x: [(float(v.real), float(v.imag)) for v in x])
    table = np.array([[complex(v) for v in x] for x in ordered]) if ordered else np.empty((0, 0))
    kept: list[int] = []
    for k in range(len(ordered)):
        if all((abs(table[k] - table[j]) > 1e-12 * (abs(table[k]) + abs(table[j]))).any() for j in kept):
            kept.append(k)
    return [ordered[k] for k in kept]
