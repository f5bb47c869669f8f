r"""Random algebraic systems, the numbers of whose real zeros are known exactly, against `steady_states`.

``python -m tests.analysis.random_systems 1000`` tries a thousand, says how often ``complete`` was claimed, and lists every
claim that is wrong; ``--first N`` begins elsewhere.  Numbers are known by construction and Sturm's theorem (`products`), or
are the signature of Hermite's quadratic form :math:`\mathrm{Tr}(b_i b_j)` on the quotient algebra of a Groebner basis in
rational arithmetic (Pedersen, Roy & Szpirglas, Computational Algebraic Geometry (1993) 203; Cox, Little & O'Shea, Using
Algebraic Geometry, sec. 2.5).
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass

import sympy as sp
from sympy.polys.matrices import DomainMatrix

import symdyn as sd
from symdyn.analysis import steady_states

__all__ = ["KINDS", "Case", "claims", "make"]

#: Seconds after which an exact count is given up, and another system is drawn.
PATIENCE = 1.0


@dataclass
class Case:
    """A system, initial values that fix what it conserves, and the number of its steady states; None if not known."""

    kind: str
    system: sd.ODESystem
    initial: dict | None
    count: int | None


def _decimal(rng: random.Random, low: float, high: float) -> sp.Rational:
    """Three random digits and a random power of ten."""
    digits = rng.choice([-1, 1]) * rng.randint(100, 999)
    return sp.Rational(digits) * sp.Rational(10) ** rng.randint(round(low) - 2, round(high) - 2)


def products(rng: random.Random) -> Case:
    """Univariate polynomials in hidden linear coordinates, mixed and badly scaled: the zeros are a product set."""
    n = rng.choice([2, 3, 3])
    x = sp.symbols(f"x:{n}")
    wide = rng.choice([0, 3, 6])
    scales = [sp.Rational(10) ** rng.randint(-wide, wide) for _ in range(n)]
    while True:
        forms = [[rng.randint(-3, 3) for _ in range(n)] for _ in range(n)]
        mixing = [[rng.randint(-3, 3) for _ in range(n)] for _ in range(n)]
        if sp.Matrix(forms).det() and sp.Matrix(mixing).det():
            break
    u = sp.Symbol("u")
    count, sides = 1, []
    for row in forms:
        degree = rng.choice([2, 2, 3])
        f = sp.Poly([_decimal(rng, -1, 1) for _ in range(degree + 1)], u)
        count *= f.count_roots()
        sides.append(f.as_expr().subs(u, sum(c * v / s for c, v, s in zip(row, x, scales, strict=True))))
    rows = [sp.expand(_decimal(rng, -wide, wide) * sum(c * f for c, f in zip(row, sides, strict=True))) for row in mixing]
    return Case("products", sd.ODESystem(dict(zip(x, rows, strict=True))), None, count)


def sparse(rng: random.Random) -> Case:
    """Few terms of degree three or less, with coefficients over many decades."""
    n = rng.choice([2, 3, 3])
    x = sp.symbols(f"x:{n}")
    wide = rng.choice([0, 3, 5])
    monomials = [m for m in itertools.product(range(3), repeat=n) if sum(m) <= 3]
    rows = [
        sum(
            _decimal(rng, -wide, wide) * math.prod(v**e for v, e in zip(x, m, strict=True))
            for m in rng.sample(monomials, rng.randint(3, 5))
        )
        for _ in range(n)
    ]
    return Case("sparse", sd.ODESystem(dict(zip(x, rows, strict=True))), None, real_zeros(rows, [], x))


def rational(rng: random.Random) -> Case:
    """Production with saturation, and decay."""
    n = rng.choice([1, 2, 3])
    x = sp.symbols(f"x:{n}")
    rows, under = [], []
    for v in x:
        w, k = rng.choice(x), abs(_decimal(rng, -1, 1))
        power = rng.choice([1, 2]) if n > 1 else rng.choice([2, 3, 4])
        under.append(k + w**power)
        top = rng.choice([w**power, sp.Integer(1)])
        rows.append(abs(_decimal(rng, -2, 1)) + abs(_decimal(rng, -1, 2)) * top / under[-1] - abs(_decimal(rng, -1, 1)) * v)
    numerators = [sp.numer(sp.together(e)) for e in rows]
    return Case("rational", sd.ODESystem(dict(zip(x, rows, strict=True))), None, real_zeros(numerators, under, x))


def network(rng: random.Random) -> Case:
    """Mass action; most have conservation laws, whose values initial amounts fix."""
    n = rng.choice([2, 3, 4])
    x = sp.symbols(f"x:{n}")
    rows = [sp.Integer(0)] * n
    columns = []
    for _ in range(rng.randint(n, n + 2)):
        left, right = ([0] * n for _ in range(2))
        for side in (left, right):
            for _ in range(rng.randint(1, 2)):
                side[rng.randrange(n)] += 1
        rate = abs(_decimal(rng, -2, 2)) * math.prod(v**e for v, e in zip(x, left, strict=True))
        column = [b - a for a, b in zip(left, right, strict=True)]
        columns.append(column)
        rows = [row + c * rate for row, c in zip(rows, column, strict=True)]
    start = [sp.Integer(rng.randint(1, 9)) for _ in x]
    laws = sp.Matrix(columns).nullspace()
    equations = [*rows, *(sum(w * (v - s) for w, v, s in zip(law, x, start, strict=True)) for law in laws)]
    initial = {v: int(s) for v, s in zip(x, start, strict=True)}
    return Case("network", sd.ODESystem(dict(zip(x, rows, strict=True))), initial, real_zeros(equations, [], x))


KINDS = (products, sparse, rational, network)


def real_zeros(equations: list[sp.Expr], nonzero: list[sp.Expr], unknowns: tuple[sp.Symbol, ...]) -> int | None:
    """How many real zeros there are, without multiplicities, where no `nonzero` vanishes; None if not finitely many."""
    equations = [e for e in equations if e != 0]
    if nonzero:
        t = sp.Dummy("t")
        equations, unknowns = [*equations, t * sp.Mul(*nonzero) - 1], (*unknowns, t)
    basis = sp.groebner(equations, *unknowns, order="grevlex", domain="QQ")
    if basis.exprs == [1]:
        return 0
    if not basis.is_zero_dimensional:
        return None
    leads = [p.monoms(order="grevlex")[0] for p in basis.polys]
    standard = [(0,) * len(unknowns)]
    for m in standard:  # grows while it is read
        for k in range(len(unknowns)):
            higher = (*m[:k], m[k] + 1, *m[k + 1 :])
            if higher not in standard and not any(all(a <= b for a, b in zip(q, higher, strict=True)) for q in leads):
                standard.append(higher)
    size = len(standard)
    place = {m: k for k, m in enumerate(standard)}

    def column(m: tuple[int, ...]) -> list:
        rest = basis.reduce(sp.Mul(*(v**e for v, e in zip(unknowns, m, strict=True))))[1]
        values = [sp.Integer(0)] * size
        for k, c in sp.Poly(rest, *unknowns, domain="QQ").terms():
            if c:
                values[place[k]] = c
        return values

    operators = []
    for k in range(len(unknowns)):
        columns = [column((*m[:k], m[k] + 1, *m[k + 1 :])) for m in standard]
        operators.append(DomainMatrix.from_Matrix(sp.Matrix(columns).T).convert_to(sp.QQ))
    products_: dict[tuple[int, ...], DomainMatrix] = {standard[0]: DomainMatrix.eye(size, sp.QQ)}
    for m in standard[1:]:
        k = next(j for j, e in enumerate(m) if e)
        products_[m] = operators[k] * products_[(*m[:k], m[k] - 1, *m[k + 1 :])]
    dense = [products_[m].to_dense().to_list() for m in standard]
    form = [[sum(a[i][j] * b[j][i] for i in range(size) for j in range(size)) for b in dense] for a in dense]
    polynomial = DomainMatrix(form, (size, size), sp.QQ).charpoly()
    signed = [c if (size - k) % 2 == 0 else -c for k, c in enumerate(polynomial)]
    return _variations(polynomial) - _variations(signed)


def _variations(coefficients: list) -> int:
    """Changes of sign: all roots are real, so this is the number of positive ones (Descartes)."""
    signs = [c > 0 for c in coefficients if c]
    return sum(a != b for a, b in itertools.pairwise(signs))


class _TooLong(Exception):
    pass


def _give_up(*_: object) -> None:
    raise _TooLong


def make(number: int) -> Case | None:
    """The system with this number; None where it has families of zeros, or counting them takes too long."""
    rng = random.Random(number)
    before = signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        return KINDS[number % len(KINDS)](rng)
    except _TooLong:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def claims(case: Case) -> tuple[bool, int, str]:
    """Whether the steady states are said to be complete, how many there are, and how they were found."""
    found = steady_states(case.system, initial=case.initial)
    return bool(found.attrs["complete"]), found.sizes["branch"], f"{found.attrs['method']}: {found.attrs['notes']}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    tally: Counter[str] = Counter()
    wrong = 0
    for number in range(given.first, given.first + given.count):
        if number % 50 == 0 and tally:
            print(f"before {number}: {dict(sorted(tally.items()))}, wrong: {wrong}", flush=True)
        case = make(number)
        if case is None or case.count is None:
            tally["not counted"] += 1
            continue
        begun = time.perf_counter()
        complete, count, how = claims(case)
        seconds = time.perf_counter() - begun
        tally[f"{case.kind} {'complete' if complete else 'not complete'}"] += 1
        if (complete and count != case.count) or count > case.count:
            wrong += 1
            print(
                f"{number} {case.kind}: {count} of {case.count} real steady states, complete = {complete} ({how})", flush=True
            )
        elif not complete or seconds > 5:
            print(f"{number} {case.kind}: {count} of {case.count}, {seconds:.1f} s ({how})", flush=True)
    print(dict(sorted(tally.items())), f"wrong: {wrong}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
