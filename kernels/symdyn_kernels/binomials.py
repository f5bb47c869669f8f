"""Binomial variates with repeated probabilities: what depends on the probability alone is computed once.

The laws and their references are those of `symdyn_kernels.variates`.  Two things make them faster here:

- The distribution of up to `SMALL` trials is tabulated once it has been used often enough.  The variate from the table equals
  the one from inversion by summation bit for bit, because the sums are the same: tables do not change results.
- The acceptance test of rejection multiplies ratios of probabilities near the mode.  Far from it, most is decided by the
  bounds of Kachitvichyanukul & Schmeiser (Commun. ACM 31 (1988) 216, step 5.2), at the price of one logarithm.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from symdyn_kernels.constants.binomials import DISTINCT, MARGIN, NEAR, SMALL
from symdyn_kernels.constants.variates import SWITCH
from symdyn_kernels.options import INLINE, PLAIN
from symdyn_kernels.rng import next_uniform
from symdyn_kernels.variates import log_binomial

__all__ = ["SMALL", "conditional", "empty_tables", "tabulated", "untabulated"]

#: Uses of a distribution of up to `SMALL` trials before it is tabulated; a guide has bytes.
OFTEN = 3
#: Numbers from a distribution begin their search where the uniform number is rounded down to a part of this many.
GUIDE = 64
#: Probabilities whose distributions are tabulated: the tables of each take about 300 kB.
KEPT = 128
_ROW = SMALL + 1
_SUMS = _ROW * (_ROW + 1) // 2


@njit(**PLAIN)
def conditional(W, begin, end, rates, half, other, ratio, log_other):
    """Conditional probabilities of the outcomes of an individual: each given that none of the preceding ones occurred.

    Of entries `begin` to `end` the probabilities are ``rates[e*W]``.  Where the conditional one is above 1/2, `half` is its
    complement and `other` is set.  Returns whether they are probabilities: none negative, and in sum up to 1, but for rounding.
    """
    total = 0.0
    for e in range(begin, end):
        p = rates[e * W]
        if not p >= 0.0:
            return False
        total += p
    if not total <= 1.0 + 1e-12:
        return False
    left = 1.0 - total
    if left < 1e-15 * (end - begin):  # rounding must not end an individual
        left = 0.0
    for e in range(end - 1, begin - 1, -1):
        p = rates[e * W]
        before = left
        left += p
        other[e] = p > 0.5 * left
        h = 0.0 if left == 0.0 else (before if other[e] else p) / left
        half[e], ratio[e], log_other[e] = h, h / (1.0 - h), math.log1p(-h)
    return True


@njit(**PLAIN)
def _invert(u, n, ratio, first):
    """The least k at which the sum of probabilities exceeds u; `first` is the probability of 0."""
    total, f, k = first, first, 0.0
    while u >= total and k < n and k < 200.0:  # the remaining probability is below the spacing of the uniform numbers
        k += 1.0
        f *= ratio * ((n - k + 1.0) / k)
        total += f
    return k


@njit(**PLAIN)
def _relative(k, mode, n, p):
    """The probability of k in parts of that of the mode, by the ratios of neighbours."""
    low, high = min(k, mode), max(k, mode)
    f, ratio, i = 1.0, p / (1.0 - p), low + 1.0
    while i <= high:
        f *= ratio * ((n - i + 1.0) / i)
        i += 1.0
    return f if k >= mode else 1.0 / f


@njit(**PLAIN)
def _reject(s, n, p):
    """BTRS for ``n p`` of 10 or more."""
    variance = n * p * (1.0 - p)
    deviation = math.sqrt(variance)
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    squeeze = 0.92 - 4.2 / b
    while True:
        u = next_uniform(s) - 0.5
        v = next_uniform(s)
        us = 0.5 - abs(u)
        k = np.floor((2.0 * a / us + b) * u + n * p + 0.5)
        if us >= 0.07 and v <= squeeze:
            return k
        if k < 0.0 or k > n:
            continue
        alpha = (2.83 + 5.1 / b) * deviation
        mode = np.floor((n + 1.0) * p)
        needed = v * alpha / (a / (us * us) + b)
        far = abs(k - mode)
        if far <= NEAR and n < DISTINCT:
            if needed <= _relative(k, mode, n, p):
                return k
            continue
        needed = math.log(needed)
        if far < 0.5 * variance - 1.0:
            gauss = -0.5 * far * far / variance
            error = far / variance * ((far * (far / 3.0 + 0.625) + 1.0 / 6.0) / variance + 0.5) + MARGIN
            if needed < gauss - error:
                return k
            if needed > gauss + error:
                continue
        if needed <= log_binomial(k, n, p) - log_binomial(mode, n, p):
            return k


@njit(**PLAIN)
def untabulated(s, n, p, ratio, log_other):
    """Binomial of n > 0 trials with a probability up to 1/2."""
    if n * p < SWITCH:
        return _invert(next_uniform(s), n, ratio, math.exp(n * log_other))
    return _reject(s, n, p)


# ---- tabulated distributions -------------------------------------------------------------------


@njit(error_model="numpy")
def empty_tables(entries):
    """Cumulative probabilities, the guides of the search in them, and the number of uses, for `entries` probabilities."""
    kept = min(entries, KEPT)
    return np.empty(kept * _SUMS), np.empty(kept * _ROW * GUIDE, np.uint8), np.zeros(kept * _ROW, np.uint8)


@njit(**PLAIN)
def _keep(sums, guide, base, begin, n, ratio, first):
    """Tabulate the distribution of n trials, from `base` on, and the guide of its search from `begin` on."""
    total, f, k, g = first, first, 0.0, 0
    for i in range(n + 1):
        sums[base + i] = total if i < n else 2.0
        while g < GUIDE and g < GUIDE * sums[base + i]:
            guide[begin + g] = i
            g += 1
        k += 1.0
        f *= ratio * ((n - k + 1.0) / k)
        total += f


@njit(**INLINE)
def tabulated(s, trials, p, ratio, log_other, sums, guide, asked, e):
    """The same for the probability of number `e`, which has tables."""
    if trials > SMALL:
        return untabulated(s, trials, p, ratio, log_other)
    u = next_uniform(s)
    n = np.int64(trials)
    place = e * _ROW + n
    base, begin = e * _SUMS + n * (n + 1) // 2, place * GUIDE
    if e >= KEPT or asked[place] < OFTEN:
        first = math.exp(trials * log_other)
        if e >= KEPT or asked[place] < OFTEN - 1:
            if e < KEPT:
                asked[place] += 1
            return _invert(u, trials, ratio, first)
        asked[place] += 1
        _keep(sums, guide, base, begin, n, ratio, first)
    k = base + np.int64(guide[begin + np.int64(u * GUIDE)])
    while u >= sums[k]:
        k += 1
    return np.float64(k - base)
