"""The parts of a cost of a trajectory, read and differentiated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.given_values import name_of
from symdyn.gradients import gradients
from symdyn.parsing import parse_expression
from symdyn.system import System

__all__ = ["cost_parts", "cost_slopes"]


def cost_parts(
    system: System, times: np.ndarray, cost: Any, each: Any, running: Any, data: Mapping[Any, Any] | None
) -> tuple[sp.Expr, sp.Expr | None, sp.Expr | None, dict[sp.Symbol, np.ndarray]]:
    """The parts of a cost as expressions of states, parameters and time, and columns of data.

    Raises
    ------
    DeclarationError
        For a cost without parts, and names and data that are none.
    """
    if cost is None and each is None and running is None:
        raise DeclarationError("there is no cost; give cost, each or running")
    columns: dict[sp.Symbol, np.ndarray] = {}
    taken = {s.name for s in (*system.states, *system.parameters, *system.observables, system.time)}
    for key, values in (data or {}).items():
        name = str(name_of(key))
        column = np.asarray(values, dtype=float)
        if name in taken or column.shape != times.shape:
            wrong = "has the name of a variable" if name in taken else f"have the shape {column.shape}; expected {times.shape}"
            raise DeclarationError(f"the data {name} {wrong}")
        if np.isinf(column).any():
            raise DeclarationError(f"the data {name} have infinite values; mark missing ones as NaN")
        columns[sp.Symbol(name)] = column
    found = []
    for what, given, also in (("cost", cost, ()), ("each", each, tuple(columns)), ("running", running, ())):
        found.append(None if given is None else _read(system, what, given, also))
    if columns and (found[1] is None or not found[1].free_symbols & set(columns)):
        raise DeclarationError("data have no effect, as `each` does not contain them")
    return found[0] if found[0] is not None else sp.S.Zero, found[1], found[2], columns


def _read(system: System, what: str, given: Any, also: Sequence[sp.Symbol]) -> sp.Expr:
    if isinstance(given, str):
        given = parse_expression(given)
    e = dag.put_in(expression(given), dict(system.observables), "observable")
    known = {*system.states, *system.parameters, *also, system.time}
    by_name = {s.name: s for s in known}
    e = e.xreplace({s: by_name[s.name] for s in e.free_symbols if s.name in by_name})
    if strange := sorted(s.name for s in e.free_symbols if s not in known):
        raise DeclarationError(f"{what} contains {strange[0]}, which is neither a variable of the system nor in data")
    return e


def cost_slopes(
    e: sp.Expr, system: System, times: np.ndarray, values: np.ndarray, row: np.ndarray, table: Mapping[sp.Symbol, np.ndarray]
) -> tuple[float, np.ndarray, np.ndarray]:
    """The sum of an expression over times, and its derivatives by states (T, n) and parameters (k,).

    Raises
    ------
    DeclarationError
        If it is not finite at one of the times.
    """
    [slopes] = gradients([e], (*system.states, *system.parameters))
    blocks = [("lane", (system.time,)), ("y", system.states), ("p", (*system.parameters, *table))]
    program = lower("cost", blocks, [e, *slopes.values()], [""] * (1 + len(slopes)))
    found = evaluate(program, [times], list(values.T), [*row, *table.values()])
    have = np.ones(len(times), dtype=bool)
    for column in table.values():
        have &= np.isfinite(column)
    cost, *parts = (np.where(have, np.broadcast_to(v, times.shape), 0.0) for v in found)
    if not np.isfinite(cost).all():
        raise DeclarationError(f"the cost {e} is not finite along the trajectory")
    place = {s: k for k, s in enumerate((*system.states, *system.parameters))}
    by_all = np.zeros((len(times), len(place)))
    for s, part in zip(slopes, parts, strict=True):
        by_all[:, place[s]] = part
    by_states, by_parameters = by_all[:, : len(system.states)], by_all[:, len(system.states) :].sum(0)
    return float(cost.sum()), by_states, by_parameters
