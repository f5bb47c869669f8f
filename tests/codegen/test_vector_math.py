"""Elementary functions in lanes: errors against mpmath, special values against the C library, the same bits at every width."""

from __future__ import annotations

import ctypes
import math
from functools import cache

import llvmlite.binding as llvm
import mpmath
import numpy as np
import pytest

from symdyn.codegen import load, vector_math
from symdyn.codegen.load import compile_ir, load_object
from symdyn.codegen.program import CALLS
from symdyn.codegen.vector_math import error_function, exponential, inverse, power

NAMES = list(vector_math.FUNCTIONS)
POINTER = ctypes.POINTER(ctypes.c_double)
#: What the processor can do.
HOST = {name for name, there in llvm.get_host_cpu_features().items() if there}
COUNT = 1500

LOOP = """
define void @run(ARGUMENTS, ptr noalias %out, i64 %n) nounwind {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
LOADS
  %r = call TYPE @NAME(VALUES)
  %o = getelementptr double, ptr %out, i64 %i
  store TYPE %r, ptr %o, align 8
  %next = add i64 %i, WIDTH
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret void
}
"""


def looped(op: str, width: int) -> str:
    """The module of a function, with a loop ``run(x..., out, n)`` over it."""
    kind, arity = "double" if width == 1 else f"<{width} x double>", range(CALLS[op])
    parts = {
        "ARGUMENTS": ", ".join(f"ptr noalias %p{k}" for k in arity),
        "LOADS": "\n".join(
            f"  %q{k} = getelementptr double, ptr %p{k}, i64 %i\n  %v{k} = load {kind}, ptr %q{k}, align 8" for k in arity
        ),
        "VALUES": ", ".join(f"{kind} %v{k}" for k in arity),
        "NAME": vector_math.function_name(op, width),
        "WIDTH": str(width),
        "TYPE": kind,
    }
    text = LOOP
    for name, value in parts.items():
        text = text.replace(name, value)
    return vector_math.module_text(op, width, llvm.get_process_triple()) + text


@cache
def compiled(op: str, width: int, cpu: str = ""):
    text = looped(op, width)
    if cpu:
        target = llvm.Target.from_default_triple()
        machine = target.create_target_machine(cpu=cpu, opt=2, reloc="pic", codemodel="jitdefault", jit=True)
        code = machine.emit_object(llvm.parse_assembly(text))
    else:
        code = compile_ir(text)
    owner = load_object(f"vector math {op} {width} {cpu}", code)
    signature = ctypes.CFUNCTYPE(None, *[POINTER] * (CALLS[op] + 1), ctypes.c_int64)
    return signature(owner.address("run")), owner


def values(op: str, *x: np.ndarray, width: int = 8, cpu: str = "") -> np.ndarray:
    """The function at many points."""
    run, _owner = compiled(op, width, cpu)
    n = x[0].size
    padded = [np.append(part, np.ones(-n % 8)) for part in x]
    out = np.empty(padded[0].size)
    run(*(part.ctypes.data_as(POINTER) for part in (*padded, out)), out.size)
    return out[:n]


# ---- polynomials -------------------------------------------------------------------------------

HALF_LN2 = math.log(2) / 2
#: Of each polynomial in z: the range of z, the function and what approximates it, and the relative error that is stated.
POLYNOMIALS = {
    "SINH": (exponential, 0, HALF_LN2**2, mpmath.sinh, lambda s, p: s + s**3 * p(s * s), 58),
    "COSH": (exponential, 0, HALF_LN2**2, mpmath.cosh, lambda s, p: 1 + s**2 / 2 + s**4 * p(s * s), 58),
    "ATANH": (power, 0, 0.01025, mpmath.atanh, lambda s, p: s + s**3 / 3 + s**5 / 2 * p(s * s), 69),
    "ASIN": (inverse, 0, 0.25, mpmath.asin, lambda s, p: s + s**3 * p(s * s), 58),
    "ATAN": (inverse, 0, 1, mpmath.atan, lambda s, p: s + s**3 * p(s * s), 54.5),
    "ERF": (error_function, 0, 1, mpmath.erf, lambda s, p: s + s * p(s * s), 55.5),
    "TAIL": (error_function, 0.5, 27.5, mpmath.erfc, lambda a, p: mpmath.exp(-a * a) / (a + 4) * p((a - 4) / (a + 4)), 52.5),
}


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_a_polynomial_is_as_exact_as_is_stated(name):
    module, low, high, function, approximation, bits = POLYNOMIALS[name]
    coefficients = getattr(module, name)[::-1]
    with mpmath.workprec(120):
        for k in range(1, 101):
            z = mpmath.mpf(low) + (high - low) * mpmath.mpf(k) / 100
            s = z if low else mpmath.sqrt(z)
            found = approximation(s, lambda x: mpmath.polyval(coefficients, x))
            assert abs(found / function(s) - 1) < mpmath.mpf(2) ** -bits


# ---- errors ------------------------------------------------------------------------------------


def points(op: str) -> list[tuple[np.ndarray, ...]]:
    """Points all over the range of a function, and those where its formula changes or cancels."""
    rng = np.random.default_rng(len(op))

    def powers(low: float, high: float) -> np.ndarray:
        return 10 ** rng.uniform(low, high, COUNT)

    def signed(x: np.ndarray) -> np.ndarray:
        return x * rng.choice([-1, 1], COUNT)

    def near(x) -> np.ndarray:
        return x * (1 + signed(powers(-16, -1)))

    def uniform(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, COUNT)

    unit = [uniform(-1, 1), signed(powers(-20, 0)), near(0.5), 1 - powers(-16, -1), powers(-16, -1) - 1]
    circle = [uniform(-10, 10), signed(powers(-20, 9)), near(np.pi / 2 * rng.integers(1, 9999, COUNT)), signed(powers(9, 300))]
    circle += [np.round(powers(0, 9)) * np.pi / 2, near(np.full(COUNT, 2.0**30))]
    growth = [uniform(-1, 1), near(np.log(2) / 2 * rng.integers(-60, 60, COUNT)), signed(powers(-20, 0)), uniform(-710, 710)]
    everything = [uniform(-3, 3), signed(powers(-20, 20)), near(np.ones(COUNT)), signed(powers(-300, 300))]
    small = [uniform(-1.5, 1.5), uniform(-6, 6), signed(powers(-20, 0)), near(np.ones(COUNT))]
    table = {
        "exp": [*growth, uniform(-745.1, -708), near(np.log(2) * (rng.integers(-1000, 1000, COUNT) + 0.5))],
        "log": [uniform(0.7, 1.42), powers(-307, 308), near(np.ones(COUNT)), powers(-323, -307)],
        "asinh": [*everything, uniform(-30, 30)],
        "acosh": [uniform(1, 2), 1 + powers(-15.6, 1), powers(0, 308)],
        "erf": small,
        "erfc": [*small, uniform(-1, 26.5)],
        "tanh": [*growth, uniform(-22, 22), near(np.full(COUNT, np.log(2) / 4))],
        **dict.fromkeys(("asin", "acos", "atanh"), unit),
        **dict.fromkeys(("sin", "cos", "tan"), circle),
        **dict.fromkeys(("sinh", "cosh"), growth),
        "atan": everything,
    }
    if op == "pow":
        base, exponent = powers(-3, 3), uniform(-10, 10)
        return [
            (base, exponent),
            (base, np.round(exponent) / 2),
            (-base, np.round(exponent)),
            (powers(-300, 300), signed(powers(-3, 0))),
            (near(np.ones(COUNT)), signed(powers(0, 15))),
            (uniform(0.5, 2), uniform(-1000, 1000)),
            (powers(-323, -307), uniform(-1, 1)),
        ]
    if op == "atan2":
        return [(uniform(-1, 1), uniform(-1, 1)), (near(base := powers(-9, 9)), base)] + [
            (signed(powers(-k, k)), signed(powers(-k, k))) for k in (5, 300)
        ]
    return [(x,) for x in table[op]]


def error(op: str, result: np.ndarray, x: tuple[np.ndarray, ...]) -> float:
    """The largest error in units in the last place of the exact value."""
    worst = 0.0
    with mpmath.workprec(110):
        function = mpmath.power if op == "pow" else getattr(mpmath, op)
        for found, *arguments in zip(result.tolist(), *(part.tolist() for part in x), strict=True):
            exact = function(*map(mpmath.mpf, arguments))
            rounded = float(exact)
            if found != rounded:
                worst = max(worst, float(abs(found - exact) / math.ulp(rounded)) if math.isfinite(rounded) else math.inf)
    return worst


@pytest.mark.parametrize("op", NAMES)
def test_the_error_is_below_what_is_stated(op):
    assert max(error(op, values(op, *x), x) for x in points(op)) < vector_math.ULPS[op]


@pytest.mark.skipif("x86_64" not in llvm.get_process_triple(), reason="processors without fused operations here: those of x86")
@pytest.mark.parametrize("op", NAMES)
def test_the_error_stays_where_the_processor_fuses_nothing(op):
    """There a sum with a product is rounded twice, which costs half a unit at most."""
    for x in points(op)[:3]:
        few = tuple(part[:100] for part in x)
        assert error(op, values(op, *few, cpu="x86-64"), few) < vector_math.ULPS[op] + 0.5


# ---- widths ------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", NAMES)
def test_the_width_does_not_change_a_bit(op):
    for x in [*points(op), special(op)]:
        assert values(op, *x).tobytes() == values(op, *x, width=1).tobytes() == values(op, *x, width=2).tobytes()


@pytest.mark.skipif(not {"avx2", "fma"} <= HOST, reason="this processor does not run code for vectors of four doubles")
@pytest.mark.parametrize("op", NAMES)
def test_the_size_of_the_registers_does_not_change_a_bit(op):
    for x in [*points(op), special(op)]:
        assert values(op, *x).tobytes() == values(op, *x, cpu="haswell").tobytes()


@pytest.mark.parametrize(("op", "beyond"), [("sin", [1e300]), ("cos", [-1e10]), ("tan", [1e18]), ("pow", [-2.5, 3.0])])
def test_a_lane_that_needs_the_library_leaves_the_others_alone(op, beyond):
    x = [np.linspace(0.3, 5.1, 8), np.linspace(-2, 2, 8)][: CALLS[op]]
    alone = values(op, *x)
    for lane in range(8):
        mixed = [np.where(np.arange(8) == lane, value, part) for part, value in zip(x, beyond, strict=True)]
        found = values(op, *mixed)
        assert np.delete(found, lane).tobytes() == np.delete(alone, lane).tobytes()
        assert error(op, found[lane : lane + 1], tuple(part[lane : lane + 1] for part in mixed)) < 1


LINKED: list[dict] = []


def test_a_function_is_compiled_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMDYN_CACHE_DIR", str(tmp_path))
    name, line = vector_math.declaration("exp", 8)
    definition = (
        "define <8 x double> @f(<8 x double> %x) {\n  %r = call <8 x double> NAME(<8 x double> %x)\n  ret <8 x double> %r\n}"
    )
    code = compile_ir("\n".join([line, definition.replace("NAME", name)]))
    assert vector_math.functions_in(code) == {("exp", 8)}
    for key in ("first", "second"):
        LINKED.append({})  # as in another process; the linker goes on with the addresses, so nothing may be let go
        monkeypatch.setattr(load, "_FUNCTIONS", LINKED[-1])
        assert load_object(f"{key} {tmp_path}", code).address("f")
        assert [path.name.split("_")[0] for path in (tmp_path / "drivers").iterdir()] == ["exp"]
        monkeypatch.setattr(load, "compile_ir", lambda *_: pytest.fail("compiled again"))


# ---- special values ----------------------------------------------------------------------------

LARGEST = np.finfo(float).max
MAGNITUDES = [
    *(0.0, 5e-324, 2.5e-310, 2.0**-1022, 1e-300, 1e-20, 1e-8, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.5, 5.0, 27.0, 28.0, 700.0),
    # where exp, sinh and cosh leave the range of doubles, and the neighbours of one
    *(709.782712893384, 709.7827128933841, 710.4758600739439, 710.475860073944, 745.1332191019411, 745.1332191019412, 800.0),
    *(1 - 2.0**-53, 1 + 2.0**-52, 2.0**30, 2.0**30 + 1, 2.0**52 + 1, 2.0**53, 1e22, 1e100, 1e300, LARGEST, math.inf, math.nan),
]


def special(op: str) -> tuple[np.ndarray, ...]:
    """Numbers at the edges, of both signs; all pairs of them for functions of two."""
    signed = np.array([*MAGNITUDES, *(-x for x in MAGNITUDES)])
    return (signed,) if CALLS[op] == 1 else tuple(part.ravel() for part in np.meshgrid(signed, signed))


@pytest.mark.parametrize("op", NAMES)
def test_special_values_are_those_of_the_c_library(op):
    """Zeros with their signs, infinities and NaNs are the same; the numbers between agree to the errors of both."""
    function = getattr(ctypes.CDLL(None), op)
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double] * CALLS[op]
    x = special(op)
    for found, *arguments in zip(values(op, *x).tolist(), *(part.tolist() for part in x), strict=True):
        expected = function(*arguments)
        if math.isfinite(expected) and expected:
            assert abs(found - expected) <= (vector_math.ULPS[op] + 1) * math.ulp(expected), arguments
        else:
            assert str(found) == str(expected), arguments


@pytest.mark.parametrize(
    ("op", "arguments", "value"),
    [
        ("exp", (-math.inf,), 0.0),
        ("log", (0.0,), -math.inf),
        ("log", (1.0,), 0.0),
        ("pow", (0.0, 0.0), 1.0),
        ("pow", (math.nan, 0.0), 1.0),
        ("pow", (1.0, math.nan), 1.0),
        ("pow", (-1.0, math.inf), 1.0),
        ("pow", (0.5, math.inf), 0.0),
        ("pow", (0.0, -3.0), math.inf),
        ("pow", (-0.0, -3.0), -math.inf),
        ("pow", (-math.inf, 3.0), -math.inf),
        ("pow", (-8.0, 3.0), -512.0),
        ("pow", (9.0, 0.5), 3.0),
        ("atan2", (0.0, -0.0), math.pi),
        ("atan2", (-0.0, 0.0), -0.0),
        ("atan2", (math.inf, -math.inf), 3 * math.pi / 4),
        ("tanh", (math.inf,), 1.0),
        ("erf", (-math.inf,), -1.0),
        ("acos", (-1.0,), math.pi),
        ("acosh", (1.0,), 0.0),
        ("atanh", (-1.0,), -math.inf),
    ],
)
def test_special_values_are_those_of_the_c_standard(op, arguments, value):
    """Annex F of the standard, where it states one."""
    found = values(op, *(np.array([x]) for x in arguments))[0]
    assert str(float(found)) == str(value)


@pytest.mark.parametrize("op", ["exp", "sinh", "cosh", "pow"])
def test_results_below_normal_numbers_fade_to_zero_and_above_them_overflow(op):
    ends = {"exp": (-745.2, 709.79), "sinh": (-5e-324, 710.48), "cosh": (0.0, 710.48), "pow": ((2.0, -1075.1), (2.0, 1024.0))}
    low, high = (values(op, *(np.array([x]) for x in np.atleast_1d(end)))[0] for end in ends[op])
    assert low == {"exp": 0.0, "sinh": -5e-324, "cosh": 1.0, "pow": 0.0}[op]
    assert high == math.inf
