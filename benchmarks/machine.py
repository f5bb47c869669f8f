"""What ran the benchmarks: processor, versions, and whether others were at work at the same time."""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from benchmarks.harness import cpu_seconds

__all__ = ["Watch", "facts", "one_core", "versions"]

PACKAGES = (
    "symdyn-modeling", "numpy", "scipy", "sympy", "numba", "llvmlite", "jax", "diffrax", "numbalsoda", "heyoka", "gillespy2",
    "rebop", "bngsim", "bioscrape", "libroadrunner", "copasi-basico", "matpopmod", "py-pde", "pysindy", "dysts", "pyoperon",
    "reservoirpy", "distributed", "zarr", "numba-cuda", "cuda-core", "crn-jax",
)  # fmt: skip
#: Features of processors that decide about speed.
FEATURES = ("avx", "avx2", "fma", "avx512f", "avx512dq", "neon", "sve")
#: Share of all processors' time that others may take before results are doubtful.
BUSY = 0.05


def versions() -> dict[str, str]:
    """The version of every package that takes part."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def facts() -> dict[str, Any]:
    """Processor, features, cores; nothing that names the machine."""
    there = llvm.get_host_cpu_features()
    return {
        "processor": _processor(),
        "model": llvm.get_host_cpu_name(),
        "features": [f for f in FEATURES if there.get(f)],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


@contextmanager
def one_core() -> Iterator[None]:
    """Hold this process and its children on one core, where the system allows it.

    The CPU time of packages that spread their work over threads, as XLA does, would count those that wait as well.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _busy_seconds() -> float | None:
    """Seconds that all processors together have been at work since the machine started, where Linux says so."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    user, nice, system, _, _, irq, softirq, steal = map(int, stat.read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


class Watch:
    """From its making to `stop`: the load of the machine, and the share of its time that others took."""

    def __init__(self) -> None:
        self._cores = facts()["cores"] or 1
        self._begin = os.times().elapsed, _busy_seconds(), cpu_seconds(), os.getloadavg()[0]

    def stop(self) -> dict[str, Any]:
        """Facts of the time since; warns if the machine was busy with something else."""
        elapsed, busy, own, load = self._begin
        elapsed, now = max(os.times().elapsed - elapsed, 1e-3), _busy_seconds()
        found: dict[str, Any] = {"load at start": load, "load at end": os.getloadavg()[0], "seconds": round(elapsed, 1)}
        if busy is not None and now is not None:
            others = (now - busy - (cpu_seconds() - own)) / (self._cores * elapsed)
            found["time of others"] = round(max(0.0, others), 3)
            if others > BUSY and elapsed > 1:
                text = f"others took {100 * others:.0f} % of the processors' time: repeat this on a machine that is idle"
                warnings.warn(text, stacklevel=2)
        elif load > 0.5:
            warnings.warn(f"the load of the machine was {load:.1f} at the start: repeat this when it is idle", stacklevel=2)
        return found
