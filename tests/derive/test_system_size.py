"""The system-size expansion: closed forms, exact master equations and the orders of its errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import root

import symdyn as sd
from symdyn.errors import DeclarationError

MONOSTABLE = "0 -> X, k; 2 X -> 0, k"


def fixed_point(system, parameters, guess):
    """Mean and variance of the first species, and all states, at the fixed point near `guess` (values of the means)."""
    values = {p: parameters[p.name] for p in system.parameters}
    drift = [f.subs(values) for f in system.drift]
    compute = sp.lambdify([system.states], drift)
    slopes = sp.lambdify([system.states], sp.Matrix(drift).jacobian(list(system.states)))
    start = [guess.get(s.name, 0.0) for s in system.states]
    found = root(compute, start, jac=slopes, tol=1e-13)
    assert np.abs(found.fun).max() < 1e-8 * max(1, np.abs(found.x).max())
    at = dict(zip(system.states, found.x, strict=True))
    return lambda e: float(e.subs(at))


def exact_monostable(size, top):
    """Mean and variance of 0 -> X, 2 X -> 0 (both rates 1) from the linear system of its master equation."""
    n = np.arange(top + 1)
    birth, death = np.full(top + 1, float(size)), n * (n - 1) / size
    generator = np.diag(-birth - death)
    generator[n[1:], n[:-1]] += birth[:-1]
    generator[n[:-2], n[2:]] += death[2:]
    generator[-1, -1] += birth[-1]
    generator[0] = 1
    p = np.linalg.solve(generator, np.eye(top + 1)[0])
    mean = p @ n
    return mean, p @ n**2 - mean**2


def test_linear_noise_is_the_lyapunov_equation():
    net = sd.ReactionNetwork.from_text(
        "0 -> X, k0; 2 X + Y -> 3 X, k1; X -> Y, k2; X -> 0, k3; Y => 0, V*v*Y/(V*K + Y)*(1 + cos(t))", volume="V"
    )
    system = net.linear_noise()
    at = dict(zip(net.states, system.states[:2], strict=True))
    rates, changes = sp.Matrix(net.macroscopic), sp.Matrix(net.changes)
    drift = changes * rates
    jacobian, noise = drift.jacobian(list(net.states)), changes * sp.diag(*rates) * changes.T
    covariance = sp.Matrix(2, 2, [*sp.symbols("M[X^2] M[X*Y] M[X*Y] M[Y^2]")])
    expected = (jacobian.xreplace(at) * covariance + covariance * jacobian.xreplace(at).T + noise.xreplace(at)).reshape(4, 1)
    found = dict(zip(system.states, system.drift, strict=True))
    for name, value in zip(("M[X^2]", "M[X*Y]", "M[Y^2]"), (expected[0], expected[1], expected[3]), strict=True):
        assert sp.simplify(found[sp.Symbol(name)] - value) == 0
    for state, value in zip(system.states[:2], drift.xreplace(at), strict=True):
        assert sp.simplify(found[state] - value) == 0


def test_messenger_and_protein():
    # the equations printed by the authors of MEANS for this network
    net = sd.ReactionNetwork.from_text("0 -> x, k1; x -> 0, g1; x -> x + y, k2; y -> 0, g2")
    system = net.linear_noise()
    x, y, v00, v01, v11 = system.states
    k1, k2, g1, g2 = sp.symbols("k1 k2 g1 g2")
    expected = [
        k1 - g1 * x,
        k2 * x - g2 * y,
        k1 + g1 * x - 2 * g1 * v00,
        k2 * v00 - (g1 + g2) * v01,
        k2 * x + g2 * y + 2 * k2 * v01 - 2 * g2 * v11,
    ]
    assert [s.name for s in system.states] == ["E[x]", "E[y]", "M[x^2]", "M[x*y]", "M[y^2]"]
    assert [sp.expand(a - b) for a, b in zip(system.drift, expected, strict=True)] == [0] * 5


def test_monostable_closed_forms():
    # variance 3/(4 sqrt 2) V, mean shifted by exactly 1/8
    net = sd.ReactionNetwork.from_text(MONOSTABLE, volume="V")
    guess = {"E[X]": 70.0, "M[X^2]": 50.0}
    first = net.system_size(1)
    at = fixed_point(first, {"V": 100, "k": 1}, guess)
    assert at(first.variance("X")) == pytest.approx(100 * 3 / (4 * math.sqrt(2)), rel=1e-12)
    assert at(first.mean("X")) == pytest.approx(100 / math.sqrt(2) + 1 / 8, rel=1e-12)
    second = net.system_size(2)
    at = fixed_point(second, {"V": 100, "k": 1}, guess)
    assert at(second.mean("X")) == pytest.approx(70.836011, abs=4e-6)
    assert at(second.variance("X")) == pytest.approx(53.095591, abs=2e-4)


def test_errors_have_the_orders_of_the_expansion():
    sizes = (20, 40, 80)
    exact = np.array([exact_monostable(size, 4 * size) for size in sizes])
    net = sd.ReactionNetwork.from_text(MONOSTABLE, volume="V")
    # numbers of molecules: orders in V of the errors of mean and variance
    for order, expected in enumerate([(0, 0), (-1, 0), (-2, -1), (-3, -2)]):
        system = net.system_size(order)
        found = []
        for size in sizes:
            at = fixed_point(system, {"V": size, "k": 1}, {"E[X]": 0.7 * size, "M[X^2]": 0.5 * size})
            found.append((at(system.mean("X")), at(system.variance("X"))))
        errors = np.abs(np.array(found) - exact)
        slopes = np.log2(errors[2] / errors[1])
        # the term of the variance that order 3 leaves out happens to vanish here
        assert np.all(slopes < np.array(expected) + 0.15)
        if order < 3:
            np.testing.assert_allclose(slopes, expected, atol=0.15)


def test_saturating_removal_has_a_negative_binomial():
    # 0 -> X at k V, X removed at v V n/(K V + n): detailed balance gives a negative binomial with r = k/v,
    # mean (K V + 1) r/(1 - r), variance (K V + 1) r/(1 - r)^2: the corrections of order 1 and 2 are exact and those after zero
    net = sd.ReactionNetwork.from_text("0 -> X, k; X => 0, V*v*X/(K*V + X)", volume="V")
    size, r, K = 30.0, 0.4, 0.7
    for order in (2, 3):
        system = net.system_size(order)
        guess = {"E[X]": K * size * r / (1 - r), "M[X^2]": K * size * r / (1 - r) ** 2}
        at = fixed_point(system, {"V": size, "k": r, "v": 1.0, "K": K}, guess)
        assert at(system.mean("X")) == pytest.approx((K * size + 1) * r / (1 - r), rel=1e-10)
        assert at(system.variance("X")) == pytest.approx((K * size + 1) * r / (1 - r) ** 2, rel=1e-10)


def test_binding_with_conserved_totals():
    # A + B <-> C from A = B = N, C = 0: detailed balance in the number of C; three species, singular covariances
    def exact(n, size):
        c = np.arange(n + 1)
        steps = np.log(2.0 / size * (n - c[:-1]) ** 2 / c[1:])
        weight = np.exp(np.concatenate([[0], np.cumsum(steps)]) - np.cumsum(steps).max())
        p = weight / weight.sum()
        return n - p @ c, p @ c**2 - (p @ c) ** 2

    net = sd.ReactionNetwork.from_text("A + B <-> C, k1, k2", volume="V")
    errors = []
    for size in (20, 40):
        n = 2 * size
        closed = net.system_size(2)
        parameters = {"V": size, "k1": 2.0, "k2": 1.0}
        data = sd.simulate(
            closed, np.array([0.0, 12.0]), initial={"A": n, "B": n, "C": 0}, parameters=parameters, rtol=1e-10, atol=1e-12
        ).isel(time=-1)
        mean, variance = exact(n, size)
        at = dict(zip(closed.states, (float(data[s.name].values) for s in closed.states), strict=True))
        assert float(closed.covariance("A", "C").subs(at)) == pytest.approx(-float(closed.variance("C").subs(at)), rel=1e-8)
        errors.append((abs(float(data.A_mean) - mean), abs(float(data.A_var) - variance)))
    slopes = np.log2(np.array(errors[1]) / errors[0])
    np.testing.assert_allclose(slopes, [-2, -1], atol=0.2)


def test_linear_networks_are_exact():
    # the telegraph model: cv^2 = 1/m + (off/on) g/(on + off + g); started off its stationary state
    net = sd.ReactionNetwork.from_text("G <-> H, off, on; G -> G + P, k; P -> 0, g")
    values = {"on": 0.3, "off": 0.7, "k": 50.0, "g": 1.1}
    for order in (0, 2):
        data = sd.simulate(
            net.system_size(order),
            np.array([0.0, 60.0]),
            initial={"G": 1, "H": 0, "P": 0},
            parameters=values,
            rtol=1e-10,
            atol=1e-12,
        ).isel(time=-1)
        mean = values["k"] * 0.3 / values["g"]
        assert float(data.P_mean) == pytest.approx(mean, rel=1e-7)
        assert float(data.P_var) == pytest.approx(mean + mean**2 * (0.7 / 0.3) * 1.1 / (1.0 + 1.1), rel=1e-7)


def test_bursts():
    # geometric bursts of mean b at rate k, lost at rate g: mean k b/g, Fano factor 1 + b
    net = sd.ReactionNetwork.from_text("0 -> geometric(b) P, k; P -> 0, g")
    for order in (0, 2):
        system = net.system_size(order)
        at = fixed_point(system, {"b": 7.0, "k": 3.0, "g": 0.5}, {"E[P]": 40.0})
        assert at(system.mean("P")) == pytest.approx(42, rel=1e-9)
        assert at(system.variance("P")) == pytest.approx(42 * 8, rel=1e-9)


def test_time_dependent_immigration_stays_poisson():
    net = sd.ReactionNetwork.from_text("0 -> X, k*(1 + sin(w*t)); X -> 0, g", parameters={"k": 9, "w": 2, "g": 0.7})
    data = sd.simulate(net.system_size(2), np.linspace(0, 6, 7), initial={"X": 0}, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(data.X_var.values, data.X_mean.values, rtol=1e-6, atol=1e-8)


def test_a_network_without_a_volume_is_expanded_in_numbers():
    with_volume = sd.ReactionNetwork.from_text(MONOSTABLE, volume="V").system_size(2)
    without = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, q").system_size(2)
    k, q, V = sp.symbols("k q V")
    for a, b in zip(with_volume.drift, without.drift, strict=True):
        assert sp.expand(a - b.subs({k: k * V, q: k / V}, simultaneous=True)) == 0


def test_combinatoric_convention_is_a_factor_of_the_rate():
    plain, combinatoric = (
        sd.ReactionNetwork.from_text("0 -> X, k; 3 X -> 0, q", volume="V", combinatoric=c).system_size(1).drift
        for c in (False, True)
    )
    q = sp.Symbol("q")
    assert [sp.expand(a.subs(q, q / 6) - b) for a, b in zip(plain, combinatoric, strict=True)] == [0, 0, 0]


def test_propensities_with_corrections_of_their_own():
    # the whole propensity of 2 X -> 0, written out, is expanded like mass action
    written = sd.ReactionNetwork.from_text("0 -> X, k; 2 X => 0, k*X*(X - 1)/V", volume="V").system_size(2)
    known = sd.ReactionNetwork.from_text(MONOSTABLE, volume="V").system_size(2)
    assert [sp.expand(a - b) for a, b in zip(written.drift, known.drift, strict=True)] == [0] * len(known.drift)


def test_observables_and_values_are_carried_over():
    net = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, k; twice := 2*X; squared := X^2; X(0) = 5; k = 2", volume="V")
    system = net.system_size(1)
    seen = {str(s): e for s, e in system.observables.items()}
    assert seen["twice"] == 2 * system.mean("X")
    assert "squared" not in seen
    assert {str(s): v for s, v in system.initial.items()} == {"X": 5}
    assert {str(s): v for s, v in system.defaults.items()} == {"k": 2}


@pytest.mark.parametrize("order", [-1, 1.0, True, "2"])
def test_orders_that_are_none(order):
    net = sd.ReactionNetwork.from_text(MONOSTABLE)
    with pytest.raises(DeclarationError, match=r"expected 0 \(linear noise\)"):
        net.system_size(order)


def test_unknown_terms_are_refused():
    net = sd.ReactionNetwork.from_text("X => 0, f(X)")
    with pytest.raises(DeclarationError, match=r"f\(X\) is an unknown term"):
        net.linear_noise()
