"""What events cost models without them: ``python -m benchmarks.events_cost [--old COMMIT] [--rounds N]`` writes a table.

The same runs by an old commit, by default the last one that knew no events, and by the working tree, in processes of their own
that take turns; CPU-seconds, and ratios of the old to the new round by round.  Above 1 the working tree is faster.  Most of the
time goes to compiling the drivers of the old one, those of the new one are in the cache that symdyn has anyway; with ``--cache
FOLDER`` the former are kept there for the next run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

import symdyn as sd

HERE = Path(__file__).parent
OUT = HERE / "results" / "events_cost.txt"
OLD = "868d4fd"
Act = Callable[[], object]
#: Repetitions in a round, of which the fastest counts.
REPEATS = 5


def cases() -> Mapping[str, Act]:
    """Runs by name: methods on models of a few equations, single trajectories and thousands."""
    x, y, a, b, c, d, n = sp.symbols("x y a b c d n")
    rates, values = {x: a * x - b * x * y, y: c * x * y - d * y}, {a: 0.5, b: 0.03, c: 0.03, d: 0.8}
    cycle, start, times = sd.ODESystem(rates, values), {x: 30, y: 4}, np.linspace(0, 100, 51)
    stiff = sd.ODESystem({x: y, y: 100 * (1 - x**2) * y - x})
    noisy = sd.SDESystem({x: a * (1 - x)}, {x: 0.3 * x}, {a: 0.5})
    chain = sd.DiscreteSystem({n: a * n * (1 - n)}, {a: 3.9})
    dimers = sd.ReactionNetwork.from_text("0 -> X, 500; 2 X -> Y, 0.001; Y -> 2 X, 0.1; Y -> 0, 0.2")
    common: dict[str, Any] = {"seed": 1, "progress": False, "layout": sd.Layout(threads=1)}

    def run(system: sd.System, t: np.ndarray, initial: Any, method: str, count: int, **options: Any) -> Callable[[], object]:
        several: dict[str, Any] = {"trajectories": count} if count > 1 else {}
        return lambda: sd.simulate(system, t, initial=initial, method=method, **several, **options, **common)

    tight: dict[str, Any] = {"rtol": 1e-8, "atol": 1e-10}
    found = {}
    for method in ("tsit5", "dop853"):
        found[f"{method}, 1"] = run(cycle, np.linspace(0, 1000, 51), start, method, 1, **tight)
        found[f"{method}, 2000"] = run(cycle, times, start, method, 2000, **tight)
    found["rodas5p, 1"] = run(stiff, np.linspace(0, 2000, 11), {x: 2, y: 0}, "rodas5p", 1, **tight)
    found["rodas5p, 500"] = run(stiff, np.linspace(0, 200, 11), {x: 2, y: 0}, "rodas5p", 500, **tight)
    for method in ("euler-maruyama", "heun", "milstein", "sra1"):
        system = sd.SDESystem({x: a * (1 - x)}, {x: 0.3}, {a: 0.5}) if method == "sra1" else noisy
        found[f"{method}, 2000"] = run(system, times, {x: 1}, method, 2000, step=0.05)
    found["iterate, 5000"] = run(chain, np.arange(2001.0), {n: 0.3}, "iterate", 5000)
    found["ssa, 200"] = run(dimers, np.linspace(0, 20, 11), {"X": 0, "Y": 0}, "ssa", 200)
    found["tau, 200"] = run(dimers, np.linspace(0, 20, 11), {"X": 0, "Y": 0}, "tau", 200)
    return found


def measure() -> dict[str, float]:
    """CPU-seconds of each case, the fastest of `REPEATS` after one that compiles."""
    taken = {}
    for name, act in cases().items():
        act()
        spans = []
        for _ in range(REPEATS):
            begin = time.process_time()
            act()
            spans.append(time.process_time() - begin)
        taken[name] = min(spans)
    return taken


def in_tree(tree: Path, cache: Path | None) -> dict[str, float]:
    """`measure` of the symdyn in a folder, by this file in a process of its own, whose messages are shown.

    With its drivers in the folder `cache`, or in that of the user.

    With ``-P``, or modules of this folder such as ``reference`` and ``sbml`` would be found before installed ones.
    """
    paths = os.pathsep.join([str(tree), str(tree / "kernels")])
    environment = {**os.environ, "PYTHONPATH": paths, **({} if cache is None else {"SYMDYN_CACHE_DIR": str(cache)})}
    done = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).resolve()), "--measure"],
        cwd=tree, env=environment, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


def table(old: str, rounds: int, cache: Path | None = None) -> str:
    """The ratios of an old commit, with drivers in the folder `cache`, to the working tree, and how busy the machine was."""
    archive = subprocess.run(["git", "archive", old], cwd=HERE.parent, check=True, stdout=subprocess.PIPE).stdout
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder) / "old"
        with tarfile.open(fileobj=BytesIO(archive)) as packed:
            packed.extractall(there, filter="data")
        trees = {"old": (there, (cache or Path(folder)) / "cache-old"), "new": (HERE.parent, None)}
        taken, loads = [], []
        for _ in range(rounds):
            taken.append({name: in_tree(*tree) for name, tree in trees.items()})
            loads.append(os.getloadavg()[0])
    lines = [f"{'method, trajectories':24} {'old ms':>9} {'new ms':>9}   old/new, median [least, greatest] of {rounds} rounds"]
    for name in taken[0]["new"]:
        before, now = ([r[side][name] for r in taken] for side in ("old", "new"))
        ratios = [b / a for b, a in zip(before, now, strict=True)]
        spread = f"{statistics.median(ratios):6.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
        lines.append(f"{name:24} {statistics.median(before) * 1e3:9.2f} {statistics.median(now) * 1e3:9.2f}   {spread}")
    busy = f"{os.cpu_count()} cores, load average {min(loads):.1f} to {max(loads):.1f} after the rounds"
    return "\n".join([f"Models without events, {old} beside the working tree; {busy}", "", *lines, ""])


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events_cost", description=__doc__)
    parser.add_argument("--old", default=OLD, help=f"a commit ({OLD})")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--cache", type=Path, help="a folder for the compiled drivers of the old commit (one that is removed)")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.measure:
        sys.stdout.write(json.dumps(measure()))
        return 0
    text = table(chosen.old, chosen.rounds, chosen.cache)
    chosen.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
