r"""Fluxes of conservation laws on faces, from the side that waves come from, without oscillations at shocks.

For :math:`\partial_t u + \partial_x F(u) = \ldots` the flux on a face is made of what is on its left and on its right:

- "upwind": :math:`\hat F = \tfrac12 (F(u^-) + F(u^+)) - \tfrac12 a (u^+ - u^-)` with :math:`u^\pm` on lines through the cells
  whose slopes are limited by minmod, so that no new extrema arise;
- "weno5": :math:`\hat F` of :math:`\tfrac12 (F \pm a u)` on the three stencils of three cells, by their smoothness: of fifth
  order for a of one value, of at least fourth where a follows u, which leaves one of the two without a slope.

Here a bounds the speeds of waves, :math:`|F'|`, in the cells around the face; with several fields it is the largest sum over a
row of the Jacobian, which bounds its eigenvalues.

References
----------
B. van Leer, Journal of Computational Physics 32 (1979) 101-136; C.-W. Shu, SIAM Review 51 (2009) 82-126;
R. Borges, M. Carmona, B. Costa, W. S. Don, Journal of Computational Physics 227 (2008) 3191-3211.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import sympy as sp

__all__ = ["FLUXES", "face_flux", "wall_ghosts"]

#: In the weights of smooth stencils, so that nothing is divided by 0.
TINY = sp.Float(1e-40)
#: From a field and a number of cells from the face, -1 to its left and 0 to its right, to the symbol of its value there.
Cell = Callable[[sp.Symbol, int], sp.Expr]


def face_flux(scheme: str, field: sp.Symbol, fluxes: Mapping[sp.Symbol, sp.Expr], cell: Cell) -> sp.Expr:
    r"""The flux F of a field on a face, for :math:`\partial_t u = -\partial_x F`.

    Parameters
    ----------
    scheme : str
        A key of `FLUXES`.
    field : Symbol
    fluxes : mapping of Symbol to Expr
        Of all fields, for the speeds of waves.
    cell : callable
        See `Cell`.

    Returns
    -------
    Expr

    Examples
    --------
    >>> u = sp.Symbol("u", real=True)
    >>> constant = face_flux("upwind", u, {u: 2 * u}, lambda f, k: sp.Integer(3))
    >>> sp.simplify(constant)
    6
    """
    return FLUXES[scheme](field, fluxes, cell)


def _at(e: sp.Expr, fields: Sequence[sp.Symbol], value: Callable[[sp.Symbol], sp.Expr]) -> sp.Expr:
    return e.xreplace({f: value(f) for f in fields})


def _speed(fluxes: Mapping[sp.Symbol, sp.Expr]) -> list[sp.Expr]:
    """Expressions whose maximum bounds the speeds of waves."""
    rows = [sp.Add(*(sp.Abs(sp.diff(F, f)) for f in fluxes)) for F in fluxes.values()]
    return [row for row in rows if row != 0]


def _bound(fluxes: Mapping[sp.Symbol, sp.Expr], values: Sequence[Callable[[sp.Symbol], sp.Expr]]) -> sp.Expr:
    fields = list(fluxes)
    found = {_at(row, fields, value) for row in _speed(fluxes) for value in values}
    return sp.Max(*found) if found else sp.S.Zero


def _minmod(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    return sp.Max(0, sp.Min(a, b)) + sp.Min(0, sp.Max(a, b))


def _limited(field: sp.Symbol, fluxes: Mapping[sp.Symbol, sp.Expr], cell: Cell) -> sp.Expr:
    fields = list(fluxes)

    def left(f: sp.Symbol) -> sp.Expr:
        return cell(f, -1) + _minmod(cell(f, -1) - cell(f, -2), cell(f, 0) - cell(f, -1)) / 2

    def right(f: sp.Symbol) -> sp.Expr:
        return cell(f, 0) - _minmod(cell(f, 0) - cell(f, -1), cell(f, 1) - cell(f, 0)) / 2

    F, a = fluxes[field], _bound(fluxes, (left, right))
    return (_at(F, fields, left) + _at(F, fields, right) - a * (right(field) - left(field))) / 2


def _weno(v: Sequence[sp.Expr]) -> sp.Expr:
    """The value on the right face of the third of five cells."""
    parts = (2 * v[0] - 7 * v[1] + 11 * v[2], -v[1] + 5 * v[2] + 2 * v[3], 2 * v[2] + 5 * v[3] - v[4])
    bent = [sp.Rational(13, 12) * (v[k] - 2 * v[k + 1] + v[k + 2]) ** 2 for k in range(3)]
    tilt = ((v[0] - 4 * v[1] + 3 * v[2]) ** 2 / 4, (v[1] - v[3]) ** 2 / 4, (3 * v[2] - 4 * v[3] + v[4]) ** 2 / 4)
    rough = [b + s for b, s in zip(bent, tilt, strict=True)]
    change = sp.Abs(rough[0] - rough[2])
    weights = [d * (1 + (change / (b + TINY)) ** 2) for d, b in zip((1, 6, 3), rough, strict=True)]
    return sp.Add(*(w * p for w, p in zip(weights, parts, strict=True))) / (6 * sp.Add(*weights))


def _weno5(field: sp.Symbol, fluxes: Mapping[sp.Symbol, sp.Expr], cell: Cell) -> sp.Expr:
    fields, F = list(fluxes), fluxes[field]

    def there(k: int) -> Callable[[sp.Symbol], sp.Expr]:
        return lambda f: cell(f, k)

    a = _bound(fluxes, [there(k) for k in range(-3, 3)])
    right = [(_at(F, fields, there(k)) + a * cell(field, k)) / 2 for k in range(-3, 2)]
    left = [(_at(F, fields, there(k)) - a * cell(field, k)) / 2 for k in range(2, -3, -1)]
    return _weno(right) + _weno(left)


FLUXES: dict[str, Callable[[sp.Symbol, Mapping[sp.Symbol, sp.Expr], Cell], sp.Expr]] = {"upwind": _limited, "weno5": _weno5}


def wall_ghosts(ghosts: int, coefficients: Sequence[float], h: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights of ghosts that have the value at the wall, (ghosts, 1), and of the value of the condition, (ghosts,).

    The value is that of the line through the cell next to the wall that meets the condition, and lies between the two.

    Examples
    --------
    >>> w, c = wall_ghosts(1, (1.0,), 0.1)    # u = gamma
    >>> w.tolist(), c.tolist()
    ([[0.0]], [1.0])
    """
    a, b = (*coefficients, 0.0)[:2]
    total = b + a * h / 2
    if len(coefficients) > 2 or total == 0 or b / total < 0:
        return np.ones((ghosts, 1)), np.zeros(ghosts)
    return np.full((ghosts, 1), b / total), np.full(ghosts, h / 2 / total)
