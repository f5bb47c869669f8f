"""Matrices and vectors of vital rates as a user gives them: exact numbers remain exact, floating zeros become exact zeros."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdyn.declaration import expression
from symdyn.errors import DeclarationError

__all__ = ["entry", "guessed_fecundity", "is_leslie", "read_block", "read_matrix", "read_vector"]


def entry(value: Any) -> sp.Expr:
    """A vital rate as an expression; a floating zero becomes the exact zero, which drops the entry."""
    e = expression(value.item() if isinstance(value, np.generic) else value)
    return sp.S.Zero if e.is_Float and e.is_zero else e


def _placed(value: Any, what: str, i: int, j: int) -> sp.Expr:
    """An entry, with its position for messages; rows and columns are counted from 0."""
    if isinstance(value, str):
        raise DeclarationError(f"{what} has the text {value!r} in row {i}, column {j}; expected a number or a sympy expression")
    e = entry(value)
    if e.has(sp.nan, sp.oo, -sp.oo, sp.zoo):
        raise DeclarationError(f"{what} has {value} in row {i}, column {j}; expected a finite number or an expression")
    return e


def read_matrix(value: Any, what: str, size: int | None = None) -> sp.ImmutableDenseMatrix:
    """A square matrix from a sympy matrix, an array, nested sequences, or one number.

    Raises
    ------
    DeclarationError
        If it is not square, or not of the given size.
    """
    if hasattr(value, "columns"):
        value = _ordered(value, what)
    rows = _rows(value)
    if not rows or not all(isinstance(r, (list, tuple)) for r in rows):
        raise DeclarationError(f"{what} is {value!r}; expected a square matrix, such as [[0, 4], [0.5, 0]]")
    lengths = {len(r) for r in rows}
    if lengths != {len(rows)}:
        shape = f"{len(rows)} rows of length {', '.join(map(str, sorted(lengths)))}"
        raise DeclarationError(f"{what} has {shape}; expected a square matrix")
    if size is not None and len(rows) != size:
        raise DeclarationError(f"{what} is {len(rows)} x {len(rows)}; expected {size} x {size}, one row and column a stage")
    return sp.ImmutableDenseMatrix([[_placed(v, what, i, j) for j, v in enumerate(row)] for i, row in enumerate(rows)])


def _ordered(frame: Any, what: str) -> Any:
    """A data frame with its rows in the order of its columns; rows that are only numbered remain in their order."""
    rows, columns = list(frame.index), list(frame.columns)
    if rows == columns or rows == list(range(len(rows))):
        return frame
    if set(rows) != set(columns) or len(rows) != len(columns):
        raise DeclarationError(f"{what} has the rows {rows} and the columns {columns}; expected the same stages in both")
    return frame.loc[columns]


def _rows(value: Any) -> Any:
    """Nested lists of a matrix, an array, dense or sparse, a data frame or nested sequences; of one number too."""
    for name in ("to_numpy", "toarray", "tolist"):
        value = getattr(value, name)() if hasattr(value, name) else value
    if not isinstance(value, (list, tuple)):
        return [[value]]
    return [r.tolist() if hasattr(r, "tolist") and getattr(r, "ndim", 0) == 1 else r for r in value]


def read_block(value: Any, what: str, shape: tuple[int, int]) -> sp.ImmutableDenseMatrix:
    """A rectangular matrix; None is a matrix of zeros, and one number will do for a single entry.

    Raises
    ------
    DeclarationError
        If it has another shape.
    """
    if value is None:
        return sp.ImmutableDenseMatrix.zeros(*shape)
    rows = _rows(value)
    if not all(isinstance(r, (list, tuple)) for r in rows):
        raise DeclarationError(f"{what} is {value!r}; expected a matrix of {shape[0]} rows and {shape[1]} columns")
    if len(rows) != shape[0] or {len(r) for r in rows} != {shape[1]}:
        found = f"{len(rows)} rows of length {', '.join(map(str, sorted({len(r) for r in rows})))}"
        raise DeclarationError(f"{what} has {found}; expected {shape[0]} rows and {shape[1]} columns, one for each stage")
    return sp.ImmutableDenseMatrix([[entry(v) for v in row] for row in rows])


def read_vector(value: Any, what: str, size: int | None = None) -> list[sp.Expr]:
    """A list of expressions from any sequence, or one number.

    Raises
    ------
    DeclarationError
        If it is no sequence, or not of the given length.
    """
    value = value.to_numpy() if hasattr(value, "to_numpy") else value
    parts: Any = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(parts, (str, bytes)):
        raise DeclarationError(f"{what}: got the text {value!r}; expected a sequence of numbers or expressions")
    parts = list(parts) if isinstance(parts, Sequence) else [parts]
    parts = [p[0] if isinstance(p, (list, tuple)) and len(p) == 1 else p for p in parts]  # a column
    if size is not None and len(parts) != size:
        raise DeclarationError(f"{what}: got {len(parts)} values; expected {size}, one for each stage")
    return [entry(p) for p in parts]


def is_leslie(matrix: sp.MatrixBase) -> bool:
    """Whether nothing but the first row, the sub-diagonal and the last entry of the diagonal differs from 0."""
    n = matrix.shape[0]
    return all(matrix[i, j] == 0 or j == i - 1 or (i == j == n - 1) for i in range(1, n) for j in range(n))


def guessed_fecundity(matrix: sp.ImmutableDenseMatrix) -> tuple[sp.ImmutableDenseMatrix, bool]:
    """The first row without its first entry where that may be survival in the first stage; and whether this is certain."""
    n = matrix.shape[0]
    first = 0 if is_leslie(matrix) else 1
    births = sp.ImmutableDenseMatrix(n, n, lambda i, j: matrix[0, j] if i == 0 and j >= first else 0)
    return births, first == 0 or matrix[0, 0] == 0
