"""Exact elimination, roots and resultants, and homotopies, against systems whose solutions or their numbers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from sympy import QQ
from sympy.polys.orderings import grevlex
from sympy.polys.rings import PolyRing, ring

from symdyn.analysis.bivariate import resultant
from symdyn.analysis.homotopy import isolated_zeros
from symdyn.analysis.univariate import real_roots
from symdyn.analysis.zeros import all_zeros


def system(n, make):
    return list(make(PolyRing([f"x{k}" for k in range(n)], QQ, grevlex).gens))


def katsura(n):
    def make(u):
        at = lambda k: u[abs(k)] if abs(k) <= n else 0  # noqa: E731
        total = sum(at(k) for k in range(-n, n + 1)) - 1
        return [*(sum(at(k) * at(m - k) for k in range(-n, n + 1)) - u[m] for m in range(n)), total]

    return system(n + 1, make)


def cyclic(n):
    def make(x):
        sums = [sum(math.prod(x[(i + j) % n] for j in range(k)) for i in range(n)) for k in range(1, n)]
        return [*sums, math.prod(x) - 1]

    return system(n, make)


def noon(n):
    return system(n, lambda x: [10 * x[i] * (sum(y**2 for y in x) - x[i] ** 2) - 11 * x[i] + 10 for i in range(n)])


def test_wilkinsons_polynomial_keeps_its_roots():
    x = sp.Symbol("x")
    coefficients = [QQ(int(c)) for c in sp.Poly(sp.prod([x - k for k in range(1, 21)]), x).all_coeffs()]
    assert [float(r) for r in real_roots(coefficients)] == [float(k) for k in range(1, 21)]


def test_close_and_multiple_roots_are_told_apart():
    x = sp.Symbol("x")
    gap = sp.Rational(1, 10**25)
    polynomial = sp.Poly(sp.expand((x - 1) ** 3 * (x - 1 - gap) * (x**2 + 1)), x)
    found = real_roots([QQ(c.p, c.q) for c in polynomial.all_coeffs()])
    assert len(found) == 2
    assert abs(float((found[1] - found[0]) * 10**25) - 1) < 1e-12


def test_the_resultant_is_that_of_sympy():
    rng = np.random.default_rng(3)
    p, q = (rng.integers(-50, 50, size=(a, b)).tolist() for a, b in ((4, 5), (3, 4)))
    _, x, y = ring("x,y", sp.ZZ)
    left, right = (sum(c * x**i * y**j for i, row in enumerate(f) for j, c in enumerate(row)) for f in (p, q))
    expected = left.resultant(right)
    found = resultant(p, q, 3 * 3 + 2 * 4)
    assert {(len(found) - 1 - k,): c for k, c in enumerate(found) if c} == dict(expected.iterterms())


def test_zeros_that_share_a_coordinate_are_counted():
    """With A = x^2 it is A + y^2 = 5 and A^5 y^2 = 4: six A, two x for each, two y; the degree is too high for paths."""
    found = all_zeros(system(2, lambda x: [x[0] ** 2 + x[1] ** 2 - 5, x[0] ** 10 * x[1] ** 2 - 4]), [], real=False)
    assert (found.complete, len(found.points), found.notes) == (True, 6 * 2 * 2, [])


@pytest.mark.parametrize(
    ("equations", "count"),
    [(katsura(3), 2**3), (katsura(4), 2**4), (noon(3), 3**3 - 2 * 3)],
    ids=["katsura-3", "katsura-4", "noon-3"],
)
def test_numbers_of_complex_solutions(equations, count):
    found = all_zeros(equations, [], real=False)
    assert found.complete
    assert len(found.points) == count


def test_the_cyclic_five_roots_have_ten_real_solutions():
    found = all_zeros(cyclic(5), [])
    assert found.complete
    assert "homotopy continuation" in found.methods
    assert len(found.points) == 10
    assert all(abs(math.prod(map(float, x)) - 1) < 1e-12 for x in found.points)


def test_homotopy_and_elimination_agree():
    equations = katsura(3)
    exactly = np.array([[float(v) for v in x] for x in all_zeros(equations, []).points])
    tracked = isolated_zeros(equations, range(4), seed=5)
    assert tracked.complete
    points = np.array([[float(v) for v in x] for x in tracked.points])
    np.testing.assert_allclose(points[np.lexsort(points.T[::-1])], exactly[np.lexsort(exactly.T[::-1])], atol=1e-14)


def test_paths_at_infinity_are_recognised():
    # x y = 1, x (y + 1) = 3: two paths, of which one goes to infinity; the zero is (2, 1/2)
    found = isolated_zeros(system(2, lambda x: [x[0] * x[1] - 1, x[0] * x[1] + x[0] - 3]), range(2))
    assert found.complete
    assert [[float(v) for v in x] for x in found.points] == [[2.0, 0.5]]


def test_both_branches_of_a_vanishing_coefficient_are_followed():
    # (y - 1) x + z - 2 = 0 holds for y = 1, z = 2 whatever x is: then x comes from the last equation
    x, y, z = PolyRing("x,y,z", QQ, grevlex).gens
    found = all_zeros([(y - 1) * x + z - 2, (y - 1) * (y - 3), x**2 - 4 + (y - 1) * z], [])
    points = {tuple(round(float(v), 12) for v in point) for point in found.points}
    assert {(2.0, 1.0, 2.0), (-2.0, 1.0, 2.0)} <= points
    # y = 3: z = 2 - 2 x, x^2 - 4 x = 0
    assert points == {(2.0, 1.0, 2.0), (-2.0, 1.0, 2.0), (0.0, 3.0, 2.0), (4.0, 3.0, -6.0)}


def test_curves_of_solutions_are_reported():
    found = all_zeros(system(2, lambda x: [x[0] * (x[1] - 1), x[0] * (x[0] - 2)]), [])
    assert [[float(v) for v in x] for x in found.points] == [[2.0, 1.0]]
    assert not found.complete
    assert "not isolated" in found.notes[0]


def test_contradictions_have_no_solutions():
    found = all_zeros(system(2, lambda x: [x[0] * x[1] - 1, x[0], x[1]]), [])
    assert found.complete
    assert found.points == []


def test_complex_zeros_that_are_multiple_are_counted():
    # (x^2 + 1)^2 = 0 and y = x^2 + x: the zeros i and -i, each of multiplicity two, with y = -1 + i and -1 - i
    def double(v):
        rest = v[1] - v[0] ** 2 - v[0]
        return [(v[0] ** 2 + 1) ** 2 + rest, rest]

    found = all_zeros(system(2, double), [], real=False)
    assert found.complete
    assert sorted(complex(p[0]).imag for p in found.points) == pytest.approx([-1, 1])
