"""From noise to data: the flow of a diffusion model whose score is known, and what its samplers cost.

Data are eight modes on a ring.  The variance-preserving process dx = -b/2 x dt + sqrt(b) dW, b = 0.1 + 19.9 t, takes them to
noise; its probability flow, run backwards, takes noise to data.  With the exact score a sampler is judged by its distance from
the exact flow, here from DOP853 at the tolerance 1e-9, for the same points of noise.

    python -m examples.noise_to_data --out out

Song et al., Score-based generative modeling through stochastic differential equations, ICLR 2021.
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

x, y, t = sp.symbols("x y t")
b = sp.Rational(1, 10) + sp.Rational(199, 10) * t
FIRST, LAST = 1.0, 1e-3
ANGLES = 2 * np.pi * np.arange(8) / 8
#: Methods, their names in the figure, and evaluations of a step.
METHODS = {
    "ddim": ("DDIM", 1), "heun-edm": ("Heun (EDM)", 2), "dpm-solver++2m": ("DPM-Solver++(2M)", 1), "unipc-3": ("UniPC-3", 1),
    "deis-tab3": ("DEIS tAB3", 1), "dpm-solver-3": ("DPM-Solver-3", 3),
}  # fmt: skip
BUDGETS = (6, 12, 18, 30, 60)
COLORS = ("0.55", GREEN, BLUE, ORANGE, VERMILION, PURPLE)


def model() -> tuple[sd.ODESystem, sd.transport.GaussianMixture]:
    """The probability flow, and the density of the noise at the first time."""
    process = sd.SDESystem({s: -b / 2 * s for s in (x, y)}, {s: sp.sqrt(b) for s in (x, y)})
    means = np.stack([1.5 * np.cos(ANGLES), 1.5 * np.sin(ANGLES)], axis=1)
    data = sd.transport.GaussianMixture([1] * 8, means.tolist(), [0.15] * 8)
    noised = process.marginal(data)
    return process.probability_flow(noised), noised.at(FIRST)


def sampled(flow: sd.ODESystem, start: dict[str, xr.DataArray], method: str, steps: int) -> np.ndarray:
    """Where a sampler takes points of noise (N, 2)."""
    nodes = sd.transport.nodes(flow, steps, span=(FIRST, LAST), spacing="quadratic")
    chosen = sd.METHODS[method].options(nodes=nodes)
    out = sd.simulate(flow, [FIRST, LAST], initial=start, trajectories=len(start["x"]), method=chosen, progress=False)
    return np.stack([out.x.values[:, -1], out.y.values[:, -1]], axis=1)


def errors(flow: sd.ODESystem, start: dict[str, xr.DataArray], exact: np.ndarray) -> dict[str, list[float]]:
    """Root mean square distance to the exact flow, of each method and budget."""
    found: dict[str, list[float]] = {}
    for method, (_, cost) in METHODS.items():
        found[method] = []
        for budget in BUDGETS:
            ends = sampled(flow, start, method, budget // cost)
            found[method].append(float(np.sqrt(((ends - exact) ** 2).sum(axis=1).mean())))
    return found


@sd.style()
def draw(flow: sd.ODESystem, paths: xr.Dataset, ends: np.ndarray, found: dict[str, list[float]]) -> Figure:
    """Paths from noise to data, samples of two methods, and error against evaluations."""
    figure, axes = plt.subplots(1, 3, figsize=(7.5, 3), layout="constrained", width_ratios=[1, 1, 1.25])
    points = np.stack([paths.x.values, paths.y.values], axis=-1)
    mode = np.round(np.arctan2(points[:, -1, 1], points[:, -1, 0]) / (np.pi / 4)).astype(int) % 8
    colors = plt.get_cmap("twilight_shifted")((mode + 0.5) / 8)
    axes[0].add_collection(LineCollection(list(points), colors=colors, lw=0.6, alpha=0.6))
    axes[0].scatter(*points[:, 0].T, s=3, color="0.55", label="noise", zorder=3)
    axes[0].scatter(*points[:, -1].T, s=5, c=colors, zorder=4)
    axes[0].set_title("noise to data")
    axes[1].scatter(*ends.T, s=1, lw=0, color=BLUE, alpha=0.5)
    axes[1].set_title("DEIS, 12 evaluations")
    for ax in axes[:2]:
        ax.set(xlim=(-3.3, 3.3), ylim=(-3.3, 3.3), aspect="equal", xlabel="x", ylabel="y")
    for (method, row), color in zip(found.items(), COLORS, strict=True):
        axes[2].loglog(BUDGETS, row, "o-", ms=3.5, lw=1.2, color=color, label=METHODS[method][0])
    axes[2].set(xlabel="evaluations of the score", ylabel="rms distance to the exact flow", ylim=(1e-4, 1e3))
    axes[2].set_xticks(BUDGETS, [str(k) for k in BUDGETS])
    axes[2].minorticks_off()
    axes[2].legend()
    return figure


def main(arguments: list[str] | None = None) -> dict[str, list[float]]:
    parser = argparse.ArgumentParser(description="The flow from noise to a ring of modes, and errors of samplers.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure")
    parser.add_argument("--points", type=int, default=500, help="points of noise at which errors are measured")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    flow, noise = model()
    start = noise.initial(given.points, seed=1)
    run = sd.simulate(flow, np.linspace(FIRST, LAST, 60), initial=start, trajectories=given.points, rtol=1e-9, progress=False)
    exact = np.stack([run.x.values[:, -1], run.y.values[:, -1]], axis=1)
    found = errors(flow, start, exact)
    ends = sampled(flow, noise.initial(20 * given.points, seed=2), "deis-tab3", 12)
    draw(flow, run.isel(trajectory=slice(0, 160)), ends, found).savefig(given.out / "noise_to_data.png", dpi=150)
    for method, row in found.items():
        print(f"{METHODS[method][0]:18s}", *(f"{k}: {e:.2g} " for k, e in zip(BUDGETS, row, strict=True)))
    print(f"The figure is in {given.out.resolve()}")
    return found


if __name__ == "__main__":
    main()
