"""Variates: exact laws by chi-square across the change of algorithm, moments for large parameters, edge cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit
from scipy import stats
from symdyn_kernels.options import INLINE, PLAIN
from symdyn_kernels.shared import binomials, streams, variates

LAWS = {"poisson": 0, "binomial": 1, "geometric": 2, "gamma": 3, "exponential": 4, "round": 5}


@pytest.mark.parametrize("options", [PLAIN, INLINE])
def test_numba_knows_the_options_of_functions_that_count_no_references(options):
    """One of them is not public; without it the compiled code calls the counters of references (NRT)."""

    def count_down(x, n, y):
        while n > 0:
            z = x if n % 2 else y
            z[0] += 1
            n -= 1

    signature = "void(float64[::1], int64, float64[::1])"
    plain, counting = (njit(signature, **o)(count_down) for o in (options, {"error_model": "numpy"}))
    assert "NRT_" in "".join(counting.inspect_llvm().values())
    assert "NRT_" not in "".join(plain.inspect_llvm().values())
    x, y = np.zeros(1), np.zeros(1)
    njit(lambda x, y: plain(x, 5, y))(x, y)
    assert (x[0], y[0]) == (3, 2)


@njit("void(int64, float64, float64, int64, int64, float64[::1])", error_model="numpy")
def fill(law, a, b, seed, stream, out):
    s = streams.open_stream(seed, stream)
    for i in range(out.size):
        if law == 0:
            out[i], s = variates.poisson(s, a)
        elif law == 1:
            p, other = binomials.chance(b, 1.0 - b)
            k = 0.0
            if p > 0.0:
                k, s = binomials.binomial(s, a, p, p / (1.0 - p), math.log1p(-p), False)
            out[i] = a - k if other else k
        elif law == 2:
            out[i], s = variates.burst_sum(s, 0, a, b)
        elif law == 3:
            out[i], s = variates.gamma(s, a)
        elif law == 4:
            out[i], s = variates.exponential(s)
        else:
            out[i], s = variates.round_randomly(s, a)


def draw(law: str, a: float = 0.0, b: float = 0.0, size: int = 200_000, seed: int = 1, stream: int = 0) -> np.ndarray:
    out = np.empty(size)
    fill(LAWS[law], a, b, seed, stream, out)
    return out


def assert_law(sample: np.ndarray, law) -> None:
    """Chi-square against exact probabilities; classes with fewer than 10 expected are joined with the tails."""
    k = np.arange(law.ppf(1e-9), law.isf(1e-9) + 1)
    expected = law.pmf(k) * sample.size
    kept = np.flatnonzero(expected >= 10)
    k = k[kept[0] : kept[-1] + 1]
    expected = expected[kept[0] : kept[-1] + 1]
    observed = np.array([np.count_nonzero(sample < k[0]), *np.bincount((sample - k[0]).clip(-1).astype(int) + 1)[1:][: k.size]])
    observed = np.append(observed, np.zeros(k.size + 1 - observed.size, int))
    observed = np.append(observed, sample.size - observed.sum())
    expected = np.array([law.cdf(k[0] - 1) * sample.size, *expected, law.sf(k[-1]) * sample.size])
    rows = expected > 0
    assert observed[~rows].sum() == 0
    statistic = ((observed - expected)[rows] ** 2 / expected[rows]).sum()
    # small tail classes: a bound far out instead of a p-value that assumes normality
    assert statistic < stats.chi2.isf(1e-5, rows.sum() - 1), statistic


@pytest.mark.parametrize("mean", [1e-3, 0.2, 1.0, 5.0, 9.999, 10.0, 10.001, 14.7, 40.0, 333.3, 1e4])
def test_poisson_law(mean):
    assert_law(draw("poisson", mean), stats.poisson(mean))


@pytest.mark.parametrize(
    ("n", "p"),
    [
        (1, 0.3), (5, 0.5), (20, 0.499), (20, 0.5), (20, 0.501), (1000, 0.00999), (1000, 0.0101), (100, 0.9), (10**5, 0.3),
        (10**6, 1e-6),
    ],
)  # fmt: skip
def test_binomial_law(n, p):
    assert_law(draw("binomial", n, p), stats.binom(n, p))


@pytest.mark.parametrize(("mean", "count"), [(0.3, 1), (70.0, 1), (0.5, 2), (3.0, 7), (20.0, 40)])
def test_sums_of_geometric_bursts_are_negative_binomial(mean, count):
    assert_law(draw("geometric", mean, count), stats.nbinom(count, 1 / (1 + mean)))


@pytest.mark.parametrize("shape", [1.0, 1.5, 12.0, 1e4])
def test_gamma_and_exponential_laws(shape):
    assert stats.kstest(draw("gamma", shape, size=50_000), stats.gamma(shape).cdf).pvalue > 1e-4
    assert stats.kstest(draw("exponential", size=50_000), stats.expon.cdf).pvalue > 1e-4


@pytest.mark.parametrize("mean", [1e6, 1e9, 1e13])
def test_large_poisson_means_keep_mean_variance_and_shape(mean):
    z = (draw("poisson", mean, size=50_000) - mean) / math.sqrt(mean)
    assert abs(z.mean()) < 4.5 / math.sqrt(z.size)
    assert abs(z.var() - 1) < 4.5 * math.sqrt(2 / z.size)
    assert stats.kstest(z, stats.norm.cdf).pvalue > 1e-4


@pytest.mark.parametrize(("n", "p"), [(1e9, 1e-3), (1e12, 0.5), (1e12, 1 - 1e-4)])
def test_large_binomials_keep_mean_variance_and_shape(n, p):
    sample = draw("binomial", n, p, size=50_000)
    z = (sample - n * p) / math.sqrt(n * p * (1 - p))
    assert abs(z.mean()) < 4.5 / math.sqrt(z.size)
    assert abs(z.var() - 1) < 4.5 * math.sqrt(2 / z.size)
    assert sample.max() <= n


def test_edges():
    assert not draw("poisson", 0.0, size=9).any()
    assert not draw("poisson", -1.0, size=9).any()
    assert draw("poisson", 1e-12, size=1000).max() == 0
    assert not draw("binomial", 0.0, 0.5, size=9).any()
    assert not draw("binomial", 10.0, 0.0, size=9).any()
    assert (draw("binomial", 10.0, 1.0, size=9) == 10).all()
    assert not draw("geometric", 0.0, 3.0, size=9).any()
    assert not draw("geometric", 5.0, 0.0, size=9).any()


def test_rounding_keeps_the_mean():
    sample = draw("round", 2.25)
    assert set(sample) == {2.0, 3.0}
    assert abs(sample.mean() - 2.25) < 4.5 * math.sqrt(0.25 * 0.75 / sample.size)
    assert (draw("round", -3.0, size=9) == -3).all()


def test_streams_differ_and_repeat():
    assert (draw("poisson", 30.0, size=100) == draw("poisson", 30.0, size=100)).all()
    assert (draw("poisson", 30.0, size=100) != draw("poisson", 30.0, size=100, stream=1)).any()
    pairs = np.corrcoef(draw("poisson", 30.0, size=20_000), draw("poisson", 30.0, size=20_000, stream=1))
    assert abs(pairs[0, 1]) < 4.5 / math.sqrt(20_000)
