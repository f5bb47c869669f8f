"""Event programs of reaction networks: bounds in time, parameter-only parts, the same bits in every form."""

import ast
import itertools
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from symdyn_kernels.arguments.parts import Batch, Signals
from symdyn_kernels.status import INTERRUPTED

import symdyn as sd
from symdyn.codegen.cuda.jump_large import large_jump_device
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.families.jump import LARGE, LARGER
from symdyn.codegen.families.task import Options
from symdyn.codegen.fire import fire_module
from symdyn.codegen.hoist import Hoisting
from symdyn.codegen.hubs import hubs
from symdyn.codegen.interval import IntervalBounds, ValueRange
from symdyn.codegen.lower import Lowering
from symdyn.codegen.program import Program
from symdyn.codegen.propensities import LoweredPropensity, hoisted_propensities
from symdyn.codegen.species_boxes import SpeciesBoxes
from symdyn.codegen.time_bounds import TimeBounds
from symdyn.codegen.triggers import crossings
from symdyn.models.events import Event

t, h, x, k, v = sp.symbols("t h x k v")

VARYING = [
    *(2 + sp.sin(3 * t), sp.cos(t) ** 2, sp.exp(-t) * x, x / (1 + t**2), sp.Abs(t - 3), sp.sqrt(t + 20), sp.tanh(t) - t**3),
    *(sp.Piecewise((1, t < 2), (x, t < 5), (sp.sin(t), True)), sp.Max(t, 1) * sp.Min(x, t), sp.cosh(t / 4), 2**t),
    *((t + 11) ** sp.Rational(7, 10), sp.Mod(t, 3), 1 / (t - 30), sp.floor(t) * sp.ceiling(t / 2), sp.erfc(t) + sp.atan(t)),
    *(sp.Heaviside(t - 1), sp.tan(t / 10)),
]


@pytest.mark.parametrize("expression", VARYING, ids=str)
def test_bounds_hold_everywhere_in_the_interval_and_close_in_on_a_point(expression):
    build = Lowering([("lane", [t, h]), ("y", [x]), ("p", [])])
    value, begin = build.value(expression), build.value(t)
    bounds = IntervalBounds(build, {begin: ValueRange(begin, build.op("add", begin, build.value(h)))}).of(value)
    program = build.program("bounds", [value, *bounds], ["value", "low", "high"])
    rng = np.random.default_rng(0)
    starts, lengths, inputs = rng.uniform(-9, 9, 300), 10 ** rng.uniform(-6, 1, 300), rng.uniform(0, 5, 300)
    lengths[0] = 0.0
    _, low, high = evaluate(program, [starts, lengths], [inputs], [])
    for part in np.linspace(0, 1, 41):
        inside = evaluate(program, [starts + part * lengths, lengths], [inputs], [])[0]
        margin = 1e-12 * (1 + abs(inside))
        assert (low <= inside + margin).all()
        assert (inside <= high + margin).all()
    assert high[0] - low[0] == pytest.approx(0, abs=1e-12)


BOXES = {
    "floor(X/Y)": ((40, 49), (49, 61)),  # 49 (1/49) < 1
    "floor(49*X/(48 + Y))": ((1, 1), (1, 1)),
    "piecewise(9, X/Y >= 1, 1)": ((30, 49), (49, 61)),
    "piecewise(50, X*(1 + 1/(Y - 5)) < 3, 1)": ((0, 0), (4, 4)),
    "piecewise(50, X*(1 + 1/(Y - 5.5)) < 3, 1)": ((0, 0), (4, 6)),  # 0 times anything
    "piecewise(7, X*(1 + 1/(Y - 5.5)) == 0, 1)": ((0, 0), (4, 6)),
    "piecewise(-log(X - 10), X > 10, 0)": ((7, 11), (0, 0)),
    "X*(60 - X)": ((25, 35), (0, 0)),
    "X*abs(X - Y) + mod(X, Y)": ((43, 55), (7, 11)),
    "97 - Y/X - mod(X, Y)": ((49, 49), (49, 49)),
    "20*Y^4/(Y^4 + X^4 + 50)": ((3, 5), (30, 42)),
    "exp(X*Y/4)/(1 + min(X, Y))": ((43, 55), (43, 55)),
}


@pytest.mark.parametrize("rate", BOXES)
def test_no_propensity_in_a_box_is_above_its_bound(rate):
    """At every number of molecules in the box; a bound that is no finite number shrinks the box."""
    net = sd.ReactionNetwork.from_text(f"0 => X, {rate}; 0 => Y, 1")
    boxes = SpeciesBoxes([], net.states, net.time)
    build = Lowering([("y", [*net.states, *boxes.lows, *boxes.highs])])
    reaction = LoweredPropensity(net.propensities[0], {}, None, {}, {})
    program = build.program("bound", [build.value(reaction.value), boxes.upper(build, reaction)], ["value", "bound"])
    (a, b), (c, d) = BOXES[rate]
    points = np.meshgrid(np.arange(a, b + 1.0), np.arange(c, d + 1.0))
    value, bound = evaluate(program, [*points, *(np.full_like(points[0], end) for end in (a, c, b, d))])
    finite = np.isfinite(bound).all()
    assert (finite and (value <= bound).all()) or (not finite and points[0].size > 1)


PROPENSITIES = [
    *(
        "k*(1 + sin(3*t))",
        "k*X*exp(-t)",
        "X*(X - 1)*piecewise(2 + cos(t), t < v, 1)",
        "X*exp(-X*t/9) + t^2",
        "k*X/(1 + X + t^2)",
    ),
    *("piecewise(t, t < X, X)", "(1 + sin(t))*(2 + cos(2*t))*X + 3 - tanh(t)"),
]


@pytest.mark.parametrize("text", PROPENSITIES)
def test_bounds_in_the_tree_hold_until_the_window_ends(text):
    """Parts in time are bounded when the window begins, the whole at any later time, for other numbers of molecules."""
    net = sd.ReactionNetwork.from_text(f"0 => X, {text}")
    (X,), border = net.states, sp.Symbol("border")
    hoisting = Hoisting(net.parameters, [X, t])
    (reaction,) = hoisted_propensities(net, hoisting)
    bounds = TimeBounds([reaction], [X], t, border)
    rows = hoisting.rows([reaction.value])
    build = Lowering([("lane", []), ("y", [X, t, border, *bounds.lows, *bounds.highs]), ("p", rows)])
    parts = [bounds.window(build, j) for j in range(len(bounds.parts))]
    begin = build.program("window", [*(b.low for b in parts), *(b.high for b in parts)], ["part"] * 2 * len(parts))
    later = build.program("later", [bounds.upper(build, reaction), build.value(reaction.value)], ["bound", "propensity"])
    p = evaluate(hoisting.setup(rows), [], [], [{k: 1.7, v: 2.0}[s] for s in net.parameters])
    rng = np.random.default_rng(0)
    start, length, numbers = rng.uniform(0, 9, 400), 10 ** rng.uniform(-6, 1, 400), rng.integers(0, 12, (9, 400)).astype(float)
    unknown = [np.full(400, np.nan)] * (2 * len(parts))
    window = [np.broadcast_to(x, 400) for x in evaluate(begin, [], [numbers[0], start, start + length, *unknown], p)]
    for part, x in zip(np.linspace(0, 1, 9), numbers, strict=True):
        now = start + part * length
        bound, _ = evaluate(later, [], [x, now, start + length, *window], p)
        for rest in np.linspace(part, 1, 5):
            at = start + rest * length
            assert (evaluate(later, [], [x, at, start + length, *window], p)[1] <= bound * (1 + 1e-12)).all()


def test_a_quantity_without_a_bound_is_named():
    net = sd.ReactionNetwork.from_text("0 -> X, k", {"k": 1.0}).map_expressions(lambda e: sp.gamma(e + sp.Symbol("t")))
    with pytest.raises(sd.CompileError, match="gamma of something that varies in time"):
        sd.compile(net)


def test_what_depends_on_parameters_alone_is_computed_once():
    hoisting = Hoisting([k, v], [x])
    split = hoisting.expression(k * x * (x - 1) / v**2 + sp.Piecewise((sp.exp(k), x > 1), (0, True)))
    rows = hoisting.rows([split])
    assert {s.name for s in rows} == {"k/v**2", "exp(k)"}
    values = evaluate(hoisting.setup(rows), [], [], [3.0, 2.0])
    assert dict(zip((s.name for s in rows), map(float, values), strict=True)) == pytest.approx(
        {"k/v**2": 0.75, "exp(k)": np.exp(3)}
    )


def test_programs_survive_json():
    build = Lowering([("lane", [t]), ("y", [x]), ("p", [k])])
    program = build.program("f", [build.value(k * sp.sin(t) + x), build.constant(float("inf"))], ["a", "b"])
    assert Program.from_json(program.as_json()) == program


def test_times_at_which_conditions_change():
    at_and_after = [(25, False), (sp.Rational(3, 2) - x / 2, True), (7, True), (8, False)]
    assert [c[:2] for c in crossings([sp.And(t >= 25, x > 3), 3 - 2 * t < x, t <= 7, t < 8], t)] == at_and_after
    assert crossings([k * t > x], t) == [(x / k, True, k)]  # just after, if k is positive
    with pytest.raises(sd.CompileError, match="cannot be found; write conditions on time as t >="):
        crossings([t**2 > 3], t)


# ---- the same bits -----------------------------------------------------------------------------

TEXTS = {
    "volume": "0 -> X, a; X -> Y, b; 2 X + Y -> 3 X, c; X -> 0, d",
    "bursts": "G <-> H, a, b; G -> G + geometric(c) X, 9*d; X -> 0, d; 0 -> poisson(b) Y, a; Y => 0, c",
    "time": "0 -> X, 5*a*(1 + sin(3*t)); X -> Y, piecewise(b, t < 1, 2*b); Y => 0, c*Y/(1 + Y) + d*exp(-t)",
    "events": "0 -> X, 9*a; X -> 0, b; Y -> 0, c + d; when t >= 1.25, Y = 5, X = X + Y; when X > 8, X = 2",
}


def _runs(text, backend, lanes):
    net = sd.ReactionNetwork.from_text(text, volume="V")
    kernel = sd.compile(net, lanes=lanes, backend=backend)
    values = {"a": 1.0, "b": 1.5, "c": 0.7, "d": 0.9, "V": 4.0}
    parameters = [[values[p.name] for p in net.parameters]] * 37
    initial = np.random.default_rng(1).integers(0, 9, (37, len(net.states)))
    return kernel(initial, parameters, np.linspace(0, 3, 7), seed=4)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(("backend", "lanes"), [("llvm", 1), ("llvm", 16), ("llvm", 32), ("numba", 1), ("numba", 8)])
def test_lanes_and_backends_make_no_difference(name, backend, lanes):
    first, run = _runs(TEXTS[name], "llvm", 8), _runs(TEXTS[name], backend, lanes)
    assert (first.status == 0).all()
    assert (first.steps > 0).all()
    for mine, other in zip(first, run, strict=True):
        assert mine.tobytes() == other.tobytes()


@pytest.mark.parametrize("lanes", [1, 8])
def test_an_interrupt_leaves_nothing_that_looks_finished(lanes):
    net = sd.ReactionNetwork.from_text("0 -> X, 1; X -> 0, 1")
    kernel, signals = sd.compile(net, lanes=lanes), Signals.new()
    signals.stop[0] = 1
    batch = Batch(np.zeros((9, 1)), np.zeros((9, 0)), np.array([0.0, 1.0]), np.arange(9))
    run = kernel.launch(kernel.empty(9, 2), batch, Options(), signals=signals)
    assert (run.status == INTERRUPTED).all()
    assert np.isnan(run.values[:, -1]).all()
    assert signals.done[0] == 0


# ---- what is shown, and large networks ------------------------------------------------------------


def test_a_kernel_shows_the_event():
    source = sd.compile(sd.ReactionNetwork.from_text("X + Y -> Z, k/V; Z -> 0, d")).source
    assert "def event_at(" in source
    assert "X + Y -> Z, k/V" in source
    ast.parse(source)


def _chain(n):
    lines = [f"S{i} -> S{i + 1}, k*{i + 1}" for i in range(n - 1)]
    return sd.ReactionNetwork.from_text("\n".join([*lines, f"S{n - 1} + S0 => S0, k*S{n - 1}*(S0 + S5)"]))


def test_a_large_network_knows_what_reads_a_species():
    net = _chain(LARGE + 2)
    facts = fire_module(net).facts
    rows = [facts["dependents"][a:b] for a, b in itertools.pairwise(facts["starts"])]
    assert len(rows) == len(net.states) + 1
    for species, found in zip(net.states, rows, strict=False):
        assert found == [j for j, a in enumerate(net.propensities) if species in a.free_symbols]


def test_a_large_network_knows_what_its_window_its_reactions_and_its_completions_change():
    net = _chain(LARGER + 2)
    S = net.states
    rates = [r * (1 + sp.sin(t)) if j % 7 == 0 else r for j, r in enumerate(net.rates)]
    net = net.replace(rates=rates)
    late = [replace(net.reactions[5], delay=1), replace(net.reactions[8], delay=2, consuming=False)]
    net = net.replace(reactions=[*net.reactions[:5], late[0], *net.reactions[6:8], late[1], *net.reactions[9:]])
    facts, count = fire_module(net).facts, len(net.reactions)
    timed = facts["dependents"][facts["starts"][-2] :]
    assert timed == list(range(0, count, 7))
    rows = [facts["changed"][a:b] for a, b in itertools.pairwise(facts["changes"])]
    assert len(rows) == count + 2
    for changed, found in (({4, 5}, rows[4]), ({5}, rows[5]), ({6}, rows[-2]), (set(), rows[8]), ({8, 9}, rows[-1])):
        assert set(found) == changed
    read = {S.index(s) for j in timed for s in net.propensities[j].free_symbols & set(S)}
    assert {k for k, exact in enumerate(facts["exact"]) if exact} == read


def test_reactions_of_mass_action_are_data():
    """k X (X - 1) / 2 of 2 X -> Y, where nothing else follows; any other rate, burst or watched species has a function."""
    others = "".join(f"; 0 -> Z{k}, 1" for k in range(LARGE))
    net = sd.ReactionNetwork.from_text(f"2 X -> Y, k; 0 => Y, k/(1 + X); 0 -> geometric(k) W, k; V -> 0, k{others}")
    facts = fire_module(net, sp.Symbol("V") > 3).facts
    place = {s.name: i for i, s in enumerate(net.states)}
    assert facts["data"][:5] == [1, place["X"], 0, place["X"], 1]
    assert facts["data"][7:11] == [place["X"], -2, place["Y"], 1]
    assert facts["data"][::15][:5] == [1, 0, 0, 0, 1]


def test_sums_are_those_of_all_bounds_whatever_happens():
    """At every step the total is that of all propensities at the upper ends of the boxes, of which any may be in a group."""
    lines = [f"H + S{i} <-> C{i}, 0.3, {1 + i % 3}" for i in range(40)]
    lines += [f"G + 2 C{i} -> H + G + S{i} + C{i}, 1/{9 + i}" for i in range(33)]
    lines += [f"H + S{i} -> C{i}, 0.1" for i in range(40)]
    lines += [
        "0 -> H, 9",
        "H + G -> G, 0.1",
        "S0 + S1 -> C0 + C1, 0.2",
        "2 S2 -> 2 C2, 0.1",
        "C3 -> 2 C3, 2",
        "0 <-> G, 1, 0.2",
    ]
    net = sd.ReactionNetwork.from_text("\n".join(lines))
    assert [(str(g.hub), g.last - g.first) for g in hubs(net).groups] == [("H", 81), ("G", 34)]
    scope = {}
    exec(sd.compile(net, target="cuda").source.replace("@device\n", ""), scope)  # what runs on a card, as plain Python
    n, rng, none = len(net.states), np.random.default_rng(1), np.zeros((0, 1))
    memory, tree, inner = np.zeros(3 * n), np.zeros(scope["NODES"]), np.zeros(scope["INNER"])
    memory[:n] = [{"H": 9, "G": 5}.get(s.name, 12) for s in net.states]
    total, moved = sp.lambdify([net.states], sum(net.propensities)), 0
    scope["build"](memory, tree, inner, none, 0)
    for _ in range(300):
        now = np.array([scope["propensity"](j, 0, 0, memory, none, 0) for j in range(len(net.reactions))])
        assert now.sum() == pytest.approx(total(memory[:n]), rel=1e-12)
        before = memory[n:].copy()
        scope["react"](rng.choice(now.size, p=now / now.sum()), memory, tree, inner, none, 0)
        moved += (memory[n:] != before).any()
        assert tree[1] == pytest.approx(total(memory[2 * n :]), rel=1e-12)
        assert (memory[:n] <= memory[2 * n :]).all()
    assert moved > 30


def test_a_rate_that_rounding_decides_is_exact_in_a_large_network():
    """The rate is 1 at X = Y = 1, where 49 (1/49) < 1: exp(-1) of the molecules are left at 1, of 4,000 within 4 deviations."""
    idle = "".join("; Z -> 0, 1" for _ in range(LARGE))
    net = sd.ReactionNetwork.from_text(f"X => 0, floor(49*X/(48 + Y)){idle}; 0 => Y, 0*Y; X(0) = 1; Y(0) = 1; Z(0) = 0")
    run = sd.simulate(net, [0, 1], trajectories=4000, seed=1, progress=False)
    assert float(run.X.isel(time=-1).mean()) == pytest.approx(np.exp(-1), abs=4 * 0.482 / 4000**0.5)


def test_a_card_refuses_what_it_would_drop():
    net = _chain(LARGER + 2)
    eventful = net.replace(events=[Event(net.states[0] > 9, {net.states[0]: 0})])
    with pytest.raises(
        sd.CompileError, match=r"at known times alone, without delays and priorities, unlike \(when S0 > 9, S0 = 0\)"
    ):
        large_jump_device(eventful, fire_module(eventful))
    with pytest.raises(sd.CompileError, match="conditions on their states alone, without t: use target='cpu'"):
        large_jump_device(net, fire_module(net, t >= 3))
    with pytest.raises(sd.CompileError, match="inline=True is for networks whose event is one program; the 194 reac"):
        sd.compile(net, inline=True)


def test_a_large_network_has_one_backend():
    net = _chain(LARGE + 2)
    with pytest.raises(sd.CompileError, match="as LLVM IR alone; use backend='llvm'"):
        sd.compile(net, backend="numba")
    assert "define internal void @candidate129(" in sd.compile(net).source


@pytest.mark.parametrize("further", [0, 200])
def test_events_that_trigger_each_other_without_end_fail(further):
    """At the first jump to 0 each of the two turns the condition of the other again; in the tree, too."""
    idle = "".join(f"; 0 -> Y{k}, 0" for k in range(further))
    net = sd.ReactionNetwork.from_text(f"0 <-> X, 1, 1{idle}; X(0) = 1; when X > 0, X = 0; when X <= 0, X = 1")
    initial = {f"Y{k}": 0 for k in range(further)}
    run = sd.simulate(net, [0, 100], initial=initial, seed=1, on_failure="nan", progress=False)
    assert int(run.status) != 0
    assert np.isnan(run.X.values[1])
