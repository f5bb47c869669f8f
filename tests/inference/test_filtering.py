"""The likelihood with process noise against joint normal laws, its derivatives, fits and forecasts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sympy as sp
from scipy.stats import linregress, lognorm, multivariate_normal, norm

import symdyn as sd
from symdyn.inference.data import observations
from symdyn.inference.error_fits import fit_errors, laws
from symdyn.inference.filter_runs import filtered
from symdyn.inference.filtering import ErrorLaw, FilterLikelihood, Within

x, a = sp.symbols("x a")
SHRINKING = sd.DiscreteSystem({x: a * x}, {a: 0.8})


def values_of(likelihood, parameters, start, measurement, model):
    """Values in the units of the likelihood."""
    scale = float(likelihood.data.scale[0])
    errors = np.log([measurement / scale, *([model / scale] if likelihood.law.process else [])])
    return np.concatenate([np.array(parameters) / likelihood.sizes, [start / scale], errors])


def joint(start, b, constant, r, q, count):
    """The law of data of z_(k+1) = b (z_k + u) + constant + v, with u, v of half the variance q^2 each, which z_0 has too."""
    mean = [start]
    for _ in range(count - 1):
        mean.append(b * mean[-1] + constant)
    gained = np.array([q**2, *[q**2 / 2 * (1 + b**2)] * (count - 1)])
    cov = [[sum(gained[j] * b ** (m + n - 2 * j) for j in range(min(m, n) + 1)) for n in range(count)] for m in range(count)]
    return multivariate_normal(mean, np.array(cov) + r**2 * np.eye(count))


@pytest.mark.parametrize("missing", [(), (2,)])
def test_a_linear_map_has_the_joint_normal_law(missing):
    y = np.array([2.0, 1.1, 1.6, 0.3, 0.9])
    data = observations(SHRINKING, {"t": range(5), "x": np.where(np.isin(range(5), missing), np.nan, y)})
    likelihood = FilterLikelihood(SHRINKING, data, ErrorLaw("common"), (a,), starts=np.array([[1.5]]))
    b, start, r, q = 0.8, 1.5, 0.3, 0.5
    kept = [k for k in range(5) if k not in missing]
    law = joint(start, b, 0.0, r, q, 5)
    exact = multivariate_normal(law.mean[kept], law.cov[np.ix_(kept, kept)]).logpdf(y[kept])
    assert likelihood.value(values_of(likelihood, [b], start, r, q)) == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize("held", [False, True])
def test_an_initial_value_that_is_the_first_datum_makes_no_likelihood_without_bound(held):
    y = np.array([2.0, 1.1, 1.6, 0.3, 0.9])
    data = observations(SHRINKING, {"t": range(5), "x": y})
    likelihood = FilterLikelihood(
        SHRINKING, data, ErrorLaw("common"), (a,), starts=np.array([[2.0]]), held=np.array([[held]])
    )  # fmt: skip
    tiny = np.log([1e-4, 0.5 / data.scale[0]])
    found = likelihood.value(np.concatenate([[1.0], [] if held else [2.0 / data.scale[0]], tiny]))
    assert found == pytest.approx(joint(2.0, 0.8, 0.0, 1e-4 * data.scale[0], 0.5, 5).logpdf(y), abs=1e-6)


def test_a_held_first_datum_is_known_again_after_its_logarithm():
    data = observations(SHRINKING, {"t": range(5), "x": [4.04, 1.1, 1.6, 0.3, 0.9]})  # exp(log(4.04 / scale)) is rounded
    likelihood = FilterLikelihood(
        SHRINKING, data, ErrorLaw("common", True), (a,), starts=np.array([[4.04]]), held=np.array([[True]])
    )  # fmt: skip
    theta = np.concatenate([[1.0], np.log([1e-4, 0.5])])
    assert likelihood.on(data).value(theta) == pytest.approx(likelihood.value(theta), rel=1e-8)


def test_models_that_run_side_by_side_have_their_own_laws():
    # x[t+1] = a x, all of the data and the first three of them, and x[t+1] = b x + c as a part of x[t+1] = b x + c + d x^2
    y, (b, c, d, k) = np.array([2.0, 1.1, 1.6, 0.3, 0.9]), sp.symbols("b c d k")
    data = observations(SHRINKING, {"t": range(5), "x": y})
    start, r, q, scale = 1.5, 0.3, 0.5, data.scale[0]
    full = FilterLikelihood(SHRINKING, data, ErrorLaw("common"), (a,), starts=np.array([[start]]))
    run = data.trajectories[0]
    early = full.on(replace(data, trajectories=(replace(run, times=run.times[:3], values=run.values[:3]),)))
    larger = sd.DiscreteSystem({x: b * x + k + d * x**2}, {b: 0.1, k: 0.1, d: 0})
    part = FilterLikelihood(
        sd.DiscreteSystem({x: b * x + c}, {b: 0.8, c: 0.4}), data, ErrorLaw("common"), (b, c), starts=np.array([[start]]),
        within=Within(sd.compile(larger), {c: k}),
    )  # fmt: skip
    errors = np.log([r / scale, q / scale])
    thetas = [np.concatenate([np.ones(n), [start / scale], errors]) for n in (1, 1, 2)]
    found = filtered([f.side(theta[None]) for f, theta in zip((full, early, part), thetas, strict=True)])

    exact = [joint(start, b, k, r, q, count).logpdf(y[:count]) for b, k, count in ((0.8, 0.0, 5), (0.8, 0.0, 3), (0.8, 0.4, 5))]
    assert [run.values[0] for run in found] == pytest.approx(exact, abs=1e-8)


def test_without_process_noise_it_is_that_of_a_run():
    t = np.linspace(0, 4, 6)
    y = np.array([0.3, 0.4, 0.6, 0.9, 0.8, 1.1])
    growth = sd.ODESystem({x: a * x * (1 - x)}, {a: 1.0})
    likelihood = FilterLikelihood(growth, observations(growth, {"t": t, "x": y}), ErrorLaw(), (a,), starts=np.array([[0.2]]))
    run = 1 / (1 + 4 * np.exp(-1.3 * t))
    exact = norm(run, 0.1).logpdf(y).sum()
    assert likelihood.value(values_of(likelihood, [1.3], 0.2, 0.1, 0)) == pytest.approx(exact, abs=1e-5)


def test_without_process_noise_no_spread_grows_beside_a_model_that_has_some():
    # x[t+1] = a x with a = 30 makes of the least spread, 1e-14, one of 1e-14 * 30^20
    system = sd.DiscreteSystem({x: a * x}, {a: 30.0})
    y = 30.0 ** np.arange(11.0)
    data = observations(system, {"t": range(11), "x": y})
    likelihoods = [FilterLikelihood(system, data, ErrorLaw(p), (a,), starts=np.array([[1.0]])) for p in (None, "common")]
    thetas = [values_of(like, [30.0], 1.0, 1e-3 * data.scale[0], 1e-3 * data.scale[0])[None] for like in likelihoods]
    beside, noisy = filtered([like.side(theta) for like, theta in zip(likelihoods, thetas, strict=True)])
    assert beside.values[0] == pytest.approx(norm(y, 1e-3 * data.scale[0]).logpdf(y).sum(), rel=1e-9)
    assert (beside.covariances[0] == 0).all()
    assert (noisy.covariances[0] > 0).all()


def test_errors_of_logarithms_make_data_lognormal():
    data = observations(SHRINKING, {"t": [0, 1], "x": [2.0, 1.0]})
    likelihood = FilterLikelihood(SHRINKING, data, ErrorLaw(None, True), (), starts=np.array([[1.5]]))
    theta = np.array([np.log(1.5 / data.scale[0]), np.log(0.2)])
    exact = lognorm(0.2, scale=1.5).logpdf(2.0) + lognorm(0.2, scale=1.2).logpdf(1.0)
    assert likelihood.value(theta) == pytest.approx(exact, abs=1e-8)


def test_the_score_is_the_slope_of_the_value():
    y = np.array([2.0, 1.1, 1.6, 0.3, 0.9])
    data = observations(SHRINKING, {"t": range(5), "x": y})
    likelihood = FilterLikelihood(SHRINKING, data, ErrorLaw("each"), (a,), starts=np.array([[1.5]]))
    theta, h = likelihood.values(0.2, 0.3), 1e-4
    slopes = [(likelihood.value(theta + h * e) - likelihood.value(theta - h * e)) / (2 * h) for e in np.eye(4)]
    np.testing.assert_allclose(likelihood.score(theta).gradient, slopes, rtol=1e-3, atol=1e-4)


def test_data_that_are_not_positive_have_no_logarithmic_law():
    positive, other = (observations(SHRINKING, {"t": [0, 1, 2], "x": v}) for v in ([1, 2, 3], [1, 0, 3]))
    assert {law.logarithmic for law in laws(positive)} == {False, True}
    assert {law.logarithmic for law in laws(other)} == {False}


def walk(steps, measurement, model, seed):
    rng = np.random.default_rng(seed)
    states = 5 + np.cumsum(model * rng.standard_normal(steps))
    return pd.DataFrame({"t": range(steps), "x": states + measurement * rng.standard_normal(steps)})


def test_both_errors_of_a_random_walk_are_found():
    # increments of the data have the variance q^2 + 2 r^2 and the covariance -r^2
    still = sd.DiscreteSystem({x: x})
    fit = fit_errors(still, observations(still, walk(400, 0.5, 1.0, 0)), ErrorLaw("common"), (), starts=np.array([[5.0]]))
    assert fit.errors().loc["x"].to_dict() == pytest.approx({"measurement": 0.5, "model": 1.0}, rel=0.25)


def test_bands_of_a_random_walk_widen_with_the_root_of_time():
    still = sd.DiscreteSystem({x: x})
    data = observations(still, walk(120, 0.3, 1.0, 1))
    fit = fit_errors(still, data, ErrorLaw("common"), (), starts=np.array([[5.0]]))
    (paths,) = fit.paths([np.array([120.0, 123.0, 128.0])], 1000, np.random.default_rng(0))
    q, r = fit.errors()["model"]["x"], fit.errors()["measurement"]["x"]
    last = (np.sqrt(q**4 + 4 * q**2 * r**2) - q**2) / 2  # of the state, where the equation of Riccati stands still
    np.testing.assert_allclose(paths[..., 0].std(axis=0), np.sqrt(last + q**2 * np.array([1, 4, 9]) + r**2), rtol=0.12)


def test_intervals_of_a_line_are_those_of_least_squares():
    """x' = a from ten data, whose deviation is estimated from eight degrees of freedom."""
    times = np.arange(10.0)
    values = 3.0 + 0.5 * times + 0.2 * np.random.default_rng(0).standard_normal(10)
    line = sd.ODESystem({x: a}, {a: 0.4}, initial={x: 2.5})
    data = observations(line, {"t": times, "x": values})
    found = fit_errors(line, data, ErrorLaw(), (a,), starts=np.array([[2.5]])).information()
    known = linregress(times, values)
    assert found.values == pytest.approx([known.slope, known.intercept], rel=1e-3)
    assert found.deviations == pytest.approx([known.stderr, known.intercept_stderr], rel=5e-3)
    assert found.freedom == 8
