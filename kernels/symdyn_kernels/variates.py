"""Random variates of one trajectory, drawn from its stream: exponential, Poisson, binomial, and sums of bursts.

All are exact up to the rounding of doubles, for any parameters: small means by sequential inversion of one uniform
number, large ones by the transformed rejection with squeeze of Hormann, whose acceptance test needs the logarithm of
probabilities.  Those come from Loader's saddle-point form ("Fast and accurate computation of binomial probabilities",
2000), which does not cancel however large the numbers are.  Counts are returned as float64 with integer values, by
`numpy.floor`: `math.floor` of numba gives an int64, which wraps around beyond 9e18.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.constants.variates import POISSON, STIRLING, SWITCH
from symdyn_kernels.options import PLAIN
from symdyn_kernels.rng import next_normal_pair, next_uniform, stream_word

__all__ = [
    "binomial", "burst_sum", "exponential", "gamma", "geometric", "log_binomial", "open_stream", "poisson", "round_randomly",
]  # fmt: skip


@njit(**PLAIN)
def open_stream(s, seed, stream):
    """Put the state of a stream at its start into `s`, a uint64 array of four words."""
    for i in range(4):
        s[i] = stream_word(seed, stream, i)


@njit(**PLAIN)
def exponential(s):
    """Exponential with mean 1."""
    return -math.log(next_uniform(s))


# ---- logarithms of probabilities ---------------------------------------------------------------


@njit(**PLAIN)
def _stirling_error(n):
    if n < 16.0:
        return STIRLING[int(n)]
    m = 1.0 / (n * n)
    return (1 / 12 - m * (1 / 360 - m * (1 / 1260 - m * (1 / 1680 - m / 1188)))) / n


@njit(**PLAIN)
def _deviance(x, mean):
    """``x log(x/mean) + mean - x`` without cancellation."""
    difference = x - mean
    if abs(difference) < 0.1 * (x + mean):
        v = difference / (x + mean)
        total = difference * v
        term = 2.0 * x * v
        v *= v
        for j in range(1, 1000):
            term *= v
            new = total + term / (2 * j + 1)
            if new == total:
                break
            total = new
        return total
    return x * math.log(x / mean) - difference


@njit(**PLAIN)
def _log_poisson(k, mean):
    if k == 0.0:
        return -mean
    return -_stirling_error(k) - _deviance(k, mean) - 0.5 * math.log(2.0 * math.pi * k)


@njit(**PLAIN)
def log_binomial(k, n, p):
    """The logarithm of the probability of k."""
    q = 1.0 - p
    if k == 0.0:
        return n * math.log1p(-p)
    if k == n:
        return n * math.log(p)
    errors = _stirling_error(n) - _stirling_error(k) - _stirling_error(n - k)
    return errors - _deviance(k, n * p) - _deviance(n - k, n * q) - 0.5 * math.log(2.0 * math.pi * k * ((n - k) / n))


# ---- variates ----------------------------------------------------------------------------------


@njit(**PLAIN)
def poisson(s, mean):
    """Poisson with a mean that is not negative (0 gives 0): inversion, or PTRS (Hormann, Insur. Math. Econ. 12 (1993) 39)."""
    if not mean > 0.0:
        return 0.0
    if mean < SWITCH:
        u, p, k = next_uniform(s), math.exp(-mean), 0.0
        while u > p and k < 200.0:  # the remaining probability is below the spacing of the uniform numbers
            u -= p
            k += 1.0
            p *= mean / k
        return k
    root = math.sqrt(mean)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    squeeze = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = next_uniform(s) - 0.5
        v = next_uniform(s)
        us = 0.5 - abs(u)
        k = np.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= squeeze:
            return k
        if k < 0.0 or (us < 0.013 and v > us):
            continue
        if math.log(v * inverse_alpha / (a / (us * us) + b)) <= _log_poisson(k, mean):
            return k


@njit(**PLAIN)
def binomial(s, n, p):
    """Binomial of n trials: inversion, or BTRS (Hormann, J. Stat. Comput. Simul. 46 (1993) 101); p outside [0, 1] is cut."""
    if not (n > 0.0 and p > 0.0):
        return 0.0
    if p >= 1.0:
        return n
    if p > 0.5:
        return n - binomial_half(s, n, 1.0 - p)
    return binomial_half(s, n, p)


@njit(**PLAIN)
def binomial_half(s, n, p):
    """`binomial` for p up to 1/2."""
    if n * p < SWITCH:
        ratio, u, f, k = p / (1.0 - p), next_uniform(s), math.exp(n * math.log1p(-p)), 0.0
        while u > f and k < n and k < 200.0:
            u -= f
            k += 1.0
            f *= ratio * ((n - k + 1.0) / k)
        return k
    deviation = math.sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    squeeze = 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * deviation
    mode = np.floor((n + 1.0) * p)
    top = log_binomial(mode, n, p)
    while True:
        u = next_uniform(s) - 0.5
        v = next_uniform(s)
        us = 0.5 - abs(u)
        k = np.floor((2.0 * a / us + b) * u + n * p + 0.5)
        if us >= 0.07 and v <= squeeze:
            return k
        if k < 0.0 or k > n:
            continue
        if math.log(v * alpha / (a / (us * us) + b)) <= log_binomial(k, n, p) - top:
            return k


@njit(**PLAIN)
def gamma(s, shape):
    """Gamma with scale 1 and a shape of 1 or more (Marsaglia & Tsang, ACM Trans. Math. Softw. 26 (2000) 363)."""
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x, _ = next_normal_pair(s)
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        v = v * v * v
        u = next_uniform(s)
        if math.log(u) < 0.5 * x * x + d * (1.0 - v + math.log(v)):
            return d * v


@njit(**PLAIN)
def geometric(s, mean):
    """Geometric on 0, 1, 2, ..., ``P(m) = mean^m / (1 + mean)^(m+1)``, by inversion."""
    if not mean > 0.0:
        return 0.0
    return np.floor(math.log(next_uniform(s)) / -math.log1p(1.0 / mean))


@njit(**PLAIN)
def burst_sum(s, kind, mean, count):
    """Sum of `count` independent bursts of a mean: Poisson, or negative binomial as a Poisson number with a gamma mean."""
    if not (count > 0.0 and mean > 0.0):
        return 0.0
    if kind == POISSON:
        return poisson(s, mean * count)
    if count == 1.0:
        return geometric(s, mean)
    return poisson(s, mean * gamma(s, count))


@njit(**PLAIN)
def round_randomly(s, x):
    """Stochastic rounding of x to a neighbouring integer, with mean x; an integer x consumes no random number."""
    below = np.floor(x)
    return below if x == below or next_uniform(s) >= x - below else below + 1.0
