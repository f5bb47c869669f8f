"""Sparse LU factorisation and substitution from tables: C functions that generated code of larger models calls.

M = L U with ones on the diagonal of L; the pivots are taken in a fixed order and kept as reciprocals.  Row i of M is the
sum of ``L[i, k] U[k, :]`` over the pivots k before it: it is unfolded, the rows of its pivots are subtracted one by one,
and the remainder is U and its pivot.  (A list of all single operations in place of the rows, in independent parts, was
measured to be no faster: its loops are predicted better, but it loads three numbers for each operation.)

A block holds W lanes, row e of lane l at [e*W + l].  Every lane does the same operations in the same order, whatever W
is.  Tables: the factors of row i are those from ``begin[i]`` to ``end[i]``, with ``columns`` in the order of the pivots and
the pivot at ``diagonal[i]``, and the entries of M from ``entries[i]`` to ``entries[i + 1]``.
"""

from __future__ import annotations

from numba import cfunc, njit

from symdyn_kernels.simd import ld, le, sel, splat, st, vld, vst

OPTIONS = {"error_model": "numpy", "fastmath": {"contract"}}


def signature(tables: int, numbers: int) -> str:
    """Tables, then numbers and addresses."""
    return f"void({', '.join(['CPointer(int32)'] * tables + ['int64'] * numbers)})"


# ---- one operation, for eight lanes or one -------------------------------------------------------


@njit(**OPTIONS)
def subtract(W, target, a, left, b, right, c):
    """``target[a] -= left[b] * right[c]``."""
    if W == 1:
        st(target, a, ld(target, a) - ld(left, b) * ld(right, c))
    else:
        vst(target, a * W, vld(target, a * W) - vld(left, b * W) * vld(right, c * W))


@njit(**OPTIONS)
def scale(W, target, a, left, b):
    """``target[a] *= left[b]``."""
    if W == 1:
        st(target, a, ld(target, a) * ld(left, b))
    else:
        vst(target, a * W, vld(target, a * W) * vld(left, b * W))


@njit(**OPTIONS)
def copy(W, target, a, source, b):
    """``target[a] = source[b]``."""
    if W == 1:
        st(target, a, ld(source, b))
    else:
        vst(target, a * W, vld(source, b * W))


@njit(**OPTIONS)
def clear(W, target, a):
    """``target[a] = 0``."""
    if W == 1:
        st(target, a, 0.0)
    else:
        vst(target, a * W, splat(0.0))


@njit(**OPTIONS)
def invert(W, target, a, source, b):
    """``target[a] = 1 / source[b]``; an infinite pivot must fail the step, not freeze the state: it gives NaN."""
    if W == 1:
        x = 1.0 / ld(source, b)
        st(target, a, float("nan") if x == 0.0 else x)
    else:
        zero = splat(0.0)
        v = splat(1.0) / vld(source, b * W)
        vst(target, a * W, sel(le(v, zero) * le(zero, v), splat(float("nan")), v))


# ---- factorisation and substitution ---------------------------------------------------------------


@cfunc(signature(7, 3), **OPTIONS)
def factorise(order, begin, diagonal, end, columns, entries, entry_columns, n, W, block):
    """Results have a row for each factor, then n at which a row of M is unfolded; then come the entries of M by rows."""
    for l in range(0, W, 8):
        out = block + 8 * l
        work = out + 8 * W * end[n - 1]
        matrix = work + 8 * W * n
        for position in range(n):
            i = order[position]
            for q in range(begin[i], end[i]):
                clear(W, work, columns[q])
            for e in range(entries[i], entries[i + 1]):
                copy(W, work, entry_columns[e], matrix, e)
            for q in range(begin[i], diagonal[i]):
                k = columns[q]
                scale(W, work, k, out, diagonal[k])
                copy(W, out, q, work, k)
                for r in range(diagonal[k] + 1, end[k]):
                    subtract(W, work, columns[r], out, q, out, r)
            invert(W, out, diagonal[i], work, i)
            for q in range(diagonal[i] + 1, end[i]):
                copy(W, out, q, work, columns[q])


@cfunc(signature(5, 5), **OPTIONS)
def substitute(order, begin, diagonal, end, columns, n, W, factors, right, x):
    """Solve ``L U x = b``."""
    for l in range(0, W, 8):
        f, b, y = factors + 8 * l, right + 8 * l, x + 8 * l
        for position in range(n):
            i = order[position]
            copy(W, y, i, b, i)
            for q in range(begin[i], diagonal[i]):
                subtract(W, y, i, f, q, y, columns[q])
        for position in range(n - 1, -1, -1):
            i = order[position]
            for q in range(end[i] - 1, diagonal[i], -1):
                subtract(W, y, i, f, q, y, columns[q])
            scale(W, y, i, f, diagonal[i])
