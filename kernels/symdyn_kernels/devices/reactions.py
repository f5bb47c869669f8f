"""Reaction networks on a card: what shared loops do with a network, without table look-ups.

Functions of the same names in `symdyn_kernels.networks` do the same for the processor; the attributes of its `Network` are
constants here, but for those of the one below.  Propensities, numbers of molecules and marks of reactions are tuples, one
number for each.  Code that is repeated for every reaction or species is free of branches, or a call: the time to compile
branches grows faster than their number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from symdyn_kernels.devices._leap import PARTS, STOPS, factor, orders, propensities, solve, start
from symdyn_kernels.devices._prelude import cuda, math, real, vector
from symdyn_kernels.shared.leaps import only
from symdyn_kernels.shared.variates import burst_sum, poisson

#: Reactions beyond which firings are drawn in a loop: so many copies of it would take long to compile.
MANY = 8


class DeviceNetwork(NamedTuple):
    """What is known of a network when the kernel runs: parameters, means of bursts, and moments of changes."""

    model: Any
    means: Any
    mean: Any
    second: Any


def with_moments(network, means, mean, second):
    """The network with moments that were found."""
    return DeviceNetwork(network.model, means, mean, second)


def copied(model, x, y):
    """Numbers x of the species."""
    return x


def at_end(model, x):
    """The numbers of molecules in the end."""
    return x


def least(model, x):
    """The least of the numbers of molecules."""
    return min(math.inf, *(x[k] for k in range(model.species)))


def evaluate(model, t, x, a):
    """Propensities at a time, and their sum, or -1 if one is negative."""
    a = propensities((t,), x, model)
    total = 0.0
    for j in range(model.reactions):
        total = total + a[j]
    return a, -1.0 if min(0.0, *(a[j] for j in range(model.reactions))) < 0.0 else total


def orders_at(model, t, x, before):
    """The orders of reactions at a time, then the means of bursts."""
    return orders((t,), x, model)


def newton_step(model, t, shift, y, residual, step):
    """The solution of ``(shift - d(S a)/dx) step = residual`` at y."""
    return solve(factor((t, shift), y, model), residual, model)


def holds(model, t, x):
    """Whether the condition that ends a trajectory holds."""
    return STOPS and start((t,), x, model)[0] > 0.5


def how_many(times):
    """How many output times there are; those of a part are its beginning, some of all, and its end."""
    if PARTS:
        return times[4]
    else:
        return times.size


def output_time(times, q):
    """One of the output times."""
    if PARTS:
        first, begin, inner, last, _, every = times
        return first if q == 0 else every[begin + q - 1] if q <= inner else last
    else:
        return times[q]


def record(model, x, i, q, values):
    """Write the numbers of molecules at an output time; returns whether all of them are finite."""
    if PARTS:
        every, begin, inner = values
        if 0 < q <= inner:
            for k in range(model.species):
                every[begin + q - 1, k, i] = x[k]
    else:
        for k in range(model.species):
            values[q, k, i] = x[k]
    return max(0.0, *(abs(x[k]) for k in range(model.species))) < math.inf


def pick(model, a, marks, mark, threshold):
    """The reaction at which the cumulative sum over those that have a mark passes a threshold; -1 if none is possible."""
    found, searching = -1, True
    for j in range(model.reactions):
        found, searching, threshold = passed(j, a[j], marks[j] == mark, found, searching, threshold)
    return found


def passed(j, a, marked, found, searching, threshold):
    """One reaction further in `pick`."""
    if searching and marked and a > 0.0:
        return j, threshold >= a, threshold - a
    return found, searching, threshold


def burst(condition, s, kind, mean, count):
    """The sum of `count` bursts if the condition holds, else 0, which draws nothing."""
    if not condition:
        return 0.0, s
    return burst_sum(s, kind, mean, count)


def fire(network, s, j, count, x):
    """The numbers of molecules after so many firings of a reaction, the least of them, and the stream."""
    vector(x, network.model.species)
    for r in range(network.model.reactions):
        for e in range(network.ptr[r], network.ptr[r + 1]):
            x[network.changed[e]] = x[network.changed[e]] + only(j == r, network.fixed[e] * count)
            if network.burst[e] >= 0:
                kind, mean = network.kind[network.burst[e]], network.means[network.burst[e]]
                more, s = burst(j == r, s, kind, mean, count)
                x[network.changed[e]] = x[network.changed[e]] + more
    return x, least(network.model, x), s


def draw(network, s, h, rates, marks, x):
    """The numbers of molecules after firings in a time h, at given rates, of all reactions without a mark; and the stream."""
    vector(x, network.model.species)
    if network.model.reactions > MANY:  # one loop, through memory of the thread
        drawn = cuda.local.array(network.model.reactions, real)
        for j in range(network.model.reactions):
            drawn[j] = only(marks[j] == 0, rates[j] * h)
        here = 0
        while here < network.model.reactions:
            drawn[here], s = poisson(s, drawn[here])
            for j in range(network.model.reactions):
                for e in range(network.ptr[j], network.ptr[j + 1]):
                    if network.burst[e] >= 0:
                        kind, mean = network.kind[network.burst[e]], network.means[network.burst[e]]
                        more, s = burst(here == j, s, kind, mean, drawn[here])
                        x[network.changed[e]] = x[network.changed[e]] + more
            here = here + 1
        for j in range(network.model.reactions):
            for e in range(network.ptr[j], network.ptr[j + 1]):
                x[network.changed[e]] = x[network.changed[e]] + network.fixed[e] * drawn[j]
    else:
        for j in range(network.model.reactions):
            count, s = poisson(s, only(marks[j] == 0, rates[j] * h))
            for e in range(network.ptr[j], network.ptr[j + 1]):
                x[network.changed[e]] = x[network.changed[e]] + network.fixed[e] * count
                if network.burst[e] >= 0:
                    more, s = burst_sum(s, network.kind[network.burst[e]], network.means[network.burst[e]], count)
                    x[network.changed[e]] = x[network.changed[e]] + more
    return x, s
