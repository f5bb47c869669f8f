"""Blow-up times against exact ones and the target numbers; rest, oscillation and neither told apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from scipy.special import gamma

import symdyn as sd
from symdyn.analysis import blow_up, late_time
from symdyn.models import zoo

x, y, t = sp.symbols("x y t")

DIMERS = sd.ReactionNetwork.from_text("0 -> X, k\n2 X -> 0, d", volume="V", parameters={"k": 1, "d": 1})


@pytest.mark.parametrize(
    ("drift", "expected"),
    [
        (1 + x**2, math.pi / 2),
        (1 + x**4, math.pi / (2 * math.sqrt(2))),
        (1 + x**3, 2 * math.pi / (3 * math.sqrt(3))),
        (sp.exp(x), 1.0),
        (1 + x**6, gamma(1 / 6) * gamma(5 / 6) / 6),
    ],
)
def test_exact_times(drift, expected):
    found = blow_up(sd.ODESystem({x: drift}), {x: 0}, t_end=10)
    assert found.outcome.item() == "blow-up"
    assert found.end.item() == pytest.approx(expected, rel=1e-6)


def test_growth_is_no_blow_up():
    found = blow_up(sd.ODESystem({x: x, y: y * sp.log(1 + y)}), {x: 1, y: 1}, t_end=5)
    assert (found.outcome.item(), found.end.item()) == ("exists", 5)


def test_a_derivative_that_becomes_infinite_is_no_blow_up():
    # x = sqrt(1 - 2 t)
    found = blow_up(sd.ODESystem({x: -1 / x}), {x: 1}, t_end=5)
    assert found.outcome.item() == "singular"
    assert found.end.item() == pytest.approx(0.5, rel=1e-6)


def test_forcing_by_time_is_followed():
    # x' = x^2 cos t from 2: 1/x = 1/2 - sin t, at t = pi/6
    found = blow_up(sd.ODESystem({x: x**2 * sp.cos(t)}), {x: 2}, t_end=3)
    assert found.end.item() == pytest.approx(math.pi / 6, rel=1e-6)


def test_closed_moments_blow_up():
    found = blow_up(DIMERS.moments(2, "normal"), {"X": 0}, {"V": [0.1, 1, 2, 5]}, t_end=20)
    assert found.outcome.values.tolist() == ["blow-up"] * 3 + ["exists"]
    np.testing.assert_allclose(found.end[:3], [0.107, 0.688, 1.72], rtol=5e-3)
    found = blow_up(DIMERS.moments(3, "normal"), {"X": [0, 1, 10]}, {"V": 2}, t_end=20)
    assert found.blow_up.values.tolist() == [True, False, False]
    assert found.end.values[0] == pytest.approx(2.91, abs=5e-3)


def test_the_end_must_come_later():
    with pytest.raises(sd.DeclarationError, match="expected a time after"):
        blow_up(sd.ODESystem({x: x}), {x: 1}, t_end=0)


def test_where_schloegls_moments_go_depends_on_the_start():
    network = sd.ReactionNetwork.from_text(
        "2 X -> 3 X, k1\n3 X -> 2 X, k2\n0 -> X, k3\nX -> 0, k4",
        volume="V",
        parameters={"k1": 60, "k2": 1, "k3": 4600, "k4": 1000, "V": 10},
    )
    found = late_time(network.moments(2, "normal"), {"X": xr.DataArray([0, 160, 500], dims="start")}, t_end=2)
    assert found.outcome.values.tolist() == ["steady"] * 3
    np.testing.assert_allclose(found["E[X]"] / 10, [8.146, 34.194, 34.194], atol=6e-4)


def test_rest_and_oscillation_of_the_brusselator():
    found = late_time(zoo.brusselator(), parameters={"B": [1.5, 3.0]}, t_end=200)
    assert found.outcome.values.tolist() == ["steady", "oscillation"]
    assert found.y.values[0] == pytest.approx(1.5, rel=1e-9)
    # the mean of x over a period is A
    assert found.x.values[1] == pytest.approx(1, abs=0.01)


def test_the_period_of_van_der_pol():
    # periods and amplitude known to many digits for mu = 1 and 10: 6.6632868593, 19.0783695667; amplitude 2.0086, 2.0143
    found = late_time(zoo.van_der_pol(), parameters={"mu": [1, 10]}, t_end=400)
    np.testing.assert_allclose(found.period, [6.6632868593, 19.0783695667], rtol=1e-4)
    np.testing.assert_allclose(found.x_amplitude, [2.0086, 2.0143], atol=2e-4)


def test_a_slow_decay_is_not_called_an_oscillation():
    decay = sd.ODESystem({x: y, y: -x - 0.002 * y}, initial={x: 1, y: 0})
    found = late_time(decay, t_end=100)
    assert found.outcome.item() == "transient"
    assert found.drift.item() < -0.03
    assert late_time(sd.ODESystem({x: y, y: -x}, initial={x: 1, y: 0}), t_end=100).outcome.item() == "oscillation"


def test_chaos_and_growth_are_left_undecided():
    assert late_time(zoo.lorenz(), t_end=60).outcome.item() == "transient"
    assert late_time(sd.ODESystem({x: 1 + 0 * x}, initial={x: 0}), t_end=60).outcome.item() == "transient"


def test_blow_up_is_told_with_its_time():
    found = late_time(sd.ODESystem({x: x**2 - x}), {x: [0.5, 2.0]}, t_end=20)
    assert found.outcome.values.tolist() == ["steady", "blow-up"]
    assert found.end.values[1] == pytest.approx(math.log(2), rel=1e-6)
