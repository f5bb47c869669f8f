"""The physics-informed surrogate and the JAX printer below it."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.codegen.lower import lower
from symdyn.discover.surrogates.registry import SURROGATES
from symdyn.errors import RecoveryError
from symdyn.inference.data import observations

jax = pytest.importorskip("jax", reason="needs jax")

x, y, z, k = sp.symbols("x y z k")
f, g = sp.Function("f"), sp.Function("g")


@pytest.fixture(scope="module")
def lotka_volterra():
    """The set-up of universal differential equations: 31 noiseless points, both interactions hidden."""

    def rhs(t, u):
        return [1.3 * u[0] - 0.9 * u[0] * u[1], 0.8 * u[0] * u[1] - 1.8 * u[1]]

    exact = solve_ivp(rhs, (0, 3), [0.44249296, 4.6280594], dense_output=True, rtol=1e-10, atol=1e-10).sol
    t = np.linspace(0, 3, 31)
    system = sd.ODESystem({x: 1.3 * x - f(x, y), y: g(x, y) - 1.8 * y})
    seen = observations(system, {"t": t, "x": exact(t)[0], "y": exact(t)[1]})
    return system, exact, SURROGATES["pinn"](members=1).fit(system, seen, seed=0)


def test_hidden_terms_are_found_to_one_and_a_half_percent(lotka_volterra):
    _, exact, fit = lotka_volterra
    a, b = exact(fit.times[0])
    np.testing.assert_allclose(fit.states[0], np.stack([a, b], axis=1), atol=5e-3)
    found = np.stack([fit.terms[f(x, y)].values, fit.terms[g(x, y)].values])
    truth = np.stack([0.9 * a * b, 0.8 * a * b])
    assert np.linalg.norm(found - truth) < 0.015 * np.linalg.norm(truth)


def test_arguments_of_a_term_are_the_fitted_states(lotka_volterra):
    _, _, fit = lotka_volterra
    np.testing.assert_allclose(fit.terms[f(x, y)].arguments, fit.states[0])
    assert fit.history["seconds"] > 0


@pytest.mark.parametrize("name", ["sparse", "operon"])
def test_regressors_turn_the_samples_into_products(lotka_volterra, name):
    if name == "operon":
        pytest.importorskip("pyoperon", reason="needs pyoperon")
    regressors = pytest.importorskip("symdyn.discover.regressors.registry", reason="needs scikit-learn")
    _, _, fit = lotka_volterra
    for term, coefficient in ((f(x, y), 0.9), (g(x, y), 0.8)):
        samples = fit.terms[term]
        found = regressors.REGRESSORS[name](names=(x, y)).fit(samples.arguments, samples.values, samples.weights)
        number, shape = found.expression_.as_coeff_Mul()
        assert shape == x * y
        assert float(number) == pytest.approx(coefficient, rel=0.02)


def test_unobserved_state_free_parameter_and_several_trajectories():
    system = sd.ODESystem({x: -k * x, y: f(x), z: x}, initial={z: 0.0})
    t = np.linspace(0, 2, 16)
    runs = [{"t": t, "x": s * np.exp(-1.5 * t), "y": s * (1 - np.exp(-1.5 * t))} for s in (1.0, 2.0)]
    options = {"members": 1, "width": 8, "term_width": 6, "collocation": 30, "iterations": 100}
    fit = SURROGATES["pinn"](**options).fit(system, observations(system, runs))
    assert fit.parameters[k] == pytest.approx(1.5, rel=0.01)
    samples = fit.terms[f(x)]
    np.testing.assert_allclose(samples.values, 1.5 * samples.arguments[:, 0], atol=0.1)  # y' = 1.5 x
    assert samples.arguments.shape == (2 * len(fit.times[0]), 1)
    # z was never measured, but its increase is the integral of x
    for states, start in zip(fit.states, (1.0, 2.0), strict=True):
        assert states[-1, 2] - states[0, 2] == pytest.approx(start * (1 - np.exp(-3.0)) / 1.5, rel=0.02)


def test_the_same_seed_gives_the_same_fit_and_signs_hold():
    system = sd.ODESystem({x: f(x)})
    t = np.linspace(0, 2, 15)
    seen = observations(system, {"t": t, "x": np.exp(-t)})
    calls = []
    options = {"members": 1, "width": 6, "term_width": 4, "iterations": 40, "signs": {f: -1}}
    first = SURROGATES["pinn"](**options).fit(system, seen, seed=3, progress=lambda *numbers: calls.append(numbers))
    again = SURROGATES["pinn"](**options).fit(system, seen, seed=3)
    np.testing.assert_array_equal(first.terms[f(x)].values, again.terms[f(x)].values)
    assert np.all(first.terms[f(x)].values < 0)
    assert calls == sorted(calls)
    assert calls[-1][1] == 40


def test_initial_values_are_fitted():
    system = sd.ODESystem({x: f(x)})
    t = np.linspace(0, 2, 15)
    seen = observations(system, {"t": t, "x": 2 * np.exp(-t)})
    options = {"members": 1, "width": 6, "term_width": 4, "iterations": 60}
    fit = SURROGATES["pinn"](**options).fit(system, seen)
    assert fit.states[0][0, 0] == pytest.approx(2, rel=0.01)
    samples = fit.terms[f(x)]
    np.testing.assert_allclose(samples.values, -samples.arguments[:, 0], atol=0.06)


def test_options_and_systems_that_cannot_be_are_refused():
    pinn = SURROGATES["pinn"]
    with pytest.raises(RecoveryError, match=r"option width .* expected a positive"):
        pinn(width=0)
    with pytest.raises(RecoveryError, match="expected \\+1 or -1"):
        pinn(signs={f: 2})
    nested = sd.ODESystem({x: f(g(x))})
    data = observations(nested, {"t": [0, 1, 2], "x": [1, 2, 3]})
    with pytest.raises(RecoveryError, match="unknown term among its arguments"):
        pinn().fit(nested, data)
    with pytest.raises(RecoveryError, match="no unknown term"):
        pinn(signs={"h": 1}).fit(sd.ODESystem({x: f(x)}), data)
    with pytest.raises(RecoveryError, match="needs an ODESystem"):
        pinn().fit(sd.DiscreteSystem({x: f(x)}), data)


def test_the_printer_agrees_with_sympy_and_can_be_differentiated():
    from symdyn.codegen.emit_jax import jax_function

    jax.config.update("jax_enable_x64", True)
    cases = sp.Piecewise((x**3, x > y), (sp.sqrt(y), True))
    e = [sp.exp(-x) / (1 + y**2) + sp.Max(x, y), cases, sp.erf(x) * sp.gamma(y)]
    function = jax_function(lower("h", [("none", []), ("y", [x, y])], e, ["a", "b", "c"]))
    at = {x: 0.7, y: 1.9}
    none, point = np.zeros(0), np.array([0.7, 1.9])
    np.testing.assert_allclose(function(none, point), [float(v.subs(at)) for v in e], rtol=1e-12)
    slope = jax.jacfwd(function, argnums=1)(none, point)
    smooth = sp.exp(-x) / (1 + y**2) + y
    np.testing.assert_allclose(slope[0], [float(smooth.diff(v).subs(at)) for v in (x, y)], rtol=1e-12)
