"""The search for samplers: gains on held-out points, tables equal to those of the method, files, and frontiers."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.codegen.table_runs import TableRunner
from symdyn.errors import DeclarationError
from symdyn.studies._plan_tables import PlanTables
from tests.transport.beds import FIRST, LAST, error, line, ring, steps_for, x, y

t = sp.Symbol("t")


@pytest.fixture(scope="module")
def found():
    flow, start, _ = line(512)
    return sd.studies.sampler_search(flow, nfe=5, span=(FIRST, LAST), initial=start)


def test_a_searched_plan_is_better_on_held_out_points(found):
    # bed A of the sheet: .126 for the best uniform plan, .061 for the searched one
    assert found.uniform_error == pytest.approx(0.126, rel=0.05)
    assert found.gain >= 2
    assert found.held_out_error <= 0.061


@pytest.mark.parametrize(("evaluations", "uniform"), [(7, 0.0514), (10, 0.0635)])
def test_more_evaluations_gain_a_factor_of_three(evaluations, uniform):
    flow, start, _ = line(400)
    best = sd.studies.sampler_search(flow, nfe=evaluations, span=(FIRST, LAST), initial=start, train=200)
    assert best.uniform_error == pytest.approx(uniform, rel=0.01)  # of another program
    assert best.held_out_error <= uniform / 3


def test_the_errors_are_those_of_simulate(found):
    flow, start, exact = line(512)
    assert len(found.nodes) == len(found.plan) + 1 == 6
    out = sd.simulate(flow, [FIRST, LAST], initial={"x": xr.DataArray(start["x"], dims="trajectory")}, trajectories=512,
                      method=found, progress=False)  # fmt: skip
    away = (out.x.values[:, -1] - exact[:, 0]) ** 2
    assert np.sqrt(away[::2].mean()) == pytest.approx(found.train_error, rel=1e-6)
    assert np.sqrt(away[1::2].mean()) == pytest.approx(found.held_out_error, rel=1e-6)
    assert int(out.evaluations.max()) == 5


@pytest.mark.parametrize("system", [
    ring(64)[0],
    sd.ODESystem({x: 3 * (2 - x) + sp.sin(y), y: -5 * y + t * sp.cos(x)}),
])  # fmt: skip
def test_fast_tables_are_those_of_the_method(system):
    runner = TableRunner(system, "planned", np.empty(0), 8)
    first, last = (1.0, 0.01) if system.observables else (0.0, 1.0)
    tables = PlanTables(runner, first, last)
    rng = np.random.default_rng(0)
    nodes = np.concatenate([[first], np.sort(rng.uniform(0.1, 0.9, 6))[:: 1 if first < last else -1], [last]])
    start = rng.normal(size=(8, len(system.states)))
    plan = [tables.choices[k] for k in rng.integers(0, len(tables.choices), 7)]
    expected = runner.run(sd.METHODS["planned"].table(runner.clocks(nodes), {"plan": plan}), start)[:, 0]
    assert tables.run(tables.prepared(nodes), plan, start) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_a_plan_may_be_that_of_a_known_method():
    flow, start, _ = line(64)
    initial = {"x": xr.DataArray(start["x"], dims="trajectory")}
    nodes = sd.transport.nodes(flow, 8, span=(FIRST, LAST))
    for known, step in (("deis-tab3", (4, "time", "noise")), ("dpm-solver++3m", (3, "log-snr", "data"))):
        one = sd.simulate(flow, nodes, initial=initial, trajectories=64, method=known, progress=False)
        two = sd.simulate(
            flow, nodes, initial=initial, trajectories=64, method=sd.methods.Planned(plan=[step] * 8), progress=False
        )
        assert two.x.values == pytest.approx(one.x.values, abs=1e-12)


def test_files_are_read_back_and_damaged_ones_refused(found, tmp_path):
    found.save(tmp_path / "best.json")
    again = sd.studies.SearchedSampler.load(tmp_path / "best.json")
    assert str(again) == str(found)
    assert again.nodes == found.nodes
    content = json.loads((tmp_path / "best.json").read_text())
    for change in ({"plan": [[9, "time", "noise"]] * 5}, {"nodes": content["nodes"][:-1]}, {"train_error": "0"}, {"more": 1},
                   {"format": "other"}, {"nodes": [1, "x"]}):  # fmt: skip
        (tmp_path / "bad.json").write_text(json.dumps({**content, **change}))
        with pytest.raises(DeclarationError):
            sd.studies.SearchedSampler.load(tmp_path / "bad.json")
    (tmp_path / "bad.json").write_bytes(b"\x80\x04")
    with pytest.raises(DeclarationError, match="not JSON"):
        sd.studies.SearchedSampler.load(tmp_path / "bad.json")


def test_fitting_few_points_is_told():
    flow, start, _ = ring(256)
    few = {name: v[100:200] for name, v in start.items()}
    with pytest.warns(UserWarning, match="the search fitted its 1 points"):
        sd.studies.sampler_search(flow, nfe=6, span=(FIRST, LAST), initial=few, train=1)


def test_frontiers_agree_with_simulations():
    flow, start, _ = line(500)
    data = sd.studies.sampler_frontier(flow, evaluations=[6, 12], span=(FIRST, LAST), initial=start,
                                       methods=["dpm-solver++2m", "heun-edm", "pndm"])  # fmt: skip
    for method in data.sampler.values:
        for budget in (6, 12):
            one = data.sel(sampler=method, evaluations=budget)
            if steps_for(method, budget) < 1:
                continue  # fewer steps than the method begins with
            assert float(one.error) == pytest.approx(error(line(500), method, budget, str(one.spacing.item())), rel=1e-5)
    assert data.best.values.tolist() == data.sampler.values[np.nanargmin(data.error.values, axis=0)].tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nfe": 1}, "expected 2 to 64"), ({"train": 64}, "held out"), ({"span": (1, 1)}, "two different"),
        ({"initial": {"z": [1.0]}}, "expected values of x"), ({"nfe": 2.5}, "whole number"),
    ],
)  # fmt: skip
def test_clear_errors(change, message):
    flow, start, _ = line(64)
    given = {"nfe": 4, "span": (FIRST, LAST), "initial": start, "train": 32, **change}
    with pytest.raises(DeclarationError, match=message):
        sd.studies.sampler_search(flow, **given)


@pytest.mark.parametrize("plan", ["time", [(5, "time", "noise")], [(1, "rho", "noise")], [(True, "time", "noise")], 3, [(1,)]])
def test_wrong_plans(plan):
    with pytest.raises(DeclarationError, match="plan"):
        sd.methods.Planned(plan=plan)
