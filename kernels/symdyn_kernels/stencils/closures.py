"""First derivatives in the cells next to walls, from the cells there and the values of the conditions."""

from __future__ import annotations

from numba import njit

from symdyn_kernels.options import PLAIN
from symdyn_kernels.shared.lines import line
from symdyn_kernels.simd import ld, splat, st, vld, vst
from symdyn_kernels.stencils.ghosts import lines
from symdyn_kernels.stencils.layout import LENGTH, N0, N1, N2, WEIGHTS
from symdyn_kernels.stencils.passes import base, walls_at


@njit(**PLAIN)
def close(T, F, q, y, dst, work):
    """Replace the derivatives of one array along one axis next to both walls."""
    source, target = base(T, y, dst, work, T[q]), base(T, y, dst, work, T[q + 1])
    axis, gamma = T[q + 2], walls_at(work)
    n = T[N2] if axis == 2 else T[N1] if axis == 1 else T[N0]
    lo, hi, begin, end = lines(T, work, axis)
    for r in range(lo, hi):
        origin, s, place = line(T, axis, r)
        for side in range(2):
            p = q + 3 + 4 * side
            rows, points, w0, slot = T[p], T[p + 1], T[WEIGHTS] + T[p + 2], T[p + 3]
            v0, value = w0 + rows * points, slot * T[LENGTH] + place
            edge, step = (origin, s) if side == 0 else (origin + (n - 1) * s, -s)
            for k in range(rows):
                if axis == 2:
                    total = 0.0
                    for j in range(points):
                        total += F[w0 + k * points + j] * ld(source, edge + step * j)
                    if slot >= 0:
                        total += F[v0 + k] * ld(gamma, value)
                    st(target, edge + step * k, total)
                    continue
                for l in range(begin, end, 8):
                    sums = splat(0.0)
                    for j in range(points):
                        sums = sums + vld(source, edge + step * j + l) * splat(F[w0 + k * points + j])
                    if slot >= 0:
                        sums = sums + vld(gamma, value + l) * splat(F[v0 + k])
                    vst(target, edge + step * k + l, sums)
