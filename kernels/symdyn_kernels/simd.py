"""Explicit vectors of eight doubles as a numba type, loads and stores through addresses, calls of lane functions.

Drivers built on this do not depend on the auto-vectoriser.  An address is an int64, as is an offset in elements;
nothing is checked.  Masks are vectors of 1.0 and 0.0, and comparisons with a NaN are false.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from symdyn_kernels.shared.formulas import logarithm

WIDTH = 8

_DOUBLE, _INT64, _INT32 = ir.DoubleType(), ir.IntType(64), ir.IntType(32)
_VECTOR, _VECTOR_INT = ir.VectorType(_DOUBLE, WIDTH), ir.VectorType(_INT64, WIDTH)
_FLAGS = ("contract",)
_EXPONENT_ONE = 0x3FF0000000000000
_ROOT_HALF = 0x3FE6A09E00000000
_MANTISSA = 0x000FFFFFFFFFFFFF


class Vector8Type(types.Type):
    """The numba type of a vector of eight doubles."""

    def __init__(self) -> None:
        super().__init__(name="Vector8")


V8 = Vector8Type()


@register_model(Vector8Type)
class _Vector8Model(models.PrimitiveModel):
    def __init__(self, manager, fe_type) -> None:
        super().__init__(manager, fe_type, _VECTOR)


def _pointer(builder, address, index, kind):
    base = builder.inttoptr(address, _DOUBLE.as_pointer())
    return builder.bitcast(builder.gep(base, [index]), kind.as_pointer())


def _constant(x: float):
    return ir.Constant(_VECTOR, [x] * WIDTH)


def _constant_int(k: int):
    return ir.Constant(_VECTOR_INT, [k] * WIDTH)


def _spread(builder, x):
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, x, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INT32, WIDTH), [0] * WIDTH))


# ---- memory ------------------------------------------------------------------------------------


@intrinsic
def ld(context, address, index):
    """The double at ``address + 8*index``."""
    return types.float64(types.int64, types.int64), lambda c, b, s, a: b.load(_pointer(b, a[0], a[1], _DOUBLE), align=8)


@intrinsic
def st(context, address, index, value):
    """Store a double at ``address + 8*index``."""

    def generate(c, builder, signature, a):
        builder.store(a[2], _pointer(builder, a[0], a[1], _DOUBLE), align=8)
        return c.get_dummy_value()

    return types.void(types.int64, types.int64, types.float64), generate


@intrinsic
def vld(context, address, index):
    """The vector that starts at ``address + 8*index``."""
    return V8(types.int64, types.int64), lambda c, b, s, a: b.load(_pointer(b, a[0], a[1], _VECTOR), align=8)


@intrinsic
def vst(context, address, index, value):
    """Store a vector at ``address + 8*index``."""

    def generate(c, builder, signature, a):
        builder.store(a[2], _pointer(builder, a[0], a[1], _VECTOR), align=8)
        return c.get_dummy_value()

    return types.void(types.int64, types.int64, V8), generate


@intrinsic
def splat(context, x):
    """A vector with `x` in every place."""
    return V8(types.float64), lambda c, b, s, a: _spread(b, a[0])


# ---- arithmetic --------------------------------------------------------------------------------


def _make_binary(name: str):
    @intrinsic
    def binary(context, x, y):
        return V8(V8, V8), lambda c, b, s, a: getattr(b, name)(a[0], a[1], flags=_FLAGS)

    return binary


_add, _sub, _mul, _div = map(_make_binary, ("fadd", "fsub", "fmul", "fdiv"))


def _overload(symbol, function) -> None:
    scalar = (types.Float, types.Integer)

    @overload(symbol)
    def choose(x, y):
        if x is V8 and y is V8:
            return lambda x, y: function(x, y)
        if x is V8 and isinstance(y, scalar):
            return lambda x, y: function(x, splat(float(y)))
        if y is V8 and isinstance(x, scalar):
            return lambda x, y: function(splat(float(x)), y)
        return None


for _symbol, _function in ((operator.add, _add), (operator.sub, _sub), (operator.mul, _mul), (operator.truediv, _div)):
    _overload(_symbol, _function)


def _make_native(name: str, arity: int):
    def generate(c, builder, signature, a):
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * arity)
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v8f64"), a)

    if arity == 1:

        @intrinsic
        def native(context, x):
            return V8(V8), generate
    else:

        @intrinsic
        def native(context, x, y):
            return V8(V8, V8), generate

    return native


vabs, vsqrt, vfloor = (_make_native(name, 1) for name in ("fabs", "sqrt", "floor"))
vmax, vmin = (_make_native(name, 2) for name in ("maxnum", "minnum"))


@intrinsic
def le(context, x, y):
    """1.0 where x <= y, else 0.0."""
    return V8(V8, V8), lambda c, b, s, a: b.select(b.fcmp_ordered("<=", a[0], a[1]), _constant(1.0), _constant(0.0))


@intrinsic
def sel(context, mask, x, y):
    """`x` where the mask is 1.0, `y` elsewhere."""
    return V8(V8, V8, V8), lambda c, b, s, a: b.select(b.fcmp_ordered(">", a[0], _constant(0.5)), a[1], a[2])


@intrinsic
def hsum(context, x):
    """Sum of the eight entries, from first to last."""

    def generate(c, builder, signature, a):
        total = builder.extract_element(a[0], ir.Constant(_INT32, 0))
        for i in range(1, WIDTH):
            total = builder.fadd(total, builder.extract_element(a[0], ir.Constant(_INT32, i)))
        return total

    return types.float64(V8), generate


# ---- logarithm and power -----------------------------------------------------------------------


@intrinsic
def _exponent(context, x):
    """k with x = m 2^k and m in [sqrt(1/2), sqrt(2))."""

    def generate(c, b, s, a):
        shifted = b.add(b.bitcast(a[0], _VECTOR_INT), _constant_int(_EXPONENT_ONE - _ROOT_HALF))
        return b.sitofp(b.sub(b.lshr(shifted, _constant_int(52)), _constant_int(1023)), _VECTOR)

    return V8(V8), generate


@intrinsic
def _mantissa(context, x):
    """m in [sqrt(1/2), sqrt(2)) with x = m 2^k."""

    def generate(c, b, s, a):
        shifted = b.add(b.bitcast(a[0], _VECTOR_INT), _constant_int(_EXPONENT_ONE - _ROOT_HALF))
        return b.bitcast(b.add(b.and_(shifted, _constant_int(_MANTISSA)), _constant_int(_ROOT_HALF)), _VECTOR)

    return V8(V8), generate


@intrinsic
def _power_of_two(context, k):
    def generate(c, b, s, a):
        biased = b.add(b.fptosi(a[0], _VECTOR_INT), _constant_int(1023))
        return b.bitcast(b.shl(biased, _constant_int(52)), _VECTOR)

    return V8(V8), generate


@njit(error_model="numpy")
def vlog(x):
    """Natural logarithm of positive normal numbers, below 1 ulp."""
    return logarithm(_mantissa(x) - 1.0, _exponent(x))


@njit(error_model="numpy")
def vpow(x, p):
    """x**p to about 1e-7 for positive normal x: enough for a step-size controller."""
    z = vlog(x) * (p * 1.4426950408889634)
    k = vfloor(z + 0.5)
    f = (z - k) * 0.6931471805599453
    tail = 0.041666666666666664 + f * (0.008333333333333333 + f * 0.001388888888888889)
    return (1.0 + f * (1.0 + f * (0.5 + f * (0.16666666666666666 + f * tail)))) * _power_of_two(k)


# ---- calls -------------------------------------------------------------------------------------


@intrinsic
def call(context, function, lane, y, p, out):
    """Call the lane function ``void f(double *, double *, double *, double *)`` at an address."""

    def generate(c, builder, signature, a):
        pointer = _DOUBLE.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer] * 4)
        builder.call(builder.inttoptr(a[0], kind.as_pointer()), [builder.inttoptr(x, pointer) for x in a[1:]])
        return c.get_dummy_value()

    return types.void(*[types.int64] * 5), generate
