"""The kernel of the full system of a colony."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from symdyn_kernels.arguments.parts import Run

from symdyn.cells._full_start import kept_times
from symdyn.cells.full import FullBulkCells
from symdyn.cells.problems import make_problem
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.kernel import compile
from symdyn.codegen.stopping import margin_program
from symdyn.integration.kernel import ArrayKernel
from symdyn.integration.loop import Margin, Result
from symdyn.integration.problem import Problem
from symdyn.methods.options import MethodOptions

__all__ = ["CellsKernel", "cells_kernel"]


def cells_kernel(system: FullBulkCells, method: str, options: MethodOptions, *, until: Any = None) -> CellsKernel:
    """The kernel of the full system of a colony.

    Parameters
    ----------
    system : FullBulkCells
    method : str
        A name in ``symdyn.METHODS``.
    options : MethodOptions
    until : Boolean, optional
        A condition on states of cells, means of the bulk, parameters and time, that ends a trajectory.

    Returns
    -------
    CellsKernel

    Raises
    ------
    CompileError
        For a condition whose sign does not change.

    Examples
    --------
    >>> import symdyn as sd
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
    ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
    >>> full = cell.full(mesh=0)
    >>> cells_kernel(full, "imex", sd.methods.Imex()).size - int(full.elements.size)
    1
    """
    return CellsKernel(system, method, options, until=until)


class CellsKernel(ArrayKernel):
    """The kernel of the full system of a colony; `symdyn.compile` makes it.

    The state is that of the cells, then the values of each bulk species at the nodes.

    Parameters
    ----------
    system : FullBulkCells
    method : str
    options : MethodOptions
    until : Boolean or None

    Examples
    --------
    >>> import symdyn as sd
    >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
    ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
    >>> sd.compile(cell.full(mesh=0)).method
    'imex'
    """

    system: FullBulkCells

    def __init__(self, system: FullBulkCells, method: str, options: MethodOptions, *, until: Any = None) -> None:
        super().__init__(system, method, options, until=until)
        self._margin = None if until is None else margin_program(system, until)
        self._cells = len(system.states) - len(system.bulk)
        self._weights = system.elements.integral / system.elements.area

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(compile, self.system, method=self.chosen, until=self.until), ()

    @property
    def size(self) -> int:
        return self._cells + len(self.system.bulk) * int(self.system.elements.size)

    @property
    def source(self) -> str:
        """The equations, which are assembled from matrices and the kinetics."""
        return str(self.system)

    @property
    def compile_seconds(self) -> float:
        return 0.0

    def means(self, y: np.ndarray) -> np.ndarray:
        """States of the cells and means of the bulk of a state.

        Parameters
        ----------
        y : (size,) float64

        Returns
        -------
        (n,) float64

        Examples
        --------
        >>> import symdyn as sd
        >>> cell = sd.BulkCellSystem(domain=sd.Disk(1), radius=0.05, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
        ...     kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5})
        >>> kernel = sd.compile(cell.full(mesh=0))
        >>> kernel.means(np.full(kernel.size, 3.0)).round(12).tolist()
        [3.0, 3.0]
        """
        bulk = y[self._cells :].reshape(len(self.system.bulk), -1)
        return np.concatenate([y[: self._cells], bulk @ self._weights])

    def empty(self, trajectories: int, times: int) -> Run:
        keep, columns, aside = self.system.keep_bulk, len(self.system.states), 1
        if keep is not False and keep is not None:
            count = times if keep is True else len(np.unique(np.atleast_1d(keep)))
            nodes = len(self.system.bulk) * self.system.elements.size
            columns, aside = (columns + nodes, aside) if count == times else (columns, aside + count * nodes)
        return Run.empty(trajectories, times, columns, len(self.details), aside)

    def record(self, values: np.ndarray, aside: np.ndarray, times: np.ndarray, k: int, y: np.ndarray) -> None:
        n, bulk = len(self.system.states), y[self._cells :].reshape(len(self.system.bulk), -1)
        values[k, :n] = self.means(y)
        values[k, n:] = bulk.ravel()[: values.shape[1] - n]
        kept = kept_times(self.system.keep_bulk, times)
        if kept is not None and aside.size > 1 and k in kept:
            aside[1:].reshape(len(bulk), len(kept), -1)[:, np.searchsorted(kept, k)] = bulk

    def finish(self, found: Result, aside: np.ndarray) -> None:
        aside[0] = found.error

    def problem(self, p: np.ndarray) -> Problem:
        return make_problem(self.system, self._scheme, dict(zip(self.system.parameters, p.tolist(), strict=True)))

    def margin(self, p: np.ndarray) -> Margin | None:
        return None if self._margin is None else partial(self._value, p)

    def _value(self, p: np.ndarray, t: float, y: np.ndarray) -> float:
        """The margin of the condition at a state."""
        assert self._margin is not None
        time, states, values = (list(map(np.asarray, part)) for part in ([t], self.means(y), p))
        return float(evaluate(self._margin, time, states, values)[0])
