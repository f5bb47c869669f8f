"""Roots as ends of curves: a homotopy is followed along its arc length, past folds, where the parameter alone loses starts.

The circle x^2 + y^2 = 4 meets the cubic y = x^3 - x in two real points, at x = -sqrt(2) and sqrt(2), and in four complex ones.
Curves of Newton's homotopy lead there from most starts; about a third of them turn around on the way, once or several times.
The six paths of the total-degree homotopy, over the complex numbers, turn nowhere and find all six.

    python -m examples.root_curves --out out
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
from symdyn.figure_style import BLUE, ORANGE

x, y = sp.symbols("x y")
MEETING = sd.ODESystem({x: x**2 + y**2 - 4, y: y - x**3 + x})
STARTS = 40


def curves(starts: int = STARTS) -> xr.Dataset:
    """Newton's homotopy along its arc length, from random starts."""
    begun = np.random.default_rng(0).normal(0, 2, (starts, 2))
    values = {f"{s}_start": xr.DataArray(begun[:, k], dims="start") for k, s in enumerate("xy")}
    path = sd.derive.homotopy(MEETING)
    return sd.simulate(path, np.linspace(0, 40, 801), parameters=values, until="lam >= 1", progress=False)


@sd.style()
def draw(run: xr.Dataset) -> Figure:
    """The curves in the plane of the unknowns, and the parameter along them."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.2), layout="constrained")
    angle = np.linspace(0, 2 * np.pi, 200)
    left.plot(2 * np.cos(angle), 2 * np.sin(angle), color="0.55", lw=1)
    grid = np.linspace(-1.9, 1.9, 200)
    left.plot(grid, grid**3 - grid, color="0.55", lw=1)
    for k in range(run.sizes["start"]):
        one = run.isel(start=k)
        last = min(float(one.first_passage), 12.0)
        there = one.time.values <= last + 0.05
        turned = float(one.folds.values[-1]) > 0
        style = {"color": ORANGE if turned else BLUE, "lw": 1, "alpha": 0.8}
        left.plot(one.x.values[there], one.y.values[there], **style)
        right.plot(one.time.values[there], one.lam.values[there], **style)
    left.plot([-(2**0.5), 2**0.5], [-(2**0.5), 2**0.5], "o", color="black", ms=5, zorder=3)
    left.set(xlabel="$x$", ylabel="$y$", xlim=(-4.5, 4.5), ylim=(-4, 4))
    right.axhline(1, color="black", lw=0.6)
    right.plot([], [], color=BLUE, label="without folds")
    right.plot([], [], color=ORANGE, label="past folds")
    right.set(xlabel="arc length", ylabel=r"$\lambda$", ylim=(-6, 1.3))
    right.legend(loc="center right")
    return figure


def main(arguments: list[str] | None = None) -> tuple[xr.Dataset, xr.Dataset]:
    """Print what became of the curves and paths, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"))
    out = parser.parse_args(arguments).out
    run, paths = curves(), sd.analysis.root_paths(MEETING)
    arrived = np.isfinite(run.first_passage.values)
    turned = run.folds.values[:, -1] > 0
    print(f"{arrived.sum()} of {STARTS} curves arrive, {(arrived & turned).sum()} of them past folds")
    print(f"{paths.attrs['bezout']} paths: {paths.attrs['real']} real roots, {paths.attrs['complex']} complex ones")
    out.mkdir(parents=True, exist_ok=True)
    figure = draw(run)
    figure.savefig(out / "root_curves.png", dpi=150)
    plt.close(figure)
    return run, paths


if __name__ == "__main__":
    main()
