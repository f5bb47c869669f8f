"""What the stages of a fit share: numbers of windows, sizes of terms, renewed constants, guesses of states, freedom."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.inference.candidates import candidate_system
from symdyn.inference.data import observations
from symdyn.inference.information import estimated, inverse
from symdyn.inference.optimum import find_optimum
from symdyn.inference.parameters import LibraryTerm, open_constants
from symdyn.inference.problem import make_problem, rough_states

x, y, a, K = sp.symbols("x y a K")
f = sp.Function("f")
DECAY = sd.ODESystem({x: -a * x})


def decays(*points):
    return observations(DECAY, [{"t": np.linspace(0, 2, n), "x": np.exp(-np.linspace(0, 2, n))} for n in points])


def fitted(seen, system=DECAY, terms=(), **options):
    return make_problem(system, candidate_system(system, terms, seen), seen, {}, **options)


def test_windows_are_halved_from_the_longest_trajectory():
    # 32 intervals: windows of one interval are not allowed, two hold three points
    problem = fitted(decays(5, 33))
    assert problem.stages(wanted=100) == [16, 8, 4, 2, 1]
    assert problem.stages(wanted=3) == [3, 1]
    with pytest.raises(sd.RecoveryError, match="windows is 8, but 24 data tell too little beside 8 initial values"):
        # two thirds are left, but three parameters and two more need them
        fitted(decays(17), sd.ODESystem({x: sum(sp.Symbol(f"p{k}") * x**k for k in range(20))})).stages(wanted=8)


def saturating():
    """x' = -2 x/(1/2 + x) from 3, by the implicit solution x + log(x)/2 = c - 2 t."""
    states = np.linspace(3.0, 0.1, 40)
    times = (3.0 + np.log(3.0) / 2 - states - np.log(states) / 2) / 2
    return sd.ODESystem({x: f(x)}), {"t": times, "x": states}


def test_constants_that_went_astray_are_fitted_again_from_every_guess():
    system, data = saturating()
    seen = observations(system, data)
    term = LibraryTerm(f(x), x / (K + x), {K: (0.01, 1.0, 1000.0)})
    problem = fitted(seen, system, [term], noise=np.array([1e-3]))
    selection = problem.selection(1)
    astray = problem.candidates.guesses[problem.candidates.guesses[:, 1].argmax()]
    selection.fit(np.array([[True]]), astray[None], np.full((1, 1, 1), 3.0) / problem.shooting.scale, iterations=3)
    before = selection.ranked()[0]
    # a constant keeps its value where its term is left out, its coefficient does not
    (without,) = selection.fit(np.array([[False]]), np.array([[0.7, 0.3]]), np.ones((1, 1, 1)), iterations=0)
    assert without.theta.tolist() == [0.0, 0.3]
    assert before.theta[1] * problem.candidates.sizes[1] > 10
    problem.renew(selection)
    after = selection.ranked()[0]
    assert after.criterion < before.criterion
    assert after.theta * problem.candidates.sizes == pytest.approx([-2.0, 0.5], rel=1e-3)


def test_terms_are_as_large_as_their_root_mean_square_along_the_data():
    system, data = saturating()
    term = LibraryTerm(f(x), x / (K + x), {K: (0.5,)})
    problem = fitted(observations(system, data), system, [term, LibraryTerm(f(x), sp.log(x - 1))])
    sizes = problem.candidates.sizes
    found = problem._terms_along(np.array([1.0, 1.0, 0.5 / sizes[2]]))
    assert found == pytest.approx([np.sqrt(np.mean((data["x"] / (0.5 + data["x"])) ** 2)), 1.0])  # a logarithm is no number


def test_states_without_data_begin_at_declared_values_or_at_three_sizes():
    system = sd.ODESystem({x: -x + y, y: -y})
    seen = observations(system, {"t": [0.0, 1.0, 2.0], "x": [4.0, 2.0, 1.0]})
    scale = seen.scale[0]
    assert [g[0][0, 1] / scale for g in rough_states(system, seen)] == pytest.approx([0.1, 1.0, 10.0])
    (declared,) = rough_states(system.with_initial({y: 7.0}), seen)
    assert declared[0][:, 1].tolist() == [7.0, 7.0, 7.0]
    (learned,) = rough_states(system, seen, [(np.array([0.0, 2.0]), np.array([[9.0, 1.0], [9.0, 3.0]]))])
    assert learned[0].tolist() == [[4.0, 1.0], [2.0, 2.0], [1.0, 3.0]]


def test_freedom_is_data_less_what_was_fitted():
    assert find_optimum(DECAY, decays(12, 9)).selection.nuisance == 2
    best = find_optimum(DECAY.with_initial({x: 1.0}), decays(12), bounds={a: (0.5, 3.0)})
    assert best.selection.nuisance == 0
    assert best.values == pytest.approx({a: 1.0}, rel=1e-5)


def test_variances_of_estimates_are_those_of_the_noise_times_the_inverse_information():
    found = inverse(np.diag([4.0, 0.25]))
    for freedom, noise in ((6, 3 / 6), (1, 3.0), (0, 3.0)):  # without freedom all that is left is noise
        facts = estimated(("a", "b"), np.ones(2), found, 3.0, freedom, scales=np.array([10.0, 1.0]))
        assert facts.covariance == pytest.approx(np.diag([100 * noise / 4, noise / 0.25]))


def test_decimal_numbers_inside_a_term_are_opened():
    opened, constants = open_constants(x**2 / (2.5 + x) * sp.exp(-0.1 * x), "f", {"f_c1"})
    first, second = constants
    assert opened == x**2 / (second + x) * sp.exp(first * x)
    assert list(constants.values()) == [(-0.1,), (2.5,)]
    assert second.name != "f_c1"
