"""Profile likelihoods and bootstraps: linear problems have exact answers, and truths are covered as often as is said."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy import stats
from scipy.optimize import least_squares
from scipy.stats import f as fisher

import symdyn as sd
from symdyn.inference.fit_problem import FittedColumn

N, x, y, a, b, r, K = sp.symbols("N x y a b r K")
DRIFT = sd.DiscreteSystem({x: x + a})  # x = x0 + a t: a straight line
DECAY = sd.ODESystem({x: -a * x})
RICKER = sd.DiscreteSystem({N: N * sp.exp(r * (1 - N / K))})


def line(seed, count=15):
    t = np.arange(float(count))
    return {"t": t, "x": 1 + 0.5 * t + 0.3 * np.random.RandomState(seed).randn(count)}


def regression(data):
    """Slope, its standard error, and the residual sum of squares, by the textbook."""
    design = np.stack([data["t"], np.ones(len(data["t"]))], axis=1)
    solution, rss = np.linalg.lstsq(design, data["x"], rcond=None)[:2]
    covariance = rss[0] / (len(design) - 2) * np.linalg.inv(design.T @ design)
    return solution[0], np.sqrt(covariance[0, 0]), rss[0]


@pytest.mark.parametrize("system", [DRIFT, sd.ODESystem({x: a + 0 * x})])
def test_the_profile_of_a_straight_line_is_the_parabola_of_regression(system):
    slope, error, _ = regression(line(0))
    found = sd.fit(system, line(0)).profile(a)
    assert float(found.estimate) == pytest.approx(slope, rel=1e-6)
    squares = 1 + ((found.value - slope) / error) ** 2 / 13  # 15 data less two fitted values, over the least
    np.testing.assert_allclose(found.ratio, 15 * np.log(squares), rtol=1e-3, atol=1e-3)
    reach = 1.7709333959868  # 95 % point of Student's t with 13 degrees of freedom
    assert float(found.upper) == pytest.approx(slope + reach * error, rel=1e-4)
    assert float(found.lower) == pytest.approx(slope - reach * error, rel=1e-4)
    best = found.sel(value=float(found.estimate))
    assert float(found.threshold) == pytest.approx(15 * np.log(1 + reach**2 / 13), rel=1e-6)
    assert float(best.refitted.sel(constant="a")) == pytest.approx(slope, rel=1e-6)


def test_intervals_cover_the_truth_as_often_as_they_say():
    covered = 0
    for seed in range(40):
        found = sd.fit(DRIFT, line(seed), starts=2).profile(a, points=21)
        covered += float(found.lower) <= 0.5 <= float(found.upper)
    assert 30 <= covered <= 40  # binomial(40, 0.9): outside with probability 0.003


def test_a_profile_of_a_curved_problem_is_not_symmetric_and_does_not_mind_the_form():
    # growth that has hardly begun to saturate leaves K open to one side
    t = np.arange(9.0)
    data = {"t": t, "N": 100 / (1 + 99 * 2.0**-t) * (1 + 0.05 * np.random.RandomState(3).randn(9))}
    beverton = sd.DiscreteSystem({N: r * N / (1 + (r - 1) * N / K)})
    inverse = sd.DiscreteSystem({N: r * N / (1 + (r - 1) * N * b)})
    bounds = {r: (1.01, 5), K: (1, 1e5), b: (1e-5, 1)}
    first = sd.fit(beverton, data, parameters={k: bounds[k] for k in (r, K)}).profile(K)
    other = sd.fit(inverse, data, parameters={k: bounds[k] for k in (r, b)}).profile(b)
    assert float(first.upper) - float(first.estimate) > 1.2 * (float(first.estimate) - float(first.lower))
    assert 1 / float(other.lower) == pytest.approx(float(first.upper), rel=0.02)
    assert 1 / float(other.upper) == pytest.approx(float(first.lower), rel=0.02)


def test_what_the_data_do_not_tell_stays_open():
    t = np.arange(12.0)
    data = {"t": t, "x": 0.8**t * (1 + 0.01 * np.random.RandomState(0).randn(12))}
    product = sd.DiscreteSystem({x: a * b * x})
    found = sd.fit(product, data).profile(a)
    assert np.isneginf(found.lower)
    assert np.isposinf(found.upper)
    half = sd.fit(product, data, parameters={a: (0.1, None), b: (0.2, None)}).profile(a)
    assert float(half.lower) == 0.1  # as far as the bound lets it go
    assert float(half.upper) == pytest.approx(0.8 / 0.2, rel=0.02)


LOGISTIC = sd.ODESystem({x: r * x * (1 - x / K)})


def saturating(seed):
    """Ten noisy points of the logistic with r = 0.8, K = 100, x(0) = 5, which has just begun to saturate."""
    t = np.linspace(0, 4.5, 10)
    return {"t": t, "x": 100 / (1 + 19 * np.exp(-0.8 * t)) + 4 * np.random.RandomState(seed).randn(10)}


def least_squares_at(data, capacity):
    """The least sum of squares with K held, by the closed form, from several beginnings."""

    def residuals(q):
        return capacity / (1 + (capacity / q[1] - 1) * np.exp(-q[0] * data["t"])) - data["x"]

    begun = ((0.8, 5), (0.5, 10), (1.2, 3), (0.4, 20))
    return min(2 * least_squares(residuals, q, x_scale=q, bounds=(1e-3, np.inf)).cost for q in begun)


@pytest.mark.parametrize("seed", [1012, 1032, 1038])
def test_the_ends_of_a_flat_profile_are_where_the_sum_of_squares_says(seed):
    # S hardly falls from some hundreds on, and steeply rises at the lower end
    data = saturating(seed)
    found = sd.fit(LOGISTIC, data, parameters={r: (0.01, None), K: (1, None)}).profile(K)
    least = min(least_squares_at(data, v) for v in (*np.geomspace(50, 1e8, 60), float(found.estimate)))
    ends = least * (1 + fisher.ppf(0.9, 1, 7) / 7)  # 10 data less r, K and x(0)
    assert least_squares_at(data, float(found.estimate)) == pytest.approx(least, rel=1e-4)
    assert least_squares_at(data, float(found.lower)) == pytest.approx(ends, rel=0.01)
    assert (least_squares_at(data, 1e8) > ends) == np.isfinite(found.upper)
    if np.isfinite(found.upper):
        assert least_squares_at(data, float(found.upper)) == pytest.approx(ends, rel=0.01)


def test_values_may_be_given_and_the_others_are_fitted_again():
    data = {"t": np.linspace(0, 2, 12), "x": 3 * np.exp(-np.linspace(0, 2, 12))}
    found = sd.fit(DECAY, data, parameters={x: (0, None)}).profile("a", values=[0.8, 1.2])
    np.testing.assert_allclose(found.value, [0.8, 1.0, 1.2], rtol=1e-5)
    # of x0 exp(-a t) with a held the best x0 is a projection
    for value in (0.8, 1.2):
        fall = 12 * np.log(_rest(data, value) / _rest(data, 0.8))
        assert float(found.ratio.sel(value=value) - found.ratio[0]) == pytest.approx(fall, abs=1e-3)


def _rest(data, value):
    shape = np.exp(-value * data["t"])
    return float(np.sum((data["x"] - shape * (shape @ data["x"]) / (shape @ shape)) ** 2))


# ---- bootstrap -----------------------------------------------------------------------------------


@pytest.mark.parametrize("parametric", [False, True])
def test_the_bootstrap_of_a_straight_line_has_the_errors_of_regression(parametric):
    slope, error, _ = regression(line(1, 30))
    samples = sd.fit(DRIFT, line(1, 30)).bootstrap(2000, parametric=parametric, seed=2)
    drawn = samples["parameters"]["a"]
    assert drawn.dims == ("trajectory",)
    assert float(drawn.mean()) == pytest.approx(slope, abs=4 * error / np.sqrt(2000))
    assert float(drawn.std()) == pytest.approx(
        error, rel=0.08
    )  # 2000 draws tell a deviation to 1.6 %; resampling adds a little


def test_samples_simulate_and_repeat_with_their_seed():
    run = sd.simulate(RICKER, np.arange(16), initial={N: 0.1}, parameters={r: 1.5, K: 2.0}, progress=False)
    data = {"t": np.arange(16), "N": run.N.values.ravel() * (1 + 0.05 * np.random.RandomState(0).randn(16))}
    first, second = (sd.fit(RICKER, data).bootstrap(50, seed=4) for _ in range(2))
    np.testing.assert_array_equal(first["parameters"]["r"], second["parameters"]["r"])
    ensemble = sd.simulate(RICKER, np.arange(16), **first, progress=False)
    assert ensemble.N.shape == (50, 16)
    spread = first["parameters"]["r"].std()
    assert abs(first["parameters"]["r"].mean() - 1.5) < 4 * spread
    assert 0.01 < spread < 0.2


def test_held_beginnings_and_bounds_hold_in_every_repeat():
    samples = sd.fit(DRIFT, line(0), parameters={x: (1, 1), a: (None, 0.5)}).bootstrap(40, seed=1)
    assert set(samples["initial"]["x"].values) == {1.0}
    assert float(samples["parameters"]["a"].max()) <= 0.5
    kept = sd.fit(DRIFT.with_parameters(a=0.5), line(0)).bootstrap(10)
    assert set(kept["parameters"]["a"].values) == {0.5}


def test_windows_and_several_trajectories():
    runs = [line(0), {k: v[:9] for k, v in line(5).items()}]
    fit = sd.fit(DRIFT, runs)
    samples = fit.bootstrap(300, trajectory=1, seed=3)
    known = fit.intervals.set_index("constant")
    assert float(samples["parameters"]["a"].std()) == pytest.approx(known.loc["a", "standard error"], rel=0.15)
    assert float(samples["initial"]["x"].mean()) == pytest.approx(fit.starts[1, 0], abs=0.05)
    cut = sd.fit(DRIFT, line(0), windows=2).bootstrap(300, seed=3)
    exact = sd.fit(DRIFT, line(0), windows=2).system.defaults[a]
    assert float(cut["parameters"]["a"].mean()) == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda d: sd.fit(DRIFT, d).profile(a, values=[0.4, np.nan]),
            "values of a are .*; expected one or more finite numbers",
        ),
        (lambda d: sd.fit(DRIFT, d).profile(a, values=[]), r"values of a are \[\]; expected one or more"),
        (
            lambda d: sd.fit(DRIFT, d, parameters={a: (0, 1)}).profile(a, values=[2]),
            "the value 2 of a is outside its bounds, 0 and 1",
        ),
        (lambda d: sd.fit(DRIFT, d).profile(a, points=2), "points is 2; expected a whole number, 3 or more"),
        (lambda d: sd.fit(DRIFT, d).bootstrap(1.5), "repeats is 1.5; expected a whole number"),
        (lambda d: sd.fit(DRIFT.with_parameters(a=1), d).profile(a), "the parameter a is not fitted; fitted are none"),
        (lambda d: sd.fit(DRIFT, d).profile(a, level=90), "the level of the intervals is 90"),
        (lambda d: sd.fit(DRIFT, d).bootstrap(0), "repeats is 0"),
        (lambda d: sd.fit(DRIFT, d).bootstrap(5, trajectory=1), "trajectory is 1; the data hold 1"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(sd.RecoveryError, match=message):
        call(line(0))


@pytest.mark.filterwarnings("error")
def test_a_value_far_from_its_prior_has_no_density_and_no_warning():
    """Of scipy one, for the square of a number beyond 1e154."""
    column = FittedColumn("k", prior=stats.norm(0, 1))
    assert column.log_density(np.array([1e200, 0.0])).tolist() == [-np.inf, pytest.approx(-0.5 * np.log(2 * np.pi))]
