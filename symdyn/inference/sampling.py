"""Posterior samples of a fit as ArviZ `InferenceData`: an ensemble of walkers, simulated at once, or chains with gradients."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symdyn.errors import RecoveryError
from symdyn.inference.density import PosteriorDensity
from symdyn.inference.fits import Fit
from symdyn.inference.hamiltonian import hamiltonian_chains
from symdyn.inference.long_run import check_running, long_run
from symdyn.inference.other_folds import RowsProblem
from symdyn.inference.plain_likelihood import PlainLikelihood
from symdyn.inference.stochastic_problem import StochasticProblem
from symdyn.inference.walkers import walker_chains
from symdyn.methods.options import check_whole
from symdyn.optional import require

if TYPE_CHECKING:
    import arviz

__all__ = ["sample_fit"]

SAMPLERS = ("walkers", "nuts")
#: Walkers for each coordinate, and the least number.
EACH, LEAST = 4, 32
#: What samples have to reach, else a warning says so (Vehtari et al. 2021: 1.01 and 400).
MIXED, ENOUGH = 1.05, 400
#: Candidates that are simulated at once where the likelihood of every measurement is computed.
PART = 1000


def sample_fit(
    fit: Fit,
    draws: int = 1000,
    *,
    tune: int = 1000,
    sampler: str = "walkers",
    walkers: int | None = None,
    thin: int | None = None,
    chains: int | None = None,
    seed: int | None = None,
    budget: float | None = None,
    checkpoint: str | Path | None = None,
    progress: bool | Callable[[str, float], None] | None = None,
) -> arviz.InferenceData:
    r"""Sample the posterior of a fit with an ensemble of walkers, of which half are simulated at once, or with its gradients.

    The density is :math:`p(y\,|\,\theta)\,p(\theta)`.  Parameters without a prior, and initial values, are flat within their
    bounds: in the logarithm where that is their scale.  Scales of noise that are estimated along are integrated over with the
    prior 1/scale, which leaves the likelihood at its greatest value over the scale, but for a factor; their values are drawn.
    Walkers and chains begin about the fit, as its information tells.  Walkers need no derivatives, and many more steps the more
    coordinates there are; the no-U-turn sampler takes the gradients of the fit, one simulation after another, in coordinates
    without bounds, and is the one for more than about ten.

    Parameters
    ----------
    fit : Fit
        With one window for each trajectory.
    draws, tune : int
        Kept steps of every walker or chain, and steps before them.
    sampler : {'walkers', 'nuts'}
        The ensemble of emcee, or the no-U-turn sampler of nutpie.
    walkers : int, optional
        By default four for each coordinate, and at least 32.
    thin : int, optional
        Every how many steps of the walkers one is kept; all unless given.
    chains : int, optional
        Of the no-U-turn sampler, 2 or more; 4 unless given.
    seed : int, optional
        That of the fit unless given.
    budget : float, optional
        Seconds after which the walkers end with the draws that are there, and chains with those that are done, as at an
        interrupt (Ctrl-C); evaluating every draw once more, for ``log_likelihood``, is part of it.
    checkpoint : str or Path, optional
        File from which the same call goes on after that, with the bits of one that was not cut short; see `symdyn.fit`.  Of the
        no-U-turn sampler, which does not say where it stands, it has the chains that are done.
    progress : bool or callable, optional
        A bar, or ``progress(stage, fraction)`` with the stages ``"tuning"`` and ``"sampling"``.

    Returns
    -------
    arviz.InferenceData
        ``posterior`` with the values by name over (chain, draw), a chain for each walker; ``sample_stats`` with ``lp``;
        ``log_likelihood`` and ``observed_data`` of measurements, so that ``arviz.loo`` applies, except of systems with
        randomness, whose measurements depend on each other.  Attributes of the posterior:
        ``r_hat`` (the largest), ``ess`` (the smallest), ``acceptance``, and of walkers ``autocorrelation`` (the longest time,
        in steps), ``complete`` (1, or 0 if the time was over before the last draw); of chains ``sample_stats`` has
        ``diverging`` as well.

    Warns
    -----
    UserWarning
        If R-hat is above 1.05 or an effective sample size below 400, chains diverge, or a posterior may be improper, with the
        names; if the time was over, or the fit itself was cut short.

    Raises
    ------
    RecoveryError
        For fits with windows or the likelihood ``"abc"``, numbers that are too small, and options of another sampler; of the
        no-U-turn sampler for likelihoods that are simulated.  If the time ended before the first draw, or the second chain; for
        a checkpoint as `symdyn.fit`.
    MissingPackageError
        Without arviz and emcee: ``pip install 'symdyn-modeling[sample]'``; without nutpie ``[nuts]``.

    References
    ----------
    Foreman-Mackey et al., Publ. Astron. Soc. Pac. 125, 306 (2013) (emcee); ter Braak & Vrugt, Stat. Comput. 18, 435 (2008)
    (steps by differences); Hoffman & Gelman, J. Mach. Learn. Res. 15, 1593 (2014) (no U-turns); Vehtari,
    Gelman, Simpson, Carpenter & Buerkner, Bayesian Analysis 16, 667 (2021) (R-hat).

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
    began = time.monotonic()
    if sampler not in SAMPLERS:
        raise RecoveryError(f"sampler is {sampler!r}; expected one of {', '.join(SAMPLERS)}")
    other = {"walkers": walkers, "thin": thin} if sampler == "nuts" else {"chains": chains}
    if idle := [name for name, value in other.items() if value is not None]:
        raise RecoveryError(f"{idle[0]} has no effect on the sampler {sampler!r}; leave it out")
    arviz = require("arviz")
    check_whole(1, draws=draws, tune=tune, thin=thin)
    check_whole(2, chains=chains)  # R-hat compares chains
    if fit.windows > 1:
        raise RecoveryError(f"the fit has {fit.windows} windows for a trajectory; a posterior needs one: fit with windows=1")
    if isinstance(fit.problem, StochasticProblem) and fit.problem.likelihood.name == "abc":
        raise RecoveryError(
            "the likelihood 'abc' is a posterior already, the normal law of fit.information; take another likelihood to sample"
        )
    seed = fit.seed if seed is None else seed
    check_whole(0, seed=seed)
    check_running(budget, checkpoint, progress)
    posterior = PosteriorDensity(fit.problem, fit.scaled_starts)
    D = len(posterior.low)
    if sampler == "nuts":
        if isinstance(fit.problem, StochasticProblem) and fit.problem.noisy:
            raise RecoveryError(
                f"the likelihood {fit.problem.likelihood.name!r} is simulated and has no gradient; take sampler='walkers'"
            )
        walkers, thin = 4 if chains is None else chains, 1
    else:
        walkers, thin = max(EACH * D, LEAST) if walkers is None else walkers, 1 if thin is None else thin
        if isinstance(walkers, bool) or not isinstance(walkers, Integral) or walkers < 2 * D + 2 or walkers % 2:
            raise RecoveryError(f"walkers is {walkers!r}; expected an even number, at least {2 * D + 2} for {D} coordinates")
    _warn_improper(fit, posterior)
    rng, tuned = np.random.default_rng(seed), tune / (tune + draws * thin) if sampler == "walkers" else 0.0
    stages, options = {"tuning": (0.0, tuned), "sampling": (tuned, 1.0)}, (sampler, draws, tune, walkers, thin, seed)
    with long_run(fit, "sample", stages, options, budget=budget, checkpoint=checkpoint, progress=progress, began=began) as run:
        begin = _begin(fit, posterior, walkers, rng)
        if sampler == "nuts":
            seeds = rng.integers(2**31, size=walkers)
            found = hamiltonian_chains(fit.problem, posterior, begin, draws=draws, tune=tune, seeds=seeds, run=run)
            chain, facts = found.points, {"acceptance": found.acceptance}
            density = posterior(chain.reshape(-1, chain.shape[-1])).reshape(chain.shape[:2])
            stats = {"lp": density, "diverging": found.diverging}
            run.note("the sampler", f"{len(chain)} of {walkers} chains")
        else:
            walked = walker_chains(
                posterior, begin, draws=draws, tune=tune, thin=thin, seed=int(rng.integers(2**31)), run=run,
                afterwards=isinstance(posterior.problem, PlainLikelihood | RowsProblem),
            )  # fmt: skip
            chain, stats = np.swapaxes(walked.points, 0, 1), {"lp": walked.density.T}
            facts = {"acceptance": walked.acceptance, "autocorrelation": walked.autocorrelation}
            run.note("the sampler", f"{chain.shape[1]} of {draws} draws of every walker")
        told = _told(arviz, fit, posterior, chain, stats, {**facts, "complete": int(run.complete)}, seed, rng)
    if sampler == "nuts" and (diverging := stats["diverging"]).any():
        warnings.warn(
            f"{int(diverging.sum())} of {diverging.size} steps diverged: the posterior bends too sharply there, and samples "
            "may miss a part of it; take more steps of tuning, other scales or priors, or sampler='walkers'", stacklevel=2,
        )  # fmt: skip
    return told


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
    arviz: Any, fit: Fit, posterior: PosteriorDensity, chain: np.ndarray, stats: dict[str, np.ndarray], facts: dict[str, float],
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
    groups: dict[str, Any] = {"sample_stats": stats}
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
    if isinstance(problem, RowsProblem):
        rows = [problem.row_densities(theta[a : a + PART])[1] for a in range(0, len(theta), PART)]
        groups["log_likelihood"] = {"measurement": np.concatenate(rows).reshape(*shape, -1)}
        groups["observed_data"] = {"measurement": problem.row_table()["measured"].to_numpy()}
    told = arviz.from_dict(posterior=found, **groups)
    table = arviz.summary(told.posterior, kind="diagnostics", round_to="none")
    r_hat, ess = float(table["r_hat"].max()), float(table[["ess_bulk", "ess_tail"]].min(axis=None))
    told.posterior.attrs.update(r_hat=r_hat, ess=ess, **facts, seed=seed)
    mixed = (table["r_hat"] <= MIXED) & (table[["ess_bulk", "ess_tail"]].min(axis=1) >= ENOUGH)
    poor = table[~mixed]  # where draws are all the same R-hat is not a number
    if len(poor):
        warnings.warn(
            f"the samples of {', '.join(poor.index)} have not mixed: R-hat up to {r_hat:.3f}, effective sizes down to {ess:.0f}"
            "; take more draws, give priors, or look whether fit.identifiability finds everything identifiable", stacklevel=3,
        )  # fmt: skip
    return told
