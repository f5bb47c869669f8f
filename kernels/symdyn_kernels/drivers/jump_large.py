"""The driver of the rejection method for large networks: a tree of bounds finds candidates, and few events change a bound.

Reactions of mass action are data.  Of the others a model is one function ``fire(lane, y, p, a)`` (`symdyn.codegen.fire` writes
it).  ``lane`` holds the number of what to do, the remainder of the threshold in the chosen leaf, and random numbers of bursts;
``y`` the states and the model's own rows; ``a`` the bounds (`symdyn_kernels.rejection`).

Reactions that share a reactant may have sums of their own (`symdyn_kernels.rejection`), of which the tree has one leaf.

Between two changes of bounds, candidates depend on random numbers alone: those of eight are looked up together, which hides the
time that each takes to pass down the tree, and those that a change overtakes are looked up again with the same random numbers.

Leaves of reactions whose rates depend on time are bounds of their propensities up to the end of a window at the present
states.  Where the window ends, all these leaves are computed anew; so they are where too many of these candidates were refused,
for half of the window.  As that depends on the past alone, the process is exact.

Triggers of events are evaluated by ``fire`` after the reactions that may change them, and by this driver at the moments at
which time alone changes them.  A delayed reaction waits in a heap for its completion, and no time step goes beyond the first of
these, nor beyond a time that is known of an event: as waiting times have no memory, the process is exact (Cai, Journal of
Chemical Physics 126 (2007) 124108).  `QUEUED` says whether there are events or delayed reactions: the driver of networks
without them does not know them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.events import INITIAL, PERSISTENT
from symdyn_kernels.arguments.jump import LargeJumpArguments
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.constants.windows import MOST_REFUSED, PER_REFUSED, SHORTEST_WINDOW
from symdyn_kernels.draws import DRAWS, draw_eight
from symdyn_kernels.event_memory import event_memory, output_size, release
from symdyn_kernels.events import forget_events, happen, next_moment
from symdyn_kernels.lanes import ROWS, TNEW, Output, arrays, put
from symdyn_kernels.molecules import impossible
from symdyn_kernels.options import HELPER, INNER
from symdyn_kernels.output import padded
from symdyn_kernels.rejection import (
    DATA,
    ENTRIES,
    LargeNetwork,
    Sums,
    begin,
    bound_of,
    bounded,
    follow,
    look_up,
    look_up_one,
    mend,
    propensity,
    react,
    tell,
)
from symdyn_kernels.shared.heap import pop, push
from symdyn_kernels.shared.streams import open_stream
from symdyn_kernels.shared.sums import above, judge
from symdyn_kernels.simd import WIDTH, call, ld, st
from symdyn_kernels.status import (
    ABOVE_BOUND,
    BAD_DELAY,
    INTERRUPTED,
    MOST_PENDING,
    NEGATIVE,
    NOT_FINITE,
    SUCCESS,
    TOO_MANY_PENDING,
    TOO_MANY_STEPS,
)

__all__ = ["chunk"]

QUEUED = False  # whether there are events or delayed reactions
#: Delayed reactions under way for which there is room at first.
PENDING = 256
#: Numbers of `lane` before those of bursts.
LANE = 2
#: Candidates after a change of bounds from which on eight are looked up together: where few molecules react, the next change
#: overtakes them.
CALM = 3


@njit(error_model="numpy")
def _hold(k, j, last, y, n, times, out):
    """Write the states at the outputs from `j` on that are before the time `last`; returns the next output."""
    while j < times.size and times[j] < last:
        for i in range(n):
            out[k, j, i] = ld(y, i)
        j += 1
    return j


@njit(error_model="numpy")
def _renewed(array):
    """Twice as much room."""
    wider = np.empty(2 * array.size, array.dtype)
    wider[: array.size] = array
    return wider


@njit(error_model="numpy")
def _goes_on(code, thinning):
    """Whether the trajectory goes on; infinite bounds are those of a window that is too long."""
    return code == SUCCESS or (thinning and code == NOT_FINITE)


@njit(error_model="numpy")
def _set_inputs(network, given, size):
    """Copy the coefficients of inputs from the parameters of the model, of which they are the last."""
    count = network.places.coefficients
    for r in range(count):
        st(network.y, network.places.inputs + r, ld(given, size - count + r))


@njit(error_model="numpy")
def _act(network, sums, n, k, t, events, memory, lanes, given, size, output, aside):
    """Let happen what is due, and what follows from conditions that have turned true; returns a status.

    All propensities are computed anew, as events may change any species.
    """
    y, held, holds = network.y, network.places.held, network.places.holds
    tell(network, network.reactions + 1)
    put(lanes[TNEW], 0, t, 1)
    if events.triggers != 0:
        call(events.triggers, lanes[TNEW], y, given, memory.margins)
    for e in range(events.flags.size):
        before, now = ld(y, held + e) > 0.5, ld(y, holds + e) > 0.5
        if memory.held[0, e] != 0 and not (before and now):
            release(events, memory, 0, e)
        memory.held[0, e] = before and now
        memory.chosen[0, e] = now and not before
        memory.level[0, e] = min(ld(memory.margins, e), 0.0) if now else 0.0  # true up to rounding
    code = happen(events, memory, 0, k, y, n, 1, given, lanes, output, aside)
    for e in range(events.flags.size):
        st(y, held + e, float(memory.held[0, e]))
    _set_inputs(network, given, size)
    made = begin(network, sums)
    if ld(y, network.places.wrong) > 0.5:
        return impossible(0, 1, n, y)
    return code if code != SUCCESS else made


@njit(error_model="numpy")
def _fallen(network, events, memory, k):
    """Drop what waits, and does not persist, of conditions that have turned false; returns when something is next due."""
    for e in range(events.flags.size):
        if memory.held[0, e] != 0 and not events.flags[e] & PERSISTENT and ld(network.y, network.places.held + e) < 0.5:
            release(events, memory, 0, e)
    return next_moment(events, memory, 0, k)


@njit(**INNER)
def _renew(t, window, network, sums):
    """Bounds over a window that begins now; returns its length, which is less where they were infinite, and a status."""
    while True:
        st(network.y, network.places.ends, t + window)
        tell(network, network.reactions)
        code = max(mend(network, network.species, sums), judge(sums.tree[1]))
        if code != NOT_FINITE or window <= SHORTEST_WINDOW * max(abs(t), 1.0):
            return window, code
        window *= 0.125


@njit(signature(LargeJumpArguments), **HELPER)
def chunk(arguments):
    """Run all trajectories of `arguments`, a `LargeJump`; returns how many reached the last time."""
    fire, places, R, rows, starts, dependents, changes, changed, fixed, called, data, coefficients, numbers = arguments[:13]
    groups, delayed, events, given, bursts, seed, max_steps, batch, run, signals = arguments[13:]
    Y0, P, times, streams, _ = batch
    out, status, steps, rejected, passage = run.values, run.status, run.steps, run.rejected, run.passage
    n, npar, size = Y0.shape[1], P.shape[1], DRAWS + bursts.size
    one, now, ends, soonest, stops, turned, wrong, fired, rate, left, delay, _, _, boxes, held, holds = places
    thinning = ends >= 0
    units = groups.firsts[0]
    leaves = 2
    while leaves < units + groups.hubs.size:
        leaves *= 2
    tree, inner = np.zeros(2 * leaves), np.zeros(2 * groups.leaves)
    refused = MOST_REFUSED + (starts[n + 1] - starts[n]) // PER_REFUSED
    end = times[-1] + 1e-6 * (times[-1] - times[0])  # a little beyond the last time, so that the time passes it
    length = rows + npar + R + size * WIDTH + (1 + bursts.size) * WIDTH + LANE + bursts.size + 8
    buffer = np.zeros(length + (given.shape[1] + ROWS * WIDTH + output_size(events, 1) + 3 * WIDTH if QUEUED else 0))
    y = (buffer.ctypes.data + 63) // 64 * 64
    p = y + 8 * rows
    a = p + 8 * npar
    records = a + 8 * R
    work = records + 8 * size * WIDTH
    lane = work + 8 * (1 + bursts.size) * WIDTH
    network = LargeNetwork(fire, lane, y, p, a, R, n, R + 2 + 2 * delayed.emptied.size, places)
    weights = np.zeros(R)
    bounds = np.empty(WIDTH)
    sums = Sums(starts, dependents, called, fixed, data, groups, weights, fixed.copy(), tree, leaves, units, inner, bounds)
    for i in (one, boxes + n, boxes + 2 * n + 1):  # the number that is 1, and its box
        st(y, i, 1.0)
    chosen, rests = np.empty(WIDTH, np.int64), np.empty(WIDTH)
    if QUEUED:
        E, C = events.flags.size, delayed.emptied.size
        own = lane + 8 * (LANE + bursts.size)
        lanes = arrays((own + 8 * given.shape[1] + 63) // 64 * 64, WIDTH)
        memory = event_memory(events, 1, lanes[0] + 8 * ROWS * WIDTH, 0)
        due, who = np.ones(1, np.int64), np.zeros(1, np.int64)
        output = Output(padded(times), out, np.zeros((1, 1), np.int64), due, who)
        when, what = np.empty(PENDING), np.empty(PENDING, np.int64)
        pending, fragile = 0, False
        for e in range(E):
            fragile |= not events.flags[e] & PERSISTENT
    ended = 0
    for k in range(status.size):
        if signals.stop[0] != 0:
            status[k] = INTERRUPTED
            out[k, :] = np.nan
            continue
        s = open_stream(seed, streams[k])
        for i in range(n):
            st(y, i, Y0[k, i])
            out[k, 0, i] = Y0[k, i]
        for i in range(npar):
            st(p, i, P[k, i])
        for r in range(R):
            row = coefficients[r]
            weights[r] = P[k, row] if row >= 0 and data[ENTRIES * r] != 0 else numbers[-1 - row] if row < 0 else 0.0
        j, t, window, made, tries, misses, place = 1, times[0], end - times[0], 0, 0, 0, WIDTH
        border, stale, calm, known = np.inf, True, 0, WIDTH
        sums.exact[:] = fixed
        st(y, now, t)
        if thinning:
            border = t + window
            st(y, ends, border)
        if QUEUED:
            pending = 0
            for i in range(given.shape[1]):
                st(own, i, given[k, i])
            _set_inputs(network, own, given.shape[1])
        code = begin(network, sums)
        if QUEUED:
            for e in range(E):
                known = events.flags[e] & INITIAL and ld(y, holds + e) > 0.5
                memory.held[0, e] = known
                st(y, held + e, float(known))
            forget_events(memory, np.int64(0))
            if E > 0 and _goes_on(code, thinning):
                due[0] = 1
                code = _act(network, sums, n, k, t, events, memory, lanes, own, given.shape[1], output, run.aside)
            moment = next_moment(events, memory, 0, k)
            if _goes_on(code, thinning) and ld(y, stops) > 0.5:  # by what events have done at the first time
                code, passage[k] = SUCCESS, t
                j = _hold(k, j, np.inf, y, n, times, out)
        while j < times.size:
            if thinning and code == NOT_FINITE and window > SHORTEST_WINDOW * max(abs(t), 1.0):
                window, code = _renew(t, 0.125 * window, network, sums)
                border, misses, stale = t + window, 0, True
            if code != SUCCESS:
                break
            if place == WIDTH:
                if signals.stop[0] != 0:
                    code = INTERRUPTED
                    break
                s = draw_eight(s, records, size, work, p, bursts)
                place = known = 0
            if stale:
                calm, stale, known = 0, False, place
            if place == known:
                if calm < CALM:
                    look_up_one(records, size, place, network, sums, chosen, rests)
                    known += 1
                else:
                    look_up(records, size, network, sums, chosen, rests)
                    known = WIDTH
            calm += 1
            record, reaction, rest = place * size, chosen[place], rests[place]
            place += 1
            total = tree[1]
            candidate, crossing = t + ld(records, record) / abs(total), ld(y, soonest)  # 0 may be -0.0
            limit = min(border, crossing)
            if QUEUED:
                limit = min(limit, moment)
                if pending > 0:
                    limit = min(limit, when[0])
            t = min(candidate, limit)
            if t > times[j]:
                j = _hold(k, j, t, y, n, times, out)
                if j == times.size:
                    break
            if tries >= max_steps:
                code = TOO_MANY_STEPS
                break
            tries += 1
            st(y, now, t)
            if candidate >= limit:  # no reaction before the window ends, or before time alone changes a condition
                stale = True
                if border == limit:
                    if 4 * misses < refused:
                        window *= 2.0
                    window, code = _renew(t, min(window, end - t), network, sums)
                    border, misses = t + window, 0
                if QUEUED:
                    acts = crossing == limit or moment == limit
                    if pending > 0 and when[0] == limit:
                        number = pop(when, what, pending)
                        pending -= 1
                        for b in range(bursts.size):
                            st(lane, LANE + b, ld(records, record + DRAWS + b))
                        tell(network, R + 2 + number)
                        if ld(y, left) > 0.5:
                            code = max(code, follow(network, R + number, changes, changed, sums))
                        made += 1
                        if delayed.emptied[number]:
                            for i in range(n):
                                if ld(y, i) < 0.0:  # wherever the trajectory ends
                                    code = NEGATIVE
                                    st(y, wrong, 1.0)
                        acts |= ld(y, turned) > 0.5
                        if fragile:
                            moment = _fallen(network, events, memory, k)
                    if acts and _goes_on(code, thinning):
                        due[0] = j
                        code = _act(network, sums, n, k, t, events, memory, lanes, own, given.shape[1], output, run.aside)
                        moment = next_moment(events, memory, 0, k)
                elif crossing == limit:
                    tell(network, R + 1)
            elif data[ENTRIES * reaction] == DATA:
                value = propensity(y, 0, sums, reaction)
                if rest < value:
                    if above(value, bound_of(sums, reaction, place - 1)):
                        code = ABOVE_BOUND
                        break
                    made += 1
                    if react(network, reaction, sums):
                        code, stale = follow(network, reaction, changes, changed, sums), True
                continue
            else:
                st(lane, 1, rest)
                for b in range(bursts.size):
                    st(lane, LANE + b, ld(records, record + DRAWS + b))
                if QUEUED and delayed.numbers[reaction] >= 0:
                    tell(network, R + 2 + C + delayed.numbers[reaction])
                tell(network, reaction)
                if ld(y, fired) < 0.5:
                    code = judge(ld(y, rate))
                    if code != SUCCESS:
                        break
                    if thinning and ld(y, fired) < -0.5:
                        misses += 1
                        if misses >= refused and window > SHORTEST_WINDOW * max(abs(t), 1.0):
                            window, code = _renew(t, 0.5 * window, network, sums)
                            border, misses, stale = t + window, 0, True
                    continue
                if above(ld(y, rate), bound_of(sums, reaction, place - 1)):
                    code = ABOVE_BOUND
                    break
                made += 1
                if ld(y, left) > 0.5:
                    code, stale = follow(network, reaction, changes, changed, sums), True
                if QUEUED:
                    if delayed.numbers[reaction] >= 0:
                        lag = ld(y, delay)
                        if not lag >= 0.0:
                            code = BAD_DELAY
                        elif pending == MOST_PENDING:
                            code = TOO_MANY_PENDING
                        else:
                            if pending == when.size:
                                when, what = _renewed(when), _renewed(what)
                            push(when, what, pending, t + lag, delayed.numbers[reaction])
                            pending += 1
                    if fragile:
                        moment = _fallen(network, events, memory, k)
                    if ld(y, turned) > 0.5 and _goes_on(code, thinning):
                        due[0], stale = j, True
                        code = _act(network, sums, n, k, t, events, memory, lanes, own, given.shape[1], output, run.aside)
                        moment = next_moment(events, memory, 0, k)
            if ld(y, stops) > 0.5 and ld(y, wrong) < 0.5:
                code, passage[k] = SUCCESS, t
                j = _hold(k, j, np.inf, y, n, times, out)
        if code == SUCCESS:
            code = bounded(network, sums)
            if code != SUCCESS:
                j, passage[k] = 1, np.inf  # since when is not known
        steps[k], rejected[k], status[k] = made, tries - made, code
        if code != SUCCESS:
            out[k, j:] = np.nan
        if code != INTERRUPTED:
            ended += 1
            signals.done[0] += 1
    return ended + 0 * buffer.size  # the buffer is used through its address alone: keep it alive until here
