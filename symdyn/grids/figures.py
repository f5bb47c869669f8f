"""Figures of fields: snapshots, space-time diagrams and films."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from symdyn.figure_style import styled
from symdyn.film import chosen_frames, film_path, write_film
from symdyn.grids._figure_choice import cut, field_of, nearest_times
from symdyn.grids._figure_meshes import mesh_maps, refuse_mesh
from symdyn.grids._figure_parts import axis_label, colours_of, coordinates, edges, image, time_label, value_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["animate", "snapshots", "space_time"]


@styled
def snapshots(
    data: xr.Dataset,
    field: Any = None,
    times: Any = None,
    *,
    at: Any = None,
    limits: tuple[float, float] | None = None,
    cmap: Any = None,
    columns: int | None = None,
) -> Figure:
    """A field at several times: lines of one figure in one dimension, maps beside each other with one scale in two and three.

    Fields in boxes are cut.  Fields on finite elements are drawn on their triangles.

    Parameters
    ----------
    data : xarray.Dataset
        One run of a `PDESystem`.
    field : Symbol or str, optional
        The first field by default.
    times : int or sequence of float, optional
        How many times, evenly spaced from the first to the last (4 by default, or all if they are fewer); or which, the
        nearest output time being shown.
    at : (axis, position), optional
        The cut of a field in a box, such as ("y", 0.5), at the nearest cells; by default in the middle of the last axis.
    limits : (low, high), optional
        Of the values.  By default those of all times shown, symmetric about 0 if the field has both signs.
    cmap : optional
        Colour map; one with a white middle if the field has both signs.
    columns : int, optional
        Of maps in a row, up to 4 by default.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DeclarationError
        If the data hold several runs, there is no such field, a time lies outside, or there are fewer times than asked for.

    Examples
    --------
    >>> x, t = np.linspace(0, 1, 5), np.array([0.0, 1.0, 2.0])
    >>> data = xr.Dataset({"u": (("time", "x"), np.outer(np.exp(-t), np.sin(x)))}, {"time": t, "x": x})
    >>> len(snapshots(data, times=[0, 2]).axes[0].lines)
    2
    """
    shown, where = cut(field_of(data, field, "snapshots"), at, 2)
    places = nearest_times(shown, times)
    colours = colours_of(shown.values[places], limits, cmap)
    t = shown["time"].values
    if "vertex" in shown.dims:
        return mesh_maps(data, shown, places, colours, columns)
    if shown.ndim == 2:
        return _lines(shown, places, colours, cmap)
    many = len(places)
    across = min(many, 4 if columns is None else max(1, int(columns)))
    down = -(-many // across)
    bounds = [edges(c) for c in coordinates(shown)]
    width, height = (float(b[-1] - b[0]) for b in bounds)
    size = 2.3 / max(width, height)
    figure, axes = plt.subplots(
        down, across, figsize=(across * (width * size + 0.35) + 1.1, down * (height * size + 0.45) + 0.4), sharex=True,
        sharey=True, squeeze=False, layout="compressed",
    )  # fmt: skip
    for ax, k in zip(axes.flat, places, strict=False):
        drawn = image(ax, shown, k, colours)
        ax.set_title(_title(t[k], where), fontsize=10)
        ax.locator_params(nbins=4)
    layout: Any = figure.get_layout_engine()
    layout.set(wspace=0.04)
    for ax in axes.flat[many:]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_ylabel(axis_label(shown, 1))
    for i, ax in enumerate(axes.flat[:many]):
        if i + across >= many:
            ax.set_xlabel(axis_label(shown, 0))
            ax.tick_params(labelbottom=True)
    figure.colorbar(drawn, ax=axes, label=value_label(shown), shrink=0.95, aspect=18 * down)
    return figure


@styled
def space_time(
    data: xr.Dataset,
    field: Any = None,
    ax: Axes | None = None,
    *,
    at: Any = None,
    limits: tuple[float, float] | None = None,
    cmap: Any = None,
) -> Axes:
    """A field over space and time (a kymograph), time upwards.

    Parameters
    ----------
    data : xarray.Dataset
        One run of a `PDESystem`.
    field : Symbol or str, optional
        The first field by default.
    ax : Axes, optional
    at : (axis, position) or a list of them, optional
        The cuts of a field of two or three dimensions, such as ("y", 0.5), or [("x", 0.1), ("z", 0.5)]; the nearest row of
        the grid.  By default in the middle of the last axes.
    limits, cmap : optional
        As in `snapshots`.

    Returns
    -------
    Axes

    Raises
    ------
    DeclarationError
        If the data hold several runs, there is no such field or axis, or the cut lies outside.

    Examples
    --------
    >>> x, t = np.linspace(0, 1, 5), np.array([0.0, 1.0, 2.0])
    >>> data = xr.Dataset({"u": (("time", "x"), np.outer(np.exp(-t), np.sin(x)))}, {"time": t, "x": x})
    >>> ax = space_time(data)
    >>> [float(v) for v in ax.get_ylim()]
    [0.0, 2.0]
    """
    shown = field_of(data, field, "space_time")
    refuse_mesh(shown, "space_time")
    shown, title = cut(shown, at, 1)
    colours = colours_of(shown.values, limits, cmap)
    ax = ax or plt.subplots(figsize=(5.4, 3.8), layout="constrained")[1]
    (x,) = coordinates(shown)
    t = shown["time"].values.astype(float)
    drawn = ax.pcolormesh(edges(x), edges(t), np.ma.masked_invalid(shown.values), rasterized=True, **colours)
    ax.set(xlabel=axis_label(shown, 0), ylabel=time_label(shown), ylim=(t[0], t[-1]))
    if title:
        ax.set_title(title, fontsize=10)
    ax.figure.colorbar(drawn, ax=ax, label=value_label(shown))
    return ax


@styled
def animate(
    data: xr.Dataset,
    field: Any = None,
    path: str | os.PathLike[str] = "field.gif",
    *,
    frames: int | None = 100,
    at: Any = None,
    fps: float = 20,
    dpi: float = 100,
    limits: tuple[float, float] | None = None,
    cmap: Any = None,
) -> Path:
    """A film of a field.

    Parameters
    ----------
    data : xarray.Dataset
        One run of a `PDESystem`.
    field : Symbol or str, optional
        The first field by default.
    path : str or path
        A .gif file, or .mp4 (needs ffmpeg).
    frames : int, optional
        At most so many, evenly spaced over time; all times if None.
    at : (axis, position), optional
        As in `snapshots`.
    fps, dpi : float
        Frames in a second, dots per inch.
    limits, cmap : optional
        As in `snapshots`, of all times.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DeclarationError
        For another format, a missing ffmpeg or folder, and data of several runs.

    Examples
    --------
    >>> import tempfile
    >>> x, t = np.linspace(0, 1, 5), np.array([0.0, 1.0, 2.0])
    >>> data = xr.Dataset({"u": (("time", "x"), np.outer(np.exp(-t), np.sin(x)))}, {"time": t, "x": x})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     animate(data, path=f"{folder}/u.gif").name
    'u.gif'
    """
    target = film_path(path)
    shown = field_of(data, field, "animate")
    refuse_mesh(shown, "animate")
    shown, where = cut(shown, at, 2)
    t = shown["time"].values
    colours = colours_of(shown.values, limits, cmap)
    bounds = [edges(c) for c in coordinates(shown)]
    if shown.ndim == 2:
        figure = Figure(figsize=(5.6, 3.6), layout="constrained")
        ax = figure.subplots()
        (line,) = ax.plot(*coordinates(shown), np.full(shown.shape[1], np.nan), color="#0072B2", lw=1.6)
        pad = 0.04 * (colours["vmax"] - colours["vmin"])
        ax.set(xlim=(bounds[0][0], bounds[0][-1]), ylim=(colours["vmin"] - pad, colours["vmax"] + pad),
               ylabel=value_label(shown))  # fmt: skip
        ax.grid(alpha=0.25, lw=0.6)

        def change(k: int) -> None:
            line.set_ydata(shown.values[k])
    else:
        width, height = (float(b[-1] - b[0]) for b in bounds)
        size = 4.0 / max(width, height)
        figure = Figure(figsize=(width * size + 1.6, height * size + 0.9), layout="constrained")
        ax = figure.subplots()
        picture = image(ax, shown, 0, colours)
        ax.set_ylabel(axis_label(shown, 1))
        figure.colorbar(picture, ax=ax, label=value_label(shown))

        def change(k: int) -> None:
            picture.set_data(np.ma.masked_invalid(shown.values[k].T))

    ax.set_xlabel(axis_label(shown, 0))
    title = ax.set_title("")

    def show(k: int) -> None:
        change(k)
        title.set_text(_title(t[k], where))

    return write_film(figure, show, chosen_frames(t, frames), target, fps=fps, dpi=dpi)


def _title(t: float, where: str) -> str:
    return ", ".join(filter(None, (f"$t$ = {t:.4g}", where)))


def _lines(shown: xr.DataArray, places: Sequence[int], colours: dict[str, Any], cmap: Any) -> Figure:
    figure, ax = plt.subplots(figsize=(6.0, 3.6), layout="constrained")
    t = shown["time"].values.astype(float)
    (x,) = coordinates(shown)
    palette = plt.get_cmap(cmap or "viridis")(np.linspace(0, 0.88, len(places)))
    for k, colour in zip(places, palette, strict=True):
        ax.plot(x, shown.values[k], color=colour, lw=1.5, label=f"$t$ = {t[k]:.4g}")
    bounds = edges(x)
    pad = 0.04 * (colours["vmax"] - colours["vmin"])
    ax.set(xlabel=axis_label(shown, 0), ylabel=value_label(shown), xlim=(bounds[0], bounds[-1]),
           ylim=(colours["vmin"] - pad, colours["vmax"] + pad))  # fmt: skip
    ax.grid(alpha=0.25, lw=0.6)
    if len(places) <= 10:
        figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    else:
        from matplotlib.colors import ListedColormap

        scale = plt.Normalize(t[places[0]], t[places[-1]])
        figure.colorbar(plt.cm.ScalarMappable(scale, ListedColormap(palette)), ax=ax, label=time_label(shown))
    return figure
