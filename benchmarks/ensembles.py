"""Throughput of ensembles against measured error, and ratios to each peer at equal error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import symdyn as sd
from benchmarks.harness import Curve, Sample, Settings, attempt, best, interleaved, paired
from benchmarks.peers import MAKERS, Solve
from benchmarks.problems import SMOOTH, STIFF, Problem
from benchmarks.results import Ratio, Result
from benchmarks.sizes import SIZES

__all__ = ["THROUGHPUT", "ode", "sizes", "stiff"]

OURS = "symdyn"
THROUGHPUT = "trajectories per CPU-second"
#: The reference follows so many trajectories.
CHECKED = 16


@dataclass(frozen=True)
class Solver:
    """A method of a package, trajectories that a run takes, at most some tenths of a second, and its tolerances."""

    package: str
    method: str
    count: int
    rtols: tuple[float, ...]

    @property
    def name(self) -> str:
        return f"{self.package} {self.method}"

    @property
    def there(self) -> bool:
        """Whether it may be asked for: methods of ours, if they are registered."""
        return self.package != OURS or self.method in sd.METHODS


_LOW, _HIGH, _ALL = (1e-4, 1e-6, 1e-8), (1e-10, 1e-12), (1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 1e-13)
ODE_SOLVERS = (
    Solver(OURS, "tsit5", 2048, (1e-4, 1e-6, 1e-8, 1e-9)),
    Solver(OURS, "dop853", 2048, _ALL),
    Solver(OURS, "taylor", 2048, (*_ALL, 1e-14)),
    Solver("numbalsoda", "dop853", 1024, (*_LOW, *_HIGH)),
    Solver("diffrax", "Tsit5", 2048, (*_LOW, 1e-9)),
    Solver("heyoka", "taylor", 2048, (1e-3, *_LOW, *_HIGH, 1e-14)),
    Solver("COPASI", "deterministic", 256, (*_LOW, 1e-10)),
    Solver("scipy", "LSODA", 8, (*_LOW, 1e-10)),
)
#: Of large systems every solver takes as many: twice as many results of 100 equations are mapped by the operating system, and
#: filled with zeros, for each run anew, a fifth of the time of the fastest.
SIZED = 256
SIZED_SOLVERS = (
    Solver(OURS, "tsit5", SIZED, (1e-4, 1e-6, 1e-8)),
    Solver(OURS, "dop853", SIZED, (*_LOW, 1e-10)),
    Solver(OURS, "taylor", SIZED, (*_LOW, 1e-10)),
    Solver("numbalsoda", "dop853", SIZED, (*_LOW, 1e-10)),
    Solver("diffrax", "Tsit5", SIZED, (*_LOW, 1e-9)),
    Solver("heyoka", "taylor", SIZED, (1e-3, *_LOW, 1e-10)),
)
_STIFF = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
STIFF_SOLVERS = (
    Solver(OURS, "rodas4", 2048, _STIFF),
    Solver(OURS, "rodas5p", 2048, _STIFF),
    Solver("numbalsoda", "lsoda", 256, (*_STIFF, 1e-9)),
    Solver("diffrax", "Kvaerno5", 32, (1e-4, 1e-6, 1e-8)),
    Solver("COPASI", "deterministic", 64, (1e-4, 1e-6, 1e-8)),
    Solver("scipy", "LSODA", 4, (1e-4, 1e-6, 1e-8)),
)
#: Errors at which solvers are compared, and what the ratio to a peer should be there.
ODE_ERRORS = (1e-6, 1e-8, 1e-10, 1e-12)
ODE_GOALS = {
    "numbalsoda dop853": {1e-6: 7.0, 1e-8: 7.0},
    "diffrax Tsit5": {1e-6: 15.0, 1e-8: 15.0},
    "heyoka taylor": {1e-6: 2.0, 1e-8: 2.0, 1e-12: 1.3},
}
SIZED_ERRORS = (1e-6, 1e-8)
SIZED_GOALS = {
    peer: dict.fromkeys(SIZED_ERRORS, goal)
    for peer, goal in {"numbalsoda dop853": 10.0, "heyoka taylor": 3.0, "diffrax Tsit5": 25.0}.items()
}
STIFF_ERRORS = (1e-3, 1e-4, 1e-5, 1e-6)
STIFF_GOALS = {"numbalsoda lsoda": dict.fromkeys(STIFF_ERRORS, 14.0)}


def _solved(problem: Problem, solver: Solver, rtol: float, start: tuple[np.ndarray, np.ndarray]) -> tuple[Solve, np.ndarray]:
    """A solver that is compiled, and the values of its first run."""
    solve = MAKERS[solver.package](problem, solver.method, rtol, problem.atol_ratio * rtol)
    return solve, solve(*start)


def _measure(problem: Problem, solvers: Sequence[Solver], settings: Settings) -> list[dict[str, Any]]:
    checked = 4 if settings.quick or problem in STIFF else CHECKED
    reference = problem.reference(checked)
    scale = np.abs(reference).max(axis=1, keepdims=True)
    rows: list[dict[str, Any]] = []
    jobs: dict[str, Callable[[], Any]] = {}
    counts: dict[str, int] = {}
    for solver in solvers:
        count = max(1, solver.count // 4) if settings.quick else solver.count
        for rtol in solver.rtols[1:4:2] if settings.quick else solver.rtols:
            row: dict[str, Any] = {"problem": problem.name, "solver": solver.name, "rtol": rtol}
            rows.append(row)
            few, start = min(checked, count), problem.ensemble(count)
            make = partial(_solved, problem, solver, rtol, start)
            made, note = (make(), "") if solver.package == OURS else attempt(make)
            if note:
                row["note"] = note
                break
            solve, values = made[0], made[1][:few]
            error = np.abs(values - reference[:few]) / scale[:few]
            row["error"] = float(np.median(error.max(axis=(1, 2))))
            row["worst"] = float(error.max())
            key, timed = str(len(rows) - 1), getattr(solve, "timed", solve)
            jobs[key], counts[key] = (lambda timed=timed, start=start: timed(*start)), count
    for key, seconds in interleaved(jobs, settings.rounds).items():
        rows[int(key)][THROUGHPUT] = seconds.map(lambda s, n=counts[key]: n / s)
    return rows


def _curves(rows: Sequence[dict[str, Any]]) -> dict[str, list[Curve]]:
    """For each solver a curve of every round."""
    found = {}
    for name in dict.fromkeys(row["solver"] for row in rows):
        points = [row for row in rows if row["solver"] == name and THROUGHPUT in row and np.isfinite(row["error"])]
        if points:
            errors = [max(p["error"], 1e-17) for p in points]
            rounds = zip(*(p[THROUGHPUT].values for p in points), strict=True)
            found[name] = [Curve(errors, throughputs) for throughputs in rounds]
    return found


def _ratios(rows: Sequence[dict[str, Any]], errors: Sequence[float], goals: dict[str, dict[float, float]]) -> list[Ratio]:
    """The throughput of our best method over that of each peer, at each error that both meet."""
    curves = _curves(rows)
    ours = [c for name, c in curves.items() if name.startswith(OURS)]
    found = []
    for name, theirs in curves.items():
        if name.startswith(OURS):
            continue
        for error in errors:
            mine = Sample(tuple(best(c, error) for c in zip(*ours, strict=True)))
            peer = Sample(tuple(c.at(error) for c in theirs))
            ratio = paired(lambda a, b: a / b, mine, peer)
            if ratio.median == ratio.median:
                label = f"{rows[0]['problem']}: best of symdyn / {name} at an error of {error:.0e}"
                found.append(Ratio(label, ratio, goals.get(name, {}).get(error)))
    return found


def _suite(name: str, problems: Sequence[Problem], solvers: Sequence[Solver], settings: Settings, errors, goals) -> Result:
    result = Result({name: []})
    for problem in problems:
        rows = _measure(problem, [s for s in solvers if s.there], settings)
        result.tables[name] += rows
        result.ratios += _ratios(rows, errors, goals)
    return result


def ode(settings: Settings) -> Result:
    """Smooth differential equations, 101 outputs: throughput at a measured error."""
    return _suite("ode", SMOOTH, ODE_SOLVERS, settings, ODE_ERRORS, ODE_GOALS)


def sizes(settings: Settings) -> Result:
    """Smooth systems of 30 and 100 equations, sparse and dense, 101 outputs: throughput at a measured error."""
    return _suite("sizes", SIZES, SIZED_SOLVERS, settings, SIZED_ERRORS, SIZED_GOALS)


def stiff(settings: Settings) -> Result:
    """Stiff differential equations, 101 outputs: throughput at a measured error."""
    return _suite("stiff", STIFF, STIFF_SOLVERS, settings, STIFF_ERRORS, STIFF_GOALS)
