"""Networks in which something waits on numba's CUDA simulator: exact laws, and the trajectories of the processor."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from symdyn_kernels.status import BAD_DELAY, FRACTION, TOO_MANY_PENDING

import symdyn as sd

SCRIPT = """
X, Y, g, t = sp.symbols("X Y g t")

def both(name, net, times, **options):
    net = sd.ReactionNetwork.from_text(net) if isinstance(net, str) else net
    options = {"trajectories": 6, "seed": 3, "progress": False, "on_failure": "nan", **options}
    for target in ("cpu", "cuda"):
        run = sd.simulate(net, times, target=target, **options)
        for field in (*net.names, "status", "steps", "rejected", "first_passage", "fired", "fired_at"):
            if field in run:
                results[f"{name} {target} {field}"] = run[field].values

times = [0, 1, 2, 2.5, 4, 6]
both("births", "0 -> Y, k delay tau; Y -> 0, g; k = 20; g = 1; tau = 2; Y(0) = 0", [0, 1.9, 2.5, 4], trajectories=80)
both("kept", "0 -> A, k; A => 0, k delay 2 consuming false; k = 5; A(0) = 100", times)
both("states", "0 -> Y, k delay tau*Z; k = 30; Z(0) = 2; Z -> Z, 1; Y(0) = 0", [0, 4], parameters={"tau": [0, 0.5, 3]})
both("bursts", "0 -> geometric(3) P + poisson(2) Q, k delay 1; k = 6; P(0) = 0; Q(0) = 0", times)
both("in time", "0 => Y, k*(1 + cos(3*t)) delay 1; Y -> 0, 0.2; k = 10; Y(0) = 0", times)
both("loop", "0 => M, 12/(1 + (P/20)^2) delay 2.5; M -> 0, 0.4; M -> M + P, 1.5; P -> 0, 0.3; M(0) = 0; P(0) = 0", times)
both("late", "X -> Y, k delay 1 - X; k = 1; X(0) = 5; Y(0) = 0", times)
both("crowd", "0 -> X, 400 delay 9; X(0) = 0", [0, 1, 2, 3], trajectories=2)
base = "0 -> X, 20; X -> 0, 1; X(0) = 5; Y(0) = 0; "
both("delay", base + "when X > 22 delay 0.3, X = floor(X/2), Y = Y + 1", times)
both("from", base + "when X > 22 delay 0.3 from_trigger true, Y = X", times)
both("loose", base + "when X > 22 delay 0.3 persistent false, Y = Y + 1", times)
rivals = "when X > 22 priority 1, Y = 10*Y + 1; when X > 22 priority X, Y = 2*Y; when X > 22 priority 5, X = 2"
both("order", base + rivals, times)
both("begins", base + "when X > 2 initial false priority 1, Y = Y + 1, X = 0", times)
turn = "when t >= 2 priority 1 shuffled true, Y = 10*Y + "
both("shuffled", base + "; ".join(f"{turn}{i}" for i in (1, 2, 3)), [0, 2], trajectories=24)
both("doses", base + "at 0 every 2 times 3, X = X + 40; when X > 50 delay 1, X = 10", times, until="X > 70 and t > 1")
spell = "when t > 1 and t < 2 delay 2 persistent false, Y = 100; when t > 0.2*X delay 0.1, Y = Y + 1"
both("clock", base + "when t > 2 delay 0.5, X = 0; when t > 3 and X > 10 delay 0.1, Y = Y + 7; " + spell, times)
both("both", "0 -> X, 20 delay 0.5; X -> Y, 1 delay 1 consuming false; X(0) = 5; Y(0) = 0; "
     "when X > 12 delay 0.3 priority 1, X = 3; when Y > 10, Y = 0, X = X + 1", times)
both("halves", base + "when X > 22 delay 0.3, X = X/2 + 1/4", times)
both("passage", base + "when X > 15 delay 0.2, Y = Y + 1", times, until="Y > 1")
for kind in ("hold", "linear"):
    u = sd.Path("u", [0, 1.5, 3, 6, 10], [2, 8, 1, 4, 3], kind=kind)
    looks = [sd.Event(u > 3.5, {Y: Y + 1}), sd.Event(X > u, {Y: Y + 10})]
    events = [sd.dose(X, 7, start=2, every=1), *(looks if kind == "hold" else [])]
    net = sd.ReactionNetwork([({}, {X: 1}, u), ({X: 1}, {}, g)], {g: 0.8}, initial={X: 0, Y: 0}, species=[X, Y], events=events)
    both(kind, net, times, until=(u > 3.7) & (X > 40) if kind == "hold" else None)
try:
    sd.simulate(sd.ReactionNetwork.from_text("0 -> X, 400 delay 9; X(0) = 0"), [0, 9], target="cuda", seed=1, progress=False)
except sd.SimulationError as error:
    results["message"] = str(error)
chain = "; ".join(f"X{j} => X{j + 1}, 3*X{j}/(2 + X{j}); X{j + 1}(0) = 0" for j in range(16))
both("chain", chain + "; 0 -> X0, 5; X0(0) = 20; when X3 > 4 delay 0.1, X3 = 0", [0, 1, 2], trajectories=3)
chain = "; ".join(f"X{j} -> X{j + 1}, {3 + j % 3}; X{j + 1}(0) = 0" for j in range(120))
chain += "; 0 -> X0, 5 delay 0.2; X0(0) = 2; when X3 > 1 delay 0.1, X3 = 0; at 0, X0 = 4"
both("long", chain, [0, 1, 2], trajectories=2)
places = "; ".join(f"H + S{i} <-> C{i}, 0.2, 6; S{i}(0) = 5; C{i}(0) = {i % 3}" for i in range(35))
places += "; 0 -> H, 9 delay 0.3; H -> 0, 1; H(0) = 9; C0 => S0, 2*(1 + sin(t))*C0; when C3 > 3 delay 0.1, C3 = 0, H = H + 2"
both("hubs", places, [0, 0.5, 1], trajectories=3)
both("hubs watched", places, [0, 0.5, 1], trajectories=3, until="C1 > 5 and H < 9")
"""
NAMES = [
    *("births", "kept", "states", "bursts", "in time", "loop", "late", "crowd", "delay", "from", "loose", "order", "begins"),
    *("shuffled", "doses", "clock", "both", "halves", "passage", "hold", "linear", "chain", "long"),
    *("hubs", "hubs watched"),
]


@pytest.mark.parametrize("name", NAMES)
def test_trajectories_are_those_of_the_processor(simulated, name):
    """The same numbers of molecules and candidates; times of events and passages up to roundings."""
    found = simulated(SCRIPT)
    fields = [key.removeprefix(f"{name} cpu ") for key in found if key.startswith(f"{name} cpu ")]
    for field in fields:
        card, cpu = (found[f"{name} {target} {field}"] for target in ("cuda", "cpu"))
        if name == "crowd":
            continue  # a card keeps fewer reactions under way
        if field in ("first_passage", "fired_at"):
            np.testing.assert_allclose(card, cpu, rtol=1e-14, err_msg=field)
        else:
            np.testing.assert_array_equal(card, cpu, err_msg=field)


def test_laws_and_endings_on_a_card(simulated):
    found = simulated(SCRIPT)
    births, count = found["births cuda Y"], 80
    for column, now in enumerate([0, 1.9, 2.5, 4]):  # Poisson, of mean k/g (1 - exp(-g (t - tau)))
        mean = 20 * (1 - np.exp(-max(now - 2, 0)))
        assert abs(births[:, column].mean() - mean) <= 4 * np.sqrt(mean / count)
    assert set(found["late cuda status"]) <= {0, BAD_DELAY}
    assert BAD_DELAY in found["late cuda status"]
    assert (found["crowd cuda status"] == TOO_MANY_PENDING).all()  # 512 after about 1.3
    assert "A thread of a card keeps fewer of them, at most 512: target='cpu' keeps more" in str(found["message"])
    assert np.isfinite(found["crowd cuda X"][:, :2]).all()
    assert np.isnan(found["crowd cuda X"][:, 2:]).all()
    assert FRACTION in found["halves cuda status"]
    orders = found["shuffled cuda Y"][:, -1]
    assert set(orders) <= {123, 132, 213, 231, 312, 321}
    assert len(set(orders)) > 3


def test_the_code_of_a_card_compiles_with_all_that_waits():
    net = sd.ReactionNetwork.from_text(
        "0 => X, 20*(1 + cos(t)) delay 0.5; X -> geometric(3) X, 1 delay 1 consuming false; X(0) = 5; "
        "when X > 12 delay 0.3 priority 1 persistent false from_trigger true, X = 3; at 1 every 2, X = X + 1"
    )
    kernel = sd.compile(net, target="cuda", until=sp.Symbol("X") > 30)
    assert ".entry" in kernel.ptx


def test_what_many_reactions_on_cards_do_not_follow_is_refused():
    x = sp.Symbol("x")
    many = [sd.Reaction({}, {x: 1}, 1)] * 520
    u = sd.Path("u", [0, 9], [0, 1])
    with pytest.raises(sd.CompileError, match="follows no inputs of networks of more than 512 reactions, and this one has 521"):
        sd.compile(sd.ReactionNetwork([*many, sd.Reaction({}, {x: 1}, u)]), target="cuda")
    with pytest.raises(sd.CompileError, match="follows no delayed reactions of networks of more than 512"):
        sd.compile(sd.ReactionNetwork([*many, sd.Reaction({x: 1}, {}, 1, delay=2)]), target="cuda")
    with pytest.raises(sd.CompileError, match="at known times alone, without delays and priorities"):
        sd.compile(sd.ReactionNetwork(many, events=sd.Event(x > 3, {x: 0}, delay=1)), target="cuda")
