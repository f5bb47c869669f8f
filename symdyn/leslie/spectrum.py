"""Growth factor, stable structure and reproductive values: exact, as formulas, or in floats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.linalg
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.leslie._values import as_array, exact, matrix_of, numeric, simplest
from symdyn.models.matrix import MatrixModel

__all__ = [
    "DominantEigenpair",
    "damping_ratio",
    "eigenvalues",
    "growth_factor",
    "reproductive_values",
    "simple",
    "spectrum",
    "stable_structure",
]

#: Relative difference of moduli below which eigenvalues count as equally large.
EQUAL = 1e-10
#: Largest number of stages for closed forms with square roots.
FEW = 8


@dataclass(frozen=True)
class DominantEigenpair:
    """The dominant eigenvalue and its eigenvectors.

    Attributes
    ----------
    growth_factor : number
    stable_structure, reproductive_values : (n,) array
        Right eigenvector, adding up to 1; left eigenvector, the first entry that is not 0 at 1.
    """

    growth_factor: Any
    stable_structure: np.ndarray
    reproductive_values: np.ndarray


@lru_cache(maxsize=64)
def spectrum(model: MatrixModel) -> DominantEigenpair:
    """The dominant eigenvalue of A with its eigenvectors.

    Raises
    ------
    DeclarationError
        If parameters have no values and there is no short formula; if all eigenvalues of A are 0.
    """
    matrix = matrix_of(model)
    if matrix.free_symbols or exact(matrix):
        found = _closed_form(matrix)
        if found is not None:
            return found
    return _in_floats(numeric(matrix))


def growth_factor(model: MatrixModel) -> Any:
    r"""The dominant eigenvalue :math:`\lambda` of A, the asymptotic growth per step.

    Of a matrix with negative entries it is the eigenvalue of largest modulus, which may be complex.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    number or Expr
        Dimensionless; exact where the matrix is and the eigenvalue has a short closed form.

    Raises
    ------
    DeclarationError
        If all eigenvalues are 0, or parameters have no values and there is no short formula.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_matrix([[0, 2], [1, 1]]).growth_factor  # (x - 2) (x + 1)
    2
    """
    return spectrum(model).growth_factor


def stable_structure(model: MatrixModel) -> np.ndarray:
    r"""Right eigenvector w of the growth factor, scaled to a sum of 1: the asymptotic shares of the stages.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    (n,) array
        Dimensionless; exact where the model is.

    Raises
    ------
    DeclarationError
        As `growth_factor`.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_matrix([[0, 2], [1, 1]]).stable_structure.tolist()
    [1/2, 1/2]
    """
    return spectrum(model).stable_structure


def reproductive_values(model: MatrixModel) -> np.ndarray:
    r"""Left eigenvector v of the growth factor, relative to its first entry that is not 0.

    An individual of stage j contributes :math:`v_j` times as much to the asymptotic population as a newborn.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    (n,) array
        Dimensionless; exact where the model is.

    Raises
    ------
    DeclarationError
        As `growth_factor`.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_matrix([[0, 2], [1, 1]]).reproductive_values.tolist()
    [1, 2]
    """
    return spectrum(model).reproductive_values


def eigenvalues(model: MatrixModel) -> np.ndarray:
    """All eigenvalues of A, largest modulus first; of equal moduli the largest real part first.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    (n,) complex128
        Dimensionless.

    Raises
    ------
    DeclarationError
        If parameters have no values.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_matrix([[0, 2], [1, 1]]).eigenvalues.real.round(9).tolist()
    [2.0, -1.0]
    """
    found = np.linalg.eigvals(numeric(matrix_of(model))).astype(complex)
    size = np.abs(found)
    rounded = np.where(size >= (1 - EQUAL) * size.max(initial=0), size.max(initial=0), size)
    return found[np.lexsort((-found.imag, -found.real, -rounded))]


def damping_ratio(model: MatrixModel) -> float:
    r"""Damping ratio :math:`\lambda_1 / |\lambda_2|`, with eigenvalues counted by multiplicity.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    float
        Dimensionless; infinite if all other eigenvalues are 0.

    Raises
    ------
    DeclarationError
        If parameters have no values.

    Examples
    --------
    >>> import symdyn as sd
    >>> round(sd.leslie.from_matrix([[0, 2], [1, 1]]).damping_ratio, 9)
    2.0
    """
    sizes = np.abs(eigenvalues(model))
    if len(sizes) == 1 or sizes[1] <= EQUAL * sizes[0]:
        return float("inf")
    return 1.0 if sizes[1] >= (1 - EQUAL) * sizes[0] else float(sizes[0] / sizes[1])


def simple(model: MatrixModel) -> bool:
    """Whether the growth factor is a simple eigenvalue; formulas are taken to be."""
    if matrix_of(model).free_symbols:
        return True
    found = spectrum(model)
    value, v, w = (
        np.asarray(x).astype(complex) for x in (found.growth_factor, found.reproductive_values, found.stable_structure)
    )
    close = np.abs(eigenvalues(model) - value) <= EQUAL * abs(value)
    return bool(close.sum() <= 1 and abs((v * w).sum()) > EQUAL * np.linalg.norm(v) * np.linalg.norm(w))


def _in_floats(matrix: np.ndarray) -> DominantEigenpair:
    values, left, right = scipy.linalg.eig(matrix, left=True, right=True)
    sizes = np.abs(values)
    if sizes.max() == 0:
        raise DeclarationError("all eigenvalues are 0: the population vanishes, and no structure is stable")
    largest = np.flatnonzero(sizes >= (1 - EQUAL) * sizes.max())
    k = max(largest, key=lambda i: (values[i].real, values[i].imag))
    value, w, v = values[k], right[:, k], left[:, k].conj()
    w, v = _scaled(w, v)
    if np.iscomplexobj(value) and value.imag == 0:
        value = value.real
    if not np.iscomplexobj(value) or value.imag == 0:
        return DominantEigenpair(float(np.real(value)), np.real(w), np.real(v))
    return DominantEigenpair(complex(value), w, v)


def _scaled(w: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Structure of total 1, reproductive values with the first at 1; rounding errors become zeros."""
    w = np.where(np.abs(w) > 1e-14 * np.abs(w).max(), w, 0.0)
    v = np.where(np.abs(v) > 1e-14 * np.abs(v).max(), v, 0.0)
    total = w.sum()
    w = w / (total if abs(total) > EQUAL * np.abs(w).max() else w[np.flatnonzero(w)[0]])
    return w, v / v[np.flatnonzero(v)[0]]


def _closed_form(matrix: sp.Matrix) -> DominantEigenpair | None:
    """Eigenvalue and vectors without floats, or None where they are roots of polynomials of degree three or more."""
    value = _dominant(matrix)
    if value is None:
        return None
    right, left = _null_vector(matrix, value), _null_vector(matrix.T, value)
    if right is None or left is None:
        return None
    w, v = simplest(as_array(sp.Matrix(right)))[:, 0], simplest(as_array(sp.Matrix(left)))[:, 0]
    first = next(e for e in v if e != 0)
    return DominantEigenpair(value, simplest(w / sum(w)), simplest(v / first))


def _dominant(matrix: sp.Matrix) -> sp.Expr | None:
    n = matrix.shape[0]
    if not exact(matrix):  # formulas: the larger root of a quadratic, positive rates assumed
        if n > 2 or any(e.has(sp.Float) for e in matrix):
            return None
        if n == 1:
            return matrix[0, 0]
        return (matrix.trace() + sp.sqrt(sp.expand((matrix[0, 0] - matrix[1, 1]) ** 2 + 4 * matrix[0, 1] * matrix[1, 0]))) / 2
    x = sp.Symbol("x")
    factors = sp.Poly(matrix.charpoly(x).as_expr(), x, domain="QQ").factor_list()[1]
    best: tuple[float, float, float] = (-1.0, 0.0, 0.0)
    chosen: sp.Expr | None = None
    for factor, _ in factors:
        for root, closed in _roots(factor, n):
            size = abs(root)
            if size > best[0] * (1 + EQUAL) or (size > best[0] * (1 - EQUAL) and (root.real, root.imag) > best[1:]):
                best, chosen = (size, root.real, root.imag), closed
    if best[0] == 0:
        raise DeclarationError("all eigenvalues are 0: the population vanishes, and no structure is stable")
    return chosen


def _roots(factor: sp.Poly, n: int) -> list[tuple[complex, sp.Expr | None]]:
    """Roots of an irreducible factor in floats, each with its closed form if that is short."""
    numbers = [complex(r) for r in np.roots([float(c) for c in factor.all_coeffs()])]
    if factor.degree() > 2 or n > FEW:
        return [(r, None) for r in numbers] if factor.degree() > 1 else [(numbers[0], sp.roots(factor, multiple=True)[0])]
    return [(complex(root), root) for root in sp.roots(factor, multiple=True)]


def _null_vector(matrix: sp.Matrix, value: sp.Expr) -> list[sp.Expr] | None:
    r"""The eigenvector of a simple eigenvalue: a column of the adjugate of :math:`\lambda I - A` that is not 0."""
    n = matrix.shape[0]
    if value.is_Rational:
        found = (matrix - value * sp.eye(n)).nullspace()
        return list(found[0]) if len(found) == 1 else None
    shifted = value * sp.eye(n) - matrix
    for row in range(n):  # cofactors along a row solve the equations, since the determinant vanishes
        entries = [sp.expand(shifted.cofactor(row, k)) for k in range(n)]
        if any(not _vanishes(e) for e in entries):
            return entries
    return None


def _vanishes(e: sp.Expr) -> bool:
    return bool(e == 0 or (not e.free_symbols and abs(complex(e)) < 1e-12))
