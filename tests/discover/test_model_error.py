"""Models with an error of their own: when they are compared, what a recovery says of them, and bands of its predictions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen.kernel import CpuKernel
from symdyn.discover.error_comparison import once, together
from symdyn.discover.forecasts import refitted
from symdyn.discover.model_error import less, recovery_with_errors, weighed
from symdyn.discover.options import RecoverOptions
from symdyn.discover.ranked import RankedSystem
from symdyn.discover.rivals import Offer, TextbookModel, rivals
from symdyn.discover.whole.fits import Fitter
from symdyn.errors import RecoveryError
from symdyn.inference.data import observations
from symdyn.inference.filtering import ErrorLaw, FilterLikelihood

x = sp.Symbol("x")
f = sp.Function("f")


def logistic(noise, points=25, seed=0):
    t = np.linspace(0, 6, points)
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"t": t, "x": 3 / (1 + 9 * np.exp(-t)) * np.exp(noise * rng.standard_normal(points))})


def test_rivals_of_exact_data_hold_the_truth():
    system = sd.ODESystem({x: f(x)})
    data = observations(system, logistic(0.0, 61))
    offers = [Offer(f(x), x**k, 4.0) for k in range(4)]
    for logarithmic in (False, True):
        found = [{o.shape: c for o, c in r.terms} for r in rivals(system, offers, data, logarithmic=logarithmic)]
        assert next(r for r in found if set(r) == {x, x**2}) == pytest.approx({x: 1.0, x**2: -1 / 3}, rel=0.01)


def test_rivals_of_textbooks_have_the_nearest_coefficients_with_their_signs():
    system = sd.ODESystem({x: f(x)})
    data = observations(system, logistic(0.0, 61))
    offers = [Offer(f(x), x**k, 4.0) for k in range(4)]
    for growth in (1, -1):
        known = TextbookModel({(f(x), x): growth, (f(x), x**2): -growth}, 3.0)
        *small, found = rivals(system, offers, data, logarithmic=False, known=[known])
        assert found.known is known
        assert {o.shape: c for o, c in found.terms} == pytest.approx({x: growth, x**2: -growth / 3}, rel=0.01)
        assert small == rivals(system, offers, data, logarithmic=False)


@pytest.mark.parametrize("other", [sp.log(x), sp.sqrt(x), x**2, sp.sin(x)])
def test_models_that_share_a_kernel_do_not_meet_the_poles_of_others(other):
    declared, starts = sd.ODESystem({x: f(x)}), np.array([[1.0]])
    t = np.arange(8.0)
    data = observations(declared, {"t": t, "x": np.exp(-t)})

    def model(k, shape):
        system = sd.ODESystem({x: k * shape}, {k: -1.0})
        return RankedSystem(system, {f(x): k * shape}, {}, 1, 0.0, free={k: (-np.inf, np.inf)}, labels=(("f(x)", str(shape)),))

    k, models = sp.Symbol("k"), [model(sp.Symbol("k"), shape) for shape in (x, other)]
    within = together(declared, models, starts)
    alone, shared = (
        FilterLikelihood(models[0].system, data, ErrorLaw("common"), (k,), starts=starts, within=own)
        for own in (None, within.get(id(models[0])))
    )
    theta = alone.values(0.1, 0.1)  # the spread of the state reaches below zero
    assert (id(models[1]) in within) == (other in (x**2, sp.sin(x)))
    assert np.isfinite(alone.value(theta))
    assert shared.value(theta) == pytest.approx(alone.value(theta), abs=1e-6)


def test_few_data_of_a_population_are_compared_with_textbooks_where_nothing_is_known():
    data = logistic(0.1, 20, seed=1)
    found = sd.recover(None, data, progress=False)
    assert any("textbook of populations" in note for note in found.warnings)
    terms = sp.expand(found.terms["f_x"]).as_coefficients_dict()
    assert terms.keys() == {x, x**2}
    # the growth and the capacity that were simulated
    assert float(terms[x]) == pytest.approx(1.0, rel=0.2)
    assert float(-terms[x] / terms[x**2]) == pytest.approx(3.0, rel=0.1)
    below = sd.recover(None, data.assign(x=data["x"] - 1), progress=False)
    assert not any("textbook" in note for note in below.warnings)


def test_ten_data_are_compared_with_textbooks_without_process_noise():
    data = logistic(0.1, 10, seed=2)
    found = sd.recover(None, data.assign(x=20 * data["x"]), progress=False)
    terms = sp.expand(found.terms["f_x"]).as_coefficients_dict()
    assert terms.keys() == {x, x**2}  # that were simulated
    assert found.law.process is None  # a dozen data of a state are needed to tell two errors apart
    assert any("textbook of populations" in note for note in found.warnings)


def gause(column):
    """The first two thirds of a culture with eleven data that a search ends in terms fitted to noise."""
    table = pd.read_csv(Path(__file__).parents[2] / "examples/data/gause1934_table4.csv", comment="#")
    return pd.DataFrame({"t": table["day"], "x": table[column]}).astype(float).iloc[:11]


@pytest.mark.parametrize(("ends", "said"), [(2.0, True), (9.0, False)])
def test_growth_that_goes_on_beyond_few_data_is_said_to_be_unknown(ends, said):
    """Logistic growth that is seen long before its limit, or at it."""
    t = np.linspace(0, ends, 12)
    values = 200 / (1 + 99 * np.exp(-t)) * (1 + 0.05 * np.random.default_rng(5).standard_normal(12))
    found = sd.recover(None, {"t": t, "x": values}, options=RecoverOptions(process=True), progress=False)
    assert any("where growth ends" in note for note in found.warnings) == said


def test_a_textbook_comes_before_the_search_though_a_walk_has_a_smaller_criterion():
    declared, k = sd.ODESystem({x: f(x)}), sp.Symbol("k")
    values = 5 + np.cumsum(5 + 2 * np.random.default_rng(1).standard_normal(20))  # drift and kicks
    data = observations(declared, {"t": range(20), "x": values})
    system = sd.ODESystem({x: k * x**3}, {k: 1e-6})
    searched = RankedSystem(system, {f(x): k * x**3}, {}, 1, 0.0, free={k: (-np.inf, np.inf)}, labels=(("f(x)", "x**3"),))
    growth = TextbookModel({(f(x), x): 2}, 4.0)
    offers = [Offer(f(x), shape, 4.0) for shape in (sp.S.One, x)]
    found = weighed(
        declared, [searched], offers, data, None, automatic=True, largest=3, going=lambda: True, known=[growth], books=True
    )
    assert found.models[0].labels == (("f(x)", "x"),)
    least = min(found.forecasters, key=lambda own: own.criterion)
    law = least.system.defaults
    told = next(note for note in found.notes if "do not tell the law" in note)
    slope = float(law[sp.Symbol("f_2")])
    assert f"f(x) = {float(law[sp.Symbol('f_1')]):.4g} - {-slope:.4g}*x has a criterion that is smaller" in told
    (walk,) = (o.system for o in found.forecasters if len(o.system.parameters) == 1 and o.law.process and o.criterion < 100)
    assert list(map(float, walk.defaults.values())) == pytest.approx([np.diff(values).mean()], rel=0.01)


def test_a_model_that_ends_in_a_singularity_soon_after_few_data_does_not_come_first():
    found = sd.recover(None, gause("aurelia_oneloop_alone"), progress=False, options=RecoverOptions(process=False))
    assert any("end in a singularity before the time of the data has passed once more" in note for note in found.warnings)
    assert np.isfinite(found.predict(np.arange(11.0, 21.0))["x"]).all()


def test_what_is_told_of_a_first_model_is_not_told_of_a_textbook_and_noise_that_is_given_is_kept():
    times = np.linspace(0, 8, 20)
    noise = 1 + 0.03 * np.random.default_rng(3).normal(size=20)
    data = pd.DataFrame({"time": times, "x": noise / (1 + 19 * np.exp(-times))})
    searched, compared, given = (
        sd.recover(None, data, progress=False, options=RecoverOptions(**own))
        for own in ({"process": False}, {}, {"noise": {"x": 0.03}})
    )
    assert "taken as equal" in " ".join(searched.warnings)
    assert "textbook" in " ".join(compared.warnings)
    assert "taken as equal" not in " ".join(compared.warnings)  # its constants are not
    assert given.noise is None
    assert "textbook" not in " ".join(given.warnings)


def test_an_interrupt_ends_the_comparison_with_textbooks(monkeypatch):
    asked = []

    def interrupted(*args, going, **options):
        asked.append(going())
        if len(asked) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("symdyn.discover.model_error.weighed", interrupted)
    found = sd.recover(None, logistic(0.1, 20, seed=1), progress=False)
    assert asked == [True, False]
    assert not found.complete
    assert any("not compared with process noise" in note for note in found.warnings)


KICKS = 0.25 * np.random.default_rng(3).standard_normal(20)


@pytest.fixture(scope="module")
def walking():
    """Logistic growth whose logarithm is moved at random once in a unit of time, measured without error."""
    values = [0.3]
    for kick in KICKS:
        grown = values[-1] * np.exp(0.5)
        values.append(grown / (1 + (grown - values[-1]) / 3) * np.exp(kick))
    return sd.recover(
        sd.ODESystem({x: f(x)}), pd.DataFrame({"t": range(21), "x": values}), library=[x, x**2], surrogate=None, progress=False,
        options=RecoverOptions(process=True),
    )  # fmt: skip


def test_process_noise_is_chosen_and_said(walking):
    assert walking.law.process
    assert any("process noise" in note for note in walking.warnings)
    assert walking.law.logarithmic
    assert np.hypot(*walking.noise.loc["x"]) == pytest.approx(KICKS.std(), rel=0.25)
    assert np.isfinite(walking.table["forecast"][0])


def test_weights_are_those_of_the_laws_that_are_compared(walking):
    # which have process noise; the search had none, and missed much of data with so little noise
    found = sd.recover(
        sd.ODESystem({x: f(x)}), {"t": range(21), "x": walking.observations.trajectories[0].values[:, 0]}, library=[x, x**2],
        surrogate=None, progress=False, options=RecoverOptions(process=True, noise={"x": 0.02}),
    )  # fmt: skip
    assert found.law.process
    assert not any("is not noise" in note for note in found.warnings)
    assert any("noise that is given weighed the data in the search" in note for note in found.warnings)
    odds = np.exp(-0.5 * (found.table["bic"] - found.table["bic"][0]))
    assert found.table["weight"].to_numpy() == pytest.approx((odds / odds.sum()).to_numpy(), rel=1e-6)


def test_a_model_is_told_once_whatever_the_order_of_its_terms():
    terms = ("f(x)", "x"), ("f(x)", "x**2")
    models = [RankedSystem(sd.ODESystem({x: x}), {}, {}, 2, 0.0, labels=own) for own in (terms, terms[::-1], terms[:1])]
    rows = [(float(k), model, None) for k, model in enumerate(models)]
    assert once(rows) == [rows[0], rows[2]]


@pytest.mark.parametrize(("power", "process"), [(2, "auto"), (3, None)])
def test_populations_are_compared_with_process_noise_where_no_textbook_model_comes_first(power, process, monkeypatch):
    # x' = x - x^p from 1/10; with p = 2 it is logistic growth
    asked = []

    def compared(*arguments, options, **further):
        asked.append(options.process)
        return recovery_with_errors(*arguments, options=options, **further)

    monkeypatch.setattr("symdyn.discover.assembly.recovery_with_errors", compared)
    t, q = np.linspace(0, 6, 25), power - 1
    data = {"t": t, "x": (1 + (10.0**q - 1) * np.exp(-q * t)) ** (-1 / q)}
    found = sd.recover(None, data, library="populations", progress=False)
    assert set(sp.expand(next(iter(found.terms.values()))).as_coefficients_dict()) == {x, x**power}
    assert asked == [process]


def test_predictions_begin_at_the_end_of_the_data_and_have_bands(walking):
    found = walking.predict([20.001, 23, 30], band=0.8)
    assert found["x"].values[0] == pytest.approx(walking.observations.trajectories[0].values[-1, 0], rel=0.2)
    assert (found["x_lower"] < found["x"]).all()
    assert (found["x"] < found["x_upper"]).all()
    assert (walking.predict([23], band=0.5)["x_lower"] > found["x_lower"][1]).all()
    with pytest.raises(RecoveryError, match="give times after those of the data"):
        walking.predict([3, 30], band=0.8)
    with pytest.raises(RecoveryError, match="give no initial= or parameters= beside band="):
        walking.predict([23], {x: 1}, band=0.8)


@pytest.mark.filterwarnings("error")
def test_criteria_of_an_earlier_law_are_told(walking, tmp_path):
    walking.save(tmp_path)
    sd.Recovery.load(tmp_path)
    path = tmp_path / "recovery.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "likelihood"}))
    with pytest.warns(UserWarning, match="another law for the first state; weights and bands would mix them"):
        again = sd.Recovery.load(tmp_path)
    assert again.system == walking.system
    replace(walking, law=None, forecasters=()).save(tmp_path)
    path.write_text(path.read_text().replace('"likelihood": 2', '"likelihood": 1'))
    sd.Recovery.load(tmp_path)  # none of its criteria has process noise


def test_bands_are_those_of_a_recovery_that_is_read_back(walking, tmp_path):
    walking.save(tmp_path)
    again = sd.Recovery.load(tmp_path)
    assert [f.law for f in again.forecasters] == [f.law for f in walking.forecasters]
    ours, theirs = (found.predict([23], band=0.8)["x_upper"].item() for found in (walking, again))
    assert theirs == pytest.approx(ours, rel=0.05)


def test_an_order_changes_only_where_forecasts_are_better_by_more_than_chance():
    others = np.array([1.0, 2.0, 1.5, 3.0, 1.2, 2.5])
    assert less(0.5 * others * [1, 1.1, 0.9, 1, 1.1, 0.9], others)
    assert not less(others, others)
    assert not less(others * [0.1, 3, 2, 0.2, 3, 2], others)  # better in the mean of logarithms, by chance
    assert not less(0.5 * others[:2], others[:2])


def test_bands_of_a_wrong_system_are_as_wide_as_its_forecasts_are_wrong():
    # an exponential fitted to logistic growth foretells too much from each origin, and knows its one rate well
    data, time = logistic(0.01, 25), [9.0]
    found = sd.recover(
        sd.ODESystem({x: f(x)}), data, library=[x], surrogate=None, progress=False, options=RecoverOptions(process=False)
    )
    fit = refitted(found)
    alone = np.quantile(fit.paths([np.array(time)], 1000, np.random.default_rng(0))[0][:, 0, 0], 0.1)
    band, truth = found.predict(time, band=0.8), 3 / (1 + 9 * np.exp(-9))
    assert alone > truth
    assert band["x_lower"].item() < truth < band["x_upper"].item()


def test_models_without_an_error_of_their_own_are_not_given_one():
    system, options = sd.ODESystem({x: f(x)}), {"library": [x, x**2], "surrogate": None, "progress": False}
    exact = sd.recover(system, logistic(0.0), **options)
    assert exact.law is None
    measured = sd.recover(system, logistic(0.03), options=RecoverOptions(process=True), **options)
    assert measured.law is not None
    assert measured.law.process is None
    assert set(measured.terms[f(x)].as_coefficients_dict()) == {x, x**2}
    table = measured.optima(6)
    assert table["reached"].sum() <= 6
    assert table.loc[0, ["f_1", "f_2"]].tolist() == pytest.approx([1.0, -1 / 3], rel=0.1)
    band = measured.predict([6.5], band=0.9)
    assert band["x_lower"].item() < 3 / (1 + 9 * np.exp(-6.5)) < band["x_upper"].item()


@pytest.mark.parametrize("process", [True, None])
def test_process_noise_beside_signs_is_refused(process):
    with pytest.raises(RecoveryError, match="no effect beside signs"):
        sd.recover(
            sd.ODESystem({x: f(x)}), logistic(0.1), library=[x], surrogate=None, signs={"f": 1}, progress=False,
            options=RecoverOptions(process=process),
        )  # fmt: skip


@pytest.mark.parametrize("process", [True, False, None])
def test_process_noise_is_refused_where_there_is_none_to_compare(process):
    with pytest.raises(RecoveryError, match="process has no effect on an SDESystem"):
        sd.recover(sd.SDESystem({x: f(x)}, {x: 1}), logistic(0.1), progress=False, options=RecoverOptions(process=process))


def test_a_comparison_that_there_was_no_time_for_is_said():
    options = RecoverOptions(process=True)
    found = sd.recover(
        sd.ODESystem({x: f(x)}), logistic(0.1), library=[x, x**2], surrogate=None, budget=1e-3, progress=False, options=options
    )
    assert found.law is None
    assert "models were not compared with process noise, for there was no time" in found.warnings


@pytest.mark.parametrize("budget", [30, 90])
def test_no_comparison_begins_once_the_time_is_over(monkeypatch, budget):
    """By a clock on which each run of a kernel takes 20 s, so that the time ends in the first, or the second step of fits."""
    clock, late, launch, over = [0.0], [], CpuKernel.launch, Fitter.over

    def launched(*arguments, **options):
        late.append(clock[0] >= budget)
        clock[0] += 20
        return launch(*arguments, **options)

    def fitted(*arguments, **options):
        clock[0] += 0.01
        return over(*arguments, **options)

    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    monkeypatch.setattr(CpuKernel, "launch", launched)
    monkeypatch.setattr(Fitter, "over", fitted)
    sd.recover(None, logistic(0.1, 20, seed=1), progress=False, budget=budget)
    assert 0 < sum(late) <= 3  # of the models that the step is of, each in a kernel of its own; without a limit there are 280
