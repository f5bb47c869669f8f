"""States at other times in observables, events, conditions and initial values, against closed solutions."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.models.text import text_of

t, x, y, tau, a, b = sp.symbols("t x y tau a b")
X, Y = sp.Function("x"), sp.Function("y")


def run(system, times, method="tsit5", **options):
    return sd.simulate(system, times, method=method, progress=False, **{"rtol": 1e-10, "atol": 1e-12, **options})


def decay(**further):
    """x = exp(-t) at all times."""
    return sd.ODESystem({x: -x, y: 0}, history={x: sp.exp(-t)}, initial={y: 0}, **further)


def test_observables():
    """Of a constant delay, of one that grows with time, and of one that is 0 up to a dose; of each trajectory its own."""
    seen = {"late": X(t - tau), "half": X(t / 2), "now": X(t - y), "both": X(t - tau) * x}
    system = decay(observables=seen, events=sd.dose(y, 1, start=1.5))
    sweep, times = np.linspace(0.3, 2, 20), np.linspace(0, 4, 17)
    data = run(system, times, parameters={tau: sweep})
    late = np.exp(sweep[:, None] - times)
    np.testing.assert_allclose(data.late, late, rtol=2e-9)
    np.testing.assert_allclose(data.both, late * np.exp(-times), rtol=2e-9, atol=1e-11)
    np.testing.assert_allclose(data.half, np.broadcast_to(np.exp(-times / 2), late.shape), rtol=2e-9)
    np.testing.assert_allclose(data.now[0], np.exp((times >= 1.5) - times), rtol=2e-9)  # at the dose, after it
    alone = [run(system, times, parameters={tau: v}).late for v in sweep]
    np.testing.assert_array_equal(data.late, alone)
    assert np.exp(sweep) == pytest.approx(run(system, [0.0], parameters={tau: sweep}).late.values[:, 0])


def test_delays_in_observables_do_not_shorten_steps():
    seen = sd.ODESystem({x: -x}, initial={x: 1}, observables={"late": X(t - 0.01)})
    times = [0.0, 0.005, 10.0]
    data = run(seen, times, rtol=1e-6)
    np.testing.assert_allclose(data.late, [1, 1, np.exp(-9.99)], rtol=1e-5)  # before the first time the initial value
    assert int(data.steps) < 100


def test_triggers_assignments_and_delays_of_events():
    """The condition x(t - tau) <= 1/2 turns true at tau + log 2, the event acts x(t - 1/2) later, and sets y to a past."""
    event = sd.Event(X(t - tau) <= 0.5, {y: X(t - 2)}, delay=X(t - 0.5))
    data = run(decay(events=event), [0, 8], parameters={tau: (sweep := np.linspace(0.2, 3, 15))})
    moments = sweep + np.log(2)
    moments += np.exp(0.5 - moments)
    np.testing.assert_allclose(data.fired_at[:, 0, 0], moments, rtol=1e-9)
    np.testing.assert_allclose(data.y[:, -1], np.exp(2 - moments), rtol=1e-8)


def test_a_condition_on_the_past_within_a_step_is_found():
    """x(t - 1) = sin(t - 1) is above 0.9999 for a 440th of each turn."""
    tall = sd.ODESystem(
        {x: sp.cos(t), y: 0}, history={x: sp.sin(t)}, initial={y: 0}, events=sd.Event(X(t - 1) > 0.9999, {y: y + 1})
    )
    data = run(tall, [0, 12], rtol=1e-7)
    first = 1 + np.arcsin(0.9999)
    np.testing.assert_allclose(data.fired_at[0, :2], [first, first + 2 * np.pi], atol=1e-4)


def test_jumps_of_the_past_turn_conditions_at_their_time():
    """A dose at 1/2 makes x(t - 1) jump at 3/2; the first value differs from the history, so x(t - 1) jumps at 1 too."""
    dosed = sd.ODESystem(
        {x: 0, y: 0}, history={x: -1}, initial={x: 0, y: 0},
        events=[sd.dose(x, 1, start=0.5), sd.Event(X(t - 1) >= 0.5, {y: y + 1}), sd.Event(X(t - 1) >= -0.5, {y: y + 10})],
    )  # fmt: skip
    data = run(dosed, [0, 0.9, 1.1, 1.4, 1.6, 3])
    np.testing.assert_allclose(data.fired_at[:, 0], [0.5, 1.5, 1], atol=1e-12)
    np.testing.assert_array_equal(data.y, [0, 0, 10, 10, 11, 11])


@pytest.mark.parametrize("condition", [t >= 3, t > 3, t >= a + b])
@pytest.mark.parametrize("side", [X(t - 1) + a + b - 3, sp.Heaviside(t - a - b)])
def test_known_times_that_are_delayed_jumps_too(side, condition):
    """Steps end around multiples of the delay, and around where a rate jumps; an event at such a time acts there."""
    system = sd.ODESystem({x: 1, y: side}, {a: 1, b: 2}, initial={x: 0, y: 0}, events=sd.Event(condition, {y: 100}))
    data = run(system, [0, 2.9, 3.1, 7])
    assert float(data.fired_at[0, 0]) == pytest.approx(3, abs=1e-12)
    assert data.y[1] < 10 < data.y[2]


def test_until():
    system = decay(observables={"late": X(t - 1)})
    for condition in ("late <= 0.5", X(t - 1) <= 0.5):
        data = run(system, [0, 1, 3], until=condition)
        np.testing.assert_allclose(float(data.first_passage), 1 + np.log(2), rtol=1e-9)
        np.testing.assert_allclose(data.late, [np.e, 1, 0.5], rtol=1e-9)
    begun = run(system, [0, 3], until=X(t - 1) > 2.5)  # it is e in the beginning
    assert float(begun.first_passage) == 0
    np.testing.assert_allclose(begun.late, [np.e, np.e])


def test_initial_values_are_histories():
    """At the first time less the delay, which a sweep may vary; without a history the initial value itself."""
    system = sd.ODESystem({x: -X(t - tau), y: 1}, {tau: 2}, history={x: sp.cos(t)}, initial={y: 2 * X(t - tau) + X(t - 1)})
    data = run(system, [5.0, 5.1], parameters={tau: [1.0, 2.0]})
    np.testing.assert_allclose(data.y[:, 0], 2 * np.cos([4.0, 3.0]) + np.cos(4.0))
    plain = sd.ODESystem({x: -x, y: 1}, initial={x: 3, y: 2 * X(t - 1)})
    assert dict(plain.initial) == {x: 3.0, y: 2 * x}
    with pytest.raises(sd.DeclarationError, match="no value for the state x, y"):
        system.initial_values(system.initial_numbers())


def test_text():
    system = sd.ODESystem.from_text(
        """x' = -x(t - tau); y' = 1; x(t <= 0) = cos(0.5*t); y(0) = 2*x(t - tau); tau = 1.5; late := x(t - tau) + y(t - 2)
        when x(t - tau) < 0.2 delay y(t - 1) priority x(t - 3), y = x(t - 2)"""
    )
    assert {str(d) for d in system.delays} == {"x(t - tau)", "x(t - 2)", "x(t - 3)", "y(t - 1)", "y(t - 2)"}
    assert system.initial[y] == 2 * sp.cos(0.5 * t - 0.5 * tau)
    assert sd.ODESystem.from_text(text_of(system)) == system
    assert system.parts == {"drift", "delays", "events"}


def test_the_same_bits(tmp_path):
    """For any number of lanes, threads and chunks, from a store, and one at a time."""
    system = sd.ODESystem(
        {x: -X(t - tau) + Y(t - 0.3 - sp.Max(x, 0)), y: x - y}, history={x: sp.cos(t)}, initial={y: 0.2},
        events=[
            sd.Event(X(t - tau) <= Y(t - 0.2), {x: x + X(t - 0.7)}, delay=0.1 + sp.Abs(Y(t - 0.5))),
            sd.dose(y, X(t - tau)),
        ],
        observables={"late": X(t - tau) * Y(t - sp.Abs(x))},
    )  # fmt: skip
    times, sweep = np.linspace(0, 6, 25), np.linspace(0.4, 2, 40)
    data = run(system, times, parameters={tau: sweep}, rtol=1e-7)
    assert int(data.fired[:, 0].sum()) > 20
    np.testing.assert_allclose(data.y[:, 0], 0.2 + np.cos(sweep))  # after the dose at the first time

    def assert_same(other):
        for name in ("x", "y", "late", "fired_at", "steps"):
            np.testing.assert_array_equal(other[name], data[name])

    for lanes in (1, 8, 32):
        layout = sd.Layout(lanes=lanes, threads=2, chunk=7)
        assert_same(run(system, times, parameters={tau: sweep}, rtol=1e-7, layout=layout))
    layout, path = sd.Layout(chunk=16), tmp_path / "delays.zarr"
    for _ in range(2):  # written, and resumed
        assert_same(run(system, times, parameters={tau: sweep}, rtol=1e-7, layout=layout, store=path))
    alone = [run(system, times, parameters={tau: v}, rtol=1e-7) for v in sweep[::7]]
    np.testing.assert_array_equal(data.late[::7], [one.late for one in alone])


def test_failures_say_what_happened():
    for further in ({"observables": {"z": X(t + y - 0.5)}}, {"events": sd.Event(X(t + y - 0.5) > 9, {x: 0})}):
        system = sd.ODESystem({x: -x, y: 1}, initial={x: 1, y: 0}, **further)
        with pytest.raises(sd.SimulationError, match="a delay was negative"):
            run(system, [0, 1])
    with pytest.raises(sd.DeclarationError, match="the delay tau is -1; expected a positive number"):
        run(sd.ODESystem({x: -x}, {tau: -1}, initial={x: 1}, observables={"z": X(t - tau)}), [0, 1])


def test_until_as_text():
    """Of x = t the value 2 ago is 3 at 5."""
    line = sd.ODESystem.from_text("x' = 1; x(t <= 0) = t; late := x(t - 1)")
    data = run(line, [0, 8], until="x(t - 2) > 3 and late > 1")
    assert data.first_passage.item() == pytest.approx(5, abs=1e-9)
    with pytest.raises(sd.DeclarationError, match=r"until contains x\(t - 2\).*let an observable have it"):
        run(sd.ODESystem({x: -x}, initial={x: 1}), [0, 8], until="x(t - 2) > 3")
    with pytest.raises(sd.SimulationError, match="a delay was negative"):
        run(line, [0, 8], until=X(t + x - 3) > 5)  # from t = 3 on


def test_derivatives_at_other_times_are_refused():
    with pytest.raises(sd.DeclarationError, match=r"x'\(t - 1\) is a derivative at another time"):
        run(sd.ODESystem({x: -x}, initial={x: 1}).replace(observables={y: sp.Function("x'")(t - 1)}), [0, 1])
