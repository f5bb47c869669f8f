"""Peers with pins of their own: processes of another interpreter, which report the CPU time that they took."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.harness import Unfit, cpu_seconds

__all__ = ["Foreign"]

HERE = Path(__file__).parent


class Foreign:
    """A script that keeps running in another interpreter, and solves its problem once for every line that it is sent.

    Parameters
    ----------
    name : str
        Of the peer: its script is ``<name>_peer.py``, its interpreter that of ``.venv-<name>``, or of the variable
        ``SYMDYN_<NAME>``.
    start : array
        What it starts from.
    *arguments : object
        Of the script, after the files of start and result.

    Raises
    ------
    Unfit
        If there is no such interpreter, or the script ends.
    """

    def __init__(self, name: str, start: np.ndarray, *arguments: object) -> None:
        python = Path(os.environ.get(f"SYMDYN_{name.upper()}") or HERE.parent / f".venv-{name}" / "bin" / "python")
        if not python.exists():
            raise Unfit(f"not installed ({python} is not there; make bench makes it)")
        self._folder = tempfile.TemporaryDirectory()
        begin, self._result = (Path(self._folder.name, f"{part}.npy") for part in ("start", "result"))
        np.save(begin, start)
        command = [str(python), str(HERE / f"{name}_peer.py"), str(begin), str(self._result), *map(str, arguments)]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self._spent = 0.0
        if self._line() != "ready":
            _, said = self._process.communicate()
            raise Unfit(said.strip().splitlines()[-1] if said.strip() else "its process ended")

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def __call__(self) -> np.ndarray:
        """Solve once more."""
        assert self._process.stdin is not None
        before = cpu_seconds()
        self._process.stdin.write("again\n")
        self._process.stdin.flush()
        taken = float(self._line())
        found = np.asarray(np.load(self._result, allow_pickle=False))
        self._spent += taken - (cpu_seconds() - before)  # to ask is no part of the solution
        return found

    def clock(self) -> float:
        """CPU-seconds of this process, and of the solutions of the other one."""
        return cpu_seconds() + self._spent

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._folder.cleanup()
