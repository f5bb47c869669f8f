"""Steady states: closed forms, published numbers of moment equations, conservation laws, maps, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.analysis import stability, steady_states
from symdyn.models import zoo

x, y, a, mu, V, Om = sp.symbols("x y a mu V Om")

#: 0 -> X, 2 X -> 0, both with rate one, closed at second order with M3 = 0, written out by hand.
MONOSTABLE = sd.ODESystem(
    {
        mu: Om - 2 / Om * (mu**2 - mu + V),
        V: Om - 4 / Om * (2 * mu - 1) * V + 4 / Om * (mu**2 - mu + V),
    },
    parameters={Om: 10},
)
SCHLOEGL = sd.ReactionNetwork.from_text(
    "2 X -> 3 X, k1\n3 X -> 2 X, k2\n0 -> X, k3\nX -> 0, k4",
    volume="V",
    parameters={"k1": 60, "k2": 1, "k3": 4600, "k4": 1000, "V": 10},
)
BRUSSELATOR = sd.ReactionNetwork.from_text(
    "2 X + Y -> 3 X, c1\nX -> Y, c2\n0 -> X, c3\nX -> 0, c4",
    volume="V",
    parameters={"c1": 0.9, "c2": 2, "c3": 1, "c4": 1, "V": 10},
)


def test_the_closed_dimerisation_satisfies_its_cubic():
    for volume in (0.3, 1.0, 2.5, 10.0, 100.0):
        found = steady_states(MONOSTABLE, {Om: volume})
        cubic = np.array([8, -12, 4 - 4 * volume**2, 5 * volume**2])
        expected = np.roots(cubic)
        expected = np.sort(expected[np.abs(expected.imag) < 1e-9].real)
        np.testing.assert_allclose(found.mu, expected, rtol=1e-9)
        np.testing.assert_allclose(found.V, 3 * volume**2 / (4 * (2 * found.mu - 1)), rtol=1e-9)
        assert found.attrs["complete"] == 1


@pytest.mark.parametrize(("volume", "states"), [(0.3, 1), (1.0, 0), (2.4422, 0), (2.4423, 1), (10.0, 1)])
def test_the_closed_dimerisation_loses_its_stable_state(volume, states):
    assert int(steady_states(MONOSTABLE, {Om: volume}).stable.sum()) == states


def test_the_closed_dimerisation_at_volume_ten():
    found = steady_states(MONOSTABLE)
    best = found.isel(branch=int(np.flatnonzero(found.stable)[0]))
    np.testing.assert_allclose([best.mu, best.V], [7.1811, 5.6128], atol=5e-5)


def test_schloegl_rate_equations():
    found = steady_states(SCHLOEGL.rate_equations(concentrations=True))
    np.testing.assert_allclose(found[found.attrs["equations"][0]], [7.703417, 16.842620, 35.453964], atol=5e-7)
    assert found.stable.values.tolist() == [True, False, True]


#: Volume, order and the stable states (mean, variance) over the volume.
TABLE = [
    (0.1, 2, [(33.562, 72.621)]),
    (10, 2, [(8.146, 37.439), (34.194, 171.266)]),
    (10, 3, [(33.946, 204.657)]),
    (10, 4, [(33.642, 249.499)]),
    (15, 3, [(8.076, 47.269), (34.588, 180.584)]),
    (20, 4, [(7.972, 46.271), (34.833, 174.744)]),
    (60, 4, [(7.768, 34.580), (35.268, 159.992)]),
]


@pytest.mark.parametrize("central", [False, True])
@pytest.mark.parametrize(("volume", "order", "expected"), TABLE)
def test_stable_states_of_schloegls_moments(volume, order, expected, central):
    closed = SCHLOEGL.moments(order, "normal", central=central)
    found = steady_states(closed, {"V": volume})
    assert found.attrs["complete"] == 1
    stable = found.isel(branch=found.stable.values)
    pairs = np.stack([stable.X_mean, stable.X_var], axis=1) / volume
    np.testing.assert_allclose(pairs, expected, atol=6e-4)


def test_a_negative_variance_is_found_too():
    found = steady_states(SCHLOEGL.moments(2, "normal"))
    pairs = np.stack([found.X_mean, found.X_var], axis=1) / 10
    worst = pairs[:, 1].argmin()
    np.testing.assert_allclose(pairs[worst], [17.397, -102.575], atol=6e-4)
    assert not found.stable[worst]


def test_log_normal_moments_have_three_stable_states():
    for volume, expected in ((10, [8.465, 12.144, 34.354]), (20, 11.978)):
        found = steady_states(SCHLOEGL.moments(2, "log-normal"), {"V": volume})
        assert found.attrs["complete"] == 1
        stable = found.X_mean[found.stable.values] / volume
        assert stable.size == 3
        np.testing.assert_allclose(stable if volume == 10 else stable[1], expected, atol=6e-4)


@pytest.mark.parametrize(
    ("order", "expected"), [(2, [10, 21.477, 40.099, 46.148]), (3, [10, 22.117, 55.458, 68.517])], ids=["2", "3"]
)
def test_the_brusselators_moments(order, expected):
    found = steady_states(BRUSSELATOR.moments(order, "normal"))
    assert found.attrs["complete"] == 1
    assert int(found.stable.sum()) == 1
    best = found.isel(branch=int(np.flatnonzero(found.stable)[0]))
    np.testing.assert_allclose([best[k] for k in ("X_mean", "Y_mean", "X_var", "Y_var")], expected, atol=6e-4)


@pytest.mark.parametrize(("order", "expected"), [(2, (7.89351, 6.11840)), (3, (7.90046, 5.98096))])
def test_conserved_moments_are_fixed_by_initial_counts(order, expected):
    dimers = sd.ReactionNetwork.from_text("2 A -> B, k\nB -> 2 A, d", parameters={"k": 0.1, "d": 1})
    closed = dimers.moments(order, "normal")
    with pytest.raises(sd.DeclarationError, match=r"conserved .*pass initial"):
        steady_states(closed)
    found = steady_states(closed, initial={"A": 20, "B": 0})
    stable = found.isel(branch=found.stable.values)
    assert stable.sizes["branch"] == 1
    np.testing.assert_allclose([stable.A_mean.item(), stable.A_var.item()], expected, atol=6e-6)


def test_the_steady_state_of_a_compatibility_class():
    found = steady_states(sd.ODESystem({x: -a * x + 3 * y, y: a * x - 3 * y}, {a: 2}), initial={x: 1, y: 4})
    assert (found.x.item(), found.y.item(), bool(found.stable)) == (3.0, 2.0, True)
    assert found.eigenvalue_real.item() == pytest.approx(-5)


def test_roots_of_denominators_are_left_out():
    found = steady_states(sd.ODESystem({x: (x**2 - 1) / (x - 1)}))
    assert found.x.values.tolist() == [-1.0]


def test_exact_decimals():
    assert steady_states(sd.ODESystem({x: (x - a) * (x - 3 * a)}, {a: 0.1})).x.values.tolist() == [0.1, 0.3]


def test_sweeps_are_padded():
    found = steady_states(sd.ODESystem({x: a - x**2}), {a: [-1.0, 1.0, 4.0]})
    assert found.x.dims == ("a", "branch")
    np.testing.assert_array_equal(found.x, [[np.nan, np.nan], [-1, 1], [-2, 2]])
    np.testing.assert_array_equal(found.stable, [[False, False], [False, True], [False, True]])


def test_positive_and_complex_states():
    system = sd.ODESystem({x: x**2 - 1, y: y + x})
    assert steady_states(system, positive=[x]).x.values.tolist() == [1.0]
    assert steady_states(system, positive=True).sizes["branch"] == 0
    found = steady_states(sd.ODESystem({x: x**3 - 1}), real=False)
    np.testing.assert_allclose(np.sort_complex(found.x**3), 1)
    assert found.sizes["branch"] == 3


def test_fixed_points_of_a_map():
    found = steady_states(zoo.logistic_map(), {"r": 2.5})
    np.testing.assert_allclose(found.x, [0, 1 - 1 / 2.5], atol=1e-15)
    assert found.stable.values.tolist() == [False, True]
    np.testing.assert_allclose(found.eigenvalue_real, [2.5, 2 - 2.5], rtol=1e-12)


def test_what_is_not_algebraic_is_searched():
    found = steady_states(sd.ODESystem({x: -x + 2 * sp.tanh(x)}))
    assert found.attrs["complete"] == 0
    assert "tanh(x) is not a rational function" in found.attrs["notes"]
    root = float(sp.nsolve(x - 2 * sp.tanh(x), 1.9))
    np.testing.assert_allclose(found.x, [-root, 0, root], atol=1e-12)
    assert found.stable.values.tolist() == [True, False, True]


def test_stability_of_one_state():
    found = steady_states(zoo.lorenz(), {"rho": 28})
    said = stability(zoo.lorenz(), found.isel(branch=2))
    assert not said.stable
    # characteristic polynomial at the fixed points: l^3 + (s + b + 1) l^2 + b (s + r) l + 2 s b (r - 1)
    expected = np.roots([1, 10 + 8 / 3 + 1, 8 / 3 * 38, 20 * 8 / 3 * 27])
    np.testing.assert_allclose(np.sort_complex(said.eigenvalue), np.sort_complex(expected), rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: steady_states(sd.ODESystem({x: sp.cos(sp.Symbol("t")) - x})), "needs? an autonomous system"),
        (lambda: steady_states(SCHLOEGL), "needs an ODESystem .*rate_equations"),
        (lambda: steady_states(sd.ODESystem({x: a - x})), "no value for the parameter a"),
        (lambda: steady_states(sd.ODESystem({sp.Symbol("branch"): -x, x: -x})), "'branch' names a variable"),
        (lambda: stability(sd.ODESystem({x: -x, y: -y}), {x: 0}), "no value for the state y"),
        (lambda: stability(zoo.lorenz(), steady_states(zoo.lorenz())), r"choose one, such as found.isel"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(sd.DeclarationError, match=message):
        make()
