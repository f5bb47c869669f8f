"""Networks in the drift and noise of stochastic equations: against true functions, estimates in closed form, and inference."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.discover.diffusions.increments import increments
from symdyn.discover.diffusions.likelihood import PathLikelihood
from symdyn.inference.data import observations
from symdyn.inference.local_moments import diffusion_moments

pytest.importorskip("jax")

x, y, z, s = sp.symbols("x y z s")
F = sp.Function("f")
TRUE = sd.SDESystem({x: x - x**3}, {x: 0.4 + 0.2 * x**2}, initial={x: 1})


@pytest.fixture(scope="module")
def path():
    run = sd.simulate(TRUE, np.arange(0, 200.01, 0.1), seed=1, method="milstein", step=0.005, progress=False)
    return {"t": run.time.values, "x": run.x.values}


@pytest.fixture(scope="module")
def learned(path):
    f, g = (sd.network(name, [x], width=6, depth=1) for name in "fg")
    return sd.learn(sd.SDESystem({x: f(x)}, {x: g(x)}), path, members=1, heldout=0.1, progress=False)


def misfit(system: sd.SDESystem, data: dict, count: int | None = None) -> float:
    """Minus twice the quasi-likelihood of the first steps, by inference."""
    seen = observations(TRUE, {k: v[:count] for k, v in data.items()})
    return -2 * PathLikelihood(diffusion_moments(system, ()), increments(seen)).value(np.zeros(0))


def test_drift_and_noise_are_within_the_errors_that_such_a_path_leaves(learned, path):
    """With d degrees of freedom these are about g sqrt(d/T) of the drift, and g sqrt(d/2N) of the noise."""
    points = path["x"][:-1:10, None]
    drift, noise = learned.term("f").evaluate(points), learned.term("g").evaluate(points)
    q = points[:, 0]
    assert np.sqrt(np.mean((drift - q + q**3) ** 2)) < 3 * 0.55 * np.sqrt(4 / 200)
    assert np.sqrt(np.mean((noise - 0.4 - 0.2 * q**2) ** 2)) < 3 * 0.55 * np.sqrt(4 / 4000)
    assert (noise > 0).all()  # of a noise that stands alone only the square matters


def test_by_inference_the_system_is_as_likely_as_the_true_one(learned, path):
    """What the training minimised is larger by the prior of the weights."""
    best = np.nanargmin(learned.history["validation"])
    trained = learned.history["train"][best] + learned.history["validation"][best]
    assert trained - 40 < misfit(learned.system, path, 1801) < trained
    assert misfit(learned.system, path, 1801) < misfit(TRUE, path, 1801) + 5


def test_steps_that_were_held_out_are_as_far_off_as_the_system_says(learned):
    assert learned.heldout["x"] == pytest.approx(1, abs=4 / np.sqrt(2 * 200))
    assert "errors one step ahead, in standard deviations that it predicts: x " in str(learned)


def test_it_is_simulated_by_kernels_and_comes_back_with_the_same_bits(learned, tmp_path):
    learned.save(tmp_path / "l.npz")
    again = sd.Learned.load(tmp_path / "l.npz")
    assert again.system == learned.system
    options = {"trajectories": 400, "seed": 5, "progress": False}
    runs = [sd.simulate(q, [0, 20], **options).x.values for q in (learned.system, again.system)]
    np.testing.assert_array_equal(*runs)
    true = sd.simulate(TRUE, [0, 20], **options).x.values[:, -1]
    assert np.median(np.abs(runs[0][:, -1])) == pytest.approx(np.median(np.abs(true)), abs=0.2)  # two wells, near -1 and 1
    milstein = sd.simulate(learned.system, [0, 1], method="milstein", step=0.01, **options)  # with the slope of the network
    assert np.isfinite(milstein.x).all()


@pytest.mark.parametrize("interpretation", ["ito", "stratonovich"])
def test_moments_of_two_states_with_one_noise_are_those_of_inference(interpretation):
    import jax

    from symdyn.discover.surrogates._ensemble import prepare
    from symdyn.discover.surrogates._network_moments import NetworkMoments
    from symdyn.discover.surrogates._term_networks import TermNetworks

    prepare()
    f, g = sd.network("f", [x, y], width=3, depth=1), sd.network("g", [x], width=2, depth=1, sign=1)
    hybrid = sd.SDESystem(
        {x: f(x, y), y: x - y}, [[g(x), 0], [0.3 * g(y), 0.2]], interpretation=interpretation
    )  # fmt: skip
    rng = np.random.default_rng(0)
    seen = observations(hybrid, {"t": np.arange(40) * 0.3, "x": rng.normal(size=40), "y": rng.normal(size=40)})
    networks, data = TermNetworks(hybrid, 4, 1.0, None), increments(seen)
    moments, w = NetworkMoments(hybrid, seen, networks, 2), networks.first(rng)
    system = hybrid.with_terms(networks.trained(moments.units, w))
    along = jax.jit(jax.vmap(moments.after, in_axes=(None, 0, 0, 0)))
    found = np.asarray(along(w, data.times[:5], data.begin.T[:5], data.gaps[:5]))
    known, _ = diffusion_moments(system, ()).after(
        np.zeros(0), data.begin[:, :5], data.times[:5], data.gaps[:5], steps=2
    )  # fmt: skip
    np.testing.assert_allclose(found.T, known, rtol=1e-10, atol=1e-12)


def test_the_stable_form_finds_noise_and_growth_of_geometric_brownian_motion():
    """Estimates in closed form from the increments of log z: s from their deviation, g - s^2/2 from their mean."""
    h, rng = 0.05, np.random.default_rng(2)
    logs = np.concatenate([[0], np.cumsum(-0.05 * h + 0.4 * np.sqrt(h) * rng.normal(size=500))])
    system = sd.neural_sde([z], kind="geometric", noise=s, width=2, depth=1)
    found = sd.learn(system, {"t": h * np.arange(501), "z": np.exp(logs)}, members=1, progress=False)
    deviation = np.diff(logs).std() / np.sqrt(h)
    assert abs(found.system.defaults[s]) == pytest.approx(deviation, rel=0.05)
    growth = found.term("g_z").evaluate(np.exp(logs)[:, None]).mean()
    assert growth == pytest.approx(np.diff(logs).mean() / h + deviation**2 / 2, abs=0.4 / np.sqrt(25))
    runs = sd.simulate(found.system, [0, 5], trajectories=100, seed=1, progress=False)
    assert (runs.z > 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 5}, "window has no effect on the learning of SDEs and fields"),
        ({"penalty": {"error": 1}}, "penalty has no effect on the learning of maps, SDEs and fields"),
    ],
)
def test_options_without_effect_are_refused(path, options, message):
    with pytest.raises(sd.RecoveryError, match=message):
        sd.learn(sd.SDESystem({x: F(x)}, {x: 1}), path, progress=False, **options)


def test_paths_that_tell_nothing_are_refused(path):
    with pytest.raises(sd.RecoveryError, match="the state y is not in the data"):
        sd.learn(sd.SDESystem({x: F(x, y), y: -y}, {x: 1, y: 1}), path, progress=False)
    with pytest.raises(sd.RecoveryError, match="fewer than ten steps"):
        sd.learn(sd.SDESystem({x: F(x)}, {x: 1}), {"t": np.arange(9), "x": np.arange(9.0)}, progress=False)
    small, flat = sd.network("f", [x], width=2, depth=1), {"t": np.arange(20), "x": np.arange(20.0), "y": np.arange(20.0)}
    with pytest.raises(sd.RecoveryError, match="is there noise in every state"):
        sd.learn(sd.SDESystem({x: small(x), y: -y}, {x: 1}), flat, members=1, iterations=2, progress=False)
