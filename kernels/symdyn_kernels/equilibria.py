"""Leaps across fast equilibria: reversible pairs of reactions in equilibrium, and the implicit leap that leaves them so.

`symdyn_kernels.networks` says what a `network` is; arguments have the same names there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.constants.leaping import DEVIATIONS, EQUILIBRIUM, NEWTON, NEWTON_ERROR, RELAXATION, STIFF_RATIO
from symdyn_kernels.leaps import longest
from symdyn_kernels.networks import copy, evaluate
from symdyn_kernels.options import INLINE
from symdyn_kernels.simd import call
from symdyn_kernels.variates import round_randomly

__all__ = ["Solver", "Space", "implicit_leap", "length_across"]


class Space(NamedTuple):
    """The state of a trajectory, and scratch memory.

    Attributes
    ----------
    x, y : float64 arrays
        Numbers of molecules, W lanes each; the latter for candidates.
    a, b, orders : float64 arrays
        Propensities at the one and at the other; orders of the reactions.
    critical, equal, skip : (R,) int64
        Marks of reactions: critical; in equilibrium and leapt across; either.
    rate : (R,) float64
        At which the net flux of an equilibrium relaxes, by one firing more.
    work : tuple of 4 (n,) float64
    """

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    orders: np.ndarray
    critical: np.ndarray
    equal: np.ndarray
    skip: np.ndarray
    rate: np.ndarray
    work: tuple


class Solver(NamedTuple):
    """The linear algebra of implicit leaps.

    Attributes
    ----------
    factor, solve : int
        Addresses of lane functions.
    factors, residual, step : float64 arrays
        Factors, right-hand side and solution, W lanes each.
    """

    factor: int
    solve: int
    factors: np.ndarray
    residual: np.ndarray
    step: np.ndarray


@njit(**INLINE)
def length_across(tau, left, network, t, watched, epsilon, space):
    """The length of a leap across equilibria, or that of an explicit leap, `tau`, if it is not much longer.

    `left` is the time to the next output; ``space.equal`` marks the pairs that are leapt across.  Pairs that change species
    in the stopping condition (`watched`) are excluded.
    """
    if left <= STIFF_RATIO * tau:
        return tau
    x, _, a, _, orders, critical, equal, skip, rate, work = space
    R = network.R
    _equilibria(network, t, watched, space)
    for j in range(R):
        skip[j] = max(critical[j], equal[j])
    slow, relaxation = min(longest(network, watched, x, a, orders, skip, epsilon, work), left), np.inf
    for j in range(R):
        if equal[j] and rate[j] * slow > 0.5:
            relaxation = min(relaxation, rate[j])
    slow = min(slow, left - RELAXATION / relaxation)
    return slow if slow > STIFF_RATIO * tau else tau


@njit(**INLINE)
def _equilibria(network, t, watched, space):
    """Mark reversible pairs in equilibrium that change no species of the stopping condition.

    `rate` is that at which their net flux relaxes, by one firing more.
    """
    W, R = network.W, network.R
    ptr, species, fixed, _, _, _, pair, _ = network.structure
    x, y, a, b, _, critical, equal, _, rate, _ = space
    for j in range(R):
        equal[j] = 0
    for j in range(R):
        k = pair[j]
        if k > j and critical[j] == 0 and critical[k] == 0:
            copy(y, x)
            weight = 0.0
            for e in range(ptr[j], ptr[j + 1]):
                y[species[e] * W] += fixed[e]
                weight += watched[species[e]]
            evaluate(network, t, y, b)
            net = a[j * W] - a[k * W]
            relaxation = net - (b[j * W] - b[k * W])
            low = min(a[j * W], a[k * W])
            band = EQUILIBRIUM * low
            if relaxation < EQUILIBRIUM * EQUILIBRIUM * low:  # many molecules: fluctuations are small and nearly linear
                band = max(band, DEVIATIONS * math.sqrt(max(0.0, relaxation * low)))
            if weight == 0.0 and relaxation > 0.0 and abs(net) <= band:
                equal[j], equal[k] = 1, 1
                rate[j], rate[k] = relaxation, relaxation


@njit(**INLINE)
def implicit_leap(s, network, solver, t, tau, space):
    """Correct a leap in z to the trapezoidal rule; returns the number of evaluations or -1.

    Solves ``y = z + tau/2 sum_j S_j (a_j(y) - a_j(x))`` by Newton, from x in ``space.y``; z is x and its firings, in
    ``space.x``.  Adds the correction of each reaction as an integer number of firings, so that conservation laws hold.
    """
    W, n, R, mean, lane, p = network.W, network.n, network.R, network.mean, network.lane, network.p
    ptr, species, fixed, burst, _, _, _, _ = network.structure
    z, y, a, b, _, skip, equal, _, _, _ = space
    factor, solve, factors, residual, step = solver
    calls, converged = 1, False
    while calls <= NEWTON and not converged:
        evaluate(network, t, y, b)
        for i in range(n):
            residual[i * W] = z[i * W] - y[i * W]
        for j in range(R):
            if skip[j] == 0:
                c = 0.5 * tau * (b[j * W] - a[j * W])
                for e in range(ptr[j], ptr[j + 1]):
                    residual[species[e] * W] += mean[e] * c
        for i in range(n):
            residual[i * W] *= 2.0 / tau
        for l in range(W):
            lane[W + l] = 2.0 / tau
        call(factor, lane.ctypes.data, y.ctypes.data, p.ctypes.data, factors.ctypes.data)
        call(solve, factors.ctypes.data, residual.ctypes.data, p.ctypes.data, step.ctypes.data)
        size = 0.0
        for i in range(n):
            y[i * W] += step[i * W]
            size = max(size, abs(step[i * W]) / (1.0 + 1e-6 * abs(y[i * W])))
            if not math.isfinite(y[i * W]):
                return -1
        calls += 1
        converged = size < NEWTON_ERROR
    if not converged:
        return -1
    evaluate(network, t, y, b)
    for j in range(R):
        if skip[j] == 0:
            c = 0.5 * tau * (b[j * W] - a[j * W])
            # at equilibrium corrections are many firings and the nearest number adds the least noise; a lasting small
            # correction would be lost by it
            k = np.floor(c + 0.5) if equal[j] else round_randomly(s, c)
            for e in range(ptr[j], ptr[j + 1]):
                z[species[e] * W] += fixed[e] * k
                if burst[e] >= 0:
                    z[species[e] * W] += round_randomly(s, (mean[e] - fixed[e]) * c)
    return calls
