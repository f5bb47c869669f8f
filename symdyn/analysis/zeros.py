"""All zeros of a polynomial system: elimination, then one and two unknowns exactly, more by homotopy continuation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import mpmath
import numpy as np
from sympy.polys.domains import QQ

from symdyn.analysis.bivariate import resultant, whole_coefficients, work
from symdyn.analysis.coordinates import Shift
from symdyn.analysis.effort import Effort
from symdyn.analysis.elimination import Leaf, Solved, eliminate
from symdyn.analysis.homotopy import isolated_zeros, trackable
from symdyn.analysis.univariate import DIGITS, number, real_roots, roots

__all__ = ["Zeros", "all_zeros"]

#: Relative size of a polynomial's value, against the sum of its terms' sizes, below which it is taken for zero.
ZERO = 1e-20
#: Seconds of a typical core after which exact computations are given up.
LIMIT = 10.0
#: The same where some zeros will not be found anyway.
BRIEF = 2.0
#: Steps that an iteration for all roots at once may take.
STEPS = 500
#: Digits that a step of Euclid's algorithm may lose, on average.
LOST = 10
#: Relative size of an imaginary part below which it is taken for zero.
REAL = 1e-20


@dataclass
class Zeros:
    """Zeros found, each a list with one multiple-precision number a generator, and how; what was `unfinished`, if anything."""

    points: list[list[Any]] = field(default_factory=list)
    complete: bool = True
    methods: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unfinished: str = ""
    nested: bool = False
    effort: Effort = field(default_factory=lambda: Effort(LIMIT))

    def note(self, text: str, *, complete: bool = False) -> None:
        self.complete &= complete
        if text not in self.notes:
            self.notes.append(text)

    def used(self, method: str) -> None:
        if method not in self.methods:
            self.methods.append(method)


def all_zeros(equations: Sequence[Any], nonzero: Sequence[Any], *, real: bool = True) -> Zeros:
    """All isolated zeros of `equations` where none of `nonzero` vanishes.

    Parameters
    ----------
    equations, nonzero : sequences of polynomial
        Over the rational numbers, in one ring.
    real : bool
        Real zeros alone.

    Raises
    ------
    OverflowError
        If elimination would take too long.  Parts that take too long later are left out, and named by `unfinished`.
    """
    context = mpmath.MPContext()
    context.dps = DIGITS
    found = Zeros()
    equations = [p for p in equations if p]
    if not equations:
        found.note("every point is a zero")
        return found
    leaves = sorted(eliminate(equations, nonzero, found.effort), key=_difficulty)
    if any(map(_hopeless, leaves)):
        found.effort.left = min(found.effort.left, BRIEF)
    for leaf in leaves:
        try:
            _solve_leaf(leaf, found, context, real)
        except OverflowError as reason:
            found.complete, found.unfinished = False, str(reason)
    found.points = _distinct(found.points, context)
    return found


def _difficulty(leaf: Leaf) -> tuple[int, int]:
    """Number of unknowns and of terms: what is simple is solved first, as what is not may take too long."""
    return len(_present(leaf.equations)), sum(map(len, leaf.equations))


def _hopeless(leaf: Leaf) -> bool:
    """Whether only homotopy continuation could solve this, and the degrees are too high for it."""
    present = _present(leaf.equations)
    if len(present) < 3 or len(leaf.equations) < len(present) or any(len(_present([p])) < 3 for p in leaf.equations):
        return False
    return not trackable(sorted(map(_total, leaf.equations))[: len(present)])


def _present(equations: Sequence[Any]) -> list[int]:
    """Generators that occur."""
    return sorted({i for p in equations for m in p.itermonoms() for i, n in enumerate(m) if n})


def _solve_leaf(leaf: Leaf, found: Zeros, context: Any, real: bool) -> None:
    partial = _solve(list(leaf.equations), found, context, real)
    free = set(leaf.unknowns) - set(_present(leaf.equations))
    if not leaf.equations:
        found.used("elimination")
    for point in partial:
        if free:
            found.note("some zeros are not isolated: they form curves or surfaces, which are left out")
            continue
        if any(_vanishes(p, point, context) for p in leaf.nonzero):
            continue
        for step in reversed(leaf.solved):
            if isinstance(step, Solved):
                point[step.i] = -_value(step.b, point, context)[0] / _value(step.a, point, context)[0]
            elif isinstance(step, Shift):
                point[step.i] = (point[step.i] - _value(step.b, point, context)[0]) / number(step.a, context)
            else:
                point[step.j] = point[step.j] * point[step.i] ** step.n
        found.points.append([point[i] for i in range(len(point))])


def _solve(equations: list[Any], found: Zeros, context: Any, real: bool) -> list[dict[int, Any]]:
    """Common zeros, each a mapping from generators that occur to numbers."""
    if not equations:
        return [{}]
    groups = {id(p): _present([p]) for p in equations}
    for i in _present(equations):
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
    present = _present(equations)
    if len(equations) < len(present):
        found.note("some zeros are not isolated: they form curves or surfaces, which are left out")
        return []
    return _tracked(equations, present, found, context, real)


def _extend(points: list[dict[int, Any]], equations: list[Any], context: Any, real: bool, found: Zeros) -> list[dict[int, Any]]:
    """Complete partial zeros by equations with one further unknown at a time; drop those that fit none."""
    done = []
    todo = list(points)
    while todo:
        point = todo.pop()
        rest = [p for p in equations if not _known(p, point)]
        if not all(_vanishes(p, point, context) for p in equations if _known(p, point)):
            continue
        if not rest:
            done.append(point)
            continue
        fits = None
        for p in rest:
            left = [i for i in _present([p]) if i not in point]
            if len(left) == 1:
                coefficients = _in_one(p, left[0], point, context)
                if any(c != 0 for c in coefficients):
                    fits = (left[0], roots(coefficients, context))
                    break
        if fits is None:
            todo += _substituted(rest, point, context, real, found)
            continue
        i, values = fits
        for x in _select(values, context, real):
            todo.append({**point, i: x})
    return done


def _substituted(rest: list[Any], point: dict, context: Any, real: bool, found: Zeros) -> list[dict[int, Any]]:
    """Zeros of what is left once the known numbers are put in, as rational numbers of full precision."""
    ring = rest[0].ring
    if not all(abs(context.im(x)) == 0 for x in point.values()):
        found.note("complex zeros of nested systems are left out")
        return []
    values = [(ring.gens[i], _rational(context.re(x))) for i, x in point.items()]
    equations = [q for q in (p.subs(values) for p in rest) if q]
    if not equations:
        found.note("some zeros are not isolated: they form curves or surfaces, which are left out")
        return []
    found.nested = True
    try:
        return [{**point, **more} for more in _solve(equations, found, context, real)]
    finally:
        found.nested = False


def _rational(x: Any) -> Any:
    sign, mantissa, exponent, _ = x._mpf_
    value = QQ(int(mantissa)) * (QQ(2) ** exponent if exponent >= 0 else QQ(1, 2**-exponent))
    return -value if sign else value


def _known(p: Any, point: dict[int, Any]) -> bool:
    return all(i in point for i in _present([p]))


def _common_roots(polynomials: list[Any], i: int, context: Any, real: bool) -> list[Any]:
    """Roots that all of several polynomials in one generator share."""
    common = reduce(lambda a, b: a.gcd(b), polynomials)
    if common.is_ground:
        return []
    coefficients = [common.ring.domain.zero] * (max(m[i] for m in common.itermonoms()) + 1)
    for m, c in common.iterterms():
        coefficients[len(coefficients) - 1 - m[i]] = c
    if real:
        return [context.convert(x) for x in real_roots(coefficients)]
    part = common.sqf_part()
    values = [part.coeff(part.ring.gens[i] ** n) if n else part.coeff(1) for n in range(_degree(part, i), -1, -1)]
    return roots([number(c, context) for c in values], context)


def _degree(p: Any, i: int) -> int:
    return max(m[i] for m in p.itermonoms())


def _total(p: Any) -> int:
    return max(map(sum, p.itermonoms()))


def _pair(
    members: list[Any], i: int, j: int, found: Zeros, context: Any, real: bool, always: bool = False
) -> list[dict[int, Any]]:
    """Common zeros of polynomials in the generators `i` and `j`; `always` look for a common factor first."""
    members = sorted(members, key=_total)
    p, q = members[:2]
    common = p.gcd(q) if always or _total(p) * _total(q) <= 36 else p.ring.one
    if not common.is_ground:
        p, q = p.quo(common), q.quo(common)
        if len(members) == 2 or all(not f.rem([common]) for f in members[2:]):
            found.note("some zeros are not isolated: they form curves or surfaces, which are left out")
        if p.is_ground or q.is_ground:
            return []
    if _degree(p, i) + _degree(q, i) > _degree(p, j) + _degree(q, j):
        i, j = j, i
    if not _degree(p, i) or not _degree(q, i):
        alone = p if not _degree(p, i) else q
        return [{j: y, i: x} for y in _common_roots([alone], j, context, real) for x in _over(p, q, i, {j: y}, context, real)]
    bound = min(_degree(p, i) * _degree(q, j) + _degree(q, i) * _degree(p, j), _total(p) * _total(q))
    left, right = whole_coefficients(p, i, j), whole_coefficients(q, i, j)
    found.effort.spend("resultant", work(left, right), "the resultant of two polynomials")
    eliminated = resultant(left, right, bound)
    if not eliminated:
        return [] if always else _pair(members, i, j, found, context, real, always=True)
    bits = max((abs(c).bit_length() for c in eliminated), default=0)
    each = STEPS * 600 if found.nested else bits
    found.effort.spend("isolation", len(eliminated) ** 2 * each, "finding the roots of a resultant")
    if real and not found.nested:  # more digits, as Euclid's algorithm loses some with each step
        fine = mpmath.MPContext()
        fine.dps = DIGITS + LOST * max(_degree(p, i), _degree(q, i))
        points = []
        for y in real_roots(eliminated, fine.dps):
            level = {j: context.convert(y)}
            shared = _shared(p, q, i, {j: fine.convert(y)}, fine)
            found_here = _checked(shared, p, q, i, level, context) if shared else None
            if found_here is None:
                found_here = _over(p, q, i, level, context, real)
            points += [{**level, i: x} for x in found_here]
    else:  # approximate coefficients split multiple roots, which takes exact isolation very long
        levels = _distinct_numbers(_select(roots([context.mpf(c) for c in eliminated], context), context, real), context)
        points = [{j: y, i: x} for y in levels for x in _over(p, q, i, {j: y}, context, real)]
    return [point for point in points if all(_vanishes(f, point, context) for f in members[2:])]


def _tracked(equations: list[Any], unknowns: list[int], found: Zeros, context: Any, real: bool) -> list[dict[int, Any]]:
    """Common zeros by homotopy continuation."""
    found.used("homotopy continuation")
    result = isolated_zeros(equations, unknowns, found.effort, real=real)
    for note in result.notes:
        found.note(note, complete=result.complete)
    return [{i: context.convert(x) for i, x in zip(unknowns, point, strict=True)} for point in result.points]


def _shared(p: Any, q: Any, i: int, level: dict[int, Any], context: Any) -> list[Any]:
    """Coefficients of the common divisor of two polynomials in generator `i`, the other generator being known.

    Multiple roots are made single ones; an empty list if both polynomials vanish.
    """
    found = _euclid(_in_one(p, i, level, context), _in_one(q, i, level, context), context)
    if len(found) > 2:
        slope = [c * (len(found) - 1 - k) for k, c in enumerate(found[:-1])]
        twice = _euclid(found, slope, context)
        if len(twice) > 1:
            found = _divided(found, twice)[0][: len(found) - len(twice) + 1]
    return found


def _euclid(a: list[Any], b: list[Any], context: Any) -> list[Any]:
    """The greatest common divisor; what falls to half the digits in one division is taken for zero."""
    tiny = context.mpf(10) ** (-context.dps // 2)
    b, a = sorted((_trimmed(a), _trimmed(b)), key=len)
    while b:
        ratios, sizes = _divided(a, b)
        count = len(a) - len(b) + 1
        pairs = zip(ratios[count:], sizes[count:], strict=True)
        rest = _trimmed([c if abs(c) > tiny * s else context.mpf(0) for c, s in pairs])
        largest = max((abs(c) for c in rest), default=1)
        a, b = b, [c / largest for c in rest]
    return a


def _divided(a: list[Any], b: list[Any]) -> tuple[list[Any], list[Any]]:
    """Quotient, then remainder, and the sums of the sizes of their terms."""
    rest, sizes = list(a), [abs(c) for c in a]
    for k in range(len(a) - len(b) + 1):
        rest[k] /= b[0]
        for j, c in enumerate(b[1:], 1):
            term = rest[k] * c
            rest[k + j] -= term
            sizes[k + j] += abs(term)
    return rest, sizes


def _trimmed(coefficients: list[Any]) -> list[Any]:
    """Without leading zeros."""
    first = next((k for k, c in enumerate(coefficients) if c != 0), len(coefficients))
    return coefficients[first:]


def _checked(shared: list[Any], p: Any, q: Any, i: int, level: dict[int, Any], context: Any) -> list[Any] | None:
    """Real roots of the common divisor; None if one of its roots is none of the polynomials."""
    values = roots([context.convert(c) for c in shared], context)
    if not all(_vanishes(f, {**level, i: x}, context) for x in values for f in (p, q)):
        return None
    return _distinct_numbers(_select(values, context, True), context)


def _over(p: Any, q: Any, i: int, level: dict[int, Any], context: Any, real: bool) -> list[Any]:
    """Values of generator `i` at which both vanish, the other generator being known."""
    first, second = (p, q) if _degree(p, i) <= _degree(q, i) else (q, p)
    for f, g in ((first, second), (second, first)):
        coefficients = _in_one(f, i, level, context)
        if any(c != 0 for c in coefficients):
            values = _distinct_numbers(_select(roots(coefficients, context), context, real), context)
            return [x for x in values if _vanishes(g, {**level, i: x}, context)]
    return []


def _in_one(p: Any, i: int, point: dict[int, Any], context: Any) -> list[Any]:
    """Coefficients of the powers of generator `i`, highest first, with numbers for the others; zero where they cancel."""
    sums: dict[int, list[Any]] = {}
    for m, c in p.iterterms():
        term = number(c, context)
        for k, n in enumerate(m):
            if n and k != i:
                term *= point[k] ** n
        pair = sums.setdefault(m[i], [context.mpf(0), context.mpf(0)])
        pair[0] += term
        pair[1] += abs(term)
    top = max(sums)
    values = [sums.get(n, [context.mpf(0), context.mpf(1)]) for n in range(top, -1, -1)]
    return [v if abs(v) > ZERO * size else context.mpf(0) for v, size in values]


def _select(values: list[Any], context: Any, real: bool) -> list[Any]:
    if not real:
        return values
    return [context.re(x) for x in values if abs(context.im(x)) <= REAL * max(abs(x), context.mpf(10) ** -30)]


def _value(p: Any, point: dict[int, Any], context: Any) -> tuple[Any, Any]:
    """A polynomial's value and the sum of the sizes of its terms."""
    total, size = context.mpf(0), context.mpf(0)
    for m, c in p.iterterms():
        term = number(c, context)
        for k, n in enumerate(m):
            if n:
                term *= point[k] ** n
        total += term
        size += abs(term)
    return total, size


def _vanishes(p: Any, point: dict[int, Any], context: Any) -> bool:
    value, size = _value(p, point, context)
    return abs(value) <= ZERO * size


def _distinct_numbers(values: list[Any], context: Any) -> list[Any]:
    """Without repetitions: multiple roots agree to part of their digits only."""
    kept: list[Any] = []
    for x in values:
        if all(abs(x - y) > ZERO * (abs(x) + abs(y)) for y in kept):
            kept.append(x)
    return kept


def _distinct(points: list[list[Any]], context: Any) -> list[list[Any]]:
    """Without repetitions, in increasing order of the coordinates."""
    ordered = sorted(points, key=lambda x: [(float(context.re(v)), float(context.im(v))) for v in x])
    table = np.array([[complex(v) for v in x] for x in ordered]) if ordered else np.empty((0, 0))
    kept: list[int] = []
    for k in range(len(ordered)):
        if all((abs(table[k] - table[j]) > 1e-12 * (abs(table[k]) + abs(table[j]))).any() for j in kept):
            kept.append(k)
    return [ordered[k] for k in kept]
