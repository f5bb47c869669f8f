"""Leaps on a card: their length, their firings, and exact events where those are cheaper.

Functions of the same names in `symdyn_kernels.leaps` do the same, with stoichiometry as data.
"""

from __future__ import annotations

from symdyn_kernels.constants.leaping import ACCURATE, CRITICAL, LEAST_FIRINGS, STABLE
from symdyn_kernels.devices._leap import (
    BURST,
    BURSTS,
    CHANGED,
    DPTR,
    DSPECIES,
    KIND,
    PTR,
    REACTIONS,
    SPECIES,
    STOPS,
    WATCHED,
    propensities,
    start,
)
from symdyn_kernels.devices._prelude import cuda, math, real
from symdyn_kernels.devices.reactions import burst, fire, least, moved, only, pick, total_of
from symdyn_kernels.devices.streams import next_uniform
from symdyn_kernels.devices.variates import burst_sum, exponential, poisson
from symdyn_kernels.status import NEGATIVE, NOT_FINITE, SUCCESS

#: Reactions beyond which firings are drawn in a loop: so many copies of it would take long to compile.
MANY = 8


def excess(epsilon, a, b):
    """By how much the change of a propensity is more than a part epsilon."""
    return max(0.0, *(abs(a[j] - b[j]) - epsilon * max(a[j], b[j]) for j in range(REACTIONS)))


def steady(t, h, epsilon, x, p):
    """A time up to h over which no propensity changes by more than a part epsilon.

    Returns it, the propensities and their total at its middle, and a bound of the total in it.
    """
    b = propensities((t,), x, p)
    at_start = total_of(b)
    searching, a, total, bound = True, b, at_start, at_start
    while searching:
        a = propensities((t + h,), x, p)
        at_end, more = total_of(a), excess(epsilon, a, b)
        a = propensities((t + 0.5 * h,), x, p)
        total, more = total_of(a), max(more, excess(epsilon, a, b))
        worst, every = min(at_start, at_end, total), at_start + at_end + total
        if every != every or worst < 0.0:
            total, searching = (worst if worst < 0.0 else every), False
            bound = total
        else:
            bound = (1.0 + epsilon) * max(at_start, at_end, total)
            if more > 0.0 and h * bound >= LEAST_FIRINGS:
                h = 0.5 * h
            else:
                searching = False
    return h, a, total, bound


def exhausts(mean, x):
    """1 if so few firings that lose `mean` molecules each can exhaust x, else 0."""
    return 1 if mean < 0.0 and x < -CRITICAL * mean else 0


def classify(x, a, mean):
    """Marks of critical reactions, and the sum of their propensities."""
    marks = tuple(max(0, *(exhausts(mean[e], x[CHANGED[e]]) for e in range(PTR[j], PTR[j + 1]))) for j in range(REACTIONS))
    return marks, sum((only(marks[j] == 1, a[j]) for j in range(REACTIONS)), 0.0)


def longest(x, a, orders, mean, second, skip, epsilon):
    """The longest leap that keeps relative changes of propensities below epsilon, and well below a relaxation time.

    Reactions that are marked in `skip` are left out.
    """
    rate = tuple(only(skip[j] == 0 and a[j] > 0.0, a[j]) for j in range(REACTIONS))
    order = tuple(max(orders[j], 1.0) for j in range(REACTIONS))
    tau = math.inf
    for i in range(SPECIES):
        g = max(
            WATCHED[i],
            *(order[j] for j in range(REACTIONS) for d in range(DPTR[j], DPTR[j + 1]) if DSPECIES[d] == i),
        )
        drift = sum((mean[e] * rate[j] for j in range(REACTIONS) for e in range(PTR[j], PTR[j + 1]) if CHANGED[e] == i), 0.0)
        spread = sum((second[e] * rate[j] for j in range(REACTIONS) for e in range(PTR[j], PTR[j + 1]) if CHANGED[e] == i), 0.0)
        speed = sum(
            (
                abs(mean[e]) * rate[j] * orders[j]
                for j in range(REACTIONS)
                for e in range(PTR[j], PTR[j + 1])
                if CHANGED[e] == i
                for d in range(DPTR[j], DPTR[j + 1])
                if DSPECIES[d] == i
            ),
            0.0,
        )
        tau = min(tau, bounded(g, drift, spread, speed, x[i], epsilon))
    return tau


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


def events(s, t, end, limit, means, x, p):
    """Exact events up to a time, a number of them or a condition; returns the time, their number, the states and a status."""
    done, code, going = 0, SUCCESS, True
    every = tuple(0 for j in range(REACTIONS))
    while going and done < limit:
        a = propensities((t,), x, p)
        total = total_of(a)
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
                x, s = fire(s, pick(a, every, 0, u * total), means, x)
                done = done + 1
                if least(x) < 0.0:
                    code, going = NEGATIVE, False
                elif STOPS:
                    going = start((t,), x, p)[0] <= 0.5
    return t, done, code, x, s


def draw(s, h, rates, means, marks, x):
    """The numbers of molecules after firings, at given rates, of all reactions that are not critical."""
    count = [0.0] * REACTIONS
    more = [0.0] * BURSTS
    if REACTIONS > MANY:  # one loop, through memory of the thread
        drawn = cuda.local.array(REACTIONS, real)
        for j in range(REACTIONS):
            drawn[j] = only(marks[j] == 0, rates[j] * h)
        here = 0
        while here < REACTIONS:
            drawn[here], s = poisson(s, drawn[here])
            for j in range(REACTIONS):
                for e in range(PTR[j], PTR[j + 1]):
                    if BURST[e] >= 0:
                        found, s = burst(here == j, s, KIND[BURST[e]], means[BURST[e]], drawn[here])
                        more[BURST[e]] = more[BURST[e]] + found
            here = here + 1
        for j in range(REACTIONS):
            count[j] = drawn[j]
    else:
        for j in range(REACTIONS):
            count[j], s = poisson(s, only(marks[j] == 0, rates[j] * h))
            for e in range(PTR[j], PTR[j + 1]):
                if BURST[e] >= 0:
                    more[BURST[e]], s = burst_sum(s, KIND[BURST[e]], means[BURST[e]], count[j])
    return moved(x, tuple(count[j] for j in range(REACTIONS)), tuple(more[b] for b in range(BURSTS))), s


def explicit_leap(s, t, h, means, marks, x, p, a):
    """A leap by the weak trapezoidal rule with two half leaps; whether it is possible, and the numbers after it."""
    x, s = draw(s, 0.5 * h, a, means, marks, x)
    good = least(x) >= 0.0
    if good:
        b = propensities((t,), x, p)
        good = total_of(b) >= 0.0
        if good:
            x, s = draw(s, 0.5 * h, tuple(2.0 * b[j] - a[j] for j in range(REACTIONS)), means, marks, x)
    return good, x, s
