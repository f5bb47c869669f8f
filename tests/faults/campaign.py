"""Runs that are disturbed at every operation on files, and then done again: nothing may be lost or changed."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import sympy as sp
from symdyn_kernels.status import INTERRUPTED

import symdyn as sd
from symdyn.codegen.drivers import adaptive_driver
from symdyn.errors import SymdynError
from symdyn.files import UNFINISHED
from tests.faults.faulty import faults

__all__ = ["NETWORK", "SUBJECTS", "Disturbed", "Subject", "Unfinished", "bits", "disturbed", "fresh"]

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


class Unfinished(Exception):
    """A run was interrupted, and gave back what it had."""


def bits(data: Any) -> bytes:
    """All numbers of a dataset.

    Raises
    ------
    Unfinished
        If trajectories are missing.
    """
    if (data["status"] == INTERRUPTED).any():
        raise Unfinished
    return b"".join(np.ascontiguousarray(data[name].values).tobytes() for name in sorted(data.data_vars))


NETWORK = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, d", parameters={"k": 10, "d": 1})
x, f, a = sp.Symbol("x"), sp.Function("f"), sp.Symbol("a")


def _stored(folder: Path, name: str, reduce: Any = None) -> bytes:
    layout = sd.Layout(chunk=100, threads=1)
    options = {"initial": {"X": 0}, "trajectories": 300, "seed": 3, "progress": False, "layout": layout, "reduce": reduce}
    return bits(sd.simulate(NETWORK, [0.0, 0.5, 2.0], store=folder / name, **options).load())


def _searched(folder: Path) -> bytes:
    t = np.linspace(0, 4, 21)
    noisy = 1 / (1 + 4 * np.exp(-t)) + 0.01 * np.random.default_rng(0).normal(size=21)
    options = {"library": 2, "surrogate": None, "progress": False, "checkpoint": folder / "search.npz"}
    found = sd.recover(sd.ODESystem({x: f(x)}), {"t": t, "x": noisy}, **options)
    if not found.complete:
        raise Unfinished
    return found.table.to_csv().encode()


def _saved(folder: Path) -> bytes:
    t = np.linspace(0, 4, 21)
    found = sd.recover(
        sd.ODESystem({x: f(x)}), {"t": t, "x": 1 / (1 + 4 * np.exp(-t))}, library=2, surrogate=None, progress=False
    )
    if not found.complete:
        raise Unfinished
    found.save(folder / "found")
    return sd.Recovery.load(folder / "found").table.to_csv().encode()


def _compiled(folder: Path) -> bytes:
    adaptive_driver("tsit5")  # takes ten seconds, and comes from the cache of the process
    with patch.dict(os.environ, SYMDYN_CACHE_DIR=str(folder / "cache")):
        return sd.compile(sd.ODESystem({x: -a * x**3}), method="tsit5")([[1.0]], [[1.0]], [0.0, 1.0]).values.tobytes()


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
    for code in ERRORS:
        folder = fresh()
        with faults(folder, code=code) as counted:
            expected = subject.run(folder)
        shutil.rmtree(folder)
        for at in range(0, counted.count, step):
            yield _one(subject, expected, at, code)


def _one(subject: Subject, expected: bytes, at: int, code: int) -> Disturbed:
    folder = fresh()
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
    left = [p.name for p in folder.rglob(f".*{UNFINISHED}")]
    shutil.rmtree(folder)
    # what could not be removed, or opened in order to be, is removed an hour later
    removing = operation.startswith(("os.remove", "os.rmdir", "os.scandir")) or (
        operation.startswith("open") and operation.endswith(UNFINISHED)
    )
    if left and not removing:
        loss = loss or f"files are left: {left}"
    return Disturbed(operation, error, loss)


def fresh() -> Path:
    """A new folder for temporary files."""
    return Path(tempfile.mkdtemp(prefix="symdyn-faults-"))
