"""What large systems and state spaces cost: seconds and memory of processes of their own, an equation and a state."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from functools import partial

from benchmarks.compile_time import mark
from benchmarks.harness import Sample, Settings, Unfit, attempt
from benchmarks.results import Ratio, Result

__all__ = ["growth"]

#: Equations, and states of the master equation with the megabytes that they need.
EQUATIONS = (1_000, 10_000, 100_000)
STATES = {1_000_000: 2_000, 10_000_000: 16_000}
#: Cost of one in the smaller size over that in the larger one: no worse, but for the spread of single runs.
GOAL = 0.8

EQUATIONS_PROGRAM = """
import time
from benchmarks.large import Line, brusselator
import symdyn as sd
sd.compile(brusselator(3, {number} + 1), method="rodas5p")(Line(3).start[None], [[0.02]], [0.0, 0.1])
begin = time.process_time()
system = brusselator({size} // 2, {number})
declared = time.process_time()
kernel = sd.compile(system, method="rodas5p")
kernel.prepare(1)
compiled = time.process_time()
run = kernel(Line({size} // 2).start[None], [[0.02]], [0.0, 10.0], rtol=1e-6, atol=1e-6)
assert not run.status[0]
seconds = {{"declare": declared - begin, "compile": compiled - declared, "run": time.process_time() - compiled}}
"""
STATES_PROGRAM = """
import time
from math import isqrt
from benchmarks.cme import brusselator, stationary
case = brusselator(isqrt({size}) * 3 // 20, isqrt({size}))
begin = time.process_time()
found = stationary(case)()
assert abs(float(found.sum()) - 1) < 1e-9
seconds = {{"stationary": time.process_time() - begin}}
"""
SHOW = """
with open("/proc/self/status") as lines:
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
print(*seconds.values(), peak / 1024)
"""


def _run(program: str, names: tuple[str, ...], size: int) -> dict[str, float]:
    """CPU-seconds by name, and megabytes at the peak."""
    text = (program + SHOW).format(size=size, number=mark())
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))}
    done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True)
    if done.returncode:
        why = done.stderr.strip().splitlines()[-1:] or ["ended by the system, perhaps for want of memory"]
        raise Unfit(f"status {done.returncode}: {why[0]}")
    return dict(zip((*names, "memory"), map(float, done.stdout.split()), strict=True))


def _available() -> float:
    """Megabytes of memory that are free."""
    with open("/proc/meminfo") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) / 1024


def growth(settings: Settings) -> Result:
    """First results of 1,000 to 100,000 stiff equations, and stationary distributions of up to ten million states."""
    result = Result({"equations": [], "states": []})
    states = [n for n, need in STATES.items() if need < _available()]
    for table, program, names, sizes in (
        ("equations", EQUATIONS_PROGRAM, ("declare", "compile", "run"), list(EQUATIONS)),
        ("states", STATES_PROGRAM, ("stationary",), states),
    ):
        rows = {}
        for n in sizes[: 1 if settings.quick else None]:
            row, note = attempt(partial(_run, program, names, n))
            if note:
                result.tables[table].append({table: n, "note": note})
                continue
            rows[n] = row
            cells = {f"{name}, s": row[name] for name in names} | {"memory, MB": row["memory"]}
            result.tables[table].append({table: n, **cells})
        for (a, small), (b, large) in itertools.pairwise(rows.items()):
            for name in (*names, "memory"):
                ratio = Sample(((small[name] / a) / (large[name] / b),))
                result.ratios.append(Ratio(f"{name}, {a} / {b} {table}, for each", ratio, GOAL))
    for n in [n for n in STATES if n not in states]:
        result.tables["states"].append({"states": n, "note": f"needs {STATES[n]} MB of free memory"})
    return result
