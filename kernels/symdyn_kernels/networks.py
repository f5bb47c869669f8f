"""Reaction networks in approximate drivers: propensities through lane functions, stoichiometry as data.

The functions are called with lane 0 of W lanes; `lane` holds the time, `x` numbers of molecules, `p` parameters.  The
`structure` of a network is the tuple of int64 arrays

    ptr, species, fixed, burst     entries ptr[j] to ptr[j+1] of reaction j: species, change without bursts, burst or -1
    dptr, dspecies                 the species in the propensity of reaction j: entries dptr[j] to dptr[j+1]
    pair                           the reaction that undoes reaction j, or -1
    kind                           of each burst
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.options import INLINE
from symdyn_kernels.simd import call
from symdyn_kernels.status import NEGATIVE, NOT_FINITE, SUCCESS
from symdyn_kernels.variates import burst_sum

__all__ = ["burst_moments", "copy", "evaluate", "fire", "holds", "least", "pick", "record"]


@njit(**INLINE)
def copy(to, source):
    """Copy an array into another of its size."""
    for i in range(source.size):
        to[i] = source[i]


@njit(**INLINE)
def least(W, n, x):
    """The least of the numbers of molecules."""
    found = np.inf
    for i in range(n):
        found = min(found, x[i * W])
    return found


@njit(**INLINE)
def evaluate(f, W, R, t, lane, x, p, a):
    """Propensities at a time; returns their sum, or NaN or -1 if one is not a number or negative."""
    for l in range(W):
        lane[l] = t
    call(f, lane.ctypes.data, x.ctypes.data, p.ctypes.data, a.ctypes.data)
    total, low = 0.0, 0.0
    for j in range(R):
        total += a[j * W]
        low = min(low, a[j * W])
    return -1.0 if low < 0.0 else total


@njit(**INLINE)
def holds(f, W, t, lane, x, p, found):
    """Whether the condition that ends a trajectory holds; address 0: there is none."""
    if f == 0:
        return False
    for l in range(W):
        lane[l] = t
    call(f, lane.ctypes.data, x.ctypes.data, p.ctypes.data, found.ctypes.data)
    return found[0] > 0.5


@njit(**INLINE)
def record(out, row, q, W, n, x):
    """Write the numbers of molecules at an output time; returns a status."""
    code = SUCCESS
    for i in range(n):
        out[row, q, i] = x[i * W]
        if not abs(x[i * W]) < np.inf:
            code = NOT_FINITE
    return code


@njit(**INLINE)
def burst_moments(W, R, structure, orders, bmean, mean, second):
    """Means of bursts, which follow the orders, and first and second moments of all changes; returns a status."""
    fixed, burst, kind = structure[2], structure[3], structure[7]
    code = SUCCESS
    for k in range(kind.size):
        bmean[k] = orders[(R + k) * W]
        if not bmean[k] >= 0.0:
            code = NEGATIVE
    for e in range(fixed.size):
        mean[e], second[e] = fixed[e], fixed[e] * fixed[e]
        if burst[e] >= 0:
            m = bmean[burst[e]]
            mean[e] += m
            second[e] += 2.0 * fixed[e] * m + m + m * m * (2.0 - kind[burst[e]])
    return code


@njit(**INLINE)
def pick(W, R, a, marks, mark, threshold):
    """The reaction at which the cumulative sum over those that have a mark passes a threshold; -1 if none is possible."""
    last = -1
    for j in range(R):
        aj = a[j * W]
        if aj > 0.0 and marks[j] == mark:
            last = j
            if threshold < aj:
                break
            threshold -= aj
    return last


@njit(**INLINE)
def fire(s, j, count, W, structure, bmean, x):
    """Add so many firings of a reaction to the numbers of molecules; returns the least number among those changed."""
    ptr, species, fixed, burst, kind = structure[0], structure[1], structure[2], structure[3], structure[7]
    low = np.inf
    for e in range(ptr[j], ptr[j + 1]):
        d = fixed[e] * count
        if burst[e] >= 0:
            d += burst_sum(s, kind[burst[e]], bmean[burst[e]], count)
        now = x[species[e] * W] + d
        x[species[e] * W] = now
        low = min(low, now)
    return low
