"""Runs that are disturbed at every operation on files, and then done again: nothing may be lost or changed."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

import symdyn as sd
from symdyn.codegen import cache
from symdyn.codegen.drivers import adaptive_driver
from symdyn.errors import SymdynError
from tests.faults.faulty import faults

__all__ = ["SUBJECTS", "Disturbed", "Subject", "disturbed"]

ERRORS = (errno.ENOSPC, errno.EIO)


@dataclass(frozen=True)
class Subject:
    """Something that reads and writes files below a folder, and returns what can be compared."""

    run: Callable[[Path], Any]
    #: Whether an error may end it; what is only kept for later may not.
    may_fail: bool = True


@dataclass(frozen=True)
class Disturbed:
    """What became of a run in which an operation failed."""

    operation: str
    error: str
    #: None if nothing was lost or changed, else what was.
    loss: str | None


def _bits(data: Any) -> bytes:
    return b"".join(np.ascontiguousarray(data[name].values).tobytes() for name in sorted(data.data_vars))


NETWORK = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, d", parameters={"k": 10, "d": 1})
x, f, a = sp.Symbol("x"), sp.Function("f"), sp.Symbol("a")


def _stored(folder: Path, name: str, reduce: Any = None) -> bytes:
    layout = sd.Layout(chunk=100, threads=1)
    options = {"initial": {"X": 0}, "trajectories": 300, "seed": 3, "progress": False, "layout": layout, "reduce": reduce}
    return _bits(sd.simulate(NETWORK, [0.0, 0.5, 2.0], store=folder / name, **options).load())


def _searched(folder: Path) -> bytes:
    t = np.linspace(0, 4, 21)
    noisy = 1 / (1 + 4 * np.exp(-t)) + 0.01 * np.random.default_rng(0).normal(size=21)
    options = {"library": 2, "surrogate": None, "progress": False, "checkpoint": folder / "search.npz"}
    return sd.recover(sd.ODESystem({x: f(x)}), {"t": t, "x": noisy}, **options).table.to_csv().encode()


def _saved(folder: Path) -> bytes:
    t = np.linspace(0, 4, 21)
    found = sd.recover(
        sd.ODESystem({x: f(x)}), {"t": t, "x": 1 / (1 + 4 * np.exp(-t))}, library=2, surrogate=None, progress=False
    )
    found.save(folder / "found")
    return sd.Recovery.load(folder / "found").table.to_csv().encode()


def _compiled(folder: Path) -> bytes:
    import os

    adaptive_driver("tsit5")  # takes ten seconds, and comes from the cache of the process
    before = os.environ.get("SYMDYN_CACHE_DIR")
    os.environ["SYMDYN_CACHE_DIR"] = str(folder / "cache")
    cache._PRIVATE.clear()
    try:
        return sd.compile(sd.ODESystem({x: -a * x**3}), method="tsit5")([[1.0]], [[1.0]], [0.0, 1.0]).values.tobytes()
    finally:
        os.environ.pop("SYMDYN_CACHE_DIR")
        if before is not None:
            os.environ["SYMDYN_CACHE_DIR"] = before


SUBJECTS: dict[str, Subject] = {
    "zarr store": Subject(lambda folder: _stored(folder, "run.zarr")),
    "netCDF store": Subject(lambda folder: _stored(folder, "run.nc")),
    "store of statistics": Subject(lambda folder: _stored(folder, "run.zarr", ["mean", "var"])),
    "checkpoint": Subject(_searched),
    "recovery": Subject(_saved),
    "cache": Subject(_compiled, may_fail=False),
}


def disturbed(name: str, *, step: int = 1) -> Iterator[Disturbed]:
    """The subject with each operation failing in turn, every `step`-th of them, for each of the `ERRORS`."""
    subject = SUBJECTS[name]
    expected = subject.run(_fresh())
    for code in ERRORS:
        folder = _fresh()
        with faults(folder, code=code) as counted:
            subject.run(folder)
        for at in range(0, counted.count, step):
            yield _one(subject, expected, at, code)
            shutil.rmtree(folder, ignore_errors=True)


def _one(subject: Subject, expected: bytes, at: int, code: int) -> Disturbed:
    folder = _fresh()
    error, loss = "", None
    with faults(folder, at, code, lasting=code == errno.ENOSPC) as faulty:
        try:
            if subject.run(folder) != expected:
                loss = "the disturbed run gave something else"
        except SymdynError as reason:
            error = str(reason)
            if not subject.may_fail:
                loss = f"it failed: {reason}"
        except OSError as reason:
            error = f"{reason.filename}: {reason.strerror}"
            loss = None if reason.filename else "an error without the name of a file"
    operation = faulty.operations[at] if at < len(faulty.operations) else "none"
    try:
        if subject.run(folder) != expected:
            loss = "the run after it gave something else"
    except (SymdynError, OSError) as reason:
        loss = f"the run after it failed: {reason}"
    left = [p.name for p in folder.rglob("*") if p.name.endswith(".partial")]
    shutil.rmtree(folder, ignore_errors=True)
    return Disturbed(operation, error, loss or (f"files are left: {left}" if left else None))


def _fresh() -> Path:
    return Path(tempfile.mkdtemp(prefix="symdyn-faults-"))
