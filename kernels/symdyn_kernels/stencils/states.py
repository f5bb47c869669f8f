"""States between plain arrays and padded ones; sums and sizes of them."""

from __future__ import annotations

import math

from numba import njit

from symdyn_kernels.options import PLAIN
from symdyn_kernels.simd import hsum, ld, splat, st, vabs, vld, vmax, vst
from symdyn_kernels.stencils.layout import (
    G0,
    G1,
    N0,
    N1,
    N2,
    NF,
    NPAR,
    NS,
    PAD,
    PARAMETERS,
    PARTIAL,
    RANK,
    S0,
    SHARED,
    SIZE,
    S,
)
from symdyn_kernels.stencils.team import share, wait, word


@njit(**PLAIN)
def row_at(T, r):
    """Where row r of the cells of an array begins."""
    return (T[G0] + r // T[N1]) * T[S0] + (T[G1] + r % T[N1]) * T[S] + PAD


@njit(**PLAIN)
def load(T, P, source, y, work):
    """Keep the parameters, and put states from plain arrays one after the other into padded ones."""
    for k in range(T[NPAR]):
        st(work, T[PARAMETERS] + k, P[k])
    rows, n = T[N0] * T[N1], T[N2]
    lo, hi = share(work, rows)
    for a in range(T[NF]):
        for r in range(lo, hi):
            p, row = (a * rows + r) * n, a * T[SIZE] + row_at(T, r)
            for j in range(n):
                st(y, row + j, ld(source, p + j))
    if word(work, RANK) == 0:
        for k in range(T[NS]):
            st(y, T[NF] * T[SIZE] + k, ld(source, T[NF] * rows * n + k))
    wait(work)


@njit(**PLAIN)
def unload(T, y, target, fields, scalars, work):
    """The inverse of `load`, for so many fields and scalars."""
    rows, n = T[N0] * T[N1], T[N2]
    lo, hi = share(work, rows)
    for a in range(fields):
        for r in range(lo, hi):
            p, row = (a * rows + r) * n, a * T[SIZE] + row_at(T, r)
            for j in range(n):
                st(target, p + j, ld(y, row + j))
    if word(work, RANK) == 0:
        for k in range(scalars):
            st(target, fields * rows * n + k, ld(y, fields * T[SIZE] + k))


@njit(**PLAIN)
def summed(work, partial, count):
    """The sum of what all threads have found for rows, in their order."""
    wait(work)
    total = 0.0
    for r in range(count):
        total += ld(partial, r)
    wait(work)
    return total


@njit(**PLAIN)
def total_of(T, a, work):
    """Sum over all cells, row after row."""
    partial, n, end = word(work, SHARED) + 8 * T[PARTIAL], T[N2], T[N2] // 8 * 8
    lo, hi = share(work, T[N0] * T[N1])
    for r in range(lo, hi):
        at = row_at(T, r)
        part = splat(0.0)
        for j in range(0, end, 8):
            part = part + vld(a, at + j)
        row = hsum(part)
        for j in range(end, n):
            row += ld(a, at + j)
        st(partial, r, row)
    return summed(work, partial, T[N0] * T[N1])


@njit(**PLAIN)
def scaled(T, x, y, z, rtol, atol, work):
    """Largest root mean square over fields and scalars of x over its tolerance, with y and z for the size of the states."""
    worst = 0.0
    # scalars first: after the last wait other threads may change them
    for k in range(T[NS]):
        at = T[NF] * T[SIZE] + k
        e = abs(ld(x, at)) / (max(abs(ld(y, at)), abs(ld(z, at))) * rtol + atol)
        worst = e if not e <= worst else worst
    partial, n, end, rows = word(work, SHARED) + 8 * T[PARTIAL], T[N2], T[N2] // 8 * 8, T[N0] * T[N1]
    lo, hi = share(work, rows)
    for a in range(T[NF]):
        for r in range(lo, hi):
            at = a * T[SIZE] + row_at(T, r)
            part = splat(0.0)
            for j in range(0, end, 8):
                e = vld(x, at + j) / (vmax(vabs(vld(y, at + j)), vabs(vld(z, at + j))) * rtol + splat(atol))
                part = part + e * e
            row = hsum(part)
            for j in range(end, n):
                e = ld(x, at + j) / (max(abs(ld(y, at + j)), abs(ld(z, at + j))) * rtol + atol)
                row += e * e
            st(partial, r, row)
        total = math.sqrt(summed(work, partial, rows) / (rows * n))
        worst = total if not total <= worst else worst
    return worst


@njit(**PLAIN)
def sound(T, y, work):
    """Whether all states are finite."""
    total = 0.0
    for k in range(T[NS]):
        total += ld(y, T[NF] * T[SIZE] + k)
    for a in range(T[NF]):
        total += total_of(T, y + 8 * a * T[SIZE], work)
    return math.isfinite(total)


@njit(**PLAIN)
def copied(target, begin, M, work):
    """Put the M entries that begin so many after the target in its place."""
    lo, hi = share(work, M // 8)
    for l in range(8 * lo, 8 * hi, 8):
        vst(target, l, vld(target, begin + l))
    wait(work)


@njit(**PLAIN)
def combine(target, y, k, M, weights, at, count, h, work):
    """``target = y + h*sum(weights[at + j]*k_j)`` over M entries; the k_j are M apart."""
    lo, hi = share(work, M // 16)
    for l in range(16 * lo, 16 * hi, 16):
        a0, a1 = vld(k, l) * splat(weights[at]), vld(k, l + 8) * splat(weights[at])
        for j in range(1, count):
            c = splat(weights[at + j])
            a0 = a0 + vld(k, j * M + l) * c
            a1 = a1 + vld(k, j * M + l + 8) * c
        vst(target, l, vld(y, l) + a0 * splat(h))
        vst(target, l + 8, vld(y, l + 8) + a1 * splat(h))
    wait(work)
