"""Rates of fields: the loop over a grid, for callers that step by themselves."""

from __future__ import annotations

from numba import carray, cfunc, njit

from symdyn_kernels.options import HELPER
from symdyn_kernels.stencils.layout import NF, NR, NS, NSR, SIZE
from symdyn_kernels.stencils.rates import all_rates, rates
from symdyn_kernels.stencils.states import load, unload


@cfunc("void(CPointer(int64), CPointer(float64), int64, int64, int64, float64, float64, int64, int64)", error_model="numpy")
def rates_function(T, F, y, dst, work, t, scale, fused, first):
    """`all_rates` for callers that have the addresses of the tables."""
    all_rates(carray(T, (1,)), carray(F, (1,)), y, dst, work, t, scale, fused, first)


@njit("void(int64[::1], float64[::1], float64[::1], int64, int64, float64, int64, int64)", **HELPER)
def evaluate(T, F, P, source, target, t, states, work):
    """Results at plain places from plain states; `states` has room for the padded states and results."""
    M = (T[NF] * T[SIZE] + T[NS] + 15) // 16 * 16
    load(T, P, source, states, work)
    rates(T, F, states, states + 8 * M, work, t, 1.0, 0, 1)
    unload(T, states + 8 * M, target, T[NR], T[NSR], work)
