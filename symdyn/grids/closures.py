r"""First derivatives next to walls by summation by parts, with the condition at the wall built in.

The rows :math:`D` of the first derivative next to a wall, at whose outside the condition :math:`\sum_k a_k \partial_n^k u = 0`
is met by polynomials P, are those of

.. math:: H D = S - \tfrac12 \ell \ell^T, \qquad D P = P', \qquad H = H^T > 0, \quad S = -S^T, \quad \ell^T P = P(0)

and :math:`S` goes on as the centred differences between the walls.  So :math:`2 u^T H D u = u_{right}^2 - u_{left}^2` as for
the derivative itself, with values at the wall that the condition determines: 0 for Dirichlet's.  Advection then has the energy
that it has between cells and moves it neither up nor down, whatever its speed and the size of the cells.  H and S are, of all
that are exact, the nearest to the identity and to centred differences.

What cells do not resolve still couples where advection enters through a wall without flux and ends in a layer at a fixed value
that is thinner than the cells: a constant, which should stay, may grow or decay by up to a tenth while it crosses the domain.
Waves of several fields, :math:`u_t = v_x, v_t = u_x`, have no common H at orders 4 and 6, and may grow at walls.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import factorial
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.grids.stencils import differences

__all__ = ["OPEN", "closure", "closure_rows", "slope_matrix"]

#: The coefficients of no condition: a wall through which advection leaves needs none.
OPEN: tuple[float, ...] = (0.0,)


def closure_rows(order: int, derivatives: int) -> int:
    """How many cells next to a wall have rows of their own, for a condition with so many derivatives.

    So many make H positive, and leave no growth to advection with diffusion.

    >>> closure_rows(4, 0), closure_rows(4, 1)
    (4, 6)
    """
    return order + 2 * (order > 4) + 2 * (derivatives > 0)


@lru_cache(maxsize=256)
def closure(order: int, condition: tuple[float, ...], h: float, rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    r"""Rows of the derivative away from the wall in the cells next to it, and their weights of the value of the condition.

    Parameters
    ----------
    order : int
        Of accuracy between the walls.  Next to them it is that for conditions with derivatives, else one less, which the
        order of solutions does not feel.
    condition : tuple of float
        The coefficients of :math:`u, \partial_n u, \ldots` at the wall, `OPEN` for none.
    h : float
        Width of the cells.
    rows : int, optional
        More than `closure_rows`, filled up with centred differences.

    Returns
    -------
    D : (rows, points) float64
    c : (rows,) float64

    Raises
    ------
    DeclarationError
        If no such rows exist.

    References
    ----------
    B. Strand, Journal of Computational Physics 110 (1994) 47-67; D. C. Del Rey Fernandez, P. D. Boom, D. W. Zingg, Journal of
    Computational Physics 266 (2014) 214-239.

    Examples
    --------
    >>> D, c = closure(2, (1.0,), 1.0)       # u = gamma at the wall
    >>> (D @ [1.0, 3.0, 5.0]).round(12)   # of 2 x, which is 0 there
    array([2., 2.])
    >>> (D.sum(axis=1) + c).round(12)   # of the constant 1
    array([0., 0.])
    """
    H, D, c, miss = _rows(order, tuple(a / h**k for k, a in enumerate(condition)))
    if not np.isfinite(D).all() or miss > 1e-8 or np.linalg.eigvalsh(H)[0] <= 1e-3 or np.abs(D).max() > 1e2:
        terms = " + ".join(f"{a:g}*{('u', 'du/dn')[k] if k < 2 else f'd{k}u/dn{k}'}" for k, a in enumerate(condition))
        raise DeclarationError(
            f"first derivatives next to a wall with the condition {terms} have no stable differences of order {order} on cells "
            f"of width {h:g}; change its coefficients, the order or the grid"
        )
    own, reach = len(D), max(differences(order).cell(1).offsets)
    total = max(own, rows or 0)
    found, values = np.zeros((total, total + reach)), np.zeros(total)
    found[:own, : own + reach], values[:own] = D, c
    for k, x in zip(*differences(order).cell(1), strict=True):
        found[np.arange(own, total), np.arange(own, total) + k] = x
    return found / h, values / h


def _rows(order: int, condition: Sequence[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """H, D, the weights of the value of the condition, and how far D is from exact, on cells of width 1."""
    stencil = dict(zip(*differences(order).cell(1), strict=True))
    r = closure_rows(order, len(condition) - 1)
    m = r + max(stencil)
    homogeneous, particular = _polynomials(order + (len(condition) > 1), condition)
    x, powers = np.arange(m) + 0.5, np.arange(len(particular))
    values = x[:, None] ** powers
    slopes = powers * x[:r, None] ** np.maximum(powers - 1, 0)
    homogeneous = homogeneous @ np.linalg.inv(np.linalg.qr(values @ homogeneous)[1])
    P, dP = values @ homogeneous, slopes @ homogeneous
    wall = np.linalg.pinv(P[:r].T) @ homogeneous[0]
    far = np.array([[stencil.get(j - i, 0.0) for j in range(r, m)] for i in range(r)])
    upper, strict = np.triu_indices(r), np.triu_indices(r, 1)
    columns = [(_unit(r, i, j, 1.0) @ dP).ravel() for i, j in zip(*upper, strict=True)]
    columns += [(-_unit(r, i, j, -1.0) @ P[:r]).ravel() for i, j in zip(*strict, strict=True)]
    A, boundary = np.array(columns).T, -0.5 * np.outer(wall, wall)
    near = np.array([float(i == j) for i, j in zip(*upper, strict=True)])
    near = np.concatenate([near, [stencil.get(int(j - i), 0.0) for i, j in zip(*strict, strict=True)]])
    goal = (boundary @ P[:r] + far @ P[r:]).ravel()
    found = near + np.linalg.lstsq(A, goal - A @ near, rcond=1e-11)[0]
    H, S = np.zeros((r, r)), np.zeros((r, r))
    H[upper] = found[: upper[0].size]
    H = H + H.T - np.diag(np.diag(H))
    S[strict] = found[upper[0].size :]
    D = np.linalg.solve(H, np.hstack([S - S.T + boundary, far]))
    return H, D, slopes @ particular - D @ (values @ particular), float(np.abs(A @ found - goal).max())


def _unit(r: int, i: int | np.integer[Any], j: int | np.integer[Any], sign: float) -> np.ndarray:
    """The matrix with 1 at (i, j) and `sign` at (j, i)."""
    matrix = np.zeros((r, r))
    matrix[j, i] = sign
    matrix[i, j] = 1.0
    return matrix


def _polynomials(count: int, condition: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of all polynomials of `count` powers for which the condition is 0, and of one for which it is 1."""
    row = np.zeros(count)
    for k, a in enumerate(condition[:count]):
        row[k] = a * factorial(k) * (-1) ** k
    if not row.any():
        return np.eye(count), np.zeros(count)
    return np.linalg.svd(row[None])[2][1:].T, row / (row @ row)


def slope_matrix(n: int, h: float, order: int, left: Any, right: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""The first derivative along an axis between walls as a matrix.

    .. math:: \partial_x u \approx A u + l \gamma_{left} + r \gamma_{right}

    Parameters
    ----------
    n, h, order :
        Cells, their width and the order of accuracy.
    left, right : tuple of float
        The coefficients of u, its normal derivative, ...; `OPEN` for no condition.

    Returns
    -------
    A : (n, n) float64
    l, r : (n,) float64

    Examples
    --------
    >>> A, _, _ = slope_matrix(20, 0.05, 4, (1.0,), (1.0,))
    >>> bool(abs(np.linalg.eigvals(A).real).max() < 1e-10)   # advection between such walls neither grows nor decays
    True
    """
    A, walls = np.zeros((n, n)), np.zeros((2, n))
    for k, x in zip(*differences(order).cell(1), strict=True):
        A += x / h * np.eye(n, k=k)
    for side, condition in enumerate((left, right)):
        D, c = closure(order, tuple(condition), h)
        target, value = (A, walls[side]) if side == 0 else (A[::-1, ::-1], walls[side][::-1])
        target[: len(D)] = 0.0
        target[: len(D), : D.shape[1]] = D if side == 0 else -D
        value[: len(D)] = c if side == 0 else -c
    return A, walls[0], walls[1]
