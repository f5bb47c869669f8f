"""Algebraic equations on numba's CUDA simulator: exact solutions, a pendulum in its angle, failures of their own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp
from symdyn_kernels.status import CONTRADICTED, INCONSISTENT, SINGULAR

import symdyn as sd

SCRIPT = """
t, x, y, z, k, n = sp.symbols("t x y z k n")
u, v, lam, L, g = sp.symbols("u v lam L g")
X = sp.Function("x")
tight = {"rtol": 1e-10, "atol": 1e-12, "progress": False, "on_failure": "nan", "target": "cuda"}

def simulate(name, system, times, **options):
    run = sd.simulate(system, times, **{**tight, **options})
    for field in ("status", "first_passage", "fired", "fired_at", *system.names, *map(str, system.observables)):
        if field in run:
            results[f"{name} {field}"] = run[field].values

T = np.linspace(0, 4, 9)
cubic = z**3 + z - (x * sp.cos(t)) ** 3 - x * sp.cos(t)
for method in ("rodas4", "rodas5p"):
    simulate(f"cubic {method}", sd.ODESystem({x: z}, algebraic={z: cubic}, initial={x: 1}), T, method=method)
simulate("index 2", sd.ODESystem({x: z}, algebraic={y: y - sp.sin(t), z: x - y}, initial={x: 0}), T)
doses = [sd.dose(x, 2, every=1, times=3, start=0.5), sd.Event(z > 8, {x: 1, n: n + 1})]
halved = sd.ODESystem({x: -k * z, n: 0}, {k: 0.7}, algebraic={z: z - 2 * x}, initial={x: 1, n: 0}, events=doses)
simulate("doses", halved, T, parameters={k: [0.2, 0.7]})
simulate("until", halved, T, until=z < 1.5)
simulate("before", halved, T, until=z < 2.5)
w, h = (sd.Path(name, [0, 1, 2, 6], [0, 1, 0.5, 2], kind=kind) for name, kind in (("w", "linear"), ("h", "hold")))
simulate("inputs", sd.ODESystem({x: z}, algebraic={z: 2 * z - w - h}, initial={x: 0}), T)
late = sd.ODESystem({x: -z}, algebraic={z: z - X(t - 1)}, history={x: 1}, observables={"before": X(t - 2)})
simulate("late", late, T)
simulate("late dosed", late.replace(events=(sd.dose(x, 1, start=0.3),)), T)
angles = np.linspace(0, 3, 13)
pendulum = sd.ODESystem({x: u, y: v, u: -lam * x, v: -lam * y - g}, {L: 1, g: 9.81}, algebraic={lam: x**2 + y**2 - L**2})
hanging = {x: np.sin(1.0), y: -np.cos(1.0), u: 0, v: 0}
simulate("pendulum", pendulum, angles, initial=hanging)
simulate("wall", pendulum.replace(events=(sd.Event(x < 0, {u: -u, v: -v}),)), angles, initial=hanging)
simulate("torn", pendulum.replace(events=(sd.Event(x < 0, {x: x - 1}),)), angles, initial=hanging)
simulate("short", pendulum, [0, 1], initial={x: 0.5, y: 0, u: 0, v: 0})
simulate("root", sd.ODESystem({x: -x}, algebraic={y: y**2 - x}), [0, 1], initial={x: [4, -1], y: 1})
simulate("flat", sd.ODESystem({x: -x}, algebraic={y: y**2 - x}, initial={x: 1}), [0, 1])
simulate("nowhere", sd.ODESystem({x: -x}, algebraic={y: sp.exp(y) + 1 + x}, initial={x: 1}), [0, 1])
run = sd.simulate(halved, T, target="cuda", trajectories=3, reduce=["mean"], rtol=1e-10, atol=1e-12, progress=False)
results["reduced"] = run.z_mean.values
"""
T = np.linspace(0, 4, 9)


@pytest.mark.parametrize("method", ["rodas4", "rodas5p"])
def test_a_cubic_equation_determines_a_rate(simulated, method):
    """x' = z with x = exp(sin t) and z = x cos t."""
    found, exact = simulated(SCRIPT), np.exp(np.sin(T))
    np.testing.assert_allclose(found[f"cubic {method} x"], exact, rtol=2e-8)
    np.testing.assert_allclose(found[f"cubic {method} z"], exact * np.cos(T), atol=1e-7)
    np.testing.assert_allclose(found["index 2 z"], np.cos(T), atol=1e-8)


def test_doses_and_conditions_on_unknowns(simulated):
    """Of x' = -2 k x; at z = 2 x > 8 the state is 1 again."""
    found = simulated(SCRIPT)
    for row, k in enumerate([0.2, 0.7]):
        exact, x, count = [], 1.0, 0
        times = sorted({*T, 0.5, 1.5, 2.5})
        for before, now in zip([0.0, *times], times, strict=False):
            x *= math.exp(-2 * k * (now - before))
            if now in (0.5, 1.5, 2.5):
                x += 2
                if x > 4:
                    x, count = 1.0, count + 1
            if now in T:
                exact.append((x, count))
        exact = np.array(exact)
        np.testing.assert_allclose(found["doses x"][row], exact[:, 0], rtol=1e-8)
        np.testing.assert_allclose(found["doses z"][row], 2 * exact[:, 0], rtol=1e-8)
        np.testing.assert_array_equal(found["doses n"][row], exact[:, 1])
    assert abs(found["until first_passage"] - math.log(2 / 1.5) / 1.4) < 1e-9
    np.testing.assert_allclose(found["until z"][1:], 1.5, rtol=1e-9)
    assert found["before first_passage"] == 0  # z is 2 in the beginning, which is found there
    np.testing.assert_allclose(found["reduced"], found["doses z"][1], rtol=1e-12)


def test_inputs_and_delays_in_algebraic_equations(simulated):
    found = simulated(SCRIPT)
    knots, values = [0, 1, 2, 6], [0, 1, 0.5, 2]
    hold = np.array(values)[np.searchsorted(knots, T, side="right") - 1]
    np.testing.assert_allclose(found["inputs z"], (np.interp(T, knots, values) + hold) / 2, atol=1e-12)
    fine = np.linspace(0, 4, 40001)
    held = np.array(values)[np.searchsorted(knots, fine[:-1] + 5e-5, side="right") - 1]
    area = (np.interp(fine[:-1] + 5e-5, knots, values) + held) / 2 * 1e-4
    np.testing.assert_allclose(found["inputs x"], np.interp(T, fine, np.concatenate([[0], np.cumsum(area)])), atol=1e-8)

    def steps(s, first):  # of x' = -x(t - 1), as a polynomial of each interval
        return sum((-1.0) ** j * max(s - (j - first), 0.0) ** j / math.factorial(j) for j in range(1, 9)) + 1.0

    decay = np.array([steps(s, 1) for s in T])
    np.testing.assert_allclose(found["late x"], decay, atol=1e-8)
    np.testing.assert_allclose(found["late z"], [1.0 if s <= 1 else steps(s - 1, 1) for s in T], atol=1e-8)
    np.testing.assert_allclose(found["late before"], [1.0 if s <= 2 else steps(s - 2, 1) for s in T], atol=1e-8)
    echo = np.array([steps(s - 0.3, 0) if s >= 0.3 else 0.0 for s in T])
    np.testing.assert_allclose(found["late dosed x"], decay + echo, atol=1e-8)


def test_a_pendulum_is_that_of_its_angle(simulated):
    found, times = simulated(SCRIPT), np.linspace(0, 3, 13)
    exact = solve_ivp(lambda _, q: [q[1], -9.81 * math.sin(q[0])], (0, 3), [1.0, 0.0], "DOP853", times, rtol=1e-13, atol=1e-13)
    phi, omega = exact.y
    for name, reference in (("x", np.sin(phi)), ("y", -np.cos(phi)), ("lam", omega**2 + 9.81 * np.cos(phi))):
        np.testing.assert_allclose(found[f"pendulum {name}"], reference, atol=3e-7)
    np.testing.assert_allclose(found["wall x"], abs(np.sin(phi)), atol=1e-7)
    for name in ("pendulum", "wall"):
        assert abs(found[f"{name} x"] ** 2 + found[f"{name} y"] ** 2 - 1).max() < 1e-13


def test_what_has_no_consistent_values_ends_in_a_status(simulated):
    found = simulated(SCRIPT)
    np.testing.assert_allclose(found["root y"][0], [2, 2 * math.exp(-0.5)], rtol=1e-9)
    assert found["root status"][0] == 0 != found["root status"][1]
    assert np.isnan(found["root y"][1]).all()
    statuses = {"flat": SINGULAR, "nowhere": INCONSISTENT, "short": CONTRADICTED, "torn": CONTRADICTED}
    for name, status in statuses.items():
        assert found[f"{name} status"] == status
        assert np.isnan(found[f"{name} {'y'}"][-1])
    assert found["torn fired"] == 1
    fell = np.linspace(0, 3, 13) < found["torn fired_at"].ravel()[0]
    assert np.isfinite(found["torn x"][fell]).all()


def test_the_code_of_a_card_compiles_with_algebraic_equations():
    x, z, k, t = sp.symbols("x z k t")
    plain = sd.ODESystem({x: -z}, algebraic={z: z + z**3 - x}, events=sd.Event(z < k, {x: 1}))
    assert ".entry" in sd.compile(plain, method="rodas4", target="cuda").ptx
    past = sp.Function("x")
    late = sd.ODESystem({x: -z}, {k: 1}, algebraic={z: z + z**3 - past(t - k)}, history={x: 1})
    kernel = sd.compile(late, method="rodas5p", target="cuda")
    assert "def constraints(lane, y, p, memory, out):\n    revisit(" in kernel.source
    with pytest.raises(sd.CompileError, match="algebraic"):
        sd.compile(plain, method="tsit5", target="cuda")
