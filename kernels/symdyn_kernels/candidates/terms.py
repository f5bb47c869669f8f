"""Values and slopes of terms; `symdyn_kernels.candidates` says how they are written."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.options import PLAIN

__all__ = ["ABS", "COS", "COT", "EXP", "INV", "LOG", "MOST", "NONE", "SIG", "SIN", "SQRT", "TANH", "powers", "slopes", "value"]

#: Functions of terms; SIG is ``1/(1 + exp(z))``, LOG and SQRT are those of ``|z|``.
NONE, SIN, COS, EXP, LOG, SQRT, ABS, INV, SIG, COT, TANH = range(11)
#: Largest exponent of a state.
MOST = 7
#: Beyond these arguments a function counts as undefined, or saturated.
_LARGE, _SATURATED, _POLE = 50.0, 500.0, 1e-9


@njit(**PLAIN)
def powers(x, pw):
    """Powers 0 to `MOST` of every state, (d, MOST + 1)."""
    for i in range(x.size):
        v = 1.0
        for m in range(MOST + 1):
            pw[i, m] = v
            v *= x[i]


@njit(**PLAIN)
def _function(ty, z):
    """A function and its slope; NaN where it is not defined."""
    if ty == SIN:
        return math.sin(z), math.cos(z)
    if ty == COS:
        return math.cos(z), -math.sin(z)
    if ty == EXP:
        g = math.exp(z) if z < _LARGE else np.nan
        return g, g
    if ty == LOG:
        if abs(z) < 1e-12:
            return np.nan, np.nan
        return math.log(abs(z)), 1.0 / z
    if ty == SQRT:
        g = math.sqrt(abs(z) + 1e-12)
        return g, (0.5 if z >= 0 else -0.5) / g
    if ty == ABS:
        return abs(z), 1.0 if z >= 0 else -1.0
    if ty == INV:
        g = 1.0 / z if abs(z) > _POLE else np.nan
        return g, -g * g
    if ty == SIG:
        g = 1.0 / (1.0 + math.exp(max(min(z, _SATURATED), -_SATURATED)))
        return g, -g * (1.0 - g)
    if ty == TANH:
        g = math.tanh(z)
        return g, 1.0 - g * g
    s = math.sin(z)
    g = 1.0 / s if abs(s) > _POLE else np.nan
    return math.cos(z) * g, -g * g


@njit(**PLAIN)
def _argument(k, a, table, pw):
    W, M = table.weights, table.powers
    z = table.offsets[k, a]
    for i in range(pw.shape[0]):
        if W[k, a, i] != 0.0:
            z += W[k, a, i] * pw[i, M[k, a]]
    return z


@njit(**PLAIN)
def value(k, table, pw):
    """Value of term k; NaN where it is not defined."""
    E, TY = table.exponents, table.functions
    v = 1.0
    for i in range(pw.shape[0]):
        v *= pw[i, E[k, i]]
    for a in range(2):
        if TY[k, a] != NONE:
            v *= _function(TY[k, a], _argument(k, a, table, pw))[0]
    return v


@njit(**PLAIN)
def slopes(k, table, pw, g):
    """Value of term k; `g` becomes its derivatives by the d states, then by the arguments of its two functions."""
    E, TY, W, M = table.exponents, table.functions, table.weights, table.powers
    d = pw.shape[0]
    mono = 1.0
    for i in range(d):
        mono *= pw[i, E[k, i]]
    g0, h0, g1, h1 = 1.0, 0.0, 1.0, 0.0
    if TY[k, 0] != NONE:
        g0, h0 = _function(TY[k, 0], _argument(k, 0, table, pw))
    if TY[k, 1] != NONE:
        g1, h1 = _function(TY[k, 1], _argument(k, 1, table, pw))
    s0, s1 = mono * h0 * g1, mono * g0 * h1
    for i in range(d):
        v = 0.0
        e = E[k, i]
        if e > 0:
            v = e * pw[i, e - 1] * g0 * g1
            for j in range(d):
                if j != i:
                    v *= pw[j, E[k, j]]
        if W[k, 0, i] != 0.0:
            v += s0 * W[k, 0, i] * M[k, 0] * pw[i, M[k, 0] - 1]
        if W[k, 1, i] != 0.0:
            v += s1 * W[k, 1, i] * M[k, 1] * pw[i, M[k, 1] - 1]
        g[i] = v
    g[d] = s0
    g[d + 1] = s1
    return mono * g0 * g1
