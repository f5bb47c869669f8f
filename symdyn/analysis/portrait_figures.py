"""Figures of planar flows: sections, phase portraits, basins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from symdyn.analysis.figures import COLOURS, MANY
from symdyn.analysis.portraits import PhasePortrait
from symdyn.errors import DeclarationError
from symdyn.figure_style import styled
from symdyn.given_values import name_of

__all__ = ["plot_basins", "plot_portrait", "plot_section"]

#: Colours of the nullclines of both states, of both kinds of separatrices, of cycles, and of basins.
NULLCLINES, SEPARATRICES, CYCLES = ("#e07b39", "#7d5fb2"), {"stable": "#c0392b", "unstable": "#1f4e79"}, "#2a9d5c"
BASINS = ("#a9c6e3", "#f2c9a1", "#b9dfc2", "#d9c3e6", "#f4b8b4", "#e6e2a8", "#b5dfe0", "#d9cbbb")


@styled
def plot_section(data: xr.Dataset, states: Sequence[Any] | None = None) -> Figure:
    """A Poincaré section: its points in the plane of two states, and the return map of the first of these.

    Parameters
    ----------
    data : xarray.Dataset
        From `poincare_section`; trajectories of a sweep have colours of their own.
    states : sequence of two Symbols or str, optional
        By default those whose values on the surface differ most, relative to their sizes.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DeclarationError
        If `data` is no section, or there are no such states.

    Examples
    --------
    >>> import symdyn as sd
    >>> forced = sd.ODESystem.from_text("x' = v; v' = -x - v/5 + cos(2*t); x(0) = 1; v(0) = 0")
    >>> found = sd.analysis.poincare_section(forced, "sin(2*t)", duration=40)
    >>> [ax.get_title() for ax in plot_section(found).axes]
    ['sin(2*t) = 0', 'return map']
    """
    if not isinstance(data, xr.Dataset) or "surface" not in data.attrs or "crossing" not in data.dims:
        raise DeclarationError(f"expected a dataset from poincare_section, got {type(data).__name__} without its surface")
    if not data.sizes["crossing"]:
        raise DeclarationError("no trajectory of the section crosses the surface; give a longer duration or another surface")
    known = [str(n) for n, v in data.data_vars.items() if "crossing" in v.dims][:-1]  # the last are the times
    columns = {n: data[n].transpose(..., "crossing").values.reshape(-1, data.sizes["crossing"]) for n in known}
    names = _widest(columns) if states is None else [str(name_of(s)) for s in states]
    wrong = next((n for n in names if n not in known), None)
    if wrong is not None or len(names) != min(2, len(known)):
        raise DeclarationError(f"{wrong or names!r} is not a state, or no pair of them; the states: {', '.join(known)}")
    figure, (plane, back) = plt.subplots(1, 2, figsize=(8.5, 4.2), layout="constrained")
    style = dict(ls="none", marker="o", ms=2, mec="none", rasterized=data[names[0]].size > MANY)
    for k, first in enumerate(columns[names[0]]):
        colour = COLOURS[k % len(COLOURS)]
        other = columns[names[1]][k] if len(names) == 2 else np.arange(len(first))
        plane.plot(first, other, color=colour, **style)
        back.plot(first[:-1], first[1:], color=colour, **style)
    ends = [np.nanmin(columns[names[0]]), np.nanmax(columns[names[0]])]
    back.plot(ends, ends, color="0.6", lw=0.8, zorder=0)
    plane.set(xlabel=names[0], ylabel=names[1] if len(names) == 2 else "crossing", title=f"{data.attrs['surface']} = 0")
    back.set(xlabel=f"{names[0]}, at a crossing", ylabel=f"{names[0]}, at the next", title="return map")
    return figure


def _widest(columns: dict[str, np.ndarray]) -> list[str]:
    """The two states that vary most, relative to their sizes, in the order of the system."""
    spread = {n: np.nanstd(v) / (np.nanmax(np.abs(v)) or 1.0) for n, v in columns.items()}
    chosen = sorted(spread, key=lambda n: -spread[n])[:2]
    return [n for n in columns if n in chosen]


@styled
def plot_portrait(portrait: PhasePortrait) -> Figure:
    """A phase portrait: nullclines, trajectories, separatrices, cycles, and steady states, filled where they are stable.

    Parameters
    ----------
    portrait : PhasePortrait
        From `phase_portrait`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DeclarationError
        If it is something else.

    Examples
    --------
    >>> import symdyn as sd
    >>> duffing = sd.ODESystem.from_text("x' = y; y' = x - x**3 - y/4")
    >>> ax, = plot_portrait(sd.analysis.phase_portrait(duffing, {"x": (-2, 2), "y": (-2, 2)}, trajectories=3)).axes
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ["x' = 0", "y' = 0", 'stable manifold', 'unstable manifold', 'stable focus', 'saddle']
    """
    if not isinstance(portrait, PhasePortrait):
        raise DeclarationError(f"expected what phase_portrait returns, got {type(portrait).__name__}")
    figure, ax = plt.subplots(figsize=(7.4, 5.2), layout="constrained")
    for path in portrait.trajectories:
        ax.plot(*path.T, color="#b0b0b0", lw=0.7, zorder=1)
    (left, right), (low, high) = portrait.region
    size = np.array([right - left, high - low])
    arrows = portrait.arrows["directions"] * size
    ax.quiver(
        *portrait.arrows["points"].T,
        *arrows.T,
        color="#909090",
        angles="xy",
        scale_units="xy",
        scale=45,
        width=0.0018,
        zorder=1,
    )
    for (name, lines), colour in zip(portrait.nullclines.items(), NULLCLINES, strict=True):
        for k, line in enumerate(lines):
            ax.plot(*line.T, color=colour, lw=1.2, ls="--", zorder=2, label=f"{name}' = 0" if k == 0 else None)
    for kind, lines in portrait.separatrices.items():
        for k, line in enumerate(lines):
            ax.plot(*line.T, color=SEPARATRICES[kind], lw=1.5, zorder=3, label=f"{kind} manifold" if k == 0 else None)
    for cycle in portrait.cycles:
        stable = bool(cycle.stable.item())
        label, dashes = f"{'stable' if stable else 'unstable'} cycle", "-" if stable else (0, (4, 2))
        ax.plot(*(cycle[n].values for n in portrait.states), color=CYCLES, lw=2.2, ls=dashes, zorder=4, label=label)
    for kind in dict.fromkeys(rest.kind for rest in portrait.steady_states):
        points = np.array([rest.point for rest in portrait.steady_states if rest.kind == kind])
        mark = "D" if kind == "saddle" else "s" if kind.startswith(("center", "degenerate")) else "o"
        fill = "#303030" if kind.startswith("stable") else "white"
        ax.plot(*points.T, ls="none", marker=mark, mfc=fill, mec="#303030", ms=7, zorder=5, label=kind)
    ax.set(xlabel=portrait.states[0], ylabel=portrait.states[1], xlim=(left, right), ylim=(low, high))
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    if handles:
        ax.legend(list(handles.values()), list(handles), loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8)
    return figure


@styled
def plot_basins(data: xr.Dataset) -> Figure:
    """Basins of attraction in colours, with their fractions, and the attractors in them.

    Trajectories that leave every bound begin in grey, undecided ones in white.

    Parameters
    ----------
    data : xarray.Dataset
        From `basins`, of two states.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DeclarationError
        If `data` has no basins, or those of one state.

    Examples
    --------
    >>> import symdyn as sd
    >>> system = sd.ODESystem.from_text("x' = x - x**3; y' = -y")
    >>> found = sd.analysis.basins(system, {"x": (-2, 2), "y": (-1, 1)}, duration=30, resolution=20)
    >>> [text.get_text() for text in plot_basins(found).axes[0].get_legend().get_texts()]
    ['1: steady state, 50 %', '2: steady state, 50 %']
    """
    if not isinstance(data, xr.Dataset) or "basin" not in data or data["basin"].ndim != 2:
        raise DeclarationError(f"expected a dataset from basins of two states, got {type(data).__name__} without these")
    first, second = (str(d) for d in data["basin"].dims)
    numbers = data["basin"].values
    shades = {-1: "#9a9a9a", 0: "#ffffff"} | {int(k): BASINS[(int(k) - 1) % len(BASINS)] for k in data["attractor"].values}
    colours = np.array([to_rgb(shades[k]) for k in sorted(shades)])
    figure, ax = plt.subplots(figsize=(7.4, 5.2), layout="constrained")
    x, y = data[first].values, data[second].values
    half = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
    extent = (x[0] - half[0], x[-1] + half[0], y[0] - half[1], y[-1] + half[1])
    ax.imshow(colours[numbers.T + 1], extent=extent, origin="lower", aspect="auto", interpolation="nearest")
    handles = []
    for k, kind, share in zip(data["attractor"].values, data["kind"].values, data["fraction"].values, strict=True):
        orbit = data["orbit"].sel(attractor=k)
        ax.plot(
            orbit.sel(state=first),
            orbit.sel(state=second),
            color="#303030",
            lw=1.6,
            marker="o" if kind != "cycle" else "",
            ms=5,
        )
        handles.append(Patch(color=shades[int(k)], label=f"{k}: {kind}, {100 * share:.3g} %"))
    for name, code in (("unbounded", -1), ("undecided", 0)):
        if data[name] > 0:
            handles.append(Patch(fc=shades[code], ec="#c0c0c0", label=f"{name}, {100 * data[name].item():.3g} %"))
    ax.set(xlabel=first, ylabel=second, xlim=extent[:2], ylim=extent[2:])
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8)
    return figure
