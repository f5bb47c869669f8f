"""Gradients by transposed Rosenbrock steps: steps in complex arithmetic, difference quotients, sensitivities, doses, time."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.simulation.stiff_adjoints import StiffAdjointKernel

x, y, a = sp.symbols("x y a")
ROBERTSON = sd.ODESystem.from_text(
    "x' = -k1*x + k3*y*z\ny' = k1*x - k3*y*z - k2*y^2\nz' = k2*y^2; k1 = 0.04; k2 = 3e7; k3 = 1e4; x(0) = 1; y(0) = 0; z(0) = 0"
)
FINE = {"rtol": 1e-10, "atol": 1e-14}


@pytest.mark.parametrize("method", ["rodas5p", "rodas4"])
def test_transposed_steps_are_the_derivative_of_the_steps(method: str) -> None:
    """With the steps that were taken, in complex arithmetic: a complex step of the Rosenbrock map itself."""
    system = sd.ODESystem({x: y, y: a * (1 - x**2) * y - x})
    kernel = StiffAdjointKernel(system, method, {a})
    times = np.array([0.0, 1.0, 2.5, 4.0])
    run = kernel.forward(np.array([2.0, 0.0]), np.array([3.0]), times, rtol=1e-4, atol=1e-6, max_steps=1000)
    pulls = np.array([[0.0, 0.0], [1.0, -2.0], [0.5, 0.25], [1.0, 1.0]])
    first, along = kernel.backward(run, times, pulls)
    [record], scheme = run.records, sd.METHODS[method]

    def cost(start: list[complex], mu: complex) -> complex:
        state, total = np.array(start, dtype=complex), 0j
        for g in range(int(record.counts[0])):
            at, h, stages = record.times[g], record.lengths[g], []
            jacobian = np.array([[0, 1], [-2 * mu * state[0] * state[1] - 1, mu * (1 - state[0] ** 2)]])
            for row, others in zip(((), *scheme.a), ((), *scheme.c), strict=True):
                point = state + sum((c * u for c, u in zip(row, stages, strict=False)), np.zeros(2, complex))
                rate = np.array([point[1], mu * (1 - point[0] ** 2) * point[1] - point[0]])
                rate = rate + sum((c / h * u for c, u in zip(others, stages, strict=False)), np.zeros(2, complex))
                stages.append(np.linalg.solve(np.eye(2) / (scheme.gamma * h) - jacobian, rate))
            new = point + stages[-1]
            for q, time in enumerate(times):
                if at < time < at + h * (1 - 1e-14):
                    theta = (time - at) / h
                    parts = [sum(c * u for c, u in zip(row, stages, strict=False)) for row in scheme.dense]
                    inner = parts[-1]
                    for part in reversed(parts[:-1]):
                        inner = part + theta * inner
                    total += pulls[q] @ ((1 - theta) * state + theta * (new + (1 - theta) * inner))
                elif abs(time - (at + h)) < 1e-13:
                    total += pulls[q] @ new
            state = new
        return total

    steps = [cost([2 + 1e-30j, 0], 3).imag, cost([2, 1e-30j], 3).imag, cost([2, 0], 3 + 1e-30j).imag]
    assert [*first, *along] == pytest.approx(np.array(steps) / 1e-30, rel=1e-9)


def test_a_stiff_reaction_through_its_fast_phase() -> None:
    """Robertson's reaction to t = 40, against forward sensitivities, an implicit method of its own on the extended system."""
    found = sd.gradient(ROBERTSON, "x*z", [0, 0.4, 40], by=["k1", "k2", "k3", "x"], method="rodas5p", **FINE)
    run = sd.sensitivities(ROBERTSON, [0, 40], by=["k1", "k2", "k3", "x"], method="rodas5p", progress=False, **FINE)
    last = run.isel(time=-1)
    wanted = [float(last[f"dx_d{p}"] * last.z + last.x * last[f"dz_d{p}"]) for p in ("k1", "k2", "k3", "x")]
    assert found.array == pytest.approx(wanted, rel=1e-6)
    with pytest.raises(sd.SimulationError, match="give method='rodas5p'"):
        sd.gradient(ROBERTSON, "x", [0, 4000], max_steps=500)


def test_doses_inputs_and_time_in_a_stiff_system() -> None:
    """x' = -k (x - cos t) + u with a dose, whose solution is a sum of exponentials and waves; by difference quotients of it."""
    t, k, dose = sp.symbols("t k dose")
    system = sd.ODESystem({x: -k * (x - sp.cos(t))}, {k: 50, dose: 0.5}, initial={x: 2}, events=sd.dose(x, dose, start=1))

    def solution(k: float, dose: float, start: float) -> float:
        def wave(time: float) -> float:
            return k * (k * np.cos(time) + np.sin(time)) / (k * k + 1)

        one = wave(1) + (start - wave(0)) * np.exp(-k) + dose
        return wave(1.3) + (one - wave(1)) * np.exp(-k * 0.3)

    exact = [
        (solution(50 + 1e-4, 0.5, 2) - solution(50 - 1e-4, 0.5, 2)) / 2e-4, np.exp(-15.0), np.exp(-65.0),
    ]  # fmt: skip
    found = sd.gradient(system, "x", [0, 1.3], by=["k", "dose", "x"], method="rodas5p", rtol=1e-11, atol=1e-13)
    assert found.value == pytest.approx(solution(50, 0.5, 2), rel=1e-9)
    assert found.array == pytest.approx(exact, rel=1e-6, abs=1e-10)


@pytest.mark.parametrize("method", ["tsit5", "bs32", "rodas5p", "rodas4"])
def test_a_system_at_rest_until_a_dose(method: str) -> None:
    """x' = a - k x begins at a/k, where steps could be as long as they like; each of them still decays at the rate k."""
    rate, income, dose = sp.symbols("k a dose")
    system = sd.ODESystem(
        {x: income - rate * x}, {rate: 2, income: 1, dose: 0.3}, initial={x: 0.5}, events=sd.dose(x, dose, start=40)
    )
    found = sd.gradient(system, "x", [0, 40.5], by=["k", "a", "x", "dose"], method=method)
    # x(40.5) = a/k + (x0 - a/k) exp(-40.5 k) + dose exp(-0.5 k)
    exact = [-0.25 - 0.15 * np.exp(-1), 0.5, 0.0, np.exp(-1)]
    assert found.array == pytest.approx(exact, abs=2e-6)


@pytest.mark.parametrize("method", ["tsit5", "rodas5p"])
def test_a_failure_beside_a_state_at_rest_is_told(method: str) -> None:
    """x = 1 - t reaches the end of its square root; y is at rest, so that a trajectory nearby goes along."""
    system = sd.ODESystem.from_text("x' = -k + 0*sqrt(x)\nz' = -k*sqrt(x)\ny' = k*y; k = 1; x(0) = 1; y(0) = 0; z(0) = 0")
    with pytest.raises(sd.SimulationError, match="the trajectory failed at t = "):
        sd.gradient(system, "z", [0, 3], method=method)


def test_running_costs_of_a_stiff_method() -> None:
    decay = sd.ODESystem.from_text("x' = -k*x; k = 3; x(0) = 2")
    found = sd.gradient(decay, None, [0, 1], running="x", method="rodas5p", rtol=1e-11, atol=1e-13)
    assert found.by["k"] == pytest.approx(-2 * (1 - np.exp(-3)) / 9 + 2 * np.exp(-3) / 3, rel=1e-8)
