"""Integration of ordinary differential equations backwards in time."""

import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen.kernel import Options
from symdyn.errors import DeclarationError
from symdyn.simulation.backwards import Backward
from symdyn.simulation.frames import Frame
from symdyn.simulation.plan import Plan
from symdyn.simulation.sweeps import make_design

x, t, k = sp.symbols("x t k")
QUICK = {"progress": False}


def test_decay_grows_backwards():
    system = sd.ODESystem({x: -k * x}, {k: 1}, initial={x: 1}, observables={"age": t + x})
    data = sd.simulate(system, [2, 1, 0, -1], rtol=1e-10, atol=1e-12, parameters={k: [1, 2]}, trajectories=2, **QUICK)
    assert data.time.values.tolist() == [2, 1, 0, -1]
    exact = np.exp(np.outer([1, 2], [0, 1, 2, 3]))
    assert np.allclose(data.x.isel(trajectory=0), exact, rtol=1e-8)
    assert np.allclose(data.age.isel(trajectory=1), exact + np.array([2, 1, 0, -1]), rtol=1e-8)
    assert data.attrs["model"] == sd.simulate(system, [0, 1], **QUICK).attrs["model"]


@pytest.mark.parametrize("method", ["dop853", "rodas5p", "taylor"])
def test_forward_and_back_is_where_it_began(method):
    system = sd.ODESystem.from_text("x' = y; y' = -sin(x) + cos(t)/3; x(0) = 1; y(0) = 0")
    there = sd.simulate(system, [0, 4], method=method, rtol=1e-10, atol=1e-10, **QUICK)
    begin = {name: float(there[name][-1]) for name in ("x", "y")}
    back = sd.simulate(system, np.linspace(4, 0, 5), initial=begin, method=method, rtol=1e-10, atol=1e-10, **QUICK)
    assert abs(float(back.x[-1]) - 1) < 1e-7
    assert abs(float(back.y[-1])) < 1e-7


@pytest.mark.parametrize("kind", ["linear", "hold", "cubic", "spline"])
def test_an_input_has_the_same_area_backwards(kind):
    u = sd.Path("u", [0, 1, 3, 4], [1, 2, 0, 5], kind)
    system = sd.ODESystem({x: u - x}, observables={"now": u})
    grid = [0, 0.5, 1, 2, 3.5, 4]
    there = sd.simulate(system, grid, initial={x: 1}, rtol=1e-11, atol=1e-12, **QUICK)
    back = sd.simulate(system, grid[::-1], initial={x: float(there.x[-1])}, rtol=1e-11, atol=1e-12, **QUICK)
    assert np.allclose(back.x[::-1], there.x, atol=1e-8)
    assert np.array_equal(back.now[::-1], there.now)


def test_slopes_of_inputs_and_their_courses():
    u = sd.Path("u", [0, 2, 3], [1, 5, 4])
    system = sd.ODESystem({x: u.diff(t)}, initial={x: 0})
    courses = [u, sd.Path("u", [0, 3], [0, 9])]
    back = sd.simulate(system, [3, 2, 0.5], inputs={u: courses}, **QUICK)
    assert np.allclose(back.x, [[0, 1, -2], [0, -3, -7.5]], atol=1e-6)  # u(t) - u(3)
    again = pickle.loads(pickle.dumps(u.mirrored()))
    assert again == u.mirrored()
    assert again.mirrored() == u
    with pytest.raises(DeclarationError, match=r"known from 0 to 3, and the simulation goes from 4 to 1"):
        sd.simulate(system, [4, 1], **QUICK)


def test_stops_and_conditions_backwards():
    """x' = 1 before t = 1 and 3 after it; from x(2) = 5 backwards x(1) = 2 and x(0) = 1."""
    system = sd.ODESystem({x: sp.Piecewise((1, t < 1), (3, True))}, initial={x: 5})
    back = sd.simulate(system, [2, 1.5, 1, 0], until="x <= 3/2", rtol=1e-9, **QUICK)
    assert np.allclose(back.x, [5, 3.5, 2, 1.5])
    assert math.isclose(float(back.first_passage), 0.5, abs_tol=1e-9)
    assert back.attrs["until"] == "x <= 3/2"
    never = sd.simulate(system, [2, 1], until="x <= 0", **QUICK)
    assert float(never.first_passage) == math.inf


def test_a_store_of_a_run_backwards(tmp_path):
    system = sd.ODESystem({x: -x}, initial={x: 1})
    arguments = {"t": [1, 0], "trajectories": 4, "layout": sd.Layout(chunk=2), **QUICK}
    stored = sd.simulate(system, store=tmp_path / "run.zarr", **arguments)
    assert np.array_equal(stored.x, sd.simulate(system, **arguments).x)
    assert stored.time.values.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("system", "what"),
    [
        (sd.SDESystem.example(), "Wiener noise"),
        (sd.ReactionNetwork.example(), "reactions"),
        (sd.DiscreteSystem.example(), "next values"),
        (sd.ODESystem({x: 1}, initial={x: 0}, events=sd.dose(x, 1)), "the event .* replaces values.*before it do not follow"),
    ],
)
def test_what_has_no_flow_backwards(system, what):
    with pytest.raises(DeclarationError, match=f"backwards in time cannot be used here.*{what}"):
        sd.simulate(system, [1, 0], **QUICK)


def test_times_in_no_order():
    with pytest.raises(DeclarationError, match="increase strictly, or decrease strictly"):
        sd.simulate(sd.ODESystem.example(), [0, 2, 1], **QUICK)


def test_cards_sum_up_no_trajectories_backwards():
    """They would evaluate observables at the times of the reversed system, and leave those of passage as they are there."""
    system = sd.ODESystem({x: t}, initial={x: 0}, observables={"age": t + x})
    for frame, there in ((Frame(system), True), (Backward(system), False)):
        plan = Plan(frame, {}, make_design(frame.system, None, None, None), np.arange(2.0), Options(), {"mean": None})
        plan.__dict__["kernel"] = SimpleNamespace(target="cuda")
        assert plan.summed_on_card is there
