"""The driver of tau-leaping: explicit leaps, implicit leaps across fast equilibria, and exact events where leaps do not pay.

It calls lane functions ``f(lane, y, p, out)`` with the time in the first row of `lane` and numbers of molecules in `y`:

    propensities    a_1 .. a_R
    orders          for each reaction the sum over species of |x da/dx| / a; then the means of the bursts
    factor, solve   of ``shift - d(S a)/dx``, for implicit leaps

and reads the stoichiometry as data.  Each trajectory draws from its own stream, so nothing but its seed, its stream
and its input decides about its numbers.  Numbers of molecules never become negative: a leap that would make them so is
drawn again over half the time.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.rng import next_uniform
from symdyn_kernels.simd import call
from symdyn_kernels.status import INTERRUPTED, NEGATIVE, NOT_FINITE, SUCCESS, TOO_MANY_STEPS
from symdyn_kernels.variates import PLAIN, burst_sum, exponential, open_stream, poisson, round_randomly

__all__ = ["chunk"]

SIGNATURE = (
    "int64(UniTuple(int64, 4), UniTuple(int64, 6), UniTuple(int64[::1], 8), int64, int64[::1], float64[:, ::1],"
    " float64[:, ::1], float64[::1], float64, int64, float64[:, :, ::1], int64[::1], int64[:, ::1], int64[::1], int64[::1])"
)

#: A reaction that so few firings can exhaust is critical: it fires at most once in a leap.
CRITICAL = 10.0
#: The longest explicit leap in relaxation times of a species: at most the first, and epsilon times the second.
STABLE, ACCURATE = 0.5, 10.0
#: Leaps shorter than this many mean waiting times are not worth their price; so many exact events follow instead.
WORTHWHILE, EXACT, EXACT_AFTER_IMPLICIT = 10.0, 100, 10
#: A reversible pair is in equilibrium if its propensities differ by no more than this part, or these standard deviations.
EQUILIBRIUM, DEVIATIONS = 0.05, 3.0
#: An implicit leap is so many times longer than an explicit one at least, and so many relaxation times of the equilibria
#: that it leaps across are simulated before each output, so that their fluctuations are there again.
STIFF_RATIO, RELAXATION = 100.0, 3.0
#: Iterations of Newton, and the molecules to which they converge before firings are rounded.
NEWTON, NEWTON_ERROR = 20, 1e-3
#: Rates that depend on time are looked at this many times at least, and not in pieces with fewer expected firings.
PIECES, LEAST_FIRINGS = 1000.0, 0.01
#: Places in the counts of a trajectory.
LEAPS, EVENTS, REJECTED, IMPLICIT, CALLS = range(5)


@njit(**PLAIN)
def _copy(to, source):
    for i in range(source.size):
        to[i] = source[i]


@njit(**PLAIN)
def _evaluate(f, W, R, t, lane, x, p, a):
    """Propensities at a time; returns their sum, or NaN or -1 if one is not a number or negative."""
    for l in range(W):
        lane[l] = t
    call(f, lane.ctypes.data, x.ctypes.data, p.ctypes.data, a.ctypes.data)
    total, least = 0.0, 0.0
    for j in range(R):
        total += a[j * W]
        least = min(least, a[j * W])
    return -1.0 if least < 0.0 else total


@njit(**PLAIN)
def _quiet(f, W, R, t, h, epsilon, lane, x, p, a, b):
    """A time up to h over which no propensity changes by more than a part epsilon.

    Returns it, the total propensity at its middle, where `a` holds the propensities, and a bound of the total in it.
    """
    start = _evaluate(f, W, R, t, lane, x, p, b)
    while True:
        end = _evaluate(f, W, R, t + h, lane, x, p, a)
        excess = _excess(W, R, epsilon, a, b)
        middle = _evaluate(f, W, R, t + 0.5 * h, lane, x, p, a)
        excess = max(excess, _excess(W, R, epsilon, a, b))
        worst = min(start, end, middle)
        if not worst >= 0.0:
            return h, worst, worst
        bound = (1.0 + epsilon) * max(start, end, middle)
        if excess <= 0.0 or h * bound < LEAST_FIRINGS:
            return h, middle, bound
        h *= 0.5


@njit(**PLAIN)
def _excess(W, R, epsilon, a, b):
    """By how much the change of a propensity is more than a part epsilon."""
    excess = 0.0
    for j in range(R):
        excess = max(excess, abs(a[j * W] - b[j * W]) - epsilon * max(a[j * W], b[j * W]))
    return excess


@njit(**PLAIN)
def _classify(W, R, ptr, species, x, a, mean, critical):
    """Mark critical reactions; returns the sum of their propensities."""
    total = 0.0
    for j in range(R):
        critical[j] = 0
        for e in range(ptr[j], ptr[j + 1]):
            if mean[e] < 0.0 and x[species[e] * W] < -CRITICAL * mean[e]:
                critical[j] = 1
        if critical[j]:
            total += a[j * W]
    return total


@njit(**PLAIN)
def _longest(W, n, R, ptr, species, dptr, dspecies, x, a, orders, mean, second, skip, epsilon, g, drift, spread, speed):
    """The longest leap that keeps relative changes of propensities below epsilon (Cao, Gillespie & Petzold 2006, eq. 33).

    And that is well below a relaxation time: in equilibrium changes are small on average however long the leap is, but
    longer leaps would be unstable, and fluctuations too large.
    """
    for i in range(n):
        drift[i], spread[i], g[i], speed[i] = 0.0, 0.0, 0.0, 0.0
    for j in range(R):
        aj = a[j * W]
        for d in range(dptr[j], dptr[j + 1]):
            g[dspecies[d]] = max(g[dspecies[d]], orders[j * W], 1.0)
        if skip[j] == 0 and aj > 0.0:
            for e in range(ptr[j], ptr[j + 1]):
                i = species[e]
                drift[i] += mean[e] * aj
                spread[i] += second[e] * aj
                for d in range(dptr[j], dptr[j + 1]):
                    if dspecies[d] == i:
                        speed[i] += abs(mean[e]) * aj * orders[j * W]
    tau = np.inf
    for i in range(n):
        if g[i] > 0.0:
            bound = max(epsilon * x[i * W] / g[i], 1.0)
            if drift[i] != 0.0:
                tau = min(tau, bound / abs(drift[i]))
            if spread[i] > 0.0:
                tau = min(tau, bound * bound / spread[i])
            if speed[i] > 0.0:
                tau = min(tau, min(STABLE, ACCURATE * epsilon) * max(x[i * W], 1.0) / speed[i])
    return tau


@njit(**PLAIN)
def _pick(W, R, a, only, chosen, threshold):
    """The reaction at which the cumulative sum passes a threshold, of all or of those with a mark."""
    last = -1
    for j in range(R):
        aj = a[j * W]
        if aj > 0.0 and (only == 0 or chosen[j] == 1):
            last = j
            if threshold < aj:
                break
            threshold -= aj
    return last


@njit(**PLAIN)
def _fire(s, j, count, W, ptr, species, fixed, burst, kind, bmean, x):
    """Add so many firings of a reaction to the numbers of molecules; returns the least number among those changed."""
    least = np.inf
    for e in range(ptr[j], ptr[j + 1]):
        d = fixed[e] * count
        if burst[e] >= 0:
            d += burst_sum(s, kind[burst[e]], bmean[burst[e]], count)
        now = x[species[e] * W] + d
        x[species[e] * W] = now
        least = min(least, now)
    return least


@njit(**PLAIN)
def _events(s, f, W, R, t, end, limit, ptr, species, fixed, burst, kind, bmean, mark, lane, x, p, a):
    """Exact events up to a time or a number of them; returns the time, the number, and a status."""
    for done in range(limit):
        total = _evaluate(f, W, R, t, lane, x, p, a)
        if not total > 0.0 or total == np.inf:
            if total == 0.0:
                return end, done, SUCCESS
            return t, done, NEGATIVE if total < 0.0 else NOT_FINITE
        later = t + exponential(s) / total
        if later >= end:
            return end, done, SUCCESS
        t = later
        j = _pick(W, R, a, 0, mark, next_uniform(s) * total)
        if _fire(s, j, 1.0, W, ptr, species, fixed, burst, kind, bmean, x) < 0.0:
            return t, done + 1, NEGATIVE
    return t, limit, SUCCESS


@njit(**PLAIN)
def _equilibria(f, W, R, t, ptr, species, fixed, pair, critical, lane, x, y, p, a, b, equal, rate):
    """Mark reversible pairs in equilibrium; `rate` is that at which their net flux relaxes, by one firing more."""
    for j in range(R):
        equal[j] = 0
    for j in range(R):
        k = pair[j]
        if k > j and critical[j] == 0 and critical[k] == 0:
            _copy(y, x)
            for e in range(ptr[j], ptr[j + 1]):
                y[species[e] * W] += fixed[e]
            _evaluate(f, W, R, t, lane, y, p, b)
            net = a[j * W] - a[k * W]
            relaxation = net - (b[j * W] - b[k * W])
            low = min(a[j * W], a[k * W])
            band = EQUILIBRIUM * low
            if relaxation < EQUILIBRIUM * EQUILIBRIUM * low:  # many molecules: fluctuations are small and nearly linear
                band = max(band, DEVIATIONS * math.sqrt(max(0.0, relaxation * low)))
            if relaxation > 0.0 and abs(net) <= band:
                equal[j], equal[k] = 1, 1
                rate[j], rate[k] = relaxation, relaxation


@njit(**PLAIN)
def _least(W, n, x):
    least = np.inf
    for i in range(n):
        least = min(least, x[i * W])
    return least


@njit(**PLAIN)
def _draw(s, W, R, h, ptr, species, fixed, burst, kind, bmean, critical, a, b, extrapolate, x):
    """Firings of all reactions that are not critical, at propensities a or, extrapolated from a, ``max(0, 2 b - a)``."""
    for j in range(R):
        if critical[j] == 0:
            rate = 2.0 * b[j * W] - a[j * W] if extrapolate else a[j * W]
            k = poisson(s, rate * h)
            if k > 0.0:
                _fire(s, j, k, W, ptr, species, fixed, burst, kind, bmean, x)


@njit(**PLAIN)
def _explicit(s, f, W, n, R, t, h, ptr, species, fixed, burst, kind, bmean, critical, lane, x, p, a, b):
    """A leap by the weak trapezoidal rule with two half leaps; returns whether all numbers stay at 0 or more."""
    _draw(s, W, R, 0.5 * h, ptr, species, fixed, burst, kind, bmean, critical, a, b, False, x)
    if not _least(W, n, x) >= 0.0 or not _evaluate(f, W, R, t, lane, x, p, b) >= 0.0:
        return False
    _draw(s, W, R, 0.5 * h, ptr, species, fixed, burst, kind, bmean, critical, a, b, True, x)
    return True


@njit(**PLAIN)
def _implicit(
    s, functions, sizes, t, tau, ptr, species, burst, fixed, skip, equal, mean, lane, factors, y, z, p, a, b, residual, step
):  # fmt: skip
    """Correct a leap in `z`, which holds x and its firings, to the trapezoidal rule; returns the number of evaluations or -1.

    Solves ``y = z + tau/2 sum_j S_j (a_j(y) - a_j(x))`` by Newton, from x in `y`, and adds the correction of each reaction as
    a whole number of firings, so that conservation laws hold.
    """
    W, n, R = sizes[0], sizes[1], sizes[2]
    calls, converged = 1, False
    while calls <= NEWTON and not converged:
        _evaluate(functions[0], W, R, t, lane, y, p, b)
        for i in range(n):
            residual[i * W] = z[i * W] - y[i * W]
        for j in range(R):
            if skip[j] == 0:
                c = 0.5 * tau * (b[j * W] - a[j * W])
                for e in range(ptr[j], ptr[j + 1]):
                    residual[species[e] * W] += mean[e] * c
        for i in range(n):
            residual[i * W] *= 2.0 / tau
        for l in range(W):
            lane[W + l] = 2.0 / tau
        call(functions[2], lane.ctypes.data, y.ctypes.data, p.ctypes.data, factors.ctypes.data)
        call(functions[3], factors.ctypes.data, residual.ctypes.data, p.ctypes.data, step.ctypes.data)
        size = 0.0
        for i in range(n):
            y[i * W] += step[i * W]
            size = max(size, abs(step[i * W]) / (1.0 + 1e-6 * abs(y[i * W])))
            if not math.isfinite(y[i * W]):
                return -1
        calls += 1
        converged = size < NEWTON_ERROR
    if not converged:
        return -1
    _evaluate(functions[0], W, R, t, lane, y, p, b)
    for j in range(R):
        if skip[j] == 0:
            c = 0.5 * tau * (b[j * W] - a[j * W])
            # at equilibrium corrections are many firings and the nearest number adds the least noise; a lasting small
            # correction would be lost by it
            k = math.floor(c + 0.5) if equal[j] else round_randomly(s, c)
            for e in range(ptr[j], ptr[j + 1]):
                z[species[e] * W] += fixed[e] * k
                if burst[e] >= 0:
                    z[species[e] * W] += round_randomly(s, (mean[e] - fixed[e]) * c)
    return calls


@njit(SIGNATURE, nogil=True, error_model="numpy", cache=True)
def chunk(
    functions, sizes, structure, seed, streams, initial, parameters, times, epsilon, max_steps, out, status, counts, stop, done
):  # fmt: skip
    """Simulate trajectories.

    Parameters
    ----------
    functions : tuple of 4 int
        Addresses of propensities, orders, factor, solve (the last two 0 for explicit leaps alone).
    sizes : tuple of 6 int
        Lanes W of the functions (lane 0 is used), species n, reactions R, bursts, factors, and whether rates depend on time.
    structure : tuple of 8 int64 arrays
        For reaction j the entries ``ptr[j]`` to ``ptr[j+1]`` of `species`, `fixed` (change without bursts) and `burst` (its
        number or -1); `dptr`, `dspecies`: the species in its propensity; `pair`: the reaction that undoes it, or -1;
        `kind` of each burst.
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
    stop, done : (1,) int64

    Returns
    -------
    int
        Number of trajectories that came to their end.
    """
    W, n, R, nb, nfactors, timed = sizes
    ptr, species, fixed, burst, dptr, dspecies, pair, kind = structure
    f, implicit = functions[0], functions[2] != 0
    x, y, x_saved = np.zeros(n * W + 8), np.zeros(n * W + 8), np.zeros(n * W + 8)
    a, b, orders = np.zeros(R * W + 8), np.zeros(R * W + 8), np.zeros((R + nb) * W + 8)
    p, lane, factors = np.zeros(parameters.shape[1] * W + 8), np.zeros(2 * W + 8), np.zeros((nfactors + n) * W + 8)
    residual, step = np.zeros(n * W + 8), np.zeros(n * W + 8)
    mean, second, bmean = np.zeros(fixed.size), np.zeros(fixed.size), np.zeros(nb)
    g, drift, spread, speed = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    critical, equal, skip, rate = np.zeros(R, np.int64), np.zeros(R, np.int64), np.zeros(R, np.int64), np.zeros(R)
    s = np.zeros(4, np.uint64)
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
        for k in range(nb):
            bmean[k] = orders[(R + k) * W]
        for e in range(fixed.size):
            mean[e], second[e] = fixed[e], fixed[e] * fixed[e]
            if burst[e] >= 0:
                m = bmean[burst[e]]
                mean[e] += m
                second[e] += 2.0 * fixed[e] * m + m + m * m * (2.0 - kind[burst[e]])
        code = SUCCESS
        for m in bmean:
            if not m >= 0.0:
                code = NEGATIVE
        t, piece, exact = times[0], longest_piece, 0
        was_implicit = False
        q = 1
        while q < times.size and code == SUCCESS:
            if stop[0] != 0:
                code = INTERRUPTED
                break
            if counts[row, LEAPS] + counts[row, EVENTS] + counts[row, REJECTED] >= max_steps:
                code = TOO_MANY_STEPS
                break
            left = times[q] - t
            if timed:
                piece = min(2.0 * piece, longest_piece, left)
                piece, total, bound = _quiet(f, W, R, t, piece, epsilon, lane, x, p, a, b)
                horizon = piece
            else:
                total = _evaluate(f, W, R, t, lane, x, p, a)
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
                    if threshold < _evaluate(f, W, R, t, lane, x, p, a):
                        counts[row, EVENTS] += 1
                        j = _pick(W, R, a, 0, skip, threshold)
                        if _fire(s, j, 1.0, W, ptr, species, fixed, burst, kind, bmean, x) < 0.0:
                            code = NEGATIVE
            else:
                # how far: the leap that the propensities allow, and the time of the next critical firing
                rare = _classify(W, R, ptr, species, x, a, mean, critical)
                call(functions[1], lane.ctypes.data, x.ctypes.data, p.ctypes.data, orders.ctypes.data)
                tau = _longest(
                    W,
                    n,
                    R,
                    ptr,
                    species,
                    dptr,
                    dspecies,
                    x,
                    a,
                    orders,
                    mean,
                    second,
                    critical,
                    epsilon,
                    g,
                    drift,
                    spread,
                    speed,
                )
                explicit = tau
                if implicit and left > STIFF_RATIO * tau:
                    _equilibria(f, W, R, t, ptr, species, fixed, pair, critical, lane, x, y, p, a, b, equal, rate)
                    for j in range(R):
                        skip[j] = max(critical[j], equal[j])
                    slow = _longest(
                        W,
                        n,
                        R,
                        ptr,
                        species,
                        dptr,
                        dspecies,
                        x,
                        a,
                        orders,
                        mean,
                        second,
                        skip,
                        epsilon,
                        g,
                        drift,
                        spread,
                        speed,
                    )
                    slow, relaxation = min(slow, left), np.inf
                    for j in range(R):
                        if equal[j] and rate[j] * slow > 0.5:
                            relaxation = min(relaxation, rate[j])
                    slow = min(slow, left - RELAXATION / relaxation)
                    if slow > STIFF_RATIO * tau:
                        tau = slow
                wait = exponential(s) / rare if rare > 0.0 else np.inf
                _copy(x_saved, x)
                while True:
                    if tau < WORTHWHILE / total:
                        exact = EXACT_AFTER_IMPLICIT if was_implicit else EXACT
                        was_implicit = False
                        if not timed:
                            t, events, code = _events(
                                s, f, W, R, t, times[q], exact, ptr, species, fixed, burst, kind, bmean, skip, lane, x, p, a
                            )
                            counts[row, EVENTS] += events
                            counts[row, CALLS] += events
                            exact = 0
                        break
                    h = min(tau, wait, horizon)
                    now = t + 0.5 * h
                    if timed and h < piece:
                        _evaluate(f, W, R, now, lane, x, p, a)
                        counts[row, CALLS] += 1
                    was_implicit = implicit and h > explicit
                    if was_implicit:
                        _draw(s, W, R, h, ptr, species, fixed, burst, kind, bmean, critical, a, b, False, x)
                        _copy(y, x_saved)
                        calls = _implicit(
                            s, functions, sizes, now, h, ptr, species, burst, fixed, critical, equal, mean, lane, factors,
                            y, x, p, a, b, residual, step,
                        )  # fmt: skip
                        good = calls > 0
                        counts[row, CALLS] += max(calls, 0)
                    else:
                        good = _explicit(
                            s, f, W, n, R, now, h, ptr, species, fixed, burst, kind, bmean, critical, lane, x, p, a, b
                        )
                        counts[row, CALLS] += 1
                    if good and wait <= min(tau, horizon):
                        j = _pick(W, R, a, 1, critical, next_uniform(s) * rare)
                        _fire(s, j, 1.0, W, ptr, species, fixed, burst, kind, bmean, x)
                    if good and _least(W, n, x) >= 0.0:
                        t = times[q] if h >= left else t + h
                        counts[row, LEAPS] += 1
                        counts[row, IMPLICIT] += was_implicit
                        break
                    _copy(x, x_saved)
                    counts[row, REJECTED] += 1
                    tau = 0.5 * h
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
    return finished + 0 * (p.size + lane.size + orders.size + factors.size + step.size)
