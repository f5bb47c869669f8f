"""Integral matching: integrals of terms along smoothed data, and the best subsets of their columns."""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.candidates.linear import factor
from symdyn_kernels.candidates.terms import powers, slopes, value

__all__ = ["extensions", "integrate"]

#: Least fraction of the square of a column that is orthogonal to the base, for the column to count.
NOVELTY = 1e-11


@njit(error_model="numpy")
def integrate(nodes, weights, begins, table, constants, out):
    """Integrals of terms up to each point of the data, (C, n), for C columns: terms, then their slopes by inner constants.

    nodes : (n, m, d) smoothed states inside the interval before each point; those of the first of a trajectory are unused.
    weights : (n, m) of the quadrature, with the length of the interval.
    begins : (n,) uint8, 1 at the first point of each trajectory.
    constants : (Q, 4) places of inner constants in the table.
    out : (T + Q, n); NaN where a term is not defined.
    """
    n, m, d = nodes.shape
    T, Q = table.exponents.shape[0], constants.shape[0]
    pw, g = np.zeros((d, 8)), np.zeros(d + 2)
    sums, total = np.zeros(T + Q), np.zeros(T + Q)
    for i in range(n):
        if begins[i]:
            total[:] = 0.0
        else:
            sums[:] = 0.0
            for k in range(m):
                powers(nodes[i, k], pw)
                w, q = weights[i, k], 0
                for c in range(T):
                    if q < Q and constants[q, 0] == c:
                        sums[c] += w * slopes(c, table, pw, g)
                        while q < Q and constants[q, 0] == c:
                            v = g[d + constants[q, 1]]
                            if constants[q, 2] == 1:
                                v *= pw[constants[q, 3], table.powers[c, constants[q, 1]]]
                            sums[T + q] += w * v
                            q += 1
                    else:
                        sums[c] += w * value(c, table, pw)
            total += sums
        for c in range(T + Q):
            out[c, i] = total[c]


@njit(error_model="numpy")
def extensions(G, b, bases, size, out):
    """Reduction of the sum of squares by each column beside each of the bases, ``out`` (R, L), with that of the base itself.

    G, b : products of the columns (unit diagonal) with each other and with the data.
    bases : (R, size) int64.
    """
    L = G.shape[0]
    C, u = np.empty((size, size)), np.empty((size, L))
    v = np.empty(size)
    for r in range(bases.shape[0]):
        base = bases[r]
        for i in range(size):
            v[i] = b[base[i]]
            for j in range(size):
                C[i, j] = G[base[i], base[j]]
            C[i, i] += NOVELTY
        if not factor(C, size):
            out[r] = -1.0
            continue
        own = 0.0
        for i in range(size):
            for p in range(i):
                v[i] -= C[i, p] * v[p]
            v[i] /= C[i, i]
            own += v[i] * v[i]
            row = G[base[i]]
            for l in range(L):
                s = row[l]
                for p in range(i):
                    s -= C[i, p] * u[p, l]
                u[i, l] = s / C[i, i]
        for l in range(L):
            rest, score = G[l, l], b[l]
            for i in range(size):
                rest -= u[i, l] * u[i, l]
                score -= u[i, l] * v[i]
            out[r, l] = own + score * score / rest if rest > NOVELTY * 100 else -1.0
        for i in range(size):
            out[r, base[i]] = -1.0
