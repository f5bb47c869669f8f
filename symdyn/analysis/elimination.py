r"""Exact elimination of the unknowns that occur linearly, and of factors, before anything is solved numerically.

From :math:`a x + b = 0`, with polynomials :math:`a, b` free of :math:`x`, either :math:`x = -b/a` or
:math:`a = b = 0`; from :math:`g h = 0` either factor vanishes.  Following both possibilities each time loses no
solution and adds none.  The leaves of this tree are systems in which no unknown is linear.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sympy.polys.domains import QQ

from symdyn.analysis.coordinates import Shift, Twist, best_twist, find_shift, shifted, twisted
from symdyn.analysis.effort import Effort

__all__ = ["Leaf", "Solved", "eliminate"]

#: Terms above which a non-constant pivot is no longer used while three or more unknowns are left.
LARGE = 400
#: Products of numbers of terms above which common factors are not removed, at the cost of time only.
COSTLY, CHEAP = 10_000, 2_000
#: Branches above which the tree is given up.
MANY = 2000


class Solved(NamedTuple):
    """``x_i = -b / a``."""

    i: int
    a: Any
    b: Any


@dataclass(frozen=True)
class Leaf:
    """What is left after elimination.

    Attributes
    ----------
    equations : tuple of polynomial
        All must vanish; no unknown is linear in them with a constant coefficient.
    unknowns : tuple of int
        Generators that are neither solved for nor free of constraint.
    solved : tuple of `Solved`, `Shift` and `Twist`
        In the order of elimination: subsequent entries and unknowns occur in preceding ones.
    nonzero : tuple of polynomial
        None of these may vanish.
    """

    equations: tuple[Any, ...]
    unknowns: tuple[int, ...]
    solved: tuple[Solved | Shift | Twist, ...]
    nonzero: tuple[Any, ...]


def eliminate(equations: Sequence[Any], nonzero: Sequence[Any], effort: Effort | None = None) -> list[Leaf]:
    """All leaves; a system without solutions has none.

    Raises
    ------
    OverflowError
        If that takes too long.
    """
    effort = effort or Effort(math.inf)
    ring = equations[0].ring
    leaves: list[Leaf] = []
    todo = [_shift(Leaf(tuple(equations), tuple(range(ring.ngens)), (), tuple(nonzero)))]
    while todo:
        given = todo.pop()
        terms = sum(map(len, given.equations)) * (1 + sum(map(len, given.nonzero)))
        effort.spend("elimination", terms, "eliminating unknowns")
        branch = _clean(given)
        if branch is None:
            continue
        children = (
            _split(branch)
            or _linear(branch)
            or _pivot(branch, effort, constant=True)
            or _twist(branch)
            or _pivot(branch, effort, constant=False)
            or _strip(branch)
        )
        if children is None:
            leaves.append(branch)
            continue
        todo.extend(children)
        if len(leaves) + len(todo) > MANY:
            raise OverflowError("eliminating unknowns takes too long")
    return leaves


def _clean(branch: Leaf) -> Leaf | None:
    """Without equations that hold, factors that cannot vanish and repetitions; None if there is a contradiction."""
    kept: dict[Any, None] = {}
    nonzero = [p for p in branch.nonzero if not p.is_ground]
    if any(not p for p in branch.nonzero):
        return None
    for equation in branch.equations:
        p = equation
        if not p:
            continue
        p = _without(p, {k for q in nonzero if len(q) == 1 for k, n in enumerate(q.LM) if n})
        for factor in nonzero:
            while len(factor) > 1 and not p.is_ground and len(p) * len(factor) <= CHEAP:
                quotient, rest = p.div([factor])
                if rest:
                    break
                p = quotient[0]
        if p.is_ground:
            return None
        kept[p.monic()] = None
    return replace(branch, equations=tuple(kept), nonzero=tuple(dict.fromkeys(p.monic() for p in nonzero)))


def _without(p: Any, generators: set[int]) -> Any:
    """`p` without the powers of some generators by which it can be divided."""
    cut = [min(column) if k in generators else 0 for k, column in enumerate(zip(*p.itermonoms(), strict=True))]
    if not any(cut):
        return p
    return p.ring.from_dict({tuple(e - c for e, c in zip(m, cut, strict=True)): v for m, v in p.iterterms()})


def _split(branch: Leaf) -> list[Leaf] | None:
    """Branches for an equation that is a product with an unknown as a factor."""
    for k, p in enumerate(branch.equations):
        content = tuple(map(min, zip(*p.itermonoms(), strict=True)))
        if any(content) and _degree(p) > 1:
            others = branch.equations[:k] + branch.equations[k + 1 :]
            variables = [g for g, n in zip(p.ring.gens, content, strict=True) if n]
            rest = p.quo(p.ring.term_new(content, QQ(1)))
            found = [replace(branch, equations=(*others, g)) for g in variables]
            away = (*branch.nonzero, *variables)
            return [*found, replace(branch, equations=(*others, rest), nonzero=away)]
    return None


def _linear(branch: Leaf) -> list[Leaf] | None:
    """The same equations recombined, if that shows one of degree one which was not there."""
    if any(_degree(p) == 1 for p in branch.equations):
        return None
    rows = [dict(p.iterterms()) for p in branch.equations]
    ring = branch.equations[0].ring if branch.equations else None
    columns = sorted({m for row in rows for m in row}, key=lambda m: (-sum(m), m))
    reduced: list[dict] = []
    for column in columns:
        pivot = next((row for row in rows if column in row), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        if sum(column) <= 1:  # what is left holds unknowns singly
            rows.append(pivot)
            break
        reduced.append(pivot)
        for row in rows:
            if column in row:
                ratio = row[column] / pivot[column]
                for m, c in pivot.items():
                    value = row.get(m, QQ(0)) - ratio * c
                    if value:
                        row[m] = value
                    else:
                        row.pop(m, None)
    fresh = [row for row in rows if row]
    if not fresh and all(rows):
        return None
    assert ring is not None
    return [replace(branch, equations=tuple(ring.from_dict(row) for row in (*reduced, *fresh)))]


def _degree(p: Any) -> int:
    return max(map(sum, p.itermonoms()))


def _pivot(branch: Leaf, effort: Effort, *, constant: bool) -> list[Leaf] | None:
    """Branches that solve an equation for an unknown in which it is linear, the cheapest of all."""
    best: tuple | None = None
    for k, p in enumerate(branch.equations):
        degrees = [max(column) for column in zip(*p.itermonoms(), strict=True)]
        for i in branch.unknowns:
            if degrees[i] != 1:
                continue
            terms = [m for m in p.itermonoms() if m[i]]
            inconstant = len(terms) > 1 or sum(terms[0]) > 1
            if constant and inconstant:
                continue
            width = max(sum(m) for m in terms) - 1
            spread = sum(max(m[i] for m in q.itermonoms()) for j, q in enumerate(branch.equations) if j != k)
            cost = (inconstant, width, len(terms) * (1 + spread) + (len(p) - len(terms)) * spread, len(p))
            if best is None or cost < best[0]:
                best = (cost, k, i)
    if best is None:
        return None
    (inconstant, *_), k, i = best
    p = branch.equations[k]
    a, b = _coefficients(p, i)[1], _coefficients(p, i)[0]
    others = branch.equations[:k] + branch.equations[k + 1 :]
    if inconstant:
        common = a.gcd(b) if len(a) * len(b) <= COSTLY else p.ring.one
        if not common.is_ground:
            first = replace(branch, equations=(*others, common))
            second = replace(branch, equations=(*others, p.quo(common)), nonzero=(*branch.nonzero, common))
            return [first, second]
    substituted = [_substitute(q, i, a, b, effort) for q in others]
    large = max((len(q) for q in substituted), default=0) > LARGE
    if inconstant and large and len(_present(branch)) > 2:
        return None
    left = tuple(j for j in branch.unknowns if j != i)
    away = [_substitute(q, i, a, b, effort) for q in branch.nonzero]
    solved = replace(
        branch,
        equations=tuple(substituted),
        unknowns=left,
        solved=(*branch.solved, Solved(i, a, b)),
        nonzero=(*away, a) if inconstant else tuple(away),
    )
    if not inconstant or any(a.monic() == q for q in branch.nonzero):
        return [solved]
    return [solved, replace(branch, equations=(*others, a, b))]


def _shift(branch: Leaf) -> Leaf:
    """Denominators made unknowns, as far as that goes."""
    while (shift := find_shift(branch.nonzero, branch.equations)) is not None:
        branch = replace(
            branch,
            equations=tuple(shifted(p, shift) for p in branch.equations),
            nonzero=tuple(shifted(p, shift).monic() for p in branch.nonzero),
            solved=(*branch.solved, shift),
        )
    return branch


def _twist(branch: Leaf) -> list[Leaf] | None:
    """The same equations in unknowns in which their degrees are lower."""
    present = _present(branch)
    if len(present) < 2 or len(branch.equations) < 2:
        return None
    twist = best_twist(branch.equations, branch.nonzero, present)
    if twist is None:
        return None
    return [
        replace(
            branch,
            equations=tuple(twisted(p, twist, branch.nonzero) for p in branch.equations),
            nonzero=tuple(p if len(p) == 1 else twisted(p, twist, branch.nonzero) for p in branch.nonzero),
            solved=(*branch.solved, twist),
        )
    ]


def _strip(branch: Leaf) -> list[Leaf] | None:
    """The same equations without factors that they share with what cannot vanish."""
    found = []
    for p in branch.equations:
        for q in branch.nonzero:
            if len(q) > 1 and len(p) * len(q) <= COSTLY:
                common = p.gcd(q)
                while not common.is_ground:
                    p = p.quo(common)
                    common = p.gcd(common)
        found.append(p)
    return [replace(branch, equations=tuple(found))] if tuple(found) != branch.equations else None


def _present(branch: Leaf) -> list[int]:
    """Unknowns that occur in an equation."""
    return [i for i in branch.unknowns if any(m[i] for p in branch.equations for m in p.itermonoms())]


def _coefficients(p: Any, i: int) -> list[Any]:
    """Coefficients of the powers of generator `i`, lowest first."""
    parts: dict[int, dict] = {}
    for m, c in p.iterterms():
        parts.setdefault(m[i], {})[(*m[:i], 0, *m[i + 1 :])] = c
    return [p.ring.from_dict(parts.get(n, {})) for n in range(max(parts, default=0) + 1)]


def _substitute(p: Any, i: int, a: Any, b: Any, effort: Effort) -> Any:
    """``a**n p(x_i = -b/a)``, with `n` the degree of `p` in generator `i`."""
    parts = _coefficients(p, i)
    if len(parts) == 1:
        return p
    total, power = parts[-1], p.ring.one
    for c in reversed(parts[:-1]):  # Horner's rule on homogeneous terms
        effort.spend("expansion", len(total) * len(b) + len(power) * (len(a) + len(c)), "eliminating unknowns")
        power = power * a
        total = total * -b + c * power
    return total
