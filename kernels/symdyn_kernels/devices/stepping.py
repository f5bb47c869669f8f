"""Fixed-step methods on a card: schemes for stochastic differential equations, maps, and the chemical Langevin equation.

The loop of `symdyn_kernels.drivers.stepping` for one trajectory: the same steps with the same increments, drawn from
its stream in the order of time and noises.
"""

from __future__ import annotations

from symdyn_kernels.constants.stepping import SLACK
from symdyn_kernels.devices._prelude import math, real
from symdyn_kernels.devices._step import FROM_TABLE, NOISES, PARAMETERS, SPECIES, STATES, STOPS, step
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.recording import watched, write_states
from symdyn_kernels.devices.rows import EVALUATIONS, STATUS, STEPS
from symdyn_kernels.devices.stepping_draws import increments
from symdyn_kernels.shared.streams import open_stream
from symdyn_kernels.status import NOT_FINITE, SUCCESS


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, epsilon, max_steps, seed, detect, fine, values,
    counts, passage,
):  # fmt: skip
    """One trajectory, in one thread."""
    y = tuple(initial[k, i] for k in range(SPECIES)) + tuple(real(0) for k in range(STATES - SPECIES))
    p = (parameters, i) if FROM_TABLE else tuple(parameters[k, i] for k in range(PARAMETERS))
    s, spare, stored = open_stream(seed, streams[i]), real(0), False
    taken, q = 0, 1
    good = write_states(y, i, 0, values)
    while good and q < times.size:
        gap = times[q] - times[q - 1]
        n_steps = 0 if gap <= 0.0 else max(1, int(math.ceil(gap / step_size - SLACK)))
        length = gap / max(1, n_steps)
        h, root, mark = real(length), real(math.sqrt(length)), real(0)
        for j in range(n_steps):
            lane = (real(times[q - 1] + j * length), h, root)
            if NOISES > 0:
                dw, spare, stored, s = increments(s, spare, stored, h, fine)
                lane = lane + dw
            y = step(lane, y, p)
            mark = watched(y, mark)
            taken += 1
        good = write_states(y, i, q, values) and mark == 0.0
        q += 1
    if not good:
        void(i, q - 1, SPECIES, values)
    counts[STATUS, i] = SUCCESS if good else NOT_FINITE
    counts[STEPS, i] = taken
    counts[EVALUATIONS, i] = taken
    if STOPS and begin[i] < 0:
        passage[i] = times[0]
    elif STOPS and good and y[SPECIES] == 1.0:
        passage[i] = y[SPECIES + 1]
