"""What decides on the events and leaps of molecules, as plain Python: against closed forms."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest


def test_numbers_that_events_set_are_judged(shared):
    from symdyn_kernels.status import FRACTION, NEGATIVE, NOT_FINITE, SUCCESS

    judged = shared.molecules.judged
    assert [judged(x, SUCCESS) for x in (0.0, 3.0, 2.5, math.inf, math.nan, -1.0)] == [
        SUCCESS, SUCCESS, FRACTION, NOT_FINITE, NOT_FINITE, NEGATIVE,
    ]  # fmt: skip
    assert judged(3.0, FRACTION) == FRACTION
    assert judged(math.inf, NEGATIVE) == NEGATIVE
    assert judged(-1.0, NOT_FINITE) == NEGATIVE


def test_leaves_are_found_by_cumulative_sums(shared):
    weights = np.array([1.0, 0.0, 2.0, 0.5])
    tree = np.concatenate([[0.0, 3.5, 1.0, 2.5], weights])
    for r, leaf, left in ((0.0, 0, 0.0), (0.99, 0, 0.99), (1.0, 2, 0.0), (2.9, 2, 1.9), (3.25, 3, 0.25)):
        node, rest = shared.sums.descend(*shared.sums.descend(1, r, tree), tree)
        assert (node - 4, rest) == (leaf, pytest.approx(left))


def test_boxes_are_as_wide_as_the_root_and_points_at_few_molecules(shared):
    assert [shared.sums.half_width(float(x)) for x in (0, 3, 4, 99, 100, 10_000)] == [0, 0, 1, 8, 9, 99]


def test_moments_of_changes_with_bursts(shared):
    # geometric on 0, 1, ...: <m^2> = m + 2 m^2; Poisson: m + m^2
    assert shared.leaps.second_moment(-2.0, 0, 3.0) == 4 - 12 + 3 + 18
    assert shared.leaps.second_moment(1.0, 1, 3.0) == 1 + 6 + 3 + 9
    network = SimpleNamespace(
        model=SimpleNamespace(bursts=2, reactions=1), fixed=[-1.0, 2.0, 0.0], burst=[-1, 1, 0], kind=[1, 0]
    )
    good, means, mean, second = shared.leaps.moments(network, [9.0, 0.5, 4.0], [0.0] * 2, [0.0] * 3, [0.0] * 3)
    assert good
    assert (means, mean) == ([0.5, 4.0], [-1.0, 6.0, 0.5])
    assert second == [1.0, 4 + 16 + 4 + 32, 0.75]
    assert not shared.leaps.moments(network, [9.0, -0.5, 4.0], [0.0] * 2, [0.0] * 3, [0.0] * 3)[0]
    assert not shared.leaps.moments(network, [9.0, 0.5, -4.0], [0.0] * 2, [0.0] * 3, [0.0] * 3)[0]


#: 0 -> A, 2 A -> B, B -> 0 with mass action, B in the condition that ends a trajectory.
RATES = (50.0, 0.01, 0.3)
DIMERS = SimpleNamespace(
    model=SimpleNamespace(species=2, reactions=3, bursts=0), ptr=[0, 1, 3, 4], changed=[0, 0, 1, 1],
    mean=[1.0, -2.0, 1.0, -1.0], second=[1.0, 4.0, 1.0, 1.0], fixed=[1.0, -2.0, 1.0, -1.0], burst=[-1] * 4,
    dptr=[0, 0, 1, 2], dspecies=[0, 1], watched=[0.0, 3.0], pair=[-1] * 3,
)  # fmt: skip


def propensities(model, t, x, a):
    a[:] = [RATES[0] * (1 + t), RATES[1] * x[0] * (x[0] - 1), RATES[2] * x[1]]
    return a, sum(a)


def test_a_leap_is_as_long_as_propensities_allow(shared):
    """Cao, Gillespie & Petzold (2006), eq. 33, and half of the relaxation time of a species, or 10 epsilon of it."""
    x, orders, epsilon = [80.0, 40.0], [0.0, 2.0, 1.0], 0.03
    a, _ = propensities(None, 0.0, x, [0.0] * 3)
    work = [[0.0] * 2 for _ in range(4)]
    drift = [a[0] - 2 * a[1], a[1] - a[2]]
    spread = [a[0] + 4 * a[1], a[1] + a[2]]
    speed = [2 * a[1] * 2, a[2]]
    limits = []
    for i, g in enumerate((2.0, 3.0)):  # B by the condition
        most = max(epsilon * x[i] / g, 1.0)
        limits += [most / abs(drift[i]), most**2 / spread[i], min(0.5, 10 * epsilon) * max(x[i], 1.0) / speed[i]]
    assert shared.leaps.longest(DIMERS, x, a, orders, [0, 0, 0], epsilon, work) == pytest.approx(min(limits))
    # of the only species with a propensity: without the dimers nothing but its growth
    alone = shared.leaps.longest(DIMERS, x, a, orders, [0, 1, 1], epsilon, work)
    assert alone == pytest.approx(min(1.2 / a[0], 1.2**2 / a[0]))


def test_each_bound_of_a_leap(shared):
    bounded = shared.leaps.bounded
    assert bounded(0.0, 1.0, 1.0, 1.0, 5.0, 0.1) == math.inf
    assert bounded(2.0, 0.0, 0.0, 0.0, 5.0, 0.1) == math.inf
    assert bounded(2.0, -4.0, 0.0, 0.0, 100.0, 0.1) == 5 / 4
    assert bounded(2.0, 0.0, 4.0, 0.0, 100.0, 0.1) == 25 / 4
    assert bounded(2.0, -4.0, 8.0, 0.0, 3.0, 0.1) == 1 / 8  # one molecule at least
    assert bounded(2.0, 0.0, 0.0, 40.0, 100.0, 0.2) == 0.5 * 100 / 40
    assert bounded(2.0, 0.0, 0.0, 40.0, 0.0, 0.01) == pytest.approx(0.1 * 1 / 40)


def test_reactions_that_few_firings_exhaust_are_critical(shared):
    a, _ = propensities(None, 0.0, [19.0, 9.0], [0.0] * 3)
    assert shared.leaps.classify(DIMERS, [19.0, 9.0], a, [0] * 3) == ([0, 1, 1], a[1] + a[2])
    assert shared.leaps.classify(DIMERS, [20.0, 10.0], a, [0] * 3) == ([0, 0, 0], 0.0)
    assert shared.leaps.classify(DIMERS, [20.0, 9.0], a, [0] * 3) == ([0, 0, 1], a[2])


def test_a_piece_of_time_in_which_propensities_are_steady(shared, monkeypatch):
    """Of 0 -> A with the rate 50 (1 + t): it changes by 50 h."""
    monkeypatch.setattr(shared.leaps, "evaluate", propensities)
    assert shared.leaps.excess(DIMERS.model, 0.1, [5.0, 1.0, 2.0], [4.0, 1.0, 2.5]) == pytest.approx(1 - 0.5)
    assert shared.leaps.excess(DIMERS.model, 0.6, [5.0, 1.0, 2.0], [4.0, 1.0, 2.5]) == 0.0
    a, h, total, bound = shared.leaps.steady(DIMERS, 0.0, 1.0, 0.03, [0.0, 0.0], [0.0] * 3, [0.0] * 3)
    assert h == 1 / 64  # by halves, h <= epsilon (1 + h)
    assert total == a[0] == pytest.approx(50 * (1 + h / 2))
    assert bound == pytest.approx(1.03 * 50 * (1 + h))
    *_, rising, most = shared.leaps.steady(DIMERS, -1.0, 1e-5, 0.03, [0.0, 0.0], [0.0] * 3, [0.0] * 3)
    assert rising == pytest.approx(50 * 0.5e-5)  # fewer than a hundredth of a firing: not halved
    assert most == pytest.approx(1.03 * 50e-5)
    monkeypatch.setattr(shared.leaps, "evaluate", lambda model, t, x, a: (a, 1.0 if t == 0 else -1.0))
    assert shared.leaps.steady(DIMERS, 0.0, 1.0, 0.03, [0.0, 0.0], [0.0] * 3, [0.0] * 3)[3] == -1.0
    monkeypatch.setattr(shared.leaps, "evaluate", lambda model, t, x, a: (a, math.nan if t == 1 else 1.0))
    assert math.isnan(shared.leaps.steady(DIMERS, 0.0, 1.0, 0.03, [0.0, 0.0], [0.0] * 3, [0.0] * 3)[3])


def test_pairs_in_equilibrium_relax_at_the_rate_of_their_net_flux(shared):
    """A <-> B at k, q: a firing changes the net flux by k + q."""
    k, q, relaxing = 2.0, 3.0, shared.equilibria.relaxing
    for x, y, rate in ((30, 20, k + q), (30, 19.5, k + q), (30, 19, 0.0), (30, 20.6, k + q), (30, 21.2, 0.0)):  # 5 %
        assert relaxing(k * x, q * y, k * (x - 1), q * (y + 1)) == pytest.approx(rate)
    # of many molecules three standard deviations, 3 sqrt((k + q) 4000) = 424, where that is more than 5 %
    for net, rate in ((420, k + q), (430, 0.0), (-420, k + q), (-430, 0.0)):
        forward, backward = 4000.0 + max(net, 0), 4000.0 - min(net, 0)
        assert relaxing(forward, backward, forward - k, backward + q) == pytest.approx(rate)
    assert relaxing(1e6, 1.04e6, 1e6 - k, 1.04e6 + q) == pytest.approx(k + q)
    assert relaxing(1e6, 1.06e6, 1e6 - k, 1.06e6 + q) == 0.0
    assert relaxing(10.0, 10.0, 11.0, 10.0) == 0.0  # a firing that drives the pair away
    # the trapezoidal rule adds half the change of a propensity; whole firings at equilibrium, or else on average
    assert shared.equilibria.correction(0, 0.2, 30.0, 50.0) == pytest.approx(2.0)
    assert shared.equilibria.correction(1, 0.2, 30.0, 50.0) == 0.0
    assert [shared.equilibria.rounded("stream", 1, c) for c in (2.4, 2.6, -2.6)] == [(k, "stream") for k in (2.0, 3.0, -3.0)]
    assert shared.equilibria.rounded("stream", 0, 7.0) == (7.0, "stream")
    assert shared.equilibria.crossed(2.0, 0.3) == 2.0
    assert shared.equilibria.crossed(2.0, 0.25) == math.inf


def test_individuals_are_counted_until_a_failure(shared):
    from symdyn_kernels.status import NOT_FINITE, PROBABILITY, SUCCESS

    assert shared.branching.judged(SUCCESS, False) == SUCCESS
    assert shared.branching.judged(SUCCESS, True) == PROBABILITY
    assert shared.branching.judged(NOT_FINITE, True) == NOT_FINITE
    assert shared.branching.young(SUCCESS, "stream", 0.0) == (SUCCESS, 0.0, "stream")
    assert shared.branching.young(SUCCESS, "stream", math.inf)[0] == NOT_FINITE
    assert shared.branching.young(PROBABILITY, "stream", 5.0) == (PROBABILITY, 0.0, "stream")
