"""Leaps of a reaction network: their length, their firings, and exact events where those are cheaper.

`symdyn_kernels.networks` says what a `network` is; arguments have the same names there.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.constants.leaping import ACCURATE, CRITICAL, LEAST_FIRINGS, STABLE
from symdyn_kernels.networks import evaluate, fire, holds, least, pick
from symdyn_kernels.options import INLINE
from symdyn_kernels.rng import next_uniform
from symdyn_kernels.status import NEGATIVE, NOT_FINITE, SUCCESS
from symdyn_kernels.variates import exponential, poisson

__all__ = ["classify", "draw", "events", "explicit_leap", "longest", "steady"]


@njit(**INLINE)
def steady(network, t, h, epsilon, x, a, b):
    """A time up to h over which no propensity changes by more than a part epsilon.

    Returns it, the total propensity at its middle, where `a` holds the propensities, and a bound of the total in it.
    """
    W, R = network.W, network.R
    start = evaluate(network, t, x, b)
    while True:
        end = evaluate(network, t + h, x, a)
        excess = _excess(W, R, epsilon, a, b)
        middle = evaluate(network, t + 0.5 * h, x, a)
        excess = max(excess, _excess(W, R, epsilon, a, b))
        worst = min(start, end, middle)
        if not worst >= 0.0:
            return h, worst, worst
        bound = (1.0 + epsilon) * max(start, end, middle)
        if excess <= 0.0 or h * bound < LEAST_FIRINGS:
            return h, middle, bound
        h *= 0.5


@njit(**INLINE)
def _excess(W, R, epsilon, a, b):
    """By how much the change of a propensity is more than a part epsilon."""
    excess = 0.0
    for j in range(R):
        excess = max(excess, abs(a[j * W] - b[j * W]) - epsilon * max(a[j * W], b[j * W]))
    return excess


@njit(**INLINE)
def classify(network, x, a, critical):
    """Mark critical reactions; returns the sum of their propensities."""
    W, R, mean = network.W, network.R, network.mean
    ptr, species = network.structure.ptr, network.structure.species
    total = 0.0
    for j in range(R):
        critical[j] = 0
        for e in range(ptr[j], ptr[j + 1]):
            if mean[e] < 0.0 and x[species[e] * W] < -CRITICAL * mean[e]:
                critical[j] = 1
        if critical[j]:
            total += a[j * W]
    return total


@njit(**INLINE)
def longest(network, watched, x, a, orders, skip, epsilon, work):
    """The longest leap that keeps relative changes of propensities below epsilon (Cao, Gillespie & Petzold 2006, eq. 33).

    And that is well below a relaxation time: in equilibrium changes are small on average however long the leap is, but
    longer leaps would be unstable, and fluctuations too large.  Species with ``watched > 0`` (those in the stopping condition)
    are bounded as if they were reactants of a propensity of order `watched`.
    """
    W, n, R, mean, second = network.W, network.n, network.R, network.mean, network.second
    ptr, species, _, _, dptr, dspecies, _, _ = network.structure
    g, drift, spread, speed = work
    for i in range(n):
        drift[i], spread[i], g[i], speed[i] = 0.0, 0.0, watched[i], 0.0
    for j in range(R):
        aj = a[j * W]
        for d in range(dptr[j], dptr[j + 1]):
            g[dspecies[d]] = max(g[dspecies[d]], orders[j * W], 1.0)
        if skip[j] == 0 and aj > 0.0:
            for e in range(ptr[j], ptr[j + 1]):
                i = species[e]
                drift[i] += mean[e] * aj
                spread[i] += second[e] * aj
                for d in range(dptr[j], dptr[j + 1]):
                    if dspecies[d] == i:
                        speed[i] += abs(mean[e]) * aj * orders[j * W]
    tau = np.inf
    for i in range(n):
        if g[i] > 0.0:
            bound = max(epsilon * x[i * W] / g[i], 1.0)
            if drift[i] != 0.0:
                tau = min(tau, bound / abs(drift[i]))
            if spread[i] > 0.0:
                tau = min(tau, bound * bound / spread[i])
            if speed[i] > 0.0:
                tau = min(tau, min(STABLE, ACCURATE * epsilon) * max(x[i * W], 1.0) / speed[i])
    return tau


@njit(**INLINE)
def events(s, network, condition, t, end, limit, every, x, a, found):
    """Exact events up to a time, a number of them or a condition; returns the time, the number, and a status."""
    W, R, lane, p = network.W, network.R, network.lane, network.p
    for done in range(limit):
        total = evaluate(network, t, x, a)
        if not total > 0.0 or total == np.inf:
            if total == 0.0:
                return end, done, SUCCESS
            return t, done, NEGATIVE if total < 0.0 else NOT_FINITE
        t_next = t + exponential(s) / total
        if t_next >= end:
            return end, done, SUCCESS
        t = t_next
        j = pick(W, R, a, every, 0, next_uniform(s) * total)
        if fire(s, j, 1.0, W, network.structure, network.bmean, x) < 0.0:
            return t, done + 1, NEGATIVE
        if holds(condition, W, t, lane, x, p, found):
            return t, done + 1, SUCCESS
    return t, limit, SUCCESS


@njit(**INLINE)
def draw(s, network, h, critical, a, b, extrapolate, x):
    """Firings of all reactions that are not critical, at propensities a or, extrapolated from a, ``max(0, 2 b - a)``."""
    W, R = network.W, network.R
    for j in range(R):
        if critical[j] == 0:
            rate = 2.0 * b[j * W] - a[j * W] if extrapolate else a[j * W]
            k = poisson(s, rate * h)
            if k > 0.0:
                fire(s, j, k, W, network.structure, network.bmean, x)


@njit(**INLINE)
def explicit_leap(s, network, t, h, critical, x, a, b):
    """A leap by the weak trapezoidal rule with two half leaps; returns whether all numbers stay at 0 or more."""
    draw(s, network, 0.5 * h, critical, a, b, False, x)
    if not least(network.W, network.n, x) >= 0.0 or not evaluate(network, t, x, b) >= 0.0:
        return False
    draw(s, network, 0.5 * h, critical, a, b, True, x)
    return True
