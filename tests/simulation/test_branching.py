"""Branching processes: moments, extinction, transition matrices against exact results; the same bits always; failures."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import sympy as sp
from numba import njit
from scipy import stats
from symdyn_kernels.shared import binomials, streams
from symdyn_kernels.status import PROBABILITY
from symdyn_kernels.tabulated import conditional, empty_chances, tabulated

import symdyn as sd

x, y, z, a, b, t, dW = sp.symbols("x y z a b t dW")
#: Loggerhead turtles (Crouse, Crowder & Caswell, Ecology 68 (1987) 1412).
STAGES = ["egg", "small", "large", "subadult", "novice", "remigrant", "mature"]
FATES = np.diag([0, 0.7370, 0.6610, 0.6907, 0, 0, 0.8089]) + np.diag([0.6747, 0.0486, 0.0147, 0.0518, 0.8091, 0.8091], -1)
EGGS = np.vstack([[0, 0, 0, 0, 127, 4, 80], np.zeros((6, 7))])
TURTLES = sd.BranchingSystem(STAGES, FATES, EGGS)


def run(system, times, initial, *, trajectories=20_000, seed=7, **options):
    initial = dict(zip(system.names, initial, strict=True))
    return sd.simulate(system, times, initial=initial, trajectories=trajectories, seed=seed, progress=False, **options)


def last(system, times, initial, **options):
    """Numbers at the last time, (trajectories, stages)."""
    data = run(system, times, initial, **options)
    return np.stack([data[s].values[..., -1] for s in system.names], axis=-1)


def moments(T, F, m, initial, steps, *, bernoulli=False):
    """Mean and covariance from those of the offspring of an individual: ``C' = A C A^T + sum_j x_j S_j + diag(m)``."""
    A, n = T + F, len(T)
    spread = []
    for j in range(n):
        p, f = T[:, j], F[:, j]
        spread.append(np.diag(p) - np.outer(p, p) + np.diag(f * (1 - f) if bernoulli else f))
    mean, covariance = np.array(initial, float), np.zeros((n, n))
    for _ in range(steps):
        covariance = A @ covariance @ A.T + sum(x * S for x, S in zip(mean, spread, strict=True)) + np.diag(m)
        mean = A @ mean + m
    return mean, covariance


def assert_moments(sample, mean, covariance, z=4.0):
    """Every mean, variance and covariance within so many standard errors, which the sample itself gives.

    Those of stages that hardly any trajectory holds are left out: they are not normal.
    """
    count = len(sample)
    common = mean * count > 200
    assert common.sum() >= len(mean) / 2
    assert (sample == np.floor(sample)).all()
    assert (sample >= 0).all()
    sample, mean, covariance = sample[:, common], mean[common], covariance[np.ix_(common, common)]
    assert (np.abs(sample.mean(0) - mean) <= z * np.sqrt(np.diag(covariance) / count) + 1e-12).all()
    centred = sample - sample.mean(0)
    products = centred[:, :, None] * centred[:, None, :]
    assert (np.abs(products.mean(0) - covariance) <= z * products.std(0) / math.sqrt(count) + 1e-9).all()


# ---- moments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [20, 300, 20_000])
def test_moments_of_turtles(size):
    initial = np.ceil(size * np.array([0.2065, 0.6698, 0.1146, 0.0066, 0.0004, 0.0003, 0.0018]))
    for steps in (1, 12):
        expected = moments(FATES, EGGS, np.zeros(7), initial, steps)
        assert_moments(last(TURTLES, [0, steps], initial), *expected)


@pytest.mark.parametrize("offspring", ["poisson", "bernoulli"])
def test_moments_with_immigration_and_shared_fates(offspring):
    """Three fates of a stage are negatively correlated; T and F come from parameters, one value of which a trajectory has."""
    T = np.array([[0.3, 0.1, 0.0], [0.4, 0.5, 0.0], [0.25, 0.2, 0.9]])
    F = np.array([[0.0, 0.6, 0.3], [0.1, 0.0, 0.2], [0.0, 0.0, 0.0]])
    m = np.array([2.0, 0.0, 0.5])
    matrices = [[[v * a for v in row] for row in M.tolist()] for M in (T, F)]
    system = sd.BranchingSystem([x, y, z], *matrices, immigration=m, offspring=offspring)
    for scale in (1.0, 0.7):
        sample = last(system, [0, 6], [60, 9, 3], parameters={a: scale})
        assert_moments(sample, *moments(scale * T, scale * F, m, [60, 9, 3], 6, bernoulli=offspring == "bernoulli"))


def test_large_numbers():
    T, F = np.array([[0.0, 0.0], [0.35, 0.9]]), np.array([[0.0, 0.4], [0.0, 0.0]])
    system = sd.BranchingSystem([x, y], T, F)
    assert_moments(last(system, [0, 3], [1e9, 2e9]), *moments(T, F, np.zeros(2), [1e9, 2e9], 3))


# ---- exact laws --------------------------------------------------------------------------------


@pytest.mark.parametrize(("trials", "p"), [(1, 0.5), (7, 0.1), (40, 0.45), (255, 0.3), (256, 0.03), (256, 0.2), (3000, 0.47)])
def test_survivors_are_binomial(trials, p):
    """Whether their distribution is kept (a fixed probability), or not (one that changes with time); up to 3 and over 255."""
    for probability in (p, 1 - p, sp.Max(p, t - 5)):
        system = sd.BranchingSystem([x], [[probability]], [[0]])
        sample = last(system, [0, 1], [trials], trajectories=40_000)[:, 0]
        law = stats.binom(trials, 1 - p if probability == 1 - p else p)
        edges = np.unique(law.ppf(np.linspace(0, 1, 20)[1:-1]))
        bins = np.concatenate([[-np.inf], edges, [np.inf]])
        expected = np.diff(np.concatenate([[0], law.cdf(edges), [1]])) * len(sample)
        counted = np.array([((sample > low) & (sample <= high)).sum() for low, high in pairwise(bins)])
        kept = expected > 5
        chi = ((counted - expected)[kept] ** 2 / expected[kept]).sum()
        assert stats.chi2.sf(chi, max(1, kept.sum() - 1)) > 1e-4


@pytest.mark.parametrize("R", [0.8, 1.0, 1.4])
def test_extinction_of_one_type(R):
    """``q' = exp(R (q - 1))`` from 0; for R > 1 it goes to the fixed point below 1."""
    system = sd.BranchingSystem([x], [[0]], [[a]], {a: R})
    times, count = np.arange(61), 40_000
    data = run(system, times, [1], trajectories=count, until=x <= 0)
    q, expected = 0.0, [0.0]
    for _ in times[1:]:
        q = math.exp(R * (q - 1.0))
        expected.append(q)
    expected = np.array(expected)
    found = (data.first_passage.values[:, None] <= times).mean(0)
    common = (1 - expected) * count > 50
    assert (np.abs(found - expected) <= 4 * np.sqrt(expected * (1 - expected) / count) + 1e-12)[common].all()
    assert (np.isinf(data.first_passage) == (data.x.isel(time=-1) > 0)).all()
    if R > 1:
        fixed = -float(sp.LambertW(-R * math.exp(-R))) / R
        assert expected[-1] == pytest.approx(fixed, abs=1e-9)
    never_stopped = run(system, times, [1], trajectories=count)
    assert ((never_stopped.x == 0).mean("trajectory").values == found).all()
    assert (never_stopped.x == data.x).all()


@pytest.mark.parametrize("offspring", ["poisson", "bernoulli"])
def test_extinction_of_several_types(offspring):
    """Generating functions, iterated: that of an individual is the mean over its fates times that of its offspring."""
    T, F = np.array([[0.1, 0.2], [0.5, 0.6]]), np.array([[0.0, 0.5], [0.2, 0.1]])
    system = sd.BranchingSystem([x, y], T, F, offspring=offspring)
    times, count, initial = np.arange(0, 26), 40_000, np.array([2, 1])
    q, expected = np.zeros(2), [0.0]
    for _ in times[1:]:
        alive = 1 - T.sum(0) + q @ T
        q = alive * (np.exp((q - 1) @ F) if offspring == "poisson" else np.prod(1 + F * (q - 1)[:, None], axis=0))
        expected.append(float(np.prod(q**initial)))
    expected = np.array(expected)
    data = run(system, times, initial, trajectories=count, until="x + y < 1")
    found = (data.first_passage.values[:, None] <= times).mean(0)
    assert (np.abs(found - expected) <= 4 * np.sqrt(expected * (1 - expected) / count) + 1e-12).all()


def test_a_markov_chain_of_individuals():
    """Nobody is born or dies: one walker on three places, against the third power of its matrix, and many keep their number."""
    P = np.array([[0.1, 0.2, 0.7], [0.6, 0.2, 0.1], [0.3, 0.6, 0.2]])
    system = sd.BranchingSystem([x, y, z], P, np.zeros((3, 3)))
    count = 40_000
    sample = last(system, [0, 3], [0, 1, 0], trajectories=count)
    expected = np.linalg.matrix_power(P, 3)[:, 1]
    assert (np.abs(sample.mean(0) - expected) <= 4 * np.sqrt(expected * (1 - expected) / count)).all()
    crowd = run(system, range(200), [10**9, 0, 7], trajectories=20)
    assert (crowd.x + crowd.y + crowd.z == 10**9 + 7).all()


def test_density_dependence_against_the_whole_transition_matrix():
    """One stage with at most one young each: the law of the next number given n is a convolution of two binomials."""
    size = 61
    survival, breeding = 1 / (1 + a * x), sp.exp(-b * x)
    system = sd.BranchingSystem([x], [[survival]], [[breeding]], {a: 0.05, b: 0.1}, offspring="bernoulli")
    P = np.zeros((size, size))
    for n in range(size):
        kept = stats.binom.pmf(np.arange(n + 1), n, 1 / (1 + 0.05 * n))
        young = stats.binom.pmf(np.arange(n + 1), n, math.exp(-0.1 * n))
        total = np.convolve(kept, young)[:size]
        P[: len(total), n] = total
    count, law = 40_000, np.eye(size)[:, 5]
    for _ in range(8):
        law = P @ law
    assert law.sum() > 1 - 1e-6
    found = np.bincount(last(system, [0, 8], [5], trajectories=count)[:, 0].astype(int), minlength=size) / count
    likely = law > 1e-3
    assert (np.abs(found - law)[likely] <= 4 * np.sqrt(law * (1 - law) / count)[likely]).all()


def test_time_and_a_random_environment():
    """Given a standard normal number e, offspring is Poisson with the mean ``n (1 + t) exp(a e)``."""
    system = sd.BranchingSystem([x], [[0]], [[(1 + t) * sp.exp(a * dW)]], {a: 0.5})
    sample = last(system, [2, 3], [10], trajectories=40_000)[:, 0]
    mean, square = 30 * math.exp(0.125), 900 * math.exp(0.5)
    assert abs(sample.mean() - mean) < 4 * sample.std() / 200
    assert abs((sample * (sample - 1)).mean() - square) < 4 * (sample * (sample - 1)).std() / 200


def test_probabilities_of_0_and_1():
    system = sd.BranchingSystem([x, y], [[0, a], [1, 1 - a]], [[0, 0], [0, 0]])
    for value, expected in ((0.0, [0, 14]), (1.0, [9, 5])):
        data = run(system, [0, 1, 3], [5, 9], trajectories=3, parameters={a: value})
        assert (data.x.isel(time=1) == expected[0]).all()
        assert (data.y.isel(time=1) == expected[1]).all()


# ---- variates ----------------------------------------------------------------------------------


@njit
def _same(n, p, count):
    """Numbers from a distribution that is kept, from one that is not, and what is left of their streams."""
    s, r = streams.open_stream(1, 2), streams.open_stream(1, 2)
    kept, never = empty_chances(1), empty_chances(1)
    conditional(0, 1, np.array([p]), kept)
    conditional(0, 1, np.array([p]), never)
    found = np.empty((2, count))
    for i in range(count):
        found[0, i], s = tabulated(s, n, 0, kept)
        never.asked[:] = 0
        found[1, i], r = tabulated(r, n, 0, never)
    return found, s, r


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (3, 1e-9), (64, 0.31), (255, 0.5), (255, 0.01), (200, 1e-300)])
def test_kept_distributions_change_no_bit(n, p):
    found, s, r = _same(float(n), p, 3000)
    assert (found[0] == found[1]).all()
    assert s == r
    assert found.max() <= n


@njit
def _rejection(s, n, p):
    """BTRS as published, whose acceptance test is the logarithm of the probability."""
    deviation = math.sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    top = binomials.log_binomial(math.floor((n + 1.0) * p) * 1.0, n, p)
    while True:
        u, s = streams.next_uniform(s)
        v, s = streams.next_uniform(s)
        u -= 0.5
        us = 0.5 - abs(u)
        k = math.floor((2.0 * a / us + b) * u + n * p + 0.5) * 1.0
        if us >= 0.07 and v <= 0.92 - 4.2 / b:
            return k, s
        needed = math.log(v * (2.83 + 5.1 / b) * deviation / (a / (us * us) + b))
        if 0.0 <= k <= n and needed <= binomials.log_binomial(k, n, p) - top:
            return k, s


@njit
def _rejected(n, p, count):
    s, r = streams.open_stream(3, 4), streams.open_stream(3, 4)
    found = np.empty((2, count))
    for i in range(count):
        found[0, i], s = binomials.binomial(s, n, p, p / (1 - p), math.log1p(-p), False)
        found[1, i], r = _rejection(r, n, p)
    return found


@pytest.mark.parametrize(("n", "p"), [(21, 0.49), (100, 0.3), (5000, 0.003), (10**6, 0.2), (10**12, 0.5)])
def test_bounds_and_ratios_decide_as_the_logarithm_of_the_probability_does(n, p):
    found = _rejected(float(n), p, 50_000)
    assert (found[0] == found[1]).all()


# ---- runs --------------------------------------------------------------------------------------


def test_the_same_bits_for_lanes_threads_and_chunks():
    vary = sd.BranchingSystem(
        [x, y], [[0.2, 0], [0.7 * sp.exp(-b * y), a]], [[0, 2 + dW**2], [0, 0]], {a: 0.5, b: 0.01}, immigration=[0, t / 10]
    )
    for system, initial, sweep in ((TURTLES, [300, 400, 60, 9, 3, 2, 4], {}), (vary, [9, 9], {"a": [0.3, 0.5, 0.7]})):
        first = run(system, range(30), initial, trajectories=50, parameters=sweep)
        for options in ({"lanes": 8}, {"lanes": 32, "threads": 1}, {"threads": 2, "chunk": 7}, {"chunk": 1}):
            other = run(system, range(30), initial, trajectories=50, parameters=sweep, layout=sd.Layout(**options))
            for name in (*system.names, "steps"):
                assert other[name].values.tobytes() == first[name].values.tobytes()
    alone, nine = (run(vary, range(30), [9, 9], trajectories=count, parameters={"a": 0.3}).x.values for count in (1, 9))
    assert alone.tobytes() == nine[:1].tobytes()


def test_what_a_dataset_says_and_reductions():
    data = run(TURTLES, [0, 5, 10], [100, 300, 50, 5, 1, 1, 2], trajectories=3000)
    assert data.attrs["method"] == "branching"
    assert data.attrs["accuracy"] == "exact"
    assert data.attrs["seed"] == 7
    assert (data.steps == 10).all()
    reduced = run(TURTLES, [0, 5, 10], [100, 300, 50, 5, 1, 1, 2], trajectories=3000, reduce=["mean", "histogram"])
    assert reduced.egg_mean.values == pytest.approx(data.egg.mean("trajectory").values)
    assert reduced.mature_histogram.sum("bin").values.tolist() == [3000] * 3


def test_the_dead_are_not_followed():
    system = sd.BranchingSystem([x], [[0.5]], [[0]])
    data = run(system, [0, 10, 1000], [3], trajectories=200)
    assert (data.x.isel(time=-1) == 0).all()
    assert data.steps.max() < 60
    arriving = sd.BranchingSystem([x], [[0.5]], [[0]], immigration=[1])
    assert (run(arriving, [0, 1000], [0], trajectories=3).steps == 1000).all()


def test_conditions_are_met_exactly():
    """Observables, parameters and time; a trajectory stays as it is from then on."""
    nobody = np.zeros((2, 2))
    system = sd.BranchingSystem([x, y], np.eye(2), nobody, {a: 3}, immigration=[a, 0], observables={"n": x + y})
    data = run(system, range(20), [0, 1], trajectories=500, until="n > 2*a + 2 or t >= 12")
    path = data.n.values
    first = np.array([np.flatnonzero((row > 8) | (data.time.values >= 12))[0] for row in path])
    assert len(set(first)) > 3
    assert (data.first_passage.values == first).all()
    assert (data.steps.values == first).all()
    assert all((row[k:] == row[k]).all() for row, k in zip(path, first, strict=True))
    assert data.attrs["until_checked"] == "in the beginning and after every step"
    at_once = run(system, range(3), [0, 9], trajectories=2, until="n > 2*a + 2")
    assert (at_once.first_passage == 0).all()
    between = run(system, [0, 7, 19], [0, 1], trajectories=500, until="n > 2*a + 2 or t >= 12")
    assert (between.first_passage.values == first).all()


# ---- failures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transitions", "fecundity", "offspring"),
    [
        ([[a, 0], [0.6, 0]], [[0, 0], [0, 0]], "poisson"),
        ([[-a, 0], [0, 0]], [[0, 0], [0, 0]], "poisson"),
        ([[0, 0], [0, 0]], [[-a, 0], [0, 0]], "poisson"),
        ([[0, 0], [0, 0]], [[3 * a, 0], [0, 0]], "bernoulli"),
        ([[a * x / 6, 0], [0, 0]], [[0, 0], [0, 0]], "poisson"),
    ],
)
def test_what_is_no_probability_fails(transitions, fecundity, offspring):
    system = sd.BranchingSystem([x, y], transitions, fecundity, {a: 0.5}, offspring=offspring)
    with pytest.raises(sd.SimulationError, match="a probability was negative, or those of a stage added") as error:
        run(system, [0, 1, 2], [20, 0], trajectories=2)
    data = error.value.dataset
    assert (data.status == PROBABILITY).all()
    assert np.isnan(data.x.values[:, 1:]).all()
    nobody = run(system, [0, 1, 2], [0, 20], trajectories=2)  # of nobody there are no fates
    assert (nobody.x == 0).all()


def test_growth_beyond_all_numbers_fails():
    with pytest.raises(sd.SimulationError, match="became infinite"):
        run(sd.BranchingSystem([x], [[0]], [[a]], {a: 1e100}), [0, 5], [1], trajectories=2)
    huge = run(sd.BranchingSystem([x], [[0.3]], [[a]], {a: 1e60}), [0, 1, 5], [10], trajectories=2)
    assert huge.x.values[:, 1:] == pytest.approx(np.array([[1e61, 1e301]] * 2), rel=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"initial": {"x": 1.5}}, "initial value of x is 1.5; a number of individuals is a whole number from 0 to 2"),
        ({"initial": {"x": -1}}, "initial value of x is -1"),
        ({"t": [0, 0.5]}, "the times of a branching process must differ by integers"),
        ({"step": 0.1}, "step has no effect on 'branching'; it belongs to align, etdrk4, euler"),
        (
            {"method": sd.methods.JumpOptions(max_steps=10)},
            "max_steps has no effect on 'branching'; it belongs to bs32",
        ),
        ({"method": "ssa"}, "this BranchingSystem has individuals"),
    ],
)
def test_bad_input(change, message):
    given = {"t": [0, 1], "initial": {"x": 1}, **change}
    with pytest.raises((sd.DeclarationError, sd.CompileError), match=message):
        sd.simulate(sd.BranchingSystem([x], [[0.5]], [[0.5]]), given.pop("t"), **given)
    with pytest.raises(
        sd.CompileError, match="it takes systems of individuals with offspring; this ODESystem has rates of change"
    ):
        sd.compile(sd.ODESystem({x: -x}), method="branching")
