"""A field from eight sensors and six times, one per cent noise, through a quadratic manifold: errors and intervals over draws.

``python -m benchmarks.sensors --out benchmarks/results/sensors.txt``: three minutes.  Burgers' equation at nu = 0.01 from
a sin(pi x) + b sin(2 pi x), reduced to eight coordinates from nine runs on [0, 1]; three starts that are none of theirs.
Sensors are spread evenly (even draws) or at random (odd ones), and measure at six times within [0, 0.5]; errors are those of
the whole field on [0, 2], relative to it.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr

import symdyn as sd

POINTS, SENSORS, NOISE, LEVEL = 256, 8, 0.01, 0.9
TRAINED = tuple((a, b) for a in (0.5, 0.75, 1.0) for b in (-0.4, 0.0, 0.4))
OTHERS = ((0.6, 0.2), (0.9, -0.3), (0.85, 0.1))
TIMES = np.linspace(0, 2, 101)
MEASURED = np.arange(0, 26, 5)


def burgers() -> tuple[sd.ODESystem, np.ndarray]:
    """Central differences at inner points of (0, 1), with u = 0 at the walls."""
    h, x = 1 / (POINTS + 1), np.linspace(0, 1, POINTS + 2)[1:-1]
    u = (sp.S.Zero, *sp.symbols(f"u0:{POINTS}"), sp.S.Zero)
    rates = {
        u[i]: 0.01 * (u[i - 1] - 2 * u[i] + u[i + 1]) / h**2 - (u[i + 1] ** 2 - u[i - 1] ** 2) / (4 * h)
        for i in range(1, POINTS + 1)
    }
    return sd.ODESystem(rates), x


def runs(full: sd.ODESystem, x: np.ndarray, pairs: tuple[tuple[float, float], ...], times: np.ndarray) -> xr.Dataset:
    """Runs from a sin(pi x) + b sin(2 pi x)."""
    begun = np.array([a * np.sin(np.pi * x) + b * np.sin(2 * np.pi * x) for a, b in pairs])
    initial = {s: xr.DataArray(begun[:, i], dims="start") for i, s in enumerate(full.states)}
    return sd.simulate(full, times, initial=initial, method="rodas5p", rtol=1e-8, atol=1e-10, progress=False)


def draws(count: int) -> pd.DataFrame:
    """A row for each start and draw: error, share of the field within its intervals, CPU-seconds, the background."""
    full, x = burgers()
    small = sd.reduction.pod(full, runs(full, x, TRAINED, TIMES[:51]), 8, 20, manifold="quadratic")
    new, rows = runs(full, x, OTHERS, TIMES), []
    for k, start in enumerate(OTHERS):
        truth = np.stack([new[f"u{i}"].values[k] for i in range(POINTS)], axis=1)
        for draw in range(count):
            rng = np.random.default_rng([draw, k])
            regular = np.arange(POINTS // SENSORS // 2, POINTS, POINTS // SENSORS)
            places = np.sort(rng.choice(POINTS, SENSORS, replace=False)) if draw % 2 else regular
            seen = truth[MEASURED][:, places]
            noise = float(NOISE * np.abs(seen).max())
            values = seen + noise * rng.standard_normal(seen.shape)
            data = {"t": TIMES[MEASURED], **{f"s{p}": v for p, v in zip(places, values.T, strict=True)}}
            began = time.process_time()
            found = small.assimilate(data, at={f"s{p}": f"u{p}" for p in places}, noise=noise, starts=1, level=LEVEL)
            seconds = time.process_time() - began
            later = found.forecast(TIMES[::10])
            field, low, high = (
                np.stack([later[f"u{i}{e}"].values for i in range(POINTS)], 1) for e in ("", "_lower", "_upper")
            )
            exact = truth[::10]
            rows.append({
                "start": str(start), "sensors": "random" if draw % 2 else "even", "draw": draw,
                "error": np.linalg.norm(field - exact) / np.linalg.norm(exact),
                "covered": float(((low <= exact) & (exact <= high)).mean()), "seconds": seconds,
                "background": str(found.background),
            })  # fmt: skip
    return pd.DataFrame(rows)


def text(frame: pd.DataFrame, began: float) -> str:
    """The table of a file of results."""
    groups = frame.groupby(["start", "sensors"], sort=False)
    table = groups["error"].agg(["size", "median", "mean", "max"]).assign(covered=groups["covered"].mean())
    by_draw = frame.groupby("draw")["error"].mean()
    lines = [
        (__doc__ or "").split("\n\n")[0],
        f"{len(frame)} draws; load of the machine {began:.1f} at the start and {os.getloadavg()[0]:.1f} at the end", "",
        table.round(4).to_string(), "",
        f"errors: median {frame['error'].median():.4f}, mean {frame['error'].mean():.4f}, largest {frame['error'].max():.4f}; "
        f"{int((frame['error'] <= 0.005).sum())} of {len(frame)} at most 0.005",
        f"means over the three starts, draw by draw: {', '.join(f'{e:.4f}' for e in by_draw)}",
        f"{LEVEL:.0%} intervals hold {frame['covered'].mean():.1%} of the field (standard error over draws "
        f"{frame['covered'].std() / np.sqrt(len(frame)):.1%})",
        f"backgrounds: {', '.join(f'{n} of {name}' for name, n in frame['background'].value_counts().items())}; "
        f"{frame['seconds'].median():.1f} CPU-seconds an assimilation",
    ]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sensors", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--draws", type=int, default=10, help="for each of the three starts")
    parser.add_argument("--out", type=Path)
    given, began = parser.parse_args(), os.getloadavg()[0]
    found = text(draws(given.draws), began)
    print(found)
    if given.out:
        given.out.write_text(found + "\n")


if __name__ == "__main__":
    main()
