"""ODEBench: ordinary differential equations to be found from a single noisy trajectory, and how what is found is judged.

Each system has two initial states.  The trajectory from the first, 512 points on [0, 10], is corrupted and handed over; what is
found is integrated from the true first state (reconstruction) and from the second (generalisation), and counts where R² with
the true trajectory is above 0.9.  Trajectories are integrated from the equations at tight tolerance: two of those that come
with the benchmark are not converged.  Beside that the structure of the equations is compared with that of the truth.

References
----------
d'Ascoli, Becker, Mathis, Schwaller, Kilbertus, ICLR 2024 (arXiv:2310.05573).
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import sympy as sp

import symdyn as sd
from benchmarks.discovery.odebench_peers import METHODS, Method
from benchmarks.discovery.scores import r_squared
from benchmarks.discovery.structure import structure
from benchmarks.harness import attempt
from symdyn.errors import SymdynError
from symdyn.parsing import parse_expression

__all__ = [
    "CORRUPTIONS", "TIMES", "Score", "Task", "corrupted", "exact", "integrated", "reference", "run",
    "score", "summary", "tasks",
]  # fmt: skip

#: Noise relative to each value, and the share of the points that is dropped.
CORRUPTIONS = ((0.0, 0.0), (0.01, 0.0), (0.05, 0.0), (0.05, 0.5))
TIMES = np.linspace(0.0, 10.0, 512)
#: A run counts where R² is above this.
ENOUGH = 0.9
RTOL, ATOL = 1e-11, 1e-13
#: Of runs of what was found.
FOUND_RTOL, FOUND_ATOL, FOUND_STEPS = 1e-9, 1e-11, 200_000
#: A coefficient below this, relative to the largest of its equation along the trajectory, is no term.
NEGLIGIBLE = 1e-6


@dataclass(frozen=True)
class Task:
    """One system of the benchmark.

    Attributes
    ----------
    number : int
    name : str
    states : tuple of Symbol
    sides : tuple of Expr
        Right-hand sides with numbers for the constants.
    initial : (2, n) float64
    """

    number: int
    name: str
    states: tuple[sp.Symbol, ...]
    sides: tuple[sp.Expr, ...]
    initial: np.ndarray


@dataclass(frozen=True)
class Score:
    """How well a system was found.

    Attributes
    ----------
    reconstruction, generalisation : float
        R² from the first and from the second initial state; minus infinity if the system cannot be integrated.
    exact : bool
        Whether every equation has the terms of the truth and no others.
    """

    reconstruction: float
    generalisation: float
    exact: bool

    @property
    def passed(self) -> tuple[bool, bool, bool]:
        """Reconstruction and generalisation above `ENOUGH`, and exact."""
        return self.reconstruction > ENOUGH, self.generalisation > ENOUGH, self.exact


@cache
def tasks(path: Path | None = None) -> tuple[Task, ...]:
    """The systems of a file, by default those that come with this package."""
    file = path or Path(__file__).with_suffix(".json")
    return tuple(_task(entry) for entry in json.loads(file.read_text(encoding="utf-8"))["systems"])


def _task(entry: dict) -> Task:
    texts, values = entry["equations"], entry["constants"]
    states = tuple(sp.Symbol(f"x_{i}") for i in range(len(texts)))
    numbers = {sp.Symbol(f"c_{k}"): sp.nsimplify(value, rational=True) for k, value in enumerate(values)}
    sides = []
    for text in texts:
        # the language of symdyn has no cotangent
        read = parse_expression(text.replace("cot(x_1)", "(cos(x_1)/sin(x_1))")).xreplace(numbers)
        sides.append(read.xreplace({s: state for s in read.free_symbols for state in states if s.name == state.name}))
    return Task(entry["id"], entry["name"], states, tuple(sides), np.array(entry["initial"], dtype=float))


def integrated(states: Sequence[sp.Symbol], sides: Sequence[sp.Expr], start: np.ndarray, *, tight: bool = False) -> np.ndarray:
    """The run of a system of equations at `TIMES`, (512, n); NaN from a failure on."""
    system = sd.ODESystem(dict(zip(states, (side.evalf(17) for side in sides), strict=True)))
    rtol, atol = (RTOL, ATOL) if tight else (FOUND_RTOL, FOUND_ATOL)
    kernel = sd.compile(system)
    return kernel(start[None], np.zeros((1, 0)), TIMES, rtol=rtol, atol=atol, max_steps=FOUND_STEPS).values[0]


@cache
def reference(number: int, which: int, path: Path | None = None) -> np.ndarray:
    """The true run of a system from one of its initial states, (512, n)."""
    task = next(t for t in tasks(path) if t.number == number)
    run = integrated(task.states, task.sides, task.initial[which], tight=True)
    if not np.isfinite(run).all():
        raise RuntimeError(f"system {number} cannot be integrated from its initial state {which}")
    return run


def corrupted(number: int, noise: float, dropped: float, seed: int, path: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Times (T,) and values (T, n) of the first trajectory with noise ``x (1 + noise xi)`` and a share of the points dropped.

    The random numbers depend on the system and the seed alone.
    """
    rng = np.random.default_rng([seed, number])
    values = reference(number, 0, path)
    values = values * (1 + noise * rng.normal(size=values.shape))
    kept = rng.random(len(TIMES)) >= dropped
    return TIMES[kept], values[kept]


def exact(task: Task, sides: Sequence[sp.Expr], path: Path | None = None, *, least: float = NEGLIGIBLE) -> bool:
    """Whether every right-hand side has the structure of the true one; terms below `least` count for none, see `structure`."""
    run = reference(task.number, 0, path)
    values = dict(zip(task.states, run.T, strict=True))
    return all(
        structure(found, values, least=max(least, NEGLIGIBLE)) == structure(true, values, least=NEGLIGIBLE)
        for found, true in zip(sides, task.sides, strict=True)
    )


def score(task: Task, sides: Sequence[sp.Expr], path: Path | None = None, *, least: float = NEGLIGIBLE) -> Score:
    """Judge right-hand sides, with numbers for all constants, in the states of a task."""
    found = []
    for which in (0, 1):
        try:
            run = integrated(task.states, sides, task.initial[which])
            found.append(r_squared(reference(task.number, which, path), run))
        except SymdynError:
            found.append(-np.inf)
    return Score(found[0], found[1], exact(task, sides, path, least=least))


def run(
    seeds: Sequence[int] = (0,),
    corruptions: Sequence[tuple[float, float]] = CORRUPTIONS,
    numbers: Sequence[int] | None = None,
    methods: Mapping[str, Method] = METHODS,
    report: Callable[[dict], None] | None = None,
) -> pd.DataFrame:
    """One row a system, corruption, seed and method; a method that fails finds nothing, and the row says why.

    Columns system, noise, dropped, seed, method, reconstruction, generalisation, exact, seconds (of the processor), note.
    """
    rows = []
    chosen = [task for task in tasks() if numbers is None or task.number in numbers]
    for (noise, dropped), seed in itertools.product(corruptions, seeds):
        for task, (name, method) in itertools.product(chosen, methods.items()):
            times, values = corrupted(task.number, noise, dropped, seed)
            before = time.process_time()
            law, note = attempt(partial(method, times, values, task.states, seed))
            seconds = time.process_time() - before
            found, failed = attempt(partial(score, task, law.sides, least=law.least)) if law is not None else (None, note)
            found = found or Score(-np.inf, -np.inf, False)
            row = {"system": task.number, "noise": noise, "dropped": dropped, "seed": seed, "method": name}
            row |= {"reconstruction": found.reconstruction, "generalisation": found.generalisation, "exact": found.exact}
            rows.append(row | {"seconds": seconds, "note": failed})
            if report is not None:
                report(rows[-1])
    return pd.DataFrame(rows)


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """By noise, share dropped and method: runs, the shares of them that count, CPU seconds, and how many failed."""
    groups = frame.groupby(["noise", "dropped", "method"])
    shares = {
        name: frame[name].gt(ENOUGH).groupby([frame[k] for k in ("noise", "dropped", "method")]).mean()
        for name in ("reconstruction", "generalisation")
    }
    return pd.DataFrame(
        {
            "runs": groups.size(),
            **shares,
            "exact": groups["exact"].mean(),
            "median seconds": groups["seconds"].median(),
            "failed": groups["note"].apply(lambda notes: int((notes != "").sum())),
        }
    )
