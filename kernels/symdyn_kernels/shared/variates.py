"""Random variates of one trajectory, drawn from its stream: exponential, Poisson, gamma, and sums of bursts.

All are exact up to the rounding of doubles, for any parameters: small means by sequential inversion of one uniform
number, large ones by the transformed rejection with squeeze of Hormann, whose acceptance test needs the logarithm of
probabilities.  Those come from Loader's saddle-point form ("Fast and accurate computation of binomial probabilities",
2000), which does not cancel however large the numbers are.  Counts are floats with integer values.

Every function returns the state of the stream after its number.
"""

from __future__ import annotations

from symdyn_kernels.constants.variates import POISSON, STIRLING, SWITCH
from symdyn_kernels.shared._scalars import floor, i64, math, shared
from symdyn_kernels.shared.streams import next_normals, next_uniform

__all__ = ["burst_sum", "deviance", "exponential", "gamma", "geometric", "poisson", "round_randomly", "stirling_error"]


@shared
def exponential(s):
    """Exponential with mean 1."""
    u, s = next_uniform(s)
    return -math.log(u), s


# ---- logarithms of probabilities ---------------------------------------------------------------


@shared
def stirling_error(n):
    """``log(n!)`` minus Stirling's formula."""
    if n < 16.0:
        return STIRLING[i64(n)]
    m = 1.0 / (n * n)
    return (1 / 12 - m * (1 / 360 - m * (1 / 1260 - m * (1 / 1680 - m / 1188)))) / n


@shared
def deviance(x, mean):
    """``x log(x/mean) + mean - x`` without cancellation."""
    difference = x - mean
    if abs(difference) >= 0.1 * (x + mean):
        return x * math.log(x / mean) - difference
    v = difference / (x + mean)
    total, before, term, j = difference * v, math.inf, 2.0 * x * v, 1.0
    v = v * v
    while total != before and j < 1000.0:
        before = total
        term = term * v
        total = total + term / (2.0 * j + 1.0)
        j = j + 1.0
    return total


@shared
def log_poisson(k, mean):
    """The logarithm of the probability of k."""
    if k == 0.0:
        return -mean
    return -stirling_error(k) - deviance(k, mean) - 0.5 * math.log(2.0 * math.pi * k)


# ---- variates ----------------------------------------------------------------------------------


@shared
def poisson(s, mean):
    """Poisson with a mean that is not negative (0 gives 0, and draws nothing).

    By inversion, or PTRS (Hormann, Insur. Math. Econ. 12 (1993) 39).
    """
    if not mean > 0.0:
        return 0.0, s
    if mean < SWITCH:
        u, s = next_uniform(s)
        p, k = math.exp(-mean), 0.0
        while u > p and k < 200.0:  # the remaining probability is below the spacing of the uniform numbers
            u = u - p
            k = k + 1.0
            p = p * (mean / k)
        return k, s
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    squeeze = 0.9277 - 3.6224 / (b - 2.0)
    k, searching = 0.0, True
    while searching:
        u, s = next_uniform(s)
        v, s = next_uniform(s)
        u = u - 0.5
        us = 0.5 - abs(u)
        k = floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= squeeze:
            searching = False
        elif k >= 0.0 and (us >= 0.013 or v <= us):
            searching = math.log(v * inverse_alpha / (a / (us * us) + b)) > log_poisson(k, mean)
    return k, s


@shared
def gamma(s, shape):
    """Gamma with scale 1 and a shape of 1 or more (Marsaglia & Tsang, ACM Trans. Math. Softw. 26 (2000) 363)."""
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    v, searching = 1.0, True
    while searching:
        x, _, s = next_normals(s)
        v = 1.0 + c * x
        if v > 0.0:
            v = v * v * v
            u, s = next_uniform(s)
            searching = math.log(u) >= 0.5 * x * x + d * (1.0 - v + math.log(v))
    return d * v, s


@shared
def geometric(s, mean):
    """Geometric on 0, 1, 2, ... with a mean above 0, ``P(m) = mean^m / (1 + mean)^(m+1)``, by inversion."""
    u, s = next_uniform(s)
    return floor(math.log(u) / -math.log1p(1.0 / mean)), s


@shared
def burst_sum(s, kind, mean, count):
    """Sum of `count` independent bursts of a mean: Poisson, or negative binomial as a Poisson number with a gamma mean."""
    if not (count > 0.0 and mean > 0.0):
        return 0.0, s
    if kind == POISSON:
        return poisson(s, mean * count)
    if count == 1.0:
        return geometric(s, mean)
    x, s = gamma(s, count)
    return poisson(s, mean * x)


@shared
def round_randomly(s, x):
    """Stochastic rounding of x to a neighbouring integer, with mean x; an integer x consumes no random number."""
    below = floor(x)
    if x == below:
        return below, s
    u, s = next_uniform(s)
    return (below, s) if u >= x - below else (below + 1.0, s)
