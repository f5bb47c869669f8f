"""Equations of chaotic flows from one noisy trajectory with nothing known: how often they have exactly the right terms.

    python -m benchmarks.discovery.noisy_flows --rows out/noisy_flows.jsonl --out benchmarks/results

Lorenz's equations from 1,001 points on [0, 10] with normal noise, a share of the standard deviation of each state, in 20
realisations; and ten further flows of dysts from 1,000 points at 100 points a period.  A run that was killed goes on where it
ended.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

import symdyn as sd
from benchmarks.discovery.flows import flow, trajectories
from benchmarks.discovery.rows import Rows, keep
from benchmarks.harness import attempt

__all__ = ["FLOWS", "NOISES", "lorenz", "main", "recovered", "summary"]

NOISES, SEEDS = (0.1, 0.2, 0.3), 20
FLOWS = (
    "BurkeShaw", "Dadras", "LuChen", "PehlivanWei", "Qi", "Rucklidge", "Sakarya", "ShimizuMorioka", "SprottG", "WangSun",
)  # fmt: skip
FLOW_NOISE = 0.01
KEY = ("system", "noise", "seed")
#: Runs with the right terms that are asked for.
GOALS = {("Lorenz", 0.1): 18, ("Lorenz", 0.2): 18, ("Lorenz", 0.3): 10, ("ten flows", FLOW_NOISE): 8}


@cache
def lorenz() -> tuple[np.ndarray, np.ndarray, tuple[frozenset[sp.Expr], ...]]:
    """Times (1001,), states (1001, 3) and the terms of each equation."""
    x, y, z = states = sp.symbols("x0:3")
    sides = (10 * (y - x), 28 * x - y - x * z, x * y - sp.Rational(8, 3) * z)
    system = sd.ODESystem(dict(zip(states, sides, strict=True)), initial=dict(zip(states, (-8.0, 8.0, 27.0), strict=True)))
    times = np.linspace(0, 10, 1001)
    run = sd.simulate(system, times, method="dop853", rtol=1e-12, atol=1e-12, progress=False)
    return (
        times,
        np.stack([run[s.name].to_numpy().ravel() for s in states], axis=1),
        tuple(_terms(side, states) for side in sides),
    )


def _terms(side: sp.Expr, states: Sequence[sp.Symbol]) -> frozenset[sp.Expr]:
    return frozenset(e.as_independent(*states, as_Add=False)[1] for e in sp.Add.make_args(sp.expand(side)))


@cache
def _flow(name: str) -> tuple[np.ndarray, np.ndarray, tuple[frozenset[sp.Expr], ...]]:
    found = flow(name)
    if found is None:
        raise ValueError(f"{name} is no polynomial flow")
    times, values = trajectories(name, 1)
    sides = [sp.Matrix(found.coefficients)[k, :].dot(sp.Matrix(found.terms)) for k in range(len(found.coefficients))]
    return times, values[0], tuple(_terms(side, found.system.states) for side in sides)


def recovered(name: str, noise: float, seed: int) -> dict[str, Any]:
    """Whether the first model has exactly the right terms, and CPU seconds."""
    times, values, truth = lorenz() if name == "Lorenz" else _flow(name)
    states = sp.symbols(f"x0:{values.shape[1]}")
    noisy = values + noise * values.std(axis=0) * np.random.default_rng([seed, 7]).standard_normal(values.shape)
    columns = dict(zip((s.name for s in states), noisy.T, strict=True))
    before = time.process_time()
    found = sd.recover(None, pd.DataFrame({"time": times, **columns}), progress=False, seed=seed)
    seconds = time.process_time() - before
    sides = [found.terms[f"f_{s.name}"] for s in states]
    exact = all(_terms(side, states) == right for side, right in zip(sides, truth, strict=True))
    return {"exact": exact, "seconds": seconds, "equations": "; ".join(map(str, sides))}


def cases() -> Iterator[tuple[str, float, int]]:
    """All runs."""
    for seed in range(SEEDS):
        yield from (("Lorenz", noise, seed) for noise in NOISES)
    yield from ((name, FLOW_NOISE, 0) for name in FLOWS)


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Runs, those with exactly the right terms, how many should be, and median CPU seconds."""
    what = np.where(frame["system"] == "Lorenz", "Lorenz", "ten flows")
    groups = frame.assign(what=what).groupby(["what", "noise"])
    found = pd.DataFrame({"runs": groups.size(), "exact": groups["exact"].sum(), "median seconds": groups["seconds"].median()})
    return found.assign(goal=[GOALS.get(case, "") for case in found.index])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.discovery.noisy_flows", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rows", type=Path, default=Path("out") / "noisy_flows.jsonl", help="file of rows, which are kept")
    parser.add_argument("--out", type=Path, default=Path("out") / "benchmarks", help="folder of the table")
    parser.add_argument("--most", type=int, help="stop after so many further runs")
    chosen = parser.parse_args(arguments)
    rows, began = Rows(chosen.rows, KEY), os.getloadavg()[0]
    for case in [case for case in cases() if case not in rows.found][: chosen.most]:
        found, note = attempt(partial(recovered, *case))
        rows.add({**dict(zip(KEY, case, strict=True)), **(found or {"exact": False, "seconds": np.nan}), "note": note})
    frame = rows.frame()
    by_flow = frame.loc[frame["system"] != "Lorenz", ["system", "exact", "seconds"]]
    lines = [
        (__doc__ or "").split("\n\n")[0], "",
        f"Load of the machine {began:.1f} at the start, {os.getloadavg()[0]:.1f} at the end.", "",
        summary(frame).round(2).to_string(), "", by_flow.round(2).to_string(index=False), "",
    ]  # fmt: skip
    keep(chosen.out / "noisy_flows.txt", "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
