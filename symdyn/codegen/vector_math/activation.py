r"""Elementwise functions of dense layers, cheaper than those of the same names for general use: errors of some 1e-14.

tanh x = x P(x^2) / Q(x^2) for |x| <= 18, beyond which it is 1 to 5e-16; the coefficients (Lawson's algorithm, relative error
8.7e-15) are those of `tests/references/make_tanh.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import mul

from symdyn.codegen.vector_math._parts import clamp
from symdyn.codegen.vector_math.draft import Value, mad, magnitude, select
from symdyn.codegen.vector_math.exponential import exp
from symdyn.codegen.vector_math.logarithm import atanh

__all__ = ["ACTIVATIONS", "PAIRS", "SLOPES"]

LIMIT = 18.0
TOP = (
    0.9999999999999915, 0.14983786752242081, 0.005681790059919487, 8.269943310272763e-05, 5.300659308186051e-07,
    1.5203798295608862e-09, 1.7885033695157144e-12, 6.681234775782691e-16, 3.3713058742183736e-20,
)  # fmt: skip
BOTTOM = (
    1.0, 0.4831712008556564, 0.0334055236786607, 0.0007633011799964278, 7.311510631080903e-06, 3.147750672044981e-08,
    5.890117851344802e-11, 4.101965844115864e-14, 6.884455477219046e-18,
)  # fmt: skip


def _tanh(*x: Value) -> list[Value]:
    """Of one or two numbers by one division, which takes as long as 32 multiply-adds.

    The polynomials are evaluated side by side: each waits for its own multiply-adds.  What is no number is none in its own
    numerator alone, as the denominators are shared.
    """
    bounded = [clamp(e, -LIMIT, LIMIT) for e in x]
    squares = [e * e for e in bounded]
    if len(x) > 1:
        squares = [select(z < LIMIT**2, z, LIMIT**2) for z in squares]
    tops, bottoms = ([mad(z, side[-1], side[-2]) for z in squares] for side in (TOP, BOTTOM))
    for top, bottom in zip(TOP[-3::-1], BOTTOM[-3::-1], strict=True):
        tops = [mad(total, z, top) for total, z in zip(tops, squares, strict=True)]
        bottoms = [mad(total, z, bottom) for total, z in zip(bottoms, squares, strict=True)]
    tops = [e * top for e, top in zip(bounded, tops, strict=True)]
    inverse = 1.0 / reduce(mul, bottoms)
    return [top * (inverse * other if len(x) > 1 else inverse) for top, other in zip(tops, bottoms[::-1], strict=True)]


def _softplus(x: Value) -> Value:
    """``log(1 + e**x)`` as ``max(x, 0) + 2 atanh(e / (2 + e))`` with ``e = e**-|x|``."""
    e = exp(-magnitude(x))
    low = atanh(e / (e + 2.0))
    return select(x < 0.0, 0.0, x) + (low + low)


def _tanh_slope(x: Value, value: Value) -> Value:
    """``1 - tanh**2``, never negative."""
    slope = mad(-value, value, 1.0)
    return select(slope < 0.0, 0.0, slope)


def _softplus_slope(x: Value, value: Value) -> Value:
    """``1 / (1 + e**-x)``."""
    e = exp(-magnitude(x))
    return select(x < 0.0, e, 1.0) / (e + 1.0)


#: By name, of one number; and of two at once, the same bits as beside 0.
ACTIVATIONS: dict[str, Callable[[Value], list[Value]]] = {"tanh": _tanh, "softplus": lambda x: [_softplus(x)]}
PAIRS: dict[str, Callable[[Value, Value], list[Value]]] = {"tanh": _tanh}
#: Derivatives from the argument and the value.  What is missing is the identity.
SLOPES: dict[str, Callable[[Value, Value], Value]] = {"tanh": _tanh_slope, "softplus": _softplus_slope}
