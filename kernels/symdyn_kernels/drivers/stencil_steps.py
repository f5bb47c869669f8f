"""Explicit steps of fields: of one length, or chosen by an embedded pair.

The functions are called one after the other and go on from where the last call ended; the step that was made last stays in
memory, so that `interpolate` finds states within it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.arguments.fields import StencilSteps
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.options import HELPER, INLINE
from symdyn_kernels.shared.control import after_acceptance, after_rejection, first_step
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, STEP_TOO_SMALL, STEPPED, STIFF, SUCCESS, TOO_MANY_STEPS
from symdyn_kernels.stencils.layout import NF, NS, SIZE, STEPPING
from symdyn_kernels.stencils.rates import rates
from symdyn_kernels.stencils.states import combine, copied, load, scaled, sound, unload
from symdyn_kernels.stencils.sweeps import at_once, prepared, sweep
from symdyn_kernels.stencils.team import agreed, leads

TIME, LENGTH, BEGIN, TAKEN, BEFORE, EARLIER, MOST = range(7)
STEPS, REJECTED, EVALUATIONS, CURRENT, MADE, SLOPES, DONE, LIMITED = range(8)
#: Of SLOPES: none is known; that at the state; all of the step in memory; also those that only the interpolant needs.
NONE, FIRST, STAGES, ALL = range(4)
#: Part of the limit of stability from which on a step is near it.
NEAR = 0.7


@njit(**INLINE)
def blocks(grid, marks):
    """Length of a padded state; addresses of the states at both ends of a step, of scratch, zeros, and the first slope."""
    T, states = grid.table, grid.states
    M = (T[NF] * T[SIZE] + T[NS] + 15) // 16 * 16
    now = marks[CURRENT]
    return M, states + 8 * M * now, states + 8 * M * (1 - now), states + 16 * M, states + 24 * M, states + 32 * M


@njit(**INLINE)
def go_on(grid, marks, stages):
    """Go on from the end of the step in memory, if there is one."""
    if marks[MADE]:
        M, _, _, _, _, k = blocks(grid, marks)
        marks[CURRENT], marks[MADE] = 1 - marks[CURRENT], 0
        if marks[SLOPES] >= STAGES:  # the last stage belongs to the new point
            copied(k, (stages - 1) * M, M, grid.work)
            marks[SLOPES] = FIRST


@njit(**INLINE)
def inner_stages(arguments, t, h, y, z, k, M, begin, end):
    """Slopes of the stages from `begin` to `end`; the argument of the last one stays in z."""
    grid, tableau = arguments.grid, arguments.tableau
    at = begin * (begin - 1) // 2
    for j in range(begin, end):
        combine(z, y, k, M, tableau.a, at, j, h, grid.work)
        at += j
        rates(grid.table, grid.numbers, z, k + 8 * j * M, grid.work, t + tableau.nodes[j] * h, 1.0, 0, 0)


@njit(signature(StencilSteps), **HELPER)
def begin(arguments):
    """Take the state from its plain places."""
    grid = arguments.grid
    load(grid.table, grid.parameters, grid.source, grid.states, grid.work)
    arguments.marks[:] = 0
    return SUCCESS


@njit(signature(StencilSteps), **HELPER)
def restart(arguments):
    """Go on from the end of the step in memory at the time `goal`, with fresh slopes."""
    marks = arguments.marks
    go_on(arguments.grid, marks, arguments.tableau.stages)
    marks[SLOPES], arguments.clock[TIME] = NONE, arguments.steps.goal
    return SUCCESS


@njit(signature(StencilSteps), **HELPER)
def fixed(arguments):
    """Steps of one length to the end, or the next of them; returns the status, or STEPPED."""
    grid, tableau, steps, clock, marks = (
        arguments.grid, arguments.tableau, arguments.steps, arguments.clock, arguments.marks
    )  # fmt: skip
    T, F, work, stages, h = grid.table, grid.numbers, grid.work, tableau.stages, steps.length
    while marks[DONE] < steps.total:
        go_on(grid, marks, stages)
        if agreed(grid.work, arguments.stop[0]):
            return INTERRUPTED
        if marks[STEPS] >= arguments.tolerances.max_steps:
            return TOO_MANY_STEPS
        M, y, z, _, _, k = blocks(grid, marks)
        first, made = marks[SLOPES] == NONE, 1
        left = min(steps.total - marks[DONE], arguments.tolerances.max_steps - marks[STEPS])
        many = at_once(T, work, 1 if steps.each else left) if stages == 2 and T[STEPPING] else 0
        t = steps.begin + h * marks[DONE]
        if many:
            if first:
                prepared(T, F, y, work)
            sweep(T, F, y, z, work, steps.begin, h, marks[DONE], many)
            made, t = many, steps.begin + h * (marks[DONE] + many - 1)
        elif stages == 2 and T[STEPPING]:
            rates(T, F, y, z, work, t, h, 1, first)
        else:
            rates(T, F, y, k, work, t, 1.0, 0, first)
            inner_stages(arguments, t, h, y, z, k, M, 1, stages - 1)
            combine(z, y, k, M, tableau.a, (stages - 1) * (stages - 2) // 2, stages - 1, h, work)
        marks[DONE] += made
        marks[STEPS] += made
        marks[EVALUATIONS] += made * (stages - 1)
        marks[MADE], marks[SLOPES] = 1, FIRST
        clock[BEGIN], clock[TAKEN] = t, h
        clock[TIME] = steps.end if marks[DONE] == steps.total else steps.begin + h * marks[DONE]
        if leads(grid.work):
            arguments.reached[0] = clock[TIME]
        if steps.each:
            unload(T, z, arguments.out, T[NF], T[NS], grid.work)
            return STEPPED
    go_on(grid, marks, stages)
    _, y, _, _, _, _ = blocks(grid, marks)
    if not sound(T, y, work):
        return NOT_FINITE
    unload(T, y, arguments.out, T[NF], T[NS], work)
    return SUCCESS


@njit(signature(StencilSteps), **HELPER)
def interpolate(arguments):
    """The state at the time `goal`, within the step in memory."""
    grid, tableau, clock, marks = arguments.grid, arguments.tableau, arguments.clock, arguments.marks
    T, F, stages, extra = grid.table, grid.numbers, tableau.stages, tableau.extra
    M, y, z, e, _, k = blocks(grid, marks)
    t, h = clock[BEGIN], clock[TAKEN]
    if marks[SLOPES] < STAGES:  # of steps of one length
        if stages == 2:
            rates(T, F, y, k, grid.work, t, 1.0, 0, 0)
        rates(T, F, z, k + 8 * (stages - 1) * M, grid.work, t + h, 1.0, 0, 0)
        marks[EVALUATIONS] += 1 + (stages == 2)
        marks[SLOPES] = STAGES
    if marks[SLOPES] < ALL:
        inner_stages(arguments, t, h, y, e, k, M, stages, stages + extra)
        marks[EVALUATIONS] += extra
        marks[SLOPES] = ALL
    x, degree = (arguments.steps.goal - t) / h, tableau.dense.size // (stages + extra)
    weights = np.empty(stages + extra)
    for j in range(stages + extra):
        total = 0.0
        for d in range((j + 1) * degree - 1, j * degree - 1, -1):
            total = (total + tableau.dense[d]) * x
        weights[j] = total
    combine(e, y, k, M, weights, 0, stages + extra, h, grid.work)
    unload(T, e, arguments.out, T[NF], T[NS], grid.work)
    return SUCCESS


@njit(signature(StencilSteps), **HELPER)
def adaptive(arguments):
    """Steps by an embedded pair until the goal lies in one, or the next of them; returns the status, or STEPPED."""
    grid, tableau, control, steps = arguments.grid, arguments.tableau, arguments.control, arguments.steps
    clock, marks = arguments.clock, arguments.marks
    rtol, atol, longest, max_steps = arguments.tolerances
    T, F, work, stages = grid.table, grid.numbers, grid.work, tableau.stages
    while not (marks[MADE] and steps.goal <= clock[TIME]):
        go_on(grid, marks, stages)
        if agreed(grid.work, arguments.stop[0]):
            return INTERRUPTED
        if marks[STEPS] + marks[REJECTED] >= max_steps:
            return TOO_MANY_STEPS
        M, y, z, e, zero, k = blocks(grid, marks)
        t, end = clock[TIME], steps.end
        if marks[SLOPES] == NONE:
            rates(T, F, y, k, work, t, 1.0, 0, 1)
            marks[EVALUATIONS] += 1
            marks[SLOPES] = FIRST
            if clock[LENGTH] == 0.0:
                slope = scaled(T, k, y, y, rtol, atol, work)
                if not math.isfinite(slope):
                    return NOT_FINITE
                clock[LENGTH] = min(first_step(scaled(T, y, y, y, rtol, atol, work), slope), end - t)
                clock[BEFORE], clock[EARLIER], clock[MOST] = 1.0, 1.0, control.grow
        wish = min(clock[LENGTH], longest)
        final = t + wish >= end - 1e-14 * abs(end)
        h = end - t if final else wish
        inner_stages(arguments, t, h, y, z, k, M, 1, stages)
        marks[EVALUATIONS] += stages - 1
        combine(e, zero, k, M, tableau.errors, 0, stages, h, work)
        error = scaled(T, e, y, z, rtol, atol, work)
        if tableau.errors.size > stages and error > 0.0:
            combine(e, zero, k, M, tableau.errors, stages, stages, h, work)
            error = error * error / math.hypot(error, 0.1 * scaled(T, e, y, z, rtol, atol, work))
        if not error <= 1.0:
            marks[REJECTED] += 1
            clock[LENGTH] = h * (after_rejection(error, control) if error < 1e300 else control.shrink)
            clock[MOST] = 1.0
            if not clock[LENGTH] > abs(t) * 4e-16 + 1e-200:
                return STEP_TOO_SMALL if error == error else NOT_FINITE
            continue
        longer = h * after_acceptance(error, clock[BEFORE], clock[EARLIER], control, clock[MOST])
        # a step that was cut short says little
        clock[LENGTH] = max(wish, longer) if h < 0.9 * wish else longer
        clock[EARLIER], clock[BEFORE], clock[MOST] = clock[BEFORE], error, control.grow
        marks[STEPS] += 1
        marks[MADE], marks[SLOPES] = 1, STAGES
        clock[BEGIN], clock[TAKEN], clock[TIME] = t, h, end if final else t + h
        if leads(grid.work):
            arguments.reached[0] = clock[TIME]
        if steps.decay > 0.0:
            if h * steps.decay > NEAR * tableau.limit:
                marks[LIMITED] += 1
                if marks[LIMITED] >= steps.limited and (end - clock[TIME]) * steps.decay / tableau.limit > steps.to_come:
                    return STIFF
            elif marks[LIMITED] > 0:
                marks[LIMITED] -= 1
        if steps.each:
            unload(T, z, arguments.out, T[NF], T[NS], grid.work)
            return STEPPED
    if steps.goal == clock[TIME]:
        _, _, z, _, _, _ = blocks(grid, marks)
        unload(T, z, arguments.out, T[NF], T[NS], grid.work)
        return SUCCESS
    return interpolate(arguments)
