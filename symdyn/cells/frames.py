"""What runs of the full system start from, and the variables of their dataset."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from symdyn.cells._full_start import kept_times, read_beginnings
from symdyn.cells.full import FullBulkCells
from symdyn.cells.problems import make_problem
from symdyn.simulation.frames import Frame, Variable

__all__ = ["CellsFrame", "cells_frame"]


def cells_frame(system: FullBulkCells, initial: Mapping[Any, Any] | None, times: np.ndarray, grid: Any = None) -> CellsFrame:
    """Initial values and variables of runs of the full system.

    Parameters
    ----------
    system : FullBulkCells
    initial : mapping or None
        Values of the cells' states by name, numbers or sweeps; of the bulk a number, a sympy expression of x and y, a
        function of arrays x and y, values at the nodes, or 'steady' (at rest with the cells).
    times : (T,) float64
        Output times, in the unit of time.
    grid : None
        The system has a mesh.

    Returns
    -------
    CellsFrame

    Raises
    ------
    DeclarationError
        For values that do not fit, and times of the bulk that are no output times.

    Examples
    --------
    >>> import symdyn as sd
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
    ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
    >>> [v.name for v in cells_frame(cell.full(mesh=0), None, np.zeros(1)).variables]
    ['v_1', 'U', 'step_error']
    """
    return CellsFrame(system, initial, times)


class CellsFrame(Frame):
    """Initial values and variables of runs of the full system.

    Parameters
    ----------
    system : FullBulkCells
    initial : mapping or None
        As for `cells_frame`.
    times : (T,) float64

    Attributes
    ----------
    kept : (K,) int array or None
        Output times at which the bulk is recorded.

    Examples
    --------
    >>> import symdyn as sd
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
    ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
    >>> full = cell.full(mesh=0, keep_bulk=[1.0])
    >>> [v.dims for v in CellsFrame(full, None, np.array([0.0, 1.0])).variables][-1]
    ('bulk_time', 'node')
    """

    system: FullBulkCells

    def __init__(self, system: FullBulkCells, initial: Mapping[Any, Any] | None, times: np.ndarray) -> None:
        numbers, self.bulk = read_beginnings(system, initial)
        super().__init__(system, numbers)
        self._times = times.size
        self.kept = kept_times(system.keep_bulk, times)
        self.skip = frozenset(s for s, start in zip(system.bulk, self.bulk, strict=True) if start is not None)
        self.facts = {"unknowns": system.elements.size, "route": "finite elements"}
        if self.kept is not None:
            triangles = {"triangles": (("triangle", "corner"), system.elements.triangles)}
            aside = {} if self.whole else {"bulk_time": times[self.kept]}
            self.coordinates = {**system.places, **triangles, **aside}

    @property
    def whole(self) -> bool:
        """Whether the bulk is recorded at all output times."""
        return self.kept is not None and len(self.kept) == self._times

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        system, nodes = self.system, int(self.system.elements.size)
        means = {s: f"mean of {s} over the bulk" for s in system.bulk}
        found = [Variable(s.name, start=i, meaning=means.get(s, "")) for i, s in enumerate(system.states)]
        found += [Variable(o.name, start=len(found) + i) for i, o in enumerate(system.observables)]
        named = [f"{s}_field" for s in system.bulk]
        if self.whole:
            found += [Variable(name, ("node",), (nodes,), len(found) + i * nodes) for i, name in enumerate(named)]
        found.append(Variable("step_error", timed=False, meaning="largest estimate of the error of a step, in the cells"))
        if self.kept is not None and not self.whole:
            shape = len(self.kept), nodes
            found += [
                Variable(name, ("bulk_time", "node"), shape, 1 + i * shape[0] * nodes, timed=False)
                for i, name in enumerate(named)
            ]
        return tuple(found)

    @property
    def described(self) -> Mapping[str, Any]:
        return {f"initial {s}": x for s, x in zip(self.system.bulk, self.bulk, strict=True) if x is not None}

    def states(self, initial: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        system, nodes = self.system, int(self.system.elements.size)
        n, found = len(system.states) - len(system.bulk), []
        for row, p in zip(initial, parameters, strict=True):
            parts = [row[:n]]
            for s, start in enumerate(self.bulk):
                if start is None:
                    parts.append(np.full(nodes, row[n + s]))
                elif isinstance(start, str):
                    values = dict(zip(system.parameters, p.tolist(), strict=True))
                    parts.append(make_problem(system, None, values).exchange.quasi_steady(row[:n])[s])
                else:
                    parts.append(start)
            found.append(np.concatenate(parts))
        return np.array(found)

    def observed(self, values: np.ndarray, parameters: np.ndarray, times: np.ndarray) -> np.ndarray:
        n = len(self.system.states)
        return np.concatenate([super().observed(values[..., :n], parameters, times), values[..., n:]], axis=-1)
