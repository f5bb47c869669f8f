r"""Exponential and hyperbolic functions.

With ``n = round(x / ln 2)`` and ``r = x - n ln 2``, :math:`|r| \le \tfrac12 \ln 2`, all follow from

    sinh r = r + r^3 S(r^2),    cosh r = 1 + r^2/2 + r^4 C(r^2),    e^x = 2^n (cosh r + sinh r).
"""

from __future__ import annotations

from symdyn.codegen.vector_math._parts import (
    LN2_HIGH,
    LN2_LOW,
    MAGIC,
    clamp,
    nearest,
    polynomial,
    power_of_two,
    quick_sum,
    quotient,
    scaled,
    two_sum,
)
from symdyn.codegen.vector_math.draft import Value, copysign, mad, magnitude, select

__all__ = ["cosh", "exp", "exp_reduced", "sinh", "tanh"]

LOG2_E = 1.4426950408889634074
#: Minimax polynomials (exchange of Remez) for r**2 up to (ln 2 / 2)**2; relative errors of sinh and cosh below 2**-58.
SINH = (0.16666666666666677, 0.00833333333332158, 0.0001984126988626234, 2.755724406484373e-06, 2.510908984501102e-08)
COSH = (0.041666666666666685, 0.0013888888888873414, 2.480158734890356e-05, 2.755725210114146e-07, 2.092167598519227e-09)


def _reduced(x: Value, low: Value | None = None) -> tuple[Value, Value, Value, Value]:
    """``(n, number with n in its lowest bits, r, rounding error of r)`` for the argument ``x + low``."""
    n, shifted = nearest(x, LOG2_E)
    high = mad(n, -LN2_HIGH, x)  # exact
    r, error = quick_sum(high, n * -LN2_LOW if low is None else mad(n, -LN2_LOW, low))
    return n, shifted, r, error


def _kernels(r: Value) -> tuple[Value, Value]:
    """``(sinh r - r, cosh r - 1)``."""
    z = r * r
    return r * z * polynomial(z, SINH), mad(z * z, polynomial(z, COSH), 0.5 * z)


def exp_reduced(x: Value, low: Value) -> tuple[Value, Value]:
    """``(p, n)`` with ``exp(x + low) = p 2**n``, p within 0.6 ulp, for a small `low`."""
    n, _, r, error = _reduced(x, low)
    odd, even = _kernels(r)
    one, rest = quick_sum(1.0, r)
    return one + (rest + ((odd + even) + error * one)), n


def exp(x: Value) -> Value:
    """``2**n e**r``; 0 below -745.14, infinite above 709.78."""
    n, _, r, error = _reduced(clamp(x, -746.0, 710.0))
    odd, even = _kernels(r)
    return scaled(1.0 + (r + (odd + (even + error))), n)


def tanh(x: Value) -> Value:
    """``E / (E + 2)`` with ``E = e**(2|x|) - 1`` in two parts."""
    doubled = magnitude(x) * 2.0
    _, shifted, r, error = _reduced(select(doubled > 44.0, 44.0, doubled))
    odd, even = _kernels(r)
    head, rest = quick_sum(r, odd + even)
    power = power_of_two(shifted)
    high, low = quick_sum(power - 1.0, power * head)
    low = mad(power, mad(error, head, rest + error), low)
    bottom, lost = two_sum(high, high.lift(2.0))
    q, lacking = quotient((high, low), (bottom, lost + low))
    return copysign(q + lacking, x)


def _hyperbolic(a: Value, *, even: bool) -> Value:
    """sinh or cosh of ``a >= 0``: the even one is ``2**(n-1) ((1 + e) cosh r + (1 - e) sinh r)`` with ``e = 4**-n``."""
    a = select(a > 711.0, 711.0, a)
    n, _, r, error = _reduced(a)
    odd_rest, even_rest = _kernels(r)
    inverse = power_of_two(MAGIC - 2.0 * select(n > 500.0, 500.0, n))
    plus, minus = 1.0 + inverse, 1.0 - inverse
    of_cosh, of_sinh = (plus, minus) if even else (minus, plus)
    high = mad(of_sinh, r, of_cosh)
    low = mad(of_sinh, r, of_cosh - high)
    rest = mad(of_sinh, odd_rest + error, of_cosh * even_rest)
    return scaled(high + (low + rest), n - 1.0)


def sinh(x: Value) -> Value:
    """The odd part of the exponential."""
    return copysign(_hyperbolic(magnitude(x), even=False), x)


def cosh(x: Value) -> Value:
    """The even part of the exponential."""
    return _hyperbolic(magnitude(x), even=True)
