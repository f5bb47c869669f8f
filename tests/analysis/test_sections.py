"""Poincaré sections against closed forms, scipy's events, and limit cycles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.analysis import limit_cycle, plot_section, poincare_section

ROESSLER = sd.ODESystem.from_text("x' = -y - z; y' = x + 0.2*y; z' = 0.2 + z*(x - c); c = 5.7; x(0) = 1; y(0) = 1; z(0) = 0")


def test_a_harmonic_oscillator_crosses_at_known_times():
    system = sd.ODESystem.from_text("x' = w*v; v' = -w*x; x(0) = 0.5; v(0) = 0")
    found = poincare_section(system, "x", duration=20, parameters={"w": [1, 2]}, direction="both")
    for w in (1, 2):
        one = found.sel(w=w)
        count = int(np.floor((20 - np.pi / 2 / w) / (np.pi / w))) + 1
        assert one.crossings.item() == count
        k = np.arange(count)
        np.testing.assert_allclose(one.t[:count], (np.pi / 2 + np.pi * k) / w, rtol=1e-9)
        np.testing.assert_allclose(one.v[:count], -0.5 * (-1.0) ** k, rtol=1e-8)
        np.testing.assert_allclose(one.x[:count], 0, atol=1e-12)
    assert np.isnan(found.v.sel(w=1)[-1])
    down = poincare_section(system, "x", duration=20, parameters={"w": 1}, direction="down")
    np.testing.assert_allclose(down.t, np.pi / 2 + 2 * np.pi * np.arange(3), rtol=1e-9)
    up = poincare_section(system, "x", duration=20, parameters={"w": 1}, transient=5)
    np.testing.assert_allclose(up.t, 1.5 * np.pi + 2 * np.pi * np.arange(1, 4), rtol=1e-9)


def test_the_return_map_of_an_ensemble_is_that_in_closed_form():
    system = sd.ODESystem.from_text("x' = a*x*(1 - x**2 - y**2) - y; y' = a*y*(1 - x**2 - y**2) + x; a = 0.1; y(0) = 0")
    begin = np.linspace(0.1, 2, 20)
    found = poincare_section(system, "y", duration=32, initial={"x": begin})
    r = np.concatenate([begin[:, None], found.x.values], axis=1)
    assert r.shape == (20, 6)
    grown = r[:, :-1] * np.exp(0.2 * np.pi) / np.sqrt(1 + r[:, :-1] ** 2 * np.expm1(0.4 * np.pi))
    np.testing.assert_allclose(r[:, 1:], grown, rtol=1e-8)


def test_roesslers_crossings_are_those_of_scipy():
    def rates(t, u):
        return [-u[1] - u[2], u[0] + 0.2 * u[1], 0.2 + u[2] * (u[0] - 5.7)]

    def gap(t, u):
        return u[1]

    gap.direction = -1
    exact = solve_ivp(rates, (0, 40), [1, 1, 0], method="DOP853", rtol=1e-12, atol=1e-13, events=gap)
    found = poincare_section(ROESSLER, "y", duration=40, direction="down")
    np.testing.assert_allclose(found.t, exact.t_events[0], rtol=1e-8)
    np.testing.assert_allclose(np.stack([found[s] for s in "xyz"], axis=1), exact.y_events[0], atol=1e-6)


def test_one_point_of_a_cycle_and_two_after_a_period_doubling():
    for c, count in ((2.5, 1), (3.5, 2)):
        found = poincare_section(ROESSLER, "y", parameters={"c": c}, direction="down", transient=600, duration=60)
        x = found.x.values
        np.testing.assert_allclose(x[count:], x[:-count], rtol=1e-6)
        cycle = limit_cycle(ROESSLER, {"c": c}, transient=600)
        np.testing.assert_allclose(found.t.values[count] - found.t.values[0], cycle.period, rtol=1e-6)
    assert abs(x[1] / x[0] - 1) > 0.1


def test_more_crossings_than_there_is_room_for_at_first():
    system = sd.ODESystem.from_text("x' = v; v' = -x; x(0) = 1; v(0) = 0")
    found = poincare_section(system, "v", duration=2 * np.pi * 250 + 1)
    np.testing.assert_allclose(found.t, np.pi + 2 * np.pi * np.arange(250), rtol=1e-8)


def test_a_forced_oscillator_after_each_period_and_its_figure():
    """x'' + x = cos(2 t) from rest: x = (cos t - cos 2 t) / 3."""
    system = sd.ODESystem.from_text("x' = v; v' = -x + cos(2*t); x(0) = 0; v(0) = 0")
    found = poincare_section(system, "sin(2*t)", duration=30)
    t = np.pi * np.arange(1, 10)
    np.testing.assert_allclose(found.t, t, rtol=1e-9)
    np.testing.assert_allclose(found.x, (np.cos(t) - np.cos(2 * t)) / 3, atol=1e-8)
    plane, back = plot_section(found).axes
    assert (plane.get_title(), back.get_ylabel()) == ("sin(2*t) = 0", "x, at the next")
    np.testing.assert_allclose(back.lines[0].get_ydata(), found.x[1:])


def test_a_trajectory_that_never_crosses():
    found = poincare_section(sd.ODESystem.from_text("x' = -x; x(0) = 1"), "x", duration=5)
    assert found.crossings.item() == 0
    assert found.sizes["crossing"] == 0


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: poincare_section(ROESSLER, "q", duration=1), "q is not a symbol"),
        (lambda: poincare_section(ROESSLER, 3, duration=1), "the surface is 3; expected an expression"),
        (lambda: poincare_section(ROESSLER, "x", duration=0), "duration is 0"),
        (lambda: poincare_section(ROESSLER, "x", duration="10"), "duration is '10'; expected a positive number"),
        (lambda: poincare_section(ROESSLER, "x", duration=1, transient=-1), "transient is -1"),
        (lambda: plot_section(poincare_section(ROESSLER, "x - 1000", duration=1)), "no trajectory of the section crosses"),
        (lambda: poincare_section(ROESSLER, "x", duration=1, direction="left"), "expected 'up', 'down' or 'both'"),
        (
            lambda: poincare_section(sd.DiscreteSystem.from_text("x[t+1] = x/2"), "x", duration=1),
            "poincare_section: it takes systems of rates of change",
        ),
        (
            lambda: poincare_section(sd.ODESystem.from_text("x' = 1; when x >= 1, x = 0"), "x", duration=1),
            "has rates of change and events",
        ),
        (lambda: plot_section(limit_cycle(ROESSLER, {"c": 2.5})), "expected a dataset from poincare_section"),
        (lambda: plot_section(poincare_section(ROESSLER, "y", duration=20), ["x", "w"]), "'w' is not a state"),
    ],
)
def test_what_is_refused(act, message):
    with pytest.raises(sd.DeclarationError, match=message):
        act()


def test_parameters_of_observables_alone_are_kept():
    system = sd.ODESystem.from_text("x' = v; v' = -x; energy := m*(x^2 + v^2)/2; m = 2; x(0) = 1; v(0) = 0")
    found = poincare_section(system, "v", duration=20, direction="up")
    np.testing.assert_allclose(found.t.values.ravel()[:3], np.pi * np.array([1, 3, 5]), rtol=1e-9)
