"""Bookkeeping of the lanes of an adaptive driver: the trajectory of each, loading, output, idle lanes.

A lane array has one double for each lane; with W = 1 all eight entries of a vector are copies of the single lane, so that
the flat loops over states may use the same vectors.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numba import njit, types

from symdyn_kernels.options import HELPER
from symdyn_kernels.shared.control import first_length, resumed_length
from symdyn_kernels.simd import call, ld, splat, st, vld, vst
from symdyn_kernels.status import INTERRUPTED

#: Places in the tuple of lane arrays.
T, TEND, TNEXT, TNEW, H, HNEXT, ACCEPT, ERR, ACTIVE, GROWTH, STEPS, REJECTED, BEFORE, EARLIER, MARGIN, TB = range(16)
#: Of a lane whose states bend, as rates of change jump, at the knot of an input, in `fresh`, which is 0 of one that goes on.
BENT_LANE = 5
#: Rows of W doubles that all lane arrays take: the last has two, for the time and the shift of a Jacobian.
ROWS = 17


class LaneMemory(NamedTuple):
    """Memory layout of the vectors of a step: offsets in doubles from an address, and addresses.

    Attributes
    ----------
    WL, wm : int
        Lanes, 8 at least, and the mask that gives the lane of an entry of a vector.
    m, ms : int
        Length of a vector of all states of all lanes, and from one to the next.
    fb, ks, work : int
        Address of the vectors; offsets of the first slot and of scratch memory.
    lanes : tuple of int
        Addresses of the lane arrays.
    pb, lu : int
        Addresses of the parameters and of the factors.
    """

    WL: int
    wm: int
    m: int
    ms: int
    fb: int
    ks: int
    work: int
    lanes: Annotated[tuple, types.UniTuple(types.int64, TB + 1)]
    pb: int
    lu: int


class LanePlaces(NamedTuple):
    """Offsets of what changes places after every step.

    Attributes
    ----------
    yb, yt : int
        Of the states before and after the step.
    k0, kl : int
        Of their slopes.
    """

    yb: int
    yt: int
    k0: int
    kl: int


class Output(NamedTuple):
    """Progress of the trajectories in their output, and the arrays that receive it.

    Attributes
    ----------
    times : (T + 16,) float64
        From `symdyn_kernels.output.padded`.
    values : (N, T, n) float64
    counts : (N, m) int64
        In column 2 steps with output are counted.
    due, who : (W,) int64
        The next output of each lane; its trajectory, or -1.
    """

    times: np.ndarray
    values: np.ndarray
    counts: np.ndarray
    due: np.ndarray
    who: np.ndarray


@njit(**HELPER)
def put(array, lane, value, W):
    """Set the entry of one lane."""
    if W == 1:
        vst(array, 0, splat(value))
    else:
        st(array, lane, value)


@njit(**HELPER)
def arrays(a, WL):
    """Addresses of the lane arrays, which begin at `a`."""
    w = 8 * WL
    return (
        a, a + w, a + 2 * w, a + 3 * w, a + 4 * w, a + 5 * w, a + 6 * w, a + 7 * w, a + 8 * w, a + 9 * w, a + 10 * w,
        a + 11 * w, a + 12 * w, a + 13 * w, a + 14 * w, a + 15 * w,
    )  # fmt: skip


@njit(**HELPER)
def sum_states(terms, total, n, W):
    """Sum over the states for each lane, from the first to the last whatever W is."""
    if W == 1:
        s = 0.0
        for i in range(n):
            s += ld(terms, i)
        vst(total, 0, splat(s))
    else:
        for l in range(0, W, 8):
            s = vld(terms, l)
            for i in range(1, n):
                s = s + vld(terms, i * W + l)
            vst(total, l, s)


@njit(**HELPER)
def load(k, l, W, batch, output, yb, pb, lanes):
    """Put trajectory `k` of a batch into lane `l`; `yb` and `pb` are addresses of states and parameters."""
    initial, parameters, times, _, _ = batch
    for i in range(initial.shape[1]):
        st(yb, i * W + l, initial[k, i])
        output.values[k, 0, i] = initial[k, i]
    for i in range(parameters.shape[1]):
        st(pb, i * W + l, parameters[k, i])
    put(lanes[T], l, times[0], W)
    put(lanes[TEND], l, times[-1], W)
    put(lanes[TNEXT], l, times[1], W)
    put(lanes[ACTIVE], l, 1.0, W)
    put(lanes[STEPS], l, 0.0, W)
    put(lanes[REJECTED], l, 0.0, W)
    output.due[l] = 1
    output.who[l] = k


@njit(**HELPER)
def park(l, lanes, who, W):
    """Leave lane `l` idle: its step is zero and no output is ever due."""
    who[l] = -1
    put(lanes[TNEXT], l, np.inf, W)
    put(lanes[TEND], l, np.inf, W)
    put(lanes[HNEXT], l, 0.0, W)
    put(lanes[ACTIVE], l, 0.0, W)


@njit(**HELPER)
def start(f, n, W, tolerances, grow, yb, pb, k0, work, lanes, fresh):
    """First derivative and first step size of the lanes that begin, or resume after a stop (Hairer, Norsett & Wanner, II.4).

    The controller begins anew there: an error of 1 before the first step changes nothing.  Where states only bend, as at the
    knot of an input, the step that was meant before is a better guess.
    """
    rtol, atol = tolerances.rtol, tolerances.atol
    call(f, lanes[T], yb, pb, work)
    for l in range(W):
        if fresh[l]:
            bent = fresh[l] == BENT_LANE
            fresh[l] = 0
            size, speed = 0.0, 0.0
            for i in range(n):
                y, k = ld(yb, i * W + l), ld(work, i * W + l)
                st(k0, i * W + l, k)
                scale = atol + rtol * abs(y)
                size += (y / scale) ** 2
                speed += (k / scale) ** 2
            length = first_length(size, speed)
            put(lanes[HNEXT], l, resumed_length(length, ld(lanes[HNEXT], l)) if bent else length, W)
            put(lanes[GROWTH], l, grow, W)
            put(lanes[BEFORE], l, 1.0, W)
            put(lanes[EARLIER], l, 1.0, W)


@njit(**HELPER)
def void(k, q, n, out):
    """NaN for trajectory `k` from output `q` on."""
    for g in range(q, out.shape[1]):
        for i in range(n):
            out[k, g, i] = np.nan


@njit(**HELPER)
def abandon(output, waiting, status):
    """After an interrupt: mark what is under way, then what has not begun, from trajectory `waiting` on."""
    who, n = output.who, output.values.shape[2]
    for l in range(who.size):
        if who[l] >= 0:
            status[who[l]] = INTERRUPTED
            void(who[l], output.due[l], n, output.values)
    for k in range(waiting, status.size):
        status[k] = INTERRUPTED
        void(k, 0, n, output.values)
