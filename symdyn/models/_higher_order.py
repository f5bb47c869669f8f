"""Equations of higher order by time as equations of first order, with derivatives for further states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.declaration import expression, name_of
from symdyn.errors import DeclarationError
from symdyn.text.derivatives import derivative_name

__all__ = ["first_order"]


def first_order(
    equations: Iterable[sp.Eq], observables: Mapping[Any, Any] | None
) -> tuple[dict[Any, sp.Expr], dict[Any, sp.Expr]]:
    """``Eq(x(t).diff(t), rhs)`` or of higher order for each state, as mappings of first order, and the observables.

    Raises
    ------
    DeclarationError
        For other equations, two of one state, derivatives on a right-hand side that are no states, and names that clash.

    Examples
    --------
    >>> t, x = sp.Symbol("t"), sp.Function("x")
    >>> first_order([sp.Eq(x(t).diff(t, 2), -x(t) - x(t).diff(t))], None)[0]
    {x(t): x_dot, x_dot: -x_dot - x(t)}
    """
    found: dict[AppliedUndef, tuple[int, sp.Expr]] = {}
    for equation in equations:
        left = getattr(equation, "lhs", None)
        if not (
            isinstance(equation, sp.Eq)
            and isinstance(left, sp.Derivative)
            and isinstance(left.expr, AppliedUndef)
            and {*left.variables} == {*left.expr.args}
        ):
            raise DeclarationError(f"expected Eq(Derivative(x(t), t), right-hand side), got {equation}")
        if left.expr in found:
            raise DeclarationError(f"the state {left.expr} has two equations")
        found[left.expr] = (left.derivative_count, equation.rhs)
    observed = {k: expression(v) for k, v in (observables or {}).items()}
    sides = [*(side for _, side in found.values()), *observed.values()]
    names = {f: [sp.Symbol(derivative_name(f.func.__name__, k)) for k in range(1, n)] for f, (n, _) in found.items()}
    taken = {s.name for e in sides for s in e.free_symbols} | {name_of(k) for k in observed}
    taken |= {u.func.__name__ for u in (*found, *(u for e in sides for u in e.atoms(AppliedUndef)))}
    for f, states in names.items():
        if clash := next((s for s in states if s.name in taken), None):
            raise DeclarationError(
                f"the equation of {f} makes a state {clash}, its derivative, and something else is called {clash}; rename it, "
                f"or write {f}.diff(t) if it is this derivative"
            )
    swap = {sp.Derivative(f, (f.args[0], k)): s for f, states in names.items() for k, s in enumerate(states, start=1)}
    rows: dict[Any, sp.Expr] = {}
    for f, (_, side) in found.items():
        chain: list[Any] = [f, *names[f]]
        rows |= dict(pairwise(chain))
        rows[chain[-1]] = side.xreplace(swap)
        if wrong := sorted(rows[chain[-1]].atoms(sp.Derivative), key=str):
            raise DeclarationError(
                f"the right-hand side {side} contains {wrong[0]}, which is no state; solve the equations for the highest "
                "derivative of each function"
            )
    return rows, {k: e.xreplace(swap) for k, e in observed.items()}
