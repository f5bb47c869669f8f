"""What the header of a kernel for cards defines, for the processor: numbers, and vectors of eight lanes."""

from __future__ import annotations

import math
from typing import Any

from numba import types
from numba.extending import overload

from symdyn_kernels.shared._scalars import shared
from symdyn_kernels.simd import V8, splat, vmax, vmin, vpow

__all__ = ["greatest", "least", "math", "power", "shared"]


def power(x: Any, exponent: Any) -> Any:
    """``x**exponent`` for positive x: enough digits for a step controller."""
    return x**exponent


def least(x: Any, y: Any) -> Any:
    """The smaller one."""
    return min(x, y)


def greatest(x: Any, y: Any) -> Any:
    """The greater one."""
    return max(x, y)


@overload(power)
def _power(x, exponent):
    return (lambda x, exponent: vpow(x, exponent)) if x is V8 else (lambda x, exponent: x**exponent)


def _either(function, scalar, vector) -> None:
    @overload(function)
    def choose(x, y):
        if x is not V8 and y is not V8:
            return lambda x, y: scalar(x, y)
        if x is V8 and y is V8:
            return lambda x, y: vector(x, y)
        if x is V8 and isinstance(y, types.Float):
            return lambda x, y: vector(x, splat(y))
        return lambda x, y: vector(splat(x), y)


_either(least, min, vmin)
_either(greatest, max, vmax)
