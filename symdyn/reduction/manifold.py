r"""Quadratic manifolds: :math:`u = \bar u + V z + W (z \otimes z)`, and Galerkin's projection on their tangents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import combinations_with_replacement

import numpy as np
import sympy as sp

from symdyn.reduction.basis import Basis
from symdyn.reduction.dense import combination, dense, products

__all__ = ["CurvedBasis", "curved_basis", "tangent_rates"]

#: Regularisation of the fit of W, relative to the mean of the diagonal of its normal matrix.
RIDGE = 1e-8


@dataclass(frozen=True)
class CurvedBasis(Basis):
    r"""Modes with a quadratic correction: :math:`u \approx \bar u + V z + W q(z)`, :math:`q = (z_i z_j)_{i \le j}`.

    Attributes
    ----------
    curvature : (n, r (r + 1) / 2) float64
        W, with :math:`V^\top D W = 0`.
    """

    curvature: np.ndarray

    def lift(self, z: np.ndarray) -> np.ndarray:
        return super().lift(z) + _squares(z) @ self.curvature.T

    def written(self, rows: np.ndarray, z: Sequence[sp.Expr]) -> list[sp.Expr]:
        matrix = np.concatenate([self.modes[rows], self.curvature[rows]], axis=1)
        return dense(matrix, [*z, *products(z)], self.center[rows])


def curved_basis(basis: Basis, snapshots: np.ndarray) -> CurvedBasis:
    """The basis with the correction that fits the snapshots (n, S) best, with a small ridge.

    References
    ----------
    Geelen, Wright & Willcox, Computer Methods in Applied Mechanics and Engineering 403, 115717 (2023).
    """
    z = basis.project(snapshots.T)
    rest, squares = snapshots.T - basis.lift(z), _squares(z)
    normal = squares.T @ squares
    normal += RIDGE * np.trace(normal) / len(normal) * np.eye(len(normal))
    curvature = np.linalg.solve(normal, squares.T @ rest).T
    curvature -= basis.modes @ (basis.modes.T @ (basis.weights[:, None] * curvature))
    return CurvedBasis(**{f.name: getattr(basis, f.name) for f in fields(Basis)}, curvature=curvature)


def tangent_rates(basis: CurvedBasis, z: Sequence[sp.Symbol], projections: Sequence[sp.Expr]) -> list[sp.Expr]:
    r"""Rates :math:`\dot z = (J^\top D J)^{-1} J^\top D N` with :math:`J = V + W q'(z)`.

    As :math:`V^\top D W = 0`, the matrix is :math:`1 + q'^\top (W^\top D W) q'`, a polynomial in z, symmetric and positive;
    it is eliminated symbolically.

    Parameters
    ----------
    basis : CurvedBasis
    z : sequence of Symbol
    projections : sequence of Expr
        :math:`(V, W)^\top D N`, r + r (r + 1) / 2 expressions.
    """
    r = basis.size
    pairs = list(combinations_with_replacement(range(r), 2))
    slopes = [
        [(2 * z[a] if i == j else z[j] if i == a else z[i]) if a in (i, j) else sp.S.Zero for a in range(r)] for i, j in pairs
    ]
    right = []
    for a in range(r):
        terms = [sp.Mul(s[a], n, evaluate=not n.is_Add) for s, n in zip(slopes, projections[r:], strict=True) if s[a] != 0]
        right.append(sp.Add(projections[a], *terms))
    gram = basis.curvature.T @ (basis.weights[:, None] * basis.curvature)
    monomials, place = products(z), {pair: k for k, pair in enumerate(pairs)}
    matrix: list[list[sp.Expr]] = [[sp.S.Zero] * r for _ in range(r)]
    factor = [[1.0 + (i == j) if a in (i, j) else 0.0 for a in range(r)] for i, j in pairs]
    other = [[(j if i == a else i) if a in (i, j) else -1 for a in range(r)] for i, j in pairs]
    for a in range(r):
        for b in range(a + 1):
            row = np.zeros(len(pairs))
            for p in range(len(pairs)):
                if not factor[p][a]:
                    continue
                for q in range(len(pairs)):
                    if factor[q][b]:
                        low, high = sorted((other[p][a], other[q][b]))
                        row[place[low, high]] += factor[p][a] * factor[q][b] * gram[p, q]
            offset = np.array([1.0 if a == b else 0.0])
            matrix[a][b] = dense(row[None], monomials, offset)[0]
    return _solved(matrix, right)


def _solved(matrix: list[list[sp.Expr]], right: list[sp.Expr]) -> list[sp.Expr]:
    """The solution of a symmetric positive system, by elimination of its lower triangle."""
    n = len(right)
    rows = [list(row[: i + 1]) for i, row in enumerate(matrix)]
    inverses = []
    for k in range(n):
        pivot = rows[k][k]
        inverses.append(inverse := sp.Pow(pivot, -1, evaluate=not pivot.is_Add))  # sympy asks long whether a sum is infinite
        ratios = {i: sp.Mul(rows[i][k], inverse, evaluate=False) for i in range(k + 1, n)}
        for i in range(k + 1, n):
            for j in range(k + 1, i + 1):
                rows[i][j] = combination([(1.0, rows[i][j]), (-1.0, sp.Mul(ratios[i], rows[j][k], evaluate=False))])
            right[i] = combination([(1.0, right[i]), (-1.0, sp.Mul(ratios[i], right[k], evaluate=False))])
    found: list[sp.Expr] = [sp.S.Zero] * n
    for k in reversed(range(n)):
        known = [(-1.0, sp.Mul(rows[i][k], found[i], evaluate=False)) for i in range(k + 1, n)]
        found[k] = sp.Mul(combination([(1.0, right[k]), *known]), inverses[k], evaluate=False)
    return found


def _squares(z: np.ndarray) -> np.ndarray:
    """The products (..., r (r + 1) / 2) of coordinates (..., r)."""
    i, j = np.triu_indices(z.shape[-1])
    return z[..., i] * z[..., j]
