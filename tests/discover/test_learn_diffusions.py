"""Networks in the drift and noise of stochastic equations: against true functions, estimates in closed form, and inference."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.stats import chi2

import symdyn as sd
from symdyn.inference.data import observations
from symdyn.inference.increments import increments
from symdyn.inference.local_moments import diffusion_moments
from symdyn.inference.path_likelihood import PathLikelihood

pytest.importorskip("jax")

x, y, z, s = sp.symbols("x y z s")
F = sp.Function("f")
#: Of each network: four neurons, each of a slope, a shift and a factor, and a constant.
WEIGHTS = 13
TRUE = sd.SDESystem({x: x - x**3}, {x: 0.4 + 0.2 * x**2}, initial={x: 1})


@pytest.fixture(scope="module")
def path():
    run = sd.simulate(TRUE, np.arange(0, 200.01, 0.2), seed=2, method="milstein", step=0.005, progress=False)
    return {"t": run.time.values, "x": run.x.values}


@pytest.fixture(scope="module")
def learned(path):
    f, g = (sd.network(name, [x], width=4, depth=1) for name in "fg")
    return sd.learn(sd.SDESystem({x: f(x)}, {x: g(x)}), path, members=1, heldout=0.1, progress=False)


def misfit(system: sd.SDESystem, data: dict, count: int | None = None) -> float:
    """Minus twice the quasi-likelihood of the first steps, by inference."""
    seen = observations(TRUE, {k: v[:count] for k, v in data.items()})
    return -2 * PathLikelihood(diffusion_moments(system, ()), increments(seen), steps=3).value(np.zeros(0))


def test_drift_and_noise_are_within_the_errors_that_such_a_path_leaves(learned, path):
    r"""The sums of :math:`(\Delta f/g)^2 dt` and of :math:`2 (\Delta g/g)^2` are chi-square variables over all steps.

    They have as many degrees as there are weights.  A tenth of the path is held out.
    """
    q, most = path["x"][:900], chi2.ppf(0.99, WEIGHTS)
    drift, noise, true = learned.term("f").evaluate(q[:, None]), learned.term("g").evaluate(q[:, None]), 0.4 + 0.2 * q**2
    assert 0.2 * np.sum(((drift - q + q**3) / true) ** 2) < most
    assert 2 * np.sum(((noise - true) / true) ** 2) < most
    assert 0.2 * np.sum(((q - q**3) / true) ** 2) > 3 * most  # no drift
    assert 2 * np.sum((true.mean() / true - 1) ** 2) > 2 * most  # a constant noise
    assert (noise > 0).all()  # of a noise that stands alone only the square matters


def test_by_inference_the_system_is_more_likely_than_the_true_one(learned, path):
    """Twice the logarithm of the ratio of both likelihoods is a chi-square variable (Wilks); training adds the prior."""
    found = misfit(learned.system, path, 901)
    assert 0 < misfit(TRUE, path, 901) - found < chi2.ppf(0.99, 2 * WEIGHTS)
    assert found < learned.history["train"][-1]
    assert np.isnan(learned.history["validation"]).all()  # 900 steps for 26 weights need none that decide when to stop


def test_steps_that_were_held_out_are_as_far_off_as_the_system_says(learned):
    assert learned.heldout["x"] == pytest.approx(1, abs=4 / np.sqrt(2 * 100))
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


def test_moments_of_two_states_with_one_noise_are_those_of_inference():
    """In the sense of Stratonovich, which adds a drift to that of Ito, in which the other tests are."""
    import jax

    from symdyn.discover.surrogates._ensemble import prepare
    from symdyn.discover.surrogates._network_moments import NetworkMoments
    from symdyn.discover.surrogates._term_networks import TermNetworks

    prepare()
    f, g = sd.network("f", [x, y], width=3, depth=1), sd.network("g", [x], width=2, depth=1, sign=1)
    noise = [[g(x), 0], [0.3 * g(y), 0.2]]
    hybrid = sd.SDESystem({x: f(x, y), y: x - y}, noise, interpretation="stratonovich")
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
    short = {"t": path["t"][:60], "x": path["x"][:60]}
    with pytest.raises(sd.RecoveryError, match="of what heldout leaves out, the data hold fewer than ten steps"):
        sd.learn(sd.SDESystem({x: F(x)}, {x: 1}), short, heldout=0.1, progress=False)
    with pytest.raises(sd.RecoveryError, match="a state of the paths never changes"):
        sd.learn(sd.SDESystem({x: F(x)}, {x: 1}), {"t": np.arange(20), "x": np.ones(20)}, progress=False)
    small = sd.network("f", [x], width=2, depth=1)
    with pytest.raises(sd.RecoveryError, match="is there noise in every state"):
        sd.learn(sd.SDESystem({x: small(x)}, {x: s}, {s: 0}), short, members=1, iterations=2, progress=False)
