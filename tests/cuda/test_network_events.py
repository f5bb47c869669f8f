"""Inputs and doses of networks on numba's CUDA simulator: exact means, and the numbers of the processor."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from symdyn_kernels.status import NEGATIVE

import symdyn as sd

SCRIPT = """
X, g = sp.symbols("X g")
times = np.linspace(0, 5, 6)
for kind in ("hold", "linear"):
    u = sd.Path("u", [0, 1.5, 3, 6], [2, 8, 1, 4], kind=kind)
    births = sd.ReactionNetwork([sd.Reaction({}, {X: 1}, u), sd.Reaction({X: 1}, {}, g)], {g: 0.8}, initial={X: 0})
    run = sd.simulate(births, times, target="cuda", trajectories=400, seed=3, progress=False)
    results[kind] = run.X.values
    B, ends = sp.Symbol("B"), sd.Path("u", [0, 1, 2], [0.2, 1, 0], kind=kind)
    for at in (1, 1.5, 2):
        reactions, dose = [sd.Reaction({}, {X: 1}, 2 * ends), sd.Reaction({B: 1}, {}, 0)], sd.dose(B, 100, start=at, times=1)
        dosed = sd.ReactionNetwork(reactions, initial={X: 0, B: 0}, events=dose)
        run = sd.simulate(dosed, [0, 1, 1.5, 2], target="cuda", trajectories=20, seed=3, progress=False)
        results[f"{kind} dosed at {at}"] = run.B.values
chain = [f"X{j} -> X{j + 1}, 1" for j in range(199)] + ["X0 -> 0, d", "at 1 every 2 times 2, X0 = X0 + a", "d = 0.5; a = 30"]
chain = sd.ReactionNetwork.from_text("; ".join(chain + [f"X{j}(0) = {5 * (j == 0)}" for j in range(200)]))
for target in ("cpu", "cuda"):
    run = sd.simulate(chain, [0, 0.5, 1, 2, 3, 4], target=target, trajectories=3, seed=3, progress=False)
    results[f"chain {target}"] = np.stack([run.X0.values, run.X5.values])
    ended = sd.simulate(chain, [0, 0.5, 1, 2], target=target, trajectories=3, seed=3, until="X0 > 25", progress=False)
    results[f"ended {target}"] = ended.first_passage.values
halves = sd.ReactionNetwork.from_text("; ".join([f"X{j} -> X{j + 1}, 1" for j in range(199)] + ["at 1, X0 = X0 + 1/2"]))
begin = {s: 3 for s in halves.states}
run = sd.simulate(halves, [0, 2], target="cuda", initial=begin, seed=1, on_failure="nan", progress=False)
results["halves"] = run.status.values
"""


@pytest.mark.parametrize("kind", ["hold", "linear"])
def test_births_at_the_rate_of_an_input_have_poisson_laws(simulated, kind):
    """From none, of births at the rate u and deaths at the rate g X, there is a Poisson number, of mean m' = u - g m."""
    found, g, times = simulated(SCRIPT)[kind], 0.8, np.linspace(0, 5, 6)
    fine = np.linspace(0, 5, 50001)
    knots, values = np.array([0, 1.5, 3, 6]), np.array([2.0, 8.0, 1.0, 4.0])
    u = np.interp(fine, knots, values) if kind == "linear" else values[np.searchsorted(knots, fine, side="right") - 1]
    mean = np.array([np.trapezoid((u * np.exp(-g * (t - fine)))[fine <= t], fine[fine <= t]) for t in times])[1:]
    error = np.sqrt(mean / len(found))
    np.testing.assert_array_less(np.abs(found.mean(axis=0)[1:] - mean), 4 * error)
    np.testing.assert_allclose(found.var(axis=0)[1:] / mean, 1, atol=4 * np.sqrt(2 / len(found)) * 1.2)


@pytest.mark.parametrize("kind", ["hold", "linear"])
@pytest.mark.parametrize("at", [1, 1.5, 2])
def test_a_dose_where_an_input_has_a_knot_or_ends_at_0(simulated, kind, at):
    found = simulated(SCRIPT)[f"{kind} dosed at {at}"]
    np.testing.assert_array_equal(found, np.tile(100.0 * (np.array([0, 1, 1.5, 2]) >= at), (20, 1)))


def test_doses_of_large_networks_are_those_of_the_processor(simulated):
    found = simulated(SCRIPT)
    np.testing.assert_array_equal(found["chain cuda"], found["chain cpu"])
    assert (found["chain cuda"][0, :, 2] >= 30).all()  # the dose at 1 is in what is recorded there
    assert found["ended cuda"].tolist() == found["ended cpu"].tolist() == [1.0, 1.0, 1.0]
    assert found["halves"] == 7  # a fraction of a molecule


def test_what_networks_on_cards_do_not_follow_is_refused():
    x = sp.Symbol("x")
    u = sd.Path("u", [0, 9], [0, 1], kind="hold")
    births = [sd.Reaction({}, {x: 1}, 1 + u)]
    looking = sd.ReactionNetwork(births, events=sd.Event(u >= sp.Rational(1, 2), {x: 0}))
    many = sd.ReactionNetwork(births * 513)
    with pytest.raises(
        sd.CompileError, match="follows no inputs of networks of more than 512 reactions, and this one has 513: a thread would"
    ):
        sd.compile(many, target="cuda")
    assert "def change_input" in sd.compile(looking, target="cuda").source


LANGEVIN = """
X, g = sp.symbols("X g")
base = "0 -> X, k; X -> 0, g; k = 200; g = 1; X(0) = 50; Y(0) = 0; "
texts = {
    "events": "when X > 150, Y = Y + 1, X = X - 60; at 1 every 1 times 3, X = X + 20; when t > 2.5 delay 0.3, Y = Y + 100",
    "ended": "when X > 150 delay 0.2 priority X, Y = Y + 1, X = X - 60",
    "below": "at 1, X = X - 500",
}
models = {name: sd.ReactionNetwork.from_text(base + text) for name, text in texts.items()}
for kind in ("hold", "linear", "cubic"):
    u = sd.Path("u", [0, 1.5, 3, 6], [200, 80, 100, 40], kind=kind)
    events = [sd.Event(X > u, {X: X - 20}), sd.dose(X, 7, start=2, every=1)]
    models[kind] = sd.ReactionNetwork([({}, {X: 1}, u), ({X: 1}, {}, g)], {g: 0.8}, initial={X: 0}, events=events)
for name, model in models.items():
    for target in ("cpu", "cuda"):
        run = sd.simulate(
            model, [0, 1, 2, 3, 5], method="langevin", step=0.05, trajectories=2, seed=3, target=target, on_failure="nan",
            until="X < 100 and t > 1" if name == "ended" else None, progress=False,
        )
        for field in (*model.names, "status", "first_passage", "fired", "fired_at"):
            if field in run:
                results[f"{name} {target} {field}"] = run[field].values
"""


@pytest.mark.parametrize("name", ["events", "ended", "below", "hold", "linear", "cubic"])
def test_events_and_inputs_in_the_langevin_equation_are_those_of_the_processor(simulated, name):
    found = simulated(LANGEVIN)
    for key in [key for key in found if key.startswith(f"{name} cpu ")]:
        card = found[key.replace(" cpu ", " cuda ")]
        np.testing.assert_allclose(card, found[key], rtol=1e-9, atol=1e-9, equal_nan=True, err_msg=key)
    if name == "below":
        assert (found["below cuda status"] == NEGATIVE).all()
        assert np.isnan(found["below cuda X"][:, 1:]).all()


LEAPS = """
X, g = sp.symbols("X g")
base = "0 -> X, k; X -> 0, g; k = 2e4; g = 1; X(0) = 5000; Y(0) = 0; "
texts = {
    "events": "when X > 8000, Y = Y + 1, X = X - 4000; at 0.1 every 0.1 times 3, X = X + 20; "
    "when t > 0.25 delay 0.1, Y = Y + 100",
    "ended": "when X > 8000 delay 0.2 priority X, Y = Y + 1, X = X - 6000",
    "below": "at 0.1, X = X - 50000",
}
models = {name: sd.ReactionNetwork.from_text(base + text) for name, text in texts.items()}
models["implicit"] = sd.ReactionNetwork.from_text(
    "A -> B, 1000; B -> A, 1000; 0 -> A, 50; B -> 0, 0.1; A(0) = 1000; B(0) = 1000; at 0.001, A = A + 300; "
    "when B > 1100, B = floor(B/2)"
)
for kind in ("hold", "linear", "cubic"):
    u = sd.Path("u", [0, 0.15, 0.3, 0.6], [2e4, 8e3, 1e4, 4e3], kind=kind)
    events = [sd.Event(X > u, {X: X - 2000}), sd.Event(X > 1500, {X: X - 500}), sd.dose(X, 700, start=0.2, every=0.1)]
    models[kind] = sd.ReactionNetwork([({}, {X: 1}, u), ({X: 1}, {}, g)], {g: 0.8}, initial={X: 0}, events=events)
small = "0 -> X, 30; X -> 0, 1; X(0) = 0; Y(0) = 0; at 0 every 0.2, X = X + 2; when X > 9, X = 3, Y = Y + 1"
models["small"] = sd.ReactionNetwork.from_text(small)
for name, model in models.items():
    method = {"implicit": "tau-implicit", "small": "ssa"}.get(name, "tau")
    times = [0, 0.001, 0.004] if name == "implicit" else [0, 0.1, 0.3, 0.5]
    for target in ("cpu", "cuda"):
        run = sd.simulate(
            model, times, method=method, trajectories=2, seed=3, target=target, on_failure="nan",
            until="X < 7000 and t > 0.2" if name == "ended" else None, progress=False,
        )
        told = "status", "first_passage", "fired", "fired_at", "steps", "rejected", "leaps", "implicit_leaps"
        for field in (*model.names, *told):
            if field in run:
                results[f"{name} {target} {field}"] = run[field].values
"""


@pytest.mark.parametrize("name", ["events", "ended", "below", "implicit", "hold", "linear", "cubic", "small"])
def test_leaps_between_events_and_counts_of_these_are_those_of_the_processor(simulated, name):
    found = simulated(LEAPS)
    for key in [key for key in found if key.startswith(f"{name} cpu ")]:
        rtol = 1e-14 if key.endswith("fired_at") else 0  # times of small networks are sums, of one rounding more or less
        np.testing.assert_allclose(found[key.replace(" cpu ", " cuda ")], found[key], rtol=rtol, err_msg=key)
    fired = found[f"{name} cuda fired"]
    if name == "below":
        assert (found["below cuda status"] == NEGATIVE).all()
        assert np.isnan(found["below cuda X"][:, 1:]).all()
    elif name == "small":
        np.testing.assert_array_equal(fired[:, 1], found["small cuda Y"][:, -1])
        assert (fired[:, 0] == 3).all()  # at 0, 0.2 and 0.4
    else:
        assert fired.any()
