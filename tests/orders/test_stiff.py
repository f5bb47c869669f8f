"""Accuracy against independent references: six digits at rtol 1e-8 (see tests/references/make_references.py)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import symdyn as sd
from symdyn.methods.registry import METHODS
from symdyn.methods.runge_kutta import ExplicitRungeKutta, Rosenbrock
from symdyn.models import zoo

REFERENCES = json.loads((Path(__file__).parents[1] / "references" / "solutions.json").read_text())
EXPLICIT = [m for m, s in METHODS.items() if isinstance(s, ExplicitRungeKutta) and s.adaptive]
ROSENBROCK = [name for name in METHODS if isinstance(METHODS[name], Rosenbrock)]
SMOOTH = ("lorenz", "lotka_volterra")
#: Absolute tolerances below the smallest component that the digits are counted for.
STIFF = {"van_der_pol": 1e-12, "robertson": 1e-20, "hires": 1e-12, "orego": 1e-10, "pollu": 1e-25}
RTOL = 1e-8


def final(problem: str, method: str, *, atol: float, rtol: float = RTOL, lanes="auto", times=()) -> np.ndarray:
    """The state at the reference's time."""
    system = getattr(zoo, problem)()
    kernel = sd.compile(system, method=method, lanes=lanes)
    initial = [[system.initial[s] for s in system.states]]
    parameters = [[system.defaults[s] for s in system.parameters]]
    run = kernel(initial, parameters, [0.0, *times, REFERENCES[problem]["time"]], rtol=rtol, atol=atol)
    assert run.status[0] == 0
    return run.values[0]


def digits(values: np.ndarray, problem: str) -> float:
    """Correct significant digits of the worst component."""
    reference = np.array([float(v) for v in REFERENCES[problem]["values"].values()])
    return -np.log10(np.abs(values / reference - 1).max() + 1e-16)


@pytest.mark.parametrize("problem", STIFF)
@pytest.mark.parametrize("method", ROSENBROCK)
def test_stiff_problem_to_six_digits(problem, method):
    assert digits(final(problem, method, atol=STIFF[problem])[-1], problem) >= 6


@pytest.mark.parametrize("problem", SMOOTH)
@pytest.mark.parametrize("method", [*EXPLICIT, *ROSENBROCK])
def test_smooth_problem_to_six_digits(problem, method):
    assert digits(final(problem, method, atol=1e-10)[-1], problem) >= 6


@pytest.mark.parametrize("method", ROSENBROCK)
def test_smaller_tolerance_gives_a_smaller_error(method):
    loose, tight = (digits(final("hires", method, atol=rtol * 1e-4, rtol=rtol)[-1], "hires") for rtol in (1e-4, 1e-8))
    assert tight > loose + 2


@pytest.mark.parametrize("method", ROSENBROCK)
def test_robertson_conserves_mass_at_every_output(method):
    values = final("robertson", method, atol=1e-20, times=np.logspace(-5, 10.5, 200))
    assert np.abs(values.sum(axis=1) - 1).max() < 1e-8
    assert np.all(values > -1e-15)


@pytest.mark.parametrize("method", ROSENBROCK)
def test_outputs_on_the_way_change_no_step(method):
    alone = final("orego", method, atol=1e-10)[-1]
    among = final("orego", method, atol=1e-10, times=np.linspace(1, 359, 301))[-1]
    assert np.array_equal(alone, among)


@pytest.mark.parametrize("method", EXPLICIT)
def test_lotka_volterra_keeps_its_conserved_quantity(method):
    system = zoo.lotka_volterra()
    a, b, c, d = (dict(zip("abcd", [system.defaults[s] for s in system.parameters], strict=True))[k] for k in "abcd")
    x, y = final("lotka_volterra", method, atol=1e-12, rtol=1e-10, times=np.linspace(0.1, 19.9, 199)).T
    conserved = d * x - c * np.log(x) + b * y - a * np.log(y)
    assert np.abs(conserved - conserved[0]).max() < 1e-7
