"""Films of a colony: cells and bulk on the map, traces below."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from symdyn.cells import _figure_parts as parts
from symdyn.cells import phases
from symdyn.cells._figure_bulk import node_values, pixels
from symdyn.errors import DeclarationError
from symdyn.figure_style import styled
from symdyn.film import chosen_frames, film_path, write_film
from symdyn.models.colony import BulkCellSystem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["animate_colony"]

HALO = 1.8
"""How far a ring around a cell reaches at the largest value, in radii of the cell, beyond it."""


@styled
def animate_colony(
    colony: BulkCellSystem,
    data: xr.Dataset,
    path: str | os.PathLike[str],
    *,
    state: Any = None,
    species: int = 0,
    mesh: Any = None,
    frames: int | None = 100,
    fps: float = 20,
    dpi: float = 100,
) -> Path:
    """Cells that pulse over the bulk, and their traces, as a film.

    Colours of the cells and the rings around them, which are the wider the larger the value, show the state.

    Parameters
    ----------
    colony : BulkCellSystem
    data : xarray.Dataset
        One run with ``v_1, v_2, ...``; the bulk at nodes, ``U_field``, is shown if it is recorded
        (``colony.full(keep_bulk=True)``).
    path : str or path
        A .gif file, or .mp4 (needs ffmpeg).
    state : Symbol or str, optional
        The secreted one by default.
    species : int
        Which bulk species, counted from 0.
    mesh : optional
        As in `plot_bulk`; needed if the data lack the coordinates of their nodes.
    frames : int, optional
        At most so many, evenly spaced over time; all times if None.
    fps, dpi : float
        Frames in a second, dots per inch.

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
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> pair = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0)], kinetics=zoo.selkov(),
    ...     secreted="v", influx=0.8, efflux=0.2, parameters={"D": 1, "tau": 0.55})
    >>> times = np.linspace(0, 1, 3)
    >>> data = xr.Dataset({"v_1": ("time", np.sin(times)), "v_2": ("time", np.cos(times))}, {"time": times})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pair.animate(data, Path(folder) / "pair.gif", dpi=40).name
    'pair.gif'
    """
    target = film_path(path)
    traces = parts.only(
        phases.cell_traces(data, colony.secreted[species] if state is None else state), "animate_colony", ("cell", "time")
    )
    cells = traces["cell"].values
    if len(cells) != len(colony.centers):
        raise DeclarationError(f"the data hold {len(cells)} cells with {traces.name}, the colony has {len(colony.centers)}")
    bulk = _bulk(data, f"{colony.bulk[species]}_field")
    shown = traces if bulk is None or "time" in bulk.dims else traces.interp(time=bulk["bulk_time"].values)
    times = shown["time"].values
    values = shown.transpose("time", "cell").values
    layout = ConstrainedLayoutEngine(
        rect=(0, 0, 1, 1) if bulk is None else (0.015, 0, 0.985, 1)
    )  # no padding left of a left bar
    figure = Figure(figsize=(5.4 if bulk is None else 6.6, 6.0), layout=layout)
    top, below = figure.subplots(2, 1, height_ratios=(3.4, 1))
    parts.frame(top, colony)
    paint = None if bulk is None else _paint_bulk(top, colony, data, bulk, mesh, species)
    circles = parts.paint_cells(top, colony, cmap="inferno")
    rings = parts.paint_cells(
        top, colony, facecolor="none", edgecolor=parts.cell_colours(len(cells)), linewidth=1.7, zorder=3.8
    )
    low, high = np.nanmin(traces.values), np.nanmax(traces.values)
    high = high if high > low else low + 1
    circles.set_clim(low, high)
    figure.colorbar(circles, ax=top, location="left" if paint else "right", label=f"cells {parts.written(traces.name)}")
    for c, colour in zip(cells, parts.cell_colours(len(cells)), strict=True):
        below.plot(traces["time"], traces.sel(cell=c), color=colour, lw=0.9)
    below.set(xlim=(times[0], times[-1]), xlabel="time $t$", ylabel=parts.written(traces.name))
    now = below.axvline(times[0], color=parts.EDGE, lw=1.0)
    title = top.set_title("")
    paths = [p.vertices - c for p, c in zip(rings.get_paths(), colony.centers, strict=True)]

    def show(k: int) -> None:
        circles.set_array(np.ma.masked_invalid(values[k]))
        height = np.nan_to_num((values[k] - low) / (high - low))
        for ring, center, unit, h in zip(rings.get_paths(), colony.centers, paths, height, strict=True):
            ring.vertices = center + unit * (1 + HALO * h)
        if paint is not None:
            paint(k)
        now.set_xdata([times[k], times[k]])
        title.set_text(f"$t$ = {times[k]:.4g}")

    return write_film(figure, show, chosen_frames(times, frames), target, fps=fps, dpi=dpi)


def _bulk(data: xr.Dataset, name: str) -> xr.DataArray | None:
    """The bulk at nodes over time, if the data have it."""
    if name not in data:
        return None
    kept = ("time", "bulk_time", "node")
    found = parts.only(data[name], "animate_colony", kept)
    return found.transpose(..., "node")


def _paint_bulk(ax: Axes, colony: BulkCellSystem, data: xr.Dataset, bulk: xr.DataArray, mesh: Any, species: int) -> Any:
    """Draw the bulk as an image; return the function that changes it to another time."""
    triangles = data["triangles"].values if "triangles" in data else None
    _, grid = node_values(colony, bulk[0], mesh, triangles)
    low, high = parts.shown_box(colony)
    weights, shape = pixels(grid, low, high)
    lowest, highest = np.nanmin(bulk.values), np.nanmax(bulk.values)
    image = ax.imshow(
        np.full(shape, np.nan), extent=(low[0], high[0], low[1], high[1]), origin="lower", cmap="viridis", zorder=1,
        vmin=lowest, vmax=highest if highest > lowest else lowest + 1, interpolation="bilinear",
    )  # fmt: skip
    edge = parts.outline(colony, transform=ax.transData)
    if edge is not None:
        image.set_clip_path(edge)
    ax.figure.colorbar(image, ax=ax, label=f"bulk {parts.written(colony.bulk[species])}")
    return lambda k: image.set_data((weights @ bulk.values[k]).reshape(shape))
