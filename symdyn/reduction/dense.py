"""Dense matrices in symbolic right-hand sides: the one place where they are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import sympy as sp

from symdyn.dense import DenseLayers

__all__ = ["combination", "dense", "products"]

#: Numbers above which a matrix becomes a table: code of so many multiplications takes tenths of a second to compile.
TABLE = 200


def combination(pairs: Iterable[tuple[float, sp.Expr]]) -> sp.Expr:
    """A sum of numbers times expressions, in which sums and shared expressions stay as they are.

    >>> x, y = sp.symbols("x y")
    >>> combination([(2.0, x + y), (0.0, x), (1.0, y)])
    y + 2.0*(x + y)
    """
    terms = []
    for value, e in pairs:
        if value == 0:
            continue
        if e is sp.S.One:
            terms.append(sp.Float(value))
        elif e.is_Add:
            terms.append(sp.Mul(sp.Float(value), e, evaluate=False))
        else:
            terms.append(e if value == 1 else sp.Mul(sp.Float(value), e))
    return sp.Add(*terms)


def dense(matrix: np.ndarray, vector: Sequence[sp.Expr], offset: np.ndarray | None = None) -> list[sp.Expr]:
    """The expressions ``offset + matrix @ vector``: written out if small, else a table that the code applies in loops.

    >>> x, y = sp.symbols("x y")
    >>> dense(np.array([[1.0, 2.0], [0.0, 3.0]]), [x, y], np.array([0.0, 1.0]))
    [x + 2.0*y, 3.0*y + 1.0]
    """
    matrix = np.asarray(matrix, float)
    if np.count_nonzero(matrix) > TABLE:
        kept = np.any(matrix != 0, axis=0)
        arguments = [e for e, there in zip(vector, kept, strict=True) if there]
        name = f"M{matrix.shape[0]}x{len(arguments)}"
        return list(DenseLayers(name, [(matrix[:, kept], offset, "identity")])(*arguments))
    rows = []
    for k, row in enumerate(matrix.tolist()):
        pairs = list(zip(row, vector, strict=True))
        rows.append(combination([*pairs, (float(offset[k]), sp.S.One)] if offset is not None else pairs))
    return rows


def products(z: Sequence[sp.Expr]) -> list[sp.Expr]:
    """All products of two, in the order of ``numpy.triu_indices``."""
    return [sp.Mul(z[i], z[j]) for i, j in zip(*np.triu_indices(len(z)), strict=True)]
