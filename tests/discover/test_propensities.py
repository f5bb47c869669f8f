"""Propensities of networks: against closed forms, samples from the master equation, and exponentials by scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.linalg
import scipy.sparse as ss
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.discover.options import RecoverOptions
from symdyn.inference.counts import observed
from symdyn.models.events import Event
from symdyn.projection.rational import Generators, carried

X, Y, c, k = sp.symbols("X Y c k")
f = sp.Function("f")
BIRTH, DEATH = ({}, {X: 1}, f(X)), ({X: 1}, {}, c)
UNKNOWN = sd.ReactionNetwork([BIRTH, DEATH], {c: 1.0}, initial={X: 0})
FREE = sd.ReactionNetwork([BIRTH, DEATH], initial={X: 0})
FEEDBACK = UNKNOWN.with_terms({f(X): 50 * 15**2 / (15**2 + X**2)})
TIMES = (0.5, 1.0, 2.0, 4.0, 8.0)


def quick(system, data, **options):
    return sd.recover(system, data, **{"progress": False, **options})


def cells(network, times, number, seed, top=90):
    """Independent cells at each time, drawn from the distribution of the master equation."""
    rng = np.random.default_rng(seed)
    found = network.master_equation({X: top}).transient(list(times))
    rows = []
    for t in times:
        p = np.maximum(found.sel(time=t).values, 0)
        rows.append(pd.DataFrame({"time": t, "X": rng.choice(top + 1, number, p=p / p.sum())}))
    return pd.concat(rows, ignore_index=True)


def jumps(birth, death, end, seed, start=0):
    """Every jump of a birth-death process, by Gillespie's method, and the end of the observation."""
    rng, n, t, rows = np.random.default_rng(seed), start, 0.0, [(0.0, start)]
    while True:
        up, down = birth(n), death(n)
        t += rng.exponential(1 / (up + down))
        if t > end:
            return pd.DataFrame([*rows, (end, n)], columns=["time", "X"])
        n += 1 if rng.random() < up / (up + down) else -1
        rows.append((t, n))


# ---- the exponential ------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [1, 20])
def test_distributions_and_their_slopes_agree_with_the_matrix_exponential(jump):
    n, numbers = 60, np.arange(60.0)
    ones = np.ones(n)
    up = ss.csc_array(ss.diags_array([-ones, ones[jump:]], offsets=[0, -jump]))
    down = ss.csc_array(ss.diags_array([-ones, ones[1:]], offsets=[0, 1]))
    generators = Generators([up, down])
    assert generators.banded == (jump == 1)

    def whole(a, b):
        return up.toarray() * (a * ones) + down.toarray() * (b * numbers)

    start = np.eye(n)[:, [0, 7]]
    for time in (0.01, 1.0, 30.0):
        data = generators.data([8 / jump * ones, numbers])
        slopes = np.stack([generators.data([ones, 0 * ones]), generators.data([0 * ones, numbers])])
        p, dp = carried(generators, data, slopes, start, np.zeros((2, n, 2)), time, pieces=1 if jump == 1 else 4)
        exact = [scipy.linalg.expm(whole(8 / jump + a, 1 + b) * time) @ start for a, b in ((0, 0), (1e-5, 0), (-1e-5, 0))]
        assert p == pytest.approx(exact[0], abs=1e-10)  # eigenvalues of the long jumps are far from real
        assert dp[0] == pytest.approx((exact[1] - exact[2]) / 2e-5, abs=1e-7)
        again, _ = carried(generators, data, slopes, start, np.zeros((2, n, 2)), time, pieces=7)
        assert again == pytest.approx(p, abs=1e-10)


# ---- paths ----------------------------------------------------------------------------------------


def test_complete_paths_give_jumps_over_time():
    data = jumps(lambda n: 6.0, lambda n: 0.5 * n, 100.0, 1)
    found = quick(FREE, data, library=[sp.S.One])
    steps, waits = np.diff(data["X"]), np.diff(data["time"])
    births, deaths, integral = (steps == 1).sum(), (steps == -1).sum(), waits @ data["X"][:-1]
    table = found.intervals.set_index("constant")
    assert found.counts.kind == "complete"
    assert table["value"]["f_1"] == pytest.approx(births / 100.0, rel=1e-6)
    assert table["value"]["c"] == pytest.approx(deaths / integral, rel=1e-6)
    # the standard error of a Poisson rate; intervals are symmetric in the logarithm
    assert table["standard error"]["f_1"] == pytest.approx(np.sqrt(births) / 100.0, rel=1e-6)
    assert table["lower"]["f_1"] * table["upper"]["f_1"] == pytest.approx(table["value"]["f_1"] ** 2, rel=1e-9)
    n = np.asarray(data["X"][:-1], dtype=float)
    rates = births / 100.0, deaths / integral
    likelihood = births * np.log(rates[0]) + np.log(rates[1] * n[steps == -1]).sum() - rates[0] * 100.0 - rates[1] * integral
    assert found.table["log_likelihood"][0] == pytest.approx(likelihood, abs=1e-6)


def test_shapes_are_told_apart_by_complete_paths():
    rates = {
        "a constant": (lambda n: 8.0, sp.S.One),
        "saturation": (lambda n: 1.0 + 30.0 * n / (10 + n), None),
        "mass action": (lambda n: 2.0 + 0.7 * n, {sp.S.One, X}),
    }
    for seed, (birth, shape) in enumerate(rates.values()):
        found = quick(UNKNOWN, jumps(birth, lambda n: float(n), 300.0, seed))
        if shape is None:
            at = found.terms[f].subs(X, 20)
            assert float(at) == pytest.approx(birth(20), rel=0.1)
        else:
            assert set(found.terms[f].as_coefficients_dict()) == (shape if isinstance(shape, set) else {shape})


def test_paths_at_some_times_have_the_likelihood_of_their_transition_matrix():
    data = jumps(lambda n: 6.0, lambda n: 0.5 * n, 60.0, 2, start=10)
    grid = np.arange(0, 60.01, 0.4)
    values = data["X"].to_numpy()[np.searchsorted(data["time"], grid, side="right") - 1]
    found = quick(FREE, {"t": grid, "X": values}, library=[sp.S.One])
    assert found.counts.kind == "sampled"
    a, b = found.intervals["value"]
    n = 80
    generator = np.diag(np.full(n - 1, a), -1) + np.diag(b * np.arange(1, n), 1)
    generator -= np.diag(a + b * np.arange(n))

    def likelihood(a, b):
        up, down = np.full(n - 1, a), b * np.arange(1, n)
        matrix = np.diag(up, -1) + np.diag(down, 1) - np.diag(a + b * np.arange(n))
        return float(np.log(scipy.linalg.expm(0.4 * matrix)[values[1:], values[:-1]]).sum())

    best = likelihood(a, b)
    assert found.table["log_likelihood"][0] == pytest.approx(best, abs=1e-4)
    for factor in ((1.05, 1.0), (0.95, 1.0), (1.0, 1.05), (1.0, 0.95)):
        assert likelihood(a * factor[0], b * factor[1]) < best
    table = found.intervals.set_index("constant")
    assert table["lower"]["c"] < 0.5 < table["upper"]["c"]


def test_simulated_paths_in_a_dataset_are_followed():
    run = sd.simulate(FEEDBACK, np.linspace(0, 4, 9), trajectories=120, seed=1, progress=False)
    found = quick(UNKNOWN, run[["X"]])
    assert found.counts.kind == "sampled"
    assert len(found.counts.trajectories) == 120
    assert "X**2" in str(found.terms[f])
    assert float(found.terms[f].subs(X, 15)) == pytest.approx(25.0, rel=0.1)


# ---- cells that are not followed ------------------------------------------------------------------


def test_hill_feedback_from_snapshots():
    found = quick(UNKNOWN, cells(FEEDBACK, TIMES, 400, 1))
    assert found.counts.kind == "snapshots"
    assert found.counts.size == 2000
    assert sp.simplify(found.formulas[f] - sp.Symbol("f_1") * sp.Symbol("f_K") ** 2 / (sp.Symbol("f_K") ** 2 + X**2)) == 0
    table = found.intervals.set_index("constant")
    for name, truth in {"f_1": 50.0, "f_K": 15.0}.items():
        assert abs(np.log(table["value"][name] / truth)) < 4 * table["standard error"][name] / table["value"][name]
    assert found.inclusion["term"][0] == "f_K**2/(X**2 + f_K**2)"
    assert found.identifiability.rank == 2
    run = sd.simulate(found.system, [0.0, 8.0], trajectories=200, seed=0, progress=False)
    exact = FEEDBACK.master_equation({X: 90}).transient(8.0)
    assert float(run.X[:, -1].mean()) == pytest.approx(float((exact * exact.X).sum()), abs=1.5)
    figure = found.plot()
    assert len(figure.axes) == 3  # the propensity with a histogram behind it, and the snapshots
    drawn = found.sample(30, seed=1)["parameters"]
    assert (drawn["f_1"] > 0).all()
    assert drawn["f_1"].std() > 0


def test_datasets_of_cells_are_snapshots_and_a_first_one_may_replace_initial_numbers():
    table = cells(FEEDBACK, TIMES, 300, 2)
    values = np.stack([table["X"][table["time"] == t] for t in TIMES], axis=1)
    data = xr.Dataset({"X": (("cell", "time"), values)}, coords={"time": list(TIMES)})
    assert quick(UNKNOWN, data).terms == quick(UNKNOWN, table).terms
    open_start = sd.ReactionNetwork([BIRTH, DEATH], {c: 1.0})
    found = quick(open_start, table, library=[k**2 / (k**2 + X**2)])
    assert float(found.terms[f].subs(X, 15)) == pytest.approx(25.0, rel=0.1)


def test_cells_may_be_rows_with_dates():
    dates = pd.to_datetime(["2021-03-01", "2021-03-02", "2021-03-01", "2021-03-02"])
    table = pd.DataFrame({"day": dates, "X": [3, 5, 4, np.nan]})
    long = xr.Dataset({"X": ("cell", table["X"])}, {"time": ("cell", dates)})
    for data in (table, long):
        seen = observed(UNKNOWN, data)
        assert seen.kind == "snapshots"
        assert [(t, v.ravel().tolist()) for t, v in seen.snapshots] == [(0, [3, 4]), (1, [5])]
        assert seen.notes == ("times are days since 2021-03-01",)
    with pytest.raises(sd.RecoveryError, match="the data mix snapshots of cells and paths"):
        observed(UNKNOWN, [{"t": [0, 0], "X": [1, 2]}, {"t": [0, 1], "X": [1, 2]}])


def test_species_that_are_not_seen_are_summed_over():
    table = cells(FEEDBACK, TIMES[:3], 200, 3)
    beside = sd.ReactionNetwork(
        [BIRTH, DEATH, ({}, {Y: 1}, 1.0), ({Y: 1}, {}, 1.0)], {c: 1.0}, initial={X: 0, Y: 0}
    )  # fmt: skip
    library = [k**2 / (k**2 + X**2)]
    both = quick(beside, table, library=library, bounds={Y: (0, 12)})
    alone = quick(UNKNOWN, table, library=library)
    assert both.table["log_likelihood"][0] == pytest.approx(alone.table["log_likelihood"][0], abs=1e-3)
    assert both.intervals["value"].to_numpy() == pytest.approx(alone.intervals["value"].to_numpy(), rel=1e-4)


def test_cells_at_rest_do_not_tell_how_fast_they_came_there():
    table = cells(UNKNOWN.with_terms({f(X): 10}), [40.0], 500, 4)
    found = quick(FREE, table, library=[sp.S.One])
    assert (found.identifiability.fitted, found.identifiability.rank) == (2, 1)
    assert np.isinf(found.intervals["upper"]).all()
    assert "the data determine 1 of 2" in repr(found)
    rate, decay = found.intervals["value"]
    assert rate / decay * (1 - np.exp(-40 * decay)) == pytest.approx(table["X"].mean(), rel=1e-5)  # of a Poisson law


def test_large_numbers_are_normal():
    rng = np.random.default_rng(5)
    times = np.array([0.5, 1.0, 2.0, 5.0])
    rows = [pd.DataFrame({"t": t, **{s: rng.poisson(400 * (1 - np.exp(-t)), 200) for s in "XY"}}) for t in times]
    network = sd.ReactionNetwork(
        [BIRTH, DEATH, ({}, {Y: 1}, 400.0), ({Y: 1}, {}, 1.0)], initial={X: 0, Y: 0}
    )  # fmt: skip
    found = quick(network, pd.concat(rows), library=[sp.S.One])
    assert "too many states" in found.warnings[0]
    table = found.intervals.set_index("constant")
    for name, truth in {"f_1": 400.0, "c": 1.0}.items():
        assert abs(table["value"][name] - truth) < 4 * table["standard error"][name]
    path = sd.simulate(network.with_terms({f: 400}), np.linspace(0, 30, 61), parameters={c: 1.0}, seed=1, progress=False)
    sampled = quick(network, path[["X", "Y"]], library=[sp.S.One]).intervals.set_index("constant")
    for name, truth in {"f_1": 400.0, "c": 1.0}.items():
        assert abs(sampled["value"][name] - truth) < 4 * sampled["standard error"][name]


def test_no_model_has_more_terms_than_asked_for():
    data = jumps(lambda n: 2.0 + 0.7 * n, lambda n: float(n), 300.0, 2)
    found = quick(UNKNOWN, data, library=[sp.S.One, 1 / (1 + X), k / (k + X)], options=RecoverOptions(largest=1))
    assert len(found.systems) == 3
    assert not any(system.propensities[0].is_Add for system in found.systems)
    both = sd.ReactionNetwork([BIRTH, ({X: 1}, {}, sp.Function("g")(X))], initial={X: 0})
    with pytest.raises(sd.RecoveryError, match=r"largest is 1, but f\(X\), g\(X\) need a term each; expected 2 or more"):
        quick(both, data, options=RecoverOptions(largest=1))


def test_terms_that_the_data_do_not_determine_are_ranked_last():
    # all numbers are far above the thresholds that fit: the saturating terms are the constant, with any threshold
    found = quick(UNKNOWN, jumps(lambda n: 400.0, lambda n: float(n), 20.0, 2, start=400))
    assert found.terms[f].is_Float
    assert np.isfinite(found.intervals[["lower", "upper"]].to_numpy()).all()


def test_a_box_that_is_too_small_is_noticed():
    table = cells(FEEDBACK, TIMES, 100, 6)
    found = quick(UNKNOWN, table, library=[sp.S.One], bounds={X: (0, int(table["X"].max()))})
    assert "leaves the box" in " ".join(found.warnings)


def test_a_budget_ends_the_search():
    found = quick(UNKNOWN, cells(FEEDBACK, TIMES, 100, 6), budget=1e-6)
    assert not found.complete
    assert "budget" in found.warnings[0]


TABLE = pd.DataFrame({"t": [1.0, 1.0, 2.0, 2.0], "X": [1, 2, 3, 4]})


@pytest.mark.parametrize(
    ("network", "data", "options", "message"),
    [
        (FEEDBACK, TABLE, {}, "no unknown propensity"),
        (UNKNOWN, TABLE.assign(X=0.5), {}, "hold 0.5 of X; expected numbers of molecules"),
        (UNKNOWN, TABLE.assign(X=-1), {}, "hold -1 of X"),
        (UNKNOWN, TABLE.rename(columns={"X": "Z"}), {}, "no column of the data is a species"),
        (UNKNOWN, [TABLE, {"t": [0, 1], "X": [1, 2]}], {}, "mix snapshots of cells and paths"),
        (UNKNOWN, TABLE, {"bounds": {X: (0, 3)}}, "more than its bound of 3"),
        (UNKNOWN, TABLE.assign(t=0.0), {}, "no snapshot after the time 0"),
        (sd.ReactionNetwork([BIRTH, DEATH], {c: 1.0}), TABLE.assign(t=1.0), {}, "no snapshot after the time 1"),
        (sd.ReactionNetwork([BIRTH, ({X: 1}, {Y: 1}, c)], {c: 1.0}, initial={X: 0, Y: 0}), TABLE, {}, "Y is not in the data"),
        (sd.ReactionNetwork([BIRTH, ({X: 1}, {Y: 1}, c)], {c: 1.0}), TABLE, {"bounds": {Y: (0, 9)}}, "no initial numbers"),
        (sd.ReactionNetwork([BIRTH, ({X: 1}, {Y: 1}, c)], {c: 1.0}), {"t": [0, 1], "X": [1, 2]}, {}, "path does not hold Y"),
        (sd.ReactionNetwork([BIRTH, ({X: 1}, {}, c * sp.Symbol("t"))], {c: 1}), TABLE, {}, "depends on time"),
        (sd.ReactionNetwork([BIRTH, DEATH], events=[Event(X > 9, {X: 0})]), TABLE, {}, "has events"),
        (sd.ReactionNetwork([({}, {X: 1}, f(2 * X)), DEATH], {c: 1}, initial={X: 0}), TABLE, {}, "there is no library"),
    ],
)  # fmt: skip
def test_errors(network, data, options, message):
    with pytest.raises(sd.RecoveryError, match=message):
        quick(network, data, **options)
