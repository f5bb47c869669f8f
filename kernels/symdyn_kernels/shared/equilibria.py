"""Leaps across fast equilibria: reversible pairs of reactions in equilibrium, and the implicit leap that leaves them so.

`symdyn_kernels.networks` says what a `network` is; arguments have the same names there.
"""

from __future__ import annotations

from symdyn_kernels.constants.leaping import DEVIATIONS, EQUILIBRIUM, NEWTON, NEWTON_ERROR, RELAXATION, STIFF_RATIO
from symdyn_kernels.shared._network import evaluate, newton_step
from symdyn_kernels.shared._scalars import floor, i64, math, shared, shared_inline, vector
from symdyn_kernels.shared.leaps import longest, only
from symdyn_kernels.shared.variates import round_randomly

__all__ = ["implicit_leap", "length_across"]


@shared
def relaxing(forward, backward, forward_after, backward_after):
    """The rate at which the net flux of a pair relaxes, by propensities before and after a firing; 0 outside equilibrium."""
    net = forward - backward
    rate = net - (forward_after - backward_after)
    low = min(forward, backward)
    band = EQUILIBRIUM * low
    if rate < EQUILIBRIUM * EQUILIBRIUM * low:  # many molecules: fluctuations are small and nearly linear
        band = max(band, DEVIATIONS * math.sqrt(max(0.0, rate * low)))
    return rate if rate > 0.0 and abs(net) <= band else 0.0


@shared_inline
def equilibria(network, t, critical, x, y, a, b, rate):
    """Relaxation rates of reversible pairs in equilibrium; 0 of all other reactions."""
    vector(y, network.model.species)
    vector(rate, network.model.reactions)
    for j in range(network.model.reactions):
        rate[j] = 0.0
    for j in range(network.model.reactions):
        if network.pair[j] > j:
            for i in range(network.model.species):
                y[i] = x[i]
            for e in range(network.ptr[j], network.ptr[j + 1]):
                y[network.changed[e]] = y[network.changed[e]] + network.fixed[e]
            b, _ = evaluate(network.model, t, y, b)
            found = relaxing(a[j], a[network.pair[j]], b[j], b[network.pair[j]])
            rate[j] = only(critical[j] + critical[network.pair[j]] == 0, found)
            rate[network.pair[j]] = rate[j]
    return rate


@shared
def crossed(rate, tau):
    """The rate of an equilibrium that a leap crosses; infinity if it is none, or too slow."""
    return rate if rate * tau > 0.5 else math.inf


@shared_inline
def length_across(network, tau, left, t, epsilon, x, a, orders, critical, space):
    """The length of a leap across equilibria, or that of an explicit leap, `tau`, if it is not much longer.

    And the marks of the equilibria that are leapt across.  `left` is the time to the next output, `space` scratch memory.
    """
    equal = space.equal
    vector(equal, network.model.reactions)
    skip = space.skip
    vector(skip, network.model.reactions)
    for j in range(network.model.reactions):
        equal[j] = 0
    if left > STIFF_RATIO * tau:
        rate = equilibria(network, t, critical, x, space.y, a, space.b, space.rate)
        for j in range(network.model.reactions):
            equal[j] = i64(rate[j] > 0.0)
            skip[j] = max(critical[j], equal[j])
        slow = min(longest(network, x, a, orders, skip, epsilon, space.work), left)
        relaxation = math.inf
        for j in range(network.model.reactions):
            relaxation = min(relaxation, crossed(rate[j], slow))
        slow = min(slow, left - RELAXATION / relaxation)
        if slow > STIFF_RATIO * tau:
            tau = slow
    return tau, equal


@shared
def correction(skipped, tau, before, after):
    """Firings that the trapezoidal rule adds to a leap from one propensity to another; none of critical reactions."""
    return 0.5 * tau * (after - before) if skipped == 0 else 0.0


@shared
def rounded(s, in_equilibrium, c):
    """Round a correction to an integer number of firings.

    At equilibrium corrections are many firings and the nearest number adds the least noise; a lasting small correction would
    be lost by it.
    """
    if in_equilibrium == 1:
        return floor(c + 0.5), s
    return round_randomly(s, c)


@shared_inline
def implicit_leap(network, s, t, tau, skip, equal, y, z, a, space):
    """Correct a leap from y in `z`, which holds y and its firings, to the trapezoidal rule; evaluations (or -1), z, the stream.

    Solves ``y = z + tau/2 sum_j S_j (a_j(y) - a_j(x))`` by Newton, from x, where the propensities are `a`, and adds the
    correction of each reaction as an integer number of firings, so that conservation laws hold.
    """
    residual, step, b = space.residual, space.step, space.b
    vector(y, network.model.species)
    vector(z, network.model.species)
    vector(residual, network.model.species)
    calls, converged, finite = 1, False, True
    while calls <= NEWTON and not converged and finite:
        b, _ = evaluate(network.model, t, y, b)
        for i in range(network.model.species):
            residual[i] = z[i] - y[i]
        for j in range(network.model.reactions):
            c = correction(skip[j], tau, a[j], b[j])
            for e in range(network.ptr[j], network.ptr[j + 1]):
                residual[network.changed[e]] = residual[network.changed[e]] + network.mean[e] * c
        for i in range(network.model.species):
            residual[i] = residual[i] * (2.0 / tau)
        step = newton_step(network.model, t, 2.0 / tau, y, residual, step)
        size, nothing = 0.0, 0.0
        for i in range(network.model.species):
            y[i] = y[i] + step[i]
            size = max(size, abs(step[i]) / (1.0 + 1e-6 * abs(y[i])))
            nothing = nothing + (y[i] - y[i])
        finite = nothing == 0.0
        calls = calls + 1
        converged = size < NEWTON_ERROR
    if not (converged and finite):
        return -1, z, s
    b, _ = evaluate(network.model, t, y, b)
    for j in range(network.model.reactions):
        c = correction(skip[j], tau, a[j], b[j])
        count, s = rounded(s, equal[j], c)
        for e in range(network.ptr[j], network.ptr[j + 1]):
            z[network.changed[e]] = z[network.changed[e]] + network.fixed[e] * count
            if network.burst[e] >= 0:
                more, s = round_randomly(s, (network.mean[e] - network.fixed[e]) * c)
                z[network.changed[e]] = z[network.changed[e]] + more
    return calls, z, s
