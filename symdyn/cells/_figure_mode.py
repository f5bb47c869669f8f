"""Modes as phasors on the map of a colony."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.patches import Circle
from scipy.spatial import cKDTree

from symdyn.cells import _figure_parts as parts
from symdyn.errors import DeclarationError
from symdyn.figure_style import styled
from symdyn.models.colony import BulkCellSystem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_mode"]


@styled
def plot_mode(
    colony: BulkCellSystem,
    modes: Any,
    k: int = 0,
    ax: Axes | None = None,
    *,
    species: int = 0,
    reference: int | None = None,
    numbers: bool | None = None,
) -> Axes:
    r"""A mode as phasors on the map: amplitude and phase of the secreted state of each cell.

    The discs have radii in proportion to the amplitudes; hands and colours show phases relative to a reference
    cell, counterclockwise ahead of it, :math:`v_j(t) \propto \mathrm{Re}\, a_j e^{\lambda t}`.

    Parameters
    ----------
    colony : BulkCellSystem
    modes : Spectrum, or (m,) complex array
        What ``colony.modes()`` or ``colony.full().modes()`` give, or one complex amplitude for each cell.
    k : int
        Which of the modes.
    ax : Axes, optional
    species : int
        Which secreted state, counted from 0.
    reference : int, optional
        Number of the cell whose phase is 0: that of the largest amplitude by default.
    numbers : bool, optional
        Whether cells have numbers.

    Returns
    -------
    Axes

    Raises
    ------
    DeclarationError
        If there is no such mode or cell.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> pair = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0)], kinetics=zoo.selkov(),
    ...     secreted="v", influx=0.8, efflux=0.2, parameters={"D": 1, "tau": 0.55})
    >>> ax = pair.plot_mode([1, -1])
    >>> sorted(t.get_text() for t in ax.texts)
    ['+180°', '0°', '1', '2']
    """
    a, eigenvalue = _amplitudes(colony, modes, k, species)
    m = len(colony.centers)
    if reference is not None and reference not in range(1, m + 1):
        raise DeclarationError(f"there is no cell {reference!r} to refer to; the cells are 1 to {m}")
    size = np.abs(a)
    if not size.max() > 0:
        raise DeclarationError("the mode is 0 in all cells; there is nothing to draw")
    first = int(np.argmax(size > 0.999 * size.max())) if reference is None else reference - 1
    angle = np.angle(a * np.conj(a[first]))
    ax = ax or parts.map_axes(colony, 3.7)
    parts.frame(ax, colony)
    radii = _largest_disc(colony) * size / size.max()
    scale = Normalize(-180, 180)
    for j, (x, y) in enumerate(colony.centers):
        colour = parts.PHASES(scale(np.degrees(angle[j])))
        ax.add_patch(Circle((x, y), radii[j], facecolor=colour, edgecolor=parts.EDGE, linewidth=0.8, alpha=0.85, zorder=3.5))
        tip = np.array([x, y]) + radii[j] * np.array([np.cos(angle[j]), np.sin(angle[j])])
        ax.plot([x, tip[0]], [y, tip[1]], color=parts.EDGE, lw=1.6, solid_capstyle="round", zorder=5, path_effects=parts.HAND)
        if m <= 20 and size[j] > 1e-3 * size.max():
            degrees = 180 - round(180 - float(np.degrees(angle[j]))) % 360  # -179 to 180
            ax.annotate(
                f"{degrees:+d}\N{DEGREE SIGN}".replace("-", "\N{MINUS SIGN}") if degrees else "0\N{DEGREE SIGN}",
                (x, y - max(radii[j], colony.radius)), (0, -3), textcoords="offset points", ha="center", va="top", fontsize=8,
                zorder=6, path_effects=parts.HALO,
            )  # fmt: skip
    parts.paint_cells(ax, colony, facecolor="none", linewidth=0.7)
    parts.number_cells(ax, colony, numbers, radii)
    bar = ax.figure.colorbar(plt.cm.ScalarMappable(scale, parts.PHASES), ax=ax, label="phase (degrees)", shrink=0.9)
    bar.set_ticks([-180, -90, 0, 90, 180])
    if eigenvalue is not None:
        text = f"{eigenvalue.real:.4f} {'+' if eigenvalue.imag >= 0 else '-'} {abs(eigenvalue.imag):.4f}i"
        turn = f", period {2 * np.pi / abs(eigenvalue.imag):.3g}" if eigenvalue.imag else ""
        ax.set_title(f"$\\lambda$ = {text}{turn}".replace("-", "\N{MINUS SIGN}"), fontsize=10)
    return ax


def _amplitudes(colony: BulkCellSystem, modes: Any, k: int, species: int) -> tuple[np.ndarray, complex | None]:
    """Complex amplitude of the secreted state of each cell, and the eigenvalue if it is known."""
    m = len(colony.centers)
    if not hasattr(modes, "eigenvalues"):
        a = np.asarray(modes, complex)
        if a.shape != (m,):
            raise DeclarationError(f"a mode of shape {a.shape}; expected one complex amplitude for each of the {m} cells")
        return a, None
    count = len(modes.eigenvalues)
    if not -count <= k < count:
        raise DeclarationError(f"there is no mode {k!r}; the spectrum has {count}, counted from 0")
    if hasattr(modes, "secreted"):  # species by species, modes in columns
        a = np.asarray(modes.secreted, complex)[species * m : (species + 1) * m, k]
    else:  # all states of the cells, modes in rows
        a = np.asarray(modes.vectors, complex)[k, parts.secreted_places(colony, species)]
    return a, complex(modes.eigenvalues[k])


def _largest_disc(colony: BulkCellSystem) -> float:
    """Radius of a disc that touches no other of its size and stays small against the map."""
    low, high = parts.shown_box(colony)
    largest = 0.11 * float((high - low).max())
    if len(colony.centers) > 1:
        nearest = cKDTree(colony.centers).query(colony.centers, k=2)[0][:, 1].min()
        largest = min(largest, 0.46 * float(nearest))
    return max(largest, colony.radius)
