"""Traces of cells over time, with their phases, cycles and order parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

from symdyn.cells import _figure_parts as parts
from symdyn.cells import phases
from symdyn.errors import DeclarationError
from symdyn.figure_style import styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_traces"]

PANELS = ("traces", "phase", "period", "order")
#: Cells up to which each has its name in the legend.
NAMED = 12
#: Names beside each other in the legend.
ACROSS = 6


@styled
def plot_traces(
    data: Any,
    state: Any = None,
    *,
    panels: Any = PANELS,
    reference: int = 1,
    after: float | None = None,
    least: float = phases.STILL,
) -> Figure:
    """Traces of all cells with phases, cycles and order parameter, one panel below the other.

    Parameters
    ----------
    data : xarray.Dataset
        One run with ``v_1, v_2, ...``.
    state : Symbol or str, optional
        The first state of the cells by default.
    panels : sequence of {'traces', 'phase', 'period', 'order'}
        The states; the phase of each cell relative to a reference cell (behind it is negative); the length of each cycle, as
        a point at its middle; Kuramoto's order parameter.
    reference : int
        Number of the cell to which phases are relative.
    after, least : float, optional
        As in `symdyn.cells.phases.period`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DeclarationError
        If the data hold several runs, or there is no such state, panel or cell.

    Examples
    --------
    >>> import xarray as xr
    >>> t = np.linspace(0, 100, 1001)
    >>> data = xr.Dataset({"v_1": ("time", np.sin(t)), "v_2": ("time", np.cos(t))}, {"time": t})
    >>> len(plot_traces(data, panels=("traces", "order")).axes)
    2
    """
    chosen = (panels,) if isinstance(panels, str) else tuple(panels)
    wrong = [p for p in chosen if p not in PANELS]
    if wrong or not chosen:
        raise DeclarationError(f"there is no panel {wrong[0] if wrong else ''!r}; expected some of {', '.join(PANELS)}")
    traces = parts.only(phases.cell_traces(data, state), "plot_traces", ("cell", "time"))
    cells = traces["cell"].values.tolist()
    if reference not in cells:
        raise DeclarationError(f"there is no cell {reference!r} to refer to; the cells are {', '.join(map(str, cells[:8]))}")
    theta = phases.phase(traces, after=after, least=least) if chosen != ("traces",) else None
    heights = [1.8 if p == "traces" else 1.0 for p in chosen]
    figure, axes = plt.subplots(
        len(chosen), 1, figsize=(7.0, 1.0 + 1.15 * sum(heights)), sharex=True, squeeze=False, height_ratios=heights,
        layout="constrained",
    )  # fmt: skip
    colours = dict(zip(cells, parts.cell_colours(len(cells)), strict=True))
    for ax, panel in zip(axes[:, 0], chosen, strict=True):
        if panel == "traces":
            _traces(ax, traces, colours)
        elif panel == "phase":
            _phases(ax, theta, reference, colours)
        elif panel == "period":
            _cycles(ax, traces, after, least, colours)
        else:
            order = phases.order_parameter(traces, after=after, least=least)
            ax.plot(order["time"], order, color=parts.EDGE, lw=1.2)
            ax.set(ylim=(-0.04, 1.04), ylabel="order\nparameter")
    for ax in axes[:, 0]:
        ax.grid(alpha=0.25, lw=0.6)
        ax.margins(x=0)
    units = traces["time"].attrs.get("units")
    axes[-1, 0].set_xlabel(f"time $t$ ({units})" if units else "time $t$")
    figure.align_ylabels()
    _legend(figure, axes[0, 0], colours)
    return figure


def _traces(ax: Axes, traces: Any, colours: dict[int, Any]) -> None:
    name, units = parts.written(traces.name), traces.attrs.get("units")
    for c, colour in colours.items():
        ax.plot(traces["time"], traces.sel(cell=c), color=colour, lw=1.1, label=f"cell {c}")
    ax.set_ylabel(f"{name} ({units})" if units else name)


def _phases(ax: Axes, theta: Any, reference: int, colours: dict[int, Any]) -> None:
    ahead = np.degrees(theta - theta.sel(cell=reference, drop=True))
    for c, colour in colours.items():
        turned = (ahead.sel(cell=c).values + 180) % 360 - 180
        jumps = np.abs(np.diff(turned, prepend=turned[:1])) > 180  # a line across the panel would be none of the phase
        ax.plot(theta["time"], np.where(jumps, np.nan, turned), color=colour, lw=1.1)
    known = ahead.values[np.isfinite(ahead.values)]
    if known.size and np.abs(known).max() < 90:
        bound = max(5.0, 1.15 * float(np.abs(known).max()))
        ax.set_ylim(-bound, bound)
    else:
        ax.set(ylim=(-184, 184), yticks=[-180, -90, 0, 90, 180])
    ax.set_ylabel(f"phase to cell {reference}\n(degrees)")


def _cycles(ax: Axes, traces: Any, after: float | None, least: float, colours: dict[int, Any]) -> None:
    lengths = []
    for colour, (middle, length) in zip(colours.values(), phases.cycle_lengths(traces, after=after, least=least), strict=True):
        ax.plot(middle, length, ls="none", marker="o", ms=2.6, mew=0, color=colour)
        lengths.append(length)
    every = np.concatenate(lengths)
    if every.size:
        usual, spread = float(np.median(every)), float(np.ptp(every))
        if spread < 0.02 * usual:  # else rounding errors of a steady rhythm would fill the panel
            ax.set_ylim(0.98 * usual, 1.02 * usual)
    ax.set_ylabel("cycle\nlength")


def _legend(figure: Figure, ax: Axes, colours: dict[int, Any]) -> None:
    from matplotlib.lines import Line2D

    if len(colours) <= NAMED:
        handles = [Line2D([], [], color=colour, label=f"cell {c}") for c, colour in colours.items()]
        columns = -(-len(handles) // -(-len(handles) // ACROSS))
        by_column = [handle for k in range(columns) for handle in handles[k::columns]]  # legends are filled column by column
        figure.legend(handles=by_column, loc="outside upper center", ncols=columns, frameon=False, fontsize=9)
    else:
        scale = plt.Normalize(min(colours), max(colours))
        figure.colorbar(plt.cm.ScalarMappable(scale, "viridis"), ax=ax, label="cell", aspect=12)
