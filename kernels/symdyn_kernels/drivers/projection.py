"""Drivers of the master equation: ``p' = A p`` over a set of states, by Krylov spaces or by uniformisation.

Both advance `p` from ``clock[0]`` to the last of the `times` and write it to a row of `out` at each.  `A` is held as
`symdyn_kernels.sparse` describes it.  Sums over states decrease where jumps leave the set: the loss bounds the error.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.sparse import ahead, apply, arnoldi, combine, norm1, poisson_window, small_exponential
from symdyn_kernels.status import NOT_FINITE, STEP_TOO_SMALL, SUCCESS

__all__ = ["LEAKED", "backward", "krylov", "product", "uniformisation"]

#: More probability left the set than was allowed: the last step was not taken.
LEAKED = 100
GENERATOR = "Tuple((float64[:, ::1], int64[::1], uint32[:, ::1], int64[::1], uint32[:, ::1], float64[:, ::1], float64[::1]))"
_CHECK = 64  # products between two looks whether anything still moves


@njit(f"void({GENERATOR}, float64[::1], float64[::1])", cache=True, nogil=True, error_model="numpy")
def product(generator, x, y):
    """``y = A x``."""
    apply(generator, x, y)


@njit("void(uint32[::1], float64[::1], float64[::1])", cache=True, nogil=True, error_model="numpy")
def backward(previous, decay, z):
    """The transposed recursion along runs of states, in place."""
    ahead(previous, decay, z)


@njit(
    f"int64({GENERATOR}, float64[::1], float64[::1], float64[::1], int64, float64[:, ::1], int64[::1], float64[:, ::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
)
def krylov(generator, p, clock, times, done, out, counts, basis):
    """Steps of adaptive length in Krylov spaces with incomplete orthogonalisation.

    clock : time, length of the next step (0: to be found), error allowed a unit of time, loss allowed a unit of time,
        the least sum of p that is allowed now, and whether A is a generator (positive) or not.
    done : number of output times that are behind; ``counts[0]`` is what it becomes, then products, steps, rejections.
    """
    n, m = p.size, basis.shape[0] - 1
    band, f, term, work = np.zeros((3, m + 2)), np.empty(m + 2), np.empty(m + 2), np.empty(m + 2)
    new, y = np.empty(n), np.empty(n)
    end = times[-1]
    rate = clock[2]
    counts[0] = done
    while counts[0] < times.size and times[counts[0]] <= clock[0]:
        out[counts[0]] = p
        counts[0] += 1
    while counts[0] < times.size:
        t = clock[0]
        apply(generator, p, y)
        counts[1] += 1
        speed = norm1(y)
        if not math.isfinite(speed):
            return NOT_FINITE
        if clock[5] > 0.0 and speed <= 0.1 * rate:
            # |Ap| in the sum of magnitudes does not grow, so nothing will move by more than this times what is left
            while counts[0] < times.size:
                out[counts[0]] = p
                counts[0] += 1
            clock[0] = end
            break
        if clock[1] <= 0.0:
            largest = 0.0
            for i in range(n):
                largest = max(largest, -generator[0][0, i])
            clock[1] = min(end - t, 10.0 / largest)
        norm, size = arnoldi(generator, p, basis, band)
        counts[1] += size
        invariant = size < m
        rows = size
        first, second = 0.0, 0.0
        if not invariant:
            rows = m + 2
            band[0, m] = 0.0
            band[1, m] = 0.0
            band[2, m] = 1.0
            band[0, m + 1] = 0.0
            band[1, m + 1] = 0.0
            band[2, m + 1] = 0.0
            apply(generator, basis[m], y)
            counts[1] += 1
            first, second = norm * norm1(basis[m]), norm * norm1(y)
        tau = min(end - t, math.inf if invariant else clock[1])
        while True:
            small_exponential(band, rows, tau, f, term, work)
            if invariant:
                error, order = 0.0, m
                break
            one, two = first * abs(f[m]), second * abs(f[m + 1])
            error, order = one, m - 1
            if one > 10.0 * two:
                error, order = two, m
            elif one > two:
                error, order = one * two / (one - two), m
            if error <= rate * tau:
                break
            counts[3] += 1
            if not math.isfinite(error):
                tau *= 0.1
            else:
                tau *= max(0.1, 0.9 * (rate * tau / error) ** (1.0 / order))
            if t + 0.01 * tau == t:
                return STEP_TOO_SMALL
        used = min(rows, m + 1)
        combine(basis, f, used, norm, new)
        total = 0.0
        for i in range(n):
            total += new[i]
        if total < clock[4] - clock[3] * tau:
            clock[1] = tau
            return LEAKED
        last = end - t <= tau
        reached = end if last else t + tau
        while counts[0] < times.size and times[counts[0]] <= reached:
            if times[counts[0]] == reached:
                out[counts[0]] = new
            else:
                small_exponential(band, rows, times[counts[0]] - t, f, term, work)
                combine(basis, f, used, norm, out[counts[0]])
            counts[0] += 1
        p[:] = new
        clock[4] -= clock[3] * tau
        clock[0] = reached
        counts[2] += 1
        if not (last and tau < clock[1]):
            grow = 3.0 if error == 0.0 else min(3.0, 0.9 * (rate * tau / error) ** (1.0 / order))
            clock[1] = tau * grow
    return SUCCESS


@njit(
    f"int64({GENERATOR}, float64[::1], float64[::1], float64[::1], float64[:, ::1], int64[::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"contract", "reassoc", "nsz"},
)
def uniformisation(generator, p, clock, times, out, counts):
    """``exp(tA) p = sum_k Poisson(k; qt) (1 + A/q)^k p``: positive terms only, and a truncation error that is known.

    clock : time, and the error allowed a unit of time.
    """
    n = p.size
    v, y, total = p.copy(), np.empty(n), np.empty(n)
    q = 0.0
    for i in range(n):
        q = max(q, -generator[0][0, i])
    still = q == 0.0
    for k in range(times.size):
        span = times[k] - clock[0]
        if span > 0.0 and not still:
            mean = q * span
            first, weights = poisson_window(mean, clock[1] * span)
            last = first + weights.size - 1
            total[:] = 0.0
            left = 1.0
            for j in range(last + 1):
                if j >= first:
                    c = weights[j - first]
                    left -= c
                    for i in range(n):
                        total[i] += c * v[i]
                if j == last:
                    break
                apply(generator, v, y)
                counts[1] += 1
                for i in range(n):
                    v[i] += y[i] / q
                if j % _CHECK == 0:
                    speed = norm1(y)
                    if not math.isfinite(speed):
                        return NOT_FINITE
                    # |Av| does not grow from one product to the next, so v moves by less than this until the end
                    if speed * (times[-1] - clock[0]) <= 0.1 * clock[1] * span:
                        still = True
                        for i in range(n):
                            total[i] += left * v[i]
                        break
            v[:] = total
            clock[0] = times[k]
        out[k] = v
        counts[2] += 1
    p[:] = v
    return SUCCESS
