"""Logarithms of exact matrices, where their eigenvalues are rational or hold one square root."""

from __future__ import annotations

import sympy as sp

__all__ = ["Modes", "closed_eigenvalues", "exact_logarithm", "tidy"]

#: Logarithms of eigenvalues and the projectors that belong to them.
Modes = tuple[tuple[sp.Expr, sp.Matrix], ...]


def exact_logarithm(matrix: sp.ImmutableDenseMatrix, values: list[sp.Expr]) -> tuple[sp.ImmutableDenseMatrix, Modes]:
    """The principal logarithm from the eigenvalues, and its modes, of fastest growth first; none where eigenvalues repeat."""
    size = matrix.shape[0]
    if len(set(values)) < size:
        return _with_repetitions(matrix), ()
    if not any(v.free_symbols for v in values):
        values = sorted(values, key=lambda v: -abs(complex(v)))
    modes = []
    for value in values:
        projector = sp.eye(size)
        for other in values:
            if other != value:
                projector = projector * (matrix - other * sp.eye(size)) / (value - other)
        modes.append((_principal(value), projector.applyfunc(tidy)))
    total = sum((log * p for log, p in modes), sp.zeros(size))
    return sp.ImmutableDenseMatrix(total.applyfunc(sp.expand)), tuple(modes)


def closed_eigenvalues(matrix: sp.ImmutableDenseMatrix) -> list[sp.Expr] | None:
    """Eigenvalues, as often as they occur, that are rational or have one square root; else None."""
    characteristic = matrix.charpoly()
    if all(e.is_Rational for e in matrix):
        factors = characteristic.factor_list()[1]
    elif matrix.shape[0] <= 2:
        factors = [(characteristic, 1)]
    else:
        return None
    found: list[sp.Expr] = []
    for factor, multiplicity in factors:
        coefficients = factor.all_coeffs()
        if len(coefficients) > 3 or (len(coefficients) == 3 and multiplicity > 1):
            return None
        if len(coefficients) == 2:
            roots = [-coefficients[1] / coefficients[0]]
        else:
            half, product = -coefficients[1] / (2 * coefficients[0]), coefficients[2] / coefficients[0]
            root = sp.sqrt(sp.factor(half**2 - product))
            roots = [half + root, half - root]
        found += [v if v.free_symbols else sp.radsimp(sp.expand(v)) for v in roots] * multiplicity
    return found


def _with_repetitions(matrix: sp.ImmutableDenseMatrix) -> sp.ImmutableDenseMatrix:
    r"""By the Jordan form: :math:`\ln(\lambda + N) = \ln \lambda - \sum_k (-N/\lambda)^k / k` for nilpotent N."""
    vectors, jordan = matrix.jordan_form()
    size = matrix.shape[0]
    diagonal = sp.diag(*[jordan[i, i] for i in range(size)])
    share = -diagonal.inv() * (jordan - diagonal)
    logarithm = sp.diag(*[_principal(jordan[i, i]) for i in range(size)])
    for k in range(1, size):
        logarithm = logarithm - share**k / k
    return sp.ImmutableDenseMatrix((vectors * logarithm * vectors.inv()).applyfunc(sp.expand))


def _principal(value: sp.Expr) -> sp.Expr:
    """The logarithm on the principal branch, of numbers not below 1: a number and its inverse then have the same symbol."""
    if value.is_positive and not value.free_symbols:
        return sp.log(value) if value >= 1 else -sp.log(sp.expand(sp.radsimp(1 / value)))
    if value.is_negative:
        return _principal(-value) + sp.I * sp.pi
    if value.free_symbols:
        return sp.log(value)
    return _principal(sp.sqrt(sp.radsimp(sp.expand(value * sp.conjugate(value))))) + sp.I * sp.arg(value)


def tidy(e: sp.Expr) -> sp.Expr:
    """Roots out of denominators; formulas of symbols simplified."""
    return sp.simplify(e) if e.free_symbols else sp.radsimp(sp.expand(e))
