"""Passes: stencils into blocks of cells, the point function of the model, and its results into arrays."""

from __future__ import annotations

from numba import njit

from symdyn_kernels.options import PLAIN
from symdyn_kernels.simd import call, splat, st, vld, vst
from symdyn_kernels.stencils.layout import COEFFICIENTS, ENTRIES, G0, IN_ROW, INS, NF, NR, OUTS, PAD, SIZE, S, W


@njit(**PLAIN)
def base(T, y, dst, aux, a):
    """Address of array `a`: fields, then rates, then what passes compute on the way."""
    size = 8 * T[SIZE]
    if a < T[NF]:
        return y + a * size
    if a < T[NF] + T[NR]:
        return dst + (a - T[NF]) * size
    return aux + (a - T[NF] - T[NR]) * size


@njit(**PLAIN)
def spread(address, place, W, value):
    """Put a number into all lanes."""
    x = splat(value)
    for l in range(0, W, 8):
        vst(address, place * W + l, x)


@njit(**PLAIN)
def gather(T, F, source, at, entry, count, target, W):
    """The weighted sums over neighbours of W cells in a row."""
    o0, c0 = T[ENTRIES] + entry, T[COEFFICIENTS] + entry
    if count == 1 and F[c0] == 1.0:
        p = at + T[o0]
        for l in range(0, W, 8):
            vst(target, l, vld(source, p + l))
        return
    l = 0
    while l + 32 <= W:
        p = at + l + T[o0]
        c = splat(F[c0])
        a0, a1, a2, a3 = vld(source, p) * c, vld(source, p + 8) * c, vld(source, p + 16) * c, vld(source, p + 24) * c
        for k in range(1, count):
            p = at + l + T[o0 + k]
            c = splat(F[c0 + k])
            a0 = a0 + vld(source, p) * c
            a1 = a1 + vld(source, p + 8) * c
            a2 = a2 + vld(source, p + 16) * c
            a3 = a3 + vld(source, p + 24) * c
        vst(target, l, a0)
        vst(target, l + 8, a1)
        vst(target, l + 16, a2)
        vst(target, l + 24, a3)
        l += 32
    while l < W:
        a0 = vld(source, at + l + T[o0]) * splat(F[c0])
        for k in range(1, count):
            a0 = a0 + vld(source, at + l + T[o0 + k]) * splat(F[c0 + k])
        vst(target, l, a0)
        l += 8


@njit(**PLAIN)
def run_pass(T, F, q, y, dst, aux, lane, yb, pb, ob, scale, fused):
    """One pass over a rectangle of cells or faces."""
    w, s = T[W], T[S]
    f, ins, nin, outs, nout = T[q], T[INS] + IN_ROW * T[q + 1], T[q + 2], T[OUTS] + T[q + 3], T[q + 4]
    row0, rows, col0, cols, slow, fast = T[q + 5], T[q + 6], T[q + 7], T[q + 8], T[q + 9], T[q + 10]
    for r in range(rows):
        line = (T[G0] + row0 + r) * s + PAD + col0
        if slow >= 0:
            spread(lane, 1, w, F[slow + r])
        c = 0
        while c < cols:
            c = min(c, cols - w)
            if fast >= 0:
                for l in range(w):
                    st(lane, 2 * w + l, F[fast + c + l])
            for k in range(nin):
                source = base(T, y, dst, aux, T[ins + IN_ROW * k])
                gather(T, F, source, line + c, T[ins + IN_ROW * k + 1], T[ins + IN_ROW * k + 2], yb + 8 * k * w, w)
            call(f, lane, yb, pb, ob)
            for k in range(nout):
                a = T[outs + k]
                target, o = base(T, y, dst, aux, a), ob + 8 * k * w
                if fused and T[NF] <= a < T[NF] + T[NR]:
                    before, h = base(T, y, dst, aux, a - T[NF]), splat(scale)
                    for l in range(0, w, 8):
                        vst(target, line + c + l, vld(before, line + c + l) + vld(o, l) * h)
                else:
                    for l in range(0, w, 8):
                        vst(target, line + c + l, vld(o, l))
            c += w
