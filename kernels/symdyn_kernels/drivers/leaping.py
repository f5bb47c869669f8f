"""The driver of tau-leaping: explicit leaps, implicit leaps across fast equilibria, and exact events where leaps do not pay.

It calls lane functions ``f(lane, y, p, out)`` with the time in the first row of `lane` and numbers of molecules in `y`:

    propensities    a_1 .. a_R
    orders          for each reaction the sum over species of |x da/dx| / a; then the means of the bursts
    factor, solve   of ``shift - d(S a)/dx``, for implicit leaps
    condition       1.0 where the trajectory ends

and reads the stoichiometry as data.  Each trajectory draws from its own stream, so nothing but its seed, its stream
and its input decides about its numbers.  Numbers of molecules never become negative: a leap that would make them so is
drawn again over half the time.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.equilibria import implicit_leap, length_across
from symdyn_kernels.leaps import classify, draw, events, explicit_leap, longest, quiet
from symdyn_kernels.networks import burst_moments, copy, evaluate, fire, holds, least, pick, record
from symdyn_kernels.rng import next_uniform
from symdyn_kernels.simd import call
from symdyn_kernels.status import INTERRUPTED, NEGATIVE, NOT_FINITE, SUCCESS, TOO_MANY_STEPS
from symdyn_kernels.variates import exponential, open_stream

__all__ = ["chunk"]

SIGNATURE = (
    "int64(UniTuple(int64, 5), UniTuple(int64, 6), UniTuple(int64[::1], 8), float64[::1], int64, int64[::1], float64[:, ::1],"
    " float64[:, ::1], float64[::1], float64, int64, float64[:, :, ::1], int64[::1], int64[:, ::1], float64[::1],"
    " int64[::1], int64[::1])"
)

#: Leaps shorter than this many mean waiting times are not worth their price; so many exact events follow instead.
WORTHWHILE, EXACT, EXACT_AFTER_IMPLICIT = 10.0, 100, 10
#: Rates that depend on time are looked at this many times at least.
PIECES = 1000.0
#: Places in the counts of a trajectory.
LEAPS, EVENTS, REJECTED, IMPLICIT, CALLS = range(5)


@njit(SIGNATURE, nogil=True, error_model="numpy", cache=True)
def chunk(
    functions, sizes, structure, watched, seed, streams, initial, parameters, times, epsilon, max_steps, out, status, counts,
    passage, stop, done,
):  # fmt: skip
    """Simulate trajectories.

    Parameters
    ----------
    functions : tuple of 5 int
        Addresses of propensities, orders, factor, solve, condition; of the last three those are 0 that are not needed.
    sizes : tuple of 6 int
        Lanes W of the functions (lane 0 is used), species n, reactions R, bursts, factors, and whether rates depend on time.
    structure : tuple of 8 int64 arrays
        The stoichiometry, as `symdyn_kernels.networks` describes it.
    watched : (n,) float64
        For a species in the condition how many times less than `epsilon` it changes in a leap, else 0.
    seed : int
    streams : (N,) int64
    initial, parameters : (N, n) and (N, k) float64
    times : (T,) float64, not decreasing
    epsilon : float
    max_steps : int
        Leaps, events and rejected leaps allowed a trajectory.
    out : (N, T, n) float64
    status : (N,) int64
    counts : (N, 5) int64
        Leaps (implicit ones included), exact events, rejected leaps, implicit leaps, evaluations of all propensities.
    passage : (N,) float64
        Set where a trajectory ended by its condition, which is looked at in the beginning, and after leaps and exact events.
    stop, done : (1,) int64

    Returns
    -------
    int
        Number of trajectories that came to their end.
    """
    W, n, R, nb, nfactors, timed = sizes
    f, implicit, condition = functions[0], functions[2] != 0, functions[4]
    x, y, x_saved = np.zeros(n * W + 8), np.zeros(n * W + 8), np.zeros(n * W + 8)
    a, b, orders = np.zeros(R * W + 8), np.zeros(R * W + 8), np.zeros((R + nb) * W + 8)
    p, lane, factors = np.zeros(parameters.shape[1] * W + 8), np.zeros(2 * W + 8), np.zeros((nfactors + n) * W + 8)
    residual, step, found = np.zeros(n * W + 8), np.zeros(n * W + 8), np.zeros(W + 8)
    mean, second, bmean = np.zeros(structure[2].size), np.zeros(structure[2].size), np.zeros(nb)
    work = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    critical, equal, skip, every = np.zeros(R, np.int64), np.zeros(R, np.int64), np.zeros(R, np.int64), np.zeros(R, np.int64)
    rate, s = np.zeros(R), np.zeros(4, np.uint64)
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
        call(functions[1], lane.ctypes.data, x.ctypes.data, p.ctypes.data, orders.ctypes.data)
        code = burst_moments(W, R, structure, orders, bmean, mean, second)
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
            if stop[0] != 0:
                code = INTERRUPTED
                break
            room = max_steps - counts[row, LEAPS] - counts[row, EVENTS] - counts[row, REJECTED]
            if room <= 0:
                code = TOO_MANY_STEPS
                break
            left = times[q] - t
            if timed:
                piece = min(2.0 * piece, longest_piece, left)
                piece, total, bound = quiet(f, W, R, t, piece, epsilon, lane, x, p, a, b)
                horizon = piece
            else:
                total = evaluate(f, W, R, t, lane, x, p, a)
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
                    if threshold < evaluate(f, W, R, t, lane, x, p, a):
                        counts[row, EVENTS] += 1
                        j = pick(W, R, a, every, 0, threshold)
                        if fire(s, j, 1.0, W, structure, bmean, x) < 0.0:
                            code = NEGATIVE
            else:
                # how far: the leap that the propensities allow, and the time of the next critical firing
                rare = classify(W, R, structure, x, a, mean, critical)
                call(functions[1], lane.ctypes.data, x.ctypes.data, p.ctypes.data, orders.ctypes.data)
                tau = longest(W, n, R, structure, watched, x, a, orders, mean, second, critical, epsilon, work)
                explicit = tau
                if implicit:
                    tau = length_across(
                        tau, left, f, sizes, t, structure, watched, critical, lane, x, y, p, a, b, orders, mean, second, equal,
                        skip, rate, epsilon, work,
                    )  # fmt: skip
                wait = exponential(s) / rare if rare > 0.0 else np.inf
                copy(x_saved, x)
                while True:
                    if tau < WORTHWHILE / total:
                        exact = EXACT_AFTER_IMPLICIT if was_implicit else EXACT
                        was_implicit = False
                        if not timed:
                            t, made, code = events(
                                s, f, condition, W, R, t, times[q], min(exact, room), structure, bmean, every, lane, x, p,
                                a, found,
                            )  # fmt: skip
                            counts[row, EVENTS] += made
                            counts[row, CALLS] += made
                            exact = 0
                        break
                    h = min(tau, wait, horizon)
                    now = t + 0.5 * h
                    if timed and h < piece:
                        evaluate(f, W, R, now, lane, x, p, a)
                        counts[row, CALLS] += 1
                    was_implicit = implicit and h > explicit
                    if was_implicit:
                        draw(s, W, R, h, structure, bmean, critical, a, b, False, x)
                        copy(y, x_saved)
                        calls = implicit_leap(
                            s, functions, sizes, now, h, structure, critical, equal, mean, lane, factors, y, x, p, a, b,
                            residual, step,
                        )  # fmt: skip
                        good = calls > 0
                        counts[row, CALLS] += max(calls, 0)
                    else:
                        good = explicit_leap(s, f, W, n, R, now, h, structure, bmean, critical, lane, x, p, a, b)
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
            done[0] += 1
    # used through their addresses alone: keep them alive until here
    return finished + 0 * (p.size + lane.size + orders.size + factors.size + step.size + found.size)
