"""What is linear in expressions of fields, with coefficients that are constant in space."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.models.operator_types import AXES, NUMBERS, Operator, components, laplacian

Index = tuple[int, ...]


def varies(e: sp.Basic, symbols: Collection[sp.Basic]) -> bool:
    """Whether an expression may vary in space, where `symbols` (fields and positions) do."""
    if e in symbols:
        return True
    return not isinstance(e, NUMBERS) and any(varies(a, symbols) for a in e.args)


def linear_form(
    e: sp.Expr, fields: Collection[sp.Basic], space: Sequence[sp.Symbol], dimension: int
) -> dict[tuple[sp.Expr, Index], sp.Expr]:
    r"""An expression without vectors as :math:`\sum_k c_k \partial^{m_k} w_k` with coefficients that are constant in space.

    Parameters
    ----------
    e : Expr
        As `components` gives it.
    fields : collection
        Fields, and further expressions that count as fields.
    space : sequence of Symbol
    dimension : int

    Returns
    -------
    dict
        From (w, m) to c: `w` is a field, or an expression that is no sum and no derivative, or 1.

    Examples
    --------
    >>> from symdyn.models.operators import dx
    >>> u, x, D = sp.symbols("u x D")
    >>> linear_form(D * dx(u + u**2) + 3, {u}, (x,), 1) == {(u, (1,)): D, (u**2, (1,)): D, (sp.S.One, (0,)): 3}
    True
    """
    zero: Index = (0,) * dimension
    symbols: set[sp.Basic] = {*fields, *space}
    found: dict[tuple[sp.Expr, Index], sp.Expr] = {}

    def add(form: Mapping[tuple[sp.Expr, Index], sp.Expr], factor: sp.Expr, shift: Index) -> None:
        for (w, m), c in form.items():
            key = w, tuple(i + j for i, j in zip(m, shift, strict=True))
            if w is not sp.S.One or not any(key[1]):  # derivatives of what is constant vanish
                found[key] = found.get(key, sp.S.Zero) + factor * c

    def form(part: sp.Expr) -> dict[tuple[sp.Expr, Index], sp.Expr]:
        return linear_form(part, fields, space, dimension)

    if e in fields:
        return {(e, zero): sp.S.One}
    if not varies(e, symbols):
        value = _constant(e)
        return {(sp.S.One, zero): value} if value != 0 else {}
    if e.is_Add:
        for term in e.args:
            add(form(term), sp.S.One, zero)
    elif isinstance(e, Operator) and isinstance(e, (*AXES, laplacian)):
        inner = form(e.args[0])
        axes = range(dimension) if isinstance(e, laplacian) else (AXES.index(type(e)),)
        for axis in axes:
            step = 2 if isinstance(e, laplacian) else 1
            add(inner, sp.S.One, tuple(step * (i == axis) for i in range(dimension)))
    elif e.is_Mul:
        constant = [a for a in e.args if not varies(a, symbols)]
        rest = sp.Mul(*(a for a in e.args if varies(a, symbols)))
        add(form(rest) if constant or rest != e else {(e, zero): sp.S.One}, sp.Mul(*constant), zero)
    else:
        return {(e, zero): sp.S.One}
    return {k: c for k, c in found.items() if c != 0}


def _constant(e: sp.Expr) -> sp.Expr:
    """What does not vary in space, without derivatives, which vanish."""
    if isinstance(e, (*AXES, laplacian)):
        return sp.S.Zero
    if isinstance(e, NUMBERS) or not e.has(*AXES, laplacian):
        return e
    return e.func(*map(_constant, e.args))


def linear_part(
    e: sp.Expr, fields: Collection[sp.Symbol], space: Sequence[sp.Symbol], parameters: Collection[sp.Symbol], dimension: int
) -> tuple[dict[tuple[sp.Symbol, Index], sp.Expr], sp.Expr]:
    """The linear terms whose coefficients are made of parameters alone, and the rest of an expression.

    Returns
    -------
    terms : dict
        From (u, m) to the coefficient of the derivative of `u` of orders `m` along the axes; (0, 0) is `u` itself.
    rest : Expr
        `e` is the sum of all terms and this.

    Examples
    --------
    >>> u, x, y, D = sp.symbols("u x y D")
    >>> linear_part(D * laplacian(u) + u * (1 - u), {u}, (x, y), {D}, 2)
    ({(u, (2, 0)): D, (u, (0, 2)): D}, u*(1 - u))
    """
    terms: dict[tuple[sp.Symbol, Index], sp.Expr] = {}
    rest = []
    for (w, m), c in linear_form(components(e, dimension), fields, space, dimension).items():
        for part in sp.Add.make_args(c):
            if w in fields and part.free_symbols <= set(parameters) and not part.has(Operator, AppliedUndef):
                terms[w, m] = terms.get((w, m), sp.S.Zero) + part
            else:
                rest.append(part * derivative_of(w, m))
    return terms, sp.Add(*rest)


def derivative_of(w: sp.Expr, orders: Index) -> sp.Expr:
    """`w` differentiated so many times along each axis.

    >>> derivative_of(sp.Symbol("u"), (1, 2))
    dx(dy(dy(u)))
    """
    for axis in reversed(range(len(orders))):
        for _ in range(orders[axis]):
            w = AXES[axis](w)
    return w
