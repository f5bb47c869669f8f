"""Products with the generator of a jump process, and what the exponentials of it need.

A generator of n states is a tuple of the arrays that `symdyn_kernels.arguments.projection.Generator` names.  ``rates``, shape
(1 + D, n), has the diagonal in row 0, and in row ``1 + d``, at state i, the rate of the jump of kind d that ends in i.
Where that jump begins is

- ``i - offsets[d]``, if `sources` has no rows: the states fill a box, and a jump is a shift of their flat index;
- ``sources[d, i]``, shape (D, n) uint32, otherwise: the states are a list.

Rates of jumps that do not exist are zero, so that no row needs a length.

Jumps of geometric size are stored by the rate of the shortest one alone.  The kinds from ``starts[g]`` to ``starts[g + 1]``
are extended along runs of states: state i receives, besides its own inflow, the fraction ``decay[g, i]`` of the inflow of the
preceding state of its run, ``previous[g, i] < i``; the fraction is 0 at the beginning of a run.  All sizes cost one recursion,
``z[i] = f[i] + decay[g, i] z[previous[g, i]]``.  The kinds before ``starts[0]`` are not extended; `work` is for the sums.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["ahead", "apply", "arnoldi", "combine", "norm1", "poisson_window", "small_exponential"]

FAST = {"contract", "reassoc", "nsz"}
BLOCK = 1024  # states whose sums stay in the nearest cache during the loop over the kinds of jumps
_HALF_ULP = 1.1e-16


@njit(error_model="numpy", fastmath=FAST)
def apply(generator, x, y):
    """``y = A x``."""
    rates, offsets, sources, starts, previous, decay, work = generator
    _jumps(rates, offsets, sources, 0, starts[0], True, x, y)
    for g in range(starts.size - 1):
        _jumps(rates, offsets, sources, starts[g], starts[g + 1], False, x, work)
        before, part = previous[g], decay[g]
        for i in range(x.size):
            z = work[i] + part[i] * work[before[i]]
            work[i] = z
            y[i] += z


@njit(error_model="numpy", fastmath=FAST)
def _jumps(rates, offsets, sources, first, last, diagonal, x, y):
    """The inflow to each state by the kinds of jumps from `first` to `last`, minus the outflow of the diagonal."""
    n = x.size
    box = sources.shape[0] == 0
    for a in range(0, n, BLOCK):
        b = min(n, a + BLOCK)
        here, mine = y[a:b], x[a:b]
        if diagonal:
            own = rates[0, a:b]
            for i in range(b - a):
                here[i] = own[i] * mine[i]
        else:
            here[:] = 0.0
        for d in range(first, last):
            if box:
                o = offsets[d]
                begin, end = max(a, o), min(b, n + o)
                if begin < end:
                    to, rate, origin = y[begin:end], rates[1 + d, begin:end], x[begin - o : end - o]
                    for i in range(end - begin):
                        to[i] += rate[i] * origin[i]
            else:
                rate, source = rates[1 + d, a:b], sources[d, a:b]
                for i in range(b - a):
                    here[i] += rate[i] * x[source[i]]


@njit(error_model="numpy")
def ahead(previous, decay, z):
    """``z[i] += decay[j] z[j]`` for the state j after i in its run, from the ends of runs on: the transposed recursion."""
    for i in range(z.size - 1, -1, -1):
        z[previous[i]] += decay[i] * z[i]


@njit(error_model="numpy", fastmath=FAST)
def norm1(x):
    """Sum of magnitudes."""
    total = 0.0
    for i in range(x.size):
        total += abs(x[i])
    return total


@njit(error_model="numpy", fastmath=FAST)
def _dot(x, y):
    total = 0.0
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@njit(error_model="numpy", fastmath=FAST)
def _scale(x, factor, y):
    for i in range(x.size):
        y[i] = factor * x[i]


@njit(error_model="numpy", fastmath=FAST)
def _less(y, a, x):
    """``y -= a x``, and the square of the norm of the result."""
    total = 0.0
    for i in range(y.size):
        value = y[i] - a * x[i]
        y[i] = value
        total += value * value
    return total


@njit(error_model="numpy", fastmath=FAST)
def _less_dot(y, a, x, z):
    """``y -= a x``, and ``z . y`` of the result."""
    total = 0.0
    for i in range(y.size):
        value = y[i] - a * x[i]
        y[i] = value
        total += value * z[i]
    return total


@njit(error_model="numpy")
def arnoldi(generator, x, basis, band):
    """Krylov vectors of `x`, each made orthogonal to the two before it alone; returns the norm of x and how many there are.

    ``A V_m = V_(m+1) H`` holds exactly whatever is orthogonal; H is tridiagonal, and ``band[:, j]`` holds its entries
    H[j-1, j], H[j, j] and H[j+1, j].  Fewer than m vectors mean that the space is invariant.
    """
    m = basis.shape[0] - 1
    norm = math.sqrt(_dot(x, x))
    _scale(x, 1.0 / norm, basis[0])
    for j in range(m):
        w = basis[j + 1]
        apply(generator, basis[j], w)
        size = norm1(w)
        if j > 0:
            band[0, j] = _dot(w, basis[j - 1])
            band[1, j] = _less_dot(w, band[0, j], basis[j - 1], basis[j])
        else:
            band[0, j] = 0.0
            band[1, j] = _dot(w, basis[j])
        h = math.sqrt(_less(w, band[1, j], basis[j]))
        band[2, j] = h
        if h <= 1e-15 * size or h == 0.0:
            return norm, j + 1
        _scale(w, 1.0 / h, w)
    return norm, m


@njit(error_model="numpy", fastmath=FAST)
def small_exponential(band, m, t, f, term, product):
    """``f = exp(t H) e_1`` of a tridiagonal matrix of m columns, by Taylor polynomials over pieces of norm at most one.

    Only H[j-1, j], H[j, j] and H[j+1, j] are stored; the arrays `term` and `product` are scratch memory.
    """
    size = 0.0
    for j in range(m):
        size = max(size, abs(band[0, j]) + abs(band[1, j]) + abs(band[2, j]))
    pieces = max(1, math.ceil(t * size))
    h = t / pieces
    f[:m] = 0.0
    f[0] = 1.0
    for _ in range(pieces):
        term[:m] = f[:m]
        largest = 1.0
        for k in range(1, 40):
            c = h / k
            for i in range(m):
                s = band[1, i] * term[i]
                if i > 0:
                    s += band[2, i - 1] * term[i - 1]
                if i + 1 < m:
                    s += band[0, i + 1] * term[i + 1]
                product[i] = c * s
            change = 0.0
            for i in range(m):
                term[i] = product[i]
                f[i] += product[i]
                change = max(change, abs(product[i]))
            if change <= _HALF_ULP * 1e-4 * largest:
                break


@njit(error_model="numpy", fastmath=FAST)
def combine(basis, f, m, factor, y):
    """``y = factor * (f[0] V_0 + ... + f[m-1] V_(m-1))``."""
    n = y.size
    for a in range(0, n, BLOCK):
        b = min(n, a + BLOCK)
        here = y[a:b]
        here[:] = 0.0
        for j in range(m):
            c, v = factor * f[j], basis[j, a:b]
            for i in range(b - a):
                here[i] += c * v[i]


@njit(error_model="numpy")
def poisson_window(mean, tail):
    """First index, and the weights from it on, of the Poisson distribution without tails below `tail`.

    Weights are built outward from the mode by ratios and normalised: no exponential underflows (Fox and Glynn, 1988).
    """
    mode = int(mean)
    small = tail * 1e-6
    left, w = mode, 1.0
    while left > 0 and w > small:
        w *= left / mean
        left -= 1
    right, w = mode, 1.0
    while w > small:
        right += 1
        w *= mean / right
    weights = np.empty(right - left + 1)
    weights[mode - left] = 1.0
    for k in range(mode, left, -1):
        weights[k - 1 - left] = weights[k - left] * k / mean
    for k in range(mode + 1, right + 1):
        weights[k - left] = weights[k - 1 - left] * mean / k
    return left, weights / weights.sum()
