"""Small dense linear systems."""

from __future__ import annotations

from symdyn_kernels.shared._scalars import shared

__all__ = ["solve_system"]

#: Pivots below this, relative to their row and column, are zero by rounding.
ZERO = 1e-14


@shared
def solve_system(matrix, k):
    """Solve a linear system with partial pivoting, the solution in its last column; returns whether that could be done."""
    for p in range(k):
        best, size, column = p, 0.0, 0.0
        for i in range(k):
            column = max(column, abs(matrix[i, p]))
        for i in range(p, k):
            if abs(matrix[i, p]) > size:
                best, size = i, abs(matrix[i, p])
        if not size > ZERO * column:
            return False
        if best != p:
            for j in range(k + 1):
                matrix[p, j], matrix[best, j] = matrix[best, j], matrix[p, j]
        for i in range(p + 1, k):
            factor = matrix[i, p] / matrix[p, p]
            if factor != 0.0:
                for j in range(p + 1, k + 1):
                    matrix[i, j] -= factor * matrix[p, j]
            matrix[i, p] = 0.0
    for p in range(k - 1, -1, -1):
        for j in range(p + 1, k):
            matrix[p, k] -= matrix[p, j] * matrix[j, k]
        matrix[p, k] /= matrix[p, p]
    return True
