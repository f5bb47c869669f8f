"""Several steps at once: each line of cells goes through all of them while those beside it are in cache.

A line is a row of a plane or a plane of a box.  Line i of level s, the state after s steps, takes lines i - g to i + g of level
s - 1, where g cells beyond a wall are read.  Level s is `LAG` lines behind the one before it, so that of the levels between the
first and the last only the last few lines are kept, in rings.  A thread computes its own lines of the last level, and of the
levels before what these depend on; lines that two threads need are computed by both, with the same bits.

    Wolfe, More iteration space tiling, Supercomputing '89, 655-664 (skewed loops);
    Krishnamoorthy et al., PLDI 2007, 235-244 (overlapped tiles).
"""

from __future__ import annotations

from numba import njit

from symdyn_kernels.options import PLAIN
from symdyn_kernels.simd import st
from symdyn_kernels.stencils.calls import call_pass
from symdyn_kernels.stencils.ghosts import fill, fill_lines, fill_side
from symdyn_kernels.stencils.layout import (
    BATCH,
    EVENTS,
    FILL,
    FILL_ROW,
    FILLS,
    G0,
    G1,
    INS,
    LAG,
    LEVELS,
    LINES,
    N0,
    N1,
    NF,
    NOW,
    OUTS,
    PAD,
    PASS_ROW,
    PASSES,
    PLANES,
    RING,
    RINGS,
    S0,
    SCHEDULE,
    SIZE,
    TEAM,
    WALL,
    WALL_ROW,
    WALLS,
    WORDS,
    WRAPPED,
    S,
)
from symdyn_kernels.stencils.passes import framed, wall_values
from symdyn_kernels.stencils.team import put, share, wait, word


@njit(**PLAIN)
def at_once(T, work, count):
    """How many of so many steps are made at once; 0 for passes over the grid: they are as fast while it stays in cache."""
    _, lines, _, _, _, _ = outer_axis(T)
    team = word(work, TEAM)
    if T[LEVELS] < 1 + (team == 1) or lines < team * (T[LAG] + 1):
        return 0
    # what two threads compute both is small beside the share of each
    return min(count, T[LEVELS], 1 + lines // (16 * T[LAG] * team))


@njit(**PLAIN)
def prepared(T, F, y, work):
    """Values at walls, and those beyond them of the first state."""
    for e in range(T[EVENTS]):
        kind, row = T[T[SCHEDULE] + 2 * e], T[T[SCHEDULE] + 2 * e + 1]
        if kind == WALL:
            wall_values(T, F, T[WALLS] + WALL_ROW * row, work)
        elif kind == FILL:
            fill(T, F, T[FILLS] + FILL_ROW * row, y, y, work)
        wait(work)


@njit(**PLAIN)
def outer_axis(T):
    """The axis across lines, how many there are, ghosts, numbers of a line, rows of cells in it, and its first cell."""
    if T[N0] > 1:
        return 0, T[N0], T[G0], T[S0], T[N1], T[G1] * T[S] + PAD
    return 1, T[N1], T[G1], T[S], 1, PAD


@njit(**PLAIN)
def place(T, ring, i, n, g):
    """Where line i is, in lines from the beginning of an array or of a ring."""
    if ring:
        return (i + g) % T[RING]
    return g + (i % n if T[WRAPPED] else i)


@njit(**PLAIN)
def in_a_row(T, ring, i, n, g, beside):
    """How many lines from i on follow each other, with so many beside them."""
    if ring:
        at, size = (i + g) % T[RING], T[RING]
    elif T[WRAPPED]:
        at, size = i % n, n
    else:
        return n - i
    return max(1, size - beside - at) if at >= beside else 1


@njit(**PLAIN)
def field(T, y, z, work, level, last, k, size):
    """Address of a field of a level."""
    if level == 0:
        return y + 8 * k * T[SIZE]
    if level == last:
        return z + 8 * k * T[SIZE]
    return work + 8 * (T[RINGS] + ((level - 1) * T[NF] + k) * T[RING] * size)


@njit(**PLAIN)
def ghosts_of(T, F, y, z, work, level, last, i, lines):
    """Values beyond the walls that some lines end at, and beyond a wall whose values are complete with them."""
    outer, n, g, size, rows, _ = outer_axis(T)
    ring = level < last
    real = i % n if T[WRAPPED] else i
    moved = 8 * (place(T, ring, i, n, g) - g - real) * size
    for e in range(T[EVENTS]):
        q = T[FILLS] + FILL_ROW * T[T[SCHEDULE] + 2 * e + 1]
        if T[T[SCHEDULE] + 2 * e] != FILL:
            continue
        axis, a = T[q + 1], field(T, y, z, work, level, last, T[q], size)
        if axis > outer:
            per, end = (rows, 1) if axis == 2 else (1, T[S])
            fill_lines(T, F, q, a + moved, work, real * per, (real + lines) * per, 0, end)
        elif not T[WRAPPED]:  # it comes after those along the lines
            across, points = T[N1] + 2 * T[G1] if outer == 0 else 1, T[q + 5] & 0xFFFF
            if i < points <= i + lines:
                first = 8 * (place(T, ring, 0, n, g) - g) * size
                fill_side(T, F, q, a + first, work, 0, 0, across, 0, T[S])
            if i + lines == n:
                final = 8 * (place(T, ring, n - 1, n, g) - g - n + 1) * size
                fill_side(T, F, q, a + final, work, 1, 0, across, 0, T[S])


@njit(**PLAIN)
def sweep(T, F, y, z, work, begin, h, done, count):
    """Fill z with the state `count` steps of Euler's method after y, where `done` steps from `begin` on were made before."""
    outer, n, g, size, rows, corner = outer_axis(T)
    q = T[PASSES] + PASS_ROW * T[T[SCHEDULE] + 2 * T[EVENTS] - 1]
    ins, nin, outs, nout = T[INS] + T[q + 2], T[q + 3], T[OUTS] + T[q + 4], T[q + 5]
    shared, across = T[q + 12], T[q + 13]
    frame = framed(T, F, work, rows, T[q + 11], across, T[q + 14], T[q + 15], T[S], h)
    if shared >= 0:
        st(work, NOW + 1, F[shared])
    beside = PLANES if outer == 0 else LINES
    most = 1 if outer == 0 else T[BATCH]
    lo, hi = share(work, n)
    for w in range(lo - (count - 1) * g, hi + (count - 1) * T[LAG], most):
        for level in range(1, count + 1):
            begins, beyond = w - (level - 1) * T[LAG], (count - level) * g
            first, end = lo - beyond, hi + beyond
            if not T[WRAPPED]:
                first, end = max(first, 0), min(end, n)
            i, end = max(begins, first), min(begins + most, end)
            st(work, NOW, begin + h * (done + level - 1))
            while i < end:
                source, target = level > 1, level < count
                lines = min(end - i, in_a_row(T, source, i, n, g, g), in_a_row(T, target, i, n, g, 0), n - i % n)
                if outer == 1:
                    put(frame, 0, lines)
                    if across >= 0:
                        put(frame, 3, F.ctypes.data + 8 * (across + i % n))
                elif shared >= 0:
                    st(work, NOW + 1, F[shared + i % n])
                here, there = place(T, source, i, n, g), place(T, target, i, n, g)
                for k in range(-g, g + 1):
                    put(frame, beside + k, 8 * (place(T, source, i + k, n, g) - here) * size)
                for k in range(nin):
                    a = field(T, y, z, work, level - 1, count, T[ins + k], size)
                    put(frame, WORDS + k, a + 8 * (here * size + corner))
                for k in range(nout):
                    a = field(T, y, z, work, level, count, T[outs + k] - T[NF], size)
                    put(frame, WORDS + nin + k, a + 8 * (there * size + corner))
                call_pass(T[q + 1], frame)
                ghosts_of(T, F, y, z, work, level, count, i, lines)
                i += lines
    wait(work)
