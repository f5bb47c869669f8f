"""Times at which a right-hand side may jump: adaptive steps end before them and restart after them.

An error estimate evaluates a right-hand side at a few times only: a step may pass over a pulse without an evaluation in it.
The times are found where two sides that are compared differ by an expression linear in time and free of states, so they are
equal at ``-b/a`` of ``a*t + b``: relations in conditions, and the arguments of Heaviside, sign, Abs, Min and Max (of which the
last three have corners there).  Not found are periodic jumps, as of ``floor(t)`` and ``Mod(t, 1)``, comparisons of nonlinear
functions of time, as ``sin(t) > 0``, and comparisons of states.

With constant delays these times, and the first time, bring in others: jumps propagate to them plus sums of delays, each time in
a derivative of an order that is higher by one.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import sympy as sp

from symdyn.codegen.delay_program import constant_delays, followed
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.input_paths import segment_places, segment_rows, segment_symbols
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.dag import nodes
from symdyn.system import System

__all__ = ["stop_program", "stops_within"]

#: Rounding errors, relative to the terms of a stop, by which the instant of a comparison in the right-hand side may be off.
ROUNDINGS = 4.0


def stop_program(system: System) -> Program | None:
    """Stops of a system as a program of its parameters, or None if it has none.

    Outputs come in pairs: a time, and the size of the terms that it is made of, by which it is uncertain; 0 where the time is
    itself compared with a number or a parameter, which is exact.  Where inputs are compared, coefficients of their segments are
    parameters, too: each segment has such stops of its own, those within it.

    Examples
    --------
    >>> x, t, start = sp.symbols("x t start")
    >>> import symdyn as sd
    >>> program = stop_program(sd.ODESystem({x: sp.Piecewise((1, t > start), (0, True)) - x}))
    >>> program.labels
    ('start', '0')
    """
    sides = [*(system.expressions if system.fields else system.part("drift")), *system.history.values()]
    pairs = list(dict.fromkeys(_stops(sides, system.time, set(system.states))))
    if not pairs:
        return None
    expressions = [e for pair in pairs for e in pair]
    begins, _ = segment_places(system)
    coefficients = {s for path in system.inputs for s in segment_symbols(path)}
    driven = any(e.free_symbols & coefficients for e in expressions)
    known = system.parameters if driven or not begins else system.parameters[: begins[0]]
    return lower("stops", [("lane", ()), ("y", ()), ("p", known)], expressions, list(map(str, expressions)))


def _stops(expressions: Iterable[sp.Basic], time: sp.Symbol, states: set[sp.Symbol]) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """Times at which two sides are equal, and the sizes of their terms."""
    for left, right in _compared(expressions):
        if time not in left.free_symbols | right.free_symbols:
            continue
        difference = sp.expand(left - right)
        slope = sp.diff(difference, time)
        rest = difference.xreplace({time: sp.Integer(0)})
        if slope == 0 or slope.has(time) or (slope.free_symbols | rest.free_symbols) & states:
            continue
        simple = {left, right} - {time}
        if time in (left, right) and all(e.is_Symbol or e.is_number for e in simple):
            yield simple.pop(), sp.Integer(0)
        else:
            yield -rest / slope, sp.Add(*(sp.Abs(term) for term in sp.Add.make_args(rest))) / sp.Abs(slope)


def _compared(expressions: Iterable[sp.Basic]) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """All pairs of expressions by whose order a value is chosen."""
    for node in nodes(expressions):
        if isinstance(node, sp.Rel):
            yield node.lhs, node.rhs
        elif isinstance(node, (sp.Heaviside, sp.sign, sp.Abs)):
            yield node.args[0], sp.Integer(0)
        elif isinstance(node, (sp.Min, sp.Max)):
            yield from combinations(node.args, 2)


def stops_within(
    parameters: np.ndarray, times: np.ndarray, program: Sequence[Any] | None, precision: str = "float64", *,
    delays: Mapping[str, Any] | None = None, system: System | None = None,
) -> np.ndarray:  # fmt: skip
    """Stops of each trajectory in the span of its times, (N, s, 2) float64 in order, padded with infinity.

    Parameters
    ----------
    parameters : (N, k) float64
    times : (T,) float64
        Output times.
    program : list or None
        What `stop_program` found, as JSON.
    precision : {'float64', 'float32'}
        Of the numbers in which the right-hand side compares times.
    delays : mapping, optional
        Facts about delays from `symdyn.codegen.delay_program.Lagged`, by which stops propagate.
    system : System, optional
        As it was declared, of whose inputs the stops may depend.

    Returns
    -------
    (N, s, 2) float64
        The last time before each stop that a step may reach, and the first float after it.  The former is two roundings of the
        largest time before the stop, as the end of a step is rounded.  Stops that are nearer to each other are one.
    """
    count, first, last = len(parameters), times[0], times[-1]
    if program is None and delays is None:
        return np.empty((count, 0, 2))
    real = np.dtype(precision).type
    at, sizes = np.empty((count, 0)), np.empty((count, 0))
    if program is not None:
        made = Program.from_json(program)
        if system is None or not system.inputs or len(made.blocks[2][1]) == parameters.shape[1]:
            at, sizes = _evaluated(made, parameters.astype(real).astype(float))
        else:
            at, sizes = _within_segments(made, system, parameters, times)
    if delays is not None:
        at, sizes = _propagated(at, sizes, times, constant_delays(parameters, delays), delays["order"])
    with np.errstate(all="ignore"):
        at = at.astype(real).astype(float)
        doubt = ROUNDINGS * np.finfo(real).eps * sizes
        before = at - doubt - 2 * np.spacing(np.maximum(np.abs(at), abs(first)).astype(real))
        after = np.nextafter((at + doubt).astype(real), real(np.inf)).astype(float)
        inside = (after > first) & (before < last)  # not where a stop is not a number
    spans = np.stack([np.where(inside, before, np.inf), np.where(inside, after, np.inf)], axis=2)
    spans = _in_order(spans)[:, : int((spans[:, :, 0] < np.inf).sum(axis=1).max(initial=0))]
    for k in range(1, spans.shape[1]):
        joined = (spans[:, k, 0] <= spans[:, k - 1, 1]) & (spans[:, k, 0] < np.inf)
        spans[joined, k, 0] = spans[joined, k - 1, 0]
        spans[joined, k, 1] = np.maximum(spans[joined, k, 1], spans[joined, k - 1, 1])
        spans[joined, k - 1] = np.inf
    kept = int((spans[:, :, 0] < np.inf).sum(axis=1).max(initial=0))
    return np.ascontiguousarray(_in_order(spans)[:, :kept])


def _evaluated(program: Program, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stops (N, s) with their sizes for parameters (N, k)."""
    values = evaluate(program, (), (), list(parameters.T))
    at, sizes = (np.stack([np.broadcast_to(v, len(parameters)) for v in p], axis=1) for p in (values[::2], values[1::2]))
    return at, sizes


def _within_segments(
    program: Program, system: System, parameters: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Those of all segments of inputs, each in its own, (N, m)."""
    found = []
    for row in parameters:
        begins, rows = segment_rows(system, row, times)
        with np.errstate(all="ignore"):
            at, sizes = _evaluated(program, rows)
            lower = np.concatenate([[-np.inf], begins[1:-1]])  # a history may have kinks before the first time
            inside = (at >= lower[:, None]) & (at <= begins[1:, None])
        found.append((at[inside], sizes[inside]))
    most = max(len(at) for at, _ in found)
    padded = [np.array([np.pad(part, (0, most - len(part)), constant_values=np.inf) for part in parts])
              for parts in zip(*found, strict=True)]  # fmt: skip
    return padded[0], np.where(np.isfinite(padded[0]), padded[1], 0.0)


def _propagated(
    at: np.ndarray, sizes: np.ndarray, times: np.ndarray, delays: np.ndarray, order: int
) -> tuple[np.ndarray, np.ndarray]:
    """Stops (N, s) with their sizes, and those to which they and the first time propagate by delays (N, m).

    The size grows with the number of delays, where these are few, so that a time before a stop is, less a delay, before the
    stop that it comes from.
    """
    span = float(times[-1] - times[0])
    sums, of, end = followed(delays, order, span)
    if end < span:
        warnings.warn(
            f"states jump at sums of delays, at which steps end up to t = {times[0] + end:g} only, as there are too many; "
            "errors near later jumps are larger than the tolerances",
            stacklevel=2,
        )
    begin = np.concatenate([np.full((len(at), 1), times[0]), at], axis=1)
    later = begin[:, :, None] + sums[:, None, :]
    doubt = (np.abs(begin)[:, :, None] + np.abs(later)) * (1 + 2 * of)
    flat = len(at), -1
    return np.concatenate([at, later.reshape(flat)], axis=1), np.concatenate([sizes, doubt.reshape(flat)], axis=1)


def _in_order(spans: np.ndarray) -> np.ndarray:
    """Stops by the times before them."""
    return np.take_along_axis(spans, np.argsort(spans[:, :, :1], axis=1, kind="stable"), axis=1)
