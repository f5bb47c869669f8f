"""A field of 256 cells as ten equations: Burgers' equation, reduced from three runs and used at a viscosity between them.

The modes of the runs are the best space for them (singular values fall by a factor of ten each two modes); projected on it,
the equation keeps its viscosity as a symbol.  What is lost is seen by three numbers: what the modes cannot make at all, the
error of the reduced run, and that of the grid itself against the exact solution of Cole and Hopf, which twelve equations reach.

    python -m examples.reduced_field --out out

Chaturantabut & Sorensen, SIAM Journal on Scientific Computing 32 (2010) 2737; Cole, Quarterly of Applied Mathematics 9
(1951) 225.
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, VERMILION

CELLS, NEW = 256, 0.01
TRAINED = [0.005, 0.02, 0.05]
TIMES = np.linspace(0, 1, 101)
FULL = sd.PDESystem.from_text(
    "u' = nu*laplacian(u) - dx(u**2/2)", domain=(0, 1), boundary=sd.Dirichlet(0), initial={"u": "sin(pi*x)"}
).discretize(CELLS)
GREY = "0.55"


@cache
def run(*viscosities: float) -> xr.Dataset:
    """Simulations of the grid."""
    values = list(viscosities) if len(viscosities) > 1 else viscosities[0]
    return sd.simulate(FULL, TIMES, parameters={"nu": values}, rtol=1e-8, atol=1e-10, progress=False)


def exact(x: np.ndarray, t: float, nu: float) -> np.ndarray:
    """Cole and Hopf's solution from sin(pi x), a mean about each place, by the trapezoidal rule.

    Nine deviations beyond what values up to one move, nothing is left.  Sums of waves would cancel near the right wall.
    """
    away = (9 + np.sqrt(t / (2 * nu))) * np.linspace(-1, 1, 600)
    y = x[:, None] - np.sqrt(2 * nu * t) * away
    exponent = -(away**2) / 2 - (1 - np.cos(np.pi * y)) / (2 * np.pi * nu)
    weights = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return np.asarray((np.sin(np.pi * y) * weights).sum(axis=1) / weights.sum(axis=1))


def grid_error() -> float:
    """Of the full simulation at the new viscosity against the exact solution, relative."""
    data = run(NEW)
    x = data.x.values
    truth = np.array([np.sin(np.pi * x), *(exact(x, t, NEW) for t in TIMES[1:])])
    return float(np.linalg.norm(data.u.values - truth) / np.linalg.norm(truth))


@cache
def reduced(modes: int) -> sd.reduction.ReducedSystem:
    """The equations of so many modes of the trained runs."""
    return sd.reduction.pod(FULL, run(*TRAINED), modes, exact=2)


def errors(counts: tuple[int, ...] = (2, 4, 6, 8, 10, 12, 14, 16)) -> pd.DataFrame:
    """What the modes cannot make of the new run, and the error of the reduced simulation."""
    rows = []
    for modes in counts:
        found = reduced(modes).error(run(NEW))
        rows.append({"modes": modes, "projection": float(found.projection), "reduced": float(found.error)})
    return pd.DataFrame(rows)


@sd.style()
def figure() -> Figure:
    """The field at four times, ten equations above the grid; and the errors over the number of equations."""
    small = reduced(10)
    made = small.lift(sd.simulate(small, TIMES, parameters={"nu": NEW}, progress=False))
    full, table = run(NEW), errors()
    drawn, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3), layout="constrained")
    for k, t in enumerate((0.0, 0.3, 0.6, 1.0)):
        left.plot(
            full.x, full.u.sel(time=t, method="nearest"), color=GREY, lw=4, alpha=0.5, label="256 cells" if not k else None
        )
        left.plot(made.x, made.u.sel(time=t, method="nearest"), color=BLUE, lw=1.2, label="10 equations" if not k else None)
    left.set(xlabel="x", ylabel="u", title=f"Viscosity {NEW}, trained at others")
    left.set_ylim(-0.35, 1.1)
    left.legend(loc="lower center", ncols=2)
    right.semilogy(table.modes, table.projection, "o--", color=GREY, label="nearest state of the modes")
    right.semilogy(table.modes, table.reduced, "o-", color=BLUE, label="reduced equations")
    right.axhline(grid_error(), color=VERMILION, lw=1, label="the grid against the exact solution")
    right.set(xlabel="equations", ylabel="relative error", ylim=(None, 3), title="Error over all times")
    right.legend(loc="upper right")
    return drawn


def report() -> str:
    """The table as text."""
    table = errors()
    lines = ["modes  projection  reduced"]
    lines += [f"{int(r.modes):5d}  {r.projection:10.2e}  {r.reduced:7.2e}" for r in table.itertuples()]
    lines.append(f"the grid itself, against the exact solution: {grid_error():.2e}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"))
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    text = report()
    (out / "reduced_field.txt").write_text(text + "\n", encoding="utf-8")
    figure().savefig(out / "reduced_field.png", dpi=150)
    print(text)


if __name__ == "__main__":
    main()
