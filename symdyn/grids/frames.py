"""What the trajectories of fields on a grid start from, and the variables of their dataset."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from symdyn.codegen.input_paths import by_value, input_values
from symdyn.grids.model import GridModel
from symdyn.grids.spectral_observe import SpectralObserver
from symdyn.grids.starts import Starts, shape_of
from symdyn.grids.system import GridSystem, discretize
from symdyn.models.operators import components, varies
from symdyn.models.pde import PDESystem
from symdyn.simulation.frames import Frame, Variable

__all__ = ["GridFrame", "grid_field_frame", "grid_frame", "observer_of"]


def grid_field_frame(pde: PDESystem, initial: Mapping[Any, Any] | None, grid: Any = None) -> GridFrame:
    """Initial values and variables of fields, on a grid of `discretize` with so many cells.

    Parameters
    ----------
    pde : PDESystem
    initial : mapping or None
        As for `symdyn.simulate`.
    grid : int or sequence of int, optional
        Cells along each axis; by default the shape of the initial arrays.

    Returns
    -------
    GridFrame

    Raises
    ------
    DeclarationError
        For values that do not fit, and where nothing tells the number of cells.

    Examples
    --------
    >>> pde = PDESystem.from_text("u' = -u; u(0) = 1", domain=(0, 1))
    >>> grid_field_frame(pde, {"u": np.ones(5)}).system.shape
    (5,)
    """
    return GridFrame(discretize(pde, shape_of(pde, initial) if grid is None else grid), initial)


def grid_frame(system: GridSystem, initial: Mapping[Any, Any] | None, times: np.ndarray, grid: Any = None) -> GridFrame:
    """Initial values and variables of fields on a grid.

    Parameters
    ----------
    system : GridSystem
    initial : mapping or None
        As for `symdyn.simulate`.
    times : (T,) float64
        Output times, in the unit of time.
    grid : None
        The system has a grid.

    Returns
    -------
    GridFrame

    Raises
    ------
    DeclarationError
        For values that do not fit.

    Examples
    --------
    >>> grid = PDESystem.from_text("u' = -u; u(0) = 1", domain=(0, 1)).discretize(5)
    >>> [v.shape for v in grid_frame(grid, None, np.zeros(1)).variables]
    [(5,)]
    """
    return GridFrame(system, initial)


class GridFrame(Frame):
    """Initial values and variables of fields on a grid.

    Parameters
    ----------
    system : GridSystem
    initial : mapping or None
        As for `symdyn.simulate`.

    Examples
    --------
    >>> pde = PDESystem.from_text("u' = -u; u(0) = 1; m := mean(u)", domain=(0, 1))
    >>> [(v.name, v.labelled) for v in GridFrame(pde.discretize(3), None).variables]
    [('u', ('time', 'x')), ('m', ('time',))]
    """

    system: GridSystem

    def __init__(self, system: GridSystem, initial: Mapping[Any, Any] | None) -> None:
        self.starts = Starts(system, np.meshgrid(*system.centers, indexing="ij"), initial)
        super().__init__(system, self.starts.given)
        self.skip = frozenset({*system.fields, *self.starts.expressions})
        self.coordinates = {**self.coordinates, **dict(zip((s.name for s in system.space), system.centers, strict=True))}

    @cached_property
    def facts(self) -> dict[str, Any]:  # type: ignore[override]
        """Attributes: the discretisation, the domain and its conditions, and initial values that are text."""
        grid = self.system
        walls = "; ".join(f"{k} along {grid.space[a]}: {pair if pair == 'periodic' else ', '.join(map(str, pair))}"
                          for k, row in grid.conditions.items() for a, pair in enumerate(row))  # fmt: skip
        found: dict[str, Any] = {"system": "PDESystem", "scheme": grid.scheme, "domain": str(grid.domain), "boundary": walls}
        if grid.scheme != "spectral":
            found |= {"order": grid.order, "advection": grid.advection}
        return found if self.starts.text is None else {**found, "initial": self.starts.text}

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        grid, start = self.system, 0
        spread, single = _observables(grid)
        positions = tuple(s.name for s in grid.space)
        found = []
        for names, dims, shape in (
            (grid.fields, positions, grid.shape), (grid.scalars, (), ()), (spread, positions, grid.shape), (single, (), ())
        ):  # fmt: skip
            for s in names:
                found.append(Variable(s.name, dims, shape, start))
                start += math.prod(shape)
        return (*found, *(self._fired if self.events else ()))

    @cached_property
    def observer(self) -> Any:
        """Observables of a state, as the model of a grid gives rates, or None."""
        grid = by_value(self.system)
        spread, single = _observables(grid)
        return observer_of(grid, list(spread.values()), list(single.values())) if spread or single else None

    @property
    def positions(self) -> np.ndarray:
        """Positions (cells, dimension) of the numbers of each field."""
        return np.stack([c.ravel() for c in self.starts.centers], axis=1)

    @property
    def described(self) -> Mapping[str, Any]:
        return self.starts.described

    def states(self, initial: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        grid = self.system
        found = []
        for row, p in zip(initial, parameters, strict=True):
            values = self.starts.state(row, p)
            parts = [np.ravel(values[f]) for f in grid.fields]
            found.append(np.concatenate([*parts, np.array([float(values[s]) for s in grid.scalars])]))
        return np.array(found).reshape(len(initial), -1)

    def observed(self, values: np.ndarray, parameters: np.ndarray, times: np.ndarray) -> np.ndarray:
        if self.observer is None:
            return values
        size, inputs = values.shape[-1], input_values(self.system, parameters, times)
        found = np.full((*values.shape[:2], self.columns), np.nan)
        found[..., :size] = values
        for row, own in enumerate(parameters):
            for k, t in enumerate(times):
                if np.isfinite(values[row, k]).all():
                    p = np.array([*own, *(course[row, k] for course in inputs)])
                    self.observer.rates(values[row, k], float(t), p, found[row, k, size:])
        return found


def observer_of(grid: GridSystem, spread: list[Any], single: list[Any]) -> Any:
    """The values of expressions that vary in space, and of others, as the model of a grid gives rates."""
    if grid.scheme == "spectral":
        return SpectralObserver(grid.pde, grid.shape, ends=spread, numbers=single)
    return GridModel(grid.pde, grid.shape, grid.order, ends=spread, numbers=single)


def _observables(grid: GridSystem) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Observables that vary in space, and others, with their components."""
    symbols = {*grid.fields, *grid.space}
    plain = {k: components(e, grid.dimension) for k, e in grid.observables.items()}
    spread = {k: e for k, e in plain.items() if varies(e, symbols)}
    return spread, {k: e for k, e in plain.items() if k not in spread}
