"""150 first tasks of users of other programs, solved as the pages of the site say: ``python -m tests.docs.first_tasks``.

The pages beside this file have them, each beside the same in the other program and with a check against theory or another
computation.  ``--peers`` runs the code of the others that are installed, ``--table`` writes the tables of lines anew.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl

mpl.use("Agg")

__all__ = ["PAGES", "Task", "lines", "run", "table", "tasks"]

PAGES = [Path(__file__).with_name(name) for name in ("first_tasks.md", "further_first_tasks.md", "third_first_tasks.md")]
PRELUDE = "import numpy as np, pandas as pd, sympy as sp, xarray as xr, symdyn as sd, matplotlib.pyplot as plt\n"
TASK = re.compile(r"^### (.+?)\n+```python\n(.*?)^```\n\n(.+?):\n\n```(\w+)\n(.*?)^```", flags=re.S | re.M)
TABLE = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end -->)", flags=re.S)
#: Lines that are not counted on either side.
UNCOUNTED = ("#", "import ", "from ", "using ", "assert ")
#: Seconds after which a task of another program is stopped.
PATIENCE = 60
#: What the code of the others begins with, and the package that it needs; those without are not run.
PEERS = {
    "GillesPy2": ("gillespy2", "import gillespy2, scipy.stats\n"),
    "COPASI (basico)": ("basico", "import basico\n"),
    "PySINDy": ("pysindy", "import pysindy as ps\nfrom scipy.integrate import solve_ivp\n"),
    "scipy": (
        "scipy", "from scipy.integrate import solve_ivp, solve_bvp, odeint\nfrom scipy.optimize import curve_fit, fsolve\n",
    ),
    "diffrax": (
        "diffrax", "import jax, jax.numpy as jnp, equinox as eqx, optimistix as optx\nfrom diffrax import *\n"
        "from diffrax import backward_hermite_coefficients\n",
    ),
}  # fmt: skip


class Task(NamedTuple):
    """Code of a task here, and in the other program."""

    title: str
    code: str
    peer: str
    language: str
    other: str


def tasks(page: Path | None = None) -> dict[str, Task]:
    """The tasks of a page, or of all, by their titles."""
    text = "".join(p.read_text() for p in (PAGES if page is None else [page]))
    return {found[0]: Task(*found) for found in TASK.findall(text)}


def lines(code: str) -> int:
    """Lines that are counted."""
    bare = [line.strip() for line in code.splitlines()]
    return sum(bool(line) and not line.startswith(UNCOUNTED) and not line.endswith("# given") for line in bare)


def characters(code: str) -> int:
    """Characters without spaces of the lines that are counted."""
    return sum(len(re.sub(r"\s", "", line)) for line in code.splitlines() if lines(line))


def table(page: Path) -> str:
    """Lines here / in the other program, task by task, with sums and characters."""
    found = {title.split(".")[0]: task for title, task in tasks(page).items()}
    kinds = {name[0]: [task for other, task in found.items() if other[0] == name[0]] for name in found}
    heads = {kind: ", ".join(dict.fromkeys(task.peer for task in own)) for kind, own in kinds.items()}
    rows = [["", *heads.values()], ["---"] * (len(kinds) + 1)]
    for i in range(max(map(len, kinds.values()))):
        rows.append([str(i + 1), *(f"{lines(own[i].code)} / {lines(own[i].other)}" for own in kinds.values())])
    sums = [
        f"{sum(lines(t.code) for t in own)} / {sum(lines(t.other) for t in own)} "
        f"({sum(characters(t.code) for t in own)} / {sum(characters(t.other) for t in own)})"
        for own in kinds.values()
    ]
    rows.append(["all", *sums])
    return "\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n\n"


def run(title: str, code: str, prelude: str = PRELUDE) -> None:
    """Run a task in a folder of its own."""
    import matplotlib.pyplot as plt

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        exec(compile(prelude + code, title, "exec"), {})  # our own page, not a user's text
    plt.close("all")


def _interrupted(*_: object) -> None:
    raise TimeoutError(f"stopped after {PATIENCE} s")


def main() -> None:
    """Run all of them, or those whose titles begin with the arguments, and count."""
    flags = {a for a in sys.argv[1:] if a.startswith("--")}
    if "--table" in flags:
        for page in PAGES:
            page.write_text(TABLE.sub(lambda _, page=page: table(page), page.read_text()))
        return
    begins = tuple(a for a in sys.argv[1:] if a not in flags) or ""
    chosen = [task for title, task in tasks().items() if title.startswith(begins)]
    if "--peers" in flags:
        # the build of GillesPy2 starts the python behind this one, which must find SCons
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        chosen = [task for task in chosen if task.peer in PEERS and find_spec(PEERS[task.peer][0])]
    failed = 0
    for task in chosen:
        begin = time.process_time()
        signal.signal(signal.SIGALRM, _interrupted)
        try:
            if "--peers" in flags:
                signal.alarm(PATIENCE)
                run(task.title, task.other, PRELUDE + PEERS[task.peer][1])
            else:
                run(task.title, task.code)
            said = ""
        except Exception as error:
            said, failed = f"{type(error).__name__}: {error}", failed + 1
        finally:
            signal.alarm(0)
        spent = f"{lines(task.code)} lines, {task.peer} {lines(task.other)}, {time.process_time() - begin:.1f} s"
        print(f"{'FAILED' if said else 'works'}  {task.title} ({spent}) {said[:300]}", flush=True)
    print(f"{len(chosen) - failed} of {len(chosen)}")


if __name__ == "__main__":
    main()
