"""Posterior samples of a fit by an ensemble of walkers, all of which are simulated at once, as ArviZ `InferenceData`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from symdyn.errors import RecoveryError
from symdyn.inference.fit_problem import FitProblem
from symdyn.inference.fits import Fit
from symdyn.inference.observed_problem import ObservedProblem
from symdyn.inference.plain_likelihood import PlainLikelihood, without_derivatives
from symdyn.inference.stochastic_problem import StochasticProblem
from symdyn.methods.options import check_whole
from symdyn.optional import require

if TYPE_CHECKING:
    import arviz

__all__ = ["PosteriorDensity", "sample_fit"]

#: Walkers for each coordinate, and the least number.
EACH, LEAST = 4, 32
#: Share of steps by differences of walkers; the others are snooker steps.
DIFFERENCES = 0.8
#: What samples have to reach, else a warning says so (Vehtari et al. 2021: 1.01 and 400).
MIXED, ENOUGH = 1.05, 400
#: Candidates that are simulated at once where the likelihood of every measurement is computed.
PART = 1000


class PosteriorDensity:
    """The logarithm of the posterior density over coordinates, for many points at once.

    Coordinates are those of the parameters of a fit, then those of its open initial values.  Where a parameter has a prior its
    density is that of the value, so that the slope of the value belongs to it; others, and initial values, are flat over their
    coordinate within bounds.

    Parameters
    ----------
    problem : FitProblem
    starts : (V, n) float64
        Scaled initial values; those that are not fitted are kept.
    """

    def __init__(self, problem: FitProblem, starts: np.ndarray) -> None:
        self.problem = without_derivatives(problem) if isinstance(problem, ObservedProblem) else problem
        self.starts, self.open = starts, problem.open_starts
        lower, upper = problem.start_bounds
        self.low = np.concatenate([problem.low, lower[self.open]])
        self.high = np.concatenate([problem.high, upper[self.open]])

    def split(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates (M, P) of parameters, and scaled initial values (M, V, n)."""
        P = len(self.problem.columns)
        starts = np.repeat(self.starts[None], len(points), axis=0)
        starts[:, self.open] = points[:, P:]
        return points[:, :P], starts

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Log densities (M,) at points (M, D), but for a constant; minus infinity out of bounds and where simulations fail."""
        found = np.full(len(points), -np.inf)
        inside = np.flatnonzero(((points >= self.low) & (points <= self.high)).all(axis=1))
        if not inside.size:
            return found
        theta, starts = self.split(points[inside])
        with np.errstate(all="ignore"):
            if isinstance(self.problem, StochasticProblem):
                total = self.problem.log_posterior(theta)
            else:
                total = -0.5 * self.problem.expand(np.zeros(len(theta), dtype=int), theta, starts).rss.sum(axis=1)
        for k, c in enumerate(self.problem.columns):
            if c.prior is not None:
                total = total + np.log(np.abs(c.slope(c.value(theta[:, k]))))
        found[inside] = np.where(np.isfinite(total), total, -np.inf)
        return found


def sample_fit(
    fit: Fit, draws: int = 1000, *, tune: int = 1000, walkers: int | None = None, thin: int = 1, seed: int | None = None
) -> arviz.InferenceData:
    r"""Sample the posterior of a fit with an ensemble of walkers, of which half are simulated at once.

    The density is :math:`p(y\,|\,\theta)\,p(\theta)`.  Parameters without a prior, and initial values, are flat within their
    bounds: in the logarithm where that is their scale.  Scales of noise that are estimated along are integrated over with the
    prior 1/scale, which leaves the likelihood at its greatest value over the scale, but for a factor; their values are drawn.
    Walkers begin about the fit, as its information tells.  No derivatives are needed.

    Parameters
    ----------
    fit : Fit
        With one window for each trajectory.
    draws, tune : int
        Kept steps of every walker, and steps before them.
    walkers : int, optional
        By default four for each coordinate, and at least 32.
    thin : int
        Every how many steps one is kept.
    seed : int, optional
        That of the fit unless given.

    Returns
    -------
    arviz.InferenceData
        ``posterior`` with the values by name over (chain, draw), a chain for each walker; ``sample_stats`` with ``lp``;
        ``log_likelihood`` and ``observed_data`` of measurements, so that ``arviz.loo`` applies, except of systems with
        randomness, whose measurements depend on each other.  Attributes of the posterior:
        ``r_hat`` (the largest), ``ess`` (the smallest), ``acceptance``, ``autocorrelation`` (the longest time, in steps).

    Warns
    -----
    UserWarning
        If R-hat is above 1.05 or an effective sample size below 400, or a posterior may be improper, with the names.

    Raises
    ------
    RecoveryError
        For fits with windows or the likelihood ``"abc"``, and numbers that are too small.
    MissingPackageError
        Without arviz and emcee: ``pip install 'symdyn-modeling[sample]'``.

    References
    ----------
    Foreman-Mackey et al., Publ. Astron. Soc. Pac. 125, 306 (2013) (emcee); ter Braak & Vrugt, Stat. Comput. 18, 435 (2008)
    (steps by differences); Vehtari, Gelman, Simpson, Carpenter & Buerkner, Bayesian Analysis 16, 667 (2021) (R-hat).

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> from scipy import stats
    >>> x, k = sp.symbols("x k")
    >>> t = np.arange(8.0)
    >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> fit = sd.fit(sd.ODESystem({x: -k * x}, initial={x: 3}), data, noise=0.02, priors={k: stats.lognorm(1)}, starts=2)
    >>> found = fit.sample(200, tune=100)  # doctest: +SKIP
    >>> round(float(found.posterior["k"].mean()), 2)  # doctest: +SKIP
    0.5
    """
    emcee, arviz = require("emcee"), require("arviz")
    check_whole(1, draws=draws, tune=tune, thin=thin)
    if fit.windows > 1:
        raise RecoveryError(f"the fit has {fit.windows} windows for a trajectory; a posterior needs one: fit with windows=1")
    if isinstance(fit.problem, StochasticProblem) and fit.problem.likelihood.name == "abc":
        raise RecoveryError(
            "the likelihood 'abc' is a posterior already, the normal law of fit.information; take another likelihood to sample"
        )
    seed = fit.seed if seed is None else seed
    check_whole(0, seed=seed)
    posterior = PosteriorDensity(fit.problem, fit.scaled_starts)
    D = len(posterior.low)
    walkers = max(EACH * D, LEAST) if walkers is None else walkers
    if isinstance(walkers, bool) or not isinstance(walkers, int) or walkers < 2 * D + 2 or walkers % 2:
        raise RecoveryError(f"walkers is {walkers!r}; expected an even number, at least {2 * D + 2} for {D} coordinates")
    _warn_improper(fit, posterior)
    rng = np.random.default_rng(seed)
    begin = _begin(fit, posterior, walkers, rng)
    moves = [(emcee.moves.DEMove(), DIFFERENCES), (emcee.moves.DESnookerMove(), 1 - DIFFERENCES)]
    sampler = emcee.EnsembleSampler(walkers, D, posterior, moves=moves, vectorize=True)
    state = np.random.RandomState(rng.integers(2**31)).get_state()  # of its own: emcee would draw from the global generator
    after = sampler.run_mcmc(emcee.State(begin, random_state=state), tune, store=False)
    sampler.reset()
    sampler.run_mcmc(after, draws, thin_by=thin)
    time = float(np.max(sampler.get_autocorr_time(tol=0))) * thin
    chain, density = np.swapaxes(sampler.get_chain(), 0, 1), sampler.get_log_prob().T
    return _told(arviz, fit, posterior, chain, density, float(np.mean(sampler.acceptance_fraction)), time, seed, rng)


def _begin(fit: Fit, posterior: PosteriorDensity, walkers: int, rng: np.random.Generator) -> np.ndarray:
    """Where walkers begin: normal draws about the optimum within bounds, at which the density is known."""
    centre = np.concatenate([fit.theta, fit.scaled_starts[posterior.open]])
    centre = np.clip(centre, posterior.low, posterior.high)
    covariance = fit.information.covariance
    lost = fit.information.undetermined | ~(np.diag(covariance) > 0)
    spread = np.where(lost, 0.1 * np.maximum(np.abs(centre), 0.1), 0.0)
    covariance = np.where(lost[:, None] | lost, 0.0, covariance) + np.diag(spread**2)
    kept, shrink = np.zeros((0, len(centre))), 1.0
    for _ in range(40):
        drawn = rng.multivariate_normal(centre, covariance * shrink**2, size=2 * walkers, method="eigh")
        kept = np.concatenate([kept, drawn[np.isfinite(posterior(drawn))]])
        if len(kept) >= walkers:
            return kept[:walkers]
        shrink *= 0.8
    raise RecoveryError("about the fit the posterior density is zero nearly everywhere; give priors or wider bounds")


def _warn_improper(fit: Fit, posterior: PosteriorDensity) -> None:
    names = (*fit.problem.names, *fit.problem.start_names)
    priors = [c.prior is not None for c in fit.problem.columns] + [False] * len(fit.problem.start_names)
    wide = ~(np.isfinite(posterior.low) & np.isfinite(posterior.high))
    if flat := [n for n, w, p in zip(names, wide, priors, strict=True) if w and not p]:
        warnings.warn(
            f"neither bounds nor a prior: {', '.join(flat)}; a flat prior has no integral there, the posterior has one only "
            "if the data tell enough", stacklevel=3,
        )  # fmt: skip


def _told(
    arviz: Any, fit: Fit, posterior: PosteriorDensity, chain: np.ndarray, density: np.ndarray, acceptance: float, time: float,
    seed: int, rng: np.random.Generator,
) -> arviz.InferenceData:  # fmt: skip
    """Draws (chain, draw, D) as `InferenceData`."""
    shape = chain.shape[:2]
    theta, starts = posterior.split(chain.reshape(-1, chain.shape[-1]))
    problem = posterior.problem
    values = problem.values(theta).reshape(*shape, -1) if problem.columns else np.zeros((*shape, 0))
    found = {name: values[..., k] for k, name in enumerate(problem.names)}
    sizes = np.broadcast_to(problem.start_scale, posterior.open.shape)[posterior.open]
    scaled = starts[:, posterior.open].reshape(*shape, -1) * sizes
    found |= {name: scaled[..., k] for k, name in enumerate(fit.problem.start_names)}
    groups: dict[str, Any] = {"sample_stats": {"lp": density}}
    if isinstance(problem, PlainLikelihood):
        parts = [problem.log_likelihoods(theta[a : a + PART], starts[a : a + PART], rng) for a in range(0, len(theta), PART)]
        each = {name: np.concatenate([p[name][0] for p in parts]) for name in parts[0]}
        groups["log_likelihood"] = {name: v.reshape(*shape, -1) for name, v in each.items()}
        groups["observed_data"] = {
            o.name: problem.cut.values[..., k][np.isfinite(problem.cut.values[..., k])]
            for k, o in enumerate(problem.setup.observed)
        }  # fmt: skip
        for o in problem.setup.observed:
            if o.parameters is None:
                drawn = np.concatenate([np.asarray(p[o.name][1]) for p in parts])
                found[f"{o.law.parameters[0]}_{o.name}"] = drawn.reshape(shape)
    told = arviz.from_dict(posterior=found, **groups)
    table = arviz.summary(told.posterior, kind="diagnostics", round_to="none")
    r_hat, ess = float(table["r_hat"].max()), float(table[["ess_bulk", "ess_tail"]].min(axis=None))
    told.posterior.attrs.update(r_hat=r_hat, ess=ess, acceptance=acceptance, autocorrelation=time, seed=seed)
    poor = table[(table["r_hat"] > MIXED) | (table[["ess_bulk", "ess_tail"]].min(axis=1) < ENOUGH)]
    if len(poor):
        warnings.warn(
            f"the samples of {', '.join(poor.index)} have not mixed: R-hat up to {r_hat:.3f}, effective sizes down to {ess:.0f}"
            "; take more draws, give priors, or look whether fit.identifiability finds everything identifiable", stacklevel=3,
        )  # fmt: skip
    return told
