"""One coordinate that swings: recovered as an equation of second order, whose velocity was not measured."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import symdyn as sd

x, velocity = sp.symbols("x velocity")


def swing(force, start, times, noise, seed=0):
    """Positions by an independent integrator, with noise."""
    run = solve_ivp(lambda t, y: [y[1], force(*y)], times[[0, -1]], start, t_eval=times, rtol=1e-10, atol=1e-12).y[0]
    return {"t": times, "x": run + noise * np.random.default_rng(seed).standard_normal(len(times))}, run


def coefficients(found, *terms):
    (side,) = (e for u, e in found.terms.items() if u.func.__name__ == "f_velocity")
    own = sp.expand(side).as_coefficients_dict()
    assert {t for t in own if t.free_symbols} <= set(terms)
    return [float(own[t]) for t in terms]


def test_a_pendulum_of_which_the_angle_was_measured(tmp_path):
    times = np.linspace(0, 12, 81)
    data, run = swing(lambda q, v: -2 * np.sin(q) - 0.1 * v, [2.5, 0], times, 0.02)
    early = {"t": times[:61], "x": data["x"][:61]}
    found = sd.recover(None, early, library="mechanics", progress=False)
    assert coefficients(found, sp.sin(x), velocity) == pytest.approx([-2, -0.1], abs=0.03)
    assert "which no autonomous equation of first order for x alone does" in found.warnings[0]
    assert "an equation of second order was looked for" in found.warnings[0]
    ahead = found.predict(times[61:])["x"].values
    assert ahead == pytest.approx(run[61:], abs=0.15)
    found.save(tmp_path)  # with what networks of the velocity learned
    again = sd.Recovery.load(tmp_path)
    assert again.predict(times[61:])["x"].values.tolist() == ahead.tolist()
    np.testing.assert_array_equal(again.surrogate.states[0], found.surrogate.states[0])


def test_a_positive_oscillation_is_not_taken_for_a_population():
    """x'' = 5 - x about 5, which a prey with its predator follows roughly."""
    times = np.linspace(0, 10, 41)
    data, _ = swing(lambda q, v: 5 - q, [8, 0], times, 0.03)
    found = sd.recover(None, data, progress=False)
    assert coefficients(found, sp.S.One, x) == pytest.approx([5, -1], abs=0.03)


def test_growth_stays_an_equation_of_first_order():
    times = np.linspace(0, 8, 41)
    values = 1 / (1 + 9 * np.exp(-times)) * (1 + 0.02 * np.random.default_rng(0).standard_normal(41))
    assert sd.recover(None, {"t": times, "x": values}, progress=False).system.names == ("x",)


def test_within_a_budget_time_is_left_for_the_second_order():
    times = np.linspace(0, 12, 61)
    data, _ = swing(lambda q, v: -q - 0.2 * v, [2, 0], times, 0.02)
    found = sd.recover(None, data, budget=100.0, progress=False)
    assert coefficients(found, x, velocity) == pytest.approx([-1, -0.2], abs=0.03)
