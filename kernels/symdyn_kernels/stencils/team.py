"""Threads that run the same functions: words of memory that they share, and waiting for each other."""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from symdyn_kernels.options import PLAIN
from symdyn_kernels.stencils.layout import COUNTER, RANK, SHARED, TEAM, WAITED, YIELD

_INT64 = ir.IntType(64)
#: How often a thread looks before it yields its processor.
LOOKS = 4000


def _pointer(builder, address, index):
    return builder.gep(builder.inttoptr(address, _INT64.as_pointer()), [index])


@intrinsic
def word(context, address, index):
    """The integer at ``address + 8*index``."""
    return types.int64(types.int64, types.int64), lambda c, b, s, a: b.load(_pointer(b, a[0], a[1]), align=8)


@intrinsic
def put(context, address, index, value):
    """Store an integer at ``address + 8*index``."""

    def generate(c, builder, signature, a):
        builder.store(a[2], _pointer(builder, a[0], a[1]), align=8)
        return c.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def arrive(context, address):
    """Count one more at an address."""

    def generate(c, builder, signature, a):
        return builder.atomic_rmw("add", _pointer(builder, a[0], _INT64(0)), _INT64(1), "seq_cst")

    return types.int64(types.int64), generate


@intrinsic
def arrived(context, address):
    """How many have been counted at an address."""
    return types.int64(types.int64), lambda c, b, s, a: b.load_atomic(_pointer(b, a[0], _INT64(0)), "acquire", 8)


@intrinsic
def call_plain(context, function):
    """Call ``int f(void)`` at an address."""

    def generate(c, builder, signature, a):
        builder.call(builder.inttoptr(a[0], ir.FunctionType(ir.IntType(32), []).as_pointer()), [])
        return c.get_dummy_value()

    return types.void(types.int64), generate


@njit(**PLAIN)
def wait(work):
    """Wait until all threads of the team have come so far."""
    team = word(work, TEAM)
    if team == 1:
        return
    times = word(work, WAITED) + 1
    put(work, WAITED, times)
    counter = word(work, COUNTER)
    arrive(counter)
    looks = 0
    while arrived(counter) < times * team:
        looks += 1
        if looks > LOOKS:
            call_plain(word(work, YIELD))


@njit(**PLAIN)
def share(work, count):
    """From where to where this thread does `count` things."""
    rank, team = word(work, RANK), word(work, TEAM)
    return rank * count // team, (rank + 1) * count // team


@njit(**PLAIN)
def leads(work):
    """Whether this is the first thread of the team."""
    return word(work, RANK) == 0


@njit(**PLAIN)
def agreed(work, value):
    """What the first thread of the team has seen."""
    if word(work, TEAM) == 1:
        return value
    # the place changes, so that nobody's next value overwrites what others have still to read
    place = word(work, SHARED) + 8 * (1 + word(work, WAITED) % 2)
    if leads(work):
        put(place, 0, value)
    wait(work)
    return word(place, 0)
