"""What is refused of fields: scalars that vary in space, conditions that depend on fields, points outside of the domain.

The systems that are checked are `symdyn.models.pde.PDESystem`, which imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.models.boundary import Conditions, has_operators
from symdyn.models.domains import Domain
from symdyn.models.operators import NUMBERS, Operator, at, components, varies

__all__ = ["check", "check_one_wall", "check_point"]


def check_point(node: sp.Expr, system: Any) -> None:
    """Refuse points that are none of the domain.

    Raises
    ------
    DeclarationError
    """
    place = node.args[1:]
    if len(place) != system.dimension:
        raise DeclarationError(f"{node} has {len(place)} coordinates in a domain of {system.dimension} dimensions")
    for c, x, low, high in zip(place, system.space, *system.domain.box, strict=True):
        if not c.is_number or not c.is_real:
            raise DeclarationError(f"{node} is at {x} = {c}; expected a number, for which the weights of the grid are computed")
        if abs(float(c) - 0.5 * (low + high)) > 0.5 * (high - low) * (1 + 1e-12):  # 0.1 + 0.2 is in (0, 0.3)
            raise DeclarationError(f"{node} is at {x} = {c}, outside of the domain from {low:g} to {high:g}")


def check_one_wall(conditions: Mapping[sp.Expr, Conditions], domain: Domain) -> None:
    """Refuse conditions that differ from side to side, or are periodic, where a domain has no sides.

    Raises
    ------
    DeclarationError
    """
    for target, row in conditions.items():
        sides = [c for pair in row for c in (("periodic",) if pair == "periodic" else pair)]
        if "periodic" in sides or any(c != sides[0] for c in sides):
            raise DeclarationError(
                f"the boundary of {target} differs from side to side or is periodic; {domain!r} has one wall, with one "
                "condition for each field, whose value may depend on the position"
            )


def check(system: Any) -> None:
    """Refuse scalars that vary in space, conditions that depend on fields, and misplaced vectors.

    Raises
    ------
    DeclarationError
    """
    symbols = {*system.fields, *system.space}
    for state, rate in zip(system.states, system.rates, strict=True):
        plain = components(rate, system.dimension)
        if state in system.scalars and varies(plain, symbols):
            raise DeclarationError(
                f"the rate {rate} of the scalar {state} varies in space; take mean(...) or integral(...) of fields"
            )
    for e in system.observables.values():
        components(e, system.dimension)
    sides = [side for event in system.events for side in event.sides]
    for node in dag.nodes([*system.expressions, *system.observables.values(), *sides]):
        if isinstance(node, NUMBERS) and node.args[0].has(*NUMBERS):
            raise DeclarationError(f"{node} nests one mean, integral or value at a point in another; an inner one is a number")
        if isinstance(node, at):
            check_point(node, system)
    for target, row in system.conditions.items():
        for pair in row:
            for condition in pair if pair != "periodic" else ():
                if has_operators(condition) or any(e.has(*system.fields) for e in (*condition.coefficients, condition.value)):
                    raise DeclarationError(f"the condition {condition} of {target} holds a field or an operator; it may depend "
                                           "on parameters, time, position and scalars")  # fmt: skip
                wrong = set().union(*(a.free_symbols for a in condition.coefficients)) - _constants(system)
                if wrong:
                    raise DeclarationError(
                        f"the coefficients of the condition {condition} of {target} may depend on parameters only, "
                        f"not on {min(map(str, wrong))}"
                    )
    for state, start in system.initial.items():
        if start.has(Operator):
            raise DeclarationError(f"the initial value {start} of {state} contains an operator; write its value explicitly")
        wrong = start.free_symbols - _constants(system) - (set(system.space) if state in system.fields else set())
        if wrong:
            raise DeclarationError(f"the initial value {start} of {state} holds {min(map(str, wrong))}; it may depend on "
                                   "parameters" + (" and position" if state in system.fields else ""))  # fmt: skip


def _constants(system: Any) -> set[sp.Symbol]:
    """The parameters that are numbers."""
    return set(system.parameters) - set(system.inputs)
