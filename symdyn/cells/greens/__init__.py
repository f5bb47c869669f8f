"""Green's functions of domains: what one source of a diffusing and decaying signal gives elsewhere."""

from __future__ import annotations

from symdyn.cells.greens._base import Greens
from symdyn.cells.greens.disk import DiskGreens
from symdyn.cells.greens.images import RectangleGreens
from symdyn.cells.greens.plane import PlaneGreens
from symdyn.cells.greens.smooth_correction import SmoothCorrection
from symdyn.errors import DeclarationError
from symdyn.models.domains import Disk, Domain, Plane, Polygon, Rectangle

__all__ = ["DiskGreens", "Greens", "PlaneGreens", "RectangleGreens", "SmoothCorrection", "greens_function"]


def greens_function(domain: Domain) -> Greens:
    """The Green's functions of a domain, by the route that suits it best.

    Series for a Disk, sums over images and modes for a Rectangle, the closed form for the Plane, finite elements for a Polygon.

    Raises
    ------
    DeclarationError
        For other domains.

    Examples
    --------
    >>> greens_function(Plane()).matrix([[0, 0]], [4.0]).shape
    (1, 1, 1)
    """
    for kind, greens in ((Disk, DiskGreens), (Plane, PlaneGreens), (Rectangle, RectangleGreens), (Polygon, SmoothCorrection)):
        if isinstance(domain, kind):
            return greens(domain)
    raise DeclarationError(
        f"no Green's function of {domain!r} with cells in it; take a Disk, a Rectangle, a Polygon or the Plane"
    )
