"""Reading what a system of fields is declared with, and what is checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.declaration import expression, lookup, name_of, read_equations
from symdyn.errors import DeclarationError
from symdyn.models.boundary import Conditions, has_operators
from symdyn.models.domains import Domain, Interval, Rectangle
from symdyn.models.operators import NUMBERS, Operator, components, read_operators, varies
from symdyn.parsing import parse_expression

if TYPE_CHECKING:
    from symdyn.models.pde import PDESystem

__all__ = ["check", "mapped", "read_domain", "read_starts", "read_states", "wall_expressions"]


def check(system: PDESystem) -> None:
    """Refuse scalars that vary in space, conditions that ask for the solution, and vectors in the wrong place."""
    symbols = {*system.fields, *system.space}
    for state, rate in zip(system.states, system.rates, strict=True):
        plain = components(rate, system.dimension)
        if state in system.scalars and varies(plain, symbols):
            raise DeclarationError(
                f"the rate {rate} of the scalar {state} varies in space; take mean(...) or integral(...) of fields"
            )
    for e in system.observables.values():
        components(e, system.dimension)
    for node in dag.nodes([*system.expressions, *system.observables.values()]):
        if isinstance(node, NUMBERS) and node.args[0].has(*NUMBERS):
            raise DeclarationError(
                f"{node} holds one mean or integral in another; an inner one is a number and can stand outside"
            )
    for target, row in system.conditions.items():
        for pair in row:
            for condition in pair if pair != "periodic" else ():
                if has_operators(condition) or any(
                    e.has(*system.fields) for e in (condition.alpha, condition.beta, condition.value)
                ):
                    raise DeclarationError(f"the condition {condition} of {target} holds a field or an operator; it may depend "
                                           "on parameters, time, position and scalars")  # fmt: skip
                wrong = (condition.alpha.free_symbols | condition.beta.free_symbols) - set(system.parameters)
                if wrong:
                    raise DeclarationError(f"a and b of the condition {condition} of {target} may depend on parameters only, "
                                           f"not on {min(map(str, wrong))}")  # fmt: skip
    for state, start in system.initial.items():
        if start.has(Operator):
            raise DeclarationError(f"the initial value {start} of {state} holds an operator; write down what it is")
        wrong = start.free_symbols - set(system.parameters) - (set(system.space) if state in system.fields else set())
        if wrong:
            raise DeclarationError(f"the initial value {start} of {state} holds {min(map(str, wrong))}; it may depend on "
                                   "parameters" + (" and position" if state in system.fields else ""))  # fmt: skip


def read_domain(value: Any) -> Domain:
    if isinstance(value, (tuple, list)) and len(value) == 2 and not any(isinstance(v, (tuple, list)) for v in value):
        return Interval(*value)
    if not isinstance(value, (Interval, Rectangle)):
        raise DeclarationError(
            f"the domain is {value!r}; a PDESystem lives on an Interval, a Rectangle(width, height, corner) or (start, end)"
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
    rows, seen, time = read_equations({**equations, **further}, time, observables)
    if any(isinstance(v, tuple) for v in rows.values()):
        raise DeclarationError("the rate of a field is one expression, not a sequence")
    named = {lookup(k, rows, "state") for k in ([odes] if isinstance(odes, str) else odes)}
    fields = tuple(s for s in rows if s not in named)
    if not fields:
        raise DeclarationError("no state is a field: leave one out of odes, or declare an ODESystem")
    order = (*fields, *(s for s in rows if s in named))
    rates = {s: read_operators(rows[s]) for s in order}
    return fields, rates, {k: read_operators(v) for k, v in seen.items()}, time


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
    return [e for c in found for e in (c.alpha, c.beta, c.value)]


def mapped(pair: Any, function: Any) -> Any:
    return pair if pair == "periodic" else tuple(c.map(function) for c in pair)
