"""Factors in which matrices differ, their entries or their parameters, and the growth factor as a function of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.leslie._values import matrix_of, numeric
from symdyn.leslie.perturbation import gradient, sensitivities
from symdyn.models.matrix import MatrixModel

__all__ = ["Entries", "Parameters", "growths", "labelled_models"]


class Entries:
    """All entries of the matrices, column by column, called ``from -> to``."""

    def __init__(self, models: Sequence[MatrixModel]) -> None:
        self.model = models[0]
        for m in models[1:]:
            if m.names != self.model.names:
                raise DeclarationError(
                    f"the models have different stages, {', '.join(self.model.names)} and {', '.join(m.names)}; "
                    "expected the same in the same order"
                )
        names = self.model.names
        self.labels = [f"{a} -> {b}" for a in names for b in names]
        self.points = np.array([numeric(matrix_of(m)).T.ravel() for m in models])

    def matrices(self, points: np.ndarray) -> np.ndarray:
        """(m, n, n) from (m, k)."""
        n = len(self.model.states)
        return points.reshape(-1, n, n).transpose(0, 2, 1)

    def gradient(self, point: np.ndarray) -> np.ndarray:
        """Derivatives of the growth factor, (k,)."""
        matrix = self.matrices(point[None])[0]
        return np.asarray(sensitivities(MatrixModel(matrix, self.model.states)), dtype=float).T.ravel()


class Parameters:
    """The parameters of one symbolic matrix, which the models share."""

    def __init__(self, models: Sequence[MatrixModel]) -> None:
        self.model = models[0]
        if any(m.matrix != self.model.matrix or m.states != self.model.states for m in models[1:]):
            raise DeclarationError(
                "the models have different matrices; contributions of parameters need one matrix of vital rates with other "
                'values, model.with_parameters(...); or by="entries"'
            )
        self.symbols = [p for p in self.model.parameters if p in self.model.matrix.free_symbols]
        if not self.symbols:
            raise DeclarationError('the matrix holds no parameters; declare vital rates as symbols, or by="entries"')
        for m in models:
            numeric(matrix_of(m))  # raises, naming parameters without value
        self.labels = [p.name for p in self.symbols]
        self.points = np.array([[m.defaults[p] for p in self.symbols] for m in models])
        bare = matrix_of(self.model.replace(defaults={}))
        self._entries = sp.lambdify(self.symbols, list(bare), "numpy", cse=True)

    def matrices(self, points: np.ndarray) -> np.ndarray:
        """(m, n, n) from (m, k)."""
        n = len(self.model.states)
        rows = [np.broadcast_to(e, len(points)) for e in self._entries(*points.T)]
        return np.array(rows, dtype=float).T.reshape(-1, n, n)

    def gradient(self, point: np.ndarray) -> np.ndarray:
        """Derivatives of the growth factor, (k,)."""
        return gradient(self.model.with_parameters(dict(zip(self.symbols, point.tolist(), strict=True))), self.symbols)


def growths(matrices: np.ndarray) -> np.ndarray:
    """Growth factors of matrices, (m,) from (m, n, n): the eigenvalue of largest modulus, of equal ones the largest real one.

    Raises
    ------
    DeclarationError
        If one is complex.
    """
    values = np.linalg.eigvals(matrices)
    sizes = np.abs(values)
    close = sizes >= (1 - 1e-10) * sizes.max(axis=1, keepdims=True)
    place = np.where(close, values.real, -np.inf).argmax(axis=1)
    found = values[np.arange(len(values)), place]
    if (np.abs(found.imag) > 1e-8 * np.abs(found)).any():
        raise DeclarationError("a growth factor is complex; contributions need matrices without negative entries")
    return found.real


def labelled_models(treatments: Any) -> tuple[list[Any], list[MatrixModel]]:
    """Labels and models from one model, a sequence, or a mapping.

    Raises
    ------
    DeclarationError
        If there is none, or something else among them.
    """
    if isinstance(treatments, MatrixModel):
        treatments = [treatments]
    given = dict(treatments) if isinstance(treatments, Mapping) else dict(enumerate(treatments, start=1))
    if not given:
        raise DeclarationError("there are no treatments; give a matrix model, or several in a list or by name")
    for label, model in given.items():
        if not isinstance(model, MatrixModel):
            raise DeclarationError(f"treatment {label} is {model!r}; expected a matrix model, symdyn.leslie.from_matrix(A)")
    return list(given), list(given.values())
