"""The driver of the direct method for large networks: a sum tree finds the reaction, and only what changed is computed.

A model is one function ``fire(lane, y, p, a)`` (`symdyn.codegen.fire` writes it).  ``lane`` holds the number of what to do,
the remainder of the threshold in the chosen leaf, and random numbers of bursts; ``y`` holds the states and the model's own
rows.  The function changes the states y and those propensities in ``a`` that depend on them; a negative number
computes all of them.  The propensities are the leaves of a binary tree of sums.  A sum is always the sum of its two children,
so that rounding errors do not accumulate, and a reaction is found and sums are updated in O(log R).

Leaves of reactions whose rates depend on time are bounds of their propensities up to the end of a window, and the leaf found
is a candidate of thinning: the remainder of the threshold is uniform on [0, bound), and the reaction fires where it is below
the propensity at that time.  Where the window ends, all these leaves are computed anew; so they are where too many
candidates were refused, for half of the window.  As that depends on the past alone, the process is exact.

Triggers of events are evaluated by ``fire`` after the reactions that may change them, and by this driver at the moments at
which time alone changes them.  A delayed reaction waits in a heap for its completion, and no time step goes beyond the first of
these, nor beyond a time that is known of an event: as waiting times have no memory, the process is exact (Cai, Journal of
Chemical Physics 126 (2007) 124108).  `QUEUED` says whether there are events or delayed reactions: the driver of networks
without them does not know them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.arguments.events import INITIAL, PERSISTENT
from symdyn_kernels.arguments.jump import LargeJumpArguments, TablePlaces
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.draws import DRAWS, draw_eight
from symdyn_kernels.event_memory import event_memory, output_size, release
from symdyn_kernels.events import forget_events, happen, next_moment
from symdyn_kernels.lanes import ROWS, TNEW, Output, arrays, put
from symdyn_kernels.molecules import impossible
from symdyn_kernels.options import HELPER
from symdyn_kernels.output import padded
from symdyn_kernels.shared.streams import open_stream
from symdyn_kernels.shared.sums import find
from symdyn_kernels.simd import WIDTH, call, ld, st
from symdyn_kernels.status import (
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
#: Candidates that may be refused in a window: so many, and one for each so many leaves that have to be computed anew.
REFUSED, LEAVES = 4, 4
#: Windows below this part of the time (or of 1) end the trajectory with a failure: the propensity is infinite there.
SHORTEST = 1e-13


class LargeNetwork(NamedTuple):
    """A model and the arrays of its function.

    Attributes
    ----------
    fire, lane, y, p, a : int
        Addresses of its function, and of what this one is given.
    reactions : int
    places : TablePlaces
    """

    fire: int
    lane: int
    y: int
    p: int
    a: int
    reactions: int
    places: TablePlaces


class Sums(NamedTuple):
    """The tree of sums, and which propensities depend on what.

    Attributes
    ----------
    starts, dependents : int64 arrays
        As of `LargeJump`.
    tree : (2 leaves,) float64
        Node i is the sum of nodes 2 i and 2 i + 1; propensities come from `leaves` on.
    leaves : int
    nodes : int64 array
        Scratch memory.
    """

    starts: np.ndarray
    dependents: np.ndarray
    tree: np.ndarray
    leaves: int
    nodes: np.ndarray


@njit(error_model="numpy")
def _judge(x):
    """The status of a propensity, or of a sum of them."""
    if 0.0 <= x < np.inf:
        return SUCCESS
    return NEGATIVE if x < 0.0 else NOT_FINITE


@njit(error_model="numpy")
def _build(network, sums):
    """All sums; returns a status."""
    a, R, tree, leaves = network.a, network.reactions, sums.tree, sums.leaves
    code = SUCCESS
    for k in range(R):
        x = ld(a, k)
        code = max(code, _judge(x))
        tree[leaves + k] = x
    for i in range(leaves - 1, 0, -1):
        tree[i] = tree[2 * i] + tree[2 * i + 1]
    return max(code, _judge(tree[1]))


@njit(error_model="numpy")
def _mend(a, number, sums):
    """The leaves of the dependents of a number, then level by level the sums above them, each once; returns a status."""
    starts, dependents, tree, leaves, nodes = sums
    begin, end = starts[number], starts[number + 1]
    code, count, last = SUCCESS, 0, -1
    for q in range(begin, end):
        k = dependents[q]
        x = ld(a, k)
        code = max(code, _judge(x))
        tree[leaves + k] = x
        parent = (leaves + k) >> 1
        if parent != last:
            nodes[count] = last = parent
            count += 1
    level = leaves >> 1
    while level > 0:
        above, last = 0, -1
        for q in range(count):
            i = nodes[q]
            tree[i] = tree[2 * i] + tree[2 * i + 1]
            if i >> 1 != last:
                nodes[above] = last = i >> 1
                above += 1
        count, level = above, level >> 1
    return max(code, _judge(tree[1]))


@njit(error_model="numpy")
def _hold(k, j, last, y, n, times, out):
    """Write the states at the outputs from `j` on that are before the time `last`; returns the next output."""
    while j < times.size and times[j] < last:
        for i in range(n):
            out[k, j, i] = ld(y, i)
        j += 1
    return j


@njit(error_model="numpy")
def _tell(network, number):
    """Call the model's function with a number."""
    st(network.lane, 0, float(number))
    call(network.fire, network.lane, network.y, network.p, network.a)


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
    _tell(network, network.reactions + 1)
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
    _tell(network, -1)
    if ld(y, network.places.wrong) > 0.5:
        return impossible(0, 1, n, y)
    return code if code != SUCCESS else _build(network, sums)


@njit(error_model="numpy")
def _fallen(network, events, memory, k):
    """Drop what waits, and does not persist, of conditions that have turned false; returns when something is next due."""
    for e in range(events.flags.size):
        if memory.held[0, e] != 0 and not events.flags[e] & PERSISTENT and ld(network.y, network.places.held + e) < 0.5:
            release(events, memory, 0, e)
    return next_moment(events, memory, 0, k)


@njit(error_model="numpy")
def _push(when, what, size, at, number):
    """Add a completion to a heap of `size` of them, the earliest first."""
    q = size
    while q > 0 and when[(q - 1) >> 1] > at:
        when[q], what[q] = when[(q - 1) >> 1], what[(q - 1) >> 1]
        q = (q - 1) >> 1
    when[q], what[q] = at, number


@njit(error_model="numpy")
def _pop(when, what, size):
    """Remove the earliest of `size` completions; returns its number."""
    first, at, number = what[0], when[size - 1], what[size - 1]
    q = 0
    while 2 * q + 1 < size - 1:
        below = 2 * q + 1
        if below + 1 < size - 1 and when[below + 1] < when[below]:
            below += 1
        if when[below] >= at:
            break
        when[q], what[q] = when[below], what[below]
        q = below
    when[q], what[q] = at, number
    return first


@njit(error_model="numpy")
def _renewed(array):
    """Twice as much room."""
    wider = np.empty(2 * array.size, array.dtype)
    wider[: array.size] = array
    return wider


@njit(error_model="numpy")
def _renew(t, window, network, sums):
    """Bounds over a window that begins now; returns its length, which is less where they were infinite, and a status."""
    number = network.reactions
    while True:
        st(network.y, network.places.ends, t + window)
        _tell(network, number)
        code = _mend(network.a, number, sums)
        if code != NOT_FINITE or window <= SHORTEST * max(abs(t), 1.0):
            return window, code
        window *= 0.125


@njit(signature(LargeJumpArguments), **HELPER)
def chunk(arguments):
    """Run all trajectories of `arguments`, a `LargeJump`; returns how many reached the last time."""
    fire, places, R, rows, starts, dependents, delayed, events, given, bursts, seed, max_steps, batch, run, signals = arguments
    Y0, P, times, streams, _ = batch
    out, status, steps, rejected, passage = run.values, run.status, run.steps, run.rejected, run.passage
    n, npar, size = Y0.shape[1], P.shape[1], DRAWS + bursts.size
    now, ends, soonest, stops, turned, wrong, fired, rate, delay, _, _, held, holds = places
    thinning = ends >= 0
    leaves = 2
    while leaves < R:
        leaves *= 2
    tree = np.zeros(2 * leaves)
    most = 1
    for r in range(starts.size - 1):
        most = max(most, starts[r + 1] - starts[r])
    nodes = np.empty(most, np.int64)
    refused = REFUSED + (starts[R + 1] - starts[R]) // LEAVES
    end = times[-1] + 1e-6 * (times[-1] - times[0])  # a little beyond the last time, so that the time passes it
    length = rows + npar + R + size * WIDTH + (1 + bursts.size) * WIDTH + LANE + bursts.size + 8
    buffer = np.zeros(length + (given.shape[1] + ROWS * WIDTH + output_size(events, 1) + 3 * WIDTH if QUEUED else 0))
    y = (buffer.ctypes.data + 63) // 64 * 64
    p = y + 8 * rows
    a = p + 8 * npar
    records = a + 8 * R
    work = records + 8 * size * WIDTH
    lane = work + 8 * (1 + bursts.size) * WIDTH
    network = LargeNetwork(fire, lane, y, p, a, R, places)
    sums = Sums(starts, dependents, tree, leaves, nodes)
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
        j, t, window, made, tries, misses, place = 1, times[0], end - times[0], 0, 0, 0, WIDTH
        border = np.inf
        st(y, now, t)
        if thinning:
            border = t + window
            st(y, ends, border)
        if QUEUED:
            pending = 0
            for i in range(given.shape[1]):
                st(own, i, given[k, i])
            _set_inputs(network, own, given.shape[1])
        _tell(network, -1)
        code = _build(network, sums)
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
            if thinning and code == NOT_FINITE:
                window, code = _renew(t, 0.125 * window, network, sums)
                border, misses = t + window, 0
            if code != SUCCESS:
                break
            if place == WIDTH:
                if signals.stop[0] != 0:
                    code = INTERRUPTED
                    break
                s = draw_eight(s, records, size, work, p, bursts)
                place = 0
            record = place * size
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
                if border == limit:
                    if 4 * misses < refused:
                        window *= 2.0
                    window, code = _renew(t, min(window, end - t), network, sums)
                    border, misses = t + window, 0
                if QUEUED:
                    acts = crossing == limit or moment == limit
                    if pending > 0 and when[0] == limit:
                        number = _pop(when, what, pending)
                        pending -= 1
                        for b in range(bursts.size):
                            st(lane, LANE + b, ld(records, record + DRAWS + b))
                        _tell(network, R + 2 + number)
                        code = max(code, _mend(a, R + 1 + number, sums))
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
                    _tell(network, R + 1)
            else:
                reaction, rest = find(ld(records, record + 1) * total, tree, leaves)
                st(lane, 1, rest)
                for b in range(bursts.size):
                    st(lane, LANE + b, ld(records, record + DRAWS + b))
                if thinning:
                    st(y, fired, 1.0)
                if QUEUED and delayed.numbers[reaction] >= 0:
                    _tell(network, R + 2 + C + delayed.numbers[reaction])
                _tell(network, reaction)
                if thinning and ld(y, fired) < 0.5:
                    code = _judge(ld(y, rate))
                    if code != SUCCESS:
                        break
                    misses += 1
                    if misses >= refused and window > SHORTEST * max(abs(t), 1.0):
                        window, code = _renew(t, 0.5 * window, network, sums)
                        border, misses = t + window, 0
                    continue
                made += 1
                code = _mend(a, reaction, sums)
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
                            _push(when, what, pending, t + lag, delayed.numbers[reaction])
                            pending += 1
                    if fragile:
                        moment = _fallen(network, events, memory, k)
                    if ld(y, turned) > 0.5 and _goes_on(code, thinning):
                        due[0] = j
                        code = _act(network, sums, n, k, t, events, memory, lanes, own, given.shape[1], output, run.aside)
                        moment = next_moment(events, memory, 0, k)
            if ld(y, stops) > 0.5 and ld(y, wrong) < 0.5:
                code, passage[k] = SUCCESS, t
                j = _hold(k, j, np.inf, y, n, times, out)
        steps[k], rejected[k], status[k] = made, tries - made, code
        if code != SUCCESS:
            out[k, j:] = np.nan
        if code != INTERRUPTED:
            ended += 1
            signals.done[0] += 1
    return ended + 0 * buffer.size  # the buffer is used through its address alone: keep it alive until here
