"""A matrix divided by its growth factor, and the limit of its powers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.linalg

from symdyn.errors import DeclarationError
from symdyn.leslie._values import as_array, exact, matrix_of, numeric
from symdyn.leslie.spectrum import spectrum
from symdyn.leslie.structure import classes_of, loops
from symdyn.models.matrix import MatrixModel

__all__ = ["Standardised", "bounded", "column_sums", "limit_of_mean", "positive_growth", "standardised"]

#: Singular values of A^d - I, relative to the largest, below which they are zeros.
ZERO = 1e-9


@dataclass(frozen=True)
class Standardised:
    r"""The powers of :math:`\hat A = A / \lambda`.

    Attributes
    ----------
    matrix : (n, n) array
        :math:`\hat A` in floats.
    period : int
        d, the period of the part that does not decay.
    limit : (n, n) array or None
        :math:`J = \lim_m \hat A^{dm}`; None if there is no such limit, since sizes grow faster than :math:`\lambda^t`.
    """

    matrix: np.ndarray
    period: int
    limit: np.ndarray | None


def positive_growth(model: MatrixModel) -> Any:
    """The growth factor, if transients are defined relative to it.

    Raises
    ------
    DeclarationError
        If it is negative or complex.
    """
    growth = spectrum(model).growth_factor
    if isinstance(growth, (int, float)) and growth > 0:
        return growth
    if isinstance(growth, (int, float, complex)) or not growth.is_positive:
        if getattr(growth, "free_symbols", None):
            numeric(matrix_of(model))
        raise DeclarationError(
            f"the growth factor is {complex(growth):.6g}, not a positive number: sizes have no stable growth to be "
            "compared with; transients need a matrix without, or with small, negative entries"
        )
    return growth


def column_sums(model: MatrixModel) -> np.ndarray:
    """Growth in the first step of a population in each stage, relative to the growth factor, (n,); exact where possible."""
    growth = positive_growth(model)
    matrix = matrix_of(model)
    if exact(matrix) and getattr(growth, "is_Rational", False):
        return as_array(matrix).sum(axis=0) / growth
    return numeric(matrix).sum(axis=0) / float(growth)


@lru_cache(maxsize=64)
def standardised(model: MatrixModel) -> Standardised:
    """The matrix over its growth factor, the period of what remains of its powers, and their limit."""
    matrix = numeric(matrix_of(model)) / float(positive_growth(model))
    arrows = matrix != 0
    period = 1
    for members in classes_of(arrows):
        inside = matrix[np.ix_(members, members)]
        if np.abs(np.linalg.eigvals(inside)).max() >= 1 - ZERO:
            period = math.lcm(period, max(loops(inside != 0), 1))
    return Standardised(matrix, period, _limit(np.linalg.matrix_power(matrix, period)))


def bounded(form: Standardised) -> np.ndarray:
    """The limit of the powers.

    Raises
    ------
    DeclarationError
        If there is none.
    """
    if form.limit is None:
        raise DeclarationError(
            "a block of the life cycle feeds another of the same growth factor, so sizes grow faster than its powers and "
            "are unbounded relative to them; symdyn.leslie.blocks(model) shows the blocks"
        )
    return form.limit


def limit_of_mean(form: Standardised) -> np.ndarray:
    """The projection on the eigenvalue 1: the asymptotic mean of the powers over a period."""
    limit = bounded(form)
    powers = [np.linalg.matrix_power(form.matrix, k) @ limit for k in range(form.period)]
    return np.mean(powers, axis=0)


def _limit(power: np.ndarray) -> np.ndarray | None:
    """The projection on the eigenspace of 1 of a matrix of spectral radius 1; None if its powers do not converge."""
    u, sizes, vt = scipy.linalg.svd(power - np.eye(len(power)))
    kept = sizes <= ZERO * max(sizes[0], 1.0)
    right, left = vt[kept].T, u[:, kept].T
    gram = left @ right
    if not kept.any() or np.linalg.svd(gram, compute_uv=False).min() <= ZERO:
        return None
    projection = right @ np.linalg.solve(gram, left)
    return np.where(np.abs(projection) > 1e-14 * np.abs(projection).max(), projection, 0.0)
