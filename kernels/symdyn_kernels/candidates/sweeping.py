"""One run with the sensitivities of an entire library: the gain of each of its terms, with the initial values eliminated."""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.candidates import SensitivitySums
from symdyn_kernels.candidates.fitting import place
from symdyn_kernels.candidates.linear import factor, solve
from symdyn_kernels.candidates.steps import workspace
from symdyn_kernels.candidates.windows import FAILED, hint, normal

__all__ = ["sweep"]


@njit(error_model="numpy")
def sweep(arguments):
    """Normal equations of parameters and library, free of the initial values of all windows; False if a run failed.

    The sums of the arguments become the products of the sensitivities to the p parameters with those to all columns, (p, p + d
    L), the library's by equation; those with the residuals, (p + d L,); and the sums of squares of the columns, (p + d L,).
    """
    starts, theta, L = arguments.starts, arguments.theta, arguments.library.exponents.shape[0]
    A, g, diagonal = arguments.sums
    d, p = starts.shape[1], theta.size
    P = p + d + d * L
    work = workspace(arguments.integration.pair.error.size, d, p, L)
    a, ga, da = np.zeros((p + d, P)), np.zeros(P), np.zeros(P)
    each = SensitivitySums(a, ga, da)
    solved, own = np.empty(d), np.empty((d, d))
    place(theta, arguments.model)
    A[:] = 0.0
    g[:] = 0.0
    diagonal[:] = 0.0
    arguments.rss[:] = 0.0
    h = hint(arguments)
    for w in range(starts.shape[0]):
        a[:] = 0.0
        ga[:] = 0.0
        da[:] = 0.0
        taken = normal(arguments, w, starts[w], theta, np.inf, h, work, each, arguments.rss)
        if taken == FAILED:
            return False
        if taken > 0.0:
            h = taken
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
