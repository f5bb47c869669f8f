"""The loop of the Taylor-series method: W trajectories at a time, each with its own time and step size.

Coefficients of order k are stored in rows of W numbers, first those of the states; one order follows the other, and order 0
follows the parameters and the model's further rows, so that the functions of a model address three blocks.
The series is in ``theta = (t' - t)/h`` with h the length of the step before, so that coefficients neither grow nor vanish.
A step is as long as its last two terms allow, and ends at a floating-point number: the time accumulates no error.
The next step begins with a series of its own, so after an event nothing has to be begun anew.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.arguments.adaptive import SeriesArguments, SeriesFunctions, SeriesSizes
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.constants.events import LEAST_STEP, SMOOTH
from symdyn_kernels.crossing import Ends, crossings, end, hold
from symdyn_kernels.event_memory import event_memory, output_size
from symdyn_kernels.event_search import crossed
from symdyn_kernels.events import arrivals, begin_events, happen, next_moment
from symdyn_kernels.fused import vfma
from symdyn_kernels.lanes import (
    ACCEPT,
    ACTIVE,
    ERR,
    HNEXT,
    REJECTED,
    ROWS,
    STEPS,
    TB,
    TEND,
    TNEW,
    TNEXT,
    H,
    Output,
    T,
    abandon,
    arrays,
    load,
    park,
    put,
    sum_states,
    void,
)
from symdyn_kernels.masks import below
from symdyn_kernels.options import HELPER, INLINE
from symdyn_kernels.output import Polynomial, emit, padded, work_size
from symdyn_kernels.simd import call, ld, le, sel, splat, st, vabs, vld, vmax, vmin, vpow, vst
from symdyn_kernels.status import NOT_FINITE, STEP_TOO_SMALL, SUCCESS, TOO_MANY_STEPS

#: Whether states change at events; loading the driver for models with events changes it.
EVENTS = False
#: Rows that the function of higher orders reads besides its sums: h/(k + 1), 1/k, k, and h for k = 1, else 0.
SCALARS = 4
#: A step grows at most so much.  If it has to be so much shorter than the one before, its series is made anew with that
#: length, because the scale of the error looks at the change over h; if the series is not finite, the step shrinks further.
GROWTH, FALL, SHRINK = 1e6, 0.25, 1.0 / 1024.0
#: Of the first step: the part of the time in which the solution changes by its own size, and what it is from zero.
CAUTION, LEAST = 0.01, 1e-6


class Model(NamedTuple):
    """The arguments of the functions of a model.

    Attributes
    ----------
    functions : SeriesFunctions
    sizes : SeriesSizes
    pb, c, yb, scalars : int
        Addresses of parameters, coefficients, states, and of the rows that are read besides.
    stride : int
        Doubles from one order to the next.
    """

    functions: SeriesFunctions
    sizes: SeriesSizes
    pb: int
    c: int
    yb: int
    scalars: int
    stride: int


@njit(**INLINE)
def narrow(source, target, W):
    """A row of lanes as the functions of a model read it: W numbers."""
    if W == 1:
        st(target, 0, ld(source, 0))
    else:
        for l in range(0, W, 8):
            vst(target, l, vld(source, l))


@njit(**INLINE)
def first_step(model, tolerances, lanes, fresh):
    """The first step size of the lanes just loaded, from the size of the solution and its derivative."""
    (zeroth, _, _), (_, npar, _, _, _, W), pb, _, yb, scalars, _ = model
    narrow(lanes[T], scalars, W)
    for l in range(W):
        st(scalars, W + l, 1.0)
    call(zeroth, scalars, yb, pb, pb + 8 * npar * W)
    for l in range(W):
        if fresh[l]:
            fresh[l] = 0
            put(lanes[H], l, cautious(model, tolerances, l, 1.0), W)


@njit(**INLINE)
def cautious(model, tolerances, l, scale):
    """The time in which a small part of lane `l` changes, whose derivatives times `scale` are the coefficients of order 1."""
    (n, _, _, _, _, W), c, stride = model.sizes, model.c, model.stride
    size, speed = 0.0, 0.0
    for i in range(n):
        y, slope = ld(c, i * W + l), ld(c, stride + i * W + l) / scale
        unit = tolerances.atol + tolerances.rtol * abs(y)
        size += (y / unit) ** 2
        speed += (slope / unit) ** 2
    h = CAUTION * math.sqrt(size / speed)
    return h if size > 1e-10 and 0.0 < h < np.inf else LEAST


@njit(**INLINE)
def expand(model, lanes):
    """Coefficients of all orders, in every lane."""
    (zeroth, higher, _), (n, npar, rows, _, order, W), pb, c, yb, scalars, _ = model
    narrow(lanes[T], scalars, W)
    narrow(lanes[H], scalars + 8 * W, W)
    call(zeroth, scalars, yb, pb, pb + 8 * npar * W)
    for k in range(1, order):
        inverse = 1.0 / (k + 1)
        if W == 1:
            h = ld(lanes[H], 0)
            st(scalars, 0, h * inverse)
            st(scalars, 1, 1.0 / k)
            st(scalars, 2, float(k))
            st(scalars, 3, h if k == 1 else 0.0)
        else:
            for l in range(0, W, 8):
                h = vld(lanes[H], l)
                vst(scalars, l, h * inverse)
                vst(scalars, W + l, splat(1.0 / k))
                vst(scalars, 2 * W + l, splat(float(k)))
                vst(scalars, 3 * W + l, h if k == 1 else splat(0.0))
        before = c + 8 * (k - 1) * rows * W
        call(higher, scalars, before, pb, before + 8 * (rows + n) * W)


@njit(**INLINE)
def control(model, tolerances, m, WL, work, lanes):
    """Choose the step of all lanes; returns whether outputs are due, and alarms, both as bits.

    The step is the longest at which the terms of the last two orders are, in root mean square over the states, at most
    ``atol + rtol*max(|y|, |h y'|)``: the last two, because every other coefficient of an even function is zero.
    """
    (n, _, _, _, order, W), c, stride = model.sizes, model.c, model.stride
    rtol, atol, longest, max_steps = tolerances
    last = c + 8 * order * stride
    for e in range(0, m, 8):
        scale = vmax(vabs(vld(c, e)), vabs(vld(c, stride + e))) * rtol + atol
        x, y = vld(last, e) / scale, vld(last, e - stride) / scale
        vst(work, e, x * x)
        vst(work, m + e, y * y)
    sum_states(work, lanes[ERR], n, W)
    sum_states(work + 8 * m, lanes[TB], n, W)
    due, alarm = 0, 0
    tiny, one = splat(1e-300), splat(1.0)
    for l in range(0, WL, 8):
        t, h, end, on = vld(lanes[T], l), vld(lanes[H], l), vld(lanes[TEND], l), vld(lanes[ACTIVE], l)
        x, y = vld(lanes[ERR], l) * (1.0 / n), vld(lanes[TB], l) * (1.0 / n)
        factor = vmin(vpow(vmax(x, tiny), -0.5 / order), vpow(vmax(y, tiny), -0.5 / (order - 1)))
        factor = sel(le(x + y, splat(1e300)), vmin(factor, splat(GROWTH)), splat(SHRINK))
        following = vmin(h * factor, splat(longest))
        good = le(splat(FALL), factor)
        new = sel(good, sel(le(end - t, following), end, t + following), t)
        steps = vld(lanes[STEPS], l) + good * on
        rejected = vld(lanes[REJECTED], l) + (one - good) * on
        vst(lanes[ACCEPT], l, good)
        vst(lanes[TNEW], l, new)
        vst(lanes[HNEXT], l, following)
        vst(lanes[STEPS], l, steps)
        vst(lanes[REJECTED], l, rejected)
        stuck = le(following, vabs(t) * 4e-16 + 1e-200)
        due |= below(vld(lanes[TNEXT], l), new)
        alarm |= below(splat(0.5), (stuck + le(splat(float(max_steps)), steps + rejected)) * on)
    return due, alarm


@njit(**INLINE)
def judge(l, lanes, max_steps, end):
    """The status of a lane for which there was an alarm."""
    h, t = ld(lanes[HNEXT], l), ld(lanes[T], l)
    if ld(lanes[TNEW], l) < end:
        if not (h > abs(t) * 4e-16 + 1e-200):
            x = ld(lanes[ERR], l) + ld(lanes[TB], l)
            return STEP_TOO_SMALL if x < np.inf else NOT_FINITE
        if ld(lanes[STEPS], l) + ld(lanes[REJECTED], l) >= max_steps:
            return TOO_MANY_STEPS
    return SUCCESS


@njit(**INLINE)
def advance(c, stride, order, m, wm, yb, lanes):
    """The states at the end of the step."""
    for e in range(0, m, 8):
        theta = (vld(lanes[TNEW], e & wm) - vld(lanes[T], e & wm)) / vld(lanes[H], e & wm)
        total = vld(c, order * stride + e)
        for k in range(order - 1, -1, -1):
            total = vfma(total, theta, vld(c, k * stride + e))
        vst(yb, e, sel(vld(lanes[ACCEPT], e & wm), total, vld(yb, e)))


@njit(signature(SeriesArguments), **HELPER)
def chunk(arguments):
    """Integrate all trajectories of `arguments`, a `Series`; returns the iterations of the loop."""
    functions, sizes, batch, tolerances, run, counts, signals, events = arguments
    n, npar, rows, kept, order, W = sizes
    times, status, max_steps, last = batch.times, run.status, tolerances.max_steps, batch.initial.shape[0]
    WL = max(W, 8)
    wm = WL - 1
    m = (n * W + 7) // 8 * 8
    stride = rows * W
    block = ((npar + kept) * W + (order + 1) * stride + 15) // 8 * 8
    length = block + 3 * m + ROWS * WL + work_size(n) + SCALARS * W + 8
    buffer = np.zeros(length + (output_size(events, W) + m + 32 if EVENTS else 0))
    pb = (buffer.ctypes.data + 63) // 64 * 64
    c = pb + 8 * (npar + kept) * W
    yb = pb + 8 * block
    work = yb + 8 * m
    a = work + 16 * m
    lanes = arrays(a, WL)
    spare = a + 8 * ROWS * WL
    scalars = spare + 8 * work_size(n)

    who, due, fresh = np.full(W, -1, np.int64), np.ones(W, np.int64), np.zeros(W, np.int64)
    output = Output(padded(times), run.values, counts, due, who)
    model = Model(functions, sizes, pb, c, yb, scalars, stride)
    ended = np.zeros(W, np.int64)
    ends = Ends(functions.margin, pb, work, ended, run.passage)
    if EVENTS:
        trial = (pb + 8 * length + 63) // 64 * 64
        happening = event_memory(events, W, trial + 8 * (m + 8), trial)
        after = np.zeros(W, np.int64)
    waiting, live, iterations, loaded, failed = 0, 0, 0, True, 0.0
    for l in range(W):
        load(min(waiting, last - 1), l, W, batch, output, yb, pb, lanes)
        put(lanes[H], l, LEAST, W)
        if waiting < last:
            if EVENTS:
                begin_events(events, happening, l, W, yb, pb, lanes)
                status[who[l]] = happen(events, happening, l, who[l], yb, n, W, pb, lanes, output, run.aside)
                failed += status[who[l]] != SUCCESS
                put(lanes[TEND], l, min(times[-1], next_moment(events, happening, l, who[l])), W)
            waiting, live, fresh[l] = waiting + 1, live + 1, 1
        else:
            park(l, lanes, who, W)
            put(lanes[TEND], l, times[0], W)

    while live > 0 and signals.stop[0] == 0:
        iterations += 1
        if loaded:
            loaded = False
            first_step(model, tolerances, lanes, fresh)
        expand(model, lanes)
        if EVENTS:  # a condition that was just met falls first, or it stays true: the step shows that
            for l in range(W):
                if after[l]:
                    after[l] = 0
                    least = max(cautious(model, tolerances, l, ld(lanes[H], l)), LEAST_STEP * abs(ld(lanes[T], l)))
                    put(lanes[TEND], l, min(ld(lanes[TEND], l), ld(lanes[T], l) + least), W)
        outputs, alarm = control(model, tolerances, m, WL, work, lanes)
        advance(c, stride, order, m, wm, yb, lanes)
        passed_by, undefined, happened = 0.0, 0.0, 0.0
        if not EVENTS and functions.margin != 0:
            passed_by, undefined = crossings(ends, yb, W, WL, lanes, who, status)
        if alarm != 0:
            for l in range(W):
                if who[l] >= 0 and ended[l] == 0 and status[who[l]] == SUCCESS:
                    status[who[l]] = judge(l, lanes, max_steps, times[-1])
        polynomial = Polynomial(c, yb, c + 8 * stride, stride, order, 0)
        if EVENTS:
            undefined, failed = failed, 0.0
            if events.sampled:
                undefined += crossed(events, happening, polynomial, n, W, WL, m, pb, lanes, who, status)
            happened = arrivals(events, happening, W, yb, pb, lanes, who, times[-1])
            if functions.margin != 0:
                passed_by, wrong = crossings(ends, yb, W, WL, lanes, who, status)
                undefined += wrong
        if outputs != 0 or passed_by > 0.0:
            if passed_by > 0.0:
                end(ends, polynomial, n, W, lanes, who)
            emit(polynomial, n, W, output, lanes, spare)
            if passed_by > 0.0:
                hold(ended, yb, n, W, output)
        if EVENTS and happened > 0.0:
            for l in range(W):
                k = who[l]
                if k >= 0 and happening.happens[l] != 0:
                    if status[k] == SUCCESS and not run.passage[k] <= ld(lanes[TNEW], l):
                        status[k] = happen(events, happening, l, k, yb, n, W, pb, lanes, output, run.aside)
                        after[l] = happening.smooth[l] != SMOOTH
                        put(lanes[TEND], l, min(times[-1], next_moment(events, happening, l, k)), W)
                    happening.happens[l] = 0
        for l in range(0, WL, 8):
            vst(lanes[T], l, vld(lanes[TNEW], l))
            if EVENTS:  # one that ends early does not say how long the next may be, and many would make it infinite
                vst(lanes[H], l, vmin(vld(lanes[HNEXT], l), splat(times[-1] - times[0])))
            else:
                vst(lanes[H], l, vld(lanes[HNEXT], l))
        if outputs != 0 or passed_by > 0.0 or alarm != 0 or undefined > 0.0 or happened > 0.0:
            for l in range(W):
                k = who[l]
                if k >= 0 and (due[l] >= times.size or status[k] != SUCCESS):
                    counts[k, 0] = np.int64(ld(lanes[STEPS], l))
                    counts[k, 1] = np.int64(ld(lanes[REJECTED], l))
                    void(k, due[l], n, run.values)
                    signals.done[0] += 1
                    if waiting < last:
                        load(waiting, l, W, batch, output, yb, pb, lanes)
                        if EVENTS:
                            begin_events(events, happening, l, W, yb, pb, lanes)
                            status[who[l]] = happen(events, happening, l, who[l], yb, n, W, pb, lanes, output, run.aside)
                            failed += status[who[l]] != SUCCESS
                            put(lanes[TEND], l, min(times[-1], next_moment(events, happening, l, who[l])), W)
                        waiting, fresh[l], loaded = waiting + 1, 1, True
                    else:
                        live -= 1
                        park(l, lanes, who, W)
                        put(lanes[TEND], l, ld(lanes[T], l), W)  # its step is zero from now on

    abandon(output, waiting, status)
    return iterations + 0 * buffer.size
