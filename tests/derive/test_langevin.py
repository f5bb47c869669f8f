"""The chemical Langevin equation: drift and second moments of the jumps."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

NETWORKS = {
    "brusselator": ("0 -> X, k0; 2 X + Y -> 3 X, k1; X -> Y, k2; X -> 0, k3", False),
    "dimer": ("2 A <-> B, k1, k2", True),
    "saturating": ("0 -> X, k0; X => 0, V*k1*X/(k2*V + X)", False),
    "catalyst": ("G -> G, k0; G -> G + M, k1; M -> 0, k2", False),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_drift_and_diffusion_are_those_of_the_jumps(name):
    text, combinatoric = NETWORKS[name]
    net = sd.ReactionNetwork.from_text(text, volume="V", combinatoric=combinatoric)
    system = net.langevin()
    changes, rates = sp.Matrix(net.changes), sp.diag(*net.propensities)
    assert sp.Matrix(system.drift) - changes * sp.Matrix(net.propensities) == sp.zeros(len(net.states), 1)
    second = (system.diffusion * system.diffusion.T - changes * rates * changes.T).applyfunc(sp.simplify)
    assert second == sp.zeros(len(net.states))
    assert system.interpretation == "ito"


def test_a_reaction_without_effect_makes_no_noise():
    net = sd.ReactionNetwork.from_text(NETWORKS["catalyst"][0])
    assert net.langevin().noises == 2


def test_bursts_keep_their_second_moments():
    # <m^2> = b + 2 b^2 of a geometric burst on 0, 1, 2, ...; with another product and a burst of another species
    net = sd.ReactionNetwork.from_text("G -> G + R + geometric(b) P + poisson(c) Q, k")
    G, b, c, k = sp.symbols("G b c k")
    g = net.langevin().diffusion
    a = k * G
    second = (g * g.T / a).applyfunc(sp.simplify)
    order = [net.names.index(n) for n in ("R", "P", "Q")]
    expected = sp.Matrix([[1, b, c], [b, b + 2 * b**2, b * c], [c, b * c, c + c**2]])
    assert (second.extract(order, order) - expected).applyfunc(sp.expand) == sp.zeros(3)


def test_values_are_carried_over():
    net = sd.ReactionNetwork.from_text("0 -> X, k0; X -> 0, k1; twice := 2*X; X(0) = 30; k0 = 3")
    system = net.langevin()
    assert dict(system.initial) == {sp.Symbol("X"): 30}
    assert dict(system.defaults) == {sp.Symbol("k0"): 3}
    assert sp.Symbol("twice") in system.observables
    assert system.provenance[-1] == "chemical Langevin equation"


def test_stationary_variance_of_a_linear_network():
    # 0 -> X at k, X -> 0 at g: variance k/g as for the jumps; 4000 trajectories, standard error of a variance s^2 sqrt(2/N)
    net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 400, "g": 1}, initial={"X": 400})
    data = sd.simulate(net.langevin(), np.array([0.0, 5.0]), trajectories=4000, seed=7, step=0.01)
    final = data.X.values[..., -1].ravel()
    assert abs(final.var(ddof=1) - 400) < 4 * 400 * np.sqrt(2 / 4000) + 400 * 0.01
    assert abs(final.mean() - 400) < 4 * np.sqrt(400 / 4000)
