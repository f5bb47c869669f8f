"""Years of a stage-structured population a CPU-second, in a random environment and as whole individuals, beside numpy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import symdyn as sd
from benchmarks.harness import Settings, attempt, interleaved, paired
from benchmarks.results import Ratio, Result

__all__ = ["populations"]

OURS = "symdyn"
YEARS = 100
#: The loggerhead turtle of Crouse, Crowder & Caswell (1987).
TURTLE = np.zeros((7, 7))
TURTLE[0] = [0, 0, 0, 0, 127, 4, 80]
TURTLE[np.arange(1, 7), np.arange(6)] = [0.6747, 0.0486, 0.0147, 0.0518, 0.8091, 0.8091]
TURTLE[np.arange(7), np.arange(7)] = [0, 0.7370, 0.6610, 0.6907, 0, 0, 0.8089]
#: Years of few, of as many as usual, and of many hatchlings.
ENVIRONMENTS = np.array([np.where(np.arange(7)[:, None] == 0, s * TURTLE, TURTLE) for s in (0.5, 1.0, 1.5)])
START = np.array([2000.0, 6500, 1100, 60, 3, 3, 18])
THRESHOLD = 500.0
#: Trajectories of each job: those that go one by one get fewer.
TRAJECTORIES = {"alone": 200, "vectorised": 20_000, "symdyn": 100_000}

Solver = Callable[[int], tuple[float, float]]


def growth_and_risk(last: np.ndarray, least: np.ndarray) -> tuple[float, float]:
    """Mean logarithmic growth a year, and how many were below the threshold."""
    with np.errstate(divide="ignore"):
        rates = np.log(last / START.sum()) / YEARS
    return float(rates[np.isfinite(rates)].mean()), float((least < THRESHOLD).mean())


def make_environment() -> Solver:
    model = sd.leslie.random_environment(list(ENVIRONMENTS), initial=list(START))

    def solve(count: int) -> tuple[float, float]:
        risk = sd.leslie.quasi_extinction(model, THRESHOLD, range(YEARS + 1), trajectories=count, layout=sd.Layout(threads=1))
        return float(risk.log_growth_rate), float(risk.probability[-1])

    return solve


def make_loop() -> Solver:
    """One trajectory after the other, a matrix drawn and multiplied each year, as popbio's stoch.projection does."""
    rng = np.random.default_rng(0)

    def solve(count: int) -> tuple[float, float]:
        last, least = np.empty(count), np.empty(count)
        for k in range(count):
            numbers, fewest = START, START.sum()
            for _ in range(YEARS):
                numbers = ENVIRONMENTS[rng.integers(3)] @ numbers
                fewest = min(fewest, numbers.sum())
            last[k], least[k] = numbers.sum(), fewest
        return growth_and_risk(last, least)

    return solve


def make_vectorised() -> Solver:
    """All trajectories at once, year by year."""
    rng = np.random.default_rng(0)

    def solve(count: int) -> tuple[float, float]:
        numbers, fewest = np.tile(START, (count, 1)), np.full(count, START.sum())
        for _ in range(YEARS):
            drawn = rng.integers(3, size=count)
            following = np.empty_like(numbers)
            for e in range(3):
                following[drawn == e] = numbers[drawn == e] @ ENVIRONMENTS[e].T
            numbers = following
            np.minimum(fewest, numbers.sum(axis=1), out=fewest)
        return growth_and_risk(numbers.sum(axis=1), fewest)

    return solve


def make_individuals() -> Solver:
    chain = sd.leslie.from_matrix(TURTLE, initial=list(START)).demographic()

    def solve(count: int) -> tuple[float, float]:
        risk = sd.leslie.quasi_extinction(chain, THRESHOLD, range(YEARS + 1), trajectories=count, layout=sd.Layout(threads=1))
        return float(risk.log_growth_rate), float(risk.probability[-1])

    return solve


def make_binomials() -> Solver:
    """Fates as binomial numbers, offspring as Poisson numbers, of all trajectories at once."""
    rng = np.random.default_rng(0)
    births = TURTLE[0]

    def solve(count: int) -> tuple[float, float]:
        numbers, fewest = np.tile(START.astype(np.int64), (count, 1)), np.full(count, START.sum())
        for _ in range(YEARS):
            following = np.zeros_like(numbers)
            following[:, 0] = rng.poisson(numbers @ births)
            for j in range(7):
                left, rest = numbers[:, j], 1.0
                for i in range(1, 7):
                    if TURTLE[i, j]:
                        moved = rng.binomial(left, TURTLE[i, j] / rest)
                        following[:, i] += moved
                        left, rest = left - moved, rest - TURTLE[i, j]
            numbers = following
            np.minimum(fewest, numbers.sum(axis=1), out=fewest)
        return growth_and_risk(numbers.sum(axis=1), fewest)

    return solve


def make_matpopmod() -> Solver:
    import matpopmod

    births = np.where(np.arange(7)[:, None] == 0, TURTLE, 0.0)
    model = matpopmod.MPM(S=TURTLE - births, F=births)

    def solve(count: int) -> tuple[float, float]:
        found = model.stochastic_trajectories(START.astype(int), t_max=YEARS, reps=count)
        totals = np.array([np.asarray(t.Y).sum(axis=1) for t in found])
        return growth_and_risk(totals[:, -1].astype(float), totals.min(axis=1))

    return solve


SOLVERS: dict[str, dict[str, tuple[Callable[[], Solver], str]]] = {
    "random environment": {
        OURS: (make_environment, "symdyn"),
        "numpy, all trajectories at once": (make_vectorised, "vectorised"),
        "numpy, one by one (as popbio)": (make_loop, "alone"),
    },
    "individuals": {
        OURS: (make_individuals, "symdyn"),
        "numpy, all trajectories at once": (make_binomials, "vectorised"),
        "matpopmod": (make_matpopmod, "alone"),
    },
}


def populations(settings: Settings) -> Result:
    """Loggerhead turtles over 100 years: million years a CPU-second; mean growth and risk of quasi-extinction agree."""
    tables: dict[str, list[dict[str, Any]]] = {}
    ratios = []
    for title, solvers in SOLVERS.items():
        rows: dict[str, dict[str, Any]] = {}
        jobs, counts = {}, {}
        for name, (make, kind) in solvers.items():
            count = TRAJECTORIES[kind] // (10 if settings.quick else 1)
            rows[name] = {"solver": name, "trajectories": count}
            solve, note = (make(), "") if name == OURS else attempt(make)
            found, note = (solve(count), "") if name == OURS else attempt(partial(solve, count)) if not note else (None, note)
            if note:
                rows[name]["note"] = note
                continue
            rows[name] |= {"log growth rate": found[0], "quasi-extinct": found[1]}
            jobs[name], counts[name] = partial(solve, count), count
        speeds = {
            name: seconds.map(lambda s, n=counts[name]: n * YEARS / s / 1e6)
            for name, seconds in interleaved(jobs, settings.rounds).items()
        }
        for name, speed in speeds.items():
            rows[name]["million years per CPU-second"] = speed
        ratios += [
            Ratio(f"{title}: symdyn / {name}", paired(lambda a, b: a / b, speeds[OURS], speed))
            for name, speed in speeds.items()
            if name != OURS
        ]
        tables[title] = list(rows.values())
    return Result(tables, ratios)
