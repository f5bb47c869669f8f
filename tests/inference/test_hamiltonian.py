"""The no-U-turn sampler with the gradients of fits: densities, posteriors in closed form, what is refused."""

import numpy as np
import pytest
import sympy as sp
from scipy import stats

import symdyn as sd
from symdyn.inference.density import PosteriorDensity
from symdyn.inference.hamiltonian import SlopedDensity

pytestmark = pytest.mark.filterwarnings(
    "ignore:\\s*ArviZ is undergoing:FutureWarning", "ignore:neither bounds", "ignore:the samples of s have not"
)

x, k, s, c, d = sp.symbols("x k s c d")
TIMES = np.arange(8.0)


def decay() -> sd.Fit:
    """Every kind of coordinate: between bounds, above and below one, the logarithm of a prior, and an initial value."""
    data = {"t": TIMES, "x": 3 * np.exp(-0.5 * TIMES) + 0.7 + 0.02 * np.cos(9 * TIMES)}
    return sd.fit(
        sd.ODESystem({x: -k * x}), data, observables={"x": s * x + c}, noise=d, starts=1,
        parameters={s: (0.2, 5), c: (None, 2), d: (0.001, None)}, priors={k: stats.lognorm(0.4, scale=0.6)},
        guesses={s: 1, c: 0.6, d: 0.1},
    )  # fmt: skip


def test_slopes_are_those_of_the_density_without_bounds() -> None:
    fit = decay()
    density = SlopedDensity(fit.problem, PosteriorDensity(fit.problem, fit.scaled_starts))
    at = density.free(np.concatenate([fit.theta, fit.scaled_starts[fit.problem.open_starts]]))
    at = at + np.linspace(-0.2, 0.3, len(at))
    value, slope = density(at)
    steps = 1e-4 * np.eye(len(at))
    quotients = [(density(at + e)[0] - density(at - e)[0]) / 2e-4 for e in steps]
    np.testing.assert_allclose(slope, quotients, rtol=1e-4, atol=1e-5 * np.abs(slope).max())
    # the change of variables itself: log |dx/dz| from differences of the transformation
    width = np.log(np.abs(density.bound(at + 1e-6) - density.bound(at - 1e-6)) / 2e-6).sum()
    posterior = PosteriorDensity(fit.problem, fit.scaled_starts)(density.bound(at)[None])[0]
    other = at + 0.01
    width_there = np.log(np.abs(density.bound(other + 1e-6) - density.bound(other - 1e-6)) / 2e-6).sum()
    there = PosteriorDensity(fit.problem, fit.scaled_starts)(density.bound(other)[None])[0]
    assert value - density(other)[0] == pytest.approx(posterior - there + width - width_there, abs=1e-4)


def test_counts_with_a_conjugate_prior() -> None:
    """Poisson counts of a constant s with a gamma prior: the posterior is gamma, and the same seed gives the same draws."""
    pytest.importorskip("nutpie")
    counts = np.array([3.0, 5.0, 2.0, 4.0, 6.0])
    fit = sd.fit(
        sd.ODESystem({x: 0 * x}, initial={x: 1}), {"t": np.arange(5), "n": counts}, observables={"n": s * x},
        noise="poisson", priors={s: stats.gamma(2, scale=1)}, starts=2,
    )  # fmt: skip
    first = fit.sample(300, tune=100, sampler="nuts", chains=2, seed=3)
    with pytest.warns(UserWarning, match="have not mixed"):
        again, second = (fit.sample(8, tune=8, sampler="nuts", chains=2, seed=4).posterior["s"].values for _ in range(2))
    assert (again == second).all()
    exact, levels = stats.gamma(2 + counts.sum(), scale=1 / 6), np.array([0.05, 0.5, 0.95])
    assert exact.cdf(np.quantile(first.posterior["s"], levels)) == pytest.approx(levels, abs=0.08)
    assert first.posterior.sizes["chain"] == 2
    assert not first.sample_stats["diverging"].any()
    assert first.log_likelihood["n"].shape == (2, 300, 5)


def test_options_of_another_sampler_are_refused() -> None:
    fit = decay()
    with pytest.raises(sd.RecoveryError, match="walkers has no effect on the sampler 'nuts'"):
        fit.sample(10, sampler="nuts", walkers=20)
    with pytest.raises(sd.RecoveryError, match="chains has no effect on the sampler 'walkers'"):
        fit.sample(10, chains=2)
    with pytest.raises(sd.RecoveryError, match="sampler is 'gibbs'; expected one of walkers, nuts"):
        fit.sample(10, sampler="gibbs")
