"""States between plain arrays and padded ones; sums and sizes of them."""

from __future__ import annotations

import math

from numba import njit

from symdyn_kernels.options import PLAIN
from symdyn_kernels.simd import hsum, ld, splat, st, vabs, vld, vmax, vst
from symdyn_kernels.stencils.layout import G0, INPUTS, N0, N1, NF, NPAR, NS, OUTPUTS, PAD, SIZE, S, W
from symdyn_kernels.stencils.passes import spread


@njit(**PLAIN)
def load(T, F, P, source, y, work):
    """Put parameters into the lanes, and states from plain arrays one after the other into padded ones."""
    w = T[W]
    pb = work + 8 * (3 + T[INPUTS] + T[OUTPUTS]) * w
    for k in range(T[NPAR]):
        spread(pb, k, w, P[k])
    p = 0
    for a in range(T[NF]):
        for i in range(T[N0]):
            row = a * T[SIZE] + (T[G0] + i) * T[S] + PAD
            for j in range(T[N1]):
                st(y, row + j, ld(source, p))
                p += 1
    for k in range(T[NS]):
        st(y, T[NF] * T[SIZE] + k, ld(source, p + k))


@njit(**PLAIN)
def unload(T, y, target, fields, scalars):
    """The inverse of `load`, for so many fields and scalars."""
    p = 0
    for a in range(fields):
        for i in range(T[N0]):
            row = a * T[SIZE] + (T[G0] + i) * T[S] + PAD
            for j in range(T[N1]):
                st(target, p, ld(y, row + j))
                p += 1
    for k in range(scalars):
        st(target, p + k, ld(y, fields * T[SIZE] + k))


@njit(**PLAIN)
def total_of(T, a):
    """Sum over all cells, row after row."""
    total = 0.0
    n, end = T[N1], T[N1] // 8 * 8
    for i in range(T[N0]):
        at = (T[G0] + i) * T[S] + PAD
        part = splat(0.0)
        for j in range(0, end, 8):
            part = part + vld(a, at + j)
        row = hsum(part)
        for j in range(end, n):
            row += ld(a, at + j)
        total += row
    return total


@njit(**PLAIN)
def scaled(T, x, y, z, rtol, atol):
    """Largest root mean square over fields and scalars of x over its tolerance, with y and z for the size of the states."""
    worst = 0.0
    n, end = T[N1], T[N1] // 8 * 8
    for a in range(T[NF]):
        total = 0.0
        for i in range(T[N0]):
            at = a * T[SIZE] + (T[G0] + i) * T[S] + PAD
            part = splat(0.0)
            for j in range(0, end, 8):
                e = vld(x, at + j) / (vmax(vabs(vld(y, at + j)), vabs(vld(z, at + j))) * rtol + splat(atol))
                part = part + e * e
            row = hsum(part)
            for j in range(end, n):
                e = ld(x, at + j) / (max(abs(ld(y, at + j)), abs(ld(z, at + j))) * rtol + atol)
                row += e * e
            total += row
        total = math.sqrt(total / (T[N0] * n))
        worst = total if not total <= worst else worst
    for k in range(T[NS]):
        at = T[NF] * T[SIZE] + k
        e = abs(ld(x, at)) / (max(abs(ld(y, at)), abs(ld(z, at))) * rtol + atol)
        worst = e if not e <= worst else worst
    return worst


@njit(**PLAIN)
def sound(T, y):
    """Whether all states are finite."""
    total = 0.0
    for a in range(T[NF]):
        total += total_of(T, y + 8 * a * T[SIZE])
    for k in range(T[NS]):
        total += ld(y, T[NF] * T[SIZE] + k)
    return math.isfinite(total)


@njit(**PLAIN)
def combine(target, y, k, M, weights, at, count, h):
    """``target = y + h*sum(weights[at + j]*k_j)`` over M entries; the k_j are M apart."""
    for l in range(0, M, 16):
        a0, a1 = vld(k, l) * splat(weights[at]), vld(k, l + 8) * splat(weights[at])
        for j in range(1, count):
            c = splat(weights[at + j])
            a0 = a0 + vld(k, j * M + l) * c
            a1 = a1 + vld(k, j * M + l + 8) * c
        vst(target, l, vld(y, l) + a0 * splat(h))
        vst(target, l + 8, vld(y, l + 8) + a1 * splat(h))
