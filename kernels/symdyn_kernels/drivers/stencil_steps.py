"""Explicit steps of fields: of one length, or chosen by an embedded pair."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.arguments.fields import AdaptiveSteps, FixedSteps
from symdyn_kernels.arguments.parts import signature
from symdyn_kernels.constants.adaptive import GROW, SAFETY, SHRINK
from symdyn_kernels.simd import vld, vst
from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, STEP_TOO_SMALL, SUCCESS, TOO_MANY_STEPS
from symdyn_kernels.stencils.layout import N0, N1, NF, NS, SIZE
from symdyn_kernels.stencils.rates import rates
from symdyn_kernels.stencils.states import combine, load, scaled, sound, unload


@njit(signature(FixedSteps), error_model="numpy", nogil=True, cache=True)
def fixed(arguments):
    """Steps of one length, of a method without error estimate, as `arguments` say, a `FixedSteps`; returns the status."""
    (T, F, P, source, states, work), (stages, _, tableau), times, step, out, stop, done, counts = arguments
    M = (T[NF] * T[SIZE] + T[NS] + 15) // 16 * 16
    y, z, k = states, states + 8 * M, states + 16 * M
    size = T[NF] * T[N0] * T[N1] + T[NS]
    load(T, F, P, source, y, work)
    unload(T, y, out, T[NF], T[NS])
    first = 1
    triangle = stages * (stages - 1) // 2
    for m in range(1, times.size):
        gap = times[m] - times[m - 1]
        n = max(1, math.ceil(gap / step * (1 - 1e-12)))
        h = gap / n
        for i in range(n):
            if stop[0]:
                return INTERRUPTED
            t = times[m - 1] + h * i
            if stages == 1:
                rates(T, F, y, z, work, t, h, 1, first)
                y, z = z, y
            else:
                rates(T, F, y, k, work, t, 1.0, 0, first)
                at = 0
                for j in range(1, stages):
                    combine(z, y, k, M, tableau, at, j, h)
                    at += j
                    rates(T, F, z, k + 8 * j * M, work, t + tableau[triangle + stages + j] * h, 1.0, 0, 0)
                combine(z, y, k, M, tableau, triangle, stages, h)
                y, z = z, y
            first = 0
            counts[0] += 1
            counts[2] += stages
            done[0] = t
        if not sound(T, y):
            return NOT_FINITE
        unload(T, y, out + 8 * m * size, T[NF], T[NS])
    return SUCCESS


@njit(signature(AdaptiveSteps), error_model="numpy", nogil=True, cache=True)
def adaptive(arguments):
    """Steps by an embedded pair whose last stage is the first of the next step, as `arguments` say, an `AdaptiveSteps`."""
    (T, F, P, source, states, work), (stages, order, tableau), times, tolerances, out, stop, done, counts = arguments
    rtol, atol, longest, max_steps = tolerances
    M = (T[NF] * T[SIZE] + T[NS] + 15) // 16 * 16
    y, z, e, k = states, states + 8 * M, states + 16 * M, states + 24 * M
    zero = k + 8 * stages * M  # a block of zeros, from which the error is counted
    size = T[NF] * T[N0] * T[N1] + T[NS]
    triangle = stages * (stages - 1) // 2
    nodes, dense = triangle + stages, triangle + 2 * stages
    bs = np.zeros(stages)
    load(T, F, P, source, y, work)
    unload(T, y, out, T[NF], T[NS])
    if times.size == 1:
        return SUCCESS
    t, end = times[0], times[-1]
    rates(T, F, y, k, work, t, 1.0, 0, 1)
    counts[2] += 1
    # the first step of Hairer, Norsett & Wanner, II.4
    d0, d1 = scaled(T, y, y, y, rtol, atol), scaled(T, k, y, y, rtol, atol)
    h = min(1e-6 * (end - t) if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1, longest, end - t)
    if not h > 0:
        return NOT_FINITE
    bs[0] = 1.0
    combine(z, y, k, M, bs, 0, 1, h)
    rates(T, F, z, k + 8 * M, work, t + h, 1.0, 0, 0)
    counts[2] += 1
    bs[0], bs[1] = -1.0, 1.0
    combine(e, zero, k, M, bs, 0, 2, 1.0)
    d2 = scaled(T, e, y, y, rtol, atol) / h
    big = max(d1, d2)
    h = min(100 * h, (0.01 / big) ** (1.0 / (order + 1)) if big > 1e-15 else max(1e-6, h * 1e-3), longest, end - t)
    if not h > 0:
        return NOT_FINITE
    m, growth, before = 1, GROW, 1e-4
    power = 1.0 / (order + 1)
    while m < times.size:
        if stop[0]:
            return INTERRUPTED
        if counts[0] + counts[1] >= max_steps:
            return TOO_MANY_STEPS
        h = min(h, longest)
        final = t + h >= end - 1e-14 * abs(end)
        if final:
            h = end - t
        at = 0
        for j in range(1, stages):
            combine(z, y, k, M, tableau, at, j, h)
            at += j
            rates(T, F, z, k + 8 * j * M, work, t + tableau[nodes + j] * h, 1.0, 0, 0)
        counts[2] += stages - 1
        combine(e, zero, k, M, tableau, triangle, stages, h)
        error = scaled(T, e, y, z, rtol, atol)
        if not error <= 1.0:
            counts[1] += 1
            h *= max(SHRINK, SAFETY * error**-power) if error == error and error < 1e300 else SHRINK
            growth = 1.0
            if not h > abs(t) * 4e-16 + 1e-200:
                return STEP_TOO_SMALL if error == error else NOT_FINITE
            continue
        counts[0] += 1
        new = end if final else t + h
        while m < times.size and times[m] <= new:
            if times[m] == new:
                unload(T, z, out + 8 * m * size, T[NF], T[NS])
            else:
                x = (times[m] - t) / h
                for j in range(stages):
                    d = dense + 4 * j
                    bs[j] = x * (tableau[d] + x * (tableau[d + 1] + x * (tableau[d + 2] + x * tableau[d + 3])))
                combine(e, y, k, M, bs, 0, stages, h)
                unload(T, e, out + 8 * m * size, T[NF], T[NS])
            m += 1
        y, z = z, y
        # the last stage belongs to the new point
        for l in range(0, M, 8):
            vst(k, l, vld(k, (stages - 1) * M + l))
        t = new
        done[0] = t
        error = max(error, 1e-10)
        h *= min(growth, max(SHRINK, SAFETY * error ** (-0.75 * power) * before ** (0.4 * power)))
        before, growth = max(error, 1e-4), GROW
    return SUCCESS
