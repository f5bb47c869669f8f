"""Scores learned from samples: distances of what they sample from the data, by evaluations, and likelihoods.

``python -m benchmarks scores``; about three minutes of CPU.  Two moons, a checkerboard and eight modes on a ring, 20,000
samples each for training, for each sampler, and for the data; the distance of two sets of data is the least that can be
expected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

import symdyn as sd
from benchmarks.harness import Sample, Settings
from benchmarks.results import Ratio, Result
from symdyn.discover import RecoverOptions

__all__ = ["scores"]

COUNT, DIRECTIONS = 20_000, 500
FIRST, LAST, BUDGETS = 1.0, 1e-3, (5, 10, 20, 40)
x, y, t = sp.symbols("x y t")
b = sp.Rational(1, 10) + sp.Rational(199, 10) * t
ANGLES = 2 * np.pi * np.arange(8) / 8
RING = sd.transport.GaussianMixture([1] * 8, np.stack([1.5 * np.cos(ANGLES), 1.5 * np.sin(ANGLES)], 1).tolist(), [0.15] * 8)


def moons(count: int, seed: int) -> np.ndarray:
    """Two half circles with noise."""
    rng = np.random.default_rng(seed)
    angle, upper = np.pi * rng.random(count), rng.random(count) < 0.5
    one, two = np.stack([np.cos(angle), np.sin(angle)], 1), np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1)
    return np.where(upper[:, None], one, two) + 0.05 * rng.normal(size=(count, 2))


def checkerboard(count: int, seed: int) -> np.ndarray:
    """Eight of sixteen squares of side 1."""
    rng = np.random.default_rng(seed)
    column, row = rng.integers(0, 4, count), rng.integers(0, 2, count)
    corner = np.stack([column - 2, 2 * row + column % 2 - 2], 1)
    return corner + rng.random((count, 2))


def inside(points: np.ndarray) -> float:
    """The share of points in the squares of the checkerboard."""
    cells = np.floor(points).astype(int) + 2
    held = ((cells >= 0) & (cells < 4)).all(axis=1) & ((cells.sum(axis=1)) % 2 == 0)
    return float(held.mean())


def sorted_shadows(points: np.ndarray) -> np.ndarray:
    """Projections of points on random directions (DIRECTIONS, N), each in order."""
    angle = 2 * np.pi * np.random.default_rng(0).random(DIRECTIONS)
    return np.sort(np.stack([np.cos(angle), np.sin(angle)], axis=1) @ points.T, axis=1)


def sliced(a: np.ndarray, c: np.ndarray) -> float:
    """The sliced Wasserstein distance of two sets of as many points, from their projections in order."""
    return float(np.sqrt(np.mean((a - c) ** 2)))


BEDS: dict[str, Callable[[int, int], np.ndarray]] = {
    "moons": moons, "checkerboard": checkerboard, "ring": lambda count, seed: RING.sample(count, seed=seed),
}  # fmt: skip

#: The mean logarithm of the exact density at points, where it is known.
KNOWN: dict[str, Callable[[np.ndarray], float]] = {
    "moons": lambda points: float("nan"), "checkerboard": lambda points: -float(np.log(8)),
    "ring": lambda points: float(RING.log_pdf(points).mean()),
}  # fmt: skip
#: Samplers with goals: a distance of so many times that of two sets of data, and a share of points inside the squares.
GOALS = (("dpm-solver++2m", 20), ("deis-tab3", 10), ("dpm-solver-v3-2", 10))
ALLOWED, INSIDE = 2.5, 0.94
#: Further sets of data, and the training of a quick run.
FLOORS, BRIEF = 4, {"width": 32, "depth": 2, "steps": 300, "batch": 256}


def states(points: np.ndarray) -> dict[sp.Symbol, xr.DataArray]:
    """Points as initial values."""
    return {s: xr.DataArray(points[:, i], dims="trajectory") for i, s in enumerate((x, y))}


def ends(run: xr.Dataset) -> np.ndarray:
    """The last states (N, 2)."""
    return np.stack([run.x.values[:, -1], run.y.values[:, -1]], axis=1)


def log_likelihoods(flow: sd.ODESystem, points: np.ndarray) -> np.ndarray:
    """Of points at the time of the data, along the flow, which ends in a standard normal density."""
    run = sd.simulate(
        flow.with_log_density(), [LAST, FIRST], initial=states(points), trajectories=len(points), rtol=1e-4, progress=False
    )
    return -0.5 * (ends(run) ** 2).sum(axis=1) - np.log(2 * np.pi) - run.log_density.values[:, -1]


def scores(settings: Settings) -> Result:
    """Scores learned from samples of three densities: distances of what they sample from the data, and likelihoods."""
    result = Result({"distances": [], "training": []})
    count = 2000 if settings.quick else COUNT
    options = RecoverOptions(surrogate=BRIEF if settings.quick else {})
    process = sd.SDESystem({s: -b / 2 * s for s in (x, y)}, {s: sp.sqrt(b) for s in (x, y)})
    s1, s2 = sp.Function("s1"), sp.Function("s2")
    hidden = process.reverse_time([s1(x, y, t), s2(x, y, t)], horizon=1)
    noise = np.random.default_rng(5).normal(size=(count, 2))
    for name, bed in BEDS.items():
        found = sd.recover(hidden, bed(count, 1), surrogate="denoiser", seed=0, options=options, progress=False)
        assert isinstance(found, sd.LearnedScore)
        flow, data = process.probability_flow(found), bed(count, 2)
        seen = sorted_shadows(data)
        floor = float(np.mean([sliced(seen, sorted_shadows(bed(count, 3 + k))) for k in range(FLOORS)]))
        logs = log_likelihoods(flow, data[:500])
        result.tables["training"].append(
            {"data": name, "CPU s": found.seconds, "two sets of data": floor, "log-likelihood": float(logs.mean()),
             "of the exact density": KNOWN[name](data[:500])}
        )  # fmt: skip
        statistics = sd.transport.model_statistics(flow, span=(FIRST, LAST), initial=states(noise[:512]))
        makers: dict[str, Callable[..., Any]] = {
            "dpm-solver++2m": sd.methods.DpmSolverPP2m, "deis-tab3": sd.methods.DeisTab3,
            "dpm-solver-v3-2": lambda nodes, known=statistics: sd.methods.DpmSolverV3Of2(nodes=nodes, statistics=known),
        }  # fmt: skip
        distances, shares = {}, {}
        for method, maker in makers.items():
            for budget in BUDGETS:
                nodes = sd.transport.nodes(flow, budget, span=(FIRST, LAST), spacing="quadratic")
                run = sd.simulate(
                    flow, [FIRST, LAST], initial=states(noise), trajectories=count, method=maker(nodes=nodes), progress=False
                )
                distances[method, budget], shares[method, budget] = sliced(sorted_shadows(ends(run)), seen), inside(ends(run))
            row = {"data": name, "method": method, **{f"{n} evaluations": distances[method, n] for n in BUDGETS}}
            result.tables["distances"].append(
                row | ({f"{n}, inside": shares[method, n] for n in BUDGETS} if name == "checkerboard" else {})
            )
        for method, budget in GOALS:
            ratio = ALLOWED * floor / distances[method, budget]
            title = f"{name}, {method}, {budget} evaluations: {ALLOWED:g} distances of two sets of data / that of samples"
            result.ratios.append(Ratio(title, Sample((ratio,)), 1.0))
            if name == "checkerboard":
                title = f"{name}, {method}, {budget} evaluations: share inside the squares / {INSIDE:g}"
                result.ratios.append(Ratio(title, Sample((shares[method, budget] / INSIDE,)), 1.0))
        result.ratios.append(Ratio(f"{name}: 20 s / CPU-seconds of training", Sample((20 / found.seconds,)), 1.0))
    return result
