"""Device templates of stochastic methods: unrolled, and as machine code for a card."""

import ast
from importlib.util import find_spec

import numpy as np
import pytest
import sympy as sp
from symdyn_kernels.shared import streams

import symdyn as sd
from symdyn.codegen.cuda.unroll import unrolled

x, y, a, b = sp.symbols("x y a b")
compiled = pytest.mark.skipif(find_spec("numba_cuda") is None, reason="needs the package numba-cuda")


# ---- random numbers ----------------------------------------------------------------------------


def test_logarithm_sine_and_cosine_are_right_to_the_last_places():
    for u in np.random.default_rng(1).random(500):
        assert streams.log(u) == pytest.approx(float(sp.log(sp.Float(u, 40)).evalf(30)), rel=3e-16)
        sine, cosine = streams.sincos_turn(u)
        assert sine == pytest.approx(float(sp.sin(2 * sp.pi * sp.Float(u, 40)).evalf(30)), abs=3e-16)
        assert cosine == pytest.approx(float(sp.cos(2 * sp.pi * sp.Float(u, 40)).evalf(30)), abs=3e-16)


# ---- unrolling ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("for k in range(N):\n    f(x[k], N)", "f(x[0], 2)\nf(x[1], 2)"),
        ("for k in range(3):\n    f(k)", "for k in range(3):\n    f(k)"),  # no constant of the model
        ("for k in range(M):\n    f(N)", "for k in range(M):\n    f(2)"),
        ("y = tuple(x[k] * T[k] for k in range(N))", "y = (x[0] * 5, x[1] * 7)"),
        ("y = tuple(x[k] for k in range(N - 1)) + (0,)", "y = (x[0],) + (0,)"),
        ("y = sum((x[k] for k in range(N) if T[k] != 5), z)", "y = z + x[1]"),
        ("y = sum(x[T[k]] for k in range(N))", "y = x[5] + x[7]"),
        ("y = sum((x[k] for k in range(0 * N)), 0.0)", "y = 0.0"),
        ("y = sum(x[j + k] for j in range(N) for k in range(j, N))", "y = x[0] + x[1] + x[2]"),
        ("y = max(z, *(x[k] for k in range(N)))", "y = max(z, x[0], x[1])"),
        ("y = min(z, *(x[k] for k in range(N) if T[k] > 9))", "y = z"),
        ("y = [real(0)] * N\ny[1] = y[0]", "y_0 = real(0)\ny_1 = real(0)\ny_1 = y_0"),
        ("if N > 2:\n    f()\nelif g():\n    h()", "if g():\n    h()"),
        ("if N > 2 and g():\n    f()", ""),
        ("y = a if N == 2 else b", "y = a"),
        ("y = N == 2 or g()", "y = True"),
        ("y = g() and N == 2", "y = g()"),
        ("for k in range(len(T)):\n    if T[k] < 6:\n        f(k)", "f(0)"),
        ("while g():\n    y = x[-T[0] % N]", "while g():\n    y = x[1]"),
        ("for k in range(m.n):\n    f(m.t[k], m.p)", "f(5, m.p)\nf(7, m.p)"),
        ("vector(y, N)\ny[1] += f(x)\ng(y)", "y_0 = y[0]\ny_1 = y[1]\ny_1 += f(x)\ng((y_0, y_1))"),
    ],
)
def test_unrolling(text, result):
    assert unrolled(text, {"N": 2, "T": (5, 7), "m.n": 2, "m.t": (5, 7)}) == result


def test_long_tuples_are_sums():
    """Of more than 30 entries Python builds a list first, which numba does not follow everywhere."""
    text = unrolled("y = tuple(x[k] for k in range(N))\nz = max(0, *(x[k] for k in range(N)))", {"N": 70})
    parts = [getattr(node, "elts", getattr(node, "args", ())) for node in ast.walk(ast.parse(text))]
    assert max(map(len, parts)) <= 24
    scope = {"x": [3 * k % 70 for k in range(70)]}
    exec(text, scope)
    assert scope["y"] == tuple(scope["x"])
    assert scope["z"] == max(scope["x"])


def test_names_of_lists_end_with_their_function():
    text = "def f(x):\n    y = [0.0] * N\n    return y[0]\n\ndef g(y):\n    return y[0]"
    assert unrolled(text, {"N": 1}) == "def f(x):\n    y_0 = 0.0\n    return y_0\n\ndef g(y):\n    return y[0]"


# ---- machine code ------------------------------------------------------------------------------

NETWORK = sd.ReactionNetwork.from_text("0 -> poisson(m) X, a; 2 X + Y -> 3 X, b; X -> Y, c; X -> 0, d; A <-> Y, c, c")
PAIRS = sd.ReactionNetwork.from_text("A <-> B, a, b; B -> C, c")
NOISY = sd.SDESystem({x: -a * x + y, y: -b * y}, {x: [a * x, 0, 1], y: [0, b * y, 1]})
ADDITIVE = sd.SDESystem({x: -a * x + y, y: -b * y}, {x: [a, 1], y: [0, b]})
MAP = sd.DiscreteSystem({x: a - x**2 + y, y: b * x})
SMALL = [
    (NETWORK, "ssa", NETWORK.states[0] > 100), (PAIRS, "tau", PAIRS.states[0] > 100), (PAIRS, "tau-implicit", None),
    (PAIRS, "langevin", PAIRS.states[0] > 100), (NOISY, "euler-maruyama", None),
    (ADDITIVE, "sra1", None), (MAP, "iterate", None),
]  # fmt: skip


@compiled
@pytest.mark.parametrize(("system", "method", "until"), SMALL, ids=[case[1] for case in SMALL])
def test_small_systems_stay_in_registers(system, method, until):
    kernel = sd.compile(system, method=method, target="cuda", until=until)
    assert ".target sm_90" in kernel.ptx
    assert kernel.resources.local_bytes == kernel.resources.spilled_bytes == 0
    assert kernel.resources.registers <= 168  # as many as leave three blocks of 128 threads on a multiprocessor


@compiled
def test_single_precision_computes_in_single_precision():
    kernel = sd.compile(ADDITIVE, method="sra1", target="cuda", precision="float32")
    lines = [line.split()[0] for line in kernel.ptx.splitlines() if line.startswith("\t")]
    double = [op for op in lines if op.endswith(".f64") and op.startswith(("mul", "fma", "add", "sub"))]
    assert sum(op.endswith(".f32") for op in lines) > 100
    assert len(double) < 8  # the time
    assert kernel.resources.local_bytes == 0


@compiled
def test_large_networks_are_tables():
    """The same code for all of them: the arrays of a thread grow, and nothing else."""
    chain = "\n".join(f"X{i} -> X{i + 1}, 1" for i in range(500))
    resources = sd.compile(sd.ReactionNetwork.from_text(chain), method="ssa", target="cuda").resources
    assert resources.registers <= 64
    assert resources.spilled_bytes == 0
    assert 8 * (3 * 501 + 2 * 512) <= resources.local_bytes < 8 * (3 * 501 + 2 * 512) + 64


@compiled
@pytest.mark.parametrize(
    ("line", "count", "message"),
    [
        ("X0 => 0, X0/(1 + X0)", 600, r"by mass action at constant rates alone, which X0 => 0, .* is not: use target='cpu'"),
        ("0 -> geometric(3) X0, 1", 600, r"by mass action at constant rates alone, which 0 -> geometric\(3\) X0, 1 is not"),
        ("X0 -> 0, 1", 3100, r"the 3101 reactions take [0-9,]+ bytes of tables, of which target='cuda' has 65,536"),
    ],
)
def test_large_networks_that_are_no_tables_are_refused(line, count, message):
    lines = [line, *(f"X{i} -> X{i + 1}, 1" for i in range(count))]
    with pytest.raises(sd.CompileError, match=message):
        sd.compile(sd.ReactionNetwork.from_text("\n".join(lines)), method="ssa", target="cuda")


@compiled
def test_leaps_of_many_reactions_are_refused():
    chain = "\n".join(f"X{i} -> X{i + 1}, 1" for i in range(129))
    with pytest.raises(sd.CompileError, match=r"for every reaction, up to 128 of them; this network has 129: use target='cpu'"):
        sd.compile(sd.ReactionNetwork.from_text(chain), method="tau", target="cuda")


@compiled
def test_molecules_are_not_counted_in_single_precision():
    with pytest.raises(sd.CompileError, match="counts molecules, which single precision cannot"):
        sd.compile(PAIRS, method="tau", target="cuda", precision="float32")
