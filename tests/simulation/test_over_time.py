"""Series and arrays over time as values of parameters and initial values: refused with what to do, never swept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd

x, k, t = sp.symbols("x k t")
DECAY = sd.ODESystem({x: -k * x}, {k: 1}, initial={x: 1})
VALUES = np.array([1.0, 2.0, 4.0])
OVER_TIME = {
    "dates": pd.Series(VALUES, index=pd.date_range("2026-01-01", periods=3)),
    "durations": pd.Series(VALUES, index=pd.to_timedelta([0, 1, 2], unit="h")),
    "periods": pd.Series(VALUES, index=pd.period_range("2026-01", periods=3, freq="M")),
    "named": pd.Series(VALUES, index=pd.Index([0, 1, 2], name="time")),
    "short": pd.Series(VALUES, index=pd.Index([0.0, 0.5, 1.0], name="t")),
    "array": xr.DataArray(VALUES, dims="time", coords={"time": [0.0, 0.5, 1.0]}),
    "array of t": xr.DataArray(VALUES, dims="t"),
    "dated array": xr.DataArray(VALUES, dims="day", coords={"day": pd.date_range("2026-01-01", periods=3)}),
}


@pytest.mark.parametrize("name", OVER_TIME)
def test_values_over_time_are_refused(name):
    value = OVER_TIME[name]
    said = r"parameter k is a (Series|DataArray) over (time|t|day).*no parameter but an input.*Path\('k', times.*Piecewise"
    for call in (
        lambda: sd.simulate(DECAY, [0, 1], parameters={"k": value}),
        lambda: sd.ODESystem({x: -k * x}, {k: value}),
        lambda: DECAY.with_parameters(k=value),
    ):
        with pytest.raises(sd.DeclarationError, match=said):
            call()
    said = r"state x has for its initial value a .*holds at the first time: take one, such as \.i(loc\[-1\]|sel\()"
    for call in (
        lambda: sd.simulate(DECAY, [0, 1], initial={"x": value}),
        lambda: sd.ODESystem({x: -k * x}, initial={x: value}),
        lambda: DECAY.with_initial(x=value),
    ):
        with pytest.raises(sd.DeclarationError, match=said):
            call()


def test_a_result_over_time_is_no_initial_value():
    data = sd.simulate(DECAY, [0, 1], progress=False)
    with pytest.raises(sd.DeclarationError, match=r"take one, such as \.isel\(time=-1\)"):
        sd.simulate(DECAY, [0, 1], initial={"x": data.x})
    again = sd.simulate(DECAY, [0, 1], initial={"x": data.x.isel(time=-1)}, progress=False)
    assert float(again.x[0]) == float(data.x[-1])


def test_a_field_over_time_is_no_initial_field():
    pde = sd.PDESystem.from_text("u' = D*laplacian(u); D = 0.1", domain=(0, 1))
    data = sd.simulate(pde, [0, 0.01], initial={"u": np.ones(8)}, progress=False)
    with pytest.raises(sd.DeclarationError, match=r"field u has for its initial value a DataArray over time.*isel\(time=-1\)"):
        sd.simulate(pde, [0, 0.01], initial={"u": data.u})


def test_an_index_of_numbers_without_a_name_is_unclear():
    with pytest.raises(sd.DeclarationError, match=r"a Series with the index 0 \.\.\. 1, which may be time .*\.to_numpy\(\)"):
        sd.simulate(DECAY, [0, 1], parameters={"k": pd.Series(VALUES, index=[0.0, 0.5, 1.0])})


@pytest.mark.parametrize(
    ("value", "dims"),
    [
        (VALUES, ("k",)),
        (pd.Series(VALUES), ("k",)),
        (pd.Series(VALUES, index=["a", "b", "c"]), ("k",)),
        (pd.Series(VALUES, index=pd.Index([0.1, 0.2, 0.3], name="dose")), ("k",)),
        (xr.DataArray(VALUES, dims="dose"), ("dose",)),
    ],
)
def test_other_values_are_sweeps(value, dims):
    data = sd.simulate(DECAY, [0, 1], parameters={"k": value}, progress=False, rtol=1e-10)
    assert data.x.dims == (*dims, "time")
    np.testing.assert_allclose(data.x.isel(time=1), np.exp(-VALUES), rtol=1e-8)


def test_a_dimension_called_as_a_parameter():
    s = sp.Symbol("s")
    system = sd.ODESystem({x: -t * x}, initial={x: 1}, time=s)  # t is a parameter here
    data = sd.simulate(system, [0, 1], parameters={t: xr.DataArray(VALUES, dims="t")}, progress=False)
    assert data.x.dims == ("t", "time")
    with pytest.raises(sd.DeclarationError, match="a DataArray over s"):
        sd.simulate(system, [0, 1], parameters={t: xr.DataArray(VALUES, dims="s")})


def test_what_the_message_names_works():
    times, values = [0, 1, 2], [0, 1, 0]
    data = sd.simulate(sd.ODESystem({x: sd.Path("k", times, values)}, initial={x: 0}), [0, 1, 2], progress=False)
    np.testing.assert_allclose(data.x, [0, 0.5, 1], atol=1e-6)  # areas below the triangle
    steps = sd.ODESystem({x: sp.Piecewise((1, t < 1), (3, True))}, initial={x: 0})
    np.testing.assert_allclose(sd.simulate(steps, [0, 1, 2], progress=False).x, [0, 1, 4], atol=1e-5)
    text = sd.ODESystem.from_text("x' = piecewise(1, t < 1, 3); x(0) = 0")
    np.testing.assert_allclose(sd.simulate(text, [0, 1, 2], progress=False).x, [0, 1, 4], atol=1e-5)
