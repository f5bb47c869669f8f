"""Leaps across fast equilibria: reversible pairs of reactions in equilibrium, and the implicit leap that leaves them so.

`symdyn_kernels.networks` says what `structure` is; arguments have the same names there.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.leaps import longest
from symdyn_kernels.networks import copy, evaluate
from symdyn_kernels.options import INLINE
from symdyn_kernels.simd import call
from symdyn_kernels.variates import round_randomly

__all__ = ["implicit_leap", "length_across"]

#: A reversible pair is in equilibrium if its propensities differ by no more than this part, or these standard deviations.
EQUILIBRIUM, DEVIATIONS = 0.05, 3.0
#: An implicit leap is so many times longer than an explicit one at least, and so many relaxation times of the equilibria
#: that it leaps across are simulated before each output, so that their fluctuations are there again.
STIFF_RATIO, RELAXATION = 100.0, 3.0
#: Iterations of Newton, and the molecules to which they converge before firings are rounded.
NEWTON, NEWTON_ERROR = 20, 1e-3


@njit(**INLINE)
def length_across(
    tau, left, f, sizes, t, structure, watched, critical, lane, x, y, p, a, b, orders, mean, second, equal, skip, rate,
    epsilon, work,
):  # fmt: skip
    """The length of a leap across equilibria, or that of an explicit leap, `tau`, if it is not much longer.

    `left` is the time to the next output; `equal` marks the pairs that are leapt across.  Pairs that change species that are
    `watched` are not.
    """
    W, n, R = sizes[0], sizes[1], sizes[2]
    if left <= STIFF_RATIO * tau:
        return tau
    _equilibria(f, W, R, t, structure, watched, critical, lane, x, y, p, a, b, equal, rate)
    for j in range(R):
        skip[j] = max(critical[j], equal[j])
    slow, relaxation = min(longest(W, n, R, structure, watched, x, a, orders, mean, second, skip, epsilon, work), left), np.inf
    for j in range(R):
        if equal[j] and rate[j] * slow > 0.5:
            relaxation = min(relaxation, rate[j])
    slow = min(slow, left - RELAXATION / relaxation)
    return slow if slow > STIFF_RATIO * tau else tau


@njit(**INLINE)
def _equilibria(f, W, R, t, structure, watched, critical, lane, x, y, p, a, b, equal, rate):
    """Mark reversible pairs in equilibrium that change nothing that is watched.

    `rate` is that at which their net flux relaxes, by one firing more.
    """
    ptr, species, fixed, pair = structure[0], structure[1], structure[2], structure[6]
    for j in range(R):
        equal[j] = 0
    for j in range(R):
        k = pair[j]
        if k > j and critical[j] == 0 and critical[k] == 0:
            copy(y, x)
            seen = 0.0
            for e in range(ptr[j], ptr[j + 1]):
                y[species[e] * W] += fixed[e]
                seen += watched[species[e]]
            evaluate(f, W, R, t, lane, y, p, b)
            net = a[j * W] - a[k * W]
            relaxation = net - (b[j * W] - b[k * W])
            low = min(a[j * W], a[k * W])
            band = EQUILIBRIUM * low
            if relaxation < EQUILIBRIUM * EQUILIBRIUM * low:  # many molecules: fluctuations are small and nearly linear
                band = max(band, DEVIATIONS * math.sqrt(max(0.0, relaxation * low)))
            if seen == 0.0 and relaxation > 0.0 and abs(net) <= band:
                equal[j], equal[k] = 1, 1
                rate[j], rate[k] = relaxation, relaxation


@njit(**INLINE)
def implicit_leap(
    s, functions, sizes, t, tau, structure, skip, equal, mean, lane, factors, y, z, p, a, b, residual, step
):  # fmt: skip
    """Correct a leap in `z`, which holds x and its firings, to the trapezoidal rule; returns the number of evaluations or -1.

    Solves ``y = z + tau/2 sum_j S_j (a_j(y) - a_j(x))`` by Newton, from x in `y`, and adds the correction of each reaction as
    a whole number of firings, so that conservation laws hold.
    """
    W, n, R = sizes[0], sizes[1], sizes[2]
    ptr, species, fixed, burst = structure[0], structure[1], structure[2], structure[3]
    calls, converged = 1, False
    while calls <= NEWTON and not converged:
        evaluate(functions[0], W, R, t, lane, y, p, b)
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
        call(functions[2], lane.ctypes.data, y.ctypes.data, p.ctypes.data, factors.ctypes.data)
        call(functions[3], factors.ctypes.data, residual.ctypes.data, p.ctypes.data, step.ctypes.data)
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
    evaluate(functions[0], W, R, t, lane, y, p, b)
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
