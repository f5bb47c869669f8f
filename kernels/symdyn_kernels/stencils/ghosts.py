"""Values beyond the walls."""

from __future__ import annotations

from numba import njit

from symdyn_kernels.options import PLAIN
from symdyn_kernels.shared.lines import line
from symdyn_kernels.simd import ld, splat, st, vld, vst
from symdyn_kernels.stencils.layout import G0, G1, LENGTH, N0, N1, N2, PAD, S0, WEIGHTS, S
from symdyn_kernels.stencils.passes import base, walls_at
from symdyn_kernels.stencils.team import share


@njit(**PLAIN)
def lines(T, work, axis):
    """Of lines across a wall: how many this thread has, and which part of each; along the last axis they are single numbers."""
    if axis == 2:
        lo, hi = share(work, T[N0] * T[N1])
        return lo, hi, 0, 1
    count = T[N0] if axis == 1 else T[N1] + 2 * T[G1]
    if count == 1:
        lo, hi = share(work, T[S] // 8)
        return 0, 1, 8 * lo, 8 * hi
    lo, hi = share(work, count)
    return lo, hi, 0, T[S]


@njit(**PLAIN)
def wrap(T, a, ghosts, last, lo, hi):
    """Ghost values of some rows along a periodic last axis."""
    n, columns = T[N1], T[N2]
    for i in range(lo // n, (hi + n - 1) // n):
        begin, end = max(0, lo - i * n), min(n, hi - i * n)
        at = (T[G0] + i) * T[S0] + (T[G1] + begin) * T[S] + PAD
        for _ in range(begin, end):
            for k in range(1, ghosts + 1):
                st(a, at - k, ld(a, at + columns - k))
                st(a, at + last + k, ld(a, at + last + k - columns))
            at += T[S]


@njit(**PLAIN)
def fill(T, F, q, y, dst, work):
    """Ghost values of an array along one axis."""
    lo, hi, begin, end = lines(T, work, T[q + 1])
    fill_lines(T, F, q, base(T, y, dst, work, T[q]), work, lo, hi, begin, end)


@njit(**PLAIN)
def fill_lines(T, F, q, a, work, lo, hi, begin, end):
    """Those of some lines across both walls."""
    if T[q + 1] == 2 and T[q + 2]:
        wrap(T, a, T[q + 3], T[q + 4], lo, hi)
        return
    for side in range(2):
        fill_side(T, F, q, a, work, side, lo, hi, begin, end)


@njit(**PLAIN)
def fill_side(T, F, q, a, work, side, lo, hi, begin, end):
    """Those beyond one wall."""
    axis, periodic, ghosts, last = T[q + 1], T[q + 2], T[q + 3], T[q + 4]
    gamma, n = walls_at(work), T[N1] if axis == 1 else T[N0]
    points, w0, slot = T[q + 5], T[WEIGHTS] + T[q + 6 + 2 * side], T[q + 7 + 2 * side]
    points = points & 0xFFFF if side == 0 else points >> 16
    for r in range(lo, hi):
        origin, s, place = line(T, axis, r)
        edge, step = (origin, s) if side == 0 else (origin + last * s, -s)
        value = slot * T[LENGTH] + place
        for k in range(ghosts):
            target = edge - step * (k + 1)
            c0, v0 = w0 + k * points, w0 + ghosts * points + k
            if periodic:
                other = target + n * s if side == 0 else target - n * s
                for l in range(begin, end, 8):
                    vst(a, target + l, vld(a, other + l))
            elif axis == 2:
                total = 0.0
                for j in range(points):
                    total += F[c0 + j] * ld(a, edge + step * j)
                if slot >= 0:
                    total += F[v0] * ld(gamma, value)
                st(a, target, total)
            else:
                for l in range(begin, end, 8):
                    sums = splat(0.0)
                    for j in range(points):
                        sums = sums + vld(a, edge + step * j + l) * splat(F[c0 + j])
                    if slot >= 0:
                        sums = sums + vld(gamma, value + l) * splat(F[v0])
                    vst(a, target + l, sums)
