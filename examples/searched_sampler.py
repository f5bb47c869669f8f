"""A sampler found by a search, beside all that are known: nodes, and the order and prediction of each step.

Data are a mixture on a line, whose exact flow maps quantiles of noise to quantiles of data.  For each number of evaluations the
search changes the best uniform plan on every other quantile; its errors are on the others, those of known samplers on all.
The last panel takes points of data to noise and back: by DDIM run backwards, and by BDIA, whose steps can be inverted exactly.

    python -m examples.searched_sampler --out out

Liu et al., A unified sampling framework for solver searching of diffusion probabilistic models, ICLR 2024; Zhang, Lewis &
Kleijn, Exact diffusion inversion via bi-directional integration approximation, ECCV 2024.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
import xarray as xr
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, GREEN, ORANGE, PURPLE, VERMILION

x, t = sp.symbols("x t")
b = sp.Rational(1, 10) + sp.Rational(199, 10) * t
FIRST, LAST = 1.0, 1e-3
BUDGETS = (5, 7, 10, 14)
STEPS = (10, 20, 40, 80)


def model(count: int) -> tuple[sd.ODESystem, np.ndarray, np.ndarray]:
    """The flow, quantiles of the noise, and those of the data."""
    process = sd.SDESystem({x: -b / 2 * x}, {x: sp.sqrt(b)})
    noised = process.marginal(sd.transport.GaussianMixture([0.2, 0.5, 0.3], [-2, 0.3, 1.5], [0.3, 0.2, 0.5]))
    q = (np.arange(count) + 0.5) / count
    return process.probability_flow(noised), noised.at(FIRST).quantile(q), noised.at(LAST).quantile(q)


def round_trips(flow: sd.ODESystem, data: np.ndarray) -> dict[str, list[float]]:
    """The largest distance from data to data, through noise, by numbers of steps."""
    found: dict[str, list[float]] = {"DDIM": [], "O-BELM": [], "BDIA": []}
    for steps in STEPS:
        nodes = sd.transport.nodes(flow, steps, span=(FIRST, LAST))
        there = sd.simulate(
            flow, nodes[::-1], initial={x: xr.DataArray(data, dims="trajectory")}, trajectories=len(data), method="ddim",
            progress=False,
        )  # fmt: skip
        back = sd.simulate(
            flow, nodes, initial={x: there.x[:, -1].drop_vars("time")}, trajectories=len(data), method="ddim", progress=False
        )
        found["DDIM"].append(float(np.abs(back.x.values[:, -1] - data).max()))
        for name, method in (("O-BELM", "o-belm"), ("BDIA", "bdia")):
            inverted = sd.transport.invert(flow, {x: data}, nodes=nodes, method=method)
            found[name].append(float(np.abs(inverted.decode().x.values - data).max()))
    return found


@sd.style()
def draw(frontier: xr.Dataset, found: list[sd.studies.SearchedSampler], trips: dict[str, list[float]]) -> Figure:
    """Errors against evaluations, the plan of ten steps, and round trips."""
    figure, axes = plt.subplots(1, 3, figsize=(7.5, 3.2), layout="constrained", width_ratios=[1.25, 1.1, 0.9])
    ax = axes[0]
    for k, row in enumerate(frontier.error.values):
        ax.loglog(BUDGETS, row, color="0.75", lw=0.8, label="known samplers" if k == 0 else None)
    best = frontier.error.min("sampler").values
    ax.loglog(BUDGETS, best, "o-", ms=4, color=BLUE, label="the best of them")
    ax.loglog(BUDGETS, [s.held_out_error for s in found], "o-", ms=4, color=VERMILION, label="searched, held out")
    ax.loglog(BUDGETS, [s.train_error for s in found], "--", lw=1, color=VERMILION, label="searched, on its own points")
    ax.set(xlabel="evaluations", ylabel="rms distance to the exact flow", ylim=(3e-3, 60))
    ax.set_xticks(BUDGETS, [str(k) for k in BUDGETS])
    ax.minorticks_off()
    ax.legend()
    ax, plan = axes[1], found[BUDGETS.index(10)]
    colors = {"noise": PURPLE, "data": GREEN}
    assert plan.nodes is not None
    assert plan.plan is not None
    for begin, end, (order, basis, prediction) in zip(plan.nodes, plan.nodes[1:], plan.plan, strict=False):
        left, right = np.sqrt(begin), np.sqrt(end)
        hatch = "//" if basis == "log-snr" else None
        ax.bar((left + right) / 2, order, 0.94 * (left - right), color=colors[prediction], hatch=hatch, edgecolor="white", lw=0)
    for prediction, color in colors.items():
        ax.bar(0, 0, color=color, label=f"predicts {prediction}")
    if any(basis == "log-snr" for _, basis, _ in plan.plan):
        ax.bar(0, 0, color="0.8", hatch="//", edgecolor="white", lw=0, label="polynomials in log-snr")
    ax.set(xlabel=r"$\sqrt{t}$, from noise to data", ylabel="order of the step", xlim=(1.02, 0), ylim=(0, 5.6), yticks=range(5))
    ax.set_title("the plan of ten steps")
    ax.legend(ncols=1, loc="upper right")
    ax = axes[2]
    for (name, row), color in zip(trips.items(), ("0.55", ORANGE, BLUE), strict=True):
        ax.loglog(STEPS, row, "o-", ms=4, color=color, label=name)
    ax.set(xlabel="steps", ylabel="largest error, data to noise to data", ylim=(1e-17, 10))
    ax.set_xticks(STEPS, [str(k) for k in STEPS])
    ax.minorticks_off()
    ax.legend(loc="center right")
    return figure


def main(arguments: list[str] | None = None) -> dict[str, list[float]]:
    parser = argparse.ArgumentParser(description="A search for samplers, and exact inversion.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure")
    parser.add_argument("--points", type=int, default=1000, help="quantiles, of which every other one is held out")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    flow, noise, data = model(given.points)
    span = (FIRST, LAST)
    frontier = sd.studies.sampler_frontier(flow, evaluations=BUDGETS, span=span, initial={"x": noise})
    found = [sd.studies.sampler_search(flow, nfe=n, span=span, initial={"x": noise}, train=given.points // 2) for n in BUDGETS]
    trips = round_trips(flow, data)
    draw(frontier, found, trips).savefig(given.out / "searched_sampler.png", dpi=150)
    print(found[BUDGETS.index(10)])
    for n, plan in zip(BUDGETS, found, strict=True):
        known = frontier.sel(evaluations=n)
        print(f"{n:3d} evaluations: {plan.held_out_error:.3g}; {known.best.item()} {float(known.error.min()):.3g}")
    print(f"The figure is in {given.out.resolve()}")
    return {"gain": [plan.gain for plan in found], "bdia": trips["BDIA"], "ddim": trips["DDIM"]}


if __name__ == "__main__":
    main()
