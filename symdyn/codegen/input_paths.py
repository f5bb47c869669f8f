"""Inputs over time in lane functions: polynomials whose coefficients are parameters that change at the knots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.paths import Path, PathSlope, SegmentTable
from symdyn.system import System

__all__ = [
    "by_value",
    "coefficient_rows",
    "continuous",
    "course_symbols",
    "input_values",
    "knot_entries",
    "segment_places",
    "segment_rows",
    "segment_symbols",
    "segments",
    "written_out",
]


Driven = TypeVar("Driven", bound=System)


def segment_symbols(path: Path) -> list[sp.Symbol]:
    """The time of a knot and the coefficients from there on.

    >>> segment_symbols(Path("u", [0, 1], [0, 1]))
    [u't, u'0, u'1]
    """
    return [sp.Symbol(f"{path.name}'{k}") for k in ("t", *range(path.degree + 1))]


def written_out(system: Driven, *further: sp.Basic) -> tuple[Driven, tuple[sp.Basic, ...]]:
    """The system with polynomials in the place of its inputs, and further conditions with the same.

    Knots and coefficients are parameters after those of the system.

    Examples
    --------
    >>> import symdyn as sd
    >>> x, u = sp.Symbol("x"), sd.Path("u", [0, 1], [0, 1])
    >>> print(written_out(sd.ODESystem({x: u - x}))[0])
    x' = u'0 + u'1*(t - u't) - x
    """
    if not system.inputs:
        return system, further
    swap: dict[sp.Basic, sp.Basic] = {}
    symbols: list[sp.Symbol] = []
    for path in system.inputs:
        knot, *coefficients = segment_symbols(path)
        s = system.time - knot
        swap[path] = _horner(coefficients, s)
        swap[PathSlope(path)] = _horner([j * c for j, c in enumerate(coefficients)][1:], s)
        symbols += [knot, *coefficients]
    new = system.map_expressions(lambda e: e.xreplace(swap))
    changed = {"events": tuple(e.mapped(lambda side: side.xreplace(swap)) for e in system.events)} if system.events else {}
    new = new.replace(parameters=(*system.parameters, *symbols), **changed)
    return new, tuple(e.xreplace(swap) for e in further)


def course_symbols(system: System) -> dict[sp.Basic, sp.Symbol]:
    """Symbols of the value and of the slope of each input, in the order of `input_values`.

    >>> import symdyn as sd
    >>> course_symbols(sd.ODESystem({"x": sd.Path("u", [0, 1], [0, 1])}))
    {u: u', du/dt: du/dt'}
    """
    return {s: sp.Symbol(f"{s.name}'") for path in system.inputs for s in (path, PathSlope(path))}


def by_value(system: Driven) -> Driven:
    """The system with parameters for values and slopes of its inputs, after its own, as they are at one time.

    >>> import symdyn as sd
    >>> print(by_value(sd.ODESystem({"x": sd.Path("u", [0, 1], [0, 1])})))
    x' = u'
    """
    if not system.inputs:
        return system
    swap = course_symbols(system)
    new = system.map_expressions(lambda e: e.xreplace(swap))
    return new.replace(parameters=(*system.parameters, *swap.values()))


def _horner(coefficients: Sequence[sp.Expr], s: sp.Expr) -> sp.Expr:
    found: sp.Expr = sp.S.Zero
    for c in reversed(coefficients):
        found = c + s * found
    return found


def segment_places(system: System) -> tuple[list[int], list[int]]:
    """Where the parameters of each input begin in `written_out`, and how many there are."""
    sizes = [path.degree + 2 for path in system.inputs]
    begin = len(system.parameters)
    return [begin + sum(sizes[:k]) for k in range(len(sizes))], sizes


def continuous(system: System, path: Path) -> bool:
    """Whether rates of change and conditions are continuous at the knots of an input: its values, and its slope if that occurs.

    >>> import symdyn as sd
    >>> x, t, u = *sp.symbols("x t"), sd.Path("u", [0, 1], [0, 1])
    >>> continuous(sd.ODESystem({x: u}), u), continuous(sd.ODESystem({x: u.diff(t)}), u)
    (True, False)
    """
    return path.degree > (path in system.driving_slopes)


def segments(system: System) -> np.ndarray:
    """Knots and coefficients of all segments of all courses of all inputs, (S, 5) float64, 0 where a kind has fewer."""
    return _joined(tuple(path.segments for path in system.inputs))


@lru_cache(maxsize=4)
def _joined(tables: tuple[SegmentTable, ...]) -> np.ndarray:
    """The rows of tables one after the other; each part of an ensemble asks for them."""
    return np.concatenate([np.empty((0, 5)), *(table.rows for table in tables)])


def _chosen(system: System, parameters: np.ndarray) -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
    """Each input with the numbers (N,) of the courses that trajectories with parameters (N, k) have, and their first rows."""
    before = 0
    for path in system.inputs:
        number = parameters[:, system.parameters.index(path)].astype(int)
        yield path, number, before + path.segments.begins[number]
        before += len(path.segments.rows)


def _shown(value: float) -> str:
    """A time in few digits, or in all if these tell it from others.

    >>> _shown(4.0), _shown(0.1 + 0.2)
    ('4', '0.30000000000000004')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def coefficient_rows(system: System, parameters: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The parameters (N, k) followed by those of the segments at the first time.

    Raises
    ------
    DeclarationError
        If a course does not reach from the first time to the last.
    """
    if not system.inputs:
        return parameters
    table, columns = segments(system), [parameters]
    for path, number, begins in _chosen(system, parameters):
        known = path.segments
        used, whose = np.unique(number, return_inverse=True)
        knots = known.knots[used]
        short = used[(knots[:, 0] > times[0]) | (known.ends[used] < times[-1])]
        for c in short[:1]:
            curve = path.curves[c]
            course = f", course {c}," if len(path.curves) > 1 else ""
            there = " to ".join(map(_shown, sorted(path.sign * curve.times[[0, -1]] + 0.0)))
            wanted = " to ".join(map(_shown, path.sign * times[[0, -1]] + 0.0))
            raise DeclarationError(f"the input {path}{course} is known from {there}, and the simulation goes from {wanted}")
        at = (np.minimum((knots <= times[0]).sum(axis=1), known.counts[used]) - 1)[whose]
        columns.append(table[begins + at, : path.degree + 2])
    return np.concatenate(columns, axis=1)


def segment_rows(system: System, parameters: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The spans in which no input changes its segment, and the parameters there, of a trajectory with parameters (k,).

    Returns
    -------
    (m + 1,) float64
        The ends of m spans, from the first time to the last.
    (m, k + c) float64
        The parameters followed by those of the segments.

    Examples
    --------
    >>> import symdyn as sd
    >>> system = sd.ODESystem({"x": sd.Path("u", [0, 1, 2], [0, 1, 0])})
    >>> ends, rows = segment_rows(system, np.zeros(1), np.array([0.0, 1.5]))
    >>> ends.tolist(), rows[:, 2:].tolist()
    ([0.0, 1.0, 1.5], [[0.0, 1.0], [1.0, -1.0]])
    """
    curves = [path.curves[int(parameters[system.parameters.index(path)])] for path in system.inputs]
    knots = np.unique(np.concatenate([curve.times for curve in curves]))
    begins = np.concatenate([times[:1], knots[(knots > times[0]) & (knots < times[-1])]])
    columns = [np.broadcast_to(parameters, (len(begins), len(parameters)))]
    for path, curve in zip(system.inputs, curves, strict=True):
        at = np.clip(np.searchsorted(curve.times, begins, side="right") - 1, 0, len(curve.coefficients) - 1)
        columns += [curve.times[at, None], curve.coefficients[at, : path.degree + 1]]
    return np.concatenate([begins, times[-1:]]), np.concatenate(columns, axis=1)


def knot_entries(system: System, parameters: np.ndarray, times: np.ndarray) -> list[np.ndarray]:
    """Entries (N, K, 3) of schedules for each input: a knot, ``-2 - input``, and the row of the segment that begins there.

    Knots outside the times are infinite.
    """
    found = []
    for k, (path, number, begins) in enumerate(_chosen(system, parameters)):
        knots = path.segments.knots[number, 1:]  # without the first knot and the last
        place = np.arange(knots.shape[1])
        within = knots <= times[-1] if path.degree == 0 else knots < times[-1]  # a jump at the last time makes events happen
        inside = (place < path.segments.counts[number, None] - 1) & (knots > times[0]) & within
        entries = np.empty((*knots.shape, 3))
        entries[:, :, 0] = np.where(inside, knots, np.inf)
        entries[:, :, 1] = -2 - k
        entries[:, :, 2] = begins[:, None] + 1 + place
        found.append(entries)
    return found


def input_values(system: System, parameters: np.ndarray, times: np.ndarray) -> list[np.ndarray]:
    """Values and slopes (N, T) of each input at output times."""
    found = []
    for path, number, _ in _chosen(system, parameters):
        used, whose = np.unique(number, return_inverse=True)
        for slope in (False, True):
            table = np.array([path.curves[c](times, slope=slope) for c in used]).reshape(len(used), len(times))
            found.append(table[whose])
    return found
