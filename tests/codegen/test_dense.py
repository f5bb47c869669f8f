"""Dense layers in generated code: values and derivatives of numpy in every target, and the same bits in all lanes."""

from __future__ import annotations

import ctypes
import json
from itertools import pairwise

import llvmlite.binding as llvm
import mpmath
import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen.differentiate import derivatives
from symdyn.codegen.emit_dense import dense_function
from symdyn.codegen.emit_llvm import emit_llvm, module_text
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.load import compile_ir, load_object
from symdyn.codegen.lower import Lowering, lower
from symdyn.codegen.program import Program
from symdyn.codegen.reverse import adjoint_program

x, y = sp.symbols("x y")


def layers(width: int, outputs: int = 2, functions: tuple[str, str] = ("tanh", "softplus")) -> sd.DenseLayers:
    rng = np.random.default_rng(width)
    sizes = (2, width, width, outputs)
    pairs = [(rng.normal(size=(m, n)) / np.sqrt(n), rng.normal(size=m)) for n, m in pairwise(sizes)]
    return sd.DenseLayers("f", [(w, b, f) for (w, b), f in zip(pairs, (*functions, "identity"), strict=True)])


def called(program: Program, lanes: int, points: np.ndarray) -> np.ndarray:
    """Outputs (N, k) of the machine code of a program at states (N, n)."""
    text = module_text((program,), lanes, llvm.get_process_triple())
    owner = load_object(f"test {hash(text)}", compile_ir(text))
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(owner.address(program.name))
    count, found = len(program.outputs), []
    padded = np.concatenate([points, np.repeat(points[-1:], -len(points) % lanes, axis=0)])
    for part in padded.reshape(-1, lanes, points.shape[1]):
        states, out = np.ascontiguousarray(part.T), np.empty((count + 8) * lanes)
        function(0, states.ctypes.data, 0, out.ctypes.data)
        found.append(out[: count * lanes].reshape(count, lanes).T)
    return np.concatenate(found)[: len(points)]


def values_and_slopes(f: sd.DenseLayers) -> Program:
    build = Lowering([("lane", []), ("y", [x, y]), ("p", [])])
    found = f(x, y)
    outputs = [build.value(e) for e in (found if isinstance(found, tuple) else (found,))]
    rows = derivatives(build, outputs, [build.value(x), build.value(y)])
    slopes = [row[build.value(s)] for row in rows for s in (x, y)]
    return build.program("rhs", [*outputs, *slopes], ["v"] * (len(outputs) + len(slopes)))


# widths that fill blocks of sixteen neurons, and that leave fewer and more than eight over
@pytest.mark.parametrize("functions", [("tanh", "softplus"), ("softmax", "tanh"), ("tanh", "softmax")])
@pytest.mark.parametrize(("width", "outputs"), [(16, 2), (13, 9), (37, 1), (1, 1)])
def test_values_and_jacobian_are_numpys_and_lanes_have_the_bits_of_a_single_one(width, outputs, functions):
    f, points = layers(width, outputs, functions), np.random.default_rng(0).normal(size=(41, 2)) * 3
    program = values_and_slopes(f)
    expected = np.concatenate([f.evaluate(points), f.jacobian(points).reshape(41, -1)], axis=1)
    lanes = called(program, 16, points)
    np.testing.assert_allclose(lanes, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(lanes, called(program, 1, points))
    np.testing.assert_allclose(np.stack(evaluate(program, [], points.T, []), -1), expected, atol=1e-14)


@pytest.mark.parametrize("functions", [("tanh", "softplus"), ("softmax", "softmax")])
def test_the_jacobian_is_that_of_complex_steps(functions):
    f, points, h = layers(7, 2, functions), np.random.default_rng(1).normal(size=(5, 2)), 1e-20
    for j in range(2):
        z = points + 1j * h * np.eye(2)[j]
        for weights, bias, function in f.layers:
            z = z @ weights.T + bias
            z = np.tanh(z) if function == "tanh" else np.log1p(np.exp(z)) if function == "softplus" else z
            z = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True) if function == "softmax" else z
        np.testing.assert_allclose(f.jacobian(points)[..., j], z.imag / h, rtol=1e-13)


@pytest.mark.parametrize("first", ["tanh", "softmax"])
def test_expressions_differentiate_like_the_written_out_sums(first):
    f = sd.DenseLayers("f", [([[0.7, -0.4], [1.1, 0.2]], [0.3, -0.1], first), ([[1.5, -0.8]], None, "softplus")])
    written = f.written([x**2, x * y])[0]
    at = {x: 0.3, y: -1.2}
    for way in ((x,), (x, y)):
        assert float(f(x**2, x * y).diff(*way).subs(at).evalf()) == pytest.approx(float(written.diff(*way).subs(at)), rel=1e-12)


def test_second_derivatives_of_wide_layers_are_those_of_complex_steps():
    """By all paths through two hidden layers of 24 neurons an expression would be a thousand times as long."""
    f, h, at = layers(24, 1), 1e-20, {x: 0.3, y: -0.8}
    z = np.array([0.3 + 1j * h, -0.8])  # the gradient by y at a complex x
    tangent = np.array([0, 1 + 0j])
    for w, b, function in f.layers:
        z, tangent = w @ z + b, w @ tangent
        slope = {"tanh": 1 - np.tanh(z) ** 2, "softplus": 1 / (1 + np.exp(-z)), "identity": 1}[function]
        z, tangent = {"tanh": np.tanh(z), "softplus": np.log1p(np.exp(z)), "identity": z}[function], slope * tangent
    build = Lowering([("lane", []), ("y", [x, y]), ("p", [])])
    program = build.program("bend", [build.value(f(x, y).diff(x).diff(y))], ["v"])
    assert len(program.operations) < 20 * f.size
    assert float(np.ravel(evaluate(program, [], list(at.values()), [])[0])[0]) == pytest.approx(tangent[0].imag / h, rel=1e-11)


@pytest.mark.parametrize("functions", [("tanh", "softplus"), ("softmax", "tanh")])
def test_numba_text_and_the_fast_path_follow_the_same_trajectory(functions):
    f = layers(5, 2, functions)(x, y)
    system = sd.ODESystem({x: f[0] - x, y: f[1] - y})
    start, none, times = np.array([[0.5, -1.0], [2.0, 0.1]]), np.empty((2, 0)), np.linspace(0, 2, 5)
    for method in ("tsit5", "rodas4"):
        fast, text = (sd.compile(system, method=method, backend=b)(start, none, times, rtol=1e-8) for b in ("llvm", "numba"))
        np.testing.assert_allclose(fast.values, text.values, rtol=1e-12, atol=1e-12)


def test_the_code_is_loops_whose_length_is_that_of_no_width():
    """Apart from the table, and the places of the results."""
    sizes = []
    for width in (16, 64):
        text, definitions = emit_llvm(
            lower("rhs", [("lane", []), ("y", [x, y]), ("p", [])], layers(width)(x, y), ["a", "b"]), 8
        )
        sizes.append(
            len([line for part in (text, *definitions) if not part.startswith("@table") for line in part.splitlines()])
        )
    assert sizes[0] == sizes[1]
    assert compile_ir("\n".join([*sorted(definitions), text]))


@pytest.mark.parametrize("width", [9, 13, 16, 25, 31])
def test_what_is_no_number_in_one_neuron_is_none_in_itself_alone(width):
    """Of an infinite argument neurons of weight 0 are NaN, and all others 1 or -1, in any number of lanes."""
    weights = np.random.default_rng(width).normal(size=(width, 2))
    weights[[0, width - 1], 0] = 0
    f = sd.DenseLayers("f", [(weights, None, "tanh")])
    points = np.array([[0.3, -2.0], [np.inf, 1.0], [-np.inf, 0.5], [1e308, -1e308], [np.nan, 0.0]])
    with np.errstate(invalid="ignore", over="ignore"):
        expected = np.concatenate([f.evaluate(points), f.jacobian(points).reshape(len(points), -1)], axis=1)
    program = values_and_slopes(f)
    for lanes in (8, 1):
        np.testing.assert_allclose(called(program, lanes, points), expected, rtol=0, atol=1e-13, err_msg=f"{lanes} lanes")
    np.testing.assert_array_equal(called(program, 8, points), called(program, 1, points))


def test_fast_tanh_is_within_its_error_and_infinite_and_undefined_arguments_pass():
    f = sd.DenseLayers("f", [([[1.0]], None, "tanh")])
    program = lower("rhs", [("lane", []), ("y", [x]), ("p", [])], [f(x)], ["f"])
    points = np.concatenate([np.linspace(-25, 25, 801), np.logspace(-300, 0, 31), [np.inf, -np.inf, np.nan]])
    found = called(program, 8, points[:, None])[:, 0]
    exact = np.array([float(mpmath.tanh(p)) for p in points[:-3]])
    np.testing.assert_allclose(found[:-3], exact, rtol=2e-14)
    assert found[-3:-1].tolist() == pytest.approx([1, -1])
    assert np.isnan(found[-1])


def test_shares_are_right_where_exponentials_would_overflow_or_vanish():
    """Distances to points, as in a mixture of normal densities; far from all of them the nearest has the share one."""
    f = sd.DenseLayers("f", [([[0.0], [1.0]], None, "softmax"), ([[0.0, 1.0]], None, "identity")])
    points = np.array([-2000.0, -800.0, -1.0, 0.0, 1.0, 800.0, 2000.0])[:, None]
    program = lower("rhs", [("lane", []), ("y", [x]), ("p", [])], [f(x)], ["f"])
    with np.errstate(over="ignore"):
        exact = 1 / (1 + np.exp(-points[:, 0]))
    np.testing.assert_allclose(called(program, 8, points)[:, 0], exact, rtol=1e-14, atol=1e-307)
    assert np.isnan(called(program, 8, np.array([[np.nan]]))).all()


def test_programs_go_through_json_exactly():
    program = values_and_slopes(layers(4))
    assert Program.from_json(json.loads(json.dumps(program.as_json()))) == program


def test_methods_that_cannot_take_layers_say_so():
    system = sd.ODESystem({x: layers(3, 1)(x, x)})
    with pytest.raises(sd.CompileError, match="Taylor series of networks"):
        sd.simulate(system, [0, 1], initial={x: 1}, method="taylor", progress=False)
    with pytest.raises(sd.CompileError, match="inline=True is for models without networks"):
        sd.compile(system, method="tsit5", inline=True)(np.ones((1, 1)), np.empty((1, 0)), np.array([0.0, 1.0]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "no layers"),
        ([([[1.0, 2.0]], [1.0, 2.0], "tanh")], r"weights of shape \(1, 2\) and biases \(2,\)"),
        ([([[1.0]], None, "relu")], "the function 'relu'; known: identity, tanh, softplus, softmax"),
        ([([[np.nan]], None, "tanh")], "not finite"),
        ([([["a"]], None, "tanh")], "no numbers"),
        ([([[1.0]], "tanh")], r"expected weights, biases or None, and a function"),
        ([(np.ones((3, 2)), None, "tanh"), (np.ones((1, 2)), None, "tanh")], "takes 2 numbers, and the one before it makes 3"),
    ],
)
def test_layers_that_do_not_fit_are_refused(given, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sd.DenseLayers("f", given)


def test_points_of_another_length_are_refused():
    for call in (layers(3).evaluate, layers(3).jacobian):
        for points in (1.0, [1.0], [[1.0, 2.0, 3.0]]):
            with pytest.raises(sd.DeclarationError, match="f takes 2 numbers along the last axis, got the shape"):
                call(points)


def test_a_matrix_and_a_quadratic_form_are_cases():
    """x' = A x + x^T Q x by tables, against the same written out."""
    A, Q = np.array([[-1.0, 2.0], [-2.0, -1.0]]), np.array([[0.1, 0.2, 0.0], [0.0, -0.1, 0.3]])
    linear = sd.DenseLayers("A", [(A, None, "identity")])(x, y)
    quadratic = sd.DenseLayers("Q", [(Q, None, "identity")])(x * x, x * y, y * y)
    tables = sd.ODESystem({x: linear[0] + quadratic[0], y: linear[1] + quadratic[1]}, initial={x: 1, y: 0.5})
    plain = sd.ODESystem(
        {x: -x + 2 * y + 0.1 * x**2 + 0.2 * x * y, y: -2 * x - y - 0.1 * x * y + 0.3 * y**2}, initial={x: 1, y: 0.5}
    )
    for method in ("dop853", "rodas5p"):
        runs = [sd.simulate(s, [0, 1, 2], method=method, rtol=1e-10, progress=False) for s in (tables, plain)]
        np.testing.assert_allclose(runs[0].y, runs[1].y, rtol=1e-9)


def test_the_reverse_sweep_over_a_program_passes_through_layers():
    f, (a, b, c, t) = layers(5), sp.symbols("a b c t")
    u, v = f(x, c * y)
    program = adjoint_program("pull", [u * x, v + c], t, [x, y], [a, b], [c])
    found = [float(np.ravel(g)[0]) for g in evaluate(program, [0.0], [0.3, -0.4, 1.5, 0.7], [2.0])]
    value, slopes = f.evaluate([0.3, -0.8]), f.jacobian([0.3, -0.8])
    by_second = 1.5 * 0.3 * slopes[0, 1] + 0.7 * slopes[1, 1]
    expected = [1.5 * (value[0] + 0.3 * slopes[0, 0]) + 0.7 * slopes[1, 0], 2 * by_second, -0.4 * by_second + 0.7]
    assert found == pytest.approx(expected, rel=1e-12)


def test_tables_of_many_inputs_fit_the_stack_of_a_thread_and_larger_ones_are_refused():
    """A quadratic form of 30 coordinates has 495 inputs, whose derivatives by each other would take 16 MB."""
    form = sd.DenseLayers("Q", [(np.ones((30, 495)), None, "identity")])
    assert dense_function("slopes", form, 8).memory <= 64 * (32 * 495 + 64)
    wide = sd.DenseLayers("f", [(np.ones((1024, 200)), None, "tanh"), (np.ones((1, 1024)), None, "identity")])
    with pytest.raises(sd.CompileError, match=r"the Jacobian of the network f take 13 MiB .* without a Jacobian"):
        dense_function("slopes", wide, 8)
