"""What every benchmark shares: interleaved rounds, medians of CPU time, tables, JSON with versions."""

from __future__ import annotations

import json
import platform
import resource
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np

__all__ = ["Curve", "at_error", "cpu_seconds", "interleaved", "report"]

OUT = Path("out") / "benchmarks"
PACKAGES = (
    "numpy",
    "scipy",
    "sympy",
    "numba",
    "llvmlite",
    "jax",
    "diffrax",
    "numbalsoda",
    "heyoka",
    "gillespy2",
    "rebop",
    "bioscrape",
    "libroadrunner",
)


def cpu_seconds() -> float:
    """CPU time of this process and of the processes that it started and that have ended."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def interleaved(jobs: Mapping[str, Callable[[], Any]], rounds: int = 5) -> dict[str, float]:
    """Median CPU seconds of each job; the jobs take turns, so that a disturbance of the machine meets all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            begin = cpu_seconds()
            job()
            seconds[name].append(cpu_seconds() - begin)
    return {name: statistics.median(values) for name, values in seconds.items()}


@dataclass(frozen=True)
class Curve:
    """Throughput of one solver against its measured error, one point for each tolerance."""

    errors: Sequence[float]
    throughputs: Sequence[float]


def at_error(curve: Curve, error: float) -> float:
    """Throughput at an error, by interpolating the logarithms; NaN beyond 3 times the measured range."""
    order = np.argsort(curve.errors)
    x, y = np.log(np.asarray(curve.errors)[order]), np.log(np.asarray(curve.throughputs)[order])
    inside = x[0] - np.log(3) <= np.log(error) <= x[-1] + np.log(3)
    if not inside:
        return float("nan")
    if len(x) == 1 or x[0] <= np.log(error) <= x[-1]:
        return float(np.exp(np.interp(np.log(error), x, y)))
    k = 0 if np.log(error) < x[0] else len(x) - 2
    return float(np.exp(y[k] + (y[k + 1] - y[k]) / (x[k + 1] - x[k]) * (np.log(error) - x[k])))


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def report(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a table to standard output and ``out/benchmarks/<name>.json``."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns, *([_cell(row.get(c, "")) for c in columns] for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(columns))]
    lines = ["  ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)).rstrip() for line in cells]
    sys.stdout.write("\n".join([f"== {name}", *lines, "", ""]))
    facts = {
        "machine": {"processor": llvm.get_host_cpu_name(), "platform": platform.platform(), "python": sys.version},
        "versions": {package: _installed(package) for package in PACKAGES},
        "rows": list(rows),
    }
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n")
