"""Fixed-step methods on a card, for models with events or inputs.

The loop of `symdyn_kernels.drivers.stepping_events` for one trajectory: the same steps with the same increments.  The rows that
follow the new states are margins of the conditions of events at the end of the step.
"""

from __future__ import annotations

from symdyn_kernels.constants.events import MOST_STILL, OPPOSITE, STILL
from symdyn_kernels.constants.stepping import SLACK
from symdyn_kernels.devices._eventful import INITIAL, KEPT, WAITING
from symdyn_kernels.devices._eventful_step import CHANGING, EVENTS, LOOKED, ROOM, SAMPLES, UNIT, load_all, start, triggers
from symdyn_kernels.devices._prelude import cuda, i64, math, real, real64
from symdyn_kernels.devices._step import NOISES, SPECIES, STATES, STOPS, step
from symdyn_kernels.devices.acting import happen, turned
from symdyn_kernels.devices.happenings import begin_count, next_moment, order_word, release
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.recording import watched, write_states
from symdyn_kernels.devices.rows import EVALUATIONS, STATUS, STEPS
from symdyn_kernels.devices.stepping_draws import increments
from symdyn_kernels.shared.roots import level_after
from symdyn_kernels.shared.streams import open_stream
from symdyn_kernels.status import ENDLESS_EVENTS, NOT_FINITE, SUCCESS


def settle(t, y, new, p, count, held, level, queue, acts, kept):
    """What counts as true by a moved boundary counts so while events act, unless these make its own margin fall.

    Where a condition turns true by a moved boundary, which its level marks by -1, its opposite turns false: its margin is the
    same with another sign, measured by the overshoot.  Returns how many events wait.
    """
    found = triggers((real(t),), y, p)
    if NOISES > 0:
        for e in range(EVENTS):
            if SAMPLES[e]:
                for other in range(EVENTS):
                    if SAMPLES[other] and level[other] < 0.0 and level[e] == 0.0 and held[e] != 0:
                        far = found[e] * (new[STATES + other] - found[other])
                        if abs(far + found[other] * (new[STATES + e] - found[e])) < OPPOSITE * abs(far):
                            count = release(e, count, held, queue, acts, kept)
                            level[e] = real(1)
    for e in range(EVENTS):
        level[e] = level_after(found[e]) if level[e] > 0.0 else min(found[e], real(0)) if held[e] != 0 else real(0)
    return count


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, epsilon, max_steps, seed, detect, fine, values,
    counts, passage, aside,
):  # fmt: skip
    """One trajectory, in one thread."""
    y = tuple(initial[k, i] for k in range(SPECIES)) + tuple(real(0) for k in range(STATES - SPECIES))
    p = load_all(parameters, i, cuda.local.array(CHANGING, real))
    held, queue, level = cuda.local.array(ROOM, i64), cuda.local.array(WAITING, i64), cuda.local.array(ROOM, real)
    acts, kept = cuda.local.array(WAITING, real64), cuda.local.array(KEPT, real)
    s, spare, stored = open_stream(seed, streams[i]), real(0), False
    one = i if stops.shape[2] > 1 else 0
    t, due, passed, count, taken, acted, still, latest = times[0], 1, 0, 0, 0, 0, 0, -math.inf
    status, ended = SUCCESS if write_states(y, i, 0, values) else NOT_FINITE, STOPS and begin[i] < 0
    over = ended
    if STOPS and over:
        y = tuple(y[k] if k < SPECIES else real(1) if k == SPECIES else real(t) for k in range(STATES))
    due = due if status == SUCCESS else 0
    begin_count(i, aside)
    word = order_word(seed, streams[i])
    if not over and status == SUCCESS:
        found = triggers((real(t),), y, p)
        for e in range(EVENTS):
            held[e], level[e] = 1 if LOOKED[e] and found[e] >= 0.0 else 0, real(0)
        for e in range(EVENTS):
            if held[e] != 0 and not INITIAL[e]:
                count = turned(e, t, count, y, p, held, queue, acts, kept)
        y, passed, count, acted, status = happen(
            t, i, one, passed, count, due, y, p, times, stops, values, held, level, queue, acts, kept, aside, word
        )
    while status == SUCCESS and due < times.size:
        moment = next_moment(passed, one, count, stops, acts) if not over else math.inf
        first, target, made = t, min(times[due], moment), 0
        gap = target - first
        wanted = max(1, int(math.ceil((gap if UNIT else gap / step_size) - SLACK)))
        length = 1.0 if UNIT else gap / wanted
        target = first + wanted if UNIT else target
        h, root = real(length), real(math.sqrt(length))
        while made < wanted and status == SUCCESS:
            lane = (real(t), h, root)
            if NOISES > 0:
                dw, spare, stored, s = increments(s, spare, stored, h, fine)
                lane = lane + dw
            new = step(lane, y, p)
            y = tuple(new[k] for k in range(STATES))
            made, taken = made + 1, taken + 1
            t = target if made == wanted else first + made * length
            over = STOPS and y[SPECIES] > 0.0
            if watched(y, real(0)) != 0.0:
                status = NOT_FINITE
            elif t >= times[due]:
                write_states(y, i, due, values)
                due += 1
            happens = False
            if not over and status == SUCCESS:
                happens = moment <= t
                for e in range(EVENTS):
                    if SAMPLES[e]:
                        if new[STATES + e] >= 0.0 and held[e] == 0:
                            count, happens = turned(e, t, count, y, p, held, queue, acts, kept), True
                            level[e] = real(-1)
                        elif not new[STATES + e] >= 0.0 and held[e] != 0:
                            count = release(e, count, held, queue, acts, kept)
            if happens:
                count = settle(t, y, new, p, count, held, level, queue, acts, kept)
                y, passed, count, acted, status = happen(
                    t, i, one, passed, count, due, y, p, times, stops, values, held, level, queue, acts, kept, aside, word
                )
                made = wanted
                if acted > 0:
                    still = still + 1 if t - latest <= STILL * abs(t) else 0
                    latest = t
                    status = ENDLESS_EVENTS if still > MOST_STILL else status
    if status != SUCCESS:
        void(i, due, SPECIES, values)
    counts[STATUS, i] = status
    counts[STEPS, i] = taken
    counts[EVALUATIONS, i] = taken
    if ended:
        passage[i] = times[0]
    elif STOPS and status == SUCCESS:
        if y[SPECIES] == 1.0:
            passage[i] = y[SPECIES + 1]
        elif EVENTS > 0 and start((real(t),), y, p)[0] > 0.5:
            passage[i] = t
