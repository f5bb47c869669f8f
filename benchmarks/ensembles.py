"""Throughput of ensembles against measured error, and the ratio to each peer at equal error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.harness import Curve, at_error, interleaved, report
from benchmarks.peers import MAKERS
from benchmarks.problems import SMOOTH, STIFF, Problem

__all__ = ["ode", "stiff"]

Solver = tuple[str, str, int]
#: Package, method and trajectories that its run takes, at most some tenths of a second each.
ODE_SOLVERS = (
    ("symdyn", "tsit5", 2048),
    ("symdyn", "dop853", 2048),
    ("numbalsoda", "dop853", 1024),
    ("diffrax", "Tsit5", 2048),
    ("heyoka", "taylor", 2048),
    ("scipy", "LSODA", 8),
)
STIFF_SOLVERS = (
    ("symdyn", "rodas4", 2048),
    ("symdyn", "rodas5p", 2048),
    ("numbalsoda", "lsoda", 256),
    ("diffrax", "Kvaerno5", 32),
    ("scipy", "LSODA", 4),
)
OURS = "symdyn"


def _measure(problem: Problem, solvers: Sequence[Solver], rtols: Sequence[float], checked: int) -> list[dict]:
    reference = problem.reference(checked)
    scale = np.abs(reference).max(axis=1, keepdims=True)
    rows, jobs = [], {}
    for package, method, count in solvers:
        for rtol in rtols:
            row = {"problem": problem.name, "solver": f"{package} {method}", "rtol": rtol}
            rows.append(row)
            try:
                solve = MAKERS[package](problem, method, rtol, problem.atol_ratio * rtol)
            except ImportError:
                row["error"] = "not installed"
                continue
            initial, parameters = problem.ensemble(count)
            solve(initial, parameters)  # compiles
            few = min(checked, count)
            values = solve(*problem.ensemble(count))[:few]
            error = np.abs(values - reference[:few]) / scale[:few]
            row["error"] = float(np.median(error.max(axis=(1, 2))))
            jobs[len(rows) - 1] = (lambda solve=solve, i=initial, p=parameters: solve(i, p), count)
    seconds = interleaved({str(k): job for k, (job, _) in jobs.items()})
    for k, (_, count) in jobs.items():
        rows[k]["trajectories per CPU-second"] = count / seconds[str(k)]
    return rows


def _ratios(rows: Sequence[dict]) -> list[dict]:
    """Our throughput over each peer's, at each error the peer was measured at."""
    curves: dict[str, Curve] = {}
    for name in dict.fromkeys(row["solver"] for row in rows):
        points = [row for row in rows if row["solver"] == name and "trajectories per CPU-second" in row]
        if points:
            curves[name] = Curve([r["error"] for r in points], [r["trajectories per CPU-second"] for r in points])
    found = []
    for name, curve in curves.items():
        if name.startswith(OURS):
            continue
        for error, throughput in zip(curve.errors, curve.throughputs, strict=True):
            ratios = {f"{own} / peer": at_error(curves[own], error) / throughput for own in curves if own.startswith(OURS)}
            found.append({"problem": rows[0]["problem"], "peer": name, "at error": error, **ratios})
    return found


def _suite(name: str, problems: Sequence[Problem], solvers, rtols: Sequence[float], checked: int) -> None:
    rows, ratios = [], []
    for problem in problems:
        measured = _measure(problem, solvers, rtols, checked)
        rows += measured
        ratios += _ratios(measured)
    report(name, rows)
    report(f"{name}-ratios", ratios)


def ode() -> None:
    """Smooth problems, 101 outputs."""
    _suite("ode", SMOOTH, ODE_SOLVERS, (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10), 16)


def stiff() -> None:
    """Stiff problems, 101 outputs."""
    _suite("stiff", STIFF, STIFF_SOLVERS, (1e-4, 1e-6, 1e-8), 4)
