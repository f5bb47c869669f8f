"""Comparisons of vectors of eight doubles as bits of an integer: testing whether any lane is set costs two instructions."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from symdyn_kernels.simd import V8, WIDTH

#: The bits of eight lanes that are all set.
ALL = (1 << WIDTH) - 1


@intrinsic
def below(context, x, y):
    """Bit l is set where ``x[l] <= y[l]``; a NaN leaves it unset."""

    def generate(c, builder, signature, a):
        bits = builder.bitcast(builder.fcmp_ordered("<=", a[0], a[1]), ir.IntType(WIDTH))
        return builder.zext(bits, ir.IntType(64))

    return types.int64(V8, V8), generate
