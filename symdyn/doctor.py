"""A check of the installation: a short run of each kind of system against what theory gives, in words for a bug report."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import sympy as sp

import symdyn as sd
from symdyn.codegen.cache import cache_directory

__all__ = ["CHECKS", "Finding", "findings"]

x, y, a, k = sp.symbols("x y a k")
#: Free space below which a run of ordinary size may not fit, in bytes.
LITTLE = 200_000_000


@dataclass(frozen=True)
class Finding:
    """The outcome of a check.

    Parameters
    ----------
    name : str
    outcome : str
        ``"ok"``, ``"failed"``, or ``"skipped"`` where an optional package is missing.
    message : str
        What was found, or what failed.
    seconds : float
    """

    name: str
    outcome: str
    message: str
    seconds: float


class _Skipped(Exception):
    """An optional package is missing."""


def _near(found: float, expected: float, tolerance: float) -> str:
    """A sentence about a number; an error if it is not near the expected one."""
    sentence = f"{found:.10g}, in theory {expected:.10g}"
    if not abs(found - expected) <= tolerance:
        raise ArithmeticError(sentence)
    return sentence


def _needs(module: str, extra: str) -> None:
    if find_spec(module) is None:
        raise _Skipped(f"{module} is not installed; the extra {extra!r} brings it")


def _decay(method: str) -> str:
    system = sd.ODESystem({x: -a * x}, parameters={a: 1})
    run = sd.simulate(system, [0, 1], initial={x: 1}, method=method, rtol=1e-9, atol=1e-12)
    return _near(float(run.x[-1]), math.exp(-1), 1e-7)


def _lanes() -> str:
    system = sd.ODESystem({x: y, y: -sp.sin(x)}, parameters={})
    starts = np.linspace(0.1, 2, 37)
    runs = [
        sd.simulate(system, [0, 5], initial={x: starts, y: 0}, layout=layout).x.values
        for layout in (sd.Layout(lanes=1, threads=1), sd.Layout())
    ]
    if runs[0].tobytes() != runs[1].tobytes():
        raise ArithmeticError(f"lanes differ from single trajectories by {np.abs(runs[0] - runs[1]).max():.2g}")
    return f"{len(starts)} trajectories have the same bits in vector lanes and one by one"


def _iteration() -> str:
    run = sd.simulate(sd.DiscreteSystem({x: 2 * x}), [0, 10], initial={x: 1})
    return _near(float(run.x[-1]), 1024, 0)


def _stochastic() -> str:
    system = sd.SDESystem({x: -x}, {x: 1})
    run = sd.simulate(system, [0, 4], initial={x: 0}, trajectories=4000, seed=1, step=0.01, reduce=["var"])
    return _near(float(run.x_var[-1]), 0.5 * (1 - math.exp(-8)), 5 * 0.5 * math.sqrt(2 / 4000) + 0.0025)


def _network() -> sd.ReactionNetwork:
    return sd.ReactionNetwork.from_text("0 <-> X, 20, 1")


def _counts(method: str) -> str:
    run = sd.simulate(_network(), [0, 10], initial={"X": 20}, method=method, trajectories=4000, seed=1, reduce=["mean"])
    return _near(float(run.X_mean[-1]), 20, 5 * math.sqrt(20 / 4000))  # Poisson


def _projection() -> str:
    p = _network().master_equation().stationary()
    return _near(float(p.values.ravel()[20]), math.exp(-20) * 20**20 / math.factorial(20), 1e-8)


def _moments() -> str:
    closed = _network().moments(2, closure="normal")
    run = sd.simulate(closed, [0, 50], initial={"X": 0})
    return _near(float(run["E[X^2]"][-1] - run["E[X]"][-1] ** 2), 20, 1e-3)


def _field() -> str:
    u = sp.Symbol("u")
    film = sd.simulate(
        sd.PDESystem({u: sd.laplacian(u)}, domain=(0, 1), boundary="no-flux", initial={u: "cos(pi*x)"}), [0, 0.1], grid=64
    )
    return _near(float(film.u[-1].max()), math.exp(-0.1 * math.pi**2) * math.cos(math.pi / 128), 1e-3)


def _cells() -> str:
    colony = sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=sd.ODESystem({x: k - x}, parameters={k: 1}),
        secreted="x", influx=1, efflux=1,
    )  # fmt: skip
    rest = float(colony.steady_state({"D": 1, "tau": 1}).x[0])
    if not 0 < rest < 1:  # it secretes, and nothing else feeds it but k
        raise ArithmeticError(f"{rest:.6g} at rest in a cell that secretes, in theory between 0 and 1")
    return f"{rest:.6g} at rest in a cell that secretes"


def _recovery() -> str:
    times = np.linspace(0, 3, 31)
    data = sd.simulate(sd.ODESystem({x: -0.5 * x}), times, initial={x: 2})
    f = sp.Function("f")
    found = sd.recover(sd.ODESystem({x: f(x)}), data[["x"]], surrogate=None)
    return _near(float(found.terms[f(x)].coeff(x)), -0.5, 1e-6)


def _files() -> str:
    free = shutil.disk_usage(cache_directory()).free
    with tempfile.TemporaryDirectory() as folder:
        run = sd.simulate(sd.ODESystem({x: -x}), [0, 1], initial={x: 1})
        run.to_netcdf(Path(folder) / "run.nc")
    if free < LITTLE:
        raise OSError(f"{free / 1e6:.0f} MB are free where the cache is, {cache_directory()}; make room")
    return f"netCDF is written; {free / 1e9:.1f} GB are free where the cache is"


def _store() -> str:
    _needs("zarr", "distributed")
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "run.zarr")
        run = sd.simulate(sd.ODESystem({x: -x}), [0, 1], initial={x: [1, 2, 3]}, store=store)
        return _near(float(run.x.isel(time=-1).values.sum()), 6 * math.exp(-1), 1e-4)


def _exchange() -> str:
    _needs("libsbml", "sbml")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        _network().to_sbml(path)
        read = sd.read_sbml(path)
        if not isinstance(read, sd.ReactionNetwork) or len(read.reactions) != 2:
            raise ArithmeticError("a network written as SBML is not read back")
    return "a network is written and read back"


def _card() -> str:
    _needs("numba_cuda", "cuda")
    from symdyn.codegen.cuda.kernel import CudaKernel  # imports CUDA's compilers
    from symdyn.codegen.cuda.toolchain import card

    kernel = sd.compile(sd.ODESystem({x: -a * x}), method="rk4", target="cuda")
    assert isinstance(kernel, CudaKernel)
    found = card()
    if found is None:
        raise _Skipped(f"no card; the kernel compiles, {kernel.resources.registers} registers a thread")
    system = sd.ODESystem({x: -a * x}, parameters={a: 1})
    run = sd.simulate(system, [0, 1], initial={x: 1}, method="rk4", step=0.01, target="cuda")
    return f"{found}: {_near(float(run.x[-1]), math.exp(-1), 1e-8)}"


#: Every check by the words of its line.
CHECKS: dict[str, Callable[[], str]] = {
    "ODE, dop853": lambda: _decay("dop853"),
    "ODE, tsit5": lambda: _decay("tsit5"),
    "ODE, Taylor series": lambda: _decay("taylor"),
    "stiff ODE, rodas5p": lambda: _decay("rodas5p"),
    "vector lanes": _lanes,
    "map": _iteration,
    "SDE": _stochastic,
    "network, exact": lambda: _counts("ssa"),
    "network, tau-leaping": lambda: _counts("tau"),
    "network, Langevin": lambda: _counts("langevin"),
    "network, hybrid": lambda: _counts("hybrid"),
    "moments": _moments,
    "projection": _projection,
    "field": _field,
    "cells in a bulk": _cells,
    "recovery": _recovery,
    "files": _files,
    "stores": _store,
    "SBML": _exchange,
    "CUDA": _card,
}


def findings() -> Iterator[Finding]:
    """Run every check, one after another.

    Yields
    ------
    Finding
    """
    for name, check in CHECKS.items():
        begin = time.perf_counter()
        try:
            outcome, message = "ok", check()
        except _Skipped as reason:
            outcome, message = "skipped", str(reason)
        except Exception as error:  # whatever is wrong with the installation: the report names it
            outcome, message = "failed", f"{type(error).__name__}: {error}"
        yield Finding(name, outcome, message, time.perf_counter() - begin)
