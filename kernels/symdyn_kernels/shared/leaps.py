"""Leaps of a reaction network: their length, their firings, and exact events where those are cheaper.

`symdyn_kernels.networks` says what a `network` is; arguments have the same names there.  What is repeated for each reaction is
free of branches, or a call: cards have a copy for each, and the time to compile branches grows faster than their number.
"""

from __future__ import annotations

from symdyn_kernels.constants.leaping import ACCURATE, CRITICAL, LEAST_FIRINGS, STABLE
from symdyn_kernels.shared._network import draw, evaluate, fire, holds, least, pick
from symdyn_kernels.shared._scalars import math, shared, shared_inline, vector
from symdyn_kernels.shared.streams import next_uniform
from symdyn_kernels.shared.variates import exponential
from symdyn_kernels.status import NEGATIVE, NOT_FINITE, SUCCESS

__all__ = ["classify", "events", "explicit_leap", "longest", "moments", "only", "steady"]


@shared
def only(condition, value):
    """The value if the condition holds, else 0."""
    return value if condition else 0.0


@shared
def second_moment(fixed, kind, m):
    """The second moment of a fixed change and a burst of mean m."""
    return fixed * fixed + (2.0 * fixed * m + m + m * m * (2.0 - kind))


@shared_inline
def moments(network, orders, means, mean, second):
    """Whether means of bursts are numbers that are not negative; they, and first and second moments of all changes.

    `orders` are those of the reactions, which the means of the bursts follow.
    """
    vector(means, network.model.bursts)
    vector(mean, len(network.fixed))
    vector(second, len(network.fixed))
    good = True
    for b in range(network.model.bursts):
        means[b] = orders[network.model.reactions + b]
        good = good and means[b] >= 0.0
    for e in range(len(network.fixed)):
        mean[e], second[e] = network.fixed[e], network.fixed[e] * network.fixed[e]
        if network.burst[e] >= 0:
            mean[e] = network.fixed[e] + means[network.burst[e]]
            second[e] = second_moment(network.fixed[e], network.kind[network.burst[e]], means[network.burst[e]])
    return good, means, mean, second


# ---- the length of a leap ----------------------------------------------------------------------


@shared_inline
def excess(model, epsilon, a, b):
    """By how much the change of a propensity is more than a part epsilon."""
    found = 0.0
    for j in range(model.reactions):
        found = max(found, abs(a[j] - b[j]) - epsilon * max(a[j], b[j]))
    return found


@shared_inline
def steady(network, t, h, epsilon, x, a, b):
    """A time up to h over which no propensity changes by more than a part epsilon.

    Returns the propensities at its middle, it, their total there, and a bound of the total in it.
    """
    b, first = evaluate(network.model, t, x, b)
    total, bound, searching = first, first, True
    while searching:
        a, last = evaluate(network.model, t + h, x, a)
        more = excess(network.model, epsilon, a, b)
        a, total = evaluate(network.model, t + 0.5 * h, x, a)
        more = max(more, excess(network.model, epsilon, a, b))
        worst, every = min(first, last, total), first + last + total
        if every != every or worst < 0.0:
            bound, searching = (worst if worst < 0.0 else every), False
        else:
            bound = (1.0 + epsilon) * max(first, last, total)
            searching = more > 0.0 and h * bound >= LEAST_FIRINGS
            if searching:
                h = 0.5 * h
    return a, h, total, bound


@shared
def exhausts(mean, x):
    """1 if so few firings that lose `mean` molecules each can exhaust x, else 0."""
    return 1 if mean < 0.0 and x < -CRITICAL * mean else 0


@shared_inline
def classify(network, x, a, critical):
    """Marks of critical reactions, and the sum of their propensities."""
    vector(critical, network.model.reactions)
    total = 0.0
    for j in range(network.model.reactions):
        critical[j] = 0
        for e in range(network.ptr[j], network.ptr[j + 1]):
            critical[j] = max(critical[j], exhausts(network.mean[e], x[network.changed[e]]))
        total = total + only(critical[j] == 1, a[j])
    return critical, total


@shared
def bounded(g, drift, spread, speed, x, epsilon):
    """How long x molecules, whose mean and variance change at such rates, may be left alone."""
    tau = math.inf
    if g > 0.0:
        bound = max(epsilon * x / g, 1.0)
        if drift != 0.0:
            tau = min(tau, bound / abs(drift))
        if spread > 0.0:
            tau = min(tau, bound * bound / spread)
        if speed > 0.0:
            tau = min(tau, min(STABLE, ACCURATE * epsilon) * max(x, 1.0) / speed)
    return tau


@shared_inline
def longest(network, x, a, orders, skip, epsilon, work):
    """The longest leap that keeps relative changes of propensities below epsilon (Cao, Gillespie & Petzold 2006, eq. 33).

    And that is well below a relaxation time: in equilibrium changes are small on average however long the leap is, but
    longer leaps would be unstable, and fluctuations too large.  Species with ``watched > 0`` (those in the stopping condition)
    are bounded as if they were reactants of a propensity of order `watched`.  Reactions that are marked in `skip` are left out.
    """
    g, drift, spread, speed = work
    vector(g, network.model.species)
    vector(drift, network.model.species)
    vector(spread, network.model.species)
    vector(speed, network.model.species)
    for i in range(network.model.species):
        g[i], drift[i], spread[i], speed[i] = network.watched[i], 0.0, 0.0, 0.0
    for j in range(network.model.reactions):
        rate = only(skip[j] == 0 and a[j] > 0.0, a[j])
        for d in range(network.dptr[j], network.dptr[j + 1]):
            g[network.dspecies[d]] = max(g[network.dspecies[d]], orders[j], 1.0)
        for e in range(network.ptr[j], network.ptr[j + 1]):
            drift[network.changed[e]] = drift[network.changed[e]] + network.mean[e] * rate
            spread[network.changed[e]] = spread[network.changed[e]] + network.second[e] * rate
            for d in range(network.dptr[j], network.dptr[j + 1]):
                if network.dspecies[d] == network.changed[e]:
                    speed[network.changed[e]] = speed[network.changed[e]] + abs(network.mean[e]) * rate * orders[j]
    tau = math.inf
    for i in range(network.model.species):
        tau = min(tau, bounded(g[i], drift[i], spread[i], speed[i], x[i], epsilon))
    return tau


# ---- what happens in it ------------------------------------------------------------------------


@shared_inline
def events(network, s, t, end, limit, every, x, a):
    """Exact events up to a time, a number of them or a condition; returns the time, the number, a status, x and the stream."""
    done, code, going = 0, SUCCESS, True
    while going and done < limit:
        a, total = evaluate(network.model, t, x, a)
        if not total > 0.0 or total == math.inf:
            going = False
            if total == 0.0:
                t = end
            else:
                code = NEGATIVE if total < 0.0 else NOT_FINITE
        else:
            wait, s = exponential(s)
            t_next = t + wait / total
            if t_next >= end:
                t, going = end, False
            else:
                t = t_next
                u, s = next_uniform(s)
                x, low, s = fire(network, s, pick(network.model, a, every, 0, u * total), 1.0, x)
                done = done + 1
                if low < 0.0:
                    code, going = NEGATIVE, False
                else:
                    going = not holds(network.model, t, x)
    return t, done, code, x, s


@shared_inline
def extrapolated(model, a, b):
    """Propensities ``2 b - a``."""
    vector(b, model.reactions)
    for j in range(model.reactions):
        b[j] = 2.0 * b[j] - a[j]
    return b


@shared_inline
def explicit_leap(network, s, t, h, critical, x, a, b):
    """A leap by the weak trapezoidal rule with two half leaps; whether it is possible, the numbers after it, and the stream."""
    x, s = draw(network, s, 0.5 * h, a, critical, x)
    good = least(network.model, x) >= 0.0
    if good:
        b, total = evaluate(network.model, t, x, b)
        good = total >= 0.0
        if good:
            x, s = draw(network, s, 0.5 * h, extrapolated(network.model, a, b), critical, x)
    return good, x, s
