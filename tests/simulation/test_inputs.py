"""Inputs over time against areas, closed forms and quadrature."""

from __future__ import annotations

import pickle
import tracemalloc
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import sympy as sp
import xarray as xr
from scipy.integrate import quad
from scipy.interpolate import CubicHermiteSpline

import symdyn as sd
from symdyn.codegen.input_paths import coefficient_rows, input_values
from symdyn.errors import CompileError
from symdyn.paths import Curve

t, x, y, k = sp.symbols("t x y k")
TIGHT = {"rtol": 1e-11, "atol": 1e-13, "progress": False}
QUICK = {"progress": False}
TIMES = np.array([0, 0.3, 0.5, 1.1, 2.0, 2.2, 3.7, 4.0])
VALUES = np.array([1.0, -2.0, 0.5, 3.0, 3.0, -1.0, 0.0, 2.0])


def course(kind):
    """The path by other means."""
    if kind == "hold":
        return lambda s: VALUES[np.clip(np.searchsorted(TIMES, s, "right") - 1, 0, len(VALUES) - 2)]
    if kind == "linear":
        return lambda s: np.interp(s, TIMES, VALUES)
    slopes = np.diff(VALUES) / np.diff(TIMES)
    return CubicHermiteSpline(TIMES, VALUES, np.concatenate([slopes[:1], slopes]))


@pytest.mark.parametrize("method", ["dop853", "rodas5p", "taylor"])
@pytest.mark.parametrize("kind", ["hold", "linear", "cubic"])
def test_a_driven_decay_is_its_convolution_with_the_input(kind, method):
    u, path = sd.Path("u", TIMES, VALUES, kind), course(kind)
    driven = sd.ODESystem({x: u - k * x}, {k: 0.7}, initial={x: 2}, observables={"doubled": 2 * u(t)})
    outputs = np.linspace(0, 3.9, 14)
    data = sd.simulate(driven, outputs, method=method, **TIGHT)
    for at, value in zip(outputs, data.x.values, strict=True):
        ends = [*TIMES[at > TIMES], at]
        area = sum(quad(lambda s, at=at: path(s) * np.exp(-0.7 * (at - s)), a, b, epsabs=1e-13)[0] for a, b in pairwise(ends))
        assert value == pytest.approx(2 * np.exp(-0.7 * at) + area, abs=1e-8)
    np.testing.assert_allclose(data.doubled, 2 * np.array([path(s) for s in outputs]), atol=1e-12)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_the_slope_of_an_input_integrates_to_it(kind):
    u = sd.Path("u", TIMES, VALUES, kind)
    controlled = sd.ODESystem({x: u(t).diff(t), y: x * u.diff(t)}, initial={x: 1, y: 0.5})
    data = sd.simulate(controlled, TIMES, **TIGHT)
    np.testing.assert_allclose(data.x, VALUES, atol=1e-9)
    np.testing.assert_allclose(data.y, VALUES**2 / 2, atol=1e-9)  # the chain rule


@pytest.mark.parametrize("kind", ["hold", "linear"])
def test_steps_go_on_over_knots_at_which_rates_bend(kind):
    """A slow decay driven by a path of 60 pieces takes a step for each of them, and few more, where it began anew at each."""
    times = np.linspace(0, 6, 61)
    values = np.random.default_rng(0).normal(size=61)
    u = sd.Path("u", times, values, kind)
    rate = u if kind == "hold" else u.diff(t)
    data = sd.simulate(sd.ODESystem({x: rate - x / 2}, initial={x: 1}), [0, 6], rtol=1e-6, atol=1e-8, progress=False)
    fall, levels = np.exp(-0.05), values[:-1] if kind == "hold" else np.diff(values) / 0.1
    exact = 1.0
    for level in levels:
        exact = exact * fall + 2 * level * (1 - fall)
    assert float(data.x[-1]) == pytest.approx(exact, rel=1e-5, abs=1e-6)
    assert 60 <= int(data.steps) <= 80


def test_a_list_of_paths_is_a_sweep_beside_others():
    u = sd.Path("u", [0, 10], [1, 1])
    other = sd.Path("other", [0, 5, 10], [0, 0, 5])
    driven = sd.ODESystem({x: u - k * x}, initial={x: 0})
    data = sd.simulate(driven, [0, 10], inputs={"u": [u, other]}, parameters={k: [0, 1]}, trajectories=2, **TIGHT)
    assert data.x.dims == ("u", "k", "trajectory", "time")
    ramp = 5 - 1 + np.exp(-5)  # x' = s - x from 0 up to s = 5
    np.testing.assert_allclose(data.x[:, :, 1, -1], [[10, 1 - np.exp(-10)], [12.5, ramp]], rtol=1e-9)
    given = {"inputs": {u: [u, other]}, "parameters": {k: [0, 1]}, **TIGHT}
    for lanes in (1, 8):
        again = sd.simulate(driven, [0, 10], layout=sd.Layout(lanes=lanes), **given)
        np.testing.assert_array_equal(again.x, data.x[:, :, 0])
    series = [sd.simulate(driven, [0, 10], method="taylor", layout=sd.Layout(lanes=lanes), **given).x for lanes in (1, 8)]
    np.testing.assert_array_equal(*series)
    np.testing.assert_allclose(series[0], data.x[:, :, 0], rtol=1e-9)


def test_an_input_and_events_share_their_times():
    u = sd.Path("u", [0, 1, 2, 4], [1, 3, 0, 0], "hold")
    filled = sd.ODESystem(
        {x: u, y: 0}, initial={x: 0, y: 0}, events=[sd.Event(x >= 3, {x: 0, y: y + u}), sd.dose(x, 10, start=2)]
    )
    data = sd.simulate(filled, [0, 1, 1.5, 2, 3], **TIGHT)
    # 1 at t = 1, 3 at t = 5/3 (then 0), 1 at t = 2, and 10 more, which is above 3 again
    np.testing.assert_allclose(data.x, [0, 1, 2.5, 0, 0], atol=1e-9)
    np.testing.assert_allclose(data.y, [0, 0, 0, 3, 3], atol=1e-9)
    assert data.fired.values.tolist() == [2, 1]


jumping = sd.Path("u", [0, 5, 8, 10], [0, 1, 0, 0], "hold")


NETWORKS = ("ssa", "tau", "hybrid")


def driven(kind, condition):
    """A state that only one event changes."""
    event = sd.Event(condition, {x: x + 100})
    if kind == "map":
        return sd.DiscreteSystem({x: x}, initial={x: 3}, events=event)
    if kind == "sde":
        return sd.SDESystem({x: 0}, {x: k}, {k: 0}, initial={x: 3}, events=event)
    if kind in NETWORKS:
        return sd.ReactionNetwork([sd.Reaction({}, {x: 1}, 0)], initial={x: 3}, events=event)
    return sd.ODESystem({x: 0}, initial={x: 3}, events=event)


@pytest.mark.parametrize("kind", ["ode", "taylor", "sde", "map", *NETWORKS])
@pytest.mark.parametrize(
    ("condition", "at"),
    [
        (jumping > sp.Rational(1, 2), 5),
        (x * jumping > 1, 5),
        (t >= sd.Path("u", [0, 5, 10], [7, 2, 2], "hold"), 5),
        (sd.Path("u", [0, 4, 10], [0, 4, 16]).diff(t) > sp.Rational(3, 2), 4),
    ],
)
def test_an_input_that_jumps_turns_conditions_at_its_knot(kind, condition, at):
    """The event acts at the knot, not at the next time that is known, nor never."""
    options = {"method": kind} if kind in (*NETWORKS, "taylor") else {}
    options |= {"seed": 1} if kind in (*NETWORKS, "sde") else {}
    data = sd.simulate(driven(kind, condition), np.arange(11), **options, **QUICK)
    assert data.fired.item() == 1
    assert data.fired_at[0, 0].item() == at
    assert data.x.values.tolist() == [3.0] * at + [103.0] * (11 - at)


@pytest.mark.parametrize("kind", ["ode", "sde", "map"])
@pytest.mark.parametrize(("begin", "passage"), [(0, 5), (6, 6)])
def test_conditions_on_inputs_end_trajectories(kind, begin, passage):
    system = {
        "ode": sd.ODESystem({x: jumping}, initial={x: 3}),
        "sde": sd.SDESystem({x: jumping}, {x: k}, {k: 0}, initial={x: 3}),
        "map": sd.DiscreteSystem({x: x + jumping}, initial={x: 3}),
    }[kind]
    seed = {"seed": 1} if kind == "sde" else {}
    data = sd.simulate(system, np.arange(begin, 11), until=x * jumping > 1, **seed, **QUICK)
    assert data.first_passage.item() == pytest.approx(passage, rel=1e-12)
    assert data.x[-1].item() == pytest.approx(3, rel=1e-9)


@pytest.mark.parametrize("method", ["tau", "tau-implicit", "hybrid"])
@pytest.mark.parametrize("kind", ["hold", "linear"])
def test_immigration_at_a_measured_rate(kind, method):
    """What is left of the first is binomial, what came is Poisson; where all flow they are the mean."""
    u = sd.Path("u", [0, 1, 2.5, 4], [4e4, 1e4, 9e4, 0], kind)
    net = sd.ReactionNetwork([sd.Reaction({}, {x: 1}, k * u), sd.Reaction({x: 1}, {}, 1)])
    times, exact = np.array([0, 0.5, 1, 2, 2.5, 4]), sd.ODESystem({x: k * u - x})
    for size, first in ((1.0, 5000), (1e-3, 0)):
        given = {"parameters": {k: size}, "initial": {x: first}}
        mean = sd.simulate(exact, times, **given, **TIGHT).x.values[1:]
        data = sd.simulate(net, times, trajectories=400, seed=3, method=method, **given, **QUICK).x[:, 1:]
        bias = 2e-3 if first else 0  # of leaps
        assert (np.abs(data.mean("trajectory") - mean) < 4.5 * np.sqrt(mean / 400) + bias * mean).all()
        if method == "hybrid" and first:
            np.testing.assert_allclose(data, np.broadcast_to(mean, data.shape), rtol=1e-4)
        else:  # 4.5 sqrt(2/400) and the bias
            np.testing.assert_allclose(data.var("trajectory"), mean - first * np.exp(-2 * times[1:]), rtol=0.33)


def test_schedules_of_inputs_are_refused():
    with pytest.raises(CompileError, match="depend on states, inputs or time"):
        sd.simulate(sd.ODESystem({x: 0}, initial={x: 3}, events=sd.dose(x, 1, start=jumping)), [0, 10], **QUICK)


def test_what_is_missing_is_left_out_and_tables_are_read():
    full, gaps = sd.Path("u", [0, 2, 3], [1, 5, 0]), sd.Path("u", [0, 1, 2, 3], [1, np.nan, 5, 0])
    assert full == gaps
    assert sd.Path("u", pd.Series([1, 5, 0], index=[0, 2, 3])) == full
    assert sd.Path("u", xr.DataArray([1, 5, 0], dims="time", coords={"time": [0, 2, 3]})) == full
    assert pickle.loads(pickle.dumps(full * x + full.diff(t))) == full * x + full.diff(t)
    assert full != sd.Path("u", [0, 2, 3], [1, 5, 0.1])


def test_stores_know_the_values_of_inputs(tmp_path):
    u = sd.Path("u", [0, 10], [1, 2])
    driven = sd.ODESystem({x: u - k * x}, initial={x: 0})
    run = {"t": [0, 5, 10], "parameters": {k: [0, 1, 2]}, "layout": sd.Layout(chunk=1), "progress": False}
    stored = sd.simulate(driven, store=tmp_path / "run", **run).load()
    xr.testing.assert_identical(sd.simulate(driven, **run), stored)
    with pytest.raises(sd.SymdynError, match="begun"):
        sd.simulate(driven, store=tmp_path / "run", inputs={u: sd.Path("u", [0, 10], [1, 3])}, **run)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda u, s: sd.simulate(s, [0, 30], progress=False), "known from 0 to 10, and the simulation goes from 0 to 30"),
        (lambda u, s: sd.simulate(s, [0, 10.0000001]), "goes from 0 to 10.0000001"),
        (lambda u, s: sd.simulate(s, [0, 3], parameters={"u": 2}), "is an input over time, not a number"),
        (lambda u, s: sd.simulate(s, [0, 3], inputs={"w": u}), "is not a input"),
        (lambda u, s: sd.simulate(s, [0, 3], inputs={"u": 3}), "expected a Path"),
        (lambda u, s: s.with_inputs({u: [u, sd.Path("v", [0, 1], [0, 1], "hold")]}), "kinds hold, linear"),
        (lambda u, s: sd.analysis.steady_states(s), "this one has inputs over time"),
        (lambda u, s: sd.compile(sd.BranchingSystem([x], [[0]], [[u]])), "no method for BranchingSystem follows"),
        (lambda u, s: u(t - 1), "at another time"),
        (lambda u, s: sd.Path("w", [0, 1], [0, 1], "hold").diff(t), "jumps at its knots: it has no slope"),
        (
            lambda u, s: sd.ODESystem({x: u.diff(t)}).with_inputs({u: sd.Path("w", [0, 1], [0, 1], "hold")}),
            "jumps at its knots: it has no slope",
        ),
        (lambda u, s: sd.Path("u", [0, 1], [0, 1], "quadratic"), "known: hold, linear, cubic"),
        (lambda u, s: sd.Path("u", [0, 0], [0, 1]), "times that increase strictly"),
        (lambda u, s: sd.Path("u", [0, 1], [0, np.nan]), "two finite values"),
        (lambda u, s: sd.Path("u", [0, 1], [0, 1, 2]), "of shape"),
        (lambda u, s: sd.Path("u", [0, 1, 2], [1e308, -1e308, 1e308]), "u has values so large, or knots so near"),
        (lambda u, s: sd.Path("u", [0, 1, 2], [1e308, -1e308, 1e308], "spline"), "u has values so large, or knots so near"),
        (lambda u, s: sd.Path("u", [0, 1e-200, 1], [0, 1, 2], "cubic"), "u has values so large, or knots so near"),
        (lambda u, s: sd.Path("u", [0, 1]), "no values"),
        (lambda u, s: sd.Path("u", [0, "x"], [0, 1]), "no numbers"),
        (lambda u, s: sd.Path("u", np.array(["2020-01-01", "2020-01-03"], "datetime64[D]"), [0, 1]), "has dates for times"),
    ],
)
def test_what_is_no_input_is_named(act, message):
    u = sd.Path("u", [0, 10], [1, 1])
    with pytest.raises(sd.SymdynError, match=message):
        act(u, sd.ODESystem({x: u - x}, initial={x: 0}))


def test_a_part_of_an_ensemble_takes_the_memory_and_the_courses_of_its_own(monkeypatch):
    """2,000 trajectories along one path of 5,000 knots need no copy of it each, 80 MB, and no values of other courses."""
    u = sd.Path("u", np.arange(5000), np.arange(5000) % 7)
    system = sd.ODESystem({x: u - x}, initial={x: 0}).with_inputs({u: [u, sd.Path("u", [0, 9000], [1, 1]), u]})
    parameters = np.full((2000, 1), 2.0)
    tracemalloc.start()
    rows = coefficient_rows(system, parameters, np.array([7.5, 4000]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(rows, np.broadcast_to([2.0, 7, 0, 1], rows.shape))
    assert peak < 2e6
    asked = []
    monkeypatch.setattr(Curve, "__call__", lambda curve, times, *, slope=False: asked.append(curve) or times)
    assert input_values(system, parameters, np.arange(3.0))[0].shape == (2000, 3)
    assert set(asked) == {system.inputs[0].curves[2]}
    assert input_values(system, parameters[:0], np.arange(3.0))[0].shape == (0, 3)


def test_an_input_far_from_time_zero():
    """Nothing but the input depends on time, and the span is short against the first time."""
    u = sd.Path("u", [100, 101], [3, 3])
    data = sd.simulate(sd.ODESystem({"x": u}), [100, 101], initial={"x": 0}, progress=False)
    assert np.allclose(data.x, [0, 3])


def test_a_rectilinear_path_is_held():
    x = sp.Symbol("x")
    held, rectilinear = (sd.Path("u", [0, 1, 3], [2, 5, 1], kind) for kind in ("hold", "rectilinear"))
    found = sd.simulate(sd.ODESystem({x: rectilinear}, initial={x: 0}), [0, 1, 3], progress=False)
    np.testing.assert_allclose(found.x, [0, 2, 12], rtol=1e-9)
    assert rectilinear == held
    with pytest.raises(sd.DeclarationError, match="slope"):
        rectilinear.diff(sp.Symbol("t"))


@pytest.mark.parametrize(
    ("condition", "times"),
    [
        ("u > 4", [0.4, 2.8]),  # u rises to 10 at 1, falls to 0 at 2, and rises to 5 at 3
        ("2*u <= 8", [1.6]),
        ("X > u", [1.7]),
        ("u - t >= 1", [1 / 9, 2.75]),
        ("u > 4 and t > 2", [2.8]),
    ],
)
def test_networks_look_at_conditions_on_inputs_that_vary(condition, times):
    X, Y, u, t = sp.Symbol("X"), sp.Symbol("Y"), sd.Path("u", [0, 1, 2, 3], [0, 10, 0, 5]), sp.Symbol("t")
    trigger = {"u > 4": u > 4, "2*u <= 8": 2 * u <= 8, "X > u": u < X, "u - t >= 1": u - t >= 1}.get(condition)
    event = sd.Event(sp.And(u > 4, t > 2) if trigger is None else trigger, {Y: Y + 1})
    still = sd.ReactionNetwork([({}, {Y: 1}, 0), ({X: 1}, {}, 0)], initial={X: 3, Y: 0}, events=event)
    for method in ("ssa", "tau"):
        data = sd.simulate(still, [0, 3], method=method, seed=1, progress=False)
        np.testing.assert_allclose(data.fired_at.values[0, : len(times)], times, rtol=1e-12 if method == "ssa" else 1e-2)
        assert data.Y.values[-1] == len(times)


def test_a_condition_of_a_network_on_a_cubic_input_names_it():
    X, u = sp.Symbol("X"), sd.Path("u", [0, 1, 2, 3], [0, 10, 0, 5], "cubic")
    net = sd.ReactionNetwork([({}, {X: 1}, 5)], initial={X: 0}, events=sd.Event(u > 4, {X: 0}))
    with pytest.raises(
        CompileError, match=r"the condition on u changes cannot be found.* take the kind 'linear' or 'hold' of the"
    ):
        sd.simulate(net, [0, 3], progress=False)


def test_a_spline_through_a_cubic_is_the_cubic():
    """Also backwards, and its slope: t^3 - 2 t at knots that are not even, of which one is missing."""
    knots = np.array([0, 0.4, 0.9, 1.7, 2.2, 3.0])
    values = knots**3 - 2 * knots
    values[2] = np.nan
    u = sd.Path("u", knots, values, kind="spline")
    driven = sd.ODESystem({x: u, y: u.diff(t)}, initial={x: 0, y: 0})
    run = sd.simulate(driven, [0, 1, 3], **TIGHT)
    assert run.x.values == pytest.approx([0, 1 / 4 - 1, 81 / 4 - 9], abs=1e-11)
    assert run.y.values == pytest.approx([0, -1, 21], abs=1e-11)
    assert u.mirrored().curves[0](np.array([-1.3])) == pytest.approx([1.3**3 - 2.6], abs=1e-12)
    with pytest.raises(sd.DeclarationError, match="Did you mean 'spline'"):
        sd.Path("u", knots, values, kind="splines")


def test_courses_of_two_inputs_go_together_along_a_dimension_of_their_own():
    """x' = u v' for u = a t and v = b t is a b T^2/2, for each pair (a, b)."""
    u, v, t = (*(sd.Path(name, [0, 2], [0, 0]) for name in "uv"), sp.Symbol("t"))
    slopes = {u: [1.0, 2.0, 3.0], v: [0.5, -1.0, 2.0]}
    courses = {p: xr.DataArray([sd.Path(p.name, [0, 2], [0, 2 * a]) for a in slopes[p]], dims="sample") for p in (u, v)}
    data = sd.simulate(sd.ODESystem({"x": u * v.diff(t)}, initial={"x": 0}), [0, 2], inputs=courses, progress=False)
    assert data.x.dims == ("sample", "time")
    assert data.x[:, -1].values == pytest.approx([2 * a * b for a, b in zip(slopes[u], slopes[v], strict=True)], rel=1e-6)
    system = sd.ODESystem({"x": u * v.diff(t)}, initial={"x": 0})
    apart = {p: list(c.values) for p, c in courses.items()}  # the same courses, which sympy remembers, each with each other
    assert set(sd.simulate(system, [0, 2], inputs=apart, progress=False).x.dims) == {"u", "v", "time"}
    labelled = {p: c.assign_coords(sample=[10, 20, 30]) for p, c in courses.items()}
    sent = pickle.loads(pickle.dumps(system.with_inputs(labelled)))  # as to other processes
    again = sd.simulate(sent, [0, 2], progress=False)
    assert again.x.dims == ("sample", "time")
    assert again.sample.values.tolist() == [10, 20, 30]
    np.testing.assert_array_equal(again.x, data.x)
    doubled = xr.DataArray([u.with_curves(apart[u]), apart[u][0], apart[u][1]], dims="sample")
    with pytest.raises(sd.DeclarationError, match="has 3 courses in one place along 'sample'"):
        system.with_inputs({u: doubled})
    wrong = xr.DataArray([[courses[u].values[0]]], dims=("a", "b"))
    with pytest.raises(sd.DeclarationError, match="have the dimensions a, b; expected one"):
        sd.simulate(sd.ODESystem({"x": u}, initial={"x": 0}), [0, 1], inputs={u: wrong})


@pytest.mark.parametrize("method", ["dop853", "tsit5", "rodas5p", "rk4"])
@pytest.mark.parametrize("further", [[], [2.0, 3.0]])
def test_a_jump_at_the_last_time_is_seen_as_one_before_it(method, further):
    u = sd.Path("u", [0, 1, 3], [5, 6, 8], "hold")
    length = {"step": 0.125} if method == "rk4" else {}
    caught = sd.ODESystem({x: u}, initial={x: 0}, events=sd.Event(u > 5.5, {x: x + 10}))
    found = sd.simulate(caught, [0, 0.5, 1, *further], method=method, **length, **QUICK).x.values[:3]
    assert found == pytest.approx([0, 2.5, 15], rel=1e-12)
    free = sd.ODESystem({x: u}, initial={x: 0})
    stopped = sd.simulate(free, [0, 1, *further], method=method, until=u > 5.5, **length, **QUICK)
    assert float(stopped.first_passage) == pytest.approx(1, rel=1e-12)
    never = sd.simulate(free, [0, 1, *further], method=method, until=u > 8.5, **length, **QUICK)
    assert np.isinf(never.first_passage)


def test_the_last_knot_is_seen_by_maps_noise_networks_and_courses():
    u = sd.Path("u", [0, 1, 3], [5, 6, 8], "hold")
    noisy = sd.SDESystem({x: u}, {x: sp.Float(0.1)}, initial={x: 0})
    births = sd.ReactionNetwork([sd.Reaction({}, {y: 1}, u)], initial={y: 0})
    for system, options in (
        (noisy, {"step": 0.25, "seed": 1}),
        (births, {"seed": 1}),
        (births, {"seed": 1, "method": "tau"}),
        (sd.DiscreteSystem({x: x + u}, initial={x: 0}), {}),
    ):
        found = sd.simulate(system, [0, 3], until=u > 7, **options, **QUICK).first_passage
        assert float(found) == pytest.approx(3, rel=1e-12)
    courses = [u, sd.Path("u", [0, 0.5, 3], [1, 2, 9], "hold"), sd.Path("u", [0, 3], [9, 0], "hold")]
    driven = sd.ODESystem({x: u}, initial={x: 0})
    found = sd.simulate(driven, [0, 3], inputs={"u": courses}, until=u > 8.5, **QUICK).first_passage.values
    assert found == pytest.approx([np.inf, 3, 0])
