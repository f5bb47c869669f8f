"""Events of systems of rates of change against exact times and values."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.derive.sensitivities import sensitivities

t, x, y, z, u, v, w, A, I, k = sp.symbols("t x y z u v w A I k")
TIGHT = {"rtol": 1e-12, "atol": 1e-14, "progress": False}


def still(*events, **initial):
    """Three states that nothing but events changes; x grows with time."""
    return sd.ODESystem({x: 1, y: 0, z: 0}, initial={x: 0, y: 0, z: 0, **initial}, events=events)


def beside_a_field(*events):
    """The same states as scalars of a system with a field."""
    rates = {x: 1, y: 0, z: 0}
    return sd.PDESystem({w: 0}, (0, 1), odes=rates, space=["r"], initial={w: 0, x: 0, y: 0, z: 0}, events=events).discretize(4)


def fired(data, event=0):
    times = data.fired_at.isel(event=event).values
    return times[..., : int(data.fired.isel(event=event).max())]


@pytest.mark.parametrize("method", ["bs32", "tsit5", "dop853", "rodas4", "rodas5p", "taylor"])
def test_a_neuron_fires_when_it_should(method):
    neuron = sd.ODESystem({v: I - v}, {I: 1.5}, initial={v: 0}, events=sd.Event(v >= 1, {v: 0}))
    loose = method in ("bs32", "rodas4")
    tolerances = {"rtol": 1e-8, "atol": 1e-10, "progress": False} if loose else TIGHT
    data = sd.simulate(neuron, [0, 10], method=method, **tolerances)
    period = np.log(1.5 / 0.5)  # v = I (1 - exp(-t))
    assert data.fired.item() == 9
    assert fired(data) == pytest.approx(period * np.arange(1, 10), abs=1e-6 if loose else 1e-10)
    assert data.v[-1].item() == pytest.approx(1.5 * (1 - np.exp(-(10 - 9 * period))), abs=1e-6 if loose else 1e-10)


def test_ten_thousand_neurons_fire_on_their_own_and_alike_in_any_number_of_lanes():
    neuron = sd.ODESystem({v: I - v}, initial={v: 0}, events=sd.Event(v >= 1, {v: 0}, record=4))
    currents = np.linspace(1.05, 3, 10_000)
    data = sd.simulate(neuron, [0, 25, 50], parameters={I: currents}, rtol=1e-9, progress=False)
    period = np.log(currents / (currents - 1))
    np.testing.assert_array_equal(data.fired[:, 0], np.floor(50 / period))
    np.testing.assert_allclose(data.fired_at[:, 0], period[:, None] * [1, 2, 3, 4], rtol=1e-6)
    some = {"parameters": {I: currents[::1111]}, "rtol": 1e-9, "progress": False}
    for lanes in (1, 8, 32):
        layout = sd.Layout(lanes=lanes, threads=1)
        part = sd.simulate(neuron, [0, 25, 50], layout=layout, **some)
        xr.testing.assert_identical(part.drop_attrs(), data[{"I": slice(None, None, 1111)}].drop_attrs())


@pytest.mark.parametrize("method", ["dop853", "taylor"])
def test_a_bouncing_ball_bounces_at_the_exact_times_and_its_rest_ends_in_a_status(method):
    ball = sd.ODESystem({y: u, u: -9.81}, initial={y: 1, u: 0}, events=sd.Event(y < 0, {u: -0.9 * u}))
    first, ratio = np.sqrt(2 / 9.81), 0.9
    times = first + 2 * first * np.cumsum(np.concatenate([[0], ratio ** np.arange(1, 50)]))
    data = sd.simulate(ball, [0, 8.55], method=method, **TIGHT)
    assert fired(data)[:50] == pytest.approx(times, abs=1e-10)
    assert data.y[-1].item() >= 0
    rest = first + 2 * first * ratio / (1 - ratio)
    with pytest.raises(sd.SimulationError, match="without end") as error:
        sd.simulate(ball, [0, rest - 0.1, rest + 0.1], method=method, **TIGHT)
    assert error.value.dataset.fired_at.max().item() < rest


def test_conditions_that_are_true_for_a_moment_within_a_step_are_found():
    """x = sin t is above 1 - h for a time of 2 arccos(1 - h), of which steps of order 8 take twenty."""
    for height in (0.99, 0.9999, 0.999999):
        circle = sd.ODESystem({x: u, u: -x, y: 0}, initial={x: 0, u: 1, y: 0}, events=sd.Event(x > height, {y: y + 1}))
        data = sd.simulate(circle, [0, 100], rtol=1e-9, progress=False)
        assert (data.y[-1].item(), data.fired.item()) == (16, 16)
        assert fired(data)[:16] == pytest.approx(np.arcsin(height) + 2 * np.pi * np.arange(16), abs=1e-5)
        dips = sd.ODESystem({x: u, u: -x, y: 0}, initial={x: 0, u: 1, y: 0}, events=sd.Event(x > -height, {y: y + 1}))
        data = sd.simulate(dips, [0, 100], rtol=1e-9, progress=False)
        assert data.fired.item() == 16  # true at first, which does not count


def test_series_end_at_doses_and_conditions_in_all_lanes():
    model = sd.ODESystem({A: -k * A}, {k: 0.1}, initial={A: 5}, events=sd.dose(A, 100, every=12, times=20, start=6))
    times, given = np.linspace(0, 300, 61), 6 + 12 * np.arange(20)
    exact = 5 * np.exp(-0.1 * times)
    exact += (100 * np.exp(-0.1 * (times[:, None] - given).clip(0)) * (times[:, None] >= given)).sum(axis=1)
    np.testing.assert_allclose(sd.simulate(model, times, method="taylor", **TIGHT).A, exact, rtol=2e-12)
    neuron = sd.ODESystem({v: I - v}, initial={v: 0}, events=sd.Event(v >= 1, {v: 0}, record=4))
    currents = np.linspace(1.05, 3, 500)
    data = sd.simulate(neuron, [0, 25, 50], parameters={I: currents}, method="taylor", **TIGHT)
    period = np.log(currents / (currents - 1))
    np.testing.assert_array_equal(data.fired[:, 0], np.floor(50 / period))
    np.testing.assert_allclose(data.fired_at[:, 0], period[:, None] * [1, 2, 3, 4], rtol=1e-11)
    alone = sd.simulate(neuron, [0, 25, 50], parameters={I: currents[7]}, method="taylor", **TIGHT)
    assert alone.v.values.tolist() == data.v[7].values.tolist()


def test_doses_are_given_at_their_times():
    model = sd.ODESystem({A: -k * A}, {k: 0.1}, initial={A: 5}, events=sd.dose(A, 100, every=12, times=20, start=6))
    times = np.linspace(0, 300, 601)
    data = sd.simulate(model, times, **TIGHT)
    given = [np.where(times >= 6 + 12 * j, 100 * np.exp(-0.1 * (times - 6 - 12 * j)), 0) for j in range(20)]
    np.testing.assert_allclose(data.A, 5 * np.exp(-0.1 * times) + np.sum(given, axis=0), rtol=1e-10)
    np.testing.assert_array_equal(fired(data), 6 + 12.0 * np.arange(20))


def test_doses_before_the_first_time_are_left_out_and_one_at_it_is_given():
    endless = sd.ODESystem({A: 0}, initial={A: 0}, events=sd.dose(A, 1, every=10))
    assert sd.simulate(endless, [30, 39, 40, 65], progress=False).A.values.tolist() == [1, 1, 2, 4]
    tenths = sd.ODESystem({A: 0}, initial={A: 0}, events=sd.dose(A, 1, every=0.1, times=None))
    for first in (0.3, 0.6, 0.7, 1.2):  # whose quotients by 0.1 are rounded up or down
        assert sd.simulate(tenths, [first, first + 0.05, first + 1.95], progress=False).A.values.tolist() == [1, 1, 20]
    two = sd.ODESystem({A: 0}, initial={A: 0}, events=[sd.dose(A, 1, start=k), sd.dose(A, 10, start=3)])
    data = sd.simulate(two, [0, 3, 4], parameters={k: [3, 4]}, progress=False)
    assert data.A.values.tolist() == [[0, 11, 11], [0, 10, 11]]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([sd.Event(t >= 2, {y: 2 * y + 1}), sd.Event(t >= 2, {y: y + 10})], 11),  # in the order of the declaration
        ([sd.Event(t >= 2, {y: 2 * y + 1}, priority=1), sd.Event(t >= 2, {y: y + 10}, priority=2)], 21),
        ([sd.Event(t >= 2, {y: 2 * y + 1}), sd.Event(t >= 2, {y: y + 10}, priority=-5)], 21),  # no priority comes last
        (
            [sd.Event(t >= 2, {y: 1}), sd.Event(y >= 1, {z: 7, y: 0}), sd.Event(z >= 7, {y: 0.5})],
            0.5,
        ),  # a chain
        ([sd.Event(t >= 2, {y: 1, z: 1}), sd.Event(t >= 2, {y: 9}, persistent=False)], 9),
        ([sd.Event((x >= 2) & (z <= 0), {y: 1, z: 1}), sd.Event((x >= 2) & (z <= 0), {y: 9}, persistent=False)], 1),
        ([sd.Event(x >= 1, {y: x}, delay=1.5)], 2.5),
        ([sd.Event(x >= 1, {y: x}, delay=1.5, from_trigger=True)], 1),
        ([sd.Event((x >= 1) & (x < 2), {y: x}, delay=1.5, persistent=False)], 0),
        ([sd.Event(t >= 0, {y: 3})], 0),  # true at first
        ([sd.Event(t >= 0, {y: 3}, initial=False)], 3),
        ([sd.Event(x < 1, {y: y + 1}), sd.Event(t >= 2, {x: 0})], 1),
    ],
)
@pytest.mark.parametrize("made", [still, beside_a_field])
def test_events_of_one_moment_delays_and_first_values(made, events, expected):
    for trajectories in (None, 3):
        data = sd.simulate(made(*events), [0, 3], trajectories=trajectories, **TIGHT)
        np.testing.assert_allclose(data.y.isel(time=-1), expected, rtol=1e-12)


@pytest.mark.parametrize("made", [still, beside_a_field])
def test_outputs_at_the_time_of_an_event_are_those_after_it(made):
    for event in (sd.Event(t >= 1, {y: 5}), sd.dose(y, 5, start=1)):
        assert sd.simulate(made(event), [0, 0.5, 1, 2], progress=False).y.values.tolist() == [0, 0, 5, 5]
    assert sd.simulate(made(sd.Event(t > 1, {y: 5})), [0, 1, 2], progress=False).y.values.tolist() == [0, 0, 5]


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([sd.Event(t >= 1, {y: 1}), sd.Event(y >= 1, {y: 0}), sd.Event(y < 1, {y: 1})], "without end"),
        ([sd.Event(x >= 1, {y: 1}, delay=-x)], "delay of an event or of a reaction was negative"),
        ([sd.Event(sp.sin(300 * x) >= 0, {y: 1}, delay=50)], "more than 128 events"),
        ([sd.Event(sp.sqrt(1 - x) <= -1, {y: 1})], "not a number"),
    ],
)
@pytest.mark.parametrize("made", [still, beside_a_field])
def test_what_cannot_go_on_ends_in_a_status(made, events, message):
    with pytest.raises(sd.SimulationError, match=message):
        sd.simulate(made(*events), [0, 3], method=sd.methods.Bs32(max_step=0.002), progress=False)


def test_a_trajectory_stops_within_events():
    neuron = sd.ODESystem({v: I - v, y: 0}, {I: 1.5}, initial={v: 0, y: 0}, events=sd.Event(v >= 1, {v: 0, y: y + 1}))
    data = sd.simulate(neuron, [0, 10], until="y > 2.5", **TIGHT)
    assert data.first_passage.item() == pytest.approx(3 * np.log(3), abs=1e-10)
    assert data.fired.item() == 3


def test_events_go_through_chunks_stores_and_statistics(tmp_path):
    neuron = sd.ODESystem({v: I - v}, initial={v: 0}, events=sd.Event(v >= 1, {v: 0}, record=3))
    run = {"t": [0, 5, 10], "parameters": {I: np.linspace(1.1, 2, 40)}, "progress": False}
    whole = sd.simulate(neuron, **run)
    stored = sd.simulate(neuron, **run, layout=sd.Layout(chunk=7), store=tmp_path / "run").load()
    xr.testing.assert_identical(whole, stored)
    again = sd.simulate(neuron, **run, store=tmp_path / "run").load()
    xr.testing.assert_identical(whole, again)
    other = neuron.replace(events=(sd.Event(v >= 1, {v: 0.5}, record=3),))
    with pytest.raises(sd.SymdynError, match="begun"):
        sd.simulate(other, **run, store=tmp_path / "run")


def test_text_holds_events():
    first = "when (x < 0.1) and (y <= 0) delay 2 priority k persistent false, y = x + 1, x = 1"
    text = f"x' = -k*x\ny' = 0\n{first}\nat k every 12, x = x + 3"
    system = sd.ODESystem.from_text(f"{text}\nk = 0.3; x(0) = 1; y(0) = 0")
    assert str(system) == text
    assert sd.ODESystem.from_text(str(system)).digest == system.digest
    assert system.events[0].mapped(lambda e: e.subs(k, 0)).priority == 0
    assert system.replace(events=()).digest != system.digest
    record = sd.simulate(system, [0, 1], progress=False).attrs["model"]
    assert sd.ODESystem.from_text(record) == system


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x' = 1\nwhen x > 1", "an event is a condition and what becomes of states"),
        ("x' = 1\nwhen x > 1 delay, x = 0", "nothing follows delay"),
        ("x' = 1\nwhen x > 1 delay 1 delay 2, x = 0", "occurs twice"),
        ("x' = 1\nwhen x > 1 persistent 3, x = 0", "true or false"),
        ("x' = 1\nwhen x > 1, y = 0", "y has no equation"),
        ("x' = 1\nat 0 every 2 times 1/2, x = 0", "whole number"),
        ("x' = 1\nat 0 times 3, x = 0", "need every"),
        ("dx = -x*dt + dW\nwhen x > 1, y = 0", "y has no equation"),
        ("x[t+1] = x/2\nwhen x > 1, x = 0", "BranchingSystem has no events"),
    ],
)
def test_texts_that_are_wrong_are_named(text, message):
    kind = sd.SDESystem if "dW" in text else sd.BranchingSystem if "[" in text else sd.ODESystem
    with pytest.raises(sd.SymdynError, match=message):
        kind.from_text(text)


def test_names_of_what_events_add_to_results_are_reserved():
    result = sd.simulate(sd.ODESystem.from_text("x' = 1; x(0) = 0; when x >= 1, x = 0"), [0, 2], progress=False)
    for name in {*result.dims, *result.data_vars} - {"x"}:
        with pytest.raises(sd.DeclarationError, match=f"'{name}' names a dimension or variable"):
            sd.ODESystem.from_text(f"x' = 1; {name}' = 1; when x >= 1, x = 0")


@pytest.mark.parametrize(
    ("options", "doses"), [({}, 1), ({"every": 2}, 3), ({"every": 2, "times": 1}, 1), ({"every": 2, "times": 2}, 2)]
)
def test_doses_of_an_interval_go_on_and_their_text_means_the_same(options, doses):
    system = sd.ODESystem({A: 0}, initial={A: 0}, events=sd.dose(A, 1, **options))
    for read in (system, sd.ODESystem.from_text(system.to_text())):
        assert float(sd.simulate(read, [0, 5], progress=False).A[-1]) == doses
    assert sd.ODESystem.from_text(system.to_text()) == system


def test_what_would_have_no_effect_or_a_wrong_one_is_refused():
    schedule = sd.dose(A, 1, every=2, times=3).trigger
    for name, value in (("persistent", False), ("initial", False), ("from_trigger", True)):
        with pytest.raises(sd.DeclarationError, match=f"on which {name} has an effect"):
            sd.Event(schedule, {A: 2}, **{name: value})
    late = sd.ODESystem({A: -k * A}, events=sd.Event(A < 1, {A: 2 * A}, delay=1, from_trigger=True))
    with pytest.raises(sd.DeclarationError, match="sensitivities do not follow"):
        sensitivities(late)


def test_methods_that_follow_no_events_say_so():
    neuron = sd.ODESystem({v: I - v}, {I: 1.5}, initial={v: 0}, events=sd.Event(v >= 1, {v: 0}))
    with pytest.raises(sd.CompileError, match="inline"):
        sd.simulate(neuron, [0, 1], layout=sd.Layout(inline=True))
    with pytest.raises(sd.CompileError, match="depend on states, inputs or time"):
        sd.compile(sd.ODESystem({A: -A}, events=sd.dose(A, 1, start=A)))
    with pytest.raises(sd.CompileError, match="cannot be located"):
        sd.compile(sd.ODESystem({A: -A}, events=sd.Event(sp.Eq(A, 1), {A: 0})))


MOVING = {
    "doses": (
        sd.ODESystem({A: -k * A}, initial={A: 3}, events=sd.dose(A, u, every=v, times=5, start=y)),
        10.3, {"k": 0.3, "u": 10, "v": 2, "y": 0.7},
    ),
    "ball": (
        sd.ODESystem({y: u, u: -A}, initial={y: 1, u: 0}, events=sd.Event(y < 0, {u: -k * u})), 2.0, {"A": 9.81, "k": 0.9},
    ),
    "neuron": (
        sd.ODESystem({v: I - v, y: v * k}, initial={v: 0, y: 0}, events=sd.Event(v >= 1, {v: v / 3, y: y + I * v})),
        7.0, {"I": 1.5, "k": 0.9},
    ),
    "delay": (
        sd.ODESystem({x: k * (1 - x), y: x * u}, initial={x: 0, y: 1}, events=sd.Event(x >= 0.5, {y: y / 2 + x}, delay=v * y)),
        3.0, {"k": 1.5, "u": 0.9, "v": 0.3},
    ),
    "time": (
        sd.ODESystem({x: -k * x}, initial={x: 3}, events=[sd.Event(t >= u, {x: x + v}), sd.Event(x < y, {x: x + 1})]),
        4.0, {"k": 1.1, "v": 1.4, "u": 0.7, "y": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MOVING)
def test_sensitivities_through_events_are_difference_quotients(case):
    system, end, parameters = MOVING[case]
    extended = sensitivities(system)
    start = {s.name: value for s, value in system.initial.items()}
    data = sd.simulate(extended.system, [0, end], parameters=parameters, **TIGHT)
    step = 1e-5
    for column in extended.columns:
        ends = []
        for sign in (step, -step):
            given, begun = dict(parameters), dict(start)
            (begun if column in system.states else given)[column.name] += sign
            ends.append(sd.simulate(system, [0, end], parameters=given, initial=begun, **TIGHT).isel(time=-1))
        for state in system.states:
            quotient = (ends[0][state.name].item() - ends[1][state.name].item()) / (2 * step)
            assert data[extended.names[state, column].name][-1].item() == pytest.approx(quotient, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("concentrations", [False, True])
def test_rate_equations_keep_the_events_of_a_network(concentrations):
    network = sd.ReactionNetwork.from_text(
        "X -> 0, k; volume V; when X < 40, X = X + 50; at 7, X = 2*X", parameters={"k": 0.5, "V": 10}, initial={"X": 100}
    )
    data = sd.simulate(network.rate_equations(concentrations=concentrations), [0, 3, 6, 7.5], **TIGHT)
    lows = np.log(100 / 40) / 0.5 + np.arange(4) * np.log(90 / 40) / 0.5  # at each 40 becomes 90
    after = [90 * np.exp(-0.5 * (at - low)) for at, low in ((3, lows[0]), (6, lows[2]), (7.5, lows[3]))]
    expected = [100, after[0], after[1], 2 * after[2]]
    np.testing.assert_allclose(data.X * (10 if concentrations else 1), expected, rtol=1e-10)


@pytest.mark.parametrize("rate", ["k", "k*(1 + 0*t + 0*sin(t))", "k + 1e-9*sin(t)"])
def test_doses_of_molecules_that_decay_are_binomial(rate):
    network = sd.ReactionNetwork.from_text(f"X => 0, ({rate})*X; at 1 every 2 times 3, X = X + 50", parameters={"k": 0.5})
    times = np.array([1.0, 1.5, 3.0, 4.999, 5.0, 6.0, 9.0])
    data = sd.simulate(network, times, initial={"X": 20}, trajectories=20_000, seed=1, reduce=["mean", "var"], progress=False)
    begun = [(20, 1.0), (50, 1.0), (50, 3.0), (50, 5.0)]
    left = [(n, np.where(times >= at, np.exp(-0.5 * (times - at)), 0)) for n, at in begun]
    mean, var = sum(n * p for n, p in left), sum(n * p * (1 - p) for n, p in left)
    np.testing.assert_allclose(data.X_mean, mean, atol=5 * np.sqrt(var.max() / 20_000))
    np.testing.assert_allclose(data.X_var, var, atol=5 * var.max() * np.sqrt(2 / 20_000))


def test_schedules_of_networks_are_met_exactly():
    still = sd.ReactionNetwork.from_text("X -> X + Y, r; at s every h times 4, X = X + 1", parameters={"r": 0})
    times, values = [0, 0.25, 0.5, 0.75, 1, 5], {"s": [0, 0.5], "h": 0.25}
    data = sd.simulate(still, times, initial={"X": 0, "Y": 0}, parameters=values, seed=1, progress=False)
    assert data.X.values.tolist() == [[1, 2, 3, 4, 4, 4], [0, 0, 1, 2, 3, 4]]


@pytest.mark.parametrize("kind", ["ode", "sde", "network"])
def test_a_dose_at_the_last_time_ends_a_trajectory_like_any_other(kind):
    dose = sd.dose(x, 5, start=2)
    still = {"initial": {x: 1}, "events": dose}
    system = {
        "ode": lambda: sd.ODESystem({x: 0}, **still),
        "sde": lambda: sd.SDESystem({x: 0}, {x: k}, {k: 0}, **still),
        "network": lambda: sd.ReactionNetwork.from_text("x -> 0, k; k = 1e-9; x(0) = 1", events=dose),
    }[kind]()
    chosen = {} if kind == "ode" else {"seed": 1}
    chosen |= {"step": 0.5} if kind == "sde" else {}
    for condition, passage in (("x >= 6", 2.0), ("x >= 7", np.inf)):
        data = sd.simulate(system, [0, 1, 2], until=condition, trajectories=3, progress=False, **chosen)
        assert data.first_passage.values.tolist() == [passage] * 3
        assert data.x.values[:, -1].tolist() == [6.0] * 3


def test_statistics_keep_how_often_events_happened_on_average():
    neuron = sd.ODESystem({v: I - v}, initial={v: 0}, events=[sd.Event(v >= 1, {v: 0}), sd.dose(v, 0.0, start=7)])
    currents = {"parameters": {I: [1.5, 2.0]}, "initial": {v: [0.0, 0.5]}, "progress": False}
    kept = sd.simulate(neuron, [0, 10], trajectories=3, **currents)
    data = sd.simulate(neuron, [0, 10], trajectories=3, reduce=["mean"], **currents)
    xr.testing.assert_equal(data.fired_mean, kept.fired.mean("trajectory").rename("fired_mean").astype(float))
    assert data.fired_mean.sel(v0=0.0, I=1.5).values.tolist() == [np.floor(10 / np.log(3)), 1]


def test_states_and_firings_have_frames_of_their_own():
    model = sd.ODESystem({A: 0}, initial={A: 1}, events=[sd.dose(A, k, every=4, times=3, start=2), sd.Event(A > 7, {A: 0})])
    data = sd.simulate(model, [0, 5, 10], parameters={k: [1, 4]}, trajectories=2, progress=False)
    table = sd.to_frame(data)
    assert list(table.columns) == ["k", "trajectory", "time", "A", "status"]
    assert table["A"].tolist() == 2 * [1, 2, 4] + 2 * [1, 5, 4]  # 1 + 4, 9 is too much, 0 + 4
    firings = sd.to_frame(data, "events")
    assert list(firings.columns) == ["k", "trajectory", "event", "firing", "time"]
    first = firings[firings.trajectory == 0].sort_values(["k", "time", "event"])
    assert first["time"].tolist() == [2, 6, 10, 2, 6, 6, 10]
    with pytest.raises(sd.DeclarationError, match="no times of events"):
        sd.to_frame(data.drop_vars("fired_at"), "events")
    with pytest.raises(sd.DeclarationError, match="expected 'times' or 'events'"):
        sd.to_frame(data, "firings")
    with pytest.raises(sd.DeclarationError, match="expected a dataset with the dimension 'time'"):
        sd.to_frame(firings)
    often = sd.simulate(still(sd.Event(x >= y + 1, {y: y + 1}, record=3)), [0, 5.5], progress=False)
    with pytest.warns(UserWarning, match="an event happened 5 times, and the times of the first 3 are recorded"):
        assert sd.to_frame(often, "events")["time"].tolist() == pytest.approx([1, 2, 3])
