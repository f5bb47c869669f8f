"""The driver of hybrid simulation: abundant, frequent reactions flow, the others jump at exact random times.

It calls lane functions ``f(lane, y, p, out)`` of one lane, with the time in `lane` and numbers of molecules in `y`:

    propensities    a_1 .. a_R
    orders          R values that are not used here; then the means of the bursts
    condition       1.0 where the trajectory ends; with events 0.75 where that of one is not as it is noted in the parameters

and reads the stoichiometry as data.  The state is integers plus the stoichiometry times the extents of the flowing
reactions: ``x = base + sum_j S_j xi_j``.  Extents and the integrated hazard of the jumping reactions are integrated by the
pair of Bogacki & Shampine (Appl. Math. Lett. 2 (1989) 321); the next jump occurs where the hazard reaches an exponential
number.

With events steps end at known times, and where a condition changes.  What an event assigns to a species that flows makes its
base a real number, until nothing that flows changes the species: then it is rounded, up or down at random with the right mean.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.networks import HybridArguments, LeapFunctions
from symdyn_kernels.arguments.parts import Control, signature
from symdyn_kernels.constants.events import SMOOTH
from symdyn_kernels.event_memory import event_memory, output_size
from symdyn_kernels.events import begin_events, next_moment
from symdyn_kernels.flow import Step, assemble, between, crossing, divide, error, first_step, jump, passed, slope
from symdyn_kernels.lanes import ROWS, Output, T, arrays, put
from symdyn_kernels.network_events import MOST_STOPS, ends, note_held, rebase, turn, whole_again
from symdyn_kernels.networks import SPARE, Network, NetworkModel, holds, orders_at, record
from symdyn_kernels.options import HELPER, INLINE
from symdyn_kernels.output import padded
from symdyn_kernels.shared.control import after_acceptance, after_rejection
from symdyn_kernels.shared.leaps import moments
from symdyn_kernels.shared.streams import open_stream
from symdyn_kernels.shared.variates import exponential
from symdyn_kernels.simd import WIDTH, st
from symdyn_kernels.status import ENDLESS_EVENTS, INTERRUPTED, NEGATIVE, NOT_FINITE, STEP_TOO_SMALL, SUCCESS, TOO_MANY_STEPS

__all__ = ["chunk"]

#: Whether events set numbers of molecules; loading the driver for networks with events or inputs changes it.
EVENTS = False
#: Steps from the first to the last time at least, if rates or the condition depend on time.
PIECES = 1000.0
#: A trajectory whose steps fall below this part of the time ends with a failure.
SHORTEST = 1e-14
#: The first step is no shorter than this part of the time: if that is too long the step is refused.
LEAST_FIRST = 1e-12
#: The elementary controller of an error of order 3.
CONTROL = Control(-1 / 3, 0.0, 0.0, -1 / 3, 0.9, 0.2, 5.0)
#: Places in the counts of a trajectory.
STEPS, JUMPS, REJECTED, SWITCHES, CALLS = range(5)


@njit(**INLINE)
def _noise(network, t, x, orders):
    """Moments of the changes, the second ones over the magnitudes of the first; returns a status."""
    orders = orders_at(network.model, t, x, orders)
    good, _, mean, noise = moments(network, orders, network.means, network.mean, network.second)
    for e in range(mean.size):
        noise[e] = noise[e] / abs(mean[e]) if mean[e] != 0.0 else np.inf
    return SUCCESS if good else NEGATIVE


@njit(signature(HybridArguments), **HELPER)
def chunk(arguments):
    """Simulate all trajectories of `arguments`, a `Hybrid`; returns how many reached the last time."""
    functions, sizes, structure, tolerances, epsilon, seed, batch, run, counts, signals, events = arguments
    initial, parameters, times, streams, _ = batch
    out, status, passage, max_steps = run.values, run.status, run.passage, tolerances.max_steps
    n, R, nb, timed = sizes
    x, y, within = np.zeros(n + SPARE), np.zeros(n + SPARE), np.zeros(n + SPARE)
    known = parameters.shape[1]
    own = 2 + known + (events.flags.size if EVENTS else 0) + 2 * SPARE
    memory = np.zeros(own + (ROWS * WIDTH + output_size(events, 1) + 2 * WIDTH if EVENTS else 0))
    a, orders = np.zeros(R + SPARE), np.zeros(R + nb + SPARE)
    base, drift, xi, new, part = np.zeros(n), np.zeros(n), np.zeros(R), np.zeros(R), np.zeros(R)
    k1, k2, k3, k4 = np.zeros(R + 1), np.zeros(R + 1), np.zeros(R + 1), np.zeros(R + 1)
    flows, lane, p = np.zeros(R, np.int64), memory.ctypes.data, memory.ctypes.data + 8 * (2 + SPARE)
    calls = LeapFunctions(functions.propensities, functions.orders, 0, 0, functions.condition)
    model = NetworkModel(calls, lane, p, lane + 8, 0, n, R, nb, timed, 0)
    ptr, changed, fixed, burst, dptr, dspecies, pair, kind = structure
    means, mean, noise = np.zeros(nb), np.zeros(fixed.size), np.zeros(fixed.size)
    network = Network(model, ptr, changed, fixed, burst, dptr, dspecies, pair, kind, drift, means, mean, noise, signals.stop)
    span = times[-1] - times[0]
    if EVENTS:
        lanes = arrays((lane + 8 * own + 63) // 64 * 64, WIDTH)
        happening = event_memory(events, 1, lanes[0] + 8 * ROWS * WIDTH, 0)
        output = Output(padded(times), out, np.zeros((1, 1), np.int64), np.ones(1, np.int64), np.zeros(1, np.int64))
        loose = np.zeros(n, np.int64)

    finished = 0
    for row in range(streams.size):
        s = open_stream(seed, streams[row])
        for i in range(n):
            base[i] = initial[row, i]
            out[row, 0, i] = base[i]
        for i in range(parameters.shape[1]):
            st(p, i, parameters[row, i])
        counts[row] = 0
        flows[:], xi[:] = 0, 0.0
        assemble(network, flows, base, xi, x)
        code = _noise(network, times[0], x, orders)
        t, h, q = times[0], np.inf, 1
        level, s = exponential(s)  # the hazard at which the next jump comes
        risk = 0.0  # what it is now
        fresh = False
        if EVENTS:
            loose[:], latest, stops = 0, -np.inf, 0
            put(lanes[T], 0, t, 1)
            begin_events(events, happening, 0, 1, x.ctypes.data, p, lanes)
            note_held(happening, p, events, known)
            happens = code == SUCCESS and not ends(model, t, x)
        while code == SUCCESS:
            while q < times.size and t >= times[q] and code == SUCCESS:
                if record(model, x, row, q, out):
                    q += 1
                else:
                    code = NOT_FINITE
            if code != SUCCESS:
                break
            if EVENTS and not ends(model, t, x):
                if happens or next_moment(events, happening, 0, row) <= t or holds(model, t, x):
                    stops = stops + 1 if t == latest else 0
                    happens, latest, output.due[0] = False, t, q
                    y[:] = x
                    code = turn(events, happening, row, t, x, n, p, lanes, output, run.aside)
                    if code == SUCCESS:
                        code = rebase(network, flows, y, x, base, loose)
                    if code == SUCCESS and stops > MOST_STOPS:
                        code = ENDLESS_EVENTS
                    note_held(happening, p, events, known)
                    assemble(network, flows, base, xi, x)
                    for i in range(n):
                        if x[i] < 0.0 and code == SUCCESS:  # by rounding
                            base[i], loose[i] = base[i] - 2.0 * x[i], 1
                    assemble(network, flows, base, xi, x)
                    fresh = False
                    if happening.smooth[0] != SMOOTH:
                        h = np.inf
                    continue
            elif holds(model, t, x):
                passage[row] = t
                for i in range(n):
                    out[row, q:, i] = x[i]
                break
            if q == times.size:
                break
            if signals.stop[0] != 0:
                code = INTERRUPTED
                break
            if counts[row, STEPS] + counts[row, JUMPS] + counts[row, REJECTED] >= max_steps:
                code = TOO_MANY_STEPS
                break
            if not fresh:
                code = slope(network, t, flows, x, a, k1)
                counts[row, CALLS] += 1
                if code != SUCCESS:
                    break
            switched, s = divide(s, network, epsilon, span, flows, base, xi, x, a)
            if switched > 0:
                counts[row, SWITCHES] += switched
                if EVENTS:
                    s = whole_again(s, network, flows, x, base, loose)
                assemble(network, flows, base, xi, x)
                code = slope(network, t, flows, x, a, k1)
                h = np.inf
                if code != SUCCESS:
                    break
            fresh = True
            flowing = flows.sum() > 0
            goal = min(times[q], next_moment(events, happening, 0, row)) if EVENTS else times[q]
            left = goal - t
            if not flowing and not timed:
                # the state is constant between jumps: the time of the next one is explicit
                wait = (level - risk) / k1[R] if k1[R] > 0.0 else np.inf
                if wait >= left:
                    risk += k1[R] * left
                    t = goal
                else:
                    t += wait
                    counts[row, JUMPS] += 1
                    possible, s = jump(s, network, flows, k1[R], a, base, xi, x)
                    if not possible:
                        code = NEGATIVE
                    level, s = exponential(s)
                    risk, fresh = 0.0, False
            else:
                if h == np.inf:
                    h = max(first_step(network, k1, x, drift), LEAST_FIRST * max(abs(t), span))
                if timed:
                    h = min(h, span / PIECES)
                if h < SHORTEST * max(abs(t), span):
                    code = STEP_TOO_SMALL
                    break
                d = min(h, left)
                bad = SUCCESS
                for j in range(R):
                    new[j] = xi[j] + 0.5 * d * k1[j]
                assemble(network, flows, base, new, y)
                bad = max(bad, slope(network, t + 0.5 * d, flows, y, a, k2))
                for j in range(R):
                    new[j] = xi[j] + 0.75 * d * k2[j]
                assemble(network, flows, base, new, y)
                bad = max(bad, slope(network, t + 0.75 * d, flows, y, a, k3))
                for j in range(R):
                    new[j] = xi[j] + d * (2 / 9 * k1[j] + k2[j] / 3 + 4 / 9 * k3[j])
                assemble(network, flows, base, new, y)
                bad = max(bad, slope(network, t + d, flows, y, a, k4))
                counts[row, CALLS] += 3
                step = Step(d, xi, new, k1, k2, k3, k4)
                size = error(network, step, tolerances, x, y, drift)
                if bad != SUCCESS or not size <= 1.0:
                    counts[row, REJECTED] += 1
                    h = d * (after_rejection(size, CONTROL) if bad == SUCCESS else CONTROL.shrink)
                    # `a` belongs to the end of the refused step
                    fresh = False
                else:
                    after = risk + d * (2 / 9 * k1[R] + k2[R] / 3 + 4 / 9 * k3[R])
                    counts[row, STEPS] += 1
                    following = d * after_acceptance(size, 1.0, 1.0, CONTROL, CONTROL.grow)
                    h = following if d == h else max(h, following)
                    theta = crossing(level, d, risk, after, k1[R], k4[R]) if after >= level else 1.0
                    theta_end = passed(network, flows, base, t, theta, step, within, part)
                    if theta_end <= theta:
                        between(theta_end, step, flows, part)
                        xi[:] = part
                        t += theta_end * d
                        assemble(network, flows, base, xi, x)
                        fresh = False
                    elif after >= level:
                        between(theta, step, flows, part)
                        xi[:] = part
                        t += theta * d
                        assemble(network, flows, base, xi, x)
                        code = slope(network, t, flows, x, a, k1)
                        counts[row, CALLS] += 1
                        counts[row, JUMPS] += 1
                        if code == SUCCESS:
                            possible, s = jump(s, network, flows, k1[R], a, base, xi, x)
                            if not possible:
                                code = NEGATIVE
                        level, s = exponential(s)
                        risk, fresh = 0.0, False
                    else:
                        t = goal if d >= left else t + d
                        xi[:] = new
                        x[:] = y
                        k1[:] = k4
                        risk = after
        if code != SUCCESS:
            out[row, q:] = np.nan
        status[row] = code
        if code != INTERRUPTED:
            finished += 1
            signals.done[0] += 1
    return finished + 0 * memory.size  # used through its addresses alone: keep it alive until here
