"""The loop of every adaptive one-step method on a card: error control, stops, output, failures, stiffness.

Formulas, order of operations and status codes are those of `symdyn_kernels.drivers.adaptive`.  Rows of the array
`memory` are the vectors of a step: ``Y`` the state, ``W`` the next one, ``K`` the slope of the first.
"""

from __future__ import annotations

from symdyn_kernels.arguments.parts import Control
from symdyn_kernels.constants.adaptive import HITS
from symdyn_kernels.devices._model import (
    EXTRA,
    FACTORS,
    LAST,
    ROWS,
    STAGES,
    STOPS,
    UNTIL,
    K,
    N,
    W,
    Y,
    dense,
    interpolant,
    load_parameters,
    margin,
    rhs,
)
from symdyn_kernels.devices._prelude import cuda, real
from symdyn_kernels.devices.adaptive_steps import attempt, first_step, hold, rejection, stiff_steps, write_step
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.rows import EVALUATIONS, REJECTED, STATUS, STEPS
from symdyn_kernels.shared.roots import MOST_GUESSES, NEAR, next_guess
from symdyn_kernels.status import NOT_FINITE, STIFF, SUCCESS, TOO_MANY_STEPS


def crossing(t, length, high, p, memory):
    """The part of a step at which the margin, at its end `high`, changed its sign; the state there is left in `W`."""
    low = margin((real(t),), Y, p, memory)
    a, b, reach = real(0), real(1), real(1)
    if low > 0.0:  # it became true where the right-hand side jumped
        b = real(0)
    for _ in range(MOST_GUESSES):
        guess = next_guess(a, b, low, high, reach) if low < 0.0 else b * NEAR
        if not (a < guess and guess < b):
            break
        for e in range(N):
            memory[W, e] = interpolant(e, guess, memory)
        value = margin((real(t + guess * length),), W, p, memory)
        if value >= 0.0:
            b, high = guess, value
        else:
            a, low = guess, value
        reach = 0.5 * reach
    for e in range(N):
        memory[W, e] = interpolant(e, b, memory)
    return b


def past(i, t, passed, stops):
    """The time from which the integration resumes after the stops at `t`, and how many are passed."""
    while passed < stops.shape[0] and stops[passed, 0, i] <= t:
        t = max(t, stops[passed, 1, i])
        passed += 1
    return t, passed


def border(i, passed, end, stops):
    """The next stop, or the end."""
    return min(end, stops[passed, 0, i]) if passed < stops.shape[0] else end


def trajectory(
    i, initial, parameters, times, begin, stops, rtol, atol, step_size, control_now, control_before, control_earlier,
    control_rejected, control_safety, control_shrink, control_grow, max_steps, detect, values, counts, passage,
):  # fmt: skip
    """Integrate trajectory `i` and leave its values, status and counts."""
    memory, factors = cuda.local.array((ROWS, N), real), cuda.local.array(FACTORS, real)
    relative, absolute, longest = real(rtol), real(atol), real(step_size)
    controller = Control(
        real(control_now), real(control_before), real(control_earlier), real(control_rejected), real(control_safety),
        real(control_shrink), real(control_grow),
    )  # fmt: skip
    t, end = times[0], times[times.size - 1]
    p = load_parameters(parameters, i)
    for e in range(N):
        memory[Y, e] = initial[e, i]
        values[0, e, i] = initial[e, i]
    passed, until, begun = 0, end, 1
    if STOPS:
        t, passed = past(i, t, passed, stops)
        until = border(i, passed, end, stops)
    rhs((real(t),), Y, p, memory, K)
    following, growth = first_step(memory, relative, absolute), controller.grow
    before, earlier = real(1), real(1)
    status, due, steps, rejected, outputs, hits = SUCCESS, 1, 0, 0, 0, 0
    if UNTIL and begin[i] < 0:
        passage[i], due, begun = times[0], hold(1, i, Y, values, memory), 0
    while due < times.size and status == SUCCESS:
        h, final, x, following = attempt(
            t, until, longest, following, before, earlier, growth, controller, relative, absolute, p, memory, factors
        )
        if x <= 1.0:
            steps, growth = steps + 1, controller.grow
            earlier, before = before, x
            t_next = until if final else t + h
            high = margin((real(t_next),), W, p, memory) if UNTIL else -1.0
            over = high >= 0.0
            if high != high:
                status = NOT_FINITE
            if STOPS and t_next == until and until < end and not over:
                t_next, begun = stops[passed, 1, i], begun + 1
            if steps + rejected >= max_steps and t_next < end and not over:
                status = TOO_MANY_STEPS
            if detect != 0 and not over:
                hits = stiff_steps(steps, hits, memory)
                status = STIFF if hits >= HITS else status
            if times[due] <= t_next or over:
                dense(t, h, p, memory)
                if over:
                    part = crossing(t, t_next - t, high, p, memory)
                    t_next = t + part * (t_next - t) if part < 1.0 else t_next
                    passage[i] = t_next
                outputs += 1 if times[due] <= t_next else 0
                due = write_step(t, h, t_next, due, i, times, values, memory)
                if over:
                    due = hold(due, i, W, values, memory)
            for e in range(N):
                memory[Y, e], memory[K, e] = memory[W, e], memory[LAST, e]
            t = t_next
            if STOPS and t_next > until:
                t, passed = past(i, t, passed, stops)
                until = border(i, passed, end, stops)
                rhs((real(t),), Y, p, memory, K)
                following, before, earlier = first_step(memory, relative, absolute), real(1), real(1)
        else:
            rejected, growth = rejected + 1, real(1)
            status = rejection(t, following, x, steps + rejected, max_steps)
    void(i, due, N, values)
    counts[STATUS, i], counts[STEPS, i], counts[REJECTED, i] = status, steps, rejected
    if times.size > 1:
        counts[EVALUATIONS, i] = begun + STAGES * (steps + rejected) + EXTRA * outputs
