"""What every recovery returns: sorted tables, intervals within bounds, predictions, scores, and files that read back."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sympy as sp
import xarray as xr
from matplotlib import pyplot

import symdyn as sd
from symdyn.discover import RecoverOptions
from symdyn.discover.ranked import RankedSystem, ranked_recovery
from symdyn.errors import DeclarationError, RecoveryError
from symdyn.inference.information import Information

x, y, u, X, a = sp.symbols("x y u X a")
f, g = sp.Function("f"), sp.Function("g")
GROWTH = sd.ODESystem({x: f(x)})


def logistic(t, start=0.2):
    """The solution of x' = x - x^2."""
    return start * np.exp(t) / (1 - start + start * np.exp(t))


def noisy(seed=3, size=41, share=0.02):
    t = np.linspace(0, 4, size)
    rng = np.random.default_rng(seed)
    return [{"t": t, "x": logistic(t, start) + share * rng.normal(size=size)} for start in (0.1, 0.3)]


def of_ode():
    return sd.recover(GROWTH, noisy(), library=3, surrogate=None, heldout=0.1, progress=False)


def of_map():
    rng = np.random.default_rng(1)
    values = [0.2]
    for _ in range(30):
        values.append(values[-1] * np.exp(0.8 * (1 - values[-1])))
    data = {"t": np.arange(31), "x": np.array(values) * (1 + 0.01 * rng.normal(size=31))}
    return sd.recover(sd.DiscreteSystem({x: x * f(x)}), data, library=2, surrogate=None, progress=False)


def of_sde():
    rng, step = np.random.default_rng(2), 0.1
    values = [0.0]
    for z in rng.normal(size=600):  # the exact transition of dx = -x dt + dW
        values.append(values[-1] * np.exp(-step) + z * np.sqrt((1 - np.exp(-2 * step)) / 2))
    data = {"t": step * np.arange(601), "x": np.array(values)}
    return sd.recover(sd.SDESystem({x: f(x)}, {x: g(x)}), data, library={f: [1, x], g: [1, x**2]}, progress=False)


def of_network():
    true = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
    data = sd.simulate(true, np.linspace(0, 20, 41), initial={"X": 5}, trajectories=4, seed=1, progress=False)
    return sd.recover(sd.ReactionNetwork([({}, {X: 1}, 5), ({X: 1}, {}, f(X))]), data, progress=False)


def of_field():
    t, at = np.linspace(0, 2, 21), np.linspace(0, 1, 16, endpoint=False) + 1 / 32
    shape = np.exp(-t)[:, None] * (2 + np.cos(2 * np.pi * at)) + 1e-3 * np.random.default_rng(0).normal(size=(21, 16))
    data = xr.Dataset({"u": (("time", "x"), shape)}, {"time": t, "x": at})
    return sd.recover(sd.PDESystem({u: f(u)}, domain=(0, 1), boundary="periodic"), data, library=2, progress=False)


def of_repair():
    wrong = sd.ODESystem.from_text("x' = x - a*x^2; a = 0.5")
    return sd.recover(wrong, noisy(), progress=False, options=RecoverOptions(repair=True), library=[x**3])


def of_nothing():
    return sd.recover(None, noisy()[0], progress=False)


KINDS = {h.__name__: h for h in (of_ode, of_map, of_sde, of_network, of_field, of_repair, of_nothing)}


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def found(request):
    return request.param()


# ---- one posterior -----------------------------------------------------------------------------------


def test_the_best_comes_first_and_weights_are_shares(found):
    table = found.table
    assert table["bic"].is_monotonic_increasing
    assert table["weight"].is_monotonic_decreasing
    np.testing.assert_allclose(
        table["weight"] / table["weight"][0], np.exp(-0.5 * (table["bic"] - table["bic"][0])), atol=1e-12
    )
    assert table["weight"].sum() <= 1 + 1e-12
    gaps = table["bic"] - table["bic"][0]
    assert found.identifiability.equivalent == tuple(table["terms"][1:][gaps[1:] < 2])
    # terms of the first system have as much evidence as that system at least
    assert found.inclusion["weight"].between(0, 1 + 1e-12).all()
    assert found.inclusion["weight"].max() >= table["weight"][0] - 1e-12


def test_laws_beyond_a_library_keep_half_of_the_evidence_of_models_that_take_all_of_it():
    t = np.linspace(0, 5, 61)
    growth = 5 * np.exp(np.log(0.01) * np.exp(-t))  # x' = x log(5/x), which no quadratic is
    data = {"t": t, "x": growth + 0.1 * growth.std() * np.random.default_rng(1).normal(size=61)}
    hidden = sd.ODESystem({x: f(x)})
    small, large = (sd.recover(hidden, data, library=d, surrogate=None, progress=False) for d in (2, 3))
    share = 1 / np.exp(-0.5 * (small.table["bic"] - small.table["bic"][0])).sum()  # of all eight choices of 1, x, x**2
    assert len(small.table) == 8
    assert small.table["weight"][0] == pytest.approx(share * (1 - 0.5 * share), rel=1e-9)
    assert small.inclusion["weight"][0] == pytest.approx(1, rel=1e-9)
    assert any("every term that the library offers for f(x)" in note for note in small.warnings)
    assert not any("library offers" in note for note in large.warnings)


def test_constants_of_the_first_system_are_those_of_its_intervals(found):
    values = found.intervals.set_index("constant")["value"]
    own = {s.name for e in found.formulas.values() for s in e.free_symbols} & set(values.index)
    assert own or type(found).__name__ == "Repair"
    for name in own:
        assert found.system.defaults[sp.Symbol(name)] == pytest.approx(values[name], rel=1e-3)
    assert (found.intervals["lower"] <= found.intervals["value"]).all()
    assert (found.intervals["upper"] >= found.intervals["value"]).all()


def test_intervals_end_at_declared_bounds_and_a_note_says_so():
    t = np.linspace(0, 4, 41)
    data = {"t": t, "x": logistic(t) + 0.05 * np.random.default_rng(0).normal(size=41)}
    hidden = sd.ODESystem({x: a * x + f(x)})
    free, held = (
        sd.recover(hidden, data, library=[x**2], surrogate=None, progress=False, bounds=bounds)
        for bounds in (None, {a: (0.5, 1.02)})
    )
    before, after = (r.intervals.set_index("constant").loc["a"] for r in (free, held))
    assert before["upper"] > 1.02
    assert after["upper"] == 1.02
    assert 0.5 < after["lower"] < after["value"] <= 1.02
    assert "the interval of a ends at its upper bound, 1.02" in held.warnings
    assert not any("bound" in note for note in free.warnings)


def by_hand(criteria, **facts):
    """A result of models of one constant each."""
    terms = {f(x): -x}
    models = [RankedSystem(sd.ODESystem({x: -x * k}), terms, terms, 1, c) for k, c in enumerate(criteria, start=1)]
    facts = {"undetermined": np.array([False]), "covariance": np.array([[0.04]])} | facts
    information = Information(("f_1",), np.array([1.0]), rank=1, condition=1.0, **facts)
    return ranked_recovery(
        sd.Recovery, models, information, level=0.9, compared=[(c, [("f(x)", f"x**{k}")]) for k, c in enumerate(criteria)],
        library=[("f(x)", "1")], notes=["first"], evaluations=1,
    )  # fmt: skip


def test_a_single_model_has_no_weight():
    alone, pair = by_hand([3.0]), by_hand([3.0, 3.0 + 2 * np.log(3)])
    assert np.isnan(alone.table["weight"][0])
    assert alone.inclusion["weight"].isna().all()
    assert alone.warnings == ("first", "only one model was compared, so that no weight is claimed")
    np.testing.assert_allclose(pair.table["weight"], [0.75, 0.25])
    assert pair.inclusion.set_index("term")["weight"].to_dict() == pytest.approx({"x**0": 0.75, "x**1": 0.25, "1": 0.0})
    assert pair.warnings == ("first",)


def test_values_that_the_data_do_not_tell_are_named():
    open_ = by_hand([1.0, 2.0], undetermined=np.array([True]))
    assert open_.warnings[1:] == ("the data do not tell f_1: every value fits as well",)
    assert open_.intervals[["lower", "upper"]].to_numpy().tolist() == [[-np.inf, np.inf]]
    bounded = by_hand([1.0, 2.0], undetermined=np.array([True]), low=np.array([0.0]), high=np.array([2.0]))
    assert bounded.intervals[["lower", "upper"]].to_numpy().tolist() == [[0.0, 2.0]]
    assert len(bounded.warnings) == 4


def test_a_wrong_level_is_refused_before_the_search():
    with pytest.raises(RecoveryError, match=r"options\.level is 90; expected a number between 0 and 1"):
        sd.recover(GROWTH, noisy(), options=RecoverOptions(level=90), progress=False)


# ---- predictions ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exact():
    t = np.linspace(0, 4, 21)
    return sd.recover(GROWTH, {"t": t, "x": logistic(t)}, library=2, surrogate=None, progress=False)


def test_predictions_continue_the_data(exact):
    later = np.array([5.0, 6.0, 8.0])
    np.testing.assert_allclose(exact.predict(later)["x"], logistic(later), rtol=1e-4)
    np.testing.assert_allclose(exact.predict([0, 2])["x"], logistic(np.array([0.0, 2.0])), rtol=1e-4)
    assert exact.predict(later)["time"].values.tolist() == later.tolist()


def test_predictions_from_other_values_begin_at_the_first_time(exact):
    assert exact.predict([7, 9], {x: 0.5})["x"].values.tolist() == pytest.approx([0.5, logistic(2.0, 0.5)], rel=1e-4)
    rates = {name: 2 * value for name, value in exact.system.defaults.items()}
    found = exact.predict([0, 2], {"x": 0.5}, rates)["x"]  # twice as fast
    assert found.values[-1] == pytest.approx(logistic(4.0, 0.5), rel=1e-4)


def test_predictions_of_several_trajectories_are_experiments():
    found = of_ode()
    later = found.predict([6.0, 7.0])["x"]
    assert dict(later.sizes) == {"experiment": 2, "time": 2}
    for k, start in enumerate((0.1, 0.3)):
        np.testing.assert_allclose(later.isel(experiment=k), logistic(np.array([6.0, 7.0]), start), rtol=0.05)


@pytest.mark.parametrize(
    ("times", "text"),
    [([-1, 0], "begins at -1, before the initial values that are known, at 0"), ([2, 1], r"\[2.0, 1.0\]; expected increasing")],
)
def test_times_that_cannot_be_predicted_are_refused(exact, times, text):
    with pytest.raises(RecoveryError, match=text):
        exact.predict(times)


def test_scores_are_coefficients_of_determination(exact):
    own = exact.score().loc["x"]
    values = logistic(np.linspace(0, 4, 21))
    still = 1 - np.sum(np.diff(values) ** 2) / np.sum((values[1:] - values[1:].mean()) ** 2)
    assert own.to_dict() == pytest.approx({"one_step": 1, "persistence": still, "free_run": 1}, abs=1e-6)
    # on other data with an error known beforehand
    t = np.linspace(0, 4, 9)
    wrong = logistic(t, 0.4) + np.where(np.arange(9) == 5, 0.1, 0.0)
    expected = 1 - 0.01 / np.sum((wrong - wrong.mean()) ** 2)
    assert exact.score({"t": t, "x": wrong})["free_run"]["x"] == pytest.approx(expected, abs=1e-4)
    assert exact.score({"t": t, "x": wrong}, {x: 0.4})["free_run"]["x"] == pytest.approx(expected, abs=1e-4)
    wrong[0] = np.nan
    with pytest.raises(RecoveryError, match="the first values of x are missing; give them as initial="):
        exact.score({"t": t, "x": wrong})


def test_scores_of_noisy_systems_are_of_means():
    found = of_sde()
    values = found.observations.trajectories[0].values[:, 0]
    slope, constant = (float(found.terms[f(x)].coeff(x, k)) for k in (1, 0))
    still = -constant / slope if slope else 0.0
    ahead = still + (values[:-1] - still) * np.exp(0.1 * slope)  # the mean of a linear drift
    spread = np.sum((values[1:] - values[1:].mean()) ** 2)
    measured = found.score().loc["x"]
    assert slope < 0
    assert measured["one_step"] == pytest.approx(1 - np.sum((ahead - values[1:]) ** 2) / spread, abs=1e-6)
    assert measured["persistence"] == pytest.approx(1 - np.sum(np.diff(values) ** 2) / spread)
    assert np.isnan(measured["free_run"])


# ---- files ---------------------------------------------------------------------------------------------


def same(one, other):
    """Compare what two recoveries are made of."""
    assert type(one) is type(other)
    assert repr(one) == repr(other)
    for name in ("table", "intervals", "covariance", "inclusion"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
    for name in ("systems", "terms", "formulas", "identifiability", "evaluations", "warnings", "complete", "level"):
        assert getattr(one, name) == getattr(other, name), name
    assert one.system == other.system
    for p, q in zip(one.systems, other.systems, strict=True):
        assert (p.defaults, p.initial, p.provenance) == (q.defaults, q.initial, q.provenance)
    assert one.latex() == other.latex()


def test_what_is_saved_reads_back(found, tmp_path):
    found.save(tmp_path / "a")
    again = sd.Recovery.load(tmp_path / "a")
    same(found, again)
    last = found.fitted[0]["time"].values[-1] if hasattr(found, "fitted") else 5.0
    times = [last + 1, last + 2] if found.system.map is None else [31, 32]
    options = {"seed": 1} if type(found).__name__ in ("DiffusionRecovery", "PropensityRecovery") else {}
    if type(found).__name__ in ("DiffusionRecovery", "PropensityRecovery"):
        times = [80.0, 81.0]
    xr.testing.assert_equal(found.predict(times, **options), again.predict(times, **options))
    pd.testing.assert_frame_equal(found.score(), again.score(), check_exact=True)
    pyplot.close(again.plot())
    again.save(tmp_path / "b")
    for name in ("recovery.json", "table.csv", "system.txt"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_learned_surrogate_is_saved_too(tmp_path):
    found = sd.recover(GROWTH, noisy(size=81)[0], surrogate="smoothing", regressor=None, library=2, progress=False)
    found.save(tmp_path)
    again = sd.Recovery.load(tmp_path).surrogate
    assert list(again.terms) == [f(x)]
    np.testing.assert_array_equal(again.terms[f(x)].values, found.surrogate.terms[f(x)].values)


def test_files_that_are_no_recovery_are_refused(exact, tmp_path):
    with pytest.raises(FileNotFoundError):
        sd.Recovery.load(tmp_path / "none")
    exact.save(tmp_path)
    path = tmp_path / "recovery.json"
    text = json.loads(path.read_text())

    def refused(content, message):
        path.write_text(content)
        with pytest.raises(DeclarationError, match=message):
            sd.Recovery.load(tmp_path)

    refused("{", "this is not JSON")
    refused("[]", "not a recovery that save wrote")
    refused(json.dumps(text | {"version": 1}), "the version is 1, expected 2")
    refused(json.dumps(text | {"result": {"object": "os.system", "attributes": {}}}), "damaged")
    refused(json.dumps(text | {"result": {"expression": "__import__('os')"}}), "recovery.json")
    refused(json.dumps(text | {"result": {"array": "array0"}}), "this is a ndarray, expected a Recovery")
    refused("[" * 100_000, "this is not JSON")
    whole = path.with_suffix(".npz").read_bytes()
    path.with_suffix(".npz").write_bytes(whole[: len(whole) // 2])
    refused(json.dumps(text), "the recovery in it is damaged")


def test_a_system_without_text_cannot_be_read_back(exact, tmp_path):
    pieces = sd.ODESystem({x: sp.Piecewise((-x, x < 1), (sp.S.Zero, True))})
    replace(exact, system=pieces, systems=(pieces,)).save(tmp_path)
    with pytest.raises(DeclarationError, match="no text that reads back"):
        sd.Recovery.load(tmp_path)
