"""The master equation beside scipy: transient distributions against expm_multiply, stationary ones by sparse elimination."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.sparse.linalg import expm_multiply

import symdyn as sd
from benchmarks.harness import Sample, Settings, interleaved, paired
from benchmarks.results import Ratio, Result
from symdyn.projection import MasterEquation

__all__ = ["cme"]

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


def schloegl(time: float) -> Case:
    values = {"k1": 0.015, "k2": 1 / 60000, "k3": 200.0, "k4": 3.5}
    network = sd.ReactionNetwork.from_text(SCHLOEGL, parameters=values)
    return Case(f"Schloegl, 900 states, t = {time:g}", MasterEquation(network, {"X": 899}), {"X": 250}, time)


def brusselator(volume: int, width: int) -> Case:
    network = sd.ReactionNetwork.from_text(BRUSSELATOR, parameters={"V": volume})
    equation = MasterEquation(network, {"X": width - 1, "Y": width - 1}, max_states=width**2)
    return Case(f"Brusselator, {width**2} states, t = 1", equation, {"X": volume, "Y": 3 * volume}, 1.0)


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


def _cases(quick: bool) -> tuple[Case, ...]:
    few = (schloegl(1.0), brusselator(15, 100))
    return few if quick else (*few, schloegl(10.0), brusselator(30, 200))


def cme(settings: Settings) -> Result:
    """The master equation: seconds of CPU time beside scipy's expm_multiply, and how far the distributions are apart."""
    result = Result({"cme": []})
    for case in _cases(settings.quick):
        jobs: dict[str, Callable[[], object]] = {
            "krylov": ours(case, "krylov"),
            "uniformisation": ours(case, "uniformisation"),
            "adaptive": ours(Case("", MasterEquation(case.equation.network), case.initial, case.time), "krylov"),
            "stationary": stationary(case),
            "expm_multiply": peer(case),
        }
        found: dict = {name: jobs[name]() for name in ("krylov", "uniformisation", "expm_multiply")}
        seconds = interleaved(jobs, settings.rounds)
        difference = np.abs(found["krylov"].values.ravel() - found["expm_multiply"]).sum()
        row: dict[str, str | float | Sample] = {"case": case.name, **{f"{name}, s": s for name, s in seconds.items()}}
        row["krylov - expm, sum"] = float(difference)
        row["krylov - uniformisation, sum"] = float(np.abs(found["krylov"] - found["uniformisation"]).sum())
        result.tables["cme"].append(row)
        for name, goal in (("krylov", 10.0), ("uniformisation", None), ("stationary", 10.0)):
            ratio = paired(lambda a, b: a / b, seconds["expm_multiply"], seconds[name])
            result.ratios.append(Ratio(f"{case.name}: expm_multiply / {name}", ratio, goal))
    return result
