"""Patterns at rest: a snake of localized states, a Turing point, a pattern on an L, and waves over a lattice of cells.

Stationary equations are solved by Newton's method, followed in a parameter through folds, and left at crossings.

- The Swift-Hohenberg equation u' = ru - (1 + d_xx)^2 u + 1.8 u^2 - u^3 has states that are patterned in a part of the line
  only.  Followed in r they snake: at every second fold a wave is added on either side.
- The Brusselator's pattern is born at B = (1 + A sqrt(Du/Dv))^2, and near there the square of its amplitude grows linearly,
  with the slope of the amplitude equation.
- The same equations on an L by finite elements: a run ends near a state at rest, which Newton's method finds and tests.
- Cells on a hexagonal lattice share a signal: of all waves over the lattice that in which all are in phase grows fastest.

    python -m examples.patterns_at_rest --out out

On snaking: Burke & Knobloch, Chaos 17 (2007) 037102; on lattices: Iyaniwura, Gou & Ward, J. Eng. Math. 127 (2021) 18.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation

import symdyn as sd
from symdyn.analysis import continuation, steady_states
from symdyn.figure_style import BLUE, VERMILION
from symdyn.models import zoo

BRUSSELATOR = "u' = laplacian(u) + 2 - (B+1)*u + u**2*v; v' = 8*laplacian(v) + B*u - u**2*v; B = 3.1"
CRITICAL = (1 + 2 * np.sqrt(1 / 8)) ** 2
WAVE = np.sqrt(2 / np.sqrt(8))
#: Slope of the square of the amplitude over B, by weakly nonlinear theory; tests/analysis/test_fields_at_rest.py derives it.
SLOPE = 3.2169098


def snake(cells: int = 160, points: int = 60) -> xr.Dataset:
    """Localized states with a maximum in the middle, on half of the line."""
    text = "u' = r*u - u - 2*laplacian(u) - laplacian(laplacian(u)) + 1.8*u**2 - u**3"
    half = sd.PDESystem.from_text(text, domain=(0, 40), boundary={"u": "no-flux", "laplacian(u)": "no-flux"})
    start = {"u": "1.3*cos(x)/cosh(x/8)"}
    return continuation(half.discretize(cells, order=6), "r", (-0.37, -0.2), start=start, at=-0.3, points=points)


def turing() -> tuple[xr.Dataset, xr.Dataset]:
    """The uniform state of the Brusselator through its Turing point, and the pattern that is born there."""
    grid = sd.PDESystem.from_text(BRUSSELATOR, domain=(0, 3 * np.pi / WAVE)).discretize(96, order=6)
    rest = continuation(grid, "B", (2.7, 3.1), start={"u": 2, "v": 1.35}, at=2.7)
    crossing = rest.isel(point=(rest.special == "branch point").values).isel(point=0)
    return rest, continuation(grid, "B", (2.7, 3.1), start=crossing, switch=0, step=0.05)


def on_an_ell(size: float = 1.4) -> xr.Dataset:
    """A pattern of the Brusselator at rest on an L."""
    corners = np.array([(0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1)]) * 10
    ell = sd.PDESystem.from_text(BRUSSELATOR, domain=sd.Polygon(corners)).mesh(size)
    start = {"u": "2 + 0.2*cos(x*0.8 + 0.3*y) + 0.1*sin(0.7*y)", "v": 1.55}
    run = sd.simulate(ell, [0, 300], initial=start, rtol=1e-4, progress=False)
    return steady_states(ell, initial=run.isel(time=-1), starts=1)


def waves() -> xr.Dataset:
    """Growth of waves over a hexagonal lattice of Sel'kov cells."""
    cells = sd.BulkCellSystem(
        domain=sd.Lattice.hexagonal(),
        radius=0.05,
        centers=[(0, 0)],
        kinetics=zoo.selkov(),
        secreted="v",
        influx=0.8,
        efflux=0.2,
    )
    return cells.wave_growth({"D": 0.1, "tau": 0.3}, waves=13)


@sd.style()
def figure(branch: xr.Dataset, rest: xr.Dataset, pattern: xr.Dataset, ell: xr.Dataset, zone: xr.Dataset) -> Figure:
    """All four."""
    shown, axes = plt.subplots(2, 2, figsize=(7.5, 6.4), layout="constrained")
    _snake(axes[0, 0], branch)
    _turing(axes[0, 1], rest, pattern)
    triangles = Triangulation(ell.x, ell.y, ell.triangles.values)
    drawn = axes[1, 0].tripcolor(triangles, ell.u.values[0], shading="gouraud", rasterized=True)
    axes[1, 0].set(aspect="equal", xlabel="$x$", ylabel="$y$", title="At rest on an L, by finite elements")
    shown.colorbar(drawn, ax=axes[1, 0], label="$u$")
    _zone(shown, axes[1, 1], zone)
    return shown


def _snake(ax: Any, branch: xr.Dataset) -> None:
    size = 2 * 40 * (branch.u**2).mean("x").values
    stable = branch.stable.values
    for kind, style in ((True, "-"), (False, ":")):
        ax.plot(branch.r, np.where(stable == kind, size, np.nan), style, color=BLUE, lw=1.8 if kind else 1.2)
    folds = (branch.special == "fold").values
    ax.plot(branch.r[folds], size[folds], "o", color="k", ms=4)
    ax.set(
        xlabel="$r$",
        ylabel=r"$\int u^2\,dx$",
        title="Swift-Hohenberg: localized states snake",
        ylim=(0, 21),
        xlim=(-0.35, -0.13),
    )
    ax.locator_params(axis="x", nbins=5)
    for k, level in zip(np.flatnonzero(folds)[::-1][1:6:2], (0.2, 0.46, 0.72), strict=False):
        inset = ax.inset_axes((0.64, level, 0.34, 0.2))
        x = np.concatenate([-branch.x.values[::-1], branch.x.values])
        u = branch.u.values[k]
        inset.plot(x, np.concatenate([u[::-1], u]), color=VERMILION, lw=1)
        inset.set(xticks=[], yticks=[], xlim=(-32, 32))
        inset.patch.set_alpha(0.9)


def _turing(ax: Any, rest: xr.Dataset, pattern: xr.Dataset) -> None:
    amplitude = amplitudes(pattern)
    ax.plot(rest.B, 0 * rest.B, color="0.6", lw=1, ls=(0, (3, 2)), label="uniform, unstable")
    ax.plot(rest.B.where(rest.stable), 0 * rest.B, color=BLUE, lw=1.8, label="uniform, stable")
    ax.plot(pattern.B, amplitude, color=VERMILION, lw=1.8, label="pattern")
    b = np.linspace(CRITICAL, 3.1, 200)
    for sign in (1, -1):
        ax.plot(b, sign * np.sqrt(SLOPE * (b - CRITICAL)), "k:", lw=1, label="amplitude equation" if sign > 0 else None)
    ax.set(xlabel="$B$", ylabel="amplitude of $u$", title="Brusselator: through the Turing point")
    ax.legend(loc="lower left")


def _zone(shown: Figure, ax: Any, zone: xr.Dataset) -> None:
    k = np.stack([zone.kx.values, zone.ky.values], axis=1)
    k = np.concatenate([k, -k])
    shifts = [i * g + j * h for g, h in [sd.Lattice.hexagonal().reciprocal] for i in (-1, 0, 1) for j in (-1, 0, 1)]
    everywhere = np.unique(
        np.concatenate([np.column_stack([k + s, np.tile(zone.growth.values, 2)]) for s in shifts]).round(9), axis=0
    )
    corner = np.array(sd.Lattice.hexagonal().special["K"])
    turns = np.exp(1j * np.pi / 3 * np.arange(6)) * complex(*corner)
    edge = plt.Polygon(np.stack([turns.real, turns.imag], axis=1), fc="none", ec="k", lw=1)
    ax.add_patch(edge)
    drawn = ax.tripcolor(Triangulation(*everywhere[:, :2].T), everywhere[:, 2], shading="gouraud", rasterized=True)
    drawn.set_clip_path(edge)
    named = (zone.name != "").values
    for x, y, name in zip(zone.kx[named], zone.ky[named], zone.name.values[named], strict=True):
        ax.plot(x, y, "o", color="w", mec="k", ms=5)
        ax.annotate(r"$\Gamma$" if name == "Gamma" else name, (x, y), xytext=(5, 5), textcoords="offset points", color="k")
    ax.set(aspect="equal", xlabel="$k_x$", ylabel="$k_y$", title="Cells on a hexagonal lattice", xlim=(-5, 5), ylim=(-5, 5))
    shown.colorbar(drawn, ax=ax, label="growth rate of the wave")


def amplitudes(pattern: xr.Dataset) -> np.ndarray:
    """Of the critical wave in the pattern."""
    return 2 * (pattern.u * np.cos(WAVE * pattern.x)).mean("x").values


def main(out: str | Path = "out") -> str:
    """Compute, draw and tell the numbers."""
    branch, (rest, pattern), ell, zone = snake(), turing(), on_an_ell(), waves()
    folds = branch.r.values[(branch.special == "fold").values]
    born = float(rest.B.values[(rest.special == "branch point").values][0])
    away = pattern.B.values - born
    near = (away > 1e-4) & (away < 2e-2)
    slope = float(np.mean(amplitudes(pattern)[near] ** 2 / away[near]))
    lines = [
        f"folds of the snake: {', '.join(f'{r:.4f}' for r in folds)}",
        f"Turing point: {born:.7f}, (1 + A sqrt(Du/Dv))^2 = {CRITICAL:.7f}",
        f"amplitude^2/(B - Bc): {slope:.3f}, amplitude equation {SLOPE:.3f}",
        f"on the L: stable {bool(ell.stable[0])}, residual {float(ell.residual[0]):.1e}",
        f"first wave over the lattice: {zone.attrs['first']}, growth {zone.attrs['growth']:.5f}",
    ]
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    shown = figure(branch, rest, pattern, ell, zone)
    shown.savefig(folder / "patterns_at_rest.png", dpi=150)
    plt.close(shown)
    text = "\n".join(lines)
    (folder / "patterns_at_rest.txt").write_text(text + "\n")
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="out")
    print(main(parser.parse_args().out))
