"""What every registered method must satisfy; a new one is tested by being registered."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

x, y, a, b, t = sp.symbols("x y a b t")

ODE = sd.ODESystem({x: -a * x + sp.sin(t), y: x - b * y}, {a: 1.0, b: 2.0}, initial={x: 1.0, y: 0.0})
SDE = sd.SDESystem({x: -a * x, y: x - b * y}, {x: 0.3, y: 0.2}, {a: 1.0, b: 2.0}, initial={x: 1.0, y: 0.0})
MAP = sd.DiscreteSystem({x: a * x * (1 - x), y: x + b * y}, {a: 3.1, b: 0.5}, initial={x: 0.3, y: 0.0})
NET = sd.ReactionNetwork.from_text("0 -> x, 5*a; x -> y, b; x + y -> x, 0.1", {"a": 1.0, "b": 2.0}, initial={"x": 9, "y": 4})
CHAIN = sd.BranchingSystem([x, y], [[0, 0], [0.5, 0.3]], [[0, a], [b, 0]], {a: 1.0, b: 2.0}, initial={x: 9, y: 4})
SYSTEMS = {"ode": ODE, "sde": SDE, "map": MAP, "jump": NET, "chain": CHAIN}


def fitting(name):
    """The systems that a method says it can integrate."""
    return [s for s in SYSTEMS.values() if sd.METHODS[name].applies(s) is None]


@pytest.mark.parametrize("name", sd.METHODS)
def test_it_says_what_it_is(name):
    method = sd.METHODS[name]
    assert method.name == name
    assert len(method.reference) > 10
    assert fitting(name), "applies to none of the kinds of system"
    for system in SYSTEMS.values():
        reason = method.applies(system)
        assert reason is None or len(reason) > 10


@pytest.mark.parametrize("backend", ["llvm", "numba"])
@pytest.mark.parametrize("name", sd.METHODS)
def test_lanes_and_backends_agree_to_the_last_bit(name, backend):
    for system in fitting(name):
        initial = np.random.default_rng(0).uniform(0.1, 0.9, (19, 2))
        if system.kind in ("jump", "chain"):
            initial = np.floor(initial * 30)
        parameters = np.tile([system.defaults[a], system.defaults[b]], (19, 1))
        times = np.arange(6.0)
        first, *runs = [
            sd.compile(system, method=name, lanes=lanes, backend=which)(initial, parameters, times, step=0.1, seed=5)
            for lanes, which in ((8, "llvm"), (8, backend), (1, backend), (16, backend), (32, backend))
        ]
        assert np.isfinite(first.values).all()
        assert (first.steps > 0).all()
        if backend == "numba" and system is ODE:  # the sine of this backend is that of the C library
            assert runs[0].values == pytest.approx(first.values, rel=1e-12)
            first = runs[0]
        for run in runs:
            assert run.values.tobytes() == first.values.tobytes()
            assert (run.steps == first.steps).all()


@pytest.mark.parametrize("name", sd.METHODS)
def test_the_first_output_is_the_initial_value(name):
    for system in fitting(name):
        data = sd.simulate(system, [0.0, 1.0], method=name, seed=1)
        assert data.x.values[0] == system.initial[x]
        assert data.attrs["method"] == repr(sd.METHODS[name].options())
