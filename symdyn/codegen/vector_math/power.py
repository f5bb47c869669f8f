r"""Powers: the logarithm to 2^-66, times the exponent, and the exponential of both parts.

With ``x = 2^k m``, m from sqrt(3)/2 to sqrt(3), and b = 1 or 3/2, whichever is nearer (FDLIBM's e_pow.c reduces so too),

    log x = k ln 2 + log b + 2 atanh s,    s = (m - b) / (m + b),    |s| < 0.1011,
    2 atanh s = 2 s + s^3 (2/3 + s^2 L(s^2)).
"""

from __future__ import annotations

import math

from symdyn.codegen.vector_math._parts import LN2_HIGH, LN2_LOW, polynomial, quick_sum, quotient, scaled, split
from symdyn.codegen.vector_math.draft import Value, fma, mad, magnitude, select, where_scalar
from symdyn.codegen.vector_math.exponential import exp_reduced

__all__ = ["pow"]

#: Minimax polynomial (exchange of Remez) for s**2 up to 0.01025; relative error of the logarithm below 2**-69.
ATANH = (
    0.39999999999999636, 0.28571428571909147, 0.22222221985534704, 0.18181875357507105, 0.15377345300226214,
    0.13799568439394638,
)  # fmt: skip
TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
#: log(3/2); the first part ends in zeros, so that adding multiples of LN2_HIGH is exact.
LOG_3_2 = (0.4054651081078191, 3.452764795203977e-13)
ROOT_3_HALF_BITS = 0x3FEBB67A00000000


def _log(x: Value) -> tuple[Value, Value]:
    """The logarithm of a positive normal number in two parts."""
    m, k = split(x, ROOT_3_HALF_BITS)
    near = m < 1.224744871391589
    b = select(near, 1.0, 1.5)
    bottom, lost = quick_sum(b, m)  # b - bottom is exact, as b has but two bits
    s, s_low = quotient((m - b, 0.0), (bottom, lost))
    w = s * s
    cube = s * w
    cube_low = mad(w, s_low * 3.0, fma(s, s, -w) * s + fma(s, w, -cube))
    c, c_low = quick_sum(TWO_THIRDS[0], w * polynomial(w, ATANH))
    third = cube * c
    third_low = mad(cube, c_low + TWO_THIRDS[1], mad(cube_low, c, fma(cube, c, -third)))
    first, first_low = quick_sum(mad(k, LN2_HIGH, select(near, 0.0, LOG_3_2[0])), s + s)
    total, total_low = quick_sum(first, third)
    constant_low = mad(k, LN2_LOW, select(near, 0.0, LOG_3_2[1]))
    return total, total_low + (third_low + (mad(2.0, s_low, first_low) + constant_low))


def pow(x: Value, y: Value) -> Value:
    """``x**y``, by the C library where x is negative, -0, denormal, infinite or a NaN, or y is infinite or a NaN."""
    log_x, low = _log(x)
    product = y * select(x.equals(0.0), -math.inf, log_x)
    p, n = exp_reduced(product, mad(y, low, fma(y, log_x, -product)))
    value = select(product > 709.8, math.inf, select(product < -745.2, 0.0, scaled(p, n)))
    common = ((x >= 2.0**-1022) & (x < math.inf)) | (x.bits.equals(0) & (magnitude(y) > 0.0))
    return where_scalar(~(common & (magnitude(y) < math.inf)), "pow", [x, y], value)
