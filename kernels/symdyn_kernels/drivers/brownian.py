"""Increments of one Brownian path over any intervals: `symdyn_kernels.shared.brownian`, cell by cell."""

from __future__ import annotations

import math

from numba import int64, njit

from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.arguments.tree import PathArguments
from symdyn_kernels.constants.brownian import ROOT
from symdyn_kernels.options import HELPER
from symdyn_kernels.shared.brownian import advance, halves, node_normals, path_keys, root_cell

__all__ = ["chunk"]


@njit(**HELPER)
def over(first, second, a, b):
    """``W(b) - W(a)`` and ``int_a^b (W(s) - W(a)) ds``.

    Down to the cell that a and b halve between them; then from its middle to both sides, so that nothing large cancels.
    """
    size = 2.0**ROOT
    index = int64(math.floor(a / size))
    total, integral, at = 0.0, 0.0, a
    while at < b:  # cells at the root
        start = index * size
        end = min(b, start + size)
        w, area = root_cell(first, second, index)
        length, depth, k = size, int64(0), index
        while True:
            middle = start + 0.5 * length
            if at <= start and end >= start + length:
                dw, dz = w, length * (0.5 * w + area)
                break
            z, n = node_normals(first, second, depth, k)
            left, left_area, right, right_area = halves(w, area, z, n, math.sqrt(length))
            length, depth, k = 0.5 * length, depth + 1, 2 * k
            if end <= middle:
                w, area = left, left_area
            elif at >= middle:
                w, area, start, k = right, right_area, middle, k + 1
            else:
                # from `at` to the middle: the left half less what comes before `at`
                w1, z1 = after(first, second, depth, k, left, left_area, start, length, at)
                w2, z2 = right, length * (0.5 * right + right_area)
                if end < middle + length:
                    w2, z2 = advance(first, second, depth, k + 1, right, right_area, middle, length, end)
                dw, dz = w1 + w2, z1 + z2 + (end - middle) * w1
                break
        integral += dz + (end - at) * total
        total += dw
        at, index = end, index + 1
    return total, integral


@njit(**HELPER)
def after(first, second, depth, index, w, area, start, length, since):
    """Increment and ``int (W - W_since) ds`` from a time within a cell to its end, from the right halves that lie after it."""
    total, integral, covered = 0.0, 0.0, 0.0  # of what follows the present cell
    while start < since:
        z, n = node_normals(first, second, depth, index)
        left, left_area, right, right_area = halves(w, area, z, n, math.sqrt(length))
        length, depth, index = 0.5 * length, depth + 1, 2 * index
        if since >= start + length:
            start, index = start + length, index + 1
            w, area = right, right_area
        else:
            dz = length * (0.5 * right + right_area)
            integral = dz + integral + covered * right
            total, covered = total + right, covered + length
            w, area = left, left_area
    dz = length * (0.5 * w + area)
    return w + total, dz + integral + covered * w


@njit(signature(PathArguments), **HELPER)
def chunk(arguments):
    """Fill both arrays; returns the number of intervals."""
    seed, stream, first, last, increments, integrals = arguments
    for j in range(increments.shape[1]):
        one, other = path_keys(seed, stream, j)
        for q in range(first.size):
            increments[q, j], integrals[q, j] = over(one, other, first[q], last[q])
    return first.size
