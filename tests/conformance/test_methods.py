"""What every registered method must satisfy, on the example of every kind of system that it applies to."""

from math import comb

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen.families import family_of
from symdyn.errors import CompileError
from symdyn.methods.propagation import GeneratorExponential
from symdyn.methods.reversible import ReversibleMethod
from symdyn.models.registry import KINDS
from symdyn.models.spatial import SpatialSystem

x, y, a, b, t = sp.symbols("x y a b t")

#: Its right-hand side depends on time, and on a function of which each backend has its own.
DRIVEN = sd.ODESystem({x: -a * x + sp.sin(t), y: x - b * y}, {a: 1.0, b: 2.0}, initial={x: 1.0, y: 0.0})


#: With a noise level, which some methods need.
LEVELLED = sd.ODESystem(
    {x: -x + y / (1 + x**2), y: -y + (x + t) / (1 + y**2)}, initial={x: 1.0, y: 0.0}, observables={"noise_level": sp.S.One}
)


#: Positions and momenta, which some methods need.
UNDERDAMPED = sd.SDESystem({x: y, y: x - x**3 - a * y}, {y: b}, {a: 1.0, b: 0.5}, initial={x: 1.0, y: 0.0})


#: From noise to data, at the times 0 to 5.
FLOW = sd.SDESystem({x: -x}, {x: sp.sqrt(2)}, initial={x: 0.5}).probability_flow(
    sd.SDESystem({x: -x}, {x: sp.sqrt(2)}).marginal(sd.transport.GaussianMixture([1], [0], [0.4])), horizon=6
).replace(initial={x: 0.5})  # fmt: skip


def fitting(name):
    """The systems that a method says it can simulate."""
    known = [s for s in (*(kind.example() for kind in KINDS.values()), DRIVEN) if sd.METHODS[name].applies(s) is None]
    return known or [s for s in [LEVELLED, UNDERDAMPED, FLOW] if sd.METHODS[name].applies(s) is None]


def steps(name):
    """Steps of length 0.1 from 0 to 5, as the method is told; shorter ones where contraction parts two solutions."""
    if isinstance(sd.METHODS[name], ReversibleMethod):
        return {"step": 0.001}
    family = family_of(sd.METHODS[name])
    return {"nodes": tuple(np.linspace(0, 5, 51))} if "nodes" in family.reads(sd.METHODS[name]) else {"step": 0.1}


@pytest.mark.parametrize("name", sd.METHODS)
def test_it_says_what_it_is(name):
    method = sd.METHODS[name]
    assert method.name == name
    assert len(method.reference) > 10
    assert fitting(name) or isinstance(method, GeneratorExponential), "applies to none of the kinds of system"
    for kind in KINDS.values():
        reason = method.applies(kind.example())
        assert reason is None or len(reason) > 10


@pytest.mark.parametrize("backend", ["llvm", "numba"])
@pytest.mark.parametrize("name", sd.METHODS)
def test_lanes_and_backends_agree_to_the_last_bit(name, backend):
    for system in fitting(name):
        if isinstance(system, SpatialSystem):  # one large state has no lanes
            continue
        initial = np.random.default_rng(0).uniform(0.1, 0.9, (19, len(system.states)))
        if {"propensities", "offspring"} & system.parts:
            initial = np.floor(initial * 30)
        parameters = np.tile([system.defaults[p] for p in system.parameters], (19, 1))
        times = np.arange(6.0)
        first, *runs = [
            sd.compile(system, method=name, lanes=lanes, backend=which)(initial, parameters, times, **steps(name), seed=5)
            for lanes, which in ((8, "llvm"), (8, backend), (1, backend), (16, backend), (32, backend))
        ]
        assert np.isfinite(first.values).all()
        assert (first.steps > 0).all()
        if backend == "numba" and system is DRIVEN:  # the sine of this backend is that of the C library
            assert runs[0].values == pytest.approx(first.values, rel=1e-12)
            first = runs[0]
        for run in runs:
            assert run.values.tobytes() == first.values.tobytes()
            assert (run.steps == first.steps).all()


@pytest.mark.parametrize("name", sd.METHODS)
def test_the_first_output_is_the_initial_value(name):
    for system in fitting(name):
        if "fields" in system.parts:
            step = {"step": 1e-4} if "rtol" not in family_of(sd.METHODS[name]).reads(sd.METHODS[name]) else {}
            data = sd.simulate(system, [0.0, 1e-3], method=name, grid=8, progress=False, **step)
            for field in system.fields:
                exact = sp.lambdify(system.space, system.initial[field])(*(data[s.name].values for s in system.space))
                assert data[field.name].values[0] == pytest.approx(np.broadcast_to(exact, 8), rel=1e-14)
            continue
        data = sd.simulate(system, [0.0, 1.0], method=name, seed=1, progress=False)
        for state in system.states:
            assert (data[state.name].values[0] == system.initial[state]).all()
        assert data.attrs["method"] == name


@pytest.mark.parametrize("method", [name for name, method in sd.METHODS.items() if isinstance(method, GeneratorExponential)])
def test_distributions_advance_to_the_exact_one(method):
    n, t = 9, 0.7  # each of n molecules is left with probability exp(-t)
    decay = sd.ReactionNetwork.from_text(f"X -> 0, 1; X(0) = {n}")
    p = decay.master_equation(upper=n).transient(t, method=method)
    left = np.exp(-t)
    assert p.values == pytest.approx([comb(n, k) * left**k * (1 - left) ** (n - k) for k in range(n + 1)], abs=1e-9)
    with pytest.raises(CompileError, match=r"transient\(t, method="):
        sd.simulate(decay, [0, 1], method=method)
