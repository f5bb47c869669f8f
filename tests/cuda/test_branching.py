"""Branching processes on the simulated card: trajectory by trajectory what the CPU gives; machine code."""

from importlib.util import find_spec

import numpy as np
import pytest
import sympy as sp
from symdyn_kernels.status import NOT_FINITE, PROBABILITY

import symdyn as sd

compiled = pytest.mark.skipif(find_spec("numba_cuda") is None, reason="needs the package numba-cuda")
x, y, a, b, t, dW = sp.symbols("x y a b t dW")

SCRIPT = """
x, y, z, a, b, t = sp.symbols("x y z a b t")

def both(name, system, initial, times, parameters=(), until=None, count=6):
    rows = np.tile(np.array(initial, float), (count, 1))
    given = np.tile(np.array(parameters, float), (count, 1))
    for target in ("cuda", "cpu"):
        run = sd.compile(system, method="branching", target=target, until=until)(rows, given, times, seed=5)
        for field in run._fields:
            results[f"{name}/{target}/{field}"] = getattr(run, field)

T = np.diag([0, 0.7370, 0.6610, 0.6907, 0, 0, 0.8089]) + np.diag([0.6747, 0.0486, 0.0147, 0.0518, 0.8091, 0.8091], -1)
F = np.vstack([[0, 0, 0, 0, 127, 4, 80], np.zeros((6, 7))])
turtles = sd.BranchingSystem([f"n{i}" for i in range(7)], T, F)
both("turtles", turtles, [300, 700, 100, 5, 1, 1, 2], [0, 1, 4, 12])
both("many turtles", turtles, [3e5, 7e8, 100, 5, 1, 1, 2], [0, 1, 4])
both("extinct", turtles, [3, 2, 0, 0, 0, 0, 0], [0, 2, 40, 41])
both("stopped", turtles, [300, 700, 100, 5, 1, 1, 2], range(12), until=turtles.states[1] < 690)
both("stopped at once", turtles, [300, 700, 100, 5, 1, 1, 2], range(3), until=turtles.states[1] < 701)
shared = [[a / 3, 0.1, 0], [a / 2, 0.5, 0], [a / 6, 0.4, 1 / (1 + b * z)]]
births = [[0, 0.6, 0.3], [0.1, 0, t / 10], [0, 0, 0]]
for offspring in ("poisson", "bernoulli"):
    system = sd.BranchingSystem([x, y, z], shared, births, offspring=offspring, immigration=[2, 0, b])
    both(offspring, system, [60, 9, 30], [2, 3, 8], [1, 0.01])
    both(f"wrong {offspring}", system, [60, 9, 30], [2, 3, 8], [1.1, 0.01])
both("negative", sd.BranchingSystem([x], [[0.5]], [[a]]), [5], [0, 3], [-1.0])
both("explosion", sd.BranchingSystem([x], [[0.5]], [[a]]), [5], [0, 3, 5], [1e90])
dW1, dW2 = sp.symbols("dW1 dW2")
weather = sd.BranchingSystem([x, y], [[0.5, 0], [0.5 / (1 + dW2**2), 0.5]], [[0, sp.exp(a * dW1)], [0, 0]])
both("weather", weather, [9, 90], range(9), [0.3])
names = sp.symbols("a0:30")
crowd = sd.BranchingSystem([x], [[sum(names) / 100]], [[names[7]]])
both("many parameters", crowd, [200], [0, 1, 5], [0.1 * (k % 7) for k in range(30)], until=x > 1000)
"""


def test_numbers_are_those_of_the_cpu(simulated):
    pytest.importorskip("numba_cuda")
    results = simulated(SCRIPT)
    names = sorted({key.split("/")[0] for key in results})
    assert len(names) == 13
    for name in names:
        for field in ("status", "steps", "evaluations", "passage", "values"):
            np.testing.assert_array_equal(results[f"{name}/cuda/{field}"], results[f"{name}/cpu/{field}"], err_msg=name)
    assert (results["extinct/cuda/steps"] < 41).all()
    assert (results["stopped at once/cuda/passage"] == 0).all()
    assert np.isfinite(results["stopped/cuda/passage"]).any()
    for name in ("wrong poisson", "wrong bernoulli", "negative"):
        assert (results[f"{name}/cuda/status"] == PROBABILITY).all()
    assert (results["explosion/cuda/status"] == NOT_FINITE).all()


@compiled
def test_machine_code():
    system = sd.BranchingSystem([x, y], [[0, 0], [a, 0.8 / (1 + b * y)]], [[0, 3 * sp.exp(b * dW)], [0, 0]], immigration=[t, 0])
    kernel = sd.compile(system, target="cuda", until=x + y < 1)
    assert ".target sm_90" in kernel.ptx
    assert kernel.resources.spilled_bytes == 0
    assert kernel.resources.registers <= 168  # as many as leave three blocks of 128 threads on a multiprocessor


@compiled
def test_processes_of_many_stages_are_refused():
    with pytest.raises(sd.CompileError, match="every outcome and kind of offspring, up to 128 of them; this one has 200"):
        sd.compile(sd.BranchingSystem(sp.symbols("n0:10"), np.full((10, 10), 0.1), np.ones((10, 10))), target="cuda")
