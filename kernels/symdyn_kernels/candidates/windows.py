"""Normal equations of a model over a window of its data."""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.candidates.steps import FAST, advance, attempt, begin, dense, rates, sensitivities
from symdyn_kernels.candidates.terms import MOST
from symdyn_kernels.options import PLAIN

__all__ = ["FAILED", "normal", "workspace"]

#: What `normal` returns for a run that failed, or whose sum of squares passed its limit.
FAILED = -1.0


@njit(**PLAIN, fastmath=FAST)
def _add(row, w, r, squares, A, g, diagonal):
    """Add the products of a row of sensitivities with its first columns to `A`, and with a weighted residual to `g`."""
    P = row.size
    for a in range(squares):
        c = w * w * row[a]
        if c != 0.0:
            to = A[a]
            for p in range(P):
                to[p] += c * row[p]
    c = w * r
    for p in range(P):
        g[p] += c * row[p]
    if diagonal.size > 0:
        for p in range(P):
            diagonal[p] += w * w * row[p] * row[p]


@njit(**PLAIN, fastmath=FAST)
def _inside(start, h, b, D, j, out):
    """Sensitivities of state j inside a step, ``start + h sum_s b_s D_s``."""
    n = start.size
    for p in range(n):
        out[p] = start[p]
    for s in range(7):
        c = h * b[s]
        if c != 0.0:
            one = D[s, j]
            for p in range(n):
                out[p] += c * one[p]


@njit(**PLAIN)
def _compare(i, h, data, work, squares, Y, A, g, diagonal, rss):
    """Compare point i of the data with the run, inside a step of length h."""
    X, weights = data[1], data[2]
    f, x, b, S, D, row = work[0], work[6], work[8], work[9], work[11], work[12]
    for j in range(x.size):
        v = 0.0
        for s in range(7):
            v += b[s] * f[s, j]
        y = x[j] + h * v
        Y[i, j] = y
        w = weights[i, j]
        if w != 0.0:
            r = (X[i, j] - y) * w
            rss[j] += r * r
            if squares > 0:
                _inside(S[j], h, b, D, j, row)
                _add(row, w, r, squares, A, g, diagonal)


@njit(**PLAIN)
def normal(data, first, last, x0, limits, model, theta, library, squares, most, work, Y, A, g, diagonal, rss, counts, hint):
    """Run from `x0` at point `first` of the data to the one before `last`, and compare.

    Parameters
    ----------
    data : times (n,), values and weights (n, d), where a weight of zero means that nothing was measured.
    limits : (d + 3,) errors of a step allowed each state, the same relative to it, the size that ends a run, and the number of
        attempted steps that does.
    squares : number of leading columns whose products with all P columns are wanted; 0 for a run without sensitivities.
    most : the run fails when the sum of `rss` is above it.
    A, g, diagonal, rss : (squares, P), (P,), (P,) or empty, (d,); added to.
    Y : (n, d), whose rows become the run.
    counts : (2,) attempted steps, added to, and windows, left alone.
    hint : length of the first step.

    Returns
    -------
    float64
        Length of a typical step, or `FAILED`.
    """
    t = data[0]
    f, J, V, VL, pw, gs, x, xt, b, S, St, D = work[:12]
    EQ, NL = model[0], model[1]
    d, P, sens, fresh = x.size, S.shape[1], squares > 0, True
    tol, rtol, big, longest = limits[:d], limits[d], limits[d + 1], limits[d + 2]
    for j in range(d):
        x[j] = x0[j]
    for s in range(7):
        b[s] = 0.0
    if sens:
        begin(d, P, EQ.size, NL.shape[0], S)
    _compare(first, 0.0, data, work, squares, Y, A, g, diagonal, rss)
    if last - first == 1:
        return hint
    now, end, i = t[first], t[last - 1], first + 1
    h, taken = hint, 0.0
    if not rates(x, model, theta, library, sens, 0, f, J, V, VL, pw, gs):
        return FAILED
    while i < last:
        counts[0] += 1
        if counts[0] > longest:
            return FAILED
        if h > 0.999 * (end - now):
            h = end - now
        error = attempt(x, h, model, theta, library, sens, f, J, V, VL, pw, gs, xt, tol, rtol)
        if not error <= 1.0:
            h = advance(h, error) if error < np.inf else 0.2 * h
            if h < 1e-9 * (end - t[first]):
                return FAILED
            continue
        if sens:
            sensitivities(h, S, fresh, EQ, NL, J, V, VL, D, St)
            fresh = False
        until = end if h == end - now else now + h
        while i < last and t[i] <= until:
            dense((t[i] - now) / h, b)
            _compare(i, h, data, work, squares, Y, A, g, diagonal, rss)
            i += 1
        total = 0.0
        for j in range(d):
            total += rss[j]
            x[j] = xt[j]
            f[0, j] = f[6, j]
            if not abs(x[j]) < big:
                return FAILED
            if sens:
                for p in range(P):
                    S[j, p] = St[j, p]
                    D[0, j, p] = D[6, j, p]
        if not total <= most:
            return FAILED
        taken = max(taken, h)
        now = until
        h = advance(h, error)
    return taken


@njit(error_model="numpy")
def workspace(d, K, Q, L):
    """Arrays that `normal` works in."""
    P = K + Q + d + L * d
    return (
        np.zeros((7, d)), np.zeros((7, d, d)), np.zeros((7, K + Q)), np.zeros((7, L)), np.zeros((d, MOST + 1)), np.zeros(d + 2),
        np.zeros(d), np.zeros(d), np.zeros(7), np.zeros((d, P)), np.zeros((d, P)), np.zeros((7, d, P)), np.zeros(P),
    )  # fmt: skip
