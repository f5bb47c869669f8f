"""What is claimed to be complete was counted: random systems, badly scaled ones, special points on isolas and in pairs."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from sympy import QQ
from sympy.polys.orderings import grevlex
from sympy.polys.rings import PolyRing

import symdyn as sd
from symdyn.analysis import folds, hopf_points, steady_states, zeros
from symdyn.analysis.certificates import proven, proven_precisely
from symdyn.analysis.counting import local_multiplicity, quotient_bounds
from symdyn.analysis.effort import Effort
from symdyn.analysis.homotopy import _Homogeneous
from symdyn.analysis.univariate import roots
from symdyn.analysis.values import Digits
from symdyn.models import zoo
from tests.analysis.random_systems import claims, make

x, y, z, p, c = sp.symbols("x y z p c")


@pytest.mark.parametrize("number", range(24))
def test_no_claim_about_a_random_system_is_wrong(number):
    case = make(number)
    if case is None or case.count is None:  # families of zeros, which no number belongs to
        assert number % 4 != 0
        return
    complete, count, how = claims(case)
    assert count <= case.count, how
    assert count == case.count or not complete, how


def test_zeros_of_very_different_sizes():
    """Four real steady states, by Sturm's theorem for the elimination ideal, of sizes from 1e-16 to 1e7."""
    rows = [
        "44000*x*y*z + .3433*y - z/2500",
        ".074*x**2*y + .0031*x - 54079.993",
        "-48914*x*y + 85*x + .53*y**2*z + 1500*y - 96*z**2",
    ]
    system = sd.ODESystem.from_text("\n".join(f"{s}' = {e}" for s, e in zip("xyz", rows, strict=True)))
    found = steady_states(system)
    assert found.attrs["complete"] == 1
    assert found.x.values[0] == pytest.approx(-20519, abs=1)
    assert found.x.values[1] == pytest.approx(20495, abs=1)
    assert found.sizes["branch"] == 4


def test_small_roots_beside_large_ones():
    context = Digits()
    # (x - 1e80)(x^2 + 1e-80): the two small ones are imaginary
    found = roots([context.mpf(v) for v in ("1", "-1e80", "1e-80", "-1")], context)
    small = sorted(found, key=abs)[:2]
    assert all(abs(abs(v) / context.mpf("1e-40") - 1) < 1e-50 for v in small)
    assert all(abs(context.re(v)) < 1e-50 * abs(v) for v in small)


def test_krawczyks_test_takes_regular_zeros_alone():
    gens = PolyRing("x,y", QQ, grevlex).gens
    regular = [gens[0] ** 2 + gens[1] ** 2 - 25, gens[0] * gens[1] - 12]
    double = [gens[0] ** 2 - gens[1], gens[1]]
    for equations, start, expected in ((regular, [3, 4], True), (regular, [3, 4.5], False), (double, [0, 0], False)):
        scaled = _Homogeneous(equations, [0, 1], np.zeros(2, int)).affine
        _, radii, ok = proven(scaled, np.array([start], complex))
        if expected:
            assert (radii < 1e-11).all()
        assert ok.tolist() == [expected or start == [3, 4.5]]  # Newton's method leads from there to the zero
        context = Digits()
        slopes = [[q.diff(g) for g in gens] for q in equations]
        radii = proven_precisely(equations, slopes, [0, 1], [context.mpf(v) for v in start], context)
        assert (radii is not None) is expected


def test_zeros_are_counted_with_multiplicities_and_without_those_at_infinity():
    a, b, d = PolyRing("a,b,d", QQ, grevlex).gens
    count = lambda equations, n: [*quotient_bounds(equations, range(n), Effort(5.0))]  # noqa: E731
    assert count([a * b - 1, a * b + a - 3], 2)[-1] == 1
    assert count([a**2 - b, b**2, d - 1], 3)[-1] == 4
    assert count([a**2 + b**2 + d**2 - 1, a * b - d, b * d - a], 3)[-1] == 6  # twice a triple zero
    assert count([a * b - 1, a], 2)[-1] == 0
    assert count([a * b, a * d, d * b], 3) == []  # three lines
    assert local_multiplicity([a**2 - b, b**3 - a * b], [0, 1], [QQ(0), QQ(0)], Effort(5.0)) == 3
    assert local_multiplicity([a**2 - b, b**3 - a * b], [0, 1], [QQ(1), QQ(1)], Effort(5.0)) == 1
    assert local_multiplicity([a * b, a * d, d * b], [0, 1, 2], [QQ(1), QQ(0), QQ(0)], Effort(5.0)) is None


@pytest.mark.parametrize("distance", [0.1, 1e-2, 1e-4, 1e-6])
def test_pairs_of_hopf_points(distance):
    mu = (p - sp.Rational("0.37")) ** 2 - sp.Rational(str(distance)) ** 2
    system = sd.ODESystem({x: mu * x - y - x * (x**2 + y**2), y: x + mu * y - y * (x**2 + y**2)})
    found = hopf_points(system, p, (-1, 1))
    assert found.attrs["complete"] == 1
    np.testing.assert_allclose(found.p, [0.37 - distance, 0.37 + distance], rtol=1e-12)
    np.testing.assert_allclose(found.frequency, 1, rtol=1e-12)


def test_a_pair_that_touches_the_axis_is_no_hopf_point():
    mu = (p - sp.Rational("0.37")) ** 2
    found = hopf_points(sd.ODESystem({x: mu * x - y, y: x + mu * y}), p, (-1, 1))
    assert (found.sizes["point"], found.attrs["complete"]) == (0, 1)


def test_a_neutral_saddle_is_no_hopf_point():
    # eigenvalues p + 1 and p - 1: opposite at p = 0
    found = hopf_points(sd.ODESystem({x: p * x + y, y: x + p * y}), p, (-2, 2))
    assert (found.sizes["point"], found.attrs["complete"]) == (0, 1)


@pytest.mark.parametrize("centre", ["0.3", "-0.913"])
@pytest.mark.parametrize("radius", ["0.02", "0.0001"])
def test_folds_of_an_isola(centre, radius):
    # no steady state at any of a few values of the parameter
    found = folds(sd.ODESystem({x: (p - sp.Rational(centre)) ** 2 + x**2 - sp.Rational(radius) ** 2}), p, (-1, 1))
    assert found.attrs["complete"] == 1
    np.testing.assert_allclose(found.p, float(centre) + np.array([-1, 1]) * float(radius), rtol=1e-12)
    np.testing.assert_allclose(found.x, 0, atol=1e-12)


@pytest.mark.parametrize(("power", "count"), [(2, 1), (3, 0), (4, 1), (5, 0)])
def test_a_fold_is_an_extremum_of_the_parameter(power, count):
    found = folds(sd.ODESystem({x: p - x**power}), p, (-1, 1))
    assert (found.sizes["point"], found.attrs["complete"]) == (count, 1)


def test_folds_within_a_compatibility_class():
    """A <-> B with autocatalysis, A + B = T: k x^2 (T - x) + e (T - x) - x for B, whose discriminant in T has known zeros."""
    system = sd.ODESystem({y: -(x**2) * y - y / 50 + x * p, x: x**2 * y + y / 50 - x * p})
    found = folds(system, p, (0.01, 10), initial={x: 0, y: 2})
    discriminant = sp.Poly(sp.discriminant(x**2 * (2 - x) + (2 - x) / 50 - x * p, x), p)
    expected = sorted(float(r) for r in discriminant.real_roots() if 0.01 < r < 10)
    np.testing.assert_allclose(found.p, expected, rtol=1e-10)
    assert found.attrs["complete"] == 1


def test_folds_of_a_rational_system():
    """Production x^2/(1 + x^2) against decay p x: p = x/(1 + x^2) has its maximum, 1/2, at x = 1; negative states mirror it."""
    found = folds(sd.ODESystem({x: x**2 / (1 + x**2) - p * x}), p, (-2, 2))
    np.testing.assert_allclose([found.p, found.x], [[-0.5, 0.5], [-1, 1]], rtol=1e-12)
    assert found.attrs["complete"] == 1


def test_what_is_not_algebraic_is_followed_and_not_said_to_be_complete():
    """Steady states p = 3 x - exp(x): a fold where exp(x) = 3."""
    found = folds(sd.ODESystem({x: p + sp.exp(x) - 3 * x}), p, (-3, 3))
    assert found.attrs["complete"] == 0
    assert "exp(x) is not a rational function" in found.attrs["notes"]
    np.testing.assert_allclose(found.p, 3 * np.log(3) - 3, rtol=1e-9)


@pytest.mark.parametrize("distance", [0.1, 0.02, 0.003])
def test_pairs_within_one_step_of_a_branch(distance):
    """exp(q) crosses both zeros of mu within a step or two."""
    q = sp.exp(p)
    mu = (q - 1) ** 2 - sp.Rational(str(distance)) ** 2
    system = sd.ODESystem({x: mu * x - y - x * (x**2 + y**2), y: x + mu * y - y * (x**2 + y**2)})
    found = hopf_points(system, p, (-1.1, 1))
    assert found.attrs["complete"] == 0
    np.testing.assert_allclose(found.p, np.log([1 - distance, 1 + distance]), rtol=1e-7)


@pytest.mark.parametrize(
    "rows",
    [
        {x: (x + y + z + 1) ** 60 - 1, y: x - y**60, z: y - z**60},
        {x: sum((x + k * y + z) ** 40 for k in range(9)) - 1, y: x * y - z**2 + 1, z: x * z - y**2 + 2},
    ],
    ids=["degrees", "terms"],
)
def test_what_is_too_large_is_searched(rows, monkeypatch):
    monkeypatch.setattr(zeros, "LIMIT", 0.5)
    found = steady_states(sd.ODESystem(rows), starts=8)
    assert found.attrs["complete"] == 0
    assert "other steady states may exist" in found.attrs["notes"]


def test_a_singular_steady_state_is_found_and_counted():
    """The origin of x^2 + x^3 = y z, y^2 = x z, z^2 = 2 x y is not regular."""
    found = steady_states(sd.ODESystem({x: x**2 - y * z + x**3, y: y**2 - x * z, z: z**2 - 2 * x * y}))
    assert found.attrs["complete"] == 1
    assert (np.stack([found[s.name] for s in (x, y, z)]) == 0).all(axis=0).sum() == 1


def test_hopf_points_of_lorenz_are_certain():
    assert hopf_points(zoo.lorenz(), "rho", (2, 30)).attrs["complete"] == 1
