"""Drift and noise of diffusions, from paths whose law is known: exact transitions, or steps far finer than the data."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from scipy.stats import binom

import symdyn as sd
from symdyn.discover.diffusions.defects import noise_defects
from symdyn.discover.options import RecoverOptions
from symdyn.inference.increments import Increments, increments, lagged
from symdyn.inference.local_moments import LocalMoments
from symdyn.inference.path_likelihood import PathLikelihood

x, y, s, h = sp.symbols("x y s h")
f, g, w = sp.symbols("f g w", cls=sp.Function)
UNKNOWN = sd.SDESystem({x: f(x)}, {x: g(x)})
LINEAR = {f: [sp.S.One, x], g: [sp.S.One]}


def quick(system, data, **options):
    return sd.recover(system, data, **{"progress": False, **options})


def paths(drift, noise, step, count, seeds, start=0.0, fine=10):
    """Paths by Euler and Maruyama in finer steps, a row for each seed."""
    rng = np.random.default_rng(seeds)
    at = np.full(len(seeds), float(start))
    rows, small = [at], step / fine
    for _ in range(count):
        for dw in rng.normal(0, np.sqrt(small), size=(fine, len(seeds))):
            at = at + drift(at) * small + noise(at) * dw
        rows.append(at)
    return np.arange(count + 1) * step, np.array(rows).T


def ornstein_uhlenbeck(rate, mean, sigma, step, count, rng):
    """Exact transitions: normal with mean reverting by exp(-rate step)."""
    keep = np.exp(-rate * step)
    deviation = sigma * np.sqrt((1 - keep**2) / (2 * rate))
    values = [mean]
    for e in rng.normal(size=count):
        values.append(mean + keep * (values[-1] - mean) + deviation * e)
    return {"t": np.arange(count + 1) * step, "x": np.array(values)}


def square_root(rate, mean, sigma, step, count, rng):
    """Exact transitions of dx = rate (mean - x) dt + sigma sqrt(x) dW: non-central chi square (Cox, Ingersoll, Ross 1985)."""
    size = sigma**2 * (1 - np.exp(-rate * step)) / (4 * rate)
    values = [mean]
    for _ in range(count):
        values.append(size * rng.noncentral_chisquare(4 * rate * mean / sigma**2, values[-1] * np.exp(-rate * step) / size))
    return {"t": np.arange(count + 1) * step, "x": np.array(values)}


# ---- the moments that the likelihood is made of ---------------------------------------------------


def test_moments_of_linear_equations_are_exact_and_so_are_their_slopes():
    k, m, a, b = sp.symbols("k m a b")
    local = LocalMoments([x], [k, m, a, b], sp.Symbol("t"), [k * (m - x)], sp.Matrix([[a * x + b * x**2]]))

    def exact(k, m, a, b, x0, t):
        """Of dx = k (m - x) dt + sqrt(a x + b x^2) dW, by its closed linear moment equations."""
        import scipy.linalg

        system = np.array([[-k, 0, k * m], [2 * k * m + a, b - 2 * k, 0], [0, 0, 0]])
        first, second, _ = scipy.linalg.expm(system * t) @ [x0, x0**2, 1]
        return np.array([first, second - first**2])

    theta, times = np.array([0.7, 2.0, 0.3, 0.2]), np.array([0.1, 0.5])
    found, slopes = local.after(theta, np.array([[1.5, 1.5]]), times * 0, times, steps=20, slopes=True)
    for i, t in enumerate(times):
        assert found[:, i] == pytest.approx(exact(*theta, 1.5, t), rel=1e-8)
        for j in range(4):
            up, down = (exact(*(theta + d * np.eye(4)[j]), 1.5, t) for d in (1e-5, -1e-5))
            assert slopes[j, :, i] == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-9)


# ---- known laws -----------------------------------------------------------------------------------


def test_the_ornstein_uhlenbeck_process_has_the_estimates_of_its_exact_autoregression():
    data = ornstein_uhlenbeck(1.3, 2.0, 0.6, 0.2, 4000, np.random.default_rng(0))
    found = quick(UNKNOWN, data, library=LINEAR)
    before, after = data["x"][:-1], data["x"][1:]
    keep, offset = np.polyfit(before, after, 1)
    variance = np.mean((after - offset - keep * before) ** 2)
    rate = -np.log(keep) / 0.2
    expected = [rate * offset / (1 - keep), -rate, np.sqrt(2 * rate * variance / (1 - keep**2))]
    assert found.intervals["value"].to_numpy() == pytest.approx(expected, rel=1e-4)
    likelihood = -0.5 * 4000 * (np.log(2 * np.pi * variance) + 1)
    assert found.table["log_likelihood"][0] == pytest.approx(likelihood, abs=0.01)
    # asymptotic variances of the autoregression, carried over to rate and noise
    error = np.sqrt((1 - keep**2) / 4000) / (keep * 0.2)
    assert found.intervals["standard error"][1] == pytest.approx(error, rel=0.1)


def test_a_double_well_has_its_terms_and_no_other():
    times, rows = paths(lambda v: v - v**3, lambda v: 0.5 + 0 * v, 0.05, 10_000, range(4))
    for row in rows:
        found = quick(UNKNOWN, {"t": times, "x": row})
        assert set(found.terms[f].as_coefficients_dict()) == {x, x**3}
        assert found.terms[g].is_Float
        table = found.intervals.set_index("constant")
        for name, truth in {"f_1": 1.0, "f_2": -1.0, "g_1": 0.5}.items():
            assert abs(table["value"][name] - truth) < 4 * table["standard error"][name]
        assert not found.warnings


def test_noise_that_grows_with_the_square_root_is_told_from_other_noise():
    found = quick(UNKNOWN, square_root(0.5, 2.0, 0.4, 0.2, 5000, np.random.default_rng(1)))
    assert set(found.terms[f].as_coefficients_dict()) == {sp.S.One, x}
    assert (found.terms[g] / sp.sqrt(x)).is_Float
    assert float(found.terms[g] / sp.sqrt(x)) == pytest.approx(0.4, rel=0.05)
    assert found.inclusion.set_index("term")["weight"]["x in g(x)**2"] > 0.9
    run = sd.simulate(found.system, [0.0, 1.0], initial={x: 2.0}, seed=1, progress=False)
    assert np.isfinite(run.x.values).all()


def test_noise_of_two_parts_and_a_declaration_in_text():
    times, rows = paths(lambda v: 1 - v, lambda v: np.sqrt(0.2 + 0.3 * v**2), 0.05, 20_000, [3])
    found = quick(sd.SDESystem.from_text("dx = f(x)*dt + g(x)*dW"), {"t": times, "x": rows[0]})
    square = sp.expand(found.terms["g"] ** 2)
    assert set(square.as_coefficients_dict()) == {sp.S.One, x**2}
    table = found.intervals.set_index("constant")
    for name, truth in {"f_1": 1.0, "f_2": -1.0, "g_1": 0.2, "g_2": 0.3}.items():
        assert abs(table["value"][name] - truth) < 4 * table["standard error"][name]


def test_stratonovich_noise_keeps_its_meaning():
    # z = log x of dx = -x log(x) dt + 0.4 x o dW is an Ornstein-Uhlenbeck process
    z = ornstein_uhlenbeck(1.0, 0.0, 0.4, 0.1, 8000, np.random.default_rng(5))
    system = sd.SDESystem({x: f(x)}, {x: g(x)}, interpretation="stratonovich")
    found = quick(system, {"t": z["t"], "x": np.exp(z["x"])}, library={f: [x, x * sp.log(x)], g: 2})
    assert found.system.interpretation == "stratonovich"
    assert set(found.terms[f].as_coefficients_dict()) == {x * sp.log(x)}
    assert float(found.terms[f] / (x * sp.log(x))) == pytest.approx(-1.0, abs=0.15)
    assert float(found.terms[g] / x) == pytest.approx(0.4, rel=0.03)


def test_two_states_an_unknown_parameter_and_a_state_without_noise():
    # x' = v, dv = (x - x^3 - v/2) dt + s dW: the noise reaches x through v alone
    true = sd.SDESystem({x: y, y: x - x**3 - y / 2}, {y: 0.5}, initial={x: 1, y: 0})
    run = sd.simulate(true, np.arange(0, 400.01, 0.05), seed=2, step=0.005, progress=False)
    found = quick(sd.SDESystem({x: y, y: g(x, y)}, {y: s}), run[["x", "y"]], library=[x, y, x**2, x * y, x**3, y**3])
    assert set(found.terms[g].as_coefficients_dict()) == {x, y, x**3}
    table = found.intervals.set_index("constant")
    assert abs(table["value"]["s"] - 0.5) < 4 * table["standard error"]["s"]
    assert found.system.defaults[s] == table["value"]["s"]
    assert found.identifiability.rank == found.identifiability.fitted == 4


def test_constants_inside_terms_and_terms_that_are_added_to_states():
    times, rows = paths(lambda v: 1 - 3 * v / (0.5 + v), lambda v: 0.7 * v, 0.05, 8000, [1], start=0.3)
    system = sd.SDESystem({x: 1.0}, {x: s * x}, initial={x: 0.3})
    found = quick(system, {"t": times, "x": rows[0]}, unknown=["x"], library=[x, x / (h + x)])
    assert "f_x" in str(found.terms)
    table = found.intervals.set_index("constant")
    for name, truth in {"f_x_1": -3.0, "h": 0.5, "s": 0.7}.items():
        assert abs(table["value"][name] - truth) < 4 * table["standard error"][name]


def test_intervals_cover_as_often_as_they_say():
    rng, hits, repeats = np.random.default_rng(11), np.zeros(3), 80
    for _ in range(repeats):
        data = ornstein_uhlenbeck(1.0, 1.0, 0.5, 0.25, 800, rng)
        table = quick(UNKNOWN, data, library=LINEAR).intervals
        hits += (table["lower"] <= [1.0, -1.0, 0.5]) & (table["upper"] >= [1.0, -1.0, 0.5])
    low, high = binom.ppf([0.001, 0.999], repeats, 0.9)
    assert ((low <= hits) & (hits <= high)).all()


# ---- what the data cannot tell --------------------------------------------------------------------


def test_measurement_noise_is_noticed():
    data = ornstein_uhlenbeck(1.0, 0.0, 0.5, 0.05, 6000, np.random.default_rng(2))
    assert not quick(UNKNOWN, data, library=LINEAR).warnings
    data["x"] = data["x"] + 0.05 * np.random.default_rng(3).normal(size=data["x"].size)
    told = " ".join(quick(UNKNOWN, data, library=LINEAR).warnings)
    assert "measurement noise" in told
    assert "use every k-th point" in told
    size = float(told.partition("standard deviation about ")[2].partition(":")[0])
    assert size == pytest.approx(0.05, rel=0.2)


def test_paths_smoother_than_a_diffusion_are_noticed():
    rng = np.random.default_rng(4)
    inner = ornstein_uhlenbeck(5.0, 0.0, 1.0, 0.02, 20_000, rng)
    outer = np.concatenate([[0.0], np.cumsum(inner["x"][:-1]) * 0.02])  # driven by coloured noise
    found = quick(UNKNOWN, {"t": inner["t"][::5], "x": outer[::5]}, library=LINEAR)
    assert "smoother" in " ".join(found.warnings)


def test_jumps_are_noticed():
    data = ornstein_uhlenbeck(1.0, 0.0, 0.5, 0.05, 3000, np.random.default_rng(2))
    data["x"][1500:] += 3.0
    assert "are there jumps" in " ".join(quick(UNKNOWN, data, library=LINEAR).warnings)


def test_steps_that_are_too_long_are_noticed_and_extrapolated():
    times, rows = paths(lambda v: v - v**3, lambda v: 0.5 + 0 * v, 0.5, 20_000, [1], fine=40)
    found = quick(UNKNOWN, {"t": times, "x": rows[0]}, library={f: [x, x**3], g: [sp.S.One]})
    assert "steps are too long" in " ".join(found.warnings)
    steps = found.steps.set_index("constant")
    for name, truth in {"f_1": 1.0, "f_2": -1.0}.items():
        assert abs(steps["extrapolated"][name] - truth) < abs(steps["all steps"][name] - truth)


def test_the_correlation_of_successive_residuals_stays_within_paths():
    white = np.array([1.0, 1.0, -1.0, 1.0, 1.0, -1.0])[:, None]
    strength, product = lagged(white, 2 * white, np.array([0, 0, 0, 1, 1, 1]))
    assert product == pytest.approx([0.0])
    assert strength == pytest.approx([0.0])


# ---- answers that are none ------------------------------------------------------------------------


def fitted(drift, square, begin, end):
    a, b = sp.symbols("a b")
    moments = LocalMoments([x], [a, b], sp.Symbol("t"), [drift], sp.Matrix([[square(a, b)]]))
    count = len(begin)
    data = Increments(np.array([begin]), np.array([end]), np.arange(count) * 0.1, np.full(count, 0.1), np.zeros(count, int))
    return PathLikelihood(moments, data)


def test_a_squared_noise_that_is_negative_along_the_data_is_a_defect():
    likelihood = fitted(-x, lambda a, b: a + b * x, [0.0, 0.5, 1.5], [0.5, 1.5, 0.2])  # 1 - x: at 1.5 of the last two steps
    assert noise_defects(likelihood, np.array([1.0, -1.0])) == ["its squared noise is negative along 2 of 3 steps"]
    assert noise_defects(likelihood, np.array([1.0, 0.0])) == []
    assert noise_defects(likelihood, np.array([np.nan, 0.0])) == ["its squared noise is not finite along the data"]
    assert not likelihood.possible(np.array([1.0, -1.0]))
    assert likelihood.value(np.array([1.0, -1.0])) == likelihood.score(np.array([1.0, -1.0])).value == -np.inf


def test_noise_that_becomes_negative_where_paths_go_and_paths_that_diverge_are_defects():
    # seen about 0.5, where 1 - x**2 is positive, but drawn to 3
    drawn = fitted(5 * (3 - x), lambda a, b: a + b * x**2, [0.4, 0.5], [0.5, 0.6])
    assert noise_defects(drawn, np.array([1.0, -1.0])) == [
        "its squared noise becomes negative along 200 of 200 simulated paths"
    ]
    away = fitted(20 * x**3, lambda a, b: a + 0 * b, [1.0, 1.5], [1.5, 2.0])
    assert noise_defects(away, np.array([0.01, 0.0])) == ["200 of 200 paths that are simulated with it diverge"]


def test_short_paths_have_an_answer_whose_noise_is_real_and_whose_intervals_are_finite():
    for seed in ((101, 2), (303, 6), (303, 7), (303, 28)):  # the likelihood alone prefers a square that is negative somewhere
        data = ornstein_uhlenbeck(1.0, 0.0, 0.5, 0.1, 150, np.random.default_rng(seed))
        found = quick(UNKNOWN, data)
        square = sp.lambdify(x, sp.expand(found.terms[g] ** 2))(data["x"])
        assert (square * np.ones(151) >= 0).all()
        assert np.isfinite(found.intervals[["lower", "upper"]].to_numpy()).all()


def test_no_model_has_more_terms_than_asked_for():
    times, rows = paths(lambda v: v - v**3, lambda v: np.sqrt(0.2 + 0.3 * v**2), 0.05, 2000, [5])
    found = quick(UNKNOWN, {"t": times, "x": rows[0]}, options=RecoverOptions(largest=2))
    for system in found.systems:
        sides = (sp.expand(system.drift[0]), sp.expand(system.diffusion[0, 0] ** 2))
        assert sum(len(sp.Add.make_args(e)) for e in sides if e != 0) <= 2


def test_a_path_has_as_many_independent_states_as_its_correlation_leaves():
    # the autocorrelation of a step is exp(-k h): N (1 - r)/(1 + r) is N tanh(k h / 2)
    data = ornstein_uhlenbeck(1.0, 2.0, 0.5, 0.2, 40_000, np.random.default_rng(8))
    found = quick(UNKNOWN, data, library=LINEAR, budget=1e-6).increments
    assert found.independent == pytest.approx(40_000 * np.tanh(0.1), rel=0.05)


# ---- data, options and figures --------------------------------------------------------------------


def test_gaps_several_paths_and_held_out_times():
    rng = np.random.default_rng(6)
    parts = [ornstein_uhlenbeck(1.0, 1.0, 0.5, 0.1, 700, rng) for _ in range(3)]
    values = np.stack([p["x"] for p in parts])
    values[0, 100:120] = np.nan
    data = xr.Dataset({"x": (("trajectory", "time"), values)}, coords={"time": parts[0]["t"]})
    found = quick(UNKNOWN, data, library=LINEAR)
    assert found.increments.count == 3 * 700 - 20
    assert found.increments.gaps.max() == pytest.approx(2.1)
    later = quick(UNKNOWN, data, library=LINEAR, heldout=0.25)
    assert later.table["heldout_one_step"][0] == pytest.approx(later.table["one_step"][0], rel=0.1)
    assert len(increments(found.observations, 2).gaps) == pytest.approx(3 * 700 - 20, abs=6)


def test_a_sign_that_is_known_rules_models_out():
    times, rows = paths(lambda v: v - v**3, lambda v: 0.5 + 0 * v, 0.05, 4000, [5])
    data = {"t": times, "x": rows[0]}
    system = sd.SDESystem({x: -(x**3) + w(x)}, {x: s})
    assert quick(system, data, library=[x, x**2]).terms[w] != 0
    assert quick(system, data, library=[x, x**2], signs={w: 1}).terms[w].coeff(x, 1) == 0


def test_a_budget_ends_the_search_with_the_best_so_far():
    times, rows = paths(lambda v: v - v**3, lambda v: 0.5 + 0 * v, 0.05, 4000, [5])
    found = quick(UNKNOWN, {"t": times, "x": rows[0]}, budget=1e-6)
    assert not found.complete
    assert "budget" in found.warnings[0]


def test_figures_draws_and_words():
    data = ornstein_uhlenbeck(1.0, 1.0, 0.5, 0.1, 2000, np.random.default_rng(6))
    found = quick(UNKNOWN, data, options=RecoverOptions(degree=1, level=0.5))
    figure = found.plot()
    assert [a.get_ylabel() for a in figure.axes] == ["$f{\\left(x \\right)}$", "$g^{2}{\\left(x \\right)}$"]
    import matplotlib.pyplot as plt

    with pytest.raises(sd.RecoveryError, match="plot got 1 axes; expected 2"):
        found.plot(axes=[figure.axes[0]])
    plt.close(figure)
    run = sd.simulate(found.system, [0.0, 1.0], initial={x: 1.0}, parameters=found.sample(20)["parameters"], seed=0,
                      progress=False)  # fmt: skip
    assert run.sizes["trajectory"] == 20
    assert "2000 steps" in repr(found)
    assert "f(x) = " in repr(found)
    wide, narrow = (quick(UNKNOWN, data, library=LINEAR, options=RecoverOptions(level=v)).intervals for v in (0.9, 0.5))
    ratio = (wide["upper"] - wide["lower"]) / (narrow["upper"] - narrow["lower"])
    assert ratio.to_numpy() == pytest.approx(1.6449 / 0.6745, rel=1e-3)


def test_a_function_of_two_states_is_drawn_over_its_values():
    true = sd.SDESystem({x: y - x, y: -x - y}, {x: 0.4, y: 0.4}, initial={x: 1, y: 0})
    run = sd.simulate(true, np.arange(0, 100.01, 0.05), seed=2, step=0.01, progress=False)
    system = sd.SDESystem({x: f(x, y), y: -x - y}, {x: w(x, y), y: w(x, y)})
    found = quick(system, run[["x", "y"]], library={f: 1, w: [sp.S.One]})
    assert set(found.terms[f].as_coefficients_dict()) == {x, y}
    figure = found.plot()
    assert "recovered" in figure.axes[0].get_xlabel()
    assert figure.axes[1].get_xlabel() == "x"


STILL = {"t": np.arange(20), "x": np.sin(np.arange(20)), "y": np.cos(np.arange(20))}


@pytest.mark.parametrize(
    ("system", "data", "options", "message"),
    [
        (sd.SDESystem({x: -x}, {x: 1}), {}, {}, "no unknown term; write one as an undefined function"),
        (UNKNOWN, {}, {"unknown": ["z"]}, "'z' is neither an unknown function nor a state"),
        (sd.SDESystem({x: f(g(x))}, {x: 1}), {}, {}, "is an argument of another"),
        (sd.SDESystem({x: f(x), y: -y}, {x: 1, y: 1}), {}, {}, "the state y is not in the data"),
        (UNKNOWN, {"t": [0, 1, 2], "x": [0, 1, 2]}, {}, "fewer than ten steps"),
        (UNKNOWN, {}, {"signs": {"q": 1}}, "signs names 'q'; known: f, g"),
        (sd.SDESystem({x: f(x), y: -y}, {x: 1}), STILL, {"library": [x]}, "no candidate makes the data possible"),
    ],
)
def test_errors(system, data, options, message):
    path = ornstein_uhlenbeck(1.0, 1.0, 0.5, 0.1, 50, np.random.default_rng(6))
    with pytest.raises(sd.RecoveryError, match=message):
        quick(system, data or path, **options)


@pytest.mark.parametrize("sizes", [(1.0, 1.0), (1e4, 1e-2), (1e-3, 1e5)])
def test_states_of_very_different_sizes_have_the_noise_that_each_has_alone(sizes):
    """Noises are those of the residuals of the steps, whatever the units of the states."""
    rng, gap = np.random.default_rng(0), 0.1
    values = np.zeros((400, 2))
    for k, kick in enumerate(0.3 * np.sqrt(gap) * rng.normal(size=(399, 2))):
        values[k + 1] = 0.95 * values[k] + kick
    system = sd.SDESystem({x: -x / 2, y: -y / 2}, {x: f(x), y: g(y)})
    data = {"t": gap * np.arange(400), "x": sizes[0] * values[:, 0], "y": sizes[1] * values[:, 1]}
    found = sd.recover(system, data, library=[1], progress=False)
    residual = values[1:] - np.exp(-gap / 2) * values[:-1]
    exact = np.sqrt(np.mean(residual**2, axis=0) / -np.expm1(-gap))
    for e, size, noise in zip(found.terms.values(), sizes, exact, strict=True):
        assert float(e) == pytest.approx(size * noise, rel=1e-3)
    assert not any("did not converge" in note for note in found.warnings)
