"""Posterior samples against posteriors in closed form, reproducible, with what cannot be sampled refused."""

import numpy as np
import pytest
import sympy as sp
from scipy import stats

import symdyn as sd
from symdyn.inference.density import PosteriorDensity
from tests.inference.fit_cases import CASES, fitted

pytest.importorskip("emcee")
pytest.importorskip("arviz")
pytestmark = pytest.mark.filterwarnings("ignore:\\s*ArviZ is undergoing:FutureWarning", "ignore:neither bounds")

x, a, k, s = sp.symbols("x a k s")
TIMES = np.arange(10.0)


def line(seed: int) -> dict[str, np.ndarray]:
    return {"t": TIMES, "x": 1 + 2 * TIMES + 0.5 * np.random.default_rng(seed).normal(size=10)}


def test_a_line_with_noise_of_unknown_size() -> None:
    """Flat priors and 1/sigma: the slope has a Student distribution of N - 2 degrees, RSS/sigma^2 chi square of N - 2."""
    data = line(0)
    found = sd.fit(sd.ODESystem({x: a + 0 * x}), data, noise="normal", starts=2).sample(300, tune=100, seed=1)
    least = stats.linregress(data["t"], data["x"])
    slope, scale = found.posterior["a"].values.ravel(), found.posterior["deviation_x"].values.ravel()
    exact = stats.t(8, least.slope, least.stderr)
    levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    assert exact.cdf(np.quantile(slope, levels)) == pytest.approx(levels, abs=0.05)
    rss = ((data["x"] - least.intercept - least.slope * data["t"]) ** 2).sum()
    assert stats.chi2(8).cdf(rss / np.quantile(scale, levels) ** 2) == pytest.approx(1 - levels, abs=0.05)
    assert found.posterior.attrs["r_hat"] < 1.05
    assert found.posterior.attrs["ess"] > 400


def test_counts_with_a_conjugate_prior() -> None:
    """Poisson counts of a constant s with a gamma prior: the posterior is gamma."""
    counts = np.array([3.0, 5.0, 2.0, 4.0, 6.0])
    system = sd.ODESystem({x: 0 * x}, initial={x: 1})
    fit = sd.fit(
        system, {"t": np.arange(5), "n": counts}, observables={"n": s * x}, noise="poisson",
        priors={s: stats.gamma(2, scale=1)}, starts=2,
    )  # fmt: skip
    found = fit.sample(250, tune=80, seed=2)
    exact, levels = stats.gamma(2 + counts.sum(), scale=1 / 6), np.array([0.05, 0.5, 0.95])
    assert exact.cdf(np.quantile(found.posterior["s"], levels)) == pytest.approx(levels, abs=0.05)
    each = found.log_likelihood["n"].values.reshape(-1, 5)  # the likelihood of every count
    values = found.posterior["s"].values.ravel()
    assert each[7] == pytest.approx(stats.poisson(values[7]).logpmf(counts), rel=1e-7)


def test_the_density_is_that_of_values_and_bounds() -> None:
    """A log-normal prior alone is a normal one of the logarithm, its coordinate; outside of bounds there is none."""
    data = {"t": TIMES, "x": np.exp(-0.5 * TIMES)}
    system = sd.ODESystem({x: -k * x}, initial={x: 1})
    fit = sd.fit(system, data, noise=0.1, priors={k: stats.lognorm(0.7)}, starts=1)
    density = PosteriorDensity(fit.problem, fit.scaled_starts)
    points = np.log([[0.3], [0.5], [0.9]])
    with_data = [
        stats.norm(0, 0.7).logpdf(q) + stats.norm(0, 0.1).logpdf(np.exp(-np.exp(q) * TIMES) - data["x"]).sum() for [q] in points
    ]  # fmt: skip
    assert np.diff(density(points)) == pytest.approx(np.diff(with_data), rel=1e-6)
    bounded = sd.fit(system, data, noise=0.1, parameters={k: (0.1, 2)}, starts=1)
    density = PosteriorDensity(bounded.problem, bounded.scaled_starts)
    assert np.isneginf(density(np.log([[0.05], [3.0]]))).all()


@pytest.mark.parametrize("name", ["observed", "conditions", "events", "discrete", "field", "petab", "lna"])
def test_the_density_without_derivatives_is_that_of_the_expansion(tmp_path, name) -> None:
    fit = fitted(CASES[name](tmp_path))
    density = PosteriorDensity(fit.problem, fit.scaled_starts)
    centre = np.concatenate([fit.theta, fit.scaled_starts[density.open]])
    points = np.clip(centre + 1e-3 * np.random.default_rng(0).normal(size=(3, len(centre))), density.low, density.high)
    theta, starts = density.split(points)
    expanded = fit.problem.expand(np.zeros(3, dtype=int), theta, starts)
    priors = [(k, c) for k, c in enumerate(fit.problem.columns) if c.prior is not None]
    slopes = sum(np.log(np.abs(c.slope(c.value(theta[:, k])))) for k, c in priors)
    # to the tolerances of runs that choose their steps without sensitivities
    assert density(points) == pytest.approx(-0.5 * expanded.rss.sum(axis=1) + slopes, rel=1e-6, abs=1e-5)


def test_the_same_seed_gives_the_same_draws() -> None:
    fit = sd.fit(sd.ODESystem({x: a + 0 * x}, initial={x: 1}), line(3), noise=0.5, parameters={a: (0, 5)}, starts=1)
    with pytest.warns(UserWarning, match="have not mixed"):
        first, second, other = (fit.sample(20, tune=20, seed=q).posterior["a"].values for q in (5, 5, 6))
    assert (first == second).all()
    assert (first != other).any()


def test_several_conditions_and_initial_values() -> None:
    """The names of initial values are those of the fit, and measurements of all trajectories are in the likelihood."""
    data = [{"t": TIMES[:5], "x": q * np.exp(-0.4 * TIMES[:5])} for q in (1.0, 2.0)]
    fit = sd.fit(sd.ODESystem({x: -k * x}), data, noise=0.1, starts=2)
    with pytest.warns(UserWarning, match="neither bounds nor a prior"):
        found = fit.sample(30, tune=50)
    assert set(found.posterior.data_vars) == {"k", "x(0) of trajectory 0", "x(0) of trajectory 1"}
    assert found.log_likelihood["x"].shape == (32, 30, 10)
    assert float(found.posterior["x(0) of trajectory 1"].mean()) == pytest.approx(2, abs=0.15)


def test_what_cannot_be_sampled_is_refused() -> None:
    fit = sd.fit(sd.ODESystem({x: a + 0 * x}, initial={x: 1}), line(3), noise=0.5, parameters={a: (0, 5)}, starts=1)
    with pytest.raises(sd.RecoveryError, match="expected an even number, at least 4"):
        fit.sample(10, walkers=3)
    with pytest.raises(sd.DeclarationError, match="draws"):
        fit.sample(0)
    windows = sd.fit(sd.ODESystem({x: a + 0 * x}), line(3), noise=0.5, windows=2, starts=1)
    with pytest.raises(sd.RecoveryError, match="fit with windows=1"):
        windows.sample(10)
    with pytest.warns(UserWarning, match="neither bounds nor a prior: a, x"):
        sd.fit(sd.ODESystem({x: a + 0 * x}), line(3), noise=0.5, starts=1).sample(5, tune=5)
