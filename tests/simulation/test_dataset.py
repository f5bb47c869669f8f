"""Datasets say what was simulated, and are made in a time that grows with their size and not faster."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd

NETWORK = "2 A -> B, k; B -> 2 A, r; k = 0.25; r = 1; A(0) = 20; B(0) = 0"


@pytest.mark.parametrize("method", ["ssa", "tau"])
def test_attributes_tell_networks_apart(method):
    net = sd.ReactionNetwork.from_text(NETWORK, volume="V", combinatoric=True, parameters={"V": 10})
    attrs = sd.simulate(net, [0, 1], seed=1, method=method).attrs
    assert (attrs["volume"], attrs["combinatoric"]) == ("V", 1)
    assert attrs["parameters"] == "V = 10, k = 0.25, r = 1"
    assert attrs["equations"] == "2 A -> B, k\nB -> 2 A, r\nvolume V"
    swept = sd.simulate(net, [0, 1], seed=1, method=method, parameters={"k": [1, 2]})
    assert swept.attrs["parameters"] == "V = 10, r = 1"
    assert swept.k.values.tolist() == [1, 2]
    other = sd.simulate(net.replace(combinatoric=False, volume=2), [0, 1], seed=1, method=method).attrs
    assert (other["volume"], other["combinatoric"], other["parameters"]) == ("2", 0, "k = 0.25, r = 1")


def test_events_are_among_the_equations():
    net = sd.ReactionNetwork.from_text("0 -> X, 1; X(0) = 0; when t >= 2, X = 0")
    attrs = sd.simulate(net, [0, 1], seed=1).attrs
    assert attrs["equations"] == "0 -> X, 1\nwhen t >= 2, X = 0"
    assert "parameters" not in attrs


@pytest.mark.parametrize("reduce", [None, ["mean", "var", "quantile"]])
def test_datasets_are_made_at_once(reduce, monkeypatch):
    """No variable is added to a dataset that is there: that would copy the index of all others."""

    def refuse(self, key, value):
        raise AssertionError(f"{key} was added")

    monkeypatch.setattr(xr.Dataset, "__setitem__", refuse)
    x, y, a, b = sp.symbols("x y a b")
    system = sd.ODESystem({x: -a * x, y: -b * y}, initial={x: 1, y: 2}, observables={"both": x + y})
    data = sd.simulate(system, [0, 1], parameters={a: [1, 2], b: 1}, trajectories=3, reduce=reduce)
    if reduce is None:
        assert list(data.data_vars) == ["x", "y", "both", "status", "steps", "rejected", "evaluations"]
        assert data.both.dims == ("a", "trajectory", "time")
    else:
        assert data.both_mean.dims == ("a", "time")
        assert data.x_quantile.dims == ("a", "time", "quantile")
        np.testing.assert_allclose(data.both_mean.sel(a=2, time=1), np.exp(-2) + 2 * np.exp(-1), rtol=1e-5)
    assert data.time.attrs["long_name"] == "t"


def test_datasets_of_one_form_share_nothing():
    """The form of a dataset without sweeps is remembered; what is done to one of them does not show in the next."""
    x, a = sp.symbols("x a")
    system = sd.ODESystem({x: -a * x}, {a: 1}, initial={x: 1})
    first = sd.simulate(system, [0, 1], progress=False)
    for attrs in (first.attrs, first.x.attrs, first.time.attrs, first.status.attrs):
        attrs["long_name"] = "mine"
    first.x.encoding["zlib"] = True
    first.x.values[:] = 7.0
    second, later = (sd.simulate(system, times, progress=False) for times in ([0, 1], [0, 2]))
    assert (second.time.attrs, second.x.attrs, second.x.encoding) == ({"long_name": "t"}, {}, {})
    assert second.status.attrs["long_name"].startswith("0: ")
    assert "long_name" not in second.attrs
    np.testing.assert_allclose(second.x, np.exp([0, -1]), rtol=1e-5)
    np.testing.assert_allclose(later.x.sel(time=2), np.exp(-2), rtol=1e-5)


def test_two_runs_import_no_package_that_they_do_not_need():
    program = (
        "import sys, symdyn as sd\n"
        "for _ in range(2):\n"
        "    sd.simulate(sd.ODESystem.from_text(\"x' = -x\", initial={'x': 1}), [0, 1], progress=False)\n"
        "print([m for m in ('numba', 'dask', 'scipy', 'netCDF4', 'sympy.integrals.manualintegrate') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_observables_of_many_trajectories_are_those_of_each():
    """They are evaluated in parts; x' = x**2 has the solution a/(1 - a*t), which is infinite at 0.5 in one trajectory."""
    x, a, t = sp.symbols("x a t")
    system = sd.ODESystem({x: x**2}, {a: 1}, initial={x: a}, observables={"both": x + a * t, "two": 2})
    times, starts = np.linspace(0, 1, 50), np.linspace(0, 0.9, 700)
    starts[400] = 2
    data = sd.simulate(system, times, parameters={a: xr.DataArray(starts, dims="trajectory")}, on_failure="nan", progress=False)
    good = np.delete(np.arange(700), 400)
    expected = starts[:, None] / (1 - starts[:, None] * times) + starts[:, None] * times
    np.testing.assert_allclose(data.both[good], expected[good], rtol=1e-4)
    assert (data.two[good] == 2).all()
    late = times > 0.51
    assert np.isnan(data.two[400, late]).all()
    assert np.isnan(data.both[400, late]).all()
    assert (data.two[400, times < 0.45] == 2).all()
