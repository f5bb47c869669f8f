"""Normal equations of a model over a window of its data."""

from __future__ import annotations

from numba import njit

from symdyn_kernels.candidates.steps import FAST, attempt, begin, dense, rates, sensitivities
from symdyn_kernels.options import PLAIN
from symdyn_kernels.shared.control import after_acceptance, after_rejection

__all__ = ["FAILED", "hint", "normal"]

#: What `normal` returns for a run that failed, or whose sum of squares passed its limit.
FAILED = -1.0


@njit(**PLAIN, fastmath=FAST)
def _add(row, w, r, sums):
    """Add the products of a row of sensitivities with its first columns, and with a weighted residual."""
    P = row.size
    for a in range(sums.products.shape[0]):
        c = w * w * row[a]
        if c != 0.0:
            to = sums.products[a]
            for p in range(P):
                to[p] += c * row[p]
    c = w * r
    for p in range(P):
        sums.gradient[p] += c * row[p]
    if sums.diagonal.size > 0:
        for p in range(P):
            sums.diagonal[p] += w * w * row[p] * row[p]


@njit(**PLAIN, fastmath=FAST)
def _inside(j, h, work):
    """Sensitivities of state j inside a step, ``S + h sum_s b_s D_s``."""
    start, out = work.S[j], work.row
    n = start.size
    for p in range(n):
        out[p] = start[p]
    for s in range(work.weights.size):
        c = h * work.weights[s]
        if c != 0.0:
            one = work.D[s, j]
            for p in range(n):
                out[p] += c * one[p]


@njit(**PLAIN)
def _compare(i, h, points, work, sums, rss, run):
    """Compare point i of the data with the run, inside a step of length h."""
    x = work.x
    for j in range(x.size):
        v = 0.0
        for s in range(work.weights.size):
            v += work.weights[s] * work.f[s, j]
        y = x[j] + h * v
        run[i, j] = y
        w = points.weights[i, j]
        if w != 0.0:
            r = (points.values[i, j] - y) * w
            rss[j] += r * r
            _inside(j, h, work)
            _add(work.row, w, r, sums)


@njit(error_model="numpy")
def hint(arguments):
    """Length of the first step of a run."""
    t, cut = arguments.points.times, arguments.cut
    return 0.02 * (t[cut[0, 1] - 1] - t[cut[0, 0]])


@njit(**PLAIN)
def normal(arguments, window, start, theta, most, h, work, sums, rss):
    """Run from `start` at the first point of a window, and compare.

    Parameters
    ----------
    arguments : FitArguments
        Its points, integration, model, library and cut are read; rows of its ``run`` become the run.
    start, theta : (d,), (K + Q,)
    most : float
        The run fails when the sum of `rss` is above it.
    h : float
        Length of the first step.
    work : RunWorkspace
    sums, rss : SensitivitySums, (d,)
        Added to.

    Returns
    -------
    float64
        Length of a typical step, or `FAILED`.
    """
    points, integration, model, library, cut = arguments[:5]
    run, pair, control = arguments.run, integration.pair, integration.control
    first, last, t = cut[window, 0], cut[window, 1], points.times
    f, x, S, D, fresh, d = work.f, work.x, work.S, work.D, True, work.x.size
    final = pair.error.size - 1
    for j in range(d):
        x[j] = start[j]
    for s in range(final + 1):
        work.weights[s] = 0.0
    begin(theta.size, S)
    _compare(first, 0.0, points, work, sums, rss, run)
    if last - first == 1:
        return h
    now, end, i = t[first], t[last - 1], first + 1
    taken, before, earlier = 0.0, 1.0, 1.0
    if not rates(0, x, theta, model, library, work):
        return FAILED
    while i < last:
        work.attempted[0] += 1
        if work.attempted[0] > integration.attempts:
            return FAILED
        if h > 0.999 * (end - now):
            h = end - now
        error = attempt(h, theta, model, library, integration, work)
        if not error <= 1.0:
            h *= after_rejection(error, control)
            if h < 1e-9 * (end - t[first]):
                return FAILED
            continue
        sensitivities(h, fresh, pair, model, work)
        fresh = False
        until = end if h == end - now else now + h
        while i < last and t[i] <= until:
            dense((t[i] - now) / h, pair.dense, work.weights)
            _compare(i, h, points, work, sums, rss, run)
            i += 1
        total = 0.0
        for j in range(d):
            total += rss[j]
            x[j] = work.new[j]
            f[0, j] = f[final, j]
            if not abs(x[j]) < integration.largest:
                return FAILED
            for p in range(S.shape[1]):
                S[j, p] = work.S_new[j, p]
                D[0, j, p] = D[final, j, p]
        if not total <= most:
            return FAILED
        taken = max(taken, h)
        now = until
        h *= after_acceptance(error, before, earlier, control, control.grow)
        before, earlier = error, before
    return taken
