"""Fields on a grid: cells a CPU-second with equal steps, seconds to compile, and to an accuracy, beside py-pde and Devito."""

from __future__ import annotations

import ctypes
import math
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from benchmarks.compile_time import mark
from benchmarks.foreign import Foreign
from benchmarks.harness import Curve, Sample, Settings, attempt, best, cpu_seconds, interleaved, paired
from benchmarks.results import Ratio, Result
from symdyn.codegen.emit_passes import FRAME
from symdyn.codegen.kernel import compile as compile_system
from symdyn.grids.model import GridModel
from symdyn.models import zoo
from symdyn.models.boxes import Box, Rectangle
from symdyn.models.operators import laplacian
from symdyn.models.pde import PDESystem

__all__ = ["pde"]

#: Cells of the square or the cube, steps of Euler's method, and their length.
SHAPES, STEPS, STEP = ((64,) * 2, (256,) * 2, (512,) * 2, (64,) * 3, (128,) * 3), 100, 0.25
SIDE = 2.5
OURS_EQUAL, PYPDE, DEVITO = "symdyn, euler", "py-pde, euler, numba", "Devito, euler, gcc"
#: Final fields after equal steps may differ by so much.
AGREEMENT = 1e-12
#: Sizes of squares for which compilation is measured, and what ours should take; py-pde's takes tens of seconds, and is
#: measured where it is made ready for equal steps.
COMPILED, GOAL = (64, 128, 256, 512, 1024), 0.5
#: Of the comparison at an accuracy: cells along each side, and until when.
ACCURATE, END = 256, 100.0
SPEED, SECONDS, SOLUTIONS = "cell steps a CPU-second", "CPU-seconds", "solutions a CPU-second"
#: Errors that solvers are compared at, and how each is asked for them.
ERRORS = (1e-4, 1e-6)
OURS: dict[str, list[dict[str, float]]] = {
    "bs32": [{"rtol": r, "atol": r / 100} for r in (1e-4, 1e-6, 1e-8)],
    "tsit5": [{"rtol": r, "atol": r / 100} for r in (1e-4, 1e-6, 1e-8)],
    "imex3": [{"rtol": r, "atol": r / 100} for r in (1e-3, 1e-5, 1e-7)],
    "imex": [{"rtol": r, "atol": r / 100} for r in (1e-3, 1e-5, 1e-7)],
    "etdrk4": [{"step": h} for h in (4.0, 2.0, 1.0)],
}
PEER: list[dict[str, Any]] = [{"tolerance": r} for r in (1e-3, 1e-7)]


def system(number: int | None = None, dimension: int = 2) -> PDESystem:
    """Gray and Scott's equations; the number makes them new."""
    model = zoo.gray_scott(Rectangle(SIDE, SIDE) if dimension == 2 else Box(SIDE, SIDE, SIDE))
    if number is None:
        return model
    # compiled code knows no names, so the number has to be one of the equations
    u, v, f, k, du, dv = sp.symbols("u v F k Du Dv")
    one = sp.Float(1 + number * 1e-15, 17)
    rates = {u: du * laplacian(u) - one * u * v**2 + f * (1 - u), v: dv * laplacian(v) + one * u * v**2 - (f + k) * v}
    return PDESystem(rates, model.domain, boundary="periodic", parameters={du: 2e-5, dv: 1e-5, f: 0.04, k: 0.06})


def start(shape: tuple[int, ...]) -> np.ndarray:
    """A spot, (2, *shape)."""
    axes = np.meshgrid(*((np.arange(n) + 0.5) * SIDE / n for n in shape), indexing="ij")
    spot = np.exp(-64 * sum((x - SIDE / 2) ** 2 for x in axes))
    return np.stack([1 - spot / 2, spot / 4])


def _model(n: int, number: int | None = None) -> tuple[GridModel, np.ndarray]:
    """The model and the values of its parameters."""
    pde = system(number)
    return pde.discretize(n).model(), np.array([pde.defaults[p] for p in pde.parameters])


def _ours(shape: tuple[int, ...], method: str, end: float, **options: float) -> Callable[[], np.ndarray]:
    pde = system(dimension=len(shape))
    kernel, p = compile_system(pde.discretize(shape), method=method), [[pde.defaults[p] for p in pde.parameters]]
    y = start(shape).reshape(1, -1)
    return lambda: kernel(y, p, [0.0, end], **options).values[0, -1].reshape(2, *shape)


def _peer(shape: tuple[int, ...], end: float, dt: float, **options: Any) -> Callable[[], np.ndarray]:
    """py-pde with its backend of numba, on one thread, compiled and called once."""
    import numba
    from pde import PDE, CartesianGrid, FieldCollection, ScalarField
    from pde.solvers import EulerSolver, RungeKuttaSolver

    numba.set_num_threads(1)
    grid = CartesianGrid([[0, SIDE]] * len(shape), list(shape), periodic=True)
    state = FieldCollection([ScalarField(grid, values) for values in start(shape)])
    equations = PDE({"u": "2e-5*laplace(u) - u*v**2 + 0.04*(1 - u)", "v": "1e-5*laplace(v) + u*v**2 - 0.1*v"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind = RungeKuttaSolver if options else EulerSolver
        solver = kind(equations, backend="numba", **({"adaptive": True, **options} if options else {}))
        step = solver.make_stepper(state, dt=dt)
    step(state.copy(), 0.0, dt)

    def solve() -> np.ndarray:
        found = state.copy()
        step(found, 0.0, end)
        return found.data

    return solve


def _seconds(job: Callable[[], Any]) -> float:
    begin = time.process_time()
    job()
    return time.process_time() - begin


def _compile(n: int, number: int) -> float:
    """From equations to the rates of a state."""

    def job() -> None:
        model, p = _model(n, number)
        model.rates(np.ones(model.size), 0.0, p)

    return _seconds(job)


def pde(settings: Settings) -> Result:
    """Gray and Scott's reaction on a square: equal steps, compilation, and the time to an accuracy."""
    result = Result({"equal steps": [], "compilation": [], "accuracy": []})
    _compilation(settings, result, _equal_steps(settings, result))
    _accuracy(settings, result)
    return result


def _equal_steps(settings: Settings, result: Result) -> dict[int, dict[str, Any]]:
    """Fill the table; returns what py-pde took to compile for squares."""
    compiled: dict[int, dict[str, Any]] = {}
    for shape in SHAPES[:1] if settings.quick else SHAPES:
        cells, count = " x ".join(map(str, shape)), math.prod(shape)
        jobs = {OURS_EQUAL: _ours(shape, "euler", STEPS * STEP, step=STEP)}
        begin = time.process_time()
        peer, note = attempt(partial(_peer, shape, STEPS * STEP, STEP))
        if len(shape) == 2:
            taken = Sample((time.process_time() - begin,))
            compiled[shape[0]] = {"note": note} if note else {SECONDS: taken}
        if peer is not None:
            jobs[PYPDE] = peer
        other, missing = attempt(partial(Foreign, "devito", start(shape), STEPS, STEP))
        if other is not None:
            jobs[DEVITO] = other
        ends = {name: job() for name, job in jobs.items()}
        limits = {f"its {name} alone": job for name, job in _limits(shape).items()}
        seconds = interleaved({**jobs, **limits}, settings.rounds, other.clock if other else cpu_seconds)
        if other is not None:
            other.close()
        ours = ends[OURS_EQUAL]
        for name, found in ends.items():
            if not np.abs(found - ours).max() < AGREEMENT:
                raise ArithmeticError(f"{name} differs from symdyn by {np.abs(found - ours).max():.1e} after equal steps")
        for name, sample in seconds.items():
            row = {"cells": cells, "solver": name, SPEED: sample.map(lambda s, n=count: n * STEPS / s)}
            if name in ends:
                row["difference"] = float(np.abs(ends[name] - ours).max())
            result.tables["equal steps"].append(row)
        for name, why, goal in ((PYPDE, note, 4.0), (DEVITO, missing, 1.0)):
            if why:
                result.tables["equal steps"].append({"cells": cells, "solver": name, "note": why})
            else:
                ratio = paired(lambda a, b: b / a, seconds[OURS_EQUAL], seconds[name])
                result.ratios.append(Ratio(f"{cells}: symdyn / {name.split(',')[0]}, equal steps", ratio, goal))
        for name in limits:
            ratio = paired(lambda a, b: b / a, seconds[OURS_EQUAL], seconds[name])
            result.ratios.append(Ratio(f"{cells}: symdyn / {name}", ratio))
    return compiled


def _limits(shape: tuple[int, ...]) -> dict[str, Callable[[], Any]]:
    """As many steps of what bounds them: arithmetic, of one row again and again, and memory, by copies of both fields."""
    pde = system(dimension=len(shape))
    model = pde.discretize(shape).model()
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(model.module.address("rates_step"))
    cells = 8 * (shape[-1] // 8)
    memory = np.full(4 * (cells + 32) + 16, 0.5)
    begin = (memory.ctypes.data + 63) // 64 * 64
    values = np.array([0.0, 0.0, *(pde.defaults[p] for p in pde.parameters)])
    numbers = model.numbers(values[2:])
    words = np.zeros(FRAME + 4, np.int64)
    words[:7] = [math.prod(shape) // cells, cells, values.ctypes.data, numbers.ctypes.data, numbers.ctypes.data,
                 values.ctypes.data + 16, numbers.ctypes.data]  # fmt: skip
    arrays = range(4)  # both fields, before and after
    words[FRAME:] = [begin + 8 * ((cells + 24) // 8 * 8 * k + 8) for k in arrays]
    fields = start(shape)
    copy = fields.copy()

    def arithmetic(*kept: np.ndarray) -> None:
        for _ in range(STEPS):
            function(words.ctypes.data)

    def traffic() -> None:
        for _ in range(STEPS // 2):
            np.copyto(copy, fields)
            np.copyto(fields, copy)

    return {"arithmetic": partial(arithmetic, memory, values, numbers), "memory traffic": traffic}


def _compilation(settings: Settings, result: Result, theirs: dict[int, dict[str, Any]]) -> None:
    number = mark()
    _compile(64, number)  # the driver, once and for all
    for n in COMPILED[:1] if settings.quick else COMPILED:
        ours = Sample(tuple(_compile(n, number + n * 100 + k) for k in range(1, settings.rounds + 1)))
        result.tables["compilation"].append({"cells": f"{n} x {n}", "solver": "symdyn", SECONDS: ours})
        result.ratios.append(Ratio(f"{n} x {n}: {GOAL:g} s / compilation", ours.map(lambda s: GOAL / s), 1.0))
        if n in theirs:
            result.tables["compilation"].append({"cells": f"{n} x {n}", "solver": "py-pde, numba", **theirs[n]})


def _accuracy(settings: Settings, result: Result) -> None:
    n = 64 if settings.quick else ACCURATE
    exact = _ours((n, n), "tsit5", END, rtol=1e-10, atol=1e-12)()
    other = _ours((n, n), "imex", END, rtol=1e-9, atol=1e-11)()
    if not np.abs(exact - other).max() < 0.1 * min(ERRORS):
        raise ArithmeticError(f"two routes to the reference differ by {np.abs(exact - other).max():.1e}")
    jobs: dict[str, Callable[[], np.ndarray]] = {}
    kinds: dict[str, str] = {}
    for method, asked in OURS.items():
        for options in asked:
            label = f"symdyn {method}, " + ", ".join(f"{k} {x:g}" for k, x in options.items() if k != "atol")
            jobs[label], kinds[label] = _ours((n, n), method, END, **options), f"symdyn {method}"
    for options in PEER:
        label = f"py-pde Runge-Kutta, tolerance {options['tolerance']:g}"
        made, note = attempt(partial(_peer, (n, n), END, STEP, **options))
        if note:
            result.tables["accuracy"].append({"cells": f"{n} x {n}", "solver": label, "note": note})
        else:
            jobs[label], kinds[label] = made, "py-pde"
    errors = {label: float(np.abs(job() - exact).max()) for label, job in jobs.items()}
    seconds = interleaved(jobs, settings.rounds)
    for label in jobs:
        row = {"cells": f"{n} x {n}", "solver": label, "error": errors[label], SECONDS: seconds[label]}
        result.tables["accuracy"].append({**row, SOLUTIONS: seconds[label].map(lambda s: 1 / s)})

    def curve(kind: str, k: int) -> Curve:
        labels = [label for label in jobs if kinds[label] == kind]
        return Curve([errors[x] for x in labels], [1 / seconds[x].values[k] for x in labels])

    mine = [f"symdyn {method}" for method in OURS]
    for error in ERRORS if "py-pde" in kinds.values() else ():
        values = [best([curve(m, k) for m in mine], error) / best([curve("py-pde", k)], error) for k in range(settings.rounds)]
        result.ratios.append(Ratio(f"{n} x {n}: symdyn's best / py-pde at an error of {error:g}", Sample(tuple(values)), 1.0))
