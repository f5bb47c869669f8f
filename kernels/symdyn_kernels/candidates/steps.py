"""Runs of a model over windows of its data, with sensitivities: Tsit5 with steps of adaptive length and its interpolant.

Sensitivities belong to the steps that were accepted: the columns of a step are those of the K coefficients, the Q inner
constants, the d initial values, and for each equation a coefficient of each of the L terms of a library, which is zero.  Stages
of a step store the Jacobians ``J`` (7, d, d) of the rates, and their derivatives by the parameters.

References
----------
Tsitouras, Computers & Mathematics with Applications 62 (2011) 770-775.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.candidates.terms import powers, slopes, value
from symdyn_kernels.options import PLAIN

__all__ = ["advance", "attempt", "begin", "dense", "rates", "sensitivities"]

A = np.array(
    (
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        (0.161, 0.0, 0.0, 0.0, 0.0, 0.0),
        (-0.008480655492356989, 0.335480655492357, 0.0, 0.0, 0.0, 0.0),
        (2.8971530571054935, -6.359448489975075, 4.3622954328695815, 0.0, 0.0, 0.0),
        (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525, 0.0, 0.0),
        (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383, 0.0),
        (0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774),
    )
)
ERROR = np.array(
    (
        -0.001780011052225777, -0.0008164344596567469, 0.007880878010261995, -0.1447110071732629, 0.5823571654525552,
        -0.45808210592918697, 0.015151515151515152,
    )
)  # fmt: skip
DENSE = np.array(
    (
        (1.0, -2.763706197274826, 2.9132554618219126, -1.0530884977290216),
        (0.0, 0.13169999999999998, -0.2234, 0.1017),
        (0.0, 3.9302962368947516, -5.941033872131505, 2.490627285651253),
        (0.0, -12.411077166933676, 30.33818863028232, -16.548102889244902),
        (0.0, 37.50931341651104, -88.1789048947664, 47.37952196281928),
        (0.0, -27.896526289197286, 65.09189467479366, -34.87065786149661),
        (0.0, 1.5, -4.0, 2.5),
    )
)
FAST = {"contract", "reassoc", "nsz"}
#: Of the length of a step after its error, and the bounds of its change.
SAFETY, LEAST, GREATEST = 0.9, 0.2, 5.0


@njit(**PLAIN)
def rates(x, model, theta, library, sens, s, f, J, V, VL, pw, g):
    """Rates of change, and with `sens` their slopes and what parameters and library add, at stage s; False if not finite."""
    EQ, NL, table = model
    d, K, Q = x.size, EQ.size, NL.shape[0]
    powers(x, pw)
    for i in range(d):
        f[s, i] = 0.0
    if sens:
        for i in range(d):
            for j in range(d):
                J[s, i, j] = 0.0
    q = 0
    for k in range(K):
        e, c = EQ[k], theta[k]
        if not sens:
            f[s, e] += c * value(k, table, pw)
            continue
        v = slopes(k, table, pw, g)
        f[s, e] += c * v
        V[s, k] = v
        for i in range(d):
            J[s, e, i] += c * g[i]
        while q < Q and NL[q, 0] == k:
            a = NL[q, 1]
            v = c * g[d + a]
            if NL[q, 2] == 1:
                v *= pw[NL[q, 3], table[4][k, a]]
            V[s, K + q] = v
            q += 1
    if sens:
        for l in range(VL.shape[1]):
            v = value(l, library, pw)
            VL[s, l] = v if np.isfinite(v) else 0.0
    total = 0.0
    for i in range(d):
        total += f[s, i]
    return np.isfinite(total)


@njit(**PLAIN)
def attempt(x, h, model, theta, library, sens, f, J, V, VL, pw, g, xt, tol, rtol):
    """The stages of a step from `x`, whose first is there; the error relative to what is allowed, infinite if it failed.

    `xt` becomes the state at its end.
    """
    d = x.size
    for s in range(1, 7):
        for i in range(d):
            v = 0.0
            for r in range(s):
                v += A[s, r] * f[r, i]
            xt[i] = x[i] + h * v
        if not rates(xt, model, theta, library, sens, s, f, J, V, VL, pw, g):
            return np.inf
    worst = 0.0
    for i in range(d):
        v = 0.0
        for s in range(7):
            v += ERROR[s] * f[s, i]
        worst = max(worst, abs(h * v) / (tol[i] + rtol * max(abs(x[i]), abs(xt[i]))))
    return worst if np.isfinite(worst) else np.inf


@njit(**PLAIN)
def advance(h, error):
    """Length of the next step."""
    return h * max(LEAST, min(GREATEST, SAFETY * max(error, 1e-10) ** -0.2))


@njit(**PLAIN)
def begin(d, P, K, Q, S):
    """Sensitivities at the begin of a window: those of its initial values alone."""
    for i in range(d):
        for p in range(P):
            S[i, p] = 0.0
        S[i, K + Q + i] = 1.0


@njit(**PLAIN, fastmath=FAST)
def _slope(s, S, EQ, NL, J, V, VL, D):
    """Rates of the sensitivities `S` at stage s."""
    d, P = S.shape
    K, Q, L = EQ.size, NL.shape[0], VL.shape[1]
    for i in range(d):
        row = D[s, i]
        for p in range(P):
            row[p] = 0.0
        for j in range(d):
            a = J[s, i, j]
            if a != 0.0:
                other = S[j]
                for p in range(P):
                    row[p] += a * other[p]
        o = K + Q + d + i * L
        for l in range(L):
            row[o + l] += VL[s, l]
    for k in range(K):
        D[s, EQ[k], k] += V[s, k]
    for q in range(Q):
        D[s, EQ[NL[q, 0]], K + q] += V[s, K + q]


@njit(**PLAIN, fastmath=FAST)
def sensitivities(h, S, first, EQ, NL, J, V, VL, D, St):
    """Stages `D` of the sensitivities over an accepted step, and `St` at its end; `first` says whether stage 0 is missing."""
    d, P = S.shape
    if first:
        _slope(0, S, EQ, NL, J, V, VL, D)
    for s in range(1, 7):
        for i in range(d):
            to, start = St[i], S[i]
            for p in range(P):
                to[p] = start[p]
            for r in range(s):
                c, one = h * A[s, r], D[r, i]
                if c != 0.0:
                    for p in range(P):
                        to[p] += c * one[p]
        _slope(s, St, EQ, NL, J, V, VL, D)


@njit(**PLAIN)
def dense(part, b):
    """Weights of the stages at a part of the step, between 0 and 1."""
    for s in range(7):
        b[s] = part * (DENSE[s, 0] + part * (DENSE[s, 1] + part * (DENSE[s, 2] + part * DENSE[s, 3])))
