"""Distance of a population from its stable structure, and the time of convergence."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.leslie._stages import shares
from symdyn.leslie._standardised import positive_growth
from symdyn.leslie._values import matrix_of, numeric, plain
from symdyn.leslie.spectrum import simple, spectrum
from symdyn.leslie.structure import irreducible, primitive
from symdyn.models.matrix import MatrixModel

__all__ = ["cohen_distance", "convergence_time", "keyfitz_delta"]


def keyfitz_delta(model: MatrixModel, initial: Any) -> Any:
    r"""Keyfitz's distance between a structure and the stable one, :math:`\Delta = \tfrac12 \sum_i |\hat n_i - w_i|`.

    Parameters
    ----------
    model : MatrixModel
    initial : mapping or sequence
        Individuals by stage.

    Returns
    -------
    number
        Between 0 and 1; exact where the model and the numbers are.

    Raises
    ------
    DeclarationError
        If the growth factor is not positive, or the population has no individuals.

    References
    ----------
    Keyfitz, Introduction to the Mathematics of Population (1968), p. 47.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> model = sd.leslie.from_matrix([[0, 4, 3], [sp.Rational(1, 2), 0, 0], [0, sp.Rational(1, 4), 0]])
    >>> sd.leslie.keyfitz_delta(model, [1, 0, 0])
    7/25
    """
    positive_growth(model)
    n, w = shares(model, initial), spectrum(model).stable_structure
    distance = abs(n - w).sum() / 2
    return plain(distance)


def cohen_distance(model: MatrixModel, initial: Any) -> float:
    r"""Cohen's cumulative distance between a population and its stable equivalent.

    .. math:: D_1 = \sum_i \Bigl| \sum_{t=0}^\infty \bigl(\hat A^t - w v^\top\bigr) \hat n \Bigr|_i
        = \sum_i \bigl| \bigl[(I + w v^\top - \hat A)^{-1} - w v^\top\bigr] \hat n \bigr|_i, \qquad v^\top w = 1

    Of an imprimitive matrix the sum over time is its mean over a period.

    Parameters
    ----------
    model : MatrixModel
    initial : mapping or sequence
        Individuals by stage.

    Returns
    -------
    float
        Dimensionless, from 0.

    Raises
    ------
    DeclarationError
        If the growth factor is a multiple eigenvalue.

    References
    ----------
    Cohen, SIAM Journal on Applied Mathematics 36 (1979) 169.

    Examples
    --------
    >>> import symdyn as sd
    >>> model = sd.leslie.from_matrix([[0, 2], [1, 1]])  # (1, 0) = (1, 1)/3 + (2, -1)/3, of 1 and -1/2
    >>> round(sd.leslie.cohen_distance(model, [1, 0]), 9)  # (|2| + |-1|)/3 / (1 + 1/2)
    0.666666667
    >>> round(sd.leslie.cohen_distance(model, model.stable_structure), 9)
    0.0
    """
    growth = float(positive_growth(model))
    found = spectrum(model)
    w, v = np.asarray(found.stable_structure, dtype=float), np.asarray(found.reproductive_values, dtype=float)
    if not simple(model):
        raise DeclarationError(
            f"the growth factor {growth:.6g} is a multiple eigenvalue, so there is no unique stable structure; "
            "symdyn.leslie.blocks(model) shows the blocks of equal growth"
        )
    n = np.asarray(shares(model, initial), dtype=float)
    w = w / w.sum()
    projection = np.outer(w, v) / (v @ w)
    inverse = np.linalg.inv(np.eye(len(n)) + projection - numeric(matrix_of(model)) / growth)
    return float(np.abs((inverse - projection) @ n).sum())


def convergence_time(
    model: MatrixModel, initial: Any = None, *, accuracy: float = 1e-2, steps: int = 100_000
) -> int | np.ndarray:
    r"""The first of 10 n steps in a row in which growth is within a share of :math:`\lambda`.

    .. math:: \min \{ t \ge 1 : (1 - \epsilon) \lambda < N(k) / N(k - 1) < (1 + \epsilon) \lambda
        \text{ for } k = t, \ldots, t + 10 n - 1 \}

    Parameters
    ----------
    model : MatrixModel
    initial : mapping or sequence, optional
        Individuals by stage; each stage alone unless given.
    accuracy : float
        :math:`\epsilon`, between 0 and 1, dimensionless.
    steps : int
        Largest number of steps.

    Returns
    -------
    int, or (n,) array of int
        An array, by the stage in which all individuals begin, unless `initial` is given.

    Raises
    ------
    DeclarationError
        If growth does not converge within `steps`: the matrix is imprimitive, or an initial structure leads to other growth.

    References
    ----------
    Stott, Townley & Hodgson, Ecology Letters 14 (2011) 959.

    Examples
    --------
    >>> import symdyn as sd
    >>> model = sd.leslie.from_matrix([[0, 1, 2], [0.5, 0.1, 0], [0, 0.6, 0.6]])
    >>> sd.leslie.convergence_time(model, model.stable_structure)
    1
    """
    if not 0 < accuracy < 1:
        raise DeclarationError(f"the accuracy is {accuracy!r}; expected a number between 0 and 1, such as 0.01")
    growth = float(positive_growth(model))
    if irreducible(model) and not primitive(model):
        raise DeclarationError(
            "the matrix is imprimitive: growth oscillates with the period of its loops and does not converge"
        )
    matrix, n = numeric(matrix_of(model)), len(model.states)
    starts = np.eye(n) if initial is None else [np.asarray(shares(model, initial), dtype=float)]
    times = []
    for j, start in enumerate(starts):
        whence = "this initial structure" if initial is not None else f"individuals of the stage {model.names[j]}"
        times.append(_convergence_step(matrix / growth, start, accuracy, steps, whence))
    return times[0] if initial is not None else np.array(times)


def _convergence_step(matrix: np.ndarray, numbers: np.ndarray, accuracy: float, steps: int, whence: str) -> int:
    run, needed = 0, 10 * len(matrix)
    for t in range(1, steps + needed):
        numbers = matrix @ numbers
        factor = numbers.sum()
        if not factor > 0:
            raise DeclarationError(f"the total from {whence} is 0 after {t} steps: its growth does not converge")
        numbers = numbers / factor
        run = run + 1 if 1 - accuracy < factor < 1 + accuracy else 0
        if run == needed:
            return t - needed + 1
    raise DeclarationError(
        f"the growth of {whence} is not within {accuracy:g} of the growth factor after {steps} steps; "
        "give a larger accuracy or more steps, and see symdyn.leslie.blocks(model)"
    )
