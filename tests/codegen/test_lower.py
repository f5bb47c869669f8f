"""Lowering: shared values, every operation against sympy's own arithmetic, both backends, all lanes; elimination."""

from __future__ import annotations

from ctypes import CFUNCTYPE, POINTER, c_double

import llvmlite.binding as llvm
import numpy as np
import pytest
import sympy as sp

from symdyn.codegen.emit_llvm import module_text
from symdyn.codegen.emit_numba import module_source
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.load import compile_ir, import_text, load_object
from symdyn.codegen.lower import lower
from symdyn.errors import CompileError

x, y, a, b, t = sp.symbols("x y a b t")
BLOCKS = [("lane", (t,)), ("y", (x, y)), ("p", (a, b))]
LANES = (1, 8, 16, 32)
LANE_FUNCTION = CFUNCTYPE(None, *[POINTER(c_double)] * 4)

#: One row for each operation or way of writing it; x, y, a, b, t are drawn from (0.1, 0.9).
EXPRESSIONS = {
    "sum": x + y + a,
    "difference": x - y - 2 * a,
    "only minus": -x - y,
    "product": 3 * a * x * y,
    "quotient": x / y,
    "quotient of products": a * x / (b * y**2),
    "reciprocal": 1 / (x + y),
    "rational factor": sp.Rational(2, 3) * x - sp.Rational(1, 7),
    "minus a product": -x * y,
    "constants": sp.pi * x + sp.E + sp.EulerGamma,
    "float": 2.5 * x + 1e-30,
    "time": x * sp.cos(t),
    "square": x**2,
    "power 7": x**7,
    "power -3": (x + 1) ** -3,
    "power 2.0": x**2.0,
    "root": sp.sqrt(x),
    "power 5/2": x ** sp.Rational(5, 2),
    "power -1/2": x ** sp.Rational(-1, 2),
    "power 1/3": x ** sp.Rational(1, 3),
    "power of a symbol": x**a,
    "power to minus a symbol": x**-a,
    "number to a symbol": 2**x,
    "exp": sp.exp(-x / a),
    "log": sp.log(x + y),
    "sin": sp.sin(3 * x),
    "cos": sp.cos(3 * x),
    "tan": sp.tan(x),
    "cot": sp.cot(x),
    "sec": sp.sec(x),
    "csc": sp.csc(x),
    "asin": sp.asin(x),
    "acos": sp.acos(x),
    "atan": sp.atan(x / y),
    "atan2": sp.atan2(y, -x),
    "sinh": sp.sinh(x),
    "cosh": sp.cosh(x),
    "tanh": sp.tanh(x),
    "coth": sp.coth(x),
    "sech": sp.sech(x),
    "csch": sp.csch(x),
    "asinh": sp.asinh(x),
    "acosh": sp.acosh(1 + x),
    "atanh": sp.atanh(x),
    "abs": sp.Abs(x - y),
    "sign": sp.sign(x - y),
    "step": sp.Heaviside(x - y, sp.Rational(1, 2)),
    "floor": sp.floor(5 * x),
    "ceiling": sp.ceiling(5 * x),
    "modulus": sp.Mod(x, sp.Rational(1, 4)),
    "erf": sp.erf(x),
    "erfc": sp.erfc(x),
    "gamma": sp.gamma(x + 1),
    "loggamma": sp.loggamma(x),
    "min": sp.Min(x, y, a),
    "max": sp.Max(x, y, a),
    "less": sp.Piecewise((x, x < y), (y**2, True)),
    "less or equal": sp.Piecewise((x, x <= y), (y**2, True)),
    "greater": sp.Piecewise((x, x > y), (y**2, True)),
    "greater or equal": sp.Piecewise((x, x >= y), (y**2, True)),
    "equal": sp.Piecewise((x, sp.Eq(sp.floor(2 * x), sp.floor(2 * y))), (y, True)),
    "not equal": sp.Piecewise((x, sp.Ne(sp.floor(2 * x), sp.floor(2 * y))), (y, True)),
    "and": sp.Piecewise((x, (x < y) & (y < a)), (y, True)),
    "or": sp.Piecewise((x, (x < y) | (y < a)), (y, True)),
    "not": sp.Piecewise((x, sp.Not(sp.Eq(sp.floor(2 * x), 0))), (y, True)),
    "three pieces": sp.Piecewise((x, x < sp.Rational(1, 3)), (y, x < sp.Rational(2, 3)), (a, True)),
    "deep": sp.log(1 + sp.exp(sp.sin(x * y) + sp.sqrt(a + b**2)) / (1 + x**4)),
}


def lane_function(program, lanes: int, backend: str):
    """The compiled program as a callable of the addresses of four arrays, and what keeps it alive."""
    if backend == "llvm":
        text = module_text((program,), lanes, llvm.get_process_triple())
        owner = load_object(f"test {hash(text)}", compile_ir(text))
        return LANE_FUNCTION(owner.address(program.name)), owner
    owner = import_text("lower", module_source("test", (program,), lanes), "models")
    return LANE_FUNCTION(getattr(owner, program.name).address), owner


def run(program, lanes: int, backend: str, blocks) -> np.ndarray:
    """Outputs, shape (outputs, points), for blocks of shape (entries, points); points must be a multiple of lanes."""
    function, _owner = lane_function(program, lanes, backend)
    points = blocks[0].shape[1]
    result = np.empty((len(program.outputs), points))
    for first in range(0, points, lanes):
        # a single lane stores eight at a time, so every buffer has eight entries to spare
        parts = [np.concatenate([block[:, first : first + lanes].ravel(), np.zeros(8)]) for block in blocks]
        out = np.zeros(len(program.outputs) * lanes + 8)
        function(*(part.ctypes.data_as(POINTER(c_double)) for part in (*parts, out)))
        result[:, first : first + lanes] = out[: len(program.outputs) * lanes].reshape(-1, lanes)
    return result


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(5)
    return [rng.uniform(0.1, 0.9, (k, 32)) for k in (1, 2, 2)]


@pytest.fixture(scope="module")
def results(points):
    """Values of all expressions, shape (expressions, points), by lanes and backend; a model of 25 at a time."""
    names = list(EXPRESSIONS)
    parts = [names[k : k + 25] for k in range(0, len(names), 25)]
    programs = [lower("part", BLOCKS, [EXPRESSIONS[name] for name in part], part) for part in parts]
    return {
        (lanes, backend): np.concatenate([run(program, lanes, backend, points) for program in programs])
        for lanes in LANES
        for backend in ("llvm", "numba")
    }


@pytest.mark.parametrize("backend", ["llvm", "numba"])
def test_values_agree_with_sympy(results, points, backend):
    flat = np.concatenate(points)
    for k, (name, e) in enumerate(EXPRESSIONS.items()):
        for point in range(0, 32, 4):
            values = {s: sp.Float(v, 30) for s, v in zip((t, x, y, a, b), flat[:, point].tolist(), strict=True)}
            exact = float(e.subs(values).evalf(25))
            assert results[16, backend][k, point] == pytest.approx(exact, rel=4e-15, abs=4e-16), name


def test_interpreted_programs_agree_with_sympy(points):
    few = [block[:, :3] for block in points]
    flat = np.concatenate(few)
    rows = evaluate(lower("all", BLOCKS, list(EXPRESSIONS.values()), list(EXPRESSIONS)), *few)
    for row, (name, e) in zip(rows, EXPRESSIONS.items(), strict=True):
        for point in range(3):
            values = {s: sp.Float(v, 30) for s, v in zip((t, x, y, a, b), flat[:, point].tolist(), strict=True)}
            assert row[point] == pytest.approx(float(e.subs(values).evalf(25)), rel=4e-15, abs=4e-16), name


def test_signs_steps_and_remainders_where_they_jump():
    expressions = [
        sp.sign(x),
        sp.Heaviside(x, sp.Rational(1, 4)),
        sp.Mod(x, y),
        sp.Min(x, y),
        sp.Piecewise((1, x > y + 1), (2, True)),
    ]
    program = lower("jumps", BLOCKS, expressions, list("abcde"))
    columns = {
        (-2.0, 3.0): [-1, 0, 1, -2, 2],
        (0.0, 3.0): [0, 0.25, 0, 0, 2],
        (7.0, 3.0): [1, 1, 1, 3, 1],
        (7.0, -3.0): [1, 1, -2, -3, 1],
    }
    for (first, second), expected in columns.items():
        found = evaluate(program, [0.0], [np.float64(first), np.float64(second)], [0.0, 0.0])
        assert [float(v) for v in found] == expected
    (factorial,) = evaluate(lower("factorial", BLOCKS, [sp.factorial(x)], "f"), [0.0], [np.float64(4.0), 0.0], [0.0, 0.0])
    assert factorial == pytest.approx(24)
    nothing = evaluate(program, [0.0], [np.float64("nan"), np.float64(1.0)], [0.0, 0.0])
    assert all(np.isnan(v) for v in nothing[:4])


@pytest.mark.parametrize("backend", ["llvm", "numba"])
@pytest.mark.parametrize("lanes", [8, 16, 32])
def test_lanes_do_not_change_a_bit(results, lanes, backend):
    for row, one, name in zip(results[lanes, backend], results[1, backend], EXPRESSIONS, strict=True):
        assert row.tobytes() == one.tobytes(), name


def test_backends_agree_to_rounding(results):
    for llvm_row, numba_row, name in zip(results[8, "llvm"], results[8, "numba"], EXPRESSIONS, strict=True):
        assert llvm_row == pytest.approx(numba_row, rel=4e-15, abs=1e-16), name


@pytest.mark.parametrize("backend", ["llvm", "numba"])
def test_poles_give_infinities_and_no_error(backend):
    program = lower("poles", BLOCKS, [1 / x, -y / x, y / x - 1 / x], ["up", "down", "undefined"])
    up, down, undefined = run(program, 8, backend, [np.zeros((1, 8)), np.array([[0.0] * 8, [1.0] * 8]), np.zeros((2, 8))])
    assert np.all(up == np.inf)
    assert np.all(down == -np.inf)
    assert np.all(np.isnan(undefined))


def test_many_outputs_with_choices_compile_in_both_backends(points):
    """Python builds tuples of more than thirty entries through a list, which numba undoes only without branches."""
    choices = [sp.Piecewise((x + k, x < y), (y, True)) for k in range(40)]
    program = lower("choices", BLOCKS, choices, [str(k) for k in range(40)])
    assert np.array_equal(run(program, 8, "llvm", points), run(program, 8, "numba", points))


# ---- sharing -----------------------------------------------------------------------------------


def operations(expressions) -> list[str]:
    program = lower("f", BLOCKS, expressions, [str(k) for k in range(len(expressions))])
    return [o.op for o in program.operations if o.op not in ("input", "const")]


def test_common_subexpressions_are_computed_once():
    assert operations([a * x * y, b * x * y]) == ["mul"] * 3
    assert operations([sp.exp(x * y) + 1, sp.exp(x * y) * a]).count("exp") == 1
    assert operations([x**2, x**4]) == ["mul", "mul"]
    assert operations([x - y, -x - y]).count("neg") <= 1


def test_long_sums_of_states_as_they_are_have_no_products():
    states = sp.symbols("u0:30")
    signed = sp.Add(*((-1) ** (k // 2) * s for k, s in enumerate(states)))
    program = lower("f", [("lane", []), ("y", states), ("p", [])], [signed], [""])
    assert len(program.operations) == 30 + 29  # numbers and products are none


def test_powers_cost_a_logarithm_of_multiplications():
    assert operations([x**16]) == ["mul"] * 4
    assert len(operations([x**63])) == 10


def test_a_ratio_divides_once():
    assert operations([a * x / (b * y)]) == ["mul", "mul", "div"]


def test_unneeded_operations_are_dropped_and_inputs_kept_in_order():
    program = lower("f", BLOCKS, [x], ["x"])
    assert [o.op for o in program.operations] == ["input"]
    assert program.operations[0].args == (1, 0)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (sp.Function("f")(x), "f\\(x\\) is an unknown term; give it an expression with with_terms"),
        (sp.Symbol("missing"), "the symbol missing has no value here"),
        (sp.besselj(0, x), "no code can be generated for besselj"),
        (sp.Piecewise((x, sp.Contains(x, sp.Interval(0, 1))), (y, True)), "is not a comparison of numbers"),
    ],
)
def test_what_cannot_be_lowered_is_named(expression, message):
    with pytest.raises(CompileError, match=message):
        lower("f", BLOCKS, [expression], ["f"])
