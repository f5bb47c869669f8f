"""When events happen: conditions within steps, on time, at crossings that rounding moves, and those without end."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from symdyn_kernels.status import ENDLESS_EVENTS

import symdyn as sd
from tests.simulation.test_events import still

t, x, y, z, v, k = sp.symbols("t x y z v k")


@pytest.mark.parametrize("method", ["dop853", "tau"])
@pytest.mark.parametrize(("condition", "factor", "shift"), [("t/3 >= T", 3, 0), ("t >= T + 1/2", 1, 0.5), ("t > 3*T", 3, 0)])
def test_a_condition_on_time_is_met_at_a_time_that_is_rounded(method, condition, factor, shift):
    """Of ``t/3 >= T`` the time 3*T may be one number too early, where the condition is still false."""
    first = np.random.default_rng(0).uniform(0.1, 0.9, 99)
    if method == "tau":
        model = sd.ReactionNetwork.from_text(f"X -> 0, k; k = 0; X(0) = 1; T = 1; when {condition}, X = 5")
    else:
        model = sd.ODESystem.from_text(f"x' = 0; x(0) = 1; T = 1; when {condition}, x = 5")
    data = sd.simulate(model, [0, 6], parameters={"T": first}, method=method, seed=1, progress=False)
    assert (data.fired.values == 1).all()
    np.testing.assert_allclose(data.fired_at.values.reshape(99, -1)[:, 0], factor * first + shift, rtol=1e-15)


@pytest.mark.parametrize("method", ["dop853", "tsit5", "bs32", "taylor"])
def test_conditions_that_change_faster_than_the_solution_are_found(method):
    """The sine of what grows evenly is above 0.999999 for 0.003 around each of 96 maxima, in steps of any length."""
    rates = {x: -x / 100, y: 1}
    system = sd.ODESystem(rates, events=sd.Event(sp.sin(y) > 0.999999, {x: x + 1}), initial={x: 0, y: 0})
    data = sd.simulate(system, [0, 603], method=method, progress=False)
    assert data.fired.item() == 96
    exact = np.arcsin(0.999999) + 2 * np.pi * np.arange(96)
    np.testing.assert_allclose(data.fired_at[0, :96], exact, rtol=1e-12)


@pytest.mark.parametrize("restitution", [0.9, 0.1, 0.03, 0.01, 1e-4])
@pytest.mark.parametrize(("method", "options"), [("dop853", {}), ("tsit5", {}), ("rk4", {"step": 0.1})])
def test_a_ball_that_comes_to_rest_ends_in_a_status(method, options, restitution):
    """It comes to rest at 1 + 2 r/(1 - r); beyond that there is no solution, and it does not fall through the floor."""
    ball = sd.ODESystem({x: y, y: -1}, events=sd.Event(x <= 0, {y: -restitution * y}), initial={x: 0.5, y: 0})
    rest = 1 + 2 * restitution / (1 - restitution)
    data = sd.simulate(ball, [0, 0.9 * rest, rest + 1], method=method, on_failure="nan", progress=False, **options)
    assert data.status.item() == ENDLESS_EVENTS
    assert data.x[1].item() >= 0
    assert np.isnan(data.x[2])


@pytest.mark.parametrize(("method", "options"), [("dop853", {}), ("taylor", {}), ("rk4", {"step": 0.1})])
def test_a_condition_that_an_event_leaves_true_triggers_nothing_until_it_has_been_false(method, options):
    """An event that takes all speed does not hold a ball, which falls on: -(t - 1)^2/2; one that counts acts once."""
    events = [sd.Event(x <= 0, {y: 0}), sd.Event(t >= 0.5, {v: v + 1}), sd.Event(x <= 0.2, {v: v + 10})]
    ball = sd.ODESystem({x: y, y: -1, v: 0}, events=events, initial={x: 0.5, y: 0, v: 0})
    data = sd.simulate(ball, [0, 1, 3], method=method, progress=False, **options)
    assert data.fired.values.tolist() == [1, 1, 1]
    assert data.x[-1].item() == pytest.approx(-2, rel=1e-6)
    assert data.v[-1].item() == 11


def test_many_states_may_act_within_rounding_of_each_other():
    """Forty neurons whose currents differ by rounding fire three times each until 4: multiples of log 3."""
    states = sp.symbols("v:40")
    events = [sd.Event(s >= 1, {s: 0}, record=0) for s in states]
    neurons = sd.ODESystem(
        {s: 1.5 + k * 1e-15 - s for k, s in enumerate(states)}, events=events, initial=dict.fromkeys(states, 0)
    )
    assert (sd.simulate(neurons, [0, 4], progress=False).fired == 3).all()


def test_a_priority_that_is_no_number_is_a_failure():
    events = [sd.Event(x > 1, {y: 1}, priority=sp.sqrt(-x)), sd.Event(x > 1, {y: 2}, priority=0)]
    with pytest.raises(sd.SimulationError, match="not a number"):
        sd.simulate(sd.ODESystem({x: 1, y: 0}, events=events, initial={x: 0, y: 0}), [0, 2], progress=False)


@pytest.mark.parametrize(("method", "options"), [("dop853", {}), ("taylor", {}), ("rk4", {"step": 0.05})])
def test_a_condition_of_time_that_rounding_keeps_false_at_its_crossing_turns_true_once(method, options):
    t = sp.Symbol("t")
    kicked = sd.ODESystem({x: y, y: -x}, initial={x: 1, y: 0}, events=sd.Event(sp.sin(2 * t) >= 0, {y: y + 1}, record=12))
    run = sd.simulate(kicked, [0, 30], method=method, progress=False, **options)
    assert int(run.fired.squeeze()) == 9
    np.testing.assert_allclose(run.fired_at.values.ravel()[:9], np.pi * np.arange(1, 10), rtol=1e-12)


@pytest.mark.parametrize(("method", "options"), [("dop853", {}), ("taylor", {}), ("rk4", {"step": 0.1})])
def test_ends_of_others_do_not_move_what_turns_true_before(method, options):
    """Two conditions are true from the start; as the first ends another turns true, within a step."""
    events = [
        sd.Event(x < 0.3, {y: y + 1}, initial=False), sd.Event(x < 0.75, {y: y + 1}, initial=False),
        sd.Event(x > 0.3, {z: z + 1}),
    ]  # fmt: skip
    data = sd.simulate(still(*events), [0, 0.59, 2], method=method, progress=False, **options)
    np.testing.assert_allclose(data.fired_at.values[..., 0].ravel(), [0, 0, 0.3], rtol=1e-12)
    assert data.fired.values.ravel().tolist() == [1, 1, 1]


@pytest.mark.parametrize(("method", "options"), [("dop853", {}), ("taylor", {}), ("rk4", {"step": 0.1})])
@pytest.mark.parametrize("end", [0.41, 0.41001])
def test_a_condition_that_ends_where_another_begins_acts_once(method, options, end):
    """What is true from the start acts there, and not again where a condition turns true just before or as it ends."""
    events = [sd.Event(x < end, {y: y + 1}, initial=False), sd.Event(x > 0.41, {z: z + 1})]
    data = sd.simulate(still(*events), [0, 1, 2], method=method, progress=False, **options)
    assert (data.y[-1].item(), data.z[-1].item()) == (1, 1)
    np.testing.assert_allclose(data.fired_at.values[..., 0].ravel(), [0, 0.41], rtol=1e-12)
