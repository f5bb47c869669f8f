"""Binomial variates of repeated probabilities on the processor: what depends on the probability alone is computed once.

The distribution of up to `SMALL` trials is tabulated once it has been used often enough.  The variate from the table equals
the one of `symdyn_kernels.shared.binomials` bit for bit, because the sums are the same: tables do not change results.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from symdyn_kernels.constants.binomials import SMALL
from symdyn_kernels.options import INLINE, PLAIN
from symdyn_kernels.shared.binomials import binomial, chance, invert, probable, rest
from symdyn_kernels.shared.streams import next_uniform

__all__ = ["Chances", "conditional", "empty_chances", "tabulated"]

#: Uses of a distribution of up to `SMALL` trials before it is tabulated; a guide has bytes.
OFTEN = 3
#: Numbers from a distribution begin their search where the uniform number is rounded down to a part of this many.
GUIDE = 64
#: Probabilities whose distributions are tabulated: the tables of each take about 300 kB.
KEPT = 128
_ROW = SMALL + 1
_SUMS = _ROW * (_ROW + 1) // 2


class Chances(NamedTuple):
    """Conditional probabilities of outcomes, each given that none of the preceding ones occurred, and their distributions.

    Attributes
    ----------
    half, other : (m,) float64, (m,) uint8
        The probability; where it is above 1/2 its complement, and `other` is set.
    ratio, log_other : (m,) float64
        That over its complement, and the logarithm of the latter.
    sums, guide, asked : float64, uint8, uint8 arrays
        Cumulative probabilities, the guides of the search in them, and the number of uses.
    """

    half: np.ndarray
    other: np.ndarray
    ratio: np.ndarray
    log_other: np.ndarray
    sums: np.ndarray
    guide: np.ndarray
    asked: np.ndarray


@njit(error_model="numpy")
def empty_chances(entries):
    """Memory for so many outcomes."""
    kept = min(entries, KEPT)
    sums, guide, asked = np.empty(kept * _SUMS), np.empty(kept * _ROW * GUIDE, np.uint8), np.zeros(kept * _ROW, np.uint8)
    return Chances(np.zeros(entries), np.zeros(entries, np.uint8), np.zeros(entries), np.zeros(entries), sums, guide, asked)


@njit(**INLINE)
def conditional(begin, end, rates, chances):
    """Fill in what belongs to outcomes `begin` to `end`, whose probabilities are `rates`; returns whether they are such."""
    total, good = 0.0, True
    for e in range(begin, end):
        good = good and rates[e] >= 0.0
        total += rates[e]
    if not probable(good, total):
        return False
    left = rest(total, end - begin)
    for e in range(end - 1, begin - 1, -1):
        h, other = chance(rates[e], left)
        left += rates[e]
        chances.half[e], chances.other[e], chances.ratio[e], chances.log_other[e] = h, other, h / (1.0 - h), math.log1p(-h)
    return True


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
def tabulated(s, trials, e, chances):
    """Binomial of trials > 0 with the conditional probability of outcome `e`, which the parameters alone decide."""
    p, ratio, log_other, asked = chances.half[e], chances.ratio[e], chances.log_other[e], chances.asked
    if trials > SMALL:
        return binomial(s, trials, p, ratio, log_other, False)
    u, s = next_uniform(s)
    n = np.int64(trials)
    place = e * _ROW + n
    base, begin = e * _SUMS + n * (n + 1) // 2, place * GUIDE
    if e >= KEPT or asked[place] < OFTEN:
        first = math.exp(trials * log_other)
        if e >= KEPT or asked[place] < OFTEN - 1:
            if e < KEPT:
                asked[place] += 1
            return invert(u, trials, ratio, first), s
        asked[place] += 1
        _keep(chances.sums, chances.guide, base, begin, n, ratio, first)
    k = base + np.int64(chances.guide[begin + np.int64(u * GUIDE)])
    while u >= chances.sums[k]:
        k += 1
    return np.float64(k - base), s
