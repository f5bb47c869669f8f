"""Quorum sensing is a Hopf bifurcation: how many cells must share a bulk before all of them oscillate.

Sel'kov cells that are at rest by themselves lose a little of what they make to a bulk in which it diffuses and decays, and
feel what is there.  Few cells are held at rest by the loss; more of them fill the bulk, and from some number on the steady
state gives way to a rhythm.  The eigenvalues of the linearised equations say when; the cells are then simulated.

- In a well-mixed bulk m cells in step are one cell that takes in m times as much: with V = U/m,
  V' = -V/tau - 2 pi/(tau |Omega|) (m d1 V - d2 v) and v' = F(v) + 2 pi/tau (m d1 V - d2 v), so only m d1 matters.
  With d2 = 0.2 in the unit disk a rhythm is possible from m d1 = 1.92 on: three cells with d1 = 0.8, five with 0.4, seven
  with 0.3.  At a given tau too many are as quiet as too few.
- At a finite diffusivity three cells in a row have lobes of their own, of modes in step and of modes against each other; their
  borders are followed through folds, and what finite elements do in time is laid under them.
- At D = 5 one cell is quiet, two are quiet, and three that begin apart fall into one rhythm.  Near D = 1 a cell alone
  oscillates as well: its signal stays around it.

    python -m examples.quorum_sensing --out out

All is dimensionless: times in units of the reaction, lengths in units of the radius of the disk; tau is how many times slower
the bulk decays than the cells react, D the diffusivity over that decay.
Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438-499: kinetics (2.25), well-mixed limit (3.19),
parameters (4.22), figures 4 and 5.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

import symdyn as sd
from symdyn.figure_style import BLACK, BLUE, SKY, VERMILION
from symdyn.models import zoo

PLACES = {1: [(0, 0)], 2: [(0.5, 0), (-0.5, 0)], 3: [(0.5, 0), (-0.5, 0), (0, 0)]}
INFLUX, EFFLUX = 0.8, 0.2
#: The delay at which cells are counted, and where one, two and three of them are followed.
DELAY = 0.45
HERE = {"D": 5.0, "tau": DELAY}
#: Where cells begin, far from each other.
APART = (2.4, 1.2, 0.6)
#: So fast that the bulk is well mixed; what is left of D is of the order of 1/D.
MIXED = 1e6
GREY = "0.55"
HOPF: dict[str, Any] = {"ms": 6, "mfc": "white", "mec": VERMILION, "mew": 1.4, "zorder": 4}
#: Cells of one rhythm lie over each other: the first is broad and light, the last narrow and dark.
CELLS = ((SKY, 3.6, "-"), (VERMILION, 1.7, "-"), (BLACK, 0.9, (0, (4, 3))))


def colony(cells: int, influx: float | str = INFLUX) -> sd.BulkCellSystem:
    """One, two or three cells in a row in the unit disk, or more on a ring; a well-mixed bulk does not tell places apart."""
    turns = 2 * np.pi * np.arange(cells) / cells
    places = PLACES.get(cells, 0.6 * np.stack([np.cos(turns), np.sin(turns)], axis=1))
    return sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.05, centers=places, kinetics=zoo.selkov(), secreted="v", influx=influx, efflux=EFFLUX
    )


# ---- how many ------------------------------------------------------------------------------------


def oscillating(total: float, span: tuple[float, float] = (0.02, 2.0)) -> tuple[float, float] | None:
    """The delays between which cells in a well-mixed bulk oscillate, given the sum of their influxes; None if at none."""
    system = colony(1, "d1").well_mixed()
    found = sd.analysis.hopf_points(system, "tau", span, parameters={"d1": total}, step=0.02).tau.values
    return (float(found[0]), float(found[-1])) if found.size else None


def quorum_table(influx: float = INFLUX, most: int = 12) -> pd.DataFrame:
    """Lowest and highest delay at which 1, 2, ... cells oscillate; NaN of those that never do."""
    rows = [oscillating(m * influx) or (np.nan, np.nan) for m in range(1, most + 1)]
    return pd.DataFrame(rows, columns=["from", "to"], index=pd.RangeIndex(1, most + 1, name="cells"))


def tongue(most: float = 11.0) -> xr.Dataset:
    """The border of oscillation over the sum of the influxes, ``d1``, and the delay, through its tip."""
    return colony(1, "d1").hopf_curve(
        ("d1", "tau"), parameters={"D": MIXED}, bounds={"d1": (0.5, most), "tau": (0.02, 2)}, start={"d1": 2.4, "tau": 0.386}
    )


def swing(totals: Sequence[float], tau: float = DELAY, end: float = 20000.0) -> xr.Dataset:
    """Range and period of v in a well-mixed bulk for sums of influxes, dim ``d1``, by simulation: a long one, as all is slow
    beside a Hopf point."""
    run = sd.simulate(
        colony(1, "d1").well_mixed(), np.append(0, np.linspace(end - 100, end, 1001)), progress=False, rtol=1e-8, atol=1e-10,
        parameters={"d1": list(totals), "tau": tau},
    ).isel(time=slice(1, None))  # fmt: skip
    found = sd.cells.extremes(run, after=end - 100).isel(cell=0)
    found["period"] = sd.cells.period(run, after=end - 100).isel(cell=0)
    return found.drop_vars("cell")


def resting(tau: float = DELAY, span: tuple[float, float] = (0.05, 11.0)) -> xr.Dataset:
    """The steady state in a well-mixed bulk over the sum of influxes, with its Hopf points."""
    system = colony(1, "d1").well_mixed()
    start = sd.analysis.steady_states(system, {"d1": span[0], "tau": tau}).isel(branch=0)
    return sd.analysis.continuation(system, "d1", span, start=start, parameters={"tau": tau}, at=span[0], step=0.02)


# ---- three cells at any diffusivity --------------------------------------------------------------


MODES = ("in step", "outer cells against each other", "the middle one against the others")


def name_of_mode(mode: np.ndarray) -> str:
    """Which of the three modes of a row of three cells, the middle one last."""
    patterns = np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]])
    shares = np.abs(patterns @ mode) / np.linalg.norm(patterns, axis=1)
    return MODES[int(shares.argmax())]


def borders() -> list[xr.Dataset]:
    """All Hopf curves of three cells over diffusivity and delay, with the name of their mode."""
    curves = colony(3).hopf_curves(bounds={"D": (0.05, 20), "tau": (0.05, 1.2)}, scans=2, samples=12)
    return [c.assign_attrs(name=name_of_mode(c.mode.values[c.sizes["point"] // 2])) for c in curves]


def diagram(diffusion: Any, tau: Any) -> xr.Dataset:
    """What three cells do in the end at every diffusivity and delay, by simulation."""
    return sd.studies.phase_diagram(colony(3), {"D": diffusion, "tau": tau}, t_end=1000, window=100, progress=False)


def foretold(found: xr.Dataset) -> xr.DataArray:
    """Whether each point of a diagram keeps swinging if its steady state is unstable, and else rests or still decays."""
    swings = found.amplitude.max("cell") > 0.01
    return xr.where(found.unstable > 0, swings, ~swings | (found.drift < 0))


def followed(cells: int, parameters: Mapping[str, float] = HERE, end: float = 800.0) -> xr.DataArray:
    """v of cells that begin apart in an empty bulk."""
    start = {f"v_{j + 1}": APART[j % 3] for j in range(cells)}
    run = sd.simulate(
        colony(cells).reduce(parameters, tolerance=1e-6), np.linspace(0, end, int(end * 5) + 1), parameters=parameters,
        initial=start, progress=False,
    )  # fmt: skip
    return sd.cells.cell_traces(run, "v")


# ---- figure and report ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Quorum:
    """All that is drawn.

    Attributes
    ----------
    table : DataFrame
        Of `quorum_table`.
    tip : float
        The least sum of influxes at which any delay lets cells oscillate.
    tongue : Dataset
    rest, rhythm : Dataset
        Of `resting` and `swing`.
    borders : list of Dataset
    diagram : Dataset
    traces : dict
        Of one, two and three cells.
    """

    table: pd.DataFrame
    tip: float
    tongue: xr.Dataset
    rest: xr.Dataset
    rhythm: xr.Dataset
    borders: list[xr.Dataset]
    diagram: xr.Dataset
    traces: dict[int, xr.DataArray]

    def least(self, influx: float) -> int:
        """The quorum: how many cells of an influx are needed."""
        return math.ceil(self.tip / influx)


def study(points: int = 72) -> Quorum:
    """Everything, with so many points along each axis of the phase diagram."""
    edge, rest = tongue(), resting()
    low, high = rest.d1.values[rest.special == "hopf"]
    between = low + (high - low) * (1 - np.cos(np.pi * np.arange(1, 40) / 40)) / 2  # close where the range is like a root
    return Quorum(
        quorum_table(), edge.attrs["fold_d1"][0], edge, rest, swing(np.union1d(between, INFLUX * np.arange(3, 11))), borders(),
        diagram(np.geomspace(0.05, 20, points), np.linspace(0.05, 1.0, points)), {m: followed(m) for m in PLACES},
    )  # fmt: skip


def draw(found: Quorum) -> Figure:
    """How many and where above; how much and in time below."""
    with sd.style(), plt.rc_context({"axes.titlelocation": "left"}):
        figure = plt.figure(figsize=(7.5, 6.8), layout="constrained")
        figure.get_layout_engine().set(wspace=0.05, hspace=0.05)
        grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.2))
        many, where, much = (figure.add_subplot(grid[at]) for at in ((0, 0), (0, 1), (1, 0)))
        _draw_tongue(many, found)
        _draw_diagram(where, found)
        _draw_swing(much, found)
        first = _draw_traces(grid[1, 1], found.traces)
        for ax, letter in zip((many, where, much, first), "abcd", strict=True):
            ax.set_title(rf"$\bf{{{letter}}}$   {ax.get_title(loc='left')}")
    return figure


def _draw_tongue(ax: Axes, found: Quorum) -> None:
    many, tau = found.tongue.d1 / INFLUX, found.tongue.tau
    ax.fill(many, tau, color=BLUE, alpha=0.13, lw=0)
    ax.plot(many, tau, color=BLUE, lw=1.4, label="Hopf curve")
    ax.vlines(found.table.index, found.table["from"], found.table["to"], color=BLUE, lw=4, alpha=0.75, label="cells oscillate")
    quiet = found.table.index[found.table["from"].isna()]
    ax.plot(quiet, [DELAY] * len(quiet), "o", ms=6, mfc="white", mec=GREY, mew=1.4, label="quiet at every delay")
    ax.axhline(DELAY, color="0.3", lw=0.9, ls=":")
    ax.annotate("see c", (0.5, DELAY), (0, 6), textcoords="offset points", fontsize=8.5)
    tip = np.argmin(many.values)
    ax.plot(many[tip], tau[tip], "D", **HOPF, label=f"quorum, $m d_1$ = {found.tip:.3f}")
    ax.set(title="Cells in a well-mixed bulk", xlabel="number of cells $m$", ylabel=r"delay of the bulk $\tau$")
    ax.set(xlim=(0.4, 12.6), ylim=(0, 1.3), xticks=range(1, 13))
    ax.legend(loc="upper right")


def _draw_diagram(ax: Axes, found: Quorum) -> None:
    shown = found.diagram.amplitude.max("cell")
    sd.cells.plot_hopf(found.borders, shown, ax, vary=("D", "tau"), label="amplitude of $v$")
    ax.plot(*HERE.values(), "*", color=VERMILION, ms=10, mec="white", mew=0.8, zorder=5)
    ax.annotate("d", tuple(HERE.values()), (6, 3), textcoords="offset points", color=VERMILION, weight="bold", fontsize=10)
    ax.set(title="Three cells in a row", xlabel="diffusivity $D$")
    ax.set(ylabel=r"delay of the bulk $\tau$", xlim=(0.05, 20), ylim=(0.05, 1.5))
    ax.legend(loc="upper right")


def _draw_swing(ax: Axes, found: Quorum) -> None:
    rest, rhythm = found.rest, found.rhythm
    ends = rest.isel(point=rest.special == "hopf")
    inner = rest.isel(point=(rest.d1 >= ends.d1[0]) & (rest.d1 <= ends.d1[1]))
    many = np.concatenate([ends.d1[:1], rhythm.d1, ends.d1[1:]]) / INFLUX
    low, high = (np.concatenate([ends.v_1[:1], rhythm[k], ends.v_1[1:]]) for k in ("lowest", "highest"))
    ax.fill_between(many, low, high, color=BLUE, alpha=0.13, lw=0)
    ax.plot(many, low, color=BLUE, lw=1.4, label="lowest and highest $v$ of the rhythm")
    ax.plot(many, high, color=BLUE, lw=1.4)
    for part in (rest.isel(point=rest.d1 <= ends.d1[0]), rest.isel(point=rest.d1 >= ends.d1[1])):
        ax.plot(part.d1 / INFLUX, part.v_1, color="0.2", lw=1.5)
    ax.plot([], [], color="0.2", lw=1.5, label="stable steady state")
    ax.plot(inner.d1 / INFLUX, inner.v_1, color="0.2", lw=1.2, ls="--", label="unstable steady state")
    ax.plot(ends.d1 / INFLUX, ends.v_1, "D", **HOPF, label="Hopf bifurcation")
    for m in found.table.index:
        total = m * INFLUX
        if found.table["from"][m] < DELAY < found.table["to"][m]:
            at = rhythm.sel(d1=total, method="nearest")
            ax.plot([m, m], [at.lowest, at.highest], "o-", color=BLUE, lw=2.2, ms=4.5, zorder=3)
        else:
            ax.plot(m, np.interp(total, rest.d1, rest.v_1), "o", ms=6, mfc="white", mec=GREY, mew=1.4, zorder=3)
    ax.set(title="Too few, too many are quiet", xlabel="number of cells $m$", ylabel="$v$")
    ax.set(xlim=(0.4, 12.6), ylim=(-0.4, 2.25), xticks=range(1, 13))
    ax.legend(loc="lower right")


def _draw_traces(place: SubplotSpec, traces: Mapping[int, xr.DataArray]) -> Axes:
    rows = place.subgridspec(3, 1, hspace=0.0).subplots(sharex=True, sharey=True)
    for ax, (m, trace) in zip(rows, traces.items(), strict=True):
        for j, (color, width, style) in enumerate(CELLS[:m]):
            ax.plot(trace.time, trace.isel(cell=j), color=color, lw=width, ls=style)
        ax.text(0.995, 0.97, ("one cell", "two cells", "three cells")[m - 1], transform=ax.transAxes, ha="right", va="top",
                fontsize=9)  # fmt: skip
        ax.set(ylabel="$v$", xlim=(-0.8, 100), ylim=(0.4, 2.75), yticks=(1, 2))
    rows[-1].set(xlabel="time (in units of the reaction)")
    rows[0].set_title(rf"Into step, $D$ = {HERE['D']:g}, $\tau$ = {DELAY:g}")
    return rows[0]


def report(found: Quorum) -> str:
    """All numbers as text."""
    lines = [
        f"Sel'kov cells in a well-mixed bulk, d1 = {INFLUX:g}, d2 = {EFFLUX:g}: the delays between which they oscillate",
        "",
    ]
    lines += [found.table.to_string(float_format="%.4f", na_rep="-"), ""]
    crowd = found.table[(found.table["from"] < DELAY) & (found.table["to"] > DELAY)].index
    lines += [f"at tau = {DELAY:g} colonies of {crowd[0]} to {crowd[-1]} oscillate", "", "three cells in a row:"]
    for curve in found.borders:
        folds = "".join(f", fold at D = {d:.4f}" for d in curve.attrs["fold_D"])
        lines += [f"  {curve.attrs['name']}: D {float(curve.D.min()):.3f} to {float(curve.D.max()):.3f}{folds}"]
    agree = foretold(found.diagram)
    lines += [
        f"  {int(agree.sum())} of {agree.size} simulated colonies keep swinging if, and only if, their steady state is unstable"
    ]
    loose = found.diagram.D[(found.diagram.order < 0.99).any("tau")]
    lines += [f"  some are out of step (order below 0.99) up to D = {float(loose.max()):.3f}, none beyond" if loose.size else
              "  all of them are in step", ""]  # fmt: skip
    for m, trace in found.traces.items():
        late = {"after": float(trace.time[-1]) - 200}
        amplitude, length = sd.cells.extremes(trace, **late).amplitude.max(), sd.cells.period(trace, **late)[0]
        order = sd.cells.order_parameter(trace, **late).mean()
        text = f"amplitude of v {amplitude:.4f}, period {length:.4f}, order {order:.4f}" if length > 0 else "at rest"
        lines += [f"{m} at D = {HERE['D']:g}, tau = {DELAY:g}: {text}"]
    needed = ", ".join(f"{found.least(d)} cells with d1 = {d:g}" for d in (0.8, 0.4, 0.3))
    lines += ["", f"a quorum is m d1 = {found.tip:.4f}: {needed}"]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> Quorum:
    parser = argparse.ArgumentParser(description="How many cells oscillate, where, how much, and in step.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure and the report")
    parser.add_argument("--points", type=int, default=72, help="points along each axis of the phase diagram")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    found = study(options.points)
    text = report(found)
    (options.out / "quorum_sensing.txt").write_text(text + "\n")
    draw(found).savefig(options.out / "quorum_sensing.png", dpi=150, pil_kwargs={"optimize": True})
    print(f"{text}\n\nThe figure and the report are in {options.out.resolve()}")
    return found


if __name__ == "__main__":
    main()
