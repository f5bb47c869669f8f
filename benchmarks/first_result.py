"""Seconds to the first result of a fresh process, imports apart: a new model with warm drivers, and a known one."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.compile_time import mark
from benchmarks.harness import Sample, Settings
from benchmarks.results import Ratio, Result

__all__ = ["first"]

PARTS = ("import of sympy, numpy, xarray", "import symdyn", "another model", "declare", "first result", "again")
#: CPU-seconds that the first result may take, declaration not included.
GOALS = {"new": 0.2, "known": 0.05}

PROGRAM = """
import time
marks = [time.process_time()]
import sympy, numpy, xarray
marks.append(time.process_time())
import symdyn as sd
sd.simulate, sd.ODESystem
marks.append(time.process_time())
{before}
marks.append(time.process_time())
{declare}
marks.append(time.process_time())
for _ in range(2):
    sd.simulate(system, [0.0, 0.5, 1.0], {options}, progress=False, layout=sd.Layout(threads=1))
    marks.append(time.process_time())
print(*(b - a for a, b in zip(marks, marks[1:])))
"""
#: Loads drivers and what numba sets up once a process.
BEFORE = """
for count in (1, 1000):
    sd.simulate(sd.ODESystem.from_text("z' = -z", initial={"z": 1}), [0.0, 1.0], trajectories=count, progress=False)
    sd.simulate(sd.ReactionNetwork.from_text("Z -> 0, 1; Z(0) = 9"), [0.0, 1.0], trajectories=count, progress=False)
"""
_ODE = (
    "x, a = sympy.symbols('x0:{n}'), sympy.Symbol('a{mark}')\n"
    "system = sd.ODESystem({{x[k]: x[k - 1] * x[k - 2] - a * x[k] for k in range({n})}})"
)
_ENSEMBLE = "parameters={{'a{mark}': [0.5 + 0.01 * k for k in range({count})]}}, initial=dict.fromkeys(system.states, 0.1)"
_NETWORK = "system = sd.ReactionNetwork.from_text('0 -> X, k{mark}; X -> 0, d; X(0) = 10', {{'k{mark}': 10.0, 'd': 1.0}})"
MODELS = {
    "3 equations, one trajectory": (_ODE, _ENSEMBLE, {"n": 3, "count": 1}),
    "3 equations, 1000 trajectories": (_ODE, _ENSEMBLE, {"n": 3, "count": 1000}),
    "30 equations, one trajectory": (_ODE, _ENSEMBLE, {"n": 30, "count": 1}),
    "network, 1000 trajectories": (_NETWORK, "trajectories={count}, seed=1", {"count": 1000}),
}


def _run(model: str, number: int, before: str) -> list[float]:
    declare, options, values = MODELS[model]
    values = {**values, "mark": number}
    text = PROGRAM.format(before=before, declare=declare.format(**values), options=options.format(**values))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))}
    done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=True)
    return [float(v) for v in done.stdout.split()]


def first(settings: Settings) -> Result:
    """The first result of a fresh process, CPU-seconds: new models with warm drivers, and known ones."""
    result = Result({"first": []})
    for model in list(MODELS)[:: 3 if settings.quick else 1]:
        _run(model, mark(), BEFORE)  # now drivers and the disk are warm
        found: dict[tuple[str, str], list[list[float]]] = {}
        for _ in range(settings.rounds):
            for where, before in (("fresh process", ""), ("after another model", BEFORE)):
                number = mark()
                for what in GOALS:
                    found.setdefault((what, where), []).append(_run(model, number, before))
        for (what, where), runs in found.items():
            samples = {part: Sample(values) for part, values in zip(PARTS, zip(*runs, strict=True), strict=True)}
            label = f"{model}, {what}, {where}"
            result.tables["first"].append({"model": label, **{f"{part}, s": s for part, s in samples.items()}})
            goal = GOALS[what]
            ratio = samples["first result"].map(lambda s, goal=goal: goal / s)
            result.ratios.append(Ratio(f"{label}: {goal:g} s / first result", ratio, 1.0))
    return result
