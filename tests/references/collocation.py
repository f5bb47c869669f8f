"""Radau collocation of order 13 with 40 digits, where double precision is not enough for a reference."""

from __future__ import annotations

import mpmath
import sympy as sp

STAGES = 7
DIGITS = 40


def radau_nodes(stages: int) -> list[mpmath.mpf]:
    """Right Radau nodes on (0, 1]: the zeros of ``d^(s-1)/dx^(s-1) (x^(s-1) (x-1)^s)`` (Hairer & Wanner, IV.5)."""
    x = sp.Symbol("x")
    polynomial = sp.Poly(sp.expand(x ** (stages - 1) * (x - 1) ** stages), x)
    for _ in range(stages - 1):
        polynomial = polynomial.diff(x)
    roots = mpmath.polyroots([mpmath.mpf(int(c)) for c in polynomial.all_coeffs()], maxsteps=500, extraprec=400)
    return sorted(mpmath.re(r) for r in roots)


def radau_matrix(nodes: list[mpmath.mpf]) -> mpmath.matrix:
    """``a_ij``, the integral of the j-th Lagrange polynomial from 0 to ``c_i``."""
    s = len(nodes)
    powers = mpmath.matrix([[c**k for k in range(s)] for c in nodes])
    integrals = mpmath.matrix([[c ** (k + 1) / (k + 1) for k in range(s)] for c in nodes])
    return integrals * powers**-1


def collocate(states, drift, initial, end: float, *, first: float, ratio: float) -> list[mpmath.mpf]:
    """The solution at `end` with steps that grow geometrically, ``t -> t*ratio`` after the first of length `first`.

    Newton's method runs until its correction is below ``10**(15 - DIGITS)`` relative to each component.
    """
    mpmath.mp.dps = DIGITS
    n = len(states)
    f = sp.lambdify([states], drift, "mpmath")
    jacobian = sp.lambdify([states], sp.Matrix(drift).jacobian(states).tolist(), "mpmath")
    a = radau_matrix(radau_nodes(STAGES))
    y, t, last = [mpmath.mpf(v) for v in initial], mpmath.mpf(0), mpmath.mpf(end)
    size = STAGES * n
    while t < last:
        h = min(mpmath.mpf(first) if t == 0 else t * (mpmath.mpf(ratio) - 1), last - t)
        stages = [list(y) for _ in range(STAGES)]
        while True:
            rates = [f(g) for g in stages]
            slopes = [jacobian(g) for g in stages]
            matrix, right = mpmath.eye(size), mpmath.matrix(size, 1)
            for i in range(STAGES):
                for k in range(n):
                    right[i * n + k] = y[k] - stages[i][k] + h * sum(a[i, j] * rates[j][k] for j in range(STAGES))
                    for j in range(STAGES):
                        for m in range(n):
                            matrix[i * n + k, j * n + m] -= h * a[i, j] * slopes[j][k][m]
            change = mpmath.lu_solve(matrix, right)
            stages = [[g + change[i * n + k] for k, g in enumerate(stages[i])] for i in range(STAGES)]
            bound = mpmath.mpf(10) ** (15 - DIGITS)
            if all(abs(change[i * n + k]) <= bound * abs(stages[i][k]) for i in range(STAGES) for k in range(n)):
                break
        y, t = stages[-1], t + h
    return y
