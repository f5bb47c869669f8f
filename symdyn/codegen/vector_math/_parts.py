"""What the elementary functions share: polynomials, sums and products with their errors, powers of two."""

from __future__ import annotations

from collections.abc import Sequence

from symdyn.codegen.vector_math.draft import Value, fma, mad, number, select

__all__ = [
    "LN2_HIGH",
    "LN2_LOW",
    "MAGIC",
    "ROOT_HALF_BITS",
    "clamp",
    "nearest",
    "polynomial",
    "power_of_two",
    "quick_sum",
    "quotient",
    "scaled",
    "split",
    "two_sum",
]

#: A number near this one has an integer in its lowest bits: adding it rounds to the nearest integer.
MAGIC = 1.5 * 2.0**52
_ONE_BITS = 0x3FF0000000000000
#: ln 2 in two parts; the first has 21 zeros at its end, so its product with an exponent is exact (FDLIBM).
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
ROOT_HALF_BITS = 0x3FE6A09E00000000
_MANTISSA = 0x000FFFFFFFFFFFFF


def polynomial(x: Value, coefficients: Sequence[float], first: int = 0) -> Value:
    """The sum of ``coefficients[k] x**k``: two sums by Horner's rule, of even and of odd powers, side by side.

    The two sums lose digits where they cancel: the `first` coefficients are then added one by one.
    """
    head, tail = coefficients[:first], coefficients[first:]
    square = x * x
    return _horner(x, head, mad(x, _horner(square, tail[1::2]), _horner(square, tail[::2])))


def _horner(x: Value, coefficients: Sequence[float], total: Value | float | None = None) -> Value:
    for c in reversed(coefficients):
        total = x.lift(c) if total is None else mad(x, total, c)
    assert isinstance(total, Value)
    return total


def quick_sum(a: Value | float, b: Value) -> tuple[Value, Value]:
    """``a + b`` and its rounding error, for ``|a| >= |b|`` or ``a = 0`` (Dekker)."""
    total = a + b
    return total, (a - total) + b


def two_sum(a: Value | float, b: Value) -> tuple[Value, Value]:
    """``a + b`` and its rounding error (Knuth)."""
    total = a + b
    second = total - a
    return total, (a - (total - second)) + (b - second)


def quotient(top: tuple[Value, Value | float], bottom: tuple[Value, Value]) -> tuple[Value, Value]:
    """The quotient of two sums, as a number and what it lacks."""
    inverse = 1.0 / bottom[0]
    q = top[0] * inverse
    rest = fma(-q, bottom[0], top[0]) + mad(-q, bottom[1], top[1])
    return q, rest * inverse


def clamp(x: Value, low: float, high: float) -> Value:
    """`x` within bounds; a NaN stays one."""
    x = select(x > high, high, x)
    return select(x < low, low, x)


def nearest(x: Value, factor: float) -> tuple[Value, Value]:
    """The integer nearest to ``factor * x``, below 2**51, and a number with that integer in its lowest bits."""
    shifted = mad(x, factor, MAGIC)
    return shifted - MAGIC, shifted


def power_of_two(shifted: Value) -> Value:
    """``2**n`` of a number with `n` in its lowest bits, -1022 to 1023."""
    return number((shifted.bits + 1023) << 52)


def scaled(x: Value, n: Value) -> Value:
    """``x * 2**n`` for n from -2044 to 2046, rounded once; in two factors, as the power itself may not be a double."""
    half, shifted = nearest(n, 0.5)
    return x * power_of_two(shifted) * power_of_two((n - half) + MAGIC)


def split(x: Value, least: int = ROOT_HALF_BITS) -> tuple[Value, Value]:
    """``(m, k)`` with ``x = m 2**k`` of a positive normal number; m from the number with the bits `least` to twice that."""
    bits = x.bits + (_ONE_BITS - least)
    # an integer below 2**52 as the last bits of a number from 2**52 on
    k = number((bits >> 52) | 0x4330000000000000) - (2.0**52 + 1023)
    return number((bits & _MANTISSA) + least), k
