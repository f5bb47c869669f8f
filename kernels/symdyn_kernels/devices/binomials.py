"""Binomial variates of a thread: those of `symdyn_kernels.binomials`, without tabulated distributions.

Every function returns the state of the stream after its number.
"""

from __future__ import annotations

from symdyn_kernels.constants.binomials import DISTINCT, MARGIN, NEAR, SMALL
from symdyn_kernels.constants.variates import SWITCH
from symdyn_kernels.devices._prelude import floor, math
from symdyn_kernels.devices.streams import next_uniform
from symdyn_kernels.devices.variates import deviance, stirling_error


def log_binomial(k, n, p):
    """The logarithm of the probability of k."""
    if k == 0.0:
        return n * math.log1p(-p)
    if k == n:
        return n * math.log(p)
    errors = stirling_error(n) - stirling_error(k) - stirling_error(n - k)
    return errors - deviance(k, n * p) - deviance(n - k, n * (1.0 - p)) - 0.5 * math.log(2.0 * math.pi * k * ((n - k) / n))


def invert(u, n, ratio, first):
    """The least k at which the sum of probabilities exceeds u; `first` is the probability of 0."""
    total, f, k = first, first, 0.0
    while u >= total and k < n and k < 200.0:  # the remaining probability is below the spacing of the uniform numbers
        k = k + 1.0
        f = f * (ratio * ((n - k + 1.0) / k))
        total = total + f
    return k


def relative(k, mode, n, p):
    """The probability of k in parts of that of the mode, by the ratios of neighbours."""
    f, ratio, i = 1.0, p / (1.0 - p), min(k, mode) + 1.0
    while i <= max(k, mode):
        f = f * (ratio * ((n - i + 1.0) / i))
        i = i + 1.0
    return f if k >= mode else 1.0 / f


def accepted(needed, k, n, p, variance):
    """Whether the probability of k in parts of that of the mode is as large as needed."""
    mode = floor((n + 1.0) * p)
    far = abs(k - mode)
    if far <= NEAR and n < DISTINCT:
        return needed <= relative(k, mode, n, p)
    least = math.log(needed)
    if far < 0.5 * variance - 1.0:
        gauss = -0.5 * far * far / variance
        error = far / variance * ((far * (far / 3.0 + 0.625) + 1.0 / 6.0) / variance + 0.5) + MARGIN
        if least < gauss - error:
            return True
        if least > gauss + error:
            return False
    return least <= log_binomial(k, n, p) - log_binomial(mode, n, p)


def reject(s, n, p):
    """BTRS for ``n p`` of 10 or more."""
    variance = n * p * (1.0 - p)
    deviation = math.sqrt(variance)
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    k, searching = 0.0, True
    while searching:
        u, s = next_uniform(s)
        v, s = next_uniform(s)
        u = u - 0.5
        us = 0.5 - abs(u)
        k = floor((2.0 * a / us + b) * u + n * p + 0.5)
        if us >= 0.07 and v <= 0.92 - 4.2 / b:
            searching = False
        elif k >= 0.0 and k <= n:
            searching = not accepted(v * ((2.83 + 5.1 / b) * deviation) / (a / (us * us) + b), k, n, p, variance)
    return k, s


def binomial(s, n, p, fixed):
    """Binomial of n > 0 trials with a probability up to 1/2, which is `fixed` if the parameters alone decide about it."""
    if (fixed and n <= SMALL) or n * p < SWITCH:
        u, s = next_uniform(s)
        return invert(u, n, p / (1.0 - p), math.exp(n * math.log1p(-p))), s
    return reject(s, n, p)
