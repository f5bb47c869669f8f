"""Surrogates without a state network: smoothing, and networks inside the equations."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad, solve_ivp

import symdyn as sd
from symdyn.discover.surrogates._gaussian import _kernel, smooth
from symdyn.discover.surrogates.registry import SURROGATES, NothingLearnedError
from symdyn.errors import RecoveryError
from symdyn.inference.data import observations

x, y, k = sp.symbols("x y k")
f, g = sp.Function("f"), sp.Function("g")
SYSTEM = sd.ODESystem({x: 1.3 * x - f(x, y), y: g(x, y) - 1.8 * y})
HAS_JAX = find_spec("jax") is not None


@pytest.fixture(scope="module")
def exact():
    def rhs(t, u):
        return [1.3 * u[0] - 0.9 * u[0] * u[1], 0.8 * u[0] * u[1] - 1.8 * u[1]]

    return solve_ivp(rhs, (0, 3), [0.44249296, 4.6280594], dense_output=True, rtol=1e-11, atol=1e-11).sol


def hidden_error(fit, exact):
    a, b = exact(fit.times[0])
    found = np.stack([fit.terms[f(x, y)].values, fit.terms[g(x, y)].values])
    truth = np.stack([0.9 * a * b, 0.8 * a * b])
    return np.linalg.norm(found - truth) / np.linalg.norm(truth)


def data(exact, points=61, noise=0.0, seed=0):
    t = np.linspace(0, 3, points)
    u = exact(t)
    u = u + noise * u.mean(axis=1, keepdims=True) * np.random.default_rng(seed).normal(size=u.shape)
    return {"t": t, "x": u[0], "y": u[1]}


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize(("s", "t"), [(0.7, 0.3), (0.2, 0.6)])
def test_the_kernel_is_the_integral_that_defines_it(s, t, order):
    def integrand(w):
        return (s - w) ** 2 * (t - w) ** 2 / 4 if order == 0 else (s - w) * (t - w) ** 2 / 2

    assert _kernel(np.array([s]), np.array([t]), order)[0, 0] == pytest.approx(quad(integrand, 0, min(s, t))[0], rel=1e-10)


@pytest.mark.parametrize("noise", [0.01, 0.1])
def test_standard_errors_of_values_and_slopes_are_right(noise):
    t, at = np.linspace(0, 6, 60), np.linspace(0.3, 5.7, 40)
    scores, missed = [], []
    for seed in range(30):
        p = smooth(t, np.sin(t) + noise * np.random.default_rng(seed).normal(size=60), at)
        scores.append((p.slope - np.cos(at)) / p.slope_error)
        missed.append((p.value - np.sin(at)) / noise)
    assert 0.6 < np.sqrt(np.mean(np.square(scores))) < 1.3
    # a curve through 60 data with at least 3 and hardly more than 20 degrees of freedom
    assert np.sqrt(3 / 60) < np.sqrt(np.mean(np.square(missed))) < np.sqrt(20 / 60)


def test_a_polynomial_of_degree_two_is_followed_exactly_and_long_series_in_stretches():
    t = np.linspace(0, 10, 900)
    p = smooth(t, 3 - 2 * t + 0.5 * t**2, np.array([0.0, 3.3, 9.9]))
    np.testing.assert_allclose(p.slope, [-2.0, 1.3, 7.9], atol=1e-5)
    np.testing.assert_allclose(p.value, 3 - 2 * np.array([0.0, 3.3, 9.9]) + 0.5 * np.array([0.0, 3.3, 9.9]) ** 2, atol=1e-6)


def test_hidden_terms_without_noise(exact):
    fit = SURROGATES["smoothing"]().fit(SYSTEM, observations(SYSTEM, data(exact)))
    assert hidden_error(fit, exact) < 0.01
    np.testing.assert_allclose(fit.terms[f(x, y)].arguments, fit.states[0])
    np.testing.assert_allclose(fit.states[0].T, exact(fit.times[0]), atol=0.01)


def test_uncertain_samples_weigh_less(exact):
    fit = SURROGATES["smoothing"]().fit(SYSTEM, observations(SYSTEM, data(exact, noise=0.02)))
    samples = fit.terms[f(x, y)]
    a, b = exact(fit.times[0])
    error = np.abs(samples.values - 0.9 * a * b)
    heavy = samples.weights > np.median(samples.weights)
    assert np.sqrt(np.mean(error[heavy] ** 2)) < np.sqrt(np.mean(error[~heavy] ** 2))
    assert samples.weights.mean() == pytest.approx(1)


def test_several_trajectories_and_a_free_parameter():
    system = sd.ODESystem({x: -k * x, y: f(x)})
    t = np.linspace(0, 2, 31)
    runs = [{"t": t, "x": s * np.exp(-1.5 * t), "y": s * (1 - np.exp(-1.5 * t))} for s in (1.0, 2.0)]
    fit = SURROGATES["smoothing"]().fit(system, observations(system, runs))
    assert fit.parameters[k] == pytest.approx(1.5, rel=0.01)
    samples = fit.terms[f(x)]
    np.testing.assert_allclose(samples.values, 1.5 * samples.arguments[:, 0], atol=0.05)
    assert len(fit.states) == 2


def test_recover_takes_it_by_name(exact):
    found = sd.recover(SYSTEM, data(exact, points=31, noise=0.005), surrogate="smoothing", regressor="sparse", progress=False)
    for term, coefficient in ((f(x, y), 0.9), (g(x, y), 0.8)):
        number, shape = found.terms[term].as_coeff_Mul()
        assert shape == x * y
        assert float(number) == pytest.approx(coefficient, rel=0.02)


@pytest.mark.parametrize("name", ["smoothing", "neural_ode"])
def test_what_cannot_be_learned_is_refused(exact, name):
    surrogate = SURROGATES[name]
    seen = observations(SYSTEM, data(exact))
    with pytest.raises(RecoveryError, match="needs an ODESystem, got DiscreteSystem"):
        surrogate().fit(sd.DiscreteSystem({x: f(x)}), seen)
    nested = sd.ODESystem({x: f(g(x)), y: -y})
    with pytest.raises(RecoveryError, match="argument"):
        surrogate().fit(nested, seen)


def test_smoothing_needs_all_states_and_values_of_the_right_sign(exact):
    half = data(exact)
    del half["y"]
    with pytest.raises(RecoveryError, match="y has 0 values on a trajectory, and smoothing needs 6; 'pinn' needs none"):
        SURROGATES["smoothing"]().fit(SYSTEM, observations(SYSTEM, half))
    with pytest.raises(NothingLearnedError, match="that the data tell has the sign -1"):
        SURROGATES["smoothing"](signs={"f": -1}).fit(SYSTEM, observations(SYSTEM, data(exact)))
    with pytest.raises(RecoveryError, match="option points of the surrogate 'smoothing' is 1"):
        SURROGATES["smoothing"](points=1)
    with pytest.raises(RecoveryError, match="option width of the surrogate 'neural_ode' is 0"):
        SURROGATES["neural_ode"](width=0)
    with pytest.raises(RecoveryError, match=r"option holdout .* below 0.5"):
        SURROGATES["neural_ode"](holdout=0.5)
    with pytest.raises(RecoveryError, match=r"sign of the term f is 2; expected \+1 or -1"):
        SURROGATES["neural_ode"](signs={"f": 2})


@pytest.mark.skipif(not HAS_JAX, reason="needs jax")
def test_a_network_inside_the_equations_with_a_state_that_is_not_observed():
    """x' = -f(x) with f = 1.5 x from x alone; y' = x is its integral, and z never measured."""
    z = sp.Symbol("z")
    system = sd.ODESystem({x: -f(x), z: x}, initial={z: 0.0})
    t = np.linspace(0, 2, 25)
    seen = observations(system, {"t": t, "x": np.exp(-1.5 * t)})
    options = {"members": 1, "width": 4, "iterations": 40, "window": 13, "signs": {"f": 1}}
    fit = SURROGATES["neural_ode"](**options).fit(system, seen, seed=1)
    samples = fit.terms[f(x)]
    np.testing.assert_allclose(samples.values, 1.5 * samples.arguments[:, 0], atol=0.1)
    assert np.all(samples.values > 0)
    assert np.all(np.diff(fit.times[0]) > 0)
    np.testing.assert_allclose(fit.states[0][:, 0], np.exp(-1.5 * fit.times[0]), atol=0.02)
