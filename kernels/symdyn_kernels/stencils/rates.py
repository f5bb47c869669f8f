"""The schedule of a system: walls, ghosts, passes, sums and the rates of scalars."""

from __future__ import annotations

from numba import njit

from symdyn_kernels.options import PLAIN
from symdyn_kernels.simd import ld, st
from symdyn_kernels.stencils.calls import call_rates
from symdyn_kernels.stencils.closures import close
from symdyn_kernels.stencils.ghosts import fill
from symdyn_kernels.stencils.layout import (
    CLOSE,
    CLOSE_ROW,
    CLOSURES,
    EVENTS,
    FILL,
    FILL_ROW,
    FILLS,
    NF,
    NOW,
    NPAR,
    NR,
    NS,
    NSR,
    PARAMETERS,
    PASS,
    PASS_ROW,
    PASSES,
    RANK,
    RATES,
    SCHEDULE,
    SIZE,
    STATIC,
    SUM,
    SUM_ROW,
    SUMS,
    WALL,
    WALL_ROW,
    WALLS,
)
from symdyn_kernels.stencils.passes import base, run_pass, scalar_rate, scalar_rates, wall_values
from symdyn_kernels.stencils.states import total_of
from symdyn_kernels.stencils.team import wait, word


@njit(**PLAIN)
def all_rates(T, F, y, dst, work, t, scale, fused, first):
    """Rates of all states at `dst`, or with `fused` the states plus `scale` times their rates."""
    scalars, scalars_out = y + 8 * T[NF] * T[SIZE], dst + 8 * T[NR] * T[SIZE]
    st(work, NOW, t)
    for k in range(T[NS]):
        st(work, T[PARAMETERS] + T[NPAR] + k, ld(scalars, k))
    for e in range(T[EVENTS]):
        kind, row = T[T[SCHEDULE] + 2 * e], T[T[SCHEDULE] + 2 * e + 1]
        if kind == PASS:
            run_pass(T, F, T[PASSES] + PASS_ROW * row, y, dst, work, scale, fused)
        elif kind == FILL:
            fill(T, F, T[FILLS] + FILL_ROW * row, y, dst, work)
        elif kind == CLOSE:
            close(T, F, T[CLOSURES] + CLOSE_ROW * row, y, dst, work)
        elif kind == WALL:
            if first or not T[STATIC]:
                wall_values(T, F, T[WALLS] + WALL_ROW * row, work)
            else:
                continue
        elif kind == SUM:
            q = T[SUMS] + SUM_ROW * row
            st(work, T[PARAMETERS] + T[q + 1], total_of(T, base(T, y, dst, work, T[q]), work) * F[T[q + 2]])
            continue
        else:
            scalar_rates(T, F, work)
            if word(work, RANK) == 0:
                for k in range(T[NSR]):
                    x = scalar_rate(T, work, k)
                    st(scalars_out, k, ld(scalars, k) + scale * x if fused else x)
        wait(work)


@njit(**PLAIN)
def rates(T, F, y, dst, work, t, scale, fused, first):
    """`all_rates`, compiled once for all."""
    call_rates(T[RATES], T.ctypes.data, F.ctypes.data, y, dst, work, t, scale, fused, first)
