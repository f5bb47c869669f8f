"""What the trajectories of fields on elements start from, and the variables of their dataset."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.elements.system import ElementSystem
from symdyn.elements.system import mesh as meshed
from symdyn.errors import DeclarationError
from symdyn.grids.frames import GridFrame, grid_field_frame
from symdyn.grids.starts import Starts
from symdyn.models.operators import AXES, NUMBERS, at, components, laplacian, mean, varies
from symdyn.models.pde import PDESystem
from symdyn.simulation.frames import Frame, Variable

__all__ = ["ElementFrame", "element_frame", "field_frame"]


def field_frame(
    pde: PDESystem, initial: Mapping[Any, Any] | None, times: np.ndarray, grid: Any = None
) -> GridFrame | ElementFrame:
    """Initial values and variables of fields, on a grid of `discretize` with so many cells, or on a mesh of this size.

    Parameters
    ----------
    pde : PDESystem
    initial : mapping or None
        As for `symdyn.simulate`.
    times : (T,) float64
        Output times, in the unit of time.
    grid : int, sequence of int or float, optional
        Cells along each axis, by default the shape of the initial arrays; of a disc or a polygon what `PDESystem.mesh` takes.

    Returns
    -------
    GridFrame or ElementFrame

    Raises
    ------
    DeclarationError
        For values that do not fit, and where nothing tells the number of cells.

    Examples
    --------
    >>> pde = PDESystem.from_text("u' = -u; u(0) = 1", domain=(0, 1))
    >>> field_frame(pde, {"u": np.ones(5)}, np.zeros(1)).system.shape
    (5,)
    """
    return grid_field_frame(pde, initial, grid) if pde.domain.boxed else ElementFrame(meshed(pde, grid), initial)


def element_frame(
    system: ElementSystem, initial: Mapping[Any, Any] | None, times: np.ndarray, grid: Any = None
) -> ElementFrame:
    """Initial values and variables of fields on elements.

    Parameters
    ----------
    system : ElementSystem
    initial : mapping or None
        As for `symdyn.simulate`; arrays have a value for each unknown.
    times : (T,) float64
        Output times, in the unit of time.
    grid : None
        The system has a mesh.

    Returns
    -------
    ElementFrame

    Raises
    ------
    DeclarationError
        For values that do not fit.

    Examples
    --------
    >>> import symdyn as sd
    >>> disc = PDESystem.from_text("u' = laplacian(u); u(0) = 1", domain=sd.Disk(1)).mesh(0.5)
    >>> [v.dims for v in element_frame(disc, None, np.zeros(1)).variables]
    [('vertex',)]
    """
    return ElementFrame(system, initial)


class ElementFrame(Frame):
    """Initial values and variables of fields on elements.

    Parameters
    ----------
    system : ElementSystem
    initial : mapping or None
        As for `symdyn.simulate`.

    Examples
    --------
    >>> import symdyn as sd
    >>> disc = PDESystem.from_text("u' = laplacian(u); u(0) = 1; m := mean(u)", domain=sd.Disk(1)).mesh(0.5)
    >>> frame = ElementFrame(disc, None)
    >>> [v.name for v in frame.variables], sorted(frame.coordinates)
    (['u', 'm'], ['triangles', 'x', 'y'])
    """

    system: ElementSystem

    def __init__(self, system: ElementSystem, initial: Mapping[Any, Any] | None) -> None:
        self.starts = Starts(system, list(system.elements.points.T), initial, dims=["vertex"])
        super().__init__(system, self.starts.given)
        self.skip = frozenset({*system.fields, *self.starts.expressions})
        x, y = (s.name for s in system.space)
        places = system.elements.points
        self.coordinates = {
            x: ("vertex", places[:, 0]), y: ("vertex", places[:, 1]),
            "triangles": (("triangle", "corner"), system.elements.triangles),
        }  # fmt: skip
        self.spread: dict[sp.Symbol, sp.Expr] = {}
        self.single: dict[sp.Symbol, sp.Expr] = {}
        for name, e in system.observables.items():
            plain = components(e, 2)
            target = self.spread if varies(plain, {*system.fields, *system.space}) else self.single
            target[name] = plain
            inner = [plain, *(a for n in plain.atoms(*NUMBERS) for a in n.args)]
            for probe in plain.atoms(at):
                self._at(probe)
            if any(i.has(*AXES, laplacian) for i in inner):
                raise DeclarationError(f"the observable {name} has derivatives, which finite elements do not give yet")

    def _at(self, probe: at) -> np.ndarray:
        """Weights (N,) of the unknowns in the value at a point."""
        x, y = map(float, probe.args[1:])
        return self.system.elements.weights_at((x, y))

    @cached_property
    def facts(self) -> dict[str, Any]:  # type: ignore[override]
        """Attributes: the discretisation, the domain and its conditions, and initial values that are text."""
        system = self.system
        walls = "; ".join(f"{k}: {row[0][0]}" for k, row in system.conditions.items())
        found = {
            "system": "PDESystem", "scheme": "quadratic finite elements", "unknowns": system.elements.size,
            "domain": str(system.domain), "boundary": walls,
        }  # fmt: skip
        return found if self.starts.text is None else {**found, "initial": self.starts.text}

    @property
    def positions(self) -> np.ndarray:
        """Positions (N, 2) of the numbers of each field."""
        return self.system.elements.points

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        found, start, nodes = [], 0, self.system.elements.size
        for names, dims, shape in ((self.system.fields, ("vertex",), (nodes,)), (self.spread, ("vertex",), (nodes,)),
                                   (self.single, (), ())):  # fmt: skip
            for s in names:
                found.append(Variable(s.name, dims, shape, start))
                start += math.prod(shape)
        return tuple(found)

    @property
    def described(self) -> Mapping[str, Any]:
        return self.starts.described

    def states(self, initial: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        forms, found = self.system.forms, []
        for row, p in zip(initial, parameters, strict=True):
            values = self.starts.state(row, p)
            y = np.concatenate([np.ravel(values[f]) for f in self.system.fields])
            y[~forms.free] = forms.given(y, 0.0, p)
            found.append(y)
        return np.array(found).reshape(len(initial), -1)

    @cached_property
    def _observer(self) -> tuple[Any, Any, list[Any]]:
        """Programs of what is averaged, and of the observables with symbols for the averages."""
        system = self.system
        both = [*self.spread.values(), *self.single.values()]
        numbers = sorted({n for e in both for n in e.atoms(*NUMBERS)}, key=str)
        symbols = [sp.Dummy(f"number_{k}", real=True) for k in range(len(numbers))]
        known = dict(zip(numbers, symbols, strict=True))
        blocks: list[Any] = [("lane", (system.time,)), ("y", (*system.fields, *system.space)), ("p", system.parameters)]
        inner = lower("inner", blocks, [n.args[0] for n in numbers], [""] * len(numbers)) if numbers else None
        blocks[2] = ("p", (*system.parameters, *symbols))
        outer = lower("outer", blocks, [e.xreplace(known) for e in both], [""] * len(both)) if both else None
        return inner, outer, numbers

    def observed(self, values: np.ndarray, parameters: np.ndarray, times: np.ndarray) -> np.ndarray:
        inner, outer, numbers = self._observer
        if outer is None:
            return values
        places = {n: self._at(n) for n in numbers if isinstance(n, at)}
        elements, size = self.system.elements, values.shape[-1]
        found = np.full((*values.shape[:2], self.columns), np.nan)
        found[..., :size] = values
        for row, p in enumerate(parameters):
            for k, t in enumerate(times):
                y = values[row, k]
                if not np.isfinite(y).all():
                    continue
                states = [*y.reshape(-1, elements.size), *elements.points.T]
                own = list(map(np.asarray, p))
                if inner is not None:
                    for n, v in zip(numbers, evaluate(inner, [np.asarray(t)], states, own), strict=True):
                        total = float(places.get(n, elements.weights) @ np.broadcast_to(v, (elements.size,)))
                        own.append(np.asarray(total / elements.weights.sum() if isinstance(n, mean) else total))
                place = size
                for j, v in enumerate(evaluate(outer, [np.asarray(t)], states, own)):
                    width = elements.size if j < len(self.spread) else 1
                    found[row, k, place : place + width] = (
                        np.broadcast_to(v, (width,)) if np.ndim(v) == 0 or width > 1 else v[:1]
                    )
                    place += width
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k != "_observer"}
