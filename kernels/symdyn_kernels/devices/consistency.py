"""Consistent values of a trajectory on a card: algebraic equations are solved, and constraints are met.

The formulas of `symdyn_kernels.constraints` for the states in a row of the memory.  Scratch memory is the tuple `z`: what the
function of the model stores, a linear system, slopes of constraints, and for each equation or state the last accepted value,
the step from there, a weight and a scale.
"""

from __future__ import annotations

from symdyn_kernels.constants.consistency import AT_EVENTS, AT_START, CLOSE, LEAST_PART, MOST_TRIALS
from symdyn_kernels.devices._constrained import (
    CONSTRAINTS,
    ENTRIES,
    ENTRY_COLUMNS,
    ENTRY_ROWS,
    FREE,
    OTHER,
    OTHERS,
    SOME_FREE,
    UNKNOWN,
    UNKNOWNS,
    constraints,
)
from symdyn_kernels.devices._prelude import TINY, math, real
from symdyn_kernels.shared.linear import solve_system
from symdyn_kernels.status import CONTRADICTED, INCONSISTENT, SINGULAR, SUCCESS


def newton_step(z):
    """The step of Newton's method for the unknowns; returns whether the Jacobian is regular."""
    found, matrix, move, weights = z[0], z[1], z[4], z[5]
    for i in range(UNKNOWN):
        for j in range(UNKNOWN + 1):
            matrix[i, j] = 0.0
    for e in range(ENTRIES):
        if ENTRY_ROWS[e] < UNKNOWN:
            matrix[ENTRY_ROWS[e], ENTRY_COLUMNS[e]] = found[UNKNOWN + CONSTRAINTS + e]
    for i in range(UNKNOWN):
        largest = 0.0
        for j in range(UNKNOWN):
            largest = max(largest, abs(matrix[i, j]))
        if not largest > 0.0:
            return False
        weights[i] = 1.0 / largest
        for j in range(UNKNOWN):
            matrix[i, j] /= largest
        matrix[i, UNKNOWN] = -found[i] / largest
    if not solve_system(matrix, UNKNOWN):
        return False
    for i in range(UNKNOWN):
        move[i] = matrix[i, UNKNOWN]
    return True


def smallest_step(z, least):
    """The smallest step of the other states, in units of the roots of the scale, that meets the linearised constraints.

    Returns whether there is one.
    """
    found, matrix, slopes, move, weights, scale = z[0], z[1], z[2], z[4], z[5], z[6]
    for i in range(CONSTRAINTS):
        for j in range(OTHER):
            slopes[i, j] = 0.0
    for e in range(ENTRIES):
        if ENTRY_ROWS[e] >= UNKNOWN:
            slopes[ENTRY_ROWS[e] - UNKNOWN, ENTRY_COLUMNS[e]] = found[UNKNOWN + CONSTRAINTS + e]
    possible = True
    for i in range(CONSTRAINTS):
        size = 0.0
        for j in range(OTHER):
            size += slopes[i, j] ** 2 * scale[j]
        residual = found[UNKNOWN + i]
        weights[i] = 1.0 / math.sqrt(size) if size > 0.0 else 0.0
        possible = possible and (size > 0.0 or abs(residual) <= least)
        matrix[i, CONSTRAINTS] = -residual * weights[i]
    for i in range(CONSTRAINTS):
        for k in range(CONSTRAINTS):
            total = 1e-14 if i == k else 0.0
            for j in range(OTHER):
                total += slopes[i, j] * scale[j] * slopes[k, j] * weights[i] * weights[k]
            matrix[i, k] = total
    if not solve_system(matrix, CONSTRAINTS):
        return False
    for j in range(OTHER):
        total = 0.0
        for i in range(CONSTRAINTS):
            total += weights[i] * slopes[i, j] * matrix[i, CONSTRAINTS]
        move[j] = scale[j] * total
    return possible


def distance(z, first, row, memory, rtol, atol):
    """The largest of the steps of the unknowns, if `first`, or of the others, in units of the tolerances of the states."""
    largest = 0.0
    for j in range(UNKNOWN if first else OTHER):
        place = UNKNOWNS[j] if first else OTHERS[j]
        size = abs(z[4][j]) / (atol + rtol * abs(memory[row, place]) + TINY)
        largest = max(largest, size if size == size else math.inf)
    return largest


def search(first, t, row, p, memory, z, rtol, atol):
    """Solve the algebraic equations for the unknowns, if `first`, or meet constraints by the others; returns a status."""
    found, base, move, weights = z[0], z[3], z[4], z[5]
    merit, part, far, close, begin = math.inf, 1.0, math.inf, False, 0 if first else UNKNOWN
    for trial in range(MOST_TRIALS):
        constraints((real(t),), row, p, memory, found)
        value = 0.0
        for i in range(UNKNOWN if first else CONSTRAINTS):
            value += (found[begin + i] * (weights[i] if trial > 0 else 1.0)) ** 2
        fine = value < math.inf if trial == 0 else value <= (1.0 - 1e-4 * part) * merit
        if not fine:
            if far <= 1e-2:  # no better for rounding
                for j in range(UNKNOWN if first else OTHER):
                    memory[row, UNKNOWNS[j] if first else OTHERS[j]] = base[j]
                return SUCCESS
            part *= 0.5
            if trial == 0 or part < LEAST_PART:
                return INCONSISTENT
        else:
            regular = newton_step(z) if first else smallest_step(z, math.inf)
            if not regular:
                return SINGULAR if first else CONTRADICTED
            merit, part, close = 0.0, 1.0, True
            for i in range(UNKNOWN if first else CONSTRAINTS):
                merit += (found[begin + i] * weights[i]) ** 2
            for j in range(UNKNOWN if first else OTHER):
                base[j] = memory[row, UNKNOWNS[j] if first else OTHERS[j]]
                close = close and abs(move[j]) <= CLOSE * abs(base[j]) + 1e-3 * CLOSE * min(atol, 1.0)
            far = distance(z, first, row, memory, rtol, atol)
        for j in range(UNKNOWN if first else OTHER):
            memory[row, UNKNOWNS[j] if first else OTHERS[j]] = base[j] + part * move[j]
        if close:
            return SUCCESS
    return INCONSISTENT


def tolerated(row, memory, z, rtol, atol):
    """Let the states change in units of their tolerances."""
    for j in range(OTHER):
        z[6][j] = (atol + rtol * abs(memory[row, OTHERS[j]]) + TINY) ** 2


def shift_others(row, memory, z):
    """Make the step of the other states."""
    for j in range(OTHER):
        memory[row, OTHERS[j]] += z[4][j]


def make_consistent(t, row, p, memory, z, rtol, atol, begins):
    """Make the states in a row consistent at a time; returns a status."""
    if CONSTRAINTS > 0:
        if begins and SOME_FREE:
            for j in range(OTHER):
                z[6][j] = 1.0 if FREE[j] else 0.0
            search(False, t, row, p, memory, z, rtol, atol)
        constraints((real(t),), row, p, memory, z[0])
        tolerated(row, memory, z, rtol, atol)
        possible = smallest_step(z, atol)
        if not (possible and distance(z, False, row, memory, rtol, atol) <= (AT_START if begins else AT_EVENTS)):
            return CONTRADICTED
        if not begins:
            shift_others(row, memory, z)
    return search(True, t, row, p, memory, z, rtol, atol)


def meet_constraints(t, row, p, memory, z, rtol, atol):
    """Move the states in a row to the nearest ones that meet the constraints."""
    constraints((real(t),), row, p, memory, z[0])
    tolerated(row, memory, z, rtol, atol)
    if smallest_step(z, math.inf) and distance(z, False, row, memory, rtol, atol) < math.inf:
        shift_others(row, memory, z)


def refine(t, row, p, memory, z, rtol, atol):
    """Improve the states in a row, values of interpolants: by a projection, and a step of Newton's method."""
    if CONSTRAINTS > 0:
        meet_constraints(t, row, p, memory, z, rtol, atol)
    constraints((real(t),), row, p, memory, z[0])
    if newton_step(z) and distance(z, True, row, memory, rtol, atol) < math.inf:
        for j in range(UNKNOWN):
            memory[row, UNKNOWNS[j]] += z[4][j]
