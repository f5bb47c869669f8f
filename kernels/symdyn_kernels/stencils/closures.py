"""First derivatives in the cells next to walls, from the cells there and the values of the conditions."""

from __future__ import annotations

from numba import njit

from symdyn_kernels.options import PLAIN
from symdyn_kernels.simd import ld, splat, st, vld, vst
from symdyn_kernels.stencils.layout import G0, LENGTH, N0, N1, PAD, WEIGHTS, S
from symdyn_kernels.stencils.passes import base


@njit(**PLAIN)
def close(T, F, q, y, dst, aux, gamma):
    """Replace the derivatives of one array along one axis next to both walls."""
    source, target = base(T, y, dst, aux, T[q]), base(T, y, dst, aux, T[q + 1])
    axis, s, length = T[q + 2], T[S], T[LENGTH]
    for side in range(2):
        p = q + 3 + 4 * side
        rows, points, w0, slot = T[p], T[p + 1], T[WEIGHTS] + T[p + 2], T[p + 3]
        v0 = w0 + rows * points
        if axis == 1:
            for i in range(T[N0]):
                row = (T[G0] + i) * s + PAD
                edge, step = (row, 1) if side == 0 else (row + T[N1] - 1, -1)
                for k in range(rows):
                    total = 0.0
                    for j in range(points):
                        total += F[w0 + k * points + j] * ld(source, edge + step * j)
                    if slot >= 0:
                        total += F[v0 + k] * ld(gamma, slot * length + i)
                    st(target, edge + step * k, total)
            continue
        edge, step = (T[G0] * s, s) if side == 0 else ((T[G0] + T[N0] - 1) * s, -s)
        for k in range(rows):
            for l in range(0, s, 8):
                total = splat(0.0)
                for j in range(points):
                    total = total + vld(source, edge + step * j + l) * splat(F[w0 + k * points + j])
                if slot >= 0:
                    total = total + vld(gamma, slot * length + l) * splat(F[v0 + k])
                vst(target, edge + step * k + l, total)
