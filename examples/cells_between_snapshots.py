"""Cells between snapshots: where each of them went, and the law that drives them, from populations that were measured once.

A measurement of single cells destroys them: there are snapshots of populations, and never one cell twice.  Here cells
go through a cycle of two regulators x and y, about their means, that activate and repress each other.  Five snapshots of
400 cells each are all that is known, beside the size of the noise.

Between snapshots lie Schroedinger bridges, the most likely processes that agree with both.  Over a Brownian reference cells
go straight; over the reference that `multi_marginal` finds, they go round, also at times that were not measured.

    python -m examples.cells_between_snapshots --out out

Shen, Berlinghieri & Broderick, Multi-marginal Schroedinger bridges with iterative reference refinement, AISTATS 2025.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, GREEN, ORANGE, PURPLE, VERMILION

x, y = sp.symbols("x y")
f, g = sp.Function("f"), sp.Function("g")
NOISE = 0.25
TRUTH = {x: -0.2 * x - 1.5 * y, y: 1.5 * x - 0.2 * y}
TIMES = (0.0, 0.9, 1.8, 2.7, 3.6)
MIDDLE = (0.45, 1.35, 2.25, 3.15)
COLORS = (PURPLE, BLUE, GREEN, ORANGE, VERMILION)
INK = "0.25"


def cells(count: int) -> dict[float, np.ndarray]:
    """Snapshots (count, 2) at all times, each of other cells."""
    process = sd.SDESystem(TRUTH, {x: NOISE, y: NOISE})
    start = sd.transport.Normal([2.0, 0.0], [0.25, 0.2])
    found = {}
    for k, time in enumerate(sorted((*TIMES, *MIDDLE))):
        points = start.sample(count, seed=10 + k)
        if time:
            initial = {s: xr.DataArray(points[:, i], dims="trajectory") for i, s in enumerate("xy")}
            run = sd.simulate(process, [0, time], initial=initial, trajectories=count, step=0.005, seed=k, progress=False)
            points = np.stack([run.x.values[:, -1], run.y.values[:, -1]], axis=1)
        found[time] = points
    return found


def fitted(snapshots: dict[float, np.ndarray], *, refine: bool) -> sd.transport.SnapshotFit:
    """Bridges through the five snapshots, compared with those in the middle."""
    family = sd.SDESystem({x: f(x, y), y: g(x, y)}, {x: NOISE, y: NOISE})
    return sd.transport.multi_marginal(family, snapshots, refine=refine, held_out=MIDDLE)


def paths(fit: sd.transport.SnapshotFit, count: int) -> list[xr.Dataset]:
    """Paths of the bridge over each interval."""
    return [b.paths(np.linspace(*b.span, 40), count, seed=k) for k, b in enumerate(fit.bridges)]


@sd.style()
def draw(snapshots: dict[float, np.ndarray], brownian: sd.transport.SnapshotFit, found: sd.transport.SnapshotFit) -> Figure:
    """Snapshots with the paths of both references, and the cells that were held out."""
    figure, axes = plt.subplots(1, 3, figsize=(7.5, 3.3), layout="constrained", width_ratios=[1, 1, 0.8])
    grid = np.stack(np.meshgrid(*[np.linspace(-2.4, 2.4, 13)] * 2, indexing="ij"))
    for ax, fit, title in ((axes[0], brownian, "Brownian reference"), (axes[1], found, "reference found")):
        for color, run in zip(COLORS, paths(fit, 70), strict=False):
            lines = np.stack([run.x.values, run.y.values], axis=-1)
            ax.add_collection(LineCollection(list(lines), colors=color, lw=0.5, alpha=0.45))
        for color, time in zip(COLORS, TIMES, strict=True):
            ax.scatter(*snapshots[time].T, s=4, lw=0, color=color, alpha=0.85, zorder=3)
            ax.text(
                *_outside(snapshots[time]),
                f"t = {time:g}",
                color=color,
                ha="center",
                va="center",
                fontsize=9,
                zorder=5,
                bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1},
            )
        ax.set(xlim=(-3.1, 3.4), ylim=(-3, 3), aspect="equal", xlabel="regulator x", title=title)
    drift = np.array([[float(e.subs({x: a, y: b})) for e in found.system.drift] for a, b in grid.reshape(2, -1).T])
    axes[1].quiver(*grid.reshape(2, -1), *drift.T, color=INK, alpha=0.35, width=0.003, scale=75, zorder=1)
    axes[0].set_ylabel("regulator y")
    place = np.arange(len(MIDDLE))
    for shift, fit, color, label in ((-0.19, brownian, "0.75", "Brownian"), (0.19, found, BLUE, "found")):
        values = fit.held_out["mean"].values
        axes[2].bar(place + shift, values, 0.36, color=color, label=label)
        for k, v in enumerate(values):
            axes[2].text(k + shift, v + 0.012, f"{v:.2f}", ha="center", fontsize=8, color=INK)
    axes[2].set_xticks(place, [f"{t:g}" for t in MIDDLE])
    axes[2].margins(y=0.1)
    axes[2].set(ylabel="distance of means", xlabel="t", title="cells held out")
    axes[2].legend()
    for ax in axes:
        ax.title.set_fontsize(10)
    return figure


def _outside(points: np.ndarray) -> np.ndarray:
    """A place for a label, away from the origin."""
    middle = points.mean(axis=0)
    return middle * (1 + 1.15 / np.linalg.norm(middle))


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description="Bridges between snapshots of cells, and the drift behind them.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure")
    parser.add_argument("--cells", type=int, default=400, help="cells of a snapshot")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    snapshots = cells(given.cells)
    brownian, found = fitted(snapshots, refine=False), fitted(snapshots, refine=True)
    draw(snapshots, brownian, found).savefig(given.out / "cells_between_snapshots.png", dpi=150)
    print(found.system)
    errors = {"Brownian": float(brownian.held_out["mean"].max()), "found": float(found.held_out["mean"].max())}
    print("largest distance of means to cells that were held out:", {k: round(v, 3) for k, v in errors.items()})
    print(f"The figure is in {given.out.resolve()}")
    return {**errors, **found.parameters}


if __name__ == "__main__":
    main()
