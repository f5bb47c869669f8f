"""Figures of studies, each drawn into axes that may be given."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from symdyn.errors import DeclarationError
from symdyn.figure_style import styled
from symdyn.studies._table import check_study
from symdyn.studies._verdict import VERDICTS

__all__ = ["plot_branches", "plot_validity"]

#: One colour for each verdict: green for valid, yellow for inaccurate, others for qualitative errors.
COLOURS = {
    "valid": "#2a9d5c",
    "unchecked": "#9bd3b0",
    "inaccurate": "#f2d16b",
    "several": "#e07b39",
    "oscillates": "#7d5fb2",
    "unphysical": "#c0392b",
    "diverges": "#5b1a18",
    "undecided": "#b8b8b8",
    "failed": "#303030",
}
#: Those with dark letters.
PALE = ("inaccurate", "unchecked", "undecided")


@styled
def plot_validity(data: xr.Dataset) -> Figure:
    """Overview of a validity study: for each closure a panel of orders against volumes, coloured by verdict.

    White numbers are the relative errors in per cent; black lines the located transitions; the upper axis shows the exact
    mean molecule numbers of the first species.

    Parameters
    ----------
    data : xarray.Dataset
        From `closure_validity`.

    Returns
    -------
    Figure

    Raises
    ------
    DeclarationError
        If the dataset is no result of `closure_validity`.

    Examples
    --------
    >>> cell = ("closure", "order", "volume")
    >>> data = xr.Dataset(  # a study of one closure of order 2 at two volumes
    ...     {"verdict": (cell, [[["diverges", "valid"]]]), "exact_mean": (("volume", "species"), [[1.0], [7.0]]),
    ...      "mean_error": ((*cell, "species"), [[[[np.nan], [0.02]]]]),
    ...      "std_error": ((*cell, "species"), [[[[np.nan], [0.03]]]]),
    ...      "transition_volume": (("closure", "order", "transition"), [[[4.0]]])},
    ...     {"closure": ["normal"], "order": [2], "volume": [1.0, 10.0], "species": ["X"]})
    >>> figure = plot_validity(data)
    >>> [text.get_text() for text in figure.axes[0].texts], figure.axes[1].get_xlabel()  # the largest error in per cent
    (['3.0'], 'exact mean of X (molecules)')
    """
    check_study(data, "closure_validity", "verdict", "exact_mean", "closure", "order", "volume")
    closures, orders, volumes = (data[d].values for d in ("closure", "order", "volume"))
    size = (2.5 + 0.62 * len(volumes), 1.6 + 0.42 * len(closures) * len(orders))
    figure, axes = plt.subplots(len(closures), 1, figsize=size, sharex=True, squeeze=False, layout="constrained")
    edges = _edges(volumes)
    colours = ListedColormap([COLOURS[v] for v in VERDICTS])
    norm = BoundaryNorm(np.arange(len(VERDICTS) + 1) - 0.5, len(VERDICTS))
    for ax, closure in zip(axes[:, 0], closures, strict=True):
        one = data.sel(closure=closure)
        code = np.array([[VERDICTS.index(w) if w else np.nan for w in row] for row in one["verdict"].values], dtype=float)
        ax.pcolormesh(edges, np.arange(len(orders) + 1), code, cmap=colours, norm=norm, edgecolors="white", linewidth=0.6)
        _write_errors(ax, one)
        for o in range(len(orders)):
            for v in one["transition_volume"].values[o]:
                if np.isfinite(v):
                    ax.plot([v, v], [o, o + 1], color="black", lw=1.4, solid_capstyle="butt")
        ax.set(xscale="log", xlim=(edges[0], edges[-1]), ylabel=f"{closure}\norder")
        ax.set_yticks(np.arange(len(orders)) + 0.5, [str(o) for o in orders])
    axes[-1, 0].set_xlabel("volume")
    _molecules(axes[0, 0], data)
    shown = [v for v in VERDICTS if (data["verdict"] == v).any()]
    figure.legend(handles=[Patch(color=COLOURS[v], label=v) for v in shown], loc="outside right center", frameon=False)
    return figure


def _edges(volumes: np.ndarray) -> np.ndarray:
    """Edges of cells about the volumes on a logarithmic axis."""
    logs = np.log(volumes)
    if logs.size == 1:
        return np.exp([logs[0] - 0.5, logs[0] + 0.5])
    middle = (logs[1:] + logs[:-1]) / 2
    return np.exp(np.concatenate([[2 * logs[0] - middle[0]], middle, [2 * logs[-1] - middle[-1]]]))


def _write_errors(ax: Any, one: xr.Dataset) -> None:
    """The largest relative error of each cell, in per cent, where there is one usable state."""
    off = np.nanmax(np.abs(np.concatenate([one["mean_error"].values, one["std_error"].values], axis=-1)), axis=-1, initial=-1.0)
    for o, v in np.argwhere(off >= 0):
        percent = 100 * off[o, v]
        text = "<0.1" if percent < 0.1 else f"{percent:.1f}" if percent < 10 else f"{percent:.0f}"
        ax.text(
            one["volume"].values[v],
            o + 0.5,
            text,
            ha="center",
            va="center",
            fontsize=7,
            color="black" if one["verdict"].values[o, v] in PALE else "white",
        )


def _molecules(ax: Any, data: xr.Dataset) -> None:
    """An upper axis of exact mean molecule numbers."""
    means = data["exact_mean"].values[:, 0]
    known = np.isfinite(means)
    if not known.any():
        return
    top = ax.twiny()
    top.set(xscale="log", xlim=ax.get_xlim(), xlabel=f"exact mean of {data['species'].values[0]} (molecules)")
    volumes = data["volume"].values[known]
    top.set_xticks(volumes, [f"{m:.3g}" for m in means[known]], fontsize=7, rotation=45, ha="left")
    top.set_xticks([], minor=True)


@styled
def plot_branches(data: xr.Dataset, *, closure: str, species: str | None = None) -> Figure:
    """Every steady state of a closure against the volume, a panel for each order, with the exact mean.

    Means and standard deviations are divided by the volume.  Filled circles are stable and physical, open ones unstable,
    crosses have negative variances.

    Parameters
    ----------
    data : xarray.Dataset
        From `closure_validity`.
    closure : str
        Name of the closure.
    species : str, optional
        Name of the species; the first unless given.

    Returns
    -------
    Figure

    Raises
    ------
    DeclarationError
        If the dataset is no result of `closure_validity`, or has no such closure or species.

    Examples
    --------
    >>> branch = ("closure", "order", "volume", "branch")
    >>> data = xr.Dataset(  # a study of one closure of order 2 at two volumes
    ...     {"mean": ((*branch, "species"), [[[[[4.0]], [[9.0]]]]]), "stable": (branch, [[[[True], [True]]]]),
    ...      "physical": (branch, [[[[True], [True]]]]), "exact_mean": (("volume", "species"), [[4.0], [9.0]]),
    ...      "exact_covariance": (("volume", "species", "with"), [[[4.0]], [[9.0]]]),
    ...      "transition_volume": (("closure", "order", "transition"), np.zeros((1, 1, 0)))},
    ...     {"closure": ["normal"], "order": [2], "volume": [4.0, 9.0], "species": ["X"], "with": ["X"]})
    >>> ax, = plot_branches(data, closure="normal").axes
    >>> ax.get_title(), ax.get_ylabel(), ax.lines[1].get_ydata().tolist()  # mean over volume
    ('normal, order 2', 'mean of X / volume', [1.0, 1.0])
    """
    check_study(data, "closure_validity", "mean", "exact_mean", "closure", "species")
    name = str(data["species"].values[0]) if species is None else species
    for given, dim in ((closure, "closure"), (name, "species")):
        if given not in data[dim].values:
            raise DeclarationError(f"{given!r} is no {dim} of the study; it has {', '.join(map(str, data[dim].values))}")
    one = data.sel(closure=closure, species=name)
    orders, volumes = one["order"].values, one["volume"].values
    figure, axes = plt.subplots(
        1, len(orders), figsize=(1.5 + 3.2 * len(orders), 3.4), sharey=True, squeeze=False, layout="constrained"
    )
    spread = np.sqrt(one["exact_covariance"].sel({"with": name}).values) / volumes
    exact = one["exact_mean"].values / volumes
    for ax, order in zip(axes[0], orders, strict=True):
        part = one.sel(order=order)
        ax.fill_between(volumes, exact - spread, exact + spread, color="#d9e4ef", label="exact mean ± std")
        ax.plot(volumes, exact, color="#1f4e79", lw=1.5, label="exact mean")
        mean, stable, physical = (part[k].values for k in ("mean", "stable", "physical"))
        at = np.broadcast_to(volumes[:, None], mean.shape)
        level = mean / at
        for select, style in (
            (stable & physical, dict(marker="o", color="#2a9d5c", label="stable")),
            (~stable & physical, dict(marker="o", mfc="none", color="#888888", label="unstable")),
            (~physical & np.isfinite(mean), dict(marker="x", color="#c0392b", label="negative variance")),
        ):
            if select.any():
                ax.plot(at[select], level[select], ls="none", ms=5, **style)
        for v in part["transition_volume"].values:
            if np.isfinite(v):
                ax.axvline(v, color="black", lw=0.8, ls=":")
        ax.set(xscale="log", xlabel="volume", title=f"{closure}, order {order}")
    top = 1.25 * np.nanmax(exact + spread) if np.isfinite(exact).any() else None
    axes[0, 0].set(ylabel=f"mean of {name} / volume", ylim=(0, top))
    shown = {label: handle for ax in axes[0] for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(list(shown.values()), list(shown), loc="outside lower center", ncols=len(shown), frameon=False, fontsize=8)
    return figure
