"""A wave steepens into a shock: central, upwind and WENO fluxes of Burgers' equation against the exact solution.

A jump from 1 to 0 in Burgers' equation u_t + (u^2/2)_x = 0 is a shock of the speed of Rankine and Hugoniot, the jump of the
flux over that of u, 1/2.  Central differences of any order oscillate behind it, upwind fluxes smear it over a few cells, and
fluxes by WENO keep it within two.

    python -m examples.burgers_shock --out out

LeVeque, Finite Volume Methods for Hyperbolic Problems (2002), 11; Shu, SIAM Review 51 (2009) 82.
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

u = sp.Symbol("u")
BURGERS = sd.PDESystem({u: -sd.dx(u**2 / 2)}, (0, 1), boundary={"left": sd.Dirichlet(1), "right": sd.Dirichlet(0)})
CELLS, START, END = 80, 0.2, 0.8
COLORS = {"central": "0.55", "upwind": ORANGE, "weno5": BLUE}


def shock(advection: str) -> xr.Dataset:
    """The jump from 1 to 0 at `START`, until `END`."""
    grid = BURGERS.discretize(CELLS, advection=advection)
    return sd.simulate(grid, [0, END], initial={u: np.where(grid.centers[0] < START, 1.0, 0.0)}, progress=False)


def position(run: xr.Dataset) -> float:
    """Where the shock is, from the integral of u behind it."""
    return float(run.u[-1].mean())


@sd.style()
def draw(runs: dict[str, xr.Dataset]) -> Figure:
    """The profiles at the end, with the exact shock."""
    figure, axes = plt.subplots(1, len(runs), figsize=(7.5, 2.4), sharey=True, layout="constrained")
    exact = START + END / 2
    for ax, (name, run) in zip(axes, runs.items(), strict=True):
        ax.plot([0, exact, exact, 1], [1, 1, 0, 0], color="black", lw=0.8, label="exact")
        ax.plot(run.x, run.u[-1], "o-", ms=2.5, lw=0.8, color=COLORS[name])
        ax.set(xlabel="x", title=name, ylim=(-0.5, 1.7))
    axes[-1].legend()
    axes[0].set_ylabel(f"u at t = {END:g}")
    return figure


def main(arguments: list[str] | None = None) -> dict[str, xr.Dataset]:
    parser = argparse.ArgumentParser(description="Shocks of Burgers' equation by central, upwind and WENO fluxes.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    runs = {name: shock(name) for name in COLORS}
    draw(runs).savefig(out / "burgers_shock.png", dpi=150)
    for name, run in runs.items():
        low, high = float(run.u[-1].min()), float(run.u[-1].max())
        print(f"{name:8s} shock at {position(run):.4f} (exact {START + END / 2:.4f}), {low:.3f} <= u <= {high:.3f}")
    print(f"The figure is in {out.resolve()}")
    return runs


if __name__ == "__main__":
    main()
