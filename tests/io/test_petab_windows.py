"""Fits of PEtab problems whose data oscillate: trajectories in windows before whole ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from scipy import stats
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.io.petab.fitting import PetabFitProblem
from symdyn.io.petab.lanes import Accuracy
from tests.io.petab_tables import written

pytest.importorskip("libsbml")
pytest.importorskip("yaml")

#: The Brusselator, Prigogine & Lefever, J. Chem. Phys. 48 (1968) 1695: eight periods of one species on an unknown scale.
TRUE = {"k1": 1.0, "k2": 3.0, "k3": 1.0, "k4": 1.0, "x0": 0.5, "y0": 2.0, "s": 2.0}
TIMES, DEVIATION = np.linspace(0.4, 60, 150), 0.3


def course(v: dict[str, float], times: np.ndarray) -> np.ndarray:
    """Both species (2, T), by another integrator."""

    def speeds(_: float, z: np.ndarray) -> list[float]:
        x, y = z
        return [v["k1"] - (v["k2"] + v["k3"]) * x + v["k4"] * x**2 * y, v["k2"] * x - v["k4"] * x**2 * y]

    begin = [v["x0"], v["y0"]]
    return solve_ivp(speeds, (0, times[-1]), begin, t_eval=times, method="LSODA", rtol=1e-10, atol=1e-12).y


def brusselator(
    folder: Path, measured: np.ndarray, absent: tuple[sp.Symbol, ...] = (), times: np.ndarray = TIMES
) -> sd.PetabProblem:
    """The problem."""
    x, y, *k = sp.symbols("x y k1:5")
    sides = {x: k[0] - (k[1] + k[2]) * x + k[3] * x**2 * y, y: k[1] * x - k[3] * x**2 * y}
    system = sd.ODESystem(sides | {s: -s for s in absent}, dict.fromkeys(k, 1), initial={x: 1, y: 1} | dict.fromkeys(absent, 0))
    tables = {
        "parameter": ["parameterId parameterScale lowerBound upperBound nominalValue estimate"]
        + [f"{name} log10 0.01 100 1 1" for name in TRUE],
        "observable": ["observableId observableFormula noiseFormula", f"seen s*x {DEVIATION}"],
        "condition": ["conditionId x y", "all x0 y0"],
        "measurement": ["observableId simulationConditionId time measurement"]
        + [f"seen all {t:.17g} {m:.17g}" for t, m in zip(times, measured, strict=True)],
    }
    path = written(folder, 1, **{kind: "\n".join(lines) for kind, lines in tables.items()})
    system.to_sbml(folder / "model.xml")
    return sd.read_petab(path)


@pytest.fixture(scope="module")
def measured() -> np.ndarray:
    noise = np.random.RandomState(0).randn(len(TIMES))
    return TRUE["s"] * course(TRUE, TIMES)[0] + DEVIATION * noise


def test_starts_find_the_oscillation(tmp_path, measured, monkeypatch):
    problem = brusselator(tmp_path, measured)
    at_truth = stats.norm.logpdf(measured, TRUE["s"] * course(TRUE, TIMES)[0], DEVIATION).sum()
    found = sd.fit(problem, starts=3, seed=1).ends["log_posterior"].max()
    # twice the gain over the truth is chi-squared; scale and k4 move along with each other, so six of seven values are free
    assert 0 < 2 * (found - at_truth) < stats.chi2.ppf(0.999, 6)
    monkeypatch.setattr(PetabFitProblem, "softened", ())
    plain = sd.fit(problem, starts=3, seed=1).ends["log_posterior"].max()
    assert plain < at_truth - 1000


def test_jumps_are_those_of_another_integrator(tmp_path, measured):
    problem = brusselator(tmp_path, measured)
    cut = problem.windowed(50, 0.1)
    assert cut.cuts == (("all", TIMES[50]), ("all", TIMES[100]))
    points = {name: np.array([value]) for name, value in TRUE.items()}
    whole = course(TRUE, TIMES)
    np.testing.assert_allclose(cut.begun(points, Accuracy())[0], whole[:, [50, 100]].T.ravel(), rtol=1e-5)
    starts = [1.5, 2.5, 0.7, 3.0]
    points |= {name: np.array([value]) for name, value in zip(cut.starts, starts, strict=True)}
    ones = {name: np.ones(1) for name in points}
    simulation, noise = cut.expected(points, Accuracy(), ones)
    second = course(TRUE | {"x0": 1.5, "y0": 2.5}, np.r_[TIMES[50:101] - TIMES[50]])
    jumps = np.log(np.r_[whole[:, 50] / starts[:2], second[:, -1] / starts[2:]])
    np.testing.assert_allclose(simulation[0, 0, 150:], jumps, atol=1e-5)
    np.testing.assert_allclose(simulation[0, 0, 50:100], 2 * second[0, :-1], rtol=1e-5)
    assert noise[0, 0].tolist() == [DEVIATION] * 150 + [0.1] * 4
    for k, name in enumerate(points):
        step = 1e-5 * points[name]
        (above, below), _ = (
            np.array([cut.expected(points | {name: points[name] + sign * step}, Accuracy(rtol=1e-11, atol=1e-13))[j][0, 0]
                      for sign in (1, -1)])
            for j in (0, 1)
        )  # fmt: skip
        np.testing.assert_allclose(simulation[1 + k, 0], (above - below) / (2 * step), rtol=1e-4, atol=1e-4)


def test_a_state_that_stays_zero_has_no_logarithm(tmp_path, measured):
    present = sd.fit(brusselator(tmp_path, measured), starts=1).problem
    assert len(present.softened) > 0
    problem = brusselator(tmp_path, measured, absent=(sp.Symbol("w"),))
    assert sd.fit(problem, starts=1).problem.softened == ()
