"""Learned scores against the exact ones of mixtures, and the systems they make."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.discover import RecoverOptions

x, y, t = sp.symbols("x y t")
S1, S2 = sp.Function("s1"), sp.Function("s2")
B = sp.Rational(1, 10) + sp.Rational(199, 10) * t
PROCESS = sd.SDESystem({s: -B / 2 * s for s in (x, y)}, {s: sp.sqrt(B) for s in (x, y)})
MIXTURE = sd.transport.GaussianMixture([0.3, 0.7], [[3.0, 1.0], [-1.0, 0.0]], [0.3, 0.4])
HIDDEN = PROCESS.reverse_time([S1(x, y, t), S2(x, y, t)], horizon=1)
SMALL = RecoverOptions(surrogate={"width": 48, "depth": 2, "steps": 2400, "batch": 256})


@pytest.fixture(scope="module")
def found():
    pytest.importorskip("jax")
    points = MIXTURE.sample(20_000, seed=1)
    return sd.recover(HIDDEN, {"y": points[:, 1], "x": points[:, 0]}, surrogate="denoiser", options=SMALL, progress=False)


def values(expressions: list[sp.Expr], points: np.ndarray, time: float) -> np.ndarray:
    program = lower("values", [("t", (t,)), ("y", (x, y))], expressions, [""] * len(expressions))
    return np.array(evaluate(program, [np.float64(time)], points.T)).T


def test_the_prediction_of_noise_is_nearly_that_of_the_mixture(found):
    noised = PROCESS.marginal(MIXTURE)
    for time in (0.05, 0.2, 0.6):
        points = noised.at(time).sample(2000, seed=2)
        exact = values(list(noised.noise.values()), points, time)
        learned = values(list(found.noise.values()), points, time)
        assert np.sqrt(np.mean((learned - exact) ** 2)) < 0.1 * np.sqrt(np.mean(exact**2))
        score = values(list(found.score.values()), points, time)
        np.testing.assert_allclose(score, -learned / float(found.sigma.subs(t, time)), rtol=1e-9, atol=1e-12)


def test_the_schedule_is_that_of_the_process(found):
    growth = np.exp(-(0.1 * 0.3 + 19.9 * 0.3**2 / 2) / 2)
    assert float(found.alpha.subs(t, 0.3)) == pytest.approx(growth)
    assert float(found.sigma.subs(t, 0.3)) == pytest.approx(np.sqrt(1 - growth**2))
    assert found.horizon == 1


def test_the_network_runs_in_the_kernels_with_the_numbers_of_numpy(found):
    assert isinstance(found.system, sd.SDESystem)
    assert found.system.unknowns == ()
    flow = PROCESS.probability_flow(found)
    start = xr.DataArray(np.array([0.4, -1.2]), dims="trajectory")
    run = sd.simulate(flow, [0.5, 0.5 - 1e-3], initial={x: start, y: 0.3}, trajectories=2, method="dop853", progress=False)
    points = np.stack([start.values, [0.3, 0.3]], axis=1)
    b = 0.1 + 19.9 * 0.5
    slope = -b / 2 * points - b / 2 * values(list(found.score.values()), points, 0.5)
    moved = np.stack([run.x[:, 1] - run.x[:, 0], run.y[:, 1] - run.y[:, 0]], axis=1)
    np.testing.assert_allclose(moved, -1e-3 * slope, rtol=0.03, atol=1e-6)


def test_samples_of_flow_and_process_have_the_moments_of_the_data(found):
    flow, noise = PROCESS.probability_flow(found), np.random.default_rng(3).normal(size=(4000, 2))
    initial = {s: xr.DataArray(noise[:, i], dims="trajectory") for i, s in enumerate((x, y))}
    nodes = sd.transport.nodes(flow, 15, span=(1, 1e-3), spacing="quadratic")
    out = sd.simulate(
        flow, [1, 1e-3], initial=initial, trajectories=4000, method=sd.methods.DeisTab3(nodes=nodes), progress=False
    )
    back = sd.simulate(found.system, [0, 0.999], initial=initial, trajectories=4000, step=1 / 250, seed=1, progress=False)
    for run in (out, back):
        ends = run.x.values[:, -1]
        assert ((ends > 1).mean(), run.y.values[:, -1].mean()) == pytest.approx((0.3, 0.3), abs=0.06)
        assert ends[ends > 1].std() == pytest.approx(0.3, abs=0.06)


def test_likelihoods_are_nearly_those_of_the_mixture(found):
    points = MIXTURE.sample(40, seed=4)
    run = sd.simulate(
        PROCESS.probability_flow(found).with_log_density(), [1e-3, 1], rtol=1e-4, trajectories=40, progress=False,
        initial={s: xr.DataArray(points[:, i], dims="trajectory") for i, s in enumerate((x, y))},
    )  # fmt: skip
    last = np.stack([run.x[:, -1], run.y[:, -1]], axis=1)
    prior = -0.5 * (last**2).sum(axis=1) - np.log(2 * np.pi)
    found_logs = prior - run.log_density.values[:, -1]
    assert found_logs.mean() == pytest.approx(MIXTURE.log_pdf(points).mean(), abs=0.25)


def test_the_same_seed_learns_the_same(found):
    tiny = RecoverOptions(surrogate={"width": 8, "depth": 1, "steps": 24, "batch": 32})
    points = MIXTURE.sample(500, seed=5)
    one, same, other = (
        sd.recover(HIDDEN, points, surrogate="denoiser", options=tiny, seed=s, progress=False).network for s in (1, 1, 2)
    )
    assert one == same != other


@pytest.mark.parametrize(
    ("hidden", "message"),
    [
        (sd.SDESystem({x: S1(x, t)}, {x: x}), "expected T - t"),
        (sd.SDESystem({x: S1(x, 1 - t)}, {x: x}), "noise before the reversal is not that of a schedule"),
        (sd.SDESystem({x: S1(x, 1 - t), y: S1(x, 1 - t)}, {x: 1, y: 1}), "other arguments than all states and time"),
        (sd.SDESystem({x: 2 * S1(x, 1 - t)}, {x: 1}), "not that of a schedule"),
        (sd.SDESystem({x: x**3 + S1(x, 1 - t)}, {x: 1}), "expected a multiple of x"),
        (sd.SDESystem({x: -x + S1(x, 1 - t) * S2(x, 1 - t)}, {x: 1}), "has 2 unknown functions"),
        (sd.SDESystem({x: -sp.Symbol("k") * x + S1(x, 1 - t)}, {x: 1}), "the parameter k of the process has no value"),
    ],
)
def test_systems_that_are_no_reversal_are_refused(hidden, message):
    with pytest.raises(sd.RecoveryError, match=message):
        sd.recover(hidden, np.zeros((200, len(hidden.states))), surrogate="denoiser", progress=False)


def test_few_steps_have_their_losses_and_a_narrow_state_is_noted(found):
    points = np.random.default_rng(0).normal(size=(200, 2)) * [1.0, 1e-3]
    brief = RecoverOptions(surrogate={"width": 8, "depth": 1, "steps": 5, "batch": 32})
    learned = sd.recover(HIDDEN, points, surrogate="denoiser", options=brief, progress=False)
    assert np.isfinite([learned.losses["train"], learned.losses["heldout"]]).all()
    assert [note.partition(" spread")[0] for note in learned.warnings] == ["y"]
    with pytest.raises(sd.RecoveryError, match="the samples are all the same"):
        sd.recover(HIDDEN, np.full((200, 2), 0.3), surrogate="denoiser", progress=False)


def test_wrong_data_and_options_are_refused():
    with pytest.raises(sd.DeclarationError, match=r"data has points of the shape \(200, 3\)"):
        sd.recover(HIDDEN, np.zeros((200, 3)), surrogate="denoiser", progress=False)
    with pytest.raises(sd.RecoveryError, match="there are 20 samples; expected 100 or more"):
        sd.recover(HIDDEN, np.zeros((20, 2)), surrogate="denoiser", progress=False)
    with pytest.raises(sd.RecoveryError, match="library has no effect on a score"):
        sd.recover(HIDDEN, np.zeros((200, 2)), surrogate="denoiser", library=2, progress=False)
    with pytest.raises(sd.SymdynError, match="widht"):
        sd.recover(
            HIDDEN, np.zeros((200, 2)), surrogate="denoiser", options=RecoverOptions(surrogate={"widht": 3}), progress=False
        )


def test_files_of_scores_give_the_same_bits_and_strangers_are_refused(found, tmp_path):
    found.save(tmp_path / "score.npz")
    again = sd.LearnedScore.load(tmp_path / "score.npz")
    assert again.system == found.system
    assert again.network == found.network
    assert repr(again) == repr(found)
    np.testing.assert_array_equal(again.losses["heldout"], found.losses["heldout"])
    flows = [PROCESS.probability_flow(score) for score in (found, again)]
    ends = [sd.simulate(flow, [0.5, 0.1], initial={x: 0.4, y: -0.2}, progress=False) for flow in flows]
    assert ends[0].x.values.tobytes() == ends[1].x.values.tobytes()
    arrays = dict(np.load(tmp_path / "score.npz"))
    for changes, message in (
        ({"format": np.array("other")}, "its format is 'other'"),
        ({"weights0": arrays["weights0"] * np.nan}, "not finite"),
        ({"weights0": arrays["weights0"][:, 1:]}, "maps 23 numbers"),
        ({"functions": arrays["functions"][:-1]}, "to 48; expected"),
        ({"mean": np.zeros(3)}, "mean holds float64 of the shape"),
        ({"scale": np.array(-1.0)}, "the scale or the losses"),
        ({"text": np.array("dx = -x*dt + dW1\ndy = -y*dt + dW2")}, "has 0 unknown functions"),
        ({"text": np.array("__import__('os')")}, "holds no learned score"),
        ({"time": np.array("t; x")}, "its time is called"),
    ):
        np.savez(tmp_path / "other.npz", **{**arrays, **changes})
        with pytest.raises(sd.DeclarationError, match=message):
            sd.LearnedScore.load(tmp_path / "other.npz")
    np.savez(tmp_path / "other.npz", **{**arrays, "mean": np.array([None, 1], dtype=object)})
    (tmp_path / "short.npz").write_bytes((tmp_path / "score.npz").read_bytes()[:2000])
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("other.npz", "short.npz", "text.npz"):
        with pytest.raises(sd.DeclarationError, match="holds no learned score"):
            sd.LearnedScore.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        sd.LearnedScore.load(tmp_path / "missing.npz")
