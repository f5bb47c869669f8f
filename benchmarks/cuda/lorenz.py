"""Lorenz ensembles on a card, of equal steps and with error control, beside JAX."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np

import symdyn as sd
from benchmarks.cuda.peers import MAKERS, import_jax
from benchmarks.harness import Sample, Settings, attempt, paired
from benchmarks.results import Ratio
from examples.lorenz_gpu import LORENZ, RUNS, TIMES, TRAJECTORIES
from symdyn.codegen.cuda.launch import CardKernel
from symdyn.codegen.cuda.toolchain import SIMULATED

__all__ = ["lorenz"]

SIZES, SIMULATED_SIZES = (1 << 15, 1 << 19, TRAJECTORIES), (4,)
METHODS = {"fixed": "rk4", "adaptive": "tsit5"}
STEP, SIMULATED_STEP = 1e-3, 0.02
SAMPLE = 64
ON_CARD, WHOLE = "ms on the card", "ms in all"
#: How many times faster than any run in JAX.
GOAL = 30.0


def _ensemble(count: int, precision: str) -> tuple[np.ndarray, np.ndarray]:
    return np.tile(np.array([[1.0, 0.0, 0.0]], precision), (count, 1)), np.linspace(0, 21, count).astype(precision)


def _error(values: np.ndarray, count: int) -> float:
    """The greatest of a sample, from the processor's solution at tolerances of 1e-12."""
    rows = np.unique(np.linspace(0, count - 1, min(SAMPLE, count)).astype(int))
    start, rates = _ensemble(count, "float64")
    exact = sd.compile(LORENZ, method="dop853")(start[rows], rates[rows, None], TIMES, rtol=1e-12, atol=1e-12)
    return float(np.abs(values[rows] - exact.values[:, -1]).max())


def _ours(kind: str, precision: str, count: int, options: dict[str, float]) -> Callable[[], tuple[float, np.ndarray]]:
    """A function that runs the ensemble: seconds on the card, and the last states."""
    kernel = cast(CardKernel, sd.compile(LORENZ, method=METHODS[kind], target="cuda", precision=precision))
    start, rates = _ensemble(count, "float64")

    def run() -> tuple[float, np.ndarray]:
        before = kernel.card_seconds
        found = kernel(start, rates[:, None], TIMES, **options)
        return kernel.card_seconds - before, found.values[:, -1]

    return run


def _theirs(kind: str, precision: str, count: int, options: dict[str, float]) -> Callable[[], tuple[float, np.ndarray]]:
    solve = MAKERS[kind][1](import_jax(simulated=SIMULATED), *_ensemble(count, precision), **options)

    def run() -> tuple[float, np.ndarray]:
        begin = time.perf_counter()
        found = solve()  # waits
        seconds = time.perf_counter() - begin
        return seconds, np.asarray(found)

    return run


def _measured(
    jobs: dict[str, Callable[[], tuple[float, np.ndarray]]], count: int, rounds: int
) -> dict[str, tuple[dict[str, Any], Sample | None]]:
    """Columns of each job and its milliseconds, in turns after one run to warm up; a job that fails says why."""
    columns: dict[str, tuple[dict[str, Any], Sample | None]] = {}
    card: dict[str, list[float]] = {}
    whole: dict[str, list[float]] = {}
    for name, job in jobs.items():
        found, note = attempt(job)
        columns[name] = ({"note": note} if note else {"error": _error(found[1], count)}), None
        if not note and not SIMULATED:
            card[name], whole[name] = [], []
    for _ in range(rounds):
        for name in card:
            begin = time.perf_counter()
            card[name].append(1e3 * jobs[name]()[0])
            whole[name].append(1e3 * (time.perf_counter() - begin))
    for name, milliseconds in card.items():
        sample = Sample(tuple(milliseconds))
        speed = sample.map(lambda ms: count / ms / 1e3)
        columns[name] = columns[name][0] | {
            ON_CARD: sample, WHOLE: Sample(tuple(whole[name])), "million trajectories a second": speed
        }, sample  # fmt: skip
    return columns


def lorenz(settings: Settings) -> tuple[list[dict[str, Any]], list[Ratio], dict[tuple[str, str], Sample]]:
    """Rows, ratios to JAX, and our milliseconds of the greatest ensemble by kind of steps and precision."""
    rows, ratios, greatest = [], [], {}
    sizes = SIMULATED_SIZES if SIMULATED else SIZES[:1] if settings.quick else SIZES
    for kind, method in METHODS.items():
        for precision in ("float64",) if SIMULATED else RUNS:
            step, tolerance = SIMULATED_STEP if SIMULATED else STEP, RUNS[precision]
            given = {"step": step} if kind == "fixed" else {"rtol": tolerance, "atol": tolerance}
            what = f"step {step:g}" if kind == "fixed" else f"tolerance {tolerance:g}"
            for count in sizes:
                name, peer = f"symdyn {method}", MAKERS[kind][0]
                jobs = {name: _ours(kind, precision, count, given)}
                making = partial(_theirs, kind, precision, count, {"step": step, "tolerance": tolerance})
                theirs, note = attempt(making)
                found = _measured(jobs | ({} if note else {peer: theirs}), count, settings.rounds)
                found |= {peer: ({"note": note}, None)} if note else {}
                head = {"steps": f"{kind}, {what}", "precision": precision, "trajectories": count}
                rows += [head | {"solver": solver} | columns for solver, (columns, _) in found.items()]
                own, other = found[name][1], found[peer][1]
                if own is not None and other is not None:
                    label = f"Lorenz {kind}, {precision}, {count} trajectories / {peer}"
                    ratios.append(Ratio(label, paired(lambda a, b: b / a, own, other), GOAL))
                if own is not None and count == TRAJECTORIES:
                    greatest[kind, precision] = own
    return rows, ratios, greatest
