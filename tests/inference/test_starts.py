"""Declared initial values: held like declared parameters, fitted where named or bounded, noted where data contradict."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.discover.options import RecoverOptions
from symdyn.inference.data import observations
from symdyn.inference.starts import with_declared_starts

x, y, a, b = sp.symbols("x y a b")
f = sp.Function("f")
LINE = sd.ODESystem({x: a + 0 * x}, initial={x: 1.0})
TIMES = np.linspace(0, 4, 20)
NOISE = 0.1 * np.random.RandomState(1).randn(20)
DATA = {"t": TIMES, "x": 1 + 0.5 * TIMES + NOISE}


def rows(fit):
    return fit.intervals.set_index("constant")


def test_a_declared_initial_value_is_held():
    # x = 1 + a t: regression through a known intercept
    table = rows(sd.fit(LINE, DATA))
    slope = TIMES @ (DATA["x"] - 1) / (TIMES @ TIMES)
    variance = np.sum((DATA["x"] - 1 - slope * TIMES) ** 2) / 19
    assert list(table.index) == ["a"]
    assert table.loc["a", "value"] == pytest.approx(slope, rel=1e-6)
    assert table.loc["a", "standard error"] == pytest.approx(np.sqrt(variance / (TIMES @ TIMES)), rel=1e-4)


@pytest.mark.parametrize(
    "options", [{"parameters": ["x"]}, {"parameters": [x]}, {"parameters": {x: (None, None)}}, {"parameters": {"x": (0, 3)}}]
)
def test_it_is_fitted_where_it_is_named_or_bounded(options):
    table = rows(sd.fit(LINE, DATA, **options))
    slope, intercept = np.polyfit(TIMES, DATA["x"], 1)
    assert table.loc["a", "value"] == pytest.approx(slope, rel=1e-5)
    assert table.loc["x(0)", "value"] == pytest.approx(intercept, rel=1e-5)


def test_given_bounds_hold_another_value():
    fit = sd.fit(LINE, DATA, parameters={x: (1.2, 1.2)})
    assert fit.starts[0, 0] == pytest.approx(1.2)
    assert rows(fit).loc["a", "value"] == pytest.approx(TIMES @ (DATA["x"] - 1.2) / (TIMES @ TIMES), rel=1e-6)


def test_it_is_the_value_at_the_first_time_of_the_data():
    # as in a simulation, wherever the clock stands
    table = rows(sd.fit(LINE, {"t": TIMES + 1900, "x": DATA["x"]}))
    assert list(table.index) == ["a"]
    assert table.loc["a", "value"] == pytest.approx(TIMES @ (DATA["x"] - 1) / (TIMES @ TIMES), rel=1e-6)


def test_of_several_trajectories_only_unmeasured_states_are_held():
    pair = sd.ODESystem({x: a * y, y: -x}, initial={x: 1.0, y: 0.0})
    runs = [{"t": TIMES, "x": v * np.cos(TIMES)} for v in (1.0, 2.0)]
    assert with_declared_starts(pair, observations(pair, runs), (), {}) == {y: (0.0, 0.0)}
    assert with_declared_starts(pair, observations(pair, runs[:1]), (), {}) == {x: (1.0, 1.0), y: (0.0, 0.0)}
    assert with_declared_starts(pair, observations(pair, runs), ["y"], {}) == {}


def test_an_unmeasured_state_that_is_known_in_the_beginning_tells_what_it_could_not():
    # x' = a y, y' = -y: x = x0 + a y0 (1 - exp(-t)) tells a alone only where y0 is known
    system = sd.ODESystem({x: a * y, y: -y}, initial={y: 2.0})
    fit = sd.fit(system, {"t": TIMES, "x": 3 * 2 * (1 - np.exp(-TIMES))})
    assert rows(fit).loc["a", "value"] == pytest.approx(3.0, rel=1e-5)
    open_ = sd.fit(system, {"t": TIMES, "x": 3 * 2 * (1 - np.exp(-TIMES))}, parameters=["y"])
    assert np.isinf(rows(open_).loc["a", "standard error"])


def test_a_warning_says_where_the_data_contradict_one():
    intercept = np.polyfit(TIMES, DATA["x"], 1)[1]
    wrong = LINE.with_initial(x=2.0)
    with pytest.warns(
        UserWarning, match=rf"the declared initial value x = 2 is held, .* want {intercept:.4g} ± .*name x among"
    ):
        sd.fit(wrong, DATA)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sd.fit(LINE, DATA)  # within the noise
        sd.fit(wrong, DATA, parameters={x: (2, 2)})  # known otherwise
        sd.fit(LINE, {"t": TIMES, "x": 1 + 0.5 * TIMES})  # exact


def test_recovery_and_repair_hold_and_note_them():
    # x' = -x/2 from 3
    data = {"t": TIMES, "x": 3 * np.exp(-TIMES / 2) + NOISE / 5}
    unknown = sd.ODESystem({x: f(x)}, initial={x: 3.0})
    found = sd.recover(unknown, data, library=[1, x, x**2], surrogate=None, progress=False)
    assert found.starts[0][0] == pytest.approx([3.0])
    assert "x(0)" not in set(found.intervals["constant"])
    assert not found.warnings
    named = sd.recover(
        unknown, data, library=[1, x, x**2], surrogate=None, progress=False, options=RecoverOptions(fit=["x"])
    )  # fmt: skip
    assert "x(0)" in set(named.intervals["constant"])
    declared = sd.ODESystem({x: -0.8 * x}, initial={x: 2.5})
    mended = sd.recover(declared, data, library=1, progress=False, options=RecoverOptions(repair=True))
    assert mended.starts[0][0] == pytest.approx([2.5])
    assert any("x = 2.5 is held, but the data want 2.9" in n or "the data want 3" in n for n in mended.warnings)


def test_repeats_of_the_data_begin_at_a_held_value():
    samples = sd.fit(LINE, DATA).bootstrap(20)
    assert samples["initial"]["x"].values == pytest.approx(1.0)


def test_only_parameters_and_states_can_be_named():
    with pytest.raises(sd.SymdynError, match="'z' is not a parameter"):
        sd.fit(LINE, DATA, parameters=["z"])


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_a_state_without_data_begins_between_its_bounds_in_any_unit_of_time(unit):
    """x' = x h, h' = -k h, of which x is measured: h is a rate, and x = exp(h_0 (1 - exp(-k t))/k)."""
    h, k = sp.symbols("h k")
    times = np.linspace(0, 4, 9)
    data = {"t": times * unit, "x": np.exp(2.0 * (1 - np.exp(-0.7 * times)) / 0.7)}
    rates = (0.01 / unit, 10 / unit)
    found = sd.fit(sd.ODESystem({x: x * h, h: -k * h}), data, parameters={k: rates, x: (0.1, 10), h: rates}, starts=3)
    assert found.parameters["k"] * unit == pytest.approx(0.7, rel=1e-5)
    assert found.starts[0] == pytest.approx([1.0, 2.0 / unit], rel=1e-5)
