"""Dynamics of coupled linear populations: evolution, modes, growth factor at weak coupling, complex populations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.leslie._values import as_array, exact, matrix_of, numeric, require_linear, row_of
from symdyn.leslie.spectrum import spectrum
from symdyn.models.matrix import MatrixModel

__all__ = [
    "GrowthFactor",
    "complex_matrix",
    "evolution",
    "growth_factor_approximation",
    "modes",
    "prey_gone_after",
]


@dataclass(frozen=True)
class GrowthFactor:
    """Growth factor at weak coupling.

    Attributes
    ----------
    value : float
        To second order in the coupling.
    error : float
        The neglected term of fourth order: halving the coupling divides it by 16.
    exact : number
        The eigenvalue itself.
    """

    value: float
    error: float
    exact: Any


def growth_factor_approximation(model: MatrixModel) -> GrowthFactor:
    r"""The growth factor of two coupled populations to second order in their coupling.

    For :math:`M = \begin{pmatrix} A & E \\ G & C \end{pmatrix}` with :math:`\lambda_A = \rho(A) > \rho(C)`, and u, p the right
    and left Perron vectors of A,

    .. math:: \lambda \approx \lambda_A + \frac{p^T \Sigma(\lambda_A)\, u}{p^T u}, \qquad
        \Sigma(\lambda) = E\, (\lambda I - C)^{-1} G

    for predators and prey :math:`\Sigma = -B (\lambda I - C)^{-1} D`.  The next term, of fourth order, is the attribute
    `error`.
    A is the block of the population with the larger growth factor.

    Parameters
    ----------
    model : MatrixModel
        Linear, of two species.

    Returns
    -------
    GrowthFactor
        ``value``, ``error`` and ``exact``, dimensionless.

    Raises
    ------
    DeclarationError
        Unless there are two populations whose own growth factors differ.

    Examples
    --------
    >>> import symdyn as sd
    >>> found = sd.leslie.predator_prey(1.2, 0.1, 0.8, 0.1).growth_factor_approximation()
    >>> round(found.value, 9), round(found.error, 9), round(found.exact, 9)
    (1.175, -0.0015625, 1.173205081)
    """
    require_linear(model, "the approximation")
    names = list(model.species)
    if len(names) != 2:
        raise DeclarationError(f"the model has {len(names)} species ({', '.join(names)}); the approximation is for two")
    matrix = numeric(matrix_of(model))
    a = len(model.species[names[0]])
    blocks = [matrix[:a, :a], matrix[:a, a:], matrix[a:, :a], matrix[a:, a:]]
    own, other = (max(np.abs(np.linalg.eigvals(b))) for b in (blocks[0], blocks[3]))
    if abs(own - other) <= 1e-9 * max(own, other):
        raise DeclarationError(
            f"both species grow by the factor {own:.6g} of their own; the approximation needs factors that differ, "
            "since it divides by their difference"
        )
    A, E, G, C = blocks if own > other else (blocks[3], blocks[2], blocks[1], blocks[0])
    base = spectrum(MatrixModel(A))
    value, u, p = float(base.growth_factor), base.stable_structure.astype(float), base.reproductive_values.astype(float)
    p = p / (p @ u)
    inverse = np.linalg.inv(value * np.eye(len(C)) - C)
    sigma = E @ inverse @ G
    first = float(p @ sigma @ u)
    slope = -float(p @ E @ inverse @ inverse @ G @ u)
    # (lambda - A) has an inverse on the complement of its null space
    reduced = np.linalg.pinv(value * np.eye(len(A)) - A + np.outer(u, p)) - np.outer(u, p)
    second = slope * first + float(p @ sigma @ reduced @ sigma @ u)
    values = np.linalg.eigvals(matrix)  # the eigenvalue that continues that of A, which need not be the largest
    nearest = values[np.argmin(np.abs(values - value - first - second))]
    return GrowthFactor(value + first, second, float(nearest.real) if nearest.imag == 0 else complex(nearest))


def evolution(model: MatrixModel, initial: Any, steps: int) -> np.ndarray:
    """The numbers after a number of steps of a linear model, :math:`M^n z_0`, by repeated squaring.

    Parameters
    ----------
    model : MatrixModel
        Linear and not clamped.
    initial : mapping or sequence
        :math:`z_0`, individuals by stage.
    steps : int
        n, dimensionless.

    Returns
    -------
    (m,) array
        Individuals by stage; exact where the matrix and the numbers are.

    Raises
    ------
    DeclarationError
        If the model is not linear or is clamped, or `steps` is no integer from 0.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.evolution(sd.leslie.from_matrix([[1, 1], [1, 0]]), [1, 0], 100)[0]  # a Fibonacci number
    573147844013817084101
    """
    if not isinstance(steps, (int, np.integer)) or steps < 0:
        raise DeclarationError(f"steps is {steps!r}; expected a whole number from 0")
    require_linear(model, "a power of the matrix")
    if model.clamped:
        raise DeclarationError(
            "the evolution is a power of the matrix for linear models alone, and this one is clamped; simulate it"
        )
    matrix, n0 = matrix_of(model), row_of(model, initial)
    if exact(matrix) and n0.dtype == object:
        return as_array(matrix ** int(steps) * sp.Matrix(n0))[:, 0]
    return np.linalg.matrix_power(numeric(matrix), int(steps)) @ n0.astype(float)


def modes(model: MatrixModel, initial: Any) -> pd.DataFrame:
    r"""The solution as a sum over modes, :math:`z_n = \sum_k \lambda_k^n\, c_k v_k`.

    Parameters
    ----------
    model : MatrixModel
        Linear.
    initial : mapping or sequence
        :math:`z_0`, individuals by stage.

    Returns
    -------
    DataFrame
        A row for each eigenvalue, largest modulus first: ``eigenvalue`` and ``modulus`` (dimensionless), ``angle`` (radians per
        step), and :math:`c_k v_k` by stage (individuals, complex).

    Raises
    ------
    DeclarationError
        If the model is not linear, or the matrix has no complete set of eigenvectors.

    Examples
    --------
    >>> import symdyn as sd
    >>> table = sd.leslie.modes(sd.leslie.from_matrix([[0, 2], [1, 1]]), [3, 0])  # z_n = 2^n (1, 1) + (-1)^n (2, -1)
    >>> table.eigenvalue.round(9).tolist(), table[["n1", "n2"]].to_numpy().real.round(9).tolist()
    ([2.0, -1.0], [[1.0, 1.0], [2.0, -1.0]])
    """
    require_linear(model, "a sum over modes")
    matrix = numeric(matrix_of(model))
    values, vectors = np.linalg.eig(matrix)
    if np.linalg.cond(vectors) > 1e12:
        raise DeclarationError("the matrix has no full set of eigenvectors; see symdyn.leslie.evolution for its powers")
    weights = np.linalg.solve(vectors, row_of(model, initial).astype(complex))
    order = np.lexsort((-values.imag, -np.abs(values)))
    rows = [{"eigenvalue": values[k], "modulus": abs(values[k]), "angle": float(np.angle(values[k]))} for k in order]
    parts = (vectors * weights)[:, order].T
    return pd.DataFrame([row | dict(zip(model.names, part, strict=True)) for row, part in zip(rows, parts, strict=True)])


def complex_matrix(model: MatrixModel) -> sp.ImmutableDenseMatrix:
    """The matrix A + iB of a model that `complex_predator_prey` made.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    ImmutableDenseMatrix, (n, n)
        Of a model of 2 n stages; dimensionless.

    Raises
    ------
    DeclarationError
        If the blocks of the matrix are not those of one complex population.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.complex_matrix(sd.leslie.complex_predator_prey(2, 1))
    Matrix([[2 + I]])
    """
    n = len(model.states) // 2
    m = model.matrix
    A, B = m[:n, :n], m[n:, :n]
    if len(model.species) != 2 or 2 * n != len(model.states) or m[n:, n:] != A or m[:n, n:] != -B:
        raise DeclarationError("the matrix has no blocks [[A, -B], [B, A]], as symdyn.leslie.complex_predator_prey makes them")
    return sp.ImmutableDenseMatrix(A + sp.I * B)


def prey_gone_after(model: MatrixModel, initial: Any) -> float:
    r"""Time until the prey of a complex-valued model vanish, :math:`(\pi/2 \mp \arg \zeta_0) / |\theta|`.

    Here :math:`\theta` is the argument of the dominant eigenvalue of A + iB and :math:`\zeta_0` the component of the initial
    state along its eigenvector.

    Parameters
    ----------
    model : MatrixModel
        From `complex_predator_prey`.
    initial : mapping or sequence
        Individuals by stage.

    Returns
    -------
    float
        Steps; infinite if the dominant eigenvalue is positive.

    Raises
    ------
    DeclarationError
        If the blocks of the matrix are not those of one complex population.

    Examples
    --------
    >>> import symdyn as sd
    >>> model = sd.leslie.complex_predator_prey(1, 1)  # (1 + i)^2 = 2 i has the real part 0
    >>> round(sd.leslie.prey_gone_after(model, {"x": 1, "y": 0}), 9)
    2.0
    """
    matrix = np.array(complex_matrix(model).tolist(), dtype=complex)
    n = len(matrix)
    numbers = row_of(model, initial).astype(float)
    values, left = np.linalg.eig(matrix.T)
    k = int(np.argmax(np.abs(values)))
    _, right = np.linalg.eig(matrix)
    w = right[:, int(np.argmin(np.abs(np.linalg.eigvals(matrix) - values[k])))]
    along = (left[:, k] @ (numbers[:n] + 1j * numbers[n:])) / (left[:, k] @ w) * w.sum()
    angle, phase = float(np.angle(values[k])), float(np.angle(along))
    if abs(phase) >= np.pi / 2:
        return 0.0
    return float((np.pi / 2 - np.sign(angle) * phase) / abs(angle)) if angle else float("inf")
