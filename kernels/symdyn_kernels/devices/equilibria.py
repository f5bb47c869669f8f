"""Leaps across fast equilibria on a card: functions of the same names in `symdyn_kernels.equilibria` do the same."""

from __future__ import annotations

from symdyn_kernels.constants.leaping import DEVIATIONS, EQUILIBRIUM, NEWTON, NEWTON_ERROR, RELAXATION, STIFF_RATIO
from symdyn_kernels.devices._leap import (
    BURST,
    BURSTS,
    CHANGED,
    FIXED,
    PAIR,
    PTR,
    REACTIONS,
    SPECIES,
    WATCHED,
    factor,
    propensities,
    solve,
)
from symdyn_kernels.devices._prelude import floor, i64, math
from symdyn_kernels.devices.leaps import longest
from symdyn_kernels.devices.reactions import moved, only
from symdyn_kernels.devices.variates import round_randomly


def equilibria(t, marks, x, p, a):
    """Relaxation rates of reversible pairs in equilibrium that change no species of the stopping condition; 0 of all others."""
    rate = [0.0] * REACTIONS
    for j in range(REACTIONS):
        if PAIR[j] > j and sum((WATCHED[CHANGED[e]] for e in range(PTR[j], PTR[j + 1])), 0.0) == 0.0:
            after = tuple(sum((FIXED[e] for e in range(PTR[j], PTR[j + 1]) if CHANGED[e] == k), x[k]) for k in range(SPECIES))
            b = propensities((t,), after, p)
            found = relaxing(a[j], a[PAIR[j]], b[j], b[PAIR[j]])
            rate[j] = only(marks[j] + marks[PAIR[j]] == 0, found)
            rate[PAIR[j]] = rate[j]
    return tuple(rate[j] for j in range(REACTIONS))


def relaxing(forward, backward, forward_after, backward_after):
    """The rate at which the net flux of a pair relaxes, by propensities before and after a firing; 0 outside equilibrium."""
    net = forward - backward
    rate = net - (forward_after - backward_after)
    low = min(forward, backward)
    band = EQUILIBRIUM * low
    if rate < EQUILIBRIUM * EQUILIBRIUM * low:  # many molecules: fluctuations are small and nearly linear
        band = max(band, DEVIATIONS * math.sqrt(max(0.0, rate * low)))
    return rate if rate > 0.0 and abs(net) <= band else 0.0


def length_across(tau, left, t, marks, x, p, a, orders, mean, second, epsilon):
    """The length of a leap across equilibria, or that of an explicit leap, `tau`, if it is not much longer.

    And the marks of the equilibria that are leapt across.  `left` is the time to the next output.
    """
    equal = tuple(0 for j in range(REACTIONS))
    if left > STIFF_RATIO * tau:
        rate = equilibria(t, marks, x, p, a)
        equal = tuple(i64(rate[j] > 0.0) for j in range(REACTIONS))
        skip = tuple(max(marks[j], equal[j]) for j in range(REACTIONS))
        slow = min(longest(x, a, orders, mean, second, skip, epsilon), left)
        relaxation = min(math.inf, *(crossed(rate[j], slow) for j in range(REACTIONS)))
        slow = min(slow, left - RELAXATION / relaxation)
        if slow > STIFF_RATIO * tau:
            tau = slow
    return tau, equal


def crossed(rate, tau):
    """The rate of an equilibrium that a leap crosses; infinity if it is none, or too slow."""
    return rate if rate * tau > 0.5 else math.inf


def implicit_leap(s, t, tau, skip, equal, mean, x, z, p, a):
    """Correct a leap from x in `z`, which holds x and its firings, to the trapezoidal rule; evaluations (or -1), z, the stream.

    Solves ``y = z + tau/2 sum_j S_j (a_j(y) - a_j(x))`` by Newton, from x, and adds the correction of each reaction as an
    integer number of firings, so that conservation laws hold.
    """
    y, b = x, a
    calls, converged, finite = 1, False, True
    while calls <= NEWTON and not converged and finite:
        b = propensities((t,), y, p)
        more = tuple(correction(skip[j], tau, a[j], b[j]) for j in range(REACTIONS))
        missing = tuple(
            sum(
                (mean[e] * more[j] for j in range(REACTIONS) for e in range(PTR[j], PTR[j + 1]) if CHANGED[e] == k),
                z[k] - y[k],
            )
            for k in range(SPECIES)
        )
        residual = tuple(missing[k] * (2.0 / tau) for k in range(SPECIES))
        step = solve(factor((t, 2.0 / tau), y, p), residual, p)
        y = tuple(y[k] + step[k] for k in range(SPECIES))
        size = max(0.0, *(abs(step[k]) / (1.0 + 1e-6 * abs(y[k])) for k in range(SPECIES)))
        nothing = 0.0
        for k in range(SPECIES):
            nothing = nothing + (y[k] - y[k])
        finite = nothing == 0.0
        calls = calls + 1
        converged = size < NEWTON_ERROR
    if not (converged and finite):
        return -1, z, s
    b = propensities((t,), y, p)
    count = [0.0] * REACTIONS
    sums = [0.0] * BURSTS
    for j in range(REACTIONS):
        c = correction(skip[j], tau, a[j], b[j])
        count[j], s = rounded(s, equal[j], c)
        for e in range(PTR[j], PTR[j + 1]):
            if BURST[e] >= 0:
                sums[BURST[e]], s = round_randomly(s, (mean[e] - FIXED[e]) * c)
    z = moved(z, tuple(count[j] for j in range(REACTIONS)), tuple(sums[b] for b in range(BURSTS)))
    return calls, z, s


def correction(skipped, tau, before, after):
    """Firings that the trapezoidal rule adds to a leap from one propensity to another; none of critical reactions."""
    return 0.5 * tau * (after - before) if skipped == 0 else 0.0


def rounded(s, in_equilibrium, c):
    """Round a correction to an integer number of firings.

    At equilibrium corrections are many firings and the nearest number adds the least noise; a lasting small correction would
    be lost by it.
    """
    if in_equilibrium == 1:
        return floor(c + 0.5), s
    return round_randomly(s, c)
