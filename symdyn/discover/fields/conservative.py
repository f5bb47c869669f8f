r"""Products with derivatives as derivatives of products, as far as they go.

.. math::
    g(u)\, u_x &= \partial_x G, \qquad G' = g \\
    g(u)\, \Delta u &= \Delta G - g'(u)\, |\nabla u|^2 \\
    g(u)\, u_{xxx} &= \partial_x^3 G - \tfrac32 \partial_x (g'(u)\, u_x^2) + \tfrac12 g''(u)\, u_x^3
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdyn.models.operators import AXES, Operator, laplacian, linear_form

__all__ = ["conservative"]


def conservative(e: sp.Expr, fields: Sequence[sp.Symbol], space: Sequence[sp.Symbol]) -> sp.Expr:
    """A product with derivatives outside of it where that can be done.

    Parameters
    ----------
    e : Expr
        A product; others come back as they are.
    fields, space : sequences of Symbol

    Examples
    --------
    >>> from symdyn.models.operators import dx
    >>> u, x = sp.symbols("u x")
    >>> conservative(u * dx(u), [u], [x]), conservative(u * laplacian(u), [u], [x])
    (dx(u**2/2), -dx(u)**2 + dx(dx(u**2/2)))
    """
    steep = [a for a in sp.Mul.make_args(e) if a.has(Operator)]
    if len(steep) != 1 or steep[0].is_Pow:
        return e
    form = linear_form(steep[0], fields, space, len(space))
    owns = {w for w, _ in form}
    rest = e / steep[0]
    if len(owns) != 1 or not owns <= set(fields) or rest.free_symbols - owns:
        return e
    (own,) = owns
    whole, slope = sp.integrate(rest, own), sp.diff(rest, own)
    if len(form) == 1:
        ((_, orders), factor) = next(iter(form.items()))
        axis = AXES[max(range(len(space)), key=lambda a: orders[a])]
        if sum(orders) == max(orders) <= 3:
            first = axis(whole)
            if sum(orders) == 1:
                return factor * first
            if sum(orders) == 2:
                return factor * (axis(first) - slope * axis(own) ** 2)
            bend = sp.diff(slope, own) * axis(own) ** 3 / 2
            return factor * (axis(axis(first)) - axis(slope * axis(own) ** 2) * sp.Rational(3, 2) + bend)
    if steep[0] == laplacian(own):
        return laplacian(whole) - slope * sp.Add(*(axis(own) ** 2 for axis in AXES[: len(space)]))
    return e
