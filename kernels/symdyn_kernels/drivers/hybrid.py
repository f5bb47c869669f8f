"""The driver of hybrid simulation: abundant, frequent reactions flow, the others jump at exact random times.

It calls lane functions ``f(lane, y, p, out)`` with the time in the first row of `lane` and numbers of molecules in `y`:

    propensities    a_1 .. a_R
    orders          R values that are not used here; then the means of the bursts
    condition       1.0 where the trajectory ends

and reads the stoichiometry as data.  The state is whole numbers plus the stoichiometry times the extents of the flowing
reactions: ``x = base + sum_j S_j xi_j``.  Extents and the integrated hazard of the jumping reactions are integrated by the
pair of Bogacki & Shampine (Appl. Math. Lett. 2 (1989) 321); the next jump comes where the hazard reaches an exponential number.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from symdyn_kernels.flow import assemble, between, crossing, divide, error, first_step, jump, passed, slope
from symdyn_kernels.networks import burst_moments, holds, record
from symdyn_kernels.simd import call
from symdyn_kernels.status import INTERRUPTED, NEGATIVE, STEP_TOO_SMALL, SUCCESS, TOO_MANY_STEPS
from symdyn_kernels.variates import exponential, open_stream

__all__ = ["chunk"]

SIGNATURE = (
    "int64(UniTuple(int64, 3), UniTuple(int64, 5), UniTuple(int64[::1], 8), int64, int64[::1], float64[:, ::1],"
    " float64[:, ::1], float64[::1], UniTuple(float64, 3), int64, float64[:, :, ::1], int64[::1], int64[:, ::1],"
    " float64[::1], int64[::1], int64[::1])"
)

#: Steps from the first to the last time at least, if rates or the condition depend on time.
PIECES = 1000.0
#: Steps below this part of the time are given up.
SHORTEST = 1e-14
#: The first step is no shorter than this part of the time: if that is too long the step is refused.
LEAST_FIRST = 1e-12
SAFETY, SHRINK, GROW = 0.9, 0.2, 5.0
#: Places in the counts of a trajectory.
STEPS, JUMPS, REJECTED, SWITCHES, CALLS = range(5)


@njit(SIGNATURE, nogil=True, error_model="numpy", cache=True)
def chunk(
    functions, sizes, structure, seed, streams, initial, parameters, times, tolerances, max_steps,
    out, status, counts, passage, stop, done,
):  # fmt: skip
    """Simulate trajectories.

    Parameters
    ----------
    functions : tuple of 3 int
        Addresses of propensities, orders and condition (0 if there is none).
    sizes : tuple of 5 int
        Lanes W of the functions (lane 0 is used), species n, reactions R, bursts, and whether rates or the condition depend
        on time.
    structure : tuple of 8 int64 arrays
        The stoichiometry, as `symdyn_kernels.networks` describes it.
    seed : int
    streams : (N,) int64
    initial, parameters : (N, n) and (N, k) float64
    times : (T,) float64, not decreasing
    tolerances : tuple of 3 float
        rtol and atol of the flow, and epsilon: reaction j flows if ``x_i >= <S_ij^2> / (|<S_ij>| epsilon^2)`` for the
        species that it changes, and if it fires ``1/epsilon^2`` times in the whole time at its present propensity.
    max_steps : int
        Steps, jumps and rejected steps allowed a trajectory.
    out : (N, T, n) float64
    status : (N,) int64
    counts : (N, 5) int64
        Steps of the flow, jumps, rejected steps, changes between flow and jumps, evaluations of all propensities.
    passage : (N,) float64
        Set where a trajectory ended by its condition, which is looked at in the beginning, and after steps and jumps; where it
        holds after a step, the moment at which it began to is found in it.
    stop, done : (1,) int64

    Returns
    -------
    int
        Number of trajectories that came to their end.
    """
    W, n, R, nb, timed = sizes
    f, condition = functions[0], functions[2]
    x, y, orders = np.zeros(n * W + 8), np.zeros(n * W + 8), np.zeros((R + nb) * W + 8)
    a, p, lane = np.zeros(R * W + 8), np.zeros(parameters.shape[1] * W + 8), np.zeros(W + 8)
    found, within = np.zeros(W + 8), np.zeros(n * W + 8)
    base, drift, xi, new, part = np.zeros(n), np.zeros(n), np.zeros(R), np.zeros(R), np.zeros(R)
    k1, k2, k3, k4 = np.zeros(R + 1), np.zeros(R + 1), np.zeros(R + 1), np.zeros(R + 1)
    mean, noise, bmean = np.zeros(structure[2].size), np.zeros(structure[2].size), np.zeros(nb)
    flows = np.zeros(R, np.int64)
    s = np.zeros(4, np.uint64)
    span = times[-1] - times[0]

    finished = 0
    for row in range(streams.size):
        open_stream(s, seed, streams[row])
        for i in range(n):
            base[i] = initial[row, i]
            out[row, 0, i] = base[i]
        for i in range(parameters.shape[1]):
            p[i * W] = parameters[row, i]
        counts[row] = 0
        flows[:], xi[:] = 0, 0.0
        lane[:] = times[0]
        assemble(W, n, R, structure, mean, flows, base, xi, x)
        call(functions[1], lane.ctypes.data, x.ctypes.data, p.ctypes.data, orders.ctypes.data)
        code = burst_moments(W, R, structure, orders, bmean, mean, noise)
        for e in range(mean.size):
            noise[e] = noise[e] / abs(mean[e]) if mean[e] != 0.0 else np.inf
        t, h, q = times[0], np.inf, 1
        level, risk = exponential(s), 0.0  # the hazard at which the next jump comes, and what it is now
        fresh = False
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
            if counts[row, STEPS] + counts[row, JUMPS] + counts[row, REJECTED] >= max_steps:
                code = TOO_MANY_STEPS
                break
            if not fresh:
                code = slope(f, W, R, t, flows, lane, x, p, a, k1)
                counts[row, CALLS] += 1
                if code != SUCCESS:
                    break
            changed = divide(s, W, R, structure, mean, noise, tolerances[2], span, flows, base, xi, x, a)
            if changed > 0:
                counts[row, SWITCHES] += changed
                assemble(W, n, R, structure, mean, flows, base, xi, x)
                code = slope(f, W, R, t, flows, lane, x, p, a, k1)
                h = np.inf
                if code != SUCCESS:
                    break
            fresh = True
            flowing = flows.sum() > 0
            left = times[q] - t
            if not flowing and not timed:
                # nothing moves between jumps: the time of the next one is explicit
                wait = (level - risk) / k1[R] if k1[R] > 0.0 else np.inf
                if wait >= left:
                    risk += k1[R] * left
                    t = times[q]
                else:
                    t += wait
                    counts[row, JUMPS] += 1
                    if not jump(s, W, n, R, structure, bmean, mean, flows, k1[R], a, base, xi, x):
                        code = NEGATIVE
                    level, risk, fresh = exponential(s), 0.0, False
            else:
                if h == np.inf:
                    h = max(first_step(W, n, R, structure, mean, k1, x, drift), LEAST_FIRST * max(abs(t), span))
                if timed:
                    h = min(h, span / PIECES)
                if h < SHORTEST * max(abs(t), span):
                    code = STEP_TOO_SMALL
                    break
                d = min(h, left)
                bad = SUCCESS
                for j in range(R):
                    new[j] = xi[j] + 0.5 * d * k1[j]
                assemble(W, n, R, structure, mean, flows, base, new, y)
                bad = max(bad, slope(f, W, R, t + 0.5 * d, flows, lane, y, p, a, k2))
                for j in range(R):
                    new[j] = xi[j] + 0.75 * d * k2[j]
                assemble(W, n, R, structure, mean, flows, base, new, y)
                bad = max(bad, slope(f, W, R, t + 0.75 * d, flows, lane, y, p, a, k3))
                for j in range(R):
                    new[j] = xi[j] + d * (2 / 9 * k1[j] + k2[j] / 3 + 4 / 9 * k3[j])
                assemble(W, n, R, structure, mean, flows, base, new, y)
                bad = max(bad, slope(f, W, R, t + d, flows, lane, y, p, a, k4))
                counts[row, CALLS] += 3
                size = error(W, n, R, structure, mean, d, tolerances, k1, k2, k3, k4, x, y, drift)
                if bad != SUCCESS or not size <= 1.0:
                    counts[row, REJECTED] += 1
                    h = d * max(SHRINK, SAFETY * size ** (-1 / 3)) if bad == SUCCESS else SHRINK * d
                    # `a` belongs to the end of the refused step
                    fresh = False
                else:
                    after = risk + d * (2 / 9 * k1[R] + k2[R] / 3 + 4 / 9 * k3[R])
                    counts[row, STEPS] += 1
                    following = d * min(GROW, SAFETY * max(size, 1e-12) ** (-1 / 3))
                    h = following if d == h else max(h, following)
                    theta = crossing(level, d, risk, after, k1[R], k4[R]) if after >= level else 1.0
                    held = passed(
                        condition, W, n, R, structure, mean, flows, base, t, d, theta, xi, new, k1, k4, lane, within, p, part,
                        found,
                    )  # fmt: skip
                    if held <= theta:
                        between(held, d, R, flows, xi, new, k1, k4, part)
                        xi[:] = part
                        t += held * d
                        assemble(W, n, R, structure, mean, flows, base, xi, x)
                        fresh = False
                    elif after >= level:
                        between(theta, d, R, flows, xi, new, k1, k4, part)
                        xi[:] = part
                        t += theta * d
                        assemble(W, n, R, structure, mean, flows, base, xi, x)
                        code = slope(f, W, R, t, flows, lane, x, p, a, k1)
                        counts[row, CALLS] += 1
                        counts[row, JUMPS] += 1
                        if code == SUCCESS and not jump(s, W, n, R, structure, bmean, mean, flows, k1[R], a, base, xi, x):
                            code = NEGATIVE
                        level, risk, fresh = exponential(s), 0.0, False
                    else:
                        t = times[q] if d >= left else t + d
                        xi[:] = new
                        x[:] = y
                        k1[:] = k4
                        risk = after
        if code != SUCCESS:
            out[row, q:] = np.nan
        status[row] = code
        if code != INTERRUPTED:
            finished += 1
            done[0] += 1
    # used through their addresses alone: keep them alive until here
    return finished + 0 * (p.size + lane.size + orders.size + a.size + found.size + within.size)
