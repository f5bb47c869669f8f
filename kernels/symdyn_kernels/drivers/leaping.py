"""The driver of tau-leaping: explicit leaps, implicit leaps across fast equilibria, and exact events where those are cheaper.

It calls lane functions ``f(lane, y, p, out)`` with the time in the first row of `lane` and numbers of molecules in `y`:

    propensities    a_1 .. a_R
    orders          for each reaction the sum over species of |x da/dx| / a; then the means of the bursts
    factor, solve   of ``shift - d(S a)/dx``, for implicit leaps
    condition       1.0 where the trajectory ends

and reads the stoichiometry as data.  Each trajectory draws from its own stream, so its numbers depend on nothing but its
seed, its stream and its input.  Numbers of molecules never become negative: a leap that would make them so is
drawn again over half the time.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.arguments.networks import LeapingArguments
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.constants.leaping import EXACT, EXACT_AFTER_IMPLICIT, PIECES, WORTHWHILE
from symdyn_kernels.equilibria import Solver, Space, implicit_leap, length_across
from symdyn_kernels.leaps import classify, draw, events, explicit_leap, longest, steady
from symdyn_kernels.networks import Network, burst_moments, copy, evaluate, fire, holds, least, pick, record
from symdyn_kernels.rng import next_uniform
from symdyn_kernels.simd import call
from symdyn_kernels.status import INTERRUPTED, NEGATIVE, NOT_FINITE, SUCCESS, TOO_MANY_STEPS
from symdyn_kernels.variates import exponential, open_stream

__all__ = ["chunk"]

#: Places in the counts of a trajectory.
LEAPS, EVENTS, REJECTED, IMPLICIT, CALLS = range(5)


@njit(signature(LeapingArguments), nogil=True, error_model="numpy", cache=True)
def chunk(arguments):
    """Simulate all trajectories of `arguments`, a `Leaping`; returns how many reached the last time."""
    functions, sizes, structure, watched, seed, epsilon, max_steps, batch, run, counts, signals = arguments
    initial, parameters, times, streams = batch
    out, status, passage = run.values, run.status, run.passage
    W, n, R, nb, nfactors, timed = sizes
    orders_function, condition, implicit = functions.orders, functions.condition, functions.factor != 0
    x, y, x_saved = np.zeros(n * W + 8), np.zeros(n * W + 8), np.zeros(n * W + 8)
    a, b, orders = np.zeros(R * W + 8), np.zeros(R * W + 8), np.zeros((R + nb) * W + 8)
    p, lane, factors = np.zeros(parameters.shape[1] * W + 8), np.zeros(2 * W + 8), np.zeros((nfactors + n) * W + 8)
    residual, step, found = np.zeros(n * W + 8), np.zeros(n * W + 8), np.zeros(W + 8)
    mean, second, bmean = np.zeros(structure.fixed.size), np.zeros(structure.fixed.size), np.zeros(nb)
    work = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    critical, equal, skip, every = np.zeros(R, np.int64), np.zeros(R, np.int64), np.zeros(R, np.int64), np.zeros(R, np.int64)
    rate, s = np.zeros(R), np.zeros(4, np.uint64)
    network = Network(functions.propensities, W, n, R, structure, bmean, mean, second, lane, p)
    space = Space(x, y, a, b, orders, critical, equal, skip, rate, work)
    solver = Solver(functions.factor, functions.solve, factors, residual, step)
    longest_piece = (times[-1] - times[0]) / PIECES

    finished = 0
    for row in range(streams.size):
        open_stream(s, seed, streams[row])
        for i in range(n):
            x[i * W] = initial[row, i]
            out[row, 0, i] = x[i * W]
        for i in range(parameters.shape[1]):
            p[i * W] = parameters[row, i]
        counts[row] = 0
        lane[:] = times[0]
        call(orders_function, lane.ctypes.data, x.ctypes.data, p.ctypes.data, orders.ctypes.data)
        code = burst_moments(network, orders)
        t, piece, exact = times[0], longest_piece, 0
        was_implicit = False
        q = 1
        while code == SUCCESS:
            while q < times.size and t >= times[q] and code == SUCCESS:
                code = record(out, row, q, W, n, x)
                q += code == SUCCESS
            if code != SUCCESS:
                break
            if holds(condition, W, t, lane, x, p, found):
                passage[row] = t
                for i in range(n):
                    out[row, q:, i] = x[i * W]
                break
            if q == times.size:
                break
            if signals.stop[0] != 0:
                code = INTERRUPTED
                break
            room = max_steps - counts[row, LEAPS] - counts[row, EVENTS] - counts[row, REJECTED]
            if room <= 0:
                code = TOO_MANY_STEPS
                break
            left = times[q] - t
            if timed:
                piece = min(2.0 * piece, longest_piece, left)
                piece, total, bound = steady(network, t, piece, epsilon, x, a, b)
                horizon = piece
            else:
                total = evaluate(network, t, x, a)
                horizon, bound = left, total
            counts[row, CALLS] += 1 + 2 * timed
            if not bound >= 0.0 or bound == np.inf:
                code = NEGATIVE if bound < 0.0 else NOT_FINITE
                break

            if bound == 0.0:
                t = times[q] if horizon >= left else t + horizon
            elif exact > 0:  # rates depend on time: one candidate of thinning, or none in this piece
                wait = exponential(s) / bound
                exact -= 1
                if wait >= horizon:
                    t = times[q] if horizon >= left else t + horizon
                else:
                    t += wait
                    threshold = next_uniform(s) * bound
                    counts[row, CALLS] += 1
                    if threshold < evaluate(network, t, x, a):
                        counts[row, EVENTS] += 1
                        j = pick(W, R, a, every, 0, threshold)
                        if fire(s, j, 1.0, W, structure, bmean, x) < 0.0:
                            code = NEGATIVE
            else:
                # how far: the leap that the propensities allow, and the time of the next critical firing
                rare = classify(network, x, a, critical)
                call(orders_function, lane.ctypes.data, x.ctypes.data, p.ctypes.data, orders.ctypes.data)
                tau = longest(network, watched, x, a, orders, critical, epsilon, work)
                explicit = tau
                if implicit:
                    tau = length_across(tau, left, network, t, watched, epsilon, space)
                wait = exponential(s) / rare if rare > 0.0 else np.inf
                copy(x_saved, x)
                while True:
                    if tau < WORTHWHILE / total:
                        exact = EXACT_AFTER_IMPLICIT if was_implicit else EXACT
                        was_implicit = False
                        if not timed:
                            t, made, code = events(s, network, condition, t, times[q], min(exact, room), every, x, a, found)
                            counts[row, EVENTS] += made
                            counts[row, CALLS] += made
                            exact = 0
                        break
                    h = min(tau, wait, horizon)
                    now = t + 0.5 * h
                    if timed and h < piece:
                        evaluate(network, now, x, a)
                        counts[row, CALLS] += 1
                    was_implicit = implicit and h > explicit
                    if was_implicit:
                        draw(s, network, h, critical, a, b, False, x)
                        copy(y, x_saved)
                        calls = implicit_leap(s, network, solver, now, h, space)
                        good = calls > 0
                        counts[row, CALLS] += max(calls, 0)
                    else:
                        good = explicit_leap(s, network, now, h, critical, x, a, b)
                        counts[row, CALLS] += 1
                    if good and wait <= min(tau, horizon):
                        j = pick(W, R, a, critical, 1, next_uniform(s) * rare)
                        fire(s, j, 1.0, W, structure, bmean, x)
                    if good and least(W, n, x) >= 0.0:
                        t = times[q] if h >= left else t + h
                        counts[row, LEAPS] += 1
                        counts[row, IMPLICIT] += was_implicit
                        break
                    copy(x, x_saved)
                    counts[row, REJECTED] += 1
                    tau = 0.5 * h
        if code != SUCCESS:
            out[row, q:] = np.nan
        status[row] = code
        if code != INTERRUPTED:
            finished += 1
            signals.done[0] += 1
    # used through their addresses alone: keep them alive until here
    return finished + 0 * (p.size + lane.size + orders.size + factors.size + step.size + found.size)
