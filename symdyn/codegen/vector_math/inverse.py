r"""Inverse trigonometric functions.

asin s = s + s z A(z),    z = s^2 <= 1/4,   and   acos, asin of larger arguments through asin sqrt((1 - x) / 2);
atan t = t + t z T(z),    z = t^2 <= 1,     and   atan a = pi/2 - atan(1/a).
"""

from __future__ import annotations

import math

from symdyn.codegen.vector_math._parts import polynomial, quick_sum
from symdyn.codegen.vector_math.draft import Value, copysign, magnitude, number, select, sqrt

__all__ = ["acos", "asin", "atan", "atan2"]

SIGN = -(2**63)
PI = (3.141592653589793, 1.2246467991473532e-16)
HALF_PI = (1.5707963267948966, 6.123233995736766e-17)
#: Minimax polynomials (exchange of Remez); relative errors of asin below 2**-58, of atan below 2**-54.5.
ASIN = (
    0.16666666666666763, 0.07499999999970246, 0.04464285717513577, 0.03038194268294686, 0.022372215677769786,
    0.017351599801514635, 0.013980964688299818, 0.01139775118112255, 0.01078666029920494,
    0.0036825703897652665, 0.0217645986716529, -0.021078793309017442, 0.032677800868470316,
)  # fmt: skip
ATAN = (
    -0.33333333333333093, 0.19999999999955415, -0.14285714282801062, 0.11111111013616519, -0.09090907118647852,
    0.07692281179633143, -0.06666414939027991, 0.0588059220668132, -0.052538040107657474, 0.047232881587741506,
    -0.04221704278085645, 0.036693252815981216, -0.029985137047334437, 0.022084621560763126,
    -0.013994494216537576, 0.007263015050847406, -0.0029191695240234653, 0.0008434253001804249,
    -0.00015478456859881244, 1.348806617886615e-05,
)  # fmt: skip


def _asin(a: Value) -> tuple[Value, Value, Value]:
    """Whether a = |x| exceeds 1/2, and asin in two parts of a or, where it does, of ``sqrt((1 - a) / 2)``."""
    large = a > 0.5
    z = select(large, 0.5 - 0.5 * a, a * a)
    s = select(large, sqrt(z), a)
    return large, s, s * (z * polynomial(z, ASIN))


def _difference(base: tuple[Value, Value] | tuple[float, float], s: Value, low: Value) -> Value:
    """``base - s - low``, where ``base`` is zero or at least s."""
    high, rest = quick_sum(base[0], -s)
    return high + (rest + (base[1] - low))


def asin(x: Value) -> Value:
    """From -pi/2 to pi/2; a NaN beyond 1."""
    large, s, low = _asin(magnitude(x))
    return copysign(select(large, _difference(HALF_PI, s + s, low + low), s + low), x)


def acos(x: Value) -> Value:
    """From 0 to pi; a NaN beyond 1."""
    large, s, low = _asin(magnitude(x))
    factor = select(large, select(x > 0.0, -2.0, 2.0), copysign(s.lift(1.0), x))
    base = [select(large, select(x > 0.0, 0.0, full), half) for full, half in zip(PI, HALF_PI, strict=True)]
    return _difference((base[0], base[1]), s * factor, low * factor)


def _atan(t: Value) -> Value:
    """``atan t - t``."""
    z = t * t
    return t * (z * polynomial(z, ATAN, first=4))


def atan(x: Value) -> Value:
    """From -pi/2 to pi/2."""
    a = magnitude(x)
    large = a > 1.0
    t = select(large, -1.0, a) / select(large, a, 1.0)
    base = [select(large, part, 0.0) for part in HALF_PI]
    return copysign(_difference((base[0], base[1]), -t, -_atan(t)), x)


def atan2(y: Value, x: Value) -> Value:
    """From -pi to pi; signs of zeros and infinities as C's ``atan2`` has them."""
    across, along = magnitude(x), magnitude(y)
    steep, left = along > across, x.bits < 0
    top, bottom = select(steep, across, along), select(steep, along, across)
    t = select(along.equals(0.0) & across.equals(0.0), 0.0, top / bottom)
    t = select(along.equals(math.inf) & across.equals(math.inf), 1.0, t)
    t = number(t.bits ^ select(steep ^ left, SIGN, t.bits & 0))
    base = [select(steep, half, select(left, full, 0.0)) for full, half in zip(PI, HALF_PI, strict=True)]
    return copysign(_difference((base[0], base[1]), -t, -_atan(t)), y)
