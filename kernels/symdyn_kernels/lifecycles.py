"""Life cycles on the processor: rates through lane functions of one lane, transitions and births as data.

`symdyn_kernels.devices.branching` contains functions of the same names and arguments for cards, where numbers are tuples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.options import INLINE
from symdyn_kernels.shared.binomials import binomial
from symdyn_kernels.simd import call, ld, st
from symdyn_kernels.status import PROBABILITY, SUCCESS
from symdyn_kernels.tabulated import conditional, tabulated

__all__ = ["SPARE", "Cycle", "fixed_chances", "holds", "outcomes", "rates_at", "record"]


#: Doubles after each block that a lane function is given, which it may read or write.
SPARE = 8


class Cycle(NamedTuple):
    """A life cycle.

    Attributes
    ----------
    rates, condition : int
        Addresses, as of `symdyn_kernels.arguments.branching.BranchingFunctions`.
    lane, p, found : int
        Addresses of what they are given besides numbers of individuals, the time with the random numbers of a step and the
        parameters, and of what the condition fills.
    species, noises, entries, births, parents : int
        Numbers of stages, of random numbers of a step, of outcomes, of stages that get Poisson numbers, of their parents.
    varying, absorbing : int
        Whether rates change from step to step, and whether the trajectory ends where the population is empty.
    source, ptr, target, fixed, born, bptr, parent : int64 arrays
        As of `symdyn_kernels.arguments.branching.LifeCycleTables`.
    sound : uint8 array
        Whether the probabilities of a group are such.
    stop : (1,) int64
        Set to interrupt.
    """

    rates: int
    condition: int
    lane: int
    p: int
    found: int
    species: int
    noises: int
    entries: int
    births: int
    parents: int
    varying: int
    absorbing: int
    source: np.ndarray
    ptr: np.ndarray
    target: np.ndarray
    fixed: np.ndarray
    born: np.ndarray
    bptr: np.ndarray
    parent: np.ndarray
    sound: np.ndarray
    stop: np.ndarray


@njit(**INLINE)
def rates_at(cycle, t, z, x, r):
    """Rates of a step that begins at t; its random numbers z follow the time in memory."""
    st(cycle.lane, 0, t)
    call(cycle.rates, cycle.lane, x.ctypes.data, cycle.p, r.ctypes.data)
    return r


@njit(**INLINE)
def holds(cycle, t, x):
    """Whether the condition that ends a trajectory holds; address 0: there is none."""
    if cycle.condition == 0:
        return False
    st(cycle.lane, 0, t)
    call(cycle.condition, cycle.lane, x.ctypes.data, cycle.p, cycle.found)
    return ld(cycle.found, 0) > 0.5


@njit(**INLINE)
def record(cycle, x, i, q, values):
    """Write the numbers of individuals at an output time."""
    for k in range(cycle.species):
        values[i, q, k] = x[k]


@njit(**INLINE)
def fixed_chances(cycle, r, chances):
    """Chances of all outcomes that the parameters alone decide."""
    for k in range(chances.asked.size):
        chances.asked[k] = 0
    for g in range(cycle.source.size):
        if cycle.fixed[g]:
            cycle.sound[g] = conditional(cycle.ptr[g], cycle.ptr[g + 1], r, chances)


@njit(**INLINE)
def outcomes(cycle, s, x, y, r, chances):
    """The numbers y of individuals after outcomes at the rates r; a status, they, and the stream."""
    for i in range(cycle.species):
        y[i] = 0.0
    for g in range(cycle.source.size):
        left = x[cycle.source[g]]
        if left > 0.0:
            if not cycle.fixed[g]:
                cycle.sound[g] = conditional(cycle.ptr[g], cycle.ptr[g + 1], r, chances)
            if not cycle.sound[g]:
                return PROBABILITY, y, s
            for e in range(cycle.ptr[g], cycle.ptr[g + 1]):
                k, h = 0.0, chances.half[e]
                if h > 0.0 and cycle.fixed[g]:
                    k, s = tabulated(s, left, e, chances)
                elif h > 0.0:
                    k, s = binomial(s, left, h, chances.ratio[e], chances.log_other[e], False)
                if chances.other[e]:
                    k = left - k
                y[cycle.target[e]] += k
                left -= k
                if left <= 0.0:
                    break
    return SUCCESS, y, s
