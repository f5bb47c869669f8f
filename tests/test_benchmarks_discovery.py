"""The benchmark of recovery: its scores against cases made by hand, its data, and its tables; no peer is needed."""

from __future__ import annotations

import doctest
import importlib.util
import sys
import types

import numpy as np
import pandas as pd
import pytest
import sympy as sp

import symdyn as sd
from benchmarks.discovery import (
    calibration,
    forecasting,
    goals,
    noisy_flows,
    odebench,
    odebench_rows,
    repairs,
    scores,
    suite,
)
from benchmarks.discovery import lotka_volterra as lv
from benchmarks.discovery.dysts_flows import DystsFlows
from benchmarks.discovery.lotka_volterra_peers import Law, smoothed, weak_sindy
from benchmarks.discovery.odebench_peers import splines
from benchmarks.discovery.rows import Rows
from benchmarks.discovery.scores import coefficient_error, free_run, r_squared, rate_function, support
from benchmarks.discovery.suite import Part, add
from benchmarks.harness import Sample, Settings, Unfit
from benchmarks.results import Result

x, y = lv.STATES
ALONG = {x: np.array([1.0, 2.0, 3.0]), y: np.array([3.0, 2.0, 1.0])}


def test_examples_in_docstrings_hold():
    found = doctest.testmod(scores)
    assert found.attempted > 0
    assert found.failed == 0


def test_r_squared_weighs_states_by_their_variance():
    truth = np.array([[0.0, 0.0], [2.0, 20.0]])  # squared deviations from the means: 2 and 200
    first, second = truth.copy(), truth.copy()
    first[0, 0], second[1, 1] = 1.0, 30.0
    assert r_squared(truth, second) == pytest.approx(1 - 100 / 202)
    assert r_squared(truth, first) == pytest.approx(np.average([1 - 1 / 2, 1.0], weights=[2, 200]))
    assert r_squared(truth, np.full((2, 2), np.nan)) == -np.inf


@pytest.mark.parametrize(
    ("side", "terms"),
    [
        (x * (1 - y / 2), {x, x * y}),
        (2 * x + y - 2 * x, {y}),
        (sp.sin(x) / 3 + sp.Float(0.5), {sp.sin(x), sp.S.One}),
        (sp.S.Zero, set()),
    ],
)
def test_terms_are_read_off_expanded_equations(side, terms):
    assert support(side, ALONG) == terms


def test_traces_are_judged_by_their_size_along_the_data():
    # root mean squares: 1e-3 * x**9 reaches 20 where x is 3
    assert support(x + x**9 / 1000, ALONG, least=0.01) == {x, x**9}
    assert support(x + y / 1000, ALONG, least=0.01) == {x}
    assert support(x + y / 1000, ALONG) == {x, y}


def test_coefficients_that_are_missing_are_wrong_by_all_of_their_size():
    truth = [{x * y: -0.9}, {x * y: 0.8}]
    assert coefficient_error([-0.9 * x * y, 0.84 * x * y + y], truth) == pytest.approx(0.05)
    assert coefficient_error([-0.9 * x * y, y], truth) == 1


def test_free_runs_follow_closed_forms_and_tell_when_they_run_away():
    times = np.linspace(0, 3, 7)
    logistic = free_run(rate_function([x], [x * (1 - x)]), [0.2], times)
    np.testing.assert_allclose(logistic[:, 0], 1 / (1 + 4 * np.exp(-times)), rtol=1e-6)
    away = free_run(rate_function([x], [x**2]), [1.0], times)  # 1/(1 - t)
    np.testing.assert_allclose(away[1], 2.0, rtol=1e-6)
    assert np.isnan(away[2:]).all()
    assert r_squared(np.linspace(0, 1, 7)[:, None], away) == -np.inf


def test_the_truth_scores_full_marks_with_known_terms_and_without():
    _, values = lv.measured(31, 0.05, 0)
    for law in (Law((-0.9 * x * y, 0.8 * x * y), given=True), Law(lv.TRUTH, given=False)):
        score = lv.scored(law, values)
        assert score.exact
        assert score.error == pytest.approx(0, abs=1e-12)
        assert score.r2 == pytest.approx(1)


def test_laws_with_a_term_too_many_or_too_few_are_not_exact():
    _, values = lv.measured(31, 0.0, 0)
    more = lv.scored(Law((-0.9 * x * y - x / 10, 0.8 * x * y), given=True), values)
    assert not more.exact  # though the known term hides it in the whole equation
    assert more.error == pytest.approx(0, abs=1e-12)
    fewer = lv.scored(Law((lv.TRUTH[0], -1.8 * y), given=False), values)
    assert not fewer.exact
    assert fewer.error == 1
    assert fewer.r2 < 0.5
    assert not lv.scored(Law((-0.9 * x * y + 0.01, 0.8 * x * y), given=True), values).exact
    assert lv.scored(Law((-0.9 * x * y + 0.001, 0.8 * x * y), given=True, least=0.02), values).exact


def test_noise_is_relative_to_the_mean_and_follows_the_seed():
    times, exact = lv.measured(31, 0.0, 3)
    assert times[1] == pytest.approx(0.1)
    np.testing.assert_allclose(exact[0], lv.START)
    draws = np.stack([(lv.measured(31, 0.1, seed)[1] - exact) / (0.1 * exact.mean(axis=0)) for seed in range(40)])
    assert abs(draws.mean()) < 4 / np.sqrt(draws.size)
    assert abs(draws.std() - 1) < 4 / np.sqrt(2 * draws.size)
    np.testing.assert_array_equal(lv.measured(31, 0.1, 7)[1], lv.measured(31, 0.1, 7)[1])
    # a first integral of the flow: V = 0.8 x - 1.8 log x + 0.9 y - 1.3 log y
    v = 0.8 * exact[:, 0] - 1.8 * np.log(exact[:, 0]) + 0.9 * exact[:, 1] - 1.3 * np.log(exact[:, 1])
    assert np.ptp(v) < 1e-6


@pytest.mark.parametrize("window", [5, 7, 11])
def test_local_cubics_are_exact_for_cubics(window):
    times = np.linspace(0, 2, 15)
    states, rates = smoothed(times, np.stack([times**3, 1 - times], axis=1), window)
    np.testing.assert_allclose(states, np.stack([times**3, 1 - times], axis=1), atol=1e-12)
    np.testing.assert_allclose(rates, np.stack([3 * times**2, -1 + 0 * times], axis=1), atol=1e-11)


def test_differences_are_exact_for_parabolas():
    times = np.linspace(0, 2, 6)
    states, rates = smoothed(times, times[:, None] ** 2, 0)
    np.testing.assert_array_equal(states, times[:, None] ** 2)
    np.testing.assert_allclose(rates[:, 0], 2 * times, atol=1e-12)


def test_the_weak_form_refuses_too_few_points():
    pytest.importorskip("pysindy")
    with pytest.raises(Unfit, match="too few of 6 points"):
        weak_sindy(*lv.measured(6, 0.0, 0), lv.KNOWN, lv.STATES, 0)


def test_every_method_gets_the_same_data_and_a_missing_one_its_row():
    seen = []

    def truth(times, values, known, states, seed):
        seen.append(values)
        return Law((-0.9 * x * y, 0.8 * x * y), given=True)

    def wavering(times, values, known, states, seed):
        seen.append(values)
        if seed == 0:
            raise ArithmeticError("no luck")
        return Law((-0.99 * x * y, 0.8 * x * y), given=True)

    def missing(times, values, known, states, seed):
        raise ImportError("nobody made it")

    methods = {"truth": truth, "wavering": wavering, "missing": missing}
    found = lv.run(2, points=(11,), noises=(0.0, 0.1), methods=methods).set_index(["noise", "method"])
    assert len(seen) == 2 * (1 + 2)  # without noise one seed is enough
    assert all((a == b).all() for a, b in zip(seen[::2], seen[1::2], strict=True))
    assert found.loc[(0.1, "truth"), "exact"] == 1
    assert found.loc[(0.1, "truth"), "R², other start"] == pytest.approx(1)
    assert found.loc[(0.1, "wavering"), "exact"] == 0.5
    assert found.loc[(0.1, "wavering"), "coefficient error"] == pytest.approx(0.1)
    assert found.loc[(0.1, "wavering"), "note"] == "1 failed"
    assert found.loc[(0.0, "missing"), "note"] == "not installed (nobody made it)"
    assert np.isnan(found.loc[(0.0, "missing"), "exact"])


def test_corruption_of_odebench_depends_on_the_system_and_the_seed_alone():
    def draw(number, seed):
        return (odebench.corrupted(number, 0.05, 0.0, seed)[1] / odebench.reference(number, 0) - 1) / 0.05

    first, second = (t.number for t in odebench.tasks() if len(t.states) == 1 and t.number in (1, 2))
    before = draw(first, 0)
    assert not np.allclose(before, draw(second, 0))  # each system has draws of its own
    assert not np.allclose(before, draw(first, 1))
    np.testing.assert_array_equal(before, draw(first, 0))  # whatever was drawn in between
    assert abs(before.std() - 1) < 4 / np.sqrt(2 * before.size)
    times, values = odebench.corrupted(first, 0.05, 0.5, 0)
    assert len(times) == len(values)
    assert abs(len(times) / 512 - 0.5) < 4 * 0.5 / np.sqrt(512)
    np.testing.assert_array_equal(values, odebench.corrupted(first, 0.05, 0.0, 0)[1][np.isin(odebench.TIMES, times)])


def test_every_method_is_judged_on_the_same_trajectory_of_odebench():
    seen = []

    def truth(times, values, states, seed):
        seen.append(values)
        (task,) = (t for t in odebench.tasks() if t.states == states and t.number == 11)
        return Law(task.sides, given=False)

    def broken(times, values, states, seed):
        seen.append(values)
        raise ArithmeticError("no luck")

    found = odebench.run((3,), ((0.05, 0.5),), (11,), {"symdyn": truth, "broken": broken}).set_index("method")
    np.testing.assert_array_equal(*seen)
    assert found.loc["symdyn", ["reconstruction", "generalisation"]].min() == pytest.approx(1)
    assert found["exact"].tolist() == [True, False]
    assert found["note"].tolist() == ["", "ArithmeticError: no luck"]
    assert found.loc["broken", "reconstruction"] == -np.inf
    table = odebench.summary(found.reset_index())
    assert table.loc[(0.05, 0.5, "symdyn"), ["runs", "reconstruction", "exact", "failed"]].tolist() == [1, 1, 1, 0]
    assert table.loc[(0.05, 0.5, "broken"), ["runs", "reconstruction", "exact", "failed"]].tolist() == [1, 0, 0, 1]


def test_smoothing_splines_keep_straight_lines_over_uneven_times():
    times = np.cumsum(np.random.default_rng(0).uniform(0.1, 1.0, 30))
    states, rates = splines(times, np.stack([2 * times, 3 - times], axis=1))
    np.testing.assert_allclose(states, np.stack([2 * times, 3 - times], axis=1), atol=1e-8)
    np.testing.assert_allclose(rates, np.tile([2.0, -1.0], (30, 1)), atol=1e-8)


def test_a_part_that_fails_leaves_its_row_and_the_others_their_tables(monkeypatch):
    made = types.ModuleType("benchmarks.discovery.made_up")
    made.run = lambda size=3: pd.DataFrame({"size": [size, 1], "error": [0.5, np.nan], "note": ["", "why"]})
    monkeypatch.setitem(sys.modules, made.__name__, made)
    result = Result()
    add(
        result,
        Part("good", "made_up", quick=({"size": 2},), ratios=lambda f: [goals._ratio("one", f["error"].max())]),
        Settings(quick=True),
    )
    add(result, Part("bad", "no_such_part"), Settings())
    assert result.tables["good"] == [{"size": 2, "error": 0.5}, {"size": 1, "note": "why"}]
    assert [(r.name, r.sample.values) for r in result.ratios] == [("one", (0.5,))]
    assert "not installed (No module named" in result.tables["bad"][0]["note"]


def test_goals_are_ratios_of_what_was_reached():
    rows = [
        {
            "points": 31,
            "noise": 0.025,
            "method": "symdyn",
            "runs": 20,
            "exact": 0.95,
            "coefficient error": 0.02,
            "CPU-seconds": Sample((0.5,)),
        },
        {
            "points": 31,
            "noise": 0.025,
            "method": "PySINDy",
            "runs": 20,
            "exact": 0.1,
            "coefficient error": 0.2,
            "CPU-seconds": Sample((1.0,)),
        },
        {"points": 31, "noise": 0.025, "method": "other", "note": "not installed"},
    ]
    found = {r.name: r.sample.median for r in goals.missing_terms(pd.DataFrame(rows))}
    assert found["31 points, noise 0.025: exact terms / 0.95 of the runs"] == pytest.approx(1)
    assert found["31 points, noise 0.025: exact terms, symdyn / best peer"] == pytest.approx(9.5)
    assert found["31 points, noise 0.025: noise / coefficient error"] == pytest.approx(1.25)
    assert found["31 points, noise 0.025: 1 s / recovery"] == pytest.approx(2)
    learned = pd.DataFrame({"surrogate": ["a", "b", "a"], "noise": [0.0, 0.0, 0.01], "error": [0.02, 0.005, 1e-9]})
    assert [r.sample.median for r in goals.surrogates(learned)] == pytest.approx([2.0])
    assert goals.surrogates(learned[learned["noise"] > 0]) == []
    covered = pd.DataFrame({"case": "c", "noise": 0.01, "exact": [200, 2], "constant": ["a", "b"], "covered": [0.81, 1.0]})
    flows = pd.DataFrame({"system": "a", "noise": 0.01, "method": ["symdyn", "pysindy"], "error": [0.01, 0.03]})
    assert [r.sample.median for r in goals.flows(flows)] == pytest.approx([3.0])  # one system says nothing of all
    everything = pd.DataFrame(
        {"system": map(str, range(70)), "noise": 0.01, "method": "symdyn", "error": [0.001] * 35 + [0.1] * 35}
    )
    assert [r.sample.median for r in goals.flows(everything)] == pytest.approx([35 / 43])
    fields = pd.DataFrame({"equation": "e", "snr": 40, "method": ["symdyn", "pysindy"], "exact": [0.5, 1.0]})
    assert [(r.name, r.sample.median) for r in goals.fields(fields)] == [("e, 40 dB: exact terms", 0.5)]
    runs = pd.DataFrame(
        {"system": range(42), "noise": 0.0, "dropped": 0.0, "method": "symdyn", "exact": [True] * 21 + [False] * 21}
    )
    runs = runs.assign(reconstruction=0.99, generalisation=[0.95] * 20 + [0.5] * 22)
    ratios = [r.sample.median for r in goals.whole_equations(runs)]
    assert ratios == pytest.approx([1.0, 20 / 40, 21 / 38])  # of the 42, 40 and 38 systems that should be
    peer = runs.head(2).assign(method="peer", generalisation=0.0)
    ratios = [r.sample.median for r in goals.whole_equations(pd.concat([runs.head(4), peer]))]
    assert ratios == pytest.approx([1.0, 1.0])  # the peer generalises nowhere
    random = pd.DataFrame({"case": "c", "constant": ["a", "b"], "repeats": [100, 4], "exact": 0.9, "coverage": [0.9, 0.0]})
    assert [(r.name, r.sample.median) for r in goals.stochastic(random)] == [("c: intervals of a that hold / 0.9", 1.0)]
    (held,) = goals.intervals(covered)
    assert held.name == "c, noise 0.01: intervals of a that hold / 0.9"
    assert held.sample.median == pytest.approx(0.9)


def test_goals_of_repairs_and_of_hidden_terms_are_shares_of_the_right_ones():
    mended = pd.DataFrame({"noise": [0.05] * 4, "kind": "added", "exact": [True, True, False, False]})
    assert [r.sample.median for r in goals.repairs(mended)] == pytest.approx([0.5 / (20 / 24)])
    hidden = pd.DataFrame(
        {"law": "two different terms", "noise": [0.01, 0.01, 0.05], "prior": [False, True, False], "exact": [True, False, True]}
    )
    assert [r.sample.median for r in goals.repeats(hidden)] == pytest.approx([20 / 16])  # with the prior there is no goal


def test_two_equations_are_wrong_or_one_where_a_state_is_not_observed():
    sides, start, end = repairs.SYSTEMS["Lorenz"]
    times = np.linspace(0, end, repairs.POINTS)
    values = free_run(rate_function(list(sides), list(sides.values())), start, times)
    for kind, count in (("two equations", 2), ("unobserved", 1)):
        wrong = repairs.corrupted(sides, kind, values, times, np.random.default_rng(3))
        assert sum(scores.monomials(sides[s]) != scores.monomials(e) for s, e in wrong.items()) == count


@pytest.mark.parametrize("kind", [*repairs.CHANGES, "runaway"])
def test_one_thing_is_wrong_in_a_corrupted_system(kind):
    sides, start, end = repairs.SYSTEMS["Brusselator"]
    times = np.linspace(0, end, repairs.POINTS)
    values = free_run(rate_function(list(sides), list(sides.values())), start, times)
    wrong = repairs.corrupted(sides, kind, values, times, np.random.default_rng(3))
    true, declared = ([scores.monomials(e) for e in part.values()] for part in (sides, wrong))
    ((before, after),) = [pair for pair in zip(true, declared, strict=True) if pair[0] != pair[1]]
    gone, new = set(before) - set(after), set(after) - set(before)
    counts = {"rescaled": (0, 0), "deleted": (1, 0), "added": (0, 1), "exchanged": (1, 1), "runaway": (0, 1)}
    assert (len(gone), len(new)) == counts[kind]
    assert sum(before[t] != after[t] for t in set(before) & set(after)) == (kind == "rescaled")


def test_claimed_weights_are_held_against_shares_that_are_right():
    # 10 of 10: the lower end is the 10th root of 0.05; 0 of 5: the upper end is 1 less the 5th root
    assert calibration.band(10, 10) == pytest.approx((0.05**0.1, 1.0))
    assert calibration.band(0, 5) == pytest.approx((0.0, 1 - 0.05**0.2))
    rows = [(0.95, True), (0.92, False), (1.0, True), (0.4, False), (np.nan, False)]
    frame = pd.DataFrame(rows, columns=["weight", "right"]).assign(inside=True, misfit=False, noise=0.01)
    table = calibration.summary(frame)
    assert table["answers"].to_dict() == {"0.3 to 0.6": 1, "0.9 to 1": 3}
    assert table.loc["0.9 to 1", "share"] == pytest.approx(2 / 3)
    assert goals.calibration(frame) == []  # too few
    many = pd.concat([frame] * 5, ignore_index=True)
    assert [r.sample.median for r in goals.calibration(many)] == pytest.approx([2 / 3 / 0.85] * 2)


def test_an_answer_is_right_if_its_terms_are_those_of_the_truth():
    case = calibration.CASES["logistic growth"]
    along, (s,) = {x: np.linspace(0.2, 4, 9)}, case.sides
    assert calibration._right(case, sd.ODESystem({s: 1.1 * s - 0.2 * s**2}), along)
    assert not calibration._right(case, sd.ODESystem({s: 1.1 * s - 0.2 * s**3}), along)


def test_a_state_that_was_not_measured_may_have_another_name_and_scale():
    case = calibration.CASES["a hidden predator, nothing known"]
    prey, hidden = next(iter(case.sides)), sp.Symbol("hidden")
    along = dict(zip(case.sides, np.random.default_rng(0).uniform(0.5, 4, (2, 9)), strict=True))
    found = {prey: 1.3 * prey - hidden * prey, hidden: 0.8 * hidden * prey - 1.8 * hidden}
    assert calibration._right(case, sd.ODESystem(found), along)
    assert not calibration._right(case, sd.ODESystem({**found, hidden: 0.8 * hidden * prey - 1.8}), along)
    assert not calibration._right(case, sd.ODESystem({prey: 1.3 * prey}), along)


def test_every_part_of_the_suite_is_there():
    parts = (*suite.PARTS, suite.WEIGHTS)
    assert len({part.title for part in parts}) == len(parts)
    for part in parts:
        assert importlib.util.find_spec(f"benchmarks.discovery.{part.module}"), part.module


def test_rows_of_odebench_are_kept_and_a_line_that_was_cut_off_is_not(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = Rows(path, odebench_rows.KEY)
    total = len(list(odebench_rows.missing(rows, 2, 0)))
    assert total == (2 * len(odebench.CORRUPTIONS) - 1) * len(odebench.tasks())
    row = {"system": 2, "noise": 0.0, "dropped": 0.0, "seed": 0, "method": "symdyn", "reconstruction": -np.inf}
    rows.add({**row, "generalisation": np.float64(0.1), "exact": np.bool_(True), "seconds": 0.1, "note": ""})
    rows.add({**row, "system": 1, "generalisation": 1.0, "exact": False, "seconds": 0.1, "note": ""})
    written = path.read_bytes()
    path.write_bytes(written[:-10])
    again = Rows(path, odebench_rows.KEY)
    assert [r["system"] for r in again.found.values()] == [2]
    assert again.frame()["reconstruction"].tolist() == [-np.inf]
    assert path.read_bytes() == written.splitlines(keepends=True)[0]
    assert len(list(odebench_rows.missing(again, 2, 0))) == total - 1


def test_rows_of_forecasts_make_tables_and_a_study(tmp_path):
    valid = {"a": [1.0, 2, 2], "b": [5.0, 5, 4]}
    rows = [
        {"flow": flow, "forecaster": name, "points": n, "noise": 0.01, "valid": v, "smape": 1.0, "seconds": 2.0, "note": "",
         "exponent": 0.5, "dimension": 2.1, "period": 2.0}
        for flow, each in valid.items() for n, v in zip((100, 1000, 10000), each, strict=True) for name in ("recover", "linear")
    ]  # fmt: skip
    frame = pd.DataFrame([*rows, {**rows[0], "flow": "c"}])
    assert forecasting.monotone(frame)["monotone"].to_dict() == {(0.01, "a"): True, (0.01, "b"): False}
    found = forecasting.study(frame, 0.01)
    assert found.flow.values.tolist() == ["a", "b"]  # of the third not all is there
    assert float(found.valid_time.sel(flow="b", forecaster="recover", points=10000).squeeze()) == 4.0
    assert "more points never make equations worse on 1 of 2 flows" in forecasting.text(frame, 0.0)
    hybrid = [{**r, "forecaster": "hybrid", "valid": 4.5} for r in rows if r["points"] == 100 and r["forecaster"] == "linear"]
    assert forecasting.ahead(pd.DataFrame([*rows, *hybrid])) == [
        "noise 0.01, 100 points: with all but one equation known further than linear on 1 of 2 flows; not on b"
    ]
    assert forecasting.ahead(frame) == []


def test_peers_foretell_a_flow_from_the_same_points():
    pytest.importorskip("pysindy")
    (found,) = forecasting.rows("sprott_n", ["PySINDy"], 300, [0.0])
    assert found["note"] == ""
    assert found["lower"] <= found["valid"] <= found["upper"]
    assert found["valid"] > 2


def test_noisy_flows_are_judged_by_the_terms_of_lorenz():
    times, values, terms = noisy_flows.lorenz()
    x, y, z = sp.symbols("x0:3")
    assert terms == ({x, y}, {x, y, x * z}, {x * y, z})
    assert times[-1] == 10.0
    np.testing.assert_array_equal(values[0], [-8.0, 8.0, 27.0])
    frame = pd.DataFrame({"system": ["Lorenz", "Lorenz", "Qi"], "noise": [0.1, 0.1, 0.01], "exact": [True, False, True]})
    frame["seconds"] = [1.0, 3.0, 2.0]
    table = noisy_flows.summary(frame)
    assert table.loc[("Lorenz", 0.1), ["runs", "exact", "median seconds", "goal"]].tolist() == [2, 1, 2.0, 18]
    assert table.loc[("ten flows", 0.01), "goal"] == 8


def test_flows_of_dysts_are_their_functions_with_symbols():
    """One with plain arguments, one of arrays, one with methods of its own, one with steps; a delay is named."""
    flows = pytest.importorskip("dysts.flows")
    known = DystsFlows()
    for name in ("Lorenz", "Lorenz96", "Hopfield", "Colpitts"):
        system, own = known[name], getattr(flows, name)()
        point = np.array([float(v) for v in system.initial.values()])
        found = [float(f.subs(dict(zip(system.states, point, strict=True)))) for f in system.drift]
        assert np.allclose(found, np.ravel(own.rhs(point, 0.0)), rtol=1e-12)
    with pytest.raises(KeyError, match="MackeyGlass has a delay"):
        known["MackeyGlass"]
