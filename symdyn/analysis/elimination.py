r"""Exact elimination of the unknowns that occur linearly, and of factors, before anything is solved numerically.

From :math:`a x + b = 0`, with polynomials :math:`a, b` free of :math:`x`, either :math:`x = -b/a` or
:math:`a = b = 0`; from :math:`g h = 0` either factor vanishes.  Following both possibilities each time loses no
solution and adds none.  The leaves of this tree are systems in which no unknown is linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sympy.polys.domains import QQ

__all__ = ["Leaf", "eliminate"]

#: Terms above which a non-constant pivot is no longer used while three or more unknowns are left.
LARGE = 400
#: Leaves above which the tree is given up.
MANY = 2000


@dataclass(frozen=True)
class Leaf:
    """What is left after elimination.

    Attributes
    ----------
    equations : tuple of polynomial
        All must vanish; no unknown is linear in them with a constant coefficient.
    unknowns : tuple of int
        Generators that are neither solved for nor free of constraint.
    solved : tuple of (int, polynomial, polynomial)
        ``x_i = -b/a`` in the order of elimination: later entries and unknowns occur in earlier ones.
    nonzero : tuple of polynomial
        None of these may vanish.
    """

    equations: tuple[Any, ...]
    unknowns: tuple[int, ...]
    solved: tuple[tuple[int, Any, Any], ...]
    nonzero: tuple[Any, ...]


def eliminate(equations: Sequence[Any], nonzero: Sequence[Any]) -> list[Leaf]:
    """All leaves; a system without solutions has none."""
    ring = equations[0].ring
    leaves: list[Leaf] = []
    todo = [Leaf(tuple(equations), tuple(range(ring.ngens)), (), tuple(nonzero))]
    while todo:
        branch = _clean(todo.pop())
        if branch is None:
            continue
        children = _split(branch) or _linear(branch) or _pivot(branch)
        if children is None:
            leaves.append(branch)
        else:
            todo.extend(children)
        if len(leaves) + len(todo) > MANY:
            raise OverflowError("the elimination branches too often")
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
        for factor in nonzero:
            while not p.is_ground:
                quotient, rest = p.div([factor])
                if rest:
                    break
                p = quotient[0]
        if p.is_ground:
            return None
        kept[p.monic()] = None
    return replace(branch, equations=tuple(kept), nonzero=tuple(dict.fromkeys(p.monic() for p in nonzero)))


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


def _pivot(branch: Leaf) -> list[Leaf] | None:
    """Branches that solve an equation for an unknown in which it is linear, the cheapest of all."""
    best: tuple | None = None
    for k, p in enumerate(branch.equations):
        degrees = [max(column) for column in zip(*p.itermonoms(), strict=True)]
        for i in branch.unknowns:
            if degrees[i] != 1:
                continue
            terms = [m for m in p.itermonoms() if m[i]]
            constant = len(terms) == 1 and sum(terms[0]) == 1
            width = max(sum(m) for m in terms) - 1
            spread = sum(max(m[i] for m in q.itermonoms()) for j, q in enumerate(branch.equations) if j != k)
            cost = (not constant, width, len(terms) * (1 + spread) + (len(p) - len(terms)) * spread, len(p))
            if best is None or cost < best[0]:
                best = (cost, k, i)
    if best is None:
        return None
    (inconstant, *_), k, i = best
    p = branch.equations[k]
    a, b = _coefficients(p, i)[1], _coefficients(p, i)[0]
    others = branch.equations[:k] + branch.equations[k + 1 :]
    if inconstant:
        common = a.gcd(b)
        if not common.is_ground:
            first = replace(branch, equations=(*others, common))
            second = replace(branch, equations=(*others, p.quo(common)), nonzero=(*branch.nonzero, common))
            return [first, second]
    substituted = [_substitute(q, i, a, b) for q in others]
    large = max((len(q) for q in substituted), default=0) > LARGE
    if inconstant and large and len(_present(branch)) > 2:
        return None
    left = tuple(j for j in branch.unknowns if j != i)
    away = [_substitute(q, i, a, b) for q in branch.nonzero]
    solved = replace(
        branch,
        equations=tuple(substituted),
        unknowns=left,
        solved=(*branch.solved, (i, a, b)),
        nonzero=(*away, a) if inconstant else tuple(away),
    )
    if not inconstant or any(a.monic() == q for q in branch.nonzero):
        return [solved]
    return [solved, replace(branch, equations=(*others, a, b))]


def _present(branch: Leaf) -> list[int]:
    """Unknowns that occur in an equation."""
    return [i for i in branch.unknowns if any(m[i] for p in branch.equations for m in p.itermonoms())]


def _coefficients(p: Any, i: int) -> list[Any]:
    """Coefficients of the powers of generator `i`, lowest first."""
    parts: dict[int, dict] = {}
    for m, c in p.iterterms():
        parts.setdefault(m[i], {})[(*m[:i], 0, *m[i + 1 :])] = c
    return [p.ring.from_dict(parts.get(n, {})) for n in range(max(parts, default=0) + 1)]


def _substitute(p: Any, i: int, a: Any, b: Any) -> Any:
    """``a**n p(x_i = -b/a)``, with `n` the degree of `p` in generator `i`."""
    parts = _coefficients(p, i)
    if len(parts) == 1:
        return p
    total, power = parts[-1], p.ring.one
    for c in reversed(parts[:-1]):  # Horner's rule on homogeneous terms
        power = power * a
        total = total * -b + c * power
    return total
