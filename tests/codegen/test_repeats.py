"""Loops over parts that are alike: the bits of the straight-line program, and code that does not grow with the model."""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm
import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen.emit_llvm import module_text
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.load import compile_ir, digest, load_object
from symdyn.codegen.lower import lower
from symdyn.codegen.repeats import Repeats, repeats

t, a, b = sp.symbols("t a b")
N = 60
x = sp.symbols(f"x0:{N}")


def mixed() -> list[sp.Expr]:
    """Neighbours at random, numbers that differ, kept values, conditions, functions, and outputs that are no trees."""
    rng = np.random.default_rng(1)
    rates = [sp.exp(-a * x[i]) / (b + x[j]) for i, j in rng.integers(0, N, (N, 2))]
    numbers = rng.uniform(1, 2, N)
    found = [sp.Float(numbers[k]) * rates[k] + x[k] * rates[k - 1] - t * x[k] ** 2 for k in range(N)]
    found += [sp.Piecewise((x[k], x[k - 1] < a), (x[k] * x[k - 2], True)) for k in range(N)]
    return [*found, *found[:N], *rates, *x, *[sp.Float(2)] * N, a, found[0] + sp.sin(found[1])]


def lanes_of(program, lanes: int, blocks: list[np.ndarray], outputs: int) -> np.ndarray:
    """Outputs (outputs, 16), compiled anew."""
    text = module_text((program,), lanes, llvm.get_process_triple())
    owner = load_object(digest("repeats", text), compile_ir(text))
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(owner.address(program.name))
    found = np.empty((outputs, 16))
    for first in range(0, 16, lanes):
        parts = [np.concatenate([block[:, first : first + lanes].ravel(), np.zeros(8)]) for block in blocks]
        out = np.zeros(outputs * lanes + 8)
        function(*(part.ctypes.data for part in (*parts, out)))
        found[:, first : first + lanes] = out[: outputs * lanes].reshape(-1, lanes)
    return found


@pytest.mark.parametrize("lanes", [1, 8, 16])
def test_loops_give_the_bits_of_the_straight_line_program(lanes):
    values = mixed()
    program = lower("rhs", [("lane", [t]), ("y", x), ("p", [a, b])], values, [""] * len(values))
    loops = repeats(program)
    assert isinstance(loops, Repeats)
    assert len(loops.operations) < len(program.operations) / 4
    assert loops.kept  # the rates
    rng = np.random.default_rng(2)
    blocks = [rng.uniform(0.1, 0.9, (k, 16)) for k in (1, N, 2)]
    plain, looped = (lanes_of(p, lanes, blocks, len(values)) for p in (program, loops))
    assert looped.tobytes() == plain.tobytes()
    exact = np.stack(np.broadcast_arrays(*evaluate(program, *blocks), np.empty(16))[:-1])
    assert looped == pytest.approx(exact, rel=1e-12)


def test_code_does_not_grow_with_the_model():
    def text(n: int) -> list[str]:
        y = sp.symbols(f"y0:{n}")
        sides = [a * (y[i - 1] - 2 * y[i] + y[(i + 1) % n]) + sp.tanh(y[i]) for i in range(n)]
        program = repeats(lower("rhs", [("lane", ()), ("y", y), ("p", [a])], sides, [""] * n))
        lines = module_text((program,), 8, llvm.get_process_triple()).splitlines()
        return [line for line in lines if "internal constant" not in line]

    assert len(text(600)) == len(text(150))


def test_programs_without_repetition_stay_as_they_are():
    sides = [sp.sin(x[k]) ** (k + 1) * sp.prod(x[: k % 7 + 1]) for k in range(12)]
    program = lower("rhs", [("lane", ()), ("y", x), ("p", ())], sides, [""] * 12)
    assert repeats(program) is program


def test_series_of_large_systems_keep_their_own_loops():
    y = sp.symbols("y0:400")
    ring = sd.ODESystem({y[i]: a * y[i - 1] * y[(i + 1) % 400] - y[i] ** 2 for i in range(400)}, parameters={a: 0.5})
    initial = 1 + 0.5 * np.sin(np.arange(400.0))[None]
    found, exact = (
        sd.compile(ring, method=method)(initial, [[0.5]], [0.0, 1.0], rtol=1e-11, atol=1e-11).values[0, 1]
        for method in ("taylor", "dop853")
    )
    assert found == pytest.approx(exact, rel=1e-9)
