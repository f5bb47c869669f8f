"""Demography of a cohort: time in each stage, life expectancy, lifetime reproduction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.leslie._placeholders import inverse, tidied
from symdyn.leslie._values import as_array, exact, fecundity_of, matrix_of, numeric
from symdyn.leslie.spectrum import FEW, spectrum
from symdyn.leslie.structure import classes_of
from symdyn.models.matrix import MatrixModel

__all__ = ["fundamental_matrix", "life_expectancy", "net_reproductive_rate", "next_generation"]

#: Spectral radius of T from which on I - T counts as singular.
SINGULAR = 1 - 1e-12


def fundamental_matrix(model: MatrixModel) -> np.ndarray:
    r"""The fundamental matrix :math:`N = I + T + T^2 + \ldots = (I - T)^{-1}`: mean numbers of steps in each stage.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    (n, n) array
        Entry (i, j): steps in stage i, the present one included, of an individual in stage j.  Exact where T is, formulas
        where parameters have no values.

    Raises
    ------
    DeclarationError
        If T has an eigenvalue of 1 or more, so that lifetimes have no mean; if entries are negative, or survival is above 1; if
        it is not known which entries are reproduction, see `MatrixModel`.

    References
    ----------
    Caswell, Matrix Population Models, 2nd ed. (2001), sec. 5.3.1.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> model = sd.leslie.from_life_table([0, 4, 3], [sp.Rational(1, 2), sp.Rational(1, 4), sp.Rational(1, 5)])
    >>> sd.leslie.fundamental_matrix(model).tolist()
    [[1, 0, 0], [1/2, 1, 0], [5/32, 5/16, 5/4]]
    """
    transitions = matrix_of(model, "transitions")
    n = transitions.shape[0]
    check_rates(model)
    few = n <= FEW and sum(e != 0 for e in transitions) <= 3 * n  # formulas of dense matrices are too long to be of use
    if exact(transitions) or (transitions.free_symbols and few):
        _check_mortal(model, transitions)
        return as_array(inverse(sp.eye(n) - sp.Matrix(transitions)))
    _check_mortal(model, sp.Matrix(transitions))
    return np.linalg.inv(np.eye(n) - numeric(transitions))


def life_expectancy(model: MatrixModel) -> pd.DataFrame:
    r"""Mean and variance of the remaining lifetime of individuals of each stage, in steps, the present one included.

    .. math:: \bar\eta = \mathbf 1^\top N, \qquad
        \operatorname{var} \eta = \mathbf 1^\top (2 N^2 - N) - \bar\eta \circ \bar\eta

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    pandas.DataFrame
        By ``stage``: ``mean``, ``variance``, ``standard_deviation``.

    Raises
    ------
    DeclarationError
        If entries without a value remain where the formula is too long, or vital rates hold random numbers, depend on
        time or are not finite.

    References
    ----------
    Caswell, Matrix Population Models, 2nd ed. (2001), sec. 5.3.1; Ecology 90 (2009) 3109.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.life_expectancy(sd.leslie.from_matrix([[0, 4], [0.5, 0.75]]))
           mean  variance  standard_deviation
    stage
    n1      3.0      10.0            3.162278
    n2      4.0      12.0            3.464102
    """
    N = _floats(model)
    mean = N.sum(axis=0)
    variance = (2 * N @ N - N).sum(axis=0) - mean**2
    return pd.DataFrame(
        {"mean": mean, "variance": variance, "standard_deviation": np.sqrt(np.maximum(variance, 0.0))},
        index=pd.Index(model.names, name="stage"),
    )


def net_reproductive_rate(model: MatrixModel) -> Any:
    r"""Net reproductive rate :math:`R_0 = \rho(F (I - T)^{-1})`: the growth factor from one generation to the next.

    It is larger than 1 if and only if the population grows.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    number or Expr
        Offspring per individual and lifetime; a formula if parameters have no values and there is one kind of newborns.

    Raises
    ------
    DeclarationError
        As `fundamental_matrix`.

    References
    ----------
    Cushing & Yicang, Natural Resource Modeling 8 (1994) 297.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_life_table([0, 4, 3], [0.5, 0.25]).net_reproductive_rate  # 0.5 * 4 + 0.5 * 0.25 * 3
    2.375
    """
    generation, rows = next_generation(model)
    if not rows or not (generation != 0).any():
        return sp.S.Zero if generation.dtype == object else 0.0
    if len(rows) == 1:
        return generation[0, 0] if generation.dtype == object else float(generation[0, 0])
    if generation.dtype == object:
        return _radius(generation)
    return float(np.abs(np.linalg.eigvals(generation)).max())


def next_generation(model: MatrixModel) -> tuple[np.ndarray, list[int]]:
    """Lifetime offspring of each kind by kind of newborn, (k, k), and the k stages into which individuals are born."""
    fecundity = fecundity_of(model)
    rows = [i for i in range(fecundity.shape[0]) if any(e != 0 for e in fecundity[i, :])]
    N = fundamental_matrix(model)
    if fecundity.free_symbols and N.dtype != object and len(rows) != 1:
        numeric(fecundity)  # raises, naming the parameters that have no value
    if exact(fecundity) or fecundity.free_symbols:
        found = as_array(fecundity)[rows, :] @ N[:, rows]
        if all(expression(e).is_Float for e in found.flat):
            return found.astype(float), rows
        return _each(tidied, found) if N.dtype == object else found, rows
    return numeric(fecundity)[rows, :] @ np.asarray(N, dtype=float)[:, rows], rows


def _each(function: Callable[[Any], Any], values: np.ndarray) -> np.ndarray:
    found = np.empty_like(values)
    for index in np.ndindex(*values.shape):
        found[index] = function(expression(values[index]))
    return found


def _radius(generation: np.ndarray) -> Any:
    """The dominant eigenvalue of an exact or symbolic matrix; 0 if it is nilpotent."""
    try:
        return spectrum(MatrixModel(sp.Matrix(generation.tolist()))).growth_factor
    except DeclarationError:
        if not classes_of(generation != 0) or all(
            len(c) == 1 and generation[c[0], c[0]] == 0 for c in classes_of(generation != 0)
        ):
            return sp.S.Zero
        raise


def _floats(model: MatrixModel) -> np.ndarray:
    """The fundamental matrix in floats, (n, n)."""
    numeric(matrix_of(model, "transitions"))
    return np.asarray(fundamental_matrix(model), dtype=float)


def check_rates(model: MatrixModel) -> None:
    """Refuse transitions that are no probabilities, of which those out of a stage add up to at most 1, and negative fecundity.

    Parameters without value may have any.

    Raises
    ------
    DeclarationError
        Naming the stage; usually an entry of reproduction is declared as survival.
    """
    transitions, fecundity = matrix_of(model, "transitions"), fecundity_of(model)
    for j, name in enumerate(model.names):
        rates = [float(e) for e in transitions.col(j) if not e.free_symbols]
        if min(rates, default=0.0) < 0 or sum(rates) > 1 + 1e-9:
            raise DeclarationError(
                f"the transitions out of the stage {name} add up to {sum(rates):.6g} or are negative; expected "
                "probabilities, of at most 1 in total; if part of these entries is reproduction, declare it: fecundity=..."
            )
        births = [e for e in fecundity.col(j) if not e.free_symbols and e < 0]
        if births:
            raise DeclarationError(
                f"the fecundity of the stage {name} has the entry {births[0]}; expected numbers of offspring, 0 or more"
            )


def _check_mortal(model: MatrixModel, transitions: sp.Matrix) -> None:
    n = transitions.shape[0]
    for members in classes_of(np.array([e != 0 for e in transitions]).reshape(n, n)):
        block = transitions.extract(members, members)
        if block.free_symbols:
            continue
        radius = np.abs(np.linalg.eigvals(numeric(block))).max()
        if radius >= SINGULAR:
            names = ", ".join(model.names[i] for i in members)
            raise DeclarationError(
                f"there is no mortality in {names} (T has the eigenvalue {radius:.6g} there), so lifetimes have no mean; "
                "if part of these entries is reproduction, declare it: fecundity=..."
            )
