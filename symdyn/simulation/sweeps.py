"""Labelled sweeps: the initial values and parameters of each trajectory of an ensemble, computed on demand."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.dag import free_symbols, in_order
from symdyn.declaration import RESERVED_NAMES
from symdyn.errors import DeclarationError
from symdyn.given_values import TIMES, by_symbol, initial_values, keyed, refuse_inputs, refuse_over_time, refuse_repeated
from symdyn.identity import remembered
from symdyn.models.initial_moments import is_distribution
from symdyn.simulation.labelled import as_coordinates, as_variable
from symdyn.system import System

__all__ = ["Design", "check_counts", "check_volume", "make_design", "values_by_symbol"]

TRAJECTORY = "trajectory"
#: Dimension of the rows of a data frame or array of values.
CASE = "case"


@dataclass(frozen=True)
class Design:
    """An outer product of sweeps, times trajectories; row `r` of the ensemble is a point of it, trajectories fastest.

    Attributes
    ----------
    dims, shape : tuples
        Sweep dimensions with their lengths, and as the last one 'trajectory' where trajectories were asked for.
    coords : dict
        Labels of the dimensions.
    initial, parameters : tuples of (values, axes)
        For each state and parameter its values, and which dimensions of the design their axes are.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    coords: dict[str, Any]
    initial: tuple[tuple[np.ndarray, tuple[int, ...]], ...]
    parameters: tuple[tuple[np.ndarray, tuple[int, ...]], ...]

    @property
    def size(self) -> int:
        """Number of trajectories in all."""
        return math.prod(self.shape)

    @property
    def _own(self) -> int:
        """Dimensions that are no sweep: 1 if trajectories were asked for, else 0."""
        return int(self.gathers)

    @property
    def trajectories(self) -> int:
        """Trajectories at each point of the sweep."""
        return self.shape[-1] if self._own else 1

    @property
    def gathers(self) -> bool:
        """Whether trajectories were asked for."""
        return TRAJECTORY in self.dims

    @property
    def sweep_dims(self) -> tuple[str, ...]:
        """Dimensions of the sweep."""
        return self.dims[: len(self.dims) - self._own]

    @property
    def sweep_shape(self) -> tuple[int, ...]:
        """Their lengths."""
        return self.shape[: len(self.shape) - self._own]

    def coordinates(self, system: System, skip: Collection[sp.Symbol] = ()) -> dict[str, tuple[Any, ...]]:
        """Labels of the dimensions, and all values that vary, as coordinates of a dataset.

        A coordinate that holds the values of a parameter has the attribute ``parameter``, its name; one that holds initial
        values ``initial``, the name of the state.  Initial values of the states in `skip` are left out.
        """
        found: dict[str, tuple[Any, ...]] = {d: (d, labels, {}) for d, labels in self.coords.items()}
        taken = {*self.dims, *(s.name for s in (*system.states, *system.observables))}
        for what, symbols, columns in (
            ("parameter", system.parameters, self.parameters),
            ("initial", system.states, self.initial),
        ):
            for s, (values, axes) in zip(symbols, columns, strict=True):
                if not axes or (what == "initial" and s in skip):
                    continue
                dims = tuple(self.dims[a] for a in axes)
                labels = found.get(dims[0])
                if len(dims) == 1 and labels is not None and not labels[2] and np.array_equal(labels[1], values):
                    labels[2][what] = s.name
                    continue
                name = s.name if what == "parameter" else f"{s.name}0"
                while name in found or (name in taken and dims != (name,)):
                    name += "_"
                found[name] = (dims, values, {what: s.name})
        return found

    def rows(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Initial values (N, n) and parameters (N, k) of rows `start` to `stop`."""
        if not self.dims:  # there is one row
            first, second = ([[v.item() for v, _ in columns]] for columns in (self.initial, self.parameters))
            return np.array(first, dtype=float), np.array(second, dtype=float)
        index = np.unravel_index(np.arange(start, stop), self.shape or (1,))

        def gather(columns) -> np.ndarray:
            block = np.empty((stop - start, len(columns)))
            for i, (values, axes) in enumerate(columns):
                block[:, i] = values[tuple(index[a] for a in axes)]
            return block

        return gather(self.initial), gather(self.parameters)

    def streams(self, start: int, stop: int) -> np.ndarray:
        """The random stream of each row: the point of the sweep and the trajectory, so that neither length matters."""
        if not self.dims:
            return np.zeros(1, np.int64)
        row = np.arange(start, stop)
        return (row // self.trajectories << 32) | (row % self.trajectories)

    def values(self, row: int, system: System, skip: Collection[sp.Symbol] = ()) -> str:
        """Initial values, but of the states in `skip`, and parameters of row `row`, for messages."""
        initial, parameters = self.rows(row, row + 1)
        pairs = [(f"{s}(0)", v) for s, v in zip(system.states, initial[0], strict=True) if s not in skip]
        pairs += [(str(s), v) for s, v in zip(system.parameters, parameters[0], strict=True)]
        return ", ".join(f"{name} = {v:g}" for name, v in pairs)

    def failure(self, failed: int, row: int, values: str) -> str:
        """How many trajectories failed, and where the first of them is, row `row` with these values."""
        if not self.dims:
            return f"the trajectory with {values} failed" if values else "the trajectory failed"
        index = np.unravel_index(row, self.shape)
        place = ", ".join(f"{d}[{int(i)}]" for d, i in zip(self.dims, index, strict=True))
        return f"{failed} of {self.size} trajectories failed. The first is {place} ({values})"


def make_design(
    system: System, initial: Mapping[Any, Any] | None, parameters: Mapping[Any, Any] | None, trajectories: int | None,
    positions: Collection[str] = (),
) -> Design:  # fmt: skip
    """Read initial values and parameters: numbers, lists (a sweep named after them) or DataArrays (their own dims).

    The design has the dimension 'trajectory' if `trajectories` is given, or values along it are; none is called as one of
    the `positions` of fields.

    Raises
    ------
    DeclarationError
        For values that are missing, not finite or not numbers, unknown names, and dims of different lengths.
    """
    lengths: dict[str, int] = {}
    coords: dict[str, Any] = {}
    taken, times = _names(system)

    def read(given: Mapping[Any, Any] | None, symbols: tuple[sp.Symbol, ...], known: Mapping, what: str) -> dict:
        own = {} if given is None else values_by_symbol(given, symbols, what)
        for symbol in own:
            refuse_inputs(symbol)
        ready: dict[sp.Symbol, Any] = {}
        for s, v in {**known, **own}.items():  # sweeps come as they were given; distributions and expressions are none
            if type(v) is float and math.isfinite(v):
                ready[s] = v
                continue
            kept = (spread and is_distribution(v)) or (what == "state" and _symbolic(v))
            ready[s] = v = v if kept else _labelled(v, s, what, taken, times)
            if not isinstance(v, xr.DataArray):
                continue
            for dim, length in zip(v.dims, v.shape, strict=True):
                if lengths.setdefault(str(dim), length) != length:
                    raise DeclarationError(f"{what} {s} has {length} values along {dim!r}, others have {lengths[str(dim)]}")
                if dim in v.coords:
                    labels = v.coords[dim].values
                    if not np.array_equal(coords.setdefault(str(dim), labels), labels):
                        raise DeclarationError(f"{what} {s} has other labels along {dim!r} than another value; make them agree")
        return ready

    spread = system.distributions
    several = [p for p in system.inputs if len(p.curves) > 1 or p.along is not None]
    courses = {p: np.arange(len(p.curves)) if p.along is None else p.along for p in several}
    numbers = read(parameters, system.parameters, {**system.defaults, **courses}, "parameter")
    missing = [s.name for s in system.parameters if s not in numbers]
    if missing:
        raise DeclarationError(f"no value for the parameter {', '.join(missing)}; pass parameters={{'{missing[0]}': ...}}")
    starts = read(initial, system.initial_symbols, system.initial, "state")
    beginnings = system.initial_values(_evaluated(starts, numbers, system))
    own = lengths.pop(TRAJECTORY, None)
    if own is not None and trajectories not in (None, own):
        raise DeclarationError(f"values along 'trajectory' number {own}, but trajectories={trajectories}")
    count = own or (1 if trajectories is None else trajectories)
    if not isinstance(count, (int, np.integer)) or count < 1:
        raise DeclarationError(f"trajectories is {trajectories!r}; expected a whole number >= 1")
    clash = lengths and sorted(set(lengths) & ({v.name for v in (*system.states, *system.observables)} | RESERVED_NAMES))
    if clash:
        raise DeclarationError(f"the sweep dimension {clash[0]!r} has the name of a variable of the result; rename it")
    clash = lengths and sorted(set(lengths) & set(positions))
    if clash:
        raise DeclarationError(f"the sweep dimension {clash[0]!r} is a position of the fields; rename it")
    own = count if own is None and trajectories is not None else own
    dims = (*lengths, *([TRAJECTORY] if own is not None else []))
    place = {d: i for i, d in enumerate(dims)}

    def columns(values: list[Any]) -> tuple:
        return tuple(
            (np.asarray(v.values, dtype=float), tuple(place[str(d)] for d in v.dims))
            if type(v) is not float and isinstance(v, xr.DataArray) else (np.array(float(v)), ())
            for v in values
        )  # fmt: skip

    states = columns([beginnings[s] for s in system.states])
    shape = (*lengths.values(), *([int(count)] if own is not None else []))
    return Design(dims, shape, coords, states, columns([numbers[p] for p in system.parameters]))


@remembered(32)
def _names(system: System) -> tuple[frozenset[str], frozenset[str]]:
    """Names that are taken, and those of time."""
    symbols = (*system.initial_symbols, *system.states, *system.parameters, *system.observables)
    taken = frozenset(s.name for s in symbols)
    return taken, frozenset({*TIMES, system.time.name}) - taken


def values_by_symbol(given: Any, symbols: tuple[sp.Symbol, ...], what: str) -> dict[sp.Symbol, Any]:
    """Values in any of the forms in which they are given, by the symbols that they are of.

    >>> x, v = sp.symbols("x v")
    >>> values_by_symbol({"v": 2}, (x, v), "state"), values_by_symbol([1, 0], (x, v), "state")
    ({v: 2}, {x: 1, v: 0})
    """
    return keyed(by_symbol(_paired(given, symbols, what), symbols, what) or {}, symbols, what)


def _paired(given: Any, symbols: tuple[sp.Symbol, ...], what: str) -> Any:
    """A data frame, or of states an array (runs, states), as values along a dimension of rows; anything else as it is."""
    if hasattr(given, "iloc") and hasattr(given, "columns"):
        refuse_repeated(given.columns, what)
        return {name: xr.DataArray(given[name].to_numpy(), dims=CASE) for name in given.columns}
    if what == "state" and isinstance(given, np.ndarray) and given.ndim == 2:
        if given.shape[1] != len(symbols):
            order = ", ".join(s.name for s in symbols)
            raise DeclarationError(
                f"an array of initial values has a row for each run and a column for each state, here {len(symbols)} "
                f"({order}); got the shape {given.shape}"
            )
        return {s: xr.DataArray(column, dims=CASE) for s, column in zip(symbols, given.T, strict=True)}
    return given


def _symbolic(value: Any) -> bool:
    return isinstance(value, sp.Expr) and not value.is_number


def _evaluated(values: dict[sp.Symbol, Any], parameters: dict[sp.Symbol, Any], system: System) -> dict[sp.Symbol, Any]:
    """Initial values with numbers for those that are expressions, along the dims of what these depend on."""
    rules = tuple((s, e) for s, e in values.items() if _symbolic(e))
    if not rules:
        return values
    programs = _start_programs(rules, tuple(parameters), system.initial_symbols, system.time)
    computed = {program.state for program in programs}
    numbers = {**{s: v for s, v in values.items() if s not in computed}, **parameters}
    for s, e, symbols, program in programs:
        for q in symbols:
            if q not in numbers or is_distribution(numbers[q]):
                what = "is a distribution" if q in numbers else "has no value" if q in system.initial_symbols else (
                    f"is no parameter of this system; its parameters: {', '.join(map(str, system.parameters)) or 'none'}"
                )  # fmt: skip
                raise DeclarationError(f"the initial value {e} of {s} depends on {q}, which {what}")
        dims, arrays = _broadcast([numbers[q] for q in symbols])
        (array,) = evaluate(program, arrays)
        if not np.isfinite(array).all():
            wrong = np.argmin(np.isfinite(array))
            at = {q: float(np.broadcast_to(a, array.shape).flat[wrong]) for q, a in zip(symbols, arrays, strict=True)}
            place = ", ".join(f"{q} = {v:g}" for q, v in at.items())
            raise DeclarationError(f"the initial value {e} of {s} is no finite number where {place}")
        numbers[s] = xr.DataArray(as_variable(dims, array)) if dims else float(array)
    return {s: numbers[s] for s in values}


class _StartProgram(NamedTuple):
    """The initial value of a state: its expression, the symbols there, and the program that computes it from them."""

    state: sp.Symbol
    expression: sp.Expr
    symbols: tuple[sp.Symbol, ...]
    program: Program


@lru_cache(maxsize=32)
def _start_programs(
    rules: tuple[tuple[sp.Symbol, sp.Expr], ...], parameters: tuple[sp.Symbol, ...], states: tuple[sp.Symbol, ...],
    time: sp.Symbol,
) -> tuple[_StartProgram, ...]:  # fmt: skip
    """The expressions among initial values, checked, each after those on which it depends."""
    named = {p.name: p for p in (*parameters, *states)}
    own = {s: e.xreplace({q: named.get(q.name, q) for q in e.free_symbols}) for s, e in rules}
    checked: dict[sp.Symbol, Any] = {**initial_values(own, states, time)}
    found = []
    for s in in_order(checked, "initial value of"):
        symbols = tuple(sorted(free_symbols([checked[s]]), key=str))
        found.append(_StartProgram(s, checked[s], symbols, lower("start", [("p", symbols)], [checked[s]], [str(s)])))
    return tuple(found)


def _broadcast(values: list[Any]) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """The dims of some values, in the order in which they come, and their numbers in a form that numpy broadcasts."""
    dims = tuple(dict.fromkeys(str(d) for v in values if isinstance(v, xr.DataArray) for d in v.dims))
    found = []
    for v in values:
        own = [str(d) for d in v.dims] if isinstance(v, xr.DataArray) else []
        array = np.asarray(v.values if own else v, dtype=float)
        array = array.transpose([own.index(d) for d in dims if d in own])
        found.append(array.reshape([array.shape[[e for e in dims if e in own].index(d)] if d in own else 1 for d in dims]))
    return dims, found


def check_counts(design: Design, system: System, *, whole: bool = True) -> None:
    """Refuse initial values that are no numbers of molecules or individuals: negative ones, and if `whole` non-integer ones.

    Raises
    ------
    DeclarationError
        Naming the species and the value.
    """
    molecules = system.propensities is not None
    what, note = ("molecules", " (a concentration times the volume)") if molecules else ("individuals", "")
    for species, (values, _) in zip(system.names, design.initial, strict=True):
        wrong = values[(values < 0) | (whole & ((values != np.floor(values)) | (values > 2**53)))]
        if wrong.size:
            raise DeclarationError(
                f"the initial value of {species} is {wrong.flat[0]:g}; a number of {what} is "
                f"{'a whole number from 0 to 2^53' if whole else '0 or more'}{note}"
            )


def check_volume(design: Design, network: Any) -> None:
    """Refuse volumes that are not positive.

    Raises
    ------
    DeclarationError
        Naming the volume and its value.
    """
    if network.volume in network.parameters:
        values, _ = design.parameters[network.parameters.index(network.volume)]
        wrong = values[values <= 0]
        if wrong.size:
            raise DeclarationError(f"the volume {network.volume} is {wrong.flat[0]:g}; expected a positive number")


def _labelled(value: Any, symbol: sp.Symbol, what: str, taken: Collection[str], times: Collection[str]) -> xr.DataArray | float:
    """A value as a number, or with its dimensions."""
    if (type(value) is float and math.isfinite(value)) or (type(value) is int and abs(value) < 2**53):
        return float(value)
    refuse_over_time(value, symbol, what, times)
    if np.iscomplexobj(value):
        raise DeclarationError(f"{what} {symbol} has the value {value!r}; expected real numbers")
    if not isinstance(value, xr.DataArray):
        try:
            array = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            raise DeclarationError(f"{what} {symbol} has the value {value!r}; expected numbers") from None
        except OverflowError:
            raise DeclarationError(f"{what} {symbol} has a value beyond the largest floating-point number") from None
        if not array.ndim and math.isfinite(array):
            return float(array)
        if array.ndim > 1:
            raise DeclarationError(f"{what} {symbol} has {array.ndim} dimensions; give a DataArray, which names them")
        name = symbol.name if what == "parameter" else f"{symbol.name}0"
        if what != "parameter" and name in taken:
            name = f"{symbol.name}_initial"
            while name in taken:
                name += "_"
        dims = (name,) if array.ndim else ()
        value = xr.DataArray(as_variable(dims, array), as_coordinates(dict.fromkeys(dims, array)), dims)
    if value.dtype.kind not in "biuf" or not np.isfinite(value.values.astype(float)).all():
        entries = value.values.ravel().tolist()
        wrong = next((v for v in entries if not isinstance(v, (int, float)) or not math.isfinite(v)), f"type {value.dtype}")
        raise DeclarationError(f"{what} {symbol} has the value {wrong}; expected finite numbers")
    if value.size == 0:
        raise DeclarationError(f"{what} {symbol} is an empty sweep")
    return value
