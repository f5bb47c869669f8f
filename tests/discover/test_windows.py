"""`RecoverOptions.windows`: into how many windows a trajectory is cut at first."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.discover.options import RecoverOptions

x, y, z = sp.symbols("x y z")
f = sp.Function("f")
TIMES = np.linspace(0, 4, 41)
DATA = {"t": TIMES, "x": np.exp(-TIMES)}


def fractions(system, data, windows):
    """What is done after each number of windows and in the end."""
    seen = []
    sd.recover(
        system, data, library=[x, x**2], surrogate=None, options=RecoverOptions(windows=windows),
        progress=lambda stage, done: seen.append(done),
    )  # fmt: skip
    return seen


@pytest.mark.parametrize(
    ("windows", "numbers"),
    [
        (None, 4),  # 8, 4, 2, 1: at least three intervals each
        (1, 1),
        (3, 2),  # 3, 1
        (12, 4),  # 12, 6, 3, 1
        (16, 5),
        (100, 5),  # 20 of two intervals, 10, 5, 2, 1
    ],
)
def test_the_number_at_first_can_be_raised_and_lowered(windows, numbers):
    done = fractions(sd.ODESystem({x: f(x)}), DATA, windows)
    assert done[0] == pytest.approx(1 / (numbers + 1))
    assert len(done) == numbers + 1


def test_short_windows_find_what_long_ones_lose():
    # x' = x^2 leaves every bound at t = 1 / x(0): from noisy data, runs over long windows end before the data do
    times = np.linspace(0, 0.98, 50)
    data = {"t": times, "x": 1 / (1 - times) * (1 + 0.02 * np.random.RandomState(0).randn(50))}
    system = sd.ODESystem({x: f(x)})
    found = sd.recover(
        system, data, library=[x, x**2, x**3], surrogate=None, progress=False, options=RecoverOptions(windows=24)
    )  # fmt: skip
    assert found.terms[f(x)].coeff(x**2) == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("windows", [0, -2, 2.5, "two", True])
def test_it_is_a_positive_whole_number(windows):
    with pytest.raises(sd.RecoveryError, match=r"options\.windows is .*; expected a whole number of 1 or more"):
        fractions(sd.ODESystem({x: f(x)}), DATA, windows)


def test_more_windows_than_the_data_can_tell_are_refused():
    # four windows of two intervals: twelve data of x, shared ones twice, and three initial values each
    system = sd.ODESystem({x: y, y: z, z: f(x)})
    data = {"t": TIMES[:9], "x": np.exp(-TIMES[:9])}
    with pytest.raises(sd.RecoveryError, match="windows is 4, but 12 data tell too little beside 12 initial values"):
        fractions(system, data, 4)
