"""A trace of the first call in a fresh process: what is imported, read and computed, in milliseconds of CPU time.

``python -m benchmarks.first_call`` measures two equations with 101 output times, the compiled code of which is in the cache, in
several processes, and writes the medians into the README of this folder.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import median

__all__ = ["main", "trace"]

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- first call: made by python -m benchmarks.first_call -->", "<!-- first call: end -->"
#: Runs in a warm process over which the least and the median are taken.
AGAIN = 300

MODEL = '''
MODEL = """
x' = a*x - b*x*y
y' = c*x*y - d*y
"""
VALUES = {"parameters": {"a": 0.5, "b": 0.03, "c": 0.03, "d": 0.8}, "initial": {"x": 30, "y": 4}}
'''
PROGRAM = f"""
import json, time
clock, marks = time.process_time, {{}}

def mark(name, begin):
    marks[name] = 1000 * (clock() - begin)

begin = clock(); import sympy, numpy, xarray; mark("import sympy, numpy, xarray", begin)
begin = clock(); import symdyn as sd; mark("import symdyn", begin)
begin = clock(); sd.simulate; mark("what simulate imports", begin)
{MODEL}
begin = clock(); system = sd.ODESystem.from_text(MODEL, **VALUES); mark("declare the system from text", begin)

from symdyn.codegen import cache, functions, load, machine_code
from symdyn.simulation import dataset, gather

def timed(owner, name, label):
    function = getattr(owner, name)
    def wrapped(*arguments, **options):
        begin = clock()
        try:
            return function(*arguments, **options)
        finally:
            marks[label] = marks.get(label, 0.0) + 1000 * (clock() - begin)
    setattr(owner, name, wrapped)

timed(cache, "read", "  files of the cache, read and checked")
timed(load, "CompiledModule", "  machine code, loaded")
timed(load, "linked", "  sources of drivers, read for their fingerprint")
timed(functions, "generator", "  sources of the generator, read for their fingerprint")
timed(machine_code.MachineFunction, "__call__", "  the driver")
timed(gather, "trajectory_dataset", "  the dataset")
times = numpy.linspace(0, 20, 101)
begin = clock(); sd.simulate(system, times, progress=False); mark("simulate, first", begin)
marks = {{name: marks[name] for name in sorted(marks, key=lambda n: n.startswith("  "))}}
begin = clock(); sd.simulate(system, times, progress=False); mark("simulate, second", begin)
print(json.dumps(marks))
"""
WARM = f"""
import json, time
import numpy, symdyn as sd
{MODEL}
system, times, found = sd.ODESystem.from_text(MODEL, **VALUES), numpy.linspace(0, 20, 101), []
for _ in range({AGAIN}):
    begin = time.perf_counter()
    sd.simulate(system, times, progress=False)
    found.append(1000 * (time.perf_counter() - begin))
print(json.dumps([sorted(found)[len(found) // 2], min(found)]))
"""
IMPORTS = f"import sympy, numpy, xarray, sys; print('begin', file=sys.stderr)\nimport symdyn as sd\n{MODEL}\n" + (
    "sd.simulate(sd.ODESystem.from_text(MODEL, **VALUES), [0, 20], progress=False)"
)


def _run(program: str, *options: str) -> tuple[str, str, float]:
    """Output and messages of a process, and the CPU time that it took in milliseconds."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = os.times()
    done = subprocess.run(
        [sys.executable, *options, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return done.stdout, done.stderr, 1000 * used


def trace(rounds: int) -> str:
    """The trace as Markdown."""
    _run(PROGRAM)  # now everything is compiled, and bytecode is there
    runs, totals, begun, warm = [], [], [], []
    for _ in range(rounds):
        out, _, used = _run(PROGRAM)
        runs.append(json.loads(out))
        totals.append(used)
        begun.append(_run("")[2])
        warm.append(json.loads(_run(WARM)[0]))
    lines = ["| step | CPU time, ms |", "|---|---|", f"| Python itself | {median(begun):.0f} |"]
    names = list(runs[0])
    parts = [n for n in names if n.startswith("  ")]
    for name in [n for n in names if not n.startswith("  ")]:
        lines.append(f"| {name} | {median(r[name] for r in runs):.1f} |")
        if name == "simulate, first":
            lines += [f"| &nbsp;&nbsp;of that: {n.strip()} | {median(r[n] for r in runs):.1f} |" for n in parts]
    lines.append(f"| the process | {median(totals):.0f} |")
    middle, least = (median(values) for values in zip(*warm, strict=True))
    lines += [
        "",
        f"A run in a warm process takes {middle:.2f} ms of wall clock (median of {AGAIN}; the least {least:.2f}).",
        "",
    ]
    owners: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for own, name in re.findall(
        r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", _run(IMPORTS, "-X", "importtime")[1].partition("begin\n")[2]
    ):
        owner = ".".join(name.split(".")[: 2 if name.startswith("symdyn.") else 1])
        owners[owner] += int(own)
        counts[owner] += 1
    lines += ["| imported besides sympy, numpy and xarray | modules | ms |", "|---|---|---|"]
    lines += [f"| `{owner}` | {counts[owner]} | {own / 1000:.1f} |" for owner, own in owners.most_common() if own >= 1000]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_call", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="processes of each kind (5)")
    text = README.read_text(encoding="utf-8")
    found = trace(parser.parse_args(arguments).rounds)
    before, _, rest = text.partition(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{found}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    sys.stdout.write(f"{found}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
