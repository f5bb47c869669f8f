"""Tau-leaping on a card: the loop of `symdyn_kernels.drivers.leaping` for one trajectory, with the same random numbers.

The stoichiometry is not read as data here: it is among the constants for which the loops over species, reactions and
changes are unrolled.  Propensities, numbers of molecules and marks of reactions are tuples, one number for each.
"""

from __future__ import annotations

from symdyn_kernels.constants.leaping import EXACT, EXACT_AFTER_IMPLICIT, PIECES, WORTHWHILE
from symdyn_kernels.devices._leap import (
    BURSTS,
    FROM_TABLE,
    IMPLICIT,
    PARAMETERS,
    REACTIONS,
    SPECIES,
    STOPS,
    TIMED,
    orders,
    propensities,
    start,
)
from symdyn_kernels.devices._prelude import math
from symdyn_kernels.devices.equilibria import implicit_leap, length_across
from symdyn_kernels.devices.leaps import classify, draw, events, explicit_leap, longest, steady
from symdyn_kernels.devices.outputs import void
from symdyn_kernels.devices.reactions import changes, fire, least, pick, sound, total_of
from symdyn_kernels.devices.rows import DETAILS, EVALUATIONS, REJECTED, STATUS, STEPS
from symdyn_kernels.devices.streams import next_uniform, open_stream
from symdyn_kernels.devices.variates import exponential
from symdyn_kernels.status import NEGATIVE, NOT_FINITE, SUCCESS, TOO_MANY_STEPS


def record(x, i, q, values):
    """Write the numbers of molecules at an output time; returns whether all of them are finite."""
    for k in range(SPECIES):
        values[q, k, i] = x[k]
    return max(0.0, *(abs(x[k]) for k in range(SPECIES))) < math.inf


def trajectory(
    i, initial, parameters, times, streams, begin, stops, rtol, atol, step_size, epsilon, max_steps, seed, detect, fine, values,
    counts, passage,
):  # fmt: skip
    """One trajectory, in one thread."""
    x = tuple(initial[k, i] for k in range(SPECIES))
    p = (parameters, i) if FROM_TABLE else tuple(parameters[k, i] for k in range(PARAMETERS))
    s = open_stream(seed, streams[i])
    order = orders((times[0],), x, p)
    means = tuple(order[REACTIONS + b] for b in range(BURSTS))
    mean, second = changes(means)
    code = SUCCESS if sound(means) else NEGATIVE
    going = code == SUCCESS
    longest_piece = (times[times.size - 1] - times[0]) / PIECES
    t, piece, exact, was_implicit, q = times[0], longest_piece, 0, False, 1
    leaps, single, rejected, implicit, calls = 0, 0, 0, 0, 0
    record(x, i, 0, values)
    while going:
        while code == SUCCESS and q < times.size and t >= times[q]:
            if record(x, i, q, values):
                q += 1
            else:
                code = NOT_FINITE
        room = max_steps - leaps - single - rejected
        if code != SUCCESS:
            going = False
        elif STOPS and start((t,), x, p)[0] > 0.5:
            passage[i] = t
            going = False
            while q < times.size:
                record(x, i, q, values)
                q += 1
        elif q == times.size:
            going = False
        elif room <= 0:
            code = TOO_MANY_STEPS
        else:
            left = times[q] - t
            if TIMED:
                piece, a, total, bound = steady(t, min(2.0 * piece, longest_piece, left), epsilon, x, p)
                horizon = piece
                calls += 3
            else:
                a = propensities((t,), x, p)
                total = total_of(a)
                horizon, bound = left, total
                calls += 1
            if not bound >= 0.0 or bound == math.inf:
                code = NEGATIVE if bound < 0.0 else NOT_FINITE
            elif bound == 0.0:
                t = times[q] if horizon >= left else t + horizon
            elif exact > 0:  # rates depend on time: one candidate of thinning, or none in this piece
                wait, s = exponential(s)
                wait = wait / bound
                exact -= 1
                if wait >= horizon:
                    t = times[q] if horizon >= left else t + horizon
                else:
                    t = t + wait
                    u, s = next_uniform(s)
                    a = propensities((t,), x, p)
                    calls += 1
                    if u * bound < total_of(a):
                        single += 1
                        x, s = fire(s, pick(a, tuple(0 for j in range(REACTIONS)), 0, u * bound), means, x)
                        if least(x) < 0.0:
                            code = NEGATIVE
            else:
                # how far: the leap that the propensities allow, and the time of the next critical firing
                marks, rare = classify(x, a, mean)
                order = orders((t,), x, p)
                tau = longest(x, a, order, mean, second, marks, epsilon)
                explicit = tau
                equal = tuple(0 for j in range(REACTIONS))
                if IMPLICIT:
                    tau, equal = length_across(tau, left, t, marks, x, p, a, order, mean, second, epsilon)
                wait = math.inf
                if rare > 0.0:
                    wait, s = exponential(s)
                    wait = wait / rare
                trying = True
                while trying:
                    if tau < WORTHWHILE / total:
                        exact = EXACT_AFTER_IMPLICIT if was_implicit else EXACT
                        was_implicit, trying = False, False
                        if not TIMED:
                            t, made, code, x, s = events(s, t, times[q], min(exact, room), means, x, p)
                            single += made
                            calls += made
                            exact = 0
                    else:
                        h = min(tau, wait, horizon)
                        middle = t + 0.5 * h
                        if TIMED and h < piece:
                            a = propensities((middle,), x, p)
                            calls += 1
                        was_implicit = h > explicit
                        if IMPLICIT and was_implicit:
                            y, s = draw(s, h, a, means, marks, x)
                            made, y, s = implicit_leap(s, middle, h, marks, equal, mean, x, y, p, a)
                            good = made > 0
                            calls += max(made, 0)
                        else:
                            good, y, s = explicit_leap(s, middle, h, means, marks, x, p, a)
                            calls += 1
                        if good and wait <= min(tau, horizon):
                            u, s = next_uniform(s)
                            y, s = fire(s, pick(a, marks, 1, u * rare), means, y)
                        if good and least(y) >= 0.0:
                            t = times[q] if h >= left else t + h
                            x, trying = y, False
                            leaps += 1
                            if was_implicit:
                                implicit += 1
                        else:
                            rejected += 1
                            tau = 0.5 * h
    if code != SUCCESS:
        void(i, q, SPECIES, values)
    counts[STATUS, i] = code
    counts[STEPS, i] = leaps + single
    counts[REJECTED, i] = rejected
    counts[EVALUATIONS, i] = calls
    counts[DETAILS, i] = leaps
    counts[DETAILS + 1, i] = single
    if IMPLICIT:
        counts[DETAILS + 2, i] = implicit
