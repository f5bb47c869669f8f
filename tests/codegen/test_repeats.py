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
from symdyn.codegen.program import Operation, Program
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


def chain() -> list[sp.Expr]:
    """Rates that neighbours share; the last of them is a result as it is."""
    rates = [a * x[k] * sp.exp(-x[k + 1]) for k in range(N - 1)]
    return [b - rates[0], *(rates[k - 1] - rates[k] for k in range(1, N - 1)), rates[-1]]


def bounded() -> list[sp.Expr]:
    return [sp.Max(x[k], 0) for k in range(N)] + [sp.Min(0, x[k]) for k in range(N)]


@pytest.mark.parametrize("values", [chain(), bounded()], ids=["chain", "bounded"])
def test_kept_values_are_no_results_and_zeros_keep_their_sign(values):
    program = lower("rhs", [("lane", [t]), ("y", x), ("p", [a, b])], values, [""] * len(values))
    loops = repeats(program)
    assert isinstance(loops, Repeats)
    rng = np.random.default_rng(3)
    blocks = [rng.uniform(0.1, 0.9, (k, 16)) for k in (1, N, 2)]
    blocks[1][::2, ::2] = -0.0
    for lanes in (1, 8):
        plain, looped = (lanes_of(p, lanes, blocks, len(values)) for p in (program, loops))
        assert looped.tobytes() == plain.tobytes()


def table(missing: int) -> np.ndarray:
    """Numbers of which many are in several rows, some are 1 or -1, and of some rows one is missing."""
    numbers = np.random.default_rng(4).uniform(-1, 1, (N, N)).round(2)
    numbers[numbers == 0] = 0.5
    numbers[5:9, 7], numbers[9:12, 8] = 1, -1
    for k in range(missing):
        numbers[k + 3, 2 * k] = 0
    return numbers


@pytest.mark.parametrize("missing", [3, 11])
def test_rows_of_a_matrix_side_by_side_have_the_bits_of_the_straight_line_program(missing):
    rows = [sp.Add(*(sp.Float(q) * s for q, s in zip(row, x, strict=True) if q)) for row in table(missing)]
    values = [x[k] * (a - row) for k, row in enumerate(rows)]
    program = lower("rhs", [("lane", [t]), ("y", x), ("p", [a, b])], values, [""] * N)
    loops = repeats(program)
    assert isinstance(loops, Repeats)
    assert max(len(loop.values) for loop in loops.loops) > 4
    rng = np.random.default_rng(5)
    blocks = [rng.uniform(0.1, 0.9, (k, 16)) for k in (1, N, 2)]
    for lanes in (1, 8, 16):
        plain, looped = (lanes_of(p, lanes, blocks, N) for p in (program, loops))
        assert looped.tobytes() == plain.tobytes()
    expected = blocks[1] * (blocks[2][0] - table(missing) @ blocks[1])
    assert looped == pytest.approx(expected, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("count", [8, 15])
def test_few_long_rows_are_loops_of_at_least_two_turns(count):
    rows = [sp.Add(*(sp.Float(q) * s for q, s in zip(row, x, strict=True))) for row in table(0)[:count]]
    program = lower("f", [("lane", [t]), ("y", x), ("p", [a, b])], [sp.exp(row) for row in rows], [""] * count)
    loops = repeats(program)
    assert isinstance(loops, Repeats)
    assert max(loop.turns for loop in loops.loops) > 1
    assert len(loops.operations) < len(program.operations)


def test_products_that_several_rows_have_are_fused_in_the_source_too():
    numbers = np.random.default_rng(6).integers(1, 4, (14, 14)) / 10
    rows = [sp.Add(*(sp.Float(q) * s for q, s in zip(row, x, strict=False))) for row in numbers]
    system = sd.ODESystem({s: s * (a - row) for s, row in zip(x, rows, strict=False)})
    initial = np.linspace(0.1, 0.2, 14)[None]
    found = [
        sd.compile(system, method="tsit5", lanes=8, backend=backend)(initial, [[1.1]], [0.0, 0.3, 2.0]).values
        for backend in ("llvm", "numba")
    ]
    assert found[0].tobytes() == found[1].tobytes()


@pytest.mark.parametrize("nested", [False, True])
def test_conditions_of_many_are_not_computed_for_each(nested):
    """A sum over all states in one condition, or conditions each of which holds the one before twice."""
    operations = [Operation("input", (1, k)) for k in range(N)]

    def value(op: str, *args: int) -> int:
        operations.append(Operation(op, args))
        return len(operations) - 1

    total = 0
    for k in range(1, N):
        total = value("add", total, value("exp", k))
    condition = value("lt", total, 1)
    for k in range(7 if nested else 0):
        other = value("lt", k, k + 1)
        either = value("and", condition, value("not", other)), value("and", value("not", condition), other)
        condition = value("or", *either)
    outputs = [value("sin", value("select", condition, value("mul", k, k - 1), k - 2)) for k in range(2, N) for _ in range(5)]
    blocks = (("lane", ()), ("y", tuple(f"y{k}" for k in range(N))), ("p", ()))
    found = repeats(Program("rhs", blocks, tuple(operations), tuple(outputs), ("",) * len(outputs)))
    loops = found.loops if isinstance(found, Repeats) else ()
    computed = sum(o.op != "input" for p in loops for o in found.operations[p.begin : p.end] for _ in p.targets)
    assert computed <= 2 * len(operations)
    assert nested or loops


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
