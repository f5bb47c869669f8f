r"""Potentials at the ends of bridges, and gradients of what they are at other times, as expressions.

With a normal transition :math:`y \mid x \sim \mathcal N(F x + c, Q)` and a potential g at y, both are gradients of
:math:`\log \varphi(x) = \log \int g(y)\, \mathcal N(y; F x + c, Q)\, \mathrm dy`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from symdyn.dense import DenseLayers
from symdyn.transport.spectra import Transition

__all__ = ["PointPotential", "QuadraticPotential"]


class QuadraticPotential:
    r"""The potential :math:`g(y) = \exp(-\tfrac12 y^T B y + b^T y)` of normal ends.

    Parameters
    ----------
    matrix : (d, d) float64
        B, symmetric.
    vector : (d,) float64
    """

    def __init__(self, matrix: np.ndarray, vector: np.ndarray) -> None:
        self.matrix, self.vector = 0.5 * (matrix + matrix.T), vector

    def gradient(self, law: Transition, states: Sequence[sp.Symbol]) -> list[sp.Expr]:
        r""":math:`F^T (1 + B Q)^{-1} (b - B (F x + c))`.

        Parameters
        ----------
        law : Transition
            Of expressions.
        states : sequence of Symbol

        Returns
        -------
        list of Expr

        Examples
        --------
        >>> x, t = sp.symbols("x t")
        >>> rest = Transition(sp.eye(1), sp.zeros(1, 1), sp.Matrix([[1 - t]]), plain=True)
        >>> QuadraticPotential(np.array([[1.0]]), np.zeros(1)).gradient(rest, [x])
        [-1.0*x/(2.0 - 1.0*t)]
        """
        x = sp.Matrix(list(states))
        if law.plain:
            f, q = law.factor[0, 0], law.noise[0, 0]
            rates, axes = np.linalg.eigh(self.matrix)
            turned = axes.T @ self.vector
            sides = []
            for k, rate in enumerate(rates):
                along = sp.Add(*(sp.Float(float(u)) * (f * z + c) for u, z, c in zip(axes[:, k], x, law.shift, strict=True)))
                sides.append(f * (float(turned[k]) - float(rate) * along) / (1 + q * float(rate)))
            return [sp.Add(*(float(u) * s for u, s in zip(row, sides, strict=True))) for row in axes]
        b = sp.Matrix(self.matrix.tolist())
        right = sp.Matrix(self.vector.tolist()) - b * (law.factor * x + law.shift)
        return list(law.factor.T * solved(sp.eye(len(x)) + b * law.noise, right))


class PointPotential:
    r"""The potential :math:`\sum_j e^{g_j} \delta(y - y_j)` of weighted points.

    Parameters
    ----------
    points : (m, d) float64
    logs : (m,) float64
        :math:`g_j`.
    name : str
        Of the mean of the points at a given state, :math:`E[y \mid x]`, in equations.
    """

    def __init__(self, points: np.ndarray, logs: np.ndarray, name: str) -> None:
        self.points, self.logs, self.name = points, logs, name

    def gradient(self, law: Transition, states: Sequence[sp.Symbol]) -> list[sp.Expr]:
        r""":math:`F^T Q^{-1} (E[y \mid x] - F x - c)`; the mean is a layer of shares, with the points as its weights.

        Parameters
        ----------
        law : Transition
            Of expressions.
        states : sequence of Symbol

        Returns
        -------
        list of Expr

        Examples
        --------
        >>> x, t = sp.symbols("x t")
        >>> rest = Transition(sp.eye(1), sp.zeros(1, 1), sp.Matrix([[1 - t]]), plain=True)
        >>> PointPotential(np.array([[-1.0], [1.0]]), np.zeros(2), "end").gradient(rest, [x])  # tanh(x/(1 - t))
        [(-x + end(1/(1 - t), x/(1 - t)))/(1 - t)]
        """
        middle = self.points.mean(axis=0)
        y, d = self.points - middle, len(middle)
        place = law.factor * sp.Matrix(list(states)) + law.shift
        away = [p - _number(m) for p, m in zip(place, middle, strict=True)]
        if law.plain:
            precision = 1 / law.noise[0, 0]
            features, weights = [precision, *(precision * a for a in away)], np.column_stack([-0.5 * (y**2).sum(axis=1), y])
        else:
            inverse = sp.Matrix.hstack(*(solved(law.noise, sp.eye(d).col(k)) for k in range(d)))
            pairs = [(i, j) for i in range(d) for j in range(i, d)]
            features = [*(inverse[i, j] for i, j in pairs), *(inverse * sp.Matrix(away))]
            squares = [-(0.5 if i == j else 1.0) * y[:, i] * y[:, j] for i, j in pairs]
            weights = np.column_stack([*squares, y])
        layers = DenseLayers(self.name, [(weights, self.logs - self.logs.max(), "softmax"), (self.points.T, None, "identity")])
        found = layers(*features)
        mean = list(found) if isinstance(found, tuple) else [found]
        miss = [e - p for e, p in zip(mean, place, strict=True)]
        if law.plain:
            return [law.factor[0, 0] * precision * m for m in miss]
        return list(law.factor.T * (inverse * sp.Matrix(miss)))


def _number(value: float) -> sp.Expr:
    return sp.Float(float(value)) if value else sp.S.Zero


def solved(matrix: sp.Matrix, right: sp.Matrix) -> sp.Matrix:
    """The solution of a system of three equations at most, by cofactors."""
    d = matrix.shape[0]
    if d == 1:
        return right / matrix[0, 0]
    cofactors = sp.Matrix(d, d, lambda i, j: (-1) ** (i + j) * _minor(matrix, i, j))
    determinant = sp.Add(*(matrix[0, j] * cofactors[0, j] for j in range(d)))
    return cofactors.T * right / determinant


def _minor(m: sp.Matrix, i: int, j: int) -> sp.Expr:
    rows, columns = ([k for k in range(m.shape[0]) if k != out] for out in (i, j))
    if len(rows) == 1:
        return m[rows[0], columns[0]]
    return m[rows[0], columns[0]] * m[rows[1], columns[1]] - m[rows[0], columns[1]] * m[rows[1], columns[0]]
