"""Seconds from a system to a kernel, for models of 3 to 300 equations, and to the first result of a fresh process."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

import sympy as sp

import symdyn as sd
from benchmarks.harness import report
from symdyn.models import zoo

__all__ = ["compile_time"]

SIZES = (3, 14, 30, 100, 300)
METHODS = ("dop853", "rodas5p")
ROUNDS = 5

FIRST_RESULT = """
import time
begin = time.perf_counter()
import sympy, xarray, numba
loaded = time.perf_counter()
import symdyn as sd
imported = time.perf_counter()
x = sympy.symbols("x0:{n}")
a = sympy.Symbol("a{mark}")
system = sd.ODESystem({{x[k]: x[k - 1] * x[k - 2] - a * x[k] for k in range({n})}})
declared = time.perf_counter()
kernel = sd.compile(system, method="dop853")
kernel([[0.1] * {n}], [[1.0]], [0.0, 1.0])
done = time.perf_counter()
print(loaded - begin, imported - loaded, declared - imported, done - declared)
"""


def chain(n: int, mark: int) -> sd.ODESystem:
    """n species, each made from its two neighbours and lost; three terms an equation.  `mark` makes the model new."""
    x, a, b = sp.symbols(f"x0:{n}"), sp.Symbol(f"a{mark}"), sp.Symbol("b")
    return sd.ODESystem({x[k]: a * x[k - 1] * x[(k + 1) % n] - b * x[k] ** 2 - x[k] for k in range(n)})


def _seconds(job) -> float:
    begin = time.process_time()
    job()
    return time.process_time() - begin


def _compile(n: int, method: str, mark: int) -> tuple[float, float]:
    """CPU seconds for a new model, and for the same model once it is in the cache."""
    system = chain(n, mark)
    new = _seconds(lambda: sd.compile(system, method=method))
    again = chain(n, mark)
    return new, _seconds(lambda: sd.compile(again, method=method))


def _first_result(n: int, mark: int) -> list[float]:
    text = FIRST_RESULT.format(n=n, mark=mark)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    run = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=True)
    return [float(v) for v in run.stdout.split()]


def compile_time() -> None:
    """Two tables: compilation in this process, and the first result in a fresh one, drivers being warm."""
    for method in METHODS:
        sd.compile(zoo.lorenz(), method=method)([[1.0] * 3], [[1.0] * 3], [0.0, 0.1])
    with tempfile.TemporaryDirectory() as folder:
        seed = int(folder.encode().hex(), 16) % 10**9  # new names: no model is in the cache yet
        rows = []
        for method in METHODS:
            for n in SIZES:
                rounds = 1 if n > 100 else ROUNDS
                times = [_compile(n, method, seed + r) for r in range(rounds)]
                new, known = (statistics.median(v) for v in zip(*times, strict=True))
                rows.append(
                    {"method": method, "equations": n, "terms": 3 * n, "new model": new, "known model": known}
                    | {"new, ms a term": 1e3 * new / (3 * n)}
                )
        report("compile", rows)
        first = []
        for n in (3, 30):
            for what, mark in (("new model", seed + 100), ("known model", seed + 100)):
                parts = _first_result(n, mark)
                names = ("import of sympy, xarray, numba", "import symdyn", "declare", "compile and run")
                first.append({"equations": n, "model": what, **dict(zip(names, parts, strict=True))})
        report("compile-first-result", first)
