"""Initial values of fields: numbers, expressions of position, functions, arrays, and ensembles of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.given_values import TIMES, by_symbol, lookup, refuse_over_time
from symdyn.models.pde import PDESystem
from symdyn.parsing import parse_expression

__all__ = ["Starts", "shape_of", "sizes_text"]


def shape_of(pde: PDESystem, initial: Mapping[Any, Any] | None) -> tuple[int, ...]:
    """The shape of the initial arrays.

    Raises
    ------
    DeclarationError
        If there is none, or two disagree.
    """
    found: dict[sp.Symbol, tuple[int, ...]] = {}
    for key, value in (by_symbol(initial, pde.states, "initial") or {}).items():
        field = lookup(key, pde.states, "state")
        if field in pde.scalars or isinstance(value, (sp.Basic, str)) or callable(value):
            continue
        if isinstance(value, xr.DataArray) and all(s.name in value.dims for s in pde.space):
            found[field] = tuple(value.sizes[s.name] for s in pde.space)
        elif np.ndim(value) >= pde.dimension:
            found[field] = np.shape(value)[-pde.dimension :]
    if not found:
        raise DeclarationError(f"nothing says how fine the grid is: pass {sizes_text(pde)} or an initial array of that shape")
    first = next(iter(found))
    for field, shape in found.items():
        if shape != found[first]:
            raise DeclarationError(
                f"{first} starts from an array of shape {found[first]}, {field} from one of {shape}; make them agree"
            )
    return found[first]


def sizes_text(pde: PDESystem) -> str:
    """How the sizes of a grid are written: ``grid=nx`` on an interval, ``grid=(nx, ny)`` on a rectangle."""
    sizes = [f"n{s}" for s in pde.space]
    return f"grid={sizes[0]}" if len(sizes) == 1 else f"grid=({', '.join(sizes)})"


class Starts:
    """Initial values by state, evaluated for one trajectory at a time.

    Parameters
    ----------
    pde : PDESystem
    places : sequence of array
        Positions along each axis of the numbers of a field, of their shape.
    initial : mapping or None
    dims : sequence of str, optional
        Dimensions of that shape; the axes by default.

    Attributes
    ----------
    given : dict of Symbol to number or DataArray
        For `make_design`: of scalars their values, of fields which of several arrays is meant.
    """

    def __init__(
        self, pde: PDESystem, places: Sequence[np.ndarray], initial: Mapping[Any, Any] | None, dims: Sequence[str] | None = None
    ) -> None:
        self.pde, self.centers = pde, places
        self.shape = self.centers[0].shape
        self.dims = [s.name for s in pde.space] if dims is None else list(dims)
        values: dict[sp.Symbol, Any] = dict(pde.initial)
        values |= {lookup(k, pde.states, "state"): v for k, v in (by_symbol(initial, pde.states, "initial") or {}).items()}
        missing = [s.name for s in pde.states if s not in values]
        if missing:
            raise DeclarationError(f"no value for the state {', '.join(missing)}; pass initial={{'{missing[0]}': ...}}")
        self.given: dict[sp.Symbol, Any] = {}
        self._arrays: dict[sp.Symbol, np.ndarray] = {}
        self._programs: dict[sp.Symbol, Any] = {}
        self._sources: dict[sp.Symbol, sp.Expr] = {}
        for s in pde.states:
            self._read(s, values[s])

    def _read(self, state: sp.Symbol, value: Any) -> None:
        pde = self.pde
        if isinstance(value, str):
            value = parse_expression(value)
        if isinstance(value, sp.Basic):
            e = expression(value)
            known = {s.name: s for s in (*pde.space, *pde.parameters)}
            e = e.xreplace({s: known[s.name] for s in e.free_symbols if s.name in known})
            allowed = {*pde.parameters, *(pde.space if state in pde.fields else ())} - {*pde.inputs}
            wrong = e.free_symbols - allowed
            if wrong:
                raise DeclarationError(f"the initial value {e} of {state} holds {min(map(str, wrong))}, which is no parameter "
                                       "of the system" + (" and no position" if state in pde.fields else ""))  # fmt: skip
            self._programs[state] = lower("start", [("lane", ()), ("y", pde.space), ("p", pde.parameters)], [e], [str(state)])
            self._sources[state] = e
            self.given[state] = 0.0
            return
        if state in pde.scalars:
            self.given[state] = value
            return
        if callable(value) and not isinstance(value, xr.DataArray):
            value = self._called(state, value)
        others: tuple[str, ...] = ()
        coords: dict[str, Any] = {}
        if isinstance(value, xr.DataArray):
            names = self.dims
            refuse_over_time(value, state, "field", {*TIMES, pde.time.name} - {*names})
            missing = [n for n in names if n not in value.dims]
            if missing and value.ndim:
                raise DeclarationError(
                    f"the initial value of {state} has the dims {value.dims}; expected {missing[0]!r} among them"
                )
            self._check_positions(state, value)
            if value.ndim:
                others = tuple(str(d) for d in value.dims if d not in names)
                coords = {d: value.coords[d].values for d in others if d in value.coords}
                value = value.transpose(*others, *names).values
        try:
            if np.iscomplexobj(value):
                raise TypeError
            array = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            raise DeclarationError(f"the initial value of {state} is {_shown(value)}; expected a number, an array of real "
                                   "numbers, an expression of position or a function") from None  # fmt: skip
        if array.ndim == 0:
            array = np.full(self.shape, float(array))
        if array.ndim == len(self.shape) + 1 and not others:
            others = ("trajectory",)
        if array.shape[len(others) :] != self.shape:
            raise DeclarationError(f"the initial array of {state} has the shape {array.shape}; the grid has {self.shape}")
        if not np.isfinite(array).all():
            raise DeclarationError(f"the initial array of {state} has values that are not finite numbers")
        count = array.shape[: len(others)]
        self._arrays[state] = array.reshape(-1, *self.shape)
        index = np.arange(len(self._arrays[state]), dtype=float).reshape(count)
        self.given[state] = xr.DataArray(index, dims=others, coords=coords) if others else 0.0

    @property
    def expressions(self) -> frozenset[sp.Symbol]:
        """States that start from expressions."""
        return frozenset(self._sources)

    @property
    def described(self) -> dict[str, Any]:
        """The initial values that are arrays or expressions, by what they are."""
        return {f"initial {s}": v if s in self._arrays else str(v) for s, v in {**self._arrays, **self._sources}.items()}

    @property
    def text(self) -> str | None:
        """The initial values that are expressions or one number, as ``u = 1 + cos(x), S = 0.5``; frames hold the others."""
        found: dict[sp.Symbol, Any] = {s: self._sources.get(s, self.given[s]) for s in self.pde.states}
        known = [(s, v) for s, v in found.items() if s not in self._arrays and (isinstance(v, sp.Basic) or np.ndim(v) == 0)]
        return ", ".join(f"{s} = {v if isinstance(v, sp.Basic) and not v.is_Float else float(v)!r}" for s, v in known) or None

    def _called(self, state: sp.Symbol, function: Any) -> np.ndarray:
        """What a function of the positions returns."""
        axes = ", ".join(s.name for s in self.pde.space)
        try:
            value = function(*self.centers)
        except TypeError as error:
            raise DeclarationError(
                f"the function that the field {state} starts from cannot be called with arrays of the positions {axes}: {error}"
            ) from error
        if np.shape(value) not in (self.shape, ()):
            raise DeclarationError(
                f"the function that the field {state} starts from returns the shape {np.shape(value)}; it is called with "
                f"arrays of the positions {axes} and returns values of their shape, {self.shape}"
            )
        return np.broadcast_to(value, self.shape)

    def _check_positions(self, state: sp.Symbol, value: xr.DataArray) -> None:
        """Refuse arrays that say that they belong to other positions."""
        if self.dims != [s.name for s in self.pde.space]:
            return
        low, high = self.pde.domain.box
        for axis, s in enumerate(self.pde.space):
            if s.name not in value.coords or value.sizes.get(s.name) != self.shape[axis]:
                continue
            wanted = np.moveaxis(self.centers[axis], axis, 0).reshape(self.shape[axis], -1)[:, 0]
            given = np.asarray(value.coords[s.name].values)
            if not np.allclose(given, wanted, rtol=0, atol=1e-6 * float(high[axis] - low[axis])):
                raise DeclarationError(
                    f"the initial array of {state} has other positions along {s.name} than the grid, whose first and last "
                    f"cells are at {wanted[0]:g} and {wanted[-1]:g}, not {given[0]:g} and {given[-1]:g}; interpolate it, or "
                    "pass its values"
                )

    def state(self, row: np.ndarray, p: np.ndarray) -> dict[sp.Symbol, Any]:
        """Arrays and numbers by state, from a row of the design and parameters."""
        found: dict[sp.Symbol, Any] = {}
        for s, x in zip(self.pde.states, row, strict=True):
            if s in self._programs:
                (value,) = evaluate(self._programs[s], [], list(self.centers), [np.asarray(v) for v in p])
                if not np.isfinite(value).all():
                    raise DeclarationError(f"the initial value {self._sources[s]} of {s} is not a finite number everywhere")
                found[s] = np.broadcast_to(value, self.shape) if s in self.pde.fields else float(np.ravel(value)[0])
            else:
                found[s] = self._arrays[s][int(x)] if s in self.pde.fields else float(x)
        return found


def _shown(value: Any) -> str:
    return f"an array of {value.dtype}" if isinstance(value, np.ndarray) else repr(value)
