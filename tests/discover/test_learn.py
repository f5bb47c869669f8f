"""Learning terms of equations as networks: against the true functions, exact forms, the same bits from files and journals."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.files import read_arrays

pytest.importorskip("jax")

x, y, a, b, c, d = sp.symbols("x y a b c d")
TIMES = np.linspace(0, 16, 33)


@pytest.fixture(scope="module")
def measured():
    true = sd.ODESystem({x: a * x - b * x * y, y: b * x * y - d * y}, {a: 0.5, b: 0.03, d: 0.8}, initial={x: 30, y: 4})
    run, rng = sd.simulate(true, TIMES, rtol=1e-9, progress=False), np.random.default_rng(1)
    noisy = {s: run[s].values + 0.02 * run[s].values.std() * rng.normal(size=TIMES.size) for s in ("x", "y")}
    return {"t": TIMES, **noisy}, np.stack([run.x.values, run.y.values], axis=-1)


@pytest.fixture(scope="module")
def learned(measured):
    f = sd.network("f", [x, y], width=6, zero_at={x: 0})
    hybrid = sd.ODESystem({x: a * x - f(x, y), y: f(x, y) - d * y}, {a: 0.5})
    return f, hybrid, sd.learn(hybrid, measured[0], heldout=0.12, members=2, progress=False)


def test_a_hidden_interaction_is_within_the_band_of_the_data(measured, learned):
    f, _, found = learned
    points = measured[1]
    exact = 0.03 * points.prod(axis=-1)
    error = np.sqrt(np.mean((found.term(f).evaluate(points) - exact) ** 2)) / exact.std()
    assert error < 0.04  # noise of 0.02 in 29 points of each state
    assert found.system.defaults[d] == pytest.approx(0.8, abs=0.01)  # trained along
    assert all(v < 0.1 * s for v, s in zip(found.heldout.values(), points.std(axis=0), strict=True))
    assert found.history["train"][-1] < found.history["train"][0]
    assert found.term(f).evaluate([0.0, 7.0]) == 0.0
    assert found.spread(f, points).shape == (33,)
    assert np.median(found.spread(f, points)) < np.median(found.spread(f, points * 4))


def test_the_kernel_runs_what_was_trained(measured, learned):
    """The system's own run, by Tsitouras' method, misses the data by no more than their noise."""
    _, _, found = learned
    run = sd.simulate(found.system, TIMES[:29], progress=False)
    for s in ("x", "y"):
        misfit = np.sqrt(np.mean((run[s].values - measured[0][s][:29]) ** 2)) / measured[1][:, "xy".index(s)].std()
        assert misfit < 0.025


def test_what_is_saved_comes_back_with_the_same_bits_and_other_files_are_refused(learned, tmp_path):
    _, _, found = learned
    found.save(tmp_path / "f.npz")
    again = sd.Learned.load(tmp_path / "f.npz")
    assert again.system == found.system
    assert str(again) == str(found)
    runs = [sd.simulate(s.system, TIMES, progress=False).x.values for s in (found, again)]
    np.testing.assert_array_equal(*runs)
    data = (tmp_path / "f.npz").read_bytes()
    for damaged in (data[:-700], b"x" * 99, data[:300] + b"\0" * 60 + data[360:]):
        (tmp_path / "g.npz").write_bytes(damaged)
        with pytest.raises(sd.DeclarationError, match=r"g\.npz was not written by save of learn"):
            sd.Learned.load(tmp_path / "g.npz")
    arrays = read_arrays(tmp_path / "f.npz")
    for name, foreign, message in (
        ("kind", np.array("zoo"), "its kind of system is 'zoo'"), ("time", np.ones((2, 2)), "its time is called"),
        ("scale", np.array(["a", "b"]), "scale holds <U1"), ("values0", np.ones((33, 3)), "values0 holds float64"),
        ("times0", np.arange(33.0)[::-1], "times0 do not increase"), ("starts", np.ones((0, 2)), "it has no data"),
        ("0/f/name", np.array("g"), "the network of f is called g"), ("networks", np.array([], "U1"), "its networks are not"),
    ):  # fmt: skip
        np.savez(tmp_path / "g.npz", **{**arrays, name: foreign})
        with pytest.raises(sd.DeclarationError, match=rf"g\.npz was not written by save of learn \({message}"):
            sd.Learned.load(tmp_path / "g.npz")
    found.term("f").save(tmp_path / "h.npz")
    with pytest.raises(sd.DeclarationError, match="its format is 'symdyn network 1'"):
        sd.Learned.load(tmp_path / "h.npz")


def test_the_same_seed_gives_the_same_weights_and_a_checkpoint_is_read(measured, learned, tmp_path):
    _, hybrid, found = learned
    options = {"heldout": 0.12, "members": 2, "progress": False, "checkpoint": tmp_path / "c.npz"}
    again = sd.learn(hybrid, measured[0], **options)
    assert again.system.digest == found.system.digest
    reports = []
    third = sd.learn(hybrid, measured[0], **{**options, "progress": lambda *r: reports.append(r)})
    assert third.system == found.system
    assert reports == []


def test_a_budget_ends_training_with_a_note(measured, learned):
    short = sd.learn(learned[1], measured[0], heldout=0.12, members=1, budget=0.0, progress=False)
    assert short.notes[-1] == "training ended at its budget of time"
    assert short.system.networks


def test_forms_hold_everywhere(measured):
    f = sd.network("f", [x, y], width=4, depth=1, monotone={x: 1, y: -1}, sign=-1)
    g = sd.network("g", [x], width=4, depth=1, activation="softplus")
    hybrid = sd.ODESystem({x: a * x + f(x, y), y: g(x) - d * y}, {a: 0.5, d: 0.8})
    found = sd.learn(hybrid, measured[0], members=1, iterations=8, progress=False)
    points = np.random.default_rng(0).normal(size=(500, 2)) * 100
    network = found.term(f)
    assert (network.evaluate(points) <= 0).all()
    slopes = network.layers.jacobian(points)[:, 0]
    assert (slopes[:, 0] >= 0).all()
    assert (slopes[:, 1] <= 0).all()
    assert set(found.members[0]) == {"f", "g"}


def test_a_map_is_learned_over_missing_points():
    """Ricker's map x exp(2.8 (1 - x)), which is chaotic, of whose 60 values some are missing."""
    values, times = [0.2], np.arange(60)
    for _ in times[1:]:
        values.append(values[-1] * np.exp(2.8 * (1 - values[-1])))
    kept = np.delete(times, [7, 20, 21])
    f = sd.network("f", [x], width=6, depth=1, sign=1)
    found = sd.learn(sd.DiscreteSystem({x: f(x)}), {"t": kept, "x": np.array(values)[kept]}, members=1, progress=False)
    misses = found.term(f).evaluate(np.array(values[:-1])[:, None]) - values[1:]
    assert np.sqrt(np.mean(misses**2)) < 0.08 * np.std(values)  # the noise that is believed of maps before they are fitted


def test_a_source_is_learned_in_a_field_and_simulates_on_another_grid(tmp_path):
    """Fisher's equation: without the zero at 0 the unstable state would be left everywhere."""
    u = sp.Symbol("u")
    f = sd.network("f", [u], width=6, depth=1, zero_at={u: 0})
    hybrid = sd.PDESystem({u: 0.02 * sd.laplacian(u) + f(u)}, domain=(0, 4), boundary="no-flux")
    true = hybrid.with_terms({f(u): 2 * u * (1 - u)}).with_initial(u="exp(-4*x^2)")
    film = sd.simulate(true, np.linspace(0, 3, 7), grid=32, progress=False)[["u"]]
    rng = np.random.default_rng(0)
    found = sd.learn(hybrid, film.map(lambda q: q + 0.01 * rng.normal(size=q.shape)), members=1, iterations=100, progress=False)
    points = np.linspace(0.1, 0.95, 9)
    np.testing.assert_allclose(found.term(f).evaluate(points[:, None]), 2 * points * (1 - points), atol=0.03)
    runs = [sd.simulate(s, [0, 3], grid=64, progress=False).u for s in (found.system.with_initial(u="exp(-4*x^2)"), true)]
    np.testing.assert_allclose(*runs, atol=0.05)
    with pytest.raises(sd.DeclarationError, match="has no text that reads back"):
        found.save(tmp_path / "f.npz")
    with pytest.raises(sd.RecoveryError, match="plot draws ODEs and maps"):
        found.plot()
    with pytest.raises(sd.RecoveryError, match="window has no effect on the learning of SDEs and fields"):
        sd.learn(hybrid, film, window=4)


def test_a_formula_is_found_in_the_place_of_the_network(measured, learned):
    found = sd.recover(learned[2].system, measured[0], surrogate=None, library=[x * y, x, y, x**2], progress=False)
    assert set(found.terms["f"].as_coefficients_dict()) == {x * y}


def test_a_flow_is_learned_from_where_paths_begin_and_end():
    """x' = x (1 - x), whose solution is known, from 20 starts without errors and their ends alone."""
    f = sd.network("f", [x], width=6, depth=1)
    starts = np.linspace(0.01, 1.5, 20)

    def ends(begin, time):
        return begin / (begin + (1 - begin) * np.exp(-time))

    data = [{"t": [0, 4], "x": [s, ends(s, 4)]} for s in starts]
    options = {"noise": {x: 0.003}, "starts": "measured", "members": 1, "decay": 1e-3, "progress": False}
    found = sd.learn(sd.ODESystem({x: f(x)}), data, **options)
    assert found.starts.ravel() == pytest.approx(starts, abs=1e-15)
    points = np.linspace(0.1, 1.2, 9)
    np.testing.assert_allclose(found.term("f").evaluate(points[:, None]), points * (1 - points), atol=0.02)
    data[3]["x"] = [np.nan, 1.0]
    with pytest.raises(sd.RecoveryError, match="starts='measured' needs all states at the first time; trajectory 3 has no x"):
        sd.learn(sd.ODESystem({x: f(x)}), data, **options)


@pytest.mark.parametrize(
    ("system", "options", "message"),
    [
        (sd.ODESystem({x: -x}), {}, "no unknown terms; put network"),
        (sd.ReactionNetwork.from_text("0 -> X, k"), {}, "learn takes an ODESystem"),
        (x, {}, "learn takes a system with unknown terms, got Symbol"),
        (sd.ODESystem({x: sd.network("f", [x])(x)}), {"window": 0}, "the option window"),
        (sd.ODESystem({x: sd.network("f", [x])(x)}), {"decay": -1}, "the option decay"),
    ],
)
def test_what_cannot_be_learned_is_refused(system, options, message):
    with pytest.raises(sd.SymdynError, match=message):
        sd.learn(system, {"t": np.arange(9.0), "x": np.arange(9.0)}, progress=False, **options)
