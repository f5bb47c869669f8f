"""Fitting and choosing with the simulation in the loop: criterion, windows, parameters, intervals, errors."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.discover.evidence import errors
from symdyn.inference.criterion import criterion, weights
from symdyn.inference.data import observations
from symdyn.inference.shooting import windows

x, y, a, b, c, d, t = sp.symbols("x y a b c d t")
DECAY = sd.ODESystem({x: -a * x})
PREDATION = sd.ODESystem({x: a * x - b * x * y, y: c * x * y - d * y})
TRUTH = {"a": 1.0, "b": 0.5, "c": 0.3, "d": 0.8}


def predation(times, initial):
    run = sd.simulate(PREDATION, times, initial={x: initial[0], y: initial[1]}, parameters=TRUTH, rtol=1e-11, progress=False)
    return {"t": times, "x": run.x.values.ravel(), "y": run.y.values.ravel()}


def test_windows_cover_the_data_share_their_ends_and_nest():
    times = np.array([0, 1, 2, 3, 4.5, 6, 7, 8, 9.0])
    seen = observations(DECAY, [{"t": times, "x": np.exp(-times)}, {"t": times[:3], "x": np.exp(-times[:3])}])
    four, two = windows(seen, 4), windows(seen, 2)
    assert {tuple(o) for o in two.origins} <= {tuple(o) for o in four.origins}
    assert four.count == 5  # three points hold one window
    assert four.size == seen.size + 3
    rebuilt = {k: set() for k in (0, 1)}
    for members, shared in four.groups:
        for v in members:
            have = np.isfinite(four.values[v, :, 0])
            rebuilt[four.origins[v, 0]] |= set((four.first[v] + shared[: have.sum()]).tolist())
            np.testing.assert_allclose(four.values[v, have, 0], np.exp(-(four.first[v] + shared[: have.sum()])))
    assert rebuilt == {0: set(times.tolist()), 1: {0.0, 1.0, 2.0}}


def test_criterion_prefers_the_smaller_of_equal_fits_and_gives_up_on_too_few_data():
    options = {"library": 10, "floor": 0.0}
    small = criterion(5.0, 50, 2, 3, terms=1, **options)
    assert small < criterion(5.0, 50, 2, 4, terms=2, **options) < criterion(np.inf, 50, 2, 4, terms=2, **options)
    # twenty-fold smaller sums of squares pay for a term; n log(20) is about 144
    assert criterion(0.25, 50, 2, 4, terms=2, **options) < small
    assert criterion(5.0, 8, 2, 4, terms=1, **options) == np.inf
    # by hand: n = 48, k = 3, 48/(48 - 5) * 3 log 48 + 2 log 10
    assert small == pytest.approx(48 * np.log(5 / 48) + 48 / 43 * 3 * np.log(48) + 2 * np.log(10))
    assert weights([3.0, 5.0]).tolist() == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))])


def test_exact_data_give_exact_parameters_from_nothing():
    fit = sd.fit(PREDATION, predation(np.linspace(0, 12, 25), [2.0, 1.0]))
    found = fit.intervals.set_index("constant")["value"]
    for name, value in TRUTH.items():
        assert found[name] == pytest.approx(value, rel=1e-5)
    assert found["x(0)"] == pytest.approx(2.0, rel=1e-5)
    assert fit.rank == fit.count == 6
    assert fit.system.defaults[a] == found["a"]
    assert "a, b, c, d fitted to 50 data" in fit.system.provenance[-1]


def test_parameters_are_shared_by_trajectories_and_missing_values_are_skipped():
    runs = [predation(np.linspace(0, 5, 11), [2.0, 1.0]), predation(np.linspace(0, 7, 18), [0.5, 2.0])]
    runs[0]["x"][::2] = np.nan
    runs[1]["y"][3:9] = np.nan
    fit = sd.fit(PREDATION, runs)
    assert fit.starts == pytest.approx(np.array([[2.0, 1.0], [0.5, 2.0]]), rel=1e-4)
    for name, value in TRUTH.items():
        assert fit.system.defaults[sp.Symbol(name)] == pytest.approx(value, rel=1e-4)


def test_an_unobserved_state_is_simulated_along():
    # x'' = -a x seen through x alone: a = 4, speed at the start -1
    oscillator = sd.ODESystem({x: y, y: -a * x})
    times = np.linspace(0, 3, 31)
    fit = sd.fit(oscillator, {"t": times, "x": np.cos(2 * times) - 0.5 * np.sin(2 * times)})
    assert fit.system.defaults[a] == pytest.approx(4.0, rel=1e-4)
    assert fit.starts[0] == pytest.approx([1.0, -1.0], rel=1e-4)
    assert list(fit.noise.index) == ["x"]


def test_time_dependent_systems_keep_their_clock_in_every_window():
    # x' = a cos t, x = a sin t from t = 2
    times = np.linspace(2, 9, 29)
    fit = sd.fit(sd.ODESystem({x: a * sp.cos(t)}), {"t": times, "x": 3 * np.sin(times)})
    assert fit.system.defaults[a] == pytest.approx(3.0, rel=1e-5)


def test_intervals_are_those_of_linear_regression():
    # x' = a has the solution x0 + a t: slope and intercept have textbook standard errors
    times, rng = np.linspace(0, 4, 20), np.random.RandomState(1)
    values = 1 + 0.5 * times + 0.1 * rng.randn(20)
    fit = sd.fit(sd.ODESystem({x: a + 0 * x}), {"t": times, "x": values})
    design = np.stack([times, np.ones(20)], axis=1)
    solution, rss = np.linalg.lstsq(design, values, rcond=None)[:2]
    covariance = rss[0] / 18 * np.linalg.inv(design.T @ design)
    table = fit.intervals
    np.testing.assert_allclose(table["value"], solution, rtol=1e-5)
    np.testing.assert_allclose(table["standard error"], np.sqrt(np.diag(covariance)), rtol=1e-4)
    reach = 1.734063606617536  # 95 % point of Student's t with 18 degrees of freedom
    np.testing.assert_allclose(table["upper"] - table["value"], reach * table["standard error"], rtol=1e-9)


def test_intervals_cover_the_truth_as_often_as_they_say():
    times, covered = np.linspace(0, 2, 15), 0
    for seed in range(40):
        values = 2 * np.exp(-0.8 * times) + 0.05 * np.random.RandomState(seed).randn(15)
        row = sd.fit(DECAY, {"t": times, "x": values}, guesses={a: 1.0}).intervals.iloc[0]
        covered += row["lower"] <= 0.8 <= row["upper"]
    assert 30 <= covered <= 40  # binomial(40, 0.9): outside with probability 0.003


@pytest.mark.parametrize(("noise", "error"), [(0.0, 1e-3), (0.05, 0.0075), (0.1, 0.015)])
def test_chaos_is_fitted_from_values_far_away(noise, error):
    # Lorenz's system at 25 points from the guess (1, 1, 1), as the inverse problem of DeepXDE
    z, s, r_ = sp.symbols("z s r")
    lorenz = sd.ODESystem({x: s * (y - x), y: x * (r_ - z) - y, z: x * y - b * z})
    times, truth = np.linspace(0, 3, 25), {s: 10, r_: 15, b: 8 / 3}
    run = sd.simulate(lorenz, times, initial={x: -8, y: 7, z: 27}, parameters=truth, rtol=1e-10, progress=False)
    random = np.random.RandomState(0)
    data = {"t": times} | {q: v + noise * v.std() * random.randn(25) for q in "xyz" for v in [run[q].values]}
    fit = sd.fit(lorenz, data, guesses=dict.fromkeys(truth, 1.0), parameters={x: (-8, -8), y: (7, 7), z: (27, 27)})
    for p, value in truth.items():
        assert fit.system.defaults[p] == pytest.approx(value, rel=error)


def test_noise_that_grows_with_the_values_weighs_them():
    # exponential decay over three powers of ten with 5 % of every value: a straight line in the logarithm
    times, deviations, errors_ = np.linspace(0, 7, 30), [], []
    for seed in range(8):
        values = 2 * np.exp(-times) * (1 + 0.05 * np.random.RandomState(seed).randn(30))
        row = sd.fit(DECAY, {"t": times, "x": values}, guesses={a: 1.0}).intervals.iloc[0]
        deviations.append(row["standard error"])
        errors_.append(row["value"] - 1)
    exact = 0.05 / np.sqrt(np.sum((times - times.mean()) ** 2))
    assert np.median(deviations) == pytest.approx(exact, rel=0.25)
    assert np.sqrt(np.mean(np.square(errors_))) < 2 * exact


def test_what_cannot_be_told_apart_has_no_finite_interval():
    times = np.linspace(0, 2, 12)
    fit = sd.fit(sd.ODESystem({x: -(a + b) * x}), {"t": times, "x": np.exp(-times)})
    assert fit.rank == 2
    assert fit.count == 3
    table = fit.intervals.set_index("constant")
    assert np.isinf(table.loc[["a", "b"], "standard error"]).all()
    assert np.isfinite(table.loc["x(0)", "standard error"])
    assert fit.system.defaults[a] + fit.system.defaults[b] == pytest.approx(1.0, rel=1e-4)


def test_bounds_hold_and_known_parameters_stay():
    data = {"t": np.linspace(0, 2, 12), "x": 3 * np.exp(-np.linspace(0, 2, 12))}
    held = sd.fit(DECAY, data, parameters={"a": (0.1, 0.7), x: (None, 2.5)})
    assert held.system.defaults[a] == pytest.approx(0.7)
    assert held.starts[0, 0] == pytest.approx(2.5)
    known = DECAY.with_parameters({a: 0.5})
    assert sd.fit(known, data).system.defaults[a] == 0.5
    assert sd.fit(known, data, parameters=["a"]).system.defaults[a] == pytest.approx(1.0, rel=1e-5)


def test_errors_one_step_ahead_and_running_free():
    # x' = 0 predicts the last value one step ahead, and the first value for ever
    still = sd.ODESystem({x: -a * x}, parameters={a: 0.0}, initial={x: 1.0})
    table = errors(still, {"t": [0, 1, 2, 3, 4], "x": [1.0, 2.0, 4.0, 7.0, 11.0]}, heldout=0.4)
    table = table.set_index(["part", "kind"])
    scale = np.sqrt((1 + 4 + 16) / 3)
    assert table.loc[("train", "one-step"), "x"] == pytest.approx(np.sqrt((1 + 4) / 2))
    assert table.loc[("train", "free-run"), "x"] == pytest.approx(np.sqrt((0 + 1 + 9) / 3))
    assert table.loc[("heldout", "one-step"), "x"] == pytest.approx(np.sqrt((9 + 16) / 2))
    assert table.loc[("heldout", "free-run"), "relative"] == pytest.approx(np.sqrt((36 + 100) / 2) / scale)
    assert table["points"].tolist() == [2, 3, 2, 2]


def test_errors_follow_the_clock_of_the_system():
    forced = sd.ODESystem({x: sp.cos(t)}, initial={x: np.sin(1.0)})
    times = np.linspace(1, 5, 9)
    assert errors(forced, {"t": times, "x": np.sin(times)})["relative"].max() < 1e-5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda data: sd.fit(sd.ODESystem({x: sp.Function("f")(x)}), data), r"unknown terms \(f\(x\)\)"),
        (lambda data: sd.fit(DECAY, data, parameters={"a": 3}), "expected a pair"),
        (lambda data: sd.fit(DECAY, data, parameters={"a": (2, 1)}), "first must be below the second"),
        (lambda data: sd.fit(DECAY, data, level=90), "level of the intervals is 90"),
        (
            lambda data: sd.fit(sd.ODESystem({x: b - a * x}), {k: v[:4] for k, v in data.items()}),
            "4 data cannot tell 2 parameters and 1 initial values; expected 3 data more than these at least",
        ),
        (
            lambda data: sd.fit(sd.ODESystem({x: -a * x}, observables={"z": b * x}), data),
            "the parameter b does not enter the equations of the states, so their data cannot tell it; give it a value",
        ),
        (lambda data: errors(DECAY, data), "no value of the parameter a"),
        (lambda data: errors(DECAY.with_parameters(a=1), data), "no initial value of x"),
        (lambda data: sd.fit(sd.ODESystem({x: a * sp.log(-1 - x**2)}), data), "no simulation of the system"),
    ],
)
def test_errors_say_what_is_missing(call, message):
    with pytest.raises(sd.RecoveryError, match=message):
        call({"t": np.linspace(0, 2, 12), "x": np.exp(-np.linspace(0, 2, 12))})
