"""The advection hidden in Burgers' equation, found from four noisy snapshots and then used elsewhere.

Of u' = f(u, u_x, u_xx) + nu u_xx only the viscosity nu = 0.01/pi is known.  From the initial field and four snapshots with
noise of two per cent, terms are added, dropped and exchanged while the equation is simulated and fitted: of twelve candidates
-u u_x is left.  The recovered system is a PDESystem, and goes another way: on another grid, from another start.  The data are
the exact solution by the transform of Cole and Hopf, so nothing in them comes from the solver that is fitted.

    python -m examples.hidden_operator --out out

Basdevant et al., Computers & Fluids 14 (1986) 23-41; Podina, Eastman & Kohandel, PMLR 202:27948 (2023), for the task.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.polynomial.hermite import hermgauss

import symdyn as sd
from symdyn.discover.fields import FieldRecovery
from symdyn.figure_style import BLUE, GREEN, ORANGE, VERMILION

u, x, nu = sp.symbols("u x nu")
f = sp.Function("f")
VISCOSITY = 0.01 / np.pi
TIMES = (0.15, 0.3, 0.45, 0.6)
#: Where the recovered system is tried: another start, times, and grid.
ELSEWHERE = {"u": "0.4 + 0.3*cos(pi*x) + 0.2*sin(2*pi*x)"}
LATER, CELLS = np.array([0, 0.4, 0.8]), 600
COLORS = (BLUE, GREEN, ORANGE, VERMILION)


def exact(points: np.ndarray, time: float) -> np.ndarray:
    """Burgers' equation from -sin(pi x), by Gauss-Hermite quadrature of the solution of Cole and Hopf."""
    nodes, weights = hermgauss(100)
    y = points[:, None] - np.sqrt(4 * VISCOSITY * time) * nodes
    exponent = -np.cos(np.pi * y) / (2 * np.pi * VISCOSITY)
    mass = np.exp(exponent - exponent.max(axis=1, keepdims=True)) * weights
    return -(np.sin(np.pi * y) * mass).sum(axis=1) / mass.sum(axis=1)


def measured(noise: float = 0.02, seed: int = 0, cells: int = 100) -> xr.Dataset:
    """Snapshots of the exact solution with noise of a share of its standard deviation."""
    points = -1 + (np.arange(cells) + 0.5) * 2 / cells
    values = np.array([exact(points, t) for t in TIMES])
    values += noise * values.std() * np.random.default_rng(seed).normal(size=values.shape)
    return xr.Dataset({"u": (("time", "x"), values)}, {"time": list(TIMES), "x": points})


def hidden() -> sd.PDESystem:
    """What is known: viscosity, domain and initial field."""
    return sd.PDESystem(
        {u: f(u, sd.dx(u), sd.laplacian(u)) + nu * sd.laplacian(u)}, (-1, 1), boundary="periodic",
        parameters={nu: VISCOSITY}, initial={u: -sp.sin(sp.pi * x)},
    )  # fmt: skip


def elsewhere(system: sd.PDESystem) -> xr.Dataset:
    """A run from another start on another grid."""
    return sd.simulate(system, LATER, initial=ELSEWHERE, grid=CELLS, progress=False)


def truth() -> sd.PDESystem:
    """Burgers' equation."""
    return hidden().with_terms({f: -sd.dx(u**2) / 2})


def draw(data: xr.Dataset, found: FieldRecovery) -> Figure:
    """Snapshots with the fit, the evidence of every term, and the recovered system elsewhere."""
    with sd.style(), plt.rc_context({"axes.titlelocation": "left"}):
        figure, axes = plt.subplots(1, 3, figsize=(7.5, 3.1), layout="constrained", width_ratios=(1.15, 0.9, 1.15))
        figure.get_layout_engine().set(wspace=0.05)
        _draw_fit(axes[0], data, found)
        _draw_evidence(axes[1], found)
        _draw_elsewhere(axes[2], found)
        for ax, letter in zip(axes, "abc", strict=True):
            ax.set_title(rf"$\bf{{{letter}}}$   {ax.get_title(loc='left')}")
    return figure


def _draw_fit(ax: Axes, data: xr.Dataset, found: FieldRecovery) -> None:
    for color, t in zip(COLORS, TIMES, strict=True):
        ax.plot(data.x, data.u.sel(time=t), "o", ms=2.4, color=color, alpha=0.6, mew=0)
        ax.plot(data.x, found.fitted[0].u.sel(time=t, method="nearest"), color=color, lw=1.4, label=f"t = {t:g}")
    ax.set(title="Data (dots) and fit (lines)", xlabel="x", ylabel="u", xlim=(-1, 1))
    ax.legend(loc="upper right")


def _draw_evidence(ax: Axes, found: FieldRecovery) -> None:
    shown = found.inclusion.head(7)[::-1]
    names = [_written(t) for t in shown["term"]]
    ax.barh(names, shown["weight"], color=[BLUE if w > 0.5 else "0.7" for w in shown["weight"]], height=0.65)
    value, error = found.intervals.loc[0, ["value", "standard error"]]
    ax.text(0.97, 0.12, f"coefficient of $u\\,u_x$:\n{value:.4f} ± {error:.4f}", transform=ax.transAxes, ha="right", fontsize=9)
    ax.set(title="Evidence of the terms", xlabel="weight of models with the term", xlim=(0, 1))


def _written(term: str) -> str:
    """A term of the library in mathematical notation."""
    for text, latex in (
        ("dx(u)**2", "u_x^2"), ("laplacian(u)", "u_{xx}"), ("dx(u)", "u_x"), ("**2", "^2"), ("**3", "^3"), ("*", r"\,"),
    ):  # fmt: skip
        term = term.replace(text, latex)
    return f"${term}$"


def _draw_elsewhere(ax: Axes, found: FieldRecovery) -> None:
    one, other = elsewhere(found.system), elsewhere(truth())
    for color, t in zip(COLORS[1:], LATER, strict=True):
        ax.plot(other.x, other.u.sel(time=t), color="0.7", lw=3.6, label="Burgers' equation" if t == 0 else None)
        ax.plot(one.x, one.u.sel(time=t), color=color, lw=1.2, label=f"recovered, t = {t:g}")
    ax.set(title=f"Another start, {CELLS} cells", xlabel="x", ylabel="u", xlim=(-1, 1))
    ax.set_ylim(bottom=-0.75)  # room for the words
    ax.legend(loc="lower left")


def main(arguments: list[str] | None = None) -> None:
    """Recover the hidden operator and write a figure and a report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"))
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    data = measured()
    found = sd.recover(hidden(), data, progress=False)
    error = float(np.abs(elsewhere(found.system).u - elsewhere(truth()).u).max())
    report = f"{found!r}\n\n{found.intervals.to_string(index=False)}\n\nlargest error elsewhere: {error:.2g}\n"
    (out / "hidden_operator.txt").write_text(report)
    figure = draw(data, found)
    figure.savefig(out / "hidden_operator.png", dpi=150)
    plt.close(figure)
    print(report)


if __name__ == "__main__":
    main()
