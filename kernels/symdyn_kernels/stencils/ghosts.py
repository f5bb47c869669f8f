"""Values beyond the walls, and values of the conditions there."""

from __future__ import annotations

from numba import njit

from symdyn_kernels.options import PLAIN
from symdyn_kernels.simd import call, ld, splat, st, vld, vst
from symdyn_kernels.stencils.layout import G0, LENGTH, N0, N1, PAD, WEIGHTS, S, W
from symdyn_kernels.stencils.passes import base, spread


@njit(**PLAIN)
def fill(T, F, q, y, dst, aux, gamma):
    """Ghost values of an array along one axis."""
    a, s = base(T, y, dst, aux, T[q]), T[S]
    axis, periodic, ghosts, last = T[q + 1], T[q + 2], T[q + 3], T[q + 4]
    length = T[LENGTH]
    if axis == 1:
        origin = T[G0] * s + PAD
        for i in range(T[N0]):
            row = origin + i * s
            if periodic:
                n = T[N1]
                for k in range(1, ghosts + 1):
                    st(a, row - k, ld(a, row + n - k))
                    st(a, row + last + k, ld(a, row + last + k - n))
                continue
            for side in range(2):
                n, w0, slot = T[q + 5], T[WEIGHTS] + T[q + 6 + 2 * side], T[q + 7 + 2 * side]
                n = n & 0xFFFF if side == 0 else n >> 16
                edge, step = (row, 1) if side == 0 else (row + last, -1)
                for k in range(ghosts):
                    total = 0.0
                    for j in range(n):
                        total += F[w0 + k * n + j] * ld(a, edge + step * j)
                    if slot >= 0:
                        total += F[w0 + ghosts * n + k] * ld(gamma, slot * length + i)
                    st(a, edge - step * (k + 1), total)
        return
    origin = T[G0] * s
    for side in range(2):
        n, w0, slot = T[q + 5], T[WEIGHTS] + T[q + 6 + 2 * side], T[q + 7 + 2 * side]
        n = n & 0xFFFF if side == 0 else n >> 16
        edge, step = (origin, s) if side == 0 else (origin + last * s, -s)
        for k in range(ghosts):
            target = edge - step * (k + 1)
            if periodic:
                other = target + T[N0] * s if side == 0 else target - T[N0] * s
                for l in range(0, s, 8):
                    vst(a, target + l, vld(a, other + l))
                continue
            for l in range(0, s, 8):
                total = splat(0.0)
                for j in range(n):
                    total = total + vld(a, edge + step * j + l) * splat(F[w0 + k * n + j])
                if slot >= 0:
                    total = total + vld(gamma, slot * length + l) * splat(F[w0 + ghosts * n + k])
                vst(a, target + l, total)


@njit(**PLAIN)
def wall_values(T, F, q, lane, yb, pb, ob, gamma):
    """Values of the conditions at one wall, along it."""
    w, length = T[W], T[LENGTH]
    f, axis, nout, slot, fixed, along, count = T[q], T[q + 1], T[q + 2], T[q + 3], T[q + 4], T[q + 5], T[q + 6]
    spread(lane, 1 + axis, w, F[fixed])
    c = 0
    while c < count:
        c = min(c, count - w)
        for l in range(w):
            st(lane, (2 - axis) * w + l, F[along + c + l])
        call(f, lane, yb, pb, ob)
        for k in range(nout):
            for l in range(0, w, 8):
                vst(gamma, (slot + k) * length + c + l, vld(ob, k * w + l))
        c += w
