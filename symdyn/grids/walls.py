r"""Values beyond the walls: the polynomial through the first inner points that meets the condition, at the ghost points.

With cell centers at distances :math:`(k + 1/2) h` from a wall, the polynomial q of degree p through the first p of them with
:math:`\sum_k a_k \partial_n^k q(0) = \gamma` has at the ghost points the values :math:`W u + c \gamma`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.grids.stencils import differences

__all__ = ["MIRROR", "PERIODIC", "axis_matrix", "extrapolation", "ghost_weights", "mirror"]

#: Sides that have no polynomial: the field is periodic, or even about the wall.
PERIODIC, MIRROR = "periodic", "mirror"


def ghost_weights(order: int, ghosts: int, coefficients: Sequence[float], h: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Weights of the first `order` inner points, (ghosts, order), and of the value of the condition, (ghosts,).

    `coefficients` are those of :math:`u, \partial_n u, \ldots` at the wall.  Rows count ghosts from the wall outwards.

    Raises
    ------
    DeclarationError
        If no polynomial meets the condition, as for some with a and b of opposite signs.

    Examples
    --------
    >>> W, c = ghost_weights(2, 1, (1.0,), 0.1)       # u(0) = gamma
    >>> W.round(12).tolist(), c.round(12).tolist()
    ([[-2.0, 0.333333333333]], [2.666666666667])
    """
    s = np.arange(order) + 0.5
    wall = np.zeros(order + 1)
    for k, a in enumerate(coefficients[: order + 1]):
        wall[k] = a * factorial(k) / (-h) ** k
    scale = np.abs(wall).max() or 1.0
    matrix = np.vstack([np.vander(s, order + 1, increasing=True), wall / scale])
    if len(coefficients) > order + 1 or not np.isfinite(matrix).all() or np.linalg.cond(matrix) > 1e12:
        terms = " + ".join(f"{a:g}*{('u', 'du/dn')[k] if k < 2 else f'd{k}u/dn{k}'}" for k, a in enumerate(coefficients))
        raise DeclarationError(
            f"the condition {terms} at a wall cannot be met on cells of width {h:g} at order {order}; change its coefficients "
            "or the grid"
        )
    outside = np.vander(-(np.arange(ghosts) + 0.5), order + 1, increasing=True)
    found = np.linalg.solve(matrix.T, outside.T).T
    return found[:, :order], found[:, order] / scale


def mirror(ghosts: int) -> np.ndarray:
    """Weights of an even continuation, (ghosts, ghosts)."""
    return np.eye(ghosts)


def extrapolation(order: int, ghosts: int, *, odd: bool) -> np.ndarray:
    """Weights of fluxes beyond a wall from those on it and inside: of an odd continuation, or of a polynomial."""
    if odd:
        weights = np.zeros((ghosts, ghosts + 1))
        weights[:, 1:] = -np.eye(ghosts)
        return weights
    inner = np.vander(np.arange(order + 1.0), order + 1, increasing=True)
    outside = np.vander(-(np.arange(ghosts) + 1.0), order + 1, increasing=True)
    return np.linalg.solve(inner.T, outside.T).T


def axis_matrix(
    n: int, h: float, derivative: int, order: int, left: Any, right: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""A derivative along one axis as a matrix, with the ghost points of the explicit route eliminated.

    .. math:: \partial_x^m u \approx A u + l \gamma_{left} + r \gamma_{right}

    Parameters
    ----------
    n, h, derivative, order :
        Cells, their width, order of the derivative and of accuracy.
    left, right : 'periodic', 'mirror' or the coefficients of u, its normal derivative, ...

    Returns
    -------
    A : (n, n) float64
    l, r : (n,) float64

    Examples
    --------
    >>> axis_matrix(3, 1.0, 2, 2, "mirror", "mirror")[0]
    array([[-1.,  1.,  0.],
           [ 1., -2.,  1.],
           [ 0.,  1., -1.]])
    """
    stencil = differences(order).cell(derivative)
    g = max(map(abs, stencil.offsets))
    extended = np.zeros((n + 2 * g, n))
    extended[g : g + n] = np.eye(n)
    values = np.zeros((2, n + 2 * g))
    if left == PERIODIC:
        extended[:g], extended[g + n :] = extended[n : g + n], extended[g : 2 * g]
    else:
        for side, condition in enumerate((left, right)):
            at = np.arange(g)
            rows = g - 1 - at if side == 0 else g + n + at
            if condition == MIRROR:
                w, c = mirror(g), np.zeros(g)
            else:
                w, c = ghost_weights(order, g, condition, h)
            columns = np.arange(w.shape[1])
            extended[np.ix_(rows, columns if side == 0 else n - 1 - columns)] = w
            values[side, rows] = c
    total, walls = np.zeros((n, n)), np.zeros((2, n))
    for offset, coefficient in zip(*stencil, strict=True):
        total += coefficient * extended[g + offset : g + offset + n]
        walls += coefficient * values[:, g + offset : g + offset + n]
    return total / h**derivative, *(walls / h**derivative)
