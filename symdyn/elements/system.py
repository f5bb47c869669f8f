"""A system of fields on finite elements."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, ClassVar

from symdyn.attached import ElementVerbs
from symdyn.elements.forms import WeakRates, refuse_uncovered
from symdyn.elements.matrices import ElementMatrices
from symdyn.models.pde import PDESystem

__all__ = ["ElementSystem", "mesh"]


class ElementSystem(ElementVerbs, PDESystem):
    """A `PDESystem` with a mesh; `PDESystem.mesh` makes one.

    Parameters
    ----------
    pde : PDESystem
    mesh : optional
        As for `PDESystem.mesh`.

    Attributes
    ----------
    elements : ElementMatrices

    Examples
    --------
    >>> import symdyn as sd
    >>> heat = PDESystem.from_text("u' = laplacian(u)", domain=sd.Disk(1)).mesh(0.5)
    >>> heat.elements.points.shape[1], heat.gridless
    (2, False)
    """

    elements: ElementMatrices
    kind: ClassVar[str] = "field"
    gridless: ClassVar[bool] = False

    def __init__(self, pde: PDESystem, mesh: Any = None) -> None:
        own = {k: v for k, v in pde.__dict__.items() if k not in _DERIVED}
        self.__dict__.update(own, elements=ElementMatrices(pde.domain, mesh))
        self.__dict__["forms"] = WeakRates(self, self.elements)  # what is not covered is refused at once

    @cached_property
    def digest(self) -> str:
        """Hexadecimal fingerprint of the system and its mesh (not of default values or provenance)."""
        points = self.elements.points.tobytes() + self.elements.triangles.tobytes()
        return hashlib.sha256(self.pde.digest.encode() + points).hexdigest()

    @property
    def default_method(self) -> str:  # type: ignore[override]
        """Implicit for linear terms."""
        return "imex"

    @cached_property
    def pde(self) -> PDESystem:
        """The equations without the mesh."""
        plain = object.__new__(PDESystem)
        plain.__dict__.update({k: v for k, v in self.__dict__.items() if k not in (*_DERIVED, "elements")})
        return plain

    @cached_property
    def forms(self) -> WeakRates:
        """The rates in weak form."""
        return WeakRates(self, self.elements)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k not in _DERIVED}

    def __repr__(self) -> str:
        return f"{super().__repr__()}\n  mesh: {self.elements.size} unknowns of each field, quadratic elements"


def mesh(pde: PDESystem, mesh: Any = None) -> ElementSystem:
    """The system on quadratic finite elements, to be simulated.

    Rates are sums of ``c*laplacian(w)``, ``c*dx(w)``, ``c*dy(w)`` and w, with w of fields, positions, parameters and time.
    Errors of smooth solutions are of third order in the size of the elements, also at curved walls; at corners that point
    inwards solutions are less smooth, and so are the orders.

    Parameters
    ----------
    pde : PDESystem
        On a `Disk` or a `Polygon`.
    mesh : optional
        A size (float: longest edge), a level (int: how often a coarse mesh is refined), 'gmsh', a mapping of options of
        `symdyn.elements.mesh_domain`, or a triangular mesh of scikit-fem; edges of a tenth of the radius of a disc of the
        same area by default.

    Returns
    -------
    ElementSystem

    Raises
    ------
    DeclarationError
        For intervals and rectangles, which have grids, for terms that elements do not cover, and meshes that do not fit.

    References
    ----------
    Gustafsson & McBain, J. Open Source Softw. 5 (2020) 2369 (scikit-fem); Thomee, Galerkin Finite Element Methods for
    Parabolic Problems, 2nd ed. (2006), chapter 13, on interpolated nonlinear terms.

    Examples
    --------
    The torsion of a round bar, u = (1 - x**2 - y**2)/4:

    >>> import symdyn as sd
    >>> bar = PDESystem.from_text("u' = laplacian(u) + 1; m := mean(u)", domain=sd.Disk(1), boundary=sd.Dirichlet(0))
    >>> at_rest = sd.analysis.steady_states(bar.mesh(0.3), initial={"u": 0}, starts=1)
    >>> round(float(at_rest.m[0]), 4)  # 1/8
    0.125
    """
    refuse_uncovered(pde)
    return ElementSystem(pde, mesh)


_DERIVED = ("pde", "digest", "_text", "expressions", "unknowns", "forms")
