"""Updates of cells a CPU-second of a random automaton: 64 cells a word, beside arrays of numpy and bytes in compiled loops."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

import symdyn as sd
from benchmarks.harness import Settings, attempt, interleaved, paired
from benchmarks.results import Ratio, Result

__all__ = ["lattices"]

#: Chances that a bond is open: near the critical point of directed percolation, all of whose bits count, and short numbers.
CHANCES = {"0.6447001": 0.6447001, "0.75": 0.75}
SITES, STEPS, OURS = 2**17, 200, "symdyn"

#: From the chance of an open bond to the density after all steps.
Solver = Callable[[], float]


def make_symdyn(chance: float, sites: int) -> Solver:
    s, p = sp.IndexedBase("s"), sp.Symbol("p")
    pairs = s[0] + s[1]
    rule = sp.Piecewise((0, sp.Eq(pairs, 0)), (p, sp.Eq(pairs, 1)), (p * (2 - p), True))
    kernel = sd.compile(sd.Automaton(rule, sites, record="density"))
    full, chances, times = np.ones((1, sites)), np.array([[chance]]), np.array([0.0, STEPS])
    return lambda: float(kernel(full, chances, times, seed=1).values[0, -1, 0])


def make_numpy(chance: float, sites: int) -> Solver:
    """Arrays of truth values, and single-precision random numbers."""

    def run() -> float:
        rng, cells = np.random.default_rng(1), np.ones(sites, bool)
        once, twice = np.float32(chance), np.float32(chance * (2 - chance))
        for _ in range(STEPS):
            right = np.roll(cells, -1)
            drawn = rng.random(sites, dtype=np.float32)
            cells = ((cells ^ right) & (drawn < once)) | (cells & right & (drawn < twice))
        return float(cells.mean())

    return run


def make_numba(chance: float, sites: int) -> Solver:
    """A loop over bytes that draws where a neighbour is 1, with a fast generator of 32 bits."""
    from numba import njit

    @njit(error_model="numpy")
    def run(sites, steps, once, twice):
        cells, following = np.ones(sites, np.uint8), np.empty(sites, np.uint8)
        state = np.uint64(88172645463325252)
        for _ in range(steps):
            for i in range(sites):
                pairs = cells[i] + cells[i + 1 if i + 1 < sites else 0]
                following[i] = 0
                if pairs:
                    state ^= state << np.uint64(13)
                    state ^= state >> np.uint64(7)
                    state ^= state << np.uint64(17)
                    following[i] = (state >> np.uint64(32)) < (once if pairs == 1 else twice)
            cells, following = following, cells
        total = 0
        for i in range(sites):
            total += cells[i]
        return total / sites

    once, twice = (np.uint64(q * 2**32) for q in (chance, chance * (2 - chance)))
    return lambda: float(run(sites, STEPS, once, twice))


def lattices(settings: Settings) -> Result:
    """Updates of cells a CPU-second of directed bond percolation on a ring, one thread."""
    sites = SITES // 8 if settings.quick else SITES
    rows: list[dict[str, Any]] = []
    ratios = []
    for label, chance in CHANCES.items():
        jobs: dict[str, Solver] = {}
        for name, make in ((OURS, make_symdyn), ("numpy", make_numpy), ("numba", make_numba)):
            solve, note = attempt(partial(make, chance, sites))
            if note:
                rows.append({"open bonds": label, "solver": name, "note": note})
            else:
                jobs[name] = solve
        ends = {name: job() for name, job in jobs.items()}
        seconds = interleaved(jobs, settings.rounds)
        for name, sample in seconds.items():
            rows.append(
                {
                    "open bonds": label,
                    "solver": name,
                    "updates/CPU-second": sample.map(lambda t: sites * STEPS / t),
                    "density at the end": ends[name],
                }
            )
        for name in [n for n in seconds if n != OURS]:
            speed = paired(lambda a, b: b / a, seconds[OURS], seconds[name])
            ratios.append(Ratio(f"bonds open with {label}: symdyn / {name}", speed, goal=8.0))
    return Result({"lattices": rows}, ratios)
