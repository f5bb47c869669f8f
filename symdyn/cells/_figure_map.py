"""Maps of a colony: cells coloured by a value, and the bulk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from symdyn.cells import _figure_parts as parts
from symdyn.cells._figure_bulk import bulk_triangles, node_values, sample_points
from symdyn.errors import DeclarationError
from symdyn.figure_style import styled
from symdyn.given_values import numeric_values
from symdyn.models.colony import BulkCellSystem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw", "plot_bulk"]

#: Distances of contours, times powers of ten.
ROUND = (1, 2, 2.5, 5, 10)


@styled
def draw(
    colony: BulkCellSystem,
    ax: Axes | None = None,
    *,
    values: Any = None,
    parameters: Mapping[Any, Any] | None = None,
    label: str | None = None,
    limits: tuple[float, float] | None = None,
    cmap: Any = "viridis",
    numbers: bool | None = None,
) -> Axes:
    """Draw a colony: its domain, and its cells to scale with their numbers.

    Parameters
    ----------
    colony : BulkCellSystem
    ax : Axes, optional
    values : (m,) array-like or str, optional
        Colours of the cells: a number for each, or 'influx' or 'efflux' (of the first species).  NaN is grey.
    parameters : mapping, optional
        Over the defaults, for 'influx' and 'efflux'.
    label : str, optional
        What the colours mean.
    limits : (low, high), optional
        Of the colours.
    cmap : optional
        Colour map.
    numbers : bool, optional
        Whether cells have numbers: up to 60 cells by default.

    Returns
    -------
    Axes

    Raises
    ------
    DeclarationError
        If the values are not one number for each cell.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> pair = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0)], kinetics=zoo.selkov(),
    ...     secreted="v", influx=0.8, efflux=0.2, parameters={"D": 1, "tau": 0.55})
    >>> ax = pair.draw()
    >>> [t.get_text() for t in ax.texts]
    ['1', '2']
    """
    if isinstance(values, str):
        if values not in ("influx", "efflux"):
            raise DeclarationError(f"values is {values!r}; expected 'influx', 'efflux' or one number for each cell")
        values, label = _permeabilities(colony, values, parameters), label or values
    ax = ax or parts.map_axes(colony, 3.7)
    parts.frame(ax, colony)
    if values is None:
        parts.paint_cells(ax, colony, facecolor="#7aa6c9")
    else:
        array = np.asarray(values)
        if array.shape != (len(colony.centers),) or array.dtype.kind not in "biuf":
            raise DeclarationError(
                f"values of shape {array.shape} and kind {array.dtype}; expected one real number for each of the "
                f"{len(colony.centers)} cells"
            )
        cells = parts.paint_cells(ax, colony, cmap=plt.get_cmap(cmap).with_extremes(bad="#c8c8c8"))
        cells.set_array(np.ma.masked_invalid(array.astype(float)))
        low, high = limits or _limits(array.astype(float))
        cells.set_clim(low, high)
        ax.figure.colorbar(cells, ax=ax, label=label or "value", shrink=0.9)
    parts.number_cells(ax, colony, numbers)
    return ax


@styled
def plot_bulk(
    colony: BulkCellSystem,
    parameters: Mapping[Any, Any] | None = None,
    ax: Axes | None = None,
    *,
    field: Any = None,
    mesh: Any = None,
    species: int = 0,
    levels: Any = 14,
    points: int = 110,
    label: str | None = None,
    numbers: bool | None = None,
) -> Axes:
    """Contours of the bulk concentration.

    Parameters
    ----------
    colony : BulkCellSystem
    parameters : mapping, optional
        For the steady state by the asymptotic theory, `colony.bulk_field`.
    ax : Axes, optional
    field : array (N,) or DataArray with dim ``node``, optional
        Values to show instead, such as ``full.steady_state(...).U``.  The latter includes the positions of its nodes.
    mesh : optional
        Positions of the values of `field`: the result of `colony.full()`, its elements, or a mesh of scikit-fem.
    species : int
        Which bulk species, counted from 0.
    levels : int or sequence of float
        Of the contours: at most how many, at round values, or which.
    points : int
        Along the longer side, where `bulk_field` is evaluated.
    label : str, optional
        Of the colours.
    numbers : bool, optional
        Whether cells have numbers.

    Returns
    -------
    Axes

    Raises
    ------
    DeclarationError
        If field and mesh do not fit.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> pair = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0)], kinetics=zoo.selkov(),
    ...     secreted="v", influx=0.8, efflux=0.2, parameters={"D": 1, "tau": 0.55})
    >>> ax = pair.plot_bulk(points=40)
    >>> ax.figure.axes[1].get_ylabel()
    'bulk concentration $U$'
    """
    if field is None:
        at = sample_points(colony, points)
        values = np.asarray(colony.bulk_field(at, parameters), float)
        values = values[species] if values.ndim == 2 else values
        grid = bulk_triangles(colony, at)
    else:
        values, grid = node_values(colony, field, mesh)
    ax = ax or parts.map_axes(colony, 3.7)
    parts.frame(ax, colony)
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        levels = np.linspace(*_limits(values), 3)
    locator = MaxNLocator(levels + 1, steps=ROUND, min_n_ticks=1) if isinstance(levels, (int, np.integer)) else None
    filled = ax.tricontourf(grid, values, levels=levels, locator=locator, cmap="viridis", zorder=1, extend="neither")
    ax.tricontour(grid, values, levels=np.asarray(filled.levels), colors="white", linewidths=0.4, alpha=0.6, zorder=2)
    ax.figure.colorbar(filled, ax=ax, label=label or f"bulk concentration {parts.written(colony.bulk[species])}", shrink=0.9)
    parts.paint_cells(ax, colony, facecolor="white")
    parts.number_cells(ax, colony, numbers)
    return ax


def _permeabilities(colony: BulkCellSystem, name: str, parameters: Mapping[Any, Any] | None) -> np.ndarray:
    """Influx or efflux of the first species, (m,); only parameters in it need a value."""
    known = {**colony.defaults, **numeric_values(parameters, colony.parameters, "parameter")}
    found = [e.xreplace(known) for e in getattr(colony, name)[0]]
    missing = sorted({s.name for e in found for s in getattr(e, "free_symbols", ())})
    if missing:
        raise DeclarationError(f"the {name} needs a value of {', '.join(missing)}; pass parameters={{'{missing[0]}': ...}}")
    return np.array([float(e) for e in found])


def _limits(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    pad = 0.05 * abs(low) or 0.5
    return (low, high) if high - low > 1e-9 * max(abs(low), abs(high)) else (low - pad, high + pad)
