"""PEtab: likelihoods against closed forms, the published suite, published problems; messages."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sympy as sp
import xarray as xr
from scipy import stats

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.io.petab import lanes
from symdyn.io.petab.distributions import log_density, read_prior
from symdyn.io.petab.formulas import read_formula
from tests.io.petab_problems import (
    difference_of_gradients,
    differences_of_objectives,
    differences_of_rates,
    differences_of_simulations,
)
from tests.io.petab_suite import judge, unpack
from tests.io.petab_tables import CONVERSION, MODEL, written

pytest.importorskip("libsbml")
pytest.importorskip("yaml")

DATA = Path(__file__).parents[3] / "shared" / "data"
SUITE, PROBLEMS = DATA / "petab_suite_half.tar.xz", DATA / "petab_problems.tar.xz"


def simulated(problem: sd.PetabProblem, **parameters: float) -> list[float]:
    return problem.simulate(parameters).simulation.tolist()


# ---- published cases ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not SUITE.exists(), reason="the archive of the PEtab test suite is not here")
def test_the_published_suite_is_met(tmp_path):
    cases = sorted(p.parent for p in unpack(SUITE, tmp_path).rglob("_*_solution.yaml"))
    outcomes = {f"{c.parent.name}/{c.name}": judge(c) for c in cases}
    assert len(outcomes) == 25
    assert not {name: outcome for name, outcome in outcomes.items() if outcome != "passed"}


@pytest.mark.skipif(not PROBLEMS.exists(), reason="the archive of published problems is not here")
@pytest.mark.parametrize("name", ["Boehm_JProteomeRes2014", "Bruno_JExpBot2016", "Rahman_MBS2016", "Weber_BMC2015"])
def test_published_problems_give_their_simulations(tmp_path, name):
    folder = unpack(PROBLEMS, tmp_path) / "petab" / name
    problem = sd.read_petab(folder / f"{name}.yaml")
    assert differences_of_simulations(problem, next(folder.glob("simulatedData*"))) < 2e-6
    published = {"Boehm_JProteomeRes2014": -138.22199, "Weber_BMC2015": -296.20183}  # of the benchmark collection
    if name in published:
        assert problem.objective() == pytest.approx(published[name], abs=1e-3)
    if name not in published:  # of all twelve: `python -m tests.io.petab_problems`
        assert difference_of_gradients(problem) < 1e-7
    pytest.importorskip("petab")
    ours, theirs = differences_of_objectives(problem, folder / f"{name}.yaml", next(folder.glob("simulatedData*")))
    assert abs(ours) < 1e-9
    assert abs(theirs) < 1e-4


@pytest.mark.skipif(not PROBLEMS.exists(), reason="the archive of published problems is not here")
def test_right_hand_sides_are_those_of_libroadrunner(tmp_path):
    pytest.importorskip("roadrunner", reason="libroadrunner comes with the extra 'bench'")
    folder = unpack(PROBLEMS, tmp_path) / "petab"
    for name in ("Bachmann_MSB2011", "Weber_BMC2015"):
        problem = sd.read_petab(folder / name / f"{name}.yaml")
        assert differences_of_rates(problem, next((folder / name).glob("model*"))) < 1e-9


# ---- closed forms ------------------------------------------------------------------------------------------


def test_likelihood_of_a_conversion_is_that_of_its_solution():
    table = pd.read_csv(CONVERSION / "measurements.tsv", sep="\t")
    start = table.simulationConditionId.map({"weak": 1, "strong": 2})
    k1, k2 = np.array([0.5, 0.8, 1.7]), 0.6
    exact = start.to_numpy() * (k2 + k1[:, None] * np.exp(-(k1[:, None] + k2) * table.time.to_numpy())) / (k1[:, None] + k2)
    residual = (table.measurement.to_numpy() - exact) / 0.05
    problem = sd.read_petab(CONVERSION / "conversion.yaml")
    assert problem.chi2({"k1": k1}) == pytest.approx((residual**2).sum(axis=1), rel=1e-6)
    assert problem.objective({"k1": k1}) == pytest.approx(stats.norm.logpdf(residual, scale=1).sum(axis=1) - 12 * np.log(0.05))
    assert problem.objective({"k1": 0.8}) == pytest.approx(problem.objective({"k1": k1})[1], rel=1e-9)
    assert problem.unscaled(problem.scaled({"k1": k1}))["k1"] == pytest.approx(k1)


def test_conditions_and_points_are_trajectories_of_one_simulation(monkeypatch):
    sizes, run = [], lanes.LaneKernels.run

    def counted(kernels, times, parameters, starts, *rest):
        sizes.append(len(starts[0].value))
        return run(kernels, times, parameters, starts, *rest)

    monkeypatch.setattr(lanes.LaneKernels, "run", counted)
    sd.read_petab(CONVERSION / "conversion.yaml").objective({"k1": np.linspace(0.5, 1, 7)})
    assert sizes == [14]


def test_events_that_are_not_followed_through_periods_are_refused(tmp_path):
    """A condition may set C across 1, where ``C == 1`` does not act: the side of C would be that of before."""
    head = '<event id="E" useValuesFromTriggerTime="true"><trigger initialValue="true" persistent="true">'
    maths = '<math xmlns="http://www.w3.org/1998/Math/MathML">'
    tail = "</listOfEventAssignments></event></listOfEvents></model>"
    set_n = f'<listOfEventAssignments><eventAssignment variable="N">{maths}<cn>2</cn></math></eventAssignment>{tail}'
    equal = f"{maths}<apply><eq/><ci>C</ci><cn>1</cn></apply></math></trigger>"
    measured = "observableId experimentId time measurement\nc e 1 1\nc e 4 1"
    tables = {
        "condition": "conditionId targetId targetValue\nfirst C 2\nsecond C 0.5",
        "experiment": "experimentId time conditionId\ne 0 first\ne 3 second", "measurement": measured,
    }  # fmt: skip
    for trigger, delay, message in ((equal, "", "that compare with =="), (equal.replace("eq", "lt"), "1", "with delays")):
        late = f"<delay>{maths}<cn>{delay}</cn></math></delay>" if delay else ""
        path = written(tmp_path, **tables)
        event = f"<listOfEvents>{head}{trigger}{late}{set_n}"
        (tmp_path / "model.xml").write_text(MODEL.replace("</model>", event))
        with pytest.raises(DeclarationError, match=f"events {message}, which are not followed from one period to the next"):
            sd.read_petab(path)
    written(tmp_path, measurement="observableId time measurement\nc 1 1\nc 4 1")
    (tmp_path / "model.xml").write_text(MODEL.replace("</model>", f"<listOfEvents>{head}{equal}{set_n}"))
    assert len(sd.read_petab(path).measurements) == 2


def test_periods_change_amounts_and_sizes_as_events_do(tmp_path):
    problem = sd.read_petab(
        written(
            tmp_path,
            condition="conditionId targetId targetValue\nfirst k 1+s-0.25\nsecond V 2*V\nsecond C 2*C+N\nthird V 8",
            experiment="experimentId time conditionId\ne 1 first\ne 3 second\ne 5 third",
            measurement="observableId experimentId time measurement\n"
            "c e 1 1\nc e 2 1\nn e 2 1\nc e 3 1\nn e 3 1\nc e 4 1\nc e 5 1\ng e 5 1\nc e 6 1",
        )
    )
    n = 5 * np.exp(-np.array([1, 2, 4]))  # `twice` is 2*0.5, evaluated before the first condition sets k
    c = 3 * math.exp(-2)
    after = (2 * c + n[1]) / 2  # a concentration that is assigned is one of the old size
    last = after * math.exp(-2) / 2
    expected = [3, 3 * math.exp(-1), n[0], after, n[1], after * math.exp(-1), last, last + n[2] + 0.25, last * math.exp(-1)]
    assert simulated(problem) == pytest.approx(expected, rel=1e-6)


def test_version_1_replaces_initial_values_and_sizes(tmp_path):
    problem = sd.read_petab(
        written(
            tmp_path, 1,
            parameter="parameterId parameterScale lowerBound upperBound nominalValue estimate\ns lin 0 9 0.25 1",
            condition="conditionId k V C N\na 1 4 s nan\nb 0.1 nan nan 7",
            measurement="observableId preequilibrationConditionId simulationConditionId time measurement\n"
            "c  a 1 1\nn  a 1 1\nc a b 0 1\nn a b 1 1".replace("c  a", "c\t\ta").replace("n  a", "n\t\ta"),
        )
    )  # fmt: skip
    expected = [0.25 * math.exp(-1), 5 * math.exp(-2), 0, 7 * math.exp(-0.2)]
    assert simulated(problem) == pytest.approx(expected, abs=1e-6)
    assert simulated(problem, s=1.0)[0] == pytest.approx(math.exp(-1), rel=1e-6)


def test_densities_are_those_of_scipy():
    m, y, s = np.array([0.7, 2.0]), np.array([0.9, 1.5]), np.array([0.3, 0.4])
    assert log_density(m, y, s, "lin", False) == pytest.approx(stats.norm.logpdf(m, y, s))
    assert log_density(m, y, s, "lin", True) == pytest.approx(stats.laplace.logpdf(m, y, s))
    assert log_density(m, y, s, "log", False) == pytest.approx(stats.lognorm.logpdf(m, s, scale=y))
    assert log_density(m, y, s, "log", True) == pytest.approx(stats.loglaplace.logpdf(m, 1 / s, scale=y))
    assert log_density(m, y, s, "log10", False) == pytest.approx(stats.lognorm.logpdf(m, s * np.log(10), scale=y))


def test_priors_that_are_cut_off_are_normalised_again():
    cut = read_prior("log-normal", "0.5;0.8", "p", low=0.5, high=4.0)
    whole = stats.lognorm(0.8, scale=math.exp(0.5))
    assert float(cut.log_density(2.0)) == pytest.approx(whole.logpdf(2.0) - math.log(whole.cdf(4.0) - whole.cdf(0.5)))
    assert float(cut.log_density(4.5)) == -math.inf
    scaled = read_prior("parameterScaleNormal", "1;2", "p", scale="log10")
    assert float(scaled.log_density(100.0)) == pytest.approx(stats.norm.logpdf(2, 1, 2))


def test_simulations_that_fail_have_no_likelihood(tmp_path):
    model = MODEL.replace("<ci>V</ci><ci>k</ci><ci>C</ci>", "<ci>V</ci><cn>-1</cn><ci>C</ci><ci>C</ci>")
    path = written(tmp_path, measurement="observableId time measurement\nc 1 1")
    (tmp_path / "model.xml").write_text(model)  # C' = C^2 has no solution at 1/3
    problem = sd.read_petab(path)
    assert math.isnan(simulated(problem)[0])
    assert problem.objective() == -math.inf
    assert problem.chi2() == math.inf


def test_a_model_without_a_steady_state_is_warned_of(tmp_path):
    path = written(tmp_path, measurement="observableId time measurement\nn inf 1\nc 1 1")
    text = MODEL.replace("<apply><times/><ci>twice</ci><ci>N</ci></apply>", "<apply><minus/><cn>1</cn></apply>")
    (tmp_path / "model.xml").write_text(text)
    problem = sd.read_petab(path)
    with pytest.warns(UserWarning, match="no steady state"):
        assert [math.isnan(v) for v in simulated(problem)] == [True, False]


# ---- messages ----------------------------------------------------------------------------------------------

MEASURED = "observableId time measurement\nc 1 1"


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"measurement": "observableId time measurement\nz 1 1"}, "'z', which the table of observables does not have"),
        ({"measurement": "observableId time measurement\nc soon 1"}, "the time in row 1 of the measurements is 'soon'"),
        ({"measurement": "observableId time\nc 1"}, "no column 'measurement'"),
        ({"measurement": "observableId time measurement observableParameters\nc 1 1 2"}, "has 1 observableParameters"),
        (
            {"measurement": MEASURED, "observable": "observableId observableFormula noiseFormula\nc C+z 1"},
            "nothing is called 'z'",
        ),
        (
            {"measurement": MEASURED, "observable": "observableId observableFormula noiseFormula\nc eval(C) 1"},
            "eval is no function",
        ),
        ({"measurement": MEASURED, "observable": "observableId observableFormula noiseFormula\nc C$ 1"}, "unexpected '$'"),
        (
            {
                "measurement": "observableId experimentId time measurement\nc e 1 1",
                "condition": "conditionId targetId targetValue\na f 1",
                "experiment": "experimentId time conditionId\ne 0 a",
            },
            "f is changed by a table, but a rule",
        ),
        (
            {
                "measurement": "observableId experimentId time measurement\nc e 1 1",
                "experiment": "experimentId time conditionId\ne 2 ",
            },
            "before its experiment begins at 2",
        ),
        (
            {"measurement": MEASURED, "parameter": "parameterId estimate nominalValue lowerBound upperBound\ns true 1 3 2"},
            "the lower bound 3 is above the upper bound 2",
        ),
    ],
)
def test_tables_that_contradict_are_named(tmp_path, tables, message):
    with pytest.raises(DeclarationError, match=re.escape(message)):
        sd.read_petab(written(tmp_path, **tables))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format_version: 3", "versions 1 and 2 are read"),
        ("[1, 2]", "expected the YAML file of a PEtab problem"),
        ("!!python/object/apply:os.system ['true']", "is no YAML"),
        ("[" * 5000, "is no YAML"),
        (
            "format_version: 2.0.0\nmodel_files: {a: {language: bngl, location: m.py}}",
            "written in 'bngl'; expected 'sbml' or 'pysb'",
        ),
        ("format_version: 2.0.0\nextensions: {select: {required: true}}", "extensions of PEtab, which are not read: select"),
        ("format_version: 1\nproblems: [{}, {}]", "has 2 problems; one is read"),
        ("format_version: 1\nproblems: [{sbml_files: [http://example.org/m.xml]}]", "is no name of a file"),
        ("format_version: 1\nproblems: [{sbml_files: [nowhere.xml]}]", "names 'nowhere.xml', which is no file in its folder"),
    ],
)
def test_files_that_are_no_problem_are_refused(tmp_path, text, message):
    (tmp_path / "problem.yaml").write_text(text)
    with pytest.raises(DeclarationError, match=re.escape(message)):
        sd.read_petab(tmp_path / "problem.yaml")


def test_the_model_has_limits_that_can_be_raised():
    file = Path(__file__).parents[2] / "examples" / "data" / "petab_conversion" / "conversion.yaml"
    with pytest.raises(DeclarationError, match=r"\.xml: it has \d+ characters, more than characters=100; raise characters="):
        sd.read_petab(file, characters=100)
    assert sd.read_petab(file, seconds=60, characters=10**6).name == "conversion"


def test_noise_that_is_not_positive_makes_data_impossible():
    problem = sd.read_petab(CONVERSION / "conversion.yaml")
    assert problem.objective({"sigma": -0.05}) == -math.inf
    assert problem.chi2({"sigma": -0.05}) == math.inf


def test_unknown_parameters_are_named():
    problem = sd.read_petab(CONVERSION / "conversion.yaml")
    with pytest.raises(DeclarationError, match="'k3' is no parameter of the problem; its parameters: k1, k2, scale, sigma"):
        problem.objective({"k3": 1})
    with pytest.raises(DeclarationError, match="simulate takes one value"):
        problem.simulate({"k1": [1, 2]})
    with pytest.raises(DeclarationError, match="expected numbers, or arrays of one length"):
        problem.objective({"k1": [1, 2], "k2": [1, 2, 3]})


def test_formulas_have_names_that_are_functions_or_reserved():
    names = {n: sp.Symbol(n) for n in ("exp", "time", "a__b", "pi", "lambda")}
    found = read_formula("exp*exp(pi) + a__b^2^2 - lambda/time", names, "f")
    expected = names["exp"] * sp.exp(names["pi"]) + names["a__b"] ** 4 - names["lambda"] / names["time"]
    assert found == expected
    with pytest.raises(DeclarationError, match="write parentheses"):
        read_formula("piecewise(1, pi > 1 && exp > 1 || time > 1, 2)", names, "f")


def test_a_target_that_nothing_depends_on_is_refused(tmp_path):
    """A misspelt column would leave all conditions alike."""
    shutil.copytree(CONVERSION, tmp_path / "p")
    table = tmp_path / "p" / "conditions.tsv"
    table.write_text(table.read_text().replace("a0", "ao"))
    with pytest.raises(DeclarationError, match="the conditions change 'ao', which the model, the parameters"):
        sd.read_petab(tmp_path / "p" / "conversion.yaml")


def test_priors_are_cut_off_far_from_the_median():
    """Where the distribution function is 1 in float64; an exponential law has no memory."""
    for low, high in ((8.5, 20.0), (-20.0, -8.5)):
        exact = stats.norm.logpdf(9) - np.log(stats.norm.sf(8.5) - stats.norm.sf(20))
        prior = read_prior("normal", "0;1", "p", low=low, high=high)
        assert prior.log_density(math.copysign(9, low)) == pytest.approx(exact, rel=1e-9)
    prior = read_prior("exponential", "0.01", "p", low=1.0, high=200.0)
    assert prior.log_density(1.01) == pytest.approx(math.log(100) - 1)
    for name, numbers, low, high in (("uniform", "0;1", 2.0, 3.0), ("log-normal", "0;1", -3.0, -2.0)):
        with pytest.raises(DeclarationError, match=f"the prior {name} of 0;1 has no values between the bounds"):
            read_prior(name, numbers, "p", low=low, high=high)
    with pytest.raises(DeclarationError, match="the prior gamma has the parameters '-1;1'"):
        read_prior("gamma", "-1;1", "p")


def test_parameters_that_are_no_numbers_are_refused():
    with pytest.raises(DeclarationError, match="expected a mapping to numbers or arrays"):
        sd.read_petab(CONVERSION / "conversion.yaml").objective({"k1": "a"})


# ---- writing -----------------------------------------------------------------------------------------------


def test_a_problem_is_written_with_the_values_of_a_fit(tmp_path):
    problem = sd.read_petab(written(tmp_path, measurement="observableId time measurement\nc 1 2\ng 2 7"))
    again = sd.read_petab(problem.write(tmp_path / "new" / "folder", {"s": 1 / 3}))
    assert again.parameters.nominal["s"] == 1 / 3
    assert again.objective() == problem.objective({"s": 1 / 3})
    assert sd.read_petab(again.write(tmp_path / "third")).objective() == again.objective()
    with pytest.raises(DeclarationError, match=r"problem\.yaml exists; nothing is written over it"):
        again.write(tmp_path / "third")
    with pytest.raises(DeclarationError, match="'k' is no parameter of the problem"):
        problem.write(tmp_path / "other", {"k": 1.0})
    with pytest.raises(DeclarationError, match="nominal values are finite numbers"):
        problem.write(tmp_path / "other", {"s": math.inf})
    assert not (tmp_path / "other").exists()


def test_a_problem_with_files_elsewhere_is_not_written(tmp_path):
    (tmp_path / "in").mkdir()
    path = written(tmp_path / "in", measurement="observableId time measurement\nc 1 2")
    (tmp_path / "in" / "model.xml").rename(tmp_path / "model.xml")
    path.write_text(path.read_text().replace("model.xml", "../model.xml"))
    with pytest.raises(DeclarationError, match=r"names '\.\./model\.xml', which does not lie in its folder; it is not written"):
        sd.read_petab(path).write(tmp_path / "out")


def test_a_fit_of_a_problem_is_kept_with_its_files(tmp_path):
    shutil.copytree(CONVERSION, tmp_path / "p")
    fit = sd.fit(sd.read_petab(tmp_path / "p" / "conversion.yaml"), starts=2, seed=3, rtol=1e-7)
    fit.save(tmp_path / "fit.nc")
    shutil.rmtree(tmp_path / "p")
    again = sd.Fit.load(tmp_path / "fit.nc")
    assert again.parameters == fit.parameters
    assert again.intervals.equals(fit.intervals)
    assert again.ends.equals(fit.ends)
    assert (again.seed, again.level, str(again)) == (3, fit.level, str(fit))
    assert again.problem.how == fit.problem.how
    assert float(again.profile("k1", points=3).upper) == pytest.approx(float(fit.profile("k1", points=3).upper), rel=1e-12)


def test_a_fit_of_a_problem_that_was_changed_is_refused(tmp_path):
    fit = sd.fit(sd.read_petab(CONVERSION / "conversion.yaml"), starts=1)
    fit.save(tmp_path / "fit.nc")
    kept = xr.load_dataset(tmp_path / "fit.nc")
    place = json.loads(kept.attrs["fit"])["theta"]["array"]
    foreign = json.dumps(str(CONVERSION / "parameters.tsv"))[1:-1]
    changes = {
        "names files that are not in it": ("parameter_file: parameters.tsv", f"parameter_file: {foreign}"),
        "level of the intervals is 7": ('"level": 0.9', '"level": 7'),
        "rtol is -1": ('["rtol", 1e-08]', '["rtol", -1]'),
    }
    for message, (old, new) in changes.items():
        assert old in kept.attrs["fit"]
        changed = kept.assign_attrs(fit=kept.attrs["fit"].replace(old, new))
        changed.to_netcdf(tmp_path / "changed.nc")
        with pytest.raises(DeclarationError, match=message):
            sd.Fit.load(tmp_path / "changed.nc")
    for values in (np.zeros(3), fit.theta + 100):
        kept.drop_vars(place).assign({place: ("values", values)}).to_netcdf(tmp_path / "changed.nc")
        with pytest.raises(DeclarationError, match="the values are not one for each name, within its bounds"):
            sd.Fit.load(tmp_path / "changed.nc")
