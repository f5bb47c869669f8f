"""Recover the drift and noise of a particle in a double well from its path, and a gene's feedback from single cells.

The particle follows

    dx = (x - x^3) dt + 0.5 dW

and neither function is known.  The gene product X is made at a rate f(X) and lost at the rate 1 a molecule; f falls as
50 * 15^2 / (15^2 + X^2), but what is seen are cells that are counted once, 300 at each of five times after the gene was
switched on.

    python -m examples.noise_and_feedback --out out
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

import symdyn as sd

x, X, gamma = sp.symbols("x X gamma")
f, g = sp.symbols("f g", cls=sp.Function)
PARTICLE = sd.SDESystem({x: f(x)}, {x: g(x)})
WELLS = PARTICLE.with_terms({f(x): x - x**3, g(x): 0.5}).with_initial(x=1.0)
GENE = sd.ReactionNetwork([({}, {X: 1}, f(X)), ({X: 1}, {}, gamma)], {gamma: 1.0}, initial={X: 0})
FEEDBACK = GENE.with_terms({f(X): 50 * 15**2 / (15**2 + X**2)})
SNAPSHOTS = (0.3, 0.6, 1.0, 2.0, 5.0)


def path(points: int = 10_000, step: float = 0.05, seed: int = 1) -> pd.DataFrame:
    """The particle, simulated with steps ten times finer than those that are kept."""
    times = step * np.arange(points + 1)
    run = sd.simulate(WELLS, times, seed=seed, step=step / 10, progress=False)
    return pd.DataFrame({"time": times, "x": run.x.values})


def cells(number: int = 300, seed: int = 2) -> pd.DataFrame:
    """Cells, each simulated exactly up to its own snapshot and never seen before."""
    rows = []
    for k, when in enumerate(SNAPSHOTS):
        run = sd.simulate(FEEDBACK, [0.0, when], trajectories=number, seed=seed + k, progress=False)
        rows.append(pd.DataFrame({"time": when, "X": run.X.values[:, -1].astype(int)}))
    return pd.concat(rows, ignore_index=True)


def study(points: int = 10_000, number: int = 300) -> tuple[Any, Any]:
    """Both recoveries."""
    return (
        sd.recover(PARTICLE, path(points), progress=False),
        sd.recover(GENE, cells(number), progress=False),
    )


@sd.style()
def draw(wells: Any, gene: Any, out: Path) -> None:
    """Drift and squared noise above, propensity and snapshots below, with the truth as dashed lines."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(7.5, 5.5), layout="constrained")
    wells.plot(axes=axes[0])
    gene.plot(axes=axes[1])
    laws = (lambda v: v - v**3, lambda v: 0.25 + 0 * v, lambda v: 11250 / (225 + v**2))
    for axis, truth in zip(axes.flat, laws, strict=False):
        low, high = axis.lines[0].get_xdata()[[0, -1]]
        grid = np.linspace(low, high, 200)
        axis.plot(grid, truth(grid), "k--", lw=1, label="truth")
        if axis.get_legend() is not None:
            axis.get_legend().remove()
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    axes[1, 1].set_xlim(0, 42)
    for axis, title in zip(axes.flat, ("drift", "squared noise", "rate of production", "numbers of molecules"), strict=True):
        axis.set_title(title)
    figure.savefig(out / "noise_and_feedback.png", dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> tuple[Any, Any]:
    parser = argparse.ArgumentParser(description="Recover drift, noise and a feedback.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure")
    parser.add_argument("--points", type=int, default=10_000, help="of the path")
    parser.add_argument("--cells", type=int, default=300, help="at each time")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    wells, gene = study(options.points, options.cells)
    for found in (wells, gene):
        print(f"{found!r}\n{found.intervals.round(4).to_string(index=False)}\n", flush=True)
    draw(wells, gene, options.out)
    print(f"noise_and_feedback.png is in {options.out.resolve()}")
    return wells, gene


if __name__ == "__main__":
    main()
