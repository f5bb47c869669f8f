"""Forecasts of chaotic flows by equations from 100, 1,000 and 10,000 points: more data should never make them worse.

    python -m benchmarks.discovery.more_data --rows out/more_data.jsonl --out benchmarks/results

The protocol is that of Gilpin, arXiv:2110.05266: named flows of dysts at 30 points a dominant period, equations recovered with
nothing known from the beginning of one trajectory, and run from six points of another.  The valid time is when the error of a
run, over the root of the summed variances of the states, first exceeds 0.3, in Lyapunov times; the row has the median.  Flows
are integrated here from the equations of dysts, at tight tolerance.  A run that was killed goes on where it ended.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import symdyn as sd
from benchmarks.discovery.rows import Rows, keep
from benchmarks.harness import attempt

__all__ = ["FLOWS", "POINTS", "forecast", "main", "monotone", "orbit", "valid_time"]

FLOWS = (
    "Lorenz", "Rossler", "Chua", "Thomas", "Halvorsen", "Aizawa", "Chen", "SprottB", "SprottE", "RabinovichFabrikant", "Dadras",
    "HindmarshRose", "Lorenz84", "Rucklidge", "NoseHoover", "Finance", "Duffing", "GenesioTesi", "HyperRossler", "Lorenz96",
)  # fmt: skip
POINTS, PER_PERIOD, NOISE = (100, 1_000, 10_000), 30, 0.01
#: Points left for the way to the attractor, and points of the trajectory that is foretold, how often and how far.
WAY, TESTED, STARTS, LYAPUNOV_TIMES = 200, 4_000, 6, 25.0
#: Error at which a forecast is no longer valid, and share of a valid time that counts as no fall.
ASTRAY, ENOUGH = 0.3, 0.9
KEY = ("flow", "points")


@cache
def orbit(name: str, points: int, seed: int) -> tuple[np.ndarray, float, float]:
    """States (points, n) on the attractor, the time between them and the largest Lyapunov exponent, as dysts has it."""
    import dysts.flows as flows
    from scipy.integrate import solve_ivp

    model = getattr(flows, name)()
    start = np.atleast_1d(np.array(model.ic, dtype=float))
    start = start * (1 + 0.01 * np.random.default_rng(seed).standard_normal(start.shape))
    times = np.arange(WAY + points) * float(model.period) / PER_PERIOD

    def rates(t: float, v: np.ndarray) -> np.ndarray:
        return np.asarray(model.rhs(v, t), dtype=float)

    run = solve_ivp(rates, (0, times[-1]), start, "DOP853", t_eval=times, rtol=1e-9, atol=1e-10)
    if len(run.t) < len(times):
        raise RuntimeError(f"{name}: {run.message}")
    return run.y.T[WAY:], float(times[1]), float(model.maximum_lyapunov_estimated)


def valid_time(truth: np.ndarray, run: np.ndarray, spread: float, each: float) -> float:
    """When a run (T, n) is first further from the truth than the share of the spread, each step taking so long."""
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.linalg.norm(run - truth, axis=1) / spread
    astray = np.flatnonzero(~(error < ASTRAY))
    return float(each * (astray[0] if astray.size else len(truth)))


def forecast(name: str, points: int) -> dict[str, Any]:
    """Equations from so many points, and the median of their valid times."""
    known, step, exponent = orbit(name, max(POINTS), 1)
    tested = orbit(name, TESTED, 2)[0]
    states = [f"x{k}" for k in range(known.shape[1])]
    noise = NOISE * known[:points].std(axis=0) * np.random.default_rng(5).standard_normal((points, len(states)))
    data = pd.DataFrame({"time": np.arange(points) * step, **dict(zip(states, (known[:points] + noise).T, strict=True))})
    before = time.process_time()
    found = sd.recover(None, data, progress=False, seed=0)
    seconds = time.process_time() - before
    ahead = int(min(LYAPUNOV_TIMES / exponent / step, TESTED // 2))
    spread = float(np.sqrt(tested.var(axis=0).sum()))
    each = []
    for first in np.linspace(250, TESTED - ahead - 1, STARTS).astype(int):
        truth = tested[first : first + ahead + 1]
        run, _ = attempt(partial(_run, found.system, truth[0], np.arange(ahead + 1) * step, states))
        each.append(0.0 if run is None else valid_time(truth[1:], run[1:], spread, exponent * step))
    formulas = "; ".join(f"{s}' = {found.terms[f'f_{s}']}" for s in states)
    return {"valid": float(np.median(each)), "seconds": seconds, "equations": formulas}


def _run(system: Any, start: np.ndarray, times: np.ndarray, states: Sequence[str]) -> np.ndarray:
    initial = dict(zip(states, map(float, start), strict=True))
    run = sd.simulate(system, times, initial=initial, method="dop853", rtol=1e-11, atol=1e-11, progress=False)
    return np.stack([run[s].to_numpy().ravel() for s in states], axis=1)


def monotone(frame: pd.DataFrame) -> pd.DataFrame:
    """Valid times of each flow by points, and whether none is less than `ENOUGH` of one from fewer points."""
    table = frame.pivot(index="flow", columns="points", values="valid")
    steps = list(zip(table.columns[:-1], table.columns[1:], strict=True))
    return table.assign(monotone=np.all([table[b] >= ENOUGH * table[a] for a, b in steps], axis=0) if steps else True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.discovery.more_data", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rows", type=Path, default=Path("out") / "more_data.jsonl", help="file of rows, which are kept")
    parser.add_argument("--out", type=Path, default=Path("out") / "benchmarks", help="folder of the table")
    parser.add_argument("--flows", nargs="+", default=FLOWS, choices=FLOWS)
    parser.add_argument("--points", nargs="+", type=int, default=POINTS, choices=POINTS)
    chosen = parser.parse_args(arguments)
    rows, began = Rows(chosen.rows, KEY), os.getloadavg()[0]
    for points in chosen.points:
        for name in chosen.flows:
            if (name, points) not in rows.found:
                found, note = attempt(partial(forecast, name, points))
                rows.add({"flow": name, "points": points, **(found or {"valid": 0.0, "seconds": np.nan}), "note": note})
    frame = rows.frame()
    table = monotone(frame)
    lines = [
        (__doc__ or "").split("\n\n")[0], "",
        f"Noise {NOISE:g} of the standard deviation of each state; nothing known; valid times in Lyapunov times, at most "
        f"{LYAPUNOV_TIMES:g}.", f"Load of the machine {began:.1f} at the start, {os.getloadavg()[0]:.1f} at the end.", "",
        table.round(2).to_string(), "", f"monotone: {int(table['monotone'].sum())} of {len(table)} flows, goal 18 of 20", "",
        frame.groupby("points")[["valid", "seconds"]].median().round(2).to_string(), "",
    ]  # fmt: skip
    keep(chosen.out / "more_data.txt", "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
