"""Units of systems: what equations determine, what they contradict, and conversions against pint's own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.discover.units import read_unit
from symdyn.errors import DeclarationError

pint = pytest.importorskip("pint", reason="pint is not installed")

DECAY = sd.ODESystem.from_text("x' = -k*x + s; k = 1; s = 0; x(0) = 1; total := 2*x")
MILLIMOLAR = {"x": "mM", "t": "min"}


def test_units_follow_from_the_equations():
    assert sd.Units(DECAY, MILLIMOLAR).known == {"x": "mM", "t": "min", "k": "min^-1", "s": "mM*min^-1", "total": "mM"}
    network = sd.ReactionNetwork.from_text("A + B -> C, k; C => 0, v*C/(K + C)", volume="V")
    known = sd.Units(network, {"A": "molecules", "B": "molecules", "C": "molecules", "V": "um^3", "t": "s"}).known
    assert read_unit(known["k"]) == read_unit("um^3/(molecules^2 s)")
    assert (known["v"], known["K"]) == ("s^-1", "molecules")
    noisy = sd.SDESystem.from_text("dx = -k*x*dt + s*dW")
    assert sd.Units(noisy, {"x": "um", "t": "s"}).known["s"] == "um*s^-1/2"
    S, P, E, C, k, K, T = sp.symbols("S P E C k K T")
    enzyme = sd.ODESystem({S: -k * C, P: k * C}, algebraic={E: E + C - T, C: E * S - K * C})
    known = sd.Units(enzyme, {"P": "uM", "E": "uM", "t": "s", "C": "uM"}).known
    assert (known["K"], known["T"], known["S"]) == ("uM", "uM", "uM")


def test_units_of_different_names_that_are_one():
    """A newton is kg m/s^2, a minute is not a second."""
    spring = sd.ODESystem.from_text("x' = v; v' = -F/m*x/L")
    of = {"x": "m", "v": "m/s", "t": "s", "m": "kg", "L": "m"}
    assert sd.Units(spring, {**of, "F": "N"}).known["F"] == "N"
    with pytest.raises(DeclarationError, match="contradict the equation of v"):
        sd.Units(spring, {**of, "F": "kN"})
    with pytest.raises(DeclarationError, match="contradict the equation of x"):
        sd.Units(DECAY, {**MILLIMOLAR, "k": "1/s"})
    assert sd.Units(DECAY, {**MILLIMOLAR, "s": "mmol/(l min)"}).known["s"] == "mmol*l^-1*min^-1"


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [("x", 250, "uM"), ("x", 2.5, "mol/m^3"), ("k", 3, "1/h"), ("s", 7, "nmol/(l*s)"), ("total", 1, "pM"), ("t", 1, "day")],
)
def test_factors_are_those_of_pint(name, value, unit):
    units, registry = sd.Units(DECAY, MILLIMOLAR), pint.UnitRegistry()
    expected = registry.Quantity(value, unit).to(units.known[name].replace("^", "**")).magnitude
    column = units.data({f"{name} [{unit}]": [value, 2 * value]})[name]
    np.testing.assert_allclose(column, [expected, 2 * expected], rtol=1e-12)
    if name in ("x", "k", "s"):
        for given in (f"{value} {unit}", registry.Quantity(value, unit)):
            assert units.values({name: given}) == {sp.Symbol(name): pytest.approx(expected, rel=1e-12)}


def test_a_simulation_in_other_units_is_the_same():
    units = sd.Units(DECAY, MILLIMOLAR)
    run = sd.simulate(
        DECAY, [0, 1, 2], parameters=units.values({"k": "30 1/h"}), initial=units.values({"x": "500 uM"}), progress=False
    )
    np.testing.assert_allclose(run.x, 0.5 * np.exp(-0.5 * np.arange(3)), rtol=1e-5)
    other = units.convert(run, {"x": "uM", "t": "h"})
    np.testing.assert_allclose(other.x, 1000 * run.x)
    np.testing.assert_allclose(other.time, [0, 1 / 60, 1 / 30])
    assert (other.x.units, other.total.units, other.time.units) == ("uM", "mM", "h")
    assert other.x.plot()[0].axes.get_xlabel() == "t [h]"
    assert run.x.attrs.get("units") is None
    again = units.label(other)  # what has units keeps them
    np.testing.assert_array_equal(again.x, other.x)
    assert (again.x.units, again.time.units) == ("uM", "h")
    back = units.convert(other, {"x": "mM", "t": "min"})
    np.testing.assert_allclose(back.x, run.x, rtol=1e-14)
    np.testing.assert_allclose(back.time, run.time, rtol=1e-14)
    np.testing.assert_allclose(units.convert(other, {"x": "nM"}).x, 1e6 * run.x)


def test_columns_of_time_and_of_other_names():
    found = sd.Units(DECAY, MILLIMOLAR).data({"time (h)": [0, 1.0], "x": [1.0, 2.0], "cell [um]": [3.0, 4.0]})
    assert found.to_dict("list") == {"time": [0, 60], "x": [1, 2], "cell [um]": [3, 4]}


def test_forms_of_quantities():
    units = sd.Units(DECAY, MILLIMOLAR)
    assert units.values({"k": "3/h"}) == units.values({"k": "3 1/h"})
    sweep = xr.DataArray([60.0, 120.0], dims="k", attrs={"units": "1/h"})
    found = units.values({"k": sweep})[sp.Symbol("k")]
    assert (found.dims, found.values.tolist()) == (("k",), [1.0, 2.0])


def test_units_of_ones_own():
    units = sd.Units(sd.ODESystem.from_text("n' = r*n*(1 - n/K)"), {"n": "cells", "t": "day"})
    assert units.known["K"] == "cells"
    assert units.values({"K": "1000 cells", "r": "7 1/week"}) == {sp.Symbol("K"): 1000, sp.Symbol("r"): pytest.approx(1)}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda u: u.values({"x": "3 1/h"}), "x has the unit mM; '1/h' cannot be converted"),
        (lambda u: u.values({"x": "a lot"}), "x is 'a lot'; expected a number and its unit"),
        (lambda u: u.values({"x": object()}), "expected a number, a text such as"),
        (lambda u: u.values({"x": None}), "x is None; expected finite numbers"),
        (lambda u: u.label(3), "a result is a Dataset of xarray, not a int"),
        (lambda u: u.values({"y": "3 mM"}), "'y' is not a state or parameter"),
        (lambda u: u.values({"x": "3 mM**"}), "cannot be read"),
        (lambda u: sd.Units(DECAY, {"t": "min"}).data({"x [uM]": [1]}), "the unit of x does not follow"),
        (lambda u: u.data({"x [s]": [1]}), "x has the unit mM"),
        (lambda u: u.data({"x [uM]": ["many"]}), "cells that are no numbers"),
        (lambda u: u.data(pd.DataFrame([[1, 2]], columns=["x [uM]", "x"])), "two columns 'x'"),
        (lambda u: u.convert(sd.simulate(DECAY, [0, 1], progress=False), {"z": "s"}), "'z' is no variable"),
        (lambda u: sd.Units(DECAY, {"y": "mM"}), "units names 'y'"),
        (lambda u: sd.Units(DECAY, {"x": "mM", "total": "s"}), "the observable total = 2.x has the unit mM, not s"),
        (lambda u: sd.Units(sd.PDESystem.example(), {}), "this system has fields"),
        (lambda u: sd.Units("x' = x", {}), "units are those of a system"),
        (lambda u: sd.Units(sd.ODESystem.from_text("x' = -x"), {"t": "s"}), "contradict the equation of x"),
        (lambda u: sd.Units(DECAY, {"x": "mM"}).values({"k": "3 1/s"}), "the unit of k does not follow"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(DeclarationError, match=message):
        call(sd.Units(DECAY, MILLIMOLAR))
