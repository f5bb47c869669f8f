"""The reduced system of a colony."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sps
import sympy as sp
import xarray as xr

from symdyn.attached import ReducedVerbs
from symdyn.cells._full_modes import resting
from symdyn.cells._guess import cell_names
from symdyn.cells._krylov import Pencil, Point, ReducedPencil
from symdyn.cells._ranges import Ranges, WallGroups, wall_groups
from symdyn.cells._reduced_rates import bulk_symbols, matrix_equations, reduced_rates
from symdyn.cells.finite_elements import BulkMatrices, FiniteElements
from symdyn.cells.values import CellValues, over_defaults, values
from symdyn.errors import DeclarationError
from symdyn.models.colony import BulkCellSystem
from symdyn.models.ode import ODESystem
from symdyn.parsing import ModelText
from symdyn.system import Equation

__all__ = ["ReducedCells", "full_pencil"]


def full_pencil(elements: FiniteElements, groups: WallGroups) -> Pencil:
    """The full matrices of one species."""
    walls = []
    for weights in groups.weights:
        total = elements.walls[0] * 0.0
        for w, wall in zip(weights, elements.walls, strict=True):
            if w:
                total = total + (w / elements.radius) * wall
        walls.append(total.tocsc())
    return Pencil(elements.stiffness, elements.mass, walls, np.ascontiguousarray(elements.loads.toarray()))


class ReducedCells(ReducedVerbs, ODESystem):
    """Cells with their bulk reduced to a few states; made by `BulkCellSystem.reduce`.

    All methods for an `ODESystem` apply.  In addition to the states of the cells it has ``z_1``, ``z_2``, ... (``z_1_v`` of
    several species), the bulk in coordinates in which mass and stiffness are diagonal; the first is the mean, times the root of
    the area.  Observables are the mean of the bulk, ``U``, and the mean at each wall, ``U_1``, ``U_2``, ...

    Parameters
    ----------
    colony, elements, pencils, ranges
        Computed by `BulkCellSystem.reduce`.

    Attributes
    ----------
    colony : BulkCellSystem
    elements : FiniteElements
    pencils : tuple of ReducedPencil
        The reduced matrices of each species.
    ranges : Ranges
        The ranges of parameters and frequencies of the reduction; `error` returns the error there and elsewhere.

    Examples
    --------
    >>> import symdyn as sd
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
    ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
    >>> reduced = cell.reduce(mesh=0, tolerance=1e-4)
    >>> isinstance(reduced, sd.ODESystem), reduced.estimate <= 1e-4
    (True, True)
    """

    colony: BulkCellSystem
    elements: FiniteElements
    pencils: tuple[ReducedPencil, ...]
    groups: tuple[WallGroups, ...]
    ranges: Ranges
    text_options: ClassVar[tuple[str, ...] | None] = None

    def __init__(
        self, colony: BulkCellSystem, elements: FiniteElements, pencils: Sequence[ReducedPencil], ranges: Ranges
    ) -> None:
        groups = tuple(wall_groups(row) for row in colony.influx)
        rows: dict[sp.Symbol, sp.Expr] = {}
        for j in range(colony.cells):
            rows.update(zip(colony.cell_states(j), colony.cell_rates(j), strict=True))
        initial = {s: v for s, v in colony.initial.items() if s in rows}
        observables: dict[str, sp.Expr] = {}
        several = len(pencils) > 1
        for s, (pencil, group) in enumerate(zip(pencils, groups, strict=True)):
            rates, exchange, walls = reduced_rates(colony, s, pencil, group, elements.perimeters)
            for j, e in enumerate(exchange):
                rows[colony.secreted_state(s, j)] += e
            rows |= rates
            z = tuple(rates)
            initial |= {**dict.fromkeys(z, 0.0), z[0]: colony.initial[colony.bulk[s]] * root_area(pencil)}
            observables[colony.bulk[s].name] = z[0] / root_area(pencil)
            ending = f"_{colony.secreted[s]}" if several else ""
            observables |= {f"U_{j + 1}{ending}": e for j, e in enumerate(walls)}
        names = {p.name for p in colony.parameters}
        facts = [
            f"reduced from {elements.size} to {p.size} states of {u}, relative error {p.estimate:.1e}, for "
            + ", ".join(f"{k} from {low:g} to {high:g}" for k, (low, high) in ranges.bounds.items())
            + f", frequencies up to {ranges.frequency:g} at {t} = {ranges.delay[t]:g}"
            for p, u, t in zip(pencils, colony.bulk, colony.delay, strict=True)
        ]
        super().__init__(
            rows, {p: v for p, v in colony.defaults.items() if p.name in names}, initial=initial, observables=observables,
            provenance=(*colony.provenance, *facts),
        )  # fmt: skip
        self.__dict__.update(colony=colony, elements=elements, pencils=tuple(pencils), groups=groups, ranges=ranges)

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        raise DeclarationError("ReducedCells is no text; it is made by BulkCellSystem.reduce()")

    def equations(self) -> list[Equation]:
        r"""One equation for all states of the reduced bulk, followed by those of the cells, as text and as LaTeX.

        Returns
        -------
        list of Equation

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> [e.left for e in cell.reduce(mesh=0, tolerance=1e-4).equations()]
        ["tau*z'", "v_1'"]
        """
        return [*matrix_equations(self.colony, self.pencils), *(e for e in self.colony.equations() if e.left.endswith("'"))]

    @cached_property
    def _text(self) -> str:
        return "\n".join(map(str, self.equations()))

    @property
    def estimate(self) -> float:
        """Bound on the relative error of the transfer matrices within the ranges."""
        return max(p.estimate for p in self.pencils)

    @property
    def shifts(self) -> tuple[tuple[Point, ...], ...]:
        """Where the full equations were solved, for each species."""
        return tuple(p.shifts for p in self.pencils)

    # ---- the linear bulk -----------------------------------------------------------------------

    def transfer(self, parameters: Mapping[Any, Any] | None = None, frequencies: Any = 0.0) -> np.ndarray:
        r"""The transfer matrices :math:`\beta_i^T \hat A^{-1} \beta_j`: response at wall i to the load of wall j.

        Parameters
        ----------
        parameters : mapping of Symbol or str to float, optional
            Values in place of the defaults, dimensionless.
        frequencies : float or (w,) array
            Radians per unit of time.

        Returns
        -------
        (S, w, m, m) complex array

        Raises
        ------
        DeclarationError
            For unknown names and missing values.

        Examples
        --------
        The matrices are symmetric:

        >>> import symdyn as sd
        >>> pair = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.2, 0)], secreted="v", influx=0.8,
        ...     efflux=0.2, kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> found = pair.reduce(mesh=0, tolerance=1e-4).transfer(frequencies=[0.0, 1.0])
        >>> found.shape, bool(np.allclose(found, found.swapaxes(-1, -2)))
        ((1, 2, 2, 2), True)
        """
        rows = [
            [p.transfer(q) for q in points]
            for p, points in zip(self.pencils, self._points(parameters, frequencies), strict=True)
        ]
        return np.array(rows)

    def error(self, parameters: Mapping[Any, Any] | None = None, frequencies: Any = None) -> xr.DataArray:
        """Relative error of the transfer matrix against the finite elements, in the Frobenius norm.

        Parameters
        ----------
        parameters : mapping of Symbol or str to float, optional
            Values in place of the defaults, inside the ranges of the reduction or not; dimensionless.
        frequencies : (w,) array, optional
            Radians per unit of time; by default nine, up to the highest of the reduction.

        Returns
        -------
        xarray.DataArray
            Dim ``frequency``, and ``species`` if there are several.

        Raises
        ------
        DeclarationError
            For unknown names and missing values.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> bool((cell.reduce(mesh=0, tolerance=1e-4).error() < 1e-4).all())
        True
        """
        if frequencies is None:
            frequencies = np.r_[0.0, np.geomspace(0.02, 1, 8) * self.ranges.frequency]
        w = np.atleast_1d(np.asarray(frequencies, float))
        rows = []
        for pencil, group, points in zip(self.pencils, self.groups, self._points(parameters, w), strict=True):
            full = full_pencil(self.elements, group)
            exact = [full.loads.T @ full.solve(q) for q in points]
            rows.append(
                [np.linalg.norm(pencil.transfer(q) - e) / np.linalg.norm(e) for q, e in zip(points, exact, strict=True)]
            )
        if len(rows) == 1:
            return xr.DataArray(rows[0], {"frequency": w}, "frequency", "error")
        return xr.DataArray(rows, {"species": list(self.colony.secreted), "frequency": w}, ("species", "frequency"), "error")

    def _points(self, parameters: Mapping[Any, Any] | None, frequencies: Any) -> list[list[Point]]:
        numbers = self.colony.resolve(over_defaults(self, parameters))
        w = np.atleast_1d(np.asarray(frequencies, float))
        return [
            [Point(numbers[d], complex(0.0, numbers[tau] * f), group.coefficients(numbers)) for f in w]
            for d, tau, group in zip(self.colony.diffusivities, self.colony.delay, self.groups, strict=True)
        ]

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
        >>> cell.reduce(mesh=0, tolerance=1e-4).values({"D": 3}).diffusion
        array([3.])
        """
        return values(self.colony, over_defaults(self, parameters))

    def matrices(self, parameters: Mapping[Any, Any] | None = None) -> list[BulkMatrices]:
        """The reduced bulk of each species in the form of the full one.

        Parameters
        ----------
        parameters : mapping of Symbol or str to float, optional
            Values in place of the defaults, dimensionless.

        Returns
        -------
        list of BulkMatrices
            With sparse matrices ``A`` (r, r), ``B`` (r, m) and ``C`` (m, r), and ``loss`` (m,).

        Raises
        ------
        DeclarationError
            For unknown names and missing values.

        Examples
        --------
        A uniform bulk that its walls let pass decays with the rate 1:

        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> (bulk,) = cell.reduce(mesh=0, tolerance=1e-4).matrices()
        >>> round(float(bulk.A[0, 0]), 6), bulk.tau
        (1.0, 0.5)
        """
        values, found = self.values(parameters), []
        for s, (pencil, points) in enumerate(zip(self.pencils, self._points(parameters, 0.0), strict=True)):
            d1, d2, tau = values.influx[s] / values.radius, values.efflux[s] / values.radius, float(values.delay[s])
            found.append(
                BulkMatrices(
                    sps.csc_matrix(pencil.matrix(points[0]).real), sps.identity(pencil.size, format="csc"),
                    sps.csc_matrix(pencil.loads * d2), sps.csr_matrix((pencil.loads * d1).T / tau),
                    d2 * self.elements.perimeters / tau, tau,
                )
            )  # fmt: skip
        return found

    # ---- rest and small motions ----------------------------------------------------------------

    def steady_state(self, parameters: Mapping[Any, Any] | None = None) -> xr.Dataset:
        """A steady state, as `symdyn.analysis.stability` takes it and, as a dict, `symdyn.simulate`.

        Parameters
        ----------
        parameters : mapping of Symbol or str to float, optional
            Values in place of the defaults, dimensionless.

        Returns
        -------
        xarray.Dataset
            One number for each state.

        Raises
        ------
        DeclarationError
            For unknown names and missing values.
        SymdynError
            If Newton's method does not converge.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> float(cell.reduce(mesh=0, tolerance=1e-4).steady_state().v_1.round(3)), round(1 / (1 + 0.8 * np.pi), 3)
        (0.285, 0.285)
        """
        u, bulk = self._rest(parameters)
        numbers = np.concatenate([u, *bulk])
        return xr.Dataset({s.name: float(v) for s, v in zip(self.states, numbers, strict=True)})

    def eigenvalues(self, parameters: Mapping[Any, Any] | None = None) -> np.ndarray:
        r"""Eigenvalues of the steady state, those of largest real part first, conjugates next to each other.

        Parameters
        ----------
        parameters : mapping of Symbol or str to float, optional
            Values in place of the defaults, dimensionless.

        Returns
        -------
        (n + r,) array, complex if one of them is
            One for each state of the cells and of the reduced bulk.

        Raises
        ------
        DeclarationError
            For unknown names and missing values.

        Examples
        --------
        Without influx the bulk decays with the rate :math:`1/\tau` and the cell with :math:`1 + 2 \pi d_2/\tau`:

        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> cell.reduce(mesh=0, tolerance=1e-4).eigenvalues()[:2].round(3)
        array([-2.   , -3.513])
        """
        values, matrices = self.values(parameters), self.matrices(parameters)
        found = np.linalg.eigvals(linearised(values, matrices, self._rest(parameters)[0]))
        return found[np.lexsort((-found.imag, np.abs(found.imag), -found.real.round(13)))]

    def _rest(self, parameters: Mapping[Any, Any] | None) -> tuple[np.ndarray, list[np.ndarray]]:
        values = self.values(parameters)
        names = cell_names(self.colony)
        begin = {s.name: v for s, v in self.initial_numbers().items()}
        starts = [np.array([begin.get(n, 1.0) for n in names]), *(np.full(len(names), v) for v in (1.0, 0.1, 3.0))]
        return resting(values, self.matrices(parameters), starts)

    # ---- other forms ---------------------------------------------------------------------------

    def reconstruct(self, states: Any, species: int | str = 0) -> xr.DataArray:
        """The bulk at all nodes of the mesh, from states of the reduced system.

        Parameters
        ----------
        states : Dataset or (..., r) array
            A simulation, or numbers in the order of the states ``z_1`` ...
        species : int or str
            Number, counted from 0, or name of the secreted state.

        Returns
        -------
        xarray.DataArray
            Dims of the states and ``node``, with coordinates ``x`` and ``y``.

        Raises
        ------
        DeclarationError
            If there is no such species, or the states are not those of this system.

        Examples
        --------
        The first state is the mean times the root of the area, and the others vanish for a uniform bulk:

        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> reduced = cell.reduce(mesh=0, tolerance=1e-4)
        >>> z = np.zeros(reduced.pencils[0].size)
        >>> z[0] = np.sqrt(reduced.elements.area)
        >>> bool(np.allclose(reduced.reconstruct(z), 1))
        True
        """
        if isinstance(species, str):
            if species not in self.colony.secreted:
                raise DeclarationError(f"no species {species!r}; there are {', '.join(self.colony.secreted)}")
            species = self.colony.secreted.index(species)
        pencil = self.pencils[species]
        if isinstance(states, xr.Dataset):
            names = [z.name for z in bulk_symbols(self.colony, species, pencil.size)]
            missing = [n for n in names if n not in states]
            if missing:
                raise DeclarationError(f"the dataset has no {missing[0]}; expected a simulation of this system")
            first = states[names[0]]
            z, dims, coords = np.stack([states[n].values for n in names], axis=-1), first.dims, dict(first.coords)
        else:
            z, coords = np.asarray(states, float), {}
            dims = tuple(f"dim_{i}" for i in range(z.ndim - 1))
            if z.shape[-1:] != (pencil.size,):
                raise DeclarationError(f"got states of shape {z.shape}; expected (..., {pencil.size})")
        x, y = self.elements.points.T
        coords = {k: v for k, v in coords.items() if k not in ("x", "y")}
        return xr.DataArray(
            z @ pencil.basis.T, {**coords, "x": ("node", x), "y": ("node", y)}, (*dims, "node"), self.colony.bulk[species].name
        )


def linearised(values: CellValues, matrices: Sequence[BulkMatrices], u: np.ndarray) -> np.ndarray:
    """The Jacobian of cells and reduced bulk at the cells' steady state."""
    n = len(u)
    sizes = [n, *(m.A.shape[0] for m in matrices)]
    starts = np.cumsum([0, *sizes])
    found = np.zeros((starts[-1], starts[-1]))
    found[:n, :n] = values.kinetics.jacobian(u)
    for s, (m, places) in enumerate(zip(matrices, values.secreted, strict=True), 1):
        own = slice(starts[s], starts[s + 1])
        found[places, places] -= m.loss
        found[own, own] = -m.A.toarray() / m.tau
        found[own, places] = m.B.toarray() / m.tau
        found[places, own] = m.C.toarray()
    return found


def root_area(pencil: ReducedPencil) -> float:
    """Root of the area, by which the first state exceeds the mean."""
    return 1 / float(pencil.basis[:, 0].mean())
