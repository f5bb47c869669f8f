r"""One trajectory of a Rosenbrock method that keeps its steps, and the transposed steps backwards.

With :math:`M = I/(\gamma h) - J(y)` the stages of a step are :math:`M u_i = f(Y_i) + \sum_{j<i} (c_{ij}/h) u_j` with
:math:`Y_i = y + \sum_{j<i} a_{ij} u_j`, and the new state is :math:`Y_s + u_s`.  With the derivative :math:`\bar u_i` of
the cost by a stage and :math:`w_i = M^{-\top} \bar u_i`, that by :math:`Y_i` has the part :math:`f'(Y_i)^\top w_i`, earlier
stages have :math:`(c_{ij}/h) w_i`, and the state, through the Jacobian in M, the derivative of :math:`w_i^\top J(y) u_i`.
Right-hand sides do not depend on time: it is one of the states where they do.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.arguments.stiff_adjoint import StiffBackwardArguments, StiffForwardArguments
from symdyn_kernels.options import HELPER
from symdyn_kernels.shared.control import after_acceptance, after_rejection, first_length
from symdyn_kernels.simd import call
from symdyn_kernels.status import NOT_FINITE, STEP_TOO_SMALL, STEPPED, SUCCESS, TOO_MANY_STEPS


@njit(**HELPER)
def room(count):
    """Memory for `count` numbers that a function may store in full vectors."""
    return np.zeros((count + 7) // 8 * 8)


@njit(**HELPER)
def factor(matrix, rows):
    """LU factors in the place of a matrix, with the order of its rows; False if it is singular or not finite."""
    n = rows.size
    for i in range(n):
        rows[i] = i
    for k in range(n):
        best, place = -1.0, k
        for i in range(k, n):
            size = abs(matrix[i, k])
            if size > best:
                best, place = size, i
        if not (best > 0.0 and math.isfinite(best)):
            return False
        if place != k:
            rows[k], rows[place] = rows[place], rows[k]
            for j in range(n):
                matrix[k, j], matrix[place, j] = matrix[place, j], matrix[k, j]
        for i in range(k + 1, n):
            if matrix[i, k] != 0.0:
                matrix[i, k] /= matrix[k, k]
                share = matrix[i, k]
                for j in range(k + 1, n):
                    matrix[i, j] -= share * matrix[k, j]
    return True


@njit(**HELPER)
def solve(matrix, rows, right, found):
    """Solve with the factors."""
    n = rows.size
    for i in range(n):
        total = right[rows[i]]
        for j in range(i):
            total -= matrix[i, j] * found[j]
        found[i] = total
    for i in range(n - 1, -1, -1):
        total = found[i]
        for j in range(i + 1, n):
            total -= matrix[i, j] * found[j]
        found[i] = total / matrix[i, i]


@njit(**HELPER)
def solve_transposed(matrix, rows, right, found, work):
    """Solve with the transposed matrix."""
    n = rows.size
    for i in range(n):
        total = right[i]
        for j in range(i):
            total -= matrix[j, i] * work[j]
        work[i] = total / matrix[i, i]
    for i in range(n - 1, -1, -1):
        total = work[i]
        for j in range(i + 1, n):
            total -= matrix[j, i] * work[j]
        work[i] = total
    for i in range(n):
        found[rows[i]] = work[i]


@njit(**HELPER)
def prepare(jacobian, gamma, h, state, parameters, out, matrix, rows):
    """The factors of I/(gamma h) - J at a state; False if there are none."""
    n = rows.size
    clock = np.zeros(1)
    call(jacobian, clock.ctypes.data, state.ctypes.data, parameters.ctypes.data, out.ctypes.data)
    for i in range(n):
        for j in range(n):
            matrix[i, j] = -out[i * n + j]
        matrix[i, i] += 1.0 / (gamma * h)
    return factor(matrix, rows)


@njit(**HELPER)
def stages(rhs, tableau, h, y, parameters, matrix, rows, u, points, state, slope, right):
    """The stages of a step and their arguments."""
    s, n = u.shape[0], rows.size
    clock = np.zeros(1)
    for i in range(s):
        for e in range(n):
            total = y[e]
            for j in range(i):
                total += tableau.a[i, j] * u[j, e]
            points[i, e] = total
            state[e] = total
        call(rhs, clock.ctypes.data, state.ctypes.data, parameters.ctypes.data, slope.ctypes.data)
        for e in range(n):
            total = slope[e]
            for j in range(i):
                total += tableau.c[i, j] / h * u[j, e]
            right[e] = total
        solve(matrix, rows, right, u[i])


@njit(signature(StiffForwardArguments), **HELPER)
def forward(arguments):
    """Integrate until the end, a failure, or until the record is full; returns the status."""
    rhs, jacobian, parameters, last, tableau, tolerances, control, record = arguments
    rtol, atol, longest, max_steps = tolerances
    n, s = record.states.shape[1], tableau.a.shape[0]
    u, points, state, slope, right = np.zeros((s, n)), np.zeros((s, n)), room(n), room(n), np.zeros(n)
    matrix, rows, out, y, clock = np.zeros((n, n)), np.zeros(n, np.int64), room(n * n), np.empty(n), np.zeros(1)
    count, t, h = record.counts[0], record.clock[0], record.clock[1]
    y[:] = record.states[count]
    if h == 0.0:
        for e in range(n):
            state[e] = y[e]
        call(rhs, clock.ctypes.data, state.ctypes.data, parameters.ctypes.data, slope.ctypes.data)
        record.counts[2] += 1
        size, speed = 0.0, 0.0
        for e in range(n):
            scale = atol + rtol * abs(y[e])
            size += (y[e] / scale) ** 2
            speed += (slope[e] / scale) ** 2
        h = first_length(size, speed)
    before, earlier, grow = 1.0, 1.0, control.grow
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
        for e in range(n):
            state[e] = y[e]
        error = math.nan
        if prepare(jacobian, tableau.gamma, length, state, parameters, out, matrix, rows):
            stages(rhs, tableau, length, y, parameters, matrix, rows, u, points, state, slope, right)
            record.counts[2] += s
            total = 0.0
            for e in range(n):
                new = points[s - 1, e] + u[s - 1, e]
                part = u[s - 1, e] / (atol + rtol * max(abs(y[e]), abs(new)))
                total += part * part
            error = total / n
        if error <= 1.0:
            record.times[count], record.lengths[count] = t, length
            count += 1
            t = last if final else t + length
            for e in range(n):
                y[e] = points[s - 1, e] + u[s - 1, e]
                record.states[count, e] = y[e]
            h = length * after_acceptance(error, before, earlier, control, grow)
            before, earlier, grow = error, before, control.grow
        else:
            record.counts[1] += 1
            h = length * (after_rejection(error, control) if error == error else control.shrink)
            grow = 1.0
            if h <= abs(t) * 4e-16 + 1e-200:
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
    for d in range(dense.shape[0] - 1, -1, -1):
        total = total * theta + dense[d, i]
    return total * theta * (1.0 - theta)


@njit(signature(StiffBackwardArguments), **HELPER)
def read(arguments):
    """States at the outputs, into `pulls`; returns their number."""
    rhs, jacobian, _pull, _bend, parameters, tableau, record, steps, parts, pulls, _adjoint, _gradient = arguments
    n, s = record.states.shape[1], tableau.a.shape[0]
    u, points, state, slope, right = np.zeros((s, n)), np.zeros((s, n)), room(n), room(n), np.zeros(n)
    matrix, rows, out, known = np.zeros((n, n)), np.zeros(n, np.int64), room(n * n), -1
    for q in range(steps.size):
        g, theta = steps[q], parts[q]
        if theta == 0.0 or theta == 1.0:
            pulls[q] = record.states[g + (1 if theta == 1.0 else 0)]
            continue
        if known != g:
            for e in range(n):
                state[e] = record.states[g, e]
            prepare(jacobian, tableau.gamma, record.lengths[g], state, parameters, out, matrix, rows)
            stages(
                rhs, tableau, record.lengths[g], record.states[g], parameters, matrix, rows, u, points, state, slope, right
            )  # fmt: skip
            known = g
        for e in range(n):
            pulls[q, e] = (1.0 - theta) * record.states[g, e] + theta * record.states[g + 1, e]
        for i in range(s):
            weight = weight_at(tableau.dense, i, theta)
            for e in range(n):
                pulls[q, e] += weight * u[i, e]
    return steps.size


@njit(signature(StiffBackwardArguments), **HELPER)
def backward(arguments):
    """The transposed steps, from the last to the first; returns their number."""
    rhs, jacobian, pull, bend, parameters, tableau, record, steps, parts, pulls, adjoint, gradient = arguments
    n, s, count = record.states.shape[1], tableau.a.shape[0], gradient.size
    u, points, state, slope, right = np.zeros((s, n)), np.zeros((s, n)), room(n), room(n), np.zeros(n)
    matrix, rows, out = np.zeros((n, n)), np.zeros(n, np.int64), room(n * n)
    ubar, w, work, end, point = np.zeros((s, n)), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    both, three, pulled, bent, clock = room(2 * n), room(3 * n), room(n + count), room(2 * n + count), np.zeros(1)
    q = steps.size - 1
    for g in range(record.counts[0] - 1, -1, -1):
        h, y = record.lengths[g], record.states[g]
        for e in range(n):
            state[e] = y[e]
        prepare(jacobian, tableau.gamma, h, state, parameters, out, matrix, rows)
        stages(rhs, tableau, h, y, parameters, matrix, rows, u, points, state, slope, right)
        end[:] = 0.0
        ubar[:] = 0.0
        while q >= 0 and steps[q] == g:
            theta = parts[q]
            for e in range(n):
                adjoint[e] += theta * pulls[q, e]
                end[e] += (1.0 - theta) * pulls[q, e]
            if theta != 0.0 and theta != 1.0:
                for i in range(s):
                    weight = weight_at(tableau.dense, i, theta)
                    for e in range(n):
                        ubar[i, e] += weight * pulls[q, e]
            q -= 1
        # adjoint is that of the new state, the argument of the last stage and the stage
        for e in range(n):
            ubar[s - 1, e] += adjoint[e]
        for i in range(s - 1, -1, -1):
            solve_transposed(matrix, rows, ubar[i], w, work)
            for e in range(n):
                both[e], both[n + e] = points[i, e], w[e]
                three[e], three[n + e], three[2 * n + e] = y[e], u[i, e], w[e]
            call(pull, clock.ctypes.data, both.ctypes.data, parameters.ctypes.data, pulled.ctypes.data)
            call(bend, clock.ctypes.data, three.ctypes.data, parameters.ctypes.data, bent.ctypes.data)
            for e in range(count):
                gradient[e] += pulled[n + e] + bent[2 * n + e]
            for e in range(n):
                point[e] = pulled[e] + (adjoint[e] if i == s - 1 else 0.0)
                end[e] += point[e] + bent[e]
            for j in range(i):
                for e in range(n):
                    ubar[j, e] += tableau.c[i, j] / h * w[e] + tableau.a[i, j] * point[e]
        adjoint[:] = end
    while q >= 0:  # at the beginning of a trajectory of no steps
        adjoint += pulls[q]
        q -= 1
    return record.counts[0]
