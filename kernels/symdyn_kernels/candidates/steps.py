"""Steps of an explicit Runge-Kutta pair through a model, with sensitivities.

Sensitivities belong to the steps that were accepted: the columns of a step are those of the K coefficients, the Q inner
constants, the d initial values, and for each equation a coefficient of each of the L terms of a library, which is zero.  Stages
of a step store the Jacobians ``J`` of the rates, and their derivatives by the parameters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.arguments.parts import Frames, Integers, Numbers, Rows
from symdyn_kernels.candidates.terms import MOST, powers, slopes, value
from symdyn_kernels.options import INLINE, PLAIN

__all__ = ["FAST", "RunWorkspace", "attempt", "begin", "dense", "rates", "sensitivities", "workspace"]

FAST = {"contract", "reassoc", "nsz"}


class RunWorkspace(NamedTuple):
    """Memory of a run of s stages, with P sensitivities.

    Attributes
    ----------
    f, J : (s, d), (s, d, d)
        Rates and their Jacobian matrices.
    V, VL : (s, K + Q), (s, L)
        Derivatives of the rates by the parameters; values of the terms of the library.
    powers, slopes : (d, MOST + 1), (d + 2,)
        Of the states; of a term.
    x, new : (d,)
        The state at the begin of a step and at its end.
    weights : (s,)
        Of the stages, inside a step.
    S, S_new, D : (d, P), (d, P), (s, d, P)
        Sensitivities at both ends of a step, and their rates.
    row : (P,)
        Sensitivities of a state inside a step.
    attempted : (1,) int64
        Steps.
    """

    f: Rows
    J: Frames
    V: Rows
    VL: Rows
    powers: Rows
    slopes: Numbers
    x: Numbers
    new: Numbers
    weights: Numbers
    S: Rows
    S_new: Rows
    D: Frames
    row: Numbers
    attempted: Integers


@njit(error_model="numpy")
def workspace(s, d, parameters, L):
    """Memory for `parameters` = K + Q and a library of L terms."""
    P = parameters + d + L * d
    return RunWorkspace(
        np.zeros((s, d)), np.zeros((s, d, d)), np.zeros((s, parameters)), np.zeros((s, L)), np.zeros((d, MOST + 1)),
        np.zeros(d + 2), np.zeros(d), np.zeros(d), np.zeros(s), np.zeros((d, P)), np.zeros((d, P)), np.zeros((s, d, P)),
        np.zeros(P), np.zeros(1, np.int64),
    )  # fmt: skip


@njit(**INLINE)
def rates(s, x, theta, model, library, work):
    """Rates of change at stage s, their slopes and what parameters and library add; False if not finite."""
    EQ, NL, table = model
    f, J, V, VL, pw, g = work.f, work.J, work.V, work.VL, work.powers, work.slopes
    d, K, Q = x.size, EQ.size, NL.shape[0]
    powers(x, pw)
    for i in range(d):
        f[s, i] = 0.0
        for j in range(d):
            J[s, i, j] = 0.0
    q = 0
    for k in range(K):
        e, c = EQ[k], theta[k]
        v = slopes(k, table, pw, g)
        f[s, e] += c * v
        V[s, k] = v
        for i in range(d):
            J[s, e, i] += c * g[i]
        while q < Q and NL[q, 0] == k:
            a = NL[q, 1]
            v = c * g[d + a]
            if NL[q, 2] == 1:
                v *= pw[NL[q, 3], table.powers[k, a]]
            V[s, K + q] = v
            q += 1
    for l in range(VL.shape[1]):
        v = value(l, library, pw)
        VL[s, l] = v if np.isfinite(v) else 0.0
    total = 0.0
    for i in range(d):
        total += f[s, i]
    return np.isfinite(total)


@njit(**INLINE)
def attempt(h, theta, model, library, integration, work):
    """The stages of a step, whose first is there; the error relative to what is allowed, infinite if it failed."""
    pair, x, new, f = integration.pair, work.x, work.new, work.f
    stages = pair.error.size
    for s in range(1, stages):
        for i in range(x.size):
            v = 0.0
            for r in range(s):
                v += pair.a[s, r] * f[r, i]
            new[i] = x[i] + h * v
        if not rates(s, new, theta, model, library, work):
            return np.inf
    worst = 0.0
    for i in range(x.size):
        v = 0.0
        for s in range(stages):
            v += pair.error[s] * f[s, i]
        worst = max(worst, abs(h * v) / (integration.atol[i] + integration.rtol * max(abs(x[i]), abs(new[i]))))
    return worst if np.isfinite(worst) else np.inf


@njit(**PLAIN)
def begin(parameters, S):
    """Sensitivities at the begin of a window: those of its initial values alone."""
    for i in range(S.shape[0]):
        for p in range(S.shape[1]):
            S[i, p] = 0.0
        S[i, parameters + i] = 1.0


@njit(**INLINE, fastmath=FAST)
def _slope(s, S, model, work):
    """Rates of the sensitivities `S` at stage s."""
    EQ, NL = model.equations, model.constants
    J, V, VL, D = work.J, work.V, work.VL, work.D
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
def sensitivities(h, first, pair, model, work):
    """Rates of the sensitivities over an accepted step, and those at its end; `first` says whether stage 0 is missing."""
    S, new, D = work.S, work.S_new, work.D
    d, P = S.shape
    if first:
        _slope(0, S, model, work)
    for s in range(1, D.shape[0]):
        for i in range(d):
            to, start = new[i], S[i]
            for p in range(P):
                to[p] = start[p]
            for r in range(s):
                c, one = h * pair.a[s, r], D[r, i]
                if c != 0.0:
                    for p in range(P):
                        to[p] += c * one[p]
        _slope(s, new, model, work)


@njit(**PLAIN)
def dense(part, coefficients, weights):
    """Weights of the stages at a part of the step, between 0 and 1."""
    for s in range(weights.size):
        v = 0.0
        for m in range(coefficients.shape[1] - 1, -1, -1):
            v = part * (coefficients[s, m] + v)
        weights[s] = v
