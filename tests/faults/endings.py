"""Runs that are killed, or interrupted by Ctrl-C, at random moments, and then done again: nothing may be lost or changed.

Each run is a process, a copy of this one, which has imported everything: it takes milliseconds to begin.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import sympy as sp

import symdyn as sd
from symdyn.codegen.load import import_driver
from symdyn.files import UNFINISHED
from symdyn.models.operators import dx, laplacian
from symdyn.models.pde import PDESystem
from tests.faults.campaign import NETWORK, SUBJECTS, Disturbed, Unfinished, bits, fresh

__all__ = ["INTERRUPTED", "KILLED", "ended"]

#: Seconds of the processor that may pass between Ctrl-C and the end, and seconds after which a process does not end at all.
PROMPT, PATIENCE = 1.0, 60.0
#: Seconds by which files of killed runs are made older, so that those are known to have ended.
AGE = 100_000.0
Run = Callable[[Path], bytes]


# ---- subjects ----------------------------------------------------------------------------------


def _driver(folder: Path) -> bytes:
    """Compile the text of a driver, which takes half a second."""
    text = "from numba import njit\n\n\n@njit('float64(float64)', no_cpython_wrapper=True)\ndef twice(x):\n    return 2 * x\n"
    with patch.dict(os.environ, SYMDYN_CACHE_DIR=str(folder / "cache")):
        return np.float64(import_driver("small", text).twice(3.0)).tobytes()


def _ensemble(folder: Path) -> bytes:
    options: dict[str, Any] = {"initial": {"X": 0}, "trajectories": 20_000, "seed": 3, "progress": False}
    return bits(sd.simulate(NETWORK, [0.0, 1.0, 40.0], layout=sd.Layout(threads=2), **options))


def _sweep(folder: Path) -> bytes:
    options: dict[str, Any] = {"initial": {"X": 0}, "trajectories": 1000, "seed": 3, "progress": False}
    options |= {"parameters": {"k": np.linspace(1, 20, 20)}, "layout": sd.Layout(chunk=1000, threads=2)}
    return bits(sd.simulate(NETWORK, [0.0, 1.0, 40.0], store=folder / "run.zarr", **options).load())


def _field(folder: Path) -> bytes:
    u, x = sp.symbols("u x")
    wave = sp.sin(sp.pi * x / 3)
    pde = PDESystem({u: laplacian(u) / 100 + dx(u**2 / 2)}, (0, 6), boundary="periodic", initial={u: wave})
    grid = pde.discretize(200)
    return bits(sd.simulate(grid, np.linspace(0, 4, 5), method="tsit5", store=folder / "run.zarr", progress=False).load())


#: What is killed.
KILLED: dict[str, Run] = {**{name: subject.run for name, subject in SUBJECTS.items()}, "driver": _driver}
#: What is interrupted: long operations, and those of every other subject.
INTERRUPTED: dict[str, Run] = {"ensemble": _ensemble, "stored sweep": _sweep, "field": _field, **KILLED}


def _imported() -> None:
    """Import what the subjects import, and compile nothing: processes begin fast, and have no threads of libraries before."""
    import dask.array
    import matplotlib.pyplot
    import netCDF4
    import zarr

    assert all((dask.array, matplotlib.pyplot, netCDF4, zarr))
    assert all((sd.Recovery, sd.recover, sd.simulate, sd.compile))


# ---- processes ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _End:
    """How a process ended: its result if it had one, what it wrote to stderr, and the seconds since the signal."""

    result: bytes | None
    signalled: bool
    messages: str
    seconds: float


def _process(run: Run, folder: Path, moment: float | None = None, number: signal.Signals = signal.SIGKILL) -> _End:
    """Run a subject in a copy of this process, and send it a signal after so many seconds."""
    answers, errors = fresh(), fresh()
    child = os.fork()
    if child == 0:
        _in_child(run, folder, answers / "result", errors / "stderr")
    begin, used, sent = time.monotonic(), 0.0, False
    while True:
        ended, _, usage = os.wait4(child, os.WNOHANG)
        if ended:
            break
        now = time.monotonic() - begin
        if moment is not None and now >= moment and not sent:
            used, sent = _processor(child), True
            os.kill(child, number)
        if now > PATIENCE + (moment or 0.0):
            os.kill(child, signal.SIGKILL)
        time.sleep(0.002 if moment is None or sent else max(0.0005, min(0.002, moment - now)))
    result = (answers / "result").read_bytes() if (answers / "result").exists() else None
    messages = (errors / "stderr").read_text() if (errors / "stderr").exists() else ""
    if time.monotonic() - begin > PATIENCE:
        messages += "Traceback: it did not end"
    shutil.rmtree(answers)
    shutil.rmtree(errors)
    return _End(result, sent, messages, usage.ru_utime + usage.ru_stime - used)


def _processor(child: int) -> float:
    """Seconds of the processor that a process has used."""
    try:
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _in_child(run: Run, folder: Path, result: Path, errors: Path) -> None:
    """Run the subject, write what it returned, and end as an interpreter does, without its caller."""
    try:
        os.dup2(os.open(errors, os.O_CREAT | os.O_WRONLY), 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs of a shell in the background ignore it
        found = run(folder)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        result.with_suffix(".half").write_bytes(found)
        result.with_suffix(".half").rename(result)
    except (KeyboardInterrupt, Unfinished):
        pass
    except BaseException as error:
        sys.stderr.write(f"Traceback of a run: {type(error).__name__}: {error}\n")
    finally:
        try:
            threading._shutdown()  # type: ignore[attr-defined]  # waits for threads of pools, as the end of a process does
        finally:
            sys.stderr.flush()
            os._exit(0)


def _swallowed(messages: str) -> bool:
    """Whether Python itself dropped the interrupt, in a destructor or a callback from C, or one found an object half made.

    No code can do better.
    """
    lines = [line for line in messages.strip().splitlines() if not line.startswith("symdyn: ")] or [""]
    ends = lines[-1].startswith(("KeyboardInterrupt", "AttributeError"))
    return lines[0].startswith("Exception ignored") and ends and not any("/symdyn/" in line for line in lines)


# ---- the campaign ------------------------------------------------------------------------------


def ended(name: str, number: signal.Signals, times: int, seed: int = 0) -> Iterator[Disturbed]:
    """The subject ended by a signal at so many random moments, each time done again; those that were late do not count."""
    _imported()
    run = (KILLED if number == signal.SIGKILL else INTERRUPTED)[name]
    rng = random.Random(f"{name} {number} {seed}")
    folder = fresh()
    begin = time.monotonic()
    whole = _process(run, folder)
    length = time.monotonic() - begin
    shutil.rmtree(folder)
    assert whole.result is not None, f"{name}: {whole.messages}"
    while times:
        folder = fresh()
        moment = rng.uniform(0, length)
        end = _process(run, folder, moment, number)
        what = f"{number.name} after {moment:.3f} of {length:.3f} s"
        loss = None
        if end.result is not None and end.result != whole.result:
            loss = "the disturbed run gave something else"
        if _swallowed(end.messages):
            shutil.rmtree(folder)
            continue
        if "Traceback" in end.messages or "Exception ignored" in end.messages:
            loss = f"it wrote {end.messages.strip()[-2000:]}"
        if number == signal.SIGINT and end.signalled and end.seconds > PROMPT:
            loss = f"it ended {end.seconds:.1f} s of the processor after the signal"
        if number == signal.SIGKILL:
            for path in folder.rglob(".*"):
                os.utime(path, (time.time() - AGE,) * 2)
        again = _process(run, folder)
        if again.result != whole.result:
            loss = f"the run after it gave {'something else' if again.result else 'nothing'}: {again.messages[-2000:]}"
        left = [str(p.relative_to(folder)) for p in folder.rglob(f"*{UNFINISHED}*")]
        shutil.rmtree(folder)
        if left:
            loss = loss or f"files are left: {left}"
        if end.signalled and (end.result is None or loss is not None):
            times -= 1
            yield Disturbed(what, f"{end.seconds:.2f} s", loss)
        elif loss is not None:
            raise AssertionError(f"{name} without a signal: {loss}")
