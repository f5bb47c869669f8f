"""Frames of an explorer against exact solutions, and what it refuses."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.explorer import Explorer


def run(code):
    """What the lines of a bookmark compute."""
    names = {}
    exec(code, names)
    return names["data"]


def test_a_curve_is_the_solution(decay):
    frame = Explorer(decay, stop=3, points=7).frame(parameters={"k": 0.7}, initial={"x": 2.0})
    assert frame["times"] == [0, 0.5, 1, 1.5, 2, 2.5, 3]
    np.testing.assert_allclose(frame["curves"]["x"], [2 * math.exp(-0.7 * t) for t in frame["times"]], rtol=1e-5)
    assert frame["message"] == ""


@pytest.mark.parametrize("end", [2000.0, -3.25])
def test_times_begin_where_a_history_ends(end):
    late = sd.ODESystem.from_text(f"x' = -x(t - 1); x({end - 1} <= t <= {end}) = 1")
    frame = Explorer(late, stop=end + 2, points=5).frame()
    assert frame["times"] == [end, end + 0.5, end + 1, end + 1.5, end + 2]
    np.testing.assert_allclose(frame["curves"]["x"], [1, 0.5, 0, -0.375, -0.5], atol=1e-5)
    assert run(frame["code"]).x.values.tolist() == frame["curves"]["x"]
    explorer = sd.explore(late).explorer
    assert explorer.frame()["times"][-1] == end + 20
    (clock,) = (c for c in explorer.controls if c.kind == "time")
    assert (clock.low, clock.value, clock.high, clock.logarithmic) == (end + 2, end + 20, end + 200, False)
    with pytest.raises(DeclarationError, match=f"expected a time after {end}, where the history ends"):
        explorer.frame(stop=end)


def test_a_map_has_every_step():
    doubling = sd.DiscreteSystem.from_text("n[t+1] = r*n; r = 2; n(0) = 1")
    explorer = Explorer(doubling, stop=5)
    assert explorer.frame()["curves"]["n"] == [1, 2, 4, 8, 16, 32]
    assert (run(explorer.frame(parameters={"r": 3.0})["code"]).n.values == 3.0 ** np.arange(6)).all()
    with pytest.raises(DeclarationError, match="points"):
        Explorer(doubling, points=5)
    with pytest.raises(DeclarationError, match="whole number of steps"):
        explorer.frame(stop=2.5)


def test_an_ensemble_has_the_moments_of_theory(birth):
    # from X = 0 the number is Poisson with the mean (k/g)*(1 - exp(-g*t))
    frame = Explorer(birth, stop=3, trajectories=4000).frame(parameters={"k": 30.0})
    mean = 30 * (1 - math.exp(-3))
    bars = frame["histograms"]["X"]
    middles = (np.array(bars["edges"])[1:] + np.array(bars["edges"])[:-1]) / 2
    assert sum(bars["counts"]) == 4000
    if np.diff(bars["edges"])[0] == 1:
        assert (middles == np.round(middles)).all()
    assert np.average(middles, weights=bars["counts"]) == pytest.approx(mean, abs=4 * math.sqrt(mean / 4000) + 0.5)
    low, _, median, _, high = (row[-1] for row in frame["bands"]["X"])
    assert abs(median - mean) <= 1
    # quantiles of the Poisson distribution by its sum
    cumulated = np.cumsum([math.exp(-mean + n * math.log(mean) - math.lgamma(n + 1)) for n in range(100)])
    assert abs(low - np.searchsorted(cumulated, 0.05)) <= 1
    assert abs(high - np.searchsorted(cumulated, 0.95)) <= 1


def test_noise_of_an_sde():
    # Ornstein and Uhlenbeck: the variance at rest is s^2 / (2 k)
    system = sd.SDESystem.from_text("dx = -k*x*dt + s*dW; k = 1; s = 1; x(0) = 0")
    frame = Explorer(system, stop=8, points=9, trajectories=4000).frame(parameters={"s": 2.0})
    assert frame["bands"]["x"][3][-1] - frame["bands"]["x"][1][-1] == pytest.approx(2 * 0.6745 * math.sqrt(2), rel=0.1)
    assert "interpretation" in frame["code"]


def test_the_plane_of_predators(predators):
    frame = Explorer(predators, stop=40).frame(parameters={"a": 0.6}, plane=["x", "y"])
    rests = frame["plane"]["rests"]
    assert [r["kind"] for r in rests] == ["saddle", "center of the linearisation"]
    np.testing.assert_allclose([r["point"] for r in rests], [[0, 0], [0.8 / 0.03, 0.6 / 0.03]], atol=1e-9)
    across = {name: [np.array(line) for line in lines] for name, lines in frame["plane"]["nullclines"].items()}
    for x, y in across["x"]:  # x = 0 or y = a/b
        assert np.minimum(np.abs(x), np.abs(y - 20)).max() < 1e-6
    # a*ln(y) - b*y - c*x + d*ln(x) is conserved
    x, y = (np.array(frame["curves"][n]) for n in "xy")
    kept = 0.6 * np.log(y) - 0.03 * y - 0.03 * x + 0.8 * np.log(x)
    assert np.ptp(kept) < 1e-4


def test_all_steady_states_on_request():
    # x1' = a - x1, x2' = x1 - x2, x3' = x2 - x3^2 rests at (a, a, +-sqrt(a))
    system = sd.ODESystem.from_text("u' = a - u; v' = u - v; w' = v - w**2; a = 4; u(0) = 1; v(0) = 1; w(0) = 1")
    explorer = Explorer(system)
    assert explorer.description()["rests"] == "asked"
    assert "rests" not in explorer.frame(plane=["u", "w"])
    found = explorer.frame(rest=True)["rests"]
    assert found["complete"]
    assert sorted((r["point"], r["stable"]) for r in found["rests"]) == [([4, 4, -2], False), ([4, 4, 2], True)]
    assert "steady states are those" in Explorer(sd.SDESystem.example()).answer({"rest": True})["message"]


@pytest.mark.parametrize("volume", [None, "V"])
def test_a_bookmark_gives_the_very_numbers(volume):
    text = "0 -> X, k\n2 X -> 0, q\nk = 5; q = 0.1; X(0) = 3" + ("; V = 2" if volume else "")
    net = sd.ReactionNetwork.from_text(text, volume=volume or 1, combinatoric=True)
    frame = Explorer(net, stop=4, points=21, trajectories=30, seed=5).frame(parameters={"k": 7.125}, initial={"X": 4.0})
    data = run(frame["code"])
    assert data.X.transpose("trajectory", "time").values[:3].tolist() == frame["paths"]["X"]
    assert np.quantile(data.X.values, (0.05, 0.25, 0.5, 0.75, 0.95), axis=0).tolist() == frame["bands"]["X"]
    assert (data.X.isel(time=0) == 4).all()


def test_a_bookmark_of_a_flow_with_events_and_another_time():
    system = sd.ODESystem.from_text("x' = -k*x; k = 0.1; x(0) = 1", time="s")
    frame = Explorer(system).frame(parameters={"k": 1 / 3}, stop=1.1)
    assert run(frame["code"]).x.values.tolist() == frame["curves"]["x"]
    assert "time='s'" in frame["code"]


def test_a_failure_is_a_message_and_no_number():
    blow_up = sd.ODESystem.from_text("x' = x**2; x(0) = 1")  # infinite at t = 1
    frame = Explorer(blow_up, stop=2, points=5).answer({})
    assert "failed" in frame["message"]
    assert frame["curves"]["x"][:2] == pytest.approx([1, 2], rel=1e-4)
    assert frame["curves"]["x"][-1] is None
    again = run(frame["code"]).x.values
    assert np.isnan(again[-1])
    assert again[:2].tolist() == frame["curves"]["x"][:2]
    json.dumps(frame, allow_nan=False)


def test_trajectories_that_fail_are_counted_out():
    net = sd.SDESystem.from_text("dx = x**3*dt + s*dW; s = 1; x(0) = 0")
    frame = Explorer(net, stop=6, points=7, trajectories=40).answer({})
    assert "of 40 trajectories failed" in frame["message"]
    json.dumps(frame, allow_nan=False)


def test_initial_values_that_follow_parameters_have_no_slider():
    system = sd.ODESystem.from_text("x' = -x; y' = -y; k = 2; x(0) = 3*k; y(0) = 1")
    explorer = Explorer(system, stop=1)
    assert [(c.kind, c.name) for c in explorer.controls] == [("parameter", "k"), ("initial", "y"), ("time", "t")]
    assert explorer.frame(parameters={"k": 5.0})["curves"]["x"][0] == 15
    assert run(explorer.frame(parameters={"k": 5.0})["code"]).x.values[0] == 15


def test_ranges_of_sliders(decay, birth):
    k = Explorer(decay).controls[0]
    assert (k.low, k.high, k.logarithmic) == (0.1, 10, True)
    assert Explorer(decay, ranges={"k": (0, 3)}).controls[0].logarithmic is False
    assert next(c for c in Explorer(birth).controls if c.kind == "initial").whole
    for ranges in ({"q": (0, 1)}, {"k": 3}, {"k": (1, 1)}, {"k": (0, math.inf)}, [1]):
        with pytest.raises(DeclarationError, match=r"'q'|range"):
            Explorer(decay, ranges=ranges)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Explorer("x' = -x"), "expected a system"),
        (lambda: Explorer(sd.PDESystem.from_text("u' = laplacian(u)", domain=(0, 1), boundary=sd.Dirichlet(0))), "PDESystem"),
        (lambda: Explorer(sd.Automaton.example()), "Automaton"),
        (lambda: Explorer(sd.ODESystem.from_text("x' = -f(x); x(0) = 1")), "unknown term"),
        (lambda: Explorer(sd.ODESystem.from_text("x' = -k*x; x(0) = 1")), "no value for the parameter k"),
        (lambda: Explorer(sd.ODESystem.from_text("x' = -x")), "no initial value for x"),
        (lambda: Explorer(sd.ODESystem.from_text("x' = -x; x(0) = 1"), seed=1), "seed"),
        (lambda: Explorer(sd.ODESystem.from_text("x' = -x; x(0) = 1"), trajectories=10), "trajectories"),
        (lambda: Explorer(sd.ODESystem.from_text("x' = -x; x(0) = 1"), points=10**9), "at most"),
        (lambda: Explorer(sd.ODESystem.from_text("x' = -x; x(0) = 1"), stop=-1), "stop"),
    ],
)  # fmt: skip
def test_what_cannot_be_explored_is_refused(make, message):
    with pytest.raises(DeclarationError, match=message):
        make()


@pytest.mark.parametrize(
    "request_",
    [
        3, [], {"x": 1}, {"parameters": {"q": 1}}, {"parameters": {"k": "2"}}, {"parameters": {"k": True}}, {"stop": 0},
        {"parameters": {"k": float("nan")}}, {"parameters": {"k": 10**400}}, {"initial": [1]}, {"shown": ["z"]}, {"stop": None},
        {"plane": ["x"]}, {"plane": ["x", "z"]}, {"shown": "x"}, {"rest": 1}, {"stop": -5}, {"parameters": {"x": 1}},
    ],
)  # fmt: skip
def test_requests_that_do_not_fit_are_answered_by_a_message(decay, request_):
    answer = Explorer(decay).answer(request_)
    assert list(answer) == ["message"]
    assert answer["message"]


def test_the_same_values_give_the_same_frame(birth):
    explorer = Explorer(birth, stop=2, trajectories=20)
    first = explorer.frame(parameters={"k": 11.0})
    explorer.frame(parameters={"k": 3.0})
    assert explorer.frame(parameters={"k": 11.0}) == first
    assert Explorer(birth, stop=2, trajectories=20, seed=1).frame(parameters={"k": 11.0})["paths"] != first["paths"]


def test_systems_without_a_text_say_so():
    for system in (sd.MatrixModel.example(), sd.ReactionNetwork.from_text("0 -> X, 2; X -> 0, 1; X(0) = 0").moments(2)):
        frame = Explorer(system, initial=dict.fromkeys(system.states, 1)).frame()
        assert "has no text" in frame["code"]
        assert frame["message"] == ""


def test_rates_beyond_doubles_and_curves_of_steady_states():
    huge = sd.ODESystem.from_text("x' = k*x; y' = x; k = 30; x(0) = 1e200; y(0) = 2")
    json.dumps(Explorer(huge).answer({"plane": ["x", "y"]}), allow_nan=False)
    answer = Explorer(huge).answer({"plane": ["x", "y"], "initial": {"x": -1.7e308, "y": 1.7e308}})
    assert "beyond" in json.loads(json.dumps(answer, allow_nan=False))["plane"]["note"]
    lines = sd.ODESystem.from_text("x' = x*(1 - x - y); y' = x*(1 - x - y); x(0) = 0.2; y(0) = 0.5")
    assert "fill curves" in Explorer(lines).answer({"plane": ["x", "y"]})["plane"]["note"]
