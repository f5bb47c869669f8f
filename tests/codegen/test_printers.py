"""Generated text: golden files, the same bytes in every process, names that modellers use.

After an intended change of a printer or a tableau, make the golden files again and read the difference::

    SYMDYN_UPDATE_GOLDEN=1 pytest tests/codegen/test_printers.py
"""

from __future__ import annotations

import ast
import difflib
import keyword
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import symdyn_kernels
import sympy as sp

import symdyn as sd
from symdyn.codegen.emit_llvm import module_text
from symdyn.codegen.emit_numba import mangle, module_source
from symdyn.codegen.emit_steps import emit_steps
from symdyn.codegen.families import FAMILIES, family_of
from symdyn.codegen.functions import programs
from symdyn.errors import DeclarationError
from symdyn.methods.registry import METHODS
from symdyn.models import zoo

GOLDEN = Path(__file__).parents[1] / "golden"
ADAPTIVE = [name for name in METHODS if family_of(METHODS[name]) is FAMILIES["adaptive"]]
TRIPLE = "x86_64-unknown-linux-gnu"


def tiny() -> sd.ODESystem:
    """One model with a constant, a division, a call, a choice, a shared subexpression and time."""
    x, y, a, b, t = sp.symbols("x y a lambda t")
    rate = a * x / (b + x)
    growth = sp.Piecewise((rate, x > y), (0, True))
    return sd.ODESystem({x: growth - y * sp.exp(-x * y), y: rate * sp.cos(t) - sp.Rational(3, 2) * x**2 * y})


def text_of(name: str) -> str:
    """The generated text that the golden file `name` holds."""
    kind, _, method = name.partition("-")
    if kind == "steps":
        return emit_steps(METHODS[method])
    made = tuple(programs(tiny(), METHODS[method])[0])
    if kind == "numba":
        return module_source("tiny", made, 8)
    return module_text(made, 1 if kind == "llvm1" else 8, TRIPLE)


NAMES = ["numba-tsit5", "numba-rodas4", "llvm1-tsit5", "llvm8-tsit5", *(f"steps-{m}" for m in ADAPTIVE)]


@pytest.mark.parametrize("name", NAMES)
def test_generated_text_is_what_it_was(name):
    path, text = GOLDEN / f"{name}.txt", text_of(name)
    if os.environ.get("SYMDYN_UPDATE_GOLDEN"):
        path.write_text(text)
    assert path.exists(), f"{path} is missing; make it with SYMDYN_UPDATE_GOLDEN=1 and read it"
    difference = difflib.unified_diff(path.read_text().splitlines(), text.splitlines(), "golden", "now", lineterm="", n=1)
    shown = "\n".join(list(difference)[:40])
    assert not shown, f"{name} changed; if that was intended, see the top of this file\n{shown}"


def test_no_golden_file_is_left_over():
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(NAMES)


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("llvm")])
def test_generated_python_parses_and_indexes_nothing_in_its_arithmetic(name):
    """With array indexing inside the statements numba's compile times grow faster than the model."""
    tree = ast.parse(text_of(name))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name.endswith("_at"):
            assert not any(isinstance(node, ast.Subscript) for node in ast.walk(function))


SCRIPT = """
import hashlib, sys
import llvmlite.binding
from symdyn.codegen.emit_llvm import module_text
from symdyn.codegen.emit_numba import module_source
from symdyn.codegen.families import FAMILIES, family_of
from symdyn.codegen.functions import programs
from symdyn.methods.registry import METHODS
from symdyn.models import zoo
for name in ("pollu", "hires", "orego"):
    system = getattr(zoo, name)()
    made = tuple(programs(system, METHODS["rodas5p"])[0])
    ir = [module_text(made, lanes, "t") for lanes in (1, 8)]
    for text in (system.digest, str(system), module_source(name, made, 8), *ir):
        print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_generated_bytes_do_not_depend_on_the_hash_seed():
    def made(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        return run.stdout

    first = made("1")
    assert len(first.split()) == 15
    assert first == made("2")


# ---- names -------------------------------------------------------------------------------------

AWKWARD = [
    *("lambda", "S", "N", "I", "E", "Q", "t", "beta", "β", "ζ_1", "None", "def", "x'", "x_", "x", "W", "l", "out", "y"),
    *("result", "math", "float", "v1", "p_x", "pi", "import", "a b", "a.b", "a-b", "x₁", "__class__", "x\\"),
]


@pytest.mark.parametrize("name", AWKWARD)
def test_mangled_name_is_an_ascii_identifier(name):
    for prefix in "typ":
        mangled = mangle(prefix, name, set())
        assert mangled.isidentifier()
        assert mangled.isascii()
        assert not keyword.iskeyword(mangled)
        assert mangled.startswith(f"{prefix}_")


def test_mangled_names_stay_different():
    taken: set[str] = set()
    names = ["x'", "x_", "x.", "x", "x_2", "β", "GREEK_SMALL_LETTER_BETA"]
    mangled = [mangle("p", name, taken) for name in names]
    assert len(set(mangled)) == len(names)
    assert taken == set(mangled)


@pytest.mark.parametrize("backend", ["llvm", "numba"])
def test_a_model_of_awkward_names_runs(backend):
    """Each state z decays at the rate z's parameter: exp(-rate), whatever they are called."""
    states = [sp.Symbol(name) for name in AWKWARD]
    rates = [sp.Symbol(name + "'") for name in AWKWARD if name not in ("x",)] + [sp.Symbol("rate of x")]
    rates = rates[: len(states)]
    system = sd.ODESystem({s: -r * s for s, r in zip(states, rates, strict=True)})
    values = {r: 0.1 + 0.05 * k for k, r in enumerate(rates)}
    kernel = sd.compile(system, method="dop853", backend=backend, lanes=1)
    run = kernel([np.ones(len(states))], [[values[p] for p in system.parameters]], [0.0, 1.0], rtol=1e-10, atol=1e-12)
    assert run.values[0, -1] == pytest.approx(np.exp([-values[r] for r in rates]), rel=1e-9)


def test_kernel_source_shows_the_equations_and_the_mangled_names():
    source = sd.compile(zoo.lotka_volterra(), method="tsit5").source
    assert "x' = a*x - b*x*y" in source
    assert "y_x" in source
    assert "p_a" in source
    ast.parse(source)


@pytest.mark.parametrize("name", ['x"""\nraise SystemExit("ran")\n"""', 'x\nraise SystemExit("ran")', 'x"""', "x\r", "x\x00"])
def test_no_name_gets_out_of_docstrings_and_comments(name):
    state, rate = sp.Symbol(name), sp.Symbol("k")
    try:
        system = sd.ODESystem({state: -rate * state})
    except DeclarationError:
        return  # a name may also be refused
    source = module_source(f"{system}", tuple(programs(system, METHODS["rodas4"])[0]), 8)
    body = ast.parse(source).body
    assert [type(node) for node in body if not isinstance(node, ast.FunctionDef)] == [
        *(ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.Assign, ast.Assign),
    ]


def test_the_steps_kept_for_reading_are_those_of_tsit5():
    path = Path(symdyn_kernels.__file__).parent / "drivers" / "_steps.py"
    assert path.read_text() == emit_steps(METHODS["tsit5"])
