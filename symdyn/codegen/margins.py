"""The margin of a condition: a number that is positive where the condition holds."""

from __future__ import annotations

import sympy as sp

from symdyn.errors import CompileError

__all__ = ["margin"]


def margin(condition: sp.Basic) -> sp.Expr:
    r"""An expression that is positive where a condition holds, negative where it does not, and zero in between.

    .. math:: m(a > b) = a - b, \quad m(A \land B) = \min(m(A), m(B)), \quad m(A \lor B) = \max(m(A), m(B)), \quad
              m(\lnot A) = -m(A)

    Raises
    ------
    CompileError
        For equalities, which hold at no interval of time.

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> margin((x < 2) & (y >= x))
    Min(2 - x, -x + y)
    """
    if isinstance(condition, (sp.And, sp.Or)):
        parts = [margin(a) for a in sorted(condition.args, key=str)]
        return sp.Min(*parts) if isinstance(condition, sp.And) else sp.Max(*parts)
    if isinstance(condition, sp.Not):
        return -margin(condition.args[0])
    if isinstance(condition, (sp.Gt, sp.Ge)):
        return condition.lhs - condition.rhs
    if isinstance(condition, (sp.Lt, sp.Le)):
        return condition.rhs - condition.lhs
    raise CompileError(f"the condition {condition} has no sign that changes; write it with <, <=, >, >=, And, Or and Not")
