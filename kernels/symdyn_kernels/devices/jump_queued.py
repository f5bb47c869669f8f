"""Exact simulation of networks in which something waits, on a card: delayed reactions, events of every kind, knots of inputs.

The loop of `symdyn_kernels.drivers.jump_large` for one trajectory, with the same candidates of the same random numbers, but
that propensities, bounds and changes of all reactions are computed at once, without branches.  A thread keeps `PENDING` delayed
reactions; more end the trajectory.
"""

from __future__ import annotations

from symdyn_kernels.constants.events import MOST_AT_ONCE, MOST_STILL, STILL
from symdyn_kernels.constants.windows import MOST_REFUSED, PER_REFUSED, SHORTEST_WINDOW
from symdyn_kernels.devices._eventful import EVENTS, INITIAL, KEPT, LOOSE, PRIORITIZED, ROOM, WAITING
from symdyn_kernels.devices._groups import GROUPED, GROUPS, HUBS, INNER, UNITS
from symdyn_kernels.devices._prelude import cuda, i64, math, real64
from symdyn_kernels.devices._queued import (
    BOXES,
    BURSTS,
    CHECKED,
    COEFFICIENTS,
    DELAYED,
    EMPTIED,
    ENDS,
    EVENTFUL,
    FIXED,
    FRAGILE,
    HELD,
    HOISTED,
    HOLDS,
    IN_TIME,
    INPUTS,
    KNOWN,
    LANE,
    LEAVES,
    MEMORY,
    MOVE_STARTS,
    MOVED,
    NODES,
    NOW,
    NUMBERS,
    ONE,
    OWN,
    OWN_ROOM,
    PENDING,
    REACTIONS,
    RESULTS,
    SOONEST,
    SPECIES,
    STOPPED,
    THINNING,
    TIMED,
    TURNED,
    WAITS,
    WRONG,
    assign,
    change_input,
    changes,
    check,
    effects,
    lags,
    rates,
    settle,
    smooth,
    triggers,
)
from symdyn_kernels.devices.boxes import begin_boxes, bounded, follow, outside, renew
from symdyn_kernels.devices.groups import chosen_in, entry
from symdyn_kernels.devices.happenings import (
    BAD,
    begin_count,
    drop,
    next_in_line,
    next_moment,
    note,
    order_word,
    release,
    trigger,
    wait,
)
from symdyn_kernels.devices.holding import hold
from symdyn_kernels.devices.knots import KNOT
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.rows import EVALUATIONS, REJECTED, STATUS, STEPS
from symdyn_kernels.shared.formulas import inverse_poisson
from symdyn_kernels.shared.heap import pop, push
from symdyn_kernels.shared.molecules import judged
from symdyn_kernels.shared.streams import next_exponential, next_uniform, open_stream
from symdyn_kernels.shared.sums import above, descend, judge
from symdyn_kernels.status import (
    ABOVE_BOUND,
    BAD_DELAY,
    ENDLESS_EVENTS,
    NEGATIVE,
    NOT_FINITE,
    SUCCESS,
    TOO_MANY_EVENTS,
    TOO_MANY_PENDING,
    TOO_MANY_STEPS,
)


def goes_on(code):
    """Whether the trajectory goes on; infinite bounds are those of a window that is too long."""
    return code == SUCCESS or (THINNING and code == NOT_FINITE)


def set_inputs(y, own):
    """Copy the coefficients of inputs from the parameters of the model, of which they are the last."""
    for r in range(COEFFICIENTS):
        y[INPUTS + r] = own[OWN - COEFFICIENTS + r]


def move(row, m):
    """Let a reaction or a completion change its species; returns whether one has left its box."""
    changes(m[0], m[1], m[2], m[6])
    y, left = m[1], False
    for q in range(entry(MOVE_STARTS + row), entry(MOVE_STARTS + row + 1)):
        s = entry(MOVED + q)
        y[s] = m[6][q]
        left = left or outside(s, y)
    if CHECKED:
        check(m[0], y, m[2], y)
    return left


def turned(e, t, count, m, own, held, queue, acts, kept):
    """The condition of an event turned true; returns how many events wait."""
    effects((t,), m[1], own, m[6])
    return trigger(e, t, count, m[6], held, queue, acts, kept)


def happen(t, i, k, passed, count, m, own, stops, margins, level, held, queue, acts, kept, aside, word):
    """Let everything happen that is due at `t`; conditions that have just turned true are marked by 2 in `held`.

    Returns how many stops are passed and events wait, how many acted, and a status.
    """
    y, scratch, knots, jumped, last = m[1], m[6], False, False, passed
    for e in range(EVENTS):
        if held[e] == 2:
            count = turned(e, t, count, m, own, held, queue, acts, kept)
    while last < stops.shape[0] and stops[last, 0, k] <= t:
        knots = knots or stops[last, 2, k] <= KNOT
        last += 1
    if knots:
        triggers((t,), y, own, scratch)
        for e in range(EVENTS):
            margins[e] = scratch[e]
    for j in range(passed, last):
        what = i64(stops[j, 2, k])
        if what <= KNOT:
            jumped = jumped or not smooth(KNOT - what)
            change_input(KNOT - what, j, k, stops, own)
        elif what >= 0:
            count = wait(what, stops[j, 0, k], count, scratch, queue, acts, kept)
    if knots:
        for e in range(EVENTS):
            triggers((t,), y, own, scratch)
            now = scratch[e]
            if now != margins[e] and (jumped or KNOWN[e]):
                if now >= 0.0 and held[e] == 0:
                    count = turned(e, t, count, m, own, held, queue, acts, kept)
                elif not now >= 0.0 and held[e] != 0:
                    count = release(e, count, held, queue, acts, kept)
    acted, code, ready = 0, SUCCESS, True
    while count > 0 and ready and code == SUCCESS:
        if count > WAITING:
            code = BAD_DELAY if count >= BAD else TOO_MANY_EVENTS
        else:
            if PRIORITIZED:
                effects((t,), y, own, scratch)
            q = next_in_line(t, count, scratch, queue, acts, i, aside, word)
            if q < 0:
                ready, code = False, NOT_FINITE if q == -2 else SUCCESS
            else:
                first, acted = queue[q], acted + 1
                effects((t,), y, own, scratch)
                assign(first, q, scratch, kept, y)
                count = drop(q, count, queue, acts, kept)
                note(first, t, i, aside)
                for e in range(EVENTS):
                    triggers((t,), y, own, scratch)
                    true = scratch[e] >= level[e]
                    if true and held[e] == 0:
                        count = turned(e, t, count, m, own, held, queue, acts, kept)
                    elif not true and held[e] != 0:
                        count = release(e, count, held, queue, acts, kept)
                if acted > MOST_AT_ONCE:
                    code = ENDLESS_EVENTS
    return last, count, acted, code


def act(t, i, k, passed, count, due, m, own, times, stops, values, margins, level, held, queue, acts, kept, aside, word):
    """Let happen what is due, and what follows from conditions that have turned true.

    All propensities are bounded anew, as events may change any species.  Returns as `happen` does.
    """
    y, acted, code, last = m[1], 0, SUCCESS, passed
    if EVENTFUL:
        settle(m[0], y, m[2], y)
        triggers((t,), y, own, margins)
        for e in range(EVENTS):
            before, now = y[HELD + e] > 0.5, y[HOLDS + e] > 0.5
            if held[e] != 0 and not (before and now):
                count = release(e, count, held, queue, acts, kept)
            held[e] = (1 if before else 2) if now else 0
            level[e] = min(margins[e], 0.0) if now else 0.0
    last, count, acted, code = happen(
        t, i, k, passed, count, m, own, stops, margins, level, held, queue, acts, kept, aside, word
    )
    if acted > 0:
        for q in range(due - 1, -1, -1):
            if times[q] < t:
                break
            for s in range(SPECIES):
                values[q, s, i] = y[s]
    for e in range(EVENTS):
        y[HELD + e] = 1.0 if held[e] != 0 else 0.0
    set_inputs(y, own)
    made = begin_boxes(m)
    if y[WRONG] > 0.5:
        wrong = SUCCESS
        for s in range(SPECIES):
            wrong = judged(y[s], wrong)
        return last, count, acted, wrong
    return last, count, acted, code if code != SUCCESS else made


def fallen(count, y, held, queue, acts, kept):
    """Drop what waits, and does not persist, of conditions that have turned false; returns how many events still wait."""
    for e in range(EVENTS):
        if held[e] != 0 and LOOSE[e] and y[HELD + e] < 0.5:
            count = release(e, count, held, queue, acts, kept)
    return count


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, epsilon, max_steps, seed, detect, fine, values,
    counts, passage, aside,
):  # fmt: skip
    """One trajectory, in one thread."""
    lane, y = cuda.local.array(LANE, real64), cuda.local.array(MEMORY, real64)
    tree, marks = cuda.local.array(NODES, real64), cuda.local.array(SPECIES, i64)
    own, margins = cuda.local.array(OWN_ROOM, real64), cuda.local.array(ROOM, real64)
    level, held = cuda.local.array(ROOM, real64), cuda.local.array(ROOM, i64)
    queue, acts = cuda.local.array(WAITING, i64), cuda.local.array(WAITING, real64)
    kept = cuda.local.array(KEPT, real64)
    when, what = cuda.local.array(PENDING, real64), cuda.local.array(PENDING, i64)
    m = (
        lane, y, (parameters, i), cuda.local.array(REACTIONS, real64), tree, marks, cuda.local.array(RESULTS, real64),
        cuda.local.array(INNER, real64),
    )  # fmt: skip
    for k in range(NODES):
        tree[k] = 0.0
    for k in range(INNER):
        m[7][k] = 0.0
    for k in range(MEMORY):
        y[k] = 0.0
    for k in range(SPECIES):
        y[k] = initial[k, i]
        marks[k] = entry(FIXED + k)
        values[0, k, i] = y[k]
    for k in range(OWN):
        own[k] = parameters[HOISTED + k, i]
    y[ONE], y[BOXES + SPECIES], y[BOXES + 2 * SPECIES + 1] = 1.0, 1.0, 1.0
    first, final, column = times[0], times[times.size - 1], i if stops.shape[2] > 1 else 0
    end = final + 1e-6 * (final - first)
    s = open_stream(seed, streams[i])
    word = order_word(seed, streams[i])
    refused = MOST_REFUSED + TIMED // PER_REFUSED
    code, j, t, length, made, tries, misses = SUCCESS, 1, first, end - first, 0, 0, 0
    pending, count, passed, acted, still, latest = 0, 0, 0, 0, 0, -math.inf
    border, moment = math.inf, math.inf
    begin_count(i, aside)
    y[NOW] = t
    if THINNING:
        border = t + length
        y[ENDS] = border
    if begin[i] > 0:
        code, j = begin[i], 0
    elif begin[i] < 0:
        passage[i] = t
        j = hold(y, i, j, math.inf, times, values)
    else:
        set_inputs(y, own)
        code = begin_boxes(m)
        for e in range(EVENTS):
            held[e] = 1 if INITIAL[e] and y[HOLDS + e] > 0.5 else 0
            y[HELD + e] = 1.0 if held[e] != 0 else 0.0
        if EVENTS > 0 and goes_on(code):
            passed, count, acted, code = act(
                t, i, column, passed, count, 1, m, own, times, stops, values, margins, level, held, queue, acts, kept, aside,
                word,
            )  # fmt: skip
        moment = next_moment(passed, column, count, stops, acts)
        if goes_on(code) and y[STOPPED] > 0.5:  # by what events have done at the first time
            code, passage[i] = SUCCESS, t
            j = hold(y, i, j, math.inf, times, values)
    while j < times.size and goes_on(code):
        if THINNING and code == NOT_FINITE:
            if length > SHORTEST_WINDOW * max(abs(t), 1.0):
                length, code = renew(t, 0.125 * length, m)
                border, misses = t + length, 0
            if code != SUCCESS:
                break
        wait_for, s = next_exponential(s)
        u, s = next_uniform(s)
        for b in range(len(BURSTS)):
            if BURSTS[b] < 0:
                lane[2 + b], s = next_exponential(s)
            else:
                v, s = next_uniform(s)
                lane[2 + b] = inverse_poisson(v, parameters[BURSTS[b], i])
        total = tree[1]
        candidate, crossing = t + wait_for / abs(total), y[SOONEST]  # 0 may be -0.0
        limit = min(min(border, crossing), moment)
        if DELAYED and pending > 0:
            limit = min(limit, when[0])
        t = min(candidate, limit)
        if t > times[j]:
            j = hold(y, i, j, t, times, values)
            if j == times.size:
                break
        if tries >= max_steps:
            code = TOO_MANY_STEPS
            break
        tries += 1
        y[NOW] = t
        acts_now = False
        if candidate >= limit:  # no reaction before the window ends, or before something is known to happen
            if THINNING and border == limit:
                if 4 * misses < refused:
                    length *= 2.0
                length, code = renew(t, min(length, end - t), m)
                border, misses = t + length, 0
            acts_now = crossing == limit or moment == limit
            if DELAYED and pending > 0 and when[0] == limit:
                number = pop(when, what, pending)
                pending -= 1
                if move(REACTIONS + number, m):
                    code = max(code, follow(REACTIONS + number, m))
                made += 1
                if entry(EMPTIED + number) != 0:
                    for k in range(SPECIES):
                        if y[k] < 0.0:  # wherever the trajectory ends
                            code = NEGATIVE
                            y[WRONG] = 1.0
                acts_now = acts_now or y[TURNED] > 0.5
                if FRAGILE:
                    count = fallen(count, y, held, queue, acts, kept)
                    moment = next_moment(passed, column, count, stops, acts)
        else:
            node, rest = 1, u * total
            while node < LEAVES:
                node, rest = descend(node, rest, tree)
            chosen, lag = min(node - LEAVES, UNITS + GROUPS - 1), 0.0
            bound = tree[LEAVES + chosen]
            if GROUPED and chosen >= UNITS:
                scale = y[BOXES + SPECIES + 1 + entry(HUBS + chosen - UNITS)]
                chosen, rest, bound = chosen_in(chosen - UNITS, scale, rest, m[7])
            rates(lane, y, m[2], m[6])
            rate = m[6][chosen]
            if not rest < rate:
                code = judge(rate)
                if code != SUCCESS:
                    break
                if THINNING and entry(IN_TIME + chosen) != 0:
                    misses += 1
                    if misses >= refused and length > SHORTEST_WINDOW * max(abs(t), 1.0):
                        length, code = renew(t, 0.5 * length, m)
                        border, misses = t + length, 0
                continue
            if above(rate, bound):
                code = ABOVE_BOUND
                break
            number = entry(NUMBERS + chosen)
            if DELAYED and number >= 0:
                lags(lane, y, m[2], m[6])
                lag = m[6][number]
            made += 1
            if move(chosen, m):
                code = follow(chosen, m)
            if DELAYED and number >= 0:
                if not lag >= 0.0:
                    code = BAD_DELAY
                elif pending == PENDING:
                    code = TOO_MANY_PENDING
                else:
                    push(when, what, pending, t + lag, number)
                    pending += 1
            if FRAGILE:
                count = fallen(count, y, held, queue, acts, kept)
                moment = next_moment(passed, column, count, stops, acts)
            acts_now = y[TURNED] > 0.5
        if acts_now and not WAITS:
            settle(lane, y, m[2], y)
        elif acts_now and goes_on(code):
            passed, count, acted, code = act(
                t, i, column, passed, count, j, m, own, times, stops, values, margins, level, held, queue, acts, kept, aside,
                word,
            )  # fmt: skip
            moment = next_moment(passed, column, count, stops, acts)
            if acted > 0:
                still = still + 1 if t - latest <= STILL * abs(t) else 0
                latest = t
                code = ENDLESS_EVENTS if still > MOST_STILL else code
        if y[STOPPED] > 0.5 and y[WRONG] < 0.5:
            code, passage[i] = SUCCESS, t
            j = hold(y, i, j, math.inf, times, values)
    if code == SUCCESS and begin[i] == 0 and times.size > 1:
        code = bounded(m)
        if code != SUCCESS:
            j, passage[i] = 1, math.inf  # since when is not known
    if code != SUCCESS:
        void(i, j, SPECIES, values)
    counts[STATUS, i] = code
    counts[STEPS, i] = made
    counts[REJECTED, i] = tries - made
    counts[EVALUATIONS, i] = tries
