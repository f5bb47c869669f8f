"""Control coefficients against closed forms, the theorems of summation and connectivity, and steady states beside."""

from __future__ import annotations

import numpy as np
import pytest

import symdyn as sd
from symdyn.analysis import control_coefficients, steady_states
from symdyn.errors import DeclarationError

ENZYME = sd.ReactionNetwork.from_text(
    "S + E -> C, k1; C -> S + E, k2; C -> E + P, k3; P -> S, k4; S(0) = 10; E(0) = 2; C(0) = 0; P(0) = 0; "
    "k1 = 1; k2 = 0.5; k3 = 2; k4 = 0.3"
)
PATHWAY = sd.ReactionNetwork.from_text("0 -> A, a; A => B, v*A/(1 + A + B); B -> 0, d; a = 1; v = 4; d = 0.8")


def _rest(network, values=None):
    return steady_states(network.rate_equations(), values, positive=True).isel(branch=0)


def test_a_decay_follows_its_rates():
    """x = a/b, so that x has the exponents 1 and -1, and both fluxes 1 and 0."""
    network = sd.ReactionNetwork.from_text("0 -> X, a; X -> 0, b; a = 3; b = 0.5")
    found = control_coefficients(network, {"X": 6})
    np.testing.assert_allclose(found.concentration_control, [[1, -1]], atol=1e-12)
    np.testing.assert_allclose(found.flux_control, [[1, 0], [1, 0]], atol=1e-12)
    np.testing.assert_allclose(found.concentration_response, [[1, -1]], atol=1e-12)
    plain = control_coefficients(network, {"X": 6}, scaled=False)  # dx/da = 1/b, dx/db = -a/b^2
    np.testing.assert_allclose(plain.concentration_response, [[2, -12]], rtol=1e-12)


@pytest.mark.parametrize("network", [ENZYME, PATHWAY], ids=["conserved totals", "inhibited by its product"])
def test_summation_connectivity_and_differences(network):
    rest = _rest(network)
    found = control_coefficients(network, rest)
    np.testing.assert_allclose(found.flux_control.sum("reaction"), 1, atol=1e-10)
    np.testing.assert_allclose(found.concentration_control.sum("reaction"), 0, atol=1e-10)
    for name in network.parameters:
        h = 1e-4 * network.defaults[name]
        sides = [_rest(network, {name: network.defaults[name] + sign * h}) for sign in (1, -1)]
        for state in network.states:
            slope = (np.log(sides[0][state.name]) - np.log(sides[1][state.name])) / 2e-4
            response = found.concentration_response.sel(state=state.name, parameter=name.name)
            assert abs(float(slope - response)) < 1e-6
    if network is PATHWAY:  # without conserved totals: Westerhoff & Chen, Eur. J. Biochem. 142, 425 (1984)
        epsilon = found.elasticity.values
        np.testing.assert_allclose(found.flux_control.values @ epsilon, 0, atol=1e-10)
        np.testing.assert_allclose(found.concentration_control.values @ epsilon, -np.eye(2), atol=1e-10)


def test_means_of_bursts_count():
    """Bursts of mean b at rate a: x = a b/d."""
    network = sd.ReactionNetwork.from_text("0 -> geometric(b) P, a; P -> 0, d; a = 2; b = 5; d = 0.5")
    found = control_coefficients(network, {"P": 20})
    np.testing.assert_allclose(found.steady_state, [20])
    np.testing.assert_allclose(found.concentration_control, [[1, -1]], atol=1e-12)


def test_what_is_refused():
    with pytest.raises(DeclarationError, match="reactions of a ReactionNetwork, not of a ODESystem"):
        control_coefficients(ENZYME.rate_equations(), {})
    with pytest.raises(DeclarationError, match="no steady state of the rate equations is near"):
        control_coefficients(PATHWAY, {"A": 100, "B": 3})
    fold = sd.ReactionNetwork.from_text("0 -> X, a; 0 => X, X^2; X -> 0, 2; a = 1")
    with pytest.raises(DeclarationError, match="at a fold, or one of a family"):
        control_coefficients(fold, {"X": 1})
