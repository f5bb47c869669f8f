"""The master equation beside scipy: transient distributions against expm_multiply, stationary ones by sparse elimination."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.sparse.linalg import expm_multiply

import symdyn as sd
from benchmarks.harness import interleaved, report
from symdyn.projection import MasterEquation

__all__ = ["projection"]

SCHLOEGL = "2 X -> 3 X, k1; 3 X -> 2 X, k2; 0 -> X, k3; X -> 0, k4"
BRUSSELATOR = "0 -> X, V; X -> Y, 3; 2 X + Y => 3 X, X*(X - 1)*Y/V**2; X -> 0, 1"
TOLERANCE = 1e-10


@dataclass(frozen=True)
class Case:
    """A network on a box, a start and a time."""

    name: str
    equation: MasterEquation
    initial: dict[str, int]
    time: float
    rounds: int


def schloegl(time: float, rounds: int) -> Case:
    values = {"k1": 0.015, "k2": 1 / 60000, "k3": 200.0, "k4": 3.5}
    network = sd.ReactionNetwork.from_text(SCHLOEGL, parameters=values)
    return Case(f"Schloegl, 900 states, t = {time:g}", MasterEquation(network, {"X": 899}), {"X": 250}, time, rounds)


def brusselator(volume: int, width: int, rounds: int) -> Case:
    network = sd.ReactionNetwork.from_text(BRUSSELATOR, parameters={"V": volume})
    equation = MasterEquation(network, {"X": width - 1, "Y": width - 1})
    return Case(f"Brusselator, {width**2} states, t = 1", equation, {"X": volume, "Y": 3 * volume}, 1.0, rounds)


def peer(case: Case) -> Callable[[], np.ndarray]:
    """expm_multiply with the same generator, which is assembled beforehand: its assembly costs the peer nothing."""
    matrix = (case.equation.generator().matrix() * case.time).tocsr()
    start = case.equation.transient(0.0, case.initial).values.ravel()
    return lambda: expm_multiply(matrix, start)


def ours(case: Case, method: str) -> Callable[[], xr.DataArray]:
    """The whole call, assembly and labels included."""
    return lambda: case.equation.transient(case.time, case.initial, tolerance=TOLERANCE, method=method)


def stationary(case: Case) -> Callable[[], xr.DataArray]:
    """The stationary distribution on the same box, which is felt a little: that is not what is measured."""

    def job() -> xr.DataArray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return case.equation.stationary()

    return job


def projection() -> None:
    """Seconds of CPU time, ratios to expm_multiply, and the sum of magnitudes of the differences."""
    rows = []
    cases = (schloegl(1.0, 5), schloegl(10.0, 3), brusselator(15, 100, 5), brusselator(30, 200, 5))
    for case in cases:
        jobs: dict[str, Callable] = {
            "krylov": ours(case, "krylov"),
            "uniformisation": ours(case, "uniformisation"),
            "stationary": stationary(case),
            "adaptive": ours(Case("", MasterEquation(case.equation.network), case.initial, case.time, 0), "krylov"),
            "expm_multiply": peer(case),
        }
        results = {name: job() for name, job in jobs.items()}
        seconds = interleaved(jobs, rounds=case.rounds)
        row: dict[str, str | float] = {"case": case.name, **seconds}
        for name in ("krylov", "uniformisation", "stationary"):
            row[f"{name}, times faster"] = seconds["expm_multiply"] / seconds[name]
        row["krylov - expm"] = float(np.abs(results["krylov"].values.ravel() - results["expm_multiply"]).sum())
        row["krylov - uniformisation"] = float(np.abs(results["krylov"] - results["uniformisation"]).sum())
        rows.append(row)
    report("projection", rows)
