r"""Values of fields at points of a grid's domain, as means with weights.

.. math:: u(x_0) \approx \sum_i w_i(x_0)\, u_i = \Bigl\langle N \sum_i w_i(x_0)\, \chi_i\, u \Bigr\rangle

where :math:`\chi_i` is 1 in cell i and 0 elsewhere, and the mean over N cells is that of `symdyn.mean`.  On finite differences
of order p the weights are those of the polynomial through the p + 2 nearest cells along each axis, at a wall through as many
next to it; on a spectral grid those of the trigonometric polynomial.

References
----------
Fornberg, A Practical Guide to Pseudospectral Methods (1996), 2.3, 3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.models.operators import at, mean
from symdyn.models.pde import PDESystem
from symdyn.models.pde_checks import check_point

__all__ = ["with_weights"]

#: So little that it changes no other number.
TINY = sp.Float(1e-200)


def with_weights(pde: PDESystem, shape: Sequence[int], order: int | None) -> Callable[[sp.Expr], sp.Expr]:
    """A function of expressions that puts weighted means in the place of values at points.

    Parameters
    ----------
    pde : PDESystem
    shape : tuple of int
        Cells along the axes.
    order : int or None
        Of accuracy; None for a spectral grid.

    Examples
    --------
    >>> import symdyn as sd
    >>> u, x = sp.symbols("u x")
    >>> pde = sd.PDESystem({u: sd.laplacian(u)}, domain=(0, 1))
    >>> weighted = with_weights(pde, (50,), 2)(at(x**3, 0.3)).args[0] / x**3  # of four cells, 50 times their weights
    >>> round(sum(float(weighted.subs(x, c)) * c**3 for c in (0.27, 0.29, 0.31, 0.33)) / 50, 12)
    0.027
    """
    low, high = pde.domain.box
    widths = [float(b - a) / n for a, b, n in zip(low, high, shape, strict=True)]

    def weights(place: Sequence[sp.Expr]) -> sp.Expr:
        found = []
        for axis, (x, c, a, h, n) in enumerate(zip(pde.space, place, low, widths, shape, strict=True)):
            cell = (float(c) - float(a)) / h - 0.5  # of which whole numbers are centres
            if order is None:
                found.append(_trigonometric(x, float(c), h * n, n))
            else:
                found.append(_polynomial(x, cell, float(a), h, n, order, axis in pde.periodic))
        return sp.Mul(*found)

    def written(e: sp.Expr) -> sp.Expr:
        swap = {}
        for node in dag.nodes([e]):
            if isinstance(node, at):
                check_point(node, pde)
                swap[node] = mean(node.args[0] * weights(node.args[1:]))
        return e.xreplace(swap) if swap else e

    return written


def _polynomial(x: sp.Symbol, cell: float, begin: float, h: float, n: int, order: int, periodic: bool) -> sp.Expr:
    """N times the weights of a polynomial, constant in each cell."""
    count = min(order + 2, n)
    first = int(np.floor(cell)) - (count - 1) // 2
    if not periodic:
        first = min(max(first, 0), n - count)
    nodes, terms = np.arange(first, first + count), []
    for j in nodes:
        others = nodes[nodes != j]
        weight = n * float(np.prod((cell - others) / (j - others)))
        if weight:
            left = begin + (j % n) * h
            inside = sp.Heaviside(x - sp.Float(left, 17)) - sp.Heaviside(x - sp.Float(left + h, 17))
            terms.append(sp.Float(weight, 17) * inside)
    return sp.Add(*terms)


def _trigonometric(x: sp.Symbol, place: float, length: float, n: int) -> sp.Expr:
    """N times the weights of the trigonometric polynomial through n equally spaced values."""
    s = sp.Float(np.pi / length, 17) * sp.Abs(x - sp.Float(place, 17)) + TINY  # no sum of which TINY is lost; no sine is 0
    return sp.sin(n * s) / (sp.tan(s) if n % 2 == 0 else sp.sin(s))
