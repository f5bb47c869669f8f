"""Equations of higher order by time as equations of first order, with derivatives for further states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.solvers.solveset import NonlinearError

from symdyn import dag
from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.given_values import name_of
from symdyn.text.derivatives import derivative_name

__all__ = ["first_order"]

#: Equations that are solved for derivatives together.
MOST_SOLVED = 4


def first_order(
    equations: Iterable[sp.Eq], observables: Mapping[Any, Any] | None
) -> tuple[dict[Any, sp.Expr], dict[Any, sp.Expr]]:
    """``Eq(x(t).diff(t), rhs)`` or of higher order for each state, as mappings of first order, and the observables.

    Equations that are linear in the highest derivatives, ``Eq(m*x(t).diff(t, 2) + x(t), 0)``, are solved for them; those that
    another equation gives are put in.

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
    for equation in _solved(list(equations)):
        left = equation.lhs
        if left.expr in found:
            raise DeclarationError(f"the state {left.expr} has two equations")
        found[left.expr] = (left.derivative_count, equation.rhs)
    found = _put_in(found)
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


def _put_in(found: dict[AppliedUndef, tuple[int, sp.Expr]]) -> dict[AppliedUndef, tuple[int, sp.Expr]]:
    """The right-hand sides of the highest derivatives without those of other functions, unless they go round in a circle."""
    highest = {sp.Derivative(f, (f.args[0], n)): sp.Symbol(f.func.__name__ + n * "'") for f, (n, _) in found.items()}
    if not any(side.has(*highest) for _, side in found.values()):
        return found
    rules = {d: side.xreplace(highest) for d, (_, side) in zip(highest.values(), found.values(), strict=True)}
    try:
        dag.in_order(rules, "derivative")
    except DeclarationError:
        return found  # of what they have in them the caller tells
    sides = dag.written_out(rules, "derivative").values()
    return {f: (n, side) for (f, (n, _)), side in zip(found.items(), sides, strict=True)}


def _of_function(e: Any) -> bool:
    """Whether an expression is the derivative of a function by its argument."""
    return isinstance(e, sp.Derivative) and isinstance(e.expr, AppliedUndef) and {*e.variables} == {*e.expr.args}


def _solved(equations: list[Any]) -> list[sp.Eq]:
    """The equations with a derivative alone on the left, those that have none there solved for their highest derivatives.

    Raises
    ------
    DeclarationError
        Where these are not as many as the equations, or do not follow from them by linear equations.
    """
    there = {e.lhs.expr for e in equations if isinstance(e, sp.Eq) and _of_function(e.lhs)}
    rest = [e for e in equations if not (isinstance(e, sp.Eq) and _of_function(e.lhs))]
    if not rest:
        return equations
    form = "expected Eq(Derivative(x(t), t), right-hand side)"
    if wrong := next((e for e in rest if not isinstance(e, sp.Eq)), None):
        raise DeclarationError(f"{form}, got {wrong}")
    sides = [e.lhs - e.rhs for e in rest]
    highest: dict[AppliedUndef, sp.Derivative] = {}
    for d in sorted({d for side in sides for d in side.atoms(sp.Derivative) if _of_function(d)}, key=str):
        if d.expr not in there and d.derivative_count > getattr(highest.get(d.expr), "derivative_count", 0):
            highest[d.expr] = d
    if len(highest) != len(rest) or len(rest) > MOST_SOLVED:
        raise DeclarationError(
            f"{form}, got {rest[0]}; equations are solved where they have as many highest derivatives, "
            f"{MOST_SOLVED} at most, of functions without an equation of that form. One without derivatives goes to algebraic="
        )
    unknown = {d: sp.Dummy() for d in highest.values()}
    try:
        matrix, right = sp.linear_eq_to_matrix([side.xreplace(unknown) for side in sides], list(unknown.values()))
        determinant = matrix.det(method="laplace")
        if _vanishes(determinant):
            raise DeclarationError(f"{rest[0]} does not determine {', '.join(map(str, unknown))}")
    except NonlinearError:
        listed = ", ".join(map(str, unknown))
        raise DeclarationError(f"{rest[0]} is not linear in {listed}; solve the equations for the derivatives") from None
    # by Cramer's rule, as a pivot may vanish where the determinant does not
    made = zip(unknown, matrix.adjugate(method="laplace") * right / determinant, strict=True)
    return [*(e for e in equations if e not in rest), *(sp.Eq(d, side, evaluate=False) for d, side in made)]


def _vanishes(e: sp.Expr) -> bool:
    """Whether an expression is 0 up to rounding where all that it depends on has some irrational value.

    >>> c = sp.Symbol("c")
    >>> _vanishes(c * (sp.sin(c) ** 2 + sp.cos(c) ** 2 - 1)), _vanishes(1e-30 * c)
    (True, False)
    """
    if isinstance(e, sp.Mul):
        return any(map(_vanishes, e.args))
    free = sorted(e.atoms(sp.Symbol, AppliedUndef, sp.Derivative), key=str)
    at = {q: sp.sqrt(sp.prime(k + 1)).evalf(30) / 2 for k, q in enumerate(free)}
    terms = [term.xreplace(at).evalf(30) for term in sp.Add.make_args(e)]
    return bool(abs(sum(terms)) <= 1e-20 * sum(map(abs, terms)))
