"""Small dense linear algebra."""

from __future__ import annotations

import math

from numba import njit

from symdyn_kernels.options import PLAIN

__all__ = ["factor", "solve"]


@njit(**PLAIN)
def factor(A, n):
    """Lower Cholesky factor of the first n rows and columns, in place; False unless A is positive definite."""
    for j in range(n):
        s = A[j, j]
        for p in range(j):
            s -= A[j, p] * A[j, p]
        if not s > 0.0:
            return False
        A[j, j] = math.sqrt(s)
        for i in range(j + 1, n):
            v = A[i, j]
            for p in range(j):
                v -= A[i, p] * A[j, p]
            A[i, j] = v / A[j, j]
    return True


@njit(**PLAIN)
def solve(A, n, v):
    """``v = A^-1 v`` by that factor, in place."""
    for i in range(n):
        s = v[i]
        for p in range(i):
            s -= A[i, p] * v[p]
        v[i] = s / A[i, i]
    for i in range(n - 1, -1, -1):
        s = v[i]
        for p in range(i + 1, n):
            s -= A[p, i] * v[p]
        v[i] = s / A[i, i]
