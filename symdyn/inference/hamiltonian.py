"""Chains of the no-U-turn sampler in coordinates without bounds, with the gradients of a fit."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logit

from symdyn.errors import RecoveryError
from symdyn.inference.density import PosteriorDensity
from symdyn.inference.fit_problem import FitProblem
from symdyn.optional import require

__all__ = ["SlopedDensity", "hamiltonian_chains"]

#: Bounds and their neighbourhood that are left to the transformation, relative to the range.
INSIDE = 1e-6


class HamiltonianChains(NamedTuple):
    """Draws (chains, draws, D) of coordinates, whether each ended in a divergence, and the mean acceptance."""

    points: np.ndarray
    diverging: np.ndarray
    acceptance: float


class SlopedDensity:
    r"""The log density of a posterior over unbounded coordinates, with its gradient.

    Between two bounds :math:`x = a + (b - a)/(1 + e^{-z})`, above one :math:`x = a + e^z`, below one :math:`x = b - e^z`, and
    else :math:`x = z`; :math:`\log|dx/dz|` belongs to the density.

    Parameters
    ----------
    problem : FitProblem
        With derivatives.
    posterior : PosteriorDensity
    """

    def __init__(self, problem: FitProblem, posterior: PosteriorDensity) -> None:
        self.problem, self.posterior = problem, posterior
        self.low, self.high = posterior.low, posterior.high
        self.both = np.isfinite(self.low) & np.isfinite(self.high)
        self.above, self.below = np.isfinite(self.low) & ~self.both, np.isfinite(self.high) & ~self.both
        self.own = np.zeros(len(self.low))  # slopes of log densities of priors by coordinates: the logarithm of the value
        for k, c in enumerate(problem.columns):
            self.own[k] = float(c.prior is not None and c.logarithmic)

    def free(self, x: np.ndarray) -> np.ndarray:
        """Unbounded coordinates of points (..., D) within bounds."""
        with np.errstate(all="ignore"):
            share = np.clip((x - self.low) / (self.high - self.low), INSIDE, 1 - INSIDE)
            above, below = np.log(np.maximum(x - self.low, INSIDE)), np.log(np.maximum(self.high - x, INSIDE))
        return np.where(self.both, logit(share), np.where(self.above, above, np.where(self.below, below, x)))

    def bound(self, z: np.ndarray) -> np.ndarray:
        """Points (..., D) of unbounded coordinates."""
        with np.errstate(all="ignore"):
            inner, apart = self.low + (self.high - self.low) * expit(z), np.exp(z)
        outer = np.where(self.above, self.low + apart, np.where(self.below, self.high - apart, z))
        return np.where(self.both, inner, outer)

    def __call__(self, z: np.ndarray) -> tuple[float, np.ndarray]:
        """Log density at one point (D,), and its gradient (D,); minus infinity where it is not known."""
        none = -np.inf, np.zeros(len(z))
        x = self.bound(z)
        if not np.isfinite(x).all():
            return none
        theta, starts = self.posterior.split(x[None])
        with np.errstate(all="ignore"):
            local = self.problem.expand(np.zeros(1, dtype=int), theta, starts)
            slope = np.concatenate([local.gradient[0], local.start_gradient[0][self.posterior.open]]) + self.own
            value = -0.5 * float(local.rss.sum()) + float(self.own @ x)
            share, one = expit(z), self.above | self.below
            width = np.where(self.both, (self.high - self.low) * share * (1 - share), np.where(one, np.exp(z), 1.0))
            bent = np.where(self.both, 1 - 2 * share, np.where(one, 1.0, 0.0))
            value, slope = value + float(np.log(width).sum()), slope * np.where(self.below, -width, width) + bent
        return (value, slope) if np.isfinite(value) and np.isfinite(slope).all() else none


def hamiltonian_chains(
    problem: FitProblem, posterior: PosteriorDensity, begin: np.ndarray, *, draws: int, tune: int, seed: int
) -> HamiltonianChains:
    """Chains of nutpie, one for each row of `begin` (chains, D), one after another.

    Raises
    ------
    RecoveryError
        If the density is not known near where chains begin.
    MissingPackageError
        Without nutpie.
    """
    nutpie = require("nutpie")
    density = SlopedDensity(problem, posterior)
    D, waiting = begin.shape[1], [density.free(row) for row in begin]

    def first(_: Any) -> np.ndarray:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def expanded(*_: Any) -> Any:
        return lambda z: {"z": np.asarray(z)}

    model = nutpie.compiled_pyfunc.from_pyfunc(
        D, lambda: density, expanded, [np.dtype("float64")], [(D,)], ["z"], make_initial_point_fn=first
    )  # fmt: skip
    try:
        trace = nutpie.sample(
            model, draws=draws, tune=tune, chains=len(begin), cores=1, seed=seed, progress_bar=False, save_warmup=False
        )  # fmt: skip
    except RuntimeError as error:
        raise RecoveryError(
            f"the no-U-turn sampler failed ({error}); give priors or bounds, or take sampler='walkers'"
        ) from None
    stats = trace.sample_stats
    acceptance = float(stats["mean_tree_accept"].values[:, -1].mean())
    return HamiltonianChains(density.bound(trace.posterior["z"].values), stats["diverging"].values, acceptance)
