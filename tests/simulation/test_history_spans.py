"""Histories that are known between two times: where runs begin, how far they look back, and what says so."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.models.text import text_of

t, x, y, tau, k = sp.symbols("t x y tau k")
X, Y = sp.Function("x"), sp.Function("y")


@pytest.mark.parametrize(("text", "span"), [
    ("x' = -x(t - tau); tau = 1; x(1999 <= t <= 2000) = cos(t)", (1999.0, 2000.0)),
    ("x' = -x(t - tau); tau = 1; x(-1.5e0 <= t <= 0) = cos(t)", (-1.5, 0.0)),
    ("dx = -x(t - tau)*dt + 1e-9*dW; tau = 1; x(-7 <= t <= -3.25) = cos(t)", (-7.0, -3.25)),
])  # fmt: skip
def test_a_history_that_is_known_between_two_times_is_that_of_one_beginning(text, span):
    """x' = -cos(t - 1) within the first delay: x = cos(b) - sin(t - 1) + sin(b - 1)."""
    kind = sd.SDESystem if text.startswith("dx") else sd.ODESystem
    system = kind.from_text(text)
    assert system.history_span == span
    assert kind.from_text(text_of(system)) == system
    assert system.digest != system.replace(history_span=None).digest
    assert system.with_events(sd.Event(x > 9, {x: 0})).history_span == span
    accuracy = {"rtol": 1e-9} if kind is sd.ODESystem else {"step": 1e-3}
    _, b = span
    run = sd.simulate(system, [b, b + 0.5, b + 1], progress=False, **accuracy)
    exact = np.cos(b) - np.sin(run.time.values - 1) + np.sin(b - 1)
    np.testing.assert_allclose(run.x.values.ravel(), exact, atol=1e-8 if kind is sd.ODESystem else 1e-3)
    for first in (0.0, b - 0.1, b + 100):
        if first != b:
            with pytest.raises(sd.DeclarationError, match=f"this one begins at {first}; begin at {b}, or give a history"):
                sd.simulate(system, [first, first + 1], progress=False, **accuracy)
    with pytest.raises(sd.DeclarationError, match="a delay is 4; expected none that is longer than"):
        sd.simulate(system, [b, b + 1], parameters={"tau": 4}, progress=False, **accuracy)
    own = kind.from_text(text_of(system), history={"x": 1})
    assert own.history_span is None


def test_fits_begin_where_a_history_ends():
    system = sd.ODESystem({x: -k * X(t - 1)}, {k: 1}, history={x: 1}, history_span=(4, 5))
    times = np.linspace(5, 6, 5)
    fit = sd.fit(system, {"t": times, "x": 1 - 0.5 * (times - 5)}, parameters={k: (0.1, 2)}, progress=False)
    assert fit.parameters["k"] == pytest.approx(0.5, rel=1e-5)
    with pytest.raises(sd.DeclarationError, match=r"begins at 0[.]0; begin at 5[.]0"):
        sd.fit(system, {"t": times - 5, "x": times}, parameters={k: (0.1, 2)}, progress=False)


def test_delays_that_may_be_of_any_length_look_beyond_a_known_history():
    system = sd.ODESystem({x: -X(t - 1 - x**2)}, history={x: 1}, history_span=(-3, 0))
    refused = r"the delay to t - x[*][*]2 - 1 depends on time or states and may be of any length.*on parameters alone, or give"
    with pytest.raises(sd.DeclarationError, match=refused):
        sd.simulate(system, [0, 1], progress=False)


def test_delays_of_states_without_a_history_look_back_as_far_as_they_like():
    rates = {x: -X(t - 1), y: -Y(t - 10)}
    system = sd.ODESystem(rates, initial={y: 1}, history={x: 1}, history_span=(0, 1))
    run = sd.simulate(system, [1, 2, 3], progress=False)
    np.testing.assert_allclose([run.x, run.y], [[1, 0, -0.5], [1, 0, -1]], atol=1e-7)
    varying = sd.ODESystem({**rates, y: -Y(t - 1 - y**2)}, initial={y: 1}, history={x: 1}, history_span=(0, 1))
    np.testing.assert_allclose(sd.simulate(varying, [1, 2], progress=False).y, [1, 0], atol=1e-7)
    both = sd.ODESystem(rates, history={x: 1, y: 1}, history_span=(0, 1))
    with pytest.raises(
        sd.DeclarationError, match=r"the history of x, y is .* and a delay is 10; expected none .* longer than 1"
    ):
        sd.simulate(both, [1, 2], progress=False)


def test_the_advice_to_give_other_histories_ends_the_span():
    system = sd.ODESystem({x: -k * X(t - tau), y: -Y(t - 1)}, {k: 1, tau: 1}, history={x: 1, y: 1}, history_span=(0, 1))
    with pytest.raises(sd.DeclarationError, match=r"from_text\(system.to_text\(\), history={'x': ..., 'y': ...}") as refused:
        sd.simulate(system, [0, 1], progress=False)
    own = sd.ODESystem.from_text(system.to_text(), history={"x": 2, "y": 3})
    run = sd.simulate(own, [0, 1], progress=False)
    np.testing.assert_allclose([run.x, run.y], [[2, 0], [3, 0]], atol=1e-7)
    with pytest.raises(sd.DeclarationError) as moved:
        sd.sensitivities(system, [0, 1], progress=False)
    assert str(moved.value) == str(refused.value)


def test_what_begins_with_a_history_begins_at_its_end_also_without_delays():
    f = sp.Function("f")
    late = sd.ODESystem({x: f(X(t - 1))}, history={x: sp.cos(t)}, history_span=(0, 1)).with_terms({"f": -k * x}, {k: 1})
    times = np.linspace(1, 3, 6)
    exact = np.cos(1) * np.exp(1 - times)
    np.testing.assert_allclose(sd.simulate(late, times, progress=False).x, exact, rtol=1e-5)
    np.testing.assert_allclose(sd.simulate(late, [1, 0], progress=False).x, np.cos(1) * np.exp([0, 1]), rtol=1e-5)
    np.testing.assert_allclose(sd.simulate(late, [5, 6], initial={x: 2}, progress=False).x, 2 * np.exp([0, -1]), rtol=1e-5)
    for begun in ([5, 6], [6, 5]):
        with pytest.raises(sd.DeclarationError, match=f"this one begins at {begun[0]}.0; begin at 1.0, or give"):
            sd.simulate(late, begun, progress=False)
    fit = sd.fit(late, {"t": times, "x": exact**0.5 * np.cos(1) ** 0.5}, parameters={k: (0.1, 2)}, progress=False)
    assert fit.parameters["k"] == pytest.approx(0.5, rel=1e-5)
    with pytest.raises(sd.DeclarationError, match=r"this one begins at 5[.]0"):
        sd.fit(late, {"t": times + 4, "x": exact}, parameters={k: (0.1, 2)}, progress=False)
    known = sd.ODESystem({x: -X(t - 1)}, history={x: 1}, history_span=(0, 1))
    assert sd.analysis.without_delays(known).history_span is None


@pytest.mark.parametrize("kind", ["ode", "sde"])
@pytest.mark.parametrize(("delay", "given", "refused"), [
    (tau, {tau: (0.5, 5)}, "takes tau between 0.5 and 5, .* may be 5, .* from 0.0 to 1.1; give bounds.* longer than 1.1"),
    (1 / k, {k: (0.5, 2)}, "k between 0.5 and 2, .* may be 2, "),
    (1 / k, {k: (0, 0.5)}, "k between 0 and 0.5, .* may be inf, "),
    (tau + k, {k: (0.1, 0.5), tau: (0.1, 1)}, "k between 0.1 and 0.5 and tau between 0.1 and 1, .* may be 1.5, "),
    (tau, [tau], "tau between -inf and inf, .* may be inf, "),
])  # fmt: skip
def test_bounds_of_a_delay_beyond_a_known_history_are_refused(kind, delay, given, refused):
    values, options = {tau: 1, k: 1}, {"history": {x: 1}, "history_span": (0, 1.1)}
    values = {s: v for s, v in values.items() if s in delay.free_symbols}
    system = sd.ODESystem({x: -X(t - delay)}, values, **options)
    if kind == "sde":
        system = sd.SDESystem({x: -X(t - delay)}, {x: 0.1}, values, **options)
    with pytest.raises(sd.RecoveryError, match=refused):
        sd.fit(system, {"t": [1.1, 2, 3, 4, 5, 6], "x": [1, 0.5, 0, 0, 0, 0]}, parameters=given, progress=False)


def test_delays_are_fitted_within_a_known_history():
    system = sd.ODESystem({x: -X(t - tau)}, {tau: 1}, history={x: 1}, history_span=(0, 1.1))
    times = np.linspace(1.1, 2.6, 9)
    since = times - 1.1
    exact = 1 - since + np.where(since > 0.9, (since - 0.9) ** 2 / 2, 0)
    fit = sd.fit(system, {"t": times, "x": exact}, parameters={tau: (0.5, 1.1)}, progress=False)
    assert fit.parameters["tau"] == pytest.approx(0.9, rel=1e-5)


@pytest.mark.parametrize("span", [(1, 0), (0, np.inf), 3, "ab", (1, 2, 3)])
def test_spans_are_two_times(span):
    with pytest.raises(sd.DeclarationError, match="expected two times"):
        sd.ODESystem({x: -X(t - 1)}, history={x: 1}, history_span=span)


def test_spans_without_a_history_and_several_are_refused():
    with pytest.raises(sd.DeclarationError, match="there is no history"):
        sd.ODESystem({x: -X(t - 1)}, history_span=(0, 1))
    with pytest.raises(sd.ParseError, match="known at different times"):
        sd.ODESystem.from_text("x' = y(t - 1); y' = x(t - 1); x(t <= 0) = 1; y(0 <= t <= 1) = 1")
    with pytest.raises(sd.DeclarationError, match="before any first step"):
        sd.DiscreteSystem.from_text("x[t+1] = x[t-1]; x(0 <= t <= 1) = 1")
    with pytest.raises(sd.ParseError, match="not understood"):
        sd.ODESystem.from_text("x' = -x(t - 1); x(a <= t <= 1) = 1")
