"""The driver of the rejection method for large networks: a tree of bounds finds candidates, and few events change a bound.

Reactions of mass action are data.  Of the others a model is one function ``fire(lane, y, p, a)`` (`symdyn.codegen.fire` writes
it).  ``lane`` holds the number of what to do,
the remainder of the threshold in the chosen leaf, and random numbers of bursts; ``y`` holds the states and the model's own
rows.  Each species has a box in ``y``, the numbers for which the bounds in ``a`` of the propensities that read it hold; they
are computed anew where it has left the box.  The bounds are the leaves of a binary tree of sums.  A sum is always the sum of
its two children, so that rounding errors do not accumulate, and a leaf is found and sums are updated in O(log R).

The leaf found is a candidate of thinning: the remainder of the threshold is uniform on [0, bound), and the reaction fires
where it is below the propensity at the present states.  Between two changes of bounds, candidates depend on random numbers
alone: those of eight are looked up together, which hides the time that each takes to pass down the tree, and those that a
change overtakes are looked up again with the same random numbers.  A box depends on the past alone, so the process is exact
(Thanh, Priami & Zunino, Journal of Chemical Physics 141 (2014) 134116).

Where a bound is infinite or a propensity may be negative in a box, the boxes of its species shrink to their numbers, and only
what is wrong at the states themselves fails.

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
from symdyn_kernels.options import HELPER, INLINE, INNER
from symdyn_kernels.output import padded
from symdyn_kernels.shared.streams import open_stream
from symdyn_kernels.shared.sums import descend, half_width
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
#: Reactants and changes of a reaction that is data; its entries.
REACTANTS, CHANGES = 3, 4
ENTRIES = 1 + 2 * REACTANTS + 2 * CHANGES
#: Candidates after a change of bounds from which on eight are looked up together: where few molecules react, the next change
#: overtakes them.
CALM = 3
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
    reactions, species, first : int
        Of the functions that bound what reads a species, `first` is the number of the first.
    places : TablePlaces
    """

    fire: int
    lane: int
    y: int
    p: int
    a: int
    reactions: int
    species: int
    first: int
    places: TablePlaces


class Sums(NamedTuple):
    """The tree of sums, and which propensities depend on what.

    Attributes
    ----------
    starts, dependents, called, fixed, data : int64 arrays
        As of `LargeJump`; `fixed` is its `exact`.
    weights : (R,) float64
        Coefficients of the reactions that are data.
    exact : int64 array
        Which species have boxes of one number, in the present trajectory.
    tree : (2 leaves,) float64
        Node i is the sum of nodes 2 i and 2 i + 1; propensities come from `leaves` on.
    leaves : int
    nodes : int64 array
        Scratch memory.
    """

    starts: np.ndarray
    dependents: np.ndarray
    called: np.ndarray
    fixed: np.ndarray
    data: np.ndarray
    weights: np.ndarray
    exact: np.ndarray
    tree: np.ndarray
    leaves: int
    nodes: np.ndarray


@njit(**INNER)
def _judge(x):
    """The status of a propensity, or of a sum of them."""
    if 0.0 <= x < np.inf:
        return SUCCESS
    return NEGATIVE if x < 0.0 else NOT_FINITE


@njit(**INLINE)
def _rate(y, base, sums, reaction):
    """The propensity of a reaction that is data, of the numbers at ``y[base:]``."""
    data, place = sums.data, ENTRIES * reaction
    product = ld(y, base + data[place + 1]) - data[place + 2]
    product *= ld(y, base + data[place + 3]) - data[place + 4]
    product *= ld(y, base + data[place + 5]) - data[place + 6]
    return product * sums.weights[reaction]


@njit(**INLINE)
def _bound(network, sums, reaction):
    """The bound of a propensity."""
    if sums.data[ENTRIES * reaction] != 0:
        return _rate(network.y, network.places.boxes + network.species + 1, sums, reaction)
    return ld(network.a, reaction)


@njit(**INNER)
def _build(network, sums):
    """All sums; returns a status."""
    R, tree, leaves = network.reactions, sums.tree, sums.leaves
    code = SUCCESS
    for k in range(R):
        x = _bound(network, sums, k)
        code = max(code, _judge(x))
        tree[leaves + k] = x
    for i in range(leaves - 1, 0, -1):
        tree[i] = tree[2 * i] + tree[2 * i + 1]
    return max(code, _judge(tree[1]))


@njit(**INNER)
def _leaves(network, row, sums, count):
    """The leaves of a row of the dependents; returns a status, and how many nodes are listed with those above them.

    Nodes are listed from ``nodes[count]`` on.
    """
    starts, dependents, tree, leaves, nodes = sums.starts, sums.dependents, sums.tree, sums.leaves, sums.nodes
    code, last = SUCCESS, 0
    for q in range(starts[row], starts[row + 1]):
        k = dependents[q]
        x = _bound(network, sums, k)
        code = max(code, _judge(x))
        tree[leaves + k] = x
        parent = (leaves + k) >> 1
        if parent != last:
            nodes[count] = last = parent
            count += 1
    return code, count


@njit(**INNER)
def _climb(sums, count):
    """Level by level the sums above so many nodes."""
    tree, nodes = sums.tree, sums.nodes
    level = sums.leaves >> 1
    while level > 0:
        above, last = 0, 0
        for q in range(count):
            i = nodes[q]
            tree[i] = tree[2 * i] + tree[2 * i + 1]
            if i >> 1 != last:
                nodes[above] = last = i >> 1
                above += 1
        count, level = above, level >> 1


@njit(**INNER)
def _mend(network, row, sums):
    """The leaves of a row of the dependents, and the sums above them; returns a status."""
    code, count = _leaves(network, row, sums, 0)
    _climb(sums, count)
    return code


@njit(**INNER)
def _tell(network, number):
    """Call the model's function with a number."""
    st(network.lane, 0, float(number))
    call(network.fire, network.lane, network.y, network.p, network.a)


@njit(**INNER)
def _enclose(network, s, sums):
    """Put a box around the number of a species; it is without end where no propensity reads the species."""
    x = ld(network.y, s)
    width = half_width(x) if sums.exact[s] == 0 else 0.0
    if sums.starts[s] == sums.starts[s + 1]:
        width = np.inf
    st(network.y, network.places.boxes + s, x - width)
    st(network.y, network.places.boxes + network.species + 1 + s, x + width)
    if sums.called[s] != 0:
        _tell(network, network.first + s)


@njit(**INNER)
def _rebound(network, s, sums, count):
    """A new box of a species and the leaves of what reads it, of which `_climb` has to hear; results as of `_leaves`."""
    _enclose(network, s, sums)
    code, above = _leaves(network, s, sums, count)
    if code != SUCCESS and sums.exact[s] == 0:
        sums.exact[s] = 1
        _enclose(network, s, sums)
        code, above = _leaves(network, s, sums, count)
    return code, above


@njit(**INNER)
def _rebound_all(network, sums):
    """Each box as wide as bounds that are not wrong allow; returns the status of all bounds.

    All boxes become numbers, then each is widened again unless that makes a bound wrong.
    """
    for _ in range(2):  # of the second time, every bound is of boxes that are numbers
        for s in range(network.species):
            sums.exact[s] = 1
            _enclose(network, s, sums)
    _build(network, sums)
    for s in range(network.species):
        sums.exact[s] = sums.fixed[s]
        _rebound(network, s, sums, 0)
    return _build(network, sums)


@njit(**INNER)
def _begin(network, sums):
    """Boxes and everything that the model computes, at states that anything may have changed; returns a status."""
    for s in range(network.species):
        _enclose(network, s, sums)
    st(network.y, network.places.left, 0.0)
    _tell(network, -1)
    code = _build(network, sums)
    return code if code == SUCCESS else _rebound_all(network, sums)


@njit(**INNER)
def _follow(network, row, changes, changed, sums):
    """New bounds after the reaction or completion `row` has moved species out of their boxes; returns a status."""
    y, low = network.y, network.places.boxes
    high, code, count = low + network.species + 1, SUCCESS, 0
    st(y, network.places.left, 0.0)
    for q in range(changes[row], changes[row + 1]):
        s = changed[q]
        if not ld(y, low + s) <= ld(y, s) <= ld(y, high + s):
            wrong, count = _rebound(network, s, sums, count)
            code = max(code, wrong)
    _climb(sums, count)
    return max(code if code == SUCCESS else _rebound_all(network, sums), _judge(sums.tree[1]))


@njit(**INLINE)
def _fire(network, reaction, sums):
    """Change the numbers of molecules by a reaction that is data; returns whether a species has left its box."""
    y, low, place = network.y, network.places.boxes, ENTRIES * reaction + 1 + 2 * REACTANTS
    high, data, left = low + network.species + 1, sums.data, False
    for _ in range(CHANGES):
        i = data[place]
        x = ld(y, i) + data[place + 1]
        st(y, i, x)
        left |= (x < ld(y, low + i)) | (x > ld(y, high + i))
        place += 2
    return left


@njit(**INLINE)
def _look_up_one(records, size, place, sums, chosen, rests):
    """What `_look_up` finds for one of the records."""
    node, rest = 1, ld(records, place * size + 1) * sums.tree[1]
    while node < sums.leaves:
        node, rest = descend(node, rest, sums.tree)
    chosen[place], rests[place] = min(node - sums.leaves, sums.weights.size - 1), rest


@njit(**INLINE)
def _look_up(records, size, sums, chosen, rests):
    """The leaves that eight records choose, and the remainders of the thresholds in them.

    Rounding may lead to a leaf that is 0, which is refused, or beyond the last, which then is the candidate.
    """
    tree, leaves, last = sums.tree, sums.leaves, sums.weights.size - 1
    for i in range(WIDTH):
        chosen[i], rests[i] = 1, ld(records, i * size + 1) * tree[1]
    level = 1
    while level < leaves:
        for i in range(WIDTH):
            chosen[i], rests[i] = descend(chosen[i], rests[i], tree)
        level *= 2
    for i in range(WIDTH):
        chosen[i] = min(chosen[i] - leaves, last)


@njit(error_model="numpy")
def _hold(k, j, last, y, n, times, out):
    """Write the states at the outputs from `j` on that are before the time `last`; returns the next output."""
    while j < times.size and times[j] < last:
        for i in range(n):
            out[k, j, i] = ld(y, i)
        j += 1
    return j


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
    made = _begin(network, sums)
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


@njit(**INNER)
def _renew(t, window, network, sums):
    """Bounds over a window that begins now; returns its length, which is less where they were infinite, and a status."""
    while True:
        st(network.y, network.places.ends, t + window)
        _tell(network, network.reactions)
        code = max(_mend(network, network.species, sums), _judge(sums.tree[1]))
        if code != NOT_FINITE or window <= SHORTEST * max(abs(t), 1.0):
            return window, code
        window *= 0.125


@njit(signature(LargeJumpArguments), **HELPER)
def chunk(arguments):
    """Run all trajectories of `arguments`, a `LargeJump`; returns how many reached the last time."""
    fire, places, R, rows, starts, dependents, changes, changed, fixed, called, data, coefficients, numbers = arguments[:13]
    delayed, events, given, bursts, seed, max_steps, batch, run, signals = arguments[13:]
    Y0, P, times, streams, _ = batch
    out, status, steps, rejected, passage = run.values, run.status, run.steps, run.rejected, run.passage
    n, npar, size = Y0.shape[1], P.shape[1], DRAWS + bursts.size
    one, now, ends, soonest, stops, turned, wrong, fired, rate, left, delay, _, _, boxes, held, holds = places
    thinning = ends >= 0
    leaves = 2
    while leaves < R:
        leaves *= 2
    tree = np.zeros(2 * leaves)
    most = starts[n + 1] - starts[n]
    for r in range(changes.size - 1):
        count = 0
        for q in range(changes[r], changes[r + 1]):
            count += starts[changed[q] + 1] - starts[changed[q]]
        most = max(most, count)
    for r in range(n):
        most = max(most, starts[r + 1] - starts[r])
    nodes = np.empty(most, np.int64)
    refused = REFUSED + (starts[n + 1] - starts[n]) // LEAVES
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
    sums = Sums(starts, dependents, called, fixed, data, weights, fixed.copy(), tree, leaves, nodes)
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
        code = _begin(network, sums)
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
                    _look_up_one(records, size, place, sums, chosen, rests)
                    known += 1
                else:
                    _look_up(records, size, sums, chosen, rests)
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
                        number = _pop(when, what, pending)
                        pending -= 1
                        for b in range(bursts.size):
                            st(lane, LANE + b, ld(records, record + DRAWS + b))
                        _tell(network, R + 2 + number)
                        if ld(y, left) > 0.5:
                            code = max(code, _follow(network, R + number, changes, changed, sums))
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
            elif data[ENTRIES * reaction] != 0:
                if rest < _rate(y, 0, sums, reaction):
                    made += 1
                    if _fire(network, reaction, sums):
                        code, stale = _follow(network, reaction, changes, changed, sums), True
                continue
            else:
                st(lane, 1, rest)
                for b in range(bursts.size):
                    st(lane, LANE + b, ld(records, record + DRAWS + b))
                if QUEUED and delayed.numbers[reaction] >= 0:
                    _tell(network, R + 2 + C + delayed.numbers[reaction])
                _tell(network, reaction)
                if ld(y, fired) < 0.5:
                    code = _judge(ld(y, rate))
                    if code != SUCCESS:
                        break
                    if thinning and ld(y, fired) < -0.5:
                        misses += 1
                        if misses >= refused and window > SHORTEST * max(abs(t), 1.0):
                            window, code = _renew(t, 0.5 * window, network, sums)
                            border, misses, stale = t + window, 0, True
                    continue
                made += 1
                if ld(y, left) > 0.5:
                    code, stale = _follow(network, reaction, changes, changed, sums), True
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
                        due[0], stale = j, True
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
