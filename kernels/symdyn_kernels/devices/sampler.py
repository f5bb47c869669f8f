"""Samplers on a card: the rows of `symdyn_kernels.drivers.sampler` for one trajectory, from a table in memory.

The table is given as the known times of other kernels are, ``stops[row, entry, trajectory]``, once for all or for each
trajectory; `symdyn_kernels.constants.sampler` names the first entries of a row.
"""

from __future__ import annotations

from symdyn_kernels.constants.sampler import FIRST, OUTPUT, SLOTS, STATE, TERMS, VALUE
from symdyn_kernels.devices._prelude import cuda, i64, math, real
from symdyn_kernels.devices._rest import FROM_TABLE, GROUP, GROUPS, PARAMETERS, TIMED, N, rest
from symdyn_kernels.devices.rows import EVALUATIONS, STATUS, STEPS
from symdyn_kernels.shared.streams import next_normals, open_stream
from symdyn_kernels.status import NOT_FINITE, SUCCESS


def combine(memory, stops, r, one):
    """The state of row `r`."""
    target, count = i64(stops[r, STATE, one]), i64(stops[r, TERMS, one])
    for j in range(N):
        total = real(stops[r, FIRST + TIMED + GROUP[j], one])
        for k in range(count):
            place = FIRST + TIMED + 2 * GROUPS + k * (1 + GROUPS)
            total = real(stops[r, place + 1 + GROUP[j], one]) * memory[i64(stops[r, place, one]), j] + total
        memory[target, j] = total


def scatter(memory, stops, r, one, s):
    """Add noise to the state of row `r`; returns the stream."""
    target = i64(stops[r, STATE, one])
    for j in range(N // 2):
        a, b, s = next_normals(s)
        memory[target, 2 * j] = real(stops[r, FIRST + TIMED + GROUPS + GROUP[2 * j], one]) * a + memory[target, 2 * j]
        memory[target, 2 * j + 1] = (
            real(stops[r, FIRST + TIMED + GROUPS + GROUP[2 * j + 1], one]) * b + memory[target, 2 * j + 1]
        )
    if N % 2 == 1:
        a, b, s = next_normals(s)
        memory[target, N - 1] = real(stops[r, FIRST + TIMED + GROUPS + GROUP[N - 1], one]) * a + memory[target, N - 1]
    return s


def trajectory(i, initial, parameters, streams, stops, seed, values, counts):
    """One trajectory, in one thread."""
    one = i if stops.shape[2] > 1 else 0
    memory = cuda.local.array((SLOTS, N), real)
    p = (parameters, i) if FROM_TABLE else tuple(parameters[k, i] for k in range(PARAMETERS))
    good, evaluations, s = True, 0, open_stream(seed, streams[i])
    for j in range(N):
        memory[i64(stops[0, STATE, one]), j] = initial[j, i]
    for r in range(stops.shape[0]):
        if r > 0:
            combine(memory, stops, r, one)
        if stops[r, FIRST + TIMED + GROUPS, one] != 0.0:
            s = scatter(memory, stops, r, one, s)
        state, output = i64(stops[r, STATE, one]), i64(stops[r, OUTPUT, one])
        if output >= 0:
            mark = real(0)
            for j in range(N):
                x = memory[state, j]
                mark = mark + (x - x)
                values[output, j, i] = x
            good = good and mark == 0.0
            if not good:
                for j in range(N):
                    values[output, j, i] = math.nan
        if stops[r, VALUE, one] >= 0.0:
            y = tuple(memory[state, k] for k in range(N))
            lane = tuple(real(stops[r, FIRST + k, one]) for k in range(TIMED))
            found = rest(lane, y, p)
            for j in range(N):
                memory[i64(stops[r, VALUE, one]), j] = found[j]
            evaluations += 1
    counts[STATUS, i] = SUCCESS if good else NOT_FINITE
    counts[STEPS, i] = stops.shape[0] - 1
    counts[EVALUATIONS, i] = evaluations
