"""One run with the sensitivities of an entire library: the gain of each of its terms, with the initial values eliminated."""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.candidates.fitting import place
from symdyn_kernels.candidates.linear import factor, solve
from symdyn_kernels.candidates.windows import FAILED, normal, workspace

__all__ = ["sweep"]


@njit(error_model="numpy")
def sweep(data, cut, starts, limits, model, theta, library, A, g, diagonal, rss, Y):
    """Normal equations of parameters and library, free of the initial values of all windows; False if a run failed.

    A : (p, p + d L), products of the sensitivities to the p parameters with those to all columns, the library's by equation.
    g : (p + d L,), products with the residuals.
    diagonal : (p + d L,), sums of squares of the columns.
    rss : (d,)
    """
    d = starts.shape[1]
    K, Q, L, p = model[0].size, model[1].shape[0], library[0].shape[0], theta.size
    P = p + d + d * L
    work = workspace(d, K, Q, L)
    a, ga, da = np.zeros((p + d, P)), np.zeros(P), np.zeros(P)
    counts = np.zeros(2, np.int64)
    solved, own = np.empty(d), np.empty((d, d))
    place(theta, model)
    A[:] = 0.0
    g[:] = 0.0
    diagonal[:] = 0.0
    rss[:] = 0.0
    hint = 0.02 * (data[0][cut[0, 1] - 1] - data[0][cut[0, 0]])
    for w in range(cut.shape[0]):
        a[:] = 0.0
        ga[:] = 0.0
        da[:] = 0.0
        taken = normal(
            data, cut[w, 0], cut[w, 1], starts[w], limits, model, theta, library, p + d, np.inf, work, Y, a, ga, da, rss,
            counts, hint,
        )  # fmt: skip
        if taken == FAILED:
            return False
        if taken > 0.0:
            hint = taken
        for i in range(d):
            for j in range(d):
                own[i, j] = a[p + i, p + j]
            own[i, i] = own[i, i] * (1.0 + 1e-12) + 1e-300
        if not factor(own, d):
            return False
        for c in range(P):
            if p <= c < p + d:
                continue
            to = c if c < p else c - d
            for i in range(d):
                solved[i] = a[p + i, c]
            solve(own, d, solved)
            g[to] += ga[c]
            diagonal[to] += da[c]
            for i in range(d):
                g[to] -= solved[i] * ga[p + i]
                diagonal[to] -= solved[i] * a[p + i, c]
            for r in range(p):
                v = a[r, c]
                for i in range(d):
                    v -= a[r, p + i] * solved[i]
                A[r, to] += v
    return np.isfinite(g.sum() + diagonal.sum())
