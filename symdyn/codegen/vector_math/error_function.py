r"""Error function and its complement.

erf a = a + a E(a^2)                             for a < 1,
erfc a = e^{-a^2} / (a + 4) Q((a - 4) / (a + 4)) for a >= 1/2.
"""

from __future__ import annotations

from symdyn.codegen.vector_math._parts import polynomial, quotient, scaled, two_sum
from symdyn.codegen.vector_math.draft import Value, copysign, fma, magnitude, select
from symdyn.codegen.vector_math.exponential import exp_reduced

__all__ = ["erf", "erfc"]

#: Minimax polynomials (exchange of Remez); relative errors of erf below 2**-55.5, of erfc below 2**-52.5.
ERF = (
    0.1283791670955126, -0.3761263890318375, 0.11283791670954885, -0.026866170645077875, 0.005223977624828431,
    -0.0008548326981425542, 0.0001205533113295582, -1.4925595772180904e-05, 1.64610084778027e-06,
    -1.6350396222864606e-07, 1.4660328722742213e-08, -1.137495573607005e-09, 5.960685338520918e-11,
)  # fmt: skip
TAIL = (
    1.095995661000491, -0.976548729080882, 0.7732087022652361, -0.5408538313132353, 0.33085158787807667,
    -0.1740109372399392, 0.07638151490766826, -0.026370053340049302, 0.006112055677118676,
    -0.0002809588699282316, -0.00045505284790986245, 0.00017681285367233103, -3.6343879722596735e-06,
    -1.8861044080047187e-05, 4.692019245257245e-06, 1.424603917407698e-06, -8.415438857861462e-07,
    -7.613714704311381e-08, 1.1862825609942668e-07, 1.3308312134731379e-09, -1.1844375698547766e-08,
)  # fmt: skip


def _small(a: Value) -> Value:
    """``erf a - a``."""
    return a * polynomial(a * a, ERF)


def _tail(a: Value) -> Value:
    """erfc of a from 1/2 to 28."""
    square = a * a
    p, n = exp_reduced(-square, -fma(a, a, -square))
    bottom = two_sum(a, a.lift(4.0))
    t, lacking = quotient((a - 4.0, 0.0), bottom)
    return scaled(p * polynomial(t + lacking, TAIL) / bottom[0], n)


def erf(x: Value) -> Value:
    """Of |x|, with the sign of x."""
    a = magnitude(x)
    bounded = select(a > 6.0, 6.0, a)
    return copysign(select(a < 1.0, a + _small(a), 1.0 - _tail(bounded)), x)


def erfc(x: Value) -> Value:
    """``1 - erf x``, without cancellation where x is positive."""
    a = magnitude(x)
    tail = _tail(select(a > 28.0, 28.0, select(a < 0.5, 0.5, a)))
    return select(a < 0.5, 1.0 - (x + _small(x)), select(x < 0.0, 2.0 - tail, tail))
