r"""Logarithm and the inverse hyperbolic functions, which are logarithms of ``1 + u``.

With ``x = 2^k (1 + f)`` and ``s = f / (2 + f)``, FDLIBM's e_log.c takes

    log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)),    :math:`\sqrt{1/2} \le 1 + f \le \sqrt 2`.
"""

from __future__ import annotations

import math

from symdyn.codegen.vector_math._parts import LN2_HIGH, LN2_LOW, MAGIC, polynomial, power_of_two, quotient, split, two_sum
from symdyn.codegen.vector_math.draft import Value, copysign, mad, magnitude, select, sqrt

__all__ = ["acosh", "asinh", "atanh", "log"]

#: FDLIBM, e_log.c: Lg1 to Lg7; the error of the logarithm is below 2**-58.45.
LOG = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
    1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01,
)  # fmt: skip
#: Beyond it, 1 is lost beside the square of a number.
LARGE = 2.0**120


def _log(f: Value, k: Value, low: Value | None = None) -> Value:
    """``k ln 2 + log(1 + f + low)``."""
    s = f / (f + 2.0)
    z = s * s
    half = 0.5 * f * f
    rest = mad(k, LN2_LOW, s * (half + z * polynomial(z, LOG)))
    if low is not None:
        rest = rest + low
    return mad(k, LN2_HIGH, f - (half - rest))


def log(x: Value) -> Value:
    """The natural logarithm; minus infinity at 0, a NaN below."""
    tiny = x < 2.0**-1022
    m, k = split(select(tiny, x * 2.0**54, x))
    value = select(x.equals(math.inf), x, _log(m - 1.0, k - select(tiny, 54.0, 0.0)))
    return select(x > 0.0, value, select(x.equals(0.0), -math.inf, math.nan))


def _log_of_one_plus(u: Value, low: Value, shift: Value | None = None) -> Value:
    """``log(1 + u + low) + shift ln 2`` for ``0 <= u < 2**1000``."""
    w, lost = two_sum(1.0, u)
    m, k = split(w)
    tail = (lost + low) * power_of_two(MAGIC - k)
    f = (m - 1.0) + tail
    return _log(f, k if shift is None else k + shift, ((m - 1.0) - f) + tail)


def asinh(x: Value) -> Value:
    """``log(1 + a + a**2 / (1 + sqrt(1 + a**2)))`` with ``a = |x|``."""
    a = magnitude(x)
    large = a > LARGE
    square = select(large, 0.0, a * a)
    v = square / (sqrt(1.0 + square) + 1.0)
    u = a + v
    low = select(large, 0.0, (a - u) + v)
    value = _log_of_one_plus(select(large, a * 2.0**-60, u), low, select(large, 61.0, 0.0))
    return copysign(select(a < math.inf, value, a), x)


def acosh(x: Value) -> Value:
    """``log(1 + t + sqrt(2 t + t**2))`` with ``t = x - 1``; a NaN below 1."""
    large = x > LARGE
    t = select(large, 0.0, x - 1.0)
    root = sqrt(mad(t, t, t + t))
    u = t + root
    low = select(large, 0.0, (root - u) + t)
    value = _log_of_one_plus(select(large, x * 2.0**-60, u), low, select(large, 61.0, 0.0))
    return select(x >= 1.0, select(x < math.inf, value, x), math.nan)


def atanh(x: Value) -> Value:
    """``log(1 + 2 a / (1 - a)) / 2`` with ``a = |x|``; a NaN beyond 1."""
    a = magnitude(x)
    bottom = 1.0 - a
    u, low = quotient((a + a, 0.0), (bottom, (1.0 - bottom) - a))
    inside = select(a < 1.0, 0.5 * _log_of_one_plus(u, low), select(a.equals(1.0), math.inf, math.nan))
    return copysign(inside, x)
