"""Binomial variates of one trajectory, drawn from its stream.

The laws are those of `symdyn_kernels.shared.variates`: inversion, or BTRS (Hormann, J. Stat. Comput. Simul. 46 (1993) 101).
The acceptance test of rejection multiplies ratios of probabilities near the mode.  Far from it, most is decided by the
bounds of Kachitvichyanukul & Schmeiser (Commun. ACM 31 (1988) 216, step 5.2), at the price of one logarithm.
"""

from __future__ import annotations

from symdyn_kernels.constants.binomials import DISTINCT, MARGIN, NEAR, SMALL
from symdyn_kernels.constants.variates import SWITCH
from symdyn_kernels.shared._scalars import floor, math, shared
from symdyn_kernels.shared.streams import next_uniform
from symdyn_kernels.shared.variates import deviance, stirling_error

__all__ = ["binomial", "chance", "invert", "log_binomial", "probable", "rest"]


# ---- probabilities of outcomes -----------------------------------------------------------------


@shared
def probable(good, total):
    """Whether numbers are probabilities of exclusive outcomes: none negative, and in sum up to 1, but for rounding."""
    return good and total <= 1.0 + 1e-12


@shared
def rest(total, count):
    """The probability of none of the outcomes, `count` in number; rounding must not end an individual."""
    left = 1.0 - total
    return 0.0 if left < 1e-15 * count else left


@shared
def chance(p, left):
    """The conditional probability of an outcome, or of its opposite, at most 1/2; and whether it is that of the opposite.

    `p` is its probability, and `left` that of all outcomes after it.
    """
    both = p + left
    other = p > 0.5 * both
    return 0.0 if both == 0.0 else (left if other else p) / both, other


# ---- variates ----------------------------------------------------------------------------------


@shared
def log_binomial(k, n, p):
    """The logarithm of the probability of k."""
    if k == 0.0:
        return n * math.log1p(-p)
    if k == n:
        return n * math.log(p)
    errors = stirling_error(n) - stirling_error(k) - stirling_error(n - k)
    return errors - deviance(k, n * p) - deviance(n - k, n * (1.0 - p)) - 0.5 * math.log(2.0 * math.pi * k * ((n - k) / n))


@shared
def invert(u, n, ratio, first):
    """The least k at which the sum of probabilities exceeds u; `first` is the probability of 0."""
    total, f, k = first, first, 0.0
    while u >= total and k < n and k < 200.0:  # the remaining probability is below the spacing of the uniform numbers
        k = k + 1.0
        f = f * (ratio * ((n - k + 1.0) / k))
        total = total + f
    return k


@shared
def relative(k, mode, n, p):
    """The probability of k in parts of that of the mode, by the ratios of neighbours."""
    f, ratio, i = 1.0, p / (1.0 - p), min(k, mode) + 1.0
    high = max(k, mode)
    while i <= high:
        f = f * (ratio * ((n - i + 1.0) / i))
        i = i + 1.0
    return f if k >= mode else 1.0 / f


@shared
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


@shared
def reject(s, n, p):
    """BTRS for ``n p`` of 10 or more."""
    variance = n * p * (1.0 - p)
    deviation = math.sqrt(variance)
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    squeeze = 0.92 - 4.2 / b
    k, searching = 0.0, True
    while searching:
        u, s = next_uniform(s)
        v, s = next_uniform(s)
        u = u - 0.5
        us = 0.5 - abs(u)
        k = floor((2.0 * a / us + b) * u + n * p + 0.5)
        if us >= 0.07 and v <= squeeze:
            searching = False
        elif k >= 0.0 and k <= n:
            searching = not accepted(v * ((2.83 + 5.1 / b) * deviation) / (a / (us * us) + b), k, n, p, variance)
    return k, s


@shared
def binomial(s, n, p, ratio, log_other, fixed):
    """Binomial of n > 0 trials with a probability p up to 1/2, which is `fixed` if the parameters alone decide about it.

    `ratio` is ``p/(1 - p)``, and `log_other` the logarithm of 1 - p.
    """
    if (fixed and n <= SMALL) or n * p < SWITCH:
        u, s = next_uniform(s)
        return invert(u, n, ratio, math.exp(n * log_other)), s
    return reject(s, n, p)
