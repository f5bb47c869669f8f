"""Fixed-step methods on a card: schemes for stochastic differential equations, maps, and the chemical Langevin equation.

The loop of `symdyn_kernels.drivers.stepping` for one trajectory: the same steps with the same increments, drawn from
its stream in the order of time and noises.
"""

from __future__ import annotations

from symdyn_kernels.constants.stepping import SLACK
from symdyn_kernels.devices._prelude import cuda, math, real
from symdyn_kernels.devices._step import DRAWS, FROM_TABLE, NOISES, PARAMETERS, SPECIES, STATES, STOPS, WITH_DZ, step
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.rows import EVALUATIONS, STATUS, STEPS
from symdyn_kernels.shared.streams import next_normals, open_stream
from symdyn_kernels.status import NOT_FINITE, SUCCESS

_INV_SQRT_3 = 0.5773502691896258
#: Normals of a step beyond which they are drawn in a loop: so many copies of it would take long to compile.
MANY = 8


def normals(s, spare, stored):
    """The normals of a piece of a step; if their number is odd, the second of the last pair is stored for the next piece."""
    z = [real(0)] * DRAWS
    if DRAWS > MANY:  # one loop, through memory of the thread
        drawn = cuda.local.array(DRAWS + 1, real)
        filled = 0
        if DRAWS % 2 == 1 and stored:
            drawn[0] = spare
            filled = 1
        while filled < DRAWS:
            drawn[filled], drawn[filled + 1], s = next_normals(s)
            filled = filled + 2
        stored = filled > DRAWS
        if stored:
            spare = drawn[DRAWS]
        for k in range(DRAWS):
            z[k] = drawn[k]
    elif DRAWS % 2 == 1 and stored:
        z[0] = spare
        for k in range(DRAWS // 2):
            z[2 * k + 1], z[2 * k + 2], s = next_normals(s)
        stored = False
    else:
        for k in range(DRAWS // 2):
            z[2 * k], z[2 * k + 1], s = next_normals(s)
        if DRAWS % 2 == 1:
            z[DRAWS - 1], spare, s = next_normals(s)
            stored = True
    return tuple(z[k] for k in range(DRAWS)), spare, stored, s


def increments(s, spare, stored, h, fine):
    """Brownian increments dW of a step in `fine` equal pieces, then, if the scheme reads them, dZ."""
    piece = h / real(fine)
    root = math.sqrt(piece)
    w = tuple(real(0) for k in range(NOISES))
    integral = tuple(real(0) for k in range(NOISES * WITH_DZ))
    for _ in range(fine):
        z, spare, stored, s = normals(s, spare, stored)
        if WITH_DZ:
            added = tuple((z[2 * k] + z[2 * k + 1] * _INV_SQRT_3) * (0.5 * piece * root) for k in range(NOISES))
            integral = tuple(added[k] + w[k] * piece + integral[k] for k in range(NOISES))
            w = tuple(z[2 * k] * root + w[k] for k in range(NOISES))
        else:
            w = tuple(z[k] * root + w[k] for k in range(NOISES))
    return w + integral, spare, stored, s


def record(y, i, q, values):
    """Write the states at an output time; returns whether all of them are finite."""
    for k in range(SPECIES):
        values[q, k, i] = y[k]
    return watched(y, real(0)) == 0.0


def watched(y, mark):
    """A mark that remains 0 while states are finite."""
    for k in range(SPECIES):
        mark = mark + (y[k] - y[k])
    return mark


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, epsilon, max_steps, seed, detect, fine, values,
    counts, passage,
):  # fmt: skip
    """One trajectory, in one thread."""
    y = tuple(initial[k, i] for k in range(SPECIES)) + tuple(real(0) for k in range(STATES - SPECIES))
    p = (parameters, i) if FROM_TABLE else tuple(parameters[k, i] for k in range(PARAMETERS))
    s, spare, stored = open_stream(seed, streams[i]), real(0), False
    taken, q = 0, 1
    good = record(y, i, 0, values)
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
        good = record(y, i, q, values) and mark == 0.0
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
