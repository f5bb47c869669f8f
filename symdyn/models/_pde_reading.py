"""Reading the arguments of declarations of systems of fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
import sympy as sp

from symdyn.declaration import expression, read_equations
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup, name_of
from symdyn.models.boundary import Conditions
from symdyn.models.boxes import BoxedDomain, Interval
from symdyn.models.domains import Disk, Domain, Polygon
from symdyn.models.operators import read_operators
from symdyn.parsing import parse_expression

__all__ = ["mapped", "read_domain", "read_starts", "read_states", "wall_expressions"]


def read_domain(value: Any) -> Domain:
    if isinstance(value, (tuple, list)) and len(value) == 2 and not any(isinstance(v, (tuple, list)) for v in value):
        return Interval(*value)
    if not isinstance(value, (BoxedDomain, Disk, Polygon)):
        raise DeclarationError(
            f"the domain is {value!r}; a PDESystem lives on an Interval or (start, end), a Rectangle(width, height, corner), a "
            "Box(width, height, depth, corner), a Disk or a Polygon"
        )
    return value


def read_states(
    equations: Any, odes: Any, observables: Mapping[Any, Any] | None, time: Any
) -> tuple[tuple[sp.Symbol, ...], dict[sp.Symbol, sp.Expr], dict[sp.Symbol, sp.Expr], sp.Symbol]:
    """Fields, the rates of all states, fields first, observables and time."""
    if not isinstance(equations, Mapping) or not equations:
        raise DeclarationError("expected a non-empty mapping from each field to its rate, {u: D*laplacian(u) + u*(1-u), ...}")
    if not isinstance(odes, (Mapping, str, Sequence, Set)):
        raise DeclarationError(f"odes is {odes!r}; expected a mapping from each scalar to its rate, or the names of scalars")
    if observables is not None and not isinstance(observables, Mapping):
        raise DeclarationError(f"observables are {observables!r}; expected a mapping from names to expressions")
    further = dict(odes) if isinstance(odes, Mapping) else {}
    twice = [k for k in further if name_of(k) in {name_of(f) for f in equations}]
    if twice:
        raise DeclarationError(f"{twice[0]} has an equation as a field and one as a scalar; remove one")
    rows, observed, time = read_equations({**equations, **further}, time, observables)
    if any(isinstance(v, tuple) for v in rows.values()):
        raise DeclarationError("the rate of a field is one expression, not a sequence")
    named = {lookup(k, rows, "state") for k in ([odes] if isinstance(odes, str) else odes)}
    fields = tuple(s for s in rows if s not in named)
    if not fields:
        raise DeclarationError("no state is a field: leave one out of odes, or declare an ODESystem")
    order = (*fields, *(s for s in rows if s in named))
    rates = {s: read_operators(rows[s]) for s in order}
    return fields, rates, {k: read_operators(v) for k, v in observed.items()}, time


def read_starts(values: Any, states: Iterable[sp.Symbol]) -> dict[sp.Symbol, sp.Expr]:
    """Initial values by state."""
    if values is not None and not isinstance(values, Mapping):
        raise DeclarationError(
            f"initial is {values!r}; expected a mapping from states to numbers or expressions of position and parameters"
        )
    states = tuple(states)
    return {lookup(k, states, "state"): _read_start(k, v) for k, v in (values or {}).items()}


def _read_start(state: Any, value: Any) -> sp.Expr:
    """An initial value as an expression; whole numbers are exact, as they are in texts."""
    if not isinstance(value, (str, sp.Basic)) and (callable(value) or np.ndim(value)):
        what = "an array" if np.ndim(value) else "a function"
        raise DeclarationError(
            f"the initial value of {name_of(state)} is {what}; a system keeps numbers and expressions of position and "
            f"parameters: pass it to simulate(..., initial={{{name_of(state)!r}: ...}})"
        )
    e = parse_expression(value) if isinstance(value, str) else expression(value)
    return sp.Integer(int(e)) if e.is_Float and float(e).is_integer() else e


def wall_expressions(conditions: Mapping[sp.Expr, Conditions]) -> list[sp.Expr]:
    """Every expression in the conditions."""
    found = [c for row in conditions.values() for pair in row if pair != "periodic" for c in pair]
    return [e for c in found for e in (*c.coefficients, c.value)]


def mapped(pair: Any, function: Any) -> Any:
    return pair if pair == "periodic" else tuple(c.map(function) for c in pair)
