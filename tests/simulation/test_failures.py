"""What goes wrong is named, with its cause and what to try: impossible numbers, volumes, zero means, negative noise."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from symdyn_kernels.status import FRACTION, NEGATIVE

import symdyn as sd


def network(text, **options):
    return sd.ReactionNetwork.from_text(text, **options)


def run(system, t, **options):
    return sd.simulate(system, t, seed=5, progress=False, **options)


# ---- numbers that are none -----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["ssa", "tau", "tau-implicit", "hybrid", "langevin"])
@pytest.mark.parametrize("volume", [-1, 0, [1, -1]])
def test_a_volume_is_positive(method, volume):
    net = network("X -> 0, k; k = 1", volume="V", initial={"X": 3})
    with pytest.raises(sd.DeclarationError, match=r"the volume V is (-1|0); expected a positive number"):
        run(net, [0, 1], method=method, parameters={"V": volume})


@pytest.mark.parametrize("text", ["0 -> X, k/d; d = 0; k = 1", "0 -> X, k/d; d = 0; k = 0", "0 -> X, 1/d; X -> 0, 1/d; d = 0"])
def test_a_rate_constant_is_a_number(text):
    with pytest.raises(sd.SimulationError, match="infinite or not a number") as caught:
        run(network(text, initial={"X": 3}), [0, 1])
    assert caught.value.dataset.steps == 0


def test_a_propensity_that_a_tiny_volume_makes_infinite_is_named():
    with pytest.raises(sd.SimulationError, match="infinite or not a number"):
        run(network("2 X -> 0, k; k = 1; X(0) = 5", volume="V", parameters={"V": 1e-320}), [0, 1])


@pytest.mark.parametrize("reactions", [1, 150])
def test_a_kernel_refuses_a_negative_volume(reactions):
    net = network("\n".join(f"0 -> X{j}, 1" for j in range(reactions)), volume="V")
    assert sd.compile(net)(np.zeros((2, reactions)), [[-1.0], [1.0]], [0.0, 0.1]).status.tolist() == [NEGATIVE, 0]


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize(
    ("rates", "trigger"), [("k", "t >= 1"), ("k", "X >= 8"), ("k*(1 + sin(t)/2)", "t > 1"), ("k*(1 + sin(t)/2)", "X >= 8")]
)
@pytest.mark.parametrize(
    ("value", "code", "message"),
    [("X - 100", NEGATIVE, "number of molecules became negative"), ("X/4 + 1/8", FRACTION, "fraction of a molecule.*floor")],
)
def test_an_event_leaves_whole_numbers(lanes, rates, trigger, value, code, message):
    """X comes to 8 long before the end, so that every trajectory meets the event, once, and stops there."""
    net = network(f"0 -> X, {rates}; k = 20; X(0) = 7; when {trigger}, X = {value}")
    with pytest.raises(sd.SimulationError, match=message) as caught:
        run(net, [0, 0.001, 5, 6], trajectories=20, layout=sd.Layout(lanes=lanes))
    data = caught.value.dataset
    assert (data.status == code).all()
    assert np.isfinite(data.X.isel(time=0)).all()
    assert np.isnan(data.X.isel(time=[2, 3])).all()
    assert data.steps.max() < 200
    assert "tolerances" not in str(caught.value)


def test_an_event_beyond_the_last_time_does_no_harm():
    net = network("0 -> X, 1; X(0) = 7; when t >= 3, X = X - 100")
    assert (run(net, [0, 1, 2], trajectories=20).status == 0).all()


def test_an_event_may_halve_with_floor():
    net = network("0 -> X, 1e-9; X(0) = 7; Y(0) = 5; Y -> 0, 1e-9; when t >= 1, X = floor(X/2), Y = X - 7")
    data = run(net, [0, 0.5, 1])
    assert data.X.values.ravel().tolist() == [7, 7, 3]
    assert data.Y.values.ravel().tolist() == [5, 5, 0]


def test_an_event_that_leaves_a_fraction_stops_before_the_condition_does():
    net = network("0 -> X, 1e-9; X(0) = 7; when t >= 1, X = X/2")
    data = run(net, [0, 1, 2], until="X < 5", on_failure="nan")
    assert data.status == FRACTION
    assert np.isnan(data.first_passage)


# ---- strict and weak comparisons with time -------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "at", "from_there"),
    [("t > 1", 7, 50), ("t >= 1", 50, 7), ("not t <= 1", 7, 50), ("not (t < 1)", 50, 7), ("2 - t < 1", 7, 50)],
)
@pytest.mark.parametrize("rate", ["1e-12", "1e-12*(1 + sin(t)/2)"])
def test_an_event_after_a_time_is_not_at_it(trigger, at, from_there, rate):
    """At t = 1 the condition t > 1 is false; t >= 1 holds from the beginning if that is 1, and then triggers nothing."""
    net = network(f"0 -> X, {rate}; X(0) = 7; when {trigger}, X = 50")
    assert run(net, [0, 1, 1.5]).X.values.ravel().tolist() == [7, at, 50]
    assert run(net, [1, 1.5]).X.values.ravel().tolist() == [7, from_there]


def test_a_strict_condition_at_time_zero():
    net = network("0 -> X, 1e-12; X(0) = 7; when t > 0, X = 50")
    assert run(net, [0, 1]).X.values.ravel().tolist() == [7, 50]
    assert run(net, [-1, 0, 1]).X.values.ravel().tolist() == [7, 7, 50]


# ---- causes and remedies -------------------------------------------------------------------------


@pytest.mark.parametrize("closure", ["log-normal", "gamma", "derivative-matching"])
def test_a_mean_that_starts_at_zero_is_named(closure):
    closed = network("0 -> X, k; X + Y -> 0, c; 0 -> Y, k; k = 1; c = 1").moments(2, closure)
    with pytest.raises(sd.SimulationError, match=r"E\[Y\] starts at 0, and the closure '.*' divides by means") as caught:
        run(closed, [0, 1], initial={"X": 3, "Y": 0})
    assert "start from a positive number" in str(caught.value)
    with pytest.raises(sd.SimulationError, match=r"E\[X\], E\[Y\] start at 0"):
        run(closed, [0, 1], initial={"X": 0, "Y": 0})
    assert np.isfinite(run(closed, [0, 1], initial={"X": 3, "Y": 2})["E[X]"]).all()


def test_negative_numbers_of_a_langevin_equation_are_named():
    equation = network("0 -> X, 0.1; X -> 0, 1; X(0) = 1").langevin()
    with pytest.raises(sd.SimulationError, match=r"A number of molecules became negative.*method='langevin'"):
        run(equation, [0, 50], trajectories=20)
    x = sp.Symbol("x")
    with pytest.raises(sd.SimulationError) as caught:
        run(sd.SDESystem({x: sp.sqrt(x)}, {x: 1}, initial={x: 0.1}), [0, 50], trajectories=20)
    assert "molecules" not in str(caught.value)


def test_remedies_are_those_of_the_method():
    x = sp.Symbol("x")
    births = network("0 -> X, 100; X(0) = 0")
    blows_up = {
        "dop853": (sd.ODESystem({x: x**2}, initial={x: 1}), {}, "looser tolerances, another method"),
        "taylor": (sd.ODESystem({x: x**2.5}, initial={x: 0}), {}, "looser tolerances, 'dop853', which needs only values"),
        "euler-maruyama": (sd.SDESystem({x: x**3}, {x: 1}, initial={x: 9}), {}, "a shorter step, another method"),
        "ssa": (births, {"max_steps": 50}, r"a larger max_steps \(method=Ssa.*\), an approximate method such as 'tau'"),
        "tau": (births, {"max_steps": 5}, r"a larger max_steps \(method=Tau.*\), another method"),
        "iterate": (sd.DiscreteSystem({x: x**2}, initial={x: 9}), {}, "other values"),
    }
    for method, (system, options, remedies) in blows_up.items():
        with pytest.raises(sd.SimulationError, match=rf"Try (other values, )?{remedies}.*, or on_failure='nan'"):
            run(system, range(100), method=sd.METHODS[method].options(**options))
