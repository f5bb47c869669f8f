"""Triggers of events that compare with ``==`` what varies: the moments at which they hold, by hand."""

from __future__ import annotations

import numpy as np
import pytest

import symdyn as sd
from symdyn.errors import DeclarationError

pytest.importorskip("libsbml")
pytest.importorskip("antimony")


def run(text: str, times: list[float]):
    return sd.simulate(sd.read_antimony(text, as_="ode"), times, rtol=1e-10, atol=1e-13, progress=False)


def test_a_state_that_falls_to_a_number_and_is_set_back():
    """x = 5 exp(-t) is 1.25 at log 4, and each log 2 after it."""
    found = run("x' = -x; x = 5; n = 0; at x == 1.25: n = n + 1, x = 2.5", [0, 1, 2, 3, 4, 5])
    np.testing.assert_array_equal(found.n, [0, 0, 1, 3, 4, 6])
    np.testing.assert_allclose(found.x[-1], 2.5 * np.exp(np.log(4) + 5 * np.log(2) - 5), rtol=1e-8)


def test_from_both_sides_beside_other_conditions_and_with_a_delay():
    """sin t is 1/2 at pi/6 and 5 pi/6, and 2 pi after each."""
    text = "x' = cos(time); x = 0; n = 0; m = 0; k = 0"
    text += "; E: at x == 0.5: n = n + 1; F: at 1 after x == 0.5 && n > 2: m = m + 1; G: at x == 0.5 && k > 1: k = k + 1"
    found = run(text, [0, 1, 3, 6, 7, 20])
    np.testing.assert_array_equal(found.n, [0, 1, 2, 2, 3, 7])
    np.testing.assert_array_equal(found.m, [0, 0, 0, 0, 0, 4])  # at 7.8, 9.9, 14.1 and 16.2; the next is at 20.4
    assert (found.k == 0).all()


def test_a_jump_across_is_no_equality_and_a_jump_to_the_number_is():
    text = "x' = 1; x = 0; n = 0; E: at x == 2: n = n + 1; F: at x > 1: x = 3; G: at time > 5: x = 2; H: at time > 6: x = 0"
    found = run(text, [0, 0.9, 4, 5.5, 6.5, 8, 9])
    np.testing.assert_array_equal(found.n, [0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(found.x, [0, 0.9, 6, 2.5, 0.5, 4, 5], rtol=1e-9)


def test_one_that_holds_at_the_start_acts_where_it_counts_as_false_before():
    text = "x' = {}1; x = 2; n = 0; m = 0; E: at x == 2, t0=false: n = n + 1; F: at x == 2: m = m + 1; G: at x == {}: x = 2"
    for sign, end in (("", "4"), ("-", "0")):
        found = run(text.format(sign, end), [0, 1, 3])
        np.testing.assert_array_equal(found.n, [1, 1, 2])  # G sets x to 2 at 2
        np.testing.assert_array_equal(found.m, [0, 0, 1])


def test_a_value_that_the_trigger_says_is_there_sets_nothing():
    found = run("x' = 1; x = 0; n = 0; E: at x == 2: x = 2; F: at 3 == x: x = 3, n = n + 1", [0, 1, 2.5, 4])
    np.testing.assert_allclose(found.x, [0, 1, 2.5, 4], rtol=1e-12)
    np.testing.assert_array_equal(found.n, [0, 0, 0, 1])


def test_what_another_event_changes_at_that_moment_through_a_rule_is_not_there():
    """At 2 z becomes 4 first, and y 8: x is set to what y was at the trigger, which it is, or to 8."""
    text = "x' = 1; x = 0; z = 1; y := 2*z; E: at x == y, {}priority=1: x = y; F: at time >= 2, priority=5: z = z + 3"
    np.testing.assert_allclose(run(text.format(""), [0, 1, 2.5]).x, [0, 1, 2.5], rtol=1e-12)
    with pytest.raises(sd.SimulationError, match="without end"):
        run(text.format("fromTrigger=false, "), [0, 1, 2.5])


def test_moments_of_time():
    text = "n = 0; p = 3.3; at time == 0, t0=false: n = 10; at time == p: n = n + 100; at 0.1*time == 0.7: n = n + 1"
    found = run(text + "; at time == 2*p: n = n + 1000; at 0.5 after time == 1, persistent=false: n = n + 5", [0, 3, 4, 6.7, 8])
    np.testing.assert_array_equal(found.n, [10, 10, 110, 1110, 1111])
    net = sd.read_antimony("A = 40; J: A -> ; 0*A; at time == p: A = A + 2; p = 1.5; at time == 2*p: A = A - A/2")
    np.testing.assert_array_equal(sd.simulate(net, [0, 1, 2, 4], seed=1, progress=False).A, [40, 40, 42, 21])


def test_what_has_no_moment_is_refused():
    for trigger in ("x == 1 || x > 3", "x != 1", "!(x == 1)", "piecewise(x, time < 1, 2*x) == 1"):
        with pytest.raises(
            DeclarationError, match=r"the trigger of the event E contains .* where \w+ varies: whether they are"
        ):
            sd.read_antimony(f"x' = 1; x = 0; n = 0; E: at {trigger}: n = 1", as_="ode")


def test_states_that_the_reader_adds_are_coordinates_from_which_a_run_goes_on():
    system = sd.read_antimony("x' = -x; x = 5; n = 0; at x == 1.25: n = n + 1, x = 2.5", as_="ode")
    whole = sd.simulate(system, [0, 1, 2, 3, 4, 5], progress=False)
    assert {"side", "side_jumped"} <= set(whole.coords)
    assert list(sd.to_frame(whole)) == ["time", "x", "n", "status"]
    later = sd.simulate(system, [2, 3, 4, 5], initial=whole.sel(time=2), progress=False)
    np.testing.assert_array_equal(later.n, [1, 3, 4, 6])
