"""Figures of fields on triangles: maps beside each other, and films."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation

from symdyn.errors import DeclarationError
from symdyn.grids._figure_parts import value_label

__all__ = ["draw_triangles", "mesh_maps", "refuse_mesh", "triangulation"]


def triangulation(data: xr.Dataset, shown: xr.DataArray) -> tuple[Triangulation, tuple[str, str]]:
    """The triangles of a dataset, and the names of the axes."""
    places = [str(n) for n, c in shown.coords.items() if c.dims == ("vertex",) and n != "vertex"]
    if "triangles" not in data or len(places) != 2:
        raise DeclarationError("the dataset has no triangles between its vertices; take that of a simulation on elements")
    x, y = (shown[n].values for n in places)
    return Triangulation(x, y, data["triangles"].values), (places[0], places[1])


def draw_triangles(ax: Any, triangles: Triangulation, values: np.ndarray, colours: dict[str, Any]) -> Any:
    """A map with colours interpolated within each triangle."""
    ax.set_aspect("equal")
    return ax.tripcolor(triangles, np.ma.masked_invalid(values), shading="gouraud", rasterized=True, **colours)


def mesh_maps(
    data: xr.Dataset, shown: xr.DataArray, places: Sequence[int], colours: dict[str, Any], columns: int | None
) -> Figure:
    """Maps at several times with one scale."""
    triangles, names = triangulation(data, shown)
    many = len(places)
    across = min(many, 4 if columns is None else max(1, int(columns)))
    down = -(-many // across)
    width, height = (float(np.ptp(c)) for c in (triangles.x, triangles.y))
    size = 2.3 / max(width, height)
    figure, axes = plt.subplots(
        down, across, figsize=(across * (width * size + 0.35) + 1.1, down * (height * size + 0.45) + 0.4), sharex=True,
        sharey=True, squeeze=False, layout="compressed",
    )  # fmt: skip
    for ax, k in zip(axes.flat, places, strict=False):
        drawn = draw_triangles(ax, triangles, shown.values[k], colours)
        ax.set_title(f"$t$ = {shown['time'].values[k]:.4g}", fontsize=10)
        ax.locator_params(nbins=4)
    for ax in axes.flat[many:]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_ylabel(f"${names[1]}$")
    for ax in axes[-1]:
        ax.set_xlabel(f"${names[0]}$")
    figure.colorbar(drawn, ax=axes, label=value_label(shown), shrink=0.95, aspect=18 * down)
    return figure


def refuse_mesh(shown: xr.DataArray, what: str) -> None:
    """Refuse a figure along axes for a field on triangles."""
    if "vertex" in shown.dims:
        raise DeclarationError(f"{what} shows fields on grids; {shown.name} is given on triangles, take snapshots")
