"""Networks in place of fields and of the unknown terms of their equations."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from numpy.polynomial.hermite import hermgauss
from scipy.optimize import minimize

import symdyn as sd
from symdyn.discover.fields.data import read_fields
from symdyn.discover.learned import surrogate_fit
from symdyn.discover.options import RecoverOptions, Request
from symdyn.discover.surrogates._descent import Blocks, descend
from symdyn.discover.surrogates.registry import FIELD_SURROGATES
from symdyn.errors import RecoveryError, SymdynError
from symdyn.inference.budget import Budget

jax = pytest.importorskip("jax", reason="needs jax")
pytest.importorskip("sklearn", reason="needs scikit-learn")

u, x, D, nu = sp.symbols("u x D nu")
f = sp.Function("f")
dx, laplacian = sd.dx, sd.laplacian
NU = 0.05


def cole_hopf(points, time):
    """Burgers' equation from -sin(pi x): u and u_x (Basdevant et al., Computers & Fluids 14 (1986) 23)."""
    nodes, weights = hermgauss(80)
    y = points[:, None] - np.sqrt(4 * NU * time) * nodes
    exponent = -np.cos(np.pi * y) / (2 * np.pi * NU)
    mass = np.exp(exponent - exponent.max(axis=1, keepdims=True)) * weights
    total, sine = mass.sum(axis=1), np.sin(np.pi * y)
    value = -(sine * mass).sum(axis=1) / total
    # the logarithmic derivative of the mass by x is sin(pi y) / (2 nu)
    slope = -(np.pi * np.cos(np.pi * y) * mass + sine**2 * mass / (2 * NU)).sum(axis=1) / total + value**2 / (2 * NU)
    return value, slope


def snapshots(exact, times, points, level, seed=0):
    values = np.array([exact(points, t) for t in times])
    values = values + level * values.std() * np.random.default_rng(seed).normal(size=values.shape)
    return xr.Dataset({"u": (("time", "x"), values)}, {"time": list(times), "x": points})


def error(found, truth):
    return np.linalg.norm(found - truth) / np.linalg.norm(truth)


@pytest.fixture(scope="module")
def burgers():
    """Hidden advection, the initial field, and five snapshots with noise of 1 %."""
    system = sd.PDESystem(
        {u: f(u, dx(u)) + nu * laplacian(u)}, (-1, 1), boundary="periodic", parameters={nu: NU},
        initial={u: -sp.sin(sp.pi * x)},
    )  # fmt: skip
    points = -1 + (np.arange(60) + 0.5) / 30
    data = snapshots(lambda p, t: cole_hopf(p, t)[0], (0.2, 0.4, 0.6, 0.8, 1.0), points, 0.01)
    return system, sd.recover(system, data, surrogate="pinn", progress=False)


def test_the_hidden_advection_is_learned_along_the_solution(burgers):
    system, found = burgers
    fit = found.surrogate
    times, fields = fit.times[0], fit.states[0]
    points = np.linspace(-1, 1, fields.shape[2])
    value, slope = np.stack([cole_hopf(points, t) for t in times], axis=1)
    assert fields.shape == (len(times), 1, len(points))
    assert error(fields[:, 0], value) < 0.01
    np.testing.assert_allclose(fields[0, 0], -np.sin(np.pi * points), atol=1e-12)
    np.testing.assert_allclose(fields[:, 0, 0], fields[:, 0, -1], atol=1e-12)
    samples = fit.terms[system.unknowns[0]]
    assert error(samples.values, (-value * slope).ravel()) < 0.05
    np.testing.assert_allclose(samples.arguments[:, 0], fields.ravel())
    assert error(samples.arguments[:, 1], slope.ravel()) < 0.05
    assert fit.history["seconds"] > 0


def test_its_formula_is_found_and_refined_by_simulation(burgers):
    _, found = burgers
    term = found.terms[f]
    assert set(term.as_coefficients_dict()) == {u * dx(u)}
    assert float(term.coeff(u * dx(u))) == pytest.approx(-1, abs=0.02)
    assert found.method == "simulation"
    assert len(found.plot().axes) == 2


def decay(points, t):
    """u_t = D u_xx - 0.7 u with D = 0.3 between walls without flux at 0 and pi."""
    return np.exp(-0.7 * t) * (1.5 + np.exp(-0.3 * t) * np.cos(points))


def test_a_free_coefficient_walls_without_flux_several_experiments_and_the_seed():
    system = sd.PDESystem({u: D * laplacian(u) + f(u)}, (0, np.pi))
    points = (np.arange(24) + 0.5) * np.pi / 24
    runs = [snapshots(decay, np.linspace(0, 2, n), points, 0.003, seed=n) for n in (6, 5)]
    data = read_fields(system, runs)
    calls = []
    options = dict(width=8, term_width=4, collocation=120, iterations=100)
    fit = FIELD_SURROGATES["pinn"](**options).fit(system, data, seed=1, progress=lambda *n: calls.append(n))
    samples = fit.terms[f(u)]
    assert error(samples.values, -0.7 * samples.arguments[:, 0]) < 0.05
    assert fit.parameters[D] == pytest.approx(0.3, rel=0.1)
    assert len(fit.times) == len(fit.states) == 2
    assert calls == sorted(calls)
    assert calls[-1] == (100, 100)
    again = FIELD_SURROGATES["pinn"](**options).fit(system, data, seed=1)
    np.testing.assert_array_equal(again.terms[f(u)].values, samples.values)


def test_signs_hold_and_a_late_surrogate_is_left_out():
    system = sd.PDESystem({u: D * laplacian(u) + f(u)}, (0, np.pi), parameters={D: 0.3})
    points = (np.arange(12) + 0.5) * np.pi / 12
    data = read_fields(system, snapshots(decay, np.linspace(0, 2, 4), points, 0.0))
    surrogate = FIELD_SURROGATES["pinn"](width=4, term_width=3, collocation=40, iterations=6, signs={f: -1})
    assert np.all(surrogate.fit(system, data).terms[f(u)].values < 0)
    options = RecoverOptions(surrogate={"width": 4, "term_width": 3, "collocation": 40, "iterations": 6})
    notes = []
    request = Request(surrogate="pinn", budget=Budget(0.0), options=options)
    assert surrogate_fit("pinn", FIELD_SURROGATES, system, data, request, notes) is None
    assert notes == ["went without the surrogate 'pinn': it did not end within 50% of the budget of time"]


def test_values_at_walls_and_initial_fields_hold_exactly():
    from symdyn.discover.surrogates._field_states import field_network

    jax.config.update("jax_enable_x64", True)
    b = sp.Symbol("b")
    walls = {"left": sd.Dirichlet("b*t"), "right": sd.Dirichlet(2)}
    system = sd.PDESystem({u: f(u) + b * laplacian(u)}, (0, 3), boundary=walls, parameters={b: 0.5}, initial={u: "2*x/3"})

    def at(system, t, place):
        net, fields = field_network(system, width=5, waves=2)
        t, place = jax.numpy.asarray(t), jax.numpy.asarray(place)
        weights = 3 * net.first(np.random.default_rng(0))
        return fields(weights, np.full(len(system.parameters), 0.5), np.ones(1), np.ones(1), 0.0, 4.0, t, place)[0]

    assert float(at(system, 1.7, 0.0)) == pytest.approx(0.85, abs=1e-12)
    assert float(at(system, 1.7, 3.0)) == pytest.approx(2.0, abs=1e-12)
    assert float(at(system, 0.0, 1.2)) == pytest.approx(0.8, abs=1e-12)
    assert abs(float(at(system, 2.0, 1.2)) - 0.8) > 1e-3
    half = sd.PDESystem({u: f(u)}, (0, 3), boundary={"left": sd.Dirichlet(1.5), "right": sd.Neumann(0)})
    assert float(at(half, 2.5, 0.0)) == pytest.approx(1.5, abs=1e-12)
    closed = sd.PDESystem({u: f(u)}, (0, 3))
    assert float(jax.grad(lambda p: at(closed, 2.5, p))(3.0)) == pytest.approx(0, abs=1e-12)


def test_operators_act_on_whatever_they_are_given():
    from symdyn.discover.surrogates._field_problem import Local, value_of
    from symdyn.models.operators import components

    jax.config.update("jax_enable_x64", True)
    e = sd.div(f(u) * sd.grad(u)) + dx(laplacian(u**2)) - sp.Symbol("t") * x * dx(u) ** 2 + f(dx(u))
    system = sd.PDESystem({u: e}, (0, 1))
    local = Local(lambda p: jax.numpy.sin(p)[None], lambda term, a: a[0] ** 3, np.zeros(0), np.asarray(1.3))
    found = value_of(system, components(system.rates[0], 1))(local, np.asarray(0.7))
    s = sp.sin(x)
    truth = sp.diff(s**3 * s.diff(x), x) + sp.diff(s**2, x, 3) - 1.3 * x * s.diff(x) ** 2 + s.diff(x) ** 3
    assert float(found) == pytest.approx(float(truth.subs(x, 0.7)), rel=1e-12)


@pytest.mark.parametrize("rows", [4, 9])
def test_a_linear_problem_is_solved_from_either_side(rows):
    rng = np.random.default_rng(0)
    a, b, precision = rng.normal(size=(rows, 6)), rng.normal(size=rows), np.full(6, 0.5)
    found, cost, *_ = descend(lambda w, _: a @ w - b, lambda w, _: a, np.zeros(6), precision, trials=60, tolerance=1e-14)
    exact = np.linalg.solve(a.T @ a + np.diag(precision), a.T @ b)
    np.testing.assert_allclose(found, exact, atol=1e-6)
    assert cost == pytest.approx(np.sum((a @ exact - b) ** 2) + 0.5 * exact @ exact)


@pytest.mark.parametrize("rows", [2, 9])
def test_blocks_by_trajectory_take_the_step_of_the_entire_matrix(rows):
    rng = np.random.default_rng(1)
    own, common, b = rng.normal(size=(2, rows, 3)), rng.normal(size=(2, rows, 2)), rng.normal(size=2 * rows)
    a = np.zeros((2, rows, 8))
    a[0, :, :3], a[1, :, 3:6], a[:, :, 6:] = own[0], own[1], common
    a, precision = a.reshape(2 * rows, 8), np.linspace(0.2, 0.9, 8)
    found = descend(
        lambda w, _: a @ w - b, lambda w, _: Blocks(own, common), np.zeros(8), precision, trials=60, tolerance=1e-14
    )
    np.testing.assert_allclose(found.weights, np.linalg.solve(a.T @ a + np.diag(precision), a.T @ b), atol=1e-6)


def test_the_precision_of_the_prior_is_that_of_the_greatest_evidence():
    """Of a linear model the evidence is a normal density of the data, which scipy maximises."""
    rng, classes = np.random.default_rng(5), np.repeat([0, 1], 9)
    for rows in (12, 40):  # fewer data than weights, and more
        a = rng.normal(size=(rows, 18))
        b = a @ np.where(classes == 0, 3.0, 0.4) * rng.choice([-1, 1]) + rng.normal(size=rows)

        def surprise(scales, a=a, b=b):
            covariance = np.eye(len(b)) + (a * np.exp(-scales)[classes]) @ a.T
            return np.linalg.slogdet(covariance)[1] + b @ np.linalg.solve(covariance, b)

        best = minimize(surprise, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10})
        found = descend(
            lambda w, _, a=a, b=b: a @ w - b, lambda w, _, a=a: a, np.zeros(18), np.ones(18), trials=400, tolerance=0,
            classes=classes,
        )  # fmt: skip
        np.testing.assert_allclose(found.precision[[0, 9]], np.exp(best.x), rtol=1e-3)
        assert np.ptp(found.precision[:9]) == np.ptp(found.precision[9:]) == 0
        assert found.history["train"][-1] == pytest.approx(best.fun, rel=1e-6)  # which is the evidence itself


def test_what_cannot_be_is_refused():
    pinn = FIELD_SURROGATES["pinn"]
    data = snapshots(decay, (0.0, 1.0), np.linspace(0.1, 3, 8), 0.0)
    line = sd.PDESystem({u: f(u)}, (0, np.pi))
    with pytest.raises(RecoveryError, match=r"option waves .* expected a positive"):
        pinn(waves=0)
    with pytest.raises(RecoveryError, match="expected \\+1 or -1"):
        pinn(signs={f: 0})
    with pytest.raises(RecoveryError, match="signs names 'g', no unknown term; the unknown terms: f"):
        pinn(signs={"g": 1}).fit(line, read_fields(line, data))
    with pytest.raises(RecoveryError, match="without scalars, means and integrals"):
        pinn().fit(sd.PDESystem({u: f(u) - sd.mean(u)}, (0, np.pi)), None)
    with pytest.raises(RecoveryError, match="in one dimension, not in 2"):
        pinn().fit(sd.PDESystem({u: f(u)}, sd.Rectangle(1, 1)), None)
    with pytest.raises(RecoveryError, match="need a PDESystem, got ODESystem"):
        pinn().fit(sd.ODESystem({u: f(u)}), None)
    with pytest.raises(RecoveryError, match="needs an unknown term"):
        pinn().fit(sd.PDESystem({u: -u}, (0, 1)), None)
    with pytest.raises(SymdynError, match="unknown surrogate of fields 'neural_ode'; known: pinn"):
        sd.recover(line, data, surrogate="neural_ode", progress=False)
    below = sd.PDESystem({u: f(u) + sp.log(-u)}, (0, np.pi))
    with pytest.raises(RecoveryError, match="not finite near the data"):
        pinn(width=3, collocation=20, iterations=2).fit(below, read_fields(below, data))
