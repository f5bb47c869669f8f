"""Sensitivity of the growth factor to entries of the matrix and to vital rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from symdyn.declaration import derivative
from symdyn.errors import DeclarationError
from symdyn.leslie._placeholders import determinant, short, tidied
from symdyn.leslie._stages import stage_index
from symdyn.leslie._values import as_array, matrix_of, numeric, simplest
from symdyn.leslie.spectrum import DominantEigenpair, simple, spectrum
from symdyn.models.matrix import MatrixModel

__all__ = ["elasticities", "gradient", "second_derivatives", "sensitivities", "vital_rates"]


def sensitivities(model: MatrixModel) -> np.ndarray:
    r"""Sensitivities of the growth factor to all entries of the matrix, also to those that are 0.

    .. math:: \frac{\partial \lambda}{\partial a_{ij}} = \frac{v_i w_j}{\langle v, w \rangle}

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    (n, n) array
        Dimensionless; exact where the model is.

    Raises
    ------
    DeclarationError
        If the growth factor is a multiple eigenvalue, which has no derivative.

    References
    ----------
    Caswell, Theoretical Population Biology 14 (1978) 215.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_matrix([[0, 2], [1, 1]]).sensitivities.tolist()  # v = (1, 2), w = (1, 1)
    [[1/3, 1/3], [2/3, 2/3]]
    """
    found = spectrum(model)
    return simplest(np.outer(found.reproductive_values, found.stable_structure) / _product(model, found))


def elasticities(model: MatrixModel) -> np.ndarray:
    r"""Elasticities of the growth factor, its proportional sensitivities, which add up to 1.

    .. math:: e_{ij} = \frac{a_{ij}}{\lambda} \frac{\partial \lambda}{\partial a_{ij}}

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    (n, n) array
        Dimensionless; exact where the model is.

    Raises
    ------
    DeclarationError
        If the growth factor is a multiple eigenvalue, which has no derivative.

    References
    ----------
    de Kroon, Plaisier, van Groenendael & Caswell, Ecology 67 (1986) 1427.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_matrix([[0, 2], [1, 1]]).elasticities.tolist()
    [[0, 1/3], [1/3, 1/3]]
    """
    s = sensitivities(model)
    entries = as_array(matrix_of(model)) if s.dtype == object else numeric(matrix_of(model))
    return simplest(s * entries / spectrum(model).growth_factor)


def second_derivatives(model: MatrixModel, i: Any, j: Any) -> np.ndarray:
    r"""Second derivatives of the growth factor by the entry (i, j) and every other.

    .. math:: \frac{\partial^2 \lambda}{\partial a_{ij} \partial a_{kl}} = s_{il} \sum_{m>1} \frac{s^{(m)}_{kj}}{\lambda -
        \lambda_m} + s_{kj} \sum_{m>1} \frac{s^{(m)}_{il}}{\lambda - \lambda_m}

    The sums are computed as entries of the group inverse of :math:`\lambda I - A`, so that other eigenvalues may be multiple.

    Parameters
    ----------
    model : MatrixModel
    i, j : Symbol, str or int
        Row and column: stages, or their numbers from 0.

    Returns
    -------
    (n, n) array
        For all k, l; dimensionless, exact where the model is.

    Raises
    ------
    DeclarationError
        If the growth factor is a multiple eigenvalue, or there is no such stage.

    References
    ----------
    Caswell, Theoretical Population Biology 49 (1996) 30.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> model = sd.leslie.from_matrix([[0, 4, 3], [sp.Rational(1, 2), 0, 0], [0, sp.Rational(1, 4), 0]])
    >>> model.second_derivatives("n2", "n1").tolist()
    [[144/6859, 1188/6859, 27/6859], [-9828/6859, 144/6859, -489/6859], [-5868/6859, 324/6859, -288/6859]]
    """
    row, column = stage_index(model, i), stage_index(model, j)
    if (matrix := matrix_of(model)).free_symbols and matrix.shape == (2, 2):
        return simplest(_by_closed_form(matrix, row, column))
    found = spectrum(model)
    v, w, c = found.reproductive_values, found.stable_structure, _product(model, found)
    inverse = _group_inverse(model, found)
    first = np.outer(inverse[column, :], v[row] * w / c)  # over k, l
    second = np.outer(v * w[column] / c, inverse[:, row])
    return simplest(first + second)


def vital_rates(model: MatrixModel, *, symbolic: bool = False) -> pd.DataFrame:
    r"""Derivatives of the growth factor by the parameters of the matrix.

    .. math:: \frac{d\lambda}{d\theta} = \frac{v^\top A_\theta w}{v^\top w} = -\frac{P_\theta}{P_\lambda}, \qquad
        P(\lambda, \theta) = \det(\lambda I - A)

    Parameters
    ----------
    model : MatrixModel
        A density-dependent one is taken at density 0; see `MatrixModel.at` for others.
    symbolic : bool
        Formulas in the parameters and the symbol ``lambda``, from the characteristic polynomial P (the frame has it in
        ``attrs["characteristic_polynomial"]``), instead of numbers.

    Returns
    -------
    pandas.DataFrame
        One row a parameter: ``value`` (where it has one), ``sensitivity`` :math:`d\lambda/d\theta`, ``elasticity``
        :math:`(\theta/\lambda)\, d\lambda/d\theta`, ``second_derivative`` :math:`d^2\lambda/d\theta^2`.

    Raises
    ------
    DeclarationError
        If the matrix has no parameters; if parameters have no values and numbers are asked for.

    References
    ----------
    Caswell, Matrix Population Models, 2nd ed. (2001), secs. 9.1.6 and 9.7; Morris & Doak, Quantitative Conservation Biology
    (2002), ch. 9.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> f, s, p = sp.symbols("f s p")
    >>> model = sd.leslie.from_matrix([[0, f], [s, p]], parameters={f: 1.2, s: 0.5, p: 0.4})
    >>> sd.leslie.vital_rates(model).round(4)
               value  sensitivity  elasticity  second_derivative
    parameter
    f            1.2       0.3125       0.375            -0.1221
    p            0.4       0.6250       0.250             0.2930
    s            0.5       0.7500       0.375            -0.7031
    >>> sd.leslie.vital_rates(model, symbolic=True).sensitivity["f"]
    -s/(-2*lambda + p)
    """
    parameters = [p for p in model.parameters if p in model.matrix.free_symbols]
    if not parameters:
        raise DeclarationError(
            "the entries of the matrix depend on no parameter; declare vital rates as symbols, or see model.sensitivities"
        )
    rows = _formulas(model, parameters) if symbolic else _numbers(model, parameters)
    values = [model.defaults.get(p, np.nan) for p in parameters]
    frame = pd.DataFrame(rows, columns=["sensitivity", "elasticity", "second_derivative"])
    frame.insert(0, "value", values)
    frame.index = pd.Index([p.name for p in parameters], name="parameter")
    if symbolic:
        frame.attrs["characteristic_polynomial"] = _polynomial(model)[1]
    return frame


def gradient(model: MatrixModel, parameters: list[sp.Symbol]) -> np.ndarray:
    r""":math:`d\lambda / d\theta` of each parameter at its value, (k,)."""
    return np.array([row[0] for row in _numbers(model, parameters)])


def _numbers(model: MatrixModel, parameters: list[sp.Symbol]) -> list[tuple[float, float, float]]:
    numeric(matrix_of(model))  # every parameter has a value
    found = spectrum(model)
    v, w = np.asarray(found.reproductive_values) / _product(model, found), np.asarray(found.stable_structure)
    inverse = _group_inverse(model, found)
    rows = []
    for p in parameters:
        once = _matrix_derivative(model, p, 1)
        twice = _matrix_derivative(model, p, 2)
        first = v @ once @ w
        second = v @ twice @ w + 2 * (v @ once @ inverse @ once @ w)
        rows.append((first, first * model.defaults[p] / found.growth_factor, second))
    return rows


def _formulas(model: MatrixModel, parameters: list[sp.Symbol]) -> list[tuple[sp.Expr, ...]]:
    growth, polynomial = _polynomial(model)
    slope = sp.diff(polynomial, growth)
    rows = []
    for p in parameters:
        change = derivative(polynomial, p)
        first = -change / slope
        second = -(derivative(change, p) + 2 * sp.diff(change, growth) * first + sp.diff(slope, growth) * first**2) / slope
        rows.append(tuple(tidied(e) for e in (first, p * first / growth, second)))
    return rows


def _polynomial(model: MatrixModel) -> tuple[sp.Symbol, sp.Expr]:
    """The symbol of the growth factor and the characteristic polynomial in it, at density 0."""
    bare = model.replace(defaults={})
    growth = sp.Symbol("lambda" if all(p.name != "lambda" for p in model.parameters) else "lambda_")
    polynomial = determinant(growth * sp.eye(len(model.states)) - matrix_of(bare))
    return growth, sp.expand(polynomial) if short(polynomial) else polynomial


def _matrix_derivative(model: MatrixModel, parameter: sp.Symbol, order: int) -> np.ndarray:
    """The entries differentiated by a parameter, at its value, (n, n)."""
    matrix = matrix_of(model.replace(defaults={}))
    for _ in range(order):
        matrix = matrix.applyfunc(lambda e: derivative(e, parameter))
    return np.array(matrix.xreplace({p: sp.Float(v, 17) for p, v in model.defaults.items()}).tolist(), dtype=float)


def _by_closed_form(matrix: sp.Matrix, i: int, j: int) -> np.ndarray:
    """Second derivatives of the larger root of a quadratic, for two stages whose rates are symbols."""
    a, b, c, d = sp.symbols("a b c d", positive=True)
    general = sp.Matrix([[a, b], [c, d]])
    growth = (a + d + sp.sqrt((a - d) ** 2 + 4 * b * c)) / 2
    values = dict(zip(general, matrix, strict=True))
    return as_array(general.applyfunc(lambda e: growth.diff(general[i, j]).diff(e)).xreplace(values))


def _group_inverse(model: MatrixModel, found: DominantEigenpair) -> np.ndarray:
    r""":math:`(\lambda I - A + P)^{-1} - P` with the projection :math:`P = w v^\top / \langle v, w \rangle`."""
    projection = np.outer(found.stable_structure, found.reproductive_values) / _product(model, found)
    n = len(projection)
    if projection.dtype != object:
        return np.linalg.inv(found.growth_factor * np.eye(n) - numeric(matrix_of(model)) + projection) - projection
    shifted = found.growth_factor * sp.eye(n) - matrix_of(model) + sp.Matrix(projection.tolist())
    if shifted.free_symbols:
        return as_array(shifted.inv()) - projection
    return as_array(shifted.to_DM(extension=True).inv().to_Matrix()) - projection


def _product(model: MatrixModel, found: DominantEigenpair) -> Any:
    """The product of both eigenvectors; an error if the growth factor is not differentiable."""
    if not simple(model):
        raise DeclarationError(
            f"the growth factor {float(found.growth_factor):.6g} is a multiple eigenvalue, which has no derivative; "
            "symdyn.leslie.blocks(model) shows the blocks of equal growth"
        )
    return (found.reproductive_values * found.stable_structure).sum()
