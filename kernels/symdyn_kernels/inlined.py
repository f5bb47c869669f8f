"""Lane functions of a model as part of a driver: the text of their LLVM IR becomes a function that numba calls.

A driver that calls them instead of addresses is compiled for one model; the optimiser then sees both at once.
"""

from __future__ import annotations

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["lane_function"]

_POINTER = ir.DoubleType().as_pointer()
_LANE_FUNCTION = ir.FunctionType(ir.VoidType(), [_POINTER] * 4)


def lane_function(text: str, name: str):
    """The function ``void name(double *lane, double *y, double *p, double *out)`` of a module of IR, of four addresses."""

    @intrinsic
    def function(context, lane, y, p, out):
        def generate(context, builder, signature, addresses):
            library = context.codegen().create_library(name)
            library.add_llvm_module(llvm.parse_assembly(text))
            library.finalize()
            context.active_code_library.add_linking_library(library)
            called = cgutils.get_or_insert_function(builder.module, _LANE_FUNCTION, name)
            builder.call(called, [builder.inttoptr(a, _POINTER) for a in addresses])
            return context.get_dummy_value()

        return types.void(*[types.int64] * 4), generate

    return function
