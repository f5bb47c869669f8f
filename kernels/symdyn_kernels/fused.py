"""Fused multiply-add, gathers and transposed stores: the rest of what polynomials in lanes need."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from symdyn_kernels.simd import V8, WIDTH

__all__ = ["fma", "gather", "store_transposed", "vfma"]

_DOUBLE, _INT64, _INT32 = ir.DoubleType(), ir.IntType(64), ir.IntType(32)
_VECTOR, _VECTOR_INT = ir.VectorType(_DOUBLE, WIDTH), ir.VectorType(_INT64, WIDTH)


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


@intrinsic
def store_transposed(context, source, step, n, out, rows, times, due, first, ahead, aside):
    """Store the n >= 8 states of eight lanes, each in one row of an array (N, times, n) at the address `out`.

    State i of all lanes is the vector at ``source + 8*i*step``; lane b takes row ``rows[first + b]`` and the time
    ``due[first + b] + ahead``, both addresses of int64.  Where there is no such place n doubles at `aside` are written.
    Blocks of eight by eight are transposed in registers; the last one overlaps that before it.
    """

    def generate(c, b, signature, a):
        source, step, n, out, rows, times, due, first, ahead, aside = a

        def spread(x):
            one = b.insert_element(ir.Constant(_VECTOR_INT, ir.Undefined), x, ir.Constant(_INT32, 0))
            return b.shuffle_vector(one, one, ir.Constant(ir.VectorType(_INT32, WIDTH), [0] * WIDTH))

        def numbers(address):
            place = b.gep(b.inttoptr(address, _INT64.as_pointer()), [first])
            return b.load(b.bitcast(place, _VECTOR_INT.as_pointer()), align=8)

        row, time = numbers(rows), b.add(numbers(due), spread(ahead))
        there = b.and_(b.icmp_signed(">=", row, spread(_INT64(0))), b.icmp_signed("<", time, spread(times)))
        place = b.mul(b.add(b.mul(row, spread(times)), time), spread(b.mul(n, _INT64(8))))
        place = b.select(there, b.add(place, spread(out)), spread(aside))
        blocks = b.sdiv(b.add(n, _INT64(WIDTH - 1)), _INT64(WIDTH))
        with cgutils.for_range(b, blocks) as block:
            begin, last = b.mul(block.index, _INT64(WIDTH)), b.sub(n, _INT64(WIDTH))
            begin = b.select(b.icmp_signed("<", begin, last), begin, last)
            base = b.inttoptr(b.add(source, b.mul(b.mul(begin, step), _INT64(8))), _DOUBLE.as_pointer())
            found = []
            for i in range(WIDTH):
                state = b.gep(base, [b.mul(step, _INT64(i))])
                found.append(b.load(b.bitcast(state, _VECTOR.as_pointer()), align=8))
            for lane, values in enumerate(_transposed(b, found)):
                start = b.inttoptr(b.extract_element(place, _INT32(lane)), _DOUBLE.as_pointer())
                b.store(values, b.bitcast(b.gep(start, [begin]), _VECTOR.as_pointer()), align=8)
        return c.get_dummy_value()

    return types.void(*[types.int64] * 10), generate


def _transposed(builder, rows):
    """The columns of a block of eight rows, by swaps of halves, quarters and single entries of pairs."""
    rows = list(rows)
    for s in (1, 2, 4):
        low = [k if not k & s else k - s + WIDTH for k in range(WIDTH)]
        high = [k + s if not k & s else k + WIDTH for k in range(WIDTH)]
        masks = [ir.Constant(ir.VectorType(_INT32, WIDTH), m) for m in (low, high)]
        for i in range(WIDTH):
            if not i & s:
                a, b = rows[i], rows[i + s]
                rows[i], rows[i + s] = (builder.shuffle_vector(a, b, mask) for mask in masks)
    return rows
