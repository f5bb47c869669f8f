"""Events of one moment see conditions as they are just after it: opposite ones turn together, in every driver."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from symdyn_kernels.status import ENDLESS_EVENTS

import symdyn as sd

t, x, y, n, m, d, v, h, w, X, N = sp.symbols("t x y n m d v h w X N")
DRIVERS = {"dop853": {}, "tsit5": {}, "rodas5p": {}, "taylor": {}, "rk4": {"step": 0.3}}
RESET = sd.Event(x >= 1, {x: 0})


def rising(*events):
    """x rises at the rate 1 from 0; events alone change n and m."""
    return sd.ODESystem({x: 1, n: 0, m: 0}, initial={x: 0, n: 0, m: 0}, events=events)


#: What n and m are at 3.5, after x has been 1 at 1, 2 and 3: events, n, m.
CASES = {
    "opposite": ([sd.Event(x < 1, {n: n + 1}), RESET], 3, 0),
    "in the other order": ([RESET, sd.Event(x < 1, {n: n + 1})], 3, 0),
    "true at the start": ([sd.Event(x < 1, {n: n + 1}, initial=False), RESET], 4, 0),
    "strict on the other side": ([sd.Event(x <= 1, {n: n + 1}), sd.Event(x > 1, {x: 0})], 3, 0),
    "without a reset": ([sd.Event(x < 1, {n: n + 1}), sd.Event(x >= 1, {m: m + 1})], 0, 1),
    "three": ([sd.Event(x < 1, {n: n + 1}), sd.Event(2 * x >= 2, {m: m + 10}), RESET, sd.Event(2 * x < 2, {m: m + 1})], 3, 33),
    # at each moment x = 0 and n + 10, then the opposite 2 n + 1 by its priority, then 3 n: 6 n + 63
    "priorities": (
        [sd.Event(x < 1, {n: 2 * n + 1}, priority=5), sd.Event(x >= 1, {x: 0, n: n + 10}, priority=1),
         sd.Event(x >= 1, {n: 3 * n}, priority=0)], 2709, 0,
    ),
    # what waits and does not persist is dropped where x is 1, and waits anew
    "dropped": ([sd.Event(x < 1, {n: n + 1}, delay=1.25, persistent=False, initial=False), RESET], 0, 0),
    "reset later": ([sd.Event(x < 1, {n: n + 1}), sd.Event(x >= 1, {x: 0, m: m + 1}, delay=0.5)], 2, 2),
}  # fmt: skip


#: One driver serves all adaptive methods.
RUNS = [*((m, c) for m in ("dop853", "taylor", "rk4") for c in CASES), ("tsit5", "three"), ("rodas5p", "three")]


@pytest.mark.parametrize(("method", "case"), RUNS)
def test_opposite_conditions_of_one_moment(method, case):
    events, first, second = CASES[case]
    data = sd.simulate(rising(*events), [0, 3.5], method=method, progress=False, **DRIVERS[method])
    assert (data.n[-1].item(), data.m[-1].item()) == (first, second)


@pytest.mark.parametrize("method", ["dop853", "taylor", "rk4"])
def test_a_touched_boundary_turns_both_conditions(method):
    """A triangle between 0 and 1, from 0.5 upwards: it is 1 at 0.5, 2.5, ..., 8.5, and 0 at 1.5, 3.5, ..., 9.5."""
    events = [
        sd.Event(x >= 1, {d: -1}), sd.Event(x <= 0, {d: 1}), sd.Event(x < 1, {n: n + 1}), sd.Event(x > 0, {m: m + 1}),
    ]  # fmt: skip
    zigzag = sd.ODESystem({x: d, d: 0, n: 0, m: 0}, initial={x: 0.5, d: 1, n: 0, m: 0}, events=events)
    data = sd.simulate(zigzag, [0, 10], method=method, progress=False, **DRIVERS[method])
    assert data.fired.values.ravel().tolist() == [5, 5, 5, 5]
    np.testing.assert_allclose(data.fired_at.values.reshape(4, -1)[2, :5], 0.5 + 2 * np.arange(5), rtol=1e-12)
    assert (data.n[-1].item(), data.m[-1].item(), data.x[-1].item()) == (5, 5, pytest.approx(0.5, abs=1e-9))


@pytest.mark.parametrize("method", ["dop853", "rk4"])
def test_a_ball_leaves_the_floor_as_often_as_it_comes_to_it(method):
    """From 1/2 at unit gravity with the restitution 0.8 it comes at 1 + 8 (1 - 0.8^k), k = 0, 1, ...: 10 times until 8.1."""
    step = {"step": 0.02} if method == "rk4" else {}
    events = [sd.Event(x <= 0, {y: -0.8 * y}), sd.Event(x > 0, {n: n + 1})]
    ball = sd.ODESystem({x: y, y: -1, n: 0}, initial={x: 0.5, y: 0, n: 0}, events=events)
    data = sd.simulate(ball, [0, 8.1], method=method, progress=False, **step)
    assert data.fired.values.ravel().tolist() == [10, 10]
    rest = sd.simulate(ball, [0, 8.1, 10], method=method, on_failure="nan", progress=False, **step)
    assert rest.status.item() == ENDLESS_EVENTS
    assert np.isnan(rest.x[-1])


@pytest.mark.parametrize("method", ["dop853", "rk4"])
def test_switching_back_at_once_ends_in_a_status(method):
    """Opposite conditions that drive x back to where they meet, from both sides."""
    held = sd.ODESystem({x: d, d: 0}, initial={x: 0, d: 1}, events=[sd.Event(x >= 1, {d: -1}), sd.Event(x < 1, {d: 1})])
    data = sd.simulate(held, [0, 0.9, 2], method=method, on_failure="nan", progress=False, **DRIVERS[method])
    assert data.status.item() == ENDLESS_EVENTS
    assert data.x[1].item() == pytest.approx(0.9)


def test_a_thermostat_counts_what_it_switches():
    """Without heat 20 exp(-t) falls to 18; with it 30 - 12 exp(-s) rises to 22: a period of log(1.5) + log(11/9)."""
    events = [
        sd.Event(x < 18, {h: 30}), sd.Event(x >= 22, {h: 0}), sd.Event(x >= 18, {n: n + 1}), sd.Event(x < 22, {m: m + 1}),
    ]  # fmt: skip
    room = sd.ODESystem({x: h - x, h: 0, n: 0, m: 0}, initial={x: 20, h: 0, n: 0, m: 0}, events=events)
    on = math.log(10 / 9) + (math.log(1.5) + math.log(11 / 9)) * np.arange(8)
    data = sd.simulate(room, [0, on[-1] + 0.1], rtol=1e-10, progress=False)
    assert data.fired.values.ravel().tolist() == [8, 7, 8, 7]
    np.testing.assert_allclose(data.fired_at.values.reshape(4, -1)[[0, 2], :8], [on, on], rtol=1e-8)


def test_neurons_count_their_resets_in_all_lanes():
    """v = I (1 - exp(-t)) is 1 after log(I/(I - 1)); each neuron notes every reset by the opposite of its threshold."""
    currents = np.linspace(1.1, 3, 37)
    i = sp.Symbol("I")
    neuron = sd.ODESystem(
        {v: i - v, n: 0},
        initial={v: 0, n: 0},
        events=[sd.Event(v >= 1, {v: 0}, record=0), sd.Event(v < 1, {n: n + 1}, record=0)],
    )
    data = sd.simulate(neuron, [0, 9.97], parameters={"I": currents}, progress=False)
    np.testing.assert_array_equal(data.n[:, -1], np.floor(9.97 / np.log(currents / (currents - 1))))


RANDOM = [sd.Event(x < 1, {n: n + 1}), sd.Event(x >= 1, {x: 0, m: m + 1})]
MOLECULES = [sd.Event(X >= 3, {X: 0}), sd.Event(X < 3, {N: N + 1})]
BIRTHS = "0 -> X, 40; X -> 0, 1; 0 -> N, 0; X(0) = 0; N(0) = 0"


@pytest.mark.parametrize("reverse", [False, True])
def test_noise_and_maps_reset_and_count_alike(reverse):
    events = RANDOM[::-1] if reverse else RANDOM
    noisy = sd.SDESystem({x: 1, n: 0, m: 0}, {x: 0.3, n: 0, m: 0}, initial={x: 0, n: 0, m: 0}, events=events)
    data = sd.simulate(noisy, [0, 20], method="euler-maruyama", step=0.01, seed=3, trajectories=9, progress=False)
    assert (data.m[:, -1] > 9).all()
    np.testing.assert_array_equal(data.n[:, -1], data.m[:, -1])
    stock = sd.DiscreteSystem({x: x + 0.25, n: n, m: m}, initial={x: 0, n: 0, m: 0}, events=events)
    run = sd.simulate(stock, [0, 20], progress=False)
    assert (run.n[-1].item(), run.m[-1].item()) == (5, 5)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("method", ["ssa", "tau", "langevin"])
def test_networks_reset_and_count_alike(method, reverse):
    events = MOLECULES[::-1] if reverse else MOLECULES
    births = sd.ReactionNetwork.from_text(BIRTHS, events=events)
    step = {"step": 0.002} if method == "langevin" else {}
    data = sd.simulate(births, [0, 2], method=method, seed=5, progress=False, trajectories=3, **step)
    resets = data.fired.values.reshape(3, 2)[:, 1 if reverse else 0]
    assert (resets > 5).all()
    np.testing.assert_array_equal(data.N[:, -1], resets)


def test_fields_count_resets():
    pde = sd.PDESystem(
        {w: 0}, (0, 1), odes={x: 1, n: 0, m: 0}, space=["r"], initial={w: 0, x: 0, n: 0, m: 0},
        events=[sd.Event(x < 1, {n: n + 1}), RESET],
    )  # fmt: skip
    assert sd.simulate(pde.discretize(4), [0, 3.5], progress=False).n[-1].item() == 3


@pytest.mark.parametrize("method", ["dop853", "taylor", "rk4"])
def test_opposite_conditions_turn_together_where_a_step_ends(method):
    """A line is crossed at the time of a dose; both conditions are written differently, so rounding moves one of them."""
    a, b, c, k = sp.symbols("a b c k")
    at, draws = 1.012, np.random.default_rng(1).uniform([2, -1, 1], [3, 1, 2], (64, 3))
    rate, slope, scale = draws.T
    values = {"k": rate, "b": slope, "c": scale, "a": at * (rate * scale - slope)}
    events = [sd.Event(x * c < a + b * t, {n: n + 1}), sd.Event(x - a / c - b * t / c >= 0, {x: -5}), sd.dose(m, 1, start=at)]
    system = sd.ODESystem({x: k, n: 0, m: 0}, events=events)
    parameters = np.column_stack([values[p.name] for p in system.parameters])
    run = sd.compile(system, method=method)(np.zeros((64, 3)), parameters, np.array([0, at + 0.2]), **DRIVERS[method])
    np.testing.assert_array_equal(run.values[:, -1, 1:], np.ones((64, 2)))
