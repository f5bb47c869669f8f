r"""Consistent values of a lane: algebraic equations 0 = g(x, z, t) are solved for z, and constraints 0 = c(x, t) are met by x.

The algebraic equations are solved by Newton's method with halved steps, from the values that there are.  A constraint is met by
the smallest change of x, in units of the tolerances s of the states,

.. math:: \Delta x = -S^2 C^T (C S^2 C^T)^{-1} c, \qquad C = \partial c/\partial x, \quad S = \mathrm{diag}(s)

References
----------
Deuflhard, Newton Methods for Nonlinear Problems (2004), 3.1; Hairer, Lubich & Wanner, Geometric Numerical Integration (2006),
IV.4: projection onto a manifold after every step.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.constants.consistency import AT_EVENTS, AT_START, CLOSE, LEAST_PART, MOST_TRIALS
from symdyn_kernels.lanes import ACCEPT, TNEW
from symdyn_kernels.options import HELPER, INNER
from symdyn_kernels.shared.linear import solve_system
from symdyn_kernels.simd import call, ld, st
from symdyn_kernels.status import CONTRADICTED, INCONSISTENT, SINGULAR, SUCCESS

__all__ = [
    "ConstraintMemory",
    "constraint_memory",
    "constraint_size",
    "make_consistent",
    "meet_constraints",
    "record",
    "refine",
    "solve_together",
]

#: Full steps in all lanes at once.
MOST_TOGETHER = 12


class ConstraintMemory(NamedTuple):
    """Scratch memory.

    Attributes
    ----------
    found : int
        Address of what the lane function stores.
    matrix : (k, k + 1) float64
        A linear system with its right-hand side.
    slopes : (m, d) float64
        The Jacobian of the constraints.
    base, move, weights : (k,) float64
        The last accepted values, the step from them, and weights of the equations; k is the largest of all numbers.
    scale : (d,) float64
        Squares of the units in which states change.
    """

    found: int
    matrix: np.ndarray
    slopes: np.ndarray
    base: np.ndarray
    move: np.ndarray
    weights: np.ndarray
    scale: np.ndarray


@njit(**INNER)
def constraint_size(tables, W):
    """Doubles that the lane function writes, with room for a whole vector each."""
    return (tables.unknowns.size + tables.constraints + tables.rows.size) * W + 8


@njit(**HELPER)
def constraint_memory(tables, address):
    """Memory of which `constraint_size` doubles begin at `address`."""
    a, d, m = tables.unknowns.size, tables.others.size, tables.constraints
    k = max(a, m, d)
    return ConstraintMemory(
        address, np.zeros((max(a, m), max(a, m) + 1)), np.zeros((m, d)), np.zeros(k), np.zeros(k), np.zeros(k), np.zeros(d)
    )


@njit(**INNER)
def _entry(memory, tables, e, l, W):
    return ld(memory.found, (tables.unknowns.size + tables.constraints + e) * W + l)


@njit(**INNER)
def _newton_step(tables, memory, l, W):
    """The step of Newton's method for the unknowns; returns whether the Jacobian is regular."""
    a, matrix = tables.unknowns.size, memory.matrix
    matrix[:a, : a + 1] = 0.0
    for e in range(tables.rows.size):
        if tables.rows[e] < a:
            matrix[tables.rows[e], tables.columns[e]] = _entry(memory, tables, e, l, W)
    for i in range(a):
        largest = 0.0
        for j in range(a):
            largest = max(largest, abs(matrix[i, j]))
        if not largest > 0.0:
            return False
        memory.weights[i] = 1.0 / largest
        for j in range(a):
            matrix[i, j] /= largest
        matrix[i, a] = -ld(memory.found, i * W + l) / largest
    if not solve_system(matrix, a):
        return False
    for i in range(a):
        memory.move[i] = matrix[i, a]
    return True


@njit(**INNER)
def _smallest_step(tables, memory, l, W, least):
    """The smallest step of the other states, in units of the roots of `scale`, that meets the linearised constraints.

    Returns whether there is one: no constraint that is violated by more than `least` is left without a state that may change.
    Where constraints depend on each other, they are met as well as possible.
    """
    a, m, d, matrix, slopes = tables.unknowns.size, tables.constraints, tables.others.size, memory.matrix, memory.slopes
    slopes[:] = 0.0
    for e in range(tables.rows.size):
        if tables.rows[e] >= a:
            slopes[tables.rows[e] - a, tables.columns[e]] = _entry(memory, tables, e, l, W)
    possible = True
    for i in range(m):
        size = 0.0
        for j in range(d):
            size += slopes[i, j] ** 2 * memory.scale[j]
        residual = ld(memory.found, (a + i) * W + l)
        memory.weights[i] = 1.0 / math.sqrt(size) if size > 0.0 else 0.0
        possible = possible and (size > 0.0 or abs(residual) <= least)
        matrix[i, m] = -residual * memory.weights[i]
    for i in range(m):
        for k in range(m):
            total = 1e-14 if i == k else 0.0
            for j in range(d):
                total += slopes[i, j] * memory.scale[j] * slopes[k, j] * memory.weights[i] * memory.weights[k]
            matrix[i, k] = total
    if not solve_system(matrix, m):
        return False
    for j in range(d):
        total = 0.0
        for i in range(m):
            total += memory.weights[i] * slopes[i, j] * matrix[i, m]
        memory.move[j] = memory.scale[j] * total
    return possible


@njit(**INNER)
def _distance(memory, places, y, l, W, tolerances):
    """The largest of the steps, in units of the tolerances of the states."""
    largest = 0.0
    for j in range(places.size):
        size = abs(memory.move[j]) / (tolerances.atol + tolerances.rtol * abs(ld(y, places[j] * W + l)) + 1e-300)
        largest = max(largest, size if size == size else np.inf)
    return largest


@njit(**INNER)
def _closes(move, value, tolerances):
    """Whether a step of Newton's method is its last."""
    return abs(move) <= CLOSE * abs(value) + 1e-3 * CLOSE * min(tolerances.atol, 1.0)


@njit(**INNER)
def _search(tables, memory, l, times, y, W, pb, tolerances, first, count, places):
    """Solve `count` equations from row `first` on, with steps of the states at `places`; returns a status."""
    merit, part, distance, close = np.inf, 1.0, np.inf, False
    for trial in range(MOST_TRIALS):
        call(tables.function, times, y, pb, memory.found)
        value = 0.0
        for i in range(count):
            value += (ld(memory.found, (first + i) * W + l) * (memory.weights[i] if trial else 1.0)) ** 2
        if not (value < np.inf if trial == 0 else value <= (1.0 - 1e-4 * part) * merit):
            if distance <= 1e-2:  # no better for rounding
                for j in range(places.size):
                    st(y, places[j] * W + l, memory.base[j])
                return SUCCESS
            part *= 0.5
            if trial == 0 or part < LEAST_PART:
                return INCONSISTENT
        else:
            if not (_newton_step(tables, memory, l, W) if first == 0 else _smallest_step(tables, memory, l, W, np.inf)):
                return SINGULAR if first == 0 else CONTRADICTED
            merit, part, close = 0.0, 1.0, True
            for i in range(count):
                merit += (ld(memory.found, (first + i) * W + l) * memory.weights[i]) ** 2
            for j in range(places.size):
                memory.base[j] = ld(y, places[j] * W + l)
                close = close and _closes(memory.move[j], memory.base[j], tolerances)
            distance = _distance(memory, places, y, l, W, tolerances)
        for j in range(places.size):
            st(y, places[j] * W + l, memory.base[j] + part * memory.move[j])
        if close:
            return SUCCESS
    return INCONSISTENT


@njit(**INNER)
def _tolerated(tables, memory, y, l, W, tolerances):
    """Let the states change in units of their tolerances."""
    for j in range(tables.others.size):
        memory.scale[j] = (tolerances.atol + tolerances.rtol * abs(ld(y, tables.others[j] * W + l)) + 1e-300) ** 2


@njit(**INNER)
def _near(tables, memory, l, y, W, tolerances, most):
    """Whether the states of lane `l`, of which the values have been computed, nearly meet the constraints."""
    _tolerated(tables, memory, y, l, W, tolerances)
    possible = _smallest_step(tables, memory, l, W, tolerances.atol)
    return possible and _distance(memory, tables.others, y, l, W, tolerances) <= most


@njit(**HELPER)
def solve_together(tables, memory, times, y, W, pb, tolerances, done):
    """In the beginning, the steps of `make_consistent` in all lanes at once, as long as they are full steps of Newton's method.

    Marks the lanes in which these end in a solution; the states of the others are of no use.
    """
    a = tables.unknowns.size
    merit, weights, going = np.full(W, np.inf), np.ones((W, a)), np.ones(W, np.bool_)
    for trial in range(MOST_TOGETHER):
        call(tables.function, times, y, pb, memory.found)
        more = False
        for l in range(W):
            if done[l] or not going[l]:
                continue
            if trial == 0 and tables.constraints > 0:
                going[l] = tables.free.sum() == 0 and _near(tables, memory, l, y, W, tolerances, AT_START)
            value = 0.0
            for i in range(a):
                value += (ld(memory.found, i * W + l) * weights[l, i]) ** 2
            going[l] = going[l] and (value < np.inf if trial == 0 else value <= (1.0 - 1e-4) * merit[l])
            if not (going[l] and _newton_step(tables, memory, l, W)):
                going[l] = False
                continue
            merit[l], close = 0.0, True
            for i in range(a):
                weights[l, i] = memory.weights[i]
                merit[l] += (ld(memory.found, i * W + l) * memory.weights[i]) ** 2
                here = ld(y, tables.unknowns[i] * W + l)
                close = close and _closes(memory.move[i], here, tolerances)
                st(y, tables.unknowns[i] * W + l, here + memory.move[i])
            done[l] = close
            more = more or not close
        if not more:
            break


@njit(**INNER)
def make_consistent(tables, memory, l, times, y, W, pb, tolerances, begins):
    """Make the states of lane `l` at address `y` and at the time in the lane array `times` consistent; returns a status.

    Constraints are met by the states that are `free` where the trajectory begins, else by all of them if they are near.
    """
    if tables.constraints > 0:
        if begins:
            some = False
            for j in range(tables.others.size):
                memory.scale[j] = 1.0 if tables.free[j] else 0.0
                some = some or tables.free[j] != 0
            if some:  # how well they are met then is checked below
                _search(tables, memory, l, times, y, W, pb, tolerances, tables.unknowns.size, tables.constraints, tables.others)
        call(tables.function, times, y, pb, memory.found)
        if not _near(tables, memory, l, y, W, tolerances, AT_START if begins else AT_EVENTS):
            return CONTRADICTED
        if not begins:
            for j in range(tables.others.size):
                place = tables.others[j] * W + l
                st(y, place, ld(y, place) + memory.move[j])
    return _search(tables, memory, l, times, y, W, pb, tolerances, 0, tables.unknowns.size, tables.unknowns)


@njit(**INNER)
def meet_constraints(tables, memory, y, W, pb, lanes, who, tolerances):
    """Move the states after an accepted step, at address `y`, to the nearest ones that meet the constraints."""
    call(tables.function, lanes[TNEW], y, pb, memory.found)
    for l in range(W):
        if who[l] >= 0 and ld(lanes[ACCEPT], l) > 0.5:
            _project(tables, memory, l, y, W, tolerances)


@njit(**INNER)
def _project(tables, memory, l, y, W, tolerances):
    """Move the states of lane `l` to the nearest ones that meet the constraints, of which the values have been computed."""
    _tolerated(tables, memory, y, l, W, tolerances)
    if _smallest_step(tables, memory, l, W, np.inf) and _distance(memory, tables.others, y, l, W, tolerances) < np.inf:
        for j in range(tables.others.size):
            place = tables.others[j] * W + l
            st(y, place, ld(y, place) + memory.move[j])


@njit(**INNER)
def refine(tables, memory, times, y, W, pb, tolerances):
    """Improve the states of all lanes, values of interpolants: by a projection, and a step of Newton's method.

    Interpolants of algebraic unknowns are less accurate than those of the other states by an order of the step size.
    """
    call(tables.function, times, y, pb, memory.found)
    if tables.constraints > 0:
        for l in range(W):
            _project(tables, memory, l, y, W, tolerances)
        call(tables.function, times, y, pb, memory.found)
    for l in range(W):
        if _newton_step(tables, memory, l, W) and _distance(memory, tables.unknowns, y, l, W, tolerances) < np.inf:
            for j in range(tables.unknowns.size):
                place = tables.unknowns[j] * W + l
                st(y, place, ld(y, place) + memory.move[j])


@njit(**INNER)
def record(output, code, t, l, y, n, W):
    """The outputs from time `t` on that were written of lane `l` get its states; after a failure, NaN."""
    q = output.due[l] - 1
    while q >= 0 and output.times[q] >= t:
        for i in range(n):
            output.values[output.who[l], q, i] = ld(y, i * W + l) if code == SUCCESS else np.nan
        q -= 1
