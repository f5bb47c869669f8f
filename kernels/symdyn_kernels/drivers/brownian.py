"""Increments of one Brownian path over any intervals: `symdyn_kernels.shared.brownian`, cell by cell."""

from __future__ import annotations

import math

from numba import int64, njit

from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.arguments.tree import PathArguments
from symdyn_kernels.constants.brownian import ROOT
from symdyn_kernels.options import HELPER
from symdyn_kernels.shared.brownian import advance, halved, integrals_of, joined, path_keys, root_cell

__all__ = ["chunk"]


@njit(**HELPER)
def over(first, second, a, b, integrals):
    """The increment of the path from a to b, and its integrals.

    Down to the cell that a and b halve between them; then from its middle to both sides, so that nothing large cancels.
    """
    size = 2.0**ROOT
    index = int64(math.floor(a / size))
    total, at = (0.0, 0.0, 0.0), a
    while at < b:  # cells at the root
        start = index * size
        end = min(b, start + size)
        cell = root_cell(first, second, index)
        length, depth, k = size, int64(0), index
        while True:
            middle = start + 0.5 * length
            if at <= start and end >= start + length:
                found = integrals_of(cell, length)
                break
            w, area, third, w_right, area_right, third_right = halved(
                first, second, depth, k, cell, math.sqrt(length), integrals
            )
            left, right = (w, area, third), (w_right, area_right, third_right)
            length, depth, k = 0.5 * length, depth + 1, 2 * k
            if end <= middle:
                cell = left
            elif at >= middle:
                cell, start, k = right, middle, k + 1
            else:
                # from `at` to the middle: the left half less what comes before `at`
                before = after(first, second, depth, k, left, start, length, at, integrals)
                rest = integrals_of(right, length)
                if end < middle + length:
                    rest = advance(first, second, depth, k + 1, right, middle, length, end, integrals)
                found = joined(before, rest, end - middle)
                break
        total = joined(total, found, end - at)
        at, index = end, index + 1
    return total


@njit(**HELPER)
def after(first, second, depth, index, cell, start, length, since, integrals):
    """The increment from a time within a cell to its end, and its integrals, from the right halves that lie after it."""
    total, covered = (0.0, 0.0, 0.0), 0.0  # of what follows the present cell
    while start < since:
        w, area, third, w_right, area_right, third_right = halved(
            first, second, depth, index, cell, math.sqrt(length), integrals
        )
        length, depth, index = 0.5 * length, depth + 1, 2 * index
        if since >= start + length:
            start, index = start + length, index + 1
            cell = (w_right, area_right, third_right)
        else:
            total = joined(integrals_of((w_right, area_right, third_right), length), total, covered)
            covered += length
            cell = (w, area, third)
    return joined(integrals_of(cell, length), total, covered)


@njit(signature(PathArguments), **HELPER)
def chunk(arguments):
    """Fill the array; returns the number of intervals."""
    seed, stream, first, last, integrals, values = arguments
    for j in range(values.shape[2]):
        one, other = path_keys(seed, stream, j)
        for q in range(first.size):
            values[0, q, j], values[1, q, j], values[2, q, j] = over(one, other, first[q], last[q], integrals)
    return first.size
