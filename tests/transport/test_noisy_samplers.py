"""Samplers with noise: densities carried along exactly, recursions on normal data, laws on random mixtures, and bits."""

import numpy as np
import pytest
import sympy as sp
from scipy import stats

import symdyn as sd
from symdyn.errors import CompileError
from symdyn.methods.clocks import NodeClock

x, t = sp.symbols("x t")
b = sp.Rational(1, 10) + sp.Rational(199, 10) * t
PROCESS = sd.SDESystem({x: -b / 2 * x}, {x: sp.sqrt(b)})
NAMES = ["sde-dpm-1", "ancestral", "sde-dpm++2m", "predictor-corrector"]
WEIGHTS, MEANS, SPREADS = np.array([0.2, 0.5, 0.3]), np.array([-2, 0.3, 1.5]), np.array([0.3, 0.2, 0.5])
FIRST, LAST = 1.0, 1e-3


def growth(time):
    return 0.1 * time + 9.95 * np.asarray(time) ** 2


def alpha(time):
    return np.exp(-growth(time) / 2)


def sigma(time):
    return np.sqrt(-np.expm1(-growth(time)))


def rate(time):
    return 0.1 + 19.9 * np.asarray(time)


def clock(nodes):
    return NodeClock(nodes, lambda s: -rate(s) / 2, lambda s: 0 * s, lambda s: rate(s) / (2 * sigma(s)), sigma)


def uniform_in_log_snr(n):
    """Nodes spaced evenly in log(alpha/sigma): growth = log(1 + exp(-2 lambda))."""
    ends = np.log(alpha(np.array([FIRST, LAST])) / sigma(np.array([FIRST, LAST])))
    grown = np.logaddexp(0, -2 * np.linspace(*ends, n + 1))
    nodes = (-0.1 + np.sqrt(0.01 + 4 * 9.95 * grown)) / (2 * 9.95)
    nodes[[0, -1]] = FIRST, LAST
    return nodes


# ---- densities on a grid, as the sheet of reference numbers carries them ------------------------

GRID = np.linspace(-7, 7, 1401)


def density(time):
    means, spreads = alpha(time) * MEANS, np.hypot(alpha(time) * SPREADS, sigma(time))
    return stats.norm.pdf(GRID[:, None], means, spreads) @ WEIGHTS


def predicted_noise(time):
    means, variances = alpha(time) * MEANS, (alpha(time) * SPREADS) ** 2 + sigma(time) ** 2
    parts = WEIGHTS * stats.norm.pdf(GRID[:, None], means, np.sqrt(variances))
    return sigma(time) * (parts * (GRID[:, None] - means) / variances).sum(axis=1) / parts.sum(axis=1)


def carried(method, nodes):
    """The density of a sampler of one step at the last node, from normal noise."""
    table, width = sd.METHODS[method].table([clock(nodes)]), GRID[1] - GRID[0]
    now = stats.norm.pdf(GRID)
    for r in range(1, len(table.times)):
        factors = dict(zip(table.terms[r], table.coefficients[r][0], strict=True))
        assert set(factors) == {("x", r - 1), ("n", r - 1)}
        means = factors["x", r - 1] * GRID + factors["n", r - 1] * predicted_noise(table.times[r - 1])
        spread = table.spreads[r, 0]
        now = np.exp(-(((GRID[:, None] - means) / spread) ** 2) / 2) @ now * (width / (spread * np.sqrt(2 * np.pi)))
    return now


@pytest.mark.parametrize(
    ("method", "n", "power", "divergence"),
    [
        ("sde-dpm-1", 10, 1, 0.14), ("sde-dpm-1", 20, 1, 0.013), ("sde-dpm-1", 20, 2, 0.0058), ("ancestral", 10, 1, 0.21),
        ("ancestral", 10, 2, 0.10), ("ancestral", 20, 1, 0.067), ("ancestral", 20, 2, 0.027), ("sde-dpm-1", 50, 2, 4.6e-4),
    ],
)  # fmt: skip
def test_divergences_are_those_of_reference(method, n, power, divergence):
    """Kullback-Leibler divergences of the target from the sampler, computed by another program, to two digits."""
    nodes = np.linspace(FIRST ** (1 / power), LAST ** (1 / power), n + 1) ** power
    target, found = density(LAST), carried(method, nodes)
    width = GRID[1] - GRID[0]
    value = np.sum(target * (np.log(np.maximum(target, 1e-300)) - np.log(np.maximum(found, 1e-300)))) * width
    assert value == pytest.approx(divergence, rel=0.06)


# ---- normal data: every sampler is a recursion of mean and variance -----------------------------


def recursion(method, nodes, mean, variance):
    """Mean and variance at the last node where data are normal, from the exact marginal at the first node."""
    m, v = [alpha(nodes[0]) * mean], alpha(nodes[0]) ** 2 * variance + sigma(nodes[0]) ** 2
    table, r = sd.METHODS[method].table([clock(nodes)]), 0
    covariance = np.full((1, 1), v)
    slopes = []
    for r in range(len(table.times)):
        time = table.times[r]
        if r:
            factors = dict(zip(table.terms[r], table.coefficients[r][0], strict=True))
            row, shift = np.zeros(r), table.shifts[r, 0]
            for (kind, k), c in factors.items():
                row[k] += c if kind == "x" else c * slopes[k][0]
                shift += 0 if kind == "x" else c * slopes[k][1]
            m.append(row @ np.array(m) + shift)
            beside = row @ covariance
            last = beside @ row + table.spreads[r, 0] ** 2
            covariance = np.block([[covariance, beside[:, None]], [beside[None], np.array([[last]])]])
        whole = alpha(time) ** 2 * variance + sigma(time) ** 2
        slopes.append((sigma(time) / whole, -sigma(time) * alpha(time) * mean / whole))  # N = sigma (x - alpha mean) / whole
    return m[-1], covariance[-1, -1]


@pytest.mark.parametrize(
    ("method", "order"), [("sde-dpm-1", 1), ("ancestral", 1), ("sde-dpm++2m", 2), ("predictor-corrector", 1)]
)
def test_means_and_variances_converge_with_the_order(method, order):
    assert sd.METHODS[method].order == order
    exact = alpha(LAST) ** 2 * 0.25 + sigma(LAST) ** 2
    steps = np.array([80, 160, 320])
    errors = [abs(recursion(method, uniform_in_log_snr(n), 0.7, 0.25)[1] - exact) for n in steps]
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope > order - 0.25
    if method in (
        "ancestral",
        "sde-dpm++2m",
    ):  # of the others errors of the variance are of a higher order where data are normal
        assert slope < order + 0.25


@pytest.mark.parametrize("method", NAMES)
def test_samples_of_normal_data_follow_the_recursion(method):
    count, nodes = 20000, np.linspace(FIRST**0.5, LAST**0.5, 13) ** 2
    noised = PROCESS.marginal(sd.transport.GaussianMixture([1], [0.7], [0.5]))
    flow = PROCESS.probability_flow(noised)
    out = sd.simulate(
        flow, [FIRST, LAST], initial=noised.at(FIRST).initial(count, seed=1), trajectories=count, seed=2,
        method=sd.METHODS[method].options(nodes=nodes), progress=False,
    )  # fmt: skip
    mean, variance = recursion(method, nodes, 0.7, 0.25)
    found = out.x.values[:, -1]
    assert abs(found.mean() - mean) < 4.5 * np.sqrt(variance / count)
    assert abs(found.var() - variance) < 4.5 * variance * np.sqrt(2 / count)


@pytest.mark.parametrize("method", NAMES)
def test_random_mixtures_in_one_dimension(method):
    """Against the distribution function, whose quantiles the flow maps; 5000 samples, and what 150 steps leave."""
    rng, count = np.random.default_rng(7), 5000
    for k in range(2):
        weights = rng.dirichlet(np.ones(3))
        means, spreads = rng.uniform(-2, 2, 3), rng.uniform(0.2, 0.6, 3)
        noised = PROCESS.marginal(sd.transport.GaussianMixture(weights, means.tolist(), spreads.tolist()))
        flow = PROCESS.probability_flow(noised)
        nodes = np.linspace(FIRST**0.5, LAST**0.5, 151) ** 2
        out = sd.simulate(
            flow, [FIRST, LAST], initial=noised.at(FIRST).initial(count, seed=k), trajectories=count, seed=k + 10,
            method=sd.METHODS[method].options(nodes=nodes), progress=False,
        )  # fmt: skip

        def distribution(z, weights=weights, means=means, spreads=spreads):
            wide = np.hypot(alpha(LAST) * spreads, sigma(LAST))
            return stats.norm.cdf(np.asarray(z)[..., None], alpha(LAST) * means, wide) @ weights

        assert stats.kstest(out.x.values[:, -1], distribution).statistic < 1.95 / np.sqrt(count) + 0.015


def test_bits_depend_on_seed_and_trajectory_alone():
    y = sp.Symbol("y")
    process = sd.SDESystem({s: -b / 2 * s for s in (x, y)}, {s: sp.sqrt(b) for s in (x, y)})
    noised = process.marginal(sd.transport.GaussianMixture([1, 2], [[0, 1], [1, -1]], [0.2, 0.3]))
    flow = process.probability_flow(noised)
    start = noised.at(1).initial(45, seed=1)

    def values(seed=6, **layout):
        out = sd.simulate(
            flow, [1, 0.3, 0.01], initial=start, trajectories=45, seed=seed, layout=sd.Layout(**layout), progress=False,
            method=sd.methods.Ancestral(nodes=[1, 0.8, 0.5, 0.3, 0.1, 0.01]),
        )  # fmt: skip
        return np.stack([out.x.values, out.y.values])

    reference = values(lanes=8, threads=1)
    for layout in ({"lanes": 1}, {"lanes": 16, "threads": 2}, {"lanes": 32}, {"chunk": 7}):
        assert np.array_equal(values(**layout), reference)
    assert not np.any(values(seed=7)[:, :, 1:] == reference[:, :, 1:])


def test_what_is_no_flow_from_noise_to_data_is_refused():
    noised = PROCESS.marginal(sd.transport.GaussianMixture([1], [0], [1]))
    flow = PROCESS.probability_flow(noised)
    with pytest.raises(CompileError, match="its nodes go from noise to data"):
        sd.simulate(flow, [0.01, 1], initial={x: 0.1}, method="ancestral", progress=False)
    with pytest.raises(CompileError, match="a density is carried along a flow without noise"):
        sd.simulate(flow.with_log_density(), [1, 0.01], initial={x: 0.1}, method="ancestral", progress=False)
    level = sd.ODESystem.from_text("x' = x - x^2; x(0) = 0.1; noise_level := 2*exp(t) - 1")
    with pytest.raises(CompileError, match="it takes probability flows of diffusions"):
        sd.simulate(level, [0, 1], method="ancestral", progress=False)
