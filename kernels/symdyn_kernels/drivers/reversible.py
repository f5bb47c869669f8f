r"""One trajectory of a reversible method, and the way back: states are computed again by reversed steps, so none are kept.

With y and z beside each other the methods are, around increments :math:`\Psi` of an explicit Runge-Kutta method,
:math:`y' = \lambda y + (1 - \lambda) z + \Psi_h(z, t)`, :math:`z' = z - \Psi_{-h}(y', t + h)`, and the reversible Heun method
:math:`z' = 2 y - z + h f(z, t)`, :math:`y' = y + h (f(z, t) + f(z', t + h)) / 2`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.arguments.reversible import ReversibleArguments
from symdyn_kernels.constants.stepping import SLACK
from symdyn_kernels.drivers.adjoint import room
from symdyn_kernels.options import HELPER
from symdyn_kernels.simd import call


@njit(**HELPER)
def count_of(gap, longest):
    """Steps of a gap between outputs."""
    return 0 if gap <= 0.0 else max(1, math.ceil(gap / longest - SLACK))


@njit(**HELPER)
def slope_of(rhs, parameters, clock, t, x, state, slope):
    """The right-hand side at a time and state, into `slope`."""
    clock[0] = t
    for e in range(x.size):
        state[e] = x[e]
    call(rhs, clock.ctypes.data, state.ctypes.data, parameters.ctypes.data, slope.ctypes.data)


@njit(**HELPER)
def pull_of(pull, parameters, clock, t, x, weights, both, out, gradient, to):
    """Add the transposed product of the right-hand side with `weights` to `to` and `gradient`."""
    n = x.size
    clock[0] = t
    for e in range(n):
        both[e], both[n + e] = x[e], weights[e]
    call(pull, clock.ctypes.data, both.ctypes.data, parameters.ctypes.data, out.ctypes.data)
    for e in range(n):
        to[e] += out[e]
    for e in range(gradient.size):
        gradient[e] += out[n + e]


@njit(**HELPER)
def increment(rhs, parameters, a, nodes, t, h, x, k, points, clock, state, slope, delta):
    """The increment of a step from x, into `delta`; stages and slopes into `points` and `k`."""
    s, n = a.shape[0], x.size
    for i in range(s + 1):
        for e in range(n):
            total = 0.0
            for j in range(i):
                total += a[i - 1, j] * k[j, e]
            if i == s:
                delta[e] = h * total
            else:
                points[i, e] = x[e] + h * total
        if i < s:
            slope_of(rhs, parameters, clock, t + nodes[i] * h, points[i], state, slope)
            for e in range(n):
                k[i, e] = slope[e]


@njit(**HELPER)
def increment_pull(pull, parameters, a, nodes, t, h, points, weights, mu, back, clock, both, out, gradient, to):
    """Add the transposed product of that increment with `weights` to `to` and `gradient`; `points` are its stages."""
    s, n = a.shape[0], weights.size
    for i in range(s):
        for e in range(n):
            mu[i, e] = h * a[s - 1, i] * weights[e]
    for i in range(s - 1, -1, -1):
        back[:] = 0.0
        pull_of(pull, parameters, clock, t + nodes[i] * h, points[i], mu[i], both, out, gradient, back)
        for e in range(n):
            to[e] += back[e]
            if i > 0:
                for j in range(i):
                    mu[j, e] += h * a[i - 1, j] * back[e]


@njit(signature(ReversibleArguments), **HELPER)
def forward(arguments):
    """Follow both solutions to the last time; returns the number of steps."""
    rhs, _pull, parameters, a, nodes, coupling, times, longest, pair, values, _pulls, _adjoints, _gradient, counts = arguments
    s, n = a.shape[0], pair.shape[1]
    y, z = pair[0], pair[1]
    clock, state, slope, delta = np.empty(1), room(n), room(n), np.zeros(n)
    k, points, kept = np.zeros((s + 1, n)), np.zeros((s + 1, n)), np.zeros(n)
    values[0] = y
    for g in range(1, times.size):
        gap = times[g] - times[g - 1]
        steps = count_of(gap, longest)
        h = gap / max(1, steps)
        for j in range(steps):
            t = times[g - 1] + j * h
            if s == 0:
                slope_of(rhs, parameters, clock, t, z, state, slope)
                for e in range(n):
                    kept[e] = slope[e]
                    z[e] = 2.0 * y[e] - z[e] + h * kept[e]
                slope_of(rhs, parameters, clock, t + h, z, state, slope)
                for e in range(n):
                    y[e] += 0.5 * h * (kept[e] + slope[e])
            else:
                increment(rhs, parameters, a, nodes, t, h, z, k, points, clock, state, slope, delta)
                for e in range(n):
                    y[e] = coupling * y[e] + (1.0 - coupling) * z[e] + delta[e]
                increment(rhs, parameters, a, nodes, t + h, -h, y, k, points, clock, state, slope, delta)
                for e in range(n):
                    z[e] -= delta[e]
        counts[0] += steps
        counts[1] += steps * (2 if s == 0 else 2 * s)
        values[g] = y
    return counts[0]


@njit(signature(ReversibleArguments), **HELPER)
def backward(arguments):
    """Take the steps back, and transpose them on the way; returns their number."""
    rhs, pull, parameters, a, nodes, coupling, times, longest, pair, _values, pulls, adjoints, gradient, _counts = arguments
    s, n = a.shape[0], pair.shape[1]
    y, z, of_y, of_z = pair[0], pair[1], adjoints[0], adjoints[1]
    clock, state, slope, delta = np.empty(1), room(n), room(n), np.zeros(n)
    k, points, mu = np.zeros((s + 1, n)), np.zeros((s + 1, n)), np.zeros((s + 1, n))
    both, out, back, weights = room(2 * n), room(n + gradient.size), np.zeros(n), np.zeros(n)
    taken = 0
    adjoints[:] = 0.0
    of_y += pulls[times.size - 1]
    for g in range(times.size - 1, 0, -1):
        gap = times[g] - times[g - 1]
        steps = count_of(gap, longest)
        h = gap / max(1, steps)
        for j in range(steps - 1, -1, -1):
            t = times[g - 1] + j * h
            if s == 0:
                for e in range(n):
                    weights[e] = 0.5 * h * of_y[e]
                slope_of(rhs, parameters, clock, t + h, z, state, slope)
                pull_of(pull, parameters, clock, t + h, z, weights, both, out, gradient, of_z)
                for e in range(n):
                    delta[e] = slope[e]
                    weights[e] += h * of_z[e]
                    back[e] = z[e]
                # y = y' - h (f(z) + f(z')) / 2 and z' = 2 y - z + h f(z) give z = 2 y' - z' - h f(z')
                for e in range(n):
                    z[e] = 2.0 * y[e] - back[e] - h * delta[e]
                slope_of(rhs, parameters, clock, t, z, state, slope)
                for e in range(n):
                    y[e] -= 0.5 * h * (slope[e] + delta[e])
                    of_y[e] += 2.0 * of_z[e]
                    of_z[e] = -of_z[e]
                pull_of(pull, parameters, clock, t, z, weights, both, out, gradient, of_z)
            else:
                increment(rhs, parameters, a, nodes, t + h, -h, y, k, points, clock, state, slope, delta)
                for e in range(n):
                    z[e] += delta[e]
                    weights[e] = -of_z[e]
                increment_pull(
                    pull, parameters, a, nodes, t + h, -h, points, weights, mu, back, clock, both, out, gradient, of_y
                )
                increment(rhs, parameters, a, nodes, t, h, z, k, points, clock, state, slope, delta)
                for e in range(n):
                    y[e] = (y[e] - (1.0 - coupling) * z[e] - delta[e]) / coupling
                    weights[e] = of_y[e]
                    of_z[e] += (1.0 - coupling) * of_y[e]
                    of_y[e] *= coupling
                increment_pull(pull, parameters, a, nodes, t, h, points, weights, mu, back, clock, both, out, gradient, of_z)
        taken += steps
        of_y += pulls[g - 1]
    return taken
