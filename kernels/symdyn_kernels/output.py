"""Output of adaptive drivers: the polynomial of a step at every output time in it.

For each state of each lane the polynomial is ``y0 + theta*(c_1 + theta*(c_2 + ...))`` with ``theta = (t_out - t)/h``, or, if
it is nested, ``y0 + theta*(c_1 + (1 - theta)*(c_2 + theta*(c_3 + (1 - theta)*(c_4 + ...))))``.
Several lanes evaluate it at their next `AHEAD` times at once; a single lane evaluates it at its next eight.  Every value
results from the same operations either way, so its bits do not depend on the number of lanes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.fused import gather, store_transposed, vfma
from symdyn_kernels.lanes import TNEW, TNEXT, H, T, put
from symdyn_kernels.masks import below
from symdyn_kernels.options import HELPER, INLINE
from symdyn_kernels.simd import WIDTH, ld, le, sel, splat, vld, vst

__all__ = ["AHEAD", "Polynomial", "emit", "padded", "work_size"]

#: Output times that a lane evaluates at once: each coefficient is loaded once for all of them.
AHEAD = 4


class Polynomial(NamedTuple):
    """The polynomials of a step.

    Attributes
    ----------
    before, after, coefficients : int
        Addresses of the states before and after the step (the value at its end is the latter itself), and of ``c_1``.
    stride, degree, nested : int
        Doubles from one coefficient to the next; how many there are; whether they are those of the nested form.
    """

    before: int
    after: int
    coefficients: int
    stride: int
    degree: int
    nested: int


@njit(**HELPER)
def padded(times):
    """The output times, followed by infinite ones, so that the next few can be read without a bounds check."""
    extended = np.full(times.size + 2 * WIDTH, np.inf)
    for k in range(times.size):  # an assignment would bring the messages of its errors, and all that makes them
        extended[k] = times[k]
    return extended


@njit(**HELPER)
def work_size(n):
    """Doubles of scratch memory that `emit` needs for n states."""
    return (n * AHEAD + 1) * WIDTH + n


@njit(**INLINE)
def emit(polynomial, n, W, output, lanes, work):
    """Write the n states at every output time in the step just made and advance `due`.

    `polynomial` is a `Polynomial`, `output` an `Output`, and `work` the address of as many doubles as `work_size` says.
    """
    if W == 1:
        if ld(lanes[TNEXT], 0) <= ld(lanes[TNEW], 0):
            output.counts[output.who[0], 2] += 1
            _single(polynomial, n, output, lanes, work)
    else:
        for l in range(0, W, WIDTH):
            fresh = 1
            while below(vld(lanes[TNEXT], l), vld(lanes[TNEW], l)) != 0:
                _several(l, polynomial, n, W, output, lanes, work, fresh)
                fresh = 0


@njit(**INLINE)
def _several(l, polynomial, n, W, output, lanes, work, fresh):
    """The next few times of lanes `l` to `l + 7`."""
    y0, y1, coefficients, stride, degree, nested = polynomial
    times, out, counts, due, who = output
    t, scale, end = vld(lanes[T], l), splat(1.0) / vld(lanes[H], l), vld(lanes[TNEW], l)
    at, where = times.ctypes.data, due.ctypes.data
    t0, t1, t2, t3 = gather(at, where, l), gather(at + 8, where, l), gather(at + 16, where, l), gather(at + 24, where, l)
    x0, x1, x2, x3 = (t0 - t) * scale, (t1 - t) * scale, (t2 - t) * scale, (t3 - t) * scale
    z0, z1, z2, z3 = le(end, t0), le(end, t1), le(end, t2), le(end, t3)
    one = splat(1.0)
    r0, r1, r2, r3 = (one - x0, one - x1, one - x2, one - x3) if nested else (x0, x1, x2, x3)
    second, third = below(t1, end) != 0, below(t2, end) != 0
    for i in range(n):
        e = i * W + l
        v0 = vld(coefficients, (degree - 1) * stride + e)
        first, last = vld(y0, e), vld(y1, e)
        v1, v2, v3 = v0, v0, v0
        if third:
            for j in range(degree - 2, -1, -1):
                c = vld(coefficients, j * stride + e)
                if j % 2 == 0:
                    v0, v1, v2, v3 = vfma(v0, r0, c), vfma(v1, r1, c), vfma(v2, r2, c), vfma(v3, r3, c)
                else:
                    v0, v1, v2, v3 = vfma(v0, x0, c), vfma(v1, x1, c), vfma(v2, x2, c), vfma(v3, x3, c)
            vst(work, (i * AHEAD + 2) * WIDTH, sel(z2, last, vfma(v2, x2, first)))
            vst(work, (i * AHEAD + 3) * WIDTH, sel(z3, last, vfma(v3, x3, first)))
        elif second:
            for j in range(degree - 2, -1, -1):
                c = vld(coefficients, j * stride + e)
                if j % 2 == 0:
                    v0, v1 = vfma(v0, r0, c), vfma(v1, r1, c)
                else:
                    v0, v1 = vfma(v0, x0, c), vfma(v1, x1, c)
        else:
            for j in range(degree - 2, -1, -1):
                v0 = vfma(v0, r0 if j % 2 == 0 else x0, vld(coefficients, j * stride + e))
        vst(work, (i * AHEAD + 0) * WIDTH, sel(z0, last, vfma(v0, x0, first)))
        vst(work, (i * AHEAD + 1) * WIDTH, sel(z1, last, vfma(v1, x1, first)))
    vst(work, n * AHEAD * WIDTH, le(t0, end) + le(t1, end) + le(t2, end) + le(t3, end))
    ahead = 4 if third else 2 if second else 1
    # values that are not yet due are overwritten by a subsequent step: skipping them would cost more
    if n >= WIDTH:
        aside, rows, places = work + 8 * (n * AHEAD + 1) * WIDTH, who.ctypes.data, out.ctypes.data
        for r in range(ahead):
            store_transposed(work + 8 * r * WIDTH, AHEAD * WIDTH, n, places, rows, out.shape[1], where, l, r, aside)
    for b in range(WIDTH):
        k, q, count = who[l + b], due[l + b], np.int64(ld(work, n * AHEAD * WIDTH + b))
        if k >= 0:
            if n < WIDTH:
                for r in range(min(ahead, out.shape[1] - q)):
                    for i in range(n):
                        out[k, q + r, i] = ld(work, (i * AHEAD + r) * WIDTH + b)
            due[l + b] = q + count
            counts[k, 2] += min(count, fresh)
        else:
            due[l + b] = out.shape[1]  # nothing is ever due in a lane that is idle
    vst(lanes[TNEXT], l, gather(at, where, l))


@njit(**INLINE)
def _single(polynomial, n, output, lanes, work):
    """All times of the only lane, eight at once."""
    y0, y1, coefficients, stride, degree, nested = polynomial
    times, out, _, due, who = output
    t, scale, end = vld(lanes[T], 0), splat(1.0) / vld(lanes[H], 0), vld(lanes[TNEW], 0)
    tnew = ld(lanes[TNEW], 0)
    k, q = who[0], due[0]
    while times[q] <= tnew:
        t0 = vld(times.ctypes.data, q)
        x0, last0 = (t0 - t) * scale, le(end, t0)
        r0 = splat(1.0) - x0 if nested else x0
        count = 1
        while count < WIDTH and times[q + count] <= tnew:
            count += 1
        for i in range(n):
            v = splat(ld(coefficients, (degree - 1) * stride + i))
            for j in range(degree - 2, -1, -1):
                v = vfma(v, r0 if j % 2 == 0 else x0, splat(ld(coefficients, j * stride + i)))
            vst(work, 0, sel(last0, splat(ld(y1, i)), vfma(v, x0, splat(ld(y0, i)))))
            for r in range(count):
                out[k, q + r, i] = ld(work, r)
        q += count
    due[0] = q
    put(lanes[TNEXT], 0, times[q], 1)
