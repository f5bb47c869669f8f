"""The cells of a colony one by one: their states, rates and parameters in the symbols of the colony."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.models.ode import ODESystem

__all__ = ["ColonyCells"]


class ColonyCells:
    """The part of a colony that tells of single cells; `BulkCellSystem` describes the attributes."""

    kinetics: tuple[ODESystem, ...]
    secreted: tuple[str, ...]
    individual: frozenset[str]

    def cell_states(self, cell: int) -> tuple[sp.Symbol, ...]:
        """States of one cell as symbols of the colony, such as ``v_1, w_1`` of the first cell.

        Parameters
        ----------
        cell : int
            Counted from 0.

        Returns
        -------
        tuple of Symbol

        Raises
        ------
        DeclarationError
            If there is no such cell.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> cell.cell_states(0)
        (v_1,)
        """
        return tuple(sp.Symbol(f"{s}_{cell + 1}") for s in self.kinetics[self._cell(cell)].names)

    def cell_rates(self, cell: int) -> tuple[sp.Expr, ...]:
        """Kinetic rates of one cell in the symbols of the colony, without exchange with the bulk.

        Parameters
        ----------
        cell : int
            Counted from 0.

        Returns
        -------
        tuple of Expr
            One for each state of the cell.

        Raises
        ------
        DeclarationError
            If there is no such cell.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> cell.cell_rates(0)
        (1 - v_1,)
        """
        system = self.kinetics[self._cell(cell)]
        swap = dict(zip(system.states, self.cell_states(cell), strict=True)) | self.parameter_names(cell)
        return tuple(e.xreplace(swap) for e in system.drift)

    def secreted_state(self, species: int, cell: int) -> sp.Symbol:
        """The state of one cell that is secreted as one bulk species.

        Parameters
        ----------
        species, cell : int
            Counted from 0.

        Returns
        -------
        Symbol

        Raises
        ------
        DeclarationError
            If there is no such cell.

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0.8, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> cell.secreted_state(0, 0)
        v_1
        """
        return sp.Symbol(f"{self.secreted[species]}_{self._cell(cell) + 1}")

    def _cell(self, cell: int) -> int:
        """The number of a cell that there is."""
        if cell not in range(len(self.kinetics)):
            raise DeclarationError(f"there is no cell {cell!r}; the cells are 0 to {len(self.kinetics) - 1}")
        return int(cell)

    def parameter_names(self, cell: int) -> dict[sp.Symbol, sp.Symbol]:
        """Names in the colony of the parameters of one cell's kinetics.

        Parameters
        ----------
        cell : int
            Counted from 0.

        Returns
        -------
        dict of Symbol to Symbol
            From each parameter of the kinetics to the parameter of the colony.

        Raises
        ------
        DeclarationError
            If there is no such cell.

        Examples
        --------
        >>> import symdyn as sd
        >>> pair = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0.5, 0), (-0.5, 0)],
        ...     kinetics=sd.ODESystem.from_text("v' = a - b*v"), secreted="v", influx=0.8, efflux=0.2, individual=["a"])
        >>> pair.parameter_names(1)
        {a: a_2, b: b}
        """
        found = self.kinetics[self._cell(cell)].parameters
        return {p: sp.Symbol(f"{p}_{cell + 1}") if p.name in self.individual else p for p in found}

    def _kinetic_values(self, cell: int) -> list[tuple[sp.Symbol, float]]:
        names, defaults = self.parameter_names(cell), self.kinetics[cell].defaults
        return [(names[p], v) for p, v in defaults.items()]

    def _cell_initial(self, cell: int, values: Mapping[sp.Symbol, float]) -> list[tuple[sp.Symbol, float]]:
        system = self.kinetics[cell]
        start = system.initial_numbers({p: values[q] for p, q in self.parameter_names(cell).items() if q in values})
        return [(s, start[q]) for q, s in zip(system.states, self.cell_states(cell), strict=True) if q in start]
