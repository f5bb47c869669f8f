"""A forced oscillator in two wells: the way to chaos by doublings of the period.

Of x'' + 0.3 x' - x + x^3 = g cos(1.2 t) the oscillation in one well, of the period of the forcing, becomes one of twice the
period, then of four times; Jordan & Smith, Nonlinear Ordinary Differential Equations (2007), show the former at g = 0.28, the
latter at g = 0.29.  Both branches are followed from the doublings where they are born, stable or not.

    python -m examples.forced_duffing --out out
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
from symdyn.figure_style import BLUE, GREEN, ORANGE

x, y, g, t = sp.symbols("x y g t")
WELL = sd.ODESystem({x: y, y: x - x**3 - 0.3 * y + g * sp.cos(1.2 * t)}, {g: 0.2}, initial={x: 1, y: 0})
SPAN, STEP, DOUBLED = (0.15, 0.32), 0.03, "period doubling"


def branches() -> list[xr.Dataset]:
    """Oscillations of one, two and four periods of the forcing."""
    found = [sd.analysis.continue_cycle(WELL, g, SPAN, start=sd.analysis.limit_cycle(WELL), step=STEP)]
    for _ in range(2):
        found.append(sd.analysis.continue_cycle(WELL, g, SPAN, start=doubling(found[-1]), step=STEP))
    return found


def doubling(branch: xr.Dataset) -> xr.Dataset:
    """The period doubling at the largest forcing."""
    at = np.flatnonzero(branch.special.values == DOUBLED)
    return branch.isel(point=at[branch.g.values[at].argmax()])


@sd.style()
def draw(found: list[xr.Dataset]) -> Figure:
    """Largest displacements against the forcing, and the oscillation of two periods before it doubles again."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.2), layout="constrained")
    for branch, colour in zip(found, (BLUE, ORANGE, GREEN), strict=True):
        stable, largest = branch.stable.values, branch.x.max("node").values
        left.plot(branch.g, np.where(stable, largest, np.nan), color=colour, label=f"period {int(branch.rounds[-1])}")
        left.plot(branch.g, largest, color=colour, lw=0.8, ls=":")
        born = doubling(branch)
        left.plot(born.g, born.x.max(), "o", color="black", ms=4, zorder=3)
    left.set(xlabel="$g$", ylabel="largest $x$")
    left.legend(title="in periods of the forcing")
    last = found[1].isel(point=np.flatnonzero(found[1].stable.values)[-1])
    right.plot(last.x, last.y, color=ORANGE, lw=1)
    right.set(xlabel="$x$", ylabel="$x'$", title=f"$g$ = {float(last.g):.4f}")
    return figure


def main(arguments: list[str] | None = None) -> list[float]:
    """Print where periods double, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"))
    out = parser.parse_args(arguments).out
    found = branches()
    at = [float(doubling(branch).g) for branch in found]
    ratio = (at[1] - at[0]) / (at[2] - at[1])
    print("periods double at g =", ", ".join(f"{value:.6f}" for value in at), f"with distances in the ratio {ratio:.2f}")
    out.mkdir(parents=True, exist_ok=True)
    figure = draw(found)
    figure.savefig(out / "forced_duffing.png", dpi=150)
    plt.close(figure)
    return at


if __name__ == "__main__":
    main()
