r"""Sine, cosine and tangent.

With ``n = round(2 x / pi)`` the argument is ``r = x - n pi/2``, kept in two parts; pi/2 is three doubles (Cody & Waite),
which is exact enough up to 2^30.  The polynomials for :math:`|r| \le \pi/4` are those of FDLIBM's k_sin.c and k_cos.c.
Beyond 2^30 the C library, which uses pi to a thousand bits, is called for the lanes concerned.
"""

from __future__ import annotations

from symdyn.codegen.vector_math._parts import nearest, polynomial, quick_sum, quotient, two_sum
from symdyn.codegen.vector_math.draft import Value, fma, mad, magnitude, number, select, where_scalar

__all__ = ["cos", "sin", "tan"]

SIGN = -(2**63)
TWO_OVER_PI = 0.6366197723675814
HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
LIMIT = 2.0**30
#: FDLIBM, k_sin.c: S1 to S6; k_cos.c: C1 to C6.
SIN = (
    -1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04,
    2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10,
)  # fmt: skip
COS = (
    4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05,
    -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11,
)  # fmt: skip


class _Quadrant:
    """An argument ``a >= 0`` reduced: sine and cosine of r, each in two parts, and the number of the quadrant."""

    def __init__(self, a: Value) -> None:
        n, shifted = nearest(a, TWO_OVER_PI)
        high = fma(-n, HALF_PI[0], a)  # exact: a multiple of 2**-53 below one
        second = n * HALF_PI[1]
        first, error = two_sum(high, -second)
        r, low = quick_sum(first, mad(-n, HALF_PI[2], error - fma(n, HALF_PI[1], -second)))
        z = r * r
        half = 0.5 * z
        one, rest = quick_sum(1.0, -half)
        self.sin = (r, mad(z * r, polynomial(z, SIN), mad(-half, low, low)))
        self.cos = (one, rest + mad(z * z, polynomial(z, COS), -r * low))
        self.number = shifted.bits


def _swapped(odd: Value, yes: tuple[Value, Value], no: tuple[Value, Value]) -> tuple[Value, Value]:
    return select(odd, yes[0], no[0]), select(odd, yes[1], no[1])


def sin(x: Value) -> Value:
    """Of |x|, with the sign of x."""
    a = magnitude(x)
    q = _Quadrant(a)
    high, low = _swapped((q.number & 1).equals(1), q.cos, q.sin)
    value = number((high + low).bits ^ ((q.number & 2) << 62) ^ (x.bits & SIGN))
    return where_scalar(a > LIMIT, "sin", [x], value)


def cos(x: Value) -> Value:
    """Of |x|."""
    a = magnitude(x)
    q = _Quadrant(a)
    high, low = _swapped((q.number & 1).equals(1), q.sin, q.cos)
    value = number((high + low).bits ^ (((q.number + 1) & 2) << 62))
    return where_scalar(a > LIMIT, "cos", [x], value)


def tan(x: Value) -> Value:
    """``sin r / cos r``, or ``-cos r / sin r`` in every second quadrant."""
    a = magnitude(x)
    q = _Quadrant(a)
    odd = (q.number & 1).equals(1)
    sine, cosine = quick_sum(*q.sin), quick_sum(*q.cos)
    value, lacking = quotient(_swapped(odd, cosine, sine), _swapped(odd, sine, cosine))
    signed = number((value + lacking).bits ^ (q.number << 63) ^ (x.bits & SIGN))
    return where_scalar(a > LIMIT, "tan", [x], signed)
