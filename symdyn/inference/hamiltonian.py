"""Chains of the no-U-turn sampler in coordinates without bounds, with the gradients of a fit."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logit

from symdyn.errors import RecoveryError
from symdyn.inference.budget import LateError
from symdyn.inference.density import PosteriorDensity
from symdyn.inference.fit_problem import FitProblem
from symdyn.inference.long_run import LongRun
from symdyn.optional import require

__all__ = ["SlopedDensity", "hamiltonian_chains"]

#: Bounds and their neighbourhood that are left to the transformation, relative to the range.
INSIDE = 1e-6
#: Chains at least, and seconds after which one looks whether there is time left.
LEAST, LOOK = 2, 0.05


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
    problem: FitProblem, posterior: PosteriorDensity, begin: np.ndarray, *, draws: int, tune: int, seeds: np.ndarray,
    run: LongRun,
) -> HamiltonianChains:  # fmt: skip
    """Chains of nutpie, one for each row of `begin` (chains, D) with a seed of its own, one after another.

    A chain is kept when it is done; one that is cut short is lost, for the sampler does not say where it stands.

    Raises
    ------
    RecoveryError
        If the density is not known near where chains begin, or the time ended before the second was done.
    MissingPackageError
        Without nutpie.
    """
    nutpie, density, found = require("nutpie"), SlopedDensity(problem, posterior), list[tuple[np.ndarray, ...]]()

    def chain(begin: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
        model = nutpie.compiled_pyfunc.from_pyfunc(
            len(begin), lambda: density, lambda *_: lambda z: {"z": np.asarray(z)}, [np.dtype("float64")], [begin.shape], ["z"],
            make_initial_point_fn=lambda _: density.free(begin),
        )  # fmt: skip
        how = {"draws": draws, "tune": tune, "chains": 1, "cores": 1, "seed": seed, "save_warmup": False}
        trace = _ended(nutpie.sample(model, **how, progress_bar=False, blocking=False), run)
        stats = trace.sample_stats
        acceptance = stats["mean_tree_accept"].values[0, -1:]
        return density.bound(trace.posterior["z"].values[0]), stats["diverging"].values[0], acceptance

    with run.ending(lambda: len(found) > 1):
        for j, (row, seed) in enumerate(zip(begin, seeds.tolist(), strict=True)):
            run.go_on()
            run.began()
            found.append(run.computed(("chain", j), partial(chain, row, seed)))
            run.ended()
            run.report("sampling", (j + 1) / len(begin))
    if len(found) < LEAST:
        raise run.nothing("the sampler", f"with {len(found)} of {len(begin)} chains, of which R-hat compares two")
    points, diverging, acceptance = (np.stack(parts) for parts in zip(*found, strict=True))
    return HamiltonianChains(points, diverging, float(acceptance.mean()))


def _ended(sampler: Any, run: LongRun) -> Any:
    """What a sampler in the background has found in the end.

    Raises
    ------
    LateError
        If the time is over before.
    RecoveryError
        If it fails.
    """
    try:
        while True:
            try:
                return sampler.wait(timeout=LOOK)
            except TimeoutError:
                if run.budget.over():
                    raise LateError from None
    except RuntimeError as error:
        raise RecoveryError(
            f"the no-U-turn sampler failed ({error}); give priors or bounds, or take sampler='walkers'"
        ) from None
    except BaseException:
        sampler.cancel()
        raise
