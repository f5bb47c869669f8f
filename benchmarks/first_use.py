"""The first use of a method: seconds until its drivers are there, each name in a fresh process with an empty cache.

``python -m benchmarks.first_use tsit5 ssa recovery`` measures what `symdyn cache warm` would compile for these names, by numba
or, where `symdyn cache warm --portable` has made them, from bitcode; `--by-numba` ignores bitcode.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import show

__all__ = ["main", "measure"]

#: What is measured unless names are given: the default methods, and the drivers that take longest.
NAMES = (
    "dop853",
    "rodas5p",
    "tsit5",
    "taylor",
    "euler-maruyama",
    "iterate",
    "ssa",
    "tau",
    "fields",
    "events",
    "delays",
    "recovery",
)
PROGRAM = """
import json, logging, sys, time
from pathlib import Path
from symdyn.codegen import portable
from symdyn.io.warming import drivers
logging.getLogger("symdyn").addHandler(logging.NullHandler())
name, portable.FOLDER = sys.argv[1], Path("/nowhere") if sys.argv[2] else portable.FOLDER
wall, cpu = time.perf_counter(), time.process_time()
for make in drivers()[name]:
    make()
row = {"wall clock, s": time.perf_counter() - wall, "CPU time, s": time.process_time() - cpu}
by = "numba" if "numba" in sys.modules else "bitcode"
print(json.dumps({"name": name, "drivers": len(drivers()[name]), **row, "by": by}))
"""


def measure(name: str, *, by_numba: bool) -> dict[str, object]:
    """Seconds that the drivers of a name take in a fresh process."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "SYMDYN_CACHE_DIR": cache}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))
        command = [sys.executable, "-c", PROGRAM, name, "numba" if by_numba else ""]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return dict(json.loads(done.stdout))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_use", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"names of symdyn cache warm --list ({' '.join(NAMES)})")
    parser.add_argument("--by-numba", action="store_true", help="ignore what was made in advance")
    parser.add_argument("--out", type=Path, help="a text file for the table")
    given = parser.parse_args(arguments)
    rows = []
    for name in given.names or NAMES:
        rows.append(measure(name, by_numba=given.by_numba))
        show("first use", rows[-1:])
    if given.out:
        with given.out.open("w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
            show("first use", rows)
            print(f"load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
