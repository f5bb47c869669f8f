"""BulkCellSystem: cells with their own kinetics in a bulk in which secreted species diffuse and decay."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn, Self

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.attached import ColonyVerbs
from symdyn.errors import DeclarationError
from symdyn.given_values import numeric_values
from symdyn.models import _colony_reading as reading
from symdyn.models._colony_printing import Species, colony_equations
from symdyn.models.colony_cells import ColonyCells
from symdyn.models.domains import Domain
from symdyn.models.ode import ODESystem
from symdyn.models.spatial import SpatialSystem
from symdyn.parsing import ModelText
from symdyn.system import Equation

__all__ = ["BulkCellSystem"]


class BulkCellSystem(ColonyCells, ColonyVerbs, SpatialSystem):
    r"""Small cells that secrete into, and sense, a diffusing and decaying bulk.

    Of m cells, discs :math:`\Omega_j` of radius :math:`\epsilon` with kinetics :math:`F_j`, each exchanges one of its states,
    the secreted one, with the bulk through a permeable wall:

    .. math::
        \tau\, \partial_t U &= D \Delta U - U \quad \text{outside the cells}, \qquad
        \partial_n U = 0 \text{ on } \partial\Omega \\
        \epsilon D\, \partial_n U &= d_{1j} U - d_{2j} u_{1j} \quad \text{on } \partial\Omega_j \\
        \dot u_j &= F_j(u_j) + \frac{e_1}{\epsilon\tau} \oint_{\partial\Omega_j} (d_{1j} U - d_{2j} u_{1j})\, \mathrm dl

    Lengths, times and concentrations are dimensionless; n points out of the cell.  Several secreted states make several bulk
    species, each with such an equation.  From this one declaration come four routes: the asymptotic theory of small cells
    (`steady_state`, `eigenvalues`, `hopf_curve`), limits of fast diffusion (`large_diffusion`, `well_mixed`), the full system
    by finite elements (`full`), and a reduced system of ODEs that reproduces the latter to a tolerance (`reduce`).

    Parameters
    ----------
    domain : Disk, Rectangle, Polygon, Plane or Lattice
    radius : float
        :math:`\epsilon`, of every cell.
    centers : sequence of (x, y)
    kinetics : ODESystem or sequence of them
        Inside the cells; one for all, or one for each.
    secreted : str, Symbol or sequence of them
        The state (of every kinetics) that passes the wall; several for several bulk species.
    influx, efflux : number, Symbol or sequence of them; with several species a mapping from each secreted state
        Permeabilities :math:`d_1` and :math:`d_2`, one for all cells or one for each; symbols become parameters.
    parameters : mapping, optional
        Default values.  The parameters are ``D`` and ``tau`` (``D_v``, ``tau_v`` ... of several species), symbols in
        permeabilities, and those of the kinetics: one for all cells, except those whose default differs from cell to cell,
        which are numbered, ``alpha_1`` ..., as are those named in `individual`.
    individual : sequence of str
        Kinetic parameters of which every cell has its own.

    Attributes
    ----------
    states : tuple of Symbol
        States of the cells, ``v_1, w_1, v_2, ...``, then the bulk concentrations, ``U`` (``U_v`` ... of several species).
    bulk : tuple of Symbol
        The bulk concentrations.
    kinetics : tuple of ODESystem
        Of each cell.

    Raises
    ------
    DeclarationError
        If cells overlap or leave the domain, or something is missing or does not fit.

    References
    ----------
    Gou & Ward, Journal of Nonlinear Science 26 (2016) 979-1029; Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems
    20 (2021) 438-499.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.models import zoo
    >>> colony = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0), (0, 0)],
    ...     kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)
    >>> [p.name for p in colony.parameters]
    ['D', 'alpha', 'mu', 'tau', 'zeta']
    >>> complex(colony.eigenvalues({"D": 1, "tau": 0.55})[0].round(4))
    (0.0143+0.7617j)
    """

    domain: Domain
    radius: float
    centers: np.ndarray
    kinetics: tuple[ODESystem, ...]
    secreted: tuple[str, ...]
    bulk: tuple[sp.Symbol, ...]
    diffusivities: tuple[sp.Expr, ...]
    delay: tuple[sp.Expr, ...]
    influx: tuple[tuple[sp.Expr, ...], ...]
    efflux: tuple[tuple[sp.Expr, ...], ...]
    individual: frozenset[str]
    kind: ClassVar[str] = "cells"
    sides: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *,
        domain: Domain,
        radius: float,
        centers: Sequence[Sequence[float]],
        kinetics: ODESystem | Sequence[ODESystem],
        secreted: Any,
        influx: Any,
        efflux: Any,
        parameters: Mapping[Any, float] | None = None,
        initial: Mapping[Any, float] | None = None,
        individual: Sequence[str] = (),
        provenance: Sequence[str] = (),
    ) -> None:
        points, radius = reading.geometry(domain, radius, centers)
        inside = reading.kinetics(kinetics, len(points))
        species = reading.secreted_names(secreted, inside)
        several = len(species) > 1
        bulk = tuple(sp.Symbol(f"U_{s}" if several else "U") for s in species)
        diffusion = tuple(sp.Symbol(f"D_{s}" if several else "D") for s in species)
        delay = tuple(sp.Symbol(f"tau_{s}" if several else "tau") for s in species)
        further = {sp.Symbol(f"{u}_{what}") for u in bulk for what in ("mean", "field")}
        own = reading.individual(inside, individual, {*bulk, *diffusion, *delay, *further})
        self.__dict__.update(
            domain=domain, radius=radius, centers=points, kinetics=inside, secreted=species, bulk=bulk, diffusivities=diffusion,
            delay=delay, individual=own,
            influx=reading.permeabilities(influx, "influx", species, len(points)),
            efflux=reading.permeabilities(efflux, "efflux", species, len(points)),
        )  # fmt: skip
        reading.check_permeabilities(self.influx, self.efflux, {*bulk, sp.Symbol("t")}, inside)
        known = {s: v for j in range(self.cells) for s, v in self._kinetic_values(j)}
        states = (*(s for j in range(self.cells) for s in self.cell_states(j)), *bulk)
        sides = (*self._constants(), *self.expressions)
        self.settle(states, sides, {}, sp.Symbol("t"), parameters=None, initial=None, provenance=provenance)
        given = numeric_values(parameters, self.parameters, "parameter")
        values = {**known, **given}
        beginnings = {s: v for j in range(self.cells) for s, v in self._cell_initial(j, values)}
        started = numeric_values(initial, states, "state")
        self.__dict__.update(
            defaults=MappingProxyType({p: v for p, v in {**known, **given}.items() if p in self.parameters}),
            initial=MappingProxyType({**beginnings, **dict.fromkeys(bulk, 0.0), **started}),
        )

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        raise DeclarationError("a BulkCellSystem is no text; its kinetics may be: ODESystem.from_text")

    # ---- contents -------------------------------------------------------------------------

    @property
    def fields(self) -> tuple[sp.Symbol, ...]:  # type: ignore[override]
        """The bulk concentrations, which are functions of position."""
        return self.bulk

    @property
    def cells(self) -> int:
        """Number of cells, m."""
        return len(self.centers)

    @cached_property
    def expressions(self) -> tuple[sp.Expr, ...]:
        """Kinetic rates of all cells, without exchange, in the order of the states."""
        return tuple(e for j in range(self.cells) for e in self.cell_rates(j))

    @cached_property
    def digest(self) -> str:
        """Hexadecimal fingerprint of the mathematics (not of default values or provenance)."""
        places = self.centers.tobytes() + repr((self.domain, self.radius, self.secreted)).encode()
        sides = dag.fingerprint((*self._constants(), *self.expressions))
        return hashlib.sha256(b"cells" + places + sides.encode()).hexdigest()

    @property
    def source_name(self) -> str:
        """Name in datasets of the strength of cells as sources: ``A``, unless a state of the kinetics has that name."""
        name, taken = "A", {n for system in self.kinetics for n in system.names}
        while name in taken:
            name += "_source"
        return name

    def equations(self) -> list[Equation]:
        """The equations of bulk, walls and cells, as text and as LaTeX.

        Returns
        -------
        list of Equation
            The bulk equations, the conditions at the walls, and the kinetics of the cells with their exchange.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> [str(e) for e in cell.equations()[:2]]
        ['tau*dt(U) = D*laplacian(U) - U', '0.05*D*dn(U) = 0.8*U - 0.2*v_1']
        """
        species = zip(self.secreted, self.bulk, self.diffusivities, self.delay, self.influx, self.efflux, strict=True)
        names = [self.parameter_names(j) for j in range(self.cells)]
        return colony_equations(self.radius, [Species(*s) for s in species], self.kinetics, names)

    def _constants(self) -> tuple[sp.Expr, ...]:
        return (*self.diffusivities, *self.delay, *(e for rows in (self.influx, self.efflux) for row in rows for e in row))

    # ---- systems from it -----------------------------------------------------------------------

    def map_expressions(self, function: Any) -> Self:
        """Not defined for colonies: the expressions belong to the kinetics, which can be mapped and declared anew.

        Parameters
        ----------
        function : callable, Expr -> Expr

        Returns
        -------
        BulkCellSystem
            Never, since the call always raises.

        Raises
        ------
        DeclarationError
            Always.

        Examples
        --------
        The way that works:

        >>> import sympy as sp
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> mapped = cell.redeclared(kinetics=[k.map_expressions(sp.factor) for k in cell.kinetics])
        >>> mapped.cell_rates(0)
        (1 - v_1,)
        """
        raise DeclarationError("expressions of a BulkCellSystem lie in its kinetics; map those and declare it anew")

    def with_terms(self, terms: Mapping[Any, sp.Expr], defaults: Mapping[sp.Symbol, float] | None = None) -> Self:
        """The same colony with unknown terms of its kinetics replaced by expressions.

        Parameters
        ----------
        terms : mapping
            From an unknown term, its function or its name to an expression, see `System.with_terms`.
        defaults : mapping of Symbol to float, optional
            Values of parameters that the expressions bring in.

        Returns
        -------
        BulkCellSystem

        Raises
        ------
        DeclarationError
            If no kinetics has such an unknown term.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - f(v)"))
        >>> cell.with_terms({"f": sp.Symbol("v") ** 2}).cell_rates(0)
        (1 - v_1**2,)
        """
        names = {_term_name(k) for k in terms}
        known = {u.func.__name__ for system in self.kinetics for u in system.unknowns}
        if names - known:
            raise DeclarationError(
                f"{sorted(names - known)[0]} is not an unknown term of these cells; "
                f"their unknown terms: {', '.join(sorted(known)) or 'none'}"
            )
        filled = []
        for system in self.kinetics:
            own = {u.func.__name__ for u in system.unknowns}
            chosen = {k: v for k, v in terms.items() if _term_name(k) in own}
            filled.append(system.with_terms(chosen, defaults) if chosen else system)
        line = "with " + ", ".join(f"{k} = {v}" for k, v in terms.items())
        return self.redeclared(kinetics=filled, provenance=(*self.provenance, line))

    def redeclared(self, **changes: Any) -> Self:
        """The colony declared again with some arguments changed; default values of parameters that remain are retained.

        Parameters
        ----------
        **changes
            Arguments of the class, such as ``radius=0.02``.

        Returns
        -------
        BulkCellSystem

        Raises
        ------
        DeclarationError
            As the class.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> cell.redeclared(radius=0.02).radius
        0.02
        """
        by_species = len(self.secreted) > 1
        rows = {
            name: dict(zip(self.secreted, getattr(self, name), strict=True)) if by_species else getattr(self, name)[0]
            for name in ("influx", "efflux")
        }
        values = dict(
            domain=self.domain, radius=self.radius, centers=self.centers, kinetics=self.kinetics, secreted=self.secreted,
            individual=tuple(self.individual), provenance=self.provenance, initial=self.initial, **rows,
        )  # fmt: skip
        new = type(self)(**{**values, **changes})
        kept = {p: v for p, v in self.defaults.items() if p in new.parameters}
        return new.replace(defaults=MappingProxyType({**new.defaults, **kept}))

    def individually(self, *names: str) -> Self:
        """The same colony with kinetic parameters of which every cell has its own, ``alpha_1``, ``alpha_2`` ...

        Parameters
        ----------
        *names : str
            Parameters of the kinetics; their values in all cells are initially the common default value.

        Returns
        -------
        BulkCellSystem

        Raises
        ------
        DeclarationError
            For names that are no parameters of the kinetics.

        Examples
        --------
        >>> import symdyn as sd
        >>> from symdyn.models import zoo
        >>> pair = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0)], kinetics=zoo.selkov(),
        ...     secreted="v", influx=0.8, efflux=0.2).individually("alpha")
        >>> [p.name for p in pair.parameters]
        ['D', 'alpha_1', 'alpha_2', 'mu', 'tau', 'zeta']
        """
        shared = {p.name: v for p, v in self.defaults.items()}
        new = self.redeclared(individual=(*self.individual, *names))
        own = {f"{n}_{j + 1}": shared[n] for n in names if n in shared for j in range(self.cells)}
        return new.with_parameters({k: v for k, v in own.items() if k in {p.name for p in new.parameters}})

    # ---- numbers -------------------------------------------------------------------------------

    def resolve(self, parameters: Mapping[Any, Any] | None = None) -> dict[sp.Symbol, float]:
        """Values of all parameters: those given, and default values for the rest.

        Parameters
        ----------
        parameters : mapping of Symbol or str to float, optional
            Dimensionless.

        Returns
        -------
        dict of Symbol to float

        Raises
        ------
        DeclarationError
            For unknown names, missing values and values out of range.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> cell.resolve({"tau": 2})
        {D: 1.0, tau: 2.0}
        """
        values = {**self.defaults, **numeric_values(parameters, self.parameters, "parameter")}
        missing = [p.name for p in self.parameters if p not in values]
        if missing:
            raise DeclarationError(f"no value for the parameter {', '.join(missing)}; pass parameters={{'{missing[0]}': ...}}")
        for p in (*self.diffusivities, *self.delay):
            if not values[p] > 0:
                raise DeclarationError(f"{p} is {values[p]:g}; expected a positive number")
        return values

    def frame(self, initial: Mapping[Any, Any] | None, times: np.ndarray, grid: Any = None) -> NoReturn:
        """Not defined for colonies: `reduce`, `full`, `large_diffusion` and `well_mixed` return systems that can be simulated.

        Parameters
        ----------
        initial, times, grid
            As for `SpatialSystem.frame`.

        Returns
        -------
        NoReturn
            The call always raises.

        Raises
        ------
        DeclarationError
            Always.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> sd.simulate(cell, [0.0, 1.0])
        Traceback (most recent call last):
            ...
        symdyn.errors.DeclarationError: a BulkCellSystem is simulated by one of its routes: reduce(tolerance=...),
        full(mesh=...), large_diffusion() or well_mixed() give systems to simulate
        """
        raise DeclarationError(
            "a BulkCellSystem is simulated by one of its routes: reduce(tolerance=...), full(mesh=...), large_diffusion() "
            "or well_mixed() give systems to simulate"
        )


def _term_name(key: Any) -> str:
    """Name of an unknown term given as text, as a function, or applied."""
    return key if isinstance(key, str) else getattr(key, "__name__", None) or key.func.__name__
