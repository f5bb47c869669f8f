"""The driver of tau-leaping (`symdyn_kernels.shared.leaping`) on the processor.

It calls lane functions ``f(lane, y, p, out)`` of one lane, with the time first in `lane` and numbers of molecules in `y`:

    propensities    a_1 .. a_R
    orders          for each reaction the sum over species of |x da/dx| / a; then the means of the bursts
    factor, solve   of ``shift - d(S a)/dx``, for implicit leaps
    condition       1.0 where the trajectory ends

and reads the stoichiometry as data.  Each trajectory draws from its own stream, so its numbers depend on nothing but its
seed, its stream and its input.

With events it leaps from each known time to the next, and to where the condition is 0.75: the condition of an event is no
longer as it is noted to be in the parameters that follow those of the model.  Leaps after that draw from another stream.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.networks import LeapingArguments
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.event_memory import event_memory, output_size
from symdyn_kernels.events import begin_events, next_moment
from symdyn_kernels.lanes import ROWS, Output, T, arrays, put
from symdyn_kernels.molecules import impossible
from symdyn_kernels.network_events import MOST_STOPS, ends, note_held, turn
from symdyn_kernels.networks import SPARE, Network, NetworkModel
from symdyn_kernels.options import HELPER, INLINE, INNER
from symdyn_kernels.output import padded
from symdyn_kernels.shared.leaping import Space, leap_through
from symdyn_kernels.shared.streams import mix, open_stream
from symdyn_kernels.simd import WIDTH, st
from symdyn_kernels.status import ENDLESS_EVENTS, INTERRUPTED, SUCCESS

__all__ = ["chunk"]

#: Whether events set numbers of molecules; loading the driver for networks with events changes it.
EVENTS = False


@njit(**INNER)
def acted(events, memory, row, t, x, n, p, lanes, output, aside):
    """Let happen what is due at a time and what follows from conditions that have changed; returns a status."""
    code = turn(events, memory, row, t, x, n, p, lanes, output, aside)
    return code if code != SUCCESS else impossible(0, 1, n, x.ctypes.data)


@njit(**INLINE)
def before(times, q, t):
    """The first output at a time or after it, of those before output `q`, or `q`."""
    while q > 0 and times[q - 1] >= t:
        q -= 1
    return q


@njit(signature(LeapingArguments), **HELPER)
def chunk(arguments):
    """Simulate all trajectories of `arguments`, a `Leaping`; returns how many reached the last time."""
    functions, sizes, structure, watched, seed, epsilon, max_steps, batch, run, counts, signals, events = arguments
    initial, parameters, times, streams, _ = batch
    n, R, nb, nfactors, timed = sizes
    known = parameters.shape[1]
    rows = known + (events.flags.size if EVENTS else 0)
    own = 3 + nfactors + n + rows + 3 * SPARE
    memory = np.zeros(own + (ROWS * WIDTH + output_size(events, 1) + 2 * WIDTH if EVENTS else 0))
    lane, p = memory.ctypes.data, memory.ctypes.data + 8 * (3 + SPARE)
    factors, implicit = p + 8 * (rows + SPARE), int(functions.factor != 0)
    model = NetworkModel(functions, lane, p, lane + 16, factors, n, R, nb, timed, implicit)
    ptr, changed, fixed, burst, dptr, dspecies, pair, kind = structure
    moments = np.zeros(nb), np.zeros(fixed.size), np.zeros(fixed.size)
    network = Network(
        model, ptr, changed, fixed, burst, dptr, dspecies, pair, kind, watched, moments[0], moments[1], moments[2], signals.stop
    )
    marks = np.zeros((4, R), np.int64)
    numbers, rates = np.zeros((9, n + SPARE)), np.zeros((3, R + SPARE))
    work = numbers[5], numbers[6], numbers[7], numbers[8]
    space = Space(numbers[2], numbers[3], numbers[4], rates[1], rates[2], marks[1], marks[2], marks[3], work)
    x, orders = numbers[0], np.zeros(R + nb + SPARE)
    finished = 0
    if EVENTS:
        lanes = arrays((lane + 8 * own + 63) // 64 * 64, WIDTH)
        happening = event_memory(events, 1, lanes[0] + 8 * ROWS * WIDTH, 0)
        output = Output(padded(times), run.values, np.zeros((1, 1), np.int64), np.ones(1, np.int64), np.zeros(1, np.int64))
        moments_of_part, values_of_part = np.empty(times.size + 2), np.empty((1, times.size + 2, n))
    for row in range(run.status.size):
        for i in range(n):
            x[i] = initial[row, i]
        for i in range(known):
            st(p, i, parameters[row, i])
        s = open_stream(seed, streams[row])
        if EVENTS:
            t, q, part, stops, code = times[0], 1, 0, 0, SUCCESS
            run.passage[row] = np.inf
            for i in range(n):
                run.values[row, 0, i] = x[i]
            if ends(model, t, x):
                run.passage[row] = t
            else:
                put(lanes[T], 0, t, 1)
                output.due[0] = 1
                begin_events(events, happening, 0, 1, x.ctypes.data, p, lanes)
                code = acted(events, happening, row, t, x, n, p, lanes, output, run.aside)
                note_held(happening, p, events, known)
                q = q if code == SUCCESS else 0
                if code == SUCCESS and ends(model, t, x):
                    run.passage[row] = t
            while code == SUCCESS and q < times.size and run.passage[row] == np.inf:
                moment = next_moment(events, happening, 0, row)
                count, j = 1, q
                moments_of_part[0] = t
                while j < times.size and times[j] <= moment:
                    moments_of_part[count] = times[j]
                    count, j = count + 1, j + 1
                if j < times.size and moments_of_part[count - 1] < moment:
                    moments_of_part[count] = moment
                    count += 1
                room = max_steps - counts[row, 0] - counts[row, 1] - counts[row, 2]
                found = leap_through(
                    network, s, x, numbers[1], rates[0], orders, marks[0], space, moments_of_part[:count], epsilon, room, 0,
                    values_of_part,
                )  # fmt: skip
                counts[row, 0] += found.leaps
                counts[row, 1] += found.events
                counts[row, 2] += found.rejected
                counts[row, 3] += found.implicit
                counts[row, 4] += found.calls
                code = found.code
                end = min(found.passage, moments_of_part[count - 1])
                for c in range(1, found.q if code != SUCCESS else count):
                    if q < times.size and moments_of_part[c] == times[q] and moments_of_part[c] <= end:
                        for i in range(n):
                            run.values[row, q, i] = values_of_part[0, c, i]
                        q += 1
                if code == SUCCESS:
                    stops = stops + 1 if end == t else 0
                    part, t = part + 1, end
                    for i in range(n):
                        x[i] = values_of_part[0, count - 1, i]
                    s = open_stream(np.int64(mix(np.uint64(seed) ^ mix(np.uint64(part)))), streams[row])
                    if found.passage < np.inf and ends(model, t, x):
                        run.passage[row] = t
                    elif found.passage < np.inf or moment <= t:
                        output.due[0] = q
                        code = acted(events, happening, row, t, x, n, p, lanes, output, run.aside)
                        note_held(happening, p, events, known)
                        if code == SUCCESS and stops > MOST_STOPS:
                            code = ENDLESS_EVENTS
                        q = q if code == SUCCESS else before(times, q, t)
                        if code == SUCCESS and ends(model, t, x):
                            run.passage[row] = t
            for j in range(q, times.size):
                for i in range(n):
                    run.values[row, j, i] = x[i] if code == SUCCESS else np.nan
            run.status[row] = code
        else:
            ended = leap_through(
                network, s, x, numbers[1], rates[0], orders, marks[0], space, times, epsilon, max_steps, row, run.values
            )
            if ended.code != SUCCESS:
                run.values[row, ended.q :] = np.nan
            run.status[row], run.passage[row] = ended.code, ended.passage
            counts[row, 0], counts[row, 1], counts[row, 2] = ended.leaps, ended.events, ended.rejected
            counts[row, 3], counts[row, 4] = ended.implicit, ended.calls
        if run.status[row] != INTERRUPTED:
            finished += 1
            signals.done[0] += 1
    return finished + 0 * memory.size  # used through its addresses alone: keep it alive until here
