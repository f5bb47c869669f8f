"""sd.fit against closed forms, against scipy on the same likelihood, and its gradients against difference quotients."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import sympy as sp
from scipy import optimize, stats

import symdyn as sd
from symdyn.inference.fit_problem import FittedColumn
from symdyn.inference.multistart import MultiStart

x, y, a, b, k, s, o, d, q = sp.symbols("x y a b k s o d q")
DECAY = sd.ODESystem({x: -k * x}, initial={x: 1})
RISE = sd.DiscreteSystem({x: x + a})  # x = x0 + a t
TIMES = np.linspace(0, 4, 15)


def rows(fit):
    return fit.intervals.set_index("constant")


def difference_quotients(problem, theta, starts, step=1e-5):
    """Slopes of half of minus twice the log-likelihood, by every coordinate and every open initial value."""

    def value(theta, starts):
        return -0.5 * problem.expand(np.zeros(1, dtype=int), theta[None], starts[None]).rss.sum()

    found = []
    for i in range(len(theta)):
        e = step * np.eye(len(theta))[i]
        found.append((value(theta + e, starts) - value(theta - e, starts)) / (2 * step))
    for v, i in zip(*np.nonzero(problem.open_starts), strict=True):
        e = np.zeros(starts.shape)
        e[v, i] = step
        found.append((value(theta, starts + e) - value(theta, starts - e)) / (2 * step))
    return np.array(found)


def gradient(problem, theta, starts):
    local = problem.expand(np.zeros(1, dtype=int), theta[None], starts[None])
    return np.concatenate([local.gradient[0], local.start_gradient[0][problem.open_starts]])


def moved(fit, factor=0.07):
    """A point beside the optimum."""
    wave = np.cos(np.arange(len(fit.theta)) + 1.0)
    return fit.theta + factor * wave, fit.scaled_starts + factor * fit.problem.open_starts


# ---- closed forms ----------------------------------------------------------------------------------------


def test_known_noise_gives_the_covariance_of_theory():
    values = np.exp(-0.6 * TIMES) + 0.05 * np.random.RandomState(0).randn(15)
    fit = sd.fit(DECAY, {"t": TIMES, "x": values}, noise=0.05)
    slope = -TIMES * np.exp(-fit.parameters["k"] * TIMES)
    row = rows(fit).loc["k"]
    assert row["standard error"] == pytest.approx(0.05 / np.sqrt(slope @ slope), rel=1e-6)
    assert row["upper"] - row["value"] == pytest.approx(stats.norm.ppf(0.95) * row["standard error"], rel=1e-9)
    exact = stats.norm.logpdf(values, np.exp(-fit.parameters["k"] * TIMES), 0.05).sum()
    assert fit.log_likelihood == pytest.approx(exact, rel=1e-9)
    assert fit.aic == pytest.approx(2 - 2 * exact)
    assert fit.bic == pytest.approx(np.log(15) - 2 * exact)


def test_counts_of_a_constant_rate_are_averaged():
    # a Poisson sample: the mean, and its error sqrt(mean/n)
    counts = np.random.RandomState(1).poisson(7.3, 40)
    fit = sd.fit(sd.DiscreteSystem({x: x}), {"t": np.arange(40), "x": counts}, noise="poisson")
    row = rows(fit).loc["x(0)"]
    assert row["value"] == pytest.approx(counts.mean(), rel=1e-6)
    assert row["standard error"] == pytest.approx(np.sqrt(counts.mean() / 40), rel=1e-6)


def test_a_normal_prior_and_normal_noise_have_a_normal_posterior():
    # a constant c seen n times with deviation 0.5, prior N(2, 0.3)
    values = 2.6 + 0.5 * np.random.RandomState(2).randn(12)
    system = sd.DiscreteSystem({x: a + 0 * x}, initial={x: a})
    fit = sd.fit(system, {"t": np.arange(12), "x": values}, noise=0.5, priors={a: stats.norm(2, 0.3)})
    precision = 12 / 0.5**2 + 1 / 0.3**2
    row = rows(fit).loc["a"]
    assert row["value"] == pytest.approx((values.sum() / 0.5**2 + 2 / 0.3**2) / precision, rel=1e-7)
    assert row["standard error"] == pytest.approx(precision**-0.5, rel=1e-4)
    assert fit.log_posterior - fit.log_likelihood == pytest.approx(stats.norm.logpdf(row["value"], 2, 0.3), rel=1e-6)


@pytest.mark.parametrize("guess", [1e-9, 1e-6, 3.0])
def test_a_prior_that_data_say_nothing_against_is_the_posterior_whatever_the_guess(guess):
    # five values with deviation 1e4: the precision is 1 + 5e-8
    system = sd.DiscreteSystem({x: a + 0 * x}, initial={x: a})
    data = {"t": np.arange(5), "x": [0.3, -0.2, 0.1, -0.4, 0.25]}
    fit = sd.fit(system, data, noise=1e4, priors={a: stats.norm(0, 1)}, guesses={a: guess}, starts=1)
    assert rows(fit).loc["a", "standard error"] == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(
    ("prior", "value", "slope", "curvature"),
    [
        (stats.lognorm(3), 0.5, -2 + 2 * np.log(2) / 9, 4 - 4 * (1 + np.log(2)) / 9),  # its deviation is 8100
        (stats.gamma(2, scale=1e6), 10.0, 0.1 - 1e-6, -0.01),  # near an end of its support
        (stats.beta(2, 5), 1e-6, 1e6 - 4 / (1 - 1e-6), -1e12),
        (stats.t(3, 1000, 0.01), 1000.02, -800 / 7, 4e4 / 49),  # narrow beside the value
        (stats.laplace(1, 1e-6), 1 + 3e-6, -1e6, 0.0),
        (stats.norm(0, 1e6), 0.3, -3e-13, -1e-12),  # and wide
        (stats.uniform(1, 2), 1.0, 0.0, 0.0),  # at an end
    ],
)  # fmt: skip
def test_slopes_of_priors_are_those_of_their_densities(prior, value, slope, curvature):
    at, first, second = FittedColumn("a", prior=prior).prior_terms(np.array([value]))
    assert at[0] == pytest.approx(prior.logpdf(value), rel=1e-12)
    assert first[0] == pytest.approx(slope, rel=1e-5)
    assert second[0] == pytest.approx(curvature, rel=1e-3, abs=1e-6 * slope**2)


def test_a_prior_of_many_sizes_counts_on_a_linear_scale():
    system = sd.DiscreteSystem({x: a + 0 * x}, initial={x: a})
    data = {"t": np.arange(4), "x": [0.9, 0.7, 1.3, 1.1]}  # their mean is 1
    fit = sd.fit(system, data, noise=1.0, priors={a: stats.lognorm(3)}, scales={a: "lin"}, guesses={a: 1.0}, starts=1)
    mode = optimize.brentq(lambda v: 4 * (1 - v) - 1 / v - np.log(v) / (9 * v), 0.5, 1)
    assert fit.parameters["a"] == pytest.approx(mode, rel=1e-4)


def test_scales_offsets_and_conditions_are_a_linear_regression():
    # two conditions of one slope: y = s*(1 + rate*t) + o with rate 0.5 and 1.5: the design of a regression on s and o
    system = sd.ODESystem({x: q + 0 * x}, initial={x: 1})
    rng, t = np.random.RandomState(3), np.linspace(0, 2, 9)
    data = {c: {"t": t, "signal": 3 * (1 + r * t) + 0.7 + 0.1 * rng.randn(9)} for c, r in (("slow", 0.5), ("fast", 1.5))}
    fit = sd.fit(
        system, data, observables={"signal": s * x + o}, conditions={"slow": {q: 0.5}, "fast": {q: 1.5}}, parameters=[s, o]
    )
    design = np.concatenate([np.stack([1 + r * t, np.ones(9)], axis=1) for r in (0.5, 1.5)])
    measured = np.concatenate([data[c]["signal"] for c in ("slow", "fast")])
    best, rss = np.linalg.lstsq(design, measured, rcond=None)[:2]
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * rss[0] / 16)
    table = rows(fit).loc[["s", "o"]]
    np.testing.assert_allclose(table["value"], best, rtol=1e-6)
    np.testing.assert_allclose(table["standard error"], errors, rtol=1e-6)
    later = fit.predict([0, 2], trajectory=1)
    np.testing.assert_allclose(later["signal"], best[0] * np.array([1, 4]) + best[1], rtol=1e-6)
    band = stats.t.ppf(0.95, 16) * np.sqrt(np.array([4, 1]) @ np.linalg.inv(design.T @ design) @ [4, 1] * rss[0] / 16)
    assert float(later["signal_upper"][1] - later["signal"][1]) == pytest.approx(band, rel=1e-5)


def test_a_parameter_may_belong_to_a_condition():
    # rates of their own: two separate fits
    data = {
        c: {"t": TIMES, "x": np.exp(-r * TIMES) + 0.02 * np.cos(7 * TIMES + i)}
        for i, (c, r) in enumerate((("one", 0.5), ("two", 1.1)))
    }
    both = sd.fit(DECAY, data, conditions={"one": {k: a}, "two": {k: b}}, parameters={a: (0.01, 10), b: (0.01, 10)}, noise=0.02)
    for name, c in (("a", "one"), ("b", "two")):
        assert both.parameters[name] == pytest.approx(sd.fit(DECAY, data[c], noise=0.02).parameters["k"], rel=1e-6)


def test_an_offset_in_noise_that_grows_with_the_mean_may_be_negative():
    t, rng = np.linspace(0, 3, 30), np.random.RandomState(9)
    mean = 5 * np.exp(-0.5 * t) - 0.5
    light = mean + (0.02 + 0.05 * mean) * rng.randn(30)
    data = {"t": t, "light": light}
    fit = sd.fit(
        DECAY, data, observables={"light": s * x + o}, noise=sp.Rational(1, 50) + q * sp.Symbol("light"),
        parameters={s: (0.1, 100), o: (-5, 5), q: None}, guesses={k: 1.0},
    )  # fmt: skip
    assert fit.log_likelihood >= stats.norm.logpdf(light, mean, 0.02 + 0.05 * mean).sum()
    p = fit.parameters
    mean = p["s"] * np.exp(-p["k"] * t) + p["o"]
    assert p["o"] < 0
    assert fit.log_likelihood == pytest.approx(stats.norm.logpdf(light, mean, 0.02 + p["q"] * mean).sum(), rel=1e-7)


def test_missing_values_and_replicates_count_as_what_they_are():
    values = np.exp(-0.6 * TIMES) + 0.05 * np.random.RandomState(4).randn(2, 15)
    holed = np.where(np.arange(15) % 4 == 1, np.nan, values[0])
    seen = np.isfinite(holed)
    kept = sd.fit(DECAY, {"t": TIMES[seen], "x": holed[seen]}, noise=0.05)
    assert sd.fit(DECAY, {"t": TIMES, "x": holed}, noise=0.05).parameters["k"] == pytest.approx(kept.parameters["k"], rel=1e-7)
    twice = sd.fit(DECAY, [{"t": TIMES, "x": v} for v in values], noise=0.05, initial={x: 1})
    mean = sd.fit(DECAY, {"t": TIMES, "x": values.mean(axis=0)}, noise=0.05 / np.sqrt(2))
    assert twice.parameters["k"] == pytest.approx(mean.parameters["k"], rel=1e-6)
    assert rows(twice).loc["k", "standard error"] == pytest.approx(rows(mean).loc["k", "standard error"], rel=1e-6)


# ---- the same likelihood by scipy --------------------------------------------------------------------------

LIKELIHOODS = {
    "lognormal": lambda v, m, p: stats.lognorm.logpdf(v, p[0], scale=m),
    "laplace": lambda v, m, p: stats.laplace.logpdf(v, m, p[0]),
    "student": lambda v, m, p: stats.t.logpdf(v, p[1], m, p[0]),
    "poisson": lambda v, m, p: stats.poisson.logpmf(v, m),
    "negative binomial": lambda v, m, p: stats.nbinom.logpmf(v, p[0], p[0] / (p[0] + m)),
}


@pytest.mark.parametrize(
    ("law", "count"), [("lognormal", 1), ("laplace", 1), ("student", 2), ("poisson", 0), ("negative binomial", 1)]
)
def test_every_noise_has_the_optimum_that_scipy_finds(law, count):
    rng, t = np.random.RandomState(5), np.linspace(0, 3, 40)
    mean = 60 * np.exp(-0.7 * t)
    values = {
        "lognormal": mean * np.exp(0.2 * rng.randn(40)), "laplace": rng.laplace(mean, 3.0),
        "student": mean + 2 * rng.standard_t(1.5, 40), "poisson": rng.poisson(mean),
        "negative binomial": rng.negative_binomial(4, 4 / (4 + mean)),
    }[law]  # fmt: skip
    fit = sd.fit(sd.ODESystem({x: -k * x}), {"t": t, "x": values}, noise=law, starts=8)

    def cost(p):
        return -np.sum(LIKELIHOODS[law](values, np.exp(p[0]) * np.exp(-p[1] * t), np.exp(p[2:])))

    first = np.array([np.log(60), 0.7, 1.0, 1.0])[: 2 + count]
    exact = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 6000}
    found = [optimize.minimize(cost, first + e, method="Nelder-Mead", options=exact) for e in (0, 0.3, -0.3)]
    best = min(found, key=lambda r: r.fun)
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=2e-4)
    assert fit.log_likelihood <= -best.fun + 1e-6
    near = 2e-2 if law == "laplace" else 1e-3  # a sum of absolute values is flat between its kinks
    assert fit.parameters["k"] == pytest.approx(best.x[1], rel=near)
    assert fit.starts[0, 0] == pytest.approx(np.exp(best.x[0]), rel=near)


def test_the_optima_that_starts_end_in_are_counted():
    # x = cos(w t): alias frequencies beside the true one
    w = sp.Symbol("w")
    system = sd.ODESystem({x: -w * y, y: w * x}, initial={x: 1, y: 0})
    t = np.linspace(0, 6, 25)
    data = {"t": t, "x": np.cos(2.5 * t) + 0.1 * np.random.RandomState(0).randn(25)}
    fit = sd.fit(system, data, observables={"x": x}, parameters={w: (0.1, 8)}, noise=0.1, scales={w: "lin"}, starts=16)
    assert fit.parameters["w"] == pytest.approx(2.5, abs=0.02)
    assert fit.optima["reached"].sum() == len(fit.ends) == 16
    assert len(fit.optima) > 1
    assert (np.diff(fit.optima["log_posterior"]) < 0).all()


# ---- gradients ---------------------------------------------------------------------------------------------


def test_gradients_through_doses_a_delay_and_an_algebraic_equation_are_those_of_difference_quotients():
    dosed = sd.ODESystem({x: -k * x}, initial={x: 0.2}, events=sd.dose(x, 2, every=1.5, times=2, start=0.5))
    X = sp.Function("x")
    delayed = sd.ODESystem({x: a - k * X(sp.Symbol("t") - d)}, initial={x: 0.5})
    algebraic = sd.ODESystem({x: -y * k}, algebraic={y: y + y**3 - x}, initial={x: 1.0})
    rng = np.random.RandomState(6)
    for system, truth in ((dosed, {k: 0.8}), (delayed, {a: 1.0, k: 0.7, d: 0.6}), (algebraic, {k: 0.9})):
        run = sd.simulate(system, TIMES, parameters=truth, progress=False)
        data = {"t": TIMES, "light": 2 * run.x.values + 0.01 * rng.randn(15)}
        bounds = dict.fromkeys(truth, (0.1, 5)) | {s: (0.1, 10)}
        fit = sd.fit(system, data, observables={"light": s * x}, parameters=bounds, guesses={**truth, s: 2.0}, starts=1)
        for p, value in truth.items():
            assert fit.parameters[p.name] == pytest.approx(value, rel=0.1)
        place = moved(fit, 0.02)
        exact = difference_quotients(fit.problem, *place)
        np.testing.assert_allclose(gradient(fit.problem, *place), exact, rtol=2e-5, atol=2e-5 * np.abs(exact).max())


def test_gradients_by_noise_parameters_initial_values_and_windows():
    rng = np.random.RandomState(7)
    data = {"t": np.arange(20), "x": 1 + 0.5 * np.arange(20) + 0.3 * rng.randn(20)}
    for options in (
        {"noise": ("student",)},
        {"noise": ("normal", s + q * x), "parameters": {s: (0.01, 2), q: (0.001, 1)}},
        {"windows": 4},
    ):
        fit = sd.fit(RISE, data, starts=3, **options)
        place = moved(fit, 0.05)
        exact = difference_quotients(fit.problem, *place)
        np.testing.assert_allclose(gradient(fit.problem, *place), exact, rtol=1e-6, atol=1e-6 * np.abs(exact).max())


def test_a_petab_problem_is_fitted_by_its_own_likelihood():
    problem = sd.read_petab("examples/data/petab_conversion/conversion.yaml")
    fit = sd.fit(problem, starts=6)
    assert fit.log_likelihood == pytest.approx(problem.objective(fit.parameters), rel=1e-8)
    theta = fit.theta + np.array([0.05, -0.04])
    found = fit.problem.expand(np.zeros(1, dtype=int), theta[None], np.zeros((1, 0, 0)))

    def value(shift):
        return problem.objective(dict(zip(problem.estimated, np.exp(theta + shift), strict=True)), rtol=1e-11, atol=1e-13)

    exact = [(value(e) - value(-e)) / 2e-5 for e in 1e-5 * np.eye(2)]
    np.testing.assert_allclose(found.gradient[0], exact, rtol=1e-6)
    best = optimize.minimize(lambda p: -problem.objective(dict(zip(problem.estimated, np.exp(p), strict=True))), [0.0, 0.0])
    np.testing.assert_allclose(fit.theta, best.x, atol=1e-4)
    interval = fit.profile("k1")
    assert float(interval.lower) < fit.parameters["k1"] < float(interval.upper)
    with pytest.raises(sd.RecoveryError, match="noise has no effect on a PEtab problem"):
        sd.fit(problem, noise=0.1)
    with pytest.raises(sd.RecoveryError, match="a fit of a PEtab problem has no predictions; it has profiles"):
        fit.predict([0, 1])


# ---- keeping it --------------------------------------------------------------------------------------------


def test_a_fit_is_kept_in_one_file(tmp_path):
    rng = np.random.RandomState(8)
    data = {"one": {"t": TIMES, "light": 5 * np.exp(-0.6 * TIMES) * np.exp(0.1 * rng.randn(15))},
            "two": {"t": TIMES, "light": 5 * np.exp(-1.2 * TIMES) * np.exp(0.1 * rng.randn(15))}}  # fmt: skip
    fit = sd.fit(
        DECAY, data, observables={"light": s * x}, noise=("lognormal", q), conditions={"one": {k: a}, "two": {k: 2 * a}},
        priors={a: stats.lognorm(1.0, scale=0.5)}, parameters={s: (0.1, 100), q: (0.01, 1)}, starts=3,
    )  # fmt: skip
    fit.save(tmp_path / "fit.nc")
    again = sd.Fit.load(tmp_path / "fit.nc")
    assert str(again) == str(copy.deepcopy(fit)) == str(pickle.loads(pickle.dumps(fit))) == str(fit)
    assert again.system == fit.system
    assert again.log_posterior == fit.log_posterior
    assert again.intervals.equals(fit.intervals)
    assert again.ends.equals(fit.ends)
    assert float(again.profile(a, points=5).upper) == float(fit.profile(a, points=5).upper)
    np.testing.assert_array_equal(again.predict(TIMES, trajectory=1).light, fit.predict(TIMES, trajectory=1).light)
    assert fit.plot().axes[0].get_ylabel() == "light"


# ---- refusals ----------------------------------------------------------------------------------------------

LINE = {"t": np.arange(8.0), "x": 1 + 0.5 * np.arange(8.0) + 0.1 * np.cos(5 * np.arange(8.0))}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": "poison"}, "the noise of x is 'poison'; known: normal, .* Did you mean 'poisson'"),
        ({"noise": "poisson"}, "poisson noise needs whole numbers from 0, but x has"),
        ({"noise": ("normal", 1, 2)}, "normal noise takes deviation"),
        ({"noise": {"z": 1}}, "noise names z, which is not measured; measured are x"),
        (
            {"observables": {"x": s * x}},
            "contains s, which is neither a state nor a parameter; to fit it, name it in parameters",
        ),
        ({"priors": {a: 3}}, "the prior of a is 3; expected a frozen distribution"),
        ({"scales": {a: "ln"}}, "the scale of a is 'ln'; expected 'lin' or 'log'"),
        ({"guesses": {"b": 1}}, "'b' is not a parameter"),
        ({"starts": 0}, "starts is 0; expected a whole number, 1 or more"),
        ({"seed": -1}, "seed is -1; expected a whole number from 0"),
        ({"seed": "a"}, "seed is 'a'; expected a whole number from 0"),
        ({"noise": True}, "the noise of x is True; expected a positive standard deviation"),
        ({"guesses": {"a": "1"}}, "the guess of a is '1'; expected a finite number"),
        ({"guesses": {a: 4}, "parameters": {a: (1, 3)}}, "the guess of a is 4; expected a positive number between 1 and 3"),
        ({"guesses": {a: -1}, "scales": {a: "log"}}, "the guess of a is -1; expected a positive number between 0 and inf"),
        ({"observables": {"z": x}}, "observables names z, of which the data hold no value; measured are x"),
        ({"conditions": {"one": {a: 1}}}, "with the conditions one data are a mapping"),
        ({"initial": {x: 1}, "windows": 2}, "windows has an effect on fits of plain equations"),
        ({"initial": {x: 1}, "parameters": [x]}, "x is in initial, where values are not fitted, and in parameters"),
        ({"rtol": 1e-6}, "rtol has no effect on a map"),
        ({"parameters": {a: (2, 1)}}, "first must be below the second"),
        ({"priors": {a: stats.uniform(0, 1)}, "parameters": {a: (2, 3)}}, "the values of a are between 2 and 1: none is left"),
    ],
)
def test_what_is_not_known_is_refused_by_name(options, message):
    with pytest.raises(sd.SymdynError, match=message):
        sd.fit(RISE, LINE, **options)


@pytest.mark.parametrize("option", ["rtol", "atol"])
@pytest.mark.parametrize("value", [-1, np.nan, "a"])
def test_tolerances_are_positive(option, value):
    with pytest.raises(sd.SymdynError, match=rf"{option} is .*; expected a positive number"):
        sd.fit(DECAY, {"t": [0, 1, 2, 3], "x": [1, 0.4, 0.1, 0.05]}, **{option: value})


def test_methods_without_tolerances_are_refused():
    with pytest.raises(sd.RecoveryError, match="the method rk4 takes steps of one length"):
        sd.fit(DECAY, {"t": [0, 1, 2, 3], "x": [1, 0.4, 0.1, 0.05]}, method="rk4")


@pytest.mark.parametrize("times", [[0, 0.5, 1], [0, np.inf], [0, np.nan], "early", [-1, 0]])
def test_times_at_which_nothing_is_known_are_refused(times):
    fit = sd.fit(RISE, LINE, starts=1)
    with pytest.raises(sd.RecoveryError, match="the times are"):
        fit.predict(times)


def test_one_scale_of_the_noise_of_short_columns_counts_once():
    # few data: the noise of both is in proportion to their sizes, with one scale; beside it the slope is fitted
    two = sd.DiscreteSystem({x: x + a, y: y - a}, initial={x: 0, y: 0})
    t = np.arange(6.0)
    data = {"t": t, "x": 2 * t + 0.1 * np.cos(3 * t), "y": -2 * t + 0.1 * np.sin(5 * t)}
    fit = sd.fit(two, data, noise="normal", starts=2)
    residuals = np.concatenate([data["x"] - 2 * t, data["y"] + 2 * t])
    assert fit.noise.mean() == pytest.approx(np.sqrt(np.mean(residuals**2)), rel=0.3)
    assert fit.aic == pytest.approx(2 * 2 - 2 * fit.log_likelihood)
    assert fit.bic == pytest.approx(2 * np.log(12) - 2 * fit.log_likelihood)


def test_a_row_without_values_is_a_beginning():
    t = np.linspace(1, 4, 10)
    fit = sd.fit(DECAY, {"t": np.append(0, t), "x": np.append(np.nan, np.exp(-0.6 * t))}, noise=0.1)
    assert fit.parameters["k"] == pytest.approx(0.6, rel=1e-6)


def test_a_fit_of_nothing_is_refused():
    with pytest.raises(sd.RecoveryError, match="nothing is to be fitted, as everything has a value"):
        sd.fit(sd.ODESystem({x: -k * x}, {k: 1}, initial={x: 1}), {"t": [0, 1, 2, 3], "x": [1, 0.4, 0.1, 0.05]})


def test_too_few_data_are_refused():
    with pytest.raises(sd.RecoveryError, match="2 data cannot tell 2 values and the scale of the noise"):
        sd.fit(DECAY, {"t": [1, 2], "light": [2, 1]}, observables={"light": s * x}, parameters=[s])


def test_other_systems_are_refused():
    with pytest.raises(sd.RecoveryError, match="fitting needs an ODESystem or a DiscreteSystem, got BranchingSystem"):
        sd.fit(sd.BranchingSystem.example(), LINE)
    with pytest.raises(sd.RecoveryError, match="data is None"):
        sd.fit(RISE)


def test_a_stiff_system_is_fitted():
    """x follows y within a millionth of the time of its decay: y = exp(-k t), x = y (1 + k/1e6) but for terms of 1e-12."""
    k, t = 0.7, np.linspace(0, 5, 21)
    system = sd.ODESystem.from_text("x' = -1e6*(x - y)\ny' = -k*y", parameters={"k": 1}, initial={"x": 1, "y": 1})
    fit = sd.fit(system, {"t": t, "x": np.exp(-k * t) + 1e-3 * np.cos(7 * t)}, parameters=["k"])
    assert fit.parameters["k"] == pytest.approx(k, abs=2e-3)


def test_what_the_data_do_not_tell_at_a_maximum_is_begun_from_its_bounds_as_well(monkeypatch):
    """The slope of 1 + p^2 - 0.8 p^3 is 0 at p = 0, a maximum of its own; at the root, 1.6885, the data are followed."""
    p, t = sp.Symbol("p"), np.arange(8.0)
    usual = MultiStart._design

    def flat(self, count, seed):
        theta, starts = usual(self, count, seed)
        return np.zeros_like(theta), starts

    monkeypatch.setattr(MultiStart, "_design", flat)
    still, data = sd.ODESystem({x: 0 * x}, initial={x: 1}), {"t": t, "y": 0.1 * np.cos(7 * t)}
    found = sd.fit(
        still, data, observables={"y": x * (1 + p**2 - 0.8 * p**3)}, parameters={p: (-1, 2)}, scales={p: "lin"}, noise=0.1,
        starts=2,
    )  # fmt: skip
    root = next(r.real for r in np.roots([-0.8, 1, 0, 1]) if abs(r.imag) < 1e-9)
    assert found.parameters["p"] == pytest.approx(root, abs=0.03)
