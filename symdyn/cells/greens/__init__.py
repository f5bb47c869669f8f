"""Green's functions of domains: the concentration of a diffusing and decaying signal around a source."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from symdyn.cells.greens._base import Greens
from symdyn.cells.greens.disk import DiskGreens
from symdyn.cells.greens.images import RectangleGreens
from symdyn.cells.greens.lattice import LatticeGreens
from symdyn.cells.greens.plane import PlaneGreens
from symdyn.cells.greens.smooth_correction import SmoothCorrection
from symdyn.errors import DeclarationError
from symdyn.models.boxes import Rectangle
from symdyn.models.colony import BulkCellSystem
from symdyn.models.domains import Disk, Domain, Plane, Polygon
from symdyn.models.lattices import Lattice

__all__ = [
    "GREENS",
    "DiskGreens",
    "Greens",
    "LatticeGreens",
    "PlaneGreens",
    "RectangleGreens",
    "SmoothCorrection",
    "greens",
    "greens_function",
]

#: Number of domains whose Green's functions are cached, with their meshes.
KEPT = 8
#: The Green's functions by class of domain, which hold for classes derived from it too.
GREENS: dict[type, Callable[[Any], Greens]] = {
    Disk: DiskGreens, Plane: PlaneGreens, Rectangle: RectangleGreens, Polygon: SmoothCorrection,
    Lattice: LatticeGreens,
}  # fmt: skip


def greens_function(domain: Domain) -> Greens:
    r"""The Green's functions of a domain, by the representation that suits it best.

    Series for a Disk, sums over images and modes for a Rectangle, the closed form for the Plane, finite elements for a
    Polygon, Ewald's sums for a Lattice.

    Parameters
    ----------
    domain : Disk, Rectangle, Plane, Polygon or Lattice

    Returns
    -------
    Greens
        With the matrices and fields of :math:`\Delta G - \varphi^2 G = -\delta` and of the Neumann function.

    Raises
    ------
    DeclarationError
        For other domains.

    References
    ----------
    Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438, equation (2.13).

    Examples
    --------
    >>> greens_function(Disk(1)).neumann([[0, 0]]).round(6).tolist()  # regular part at the centre: -3/8 pi
    [[-0.119366]]
    """
    for kind in type(domain).__mro__:
        if kind in GREENS:
            return GREENS[kind](domain)
    raise DeclarationError(
        f"no Green's function of {domain!r} with cells in it; take a Disk, a Rectangle, a Polygon, the Plane or a Lattice"
    )


def greens(colony: BulkCellSystem) -> Greens:
    r"""Green's functions of the domain of a colony; colonies in equal domains share them.

    Parameters
    ----------
    colony : BulkCellSystem

    Returns
    -------
    Greens
        With the matrices and fields of :math:`\Delta G - \varphi^2 G = -\delta` and of the Neumann function.

    Raises
    ------
    DeclarationError
        For domains whose Green's functions are not known.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(), secreted="v",
    ...     influx=0.8, efflux=0.2)
    >>> cell.greens.neumann(cell.centers).round(6).tolist()  # -3/8 pi
    [[-0.119366]]
    """
    return _shared(colony.domain)


_shared = lru_cache(maxsize=KEPT)(greens_function)
