"""The direct method on a card: a jump process, event by event.

The loop of `symdyn_kernels.drivers.jump` for one trajectory: the same candidates with the same random numbers, drawn from
its stream in the order e, u, bursts.
"""

from __future__ import annotations

from symdyn_kernels.devices._event import (
    ACTED,
    BURSTS,
    EVENTS,
    FIRED,
    FROM_TABLE,
    LOW,
    PARAMETERS,
    RECORDED,
    SPECIES,
    THINNING,
    WATCH,
    event,
)
from symdyn_kernels.devices._prelude import i64, math
from symdyn_kernels.devices.holding import hold
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.rows import EVALUATIONS, REJECTED, STATUS, STEPS
from symdyn_kernels.shared.formulas import inverse_poisson
from symdyn_kernels.shared.molecules import judged
from symdyn_kernels.shared.streams import next_exponential, next_uniform, open_stream
from symdyn_kernels.status import NEGATIVE, NOT_FINITE, SUCCESS, TOO_MANY_STEPS


def impossible(y):
    """Why states are no numbers of molecules, as a status; SUCCESS if they are."""
    code = SUCCESS
    for k in range(SPECIES):
        code = judged(y[k], code)
    return code


def count_event(e, times, t, i, aside):
    """Event `e` of the network has acted so many times at time `t`."""
    for _ in range(times):
        before = i64(aside[e, i])
        aside[e, i] = before + 1.0
        if before < RECORDED:
            aside[EVENTS + e * RECORDED + before, i] = t


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, epsilon, max_steps, seed, detect, fine, values,
    counts, passage, aside,
):  # fmt: skip
    """One trajectory, in one thread."""
    for row in range(aside.shape[0]):
        aside[row, i] = 0.0 if row < EVENTS else math.nan
    for e in range(EVENTS):  # `stops` says which have acted at the first time
        count_event(e, i64(stops[e, 0, i]), times[0], i, aside)
    final = times[times.size - 1]
    span = final - times[0]
    end = final + 1e-6 * span  # a little beyond the last time, so that the time passes it
    y = tuple(initial[k, i] if k < SPECIES else times[0] if k == SPECIES else span for k in range(SPECIES + 1 + THINNING))
    p = (parameters, i) if FROM_TABLE else tuple(parameters[k, i] for k in range(PARAMETERS))
    s = open_stream(seed, streams[i])
    code, q, due = SUCCESS, 0, times[min(1, times.size - 1)]
    tries, events, beyond = 0, 0, 0
    if begin[i] > 0:
        code = begin[i]
    elif begin[i] < 0:
        passage[i] = times[0]
        q = hold(y, i, q, math.inf, times, values)
    else:
        for k in range(SPECIES):
            values[0, k, i] = y[k]
        q = 1
    while code == SUCCESS and q < times.size:
        lane = [end] * (2 + len(BURSTS) + THINNING)
        lane[0], s = next_exponential(s)
        lane[1], s = next_uniform(s)
        for b in range(len(BURSTS)):
            if BURSTS[b] < 0:
                lane[2 + b], s = next_exponential(s)
            else:
                u, s = next_uniform(s)
                lane[2 + b] = inverse_poisson(u, parameters[BURSTS[b], i])
        new = event(tuple(lane[k] for k in range(2 + len(BURSTS) + THINNING)), y, p)
        tries += 1
        fired = 1 if FIRED < 0 else i64(new[FIRED] > 0.5)
        events += fired
        if not new[WATCH] <= due:
            t = new[SPECIES]
            if t != t:
                code = NEGATIVE if LOW >= 0 and new[LOW] < 0.0 else NOT_FINITE
                beyond = fired
            else:
                q = hold(y, i, q, t, times, values)
                if ACTED >= 0 and t <= final:
                    for e in range(EVENTS):
                        count_event(e, i64(new[ACTED + 1 + e]), t, i, aside)
                if WATCH != SPECIES and t <= final and new[WATCH] == math.inf and (ACTED < 0 or new[ACTED] > 0.5):
                    code = impossible(new)
                    if code == SUCCESS:
                        passage[i] = t
                        q = hold(new, i, q, math.inf, times, values)
                elif q < times.size:
                    due = times[q]
                else:
                    beyond = fired  # the event beyond the last time does not count
        if tries >= max_steps and code == SUCCESS and q < times.size:
            code = TOO_MANY_STEPS
        y = new[: SPECIES + 1 + THINNING]
    if code != SUCCESS:
        void(i, q, SPECIES, values)
    events -= beyond
    counts[STATUS, i] = code
    counts[STEPS, i] = events
    counts[REJECTED, i] = tries - events - beyond
    counts[EVALUATIONS, i] = tries - beyond
