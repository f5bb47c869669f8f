"""Times at which a right-hand side may jump: adaptive steps end before them and restart after them.

An error estimate evaluates a right-hand side at a few times only: a step may pass over a pulse without an evaluation in it.
The times are those of `symdyn.derive.jump_times`: where time alone decides what is compared, and where ``floor(t)``,
``Mod(t, T)`` and comparisons of them or of sines jump again and again.  Not found are comparisons of states.

With constant delays these times, and the first time, bring in others: jumps propagate to them plus sums of delays, each time in
a derivative of an order that is higher by one.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdyn.codegen.delay_program import constant_delays, followed
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.input_paths import segment_places, segment_rows, segment_symbols
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.derive.jump_times import JumpTimes, jump_times
from symdyn.system import System

__all__ = ["MOST_STOPS", "stop_program", "stop_rates", "stops_within"]

#: Rounding errors, relative to the terms of a stop, by which the instant of a comparison in the right-hand side may be off.
ROUNDINGS = 4.0
#: Stops of all trajectories of a chunk, if some repeat.
MOST_STOPS = 2**22


def stop_program(system: System) -> Program | None:
    """Stops of a system as a program of its parameters, or None if it has none.

    Outputs are the fields of the `JumpTimes`, one after the other.  Where inputs are compared, coefficients of their segments
    are parameters, too: each segment has such stops of its own, those within it.

    Examples
    --------
    >>> import sympy as sp
    >>> x, t, start = sp.symbols("x t start")
    >>> import symdyn as sd
    >>> program = stop_program(sd.ODESystem({x: sp.Piecewise((1, t > start), (0, True)) - x}))
    >>> program.labels
    ('start', '0', 'oo', 'oo', '0')
    """
    sides = [*(system.expressions if system.fields else system.part("drift")), *system.history.values()]
    families, _ = jump_times(sides, system.time, set(system.states))
    if not families:
        return None
    expressions = [e for family in families for e in family]
    begins, _ = segment_places(system)
    coefficients = {s for path in system.inputs for s in segment_symbols(path)}
    driven = any(e.free_symbols & coefficients for e in expressions)
    known = system.parameters if driven or not begins else system.parameters[: begins[0]]
    return lower("stops", [("lane", ()), ("y", ()), ("p", known)], expressions, list(map(str, expressions)))


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
            before = 0.0 if delays is None else constant_delays(parameters, delays).max(axis=1, initial=0.0)
            low, high = first - before + np.zeros(count), np.full(count, last)  # a history may jump before the first time
            at, sizes = _evaluated(made, parameters.astype(real).astype(float), low, high)
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
    spans = _joined(_in_order(spans)[:, : int((spans[:, :, 0] < np.inf).sum(axis=1).max(initial=0))])
    kept = int((spans[:, :, 0] < np.inf).sum(axis=1).max(initial=0))
    return np.ascontiguousarray(_in_order(spans)[:, :kept])


def stop_rates(parameters: np.ndarray, program: Sequence[Any]) -> np.ndarray:
    """How many stops of each trajectory come again in a unit of time, about, (N,); 0 where segments of inputs tell.

    Parameters
    ----------
    parameters : (N, k) float64
    program : list
        What `stop_program` found, as JSON.
    """
    made, rates = Program.from_json(program), np.zeros(len(parameters))
    if len(made.blocks[2][1]) != parameters.shape[1]:
        return rates
    with np.errstate(all="ignore"):
        values = [np.abs(v) for v in evaluate(made, (), (), list(parameters.T))]
        for k in range(0, len(values), len(JumpTimes._fields)):
            span, spacing = values[k + 2 : k + 4]
            rate = np.fmax(1.0, span / spacing) / span
            rates += np.where(np.isfinite(rate), rate, 0.0)
    return rates


def _joined(spans: np.ndarray) -> np.ndarray:
    """Stops (N, s, 2) in order, of which those that overlap become the first of them, and the others infinite."""
    end = np.maximum.accumulate(spans[:, :, 1], axis=1)
    begins = np.ones(spans.shape[:2], bool)
    begins[:, 1:] = spans[:, 1:, 0] > end[:, :-1]
    last = np.ones(spans.shape[:2], bool)
    last[:, :-1] = begins[:, 1:]
    ends = np.minimum.accumulate(np.where(last, end, np.inf)[:, ::-1], axis=1)[:, ::-1]
    return np.where(begins[:, :, None], np.stack([spans[:, :, 0], ends], axis=2), np.inf)


def _evaluated(
    program: Program, parameters: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Stops (N, s) with their sizes for parameters (N, k), of those that repeat the ones between two times (N,)."""
    values = evaluate(program, (), (), list(parameters.T))
    width = len(JumpTimes._fields)
    families = [[np.broadcast_to(v, len(parameters)) for v in values[k : k + width]] for k in range(0, len(values), width)]
    pairs = [_times(family, low, high) for family in families]
    most = sum(at.shape[1] for at, _ in pairs) * len(parameters)
    if most > MOST_STOPS:
        pairs = [(np.empty((len(parameters), 0)),) * 2, *(pair for pair in pairs if pair[0].shape[1] == 1)]
        warnings.warn(
            f"right-hand sides jump at more than {MOST_STOPS:.1e} known times of all trajectories together, and steps do not "
            "end at those that come again: errors may be larger than the tolerances; simulate fewer trajectories, or less "
            "time, at once",
            stacklevel=2,
        )
    at, sizes = (np.concatenate(parts, axis=1) for parts in zip(*pairs, strict=True))
    return at, sizes


def _times(family: Sequence[np.ndarray], low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The times (N, s) of a `JumpTimes` with their sizes, those that repeat only between two times, and infinity."""
    start, level, span, spacing, size = family
    with np.errstate(all="ignore"):
        if not np.isfinite(span).any():
            return (start + level)[:, None], size[:, None]
        begins = (start + level)[:, None]
        if np.isfinite(spacing).any():
            edges = np.sort(np.stack([np.zeros(len(span)), span]), axis=0)
            begins = _multiples(level, spacing, *edges) + start[:, None]
        parts = [_multiples(begin, span, low, high) for begin in begins.T]
        at = np.concatenate([np.empty((len(start), 0)), *parts], axis=1)
        return at, np.where(np.isfinite(at), size[:, None] + np.abs(at), 0.0)


def _multiples(level: np.ndarray, step: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Numbers `level` plus multiples of the step (N, m) from `low` to `high`, then infinity."""
    step = np.abs(step)
    fine = np.isfinite(level) & np.isfinite(step) & (step > 0)
    first = np.where(fine, np.ceil((low - level) / step), 0.0)
    count = np.where(fine, np.floor((high - level) / step) - first + 1, 0.0)
    if count.max(initial=0) * len(level) > MOST_STOPS:  # more than are kept
        return np.full((len(level), 1 + MOST_STOPS // len(level)), np.inf)
    places = np.arange(max(0, int(count.max(initial=0))))
    return np.where(places < count[:, None], level[:, None] + (first[:, None] + places) * step[:, None], np.inf)


def _within_segments(
    program: Program, system: System, parameters: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Those of all segments of inputs, each in its own, (N, m)."""
    found = []
    for row in parameters:
        begins, rows = segment_rows(system, row, times)
        with np.errstate(all="ignore"):
            lower = np.concatenate([[-np.inf], begins[1:-1]])  # a history may have kinks before the first time
            at, sizes = _evaluated(program, rows, np.maximum(lower, times[0]), np.minimum(begins[1:], times[-1]))
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
