"""What maps of colonies share: frame, cells, numbers, triangles of the bulk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Circle
from matplotlib.patches import Polygon as PolygonPatch
from matplotlib.patheffects import withStroke

from symdyn.errors import DeclarationError
from symdyn.models.domains import Disk

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CELL_COLOURS", "EDGE", "HALO", "HAND", "PHASES", "cell_colours", "frame", "map_axes", "number_cells", "only",
           "outline", "paint_cells", "secreted_places", "shown_box", "written"]  # fmt: skip

#: Distinct to all kinds of colour vision (Okabe & Ito), in the order of the cells.
CELL_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
EDGE = "#303030"
#: Around letters on a coloured ground.
HALO = [withStroke(linewidth=2, foreground="white")]
HAND = [withStroke(linewidth=3, foreground="white")]
#: Cyclic: blue and orange are a quarter of a turn to either side, light in step, dark in antiphase.
PHASES = LinearSegmentedColormap.from_list("phases", ["#2b2b2b", "#1f5fa8", "#e8e4dc", "#d9772b", "#2b2b2b"])


def cell_colours(cells: int) -> list[Any]:
    """One colour for each cell."""
    if cells <= len(CELL_COLOURS):
        return list(CELL_COLOURS[:cells])
    return list(plt.get_cmap("viridis")(np.linspace(0, 0.92, cells)))


def shown_box(colony: Any) -> np.ndarray:
    """Lower and upper corner of a map, (2, 2); of the plane a part around the cells."""
    box = np.asarray(colony.domain.box, float)
    if np.isfinite(box).all():
        return box
    low, high = colony.centers.min(axis=0), colony.centers.max(axis=0)
    margin = max(0.4 * float((high - low).max()), 12 * colony.radius)
    return np.stack([low - margin, high + margin])


def outline(colony: Any, **style: Any) -> Any:
    """The boundary of the domain; None of the plane."""
    if isinstance(colony.domain, Disk):
        return Circle(colony.domain.center, colony.domain.radius, **style)
    points = getattr(colony.domain, "points", None)
    return None if points is None else PolygonPatch(np.asarray(points), closed=True, **style)


def frame(ax: Axes, colony: Any, *, fill: str = "#f4f6f8") -> None:
    """Boundary, limits, and equal axes."""
    patch = outline(colony, facecolor=fill, edgecolor=EDGE, linewidth=1.2, zorder=0.5)
    low, high = shown_box(colony)
    if patch is None:
        ax.set_facecolor(fill)
    else:
        ax.add_patch(patch)
        edge = outline(colony, facecolor="none", edgecolor=EDGE, linewidth=1.2, zorder=3)
        ax.add_patch(edge)
        margin = 0.03 * float((high - low).max())
        low, high = low - margin, high + margin
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xlabel="$x$", ylabel="$y$")


def paint_cells(ax: Axes, colony: Any, **style: Any) -> PatchCollection:
    """The cells to scale."""
    circles = [Circle(tuple(c), colony.radius) for c in colony.centers]
    cells = PatchCollection(circles, **{"edgecolor": EDGE, "linewidth": 0.9, "zorder": 4, **style})
    ax.add_collection(cells, autolim=False)
    return cells


def map_axes(colony: Any, width: float) -> Axes:
    """Axes in a new figure of the shape of the map, with room for a bar of colours."""
    low, high = shown_box(colony)
    w, h = (high - low) / (high - low).max()
    return plt.subplots(figsize=(width * w + 1.5, width * h + 0.6), layout="constrained")[1]


def number_cells(ax: Axes, colony: Any, numbers: bool | None, radii: Any = 0.0) -> None:
    """Numbers above the cells (above discs of larger radii around them), if they are requested or the cells few."""
    m = len(colony.centers)
    if numbers is False or (numbers is None and m > 60):
        return
    for j, ((x, y), r) in enumerate(zip(colony.centers, np.broadcast_to(np.maximum(radii, colony.radius), m), strict=True)):
        ax.annotate(
            str(j + 1), (x, y + r), (0, 2), textcoords="offset points", ha="center", va="bottom", zorder=6,
            fontsize=9 if m <= 20 else 7, color=EDGE, path_effects=HALO,
        )  # fmt: skip


def secreted_places(colony: Any, species: int = 0) -> list[int]:
    """Where the secreted state of each cell is among the states of all cells."""
    sizes = [len(k.names) for k in colony.kinetics]
    return [sum(sizes[:j]) + colony.kinetics[j].names.index(colony.secreted[species]) for j in range(len(sizes))]


def written(symbol: Any) -> str:
    """A name as mathematics, one of two parts with the second as its index."""
    name = str(symbol)
    greek = ("alpha", "beta", "gamma", "delta", "zeta", "eta", "kappa", "lambda", "mu", "nu", "omega", "rho", "sigma", "tau")
    head, *rest = [rf"\{p}" if p in greek else p if len(p) == 1 else rf"\mathrm{{{p}}}" for p in name.split("_")]
    return f"${head}_{{{','.join(rest)}}}$" if rest else f"${head}$"


def only(data: Any, what: str, kept: tuple[str, ...]) -> Any:
    """Data without dims of length 1 other than those named; an error if there are longer ones."""
    found = data.squeeze([d for d in data.dims if d not in kept and data.sizes[d] == 1], drop=True)
    left = [d for d in found.dims if d not in kept]
    if left:
        shown = ", ".join(f"{found.sizes[d]} of {d!r}" for d in left)
        choice = ", ".join(f"{d}=0" for d in left)
        raise DeclarationError(f"{what} shows one run, the data hold {shown}; choose one, such as data.isel({choice})")
    return found
