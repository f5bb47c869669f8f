"""The loop of every adaptive one-step method: W trajectories at a time, each with its own time and step size.

A lane whose trajectory is done takes the next one.  Nothing that happens to one lane depends on another, so results
are bitwise the same for any number of lanes, threads and chunks.  What differs between methods is `step`, `error`,
`stiffness` and `dense`; loading a driver replaces the import of `_steps` by the text of the method.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.drivers._steps import (
    DEGREE,
    ERROR_EXPONENT,
    FIRST,
    LAST,
    SLOTS,
    STIFFNESS,
    dense,
    error,
    step,
    stiffness,
)
from symdyn_kernels.lanes import (
    ACCEPT,
    ACTIVE,
    ERR,
    GROWTH,
    HNEXT,
    REJECTED,
    ROWS,
    STEPS,
    TEND,
    TNEW,
    TNEXT,
    H,
    T,
    abandon,
    arrays,
    load,
    park,
    start,
    void,
)  # fmt: skip
from symdyn_kernels.output import emit, padded, work_size
from symdyn_kernels.simd import hsum, ld, le, sel, splat, st, vabs, vfloor, vld, vmax, vmin, vpow, vst
from symdyn_kernels.status import NOT_FINITE, STEP_TOO_SMALL, STIFF, SUCCESS, TOO_MANY_STEPS

SAFETY, SHRINK = 0.9, 0.2
# stiffness is looked for in steps 300 to 340 of every thousand: long enough for 15 hits, too short to cost anything
PERIOD, WINDOW_START, WINDOW_END, HITS = 1000.0, 300.0, 340.0, 15

INTEGRATE = (
    "int64(int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[:, ::1], float64[:, ::1],"
    " float64[::1], float64, float64, float64, int64, int64, float64[:, :, ::1], int64[::1], int64[:, ::1], int64[::1],"
    " int64[::1])"
)


@njit(error_model="numpy")
def control(lanes, WL, max_steps, look):
    """Accept or reject, and choose the next step, for all lanes; returns whether outputs are due, alarms, lanes to look at."""
    due, alarm, looking = 0.0, 0.0, 0.0
    one, zero = splat(1.0), splat(0.0)
    for l in range(0, WL, 8):
        t, h, end, x, on = (
            vld(lanes[T], l),
            vld(lanes[H], l),
            vld(lanes[TEND], l),
            vld(lanes[ERR], l),
            vld(lanes[ACTIVE], l),
        )
        good = le(x, one)
        factor = vmin(vld(lanes[GROWTH], l), vmax(splat(SHRINK), vpow(vmax(x, splat(1e-12)), ERROR_EXPONENT) * SAFETY))
        factor = sel(le(x, x), factor, splat(SHRINK))  # an error that is not a number shrinks the step too
        following = h * factor
        new = sel(good, sel(le(end - t, h), end, t + h), t)
        vst(lanes[ACCEPT], l, good)
        vst(lanes[TNEW], l, new)
        vst(lanes[HNEXT], l, following)
        vst(lanes[GROWTH], l, sel(good, splat(5.0), one))  # no growth right after a rejection
        steps = vld(lanes[STEPS], l) + good * on
        rejected = vld(lanes[REJECTED], l) + (one - good) * on
        vst(lanes[STEPS], l, steps)
        vst(lanes[REJECTED], l, rejected)
        due += hsum(le(vld(lanes[TNEXT], l), new))
        stuck = sel(good, zero, one - le(vabs(t) * 4e-16 + 1e-200, following))
        alarm += hsum((stuck + le(splat(max_steps), steps + rejected)) * on)
        if look:
            phase = steps - vfloor(steps * (1.0 / PERIOD)) * PERIOD
            looking += hsum(le(splat(WINDOW_START), phase) * le(phase, splat(WINDOW_END)) * on)
    return due, alarm, looking


@njit(error_model="numpy")
def limit(lanes, WL, longest):
    """Clip the next step of every lane to the end of its interval and to the longest that is allowed."""
    for l in range(0, WL, 8):
        vst(lanes[H], l, vmin(vmin(vld(lanes[HNEXT], l), splat(longest)), vld(lanes[TEND], l) - vld(lanes[T], l)))


@njit(INTEGRATE, error_model="numpy", nogil=True, cache=True)
def integrate(
    f, factor, solve, n, npar, nlu, nft, W, first, last, Y0, P, times, rtol, atol, longest, max_steps, detect, out, status,
    counts, stop, done,
):  # fmt: skip
    """Integrate trajectories `first` to `last` (exclusive).

    Parameters
    ----------
    f, factor, solve : int64
        Addresses of lane functions; the last two are zero for explicit methods.
    n, npar, nlu, nft : int64
        Numbers of states, parameters, factors, and n if the factors are followed by time derivatives, else 0.
    W : int64
        Lanes: 1, 8, 16 or 32.
    Y0, P : (N, n), (N, npar) float64
    times : (T,) float64
        Increasing; the first is the time of the initial values.
    longest : float64
        The longest step allowed; infinite if any is.
    max_steps, detect : int64
        Attempts allowed a trajectory; whether to stop with STIFF.
    out : (N, T, n) float64
        Filled; NaN after a failure.
    status, counts : (N,), (N, 3) int64
        Status codes; accepted steps, rejected steps, steps with output.
    stop, done : (1,) int64
        Polled: nonzero interrupts.  Counts the trajectories that ended.

    Returns
    -------
    int64
        Iterations of the loop.
    """
    WL = max(W, 8)
    wm = WL - 1
    m = (n * W + 7) // 8 * 8
    ms = m + 8 - m % 16  # an odd number of cache lines apart, so that slots do not share cache sets
    buffer = np.zeros((4 + SLOTS + DEGREE) * ms + ROWS * WL + (npar + nlu + nft) * W + work_size(n) + 80)
    fb = (buffer.ctypes.data + 63) // 64 * 64
    yb, yt, work, ks = 0, ms, 2 * ms, 4 * ms
    k0, kl = ks + FIRST * ms, ks + LAST * ms
    a = fb + 8 * (4 + SLOTS + DEGREE) * ms
    lanes = arrays(a, WL)
    pb = a + 8 * ROWS * WL
    lu = pb + 8 * npar * W
    spare = (lu + 8 * (nlu + nft) * W + 127) // 64 * 64
    grid = padded(times)

    who, due, hits = np.full(W, -1, np.int64), np.ones(W, np.int64), np.zeros(W, np.int64)
    fresh = np.zeros(W, np.int64)
    waiting, live, iterations = first, 0, 0
    for l in range(W):
        load(min(waiting, last - 1), l, n, npar, W, Y0, P, times, out, fb + 8 * yb, pb, lanes, due, who)
        if waiting < last:
            waiting, live, fresh[l] = waiting + 1, live + 1, 1
        else:
            park(l, lanes, who, W)
    start(f, n, W, rtol, atol, fb + 8 * yb, pb, fb + 8 * k0, fb + 8 * work, lanes, fresh)
    limit(lanes, WL, longest)

    while live > 0 and stop[0] == 0:
        iterations += 1
        step(f, factor, solve, n, nlu, nft, W, WL, wm, m, ms, fb, ks, yb, yt, work, k0, kl, lanes, pb, lu, rtol, atol)
        error(f, factor, solve, n, nlu, nft, W, WL, wm, m, ms, fb, ks, yb, yt, work, k0, kl, lanes, pb, lu, rtol, atol)
        outputs, alarm, looking = control(lanes, WL, float(max_steps), detect)
        if alarm > 0.0:
            for l in range(W):
                if who[l] >= 0 and ld(lanes[ACTIVE], l) > 0.5:
                    x, h, t = ld(lanes[ERR], l), ld(lanes[HNEXT], l), ld(lanes[T], l)
                    code = SUCCESS
                    if ld(lanes[ACCEPT], l) < 0.5 and not (h > abs(t) * 4e-16 + 1e-200):
                        code = STEP_TOO_SMALL if x == x else NOT_FINITE
                    elif ld(lanes[STEPS], l) + ld(lanes[REJECTED], l) >= max_steps and ld(lanes[TNEW], l) < times[-1]:
                        code = TOO_MANY_STEPS
                    if code != SUCCESS:
                        status[who[l]] = code
        if looking > 0.0:
            stiffness(f, factor, solve, n, nlu, nft, W, WL, wm, m, ms, fb, ks, yb, yt, work, k0, kl, lanes, pb, lu, rtol, atol)
            for l in range(W):
                steps = ld(lanes[STEPS], l)
                phase = steps - PERIOD * math.floor(steps / PERIOD)
                if who[l] >= 0 and WINDOW_START <= phase <= WINDOW_END and ld(lanes[ACCEPT], l) > 0.5:
                    if phase == WINDOW_START:
                        hits[l] = 0
                    if ld(lanes[ERR], l) > STIFFNESS:
                        hits[l] += 1
                    if hits[l] >= HITS:
                        status[who[l]] = STIFF
                        alarm = 1.0
        if outputs > 0.0:
            dense(f, factor, solve, n, nlu, nft, W, WL, wm, m, ms, fb, ks, yb, yt, work, k0, kl, lanes, pb, lu, rtol, atol)
            inner = fb + 8 * (ks + SLOTS * ms)
            emit(fb + 8 * yb, fb + 8 * yt, inner, ms, DEGREE, 1, n, W, grid, out, counts, lanes, due, who, spare)
        # rejected lanes keep their state: it is copied to the new buffers, which are then the current ones
        for l in range(W):
            if ld(lanes[ACCEPT], l) < 0.5:
                for i in range(n):
                    st(fb, yt + i * W + l, ld(fb, yb + i * W + l))
                    if LAST >= 0:
                        st(fb, kl + i * W + l, ld(fb, k0 + i * W + l))
        yb, yt = yt, yb
        if LAST >= 0:
            k0, kl = kl, k0
        for l in range(0, WL, 8):
            vst(lanes[T], l, vld(lanes[TNEW], l))
        if outputs > 0.0 or alarm > 0.0:
            loaded = False
            for l in range(W):
                k = who[l]
                if k >= 0 and (due[l] >= times.size or status[k] != SUCCESS):
                    counts[k, 0] = np.int64(ld(lanes[STEPS], l))
                    counts[k, 1] = np.int64(ld(lanes[REJECTED], l))
                    void(k, due[l], n, out)
                    done[0] += 1
                    hits[l] = 0
                    if waiting < last:
                        load(waiting, l, n, npar, W, Y0, P, times, out, fb + 8 * yb, pb, lanes, due, who)
                        waiting, fresh[l], loaded = waiting + 1, 1, True
                    else:
                        live -= 1
                        park(l, lanes, who, W)
            if loaded:
                start(f, n, W, rtol, atol, fb + 8 * yb, pb, fb + 8 * k0, fb + 8 * work, lanes, fresh)
        limit(lanes, WL, longest)

    abandon(who, due, waiting, last, n, status, out)
    return iterations + 0 * buffer.size
