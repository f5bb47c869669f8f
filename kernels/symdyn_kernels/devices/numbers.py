"""What texts shared with the processor are written in (`symdyn_kernels.shared._numbers`), for cards."""

from __future__ import annotations

from symdyn_kernels.devices._prelude import floor, i64, math


def power(x, exponent):
    """x**exponent to about 1e-7 for positive x, by the polynomial of `symdyn_kernels.simd.vpow`."""
    z = math.log(x) * (exponent * 1.4426950408889634)
    k = floor(z + 0.5)
    f = (z - k) * 0.6931471805599453
    tail = 0.041666666666666664 + f * (0.008333333333333333 + f * 0.001388888888888889)
    return math.ldexp(1.0 + f * (1.0 + f * (0.5 + f * (0.16666666666666666 + f * tail))), i64(k))


def least(x, y):
    """The smaller one."""
    return min(x, y)


def greatest(x, y):
    """The greater one."""
    return max(x, y)
