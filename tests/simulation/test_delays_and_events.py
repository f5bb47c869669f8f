"""Delays with events: jumps come again after the delays, and sensitivities jump with them."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.derive.sensitivities import sensitivities
from tests.simulation.delayed import METHODS, run

t, x, y, tau, k = sp.symbols("t x y tau k")
X, Y = sp.Function("x"), sp.Function("y")


@pytest.mark.parametrize("method", METHODS[:2])
def test_many_doses_within_one_delay_are_met_when_they_return(method):
    """Of 200 unit doses in [0, 1) the rate from 1 on is a staircase, below which the area is that of its steps."""
    system = sd.ODESystem({x: X(t - 1)}, initial={x: 0}, events=sd.dose(x, 1, every=0.005, times=200))
    data = run(system, [0, 1, 1.5, 2], method=method)
    np.testing.assert_allclose(data.x[1:], [200, 200 + sum(range(1, 101)) / 200, 300.5], rtol=1e-9)


def test_jumps_at_events_propagate():
    """x' = x(t - 1) from 0, with 1 added at 0.5 and whenever t passes 1.2: pieces between delayed jumps are polynomials."""
    dosed = sd.ODESystem({x: X(t - 1)}, initial={x: 0}, events=sd.dose(x, 1, start=0.5))
    data = run(dosed, [0, 0.5, 1, 1.5, 2, 2.5, 3], rtol=1e-3, atol=1e-3)  # 1, then t - 1/2, then its integral
    np.testing.assert_allclose(data.x, [0, 1, 1, 1, 1.5, 2, 2.625], atol=1e-12)
    neuron = sd.ODESystem({x: 1, y: X(t - 0.3)}, initial={x: 0, y: 0}, events=sd.Event(x >= 1, {x: 0}))
    sweep = np.linspace(0.0, 0.9, 16)
    data = run(neuron, [0, 1.25, 3.3, 4.3], rtol=1e-3, atol=1e-3, initial={x: sweep})
    saw = np.floor(ends := np.stack([sweep, sweep + 4.0])) / 2 + (ends % 1) ** 2 / 2  # the integrals of a sawtooth from 0
    expected = 0.3 * sweep + saw[1] - saw[0]  # before the first time it had its initial value
    np.testing.assert_allclose(data.y[:, -1], expected, atol=1e-12)
    alone = [run(neuron, [0, 1.25, 3.3, 4.3], rtol=1e-3, atol=1e-3, initial={x: v}).y for v in sweep]
    np.testing.assert_array_equal(data.y, alone)


def test_lanes_threads_chunks_and_resumption_change_no_bit_of_events_with_delays(tmp_path):
    """Neurons that inhibit themselves later, with a reset that takes time, doses and an input."""
    u = sd.Path("u", [0, 2, 5, 20], [0, 1, 0, 0])
    events = [sd.Event(x >= 1, {x: 0}, delay=tau / 10), sd.dose(y, 0.2, every=3, times=4, start=1)]
    system = sd.ODESystem({x: k + u - x - X(t - tau) * y / 4, y: -Y(t - 1) / 2}, {k: 1.5}, initial={x: 0, y: 1}, events=events)
    times, sweep = np.linspace(0, 15, 31), {tau: np.linspace(0.3, 2, 9), k: [1.2, 2.0]}
    data = run(system, times, parameters=sweep, rtol=1e-7)
    assert (data.fired.isel(event=0) > 2).all()
    for lanes, threads, chunk in ((1, 1, 18), (8, 2, 7), (32, 1, 5)):
        again = run(system, times, parameters=sweep, rtol=1e-7, layout=sd.Layout(lanes=lanes, threads=threads, chunk=chunk))
        assert data.identical(again)
    stored = {"store": tmp_path / "both.zarr", "layout": sd.Layout(chunk=4)}
    for _ in range(2):
        found = run(system, times, parameters=sweep, rtol=1e-7, **stored).load()
        np.testing.assert_array_equal(found.x, data.x)
        np.testing.assert_array_equal(found.fired_at, data.fired_at)


def test_sensitivities_have_delays():
    """Against difference quotients: by a rate, a delay, a number in the history and an initial value."""
    a = sp.Symbol("a")
    cases = [
        sd.ODESystem({x: -k * X(t - tau) + y, y: X(t - 1) * y - y}, {k: 1.2, tau: 0.7}, initial={x: 1, y: 0.5}),
        sd.ODESystem({x: -k * X(t - 1)}, {k: 1.2, a: 0.3}, history={x: sp.cos(a * t) + a}),
        sd.ODESystem({x: -k * X(t - tau)}, {k: 1.2, tau: 0.7}, history={x: 1 + t}),
        sd.ODESystem({x: -X(t - 1 - k * x**2)}, {k: 0.2}, initial={x: 1}),
    ]
    times, sharp = np.linspace(0, 4, 9), {"rtol": 1e-13, "atol": 1e-15}
    for system in cases:
        extended = sensitivities(system)
        data = run(extended.system, times, "dop853", **sharp)
        for p in system.parameters:
            moved = system.defaults[p] + np.array([-1e-4, 1e-4])
            near = run(system, times, "dop853", parameters={p: moved}, **sharp)
            for s in system.states:
                quotient = (near[s.name][1] - near[s.name][0]) / 2e-4
                np.testing.assert_allclose(data[extended.names[s, p].name], quotient, atol=1e-7)
        for p in () if system.history else system.states:
            near = run(system, times, "dop853", initial={p: system.initial[p] + np.array([-1e-4, 1e-4])}, **sharp)
            quotient = (near.x[1] - near.x[0]) / 2e-4
            np.testing.assert_allclose(data[extended.names[x, p].name], quotient, atol=1e-7)
    moving = sensitivities(cases[2], [tau]).system
    assert [str(s) for s in moving.slopes] == ["x'(t - tau)"]
    with pytest.raises(sd.CompileError, match="no slopes of states at other times"):
        run(moving, times, "rodas5p")
    with pytest.raises(sd.DeclarationError, match="may not jump at the first time"):
        run(moving, times, initial={x: 2})
    with pytest.raises(sd.DeclarationError, match="x may jump at the first time"):
        sensitivities(cases[2].with_initial(x=2), [tau])


NEURON = {x: 3 * k - 0.3 * x, y: -y + X(t - tau) ** 2 + y * X(t - 2 * tau)}


@pytest.mark.parametrize(
    "system",
    [
        sd.ODESystem({x: -k * X(t - tau)}, {k: 0.5, tau: 0.8, "a": 0.55, "b": 0.5}, initial={x: 1},
                     events=sd.dose(x, sp.Symbol("b"), start=sp.Symbol("a"), every=1.3, times=3)),
        sd.ODESystem({x: -k * X(t - 1)}, {k: 0.5}, initial={x: 1}, events=sd.dose(x, 0.7, start=0.5)),
        sd.ODESystem(NEURON, {k: 1.5, tau: 0.7}, initial={x: 0.1, y: 0.3}, events=sd.Event(x >= 1, {x: x / 4})),
        sd.ODESystem({x: -k * x, y: -y + Y(t - 1)}, {k: 0.7, tau: 0.7}, initial={x: 1, y: 0.3},
                     events=sd.Event(X(t - tau) <= 0.5, {y: y + X(t - 0.5 * tau)})),
        sd.ODESystem({x: -k * X(t - 1), y: -y}, {k: 0.7, tau: 0.3}, initial={x: 1, y: 0.3},
                     events=sd.Event(x <= 0.5, {y: y + X(t - tau)}, delay=tau + X(t - 0.2) / 4)),
        sd.ODESystem({x: -k * X(t - tau)}, {k: 0.7, tau: 0.6, "a": 0.5}, initial={x: 1},
                     events=sd.Event(t >= sp.Symbol("a"), {x: 2 * x + X(t - tau)})),
    ],
    ids=["doses", "dose", "neuron", "past trigger", "delayed event", "known time"],
)  # fmt: skip
def test_sensitivities_jump_at_events_and_later(system):
    """Against difference quotients by every parameter and initial value, also of the delays and the times of events."""
    extended, times, h = sensitivities(system), np.array([0, 0.41, 1.23, 2.17, 3.71, 4.9]), 1e-5
    data = run(extended.system, times, rtol=1e-12, atol=1e-14)
    assert data.fired[0] > 0
    for p in (*system.parameters, *system.states):
        kind, given = ("parameters", system.defaults) if p in system.parameters else ("initial", system.initial)
        near = run(system, times, **{kind: {p: given[p] + np.array([-h, h])}, "rtol": 1e-12, "atol": 1e-14})
        for s in system.states:
            quotient = (near[s.name][1] - near[s.name][0]) / (2 * h)
            np.testing.assert_allclose(data[extended.names[s, p].name], quotient, atol=1e-7)


@pytest.mark.parametrize(
    ("drift", "event", "message"),
    [
        ({x: X(t - 1 - x**2) - k}, sd.Event(x <= 0, {x: 1}), "at the varying delay x\\*\\*2 \\+ 1"),
        ({x: X(t - 1) - k}, sd.Event(x <= 0, {x: 1}, delay=1), "look up what it assigns after a delay"),
        ({x: X(t - 1) - k}, sd.Event(X(t - 1) <= 0, {x: 1}), "whose condition may jump, as events change x"),
    ],
)
def test_sensitivities_that_are_not_known_are_refused(drift, event, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sensitivities(sd.ODESystem(drift, {k: 1}, initial={x: 1}, events=event))
