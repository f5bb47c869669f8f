"""Reaction networks on the processor: propensities through lane functions of one lane, stoichiometry as data.

`symdyn_kernels.devices.reactions` contains functions of the same names and arguments for cards, where numbers are tuples: a
function that changes numbers returns them, and what it is given to write them to is an array here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.arguments.networks import LeapFunctions
from symdyn_kernels.options import INLINE
from symdyn_kernels.shared.variates import burst_sum, poisson
from symdyn_kernels.simd import call, ld, st

__all__ = [
    "SPARE",
    "Network",
    "NetworkModel",
    "at_end",
    "copied",
    "draw",
    "evaluate",
    "fire",
    "holds",
    "how_many",
    "least",
    "newton_step",
    "orders_at",
    "output_time",
    "pick",
    "record",
    "with_moments",
]  # fmt: skip


#: Doubles after each block that a lane function is given, which it may read or write.
SPARE = 8


class NetworkModel(NamedTuple):
    """The functions of a network, and what it has.

    Attributes
    ----------
    functions : LeapFunctions
    lane, p, found, factors : int
        Addresses of what they are given besides numbers of molecules, the time and the parameters, and of what they fill.
    species, reactions, bursts : int
        Numbers of them.
    timed, implicit : int
        Whether rates or the condition depend on time; whether leaps across equilibria are taken.
    """

    functions: LeapFunctions
    lane: int
    p: int
    found: int
    factors: int
    species: int
    reactions: int
    bursts: int
    timed: int
    implicit: int


class Network(NamedTuple):
    """A network with the parameters of a trajectory.

    Attributes
    ----------
    model : NetworkModel
    ptr, changed, fixed, burst, dptr, dspecies, pair, kind : int64 arrays
        As of `symdyn_kernels.arguments.networks.NetworkTables`.
    watched : (n,) float64
        As of `symdyn_kernels.arguments.networks.LeapingArguments`.
    means, mean, second : float64 arrays
        Means of the bursts; first and second moments of every change of a species in a reaction.
    stop : (1,) int64
        Set to interrupt.
    """

    model: NetworkModel
    ptr: np.ndarray
    changed: np.ndarray
    fixed: np.ndarray
    burst: np.ndarray
    dptr: np.ndarray
    dspecies: np.ndarray
    pair: np.ndarray
    kind: np.ndarray
    watched: np.ndarray
    means: np.ndarray
    mean: np.ndarray
    second: np.ndarray
    stop: np.ndarray


@njit(**INLINE)
def with_moments(network, means, mean, second):
    """The network with moments that were found: they are in its arrays."""
    return network


@njit(**INLINE)
def copied(model, x, y):
    """Numbers x of the species in y."""
    for i in range(model.species):
        y[i] = x[i]
    return y


@njit(**INLINE)
def least(model, x):
    """The least of the numbers of molecules."""
    found = np.inf
    for i in range(model.species):
        found = min(found, x[i])
    return found


@njit(**INLINE)
def evaluate(model, t, x, a):
    """Propensities at a time, and their sum, or NaN or -1 if one is not a number or negative."""
    st(model.lane, 0, t)
    call(model.functions.propensities, model.lane, x.ctypes.data, model.p, a.ctypes.data)
    total, low = 0.0, 0.0
    for j in range(model.reactions):
        total += a[j]
        low = min(low, a[j])
    return a, -1.0 if low < 0.0 else total


@njit(**INLINE)
def orders_at(model, t, x, orders):
    """The orders of reactions at a time, then the means of bursts."""
    st(model.lane, 0, t)
    call(model.functions.orders, model.lane, x.ctypes.data, model.p, orders.ctypes.data)
    return orders


@njit(**INLINE)
def newton_step(model, t, shift, y, residual, step):
    """The solution, `step`, of ``(shift - d(S a)/dx) step = residual`` at y."""
    st(model.lane, 0, t)
    st(model.lane, 1, shift)
    call(model.functions.factor, model.lane, y.ctypes.data, model.p, model.factors)
    call(model.functions.solve, model.factors, residual.ctypes.data, model.p, step.ctypes.data)
    return step


@njit(**INLINE)
def holds(model, t, x):
    """Whether the condition that ends a trajectory holds; address 0: there is none."""
    if model.functions.condition == 0:
        return False
    st(model.lane, 0, t)
    call(model.functions.condition, model.lane, x.ctypes.data, model.p, model.found)
    return ld(model.found, 0) > 0.5


@njit(**INLINE)
def record(model, x, i, q, values):
    """Write the numbers of molecules at an output time; returns whether all of them are finite."""
    good = True
    for k in range(model.species):
        values[i, q, k] = x[k]
        good = good and abs(x[k]) < np.inf
    return good


@njit(**INLINE)
def pick(model, a, marks, mark, threshold):
    """The reaction at which the cumulative sum over those that have a mark passes a threshold; -1 if none is possible."""
    last = -1
    for j in range(model.reactions):
        aj = a[j]
        if aj > 0.0 and marks[j] == mark:
            last = j
            if threshold < aj:
                break
            threshold -= aj
    return last


@njit(**INLINE)
def fire(network, s, j, count, x):
    """The numbers of molecules after so many firings of a reaction, the least number among those changed, and the stream."""
    fixed, burst, changed = network.fixed, network.burst, network.changed
    low = np.inf
    for e in range(network.ptr[j], network.ptr[j + 1]):
        d = fixed[e] * count
        if burst[e] >= 0:
            more, s = burst_sum(s, network.kind[burst[e]], network.means[burst[e]], count)
            d += more
        now = x[changed[e]] + d
        x[changed[e]] = now
        low = min(low, now)
    return x, low, s


@njit(**INLINE)
def draw(network, s, h, rates, marks, x):
    """The numbers of molecules after firings in a time h, at given rates, of all reactions without a mark; and the stream."""
    for j in range(network.model.reactions):
        if marks[j] == 0:
            k, s = poisson(s, rates[j] * h)
            if k > 0.0:
                x, _, s = fire(network, s, j, k, x)
    return x, s


@njit(**INLINE)
def how_many(times):
    """How many output times there are."""
    return times.size


@njit(**INLINE)
def output_time(times, q):
    """One of the output times."""
    return times[q]


@njit(**INLINE)
def at_end(model, x):
    """Nothing: the numbers of molecules in the end are the last output."""
    return 0
