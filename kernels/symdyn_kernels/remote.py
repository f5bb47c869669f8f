"""Calls of compiled functions by their address, with arguments of any types, between modules that are compiled on their own.

The caller stores its arguments, in the form in which numba has them, and hands over where they are.  The function that is
called does not own the arrays among them: it neither counts references to them nor keeps them.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils, errors
from numba.extending import intrinsic

from symdyn_kernels.arguments.parts import numba_type

__all__ = ["make_transfer"]

_INT64 = ir.IntType(64)


def make_transfer(arguments: type) -> Any:
    """Two compiled functions for a class of named tuples: one calls an address with such a tuple, one receives it there.

    ``send(address, tuple)`` calls ``void f(int64)``, and in that ``receive(number)`` is the tuple.
    """
    kind = numba_type(arguments)

    @intrinsic
    def send(context, address, given):
        if given != kind:
            raise errors.TypingError(f"{arguments.__name__} got {given}; expected {kind}")

        def generate(c, builder, signature, a):
            place = builder.ptrtoint(cgutils.alloca_once_value(builder, a[1]), _INT64)
            function = ir.FunctionType(ir.VoidType(), [_INT64]).as_pointer()
            builder.call(builder.inttoptr(a[0], function), [place])
            return c.get_dummy_value()

        return types.void(types.int64, kind), generate

    @intrinsic
    def receive(context, place):
        def generate(c, builder, signature, a):
            return builder.load(builder.inttoptr(a[0], c.get_value_type(kind).as_pointer()))

        return kind(types.int64), generate

    return send, receive
