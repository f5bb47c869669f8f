"""Cubic smoothing splines by Reinsch's algorithm, with the score of generalised cross-validation, in time linear in the points.

References
----------
Green, Silverman, Nonparametric Regression and Generalized Linear Models (1994), sec. 2.3 and 3.5; Hutchinson, de Hoog, Numer.
Math. 47, 99 (1985).
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["smooth"]


@njit(error_model="numpy")
def smooth(t, y, w, penalty, g):
    """Values `g` at `t` of the curve that minimises ``sum w (y - g)^2 + penalty int g''^2``; returns its score.

    All arrays have shape (n,), n of 4 or more; the score of cross-validation is ``n sum w (y - g)^2 / (n - tr)^2``
    with the trace of the smoother.
    """
    n = t.size
    m = n - 2
    # B = R + penalty Q' W^-1 Q, by its diagonal and two bands; Q has the rows a, b, c of second differences
    a, b, c = np.empty(m), np.empty(m), np.empty(m)
    for j in range(m):
        a[j], c[j] = 1.0 / (t[j + 1] - t[j]), 1.0 / (t[j + 2] - t[j + 1])
        b[j] = -a[j] - c[j]
    diagonal, first, second, x = np.empty(m), np.zeros(m), np.zeros(m), np.empty(m)
    for j in range(m):
        squares = a[j] * a[j] / w[j] + b[j] * b[j] / w[j + 1] + c[j] * c[j] / w[j + 2]
        diagonal[j] = (t[j + 2] - t[j]) / 3.0 + penalty * squares
        if j + 1 < m:
            first[j] = (t[j + 2] - t[j + 1]) / 6.0 + penalty * (b[j] * a[j + 1] / w[j + 1] + c[j] * b[j + 1] / w[j + 2])
        if j + 2 < m:
            second[j] = penalty * c[j] * a[j + 2] / w[j + 2]
        x[j] = a[j] * y[j] + b[j] * y[j + 1] + c[j] * y[j + 2]
    # L D L' with two bands below the diagonal
    one, two = np.zeros(m), np.zeros(m)
    for j in range(m):
        v = diagonal[j]
        if j >= 1:
            v -= one[j - 1] * one[j - 1] * diagonal[j - 1]
        if j >= 2:
            v -= two[j - 2] * two[j - 2] * diagonal[j - 2]
        diagonal[j] = v
        f = first[j]
        if j >= 1:
            f -= two[j - 1] * one[j - 1] * diagonal[j - 1]
        one[j], two[j] = f / v, second[j] / v
    for j in range(m):
        if j >= 1:
            x[j] -= one[j - 1] * x[j - 1]
        if j >= 2:
            x[j] -= two[j - 2] * x[j - 2]
    for j in range(m):
        x[j] /= diagonal[j]
    for j in range(m - 1, -1, -1):
        if j + 1 < m:
            x[j] -= one[j] * x[j + 1]
        if j + 2 < m:
            x[j] -= two[j] * x[j + 2]
    # bands of the inverse, from the end: (j, j), (j, j + 1), (j, j + 2)
    i0, i1, i2 = np.zeros(m + 2), np.zeros(m + 2), np.zeros(m + 2)
    for j in range(m - 1, -1, -1):
        i1[j] = -one[j] * i0[j + 1] - two[j] * i1[j + 1]
        i2[j] = -one[j] * i1[j + 1] - two[j] * i0[j + 2]
        i0[j] = 1.0 / diagonal[j] - one[j] * i1[j] - two[j] * i2[j]
    left, residual = 0.0, 0.0
    for i in range(n):
        p = a[i] if i < m else 0.0
        q = b[i - 1] if 1 <= i <= m else 0.0
        r = c[i - 2] if i >= 2 else 0.0
        move, own = 0.0, 0.0
        if i < m:
            move += p * x[i]
            own += p * p * i0[i]
        if 1 <= i <= m:
            move += q * x[i - 1]
            own += q * q * i0[i - 1]
            if i < m:
                own += 2.0 * p * q * i1[i - 1]
        if i >= 2:
            move += r * x[i - 2]
            own += r * r * i0[i - 2]
            if i <= m:
                own += 2.0 * q * r * i1[i - 2]
            if i < m:
                own += 2.0 * p * r * i2[i - 2]
        move *= penalty / w[i]
        g[i] = y[i] - move
        residual += w[i] * move * move
        left += penalty * own / w[i]
    return n * residual / (left * left)
