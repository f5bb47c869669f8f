"""Drivers of the master equation: ``p' = A p`` over a set of states, by Krylov spaces or by uniformisation.

Both advance `p` from ``clock[0]`` to the last of the `times` and write it to a row of `out` at each.  `A` is stored as
`symdyn_kernels.sparse` describes.  Sums over states decrease where jumps leave the set: the loss bounds the error.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from symdyn_kernels.arguments.parts import Control, numba_type, signature
from symdyn_kernels.arguments.projection import GeneratorArrays, KrylovArguments, UniformisationArguments
from symdyn_kernels.options import HELPER
from symdyn_kernels.shared.control import after_acceptance, after_rejection
from symdyn_kernels.sparse import ahead, apply, arnoldi, combine, norm1, poisson_window, small_exponential
from symdyn_kernels.status import NOT_FINITE, STEP_TOO_SMALL, SUCCESS

__all__ = ["LEAKED", "backward", "krylov", "product", "uniformisation"]

#: More probability left the set than was allowed: the last step was not taken.
LEAKED = 100
#: Places in the clock of `krylov`; that of `uniformisation` has time and error.
TIME, STEP, ERROR, LOSS, FLOOR, CONTRACTING = range(6)
#: Places in the counts.
FILLED, PRODUCTS, STEPS, REJECTED = range(4)
VECTOR = types.float64[::1]
#: Safety, and the bounds of the factor by which a step changes.
SAFETY, SHRINK, GROW = 0.9, 0.1, 3.0
_CHECK = 64  # products between two tests whether the vector still changes


@njit(types.void(numba_type(GeneratorArrays), VECTOR, VECTOR), **HELPER)
def product(generator, x, y):
    """``y = A x``."""
    apply(generator, x, y)


@njit("void(uint32[::1], float64[::1], float64[::1])", **HELPER)
def backward(previous, decay, z):
    """The transposed recursion along runs of states, in place."""
    ahead(previous, decay, z)


@njit(error_model="numpy")
def _control(order):
    """The elementary controller of an error of this order."""
    exponent = -1.0 / order
    return Control(exponent, 0.0, 0.0, exponent, SAFETY, SHRINK, GROW)


@njit(signature(KrylovArguments), **HELPER)
def krylov(arguments):
    """Steps of adaptive length in Krylov spaces with incomplete orthogonalisation, of a `KrylovArguments`; returns a status."""
    generator, p, clock, times, out, counts, basis = arguments
    n, m = p.size, basis.shape[0] - 1
    band, f, term, work = np.zeros((3, m + 2)), np.empty(m + 2), np.empty(m + 2), np.empty(m + 2)
    new, y = np.empty(n), np.empty(n)
    end = times[-1]
    rate = clock[ERROR]
    counts[FILLED] = 0
    while counts[FILLED] < times.size and times[counts[FILLED]] <= clock[TIME]:
        out[counts[FILLED]] = p
        counts[FILLED] += 1
    while counts[FILLED] < times.size:
        t = clock[TIME]
        apply(generator, p, y)
        counts[PRODUCTS] += 1
        speed = norm1(y)
        if not math.isfinite(speed):
            return NOT_FINITE
        if clock[CONTRACTING] > 0.0 and speed <= 0.1 * rate:
            # the 1-norm |Ap| does not grow, so p changes by at most this times the remaining time
            while counts[FILLED] < times.size:
                out[counts[FILLED]] = p
                counts[FILLED] += 1
            clock[TIME] = end
            break
        if clock[STEP] <= 0.0:
            largest = 0.0
            for i in range(n):
                largest = max(largest, -generator.rates[0, i])
            clock[STEP] = min(end - t, 10.0 / largest)
        norm, size = arnoldi(generator, p, basis, band)
        counts[PRODUCTS] += size
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
            counts[PRODUCTS] += 1
            first, second = norm * norm1(basis[m]), norm * norm1(y)
        tau = min(end - t, math.inf if invariant else clock[STEP])
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
            counts[REJECTED] += 1
            tau *= after_rejection(error / (rate * tau), _control(order)) if math.isfinite(error) else SHRINK
            if t + 0.01 * tau == t:
                return STEP_TOO_SMALL
        used = min(rows, m + 1)
        combine(basis, f, used, norm, new)
        total = 0.0
        for i in range(n):
            total += new[i]
        if total < clock[FLOOR] - clock[LOSS] * tau:
            clock[STEP] = tau
            return LEAKED
        last = end - t <= tau
        reached = end if last else t + tau
        while counts[FILLED] < times.size and times[counts[FILLED]] <= reached:
            if times[counts[FILLED]] == reached:
                out[counts[FILLED]] = new
            else:
                small_exponential(band, rows, times[counts[FILLED]] - t, f, term, work)
                combine(basis, f, used, norm, out[counts[FILLED]])
            counts[FILLED] += 1
        p[:] = new
        clock[FLOOR] -= clock[LOSS] * tau
        clock[TIME] = reached
        counts[STEPS] += 1
        if not (last and tau < clock[STEP]):
            clock[STEP] = tau * after_acceptance(error / (rate * tau), 1.0, 1.0, _control(order), GROW)
    return SUCCESS


@njit(signature(UniformisationArguments), fastmath={"contract", "reassoc", "nsz"}, **HELPER)
def uniformisation(arguments):
    """``exp(tA) p = sum_k Poisson(k; qt) (1 + A/q)^k p``: positive terms only, and a truncation error that is known.

    `arguments` is a `UniformisationArguments`; returns a status.
    """
    generator, p, clock, times, out, counts = arguments
    n, error = p.size, clock[1]
    v, y, total = p.copy(), np.empty(n), np.empty(n)
    q = 0.0
    for i in range(n):
        q = max(q, -generator.rates[0, i])
    still = q == 0.0
    for k in range(times.size):
        span = times[k] - clock[TIME]
        if span > 0.0 and not still:
            mean = q * span
            first, weights = poisson_window(mean, error * span)
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
                counts[PRODUCTS] += 1
                for i in range(n):
                    v[i] += y[i] / q
                if j % _CHECK == 0:
                    speed = norm1(y)
                    if not math.isfinite(speed):
                        return NOT_FINITE
                    # |Av| does not grow from one product to the next, so v moves by less than this until the end
                    if speed * (times[-1] - clock[TIME]) <= 0.1 * error * span:
                        still = True
                        for i in range(n):
                            total[i] += left * v[i]
                        break
            v[:] = total
            clock[TIME] = times[k]
        out[k] = v
        counts[STEPS] += 1
    counts[FILLED] = times.size
    p[:] = v
    return SUCCESS
