"""Formulas of steps and of variates, as plain Python: against closed forms, mpmath and scipy."""

from __future__ import annotations

import math
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
from scipy import stats

from symdyn.methods.controllers import PID


def control(**gains):
    names = ("now", "before", "earlier", "rejected", "safety", "shrink", "grow")
    return SimpleNamespace(**dict(zip(names, PID(**gains).numbers(4), strict=True)))


@pytest.mark.parametrize("gains", [(0.0, 1.0, 0.0), (0.4, 0.3, 0.0), (0.1, 0.3, 0.4)])
def test_the_next_step_is_that_of_the_three_gains(shared, gains):
    p, i, d = gains
    made = control(proportional=p, integral=i, derivative=d, safety=0.8, shrink=0.1, grow=9.0)
    e, e1, e2 = 0.3, 0.7, 0.05
    factor = 0.8 * e ** (-(p + i + d) / 4) * e1 ** ((p + 2 * d) / 4) * e2 ** (-d / 4)
    assert shared.control.after_acceptance(e, e1, e2, made, 9.0) == pytest.approx(factor, rel=1e-14)
    assert shared.control.after_acceptance(e, e1, e2, made, 1.0) == pytest.approx(min(factor, 1.0))
    assert shared.control.after_rejection(16.0, made) == pytest.approx(0.8 / 2)
    assert shared.control.after_rejection(1e9, made) == 0.1
    assert shared.control.after_rejection(1e-9, made) == 1.0


def test_no_error_is_the_least_error_of_each_step(shared):
    made = control(proportional=0.1, integral=0.3, derivative=0.4, safety=1.0, shrink=1e-99, grow=1e99)
    floor = 1e-12
    for errors in ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)):
        exact = math.prod(max(e, floor) ** x for e, x in zip(errors, (made.now, made.before, made.earlier), strict=True))
        assert shared.control.after_acceptance(*errors, made, 1e99) == pytest.approx(exact, rel=1e-13)
    assert shared.control.after_rejection(0.0, made) == 1.0


def test_first_steps(shared):
    # Hairer, Norsett & Wanner, II.4: a hundredth of the ratio of norms; tiny ones tell nothing
    assert shared.control.first_length(4.0, 25.0) == pytest.approx(0.01 * 2 / 5)
    assert shared.control.first_length(1e-11, 25.0) == shared.control.first_length(4.0, 1e-11) == 1e-6
    assert shared.control.first_length(1e-9, 1e-9) == pytest.approx(0.01)
    assert shared.control.first_step(3.0, 2.0) == pytest.approx(0.015)
    assert shared.control.first_step(0.0, 2.0) == pytest.approx(0.01 * 1e-5 / 2)
    assert shared.control.first_step(1.0, 0.0) == pytest.approx(1e298)


def test_guesses_are_interpolated_truncated_and_projected(shared):
    # Oliveira & Takahashi (2021), equations 13 to 15, by hand: regula falsi 0.25, truncated by 0.2 (b - a)^2
    guess = shared.roots.next_guess
    assert guess(0.0, 1.0, -0.25, 0.75, 1.0) == pytest.approx(0.45)
    assert guess(0.0, 1.0, -0.75, 0.25, 1.0) == pytest.approx(0.55)
    assert guess(2.0, 2.5, -0.1, 0.9, 1.0) == pytest.approx(2.05 + 0.2 * 0.25)
    assert guess(0.0, 1.0, -0.45, 0.55, 1.0) == 0.5  # beyond the middle
    assert guess(0.0, 1.0, -0.25, 0.75, 0.52) == pytest.approx(0.48)
    assert guess(0.0, 1.0, -0.75, 0.25, 0.52) == pytest.approx(0.52)


@pytest.mark.parametrize(
    "f", [lambda x: x**9 - 1e-3, lambda x: math.exp(x) - 1.7, lambda x: x - 0.123, lambda x: math.cbrt(x - 0.9)]
)
def test_roots_are_found_as_fast_as_by_bisection(shared, f):
    a, b, reach, count = 0.0, 1.0, 1.0, 0
    while b - a > 1e-12:
        x = shared.roots.next_guess(a, b, f(a), f(b), reach)
        a, b, reach, count = (a, x, reach / 2, count + 1) if f(x) >= 0 else (x, b, reach / 2, count + 1)
    assert count <= math.ceil(math.log2(1e12)) + 1
    assert f(a) < 0 <= f(b)


# ---- formulas ----------------------------------------------------------------------------------


def ulps(value, exact):
    return abs(float((mpmath.mpf(value) - exact) / np.spacing(abs(float(exact)))))


def test_logarithm_sine_and_cosine_are_those_of_mpmath(shared):
    with mpmath.workdps(40):
        for f in np.linspace(-0.29, 0.41, 41):
            assert ulps(shared.formulas.logarithm(f, 0.0), mpmath.log(1 + mpmath.mpf(f))) < 1.01
            assert ulps(shared.formulas.logarithm(f, 7.0), mpmath.log(128 * (1 + mpmath.mpf(f)))) < 1.01
        for x in np.linspace(-0.785, 0.785, 41):
            sine, cosine = shared.formulas.sine_and_cosine(x)
            assert ulps(sine, mpmath.sin(x)) < 2.01
            assert ulps(cosine, mpmath.cos(x)) < 2.01


@pytest.mark.parametrize("mean", [0.01, 1.0, 7.3, 200.0])
def test_inversion_is_the_quantile(shared, mean):
    for u in (1e-6, 0.1, 0.5, 0.9, 0.999999):
        assert shared.formulas.inverse_poisson(u, mean) == stats.poisson.ppf(u, mean)


def test_logarithms_of_probabilities(shared):
    v, b = shared.variates, shared.binomials
    with mpmath.workdps(40):
        for n in (1, 2, 9, 15, 16, 17, 40, 1000):
            exact = mpmath.loggamma(n + 1) - mpmath.log(mpmath.sqrt(2 * mpmath.pi * n)) - n * (mpmath.log(n) - 1)
            assert v.stirling_error(float(n)) == pytest.approx(float(exact), rel=1e-11)
        for x, mean in ((1.0, 1.0), (1.0, 1.1), (105.0, 100.0), (3.0, 200.0), (1e8 + 1, 1e8), (1.2, 1.0), (1.3, 1.0)):
            exact = x * mpmath.log(mpmath.mpf(x) / mean) + mean - x
            assert v.deviance(x, mean) == pytest.approx(float(exact), rel=1e-13, abs=1e-300)
    for k, mean in ((0, 3.5), (1, 3.5), (17, 3.5), (900, 1000.0)):
        assert v.log_poisson(float(k), mean) == pytest.approx(stats.poisson.logpmf(k, mean), rel=1e-11)
    for k, n, p in ((0, 9, 0.3), (9, 9, 0.3), (4, 9, 0.3), (480, 1000, 0.5), (3, 1000, 0.02)):
        assert b.log_binomial(float(k), float(n), p) == pytest.approx(stats.binom.logpmf(k, n, p), rel=1e-11)


def test_probabilities_of_outcomes(shared):
    b = shared.binomials
    assert b.probable(True, 1.0)
    assert b.probable(True, 1.0 + 1e-13)
    assert not b.probable(True, 1.0 + 1e-11)
    assert not b.probable(False, 0.5)
    assert b.rest(0.75, 2) == 0.25
    assert b.rest(1.0 - 1e-15, 2) == 0.0
    assert b.chance(0.1, 0.3) == (pytest.approx(0.25), False)
    assert b.chance(0.3, 0.1) == (pytest.approx(0.25), True)
    assert b.chance(0.2, 0.2) == (0.5, False)
    assert b.chance(0.0, 0.0) == (0.0, False)


def test_binomial_inversion_and_acceptance(shared):
    b = shared.binomials
    for n, p in ((1, 0.3), (20, 0.25), (255, 0.03)):
        for u in (1e-6, 0.2, 0.5, 0.9, 0.9999):
            assert b.invert(u, float(n), p / (1 - p), (1 - p) ** n) == stats.binom.ppf(u, n, p)
    assert b.invert(1.0, 3.0, 1.0, 0.125) == 3.0
    for n, p in ((100, 0.3), (4000, 0.4), (10**6, 0.2)):
        law, mode = stats.binom(n, p), math.floor((n + 1) * p)
        for k in {mode, mode - 3, mode + 20, mode + 21, mode - 45, max(mode - 200, 1), min(mode + 2000, n - 1)}:
            ratio = math.exp(law.logpmf(k) - law.logpmf(mode))
            if ratio > 1e-280:
                for needed in (0.99 * ratio, 1.01 * ratio, 0.5 * ratio, 2 * ratio):
                    assert b.accepted(needed, float(k), float(n), p, n * p * (1 - p)) == (needed < ratio), (n, p, k)
            if abs(k - mode) <= 21:
                assert b.relative(float(k), float(mode), float(n), p) == pytest.approx(ratio, rel=1e-8)
