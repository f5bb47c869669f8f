"""Forecasts of chaos: what exact, constant and linear methods must reach, and numbers by other hands."""

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from scipy.integrate import solve_ivp
from scipy.stats import spearmanr

import symdyn as sd
from symdyn.models import zoo
from symdyn.studies import Training, forecast, forecast_correlations, forecast_table, plot_forecasts
from symdyn.studies._forecasters import FORECASTERS

FLOWS = {name: zoo.chaotic[name] for name in ("sprott_b", "chen")}
#: Largest exponents and dimensions by Sprott (1994) and Sprott, Chaos and Time-Series Analysis (2003), appendix A.
PUBLISHED = {
    "lorenz": (0.9056, 2.062), "roessler": (0.0714, 2.013), "sprott_b": (0.210, 2.174), "sprott_c": (0.163, 2.140),
    "sprott_d": (0.103, 2.078), "sprott_f": (0.117, 2.190), "sprott_h": (0.117, 2.190), "sprott_j": (0.076, 2.037),
    "sprott_m": (0.044, 2.042), "sprott_p": (0.087, 2.187), "sprott_s": (0.188, 2.158), "quadratic_jerk": (0.0551, 2.0266),
    "cubic_jerk": (0.0837, 2.0396), "chen": (2.0272, 2.1686), "halvorsen": (0.7899, 2.1717), "windmi": (0.0755, 2.0974),
    "diffusionless_lorenz": (0.2101, 2.1736), "hyperchaotic_roessler": (0.112, 3.005),
}  # fmt: skip


def exact(training: Training):
    """The flow itself, by scipy."""
    rates = sp.lambdify([training.system.states], list(training.system.part("drift")))
    step = training.times[1] - training.times[0]

    def run(history, count):
        times = step * np.arange(count + 1)
        return solve_ivp(lambda t, v: rates(v), (0, times[-1]), history[-1], "DOP853", times, rtol=1e-12, atol=1e-12).y.T[1:]

    return run


def test_the_exact_flow_is_valid_to_the_horizon_and_a_constant_as_long_as_it_is_near():
    kept = {}

    def constant(training):
        return lambda history, count: np.repeat(history[-1:], count, axis=0)

    def recorded(training):
        def run(history, count):
            kept.setdefault("runs", []).append((history, exact(training)(history, count)))
            return kept["runs"][-1][1]

        kept.update({"step": training.times[1] - training.times[0], "spread": np.sqrt(training.values.var(axis=0).sum())})
        return run

    own = {"exact": recorded, "constant": constant, "persistence": FORECASTERS["persistence"]}
    study = forecast({"chen": FLOWS["chen"]}, own, points=[2000], starts=4, horizon=3, progress=False)
    ours = study.sel(forecaster=["persistence"])
    assert (study.valid_time.sel(forecaster="exact") > 3 - 2 * kept["step"] * float(study.exponent[0])).all()
    assert (study.smape.sel(forecaster="exact") < 1e-4).all()
    np.testing.assert_array_equal(study.valid_time.sel(forecaster="constant"), ours.valid_time.sel(forecaster="persistence"))
    unit = kept["step"] * float(study.exponent[0])
    nearest, furthest = 0.0, np.inf  # between which the spread must lie
    for k, (history, truth) in enumerate(kept["runs"]):
        gap = np.linalg.norm(truth - history[-1], axis=1) / 0.3
        first = round(float(ours.valid_time[0, 0, 0, 0, k]) / unit)
        nearest, furthest = max(nearest, gap[:first].max(initial=0.0)), min(furthest, gap[first])
        share = np.abs(truth - history[-1]) / (np.abs(truth) + np.abs(history[-1]))
        assert float(ours.smape[0, 0, 0, 0, k]) == pytest.approx(200 * share[: round(1 / unit)].mean(), rel=1e-6)
    assert nearest < furthest
    assert 0.9 * kept["spread"] < furthest
    assert nearest < 1.1 * kept["spread"]


def test_a_linear_map_is_learnt_exactly_by_regressions():
    """x'' = -x, which no chaos study takes: the regressions themselves."""
    t = 0.2 * np.arange(200)
    values = np.stack([np.cos(t), -np.sin(t)], axis=1)
    training = Training(t, values, sd.ODESystem.from_text("x' = y; y' = -x"), 0)
    later = 0.2 * (200 + np.arange(50))
    truth = np.stack([np.cos(later), -np.sin(later)], axis=1)
    for name, most in (("linear", 1e-5), ("nvar", 1e-4), ("echo-state", 0.05)):
        learnt = FORECASTERS[name](training)
        assert np.abs(learnt(values[-100:], 50) - truth).max() < most, name


def test_equations_foretell_to_the_horizon_and_a_hidden_one_is_found():
    study = forecast(
        {"sprott_n": zoo.chaotic["sprott_n"]}, ["linear", "recover", "hybrid"], points=[60], starts=3, progress=False
    )
    middle = study.valid_time.median("start").squeeze(["flow", "points", "noise"])
    assert (middle.sel(forecaster=["recover", "hybrid"]) > 4.9).all()
    assert middle.sel(forecaster="linear") < 1


def test_tables_and_figures_hold_medians_over_flows():
    study = forecast(FLOWS, ["persistence", "nvar"], points=[60, 100], noise=[0, 0.05], starts=3, progress=False)
    table, each = forecast_table(study), study.valid_time.median("start")
    assert table.loc[("nvar", 100, 0.05), "valid_time"] == each.sel(forecaster="nvar", points=100, noise=0.05).values.mean()
    assert (table["failed"] == 0).all()
    figure = plot_forecasts(study, noise=0.05)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["persistence", "nvar"]
    chaos = np.sort(study.exponent * study.period)
    np.testing.assert_allclose(np.sort(figure.axes[1].lines[0].get_xdata()), chaos)


def drawn(training):
    """All that a method may learn from, and random numbers of its seed, in one number."""
    shift = 1e-3 * (training.values.sum() + training.times[-1] + np.random.default_rng(training.seed).normal())
    return lambda history, count: np.repeat(history[-1:] + shift, count, axis=0)


def test_numbers_do_not_depend_on_what_else_is_asked():
    alone = forecast({"chen": FLOWS["chen"]}, {"b": drawn}, points=[100], noise=[0.01], starts=2, seed=3, progress=False)
    all_of = forecast(FLOWS, {"a": drawn, "b": drawn}, points=[100, 60], noise=[0, 0.01], starts=2, seed=3, progress=False)
    same = all_of.sel(flow=["chen"], forecaster=["b"], points=[100], noise=[0.01])
    assert alone.drop_vars("seconds").identical(same.drop_vars("seconds"))
    assert (alone.smape != all_of.smape.sel(flow=["chen"], forecaster=["b"], points=[60], noise=[0.01])).values.all()


def test_rank_correlations_are_those_of_scipy():
    rng = np.random.default_rng(4)
    flows, values = [f"f{k}" for k in range(12)], rng.random((12, 2, 3))
    numbers = {name: ("flow", rng.random(12)) for name in ("exponent", "period", "dimension")}
    study = xr.Dataset(
        {"valid_time": (("flow", "forecaster", "start"), values), **numbers}, {"flow": flows, "forecaster": ["a", "b"]}
    )
    found = forecast_correlations(study, resamples=200)
    middle = np.median(values, axis=2)
    for m in range(2):
        chaos = numbers["exponent"][1] * numbers["period"][1]
        assert float(found.correlation[m, 0]) == pytest.approx(spearmanr(middle[:, m], chaos).statistic)
        assert float(found.correlation[m, 1]) == pytest.approx(spearmanr(middle[:, m], numbers["dimension"][1]).statistic)
    assert (found.lower <= found.correlation).all()
    assert (found.correlation <= found.upper).all()


@pytest.mark.parametrize("name", PUBLISHED)
def test_flows_of_the_zoo_have_their_published_exponents(name):
    found = sd.analysis.lyapunov_exponents(zoo.chaotic[name], steps=1200, burn_in=300)
    exponent, dimension = PUBLISHED[name]
    error = float(found.standard_error[0])
    assert abs(float(found.lyapunov[0]) - exponent) < 4 * error + 0.02 * exponent
    assert float(found.kaplan_yorke) == pytest.approx(dimension, abs=0.02)


def failing(training):
    raise sd.DeclarationError("nothing can be said")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"methods": ["nvr"]}, "no method of forecasts is called 'nvr'. Did you mean 'nvar'"),
        ({"methods": []}, "expected different names"),
        ({"methods": {"mine": 3}}, "functions of a Training"),
        ({"points": [100, 100]}, "expected different numbers"),
        ({"points": [5]}, r"expected a whole number from 20"),
        ({"noise": [-0.1]}, "expected numbers from 0"),
        ({"horizon": 50}, "no truth is known"),
        ({"flows": {}}, "a mapping of names to ODESystems"),
        ({"flows": {"ring": sd.ODESystem.from_text("x' = y; y' = -x; x(0) = 1; y(0) = 0")}}, "is not chaotic"),
    ],
)
def test_what_is_wrong_is_named(change, message):
    given = {"flows": {"chen": FLOWS["chen"]}, "methods": ["persistence"], "starts": 1, "progress": False} | change
    with pytest.raises(sd.DeclarationError, match=message):
        forecast(given.pop("flows"), given.pop("methods"), **given)


def test_a_method_that_fails_is_said_and_scores_nothing():
    study = forecast({"chen": FLOWS["chen"]}, {"mine": failing}, points=[30], starts=2, progress=False)
    assert study.note.item() == "DeclarationError: nothing can be said"
    assert (study.valid_time == 0).all()
    assert (study.smape == 200).all()
    with pytest.raises(KeyError, match="Did you mean 'lorenz'"):
        zoo.chaotic["lorentz"]
    with pytest.raises(sd.DeclarationError, match="expected five or more"):
        forecast_correlations(study)
