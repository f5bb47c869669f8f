"""The loop of every adaptive one-step method on a card, for models with events, inputs or delays.

Steps end at known times, and just before the first part of a step at which a condition is found to be true, as those of
`symdyn_kernels.event_search` do; the condition that ends trajectories is the last of those that are looked at.  Peaks between
the parts, and jumps of a ball that are shorter than the first, are not looked for.
"""

from __future__ import annotations

from symdyn_kernels.arguments.parts import Control
from symdyn_kernels.constants.adaptive import HITS
from symdyn_kernels.constants.breakpoints import MOST_POINTS
from symdyn_kernels.constants.events import LEAST_STEP, MOST_AT_ONCE, MOST_STILL, STILL
from symdyn_kernels.devices._constrained import ALGEBRAIC, CONSTRAINTS, EACH, FOUND, JACOBIAN, SYSTEM, set_masses
from symdyn_kernels.devices._delayed import DELAYED, OBSERVABLES, STEPS_KEPT, VARYING
from symdyn_kernels.devices._eventful import (
    ALL_ROWS,
    ASSIGNED,
    CHANGING,
    CONDITIONS,
    EVENTS,
    INITIAL,
    KEPT,
    PRIORITIZED,
    ROOM,
    SAMPLED,
    WAITING,
    assign,
    change_input,
    effects,
    load_all,
    smooth,
)
from symdyn_kernels.devices._model import (
    EXTRA,
    FACTORS,
    LAST,
    ROWS,
    STAGES,
    UNTIL,
    K,
    N,
    W,
    Y,
    dense,
    rhs,
)
from symdyn_kernels.devices._prelude import cuda, i64, math, real, real64
from symdyn_kernels.devices.adaptive_steps import attempt, first_step, hold, rejection, stiff_steps, write_step
from symdyn_kernels.devices.breaks import approach, note_point, pass_point
from symdyn_kernels.devices.consistency import make_consistent, meet_constraints, refine
from symdyn_kernels.devices.happenings import (
    BAD,
    begin_count,
    drop,
    dropped,
    next_in_line,
    next_moment,
    note,
    order_word,
    release,
)
from symdyn_kernels.devices.knots import JUMP, KNOT
from symdyn_kernels.devices.locating import locate, look, place, settle, turn, turn_beyond, turned
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.past import (
    AHEAD,
    EARLY,
    FIRST_STATE,
    LOST,
    MARKS,
    MOMENTS,
    MOST_ECHOES,
    SHORTEST,
    TIMES,
    WIDE,
    begin_past,
    keep,
    next_echo,
    note_echoes,
    observe,
    pass_echoes,
    refuse_unsettled,
    reopen,
    slope_ahead,
    write_record,
)
from symdyn_kernels.devices.rows import EVALUATIONS, REJECTED, STATUS, STEPS
from symdyn_kernels.shared.control import resumed_length
from symdyn_kernels.shared.roots import level_after, soon
from symdyn_kernels.status import (
    BAD_DELAY,
    ENDLESS_EVENTS,
    NEGATIVE_DELAY,
    NOT_FINITE,
    STIFF,
    SUCCESS,
    TOO_MANY_EVENTS,
    TOO_MANY_KEPT,
    TOO_MANY_STEPS,
)


def arrive(t, k, passed, count, stops, p, memory, found, was, level, new, held, queue, acts, kept):
    """Let inputs change, and events wait, that are known to until `t`.

    Returns the time from which to go on, how many stops are passed and events wait, and whether rates of change jump, of
    themselves and at the knot of an input.
    """
    last, jumped, broken, knots = passed, False, False, False
    while last < stops.shape[0] and stops[last, 0, k] <= t:
        t = max(t, stops[last, 1, k])
        knots = knots or stops[last, 2, k] <= KNOT
        last += 1
    if knots:
        look(t, W, p, memory, found)
        for e in range(EVENTS):
            was[e] = found[e]
    for j in range(passed, last):
        what = i64(stops[j, 2, k])
        if what >= EVENTS:
            count = dropped(what - EVENTS, count, queue, acts, kept)
        elif what >= 0:
            count = turned(what, t, count, p, memory, new, held, queue, acts, kept)
        jumped = jumped or what == JUMP
        if what <= KNOT:
            broken = broken or not smooth(KNOT - what)
            change_input(KNOT - what, j, k, stops, p)
    if knots:
        look(t, W, p, memory, found)
        for e in range(EVENTS):
            if broken and found[e] != was[e]:
                if found[e] >= level[e] and held[e] == 0:
                    count = turned(e, t, count, p, memory, new, held, queue, acts, kept)
                elif not found[e] >= level[e] and held[e] != 0:
                    count = release(e, count, held, queue, acts, kept)
    return t, last, count, jumped, broken


def act(t, i, count, p, memory, found, level, new, held, queue, acts, kept, aside, word):
    """Let the events whose time has come act on the state in row `W`, one after the other.

    Returns how many did, how many wait, and a status.
    """
    acted = 0
    while count > 0:
        if count > WAITING:
            return acted, count, BAD_DELAY if count >= BAD else TOO_MANY_EVENTS
        if PRIORITIZED:
            effects((real(t),), W, p, memory, new)
        q = next_in_line(t, count, new, queue, acts, i, aside, word)
        if q < 0:
            return acted, count, NOT_FINITE if q == -2 else SUCCESS
        e, acted = queue[q], acted + 1
        effects((real(t),), W, p, memory, new)
        assign(e, q, new, kept, memory)
        count = drop(q, count, queue, acts, kept)
        note(e, t, i, aside)
        look(t, W, p, memory, found)
        for other in range(EVENTS):
            true = found[other] >= level[other]
            if found[other] < 0.0:
                level[other] = min(level[other], 0.0)
            if true and held[other] == 0:
                count = turned(other, t, count, p, memory, new, held, queue, acts, kept)
            elif not true and held[other] != 0:
                count = release(other, count, held, queue, acts, kept)
        if acted > MOST_AT_ONCE:
            return acted, count, ENDLESS_EVENTS
    return acted, count, SUCCESS


def refine_outputs(first, due, i, t_next, p, times, values, memory, z, rtol, atol):
    """Improve the values at the outputs from `first` to `due`, in the last row of the memory."""
    for q in range(first, due):
        for e in range(N):
            memory[ROWS, e] = values[q, e, i]
        refine(min(times[q], t_next), ROWS, p, memory, z, rtol, atol)
        for e in range(N):
            values[q, e, i] = memory[ROWS, e]


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, control_now, control_before, control_earlier,
    control_rejected, control_safety, control_shrink, control_grow, max_steps, seed, detect, values, counts, passage, aside,
):  # fmt: skip
    """Integrate trajectory `i` and leave its values, status and counts."""
    memory, factors = cuda.local.array((ALL_ROWS, N), real), cuda.local.array(FACTORS, real)
    found, was, level = cuda.local.array(ROOM, real), cuda.local.array(ROOM, real), cuda.local.array(ROOM, real)
    new = cuda.local.array(ASSIGNED, real)
    held, queue = cuda.local.array(ROOM, i64), cuda.local.array(WAITING, i64)
    acts, kept = cuda.local.array(WAITING, real64), cuda.local.array(KEPT, real)
    relative, absolute, longest = real(rtol), real(atol), real(step_size)
    controller = Control(
        real(control_now), real(control_before), real(control_earlier), real(control_rejected), real(control_safety),
        real(control_shrink), real(control_grow),
    )  # fmt: skip
    t, end, k = times[0], times[times.size - 1], i if stops.shape[2] > 1 else 0
    p = load_all(parameters, i, cuda.local.array(CHANGING, real))
    for e in range(N):
        memory[W, e] = initial[e, i]
        values[0, e, i] = initial[e, i]
    if DELAYED:
        p = (
            p, cuda.local.array((STEPS_KEPT, WIDE), real64), cuda.local.array(MARKS, i64), cuda.local.array(MOMENTS, real64),
            cuda.local.array((MOST_ECHOES, 2), real64), cuda.local.array(TIMES, real64), cuda.local.array(EARLY, real64),
            cuda.local.array((MOST_POINTS, 2), real64), cuda.local.array((2, TIMES), real64),
        )  # fmt: skip
        for e in range(N):
            memory[FIRST_STATE, e] = memory[W, e]
        begin_past(t, relative, absolute, p, memory)
        reopen(t, W, p, memory)
        if VARYING:
            note_point(t, 0.0, p)
        longest = min(longest, p[3][SHORTEST])
    status, due, steps, rejected, outputs, hits, begun = SUCCESS, 1, 0, 0, 0, 0, 0
    if ALGEBRAIC:
        z = (
            cuda.local.array(FOUND, real), cuda.local.array(SYSTEM, real), cuda.local.array(JACOBIAN, real),
            cuda.local.array(EACH, real), cuda.local.array(EACH, real), cuda.local.array(EACH, real),
            cuda.local.array(EACH, real),
        )  # fmt: skip
        set_masses(memory)
        status = make_consistent(t, W, p, memory, z, relative, absolute, True)
        for e in range(N):
            values[0, e, i] = memory[W, e]
        if DELAYED:
            for e in range(N):
                memory[FIRST_STATE, e] = memory[W, e]
            reopen(t, W, p, memory)
        due = 1 if status == SUCCESS else 0
    count, passed, until, still, latest = 0, 0, end, 0, -math.inf
    following, growth, before, earlier = real(0), controller.grow, real(1), real(1)
    happens, jumps, over, moment, shift = True, True, False, math.inf, 0.0
    begin_count(i, aside)
    word = order_word(seed, streams[i])
    ended = UNTIL and begin[i] < 0
    if ALGEBRAIC and UNTIL:  # of consistent values
        look(t, W, p, memory, found)
        ended = found[EVENTS] >= 0.0
    if ended:
        over, happens, passage[i] = True, False, t
        due = hold(1, i, W, values, memory)
        if DELAYED and OBSERVABLES > 0:
            observe(0, due, i, t, p, times, values, memory)
    else:
        look(t, W, p, memory, found)
        for e in range(CONDITIONS):
            held[e], level[e] = 0, 0.0
        for e in range(EVENTS):
            if found[e] >= 0.0:
                held[e] = 1
                if not INITIAL[e]:
                    count = turned(e, t, count, p, memory, new, held, queue, acts, kept)
    while status == SUCCESS and (due < times.size or happens):
        if happens:  # at t, to the state in W
            t, passed, count, broken, bent = arrive(
                t, k, passed, count, stops, p, memory, found, was, level, new, held, queue, acts, kept
            )
            acted, count, status = act(t, i, count, p, memory, found, level, new, held, queue, acts, kept, aside, word)
            bent = bent and not (jumps or broken or acted > 0)
            jumps = jumps or broken or bent or acted > 0
            if DELAYED:
                begin = pass_echoes(t, p)
                bent = bent and not begin > t
                jumps, t = jumps or begin > t, begin
                if VARYING and steps > 0 and (acted > 0 or (jumps and shift == 0.0)):
                    note_point(t, 0.0 if acted > 0 else 1.0, p)
                if acted > 0:
                    note_echoes(t, 0, p)
            if acted > 0:
                still = still + 1 if t - latest <= STILL * abs(t) else 0
                latest = t
                status = ENDLESS_EVENTS if still > MOST_STILL else status
            if ALGEBRAIC and status == SUCCESS and (acted > 0 or steps > 0):
                status = make_consistent(t, W, p, memory, z, relative, absolute, False)
            if acted > 0 or (ALGEBRAIC and steps > 0):
                for j in range(due - 1, -1, -1):
                    if times[j] < t:
                        break
                    for e in range(N):
                        values[j, e, i] = math.nan if ALGEBRAIC and status != SUCCESS else memory[W, e]
            if DELAYED and OBSERVABLES > 0:
                again = due
                while again > 0 and (times[again - 1] >= t or steps == 0):
                    again -= 1
                observe(again, due, i, t, p, times, values, memory)
            if UNTIL and status == SUCCESS:
                look(t, W, p, memory, found)
                if found[EVENTS] >= 0.0:
                    passage[i], over = t, True
                    due = hold(due, i, W, values, memory)
            if SAMPLED:
                look(t, W, p, memory, found)
            for e in range(EVENTS):
                level[e] = level_after(found[e]) if held[e] == 0 and level[e] > 0.0 else 0.0
            for e in range(N):
                memory[Y, e] = memory[W, e]
            moment = next_moment(passed, k, count, stops, acts)
            if DELAYED:
                moment = min(moment, next_echo(p))
            until = min(end, moment)
            if jumps:
                if DELAYED:
                    reopen(t, Y, p, memory)
                rhs((real(t),), Y, p, memory, K)
                if DELAYED:
                    slope_ahead(p, memory)
                meant, following = following, first_step(memory, relative, absolute)
                if bent:
                    following = resumed_length(following, meant)
                if steps > 0:
                    following = max(following, real(LEAST_STEP * abs(t)))
                before, earlier, growth, begun = real(1), real(1), controller.grow, begun + 1
            happens, jumps = False, False
            if over or due >= times.size or status != SUCCESS:
                break
        h, final, x, following = attempt(
            t, until, longest, following, before, earlier, growth, controller, relative, absolute, p, memory, factors
        )
        if DELAYED:
            x = refuse_unsettled(t, x, p, memory)
            following = following if x < math.inf else h * controller.shrink
        if VARYING and x <= 1.0:
            aim = approach(t, h, relative, p, memory)
            if aim > 0.0:
                x, following = math.inf, aim
        if x <= 1.0:
            steps, growth = steps + 1, controller.grow
            earlier, before = before, x
            t_next, prepared, first_due = until if final else t + h, False, due
            if ALGEBRAIC and CONSTRAINTS > 0:
                meet_constraints(t_next, W, p, memory, z, relative, absolute)
            if DELAYED:
                if not VARYING:
                    dense(t, h, p, memory)
                prepared = True
                write_record(t, h, t_next, p, memory)
            if detect != 0:
                hits = stiff_steps(steps, hits, memory)
                status = STIFF if hits >= HITS else status
            if SAMPLED:
                if not DELAYED:
                    dense(t, h, p, memory)
                prepared, length = True, t_next - t
                a, b, count, code = turn(t, length, count, p, memory, found, level, held, queue, acts, kept)
                status = code if code != SUCCESS else status
                if b <= 1.0:
                    a, b = locate(a, b, t, length, p, memory, found, level, held)
                    place(real(b), memory)
                    look(t + b * length, ROWS, p, memory, found)
                    happens, jumps = True, True
                    if UNTIL and found[EVENTS] >= 0.0:
                        over, a = True, b
                    else:
                        turn_beyond(found, level, held)
                        later = soon(b, t, length)
                        place(real(later), memory)
                        look(t + later * length, ROWS, p, memory, found)
                        turn_beyond(found, level, held)
                    if a < 1.0 and (over or b < 1.0):
                        place(real(a), memory)
                        for e in range(N):
                            memory[W, e] = memory[ROWS, e]
                        t_next = t + a * length
                    for e in range(EVENTS):
                        if level[e] < 0.0:
                            count = turned(e, t_next, count, p, memory, new, held, queue, acts, kept)
                    look(t_next, W, p, memory, found)
                    count = settle(count, found, level, held, queue, acts, kept)
            if DELAYED:
                keep(t_next, p)
            if VARYING and not over:
                shift = pass_point(t, h, t_next, p, memory)
                t_next, happens, jumps = t_next + shift, happens or shift > 0.0, jumps or shift > 0.0
            if steps + rejected >= max_steps and t_next < end and not over:
                status = TOO_MANY_STEPS
            if times[due] <= t_next or over:
                if not prepared:
                    dense(t, h, p, memory)
                outputs += 1 if times[due] <= t_next else 0
                due = write_step(t, h, t_next, due, i, times, values, memory)
                if ALGEBRAIC:
                    refine_outputs(first_due, due, i, t_next, p, times, values, memory, z, relative, absolute)
                    if over:
                        refine(t_next, W, p, memory, z, relative, absolute)
                if over:
                    passage[i], happens = t_next, False
                    due = hold(due, i, W, values, memory)
            if DELAYED and OBSERVABLES > 0:
                observe(first_due, due, i, t_next, p, times, values, memory)
            for e in range(N):
                memory[Y, e], memory[K, e] = memory[W, e], memory[LAST, e]
            t = t_next
            happens = happens or (t == until and not over and moment <= t)
        else:
            rejected, growth = rejected + 1, real(1)
            status = rejection(t, following, x, steps + rejected, max_steps)
            if DELAYED and p[2][AHEAD] != 0 and status != SUCCESS:
                status = NEGATIVE_DELAY
        if DELAYED and p[2][LOST] != 0:
            status = TOO_MANY_KEPT
    void(i, due, values.shape[1] if DELAYED else N, values)
    counts[STATUS, i], counts[STEPS, i], counts[REJECTED, i] = status, steps, rejected
    if times.size > 1:
        counts[EVALUATIONS, i] = begun + STAGES * (steps + rejected) + EXTRA * outputs
