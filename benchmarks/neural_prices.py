"""What prices of a solver's effort do to a flow that is learned from its ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

import symdyn as sd
from benchmarks.harness import Sample, Settings, cpu_seconds, paired
from benchmarks.results import Ratio

__all__ = ["prices", "steps"]

#: Standard deviation that the sides -1 and 1 of the ends are given.
NOISE = 0.4


def steps(settings: Settings) -> int:
    """Most steps of a training."""
    return 3 if settings.quick else 150


def rings(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) of two rings, and which is the outer one."""
    rng, outer = np.random.default_rng(seed), np.arange(count) % 2
    angle, radius = rng.uniform(0, 6.28, count), np.where(outer, 1.6, 0.7) + 0.1 * rng.normal(size=count)
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1), outer


def prices(settings: Settings) -> tuple[list[dict[str, Any]], list[Ratio]]:
    """A flow that takes one ring to the left and the other to the right, with prices of errors and of stiffness.

    Starts are exact, and only the side where a path ends is data; prices and noise were chosen with the rings of the seeds 1
    and 2, which are not among these.  Times of training are those of the second of two, for which everything is compiled.
    """
    x, y, t = sp.symbols("x y t")
    f, g = (sd.network(name, [x, y, t], width=12) for name in "fg")
    hybrid = sd.ODESystem({x: f(x, y, t), y: g(x, y, t)})
    pairs = ((3, 4),) if settings.quick else ((3, 4), (5, 6))
    listed: list[Any] = [None, {"error": 1e3}, {"local error": 1e3}, {"stiffness": 1.0}]
    rows, calls, times = [], {}, {}
    for penalty in listed[:2] if settings.quick else listed:
        name = "none" if penalty is None else ", ".join(f"{k} {v:g}" for k, v in penalty.items())
        needed, right, spent = [], [], []
        for one, other in pairs:
            begin, outer = rings(40 if settings.quick else 160, one)
            others, truth = rings(400, other)
            runs = [{"t": [0, 1], "x": [p[0], 2.0 * k - 1], "y": [p[1], np.nan]} for p, k in zip(begin, outer, strict=True)]
            for _ in range(2):
                before = cpu_seconds()
                found = sd.learn(
                    hybrid, runs, iterations=min(100, steps(settings)), noise={x: NOISE, y: NOISE}, starts="measured",
                    decay=0.01, members=1, penalty=penalty, progress=False,
                )  # fmt: skip
                after = cpu_seconds()
            spent.append(after - before)
            initial = {s: xr.DataArray(others[:, k], dims="point") for k, s in enumerate((x, y))}
            data = sd.simulate(found.system, [0, 1], initial=initial, method="tsit5", rtol=1e-6, atol=1e-6, progress=False)
            needed.append(float(data.evaluations.mean()))
            right.append(float(np.mean((data.x.values[:, -1] > 0) == (truth == 1))))
        calls[name], times[name] = Sample(tuple(needed)), Sample(tuple(spent))
        rows.append({
            "price": name, "calls": calls[name], "accuracy": Sample(tuple(right)), "training, CPU-seconds": times[name],
        })  # fmt: skip
    ratios = [
        Ratio(f"{what} without a price / with {name}", paired(lambda a, b: a / b, measured["none"], c), goal=goal)
        for what, measured, goal in (("calls", calls, 1 / 0.55), ("CPU-seconds of training", times, 1 / 1.1))
        for name, c in measured.items() if "error" in name
    ]  # fmt: skip
    return rows, ratios
