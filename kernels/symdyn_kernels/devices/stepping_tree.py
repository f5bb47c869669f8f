"""Schemes along the tree of a Brownian path on a card: the loop of `symdyn_kernels.drivers.stepping_tree` for one trajectory.

The cells that contain the present one are in the memory of the thread.
"""

from __future__ import annotations

from symdyn_kernels.constants.brownian import DEPTHS
from symdyn_kernels.devices._prelude import cuda, i64, math, real
from symdyn_kernels.devices._step import (
    DRAWS,
    FROM_TABLE,
    NOISES,
    PARAMETERS,
    POWERS,
    SPECIES,
    STATES,
    STOPS,
    bound,
    step,
)  # fmt: skip
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.recording import watched, write_states
from symdyn_kernels.devices.rows import EVALUATIONS, STATUS, STEPS
from symdyn_kernels.shared.brownian import advance, halved, integrals_of, path_keys, root_cell
from symdyn_kernels.shared.cells import cell_after, cell_length, depth_below, shifted
from symdyn_kernels.status import NOT_FINITE, STEP_TOO_SMALL, SUCCESS, TOO_MANY_STEPS


def descend(stack, keys, kept_at, kept, depth, index, served):
    """Make a cell of a tree that serves so many integrals, from the deepest of those before that contains it."""
    at = kept_at if kept_at < depth else depth
    if at >= 0:
        differ = shifted(kept, kept_at - at) ^ shifted(index, depth - at)
        while differ != 0:
            differ = differ >> 1
            at = at - 1
    if at < 0:
        at = i64(0)
        for j in range(NOISES):
            stack[3 * j, 0], stack[3 * j + 1, 0], stack[3 * j + 2, 0] = root_cell(keys[j][0], keys[j][1], shifted(index, depth))
    while at < depth:
        right = shifted(index, depth - at - 1) & 1 == 1
        root = math.sqrt(cell_length(at))
        for j in range(NOISES):
            cell = (stack[3 * j, at], stack[3 * j + 1, at], stack[3 * j + 2, at])
            made = halved(keys[j][0], keys[j][1], at, shifted(index, depth - at), cell, root, served)
            for k in range(3):
                stack[3 * j + k, at + 1] = made[3 + k] if right else made[k]
        at = at + 1


def trajectory(i, initial, parameters, times, streams, begin, stops, rtol, atol, max_steps, seed, values, counts, passage):
    """One trajectory, in one thread."""
    y = tuple(initial[k, i] for k in range(SPECIES)) + tuple(real(0) for k in range(STATES - SPECIES))
    p = (parameters, i) if FROM_TABLE else tuple(parameters[k, i] for k in range(PARAMETERS))
    keys = tuple(path_keys(seed, streams[i], i64(k)) for k in range(NOISES))
    stack = cuda.local.array((3 * NOISES, DEPTHS), real)
    drawn = cuda.local.array(3 * NOISES, real)
    depth, index, kept_at, kept = i64(DEPTHS), i64(0) - 1, i64(0) - 1, i64(0)
    start, length, fresh, served = 0.0, 1.0, True, i64(stops[2, 0, 0])
    taken, asked, q = 0, 0, 1
    code = SUCCESS if write_states(y, i, 0, values) else NOT_FINITE
    while code == SUCCESS and q < times.size:
        if fresh:
            wanted = i64(stops[0, 0, 0])
            if stops[1, 0, 0] == 1.0:
                ratios = bound((real(times[0] + start), real(rtol), real(atol)), y, p)
                for k in range(len(POWERS)):
                    needed = depth_below(ratios[k], i64(POWERS[k]))
                    if needed < 0:
                        code = NOT_FINITE
                    wanted = needed if needed > wanted else wanted
            depth, index, fits = cell_after(depth, index, wanted)
            if code == SUCCESS and not fits:
                code = STEP_TOO_SMALL
            if code == SUCCESS and taken >= max_steps:
                code = TOO_MANY_STEPS
            if code == SUCCESS:
                descend(stack, keys, kept_at, kept, depth, index, served)
                kept_at, kept, length, fresh = depth, index, cell_length(depth), False
        if code == SUCCESS:
            end = times[q] - times[0]
            within = end < start + length
            h = end - start if within else length
            for j in range(NOISES):
                cell = (stack[3 * j, depth], stack[3 * j + 1, depth], stack[3 * j + 2, depth])
                if within:
                    made = advance(keys[j][0], keys[j][1], depth, index, cell, start, length, end, served)
                else:
                    made = integrals_of(cell, length)
                for k in range(3):
                    drawn[k * NOISES + j] = made[k]
            lane = (real(times[0] + start), real(h), real(math.sqrt(h)))
            new = step(lane + tuple(drawn[k] for k in range(DRAWS)), y, p)
            asked += 1
            if within:
                if write_states(new, i, q, values):
                    q += 1
                else:
                    code = NOT_FINITE
                if q == times.size:
                    y = new
            else:
                y = new
                taken += 1
                start = start + length
                fresh = True
                if watched(y, real(0)) != 0.0:
                    code = NOT_FINITE
                elif end == start:
                    write_states(y, i, q, values)
                    q += 1
    if code != SUCCESS:
        void(i, q, SPECIES, values)
    counts[STATUS, i] = code
    counts[STEPS, i] = taken
    counts[EVALUATIONS, i] = asked
    if STOPS and begin[i] < 0:
        passage[i] = times[0]
    elif STOPS and code == SUCCESS and y[SPECIES] == 1.0:
        passage[i] = y[SPECIES + 1]
