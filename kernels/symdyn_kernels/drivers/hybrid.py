"""The driver of hybrid simulation: abundant, frequent reactions flow, the others jump at exact random times.

It calls lane functions ``f(lane, y, p, out)`` with the time in the first row of `lane` and numbers of molecules in `y`:

    propensities    a_1 .. a_R
    orders          R values that are not used here; then the means of the bursts

and reads the stoichiometry as data.  The state is whole numbers plus the stoichiometry times the extents of the flowing
reactions: ``x = base + sum_j S_j xi_j``.  Extents and the integrated hazard of the jumping reactions are integrated by the
pair of Bogacki & Shampine (Appl. Math. Lett. 2 (1989) 321); the next jump comes where the hazard reaches an exponential number.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.rng import next_uniform
from symdyn_kernels.simd import call
from symdyn_kernels.status import INTERRUPTED, NEGATIVE, NOT_FINITE, STEP_TOO_SMALL, SUCCESS, TOO_MANY_STEPS
from symdyn_kernels.variates import PLAIN, burst_sum, exponential, open_stream, round_randomly

__all__ = ["chunk"]

SIGNATURE = (
    "int64(UniTuple(int64, 2), UniTuple(int64, 5), UniTuple(int64[::1], 8), int64, int64[::1], float64[:, ::1],"
    " float64[:, ::1], float64[::1], UniTuple(float64, 3), int64, float64[:, :, ::1], int64[::1], int64[:, ::1],"
    " int64[::1], int64[::1])"
)

#: A flowing reaction jumps again when numbers are below this part of what made it flow.
HYSTERESIS = 0.5
#: A step that takes more than this part of a flowing species is refused.
LARGEST_LOSS = 0.5
#: Steps from the first to the last time at least, if rates depend on time.
PIECES = 1000.0
#: Steps below this part of the time are given up.
SHORTEST = 1e-14
SAFETY, SHRINK, GROW = 0.9, 0.2, 5.0
#: Places in the counts of a trajectory.
STEPS, EVENTS, REJECTED, SWITCHES, CALLS = range(5)


@njit(**PLAIN)
def _state(W, n, R, ptr, species, mean, flows, base, xi, x):
    """Numbers of molecules from whole numbers and extents."""
    for i in range(n):
        x[i * W] = base[i]
    for j in range(R):
        if flows[j]:
            for e in range(ptr[j], ptr[j + 1]):
                x[species[e] * W] += mean[e] * xi[j]


@njit(**PLAIN)
def _slope(f, W, R, t, flows, lane, x, p, a, k):
    """Rates of the extents and, last, the hazard of all jumps, into `k`; returns a status."""
    for l in range(W):
        lane[l] = t
    call(f, lane.ctypes.data, x.ctypes.data, p.ctypes.data, a.ctypes.data)
    hazard, total, least = 0.0, 0.0, 0.0
    for j in range(R):
        aj = a[j * W]
        total += aj
        least = min(least, aj)
        if flows[j]:
            k[j] = aj
        else:
            k[j] = 0.0
            hazard += aj
    k[R] = hazard
    if not math.isfinite(total):
        return NOT_FINITE
    return NEGATIVE if least < 0.0 else SUCCESS


@njit(**PLAIN)
def _classify(s, W, R, ptr, species, fixed, mean, noise, tolerances, span, flows, base, xi, x, a):
    """Decide which reactions flow; extents of those that jump again become whole firings.  Returns how many changed."""
    needed = 1.0 / (tolerances[2] * tolerances[2])
    changed = 0
    for j in range(R):
        least = needed * HYSTERESIS if flows[j] else needed
        flow = a[j * W] * span >= least and ptr[j] < ptr[j + 1]
        for e in range(ptr[j], ptr[j + 1]):
            if x[species[e] * W] < least * noise[e]:
                flow = False
        if flow != (flows[j] == 1):
            changed += 1
            if flow:
                flows[j], xi[j] = 1, 0.0
            else:
                flows[j] = 0
                _settle(s, j, round_randomly(s, xi[j]), ptr, species, fixed, mean, base, xi)
    return changed


@njit(**PLAIN)
def _settle(s, j, firings, ptr, species, fixed, mean, base, xi):
    """Move so many firings of a reaction from its extent to the whole numbers, and what its bursts made on average."""
    for e in range(ptr[j], ptr[j + 1]):
        base[species[e]] += fixed[e] * firings
        if mean[e] != fixed[e]:
            base[species[e]] += round_randomly(s, (mean[e] - fixed[e]) * xi[j])
    xi[j] = 0.0


@njit(**PLAIN)
def _first_step(W, n, R, ptr, species, mean, k, x, drift):
    """A hundredth of the shortest time in which a flowing species changes by itself."""
    for i in range(n):
        drift[i] = 0.0
    for j in range(R):
        for e in range(ptr[j], ptr[j + 1]):
            drift[species[e]] += abs(mean[e]) * k[j]
    h = np.inf
    for i in range(n):
        if drift[i] > 0.0:
            h = min(h, 0.01 * x[i * W] / drift[i])
    return h


@njit(**PLAIN)
def _hermite(theta, h, y0, y1, f0, f1):
    """The cubic through two values and slopes."""
    r = 1.0 - theta
    return r * r * (1.0 + 2.0 * theta) * y0 + theta * theta * (3.0 - 2.0 * theta) * y1 + h * theta * r * (r * f0 - theta * f1)


@njit(**PLAIN)
def _crossing(level, h, y0, y1, f0, f1):
    """Where in (0, 1] the cubic reaches a level between y0 and y1, by regula falsi (Illinois)."""
    left, right = 0.0, 1.0
    low, high = y0 - level, y1 - level
    side = 0
    for _ in range(60):
        theta = (left * high - right * low) / (high - low)
        value = _hermite(theta, h, y0, y1, f0, f1) - level
        if abs(value) < 1e-13 * level or right - left < 1e-14:
            return theta
        if value < 0.0:
            left, low = theta, value
            if side == -1:
                high *= 0.5
            side = -1
        else:
            right, high = theta, value
            if side == 1:
                low *= 0.5
            side = 1
    return right


@njit(**PLAIN)
def _error(W, n, R, ptr, species, mean, h, tolerances, k1, k2, k3, k4, x, new, drift):
    """Largest error of a species or of the hazard relative to the tolerance; infinite for steps that lose too much."""
    rtol, atol = tolerances[0], tolerances[1]
    for i in range(n):
        drift[i] = 0.0
    for j in range(R):
        if k1[j] != 0.0 or k4[j] != 0.0:
            e = h * (-5 / 72 * k1[j] + k2[j] / 12 + k3[j] / 9 - k4[j] / 8)
            for i in range(ptr[j], ptr[j + 1]):
                drift[species[i]] += mean[i] * e
    hazard = abs(h * (-5 / 72 * k1[R] + k2[R] / 12 + k3[R] / 9 - k4[R] / 8)) / (atol + rtol * max(1.0, h * max(k1[R], k4[R])))
    worst = hazard if hazard == hazard else np.inf
    for i in range(n):
        if new[i * W] < x[i * W] * LARGEST_LOSS and x[i * W] - new[i * W] > 0.0:
            return np.inf
        ratio = abs(drift[i]) / (atol + rtol * max(abs(x[i * W]), abs(new[i * W])))
        worst = max(worst, ratio if ratio == ratio else np.inf)
    return worst


@njit(**PLAIN)
def _jump(s, W, R, ptr, species, fixed, burst, kind, bmean, flows, hazard, a, base, x):
    """One firing of a jumping reaction; returns whether all numbers stay at 0 or more."""
    threshold, j = next_uniform(s) * hazard, -1
    for r in range(R):
        if flows[r] == 0 and a[r * W] > 0.0:
            j = r
            if threshold < a[r * W]:
                break
            threshold -= a[r * W]
    if j < 0:
        return True
    good = True
    for e in range(ptr[j], ptr[j + 1]):
        d = np.float64(fixed[e])
        if burst[e] >= 0:
            d += burst_sum(s, kind[burst[e]], bmean[burst[e]], 1.0)
        base[species[e]] += d
        x[species[e] * W] += d
        good = good and x[species[e] * W] >= 0.0
    return good


@njit(SIGNATURE, nogil=True, error_model="numpy", cache=True)
def chunk(
    functions, sizes, structure, seed, streams, initial, parameters, times, tolerances, max_steps,
    out, status, counts, stop, done,
):  # fmt: skip
    """Simulate trajectories.

    Parameters
    ----------
    functions : tuple of 2 int
        Addresses of propensities and orders.
    sizes : tuple of 5 int
        Lanes W of the functions (lane 0 is used), species n, reactions R, bursts, and whether rates depend on time.
    structure : tuple of 8 int64 arrays
        As in `symdyn_kernels.drivers.leaping`.
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
    stop, done : (1,) int64

    Returns
    -------
    int
        Number of trajectories that came to their end.
    """
    W, n, R, nb, timed = sizes
    ptr, species, fixed, burst, kind = structure[0], structure[1], structure[2], structure[3], structure[7]
    f = functions[0]
    x, y, orders = np.zeros(n * W + 8), np.zeros(n * W + 8), np.zeros((R + nb) * W + 8)
    a, p, lane = np.zeros(R * W + 8), np.zeros(parameters.shape[1] * W + 8), np.zeros(W + 8)
    base, drift, xi, new = np.zeros(n), np.zeros(n), np.zeros(R), np.zeros(R)
    k1, k2, k3, k4 = np.zeros(R + 1), np.zeros(R + 1), np.zeros(R + 1), np.zeros(R + 1)
    mean, noise, bmean = np.zeros(fixed.size), np.zeros(fixed.size), np.zeros(nb)
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
        _state(W, n, R, ptr, species, mean, flows, base, xi, x)
        call(functions[1], lane.ctypes.data, x.ctypes.data, p.ctypes.data, orders.ctypes.data)
        code = SUCCESS
        for k in range(nb):
            bmean[k] = orders[(R + k) * W]
            if not bmean[k] >= 0.0:
                code = NEGATIVE
        for e in range(fixed.size):
            mean[e], square = fixed[e], fixed[e] * fixed[e] * 1.0
            if burst[e] >= 0:
                m = bmean[burst[e]]
                mean[e] += m
                square += 2.0 * fixed[e] * m + m + m * m * (2.0 - kind[burst[e]])
            noise[e] = square / abs(mean[e]) if mean[e] != 0.0 else np.inf
        t, h, q = times[0], np.inf, 1
        level, risk = exponential(s), 0.0  # the hazard at which the next jump comes, and what it is now
        fresh = False
        while q < times.size and code == SUCCESS:
            if stop[0] != 0:
                code = INTERRUPTED
                break
            if counts[row, STEPS] + counts[row, EVENTS] + counts[row, REJECTED] >= max_steps:
                code = TOO_MANY_STEPS
                break
            if not fresh:
                _state(W, n, R, ptr, species, mean, flows, base, xi, x)
                code = _slope(f, W, R, t, flows, lane, x, p, a, k1)
                counts[row, CALLS] += 1
                if code != SUCCESS:
                    break
            changed = _classify(s, W, R, ptr, species, fixed, mean, noise, tolerances, span, flows, base, xi, x, a)
            if changed > 0:
                counts[row, SWITCHES] += changed
                _state(W, n, R, ptr, species, mean, flows, base, xi, x)
                code = _slope(f, W, R, t, flows, lane, x, p, a, k1)
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
                    counts[row, EVENTS] += 1
                    if not _jump(s, W, R, ptr, species, fixed, burst, kind, bmean, flows, k1[R], a, base, x):
                        code = NEGATIVE
                    level, risk, fresh = exponential(s), 0.0, False
            else:
                if h == np.inf:
                    h = _first_step(W, n, R, ptr, species, mean, k1, x, drift)
                if timed:
                    h = min(h, span / PIECES)
                if h < SHORTEST * max(abs(t), span):
                    code = STEP_TOO_SMALL
                    break
                d = min(h, left)
                bad = SUCCESS
                for j in range(R):
                    new[j] = xi[j] + 0.5 * d * k1[j]
                _state(W, n, R, ptr, species, mean, flows, base, new, y)
                bad = max(bad, _slope(f, W, R, t + 0.5 * d, flows, lane, y, p, a, k2))
                for j in range(R):
                    new[j] = xi[j] + 0.75 * d * k2[j]
                _state(W, n, R, ptr, species, mean, flows, base, new, y)
                bad = max(bad, _slope(f, W, R, t + 0.75 * d, flows, lane, y, p, a, k3))
                for j in range(R):
                    new[j] = xi[j] + d * (2 / 9 * k1[j] + k2[j] / 3 + 4 / 9 * k3[j])
                _state(W, n, R, ptr, species, mean, flows, base, new, y)
                bad = max(bad, _slope(f, W, R, t + d, flows, lane, y, p, a, k4))
                counts[row, CALLS] += 3
                error = _error(W, n, R, ptr, species, mean, d, tolerances, k1, k2, k3, k4, x, y, drift)
                if bad != SUCCESS or not error <= 1.0:
                    counts[row, REJECTED] += 1
                    h = d * max(SHRINK, SAFETY * error ** (-1 / 3)) if bad == SUCCESS else SHRINK * d
                    # `a` belongs to the end of the refused step
                    fresh = False
                else:
                    after = risk + d * (2 / 9 * k1[R] + k2[R] / 3 + 4 / 9 * k3[R])
                    counts[row, STEPS] += 1
                    following = d * min(GROW, SAFETY * max(error, 1e-12) ** (-1 / 3))
                    h = following if d == h else max(h, following)
                    if after >= level:
                        theta = _crossing(level, d, risk, after, k1[R], k4[R])
                        for j in range(R):
                            if flows[j]:
                                xi[j] = _hermite(theta, d, xi[j], new[j], k1[j], k4[j])
                        t += theta * d
                        _state(W, n, R, ptr, species, mean, flows, base, xi, x)
                        code = _slope(f, W, R, t, flows, lane, x, p, a, k1)
                        counts[row, CALLS] += 1
                        counts[row, EVENTS] += 1
                        if code == SUCCESS and not _jump(
                            s, W, R, ptr, species, fixed, burst, kind, bmean, flows, k1[R], a, base, x
                        ):
                            code = NEGATIVE
                        level, risk, fresh = exponential(s), 0.0, False
                    else:
                        t = times[q] if d >= left else t + d
                        xi[:] = new
                        x[:] = y
                        k1[:] = k4
                        risk = after
            if q < times.size and t >= times[q] and code == SUCCESS:
                while q < times.size and t >= times[q]:
                    for i in range(n):
                        out[row, q, i] = x[i * W]
                    q += 1
        if code != SUCCESS:
            out[row, q:] = np.nan
        status[row] = code
        if code != INTERRUPTED:
            finished += 1
            done[0] += 1
    # used through their addresses alone: keep them alive until here
    return finished + 0 * (p.size + lane.size + orders.size + a.size)
