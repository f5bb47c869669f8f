"""Events and inputs on numba's CUDA simulator: exact times and values, and those of the processor."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from symdyn_kernels.status import BAD_DELAY

import symdyn as sd

SCRIPT = """
v, I, A, k, t, x, y, u0 = sp.symbols("v I A k t x y u0")
tight = {"rtol": 1e-10, "atol": 1e-12}

def both(name, system, method, *arguments, until=None, **options):
    for target in ("cpu", "cuda"):
        run = sd.compile(system, method=method, target=target, until=until)(*arguments, **options)
        for field in ("values", "status", "passage", "steps"):
            results[f"{name} {target} {field}"] = getattr(run, field)

neuron = sd.ODESystem({v: I - v, x: 0}, events=sd.Event(v >= 1, {v: 0, x: x + 1}))
currents = np.array([[1.05], [1.5], [3.0]])
for method in ("tsit5", "dop853", "rodas5p"):
    both(f"neuron {method}", neuron, method, np.zeros((3, 2)), currents, np.linspace(0, 10, 11), **tight)
both("stopped", neuron, "tsit5", np.zeros((3, 2)), currents, np.linspace(0, 10, 11), until=x > 1.5, **tight)

doses = sd.ODESystem({A: -k * A}, events=[sd.dose(A, 100, every=12, times=5, start=u0), sd.Event(t >= 30, {A: A / 2})])
places = [[k, u0].index(s) for s in doses.parameters]
values = np.array([[0.1, 6.0], [0.2, 0.0]])[:, places]
both("doses", doses, "dop853", np.full((2, 1), 5.0), values, np.linspace(0, 60, 13), **tight)
both("ended", doses, "dop853", np.full((1, 1), 5.0), values[:1], np.array([0.0, 6.0]), until=A > 90, **tight)

links = [sd.Event(x >= 2, {y: 1}), sd.Event(y >= 1, {y: 7, x: 0}), sd.Event(y >= 7, {y: 0.5})]
chain = sd.ODESystem({x: 1, y: 0}, events=links)
both("chain", chain, "tsit5", np.zeros((1, 2)), np.zeros((1, 0)), np.array([0.0, 1.0, 2.0, 3.5]), **tight)
endless = sd.ODESystem({x: 1, y: 0}, events=[sd.Event(x >= 2, {y: 1}), sd.Event(y >= 1, {y: 0}), sd.Event(y < 1, {y: 1})])
both("endless", endless, "tsit5", np.zeros((1, 2)), np.zeros((1, 0)), np.array([0.0, 1.0, 2.0, 3.5]), **tight)
ball = sd.ODESystem({y: v, v: -9.81}, events=sd.Event(y < 0, {v: -0.9 * v}))
both("ball", ball, "dop853", np.array([[1.0, 0.0]]), np.zeros((1, 0)), np.array([0.0, 2.0, 4.0, 9.0]), **tight)

knots, values = [0, 0.3, 0.5, 1.1, 2, 2.2, 3.7, 4], [1, -2, 0.5, 3, 3, -1, 0, 2]
for kind in ("hold", "linear", "cubic"):
    u = sd.Path("u", knots, values, kind)
    driven = sd.ODESystem({x: u - k * x}, events=sd.Event(x > 1.5, {x: 1}))
    given = np.array([[{"k": 0.7, "u": 0.0}[p.name] for p in driven.parameters]] * 2)
    both(f"driven {kind}", driven, "dop853", np.array([[2.0], [1.0]]), given, np.linspace(0, 3.9, 14), **tight)
u = sd.Path("u", knots, values, "spline")
courses = [u, sd.Path("u", [0, 4], [1, 3], "spline"), sd.Path("u", [-1, 1, 1.5, 4], [1, 3, 0, 2], "spline")]
uneven = sd.ODESystem({x: u - x, y: u.diff(t)}).with_inputs({u: courses})
both("uneven", uneven, "tsit5", np.zeros((3, 2)), np.arange(3.0)[:, None], np.linspace(0, 3.9, 5), **tight)
jump = [sd.dose(y, 1, start=u0), sd.Event(x > 0.5, {y: y + x})]
step = sd.ODESystem({x: sp.Piecewise((1, t > u0), (0, True)), y: 0}, events=jump)
both("jump", step, "tsit5", np.zeros((2, 2)), np.array([[2.0], [1.0]]), np.array([0.0, 1.0, 2.0, 4.0]), **tight)
"""
STEPS = """
v, I, A, k, t, x, y, u0 = sp.symbols("v I A k t x y u0")

def both(name, system, method, *arguments, until=None, **options):
    for target in ("cpu", "cuda"):
        run = sd.compile(system, method=method, target=target, until=until)(*arguments, **options)
        for field in ("values", "status", "passage", "steps"):
            results[f"{name} {target} {field}"] = getattr(run, field)

fire = [sd.Event(v >= 1, {v: 0, x: x + 1}), sd.dose(v, 0.2, every=2, times=3, start=u0), sd.Event(t > 4, {v: v / 2})]
noisy = sd.SDESystem({v: I - v, x: 0}, {v: k, x: 0}, events=fire)
given = np.array([[{"I": 1.5, "k": noise, "u0": 0.5}[p.name] for p in noisy.parameters] for noise in (0.0, 0.3, 0.5)])
for method in ("euler-maruyama", "sra1"):
    both(f"noisy {method}", noisy, method, np.zeros((3, 2)), given, np.linspace(0, 8, 9), step=0.013, seed=4)
both("until", noisy, "euler-maruyama", np.zeros((3, 2)), given, np.linspace(0, 8, 9), step=0.013, seed=4, until=x > 2.5)
late = np.array([[{"I": 0.0, "k": 0.0, "u0": 2.0}[p.name] for p in noisy.parameters]])
both("last", noisy, "heun", np.zeros((1, 2)), late, np.array([0.0, 1.0, 2.0]), until=v > 0.1, step=0.1)
u = sd.Path("u", [0, 1.5, 3, 9], [2, 1, 4, 0], "hold")
w = sd.Path("w", [0, 2, 9], [0, 1, 0], "linear")
driven = sd.SDESystem({x: u - x + w}, {x: 0.2}, events=sd.Event(u > 3, {x: 0}))
both("driven", driven, "euler-maruyama", np.ones((2, 1)), np.zeros((2, 2)), np.linspace(0, 5, 11), step=0.02, seed=2)
picked = [sd.dose(A, -A / 3, start=2.5, every=5, times=None), sd.Event(A > 150, {A: 90})]
orchard = sd.DiscreteSystem({A: 1.1 * A}, events=picked)
both("orchard", orchard, "iterate", np.full((1, 1), 100.0), np.zeros((1, 0)), np.arange(0.0, 15.0, 2.0))
"""
STEPPED = ["noisy euler-maruyama", "noisy sra1", "until", "last", "driven", "orchard"]
NAMES = [f"neuron {m}" for m in ("tsit5", "dop853", "rodas5p")] + ["stopped", "doses", "ended", "chain", "endless", "ball"]
NAMES += [f"driven {kind}" for kind in ("hold", "linear", "cubic")] + ["uneven", "jump"]


@pytest.fixture
def runs(simulated):
    arrays = simulated(SCRIPT)
    return lambda name, field: [arrays[f"{name} {target} {field}"] for target in ("cpu", "cuda")]


@pytest.mark.parametrize("name", NAMES)
def test_card_and_processor_agree(runs, name):
    for field, tolerance in (("values", 1e-8), ("passage", 1e-9)):
        cpu, card = runs(name, field)
        np.testing.assert_allclose(card, cpu, rtol=tolerance, atol=1e-8, equal_nan=True)
    np.testing.assert_array_equal(*runs(name, "status"))


@pytest.mark.parametrize("name", STEPPED)
def test_fixed_steps_of_card_and_processor_agree(simulated, name):
    """The same steps with the same random numbers."""
    arrays = simulated(STEPS)
    for field in ("values", "passage", "status", "steps"):
        cpu, card = (arrays[f"{name} {target} {field}"] for target in ("cpu", "cuda"))
        np.testing.assert_allclose(card, cpu, rtol=1e-10, atol=1e-12, equal_nan=True, err_msg=field)
    assert set(arrays[f"{name} cuda status"]) == {0}


def test_a_neuron_fires_on_a_card(runs):
    """v = I (1 - exp(-t)) is 1 after log(I/(I - 1))."""
    times, currents = np.linspace(0, 10, 11), np.array([1.05, 1.5, 3.0])
    period = np.log(currents / (currents - 1))[:, None]
    for method in ("tsit5", "dop853", "rodas5p"):
        _, card = runs(f"neuron {method}", "values")
        np.testing.assert_array_equal(card[:, :, 1], np.floor(times / period))
        np.testing.assert_allclose(card[:, :, 0], currents[:, None] * (1 - np.exp(-(times % period))), atol=1e-8)
    np.testing.assert_allclose(runs("stopped", "passage")[1][1:], 2 * period[1:, 0], rtol=1e-9)


def test_doses_on_a_card(runs):
    times, k, start = np.linspace(0, 60, 13), np.array([[0.1], [0.2]]), np.array([[6.0], [0.0]])
    exact = 5 * np.exp(-k * times) * np.where(times >= 30, 0.5, 1)
    for j in range(5):
        at = start + 12 * j
        exact += np.where(times >= at, 100 * np.exp(-k * (times - at)) * np.where((times >= 30) & (at <= 30), 0.5, 1), 0)
    _, card = runs("doses", "values")
    # at 30 the first trajectory is halved before its dose, as it is the condition that turned true
    exact[0, times >= 30] += 50 * np.exp(-0.1 * (times[times >= 30] - 30))
    np.testing.assert_allclose(card[:, :, 0], exact, rtol=1e-8)
    assert runs("ended", "passage")[1].tolist() == [6.0]


WAITING = """
v, t, x, y, z, n, k, w, A = sp.symbols("v t x y z n k w A")
tight = {"rtol": 1e-10, "atol": 1e-12, "progress": False, "on_failure": "nan"}

def both(name, system, times, method="tsit5", **options):
    for target in ("cpu", "cuda"):
        run = sd.simulate(system, times, method=method, target=target, **{**tight, **options})
        for field in ("fired", "fired_at", "status", "first_passage", *system.names):
            if field in run:
                results[f"{name} {target} {field}"] = run[field].values

sweep = {"parameters": {w: [0.25, 0.5, 1.3]}}
# x rises at 1 from 0; what it does after a delay w
late = sd.ODESystem({x: 1, n: 0}, initial={x: 0, n: 0}, events=sd.Event(x >= 1, {x: 0, n: n + x}, delay=w))
both("late", late, [0, 1.1, 2.2, 3.3, 4.4], **sweep)
kept = sd.ODESystem({x: 1, n: 0}, initial={x: 0, n: 0}, events=sd.Event(x >= 1, {x: 0, n: n + x}, delay=w, from_trigger=True))
both("kept", kept, [0, 1.1, 2.2, 3.3, 4.4], "rodas5p", **sweep)
# true from 1 to 2 only: what waits for 1.3 is dropped unless it persists
pulse = {x: sp.cos(t), n: 0}
for persistent in (True, False):
    waits = sd.Event(x > 0.5, {n: n + 1}, delay=2.2 * w, persistent=persistent)
    both(f"persistent {persistent}", sd.ODESystem(pulse, initial={x: 0, n: 0}, events=waits), [0, 2, 4, 9, 16], **sweep)
    spell = sd.Event((t > 1) & (t < 2), {n: n + 1}, delay=w, persistent=persistent)
    both(f"spell {persistent}", sd.ODESystem({x: 1, n: 0}, initial={x: 0, n: 0}, events=spell), [0, 1.4, 1.6, 4], **sweep)
# at the same time, by priority: 2, then 1, then that without
order = [sd.Event(x >= 1, {y: 10 * y + 3}), sd.Event(x >= 1, {y: 10 * y + 1}, priority=w),
         sd.Event(x >= 1, {y: 10 * y + 2}, priority=2)]
both("order", sd.ODESystem({x: 1, y: 0}, initial={x: 0, y: 0}, events=order), [0, 1, 2], parameters={w: [1, 3]})
# the first of them makes the condition of the other false, which does not persist
rivals = [sd.Event(x >= 1, {x: 0, y: y + 1}, priority=2), sd.Event(x >= 1, {x: 0, y: y + 100}, persistent=False, priority=1)]
both("rivals", sd.ODESystem({x: 1, y: 0}, initial={x: 0, y: 0}, events=rivals), [0, 1.5, 2.5, 3.5])
# true at first, which counts as a change
begins = [sd.Event(x >= 1, {n: n + 1}, initial=False), sd.Event(t < 5, {n: n + 10}, initial=False, delay=w)]
both("begins", sd.ODESystem({x: 1, n: 0}, initial={x: 2, n: 0}, events=begins), [0, 1, 2], **sweep)
both("negative", late, [0, 1.1, 2.2], parameters={w: [0.5, -0.5]})
falls = sd.Event(x >= 1, {x: x - 1}, delay=w)
both("crowded", sd.ODESystem({x: 40, n: 0}, initial={x: 0, n: 0}, events=falls), [0, 1, 2, 9], **sweep)
train = sd.ODESystem({x: 40, n: 0}, initial={x: 0, n: 0}, events=[
    sd.Event(x >= 1, {x: 0}), sd.Event(x < 0.5, {n: n + 1}, delay=w, record=3)])
both("train", train, [0, 1, 4, 6], parameters={w: [0.11, 4]})
ends = sd.ODESystem({x: 1}, initial={x: 0}, events=sd.Event(x >= 1, {x: 5}, delay=w))
both("ends", ends, [0, 4], until=x > 4, **sweep)
doses = [sd.dose(A, 1, every=w, times=4, start=0.5), sd.Event(A > 1.2, {n: n + 1}, delay=0.3)]
both("doses", sd.ODESystem({A: -A, n: 0}, initial={A: 0, n: 0}, events=doses), [0, 1, 2, 3, 4, 5], **sweep)
noisy = sd.SDESystem({v: 1 - v / 2, n: 0}, {v: 0.3, n: 0}, initial={v: 0, n: 0}, events=[
    sd.Event(v >= 1, {v: 0, n: n + v}, delay=w, priority=1), sd.Event(v >= 1, {n: n + 100}, priority=2, from_trigger=True)])
both("noisy", noisy, [0, 2, 4, 8], "euler-maruyama", step=0.01, seed=5, trajectories=3, rtol=None, atol=None, **sweep)
dosed = sd.ReactionNetwork.from_text("X -> 0, k; at 0 every 2 times 3, X = X + 40; when X > 70, X = 10; k = 0.5; X(0) = 20")
both("dosed", dosed, [0, 1, 2, 3, 4, 5, 9], "ssa", seed=3, trajectories=4, rtol=None, atol=None)
# opposite conditions of one moment, of which one resets the state; a boundary that is touched; the same with noise
mirror = [sd.Event(x < 1, {n: n + 1}), sd.Event(2 * x < 2, {n: n + 10}, initial=False), sd.Event(x >= 1, {x: 0})]
both("mirror", sd.ODESystem({x: 1, n: 0}, initial={x: 0, n: 0}, events=mirror), [0, 1, 2.5, 3.5])
zigzag = [sd.Event(x >= 1, {y: -1}), sd.Event(x <= 0, {y: 1}), sd.Event(x < 1, {n: n + 1}), sd.Event(x > 0, {n: n + 100})]
both("touched", sd.ODESystem({x: y, y: 0, n: 0}, initial={x: 0.5, y: 1, n: 0}, events=zigzag), [0, 5, 10])
crossed = [sd.Event(x < 1, {n: n + 1}), sd.Event(x >= 1, {x: 0, y: y + 1})]
both("crossed", sd.SDESystem({x: 1, n: 0, y: 0}, {x: 0.3, n: 0, y: 0}, initial={x: 0, n: 0, y: 0}, events=crossed), [0, 4, 8],
     "euler-maruyama", step=0.01, seed=5, trajectories=3, rtol=None, atol=None)
stock = sd.DiscreteSystem({A: A + 1}, initial={A: 0}, events=sd.Event(A >= 3, {A: 0}, delay=2))
both("stock", stock, range(0, 20), "iterate", rtol=None, atol=None)
"""
SHUFFLED = """
x, y, t, k = sp.symbols("x y t k")
turns = [sd.Event(t >= 2, {y: 10 * y + i}, priority=k, shuffled=True) for i in (1, 2, 3)]
turns += [sd.Event(t >= 2, {y: 10 * y + 5}, shuffled=True), sd.Event(t >= 2, {y: 4}, priority=5)]
common = {"parameters": {k: 1}, "initial": {x: 0, y: 0}, "events": turns}
models = {
    "flow": (sd.ODESystem({x: 1, y: 0}, **common), "tsit5", {}),
    "noise": (sd.SDESystem({x: 1, y: 0}, {x: 0.1, y: 0}, **common), "euler-maruyama", {"step": 0.5}),
    "map": (sd.DiscreteSystem({x: x + k, y: y}, **common), "iterate", {}),
}
for name, (model, method, options) in models.items():
    for target in ("cpu", "cuda"):
        run = sd.simulate(model, [0, 3], method=method, target=target, trajectories=60, seed=5, progress=False, **options)
        results[f"{name} {target}"] = run.y.values
"""
LATE = [
    "late", "kept", "persistent True", "persistent False", "spell True", "spell False", "order", "rivals", "begins", "negative",
    "crowded", "train", "ends", "doses", "noisy", "stock", "dosed", "mirror", "touched", "crossed",
]  # fmt: skip


@pytest.mark.parametrize("name", LATE)
def test_delays_priorities_and_counts_are_those_of_the_processor(simulated, name):
    found = simulated(WAITING)
    fields = [key.removeprefix(f"{name} cpu ") for key in found if key.startswith(f"{name} cpu ")]
    assert {"fired", "status"} - ({"fired"} if name == "dosed" else set()) <= {*fields}
    for field in fields:
        if name == "dosed" and field.startswith("fired"):
            continue  # cards count no events of networks
        card, cpu = (found[f"{name} {target} {field}"] for target in ("cuda", "cpu"))
        np.testing.assert_allclose(card, cpu, rtol=1e-8, atol=1e-8, equal_nan=True, err_msg=field)


def test_what_waits_on_a_card_acts_when_it_should(simulated):
    found = simulated(WAITING)
    waits = np.array([0.25, 0.5, 1.3])
    np.testing.assert_allclose(found["late cuda fired_at"][:, 0, 0], 1 + waits, rtol=1e-12)
    np.testing.assert_allclose(found["late cuda n"][:, -1], [3 * 1.25, 2 * 1.5, 2.3], rtol=1e-9)
    np.testing.assert_allclose(found["kept cuda x"][:, -1], [0.65, 1.4, 2.1], rtol=1e-9)
    assert found["order cuda y"][:, -1].tolist() == [213, 123]
    assert found["rivals cuda y"].tolist() == [0, 1, 2, 3]
    assert found["spell True cuda fired"].ravel().tolist() == [1, 1, 1]
    assert found["spell False cuda fired"].ravel().tolist() == [1, 1, 0]
    assert found["begins cuda n"].tolist() == [[1, 11, 11], [1, 11, 11], [1, 1, 11]]
    assert found["negative cuda status"].tolist() == [0, BAD_DELAY]
    assert found["mirror cuda n"][-1] == 43
    assert found["touched cuda n"][-1] == 505
    assert (found["crossed cuda n"] == found["crossed cuda y"]).all()
    assert (found["crossed cuda n"][:, -1] > 3).all()


def test_random_orders_are_those_of_the_processor(simulated):
    """Three events of one priority between a first and a last: the same order in each trajectory, and not one order in all."""
    found = simulated(SHUFFLED)
    for name in ("flow", "noise", "map"):
        card, cpu = (found[f"{name} {target}"] for target in ("cuda", "cpu"))
        np.testing.assert_array_equal(card, cpu)
        assert set(cpu[:, -1]) == {41235, 41325, 42135, 42315, 43125, 43215}


def test_the_code_of_a_card_compiles_with_events_and_inputs():
    """With every option of events at once: one text for adaptive methods, one for fixed steps."""
    x, k = sp.symbols("x k")
    u = sd.Path("u", [0, 2, 4], [1, 3, 0])
    some = [
        sd.Event(x > 1, {x: 0}, delay=k, priority=1, persistent=False),
        sd.Event(x > 1, {x: x + 1}, from_trigger=True, delay=1, initial=False),
        sd.dose(x, 1, start=1),
    ]
    driven = sd.ODESystem({x: u - k * x}, events=some)
    assert ".entry" in sd.compile(driven, method="tsit5", target="cuda", until=x > 2).ptx
    noisy = sd.SDESystem({x: u - k * x}, {x: 0.1}, events=some)
    assert ".entry" in sd.compile(noisy, method="euler-maruyama", target="cuda", until=x > 2).ptx
