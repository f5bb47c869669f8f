r"""Galerkin's projection of a split right-hand side: :math:`T^\top N(o + B \zeta)` as expressions of :math:`\zeta`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.reduction.coefficients import polynomial_coefficients
from symdyn.reduction.dense import dense
from symdyn.reduction.interpolation import Interpolation
from symdyn.reduction.split import Split

__all__ = ["projected"]

#: Coefficients that are rounding, relative to the largest of their part.
ROUNDING = 1e-15


def projected(
    split: Split,
    basis: np.ndarray,
    offset: np.ndarray,
    test: np.ndarray,
    coordinates: Sequence[sp.Expr],
    interpolation: Interpolation | None,
) -> list[sp.Expr]:
    """The projection of a right-hand side, an expression for each column of `test`.

    Parameters
    ----------
    split : Split
    basis, test : (n, R) and (n, s) float64
    offset : (n,) float64
    coordinates : sequence of Expr
        The R values that multiply the columns of `basis`.
    interpolation : Interpolation or None
        Of the atoms.
    """
    columns: dict[sp.Expr, dict[sp.Expr, np.ndarray]] = defaultdict(dict)
    for part in split.parts:
        found = polynomial_coefficients(part.at, basis, offset, part.degree, test)
        largest = max(float(np.abs(c).max()) for c in found.values())
        known = columns[part.factor]
        for key, c in found.items():
            monomial = sp.Mul(*(coordinates[i] for i in key))
            known[monomial] = known.get(monomial, 0.0) + np.where(np.abs(c) > ROUNDING * largest, c, 0.0)
    if interpolation is not None:
        atoms = _atoms(split, basis, offset, coordinates, interpolation.points)
        for factor in split.factors:
            weights = test.T @ split.carried(factor, interpolation.matrix)
            for atom, c in zip(atoms, weights.T, strict=True):
                columns[factor][atom] = columns[factor].get(atom, 0.0) + c
    total: list[list[sp.Expr]] = [[] for _ in range(test.shape[1])]
    for factor, known in columns.items():
        used = {e: c for e, c in known.items() if np.any(c)}
        if not used:
            continue
        for row, e in zip(total, dense(np.stack(list(used.values()), axis=1), list(used)), strict=True):
            if e != 0:
                row.append(e if factor is sp.S.One else sp.Mul(factor, e, evaluate=not (factor.is_number and e.is_Add)))
    return [sp.Add(*row) for row in total]


def _atoms(
    split: Split, basis: np.ndarray, offset: np.ndarray, coordinates: Sequence[sp.Expr], points: Sequence[int]
) -> list[sp.Expr]:
    """The atoms at interpolation points as expressions of the coordinates."""
    sample = split.sample(points)
    zero = sample.of(np.zeros((split.size, 1)))
    rows = sample.of(basis) - zero  # linear functions of the state, up to what walls add
    values = dense(rows, coordinates, sample.of(offset[:, None])[:, 0])
    return dag.replace(sample.atoms, dict(zip(sample.symbols, values, strict=True)))
