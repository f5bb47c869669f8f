"""Determinants and inverses of matrices of formulas, with a symbol in place of each entry, so that nothing is expanded."""

from __future__ import annotations

import sympy as sp

__all__ = ["determinant", "inverse", "short", "tidied"]

#: Operations and symbols above which formulas are not factorised, which would take too long.
SHORT, FEW = 300, 8


def determinant(matrix: sp.MatrixBase) -> sp.Expr:
    """The determinant: a sum of products of entries."""
    bare, entries = _abstract(matrix)
    form = bare.to_DM()
    return form.domain.to_sympy(form.det()).xreplace(entries)


def inverse(matrix: sp.MatrixBase) -> sp.Matrix:
    """The inverse, each entry a quotient of sums of products of entries."""
    bare, entries = _abstract(matrix)
    return bare.to_DM(field=True).inv().to_Matrix().applyfunc(lambda e: tidied(sp.factor(e).xreplace(entries)))


def tidied(e: sp.Expr) -> sp.Expr:
    """A short formula without common factors, a long one as it is."""
    return sp.factor(sp.cancel(e)) if short(e) else e


def short(e: sp.Expr) -> bool:
    """Whether a formula is expanded at no great cost."""
    return len(e.free_symbols) <= FEW and sp.count_ops(e) <= SHORT


def _abstract(matrix: sp.MatrixBase) -> tuple[sp.Matrix, dict[sp.Symbol, sp.Expr]]:
    names: dict[sp.Expr, sp.Symbol] = {}
    bare = matrix.applyfunc(lambda e: e if e.is_Rational else names.setdefault(e, sp.Dummy(f"e{len(names)}")))
    return sp.Matrix(bare), {v: k for k, v in names.items()}
