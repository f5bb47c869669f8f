"""Fused multiply-add, and gathers: the rest of what polynomials in lanes need."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from symdyn_kernels.simd import V8, WIDTH

__all__ = ["fma", "gather", "vfma"]

_DOUBLE, _INT64, _INT32 = ir.DoubleType(), ir.IntType(64), ir.IntType(32)
_VECTOR = ir.VectorType(_DOUBLE, WIDTH)


def _fused(kind, suffix: str):
    """``x*y + z`` in one instruction where the processor has it, which `contract` would leave to the optimiser."""

    def generate(c, builder, signature, a):
        function = ir.FunctionType(kind, [kind] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, function, f"llvm.fmuladd.{suffix}"), a)

    return generate


@intrinsic
def vfma(context, x, y, z):
    """``x*y + z`` of vectors, with a single rounding where the processor can."""
    return V8(V8, V8, V8), _fused(_VECTOR, "v8f64")


@intrinsic
def fma(context, x, y, z):
    """``x*y + z`` of numbers; the same bits as `vfma`."""
    return types.float64(*[types.float64] * 3), _fused(_DOUBLE, "f64")


@intrinsic
def gather(context, address, indices, first):
    """The eight doubles at ``address + 8*indices[first]`` and on, where `indices` is the address of int64."""

    def generate(c, builder, signature, a):
        base = builder.inttoptr(a[0], _DOUBLE.as_pointer())
        numbers = builder.gep(builder.inttoptr(a[1], _INT64.as_pointer()), [a[2]])
        vector = ir.Constant(_VECTOR, ir.Undefined)
        for i in range(WIDTH):
            place = builder.load(builder.gep(numbers, [ir.Constant(_INT64, i)]))
            value = builder.load(builder.gep(base, [place]))
            vector = builder.insert_element(vector, value, ir.Constant(_INT32, i))
        return vector

    return V8(types.int64, types.int64, types.int64), generate
