"""Tau-leaping of one trajectory: explicit leaps, implicit leaps across fast equilibria, exact events where those are cheaper.

Numbers of molecules never become negative: a leap that would make them so is drawn again over half the time.
`symdyn_kernels.networks` says what a `network` is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from symdyn_kernels.constants.leaping import EXACT, EXACT_AFTER_IMPLICIT, PIECES, SHORTEST_PIECE, WORTHWHILE
from symdyn_kernels.shared._network import (
    at_end,
    copied,
    draw,
    evaluate,
    fire,
    holds,
    how_many,
    least,
    orders_at,
    output_time,
    pick,
    record,
    with_moments,
)
from symdyn_kernels.shared._scalars import i64, math, shared_inline
from symdyn_kernels.shared.equilibria import implicit_leap, length_across
from symdyn_kernels.shared.leaps import classify, events, explicit_leap, longest, moments, steady
from symdyn_kernels.shared.streams import next_uniform
from symdyn_kernels.shared.variates import exponential
from symdyn_kernels.status import INTERRUPTED, NEGATIVE, NOT_FINITE, STEP_TOO_SMALL, SUCCESS, TOO_MANY_STEPS

__all__ = ["Space", "leap_through"]


class Space(NamedTuple):
    """Scratch memory; on a card each of these is a tuple of numbers.

    Attributes
    ----------
    y, residual, step : (n,) float64
        Numbers of molecules; right-hand side and solution of Newton's equations.
    b, rate : (R,) float64
        Propensities; rates at which net fluxes of equilibria relax, by one firing more.
    equal, skip, every : (R,) int64
        Marks of reactions: in equilibrium and leapt across; these, and the critical ones; none.
    work : tuple of 4 (n,) float64
    """

    y: Any
    residual: Any
    step: Any
    b: Any
    rate: Any
    equal: Any
    skip: Any
    every: Any
    work: Any


class Leapt(NamedTuple):
    """What became of a trajectory.

    Attributes
    ----------
    code, q : int
        A status, and the output from which on none was written if it failed.
    leaps, events, rejected, implicit, calls : int
        Leaps (implicit ones included), exact events, rejected leaps, implicit leaps, evaluations of all propensities.
    passage : float
        The time at which the condition was found true, or infinity.
    x : (n,) float64
        The numbers of molecules in the end, on a card; 0 on the processor, whose caller has them among the outputs.
    """

    code: Any
    q: Any
    leaps: Any
    events: Any
    rejected: Any
    implicit: Any
    calls: Any
    passage: Any
    x: Any


@shared_inline
def leap_through(network, s, x, z, a, orders, critical, space, times, epsilon, max_steps, i, values):
    """Simulate trajectory `i` from x, and write its outputs; z, a, orders and critical are scratch memory, as is `space`."""
    count, t = how_many(times), output_time(times, 0)
    orders = orders_at(network.model, t, x, orders)
    good, means, mean, second = moments(network, orders, network.means, network.mean, network.second)
    network = with_moments(network, means, mean, second)
    code = SUCCESS if good else NEGATIVE
    last = output_time(times, count - 1)
    longest_piece = max((last - t) / PIECES, SHORTEST_PIECE * abs(last))
    piece, exact, was_implicit, q = longest_piece, 0, False, i64(0)  # one type of q: functions of it compile once
    leaps, single, rejected, implicit, calls = 0, 0, 0, 0, 0
    going, passage = True, math.inf
    record(network.model, x, i, q, values)
    q = q + 1
    while going:
        while code == SUCCESS and q < count and t >= output_time(times, q):
            if record(network.model, x, i, q, values):
                q += 1
            else:
                code = NOT_FINITE
        room = max_steps - leaps - single - rejected
        if code != SUCCESS:
            going = False
        elif holds(network.model, t, x):
            passage, going = t, False
            while q < count:
                record(network.model, x, i, q, values)
                q += 1
        elif q == count:
            going = False
        elif network.stop[0] != 0:
            code = INTERRUPTED
        elif room <= 0:
            code = TOO_MANY_STEPS
        else:
            left = output_time(times, q) - t
            if network.model.timed != 0:
                a, piece, total, bound = steady(network, t, min(2.0 * piece, longest_piece, left), epsilon, x, a, space.b)
                horizon = piece
                calls += 3
            else:
                a, total = evaluate(network.model, t, x, a)
                horizon, bound = left, total
                calls += 1
            if not bound >= 0.0 or bound == math.inf:
                code = NEGATIVE if bound < 0.0 else NOT_FINITE
            elif not t + horizon > t:
                code = STEP_TOO_SMALL
            elif bound == 0.0:
                t = output_time(times, q) if horizon >= left else t + horizon
            elif exact > 0:  # rates depend on time: one candidate of thinning, or none in this piece
                wait, s = exponential(s)
                wait = wait / bound
                exact -= 1
                if wait >= horizon:
                    t = output_time(times, q) if horizon >= left else t + horizon
                else:
                    t = t + wait
                    u, s = next_uniform(s)
                    a, total = evaluate(network.model, t, x, a)
                    calls += 1
                    if u * bound < total:
                        single += 1
                        x, low, s = fire(network, s, pick(network.model, a, space.every, 0, u * bound), 1.0, x)
                        if low < 0.0:
                            code = NEGATIVE
            else:
                # how far: the leap that the propensities allow, and the time of the next critical firing
                critical, rare = classify(network, x, a, critical)
                orders = orders_at(network.model, t, x, orders)
                tau = longest(network, x, a, orders, critical, epsilon, space.work)
                explicit, equal = tau, space.equal
                if network.model.implicit != 0:
                    tau, equal = length_across(network, tau, left, t, epsilon, x, a, orders, critical, space)
                wait = math.inf
                if rare > 0.0:
                    wait, s = exponential(s)
                    wait = wait / rare
                trying = True
                while trying:
                    if tau < WORTHWHILE / total:
                        exact = EXACT_AFTER_IMPLICIT if was_implicit else EXACT
                        was_implicit, trying = False, False
                        if network.model.timed == 0:
                            t, made, code, x, s = events(
                                network, s, t, output_time(times, q), min(exact, room), space.every, x, a
                            )
                            single += made
                            calls += made
                            exact = 0
                    else:
                        h = min(tau, wait, horizon)
                        middle = t + 0.5 * h
                        if network.model.timed != 0 and h < piece:
                            a, _ = evaluate(network.model, middle, x, a)
                            calls += 1
                        was_implicit = network.model.implicit != 0 and h > explicit
                        z = copied(network.model, x, z)
                        if network.model.implicit != 0 and was_implicit:
                            z, s = draw(network, s, h, a, critical, z)
                            y = copied(network.model, x, space.y)
                            made, z, s = implicit_leap(network, s, middle, h, critical, equal, y, z, a, space)
                            good = made > 0
                            calls += max(made, 0)
                        else:
                            good, z, s = explicit_leap(network, s, middle, h, critical, z, a, space.b)
                            calls += 1
                        if good and wait <= min(tau, horizon):
                            u, s = next_uniform(s)
                            z, _, s = fire(network, s, pick(network.model, a, critical, 1, u * rare), 1.0, z)
                        if good and least(network.model, z) >= 0.0:
                            t = output_time(times, q) if h >= left else t + h
                            x, z, trying = z, x, False
                            leaps += 1
                            if was_implicit:
                                implicit += 1
                        else:
                            rejected += 1
                            tau = 0.5 * h
    return Leapt(code, q, leaps, single, rejected, implicit, calls, passage, at_end(network.model, x))
