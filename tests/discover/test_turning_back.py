"""What comes before an equation of first order, and what does not."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.discover.turning_back import may_turn, turns
from symdyn.inference.data import observations

x, f = sp.symbols("x"), sp.Function("f")


def test_a_walk_of_logarithms_is_no_prey_with_a_hidden_predator():
    values = 100 * np.exp(np.cumsum(0.15 * np.random.default_rng(101).normal(size=40)))
    found = sd.recover(None, {"t": 0.5 * np.arange(40), "x": values}, progress=False)
    assert not may_turn(found.system)


def seen(times, values):
    return observations(sd.ODESystem({x: f(x)}), {"t": times, "x": values})


@pytest.mark.parametrize("noise", ["additive", "in proportion"])
@pytest.mark.parametrize("count", [40, 400])
def test_noise_of_growth_is_no_turn(count, noise):
    """Logistic growth with 5 % of noise, of the plateau or of each value, by 20 seeds."""
    times = np.linspace(0, 10, count)
    exact = 100 / (1 + 20 * np.exp(-times))
    size = 5.0 if noise == "additive" else 0.05 * exact
    random = [np.random.default_rng(seed).standard_normal(count) for seed in range(20)]
    assert not any(turns(seen(times, exact + size * r)) for r in random)


@pytest.mark.parametrize("noise", ["additive", "in proportion"])
@pytest.mark.parametrize("count", [40, 400])
def test_an_oscillation_turns_beyond_its_noise(count, noise):
    """About 3 with an amplitude of 2, four periods, by 20 seeds."""
    times = np.linspace(0, 4, count)
    exact = 3 + 2 * np.sin(2 * np.pi * times)
    size = 0.25 if noise == "additive" else 0.1 * exact
    random = [np.random.default_rng(seed).standard_normal(count) for seed in range(20)]
    assert all(turns(seen(times, exact + size * r)) for r in random)


@pytest.mark.parametrize("noise", ["additive", "in proportion"])
def test_peaks_of_ten_points_each_are_turns(noise):
    """Lotka and Volterra's prey with a tenth of noise, by 20 seeds."""
    times = np.linspace(0, 19, 40)
    prey = solve_ivp(
        lambda t, y: [y[0] * (1.3 - 0.9 * y[1]), y[1] * (0.8 * y[0] - 1.8)], [0, 19], [0.5, 4], t_eval=times, rtol=1e-9
    ).y[0]
    size = 0.1 * (prey.std() if noise == "additive" else prey)
    random = [np.random.default_rng(seed).standard_normal(40) for seed in range(20)]
    assert all(turns(seen(times, prey + size * r)) for r in random)


def test_five_points_a_period_are_turns():
    """Without noise, and with a deviation of 0.3 where the amplitude is 2, by 20 seeds; a damped oscillation in 20 points."""
    times = np.arange(40.0)
    assert turns(seen(times, 2 * np.sin(2 * np.pi * times / 5 + 0.3)))
    random = [np.random.default_rng(seed).standard_normal(40) for seed in range(20)]
    assert all(turns(seen(times, 2 * np.sin(2 * np.pi * times / 5.5 + 0.3) + 0.3 * r)) for r in random)
    times = np.linspace(0, 10, 20)
    assert all(turns(seen(times, 2 * np.exp(-0.3 * times) * np.cos(3 * times) + 0.03 * r[:20])) for r in random)


def test_humps_of_eight_points_in_five_trajectories_are_turns():
    times, rng = np.linspace(0, 3, 8), np.random.default_rng(0)
    humps = [4 * np.exp(-(((times - 1.5) / 0.7) ** 2)) + 0.1 * rng.standard_normal(8) for _ in range(5)]
    empty = {"t": times, "x": np.full(8, np.nan), "y": times}
    tables = [{"t": times, "x": hump, "y": times} for hump in humps]
    both = sd.ODESystem({x: f(x), sp.Symbol("y"): sp.Function("g")(x)})
    assert turns(observations(both, tables))
    assert turns(observations(both, [*tables, empty]))


def test_two_trajectories_that_rise_and_fall_contradict_each_other():
    """Each is monotone, through the same values."""
    times = np.linspace(0, 5, 40)
    random = np.random.default_rng(0).standard_normal((2, 40))
    tables = [{"t": times, "x": 1 + s * times + 0.1 * r} for s, r in zip((1, -1), random, strict=True)]
    data = observations(sd.ODESystem({x: f(x)}), [tables[0], {**tables[1], "x": tables[1]["x"] + 5}])
    assert turns(data)
    assert not turns(observations(sd.ODESystem({x: f(x)}), [tables[0], {**tables[0], "x": tables[0]["x"] + 5}]))
