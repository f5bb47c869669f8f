"""Fifty first tasks of users of other programs, solved as the pages of the site say: ``python -m tests.docs.first_tasks``.

``first_tasks.md`` beside this file has them; each ends in a check against theory or another computation.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tempfile
import time
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

__all__ = ["run", "tasks"]

PRELUDE = "import numpy as np, pandas as pd, sympy as sp, xarray as xr, symdyn as sd, matplotlib.pyplot as plt\n"
TASK = re.compile(r"^### (.+?)\n+```python\n(.*?)^```", flags=re.S | re.M)


def tasks() -> dict[str, str]:
    """The code of each task by its title."""
    return dict(TASK.findall(Path(__file__).with_suffix(".md").read_text()))


def run(title: str, code: str) -> None:
    """Run a task in a folder of its own."""
    import matplotlib.pyplot as plt

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        exec(compile(PRELUDE + code, title, "exec"), {})  # our own page, not a user's text
    plt.close("all")


def main() -> None:
    """Run all of them, or those whose titles begin with the arguments, and count."""
    chosen = {title: code for title, code in tasks().items() if title.startswith(tuple(sys.argv[1:]) or "")}
    failed = 0
    for title, code in chosen.items():
        begin = time.process_time()
        try:
            run(title, code)
            said = ""
        except Exception as error:
            said, failed = f"{type(error).__name__}: {error}", failed + 1
        lines = sum(bool(line.strip()) and not line.startswith("assert") for line in code.splitlines())
        print(
            f"{'FAILED' if said else 'works'}  {title} ({lines} lines, {time.process_time() - begin:.1f} s) {said[:300]}",
            flush=True,
        )
    print(f"{len(chosen) - failed} of {len(chosen)}")


if __name__ == "__main__":
    main()
