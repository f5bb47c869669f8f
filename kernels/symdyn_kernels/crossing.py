"""Where a condition ends trajectories: its margin at the ends of steps, and the crossing in the interpolant of a step.

The margin is a lane function ``f(lane, y, p, out)`` of time, states and parameters: 0 or above where the condition is true.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.delays import evaluate, foreseen
from symdyn_kernels.fused import fma
from symdyn_kernels.lanes import ACCEPT, ACTIVE, MARGIN, TB, TNEW, H, T, put
from symdyn_kernels.options import HELPER
from symdyn_kernels.shared.roots import MOST_GUESSES, NEAR, next_guess
from symdyn_kernels.simd import hsum, ld, le, splat, st, vld
from symdyn_kernels.status import NEGATIVE_DELAY, NOT_FINITE

__all__ = ["Ends", "crossings", "end", "hold", "interpolate"]


class Ends(NamedTuple):
    """What ends trajectories.

    Attributes
    ----------
    margin : int
        Address of the lane function; 0 where nothing ends trajectories.
    pb, trial : int
        Addresses of the parameters, and of scratch memory for the states of all lanes.
    ended : (W,) int64
        Filled: which lanes ended in the present step.
    passage : (N,) float64
        Filled: when trajectories ended.
    """

    margin: int
    pb: int
    trial: int
    ended: object
    passage: object


@njit(**HELPER)
def crossings(ends, y, W, WL, lanes, who, status, lagged=None):
    """Mark the lanes in which the condition is true at the end of an accepted step; returns how many there are.

    And how many fail, because their margin is not a number.  `lagged` is as in `symdyn_kernels.delays.evaluate`.
    """
    margin, pb, _, ended, _ = ends
    evaluate(margin, lanes[TNEW], y, pb, lanes[MARGIN], np.int64(0), W, W, lagged)
    put(lanes[MARGIN], 0, ld(lanes[MARGIN], 0), W)
    found, undefined = 0.0, 0.0
    for l in range(0, WL, 8):
        size, here = vld(lanes[MARGIN], l), vld(lanes[ACCEPT], l) * vld(lanes[ACTIVE], l)
        found += hsum(le(splat(0.0), size) * here)
        undefined += hsum((splat(1.0) - le(size, size)) * here)
    if found > 0.0:
        for l in range(W):
            ended[l] = ld(lanes[MARGIN], l) >= 0.0 and ld(lanes[ACCEPT], l) > 0.5 and ld(lanes[ACTIVE], l) > 0.5
    if undefined > 0.0:
        for l in range(W):
            size = ld(lanes[MARGIN], l)
            if size != size and who[l] >= 0 and ld(lanes[ACCEPT], l) > 0.5 and ld(lanes[ACTIVE], l) > 0.5:
                status[who[l]] = NEGATIVE_DELAY if foreseen(l, lagged) else NOT_FINITE
    return found, undefined


@njit(**HELPER)
def interpolate(polynomial, theta, l, n, W, target):
    """The states of lane `l` at a part `theta` of its step, by the operations of `symdyn_kernels.output`."""
    before, _, coefficients, stride, degree, nested = polynomial
    other = 1.0 - theta if nested else theta
    for i in range(n):
        e = i * W + l
        v = ld(coefficients, (degree - 1) * stride + e)
        for j in range(degree - 2, -1, -1):
            v = fma(v, other if j % 2 == 0 else theta, ld(coefficients, j * stride + e))
        st(target, e, fma(v, theta, ld(before, e)))


@njit(**HELPER)
def end(ends, polynomial, n, W, lanes, who, lagged=None):
    """End the step of each lane that is marked where the condition becomes true: its time, its states, and the passage."""
    margin, pb, trial, ended, passage = ends
    for l in range(W):
        if ended[l]:
            t, h, last = ld(lanes[T], l), ld(lanes[H], l), ld(lanes[TNEW], l)
            length = last - t
            a, b, reach, high = 0.0, 1.0, 1.0, ld(lanes[MARGIN], l)
            evaluate(margin, lanes[T], polynomial.before, pb, lanes[TB], l, l + 1, W, lagged)
            low = ld(lanes[TB], l)
            if low > 0.0:  # it became true where the right-hand side jumped
                b = 0.0
            for _ in range(MOST_GUESSES):
                guess = next_guess(a, b, low, high, reach) if low < 0.0 else b * NEAR
                if not a < guess < b:
                    break
                interpolate(polynomial, guess * length / h, l, n, W, trial)
                put(lanes[TB], l, t + guess * length, W)
                evaluate(margin, lanes[TB], trial, pb, lanes[TB] + 8 * W, l, l + 1, W, lagged)
                value = ld(lanes[TB] + 8 * W, l)
                if value >= 0.0:
                    b, high = guess, value
                else:
                    a, low = guess, value
                reach *= 0.5
            if b < 1.0:
                put(lanes[TNEW], l, t + b * length, W)
                interpolate(polynomial, b * length / h, l, n, W, polynomial.after)
            passage[who[l]] = ld(lanes[TNEW], l)


@njit(**HELPER)
def hold(ended, y, n, W, output):
    """Keep the states of the lanes that ended for all further outputs."""
    times = output.values.shape[1]
    for l in range(W):
        if ended[l]:
            ended[l] = 0
            for q in range(output.due[l], times):
                for i in range(n):
                    output.values[output.who[l], q, i] = ld(y, i * W + l)
            output.due[l] = times
