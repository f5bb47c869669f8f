"""Flow and jumps of a reaction network: the state from extents, their rates, what flows, errors of steps, and jumps.

The state is integers plus the mean changes times the extents of the flowing reactions, ``x = base + sum_j S_j xi_j``;
`symdyn_kernels.networks` says what a `network` is, and arguments have the same names there; its second moments are over the
magnitudes of the first here.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.networks import fire, holds, pick
from symdyn_kernels.options import INLINE, PLAIN
from symdyn_kernels.shared.streams import next_uniform
from symdyn_kernels.shared.variates import round_randomly
from symdyn_kernels.simd import call, st
from symdyn_kernels.status import NEGATIVE, NOT_FINITE, SUCCESS

__all__ = ["Step", "assemble", "between", "crossing", "divide", "error", "first_step", "hermite", "jump", "passed", "slope"]

#: A flowing reaction jumps again when numbers are below this part of what made it flow.
HYSTERESIS = 0.5
#: To what part of a step the moment is found at which a condition begins to hold.
RESOLUTION = 1e-12
#: A step that takes more than this part of a flowing species is refused.
LARGEST_LOSS = 0.5


class Step(NamedTuple):
    """A step of the flow.

    Attributes
    ----------
    h : float
    xi, new : (R,) float64
        Extents before and after it.
    k1, k2, k3, k4 : (R + 1,) float64
        Slopes of its stages.
    """

    h: float
    xi: np.ndarray
    new: np.ndarray
    k1: np.ndarray
    k2: np.ndarray
    k3: np.ndarray
    k4: np.ndarray


@njit(**INLINE)
def assemble(network, flows, base, xi, x):
    """Numbers of molecules from the integer base and the extents."""
    R, mean = network.model.reactions, network.mean
    ptr, species = network.ptr, network.changed
    for i in range(network.model.species):
        x[i] = base[i]
    for j in range(R):
        if flows[j]:
            for e in range(ptr[j], ptr[j + 1]):
                x[species[e]] += mean[e] * xi[j]


@njit(**INLINE)
def slope(network, t, flows, x, a, k):
    """Rates of the extents and, last, the hazard of all jumps, into `k`; returns a status."""
    R = network.model.reactions
    st(network.model.lane, 0, t)
    call(network.model.functions.propensities, network.model.lane, x.ctypes.data, network.model.p, a.ctypes.data)
    hazard, total, least = 0.0, 0.0, 0.0
    for j in range(R):
        aj = a[j]
        total += aj
        least = min(least, aj)
        if flows[j]:
            k[j] = aj
        else:
            k[j] = 0.0
            hazard += aj
    k[R] = hazard
    if not math.isfinite(total):
        return NOT_FINITE
    return NEGATIVE if least < 0.0 else SUCCESS


@njit(**INLINE)
def divide(s, network, epsilon, span, flows, base, xi, x, a):
    """Decide which reactions flow; extents of those that jump again are rounded to firings.  How many changed, the stream."""
    noise = network.second
    ptr, species = network.ptr, network.changed
    needed = 1.0 / (epsilon * epsilon)
    changed = 0
    for j in range(network.model.reactions):
        least = needed * HYSTERESIS if flows[j] else needed
        flow = a[j] * span >= least and ptr[j] < ptr[j + 1]
        for e in range(ptr[j], ptr[j + 1]):
            if x[species[e]] < least * noise[e]:
                flow = False
        if flow != (flows[j] == 1):
            changed += 1
            if flow:
                flows[j], xi[j] = 1, 0.0
            else:
                flows[j] = 0
                s = _settle(s, j, network, base, xi)
    return changed, s


@njit(**INLINE)
def _settle(s, j, network, base, xi):
    """Move the extent of a reaction, rounded to firings, to the integer base, with the mean of its bursts; the stream."""
    ptr, species, fixed = network.ptr, network.changed, network.fixed
    mean = network.mean
    firings, s = round_randomly(s, xi[j])
    for e in range(ptr[j], ptr[j + 1]):
        base[species[e]] += fixed[e] * firings
        if mean[e] != fixed[e]:
            more, s = round_randomly(s, (mean[e] - fixed[e]) * xi[j])
            base[species[e]] += more
    xi[j] = 0.0
    return s


@njit(**INLINE)
def first_step(network, k, x, drift):
    """A hundredth of the shortest time in which a flowing species changes by itself."""
    n, R, mean = network.model.species, network.model.reactions, network.mean
    ptr, species = network.ptr, network.changed
    for i in range(n):
        drift[i] = 0.0
    for j in range(R):
        for e in range(ptr[j], ptr[j + 1]):
            drift[species[e]] += abs(mean[e]) * k[j]
    h = np.inf
    for i in range(n):
        if drift[i] > 0.0:
            h = min(h, 0.01 * x[i] / drift[i])
    return h


@njit(**PLAIN)
def hermite(theta, h, y0, y1, f0, f1):
    """The cubic through two values and slopes."""
    r = 1.0 - theta
    return r * r * (1.0 + 2.0 * theta) * y0 + theta * theta * (3.0 - 2.0 * theta) * y1 + h * theta * r * (r * f0 - theta * f1)


@njit(**INLINE)
def between(theta, step, flows, found):
    """The extents within a step, at a part theta of it."""
    h, xi, new, k1, _, _, k4 = step
    for j in range(flows.size):
        found[j] = hermite(theta, h, xi[j], new[j], k1[j], k4[j]) if flows[j] else xi[j]


@njit(**INLINE)
def passed(network, flows, base, t, theta, step, y, middle):
    """The part of a step at which a condition begins to hold, by bisection; infinite if it does not hold at `theta`."""
    if network.model.functions.condition == 0:
        return np.inf
    low, high, here = 0.0, np.inf, theta
    while high - low > RESOLUTION:
        between(here, step, flows, middle)
        assemble(network, flows, base, middle, y)
        if holds(network.model, t + here * step.h, y):
            high = here
        elif high == np.inf:
            return high
        else:
            low = here
        here = 0.5 * (low + high)
    return high


@njit(**PLAIN)
def crossing(level, h, y0, y1, f0, f1):
    """Where in (0, 1] the cubic reaches a level between y0 and y1, by regula falsi (Illinois)."""
    left, right = 0.0, 1.0
    low, high = y0 - level, y1 - level
    side = 0
    for _ in range(60):
        theta = (left * high - right * low) / (high - low)
        value = hermite(theta, h, y0, y1, f0, f1) - level
        if abs(value) < 1e-13 * level or right - left < 1e-14:
            return theta
        if value < 0.0:
            left, low = theta, value
            if side == -1:
                high *= 0.5
            side = -1
        else:
            right, high = theta, value
            if side == 1:
                low *= 0.5
            side = 1
    return right


@njit(**INLINE)
def error(network, step, tolerances, x, new, drift):
    """Largest error of a species or of the hazard relative to the tolerance; infinite for steps that lose too much."""
    n, R, mean = network.model.species, network.model.reactions, network.mean
    ptr, species = network.ptr, network.changed
    rtol, atol = tolerances.rtol, tolerances.atol
    h, _, _, k1, k2, k3, k4 = step
    for i in range(n):
        drift[i] = 0.0
    for j in range(R):
        if k1[j] != 0.0 or k4[j] != 0.0:
            e = h * (-5 / 72 * k1[j] + k2[j] / 12 + k3[j] / 9 - k4[j] / 8)
            for i in range(ptr[j], ptr[j + 1]):
                drift[species[i]] += mean[i] * e
    hazard = abs(h * (-5 / 72 * k1[R] + k2[R] / 12 + k3[R] / 9 - k4[R] / 8)) / (atol + rtol * max(1.0, h * max(k1[R], k4[R])))
    worst = hazard if hazard == hazard else np.inf
    for i in range(n):
        if new[i] < x[i] * LARGEST_LOSS and x[i] - new[i] > 0.0:
            return np.inf
        ratio = abs(drift[i]) / (atol + rtol * max(abs(x[i]), abs(new[i])))
        worst = max(worst, ratio if ratio == ratio else np.inf)
    return worst


@njit(**INLINE)
def jump(s, network, flows, hazard, a, base, xi, x):
    """One firing of a jumping reaction; whether the numbers that it changes stay at 0 or more, and the stream."""
    u, s = next_uniform(s)
    j = pick(network.model, a, flows, 0, u * hazard)
    if j < 0:
        return True, s
    _, _, s = fire(network, s, j, 1.0, base)
    assemble(network, flows, base, xi, x)
    low = 0.0
    for e in range(network.ptr[j], network.ptr[j + 1]):
        low = min(low, x[network.changed[e]])
    return low >= 0.0, s
