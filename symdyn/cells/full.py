"""Cells in their bulk by finite elements: steady states, eigenvalues and runs of the full system."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.attached import FullVerbs
from symdyn.cells._full_modes import FullModes, leading_modes, modes_near, resting
from symdyn.cells._guess import cell_names, read_guess
from symdyn.cells.asymptotic import rest
from symdyn.cells.finite_elements import FiniteElements
from symdyn.cells.values import CellValues, over_defaults, values
from symdyn.errors import DeclarationError, SymdynError
from symdyn.models.colony import BulkCellSystem
from symdyn.models.domains import Plane
from symdyn.models.spatial import SpatialSystem
from symdyn.parsing import ModelText
from symdyn.system import Equation

__all__ = ["FullBulkCells", "full"]


class FullBulkCells(FullVerbs, SpatialSystem):
    r"""The full system of a colony: the bulk by quadratic finite elements on curved triangles, the cells by their ODEs.

    .. math::
        \tau M \dot U &= -(D K + M)\, U - \frac1\epsilon \sum_j (d_{1j} M_j U - d_{2j} s_j b_j) \\
        \dot u_j &= F_j(u_j) + \frac{e_1}{\epsilon\tau} (d_{1j}\, b_j \cdot U - d_{2j} s_j L_j)

    with stiffness K, mass M, and :math:`M_j, b_j, L_j = \sum b_j` of the wall of cell j.  The balance between cells and bulk
    is exact. Parameters enter by sums of constant matrices, so the elements are assembled once.

    Parameters
    ----------
    colony : BulkCellSystem
    mesh : optional
        None, a level (int: how often a coarse mesh is refined), a size (float: longest edge), 'gmsh', a mapping of options of
        `mesh_domain`, or a triangular mesh of scikit-fem.
    keep_bulk : bool or sequence of float
        Whether runs record the bulk at all nodes: at all output times, or at those given.

    Attributes
    ----------
    elements : FiniteElements
    colony : BulkCellSystem

    Raises
    ------
    DeclarationError
        If the domain has no mesh, or a mesh does not fit.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(), secreted="v",
    ...     influx=0.8, efflux=0.2, parameters={"D": 1, "tau": 0.55})
    >>> full = cell.full(mesh=1)
    >>> float(full.steady_state().v[0].round(4)), complex(full.eigenvalues()[0].round(4))
    (1.3127, (0.012+0.742j))
    >>> data = sd.simulate(full, [0, 1], initial={"v_1": 1, "U": "steady"}, progress=False)
    >>> data.v_1.dims
    ('time',)
    """

    colony: BulkCellSystem
    elements: FiniteElements
    keep_bulk: Any
    kind: ClassVar[str] = "cells"
    default_method: ClassVar[str | None] = "imex"
    sides: ClassVar[tuple[str, ...]] = ()

    def __init__(self, colony: BulkCellSystem, mesh: Any = None, *, keep_bulk: Any = False) -> None:
        if isinstance(colony.domain, Plane):
            raise DeclarationError("finite elements need a bounded domain, this colony lies in the unbounded plane; use a Disk")
        elements = FiniteElements(colony.domain, colony.centers, colony.radius, mesh)
        self.__dict__.update(
            colony=colony, elements=elements, keep_bulk=keep_bulk, states=colony.states, parameters=colony.parameters,
            defaults=colony.defaults, initial=colony.initial, observables=colony.observables, time=colony.time,
            fields=colony.bulk, kinetics=colony.kinetics,
            provenance=(*colony.provenance, f"FullBulkCells: {elements.size} finite elements unknowns of each bulk species"),
        )  # fmt: skip

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        raise DeclarationError("FullBulkCells is no text; it is made by BulkCellSystem.full()")

    @property
    def bulk(self) -> tuple[sp.Symbol, ...]:
        """The bulk concentrations."""
        return self.colony.bulk

    @cached_property
    def expressions(self) -> tuple[sp.Expr, ...]:
        """Kinetic rates of all cells, without exchange, in the order of the states."""
        return self.colony.expressions

    @cached_property
    def digest(self) -> str:
        """Hexadecimal fingerprint of the colony and the mesh (not of default values or provenance)."""
        mesh = self.elements.mesh
        places = mesh.doflocs.tobytes() + mesh.t.tobytes()
        return hashlib.sha256(b"full" + self.colony.digest.encode() + places).hexdigest()

    def equations(self) -> list[Equation]:
        """The equations of the colony, see `BulkCellSystem.equations`.

        Returns
        -------
        list of Equation

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> str(cell.full(mesh=0).equations()[0])
        'tau*dt(U) = D*laplacian(U) - U'
        """
        return self.colony.equations()

    def map_expressions(self, function: Any) -> Self:
        """Not defined: the expressions belong to the kinetics of the colony, which can be mapped and declared anew.

        Parameters
        ----------
        function : callable, Expr -> Expr

        Returns
        -------
        FullBulkCells
            Never, since the call always raises.

        Raises
        ------
        DeclarationError
            Always.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> cell.full(mesh=0).map_expressions(abs)
        Traceback (most recent call last):
            ...
        symdyn.errors.DeclarationError: expressions of FullBulkCells lie in the kinetics of its colony; map those and declare
        it anew
        """
        raise DeclarationError("expressions of FullBulkCells lie in the kinetics of its colony; map those and declare it anew")

    def with_terms(self, terms: Mapping[Any, sp.Expr], defaults: Mapping[sp.Symbol, float] | None = None) -> Self:
        """The same system with unknown terms of the kinetics replaced by expressions.

        Parameters
        ----------
        terms : mapping
            From an unknown term, its function or its name to an expression, see `System.with_terms`.
        defaults : mapping of Symbol to float, optional
            Values of parameters that the expressions bring in.

        Returns
        -------
        FullBulkCells

        Raises
        ------
        DeclarationError
            If no kinetics has such an unknown term.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - f(v)"))
        >>> cell.full(mesh=0).with_terms({"f": sp.Symbol("v")}).expressions
        (1 - v_1,)
        """
        return type(self)(self.colony.with_terms(terms, defaults), self.elements.mesh, keep_bulk=self.keep_bulk)

    def values(self, parameters: Mapping[Any, Any] | None = None) -> CellValues:
        """The colony with numbers in place of its parameters.

        Parameters
        ----------
        parameters : mapping of Symbol or str to float, optional
            Values in place of the defaults, dimensionless.

        Returns
        -------
        CellValues

        Raises
        ------
        DeclarationError
            For unknown names and missing values.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> cell.full(mesh=0).values({"D": 3}).diffusion
        array([3.])
        """
        return values(self.colony, over_defaults(self, parameters))

    # ---- steady states and eigenvalues -------------------------------------------------------------

    def steady_state(self, parameters: Mapping[Any, Any] | None = None, *, guess: Any = None) -> xr.Dataset:
        r"""Steady state of cells and bulk, by Newton's method.

        Parameters
        ----------
        parameters : mapping of Symbol or str to float, optional
            Values in place of the defaults, dimensionless.
        guess : (n,) array or mapping of states to values, optional
            States of the cells near the steady state that is sought, if there are several.

        Returns
        -------
        xarray.Dataset
            Each state of the kinetics with dim ``cell``; the strength ``A`` of each cell as a source,
            :math:`2\pi D A_j = \oint_j (d_{1j} U - d_{2j} s_j)/\epsilon`; the bulk ``U`` with dim ``node``, and its mean
            ``U_mean``.

        Raises
        ------
        DeclarationError
            For unknown names and missing values.
        SymdynError
            If Newton's method does not converge.

        Examples
        --------
        At rest the secreted amount, :math:`\tau (1 - v)`, equals the amount that decays, the integral of U:

        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> rest = cell.full(mesh=1).steady_state()
        >>> float((0.5 * (1 - rest.v[0])).round(4)), float((rest.U_mean * np.pi * (1 - 0.05**2)).round(4))
        (0.1827, 0.1827)
        """
        values = self.values(parameters)
        u, U = self._rest(values, parameters, guess)
        cells = np.arange(1, values.cells + 1)
        variables: dict[str, Any] = {}
        for j, (system, start) in enumerate(zip(self.colony.kinetics, values.kinetics.starts, strict=True)):
            for k, name in enumerate(system.names):
                variables.setdefault(name, ("cell", np.full(values.cells, np.nan)))[1][j] = u[start + k]
        matrices = self.elements.matrices(values)
        flux = [
            e.tau * (e.C @ x - e.loss * u[p]) / (2 * np.pi * d)
            for e, x, p, d in zip(matrices, U, values.secreted, values.diffusion, strict=True)
        ]
        one = values.species == 1
        variables[self.colony.source_name] = ("cell", flux[0]) if one else (("species", "cell"), np.stack(flux))
        for symbol, x in zip(self.bulk, U, strict=True):
            variables[symbol.name] = ("node", x)
            variables[f"{symbol.name}_mean"] = ((), float(self.elements.integral @ x / self.elements.area))
        coords = {"cell": cells, **self.places, **({} if one else {"species": list(self.colony.secreted)})}
        return xr.Dataset(variables, coords, {"route": "finite elements"})

    def modes(
        self,
        parameters: Mapping[Any, Any] | None = None,
        *,
        k: int | None = None,
        near: complex | None = None,
        guess: Any = None,
    ) -> FullModes:
        """Eigenvalues and eigenvectors of the linearised cells and bulk.

        Parameters
        ----------
        parameters : mapping of Symbol or str to float, optional
            Values in place of the defaults, dimensionless.
        k : int, optional
            Number of eigenvalues, as for `eigenvalues`.
        near : complex, optional
            Find those nearest to this number instead of the leading ones.
        guess : (n,) array or mapping of states to values, optional
            Of the steady state, as for `steady_state`.

        Returns
        -------
        FullModes
            ``eigenvalues`` (k,), ``vectors`` (k, n) of the cells and ``bulk`` (k, S, N), all complex.

        Raises
        ------
        DeclarationError
            For values of `k` and `near` that are not admissible, unknown names and missing values.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> found = cell.full(mesh=1).modes(k=1)
        >>> found.vectors.shape, bool(np.allclose(np.linalg.norm(found.vectors, axis=1), 1))
        ((1, 1), True)
        """
        if k is not None and (isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1):
            raise DeclarationError(f"k is {k!r}; expected how many eigenvalues, a whole number from 1")
        if near is not None and not np.isfinite(complex(near)):
            raise DeclarationError(f"near is {near!r}; expected a finite complex number")
        values = self.values(parameters)
        u, _ = self._rest(values, parameters, guess)
        matrices = self.elements.matrices(values)
        if near is None:
            return leading_modes(values, matrices, u, k)
        return modes_near(values, matrices, u, min(6, self.elements.size // 2) if k is None else int(k), near)

    def eigenvalues(
        self,
        parameters: Mapping[Any, Any] | None = None,
        *,
        k: int | None = None,
        near: complex | None = None,
        guess: Any = None,
    ) -> np.ndarray:
        r"""Eigenvalues of the steady state, those of largest real part first, conjugates next to each other.

        Parameters
        ----------
        parameters : mapping of Symbol or str to float, optional
            Values in place of the defaults, dimensionless.
        k : int, optional
            Number of eigenvalues, by default the number of states of the cells; all that grow are found, even if they are more.
        near : complex, optional
            Find those nearest to this number instead, 6 by default.
        guess : (n,) array or mapping of states to values, optional
            Of the steady state, as for `steady_state`.

        Returns
        -------
        (k,) complex array

        Raises
        ------
        DeclarationError
            For values of `k` and `near` that are not admissible, unknown names and missing values.

        Examples
        --------
        Without influx the cell decays with the rate :math:`1 + 2 \pi d_2/\tau` and the bulk, on its own, with :math:`1/\tau`:

        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> cell.full(mesh=1).eigenvalues(k=2).real.round(3)
        array([-2.   , -3.513])
        """
        return self.modes(parameters, k=k, near=near, guess=guess).eigenvalues

    @property
    def places(self) -> dict[str, Any]:
        """Coordinates of the nodes, as those of a dataset."""
        x, y = self.elements.points.T
        return {"node_x": ("node", x), "node_y": ("node", y)}

    def _rest(self, values: CellValues, parameters: Any, guess: Any) -> tuple[np.ndarray, list[np.ndarray]]:
        names = cell_names(self.colony)
        beginnings = {s.name: v for s, v in self.initial.items()}
        starts = [] if guess is None else [read_guess(guess, names)]
        starts.append(np.array([beginnings.get(n, 1.0) for n in names]))
        starts += [np.full(len(names), level) for level in (1.0, 0.1, 3.0)]
        matrices = self.elements.matrices(values)
        try:
            return resting(values, matrices, starts)
        except SymdynError:
            return resting(values, matrices, [rest(self.colony, over_defaults(self, parameters))[1].u])


def full(colony: BulkCellSystem, mesh: Any = None, *, keep_bulk: Any = False) -> FullBulkCells:
    """The full system of a colony, partial and ordinary differential equations, by finite elements.

    Parameters
    ----------
    colony : BulkCellSystem
        In a bounded domain.
    mesh : optional
        None, a level (int: how often a coarse mesh is refined), a size (float: longest edge, in the units of length of the
        domain), 'gmsh', a mapping of options of `symdyn.cells.mesh_domain`, or a triangular mesh of scikit-fem.
    keep_bulk : bool or sequence of float
        Whether runs record the bulk at all nodes: at all output times, or at those given.

    Returns
    -------
    FullBulkCells

    Raises
    ------
    DeclarationError
        In the plane, for a mesh that does not fit, and where scikit-fem is not installed.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], kinetics=zoo.selkov(), secreted="v",
    ...     influx=0.8, efflux=0.2)
    >>> complex(cell.full(mesh=1).eigenvalues({"D": 1, "tau": 0.55})[0].round(4))
    (0.012+0.742j)
    """
    return FullBulkCells(colony, mesh, keep_bulk=keep_bulk)
