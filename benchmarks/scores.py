"""Scores learned from samples: distances of what they sample from the data, by evaluations, and likelihoods.

``python -m benchmarks.scores --out benchmarks/results/scores.txt``; about two minutes of CPU.  Two moons, a checkerboard and
eight modes on a ring, 20,000 samples each for training, for each sampler, and twice for the data: their distance is
the least that can be expected.  `--save FOLDER` keeps the trained scores, which `symdyn.LearnedScore.load` reads.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import sympy as sp
import xarray as xr

import symdyn as sd

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


def sliced(a: np.ndarray, c: np.ndarray) -> float:
    """The sliced Wasserstein distance of two sets of as many points, over random directions."""
    angle = 2 * np.pi * np.random.default_rng(0).random(DIRECTIONS)
    way = np.stack([np.cos(angle), np.sin(angle)])
    return float(np.sqrt(np.mean((np.sort(a @ way, axis=0) - np.sort(c @ way, axis=0)) ** 2)))


BEDS: dict[str, Callable[[int, int], np.ndarray]] = {
    "moons": moons, "checkerboard": checkerboard, "ring": lambda count, seed: RING.sample(count, seed=seed),
}  # fmt: skip


def states(points: np.ndarray) -> dict[sp.Symbol, xr.DataArray]:
    """Points as initial values."""
    return {s: xr.DataArray(points[:, i], dims="trajectory") for i, s in enumerate((x, y))}


def ends(run: xr.Dataset) -> np.ndarray:
    """The last states (N, 2)."""
    return np.stack([run.x.values[:, -1], run.y.values[:, -1]], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--save", type=Path, help="folder for the trained scores")
    parser.add_argument("--bed", choices=BEDS, action="append")
    given = parser.parse_args()
    process = sd.SDESystem({s: -b / 2 * s for s in (x, y)}, {s: sp.sqrt(b) for s in (x, y)})
    s1, s2 = sp.Function("s1"), sp.Function("s2")
    hidden = process.reverse_time([s1(x, y, t), s2(x, y, t)], horizon=1)
    noise = np.random.default_rng(5).normal(size=(COUNT, 2))
    lines = [
        f"{COUNT} samples, {DIRECTIONS} directions; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    ]
    for name in given.bed or BEDS:
        bed = BEDS[name]
        found = sd.recover(hidden, bed(COUNT, 1), surrogate="denoiser", seed=0, progress=False)
        if given.save:
            given.save.mkdir(parents=True, exist_ok=True)
            found.save(given.save / f"{name}.npz")
        flow, data = process.probability_flow(found), bed(COUNT, 2)
        lines.append(
            f"{name}: {found.seconds:.1f} s of CPU of training; distance of two sets of data {sliced(data, bed(COUNT, 3)):.4f}"
        )
        statistics = sd.transport.model_statistics(flow, span=(FIRST, LAST), initial=states(noise[:512]))
        makers = {
            "dpm-solver++2m": sd.methods.DpmSolverPP2m, "deis-tab3": sd.methods.DeisTab3,
            "dpm-solver-v3-2": lambda nodes, known=statistics: sd.methods.DpmSolverV3Of2(nodes=nodes, statistics=known),
        }  # fmt: skip
        for method, maker in makers.items():
            cells = []
            for budget in BUDGETS:
                nodes = sd.transport.nodes(flow, budget, span=(FIRST, LAST), spacing="quadratic")
                run = sd.simulate(
                    flow, [FIRST, LAST], initial=states(noise), trajectories=COUNT, method=maker(nodes=nodes), progress=False
                )
                points = ends(run)
                more = f" ({inside(points):.3f} inside)" if name == "checkerboard" else ""
                cells.append(f"{budget}: {sliced(points, data):.4f}{more}")
            lines.append(f"  {method:16s} " + "  ".join(cells))
        some = data[:500]
        run = sd.simulate(
            flow.with_log_density(), [LAST, FIRST], initial=states(some), trajectories=len(some), rtol=1e-4, progress=False
        )
        last = ends(run)
        logs = -0.5 * (last**2).sum(axis=1) - np.log(2 * np.pi) - run.log_density.values[:, -1]
        known = {"ring": RING.log_pdf(some).mean(), "checkerboard": -np.log(8.0)}.get(name)
        beside = "" if known is None else f"; that of the exact density {known:.3f}"
        lines.append(f"  mean log-likelihood of {len(some)} samples of data {logs.mean():.3f}{beside}")
        print("\n".join(lines[-5:]), flush=True)
    if given.out:
        given.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
