"""Stable forms of neural stochastic differential equations, against the solutions of linear ones."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

z, s, t = sp.symbols("z s t")
A, S = 0.5, 1.5


def slope(value: float, name: str = "g_z") -> sd.TrainedNetwork:
    """The network value*z."""
    return sd.TrainedNetwork(sd.DenseLayers(name, [([[value]], None, "identity")]))


def test_noise_stabilises_what_drifts_away():
    """The exponent is a - s^2/2 = -0.625 (Khasminskii), and the mean of log z is that of the paths."""
    system = sd.neural_sde([z], kind="linear-noise", noise=S, initial={z: 1}).with_terms({"g_z": slope(A)})
    assert float(system.exponent_at_zero()) == pytest.approx(-0.625, abs=1e-12)
    runs = sd.simulate(system, [0, 2], method="milstein", trajectories=4000, step=0.005, seed=1, progress=False).z[:, -1]
    assert (runs > 0).all()
    logs = np.log(runs.values)
    assert logs.mean() / 2 == pytest.approx(-0.625, abs=4 * S / np.sqrt(2 * 4000) + 0.01)


def test_the_logarithmic_form_is_exact_for_a_constant_network_whatever_the_step():
    """log z = (a - s^2/2) t + s W, which one step of Euler's scheme has exactly: the same mean and variance for any step."""
    constant = sd.TrainedNetwork(sd.DenseLayers("g_z", [([[0.0]], [A], "identity")]))
    system = sd.neural_sde([z], kind="geometric", noise=S, logarithmic=True, initial={z: 2}).with_terms({"g_z": constant})
    runs = sd.simulate(system, [0, 1], method="euler-maruyama", trajectories=4000, step=1.0, seed=2, progress=False)
    logs = np.log(runs.z[:, -1].values)
    assert logs.mean() == pytest.approx(np.log(2) + A - S**2 / 2, abs=4 * S / 4000**0.5)
    assert logs.std() == pytest.approx(S, rel=4 / 8000**0.5)
    assert (runs.z > 0).all()


def test_zero_is_absorbing_and_signs_stay_in_the_geometric_form():
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=(4, 1)), rng.normal(size=4), "tanh"), (rng.normal(size=(1, 4)), None, "identity")]
    g = sd.TrainedNetwork(sd.DenseLayers("g_z", layers))
    system = sd.neural_sde([z], kind="geometric", noise=S).with_terms({"g_z": g})
    still = sd.simulate(system, [0, 1], initial={z: 0}, seed=0, progress=False)
    assert (still.z == 0).all()
    assert float(system.exponent_at_zero()) == pytest.approx(float(g.evaluate([0.0])) - S**2 / 2, rel=1e-12)
    signs = sd.simulate(system, [0, 1], initial={z: -1}, method="milstein", trajectories=200, step=0.01, seed=3, progress=False)
    assert (signs.z < 0).all()


def test_additive_noise_and_times_enter_as_declared():
    system = sd.neural_sde(["x", "y"], noise={"x": s, "y": t * s}, timed=True, width=3, parameters={s: 1})
    assert str(system) == "dx = g_x(t, x, y)*dt + s*dW1\ndy = g_y(t, x, y)*dt + s*t*dW2"
    assert system.unknowns[0].func.form.width == 3


def test_the_exponent_of_a_stratonovich_equation_is_that_of_its_ito_form():
    system = sd.SDESystem({z: -z}, {z: s * z}, interpretation="stratonovich")
    assert sp.simplify(system.exponent_at_zero() + 1) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sd.neural_sde(["z"], kind="langevine"), "'langevine'; known: langevin, linear-noise, geometric.*langevin"),
        (lambda: sd.neural_sde(["z"], noise=z), "contains a state"),
        (lambda: sd.neural_sde(["z"], noise={"y": 1}), r"noise names \['y'\]"),
        (lambda: sd.neural_sde([], noise=1), "needs a state"),
        (lambda: sd.neural_sde(["z"], logarithmic=True), "logarithmic=True is for kind='geometric'"),
        (lambda: sd.neural_sde(["z"], kind="geometric", logarithmic=True, initial={"z": -1}), "expected a positive number"),
        (lambda: sd.SDESystem({z: 1 - z}, {z: z}).exponent_at_zero(), "the drift at z = 0 is 1"),
        (lambda: sd.neural_sde(["x", "y"]).exponent_at_zero(), "the exponent at 0 is known of one state, got x, y"),
    ],
)
def test_what_has_no_meaning_is_refused(call, message):
    with pytest.raises(sd.DeclarationError, match=message):
        call()
