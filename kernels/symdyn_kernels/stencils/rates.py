"""The schedule of a system: walls, ghosts, passes, sums and the rates of scalars."""

from __future__ import annotations

from numba import njit

from symdyn_kernels.options import PLAIN
from symdyn_kernels.simd import call, ld, st
from symdyn_kernels.stencils.calls import call_rates
from symdyn_kernels.stencils.closures import close
from symdyn_kernels.stencils.ghosts import fill, wall_values
from symdyn_kernels.stencils.layout import (
    CLOSE,
    CLOSE_ROW,
    CLOSURES,
    EVENTS,
    FILL,
    FILL_ROW,
    FILLS,
    INPUTS,
    LENGTH,
    NF,
    NP,
    NPAR,
    NR,
    NS,
    NSR,
    OUTPUTS,
    PASS,
    PASS_ROW,
    PASSES,
    RATES,
    SCALARS,
    SCHEDULE,
    SIZE,
    SLOTS,
    STATIC,
    SUM,
    SUM_ROW,
    SUMS,
    WALL,
    WALL_ROW,
    WALLS,
    W,
)
from symdyn_kernels.stencils.passes import base, run_pass, spread
from symdyn_kernels.stencils.states import total_of


@njit(**PLAIN)
def all_rates(T, F, y, dst, work, t, scale, fused, first):
    """Rates of all states at `dst`, or with `fused` the states plus `scale` times their rates."""
    w = T[W]
    lane = work
    yb = lane + 8 * 3 * w
    ob = yb + 8 * T[INPUTS] * w
    pb = ob + 8 * T[OUTPUTS] * w
    gamma = pb + 8 * T[NP] * w
    aux = gamma + 8 * T[SLOTS] * T[LENGTH]
    scalars, scalars_out = y + 8 * T[NF] * T[SIZE], dst + 8 * T[NR] * T[SIZE]
    spread(lane, 0, w, t)
    for k in range(T[NS]):
        spread(pb, T[NPAR] + k, w, ld(scalars, k))
    for e in range(T[EVENTS]):
        kind, row = T[T[SCHEDULE] + 2 * e], T[T[SCHEDULE] + 2 * e + 1]
        if kind == PASS:
            run_pass(T, F, T[PASSES] + PASS_ROW * row, y, dst, aux, lane, yb, pb, ob, scale, fused)
        elif kind == FILL:
            fill(T, F, T[FILLS] + FILL_ROW * row, y, dst, aux, gamma)
        elif kind == CLOSE:
            close(T, F, T[CLOSURES] + CLOSE_ROW * row, y, dst, aux, gamma)
        elif kind == WALL:
            if first or not T[STATIC]:
                wall_values(T, F, T[WALLS] + WALL_ROW * row, lane, yb, pb, ob, gamma)
        elif kind == SUM:
            q = T[SUMS] + SUM_ROW * row
            spread(pb, T[q + 1], w, total_of(T, base(T, y, dst, aux, T[q])) * F[T[q + 2]])
        else:
            call(T[SCALARS], lane, yb, pb, ob)
            for k in range(T[NSR]):
                x = ld(ob, k * w)
                st(scalars_out, k, ld(scalars, k) + scale * x if fused else x)


@njit(**PLAIN)
def rates(T, F, y, dst, work, t, scale, fused, first):
    """`all_rates`, compiled once for all."""
    call_rates(T[RATES], T.ctypes.data, F.ctypes.data, y, dst, work, t, scale, fused, first)
