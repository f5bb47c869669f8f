"""Reaction networks in approximate drivers: propensities through lane functions, stoichiometry as data.

The functions are called with lane 0 of W lanes; `lane` holds the time, `x` numbers of molecules, `p` parameters.
`symdyn_kernels.arguments.networks` says what the `structure` of a network is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.arguments.networks import NetworkTables
from symdyn_kernels.options import INLINE
from symdyn_kernels.simd import call
from symdyn_kernels.status import NEGATIVE, NOT_FINITE, SUCCESS
from symdyn_kernels.variates import burst_sum

__all__ = ["Network", "burst_moments", "copy", "evaluate", "fire", "holds", "least", "pick", "record"]


class Network(NamedTuple):
    """A network with the parameters of a trajectory.

    Attributes
    ----------
    f : int
        Address of the propensities.
    W, n, R : int
        Lanes of the functions, species, reactions.
    structure : NetworkTables
    bmean, mean, second : float64 arrays
        Means of the bursts; first and second moments of every change of a species in a reaction, which `burst_moments` finds.
    lane, p : float64 arrays
        What functions are given besides numbers of molecules: the time, and the parameters.
    """

    f: int
    W: int
    n: int
    R: int
    structure: NetworkTables
    bmean: np.ndarray
    mean: np.ndarray
    second: np.ndarray
    lane: np.ndarray
    p: np.ndarray


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
def evaluate(network, t, x, a):
    """Propensities at a time; returns their sum, or NaN or -1 if one is not a number or negative."""
    f, W, R, lane, p = network.f, network.W, network.R, network.lane, network.p
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
def burst_moments(network, orders):
    """Means of bursts, which follow the orders, and first and second moments of all changes; returns a status."""
    W, R, bmean, mean, second = network.W, network.R, network.bmean, network.mean, network.second
    fixed, burst, kind = network.structure.fixed, network.structure.burst, network.structure.kind
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
    ptr, species, fixed, burst, _, _, _, kind = structure
    low = np.inf
    for e in range(ptr[j], ptr[j + 1]):
        d = fixed[e] * count
        if burst[e] >= 0:
            d += burst_sum(s, kind[burst[e]], bmean[burst[e]], count)
        now = x[species[e] * W] + d
        x[species[e] * W] = now
        low = min(low, now)
    return low
