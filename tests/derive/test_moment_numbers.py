"""Numbers of moment equations and their closures, against the literature and exact solutions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import sympy as sp

import symdyn as sd
from symdyn.derive.moments import cumulants
from tests.derive.moment_runs import BRUSSELATOR, TIGHT, final, symbols


@pytest.mark.parametrize("central", [False, True])
@pytest.mark.parametrize(
    ("order", "at_10", "at_100"),
    [
        (2, (95.0988, 187.2444, 783.94, 1205.94), (100.0161, 219.6576, 1338.02, 2292.57)),
        (3, (99.9681, 187.0968, 1620.14, 2492.26), (100.0000, 219.8344, 2505.95, 4333.33)),
        (4, (100.7714, 188.3383, 2313.56, 3552.53), (100.0000, 220.9924, 3849.08, 6549.84)),
    ],
)
def test_normal_closure_of_the_brusselator(brusselator, order, at_10, at_100, central):
    data = sd.simulate(brusselator.moments(order, central=central), [0, 10, 100], **TIGHT)
    found = np.stack([data[n].values for n in ("X_mean", "Y_mean", "X_var", "Y_var")])
    assert np.allclose(found[:, 1], at_10, rtol=1e-4)
    assert np.allclose(found[:, 2], at_100, rtol=1e-4)


def test_combinatoric_rates_change_the_brusselator():
    values = {"c1": 0.9, "c2": 2, "c3": 1, "c4": 1, "V": 100}
    net = sd.ReactionNetwork.from_text(BRUSSELATOR, values, volume="V", combinatoric=True, initial={"X": 1, "Y": 1})
    found = final(net.moments(4), [0, 100], ("X_mean", "Y_mean", "X_var", "Y_var"))
    assert np.allclose(found, (100.000, 363.136, 7367.8, 14154.7), rtol=1e-4)


def test_rates_that_depend_on_time():
    text = "2 X + Y -> 3 X, 0.9; X -> Y, 2*(1 + 0.5*sin(t)*Heaviside(40 - t)); 0 -> X, 1; X -> 0, 1"
    net = sd.ReactionNetwork.from_text(text, {"V": 5}, volume="V", initial={"X": 1, "Y": 1})
    data = sd.simulate(net.moments(2), [0, 1, 5, 10, 20, 30, 40, 100], **TIGHT)
    found = np.stack([data[n].values[1:] for n in ("X_mean", "Y_mean", "X_var", "Y_var")], axis=-1)
    expected = [
        (1.4168, 4.2178, 1.5110, 2.7781), (7.3841, 7.0484, 20.371, 13.801), (8.2530, 11.6633, 35.065, 28.564),
        (2.0462, 11.8821, 3.1514, 7.4120), (9.6858, 4.3317, 15.941, 6.1995), (1.8600, 15.7143, 2.8404, 10.360),
        (5.0000, 10.5406, 14.2572, 13.7282),
    ]  # fmt: skip
    assert np.allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("central", [False, True])
def test_rates_that_are_no_polynomials(p53, central):
    data = sd.simulate(p53.moments(2, central=central, taylor_order=3), [0, 10, 20, 30, 40, 50], **TIGHT)
    assert np.allclose(data.x_mean[1:], [35.15625, 60.25518, 29.23722, 65.59590, 24.90010], atol=1e-4)


@pytest.mark.parametrize(
    ("closure", "taylor_order", "means", "variance"),
    [
        ("normal", 4, (35.2046, 37.2831, 50.2618), 28843),
        ("normal", 6, (35.4145, 47.7797, 48.5908), 5774.8),
        ("log-normal", 4, (35.6495, 48.3516, 48.4724), 3717.1),
        ("log-normal", 6, (41.6606, 48.1314, 48.1313), 1159.9),
        ("zero", 3, (35.15625, 24.90010, None), 79517),
        ("zero", 5, (35.15625, 24.90010, None), 79517),
    ],
)
def test_higher_order_of_the_expansion(p53, closure, taylor_order, means, variance):
    data = sd.simulate(p53.moments(2, closure, central=True, taylor_order=taylor_order), [0, 10, 50, 200], **TIGHT)
    for found, expected in zip(data.x_mean.values[1:], means, strict=True):
        assert expected is None or found == pytest.approx(expected, abs=2e-4)
    assert data.x_var.values[-1] == pytest.approx(variance, rel=5e-5)


@pytest.mark.parametrize(
    ("order", "expected"),
    [(2, (0.50147, 0.92619, 1.09814, 1.17818)), (3, (1.53399, 2.18020, 2.39977, 2.49352))],
)
def test_third_cumulant_by_derivative_matching(order, expected):
    """Singh, Hespanha: a cumulant above the order is that of the closure."""
    net = sd.ReactionNetwork.from_text("x1 -> 2 x1 + x2, 1; x1 + x2 -> x2, 1", initial={"x1": 20, "x2": 10})
    closed = net.moments(order, "derivative-matching")
    data = sd.simulate(closed, [0, 0.1, 0.2, 0.3, 0.5], **TIGHT)
    third = sp.lambdify(closed.states, closed.cumulant(x2=3))
    found = [third(*(float(data[n][k]) for n in closed.names)) for k in range(1, 5)]
    assert np.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("closure", "means", "deviations"),
    [
        ("DM", (288.03, 122.79, 52.82, 48.90), (126.27, 109.84, 110.07, 108.80)),
        ("conditional Gaussian", (283.71, 121.91, 44.28, 34.52), (126.77, 102.60, 112.25, 114.62)),
        ("conditional DM", (285.55, 122.65, 45.40, 35.96), (135.84, 109.50, 122.08, 125.15)),
    ],
)
def test_closures_of_a_gene_with_bursts(closure, means, deviations):
    text = "0 => G, kon*(1 - G); G => 0, koff*G*P^2; G -> G + geometric(b) P, kp; P -> 0, 1"
    values = {"kon": 0.05, "koff": 0.001, "b": 70, "kp": 200 * (0.001 * 200**2 + 0.05) / (0.05 * 70)}
    net = sd.ReactionNetwork.from_text(text, values, initial={"G": 1, "P": 1}, binary=["G"])
    data = sd.simulate(net.moments(3, closure), [0, 1, 2, 4, 6], **TIGHT)
    assert np.allclose(data.P_mean[1:], means, atol=6e-3)
    assert np.allclose(np.sqrt(data.P_var[1:]), deviations, atol=6e-3)


CONSERVED = {
    ("normal", 2): [(7.89351, 6.11840)] * 3,
    ("normal", 3): [(7.90046, 5.98096)] * 3,
    ("zero", 2): [(7.89351, 6.11840)] * 3,
    ("zero", 3): [(7.91533, 5.68631)] * 3,
    ("poisson", 2): [(7.91487, 5.69530), (7.75797, 8.78197), (7.92025, 5.58863)],
    ("poisson", 3): [(7.89924, 6.00509), (7.88542, 6.27853), (7.89850, 6.01965)],
    ("log-normal", 2): [(7.92516, 5.49118), (7.86259, 6.72934), (7.92874, 5.42006)],
}


@pytest.mark.parametrize(("closure", "order"), CONSERVED)
def test_invariance_under_a_conservation_law(closure, order):
    """2A <-> B with A + 2B = 20, written in A, in B, in both."""
    a, b = symbols("A", "B")
    of_a = sd.ReactionNetwork([({a: 2}, {}, 0.1), ({}, {a: 2}, (20 - a) / 2, False)], initial={a: 10})
    of_b = sd.ReactionNetwork([({}, {b: 1}, (20 - 2 * b) * (19 - 2 * b) / 10, False), ({b: 1}, {}, 1)], initial={b: 5})
    both = sd.ReactionNetwork.from_text("2 A -> B, 0.1; B -> 2 A, 1", initial={"A": 10, "B": 5})
    found = [
        final(net.moments(order, closure), [0, 100], (f"{s}_mean", f"{s}_var")) for net, s in ((of_a, a), (of_b, b), (both, a))
    ]
    found[1] = np.array([20 - 2 * found[1][0], 4 * found[1][1]])
    assert np.allclose(found, CONSERVED[closure, order], atol=2e-5)


def test_linear_networks_need_no_closure_and_are_exact():
    """From a certain number: births with rate k and deaths with rate g give a binomial plus a Poisson distribution."""
    net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", {"k": 3, "g": 0.5}, initial={"X": 8})
    closed = net.moments(4)
    assert closed.closure is None
    assert net.moments(4, None) == closed
    data = sd.simulate(closed, [0, 1.3], **TIGHT)
    survival = np.exp(-0.5 * 1.3)
    mean = 3 / 0.5 * (1 - survival)
    binomial, poisson = scipy.stats.binom(8, survival), scipy.stats.poisson(mean)
    for k in range(1, 5):
        exact = sum(sp.binomial(k, j) * binomial.moment(j) * poisson.moment(k - j) for j in range(1, k)) + binomial.moment(k)
        exact += poisson.moment(k)
        assert float(data[closed.names[k - 1]][1]) == pytest.approx(float(exact), rel=1e-7)


def test_cumulants_of_a_poisson_distribution():
    net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", {"k": 3, "g": 0.5})
    closed = cumulants(net, 5, None)
    data = sd.simulate(closed, [0, 2.0], initial={"X": scipy.stats.poisson(7)}, **TIGHT)
    expected = 7 * np.exp(-1.0) + 6 * (1 - np.exp(-1.0))
    assert np.allclose([data[n][-1] for n in closed.names], expected, rtol=1e-6)


def test_cumulants_give_the_trajectories_of_raw_moments(brusselator):
    names = ("X_mean", "Y_mean", "X_var", "Y_var")
    assert np.allclose(final(brusselator.moments(3), [0, 5], names), final(brusselator.cumulants(3), [0, 5], names), rtol=1e-6)
