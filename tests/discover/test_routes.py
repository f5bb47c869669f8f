"""Which way a recovery goes, and what a budget of time leaves to its stages."""

from __future__ import annotations

import time

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.discover.options import Request
from symdyn.discover.routes import route_of
from symdyn.discover.surrogates.registry import SURROGATES

x = sp.Symbol("x")
f = sp.Function("f")


@pytest.mark.parametrize(
    ("data", "module"),
    [
        ({"t": [0, 1], "x": [1, 2]}, "symdyn.discover.whole"),
        (xr.Dataset({"x": ("time", [0.0, 1.0])}, {"time": [0, 1]}), "symdyn.discover.whole"),
        (xr.Dataset({"u": (("time", "x"), np.zeros((2, 4)))}, {"time": [0, 1], "x": range(4)}), "symdyn.discover.fields"),
        (
            [xr.Dataset({"u": (("time", "x", "y"), np.zeros((2, 4, 4)))}, {"time": [0, 1], "x": range(4), "y": range(4)})],
            "symdyn.discover.fields",
        ),
    ],
)
def test_data_tell_fields_from_states_where_nothing_is_known(data, module):
    _, route = route_of(None, data, Request())
    assert route.recovered.__module__.startswith(module)


def test_other_systems_are_refused():
    with pytest.raises(sd.RecoveryError, match=r"recover needs an ODESystem, .*; got str"):
        route_of("x", {}, Request())
    x, y = sp.symbols("x y")
    with pytest.raises(sd.RecoveryError, match="got ODESystem with algebraic equations"):
        route_of(sd.ODESystem({x: -y}, algebraic={y: y - x}), {}, Request())


def test_a_slow_surrogate_leaves_time_to_the_search(monkeypatch):
    class Endless:
        def fit(self, system, seen, *, seed, progress):
            for k in range(10_000):
                time.sleep(0.01)
                progress(k, 10_000)

    monkeypatch.setitem(SURROGATES._load(), "endless", Endless)
    t = np.linspace(0, 4, 21)
    data = {"t": t, "x": 1 / (1 + 4 * np.exp(-t))}
    found = sd.recover(sd.ODESystem({x: f(x)}), data, surrogate="endless", budget=0.5, library=2, progress=False)
    assert "went without the surrogate 'endless': it did not end within 50% of the budget of time" in found.warnings
    assert not found.complete
    assert len(found.systems) > 0


def test_a_library_says_what_unknown_equations_may_hold():
    t = np.linspace(0, 4, 21)
    data = {"t": t, "x": 1 / (1 + 4 * np.exp(-t))}
    found = sd.recover(None, data, library=2, progress=False)
    assert set(found.inclusion["term"]) == {"1", "x", "x**2"}
    assert float(sp.expand(found.terms["f_x"]).coeff(x, 2)) == pytest.approx(-1, abs=1e-3)
