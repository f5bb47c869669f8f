"""Features of PEtab that the published half of its test suite does not touch, against closed forms of a conversion A <-> B."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import symdyn as sd
from tests.io.petab_tables import CONVERSION, written

pytest.importorskip("libsbml")
pytest.importorskip("yaml")

K1, K2 = 0.8, 0.6
OLD = "parameterId parameterScale lowerBound upperBound nominalValue estimate\n"
NEW = "parameterId lowerBound upperBound nominalValue estimate\n"


def a_of(t, start, total, k1=K1, k2=K2):
    """A after a time t, from a start, of a total of A and B."""
    rest = total * k2 / (k1 + k2)
    return rest + (start - rest) * np.exp(-(k1 + k2) * t)


def read(folder, version, **tables) -> sd.PetabProblem:
    path = written(folder, version, **tables)
    (folder / "model.xml").write_text((CONVERSION / "model.xml").read_text())
    return sd.read_petab(path)


def test_overrides_mix_numbers_and_parameters_from_row_to_row(tmp_path):
    problem = read(
        tmp_path, 1,
        parameter=OLD + "k1 lin 0 9 0.8 1\nk2 lin 0 9 0.6 1\nscaling log10 0.1 10 2 1\noff lin 0 9 0.3 1\nsd lin 0.1 9 0.5 1",
        condition="conditionId a0\nc 1\nd 3",
        observable="observableId observableFormula noiseFormula\n"
        "a observableParameter1_a*A+observableParameter2_a noiseParameter1_a+noiseParameter2_a*A",
        measurement="observableId simulationConditionId time measurement observableParameters noiseParameters\n"
        "a c 0 1 scaling;0.5 sd;0\na c 2 1.2 scaling;off 0.1;0.2\na c 2 1.3 scaling;off 0.1;0.2\na d 2 3 1.5;off sd;sd",
    )  # fmt: skip
    first, later, third = 1.0, a_of(2, 1, 1), a_of(2, 3, 3)
    mean = np.array([2 * first + 0.5, 2 * later + 0.3, 2 * later + 0.3, 1.5 * third + 0.3])
    sigma = np.array([0.5, 0.1 + 0.2 * later, 0.1 + 0.2 * later, 0.5 + 0.5 * third])
    assert problem.objective() == pytest.approx(stats.norm.logpdf([1, 1.2, 1.3, 3], mean, sigma).sum(), rel=1e-7)
    assert problem.simulate().simulation.to_numpy() == pytest.approx(mean, rel=1e-7)


def test_one_species_is_set_again_after_preequilibration_and_one_is_not(tmp_path):
    """Initial values that are estimated, numbers and NaN in one column; a compartment of another size."""
    problem = read(
        tmp_path, 1,
        parameter=OLD + "k1 lin 0 9 0.8 1\nk2 lin 0 9 0.6 1\nb_start lin 0 9 0.7 1",
        condition="conditionId k1 a0 B\nbefore 0.2 2 0.5\nafter 0.8 2 b_start\nkept 0.8 2 nan",
        observable="observableId observableFormula noiseFormula\na A 0.5\nb B 0.5",
        measurement="observableId preequilibrationConditionId simulationConditionId time measurement\n"
        "a before after 1 1\nb before after 1 1\na before kept 1 1\nb before kept 1 1",
    )  # fmt: skip
    rest = a_of(np.inf, 0, 2.5, k1=0.2)  # 2 of A and 0.5 of B
    after, kept = a_of(1, rest, rest + 0.7), a_of(1, rest, 2.5)
    expected = [after, rest + 0.7 - after, kept, 2.5 - kept]
    assert problem.simulate().simulation.to_numpy() == pytest.approx(expected, rel=1e-6)


def test_logarithmic_noise_of_both_bases_and_laplace(tmp_path):
    problem = read(
        tmp_path, 1,
        parameter=OLD + "k1 lin 0 9 0.8 1\nk2 lin 0 9 0.6 1",
        condition="conditionId a0\nc 1",
        observable="observableId observableFormula noiseFormula observableTransformation noiseDistribution\n"
        "a A 0.5 log normal\nb B+1 0.3 log10 normal\nl A 0.2 lin laplace\nm A 0.4 log10 laplace",
        measurement="observableId simulationConditionId time measurement\na c 2 0.7\nb c 2 1.4\nl c 2 0.5\nm c 2 0.6",
    )  # fmt: skip
    a = a_of(2, 1, 1)
    expected = (
        stats.lognorm.logpdf(0.7, 0.5, scale=a) + stats.lognorm.logpdf(1.4, 0.3 * math.log(10), scale=2 - a)
        + stats.laplace.logpdf(0.5, a, 0.2) + stats.loglaplace.logpdf(0.6, 1 / (0.4 * math.log(10)), scale=a)
    )  # fmt: skip
    assert problem.objective() == pytest.approx(expected, rel=1e-7)


def test_experiments_with_several_conditions_at_once_and_a_steady_state_before(tmp_path):
    """Two conditions of one period, a period that changes nothing, and measurements at the steady state."""
    problem = read(
        tmp_path, 2,
        parameter=NEW + "p 0 9 0.4 true\nk2 0 9 0.6 true",
        condition="conditionId targetId targetValue\nslow k1 p/2\nlarge a0 2\nlarge A 2\nfast k1 2*p\nmore B B+1",
        experiment="experimentId time conditionId\n"
        "e -inf slow\ne -inf large\ne 3 fast\ne 5 more\nf 1 fast\nf 1 large\nf 2 ",
        measurement="observableId experimentId time measurement\n"
        "a e 3 1\na e 4 1\nb e 5 1\na e 6 1\na e inf 1\na f 1.5 1\na f 3 1",
        observable="observableId observableFormula noiseFormula\na A 0.5\nb B 0.5",
    )  # fmt: skip
    start = a_of(np.inf, 0, 2, k1=0.2)
    five = a_of(2, start, 2)
    expected = [
        start, a_of(1, start, 2), 3 - five, a_of(1, five, 3), a_of(np.inf, 0, 3), a_of(0.5, 2, 2), a_of(2, 2, 2),
    ]  # fmt: skip
    assert problem.simulate().simulation.to_numpy() == pytest.approx(expected, rel=1e-6)


def test_steady_states_after_last_measurements_at_different_times(tmp_path):
    """A grows by 1 as soon as 4 < t < 6: after the last finite time of one experiment, before that of the other."""
    now = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">t</csymbol>'
    event = f"""<listOfEvents><event useValuesFromTriggerTime="true"><trigger initialValue="true" persistent="true">
<math xmlns="http://www.w3.org/1998/Math/MathML"><apply><and/><apply><gt/>{now}<cn>4</cn></apply>
<apply><lt/>{now}<cn>6</cn></apply></apply></math></trigger>
<listOfEventAssignments><eventAssignment variable="A"><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><plus/><ci>A</ci>
<cn>1</cn></apply></math></eventAssignment></listOfEventAssignments></event></listOfEvents></model>"""
    path = written(
        tmp_path, 1,
        parameter=OLD + "k1 lin 0 9 0.8 1\nk2 lin 0 9 0.6 1",
        condition="conditionId a0\nc 1\nd 1",
        observable="observableId observableFormula noiseFormula\na A 0.5",
        measurement="observableId simulationConditionId time measurement\na c 1 1\na c inf 1\na d 10 1\na d inf 1",
    )  # fmt: skip
    (tmp_path / "model.xml").write_text((CONVERSION / "model.xml").read_text().replace("</model>", event))
    ten, last = a_of(6, a_of(4, 1, 1) + 1, 2), a_of(np.inf, 0, 2)
    assert sd.read_petab(path).simulate().simulation.to_numpy() == pytest.approx([a_of(1, 1, 1), last, ten, last], rel=1e-6)


def test_placeholders_priors_and_noise_of_version_2(tmp_path):
    problem = read(
        tmp_path, 2,
        parameter="parameterId lowerBound upperBound nominalValue estimate priorDistribution priorParameters\n"
        "k1 0 9 0.8 true gamma 2;0.5\nk2 0 9 0.6 true uniform 0;3\ns 0 9 2 true  \ny 0 9 5 false  ",
        observable="observableId observableFormula noiseFormula noiseDistribution observablePlaceholders noisePlaceholders\n"
        "a f*A+y/5 q log-normal f q\nb f*B s laplace f ".replace("laplace f ", "laplace f\t"),
        measurement="observableId time measurement observableParameters noiseParameters\n"
        "a 1 1.7 s 0.3\na 2 1.4 1 k1/2\nb 2 0.5 3 ",
    )  # fmt: skip
    one, two = a_of(1, 1, 1), a_of(2, 1, 1)
    expected = (
        stats.lognorm.logpdf(1.7, 0.3, scale=2 * one + 1) + stats.lognorm.logpdf(1.4, 0.4, scale=two + 1)
        + stats.laplace.logpdf(0.5, 3 * (1 - two), 2)
    )  # fmt: skip
    prior = stats.gamma.logpdf(0.8, 2, scale=0.5) - math.log(stats.gamma.cdf(9, 2, scale=0.5)) - math.log(3) - math.log(9)
    assert problem.objective() == pytest.approx(expected, rel=1e-7)
    assert problem.log_prior() == pytest.approx(prior, rel=1e-9)


def test_a_fit_with_priors_on_logarithmic_scales_adds_them_to_the_likelihood(tmp_path):
    problem = read(
        tmp_path, 1,
        parameter=OLD.strip() + " objectivePriorType objectivePriorParameters\n"
        "k1 log10 0.01 100 0.8 1 parameterScaleNormal -0.2;0.1\nk2 lin 0 9 0.6 1  ",
        condition="conditionId a0\nc 1",
        observable="observableId observableFormula noiseFormula\na A 0.05",
        measurement="observableId simulationConditionId time measurement\na c 1 0.6\na c 2 0.5\na c 4 0.4",
    )  # fmt: skip
    fit = sd.fit(problem, starts=1, guesses={"k1": 0.8, "k2": 0.6})
    k1, k2 = fit.parameters["k1"], fit.parameters["k2"]
    likelihood = stats.norm.logpdf([0.6, 0.5, 0.4], a_of(np.array([1, 2, 4]), 1, 1, k1, k2), 0.05).sum()
    prior = stats.norm.logpdf(math.log10(k1), -0.2, 0.1)  # on the scale of the parameter, as PEtab has it
    assert problem.objective(fit.parameters) == pytest.approx(likelihood, rel=1e-7)
    assert fit.log_likelihood == pytest.approx(likelihood, rel=1e-7)
    assert fit.log_posterior == pytest.approx(likelihood + prior, rel=1e-7)
    assert problem.log_prior(fit.parameters) == pytest.approx(prior, rel=1e-12)
