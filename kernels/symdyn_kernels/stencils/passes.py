"""Passes: the functions of the model for rows of cells."""

from __future__ import annotations

from numba import njit

from symdyn_kernels.options import PLAIN
from symdyn_kernels.simd import ld, st
from symdyn_kernels.stencils.calls import call_pass
from symdyn_kernels.stencils.layout import (
    AUX,
    FRAME,
    G0,
    G1,
    INS,
    LENGTH,
    LINES,
    NF,
    NOW,
    NR,
    NSR,
    OUTS,
    PAD,
    PARAMETERS,
    PLANES,
    RESULTS,
    S0,
    SCALARS,
    SHARED,
    SIZE,
    TILE,
    VALUES,
    WORDS,
    S,
)
from symdyn_kernels.stencils.team import put, share, word


@njit(**PLAIN)
def base(T, y, dst, work, a):
    """Address of array `a`: fields, then rates, then what passes compute on the way."""
    size = 8 * T[SIZE]
    if a < T[NF]:
        return y + a * size
    if a < T[NF] + T[NR]:
        return dst + (a - T[NF]) * size
    return word(work, SHARED) + 8 * T[AUX] + (a - T[NF] - T[NR]) * size


@njit(**PLAIN)
def walls_at(work):
    """Address of the values of the conditions at walls."""
    return word(work, SHARED) + 8 * VALUES


@njit(**PLAIN)
def framed(T, F, work, rows, cells, across, along, weights, stride, step):
    """Fill the words of the frame, but for addresses of arrays; `across`, `along` and `weights` are places of numbers."""
    frame, numbers = work + 8 * FRAME, F.ctypes.data
    put(frame, 0, rows)
    put(frame, 1, cells)
    put(frame, 2, work + 8 * NOW)
    put(frame, 3, numbers + 8 * max(across, 0))
    put(frame, 4, numbers + 8 * max(along, 0))
    put(frame, 5, work + 8 * T[PARAMETERS])
    put(frame, 6, numbers + 8 * weights)
    put(frame, 7, 8 * stride)
    st(frame, 8, step)
    for k in range(-PAD, PAD + 1):
        put(frame, PLANES + k, 8 * k * T[S0])
        put(frame, LINES + k, 8 * k * stride)
    return frame


@njit(**PLAIN)
def run_pass(T, F, q, y, dst, work, scale, fused):
    """The share of this thread in a pass over a box of cells or faces, in strips whose planes stay in cache."""
    function = T[q + 1] if fused and T[q + 1] else T[q]
    ins, nin, outs, nout = T[INS] + T[q + 2], T[q + 3], T[OUTS] + T[q + 4], T[q + 5]
    i0, planes, j0, rows, col0, cells = T[q + 6], T[q + 7], T[q + 8], T[q + 9], T[q + 10], T[q + 11]
    shared, across, along, weights = T[q + 12], T[q + 13], T[q + 14], T[q + 15]
    lo, hi = share(work, planes * rows)
    if lo == hi:
        return
    frame = framed(T, F, work, 0, cells, across, along, weights, T[S], scale)
    for strip in range(0, rows, T[TILE]):
        for i in range(lo // rows, (hi + rows - 1) // rows):
            j, end = max(strip, lo - i * rows), min(strip + T[TILE], rows, hi - i * rows)
            if j >= end:
                continue
            at = 8 * ((T[G0] + i0 + i) * T[S0] + (T[G1] + j0 + j) * T[S] + PAD + col0)
            put(frame, 0, end - j)
            if across >= 0:
                put(frame, 3, F.ctypes.data + 8 * (across + j))
            if shared >= 0:
                st(work, NOW + 1, F[shared + i])
            for k in range(nin):
                put(frame, WORDS + k, base(T, y, dst, work, T[ins + k]) + at)
            for k in range(nout):
                put(frame, WORDS + nin + k, base(T, y, dst, work, T[outs + k]) + at)
            call_pass(function, frame)


@njit(**PLAIN)
def wall_values(T, F, q, work):
    """Values of the conditions at one wall, in rows along it."""
    function, count, slot, place, across, along = T[q], T[q + 1], T[q + 2], T[q + 3], T[q + 4], T[q + 5]
    rows, cells, stride = T[q + 6], T[q + 7], T[q + 8]
    lo, hi = share(work, rows)
    if lo == hi:
        return
    st(work, NOW + 1, F[place])
    frame = framed(T, F, work, hi - lo, cells, across + lo, along, 0, stride, 0.0)
    for k in range(count):
        put(frame, WORDS + k, walls_at(work) + 8 * ((slot + k) * T[LENGTH] + lo * stride))
    call_pass(function, frame)


@njit(**PLAIN)
def scalar_rates(T, F, work):
    """Rates of the scalars, of which each has a vector of equal numbers."""
    frame = framed(T, F, work, 1, 8, 0, 0, 0, 0, 0.0)
    for k in range(T[NSR]):
        put(frame, WORDS + k, work + 8 * (T[RESULTS] + 8 * k))
    call_pass(T[SCALARS], frame)


@njit(**PLAIN)
def scalar_rate(T, work, k):
    """One of them."""
    return ld(work, T[RESULTS] + 8 * k)
