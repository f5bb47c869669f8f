"""Calls through addresses: the rates of fields, compiled once for all drivers, and functions of models for rows of cells."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_DOUBLE, _INT64 = ir.DoubleType(), ir.IntType(64)


@intrinsic
def call_rates(context, function, T, F, y, dst, work, t, scale, fused, first):
    """Call ``void f(T, F, y, dst, work, t, scale, fused, first)`` of addresses, two doubles and two integers."""

    def generate(c, builder, signature, a):
        kind = ir.FunctionType(ir.VoidType(), [_INT64] * 5 + [_DOUBLE] * 2 + [_INT64] * 2)
        builder.call(builder.inttoptr(a[0], kind.as_pointer()), a[1:])
        return c.get_dummy_value()

    return types.void(*[types.int64] * 6, types.float64, types.float64, types.int64, types.int64), generate


@intrinsic
def call_pass(context, function, frame):
    """Call ``void f(double *frame)`` at an address."""

    def generate(c, builder, signature, a):
        pointer = _DOUBLE.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer])
        builder.call(builder.inttoptr(a[0], kind.as_pointer()), [builder.inttoptr(a[1], pointer)])
        return c.get_dummy_value()

    return types.void(types.int64, types.int64), generate
