"""Large models: exact solutions of a thousand equations, the same bits for all lanes, cost that grows with the model alone."""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm
import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen import emit_llvm
from symdyn.codegen.drivers import link
from symdyn.codegen.elimination import eliminated, lowering
from symdyn.codegen.emit_llvm import modules
from symdyn.codegen.emit_tables import DRIVER
from symdyn.codegen.functions import model_functions, programs
from symdyn.codegen.load import compile_ir, digest, load_object
from symdyn.methods.registry import METHODS

a, t = sp.symbols("a t")


def diffusion(n: int) -> sd.ODESystem:
    """x_i' = a (x_{i-1} - 2 x_i + x_{i+1}), zero beyond both ends."""
    x = sp.symbols(f"x0:{n}")
    inside = [0, *x, 0]
    return sd.ODESystem({x[i]: a * (inside[i] - 2 * x[i] + inside[i + 2]) for i in range(n)})


def mode(n: int, k: int) -> tuple[np.ndarray, float]:
    """An eigenvector of the second difference, and minus its eigenvalue."""
    return np.sin(np.pi * k * np.arange(1, n + 1) / (n + 1)), 4 * np.sin(np.pi * k / (2 * (n + 1))) ** 2


@pytest.mark.parametrize("method", ["tsit5", "rodas5p"])
def test_a_thousand_equations_have_their_exact_solution(method):
    n, k = 1000, 300
    system, (shape, decay) = diffusion(n), mode(n, k)
    functions = model_functions(system, METHODS[method], lanes=8, backend="llvm")
    assert functions.facts["factors"] == 0 or functions.facts["factors"] < 10 * n  # almost no fill
    initial = np.stack([shape, 2 * shape])
    found = sd.compile(system, method=method, lanes=8)(initial, [[0.5], [1.0]], [0.0, 1.0, 2.0], rtol=1e-8, atol=1e-11)
    assert found.status.tolist() == [0, 0]
    for row, (size, rate) in enumerate([(1, 0.5), (2, 1.0)]):
        for column, time in enumerate((0.0, 1.0, 2.0)):
            assert found.values[row, column] == pytest.approx(size * np.exp(-rate * decay * time) * shape, abs=3e-8)


def results(made, lanes: int, blocks: list[np.ndarray]) -> np.ndarray:
    """What ``rhs`` and ``matrix`` or ``factor`` give at 16 points, compiled anew."""
    link(DRIVER)
    found = []
    for module in modules(made, lanes, llvm.get_process_triple()):
        owner = load_object(digest("test", module.text, module.quick), compile_ir(module.text, quick=module.quick))
        for program in made.programs:
            if program.name in module.names and program.name != "solve":
                function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(owner.address(program.name))
                parts = []
                for begin in range(0, 16, lanes):
                    inside = [np.ascontiguousarray(b[:, begin : begin + lanes]) for b in blocks]
                    out = np.empty((len(program.outputs) + 8, lanes))
                    function(*(v.ctypes.data for v in inside), out.ctypes.data)
                    parts.append(out[: len(program.outputs)])
                found.append((program.name, np.concatenate(parts, axis=1)))
    return np.concatenate([values for _, values in sorted(found, key=lambda pair: pair[0])])


@pytest.mark.parametrize("n", [8, 60])
def test_functions_give_the_same_bits_whatever_their_length_and_lanes(n, monkeypatch):
    """Short ones are optimised and long ones are not; what is fused does not depend on that, nor on the width of vectors."""
    x = sp.symbols(f"x0:{n}")
    drift = {x[i]: a * x[i - 1] * x[i - 2] - x[i] ** 2 + sp.exp(-x[i]) * sp.cos(t) / (1 + x[i - 1] ** 2) for i in range(n)}
    made = programs(sd.ODESystem(drift), METHODS["rodas5p"])[1]
    rng = np.random.default_rng(1)
    blocks = [rng.uniform(2, 9, (2, 16)), rng.uniform(0.1, 1, (n, 16)), rng.uniform(0.1, 1, (1, 16))]
    values, quick = [], set()
    for limit in (20, 100_000):
        for name in ("LONG", "LONG_REPEATS"):
            monkeypatch.setattr(emit_llvm, name, limit)
        quick |= {module.quick for module in modules(made, 8, "")}
        values += [results(made, lanes, blocks) for lanes in (1, 8, 16)]
    assert quick == {False, True}
    assert np.isfinite(values[0]).all()
    assert all(np.array_equal(values[0], v) for v in values)


def test_elimination_of_a_large_model_is_data():
    def reacting(n: int) -> sd.ODESystem:
        return sd.ODESystem({s: f - s**2 for s, f in zip(diffusion(n).states, diffusion(n).drift, strict=True)})

    system = reacting(400)
    build = lowering(system)
    made = eliminated(system, build, [build.value(e) for e in system.drift])
    assert [p.name for p in made.programs] == ["matrix"]
    assert len(made.elimination.columns) == 400 + 2 * 399  # a tridiagonal matrix has no fill
    twice = programs(reacting(800), METHODS["rodas5p"])[1]
    assert len(twice.programs[1].operations) == pytest.approx(2 * len(made.programs[0].operations), rel=0.01)
    assert len(twice.elimination.columns) == 800 + 2 * 799


@pytest.mark.parametrize("method", ["ssa", "tau"])
def test_a_thousand_species_keep_the_mean_of_their_chain(method):
    """A ring of first-order reactions fed everywhere: from Poisson numbers of mean k/d it stays there (Jahnke & Huisinga)."""
    n, rng = 1000, np.random.default_rng(2)
    x, (k, d, m) = sp.symbols(f"X0:{n}"), sp.symbols("k d m")
    reactions = [({}, {s: 1}, k) for s in x] + [({s: 1}, {}, d) for s in x]
    reactions += [({x[i]: 1}, {x[(i + 7) % n]: 1}, m) for i in range(n)]
    network = sd.ReactionNetwork(reactions, parameters={k: 8.0, d: 1.0, m: 0.5})
    start = {s: float(v) for s, v in zip(x, rng.poisson(8, n), strict=True)}
    data = sd.simulate(network, [0, 0.5], initial=start, method=method, seed=4, progress=False)
    last = np.array([data[s.name].values.ravel()[-1] for s in x])
    # independent Poisson numbers of mean 8, given their start almost so: five standard errors
    assert last.mean() == pytest.approx(8, abs=5 * np.sqrt(8 / n))
    assert last.var() == pytest.approx(8, abs=5 * np.sqrt((8 + 2 * 64) / n))


def test_the_rate_equations_of_a_thousand_species_reach_their_balance():
    n = 1000
    x, (k, d, m) = sp.symbols(f"X0:{n}"), sp.symbols("k d m")
    reactions = [({}, {s: 1}, k) for s in x] + [({s: 1}, {}, d) for s in x]
    reactions += [({x[i]: 1, x[i - 1]: 1}, {x[i - 1]: 1}, m) for i in range(n)]
    equations = sd.ReactionNetwork(reactions, parameters={k: 8.0, d: 1.0, m: 1e4}).rate_equations()
    data = sd.simulate(equations, [0, 10], initial=dict.fromkeys(x, 0), rtol=1e-8, atol=1e-10, method="rodas5p", progress=False)
    balance = (np.sqrt(1 + 4 * 8.0 * 1e4) - 1) / 2e4  # k = d x + m x^2
    assert data["X500"].values.ravel()[-1] == pytest.approx(balance, rel=1e-7)
