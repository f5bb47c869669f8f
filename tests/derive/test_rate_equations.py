"""Rate equations: the large-volume limit, in numbers and in concentrations."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError

X, Y, V, k0, k1, k2, k3 = sp.symbols("X Y V k0 k1 k2 k3")
BRUSSELATOR = "0 -> X, k0; 2 X + Y -> 3 X, k1; X -> Y, k2; X -> 0, k3"


def test_brusselator_in_numbers_and_concentrations():
    net = sd.ReactionNetwork.from_text(BRUSSELATOR, volume="V")
    cubic = k1 * X**2 * Y / V**2
    assert net.rate_equations().drift == (V * k0 + cubic - k2 * X - k3 * X, k2 * X - cubic)
    cubic = k1 * X**2 * Y
    assert net.rate_equations(concentrations=True).drift == (k0 + cubic - k2 * X - k3 * X, k2 * X - cubic)


def test_combinatoric_factor_and_falling_factorial():
    ordered, combinatoric = (
        sd.ReactionNetwork.from_text("3 X -> 0, k1", volume="V", combinatoric=c).rate_equations().drift[0]
        for c in (False, True)
    )
    assert ordered == -3 * k1 * X**3 / V**2
    assert combinatoric == ordered / 6


def test_bursts_count_with_their_mean():
    net = sd.ReactionNetwork.from_text("G -> G + geometric(b) X, k1; G -> G + 2 X + poisson(b) X, k2")
    b, G = sp.symbols("b G")
    assert sp.expand(net.rate_equations().drift[1] - G * (b * k1 + (2 + b) * k2)) == 0


def test_the_volume_cancels_in_saturating_propensities():
    net = sd.ReactionNetwork.from_text("X => 0, V*k1*X/(k2*V + X)", volume="V")
    system = net.rate_equations(concentrations=True)
    assert sp.simplify(system.drift[0] + k1 * X / (k2 + X)) == 0
    assert V not in system.parameters
    net = sd.ReactionNetwork.from_text(
        "X => 0, k1*X^2/(k2^2*V^2 + X^2)", volume="V"
    )  # a rate that does not grow with the volume
    assert sp.simplify(net.rate_equations(concentrations=True).drift[0] + k1 * X**2 / (k2**2 + X**2) / V) == 0


def test_values_are_carried_over():
    net = sd.ReactionNetwork.from_text("0 -> X, k0; X -> 0, k1; twice := 2*X; X(0) = 30; k0 = 3; V = 10", volume="V")
    numbers, concentrations = net.rate_equations(), net.rate_equations(concentrations=True)
    assert dict(numbers.initial) == {X: 30}
    assert dict(concentrations.initial) == {X: 3}
    assert numbers.defaults[V] == concentrations.defaults[V] == 10
    assert concentrations.observables[sp.Symbol("twice")] == 2 * V * X
    assert numbers.provenance[-1] == "rate equations in molecule numbers"
    assert numbers.kind == "ode"


def test_initial_concentrations_need_a_volume():
    net = sd.ReactionNetwork.from_text("0 -> X, k0; X(0) = 30", volume="V")
    system = net.rate_equations(concentrations=True)
    assert not system.initial
    assert "the volume V has no value" in system.provenance[-1]


def test_dimerisation_follows_its_closed_form():
    # n' = -2 k n^2 / V from n0: n = n0 / (1 + 2 k n0 t / V)
    net = sd.ReactionNetwork.from_text("2 X -> 0, k1", volume="V", parameters={"k1": 0.3, "V": 50}, initial={"X": 100})
    t = np.linspace(0, 5, 11)
    data = sd.simulate(net.rate_equations(), t, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(data.X, 100 / (1 + 2 * 0.3 * 100 * t / 50), rtol=1e-7)


def test_events_are_refused_where_states_are_random():
    net = sd.ReactionNetwork.from_text("0 -> X, k0; when X > 30, X = 0")
    for derive in (net.langevin, net.linear_noise):
        with pytest.raises(DeclarationError, match=r"has events .*X > 30"):
            derive()
    assert str(net.rate_equations()) == "X' = k0\nwhen X > 30, X = 0"
