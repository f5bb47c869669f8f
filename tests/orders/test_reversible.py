"""Reversible methods: their errors, that their steps are taken back, and where they fail."""

from functools import cache

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.errors import SimulationError

PREY = sd.ODESystem.from_text("x' = x/2 - x*y/2; y' = x*y/2 - y/2; x(0) = 1; y(0) = 2")
#: At t = 20, by an independent method of order 8.
END = np.array([0.76674675, 0.42959501])


@cache
def exact():
    """The same with the digits that the smallest errors take."""
    run = solve_ivp(lambda _, y: field(y), (0, 20), [1, 2], method="DOP853", rtol=3e-14, atol=1e-15)
    assert np.abs(run.y[:, -1] - END).max() < 6e-9
    return run.y[:, -1]


def field(y):
    return np.array([0.5 * y[0] - 0.5 * y[0] * y[1], 0.5 * y[0] * y[1] - 0.5 * y[1]])


def increment(y, h):
    """Of the classical Runge-Kutta method."""
    k1 = field(y)
    k2 = field(y + h / 2 * k1)
    k3 = field(y + h / 2 * k2)
    return h / 6 * (k1 + 2 * k2 + 2 * k3 + field(y + h * k3))


def in_numpy(method, h, n):
    """The last state, and how far from the first one the reversed steps end."""
    y = z = start = np.array([1.0, 2.0])
    if method == "reversible-heun":
        for _ in range(n):
            other = 2 * y - z + h * field(z)
            y, z = y + h / 2 * (field(z) + field(other)), other
        end = y
        for _ in range(n):
            other = 2 * y - z - h * field(z)
            y, z = y - h / 2 * (field(z) + field(other)), other
        return end, np.abs(y - start).max()
    for _ in range(n):
        y = 0.99 * y + 0.01 * z + increment(z, h)
        z = z - increment(y, -h)
    end = y
    for _ in range(n):
        z = z + increment(y, -h)
        y = (y - 0.01 * z - increment(z, h)) / 0.99
    return end, np.abs(y - start).max()


@pytest.mark.parametrize(
    ("method", "h", "error"),
    [
        ("reversible-heun", 0.1, 1.4e-3), ("reversible-heun", 0.05, 3.5e-4), ("reversible-heun", 0.025, 8.8e-5),
        ("reversible-rk4", 0.1, 1.55e-7), ("reversible-rk4", 0.05, 1.04e-8), ("reversible-rk4", 0.025, 6.6e-10),
    ],
)  # fmt: skip
def test_errors_are_those_of_steps_in_numpy_which_are_taken_back(method, h, error):
    run = sd.simulate(PREY, [0, 20], method=method, step=h, progress=False)
    end = np.array([run.x.values[-1], run.y.values[-1]])
    assert np.abs(end - exact()).max() == pytest.approx(error, rel=0.04)
    expected, missed = in_numpy(method, h, round(20 / h))
    assert np.abs(end - expected).max() < 1e-12
    assert missed < 1e-12


@pytest.mark.parametrize(("h", "error", "missed"), [(0.1, 1.6e-7, 2.7e-8), (0.05, 1.0e-8, 8e-10), (0.025, 6.5e-10, 3e-11)])
def test_steps_of_runge_and_kutta_are_taken_back_no_better_than_they_are(h, error, missed):
    """The same steps back from where they end."""
    run = sd.simulate(PREY, [0, 20], method="rk4", step=h, progress=False)
    end = {s: float(run[s][-1]) for s in "xy"}
    assert np.abs([*end.values()] - exact()).max() == pytest.approx(error, rel=0.05)
    back = sd.simulate(PREY, [20, 0], initial=end, method="rk4", step=h, progress=False)
    assert np.abs([float(back.x[-1]) - 1, float(back.y[-1]) - 2]).max() == pytest.approx(missed, rel=0.2)


@pytest.mark.parametrize(("method", "order"), [("reversible-heun", 2), ("reversible-rk4", 4)])
def test_declared_orders_are_observed_with_time_in_the_equations(method, order):
    """x' = x cos t has the solution exp(sin t)."""
    system = sd.ODESystem.from_text("x' = x*cos(t); x(0) = 1")
    errors = [
        abs(sd.simulate(system, [0, 3], method=method, step=3 / n, progress=False).x.values[-1] - np.exp(np.sin(3)))
        for n in (64, 128)
    ]
    assert sd.METHODS[method].order == order
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.3)


@pytest.mark.parametrize("method", ["reversible-heun", "reversible-rk4"])
def test_a_condition_ends_trajectories_within_steps(method):
    swing = sd.ODESystem.from_text("q' = p; p' = -q; q(0) = 1; p(0) = 0")
    run = sd.simulate(swing, [0, 4], method=method, step=0.01, until="q < 0", progress=False)
    assert float(run.first_passage) == pytest.approx(np.pi / 2, abs=2e-4 if method == "reversible-heun" else 1e-8)


@pytest.mark.parametrize("method", ["reversible-heun", "reversible-rk4"])
def test_where_the_system_decays_the_solutions_part_and_that_is_said(method):
    decay = sd.ODESystem.from_text("x' = -k*(x - cos(t)); k = 10; x(0) = 0")
    with pytest.raises(SimulationError, match=r"two solutions of the reversible method parted.*not reversible"):
        sd.simulate(decay, [0, 10], method=method, step=0.02, progress=False)
    run = sd.simulate(
        decay, np.linspace(0, 10, 11), parameters={"k": [0.1, 5.0]}, method=method, step=0.02, on_failure="nan", progress=False
    )
    assert (run.status.values > 0).tolist() == [False, True]
    k, t = 0.1, run.time.values
    exact = k * (k * np.cos(t) + np.sin(t)) / (1 + k**2) - k**2 / (1 + k**2) * np.exp(-k * t)
    assert np.abs(run.x.values[0] - exact).max() < 1e-4
    reported = run.x.values[1][np.isfinite(run.x.values[1])]
    k, t = 5.0, t[: len(reported)]
    exact = k * (k * np.cos(t) + np.sin(t)) / (1 + k**2) - k**2 / (1 + k**2) * np.exp(-k * t)
    assert np.abs(reported - exact).max() < 2 * sd.METHODS[method].apart


def test_they_have_no_events_and_no_tolerances():
    with pytest.raises(sd.CompileError, match="events"):
        sd.simulate(PREY.with_events(sd.Event(sp.Symbol("x") > 1, {"y": 1})), [0, 1], method="reversible-rk4", step=0.1)
    with pytest.raises(sd.DeclarationError, match="rtol has no effect"):
        sd.simulate(PREY, [0, 1], method="reversible-rk4", step=0.1, rtol=1e-3)


@pytest.mark.parametrize("method", ["reversible-heun", "reversible-rk4"])
def test_trajectories_that_a_condition_ends_after_they_have_parted_fail_too(method):
    decay = sd.ODESystem.from_text("x' = -5*(x - cos(t)); x(0) = 0")
    with pytest.raises(SimulationError, match="parted"):
        sd.simulate(decay, [0, 12], method=method, step=0.02, until=sp.Symbol("t") > 10, progress=False)
    run = sd.simulate(decay, [0, 12], method=method, step=0.02, until="x > 0.5", progress=False)  # before they part
    t = float(run.first_passage)
    exact = 25 / 26 * np.cos(t) + 5 / 26 * np.sin(t) - 25 / 26 * np.exp(-5 * t)
    assert exact == pytest.approx(0.5, abs=0.01)
    assert run.x.values[-1] == pytest.approx(0.5, abs=1e-4)
