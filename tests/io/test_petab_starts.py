"""Starts of fits of PEtab problems whose known deviations differ: four oscillators, each with a likelihood of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from scipy import stats

import symdyn as sd
from symdyn.io.petab.fitting import PetabFitProblem
from tests.io.petab_tables import written

pytest.importorskip("libsbml")
pytest.importorskip("yaml")

#: Frequencies, many measurements early, and two late ones that are much more precise: each alone has many maxima.
TRUE, LOW, HIGH = (2.1, 3.7, 1.2, 2.9), 0.5, 4.0
TIMES = np.r_[np.linspace(0.05, 1.5, 40), 8.0, 8.5]
DEVIATIONS = np.r_[np.full(40, 0.1), np.full(2, 0.005)]
GRID = np.linspace(LOW, HIGH, 70_001)


def course(measured: np.ndarray) -> np.ndarray:
    """The log-likelihood of one oscillator at all frequencies of the grid."""
    cosines = (np.cos(np.multiply.outer(part, TIMES)) for part in np.array_split(GRID, 4))
    return np.concatenate([stats.norm.logpdf(measured, c, DEVIATIONS).sum(axis=1) for c in cosines])


def oscillators(
    folder: Path, measured: np.ndarray, deviations: np.ndarray, noise: str = "noiseParameter1_c{k}"
) -> sd.PetabProblem:
    """The problem: phases that grow at constant rates, whose cosines are measured."""
    phases, rates = sp.symbols("p1:5"), sp.symbols("w1:5")
    system = sd.ODESystem(dict(zip(phases, rates, strict=True)), dict.fromkeys(rates, 1), initial=dict.fromkeys(phases, 0))
    tables = {
        "parameter": ["parameterId parameterScale lowerBound upperBound nominalValue estimate"]
        + [f"w{k} lin {LOW} {HIGH} 1 1" for k in range(1, 5)],
        "observable": ["observableId observableFormula noiseFormula"]
        + [f"c{k} cos(p{k}) {noise.format(k=k)}" for k in range(1, 5)],
        "condition": ["conditionId", "all"],
        "measurement": ["observableId simulationConditionId time measurement noiseParameters"]
        + [
            f"c{k + 1} all {t:.17g} {y:.17g} {s}"
            for k in range(4)
            for t, y, s in zip(TIMES, measured[k], deviations, strict=True)
        ],
    }
    path = written(folder, 1, **{kind: "\n".join(lines) for kind, lines in tables.items()})
    system.to_sbml(folder / "model.xml")
    return sd.read_petab(path)


@pytest.fixture(scope="module")
def measured() -> np.ndarray:
    noise = np.random.RandomState(0).randn(4, len(TIMES))
    return np.cos(np.multiply.outer(TRUE, TIMES)) + DEVIATIONS * noise


def test_starts_find_the_greatest_of_a_thousand_maxima(tmp_path, measured, monkeypatch):
    courses = [course(own) for own in measured]
    maxima = [((c[1:-1] > c[:-2]) & (c[1:-1] > c[2:])).sum() for c in courses]
    assert np.prod(maxima) > 1000
    greatest = sum(c.max() for c in courses)
    problem = oscillators(tmp_path, measured, DEVIATIONS)
    fits = [sd.fit(problem, starts=6, seed=seed) for seed in (0, 1, 2, 0)]
    for fit in fits:
        assert fit.ends["log_posterior"].max() == pytest.approx(greatest, abs=0.02)
        best = [GRID[c.argmax()] for c in courses]
        assert [fit.parameters[f"w{k}"] for k in range(1, 5)] == pytest.approx(best, abs=5e-5)
        assert (fit.ends["log_posterior"] > greatest - 0.02).sum() >= 3
        assert len(fit.ends) == 6
    assert fits[3].ends.equals(fits[0].ends)
    assert not fits[1].ends.equals(fits[0].ends)
    # the same starts end elsewhere without
    monkeypatch.setattr(PetabFitProblem, "softened", ())
    assert sd.fit(problem, starts=6).ends["log_posterior"].max() < greatest - 100


def test_added_noise_is_a_share_of_the_spread_and_leaves_the_problem_as_it_is(tmp_path, measured):
    fit = sd.fit(oscillators(tmp_path, measured, DEVIATIONS), starts=1, guesses={f"w{k + 1}": w for k, w in enumerate(TRUE)})
    theta = fit.problem.coordinates(TRUE)[None]
    none = np.zeros((1, 0, 0))
    residuals = measured - np.cos(np.multiply.outer(TRUE, TIMES))
    speeds = TIMES * np.sin(np.multiply.outer(TRUE, TIMES))
    spread = measured.std(axis=1)[:, None]
    for soft, share in zip(fit.problem.softened, (1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02), strict=True):
        wide = np.sqrt(DEVIATIONS**2 + (share * spread) ** 2)
        expected = -2 * stats.norm.logpdf(residuals, 0, wide).sum()
        assert soft.totals(theta, none)[0] == pytest.approx(expected, rel=1e-4)
        slopes = (-residuals * speeds / wide**2).sum(axis=1)  # of the log-likelihood by frequencies
        local = soft.expand(np.zeros(1, dtype=int), theta, none)
        assert local.gradient[0] / HIGH == pytest.approx(slopes, rel=1e-4, abs=1e-3)  # coordinates are over the upper bound
    plain = -2 * stats.norm.logpdf(residuals, 0, DEVIATIONS).sum()
    assert fit.problem.totals(theta, none)[0] == pytest.approx(plain, rel=1e-7)


def test_alike_deviations_stay_as_they_are(tmp_path, measured):
    fit = sd.fit(oscillators(tmp_path, measured, np.full(len(TIMES), 0.1)), starts=1)
    assert fit.problem.softened == ()


def test_noise_whose_formula_has_pieces_is_softened_with_its_slopes(tmp_path, measured):
    """At the middle of the bounds early noise is constant, at greater frequencies it grows with the phase."""
    deviations = np.where(np.arange(len(TIMES)) % 2, 0.1, 0.01)
    noise = "piecewise(noiseParameter1_c{k},p{k}<3.5,noiseParameter1_c{k}*p{k}^2)"
    soft = sd.fit(oscillators(tmp_path, measured, deviations, noise), starts=1).problem.softened[3]
    theta, none, h = soft.coordinates([3.91, 3.87, 3.93, 3.81])[None], np.zeros((1, 0, 0)), 1e-6
    found = soft.expand(np.zeros(1, dtype=int), theta, none).gradient[0]
    for k, unit in enumerate(np.eye(4)):
        quotient = (soft.totals(theta + h * unit, none) - soft.totals(theta - h * unit, none))[0] / (-4 * h)
        assert found[k] == pytest.approx(quotient, rel=1e-3)
