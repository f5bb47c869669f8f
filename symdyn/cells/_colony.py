"""What a colony is declared with: names, equations, and its numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.analysis.field import Field
from symdyn.cells import _declaration as declaration
from symdyn.cells._printing import colony_equations
from symdyn.cells.values import CellValues, Kinetics
from symdyn.declaration import lookup, numeric_values
from symdyn.errors import DeclarationError
from symdyn.models.domains import Domain
from symdyn.models.ode import ODESystem
from symdyn.models.spatial import SpatialSystem
from symdyn.parsing import ModelText
from symdyn.system import Equation

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["DeclaredColony"]


class DeclaredColony(SpatialSystem):
    """What a colony was declared with, checked; `BulkCellSystem` adds what follows from it."""

    domain: Domain
    radius: float
    centers: np.ndarray
    kinetics: tuple[ODESystem, ...]
    secreted: tuple[str, ...]
    bulk: tuple[sp.Symbol, ...]
    diffusion: tuple[sp.Expr, ...]
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
        points, radius = declaration.geometry(domain, radius, centers)
        inside = declaration.kinetics(kinetics, len(points))
        species = declaration.secreted_names(secreted, inside)
        several = len(species) > 1
        bulk = tuple(sp.Symbol(f"U_{s}" if several else "U") for s in species)
        diffusion = tuple(sp.Symbol(f"D_{s}" if several else "D") for s in species)
        delay = tuple(sp.Symbol(f"tau_{s}" if several else "tau") for s in species)
        further = {sp.Symbol(f"{u}_{what}") for u in bulk for what in ("mean", "field")}
        own = declaration.individual(inside, individual, {*bulk, *diffusion, *delay, *further})
        self.__dict__.update(
            domain=domain, radius=radius, centers=points, kinetics=inside, secreted=species, bulk=bulk, diffusion=diffusion,
            delay=delay, individual=own,
            influx=declaration.permeabilities(influx, "influx", species, len(points)),
            efflux=declaration.permeabilities(efflux, "efflux", species, len(points)),
        )  # fmt: skip
        declaration.check_permeabilities(self.influx, self.efflux, {*bulk, sp.Symbol("t")}, inside)
        known = {s: v for j in range(self.cells) for s, v in self._kinetic_values(j)}
        beginnings = {s: v for j in range(self.cells) for s, v in self._cell_initial(j)}
        states = (*(s for j in range(self.cells) for s in self.cell_states(j)), *bulk)
        sides = (*self._constants(), *self.expressions)
        self._settle(states, sides, {}, sp.Symbol("t"), parameters=None, initial=None, provenance=provenance)
        given = numeric_values(parameters, self.parameters, "parameter")
        started = numeric_values(initial, states, "state")
        self.__dict__.update(
            defaults=MappingProxyType({p: v for p, v in {**known, **given}.items() if p in self.parameters}),
            initial=MappingProxyType({**beginnings, **dict.fromkeys(bulk, 0.0), **started}),
        )

    @classmethod
    def _from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        raise DeclarationError("a BulkCellSystem is no text; its kinetics may be: ODESystem.from_text")

    # ---- what is in it -------------------------------------------------------------------------

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
        places = self.centers.tobytes() + repr((self.domain, self.radius, self.secreted)).encode()
        sides = dag.fingerprint((*self._constants(), *self.expressions))
        return hashlib.sha256(b"cells" + places + sides.encode()).hexdigest()

    @property
    def source_name(self) -> str:
        """What datasets call the strength of cells as sources: ``A``, unless a state of the kinetics is called so."""
        name, taken = "A", {n for system in self.kinetics for n in system.names}
        while name in taken:
            name += "_source"
        return name

    def cell_states(self, cell: int) -> tuple[sp.Symbol, ...]:
        """States of one cell (counted from 0) as symbols of the colony, such as ``v_1, w_1`` of cell 0."""
        return tuple(sp.Symbol(f"{s}_{cell + 1}") for s in self.kinetics[cell].names)

    def cell_rates(self, cell: int) -> tuple[sp.Expr, ...]:
        """Kinetic rates of one cell in the symbols of the colony, without exchange."""
        system = self.kinetics[cell]
        swap = dict(zip(system.states, self.cell_states(cell), strict=True)) | self._parameter_names(cell)
        return tuple(e.xreplace(swap) for e in system.drift)

    def secreted_state(self, species: int, cell: int) -> sp.Symbol:
        """The state of a cell that is secreted as a species (both counted from 0)."""
        return sp.Symbol(f"{self.secreted[species]}_{cell + 1}")

    def equations(self) -> list[Equation]:
        return colony_equations(self)

    def _constants(self) -> tuple[sp.Expr, ...]:
        return (*self.diffusion, *self.delay, *(e for rows in (self.influx, self.efflux) for row in rows for e in row))

    def _parameter_names(self, cell: int) -> dict[sp.Symbol, sp.Symbol]:
        """Names that the parameters of a cell's kinetics have in the colony."""
        found = self.kinetics[cell].parameters
        return {p: sp.Symbol(f"{p}_{cell + 1}") if p.name in self.individual else p for p in found}

    def _kinetic_values(self, cell: int) -> list[tuple[sp.Symbol, float]]:
        names, defaults = self._parameter_names(cell), self.kinetics[cell].defaults
        return [(names[p], v) for p, v in defaults.items()]

    def _cell_initial(self, cell: int) -> list[tuple[sp.Symbol, float]]:
        system = self.kinetics[cell]
        return [
            (s, system.initial[q]) for q, s in zip(system.states, self.cell_states(cell), strict=True) if q in system.initial
        ]

    # ---- systems from it -----------------------------------------------------------------------

    def map_expressions(self, function: Any) -> Self:
        raise DeclarationError("expressions of a BulkCellSystem lie in its kinetics; map those and declare it anew")

    def with_terms(self, terms: Mapping[Any, sp.Expr], defaults: Mapping[sp.Symbol, float] | None = None) -> Self:
        """The same colony with unknown terms of its kinetics filled in, see `System.with_terms`."""
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
        return self._again(kinetics=filled, provenance=(*self.provenance, line))

    def _again(self, **changes: Any) -> Self:
        """Declared again with some arguments changed."""
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

    # ---- numbers -------------------------------------------------------------------------------

    @cached_property
    def _fields(self) -> tuple[tuple[Field, ...], tuple[int, ...]]:
        """Distinct right-hand sides, and which of them each cell has."""
        fields: dict[str, Field] = {}
        kinds = []
        for system in self.kinetics:
            if system.digest not in fields:
                fields[system.digest] = Field(system)
            kinds.append(list(fields).index(system.digest))
        return tuple(fields.values()), tuple(kinds)

    def resolve(self, parameters: Mapping[Any, Any] | None = None) -> dict[sp.Symbol, float]:
        """Values of all parameters: those given over the defaults.

        Raises
        ------
        DeclarationError
            For unknown names, missing values and values out of range.
        """
        values = {**self.defaults, **numeric_values(parameters, self.parameters, "parameter")}
        missing = [p.name for p in self.parameters if p not in values]
        if missing:
            raise DeclarationError(f"no value for the parameter {', '.join(missing)}; pass parameters={{'{missing[0]}': ...}}")
        for p in (*self.diffusion, *self.delay):
            if not values[p] > 0:
                raise DeclarationError(f"{p} is {values[p]:g}; expected a positive number")
        return values

    def values(self, parameters: Mapping[Any, Any] | None = None) -> CellValues:
        """The colony with numbers in place of its parameters.

        Raises
        ------
        DeclarationError
            As `resolve`, and for permeabilities that are negative.
        """
        numbers = self.resolve(parameters)
        fields, kinds = self._fields
        rows = []
        for cell, kind in enumerate(kinds):
            names = self._parameter_names(cell)
            rows.append(np.array([numbers[names[lookup(p, names, "parameter")]] for p in fields[kind].system.parameters]))
        kinetics = Kinetics(fields, kinds, tuple(rows))
        places = [
            [int(kinetics.starts[j]) + self.kinetics[j].names.index(s) for j in range(self.cells)] for s in self.secreted
        ]  # fmt: skip
        permeability = {}
        for name in ("influx", "efflux"):
            table = np.array([[float(e.xreplace(numbers)) for e in row] for row in getattr(self, name)])
            if (table < 0).any():
                species, cell = np.argwhere(table < 0)[0]
                raise DeclarationError(f"the {name} of cell {cell + 1} is {table[species, cell]:g}; expected 0 or more")
            permeability[name] = table
        return CellValues(
            domain=self.domain, centers=self.centers, radius=self.radius, kinetics=kinetics, secreted=np.array(places),
            diffusion=np.array([numbers[p] for p in self.diffusion]), delay=np.array([numbers[p] for p in self.delay]),
            **permeability,
        )  # fmt: skip

    def run(
        self, times: Any, *, initial: Mapping[Any, Any] | None = None, parameters: Mapping[Any, Any] | None = None,
        **options: Any,
    ) -> xr.Dataset:  # fmt: skip
        raise DeclarationError(
            "a BulkCellSystem is simulated by one of its routes: reduce(tolerance=...), full(mesh=...), large_diffusion() "
            "or well_mixed() give systems to simulate"
        )


def _term_name(key: Any) -> str:
    """Name of an unknown term given as text, as a function, or applied."""
    return key if isinstance(key, str) else getattr(key, "__name__", None) or key.func.__name__
