"""Reaction networks on a card: changes of numbers of molecules, without table look-ups.

`symdyn_kernels.networks` describes PTR, CHANGED, FIXED and BURST; functions of the same names do the same there.  Code that
is repeated for every reaction or species is free of branches, or a call: the time to compile branches grows faster than
their number.
"""

from __future__ import annotations

from symdyn_kernels.devices._leap import BURST, BURSTS, CHANGED, FIXED, KIND, PTR, REACTIONS, SPECIES
from symdyn_kernels.devices._prelude import math
from symdyn_kernels.devices.variates import burst_sum


def total_of(a):
    """The sum of propensities, or -1 if one is negative."""
    total = 0.0
    for j in range(REACTIONS):
        total = total + a[j]
    return -1.0 if min(0.0, *(a[j] for j in range(REACTIONS))) < 0.0 else total


def least(x):
    """The least of the numbers of molecules."""
    return min(math.inf, *(x[k] for k in range(SPECIES)))


def changes(means):
    """Means and second moments of the changes that reactions make, from the means of bursts."""
    mean = tuple(FIXED[e] + means[BURST[e]] if BURST[e] >= 0 else FIXED[e] for e in range(len(FIXED)))
    second = tuple(
        second_moment(FIXED[e], KIND[BURST[e]], means[BURST[e]]) if BURST[e] >= 0 else FIXED[e] * FIXED[e]
        for e in range(len(FIXED))
    )
    return mean, second


def second_moment(fixed, kind, m):
    """The second moment of a fixed change and a burst of mean m."""
    return fixed * fixed + (2.0 * fixed * m + m + m * m * (2.0 - kind))


def sound(means):
    """Whether the means of bursts are numbers that are not negative."""
    good = True
    for b in range(BURSTS):
        good = good and means[b] >= 0.0
    return good


def pick(a, marks, mark, threshold):
    """The reaction at which the cumulative sum over those that have a mark passes a threshold; -1 if none is possible."""
    found, searching = -1, True
    for j in range(REACTIONS):
        found, searching, threshold = passed(j, a[j], marks[j] == mark, found, searching, threshold)
    return found


def passed(j, a, marked, found, searching, threshold):
    """One reaction further in `pick`."""
    if searching and marked and a > 0.0:
        return j, threshold >= a, threshold - a
    return found, searching, threshold


def only(condition, value):
    """The value if the condition holds, else 0."""
    return value if condition else 0.0


def burst(condition, s, kind, mean, count):
    """The sum of `count` bursts if the condition holds, else 0, which draws nothing."""
    if not condition:
        return 0.0, s
    return burst_sum(s, kind, mean, count)


def fire(s, j, means, x):
    """The numbers of molecules after an event, and the stream."""
    x = tuple(
        sum((only(j == r, FIXED[e]) for r in range(REACTIONS) for e in range(PTR[r], PTR[r + 1]) if CHANGED[e] == k), x[k])
        for k in range(SPECIES)
    )
    for r in range(REACTIONS):
        for e in range(PTR[r], PTR[r + 1]):
            if BURST[e] >= 0:
                more, s = burst(j == r, s, KIND[BURST[e]], means[BURST[e]], 1.0)
                x = tuple(x[k] + more if k == CHANGED[e] else x[k] for k in range(SPECIES))
    return x, s


def moved(x, count, more):
    """The numbers of molecules after each reaction fired `count` times, with `more` of each burst in all."""
    return tuple(
        sum(
            (
                FIXED[e] * count[j] + more[BURST[e]] if BURST[e] >= 0 else FIXED[e] * count[j]
                for j in range(REACTIONS)
                for e in range(PTR[j], PTR[j + 1])
                if CHANGED[e] == k
            ),
            x[k],
        )
        for k in range(SPECIES)
    )
