"""Formulas that kernels for processors and for cards share, as plain Python: against closed forms, mpmath and scipy."""

from __future__ import annotations

import importlib
import math
import sys
from types import SimpleNamespace

import mpmath
import numba
import numpy as np
import pytest
from scipy import stats

from symdyn.methods.controllers import PID

NAMES = ["control", "roots", "formulas", "variates", "binomials", "leaps", "equilibria", "molecules", "sums", "branching"]
INF = math.inf


@pytest.fixture(scope="module")
def shared():
    """The modules, imported anew so that nothing is compiled."""
    kept = {n: m for n, m in sys.modules.items() if n.startswith(("symdyn_kernels.shared", "symdyn_kernels.networks"))}
    for name in kept:
        del sys.modules[name]
    compiled, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, True
    try:
        yield SimpleNamespace(**{n: importlib.import_module(f"symdyn_kernels.shared.{n}") for n in NAMES})
    finally:
        numba.config.DISABLE_JIT = compiled
        for name in [n for n in sys.modules if n.startswith(("symdyn_kernels.shared", "symdyn_kernels.networks"))]:
            del sys.modules[name]
        sys.modules.update(kept)


# ---- steps -------------------------------------------------------------------------------------


def control(**gains):
    names = ("now", "before", "earlier", "rejected", "safety", "shrink", "grow")
    return SimpleNamespace(**dict(zip(names, PID(**gains).numbers(4), strict=True)))


@pytest.mark.parametrize("gains", [(0.0, 1.0, 0.0), (0.4, 0.3, 0.0), (0.1, 0.3, 0.4)])
def test_the_next_step_is_that_of_the_three_gains(shared, gains):
    p, i, d = gains
    made = control(proportional=p, integral=i, derivative=d, safety=0.8, shrink=0.1, grow=9.0)
    e, e1, e2 = 0.3, 0.7, 0.05
    factor = 0.8 * e ** (-(p + i + d) / 4) * e1 ** ((p + 2 * d) / 4) * e2 ** (-d / 4)
    assert shared.control.after_acceptance(e, e1, e2, made, 9.0) == pytest.approx(factor, rel=1e-14)
    assert shared.control.after_acceptance(e, e1, e2, made, 1.0) == pytest.approx(min(factor, 1.0))
    assert shared.control.after_rejection(16.0, made) == pytest.approx(0.8 / 2)
    assert shared.control.after_rejection(1e9, made) == 0.1
    assert shared.control.after_rejection(1e-9, made) == 1.0


def test_no_error_is_the_least_error_of_each_step(shared):
    made = control(proportional=0.1, integral=0.3, derivative=0.4, safety=1.0, shrink=1e-99, grow=1e99)
    floor = 1e-12
    for errors in ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)):
        exact = math.prod(max(e, floor) ** x for e, x in zip(errors, (made.now, made.before, made.earlier), strict=True))
        assert shared.control.after_acceptance(*errors, made, 1e99) == pytest.approx(exact, rel=1e-13)
    assert shared.control.after_rejection(0.0, made) == 1.0


def test_first_steps(shared):
    # Hairer, Norsett & Wanner, II.4: a hundredth of the ratio of norms; tiny ones tell nothing
    assert shared.control.first_length(4.0, 25.0) == pytest.approx(0.01 * 2 / 5)
    assert shared.control.first_length(1e-11, 25.0) == shared.control.first_length(4.0, 1e-11) == 1e-6
    assert shared.control.first_length(1e-9, 1e-9) == pytest.approx(0.01)
    assert shared.control.first_step(3.0, 2.0) == pytest.approx(0.015)
    assert shared.control.first_step(0.0, 2.0) == pytest.approx(0.01 * 1e-5 / 2)
    assert shared.control.first_step(1.0, 0.0) == pytest.approx(1e298)


def test_guesses_are_interpolated_truncated_and_projected(shared):
    # Oliveira & Takahashi (2021), equations 13 to 15, by hand: regula falsi 0.25, truncated by 0.2 (b - a)^2
    guess = shared.roots.next_guess
    assert guess(0.0, 1.0, -0.25, 0.75, 1.0) == pytest.approx(0.45)
    assert guess(0.0, 1.0, -0.75, 0.25, 1.0) == pytest.approx(0.55)
    assert guess(2.0, 2.5, -0.1, 0.9, 1.0) == pytest.approx(2.05 + 0.2 * 0.25)
    assert guess(0.0, 1.0, -0.45, 0.55, 1.0) == 0.5  # beyond the middle
    assert guess(0.0, 1.0, -0.25, 0.75, 0.52) == pytest.approx(0.48)
    assert guess(0.0, 1.0, -0.75, 0.25, 0.52) == pytest.approx(0.52)


@pytest.mark.parametrize(
    "f", [lambda x: x**9 - 1e-3, lambda x: math.exp(x) - 1.7, lambda x: x - 0.123, lambda x: math.cbrt(x - 0.9)]
)
def test_roots_are_found_as_fast_as_by_bisection(shared, f):
    a, b, reach, count = 0.0, 1.0, 1.0, 0
    while b - a > 1e-12:
        x = shared.roots.next_guess(a, b, f(a), f(b), reach)
        a, b, reach, count = (a, x, reach / 2, count + 1) if f(x) >= 0 else (x, b, reach / 2, count + 1)
    assert count <= math.ceil(math.log2(1e12)) + 1
    assert f(a) < 0 <= f(b)


# ---- formulas ----------------------------------------------------------------------------------


def ulps(value, exact):
    return abs(float((mpmath.mpf(value) - exact) / np.spacing(abs(float(exact)))))


def test_logarithm_sine_and_cosine_are_those_of_mpmath(shared):
    with mpmath.workdps(40):
        for f in np.linspace(-0.29, 0.41, 41):
            assert ulps(shared.formulas.logarithm(f, 0.0), mpmath.log(1 + mpmath.mpf(f))) < 1.01
            assert ulps(shared.formulas.logarithm(f, 7.0), mpmath.log(128 * (1 + mpmath.mpf(f)))) < 1.01
        for x in np.linspace(-0.785, 0.785, 41):
            sine, cosine = shared.formulas.sine_and_cosine(x)
            assert ulps(sine, mpmath.sin(x)) < 2.01
            assert ulps(cosine, mpmath.cos(x)) < 2.01


@pytest.mark.parametrize("mean", [0.01, 1.0, 7.3, 200.0])
def test_inversion_is_the_quantile(shared, mean):
    for u in (1e-6, 0.1, 0.5, 0.9, 0.999999):
        assert shared.formulas.inverse_poisson(u, mean) == stats.poisson.ppf(u, mean)


def test_logarithms_of_probabilities(shared):
    v, b = shared.variates, shared.binomials
    with mpmath.workdps(40):
        for n in (1, 2, 9, 15, 16, 17, 40, 1000):
            exact = mpmath.loggamma(n + 1) - mpmath.log(mpmath.sqrt(2 * mpmath.pi * n)) - n * (mpmath.log(n) - 1)
            assert v.stirling_error(float(n)) == pytest.approx(float(exact), rel=1e-11)
        for x, mean in ((1.0, 1.0), (1.0, 1.1), (105.0, 100.0), (3.0, 200.0), (1e8 + 1, 1e8), (1.2, 1.0), (1.3, 1.0)):
            exact = x * mpmath.log(mpmath.mpf(x) / mean) + mean - x
            assert v.deviance(x, mean) == pytest.approx(float(exact), rel=1e-13, abs=1e-300)
    for k, mean in ((0, 3.5), (1, 3.5), (17, 3.5), (900, 1000.0)):
        assert v.log_poisson(float(k), mean) == pytest.approx(stats.poisson.logpmf(k, mean), rel=1e-11)
    for k, n, p in ((0, 9, 0.3), (9, 9, 0.3), (4, 9, 0.3), (480, 1000, 0.5), (3, 1000, 0.02)):
        assert b.log_binomial(float(k), float(n), p) == pytest.approx(stats.binom.logpmf(k, n, p), rel=1e-11)


def test_probabilities_of_outcomes(shared):
    b = shared.binomials
    assert b.probable(True, 1.0)
    assert b.probable(True, 1.0 + 1e-13)
    assert not b.probable(True, 1.0 + 1e-11)
    assert not b.probable(False, 0.5)
    assert b.rest(0.75, 2) == 0.25
    assert b.rest(1.0 - 1e-15, 2) == 0.0
    assert b.chance(0.1, 0.3) == (pytest.approx(0.25), False)
    assert b.chance(0.3, 0.1) == (pytest.approx(0.25), True)
    assert b.chance(0.2, 0.2) == (0.5, False)
    assert b.chance(0.0, 0.0) == (0.0, False)


def test_binomial_inversion_and_acceptance(shared):
    b = shared.binomials
    for n, p in ((1, 0.3), (20, 0.25), (255, 0.03)):
        for u in (1e-6, 0.2, 0.5, 0.9, 0.9999):
            assert b.invert(u, float(n), p / (1 - p), (1 - p) ** n) == stats.binom.ppf(u, n, p)
    assert b.invert(1.0, 3.0, 1.0, 0.125) == 3.0
    for n, p in ((100, 0.3), (4000, 0.4), (10**6, 0.2)):
        law, mode = stats.binom(n, p), math.floor((n + 1) * p)
        for k in {mode, mode - 3, mode + 20, mode + 21, mode - 45, max(mode - 200, 1), min(mode + 2000, n - 1)}:
            ratio = math.exp(law.logpmf(k) - law.logpmf(mode))
            if ratio > 1e-280:
                for needed in (0.99 * ratio, 1.01 * ratio, 0.5 * ratio, 2 * ratio):
                    assert b.accepted(needed, float(k), float(n), p, n * p * (1 - p)) == (needed < ratio), (n, p, k)
            if abs(k - mode) <= 21:
                assert b.relative(float(k), float(mode), float(n), p) == pytest.approx(ratio, rel=1e-8)


# ---- molecules ---------------------------------------------------------------------------------


def test_numbers_that_events_set_are_judged(shared):
    from symdyn_kernels.status import FRACTION, NEGATIVE, NOT_FINITE, SUCCESS

    judged = shared.molecules.judged
    assert [judged(x, SUCCESS) for x in (0.0, 3.0, 2.5, INF, math.nan, -1.0)] == [
        SUCCESS, SUCCESS, FRACTION, NOT_FINITE, NOT_FINITE, NEGATIVE,
    ]  # fmt: skip
    assert judged(3.0, FRACTION) == FRACTION
    assert judged(INF, NEGATIVE) == NEGATIVE
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
    assert bounded(0.0, 1.0, 1.0, 1.0, 5.0, 0.1) == INF
    assert bounded(2.0, 0.0, 0.0, 0.0, 5.0, 0.1) == INF
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
    assert shared.equilibria.crossed(2.0, 0.25) == INF


def test_individuals_are_counted_until_a_failure(shared):
    from symdyn_kernels.status import NOT_FINITE, PROBABILITY, SUCCESS

    assert shared.branching.judged(SUCCESS, False) == SUCCESS
    assert shared.branching.judged(SUCCESS, True) == PROBABILITY
    assert shared.branching.judged(NOT_FINITE, True) == NOT_FINITE
    assert shared.branching.young(SUCCESS, "stream", 0.0) == (SUCCESS, 0.0, "stream")
    assert shared.branching.young(SUCCESS, "stream", INF)[0] == NOT_FINITE
    assert shared.branching.young(PROBABILITY, "stream", 5.0) == (PROBABILITY, 0.0, "stream")


# ---- loops -------------------------------------------------------------------------------------


@pytest.fixture
def loops(shared, monkeypatch):
    """Runs a network by leaps, with Python functions in the place of compiled propensities."""
    leaping = importlib.import_module("symdyn_kernels.shared.leaping")

    def run(
        rates, changes, x, times, *, orders, dependent, seeds=(0,), jacobian=None, holds=None, pairs=None, bursts=(), **given
    ):
        n, reactions = len(x), len(changes)
        flat = [(e, d) for change in changes for e, d in change.items()]
        model = SimpleNamespace(
            species=n, reactions=reactions, bursts=len(bursts), timed=given.pop("timed", 0), implicit=int(jacobian is not None)
        )
        network = SimpleNamespace(
            model=model, ptr=np.cumsum([0, *map(len, changes)]), changed=[e for e, _ in flat],
            fixed=[float(d) for _, d in flat], burst=[-1] * len(flat),
            dptr=np.cumsum([0, *map(len, dependent)]), dspecies=[e for d in dependent for e in d],
            pair=pairs or [-1] * reactions, kind=[0] * len(bursts), watched=[0.0] * n, means=[0.0] * len(bursts),
            mean=[0.0] * len(flat), second=[0.0] * len(flat), stop=[given.pop("stop", 0)],
        )  # fmt: skip

        def evaluate(model, t, x, a):
            a[:] = rates(t, x)
            return a, -1.0 if min(a) < 0 else sum(a)

        def newton_step(model, t, shift, y, residual, step):
            step[:] = np.linalg.solve(shift * np.eye(n) - jacobian, residual)
            return step

        for module in (leaping, shared.leaps, shared.equilibria):
            monkeypatch.setattr(module, "evaluate", evaluate)
        for module in (leaping, shared.leaps):
            monkeypatch.setattr(module, "holds", lambda model, t, x: holds is not None and holds(t, x))
        monkeypatch.setattr(leaping, "orders_at", lambda model, t, x, o: [*map(float, orders), *bursts])
        monkeypatch.setattr(shared.equilibria, "newton_step", newton_step)
        options = {"epsilon": 0.03, "max_steps": 10**6} | given
        values, found = np.full((len(seeds), len(times), n), np.nan), []
        with np.errstate(over="ignore", divide="ignore"):
            for i, seed in enumerate(seeds):
                space = leaping.Space(
                    *(np.zeros(n) for _ in range(3)), *(np.zeros(reactions) for _ in range(2)),
                    *(np.zeros(reactions, int) for _ in range(3)), tuple(np.zeros(n) for _ in range(4)),
                )  # fmt: skip
                stream = importlib.import_module("symdyn_kernels.shared.streams").open_stream(seed, i)
                found.append(leaping.leap_through(
                    network, stream, np.array(x, float), np.zeros(n), np.zeros(reactions), np.zeros(reactions),
                    np.zeros(reactions, int), space, np.array(times, float), options["epsilon"], options["max_steps"], i,
                    values,
                ))  # fmt: skip
        return values, found

    return run


def turnover(birth, death, **options):
    """0 -> A, A -> 0."""
    changes = {"changes": [{0: 1}, {0: -1}], "orders": [0, 1], "dependent": [[], [0]]}
    return {"rates": lambda t, x: [birth, death * x[0]]} | changes | options


def moments_of_turnover(birth, death, x, t):
    left = math.exp(-death * t)
    return birth / death * (1 - left) + x * left, birth / death * (1 - left) + x * left * (1 - left)


@pytest.mark.parametrize(
    ("birth", "x", "runs", "epsilon", "leaps"), [(1e4, 2e4, 80, 0.006, True), (5.0, 3.0, 600, 0.03, False)]
)
def test_numbers_have_mean_and_variance_of_the_master_equation(loops, birth, x, runs, epsilon, leaps):
    times = [0.0, 0.3, 1.0]
    values, found = loops(**turnover(birth, 1.0), x=[x], times=times, seeds=range(runs), epsilon=epsilon)
    assert (values[:, 0, 0] == x).all()
    for k, t in enumerate(times[1:], 1):
        mean, variance = moments_of_turnover(birth, 1.0, x, t)
        assert abs(values[:, k, 0].mean() - mean) < 4.5 * math.sqrt(variance / runs)
        assert abs(values[:, k, 0].var() / variance - 1) < 4.5 * math.sqrt((2 + 1 / variance) / runs)
    for f in found:
        assert (f.code, f.q, f.implicit, f.passage) == (0, 3, 0, INF)
        assert (f.leaps > 0, f.events > 0) == (leaps, not leaps)
    if leaps:  # the length is epsilon x/|drift|: so many are the integral of its inverse, log(x(0)/x(1))/epsilon
        assert found[0].calls == 2 * found[0].leaps + found[0].rejected
        assert found[0].leaps == pytest.approx(math.log(x / moments_of_turnover(birth, 1.0, x, 1.0)[0]) / epsilon, rel=0.1)


def test_rates_that_depend_on_time_are_thinned(loops):
    growth = {"changes": [{0: 1}, {0: -1}], "orders": [0, 1], "dependent": [[], [0]], "timed": 1, "x": [0.0]}
    values, found = loops(rates=lambda t, x: [30.0 * t, 0.0], times=[0.0, 0.5, 1.0], seeds=range(20), **growth)
    for k, mean in ((1, 3.75), (2, 15.0)):  # Poisson with the integral of the rate
        assert abs(values[:, k, 0].mean() - mean) < 4.5 * math.sqrt(mean / 20)
    assert all(f.leaps == 0 and f.events == v for f, v in zip(found, values[:, 2, 0], strict=True))
    values, found = loops(rates=lambda t, x: [3e7 * t, 0.0], times=[0.0, 1.0], **growth)
    assert abs(values[0, 1, 0] - 1.5e7) < 4.5 * math.sqrt(1.5e7)
    assert found[0].leaps >= 1000
    values, _ = loops(rates=lambda t, x: [0.0 if t < 0.5 else 1e6, 0.0], times=[0.0, 0.4, 1.0], **growth)
    assert values[0, 1, 0] == 0
    assert abs(values[0, 2, 0] - 5e5) < 4.5 * math.sqrt(5e5) + 1e3  # a piece of a thousandth may begin late


def test_leaps_across_an_equilibrium_keep_its_law_and_the_total(loops):
    """A <-> B, much faster than the outputs: binomial, whatever the beginning."""
    rate, total = 1e5, 1000.0
    values, found = loops(
        lambda t, x: [rate * x[0], rate * x[1]], [{0: -1, 1: 1}, {0: 1, 1: -1}], [500.0, 500.0], [0.0, 1.0, 2.0],
        orders=[1, 1], dependent=[[0], [1]], seeds=range(40), pairs=[1, 0], jacobian=rate * np.array([[-1.0, 1], [1, -1]]),
    )  # fmt: skip
    assert (values.sum(axis=2) == total).all()
    assert all(f.implicit > 0 and f.implicit <= f.leaps < 10_000 for f in found)
    late = values[:, 1:, 0].ravel()
    assert abs(late.mean() - total / 2) < 4.5 * math.sqrt(total / 4 / late.size)
    assert abs(late.var() / (total / 4) - 1) < 4.5 * math.sqrt(2 / late.size)


def test_a_trajectory_ends_by_its_condition_or_by_a_failure(loops):
    from symdyn_kernels.status import INTERRUPTED, NEGATIVE, NOT_FINITE, SUCCESS, TOO_MANY_STEPS

    times = [0.0, 1.0, 2.0]

    def ended(system, x=(10.0,), **options):
        values, (found,) = loops(**system, x=list(x), times=times, **options)
        return values[0, :, 0], found

    values, found = ended(turnover(0.0, 0.0))
    assert (found.code, found.events, found.leaps, values.tolist()) == (SUCCESS, 0, 0, [10.0, 10.0, 10.0])
    values, found = ended(turnover(50.0, 0.0), holds=lambda t, x: x[0] >= 12)
    assert (found.code, values.tolist()) == (SUCCESS, [10.0, 12.0, 12.0])
    assert 0 < found.passage < 1
    assert found.events == 2
    values, found = ended(turnover(50.0, 0.0), holds=lambda t, x: t >= 1.0)
    assert found.passage == 1.0
    assert values[1] == values[2] > 10
    assert ended(turnover(50.0, 0.0), holds=lambda t, x: True)[1].passage == 0.0
    assert ended(turnover(50.0, 0.0), stop=1)[1].code == INTERRUPTED
    _, found = ended(turnover(1e3, 0.0), max_steps=25)
    assert (found.code, found.events, found.q) == (TOO_MANY_STEPS, 25, 1)
    assert ended(turnover(-1.0, 0.0))[1].code == NEGATIVE
    assert ended(turnover(INF, 0.0))[1].code == ended(turnover(math.nan, 0.0))[1].code == NOT_FINITE
    assert ended(turnover(1.0, 0.0), bursts=[-0.5])[1].code == NEGATIVE
    # a rate that does not vanish with the last molecule
    assert ended({**turnover(0.0, 0.0), "rates": lambda t, x: [0.0, 40.0]}, x=(3.0,))[1].code == NEGATIVE
    values, found = ended({**turnover(0.0, 0.0), "rates": lambda t, x: [0.0, 40.0], "timed": 1}, x=(3.0,))
    assert found.code == NEGATIVE
    assert np.isnan(values[1:]).all()


def population(**given):
    facts = {
        "species": 1, "noises": 0, "entries": 0, "births": 1, "parents": 1, "varying": 0, "absorbing": 0, "bptr": [0, 1],
        "parent": [0], "born": [0], "stop": [0],
    }  # fmt: skip
    return SimpleNamespace(**facts | given)


def test_populations_grow_by_poisson_offspring_and_immigrants(shared, monkeypatch):
    """E x(n) = m^n x(0) + c (m^n - 1)/(m - 1)."""
    from symdyn_kernels.status import INTERRUPTED, NOT_FINITE, PROBABILITY, SUCCESS

    branching, streams = shared.branching, importlib.import_module("symdyn_kernels.shared.streams")

    def nobody(cycle, s, x, y, r, chances):
        y[:] = 0.0
        return SUCCESS, y, s

    def record(cycle, x, i, q, values):
        values[i, q] = x

    monkeypatch.setattr(branching, "outcomes", nobody)
    monkeypatch.setattr(branching, "record", record)

    def lived(times, r, x=5.0, runs=1, holds=None, **given):
        monkeypatch.setattr(branching, "holds", lambda cycle, t, x: holds is not None and holds(t, x))
        monkeypatch.setattr(branching, "rates_at", lambda cycle, t, z, x, r: [r[0] + 0.5, r[1]])
        values, found = np.full((runs, len(times), 1), np.nan), []
        with np.errstate(over="ignore"):
            for i in range(runs):
                s = streams.open_stream(3, i)
                arrays = (np.array([x]), np.zeros(1), np.zeros(4), list(r), None, np.array(times, float))
                found.append(branching.live_through(population(**given), s, *arrays, i, values))
        return values[:, :, 0], found

    values, found = lived([0, 1, 3], [1.5, 2.0], runs=800)
    assert all((f.code, f.q, f.steps, f.passage) == (SUCCESS, 3, 3, INF) for f in found)
    assert (values[:, 0] == 5).all()
    for k, n in ((1, 1), (2, 3)):
        mean = 1.5**n * 5 + 2 * (1.5**n - 1) / 0.5
        assert abs(values[:, k].mean() - mean) < 4.5 * values[:, k].std() / math.sqrt(800)
    # rates that change by 1/2 at every step: m = 1/2, 1, 3/2
    values, _ = lived([0, 3], [0.0, 0.0], x=100.0, runs=400, varying=1)
    assert abs(values[:, 1].mean() - 75) < 4.5 * values[:, 1].std() / math.sqrt(400)
    values, (found,) = lived([0, 2, 40, 50], [0.2, 0.0], absorbing=1)
    assert values[0, 2:].tolist() == [0.0, 0.0]
    assert found.steps < 40
    assert lived([0, 2, 40], [0.2, 0.0])[1][0].steps == 40
    values, (found,) = lived([0, 2, 4, 6], [2.0, 0.0], holds=lambda t, x: t >= 3)
    assert (found.passage, found.steps) == (3.0, 3)
    assert values[0, 2] == values[0, 3]
    assert lived([0, 2], [2.0, 0.0], holds=lambda t, x: True)[1][0][1:] == (2, 0, 0.0)
    assert lived([0, 2], [2.0, 0.0], stop=[1])[1][0].code == INTERRUPTED
    assert lived([0, 2], [-2.0, 0.0])[1][0].code == PROBABILITY
    assert lived([0, 2], [-2.0, 0.0], x=0.0)[1][0].code == SUCCESS  # of nobody
    assert lived([0, 2], [2.0, -1.0])[1][0].code == PROBABILITY
    values, (found,) = lived([0, 1, 2], [2.0, INF])
    assert (found.code, found.q) == (NOT_FINITE, 1)
    assert np.isnan(values[0, 1:]).all()


def test_noise_of_an_environment_is_drawn_in_pairs(shared):
    streams = importlib.import_module("symdyn_kernels.shared.streams")
    with np.errstate(over="ignore"):
        s = streams.open_stream(1, 2)
        first, second, after = streams.next_normals(s)
        third, fourth, last = streams.next_normals(after)
        drawn = [first, second, third, fourth]
        for noises, end in ((4, last), (3, last), (2, after), (0, s)):
            expected = drawn[:noises] + [9.0] * (4 - noises)
            assert shared.branching.environment(population(noises=noises), s, [9.0] * 4) == (expected, end)
