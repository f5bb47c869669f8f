r"""One trajectory of an explicit Runge-Kutta method that keeps its steps, and the transposed steps backwards.

A step is :math:`Y_i = y + h \sum_{j<i} a_{ij} k_j`, :math:`k_i = f(t + c_i h, Y_i)`, and ends at the last :math:`Y_i`.  With
the adjoint :math:`\lambda` of its end, those of the stages are :math:`\mu_i = h (a_{si} \lambda + \dots)`, from the last stage
to the first, and f is differentiated by products :math:`\mu_i^\top f'` alone.  What is read within a step is the interpolant,
and is transposed too.  The stages are computed again from the states at the beginnings of the steps.

Errors of a trajectory at rest are zero, whatever the length of the steps, and derivatives would be those of steps that are too
long or not even stable.  Where a state is at rest a trajectory nearby goes along, whose errors count too.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.arguments.adjoint import BackwardArguments, ForwardArguments
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.options import HELPER
from symdyn_kernels.shared.control import after_acceptance, after_rejection, first_length
from symdyn_kernels.simd import call
from symdyn_kernels.status import NOT_FINITE, STEP_TOO_SMALL, STEPPED, SUCCESS, TOO_MANY_STEPS

#: A state that changes over the rest of the time by less than so many tolerances is at rest.
REST = 1e3


@njit(**HELPER)
def room(count):
    """Memory for `count` numbers that a function may store in full vectors."""
    return np.zeros((count + 7) // 8 * 8)


@njit(**HELPER)
def at_rest(y, slope, span, rtol, atol, apart):
    """Whether a state is at rest; into `apart` how far away a trajectory nearby begins, between tolerances and sizes."""
    found = False
    for e in range(y.size):
        found |= abs(slope[e]) * span <= REST * (atol + rtol * abs(y[e]))
        apart[e] = rtol**0.25 * abs(y[e]) + atol * rtol**-0.75
    return found


@njit(**HELPER)
def error_of(tableau, k, h, y, new, rtol, atol):
    """The error of a step relative to the tolerance, squared."""
    total = 0.0
    for e in range(y.size):
        part = 0.0
        for i in range(tableau.error.size):
            part += tableau.error[i] * k[i, e]
        part *= h / (atol + rtol * max(abs(y[e]), abs(new[e])))
        total += part * part
    return total / y.size


@njit(**HELPER)
def stages(rhs, tableau, t, h, y, parameters, k, state, slope, first):
    """The slopes of the stages of a step from `first` on, into `k`; ends with the new state in `state`."""
    s, n = tableau.a.shape[0], y.size
    clock = np.empty(1)
    for i in range(first, s + 1):
        for e in range(n):
            total = 0.0
            if i > 0:
                for j in range(i):
                    total += tableau.a[i - 1, j] * k[j, e]
            state[e] = y[e] + h * total
        clock[0] = t + tableau.nodes[i] * h
        call(rhs, clock.ctypes.data, state.ctypes.data, parameters.ctypes.data, slope.ctypes.data)
        for e in range(n):
            k[i, e] = slope[e]


@njit(signature(ForwardArguments), **HELPER)
def forward(arguments):
    """Integrate until the end, a failure, or until the record is full; returns the status."""
    rhs, parameters, last, tableau, tolerances, control, record = arguments
    rtol, atol, longest, max_steps = tolerances
    n, s = record.states.shape[1], tableau.a.shape[0]
    k, state, slope, y = np.zeros((s + 1, n)), room(n), room(n), np.empty(n)
    count, t, h = record.counts[0], record.clock[0], record.clock[1]
    y[:] = record.states[count]
    clock = np.array([t])
    for e in range(n):
        state[e] = y[e]
    call(rhs, clock.ctypes.data, state.ctypes.data, parameters.ctypes.data, slope.ctypes.data)
    k[0] = slope[:n]
    record.counts[2] += 1
    if h == 0.0:
        size, speed = 0.0, 0.0
        for e in range(n):
            scale = atol + rtol * abs(y[e])
            size += (y[e] / scale) ** 2
            speed += (k[0, e] / scale) ** 2
        h = first_length(size, speed)
    before, earlier, grow = 1.0, 1.0, control.grow
    other, k_other, new = np.empty(n), np.zeros((s + 1, n)), room(n)
    nearby = at_rest(y, k[0], last - t, rtol, atol, other)
    if nearby:
        other += y
        for e in range(n):
            state[e] = other[e]
        clock[0] = t
        call(rhs, clock.ctypes.data, state.ctypes.data, parameters.ctypes.data, slope.ctypes.data)
        k_other[0] = slope[:n]
    status = STEPPED
    while True:
        if not t < last:
            status = SUCCESS
            break
        if count == record.times.size:
            break
        if count + record.counts[1] >= max_steps:
            status = TOO_MANY_STEPS
            break
        final = last - t <= min(h, longest)
        length = last - t if final else min(h, longest)
        stages(rhs, tableau, t, length, y, parameters, k, state, slope, 1)
        record.counts[2] += s
        error = error_of(tableau, k, length, y, state, rtol, atol)
        if nearby:
            stages(rhs, tableau, t, length, other, parameters, k_other, new, slope, 1)
            record.counts[2] += s
            beside = error_of(tableau, k_other, length, other, new, rtol, atol)
            if error == error and not beside <= error:  # not a number where either is
                error = beside
        if error <= 1.0:
            record.times[count], record.lengths[count] = t, length
            count += 1
            t = last if final else t + length
            for e in range(n):
                y[e] = state[e]
                record.states[count, e] = state[e]
                k[0, e] = k[s, e]
            if nearby:
                other[:] = new[:n]
                k_other[0] = k_other[s]
            h = length * after_acceptance(error, before, earlier, control, grow)
            before, earlier, grow = error, before, control.grow
        else:
            record.counts[1] += 1
            h = length * (after_rejection(error, control) if error == error else control.shrink)
            grow = 1.0
            if h <= abs(t) * 4e-16 + 1e-200:
                if nearby:  # it may end where this one goes on
                    nearby = False
                    continue
                status = STEP_TOO_SMALL
                if not math.isfinite(error):
                    status = NOT_FINITE
                break
    record.counts[0], record.counts[3] = count, status
    record.clock[0], record.clock[1] = t, h
    return status


@njit(**HELPER)
def weight_at(dense, i, theta):
    """The weight of stage i in the interpolant."""
    total = 0.0
    for d in range(dense.shape[1] - 1, -1, -1):
        total = (total + dense[i, d]) * theta
    return total


@njit(signature(BackwardArguments), **HELPER)
def read(arguments):
    """States at the outputs, into `pulls`; returns their number."""
    rhs, _pull, parameters, tableau, record, steps, parts, pulls, _adjoint, _gradient = arguments
    n, s = record.states.shape[1], tableau.a.shape[0]
    k, state, slope, known = np.zeros((s + 1, n)), room(n), room(n), -1
    for q in range(steps.size):
        g, theta = steps[q], parts[q]
        if theta == 0.0 or theta == 1.0:
            pulls[q] = record.states[g + (1 if theta == 1.0 else 0)]
            continue
        if known != g:
            stages(rhs, tableau, record.times[g], record.lengths[g], record.states[g], parameters, k, state, slope, 0)
            known = g
        pulls[q] = record.states[g]
        for i in range(s + 1):
            weight = record.lengths[g] * weight_at(tableau.dense, i, theta)
            for e in range(n):
                pulls[q, e] += weight * k[i, e]
    return steps.size


@njit(signature(BackwardArguments), **HELPER)
def backward(arguments):
    """The transposed steps, from the last to the first; returns their number."""
    rhs, pull, parameters, tableau, record, steps, parts, pulls, adjoint, gradient = arguments
    n, s, count = record.states.shape[1], tableau.a.shape[0], gradient.size
    k, state, slope = np.zeros((s + 1, n)), room(n), room(n)
    mu, both, out, clock = np.zeros((s + 1, n)), room(2 * n), room(n + count), np.empty(1)
    points, end = np.zeros((s + 1, n)), np.zeros(n)
    q = steps.size - 1
    for g in range(record.counts[0] - 1, -1, -1):
        t, h, y = record.times[g], record.lengths[g], record.states[g]
        for i in range(s + 1):
            for e in range(n):
                total = 0.0
                if i > 0:
                    for j in range(i):
                        total += tableau.a[i - 1, j] * k[j, e]
                points[i, e] = y[e] + h * total
                state[e] = points[i, e]
                mu[i, e] = 0.0
            if i < s:
                clock[0] = t + tableau.nodes[i] * h
                call(rhs, clock.ctypes.data, state.ctypes.data, parameters.ctypes.data, slope.ctypes.data)
                k[i] = slope[:n]
        end[:] = 0.0
        read_last = False
        while q >= 0 and steps[q] == g:
            theta = parts[q]
            if theta == 1.0:
                adjoint += pulls[q]
            else:
                end += pulls[q]
                if theta != 0.0:
                    read_last = True
                    for i in range(s + 1):
                        weight = h * weight_at(tableau.dense, i, theta)
                        for e in range(n):
                            mu[i, e] += weight * pulls[q, e]
            q -= 1
        # adjoint is that of the new state, end collects that of the old one
        for i in range(s, -1, -1):
            if i < s or read_last:
                for e in range(n):
                    both[e], both[n + e] = points[i, e], mu[i, e]
                clock[0] = t + tableau.nodes[i] * h
                call(pull, clock.ctypes.data, both.ctypes.data, parameters.ctypes.data, out.ctypes.data)
                for e in range(count):
                    gradient[e] += out[n + e]
            if i == s:
                for e in range(n):
                    if read_last:
                        adjoint[e] += out[e]
                    end[e] += adjoint[e]
                    for j in range(s):
                        mu[j, e] += h * tableau.a[s - 1, j] * adjoint[e]
            else:
                for e in range(n):
                    end[e] += out[e]
                    if i > 0:
                        for j in range(i):
                            mu[j, e] += h * tableau.a[i - 1, j] * out[e]
        adjoint[:] = end
    while q >= 0:  # at the beginning of a trajectory of no steps
        adjoint += pulls[q]
        q -= 1
    return record.counts[0]
