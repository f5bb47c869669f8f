"""Initial values of runs of the full system, and the times at which they record the bulk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdyn.cells.full import FullBulkCells
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.parsing import parse_expression

__all__ = ["kept_times", "read_beginnings"]


def read_beginnings(system: FullBulkCells, initial: Mapping[Any, Any] | None) -> tuple[Any, list[Any]]:
    """Initial values that are numbers, and those of each bulk species: None (a number), 'steady', or values at the nodes."""
    if initial is not None and not isinstance(initial, Mapping):
        return initial, [None] * len(system.bulk)  # refused where the numbers are read
    numbers = dict(initial or {})
    found: list[Any] = [None] * len(system.bulk)
    for key in list(numbers):
        symbol = lookup(key, system.states, "state")
        if symbol not in system.bulk:
            continue
        value = numbers[key]
        if isinstance(value, str) and value != "steady":
            value = parse_expression(value)
        if isinstance(value, str):
            start: Any = value
        elif isinstance(value, sp.Expr) and value.free_symbols:
            start = _evaluated(value, symbol, system.elements.points)
        elif callable(value):
            start = np.asarray(value(*system.elements.points.T), float)
        else:
            numbers[key] = value
            continue
        if not isinstance(start, str):
            start = np.broadcast_to(start, (system.elements.size,)) if np.ndim(start) == 0 else start
            if start.shape != (system.elements.size,) or not np.isfinite(start).all():
                raise DeclarationError(
                    f"the bulk {symbol} begins with values of the shape {start.shape}; expected a finite number for each of "
                    f"the {system.elements.size} nodes"
                )
        found[system.bulk.index(symbol)] = start
        numbers[key] = 0.0
    return numbers, found


def _evaluated(value: sp.Expr, symbol: sp.Symbol, points: np.ndarray) -> np.ndarray:
    wrong = sorted(s.name for s in value.free_symbols if s.name not in ("x", "y"))
    if wrong:
        raise DeclarationError(f"the bulk {symbol} begins with an expression of {wrong[0]}; expected one of x and y")
    x, y = sp.symbols("x y")
    known = value.xreplace({s: sp.Symbol(s.name) for s in value.free_symbols})
    program = lower("begin", [("lane", ()), ("y", (x, y)), ("p", ())], [known], [symbol.name])
    return np.broadcast_to(np.asarray(evaluate(program, [], list(points.T), [])[0], float), (len(points),))


def kept_times(keep: Any, times: np.ndarray) -> np.ndarray | None:
    """Output times at which the bulk is recorded."""
    if keep is False or keep is None:
        return None
    if keep is True:
        return np.arange(times.size)
    try:
        wanted = np.atleast_1d(np.asarray(keep, float))
    except (TypeError, ValueError):
        raise DeclarationError(f"keep_bulk is {keep!r}; expected True, False or output times") from None
    found = np.abs(times[:, None] - wanted).argmin(axis=0)
    off = np.abs(times[found] - wanted) > 1e-9 * (1 + np.abs(wanted))
    if off.any():
        raise DeclarationError(f"keep_bulk names the time {wanted[off][0]:g}, which is none of the output times")
    return np.unique(found)
